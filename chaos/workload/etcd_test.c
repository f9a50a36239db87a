/* The kinds of workload of etcd against a small etcd in the simulated world, of two members that share what they hold:
 * what they write down is valid when it is right, and shown by the kind's model when it lies in one way. */
#include "base/failing_walk.h"

#include "base/array.h"
#include "base/units.h"
#include "chaos/workload/etcd_calls.h"
#include "etcd/lock.pb-c.h"
#include "etcd/rpc.pb-c.h"
#include "world/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOAD_TIME ((uint64_t)(3 * SECOND)) /* virtual */
#define MEMBERS   2
#define KEY_MAX   160
#define LEASE     ((uint64_t)(2 * SECOND))

/* ---- the server ---- */

enum lie {
    LIE_NONE,
    LIE_FORGETS, /* one Put in 40 is answered and not done */
    LIE_STALE,   /* one Range in 40 tells what was there before */
    LIE_AGREES,  /* a Txn is done whatever it compares */
    LIE_SKIPS,   /* one event in 40 is not told */
    LIE_REPEATS, /* a watch that is resumed begins with the last event again */
    LIE_KEEPS,   /* one DeleteRange in 10 takes nothing away */
    LIE_BREAKS,  /* watches are broken again and again: which is no lie */
    LIE_REFUSES, /* for a while every call is UNAVAILABLE, done or not: nor is this */
};

struct entry {
    char key[KEY_MAX], value[24], before[24]; /* value "": not there */
    int64_t created, modified, lease;
};
struct event {
    size_t entry;
    char value[24];
    int64_t revision;
};
struct lease {
    int64_t id;
    uint64_t ends;
};
struct watch {
    struct rpc_call *call; /* NULL: over */
    char key[KEY_MAX];
    int64_t told; /* the revision up to which */
    uint64_t began;
};
struct waiter { /* for a lock */
    struct rpc_call *call;
    char prefix[KEY_MAX];
    int64_t lease;
};
struct cluster {
    struct world *world; /* whose clock leases run by */
    struct rpc_server *rpc[MEMBERS];
    enum lie lie;
    int64_t revision, next_lease;
    int count;
    ARRAY(struct entry) entries;
    ARRAY(struct event) events;
    ARRAY(struct lease) leases;
    ARRAY(struct watch) watches;
    ARRAY(struct waiter) waiters;
    struct world_timer tick;
};

static bool lies(struct cluster *s, enum lie lie, int one_of)
{
    return s->lie == lie && ++s->count % one_of == 0;
}

static void text_of(const ProtobufCBinaryData *data, char *out, size_t size)
{
    assert_true(data->len < size);
    if (data->len > 0)
        memcpy(out, data->data, data->len);
    out[data->len] = '\0';
}

static ProtobufCBinaryData data_of(char *text)
{
    return (ProtobufCBinaryData){.len = strlen(text), .data = (uint8_t *)text};
}

static struct entry *entry_of(struct cluster *s, const char *key)
{
    for (size_t i = 0; i < s->entries.count; i++)
        if (strcmp(s->entries.items[i].key, key) == 0)
            return &s->entries.items[i];
    struct entry e = {0};
    snprintf(e.key, sizeof e.key, "%s", key);
    assert_true(array_push(&s->entries, e));
    return &s->entries.items[s->entries.count - 1];
}

/* "": deletes. In the revision that is now. */
static void change(struct cluster *s, struct entry *e, const char *value, int64_t lease)
{
    struct event event = {.entry = (size_t)(e - s->entries.items), .revision = s->revision};
    memcpy(e->before, e->value, sizeof e->before);
    if (e->value[0] == '\0')
        e->created = s->revision;
    snprintf(e->value, sizeof e->value, "%s", value);
    if (value[0] == '\0')
        e->created = 0;
    e->modified = s->revision;
    e->lease = lease;
    memcpy(event.value, e->value, sizeof event.value);
    assert_true(array_push(&s->events, event));
}

static Etcdserverpb__ResponseHeader header_of(const struct cluster *s)
{
    Etcdserverpb__ResponseHeader h = ETCDSERVERPB__RESPONSE_HEADER__INIT;
    h.revision = s->revision;
    return h;
}

