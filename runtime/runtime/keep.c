/* What the runtime asks of the other components: records of the store, accounts of auth, events. */
#include "base/json_text.h"
#include "base/log.h"
#include "proto/auth/auth.pb-c.h"
#include "proto/events/events.pb-c.h"
#include "proto/store/store.pb-c.h"
#include "runtime/runtime/runner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOAD_FIRST     ((uint64_t)100 * (uint64_t)MILLISECOND)
#define LOAD_MAX       ((uint64_t)2 * (uint64_t)SECOND)
#define EVENTS_OPEN    64 /* calls to the events component that have not ended: more are not made */
#define EVENTS_TIMEOUT ((uint64_t)5 * (uint64_t)SECOND)

int runner_code(int status, const char *message, char *detail, size_t size)
{
    struct micro_error e;
    micro_error_parse(status, bytes_of(message ? message : ""), &e);
    if (detail)
        snprintf(detail, size, "%s", e.detail[0] ? e.detail : grpc_status_name(status));
    if (status == GRPC_OK)
        return 200;
    if (status == GRPC_UNAVAILABLE || status == GRPC_DEADLINE_EXCEEDED || status == GRPC_CANCELLED)
        return 503;
    return e.code;
}

/* ---- records ---- */

struct keep {
    runner_done *done;
    void *arg;
};

/* A change, whose answer carries the store's revision. */
static void changed(void *arg, const struct rpc_reply *reply)
{
    struct keep k = *(struct keep *)arg;
    char revision[32] = "";
    struct text message = TEXT_INIT;
    free(arg);
    for (size_t i = 0; i < reply->trailers.count; i++) {
        const struct grpc_header *h = &reply->trailers.items[i];
        if (bytes_is(h->name, "micro-revision") && h->value.len < sizeof revision) {
            memcpy(revision, h->value.data, h->value.len);
            revision[h->value.len] = '\0';
        }
    }
    text_add(&message, reply->message.data, reply->message.len);
    k.done(k.arg, reply->status, text_string(&message), revision);
    text_deinit(&message);
}

static void change(struct runner *r, const char *path, const ProtobufCMessage *request, runner_done *done, void *arg)
{
    struct rpc_channel *channel = NULL;
    struct text packed = TEXT_INIT;
    struct keep *k = request ? calloc(1, sizeof *k) : NULL;
    int rc = k ? pb_pack(request, &packed) : ERROR_MEMORY;
    if (rc == 0)
        rc = micro_service_channel(r->service, "store", &channel, NULL);
    if (rc == 0) {
        struct micro_outgoing o;
        micro_outgoing_init(r->service, &o, path);
        const struct rpc_request call = {.path = path,
                                         .metadata = o.metadata,
                                         .timeout = RUNNER_CALL_TIMEOUT,
                                         .wait_for_ready = true,
                                         .message = text_bytes(&packed),
                                         .has_message = true};
        *k = (struct keep){.done = done, .arg = arg};
        rc = rpc_unary(channel, &call, changed, k, NULL, NULL);
    }
    text_deinit(&packed);
    if (rc < 0) {
        free(k);
        done(arg, rc == ERROR_MEMORY ? GRPC_RESOURCE_EXHAUSTED : GRPC_UNAVAILABLE, error_code_name(rc), "");
    }
}

void runner_keep_write(struct runner *r, const char *key, const json_t *value, runner_done *done, void *arg)
{
    struct arena arena = ARENA_INIT;
    Store__WriteRequest request;
    Store__WriteOptions options;
    Store__Record record;
    store__write_request__init(&request);
    store__write_options__init(&options);
    store__record__init(&record);
    char *text = value ? json_text_of(value, 0) : NULL;
    record.key = arena_string(&arena, key);
    options.database = arena_string(&arena, RUNNER_DATABASE);
    options.table = arena_string(&arena, RUNNER_TABLE);
    if (text)
        record.value = (ProtobufCBinaryData){strlen(text), (uint8_t *)text};
    request.record = &record;
    request.options = &options;
    bool ok = text && record.key && options.database && options.table;
    change(r, "/store.Store/Write", ok ? &request.base : NULL, done, arg);
    free(text);
    arena_deinit(&arena);
}

void runner_keep_remove(struct runner *r, const char *key, runner_done *done, void *arg)
{
    struct arena arena = ARENA_INIT;
    Store__DeleteRequest request;
    Store__DeleteOptions options;
    store__delete_request__init(&request);
    store__delete_options__init(&options);
    request.key = arena_string(&arena, key);
    options.database = arena_string(&arena, RUNNER_DATABASE);
    options.table = arena_string(&arena, RUNNER_TABLE);
    request.options = &options;
    bool ok = request.key && options.database && options.table;
    change(r, "/store.Store/Delete", ok ? &request.base : NULL, done, arg);
    arena_deinit(&arena);
}

