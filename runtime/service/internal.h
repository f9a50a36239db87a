/* What the files of the service framework share. See service.h for what it is.
 *
 *   service.c    making, listening, draining, health, the files that say where a component is
 *   caller.c     the guard: from an authorization header to an account; checks of access
 *   errors.c     Micro's errors, both ways
 *   token.c      RS256 tokens and keys
 *   debug.c      the Debug handler every service carries
 *   discovery.c  registration, and following the registry's changes
 *   known.c      what was learnt that way
 *   client.c     channels to other services, calls with our own token
 *   schema.c     what the registry is told about endpoints
 *   pool.c       the compiled-in contracts */
#ifndef RUNTIME_SERVICE_INTERNAL_H
#define RUNTIME_SERVICE_INTERNAL_H

#include "base/array.h"
#include "base/map.h"
#include "base/units.h"
#include "proto/registry/registry.pb-c.h"
#include "runtime/service/service.h"

#include <stdio.h>

#define MICRO_REGISTER_TTL     90            /* seconds a registration lives */
#define MICRO_REGISTER_EVERY   (30 * SECOND) /* heartbeat */
#define MICRO_REGISTER_TIMEOUT (5 * SECOND)  /* for one call to the registry */
#define MICRO_DEREGISTER_WAIT  (1 * SECOND)  /* when stopping: not longer than this */
#define MICRO_RETRY_FIRST      (100 * MILLISECOND)
#define MICRO_RETRY_MAX        (5 * SECOND)
#define MICRO_DENIED_RETRY     (30 * SECOND) /* when the registry answers, but not what we want */
#define MICRO_STALE_KEEP       (60 * SECOND) /* nodes a restarted registry does not know yet are believed so long */
#define MICRO_CALL_TIMEOUT     (10 * SECOND)
#define MICRO_TOKEN_MAX        ((size_t)16 << 10) /* bytes of an access token */
#define MICRO_TOKEN_CACHE      256                /* verified tokens kept; a power of two */
#define MICRO_ADDRESS_MAX      256
#define MICRO_SCHEMA_DEPTH     5 /* levels of nested messages told to the registry */

/* One token seen and found good. */
struct micro_token_slot {
    char *token;
    struct arena arena;
    struct micro_claims claims;
};

/* One node of another service, as the registry told. */
struct micro_node {
    char *id, *address;
    uint64_t stale_since; /* 0: confirmed by the registry we follow now */
};
struct micro_known {
    ARRAY(struct micro_node) nodes;
};

/* A channel to another service, by name. */
struct micro_link {
    struct micro_service *service;
    char *name;
    struct rpc_channel *channel;
};

struct micro_service {
    struct world *world;
    struct micro_service_config config;
    struct arena arena; /* what lives as long as the service */
    const char *namespace;
    struct rpc_server *server;
    char address[MICRO_ADDRESS_MAX];    /* where we listen */
    char advertised[MICRO_ADDRESS_MAX]; /* what others are told */
    ARRAY(const struct rpc_service *) added;
    bool healthy;
    char *unhealthy_why;
    /* figures for Debug.Stats */
    int64_t started;
    uint64_t started_monotonic, requests, errors;
    struct micro_token_slot tokens[MICRO_TOKEN_CACHE];
    /* clients */
    struct map links; /* name -> struct micro_link */
    char *bearer;     /* "Bearer <token>", NULL without a token */
    /* discovery */
    struct map known; /* name -> struct micro_known */
    bool synced;      /* the registry's list was seen at least once */
    bool listening, registered, draining, warned;
    Registry__Service *registration;
    struct text registration_packed;
    struct rpc_stream *watch, *registering, *listing, *leaving;
    struct world_timer heartbeat, retry;
    uint64_t backoff;
    struct world_timer leave; /* bounds the deregistration */
    uint64_t grace;
    void (*drained)(void *arg);
    void *drained_arg;
    char *address_path, *pid_path; /* files to take away at the end */
};

/* service.c: what the registry is told of the service; lives as long as it does. */
const Registry__Service *micro_service_registration(const struct micro_service *s);

/* caller.c */
bool micro_guard(struct rpc_call *call, void *service);
void micro_caller_forget(const struct rpc_call *call); /* the call has ended */
void micro_caller_forget_all(const struct micro_service *s);
void micro_tokens_free(struct micro_service *s);

/* debug.c */
extern const struct rpc_service micro_debug_service;

/* discovery.c */
int micro_discovery_init(struct micro_service *s, struct error *err);
void micro_discovery_start(struct micro_service *s);
void micro_discovery_leave(struct micro_service *s, uint64_t grace, void (*done)(void *arg), void *arg);
void micro_discovery_stop(struct micro_service *s); /* ends its calls; before the channels are freed */
void micro_discovery_free(struct micro_service *s);

/* known.c */
void micro_known_mark_stale(struct micro_service *s);
void micro_known_prune(struct micro_service *s);
void micro_known_free(struct micro_service *s);
/* Addresses of a service as far as known, separated by commas; how many. */
size_t micro_known_addresses(struct micro_service *s, const char *name, struct text *out);
/* Service messages of the registry into what is known: upsert or remove their nodes. */
void micro_known_apply(struct micro_service *s, const Registry__Service *service, bool remove);

/* client.c */
void micro_links_free(struct micro_service *s);
/* Metadata of our own calls: token and namespace. `items` has room for two. */
struct grpc_metadata micro_own_metadata(struct micro_service *s, struct grpc_header items[2]);

/* schema.c: endpoints of everything added, into s->registration. */
int micro_schema_describe(struct micro_service *s, struct error *err);

#endif