static void tell_watch(struct cluster *s, struct watch *w)
{
    for (size_t i = 0; w->call != NULL && i < s->events.count; i++) {
        const struct event *e = &s->events.items[i];
        if (e->revision <= w->told || strcmp(s->entries.items[e->entry].key, w->key) != 0)
            continue;
        w->told = e->revision;
        if (lies(s, LIE_SKIPS, 40))
            continue;
        Etcdserverpb__WatchResponse response = ETCDSERVERPB__WATCH_RESPONSE__INIT;
        Mvccpb__Event event = MVCCPB__EVENT__INIT, *events[] = {&event};
        Mvccpb__KeyValue kv = MVCCPB__KEY_VALUE__INIT;
        Etcdserverpb__ResponseHeader header = header_of(s);
        char value[24];
        memcpy(value, e->value, sizeof value);
        event.type = value[0] == '\0' ? MVCCPB__EVENT__EVENT_TYPE__DELETE : MVCCPB__EVENT__EVENT_TYPE__PUT;
        event.kv = &kv;
        kv.key = data_of(w->key);
        kv.value = data_of(value);
        kv.mod_revision = e->revision;
        response.header = &header;
        response.events = events;
        response.n_events = 1;
        (void)rpc_call_send(w->call, &response.base);
    }
}

/* Whether the call was answered already, with what a cluster without a leader says. */
static bool refused(struct cluster *s, struct rpc_call *call)
{
    bool now = s->lie == LIE_REFUSES && world_now(s->world) / (uint64_t)(500 * MILLISECOND) % 5 == 1;
    if (now)
        rpc_call_fail(call, GRPC_UNAVAILABLE, "etcdserver: leader changed");
    return now;
}

static void tell_watches(struct cluster *s)
{
    for (size_t i = 0; i < s->watches.count; i++)
        tell_watch(s, &s->watches.items[i]);
}

static void on_range(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    const Etcdserverpb__RangeRequest *r = (const Etcdserverpb__RangeRequest *)message;
    struct cluster *s = context;
    Etcdserverpb__RangeResponse response = ETCDSERVERPB__RANGE_RESPONSE__INIT;
    Etcdserverpb__ResponseHeader header = header_of(s);
    Mvccpb__KeyValue all[256], *kvs[256];
    char key[KEY_MAX], end[KEY_MAX];
    if (refused(s, call))
        return;
    text_of(&r->key, key, sizeof key);
    text_of(&r->range_end, end, sizeof end);
    bool stale = lies(s, LIE_STALE, 40);
    for (size_t i = 0; i < s->entries.count; i++) {
        struct entry *e = &s->entries.items[i];
        bool in = end[0] == '\0' ? strcmp(e->key, key) == 0 : strcmp(e->key, key) >= 0 && strcmp(e->key, end) < 0;
        char *value = stale ? e->before : e->value;
        if (!in || value[0] == '\0')
            continue;
        assert_true(response.n_kvs < 256);
        Mvccpb__KeyValue *kv = kvs[response.n_kvs] = &all[response.n_kvs];
        response.n_kvs++;
        mvccpb__key_value__init(kv);
        kv->key = data_of(e->key);
        kv->value = data_of(value);
        kv->create_revision = e->created;
        kv->mod_revision = e->modified;
    }
    response.header = &header;
    response.kvs = kvs;
    rpc_call_reply(call, &response.base);
}

static void put(struct cluster *s, const Etcdserverpb__PutRequest *r)
{
    char key[KEY_MAX], value[24];
    text_of(&r->key, key, sizeof key);
    text_of(&r->value, value, sizeof value);
    s->revision++;
    if (!lies(s, LIE_FORGETS, 40))
        change(s, entry_of(s, key), value, 0);
}

static int64_t delete (struct cluster *s, const Etcdserverpb__DeleteRangeRequest *r)
{
    char key[KEY_MAX];
    text_of(&r->key, key, sizeof key);
    struct entry *e = entry_of(s, key);
    if (e->value[0] == '\0')
        return 0;
    s->revision++;
    if (!lies(s, LIE_KEEPS, 10))
        change(s, e, "", 0);
    return 1;
}

