#include "fuzz/cover/cover.h"

#include "base/array.h"
#include "fuzz/cover/cover_hooks.h"

#include <string.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define BLOCK         32 /* counters looked at together; `seen` is padded to it */
#define FEATURE_SLOTS (COVER_FEATURES_MAX * 2)

/* The counters are the compiler's, beside them whatever the linker put there: not for the sanitizers to judge. */
#define RAW __attribute__((no_sanitize("address", "undefined", "thread")))

struct region {
    uint8_t *counters; /* borrowed; NULL: none at the moment */
    size_t len, base;
    uint8_t *seen; /* class bits per counter; owned */
    const uintptr_t *addresses;
};

struct cover {
    ARRAY(struct region) regions;
    size_t edges_all, edges_seen, pairs_seen;
    uint32_t *last_edges; /* edges_all of each */
    uint8_t *last_classes;
    bool wide; /* AVX2 */
    /* Open addressing, 0 is an empty slot: a feature of that value is kept as 1. */
    uint64_t *features;
    size_t features_seen;
    uint64_t run_features[COVER_RUN_FEATURES_MAX];
    size_t run_feature_count;
};

/* One bit per class, by value. */
static uint8_t class_of[256];

static void fill_classes(void)
{
    for (unsigned v = 1; v < 256; v++)
        class_of[v] = (uint8_t)(v <= 3 ? 1U << (v - 1) : v < 8 ? 8 : v < 16 ? 16 : v < 32 ? 32 : v < 128 ? 64 : 128);
}

struct cover *cover_new(void)
{
    struct cover *c = calloc(1, sizeof *c);
    if (c)
        c->features = calloc(FEATURE_SLOTS, sizeof *c->features);
    if (!c || !c->features) {
        free(c);
        return NULL;
    }
    if (!class_of[1])
        fill_classes();
#if defined(__x86_64__)
    c->wide = __builtin_cpu_supports("avx2");
#endif
    return c;
}

void cover_free(struct cover *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->regions.count; i++)
        free(c->regions.items[i].seen);
    array_deinit(&c->regions);
    free(c->last_edges);
    free(c->last_classes);
    free(c->features);
    free(c);
}

int cover_add_region(struct cover *c, uint8_t *start, uint8_t *end)
{
    size_t len = (size_t)(end - start), all = c->edges_all + len;
    if (len > COVER_EDGES_MAX || all > COVER_EDGES_MAX)
        return ERROR_LIMIT;
    if (!array_grow(&c->regions))
        return ERROR_MEMORY;
    uint32_t *edges = realloc(c->last_edges, (all + BLOCK) * sizeof *edges);
    if (!edges)
        return ERROR_MEMORY;
    c->last_edges = edges;
    uint8_t *classes = realloc(c->last_classes, all + BLOCK);
    if (!classes)
        return ERROR_MEMORY;
    c->last_classes = classes;
    uint8_t *seen = calloc(1, len + BLOCK);
    if (!seen)
        return ERROR_MEMORY;
    array_push(&c->regions, ((struct region){.counters = start, .len = len, .base = c->edges_all, .seen = seen}));
    c->edges_all = all;
    return (int)(c->regions.count - 1);
}

int cover_move_region(struct cover *c, size_t region, uint8_t *start, uint8_t *end)
{
    if (region >= c->regions.count || (start && (size_t)(end - start) != c->regions.items[region].len))
        return ERROR_INVALID;
    c->regions.items[region].counters = start;
    return 0;
}

/* Programs without the hooks get this. */
__attribute__((weak)) size_t cover_modules(const struct cover_module **out);
__attribute__((weak)) size_t cover_modules(const struct cover_module **out)
{
    *out = NULL;
    return 0;
}

int cover_add_own(struct cover *c)
{
    const struct cover_module *modules;
    size_t count = cover_modules(&modules);
    for (size_t i = 0; i < count; i++) {
        int region = cover_add_region(c, modules[i].start, modules[i].end);
        if (region < 0)
            return region;
        c->regions.items[region].addresses = modules[i].addresses;
    }
    return count ? 0 : ERROR_NOT_FOUND;
}

RAW static inline uint64_t load(const uint8_t *at)
{
    uint64_t word;
    __builtin_memcpy(&word, at, sizeof word);
    return word;
}

