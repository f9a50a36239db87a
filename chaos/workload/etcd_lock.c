/* Locks of etcd, as the server offers them (v3lock), on leases of a few seconds that a client renews while it holds
 * one; and writes to something the lock protects. Two kinds of client:
 *
 * etcd-lock          writes because it was told that it has the lock, as applications do. Nobody else can then be sure
 *                    that it has not been standing still, or cut off, for longer than its lease, and another has the
 *                    lock by now: that this lock alone protects nothing is known, and shows.
 * etcd-lock-fenced   writes by a transaction on the condition that its lock's key is still the one it was given, told
 *                    by the revision it was created at: what comes too late is refused.
 *
 * The token of an acquisition is that revision. A client that is told that its lease has ended gives the lock up at
 * that moment; up to then it believes that it holds it. Now and then it stands still between looking at its lease and
 * writing, for longer than the lease lasts: a process that is not run, a machine that is moved, a long collection of
 * garbage. */
#include "base/units.h"
#include "chaos/workload/etcd_calls.h"
#include "chaos/workload/kinds.h"
#include "etcd/lock.pb-c.h"
#include "etcd/rpc.pb-c.h"

#include <stdio.h>
#include <string.h>

#define LOCK_SERVICE  "v3lockpb.Lock"
#define LEASE_SERVICE "etcdserverpb.Lease"
#define LEASE_SECONDS 2 /* the shortest etcd gives with its usual time of election */
#define LEASE         ((uint64_t)(LEASE_SECONDS * SECOND))
#define RENEW_AFTER   (LEASE / 3)
#define PAUSE         (LEASE + LEASE / 2)
#define PAUSE_ONE_OF  256 /* writes */

struct client {
    bool holds; /* or believes so */
    bool stood; /* still, since it looked at its lease: it does not look again */
    uint32_t key;
    int32_t process; /* that took it, and has to give it back */
    int64_t lease, token;
    uint64_t renewed; /* when it was asked for, last */
    int64_t left;     /* the lease's seconds, of an answer under way */
    char lock[ETCD_KEY_MAX];
};

static const struct workload_outcome goes_on = {END_OPEN, VALUE_NIL};

static bool is_fenced(const struct workload_client *c)
{
    return workload_kind_of(c->workload) == &workload_etcd_lock_fenced;
}

static uint64_t now_of(const struct workload_client *c)
{
    return world_now(workload_target(c->workload)->world);
}

static ProtobufCBinaryData data_of(char *text)
{
    return (ProtobufCBinaryData){.len = strlen(text), .data = (uint8_t *)text};
}

/* The client learns that it has lost the lock: at this moment it gives it up, in its own mind. */
static void give_up(struct workload_client *c)
{
    struct client *own = c->state;
    own->holds = false;
    c->process = own->process;
    if (workload_invoke(c, OPERATION_RELEASE, own->key, VALUE_NIL) != 0)
        return;
    workload_operation(c)->other = own->token;
    workload_end(c, END_OK, VALUE_NIL);
}

/* ---- taking it ---- */

/* The lock's key is there, so it was ours when the question was answered. */
static struct workload_outcome looked_at(struct workload_client *c, const struct rpc_reply *reply)
{
    struct client *own = c->state;
    struct etcd_found found;
    if (!etcd_found(reply, &found))
        return (struct workload_outcome){END_INFO, VALUE_NIL};
    if (!found.there)
        return (struct workload_outcome){END_FAIL, VALUE_NIL};
    own->holds = true;
    own->process = c->process;
    own->token = found.created;
    workload_operation(c)->other = found.created;
    return (struct workload_outcome){END_OK, VALUE_NIL};
}

