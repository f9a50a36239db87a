#include "fuzz/live/feedback.h"

#include "fuzz/live/engine.h"

#define WAIT_MAX ((uint64_t)SECOND) /* that a case waits to be run alone */
#define SHARE    5                  /* one part in so many of the time goes to rounds */

int feedback_open(struct feedback *f, struct world *files, const char *folder, struct error *err)
{
    *f = (struct feedback){0};
    if (!folder)
        return 0;
    f->started = world_now(files);
    f->cover = cover_new();
    if (!f->cover)
        return error_set(err, ERROR_MEMORY, "out of memory");
    int rc = cover_shared_open(files, folder, f->cover, &f->shared, err);
    if (rc == 0 && cover_edges_all(f->cover) > 0) {
        cover_collect(f->cover, true); /* what starting reaches is nobody's merit */
        cover_reset(f->cover);
        return 0;
    }
    feedback_close(f);
    return rc;
}

void feedback_close(struct feedback *f)
{
    cover_shared_close(f->shared);
    cover_free(f->cover);
    for (size_t i = 0; i < FEEDBACK_BATCH; i++)
        fuzz_case_deinit(&f->batch[i].c);
    for (size_t i = 0; i < FEEDBACK_PENDING_MAX; i++)
        fuzz_case_deinit(&f->pending[i].c);
    array_deinit(&f->edges);
    array_deinit(&f->classes);
    *f = (struct feedback){0};
}

void feedback_refresh(struct feedback *f)
{
    if (f->shared)
        (void)cover_shared_refresh(f->shared, NULL); /* what cannot be read now is looked for again */
}

static int copy(struct made *to, const struct made *from)
{
    struct fuzz_case c = to->c;
    int rc = fuzz_case_copy(&c, &from->c);
    *to = *from;
    to->c = c;
    return rc;
}

/* What the batch saw and nobody saw before: remembered, so that a round without an explanation can put it away. */
static void remember(struct feedback *f)
{
    const uint32_t *edges;
    const uint8_t *classes;
    size_t count = cover_last_new(f->cover, &edges, &classes);
    for (size_t i = 0; i < count; i++)
        if (!array_grow(&f->classes) || !array_push(&f->edges, edges[i]))
            return;
        else
            (void)array_push(&f->classes, classes[i]);
}

bool feedback_done(struct feedback *f, const struct made *made, uint64_t now)
{
    if (!f->cover)
        return false;
    if (copy(&f->batch[f->batch_count], made) == 0)
        f->batch_count++;
    if (f->batch_count == FEEDBACK_BATCH) {
        if (cover_collect(f->cover, false) > 0) {
            remember(f);
            if (f->pending_count == 0)
                f->pending_since = now;
            for (size_t i = 0; i < f->batch_count && f->pending_count < FEEDBACK_PENDING_MAX; i++)
                f->pending_count += copy(&f->pending[f->pending_count], &f->batch[i]) == 0;
        }
        cover_reset(f->cover);
        f->batch_count = 0;
    }
    bool time = f->spent * SHARE <= now - f->started;
    return time &&
           (f->pending_count == FEEDBACK_PENDING_MAX || (f->pending_count > 0 && now - f->pending_since > WAIT_MAX));
}

void feedback_attribute(struct engine *e)
{
    struct feedback *f = &e->feedback;
    struct fuzz_trace t = FUZZ_TRACE_INIT;
    size_t explained = 0;
    uint64_t began = engine_now(e);
    for (size_t i = 0; i < f->pending_count && !engine_ends(e); i++) {
        cover_reset(f->cover);
        if (engine_run_alone(e, &f->pending[i].c, &t) != 0 || cover_collect(f->cover, true) == 0)
            continue;
        explained++;
        e->novel_at = engine_now(e);
        maker_keep(e->maker, &f->pending[i]);
        (void)stored_keep(&e->store, &f->pending[i], NULL, e->summary->cases, engine_now(e), NULL);
    }
    if (explained == 0)
        cover_mark(f->cover, f->edges.items, f->classes.items, f->edges.count);
    fuzz_trace_deinit(&t);
    array_clear(&f->edges);
    array_clear(&f->classes);
    f->pending_count = f->batch_count = 0;
    f->spent += engine_now(e) - began;
    cover_reset(f->cover);
}
