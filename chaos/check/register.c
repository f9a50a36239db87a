/* The zone test. All operations on one written value form a cluster: its write and the reads that saw it. With
 *     f = the earliest end in the cluster,  s = the latest invocation in it,
 * some operation of the cluster had ended at f and some had not begun before s. A register can be ordered exactly when
 * no read ends before its write begins and no two clusters i, j have f_i < s_j and f_j < s_i: each would have to come
 * before the other. A cluster with f < s is a forward zone, else a backward one; two backward zones never conflict, so
 * it is enough that forward zones are disjoint and no backward one lies inside a forward one.
 *
 * Here all times are one more than in the history, so that 0 is before everything: the absent value (VALUE_NIL) is a
 * cluster whose write ended then. A write with unknown end has no end; if nobody read it, it never happened.
 *
 * Clusters are gathered in one pass through a hash table that keeps values written one after the other in neighbouring
 * slots, for operations near in time name values near each other. In the order they are first met the zones are almost
 * sorted by f already, which the merge sort (chaos/check/zone.h) makes use of. */
#include "chaos/check/inside.h"
#include "chaos/check/zone.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS_MIN ((size_t)64)

static bool says_something(const struct operation *o)
{
    return o->function == OPERATION_WRITE ? o->end != END_FAIL : o->function == OPERATION_READ && o->end == END_OK;
}

/* No memory for the witness: it is left out, the verdict stands. */
static void fail(struct check_result *out, uint32_t key, const uint32_t *witness, size_t count, const char *reason)
{
    out->verdict = VERDICT_INVALID;
    out->key = key;
    for (size_t i = 0; i < count; i++)
        if (witness[i] != ZONE_NONE)
            check_result_add(out, witness[i]);
    snprintf(out->reason, sizeof out->reason, "%s", reason);
}

/* ---- gathering ---- */

struct gathering {
    struct zone *zones;
    size_t count, capacity;
    uint32_t *slots; /* zone + 1; 0: free. Never more than half full */
    size_t slot_count;
};

/* Values of one block of 1,024 stay together; the blocks and the keys are spread. */
static size_t slot_of(const struct gathering *g, uint32_t key, int64_t value)
{
    uint64_t block = ((uint64_t)value >> 10 ^ (uint64_t)key << 40) * UINT64_C(0x9E3779B97F4A7C15);
    return ((size_t)(block >> 20) + (size_t)value) & (g->slot_count - 1);
}

static uint32_t *find_slot(const struct gathering *g, uint32_t key, int64_t value)
{
    size_t slot = slot_of(g, key, value);
    while (g->slots[slot] != 0) {
        const struct zone *z = &g->zones[g->slots[slot] - 1];
        if (z->value == value && z->key == key)
            break;
        slot = (slot + 1) & (g->slot_count - 1);
    }
    return &g->slots[slot];
}

static bool grow(struct gathering *g)
{
    size_t slot_count = g->slot_count > 0 ? g->slot_count * 4 : SLOTS_MIN, capacity = slot_count / 2;
    struct zone *zones = realloc(g->zones, capacity * sizeof *zones);
    if (zones == NULL)
        return false;
    g->zones = zones;
    uint32_t *slots = calloc(slot_count, sizeof *slots);
    if (slots == NULL)
        return false;
    free(g->slots);
    g->slots = slots;
    g->slot_count = slot_count;
    g->capacity = capacity;
    for (size_t i = 0; i < g->count; i++)
        *find_slot(g, g->zones[i].key, g->zones[i].value) = (uint32_t)i + 1;
    return true;
}

/* The zone of a key's value, made on first use; NULL: no memory. */
static struct zone *zone_of(struct gathering *g, uint32_t key, int64_t value)
{
    if (g->count == g->capacity && !grow(g))
        return NULL;
    uint32_t *slot = find_slot(g, key, value);
    if (*slot != 0)
        return &g->zones[*slot - 1];
    struct zone *z = &g->zones[g->count];
    *z = (struct zone){.key = key,
                       .value = value,
                       .first_end = value == VALUE_NIL ? 0 : UINT64_MAX,
                       .ends_at = ZONE_NONE,
                       .begins_at = ZONE_NONE,
                       .write = ZONE_NONE};
    *slot = (uint32_t)++g->count;
    return z;
}

/* False when two operations claim to have written the zone's value. */
static bool widen(struct zone *z, const struct operation *o, uint32_t index)
{
    if (o->function == OPERATION_READ)
        z->read = true;
    else if (z->write != ZONE_NONE)
        return false;
    else {
        z->write = index;
        z->known = o->end == END_OK;
    }
    uint64_t ended = o->ended == UINT64_MAX ? UINT64_MAX : o->ended + 1, invoked = o->invoked + 1;
    if (ended < z->first_end) {
        z->first_end = ended;
        z->ends_at = index;
    }
    if (invoked > z->last_invoked) {
        z->last_invoked = invoked;
        z->begins_at = index;
    }
    return true;
}

