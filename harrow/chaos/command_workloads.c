/* `harrow chaos workloads`: what clients can do while faults are injected, and which models judge it. */
#include "base/json_build.h"
#include "chaos/workload/workload.h"
#include "harrow/commands.h"
#include "harrow/run/run.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#define NAME_WIDTH 18

static bool json;

static const struct option options[] = {
    {.name = "json", .kind = OPTION_FLAG, .target = &json, .help = "print everything as one JSON array"},
    {0},
};

static json_t *names_json(const char *const *names)
{
    json_t *list = json_array();
    for (; names != NULL && *names != NULL; names++)
        json_build_add(&list, json_string(*names));
    return list;
}

static void print_names(const char *label, const char *const *names)
{
    printf("  %-*s %s", NAME_WIDTH, "", label);
    for (; names != NULL && *names != NULL; names++)
        printf(" %s", *names);
    putchar('\n');
}

static int run(const struct arguments *args)
{
    (void)args;
    json_t *all = json_array();
    for (const struct workload_kind *const *k = workload_kinds; *k != NULL; k++) {
        if (json) {
            json_build_add(&all, json_pack("{s:s, s:s, s:o, s:o}", "name", (*k)->name, "summary", (*k)->summary,
                                           "services", names_json((*k)->services), "models", names_json((*k)->models)));
            continue;
        }
        printf("  %-*s %s\n", NAME_WIDTH, (*k)->name, (*k)->summary);
        print_names("uses", (*k)->services);
        print_names("judged by", (*k)->models);
    }
    if (json)
        harrow_json_print(json_incref(all), 2);
    json_decref(all);
    return HARROW_PASSED;
}

const struct command command_chaos_workloads = {
    .name = "workloads",
    .summary = "what the clients can do meanwhile, and which models judge it",
    .options = options,
    .run = run,
};
