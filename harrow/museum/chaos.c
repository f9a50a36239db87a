/* The museum of what only faults show: ordinary experiments of `harrow chaos`, one seed after the other. A failing one
 * is run once more to make its schedule smaller (harrow/chaos/shrink.c). docs/chaos-museum.md. */
#include "harrow/museum/museum.h"

#include <inttypes.h>
#include <string.h>

static const char *folder_of(const struct museum_trial *t, struct arena *arena)
{
    return t->solving ? arena_printf(arena, "%s/small", t->folder)
                      : arena_printf(arena, "%s/seed-%" PRIu64, t->folder, t->seed);
}

static int words(const struct museum_trial *t, struct arena *arena, const char **out)
{
    const char *seed = arena_printf(arena, "%" PRIu64, t->seed), *folder = folder_of(t, arena);
    const char *experiment = t->options->manifest ? t->options->manifest : t->bug->experiment;
    if (!seed || !folder)
        return ERROR_MEMORY;
    const char *const list[] = {"chaos",
                                experiment,
                                "--driver",
                                t->bug->processes ? "processes" : "sim",
                                "--seed",
                                seed,
                                "--json",
                                "--out",
                                folder,
                                "--shrink",
                                t->solving ? (t->bug->processes ? "always" : "unconfirmed") : "never",
                                NULL};
    memcpy(out, list, sizeof list);
    return 0;
}

static int64_t number(const json_t *line, const char *name)
{
    return json_integer_value(json_object_get(line, name));
}

static void take_smaller(const json_t *line, struct museum_result *r)
{
    const char *schedule = json_string_value(json_object_get(line, "schedule"));
    r->size = (size_t)number(line, "faults");
    r->smaller = (struct museum_smaller){.size_before = number(line, "faults_before"),
                                         .operations_before = number(line, "operations_before"),
                                         .operations = number(line, "operations"),
                                         .tries = number(line, "tries"),
                                         .took = (uint64_t)number(line, "duration"),
                                         .minimal = json_is_true(json_object_get(line, "minimal"))};
    text_clear(&r->small);
    text_puts(&r->small, schedule != NULL ? schedule : "");
}

static const char *told(const struct museum_trial *t, const json_t *line, struct museum_result *r)
{
    const char *type = json_string_value(json_object_get(line, "type"));
    const char *oracle = json_string_value(json_object_get(line, "oracle"));
    const char *status = json_string_value(json_object_get(line, "status"));
    if (!type)
        return NULL;
    if (t->solving) {
        if (strcmp(type, "shrunk") == 0)
            take_smaller(line, r);
        return NULL;
    }
    if (strcmp(type, "finding") == 0)
        return oracle ? oracle : "?";
    if (strcmp(type, "case") == 0 && status && strcmp(status, "failed") == 0)
        return json_string_value(json_object_get(line, "name"));
    return NULL;
}

static void passed(struct world *w, const struct museum_trial *t, struct arena *arena)
{
    const char *folder = folder_of(t, arena);
    if (folder)
        (void)world_remove_tree(w, folder);
}

const struct museum_collection museum_chaos = {.amount = 1, .words = words, .told = told, .passed = passed};
