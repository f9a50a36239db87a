/* Frames to a component's gRPC door: the operators, floods one at a time, then cases changed at random. */
#include "fuzz/live/below.h"

#include "base/heap.h"
#include "base/units.h"
#include "fuzz/frames/live.h"
#include "fuzz/frames/mutate.h"
#include "fuzz/frames/oracle.h"
#include "fuzz/message/put.h"
#include "wire/grpc.h"
#include "world/sim.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define ASK_TIME       ((uint64_t)SECOND)              /* for an answer when looking for methods */
#define HOLD_TIME      ((uint64_t)(200 * MILLISECOND)) /* without an answer that makes a method one that holds */
#define PATIENT_TIME   ((uint64_t)MINUTE)              /* before silence is told of a busy machine's servers */
#define QUICK_TIME     ((uint64_t)(500 * MILLISECOND)) /* for a sign of life from one that has nothing else to do */
#define SILENT_SHARE   ((uint64_t)(60 * SECOND))       /* from which on half a minute of silence can be waited for */
#define LIMIT_MIN      ((uint64_t)SECOND)              /* the least an answer is waited for */
#define HOLD_TIME_MIN  ((uint64_t)(20 * MILLISECOND))
#define ASKING_PARTS   4    /* of the time, the part that looking for methods may take */
#define STEPS_MAX      6    /* changes made to one case */
#define CHANGED_PART   10   /* without a budget, one case in so many of the campaign's calls is one of changed frames */
#define GARBAGE_MAX    2000 /* bytes */
#define GRPC_PREFIX    5    /* bytes in front of each message */
#define GARBAGE_ONE_IN 16   /* changed cases */
#define SCALE          300  /* percent: the limits are for optimised builds */
#define SCALE_STOCK    2000 /* and for libraries that call into an interpreter */

struct job {
    struct phase *phase;
    struct fuzz_case c; /* owned */
    uint32_t journal;   /* its number there */
    bool busy;
};

struct phase {
    struct engine *engine;
    const struct target_component *component;
    struct frames_live *live;
    struct frames_plan plan;
    struct text large; /* the plan's message */
    struct random *random;
    struct job jobs[BELOW_WIDTH];
    uint64_t until;   /* by engine_now(); 0: no limit, then */
    uint64_t changed; /* so many cases of changed frames */
    uint64_t limit; /* ns an answer is waited for; 0: as long as it takes. What is not answered is tried again alone */
    bool patient;   /* there is time for half a minute's silence */
    bool crashed;   /* seen in the present batch */
    size_t operators, left_out;
    uint64_t cases, frames;
};

/* ---- what it costs ---------------------------------------------------------------------------------------------- */

struct measured {
    struct engine *engine;
    const struct target_component *component;
};

static uint64_t usage(void *arg, bool cpu)
{
    const struct measured *m = arg;
    struct target *t = m->engine->target;
    uint64_t resident = 0, spent = 0;
    if (t->operations->usage == NULL || t->operations->usage(t, m->component->name, &resident, &spent) != 0)
        return 0;
    return cpu ? spent : resident;
}

/* In simulation the components and this are one process, in which nothing else happens meanwhile. */
static uint64_t memory_of(void *arg)
{
    const struct measured *m = arg;
    return world_is_simulated(m->engine->target->world) ? heap_in_use() : usage(arg, false);
}

static uint64_t cpu_of(void *arg)
{
    return usage(arg, true);
}

/* ---- judging ---------------------------------------------------------------------------------------------------- */

