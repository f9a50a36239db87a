/* auth.Policy/Watch: the log of updates, snapshots, watchers. */
#include "runtime/auth/policy_internal.h"

#include "runtime/service/service.h"

#include <stdlib.h>
#include <string.h>

static const char watch_id[] = "auth.Policy.Watch";

struct policy_update {
    size_t references;
    char *about; /* the namespace whose rules these are; NULL: for everybody */
    size_t len;
    uint8_t data[];
};

struct policy_snapshot {
    size_t references;
    uint64_t place; /* in the log: the first update after it */
    ARRAY(struct policy_update *) pieces;
};

struct policy_watcher { /* in its call's arena */
    struct rpc_call *call;
    const char *namespace;            /* of a tenant's service; NULL: a component, which sees everything */
    struct policy_snapshot *snapshot; /* NULL when sent, or not begun */
    size_t piece;
    bool begun;
    uint64_t place; /* the next update to send */
    uint64_t stuck; /* since when it takes nothing, monotonic; 0: it does */
    struct policy_watcher *next, **link;
};

/* ---- updates and snapshots -------------------------------------------------------------------------------------- */

static struct policy_update *update_new(struct bytes packed, const char *about)
{
    struct policy_update *u = malloc(sizeof *u + packed.len);
    if (!u)
        return NULL;
    *u = (struct policy_update){.references = 1, .len = packed.len, .about = about ? strdup(about) : NULL};
    memcpy(u->data, packed.data, packed.len);
    if (about && !u->about) {
        free(u);
        return NULL;
    }
    return u;
}

static void update_release(struct policy_update *u)
{
    if (!u || --u->references > 0)
        return;
    free(u->about);
    free(u);
}

static void snapshot_release(struct policy_snapshot *s)
{
    if (!s || --s->references > 0)
        return;
    for (size_t i = 0; i < s->pieces.count; i++)
        update_release(s->pieces.items[i]);
    array_deinit(&s->pieces);
    free(s);
}

void policy_forget_snapshot(struct policy *p)
{
    snapshot_release(p->cached);
    p->cached = NULL;
}

static bool visible(const char *namespace, const char *about)
{
    return !namespace || !about || strcmp(about, namespace) == 0 || strcmp(about, MICRO_NAMESPACE) == 0;
}

struct building {
    struct policy_snapshot *snapshot;
    struct text body; /* of the piece being filled */
    ARRAY(struct text) bodies;
    bool failed;
};

static void close_piece(struct building *b)
{
    if (!text_ok(&b->body) || !array_push(&b->bodies, b->body)) {
        text_deinit(&b->body);
        b->failed = true;
    }
    b->body = TEXT_INIT;
}

/* Takes `fields`, which stay together; a piece is closed before it would grow beyond its size. */
static void add(struct building *b, struct text *fields)
{
    if (b->body.len > 0 && b->body.len + fields->len > POLICY_CHUNK)
        close_piece(b);
    text_add(&b->body, text_string(fields), fields->len);
    b->failed = b->failed || !text_ok(fields);
    text_clear(fields);
}

/* Heads come last, when the number of pieces is known: the last one carries the revision of the moment, and nothing
 * that says that more follows. */
static void add_heads(struct building *b, uint64_t revision)
{
    for (size_t i = 0; i < b->bodies.count; i++) {
        struct text packed = TEXT_INIT;
        size_t left = b->bodies.count - 1 - i;
        policy_put_head(&packed, revision - left, i == 0, left > 0);
        text_add(&packed, text_string(&b->bodies.items[i]), b->bodies.items[i].len);
        struct policy_update *u = text_ok(&packed) ? update_new(text_bytes(&packed), NULL) : NULL;
        if (!u || !array_push(&b->snapshot->pieces, u)) {
            update_release(u);
            b->failed = true;
        }
        text_deinit(&packed);
        text_deinit(&b->bodies.items[i]);
    }
    array_deinit(&b->bodies);
}

