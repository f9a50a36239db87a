/* Crashes, and which case is to blame. When a process dies all its calls under way break off together, some may be seen
 * to break before the process is seen to be gone, and it may have died of a call that was cancelled: that case is over
 * by then. All of them are suspects; after the campaign each is run alone.
 *
 * A process may die of what it is still to read from a case that was run before. So each trial begins when what the one
 * before left has been read (HTTP/2 keeps the order of one connection: a health check behind it is answered), and only
 * what comes twice counts. */
#include "fuzz/live/engine.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define LOG_LINES   20
#define CRASHES_MAX 8                         /* looked into; the rest would mostly be the same */
#define TRIALS      6                         /* of a suspect that did it in the first one, until it does it again */
#define LOST_MAX    64                        /* cases remembered */
#define LOST_RECENT ((uint64_t)(2 * SECOND))  /* before the process was seen to be gone */
#define BACK_WITHIN ((uint64_t)(20 * SECOND)) /* a supervisor's longest pause, and a start */
#define LOOK_EVERY  ((uint64_t)(5 * MILLISECOND))
#define READ_WITHIN ((uint64_t)(200 * MILLISECOND)) /* what was left behind, by a component that works */

static struct component_watch *watch_of(struct engine *e, const struct target_component *c)
{
    for (size_t i = 0; i < e->watch_count; i++)
        if (e->watches[i].component == c)
            return &e->watches[i];
    return NULL;
}

bool engine_crashed(struct engine *e, const struct target_component *c)
{
    const struct target_operations *o = e->target->operations;
    struct component_watch *w = watch_of(e, c);
    if (w == NULL)
        return false;
    bool before = w->down, alive = o->alive(e->target, c->name);
    int64_t process = o->process(e->target, c->name);
    w->down = !alive;
    w->down_at = before ? w->down_at : world_now(e->target->world);
    /* One that no supervisor looks after is ours to start again; others say that it is not. In simulation the driver
     * does it by itself. */
    if (!alive && o->act != NULL && strcmp(e->target->driver, "processes") == 0)
        (void)o->act(e->target, c->name, TARGET_START, NULL);
    if (!alive)
        return !before;
    bool other = process != 0 && process != w->process;
    w->process = process;
    /* The successor of one that was seen to be gone is no second crash. */
    return other && !before;
}

void engine_tell_crash(struct engine *e, const struct target_component *c, struct text *why)
{
    struct text logs = TEXT_INIT;
    text_printf(why, "%s is gone", c->name);
    if (e->target->operations->logs(e->target, c->name, LOG_LINES, &logs) == 0)
        text_printf(why, "; its last lines:\n%s", text_string(&logs));
    text_deinit(&logs);
}

void engine_answered(struct engine *e, const struct target_component *c)
{
    struct component_watch *w = watch_of(e, c);
    if (w != NULL && w->down)
        engine_crashed(e, c);
}

static bool any_down(struct engine *e)
{
    bool down = false;
    for (size_t i = 0; i < e->watch_count; i++) {
        if (e->watches[i].down)
            engine_crashed(e, e->watches[i].component);
        down |= e->watches[i].down;
    }
    return down;
}

void engine_await(struct engine *e)
{
    uint64_t end = world_now(e->target->world) + BACK_WITHIN;
    while (!e->gone && any_down(e) && !engine_ends(e) && world_now(e->target->world) < end)
        if (world_sleep(e->target->world, LOOK_EVERY) != 0)
            return;
    e->gone |= strcmp(e->target->driver, "attach") == 0 && !engine_ends(e) && any_down(e);
}

/* One that no case under way was seen to break off by: kept if there are suspects. */
static void keep_unseen(struct engine *e, const struct target_component *c)
{
    struct engine_verdict v = {.oracle = "crash", .component = c};
    for (size_t i = 0; !v.method && i < e->lost.count; i++)
        if (e->lost.items[i].component == c)
            v.method = fuzz_case_method(&e->lost.items[i].c, 0, e->target->pool);
    if (!v.method)
        return;
    struct text why = TEXT_INIT;
    engine_tell_crash(e, c, &why);
    engine_keep_crash(e, NULL, &v, &why);
    text_deinit(&why);
}

