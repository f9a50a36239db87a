/* A program whose coverage is watched from outside: says how much it counts, then reads a line, goes a way that
 * depends on it, answers, and so on. */
#include "fuzz/cover/cover_hooks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A function of its own: not every compiler counts a block that only ends. */
__attribute__((noinline, noreturn)) static void fall(void)
{
    abort();
}

__attribute__((noinline)) static unsigned way(const char *line)
{
    unsigned sum = 0;
    if (strncmp(line, "ab", 2) == 0)
        sum += 1;
    else if (line[0] == 'c')
        sum += 2;
    for (const char *p = line; *p == 'x'; p++)
        sum += 3;
    if (strncmp(line, "crash", 5) == 0)
        fall();
    return sum;
}

/* Not counted: what it does after an answer would fall into the next run or not. */
__attribute__((no_sanitize("coverage"))) int main(void)
{
    char line[256];
    const struct cover_module *modules;
    size_t count = cover_modules(&modules);
    printf("%zu %td\n", count, count ? modules[0].end - modules[0].start : 0);
    fflush(stdout);
    while (fgets(line, sizeof line, stdin)) {
        printf("%u\n", way(line));
        fflush(stdout);
    }
    return 0;
}