static struct policy_snapshot *snapshot_new(struct policy *p, const char *namespace)
{
    struct building b = {.snapshot = calloc(1, sizeof *b.snapshot)};
    struct text fields = TEXT_INIT;
    if (!b.snapshot)
        return NULL;
    b.snapshot->references = 1;
    b.snapshot->place = p->log_next;
    for (const struct map_entry *e = map_first(&p->keys); e; e = map_next(e)) {
        policy_put_item(&fields, POLICY_FIELD_KEYS, map_value(e));
        add(&b, &fields);
    }
    for (const struct map_entry *e = map_first(&p->namespaces); e; e = map_next(e)) {
        if (!visible(namespace, map_key(e)))
            continue;
        policy_put_rules(&fields, map_key(e), map_value(e));
        add(&b, &fields);
    }
    for (const struct map_entry *e = map_first(&p->revoked); e; e = map_next(e)) {
        policy_put_item(&fields, POLICY_FIELD_REVOCATIONS, map_value(e));
        add(&b, &fields);
    }
    close_piece(&b);
    text_deinit(&fields);
    if (b.bodies.count >= POLICY_STEP)
        b.failed = true;
    add_heads(&b, p->revision);
    if (!b.failed)
        return b.snapshot;
    snapshot_release(b.snapshot);
    return NULL;
}

/* A reference for the caller; NULL: no memory. */
static struct policy_snapshot *snapshot_for(struct policy *p, const char *namespace)
{
    if (namespace)
        return snapshot_new(p, namespace);
    if (!p->cached)
        p->cached = snapshot_new(p, NULL);
    if (p->cached)
        p->cached->references++;
    return p->cached;
}

/* ---- watchers --------------------------------------------------------------------------------------------------- */

static void watcher_remove(struct policy *p, struct policy_watcher *w)
{
    rpc_call_set_user(w->call, NULL);
    snapshot_release(w->snapshot);
    w->snapshot = NULL;
    *w->link = w->next;
    if (w->next)
        w->next->link = w->link;
    p->watcher_count--;
}

static void let_go(struct policy *p, struct policy_watcher *w, const char *why)
{
    struct rpc_call *call = w->call;
    watcher_remove(p, w);
    micro_fail(call, 503, watch_id, "%s", why);
}

/* Updates are packed already; a client that speaks JSON gets them the long way. */
static int send_update(struct rpc_call *call, const struct policy_update *u)
{
    if (!rpc_call_json(call))
        return rpc_call_send_bytes(call, BYTES(u->data, u->len));
    struct arena arena = ARENA_INIT;
    ProtobufCMessage *message = NULL;
    int rc = pb_unpack(&auth__policy_update__descriptor, BYTES(u->data, u->len), &arena, &message, NULL);
    if (rc == 0)
        rc = rpc_call_send(call, message);
    arena_deinit(&arena);
    return rc;
}

/* What to send next; NULL: nothing. Moves the watcher on. */
static const struct policy_update *take_next(struct policy *p, struct policy_watcher *w)
{
    if (w->snapshot && w->piece < w->snapshot->pieces.count)
        return w->snapshot->pieces.items[w->piece++];
    snapshot_release(w->snapshot);
    w->snapshot = NULL;
    while (w->place < p->log_next) {
        const struct policy_update *u = p->log[w->place++ % POLICY_LOG_MAX];
        if (visible(w->namespace, u->about))
            return u;
    }
    return NULL;
}

static bool has_more(const struct policy *p, const struct policy_watcher *w)
{
    return w->snapshot || w->place < p->log_next;
}

/* Sends what there is room for. The watcher may be gone afterwards. */
static void pump(struct policy *p, struct policy_watcher *w)
{
    if (!w->begun)
        return;
    while (!rpc_call_busy(w->call)) {
        w->stuck = 0;
        if (w->place < p->log_first) {
            let_go(p, w, "the watcher reads too slowly: watch again");
            return;
        }
        const struct policy_update *u = take_next(p, w);
        if (!u)
            return;
        int rc = send_update(w->call, u);
        if (rc && rc != ERROR_CANCELLED) {
            let_go(p, w, "out of memory: watch again");
            return;
        }
    }
    if (w->stuck == 0 && has_more(p, w)) {
        w->stuck = world_now(p->world);
        if (w->stuck == 0)
            w->stuck = 1;
    }
}

static void watcher_begin(struct policy *p, struct policy_watcher *w)
{
    w->snapshot = snapshot_for(p, w->namespace);
    if (!w->snapshot) {
        let_go(p, w, "out of memory: watch again");
        return;
    }
    w->place = w->snapshot->place;
    w->begun = true;
    pump(p, w);
}

