/* What a case cost the other side. Bytes are counted by whoever moves them; memory and CPU come from meters the caller
 * gives, since only it knows where to look: the allocator in process, a process's usage live. */
#ifndef FUZZ_FRAMES_COST_H
#define FUZZ_FRAMES_COST_H

#include <stdint.h>

struct frames_meter {
    uint64_t (*memory)(void *arg); /* bytes held now; NULL: not measured */
    uint64_t (*cpu)(void *arg);    /* ns used so far; NULL: not measured */
    void *arg;
};

struct frames_cost {
    uint64_t sent, received; /* bytes: ours, theirs */
    uint64_t data;           /* bytes of theirs in DATA frames that hold something, which our own windows allowed */
    uint64_t memory;         /* bytes: the most held above what was held at the start */
    uint64_t cpu;            /* ns */
};

struct frames_reading {
    uint64_t memory, cpu; /* at the start */
};

static inline void frames_meter_start(const struct frames_meter *m, struct frames_reading *r, struct frames_cost *c)
{
    c->memory = c->cpu = 0;
    r->memory = m->memory ? m->memory(m->arg) : 0;
    r->cpu = m->cpu ? m->cpu(m->arg) : 0;
}

static inline void frames_meter_look(const struct frames_meter *m, const struct frames_reading *r,
                                     struct frames_cost *c)
{
    uint64_t memory = m->memory ? m->memory(m->arg) : 0, cpu = m->cpu ? m->cpu(m->arg) : 0;
    if (memory > r->memory && memory - r->memory > c->memory)
        c->memory = memory - r->memory;
    c->cpu = cpu - r->cpu;
}

#endif
