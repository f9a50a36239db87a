/* Many doubles on one server: gRPC with reflection and health, JSON over HTTP, a journal, and control over the wire.
 *
 * A server is given services of a descriptor pool and responders (fakes/answer.h), and asks them for every call in the
 * order they were added; the first that does not pass answers, and when all pass the answer is an empty message. A
 * service that was added with a double of its own (fakes/fakes.h) asks that one instead.
 *
 *   exchange.h   one call: what came, what is being said, delays, back-pressure; the same for every transport
 *   grpc.c       calls as they come by gRPC: all four kinds, gzip, application/grpc+json
 *   http.c       the same by HTTP/1.1 with JSON, answers of streams as lines; socket.c: by WebSocket; http_map.c: paths
 *   call_log.h   what was asked and answered, bounded in bytes, counts exact
 *   control.h    the service doubles.Doubles, through which all of this is looked at and told while it runs
 *   register.h   tells the runtime's registry, so that the runtime routes to the doubles
 *
 * Everything runs on the loop of one world. */
#ifndef FAKES_SERVE_SERVE_H
#define FAKES_SERVE_SERVE_H

#include "fakes/answer.h"
#include "fakes/fakes.h"
#include "fakes/serve/call_log.h"
#include "rpc/rpc.h"

#define FAKE_REQUEST_MAX    ((size_t)64 << 20) /* bytes of all messages of one call */
#define FAKE_QUEUE_MAX      ((size_t)16 << 20) /* bytes said on one stream and not yet taken by its client */
#define FAKE_RESPONDERS_MAX 32                 /* of one server */
#define FAKE_SESSION_HEADER "double-session"
#define FAKE_SESSION_MAX    128 /* bytes of a session's name; longer ones are refused */

struct fake_server;
struct stub_set;

struct fake_server_options {
    const struct pb_pool *pool; /* of the services, for reflection and JSON; outlives the server */
    size_t journal_max;         /* bytes; 0: CALL_LOG_MAX_DEFAULT */
    /* Headers whose value the journal does not keep, lower case, NULL-terminated. NULL: authorization, cookie and
     * proxy-authorization. */
    const char *const *redacted;
    struct tls_context *tls, *http_tls; /* of the gRPC and of the HTTP port (ALPN differs); NULL: plaintext */
};
int fake_server_new(struct world *w, const struct fake_server_options *options, struct fake_server **out,
                    struct error *err);
/* Calls in flight are cut. NULL is fine. */
void fake_server_free(struct fake_server *s);

/* Serves a service under its full name and, as Micro's clients call it, under any prefix before its last part. `own`
 * NULL: the server's responders answer. Both are borrowed. ERROR_EXISTS: it is served already. Bad paths of
 * google.api.http are an error of fake_server_listen_http(), or of this when that was called before. */
int fake_server_add(struct fake_server *s, const struct pb_service *service, struct fake *own);
/* Asked after those before it. Copied; its `release` is called when the server goes. ERROR_LIMIT. */
int fake_server_respond(struct fake_server *s, const struct fake_responder *r);
/* Asks the stubs at this place in the order. What they pass on although they have some for its method is told of as
 * missed. Borrowed; one set a server. */
int fake_server_set_stubs(struct fake_server *s, struct stub_set *stubs);
struct stub_set *fake_server_stubs(const struct fake_server *s); /* NULL: none */
/* A responder for one service only, which asks nobody else and is not in the journal: for the server's own services. */
int fake_server_add_own(struct fake_server *s, const struct pb_service *service, const struct fake_responder *r);

int fake_server_listen(struct fake_server *s, const char *address, struct error *err); /* gRPC */
int fake_server_listen_http(struct fake_server *s, const char *address, struct error *err);
int fake_server_port(const struct fake_server *s);
int fake_server_http_port(const struct fake_server *s);

struct call_log *fake_server_journal(struct fake_server *s);
struct world *fake_server_world(const struct fake_server *s);
const struct pb_pool *fake_server_pool(const struct fake_server *s);
size_t fake_server_service_count(const struct fake_server *s); /* the server's own are not among them */
const struct pb_service *fake_server_service_at(const struct fake_server *s, size_t i);
/* "store.Store/Read", "/store.Store/Read", "Store/Read" or, when one service has it, "Read". NULL, and why. */
const struct pb_method *fake_server_method(const struct fake_server *s, const char *name, struct error *err);
/* Every responder forgets what it learnt, the journal what it holds; of one session, or ("") of all. */
void fake_server_reset(struct fake_server *s, const char *session);

#endif
