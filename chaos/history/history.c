#include "chaos/history/history.h"

#include "base/hash.h"
#include "chaos/history/events.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char *const function_names[] = {
    [OPERATION_READ] = "read",       [OPERATION_WRITE] = "write",     [OPERATION_CAS] = "cas",
    [OPERATION_ADD] = "add",         [OPERATION_REMOVE] = "remove",   [OPERATION_ENQUEUE] = "enqueue",
    [OPERATION_DEQUEUE] = "dequeue", [OPERATION_ACQUIRE] = "acquire", [OPERATION_RELEASE] = "release",
    [OPERATION_SEND] = "send",       [OPERATION_POLL] = "poll",       [OPERATION_ACKNOWLEDGE] = "acknowledge",
    [OPERATION_WATCH] = "watch",     [OPERATION_ISSUE] = "issue",     [OPERATION_USE] = "use",
    [OPERATION_REVOKE] = "revoke",   [OPERATION_TXN] = "txn",
};

const char *operation_function_name(enum operation_function f)
{
    return function_names[f];
}

bool operation_function_parse(const char *name, enum operation_function *f)
{
    for (int i = 0; i < OPERATION_FUNCTION_COUNT; i++) {
        if (strcmp(function_names[i], name) == 0) {
            *f = (enum operation_function)i;
            return true;
        }
    }
    return false;
}

const char *operation_end_name(enum operation_end e)
{
    static const char *const names[] = {[END_OPEN] = "open", [END_OK] = "ok", [END_FAIL] = "fail", [END_INFO] = "info"};
    return names[e];
}

void history_init(struct history *h)
{
    *h = (struct history){0};
}

int64_t history_invoke(struct history *h, int32_t process, enum operation_function f, uint32_t key, int64_t value,
                       uint64_t now)
{
    if (!array_grow_((void **)&h->operations, &h->capacity, h->count + 1, sizeof *h->operations))
        return ERROR_MEMORY;
    h->operations[h->count] = (struct operation){.process = process,
                                                 .function = (uint8_t)f,
                                                 .key = key,
                                                 .value = value,
                                                 .other = VALUE_NIL,
                                                 .end = END_OPEN,
                                                 .invoked = now,
                                                 .ended = TIME_NEVER};
    return (int64_t)h->count++;
}

static bool learns_value(enum operation_function f)
{
    return operation_form(f)->value_learnt && !operation_form(f)->pairs;
}

void history_end(struct history *h, int64_t index, enum operation_end end, int64_t value, uint64_t now)
{
    struct operation *o = &h->operations[index];
    o->end = (uint8_t)end;
    if (end == END_OK && learns_value(o->function))
        o->value = value;
    /* What may still happen has no end. */
    o->ended = end == END_INFO ? TIME_NEVER : now;
}

/* ---- lists and revisions ---- */

int history_set_list(struct history *h, int64_t index, const int64_t *items, size_t count)
{
    uint32_t before = h->operations[index].list;
    if (before != 0 && (size_t)h->lists.items[before] >= count) {
        h->lists.items[before] = (int64_t)count;
        if (count > 0)
            memcpy(&h->lists.items[before + 1], items, count * sizeof *items);
        return 0;
    }
    size_t at = h->lists.count > 0 ? h->lists.count : 1;
    if (count > UINT32_MAX || at + 1 + count > UINT32_MAX)
        return ERROR_LIMIT;
    if (!array_reserve(&h->lists, at + 1 + count))
        return ERROR_MEMORY;
    h->lists.items[0] = 0;
    h->lists.items[at] = (int64_t)count;
    if (count > 0)
        memcpy(&h->lists.items[at + 1], items, count * sizeof *items);
    h->lists.count = at + 1 + count;
    h->operations[index].list = (uint32_t)at;
    return 0;
}

const int64_t *history_list(const struct history *h, const struct operation *o, size_t *count)
{
    *count = o->list != 0 ? (size_t)h->lists.items[o->list] : 0;
    return o->list != 0 ? &h->lists.items[o->list + 1] : NULL;
}

