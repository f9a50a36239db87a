#include "fuzz/loop/twin.h"

#include "world/worker.h"

#include <string.h>

#define HEADER   ((size_t)4096) /* bytes the shared header has */
#define SIZE     (HEADER + 2 * TWIN_RING)
#define MAGIC    "HTWIN01"
#define IDLE     ((uint64_t)500000)      /* ns between two looks of a twin that has nothing to do */
#define WAIT     ((uint64_t)100000)      /* ns between two looks for an answer */
#define LOOK     ((uint64_t)50000000)    /* ns between two looks at a solver */
#define DESERTED ((uint64_t)30000000000) /* ns without a beat after which nobody is there any more */

struct answer_head {
    uint32_t kind, unused;
};

_Static_assert(sizeof(struct twin_shared) <= HEADER, "the header has its room");

static void lay_out(struct twin *t)
{
    uint8_t *at = t->memory.data;
    t->shared = (void *)at;
    t->cases = (void *)(at + HEADER);
    t->answers = (void *)(at + HEADER + TWIN_RING);
}

static void fill_sizes(uint32_t out[4])
{
    out[0] = sizeof(struct record_head);
    out[1] = sizeof(struct fuzz_event);
    out[2] = sizeof(struct solved);
    out[3] = (uint32_t)TWIN_RING;
}

int twin_open(struct twin *t, struct world *w, const char *path, struct error *err)
{
    int rc = 0;
    *t = (struct twin){0};
    if (path) {
        struct world_file *f;
        rc =
            world_file_open(w, path, WORLD_READ | WORLD_WRITE | WORLD_CREATE | WORLD_TRUNCATE | WORLD_PRIVATE, &f, err);
        if (rc)
            return rc;
        rc = world_file_truncate(f, SIZE);
        world_file_close(f);
        if (rc == 0)
            rc = world_mapping_open(path, true, &t->memory);
    } else {
        rc = world_mapping_anonymous(SIZE, &t->memory);
    }
    if (rc)
        return error_set(err, rc, "no shared memory for a second build: %s", error_code_name(rc));
    lay_out(t);
    ring_init(t->cases, TWIN_RING);
    ring_init(t->answers, TWIN_RING);
    fill_sizes(t->shared->sizes);
    memcpy(t->shared->magic, MAGIC, sizeof t->shared->magic);
    return 0;
}

int twin_attach(struct twin *t, const char *path, struct error *err)
{
    uint32_t sizes[4];
    *t = (struct twin){0};
    int rc = world_mapping_open(path, true, &t->memory);
    if (rc)
        return error_set(err, rc, "cannot map %s: %s", path, error_code_name(rc));
    lay_out(t);
    fill_sizes(sizes);
    if (t->memory.size != SIZE || memcmp(t->shared->magic, MAGIC, sizeof t->shared->magic) != 0 ||
        memcmp(t->shared->sizes, sizes, sizeof sizes) != 0) {
        twin_close(t);
        return error_set(err, ERROR_INVALID, "%s is not of a campaign of the same sources: build both anew", path);
    }
    return 0;
}

void twin_close(struct twin *t)
{
    world_mapping_close(&t->memory);
    *t = (struct twin){0};
}

/* ---- who asks ---- */

bool twin_give(struct twin *t, const struct fuzz_case *c)
{
    struct record r = {.head = {.lane = LANE_VALID}};
    record_set_case(&r, c);
    void *room = atomic_load(&t->shared->lost) ? NULL : ring_reserve(t->cases, record_size(&r));
    if (!room) {
        atomic_fetch_add(&t->shared->dropped, 1);
        return false;
    }
    record_write(&r, room);
    ring_commit(t->cases);
    return true;
}

struct patience {
    uint64_t since, alive;
};

/* A moment passes. False: it did so too often without a sign of life. */
static bool wait(struct twin *t, struct patience *p)
{
    uint64_t now = world_worker_now(), alive = atomic_load(&t->shared->alive);
    if (p->since == 0 || alive != p->alive)
        *p = (struct patience){now, alive};
    if (now - p->since > (atomic_load(&t->shared->ready) ? TWIN_PATIENCE : TWIN_STARTING))
        atomic_store(&t->shared->lost, true);
    if (atomic_load(&t->shared->lost))
        return false;
    world_worker_pause(WAIT);
    return true;
}

bool twin_ask(struct twin *t, const struct fuzz_case *c)
{
    struct patience patience = {0, 0};
    size_t len;
    /* What a worker that died had asked for is not this one's answer. */
    do
        while (ring_peek(t->answers, &len))
            ring_consume(t->answers);
    while (!ring_is_empty(t->cases) && wait(t, &patience));
    return twin_give(t, c);
}

