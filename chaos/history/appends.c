/* Appending text to what a key holds, as a compare-and-set, so that the model of compare-and-set registers checks it.
 *
 * A text that was read is cut into what was put and what was appended. What stands before an appended text there is
 * what the key held, so the append took it from that text to the longer one: a slot that this append filled. An append
 * that no read shows stands for a write of a text nobody reads: nothing can have been read between it and the next put.
 * Both are exact.
 *
 * When a text was appended several times, time says which append filled which slot: an append cannot fill a slot that
 * was read before it began, nor one that was read as still empty after it ended, nor one behind what was appended only
 * later; of two slots of which one contains the other the inner was filled first; and what no read shows was put over
 * before the next read. Where that leaves a choice, the history is refused instead of guessed at. */
#include "chaos/history/append_internal.h"

#include <stdlib.h>
#include <string.h>

int append_no_memory(struct error *err)
{
    return error_set(err, ERROR_MEMORY, "out of memory");
}

int append_refuse(const struct resolver *r, const struct item *x, struct error *err, const char *what)
{
    struct text key = TEXT_INIT;
    history_print_key(r->history, x->key, &key);
    error_set(err, ERROR_UNSUPPORTED, "%s: %s (key %.40s, appended \"%.60s\")", r->name, what, text_string(&key),
              x->text);
    text_deinit(&key);
    return ERROR_UNSUPPORTED;
}

/* ---- gathering ---- */

int append_compare(const char *a, size_t a_len, const char *b, size_t b_len)
{
    int c = memcmp(a, b, a_len < b_len ? a_len : b_len);
    return c != 0 ? c : (a_len > b_len) - (a_len < b_len);
}

static int by_key_and_text(const void *a, const void *b)
{
    const struct item *x = a, *y = b;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    int c = append_compare(x->text, x->len, y->text, y->len);
    if (c != 0)
        return c;
    return x->operation < y->operation ? -1 : x->operation > y->operation;
}

static bool add_item(struct resolver *r, item_array *to, size_t operation)
{
    const struct operation *o = &r->history->operations[operation];
    const char *text = history_text(r->history, o->value);
    char *copy = strdup(text != NULL ? text : "");
    if (copy == NULL || !array_push(&r->texts, copy)) {
        free(copy);
        return false;
    }
    return array_push(to, ((struct item){.key = o->key,
                                         .text = copy,
                                         .len = strlen(copy),
                                         .operation = operation,
                                         .invoked = o->invoked,
                                         .ended = o->ended}));
}

static int gather(struct resolver *r, const int64_t *appends, size_t count)
{
    const struct history *h = r->history;
    for (size_t i = 0; i < count; i++) {
        if (h->operations[appends[i]].end != END_FAIL && !add_item(r, &r->appends, (size_t)appends[i]))
            return ERROR_MEMORY;
    }
    for (size_t i = 0; i < h->count; i++) {
        const struct operation *o = &h->operations[i];
        bool text = history_text(h, o->value) != NULL, read = o->function == OPERATION_READ && o->end == END_OK,
             put = o->function == OPERATION_WRITE && o->end != END_FAIL;
        if ((put && !add_item(r, text ? &r->puts : &r->emptied, i)) || (read && !add_item(r, &r->seen, i)) ||
            (read && text && !add_item(r, &r->reads, i)))
            return ERROR_MEMORY;
    }
    return 0;
}

static void sort(item_array *a)
{
    if (a->count > 0)
        qsort(a->items, a->count, sizeof *a->items, by_key_and_text);
}

bool append_same(const struct item *x, const struct item *y)
{
    return x->key == y->key && x->len == y->len && memcmp(x->text, y->text, x->len) == 0;
}

/* Reads of one text become one. */
static void merge_reads(item_array *a)
{
    size_t kept = 0;
    for (size_t i = 0; i < a->count; i++) {
        struct item *x = &a->items[i], *last = kept > 0 ? &a->items[kept - 1] : NULL;
        if (last == NULL || !append_same(last, x)) {
            a->items[kept++] = *x;
            continue;
        }
        last->invoked = x->invoked > last->invoked ? x->invoked : last->invoked;
        last->ended = x->ended < last->ended ? x->ended : last->ended;
    }
    a->count = kept;
}

