/* Flows: loaded and checked, joined with what is known of earlier runs, run on the system, or on one for each worker.
 */
#include "base/array.h"
#include "harrow/system/attach.h"
#include "harrow/run/past.h"
#include "harrow/run/pillars.h"
#include "harrow/flows/stand_ins.h"
#include "harrow/flows/spaces.h"
#include "harrow/flows/traces.h"
#include "harrow/flows/watched.h"
#include "world/real.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SYSTEMS_MAX 64
#define VIEWS_MAX   256

struct e2e_job {
    struct run *run;
    struct e2e_request asked;
    struct flow_list flows;
    struct map calls;                    /* the methods they call */
    bool calls_more;                     /* and others, or not known which */
    struct past *past;                   /* the request's, or its own */
    struct system *systems[SYSTEMS_MAX]; /* behind the first, which is the caller's */
    struct target *beside[VIEWS_MAX + 1];
    struct e2e_place places[VIEWS_MAX + 1];
    size_t system_count;
    struct e2e_isolation *isolation; /* of --isolate namespace */
    struct system *views;            /* of the one system: a worker's each, then the keeper's */
    size_t view_count;
    struct spaces *spaces; /* of an attached one */
};

static bool driver_is(const char *name)
{
    return strcmp(common.driver, name) == 0;
}

static void say(struct run *r, const char *text)
{
    result_emit(&r->results, "note", json_pack("{s:s}", "text", text));
}

static int load_past(struct e2e_job *j, struct error *err)
{
    const struct e2e_request *a = &j->asked;
    if (a->history == NULL && a->resume == NULL)
        return 0;
    j->past = a->resume != NULL ? a->resume : past_new();
    if (j->past == NULL)
        return error_set(err, ERROR_MEMORY, "out of memory");
    return a->history != NULL ? past_history(j->past, j->run->world, a->history, j->run->manifest->name, err) : 0;
}

static bool by_namespace(const struct e2e_request *a)
{
    return a->isolate != NULL && strcmp(a->isolate, "namespace") == 0;
}

/* Before a system is started: mistakes in the section are told in any case. `m` NULL: of an address. */
static int load_isolation(struct world *w, const struct manifest *m, const struct e2e_request *asked,
                          struct e2e_isolation **out, struct error *err)
{
    bool address = m == NULL || m->address;
    int code = address ? 0 : e2e_isolation_load(w, m->path, out, err);
    if (code != 0 || !by_namespace(asked) || *out != NULL)
        return code;
    if (address)
        return error_set(err, ERROR_INVALID,
                         "--isolate namespace: an address says nothing of namespaces: write a manifest with a section "
                         "\"isolation\" (docs/manifest.md)");
    return error_set_at(err, ERROR_INVALID, m->path, 1, 1,
                        "--isolate namespace needs a section \"isolation\": the steps that \"make\" the namespace "
                        "${namespace} and \"remove\" it, and what calls carry in it (\"metadata\", \"headers\"); "
                        "docs/manifest.md has an example");
}

/* A name that nothing has is told before a system is started for it. Of files that changed there may be none. */
static int check_any(struct e2e_job *j, struct error *err)
{
    const struct e2e_options *o = &j->asked.options;
    struct target nobody = {.seed = j->run->seed};
    struct text ignored = TEXT_INIT;
    if (j->flows.count == 0 && j->asked.path != NULL && j->asked.watched == NULL)
        return error_set_at(err, ERROR_NOT_FOUND, j->asked.path, 0, 0,
                            "there are no flows in it: files that end with .yaml, .hurl, .gctf and the like");
    int code = j->flows.count > 0 && (o->filter != NULL || o->tags != NULL)
                   ? e2e_list(&nobody, &j->flows, o, &ignored, err)
                   : 0;
    text_deinit(&ignored);
    if (code != ERROR_NOT_FOUND || j->asked.watched == NULL)
        return code;
    error_clear(err);
    flow_list_free(&j->flows);
    return 0;
}