static struct workload_outcome locked(struct workload_client *c, const struct rpc_reply *reply)
{
    struct client *own = c->state;
    struct arena arena = ARENA_INIT;
    ProtobufCMessage *message = NULL;
    struct workload_outcome outcome = {workload_end_of_write(reply), VALUE_NIL};
    if (outcome.end == END_OK) {
        int code = pb_unpack(&v3lockpb__lock_response__descriptor, reply->body, &arena, &message, NULL);
        const V3lockpb__LockResponse *response = (const V3lockpb__LockResponse *)message;
        outcome.end = END_INFO;
        if (code == 0 && response->key.len > 0 && response->key.len < sizeof own->lock) {
            memcpy(own->lock, response->key.data, response->key.len);
            own->lock[response->key.len] = '\0';
            etcd_call_read(c, own->lock, looked_at);
            outcome = goes_on;
        }
    }
    arena_deinit(&arena);
    return outcome;
}

static struct workload_outcome granted(struct workload_client *c, const struct rpc_reply *reply)
{
    struct client *own = c->state;
    struct arena arena = ARENA_INIT;
    ProtobufCMessage *message = NULL;
    own->lease = 0;
    if (reply->status == GRPC_OK &&
        pb_unpack(&etcdserverpb__lease_grant_response__descriptor, reply->body, &arena, &message, NULL) == 0)
        own->lease = ((const Etcdserverpb__LeaseGrantResponse *)message)->id;
    arena_deinit(&arena);
    if (own->lease == 0)
        return (struct workload_outcome){END_FAIL, VALUE_NIL};
    V3lockpb__LockRequest request = V3LOCKPB__LOCK_REQUEST__INIT;
    char name[ETCD_KEY_MAX];
    etcd_key(c->workload, "l", own->key, name);
    request.name = data_of(name);
    request.lease = own->lease;
    workload_call(c, LOCK_SERVICE, "/v3lockpb.Lock/Lock", &request.base, locked);
    return goes_on;
}

static int begin_acquire(struct workload_client *c)
{
    struct client *own = c->state;
    Etcdserverpb__LeaseGrantRequest request = ETCDSERVERPB__LEASE_GRANT_REQUEST__INIT;
    own->key = (uint32_t)random_below(workload_random(c->workload), (uint64_t)workload_keys(c->workload));
    own->renewed = now_of(c);
    request.ttl = LEASE_SECONDS;
    int code = workload_invoke(c, OPERATION_ACQUIRE, own->key, VALUE_NIL);
    return code == 0 ? workload_call(c, LEASE_SERVICE, "/etcdserverpb.Lease/LeaseGrant", &request.base, granted) : code;
}

/* ---- giving it back ---- */

static struct workload_outcome released(struct workload_client *c, const struct rpc_reply *reply)
{
    struct client *own = c->state;
    enum operation_end end = reply->status == GRPC_NOT_FOUND ? END_OK : workload_end_of_write(reply);
    own->holds = end == END_FAIL;
    return (struct workload_outcome){end, VALUE_NIL};
}

/* Without its lease the lock's key goes. */
static int begin_release(struct workload_client *c)
{
    const struct client *own = c->state;
    Etcdserverpb__LeaseRevokeRequest request = ETCDSERVERPB__LEASE_REVOKE_REQUEST__INIT;
    c->process = own->process;
    int code = workload_invoke(c, OPERATION_RELEASE, own->key, VALUE_NIL);
    if (code != 0)
        return code;
    workload_operation(c)->other = own->token;
    request.id = own->lease;
    return workload_call(c, LEASE_SERVICE, "/etcdserverpb.Lease/LeaseRevoke", &request.base, released);
}

/* ---- what it protects ---- */

static struct workload_outcome written(struct workload_client *c, const struct rpc_reply *reply)
{
    uint64_t revision;
    enum operation_end end =
        is_fenced(c) ? etcd_end_of_condition(c, reply, &revision) : etcd_end_of_write(c, reply, &revision);
    bool refused = is_fenced(c) && reply->status == GRPC_OK && end == END_FAIL;
    if (!refused)
        return (struct workload_outcome){end, VALUE_NIL};
    workload_end(c, END_FAIL, VALUE_NIL);
    give_up(c);
    return goes_on;
}

