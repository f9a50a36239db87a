/* The config component. A namespace's tree is one record of the store (database "micro", table "config", the namespace
 * as key). Nothing is kept here, so that the store may restart at any time. A change is read, modify, write: changes of
 * one namespace stand in a lane and are made one after the other. Calls the store did not answer are repeated, which is
 * harmless: a read changes nothing, and a write again writes the same. */
#include "base/log.h"
#include "base/map.h"
#include "base/units.h"
#include "proto/config/config.pb-c.h"
#include "proto/store/store.pb-c.h"
#include "runtime/config/tree.h"
#include "runtime/service/service.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

#define STORE_ATTEMPTS 3
#define NAMESPACE_MAX  256 /* bytes */

struct config {
    struct world *world;
    struct micro_service *service;
    struct config_key key;
    struct map lanes; /* namespace -> struct lane, while it has changes to make */
    bool stopping;
};

enum kind { GET, READ, SET, DELETE };
static const char *const ids[] = {"config.Config.Get", "config.Config.Read", "config.Config.Set",
                                  "config.Config.Delete"};

/* One call in work; lives in its call's memory. */
struct operation {
    struct config *config;
    struct rpc_call *call;
    enum kind kind;
    const char *namespace;
    struct config_path *path;
    struct bytes value; /* SET */
    bool secret;
    int attempts;
    struct text tree; /* SET, DELETE: what is being written; heap */
    struct operation *next;
};

struct lane {
    struct operation *first, **end; /* first is the one in work */
    bool busy, pumping;
};

static void begin(struct operation *op);
static void write_tree(struct operation *op);

/* ---- ends ------------------------------------------------------------------------------------------------------- */

/* Begins the lane's next change when none is in work. One may fail at once and bring us back: the loop goes on then. */
static void pump(struct config *c, const char *namespace)
{
    struct lane *lane = map_get(&c->lanes, namespace);
    if (lane->pumping)
        return;
    lane->pumping = true;
    while (lane->first && !lane->busy) {
        lane->busy = true;
        begin(lane->first);
    }
    lane->pumping = false;
    if (!lane->first) {
        map_remove(&c->lanes, namespace);
        free(lane);
    }
}

/* Takes an operation out of its lane; its namespace then is the only copy of that name that stays. */
static void end(struct operation *op, void (*finish)(struct operation *op, void *arg), void *arg)
{
    struct config *c = op->config;
    bool change = op->kind == SET || op->kind == DELETE;
    char namespace[NAMESPACE_MAX + 1];
    snprintf(namespace, sizeof namespace, "%s", op->namespace);
    text_deinit(&op->tree);
    if (change) {
        struct lane *lane = map_get(&c->lanes, namespace);
        lane->first = op->next;
        lane->busy = false;
        if (!lane->first)
            lane->end = &lane->first;
    }
    finish(op, arg); /* the operation is gone with its call */
    if (change)
        pump(c, namespace);
}

struct failure {
    int code;
    const char *text;
};

static void finish_failed(struct operation *op, void *arg)
{
    const struct failure *f = arg;
    micro_fail(op->call, f->code, ids[op->kind], "%s", f->text);
}

static void fail(struct operation *op, int code, const char *text)
{
    struct failure f = {.code = code, .text = text};
    end(op, finish_failed, &f);
}

static void fail_error(struct operation *op, int http, struct error *err)
{
    fail(op, err->code == ERROR_MEMORY ? 507 : http, err->message ? err->message : error_code_name(err->code));
    error_clear(err);
}

static void fail_store(struct operation *op, int status, const char *message)
{
    struct micro_error why;
    char text[sizeof why.detail + 64];
    micro_error_parse(status, bytes_of(message), &why);
    bool away = status == GRPC_UNAVAILABLE || status == GRPC_DEADLINE_EXCEEDED || status == GRPC_CANCELLED;
    snprintf(text, sizeof text, "the store %s: %s", away ? "cannot be reached" : "refused", why.detail);
    fail(op, away ? 503 : why.code == 507 ? 507 : 500, text);
}

/* ---- answers ---------------------------------------------------------------------------------------------------- */

static void checksum(struct bytes data, char out[65])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int len = 0;
    out[0] = '\0';
    if (EVP_Digest(data.data, data.len, digest, &len, EVP_sha256(), NULL) != 1)
        return;
    for (unsigned int i = 0; i < len && i < 32; i++)
        snprintf(out + 2 * (size_t)i, 3, "%02x", digest[i]);
}

