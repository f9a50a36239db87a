/* One experiment, in phases: steady state, storm, quiet, final reads, verdicts. Everything waits by running the loop,
 * so the workloads go on meanwhile. */
#include "base/units.h"
#include "chaos/experiment/record.h"
#include "chaos/experiment/tell.h"
#include "chaos/experiment/verdict.h"
#include "world/sim.h"

#include <stdio.h>
#include <string.h>

#define DURATION_DEFAULT ((uint64_t)(10 * SECOND))
#define SETTLE_DEFAULT   ((uint64_t)(10 * SECOND))
#define CLIENTS_DEFAULT  8
#define KEYS_DEFAULT     5
#define STEADY_TIME      ((uint64_t)SECOND)
#define HEALED_WITHIN    ((uint64_t)SECOND) /* of a guard's break */

struct experiment {
    struct target *target;
    struct chaos_options options;
    struct chaos_summary *summary;
    struct workload *workloads[CHAOS_WORKLOADS_MAX];
    size_t workload_count;
    struct load load;
    struct latency latency;
    struct chaos_schedule drawn; /* when none was given */
    const struct chaos_schedule *schedule;
    struct storm storm;
    struct record record;
    struct tell_phase before, during, after;
};

void chaos_failed(struct chaos_summary *s, const char *what)
{
    s->violations++;
    if (s->failure[0] == '\0')
        snprintf(s->failure, sizeof s->failure, "%s", what);
}

static void tell_case(struct experiment *x, const char *name, const char *status, const char *message,
                      uint64_t duration)
{
    if (strcmp(status, "failed") == 0)
        chaos_failed(x->summary, name);
    result_case(x->target->results, &(struct result_case){.pillar = "chaos",
                                                          .suite = "experiment",
                                                          .name = name,
                                                          .status = status,
                                                          .message = message,
                                                          .replay = x->options.replay,
                                                          .duration = (int64_t)duration});
}

/* ---- what is asked for ---- */

static int check_names(struct target *t, const struct chaos_options *o, struct error *err)
{
    for (const char *const *name = o->faults; name != NULL && *name != NULL; name++) {
        const struct chaos_fault *found = fault_find(*name);
        if (found == NULL)
            return fault_unknown(NULL, *name, err);
        /* Asked for by name, so it is the asking that is wrong. */
        if (fault_possible(found, t, err) != 0) {
            if (err != NULL)
                err->code = ERROR_INVALID;
            return ERROR_INVALID;
        }
    }
    for (const char *const *name = o->targets; name != NULL && *name != NULL; name++)
        if (target_find(t, *name) == NULL)
            return chaos_unknown_component(NULL, t, *name, err);
    return 0;
}

static int keep_schedule(struct experiment *x, struct error *err)
{
    if (x->options.kept_schedule == NULL || x->options.write == NULL)
        return 0;
    struct text out = TEXT_INIT;
    schedule_write(x->schedule, &out);
    int code = text_ok(&out) ? x->options.write(x->options.write_arg, x->options.kept_schedule, text_bytes(&out), err)
                             : error_set(err, ERROR_MEMORY, "out of memory");
    text_deinit(&out);
    return code;
}

/* The components the workloads call: at most two each. */
static void list_busy(const struct experiment *x, const char **out)
{
    size_t count = 0;
    for (size_t i = 0; i < x->workload_count; i++) {
        const char *const *services = workload_kind_of(x->workloads[i])->services;
        for (size_t n = 0; n < 2 && services[n] != NULL; n++) {
            /* Where several serve it, one of them by lot for each workload. */
            const struct target_component *c =
                target_serving_one(x->target, services[n], (size_t)(x->options.seed >> 8) + i + n);
            if (c != NULL)
                out[count++] = c->name;
        }
    }
    out[count] = NULL;
}

static int draw(struct experiment *x, struct error *err)
{
    x->schedule = x->options.schedule;
    if (x->schedule == NULL) {
        const char *busy[2 * CHAOS_WORKLOADS_MAX + 1];
        list_busy(x, busy);
        const struct schedule_options options = {.seed = x->options.seed,
                                                 .busy = busy,
                                                 .duration = x->options.duration,
                                                 .faults = x->options.faults,
                                                 .targets = x->options.targets};
        struct text swarm = TEXT_INIT;
        int code = schedule_draw(x->target, &options, &x->drawn, &swarm, err);
        if (code == 0)
            tell_swarm(x->target, x->options.seed, text_string(&swarm), x->drawn.steps.count);
        text_deinit(&swarm);
        if (code != 0)
            return code;
        x->schedule = &x->drawn;
    }
    return keep_schedule(x, err);
}

