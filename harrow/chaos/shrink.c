/* A failing experiment is made smaller (chaos/search/shrink.h). Every try is a process of its own, `harrow chaos ...
 * --schedule FILE`, so that what is told in the end is what the printed command does. */
#include "chaos/search/shrink.h"

#include "base/units.h"
#include "base/words.h"
#include "chaos/workload/workload.h"
#include "harrow/chaos/run.h"

#include <inttypes.h>
#include <jansson.h>
#include <string.h>

#define TRIES_SIMULATED 120
#define TRIES_PROCESSES 12                       /* each takes as long as the experiment itself */
#define TIME_MAX        ((uint64_t)(4 * MINUTE)) /* by the clock, until what has become of it is told */
#define TRY_MAX         ((uint64_t)(2 * MINUTE)) /* a try that takes longer stands still */
#define CONFIRMATIONS   3
#define FOLDER          "shrink" /* in the run's folder */

struct lab {
    struct run *run;
    const struct chaos_request *request;
    const char *failure, *driver;
    uint64_t seed;
    const char *folder, *schedule; /* of the tries; the file each is given */
    uint64_t until;                /* no try begins after that; 0: no end */
    size_t tries;                  /* made */
    int64_t operations_before, operations_best;
    /* Of the try under way. */
    bool exited;
    struct world_exit status;
    int64_t operations;
    char first[80]; /* what failed first */
};

/* ---- one try ---- */

static void on_output(void *arg, int fd, struct bytes line)
{
    struct lab *lab = arg;
    if (fd != 1)
        return;
    json_t *j = result_read(line, NULL);
    const char *type = json_string_value(json_object_get(j, "type")), *what = NULL;
    if (type != NULL && strcmp(type, "case") == 0) {
        const char *status = json_string_value(json_object_get(j, "status"));
        if (status != NULL && strcmp(status, "failed") == 0)
            what = json_string_value(json_object_get(j, "name"));
    } else if (type != NULL && strcmp(type, "finding") == 0) {
        what = json_string_value(json_object_get(j, "oracle"));
    } else if (type != NULL && strcmp(type, "pillar") == 0 && json_object_get(j, "operations") != NULL) {
        lab->operations = json_integer_value(json_object_get(j, "operations"));
    }
    if (what != NULL && lab->first[0] == '\0')
        snprintf(lab->first, sizeof lab->first, "%s", what);
    json_decref(j);
}

static void on_exited(void *arg, struct world_exit status)
{
    struct lab *lab = arg;
    lab->exited = true;
    lab->status = status;
}

static bool has_exited(void *arg)
{
    const struct lab *lab = arg;
    return lab->exited;
}

/* The command, with the workloads that are left. */
static const char *replay_of(struct lab *lab, const struct chaos_options *o, const char *schedule)
{
    struct chaos_request q = *lab->request;
    q.workloads = o->workloads != NULL ? o->workloads : q.workloads;
    return chaos_replay(lab->run, &q, o, schedule, lab->driver, lab->seed);
}

/* The command's words with our own program in the first place, and what a try adds. */
static const char *const *words_of_try(struct lab *lab, const struct chaos_options *o, struct arena *arena,
                                       struct error *err)
{
    const char *line = replay_of(lab, o, lab->schedule);
    char **words = NULL;
    size_t count = 0;
    if (line == NULL || words_split(line, arena, &words, &count, err) != 0)
        return NULL;
    const char *const more[] = {"--json", "--shrink=never", "--out", lab->folder};
    const char **argv = ARENA_NEW_N(arena, const char *, count + sizeof more / sizeof more[0] + 1);
    if (argv == NULL)
        return NULL;
    memcpy(argv, words, count * sizeof *argv);
    argv[0] = HARROW_SELF;
    memcpy(argv + count, more, sizeof more);
    return argv;
}

