#include "base/failing.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static _Thread_local struct {
    bool armed, onwards, hit;
    size_t left;  /* allocations until the failing one */
    size_t count; /* allocations seen */
} state;

/* The names are the linker's: a call of malloc becomes __wrap_malloc, and __real_malloc is the one of the C library. */
#pragma GCC diagnostic ignored "-Wmissing-prototypes"
/* NOLINTBEGIN(cert-dcl37-c,cert-dcl51-cpp,bugprone-reserved-identifier) */
void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *data, size_t size);

static bool fails(void)
{
    if (!state.armed)
        return false;
    state.count++;
    if (state.left > 1) {
        state.left--;
        return false;
    }
    if (state.left == 0 && !state.onwards)
        return false;
    state.left = 0;
    state.hit = true;
    return true;
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *data, size_t size)
{
    return fails() ? NULL : __real_realloc(data, size);
}

char *__wrap_strndup(const char *string, size_t max)
{
    if (fails())
        return NULL;
    size_t len = strnlen(string, max);
    char *copy = __real_malloc(len + 1);
    if (copy) {
        memcpy(copy, string, len);
        copy[len] = '\0';
    }
    return copy;
}

char *__wrap_strdup(const char *string)
{
    return __wrap_strndup(string, SIZE_MAX);
}

/* NOLINTEND(cert-dcl37-c,cert-dcl51-cpp,bugprone-reserved-identifier) */

static void arm(size_t n, bool onwards)
{
    state.armed = n > 0;
    state.onwards = onwards;
    state.hit = false;
    state.left = n;
    state.count = 0;
}

void failing_arm(size_t n)
{
    arm(n, false);
}

void failing_arm_from(size_t n)
{
    arm(n, true);
}

void failing_disarm(void)
{
    state.armed = false;
}

bool failing_hit(void)
{
    return state.hit;
}

size_t failing_count(void)
{
    return state.count;
}

void *failing_malloc(size_t size)
{
    return __wrap_malloc(size);
}

void failing_free(void *data)
{
    free(data);
}
