#include "chaos/history/append_internal.h"

#include <string.h>

#define SAME_MAX  8     /* appends of one text to one key */
#define STEPS_MAX 20000 /* of finding out which of them filled which slot */

struct choice {
    const struct resolver *resolver;
    const struct item *appends;
    const struct slot *slots; /* those needed */
    size_t append_count, slot_count;
    size_t taken[SAME_MAX], found[SAME_MAX]; /* by slot: the append that fills it */
    bool used[SAME_MAX];
    size_t ways, steps;
};

static bool may_stand_between(const struct item *put, const struct item *append, uint64_t read_end)
{
    return put->invoked < read_end && put->ended > append->invoked;
}

/* That no read shows it: it never happened, or something was put over it before the next read. */
static bool can_be_unread(const struct resolver *r, const struct item *append)
{
    uint64_t read_end = TIME_NEVER;
    if (append->ended == TIME_NEVER)
        return true;
    for (size_t i = r->seen_start; i < r->seen_end; i++)
        if (r->seen.items[i].invoked > append->ended && r->seen.items[i].ended < read_end)
            read_end = r->seen.items[i].ended;
    for (size_t i = r->put; i < r->put_end; i++)
        if (may_stand_between(&r->puts.items[i], append, read_end))
            return true;
    for (size_t i = r->emptied_start; i < r->emptied_end; i++)
        if (may_stand_between(&r->emptied.items[i], append, read_end))
            return true;
    return read_end == TIME_NEVER;
}

static bool can_fill(const struct item *append, const struct slot *s)
{
    return append->invoked < s->latest && append->ended > s->earliest;
}

/* Slot `inner` was filled before `outer` could be. */
static bool contains(const struct slot *outer, const struct slot *inner)
{
    return !outer->again && outer->start >= inner->end && memcmp(outer->read->text, inner->read->text, inner->end) == 0;
}

static bool in_order(const struct choice *c, size_t slot, size_t append)
{
    for (size_t i = 0; i < slot; i++) {
        const struct item *other = &c->appends[c->taken[i]], *own = &c->appends[append];
        if ((contains(&c->slots[slot], &c->slots[i]) && own->ended < other->invoked) ||
            (contains(&c->slots[i], &c->slots[slot]) && other->ended < own->invoked))
            return false;
    }
    return true;
}

/* Counts the ways to fill the slots from `slot` on; deep as there are slots, which are at most SAME_MAX. */
static void choose(struct choice *c, size_t slot)
{
    if (slot == c->slot_count) {
        for (size_t i = 0; i < c->append_count; i++)
            if (!c->used[i] && !can_be_unread(c->resolver, &c->appends[i]))
                return;
        if (c->ways++ == 0)
            memcpy(c->found, c->taken, sizeof c->found);
        return;
    }
    for (size_t i = 0; i < c->append_count && c->ways < 2 && c->steps < STEPS_MAX; i++) {
        c->steps++;
        if (c->used[i] || !can_fill(&c->appends[i], &c->slots[slot]))
            continue;
        c->taken[slot] = i;
        if (!in_order(c, slot, i))
            continue;
        c->used[i] = true;
        choose(c, slot + 1);
        c->used[i] = false;
    }
}

static int intern(struct resolver *r, const char *text, size_t len, int64_t *value, struct error *err)
{
    int code = history_text_value(r->history, text, len, value);
    return code != 0 ? error_set(err, code, "%s: the texts of the history do not fit in memory", r->name) : 0;
}

/* The append took the key from what stands before the slot to what ends with it. */
static int make_cas(struct resolver *r, const struct item *append, const struct slot *s, struct error *err)
{
    struct operation *o = &r->history->operations[append->operation];
    o->other = VALUE_NIL;
    int code = intern(r, s->read->text, s->end, &o->value, err);
    return code == 0 && s->start > 0 ? intern(r, s->read->text, s->start, &o->other, err) : code;
}

/* That nobody read the text shows in the text itself: a read of it would show the append. */
static int make_write(struct resolver *r, const struct item *append, struct error *err)
{
    struct text own = TEXT_INIT;
    struct operation *o = &r->history->operations[append->operation];
    text_printf(&own, "...%s (never read, %zu)", append->text, append->operation);
    int code = text_ok(&own) ? intern(r, text_string(&own), own.len, &o->value, err) : append_no_memory(err);
    text_deinit(&own);
    o->function = OPERATION_WRITE;
    return code;
}

static int fill(struct resolver *r, struct choice *c, const struct slot *slots, size_t count, struct error *err)
{
    int code = 0;
    for (size_t i = 0; i < c->append_count && code == 0; i++) {
        const struct item *x = &c->appends[i];
        const struct slot *mine = NULL;
        for (size_t s = 0; s < c->slot_count && c->ways > 0; s++)
            mine = c->found[s] == i ? &c->slots[s] : mine;
        for (size_t s = 0; s < count && mine == NULL; s++)
            if ((!slots[s].needed || slots[s].again) && can_fill(x, &slots[s]))
                return append_refuse(r, x, err, "it cannot be told whether this append is the one that was read");
        code = mine != NULL ? make_cas(r, x, mine, err) : make_write(r, x, err);
    }
    return code;
}

int append_fill(struct resolver *r, const struct item *appends, size_t append_count, const struct slot *slots,
                size_t count, struct error *err)
{
    struct slot needed[SAME_MAX];
    struct choice c = {.resolver = r, .appends = appends, .append_count = append_count, .slots = needed};
    if (append_count > SAME_MAX)
        return append_refuse(r, appends, err, "a text is appended to one key more often than the limit of 8");
    for (size_t s = 0; s < count && c.slot_count < SAME_MAX; s++)
        if (slots[s].needed)
            needed[c.slot_count++] = slots[s];
    /* Read in more places than it was appended: nothing explains that, whichever are taken. */
    if (c.slot_count > append_count)
        c.slot_count = append_count;
    c.ways = 1; /* of a text appended once there is nothing to find out */
    if (append_count > 1) {
        c.ways = 0;
        choose(&c, 0);
    }
    if (c.ways == 0 && c.steps < STEPS_MAX) {
        for (size_t s = 0; s < c.slot_count; s++)
            c.found[s] = s;
        c.ways = 1;
    }
    if (c.ways != 1 || c.steps >= STEPS_MAX)
        return append_refuse(r, appends, err, "a text is appended more than once and it cannot be told which was read");
    return fill(r, &c, slots, count, err);
}
