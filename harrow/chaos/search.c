#include "harrow/chaos/search.h"

#include "base/log.h"
#include "base/units.h"
#include "chaos/search/observe.h"
#include "chaos/search/search.h"
#include "chaos/search/shrink.h"
#include "fuzz/cover/cover.h"
#include "harrow/run/pillars.h"
#include "world/mapping.h"
#include "world/sim.h"
#include "world/worker.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCH          16 /* trials made before the first of them is learnt from, however many run at a time */
#define FEATURES_MAX   ((size_t)1 << 17)          /* of one trial; more are not seen */
#define TRIAL_LIMIT    ((uint64_t)(300 * SECOND)) /* of real time */
#define SLICE          ((uint64_t)(20 * MILLISECOND))
#define PROGRESS_EVERY ((uint64_t)(5 * SECOND))
#define SCAN_EVERY     ((uint64_t)(5 * SECOND)) /* the corpus's folder, for what others put there */
#define SHRINK_TRIES   100                      /* of one finding */
#define ERRORS_MAX     ((size_t)64 << 10)

#define SEARCH_DURATION ((uint64_t)(3 * SECOND)) /* of a trial's storm, at most, when nothing else is asked for */
#define SEARCH_RATE     400

/* What a copy leaves behind. */
struct left {
    bool finished;
    int code;
    char failure[OBSERVED_KEY_MAX], title[256];
    uint64_t virtual_time;
    int64_t operations, faults;
    size_t count;
    uint64_t features[FEATURES_MAX];
};
struct job {
    struct lab *lab;
    const struct chaos_options *options;
    struct left *left;
    struct world_worker *worker;
    uint64_t began;
    bool done, crashed;
};
struct lab {
    struct run *run;
    struct target *target;
    const struct chaos_request *request;
    const struct chaos_search_request *asked;
    struct chaos_options base;
    const struct workload_kind **pool;
    struct cover *cover; /* NULL: this build counts no edges */
    struct search *search;
    struct world_mapping memory; /* struct left, BATCH times */
    struct trial trials[BATCH];
    struct chaos_options options[BATCH];
    struct job jobs[BATCH];
    const char *corpus;
    const char *wanted;              /* the failure that is made smaller */
    uint64_t started, told, scanned; /* on the run's clock */
    uint64_t cpu, virtual_time;
    int64_t operations, faults, trials_run, not_carried_out;
    int64_t confirmed, tried; /* findings that failed as processes as well; that were run so */
};

static uint64_t real_now(const struct lab *lab)
{
    return world_now(lab->run->world);
}

static bool time_is_up(const struct lab *lab)
{
    return lab->run->interrupted ||
           (lab->asked->duration > 0 && real_now(lab) - lab->started >= (uint64_t)lab->asked->duration);
}

static void say(struct lab *lab, const char *text)
{
    result_emit(&lab->run->results, "note", json_pack("{s:s}", "text", text));
}

/* ---- in the copy ---- */

static void ignore_line(void *arg, enum log_level level, const char *line, size_t len)
{
    (void)arg;
    (void)level;
    (void)line;
    (void)len;
}

static void on_log(void *arg, enum log_level level, const char *component, const char *message, size_t len)
{
    (void)level;
    observer_log(arg, component, message, len);
}

static void add_feature(struct left *left, uint64_t feature)
{
    if (left->count < FEATURES_MAX)
        left->features[left->count++] = feature;
}

/* Counts of edges wrap many times in a run as long as this: only whether one was reached is told. */
static void add_edges(struct cover *cover, struct left *left)
{
    const uint32_t *edges;
    const uint8_t *classes;
    (void)cover_collect(cover, false);
    size_t count = cover_last(cover, &edges, &classes);
    for (size_t i = 0; i < count; i++)
        if (i == 0 || edges[i] != edges[i - 1])
            add_feature(left, SEARCH_EDGE | edges[i]);
}

