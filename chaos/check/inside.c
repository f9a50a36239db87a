#include "chaos/check/inside.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct budget budget_of(const struct check_limits *limits)
{
    return (struct budget){.limits = limits};
}

bool budget_take(struct budget *b, size_t bytes)
{
    if (bytes > b->limits->memory || b->memory > b->limits->memory - bytes) {
        b->full = true;
        return false;
    }
    b->memory += bytes;
    return true;
}

void budget_give(struct budget *b, size_t bytes)
{
    b->memory -= bytes;
}

void budget_unknown(const struct budget *b, struct check_result *out, uint32_t key, size_t checked)
{
    out->verdict = VERDICT_UNKNOWN;
    out->key = key;
    out->checked = checked;
    if (b->stopped)
        snprintf(out->reason, sizeof out->reason, "stopped when asked to; %zu operations were explained until then",
                 checked);
    else
        snprintf(out->reason, sizeof out->reason,
                 "the memory of this check (%zu bytes) was not enough; %zu operations were explained until then",
                 b->limits->memory, checked);
}

/* ---- pairs of key and value by number ---- */

#define SLOTS_MIN ((size_t)64)

void table_deinit(struct table *t)
{
    free(t->entries);
    free(t->slots);
    *t = (struct table){0};
}

/* Values of one block of 1,024 stay together; the blocks and the keys are spread. */
static uint32_t *find_slot(const struct table *t, uint32_t key, int64_t value)
{
    uint64_t block = ((uint64_t)value >> 10 ^ (uint64_t)key << 40) * UINT64_C(0x9E3779B97F4A7C15);
    size_t slot = ((size_t)(block >> 20) + (size_t)value) & (t->slot_count - 1);
    while (t->slots[slot] != 0) {
        const struct table_entry *e = &t->entries[t->slots[slot] - 1];
        if (e->value == value && e->key == key)
            break;
        slot = (slot + 1) & (t->slot_count - 1);
    }
    return &t->slots[slot];
}

uint32_t table_find(const struct table *t, uint32_t key, int64_t value)
{
    return t->slot_count == 0 ? TABLE_NONE : *find_slot(t, key, value) - 1;
}

static bool table_grow(struct table *t)
{
    size_t slot_count = t->slot_count > 0 ? t->slot_count * 2 : SLOTS_MIN;
    if (slot_count / 2 >= TABLE_NONE)
        return false;
    struct table_entry *entries = realloc(t->entries, slot_count / 2 * sizeof *entries);
    if (entries == NULL)
        return false;
    t->entries = entries;
    uint32_t *slots = calloc(slot_count, sizeof *slots);
    if (slots == NULL)
        return false;
    free(t->slots);
    t->slots = slots;
    t->slot_count = slot_count;
    for (size_t i = 0; i < t->count; i++)
        *find_slot(t, t->entries[i].key, t->entries[i].value) = (uint32_t)i + 1;
    return true;
}

uint32_t table_add(struct table *t, uint32_t key, int64_t value)
{
    if (t->count * 2 >= t->slot_count && !table_grow(t))
        return TABLE_NONE;
    uint32_t *slot = find_slot(t, key, value);
    if (*slot == 0) {
        t->entries[t->count] = (struct table_entry){.value = value, .key = key};
        *slot = (uint32_t)++t->count;
    }
    return *slot - 1;
}

/* ---- operations by key ---- */