static int write_schedule(struct lab *lab, const struct chaos_schedule *s, const char *path, struct error *err)
{
    struct text out = TEXT_INIT;
    schedule_write(s, &out);
    int code = text_ok(&out) ? world_write_file(lab->run->world, path, text_bytes(&out), false, err) : ERROR_MEMORY;
    text_deinit(&out);
    return code;
}

/* A search names a failure with its suite before it or its component behind it: "store-set / model set-elements",
 * "recovery / store". */
static bool is_named(const char *failure, const char *what)
{
    const char *slash = strstr(failure, " / ");
    size_t len = strlen(what);
    return strcmp(failure, what) == 0 ||
           (slash != NULL &&
            (strcmp(slash + 3, what) == 0 || ((size_t)(slash - failure) == len && strncmp(failure, what, len) == 0)));
}

static int run_try(void *arg, const struct chaos_options *options, bool *failed)
{
    static const struct world_process_events events = {.output = on_output, .exited = on_exited};
    struct lab *lab = arg;
    struct arena arena = ARENA_INIT;
    struct world_process *process = NULL;
    if (lab->until != 0 && world_now(lab->run->world) >= lab->until)
        return ERROR_CANCELLED;
    lab->tries++;
    lab->exited = false;
    lab->status = (struct world_exit){0};
    lab->operations = 0;
    lab->first[0] = '\0';
    int code = world_make_directory(lab->run->world, lab->folder);
    if (code == 0)
        code = write_schedule(lab, options->schedule, lab->schedule, NULL);
    const char *const *argv = code == 0 ? words_of_try(lab, options, &arena, NULL) : NULL;
    if (code == 0 && argv == NULL)
        code = ERROR_MEMORY;
    if (code == 0) {
        const struct world_spawn spawn = {.name = "try", .argv = argv, .whole_group = true};
        code = world_process_spawn(lab->run->world, &spawn, &events, lab, &process, NULL);
    }
    if (code == 0)
        code = world_run_until(lab->run->world, has_exited, lab, TRY_MAX);
    if (code == ERROR_TIMEOUT) /* another failure than the one that is looked for */
        code = 0;
    if (code == 0 && lab->run->interrupted)
        code = ERROR_CANCELLED;
    world_process_close(process);
    *failed =
        code == 0 && !lab->status.signalled && lab->status.code == HARROW_FAILED && is_named(lab->failure, lab->first);
    (void)world_remove_tree(lab->run->world, lab->folder);
    arena_deinit(&arena);
    return code;
}

/* ---- the whole ---- */

static void say_progress(void *arg, size_t tries, size_t steps)
{
    struct lab *lab = arg;
    char line[96];
    lab->operations_best = lab->operations;
    snprintf(line, sizeof line, "making it smaller: %zu fault%s, at most %zu tries more", steps, steps == 1 ? "" : "s",
             tries);
    result_emit(&lab->run->results, "note", json_pack("{s:s}", "text", line));
}

static bool can_simulate(const struct manifest *m)
{
    for (size_t i = 0; i < m->component_count; i++)
        if (m->components[i].program == NULL)
            return false;
    return true;
}

/* What is left, as words: the components the steps name, the workloads. */
static void print_what_is_left(const struct shrunk *small, struct text *out)
{
    const struct chaos_schedule *s = &small->schedule;
    text_puts(out, "faults of:");
    for (size_t i = 0; i < s->steps.count; i++) {
        const char *component = s->steps.items[i].component;
        bool named = false;
        for (size_t k = 0; k < i && !named; k++)
            named = component != NULL && s->steps.items[k].component != NULL &&
                    strcmp(s->steps.items[k].component, component) == 0;
        if (!named)
            text_printf(out, " %s", component != NULL ? component : "the system");
    }
    text_puts(out, s->steps.count > 0 ? "; workloads:" : " nobody; workloads:");
    for (const struct workload_kind *const *k = small->options.workloads; k != NULL && *k != NULL; k++)
        text_printf(out, " %s", (*k)->name);
    text_char(out, '\n');
}

