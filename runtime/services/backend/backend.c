#include "runtime/services/backend/backend.h"

#include "base/units.h"
#include "proto/services.h"
#include "proto/store/store.pb-c.h"
#include "runtime/events/client.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define CALL_TIMEOUT ((uint64_t)(10 * SECOND))

static char database[] = MICRO_NAMESPACE; /* protobuf-c's strings are not const */

const struct micro_program *const backend_programs[] = {&backend_customers,
                                                        &backend_invite,
                                                        &backend_signup,
                                                        &backend_subscriptions,
                                                        &backend_billing,
                                                        &backend_checkout,
                                                        NULL};

static struct pb_pool *pool;

const struct pb_pool *backend_pool(void)
{
    struct error err = ERROR_INIT;
    if (!pool && pb_pool_new(proto_services_set(), "services' contracts", &pool, &err) != 0)
        log_error("backend", "%s", err.message ? err.message : "the contracts cannot be read");
    error_clear(&err);
    return pool;
}

void backend_pool_free(void)
{
    pb_pool_free(pool);
    pool = NULL;
}

int backend_setup(struct micro_service *s, const struct rpc_service *served, void **state, struct error *err)
{
    struct backend *b = calloc(1, sizeof *b);
    if (!b)
        return error_set(err, ERROR_MEMORY, "out of memory");
    *b = (struct backend){.service = s, .world = micro_service_world(s)};
    *state = b;
    int rc = micro_service_add(s, served, b);
    return rc ? error_set(err, rc, "the handlers cannot be set up") : 0;
}

void backend_stop(void *state)
{
    free(state);
}

/* ---- tasks ------------------------------------------------------------------------------------------------------- */

void *task_new(size_t size, struct backend *b, struct rpc_call *call, const char *id)
{
    struct task *t = arena_alloc(rpc_call_arena(call), size);
    if (!t) {
        micro_fail(call, 507, id, "out of memory");
        return NULL;
    }
    t->backend = b;
    t->call = call;
    t->id = id;
    return t;
}

void task_no_memory(struct task *t)
{
    micro_fail(t->call, 507, t->id, "out of memory");
}

static void on_answer(void *arg, int status, const char *message, const ProtobufCMessage *reply)
{
    struct task *t = arg;
    struct backend_answer a = {.status = status, .reply = reply};
    if (status != GRPC_OK)
        micro_error_parse(status, bytes_of(message ? message : ""), &a.error);
    t->next(t, &a);
}

static void cannot_ask(struct task *t, int rc)
{
    micro_fail(t->call, rc == ERROR_MEMORY ? 507 : 503, t->id, "%s cannot be called: %s", t->asked,
               error_code_name(rc));
}

void task_ask(struct task *t, const char *whom, const char *service, const char *method,
              const ProtobufCMessage *request, const ProtobufCMessageDescriptor *reply, backend_step *next)
{
    t->next = next;
    t->asked = whom;
    int rc = micro_call(t->backend->service, service, method, request, reply, 0, on_answer, t);
    if (rc)
        cannot_ask(t, rc);
}

/* A call of task_ask_as_caller() under way; in the arena of the task's call. */
struct as_caller {
    struct task *task;
    struct micro_outgoing outgoing;
    const ProtobufCMessageDescriptor *reply;
};

static void on_raw_answer(void *arg, const struct rpc_reply *r)
{
    struct as_caller *c = arg;
    struct arena *a = rpc_call_arena(c->task->call);
    int status = r->status;
    const char *text = arena_string_n(a, r->message.data ? (const char *)r->message.data : "", r->message.len);
    ProtobufCMessage *m = NULL;
    if (status == GRPC_OK && (!r->body.data || pb_unpack(c->reply, r->body, a, &m, NULL) != 0)) {
        status = GRPC_INTERNAL;
        text = "the service answered without a message that can be read";
    }
    micro_outgoing_end(c->task->backend->service, &c->outgoing, status);
    on_answer(c->task, status, text ? text : "", m);
}

void task_ask_as_caller(struct task *t, const char *whom, const char *service, const char *method,
                        const ProtobufCMessage *request, const ProtobufCMessageDescriptor *reply, backend_step *next)
{
    struct arena *arena = rpc_call_arena(t->call);
    struct as_caller *c = ARENA_NEW(arena, struct as_caller);
    char *path = arena_printf(arena, "/%s.%s", service, method), *dot = path ? strrchr(path, '.') : NULL;
    const char *bearer = rpc_call_header(t->call, "authorization");
    struct grpc_header items[2];
    struct text wire = TEXT_INIT;
    struct rpc_channel *channel = NULL;
    t->next = next;
    t->asked = whom;
    int rc = c && dot ? pb_pack(request, &wire) : ERROR_MEMORY;
    if (rc == 0)
        rc = micro_service_channel(t->backend->service, service, &channel, NULL);
    if (rc == 0) {
        *dot = '/';
        *c = (struct as_caller){.task = t, .reply = reply};
        micro_outgoing_init(t->backend->service, &c->outgoing, path);
        items[0] = (struct grpc_header){bytes_of("authorization"), bytes_of(bearer ? bearer : "")};
        items[1] = (struct grpc_header){bytes_of("micro-trace-id"), bytes_of(c->outgoing.trace)};
        struct rpc_request r = {.path = path,
                                .metadata = {.items = items, .count = 2},
                                .timeout = CALL_TIMEOUT,
                                .wait_for_ready = true,
                                .message = text_bytes(&wire),
                                .has_message = true};
        rc = text_ok(&wire) ? rpc_unary(channel, &r, on_raw_answer, c, NULL, NULL) : ERROR_MEMORY;
    }
    text_deinit(&wire);
    if (rc)
        cannot_ask(t, rc);
}