static bool judge(struct engine *e, const struct target_component *c, const struct frames_live_result *r,
                  struct engine_verdict *out, struct text *why)
{
    const uint32_t scale = e->options.stock ? SCALE_STOCK : SCALE;
    const struct frames_allowance allow = {.settled = r->settled,
                                           .stock = e->options.stock,
                                           .memory_scale = scale,
                                           .cpu_scale = scale,
                                           .memory_base = BELOW_MEMORY_FREE,
                                           .cpu_base = BELOW_CPU_FREE};
    struct frames_verdict v;
    if (below_crashed(e, c, out, why))
        return true;
    if (!r->connected)
        return false; /* whether that is its fault its health check tells */
    frames_judge(r->c, r->exchange, r->cost, &allow, &v);
    if (v.finding == FRAMES_NOTHING)
        return false;
    *out = (struct engine_verdict){.oracle = frames_finding_name(v.finding),
                                   .defect = v.finding == FRAMES_RULE ? r->exchange->violation
                                             : v.op != NULL           ? v.op->name
                                                                      : NULL,
                                   .component = c};
    frames_verdict_print(&v, r->exchange, why);
    text_char(why, '\n');
    exchange_print(r->exchange, why);
    return true;
}

/* ---- one case alone --------------------------------------------------------------------------------------------- */

struct trial {
    struct engine *engine;
    const struct target_component *component;
    struct engine_verdict *out;
    struct text *why;
    uint64_t limit, limit_silent; /* ns; 0: as long as it takes */
    bool wrong;
    uint64_t frames;
};

static void on_tried(void *arg, const struct frames_live_result *r)
{
    struct trial *t = arg;
    t->frames = r->exchange->sent_frames;
    t->wrong = judge(t->engine, t->component, r, t->out, t->why);
}

static int run_alone(struct trial *t, const struct fuzz_case *c, struct error *err)
{
    struct measured measured = {t->engine, t->component};
    struct frames_live_options options = {.world = t->engine->target->world,
                                          .address = t->component->address,
                                          .width = 1,
                                          .limit = t->limit,
                                          .limit_silent = t->limit_silent,
                                          .stock = t->engine->options.stock,
                                          .meter = {.memory = memory_of, .cpu = cpu_of, .arg = &measured}};
    struct frames_live *live = NULL;
    int code = frames_live_new(&options, &live, err);
    uint32_t number = journal_begin(&t->engine->journal, c);
    if (code == 0)
        code = frames_live_run(live, c, on_tried, t);
    journal_end(&t->engine->journal, number);
    frames_live_free(live);
    t->wrong = t->wrong || (code == 0 && !below_well(t->engine, t->component, t->out, t->why));
    return code;
}

/* What earlier tries gave it to do, forty bombs of a second each, comes to its end first. */
static void await_quick(struct engine *e, const struct target_component *c)
{
    struct world *w = e->target->world;
    struct rpc_channel *channel;
    uint64_t end = world_now(w) + PATIENT_TIME, asked;
    do {
        asked = world_now(w);
        if (target_channel(e->target, c, &channel, NULL) != 0)
            return;
        (void)rpc_wait_ready(w, channel, "", PATIENT_TIME, NULL);
    } while (!engine_ends(e) && world_now(w) < end && world_now(w) - asked >= QUICK_TIME);
}

bool frames_try(struct engine *e, const struct fuzz_case *c, struct engine_verdict *out, struct text *why)
{
    struct trial t = {.engine = e, .component = below_component(e, c), .out = out, .why = why};
    struct frames_verdict of;
    frames_recognise(c, &of);
    /* Smaller cases often end in the middle of something: half a minute's silence means something to few. */
    if (!of.op || !(of.op->answers & ANSWER_SILENCE))
        t.limit_silent = FRAMES_LIVE_LIMIT;
    if (t.component == NULL || t.component->address == NULL || t.component->tls != NULL)
        return false;
    if (e->patient && !world_is_simulated(e->target->world)) {
        t.limit = PATIENT_TIME;
        t.limit_silent = t.limit_silent != 0 ? PATIENT_TIME : 0;
        await_quick(e, t.component);
    }
    return run_alone(&t, c, NULL) == 0 && t.wrong;
}

/* ---- methods to call -------------------------------------------------------------------------------------------- */

static bool answers_ok(struct engine *e, struct rpc_channel *channel, const char *path)
{
    struct rpc_answer a = {0};
    const struct rpc_request request = {.path = path, .timeout = ASK_TIME, .wait_for_ready = true, .has_message = true};
    bool ok = rpc_unary_wait(e->target->world, channel, &request, &a, NULL) == 0 && a.reply.status == GRPC_OK;
    rpc_answer_deinit(&a);
    return ok;
}