/* ---- saving what became of a service ---- */

struct save {
    struct runner_turn turn;
    struct runner_service *service;
};

static void saved(void *arg, int status, const char *message, const char *revision)
{
    struct save *save = arg;
    char detail[256];
    (void)revision;
    struct runner_service *s = save->service;
    if (runner_code(status, message, detail, sizeof detail) != 200)
        log_warn("runtime", "what became of %s could not be saved: %s", s->key, detail);
    runner_turn_end(s);
    free(save);
}

static void save_begin(void *arg)
{
    struct save *save = arg;
    struct runner_service *s = save->service;
    if (!s->exists) {
        runner_turn_end(s);
        free(save);
        return;
    }
    json_t *record = runner_service_json(s, s->current, s->next, s->finished);
    runner_keep_write(s->runner, s->key, record, saved, save);
    json_decref(record);
}

static void save_drop(void *arg)
{
    free(arg);
}

void runner_service_save(struct runner_service *s)
{
    struct save *save = calloc(1, sizeof *save);
    if (!save) {
        log_warn("runtime", "out of memory: what became of %s is not saved", s->key);
        return;
    }
    *save = (struct save){.turn = {.begin = save_begin, .drop = save_drop, .arg = save}, .service = s};
    runner_turn_begin(s, &save->turn);
}

/* ---- loading ---- */

static void load_later(struct runner *r)
{
    r->load_delay = r->load_delay == 0 ? LOAD_FIRST : r->load_delay * 2 < LOAD_MAX ? r->load_delay * 2 : LOAD_MAX;
    if (world_timer_start(&r->load_timer, r->load_delay) < 0)
        log_error("runtime", "out of memory: the services are not loaded");
}

static void load_record(struct runner *r, const Store__Record *record)
{
    struct error err = ERROR_INIT;
    json_t *value = json_loadb((const char *)record->value.data, record->value.len, 0, NULL);
    int rc = strncmp(record->key, "service:", 8) == 0 ? runner_service_load(r, value, &err)
                                                      : runner_resource_load(r, record->key, json_incref(value));
    if (rc < 0) /* it stays in the store for somebody to look at */
        log_error("runtime", "the record %s is left alone: %s", record->key,
                  err.message ? err.message : error_code_name(rc));
    error_clear(&err);
    json_decref(value);
}

static void loaded(void *arg, int status, const char *message, const ProtobufCMessage *reply)
{
    struct runner *r = arg;
    int code = runner_code(status, message, NULL, 0);
    if (r->stopping || r->loaded)
        return;
    if (code != 200 && code != 404) {
        load_later(r);
        return;
    }
    const Store__ReadResponse *found = (const Store__ReadResponse *)(const void *)reply;
    r->loaded = true;
    for (size_t i = 0; code == 200 && i < found->n_records; i++)
        load_record(r, found->records[i]);
    runner_clear_leftovers(r);
    log_info("runtime", "%zu services are kept", map_count(&r->services));
    micro_service_set_healthy(r->service, true, NULL);
}

void runner_keep_load(struct runner *r)
{
    struct arena arena = ARENA_INIT;
    Store__ReadRequest request;
    Store__ReadOptions options;
    store__read_request__init(&request);
    store__read_options__init(&options);
    request.key = arena_string(&arena, "");
    options.database = arena_string(&arena, RUNNER_DATABASE);
    options.table = arena_string(&arena, RUNNER_TABLE);
    options.prefix = true;
    request.options = &options;
    int rc = request.key && options.database && options.table
                 ? micro_call(r->service, "store", "Store.Read", &request.base, &store__read_response__descriptor,
                              RUNNER_CALL_TIMEOUT, loaded, r)
                 : ERROR_MEMORY;
    arena_deinit(&arena);
    if (rc < 0)
        load_later(r);
}

/* ---- accounts ---- */

struct account {
    struct runner_service *service;
    char *secret; /* NULL: only take the old one away */
    runner_done *done;
    void *arg;
};

static void account_done(struct account *a, int status, const char *message)
{
    runner_done *done = a->done;
    void *arg = a->arg;
    if (a->secret)
        memset(a->secret, 0, strlen(a->secret));
    free(a->secret);
    free(a);
    done(arg, status, message, "");
}

static void account_made(void *arg, int status, const char *message, const ProtobufCMessage *reply)
{
    (void)reply;
    account_done(arg, status, message);
}

