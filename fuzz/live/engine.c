#include "fuzz/live/engine.h"

#include "wire/grpc.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IN_FLIGHT_DEFAULT 16
#define TICK              ((uint64_t)SECOND)
#define STATUSES          17
#define LOG_LINES         20
#define REFUSAL_SHOWN     200 /* bytes of the first refusal */

static void slot_next(struct slot *s);

/* ---- judging ---------------------------------------------------------------------------------------------------- */

static const struct target_component *component_of(const struct engine *e, const struct fuzz_case *c,
                                                   const struct trace_call *k)
{
    return live_component(e->target, fuzz_case_bytes(c, c->events.items[k->event].name));
}

/* A call nobody answered is looked at from outside: is the process still the same? */
static bool saw_crash(struct engine *e, const struct fuzz_case *c, struct fuzz_trace *t, struct engine_verdict *out)
{
    for (size_t i = 0; i < t->calls.count; i++) {
        const struct trace_call *k = &t->calls.items[i];
        bool lost = (k->status == TRACE_NO_STATUS || k->status == GRPC_UNAVAILABLE) && !k->ended_by_us;
        const struct target_component *component = component_of(e, c, k);
        if (!lost || !component || !engine_crashed(e, component))
            continue;
        *out = (struct engine_verdict){.oracle = "crash", .method = k->method, .component = component};
        t->crashed = true;
        return true;
    }
    return false;
}

struct first_finding {
    struct engine *engine;
    const struct fuzz_case *c;
    const struct fuzz_trace *t;
    struct engine_verdict *out;
    struct text *why;
};

static void on_sequence_finding(void *arg, const struct sequence_checker *checker,
                                const struct sequence_finding *finding)
{
    struct first_finding *f = arg;
    if (f->out->oracle || finding->call >= f->t->calls.count)
        return;
    const struct trace_call *k = &f->t->calls.items[finding->call];
    *f->out = (struct engine_verdict){
        .oracle = checker->name, .method = k->method, .component = component_of(f->engine, f->c, k)};
    text_add(f->why, finding->why.data, finding->why.len);
}

bool engine_judge(struct engine *e, const struct fuzz_case *c, struct fuzz_trace *t, struct engine_verdict *out,
                  struct text *why)
{
    struct fuzz_verdict v;
    *out = (struct engine_verdict){.oracle = NULL};
    if (saw_crash(e, c, t, out)) {
        struct text logs = TEXT_INIT;
        text_printf(why, "%s is gone", out->component->name);
        if (e->target->operations->logs(e->target, out->component->name, LOG_LINES, &logs) == 0)
            text_printf(why, "; its last lines:\n%s", text_string(&logs));
        text_deinit(&logs);
        return true;
    }
    fuzz_judge(c, t, e->options.stock, &v, why);
    if (v.oracle) {
        const struct trace_call *k = &t->calls.items[v.call];
        *out = (struct engine_verdict){
            .oracle = v.oracle, .defect = v.defect, .method = k->method, .component = component_of(e, c, k)};
    } else {
        struct first_finding f = {.engine = e, .c = c, .t = t, .out = out, .why = why};
        (void)sequence_check(maker_graph(e->maker), c, t, on_sequence_finding, &f);
    }
    return out->oracle && out->method && out->component;
}

/* ---- a case ----------------------------------------------------------------------------------------------------- */

static void tally_call(struct engine *e, const struct fuzz_case *c, const struct fuzz_trace *t,
                       const struct trace_call *k)
{
    struct method_tally *m = k->method ? engine_tally(e, k->method) : NULL;
    int status = k->status >= 0 && k->status < STATUSES ? k->status : GRPC_UNAVAILABLE;
    e->summary->inputs++;
    e->summary->statuses[status]++;
    if (k->status == TRACE_NO_STATUS && !k->ended_by_us)
        return;
    e->summary->answered++;
    const struct target_component *component = component_of(e, c, k);
    if (component)
        engine_answered(e, component);
    if (!m)
        return;
    m->calls++;
    m->statuses[status]++;
    if (status != GRPC_OK && !k->ended_by_us && m->refusal.len == 0) {
        struct bytes text = fuzz_trace_bytes(t, k->text);
        text_printf(&m->refusal, "%s: ", grpc_status_name(status));
        text_printable(&m->refusal, text.data, text.len, REFUSAL_SHOWN);
    }
}