int history_set_revision(struct history *h, int64_t index, uint64_t revision)
{
    size_t before = h->revision_capacity;
    if (!array_grow_((void **)&h->revisions, &h->revision_capacity, (size_t)index + 1, sizeof *h->revisions))
        return ERROR_MEMORY;
    if (h->revision_capacity > before)
        memset(&h->revisions[before], 0, (h->revision_capacity - before) * sizeof *h->revisions);
    h->revisions[index] = revision;
    return 0;
}

uint64_t history_revision(const struct history *h, size_t index)
{
    return index < h->revision_capacity ? h->revisions[index] : 0;
}

/* ---- names ---- */

/* Texts one behind the other, found through a table of open addressing. */
struct name_table {
    ARRAY(char) bytes;       /* each ends with a 0 */
    ARRAY(uint32_t) offsets; /* by number */
    ARRAY(uint32_t) slots;   /* number + 1; 0: free; a power of two, never more than half full */
};

/* A key's number is its place among the names, so a history has named keys or numbered ones, not both. */
struct history_names {
    struct name_table keys, texts;
};

static uint32_t *find_name(const struct name_table *t, const char *text, size_t len)
{
    size_t mask = t->slots.count - 1;
    for (size_t slot = hash_add(HASH_START, BYTES(text, len)) & mask;; slot = (slot + 1) & mask) {
        uint32_t *number = &t->slots.items[slot];
        if (*number == 0)
            return number;
        const char *known = &t->bytes.items[t->offsets.items[*number - 1]];
        if (strncmp(known, text, len) == 0 && known[len] == '\0')
            return number;
    }
}

static bool rehash(struct name_table *t)
{
    size_t count = t->slots.count > 0 ? t->slots.count * 2 : 64;
    if (!array_reserve(&t->slots, count))
        return false;
    t->slots.count = count;
    memset(t->slots.items, 0, count * sizeof *t->slots.items);
    for (size_t i = 0; i < t->offsets.count; i++) {
        const char *name = &t->bytes.items[t->offsets.items[i]];
        *find_name(t, name, strlen(name)) = (uint32_t)i + 1;
    }
    return true;
}

/* The number of a text, new if need be; negative: no memory, or a text with a zero byte. */
static int64_t intern(struct name_table *t, const char *text, size_t len)
{
    if (len > 0 && memchr(text, '\0', len) != NULL)
        return ERROR_INVALID;
    if (t->offsets.count * 2 >= t->slots.count && !rehash(t))
        return ERROR_MEMORY;
    uint32_t *number = find_name(t, text, len);
    if (*number != 0)
        return *number - 1;
    if (t->bytes.count + len + 1 > UINT32_MAX)
        return ERROR_LIMIT;
    if (!array_reserve(&t->bytes, t->bytes.count + len + 1) || !array_push(&t->offsets, (uint32_t)t->bytes.count))
        return ERROR_MEMORY;
    if (len > 0)
        memcpy(&t->bytes.items[t->bytes.count], text, len);
    t->bytes.items[t->bytes.count + len] = '\0';
    t->bytes.count += len + 1;
    *number = (uint32_t)t->offsets.count;
    return *number - 1;
}

static const char *name_at(const struct name_table *t, uint64_t number)
{
    return number < t->offsets.count ? &t->bytes.items[t->offsets.items[number]] : NULL;
}

static bool have_names(struct history *h)
{
    if (h->names == NULL)
        h->names = calloc(1, sizeof *h->names);
    return h->names != NULL;
}

int64_t history_key(struct history *h, const char *name, size_t len)
{
    return have_names(h) ? intern(&h->names->keys, name, len) : ERROR_MEMORY;
}

const char *history_key_name(const struct history *h, uint32_t key)
{
    return h->names != NULL ? name_at(&h->names->keys, key) : NULL;
}