/* 0, with the verdict in `out` when it is in; or ERROR_MEMORY. */
static int gather(struct gathering *g, const struct history *h, const struct check_limits *limits, bool *repeated,
                  struct check_result *out)
{
    for (size_t i = 0; i < h->count; i++) {
        const struct operation *o = &h->operations[i];
        if (stop_asked(limits, i))
            return ERROR_CANCELLED;
        if (!says_something(o))
            continue;
        *repeated = *repeated || (o->function == OPERATION_WRITE && o->value == VALUE_NIL);
        struct zone *z = zone_of(g, o->key, o->value);
        if (z == NULL)
            return ERROR_MEMORY;
        if (!widen(z, o, (uint32_t)i)) {
            *repeated = true;
            fail(out, o->key, (uint32_t[]){z->write, (uint32_t)i}, 2, "two writes of one value: values must be unique");
            return 0;
        }
    }
    return 0;
}

/* What one zone alone can show. False: the verdict is in. */
static bool check_zone(const struct history *h, const struct zone *z, struct check_result *out)
{
    if (z->value == VALUE_NIL)
        return true;
    if (z->write == ZONE_NONE) {
        fail(out, z->key, &z->begins_at, 1, "a value was read that nobody wrote, or whose write failed");
        return false;
    }
    /* If any read ended before the write began, the cluster's first end is that of a read. */
    if (z->ends_at != z->write && z->ends_at != ZONE_NONE && z->first_end - 1 < h->operations[z->write].invoked) {
        fail(out, z->key, (uint32_t[]){z->ends_at, z->write}, 2, "a read ended before its value's write began");
        return false;
    }
    return true;
}

/* ---- zones against each other ---- */

static bool conflict(const struct zone *a, const struct zone *b)
{
    return a->first_end < b->last_invoked && b->first_end < a->last_invoked;
}

static void fail_pair(const struct history *h, const struct zone *a, const struct zone *b, struct check_result *out)
{
    struct text reason = TEXT_INIT;
    text_puts(&reason, "key ");
    history_print_key(h, a->key, &reason);
    if (a->value == VALUE_NIL || b->value == VALUE_NIL) {
        text_puts(&reason, " was read as absent although value ");
        history_print_value(h, a->value != VALUE_NIL ? a->value : b->value, &reason);
        text_puts(&reason, " had been written and not replaced");
    } else {
        text_puts(&reason, ": the values ");
        history_print_value(h, a->value, &reason);
        text_puts(&reason, " and ");
        history_print_value(h, b->value, &reason);
        text_puts(&reason, " must each come before the other, so no order explains these operations");
    }
    fail(out, a->key, (uint32_t[]){a->ends_at, a->begins_at, b->ends_at, b->begins_at}, 4, text_string(&reason));
    text_deinit(&reason);
}

static bool is_forward(const struct zone *z)
{
    return z->first_end < z->last_invoked;
}

/* `zones` of one key, ordered by first end; `forward` has room for as many. */
static bool check_zones(const struct history *h, const struct zone *zones, size_t count, const struct zone **forward,
                        struct check_result *out)
{
    size_t forward_count = 0, before = 0;
    for (size_t i = 0; i < count; i++) {
        const struct zone *z = &zones[i];
        if (!is_forward(z))
            continue;
        if (forward_count > 0 && conflict(forward[forward_count - 1], z)) {
            fail_pair(h, forward[forward_count - 1], z, out);
            return false;
        }
        forward[forward_count++] = z;
    }
    for (size_t i = 0; i < count; i++) {
        const struct zone *z = &zones[i];
        if (is_forward(z))
            continue;
        /* Forward zones are disjoint: only the last one that begins before this one can hold it. Zones come by their
         * first end, so their last invocation moves back and forth only a little. */
        while (before < forward_count && forward[before]->first_end < z->last_invoked)
            before++;
        while (before > 0 && forward[before - 1]->first_end >= z->last_invoked)
            before--;
        if (before > 0 && conflict(forward[before - 1], z)) {
            fail_pair(h, forward[before - 1], z, out);
            return false;
        }
    }
    return true;
}

static int compare_zones(const struct history *h, struct gathering *g, struct check_result *out)
{
    const struct zone **forward = malloc((g->count + 1) * sizeof *forward);
    int code = forward != NULL ? zone_sort(&g->zones, g->count) : ERROR_MEMORY;
    bool valid = code == 0;
    for (size_t i = 0; valid && i < g->count;) {
        size_t count = 1;
        while (i + count < g->count && g->zones[i + count].key == g->zones[i].key)
            count++;
        valid = check_zones(h, &g->zones[i], count, forward, out);
        i += count;
    }
    free(forward);
    return code;
}

int check_register(const struct history *h, struct check_result *out)
{
    const struct check_limits limits = CHECK_LIMITS_DEFAULT;
    bool repeated;
    return check_zones_of(h, &limits, &repeated, out);
}

int check_zones_of(const struct history *h, const struct check_limits *limits, bool *repeated, struct check_result *out)
{
    struct gathering g = {0};
    *repeated = false;
    check_result_deinit(out);
    out->checked = h->count;
    if (h->count >= ZONE_NONE)
        return ERROR_LIMIT;
    int code = gather(&g, h, limits, repeated, out);
    free(g.slots);
    size_t kept = 0;
    for (size_t i = 0; code == 0 && out->verdict == VERDICT_VALID && i < g.count; i++) {
        const struct zone *z = &g.zones[i];
        bool never_happened = z->write != ZONE_NONE && !z->known && !z->read;
        if (check_zone(h, z, out) && !never_happened)
            g.zones[kept++] = *z;
    }
    g.count = kept;
    if (code == 0 && out->verdict == VERDICT_VALID)
        code = compare_zones(h, &g, out);
    free(g.zones);
    return code;
}
