#include "chaos/check/frontier_set.h"

#include <stdlib.h>
#include <string.h>

/* ---- events ---- */

static bool has_to(const struct pass *p, uint32_t number)
{
    const struct task *t = &p->course->tasks[number];
    return t->must && t->call >= p->options.begin && (p->options.keep == NULL || p->options.keep[number]);
}

static void begin_task(struct pass *p, uint32_t number)
{
    const struct task *t = &p->course->tasks[number];
    bool must = has_to(p, number);
    frontier_open_task(p, number);
    for (size_t i = 0; i < p->now.count; i++) {
        uint64_t *c = &p->now.configurations[i * p->stride];
        bool here = t->kind == TASK_READ    ? head_of(c)->value == t->from
                    : t->kind == TASK_OTHER ? head_of(c)->value != t->from
                                            : false;
        if (must && !here)
            bit_set(must_of(c), t->slot);
        if (t->kind == TASK_WRITE || t->kind == TASK_CAS)
            bit_set(usable_of(p, c), t->slot);
    }
}

/* False: no room, or asked to stop. */
static bool end_task(struct pass *p, uint32_t number, uint64_t *room, uint64_t *writes)
{
    const struct task *t = &p->course->tasks[number];
    struct frontier *f = &p->later;
    bool reach_marked = false;
    size_t slot = t->slot;
    f->count = f->alive = 0;
    memset(p->buckets, 0, p->bucket_count * sizeof *p->buckets);
    for (size_t i = 0; i < p->now.count; i++) {
        uint64_t *c = &p->now.configurations[i * p->stride];
        bool must = bit_get(must_of(c), slot), usable = bit_get(usable_of(p, c), slot);
        if (!budget_step(p->budget))
            return false;
        if ((must && t->kind != TASK_WRITE) || (usable && t->kind == TASK_CAS)) {
            if (!reach_marked)
                frontier_mark_reach(p, t);
            reach_marked = true;
            if (!frontier_demand(p, c, t, room, writes))
                return false;
            if (must)
                continue; /* else it is free not to have happened, as well */
        }
        if (t->kind == TASK_WRITE && usable) {
            uint16_t covered = head_of(c)->covered;
            memcpy(room, c, p->stride * sizeof *room);
            frontier_live_write(p, room, slot);
            frontier_forget_slot(p, room, slot);
            if (!frontier_insert(p, room))
                return false;
            if (must)
                continue;
            bit_clear(usable_of(p, c), slot);
            if (covered != SLOT_NONE && bit_get(mask_at(p, p->older, covered), slot)) {
                frontier_explain(p, must_of(c), t->to, mask_at(p, p->older, covered));
                frontier_add_token(p, c, t->to, covered);
            }
        }
        frontier_forget_slot(p, c, slot);
        if (!frontier_insert(p, c))
            return false;
    }
    frontier_close_task(p, number);
    if (f->alive < f->count) {
        size_t at = 0;
        for (size_t i = 0; i < f->count; i++)
            if (!f->dead[i])
                memmove(&f->configurations[at++ * p->stride], &f->configurations[i * p->stride],
                        p->stride * sizeof *f->configurations);
        f->count = at;
    }
    if (f->count > p->options.width)
        frontier_cut(p, f);
    if (f->count > p->widest)
        p->widest = f->count;
    struct frontier done = p->now;
    p->now = p->later;
    p->later = done;
    return true;
}

enum pass_end pass_run(struct pass *p, size_t pause)
{
    const struct course *c = p->course;
    size_t stop = p->options.stop < pause ? p->options.stop : pause;
    uint64_t *room = malloc((p->stride + 1 + c->words) * sizeof *room);
    enum pass_end end = room != NULL ? PASS_THROUGH : PASS_NO_MEMORY;
    for (; end == PASS_THROUGH && p->event < stop; p->event++) {
        uint32_t e = c->events[p->event];
        if ((e & 1) == 0)
            begin_task(p, e / 2);
        else if (!end_task(p, e / 2, room, &room[p->stride + 1]))
            end = p->budget->stopped || p->budget->full ? PASS_BUDGET : PASS_NO_MEMORY;
        else if (p->now.count == 0)
            end = PASS_DIED;
        if (end != PASS_THROUGH)
            break;
    }
    free(room);
    return end;
}

