/* What code compiled with -fsanitize-coverage=trace-cmp calls, and what -Wl,--wrap puts in place of the C library's
 * comparisons. Linked as an object (harrow_compares in cmake/Harrow.cmake); not instrumented itself. */
#include "fuzz/cover/compare.h"

#include <string.h>

/* Where a build instruments everything, not these: they would call themselves. */
#if defined(__clang__)
#pragma clang attribute push(__attribute__((no_sanitize("coverage"))), apply_to = function)
#endif

#define PLACES 4096 /* a power of two */

static struct compare kept[COMPARES_MAX];
static size_t count;
static uint8_t places[PLACES]; /* how many were kept of each; several may share one */
static bool on;

bool compare_start(void)
{
    count = 0;
    memset(places, 0, sizeof places);
    on = true;
    return true;
}

void compare_stop(void)
{
    on = false;
}

size_t compare_last(const struct compare **out)
{
    *out = kept;
    return count;
}

static struct compare *take(uintptr_t place)
{
    size_t at = (size_t)(place * 0x9e3779b97f4a7c15 >> 40) & (PLACES - 1);
    if (!on || count == COMPARES_MAX || places[at] == COMPARE_PER_PLACE)
        return NULL;
    places[at]++;
    kept[count].place = place;
    return &kept[count++];
}

static void number(uintptr_t place, uint8_t size, uint64_t a, uint64_t b)
{
    struct compare *c = a != b ? take(place) : NULL;
    if (!c)
        return;
    c->size = size;
    c->a = a;
    c->b = b;
}

static void memory(uintptr_t place, const void *a, size_t a_len, const void *b, size_t b_len)
{
    struct compare *c = on ? take(place) : NULL;
    if (!c)
        return;
    c->size = 0;
    c->a_len = (uint8_t)(a_len < COMPARE_BYTES ? a_len : COMPARE_BYTES);
    c->b_len = (uint8_t)(b_len < COMPARE_BYTES ? b_len : COMPARE_BYTES);
    memcpy(c->a_bytes, a, c->a_len);
    memcpy(c->b_bytes, b, c->b_len);
}

#define PLACE ((uintptr_t)__builtin_return_address(0))

#define NUMBER(name, type)                                                                                             \
    void name(type a, type b);                                                                                         \
    void name(type a, type b)                                                                                          \
    {                                                                                                                  \
        number(PLACE, sizeof(type), a, b);                                                                             \
    }
NUMBER(__sanitizer_cov_trace_cmp1, uint8_t)
NUMBER(__sanitizer_cov_trace_cmp2, uint16_t)
NUMBER(__sanitizer_cov_trace_cmp4, uint32_t)
NUMBER(__sanitizer_cov_trace_cmp8, uint64_t)
NUMBER(__sanitizer_cov_trace_const_cmp1, uint8_t)
NUMBER(__sanitizer_cov_trace_const_cmp2, uint16_t)
NUMBER(__sanitizer_cov_trace_const_cmp4, uint32_t)
NUMBER(__sanitizer_cov_trace_const_cmp8, uint64_t)

/* cases[0]: how many, cases[1]: bits of the value; then they. Each is a place of its own. */
void __sanitizer_cov_trace_switch(uint64_t value, uint64_t *cases);
void __sanitizer_cov_trace_switch(uint64_t value, uint64_t *cases)
{
    for (uint64_t i = 0; on && i < cases[0] && i < 256; i++)
        number(PLACE + i, (uint8_t)(cases[1] / 8), value, cases[2 + i]);
}

int __real_memcmp(const void *a, const void *b, size_t len);
int __wrap_memcmp(const void *a, const void *b, size_t len);
int __wrap_memcmp(const void *a, const void *b, size_t len)
{
    int how = __real_memcmp(a, b, len);
    if (how)
        memory(PLACE, a, len, b, len);
    return how;
}

int __real_bcmp(const void *a, const void *b, size_t len);
int __wrap_bcmp(const void *a, const void *b, size_t len);
int __wrap_bcmp(const void *a, const void *b, size_t len)
{
    int how = __real_bcmp(a, b, len);
    if (how)
        memory(PLACE, a, len, b, len);
    return how;
}

#define STRINGS(name)                                                                                                  \
    int __real_##name(const char *a, const char *b);                                                                   \
    int __wrap_##name(const char *a, const char *b);                                                                   \
    int __wrap_##name(const char *a, const char *b)                                                                    \
    {                                                                                                                  \
        int how = __real_##name(a, b);                                                                                 \
        if (how)                                                                                                       \
            memory(PLACE, a, strnlen(a, COMPARE_BYTES), b, strnlen(b, COMPARE_BYTES));                                 \
        return how;                                                                                                    \
    }
STRINGS(strcmp)
STRINGS(strcasecmp)

#define STRINGS_OF(name)                                                                                               \
    int __real_##name(const char *a, const char *b, size_t len);                                                       \
    int __wrap_##name(const char *a, const char *b, size_t len);                                                       \
    int __wrap_##name(const char *a, const char *b, size_t len)                                                        \
    {                                                                                                                  \
        int how = __real_##name(a, b, len);                                                                            \
        size_t most = len < COMPARE_BYTES ? len : COMPARE_BYTES;                                                       \
        if (how)                                                                                                       \
            memory(PLACE, a, strnlen(a, most), b, strnlen(b, most));                                                   \
        return how;                                                                                                    \
    }
STRINGS_OF(strncmp)
STRINGS_OF(strncasecmp)

char *__real_strstr(const char *text, const char *part);
char *__wrap_strstr(const char *text, const char *part);
char *__wrap_strstr(const char *text, const char *part)
{
    char *found = __real_strstr(text, part);
    if (!found)
        memory(PLACE, text, strnlen(text, COMPARE_BYTES), part, strnlen(part, COMPARE_BYTES));
    return found;
}

void *__real_memmem(const void *data, size_t len, const void *part, size_t part_len);
void *__wrap_memmem(const void *data, size_t len, const void *part, size_t part_len);
void *__wrap_memmem(const void *data, size_t len, const void *part, size_t part_len)
{
    void *found = __real_memmem(data, len, part, part_len);
    if (!found)
        memory(PLACE, data, len, part, part_len);
    return found;
}

#if defined(__clang__)
#pragma clang attribute pop
#endif
