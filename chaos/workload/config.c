/* Configuration, at config itself or through the proxy, which may say NOT_FOUND of its own: paths of a namespace are
 * registers, set, read and deleted by clients, and each is watched. Half of the paths lie below one node of the tree,
 * so that a change must keep what others set beside it. Deleting writes nil.
 *
 * A watch's first message is the value as it was found, with the namespace's revision: it is written down as a mark,
 * for it says that nothing up to there will come. What follows is a change each. The revision of a deletion is not
 * taken from its answer, for a deletion of what is not there changes nothing.
 *
 * In the end one path is set once more: with that watchers are told of changes that config had not seen made, and one
 * that comes later is refused by the store. So then readers and watchers agree. */
#include "base/units.h"
#include "chaos/workload/kinds.h"
#include "chaos/workload/watches.h"
#include "config/config.pb-c.h"
#include "config/watch.pb-c.h"

#include <stdio.h>
#include <string.h>

#define CONFIG_SERVICE "config.Config"
#define WATCH_SERVICE  "config.Watcher"
#define UNKNOWN        (-1) /* a value nobody set */

struct place {
    char namespace[64], path[96];
};

static void place_of(struct workload *w, uint32_t key, struct place *out)
{
    const struct target *t = workload_target(w);
    snprintf(out->namespace, sizeof out->namespace, "%s", t->namespace != NULL ? t->namespace : "micro");
    snprintf(out->path, sizeof out->path, key % 2 != 0 ? "%s.k%u" : "%s_k%u", workload_name(w), key);
}

/* "17", or "null". */
static int64_t value_of(const char *json)
{
    int64_t value;
    if (json == NULL || json[0] == '\0' || strcmp(json, "null") == 0)
        return VALUE_NIL;
    return units_parse_integer(json, 1, INT64_MAX, &value, NULL) == 0 ? value : UNKNOWN;
}

/* ---- clients ---- */

static bool passed_on(const struct workload_client *c)
{
    return workload_kind_of(c->workload)->through != NULL;
}

static struct workload_outcome got(struct workload_client *c, const struct rpc_reply *reply)
{
    struct arena arena = ARENA_INIT;
    ProtobufCMessage *message = NULL;
    int64_t value = UNKNOWN;
    if (reply->status == GRPC_NOT_FOUND && !passed_on(c)) /* the namespace has no configuration at all */
        return (struct workload_outcome){END_OK, VALUE_NIL};
    if (reply->status != GRPC_OK)
        return (struct workload_outcome){END_FAIL, VALUE_NIL};
    if (pb_unpack(&config__get_response__descriptor, reply->body, &arena, &message, NULL) == 0) {
        const Config__GetResponse *response = (const Config__GetResponse *)message;
        value = value_of(response->value != NULL ? response->value->data : NULL);
    }
    arena_deinit(&arena);
    return (struct workload_outcome){END_OK, value};
}

static struct workload_outcome changed(struct workload_client *c, const struct rpc_reply *reply)
{
    enum operation_end end = workload_end_of_write(reply);
    if (end == END_OK && workload_operation(c)->value != VALUE_NIL) {
        workload_keep_revision(c, reply);
        watches_written(c);
    }
    if (reply->status == GRPC_NOT_FOUND && !passed_on(c) && workload_operation(c)->value == VALUE_NIL)
        end = END_OK; /* the namespace has no configuration: nothing is there, as wanted */
    /* 409: the tree was changed by others again and again; this change did not happen. */
    return (struct workload_outcome){reply->status == GRPC_ALREADY_EXISTS ? END_FAIL : end, VALUE_NIL};
}

static int begin_read(struct workload_client *c, uint32_t key)
{
    struct place place;
    Config__GetRequest request = CONFIG__GET_REQUEST__INIT;
    place_of(c->workload, key, &place);
    request.namespace_ = place.namespace;
    request.path = place.path;
    int code = workload_invoke(c, OPERATION_READ, key, VALUE_NIL);
    return code == 0 ? workload_call(c, CONFIG_SERVICE, "/config.Config/Get", &request.base, got) : code;
}

