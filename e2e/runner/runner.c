/* Runs many flows, as they are planned (plan.h). Workers take the next of the plan until none is left; the lines of
 * each are written in the plan's order, so that the stream does not depend on how many workers there are. */
#include "base/json_copy.h"
#include "e2e/kind.h"
#include "e2e/match/snapshot.h"
#include "e2e/runner/plan.h"
#include "e2e/runner/space.h"

#include <stdlib.h>
#include <string.h>

#define JOBS_MAX 256

struct runner {
    struct target *target;
    const struct e2e_options *options;
    struct plan plan;
    size_t next, written; /* units taken, and written to the stream */
    size_t ended;         /* units that have ended, before the first that has not */
    json_t **held;        /* lines of units that are not written yet; NULL with one worker */
    struct e2e_summary *summary;
    bool stop; /* after the first failure */
};

/* ---- running ---- */

static void count_end(struct runner *r, enum unit_end end)
{
    r->summary->passed += end == UNIT_PASSED || end == UNIT_FLAKY;
    r->summary->flaky += end == UNIT_FLAKY;
    r->summary->failed += end == UNIT_FAILED;
    r->summary->skipped += end == UNIT_SKIPPED;
    r->stop = r->stop || ((end == UNIT_FAILED || end == UNIT_FLAKY) && r->options->until_fail);
}

/* Systems of their own: nothing that one flow does disturbs others. */
static bool apart(const struct e2e_options *o)
{
    return o->system_count > 1 && o->isolation == NULL;
}

struct turn {
    struct runner *runner;
    struct unit *unit;
};

/* One that disturbs others waits for all before it, and all behind it wait for it. */
static bool may_begin(void *arg)
{
    const struct turn *turn = arg;
    const struct runner *r = turn->runner;
    const struct unit *u = turn->unit;
    if (u->flow->alone && !apart(r->options) && r->ended < u->index)
        return false;
    if (u->alone_before != SIZE_MAX && !r->plan.units.items[u->alone_before].ended)
        return false;
    if (u->what == UNIT_TEARDOWN)
        return u->suite->left == 0;
    const struct suite *s = u->what == UNIT_SETUP ? u->suite->around : u->suite;
    while (s != NULL && s->ready)
        s = s->around;
    return s == NULL;
}

static void has_ended(struct runner *r, struct unit *u)
{
    u->ended = true;
    if (u->what == UNIT_SETUP)
        u->suite->ready = true;
    for (struct suite *s = u->what == UNIT_FLOW ? u->suite : u->suite->around; s != NULL; s = s->around)
        s->left--;
    while (r->ended < r->plan.units.count && r->plan.units.items[r->ended].ended)
        r->ended++;
}

static void write_held(struct runner *r)
{
    size_t i;
    json_t *line;
    for (; r->written < r->plan.units.count && r->plan.units.items[r->written].ended; r->written++) {
        json_array_foreach(r->held[r->written], i, line)
        {
            result_emit(r->target->results, json_string_value(json_array_get(line, 0)),
                        json_incref(json_array_get(line, 1)));
        }
        json_decref(r->held[r->written]);
        r->held[r->written] = NULL;
    }
}

/* ---- what ran before the run was cut short ---- */

/* Its lines again, in its place. */
static enum unit_end tell_again(struct target *t, const struct unit *u, json_t *held)
{
    size_t i;
    json_t *line;
    const char *status = "";
    json_array_foreach(u->earlier, i, line)
    {
        json_t *members = json_copy_map(line);
        const char *type = json_string_value(json_object_get(line, "type"));
        status = json_string_value(json_object_get(line, "status"));
        json_object_del(members, "type");
        json_object_del(members, "t");
        if (held == NULL || members == NULL)
            result_emit(t->results, type, members);
        else if (json_array_append_new(held, json_pack("[s, o]", type, members)) != 0)
            result_emit(t->results, type, NULL);
    }
    if (u->what == UNIT_SETUP)
        u->suite->failed = strcmp(status, "failed") == 0;
    return strcmp(status, "passed") == 0    ? UNIT_PASSED
           : strcmp(status, "flaky") == 0   ? UNIT_FLAKY
           : strcmp(status, "skipped") == 0 ? UNIT_SKIPPED
                                            : UNIT_FAILED;
}

/* ---- workers ---- */

struct worker {
    struct runner *runner;
    struct target *target;
    struct e2e_options options; /* the runner's, with what its own system says */
};

