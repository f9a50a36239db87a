#include "chaos/history/file.h"

#include "base/array.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define PROCESSES_MAX (1 << 20)

/* ---- writing ---- */

/* An event of an operation, for putting both of each in order of time. */
struct event {
    uint64_t time;
    size_t operation;
    int32_t process;
    uint32_t rank; /* among those of one instant */
    bool end;
};

static int by_process(const void *a, const void *b)
{
    const struct event *x = a, *y = b;
    if (x->time != y->time)
        return x->time < y->time ? -1 : 1;
    if (x->process != y->process)
        return x->process < y->process ? -1 : 1;
    if (x->operation != y->operation)
        return x->operation < y->operation ? -1 : 1;
    return (int)x->end - (int)y->end;
}

static int by_rank(const void *a, const void *b)
{
    const struct event *x = a, *y = b;
    if (x->time != y->time)
        return x->time < y->time ? -1 : 1;
    if (x->rank != y->rank)
        return x->rank < y->rank ? -1 : 1;
    return x->process < y->process ? -1 : x->process > y->process;
}

/* Operations that end and begin at one instant overlap, so invocations are written before ends; but what one process
 * does at that instant stays in its order: the second invocations come after the first ends, and so on. */
static void sort_events(struct event *events, size_t count)
{
    qsort(events, count, sizeof *events, by_process);
    for (size_t i = 0; i < count; i++) {
        bool follows = i > 0 && events[i - 1].time == events[i].time && events[i - 1].process == events[i].process;
        events[i].rank = follows ? events[i - 1].rank + 1 : events[i].end ? 1 : 0;
    }
    qsort(events, count, sizeof *events, by_rank);
}

static void write_event(const struct operation *o, const struct event *e, struct text *out)
{
    text_printf(out, "{\"type\":\"%s\",\"process\":%" PRId32 ",\"f\":\"%s\",\"key\":%" PRIu32,
                e->end ? operation_end_name(o->end) : "invoke", o->process, operation_function_name(o->function),
                o->key);
    if (o->function == OPERATION_WRITE || (e->end && o->end == END_OK)) {
        if (o->value != VALUE_NIL)
            text_printf(out, ",\"value\":%" PRId64, o->value);
        else
            text_puts(out, ",\"value\":null");
    }
    text_printf(out, ",\"time\":%" PRIu64 "}\n", e->time);
}

int history_write(const struct history *h, struct text *out)
{
    struct event *events = malloc((h->count * 2 + 1) * sizeof *events);
    if (events == NULL)
        return ERROR_MEMORY;
    size_t n = 0;
    for (size_t i = 0; i < h->count; i++) {
        const struct operation *o = &h->operations[i];
        struct event e = {.time = o->invoked, .operation = i, .process = o->process};
        events[n++] = e;
        e.end = true;
        e.time = o->end == END_INFO ? TIME_NEVER : o->ended;
        if (o->end != END_OPEN)
            events[n++] = e;
    }
    sort_events(events, n);
    /* An info has no instant of its own: it is written last, at the time of the last event that has one. */
    uint64_t last = 0;
    for (size_t i = 0; i < n; i++) {
        if (events[i].time == TIME_NEVER)
            events[i].time = last;
        last = events[i].time;
        write_event(&h->operations[events[i].operation], &events[i], out);
    }
    free(events);
    return text_ok(out) ? 0 : ERROR_MEMORY;
}

/* ---- reading ---- */

struct reader {
    const char *name;
    int line;
    struct history *history;
    uint64_t last; /* time of the line before */
    int64_t *open; /* per process, index of its open operation + 1; GONE after an operation of unknown end */
    size_t open_count, open_capacity;
};
#define GONE INT64_C(-1)

static int wrong(const struct reader *r, struct error *err, const char *what)
{
    return error_set_at(err, ERROR_INVALID, r->name, r->line, 1, "%s", what);
}

static bool get_integer(const json_t *line, const char *key, int64_t min, int64_t max, int64_t *out)
{
    const json_t *v = json_object_get(line, key);
    if (!json_is_integer(v) || json_integer_value(v) < min || json_integer_value(v) > max)
        return false;
    *out = json_integer_value(v);
    return true;
}

