/* The configurations of a frontier (chaos/check/frontier.h tells the method): how one is laid out, how what is open
 * changes it, and the set of them, in which one that leaves no less open stands for another. */
#ifndef CHAOS_CHECK_FRONTIER_SET_H
#define CHAOS_CHECK_FRONTIER_SET_H

#include "chaos/check/frontier_run.h"

#define SLOT_NONE UINT16_MAX

/* A configuration is `stride` words: the head, must, usable, and tokens, which rise. A trail has one word more: the
 * segment it draws out. */
struct head {
    uint32_t value;
    uint16_t covered; /* slot of the newest operation open when the latest write took effect; SLOT_NONE: no matter */
    uint16_t tokens;
};

static inline struct head *head_of(uint64_t *c)
{
    return (struct head *)(void *)c;
}

static inline const struct head *const_head(const uint64_t *c)
{
    return (const struct head *)(const void *)c;
}

static inline uint64_t *must_of(uint64_t *c)
{
    return &c[1];
}

static inline uint64_t *usable_of(const struct pass *p, uint64_t *c)
{
    return &c[1 + p->course->words];
}

static inline uint64_t *tokens_of(const struct pass *p, uint64_t *c)
{
    return &c[1 + 2 * p->course->words];
}

static inline uint64_t token_make(uint32_t value, uint16_t slot)
{
    return (uint64_t)value << 16 | slot;
}

static inline uint32_t token_value(uint64_t token)
{
    return (uint32_t)(token >> 16);
}

static inline uint16_t token_slot(uint64_t token)
{
    return (uint16_t)token;
}

static inline uint64_t *mask_at(const struct pass *p, uint64_t *masks, size_t i)
{
    return &masks[i * p->course->words];
}

static inline bool bit_get(const uint64_t *mask, size_t i)
{
    return (mask[i / 64] >> (i % 64) & 1) != 0;
}

static inline void bit_set(uint64_t *mask, size_t i)
{
    mask[i / 64] |= UINT64_C(1) << (i % 64);
}

static inline void bit_clear(uint64_t *mask, size_t i)
{
    mask[i / 64] &= ~(UINT64_C(1) << (i % 64));
}

/* The word's lowest bit, taken out. */
static inline size_t bit_next(uint64_t *bits)
{
    size_t i = (size_t)__builtin_ctzll(*bits);
    *bits &= *bits - 1;
    return i;
}

static inline const struct task *task_at(const struct pass *p, size_t slot)
{
    return &p->course->tasks[p->task_of[slot]];
}

/* An operation begins or ends: the masks of what is open. */
void frontier_open_task(struct pass *p, uint32_t number);
void frontier_close_task(struct pass *p, uint32_t number);

/* What a value explains is placed: open reads of it, failed cas from another. `within` NULL: all that are open. */
void frontier_explain(const struct pass *p, uint64_t *must, uint32_t value, const uint64_t *within);
void frontier_add_token(struct pass *p, uint64_t *c, uint32_t value, uint16_t slot);
void frontier_remove_token(const struct pass *p, uint64_t *c, size_t i);
/* A new segment begins: the living one is over, and no open write need be placed any more. */
void frontier_live_write(struct pass *p, uint64_t *c, size_t slot);
/* The task in `slot` has ended: what referred to it refers to the one invoked before it; what is of no use goes. */
void frontier_forget_slot(struct pass *p, uint64_t *c, size_t slot);

bool frontier_room(struct pass *p, struct frontier *f, size_t capacity); /* false: no memory */
/* Keeps the best `width` of the living configurations. */
void frontier_cut(struct pass *p, struct frontier *f);
/* Takes a copy into p->later unless another one stands for it. False: no room. */
bool frontier_insert(struct pass *p, const uint64_t *c);

#define TRAIL_BUCKETS ((size_t)1024)

/* Marks the values from which open cas lead to what `t` demands. */
void frontier_mark_reach(struct pass *p, const struct task *t);
static inline bool frontier_reaches(const struct pass *p, uint32_t value)
{
    return p->reach[value] == p->reach_stamp;
}
/* Every way in which the operation can be placed now goes into p->later. `room` for a trail, `writes` for a mask. */
bool frontier_demand(struct pass *p, uint64_t *c, const struct task *goal, uint64_t *room, uint64_t *writes);

#endif
