/* The service framework: what a user writes a Micro service on, and what the components stand on themselves.
 *
 * A service is an rpc server with Micro's rules around it: path routing by the last dotted part, the guard that turns
 * tokens into accounts and applies rules, the Debug handler, health and reflection, registration at the registry with
 * endpoints and their schema (TTL 90 s, heartbeat 30 s), channels to other services by name, and errors in Micro's
 * shape. Everything is on the world it was made with. */
#ifndef RUNTIME_SERVICE_SERVICE_H
#define RUNTIME_SERVICE_SERVICE_H

#include "rpc/rpc.h"
#include "runtime/component.h"

#include <stdbool.h>
#include <stdint.h>

struct micro_service;

enum micro_access {
    MICRO_PUBLIC,    /* anybody may call */
    MICRO_ACCOUNT,   /* any account of the namespace */
    MICRO_OWN_RULES, /* the handlers check for themselves */
};

struct micro_service_config {
    const char *name;    /* "notes": also the gRPC path prefix and the registry name */
    const char *version; /* "latest" when NULL */
    enum micro_access access;
    bool no_registration; /* the registry itself */
    const struct micro_options *options;
};
int micro_service_new(struct world *w, const struct micro_service_config *config, struct micro_service **out,
                      struct error *err);
int micro_service_add(struct micro_service *s, const struct rpc_service *service, void *context);
/* Listen, register, keep registered. */
int micro_service_start(struct micro_service *s, struct error *err);
void micro_service_drain(struct micro_service *s, uint64_t grace, void (*done)(void *arg), void *arg); /* deregisters */
void micro_service_free(struct micro_service *s);
struct world *micro_service_world(struct micro_service *s);
const char *micro_service_address(const struct micro_service *s);
struct rpc_server *micro_service_server(struct micro_service *s);
/* Truth for Debug.Health and grpc.health: false with a reason while the service cannot do its work. */
void micro_service_set_healthy(struct micro_service *s, bool healthy, const char *why);

/* A channel to another service: a core component by its known address, any other by registry look-up (cached,
 * refreshed, and refreshed at once when connecting is refused). Owned by the service. */
int micro_service_channel(struct micro_service *s, const char *name, struct rpc_channel **out, struct error *err);
/* A typed unary call with our own token, `timeout` 0: 10 s. The reply is NULL when status is not OK; it is borrowed.
 * `method` is an endpoint ("Store.Read"), or a bare method of the type called like the service. It waits for a
 * connection, so a restart of the other side is bridged; what the other side has seen is not sent again. */
typedef void micro_done(void *arg, int status, const char *message, const ProtobufCMessage *reply);
int micro_call(struct micro_service *s, const char *service, const char *method, const ProtobufCMessage *request,
               const ProtobufCMessageDescriptor *reply, uint64_t timeout, micro_done *done, void *arg);

/* A random UUID (RFC 9562, version 4) as text. */
int micro_uuid(struct world *w, char out[37]);

/* ---- accounts ---- */

struct micro_account {
    const char *id, *type, *issuer, *name; /* "" when absent, never NULL */
    const char *const *scopes;             /* NULL-terminated */
};
/* The caller's account, or NULL when it showed no valid token. A token that is bad ends the call before the handler. */
const struct micro_account *micro_caller(const struct rpc_call *call);
bool micro_has_scope(const struct micro_account *a, const char *scope);
/* The namespace a call is about: micro-namespace, else the account's issuer, else "micro". */
const char *micro_call_namespace(const struct rpc_call *call);
/* v3's checks in core handlers (facts: 401 without an account, 403 for another's namespace, 401 when not admin). False:
 * the call was finished. */
bool micro_authorize(struct rpc_call *call, const char *namespace, const char *error_id);
bool micro_authorize_admin(struct rpc_call *call, const char *namespace, const char *error_id);

/* ---- errors ---- */

/* Ends the call with Micro's error: grpc-status by the table, grpc-message the JSON {"id","code","detail","status"},
 * details one Any of errors.Error. `code` is HTTP-like: 400, 401, 403, 404, 405, 408, 409, 412, 429, 500, 501, 502,
 * 503, 504, 507. */
void micro_fail(struct rpc_call *call, int code, const char *id, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
int micro_code_to_grpc(int http_code);
struct micro_error {
    int code; /* HTTP-like; 500 when the text was no micro error */
    char id[128], detail[512];
};
/* From a finished call's status and message. */
void micro_error_parse(int grpc_status, struct bytes message, struct micro_error *out);

/* ---- tokens (RS256 JWT, RFC 7519) ---- */

struct micro_claims {
    const char *subject, *type, *issuer, *name;
    const char *const *scopes;
    int64_t expires; /* wall seconds */
};
int micro_token_sign(const char *private_key_pem, const struct micro_claims *claims, struct text *out,
                     struct error *err);
/* Verifies signature and expiry at `now` (wall seconds); strings live in the arena. ERROR_DENIED says why. */
int micro_token_verify(const char *public_key_pem, const char *token, int64_t now, struct arena *arena,
                       struct micro_claims *out, struct error *err);
int micro_keys_generate(struct text *private_pem, struct text *public_pem, struct error *err); /* RSA 3072 */

/* The compiled-in descriptor set of everything in proto/. One pool per process, made on first use. */
const struct pb_pool *micro_pool(void);
void micro_pool_free(void);

#endif
