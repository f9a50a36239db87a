/* The service framework: what a user writes a Micro service on, and what the components stand on themselves.
 *
 * A service is an rpc server with Micro's rules around it: path routing by the last dotted part, the guard that turns
 * tokens into accounts and applies the rules auth hands out (runtime/service/known_policy.h), the Debug handler, health
 * and reflection, registration at the registry with endpoints and their schema (TTL 90 s, heartbeat 30 s), channels to
 * other services by name, an access token of its own, trace ids through every hop, and errors in Micro's shape.
 * Everything is on the world it was made with. A program that is one such service: runtime/service/program.h. */
#ifndef RUNTIME_SERVICE_SERVICE_H
#define RUNTIME_SERVICE_SERVICE_H

#include "base/log.h"
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

/* First thing in a process that runs micro's server, a component or a service: what the C library keeps of freed memory
 * is bounded, so that a process is as small after work as before (memory.c). */
void micro_memory_settle(void);

struct micro_service_config {
    const char *name;    /* "notes": also the gRPC path prefix and the registry name */
    const char *version; /* "latest" when NULL */
    enum micro_access access;
    bool no_registration; /* the registry itself */
    const struct micro_options *options;
    /* Contracts for JSON and reflection. Either a pool, borrowed, or a serialised FileDescriptorSet, borrowed and read
     * when first needed, to which the framework's own contracts are added. Neither: what is compiled in. */
    const struct pb_pool *pool;
    struct bytes descriptors;
    /* Services this one cannot do its work without, NULL-terminated, borrowed: it is unhealthy ("store: not serving")
     * while one of them is. Looked at once the service listens. What they depend on themselves does not count. */
    const char *const *depends;
    /* What the registry is told of our node beside v3's own entries: "key=value" words, NULL-terminated. And a path the
     * gateway answers by handing requests to the HTTP server in the node's metadata "http" ("/site/{path=**}"). Both
     * borrowed, looked at by micro_service_start(); NULL: nothing. */
    const char *const *metadata;
    /* Endpoints that are registered beside those added: what a fallback of the server answers. The same. */
    const struct rpc_service *described;
    size_t described_count;
    const char *http_path;
    /* What the server's fallback answers ends here: nobody behind it judges an open call again, so the service does. */
    bool fallback_ends_here;
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
/* A second server of the service's (with TLS, say), which the caller set up and owns: streams open there are judged
 * again when the policy changes, as on the first. NULL: before it is freed. */
void micro_service_set_door(struct micro_service *s, struct rpc_server *door);
/* What grpc.health.v1.Health is asked for to learn of the service itself, without what it depends on. Its whole health,
 * under "", is good when that is, what it depends on serves, and it knows the rules it judges calls by. */
#define MICRO_SELF "self"
/* Truth for Debug.Health and grpc.health: false with a reason while the service cannot do its work, whatever it
 * depends on. */
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

/* ---- calls on raw channels ---- */

#define MICRO_TRACE_MAX 64 /* characters of a trace's or a span's id */

/* Metadata for a call on a channel of micro_service_channel(): our token, our namespace, and the trace of the call
 * whose handler runs now (or of the call the running micro_done belongs to; a fresh one outside of these).
 * `metadata` points into the struct and into the service: open the call before anything else happens. When the call
 * has ended, micro_outgoing_end() puts its span into the ring that Debug.Trace shows; leaving that out is fine. */
struct micro_outgoing {
    struct grpc_metadata metadata;
    struct grpc_header items[4];
    char trace[MICRO_TRACE_MAX + 1], id[MICRO_TRACE_MAX + 1], parent[MICRO_TRACE_MAX + 1], name[MICRO_TRACE_MAX + 1];
    uint64_t started; /* monotonic */
};
void micro_outgoing_init(struct micro_service *s, struct micro_outgoing *o, const char *path);
void micro_outgoing_end(struct micro_service *s, const struct micro_outgoing *o, int status);
/* For those who take requests by another door than gRPC and answer them by calls (the gateway): the request is a span
 * like a gRPC call's, and those calls carry its trace and, as their parent, its id. `trace` and `parent` are what the
 * request brought, NULL for nothing; what is no id is made afresh, or left out. `path` is "/notes.Notes/List". */
struct micro_inbound {
    char trace[MICRO_TRACE_MAX + 1], id[MICRO_TRACE_MAX + 1], parent[MICRO_TRACE_MAX + 1];
    uint64_t started; /* monotonic */
};
void micro_inbound_begin(struct micro_service *s, struct micro_inbound *in, const char *trace, const char *parent);
void micro_inbound_end(struct micro_service *s, const struct micro_inbound *in, const char *path, int status);
/* A raw call was refused with 401: get a fresh token before the next. False: our token is not ours to renew. */
bool micro_token_refused(struct micro_service *s);
/* Ids of a call's trace, "" when it has none (Debug, health and reflection are not traced). */
const char *micro_call_trace(const struct rpc_call *call);

/* Into the process's log and the last 1,000 records Debug.Log shows. Never a secret. */
void micro_log(struct micro_service *s, enum log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

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
/* That of the caller's account; "micro" without one. */
const char *micro_own_namespace(const struct rpc_call *call);
/* The namespace a call is about: micro-namespace, else the account's issuer, else "micro". */
const char *micro_call_namespace(const struct rpc_call *call);
/* v3's checks in core handlers (facts: 401 without an account, 403 for another's namespace, 401 when not admin). False:
 * the call was finished. */
bool micro_authorize(struct rpc_call *call, const char *namespace, const char *error_id);
bool micro_authorize_admin(struct rpc_call *call, const char *namespace, const char *error_id);
/* An admin or a service of its own namespace. */
bool micro_is_admin(const struct micro_account *a);

/* For those who answer for other services (the gateway, the proxy): the same judgement the guard makes. The account is
 * NULL for an empty token; ERROR_DENIED says what is wrong with the token (401), ERROR_CLOSED that auth's keys are
 * not known yet (503). It lives in the arena. */
int micro_service_account(struct micro_service *s, const char *token, struct arena *arena,
                          const struct micro_account **out, struct error *err);
enum micro_verdict {
    MICRO_GRANTED,
    MICRO_REFUSED,  /* 403 with an account, 401 without */
    MICRO_NOT_KNOWN /* nothing was heard from auth yet: 503 */
};
/* Whether the account's token was revoked since, or the key withdrawn that signed it. An account of
 * micro_service_account(), or NULL. */
bool micro_service_account_ended(struct micro_service *s, const struct micro_account *a);
/* For who keeps something open on an account's behalf: told after every change of auth's policy. One listener. */
void micro_service_on_policy(struct micro_service *s, void (*changed)(void *arg), void *arg);
/* By the rules of `namespace`, for resource {type, name, endpoint}: {"service", "store", "Store.Read"}. */
enum micro_verdict micro_service_judge(struct micro_service *s, const char *namespace, const struct micro_account *a,
                                       const char *type, const char *name, const char *endpoint);

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
    int64_t expires;        /* wall seconds */
    const char *generation; /* claim "gen": ended by a revocation. NULL or "": none */
    const char *key_id;     /* header "kid": which key signs. NULL or "": the root key, without a kid */
};
int micro_token_sign(const char *private_key_pem, const struct micro_claims *claims, struct text *out,
                     struct error *err);
/* Verifies signature and expiry at `now` (wall seconds); strings live in the arena. ERROR_DENIED says why. */
int micro_token_verify(const char *public_key_pem, const char *token, int64_t now, struct arena *arena,
                       struct micro_claims *out, struct error *err);
/* The key id a token names, "" without one, before anything about the token is checked. */
#define MICRO_KEY_ID_MAX 128 /* characters */
int micro_token_key_id(const char *token, char out[MICRO_KEY_ID_MAX + 1], struct error *err);
/* The id of a public key that has no name of its own: the start of the SHA-256 of its DER form, in hexadecimal. */
int micro_key_id(const char *public_key_pem, char out[MICRO_KEY_ID_MAX + 1], struct error *err);
/* Keys are kept once they were read, private ones too: a process that lets go of a key before its end says so. */
void micro_key_forget(const char *pem);
int micro_keys_generate(struct text *private_pem, struct text *public_pem, struct error *err); /* RSA 2048 */

/* The compiled-in descriptor set of everything in proto/. One pool per process, made on first use. */
const struct pb_pool *micro_pool(void);
void micro_pool_free(void);

#endif
