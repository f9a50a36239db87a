// @grpc/grpc-js against our server. usage: node grpcjs_client.js SERVER PROTO_FOLDER
'use strict';
const {spawn} = require('child_process');
const path = require('path');

let grpc, loader;
try {
  grpc = require('@grpc/grpc-js');
  loader = require('@grpc/proto-loader');
} catch (missing) {
  console.log('skipped: @grpc/grpc-js is not installed (npm ci in tests/interop)');
  process.exit(77); // ctest's SKIP_RETURN_CODE
}

const [binary, protos] = process.argv.slice(2);
const definition = loader.loadSync(path.join(protos, 'test.proto'), {longs: Number, defaults: true});
const {Test} = grpc.loadPackageDefinition(definition).harrow.test;
const BIG = {'grpc.max_receive_message_length': 64 << 20, 'grpc.max_send_message_length': 64 << 20};

class Server {
  static async start(...options) {
    const s = new Server();
    s.process = spawn(binary, options.map(String), {stdio: ['ignore', 'pipe', 'inherit']});
    s.ended = new Promise((resolve) => s.process.on('exit', (code, signal) => resolve(signal || code)));
    s.port = await new Promise((resolve, reject) => {
      s.process.stdout.once('data', (line) => resolve(Number(String(line).split(' ')[1])));
      s.process.once('exit', () => reject(new Error('the server did not start')));
    });
    s.address = `127.0.0.1:${s.port}`;
    return s;
  }
  terminate() {
    if (!this.told) this.process.kill('SIGTERM');
    this.told = true;
  }
  async close() {
    this.terminate();
    equal(await this.ended, 0);
  }
}

function expect(condition, what) {
  if (!condition) throw new Error(what);
}
function equal(got, wanted) {
  const [a, b] = [JSON.stringify(got), JSON.stringify(wanted)];
  if (a !== b) throw new Error(`got ${a}, wanted ${b}`);
}
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const PATIENCE = 300000; // ms, for what takes a few seconds at most
const soon = (ms = PATIENCE) => ({deadline: Date.now() + ms});

async function until(condition) {
  const end = Date.now() + PATIENCE;
  while (!(await condition())) {
    expect(Date.now() < end, 'it did not happen in time');
    await sleep(10);
  }
}

let client, server;

// The answer with its metadata, or the error.
function unary(order, {options = soon(), metadata = new grpc.Metadata(), method = 'unary', of = client} = {}) {
  return new Promise((resolve) => {
    let headers;
    const call = of[method](order, metadata, options, (error, answer) => {
      result.error = error;
      result.answer = answer;
    });
    const result = {call};
    call.on('metadata', (m) => (headers = m));
    call.on('status', (status) => resolve(Object.assign(result, {headers, trailers: status.metadata, status})));
  });
}

function raw(name, request, of = client) {
  return new Promise((resolve) => of.makeUnaryRequest(name, (b) => b, (b) => b, request, soon(),
    (error, answer) => resolve({error, answer})));
}

// Calls started and cancelled, in an Answer's total and index.
async function stats(of = client) {
  const {answer} = await raw('/harrow.interop.Control/Stats', Buffer.alloc(0), of);
  return Test.service.Unary.responseDeserialize(answer);
}

function collect(call) {
  return new Promise((resolve) => {
    const messages = [];
    call.on('data', (m) => messages.push(m));
    call.on('error', () => {});
    call.on('status', (status) => resolve({messages, status}));
  });
}

// Writes with the stream's own back-pressure.
async function send(call, count, make) {
  for (let i = 0; i < count; i++)
    if (!call.write(make(i))) await new Promise((resolve) => call.once('drain', resolve));
  call.end();
}