static void on_put(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    struct cluster *s = context;
    Etcdserverpb__PutResponse response = ETCDSERVERPB__PUT_RESPONSE__INIT;
    put(s, (const Etcdserverpb__PutRequest *)message);
    tell_watches(s);
    Etcdserverpb__ResponseHeader header = header_of(s);
    response.header = &header;
    if (!refused(s, call))
        rpc_call_reply(call, &response.base);
}

static void on_delete(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    struct cluster *s = context;
    Etcdserverpb__DeleteRangeResponse response = ETCDSERVERPB__DELETE_RANGE_RESPONSE__INIT;
    response.deleted = delete (s, (const Etcdserverpb__DeleteRangeRequest *)message);
    tell_watches(s);
    Etcdserverpb__ResponseHeader header = header_of(s);
    response.header = &header;
    if (!refused(s, call))
        rpc_call_reply(call, &response.base);
}

static bool holds(struct cluster *s, const Etcdserverpb__Compare *c)
{
    char key[KEY_MAX], value[24];
    text_of(&c->key, key, sizeof key);
    const struct entry *e = entry_of(s, key);
    switch (c->target_union_case) {
    case ETCDSERVERPB__COMPARE__TARGET_UNION_CREATE_REVISION:
        return e->created == c->create_revision;
    case ETCDSERVERPB__COMPARE__TARGET_UNION_MOD_REVISION:
        return e->modified == c->mod_revision;
    case ETCDSERVERPB__COMPARE__TARGET_UNION_VALUE:
        text_of(&c->value, value, sizeof value);
        return strcmp(e->value, value) == 0;
    case ETCDSERVERPB__COMPARE__TARGET_UNION__NOT_SET:
    case ETCDSERVERPB__COMPARE__TARGET_UNION_VERSION:
    case ETCDSERVERPB__COMPARE__TARGET_UNION_LEASE:
    case _ETCDSERVERPB__COMPARE__TARGET_UNION__CASE_IS_INT_SIZE:
        break;
    }
    fail_msg("nobody compares that");
    return false;
}

static void on_txn(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    const Etcdserverpb__TxnRequest *r = (const Etcdserverpb__TxnRequest *)message;
    struct cluster *s = context;
    Etcdserverpb__TxnResponse response = ETCDSERVERPB__TXN_RESPONSE__INIT;
    assert_true(r->n_compare == 1 && r->n_success == 1);
    response.succeeded = s->lie == LIE_AGREES || holds(s, r->compare[0]);
    const Etcdserverpb__RequestOp *op = r->success[0];
    if (response.succeeded && op->request_case == ETCDSERVERPB__REQUEST_OP__REQUEST_REQUEST_PUT)
        put(s, op->request_put);
    else if (response.succeeded)
        (void)delete (s, op->request_delete_range);
    tell_watches(s);
    Etcdserverpb__ResponseHeader header = header_of(s);
    response.header = &header;
    if (!refused(s, call))
        rpc_call_reply(call, &response.base);
}

/* ---- watches ---- */

static void on_watch(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    const Etcdserverpb__WatchRequest *r = (const Etcdserverpb__WatchRequest *)message;
    struct cluster *s = context;
    Etcdserverpb__WatchResponse response = ETCDSERVERPB__WATCH_RESPONSE__INIT;
    Etcdserverpb__ResponseHeader header = header_of(s);
    assert_int_equal(r->request_union_case, ETCDSERVERPB__WATCH_REQUEST__REQUEST_UNION_CREATE_REQUEST);
    int64_t from = r->create_request->start_revision;
    struct watch w = {.call = call, .told = from > 0 ? from - 1 : s->revision, .began = world_now(s->world)};
    text_of(&r->create_request->key, w.key, sizeof w.key);
    if (s->lie == LIE_REPEATS && from > 0)
        w.told--;
    response.header = &header;
    response.created = true;
    (void)rpc_call_send(call, &response.base);
    assert_true(array_push(&s->watches, w));
    tell_watch(s, &s->watches.items[s->watches.count - 1]);
}

static void watch_over(struct rpc_call *call, void *context)
{
    struct cluster *s = context;
    for (size_t i = 0; i < s->watches.count; i++)
        if (s->watches.items[i].call == call)
            s->watches.items[i].call = NULL;
    rpc_call_finish(call, GRPC_OK, NULL);
}

