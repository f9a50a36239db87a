#include "runtime/config/watch.h"

#include "runtime/config/operation.h"

#include "base/units.h"
#include "proto/config/watch.pb-c.h"

#include <string.h>

static const char watch_id[] = "config.Watcher.Watch";

struct config_watcher { /* in its call's arena, like what it points to */
    struct rpc_call *call;
    const char *namespace, *path_text;
    const struct config_path *path;
    bool secret;
    uint64_t known;          /* revision of the tree it was told of, or that changed nothing for it */
    size_t behind, messages; /* sent while the client did not read */
    struct config_watcher *next, **link;
};

static void watcher_remove(struct config *c, struct config_watcher *w)
{
    rpc_call_set_user(w->call, NULL);
    *w->link = w->next;
    if (w->next)
        w->next->link = w->link;
    c->watcher_count--;
}

static void let_go(struct config *c, struct config_watcher *w, int code, const char *why)
{
    struct rpc_call *call = w->call;
    watcher_remove(c, w);
    micro_fail(call, code, watch_id, "%s", why);
}

bool config_watched(const struct config *c, const char *namespace)
{
    for (const struct config_watcher *w = c->watchers; w; w = w->next)
        if (strcmp(w->namespace, namespace) == 0)
            return true;
    return false;
}

void config_watch_dismiss(struct config *c, const char *namespace, const char *why)
{
    for (struct config_watcher *w = c->watchers, *next; w; w = next) {
        next = w->next;
        if (!namespace || strcmp(w->namespace, namespace) == 0)
            let_go(c, w, 503, why);
    }
}

/* `data` is the value as this watcher may see it. */
static int send_value(struct config *c, struct config_watcher *w, struct text *data, uint64_t revision, bool initial,
                      const char *touched)
{
    struct arena arena = ARENA_INIT;
    Config__WatchResponse message = CONFIG__WATCH_RESPONSE__INIT;
    Config__Change change = CONFIG__CHANGE__INIT;
    Config__ChangeSet set = CONFIG__CHANGE_SET__INIT;
    char format[] = "json", source[] = "config", sum[CONFIG_CHECKSUM_SIZE];
    config_checksum(text_bytes(data), sum);
    set.data = data->data;
    set.checksum = sum;
    set.format = format;
    set.source = source;
    set.timestamp = world_wall(c->world) / SECOND;
    change.namespace_ = arena_string(&arena, w->namespace);
    change.path = arena_string(&arena, w->path_text);
    change.changeset = &set;
    message.revision = revision;
    message.initial = initial;
    message.change = &change;
    message.touched = arena_string(&arena, touched);
    int rc = change.namespace_ && change.path && message.touched ? rpc_call_send(w->call, &message.base) : ERROR_MEMORY;
    arena_deinit(&arena);
    return rc == ERROR_CANCELLED ? 0 : rc;
}

void config_watch_begin(struct config_operation *op, json_t *root, uint64_t revision)
{
    struct config *c = op->config;
    struct rpc_call *call = op->call;
    struct config_watcher *w = ARENA_NEW(rpc_call_arena(call), struct config_watcher);
    struct text data = TEXT_INIT;
    struct error err = ERROR_INIT;
    if (!w || c->watcher_count >= CONFIG_WATCHERS_MAX) {
        micro_fail(call, w ? 503 : 507, watch_id, w ? "too many watchers" : "out of memory");
        return;
    }
    *w = (struct config_watcher){.call = call,
                                 .namespace = op->namespace,
                                 .path_text = op->path_text,
                                 .path = op->path,
                                 .secret = op->secret,
                                 .known = revision,
                                 .next = c->watchers,
                                 .link = &c->watchers};
    if (w->next)
        w->next->link = &w->next;
    c->watchers = w;
    c->watcher_count++;
    rpc_call_set_user(call, w);
    int rc = config_tree_get(root, op->path, op->secret ? &c->key : NULL, op->namespace, &data, &err);
    if (rc == 0 && (rc = send_value(c, w, &data, revision, true, "")) != 0)
        error_set(&err, rc, "the value could not be sent: %s", error_code_name(rc));
    if (rc)
        let_go(c, w, rc == ERROR_MEMORY ? 507 : 500, err.message ? err.message : "out of memory");
    error_clear(&err);
    text_deinit(&data);
}

/* Whether the value at the path is another one now; in doubt it is. */
static bool differs(struct config *c, const struct config_watcher *w, const struct config_made *made)
{
    struct text before = TEXT_INIT, after = TEXT_INIT;
    bool same = config_tree_get(made->before, w->path, &c->key, made->namespace, &before, NULL) == 0 &&
                config_tree_get(made->after, w->path, &c->key, made->namespace, &after, NULL) == 0 &&
                before.len == after.len && memcmp(text_string(&before), text_string(&after), after.len) == 0;
    config_wipe(&before);
    config_wipe(&after);
    return !same;
}

static void tell_one(struct config *c, struct config_watcher *w, const struct config_made *made)
{
    struct text data = TEXT_INIT;
    bool missed = w->known != made->found;
    w->known = made->kept;
    if (!missed && !differs(c, w, made))
        return;
    int rc = config_tree_get(made->after, w->path, w->secret ? &c->key : NULL, made->namespace, &data, NULL);
    if (rpc_call_busy(w->call)) {
        w->behind += data.len;
        w->messages++;
    } else {
        w->behind = w->messages = 0;
    }
    if (rc == 0 && (w->behind > CONFIG_BEHIND_MAX || w->messages > CONFIG_BEHIND_COUNT))
        let_go(c, w, 503, "the watcher reads too slowly: watch again");
    else if (rc || send_value(c, w, &data, made->revision, false, made->touched) != 0)
        let_go(c, w, 503, "the value cannot be shown: watch again");
    config_wipe(&data);
}

void config_watch_tell(struct config *c, const struct config_made *made)
{
    for (struct config_watcher *w = c->watchers, *next; w; w = next) {
        next = w->next;
        if (strcmp(w->namespace, made->namespace) == 0)
            tell_one(c, w, made);
    }
}

/* ---- the method ---- */

static void watch(struct rpc_call *call, const ProtobufCMessage *message, void *context)
{
    struct config *c = context;
    const Config__WatchRequest *r = (const Config__WatchRequest *)(const void *)message;
    struct config_operation *op = config_prepare(c, call, CONFIG_WATCH, r->namespace_, r->path);
    if (!op)
        return;
    if (c->stopping) {
        micro_fail(call, 503, watch_id, "config is stopping");
        return;
    }
    op->secret = r->options && r->options->secret;
    config_operation_start(op);
}

/* Before it has begun there is no watcher, and its operation ends the call. */
static void cancelled(struct rpc_call *call, void *context)
{
    struct config_watcher *w = rpc_call_user(call);
    if (!w)
        return;
    watcher_remove(context, w);
    rpc_call_finish(call, GRPC_CANCELLED, NULL);
}

static const struct rpc_method methods[] = {
    {.name = "Watch",
     .input = &config__watch_request__descriptor,
     .output = &config__watch_response__descriptor,
     .unary = watch,
     .cancelled = cancelled},
};
const struct rpc_service config_watcher_service = {
    .name = "config.Watcher", .methods = methods, .method_count = sizeof methods / sizeof methods[0]};
