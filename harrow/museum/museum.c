#include "harrow/museum/museum.h"

#include "base/result.h"
#include "world/mapping.h"
#include "world/museum/canary.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define LOOK_EVERY ((uint64_t)(50 * MILLISECOND))
#define LAST_WORDS ((size_t)16 << 10) /* bytes of standard error kept */
#define TRIALS_MAX 4000

struct runner;
struct job {
    struct runner *runner;
    const struct museum_bug *bug; /* NULL: idle */
    struct arena arena;           /* the bug's */
    struct arena words;           /* the trial's */
    struct museum_result result;
    struct museum_trial trial;
    struct world_mapping canary;
    struct world_process *process;
    bool exited, stuck, killed; /* killed: by us */
    bool triggered;             /* in this trial */
    bool told;                  /* something, in this trial */
    struct world_exit status;
    uint64_t before;    /* time of the trials that are over */
    uint64_t now, last; /* time with this one; when it last said something */
    uint64_t began;     /* by the clock */
    struct text said;   /* standard error */
};

struct runner {
    struct world *world;
    const struct museum_collection *collection;
    struct museum_options options;
    const struct museum_bug *bugs;
    size_t count, next;
    const bool *interrupted;
    void (*done)(void *arg, const struct museum_result *r);
    void *arg;
    struct job *jobs;
    struct world_timer look;
    int failed;
    struct error *err;
};

/* ---- what a trial says ------------------------------------------------------------------------------------------ */

static void look_at(struct job *j)
{
    struct museum_canary *c = j->canary.data;
    uint64_t resident, used = 0;
    if (!j->exited && j->process && j->bug->processes)
        j->now = j->before + world_now(j->runner->world) - j->began;
    else if (!j->exited && j->process && world_process_usage(j->process, &resident, &used) == 0)
        j->now = j->before + used;
    if (j->result.reached == MUSEUM_NEVER && __atomic_load_n(&c->bugs[j->bug->number].reached, __ATOMIC_RELAXED))
        j->result.reached = j->now;
    j->triggered = __atomic_load_n(&c->bugs[j->bug->number].triggered, __ATOMIC_RELAXED);
    if (j->triggered && j->result.triggered == MUSEUM_NEVER)
        j->result.triggered = j->now;
}

static void tell(struct job *j, const char *oracle)
{
    look_at(j);
    j->told = true;
    if (!j->triggered) {
        /* A search for the case of a crash that finds none says so: that is no report of its own. */
        j->result.false_reports += !j->trial.solving;
        j->result.size = 0;
    } else if (!j->trial.solving && j->result.found == MUSEUM_NEVER) {
        j->result.found = j->now;
        j->result.seed = j->trial.seed;
        snprintf(j->result.oracle, sizeof j->result.oracle, "%s", oracle);
    }
}

static void on_output(void *arg, int fd, struct bytes line)
{
    struct job *j = arg;
    look_at(j);
    j->last = j->now;
    if (fd == 2) {
        if (j->said.len < LAST_WORDS) {
            text_add(&j->said, line.data, line.len);
            text_char(&j->said, '\n');
        }
        return;
    }
    json_t *o = result_read(line, NULL);
    bool first = j->result.found == MUSEUM_NEVER || j->trial.solving;
    const char *oracle = o && first ? j->runner->collection->told(&j->trial, o, &j->result) : NULL;
    if (oracle && !(j->told && !j->triggered)) /* a trial is false once */
        tell(j, oracle);
    json_decref(o);
}

static void on_exited(void *arg, struct world_exit status)
{
    struct job *j = arg;
    look_at(j);
    j->exited = true;
    j->status = status;
}

/* "crash: heap-use-after-free" of a sanitizer's report; "" when there is none. */
static void crash_word(const struct job *j, char out[MUSEUM_ORACLE])
{
    static const char address[] = "ERROR: AddressSanitizer: ", undefined[] = "runtime error: ";
    const char *words = text_string(&j->said);
    const char *at = strstr(words, address), *why = strstr(words, undefined);
    out[0] = '\0';
    if (at) {
        at += sizeof address - 1;
        snprintf(out, MUSEUM_ORACLE, "crash: %.*s", (int)strcspn(at, " \n:"), at);
    } else if (why) {
        why += sizeof undefined - 1;
        snprintf(out, MUSEUM_ORACLE, "crash: %.*s", (int)strcspn(why, ",;:\n"), why);
    } else if (strstr(words, "LeakSanitizer: detected")) {
        snprintf(out, MUSEUM_ORACLE, "leak");
    }
}