/* ---- leases and locks ---- */

static struct lease *lease_of(struct cluster *s, int64_t id)
{
    for (size_t i = 0; i < s->leases.count; i++)
        if (s->leases.items[i].id == id)
            return &s->leases.items[i];
    return NULL;
}

static bool is_locked(struct cluster *s, const char *prefix)
{
    for (size_t i = 0; i < s->entries.count; i++)
        if (s->entries.items[i].lease != 0 && strncmp(s->entries.items[i].key, prefix, strlen(prefix)) == 0)
            return true;
    return false;
}

static void give_locks(struct cluster *s)
{
    for (size_t i = 0; i < s->waiters.count; i++) {
        struct waiter *w = &s->waiters.items[i];
        if (w->call == NULL || is_locked(s, w->prefix) || lease_of(s, w->lease) == NULL)
            continue;
        V3lockpb__LockResponse response = V3LOCKPB__LOCK_RESPONSE__INIT;
        char key[KEY_MAX];
        snprintf(key, sizeof key, "%.100s/%llx", w->prefix, (unsigned long long)w->lease);
        s->revision++;
        change(s, entry_of(s, key), "lock", w->lease);
        response.key = data_of(key);
        rpc_call_reply(w->call, &response.base);
        w->call = NULL;
    }
}

static void lease_end(struct cluster *s, int64_t id)
{
    s->revision++;
    for (size_t i = 0; i < s->entries.count; i++)
        if (s->entries.items[i].lease == id)
            change(s, &s->entries.items[i], "", 0);
    struct lease *l = lease_of(s, id);
    array_remove(&s->leases, (size_t)(l - s->leases.items));
    give_locks(s);
}

static void on_tick(void *arg)
{
    struct cluster *s = arg;
    uint64_t now = world_now(s->world);
    for (size_t i = s->leases.count; i-- > 0;)
        if (i < s->leases.count && s->leases.items[i].ends <= now)
            lease_end(s, s->leases.items[i].id);
    for (size_t i = 0; s->lie == LIE_BREAKS && i < s->watches.count; i++) {
        struct watch *w = &s->watches.items[i];
        if (w->call == NULL || now - w->began < (uint64_t)(300 * MILLISECOND))
            continue;
        rpc_call_fail(w->call, GRPC_UNAVAILABLE, "etcdserver: no leader");
        w->call = NULL;
    }
    world_timer_start(&s->tick, (uint64_t)(50 * MILLISECOND));
}

static void on_grant(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    struct cluster *s = context;
    Etcdserverpb__LeaseGrantResponse response = ETCDSERVERPB__LEASE_GRANT_RESPONSE__INIT;
    const struct lease l = {++s->next_lease, world_now(s->world) + LEASE};
    (void)message;
    assert_true(array_push(&s->leases, l));
    response.id = l.id;
    response.ttl = 2;
    if (!refused(s, call))
        rpc_call_reply(call, &response.base);
}

static void on_revoke(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    struct cluster *s = context;
    int64_t id = ((const Etcdserverpb__LeaseRevokeRequest *)message)->id;
    Etcdserverpb__LeaseRevokeResponse response = ETCDSERVERPB__LEASE_REVOKE_RESPONSE__INIT;
    if (lease_of(s, id) == NULL) {
        rpc_call_fail(call, GRPC_NOT_FOUND, "etcdserver: requested lease not found");
        return;
    }
    lease_end(s, id);
    if (!refused(s, call))
        rpc_call_reply(call, &response.base);
}

static void on_keep_alive(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    struct cluster *s = context;
    Etcdserverpb__LeaseKeepAliveResponse response = ETCDSERVERPB__LEASE_KEEP_ALIVE_RESPONSE__INIT;
    response.id = ((const Etcdserverpb__LeaseKeepAliveRequest *)message)->id;
    struct lease *l = lease_of(s, response.id);
    if (l != NULL) {
        l->ends = world_now(s->world) + LEASE;
        response.ttl = 2;
    }
    (void)rpc_call_send(call, &response.base);
}

static void stream_over(struct rpc_call *call, void *context)
{
    (void)context;
    rpc_call_finish(call, GRPC_OK, NULL);
}