/* The next of the plan that this worker may take: a setup was done to one system, and what is inside stays with it. */
static struct unit *take(struct worker *worker)
{
    struct runner *r = worker->runner;
    for (size_t i = r->next; i < r->plan.units.count; i++) {
        struct unit *u = &r->plan.units.items[i];
        struct suite *s = r->options->system_count > 1 ? suite_outermost(u) : NULL;
        if (u->taken || (s != NULL && s->worker != NULL && s->worker != worker))
            continue;
        u->taken = true;
        if (s != NULL)
            s->worker = worker;
        while (r->next < r->plan.units.count && r->plan.units.items[r->next].taken)
            r->next++;
        return u;
    }
    return NULL;
}

static void work(struct fiber *fiber, void *arg)
{
    struct worker *worker = arg;
    struct runner *r = worker->runner;
    struct http_session *http = NULL;
    while (!r->target->interrupted && !r->stop) {
        struct unit *u = take(worker);
        if (u == NULL)
            break;
        struct flow_context waiting = {.target = worker->target, .fiber = fiber};
        json_t *held = r->held != NULL ? r->held[u->index] : NULL;
        struct turn turn = {.runner = r, .unit = u};
        if (!may_begin(&turn) && flow_wait(&waiting, may_begin, &turn, 0) != 0)
            break;
        for (struct suite *s = u->suite; s != NULL && u->earlier == NULL; s = s->around)
            s->begun = true;
        enum unit_end end = u->earlier != NULL ? tell_again(worker->target, u, held)
                                               : unit_run(worker->target, &worker->options, u, fiber, &http, held);
        u->passed = u->earlier == NULL && (end == UNIT_PASSED || end == UNIT_FLAKY);
        count_end(r, end);
        has_ended(r, u);
        if (r->held != NULL)
            write_held(r);
    }
    http_session_free(http);
}

static int run_units(struct runner *r)
{
    const struct e2e_options *o = r->options;
    size_t alone = SIZE_MAX;
    for (size_t i = 0; i < r->plan.units.count; i++) {
        struct unit *u = &r->plan.units.items[i];
        u->index = i;
        u->alone_before = alone;
        alone = u->flow->alone && !apart(o) ? i : alone;
        struct suite *s = suite_outermost(u);
        if (s != NULL) {
            s->last = u;
            s->shared = s->shared || u->flow->shared;
        }
    }
    size_t jobs = o->system_count > 1 ? o->system_count : o->jobs > 1 ? (size_t)o->jobs : 1;
    jobs = jobs < JOBS_MAX ? jobs : JOBS_MAX;
    jobs = jobs < r->plan.units.count ? jobs : r->plan.units.count;
    struct worker *workers = calloc(jobs + 1, sizeof *workers);
    struct fiber_job list[JOBS_MAX];
    if (workers == NULL)
        return ERROR_MEMORY;
    for (size_t i = 0; i < jobs; i++) {
        workers[i] = (struct worker){.runner = r, .target = r->target, .options = *o};
        if (o->system_count > 0) {
            workers[i].target = o->systems[i].target;
            workers[i].options.variables = o->systems[i].variables;
            workers[i].options.scratch = o->systems[i].scratch;
        }
        list[i] = (struct fiber_job){.run = work, .arg = &workers[i]};
    }
    if (jobs <= 1) {
        if (jobs == 1)
            work(NULL, &workers[0]);
        free(workers);
        return 0;
    }
    r->held = calloc(r->plan.units.count, sizeof(json_t *));
    int code = r->held != NULL ? 0 : ERROR_MEMORY;
    for (size_t i = 0; code == 0 && i < r->plan.units.count; i++) /* now: one without would hold up all behind it */
        code = (r->held[i] = json_array()) != NULL ? 0 : ERROR_MEMORY;
    if (code == 0)
        code = fibers_run(NULL, r->target->world, list, jobs);
    for (size_t i = 0; r->held != NULL && i < r->plan.units.count; i++)
        json_decref(r->held[i]);
    free(r->held);
    free(workers);
    r->held = NULL;
    return code;
}

static void say(struct runner *r, const struct text *text)
{
    if (text->len > 0)
        result_emit(r->target->results, "note", json_pack("{s:s}", "text", text_string(text)));
}

