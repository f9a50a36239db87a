#include "fuzz/cover/region.h"

#include "base/error.h"

#include <stdlib.h>
#if defined(__x86_64__)
#include <immintrin.h>
#include <sys/platform/x86.h>
#endif

#define GROUP  4 /* touched blocks that are asked together whether any is set */
#define BRIDGE 3 /* so few untouched blocks between touched ones are treated as touched */

struct region_run {
    uint32_t end; /* block */
    bool touched;
};

/* One bit per class, by value. */
static uint8_t class_of[256];

static void fill_classes(void)
{
    for (unsigned v = 1; v < 256; v++)
        class_of[v] = (uint8_t)(v <= 3 ? 1U << (v - 1) : v < 8 ? 8 : v < 16 ? 16 : v < 32 ? 32 : v < 128 ? 64 : 128);
}

REGION_RAW uint8_t region_class(const struct region *r, size_t counter)
{
    return class_of[r->counters[counter]];
}

static void find_runs(struct region *r)
{
    size_t count = 0, at = 0;
    for (size_t i = 0; i < r->blocks; i++) {
        if (!r->touched[i])
            continue;
        if (count > 0 && i - at <= BRIDGE) {
            r->runs[count - 1].end = (uint32_t)(i + 1);
        } else {
            if (i > at)
                r->runs[count++] = (struct region_run){(uint32_t)i, false};
            r->runs[count++] = (struct region_run){(uint32_t)(i + 1), true};
        }
        at = i + 1;
    }
    if (at < r->blocks)
        r->runs[count++] = (struct region_run){(uint32_t)r->blocks, false};
    r->run_count = count;
}

int region_init(struct region *r, uint8_t *counters, size_t len, size_t base)
{
    size_t blocks = len / REGION_BLOCK;
    if (!class_of[1])
        fill_classes();
    *r = (struct region){.counters = counters, .len = len, .base = base, .blocks = blocks};
    r->seen = calloc(1, len + REGION_BLOCK);
    r->touched = calloc(1, blocks + 1);
    r->runs = calloc(blocks + 1, sizeof *r->runs);
    if (!r->seen || !r->touched || !r->runs) {
        region_deinit(r);
        return ERROR_MEMORY;
    }
    find_runs(r);
    return 0;
}

void region_deinit(struct region *r)
{
    free(r->seen);
    free(r->touched);
    free(r->runs);
    *r = (struct region){0};
}

/* ---- quickly: is there anything at all? ---- */

#if defined(__x86_64__)
/* Classes of 32 counters by two table look-ups: a value below 16 goes by its low half, any other by its high one. */
__attribute__((target("avx2"))) REGION_RAW static inline __m256i classes_of(__m256i value)
{
    const __m256i low_class =
        _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 1, 2, 4, 8, 8, 8, 8, 16, 16, 16, 16, 16, 16, 16, 16));
    const __m256i high_class = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(0, 32, 64, 64, 64, 64, 64, 64, -128, -128, -128, -128, -128, -128, -128, -128));
    const __m256i nibble = _mm256_set1_epi8(15);
    __m256i high = _mm256_and_si256(_mm256_srli_epi16(value, 4), nibble);
    __m256i small = _mm256_cmpeq_epi8(high, _mm256_setzero_si256());
    __m256i by_low = _mm256_and_si256(_mm256_shuffle_epi8(low_class, _mm256_and_si256(value, nibble)), small);
    return _mm256_or_si256(by_low, _mm256_shuffle_epi8(high_class, high));
}

__attribute__((target("avx2"))) REGION_RAW static inline __m256i load(const uint8_t *at)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)at);
}

/* Whole blocks, all together. */
__attribute__((target("avx2"))) REGION_RAW static inline __m256i any_set(const uint8_t *at, const uint8_t *end)
{
    __m256i a = _mm256_setzero_si256(), b = a;
    for (; end - at >= 4 * REGION_BLOCK; at += 4 * REGION_BLOCK) {
        a = _mm256_or_si256(a, _mm256_or_si256(load(at), load(at + REGION_BLOCK)));
        b = _mm256_or_si256(b, _mm256_or_si256(load(at + 2 * REGION_BLOCK), load(at + 3 * REGION_BLOCK)));
    }
    for (; at < end; at += REGION_BLOCK)
        a = _mm256_or_si256(a, load(at));
    return _mm256_or_si256(a, b);
}

/* Whether a touched block has a class that was not seen, or an untouched one anything at all. */
__attribute__((target("avx2"))) REGION_RAW static bool look_wide(struct region *r)
{
    const __m256i zero = _mm256_setzero_si256();
    __m256i fresh = zero, work = zero;
    size_t i = 0;
    for (const struct region_run *run = r->runs; run < r->runs + r->run_count; run++) {
        size_t end = (size_t)run->end * REGION_BLOCK;
        if (!run->touched)
            fresh = _mm256_or_si256(fresh, any_set(r->counters + i, r->counters + end));
        for (size_t next; run->touched && i < end; i = next) {
            next = end - i > GROUP * REGION_BLOCK ? i + GROUP * REGION_BLOCK : end;
            __m256i set = any_set(r->counters + i, r->counters + next);
            if (_mm256_testz_si256(set, set)) /* what only the loop itself runs: always so, which the branch learns */
                continue;
            for (size_t k = i; k < next; k += REGION_BLOCK) {
                __m256i counters = load(r->counters + k);
                work = _mm256_add_epi64(work, _mm256_sad_epu8(counters, zero));
                fresh = _mm256_or_si256(fresh, _mm256_andnot_si256(load(r->seen + k), classes_of(counters)));
            }
        }
        i = end;
    }
    r->work = (uint64_t)_mm256_extract_epi64(work, 0) + (uint64_t)_mm256_extract_epi64(work, 1) +
              (uint64_t)_mm256_extract_epi64(work, 2) + (uint64_t)_mm256_extract_epi64(work, 3);
    return !_mm256_testz_si256(fresh, fresh);
}