static void on_lock(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    const V3lockpb__LockRequest *r = (const V3lockpb__LockRequest *)message;
    struct cluster *s = context;
    struct waiter w = {.call = call, .lease = r->lease};
    text_of(&r->name, w.prefix, sizeof w.prefix);
    assert_true(array_push(&s->waiters, w));
    give_locks(s);
}

static void lock_cancelled(struct rpc_call *call, void *context)
{
    struct cluster *s = context;
    for (size_t i = 0; i < s->waiters.count; i++)
        if (s->waiters.items[i].call == call)
            s->waiters.items[i].call = NULL;
    rpc_call_finish(call, GRPC_CANCELLED, NULL);
}

static const struct rpc_method kv_methods[] = {
    {.name = "Range",
     .input = &etcdserverpb__range_request__descriptor,
     .output = &etcdserverpb__range_response__descriptor,
     .unary = on_range},
    {.name = "Put",
     .input = &etcdserverpb__put_request__descriptor,
     .output = &etcdserverpb__put_response__descriptor,
     .unary = on_put},
    {.name = "DeleteRange",
     .input = &etcdserverpb__delete_range_request__descriptor,
     .output = &etcdserverpb__delete_range_response__descriptor,
     .unary = on_delete},
    {.name = "Txn",
     .input = &etcdserverpb__txn_request__descriptor,
     .output = &etcdserverpb__txn_response__descriptor,
     .unary = on_txn},
};
static const struct rpc_method watch_methods[] = {
    {.name = "Watch",
     .input = &etcdserverpb__watch_request__descriptor,
     .output = &etcdserverpb__watch_response__descriptor,
     .message = on_watch,
     .half_closed = watch_over,
     .cancelled = watch_over},
};
static const struct rpc_method lease_methods[] = {
    {.name = "LeaseGrant",
     .input = &etcdserverpb__lease_grant_request__descriptor,
     .output = &etcdserverpb__lease_grant_response__descriptor,
     .unary = on_grant},
    {.name = "LeaseRevoke",
     .input = &etcdserverpb__lease_revoke_request__descriptor,
     .output = &etcdserverpb__lease_revoke_response__descriptor,
     .unary = on_revoke},
    {.name = "LeaseKeepAlive",
     .input = &etcdserverpb__lease_keep_alive_request__descriptor,
     .output = &etcdserverpb__lease_keep_alive_response__descriptor,
     .message = on_keep_alive,
     .half_closed = stream_over,
     .cancelled = stream_over},
};
static const struct rpc_method lock_methods[] = {
    {.name = "Lock",
     .input = &v3lockpb__lock_request__descriptor,
     .output = &v3lockpb__lock_response__descriptor,
     .unary = on_lock,
     .cancelled = lock_cancelled},
};
static const struct rpc_service services[] = {
    {"etcdserverpb.KV", kv_methods, 4},
    {"etcdserverpb.Watch", watch_methods, 1},
    {"etcdserverpb.Lease", lease_methods, 3},
    {"v3lockpb.Lock", lock_methods, 1},
};

/* ---- a run ---- */

struct stage {
    struct sim *sim;
    struct cluster cluster;
    struct target_component components[MEMBERS];
    struct target target;
};

static void stage_open(struct stage *t, enum lie lie)
{
    static const char *const names[MEMBERS] = {"n1", "n2"}, *const addresses[MEMBERS] = {"n1:1", "n2:1"};
    static const char *const served[] = {"etcdserverpb.KV", "etcdserverpb.Watch", "etcdserverpb.Lease", "v3lockpb.Lock",
                                         NULL};
    const struct rpc_server_options options = {0};
    *t = (struct stage){.sim = sim_new(&(struct sim_options){.seed = 3}), .cluster = {.lie = lie, .revision = 1}};
    for (size_t i = 0; i < MEMBERS; i++) {
        struct world *w = sim_node(t->sim, names[i]);
        t->components[i] = (struct target_component){.name = names[i], .address = addresses[i], .services = served};
        assert_int_equal(rpc_server_new(w, &options, &t->cluster.rpc[i], NULL), 0);
        for (size_t n = 0; n < sizeof services / sizeof services[0]; n++)
            assert_int_equal(rpc_server_add(t->cluster.rpc[i], &services[n], &t->cluster), 0);
        assert_int_equal(rpc_server_listen(t->cluster.rpc[i], "0.0.0.0:1", NULL), 0);
        t->cluster.world = w;
    }
    world_timer_init(&t->cluster.tick, t->cluster.world, on_tick, &t->cluster);
    on_tick(&t->cluster);
    t->target =
        (struct target){.world = sim_node(t->sim, "harrow"), .components = t->components, .component_count = MEMBERS};
}

