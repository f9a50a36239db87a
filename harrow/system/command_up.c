#include "base/json_build.h"
#include "harrow/system/attach.h"
#include "harrow/commands.h"
#include "harrow/system/driver_disk.h"
#include "harrow/system/driver_network.h"
#include "harrow/system/system.h"

#include <stdio.h>
#include <string.h>

static const struct option options[] = {COMMON_OPTIONS, NETWORK_OPTION, DISK_OPTION, {0}};

static bool interrupted(void *arg)
{
    const struct run *r = arg;
    return r->interrupted;
}

/* For programs that read --json: where everything is, as a remark in the stream. */
static void emit_system(struct run *r, struct system *s)
{
    const struct target *t = system_target(s);
    struct text line = TEXT_INIT;
    json_t *components = json_array();
    for (size_t i = 0; i < t->component_count; i++) {
        const struct target_component *c = &t->components[i];
        json_build_add(&components, json_pack("{s:s, s:s*, s:s*, s:s*}", "name", c->name, "address", c->address, "http",
                                              c->http, "tcp", c->tcp.address));
    }
    system_describe(s, &line);
    result_emit(&r->results, "note",
                json_pack("{s:s, s:o, s:s*, s:s*}", "text", text_string(&line), "components", components, "gateway",
                          t->gateway, "token", t->token));
    text_deinit(&line);
}

static void print_system(struct run *r, struct system *s)
{
    struct text line = TEXT_INIT;
    system_describe(s, &line);
    run_say(r, "%s", text_string(&line));
    text_deinit(&line);
    const struct target *t = system_target(s);
    for (size_t i = 0; i < t->component_count; i++) {
        const struct target_component *c = &t->components[i];
        const char *door = c->address != NULL ? c->address : c->http != NULL ? c->http : c->tcp.address;
        run_say(r, "  %-12s %s", c->name, door != NULL ? door : "no door");
    }
    if (t->token != NULL)
        run_say(r, "  token        %s", t->token);
    if (s->networks != NULL)
        run_say(r, "  networks     nsenter --net=%s/COMPONENT COMMAND", s->networks);
    run_say(r, "Ctrl-C stops it");
}

static int run(const struct arguments *args)
{
    if (strcmp(common.driver, "sim") == 0) {
        fputs("harrow: up: a simulated system lives only inside one command; use --driver processes\n", stderr);
        return HARROW_USAGE;
    }
    if (driver_network_refuses("up") || driver_disk_refuses("up"))
        return HARROW_USAGE;
    if (attach_refuses("up", args->argv[0], "it runs already"))
        return HARROW_USAGE;
    int exit_code = 0;
    struct run *r = run_begin(args->argv[0], harrow_command_line, &exit_code);
    if (r == NULL)
        return exit_code;
    struct error err = ERROR_INIT;
    struct system *s = NULL;
    if (system_start(r, &s, &err) != 0) {
        exit_code = run_failed(r, &err, "start of the system");
    } else {
        if (common.json)
            emit_system(r, s);
        else
            print_system(r, s);
        world_run_until(r->world, interrupted, r, 0);
        /* Being stopped is how this command ends well. */
        r->interrupted = false;
        system_stop(s);
    }
    error_clear(&err);
    return run_finish(r, exit_code);
}

const struct command command_up = {
    .name = "up",
    .summary = "start the system and keep it running until Ctrl-C",
    .positional = "MANIFEST",
    .positional_min = 1,
    .positional_max = 1,
    .description =
        "Starts what the manifest describes on free ports with a fresh data folder, prints where everything\n"
        "is and a token to call it with, and stops it all at Ctrl-C.",
    .examples = "  harrow up systems/micro.yaml\n",
    .options = options,
    .run = run,
};