/* For who counts: the same figures in the result stream. */
static void emit_shrunk(struct lab *lab, const struct chaos_options *before, const struct shrunk *small, bool minimal,
                        uint64_t took)
{
    struct text schedule = TEXT_INIT;
    schedule_write(&small->schedule, &schedule);
    result_emit(&lab->run->results, "shrunk",
                json_pack("{s:I, s:I, s:I, s:I, s:i, s:i, s:i, s:i, s:I, s:I, s:b, s:s, s:s}", "faults_before",
                          (json_int_t)before->schedule->steps.count, "faults", (json_int_t)small->schedule.steps.count,
                          "operations_before", (json_int_t)lab->operations_before, "operations",
                          (json_int_t)lab->operations_best, "clients_before", before->clients, "clients",
                          small->options.clients, "keys_before", before->keys, "keys", small->options.keys, "tries",
                          (json_int_t)lab->tries, "duration", (json_int_t)took, "minimal", minimal ? 1 : 0, "driver",
                          lab->driver, "schedule", text_string(&schedule)));
    text_deinit(&schedule);
}

static void tell(struct lab *lab, const struct chaos_options *before, const struct shrunk *small, bool minimal,
                 const struct chaos_confirmed *confirmed)
{
    struct run *r = lab->run;
    struct text title = TEXT_INIT, detail = TEXT_INIT;
    size_t steps = small->schedule.steps.count, steps_before = before->schedule->steps.count;
    const char *path = arena_printf(&r->arena, "%s/schedule-small.yaml", r->folder);
    const char *replay = NULL;
    if (path != NULL && write_schedule(lab, &small->schedule, path, NULL) == 0)
        replay = replay_of(lab, &small->options, path);
    if (steps == 0)
        text_puts(&title, "it takes no fault at all");
    else
        text_printf(&title, "%zu fault%s %s enough", steps, steps == 1 ? "" : "s", steps == 1 ? "is" : "are");
    text_printf(&title, ": %s", lab->failure);
    text_printf(&detail, "%s, %d client%s, %d key%s, driver %s\n", minimal ? "none can be left out" : "tries ran out",
                small->options.clients, small->options.clients == 1 ? "" : "s", small->options.keys,
                small->options.keys == 1 ? "" : "s", lab->driver);
    text_printf(&detail, "of %zu fault%s; operations: %lld, of %lld; %zu tries\n", steps_before,
                steps_before == 1 ? "" : "s", (long long)lab->operations_best, (long long)lab->operations_before,
                lab->tries);
    print_what_is_left(small, &detail);
    if (confirmed != NULL)
        chaos_confirmed_print(confirmed, &detail);
    schedule_write(&small->schedule, &detail);
    result_finding(&r->results, &(struct result_finding){.pillar = "chaos",
                                                         .title = text_string(&title),
                                                         .severity = "bug",
                                                         .oracle = "smaller",
                                                         .target = "",
                                                         .seed = lab->seed,
                                                         .replay = replay,
                                                         .detail = text_string(&detail)});
    text_deinit(&title);
    text_deinit(&detail);
}

/* ---- as processes ---- */

/* The folder and file of the tries; false: out of memory. */
static bool name_files(struct lab *lab)
{
    lab->folder = arena_printf(&lab->run->arena, "%s/" FOLDER, lab->run->folder);
    lab->schedule = arena_printf(&lab->run->arena, "%s/" FOLDER "/try.yaml", lab->run->folder);
    return lab->folder != NULL && lab->schedule != NULL;
}

