/* The compiler's side: what instrumented programs call before main(), once for every module. Linked as an object into
 * programs built with HARROW_COVER and into nothing else (libFuzzer and AFL++ bring their own); not instrumented
 * itself.
 *
 * When the environment names a folder (COVER_VARIABLE), the counters also move there: fuzz/cover/shared.h. */
#include "fuzz/cover/cover_hooks.h"
#include "fuzz/cover/shared_format.h"

#include "world/mapping.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void __sanitizer_cov_8bit_counters_init(uint8_t *start, uint8_t *end);
void __sanitizer_cov_pcs_init(const uintptr_t *start, const uintptr_t *end);

static struct cover_module modules[COVER_MODULES_MAX];
static size_t module_count;

static void share(size_t number, const char *folder)
{
    struct cover_shared_header header = {.magic = COVER_SHARED_MAGIC,
                                         .process = world_process_self(),
                                         .module = number,
                                         .offset = world_mapping_offset(modules[number].start),
                                         .length = (uint64_t)(modules[number].end - modules[number].start)};
    char path[4096];
    uint64_t offset;
    snprintf(header.program, sizeof header.program, "%s", program_invocation_short_name);
    int n = snprintf(path, sizeof path, "%s/%lld.%zu", folder, (long long)header.process, number);
    if (n < 0 || (size_t)n >= sizeof path)
        return;
    /* A program that cannot share its coverage still does its work; whoever waits for the file says so. */
    if (world_mapping_move(path, BYTES(&header, sizeof header), modules[number].start, modules[number].end, &offset))
        fprintf(stderr, "coverage is not shared: cannot write %s\n", path);
}

void __sanitizer_cov_8bit_counters_init(uint8_t *start, uint8_t *end)
{
    if (start == end || module_count == COVER_MODULES_MAX)
        return;
    for (size_t i = 0; i < module_count; i++)
        if (modules[i].start == start)
            return;
    modules[module_count] = (struct cover_module){.start = start, .end = end};
    const char *folder = getenv(COVER_VARIABLE);
    if (folder && *folder)
        share(module_count, folder);
    module_count++;
}

/* Comes after its module's counters. */
void __sanitizer_cov_pcs_init(const uintptr_t *start, const uintptr_t *end)
{
    for (size_t i = 0; i < module_count; i++)
        if (!modules[i].addresses && (end - start) / 2 == modules[i].end - modules[i].start) {
            modules[i].addresses = start;
            return;
        }
}

size_t cover_modules(const struct cover_module **out)
{
    *out = modules;
    return module_count;
}
