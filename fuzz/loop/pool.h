/* The corpus in memory, and which of its cases is mutated next.
 *
 * Each case keeps the edges it was the first to reach (at most POOL_OWN_EDGES). Its weight is the sum of 1/(1 + hits)
 * over them, hits being how often an edge was reached in sampled runs: cases that alone lead to rarely visited places
 * are drawn more (the idea of Entropic, Böhme, Manès and Cha 2020, and of AFLFast, in its cheapest form). It falls with
 * the number of draws that led to nothing and with the bytes a case has, since small cases run faster and their changes
 * hit more, and with the workers its offspring killed: what is found there is mostly what was found before. Drawing is
 * a binary search in the sums, which are made anew now and then. */
#ifndef FUZZ_LOOP_POOL_H
#define FUZZ_LOOP_POOL_H

#include "base/array.h"
#include "base/random.h"
#include "fuzz/loop/record.h"

#define POOL_OWN_EDGES 64
#define POOL_CASES_MAX ((size_t)1 << 20)
#define POOL_RENEW     4096 /* mutants between two countings of the weights */

/* How the next case is chosen; POOL_RARE is the one to use, the others are there to be measured against: after 300,000
 * runs of the benchmark's targets they reach the same (edge, class) pairs within 4 %, for 1.2 to 15 times the processor
 * time, since they let cases grow. */
enum pool_schedule { POOL_RARE, POOL_UNIFORM, POOL_NEWEST };

struct pool_entry {
    struct fuzz_case c;
    uint64_t hash;
    uint32_t draws, finds; /* finds: of cases made from it that were kept */
    uint32_t deaths;       /* of workers by cases made from it, each by what it cost */
    uint16_t own_count;
    uint32_t own[POOL_OWN_EDGES];
};

struct pool {
    enum pool_schedule schedule;
    ARRAY(struct pool_entry *) entries;
    ARRAY(double) sums;
    uint32_t draws_left; /* until the weights are counted again */
    /* How often each edge was reached in sampled runs; borrowed, edge_count long. Shared by worker and parent. */
    uint32_t *hits;
    size_t edge_count;
    ARRAY(uint32_t) slots; /* index + 1 by hash, a power of two */
};

void pool_deinit(struct pool *p);
/* A case and what it newly reached. 0, ERROR_EXISTS, ERROR_MEMORY, ERROR_LIMIT. */
int pool_add(struct pool *p, const struct record *r);
struct pool_entry *pool_find(const struct pool *p, uint64_t hash);
/* For about so many mutants. NULL: the pool is empty. */
struct pool_entry *pool_draw(struct pool *p, struct random *r, uint32_t mutants);
struct pool_entry *pool_any(const struct pool *p, struct random *r);
/* A case made of it killed a worker, which cost about so many runs. */
void pool_killed(struct pool *p, uint64_t parent, uint32_t cost);
/* A sampled run reached these. */
void pool_count(struct pool *p, const uint32_t *edges, size_t count);

#endif
