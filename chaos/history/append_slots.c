#include "chaos/history/append_internal.h"

#include <stdlib.h>
#include <string.h>

/* When what is read before the slot's text was last seen so. */
static uint64_t last_without(const struct resolver *r, size_t start)
{
    uint64_t last = 0;
    for (size_t i = 0; i < r->prefixes.count; i++) {
        const struct item *x = &r->reads.items[r->prefixes.items[i]];
        if (x->len <= start && x->invoked > last)
            last = x->invoked;
    }
    return last;
}

static uint64_t earliest_of(const struct resolver *r, bool again, size_t start, uint64_t begun)
{
    uint64_t without = again ? 0 : last_without(r, start);
    return without > begun ? without : begun;
}

/* Appended once, so that it is known which append it is. */
static bool is_alone(const struct resolver *r, const struct item *token)
{
    return token + 1 == &r->appends.items[r->append_end] || !append_same(token, token + 1);
}

/* What stands before an appended text was there when that append had ended. */
static void end_before(struct resolver *r, size_t from)
{
    uint64_t ended = TIME_NEVER;
    for (size_t i = r->slots.count; i-- > from;) {
        struct slot *s = &r->slots.items[i];
        s->latest = ended < s->latest ? ended : s->latest;
        if (is_alone(r, s->token) && s->token->ended < ended)
            ended = s->token->ended;
    }
}

/* The slots of one text that was read. One that is not put together of what was put and appended has none: nothing
 * explains it, which the check will find. */
static int add_slots(struct resolver *r, const struct item *read, size_t append)
{
    size_t before = r->slots.count, at = 0;
    const struct item *put = append_token(r->puts.items, r->put, r->put_end, read->text, read->len);
    bool again = put != NULL ? put + 1 < &r->puts.items[r->put_end] && append_same(put, put + 1) : r->empty_again;
    if (put != NULL && append_token(r->appends.items, append, r->append_end, read->text, read->len) != NULL)
        again = true;
    if (put != NULL && !again)
        at = put->len;
    uint64_t begun = at > 0 ? put->invoked : 0; /* the last invocation of what stands before the slot */
    while (at < read->len) {
        const struct item *token =
            append_token(r->appends.items, append, r->append_end, read->text + at, read->len - at);
        bool first = at == 0 && put != NULL;
        if (token == NULL && !first) {
            r->slots.count = before;
            return 0;
        }
        size_t len = token != NULL ? token->len : put->len;
        uint64_t latest = at == 0 && r->first_end < read->ended ? r->first_end : read->ended;
        struct slot s = {.read = read,
                         .token = token,
                         .start = at,
                         .end = at + len,
                         .earliest = earliest_of(r, again, at, begun),
                         .latest = latest,
                         .needed = !first,
                         .again = again && (at > 0 || r->empty_again)};
        if (token != NULL && !array_push(&r->slots, s))
            return ERROR_MEMORY;
        if (!first && is_alone(r, token) && token->invoked > begun)
            begun = token->invoked;
        at += len;
    }
    if (!again)
        end_before(r, before);
    return 0;
}

static int by_token(const void *a, const void *b)
{
    const struct slot *x = a, *y = b;
    if (x->token != y->token)
        return x->token < y->token ? -1 : 1;
    return append_compare(x->read->text, x->end, y->read->text, y->end);
}

/* Slots seen in several reads become one. */
static void merge_slots(struct resolver *r)
{
    size_t kept = 0;
    if (r->slots.count > 0)
        qsort(r->slots.items, r->slots.count, sizeof *r->slots.items, by_token);
    for (size_t i = 0; i < r->slots.count; i++) {
        struct slot *x = &r->slots.items[i], *last = kept > 0 ? &r->slots.items[kept - 1] : NULL;
        if (last == NULL || by_token(last, x) != 0) {
            r->slots.items[kept++] = *x;
            continue;
        }
        last->latest = x->latest < last->latest ? x->latest : last->latest;
        last->earliest = x->earliest > last->earliest ? x->earliest : last->earliest;
    }
    r->slots.count = kept;
}

int append_find_slots(struct resolver *r, size_t append, size_t *read)
{
    int code = 0;
    array_clear(&r->slots);
    array_clear(&r->prefixes);
    *read = append_start_of_key(&r->reads, *read, r->key);
    for (; code == 0 && *read < r->reads.count && r->reads.items[*read].key == r->key; ++*read) {
        const struct item *x = &r->reads.items[*read], *p;
        /* Sorted, a text comes behind all that it begins with. */
        while (r->prefixes.count > 0 && (p = &r->reads.items[*array_last(&r->prefixes)]) != NULL &&
               (p->len > x->len || memcmp(p->text, x->text, p->len) != 0))
            (void)array_pop(&r->prefixes);
        code = array_push(&r->prefixes, *read) ? add_slots(r, x, append) : ERROR_MEMORY;
    }
    merge_slots(r);
    return code;
}
