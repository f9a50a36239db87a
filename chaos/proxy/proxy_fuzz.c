/* A link between two raw ends, driven by the input: bytes and HTTP/2 frames from both sides, their ends, effects and
 * rules that come and go, time. Whatever is said, nothing crashes and what waits is bounded; while nothing was ever
 * attached, what comes out on each side is what went in on the other, to the byte, and so are the ends. */
#include "base/units.h"
#include "chaos/proxy/proxy.h"
#include "chaos/proxy/rule.h"
#include "wire/grpc.h"
#include "world/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MS        ((uint64_t)MILLISECOND)
#define EFFECTS   4
#define STEPS_MAX 200000
#define LIMIT     ((size_t)4 << 20) /* bytes an end says */

struct input {
    const uint8_t *at, *end;
};

struct end {
    struct world_stream *stream;
    struct text said, heard;
    bool shut, aborted, finished, ended;
};

struct fuzz {
    struct sim *sim;
    struct world *client, *server;
    struct proxy *proxy;
    struct proxy_link *link;
    struct world_listener *listener;
    struct end ends[2];
    struct proxy_effect effects[EFFECTS];
    struct proxy_rule rules[EFFECTS];
    bool attached[EFFECTS], ruled[EFFECTS], touched;
};

static uint8_t take(struct input *in)
{
    return in->at < in->end ? *in->at++ : 0;
}

static struct bytes take_bytes(struct input *in)
{
    size_t len = take(in);
    if (len > (size_t)(in->end - in->at))
        len = (size_t)(in->end - in->at);
    struct bytes b = BYTES(in->at, len);
    in->at += len;
    return b;
}

static void heard(void *arg, struct bytes data)
{
    struct end *e = arg;
    text_add(&e->heard, data.data, data.len);
}

static void ended(void *arg, int reason)
{
    struct end *e = arg;
    (void)reason;
    e->ended = true;
}

static void finished(void *arg)
{
    ((struct end *)arg)->finished = true;
}

static const struct world_stream_events events = {.readable = heard, .ended = ended, .finished = finished};

static void accepted(void *arg, struct world_stream *s)
{
    struct fuzz *f = arg;
    if (f->ends[1].stream != NULL)
        return;
    f->ends[1].stream = s;
    world_stream_accept(s, &events, &f->ends[1]);
}

static void say(struct end *e, struct bytes data)
{
    if (e->stream == NULL || e->shut || e->aborted || e->said.len > LIMIT)
        return;
    if (world_stream_write(e->stream, data) == 0)
        text_add(&e->said, data.data, data.len);
}

static void say_frame(struct end *e, struct input *in)
{
    uint8_t type = take(in), flags = take(in), stream = take(in);
    struct bytes payload = take_bytes(in);
    const uint8_t head[9] = {0, 0, (uint8_t)payload.len, type % 12, flags, 0, 0, 0, stream};
    say(e, BYTES(head, sizeof head));
    say(e, payload);
}

static void attach(struct fuzz *f, struct input *in)
{
    size_t i = take(in) % EFFECTS;
    struct proxy_effect *e = &f->effects[i];
    if (f->attached[i]) {
        (void)proxy_detach(f->link, e, NULL);
        f->attached[i] = false;
        return;
    }
    uint8_t what = take(in), much = take(in);
    *e = (struct proxy_effect){0};
    random_seed(&e->random, much);
    switch (what % 14) {
    case 0:
        e->delay = much * MS;
        break;
    case 1:
        e->jitter = much * MS;
        break;
    case 2:
        e->rate = 1 + (uint64_t)much * 100;
        break;
    case 3:
        e->slice = 1 + much % 9;
        e->gap = much * 1000u;
        break;
    case 4:
        e->flip = much * 1000u;
        break;
    case 5:
        e->repeat = much * 4000u;
        break;
    case 6:
        e->garbage = much * 4000u;
        e->garbage_size = much;
        break;
    case 7:
        e->hold = true;
        break;
    case 8:
        e->hold = true;
        e->on = e->off = (1 + much) * MS;
        break;
    case 9:
        e->lose = true;
        break;
    case 10:
        e->deaf = true;
        break;
    case 11:
        e->bytes = 1 + (uint64_t)much * 3;
        e->reset = much & 1;
        break;
    case 12:
        e->after = (1 + much) * MS;
        e->reset = much & 1;
        break;
    default:
        e->door = (enum proxy_door)(much % 5);
        break;
    }
    f->touched = true;
    f->attached[i] = proxy_attach(f->link, e, 1 + take(in) % 3, NULL) == 0;
}

