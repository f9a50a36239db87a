#include "chaos/workload/watches.h"

#include "base/units.h"

#include <stdlib.h>

#define QUIET ((uint64_t)SECOND)

struct watch {
    struct follower follower; /* first */
    bool told;                /* something, on this stream */
    bool noted;               /* what it believes in the end */
    int64_t value;
};
struct watches {
    struct watch *all; /* by key */
    bool *settled;     /* by key */
    bool finds, awake;
    int64_t next;
};

int watches_prepare(struct workload *w, const struct follower_kind *kind, bool finds, struct error *err)
{
    struct watches *s = calloc(1, sizeof *s);
    workload_set_state(w, s);
    if (s != NULL) {
        s->finds = finds;
        s->all = calloc((size_t)workload_keys(w), sizeof *s->all);
        s->settled = calloc((size_t)workload_keys(w), sizeof *s->settled);
    }
    if (s == NULL || s->all == NULL || s->settled == NULL)
        return error_set(err, ERROR_MEMORY, "out of memory");
    for (int i = 0; i < workload_keys(w); i++)
        follower_init(&s->all[i].follower, w, kind, (uint32_t)i, ++s->next, NULL);
    return 0;
}

void watches_start(struct workload *w)
{
    struct watches *s = workload_state(w);
    for (int i = 0; i < workload_keys(w); i++)
        follower_start(&s->all[i].follower);
}

/* One whose stream told nothing since it stands believes nothing yet. */
static void note_belief(struct workload *w, struct watch *watch)
{
    struct history *h = workload_write(w);
    uint64_t now = world_now(workload_target(w)->world);
    int64_t index = history_invoke(h, workload_process(w), OPERATION_READ, watch->follower.key, VALUE_NIL, now);
    if (index >= 0)
        history_end(h, index, END_OK, watch->value, now);
    watch->noted = true;
}

bool watches_quiet(struct workload *w)
{
    struct watches *s = workload_state(w);
    for (int i = 0; i < workload_keys(w); i++)
        if (!follower_idle(&s->all[i].follower, QUIET) || (s->finds && !s->all[i].told))
            return false;
    for (int i = 0; i < workload_keys(w); i++)
        if (s->all[i].told && !s->all[i].noted)
            note_belief(w, &s->all[i]);
    return true;
}

void watches_stop(struct workload *w)
{
    struct watches *s = workload_state(w);
    for (int i = 0; s != NULL && s->all != NULL && i < workload_keys(w); i++)
        follower_deinit(&s->all[i].follower);
}

void watches_release(struct workload *w)
{
    struct watches *s = workload_state(w);
    if (s != NULL) {
        free(s->all);
        free(s->settled);
    }
    free(s);
}

/* ---- streams ---- */

bool watches_has_found(const struct follower *f)
{
    return ((const struct watch *)f)->told;
}

int64_t watches_believed(const struct follower *f)
{
    return ((const struct watch *)f)->value;
}

static void believe(struct follower *f, int64_t value)
{
    struct watch *watch = (struct watch *)f;
    watch->told = true;
    watch->value = value;
}

void watches_found(struct follower *f, uint64_t revision, int64_t value)
{
    believe(f, value);
    follower_mark(f, revision);
}

void watches_told(struct follower *f, uint64_t revision, int64_t value)
{
    believe(f, value);
    follower_pair(f, (int64_t)revision, value);
}

void watches_ended(struct follower *f, const struct rpc_reply *reply)
{
    struct watches *s = workload_state(f->workload);
    (void)reply;
    ((struct watch *)f)->told = false;
    f->subscription = ++s->next;
}

/* ---- the end ---- */

void watches_written(struct workload_client *c)
{
    const struct watches *s = workload_state(c->workload);
    if (!workload_running(c->workload))
        s->settled[workload_operation(c)->key] = true;
}

/* Slow ones learn now that their streams broke, and open others, which what is written from now on has to come to. */
static void wake(struct workload *w)
{
    struct watches *s = workload_state(w);
    for (int i = 0; i < workload_keys(w); i++)
        follower_wake(&s->all[i].follower);
    s->awake = true;
    if (workload_kind_of(w)->dawdles > 0)
        world_sleep(workload_target(w)->world, WATCHES_WAKE);
}

int watches_final(struct workload_client *c, uint32_t key, int (*write)(struct workload_client *c, uint32_t key),
                  int (*read)(struct workload_client *c, uint32_t key))
{
    const struct watches *s = workload_state(c->workload);
    int count = s->finds ? 1 : workload_keys(c->workload);
    if (!s->awake)
        wake(c->workload);
    for (int i = 0; i < count; i++)
        if (!s->settled[i])
            return write(c, (uint32_t)i);
    return read(c, key);
}
