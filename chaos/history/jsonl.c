#include "chaos/history/file.h"

#include "base/array.h"
#include "chaos/history/events.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* ---- members ---- */

/* Numbers as they are, texts as JSON strings. */
static void write_value(const struct history *h, int64_t value, struct text *out)
{
    if (value == VALUE_NIL) {
        text_puts(out, "null");
    } else if (history_text(h, value) != NULL) {
        const char *name = history_text(h, value);
        text_char(out, '"');
        text_json(out, name, strlen(name));
        text_char(out, '"');
    } else {
        text_printf(out, "%" PRId64, value);
    }
}

static void write_list(const struct history *h, const struct operation *o, bool pairs, struct text *out)
{
    size_t count;
    const int64_t *items = history_list(h, o, &count);
    text_char(out, '[');
    for (size_t i = 0; i < count; i++) {
        if (pairs && i % 2 == 0)
            text_puts(out, i > 0 ? ",[" : "[");
        else if (i > 0)
            text_char(out, ',');
        write_value(h, items[i], out);
        if (pairs && i % 2 == 1)
            text_char(out, ']');
    }
    text_char(out, ']');
}

static void write_key(const struct history *h, uint32_t key, struct text *out)
{
    const char *name = history_key_name(h, key);
    if (name == NULL) {
        text_printf(out, "%" PRIu32, key);
        return;
    }
    text_char(out, '"');
    text_json(out, name, strlen(name));
    text_char(out, '"');
}

/* What reads saw is null where it was not learnt. */
static void write_parts(const struct history *h, const struct operation *o, bool learnt, struct text *out)
{
    size_t count;
    const int64_t *items = history_list(h, o, &count);
    text_char(out, '[');
    for (size_t i = 0; i + PART_SIZE <= count; i += PART_SIZE) {
        enum operation_function f = (enum operation_function)items[i + PART_FUNCTION];
        text_printf(out, "%s[\"%s\",", i > 0 ? "," : "", operation_function_name(f));
        write_key(h, (uint32_t)items[i + PART_KEY], out);
        text_char(out, ',');
        write_value(h, f == OPERATION_WRITE || learnt ? items[i + PART_VALUE] : VALUE_NIL, out);
        text_char(out, ']');
    }
    text_char(out, ']');
}

/* What was asked stands in both lines; what was learnt in the last one there is. */
static void write_members(const struct history *h, size_t index, bool last, struct text *out)
{
    const struct operation *o = &h->operations[index];
    const struct operation_form *form = operation_form(o->function);
    if (o->function == OPERATION_CAS) {
        text_puts(out, ",\"value\":[");
        write_value(h, o->other, out);
        text_char(out, ',');
        write_value(h, o->value, out);
        text_char(out, ']');
    } else if (form->parts) {
        text_puts(out, ",\"value\":");
        write_parts(h, o, last && o->end == END_OK, out);
    } else if (o->list != 0 && form->list) {
        if (last) {
            text_puts(out, ",\"value\":");
            write_list(h, o, form->pairs, out);
        }
    } else if (form->value_learnt ? last && (o->value != VALUE_NIL || o->end == END_OK)
                                  : o->value != VALUE_NIL || form->value_needed) {
        text_puts(out, ",\"value\":");
        write_value(h, o->value, out);
    }
    if (o->function != OPERATION_CAS && o->other != VALUE_NIL && (last || !form->other_learnt)) {
        text_printf(out, ",\"%s\":", form->other);
        write_value(h, o->other, out);
    }
    if (last && history_revision(h, index) != 0)
        text_printf(out, ",\"revision\":%" PRIu64, history_revision(h, index));
}

static void write_event(const struct history *h, const struct event *e, struct text *out)
{
    const struct operation *o = &h->operations[e->operation];
    text_printf(out, "{\"type\":\"%s\",\"process\":%" PRId32 ",\"f\":\"%s\"",
                e->end ? operation_end_name(o->end) : "invoke", o->process, operation_function_name(o->function));
    if (!operation_form(o->function)->parts) {
        text_puts(out, ",\"key\":");
        write_key(h, o->key, out);
    }
    write_members(h, e->operation, e->end || o->end == END_OPEN, out);
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
        write_event(h, &events[i], out);
    }
    free(events);
    return text_ok(out) ? 0 : ERROR_MEMORY;
}

/* ---- reading ---- */

struct reader {
    const char *name, *text; /* the line */
    size_t len;
    int line;
    struct history_events events;
    ARRAY(int64_t) items;
};

/* `member`: the one it is about; NULL: the whole line. */
static int wrong(const struct reader *r, struct error *err, int code, const char *member, const char *what)
{
    const char *at = NULL;
    char quoted[32];
    if (member != NULL && (size_t)snprintf(quoted, sizeof quoted, "\"%s\"", member) < sizeof quoted)
        at = memmem(r->text, r->len, quoted, strlen(quoted));
    return error_set_at(err, code, r->name, r->line, at != NULL ? (int)(at - r->text) + 1 : 1, "%s", what);
}