/* ---- life ---- */

static void *take(struct pass *p, size_t count, size_t size, int *code)
{
    if (*code != 0)
        return NULL;
    if (!budget_take(p->budget, count * size)) {
        *code = ERROR_CANCELLED;
        return NULL;
    }
    p->taken += count * size;
    void *memory = calloc(count, size);
    if (memory == NULL)
        *code = ERROR_MEMORY;
    return memory;
}

static bool push_start(struct pass *p, uint32_t value)
{
    if (p->now.count == p->now.capacity && !frontier_room(p, &p->now, p->now.capacity * 2))
        return false;
    uint64_t *c = &p->now.configurations[p->now.count++ * p->stride];
    memset(c, 0, p->stride * sizeof *c);
    *head_of(c) = (struct head){.value = value, .covered = SLOT_NONE};
    for (uint16_t s = p->newest; s != SLOT_NONE; s = p->previous[s])
        if (task_at(p, s)->kind == TASK_WRITE || task_at(p, s)->kind == TASK_CAS)
            bit_set(usable_of(p, c), s);
    return true;
}

/* Every value that may be there at options.begin and that anything up to options.stop looks at; one other for the rest,
 * the initial one, if that is none of them. */
static bool start_anywhere(struct pass *p)
{
    const struct course *c = p->course;
    p->reach_stamp++;
    bool other = false;
    for (size_t e = 0; e < p->options.stop; e++) {
        const struct task *t = &c->tasks[c->events[e] / 2];
        if ((c->events[e] & 1) != 0 || (t->end != TASK_NONE && t->end < p->options.begin))
            continue;
        if (t->kind != TASK_WRITE && !frontier_reaches(p, t->from)) {
            p->reach[t->from] = p->reach_stamp;
            if ((t->from == c->initial || c->first[t->from] < p->options.begin) && !push_start(p, t->from))
                return false;
        }
    }
    for (size_t v = 0; !other && v < c->value_count; v++)
        if (!frontier_reaches(p, (uint32_t)v) && (v == c->initial || c->first[v] < p->options.begin)) {
            other = true;
            if (!push_start(p, (uint32_t)v))
                return false;
        }
    return true;
}

