/* harrow check: a history from a file, judged by a model; no system takes part. */
#include "base/units.h"
#include "chaos/history/picture.h"
#include "harrow/chaos/check_job.h"
#include "harrow/commands.h"
#include "harrow/run/run.h"
#include "world/real.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOOK_EVERY ((uint64_t)(20 * MILLISECOND)) /* at the clock and at signals */

static const char *model_name, *initial, *nil_reads, *picture, *convert;
static bool json, list_models;
static int64_t time_limit, redelivery, converged;
static uint64_t memory;
static const char *const nil_meanings[] = {"unknown", "absent", NULL};

static const struct option options[] = {
    {.name = "model",
     .letter = 'm',
     .kind = OPTION_TEXT,
     .target = &model_name,
     .argument = "MODEL",
     .help = "what the objects are (--models lists them; default: by the functions in the file)"},
    {.name = "models", .kind = OPTION_FLAG, .target = &list_models, .help = "list the models and leave"},
    {.name = "initial",
     .letter = 'i',
     .kind = OPTION_TEXT,
     .target = &initial,
     .argument = "VALUE",
     .fallback = "nil",
     .help = "what registers hold at first: a number, nil, or a text"},
    {.name = "nil",
     .kind = OPTION_CHOICE,
     .target = &nil_reads,
     .argument = "MEANING",
     .fallback = "unknown",
     .choices = nil_meanings,
     .help = "what a read of nil in EDN says: nothing (unknown, as in Knossos), or that there was no value (absent)"},
    {.name = "redelivery",
     .kind = OPTION_DURATION,
     .target = &redelivery,
     .argument = "DURATION",
     .fallback = "0",
     .help = "broker: a message not acknowledged comes again within this; 0: no rule"},
    {.name = "converged",
     .kind = OPTION_DURATION,
     .target = &converged,
     .argument = "DURATION",
     .fallback = "0",
     .help = "convergence: reads agree from this on, counted from the history's first event"},
    {.name = "time-limit",
     .letter = 't',
     .kind = OPTION_DURATION,
     .target = &time_limit,
     .argument = "DURATION",
     .fallback = "5m",
     .help = "for each file; 0: none. Then the verdict is unknown, with what was explained so far"},
    {.name = "memory",
     .kind = OPTION_SIZE,
     .target = &memory,
     .argument = "SIZE",
     .fallback = "1GiB",
     .help = "for the check, beside the history"},
    {.name = "picture",
     .letter = 'p',
     .kind = OPTION_TEXT,
     .target = &picture,
     .argument = "FILE",
     .help = "draw an invalid history: FILE.svg or FILE.html"},
    {.name = "convert",
     .kind = OPTION_TEXT,
     .target = &convert,
     .argument = "FILE",
     .help = "write the history and check nothing: FILE.jsonl, or binary under any other name"},
    {.name = "json", .kind = OPTION_FLAG, .target = &json, .help = "print one JSON object for each file"},
    {0},
};

struct watch {
    struct world *world;
    uint64_t end, look; /* 0: no end */
};
static bool interrupted;

static void on_signal(void *arg, int signal)
{
    (void)arg;
    (void)signal;
    interrupted = true;
}

/* Asked inside the check: the loop is run for a moment, which is where signals arrive. */
static bool stop(void *arg)
{
    struct watch *watch = arg;
    uint64_t now = world_now(watch->world);
    if (now >= watch->look) {
        world_sleep(watch->world, 1);
        watch->look = now + LOOK_EVERY;
    }
    return interrupted || (watch->end != 0 && now >= watch->end);
}

static void print_models(void)
{
    for (const struct check_model *const *m = check_models; json && *m != NULL; m++)
        harrow_json_print(json_pack("{ss ss}", "model", (*m)->name, "summary", (*m)->summary), 0);
    for (const struct check_model *const *m = check_models; !json && *m != NULL; m++)
        printf("  %-14s %s\n", (*m)->name, (*m)->summary);
}

/* ---- one file ---- */

static int choose_model(struct check_job *j, struct error *err)
{
    j->guessed = model_name == NULL;
    j->model = model_name != NULL ? check_model_find(model_name) : check_job_guess(&j->history);
    if (j->model != NULL)
        return 0;
    struct text functions = TEXT_INIT;
    check_job_functions(&j->history, &functions);
    int code = error_set(err, ERROR_INVALID, "%s: no model knows all of %s: --model chooses one, --models lists them",
                         j->file, text_string(&functions));
    text_deinit(&functions);
    return code;
}

