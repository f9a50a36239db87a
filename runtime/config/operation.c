#include "runtime/config/operation.h"

#include "base/units.h"
#include "proto/config/config.pb-c.h"
#include "proto/store/store.pb-c.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STORE_ATTEMPTS 3
#define CONFLICTS_MAX  16         /* times a change is made anew on a tree that somebody else changed meanwhile */
#define REVISION       "revision" /* in a record's metadata */
#define CHANGE         "change"   /* the same: which operation wrote it */

const char *const config_ids[] = {"config.Config.Get", "config.Config.Read", "config.Config.Set",
                                  "config.Config.Delete", "config.Watcher.Watch"};

struct config_lane {
    struct config_operation *first, **end; /* first is the one in work */
    size_t count;
    bool busy, pumping;
};

static void begin(struct config_operation *op);
static void write_tree(struct config_operation *op);
static void read_tree(struct config_operation *op, micro_done *done);
static const char *metadata_of(const Store__Record *record, const char *name);

static bool in_lane(const struct config_operation *op)
{
    return op->kind == CONFIG_SET || op->kind == CONFIG_DELETE || op->kind == CONFIG_WATCH;
}

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
    bool change = in_lane(op);
    char namespace[CONFIG_NAMESPACE_MAX + 1];
    snprintf(namespace, sizeof namespace, "%s", op->namespace);
    text_deinit(&op->tree);
    json_decref(op->before);
    json_decref(op->after);
    op->before = op->after = NULL;
    if (change) {
        struct config_lane *lane = map_get(&c->lanes, namespace);
        lane->first = op->next;
        lane->count--;
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
    struct text told = TEXT_INIT;
    error_format(err, &told);
    fail(op, err->code == ERROR_MEMORY ? 507 : http, told.len ? text_string(&told) : error_code_name(err->code));
    text_deinit(&told);
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

void config_checksum(struct bytes data, char out[CONFIG_CHECKSUM_SIZE])
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
    char format[] = "json", source[] = "config", sum[CONFIG_CHECKSUM_SIZE];
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
    config_checksum(text_bytes(data), sum);
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

static void finish_watch(struct config_operation *op, void *arg)
{
    config_watch_begin(op, arg, op->revision);
}

static void finish_changed(struct config_operation *op, void *arg)
{
    char revision[24];
    int n = snprintf(revision, sizeof revision, "%llu", (unsigned long long)op->revision);
    (void)arg;
    (void)rpc_call_add_trailer(op->call, "micro-revision", BYTES(revision, (size_t)n));
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

static void tell(struct config_operation *op)
{
    if (!op->before || !op->after)
        return;
    const struct config_made made = {.namespace = op->namespace,
                                     .touched = op->path_text,
                                     .before = op->before,
                                     .after = op->after,
                                     .found = op->revision_found,
                                     .kept = op->tree.len ? op->revision : 0,
                                     .revision = op->revision};
    config_watch_tell(op->config, &made);
    config_publish(op->config, &made);
}

static void written(struct config_operation *op)
{
    tell(op);
    end(op, finish_changed, NULL);
}

static void unknown(struct config_operation *op, int status, const char *message)
{
    config_watch_dismiss(op->config, op->namespace, "the outcome of a change is not known: watch again");
    fail_store(op, status, message);
}

/* A write nobody answered was repeated, and refused: either the first one was made, or somebody else was faster. */
static void on_read_back(void *arg, int status, const char *message, const ProtobufCMessage *reply)
{
    struct config_operation *op = arg;
    const Store__ReadResponse *found = (const Store__ReadResponse *)(const void *)reply;
    if (status != GRPC_OK && again(op, status)) {
        read_tree(op, on_read_back);
        return;
    }
    bool there = status == GRPC_OK && found->n_records == 1;
    if (there && strcmp(metadata_of(found->records[0], CHANGE), op->change) == 0)
        written(op);
    else if (status == GRPC_OK && !there && op->tree.len == 0)
        written(op); /* it was to go, and is gone */
    else if (status == GRPC_OK)
        unknown(op, GRPC_UNAVAILABLE, "somebody else changed the tree, perhaps after this change");
    else
        unknown(op, status, message);
}

static void on_written(void *arg, int status, const char *message, const ProtobufCMessage *reply)
{
    struct config_operation *op = arg;
    (void)reply;
    if (status == GRPC_OK) {
        written(op);
    } else if (status == GRPC_FAILED_PRECONDITION && op->unsure) {
        read_tree(op, on_read_back);
    } else if (status == GRPC_FAILED_PRECONDITION && ++op->conflicts < CONFLICTS_MAX && !op->config->stopping) {
        begin(op); /* it was not made and never will be */
    } else if (status == GRPC_FAILED_PRECONDITION) {
        fail(op, 409, "the tree changes faster than this change can be made: try again");
    } else if (again(op, status)) {
        op->unsure = true;
        write_tree(op);
    } else {
        unknown(op, status, message);
    }
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
        Store__Field revision = STORE__FIELD__INIT, change = STORE__FIELD__INIT;
        Store__Record__MetadataEntry first = STORE__RECORD__METADATA_ENTRY__INIT,
                                     second = STORE__RECORD__METADATA_ENTRY__INIT, *metadata[] = {&first, &second};
        char revision_name[] = REVISION, change_name[] = CHANGE, number[] = "uint64", text[] = "string", digits[24];
        snprintf(digits, sizeof digits, "%llu", (unsigned long long)op->revision);
        revision.type = number;
        revision.value = digits;
        first.key = revision_name;
        first.value = &revision;
        change.type = text;
        change.value = op->change;
        second.key = change_name;
        second.value = &change;
        record.metadata = metadata;
        record.n_metadata = sizeof metadata / sizeof metadata[0];
        request.record = &record;
        options.if_revision = op->found;
        options.if_absent = !op->there;
        request.options = &options;
        rc = micro_call(op->config->service, "store", "Store.Write", &request.base, &store__write_response__descriptor,
                        0, on_written, op);
    } else if (key) { /* nothing is left */
        Store__DeleteOptions options = STORE__DELETE_OPTIONS__INIT;
        Store__DeleteRequest request = STORE__DELETE_REQUEST__INIT;
        options.database = database;
        options.table = table;
        options.if_revision = op->found;
        options.if_absent = !op->there;
        request.key = key;
        request.options = &options;
        rc = micro_call(op->config->service, "store", "Store.Delete", &request.base,
                        &store__delete_response__descriptor, 0, on_written, op);
    }
    if (rc)
        fail(op, rc == ERROR_MEMORY ? 507 : 503, error_code_name(rc));
}

static uint64_t next_revision(struct config *c, uint64_t before)
{
    uint64_t now = (uint64_t)world_wall(c->world) / 1000; /* microseconds */
    return before < now ? now : before + 1;
}

static const char *metadata_of(const Store__Record *record, const char *name)
{
    for (size_t i = 0; i < record->n_metadata; i++)
        if (strcmp(record->metadata[i]->key, name) == 0 && record->metadata[i]->value)
            return record->metadata[i]->value->value;
    return "";
}

/* A name for what this operation writes. */
static int draw_change(struct config_operation *op, struct error *err)
{
    uint8_t drawn[CONFIG_CHANGE_BYTES];
    int rc = world_entropy(op->config->world, drawn, sizeof drawn);
    if (rc)
        return error_set(err, rc, "no random numbers can be had");
    for (size_t i = 0; i < sizeof drawn; i++)
        snprintf(op->change + 2 * i, 3, "%02x", drawn[i]);
    return 0;
}

static void change_tree(struct config_operation *op, json_t **root)
{
    struct error err = ERROR_INIT;
    struct config *c = op->config;
    bool wanted = c->topic || config_watched(c, op->namespace), removed = false;
    int rc = 0;
    json_decref(op->before);
    json_decref(op->after);
    op->after = NULL;
    op->before = wanted ? json_deep_copy(*root) : NULL;
    if (wanted && !op->before)
        rc = error_set(&err, ERROR_MEMORY, "out of memory");
    else if (op->kind == CONFIG_SET)
        rc = config_tree_set(root, op->path, op->value, op->secret ? &c->key : NULL, op->namespace, &err);
    else
        rc = config_tree_remove(*root, op->path, &removed, &err);
    if (rc == 0 && op->kind == CONFIG_DELETE && !removed && op->path->count > 0) {
        end(op, finish_changed, NULL); /* nothing was there */
        return;
    }
    op->revision = next_revision(c, op->revision);
    text_clear(&op->tree);
    if (rc == 0)
        rc = draw_change(op, &err);
    if (rc == 0 && (op->kind == CONFIG_SET || op->path->count > 0))
        rc = config_tree_store(*root, &op->tree, &err);
    if (rc == 0 && wanted) /* as it will be read again: with its names in order */
        rc = op->tree.len ? config_tree_parse(text_bytes(&op->tree), &op->after, &err) : 0;
    if (rc == 0 && wanted && !op->after && !(op->after = config_tree_new()))
        rc = error_set(&err, ERROR_MEMORY, "out of memory");
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
    op->there = found->n_records == 1;
    op->found = op->there ? found->records[0]->revision : found->revision;
    op->revision = op->there ? strtoull(metadata_of(found->records[0], REVISION), NULL, 10) : 0;
    op->revision_found = op->revision;
    if (op->there)
        rc = config_tree_parse(BYTES(found->records[0]->value.data, found->records[0]->value.len), &root, &err);
    else if (!(root = config_tree_new()))
        rc = error_set(&err, ERROR_MEMORY, "out of memory");
    if (rc) {
        error_wrap(&err, "namespace %s", op->namespace);
        fail_error(op, 500, &err);
    } else if (op->kind == CONFIG_GET || op->kind == CONFIG_READ) {
        answer_value(op, root);
    } else if (op->kind == CONFIG_WATCH) {
        end(op, finish_watch, root);
    } else {
        change_tree(op, &root);
    }
    json_decref(root);
}

static void on_read(void *arg, int status, const char *message, const ProtobufCMessage *reply)
{
    struct config_operation *op = arg;
    const Store__ReadResponse *found = (const Store__ReadResponse *)(const void *)reply;
    if (status == GRPC_OK && found->n_records == 0 && op->kind != CONFIG_SET && op->kind != CONFIG_WATCH)
        fail(op, 404, "Not found");
    else if (status == GRPC_OK)
        use_record(op, found);
    else if (again(op, status))
        begin(op);
    else
        fail_store(op, status, message);
}

static void begin(struct config_operation *op)
{
    read_tree(op, on_read);
}

static void read_tree(struct config_operation *op, micro_done *done)
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
        options.missing_ok = true;
        request.key = key;
        request.options = &options;
        rc = micro_call(op->config->service, "store", "Store.Read", &request.base, &store__read_response__descriptor, 0,
                        done, op);
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
    if (lane->count >= CONFIG_LANE_MAX) { /* it is not empty, so it stays */
        micro_fail(op->call, 503, config_ids[op->kind], "too many changes of this namespace are waiting: try again");
        return;
    }
    *lane->end = op;
    lane->end = &op->next;
    lane->count++;
    pump(c, namespace);
}

void config_operation_start(struct config_operation *op)
{
    if (in_lane(op))
        enter_lane(op);
    else
        begin(op);
}