/* Calls that broke off although their component is there: should it be seen to be gone in a moment, they are
 * suspects. */
static void keep_lost(struct engine *e, const struct slot *s)
{
    for (size_t i = 0; i < s->trace.calls.count; i++) {
        const struct trace_call *k = &s->trace.calls.items[i];
        const struct target_component *c = component_of(e, &s->made.c, k);
        if (k->status == TRACE_NO_STATUS && !k->ended_by_us && c) {
            engine_keep_lost(e, s, c);
            return;
        }
    }
}

static void on_done(void *arg, struct fuzz_trace *t)
{
    struct slot *s = arg;
    struct engine *e = s->engine;
    struct engine_verdict v;
    struct text why = TEXT_INIT;
    for (size_t i = 0; i < t->calls.count; i++)
        tally_call(e, &s->made.c, t, &t->calls.items[i]);
    e->summary->cases++;
    bool wrong = !e->target->interrupted && engine_judge(e, &s->made.c, t, &v, &why);
    if (wrong && strcmp(v.oracle, "crash") == 0)
        engine_keep_crash(e, s, &v, &why);
    else if (wrong)
        engine_keep(e, &s->made.c, &v, &why);
    else
        keep_lost(e, s);
    if (!t->crashed)
        maker_learn(e->maker, &s->made, t);
    text_deinit(&why);
    s->busy = false;
    e->busy--;
    slot_next(s);
}

/* A simulated target's time may run faster or slower than the user's. */
static uint64_t budget_now(const struct engine *e)
{
    return e->options.now != NULL ? e->options.now(e->options.now_arg) : world_now(e->target->world);
}

struct method_tally *engine_tally(struct engine *e, const struct pb_method *m)
{
    for (size_t i = 0; i < e->method_count; i++)
        if (e->methods[i] == m)
            return &e->tallies[i];
    return NULL;
}

static void slot_next(struct slot *s)
{
    struct engine *e = s->engine;
    if (e->stopping || s->busy)
        return;
    uint64_t now = budget_now(e);
    if (e->target->interrupted || (e->deadline != 0 && now >= e->deadline) ||
        (e->options.inputs_max > 0 && e->summary->inputs >= e->options.inputs_max)) {
        e->stopping = true;
        return;
    }
    e->failed = maker_next(e->maker, &s->made);
    if (e->failed == 0)
        e->failed = e->door->begin(e->door, &s->made.c, &s->trace, on_done, s);
    /* One that cannot be sent at all would leave the rest waiting for it. */
    if (e->failed != 0) {
        e->stopping = true;
        return;
    }
    s->busy = true;
    e->busy++;
}

/* ---- one at a time ---------------------------------------------------------------------------------------------- */

static void on_trial_done(void *arg, struct fuzz_trace *t)
{
    (void)t;
    *(bool *)arg = true;
}

static bool is_true(void *arg)
{
    return *(const bool *)arg;
}

bool engine_try(struct engine *e, const struct fuzz_case *c, struct engine_verdict *out, struct text *why)
{
    struct fuzz_trace t = FUZZ_TRACE_INIT;
    bool done = false, wrong = false;
    engine_await(e);
    if (e->target->interrupted || e->door->begin(e->door, c, &t, on_trial_done, &done) != 0)
        return false;
    int code = world_run_until(e->target->world, is_true, &done, 0);
    if (code != 0 && !done)
        e->door->cancel(e->door);
    else
        wrong = engine_judge(e, c, &t, out, why);
    fuzz_trace_deinit(&t);
    return wrong;
}

/* ---- set-up and results ----------------------------------------------------------------------------------------- */