RAW static void reset_narrow(uint8_t *at, size_t len)
{
    size_t i = 0;
    for (; i + 8 <= len; i += 8)
        if (load(at + i))
            __builtin_memset(at + i, 0, 8);
    for (; i < len; i++)
        at[i] = 0;
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) RAW static void reset_wide(uint8_t *at, size_t len)
{
    size_t i = 0;
    const __m256i zero = _mm256_setzero_si256();
    for (; i + 64 <= len; i += 64) {
        __m256i a = _mm256_loadu_si256((const __m256i *)(const void *)(at + i));
        __m256i b = _mm256_loadu_si256((const __m256i *)(const void *)(at + i + 32));
        if (!_mm256_testz_si256(_mm256_or_si256(a, b), _mm256_set1_epi8(-1))) {
            _mm256_storeu_si256((__m256i *)(void *)(at + i), zero);
            _mm256_storeu_si256((__m256i *)(void *)(at + i + 32), zero);
        }
    }
    reset_narrow(at + i, len - i);
}
#endif

RAW void cover_reset(struct cover *c)
{
    c->run_feature_count = 0;
    for (size_t i = 0; i < c->regions.count; i++) {
        struct region *r = &c->regions.items[i];
        if (!r->counters)
            continue;
#if defined(__x86_64__)
        if (c->wide) {
            reset_wide(r->counters, r->len);
            continue;
        }
#endif
        reset_narrow(r->counters, r->len);
    }
}

/* One counter after the other, where something is new. */
RAW static size_t collect_slow(struct cover *c, struct region *r, size_t from, size_t to, bool keep)
{
    size_t found = 0;
    for (size_t i = from; i < to; i++) {
        uint8_t class = class_of[r->counters[i]];
        if (!(class & ~r->seen[i]))
            continue;
        found++;
        if (!keep)
            continue;
        c->edges_seen += r->seen[i] == 0;
        c->pairs_seen++;
        r->seen[i] |= class;
    }
    return found;
}

RAW static size_t collect_narrow(struct cover *c, struct region *r, size_t from, bool keep)
{
    size_t found = 0, i = from;
    for (; i + 8 <= r->len; i += 8)
        if (load(r->counters + i))
            found += collect_slow(c, r, i, i + 8, keep);
    return found + collect_slow(c, r, i, r->len, keep);
}

#if defined(__x86_64__)
/* Classes of 32 counters by two table look-ups: a value below 16 goes by its low half, any other by its high one. */
__attribute__((target("avx2"))) RAW static size_t collect_wide(struct cover *c, struct region *r, bool keep)
{
    const __m256i low_class =
        _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 1, 2, 4, 8, 8, 8, 8, 16, 16, 16, 16, 16, 16, 16, 16));
    const __m256i high_class = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(0, 32, 64, 64, 64, 64, 64, 64, -128, -128, -128, -128, -128, -128, -128, -128));
    const __m256i nibble = _mm256_set1_epi8(15), zero = _mm256_setzero_si256();
    size_t found = 0, i = 0;
    for (; i + BLOCK <= r->len; i += BLOCK) {
        __m256i value = _mm256_loadu_si256((const __m256i *)(const void *)(r->counters + i));
        if (_mm256_testz_si256(value, value))
            continue;
        __m256i high = _mm256_and_si256(_mm256_srli_epi16(value, 4), nibble);
        __m256i small = _mm256_cmpeq_epi8(high, zero);
        __m256i by_low = _mm256_and_si256(_mm256_shuffle_epi8(low_class, _mm256_and_si256(value, nibble)), small);
        __m256i classes = _mm256_or_si256(by_low, _mm256_shuffle_epi8(high_class, high));
        __m256i seen = _mm256_loadu_si256((const __m256i *)(const void *)(r->seen + i));
        if (!_mm256_testc_si256(seen, classes)) /* a class bit that `seen` has not */
            found += collect_slow(c, r, i, i + BLOCK, keep);
    }
    return found + collect_narrow(c, r, i, keep);
}
#endif

/* SplitMix64's last step: features are often small numbers beside each other. */
static size_t feature_slot(uint64_t feature)
{
    feature = (feature ^ (feature >> 30)) * 0xbf58476d1ce4e5b9;
    feature = (feature ^ (feature >> 27)) * 0x94d049bb133111eb;
    return (size_t)(feature ^ (feature >> 31)) & (FEATURE_SLOTS - 1);
}