static void rule(struct fuzz *f, struct input *in)
{
    size_t i = take(in) % EFFECTS;
    struct proxy_rule *r = &f->rules[i];
    if (f->ruled[i]) {
        proxy_rule_remove(f->link, r);
        f->ruled[i] = false;
        return;
    }
    *r = (struct proxy_rule){.kind = (enum proxy_rule_kind)(take(in) % (RULE_OVERSIZE + 1)),
                             .share = PROXY_SHARE_ALL,
                             .status = GRPC_UNAVAILABLE,
                             .delay = take(in) * MS,
                             .count = 77};
    random_seed(&r->random, i);
    f->touched = true;
    f->ruled[i] = proxy_rule_add(f->link, r, NULL) == 0;
}

static void leave(struct end *e, bool reset)
{
    struct world_stream *s = e->stream;
    if (s == NULL || !reset)
        return;
    e->stream = NULL;
    e->aborted = true;
    world_stream_abort(s);
}

static void operate(struct fuzz *f, struct input *in)
{
    uint8_t op = take(in);
    struct end *e = &f->ends[op >> 4 & 1];
    switch (op % 12) {
    case 0:
        say(&f->ends[0], bytes_of("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"));
        break;
    case 1:
    case 2:
        say_frame(e, in);
        break;
    case 3:
    case 4:
        say(e, take_bytes(in));
        break;
    case 5:
    case 6:
        (void)sim_run_for(f->sim, (take(in) + 1) * MS / 4);
        break;
    case 7:
        if (e->stream != NULL) {
            world_stream_shutdown(e->stream);
            e->shut = true;
        }
        break;
    case 8:
        attach(f, in);
        break;
    case 9:
        rule(f, in);
        break;
    case 10:
        if (e->stream != NULL) {
            if (op >> 5 & 1)
                world_stream_pause(e->stream);
            else
                world_stream_resume(e->stream);
        }
        break;
    default:
        f->touched = true;
        if (op >> 5 & 1)
            leave(e, true);
        else if (op >> 6 & 1)
            (void)proxy_reset(f->link);
        else
            (void)proxy_orphan(f->link, 1 + (op >> 7));
        break;
    }
}

static void check(const struct fuzz *f)
{
    for (int side = 0; side < 2; side++) {
        const struct end *from = &f->ends[side], *to = &f->ends[1 - side];
        if (from->said.len != to->heard.len ||
            (from->said.len > 0 && memcmp(from->said.data, to->heard.data, from->said.len) != 0))
            abort(); /* bytes were lost, changed or invented */
        if (from->shut != to->finished || to->ended)
            abort(); /* the end was not told, or was invented */
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, data + size};
    struct sim_options options = {.seed = take(&in), .steps_max = STEPS_MAX};
    struct fuzz f = {.sim = sim_new(&options)};
    f.client = sim_node(f.sim, "client");
    f.server = sim_node(f.sim, "server");
    f.proxy = proxy_new(f.client);
    if (world_listen(f.server, "0.0.0.0:1", accepted, &f, &f.listener, NULL) != 0 ||
        proxy_add(f.proxy, PROXY_CLIENT, "server", "server:1", "0.0.0.0:2", &f.link, NULL) != 0 ||
        world_connect(f.client, "client:2", &events, &f.ends[0], &f.ends[0].stream, NULL) != 0)
        abort();
    (void)sim_run_for(f.sim, 5 * MS);
    while (in.at < in.end)
        operate(&f, &in);
    for (int i = 0; i < 2; i++)
        if (f.ends[i].stream != NULL)
            world_stream_resume(f.ends[i].stream);
    int code = sim_run_for(f.sim, (uint64_t)SECOND);
    if (proxy_link_held(f.link) > 4 * PROXY_QUEUE_MAX)
        abort();
    if (!f.touched && code == 0)
        check(&f);
    for (size_t i = 0; i < EFFECTS; i++) {
        (void)proxy_detach(f.link, &f.effects[i], NULL);
        proxy_rule_remove(f.link, &f.rules[i]);
    }
    (void)sim_run_for(f.sim, 10 * MS);
    for (int i = 0; i < 2; i++) {
        world_stream_close(f.ends[i].stream);
        text_deinit(&f.ends[i].said);
        text_deinit(&f.ends[i].heard);
    }
    world_listener_close(f.listener);
    proxy_free(f.proxy);
    sim_free(f.sim);
    return 0;
}