int history_text_value(struct history *h, const char *text, size_t len, int64_t *value)
{
    int64_t number = have_names(h) ? intern(&h->names->texts, text, len) : ERROR_MEMORY;
    if (number < 0)
        return (int)number;
    *value = VALUE_TEXT + number;
    return 0;
}

static void deinit_table(struct name_table *t)
{
    array_deinit(&t->bytes);
    array_deinit(&t->offsets);
    array_deinit(&t->slots);
}

void history_deinit(struct history *h)
{
    if (h->names != NULL) {
        deinit_table(&h->names->keys);
        deinit_table(&h->names->texts);
    }
    free(h->names);
    free(h->operations);
    array_deinit(&h->lists);
    free(h->revisions);
    *h = (struct history){0};
}

/* ---- in words ---- */

void history_print_key(const struct history *h, uint32_t key, struct text *out)
{
    const char *name = history_key_name(h, key);
    if (name != NULL)
        text_puts(out, name);
    else
        text_printf(out, "k%" PRIu32, key);
}

const char *history_text(const struct history *h, int64_t value)
{
    return value_is_text(value) && h->names != NULL ? name_at(&h->names->texts, (uint64_t)(value - VALUE_TEXT)) : NULL;
}

void history_print_value(const struct history *h, int64_t value, struct text *out)
{
    const char *name = history_text(h, value);
    if (value == VALUE_NIL)
        text_puts(out, "nil");
    else if (name != NULL)
        text_puts(out, name);
    else
        text_printf(out, "%" PRId64, value);
}

static double milliseconds(uint64_t time, uint64_t zero)
{
    return ((double)time - (double)zero) / 1e6;
}

static void print_parts(const struct history *h, const struct operation *o, struct text *out)
{
    size_t count;
    const int64_t *items = history_list(h, o, &count);
    text_char(out, '[');
    for (size_t i = 0; i + PART_SIZE <= count; i += PART_SIZE) {
        text_printf(out, "%s%s ", i > 0 ? ", " : "", function_names[items[i + PART_FUNCTION]]);
        history_print_key(h, (uint32_t)items[i + PART_KEY], out);
        if (items[i + PART_FUNCTION] == OPERATION_WRITE || o->end == END_OK) {
            text_char(out, ' ');
            history_print_value(h, items[i + PART_VALUE], out);
        }
    }
    text_char(out, ']');
}

static void print_list(const struct history *h, const struct operation *o, struct text *out)
{
    size_t count;
    const int64_t *items = history_list(h, o, &count);
    text_puts(out, " [");
    for (size_t i = 0; i < count; i++) {
        text_puts(out, i > 0 ? " " : "");
        history_print_value(h, items[i], out);
    }
    text_char(out, ']');
}

void history_print_operation(const struct history *h, size_t index, uint64_t zero, struct text *out)
{
    const struct operation *o = &h->operations[index];
    text_printf(out, "process %" PRId32 ": %s ", o->process, function_names[o->function]);
    if (o->function != OPERATION_TXN)
        history_print_key(h, o->key, out);
    if (o->function == OPERATION_TXN) {
        print_parts(h, o, out);
    } else if (o->function == OPERATION_CAS) {
        text_puts(out, " from ");
        history_print_value(h, o->other, out);
        text_puts(out, " to ");
        history_print_value(h, o->value, out);
    } else if (o->list != 0) {
        print_list(h, o, out);
    } else if (o->value != VALUE_NIL || (o->end == END_OK && learns_value(o->function))) {
        text_char(out, ' ');
        history_print_value(h, o->value, out);
    }
    if (o->function != OPERATION_CAS && o->other != VALUE_NIL) {
        text_puts(out, " (");
        history_print_value(h, o->other, out);
        text_char(out, ')');
    }
    text_printf(out, ", %.3f ms to ", milliseconds(o->invoked, zero));
    if (o->ended == TIME_NEVER)
        text_puts(out, "no end");
    else
        text_printf(out, "%.3f ms", milliseconds(o->ended, zero));
    text_printf(out, ": %s", operation_end_name(o->end));
}