static int open_workloads(struct experiment *x, struct error *err)
{
    static const struct workload_kind *const fallback[] = {NULL, NULL};
    const struct workload_kind *const *kinds = x->options.workloads != NULL ? x->options.workloads : fallback;
    struct workload_options options = {
        .seed = x->options.seed, .clients = x->options.clients, .keys = x->options.keys, .rate = x->options.rate};
    do {
        if (x->workload_count == CHAOS_WORKLOADS_MAX)
            return error_set(err, ERROR_LIMIT, "an experiment has at most %d workloads", CHAOS_WORKLOADS_MAX);
        options.kind = *kinds;
        int code = workload_new(x->target, &options, &x->workloads[x->workload_count], err);
        if (code != 0)
            return code;
        x->workload_count++;
    } while (*kinds != NULL && *++kinds != NULL);
    return 0;
}

/* ---- phases ---- */

static bool anything_succeeded(void *arg)
{
    const struct load *l = arg;
    for (size_t i = 0; i < l->windows.count; i++)
        if (l->windows.items[i].ok > 0)
            return true;
    return false;
}

/* A second of load; where the machine is so busy that nothing comes of it, another one behind the first success. */
static int steady_state(struct experiment *x)
{
    struct world *w = x->target->world;
    x->before.from = world_now(w);
    int code = world_sleep(w, STEADY_TIME + LOAD_WINDOW / 2);
    if (code == 0 && !x->target->interrupted && !anything_succeeded(&x->load) &&
        (code = world_run_until(w, anything_succeeded, &x->load, x->options.settle)) == 0) {
        array_clear(&x->load.windows);
        x->before.from = world_now(w);
        code = world_sleep(w, STEADY_TIME + LOAD_WINDOW / 2);
    }
    code = code == ERROR_TIMEOUT ? 0 : code;
    if (x->target->interrupted)
        return ERROR_CANCELLED;
    if (code != 0)
        return code;
    load_set_baseline(&x->load);
    x->before.to = world_now(w);
    bool steady = x->load.baseline_ok > 0;
    char message[96], within[32];
    units_format_duration((int64_t)x->options.settle, within, sizeof within);
    snprintf(message, sizeof message, "no operation succeeded within %s, with no fault injected yet", within);
    tell_case(x, "steady state before the storm", steady ? "passed" : "failed", steady ? NULL : message, STEADY_TIME);
    return steady ? 0 : ERROR_INVALID;
}

/* From the guard's break until nothing was in force any more. */
static void healed_in_time(struct experiment *x)
{
    uint64_t broke = x->load.broken_at, took = x->storm.healed > broke ? x->storm.healed - broke : 0;
    char message[96], text[32];
    units_format_duration((int64_t)took, text, sizeof text);
    snprintf(message, sizeof message, "it took %s until nothing was in force any more", text);
    tell_case(x, "healed within 1 s of the guard's break", took <= HEALED_WITHIN ? "passed" : "failed",
              took <= HEALED_WITHIN ? NULL : message, took);
}

/* A storm that could do nothing shows nothing, and says so. */
static void storm_happened(struct experiment *x, uint64_t duration)
{
    if (x->load.broken[0] != '\0') {
        x->summary->guard_broke = true;
        tell_case(x, "no guard broke", "failed", x->load.broken, duration);
        healed_in_time(x);
    } else if (x->options.guards != NULL) {
        tell_case(x, "no guard broke", "passed", NULL, duration);
    }
    if (x->summary->left_out > 0) {
        char line[128];
        snprintf(line, sizeof line, "%lld steps of the schedule were left out: the time was up before their turn came",
                 (long long)x->summary->left_out);
        result_emit(x->target->results, "note", json_pack("{s:s}", "text", line));
    }
    if (x->summary->faults > 0)
        tell_case(x, "faults were injected", "passed", NULL, duration);
    else
        tell_case(x, "faults were injected", "skipped",
                  x->summary->not_injected > 0 ? "the driver could carry out none of the faults drawn"
                                               : "the time was too short for any fault",
                  duration);
}

