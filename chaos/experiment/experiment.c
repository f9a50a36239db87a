/* One experiment, in phases: steady state, storm, quiet, final reads, verdicts. Everything waits by running the loop,
 * so the workload goes on meanwhile. */
#include "base/log.h"
#include "base/units.h"
#include "chaos/check/check.h"
#include "chaos/fault/fault.h"
#include "chaos/history/file.h"
#include "chaos/workload/workload.h"
#include "rpc/http.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define DURATION_DEFAULT ((uint64_t)(10 * SECOND))
#define SETTLE_DEFAULT   ((uint64_t)(10 * SECOND))
#define CLIENTS_DEFAULT  8
#define KEYS_DEFAULT     5
#define STEADY_TIME      ((uint64_t)SECOND)
#define WINDOW           ((uint64_t)(250 * MILLISECOND))
#define GAP_MIN          (200 * MILLISECOND)
#define GAP_MAX          (800 * MILLISECOND)
#define PROBE_TIMEOUT    ((uint64_t)SECOND)
#define PROBE_EVERY      ((uint64_t)(5 * MILLISECOND))
#define FAULTS_MAX       256
#define LOG_LINES        20 /* of a component that stays down */

struct experiment {
    struct target *target;
    struct chaos_options options;
    struct chaos_summary *summary;
    struct workload *workload;
    struct random random; /* of the storm */
    struct world_timer window;
    int64_t steady_ok;
    struct fault_injection active; /* injected and not yet healed; fault NULL: none */
    uint64_t injections;
};

/* ---- curves ---- */

static void take_window(void *arg)
{
    struct experiment *x = arg;
    struct workload_window w;
    workload_take_window(x->workload, &w);
    struct result_stream *r = x->target->results;
    x->steady_ok += w.ok;
    result_sample(r, "throughput", (double)w.ok * (double)SECOND / (double)WINDOW);
    result_sample(r, "errors", (double)(w.failed + w.unknown) * (double)SECOND / (double)WINDOW);
    if (w.ok > 0) {
        result_sample(r, "latency_p50_ms", w.p50);
        result_sample(r, "latency_p99_ms", w.p99);
    }
    world_timer_start(&x->window, WINDOW);
}

static int pass_time(struct experiment *x, uint64_t duration)
{
    int code = world_sleep(x->target->world, duration);
    return x->target->interrupted ? ERROR_CANCELLED : code;
}

/* ---- answering again ---- */

static bool answers(struct experiment *x, const struct target_component *c, uint64_t timeout)
{
    struct target *t = x->target;
    if (c->address != NULL) {
        struct rpc_channel *channel;
        return target_channel(t, c, &channel, NULL) == 0 && rpc_wait_ready(t->world, channel, "", timeout, NULL) == 0;
    }
    if (c->http == NULL)
        return t->operations->alive(t, c->name);
    struct http_fetch fetch = {.method = "GET", .url = c->http, .timeout = timeout};
    struct http_answer answer = {0};
    bool ok = http_fetch_wait(t->world, &fetch, &answer, NULL) == 0 && answer.status > 0 && answer.status < 500;
    http_answer_deinit(&answer);
    return ok;
}

/* Nanoseconds from `since` until the component answered, or -1 when it did not before `end`. */
static int64_t wait_answer(struct experiment *x, const struct target_component *c, uint64_t since, uint64_t end)
{
    struct world *w = x->target->world;
    while (world_now(w) < end && !x->target->interrupted) {
        uint64_t left = end - world_now(w);
        if (answers(x, c, left < PROBE_TIMEOUT ? left : PROBE_TIMEOUT))
            return (int64_t)(world_now(w) - since);
        if (world_sleep(w, left < PROBE_EVERY ? left : PROBE_EVERY) != 0)
            break;
    }
    return -1;
}

/* ---- the storm ---- */

static bool listed(const char *const *list, const char *name)
{
    if (list == NULL)
        return true;
    for (; *list != NULL; list++)
        if (strcmp(*list, name) == 0)
            return true;
    return false;
}

static bool possible(const struct experiment *x, const struct chaos_fault *f)
{
    return listed(x->options.faults, f->name) && fault_possible(f, x->target, NULL) == 0;
}

static const struct chaos_fault *draw_fault(struct experiment *x)
{
    const struct chaos_fault *candidates[FAULTS_MAX];
    size_t count = 0;
    for (const struct chaos_fault *const *f = chaos_faults; *f != NULL && count < FAULTS_MAX; f++)
        if (possible(x, *f))
            candidates[count++] = *f;
    return count > 0 ? candidates[random_below(&x->random, count)] : NULL;
}