void policy_begin_waiting(struct policy *p)
{
    for (struct policy_watcher *w = p->watchers, *next; w; w = next) {
        next = w->next;
        if (!w->begun)
            watcher_begin(p, w);
    }
}

void policy_dismiss(struct policy *p, const char *why)
{
    while (p->watchers)
        let_go(p, p->watchers, why);
}

void policy_dismiss_stuck(struct policy *p)
{
    uint64_t now = world_now(p->world);
    for (struct policy_watcher *w = p->watchers, *next; w; w = next) {
        next = w->next;
        if (w->stuck && now - w->stuck > POLICY_STALL)
            let_go(p, w, "the watcher reads nothing: watch again");
    }
}

void policy_close(struct policy *p)
{
    p->closed = true;
    policy_dismiss(p, "auth is stopping");
}

bool policy_all_told(const struct policy *p)
{
    for (const struct policy_watcher *w = p->watchers; w; w = w->next)
        if (!w->begun || has_more(p, w) || rpc_call_busy(w->call))
            return false;
    return true;
}

int policy_publish(struct policy *p, struct bytes packed, const char *about)
{
    struct policy_update *u = update_new(packed, about);
    policy_forget_snapshot(p);
    if (!u)
        return ERROR_MEMORY;
    struct policy_update **slot = &p->log[p->log_next++ % POLICY_LOG_MAX];
    update_release(*slot);
    *slot = u;
    if (p->log_next - p->log_first > POLICY_LOG_MAX)
        p->log_first++;
    for (struct policy_watcher *w = p->watchers, *next; w; w = next) {
        next = w->next;
        if (w->begun && w->place < p->log_first)
            let_go(p, w, "the watcher reads too slowly: watch again");
        else
            pump(p, w);
    }
    return 0;
}

void policy_log_deinit(struct policy *p)
{
    for (size_t i = 0; i < POLICY_LOG_MAX; i++) {
        update_release(p->log[i]);
        p->log[i] = NULL;
    }
}

/* ---- the method ------------------------------------------------------------------------------------------------- */

static void watch(struct rpc_call *call, const ProtobufCMessage *request, void *context)
{
    struct policy *p = context;
    (void)request;
    const struct micro_account *a = micro_caller(call);
    if (!a) {
        micro_fail(call, 401, watch_id, "an account is required");
        return;
    }
    if (strcmp(a->type, "service") != 0 || !micro_has_scope(a, "service")) {
        micro_fail(call, 403, watch_id, "Forbidden: the policy is for services");
        return;
    }
    if (p->closed || p->watcher_count >= POLICY_WATCHERS_MAX) {
        micro_fail(call, 503, watch_id, p->closed ? "auth is stopping" : "too many watchers");
        return;
    }
    struct policy_watcher *w = ARENA_NEW(rpc_call_arena(call), struct policy_watcher);
    if (!w) {
        micro_fail(call, 507, watch_id, "out of memory");
        return;
    }
    *w = (struct policy_watcher){.call = call,
                                 .namespace = strcmp(a->issuer, MICRO_NAMESPACE) == 0 ? NULL : a->issuer,
                                 .next = p->watchers,
                                 .link = &p->watchers};
    if (w->next)
        w->next->link = &w->next;
    p->watchers = w;
    p->watcher_count++;
    rpc_call_set_user(call, w);
    policy_watch_clock(p);
    if (p->loaded)
        watcher_begin(p, w);
}

static void watch_cancelled(struct rpc_call *call, void *context)
{
    struct policy_watcher *w = rpc_call_user(call);
    if (w)
        watcher_remove(context, w);
    rpc_call_finish(call, GRPC_CANCELLED, NULL);
}

static void watch_writable(struct rpc_call *call, void *context)
{
    struct policy_watcher *w = rpc_call_user(call);
    if (w)
        pump(context, w);
}

static const struct rpc_method methods[] = {
    {.name = "Watch",
     .input = &auth__watch_policy_request__descriptor,
     .output = &auth__policy_update__descriptor,
     .unary = watch,
     .cancelled = watch_cancelled,
     .writable = watch_writable},
};
const struct rpc_service policy_service = {"auth.Policy", methods, sizeof methods / sizeof methods[0]};
