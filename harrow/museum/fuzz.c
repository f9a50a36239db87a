/* The fuzzer's museum: slices of `harrow fuzz` of the simulated system. What ended with its process is looked for in
 * the journal it left (fuzz/live/suspects.c). docs/fuzzing-museum.md. */
#include "harrow/museum/museum.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define INPUTS ((int64_t)25000) /* calls in the first slice */

static int words(const struct museum_trial *t, struct arena *arena, const char **out)
{
    const char *seed = arena_printf(arena, "%" PRIu64, t->seed);
    const char *inputs = arena_printf(arena, "%" PRId64, t->amount);
    const char *journal = arena_printf(arena, "%s/journal", t->folder);
    if (!seed || !inputs || !journal)
        return ERROR_MEMORY;
    const char *const list[] = {"fuzz",     t->options->manifest,
                                "--driver", "sim",
                                "--seed",   seed,
                                "--json",   "--budget",
                                "0",        "--out",
                                t->folder,  t->solving ? "--suspects" : "--journal",
                                journal,    t->solving ? NULL : "--inputs",
                                inputs,     NULL};
    memcpy(out, list, sizeof list);
    return 0;
}

/* Bytes of the script in a finding's detail: the lines behind "# seed:", without comments; of one that was too long for
 * it, what is said in its place. */
static size_t script_size(const char *detail)
{
    static const char cut[] = "\n# cut: the script has ";
    const char *at = detail ? strstr(detail, "\n# seed:") : NULL, *whole = at ? strstr(at, cut) : NULL;
    size_t size = 0;
    if (whole)
        return (size_t)strtoull(whole + sizeof cut - 1, NULL, 10);
    for (at = at ? strchr(at + 1, '\n') : NULL; at && *++at;) {
        const char *end = strchrnul(at, '\n');
        if (*at != '#')
            size += (size_t)(end - at) + 1;
        at = *end ? end : NULL;
    }
    return size;
}

static const char *told(const struct museum_trial *t, const json_t *line, struct museum_result *r)
{
    (void)t;
    const char *type = json_string_value(json_object_get(line, "type"));
    const char *oracle = json_string_value(json_object_get(line, "oracle"));
    if (!type || strcmp(type, "finding") != 0)
        return NULL;
    r->size = script_size(json_string_value(json_object_get(line, "detail")));
    return oracle ? oracle : "?";
}

const struct museum_collection museum_fuzz = {
    .amount = INPUTS, .grows = true, .crashes = true, .words = words, .told = told};