static void on_held(void *arg, const struct rpc_reply *reply)
{
    (void)reply;
    *(bool *)arg = true;
}

static bool is_set(void *arg)
{
    return *(const bool *)arg;
}

static bool holds(struct engine *e, struct rpc_channel *channel, const char *path, uint64_t hold_time)
{
    static const struct rpc_stream_events events = {.finished = on_held};
    struct rpc_stream *stream = NULL;
    bool over = false;
    const struct rpc_request request = {.path = path, .wait_for_ready = true};
    if (rpc_stream_open(channel, &request, &events, &over, &stream, NULL) != 0)
        return false;
    (void)rpc_stream_send(stream, BYTES_NONE);
    (void)rpc_stream_half_close(stream);
    (void)world_run_until(e->target->world, is_set, &over, hold_time);
    bool held = !over;
    if (held) {
        rpc_stream_cancel(stream);
        (void)world_run_until(e->target->world, is_set, &over, ASK_TIME);
    }
    return held;
}

struct large {
    size_t bytes;
    bool over;
};

static void on_large_message(void *arg, struct bytes message)
{
    ((struct large *)arg)->bytes += message.len + GRPC_PREFIX;
}

static void on_large_over(void *arg, const struct rpc_reply *reply)
{
    (void)reply;
    ((struct large *)arg)->over = true;
}

static bool is_large(void *arg)
{
    const struct large *l = arg;
    return l->over || l->bytes >= FRAMES_LARGE;
}

/* A stream of answers is as long as some number of the request says: all of them are `count`. */
static void put_counts(const struct pb_type *type, uint64_t count, struct text *out)
{
    text_clear(out);
    for (size_t i = 0; i < type->field_count; i++) {
        const struct pb_field *f = &type->fields[i];
        bool whole = f->kind == PB_INT32 || f->kind == PB_INT64 || f->kind == PB_UINT32 || f->kind == PB_UINT64;
        if (!whole || f->repeated)
            continue;
        fuzz_put_tag(out, f->number, WIRE_VARINT);
        fuzz_put_varint(out, count);
    }
}

static bool answers_much(struct engine *e, struct rpc_channel *channel, const char *path, struct bytes message)
{
    static const struct rpc_stream_events events = {.message = on_large_message, .finished = on_large_over};
    struct rpc_stream *stream = NULL;
    struct large l = {.bytes = 0};
    const struct rpc_request request = {.path = path, .wait_for_ready = true};
    if (rpc_stream_open(channel, &request, &events, &l, &stream, NULL) != 0)
        return false;
    (void)rpc_stream_send(stream, message);
    (void)rpc_stream_half_close(stream);
    (void)world_run_until(e->target->world, is_large, &l, ASK_TIME);
    bool much = l.bytes >= FRAMES_LARGE;
    if (!l.over) {
        rpc_stream_cancel(stream);
        l.bytes = 0;
        while (!l.over && world_run_until(e->target->world, is_large, &l, ASK_TIME) == 0)
            l.bytes = 0;
    }
    return much;
}

static void find_large(struct phase *p, struct rpc_channel *channel, uint64_t until)
{
    static const uint64_t counts[] = {1000, 40000};
    struct engine *e = p->engine;
    for (size_t i = 0; i < e->method_count && p->plan.large_path == NULL; i++) {
        const struct pb_method *m = e->methods[i];
        for (size_t k = 0; k < sizeof counts / sizeof counts[0] && !below_stopped(e, until); k++) {
            if (e->tallies[i].component != p->component || m->client_streaming || !m->server_streaming)
                break;
            put_counts(m->input, counts[k], &p->large);
            if (!text_ok(&p->large) || !answers_much(e, channel, m->path, text_bytes(&p->large)))
                continue;
            p->plan.large_path = m->path;
            p->plan.large_message = p->large.len > 0 ? text_bytes(&p->large) : BYTES_NONE;
            break;
        }
    }
}

