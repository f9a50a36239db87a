#include "runtime/api/blocklist.h"

#include "base/log.h"
#include "proto/api/api.pb-c.h"
#include "proto/config/config.pb-c.h"
#include "proto/store/store.pb-c.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX  "blocklist/"
#define KEY_MAX (2 * BLOCKLIST_NAME_MAX + 16)

static char database[] = MICRO_NAMESPACE, table[] = "api", prefix[] = PREFIX;

bool api_blocklist_has(const struct api_blocklist *b, const char *namespace, const char *id)
{
    char key[KEY_MAX];
    if (!(b->option < 0 ? b->enabled : b->option) || map_count(&b->ids) == 0)
        return false;
    int n = snprintf(key, sizeof key, "%s/%s", namespace, id);
    return n > 0 && (size_t)n < sizeof key && map_get(&b->ids, key) != NULL;
}

static void tell(const struct api_blocklist *b)
{
    if (b->grown)
        b->grown(b->grown_arg);
}

/* ---- reading ---- */

static void again(struct api_blocklist *b)
{
    b->reading = false;
    if (!b->stopping)
        (void)world_timer_start(&b->timer, b->loaded ? BLOCKLIST_EVERY : BLOCKLIST_SOON);
}

struct reading {
    struct api_blocklist *list;
    uint64_t changes;
};

static void records_read(void *arg, int status, const char *message, const ProtobufCMessage *reply)
{
    struct reading r = *(struct reading *)arg;
    struct api_blocklist *b = r.list;
    free(arg);
    (void)message;
    if (!b->stopping && (status == GRPC_OK || status == GRPC_NOT_FOUND) && r.changes == b->changes) {
        const Store__ReadResponse *found = (const Store__ReadResponse *)reply;
        struct map ids = MAP_INIT;
        bool whole = true;
        for (size_t i = 0; status == GRPC_OK && i < found->n_records && whole; i++) {
            if (strncmp(found->records[i]->key, prefix, sizeof prefix - 1) == 0)
                whole = map_put(&ids, found->records[i]->key + sizeof prefix - 1, b);
        }
        if (whole) {
            struct map old = b->ids;
            b->ids = ids;
            b->loaded = true;
            ids = old;
            tell(b);
        }
        map_deinit(&ids);
    }
    again(b);
}

static void read_records(struct api_blocklist *b)
{
    Store__ReadOptions options;
    Store__ReadRequest request;
    struct reading *r = malloc(sizeof *r);
    store__read_options__init(&options);
    store__read_request__init(&request);
    options.database = database;
    options.table = table;
    options.prefix = true;
    options.limit = BLOCKLIST_MAX;
    request.key = prefix;
    request.options = &options;
    if (r)
        *r = (struct reading){b, b->changes};
    if (!r || micro_call(b->service, "store", "Store.Read", &request.base, &store__read_response__descriptor, 0,
                         records_read, r) < 0) {
        free(r);
        again(b);
    }
}

static void config_read(void *arg, int status, const char *message, const ProtobufCMessage *reply)
{
    struct api_blocklist *b = arg;
    struct micro_error e;
    if (b->stopping)
        return;
    if (status == GRPC_OK) {
        const Config__Value *value = ((const Config__GetResponse *)reply)->value;
        b->enabled = !value || (strcmp(value->data, "false") != 0 && strcmp(value->data, "\"false\"") != 0);
    } else {
        micro_error_parse(status, bytes_of(message ? message : ""), &e);
        if (status == GRPC_NOT_FOUND || e.code == 404)
            b->enabled = true;
    }
    read_records(b);
}

static void on_timer(void *arg)
{
    static char namespace[] = MICRO_NAMESPACE, path[] = "micro.api.blocklist_enabled";
    struct api_blocklist *b = arg;
    Config__GetRequest request;
    if (b->reading || b->stopping)
        return;
    b->reading = true;
    config__get_request__init(&request);
    request.namespace_ = namespace;
    request.path = path;
    if (b->option >= 0 || micro_call(b->service, "config", "Config.Get", &request.base,
                                     &config__get_response__descriptor, 0, config_read, b) < 0)
        read_records(b);
}

void api_blocklist_init(struct api_blocklist *b, struct micro_service *service, int option)
{
    *b = (struct api_blocklist){.service = service, .ids = MAP_INIT, .option = option, .enabled = true};
    world_timer_init(&b->timer, micro_service_world(service), on_timer, b);
}

void api_blocklist_start(struct api_blocklist *b)
{
    (void)world_timer_start(&b->timer, 0);
}

void api_blocklist_stop(struct api_blocklist *b)
{
    b->stopping = true;
    if (b->service)
        world_timer_stop(&b->timer);
}

void api_blocklist_deinit(struct api_blocklist *b)
{
    map_deinit(&b->ids);
}

/* ---- api.Api ---- */

#define ADD    "api.Api.AddToBlockList"
#define REMOVE "api.Api.RemoveFromBlockList"

/* A change on its way to the store; the call may be cancelled meanwhile and is finished all the same. */
struct change {
    struct api_blocklist *list;
    struct rpc_call *call;
    bool add;
    char key[KEY_MAX]; /* the store's */
};

