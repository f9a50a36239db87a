#include "chaos/history/events.h"

#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>

#define GONE INT64_C(-1)

const struct operation_form *operation_form(enum operation_function f)
{
    static const struct operation_form forms[OPERATION_FUNCTION_COUNT] = {
        [OPERATION_READ] = {.other = "other", .value_learnt = true, .list = true},
        [OPERATION_WRITE] = {.other = "other", .value_needed = true},
        [OPERATION_CAS] = {.other = "other", .value_needed = true},
        [OPERATION_ADD] = {.other = "other", .value_needed = true},
        [OPERATION_REMOVE] = {.other = "other", .value_needed = true},
        [OPERATION_ENQUEUE] = {.other = "other", .value_needed = true},
        [OPERATION_DEQUEUE] = {.other = "other", .value_learnt = true},
        [OPERATION_ACQUIRE] = {.other = "token", .other_learnt = true},
        [OPERATION_RELEASE] = {.other = "token"},
        [OPERATION_SEND] = {.other = "offset", .value_needed = true, .other_learnt = true},
        [OPERATION_POLL] = {.other = "subscription", .value_learnt = true, .list = true, .pairs = true},
        [OPERATION_ACKNOWLEDGE] = {.other = "other", .value_needed = true},
        [OPERATION_WATCH] = {.other = "watch", .value_learnt = true, .list = true, .pairs = true},
        [OPERATION_ISSUE] = {.other = "other", .value_learnt = true},
        [OPERATION_USE] = {.other = "other", .value_needed = true},
        [OPERATION_REVOKE] = {.other = "other", .value_needed = true},
        [OPERATION_TXN] = {.other = "other", .value_needed = true, .list = true, .parts = true},
    };
    return &forms[f];
}

bool operation_parts_valid(const int64_t *items, size_t count)
{
    bool valid = count % PART_SIZE == 0;
    for (size_t i = 0; valid && i < count; i += PART_SIZE)
        valid = (items[i + PART_FUNCTION] == OPERATION_READ || items[i + PART_FUNCTION] == OPERATION_WRITE) &&
                items[i + PART_KEY] >= 0 && items[i + PART_KEY] <= UINT32_MAX;
    return valid;
}

void events_init(struct history_events *e, struct history *h)
{
    *e = (struct history_events){.history = h};
    history_init(h);
}

void events_deinit(struct history_events *e)
{
    free(e->open);
    array_deinit(&e->dropped);
    *e = (struct history_events){0};
}

static int broken(const char **why, int code, const char *what)
{
    *why = what;
    return code;
}

/* ---- keys and texts ---- */

static int key_kind(struct history_events *e, enum key_kind kind, const char **why)
{
    if (e->keys != KEY_NONE && e->keys != kind)
        return broken(why, ERROR_INVALID,
                      "keys of one history are all numbers or all names, and this one is not alike");
    e->keys = kind;
    return 0;
}

int events_key_number(struct history_events *e, int64_t number, uint32_t *key, const char **why)
{
    if (number < 0 || number > UINT32_MAX)
        return broken(why, ERROR_INVALID, "a key that is a number is between 0 and 4294967295");
    *key = (uint32_t)number;
    return key_kind(e, KEY_NUMBER, why);
}

static int check_text(const char *text, size_t len, const char **why)
{
    if (len > HISTORY_TEXT_MAX)
        return broken(why, ERROR_LIMIT, "this text is above the limit of 1 MiB");
    if (len > 0 && memchr(text, '\0', len) != NULL)
        return broken(why, ERROR_INVALID, "a text has no zero bytes");
    if (!utf8_valid((struct bytes){(const uint8_t *)text, len}))
        return broken(why, ERROR_INVALID, "this text is not UTF-8");
    return 0;
}

int events_key_name(struct history_events *e, const char *name, size_t len, uint32_t *key, const char **why)
{
    int code = check_text(name, len, why);
    if (code == 0)
        code = key_kind(e, KEY_NAME, why);
    if (code != 0)
        return code;
    int64_t number = history_key(e->history, name, len);
    if (number == ERROR_LIMIT)
        return broken(why, ERROR_LIMIT, "the names of keys are above the limit of 4 GiB");
    if (number < 0)
        return (int)number;
    *key = (uint32_t)number;
    return 0;
}

int events_text(struct history_events *e, const char *text, size_t len, int64_t *value, const char **why)
{
    int code = check_text(text, len, why);
    if (code == 0 && (code = history_text_value(e->history, text, len, value)) == ERROR_LIMIT)
        *why = "the texts of a history are above the limit of 4 GiB";
    return code;
}

/* ---- events ---- */

int64_t events_open(const struct history_events *e, int64_t process)
{
    bool known = process >= 0 && (uint64_t)process < e->open_count && e->open[process] > 0;
    return known ? e->open[process] - 1 : -1;
}