static void finish_value(struct operation *op, void *arg)
{
    struct text *data = arg;
    char format[] = "json", source[] = "config", sum[65];
    if (op->kind == GET) {
        Config__Value value = CONFIG__VALUE__INIT;
        Config__GetResponse reply = CONFIG__GET_RESPONSE__INIT;
        value.data = data->data;
        value.format = format;
        reply.value = &value;
        rpc_call_reply(op->call, &reply.base);
        return;
    }
    const Config__ReadRequest *request = rpc_call_user(op->call);
    Config__ChangeSet set = CONFIG__CHANGE_SET__INIT;
    Config__Change change = CONFIG__CHANGE__INIT;
    Config__ReadResponse reply = CONFIG__READ_RESPONSE__INIT;
    char *namespace = arena_string(rpc_call_arena(op->call), op->namespace);
    checksum(text_bytes(data), sum);
    set.data = data->data;
    set.checksum = sum;
    set.format = format;
    set.source = source;
    set.timestamp = world_wall(op->config->world) / SECOND;
    if (namespace)
        change.namespace_ = namespace;
    change.path = request->path;
    change.changeset = &set;
    reply.change = &change;
    rpc_call_reply(op->call, &reply.base);
}

static void answer_value(struct operation *op, const json_t *root)
{
    struct text data = TEXT_INIT;
    struct error err = ERROR_INIT;
    int rc = config_tree_get(root, op->path, op->secret ? &op->config->key : NULL, op->namespace, &data, &err);
    if (rc)
        fail_error(op, 500, &err);
    else
        end(op, finish_value, &data);
    text_deinit(&data);
}

static void finish_changed(struct operation *op, void *arg)
{
    (void)arg;
    Config__SetResponse set = CONFIG__SET_RESPONSE__INIT;
    Config__DeleteResponse deleted = CONFIG__DELETE_RESPONSE__INIT;
    rpc_call_reply(op->call, op->kind == SET ? &set.base : &deleted.base);
}

/* ---- the store -------------------------------------------------------------------------------------------------- */

static bool again(struct operation *op, int status)
{
    return status == GRPC_UNAVAILABLE && ++op->attempts < STORE_ATTEMPTS && !op->config->stopping &&
           !rpc_call_cancelled(op->call);
}

static void on_written(void *arg, int status, const char *message, const ProtobufCMessage *reply)
{
    struct operation *op = arg;
    (void)reply;
    if (status == GRPC_OK)
        end(op, finish_changed, NULL);
    else if (again(op, status))
        write_tree(op);
    else
        fail_store(op, status, message);
}

static void write_tree(struct operation *op)
{
    char database[] = MICRO_NAMESPACE, table[] = "config";
    char *key = arena_string(rpc_call_arena(op->call), op->namespace);
    int rc = ERROR_MEMORY;
    if (key && op->tree.len > 0) {
        Store__WriteOptions options = STORE__WRITE_OPTIONS__INIT;
        Store__Record record = STORE__RECORD__INIT;
        Store__WriteRequest request = STORE__WRITE_REQUEST__INIT;
        options.database = database;
        options.table = table;
        record.key = key;
        record.value.data = (uint8_t *)op->tree.data;
        record.value.len = op->tree.len;
        request.record = &record;
        request.options = &options;
        rc = micro_call(op->config->service, "store", "Store.Write", &request.base, &store__write_response__descriptor,
                        0, on_written, op);
    } else if (key) { /* nothing is left */
        Store__DeleteOptions options = STORE__DELETE_OPTIONS__INIT;
        Store__DeleteRequest request = STORE__DELETE_REQUEST__INIT;
        options.database = database;
        options.table = table;
        request.key = key;
        request.options = &options;
        rc = micro_call(op->config->service, "store", "Store.Delete", &request.base,
                        &store__delete_response__descriptor, 0, on_written, op);
    }
    if (rc)
        fail(op, rc == ERROR_MEMORY ? 507 : 503, error_code_name(rc));
}

static void change_tree(struct operation *op, json_t **root)
{
    struct error err = ERROR_INIT;
    int rc = 0;
    if (op->kind == SET)
        rc = config_tree_set(root, op->path, op->value, op->secret ? &op->config->key : NULL, op->namespace, &err);
    else if (!config_tree_remove(*root, op->path) && op->path->count > 0) {
        end(op, finish_changed, NULL); /* nothing was there */
        return;
    }
    text_clear(&op->tree);
    if (rc == 0 && (op->kind == SET || op->path->count > 0))
        rc = config_tree_store(*root, &op->tree, &err);
    if (rc)
        fail_error(op, rc == ERROR_IO ? 500 : 400, &err);
    else
        write_tree(op);
}

