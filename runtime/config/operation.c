#include "runtime/config/operation.h"

#include "base/units.h"
#include "proto/config/config.pb-c.h"
#include "proto/store/store.pb-c.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

#define STORE_ATTEMPTS 3

const char *const config_ids[] = {"config.Config.Get", "config.Config.Read", "config.Config.Set",
                                  "config.Config.Delete"};

struct config_lane {
    struct config_operation *first, **end; /* first is the one in work */
    bool busy, pumping;
};

static void begin(struct config_operation *op);
static void write_tree(struct config_operation *op);

/* ---- ends ------------------------------------------------------------------------------------------------------- */

/* Begins the lane's next change when none is in work. One may fail at once and bring us back: the loop goes on then. */
static void pump(struct config *c, const char *namespace)
{
    struct config_lane *lane = map_get(&c->lanes, namespace);
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
static void end(struct config_operation *op, void (*finish)(struct config_operation *op, void *arg), void *arg)
{
    struct config *c = op->config;
    bool change = op->kind == CONFIG_SET || op->kind == CONFIG_DELETE;
    char namespace[CONFIG_NAMESPACE_MAX + 1];
    snprintf(namespace, sizeof namespace, "%s", op->namespace);
    text_deinit(&op->tree);
    if (change) {
        struct config_lane *lane = map_get(&c->lanes, namespace);
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

static void finish_failed(struct config_operation *op, void *arg)
{
    const struct failure *f = arg;
    micro_fail(op->call, f->code, config_ids[op->kind], "%s", f->text);
}

static void fail(struct config_operation *op, int code, const char *text)
{
    struct failure f = {.code = code, .text = text};
    end(op, finish_failed, &f);
}

static void fail_error(struct config_operation *op, int http, struct error *err)
{
    fail(op, err->code == ERROR_MEMORY ? 507 : http, err->message ? err->message : error_code_name(err->code));
    error_clear(err);
}

static void fail_store(struct config_operation *op, int status, const char *message)
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

static void finish_value(struct config_operation *op, void *arg)
{
    struct text *data = arg;
    char format[] = "json", source[] = "config", sum[65];
    if (op->kind == CONFIG_GET) {
        Config__Value value = CONFIG__VALUE__INIT;
        Config__GetResponse reply = CONFIG__GET_RESPONSE__INIT;
        value.data = data->data;
        value.format = format;
        reply.value = &value;
        rpc_call_reply(op->call, &reply.base);
        return;
    }
    Config__ChangeSet set = CONFIG__CHANGE_SET__INIT;
    Config__Change change = CONFIG__CHANGE__INIT;
    Config__ReadResponse reply = CONFIG__READ_RESPONSE__INIT;
    char *namespace = arena_string(rpc_call_arena(op->call), op->namespace);
    char *path = arena_string(rpc_call_arena(op->call), op->path_text);
    checksum(text_bytes(data), sum);
    set.data = data->data;
    set.checksum = sum;
    set.format = format;
    set.source = source;
    set.timestamp = world_wall(op->config->world) / SECOND;
    if (namespace)
        change.namespace_ = namespace;
    if (path)
        change.path = path;
    change.changeset = &set;
    reply.change = &change;
    rpc_call_reply(op->call, &reply.base);
}

static void answer_value(struct config_operation *op, json_t *root)
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

static void finish_changed(struct config_operation *op, void *arg)
{
    (void)arg;
    Config__SetResponse set = CONFIG__SET_RESPONSE__INIT;
    Config__DeleteResponse deleted = CONFIG__DELETE_RESPONSE__INIT;
    rpc_call_reply(op->call, op->kind == CONFIG_SET ? &set.base : &deleted.base);
}

/* ---- the store -------------------------------------------------------------------------------------------------- */

static bool again(struct config_operation *op, int status)
{
    return status == GRPC_UNAVAILABLE && ++op->attempts < STORE_ATTEMPTS && !op->config->stopping &&
           !rpc_call_cancelled(op->call);
}

static void on_written(void *arg, int status, const char *message, const ProtobufCMessage *reply)
{
    struct config_operation *op = arg;
    (void)reply;
    if (status == GRPC_OK)
        end(op, finish_changed, NULL);
    else if (again(op, status))
        write_tree(op);
    else
        fail_store(op, status, message);
}

static void write_tree(struct config_operation *op)
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

static void change_tree(struct config_operation *op, json_t **root)
{
    struct error err = ERROR_INIT;
    int rc = 0;
    if (op->kind == CONFIG_SET)
        rc = config_tree_set(root, op->path, op->value, op->secret ? &op->config->key : NULL, op->namespace, &err);
    else if (!config_tree_remove(*root, op->path) && op->path->count > 0) {
        end(op, finish_changed, NULL); /* nothing was there */
        return;
    }
    text_clear(&op->tree);
    if (rc == 0 && (op->kind == CONFIG_SET || op->path->count > 0))
        rc = config_tree_store(*root, &op->tree, &err);
    if (rc)
        fail_error(op, rc == ERROR_IO ? 500 : 400, &err);
    else
        write_tree(op);
}

static void use_record(struct config_operation *op, const Store__ReadResponse *found)
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
    } else if (op->kind == CONFIG_GET || op->kind == CONFIG_READ) {
        answer_value(op, root);
    } else {
        change_tree(op, &root);
    }
    json_decref(root);
}

static void on_read(void *arg, int status, const char *message, const ProtobufCMessage *reply)
{
    struct config_operation *op = arg;
    if (status == GRPC_OK)
        use_record(op, (const Store__ReadResponse *)(const void *)reply);
    else if (status == GRPC_NOT_FOUND && op->kind == CONFIG_SET)
        use_record(op, NULL);
    else if (status == GRPC_NOT_FOUND)
        fail(op, 404, "Not found");
    else if (again(op, status))
        begin(op);
    else
        fail_store(op, status, message);
}

static void begin(struct config_operation *op)
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

/* ---- beginnings ------------------------------------------------------------------------------------------------- */

static void enter_lane(struct config_operation *op)
{
    struct config *c = op->config;
    struct config_lane *lane = map_get(&c->lanes, op->namespace);
    if (!lane) {
        lane = calloc(1, sizeof *lane);
        if (!lane || !map_put(&c->lanes, op->namespace, lane)) {
            free(lane);
            micro_fail(op->call, 507, config_ids[op->kind], "out of memory");
            return;
        }
        lane->end = &lane->first;
    }
    char namespace[CONFIG_NAMESPACE_MAX + 1]; /* the operation's copy goes with it */
    snprintf(namespace, sizeof namespace, "%s", op->namespace);
    *lane->end = op;
    lane->end = &op->next;
    pump(c, namespace);
}

void config_operation_start(struct config_operation *op)
{
    if (op->kind == CONFIG_SET || op->kind == CONFIG_DELETE)
        enter_lane(op);
    else
        begin(op);
}