static void account_generate(struct account *a)
{
    static const char type[] = "service", scope[] = "service";
    struct runner_service *s = a->service;
    struct arena arena = ARENA_INIT;
    Auth__GenerateRequest request;
    Auth__Options options;
    auth__generate_request__init(&request);
    auth__options__init(&options);
    char *scopes[] = {arena_string(&arena, scope)};
    request.id = arena_string(&arena, s->id);
    request.name = arena_string(&arena, s->id);
    request.type = arena_string(&arena, type);
    request.secret = a->secret;
    request.scopes = scopes;
    request.n_scopes = 1;
    options.namespace_ = arena_string(&arena, s->namespace);
    request.options = &options;
    int rc = scopes[0] && request.id && request.name && request.type && options.namespace_
                 ? micro_call(s->runner->service, "auth", "Auth.Generate", &request.base,
                              &auth__generate_response__descriptor, RUNNER_CALL_TIMEOUT, account_made, a)
                 : ERROR_MEMORY;
    arena_deinit(&arena);
    if (rc < 0)
        account_done(a, GRPC_UNAVAILABLE, error_code_name(rc));
}

/* An account that is not there is as good as one that was removed. */
static void account_removed(void *arg, int status, const char *message, const ProtobufCMessage *reply)
{
    struct account *a = arg;
    (void)reply;
    int code = runner_code(status, message, NULL, 0);
    bool gone = code == 200 || code == 404 || code == 400;
    if (!gone)
        account_done(a, status, message);
    else if (a->secret)
        account_generate(a);
    else
        account_done(a, GRPC_OK, "");
}

static void account_begin(struct runner_service *s, const char *secret, runner_done *done, void *arg)
{
    struct arena arena = ARENA_INIT;
    Auth__DeleteAccountRequest request;
    Auth__Options options;
    auth__delete_account_request__init(&request);
    auth__options__init(&options);
    struct account *a = calloc(1, sizeof *a);
    int rc = a ? 0 : ERROR_MEMORY;
    if (a)
        *a = (struct account){.service = s, .secret = secret ? strdup(secret) : NULL, .done = done, .arg = arg};
    request.id = arena_string(&arena, s->id);
    options.namespace_ = arena_string(&arena, s->namespace);
    request.options = &options;
    if (rc == 0 && ((secret && !a->secret) || !request.id || !options.namespace_))
        rc = ERROR_MEMORY;
    if (rc == 0)
        rc = micro_call(s->runner->service, "auth", "Accounts.Delete", &request.base,
                        &auth__delete_account_response__descriptor, RUNNER_CALL_TIMEOUT, account_removed, a);
    arena_deinit(&arena);
    if (rc < 0 && a)
        account_done(a, GRPC_UNAVAILABLE, error_code_name(rc));
    else if (rc < 0)
        done(arg, GRPC_RESOURCE_EXHAUSTED, "out of memory", "");
}

void runner_account_make(struct runner_service *s, const char *secret, runner_done *done, void *arg)
{
    account_begin(s, secret, done, arg);
}

void runner_account_remove(struct runner_service *s, runner_done *done, void *arg)
{
    account_begin(s, NULL, done, arg);
}

/* ---- events ---- */

static void published(void *arg, int status, const char *message, const ProtobufCMessage *reply)
{
    struct runner *r = arg;
    (void)reply;
    r->events_open--;
    if (status != GRPC_OK)
        log_debug("runtime", "an event was not published: %s", message);
}

static Events__PublishRequest__MetadataEntry *event_pair(struct arena *arena, const char *key, const char *value)
{
    Events__PublishRequest__MetadataEntry *e = ARENA_NEW(arena, Events__PublishRequest__MetadataEntry);
    if (!e)
        return NULL;
    events__publish_request__metadata_entry__init(e);
    e->key = arena_string(arena, key);
    e->value = arena_string(arena, value);
    return e->key && e->value ? e : NULL;
}

/* Telling others is no part of the change: whether it succeeds changes nothing. Takes over `object`. */
void runner_publish(struct runner *r, const char *type, const char *namespace, const char *name, json_t *object)
{
    struct arena arena = ARENA_INIT;
    Events__PublishRequest request;
    events__publish_request__init(&request);
    json_t *payload = json_pack("{ss ss ss sI so}", "type", type, "namespace", namespace, "name", name, "timestamp",
                                (json_int_t)(world_wall(r->world) / SECOND), "resource", object);
    char *text = payload ? json_text_of(payload, 0) : NULL;
    Events__PublishRequest__MetadataEntry *metadata[] = {event_pair(&arena, "type", type),
                                                         event_pair(&arena, "namespace", namespace)};
    request.topic = arena_string(&arena, RUNNER_TOPIC);
    request.metadata = metadata;
    request.n_metadata = 2;
    if (text)
        request.payload = (ProtobufCBinaryData){strlen(text), (uint8_t *)text};
    bool ok = text && request.topic && metadata[0] && metadata[1] && r->events_open < EVENTS_OPEN;
    /* No such component here: nobody to tell. */
    if (ok && component_find("events") &&
        micro_call(r->service, "events", "Stream.Publish", &request.base, &events__publish_response__descriptor,
                   EVENTS_TIMEOUT, published, r) == 0)
        r->events_open++;
    free(text);
    json_decref(payload);
    arena_deinit(&arena);
}
