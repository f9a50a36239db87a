#include "fuzz/engine.h"

#include "base/units.h"
#include "base/words.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IN_FLIGHT_DEFAULT  16
#define HANG_AFTER_DEFAULT ((uint64_t)(5 * SECOND))
#define STREAM_TIME        ((uint64_t)(200 * MILLISECOND)) /* how long a server's stream is listened to */
#define STREAM_REPLIES_MAX 20
#define TICK               ((uint64_t)SECOND)
#define STATUSES           17

/* ---- one input ---- */

static void slot_next(struct slot *s);

static void on_message(void *arg, struct bytes message)
{
    struct slot *s = arg;
    if (!s->body_broken) {
        text_clear(&s->body);
        text_add(&s->body, message.data, message.len);
        s->has_body = true;
        s->body_broken = pb_scan(s->input.method->output->descriptor, message, NULL) != 0;
    }
    if (++s->replies >= STREAM_REPLIES_MAX && s->input.method->server_streaming) {
        s->ended_by_us = true;
        rpc_stream_cancel(s->stream);
    }
}

static void on_limit(void *arg)
{
    struct slot *s = arg;
    s->ended_by_us = true;
    rpc_stream_cancel(s->stream);
}

static struct outcome outcome_of(const struct slot *s, const struct rpc_reply *reply)
{
    const struct engine *e = s->engine;
    struct outcome o = {.status = reply->status,
                        .message = reply->message,
                        .stream = s->ended_by_us,
                        .duration = world_now(e->target->world) - s->started};
    if (s->ended_by_us && o.status == GRPC_CANCELLED)
        o.status = GRPC_OK;
    if (s->has_body)
        o.body = text_bytes(&s->body);
    if (o.body.data == NULL && s->has_body)
        o.body = BYTES("", 0);
    /* Either side's clock may end the call; the server's may run a little fast. */
    o.timed_out =
        reply->status == GRPC_DEADLINE_EXCEEDED && o.duration >= e->options.hang_after - e->options.hang_after / 10;
    return o;
}

/* The oracle that fired, or NULL. A lost connection is looked at from outside: is the process still the same? */
static const char *judge(struct slot *s, const struct rpc_reply *reply, struct text *why)
{
    if (reply->status == GRPC_UNAVAILABLE && engine_crashed(s->engine, s->tally->component)) {
        text_printf(why, "%s is gone", s->tally->component->name);
        struct text logs = TEXT_INIT;
        if (s->engine->target->operations->logs(s->engine->target, s->tally->component->name, 20, &logs) == 0)
            text_printf(why, "; its last lines:\n%s", text_string(&logs));
        text_deinit(&logs);
        return "crash";
    }
    struct outcome o = outcome_of(s, reply);
    return oracle_judge(&s->input, &o, why);
}

bool engine_is_new(struct engine *e, struct fuzz_finding *f)
{
    struct text identity = TEXT_INIT;
    text_printf(&identity, "%s %s %s %s", f->input.method->path, f->oracle, fuzz_lane_name(f->input.lane),
                f->input.defect != NULL ? f->input.defect->name : "");
    struct fuzz_finding *known = map_get(&e->known, text_string(&identity));
    if (known != NULL)
        known->count++;
    else
        map_put(&e->known, text_string(&identity), f);
    text_deinit(&identity);
    return known == NULL;
}

static void keep_finding(struct slot *s, const char *oracle, struct text *why)
{
    struct engine *e = s->engine;
    struct fuzz_finding *f = calloc(1, sizeof *f);
    if (f == NULL)
        return;
    *f = (struct fuzz_finding){.input = s->input, .component = s->tally->component, .oracle = oracle, .count = 1};
    /* Room first, so that a finding that is known is also kept. */
    if (!array_grow(&e->findings) || !engine_is_new(e, f)) {
        free(f);
        return;
    }
    f->why = text_take(why);
    s->input = (struct fuzz_input){0}; /* moved */
    s->tally->findings++;
    e->findings.items[e->findings.count++] = f;
}

