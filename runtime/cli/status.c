/* micro status, micro health: the components of a running server. */
#include "runtime/cli/cli.h"

#include "base/units.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ASK_TIMEOUT (1 * SECOND) /* for one component's figures */

static struct {
    const char *output;
} flags;

static const char *const outputs[] = {"table", "json", NULL};
const struct option status_options[] = {
    {.name = "output",
     .letter = 'o',
     .kind = OPTION_CHOICE,
     .target = &flags.output,
     .argument = "FORMAT",
     .help = "table or json",
     .fallback = "table",
     .choices = outputs},
    {.name = NULL},
};

struct answer {
    json_t *value;
};

static void take(void *arg, struct bytes json)
{
    struct answer *a = arg;
    if (!a->value)
        a->value = json_loadb((const char *)json.data, json.len, 0, NULL);
}

/* An answer of a component's Debug handler, or NULL. */
static json_t *ask(struct cli *c, const json_t *component, const char *endpoint)
{
    struct answer got = {0};
    const struct cli_call call = {
        .service = json_string_value(json_object_get(component, "name")),
        .endpoint = endpoint,
        .address = json_string_value(json_object_get(component, "address")),
        .quiet = true,
        .timeout = ASK_TIMEOUT,
        .message = take,
        .arg = &got,
    };
    if (!call.service || !call.address || json_integer_value(json_object_get(component, "pid")) == 0)
        return NULL;
    if (cli_call(c, &call, NULL) == CLI_OK)
        return got.value;
    json_decref(got.value);
    return NULL;
}

static int64_t figure(const json_t *stats, const char *key)
{
    const json_t *value = json_object_get(stats, key);
    return json_is_string(value) ? strtoll(json_string_value(value), NULL, 10) : json_integer_value(value);
}

static void print_row(const json_t *component, const json_t *stats)
{
    char uptime[64] = "n/a", memory[64] = "n/a", pid[32] = "n/a";
    const char *name = json_string_value(json_object_get(component, "name"));
    const char *state = json_string_value(json_object_get(component, "state"));
    const char *address = json_string_value(json_object_get(component, "address"));
    json_int_t id = json_integer_value(json_object_get(component, "pid"));
    if (id)
        snprintf(pid, sizeof pid, "%lld", (long long)id);
    if (stats) {
        int64_t seconds = figure(stats, "uptime");
        if (seconds > 0)
            units_format_duration(seconds * SECOND, uptime, sizeof uptime);
        else
            snprintf(uptime, sizeof uptime, "0 s");
        units_format_size((uint64_t)figure(stats, "memory"), memory, sizeof memory);
    }
    /* The process is there but says nothing: stopped, or too busy. */
    bool silent = !stats && state && strcmp(state, "running") == 0;
    printf("%-12s %-11s %-8s %-10s %8lld  %-10s %s\n", name ? name : "?",
           silent  ? "silent"
           : state ? state
                   : "?",
           pid, uptime, (long long)json_integer_value(json_object_get(component, "restarts")), memory,
           address ? address : "?");
}

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

static int run(bool only_health, const char *only)
{
    struct cli c;
    size_t i;
    bool all = true, found = false;
    int code = cli_open(&c);
    json_t *status = code == CLI_OK ? cli_status(&c) : NULL;
    if (code == CLI_OK && !status)
        code = CLI_NOT_FOUND;
    json_t *components = json_object_get(status, "components"), *component;
    bool as_json = !only_health && strcmp(flags.output, "json") == 0;
    if (code == CLI_OK && !only_health && !as_json)
        printf("%-12s %-11s %-8s %-10s %8s  %-10s %s\n", "NAME", "STATE", "PID", "UPTIME", "RESTARTS", "MEMORY",
               "ADDRESS");
    json_array_foreach(components, i, component)
    {
        const char *name = json_string_value(json_object_get(component, "name"));
        if (only && (!name || strcmp(only, name) != 0))
            continue;
        found = true;
        json_t *answer = ask(&c, component, only_health ? "Debug.Health" : "Debug.Stats");
        if (only_health) {
            const char *words = json_string_value(json_object_get(answer, "status"));
            bool ok = words && strcmp(words, "ok") == 0;
            all = all && ok;
            printf("%-12s %s\n", name ? name : "?", words ? words : "no answer");
        } else if (as_json) {
            json_object_set(component, "stats", answer ? answer : json_null());
        } else {
            print_row(component, answer);
        }
        json_decref(answer);
    }
    if (code == CLI_OK && only && !found)
        code = cli_fail(CLI_NOT_FOUND, "service not found: %s", only);
    if (code == CLI_OK && as_json) {
        char *text = json_dumps(status, JSON_COMPACT);
        code = text ? cli_print_json(bytes_of(text)) : cli_fail(CLI_MALFORMED, "out of memory");
        free(text);
    } else if (code == CLI_OK && !only_health) {
        print_deaths(components);
    }
    json_decref(status);
    cli_close(&c);
    return code == CLI_OK && !all ? CLI_UNKNOWN : code;
}

int command_status(const struct arguments *args)
{
    return run(false, args->argc > 0 ? args->argv[0] : NULL);
}

int command_health(const struct arguments *args)
{
    return run(true, args->argc > 0 ? args->argv[0] : NULL);
}
