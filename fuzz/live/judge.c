#include "fuzz/live/judge.h"

#include "base/units.h"
#include "fuzz/case/links.h"
#include "fuzz/case/mutate_case.h"
#include "fuzz/message/defect.h"
#include "wire/grpc.h"

#include <string.h>

#define NAME_MAX_BYTES 64
#define TEXT_SHOWN     300 /* bytes of a status message */
#define FRAMING_LIES   (EVENT_FLAG_LIE | EVENT_LENGTH_LONG | EVENT_LENGTH_SHORT)

/* What of a call's messages bears on its answer. */
struct sent {
    const struct defect *defect; /* of the first that has one */
    bool garbage, lies;
};

static const struct defect *defect_of(const struct fuzz_case *c, const struct fuzz_event *e)
{
    char name[NAME_MAX_BYTES];
    struct bytes given = fuzz_case_bytes(c, e->name);
    if (given.len == 0 || given.len >= sizeof name)
        return NULL;
    memcpy(name, given.data, given.len);
    name[given.len] = '\0';
    return defect_find(name);
}

/* Only messages that went out count, and of a call that takes one message only the first; one that links changed is no
 * longer what its name says. */
static struct sent look(const struct fuzz_case *c, const struct trace_call *k, uint32_t number)
{
    struct sent s = {.defect = NULL};
    uint32_t seen = 0;
    /* What headers HTTP/2 forbids is a long list; the stream may be reset for any of it. */
    for (size_t i = k->event + 1; i < c->events.count; i++) {
        const struct fuzz_event *e = &c->events.items[i];
        s.lies |= e->kind == EVENT_METADATA;
        if (e->kind != EVENT_METADATA && e->kind != EVENT_LINK) /* a link's call is where it takes its value from */
            break;
    }
    for (size_t i = k->event; i < c->events.count; i++) {
        const struct fuzz_event *e = &c->events.items[i];
        if (e->kind != EVENT_MESSAGE || e->call != number || seen >= k->sent)
            continue;
        bool counts = seen++ == 0 || !k->method || k->method->client_streaming;
        s.lies |= (e->flags & FRAMING_LIES) != 0 || !counts;
        if (!counts || fuzz_links_any(c, i))
            continue;
        s.garbage |= e->lane == LANE_GARBAGE;
        if (e->lane != LANE_NEAR_VALID || s.defect)
            continue;
        bool refused = k->method && pb_refused_by_all(k->method->input->descriptor, fuzz_case_bytes(c, e->value));
        s.defect = defect_of(c, e);
        if (s.defect && s.defect->decoders == DECODERS_REFUSE && !refused)
            s.defect = NULL; /* changed since: no longer what its name says */
    }
    return s;
}

static bool is_internal(int status)
{
    return status == GRPC_INTERNAL || status == GRPC_UNKNOWN || status == GRPC_DATA_LOSS;
}

static bool has_broken_reply(const struct fuzz_trace *t, uint32_t call)
{
    for (size_t i = 0; i < t->replies.count; i++)
        if (t->replies.items[i].call == call && t->replies.items[i].broken)
            return true;
    return false;
}

static void tell_status(const struct fuzz_trace *t, const struct trace_call *k, const char *to, struct text *why)
{
    struct bytes text = fuzz_trace_bytes(t, k->text);
    text_printf(why, "answered %s to %s: ", grpc_status_name(k->status), to);
    text_printable(why, text.data, text.len, TEXT_SHOWN);
}

/* Whether a decoder may have refused what went out: any of it, or that nothing did where a message belongs. */
static bool may_not_decode(const struct fuzz_case *c, const struct trace_call *k, uint32_t number, const struct sent *s)
{
    bool undecodable = s->garbage || (s->defect && s->defect->decoders != DECODERS_ACCEPT);
    uint32_t seen = 0;
    if (!k->method)
        return undecodable;
    for (size_t i = k->event; !undecodable && i < c->events.count; i++) {
        const struct fuzz_event *e = &c->events.items[i];
        if (e->kind != EVENT_MESSAGE || e->call != number || seen++ >= k->sent)
            continue;
        const struct defect *defect = e->lane == LANE_NEAR_VALID ? defect_of(c, e) : NULL;
        undecodable = e->lane == LANE_GARBAGE || (defect && defect->decoders != DECODERS_ACCEPT) ||
                      pb_scan(k->method->input->descriptor, fuzz_case_bytes(c, e->value), NULL) != 0;
    }
    return undecodable || (k->sent == 0 && !k->method->client_streaming);
}

static const char *judge_call(const struct fuzz_case *c, const struct fuzz_trace *t, uint32_t number, bool stock,
                              const struct sent *s, struct text *why)
{
    const struct trace_call *k = &t->calls.items[number];
    if (k->timed_out) {
        char duration[32];
        units_format_duration((int64_t)k->duration, duration, sizeof duration);
        text_printf(why, "no answer within %s", duration);
        return "hang";
    }
    /* grpc-go says UNKNOWN "EOF" when the request never came. */
    bool none = stock && k->status == GRPC_UNKNOWN && k->sent == 0 && k->method && !k->method->client_streaming;
    if (is_internal(k->status) && !s->lies && !none &&
        !(stock && k->status == GRPC_INTERNAL && may_not_decode(c, k, number, s))) {
        tell_status(t, k, s->defect ? s->defect->name : s->garbage ? "garbage" : "a valid message", why);
        return "internal";
    }
    if (has_broken_reply(t, number)) {
        text_printf(why, "a reply is no valid %s", k->method->output->full_name);
        return "schema";
    }
    if (!s->defect || s->lies || k->status == TRACE_NO_STATUS || k->ended_by_us)
        return NULL;
    /* gRPC C++ takes what does not decode in a client's stream for its end. */
    bool ended = stock && k->method && k->method->client_streaming;
    if (k->status == GRPC_OK && s->defect->decoders == DECODERS_REFUSE && !ended) {
        text_printf(why, "accepted a message with the defect %s (%s)", s->defect->name, s->defect->summary);
        return "accepted";
    }
    if (defect_status_wrong(s->defect, k->status) && !(ended && k->status == GRPC_OK) &&
        !(stock && (STATUSES_STOCK_RUNTIME >> k->status & 1))) {
        tell_status(t, k, s->defect->name, why);
        return "status";
    }
    return NULL;
}

void fuzz_judge(const struct fuzz_case *c, const struct fuzz_trace *t, bool stock, struct fuzz_verdict *out,
                struct text *why)
{
    *out = (struct fuzz_verdict){.oracle = NULL};
    if (t->crashed) {
        struct bytes crash = fuzz_trace_bytes(t, t->crash);
        out->oracle = "crash";
        text_add(why, crash.data, crash.len);
        return;
    }
    bool damages = fuzz_links_damage(c);
    for (uint32_t i = 0; i < t->calls.count; i++) {
        struct sent s = look(c, &t->calls.items[i], i);
        s.lies |= damages;
        out->oracle = judge_call(c, t, i, stock, &s, why);
        if (!out->oracle)
            continue;
        out->call = i;
        out->defect = s.defect ? s.defect->name : NULL;
        return;
    }
    if (t->rule.len > 0) {
        struct bytes rule = fuzz_trace_bytes(t, t->rule);
        out->oracle = "rule";
        text_add(why, rule.data, rule.len);
    }
}