int split_by_key(const struct history *h, const struct check_limits *limits, struct split *out)
{
    *out = (struct split){0};
    if (h->count >= UINT32_MAX - 1)
        return ERROR_LIMIT;
    struct table keys = {0};
    uint32_t *number = malloc((h->count + 1) * sizeof *number);
    int code = number != NULL ? 0 : ERROR_MEMORY;
    uint32_t last_key = 0, last = TABLE_NONE;
    for (size_t i = 0; code == 0 && i < h->count; i++) {
        uint32_t key = h->operations[i].key;
        if (last == TABLE_NONE || key != last_key)
            last = table_add(&keys, key, 0);
        last_key = key;
        number[i] = last;
        if (last == TABLE_NONE)
            code = ERROR_MEMORY;
        else if (stop_asked(limits, i))
            code = ERROR_CANCELLED;
    }
    size_t key_count = keys.count;
    table_deinit(&keys);
    if (code == 0) {
        out->starts = calloc(key_count + 2, sizeof *out->starts);
        out->operations = malloc((h->count + 1) * sizeof *out->operations);
        if (out->starts == NULL || out->operations == NULL)
            code = ERROR_MEMORY;
    }
    if (code == 0) {
        out->count = key_count;
        for (size_t i = 0; i < h->count; i++)
            out->starts[number[i] + 2]++;
        for (size_t i = 2; i < key_count + 2; i++)
            out->starts[i] += out->starts[i - 1];
        for (size_t i = 0; i < h->count; i++)
            out->operations[out->starts[number[i] + 1]++] = (uint32_t)i;
    }
    free(number);
    if (code != 0)
        split_deinit(out);
    return code;
}

void split_deinit(struct split *s)
{
    free(s->operations);
    free(s->starts);
    *s = (struct split){0};
}

/* A merge sort from the bottom up that leaves out merges of what is in order already. */
void sort_by_end(const struct history *h, uint32_t *operations, size_t count, uint32_t *spare)
{
    const struct operation *o = h->operations;
    for (size_t size = 1; size < count; size *= 2) {
        for (size_t start = 0; start + size < count; start += 2 * size) {
            uint32_t *a = &operations[start];
            size_t end = count - start < 2 * size ? count - start : 2 * size, i = 0, right = size, at = 0;
            if (o[a[size]].ended >= o[a[size - 1]].ended)
                continue;
            memcpy(spare, a, size * sizeof *a);
            while (i < size && right < end)
                a[at++] = o[a[right]].ended < o[spare[i]].ended ? a[right++] : spare[i++];
            memcpy(&a[at], &spare[i], (size - i) * sizeof *a);
        }
    }
}

/* ---- words ---- */

const char *value_word(const struct history *h, int64_t value, word out)
{
    struct text text = TEXT_INIT;
    history_print_value(h, value, &text);
    snprintf(out, WORD_MAX, "%s", text_string(&text));
    text_deinit(&text);
    return out;
}

const char *key_word(const struct history *h, uint32_t key, word out)
{
    struct text text = TEXT_INIT;
    history_print_key(h, key, &text);
    snprintf(out, WORD_MAX, "%s", text_string(&text));
    text_deinit(&text);
    return out;
}

void say_invalid(struct check_result *out, uint32_t key, const size_t *witness, size_t count, const char *format, ...)
{
    va_list args;
    out->verdict = VERDICT_INVALID;
    out->key = key;
    out->minimal = false;
    array_clear(&out->witness);
    for (size_t i = 0; i < count; i++)
        check_result_add(out, witness[i]);
    va_start(args, format);
    vsnprintf(out->reason, sizeof out->reason, format, args);
    va_end(args);
}

int check_each_key(const struct history *h, const struct check_limits *limits, check_one_key *judge, const void *with,
                   struct check_result *out, struct error *err)
{
    struct budget b = budget_of(limits);
    struct split s;
    struct check_result unknown;
    int code = split_by_key(h, limits, &s);
    if (code != 0)
        return code;
    check_result_init(&unknown);
    for (size_t i = 0; code == 0 && out->verdict != VERDICT_INVALID && !b.stopped && i < s.count; i++) {
        out->checked = h->count;
        b.full = false;
        code = judge(h, &s.operations[s.starts[i]], s.starts[i + 1] - s.starts[i], with, &b, out, err);
        if (out->verdict != VERDICT_UNKNOWN)
            continue;
        if (unknown.verdict == VERDICT_UNKNOWN)
            check_result_deinit(out);
        else
            unknown = *out; /* the first is told of, unless one is invalid */
        check_result_init(out);
    }
    if (out->verdict == VERDICT_VALID && unknown.verdict == VERDICT_UNKNOWN)
        *out = unknown;
    else
        check_result_deinit(&unknown);
    split_deinit(&s);
    return code;
}