static int find_methods(struct engine *e, struct error *err)
{
    const struct target *t = e->target;
    size_t capacity = 0;
    for (size_t i = 0; i < pb_service_count(t->pool); i++)
        capacity += pb_service_at(t->pool, i)->method_count;
    e->methods = calloc(capacity + 1, sizeof *e->methods);
    e->tallies = calloc(capacity + 1, sizeof *e->tallies);
    e->watches = calloc(t->component_count + 1, sizeof *e->watches);
    if (e->methods == NULL || e->tallies == NULL || e->watches == NULL)
        return error_set(err, ERROR_MEMORY, "out of memory");
    for (size_t i = 0; i < t->component_count; i++) {
        const struct target_component *c = &t->components[i];
        e->watches[e->watch_count++] =
            (struct component_watch){.component = c, .process = t->operations->process(e->target, c->name)};
        for (const char *const *name = c->services; *name != NULL; name++) {
            const struct pb_service *service = pb_find_service(t->pool, *name);
            if (service == NULL)
                return error_set(err, ERROR_INVALID, "component %s serves %s, which is not in the descriptor set",
                                 c->name, *name);
            for (size_t m = 0; m < service->method_count; m++) {
                const struct pb_method *method = &service->methods[m];
                bool known = engine_tally(e, method) != NULL; /* served by two components: the first one is called */
                if (known || (e->options.filter != NULL && strstr(method->path, e->options.filter) == NULL))
                    continue;
                e->methods[e->method_count] = method;
                e->tallies[e->method_count++] = (struct method_tally){.method = method, .component = c};
            }
        }
    }
    if (e->method_count == 0)
        return error_set(err, ERROR_NOT_FOUND, "no method's path contains \"%s\"",
                         e->options.filter != NULL ? e->options.filter : "");
    e->summary->methods = (int64_t)e->method_count;
    return 0;
}

static void on_tick(void *arg)
{
    struct engine *e = arg;
    result_sample(e->target->results, "fuzz_inputs", (double)(e->summary->inputs - e->calls_at_tick));
    e->calls_at_tick = e->summary->inputs;
    if (!e->stopping)
        world_timer_start(&e->tick, TICK);
}

static bool idle(void *arg)
{
    const struct engine *e = arg;
    return e->busy == 0 && e->stopping;
}

static int open_door(struct engine *e, struct error *err)
{
    struct maker_options maker = {.pool = e->target->pool,
                                  .methods = e->methods,
                                  .method_count = e->method_count,
                                  .seed = e->options.seed,
                                  .context = e->target->namespace,
                                  .access = e->options.access && e->target->token != NULL};
    struct live_options live = {.target = e->target, .width = e->slot_count, .hang_after = e->options.hang_after};
    int code = maker_new(&maker, &e->maker, err);
    return code != 0 ? code : live_door_new(&live, &e->door, err);
}

static int campaign(struct engine *e, struct error *err)
{
    e->slots = calloc(e->slot_count, sizeof *e->slots);
    if (e->slots == NULL)
        return error_set(err, ERROR_MEMORY, "out of memory");
    e->started = world_now(e->target->world);
    e->deadline = e->options.budget > 0 ? budget_now(e) + e->options.budget : 0;
    world_timer_start(&e->tick, TICK);
    for (size_t i = 0; i < e->slot_count; i++) {
        e->slots[i].engine = e;
        slot_next(&e->slots[i]);
    }
    int code = world_run_until(e->target->world, idle, e, 0);
    e->stopping = true;
    if (code != 0)
        e->door->cancel(e->door);
    world_timer_stop(&e->tick);
    e->summary->duration = world_now(e->target->world) - e->started;
    if (code == 0)
        code = e->failed;
    return code != 0 ? error_set(err, code, "%s", error_code_name(code)) : 0;
}

static void report_methods(struct engine *e)
{
    for (size_t i = 0; i < e->method_count; i++) {
        const struct method_tally *t = &e->tallies[i];
        struct text detail = TEXT_INIT;
        text_printf(&detail, "%" PRId64 " calls:", t->calls);
        for (int s = 0; s < STATUSES; s++)
            if (t->statuses[s] > 0)
                text_printf(&detail, " %s %" PRId64, grpc_status_name(s), t->statuses[s]);
        if (t->calls > 0 && t->statuses[GRPC_OK] == 0 && t->refusal.len > 0)
            text_printf(&detail, "\nnever answered OK; the first refusal: %s", text_string(&t->refusal));
        struct result_case c = {.pillar = "fuzz",
                                .suite = t->component->name,
                                .name = t->method->path + 1,
                                .status = t->findings > 0 ? "failed"
                                          : t->calls > 0  ? "passed"
                                                          : "skipped",
                                .message = t->findings > 0 ? "see the findings"
                                           : t->calls == 0 ? "no call reached it within the budget"
                                                           : NULL,
                                .detail = text_string(&detail),
                                .replay = e->options.replay};
        result_case(e->target->results, &c);
        text_deinit(&detail);
    }
}

