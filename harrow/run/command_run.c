#include "base/document.h"
#include "base/units.h"
#include "harrow/system/attach.h"
#include "harrow/commands.h"
#include "harrow/run/pillars.h"

#include <stdio.h>
#include <string.h>

/* How a run's time is shared: what is left after contracts and flows, most of it for the two open-ended pillars. */
#define FUZZ_SHARE_PERCENT  30
#define CHAOS_SHARE_PERCENT 30
#define CHAOS_RATE          2000 /* operations a second: enough to catch a window of a millisecond */

static int64_t budget;
static const char *skip;
static const char *const pillars[] = {"contract", "e2e", "fuzz", "chaos", NULL};

static const struct option options[] = {
    COMMON_OPTIONS,
    ATTACH_OPTIONS,
    OPTION_BUDGET(&budget, "45s", "how long all of it may take, 1s at least; contracts and flows come first"),
    {.name = "skip",
     .kind = OPTION_TEXT,
     .target = &skip,
     .argument = "PILLARS",
     .help = "leave out some of contract,e2e,fuzz,chaos"},
    {0},
};

/* Whether the word stands in --skip, between commas. */
static bool wanted(const char *pillar)
{
    size_t len = strlen(pillar);
    for (const char *p = skip; p != NULL; p = strchr(p, ',') != NULL ? strchr(p, ',') + 1 : NULL)
        if (strncmp(p, pillar, len) == 0 && (p[len] == ',' || p[len] == '\0'))
            return false;
    return true;
}

static bool skip_is_right(void)
{
    for (const char *p = skip; p != NULL;) {
        char word[16] = "";
        size_t len = strcspn(p, ",");
        if (len < sizeof word)
            memcpy(word, p, len);
        size_t i = 0;
        while (pillars[i] != NULL && strcmp(pillars[i], word) != 0)
            i++;
        if (pillars[i] == NULL) {
            const char *nearest = nearest_word(word, pillars);
            fprintf(stderr, "harrow: --skip %s: no pillar is called \"%.*s\"", skip, (int)len, p);
            if (nearest != NULL)
                fprintf(stderr, "; did you mean \"%s\"?\n", nearest);
            else
                fputs(": expected some of contract,e2e,fuzz,chaos\n", stderr);
            return false;
        }
        p = p[len] == ',' ? p + len + 1 : NULL;
    }
    return true;
}

/* What cannot be done to an attached system is said, not passed over. */
static bool possible(struct run *r, const char *pillar, const char *why)
{
    if (strcmp(common.driver, "attach") == 0)
        result_case(
            &r->results,
            &(struct result_case){
                .pillar = pillar, .suite = r->manifest->name, .name = pillar, .status = "skipped", .message = why});
    return strcmp(common.driver, "attach") != 0;
}

/* A system started for this, without anything another one kept. */
static int on_system(struct run *r, bool links, int (*work)(struct run *r, struct system *s))
{
    struct error err = ERROR_INIT;
    struct system *s = NULL;
    const char *data = arena_printf(&r->arena, "%s/data", r->folder);
    int code = data != NULL ? world_remove_tree(r->world, data) : ERROR_MEMORY;
    common.links = links;
    if (code != 0)
        error_set(&err, code, "the data of the system before cannot be removed: %s", error_code_name(code));
    else
        code = system_start(r, &s, &err);
    if (code != 0)
        return run_failed(r, &err, "start of the system");
    struct text line = TEXT_INIT;
    system_describe(s, &line);
    run_say(r, "%s", text_string(&line));
    text_deinit(&line);
    int exit_code = work(r, s);
    system_stop(s);
    return exit_code;
}

/* Fuzzing comes behind flows, for it may leave anything: rules that let nobody in, accounts that are gone. */
static int flows_and_fuzz(struct run *r, struct system *s)
{
    struct fuzz_request fuzz = {.options.budget = (uint64_t)(budget / 100 * FUZZ_SHARE_PERCENT)};
    int exit_code = wanted("e2e") ? pillar_e2e(r, s, NULL) : 0;
    return exit_code == 0 && wanted("fuzz") ? pillar_fuzz(r, s, &fuzz) : exit_code;
}

static int chaos(struct run *r, struct system *s)
{
    const struct chaos_request request = {.duration = budget / 100 * CHAOS_SHARE_PERCENT, .rate = CHAOS_RATE};
    return pillar_chaos(r, s, &request);
}

static int run_pillars(struct run *r)
{
    int exit_code = 0;
    if (wanted("contract") && possible(r, "contract", "the parts of an attached system cannot be run alone"))
        exit_code = pillar_contract(r, NULL, NULL);
    if (exit_code == 0 && !r->interrupted && (wanted("e2e") || wanted("fuzz")))
        exit_code = on_system(r, false, flows_and_fuzz);
    /* With links between its parts, which slow fuzzing down and are there for faults of the network. */
    if (exit_code == 0 && !r->interrupted && wanted("chaos") &&
        possible(r, "chaos", "an attached system is not ours to stop or kill"))
        exit_code = on_system(r, true, chaos);
    return exit_code;
}

static int run(const struct arguments *args)
{
    if (!skip_is_right())
        return HARROW_USAGE;
    if (budget < (int64_t)SECOND) { /* fuzzing without a budget has no end */
        fputs("harrow: --budget: expected 1s or more\n", stderr);
        return HARROW_USAGE;
    }
    int exit_code = 0;
    struct run *r = run_begin(args->argv[0], harrow_command_line, &exit_code);
    if (r == NULL)
        return exit_code;
    return run_finish(r, run_pillars(r));
}

const struct command command_run = {
    .name = "run",
    .summary = "everything: contracts, flows, fuzzing, chaos, and a report",
    .positional = "MANIFEST|ADDRESS",
    .positional_min = 1,
    .positional_max = 1,
    .description =
        "Checks the manifest's contracts (each provider alone, standing on test doubles), starts the system,\n"
        "runs its flows and fuzzes every method; then starts it anew, with links between its parts, and stops,\n"
        "kills and cuts them off under a workload whose history is checked. Ends with a summary on the\n"
        "terminal, report.html and junit.xml.",
    .examples = "  harrow run systems/micro.yaml\n"
                "  harrow run systems/micro.yaml --driver sim --seed 7 --budget 10m\n"
                "  harrow run systems/micro.yaml --skip fuzz,chaos --json\n",
    .options = options,
    .run = run,
};