/* ---- trials ----------------------------------------------------------------------------------------------------- */

static int fail(struct job *j, int code, const char *what)
{
    struct runner *r = j->runner;
    if (r->failed == 0)
        r->failed = error_set(r->err, code, "%s: %s: %s", j->bug->name, what, error_code_name(code));
    return code;
}

/* Twice as much as the last one did, or what should fit in the time that is left: a trial that is cut off tells
 * nothing. 0: no time is left. */
static int64_t next_amount(const struct job *j)
{
    uint64_t limit = j->runner->options.limit, took = j->now - j->before;
    if (j->result.trials == 0)
        return j->runner->collection->amount;
    if (!j->runner->collection->grows)
        return j->now < limit ? j->trial.amount : 0;
    if (j->now + limit / 20 >= limit || took == 0)
        return 0;
    double fits = (double)j->trial.amount * (double)(limit - j->now) / (double)took;
    return fits < 2 * (double)j->trial.amount ? (int64_t)fits : 2 * j->trial.amount;
}

static void clear_canary(struct job *j)
{
    struct museum_canary *c = j->canary.data;
    __atomic_store_n(&c->bugs[j->bug->number].triggered, 0, __ATOMIC_RELAXED);
    j->triggered = j->told = false;
}

static int start_trial(struct job *j, bool solving, int64_t amount)
{
    static const struct world_process_events events = {.output = on_output, .exited = on_exited};
    struct runner *r = j->runner;
    const char *argv[MUSEUM_ARGUMENTS];
    size_t n = 0;
    for (size_t i = 0; r->options.program[i] && n < MUSEUM_ARGUMENTS / 2; i++)
        argv[n++] = r->options.program[i];
    arena_reset(&j->words);
    j->trial.amount = amount;
    j->trial.solving = solving;
    j->trial.seed = r->options.seed + (uint64_t)(j->result.trials - solving);
    const char *environment[] = {arena_printf(&j->words, "%s=%s", MUSEUM_VARIABLE, j->bug->name),
                                 arena_printf(&j->words, "%s=%s/canary", MUSEUM_CANARY_VARIABLE, j->trial.folder),
                                 NULL};
    if (!environment[0] || !environment[1] || r->collection->words(&j->trial, &j->words, argv + n) != 0)
        return fail(j, ERROR_MEMORY, "a trial cannot be started");
    clear_canary(j);
    j->result.trials += !solving;
    j->exited = j->stuck = j->killed = false;
    j->last = j->before = j->now;
    j->began = world_now(r->world);
    text_clear(&j->said);
    struct world_spawn spawn = {.name = j->bug->name, .argv = argv, .environment = environment, .whole_group = true};
    int rc = world_process_spawn(r->world, &spawn, &events, j, &j->process, NULL);
    return rc == 0 ? 0 : fail(j, rc, "a trial cannot be started");
}

static int start_bug(struct job *j, const struct museum_bug *bug)
{
    struct runner *r = j->runner;
    struct museum_canary fresh = {.magic = MUSEUM_CANARY_MAGIC};
    j->bug = bug;
    j->now = 0;
    j->result = (struct museum_result){.name = bug->name,
                                       .kind = bug->kind,
                                       .reached = MUSEUM_NEVER,
                                       .triggered = MUSEUM_NEVER,
                                       .found = MUSEUM_NEVER};
    const char *folder = arena_printf(&j->arena, "%s/%s", r->options.out, bug->name);
    const char *path = folder ? arena_printf(&j->arena, "%s/canary", folder) : NULL;
    j->trial = (struct museum_trial){.options = &r->options, .bug = bug, .folder = folder};
    int rc = path ? world_make_directory(r->world, folder) : ERROR_MEMORY;
    if (rc == 0)
        rc = world_write_file(r->world, path, BYTES(&fresh, sizeof fresh), false, NULL);
    if (rc == 0)
        rc = world_mapping_open(path, true, &j->canary);
    return rc == 0 ? start_trial(j, false, next_amount(j)) : fail(j, rc, "its folder cannot be made");
}

static void end_bug(struct job *j)
{
    struct runner *r = j->runner;
    j->result.used = j->now;
    if (j->said.len > 0) {
        const char *path = arena_printf(&j->arena, "%s/stderr", j->trial.folder);
        if (path)
            (void)world_write_file(r->world, path, text_bytes(&j->said), false, NULL);
    }
    r->done(r->arg, &j->result);
    text_deinit(&j->result.small);
    world_mapping_close(&j->canary);
    text_deinit(&j->said);
    arena_reset(&j->arena);
    j->bug = NULL;
    if (r->next < r->count && r->failed == 0 && !*r->interrupted)
        (void)start_bug(j, &r->bugs[r->next++]);
}