/* Whether an untouched block is set; of the touched ones all become 0. */
__attribute__((target("avx2"))) REGION_RAW static bool reset_wide(struct region *r)
{
    const __m256i zero = _mm256_setzero_si256();
    __m256i set = zero;
    size_t i = 0;
    for (const struct region_run *run = r->runs; run < r->runs + r->run_count; run++) {
        size_t end = (size_t)run->end * REGION_BLOCK;
        if (run->touched)
            for (; i < end; i += REGION_BLOCK)
                _mm256_storeu_si256((__m256i *)(void *)(r->counters + i), zero);
        else
            set = _mm256_or_si256(set, any_set(r->counters + i, r->counters + end));
        i = end;
    }
    return !_mm256_testz_si256(set, set);
}
#endif

REGION_RAW static bool is_block_zero(const uint8_t *at)
{
    uint64_t words[REGION_BLOCK / 8];
    __builtin_memcpy(words, at, sizeof words);
    return (words[0] | words[1] | words[2] | words[3]) == 0;
}

REGION_RAW static bool look_narrow(struct region *r)
{
    bool fresh = false;
    size_t i = 0;
    r->work = 0;
    for (const struct region_run *run = r->runs; run < r->runs + r->run_count; run++) {
        size_t end = (size_t)run->end * REGION_BLOCK;
        for (; i < end; i += REGION_BLOCK) {
            if (is_block_zero(r->counters + i))
                continue;
            fresh |= !run->touched;
            for (size_t k = i; run->touched && k < i + REGION_BLOCK; k++) {
                fresh |= (class_of[r->counters[k]] & ~r->seen[k]) != 0;
                r->work += r->counters[k];
            }
        }
    }
    return fresh;
}

REGION_RAW static bool reset_narrow(struct region *r)
{
    bool set = false;
    size_t i = 0;
    for (const struct region_run *run = r->runs; run < r->runs + r->run_count; run++) {
        size_t end = (size_t)run->end * REGION_BLOCK;
        for (; i < end; i += REGION_BLOCK) {
            if (is_block_zero(r->counters + i))
                continue;
            if (run->touched)
                __builtin_memset(r->counters + i, 0, REGION_BLOCK);
            else
                set = true;
        }
    }
    return set;
}

static bool is_wide(void)
{
#if defined(__x86_64__)
    /* What the C library found. The compiler's own question would be asked anew at every program's start, where a
     * virtual machine takes a tenth of a millisecond to answer. */
    return CPU_FEATURE_ACTIVE(AVX2);
#else
    return false;
#endif
}

/* ---- one by one, where there is ---- */

/* Blocks that are set become touched; `clear`: and 0. */
REGION_RAW static void touch(struct region *r, bool clear)
{
    bool more = false;
    for (size_t i = 0; i < r->blocks; i++) {
        uint8_t *at = r->counters + i * REGION_BLOCK;
        if (is_block_zero(at))
            continue;
        more |= !r->touched[i];
        r->touched[i] = true;
        if (clear)
            __builtin_memset(at, 0, REGION_BLOCK);
    }
    if (more)
        find_runs(r);
}

REGION_RAW void region_reset(struct region *r)
{
#if defined(__x86_64__)
    bool set = is_wide() ? reset_wide(r) : reset_narrow(r);
#else
    bool set = reset_narrow(r);
#endif
    if (set)
        touch(r, true);
    for (size_t i = r->blocks * REGION_BLOCK; i < r->len; i++)
        r->counters[i] = 0;
}

REGION_RAW static void collect_some(struct region *r, size_t from, size_t to, bool keep, struct region_found *found)
{
    for (size_t i = from; i < to; i++) {
        uint8_t class = class_of[r->counters[i]];
        if (!(class & ~r->seen[i]))
            continue;
        found->pairs++;
        found->edges += r->seen[i] == 0;
        if (keep)
            r->seen[i] |= class;
    }
}

REGION_RAW struct region_found region_collect(struct region *r, bool keep)
{
    struct region_found found = {0, 0};
#if defined(__x86_64__)
    bool any = is_wide() ? look_wide(r) : look_narrow(r);
#else
    bool any = look_narrow(r);
#endif
    if (any) {
        touch(r, false);
        for (size_t i = 0; i < r->blocks; i++)
            if (r->touched[i] && !is_block_zero(r->counters + i * REGION_BLOCK))
                collect_some(r, i * REGION_BLOCK, (i + 1) * REGION_BLOCK, keep, &found);
    }
    collect_some(r, r->blocks * REGION_BLOCK, r->len, keep, &found);
    return found;
}

REGION_RAW size_t region_list(const struct region *r, bool only_new, uint32_t *edges, uint8_t *classes)
{
    size_t count = 0;
    for (size_t i = 0; i < r->len; i++) {
        if (i % REGION_BLOCK == 0 && i + REGION_BLOCK <= r->len && is_block_zero(r->counters + i)) {
            i += REGION_BLOCK - 1;
            continue;
        }
        uint8_t class = class_of[r->counters[i]];
        if (only_new)
            class &= (uint8_t)~r->seen[i];
        if (!class)
            continue;
        edges[count] = (uint32_t)(r->base + i);
        classes[count++] = class;
    }
    return count;
}