static int run_trial(void *arg)
{
    struct job *job = arg;
    struct lab *lab = job->lab;
    struct left *left = job->left;
    struct observer o;
    struct chaos_options options = *job->options;
    struct chaos_summary summary;
    uint64_t from = world_now(lab->target->world);
    observer_begin(&o, lab->target);
    options.look = observer_look;
    options.look_arg = &o;
    log_set_level(LOG_INFO);
    log_set_sink(ignore_line, NULL);
    log_set_hook(on_log, &o);
    if (lab->cover != NULL)
        cover_reset(lab->cover);
    left->code = chaos_run(lab->target, &options, &summary, NULL);
    if (lab->cover != NULL)
        add_edges(lab->cover, left);
    log_set_hook(NULL, NULL);
    if (observer_end(&o) != 0)
        left->code = ERROR_MEMORY;
    for (size_t i = 0; i < o.facts.count; i++)
        add_feature(left, o.facts.items[i] >> 1);
    memcpy(left->failure, o.failure, sizeof left->failure);
    memcpy(left->title, o.title, sizeof left->title);
    left->virtual_time = world_now(lab->target->world) - from;
    left->operations = summary.operations;
    left->faults = summary.faults;
    left->finished = true;
    return 0;
}

/* ---- copies ---- */

static int start_job(struct lab *lab, struct job *job, struct error *err)
{
    struct left *left = job->left;
    left->finished = false;
    left->failure[0] = left->title[0] = '\0';
    left->count = 0;
    left->virtual_time = 0;
    left->operations = left->faults = 0;
    left->code = 0;
    job->done = job->crashed = false;
    job->began = real_now(lab);
    return world_worker_start(run_trial, job, true, &job->worker, err);
}

/* What a sanitizer, or the signal, says of its end. */
static void describe_crash(struct job *job, struct world_exit status)
{
    struct text said = TEXT_INIT, how = TEXT_INIT;
    static const char *const marks[] = {"ERROR: ", "runtime error: "};
    (void)world_worker_errors(job->worker, ERRORS_MAX, &said);
    for (size_t i = 0; i < sizeof marks / sizeof marks[0] && how.len == 0; i++) {
        const char *at = strstr(text_string(&said), marks[i]);
        if (at != NULL)
            text_add(&how, at, strcspn(at, "\n"));
    }
    if (how.len == 0)
        world_exit_format(status, &how);
    snprintf(job->left->failure, sizeof job->left->failure, "crash / %.*s", (int)strcspn(text_string(&how), "0("),
             text_string(&how));
    snprintf(job->left->title, sizeof job->left->title, "the program died: %s", text_string(&how));
    text_deinit(&said);
    text_deinit(&how);
}

static void end_job(struct lab *lab, struct job *job, struct world_exit status)
{
    uint64_t cpu = 0, resident = 0;
    (void)world_worker_usage(job->worker, &cpu, &resident);
    lab->cpu += cpu;
    job->crashed = !job->left->finished;
    if (job->crashed)
        describe_crash(job, status);
    world_worker_close(job->worker);
    job->worker = NULL;
    job->done = true;
}

static void stop_job(struct job *job)
{
    world_worker_close(job->worker);
    job->worker = NULL;
}

/* Waits a moment for it; true when it is over. */
static bool look_at(struct lab *lab, struct job *job, uint64_t wait)
{
    struct world_exit status;
    if (world_worker_wait(job->worker, wait, &status)) {
        end_job(lab, job, status);
        return true;
    }
    if (real_now(lab) - job->began < TRIAL_LIMIT)
        return false;
    stop_job(job);
    snprintf(job->left->failure, sizeof job->left->failure, "hang");
    snprintf(job->left->title, sizeof job->left->title, "the simulation went on for more than %d s of real time",
             (int)(TRIAL_LIMIT / (uint64_t)SECOND));
    return job->done = true;
}

