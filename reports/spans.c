/* What components kept of a case's trace ("spans" lines), into the model: in the order of a waterfall, each call behind
 * the one it was made for. Whatever a system says of itself may be wrong: a parent that nobody knows makes a call of
 * its own, calls that are each other's parents are begun with the earliest of them. */
#include "reports/model.h"

#include <stdlib.h>

#define TIME_MAX ((int64_t)1 << 60) /* ns, either way: sums of a few stay numbers */

static int wrong(const struct report *r, struct error *err, const char *key, const char *what)
{
    return error_set_at(err, ERROR_INVALID, r->source, (int)r->lines, 0, "\"%s\" of a trace must be %s", key, what);
}

static int memory(struct error *err)
{
    return error_set(err, ERROR_MEMORY, "out of memory");
}

/* "" when it is left out. */
static int read_text(struct report *r, const json_t *from, const char *key, const char **out, struct error *err)
{
    const json_t *value = json_object_get(from, key);
    *out = "";
    if (value == NULL || json_is_null(value))
        return 0;
    if (!json_is_string(value))
        return wrong(r, err, key, "text");
    *out = report_copy(&r->arena, value);
    return *out != NULL ? 0 : memory(err);
}

static int read_number(const struct report *r, const json_t *from, const char *key, int64_t min, int64_t *out,
                       struct error *err)
{
    const json_t *value = json_object_get(from, key);
    *out = 0;
    if (value == NULL || json_is_null(value))
        return 0;
    if (!json_is_integer(value))
        return wrong(r, err, key, "a whole number");
    json_int_t n = json_integer_value(value);
    *out = n < min ? min : n > TIME_MAX ? TIME_MAX : n;
    return 0;
}

/* *count: 0 when it is left out. */
static int read_list(const struct report *r, const json_t *line, const char *key, const json_t **out, size_t *count,
                     struct error *err)
{
    const json_t *list = json_object_get(line, key);
    *out = list;
    *count = json_array_size(list);
    for (size_t i = 0; i < *count; i++)
        if (!json_is_object(json_array_get(list, i)))
            return wrong(r, err, key, "a list of objects");
    return list == NULL || json_is_null(list) || json_is_array(list) ? 0 : wrong(r, err, key, "a list of objects");
}

static int read_span(struct report *r, const json_t *from, struct report_span *s, struct error *err)
{
    const char *kind = "";
    int64_t duration = 0;
    int code = read_text(r, from, "component", &s->component, err);
    code = code != 0 ? code : read_text(r, from, "name", &s->name, err);
    code = code != 0 ? code : read_text(r, from, "id", &s->id, err);
    code = code != 0 ? code : read_text(r, from, "parent", &s->parent, err);
    code = code != 0 ? code : read_text(r, from, "status", &s->status, err);
    code = code != 0 ? code : read_text(r, from, "kind", &kind, err);
    code = code != 0 ? code : read_number(r, from, "start", -TIME_MAX, &s->start, err);
    code = code != 0 ? code : read_number(r, from, "duration", 0, &duration, err);
    s->outbound = strcmp(kind, "outbound") == 0;
    s->duration = (uint64_t)duration;
    return code;
}

/* ---- the order of a waterfall ---- */

static int by_start(const void *a, const void *b)
{
    const struct report_span *x = a, *y = b;
    if (x->start != y->start)
        return x->start < y->start ? -1 : 1;
    return strcmp(x->id, y->id);
}

struct tree {
    const struct report_span *from; /* by start */
    struct report_span *to;
    bool *placed;
    size_t count, done;
};

static bool has_parent(const struct tree *t, size_t i)
{
    for (size_t k = 0; t->from[i].parent[0] != 0 && k < t->count; k++)
        if (k != i && strcmp(t->from[k].id, t->from[i].parent) == 0)
            return true;
    return false;
}

/* No deeper than there are spans: each is placed once. */
static void place(struct tree *t, size_t i, size_t depth)
{
    t->placed[i] = true;
    t->to[t->done] = t->from[i];
    t->to[t->done++].depth = depth;
    for (size_t k = 0; t->from[i].id[0] != 0 && k < t->count; k++)
        if (!t->placed[k] && strcmp(t->from[k].parent, t->from[i].id) == 0)
            place(t, k, depth + 1);
}

static bool order(struct report *r, struct report_trace *trace)
{
    struct tree t = {.from = trace->spans,
                     .to = ARENA_NEW_N(&r->arena, struct report_span, trace->count + 1),
                     .placed = calloc(trace->count + 1, sizeof(bool)),
                     .count = trace->count};
    bool ok = t.to != NULL && t.placed != NULL;
    if (ok) {
        qsort(trace->spans, trace->count, sizeof *trace->spans, by_start);
        for (size_t i = 0; i < t.count; i++)
            if (!t.placed[i] && !has_parent(&t, i))
                place(&t, i, 0);
        for (size_t i = 0; i < t.count; i++) /* circles */
            if (!t.placed[i])
                place(&t, i, 0);
        trace->spans = t.to;
    }
    free(t.placed);
    return ok;
}

/* ---- the line ---- */

int report_trace_read(struct report *r, const json_t *line, struct report_trace **out, struct error *err)
{
    const json_t *spans, *skipped;
    size_t given = 0, skips = 0;
    int64_t left_out = 0;
    struct report_trace *t = ARENA_NEW(&r->arena, struct report_trace);
    if (t == NULL)
        return memory(err);
    *t = (struct report_trace){.id = ""};
    int code = read_text(r, line, "trace", &t->id, err);
    code = code != 0 ? code : read_number(r, line, "left_out", 0, &left_out, err);
    code = code != 0 ? code : read_list(r, line, "spans", &spans, &given, err);
    code = code != 0 ? code : read_list(r, line, "skipped", &skipped, &skips, err);
    if (code != 0)
        return code;
    t->count = given < REPORT_SPANS_MAX ? given : REPORT_SPANS_MAX;
    t->skip_count = skips < REPORT_SPANS_MAX ? skips : REPORT_SPANS_MAX;
    t->left_out = (uint64_t)left_out + (given - t->count);
    t->spans = ARENA_NEW_N(&r->arena, struct report_span, t->count + 1);
    t->skips = ARENA_NEW_N(&r->arena, struct report_skip, t->skip_count + 1);
    if (t->spans == NULL || t->skips == NULL)
        return memory(err);
    for (size_t i = 0; code == 0 && i < t->count; i++)
        code = read_span(r, json_array_get(spans, i), &t->spans[i], err);
    for (size_t i = 0; code == 0 && i < t->skip_count; i++) {
        code = read_text(r, json_array_get(skipped, i), "component", &t->skips[i].component, err);
        code = code != 0 ? code : read_text(r, json_array_get(skipped, i), "why", &t->skips[i].why, err);
    }
    if (code == 0 && !order(r, t))
        code = memory(err);
    *out = t;
    return code;
}
