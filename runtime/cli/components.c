/* micro status --components, micro health: the components of a running server. */
#include "runtime/cli/cli.h"

#include "base/units.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ASK_TIMEOUT (1 * SECOND) /* for one component's figures */

/* An answer of a component's Debug handler, or NULL. */
static json_t *ask(struct cli *c, const json_t *component, const char *endpoint)
{
    json_t *answer = NULL;
    const struct cli_call call = {
        .service = json_string_value(json_object_get(component, "name")),
        .endpoint = endpoint,
        .address = json_string_value(json_object_get(component, "address")),
        .quiet = true,
        .timeout = ASK_TIMEOUT,
    };
    if (call.service && call.address && cli_integer(component, "pid") != 0)
        (void)cli_call_value(c, &call, &answer);
    return answer;
}

/* ---- the table ---- */

static void put_state(struct text *out, const json_t *component)
{
    const char *state = cli_text(component, "state");
    /* The process is there but says nothing: stopped, or too busy. */
    bool silent = json_is_null(json_object_get(component, "stats")) && strcmp(state, "running") == 0;
    text_puts(out, silent ? "silent" : state);
}

static void put_pid(struct text *out, const json_t *component)
{
    int64_t pid = cli_integer(component, "pid");
    if (pid)
        text_printf(out, "%lld", (long long)pid);
}

static void put_uptime(struct text *out, const json_t *component)
{
    const json_t *stats = json_object_get(component, "stats");
    char uptime[64] = "0 s";
    int64_t seconds = cli_integer(stats, "uptime");
    if (seconds > 0)
        units_format_duration(seconds * SECOND, uptime, sizeof uptime);
    if (json_is_object(stats))
        text_puts(out, uptime);
}

static void put_memory(struct text *out, const json_t *component)
{
    const json_t *stats = json_object_get(component, "stats");
    char memory[64];
    units_format_size((uint64_t)cli_integer(stats, "memory"), memory, sizeof memory);
    if (json_is_object(stats))
        text_puts(out, memory);
}

static const struct cli_column columns[] = {
    {"NAME", "name", NULL},       {"STATE", NULL, put_state},     {"PID", NULL, put_pid},
    {"UPTIME", NULL, put_uptime}, {"RESTARTS", "restarts", NULL}, {"MEMORY", NULL, put_memory},
    {"ADDRESS", "address", NULL},
};

/* The last death of each component that died. */
static void print_deaths(const json_t *components)
{
    const json_t *component;
    size_t i;
    json_array_foreach(components, i, component)
    {
        const char *died = json_string_value(json_object_get(component, "died"));
        if (died)
            printf("\n%s: %s\n", json_string_value(json_object_get(component, "name")), died);
    }
}

/* The components called `only`, or all, each with its answer to `endpoint` under `member`; NULL after a message. */
static json_t *asked(struct cli *c, const char *only, const char *endpoint, const char *member, json_t **status,
                     int *code)
{
    json_t *list = json_array(), *component;
    size_t i;
    *status = cli_status(c);
    *code = *status ? CLI_OK : CLI_NOT_FOUND;
    json_array_foreach(json_object_get(*status, "components"), i, component)
    {
        if (only && strcmp(only, cli_text(component, "name")) != 0)
            continue;
        json_t *answer = ask(c, component, endpoint);
        if (json_object_set_new(component, member, answer ? answer : json_null()) != 0 ||
            json_array_append(list, component) != 0)
            *code = cli_no_memory();
    }
    if (*code == CLI_OK && only && json_array_size(list) == 0)
        *code = cli_fail(CLI_NOT_FOUND, "service not found: %s", only);
    return list;
}

int cli_components(struct cli *c, const char *only)
{
    json_t *status;
    int code;
    json_t *list = asked(c, only, "Debug.Stats", "stats", &status, &code);
    if (code == CLI_OK && cli_as_json()) {
        code = json_object_set(status, "components", list) == 0 ? cli_print_value(status) : cli_no_memory();
    } else if (code == CLI_OK) {
        code = cli_table(list, columns, sizeof columns / sizeof columns[0]);
        print_deaths(list);
    }
    json_decref(list);
    json_decref(status);
    return code;
}

int command_health(const struct arguments *args)
{
    json_t *status, *component;
    size_t i;
    bool all = true;
    int code;
    json_t *list = asked(cli_of(args), args->argc > 0 ? args->argv[0] : NULL, "Debug.Health", "health", &status, &code);
    json_array_foreach(list, i, component)
    {
        const json_t *answer = json_object_get(component, "health");
        const char *words = cli_text(answer, "status");
        all = all && strcmp(words, "ok") == 0;
        printf("%-12s %s\n", cli_text(component, "name"), words[0] ? words : "no answer");
    }
    json_decref(list);
    json_decref(status);
    return code == CLI_OK && !all ? CLI_UNKNOWN : code;
}
