#include "fuzz/live/engine.h"

#include "fuzz/live/below.h"
#include "fuzz/live/beneath.h"

#include "fuzz/sequence/refusal.h"
#include "wire/grpc.h"
#include "world/sim.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define IN_FLIGHT_DEFAULT 16
#define IN_FLIGHT_GUIDED  4 /* with coverage: what is new is then sooner told apart */
#define RESTING_MORE      4 /* times as many cases may be under way as are at work */
#define TICK              ((uint64_t)SECOND)
#define REFUSAL_SHOWN     200 /* bytes of the first refusal */

/* Those that only the method itself gives: the others come from decoders, deadlines and whoever stands in front. */
#define STATUSES_OF_METHODS                                                                                            \
    (1u << GRPC_OK | 1u << GRPC_NOT_FOUND | 1u << GRPC_ALREADY_EXISTS | 1u << GRPC_FAILED_PRECONDITION |               \
     1u << GRPC_ABORTED | 1u << GRPC_OUT_OF_RANGE)

static void fill(void *arg);

bool engine_is_of_method(int status)
{
    return status >= 0 && status < FUZZ_STATUSES && (STATUSES_OF_METHODS >> status & 1) != 0;
}

/* ---- judging ---------------------------------------------------------------------------------------------------- */

const struct target_component *engine_asked(struct engine *e, const struct fuzz_case *c, const struct trace_call *k)
{
    return live_asked(e->target, c, k->event);
}

/* The last event of a call: what it said last. */
static size_t last_word(const struct fuzz_case *c, uint32_t call)
{
    size_t at = c->events.count;
    while (at > 0 && fuzz_event_call(c, at - 1) != call)
        at--;
    return at;
}

bool engine_is_lost(const struct trace_call *k)
{
    return (k->status == TRACE_NO_STATUS || k->status == GRPC_UNAVAILABLE) && !k->ended_by_us;
}

/* A call nobody answered is looked at from outside: is the process still the same? All calls under way break off
 * together; of a case that lacks nothing any more, the one that spoke last did it, and the others prepared it. `all`: a
 * call that was answered, or that we ended, may have done it as well. */
static bool saw_crash(struct engine *e, const struct fuzz_case *c, struct fuzz_trace *t, bool all,
                      struct engine_verdict *out)
{
    size_t latest = 0;
    for (uint32_t i = 0; i < t->calls.count; i++) {
        const struct trace_call *k = &t->calls.items[i];
        const struct target_component *component = all || engine_is_lost(k) ? engine_asked(e, c, k) : NULL;
        if (!component || (out->oracle ? component != out->component : !engine_crashed(e, component)))
            continue;
        size_t word = last_word(c, i);
        if (word < latest)
            continue;
        latest = word;
        t->crashed = true;
        *out = (struct engine_verdict){.oracle = "crash", .method = k->method, .component = component};
    }
    return out->oracle != NULL;
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
        .oracle = checker->name, .method = k->method, .component = engine_asked(f->engine, f->c, k)};
    text_add(f->why, finding->why.data, finding->why.len);
}

/* A finding by the gravest oracle: of a call, or of the sequence. False: nothing is wrong. `why` is appended to. */
bool engine_judge(struct engine *e, const struct fuzz_case *c, struct fuzz_trace *t, bool alone,
                  struct engine_verdict *out, struct text *why)
{
    struct fuzz_verdict v;
    *out = (struct engine_verdict){.oracle = NULL};
    if (saw_crash(e, c, t, false, out) || (alone && saw_crash(e, c, t, true, out))) {
        engine_tell_crash(e, out->component, why);
        return true;
    }
    fuzz_judge(c, t, e->options.stock, &v, why);
    if (v.oracle) {
        const struct trace_call *k = &t->calls.items[v.call];
        *out = (struct engine_verdict){
            .oracle = v.oracle, .defect = v.defect, .method = k->method, .component = engine_asked(e, c, k)};
    } else {
        struct first_finding f = {.engine = e, .c = c, .t = t, .out = out, .why = why};
        (void)sequence_check(maker_graph(e->maker), c, t, on_sequence_finding, &f);
    }
    return out->oracle && out->method && out->component;
}

/* ---- a case ----------------------------------------------------------------------------------------------------- */