int pass_init(struct pass *p, const struct course *c, struct budget *b, const struct pass_options *options,
              const struct saved_frontier *from)
{
    *p = (struct pass){.course = c, .budget = b, .options = *options, .newest = SLOT_NONE};
    size_t words = c->words, trails = options->trails;
    int code = 0;
    p->stride = 1 + 2 * words + options->tokens;
    p->task_of = take(p, c->slots + 1, sizeof *p->task_of, &code);
    p->previous = take(p, c->slots + 1, sizeof *p->previous, &code);
    p->next = take(p, c->slots + 1, sizeof *p->next, &code);
    p->older = take(p, (c->slots + 1) * words, sizeof *p->older, &code);
    p->cas_from = take(p, c->value_count * words, sizeof *p->cas_from, &code);
    p->write_to = take(p, c->value_count * words, sizeof *p->write_to, &code);
    p->read_of = take(p, c->value_count * words, sizeof *p->read_of, &code);
    p->other_of = take(p, c->value_count * words, sizeof *p->other_of, &code);
    p->all_writes = take(p, words, sizeof *p->all_writes, &code);
    p->all_cas = take(p, words, sizeof *p->all_cas, &code);
    p->all_others = take(p, words, sizeof *p->all_others, &code);
    p->reach = take(p, c->value_count, sizeof *p->reach, &code);
    for (p->bucket_count = 64; p->bucket_count < options->width && p->bucket_count < (size_t)1 << 20;)
        p->bucket_count *= 2;
    p->buckets = take(p, p->bucket_count, sizeof *p->buckets, &code);
    p->trails.items = take(p, trails * (p->stride + 1), sizeof *p->trails.items, &code);
    p->trails.chain = take(p, trails, sizeof *p->trails.chain, &code);
    p->trails.buckets = take(p, TRAIL_BUCKETS, sizeof *p->trails.buckets, &code);
    p->trails.stamps = take(p, TRAIL_BUCKETS, sizeof *p->trails.stamps, &code);
    p->trails.capacity = trails;
    size_t room = from != NULL && from->count > 16 ? from->count : 16;
    if (code == 0 && (!frontier_room(p, &p->now, room) || !frontier_room(p, &p->later, 16)))
        code = b->full ? ERROR_CANCELLED : ERROR_MEMORY;
    if (code != 0)
        return code;
    p->event = from != NULL ? from->event : options->begin;
    for (size_t e = 0; e < p->event; e++) { /* what is open there, in the order of invocation */
        const struct task *t = &c->tasks[c->events[e] / 2];
        if ((c->events[e] & 1) == 0 && (t->end == TASK_NONE || t->end >= p->event))
            frontier_open_task(p, c->events[e] / 2);
    }
    if (from == NULL) {
        if (options->begin == 0 ? push_start(p, c->initial) : start_anywhere(p))
            return 0;
        return b->full ? ERROR_CANCELLED : ERROR_MEMORY;
    }
    size_t copy = from->stride < p->stride ? from->stride : p->stride;
    for (size_t i = 0; i < from->count; i++) {
        uint64_t *to = &p->now.configurations[i * p->stride];
        memset(to, 0, p->stride * sizeof *to);
        memcpy(to, &from->configurations[i * from->stride], copy * sizeof *to);
        if (head_of(to)->tokens > options->tokens) {
            head_of(to)->tokens = (uint16_t)options->tokens;
            p->overflowed = true;
        }
    }
    p->now.count = from->count;
    return 0;
}

void pass_deinit(struct pass *p)
{
    free(p->task_of);
    free(p->previous);
    free(p->next);
    free(p->older);
    free(p->cas_from);
    free(p->write_to);
    free(p->read_of);
    free(p->other_of);
    free(p->all_writes);
    free(p->all_cas);
    free(p->all_others);
    free(p->reach);
    free(p->buckets);
    free(p->trails.items);
    free(p->trails.chain);
    free(p->trails.buckets);
    free(p->trails.stamps);
    free(p->now.configurations);
    free(p->now.chain);
    free(p->now.dead);
    free(p->later.configurations);
    free(p->later.chain);
    free(p->later.dead);
    budget_give(p->budget, p->taken);
    *p = (struct pass){0};
}

bool pass_save(const struct pass *p, struct saved_frontier *out)
{
    size_t size = p->now.count * p->stride * sizeof *out->configurations;
    uint64_t *copy = realloc(out->configurations, size > 0 ? size : 1);
    if (copy == NULL)
        return false;
    memcpy(copy, p->now.configurations, size);
    *out =
        (struct saved_frontier){.event = p->event, .configurations = copy, .count = p->now.count, .stride = p->stride};
    return true;
}

int pass_proves(const struct course *c, struct budget *b, const struct pass_options *options, enum pass_end *end,
                bool *proof)
{
    struct pass p;
    int code = pass_init(&p, c, b, options, NULL);
    if (code == 0) {
        *end = pass_run(&p, SIZE_MAX);
        *proof = *end == PASS_DIED && !p.overflowed;
        code = *end == PASS_BUDGET ? ERROR_CANCELLED : *end == PASS_NO_MEMORY ? ERROR_MEMORY : 0;
    }
    pass_deinit(&p);
    return code;
}