bool twin_next(struct twin *t, struct twin_answer *out)
{
    struct patience patience = {0, 0};
    for (;;) {
        size_t len;
        const uint8_t *at = ring_peek(t->answers, &len);
        struct answer_head head = {0, 0};
        struct record r;
        if (!at) {
            if (!wait(t, &patience))
                return false;
            continue;
        }
        if (len >= sizeof head)
            memcpy(&head, at, sizeof head);
        out->kind = (enum twin_answer_kind)head.kind;
        if (head.kind == TWIN_LEARNT && len == sizeof head + sizeof out->solved) {
            memcpy(&out->solved, at + sizeof head, sizeof out->solved);
            if (memchr(out->solved.type, 0, sizeof out->solved.type) && out->solved.len <= SOLVE_VALUE_MAX &&
                out->solved.kind < RELATION_KINDS)
                return true;
        } else if (head.kind == TWIN_MADE && record_read(at + sizeof head, len - sizeof head, &r)) {
            out->c = record_case(&r);
            return true;
        } else if (head.kind == TWIN_DONE && len >= sizeof head) {
            ring_consume(t->answers);
            return false;
        }
        ring_consume(t->answers); /* neither: overwritten by what broke there */
    }
}

void twin_taken(struct twin *t)
{
    ring_consume(t->answers);
}

/* ---- the twin ---- */

bool twin_waiting(struct twin *t, struct fuzz_case *out)
{
    size_t len;
    const void *at;
    struct record r;
    while ((at = ring_peek(t->cases, &len))) {
        if (record_read(at, len, &r)) {
            *out = record_case(&r);
            return true;
        }
        ring_consume(t->cases);
    }
    return false;
}

void twin_took(struct twin *t)
{
    ring_consume(t->cases);
    atomic_fetch_add(&t->shared->taken, 1);
}

bool twin_is_over(struct twin *t)
{
    static uint64_t beat, moved_at;
    uint64_t now = world_worker_now(), is = atomic_load(&t->shared->beat);
    if (moved_at == 0 || is != beat) {
        beat = is;
        moved_at = now;
    }
    return now - moved_at > DESERTED || (atomic_load(&t->shared->stop) && ring_is_empty(t->cases));
}

/* What one case's worker is made of. */
struct solving {
    struct twin *twin;
    const struct fuzz_target *target;
    void *state;
    const struct pb_pool *pool;
    struct fuzz_case c;
};

static void answer(struct twin *t, enum twin_answer_kind kind, const void *data, const struct record *r)
{
    struct answer_head head = {.kind = kind};
    size_t size = kind == TWIN_LEARNT ? sizeof(struct solved) : r ? record_size(r) : 0;
    uint8_t *room = NULL;
    if (!ring_fits(t->answers, sizeof head + size))
        return;
    while (!(room = ring_reserve(t->answers, sizeof head + size))) {
        if (twin_is_over(t))
            return;
        world_worker_pause(WAIT);
    }
    memcpy(room, &head, sizeof head);
    if (r)
        record_write(r, room + sizeof head);
    else if (size)
        memcpy(room + sizeof head, data, size);
    ring_commit(t->answers);
}

static void on_learnt(void *arg, const struct solved *s)
{
    struct solving *g = arg;
    atomic_fetch_add(&g->twin->shared->learnt, 1);
    answer(g->twin, TWIN_LEARNT, s, NULL);
}

static void on_made(void *arg, const struct fuzz_case *c)
{
    struct solving *g = arg;
    struct record r = {.head = {.lane = LANE_VALID}};
    record_set_case(&r, c);
    atomic_fetch_add(&g->twin->shared->made, 1);
    answer(g->twin, TWIN_MADE, NULL, &r);
}

static int solve_one(void *arg)
{
    struct solving *g = arg;
    struct solve_sink sink = {.learnt = on_learnt, .made = on_made, .arg = g};
    struct solve_stats stats;
    return solve_case(g->target, g->state, g->pool, &g->c, &sink, &stats) ? 1 : 0;
}

int twin_solve(struct twin *t, const struct fuzz_target *target, struct error *err)
{
    struct solving g = {.twin = t, .target = target};
    int rc = target->setup ? target->setup(&g.state, &g.pool, err) : 0;
    if (rc)
        return rc;
    atomic_store(&t->shared->ready, true);
    while (rc == 0 && !twin_is_over(t)) {
        atomic_fetch_add(&t->shared->alive, 1);
        struct fuzz_case waiting;
        struct world_worker *process;
        struct world_exit status;
        if (!twin_waiting(t, &waiting)) {
            world_worker_pause(IDLE);
            continue;
        }
        rc = fuzz_case_copy(&g.c, &waiting);
        if (rc == 0)
            rc = world_worker_start(solve_one, &g, true, &process, err);
        if (rc)
            break;
        for (uint64_t waited = 0; waited < TWIN_SOLVING && !world_worker_wait(process, LOOK, &status); waited += LOOK)
            atomic_fetch_add(&t->shared->alive, 1);
        world_worker_close(process);
        answer(t, TWIN_DONE, NULL, NULL);
        twin_took(t);
    }
    fuzz_case_deinit(&g.c);
    if (target->teardown)
        target->teardown(g.state);
    return rc;
}
