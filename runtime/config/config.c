/* The config component: requests are checked here and become operations. */
#include "runtime/config/operation.h"

#include "proto/config/config.pb-c.h"

#include <stdlib.h>
#include <string.h>

/* ---- requests --------------------------------------------------------------------------------------------------- */

struct config_operation *config_prepare(struct config *c, struct rpc_call *call, enum config_kind kind,
                                        const char *namespace, const char *path)
{
    if (!namespace[0])
    namespace = micro_own_namespace(call);
    if (strlen(namespace) > CONFIG_NAMESPACE_MAX) {
        micro_fail(call, 400, config_ids[kind], "the namespace is longer than %d bytes", CONFIG_NAMESPACE_MAX);
        return NULL;
    }
    if (!micro_authorize_admin(call, namespace, config_ids[kind]))
        return NULL;
    struct config_operation *op = ARENA_NEW(rpc_call_arena(call), struct config_operation);
    struct config_path *parsed = ARENA_NEW(rpc_call_arena(call), struct config_path);
    if (!op || !parsed) {
        micro_fail(call, 507, config_ids[kind], "out of memory");
        return NULL;
    }
    struct error err = ERROR_INIT;
    if (config_path_parse(path, parsed, &err) != 0) {
        micro_fail(call, 400, config_ids[kind], "%s", err.message ? err.message : "invalid path");
        error_clear(&err);
        return NULL;
    }
    *op = (struct config_operation){
        .config = c, .call = call, .kind = kind, .namespace = namespace, .path_text = path, .path = parsed};
    return op;
}

static void get(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    const Config__GetRequest *r = (const Config__GetRequest *)(const void *)message;
    struct config_operation *op = config_prepare(context, call, CONFIG_GET, r->namespace_, r->path);
    if (!op)
        return;
    op->secret = r->options && r->options->secret;
    config_operation_start(op);
}

static void read_change(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    const Config__ReadRequest *r = (const Config__ReadRequest *)(const void *)message;
    struct config_operation *op = config_prepare(context, call, CONFIG_READ, r->namespace_, r->path);
    if (!op)
        return;
    config_operation_start(op);
}

static void set(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    const Config__SetRequest *r = (const Config__SetRequest *)(const void *)message;
    struct config_operation *op = config_prepare(context, call, CONFIG_SET, r->namespace_, r->path);
    if (!op)
        return;
    if (!r->value || !r->value->data[0]) {
        micro_fail(call, 400, config_ids[CONFIG_SET], "a value is required");
        return;
    }
    if (r->value->format[0] && strcmp(r->value->format, "json") != 0) {
        micro_fail(call, 400, config_ids[CONFIG_SET], "the format \"%.40s\" is not known: \"json\" is",
                   r->value->format);
        return;
    }
    op->value = bytes_of(r->value->data);
    op->secret = r->options && r->options->secret;
    config_operation_start(op);
}

static void delete_value(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    const Config__DeleteRequest *r = (const Config__DeleteRequest *)(const void *)message;
    struct config_operation *op = config_prepare(context, call, CONFIG_DELETE, r->namespace_, r->path);
    if (op)
        config_operation_start(op);
}

static const struct rpc_method methods[] = {
    {.name = "Get",
     .input = &config__get_request__descriptor,
     .output = &config__get_response__descriptor,
     .unary = get},
    {.name = "Set",
     .input = &config__set_request__descriptor,
     .output = &config__set_response__descriptor,
     .unary = set},
    {.name = "Delete",
     .input = &config__delete_request__descriptor,
     .output = &config__delete_response__descriptor,
     .unary = delete_value},
    {.name = "Read",
     .input = &config__read_request__descriptor,
     .output = &config__read_response__descriptor,
     .unary = read_change},
};
static const struct rpc_service config_service = {
    .name = "config.Config", .methods = methods, .method_count = sizeof methods / sizeof methods[0]};

/* ---- the component ---------------------------------------------------------------------------------------------- */

static void stop(void *state)
{
    struct config *c = state;
    c->stopping = true;
    config_watch_dismiss(c, NULL, "config is stopping");
    micro_service_free(c->service); /* ends the calls to the store, and with them ours */
    map_deinit(&c->lanes);
    config_key_deinit(&c->key);
    free(c);
}

static int read_key(struct config *c, const struct micro_options *options, struct error *err)
{
    struct text path = TEXT_INIT;
    text_printf(&path, "%s/config", options->data_dir);
    int rc = world_make_directory(c->world, text_string(&path));
    if (rc)
        error_set(err, rc, "cannot make the directory %s: %s", text_string(&path), error_code_name(rc));
    struct text check = TEXT_INIT;
    text_printf(&check, "%s/secret.check", text_string(&path));
    text_puts(&path, "/secret.key");
    if (rc == 0)
        rc = text_ok(&path) && text_ok(&check)
                 ? config_key_init(&c->key, c->world, options->config_key, text_string(&path), err)
                 : error_set(err, ERROR_MEMORY, "out of memory");
    if (rc == 0)
        rc = config_key_check(&c->key, text_string(&check), err);
    text_deinit(&path);
    text_deinit(&check);
    return rc;
}

static const char *const depends[] = {"store", NULL};

static int start(struct world *w, const struct micro_options *options, void **state, struct error *err)
{
    struct config *c = calloc(1, sizeof *c);
    if (!c)
        return error_set(err, ERROR_MEMORY, "out of memory");
    c->world = w;
    struct micro_service_config settings = {
        .name = "config", .access = MICRO_OWN_RULES, .options = options, .depends = depends};
    int rc = read_key(c, options, err);
    c->topic = micro_option(options, "watch-topic");
    if (c->topic && !c->topic[0])
        c->topic = NULL;
    if (rc == 0)
        rc = micro_service_new(w, &settings, &c->service, err);
    if (rc == 0 && ((rc = micro_service_add(c->service, &config_service, c)) != 0 ||
                    (rc = micro_service_add(c->service, &config_watcher_service, c)) != 0))
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
    config_watch_dismiss(c, NULL, "config is stopping"); /* their streams would not end by themselves */
    micro_service_drain(c->service, grace, done, arg);
}

static const char *const services[] = {"config.Config", "config.Watcher", NULL};
static const char *const own_options[] = {"watch-topic", NULL};
static const char *const needs[] = {"registry", "store", NULL};
extern const struct component config_component;
const struct component config_component = {
    .name = "config",
    .port_offset = 1,
    .needs = needs,
    .services = services,
    .stateful = true,
    .options = own_options,
    .start = start,
    .drain = drain,
    .stop = stop,
};