static void report_campaign(struct engine *e)
{
    struct maker_figures f;
    struct text note = TEXT_INIT;
    maker_figures(e->maker, &f);
    text_printf(&note,
                "fuzz: %" PRId64 " cases (%" PRIu64 " sequences, %" PRIu64 " drawn, %" PRIu64
                " changed); %zu of %zu methods answered OK, the longest sequence that worked has %zu calls; %zu cases "
                "showed something new",
                e->summary->cases, f.cases[MAKER_SEQUENCE], f.cases[MAKER_DRAWN], f.cases[MAKER_CHANGED],
                f.sequences.reached, e->method_count, f.sequences.longest, f.kept);
    if (e->unrepeated > 0)
        text_printf(&note,
                    "; %" PRId64 " suspicions (silence, sequences) did not come again when run alone, and are not told",
                    e->unrepeated);
    result_emit(e->target->results, "note", json_pack("{s:s}", "text", text_string(&note)));
    text_deinit(&note);
}

/* One case from a file: as bytes or as a script. */
static int run_one(struct engine *e, struct error *err)
{
    struct fuzz_case c = FUZZ_CASE_INIT;
    struct text file = TEXT_INIT, why = TEXT_INIT;
    struct engine_verdict v;
    int code = e->options.read != NULL ? e->options.read(e->options.file_arg, e->options.input, &file, err)
                                       : error_set(err, ERROR_UNSUPPORTED, "files cannot be read here");
    bool binary = file.len >= 4 && memcmp(file.data, "HFZ1", 4) == 0;
    if (code == 0)
        code = binary ? fuzz_case_read(text_bytes(&file), &c, err)
                      : fuzz_case_parse(text_bytes(&file), e->options.input, e->target->pool, &c, err);
    if (code == 0) {
        bool wrong = engine_try(e, &c, &v, &why);
        e->summary->cases++;
        e->summary->inputs += (int64_t)fuzz_case_calls(&c);
        if (e->target->interrupted) {
            code = error_set(err, ERROR_CANCELLED, "interrupted");
        } else if (wrong) {
            struct fuzz_finding *f = engine_finding_new(e, &c, &v, text_string(&why));
            if (f != NULL) {
                f->count = 1;
                f->repeats = true;
                engine_report(e, f, 1);
            }
        }
    }
    fuzz_case_deinit(&c);
    text_deinit(&file);
    text_deinit(&why);
    return code;
}

static void engine_deinit(struct engine *e)
{
    engine_findings_free(e);
    for (size_t i = 0; e->slots != NULL && i < e->slot_count; i++) {
        fuzz_case_deinit(&e->slots[i].made.c);
        fuzz_trace_deinit(&e->slots[i].trace);
    }
    for (size_t i = 0; i < e->method_count; i++)
        text_deinit(&e->tallies[i].refusal);
    map_deinit(&e->known);
    live_door_free(e->door);
    maker_free(e->maker);
    free(e->slots);
    free(e->methods);
    free(e->tallies);
    free(e->watches);
}

int fuzz_run(struct target *t, const struct fuzz_options *options, struct fuzz_summary *summary, struct error *err)
{
    struct engine e = {.target = t, .options = *options, .summary = summary};
    *summary = (struct fuzz_summary){0};
    int in_flight = e.options.in_flight == 0 ? IN_FLIGHT_DEFAULT : e.options.in_flight;
    if (e.options.hang_after == 0)
        e.options.hang_after = LIVE_HANG_AFTER;
    e.slot_count = (size_t)in_flight * t->component_count;
    world_timer_init(&e.tick, t->world, on_tick, &e);
    int code = find_methods(&e, err);
    if (code == 0)
        code = open_door(&e, err);
    if (code == 0 && options->input != NULL) {
        code = run_one(&e, err);
    } else if (code == 0) {
        code = campaign(&e, err);
        if (code == 0) {
            engine_settle_crashes(&e);
            engine_settle_findings(&e);
            report_campaign(&e);
            code = t->interrupted ? error_set(err, ERROR_CANCELLED, "interrupted") : 0;
        }
        if (code == 0 && options->filter == NULL)
            code = engine_break_connections(&e, err);
    }
    if (code == 0)
        report_methods(&e);
    engine_deinit(&e);
    return code;
}
