#include "base/units.h"
#include "harrow/commands.h"
#include "harrow/reports/read.h"
#include "harrow/run/run.h"
#include "reports/gate.h"
#include "world/real.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define POLICY_SIZE_MAX ((size_t)1 << 20)
#define ACCEPT_DAYS     90

static const char *baseline_file, *accept_reason, *expires;
static struct option_list against;
static uint64_t seed;
static bool as_json;

static const struct option options[] = {
    {.name = "baseline",
     .letter = 'b',
     .kind = OPTION_TEXT,
     .target = &baseline_file,
     .argument = "FILE",
     .help = "findings and failing cases that are let pass, each with a reason and a last day"},
    {.name = "against",
     .kind = OPTION_LIST,
     .target = &against,
     .argument = "RUN",
     .help = "the run that regressions are measured from (all their samples together)"},
    {.name = "accept",
     .kind = OPTION_TEXT,
     .target = &accept_reason,
     .argument = "REASON",
     .help = "write what is new into the baseline, with this reason, for people to review"},
    {.name = "expires",
     .kind = OPTION_TEXT,
     .target = &expires,
     .argument = "DAY",
     .help = "until when it is accepted, as 2027-03-01 (default: 90 days from now)"},
    {.name = "seed",
     .letter = 's',
     .kind = OPTION_SEED,
     .target = &seed,
     .argument = "N",
     .env = "HARROW_SEED",
     .help = "of the resampling that gives the confidence (default: drawn and printed)"},
    {.name = "json", .kind = OPTION_FLAG, .target = &as_json, .help = "print one JSON object"},
    {0},
};

static void day_of(int64_t wall, char out[16])
{
    time_t seconds = (time_t)(wall / SECOND);
    struct tm day;
    (void)strftime(out, 16, "%Y-%m-%d", gmtime_r(&seconds, &day));
}

static int read_document(struct world *w, const char *path, struct document **out, struct error *err)
{
    struct text text = TEXT_INIT;
    int code = world_read_file(w, path, POLICY_SIZE_MAX, &text, err);
    if (code == ERROR_NOT_FOUND)
        code = error_set_at(err, ERROR_NOT_FOUND, path, 0, 0, "there is no such file");
    if (code == 0)
        code = document_parse(text_bytes(&text), path, out, err);
    text_deinit(&text);
    return code;
}

static int read_policy(struct world *w, const char *path, struct gate_policy *out, struct error *err)
{
    struct document *document = NULL;
    int code = read_document(w, path, &document, err);
    return code == 0 ? gate_policy_read(document, out, err) : code;
}

/* A baseline that is to be written need not be there yet. */
static int read_baseline(struct world *w, struct baseline *out, struct error *err)
{
    struct document *document = NULL;
    struct world_stat stat = {0};
    if (baseline_file == NULL)
        return 0;
    if (accept_reason != NULL && world_stat(w, baseline_file, &stat) == 0 && !stat.exists)
        return 0;
    int code = read_document(w, baseline_file, &document, err);
    return code == 0 ? baseline_read(document, out, err) : code;
}

/* New entries go behind what is there, so that comments and the order of the file stay. */
static int accept_new(struct world *w, const struct gate *g, const struct baseline *known, struct error *err)
{
    struct text file = TEXT_INIT;
    struct document *document = NULL;
    struct baseline after = {0};
    char day[16];
    day_of(world_wall(w) + ACCEPT_DAYS * 24 * HOUR, day);
    size_t count = g->new_findings.count + g->new_failures.count;
    int code = 0;
    if (count == 0)
        return 0;
    if (known->entries.count == 0)
        baseline_write_head(&file);
    else
        code = world_read_file(w, baseline_file, POLICY_SIZE_MAX, &file, err);
    if (code == 0 && file.len > 0 && file.data[file.len - 1] != '\n')
        text_char(&file, '\n');
    for (size_t i = 0; code == 0 && i < g->new_findings.count; i++)
        baseline_write_finding(&file, g->new_findings.items[i], accept_reason, expires != NULL ? expires : day);
    for (size_t i = 0; code == 0 && i < g->new_failures.count; i++)
        baseline_write_case(&file, g->new_failures.items[i], accept_reason, expires != NULL ? expires : day);
    if (code == 0 && !text_ok(&file))
        code = error_set(err, ERROR_MEMORY, "out of memory");
    if (code == 0 && (code = document_parse_yaml(text_bytes(&file), baseline_file, &document, err)) == 0)
        code = baseline_read(document, &after, err);
    if (code == 0 && after.entries.count != known->entries.count + count)
        code = error_set(err, ERROR_INVALID, "entries cannot be put at its end");
    if (code != 0)
        error_wrap(err, "%s is not one entry below the other as --accept writes them; put it in that form",
                   baseline_file);
    else
        code = world_write_file(w, baseline_file, text_bytes(&file), false, err);
    if (code == 0)
        fprintf(stderr, "harrow: %zu entries written to %s: review them\n", count, baseline_file);
    baseline_deinit(&after);
    text_deinit(&file);
    return code;
}

