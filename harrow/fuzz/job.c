/* The process of one worker: its command line, what becomes of it, and what is looked into then. */
#include "harrow/fuzz/jobs.h"

#include "base/units.h"
#include "base/words.h"
#include "harrow/system/attach.h"

#include <signal.h>
#include <stdarg.h>
#include <string.h>

#define STARTS_MAX    5                  /* of one worker */
#define WORTH_IT      (3 * SECOND)       /* less time than this is not started again for */
#define SEED_DISTANCE UINT64_C(1000003)  /* between workers' seeds, so that seeds near each other give others */
#define STILL_CPU     ((uint64_t)MINUTE) /* of a simulating worker without a change of its journal: it stands still */

static int64_t time_left(const struct jobs *j)
{
    uint64_t passed = world_now(j->run->world) - j->started;
    return (int64_t)j->request->options.budget - (int64_t)passed;
}

/* ---- its command line ------------------------------------------------------------------------------------------- */

static void add_number(struct text *line, const char *name, int64_t value)
{
    if (value > 0)
        text_printf(line, " %s %lld", name, (long long)value);
}

static uint64_t job_seed(const struct job *job)
{
    return job->jobs->run->seed + SEED_DISTANCE * (uint64_t)(job->number - 1) + (uint64_t)(job->starts - 1);
}

/* Where the worker keeps its cases under way: each one its own, for what is left of one before is evidence. */
static void journal_path(const struct job *job, struct text *out)
{
    text_printf(out, "%s/jobs/%d/journal-%d", job->jobs->run->folder, job->number, job->starts);
}

static bool is_simulated(void)
{
    return strcmp(common.driver, "sim") == 0;
}

static void add_path(struct text *line, const char *option, struct text *path)
{
    words_add(line, option);
    words_add(line, text_string(path));
    line->failed |= !text_ok(path);
    text_deinit(path);
}

static void campaign_words(const struct job *job, struct text *line)
{
    const struct jobs *j = job->jobs;
    const struct fuzz_request *q = j->request;
    const struct fuzz_options *o = &q->options;
    words_add(line, "--corpus");
    words_add(line, j->corpus);
    text_printf(line, " --budget %lldms", o->budget > 0 ? (long long)(time_left(j) / MILLISECOND) : 0LL);
    if (o->plateau > 0)
        text_printf(line, " --until-plateau --plateau %lldms", (long long)(o->plateau / (uint64_t)MILLISECOND));
    if (o->settle > 0)
        text_printf(line, " --settle %lldms", (long long)(o->settle / (uint64_t)MILLISECOND));
    add_number(line, "--inputs", o->inputs_max > 0 ? 1 + o->inputs_max / j->count : 0);
    add_number(line, "--in-flight", o->in_flight);
    add_number(line, "--invariant-every", o->invariant_every);
    if (q->invariant) {
        words_add(line, "--invariant");
        words_add(line, q->invariant);
    }
    if (o->filter) {
        words_add(line, "--only");
        words_add(line, o->filter);
    }
    if (o->skip) {
        words_add(line, "--skip");
        words_add(line, o->skip);
    }
}

static void job_words(const struct job *job, struct text *line)
{
    const struct jobs *j = job->jobs;
    struct text folder = TEXT_INIT, journal = TEXT_INIT;
    words_add(line, HARROW_SELF);
    words_add(line, "fuzz");
    words_add(line, j->run->manifest->path);
    text_printf(line, " --driver %s", common.driver);
    attach_words(line, false);
    text_printf(line, " --seed %llu --json", (unsigned long long)job_seed(job));
    text_printf(&folder, "%s/jobs/%d", j->run->folder, job->number);
    add_path(line, "--out", &folder);
    if (is_simulated()) {
        journal_path(job, &journal);
        add_path(line, job->looking ? "--suspects" : "--journal", &journal);
    }
    if (!job->looking)
        campaign_words(job, line);
    text_puts(line, j->request->access ? " --access" : "");
    fuzz_stock_words(&j->request->options, line);
}

/* ---- its process ------------------------------------------------------------------------------------------------ */

static void on_exited(void *arg, struct world_exit status);

static int job_spawn(struct job *job, struct error *err)
{
    static const struct world_process_events events = {.output = job_output, .exited = on_exited};
    struct arena arena = {0};
    struct text line = TEXT_INIT;
    char **words = NULL;
    size_t count = 0;
    job_words(job, &line);
    int code = text_ok(&line) ? words_split(text_string(&line), &arena, &words, &count, err)
                              : error_set(err, ERROR_MEMORY, "out of memory");
    const char **argv = code == 0 ? ARENA_NEW_N(&arena, const char *, count + 1) : NULL;
    for (size_t i = 0; argv && i < count; i++)
        argv[i] = words[i];
    const char *environment[] = {arena_printf(&arena, HARROW_PROGRAM_VARIABLE "=%s", harrow_program), NULL};
    if (code == 0 && (!argv || !environment[0]))
        code = error_set(err, ERROR_MEMORY, "out of memory");
    if (code == 0) {
        struct world_spawn spawn = {.name = "worker", .argv = argv, .environment = environment};
        world_process_close(job->process);
        job->process = NULL;
        job->began = job->finished = false;
        code = world_process_spawn(job->jobs->run->world, &spawn, &events, job, &job->process, err);
    }
    text_deinit(&line);
    arena_deinit(&arena);
    return code;
}

