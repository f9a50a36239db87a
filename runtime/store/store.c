/* The store component: records behind RPC, with group commit.
 *
 * Writes and deletes that arrive in one turn of the loop wait in a batch; a task at the end of the turn applies them in
 * one transaction and answers each one once that is committed, so the cost of making them safe is shared. When a batch
 * fails its members are tried one by one, so that one that cannot be written does not take others with it. A write that
 * was answered survives kill and power cut; one answered with 503 may or may not be there. Preconditions are judged in
 * the transaction, after the changes before them in the batch, and 412 is answered when that is committed: what it
 * speaks of is as durable as an acknowledged write.
 *
 * With HARROW_BUG_EARLY_ACK (a planted bug, for the harness to find) writes are answered when they are applied, and
 * committed EARLY_ACK_DELAY later: everything looks right until the process dies in between. */
#include "base/log.h"
#include "runtime/store/handlers.h"

#include <stdio.h>

#define PROBE_EVERY     (1 * SECOND)  /* while the disk refuses writes: look whether it takes them again */
#define EXPIRY_LOOK_MAX (60 * SECOND) /* the wall clock may jump: look at least so often while anything expires */
#define EXPIRED_A_TURN  500           /* records: millions that expire at one time are removed bit by bit */
#define EARLY_ACK_DELAY (50 * MILLISECOND)

static void schedule_expiry(struct store *s)
{
    int64_t next = store_next_expiry(s->database);
    if (next <= 0) {
        world_timer_stop(&s->expiry);
        return;
    }
    int64_t wait = next - world_wall(s->world);
    wait = wait < MILLISECOND ? MILLISECOND : wait > EXPIRY_LOOK_MAX ? EXPIRY_LOOK_MAX : wait;
    (void)world_timer_start(&s->expiry, (uint64_t)wait); /* expired records are not shown even without it */
}

static void on_expiry(void *arg)
{
    struct store *s = arg;
    struct error err = ERROR_INIT;
    if (!store_in_transaction(s->database)) {
        size_t count = 0;
        int rc = store_expire(s->database, world_wall(s->world), EXPIRED_A_TURN, &count, &err);
        if (rc) {
            log_warn("store", "expired records cannot be removed: %s", err.message ? err.message : error_code_name(rc));
            error_clear(&err);
            (void)world_timer_start(&s->expiry, EXPIRY_LOOK_MAX);
            return;
        }
    }
    schedule_expiry(s);
}

/* ---- health ----------------------------------------------------------------------------------------------------- */

static void on_probe(void *arg)
{
    struct store *s = arg;
    if (store_in_transaction(s->database) || store_probe(s->database, NULL) == 0)
        micro_service_set_healthy(s->service, true, NULL);
    else
        (void)world_timer_start(&s->probe, PROBE_EVERY);
}

static void disk_refused(struct store *s, const struct error *err)
{
    if (world_timer_active(&s->probe))
        return;
    micro_service_set_healthy(s->service, false, err->message ? err->message : error_code_name(err->code));
    (void)world_timer_start(&s->probe, PROBE_EVERY);
}

/* ---- the batch -------------------------------------------------------------------------------------------------- */

static void answer(struct store *s, struct store_pending *p, int rc, struct error *err)
{
    if (p->ended)
        p->ended(s, p, rc);
    if (rc == 0 && p->change.refused) {
        micro_fail(p->call, 412, p->id, "the record changed");
        return;
    }
    if (rc == 0) {
        char revision[24];
        int n = snprintf(revision, sizeof revision, "%llu", (unsigned long long)p->change.revision);
        (void)rpc_call_add_trailer(p->call, "micro-revision", BYTES(revision, (size_t)n));
        if (!p->change.remove && p->change.expires)
            s->expiring = true;
        rpc_call_reply(p->call, p->reply);
        return;
    }
    const char *why = err->message ? err->message : error_code_name(rc);
    log_warn("store", "%s refused: %s", p->id, why);
    micro_fail(p->call, rc == ERROR_NO_SPACE || rc == ERROR_MEMORY ? 507 : 503, p->id, "%s",
               rc == ERROR_NO_SPACE ? "the disk is full" : why);
}

