#include "fuzz/case/trace.h"

void fuzz_trace_clear(struct fuzz_trace *t)
{
    struct fuzz_trace empty = {.calls = t->calls, .replies = t->replies, .data = t->data};
    *t = empty;
    array_clear(&t->calls);
    array_clear(&t->replies);
    text_clear(&t->data);
}

void fuzz_trace_deinit(struct fuzz_trace *t)
{
    array_deinit(&t->calls);
    array_deinit(&t->replies);
    text_deinit(&t->data);
    *t = FUZZ_TRACE_INIT;
}

struct fuzz_span fuzz_trace_keep(struct fuzz_trace *t, struct bytes b)
{
    struct fuzz_span span = {(uint32_t)t->data.len, (uint32_t)b.len};
    if (b.len > UINT32_MAX - t->data.len)
        t->data.failed = true;
    text_add(&t->data, b.data, b.len);
    return text_ok(&t->data) ? span : (struct fuzz_span){0};
}
