#include "fuzz/sequence/link.h"

#include "fuzz/case/links.h"

size_t sequence_link_path(const struct sequence_leaf *l, size_t depth, uint8_t out[FUZZ_PATH_BYTES_MAX])
{
    struct fuzz_path path = {.count = 0};
    for (size_t i = 0; i < depth; i++)
        (void)fuzz_path_push(&path, l->fields[i]->number, l->fields[i]->repeated ? 0 : FUZZ_PATH_NO_INDEX);
    return fuzz_path_write(&path, out);
}

struct bytes sequence_reply(const struct fuzz_trace *t, uint32_t call, uint64_t n)
{
    for (size_t i = 0; i < t->replies.count; i++)
        if (t->replies.items[i].call == call && n-- == 0)
            return fuzz_trace_bytes(t, t->replies.items[i].body);
    return BYTES_NONE;
}

bool sequence_link_resolve(const struct fuzz_case *c, size_t message, const struct fuzz_trace *t, struct text *out)
{
    bool all = true;
    if (t == NULL) {
        struct bytes value = fuzz_case_bytes(c, c->events.items[message].value);
        text_add(out, value.data, value.len);
        return text_ok(out);
    }
    for (size_t i = message; i > 0 && c->events.items[i - 1].kind == EVENT_LINK; i--) {
        const struct fuzz_event *l = &c->events.items[i - 1];
        all = all && l->call < t->calls.count && l->number < t->calls.items[l->call].replies;
    }
    return fuzz_links_apply(c, message, t, out) >= 0 && text_ok(out) && all;
}
