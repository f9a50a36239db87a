#include "base/json_build.h"
#include "base/json_text.h"
#include "chaos/journal/journal.h"
#include "harrow/commands.h"
#include "harrow/run/run.h"
#include "world/real.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool list, json, quiet;

static const struct option options[] = {
    {.name = "list", .kind = OPTION_FLAG, .target = &list, .help = "tell what would be undone, and undo nothing"},
    {.name = "json", .kind = OPTION_FLAG, .target = &json, .help = "print one line of JSON for each step"},
    {.name = "quiet", .letter = 'q', .kind = OPTION_FLAG, .target = &quiet, .help = "print what went wrong only"},
    {0},
};

static const char *const state_names[] = {
    [HEAL_UNDONE] = "undone",   [HEAL_FAILED] = "failed", [HEAL_ALIVE] = "in use",
    [HEAL_REFUSED] = "refused", [HEAL_LISTED] = "open",   [HEAL_LEFT] = "left",
};

/* How its system gets rid of a namespace. */
static char *who_can(const struct undo *step)
{
    json_t *system = step->kind == UNDO_NAMESPACE ? json_loads(step->other, 0, NULL) : NULL;
    const char *manifest = json_string_value(json_object_get(system, "manifest"));
    struct text line = TEXT_INIT;
    if (manifest != NULL)
        text_printf(&line, " by the next run on its system: harrow e2e %s --driver attach --isolate namespace",
                    manifest);
    char *out = line.len > 0 && text_ok(&line) ? strdup(text_string(&line)) : NULL;
    text_deinit(&line);
    json_decref(system);
    return out;
}

static void print_json(const struct heal_event *e, const char *what)
{
    json_t *line =
        json_pack("{s:s, s:s, s:I}", "state", state_names[e->state], "journal", e->file, "owner", (json_int_t)e->owner);
    if (e->step != NULL)
        json_build_set(&line, "step", json_string(undo_kind_name(e->step->kind)));
    if (e->step != NULL)
        json_build_set(&line, "what", json_text_string(what));
    if (e->reason != NULL && e->reason[0] != '\0')
        json_build_set(&line, "reason", json_text_string(e->reason));
    harrow_json_print(line, 0);
}

static void on_event(void *arg, const struct heal_event *e)
{
    struct text what = TEXT_INIT;
    bool bad = e->state == HEAL_FAILED || e->state == HEAL_REFUSED;
    (void)arg;
    if (e->step != NULL) {
        char *who = who_can(e->step);
        undo_describe(e->step, &what);
        text_puts(&what, who != NULL ? who : "");
        free(who);
    }
    if (json)
        print_json(e, text_string(&what));
    else if (e->state == HEAL_ALIVE && !quiet)
        printf("%-8s %s: process %lld is at work\n", state_names[e->state], e->file, (long long)e->owner);
    else if (e->step != NULL && (bad || !quiet))
        printf("%-8s %s%s%s\n", state_names[e->state], text_string(&what), bad ? ": " : "", bad ? e->reason : "");
    else if (bad)
        printf("%-8s %s: %s\n", state_names[e->state], e->file, e->reason);
    text_deinit(&what);
}

static int run(const struct arguments *args)
{
    struct error err = ERROR_INIT;
    struct heal_summary s = {0};
    struct world *w = NULL;
    (void)args;
    int code = world_real_new(0, &w, &err);
    if (code == 0)
        code = undo_journal_heal(w, list, on_event, NULL, &s, &err);
    int exit_code = code != 0 ? harrow_error(&err, "heal") : s.failed + s.refused > 0 ? HARROW_FAILED : HARROW_PASSED;
    if (code == 0 && !json && !quiet && s.undone + s.failed + s.refused + s.left == 0 && !list)
        puts("nothing is left to undo");
    error_clear(&err);
    world_real_free(w);
    return exit_code;
}

const struct command command_heal = {
    .name = "heal",
    .summary = "undo what faults of a killed run left on this machine",
    .positional_max = 0,
    .description =
        "Everything a fault does to this machine that would outlive harrow is written to a journal first. After\n"
        "a run was killed (kill -9, the end of memory) this undoes what its journal says: stopped processes go\n"
        "on, limits are restored, mounts, control groups and folders removed. Runs that are at work are left\n"
        "alone. The next run does the same before it starts a system. A namespace that flows had on an attached\n"
        "system (harrow e2e --isolate namespace) is only told of: the next such run on that system takes it away.",
    .exit_codes = "  0    nothing is left to be undone on this machine\n"
                  "  1    a step failed or a journal cannot be trusted; it is kept, and tried again next time\n"
                  "  2    the command line is wrong\n",
    .examples = "  harrow heal\n"
                "  harrow heal --list --json\n",
    .options = options,
    .run = run,
};