static void stage_close(struct stage *t)
{
    target_close_channels(&t->target);
    world_timer_stop(&t->cluster.tick);
    for (size_t i = 0; i < MEMBERS; i++)
        rpc_server_free(t->cluster.rpc[i]);
    sim_free(t->sim);
    array_deinit(&t->cluster.entries);
    array_deinit(&t->cluster.events);
    array_deinit(&t->cluster.leases);
    array_deinit(&t->cluster.watches);
    array_deinit(&t->cluster.waiters);
}

struct seen {
    int64_t ends[4];      /* by enum operation_end */
    int64_t refusals;     /* writes that were refused, of a lock's */
    const char *violated; /* the model; NULL: none */
    char reason[256];
};

static void run(const char *kind, enum lie lie, uint64_t duration, struct seen *out)
{
    struct stage t;
    struct workload *w = NULL;
    stage_open(&t, lie);
    const struct workload_options options = {
        .kind = workload_kind_find(kind), .seed = 5, .clients = 6, .keys = 2, .rate = 200};
    assert_int_equal(workload_new(&t.target, &options, &w, NULL), 0);
    workload_start(w);
    assert_int_equal(world_sleep(t.target.world, duration), 0);
    assert_int_equal(workload_stop(w), 0);
    (void)workload_final_reads(w, (uint64_t)(20 * SECOND), NULL);
    const struct history *h = workload_history(w);
    *out = (struct seen){0};
    for (size_t i = 0; i < h->count; i++) {
        const struct operation *o = &h->operations[i];
        out->ends[o->end]++;
        out->refusals += o->function == OPERATION_WRITE && o->end == END_FAIL;
    }
    for (const char *const *m = options.kind->models; *m != NULL && out->violated == NULL; m++) {
        struct check_result verdict;
        check_result_init(&verdict);
        assert_int_equal(workload_judge(w, check_model_find(*m), NULL, &verdict, NULL), 0);
        assert_int_not_equal(verdict.verdict, VERDICT_UNKNOWN);
        if (verdict.verdict == VERDICT_INVALID) {
            out->violated = *m;
            memcpy(out->reason, verdict.reason, sizeof out->reason);
        }
        check_result_deinit(&verdict);
    }
    workload_free(w);
    stage_close(&t);
}

static void valid(const char *kind, enum lie lie, struct seen *seen)
{
    run(kind, lie, LOAD_TIME, seen);
    if (seen->violated != NULL)
        fail_msg("%s, lie %d: not %s: %s", kind, (int)lie, seen->violated, seen->reason);
}

static const char *const kinds[] = {"etcd-register", "etcd-cas", "etcd-set", "etcd-watch", "etcd-lock-fenced", NULL};

static void test_right(void **state)
{
    (void)state;
    for (const char *const *k = kinds; *k != NULL; k++) {
        struct seen seen;
        valid(*k, LIE_NONE, &seen);
        assert_true(seen.ends[END_OK] > 100);
    }
}

static void test_troubles(void **state)
{
    (void)state;
    struct seen seen;
    for (const char *const *k = kinds; *k != NULL; k++) {
        valid(*k, LIE_REFUSES, &seen);
        assert_true(seen.ends[END_INFO] + seen.ends[END_FAIL] > 0);
    }
    valid("etcd-watch", LIE_BREAKS, &seen); /* it is resumed, and misses nothing */
    assert_true(seen.ends[END_FAIL] > 5);
}