/* Runs all of them, some at a time. Ends early when the time is up: what is not done then is stopped. */
static int run_jobs(struct lab *lab, size_t count, struct error *err)
{
    size_t next = 0, oldest = 0, limit = lab->asked->jobs > 0 ? (size_t)lab->asked->jobs : 1, running = 0;
    int code = 0;
    for (size_t i = 0; i < count; i++)
        lab->jobs[i].done = false;
    while (code == 0 && oldest < count && !time_is_up(lab)) {
        for (; code == 0 && next < count && running < limit; next++, running++)
            code = start_job(lab, &lab->jobs[next], err);
        for (size_t i = oldest; code == 0 && i < next; i++)
            if (!lab->jobs[i].done && look_at(lab, &lab->jobs[i], i == oldest ? SLICE : 0))
                running--;
        while (oldest < next && lab->jobs[oldest].done)
            oldest++;
        world_sleep(lab->run->world, 0); /* signals are looked for in the loop */
    }
    for (size_t i = 0; i < count; i++)
        if (lab->jobs[i].worker != NULL)
            stop_job(&lab->jobs[i]);
    return code;
}

/* ---- findings ---- */

/* One try of the shrinker: in a copy, as every trial. */
static int try_smaller(void *arg, const struct chaos_options *options, bool *failed)
{
    struct lab *lab = arg;
    struct job *job = &lab->jobs[0];
    job->options = options;
    int code = run_jobs(lab, 1, NULL);
    if (code == 0 && !job->done)
        return ERROR_CANCELLED;
    *failed = code == 0 && strcmp(job->left->failure, lab->wanted) == 0;
    return code;
}

/* The request with the workloads of these options, for the commands that repeat them. */
static struct chaos_request request_of(struct lab *lab, const struct chaos_options *o)
{
    static const struct workload_kind *const none[] = {NULL};
    struct chaos_request q = *lab->request;
    q.workloads = o->workloads != NULL ? o->workloads : none;
    return q;
}

static void confirm(struct lab *lab, const struct chaos_request *q, const struct chaos_options *o, const char *failure,
                    struct text *detail)
{
    struct chaos_confirmed c;
    uint64_t until = lab->asked->duration > 0 ? lab->started + (uint64_t)lab->asked->duration : 0;
    chaos_confirm(lab->run, q, o, failure, lab->run->seed, 1, until, &c);
    lab->tried += c.tries > 0;
    lab->confirmed += c.times > 0;
    chaos_confirmed_print(&c, detail);
}

static const char *keep_finding(struct lab *lab, size_t number, const char *what, const struct chaos_schedule *schedule)
{
    struct run *r = lab->run;
    struct text content = TEXT_INIT;
    const char *folder = arena_printf(&r->arena, "%s/findings", r->folder);
    const char *path = arena_printf(&r->arena, "%s/findings/%s-%zu.yaml", r->folder, what, number);
    schedule_write(schedule, &content);
    bool ok = folder != NULL && path != NULL && text_ok(&content) && world_make_directory(r->world, folder) == 0 &&
              world_write_file(r->world, path, text_bytes(&content), false, NULL) == 0;
    text_deinit(&content);
    return ok ? path : NULL;
}

