/* Below the message: connections that break the protocol itself. Whatever is sent, the component must go on answering
 * others. */
#include "fuzz/live/engine.h"

#include "base/units.h"

#include <stdio.h>
#include <string.h>

#define CONNECTION_TIME ((uint64_t)(300 * MILLISECOND))
#define ANSWER_TIME     ((uint64_t)(5 * SECOND))
#define RANDOM_ROUNDS   8
#define RANDOM_MAX      2000

#define PREFACE  "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
#define SETTINGS "\x00\x00\x00\x04\x00\x00\x00\x00\x00"

#define RAW(literal) (literal), sizeof(literal) - 1

static const struct {
    const char *name;
    const char *bytes;
    size_t len;
} broken[] = {
    {"nothing", RAW("")},
    {"half a preface", RAW("PRI * HT")},
    {"HTTP/1.1 where HTTP/2 belongs", RAW("GET / HTTP/1.1\r\nHost: x\r\n\r\n")},
    {"HTTP/1.1 with two lengths",
     RAW("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab")},
    {"a chunk without an end",
     RAW("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF\r\n")},
    {"TLS where plain text belongs", RAW("\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00")},
    {"DATA on a stream never opened", RAW(PREFACE SETTINGS "\x00\x00\x01\x00\x00\x00\x00\x00\x01x")},
    {"a frame longer than allowed", RAW(PREFACE SETTINGS "\xFF\xFF\xFF\x00\x00\x00\x00\x00\x01")},
    {"HEADERS on stream 0", RAW(PREFACE SETTINGS "\x00\x00\x01\x01\x04\x00\x00\x00\x00\x82")},
    {"HEADERS that are no HPACK", RAW(PREFACE SETTINGS "\x00\x00\x04\x01\x05\x00\x00\x00\x01\xFF\xFF\xFF\xFF")},
    {"CONTINUATION alone", RAW(PREFACE SETTINGS "\x00\x00\x01\x09\x04\x00\x00\x00\x01\x82")},
    {"a window grown past its end", RAW(PREFACE SETTINGS "\x00\x00\x04\x08\x00\x00\x00\x00\x00\x7F\xFF\xFF\xFF")},
    {"SETTINGS of five bytes", RAW(PREFACE "\x00\x00\x05\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00")},
    {"PUSH_PROMISE from a client", RAW(PREFACE SETTINGS "\x00\x00\x04\x05\x04\x00\x00\x00\x01\x00\x00\x00\x02")},
    {"GOAWAY at once", RAW(PREFACE SETTINGS "\x00\x00\x08\x07\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00")},
};

struct connection {
    struct world_stream *stream;
    struct bytes send;
    bool over;
};

static void on_connected(void *arg)
{
    struct connection *c = arg;
    if (c->send.len > 0)
        world_stream_write(c->stream, c->send);
}

static void on_readable(void *arg, struct bytes data)
{
    (void)arg;
    (void)data;
}

static void on_ended(void *arg, int reason)
{
    struct connection *c = arg;
    (void)reason;
    c->over = true;
}

static bool is_over(void *arg)
{
    const struct connection *c = arg;
    return c->over;
}

static const char *door(const struct target_component *c)
{
    if (c->address != NULL)
        return c->address;
    return c->http != NULL && strncmp(c->http, "http://", 7) == 0 ? c->http + 7 : NULL;
}

static int send_broken(struct engine *e, const char *address, struct bytes bytes, struct error *err)
{
    static const struct world_stream_events events = {
        .connected = on_connected, .readable = on_readable, .ended = on_ended};
    struct connection c = {.send = bytes};
    int code = world_connect(e->target->world, address, &events, &c, &c.stream, err);
    if (code != 0)
        return code;
    code = world_run_until(e->target->world, is_over, &c, CONNECTION_TIME);
    world_stream_abort(c.stream);
    /* Still open when our time was up is fine: a server may wait for the rest. So may a whole simulation (closed). */
    return code == ERROR_TIMEOUT || code == ERROR_CLOSED ? 0 : code;
}

/* True when the component lives and, if it speaks gRPC, still says so. */
static bool still_well(struct engine *e, const struct target_component *c)
{
    struct rpc_channel *channel;
    if (engine_crashed(e, c))
        return false;
    return c->address == NULL || (target_channel(e->target, c, &channel, NULL) == 0 &&
                                  rpc_wait_ready(e->target->world, channel, "", ANSWER_TIME, NULL) == 0);
}

static void report(struct engine *e, const struct target_component *c, const char *what)
{
    char title[256];
    snprintf(title, sizeof title, "%s does not survive a connection with %s", c->name, what);
    result_finding(e->target->results, &(struct result_finding){.pillar = "fuzz",
                                                                .title = title,
                                                                .severity = "bug",
                                                                .oracle = "connection",
                                                                .target = c->name,
                                                                .seed = e->options.seed,
                                                                .replay = e->options.replay});
    e->summary->findings++;
}

static int break_component(struct engine *e, const struct target_component *c, struct random *r, struct error *err)
{
    const char *address = door(c), *last = NULL;
    int code = 0;
    for (size_t i = 0; code == 0 && i < sizeof broken / sizeof broken[0]; i++) {
        last = broken[i].name;
        code = send_broken(e, address, BYTES(broken[i].bytes, broken[i].len), err);
        if (code == 0 && !still_well(e, c)) {
            report(e, c, last);
            return 0;
        }
    }
    for (int round = 0; code == 0 && round < RANDOM_ROUNDS; round++) {
        uint8_t bytes[24 + RANDOM_MAX];
        size_t len = (size_t)random_below(r, RANDOM_MAX);
        memcpy(bytes, PREFACE, 24);
        random_bytes(r, bytes + 24, len);
        /* Half of them get past the preface. */
        code = round % 2 == 0 ? send_broken(e, address, BYTES(bytes, 24 + len), err)
                              : send_broken(e, address, BYTES(bytes + 24, len), err);
        if (code == 0 && !still_well(e, c)) {
            report(e, c, "random bytes");
            return 0;
        }
    }
    return code;
}

int engine_break_connections(struct engine *e, struct error *err)
{
    struct random base, r;
    random_seed(&base, e->options.seed);
    random_fork(&base, "fuzz.connections", &r);
    int code = 0;
    for (size_t i = 0; code == 0 && i < e->target->component_count; i++) {
        const struct target_component *c = &e->target->components[i];
        int64_t before = e->summary->findings;
        uint64_t started = world_now(e->target->world);
        if (door(c) == NULL)
            continue;
        code = break_component(e, c, &r, err);
        if (code == 0)
            result_case(e->target->results,
                        &(struct result_case){.pillar = "fuzz",
                                              .suite = "connections",
                                              .name = c->name,
                                              .status = e->summary->findings == before ? "passed" : "failed",
                                              .duration = (int64_t)(world_now(e->target->world) - started),
                                              .replay = e->options.replay});
    }
    return e->target->interrupted ? ERROR_CANCELLED : code;
}