/* Frames carry no token, so methods are tried without. */
static void find_methods(struct phase *p)
{
    struct engine *e = p->engine;
    struct rpc_channel *channel;
    uint64_t now = engine_now(e), part = p->until > now ? (p->until - now) / ASKING_PARTS : 0;
    uint64_t until = part > 0 ? now + part : p->until, hold_time = HOLD_TIME;
    if (!world_is_simulated(e->target->world) && part > 0 && part / 2 < HOLD_TIME)
        hold_time = part / 2 > HOLD_TIME_MIN ? part / 2 : HOLD_TIME_MIN;
    p->plan.path = "/grpc.health.v1.Health/Check";
    if (target_channel(e->target, p->component, &channel, NULL) != 0)
        return;
    bool found = answers_ok(e, channel, p->plan.path);
    if (holds(e, channel, "/grpc.health.v1.Health/Watch", hold_time))
        p->plan.hold_path = "/grpc.health.v1.Health/Watch";
    for (size_t i = 0; i < e->method_count && !below_stopped(e, until); i++) {
        const struct pb_method *m = e->methods[i];
        if (e->tallies[i].component != p->component)
            continue;
        if (!found && !m->client_streaming && !m->server_streaming && answers_ok(e, channel, m->path)) {
            p->plan.path = m->path;
            found = true;
        }
        if (p->plan.hold_path == NULL && (m->server_streaming || m->client_streaming) &&
            holds(e, channel, m->path, hold_time))
            p->plan.hold_path = m->path;
    }
    find_large(p, channel, until);
}

/* ---- many at a time --------------------------------------------------------------------------------------------- */

static void on_done(void *arg, const struct frames_live_result *r)
{
    struct job *j = arg;
    struct phase *p = j->phase;
    struct engine_verdict v = {.oracle = NULL};
    struct text why = TEXT_INIT;
    j->busy = false;
    journal_end(&p->engine->journal, j->journal);
    p->cases++;
    p->frames += r->exchange->sent_frames;
    if (judge(p->engine, p->component, r, &v, &why)) {
        below_keep(p->engine, &j->c, &v, &why);
        for (size_t i = 0; i < BELOW_WIDTH && strcmp(v.oracle, "crash") == 0; i++)
            if (p->jobs[i].busy)
                below_suspect(p->engine, &p->jobs[i].c, &v, &why);
        p->crashed = p->crashed || strcmp(v.oracle, "crash") == 0;
    }
    text_deinit(&why);
}

static bool has_room(void *arg)
{
    const struct phase *p = arg;
    return frames_live_busy(p->live) < BELOW_WIDTH;
}

static bool is_idle(void *arg)
{
    const struct phase *p = arg;
    return frames_live_busy(p->live) == 0;
}

/* One that is free, when there is one. NULL: the loop ended. */
static struct job *next_job(struct phase *p, int *code)
{
    *code = world_run_until(p->engine->target->world, has_room, p, 0);
    for (size_t i = 0; *code == 0 && i < BELOW_WIDTH; i++)
        if (!p->jobs[i].busy)
            return &p->jobs[i];
    return NULL;
}

static int begin(struct phase *p, struct job *j)
{
    int code = frames_live_begin(p->live, &j->c, on_done, j);
    j->busy = code == 0;
    j->journal = j->busy ? journal_begin(&p->engine->journal, &j->c) : 0;
    return code;
}

/* The batch is over: what is left of the component? */
static int settle(struct phase *p)
{
    struct engine_verdict v = {.oracle = NULL};
    struct text why = TEXT_INIT;
    int code = world_run_until(p->engine->target->world, is_idle, p, 0);
    if (p->crashed)
        engine_await(p->engine);
    else if (code == 0 && !below_well(p->engine, p->component, &v, &why))
        below_keep(p->engine, &p->jobs[0].c, &v, &why);
    p->crashed = false;
    text_deinit(&why);
    return code;
}

static bool is_flood(const struct frame_operator *op)
{
    return op->limits.reply != 0;
}