int e2e_job_new(struct run *r, const struct e2e_request *asked, struct e2e_job **out, struct error *err)
{
    struct e2e_job *j = calloc(1, sizeof *j);
    *out = j;
    if (j == NULL)
        return error_set(err, ERROR_MEMORY, "out of memory");
    j->run = r;
    if (asked != NULL)
        j->asked = *asked;
    int code = load_past(j, err);
    if (code == 0)
        code = load_isolation(r->world, r->manifest, &j->asked, &j->isolation, err);
    if (code == 0)
        code =
            pillar_flows(r->world, r->manifest, j->asked.path, r->manifest->flows, j->asked.settings, &j->flows, err);
    if (code == 0 && j->asked.watched != NULL)
        watched_keep(j->asked.watched, &j->flows);
    int known = code == 0 ? flow_list_calls(&j->flows, &j->calls) : 0;
    if (known < 0)
        return error_set(err, known, "out of memory");
    j->calls_more = known == 0 || by_namespace(&j->asked); /* steps of a namespace's making are not among the flows */
    return code == 0 ? check_any(j, err) : code;
}

void e2e_job_free(struct e2e_job *j)
{
    if (j == NULL)
        return;
    if (j->past != j->asked.resume)
        past_free(j->past);
    flow_list_free(&j->flows);
    map_deinit(&j->calls);
    e2e_isolation_free(j->isolation);
    free(j);
}

bool e2e_job_empty(const struct e2e_job *j)
{
    return j->flows.count == 0;
}

const struct map *e2e_job_calls(const struct e2e_job *j)
{
    return j->calls_more ? NULL : &j->calls;
}

/* ---- a system for each worker ---- */

static void add_place(struct e2e_job *j, struct system *s)
{
    j->beside[j->system_count] = system_target(s);
    j->systems[j->system_count] = s;
    j->places[j->system_count++] =
        (struct e2e_place){.target = system_target(s), .variables = system_variables(s), .scratch = system_scratch(s)};
}

/* ---- a view of it for each worker ---- */

/* Drivers get from a target to its system by a cast, so a view is a copy of all of it. */
static int view_system(struct e2e_job *j, struct system *s, size_t workers, struct e2e_options *o, struct error *err)
{
    if ((j->views = calloc(workers + 1, sizeof *j->views)) == NULL)
        return error_set(err, ERROR_MEMORY, "out of memory");
    j->view_count = workers + 1;
    for (size_t i = 0; i <= workers; i++) {
        j->views[i] = *s;
        j->views[i].target.channels = NULL;
        j->beside[i] = &j->views[i].target;
        j->places[i] =
            (struct e2e_place){.target = j->beside[i], .variables = system_variables(s), .scratch = system_scratch(s)};
    }
    j->run->beside = j->beside;
    j->run->beside_count = workers; /* the keeper goes on until everything is tidy */
    o->systems = j->places;
    o->system_count = workers;
    o->isolation = j->isolation;
    o->system = system_target(s);
    o->keeper = j->beside[workers];
    if (!driver_is("attach"))
        return 0;
    world_entropy(j->run->world, &o->salt, sizeof o->salt);
    if ((j->spaces = spaces_new(j->run, o->system)) == NULL)
        return error_set(err, ERROR_MEMORY, "out of memory");
    o->spaces = spaces_operations(j->spaces);
    spaces_heal(j->spaces, o);
    return 0;
}

/* Flows beside each other must not see what others do, unless that is asked for: where systems can be started, each
 * worker has its own; in a simulation, which is one system, they run one after the other. */