const struct item *append_token(const struct item *items, size_t from, size_t to, const char *text, size_t len)
{
    size_t low = from, high = to;
    while (low < high) { /* the first item above the text */
        size_t middle = low + (high - low) / 2;
        if (append_compare(items[middle].text, items[middle].len, text, len) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == from)
        return NULL;
    const struct item *x = &items[low - 1];
    if (x->len > len || memcmp(x->text, text, x->len) != 0)
        return NULL;
    while (x > &items[from] && append_same(x - 1, x))
        x--;
    return x;
}

/* ---- keys ---- */

/* None may be the beginning of another: else what was read can be cut in several ways. */
static int check_apart(struct resolver *r, const struct item *items, size_t from, size_t to, struct error *err)
{
    for (size_t i = from + 1; i < to; i++)
        if (!append_same(&items[i - 1], &items[i]) && items[i - 1].len < items[i].len &&
            memcmp(items[i - 1].text, items[i].text, items[i - 1].len) == 0)
            return append_refuse(r, &items[i], err, "it begins with another text of the key");
    return 0;
}

static int check_begins(struct resolver *r, size_t append, struct error *err)
{
    for (size_t i = r->put; i < r->put_end; i++) {
        const struct item *put = &r->puts.items[i],
                          *x = append_token(r->appends.items, append, r->append_end, put->text, put->len);
        if (x != NULL && x->len < put->len)
            return append_refuse(r, x, err, "a text that is put begins with this one");
    }
    for (size_t i = append; i < r->append_end; i++) {
        const struct item *x = &r->appends.items[i],
                          *put = append_token(r->puts.items, r->put, r->put_end, x->text, x->len);
        if (put != NULL && put->len < x->len)
            return append_refuse(r, x, err, "it begins with a text that is put");
    }
    return 0;
}

static size_t end_of_key(const item_array *a, size_t from, uint32_t key)
{
    while (from < a->count && a->items[from].key == key)
        from++;
    return from;
}

size_t append_start_of_key(const item_array *a, size_t from, uint32_t key)
{
    while (from < a->count && a->items[from].key < key)
        from++;
    return from;
}

static void find_first_end(struct resolver *r, size_t append)
{
    r->first_end = TIME_NEVER;
    if (r->empty_again)
        return;
    for (size_t i = append; i < r->append_end; i++)
        r->first_end = r->appends.items[i].ended < r->first_end ? r->appends.items[i].ended : r->first_end;
    for (size_t i = r->put; i < r->put_end; i++)
        r->first_end = r->puts.items[i].ended < r->first_end ? r->puts.items[i].ended : r->first_end;
}

static int resolve_key(struct resolver *r, size_t append, size_t *read, struct error *err)
{
    r->key = r->appends.items[append].key;
    r->append_end = end_of_key(&r->appends, append, r->key);
    r->put = append_start_of_key(&r->puts, r->put_end, r->key);
    r->put_end = end_of_key(&r->puts, r->put, r->key);
    r->emptied_start = append_start_of_key(&r->emptied, r->emptied_end, r->key);
    r->emptied_end = end_of_key(&r->emptied, r->emptied_start, r->key);
    r->empty_again = r->emptied_end > r->emptied_start;
    r->seen_start = append_start_of_key(&r->seen, r->seen_end, r->key);
    r->seen_end = end_of_key(&r->seen, r->seen_start, r->key);
    find_first_end(r, append);
    int code = check_apart(r, r->appends.items, append, r->append_end, err);
    if (code == 0)
        code = check_apart(r, r->puts.items, r->put, r->put_end, err);
    if (code == 0)
        code = check_begins(r, append, err);
    if (code == 0 && append_find_slots(r, append, read) != 0)
        code = append_no_memory(err);
    for (size_t from = append, to, s = 0, end; code == 0 && from < r->append_end; from = to, s = end) {
        for (to = from + 1; to < r->append_end && append_same(&r->appends.items[from], &r->appends.items[to]);)
            to++;
        for (end = s; end < r->slots.count && r->slots.items[end].token == &r->appends.items[from];)
            end++;
        code = append_fill(r, &r->appends.items[from], to - from, end > s ? &r->slots.items[s] : NULL, end - s, err);
    }
    return code;
}

int history_resolve_appends(struct history *h, const int64_t *appends, size_t count, const char *name,
                            struct error *err)
{
    struct resolver r = {.history = h, .name = name};
    size_t read = 0;
    int code = gather(&r, appends, count) != 0 ? append_no_memory(err) : 0;
    sort(&r.appends);
    sort(&r.reads);
    sort(&r.puts);
    sort(&r.emptied);
    sort(&r.seen);
    merge_reads(&r.reads);
    for (size_t from = 0; from < r.appends.count && code == 0; from = r.append_end)
        code = resolve_key(&r, from, &read, err);
    for (size_t i = 0; i < r.texts.count; i++)
        free(r.texts.items[i]);
    array_deinit(&r.texts);
    array_deinit(&r.appends);
    array_deinit(&r.reads);
    array_deinit(&r.puts);
    array_deinit(&r.emptied);
    array_deinit(&r.seen);
    array_deinit(&r.slots);
    array_deinit(&r.prefixes);
    return code;
}
