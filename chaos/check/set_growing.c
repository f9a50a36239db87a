/* Snapshots of a set from which nothing is removed: each longer one has all that shorter ones have, which puts them and
 * the additions in an order. */
#include "chaos/check/set_inside.h"

#include <stdlib.h>

struct listing {
    size_t count;
    uint32_t index;
};

static int by_count(const void *a, const void *b)
{
    const struct listing *x = a, *y = b;
    if (x->count != y->count)
        return x->count < y->count ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

struct latest {
    uint64_t invoked;
    uint32_t index;
};

/* The operation has to come after all those before it: it must not have ended before one of them began. */
static bool in_order(const struct set *s, uint32_t index, const struct latest *before, struct check_result *out)
{
    const struct operation *o = &s->h->operations[index];
    if (before->index == NO_OPERATION || o->ended >= before->invoked)
        return true;
    struct text a = TEXT_INIT;
    word key;
    history_print_operation(s->h, index, s->h->operations[0].invoked, &a);
    say_invalid(out, s->key, (size_t[]){index, before->index}, 2,
                "what reads of %s saw puts this later than what began "
                "after it: %s",
                key_word(s->h, s->key, key), text_string(&a));
    text_deinit(&a);
    return false;
}

static void came(const struct set *s, uint32_t index, struct latest *l)
{
    uint64_t invoked = s->h->operations[index].invoked;
    if (l->index == NO_OPERATION || invoked > l->invoked)
        *l = (struct latest){invoked, index};
}

int set_check_growing(struct set *s, struct check_result *out)
{
    struct listing *order = malloc((s->reads.count + 1) * sizeof *order);
    size_t known = 0;
    struct latest before = {0, NO_OPERATION};
    if (order == NULL)
        return ERROR_MEMORY;
    for (size_t i = 0; i < s->reads.count; i++) {
        order[i].index = s->reads.items[i];
        history_list(s->h, &s->h->operations[order[i].index], &order[i].count);
    }
    if (s->reads.count > 0)
        qsort(order, s->reads.count, sizeof *order, by_count);
    for (size_t i = 0; i < s->elements.count; i++)
        s->elements.items[i].seen_at = NO_OPERATION;
    for (size_t i = 0; i < s->reads.count && out->verdict == VERDICT_VALID;) {
        size_t count, group = i + 1, next;
        const int64_t *items = history_list(s->h, &s->h->operations[order[i].index], &count);
        struct latest added = before, read = {0, NO_OPERATION};
        /* What is new in this list was added in between. */
        size_t old = 0;
        for (size_t n = 0; n < count && out->verdict == VERDICT_VALID; n++) {
            struct element *e = &s->elements.items[table_find(&s->values, 0, items[n])];
            old += e->seen_at != NO_OPERATION;
            if (e->seen_at == NO_OPERATION && in_order(s, e->add, &before, out))
                came(s, e->add, &added);
            e->seen_at = order[i].index;
        }
        if (out->verdict == VERDICT_VALID && old != known) {
            word key;
            say_invalid(out, s->key, (size_t[]){order[i - 1].index, order[i].index}, 2,
                        "two reads of %s each saw something that the other did not, and nothing is ever removed",
                        key_word(s->h, s->key, key));
        }
        known = count;
        /* Reads of the same length have to be the same. */
        for (; group < s->reads.count; group++) {
            const int64_t *others = history_list(s->h, &s->h->operations[order[group].index], &next);
            if (next != count)
                break;
            for (size_t n = 0; n < count && out->verdict == VERDICT_VALID; n++)
                if (s->elements.items[table_find(&s->values, 0, others[n])].seen_at == NO_OPERATION) {
                    word key;
                    say_invalid(
                        out, s->key, (size_t[]){order[i].index, order[group].index}, 2,
                        "two reads of %s each saw something that the other did not, and nothing is ever removed",
                        key_word(s->h, s->key, key));
                }
        }
        for (size_t n = i; n < group && out->verdict == VERDICT_VALID; n++)
            if (in_order(s, order[n].index, &added, out))
                came(s, order[n].index, &read);
        before = added;
        if (read.index != NO_OPERATION)
            came(s, read.index, &before);
        i = group;
    }
    for (size_t i = 0; i < s->elements.count && out->verdict == VERDICT_VALID; i++) {
        const struct element *e = &s->elements.items[i];
        if (e->seen_at == NO_OPERATION && e->add != NO_OPERATION)
            in_order(s, e->add, &before, out);
    }
    free(order);
    return 0;
}