static int judge(struct world *w, const struct arguments *args, bool *passed, struct error *err)
{
    struct gate_policy policy = {0};
    struct baseline baseline = {0};
    struct report *run = NULL, *base = NULL;
    struct gate gate = {0};
    struct text out = TEXT_INIT;
    char today[16];
    day_of(world_wall(w), today);
    int code = read_policy(w, args->argv[0], &policy, err);
    if (code == 0)
        code = read_baseline(w, &baseline, err);
    if (code == 0)
        code = report_read_runs(w, args->argv + 1, (size_t)args->argc - 1, &run, err);
    if (code == 0 && against.count != 0)
        code = report_read_runs(w, against.items, against.count, &base, err);
    const struct gate_input input = {.policy = &policy,
                                     .run = run,
                                     .against = base,
                                     .baseline = &baseline,
                                     .today = today,
                                     .seed = seed != 0 ? seed : (world_seed(w) & UINT64_C(0xFFFFFFFFFFFF)) | 1};
    if (code == 0)
        code = gate_judge(&input, &gate, err);
    if (code == 0) {
        *passed = gate.passed;
        (as_json ? gate_json : gate_text)(&gate, &out);
        if (!text_ok(&out))
            code = error_set(err, ERROR_MEMORY, "out of memory");
        fwrite(text_string(&out), 1, code == 0 ? out.len : 0, stdout);
        if (code == 0 && accept_reason != NULL)
            code = accept_new(w, &gate, &baseline, err);
        gate_deinit(&gate);
    }
    text_deinit(&out);
    report_free(run);
    report_free(base);
    baseline_deinit(&baseline);
    gate_policy_deinit(&policy);
    return code;
}

static bool options_fit(void)
{
    if (accept_reason != NULL && baseline_file == NULL)
        fputs("harrow: gate: --accept writes to the baseline: name it with --baseline FILE\n", stderr);
    else if (accept_reason != NULL && accept_reason[0] == 0)
        fputs("harrow: gate: --accept needs a reason, for who reviews the file\n", stderr);
    else if (expires != NULL && accept_reason == NULL)
        fputs("harrow: gate: --expires goes with --accept\n", stderr);
    else if (expires != NULL && !consent_is_day(expires))
        fprintf(stderr, "harrow: gate: --expires %s: expected a day as 2027-03-01\n", expires);
    else
        return true;
    return false;
}

static int run(const struct arguments *args)
{
    struct error err = ERROR_INIT;
    struct world *w = NULL;
    bool passed = false;
    if (!options_fit())
        return HARROW_USAGE;
    int code = world_real_new(0, &w, &err);
    if (code == 0)
        code = judge(w, args, &passed, &err);
    int exit_code = code != 0 ? harrow_error(&err, "gate") : passed ? HARROW_PASSED : HARROW_FAILED;
    if (code == ERROR_UNSUPPORTED || code == ERROR_NOT_FOUND)
        exit_code = HARROW_INPUT;
    world_real_free(w);
    error_clear(&err);
    return exit_code;
}

const struct command command_gate = {
    .name = "gate",
    .summary = "judge a run by a policy: pass or fail, with reasons",
    .positional = "POLICY RUN...",
    .positional_min = 2,
    .positional_max = -1,
    .description =
        "POLICY is a YAML file (docs/gate.md): new findings and failures, flaky cases, regressions of latency\n"
        "and recovery as ratios with a confidence, methods covered, contracts, and how much must have been\n"
        "tested. RUN is a run's folder or its results.jsonl; several are merged as harrow report does it.",
    .exit_codes = "  0    it passes\n"
                  "  1    it does not\n"
                  "  2    the command line is wrong\n"
                  "  3    a file could not be written\n"
                  "  4    the policy, the baseline or a run is wrong, or not there\n",
    .examples = "  harrow gate gate.yaml harrow-out/2026-11-21T06-46-51-123Z\n"
                "  harrow gate gate.yaml shard-*/ --baseline known.yaml --against last-good/results.jsonl\n"
                "  harrow gate gate.yaml RUN --baseline known.yaml --accept \"issue 12\" --expires 2027-03-01\n",
    .options = options,
    .run = run,
};