static int write_now(struct workload_client *c)
{
    const struct client *own = c->state;
    struct etcd_condition fence = {own->lock, ETCD_CREATED_AT, own->token};
    int64_t value = workload_operation(c)->value;
    char name[ETCD_KEY_MAX];
    etcd_key(c->workload, "p", own->key, name);
    return is_fenced(c) ? etcd_call_write_if(c, &fence, name, value, written)
                        : etcd_call_write(c, name, value, written);
}

static void on_renewed(struct workload_client *c, struct bytes message)
{
    struct client *own = c->state;
    struct arena arena = ARENA_INIT;
    ProtobufCMessage *unpacked = NULL;
    if (pb_unpack(&etcdserverpb__lease_keep_alive_response__descriptor, message, &arena, &unpacked, NULL) == 0)
        own->left = ((const Etcdserverpb__LeaseKeepAliveResponse *)unpacked)->ttl;
    arena_deinit(&arena);
}

static struct workload_outcome renewed(struct workload_client *c, const struct rpc_reply *reply)
{
    struct client *own = c->state;
    if (own->left < 0 || (reply->status != GRPC_OK && own->left == 0)) /* nobody said anything of the lease */
        return (struct workload_outcome){END_FAIL, VALUE_NIL};
    if (own->left > 0) {
        own->renewed = workload_operation(c)->invoked;
        (void)write_now(c);
        return goes_on;
    }
    workload_end(c, END_FAIL, VALUE_NIL);
    give_up(c);
    return goes_on;
}

static int begin_write(struct workload_client *c)
{
    struct client *own = c->state;
    int code = workload_invoke(c, OPERATION_WRITE, own->key, workload_value(c->workload));
    if (code != 0)
        return code;
    workload_operation(c)->other = own->token;
    bool looked = own->stood || now_of(c) - own->renewed < RENEW_AFTER;
    own->stood = false;
    if (looked)
        return write_now(c);
    Etcdserverpb__LeaseKeepAliveRequest request = ETCDSERVERPB__LEASE_KEEP_ALIVE_REQUEST__INIT;
    const ProtobufCMessage *pieces[] = {&request.base};
    request.id = own->lease;
    own->left = -1;
    return workload_exchange(c, LEASE_SERVICE, "/etcdserverpb.Lease/LeaseKeepAlive", pieces, 1, on_renewed, renewed);
}

/* ---- the kinds ---- */

static int begin(struct workload_client *c)
{
    struct client *own = c->state;
    struct random *r = workload_random(c->workload);
    if (!own->holds)
        return begin_acquire(c);
    if (own->stood)
        return begin_write(c);
    own->stood = random_below(r, PAUSE_ONE_OF) == 0;
    if (own->stood)
        return world_timer_start(&c->next, PAUSE);
    return random_below(r, 4) == 0 ? begin_release(c) : begin_write(c);
}

static int prepare(struct workload *w, struct error *err)
{
    return workload_client_states(w, sizeof(struct client), err);
}

#define LOCK_SERVICES ((const char *const[]){LOCK_SERVICE, LEASE_SERVICE, ETCD_KV, NULL})

const struct workload_kind workload_etcd_lock = {
    .name = "etcd-lock",
    .summary = "locks of etcd on leases, and writes by who believes that it holds one: not safe, and shown not to be",
    .services = LOCK_SERVICES,
    .models = (const char *const[]){"lock", "fencing", NULL},
    .prepare = prepare,
    .begin = begin,
};

const struct workload_kind workload_etcd_lock_fenced = {
    .name = "etcd-lock-fenced",
    .summary = "the same locks, and writes that etcd makes only while the lock's key is the one it gave",
    .services = LOCK_SERVICES,
    .models = (const char *const[]){"fencing", NULL},
    .prepare = prepare,
    .begin = begin,
};