static void test_lies(void **state)
{
    (void)state;
    static const struct {
        const char *kind;
        enum lie lie;
        const char *model;
    } all[] = {{"etcd-register", LIE_FORGETS, "register"}, {"etcd-register", LIE_STALE, "register"},
               {"etcd-cas", LIE_FORGETS, "cas-register"},  {"etcd-cas", LIE_STALE, "cas-register"},
               {"etcd-cas", LIE_AGREES, "cas-register"},   {"etcd-cas", LIE_KEEPS, "cas-register"},
               {"etcd-set", LIE_FORGETS, "set-elements"},  {"etcd-set", LIE_KEEPS, "set-elements"},
               {"etcd-watch", LIE_SKIPS, "watch"},         {"etcd-watch", LIE_STALE, "cas-register"},
               {"etcd-lock-fenced", LIE_AGREES, "fencing"}};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        struct seen seen;
        bool lock = strcmp(all[i].kind, "etcd-lock-fenced") == 0; /* it takes a client that stood still */
        run(all[i].kind, all[i].lie, lock ? 6 * LOAD_TIME : LOAD_TIME, &seen);
        if (seen.violated == NULL || strcmp(seen.violated, all[i].model) != 0)
            fail_msg("%s did not see lie %d as %s, but as %s", all[i].kind, (int)all[i].lie, all[i].model,
                     seen.violated != NULL ? seen.violated : "nothing");
    }
}

/* A lock on a lease is not enough, however right the server is; the fence is. */
static void test_locks(void **state)
{
    (void)state;
    struct seen seen;
    run("etcd-lock", LIE_NONE, 6 * LOAD_TIME, &seen);
    assert_non_null(seen.violated);
    assert_string_equal(seen.violated, "lock");
    run("etcd-lock-fenced", LIE_NONE, 6 * LOAD_TIME, &seen);
    assert_null(seen.violated);
    assert_true(seen.refusals > 0); /* and it was needed */
}

/* ---- with little memory ---- */

/* What an answer says when there is no memory to read it: nothing, and never something else. */
static struct text packed;

static int find_scenario(void)
{
    const struct rpc_reply reply = {.status = GRPC_OK, .body = text_bytes(&packed)};
    struct etcd_found found;
    int64_t *items = NULL;
    size_t count;
    if (!etcd_found(&reply, &found) || !etcd_listed(&reply, 4, &items, &count))
        return ERROR_MEMORY;
    bool right =
        found.there && found.value == 17 && found.created == 3 && found.modified == 5 && count == 1 && items[0] == 8;
    free(items);
    return right ? 0 : ERROR_INVALID;
}

static int delete_scenario(void)
{
    const struct rpc_reply reply = {.status = GRPC_OK, .body = text_bytes(&packed)};
    int64_t count;
    uint64_t revision;
    if (!etcd_deleted(&reply, &count, &revision))
        return ERROR_MEMORY;
    return count == 2 && revision == 9 ? 0 : ERROR_INVALID;
}

static void test_memory(void **state)
{
    (void)state;
    Etcdserverpb__RangeResponse range = ETCDSERVERPB__RANGE_RESPONSE__INIT;
    Etcdserverpb__DeleteRangeResponse removal = ETCDSERVERPB__DELETE_RANGE_RESPONSE__INIT;
    Etcdserverpb__ResponseHeader header = ETCDSERVERPB__RESPONSE_HEADER__INIT;
    Mvccpb__KeyValue kv = MVCCPB__KEY_VALUE__INIT, *kvs[] = {&kv};
    char key[] = "key.8", value[] = "17";
    kv.key = data_of(key);
    kv.value = data_of(value);
    kv.create_revision = 3;
    kv.mod_revision = 5;
    range.kvs = kvs;
    range.n_kvs = 1;
    assert_int_equal(pb_pack(&range.base, &packed), 0);
    assert_true(failing_walk(find_scenario, FAILING_IS_TOLD) > 1);
    text_clear(&packed);
    header.revision = 9;
    removal.header = &header;
    removal.deleted = 2;
    assert_int_equal(pb_pack(&removal.base, &packed), 0);
    assert_true(failing_walk(delete_scenario, FAILING_IS_TOLD) > 0);
    text_deinit(&packed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_right), cmocka_unit_test(test_troubles),
                                       cmocka_unit_test(test_lies), cmocka_unit_test(test_locks),
                                       cmocka_unit_test(test_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