static void use_record(struct operation *op, const Store__ReadResponse *found)
{
    struct error err = ERROR_INIT;
    json_t *root = NULL;
    int rc = 0;
    if (found && found->n_records == 1)
        rc = config_tree_parse(BYTES(found->records[0]->value.data, found->records[0]->value.len), &root, &err);
    else if (!(root = config_tree_new()))
        rc = error_set(&err, ERROR_MEMORY, "out of memory");
    if (rc) {
        error_wrap(&err, "namespace %s", op->namespace);
        fail_error(op, 500, &err);
    } else if (op->kind == GET || op->kind == READ) {
        answer_value(op, root);
    } else {
        change_tree(op, &root);
    }
    json_decref(root);
}

static void on_read(void *arg, int status, const char *message, const ProtobufCMessage *reply)
{
    struct operation *op = arg;
    if (status == GRPC_OK)
        use_record(op, (const Store__ReadResponse *)(const void *)reply);
    else if (status == GRPC_NOT_FOUND && op->kind == SET)
        use_record(op, NULL);
    else if (status == GRPC_NOT_FOUND)
        fail(op, 404, "Not found");
    else if (again(op, status))
        begin(op);
    else
        fail_store(op, status, message);
}

static void begin(struct operation *op)
{
    char database[] = MICRO_NAMESPACE, table[] = "config";
    char *key = arena_string(rpc_call_arena(op->call), op->namespace);
    int rc = ERROR_CLOSED;
    if (!key)
        rc = ERROR_MEMORY;
    else if (!op->config->stopping) {
        Store__ReadOptions options = STORE__READ_OPTIONS__INIT;
        Store__ReadRequest request = STORE__READ_REQUEST__INIT;
        options.database = database;
        options.table = table;
        request.key = key;
        request.options = &options;
        rc = micro_call(op->config->service, "store", "Store.Read", &request.base, &store__read_response__descriptor, 0,
                        on_read, op);
    }
    if (rc)
        fail(op, rc == ERROR_MEMORY ? 507 : 503, error_code_name(rc));
}

/* ---- requests --------------------------------------------------------------------------------------------------- */

static struct operation *prepare(struct config *c, struct rpc_call *call, enum kind kind, const char *namespace,
                                 const char *path)
{
    if (!namespace[0])
        namespace = MICRO_NAMESPACE;
    if (strlen(namespace) > NAMESPACE_MAX) {
        micro_fail(call, 400, ids[kind], "the namespace is longer than %d bytes", NAMESPACE_MAX);
        return NULL;
    }
    if (!micro_authorize_admin(call, namespace, ids[kind]))
        return NULL;
    struct operation *op = ARENA_NEW(rpc_call_arena(call), struct operation);
    struct config_path *parsed = ARENA_NEW(rpc_call_arena(call), struct config_path);
    if (!op || !parsed) {
        micro_fail(call, 507, ids[kind], "out of memory");
        return NULL;
    }
    struct error err = ERROR_INIT;
    if (config_path_parse(path, parsed, &err) != 0) {
        micro_fail(call, 400, ids[kind], "%s", err.message ? err.message : "invalid path");
        error_clear(&err);
        return NULL;
    }
    *op = (struct operation){.config = c, .call = call, .kind = kind, .namespace = namespace,  .path = parsed};
    return op;
}

static void enter_lane(struct operation *op)
{
    struct config *c = op->config;
    struct lane *lane = map_get(&c->lanes, op->namespace);
    if (!lane) {
        lane = calloc(1, sizeof *lane);
        if (!lane || !map_put(&c->lanes, op->namespace, lane)) {
            free(lane);
            micro_fail(op->call, 507, ids[op->kind], "out of memory");
            return;
        }
        lane->end = &lane->first;
    }
    char namespace[NAMESPACE_MAX + 1]; /* the operation's copy goes with it */
    snprintf(namespace, sizeof namespace, "%s", op->namespace);
    *lane->end = op;
    lane->end = &op->next;
    pump(c, namespace);
}