static int initial_value(struct history *h, int64_t *value, struct error *err)
{
    if (strcmp(initial, "nil") == 0) {
        *value = VALUE_NIL;
        return 0;
    }
    if (units_parse_integer(initial, VALUE_TEXT_END, INT64_MAX, value, NULL) == 0)
        return 0;
    return history_text_value(h, initial, strlen(initial), value) == 0 ? 0
                                                                       : error_set(err, ERROR_MEMORY, "out of memory");
}

static int judge(struct check_job *j, struct error *err)
{
    struct watch watch = {.world = j->world};
    struct check_limits limits = CHECK_LIMITS_DEFAULT;
    uint64_t start = world_now(j->world);
    limits.memory = (size_t)memory;
    limits.redelivery = redelivery > 0 ? (uint64_t)redelivery : TIME_NEVER;
    limits.converged = j->history.count > 0 ? j->history.operations[0].invoked + (uint64_t)converged : 0;
    limits.stop = stop;
    limits.stop_arg = &watch;
    watch.end = time_limit > 0 ? start + (uint64_t)time_limit : 0;
    watch.look = start + LOOK_EVERY;
    int code = initial_value(&j->history, &limits.initial, err);
    if (code == 0)
        code = check_run(j->model, &j->history, &limits, &j->result, err);
    j->took = world_now(j->world) - start;
    return code;
}

static bool ends_with(const char *path, const char *ending)
{
    size_t len = strlen(path), n = strlen(ending);
    return len >= n && strcmp(path + len - n, ending) == 0;
}

static int draw(struct check_job *j, struct error *err)
{
    struct text out = TEXT_INIT;
    const char *slash = strrchr(j->file, '/'), *title = slash != NULL ? slash + 1 : j->file;
    int code = ends_with(picture, ".html") ? picture_html(&j->history, &j->result, title, &out)
                                           : picture_svg(&j->history, &j->result, true, &out);
    if (code != 0)
        error_set(err, code, "no memory for the picture");
    else if (out.len > 0)
        code = world_write_file(j->world, picture, text_bytes(&out), false, err);
    text_deinit(&out);
    return code;
}

static int write_converted(struct check_job *j, struct error *err)
{
    struct text out = TEXT_INIT;
    bool lines = ends_with(convert, ".jsonl");
    int code = lines ? history_write(&j->history, &out) : history_write_binary(&j->history, &out);
    if (code != 0)
        error_set(err, code, "%s: the history cannot be written: %s", j->file, error_code_name(code));
    else
        code = world_write_file(j->world, convert, text_bytes(&out), false, err);
    if (code == 0 && !json)
        printf("%s: %zu operations written to %s as %s, %zu bytes (%.1f an operation)\n", j->file, j->history.count,
               convert, lines ? "JSON lines" : "binary", out.len,
               j->history.count > 0 ? (double)out.len / (double)j->history.count : 0.0);
    text_deinit(&out);
    return code;
}

/* ---- all files ---- */

struct tally {
    size_t valid, invalid, unknown, unread;
    int unread_exit;
};

static int say(const struct check_job *j, bool terminal, bool colour, struct error *err)
{
    struct text out = TEXT_INIT;
    int code = json ? check_job_json(j, &out) : check_job_words(j, terminal, colour, &out);
    if (code != 0)
        error_set(err, code, "out of memory");
    fwrite(text_string(&out), 1, code == 0 ? out.len : 0, stdout);
    fflush(stdout);
    text_deinit(&out);
    return code;
}

static int check_file(struct check_job *j, bool terminal, bool colour, struct error *err)
{
    struct history_options how = {.nil_is_absent = strcmp(nil_reads, "absent") == 0};
    int code = history_load(j->world, j->file, &how, &j->history, &j->source, err);
    if (code != 0)
        return code;
    if (convert != NULL)
        return write_converted(j, err);
    if ((code = choose_model(j, err)) != 0 || (code = judge(j, err)) != 0)
        return code;
    if ((code = say(j, terminal, colour, err)) != 0)
        return code;
    return picture != NULL && j->result.verdict == VERDICT_INVALID ? draw(j, err) : 0;
}