/* True when it was not there (and now is, with `keep`). Beyond COVER_FEATURES_MAX nothing is new. */
static bool feature_new(struct cover *c, uint64_t feature, bool keep)
{
    size_t at = feature_slot(feature);
    while (c->features[at] && c->features[at] != feature)
        at = (at + 1) & (FEATURE_SLOTS - 1);
    if (c->features[at] || c->features_seen >= COVER_FEATURES_MAX)
        return false;
    if (keep) {
        c->features[at] = feature;
        c->features_seen++;
    }
    return true;
}

RAW size_t cover_collect(struct cover *c, bool keep)
{
    size_t found = 0;
    for (size_t i = 0; i < c->regions.count; i++) {
        struct region *r = &c->regions.items[i];
        if (!r->counters)
            continue;
#if defined(__x86_64__)
        if (c->wide) {
            found += collect_wide(c, r, keep);
            continue;
        }
#endif
        found += collect_narrow(c, r, 0, keep);
    }
    for (size_t i = 0; i < c->run_feature_count; i++)
        found += feature_new(c, c->run_features[i], keep);
    return found;
}

RAW static size_t list(struct cover *c, bool only_new, const uint32_t **edges, const uint8_t **classes)
{
    size_t count = 0;
    for (size_t n = 0; n < c->regions.count; n++) {
        const struct region *r = &c->regions.items[n];
        for (size_t i = 0; r->counters && i < r->len; i++) {
            if (i + 8 <= r->len && !load(r->counters + i)) {
                i += 7;
                continue;
            }
            uint8_t class = class_of[r->counters[i]];
            if (only_new)
                class &= (uint8_t)~r->seen[i];
            if (!class)
                continue;
            c->last_edges[count] = (uint32_t)(r->base + i);
            c->last_classes[count++] = class;
        }
    }
    *edges = c->last_edges;
    *classes = c->last_classes;
    return count;
}

size_t cover_last(struct cover *c, const uint32_t **edges, const uint8_t **classes)
{
    return list(c, false, edges, classes);
}

size_t cover_last_new(struct cover *c, const uint32_t **edges, const uint8_t **classes)
{
    return list(c, true, edges, classes);
}

size_t cover_last_features(const struct cover *c, const uint64_t **features)
{
    *features = c->run_features;
    return c->run_feature_count;
}

size_t cover_edges_seen(const struct cover *c)
{
    return c->edges_seen;
}

size_t cover_pairs_seen(const struct cover *c)
{
    return c->pairs_seen;
}

size_t cover_edges_all(const struct cover *c)
{
    return c->edges_all;
}

size_t cover_features_seen(const struct cover *c)
{
    return c->features_seen;
}

int cover_feature(struct cover *c, uint64_t feature)
{
    feature += feature == 0;
    for (size_t i = 0; i < c->run_feature_count; i++)
        if (c->run_features[i] == feature)
            return 0;
    if (c->run_feature_count == COVER_RUN_FEATURES_MAX)
        return ERROR_LIMIT;
    c->run_features[c->run_feature_count++] = feature;
    return 0;
}

static struct region *region_of(const struct cover *c, uint32_t edge)
{
    for (size_t i = 0; i < c->regions.count; i++)
        if (edge - c->regions.items[i].base < c->regions.items[i].len)
            return &c->regions.items[i];
    return NULL;
}

size_t cover_mark(struct cover *c, const uint32_t *edges, const uint8_t *classes, size_t count)
{
    size_t found = 0;
    struct region *r = NULL;
    for (size_t i = 0; i < count; i++) {
        if (!r || edges[i] - r->base >= r->len)
            r = region_of(c, edges[i]);
        if (!r)
            continue;
        uint8_t *seen = &r->seen[edges[i] - r->base];
        uint8_t fresh = classes[i] & (uint8_t) ~*seen;
        if (!fresh)
            continue;
        found += (size_t)__builtin_popcount(fresh);
        c->edges_seen += *seen == 0;
        c->pairs_seen += (size_t)__builtin_popcount(fresh);
        *seen |= fresh;
    }
    return found;
}

size_t cover_mark_features(struct cover *c, const uint64_t *features, size_t count)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++)
        found += feature_new(c, features[i] + (features[i] == 0), true);
    return found;
}

uintptr_t cover_edge_address(const struct cover *c, uint32_t edge)
{
    const struct region *r = region_of(c, edge);
    return r && r->addresses ? r->addresses[2 * (edge - r->base)] : 0;
}