static void keep_refusal(struct engine *e, struct method_tally *m, const struct fuzz_trace *t,
                         const struct trace_call *k)
{
    struct bytes text = fuzz_trace_bytes(t, k->text);
    int method = sequence_graph_find(maker_graph(e->maker), m->method->path);
    text_printf(&m->refusal, "%s: ", grpc_status_name(k->status));
    text_printable(&m->refusal, text.data, text.len, REFUSAL_SHOWN);
    if (method < 0)
        return;
    struct refusal r;
    refusal_read(maker_graph(e->maker), (size_t)method, k->status, text, fuzz_trace_bytes(t, k->detail), &r);
    if (r.leaf >= 0)
        m->refusing = sequence_leaf_field(&sequence_input(maker_graph(e->maker), (size_t)method)->leaves[r.leaf])->name;
}

void engine_count(struct engine *e, const struct fuzz_case *c, const struct fuzz_trace *t, const struct trace_call *k)
{
    struct method_tally *m = k->method ? engine_tally(e, k->method) : NULL;
    int status = k->status >= 0 && k->status < FUZZ_STATUSES ? k->status : GRPC_UNAVAILABLE;
    e->summary->inputs++;
    e->summary->statuses[status]++;
    if (k->status == TRACE_NO_STATUS && !k->ended_by_us)
        return;
    e->summary->answered++;
    const struct target_component *component = engine_asked(e, c, k);
    if (component) {
        engine_answered(e, component);
        cost_call(&e->cost, e->target, component);
    }
    if (!m)
        return;
    m->calls++;
    m->answered += !k->ended_by_us && engine_is_of_method(status);
    e->methods_ok += status == GRPC_OK && m->statuses[GRPC_OK] == 0;
    m->statuses[status]++;
    fuzz_latency_call(&m->latency, k);
    if (status != GRPC_OK && !k->ended_by_us && m->refusal.len == 0)
        keep_refusal(e, m, t, k);
}

/* The component did not say the last word, or not to what it was sent last: it may not have read that yet. */
static bool is_left(const struct trace_call *k)
{
    return k->ended_by_us || k->status == TRACE_NO_STATUS || k->status == GRPC_DEADLINE_EXCEEDED ||
           k->status == GRPC_CANCELLED;
}

/* The first component that may still have to read something of the case; NULL: none. */
static const struct target_component *left_behind(struct engine *e, const struct slot *s)
{
    const struct target_component *left = NULL;
    for (size_t i = 0; i < s->trace.calls.count; i++) {
        const struct trace_call *k = &s->trace.calls.items[i];
        const struct target_component *c = is_left(k) ? engine_asked(e, &s->made.c, k) : NULL;
        if (!c)
            continue;
        engine_leaves(e, c);
        left = left ? left : c;
    }
    return left;
}

/* A disk that refuses is told once; the campaign goes on without it. */
static void store_case(struct engine *e, const struct slot *s, const char *why)
{
    struct error err = ERROR_INIT;
    if (stored_keep(&e->store, &s->made, why, e->summary->cases, engine_now(e), &err) != 0) {
        struct text line = TEXT_INIT;
        text_puts(&line, "the corpus is not kept any more: ");
        error_format(&err, &line);
        result_emit(e->target->results, "note", json_pack("{s:s}", "text", text_string(&line)));
        text_deinit(&line);
    }
    error_clear(&err);
}

static void on_done(void *arg, struct fuzz_trace *t)
{
    struct slot *s = arg;
    struct engine *e = s->engine;
    struct engine_verdict v;
    struct text why = TEXT_INIT;
    journal_end(&e->journal, s->journal);
    for (size_t i = 0; i < t->calls.count; i++)
        engine_count(e, &s->made.c, t, &t->calls.items[i]);
    e->summary->cases++;
    shut_case(e, &s->made.c, t);
    size_t known = e->findings.count;
    bool wrong = !engine_ends(e) && engine_judge(e, &s->made.c, t, false, &v, &why);
    if (wrong && strcmp(v.oracle, "crash") == 0)
        engine_keep_crash(e, s, &v, &why);
    else if (wrong)
        engine_keep(e, &s->made.c, &v, &why);
    bool novel = !t->crashed && maker_learn(e->maker, &s->made, t);
    if (novel || e->findings.count > known) {
        e->novel_at = engine_now(e);
        store_case(e, s, wrong ? v.oracle : NULL);
    }
    if (!t->crashed) {
        cost_case(&e->cost, &s->made.c, t);
        e->pausing |= feedback_done(&e->feedback, &s->made, engine_now(e));
    }
    e->pausing |= e->options.invariant_every > 0 && !e->invariant_broken &&
                  e->summary->cases - e->invariant_at >= e->options.invariant_every;
    e->pausing |= below_due(e) || shut_due(e) || beneath_due(e);
    text_deinit(&why);
    const struct target_component *left = t->crashed ? NULL : left_behind(e, s);
    shut_take(e, &s->made.c, left != NULL);
    if (left)
        engine_keep_lost(e, s, left);
    s->busy = false;
    e->idle[e->idle_count++] = s;
    engine_look(e, false);
    fill(e);
}