static void tell_finding(struct lab *lab, size_t number, const struct search_finding *f)
{
    struct text title = TEXT_INIT, detail = TEXT_INIT;
    struct chaos_options o = trial_options(&f->trial, &lab->base);
    struct shrunk small = {0};
    bool minimal = false, shrunk = false;
    lab->wanted = f->failure;
    const struct shrink_runner runner = {.run = try_smaller, .arg = lab, .tries = SHRINK_TRIES};
    if (lab->request->shrink != CHAOS_SHRINK_NEVER && !time_is_up(lab))
        shrunk = chaos_shrink(&o, &runner, &small, &minimal, NULL) == 0;
    const struct chaos_options *told = shrunk ? &small.options : &o;
    size_t steps = told->schedule->steps.count;
    const char *path = keep_finding(lab, number, "schedule", told->schedule);
    const struct chaos_request q = request_of(lab, told);
    text_printf(&title, "%s: %s", f->failure, f->title);
    text_printf(&detail, "experiment %" PRIu64 " of the search; %zu fault%s%s\n", f->run, steps, steps == 1 ? "" : "s",
                minimal ? ", none can be left out" : "");
    if (lab->request->shrink == CHAOS_SHRINK_SIMULATED || lab->request->shrink == CHAOS_SHRINK_ALWAYS)
        confirm(lab, &q, told, f->failure, &detail);
    schedule_write(told->schedule, &detail);
    result_finding(&lab->run->results,
                   &(struct result_finding){
                       .pillar = "chaos",
                       .title = text_string(&title),
                       .severity = "bug",
                       .oracle = "search",
                       .target = f->failure,
                       .seed = lab->run->seed,
                       .replay = path != NULL ? chaos_replay(lab->run, &q, told, path, "sim", lab->run->seed) : NULL,
                       .detail = text_string(&detail)});
    if (shrunk)
        shrunk_deinit(&small);
    text_deinit(&title);
    text_deinit(&detail);
}

/* ---- the loop ---- */

static void tell_progress(struct lab *lab, bool last)
{
    struct search_figures f;
    struct text line = TEXT_INIT;
    uint64_t now = real_now(lab);
    if (!last && now - lab->told < PROGRESS_EVERY)
        return;
    lab->told = now;
    search_figures(lab->search, &f);
    double seconds = (double)(now - lab->started) / SECOND;
    text_printf(&line, "search: %" PRIu64 " experiments (%.1f a second), %zu in the corpus, ", f.runs,
                seconds > 0 ? (double)f.runs / seconds : 0, f.entries);
    if (lab->cover != NULL)
        text_printf(&line, "%zu edges, ", f.edges);
    text_printf(&line, "%zu states, %zu finding%s; the last %" PRIu64 " showed nothing new", f.states, f.findings,
                f.findings == 1 ? "" : "s", f.runs - f.last_new);
    say(lab, text_string(&line));
    text_deinit(&line);
}

static int scan(struct lab *lab, struct error *err)
{
    struct text told = TEXT_INIT;
    int code = 0;
    uint64_t now = real_now(lab);
    if (lab->scanned != 0 && now - lab->scanned < SCAN_EVERY)
        return 0;
    lab->scanned = now;
    code = search_scan(lab->search, &told, err);
    for (size_t at = 0; at < told.len; at += strcspn(told.data + at, "\n") + 1) {
        char line[512];
        snprintf(line, sizeof line, "corpus: %.*s", (int)strcspn(told.data + at, "\n"), told.data + at);
        say(lab, line);
    }
    text_deinit(&told);
    return code;
}

static void comment_on(struct lab *lab, const struct trial *t, struct text *out)
{
    text_printf(out, "harrow chaos --search, seed %" PRIu64 ", experiment %" PRId64 ": %s", lab->run->seed,
                lab->trials_run, t->made);
    if (t->parent != 0)
        text_printf(out, ", of %016" PRIx64, t->parent);
    text_printf(out, "\nharrow chaos %s --schedule THIS-FILE --driver sim --seed %" PRIu64 "%s\n",
                lab->run->manifest->path, lab->run->seed, lab->request->direct ? " --direct" : "");
}

static int learn(struct lab *lab, size_t i, struct error *err)
{
    struct left *left = lab->jobs[i].left;
    struct search_news news;
    struct text comment = TEXT_INIT;
    lab->trials_run++;
    lab->virtual_time += left->virtual_time;
    lab->operations += left->operations;
    lab->faults += left->faults;
    if (left->finished && left->code != 0) {
        if (left->code == ERROR_MEMORY)
            return error_set(err, ERROR_MEMORY, "out of memory in an experiment");
        lab->not_carried_out++;
    }
    comment_on(lab, &lab->trials[i], &comment);
    const struct search_seen seen = {
        .features = left->features, .count = left->count, .failure = left->failure, .title = left->title};
    int code = search_learn(lab->search, &lab->trials[i], &seen, text_string(&comment), &news, err);
    text_deinit(&comment);
    return code;
}