static int isolate(struct e2e_job *j, struct system *s, struct e2e_options *o, struct error *err)
{
    const char *how = j->asked.isolate;
    bool wanted = how != NULL ? strcmp(how, "system") == 0 : !driver_is("attach");
    size_t jobs = o->jobs > 1 ? (size_t)o->jobs : 1;
    if (by_namespace(&j->asked))
        return view_system(j, s, jobs < VIEWS_MAX ? jobs : VIEWS_MAX, o, err);
    add_place(j, s);
    if (jobs > j->flows.count && o->repeat <= 1) /* rows may be more than flows, but few workers are idle then */
        jobs = j->flows.count > 0 ? j->flows.count : 1;
    if (jobs == 1 || !wanted) {
        if (jobs > 1 && how == NULL)
            say(j->run,
                "workers share the attached system: flows that use the same names may see each other (--isolate "
                "namespace: they do not)");
        return 0;
    }
    if (driver_is("sim")) {
        o->jobs = 1;
        say(j->run, "a simulation is one system: flows run one after the other (--isolate none: beside each other)");
        return 0;
    }
    jobs = jobs < SYSTEMS_MAX ? jobs : SYSTEMS_MAX;
    int code = 0;
    for (size_t i = 1; i < jobs && code == 0 && !j->run->interrupted; i++) {
        struct system *more = NULL;
        code = system_start_beside(j->run, (int)i + 1, &more, err);
        if (code == 0)
            add_place(j, more);
    }
    j->run->beside = j->beside + 1;
    j->run->beside_count = j->system_count - 1;
    o->systems = j->places;
    o->system_count = j->system_count;
    return code;
}

static void stop_others(struct e2e_job *j)
{
    j->run->beside_count = 0;
    for (size_t i = 1; i < j->system_count; i++)
        system_stop(j->systems[i]);
    j->system_count = 0;
    for (size_t i = 0; i < j->view_count; i++)
        target_close_channels(&j->views[i].target);
    free(j->views);
    j->views = NULL;
    j->view_count = 0;
    spaces_free(j->spaces);
    j->spaces = NULL;
}

/* ---- running ---- */

static void say_past(struct e2e_job *j)
{
    struct text line = TEXT_INIT;
    if (j->past == NULL)
        return;
    if (past_id(j->past) != NULL)
        text_printf(&line, "resumes the run %s, which has the verdict of %zu cases: they stand here as they are there",
                    past_id(j->past), past_verdicts(j->past));
    if (line.len > 0)
        say(j->run, text_string(&line));
    if (past_without_history(j->past) && j->asked.options.shards > 0)
        say(j->run, "there is no history yet: flows are divided by their number");
    text_deinit(&line);
}

/* With what else decides whether a flow passes. */
static const char *replay_of(struct run *r, const struct e2e_job *j)
{
    const struct e2e_options *o = &j->asked.options;
    ARRAY(const char *) words = {0};
    char times[2][32];
    bool ok = j->asked.path == NULL || j->asked.path == r->manifest->path || array_push(&words, j->asked.path);
    for (size_t i = 0; i < 2; i++) {
        uint64_t limit = i == 0 ? o->step_timeout : o->flow_timeout;
        if (limit == 0)
            continue;
        (void)snprintf(times[i], sizeof times[i], "%lluns", (unsigned long long)limit);
        ok = ok && array_push(&words, i == 0 ? "--step-timeout" : "--flow-timeout") && array_push(&words, times[i]);
    }
    if (by_namespace(&j->asked))
        ok = ok && array_push(&words, "--isolate") && array_push(&words, "namespace");
    for (size_t i = 0; ok && o->asked != NULL && o->asked[i] != NULL; i++)
        ok = array_push(&words, "--variable") && array_push(&words, o->asked[i]);
    const char *line = ok && array_push(&words, NULL) ? run_replay(r, "e2e", words.items) : NULL;
    array_deinit(&words);
    return line;
}

