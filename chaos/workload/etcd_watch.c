/* Watches of etcd: keys are put, read and deleted, and each is watched. A watch that broke is resumed, at another
 * member maybe, from the revision behind the last one it told: to the model it goes on as the same reader, which may
 * miss nothing and get nothing twice. Deleting writes nil.
 *
 * The first answer of a watch that resumes nothing names the revision it begins behind: a mark, nothing up to there
 * will come. */
#include "base/units.h"
#include "chaos/workload/etcd_calls.h"
#include "chaos/workload/kinds.h"
#include "chaos/workload/watches.h"
#include "etcd/rpc.pb-c.h"

#include <string.h>

#define WATCH_SERVICE "etcdserverpb.Watch"

/* ---- clients ---- */

static struct workload_outcome written(struct workload_client *c, const struct rpc_reply *reply)
{
    struct workload_outcome outcome = etcd_write_answered(c, reply);
    if (outcome.end == END_OK && workload_operation(c)->value != VALUE_NIL)
        watches_written(c);
    return outcome;
}

static int begin_read(struct workload_client *c, uint32_t key)
{
    char name[ETCD_KEY_MAX];
    etcd_key(c->workload, "w", key, name);
    int code = workload_invoke(c, OPERATION_READ, key, VALUE_NIL);
    return code == 0 ? etcd_call_read(c, name, etcd_read_answered) : code;
}

static int begin_write_of(struct workload_client *c, uint32_t key, int64_t value)
{
    char name[ETCD_KEY_MAX];
    etcd_key(c->workload, "w", key, name);
    int code = workload_invoke(c, OPERATION_WRITE, key, value);
    return code == 0 ? etcd_call_write(c, name, value, written) : code;
}

static int begin_write(struct workload_client *c, uint32_t key)
{
    return begin_write_of(c, key, workload_value(c->workload));
}

static int begin(struct workload_client *c)
{
    struct random *r = workload_random(c->workload);
    uint32_t key = (uint32_t)random_below(r, (uint64_t)workload_keys(c->workload));
    uint64_t what = random_below(r, 10);
    if (what < 3)
        return begin_read(c, key);
    return what == 3 ? begin_write_of(c, key, VALUE_NIL) : begin_write(c, key);
}

static int final_read(struct workload_client *c, uint32_t key)
{
    return watches_final(c, key, begin_write, begin_read);
}

/* ---- watches ---- */

static int request(struct follower *f, struct text *wire)
{
    Etcdserverpb__WatchRequest whole = ETCDSERVERPB__WATCH_REQUEST__INIT;
    Etcdserverpb__WatchCreateRequest create = ETCDSERVERPB__WATCH_CREATE_REQUEST__INIT;
    char name[ETCD_KEY_MAX];
    etcd_key(f->workload, "w", f->key, name);
    create.key = (ProtobufCBinaryData){.len = strlen(name), .data = (uint8_t *)name};
    create.start_revision = f->position != VALUE_NIL ? f->position + 1 : 0;
    whole.request_union_case = ETCDSERVERPB__WATCH_REQUEST__REQUEST_UNION_CREATE_REQUEST;
    whole.create_request = &create;
    return pb_pack(&whole.base, wire);
}

static void on_event(struct follower *f, const Mvccpb__Event *event)
{
    if (event->kv == NULL)
        return;
    bool removed = event->type == MVCCPB__EVENT__EVENT_TYPE__DELETE;
    watches_told(f, (uint64_t)event->kv->mod_revision, removed ? VALUE_NIL : etcd_number(&event->kv->value));
}

static void on_message(struct follower *f, struct bytes message)
{
    struct arena arena = ARENA_INIT;
    ProtobufCMessage *unpacked = NULL;
    int code = pb_unpack(&etcdserverpb__watch_response__descriptor, message, &arena, &unpacked, NULL);
    const Etcdserverpb__WatchResponse *m = (const Etcdserverpb__WatchResponse *)unpacked;
    if (code != 0 || m->canceled) {
        follower_leave(f); /* what was left out cannot be told: the next stream tells it */
    } else if (m->created && f->position == VALUE_NIL && m->header != NULL) {
        f->position = m->header->revision;
        follower_mark(f, (uint64_t)m->header->revision);
    } else {
        for (size_t i = 0; i < m->n_events; i++)
            on_event(f, m->events[i]);
    }
    arena_deinit(&arena);
}

static const struct follower_kind watches = {
    .service = WATCH_SERVICE,
    .path = "/etcdserverpb.Watch/Watch",
    .function = OPERATION_WATCH,
    .talks = true, /* a watch ends with our side of its stream */
    .request = request,
    .message = on_message,
};

static int prepare(struct workload *w, struct error *err)
{
    return watches_prepare(w, &watches, false, err);
}

const struct workload_kind workload_etcd_watch = {
    .name = "etcd-watch",
    .summary = "keys of etcd put, deleted, read and watched; watches are resumed by revision",
    .services = (const char *const[]){ETCD_KV, WATCH_SERVICE, NULL},
    .models = (const char *const[]){"cas-register", "watch", "convergence", NULL},
    .prepare = prepare,
    .begin = begin,
    .final_read = final_read,
    WATCHES_PARTS,
};