/* A simulated target's time may run faster or slower than the user's. */
struct world *engine_files(const struct engine *e)
{
    return e->options.files ? e->options.files : e->target->world;
}

uint64_t engine_now(const struct engine *e)
{
    return world_now(engine_files(e));
}

struct method_tally *engine_tally(struct engine *e, const struct pb_method *m)
{
    for (size_t i = 0; i < e->method_count; i++)
        if (e->methods[i] == m)
            return &e->tallies[i];
    return NULL;
}

/* Why no more cases are to be made; NULL: they are. */
static const char *over(const struct engine *e)
{
    uint64_t now = engine_now(e);
    bool stored = maker_stored(e->maker) > 0;
    return engine_ends(e)                                                                 ? "interrupted"
           : e->gone                                                                      ? "the system's end"
           : e->deadline != 0 && now >= e->deadline                                       ? "budget"
           : e->options.inputs_max > 0 && e->summary->inputs >= e->options.inputs_max     ? "calls"
           : e->options.plateau > 0 && !stored && now - e->novel_at >= e->options.plateau ? "plateau"
                                                                                          : NULL;
}

/* False: nothing more is to be begun. */
static bool begin_next(struct engine *e)
{
    struct slot *s = e->idle[e->idle_count - 1];
    const char *why = over(e);
    bool ends = why && (engine_ends(e) || e->gone);
    int code = ends ? 0 : shut_next(e, &s->made, why != NULL);
    if (code == 0 && !ends) {
        why = NULL; /* what was put by is run in any case */
        e->failed = e->door->begin(e->door, &s->made.c, &s->trace, on_done, s);
    } else if (!why) {
        e->failed = code;
    }
    /* One that cannot be sent at all would leave the rest waiting for it. */
    if (why || e->failed != 0) {
        e->stopping = true;
        e->summary->ended = why;
        return false;
    }
    s->busy = true;
    s->journal = journal_begin(&e->journal, &s->made.c);
    e->idle_count--;
    return true;
}

static void fill(void *arg)
{
    struct engine *e = arg;
    while (!e->stopping && !e->pausing && e->idle_count > 0 &&
           e->slot_count - e->idle_count - live_resting(e->door) < e->in_flight && begin_next(e))
        ;
}

/* ---- the campaign ----------------------------------------------------------------------------------------------- */

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
                if (known || (e->options.filter != NULL && strstr(method->path, e->options.filter) == NULL) ||
                    (e->options.skip != NULL && strstr(method->path, e->options.skip) != NULL))
                    continue;
                e->methods[e->method_count] = method;
                e->tallies[e->method_count++] = (struct method_tally){.method = method, .component = c};
            }
        }
    }
    if (e->method_count == 0)
        return error_set(err, ERROR_INVALID, "no method is left%s%s%s%s%s%s",
                         e->options.filter != NULL ? ": none contains \"" : "",
                         e->options.filter != NULL ? e->options.filter : "", e->options.filter != NULL ? "\"" : "",
                         e->options.skip != NULL ? " without those that contain \"" : "",
                         e->options.skip != NULL ? e->options.skip : "", e->options.skip != NULL ? "\"" : "");
    e->summary->methods = (int64_t)e->method_count;
    return 0;
}

static void on_tick(void *arg)
{
    struct engine *e = arg;
    result_sample(e->target->results, "fuzz_inputs", (double)(e->summary->inputs - e->calls_at_tick));
    e->calls_at_tick = e->summary->inputs;
    if (strcmp(e->target->driver, "attach") == 0)
        engine_look_down(e);
    if (!e->stopping)
        world_timer_start(&e->tick, TICK);
}

