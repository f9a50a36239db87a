#include "fuzz/sequence/link.h"

#include "fuzz/case/links.h"

_Static_assert(SEQUENCE_DEPTH_MAX < FUZZ_PATH_STEPS_MAX, "every leaf has a path, and what is unknown beside it too");

void sequence_leaf_path(const struct sequence_leaf *l, size_t depth, struct fuzz_path *out)
{
    out->count = 0;
    for (size_t i = 0; i < depth; i++)
        (void)fuzz_path_push(out, l->fields[i]->number, l->fields[i]->repeated ? 0 : FUZZ_PATH_NO_INDEX);
}

size_t sequence_link_path(const struct sequence_leaf *l, size_t depth, uint8_t out[FUZZ_PATH_BYTES_MAX])
{
    struct fuzz_path path;
    sequence_leaf_path(l, depth, &path);
    return fuzz_path_write(&path, out);
}

struct bytes sequence_reply(const struct fuzz_trace *t, uint32_t call, uint64_t n)
{
    for (size_t i = 0; i < t->replies.count; i++)
        if (t->replies.items[i].call == call && n-- == 0)
            return fuzz_trace_bytes(t, t->replies.items[i].body);
    return BYTES_NONE;
}

/* Calls begun before the event: what a later one is answered was not known yet. */
static size_t calls_before(const struct fuzz_case *c, size_t event)
{
    size_t calls = 0;
    for (size_t i = 0; i < event; i++)
        calls += c->events.items[i].kind == EVENT_CALL;
    return calls;
}

/* The reply, if it came at all, was there before the event. */
static bool was_awaited(const struct fuzz_case *c, size_t event, uint32_t call, uint64_t reply)
{
    for (size_t i = 0; i < event; i++) {
        const struct fuzz_event *e = &c->events.items[i];
        if (e->kind == EVENT_AWAIT && e->call == call && (e->number == 0 || e->number > reply))
            return true;
    }
    return false;
}

enum sequence_resolved sequence_link_resolve(const struct fuzz_case *c, size_t message, const struct fuzz_trace *t,
                                             struct text *out)
{
    enum sequence_resolved how = RESOLVED_ALL;
    if (t == NULL) {
        struct bytes value = fuzz_case_bytes(c, c->events.items[message].value);
        text_add(out, value.data, value.len);
        return RESOLVED_ALL;
    }
    struct fuzz_trace then = *t;
    size_t begun = calls_before(c, message);
    then.calls.count = then.calls.count < begun ? then.calls.count : begun;
    for (size_t i = message; i > 0 && c->events.items[i - 1].kind == EVENT_LINK; i--) {
        const struct fuzz_event *l = &c->events.items[i - 1];
        if (l->call >= then.calls.count || l->number >= then.calls.items[l->call].replies)
            how = how == RESOLVED_ALL ? RESOLVED_PART : how;
        else if (!was_awaited(c, message, l->call, l->number))
            how = RESOLVED_UNSURE;
    }
    (void)fuzz_links_apply(c, message, &then, out); /* no memory: `out` says so */
    return how;
}
