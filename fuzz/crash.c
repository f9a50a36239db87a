/* Crashes, and which input is to blame. When a process dies all its calls under way break off together, and some may be
 * seen to break before the process is seen to be gone. All of them are suspects; after the campaign each is sent alone.
 */
#include "fuzz/engine.h"

#include "base/units.h"

#include <stdlib.h>
#include <string.h>

#define CRASHES_MAX 8                         /* looked into; the rest would mostly be the same */
#define LOST_MAX    64                        /* calls remembered */
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

void engine_await(struct engine *e, const struct target_component *c)
{
    const struct component_watch *w = watch_of(e, c);
    uint64_t end = world_now(e->target->world) + BACK_WITHIN;
    while (w != NULL && w->down && !e->target->interrupted && world_now(e->target->world) < end) {
        engine_crashed(e, c);
        if (w->down && world_sleep(e->target->world, LOOK_EVERY) != 0)
            return;
    }
}

void engine_keep_lost(struct engine *e, const struct slot *s)
{
    struct lost_call lost = {
        .component = s->tally->component, .number = s->input.number, .at = world_now(e->target->world)};
    if (e->lost.count == LOST_MAX)
        array_remove(&e->lost, 0);
    (void)array_push(&e->lost, lost);
}

static void suspect(struct engine *e, const struct target_component *c, int64_t number, const struct text *why)
{
    struct fuzz_finding *f = calloc(1, sizeof *f);
    if (f == NULL)
        return;
    *f = (struct fuzz_finding){
        .component = c, .oracle = "crash", .count = 1, .crash = e->crashes, .why = strdup(text_string(why))};
    if (f->why == NULL || fuzz_input_make(&f->input, e->options.seed, number, e->methods, e->method_count) != 0 ||
        !array_push(&e->findings, f)) {
        fuzz_input_deinit(&f->input);
        free(f->why);
        free(f);
    }
}

void engine_keep_crash(struct engine *e, const struct slot *s, const struct text *why)
{
    const struct target_component *c = s->tally->component;
    uint64_t now = world_now(e->target->world);
    if (++e->crashes > CRASHES_MAX)
        return;
    suspect(e, c, s->input.number, why);
    for (size_t i = 0; i < e->lost.count; i++)
        if (e->lost.items[i].component == c && now - e->lost.items[i].at < LOST_RECENT)
            suspect(e, c, e->lost.items[i].number, why);
    array_clear(&e->lost);
    for (size_t i = 0; i < e->slot_count; i++)
        if (&e->slots[i] != s && e->slots[i].busy && e->slots[i].tally->component == c)
            suspect(e, c, e->slots[i].input.number, why);
}

/* True when the suspect alone does it again. */
static bool is_guilty(struct engine *e, struct fuzz_finding *f)
{
    struct text why = TEXT_INIT;
    const char *oracle = engine_try(e, &f->input, f->component, &why);
    bool guilty = oracle != NULL && strcmp(oracle, "crash") == 0;
    char *taken = guilty ? text_take(&why) : NULL;
    if (taken != NULL) {
        free(f->why);
        f->why = taken;
    }
    text_deinit(&why);
    return guilty;
}

static void confirm(struct engine *e, struct fuzz_finding *f)
{
    if (!engine_is_new(e, f))
        return;
    f->count = 1;
    engine_tally(e, f->input.method)->findings++;
}

/* Whoever did it, the component did crash: kept under the call that was seen to break off first. */
static void confirm_unsolved(struct engine *e, struct fuzz_finding *f, size_t suspects)
{
    struct text why = TEXT_INIT;
    text_printf(&why, "%s\n%zu calls were under way; none of them alone brings it down again", f->why, suspects);
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