static void shuffle(struct random *r, size_t *order, size_t count)
{
    for (size_t i = count; i > 1; i--) {
        size_t k = (size_t)random_below(r, i), was = order[i - 1];
        order[i - 1] = order[k];
        order[k] = was;
    }
}

/* Those that do not flood, side by side. What is only answered by half a minute's silence is for longer campaigns, and
 * for simulated time. */
static int run_quiet(struct phase *p, const size_t *order)
{
    int code = 0;
    for (size_t i = 0; i < frame_operator_count && code == 0 && !p->crashed; i++) {
        const struct frame_operator *op = &frame_operators[order[i]];
        if (is_flood(op) || !frame_operator_fits(op, &p->plan))
            continue;
        if (below_stopped(p->engine, p->until) || ((op->answers & ANSWER_SILENCE) && !p->patient)) {
            p->left_out++;
            continue;
        }
        struct job *j = next_job(p, &code);
        if (j == NULL)
            break;
        code = frame_operator_build(op, &p->plan, &j->c);
        if (code == 0)
            code = begin(p, j);
        p->operators++;
    }
    int settled = settle(p);
    return code != 0 ? code : settled;
}

/* One at a time, so that what the component spends is spent on it. */
static int run_floods(struct phase *p, const size_t *order, struct error *err)
{
    struct fuzz_case *c = &p->jobs[0].c;
    int code = 0;
    for (size_t i = 0; i < frame_operator_count && code == 0; i++) {
        const struct frame_operator *op = &frame_operators[order[i]];
        struct engine_verdict v = {.oracle = NULL};
        struct text why = TEXT_INIT;
        struct trial t = {.engine = p->engine,
                          .component = p->component,
                          .out = &v,
                          .why = &why,
                          .limit = p->limit,
                          .limit_silent = p->limit};
        if (!is_flood(op) || !frame_operator_fits(op, &p->plan))
            continue;
        if (below_stopped(p->engine, p->until) || ((op->answers & ANSWER_SILENCE) && !p->patient)) {
            p->left_out++;
            continue;
        }
        code = frame_operator_build(op, &p->plan, c);
        if (code == 0)
            code = run_alone(&t, c, err);
        p->operators++;
        p->cases++;
        p->frames += t.frames;
        if (code == 0 && t.wrong) {
            below_keep(p->engine, c, &v, &why);
            engine_await(p->engine);
        }
        text_deinit(&why);
    }
    return code;
}

/* ---- changed ones ----------------------------------------------------------------------------------------------- */

static int make_garbage(struct phase *p, struct fuzz_case *out)
{
    uint8_t bytes[FRAME_PREFACE_LEN + GARBAGE_MAX];
    size_t len = (size_t)random_below(p->random, GARBAGE_MAX), from = random_below(p->random, 2) * FRAME_PREFACE_LEN;
    memcpy(bytes, FRAME_PREFACE, FRAME_PREFACE_LEN);
    random_bytes(p->random, bytes + FRAME_PREFACE_LEN, len);
    fuzz_case_clear(out);
    int at = fuzz_case_add(out, &(struct fuzz_event){.kind = EVENT_CONNECT}, bytes_of(p->component->name), BYTES_NONE);
    if (at >= 0) /* half of them get past the preface */
        at = fuzz_case_add(out, &(struct fuzz_event){.kind = EVENT_BYTES}, BYTES_NONE,
                           BYTES(bytes + from, FRAME_PREFACE_LEN - from + len));
    return at < 0 ? at : 0;
}

static int make_changed(struct phase *p, struct fuzz_case *out)
{
    struct frames_plan small = p->plan;
    small.repeat = 20;
    const struct frame_operator *op = &frame_operators[random_below(p->random, frame_operator_count)];
    int code = frame_operator_build(op, &small, out);
    for (uint64_t steps = 1 + random_below(p->random, STEPS_MAX); steps > 0 && code == 0; steps--)
        code = frames_mutate(p->random, out, NULL, &small) != NULL ? 0 : ERROR_MEMORY;
    return code;
}