static int read_event(struct reader *r, const json_t *line, struct error *err)
{
    const char *type = json_string_value(json_object_get(line, "type"));
    const char *f = json_string_value(json_object_get(line, "f"));
    int64_t process, key, time, value = 0;
    if (type == NULL || f == NULL || (strcmp(f, "read") != 0 && strcmp(f, "write") != 0))
        return wrong(r, err, "an event has a \"type\" and an \"f\" of read or write");
    if (!get_integer(line, "process", 0, PROCESSES_MAX - 1, &process) ||
        !get_integer(line, "key", 0, UINT32_MAX, &key) || !get_integer(line, "time", 0, INT64_MAX, &time))
        return wrong(r, err, "an event has whole numbers for \"process\", \"key\" and \"time\"");
    bool has_value = get_integer(line, "value", VALUE_TEXT_END, INT64_MAX, &value);
    if (json_is_null(json_object_get(line, "value"))) {
        has_value = true;
        value = VALUE_NIL;
    }
    enum operation_function kind = f[0] == 'r' ? OPERATION_READ : OPERATION_WRITE;
    if ((uint64_t)time < r->last)
        return wrong(r, err, "this event is earlier than the one before it");
    r->last = (uint64_t)time;
    if (!array_grow_((void **)&r->open, &r->open_capacity, (size_t)process + 1, sizeof *r->open))
        return error_set(err, ERROR_MEMORY, "out of memory");
    while (r->open_count <= (size_t)process)
        r->open[r->open_count++] = 0;
    int64_t *open = &r->open[process];
    if (strcmp(type, "invoke") == 0) {
        if (*open == GONE)
            return wrong(r, err, "this process has an operation of unknown end: its client needs a new number");
        if (*open != 0)
            return wrong(r, err, "this process has an operation open: one at a time each");
        if (kind == OPERATION_WRITE && (!has_value || value == VALUE_NIL))
            return wrong(r, err, "a write has a \"value\"");
        int64_t index = history_invoke(r->history, (int32_t)process, kind, (uint32_t)key,
                                       kind == OPERATION_WRITE ? value : VALUE_NIL, (uint64_t)time);
        if (index < 0)
            return error_set(err, ERROR_MEMORY, "out of memory");
        *open = index + 1;
        return 0;
    }
    enum operation_end end = strcmp(type, "ok") == 0     ? END_OK
                             : strcmp(type, "fail") == 0 ? END_FAIL
                             : strcmp(type, "info") == 0 ? END_INFO
                                                         : END_OPEN;
    if (end == END_OPEN)
        return wrong(r, err, "\"type\" is invoke, ok, fail or info");
    if (*open <= 0)
        return wrong(r, err, "an operation ends here that was never invoked");
    const struct operation *o = &r->history->operations[*open - 1];
    if (o->function != kind || o->key != (uint32_t)key || (uint64_t)time < o->invoked)
        return wrong(r, err, "this end does not fit the operation its process invoked");
    if (kind == OPERATION_READ && end == END_OK && !has_value)
        return wrong(r, err, "a read that is ok has a \"value\" (null: absent)");
    history_end(r->history, *open - 1, end, value, (uint64_t)time);
    *open = end == END_INFO ? GONE : 0;
    return 0;
}

int history_read(const char *data, size_t len, const char *name, struct history *out, struct error *err)
{
    struct reader r = {.name = name, .history = out};
    int code = 0;
    history_init(out);
    for (const char *p = data, *end = len > 0 ? data + len : data; p < end && code == 0;) {
        const char *newline = memchr(p, '\n', (size_t)(end - p));
        size_t size = newline != NULL ? (size_t)(newline - p) : (size_t)(end - p);
        r.line++;
        if (size > 0) {
            json_error_t e;
            json_t *line = json_loadb(p, size, JSON_REJECT_DUPLICATES, &e);
            code = line != NULL ? read_event(&r, line, err)
                                : error_set_at(err, ERROR_SYNTAX, name, r.line, e.column, "%s", e.text);
            json_decref(line);
        }
        p += size + 1;
    }
    free(r.open);
    if (code != 0)
        history_deinit(out);
    return code;
}
