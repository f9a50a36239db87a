/* The proxy component: the gRPC entry for the command line and for services outside. Calls go to the service their path
 * names (runtime/relay/relay.h); what nobody here answers goes on to the network, which may know a peer that does. It
 * serves client.Client itself, for callers that cannot find services or speak their contracts.
 *
 * Tokens: only "Authorization: Bearer ..." is taken, as in v3; the token goes on to the service, which judges it too.
 *
 * Options: max-calls (under way at once), endpoint (every call goes to this address), protocol ("grpc", the only one),
 * tls-cert-file and tls-key-file (PEM: a second door, with TLS), tls-client-ca-file (its callers must show a
 * certificate signed by one of these), tls-address (where that door is; default: port offset PROXY_TLS_OFFSET). */
#ifndef RUNTIME_PROXY_PROXY_H
#define RUNTIME_PROXY_PROXY_H

#include "runtime/relay/relay.h"

#define PROXY_PORT_OFFSET 81
#define PROXY_TLS_OFFSET  84

struct proxy {
    struct world *world;
    const struct micro_options *options;
    struct micro_service *service;
    struct relay *relay;
    struct rpc_server *tls_door; /* NULL: none */
    struct tls_context *tls;
    struct rpc_channel *self; /* for client.Client: our own door, so that its calls are relayed like all others */
    uint64_t grace;           /* while draining */
    void (*drained)(void *arg);
    void *drained_arg;
};

/* client.c */
extern const struct rpc_service proxy_client_service;
void proxy_client_stop(struct proxy *p);

/* door.c: TLS by options, for every component that has a door of its own. *out stays NULL when no certificate is named.
 * `server` false: for calls to others, trusting ca_file. */
int door_tls(struct world *w, const char *cert_file, const char *key_file, const char *ca_file, bool server,
             struct tls_context **out, struct error *err);
/* An option that is a number from 1 to `max`; `otherwise` when it is not given. */
int door_number(const struct micro_options *options, const char *name, int64_t max, int64_t otherwise, int64_t *out,
                struct error *err);

#endif