static const struct target_component *draw_target(struct experiment *x)
{
    const struct target *t = x->target;
    const struct target_component *candidates[256];
    size_t count = 0;
    for (size_t i = 0; i < t->component_count && count < 256; i++)
        if (listed(x->options.targets, t->components[i].name))
            candidates[count++] = &t->components[i];
    return count > 0 ? candidates[random_below(&x->random, count)] : NULL;
}

static void emit_fault(struct experiment *x, const char *state, bool verified, const char *detail)
{
    const struct fault_injection *f = &x->active;
    struct text what = TEXT_INIT;
    fault_print(f, &what);
    result_emit(x->target->results, "fault",
                json_pack("{s:s, s:s, s:s, s:s, s:I, s:b, s:s}", "name", f->fault->name, "what", text_string(&what),
                          "target", f->component, "state", state, "hits", (json_int_t)f->hits, "verified",
                          verified ? 1 : 0, "detail", detail));
    text_deinit(&what);
}

/* Undoes the fault in force, if any, after a look at what it did. */
static int heal(struct experiment *x, struct error *err)
{
    struct fault_injection *f = &x->active;
    if (f->fault == NULL)
        return 0;
    if (f->fault->verify != NULL)
        (void)f->fault->verify(f, NULL);
    int code = f->fault->heal(f, err);
    emit_fault(x, "heal", code == 0, code == 0 ? "" : error_code_name(code));
    f->fault = NULL;
    return code;
}

static void not_injected(struct experiment *x, const struct error *why)
{
    struct text reason = TEXT_INIT;
    error_format(why, &reason);
    emit_fault(x, "inject", false, text_string(&reason));
    text_deinit(&reason);
    x->summary->not_injected++;
    /* In case it half happened. */
    heal(x, NULL);
}

/* The component did not come back. `why` may be NULL. */
static void report_down(struct experiment *x, const struct chaos_fault *f, const char *component,
                        const struct error *why)
{
    char title[160], limit[32];
    struct text detail = TEXT_INIT;
    if (why != NULL) {
        snprintf(title, sizeof title, "%s cannot be brought back after %s", component, f->name);
        error_format(why, &detail);
        text_char(&detail, '\n');
    } else {
        units_format_duration((int64_t)x->options.settle, limit, sizeof limit);
        snprintf(title, sizeof title, "%s does not answer within %s after %s", component, limit, f->name);
    }
    x->target->operations->logs(x->target, component, LOG_LINES, &detail);
    result_finding(x->target->results, &(struct result_finding){.pillar = "chaos",
                                                                .title = title,
                                                                .severity = "bug",
                                                                .oracle = "recovery",
                                                                .target = component,
                                                                .seed = x->options.seed,
                                                                .replay = x->options.replay,
                                                                .detail = text_string(&detail)});
    text_deinit(&detail);
    x->summary->violations++;
}

/* While a fault is in force: pause for `hold`. Where the component may come back by itself (a supervisor), the moment
 * it does is what counts, so it is watched meanwhile; *recovery stays -1 when it did not. */
static int hold_fault(struct experiment *x, const struct target_component *c, uint64_t since, uint64_t hold,
                      int64_t *recovery)
{
    if (x->active.fault->down_from_heal)
        return pass_time(x, hold);
    uint64_t end = world_now(x->target->world) + hold;
    *recovery = wait_answer(x, c, since, end);
    uint64_t now = world_now(x->target->world);
    if (*recovery < 0 && now < end)
        return pass_time(x, end - now);
    return x->target->interrupted ? ERROR_CANCELLED : 0;
}

static int one_fault(struct experiment *x, struct error *err)
{
    const struct chaos_fault *f = draw_fault(x);
    const struct target_component *c = draw_target(x);
    if (f == NULL || c == NULL)
        return error_set(err, ERROR_UNSUPPORTED, "the %s driver can do no fault to any component", x->target->driver);
    uint64_t hold = f->hold_min + random_below(&x->random, f->hold_max - f->hold_min + 1);
    struct world *w = x->target->world;
    uint64_t since = world_now(w);
    int64_t recovery = -1;
    struct error why = ERROR_INIT;
    struct random base;
    random_seed(&base, x->options.seed + x->injections++);
    x->active = (struct fault_injection){.fault = f, .target = x->target, .component = c->name};
    random_fork(&base, "chaos.fault", &x->active.random);
    for (size_t i = 0; i < FAULT_PARAMETERS_MAX; i++)
        x->active.parameters[i] = INT64_MIN;
    fault_draw(&x->active);
    if (f->inject(&x->active, &why) != 0) {
        not_injected(x, &why);
        error_clear(&why);
        return x->target->interrupted ? ERROR_CANCELLED : 0;
    }
    x->active.hits = f->verify == NULL ? 1 : 0;
    emit_fault(x, "inject", true, "");
    x->summary->faults++;
    int code = hold_fault(x, c, since, hold, &recovery);
    if (code != 0)
        return code;
    if (heal(x, &why) != 0) {
        report_down(x, f, c->name, &why);
        error_clear(&why);
        return x->target->interrupted ? ERROR_CANCELLED : 0;
    }
    if (f->down_from_heal)
        since = world_now(w);
    if (recovery < 0)
        recovery = wait_answer(x, c, since, world_now(w) + x->options.settle);
    if (x->target->interrupted)
        return ERROR_CANCELLED;
    if (recovery < 0) {
        report_down(x, f, c->name, NULL);
        return 0;
    }
    if ((uint64_t)recovery > x->summary->recovery_max)
        x->summary->recovery_max = (uint64_t)recovery;
    result_emit(x->target->results, "recovery",
                json_pack("{s:s, s:s, s:I}", "target", c->name, "fault", f->name, "duration", (json_int_t)recovery));
    return 0;
}