static int commit(struct store *s, struct error *err)
{
    int rc = world_point(s->world, "store.write.before_commit");
    if (rc) {
        store_rollback(s->database);
        return error_set(err, rc, "failed before the commit: %s", error_code_name(rc));
    }
    rc = store_commit(s->database, err);
    if (rc) {
        disk_refused(s, err);
        return rc;
    }
    rc = world_point(s->world, "store.write.after_commit");
    return rc ? error_set(err, rc, "failed after the commit: %s", error_code_name(rc)) : 0;
}

/* Applies from `first` up to, not including, `end`. On failure nothing of it is left. */
static int apply(struct store *s, struct store_pending *first, const struct store_pending *end, struct error *err)
{
    int rc = store_in_transaction(s->database) ? 0 : store_begin(s->database, err);
    for (struct store_pending *p = first; rc == 0 && p != end; p = p->next)
        rc = store_apply(s->database, &p->change, err);
    if (rc)
        store_rollback(s->database);
    return rc;
}

static void answer_all(struct store *s, struct store_pending *first, int rc, struct error *err)
{
    for (struct store_pending *p = first, *next; p; p = next) {
        next = p->next; /* the call's memory goes with the answer */
        answer(s, p, rc, err);
    }
    error_clear(err);
}

#ifdef HARROW_BUG_EARLY_ACK
static void on_late_commit(void *arg)
{
    struct store *s = arg;
    struct error err = ERROR_INIT;
    if (store_in_transaction(s->database))
        if (commit(s, &err) == 0)
            blob_files_sweep(s->blob_files);
    error_clear(&err);
}

static void write_batch(struct store *s, struct store_pending *first)
{
    struct error err = ERROR_INIT;
    int rc = apply(s, first, NULL, &err);
    if (rc == 0 && !world_timer_active(&s->late) && world_timer_start(&s->late, EARLY_ACK_DELAY) != 0)
        on_late_commit(s);
    answer_all(s, first, rc, &err);
}
#else
static void on_late_commit(void *arg)
{
    (void)arg;
}

static void write_one_by_one(struct store *s, struct store_pending *first)
{
    bool broken = false;
    int rc = 0;
    struct error err = ERROR_INIT;
    for (struct store_pending *p = first, *next; p; p = next) {
        next = p->next;
        if (!broken) {
            error_clear(&err);
            rc = apply(s, p, next, &err);
            if (rc == 0)
                rc = commit(s, &err);
            else
                disk_refused(s, &err);
            broken = rc == ERROR_IO; /* the disk itself: the others would fare no better */
        }
        answer(s, p, rc, &err);
        if (rc == 0)
            blob_files_sweep(s->blob_files);
    }
    error_clear(&err);
}

static void write_batch(struct store *s, struct store_pending *first)
{
    struct error err = ERROR_INIT;
    int rc = apply(s, first, NULL, &err);
    if (rc && first->next) {
        error_clear(&err);
        write_one_by_one(s, first);
        return;
    }
    if (rc == 0)
        rc = commit(s, &err);
    else
        disk_refused(s, &err);
    answer_all(s, first, rc, &err);
    if (rc == 0)
        blob_files_sweep(s->blob_files);
}
#endif

static void flush(void *arg)
{
    struct store *s = arg;
    struct store_pending *first = s->pending;
    s->pending = NULL;
    s->pending_end = &s->pending;
    if (!first)
        return;
    write_batch(s, first);
    if (s->expiring) {
        s->expiring = false;
        schedule_expiry(s);
    }
}

void store_submit(struct store *s, struct store_pending *p)
{
    p->next = NULL;
    *s->pending_end = p;
    s->pending_end = &p->next;
    world_task_post(&s->flush);
}

/* ---- the component ---------------------------------------------------------------------------------------------- */

static void tear_down(struct store *s)
{
    world_task_cancel(&s->flush);
    micro_service_free(s->service);
    blob_files_free(s->blob_files);
    store_close(s->database);
    free(s->blob_chunk);
    free(s);
}