void engine_look_down(struct engine *e)
{
    for (size_t i = 0; i < e->watch_count; i++) {
        struct component_watch *w = &e->watches[i];
        bool crashed = engine_crashed(e, w->component);
        e->gone |= w->down && world_now(e->target->world) - w->down_at >= BACK_WITHIN;
        if (crashed)
            keep_unseen(e, w->component);
    }
}

void engine_leaves(struct engine *e, const struct target_component *c)
{
    struct component_watch *w = watch_of(e, c);
    if (w != NULL)
        w->left = true;
}

/* Whatever is answered, and be it that the connection is lost: it is behind what was sent before. */
void engine_await_read(struct engine *e)
{
    static const struct rpc_retry never = {.attempts = 1};
    for (size_t i = 0; i < e->watch_count; i++) {
        struct component_watch *w = &e->watches[i];
        struct rpc_channel *channel;
        struct rpc_answer answer;
        struct rpc_request request = {.path = "/grpc.health.v1.Health/Check",
                                      .timeout = READ_WITHIN,
                                      .retry = &never,
                                      .message = BYTES("", 0),
                                      .has_message = true};
        if (w->left && !e->gone && !engine_ends(e) && target_channel(e->target, w->component, &channel, NULL) == 0 &&
            rpc_unary_wait(e->target->world, channel, &request, &answer, NULL) == 0)
            rpc_answer_deinit(&answer);
        w->left = false;
    }
}

void engine_quiet(struct engine *e, bool keep)
{
    engine_await_read(e);
    for (size_t i = 0; i < e->watch_count; i++) {
        struct component_watch *w = &e->watches[i];
        if (engine_crashed(e, w->component) && keep)
            keep_unseen(e, w->component);
    }
}

void engine_keep_lost(struct engine *e, struct slot *s, const struct target_component *c)
{
    if (e->lost.count < LOST_MAX && !array_push(&e->lost, (struct lost_case){.component = NULL}))
        return;
    struct lost_case *lost = &e->lost.items[e->lost_next];
    e->lost_next = (e->lost_next + 1) % LOST_MAX;
    lost->component = c;
    lost->at = world_now(e->target->world);
    fuzz_case_swap(&lost->c, &s->made.c);
}

void engine_forget_lost(struct engine *e)
{
    for (size_t i = 0; i < e->lost.count; i++)
        e->lost.items[i].component = NULL;
}

static void suspect(struct engine *e, const struct fuzz_case *c, const struct engine_verdict *v, const struct text *why)
{
    struct fuzz_finding *f = engine_finding_new(e, c, v, text_string(why));
    if (f != NULL)
        f->crash = e->crashes;
}

static bool calls(const struct engine *e, const struct fuzz_case *c, const struct target_component *component)
{
    for (size_t i = 0; i < c->events.count; i++)
        if (c->events.items[i].kind == EVENT_CALL &&
            live_component(e->target, fuzz_case_bytes(c, c->events.items[i].name)) == component)
            return true;
    return false;
}

void engine_keep_crash(struct engine *e, const struct slot *s, const struct engine_verdict *v, const struct text *why)
{
    uint64_t now = world_now(e->target->world);
    if (++e->crashes > CRASHES_MAX)
        return;
    if (s != NULL)
        suspect(e, &s->made.c, v, why);
    for (size_t i = 0; i < e->lost.count; i++) {
        const struct lost_case *lost = &e->lost.items[i];
        if (lost->component == v->component && now - lost->at < LOST_RECENT)
            suspect(e, &lost->c, v, why);
    }
    engine_forget_lost(e);
    for (size_t i = 0; i < e->slot_count; i++) {
        const struct slot *other = &e->slots[i];
        if (other != s && other->busy && calls(e, &other->made.c, v->component))
            suspect(e, &other->made.c, v, why);
    }
}