/* What the end of the process says. True: it ended with what is wrong with it. */
static bool look_at_end(struct job *j)
{
    char crash[MUSEUM_ORACLE];
    crash_word(j, crash);
    bool died = j->status.signalled && !j->killed;
    if (j->stuck)
        tell(j, "hang: it stands still");
    else if (crash[0] || died)
        tell(j, crash[0] ? crash : "crash: a signal");
    else if (j->status.code > 1 && !j->killed && j->triggered)
        tell(j, "start: the system does not come up");
    else if (j->status.code > 1 && !j->killed) /* 1: something was told */
        j->result.failed = true;
    /* Leaks are told behind an orderly end. */
    return j->stuck || died || (crash[0] && strcmp(crash, "leak") != 0);
}

static void trial_over(struct job *j)
{
    struct runner *r = j->runner;
    world_process_close(j->process);
    j->process = NULL;
    if (!j->trial.solving) {
        bool ended = look_at_end(j);
        bool found = j->result.found != MUSEUM_NEVER;
        if (!found && !j->told && !j->result.failed && r->collection->passed)
            r->collection->passed(r->world, &j->trial, &j->words);
        if (found && r->options.shrink && j->result.size == 0 && ended == r->collection->crashes && !*r->interrupted &&
            start_trial(j, true, j->trial.amount) == 0)
            return;
    } else {
        j->now = j->before; /* that was not its time */
    }
    int64_t amount = next_amount(j);
    bool late = j->killed || j->result.trials == TRIALS_MAX || amount == 0;
    if (j->result.found != MUSEUM_NEVER || j->result.failed || late || *r->interrupted ||
        start_trial(j, false, amount) != 0)
        end_bug(j);
}

static bool is_over(const struct job *j)
{
    const struct runner *r = j->runner;
    if (j->stuck || *r->interrupted || r->failed)
        return true;
    if (j->trial.solving)
        return world_now(r->world) - j->began > MUSEUM_SOLVE;
    return j->now > r->options.limit + r->options.limit / 2;
}

static void on_look(void *arg)
{
    struct runner *r = arg;
    bool any = false;
    for (int i = 0; i < r->options.jobs; i++) {
        struct job *j = &r->jobs[i];
        if (!j->bug)
            continue;
        look_at(j);
        if (!j->exited && !j->stuck && !j->bug->processes && j->now - j->last > MUSEUM_STUCK)
            j->stuck = true;
        if (!j->exited && is_over(j) && !j->killed) {
            j->killed = true;
            (void)world_process_signal(j->process, SIGKILL);
        }
        if (j->exited)
            trial_over(j);
        any |= j->bug != NULL;
    }
    if (any)
        (void)world_timer_start(&r->look, LOOK_EVERY);
    else
        world_stop(r->world);
}

int museum_run(struct world *w, const struct museum_collection *collection, const struct museum_options *options,
               const struct museum_bug *bugs, size_t count, const bool *interrupted,
               void (*done)(void *arg, const struct museum_result *r), void *arg, struct error *err)
{
    struct runner r = {.world = w,
                       .collection = collection,
                       .options = *options,
                       .bugs = bugs,
                       .count = count,
                       .interrupted = interrupted,
                       .done = done,
                       .arg = arg,
                       .jobs = calloc((size_t)options->jobs, sizeof(struct job)),
                       .err = err};
    if (!r.jobs)
        return error_set(err, ERROR_MEMORY, "out of memory");
    world_timer_init(&r.look, w, on_look, &r);
    for (int i = 0; i < options->jobs && r.next < count && r.failed == 0; i++) {
        r.jobs[i].runner = &r;
        (void)start_bug(&r.jobs[i], &bugs[r.next++]);
    }
    if (world_timer_start(&r.look, LOOK_EVERY) == 0)
        (void)world_run(w);
    world_timer_stop(&r.look);
    for (int i = 0; i < options->jobs; i++) {
        world_process_close(r.jobs[i].process);
        world_mapping_close(&r.jobs[i].canary);
        text_deinit(&r.jobs[i].said);
        text_deinit(&r.jobs[i].result.small);
        arena_deinit(&r.jobs[i].arena);
        arena_deinit(&r.jobs[i].words);
    }
    free(r.jobs);
    return r.failed ? r.failed : *interrupted ? error_set(err, ERROR_CANCELLED, "interrupted") : 0;
}