static int no_memory(struct error *err)
{
    return error_set(err, ERROR_MEMORY, "out of memory");
}

/* What went wrong below, with the place in front. */
static int told(const struct reader *r, struct error *err, int code, const char *member, const char *why)
{
    if (code == 0)
        return 0;
    return code == ERROR_MEMORY ? no_memory(err) : wrong(r, err, code, member, why);
}

static bool get_integer(const json_t *line, const char *key, int64_t min, int64_t max, int64_t *out)
{
    const json_t *v = json_object_get(line, key);
    if (!json_is_integer(v) || json_integer_value(v) < min || json_integer_value(v) > max)
        return false;
    *out = json_integer_value(v);
    return true;
}

static int get_value(struct reader *r, const json_t *v, const char *member, int64_t *out, struct error *err)
{
    const char *why = NULL;
    if (json_is_null(v)) {
        *out = VALUE_NIL;
        return 0;
    }
    if (json_is_string(v)) {
        int code = events_text(&r->events, json_string_value(v), json_string_length(v), out, &why);
        return told(r, err, code, member, why);
    }
    if (!json_is_integer(v) || json_integer_value(v) < VALUE_TEXT_END)
        return wrong(r, err, ERROR_INVALID, member,
                     "a value is a whole number above -2305843009213693953, a text or null");
    *out = json_integer_value(v);
    return 0;
}

static int add_item(struct reader *r, const json_t *v, struct error *err)
{
    int64_t value;
    int code = get_value(r, v, "value", &value, err);
    return code != 0 || array_push(&r->items, value) ? code : no_memory(err);
}

static int get_list(struct reader *r, const json_t *list, bool pairs, struct error *err)
{
    size_t count = json_array_size(list);
    int code = 0;
    array_clear(&r->items);
    if (count > HISTORY_LIST_MAX)
        return wrong(r, err, ERROR_LIMIT, "value", "more items than the limit of 16777216 in a list");
    for (size_t i = 0; i < count && code == 0; i++) {
        const json_t *item = json_array_get(list, i);
        if (pairs && json_array_size(item) != 2)
            return wrong(r, err, ERROR_INVALID, "value", "this list is made of pairs: [[1,17],[2,18]]");
        code = add_item(r, pairs ? json_array_get(item, 0) : item, err);
        if (code == 0 && pairs)
            code = add_item(r, json_array_get(item, 1), err);
    }
    return code;
}

static int get_key(struct reader *r, const json_t *v, const char *member, uint32_t *key, struct error *err)
{
    const char *why = NULL;
    int code;
    if (json_is_string(v))
        code = events_key_name(&r->events, json_string_value(v), json_string_length(v), key, &why);
    else if (json_is_integer(v))
        code = events_key_number(&r->events, json_integer_value(v), key, &why);
    else
        return wrong(r, err, ERROR_INVALID, member, "an event has a \"key\": a whole number or a name");
    return told(r, err, code, member, why);
}

/* Of a transaction: [["read", key, what it saw], ["write", key, value], ...]. */
static int get_parts(struct reader *r, const json_t *list, struct error *err)
{
    size_t count = json_array_size(list);
    int code = 0;
    array_clear(&r->items);
    if (!json_is_array(list))
        return wrong(r, err, ERROR_INVALID, "value",
                     "the value of a txn is a list: [[\"read\",\"x\",null],[\"write\",\"y\",2]]");
    if (count > HISTORY_LIST_MAX / PART_SIZE)
        return wrong(r, err, ERROR_LIMIT, "value", "more parts than the limit of 5592405 in a transaction");
    for (size_t i = 0; i < count && code == 0; i++) {
        const json_t *part = json_array_get(list, i);
        const char *name = json_string_value(json_array_get(part, PART_FUNCTION));
        enum operation_function f;
        uint32_t key = 0;
        if (json_array_size(part) != PART_SIZE || name == NULL || !operation_function_parse(name, &f) ||
            (f != OPERATION_READ && f != OPERATION_WRITE))
            return wrong(r, err, ERROR_INVALID, "value",
                         "a part of a txn is [\"read\", key, value] or [\"write\", key, value]");
        if ((code = get_key(r, json_array_get(part, PART_KEY), "value", &key, err)) != 0)
            return code;
        if (!array_push(&r->items, (int64_t)f) || !array_push(&r->items, (int64_t)key))
            return no_memory(err);
        code = add_item(r, json_array_get(part, PART_VALUE), err);
    }
    return code;
}

static int read_value(struct reader *r, const json_t *value, struct history_event *e, struct error *err)
{
    const struct operation_form *form = operation_form(e->function);
    if (value == NULL)
        return 0;
    if (e->function == OPERATION_CAS) {
        if (json_array_size(value) != 2)
            return wrong(r, err, ERROR_INVALID, "value", "the value of a cas is [from, to]");
        e->has_value = e->has_other = true;
        int code = get_value(r, json_array_get(value, 0), "value", &e->other, err);
        return code != 0 ? code : get_value(r, json_array_get(value, 1), "value", &e->value, err);
    }
    if (form->parts || (form->list && json_is_array(value))) {
        int code = form->parts ? get_parts(r, value, err) : get_list(r, value, form->pairs, err);
        e->has_list = true;
        e->items = r->items.items;
        e->count = r->items.count;
        return code;
    }
    e->has_value = true;
    return get_value(r, value, "value", &e->value, err);
}

