#include "tests/whole/stable.h"

#include "base/error.h"
#include "fuzz/cover/cover_hooks.h"

#include <stdlib.h>
#include <string.h>

extern uint8_t __start___sancov_cntrs[] __attribute__((weak));
extern uint8_t __stop___sancov_cntrs[] __attribute__((weak));
extern const uintptr_t __start___sancov_pcs[] __attribute__((weak));
extern const char __executable_start[]; /* the linker's */

STABLE_RAW static uint8_t class_of(uint8_t n)
{
    return n < 4 ? n : n < 8 ? 4 : n < 16 ? 5 : n < 32 ? 6 : n < 128 ? 7 : 8;
}

int stable_init(struct stable *s)
{
    *s = (struct stable){0};
    if (!__start___sancov_cntrs)
        return ERROR_NOT_FOUND;
    s->count = (size_t)(__stop___sancov_cntrs - __start___sancov_cntrs);
    s->first = calloc(2, s->count);
    s->differs = s->first ? s->first + s->count : NULL;
    return s->first ? 0 : ERROR_MEMORY;
}

void stable_deinit(struct stable *s)
{
    free(s->first);
}

STABLE_RAW void stable_begin(struct stable *s)
{
    for (size_t i = 0; i < s->count; i++)
        __start___sancov_cntrs[i] = 0;
}

STABLE_RAW void stable_end(struct stable *s)
{
    for (size_t i = 0; i < s->count; i++) {
        uint8_t class = class_of(__start___sancov_cntrs[i]);
        if (s->runs == 0)
            s->first[i] = class;
        else if (s->first[i] != class)
            s->differs[i] = 1;
    }
    s->runs++;
}

void stable_another(struct stable *s)
{
    s->runs = 0;
    memset(s->first, 0, 2 * s->count);
}

struct stable_figures stable_figures(const struct stable *s)
{
    struct stable_figures f = {0};
    for (size_t i = 0; i < s->count; i++) {
        f.reached += s->first[i] != 0 || s->differs[i];
        f.unstable += s->differs[i];
    }
    return f;
}

uintptr_t stable_offset(const struct stable *s, size_t i)
{
    if (!s->differs[i] || !__start___sancov_pcs)
        return 0;
    return __start___sancov_pcs[2 * i] - (uintptr_t)__executable_start;
}
