// Calls made by grpc-js: a line of JSON on stdin for each, and one on stdout for its answer (clients.py).
let grpc;
try {
  grpc = require("@grpc/grpc-js");
} catch (missing) {
  console.log("node has no @grpc/grpc-js (NODE_PATH says where)");
  process.exit(0);
}
const clients = new Map();
const same = (bytes) => bytes;

function clientOf(address) {
  if (!clients.has(address)) clients.set(address, new grpc.Client(address, grpc.credentials.createInsecure()));
  return clients.get(address);
}

function call(asked, done) {
  const client = clientOf(asked.address);
  const metadata = new grpc.Metadata();
  for (const [name, value] of asked.metadata) metadata.add(name, value);
  const options = { deadline: Date.now() + asked.timeout * 1000 };
  const requests = asked.requests.map((one) => Buffer.from(one, "base64"));
  const replies = [];
  const answer = (status, message) => done({ replies: replies.map((one) => one.toString("base64")), status, message });
  const one = (error, reply) => {
    if (reply) replies.push(reply);
    answer(error ? error.code : 0, error ? error.details : "");
  };
  let stream;
  if (asked.clientStreams && asked.serverStreams)
    stream = client.makeBidiStreamRequest(asked.path, same, same, metadata, options);
  else if (asked.clientStreams) stream = client.makeClientStreamRequest(asked.path, same, same, metadata, options, one);
  else if (asked.serverStreams)
    stream = client.makeServerStreamRequest(asked.path, same, same, requests[0], metadata, options);
  else client.makeUnaryRequest(asked.path, same, same, requests[0], metadata, options, one);
  if (asked.clientStreams) {
    for (const request of requests) stream.write(request);
    stream.end();
  }
  if (asked.serverStreams) {
    stream.on("data", (reply) => replies.push(reply));
    stream.on("error", () => {}); // the status says it
    stream.on("status", (status) => answer(status.code, status.details));
  }
}

console.log("ready");
require("readline")
  .createInterface({ input: process.stdin })
  .on("line", (line) => call(JSON.parse(line), (answer) => console.log(JSON.stringify(answer))))
  .on("close", () => process.exit(0));