static int read_other(struct reader *r, const json_t *line, struct history_event *e, struct error *err)
{
    const char *name = operation_form(e->function)->other;
    const json_t *other = json_object_get(line, name), *revision = json_object_get(line, "revision");
    if (revision != NULL) {
        if (!json_is_integer(revision) || json_integer_value(revision) < 0)
            return wrong(r, err, ERROR_INVALID, "revision", "a revision is a whole number of 0 or more");
        e->revision = (uint64_t)json_integer_value(revision);
    }
    if (e->function == OPERATION_CAS || other == NULL)
        return 0;
    e->has_other = true;
    return get_value(r, other, name, &e->other, err);
}

static int read_head(struct reader *r, const json_t *line, struct history_event *e, struct error *err)
{
    const char *type = json_string_value(json_object_get(line, "type"));
    const char *f = json_string_value(json_object_get(line, "f"));
    int64_t time;
    bool known = true;
    if (!json_is_object(line))
        return wrong(r, err, ERROR_INVALID, NULL, "a line of a history is an object: {\"type\":\"invoke\", ...}");
    if (type != NULL && strcmp(type, "invoke") == 0)
        e->end = END_OPEN;
    else if (type != NULL && strcmp(type, "ok") == 0)
        e->end = END_OK;
    else if (type != NULL && strcmp(type, "fail") == 0)
        e->end = END_FAIL;
    else if (type != NULL && strcmp(type, "info") == 0)
        e->end = END_INFO;
    else
        known = false;
    if (!known)
        return wrong(r, err, ERROR_INVALID, "type", "\"type\" is \"invoke\", \"ok\", \"fail\" or \"info\"");
    if (f == NULL || !operation_function_parse(f, &e->function))
        return wrong(r, err, ERROR_INVALID, "f",
                     "\"f\" is read, write, cas, add, remove, enqueue, dequeue, acquire, release, send, poll, "
                     "acknowledge, watch, issue, use, revoke or txn");
    if (!get_integer(line, "process", 0, HISTORY_PROCESSES_MAX - 1, &e->process))
        return wrong(r, err, ERROR_INVALID, "process", "\"process\" is a whole number between 0 and 1048575");
    if (!get_integer(line, "time", 0, INT64_MAX, &time))
        return wrong(r, err, ERROR_INVALID, "time", "\"time\" is a whole number of nanoseconds");
    e->time = (uint64_t)time;
    return 0;
}

static int read_event(struct reader *r, const json_t *line, struct error *err)
{
    struct history_event e = {0};
    const char *why = NULL;
    int code = read_head(r, line, &e, err);
    if (code == 0 && !operation_form(e.function)->parts)
        code = get_key(r, json_object_get(line, "key"), "key", &e.key, err);
    if (code == 0)
        code = read_value(r, json_object_get(line, "value"), &e, err);
    if (code == 0)
        code = read_other(r, line, &e, err);
    if (code != 0)
        return code;
    const struct operation_form *form = operation_form(e.function);
    if (e.end == END_OPEN && form->value_needed && !e.has_value && !e.has_list) {
        char message[64];
        snprintf(message, sizeof message, "a %s has a \"value\"", operation_function_name(e.function));
        return wrong(r, err, ERROR_INVALID, NULL, message);
    }
    if (e.end == END_OK && (form->value_learnt || form->parts) && !e.has_value && !e.has_list) {
        char message[80];
        snprintf(message, sizeof message, "a %s that is ok has a \"value\" (null: nothing)",
                 operation_function_name(e.function));
        return wrong(r, err, ERROR_INVALID, NULL, message);
    }
    code = events_add(&r->events, &e, &why);
    return told(r, err, code, NULL, why);
}

int history_read(const char *data, size_t len, const char *name, struct history *out, struct error *err)
{
    struct reader r = {.name = name};
    int code = 0;
    events_init(&r.events, out);
    for (const char *p = data, *end = len > 0 ? data + len : data; p < end && code == 0;) {
        const char *newline = memchr(p, '\n', (size_t)(end - p));
        r.text = p;
        r.len = newline != NULL ? (size_t)(newline - p) : (size_t)(end - p);
        r.line++;
        if (r.len > 0) {
            json_error_t e;
            json_t *line = json_loadb(p, r.len, JSON_REJECT_DUPLICATES, &e);
            if (line != NULL)
                code = read_event(&r, line, err);
            else if (e.text[0] == '\0' || json_error_code(&e) == json_error_out_of_memory)
                code = no_memory(err);
            else
                code = error_set_at(err, ERROR_SYNTAX, name, r.line, e.column, "%s", e.text);
            json_decref(line);
        }
        p += r.len + 1;
    }
    events_deinit(&r.events);
    array_deinit(&r.items);
    if (code != 0)
        history_deinit(out);
    return code;
}
