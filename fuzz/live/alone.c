/* Cases that are run by themselves, with nothing else under way: for replays and trials, one that the user gives, and a
 * corpus of which only what shows something new is to stay. */
#include "fuzz/live/engine.h"

#include "fuzz/live/below.h"

#include <string.h>

#define NEWS_WITHIN    ((uint64_t)(2 * SECOND))
#define NEWS_EVERY     ((uint64_t)(20 * MILLISECOND))
#define INPUT_FILE_MAX ((size_t)64 << 20)

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

int engine_run_alone(struct engine *e, const struct fuzz_case *c, struct fuzz_trace *t)
{
    bool done = false;
    engine_await(e);
    int code = engine_ends(e) ? ERROR_CANCELLED
               : e->gone      ? ERROR_CLOSED
                              : e->door->begin(e->door, c, t, on_trial_done, &done);
    if (code != 0)
        return code;
    uint32_t number = journal_begin(&e->journal, c);
    code = world_run_until(e->target->world, is_true, &done, 0);
    journal_end(&e->journal, number);
    if (code != 0 && !done)
        e->door->cancel(e->door);
    return done ? 0 : code;
}

static const struct target_component *first_component(const struct engine *e, const struct fuzz_case *c)
{
    for (size_t i = 0; i < c->events.count; i++)
        if (c->events.items[i].kind == EVENT_CALL)
            return live_component(e->target, fuzz_case_bytes(c, c->events.items[i].name));
    return NULL;
}

/* A connection is lost before its process is seen to be gone, and of an attached system nothing is known but that it
 * cannot be connected to again: a moment after a call was lost. Who is there to say so ends the wait. */
static void await_news(struct engine *e, const struct fuzz_case *c, const struct fuzz_trace *t)
{
    const struct target_operations *o = e->target->operations;
    const struct target_component *lost = NULL;
    struct rpc_channel *channel;
    uint64_t end = world_now(e->target->world) + NEWS_WITHIN;
    for (size_t i = 0; i < t->calls.count; i++) {
        const struct trace_call *k = &t->calls.items[i];
        if (engine_is_lost(k))
            lost = engine_asked(e, c, k);
    }
    if (strcmp(e->target->driver, "sim") == 0 || !lost || target_channel(e->target, lost, &channel, NULL) != 0)
        return;
    while (o->alive(e->target, lost->name) && world_now(e->target->world) < end)
        if (rpc_wait_ready(e->target->world, channel, "", NEWS_EVERY, NULL) != ERROR_TIMEOUT)
            return;
}

/* Only what is held anew each time is the case's doing. */
static bool holds_more_each_time(struct engine *e, const struct fuzz_case *c, const struct target_component *component,
                                 uint64_t bytes)
{
    for (int i = 0; i < COST_REPEATS && !engine_ends(e); i++) {
        struct fuzz_trace t = FUZZ_TRACE_INIT;
        struct text unused = TEXT_INIT;
        struct cost_reading before = cost_read(e->target, component);
        bool ran = engine_run_alone(e, c, &t) == 0;
        bool more = ran && cost_excessive(before, cost_read(e->target, component), bytes, &unused) == COST_MEMORY;
        text_deinit(&unused);
        fuzz_trace_deinit(&t);
        if (!more)
            return false;
    }
    return true;
}

bool engine_try(struct engine *e, const struct fuzz_case *c, struct engine_verdict *out, struct text *why)
{
    struct fuzz_trace t = FUZZ_TRACE_INIT;
    const struct target_component *component = first_component(e, c);
    engine_await(e);
    engine_quiet(e, false);
    engine_await(e);
    if (below_takes(c))
        return !engine_ends(e) && below_try(e, c, out, why);
    struct cost_reading before = cost_read(e->target, component);
    bool wrong = engine_run_alone(e, c, &t) == 0;
    if (wrong) {
        for (size_t i = 0; i < t.calls.count; i++) /* an early answer leaves something as well */
            engine_leaves(e, engine_asked(e, c, &t.calls.items[i]));
        engine_await_read(e);
        await_news(e, c, &t);
        wrong = engine_judge(e, c, &t, true, out, why);
        const struct pb_method *method = t.calls.count > 0 ? t.calls.items[0].method : NULL;
        size_t said = why->len;
        enum cost_excess excess =
            wrong || !method ? COST_FAIR : cost_excessive(before, cost_read(e->target, component), t.bytes_sent, why);
        if (excess == COST_MEMORY && !holds_more_each_time(e, c, component, t.bytes_sent)) {
            excess = COST_FAIR;
            text_truncate(why, said);
        }
        if (excess != COST_FAIR) {
            *out = (struct engine_verdict){.oracle = "amplification", .method = method, .component = component};
            wrong = true;
        }
    }
    fuzz_trace_deinit(&t);
    return wrong || repeat_try(e, c, out, why);
}