bool task_failed(struct task *t, const struct backend_answer *a, int code)
{
    if (a->status == GRPC_OK)
        return false;
    bool away = a->status == GRPC_UNAVAILABLE || a->status == GRPC_DEADLINE_EXCEEDED || a->status == GRPC_CANCELLED;
    micro_fail(t->call,
               away                   ? 503
               : a->error.code == 507 ? 507
                                      : code,
               t->id, "%s %s: %s", t->asked, away ? "cannot be reached" : "refused", a->error.detail);
    return true;
}

const struct micro_account *backend_caller(struct rpc_call *call, const char *id)
{
    const struct micro_account *a = micro_caller(call);
    if (!a)
        micro_fail(call, 401, id, "an account is required");
    return a;
}

bool backend_is_operator(const struct micro_account *a)
{
    return strcmp(a->issuer, MICRO_NAMESPACE) == 0 && micro_is_admin(a);
}

/* The form that mail systems take: one "@", a local part of at most 64 characters without blanks, and a domain of two
 * labels or more. What is quoted or commented (RFC 5322) is not taken. */
static bool is_email(const char *s, size_t len)
{
    const char *at = memchr(s, '@', len);
    if (!at || at == s || at - s > 64 || len > BACKEND_EMAIL_MAX)
        return false;
    size_t labels = 1;
    for (const char *p = s; p < at; p++)
        if (!isgraph((unsigned char)*p) || strchr("@,;:<>()[]\\\"", *p) ||
            (*p == '.' && (p == s || p[1] == '.' || p + 1 == at)))
            return false;
    for (const char *p = at + 1; p < s + len; p++) {
        bool edge = p == at + 1 || p + 1 == s + len || p[-1] == '.' || p[1] == '.';
        if (*p == '.' && !edge)
            labels++;
        else if (!(isalnum((unsigned char)*p) || (*p == '-' && !edge)))
            return false;
    }
    return labels >= 2;
}

char *backend_email(struct rpc_call *call, const char *id, const char *address)
{
    size_t len = strlen(address);
    while (len > 0 && isspace((unsigned char)*address)) {
        address++;
        len--;
    }
    while (len > 0 && isspace((unsigned char)address[len - 1]))
        len--;
    if (!is_email(address, len)) {
        micro_fail(call, 400, id, len ? "\"%.*s\" is no e-mail address" : "an e-mail address is required%.*s",
                   (int)(len < 300 ? len : 300), address);
        return NULL;
    }
    char *copy = arena_string_n(rpc_call_arena(call), address, len);
    if (!copy) {
        micro_fail(call, 507, id, "out of memory");
        return NULL;
    }
    for (char *p = copy; *p; p++)
        *p = (char)tolower((unsigned char)*p);
    return copy;
}

bool backend_check_secret(struct rpc_call *call, const char *id, const char *secret)
{
    size_t len = strlen(secret);
    if (len >= BACKEND_SECRET_MIN && len <= BACKEND_SECRET_MAX)
        return true;
    micro_fail(call, 400, id, "a secret has %d to %d characters", BACKEND_SECRET_MIN, BACKEND_SECRET_MAX);
    return false;
}

int64_t backend_now(const struct backend *b)
{
    return world_wall(b->world) / SECOND;
}

char *backend_token(struct backend *b, struct arena *a, size_t len)
{
    static const char alphabet[] = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"; /* 32: a byte's remainder favours none */
    char *out = arena_alloc(a, len + 1);
    if (!out || world_entropy(b->world, out, len) != 0)
        return NULL;
    for (size_t i = 0; i < len; i++)
        out[i] = alphabet[(unsigned char)out[i] % (sizeof alphabet - 1)];
    return out;
}

bool backend_same(const char *secret, const char *given)
{
    size_t len = strlen(secret);
    if (strlen(given) != len)
        return false;
    unsigned differs = 0;
    for (size_t i = 0; i < len; i++)
        differs |= (unsigned char)(secret[i] ^ given[i]);
    return differs == 0;
}