int job_start(struct job *job, struct error *err)
{
    job->starts++;
    job->looking = job->still = false;
    job->journal = (struct world_stat){.exists = false};
    job->changed_at = 0;
    return job_spawn(job, err);
}

/* ---- its end ---------------------------------------------------------------------------------------------------- */

/* Somebody wanted it gone, which says nothing about the system. */
static bool was_killed(const struct job *job, struct world_exit status)
{
    return status.signalled && !job->still && (status.code == SIGKILL || status.code == SIGTERM);
}

/* It read what it was told or what there is, and said no: the next one would too. */
static bool has_refused(const struct job *job, struct world_exit status)
{
    return !status.signalled && !job->began && job->finished && status.code != HARROW_PASSED &&
           status.code != HARROW_FAILED;
}

static void __attribute__((format(printf, 2, 3))) note(struct job *job, const char *format, ...)
{
    struct text line = TEXT_INIT;
    va_list args;
    va_start(args, format);
    text_printf(&line, "worker %d ", job->number);
    text_vprintf(&line, format, args);
    va_end(args);
    result_emit(&job->jobs->run->results, "note", json_pack("{s:s}", "text", text_string(&line)));
    text_deinit(&line);
}

static void go_on(struct job *job)
{
    const struct jobs *j = job->jobs;
    bool again = job->starts < STARTS_MAX && (j->request->options.budget == 0 || time_left(j) > WORTH_IT);
    job->ended = j->stopped || !again || job_start(job, NULL) != 0;
    if (!job->ended)
        note(job, "was started again, and goes on with the corpus");
}

/* What a worker that is lost leaves to be looked into. */
static bool has_journal(const struct job *job)
{
    struct text path = TEXT_INIT;
    struct world_stat stat = {0};
    if (!is_simulated())
        return false;
    journal_path(job, &path);
    bool there = text_ok(&path) && world_stat(job->jobs->run->world, text_string(&path), &stat) == 0 && stat.exists;
    text_deinit(&path);
    return there;
}

/* "harrow fuzz MANIFEST ... --suspects JOURNAL", for whoever has to do it by hand. */
static void put_suspects_command(const struct job *job, struct text *out)
{
    struct text path = TEXT_INIT;
    struct run worker = *job->jobs->run;
    worker.seed = job_seed(job);
    fuzz_replay_words(&worker, job->jobs->request, true, out);
    journal_path(job, &path);
    add_path(out, "--suspects", &path);
}

/* What became of it and what is done about that, or what the user can do. */
static void note_end(struct job *job, struct world_exit status, const char *what, const char *then, bool by_hand)
{
    struct text end = TEXT_INIT, command = TEXT_INIT;
    world_exit_format(status, &end);
    if (by_hand)
        put_suspects_command(job, &command);
    note(job, "%s %s%s%s", what, text_string(&end), then, text_string(&command));
    text_deinit(&end);
    text_deinit(&command);
}

static void on_looked(struct job *job, struct world_exit status)
{
    if (status.signalled || !job->finished || (status.code != HARROW_PASSED && status.code != HARROW_FAILED))
        note_end(job, status, "died of a case that is not known: the search for it", "; again: ", true);
    go_on(job);
}

static void on_exited(void *arg, struct world_exit status)
{
    struct job *job = arg;
    struct jobs *j = job->jobs;
    job->ended = true;
    if (job->looking) {
        on_looked(job, status);
        return;
    }
    if (job->finished && !status.signalled &&
        (status.code == HARROW_PASSED || status.code == HARROW_FAILED || status.code == HARROW_INTERRUPTED))
        return;
    if (has_refused(job, status)) {
        j->refused_with = j->refused++ == 0 ? status.code : j->refused_with;
        note_end(job, status, "could not begin:", "", false);
        return;
    }
    bool journal = has_journal(job);
    job->looking = journal && !was_killed(job, status) && !j->stopped;
    note_end(job, status, job->still ? "was lost: it stood still and was" : "was lost:",
             job->looking ? "; which of its cases did it is looked into"
             : journal    ? "; to look into its cases: "
                          : "",
             journal && !job->looking);
    if (!j->stopped && (!job->looking || job_spawn(job, NULL) != 0))
        go_on(job);
    else
        job->ended = !job->looking;
}

/* A case that a simulated system never comes back from leaves its worker at work for nothing. What works has cases that
 * begin and end, and so writes to its journal. */
void job_look(struct job *job)
{
    struct text path = TEXT_INIT;
    struct world_stat now = {0};
    uint64_t resident, cpu;
    if (!is_simulated() || job->ended || job->looking || job->still)
        return;
    journal_path(job, &path);
    if (text_ok(&path) && world_stat(job->jobs->run->world, text_string(&path), &now) == 0 &&
        world_process_usage(job->process, &resident, &cpu) == 0) {
        if (!now.exists || now.size != job->journal.size || now.modified != job->journal.modified) {
            job->journal = now;
            job->changed_at = cpu;
        } else if (cpu - job->changed_at > STILL_CPU) {
            job->still = true;
            world_process_signal(job->process, SIGKILL);
        }
    }
    text_deinit(&path);
}