/* ---- one case, and a corpus ------------------------------------------------------------------------------------- */

static int read_input(struct engine *e, struct fuzz_case *c, struct error *err)
{
    struct text file = TEXT_INIT;
    const char *name = e->options.input ? e->options.input : "the case";
    int code = 0;
    if (e->options.input)
        code = world_read_file(engine_files(e), name, INPUT_FILE_MAX, &file, err);
    else
        text_add(&file, e->options.script.data, e->options.script.len);
    bool binary = file.len >= 4 && memcmp(file.data, "HFZ1", 4) == 0;
    if (code == 0)
        code = binary ? fuzz_case_read(text_bytes(&file), c, err)
                      : fuzz_case_parse(text_bytes(&file), name, e->target->pool, c, err);
    if (code == 0 && c->events.count == 0)
        code = error_set_at(err, ERROR_INVALID, name, 1, 1, "there is no call in it");
    text_deinit(&file);
    return code;
}

/* One case: as bytes or as a script. */
int engine_run_one(struct engine *e, struct error *err)
{
    struct fuzz_case c = FUZZ_CASE_INIT;
    struct text why = TEXT_INIT;
    struct engine_verdict v;
    int code = read_input(e, &c, err);
    if (code == 0) {
        e->cost.repeat.wanted = "";
        bool wrong = engine_try(e, &c, &v, &why);
        e->summary->cases++;
        e->summary->inputs += (int64_t)fuzz_case_calls(&c);
        struct fuzz_finding *f = wrong && !engine_ends(e) ? engine_finding_new(e, &c, &v, text_string(&why)) : NULL;
        if (f != NULL) {
            f->count = 1;
            f->repeats = f->settled = true;
            f->confirmation = FUZZ_FRESH_SYSTEM;
            e->options.findings = NULL;
            engine_report(e, f);
        }
    }
    fuzz_case_deinit(&c);
    text_deinit(&why);
    return code;
}

/* The corpus case by case, smallest first (the maker gives them in order of their names, so that the order is the same
 * each time): what shows something new goes to the other folder, as what it was. */
int engine_distil(struct engine *e, struct error *err)
{
    struct stored to;
    struct slot s = {.engine = e};
    int code = stored_import(&e->store, e->maker, err);
    if (code == 0)
        code = stored_open(&to, engine_files(e), e->options.distil, e->options.seed, err);
    if (code != 0)
        return code;
    while (code == 0 && !engine_ends(e) && maker_stored(e->maker) > 0) {
        code = maker_next(e->maker, &s.made);
        if (e->feedback.cover)
            cover_reset(e->feedback.cover);
        if (code == 0 && engine_run_alone(e, &s.made.c, &s.trace) == 0) {
            for (size_t i = 0; i < s.trace.calls.count; i++)
                engine_count(e, &s.made.c, &s.trace, &s.trace.calls.items[i]);
            e->summary->cases++;
            bool novel = maker_learn(e->maker, &s.made, &s.trace);
            if (e->feedback.cover)
                novel |= cover_collect(e->feedback.cover, true) > 0;
            s.made.source = MAKER_CHANGED;
            if (novel)
                code = stored_keep(&to, &s.made, "distil", e->summary->cases, engine_now(e), err);
        }
    }
    e->summary->imported = e->store.imported;
    e->summary->kept = to.kept;
    e->summary->ended = "distilled";
    stored_close(&to);
    fuzz_case_deinit(&s.made.c);
    fuzz_trace_deinit(&s.trace);
    return code;
}
