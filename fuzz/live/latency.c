#include "fuzz/live/latency.h"

#include "fuzz/fuzz.h"
#include "wire/grpc.h"

#include <stdlib.h>

static bool make(struct fuzz_latency **l)
{
    if (*l == NULL)
        *l = calloc(1, sizeof **l);
    return *l != NULL;
}

void fuzz_latency_call(struct fuzz_latency **l, const struct trace_call *k)
{
    if (k->ended_by_us || k->status == TRACE_NO_STATUS || !make(l))
        return;
    histogram_add(k->status == GRPC_OK ? &(*l)->ok : &(*l)->other, k->duration);
}

json_t *fuzz_latency_json(const struct fuzz_latency *l)
{
    json_t *out = json_object(), *ok = json_object(), *other = json_object();
    bool whole = ok != NULL && other != NULL && histogram_put(&l->ok, ok) && histogram_put(&l->other, other);
    whole = json_object_set_new(out, "ok", ok) == 0 && whole;
    whole = json_object_set_new(out, "other", other) == 0 && whole;
    if (whole)
        return out;
    json_decref(out);
    return NULL;
}

int fuzz_latency_merge(struct fuzz_latency **l, const json_t *from)
{
    const char *why;
    if (!json_is_object(from))
        return 0;
    if (!make(l))
        return ERROR_MEMORY;
    (void)histogram_read(json_object_get(from, "ok"), &(*l)->ok, &why);
    (void)histogram_read(json_object_get(from, "other"), &(*l)->other, &why);
    return 0;
}

void fuzz_summary_latency(const struct fuzz_summary *s, struct result_stream *r)
{
    for (size_t i = 0; i < 2 * s->method_figures.count; i++) {
        const struct fuzz_method_figures *m = &s->method_figures.items[i / 2];
        bool ok = i % 2 == 0;
        if (m->latency != NULL)
            result_latency(r, &(struct result_latency){.pillar = "fuzz",
                                                       .method = m->path,
                                                       .ok = ok,
                                                       .virtual_time = s->virtual_time,
                                                       .durations = ok ? &m->latency->ok : &m->latency->other});
    }
}