static void stop(void *state)
{
    struct store *s = state;
    struct error err = ERROR_INIT;
    if (s->pending) {
        error_set(&err, ERROR_CLOSED, "the store is shutting down");
        answer_all(s, s->pending, ERROR_CLOSED, &err);
    }
    world_timer_stop(&s->expiry);
    world_timer_stop(&s->probe);
    world_timer_stop(&s->late);
    on_late_commit(s);
    tear_down(s);
}

static int open_database(struct store *s, const struct micro_options *options, struct error *err)
{
    struct text path = TEXT_INIT;
    text_printf(&path, "%s/store", options->data_dir);
    int rc = text_ok(&path) ? world_make_directory(s->world, text_string(&path)) : ERROR_MEMORY;
    if (rc)
        error_set(err, rc, "cannot make the directory %s: %s", text_string(&path), error_code_name(rc));
    size_t directory = path.len;
    text_puts(&path, "/store.db");
    if (rc == 0)
        rc = text_ok(&path) ? store_open(s->world, text_string(&path), &s->database, err)
                            : error_set(err, ERROR_MEMORY, "out of memory");
    text_truncate(&path, directory);
    text_puts(&path, "/blobs");
    if (rc == 0)
        rc = text_ok(&path) ? blob_files_new(s, text_string(&path), &s->blob_files, err)
                            : error_set(err, ERROR_MEMORY, "out of memory");
    text_deinit(&path);
    return rc;
}

static int read_options(struct store *s, const struct micro_options *options, struct error *err)
{
    const char *given = micro_option(options, "blob-max");
    s->blob_max = STORE_BLOB_MAX;
    if (!given)
        return 0;
    int rc = units_parse_size(given, &s->blob_max, err);
    if (rc == 0 && s->blob_max > INT64_MAX)
        rc = error_set(err, ERROR_INVALID, "%s is more than any file can hold", given);
    if (rc)
        error_wrap(err, "--blob-max");
    return rc;
}

static int start(struct world *w, const struct micro_options *options, void **state, struct error *err)
{
    struct store *s = calloc(1, sizeof *s);
    if (!s)
        return error_set(err, ERROR_MEMORY, "out of memory");
    s->world = w;
    s->pending_end = &s->pending;
    world_task_init(&s->flush, w, flush, s);
    world_timer_init(&s->expiry, w, on_expiry, s);
    world_timer_init(&s->probe, w, on_probe, s);
    world_timer_init(&s->late, w, on_late_commit, s);
    struct micro_service_config config = {.name = "store", .access = MICRO_OWN_RULES, .options = options};
    int rc = read_options(s, options, err);
    if (rc == 0 && !(s->blob_chunk = malloc(STORE_BLOB_CHUNK)))
        rc = error_set(err, ERROR_MEMORY, "out of memory");
    if (rc == 0)
        rc = micro_service_new(w, &config, &s->service, err);
    if (rc == 0 && ((rc = micro_service_add(s->service, &store_service, s)) != 0 ||
                    (rc = micro_service_add(s->service, &store_blob_service, s)) != 0))
        error_set(err, rc, "the store's handlers cannot be set up");
    if (rc == 0)
        rc = open_database(s, options, err);
    if (rc == 0)
        rc = micro_service_start(s->service, err);
    if (rc) {
        tear_down(s);
        return rc;
    }
    on_expiry(s);
    *state = s;
    return 0;
}

static void drain(void *state, uint64_t grace, void (*done)(void *arg), void *arg)
{
    struct store *s = state;
    micro_service_drain(s->service, grace, done, arg);
}

static const char *const services[] = {"store.Store", "store.BlobStore", NULL};
static const char *const needs[] = {"registry", NULL};
static const char *const own_options[] = {"blob-max", NULL};
extern const struct component store_component;
const struct component store_component = {
    .name = "store",
    .port_offset = 2,
    .needs = needs,
    .services = services,
    .stateful = true,
    .options = own_options,
    .start = start,
    .drain = drain,
    .stop = stop,
};