static int one_batch(struct lab *lab, size_t wanted, struct error *err)
{
    size_t made = 0, known, all;
    int code = 0;
    const struct search_finding *findings;
    for (; code == 0 && made < wanted; made += code == 0)
        code = search_next(lab->search, &lab->trials[made], err);
    for (size_t i = 0; i < made; i++) {
        lab->options[i] = trial_options(&lab->trials[i], &lab->base);
        lab->jobs[i].options = &lab->options[i];
    }
    if (code == 0)
        code = run_jobs(lab, made, err);
    known = search_findings(lab->search, &findings);
    for (size_t i = 0; code == 0 && i < made && lab->jobs[i].done; i++)
        code = learn(lab, i, err);
    for (size_t i = 0; i < made; i++)
        trial_deinit(&lab->trials[i]);
    all = search_findings(lab->search, &findings);
    for (size_t i = known; code == 0 && i < all; i++)
        tell_finding(lab, i + 1, &findings[i]);
    return code;
}

static int search_on(struct lab *lab, struct error *err)
{
    int code = 0;
    while (code == 0 && !time_is_up(lab) && (lab->asked->runs == 0 || lab->trials_run < lab->asked->runs)) {
        int64_t left = lab->asked->runs > 0 ? lab->asked->runs - lab->trials_run : BATCH;
        code = scan(lab, err);
        if (code == 0)
            code = one_batch(lab, left < BATCH ? (size_t)left : BATCH, err);
        tell_progress(lab, false);
    }
    return code;
}

/* ---- the whole ---- */

static bool is_served(const struct target *t, const struct workload_kind *k)
{
    for (const char *const *service = k->services; *service != NULL; service++)
        if (target_serving(t, *service) == NULL)
            return false;
    return true;
}

/* All that the target can serve, without those whose histories take many seconds to be read in the end. */
static int choose_pool(struct lab *lab)
{
    size_t count = 0;
    for (const struct workload_kind *const *k = workload_kinds; *k != NULL; k++)
        count++;
    lab->pool = calloc(count + 1, sizeof *lab->pool);
    if (lab->pool == NULL)
        return ERROR_MEMORY;
    count = 0;
    for (const struct workload_kind *const *k = workload_kinds; *k != NULL; k++)
        if ((*k)->waits == 0 && is_served(lab->target, *k))
            lab->pool[count++] = *k;
    return 0;
}

static int open_cover(struct lab *lab)
{
    lab->cover = cover_new();
    int code = lab->cover != NULL ? cover_add_own(lab->cover) : ERROR_MEMORY;
    if (code == ERROR_NOT_FOUND) {
        say(lab, "this build counts no edges (HARROW_COVER): the search goes by state summaries alone");
        cover_free(lab->cover);
        lab->cover = NULL;
        code = 0;
    }
    return code;
}

static int prepare(struct lab *lab, struct error *err)
{
    struct run *r = lab->run;
    const struct chaos_request *q = lab->request;
    const struct chaos_options *planned = q->plan != NULL ? &q->plan->options : NULL;
    bool timed = q->duration > 0 || (planned != NULL && planned->duration > 0);
    bool paced = q->rate > 0 || (planned != NULL && planned->rate > 0);
    lab->base = chaos_request_options(q);
    lab->base.seed = r->seed;
    lab->base.duration = timed ? lab->base.duration : SEARCH_DURATION;
    lab->base.rate = paced ? lab->base.rate : SEARCH_RATE;
    int code = lab->base.workloads == NULL ? choose_pool(lab) : 0;
    if (code == 0)
        code = world_mapping_anonymous(BATCH * sizeof(struct left), &lab->memory);
    if (code == 0)
        code = open_cover(lab);
    lab->corpus = lab->asked->corpus != NULL ? lab->asked->corpus : arena_printf(&r->arena, "%s/corpus", r->folder);
    if (code != 0 || lab->corpus == NULL)
        return error_set(err, ERROR_MEMORY, "out of memory");
    for (size_t i = 0; i < BATCH; i++)
        lab->jobs[i] = (struct job){.lab = lab, .left = (struct left *)lab->memory.data + i};
    const struct search_options options = {
        .seed = r->seed,
        .base = &lab->base,
        .drawn_only = lab->asked->drawn_only,
        .space = {.target = lab->target,
                  .faults = lab->base.faults,
                  .targets = lab->base.targets,
                  .workloads = lab->base.workloads != NULL ? lab->base.workloads : lab->pool,
                  .all_workloads = lab->base.workloads != NULL,
                  .duration_max = lab->base.duration,
                  .clients_max = lab->base.clients,
                  .keys_max = lab->base.keys,
                  .rate_max = lab->base.rate}};
    code = search_new(&options, &lab->search, err);
    return code == 0 ? search_open(lab->search, r->world, lab->corpus, err) : code;
}

