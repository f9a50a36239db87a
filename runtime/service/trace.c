/* Traces: a call belongs to a trace, named by the metadata micro-trace-id, and is one span in it, whose parent is named
 * by micro-span-id. Ids that are missing, or no ids (over 64 characters, or other than letters, digits, '-', '_', '.',
 * ':'), are made here: 128 random bits for a trace, 64 for a span, in hexadecimal.
 *
 * A call of our own belongs to the trace of the call whose handler runs when it is made, or of the call of ours whose
 * answer is just being told. So a chain of callbacks stays in its trace without anybody carrying ids along.
 *
 * The last 256 spans are kept in a ring made with the first one; keeping one copies into it and allocates nothing. */
#include "base/units.h"
#include "runtime/service/internal.h"

static bool is_id(struct bytes value)
{
    if (value.len == 0 || value.len > MICRO_TRACE_MAX)
        return false;
    for (size_t i = 0; i < value.len; i++) {
        uint8_t c = value.data[i];
        bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
                     c == '_' || c == '.' || c == ':';
        if (!plain)
            return false;
    }
    return true;
}

static void make_id(struct world *w, char *out, size_t words)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < words; i++) {
        uint64_t r = random_next(world_random(w));
        for (size_t k = 0; k < 16; k++, r >>= 4)
            *out++ = digits[r & 15];
    }
    *out = '\0';
}

bool micro_trace_take_id(char out[MICRO_TRACE_MAX + 1], struct bytes value)
{
    if (!is_id(value))
        return false;
    memcpy(out, value.data, value.len);
    out[value.len] = '\0';
    return true;
}

static void copy_id(char *out, const char *id)
{
    memcpy(out, id, strlen(id) + 1); /* both hold MICRO_TRACE_MAX characters */
}

void micro_trace_begin(struct rpc_call *call, struct micro_caller *caller)
{
    struct grpc_metadata m = rpc_call_metadata(call);
    struct world *w = rpc_call_world(call);
    if (!micro_trace_take_id(caller->trace, grpc_metadata_get(m, "micro-trace-id")))
        make_id(w, caller->trace, 2);
    if (!micro_trace_take_id(caller->parent, grpc_metadata_get(m, "micro-span-id")))
        caller->parent[0] = '\0';
    make_id(w, caller->id, 1);
    caller->traced = true;
}

const char *micro_call_trace(const struct rpc_call *call)
{
    const struct micro_caller *c = rpc_call_guard_data(call);
    return c && c->traced ? c->trace : "";
}

/* ---- the ring ---------------------------------------------------------------------------------------------------- */

static struct micro_span *next_span(struct micro_service *s)
{
    if (!s->spans && !(s->spans = calloc(MICRO_SPANS, sizeof *s->spans)))
        return NULL;
    return &s->spans[s->span_count++ % MICRO_SPANS];
}

const struct micro_span *micro_span_at(const struct micro_service *s, size_t i)
{
    uint64_t kept = s->span_count < MICRO_SPANS ? s->span_count : MICRO_SPANS;
    return i < kept ? &s->spans[(s->span_count - kept + i) % MICRO_SPANS] : NULL;
}

/* "/notes.Notes/List" is shown as "Notes.List" with the name in front: "notes.Notes.List". */
static void set_name(char *out, size_t size, const char *path)
{
    size_t n = 0;
    for (const char *p = path[0] == '/' ? path + 1 : path; *p && n + 1 < size; p++)
        out[n++] = *p;
    out[n] = '\0';
    char *slash = strrchr(out, '/');
    if (slash)
        *slash = '.';
}

void micro_trace_end(struct micro_service *s, const struct rpc_call *call, int status, uint64_t duration)
{
    const struct micro_caller *c = rpc_call_guard_data(call);
    struct micro_span *span = c && c->traced ? next_span(s) : NULL;
    if (!span)
        return;
    copy_id(span->trace, c->trace);
    copy_id(span->id, c->id);
    copy_id(span->parent, c->parent);
    set_name(span->name, sizeof span->name, rpc_call_path(call));
    span->started = world_wall(s->world) - (int64_t)duration;
    span->duration = duration;
    span->status = status;
    span->outbound = false;
}

/* ---- our own calls ----------------------------------------------------------------------------------------------- */

void micro_outgoing_init(struct micro_service *s, struct micro_outgoing *o, const char *path)
{
    const struct rpc_call *call = rpc_server_current(s->server);
    const struct micro_caller *c = call ? rpc_call_guard_data(call) : NULL;
    if (c && c->traced) {
        copy_id(o->trace, c->trace);
        copy_id(o->parent, c->id);
    } else if (s->running) {
        copy_id(o->trace, s->running->trace);
        copy_id(o->parent, s->running->parent);
    } else {
        make_id(s->world, o->trace, 2);
        o->parent[0] = '\0';
    }
    make_id(s->world, o->id, 1);
    set_name(o->name, sizeof o->name, path);
    o->started = world_now(s->world);
    size_t n = 0;
    const char *bearer = micro_own_bearer(s);
    if (bearer)
        o->items[n++] = (struct grpc_header){.name = bytes_of("authorization"), .value = bytes_of(bearer)};
    o->items[n++] = (struct grpc_header){.name = bytes_of("micro-namespace"), .value = bytes_of(s->namespace)};
    o->items[n++] = (struct grpc_header){.name = bytes_of("micro-trace-id"), .value = bytes_of(o->trace)};
    o->items[n++] = (struct grpc_header){.name = bytes_of("micro-span-id"), .value = bytes_of(o->id)};
    o->metadata = (struct grpc_metadata){.items = o->items, .count = n};
}

static void set_time(struct micro_service *s, struct micro_span *span, uint64_t started)
{
    uint64_t now = world_now(s->world);
    span->duration = now > started ? now - started : 0;
    span->started = world_wall(s->world) - (int64_t)span->duration;
}

void micro_outgoing_end(struct micro_service *s, const struct micro_outgoing *o, int status)
{
    struct micro_span *span = next_span(s);
    if (!span)
        return;
    copy_id(span->trace, o->trace);
    copy_id(span->id, o->id);
    copy_id(span->parent, o->parent);
    memcpy(span->name, o->name, sizeof span->name);
    span->name[sizeof span->name - 1] = '\0';
    set_time(s, span, o->started);
    span->status = status;
    span->outbound = true;
}

/* ---- requests by another door ------------------------------------------------------------------------------------ */

void micro_inbound_begin(struct micro_service *s, struct micro_inbound *in, const char *trace, const char *parent)
{
    if (!trace || !micro_trace_take_id(in->trace, bytes_of(trace)))
        make_id(s->world, in->trace, 2);
    if (!parent || !micro_trace_take_id(in->parent, bytes_of(parent)))
        in->parent[0] = '\0';
    make_id(s->world, in->id, 1);
    in->started = world_now(s->world);
}

void micro_inbound_end(struct micro_service *s, const struct micro_inbound *in, const char *path, int status)
{
    struct micro_span *span = next_span(s);
    if (!span)
        return;
    copy_id(span->trace, in->trace);
    copy_id(span->id, in->id);
    copy_id(span->parent, in->parent);
    set_name(span->name, sizeof span->name, path);
    set_time(s, span, in->started);
    span->status = status;
    span->outbound = false;
}
