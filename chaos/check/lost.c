/* Acknowledged writes against the final reads. A final read of value v of key k was right only when no other write of
 * k was acknowledged before the read began, and invoked after v's own write had ended: such a write came after v in
 * every order. Acknowledged writes are sorted by key and invocation, with the earliest end among all that follow, so
 * that each read asks once: O(n log n). */
#include "chaos/check/check.h"

#include <stdio.h>
#include <stdlib.h>

/* An acknowledged write, or a final read. */
struct entry {
    uint32_t key;
    int64_t value;
    uint64_t invoked;
    uint64_t ended; /* of writes: the earliest of this and all that follow of this key */
    size_t index;   /* of the operation that ended then */
    bool written;   /* of reads: its value's write was found */
};

static int by_key_and_time(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    if (x->invoked != y->invoked)
        return x->invoked < y->invoked ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

static int by_key_and_value(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    if (x->value != y->value)
        return x->value < y->value ? -1 : 1;
    return 0;
}

/* The first of `entries` that is not before `wanted`. */
static size_t lower_bound(const struct entry *entries, size_t count, const struct entry *wanted,
                          int (*compare)(const void *, const void *))
{
    size_t low = 0;
    for (size_t high = count; low < high;) {
        size_t middle = low + (high - low) / 2;
        if (compare(&entries[middle], wanted) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* When each value that was read is known to have been in place: `ended` of the read becomes its write's end. */
static void find_writes(const struct history *h, struct entry *reads, size_t read_count)
{
    for (size_t i = 0; read_count > 0 && i < h->count; i++) {
        const struct operation *o = &h->operations[i];
        if (o->function != OPERATION_WRITE || o->end == END_FAIL)
            continue;
        const struct entry wanted = {.key = o->key, .value = o->value};
        for (size_t n = lower_bound(reads, read_count, &wanted, by_key_and_value);
             n < read_count && by_key_and_value(&reads[n], &wanted) == 0; n++) {
            reads[n].ended = o->ended;
            reads[n].written = true;
        }
    }
}

static void judge(const struct history *h, const struct entry *read, const struct entry *writes, size_t write_count,
                  struct check_result *out)
{
    /* A value nobody wrote is the register checker's business. */
    if (read->value != VALUE_NIL && (!read->written || read->ended == UINT64_MAX))
        return;
    const struct entry after = {.key = read->key, .invoked = read->value != VALUE_NIL ? read->ended + 1 : 0};
    size_t first = lower_bound(writes, write_count, &after, by_key_and_time);
    if (first == write_count || writes[first].key != read->key || writes[first].ended >= read->invoked)
        return;
    out->verdict = VERDICT_INVALID;
    out->key = read->key;
    out->minimal = true;
    check_result_add(out, writes[first].index);
    check_result_add(out, read->index);
    struct text reason = TEXT_INIT;
    text_puts(&reason, "value ");
    history_print_value(h, h->operations[writes[first].index].value, &reason);
    text_puts(&reason, " of key ");
    history_print_key(h, read->key, &reason);
    text_puts(&reason, " was acknowledged, and the final read found ");
    history_print_value(h, read->value, &reason);
    snprintf(out->reason, sizeof out->reason, "%s", text_string(&reason));
    text_deinit(&reason);
}

int check_lost_writes(const struct history *h, size_t final_from, struct check_result *out)
{
    check_result_deinit(out);
    out->checked = h->count;
    size_t write_count = 0, read_count = 0;
    struct entry *writes = malloc((h->count + 1) * sizeof *writes);
    struct entry *reads = malloc((h->count + 1) * sizeof *reads);
    int code = writes != NULL && reads != NULL ? 0 : ERROR_MEMORY;
    for (size_t i = 0; code == 0 && i < h->count; i++) {
        const struct operation *o = &h->operations[i];
        const struct entry e = {.key = o->key, .value = o->value, .invoked = o->invoked, .ended = o->ended, .index = i};
        if (o->end == END_OK && o->function == OPERATION_WRITE)
            writes[write_count++] = e;
        else if (o->end == END_OK && i >= final_from)
            reads[read_count++] = e;
    }
    if (code == 0) {
        qsort(reads, read_count, sizeof *reads, by_key_and_value);
        find_writes(h, reads, read_count);
        qsort(writes, write_count, sizeof *writes, by_key_and_time);
        for (size_t i = write_count; i-- > 1;) {
            if (writes[i - 1].key == writes[i].key && writes[i].ended < writes[i - 1].ended) {
                writes[i - 1].ended = writes[i].ended;
                writes[i - 1].index = writes[i].index;
            }
        }
    }
    for (size_t i = 0; code == 0 && out->verdict == VERDICT_VALID && i < read_count; i++)
        judge(h, &reads[i], writes, write_count, out);
    free(writes);
    free(reads);
    return code;
}