static void on_finished(void *arg, const struct rpc_reply *reply)
{
    struct slot *s = arg;
    struct engine *e = s->engine;
    struct text why = TEXT_INIT;
    s->stream = NULL;
    world_timer_stop(&s->limit);
    if (reply->body.data != NULL && !s->has_body)
        on_message(s, reply->body);
    s->tally->inputs++;
    int status = reply->status >= 0 && reply->status < STATUSES ? reply->status : GRPC_UNKNOWN;
    s->tally->statuses[status]++;
    e->summary->statuses[status]++;
    e->summary->inputs++;
    if (reply->peer[0] != '\0' && status != GRPC_UNAVAILABLE && status != GRPC_DEADLINE_EXCEEDED) {
        e->summary->answered++;
        engine_answered(e, s->tally->component);
    }
    const char *oracle = e->target->interrupted ? NULL : judge(s, reply, &why);
    if (oracle != NULL && strcmp(oracle, "crash") == 0)
        engine_keep_crash(e, s, &why);
    else if (oracle != NULL)
        keep_finding(s, oracle, &why);
    else if (status == GRPC_UNAVAILABLE && reply->peer[0] != '\0')
        engine_keep_lost(e, s);
    text_deinit(&why);
    fuzz_input_deinit(&s->input);
    s->busy = false;
    e->busy--;
    slot_next(s);
}

static int slot_send(struct slot *s)
{
    static const struct rpc_stream_events events = {.message = on_message, .finished = on_finished};
    struct engine *e = s->engine;
    struct rpc_channel *channel;
    const struct pb_method *m = s->input.method;
    s->has_body = s->body_broken = s->ended_by_us = false;
    s->replies = 0;
    s->started = world_now(e->target->world);
    struct rpc_request request = {.path = m->path,
                                  .metadata = target_metadata(e->target),
                                  .timeout = e->options.hang_after,
                                  .wait_for_ready = true};
    if (!m->client_streaming) {
        request.has_message = true;
        request.message = text_bytes(&s->input.messages[0]);
    }
    int code = target_channel(e->target, s->tally->component, &channel, NULL);
    if (code == 0)
        code = rpc_stream_open(channel, &request, &events, s, &s->stream, NULL);
    if (code != 0)
        return code;
    for (size_t i = 0; m->client_streaming && i < s->input.message_count; i++)
        rpc_stream_send(s->stream, text_bytes(&s->input.messages[i]));
    if (m->client_streaming)
        rpc_stream_half_close(s->stream);
    if (m->server_streaming)
        world_timer_start(&s->limit, STREAM_TIME);
    s->busy = true;
    e->busy++;
    return 0;
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
    while (!e->stopping && !s->busy) {
        uint64_t now = budget_now(e);
        if (e->target->interrupted || (e->deadline != 0 && now >= e->deadline) ||
            (e->options.inputs_max > 0 && e->next_number >= e->options.inputs_max)) {
            e->stopping = true;
            return;
        }
        e->failed = fuzz_input_make(&s->input, e->options.seed, e->next_number++, e->methods, e->method_count);
        if (e->failed == 0) {
            s->tally = engine_tally(e, s->input.method);
            if ((e->failed = slot_send(s)) != 0)
                fuzz_input_deinit(&s->input);
        }
        /* One that cannot be sent at all would leave the rest waiting for it. */
        if (e->failed != 0)
            e->stopping = true;
    }
}

/* ---- one at a time ---- */

struct trial {
    struct slot slot;
    const char *oracle;
    struct text *why;
    bool done;
};

static void on_trial_finished(void *arg, const struct rpc_reply *reply)
{
    struct trial *t = arg;
    t->slot.stream = NULL;
    world_timer_stop(&t->slot.limit);
    if (reply->body.data != NULL && !t->slot.has_body)
        on_message(&t->slot, reply->body);
    t->oracle = judge(&t->slot, reply, t->why);
    t->done = true;
}

static bool trial_done(void *arg)
{
    const struct trial *t = arg;
    return t->done;
}

const char *engine_try(struct engine *e, const struct fuzz_input *in, const struct target_component *c,
                       struct text *why)
{
    static const struct rpc_stream_events events = {.message = on_message, .finished = on_trial_finished};
    struct method_tally tally = {.method = in->method, .component = c};
    struct trial t = {.slot = {.engine = e, .input = *in, .tally = &tally}, .why = why};
    struct rpc_channel *channel;
    engine_await(e, c);
    world_timer_init(&t.slot.limit, e->target->world, on_limit, &t.slot);
    t.slot.started = world_now(e->target->world);
    struct rpc_request request = {.path = in->method->path,
                                  .metadata = target_metadata(e->target),
                                  .timeout = e->options.hang_after,
                                  .wait_for_ready = true};
    if (!in->method->client_streaming) {
        request.has_message = true;
        request.message = text_bytes(&in->messages[0]);
    }
    if (target_channel(e->target, c, &channel, NULL) != 0 ||
        rpc_stream_open(channel, &request, &events, &t, &t.slot.stream, NULL) != 0)
        return NULL;
    for (size_t i = 0; in->method->client_streaming && i < in->message_count; i++)
        rpc_stream_send(t.slot.stream, text_bytes(&in->messages[i]));
    if (in->method->client_streaming)
        rpc_stream_half_close(t.slot.stream);
    if (in->method->server_streaming)
        world_timer_start(&t.slot.limit, STREAM_TIME);
    int code = world_run_until(e->target->world, trial_done, &t, 0);
    if (code != 0 && !t.done) {
        rpc_stream_cancel(t.slot.stream);
        world_run_until(e->target->world, trial_done, &t, 0);
        t.oracle = NULL;
    }
    world_timer_stop(&t.slot.limit);
    text_deinit(&t.slot.body);
    return t.oracle;
}