void chaos_confirm(struct run *r, const struct chaos_request *q, const struct chaos_options *o, const char *failure,
                   uint64_t seed, int enough, uint64_t until, struct chaos_confirmed *out)
{
    struct lab lab = {.run = r, .request = q, .failure = failure, .driver = "processes", .seed = seed};
    *out = (struct chaos_confirmed){0};
    int code = name_files(&lab) ? 0 : ERROR_MEMORY;
    while (code == 0 && out->tries < CONFIRMATIONS && out->times < enough &&
           (until == 0 || world_now(r->world) < until)) {
        bool failed = false;
        if ((code = run_try(&lab, o, &failed)) != 0)
            break;
        bool ran = !lab.status.signalled && (lab.status.code == HARROW_FAILED || lab.status.code == HARROW_PASSED);
        if (!ran) {
            struct text how = TEXT_INIT;
            world_exit_format(lab.status, &how);
            snprintf(out->why_not, sizeof out->why_not, "harrow itself %s", text_string(&how));
            text_deinit(&how);
            return;
        }
        out->tries++;
        out->times += failed;
        if (!failed && lab.first[0] != '\0') {
            out->otherwise++;
            snprintf(out->other, sizeof out->other, "%s", lab.first);
        }
    }
    if (out->tries == 0)
        snprintf(out->why_not, sizeof out->why_not, "%s",
                 r->interrupted ? "interrupted"
                 : code != 0    ? error_code_name(code)
                                : "the time was up");
}

void chaos_confirmed_print(const struct chaos_confirmed *c, struct text *out)
{
    if (c->tries == 0) {
        text_printf(out, "as processes: not tried, %s\n", c->why_not);
        return;
    }
    text_printf(out, "as processes it failed %d time%s of %d", c->times, c->times == 1 ? "" : "s", c->tries);
    if (c->otherwise > 0)
        text_printf(out, ", and %d time%s otherwise: %s", c->otherwise, c->otherwise == 1 ? "" : "s", c->other);
    text_puts(out, c->times > 0 ? ": confirmed\n" : "\n");
}

int chaos_make_smaller(struct run *r, struct system *s, const struct chaos_request *q, const struct chaos_options *o,
                       const char *schedule, const char *failure, struct error *err)
{
    struct chaos_schedule whole;
    struct lab lab = {.run = r, .request = q, .failure = failure, .driver = common.driver, .seed = o->seed};
    if (!name_files(&lab))
        return error_set(err, ERROR_MEMORY, "out of memory");
    int code = chaos_load_schedule(r, s, schedule, o->seed, &whole, err);
    if (code != 0)
        return code;
    struct chaos_options options = *o;
    uint64_t began = world_now(r->world);
    options.schedule = &whole;
    lab.until = began + TIME_MAX;
    bool fails = false;
    result_emit(&r->results, "note", json_pack("{s:s}", "text", "it failed, and is made smaller by running it again"));
    if (can_simulate(r->manifest)) {
        lab.driver = "sim";
        code = run_try(&lab, &options, &fails);
        lab.operations_before = lab.operations_best = lab.operations;
    }
    if (code == 0 && !fails && q->shrink == CHAOS_SHRINK_ALWAYS) {
        lab.driver = common.driver;
        fails = true; /* it did, and may not do so every time */
    }
    struct shrunk small = {0};
    bool minimal = false;
    const struct shrink_runner runner = {.run = run_try,
                                         .progress = say_progress,
                                         .arg = &lab,
                                         .tries = strcmp(lab.driver, "sim") == 0 ? TRIES_SIMULATED : TRIES_PROCESSES};
    if (code == 0 && fails && (code = chaos_shrink(&options, &runner, &small, &minimal, err)) == 0) {
        struct chaos_confirmed confirmed;
        bool confirms = strcmp(lab.driver, "sim") == 0 && !r->interrupted && q->shrink != CHAOS_SHRINK_UNCONFIRMED;
        emit_shrunk(&lab, &options, &small, minimal, world_now(r->world) - began);
        if (confirms)
            chaos_confirm(r, q, &small.options, failure, o->seed, CONFIRMATIONS, 0, &confirmed);
        tell(&lab, &options, &small, minimal, confirms ? &confirmed : NULL);
        shrunk_deinit(&small);
    } else if (code == 0) {
        result_emit(&r->results, "note",
                    json_pack("{s:s}", "text",
                              "it did not fail simulated, so it is not made smaller; --shrink always does it with the "
                              "run's own driver"));
    }
    schedule_deinit(&whole);
    return code == ERROR_CANCELLED ? 0 : code;
}
