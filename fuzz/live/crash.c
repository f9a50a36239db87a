/* Crashes, and which case is to blame. When a process dies all its calls under way break off together, and some may be
 * seen to break before the process is seen to be gone. All of them are suspects; after the campaign each is run alone.
 */
#include "fuzz/live/engine.h"

#include <stdlib.h>
#include <string.h>

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
    if (!alive)
        return !before;
    bool other = process != 0 && process != w->process;
    w->process = process;
    /* The successor of one that was seen to be gone is no second crash. */
    return other && !before;
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
    while (any_down(e) && !e->target->interrupted && world_now(e->target->world) < end)
        if (world_sleep(e->target->world, LOOK_EVERY) != 0)
            return;
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

/* Whoever did it, the component did crash: kept under the call that was seen to break off first. */
static void confirm_unsolved(struct engine *e, struct fuzz_finding *f, size_t suspects)
{
    struct text why = TEXT_INIT;
    text_printf(&why, "%s\n%zu cases were under way; none of them alone brings it down again", f->why, suspects);
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
        for (size_t i = 0; i < count && !e->target->interrupted; i++) {
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