static int storm(struct experiment *x, struct error *err)
{
    x->storm = (struct storm){.target = x->target,
                              .schedule = x->schedule,
                              .load = &x->load,
                              .settle = x->options.settle,
                              .time = x->options.schedule == NULL ? x->options.duration : UINT64_MAX / 2,
                              .options = &x->options,
                              .summary = x->summary};
    uint64_t start = x->during.from = world_now(x->target->world);
    int code = storm_run(&x->storm, err);
    x->during.to = world_now(x->target->world);
    tell_schedule(&x->storm, x->options.seed);
    if (x->target->interrupted)
        return ERROR_CANCELLED;
    if (code != 0 && x->load.broken[0] == '\0')
        return code;
    /* What is left of the time asked for passes without faults. */
    uint64_t spent = world_now(x->target->world) - start;
    if (code == 0 && spent < x->options.duration)
        code = world_sleep(x->target->world, x->options.duration - spent);
    x->load.guards = NULL; /* what comes is no storm any more */
    x->target->hurry = false;
    storm_happened(x, world_now(x->target->world) - start);
    return x->target->interrupted ? ERROR_CANCELLED : 0;
}

static bool all_answered(void *arg)
{
    struct probe *const *probes = arg;
    for (; *probes != NULL; probes++)
        if ((*probes)->answered == 0)
            return false;
    return true;
}

static int all_answer(struct experiment *x, struct error *err)
{
    struct target *t = x->target;
    struct probe **probes = calloc(t->component_count + 1, sizeof *probes);
    struct text silent = TEXT_INIT;
    uint64_t start = world_now(t->world);
    bool ok = probes != NULL;
    for (size_t i = 0; ok && i < t->component_count; i++)
        ok = (probes[i] = probe_start(t, &t->components[i], start)) != NULL;
    if (ok)
        (void)world_run_until(t->world, all_answered, probes, x->options.settle);
    for (size_t i = 0; probes != NULL && probes[i] != NULL; i++) {
        if (probes[i]->answered == 0)
            text_printf(&silent, "%s%s", silent.len > 0 ? ", " : "", t->components[i].name);
        probe_stop(probes[i]);
    }
    char message[256];
    snprintf(message, sizeof message, "after healing these do not answer: %s", text_string(&silent));
    bool all = silent.len == 0;
    if (ok && !t->interrupted)
        tell_case(x, "everything answers after healing", all ? "passed" : "failed", all ? NULL : message,
                  world_now(t->world) - start);
    text_deinit(&silent);
    free(probes);
    if (!ok)
        return error_set(err, ERROR_MEMORY, "out of memory");
    return t->interrupted ? ERROR_CANCELLED : 0;
}

struct settling {
    const struct load *load;
    uint64_t since;
};

static bool is_steady(void *arg)
{
    const struct settling *s = arg;
    return load_is_steady(s->load, s->since);
}

/* Clients of a workload whose history is full begin nothing any more. */
static bool histories_full(const struct experiment *x)
{
    for (size_t i = 0; i < x->workload_count; i++)
        if (workload_history(x->workloads[i])->count >= WORKLOAD_OPERATIONS_MAX)
            return true;
    return false;
}

/* The load, too, has to be what it was before. */
static int steady_again(struct experiment *x, uint64_t healed)
{
    static const char *const name = "steady state after the storm";
    struct world *w = x->target->world;
    struct settling s = {.load = &x->load, .since = healed};
    uint64_t from = world_now(w);
    int code = world_run_until(w, is_steady, &s, x->options.settle + STEADY_TIME);
    x->after = (struct tell_phase){"after", s.since, world_now(w)};
    if (x->target->interrupted)
        return ERROR_CANCELLED;
    if (code != 0 && code != ERROR_TIMEOUT)
        return code;
    uint64_t took = x->after.to - from;
    struct load_figures last;
    char message[160], limit[32];
    if (code == 0) {
        tell_case(x, name, "passed", NULL, took);
    } else if (histories_full(x)) {
        tell_case(x, name, "skipped", "a history was full, and its clients had to stop", took);
    } else if (load_figures(&x->load, x->after.to - STEADY_TIME - LOAD_WINDOW, x->after.to, &last) == 0) {
        units_format_duration((int64_t)x->options.settle, limit, sizeof limit);
        snprintf(message, sizeof message,
                 "%.0f operations a second succeed where %.0f did before the first fault, %s "
                 "after everything was healed",
                 last.ok, x->load.baseline_ok * (double)SECOND / (double)LOAD_WINDOW, limit);
        tell_case(x, name, "failed", message, took);
    }
    return 0;
}

