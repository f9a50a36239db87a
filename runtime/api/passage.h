/* One request on its way through the gateway, and what the parts of the gateway share.
 *
 *   gateway.c   the way of a request: who, may they, where to
 *   access.c    who: token, account, address; may they: rate, block list, the namespace's rules
 *   cors.c      what browsers are told
 *   answer.c    errors and plain answers
 *   metadata.c  what goes along with the call
 *   grant.c     what lives on under what its caller was granted
 *   span.c      the request as a span of its trace
 *   call.c      handler rpc: one call, its answer or its stream
 *   socket.c    handler rpc over a WebSocket
 *   envelope.c  handlers api and event
 *   forward.c   handler http: a reverse proxy
 *   tunnel.c    a WebSocket through it
 *
 * A passage is in its exchange's arena and lives until the exchange is finished. */
#ifndef RUNTIME_API_PASSAGE_H
#define RUNTIME_API_PASSAGE_H

#include "runtime/api/errors.h"
#include "runtime/api/gateway.h"
#include "wire/websocket_frames.h"

#define GATEWAY_METADATA_MAX (GATEWAY_FORWARD_MAX + 12)

/* What a caller was granted once and holds on to: a request under way, a WebSocket. All of them are in the gateway's
 * list, and when auth's policy or the block list changes each is judged again, as a new request would be; what would be
 * refused is told so once, and is in no list any more. (The end of a token's own time ends nothing, as with gRPC
 * streams: service/open_calls.c tells why.) A grant is part of what it is about, so there are as many as connections,
 * and none that memory is missing for. */
typedef void grant_lost(void *arg, int code, const char *why);
struct grant {
    struct gateway *gateway;
    const struct micro_account *account; /* NULL: nobody in particular */
    const char *namespace, *domain;
    const struct api_target *target;
    grant_lost *lost; /* may free the grant. NULL: the owner looks at `code` before it goes on */
    void *arg;
    int code;                 /* 0: it holds; else the HTTP status of the refusal */
    const char *why;          /* static */
    struct grant *next, **at; /* NULL: in no list */
};

struct passage {
    struct gateway *gateway;
    struct http_exchange *x;
    const char *request_id, *address; /* of the client, without its port */
    const char *token;                /* NULL: none */
    const struct micro_account *account;
    const char *namespace;
    char domain[API_NAME_MAX]; /* the service's, once it is known; "" before */
    struct api_target target;
    enum api_handler handler;
    const char *topic;                                       /* handler event: NULL: from the path */
    bool declared;                                           /* a service asked for this route */
    struct template_value variables[TEMPLATE_VARIABLES_MAX]; /* of its path */
    size_t variable_count;
    uint64_t timeout;   /* ns the client gives; 0: none said */
    struct grant grant; /* from when access was granted until the exchange ends */
    struct micro_inbound span;
    int outcome;         /* a gRPC status; GRPC_OK: as the HTTP status says */
    bool told_elsewhere; /* of the span's end: the request goes on as a WebSocket */
};

/* answer.c */
void answer_error(struct http_exchange *x, const struct micro_error *e);
void answer_failure(struct http_exchange *x, int code, const char *detail);
void answer_refusal(int status, const char *why, struct text *body); /* the HTTP server's own, before any passage */
void answer_plain(struct http_exchange *x, int code, const char *text);
bool answer_printable(const char *value);

/* cors.c: headers of every answer; the answer to OPTIONS. */
void cors_headers(struct passage *p);
void cors_preflight(struct passage *p);
bool cors_trusts(const struct passage *p); /* the page that asks may use the browser's cookies */

/* access.c: an address without its port, of IPv6 the /64; in the arena. */
const char *access_address(struct arena *arena, const char *text, size_t len);
/* Headers that say where a request comes from are passed on only if proxies of ours wrote them. True: this one is not
 * the client's to set. X-Forwarded-For is always told anew: the chain so far, when it is to be believed, and the peer;
 * NULL: no memory. */
bool access_is_origin(const struct passage *p, const struct http1_header *h);
const char *access_forwarded_for(const struct passage *p);
/* False: the exchange was answered. */
bool access_caller(struct passage *p); /* address, token, account, namespace, rate, block list */
/* By the rules of the request's namespace and of the service's, once the target is known. */
bool access_granted(struct passage *p);
enum micro_verdict access_verdict(const struct gateway *g, const char *namespace, const char *domain,
                                  const struct micro_account *account, const struct api_target *target);

/* grant.c */
void grant_open(struct grant *g, const struct passage *p); /* borrows the passage's */
/* For what outlives the exchange: with copies in the arena. False: no memory, or the token has had its time. */
bool grant_move(struct grant *g, const struct passage *p, struct arena *arena, grant_lost *lost, void *arg);
void grant_close(struct grant *g); /* also one that was lost, or never opened */
void grants_judge(void *gateway);

/* span.c: from when it is known where the request goes until its exchange ends. */
void span_begin(struct passage *p);
void span_path(const struct passage *p, char out[API_GRPC_MAX]);

/* metadata.c: the array has room for GATEWAY_METADATA_MAX; everything is in the exchange's arena. */
size_t metadata_collect(struct passage *p, const char *content_type, struct grpc_header *out);
bool metadata_timeout(struct passage *p); /* False: the exchange was answered */

/* call.c: query, variables and body as the request's JSON; False: the exchange was answered. */
bool call_request(struct passage *p, struct api_schema schema, struct text *out);

/* The handlers. `route` is valid during the call. */
void call_start(struct passage *p, const struct api_route *route);
void socket_start(struct passage *p, const struct api_route *route);
void envelope_start(struct passage *p, const struct api_route *route);
void event_start(struct passage *p);
void forward_start(struct passage *p, const struct api_route *route);

/* tunnel.c */
bool tunnel_wanted(const struct passage *p); /* the client asks for a WebSocket */
/* The node agreed and the answer's headers are added: the exchange ends with 101. False: it is still to be answered,
 * and `node` to be closed. */
bool tunnel_start(struct passage *p, struct http_raw *node);

#endif
