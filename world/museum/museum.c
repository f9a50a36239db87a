#include "world/museum/museum.h"
#include "world/museum/canary.h"
#include "world/museum/names.h"

#include "world/mapping.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(MUSEUM_BUGS < MUSEUM_BUGS_MAX, "the canary's file has no room for so many");

int museum_active;
uint64_t museum_here;
static struct museum_canary *canary;

void museum_tell(int bug, bool triggered)
{
    if (!canary)
        return;
    uint8_t *flag = triggered ? &canary->bugs[bug].triggered : &canary->bugs[bug].reached;
    if (*flag == 0)
        __atomic_store_n(flag, 1, __ATOMIC_RELAXED);
}

static bool find(const char *name)
{
    museum_active = name && strcmp(name, MUSEUM_WATCH) == 0 ? -1 : 0;
    for (int i = 0; name && i < MUSEUM_BUGS; i++)
        if (strcmp(museum_bugs[i].name, name) == 0)
            museum_active = i + 1;
    return !name || museum_active;
}

bool museum_switch_on(const char *name)
{
    museum_here = 1;
    return find(name);
}

static void map_canary(const char *path)
{
    struct world_mapping mapping;
    if (world_mapping_open(path, true, &mapping) == 0 && mapping.size >= sizeof *canary &&
        memcmp(mapping.data, MUSEUM_CANARY_MAGIC, sizeof canary->magic) == 0)
        canary = mapping.data; /* for as long as the process lives */
    else
        fprintf(stderr, "museum: %s is no canary's file: nothing is counted\n", path);
}

/* Before main(), and before anything that could reach a bug. */
__attribute__((constructor)) static void begin(void)
{
    const char *name = getenv(MUSEUM_VARIABLE), *path = getenv(MUSEUM_CANARY_VARIABLE);
    if (!name || !*name)
        return;
    if (!find(name)) {
        fprintf(stderr, "museum: there is no bug \"%s\"\n", name);
        return;
    }
    museum_here = strncmp(program_invocation_short_name, "micro", 5) == 0;
    if (path && *path)
        map_canary(path);
}
