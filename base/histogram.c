#include "base/histogram.h"

#define SCALE_BITS 4

size_t histogram_bucket(uint64_t ns)
{
    if (ns < HISTOGRAM_SCALE)
        return (size_t)ns;
    unsigned shift = 63U - (unsigned)__builtin_clzll(ns) - SCALE_BITS;
    return (size_t)(shift + 1) * HISTOGRAM_SCALE + (size_t)(ns >> shift) % HISTOGRAM_SCALE;
}

uint64_t histogram_bucket_first(size_t bucket)
{
    if (bucket < HISTOGRAM_SCALE)
        return bucket;
    return (HISTOGRAM_SCALE + bucket % HISTOGRAM_SCALE) << (bucket / HISTOGRAM_SCALE - 1);
}

uint64_t histogram_bucket_last(size_t bucket)
{
    return bucket + 1 < HISTOGRAM_BUCKETS ? histogram_bucket_first(bucket + 1) - 1 : UINT64_MAX;
}

static uint64_t plus(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

void histogram_add(struct histogram *h, uint64_t ns)
{
    ns = ns < INT64_MAX ? ns : INT64_MAX; /* what JSON has room for */
    h->min = h->count == 0 || ns < h->min ? ns : h->min;
    h->max = h->count == 0 || ns > h->max ? ns : h->max;
    h->count = plus(h->count, 1);
    h->sum = plus(h->sum, ns);
    uint64_t *bucket = &h->buckets[histogram_bucket(ns)];
    *bucket = plus(*bucket, 1);
}

void histogram_merge(struct histogram *to, const struct histogram *from)
{
    if (from->count == 0)
        return;
    to->min = to->count == 0 || from->min < to->min ? from->min : to->min;
    to->max = to->count == 0 || from->max > to->max ? from->max : to->max;
    to->count = plus(to->count, from->count);
    to->sum = plus(to->sum, from->sum);
    for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++)
        to->buckets[i] = plus(to->buckets[i], from->buckets[i]);
}

uint64_t histogram_quantile(const struct histogram *h, double q)
{
    double rank = q * (double)h->count;
    uint64_t below = 0;
    for (size_t i = 0; h->count > 0 && i < HISTOGRAM_BUCKETS; i++) {
        below = plus(below, h->buckets[i]);
        if (below > 0 && (double)below >= rank)
            return histogram_bucket_last(i) < h->max ? histogram_bucket_last(i) : h->max;
    }
    return h->max;
}

/* ---- JSON ------------------------------------------------------------------------------------------------------- */

static json_t *number(uint64_t n)
{
    return json_integer(n < INT64_MAX ? (json_int_t)n : INT64_MAX);
}

bool histogram_put(const struct histogram *h, json_t *members)
{
    json_t *buckets = json_array();
    bool ok = buckets != NULL;
    for (size_t i = 0; ok && i < HISTOGRAM_BUCKETS; i++) {
        if (h->buckets[i] == 0)
            continue;
        json_t *pair = json_array();
        ok = pair != NULL && json_array_append_new(pair, number(histogram_bucket_first(i))) == 0 &&
             json_array_append_new(pair, number(h->buckets[i])) == 0;
        ok = json_array_append_new(buckets, pair) == 0 && ok;
    }
    ok = ok && json_object_set_new(members, "scale", json_integer(HISTOGRAM_SCALE)) == 0 &&
         json_object_set_new(members, "count", number(h->count)) == 0 &&
         json_object_set_new(members, "sum", number(h->sum)) == 0 &&
         json_object_set_new(members, "min", number(h->min)) == 0 &&
         json_object_set_new(members, "max", number(h->max)) == 0;
    return json_object_set_new(members, "buckets", buckets) == 0 && ok;
}

/* False: it is no whole number of 0 and more. */
static bool is_count(const json_t *value, uint64_t *out)
{
    *out = json_is_integer(value) && json_integer_value(value) >= 0 ? (uint64_t)json_integer_value(value) : 0;
    return json_is_integer(value) && json_integer_value(value) >= 0;
}

/* What is said of the extremes has to lie in the outermost buckets. */
static bool extremes_fit(const struct histogram *h)
{
    size_t first = 0, last = HISTOGRAM_BUCKETS - 1;
    while (h->buckets[first] == 0)
        first++;
    while (h->buckets[last] == 0)
        last--;
    return h->min <= h->max && histogram_bucket(h->min) == first && histogram_bucket(h->max) == last;
}

int histogram_read(const json_t *members, struct histogram *h, const char **why)
{
    struct histogram read = {0};
    uint64_t count = 0;
    const json_t *scale = json_object_get(members, "scale"), *buckets = json_object_get(members, "buckets");
    *why = "\"scale\", \"count\", \"sum\", \"min\" and \"max\" must be whole numbers of 0 and more";
    if (!json_is_integer(scale) || !is_count(json_object_get(members, "count"), &read.count) ||
        !is_count(json_object_get(members, "sum"), &read.sum) ||
        !is_count(json_object_get(members, "min"), &read.min) || !is_count(json_object_get(members, "max"), &read.max))
        return ERROR_INVALID;
    if (json_integer_value(scale) != HISTOGRAM_SCALE)
        return ERROR_UNSUPPORTED;
    *why = "\"buckets\" must be a list of pairs, each of the shortest duration in ns and how many there are";
    if (!json_is_array(buckets))
        return ERROR_INVALID;
    for (size_t i = 0; i < json_array_size(buckets); i++) {
        const json_t *pair = json_array_get(buckets, i);
        uint64_t first, some;
        if (json_array_size(pair) != 2 || !is_count(json_array_get(pair, 0), &first) ||
            !is_count(json_array_get(pair, 1), &some))
            return ERROR_INVALID;
        uint64_t *bucket = &read.buckets[histogram_bucket(first)];
        *bucket = plus(*bucket, some);
        count = plus(count, some);
    }
    *why = "\"count\" must be the sum of what \"buckets\" says";
    if (count != read.count)
        return ERROR_INVALID;
    *why = "\"min\" and \"max\" must lie in the first and the last of \"buckets\"";
    if (count > 0 && !extremes_fit(&read))
        return ERROR_INVALID;
    histogram_merge(h, &read);
    return 0;
}
