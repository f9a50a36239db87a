#include "runtime/services/backend/backend.h"

#include "base/units.h"
#include "proto/services.h"
#include "runtime/events/client.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CALL_TIMEOUT ((uint64_t)(10 * SECOND))

const struct micro_program *const backend_programs[] = {
    &backend_customers, &backend_invite, &backend_signup,   &backend_subscriptions, &backend_billing,
    &backend_checkout,  &backend_search, &backend_location, &backend_support,       &backend_review,
    &backend_reward,    &backend_image,  &backend_alerting, &backend_status,        NULL};

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
    t->memory = rpc_call_arena(call);
    t->id = id;
    return t;
}

void task_init(struct task *t, struct backend *b, struct arena *memory, const char *id,
               void (*failed)(struct task *t, int code, const char *detail))
{
    t->backend = b;
    t->memory = memory;
    t->id = id;
    t->failed = failed;
}

void task_fail(struct task *t, int code, const char *format, ...)
{
    char detail[512];
    va_list list;
    va_start(list, format);
    vsnprintf(detail, sizeof detail, format, list);
    va_end(list);
    if (t->call)
        micro_fail(t->call, code, t->id, "%s", detail);
    else
        t->failed(t, code, detail);
}

void task_no_memory(struct task *t)
{
    task_fail(t, 507, "out of memory");
}

void task_answer(void *arg, int status, const char *message, const ProtobufCMessage *reply)
{
    struct task *t = arg;
    struct backend_answer a = {.status = status, .reply = reply};
    if (status != GRPC_OK)
        micro_error_parse(status, bytes_of(message ? message : ""), &a.error);
    t->next(t, &a);
}

void task_cannot_ask(struct task *t, int rc)
{
    task_fail(t, rc == ERROR_MEMORY ? 507 : 503, "%s cannot be called: %s", t->asked, error_code_name(rc));
}

void task_ask(struct task *t, const char *whom, const char *service, const char *method,
              const ProtobufCMessage *request, const ProtobufCMessageDescriptor *reply, backend_step *next)
{
    t->next = next;
    t->asked = whom;
    int rc = micro_call(t->backend->service, service, method, request, reply, 0, task_answer, t);
    if (rc == ERROR_MEMORY) {
        task_cannot_ask(t, rc);
    } else if (rc) { /* it is not even known: as good as away, and the step says what that means */
        struct backend_answer a = {.status = GRPC_UNAVAILABLE, .error.code = 503};
        snprintf(a.error.detail, sizeof a.error.detail, "%s cannot be called: %s", whom, error_code_name(rc));
        next(t, &a);
    }
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
    task_answer(c->task, status, text ? text : "", m);
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
        task_cannot_ask(t, rc);
}

bool task_failed(struct task *t, const struct backend_answer *a, int code)
{
    if (a->status == GRPC_OK)
        return false;
    bool away = a->status == GRPC_UNAVAILABLE || a->status == GRPC_DEADLINE_EXCEEDED || a->status == GRPC_CANCELLED;
    task_fail(t,
              away                   ? 503
              : a->error.code == 507 ? 507
                                     : code,
              "%s %s: %s", t->asked, away ? "cannot be reached" : "refused", a->error.detail);
    return true;
}

const struct micro_account *backend_caller(struct rpc_call *call, const char *id)
{
    const struct micro_account *a = micro_caller(call);
    if (!a)
        micro_fail(call, 401, id, "an account is required");
    return a;
}

static bool plain(char c)
{
    return isalnum((unsigned char)c) || c == '-' || c == '_' || c == '.';
}

char *backend_part(struct arena *a, const char *text)
{
    static const char hex[] = "0123456789ABCDEF";
    size_t len = strlen(text), at = 0;
    char *out = arena_alloc_n(a, len + 1, 3);
    for (; out && *text; text++)
        if (plain(*text)) {
            out[at++] = *text;
        } else {
            out[at++] = '%';
            out[at++] = hex[(unsigned char)*text >> 4];
            out[at++] = hex[(unsigned char)*text & 15];
        }
    return out;
}

char *backend_owner(struct rpc_call *call, const char *id)
{
    const struct micro_account *who = backend_caller(call, id);
    struct arena *a = rpc_call_arena(call);
    if (!who)
        return NULL;
    const char *namespace = backend_part(a, who->issuer), *account = backend_part(a, who->id);
    char *owner = namespace && account ? arena_printf(a, "%s/%s", namespace, account) : NULL;
    if (!owner)
        micro_fail(call, 507, id, "out of memory");
    return owner;
}

bool backend_check_text(struct rpc_call *call, const char *id, const char *what, const char *text, size_t min,
                        size_t max)
{
    size_t characters = 0;
    for (const char *p = text; *p; p++)
        characters += ((unsigned char)*p & 0xC0) != 0x80;
    if (characters >= min && characters <= max)
        return true;
    micro_fail(call, 400, id, "%s has %zu to %zu characters, not %zu", what, min, max, characters);
    return false;
}

bool backend_check_page(struct rpc_call *call, const char *id, int64_t limit, int64_t max)
{
    if (limit >= 1 && limit <= max)
        return true;
    micro_fail(call, 400, id, "a limit is 1 to %lld, not %lld", (long long)max, (long long)limit);
    return false;
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
        rc = text_ok(&json) ? events_publish(t->backend->service, topic, metadata, text_bytes(&json), task_answer, t)
                            : ERROR_MEMORY;
    text_deinit(&json);
    if (rc)
        task_cannot_ask(t, rc);
}