static bool idle(void *arg)
{
    const struct engine *e = arg;
    return e->idle_count == e->slot_count && (e->stopping || e->pausing);
}

static int open_parts(struct engine *e, struct error *err)
{
    const struct fuzz_options *o = &e->options;
    struct maker_options maker = {.pool = e->target->pool,
                                  .methods = e->methods,
                                  .method_count = e->method_count,
                                  .seed = o->seed,
                                  .context = e->target->namespace,
                                  .access = o->access && e->target->token != NULL,
                                  .tenants = o->other_token != NULL,
                                  .open = o->open};
    int code = maker_new(&maker, &e->maker, err);
    if (code == 0)
        code = cost_open(&e->cost, e->target, err);
    if (code == 0 && !o->input && !o->script.data)
        code = stored_open(&e->store, engine_files(e), o->corpus, o->seed, err);
    if (code == 0 && !o->input && !o->script.data)
        code = feedback_open(&e->feedback, engine_files(e), o->cover, err);
    if (code != 0)
        return code;
    if (shut_open(e) != 0)
        return error_set(err, ERROR_MEMORY, "out of memory");
    int in_flight = o->in_flight > 0 ? o->in_flight : e->feedback.cover ? IN_FLIGHT_GUIDED : IN_FLIGHT_DEFAULT;
    e->in_flight = (size_t)in_flight * e->target->component_count;
    e->slot_count = RESTING_MORE * e->in_flight;
    struct live_options live = {.target = e->target,
                                .width = e->slot_count,
                                .hang_after = o->hang_after,
                                .other_token = o->other_token,
                                .rest = fill,
                                .arg = e};
    return live_door_new(&live, &e->door, err);
}

/* Twice in a row, so that what was under way in the system itself is not to blame. */
static void ask_invariant(struct engine *e)
{
    struct text why = TEXT_INIT;
    struct error err = ERROR_INIT;
    e->invariant_at = e->summary->cases;
    if (!e->options.hooks.invariant || e->invariant_broken || engine_ends(e))
        return;
    int code = e->options.hooks.invariant(e->options.hooks.arg, &why, &err);
    if (code == 1) {
        text_clear(&why);
        code = e->options.hooks.invariant(e->options.hooks.arg, &why, &err);
    }
    if (code == 1) {
        e->invariant_broken = true;
        text_printf(&why, "\nbroken after %" PRId64 " cases, of which the last %" PRId64 " came behind the look before",
                    e->summary->cases, e->options.invariant_every);
        engine_report_plain(e, "the user's invariant does not hold", "bug", "invariant", NULL, text_string(&why));
    } else if (code < 0) {
        e->invariant_broken = true; /* not asked again */
        text_clear(&why);
        text_puts(&why, "the invariant cannot be asked: ");
        error_format(&err, &why);
        engine_report_plain(e, "the invariant cannot be asked", "warning", "invariant", NULL, text_string(&why));
    }
    text_deinit(&why);
    error_clear(&err);
}

/* What needs the system for itself. */
static int do_quietly(struct engine *e, struct error *err)
{
    int code = 0;
    engine_quiet(e, true);
    /* Without a budget there is no time to spread them over; at its end the rest is made up for. */
    while (code == 0 && below_due(e) && !engine_ends(e)) {
        code = below_step(e, err);
        if (e->deadline != 0 && !e->stopping)
            break;
    }
    if (shut_due(e) && !engine_ends(e))
        shut_look(e);
    if (e->feedback.pending_count > 0)
        feedback_attribute(e);
    if (beneath_due(e) && !engine_ends(e))
        beneath_look(e);
    if (e->options.invariant_every > 0 && e->summary->cases - e->invariant_at >= e->options.invariant_every)
        ask_invariant(e);
    engine_quiet(e, true);
    return code;
}