/* Snapshots that no step asked for, of files all of whose flows ran to their ends. */
static void say_unused(struct runner *r)
{
    const struct e2e_options *o = r->options;
    struct text unused = TEXT_INIT, line = TEXT_INIT;
    struct map files = MAP_INIT; /* paths; the value: all passed */
    static bool all = true, not_all = false;
    bool whole = o->filter == NULL && o->tags == NULL && o->shards <= 1 && !r->target->interrupted && !r->stop;
    for (size_t i = 0; whole && i < r->plan.units.count; i++) {
        const struct unit *u = &r->plan.units.items[i];
        bool first = map_get(&files, u->flow->path) == NULL;
        if (u->what == UNIT_FLOW && (first || !u->passed) &&
            !map_put(&files, u->flow->path, u->passed ? &all : &not_all))
            whole = false;
    }
    for (struct map_entry *e = map_first(&files); whole && e != NULL; e = map_next(e))
        if (map_value(e) == &all)
            snapshots_unused(o->snapshots, o->files != NULL ? o->files : r->target->world, map_key(e), &unused);
    map_deinit(&files);
    if (unused.len > 0)
        text_printf(&line, "snapshots that no step uses any more: %s", text_string(&unused));
    say(r, &line);
    text_deinit(&line);
    text_deinit(&unused);
}

/* What was set up is torn down also when the run is stopped before its end. (Systems of each worker's own are gone
 * anyway, and so is what is in a namespace.) */
static void tear_down(struct runner *r)
{
    const struct e2e_options *o = r->options;
    struct http_session *http = NULL;
    struct e2e_options own = *o;
    if (!(r->target->interrupted || r->stop) || o->isolation != NULL || o->system_count > 1)
        return;
    if (o->system_count == 1) {
        own.variables = o->systems[0].variables;
        own.scratch = o->systems[0].scratch;
    }
    for (size_t i = 0; i < r->plan.units.count; i++) {
        struct unit *u = &r->plan.units.items[i];
        if (u->what == UNIT_TEARDOWN && !u->ended && u->suite->begun)
            count_end(r, unit_run(o->system_count == 1 ? o->systems[0].target : r->target, &own, u, NULL, &http, NULL));
    }
    http_session_free(http);
}

/* One round of everything that was picked. */
static int run_round(struct runner *r, const struct flow_list *flows, int round, bool *none, struct error *err)
{
    r->plan = (struct plan){0};
    r->next = r->written = r->ended = 0;
    int code = plan_make(&r->plan, r->target, flows, r->options, round, err);
    say(r, &r->plan.remark);
    r->summary->planned += (int64_t)r->plan.units.count;
    if (code == 0 && (code = run_units(r)) != 0)
        error_set(err, code, "out of memory");
    if (code == 0)
        tear_down(r);
    for (size_t i = 0; i < r->plan.suites.count; i++)
        space_drop(r->options, r->plan.suites.items[i]);
    if (code == 0 && round == 0)
        say_unused(r);
    *none = r->plan.units.count == 0;
    plan_clear(&r->plan);
    return code;
}

int e2e_run(struct target *t, const struct flow_list *flows, const struct e2e_options *options,
            struct e2e_summary *summary, struct error *err)
{
    struct e2e_options own = *options;
    struct runner r = {.target = t, .options = &own, .summary = summary};
    struct text said = TEXT_INIT;
    int repeat = options->repeat > 0 ? options->repeat : 1, code = 0;
    bool none = false;
    *summary = (struct e2e_summary){0};
    if ((own.snapshots = snapshots_new(options->update_snapshots)) == NULL)
        return error_set(err, ERROR_MEMORY, "out of memory");
    for (int i = 0; (i < repeat || (options->until_fail && options->repeat == 0)) && code == 0 && !none &&
                    !t->interrupted && !r.stop;
         i++) {
        int64_t ran = summary->passed + summary->failed;
        own.round = i;
        code = run_round(&r, flows, i, &none, err);
        none = none || summary->passed + summary->failed == ran; /* all are skipped: it would go on for ever */
    }
    snapshots_say(own.snapshots, &said);
    say(&r, &said);
    text_deinit(&said);
    snapshots_free(own.snapshots);
    if (code != 0)
        return code;
    if (t->interrupted)
        return error_set(err, ERROR_CANCELLED, "interrupted");
    return summary->passed + summary->failed + summary->skipped == 0 ? plan_nothing(options, err) : 0;
}