static int begin_set(struct workload_client *c, uint32_t key)
{
    int64_t value = workload_value(c->workload);
    struct place place;
    char digits[24], format[] = "json";
    Config__SetRequest request = CONFIG__SET_REQUEST__INIT;
    Config__Value v = CONFIG__VALUE__INIT;
    place_of(c->workload, key, &place);
    snprintf(digits, sizeof digits, "%lld", (long long)value);
    v.data = digits;
    v.format = format;
    request.namespace_ = place.namespace;
    request.path = place.path;
    request.value = &v;
    int code = workload_invoke(c, OPERATION_WRITE, key, value);
    return code == 0 ? workload_call(c, CONFIG_SERVICE, "/config.Config/Set", &request.base, changed) : code;
}

static int begin_delete(struct workload_client *c, uint32_t key)
{
    struct place place;
    Config__DeleteRequest request = CONFIG__DELETE_REQUEST__INIT;
    place_of(c->workload, key, &place);
    request.namespace_ = place.namespace;
    request.path = place.path;
    int code = workload_invoke(c, OPERATION_WRITE, key, VALUE_NIL);
    return code == 0 ? workload_call(c, CONFIG_SERVICE, "/config.Config/Delete", &request.base, changed) : code;
}

static int begin(struct workload_client *c)
{
    struct random *r = workload_random(c->workload);
    uint64_t what = random_below(r, 10);
    uint32_t key = (uint32_t)random_below(r, (uint64_t)workload_keys(c->workload));
    if (what < 5)
        return begin_read(c, key);
    return what == 5 ? begin_delete(c, key) : begin_set(c, key);
}

/* ---- watches ---- */

static int request_stream(struct follower *f, struct text *wire)
{
    struct place place;
    Config__WatchRequest request = CONFIG__WATCH_REQUEST__INIT;
    place_of(f->workload, f->key, &place);
    request.namespace_ = place.namespace;
    request.path = place.path;
    return pb_pack(&request.base, wire);
}

static void on_change(struct follower *f, struct bytes message)
{
    struct arena arena = ARENA_INIT;
    ProtobufCMessage *unpacked = NULL;
    if (pb_unpack(&config__watch_response__descriptor, message, &arena, &unpacked, NULL) == 0) {
        const Config__WatchResponse *m = (const Config__WatchResponse *)unpacked;
        const Config__ChangeSet *set = m->change != NULL ? m->change->changeset : NULL;
        int64_t value = value_of(set != NULL ? set->data : NULL);
        if (!watches_has_found(f))
            watches_found(f, m->revision, value);
        else if (value != watches_believed(f)) /* after a change it had not seen, config tells the value in any case */
            watches_told(f, m->revision, value);
    }
    arena_deinit(&arena);
}

static int final_read(struct workload_client *c, uint32_t key)
{
    return watches_final(c, key, begin_set, begin_read);
}

static const struct follower_kind watches = {
    .service = WATCH_SERVICE,
    .path = "/config.Watcher/Watch",
    .function = OPERATION_WATCH,
    .request = request_stream,
    .message = on_change,
    .ended = watches_ended,
};

static int prepare(struct workload *w, struct error *err)
{
    return watches_prepare(w, &watches, true, err);
}

#define PARTS                                                                                                          \
    .models = (const char *const[]){"cas-register", "watch", "convergence", NULL}, .prepare = prepare, .begin = begin, \
    .final_read = final_read, WATCHES_PARTS

const struct workload_kind workload_config = {
    .name = "config",
    .summary = "configuration set, read, deleted and watched by path",
    .services = (const char *const[]){CONFIG_SERVICE, WATCH_SERVICE, NULL},
    PARTS,
};

const struct workload_kind workload_proxy_config = {
    .name = "proxy-config",
    .summary = "the same through the proxy",
    .services = (const char *const[]){WORKLOAD_PROXY, CONFIG_SERVICE, WATCH_SERVICE, NULL},
    .through = WORKLOAD_PROXY,
    PARTS,
};