/* ---- set-up and results ---- */

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
                if (e->options.filter != NULL && strstr(method->path, e->options.filter) == NULL)
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
    result_sample(e->target->results, "fuzz_inputs", (double)(e->summary->inputs - e->inputs_at_tick));
    e->inputs_at_tick = e->summary->inputs;
    if (!e->stopping)
        world_timer_start(&e->tick, TICK);
}

static bool idle(void *arg)
{
    const struct engine *e = arg;
    return e->busy == 0 && e->stopping;
}

static int campaign(struct engine *e, struct error *err)
{
    e->slot_count = (size_t)e->options.in_flight * e->target->component_count;
    if (e->slot_count == 0)
        return error_set(err, ERROR_INVALID, "nothing to send: no input may be in flight, or there is no component");
    e->slots = calloc(e->slot_count, sizeof *e->slots);
    if (e->slots == NULL)
        return error_set(err, ERROR_MEMORY, "out of memory");
    e->started = world_now(e->target->world);
    e->deadline = e->options.budget > 0 ? budget_now(e) + e->options.budget : 0;
    world_timer_start(&e->tick, TICK);
    for (size_t i = 0; i < e->slot_count; i++) {
        e->slots[i].engine = e;
        world_timer_init(&e->slots[i].limit, e->target->world, on_limit, &e->slots[i]);
        slot_next(&e->slots[i]);
    }
    int code = world_run_until(e->target->world, idle, e, 0);
    e->stopping = true;
    if (code != 0) {
        for (size_t i = 0; i < e->slot_count; i++)
            if (e->slots[i].busy)
                rpc_stream_cancel(e->slots[i].stream);
        world_run_until(e->target->world, idle, e, HANG_AFTER_DEFAULT);
    }
    world_timer_stop(&e->tick);
    e->summary->duration = world_now(e->target->world) - e->started;
    if (code == 0)
        code = e->failed;
    return code != 0 ? error_set(err, code, "%s", error_code_name(code)) : 0;
}

static void report_finding(struct engine *e, struct fuzz_finding *f, size_t number)
{
    struct text file = TEXT_INIT, path = TEXT_INIT, replay = TEXT_INIT, title = TEXT_INIT, detail = TEXT_INIT;
    text_printf(&title, "%s: %s", f->input.method->path + 1, f->oracle);
    if (f->input.defect != NULL)
        text_printf(&title, " (%s)", f->input.defect->name);
    text_puts(&replay, e->options.replay != NULL ? e->options.replay : "");
    if (e->options.corpus != NULL && e->options.write != NULL) {
        text_printf(&path, "%s/%zu.json", e->options.corpus, number);
        words_add(&replay, "--input");
        words_add(&replay, text_string(&path));
        fuzz_input_write(&f->input, f->oracle, text_string(&replay), &file);
        struct error own = ERROR_INIT;
        if (e->options.write(e->options.file_arg, text_string(&path), text_bytes(&file), &own) != 0) {
            text_puts(&detail, "the input could not be kept: ");
            error_format(&own, &detail);
            text_char(&detail, '\n');
        }
        error_clear(&own);
    } else {
        text_printf(&replay, " --seed %" PRIu64 " --number %" PRId64, f->input.seed, f->input.number);
        fuzz_input_write(&f->input, f->oracle, text_string(&replay), &file);
    }
    text_printf(&detail, "%s\nseen %" PRId64 " times\n%s", f->why, f->count, text_string(&file));
    result_finding(e->target->results, &(struct result_finding){.pillar = "fuzz",
                                                                .title = text_string(&title),
                                                                .severity = "bug",
                                                                .oracle = f->oracle,
                                                                .target = f->component->name,
                                                                .seed = e->options.seed,
                                                                .replay = text_string(&replay),
                                                                .detail = text_string(&detail)});
    e->summary->findings++;
    text_deinit(&file);
    text_deinit(&path);
    text_deinit(&replay);
    text_deinit(&title);
    text_deinit(&detail);
}

