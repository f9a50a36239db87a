#include "chaos/check/transaction_group.h"

#include "chaos/check/transaction_frontier.h"

#include <stdlib.h>
#include <string.h>

/* ---- reducing ---- */

static struct part *find_part(struct group *g, uint32_t from, uint32_t key)
{
    for (size_t i = from; i < g->parts.count; i++)
        if (g->parts.items[i].key == key)
            return &g->parts.items[i];
    return NULL;
}

/* 0 with the task at the end of g->tasks; 1: it says nothing; 2: it contradicts itself; ERROR_MEMORY. */
static int reduce(struct group *g, uint32_t number)
{
    const struct operation *o = &g->h->operations[number];
    const int64_t single[PART_SIZE] = {o->function, o->key, o->value}, *items = single;
    size_t count = PART_SIZE, first = g->parts.count;
    struct task t = {.operation = number, .must = o->end == END_OK, .reads = (uint32_t)first};
    if (o->end == END_FAIL)
        return 1;
    if (o->function == OPERATION_TXN)
        items = history_list(g->h, o, &count);
    /* What is asked for first, then what is left, in two rounds, so that each stands together. */
    for (size_t i = 0; t.must && i < count; i += PART_SIZE) {
        uint32_t key = table_add(&g->keys, 0, items[i + PART_KEY]);
        uint32_t value = table_add(&g->values, 0, items[i + PART_VALUE]);
        if (key == TABLE_NONE || value == TABLE_NONE)
            return ERROR_MEMORY;
        const int64_t *writer = NULL;
        for (size_t n = 0; n < i; n += PART_SIZE)
            if (items[n + PART_FUNCTION] == OPERATION_WRITE && items[n + PART_KEY] == items[i + PART_KEY])
                writer = &items[n];
        if (items[i + PART_FUNCTION] != OPERATION_READ)
            continue;
        const struct part *known = find_part(g, t.reads, key);
        if (writer != NULL ? writer[PART_VALUE] != items[i + PART_VALUE] : known != NULL && known->value != value)
            return 2;
        if (writer == NULL && known == NULL && !array_push(&g->parts, ((struct part){key, value})))
            return ERROR_MEMORY;
    }
    t.read_count = (uint32_t)(g->parts.count - first);
    t.writes = (uint32_t)g->parts.count;
    for (size_t i = 0; i < count; i += PART_SIZE) {
        if (items[i + PART_FUNCTION] != OPERATION_WRITE)
            continue;
        uint32_t key = table_add(&g->keys, 0, items[i + PART_KEY]);
        uint32_t value = table_add(&g->values, 0, items[i + PART_VALUE]);
        if (key == TABLE_NONE || value == TABLE_NONE)
            return ERROR_MEMORY;
        struct part *known = find_part(g, t.writes, key);
        if (known != NULL)
            known->value = value;
        else if (!array_push(&g->parts, ((struct part){key, value})))
            return ERROR_MEMORY;
    }
    t.write_count = (uint32_t)(g->parts.count - t.writes);
    if (t.write_count == 0 && !(t.must && t.read_count > 0))
        return 1;
    g->operations[g->task_count] = number;
    g->tasks[g->task_count++] = t;
    return 0;
}

/* ---- events ---- */

static void begin_task(struct group *g, size_t number)
{
    const struct task *t = &g->tasks[number];
    size_t slot = g->line.items[number].slot;
    g->task_of[slot] = (uint32_t)number;
    bit_set(g->open, slot);
    for (size_t i = 0; i < (size_t)t->read_count + t->write_count; i++)
        bit_set(&g->touching[reads_of(g, t)[i].key * g->words], slot);
    for (size_t i = 0; i < g->now.count; i++) {
        uint64_t *c = &g->now.items[i * g->stride];
        if (t->write_count > 0)
            bit_set(usable_of(g, c), slot);
        if (t->must && (t->write_count > 0 || !group_holds(g, registers_of(c), t)))
            bit_set(must_of(g, c), slot);
    }
}

/* The open transactions that share a register with `t`, or with one that does, and so on. */
static void mark_relevant(struct group *g, size_t number)
{
    memset(g->relevant, 0, g->words * sizeof *g->relevant);
    bit_set(g->relevant, g->line.items[number].slot);
    for (bool more = true; more;) {
        more = false;
        for (size_t w = 0; w < g->words; w++) {
            for (uint64_t left = g->open[w] & ~g->relevant[w]; left != 0; left &= left - 1) {
                size_t slot = w * 64 + (size_t)__builtin_ctzll(left);
                const struct task *t = &g->tasks[g->task_of[slot]];
                bool shares = false;
                for (size_t i = 0; !shares && i < (size_t)t->read_count + t->write_count; i++)
                    for (size_t v = 0; v < g->words; v++)
                        shares = shares || (g->touching[reads_of(g, t)[i].key * g->words + v] & g->relevant[v]) != 0;
                if (shares) {
                    bit_set(g->relevant, slot);
                    more = true;
                }
            }
        }
    }
}