static int take_time(struct history_events *e, uint64_t *time, const char **why)
{
    if (e->started && e->order_is_time && *time <= e->last)
        *time = e->last + 1;
    if (e->started && *time < e->last)
        return broken(why, ERROR_INVALID, "this event is earlier than the one before it");
    if (*time >= INT64_MAX)
        return broken(why, ERROR_INVALID, "a time is below 9223372036854775807 ns");
    e->started = true;
    e->last = *time;
    return 0;
}

static int take_rest(struct history_events *e, int64_t index, const struct history_event *event, const char **why)
{
    struct history *h = e->history;
    int code = 0;
    if (event->has_other)
        h->operations[index].other = event->other;
    if (event->has_list && (code = history_set_list(h, index, event->items, event->count)) == ERROR_LIMIT)
        *why = "the lists of a history are above the limit of 4 G items";
    if (code == 0 && event->revision != 0)
        code = history_set_revision(h, index, event->revision);
    return code;
}

/* What ended asked for the same as what was invoked. */
static bool same_parts(const struct history *h, const struct operation *o, const struct history_event *event)
{
    size_t count;
    const int64_t *asked = history_list(h, o, &count);
    bool same = event->count == count;
    for (size_t i = 0; same && i < count; i += PART_SIZE)
        same = event->items[i + PART_FUNCTION] == asked[i + PART_FUNCTION] &&
               event->items[i + PART_KEY] == asked[i + PART_KEY] &&
               (asked[i + PART_FUNCTION] == OPERATION_READ || event->items[i + PART_VALUE] == asked[i + PART_VALUE]);
    return same;
}

static int invoke(struct history_events *e, int64_t *open, const struct history_event *event, uint64_t time,
                  const char **why)
{
    if (*open == GONE)
        return broken(why, ERROR_INVALID,
                      "this process has an operation of unknown end: its client needs a new number");
    if (*open != 0)
        return broken(why, ERROR_INVALID, "this process has an operation open: one at a time each");
    if (e->history->count >= HISTORY_OPERATIONS_MAX)
        return broken(why, ERROR_LIMIT, "more operations than the limit of 268435456");
    int64_t index = history_invoke(e->history, (int32_t)event->process, event->function, event->key,
                                   event->has_value ? event->value : VALUE_NIL, time);
    if (index < 0)
        return (int)index;
    *open = index + 1;
    return take_rest(e, index, event, why);
}

static int finish(struct history_events *e, int64_t *open, const struct history_event *event, uint64_t time,
                  const char **why)
{
    if (*open <= 0)
        return broken(why, ERROR_INVALID, "an operation ends here that was never invoked");
    int64_t index = *open - 1;
    struct operation *o = &e->history->operations[index];
    if (!event->any_function && (o->function != event->function || o->key != event->key))
        return broken(why, ERROR_INVALID, "this end does not fit the operation its process invoked");
    const struct operation_form *form = operation_form(o->function);
    if (form->parts && event->end == END_OK && !same_parts(e->history, o, event))
        return broken(why, ERROR_INVALID, "a transaction ends with the parts it was invoked with");
    bool learns = event->has_value && form->value_learnt;
    history_end(e->history, index, event->end, learns ? event->value : o->value, time);
    if (learns)
        o->value = event->value;
    *open = event->end == END_INFO ? GONE : 0;
    return take_rest(e, index, event, why);
}

int events_add(struct history_events *e, const struct history_event *event, const char **why)
{
    uint64_t time = event->time;
    int code = take_time(e, &time, why);
    if (code != 0)
        return code;
    if (event->process < 0 || event->process >= HISTORY_PROCESSES_MAX)
        return broken(why, ERROR_INVALID, "a process is a number between 0 and 1048575");
    if (!array_grow_((void **)&e->open, &e->open_capacity, (size_t)event->process + 1, sizeof *e->open))
        return ERROR_MEMORY;
    while (e->open_count <= (size_t)event->process)
        e->open[e->open_count++] = 0;
    int64_t *open = &e->open[event->process];
    return event->end == END_OPEN ? invoke(e, open, event, time, why) : finish(e, open, event, time, why);
}

/* ---- leaving out ---- */

int events_drop(struct history_events *e, int64_t index)
{
    return array_push(&e->dropped, index) ? 0 : ERROR_MEMORY;
}

static int by_number(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

void events_finish(struct history_events *e)
{
    struct history *h = e->history;
    if (e->dropped.count == 0)
        return;
    qsort(e->dropped.items, e->dropped.count, sizeof *e->dropped.items, by_number);
    size_t kept = 0, next = 0;
    for (size_t i = 0; i < h->count; i++) {
        size_t before = next;
        while (next < e->dropped.count && (size_t)e->dropped.items[next] == i)
            next++;
        if (next > before)
            continue;
        if (h->revisions != NULL && i < h->revision_capacity)
            h->revisions[kept] = h->revisions[i];
        h->operations[kept++] = h->operations[i];
    }
    for (size_t i = kept; h->revisions != NULL && i < h->count && i < h->revision_capacity; i++)
        h->revisions[i] = 0;
    h->count = kept;
}