static void changed(void *arg, int status, const char *message, const ProtobufCMessage *reply)
{
    struct change *c = arg;
    struct api_blocklist *b = c->list;
    const char *id = c->key + sizeof prefix - 1;
    struct micro_error e;
    (void)reply;
    bool kept = status == GRPC_OK;
    if (kept) {
        b->changes++;
        if (c->add)
            kept = map_put(&b->ids, id, b);
        else
            (void)map_remove(&b->ids, id);
        if (c->add && !b->stopping)
            tell(b);
    }
    Api__AddToBlockListResponse added;
    Api__RemoveFromBlockListResponse removed;
    api__add_to_block_list_response__init(&added);
    api__remove_from_block_list_response__init(&removed);
    if (kept) {
        char revision[24];
        (void)snprintf(revision, sizeof revision, "%llu", (unsigned long long)b->changes);
        (void)rpc_call_add_trailer(c->call, "micro-revision", bytes_of(revision));
        rpc_call_reply(c->call, c->add ? &added.base : &removed.base);
    } else {
        micro_error_parse(status, bytes_of(message ? message : ""), &e);
        micro_fail(c->call, 503, c->add ? ADD : REMOVE, "the store did not take it: %s",
                   status == GRPC_OK ? "out of memory" : e.detail);
    }
    free(c);
}

static bool is_part(const char *text)
{
    return text[0] && strlen(text) < BLOCKLIST_NAME_MAX;
}

/* False: the call was finished. */
static bool begin_change(struct api_blocklist *b, struct rpc_call *call, const char *namespace, const char *id,
                         bool add, struct change **out)
{
    const char *error_id = add ? ADD : REMOVE;
    const char *issuer = namespace[0] ? namespace : MICRO_NAMESPACE;
    if (!micro_authorize_admin(call, MICRO_NAMESPACE, error_id))
        return false;
    if (!is_part(id) || !is_part(issuer) || strchr(issuer, '/')) {
        micro_fail(call, 400, error_id, "an id is needed, and a namespace without \"/\", of at most %d bytes",
                   BLOCKLIST_NAME_MAX - 1);
        return false;
    }
    if (add && map_count(&b->ids) >= BLOCKLIST_MAX) {
        micro_fail(call, 507, error_id, "the block list is full: %d accounts", BLOCKLIST_MAX);
        return false;
    }
    struct change *c = calloc(1, sizeof *c);
    if (!c) {
        micro_fail(call, 503, error_id, "out of memory");
        return false;
    }
    c->list = b;
    c->call = call;
    c->add = add;
    (void)snprintf(c->key, sizeof c->key, PREFIX "%s/%s", issuer, id);
    *out = c;
    return true;
}

static void unsent(struct change *c, int rc)
{
    micro_fail(c->call, 503, c->add ? ADD : REMOVE, "the store cannot be reached: %s", error_code_name(rc));
    free(c);
}

static void handle_add(struct rpc_call *call, const ProtobufCMessage *request, void *service)
{
    const Api__AddToBlockListRequest *r = (const Api__AddToBlockListRequest *)request;
    struct change *c = NULL;
    Store__WriteOptions options;
    Store__WriteRequest write;
    Store__Record record;
    if (!begin_change(service, call, r->namespace_, r->id, true, &c))
        return;
    store__write_options__init(&options);
    store__write_request__init(&write);
    store__record__init(&record);
    options.database = database;
    options.table = table;
    record.key = c->key;
    write.record = &record;
    write.options = &options;
    int rc = micro_call(c->list->service, "store", "Store.Write", &write.base, &store__write_response__descriptor, 0,
                        changed, c);
    if (rc < 0)
        unsent(c, rc);
}

static void handle_remove(struct rpc_call *call, const ProtobufCMessage *request, void *service)
{
    const Api__RemoveFromBlockListRequest *r = (const Api__RemoveFromBlockListRequest *)request;
    struct change *c = NULL;
    Store__DeleteOptions options;
    Store__DeleteRequest delete;
    if (!begin_change(service, call, r->namespace_, r->id, false, &c))
        return;
    store__delete_options__init(&options);
    store__delete_request__init(&delete);
    options.database = database;
    options.table = table;
    delete.key = c->key;
    delete.options = &options;
    int rc = micro_call(c->list->service, "store", "Store.Delete", &delete.base, &store__delete_response__descriptor, 0,
                        changed, c);
    if (rc < 0)
        unsent(c, rc);
}

static void handle_read(struct rpc_call *call, const ProtobufCMessage *request, void *service)
{
    struct api_blocklist *b = service;
    (void)request;
    if (!micro_authorize_admin(call, MICRO_NAMESPACE, "api.Api.ReadBlockList"))
        return;
    Api__ReadBlockListResponse reply;
    api__read_block_list_response__init(&reply);
    reply.ids = ARENA_NEW_N(rpc_call_arena(call), char *, map_count(&b->ids) + 1);
    if (!reply.ids) {
        micro_fail(call, 503, "api.Api.ReadBlockList", "out of memory");
        return;
    }
    for (struct map_entry *e = map_first(&b->ids); e; e = map_next(e)) {
        reply.ids[reply.n_ids] = arena_string(rpc_call_arena(call), map_key(e));
        if (reply.ids[reply.n_ids])
            reply.n_ids++;
    }
    rpc_call_reply(call, &reply.base);
}

static const struct rpc_method methods[] = {
    {.name = "AddToBlockList",
     .input = &api__add_to_block_list_request__descriptor,
     .output = &api__add_to_block_list_response__descriptor,
     .unary = handle_add},
    {.name = "RemoveFromBlockList",
     .input = &api__remove_from_block_list_request__descriptor,
     .output = &api__remove_from_block_list_response__descriptor,
     .unary = handle_remove},
    {.name = "ReadBlockList",
     .input = &api__read_block_list_request__descriptor,
     .output = &api__read_block_list_response__descriptor,
     .unary = handle_read},
};
const struct rpc_service api_blocklist_service = {
    .name = "api.Api", .methods = methods, .method_count = sizeof methods / sizeof methods[0]};