static int storm(struct experiment *x, struct error *err)
{
    uint64_t end = world_now(x->target->world) + x->options.duration;
    int code = 0;
    while (code == 0) {
        uint64_t gap = (uint64_t)random_range(&x->random, GAP_MIN, GAP_MAX);
        if (world_now(x->target->world) + gap >= end)
            break;
        if ((code = pass_time(x, gap)) == 0)
            code = one_fault(x, err);
    }
    return code;
}

/* ---- verdicts ---- */

static void describe_witness(const struct history *h, const struct check_result *c, uint64_t zero, struct text *out)
{
    text_printf(out, "%s\n", c->reason);
    for (size_t i = 0; i < c->witness.count; i++) {
        text_puts(out, "  ");
        history_print_operation(h, c->witness.items[i], zero, out);
        text_char(out, '\n');
    }
}

static void verdict(struct experiment *x, const char *name, const struct check_result *c)
{
    const struct history *h = workload_history(x->workload);
    struct text detail = TEXT_INIT;
    struct result_case result = {
        .pillar = "chaos", .suite = "store workload", .name = name, .status = "passed", .replay = x->options.replay};
    if (c->verdict == VERDICT_INVALID) {
        describe_witness(h, c, x->target->results->started, &detail);
        result.status = "failed";
        result.message = c->reason;
        result.detail = text_string(&detail);
        x->summary->violations++;
    }
    result_case(x->target->results, &result);
    text_deinit(&detail);
}

static void not_checked(struct experiment *x, const char *name, const char *why)
{
    result_case(x->target->results,
                &(struct result_case){
                    .pillar = "chaos", .suite = "store workload", .name = name, .status = "skipped", .message = why});
}

static void judge(struct experiment *x, const char *unread)
{
    static const char *const lost_name = "no acknowledged write is lost";
    static const char *const linear_name = "every key is linearizable";
    const struct history *h = workload_history(x->workload);
    struct check_result c;
    check_result_init(&c);
    if (unread != NULL)
        not_checked(x, lost_name, unread);
    else if (check_lost_writes(h, workload_final_from(x->workload), &c) != 0)
        not_checked(x, lost_name, "unknown: the checker ran out of memory");
    else {
        x->summary->lost += c.verdict == VERDICT_INVALID;
        verdict(x, lost_name, &c);
    }
    check_result_deinit(&c);
    if (check_register(h, &c) != 0)
        not_checked(x, linear_name, "unknown: the checker ran out of memory");
    else
        verdict(x, linear_name, &c);
    check_result_deinit(&c);
}

static void count_operations(struct experiment *x)
{
    const struct history *h = workload_history(x->workload);
    x->summary->operations = (int64_t)h->count;
    for (size_t i = 0; i < h->count; i++) {
        enum operation_end end = h->operations[i].end;
        x->summary->ok += end == END_OK;
        x->summary->failed += end == END_FAIL;
        x->summary->unknown += end == END_INFO || end == END_OPEN;
    }
}

static int keep_history(struct experiment *x, struct error *err)
{
    if (x->options.history == NULL || x->options.write == NULL)
        return 0;
    struct text out = TEXT_INIT;
    int code = history_write(workload_history(x->workload), &out);
    if (code != 0)
        error_set(err, code, "out of memory");
    else
        /* Files of the harness are the real disk's, also when the target is simulated. */
        code = x->options.write(x->options.write_arg, x->options.history, text_bytes(&out), err);
    text_deinit(&out);
    return code;
}

/* ---- phases ---- */