static void tell_figures(struct experiment *x)
{
    const struct tell_phase phases[] = {x->before, x->during, x->after};
    tell_load(x->target, &x->load, x->options.seed, phases, sizeof phases / sizeof phases[0]);
}

/* The last reads and the verdict, workload by workload. */
static void judge_all(struct experiment *x, uint64_t healed)
{
    bool all = true;
    for (size_t i = 0; i < x->workload_count && !x->target->interrupted; i++) {
        struct error own = ERROR_INIT;
        struct text why = TEXT_INIT;
        bool read = workload_final_reads(x->workloads[i], x->options.settle, &own) == 0;
        if (!read)
            error_format(&own, &why);
        all = all && read;
        record_append(&x->record);
        if (!x->target->interrupted)
            verdict_judge(x->target, &x->options, x->workloads[i], read ? NULL : text_string(&why), x->summary);
        text_deinit(&why);
        error_clear(&own);
    }
    if (all && !x->target->interrupted)
        x->summary->converged = world_now(x->target->world) - healed;
    if (x->options.violated && !x->target->interrupted) {
        bool shown = x->summary->expected > 0;
        tell_case(x, "the expected violation was shown", shown ? "passed" : "failed",
                  shown ? NULL : "every verdict holds, where this experiment expects one that does not", 0);
    }
}

static int run_phases(struct experiment *x, struct error *err)
{
    load_start(&x->load, x->target, x->workloads, x->workload_count, &x->latency, x->options.guards);
    record_start(&x->record, x->target, &x->options, x->workloads, x->workload_count);
    int code = steady_state(x);
    if (code != 0)
        return code == ERROR_INVALID ? 0 : code;
    if ((code = storm(x, err)) != 0)
        return code;
    uint64_t healed = world_now(x->target->world);
    if ((code = all_answer(x, err)) != 0)
        return code;
    if ((code = steady_again(x, healed)) != 0)
        return code;
    tell_figures(x);
    for (size_t i = 0; i < x->workload_count; i++)
        (void)workload_stop(x->workloads[i]);
    if (!x->target->interrupted && (code = tell_converged(&x->storm, x->workloads, x->workload_count, err)) != 0)
        return code;
    judge_all(x, healed);
    return x->target->interrupted ? ERROR_CANCELLED : 0;
}

/* ---- afterwards ---- */

static void count_operations(struct experiment *x)
{
    for (size_t n = 0; n < x->workload_count; n++) {
        const struct history *h = workload_history(x->workloads[n]);
        x->summary->operations += (int64_t)h->count;
        for (size_t i = 0; i < h->count; i++) {
            enum operation_end end = h->operations[i].end;
            x->summary->ok += end == END_OK;
            x->summary->failed += end == END_FAIL;
            x->summary->unknown += end == END_INFO || end == END_OPEN;
        }
    }
}

int chaos_run(struct target *t, const struct chaos_options *options, struct chaos_summary *summary, struct error *err)
{
    struct experiment x = {.target = t,
                           .options = *options,
                           .summary = summary,
                           .before = {.name = "before"},
                           .during = {.name = "during"},
                           .after = {.name = "after"}};
    *summary = (struct chaos_summary){0};
    schedule_init(&x.drawn);
    int code = check_names(t, options, err);
    if (code != 0)
        return code;
    if (x.options.duration == 0)
        x.options.duration = DURATION_DEFAULT;
    if (x.options.settle == 0)
        x.options.settle = SETTLE_DEFAULT;
    if (x.options.clients == 0)
        x.options.clients = CLIENTS_DEFAULT;
    if (x.options.keys == 0)
        x.options.keys = KEYS_DEFAULT;
    code = open_workloads(&x, err);
    if (code == 0)
        code = draw(&x, err);
    if (code == 0) {
        code = run_phases(&x, err);
        load_stop(&x.load);
        latency_tell(&x.latency, t->results, world_is_simulated(t->world));
        count_operations(&x);
        for (size_t i = 0; x.options.look != NULL && i < x.workload_count; i++)
            x.options.look(x.options.look_arg, x.workloads[i]);
        int kept = record_finish(&x.record, code == 0 ? err : NULL);
        if (code == 0)
            code = kept;
    }
    load_deinit(&x.load);
    record_deinit(&x.record);
    storm_deinit(&x.storm);
    for (size_t i = 0; i < x.workload_count; i++)
        workload_free(x.workloads[i]);
    latency_deinit(&x.latency);
    schedule_deinit(&x.drawn);
    return code;
}
