#include "e2e/runner/shard.h"

#include <stdlib.h>
#include <string.h>

#define GOOD_ENOUGH_PERCENT 101     /* of what no division can be below: more is not looked for */
#define ROUNDS_MAX          20000   /* of giving away and changing */
#define PAIRS_MAX           4000000 /* pairs of items that are looked at for it */
#define SEARCHED_MAX        128     /* items of which all divisions are tried, */
#define SEARCH_STEPS_MAX    500000  /* so many steps long */

struct division {
    const uint64_t *weights;
    size_t *order; /* the heaviest first */
    size_t count, shards;
    uint64_t *loads;
    size_t *parts;  /* by item */
    uint64_t bound; /* no division is below it */
    /* the search */
    uint64_t best;
    size_t *tried;
    size_t steps;
};

static const uint64_t *sorted_by; /* qsort() passes nothing on */

static int heavier_first(const void *a, const void *b)
{
    size_t i = *(const size_t *)a, k = *(const size_t *)b;
    if (sorted_by[i] != sorted_by[k])
        return sorted_by[i] > sorted_by[k] ? -1 : 1;
    return (i > k) - (i < k);
}

static bool good(const struct division *d, uint64_t most)
{
    return most <= d->bound + d->bound / 100 * (GOOD_ENOUGH_PERCENT - 100);
}

static size_t lightest(const struct division *d)
{
    size_t at = 0;
    for (size_t s = 1; s < d->shards; s++)
        if (d->loads[s] < d->loads[at])
            at = s;
    return at;
}

static size_t heaviest(const struct division *d)
{
    size_t at = 0;
    for (size_t s = 1; s < d->shards; s++)
        if (d->loads[s] > d->loads[at])
            at = s;
    return at;
}

static void begin(struct division *d)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < d->count; i++) {
        d->order[i] = i;
        sum += d->weights[i];
    }
    sorted_by = d->weights;
    qsort(d->order, d->count, sizeof *d->order, heavier_first);
    d->bound = (sum + d->shards - 1) / d->shards;
    if (d->count > 0 && d->weights[d->order[0]] > d->bound)
        d->bound = d->weights[d->order[0]];
    for (size_t n = 0; n < d->count; n++) {
        size_t to = lightest(d);
        d->parts[d->order[n]] = to;
        d->loads[to] += d->weights[d->order[n]];
    }
}

/* ---- the heaviest part gives away ---- */

/* Moves `i` out of the heaviest part, and `back` (SIZE_MAX: nothing) into it. */
static void exchange(struct division *d, size_t i, size_t back, size_t from, size_t to)
{
    d->parts[i] = to;
    d->loads[to] += d->weights[i];
    d->loads[from] -= d->weights[i];
    if (back == SIZE_MAX)
        return;
    d->parts[back] = from;
    d->loads[from] += d->weights[back];
    d->loads[to] -= d->weights[back];
}

/* The exchange after which the heavier of the two parts is lightest; false: none helps. */
static bool improve(struct division *d, size_t *pairs)
{
    size_t from = heaviest(d), best_i = SIZE_MAX, best_back = SIZE_MAX, to = 0;
    uint64_t most = d->loads[from], best = most;
    for (size_t n = 0; n < d->count; n++) {
        size_t i = d->order[n];
        if (d->parts[i] != from || d->weights[i] == 0)
            continue;
        size_t light = lightest(d);
        uint64_t there = d->loads[light] + d->weights[i], here = most - d->weights[i];
        uint64_t worse = there > here ? there : here;
        if (worse < best)
            best = worse, best_i = i, best_back = SIZE_MAX, to = light;
        for (size_t k = 0; k < d->count && *pairs < PAIRS_MAX; k++, (*pairs)++) {
            size_t other = d->order[k], part = d->parts[other];
            if (part == from || d->weights[other] >= d->weights[i])
                continue;
            uint64_t less = d->weights[i] - d->weights[other];
            there = d->loads[part] + less;
            here = most - less;
            worse = there > here ? there : here;
            if (worse < best)
                best = worse, best_i = i, best_back = other, to = part;
        }
    }
    if (best_i == SIZE_MAX)
        return false;
    exchange(d, best_i, best_back, from, to);
    return true;
}

/* ---- few items: all divisions, the likeliest first ---- */

static void search(struct division *d, size_t n, uint64_t most)
{
    if (d->steps++ > SEARCH_STEPS_MAX || most >= d->best || good(d, d->best))
        return;
    if (n == d->count) {
        d->best = most;
        memcpy(d->parts, d->tried, d->count * sizeof *d->parts);
        return;
    }
    size_t i = d->order[n];
    uint64_t done = UINT64_MAX, weight = d->weights[i];
    for (size_t round = 0; round < d->shards; round++) { /* parts by their load, equal ones once */
        size_t to = SIZE_MAX;
        for (size_t s = 0; s < d->shards; s++)
            if ((done == UINT64_MAX || d->loads[s] > done) && (to == SIZE_MAX || d->loads[s] < d->loads[to]))
                to = s;
        if (to == SIZE_MAX || d->loads[to] + weight >= d->best)
            return;
        done = d->loads[to];
        d->loads[to] += weight;
        d->tried[i] = to;
        search(d, n + 1, d->loads[to] > most ? d->loads[to] : most);
        d->loads[to] -= weight;
    }
}

static void refine(struct division *d)
{
    size_t pairs = 0;
    for (size_t i = 0; i < ROUNDS_MAX && pairs < PAIRS_MAX && !good(d, d->loads[heaviest(d)]); i++)
        if (!improve(d, &pairs))
            break;
    d->best = d->loads[heaviest(d)];
    if (d->count > SEARCHED_MAX || good(d, d->best))
        return;
    memset(d->loads, 0, d->shards * sizeof *d->loads);
    search(d, 0, 0);
}

bool shard_divide(const uint64_t *weights, size_t count, size_t shards, size_t *parts)
{
    struct division d = {.weights = weights, .count = count, .shards = shards, .parts = parts};
    d.order = malloc((count + 1) * sizeof *d.order);
    d.tried = malloc((count + 1) * sizeof *d.tried);
    d.loads = calloc(shards, sizeof *d.loads);
    bool ok = d.order != NULL && d.tried != NULL && d.loads != NULL;
    if (ok) {
        begin(&d);
        refine(&d);
    }
    free(d.order);
    free(d.tried);
    free(d.loads);
    return ok;
}