static void count(struct tally *t, const struct check_job *j, int code, const struct error *err)
{
    if (code != 0) {
        t->unread++;
        t->unread_exit = harrow_error(err, "check");
        if (code == ERROR_UNSUPPORTED) /* of the file: something no model here knows */
            t->unread_exit = HARROW_INPUT;
    } else if (convert == NULL) {
        t->valid += j->result.verdict == VERDICT_VALID;
        t->invalid += j->result.verdict == VERDICT_INVALID;
        t->unknown += j->result.verdict == VERDICT_UNKNOWN;
    }
}

static int check_all(struct world *w, const struct arguments *args, struct tally *t)
{
    bool terminal = harrow_terminal();
    bool colour = terminal && getenv("NO_COLOR") == NULL;
    for (int i = 0; i < args->argc && !interrupted; i++) {
        struct error err = ERROR_INIT;
        struct check_job job = {.world = w, .file = args->argv[i]};
        history_init(&job.history);
        check_result_init(&job.result);
        count(t, &job, check_file(&job, terminal, colour, &err), &err);
        check_result_deinit(&job.result);
        history_deinit(&job.history);
        error_clear(&err);
    }
    if (args->argc > 1 && !json && convert == NULL)
        printf("%zu histories: %zu valid, %zu invalid, %zu unknown, %zu not read\n",
               t->valid + t->invalid + t->unknown + t->unread, t->valid, t->invalid, t->unknown, t->unread);
    return interrupted      ? HARROW_INTERRUPTED
           : t->invalid > 0 ? HARROW_FAILED
           : t->unread > 0  ? t->unread_exit
           : t->unknown > 0 ? HARROW_ENVIRONMENT
                            : HARROW_PASSED;
}

static int usage(const char *what)
{
    fprintf(stderr, "harrow: check: %s\n", what);
    return HARROW_USAGE;
}

static int run(const struct arguments *args)
{
    struct error err = ERROR_INIT;
    struct world *w = NULL;
    struct tally tally = {0};
    if (list_models) {
        print_models();
        return HARROW_PASSED;
    }
    if (args->argc == 0)
        return usage("which FILE? For example: harrow check history.jsonl");
    if (model_name != NULL && check_model_find(model_name) == NULL) {
        fprintf(stderr, "harrow: check: there is no model \"%s\"; these are known:\n", model_name);
        for (const struct check_model *const *m = check_models; *m != NULL; m++)
            fprintf(stderr, "  %s\n", (*m)->name);
        return HARROW_USAGE;
    }
    if (picture != NULL && !ends_with(picture, ".svg") && !ends_with(picture, ".html"))
        return usage("--picture is a file that ends with .svg or .html");
    if (args->argc > 1 && (picture != NULL || convert != NULL))
        return usage("--picture and --convert write one file, so they take one history");
    int exit_code = world_real_new(0, &w, &err) != 0 ? harrow_error(&err, "check") : HARROW_PASSED;
    if (exit_code == HARROW_PASSED) {
        world_on_signal(w, on_signal, NULL);
        exit_code = check_all(w, args, &tally);
    }
    world_real_free(w);
    error_clear(&err);
    return exit_code;
}

const struct command command_check = {
    .name = "check",
    .summary = "judge histories from files: linearizability and its kin",
    .positional = "[FILE...]",
    .positional_min = 0,
    .positional_max = -1,
    .description = "A history is what clients asked of an object and what they learnt. FILE is one as harrow writes\n"
                   "it (JSON lines or binary), EDN of Jepsen and Knossos, or a log of Jepsen's events; its first\n"
                   "bytes show which. An invalid one comes with a witness: few operations that no order explains.",
    .exit_codes = "  0    all are valid\n"
                  "  1    one is invalid\n"
                  "  2    the command line is wrong\n"
                  "  3    the verdict of one is unknown, for time or memory ran out; or a file could not be written\n"
                  "  4    a file is not there, or cannot be read as a history\n"
                  "  130  interrupted, with what was explained until then\n",
    .examples = "  harrow check history.jsonl                              the model guessed from the functions in it\n"
                "  harrow check history.edn -m cas-register -i 0           Jepsen's, a register that holds 0 at first\n"
                "  harrow check run.jsonl --picture why.html               the witness and its neighbours, drawn\n"
                "  harrow check *.edn --json --time-limit 10s              one line of JSON for each\n"
                "  harrow check huge.bin --convert huge.jsonl              to read it\n"
                "  harrow check --models\n",
    .options = options,
    .run = run,
};