/* True when the suspect alone does it again, and once more: what another one left in the component (a handler that is
 * still at work) may bring it down during the first trial. One that depends on a moment, such as a short deadline, gets
 * some trials for that. Then it is told under the call that shows it. */
static bool is_guilty(struct engine *e, struct fuzz_finding *f)
{
    struct text why = TEXT_INIT;
    struct engine_verdict v = {.oracle = NULL};
    int crashed = 0;
    for (int i = 0; i < TRIALS && crashed < 2 && (i == 0 || crashed > 0); i++) {
        struct text said = TEXT_INIT;
        struct engine_verdict seen;
        if (engine_try(e, &f->c, &seen, &said) && strcmp(seen.oracle, "crash") == 0) {
            crashed++;
            v = seen;
            text_clear(&why);
            text_add(&why, said.data, said.len);
        }
        text_deinit(&said);
    }
    bool guilty = crashed == 2;
    char *taken = guilty ? text_take(&why) : NULL;
    if (guilty) {
        f->method = v.method;
        f->component = v.component;
    }
    if (taken != NULL) {
        free(f->why);
        f->why = taken;
    }
    text_deinit(&why);
    return guilty;
}

static void confirm(struct engine *e, struct fuzz_finding *f)
{
    if (engine_is_new(e, f))
        f->count = 1;
}

/* When none is told as guilty all suspects are kept as scripts, to be tried by whoever can. */
static void keep_suspects(struct engine *e, int64_t crash, struct text *why)
{
    size_t number = 0;
    for (size_t i = 0; e->options.findings && i < e->findings.count; i++) {
        const struct fuzz_finding *f = e->findings.items[i];
        struct text path = TEXT_INIT, script = TEXT_INIT;
        if (f->crash == crash) {
            text_printf(&path, "%s/crash-%" PRId64 "-suspect-%zu.case", e->options.findings, crash, ++number);
            if (fuzz_case_print(&f->c, e->target->pool, &script) == 0 &&
                world_make_directory(engine_files(e), e->options.findings) == 0 &&
                world_write_file(engine_files(e), text_string(&path), text_bytes(&script), false, NULL) == 0)
                text_printf(why, "\n%s", text_string(&path));
        }
        text_deinit(&path);
        text_deinit(&script);
    }
}

/* Whoever did it, the component did crash: told of the component, for no call is known to have done it. */
static void confirm_unsolved(struct engine *e, struct fuzz_finding *f, size_t suspects, size_t tried)
{
    struct text why = TEXT_INIT;
    f->method = NULL;
    if (e->gone) {
        text_printf(&why,
                    "%s\nnobody started it again within 20 s, so the %zu cases that were under way could not be "
                    "run alone; start it and try them with --input:",
                    f->why, suspects);
    } else if (tried < suspects) {
        text_printf(&why,
                    "%s\n%zu cases were under way; there was time to run %zu of them alone, which did not bring "
                    "it down again",
                    f->why, suspects, tried);
    } else {
        text_printf(&why, "%s\n%zu cases were under way; none of them alone brings it down again", f->why, suspects);
    }
    keep_suspects(e, f->crash, &why);
    char *taken = text_take(&why);
    if (taken != NULL) {
        free(f->why);
        f->why = taken;
    }
    confirm(e, f);
}

void engine_settle_crashes(struct engine *e)
{
    size_t count = e->findings.count;
    for (int64_t crash = 1; crash <= e->crashes && crash <= CRASHES_MAX; crash++) {
        struct fuzz_finding *first = NULL;
        size_t suspects = 0, tried = 0;
        bool solved = false;
        for (size_t i = 0; i < count && !engine_ends(e); i++) {
            struct fuzz_finding *f = e->findings.items[i];
            if (f->crash != crash)
                continue;
            if (first == NULL)
                first = f;
            suspects++;
            f->count = 0;
            if (engine_settled(e))
                continue;
            tried++;
            if (is_guilty(e, f)) {
                solved = true;
                confirm(e, f);
            }
        }
        if (first != NULL && !solved)
            confirm_unsolved(e, first, suspects, tried);
    }
}