static int steady_state(struct experiment *x)
{
    struct result_case result = {.pillar = "chaos",
                                 .suite = "experiment",
                                 .name = "steady state before the storm",
                                 .status = "passed",
                                 .replay = x->options.replay,
                                 .duration = (int64_t)STEADY_TIME};
    int code = pass_time(x, STEADY_TIME);
    if (code != 0)
        return code;
    if (x->steady_ok == 0) {
        result.status = "failed";
        result.message = "no operation succeeded within a second, with no fault injected yet";
    }
    result_case(x->target->results, &result);
    return x->steady_ok == 0 ? ERROR_INVALID : 0;
}

/* A storm that could do nothing shows nothing, and says so. */
static void storm_happened(struct experiment *x)
{
    struct result_case result = {.pillar = "chaos",
                                 .suite = "experiment",
                                 .name = "faults were injected",
                                 .status = "passed",
                                 .replay = x->options.replay,
                                 .duration = (int64_t)x->options.duration};
    if (x->summary->faults == 0) {
        result.status = "skipped";
        result.message = x->summary->not_injected > 0 ? "the driver could carry out none of the faults drawn"
                                                      : "the time was too short for any fault";
    }
    result_case(x->target->results, &result);
}

static void all_answer(struct experiment *x)
{
    struct text silent = TEXT_INIT;
    uint64_t start = world_now(x->target->world);
    for (size_t i = 0; i < x->target->component_count; i++)
        if (wait_answer(x, &x->target->components[i], start, start + x->options.settle) < 0)
            text_printf(&silent, "%s%s", silent.len > 0 ? ", " : "", x->target->components[i].name);
    char message[256];
    snprintf(message, sizeof message, "after healing these do not answer: %s", text_string(&silent));
    struct result_case result = {.pillar = "chaos",
                                 .suite = "experiment",
                                 .name = "everything answers after healing",
                                 .status = silent.len > 0 ? "failed" : "passed",
                                 .message = silent.len > 0 ? message : NULL,
                                 .replay = x->options.replay,
                                 .duration = (int64_t)(world_now(x->target->world) - start)};
    if (!x->target->interrupted)
        result_case(x->target->results, &result);
    text_deinit(&silent);
}

static int run_phases(struct experiment *x, struct error *err)
{
    workload_start(x->workload);
    world_timer_start(&x->window, WINDOW);
    int code = steady_state(x);
    if (code != 0)
        return code == ERROR_INVALID ? 0 : code;
    if ((code = storm(x, err)) != 0)
        return code;
    storm_happened(x);
    all_answer(x);
    workload_stop(x->workload);
    struct error own = ERROR_INIT;
    struct text why = TEXT_INIT;
    const char *unread = NULL;
    if (workload_final_reads(x->workload, x->options.settle, &own) != 0) {
        error_format(&own, &why);
        unread = text_string(&why);
    }
    if (!x->target->interrupted)
        judge(x, unread);
    text_deinit(&why);
    error_clear(&own);
    return x->target->interrupted ? ERROR_CANCELLED : 0;
}

static int check_names(struct target *t, const struct chaos_options *o, struct error *err)
{
    for (const char *const *name = o->faults; name != NULL && *name != NULL; name++) {
        const struct chaos_fault *found = fault_find(*name);
        if (found == NULL)
            return error_set(err, ERROR_INVALID, "there is no fault \"%s\": harrow chaos --list shows all", *name);
        /* Asked for by name, so it is the asking that is wrong. */
        if (fault_possible(found, t, err) != 0) {
            if (err != NULL)
                err->code = ERROR_INVALID;
            return ERROR_INVALID;
        }
    }
    for (const char *const *name = o->targets; name != NULL && *name != NULL; name++)
        if (target_find(t, *name) == NULL)
            return error_set(err, ERROR_INVALID, "%s has no component \"%s\"", t->system, *name);
    return 0;
}

int chaos_run(struct target *t, const struct chaos_options *options, struct chaos_summary *summary, struct error *err)
{
    struct experiment x = {.target = t, .options = *options, .summary = summary};
    *summary = (struct chaos_summary){0};
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
    struct random base;
    random_seed(&base, options->seed);
    random_fork(&base, "chaos.storm", &x.random);
    struct workload_options load = {
        .seed = options->seed, .clients = x.options.clients, .keys = x.options.keys, .rate = x.options.rate};
    if ((code = workload_new(t, &load, &x.workload, err)) != 0)
        return code;
    world_timer_init(&x.window, t->world, take_window, &x);
    code = run_phases(&x, err);
    /* Whatever happened, nothing stays broken behind us. */
    heal(&x, NULL);
    world_timer_stop(&x.window);
    count_operations(&x);
    int kept = keep_history(&x, code == 0 ? err : NULL);
    if (code == 0)
        code = kept;
    workload_free(x.workload);
    return code;
}