/* The transaction is placed and can be forgotten; so can what was placed for it. */
static bool settle(struct group *g, uint64_t *c, size_t slot)
{
    bit_clear(must_of(g, c), slot);
    bit_clear(usable_of(g, c), slot);
    memset(loose_of(g, c), 0, g->words * sizeof *c);
    return group_pool_add(g, &g->later, c);
}

/* Whether all that was placed before the transaction shares a register with something behind it. */
static bool all_needed(const struct group *g, uint64_t *c, const struct task *t, size_t slot)
{
    const uint64_t *loose = loose_of(g, c);
    for (size_t w = 0; w < g->words; w++) {
        for (uint64_t left = loose[w]; left != 0; left &= left - 1) {
            size_t other = w * 64 + (size_t)__builtin_ctzll(left);
            bool needed = other == slot;
            for (size_t i = 0; !needed && i < (size_t)t->read_count + t->write_count; i++)
                needed = group_touches(g, &g->tasks[g->task_of[other]], reads_of(g, t)[i].key);
            if (!needed)
                return false;
        }
    }
    return true;
}

/* Every way to place the transaction from the trails there are. */
static bool demand(struct group *g, size_t number)
{
    const struct task *t = &g->tasks[number];
    size_t goal = g->line.items[number].slot;
    for (size_t i = 0; i < g->trails.count; i++) {
        for (size_t w = 0; w < g->words && !g->trails.dead[i]; w++) {
            for (uint64_t left = usable_of(g, &g->trails.items[i * g->stride])[w] & g->relevant[w]; left != 0;
                 left &= left - 1) {
                size_t slot = w * 64 + (size_t)__builtin_ctzll(left);
                memcpy(g->room, &g->trails.items[i * g->stride], g->stride * sizeof *g->room);
                if (!budget_step(g->budget))
                    return false;
                if (!group_holds(g, registers_of(g->room), &g->tasks[g->task_of[slot]]))
                    continue;
                group_place(g, g->room, slot);
                bool done = slot == goal || (t->write_count == 0 && !bit_get(must_of(g, g->room), goal));
                if (done && !all_needed(g, g->room, t, goal))
                    continue;
                if (done ? !settle(g, g->room, goal) : !group_pool_add(g, &g->trails, g->room))
                    return false;
            }
        }
    }
    return true;
}

static bool end_task(struct group *g, size_t number)
{
    size_t slot = g->line.items[number].slot;
    const struct task *t = &g->tasks[number];
    group_pool_clear(&g->later);
    group_pool_clear(&g->trails);
    mark_relevant(g, number);
    for (size_t i = 0; i < g->now.count; i++) {
        uint64_t *c = &g->now.items[i * g->stride];
        bool must = bit_get(must_of(g, c), slot), usable = bit_get(usable_of(g, c), slot);
        if ((must || usable) && !group_pool_add(g, &g->trails, c))
            return false;
        if (!must && !settle(g, c, slot)) /* it was placed, or it stands hidden */
            return false;
    }
    if (!demand(g, number))
        return false;
    bit_clear(g->open, slot);
    for (size_t i = 0; i < (size_t)t->read_count + t->write_count; i++)
        bit_clear(&g->touching[reads_of(g, t)[i].key * g->words], slot);
    struct pool done = g->now;
    g->now = g->later;
    g->later = done;
    size_t kept = 0;
    for (size_t i = 0; i < g->now.count; i++) {
        if (g->now.dead[i])
            continue;
        if (kept < i)
            memcpy(&g->now.items[kept * g->stride], &g->now.items[i * g->stride], g->stride * sizeof *g->now.items);
        kept++;
    }
    g->now.count = kept;
    g->ended++;
    return true;
}

/* ---- one group ---- */

/* Leaves out what may have happened and writes nothing anybody saw. */
static int drop_unseen(struct group *g)
{
    struct table seen = {0};
    size_t kept = 0;
    int code = 0;
    for (size_t i = 0; i < g->task_count; i++)
        for (size_t n = 0; n < g->tasks[i].read_count; n++)
            if (table_add(&seen, reads_of(g, &g->tasks[i])[n].key, reads_of(g, &g->tasks[i])[n].value) == TABLE_NONE)
                code = ERROR_MEMORY;
    for (size_t i = 0; code == 0 && i < g->task_count; i++) {
        const struct task *t = &g->tasks[i];
        bool keep = t->must;
        for (size_t n = 0; !keep && n < t->write_count; n++)
            keep = table_find(&seen, writes_of(g, t)[n].key, writes_of(g, t)[n].value) != TABLE_NONE;
        g->operations[kept] = t->operation;
        g->tasks[kept] = *t;
        kept += keep;
    }
    g->task_count = kept;
    table_deinit(&seen);
    return code;
}