const {status: S} = grpc;
const checks = {
  async unary() {
    const {answer} = await unary({text: 'hello', payload: Buffer.from([0, 255])});
    equal([answer.text, [...answer.payload]], ['hello', [0, 255]]);
  },
  async empty() {
    const {answer} = await raw('/harrow.test.Test/Unary', Buffer.alloc(0));
    equal(answer.length, 0);
  },
  async deadline() {
    const before = await stats();
    // One whose time is up before the server has heard of it is made again.
    for (let ms = 200; (await stats()).total === before.total; ms *= 2) {
      const {error} = await unary({}, {method: 'never', options: soon(ms)});
      equal(error.code, S.DEADLINE_EXCEEDED);
    }
    await until(async () => (await stats()).index > before.index);
  },
  async 'deadline kept by the server'() {
    const strict = await Server.start('--deadline-max', 100);
    const c = new Test(strict.address, grpc.credentials.createInsecure(), BIG);
    const {error} = await unary({}, {method: 'never', of: c});
    equal([error.code, error.details], [S.DEADLINE_EXCEEDED, 'deadline exceeded']);
    c.close();
    await strict.close();
  },
  async cancellation() {
    const before = await stats();
    const call = client.never({}, soon(), () => {});
    await until(async () => (await stats()).total > before.total);
    call.cancel();
    await until(async () => (await stats()).index > before.index);
  },
  async metadata() {
    const metadata = new grpc.Metadata();
    metadata.set('x-echo-text', 'some text, with commas');
    metadata.set('x-echo-raw-bin', Buffer.from([0, 1, 255, 44]));
    const {headers, trailers} = await unary({}, {metadata});
    equal(headers.get('x-echo-text'), ['some text, with commas']);
    equal(headers.get('x-echo-raw-bin'), [Buffer.from([0, 1, 255, 44])]);
    equal(trailers.get('x-echo-text-trailer'), ['some text, with commas']);
    equal(trailers.get('x-echo-raw-trailer-bin'), [Buffer.from([0, 1, 255, 44])]);
  },
  async 'status, text, details'() {
    const message = 'nicht gefunden: Grüße, 世界 100%';
    const details = Buffer.from([8, 5, 18, 1, 120]);
    for (let status = 1; status <= 16; status++) {
      const {error, trailers} = await unary({status, message, details});
      equal([error.code, error.details], [status, message]);
      equal(trailers.get('grpc-status-details-bin'), [details]);
    }
  },
  async 'unknown method'() {
    equal((await raw('/harrow.test.Test/Nope', Buffer.alloc(0))).error.details, 'unknown method Nope');
    equal((await raw('/no.Such/Thing', Buffer.alloc(0))).error.code, S.UNIMPLEMENTED);
  },
  async 'server stream'() {
    const {messages, status} = await collect(client.down({count: 5000}, soon()));
    equal(status.code, S.OK);
    equal(messages.map((m) => m.index), Array.from({length: 5000}, (_, i) => i));
  },
  async 'client stream'() {
    const result = await new Promise((resolve, reject) => {
      const call = client.up(soon(), (error, answer) => (error ? reject(error) : resolve(answer)));
      send(call, 5000, () => ({payload: Buffer.alloc(10)}));
    });
    equal([result.index, result.total], [5000, 50000]);
  },
  async 'streams both ways'() {
    const call = client.both(soon());
    const all = collect(call);
    await send(call, 5000, (i) => ({text: String(i)}));
    const {messages, status} = await all;
    equal(status.code, S.OK);
    equal(messages.map((m) => m.text), Array.from({length: 5000}, (_, i) => String(i)));
  },
  async 'slow reader'() {
    const call = client.down({count: 300, size: 100000}, soon());
    call.on('error', () => {});
    const ended = new Promise((resolve) => call.on('status', resolve));
    let count = 0;
    for await (const m of call) {
      equal(m.payload.length, 100000);
      if (count++ < 20) await sleep(10);
    }
    equal([count, (await ended).code], [300, S.OK]);
  },
  async 'cancel in mid-stream'() {
    const before = await stats();
    const call = client.down({count: 1000000, size: 10000}, soon());
    let seen = 0;
    call.on('data', () => {
      if (++seen === 100) call.cancel();
    });
    call.on('error', () => {});
    await until(async () => (await stats()).index > before.index);
  },
  async 'error after messages'() {
    const {messages, status} = await collect(client.down({count: 3, status: 10, message: 'enough'}, soon()));
    equal([messages.length, status.code, status.details], [3, S.ABORTED, 'enough']);
  },
  async gzip() {
    const c = new Test(server.address, grpc.credentials.createInsecure(),
      {...BIG, 'grpc.default_compression_algorithm': grpc.compressionAlgorithms.gzip});
    const payload = Buffer.alloc(300000, 'harrow');
    const {answer} = await unary({payload}, {of: c});
    expect(payload.equals(answer.payload), 'another payload came back');
    c.close();
  },
  async 'deflate is refused'() {
    const c = new Test(server.address, grpc.credentials.createInsecure(),
      {...BIG, 'grpc.default_compression_algorithm': grpc.compressionAlgorithms.deflate});
    const {error} = await unary({payload: Buffer.alloc(1000)}, {of: c});
    equal(error.code, S.UNIMPLEMENTED);
    c.close();
  },
  async '5 MiB echo'() {
    const payload = require('crypto').randomBytes(5 << 20);
    const {answer} = await unary({payload});
    expect(payload.equals(answer.payload), 'another payload came back');
  },
  async '17 MiB refused'() {
    equal((await unary({payload: Buffer.alloc(17 << 20)})).error.code, S.RESOURCE_EXHAUSTED);
    equal((await unary({text: 'still alive'})).answer.text, 'still alive');
  },
  async undecodable() {
    equal((await raw('/harrow.test.Test/Unary', Buffer.from([10, 255, 255]))).error.code, S.INVALID_ARGUMENT);
  },
  async '3000 at once'() {
    const all = await Promise.all(Array.from({length: 3000}, (_, i) => unary({text: String(i), delayMs: 20})));
    equal(all.map((r) => r.answer && r.answer.text), Array.from({length: 3000}, (_, i) => String(i)));
  },
  async 'client keepalive'() {
    const c = new Test(server.address, grpc.credentials.createInsecure(),
      {'grpc.keepalive_time_ms': 200, 'grpc.keepalive_timeout_ms': 20000});
    equal((await unary({text: 'patience', delayMs: 1200}, {of: c})).answer.text, 'patience');
    c.close();
  },
  async 'graceful drain'() {
    const other = await Server.start();
    const c = new Test(other.address, grpc.credentials.createInsecure(), BIG);
    const slow = unary({text: 'in flight', delayMs: 3000}, {of: c});
    await until(async () => (await stats(c)).total === 1);
    other.terminate();
    let refused;
    await until(async () => (refused = (await unary({}, {of: c})).error));
    equal(refused.code, S.UNAVAILABLE);
    equal((await slow).answer.text, 'in flight');
    equal(await other.ended, 0);
    c.close();
  },
};

async function main() {
  server = await Server.start('--message-max', 16 << 20);
  client = new Test(server.address, grpc.credentials.createInsecure(), BIG);
  let failed = 0;
  for (const [name, check] of Object.entries(checks)) {
    try {
      await check();
      console.log(`ok   ${name}`);
    } catch (problem) {
      failed++;
      console.log(`FAIL ${name}: ${problem.message}`);
    }
  }
  client.close();
  await server.close();
  const count = Object.keys(checks).length;
  console.log(`${count - failed} of ${count} passed`);
  process.exit(failed ? 1 : 0);
}

main().catch((problem) => {
  console.log(`FAIL ${problem.stack}`);
  if (server) server.process.kill('SIGKILL');
  process.exit(1);
});
