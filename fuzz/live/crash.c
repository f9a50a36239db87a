/* Crashes, and which case is to blame. When a process dies all its calls under way break off together, and some may be
 * seen to break before the process is seen to be gone. All of them are suspects; after the campaign each is run alone.
 */
#include "fuzz/live/engine.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define LOG_LINES   20
#define CRASHES_MAX 8                         /* looked into; the rest would mostly be the same */
#define LOST_MAX    64                        /* cases remembered */
#define LOST_RECENT ((uint64_t)(2 * SECOND))  /* before the process was seen to be gone */
#define BACK_WITHIN ((uint64_t)(20 * SECOND)) /* a supervisor's longest pause, and a start */
#define LOOK_EVERY  ((uint64_t)(5 * MILLISECOND))

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

void engine_look_down(struct engine *e)
{
    uint64_t now = world_now(e->target->world);
    for (size_t i = 0; i < e->watch_count; i++) {
        struct component_watch *w = &e->watches[i];
        bool before = w->down, crashed = engine_crashed(e, w->component);
        w->down_at = before ? w->down_at : now;
        e->gone |= w->down && now - w->down_at >= BACK_WITHIN;
        struct engine_verdict v = {.oracle = "crash", .component = w->component};
        for (size_t k = e->lost.count; crashed && !v.method && k-- > 0;)
            if (e->lost.items[k].component == w->component)
                v.method = fuzz_case_method(&e->lost.items[k].c, 0, e->target->pool);
        if (!crashed || !v.method)
            continue;
        struct text why = TEXT_INIT;
        engine_tell_crash(e, w->component, &why);
        engine_keep_crash(e, NULL, &v, &why);
        text_deinit(&why);
    }
}

void engine_keep_lost(struct engine *e, const struct slot *s, const struct target_component *c)
{
    struct lost_case lost = {.component = c, .at = world_now(e->target->world)};
    if (e->lost.count == LOST_MAX) {
        fuzz_case_deinit(&e->lost.items[0].c);
        array_remove(&e->lost, 0);
    }
    if (fuzz_case_copy(&lost.c, &s->made.c) != 0 || !array_push(&e->lost, lost))
        fuzz_case_deinit(&lost.c);
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
        struct lost_case *lost = &e->lost.items[i];
        if (lost->component == v->component && now - lost->at < LOST_RECENT)
            suspect(e, &lost->c, v, why);
        fuzz_case_deinit(&lost->c);
    }
    array_clear(&e->lost);
    for (size_t i = 0; i < e->slot_count; i++) {
        const struct slot *other = &e->slots[i];
        if (other != s && other->busy && calls(e, &other->made.c, v->component))
            suspect(e, &other->made.c, v, why);
    }
}

/* True when the suspect alone does it again: then it is told under the call that shows it. */
static bool is_guilty(struct engine *e, struct fuzz_finding *f)
{
    struct text why = TEXT_INIT;
    struct engine_verdict v;
    bool guilty = engine_try(e, &f->c, &v, &why) && strcmp(v.oracle, "crash") == 0;
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

/* A system nobody starts again: its suspects are kept as scripts, to be tried by whoever does. */
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

/* Whoever did it, the component did crash: kept under the call that was seen to break off first. */
static void confirm_unsolved(struct engine *e, struct fuzz_finding *f, size_t suspects)
{
    struct text why = TEXT_INIT;
    if (e->gone) {
        text_printf(&why,
                    "%s\nnobody started it again within 20 s, so the %zu cases that were under way could not be "
                    "run alone; start it and try them with --input:",
                    f->why, suspects);
        keep_suspects(e, f->crash, &why);
    } else {
        text_printf(&why, "%s\n%zu cases were under way; none of them alone brings it down again", f->why, suspects);
    }
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
        size_t suspects = 0;
        bool solved = false;
        for (size_t i = 0; i < count && !engine_ends(e); i++) {
            struct fuzz_finding *f = e->findings.items[i];
            if (f->crash != crash)
                continue;
            if (first == NULL)
                first = f;
            suspects++;
            f->count = 0;
            if (is_guilty(e, f)) {
                solved = true;
                confirm(e, f);
            }
        }
        if (first != NULL && !solved)
            confirm_unsolved(e, first, suspects);
    }
}