static void *take(struct group *g, size_t count, size_t size, int *code)
{
    if (*code != 0)
        return NULL;
    if (!budget_take(g->budget, count * size)) {
        *code = ERROR_CANCELLED;
        return NULL;
    }
    g->taken += count * size;
    void *memory = calloc(count, size);
    if (memory == NULL)
        *code = ERROR_MEMORY;
    return memory;
}

static int prepare(struct group *g, uint32_t initial)
{
    bool *ends = calloc(g->task_count + 1, sizeof *ends);
    int code = ends != NULL ? 0 : ERROR_MEMORY;
    for (size_t i = 0; code == 0 && i < g->task_count; i++)
        ends[i] = g->tasks[i].must;
    if (code == 0)
        code = timeline_make(g->h, g->operations, ends, g->task_count, &g->line);
    free(ends);
    g->key_count = g->keys.count;
    g->words = g->line.slots / 64 + 1;
    g->stride = (g->key_count + 1) / 2 + 3 * g->words;
    g->task_of = take(g, g->line.slots + 1, sizeof *g->task_of, &code);
    g->touching = take(g, (g->key_count + 1) * g->words, sizeof *g->touching, &code);
    g->open = take(g, g->words, sizeof *g->open, &code);
    g->relevant = take(g, g->words, sizeof *g->relevant, &code);
    g->room = take(g, g->stride, sizeof *g->room, &code);
    if (code == 0 &&
        (!group_pool_room(g, &g->now, 64) || !group_pool_room(g, &g->later, 64) || !group_pool_room(g, &g->trails, 64)))
        code = g->budget->full ? ERROR_CANCELLED : ERROR_MEMORY;
    if (code != 0)
        return code;
    for (size_t i = 0; i < g->key_count; i++)
        registers_of(g->room)[i] = initial;
    return group_pool_add(g, &g->now, g->room) ? 0 : ERROR_CANCELLED;
}

/* All that had to be placed by event `last` of what cannot be. */
static int blame(struct group *g, size_t last, struct check_result *out)
{
    const struct operation *o = &g->h->operations[g->tasks[g->line.events[last] / 2].operation];
    struct text words = TEXT_INIT;
    int code = 0;
    history_print_operation(g->h, (size_t)(o - g->h->operations), g->h->operations[0].invoked, &words);
    say_invalid(out, out->key, NULL, 0, "no order of the transactions explains them beyond: %s", text_string(&words));
    for (size_t i = 0; code == 0 && i < g->task_count; i++)
        if (g->tasks[i].must && g->line.items[i].call < last && !check_result_add(out, g->tasks[i].operation))
            code = ERROR_MEMORY;
    text_deinit(&words);
    return code;
}

static int solve(struct group *g, struct check_result *out)
{
    for (size_t e = 0; e < g->line.event_count; e++) {
        size_t number = g->line.events[e] / 2;
        if ((g->line.events[e] & 1) == 0)
            begin_task(g, number);
        else if (!end_task(g, number))
            return g->budget->stopped || g->budget->full ? ERROR_CANCELLED : ERROR_MEMORY;
        if (g->now.count == 0)
            return blame(g, e, out);
    }
    return 0;
}

int transaction_group(const struct history *h, const uint32_t *operations, size_t count, struct budget *b,
                      struct check_result *out)
{
    struct group g = {.h = h, .budget = b};
    int code = 0;
    g.tasks = take(&g, count + 1, sizeof *g.tasks + TIMELINE_BYTES, &code);
    g.operations = take(&g, count + 1, sizeof *g.operations, &code);
    uint32_t initial = code == 0 ? table_add(&g.values, 0, b->limits->initial) : 0;
    if (initial == TABLE_NONE)
        code = ERROR_MEMORY;
    for (size_t i = 0; code >= 0 && code < 2 && i < count; i++) {
        size_t before = g.parts.count;
        code = reduce(&g, operations[i]);
        if (code == 1)
            g.parts.count = before;
        if (code == 2) {
            say_invalid(out, out->key, (size_t[]){operations[i]}, 1,
                        "a transaction of process %d reads a register in two ways that exclude each other",
                        h->operations[operations[i]].process);
        }
    }
    if (code == 0 || code == 1)
        code = drop_unseen(&g);
    if (code == 0)
        code = prepare(&g, initial);
    if (code == 0)
        code = solve(&g, out);
    if (code == ERROR_CANCELLED) {
        budget_unknown(b, out, out->key, g.ended);
        code = 0;
    } else if (code == ERROR_LIMIT) {
        timeline_too_many(out, out->key);
        code = 0;
    }
    free(g.tasks);
    free(g.operations);
    array_deinit(&g.parts);
    table_deinit(&g.keys);
    table_deinit(&g.values);
    timeline_deinit(&g.line);
    free(g.task_of);
    free(g.touching);
    free(g.open);
    free(g.relevant);
    free(g.room);
    group_pool_deinit(&g.now);
    group_pool_deinit(&g.later);
    group_pool_deinit(&g.trails);
    budget_give(b, g.taken);
    return code == 2 ? 0 : code;
}