int e2e_job_run(struct e2e_job *j, struct system *s)
{
    struct run *r = j->run;
    struct error err = ERROR_INIT;
    struct e2e_summary summary = {0};
    int exit_code = 0;
    if (r->interrupted || j->flows.count == 0)
        return 0;
    struct stand_ins *stand_ins = stand_ins_new(driver_is("sim"));
    int code = stand_ins != NULL ? 0 : error_set(&err, ERROR_MEMORY, "out of memory");
    if (code == 0) {
        struct e2e_options options = j->asked.options;
        options.stand_ins = stand_ins_operations(stand_ins);
        options.relay = STAND_INS_RELAY;
        options.traces = traces_operations(system_target(s));
        options.pillar = "e2e";
        options.replay = replay_of(r, j);
        options.simulated = driver_is("sim");
        options.files = r->world;
        options.folder = r->folder;
        options.scratch = system_scratch(s);
        options.variables = system_variables(s);
        options.past = j->past != NULL ? past_operations(j->past) : NULL;
        pillar_mark(r, "e2e", "start");
        say_past(j);
        code = isolate(j, s, &options, &err);
        if (code == 0)
            code = e2e_run(system_target(s), &j->flows, &options, &summary, &err);
        stop_others(j);
        if (r->interrupted) /* how far it came */
            result_emit(
                &r->results, "pillar",
                json_pack("{s:s, s:s, s:I}", "name", "e2e", "state", "end", "planned", (json_int_t)summary.planned));
        else
            pillar_mark(r, "e2e", "end");
    }
    if (code != 0)
        exit_code = run_failed(r, &err, "e2e");
    stand_ins_free(stand_ins);
    error_clear(&err);
    return exit_code;
}

int pillar_e2e(struct run *r, struct system *s, const struct e2e_request *asked)
{
    struct error err = ERROR_INIT;
    struct e2e_job *j = NULL;
    if (r->interrupted)
        return 0;
    int code = e2e_job_new(r, asked, &j, &err);
    int exit_code = code == 0 ? e2e_job_run(j, s) : run_failed(r, &err, "e2e");
    e2e_job_free(j);
    error_clear(&err);
    return exit_code;
}

struct listing {
    struct world *world;
    struct manifest *manifest;
    struct flow_list flows;
    struct pb_pool *own;
    struct past *past;
    struct e2e_isolation *isolation;
    struct target target;
    struct text out;
};

static int list_load(struct listing *l, const char *manifest, const struct e2e_request *asked, bool steps,
                     struct error *err)
{
    static const char *const none[] = {NULL};
    bool attached = attach_is_address(manifest);
    l->target.seed = common.seed;
    int code = world_real_new(common.seed, &l->world, err);
    if (code == 0 && !attached && (steps || asked->path == NULL || by_namespace(asked)))
        code = manifest_load(l->world, manifest, &l->manifest, err);
    if (code == 0 && (steps || by_namespace(asked)))
        code = load_isolation(l->world, l->manifest, asked, &l->isolation, err);
    if (code == 0)
        code = pillar_flows(l->world, l->manifest, asked->path, l->manifest != NULL ? l->manifest->flows : none,
                            asked->settings, &l->flows, err);
    if (code == 0 && steps && !attached)
        code = system_contracts(l->world, l->manifest, &l->own, &l->target.pool, err);
    l->past = asked->resume;
    if (code == 0 && asked->history != NULL && l->past == NULL && (l->past = past_new()) == NULL)
        code = error_set(err, ERROR_MEMORY, "out of memory");
    if (code == 0 && asked->history != NULL && l->manifest != NULL)
        code = past_history(l->past, l->world, asked->history, l->manifest->name, err);
    return code;
}

int pillar_e2e_list(const char *manifest, const struct e2e_request *asked, bool steps)
{
    struct error err = ERROR_INIT;
    struct listing l = {.out = TEXT_INIT};
    int code = list_load(&l, manifest, asked, steps, &err);
    if (code == 0) {
        struct e2e_options options = asked->options;
        options.simulated = driver_is("sim");
        options.past = l.past != NULL ? past_operations(l.past) : NULL;
        code = steps ? e2e_show(&l.target, &l.flows, &options, common.json, &l.out, &err)
                     : e2e_list(&l.target, &l.flows, &options, &l.out, &err);
    }
    fputs(text_string(&l.out), stdout);
    int exit_code = code != 0 ? harrow_error(&err, "e2e") : HARROW_PASSED;
    flow_list_free(&l.flows);
    e2e_isolation_free(l.isolation);
    manifest_free(l.manifest);
    pb_pool_free(l.own);
    if (l.past != asked->resume)
        past_free(l.past);
    text_deinit(&l.out);
    error_clear(&err);
    if (l.world != NULL)
        world_real_free(l.world);
    return exit_code;
}