bool backend_unheard(const struct backend_answer *a)
{
    switch (a->status) {
    case GRPC_UNAVAILABLE:
    case GRPC_DEADLINE_EXCEEDED:
    case GRPC_CANCELLED:
    case GRPC_INTERNAL: /* a stream that was reset, too */
    case GRPC_UNKNOWN:
    case GRPC_DATA_LOSS:
        return true;
    default:
        return false;
    }
}

/* ---- the store --------------------------------------------------------------------------------------------------- */

static void on_read(void *arg, int status, const char *message, const ProtobufCMessage *reply)
{
    static const Store__ReadResponse nothing = STORE__READ_RESPONSE__INIT;
    if (status == GRPC_NOT_FOUND)
        on_answer(arg, GRPC_OK, "", &nothing.base);
    else
        on_answer(arg, status, message, reply);
}

void task_read(struct task *t, const char *table, const char *key, bool prefix, backend_step *next)
{
    struct arena *a = rpc_call_arena(t->call);
    Store__ReadOptions options = STORE__READ_OPTIONS__INIT;
    Store__ReadRequest request = STORE__READ_REQUEST__INIT;
    t->next = next;
    t->asked = "the store";
    options.database = database;
    options.table = arena_string(a, table);
    options.prefix = prefix;
    options.missing_ok = true;
    request.key = arena_string(a, key);
    request.options = &options;
    int rc = options.table && request.key ? micro_call(t->backend->service, "store", "Store.Read", &request.base,
                                                       &store__read_response__descriptor, 0, on_read, t)
                                          : ERROR_MEMORY;
    if (rc)
        cannot_ask(t, rc);
}

void task_write(struct task *t, const char *table, const char *key, const char *json, uint64_t revision,
                backend_step *next)
{
    struct arena *a = rpc_call_arena(t->call);
    Store__WriteOptions options = STORE__WRITE_OPTIONS__INIT;
    Store__Record record = STORE__RECORD__INIT;
    Store__WriteRequest request = STORE__WRITE_REQUEST__INIT;
    options.database = database;
    options.table = arena_string(a, table);
    options.if_absent = revision == 0;
    options.if_revision = revision == BACKEND_ALWAYS ? 0 : revision;
    record.key = arena_string(a, key);
    record.value.data = json ? arena_copy(a, json, strlen(json)) : NULL;
    record.value.len = json ? strlen(json) : 0;
    record.expiry = t->expiry;
    t->expiry = 0;
    request.record = &record;
    request.options = &options;
    if (!options.table || !record.key || !record.value.data)
        task_no_memory(t);
    else
        task_ask(t, "the store", "store", "Store.Write", &request.base, &store__write_response__descriptor, next);
}

void task_save(struct task *t, const struct backend_shape *shape, const char *key, const void *record,
               uint64_t revision, backend_step *next)
{
    char *json = key ? backend_encode(rpc_call_arena(t->call), shape->fields, shape->count, record) : NULL;
    if (json)
        task_write(t, shape->table, key, json, revision, next);
    else
        task_no_memory(t);
}

bool task_take(struct task *t, const struct backend_shape *shape, const struct backend_answer *a, void *record,
               uint64_t *revision)
{
    *revision = 0;
    if (task_failed(t, a, 500))
        return false;
    const Store__ReadResponse *r = (const Store__ReadResponse *)(const void *)a->reply;
    if (r->n_records == 0)
        return true;
    *revision = r->records[0]->revision;
    if (backend_decode(rpc_call_arena(t->call), shape->fields, shape->count,
                       BYTES(r->records[0]->value.data, r->records[0]->value.len), record))
        return true;
    micro_fail(t->call, 500, t->id, "%s", shape->damaged);
    return false;
}

void task_delete(struct task *t, const char *table, const char *key, backend_step *next)
{
    struct arena *a = rpc_call_arena(t->call);
    Store__DeleteOptions options = STORE__DELETE_OPTIONS__INIT;
    Store__DeleteRequest request = STORE__DELETE_REQUEST__INIT;
    options.database = database;
    options.table = arena_string(a, table);
    request.key = arena_string(a, key);
    request.options = &options;
    if (!options.table || !request.key)
        task_no_memory(t);
    else
        task_ask(t, "the store", "store", "Store.Delete", &request.base, &store__delete_response__descriptor, next);
}

/* ---- events ------------------------------------------------------------------------------------------------------ */

void task_publish(struct task *t, const char *topic, const char *word, const ProtobufCMessage *event,
                  backend_step *next)
{
    const char *const metadata[] = {"type", word, NULL};
    struct text json = TEXT_INIT;
    t->next = next;
    t->asked = "the event store";
    int rc = backend_pool() ? pb_to_json(backend_pool(), event, PB_JSON_PROTO_NAMES, &json, NULL) : ERROR_MEMORY;
    if (rc == 0)
        rc = text_ok(&json) ? events_publish(t->backend->service, topic, metadata, text_bytes(&json), on_answer, t)
                            : ERROR_MEMORY;
    text_deinit(&json);
    if (rc)
        cannot_ask(t, rc);
}