/* They often end in the middle of something: half a minute's silence means something to few. */
static int run_changed(struct phase *p)
{
    int code = 0;
    frames_live_set_silent(p->live, FRAMES_LIVE_LIMIT);
    for (uint64_t n = 0; code == 0 && (p->until != 0 || n < p->changed) && !p->crashed; n++) {
        if (below_stopped(p->engine, p->until))
            break;
        struct job *j = next_job(p, &code);
        if (j == NULL)
            break;
        code = random_below(p->random, GARBAGE_ONE_IN) == 0 ? make_garbage(p, &j->c) : make_changed(p, &j->c);
        if (code == ERROR_LIMIT) { /* more than a case may hold */
            code = 0;
            continue;
        }
        if (code == 0)
            code = begin(p, j);
    }
    int settled = settle(p);
    return code != 0 ? code : settled;
}

/* ---- all of it -------------------------------------------------------------------------------------------------- */

static void tell(const struct phase *p, uint64_t took)
{
    struct text note = TEXT_INIT;
    text_printf(&note, "frames to %s: %" PRIu64 " cases, %" PRIu64 " frames", p->component->name, p->cases, p->frames);
    if (took > 0)
        text_printf(&note, " (%.0f a second)", (double)p->frames * (double)SECOND / (double)took);
    text_printf(&note, ", %zu of %zu operators", p->operators, frame_operator_count);
    if (p->left_out > 0)
        text_printf(&note, "; %zu had no time", p->left_out);
    if (p->plan.hold_path == NULL)
        text_puts(&note, "; no method was found that keeps a call waiting, which some of them need");
    result_emit(p->engine->target->results, "note", json_pack("{s:s}", "text", text_string(&note)));
    text_deinit(&note);
}

int frames_phase(struct engine *e, const struct target_component *c, struct random *r, uint64_t until,
                 struct error *err)
{
    struct phase *p = calloc(1, sizeof *p);
    size_t *order = calloc(frame_operator_count, sizeof *order);
    uint64_t started = engine_now(e);
    int code = p != NULL && order != NULL ? 0 : error_set(err, ERROR_MEMORY, "out of memory");
    if (code == 0) {
        uint64_t share = until > started ? until - started : 0;
        *p = (struct phase){.engine = e, .component = c, .random = r, .plan = {.component = c->name}, .until = until};
        if (until == 0 && e->options.inputs_max > 0)
            p->changed = (uint64_t)e->options.inputs_max / CHANGED_PART / (e->target->component_count + 1);
        p->patient = world_is_simulated(e->target->world) || share > SILENT_SHARE; /* waiting takes no time there */
        if (share > 0 && !p->patient)
            p->limit = share / 2 < LIMIT_MIN           ? LIMIT_MIN
                       : share / 2 < FRAMES_LIVE_LIMIT ? share / 2
                                                       : FRAMES_LIVE_LIMIT;
        const struct frames_live_options options = {.world = e->target->world,
                                                    .address = c->address,
                                                    .width = BELOW_WIDTH,
                                                    .limit = p->limit,
                                                    .limit_silent = p->limit,
                                                    .stock = e->options.stock};
        for (size_t i = 0; i < BELOW_WIDTH; i++)
            p->jobs[i].phase = p;
        for (size_t i = 0; i < frame_operator_count; i++)
            order[i] = i;
        shuffle(r, order, frame_operator_count);
        code = frames_live_new(&options, &p->live, err);
    }
    if (code == 0) {
        find_methods(p);
        code = run_quiet(p, order);
        if (code == 0)
            code = run_floods(p, order, err);
        if (code == 0)
            code = run_changed(p);
        tell(p, engine_now(e) - started);
        if (code != 0)
            error_set(err, code, "frames to %s: %s", c->name, error_code_name(code));
    }
    if (p != NULL) {
        frames_live_free(p->live);
        text_deinit(&p->large);
    }
    for (size_t i = 0; p != NULL && i < BELOW_WIDTH; i++)
        fuzz_case_deinit(&p->jobs[i].c);
    free(p);
    free(order);
    return code;
}
