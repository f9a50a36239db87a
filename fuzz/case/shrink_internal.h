/* What the parts of the minimiser share. Private to shrink*.c. */
#ifndef FUZZ_CASE_SHRINK_INTERNAL_H
#define FUZZ_CASE_SHRINK_INTERNAL_H

#include "fuzz/case/shrink.h"

#define SHRINK_PLAIN_MAX 64   /* bytes of a value whose bytes are made plain one by one */
#define SHRINK_ASKED     8192 /* candidates that are remembered as refused; a power of two */

struct shrinker {
    struct fuzz_case *best;
    struct fuzz_case next; /* the candidate */
    struct text value;     /* of a candidate's event */
    const struct pb_pool *pool;
    bool (*still)(void *arg, const struct fuzz_case *c);
    void *arg;
    size_t left;  /* tries */
    size_t grain; /* values are cut into at most so many pieces in this round */
    struct fuzz_shrunk *did;
    uint64_t asked[SHRINK_ASKED];
    bool failed; /* memory */
};

/* No more tries, or no memory: everybody goes home. */
static inline bool shrink_over(const struct shrinker *s)
{
    return s->left == 0 || s->failed;
}

/* The best so far as the next candidate. */
bool shrink_start(struct shrinker *s);
/* Asks about s->next; when the answer is yes it is the best. */
bool shrink_try(struct shrinker *s);
/* The candidate with s->value, or s->value as its name, in place of what the event had. */
bool shrink_try_value(struct shrinker *s, size_t event);

/* How long the pieces are that `len` bytes are cut into at first; 0: none. Each next length is half of it, down to
 * shrink_piece_min(). */
static inline size_t shrink_piece_min(const struct shrinker *s, size_t len)
{
    return len / s->grain > 0 ? len / s->grain : 1;
}

/* A number nearer to 0 with the same sign: the n-th attempt, from 0. `sign`: it is two's complement. False: no more. */
bool shrink_number(uint64_t value, bool sign, size_t n, uint64_t *out);

/* The message of the event by its type. */
void shrink_message(struct shrinker *s, size_t event, const struct pb_type *type);

#endif