static int campaign(struct engine *e, struct error *err)
{
    e->slots = calloc(e->slot_count, sizeof *e->slots);
    e->idle = calloc(e->slot_count, sizeof *e->idle);
    if (e->slots == NULL || e->idle == NULL)
        return error_set(err, ERROR_MEMORY, "out of memory");
    for (size_t i = e->slot_count; i-- > 0;) {
        e->slots[i].engine = e;
        e->idle[e->idle_count++] = &e->slots[i];
    }
    int code = stored_import(&e->store, e->maker, err);
    if (code != 0)
        return code;
    e->started = e->novel_at = e->next_word = engine_now(e);
    e->next_point = e->started;
    e->deadline = e->options.budget > 0 ? e->started + e->options.budget : 0;
    world_timer_start(&e->tick, TICK);
    engine_look(e, false);
    known_find(&e->facts, e);
    maker_use(e->maker, &e->facts);
    if (!e->options.filter)
        code = below_open(e, err);
    e->pausing = true; /* cases that are run alone rest as well: nothing is begun meanwhile */
    if (code == 0)
        code = do_quietly(e, err);
    while (code == 0 && !e->stopping) {
        e->pausing = false;
        fill(e);
        code = world_run_until(e->target->world, idle, e, 0);
        e->pausing = true;
        if (code == 0)
            code = do_quietly(e, err);
    }
    e->stopping = true;
    if (code != 0)
        e->door->cancel(e->door);
    world_timer_stop(&e->tick);
    e->summary->duration = engine_now(e) - e->started;
    if (engine_ends(e)) {
        e->summary->ended = "interrupted";
        return 0;
    }
    if (code == 0)
        code = e->failed;
    return code != 0 ? error_set(err, code, "%s", error_code_name(code)) : 0;
}

static void engine_deinit(struct engine *e)
{
    engine_findings_free(e);
    for (size_t i = 0; e->slots != NULL && i < e->slot_count; i++) {
        fuzz_case_deinit(&e->slots[i].made.c);
        fuzz_trace_deinit(&e->slots[i].trace);
    }
    for (size_t i = 0; i < e->method_count; i++) {
        text_deinit(&e->tallies[i].refusal);
        free(e->tallies[i].latency);
    }
    below_close(e);
    known_deinit(&e->facts);
    beneath_deinit(&e->beneath);
    journal_close(&e->journal, true);
    shut_close(e);
    map_deinit(&e->known);
    live_door_free(e->door);
    feedback_close(&e->feedback);
    stored_close(&e->store);
    cost_close(&e->cost);
    maker_free(e->maker);
    free(e->idle);
    free(e->slots);
    free(e->methods);
    free(e->tallies);
    free(e->watches);
}

/* Everything there is to a campaign but its telling. */
static int run_campaign(struct engine *e, struct error *err)
{
    int code = campaign(e, err);
    if (code != 0)
        return code;
    uint64_t least = e->summary->duration > FUZZ_SETTLE_MIN ? e->summary->duration : FUZZ_SETTLE_MIN;
    if (e->options.settle > 0 || !world_is_simulated(engine_files(e))) /* virtual time is no matter unless it is said */
        e->settle_until = engine_now(e) + (e->options.settle > 0 ? e->options.settle : least);
    shut_mend(e);
    engine_settle_crashes(e);
    cost_settle(e);
    ask_invariant(e);
    engine_settle_findings(e);
    cost_tell_leaks(e);
    damage_run(e);
    engine_settle_findings(e);
    return 0;
}

int fuzz_run(struct target *t, const struct fuzz_options *options, struct fuzz_summary *summary, struct error *err)
{
    struct engine e = {.target = t, .options = *options, .summary = summary};
    *summary = (struct fuzz_summary){.edges = -1, .edges_all = -1};
    if (e.options.hang_after == 0)
        e.options.hang_after = LIVE_HANG_AFTER;
    world_timer_init(&e.tick, t->world, on_tick, &e);
    bool one = options->input || options->script.data;
    int code = find_methods(&e, err);
    if (code == 0)
        code = open_parts(&e, err);
    if (code == 0)
        engine_get_ready(&e);
    if (code == 0)
        code = journal_open(&e.journal, engine_files(&e), options->journal, err);
    if (code == 0)
        code = one                 ? engine_run_one(&e, err)
               : options->suspects ? engine_run_suspects(&e, err)
               : options->distil   ? engine_distil(&e, err)
                                   : run_campaign(&e, err);
    if (code == 0) {
        engine_look(&e, true);
        engine_summarise(&e);
        below_report(&e);
        if (!one && !options->distil)
            fuzz_summary_cases(summary, t->results, options->replay);
        if (engine_ends(&e))
            code = error_set(err, ERROR_CANCELLED, "interrupted");
    }
    engine_deinit(&e);
    return code;
}