static void get(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    const Config__GetRequest *r = (const Config__GetRequest *)(const void *)message;
    struct operation *op = prepare(context, call, GET, r->namespace_, r->path);
    if (!op)
        return;
    op->secret = r->options && r->options->secret;
    begin(op);
}

static void read_change(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    const Config__ReadRequest *r = (const Config__ReadRequest *)(const void *)message;
    struct operation *op = prepare(context, call, READ, r->namespace_, r->path);
    if (!op)
        return;
    rpc_call_set_user(call, (void *)(uintptr_t)r);
    begin(op);
}

static void set(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    const Config__SetRequest *r = (const Config__SetRequest *)(const void *)message;
    struct operation *op = prepare(context, call, SET, r->namespace_, r->path);
    if (!op)
        return;
    if (!r->value || !r->value->data[0]) {
        micro_fail(call, 400, ids[SET], "a value is required");
        return;
    }
    if (r->value->format[0] && strcmp(r->value->format, "json") != 0) {
        micro_fail(call, 400, ids[SET], "the format \"%.40s\" is not known: \"json\" is", r->value->format);
        return;
    }
    op->value = bytes_of(r->value->data);
    op->secret = r->options && r->options->secret;
    enter_lane(op);
}

static void delete_value(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    const Config__DeleteRequest *r = (const Config__DeleteRequest *)(const void *)message;
    struct operation *op = prepare(context, call, DELETE, r->namespace_, r->path);
    if (op)
        enter_lane(op);
}

static const struct rpc_method methods[] = {
    {.name = "Get", .input = &config__get_request__descriptor, .output = &config__get_response__descriptor, .unary = get},
    {.name = "Set", .input = &config__set_request__descriptor, .output = &config__set_response__descriptor, .unary = set},
    {.name = "Delete", .input = &config__delete_request__descriptor, .output = &config__delete_response__descriptor, .unary = delete_value},
    {.name = "Read", .input = &config__read_request__descriptor, .output = &config__read_response__descriptor, .unary = read_change},
};
static const struct rpc_service config_service = {
    .name = "config.Config", .methods = methods, .method_count = sizeof methods / sizeof methods[0]};

/* ---- the component ---------------------------------------------------------------------------------------------- */

static void stop(void *state)
{
    struct config *c = state;
    c->stopping = true;
    micro_service_free(c->service); /* ends the calls to the store, and with them ours */
    map_deinit(&c->lanes);
    config_key_deinit(&c->key);
    free(c);
}

static int read_key(struct config *c, const struct micro_options *options, struct error *err)
{
    struct text path = TEXT_INIT;
    text_printf(&path, "%s/config", options->data_dir);
    int rc = options->config_key ? 0 : world_make_directory(c->world, text_string(&path));
    if (rc)
        error_set(err, rc, "cannot make the directory %s: %s", text_string(&path), error_code_name(rc));
    text_puts(&path, "/secret.key");
    if (rc == 0)
        rc = text_ok(&path) ? config_key_init(&c->key, c->world, options->config_key, text_string(&path), err)
                            : error_set(err, ERROR_MEMORY, "out of memory");
    text_deinit(&path);
    return rc;
}

static int start(struct world *w, const struct micro_options *options, void **state, struct error *err)
{
    struct config *c = calloc(1, sizeof *c);
    if (!c)
        return error_set(err, ERROR_MEMORY, "out of memory");
    c->world = w;
    struct micro_service_config settings = {.name = "config", .access = MICRO_OWN_RULES, .options = options};
    int rc = read_key(c, options, err);
    if (rc == 0)
        rc = micro_service_new(w, &settings, &c->service, err);
    if (rc == 0 && (rc = micro_service_add(c->service, &config_service, c)) != 0)
        error_set(err, rc, "the config's handlers cannot be set up");
    if (rc == 0)
        rc = micro_service_start(c->service, err);
    if (rc) {
        stop(c);
        return rc;
    }
    *state = c;
    return 0;
}

static void drain(void *state, uint64_t grace, void (*done)(void *arg), void *arg)
{
    struct config *c = state;
    micro_service_drain(c->service, grace, done, arg);
}

static const char *const services[] = {"config.Config", NULL};
static const char *const needs[] = {"registry", "store", NULL};
extern const struct component config_component;
const struct component config_component = {
    .name = "config",
    .port_offset = 1,
    .needs = needs,
    .services = services,
    .stateful = true,
    .start = start,
    .drain = drain,
    .stop = stop,
};