static void tell_end(struct lab *lab)
{
    struct run *r = lab->run;
    struct search_figures f;
    char message[128];
    search_figures(lab->search, &f);
    snprintf(message, sizeof message,
             "see the findings: %zu, of which %" PRId64 " ran as processes and %" PRId64 " failed so as well",
             f.findings, lab->tried, lab->confirmed);
    double cpu = (double)lab->cpu / SECOND, simulated = (double)lab->virtual_time / SECOND;
    result_case(&r->results, &(struct result_case){.pillar = "chaos",
                                                   .suite = "search",
                                                   .name = "no experiment failed",
                                                   .status = f.runs == 0       ? "skipped"
                                                             : f.findings == 0 ? "passed"
                                                                               : "failed",
                                                   .message = f.runs == 0       ? "the time was too short for any"
                                                              : f.findings == 0 ? NULL
                                                                                : message,
                                                   .duration = (int64_t)(real_now(lab) - lab->started)});
    char digest[20];
    snprintf(digest, sizeof digest, "%016" PRIx64, f.digest);
    result_emit(&r->results, "search",
                json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:f, s:s, s:s}", "runs", (json_int_t)f.runs,
                          "edges", (json_int_t)f.edges, "states", (json_int_t)f.states, "corpus", (json_int_t)f.entries,
                          "added", (json_int_t)f.added, "findings", (json_int_t)f.findings, "confirmed",
                          (json_int_t)lab->confirmed, "faults", (json_int_t)lab->faults, "cpu", cpu, "simulated",
                          simulated, "digest", digest, "folder", lab->corpus));
    char line[160];
    snprintf(line, sizeof line, "search: %.1f s of CPU simulated %.0f s, %.0f times as fast; corpus in %s", cpu,
             simulated, cpu > 0 ? simulated / cpu : 0, lab->corpus);
    say(lab, line);
}

int chaos_search(struct run *r, struct system *s, const struct chaos_request *q,
                 const struct chaos_search_request *search)
{
    struct error err = ERROR_INIT;
    struct lab lab = {.run = r, .target = system_target(s), .request = q, .asked = search};
    int exit_code = 0;
    pillar_mark(r, "chaos", "start");
    lab.started = lab.told = world_now(r->world);
    int code = prepare(&lab, &err);
    if (code == 0)
        code = search_on(&lab, &err);
    if (lab.search != NULL && lab.trials_run > 0)
        tell_progress(&lab, true);
    if (lab.search != NULL)
        tell_end(&lab);
    result_emit(&r->results, "pillar",
                json_pack("{s:s, s:s, s:I, s:I, s:I}", "name", "chaos", "state", "end", "experiments",
                          (json_int_t)lab.trials_run, "operations", (json_int_t)lab.operations, "faults",
                          (json_int_t)lab.faults));
    if (code != 0)
        exit_code = run_failed(r, &err, "chaos search");
    error_clear(&err);
    search_free(lab.search);
    cover_free(lab.cover);
    world_mapping_close(&lab.memory);
    free(lab.pool);
    return exit_code;
}