static void report_methods(struct engine *e)
{
    for (size_t i = 0; i < e->method_count; i++) {
        const struct method_tally *t = &e->tallies[i];
        struct text detail = TEXT_INIT;
        text_printf(&detail, "%" PRId64 " inputs:", t->inputs);
        for (int s = 0; s < STATUSES; s++)
            if (t->statuses[s] > 0)
                text_printf(&detail, " %s %" PRId64, grpc_status_name(s), t->statuses[s]);
        struct result_case c = {.pillar = "fuzz",
                                .suite = t->component->name,
                                .name = t->method->path + 1,
                                .status = t->findings > 0 ? "failed"
                                          : t->inputs > 0 ? "passed"
                                                          : "skipped",
                                .message = t->findings > 0  ? "see the findings"
                                           : t->inputs == 0 ? "no input reached it within the budget"
                                                            : NULL,
                                .detail = text_string(&detail),
                                .replay = e->options.replay};
        result_case(e->target->results, &c);
        text_deinit(&detail);
    }
}

/* One input, from a file or by its number. */
static int run_one(struct engine *e, struct error *err)
{
    struct fuzz_input in = {0};
    struct text file = TEXT_INIT, why = TEXT_INIT;
    int code = 0;
    if (e->options.input != NULL) {
        code = e->options.read != NULL ? e->options.read(e->options.file_arg, e->options.input, &file, err)
                                       : error_set(err, ERROR_UNSUPPORTED, "files cannot be read here");
        if (code == 0)
            code = fuzz_input_read(text_bytes(&file), e->options.input, e->target->pool, &in, err);
    } else if (fuzz_input_make(&in, e->options.seed, e->options.only, e->methods, e->method_count) != 0) {
        code = error_set(err, ERROR_MEMORY, "out of memory");
    }
    struct method_tally *t = code == 0 ? engine_tally(e, in.method) : NULL;
    if (code == 0 && t == NULL)
        code = error_set(err, ERROR_NOT_FOUND, "no component of %s serves %s", e->target->system, in.method->path);
    if (code == 0 && t != NULL) {
        const char *oracle = engine_try(e, &in, t->component, &why);
        e->summary->inputs++;
        t->inputs++;
        if (e->target->interrupted) {
            code = error_set(err, ERROR_CANCELLED, "interrupted");
        } else if (oracle != NULL) {
            struct fuzz_finding f = {
                .input = in, .component = t->component, .oracle = oracle, .why = text_take(&why), .count = 1};
            t->findings++;
            report_finding(e, &f, 1);
            free(f.why);
        }
    }
    fuzz_input_deinit(&in);
    text_deinit(&file);
    text_deinit(&why);
    return code;
}

static void engine_deinit(struct engine *e)
{
    for (size_t i = 0; i < e->findings.count; i++) {
        fuzz_input_deinit(&e->findings.items[i]->input);
        free(e->findings.items[i]->why);
        free(e->findings.items[i]);
    }
    for (size_t i = 0; i < e->slot_count; i++)
        text_deinit(&e->slots[i].body);
    array_deinit(&e->findings);
    array_deinit(&e->lost);
    map_deinit(&e->known);
    free(e->slots);
    free(e->methods);
    free(e->tallies);
    free(e->watches);
}

int fuzz_run(struct target *t, const struct fuzz_options *options, struct fuzz_summary *summary, struct error *err)
{
    struct engine e = {.target = t, .options = *options, .summary = summary};
    *summary = (struct fuzz_summary){0};
    if (e.options.in_flight == 0)
        e.options.in_flight = IN_FLIGHT_DEFAULT;
    if (e.options.hang_after == 0)
        e.options.hang_after = HANG_AFTER_DEFAULT;
    world_timer_init(&e.tick, t->world, on_tick, &e);
    int code = find_methods(&e, err);
    if (code == 0 && (options->input != NULL || options->only >= 0)) {
        code = run_one(&e, err);
    } else if (code == 0) {
        code = campaign(&e, err);
        if (code == 0)
            engine_settle_crashes(&e);
        for (size_t i = 0, number = 1; code == 0 && i < e.findings.count; i++) {
            if (e.findings.items[i]->count == 0)
                continue;
            engine_minimise(&e, e.findings.items[i]);
            report_finding(&e, e.findings.items[i], number++);
        }
        if (code == 0 && options->filter == NULL)
            code = engine_break_connections(&e, err);
    }
    if (code == 0)
        report_methods(&e);
    engine_deinit(&e);
    return code;
}
