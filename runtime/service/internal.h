/* What the files of the service framework share. See service.h for what it is.
 *
 *   service.c       making, listening, draining, the files that say where a component is
 *   guard.c         before every call: from an authorization header to an account, and whether it may
 *   open_calls.c    streams judged again when the policy changes
 *   tokens.c        tokens that were found good
 *   access.c        what handlers ask about their callers
 *   rules.c         v3's evaluation of access rules
 *   known_policy.c  what auth told: keys, rules, revocations
 *   policy_watch.c  following it
 *   own_token.c     our own access token, got from auth and renewed
 *   health.c        what the service says of itself and of what it depends on
 *   errors.c        Micro's errors, both ways
 *   token.c         RS256 tokens and keys
 *   key_cache.c     keys once read
 *   trace.c         ids of traces and spans, the ring of spans
 *   records.c       the last log records
 *   debug.c         the Debug handler every service carries
 *   figures.c       memory, threads and processor time of the process
 *   registration.c  telling the registry about us
 *   follow.c        following the registry's changes
 *   known.c         what was learnt that way
 *   client.c        channels to other services, calls with our own token
 *   schema.c        what the registry is told about endpoints
 *   pool.c          the compiled-in contracts
 *   contracts.c     descriptor sets read without making a pool of them
 *   memory.c        how much freed memory a process keeps
 *   program.c       a service as a program */
#ifndef RUNTIME_SERVICE_INTERNAL_H
#define RUNTIME_SERVICE_INTERNAL_H

#include "base/array.h"
#include "base/map.h"
#include "base/units.h"
#include "proto/registry/registry.pb-c.h"
#include "runtime/service/known_policy.h"
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
/* Auth tells of a revocation for an hour at least, or for the token's life; less the time it takes to notice that it
 * is not heard any more. */
#define MICRO_REVOCATION_KEPT (50 * MINUTE)
#define MICRO_TOKEN_MAX       ((size_t)16 << 10) /* bytes of an access token */
#define MICRO_TOKEN_CACHE     256                /* verified tokens kept; a power of two */
#define MICRO_TOKEN_WAITERS   1024               /* calls waiting for our own token */
#define MICRO_ADDRESS_MAX     256
#define MICRO_ENDPOINT_MAX    256   /* characters of "Type.Method" */
#define MICRO_SCHEMA_DEPTH    5     /* levels of nested messages told to the registry */
#define MICRO_GONE_MAX        65536 /* nodes that go while one list is under way */
#define MICRO_FOLLOWS_MAX     2     /* domains looked up: our own, then "micro" */
#define MICRO_SPANS           256
#define MICRO_RECORDS         1000
#define MICRO_RECORD_MAX      1024 /* bytes of one log record kept */
#define MICRO_SPAN_NAME_MAX   64

/* One token seen and found good. `block` holds the account with everything it points to. */
struct micro_token_slot {
    char *token;
    size_t token_len;
    uint64_t epoch;  /* of the policy it was judged by */
    int64_t expires; /* wall seconds: the token's or its key's end */
    bool component;  /* signed by the root key for a part of Micro itself: rules do not apply */
    struct micro_bearer *block;
    size_t block_size, scope_count;
};

/* Who a token speaks for, and by what it can be ended. */
struct micro_bearer {
    struct micro_account account;
    const char *generation, *key_id; /* "" without one */
    int64_t expires;                 /* wall seconds */
};

/* One node of another service, as the registry told. */
struct micro_node {
    char *id, *address;
    uint64_t stale_since; /* 0: confirmed by the registry we follow now */
    uint64_t revision;    /* of the change or the list that told of it; 0: the registry gives none */
    uint64_t list;        /* the last list that named it */
    bool refused;         /* it took no connection: left out while another one is there */
};
struct micro_known {
    ARRAY(struct micro_node) nodes;
};

/* A node that went while a list was under way. */
struct micro_gone {
    char *id;
    uint64_t revision;
};

/* Following the registry in one domain. */
struct micro_follow {
    struct micro_service *service;
    const char *domain;
    struct map known; /* name -> struct micro_known */
    bool synced;      /* the list was seen at least once */
    struct rpc_stream *watch, *listing;
    ARRAY(struct micro_gone) gone;
    bool missed;     /* what went could not be remembered: list again */
    uint64_t lists;  /* taken over so far */
    uint64_t listed; /* the revision of the last one; 0: none yet on this watch, or it had none */
    struct world_timer retry;
    uint64_t backoff;
};

/* A channel to another service, by name. */
struct micro_link {
    struct micro_service *service;
    char *name;
    struct rpc_channel *channel;
};

/* What the guard finds out about a call; lives in the call's arena, found by rpc_call_guard_data(). */
struct micro_caller {
    const struct micro_account *account; /* NULL: none shown */
    const struct micro_bearer *bearer;   /* the same, as the guard of a service found it */
    bool component;                      /* of Micro itself */
    char trace[MICRO_TRACE_MAX + 1], parent[MICRO_TRACE_MAX + 1], id[MICRO_TRACE_MAX + 1];
    bool traced;
};

struct micro_span {
    char trace[MICRO_TRACE_MAX + 1], id[MICRO_TRACE_MAX + 1], parent[MICRO_TRACE_MAX + 1];
    char name[MICRO_SPAN_NAME_MAX + 1];
    int64_t started; /* wall ns */
    uint64_t duration;
    int status;
    bool outbound;
};

struct micro_record {
    int64_t time; /* wall seconds */
    enum log_level level;
    char *message;
};

/* A call of ours; see client.c. */
struct micro_pending;

/* Our own token, when it is ours to get. */
struct micro_own_token {
    bool managed;
    char *bearer;                  /* "Bearer <token>", NULL without one */
    int64_t obtained, renew, ends; /* wall seconds */
    uint64_t epoch;                /* grows with every token */
    struct rpc_stream *asking;
    struct world_timer timer;
    uint64_t backoff;
    struct micro_pending *waiting, **waiting_end;
    size_t waiting_count;
    bool closed, warned;
    bool failing; /* the last attempt failed: the timer says when the next is due */
};

struct micro_dependency {
    struct micro_service *service;
    const char *name;
    bool serving, plain; /* plain: it knows no MICRO_SELF, so its whole health is watched */
    bool known;          /* it was heard of, or a look at it failed */
    bool silent;         /* it says nothing else, but does not answer either */
    int missed;          /* answers that did not come, one after the other */
    struct rpc_stream *watch, *probe;
    struct world_timer retry, ask;
};

struct micro_service {
    struct world *world;
    struct micro_service_config config;
    struct arena arena; /* what lives as long as the service */
    const char *namespace;
    struct rpc_server *server, *door;   /* the second: NULL, or another's */
    char address[MICRO_ADDRESS_MAX];    /* where we listen */
    char advertised[MICRO_ADDRESS_MAX]; /* what others are told */
    ARRAY(const struct rpc_service *) added;
    struct pb_pool *own_pool; /* of config.descriptors, once made */
    /* health */
    bool healthy;    /* the service's own word; dependencies come on top */
    bool complained; /* that it is not was logged */
    char *unhealthy_why;
    struct micro_dependency *dependencies;
    size_t dependency_count;
    /* figures for Debug.Stats */
    int64_t started;
    uint64_t started_monotonic, requests, errors;
    /* who may call */
    struct micro_token_slot tokens[MICRO_TOKEN_CACHE];
    struct known_policy policy;
    bool policy_required; /* without it most calls are answered 503 */
    struct rpc_stream *policy_watch;
    struct world_timer policy_retry;
    uint64_t policy_backoff;
    bool policy_warned;
    uint64_t policy_cut;   /* monotonic: since when auth is not heard; 0: it is, or was not yet */
    int64_t policy_unsure; /* wall seconds: tokens that had ended by then may have been revoked unheard; 0: none */
    void (*policy_changed)(void *arg); /* NULL: nobody listens */
    void *policy_changed_arg;
    /* what happened lately */
    struct micro_span *spans; /* MICRO_SPANS of them, made with the first; span_count ever put in */
    uint64_t span_count;
    struct micro_record *records; /* MICRO_RECORDS */
    uint64_t record_count;
    const struct micro_outgoing *running; /* the call of ours whose end is being told */
    /* clients */
    struct map links; /* name -> struct micro_link */
    struct micro_own_token own;
    /* discovery */
    struct micro_follow follows[MICRO_FOLLOWS_MAX];
    size_t follow_count;
    bool listening, registered, draining, warned;
    Registry__Service *registration;
    struct text registration_packed;
    struct rpc_stream *registering, *leaving;
    struct micro_outgoing registering_span;
    struct world_timer heartbeat;
    struct world_timer leave; /* bounds the deregistration */
    uint64_t grace;
    void (*drained)(void *arg);
    void *drained_arg;
    char *address_path, *pid_path; /* files to take away at the end */
};

/* service.c: what the registry is told of the service; lives as long as it does. */
const Registry__Service *micro_service_registration(const struct micro_service *s);

/* guard.c */
bool micro_guard(struct rpc_call *call, void *service);
/* Whether calls can be judged; until then they are answered 503. */
bool micro_rules_known(const struct micro_service *s);
/* The same judgement of a call the guard let through: 0, or the code to end it with, and why. */
int micro_guard_again(struct micro_service *s, const struct rpc_call *call, struct text *why);

/* open_calls.c: ends the streams the policy does not allow any more. */
void micro_open_calls_judge(struct micro_service *s);

/* tokens.c. 0, ERROR_DENIED (401), ERROR_CLOSED (503: keys not known yet), ERROR_MEMORY, ERROR_INVALID (our key). */
int micro_token_judge(struct micro_service *s, const char *token, struct micro_token_slot **out, struct error *err);
/* The slot's account, copied: slots come and go. NULL: no memory. */
const struct micro_bearer *micro_slot_bearer(const struct micro_token_slot *slot, struct arena *arena);
/* Whether the token is refused now, although its own time may not be over. */
bool micro_bearer_ended(struct micro_service *s, const struct micro_bearer *b, struct text *why);
void micro_tokens_free(struct micro_service *s);

/* policy_watch.c */
int micro_policy_init(struct micro_service *s, struct error *err);
void micro_policy_start(struct micro_service *s);
void micro_policy_stop(struct micro_service *s);

/* own_token.c */
int micro_own_token_init(struct micro_service *s, struct error *err);
void micro_own_token_start(struct micro_service *s);
void micro_own_token_stop(struct micro_service *s);    /* calls that wait are ended */
const char *micro_own_bearer(struct micro_service *s); /* NULL: none now; asks for a fresh one when that is due */
/* Token and namespace for a call outside of any trace; `items` has room for two. micro_outgoing_init() is for the rest.
 */
struct grpc_metadata micro_own_metadata(struct micro_service *s, struct grpc_header items[2]);
bool micro_own_token_missing(struct micro_service *s); /* one is to be had, and a call had better wait for it */
bool micro_own_token_wait(struct micro_service *s, struct micro_pending *p);
void micro_own_token_unwait(struct micro_service *s, struct micro_pending *p);

/* client.c */
struct micro_pending {
    struct micro_service *service;
    struct micro_pending *next; /* waiting for our token */
    struct world_timer limit;
    const ProtobufCMessageDescriptor *reply;
    micro_done *done;
    void *arg;
    struct micro_outgoing span;
    struct text packed; /* kept while the call may be made once more */
    char path[2 * MICRO_ADDRESS_MAX], name[MICRO_ADDRESS_MAX];
    uint64_t deadline; /* monotonic */
    uint64_t epoch;    /* of the token it was made with */
    bool repeated;
};
void micro_pending_go(struct micro_pending *p);                                   /* the token is there */
void micro_pending_end(struct micro_pending *p, int status, const char *message); /* it will not be */
void micro_links_free(struct micro_service *s);

/* health.c */
int micro_health_init(struct micro_service *s, struct error *err);
void micro_health_start(struct micro_service *s);
void micro_health_stop(struct micro_service *s);
void micro_health_show(struct micro_service *s);
/* "ok", or why not. */
void micro_health_words(const struct micro_service *s, struct text *out);

/* trace.c */
bool micro_trace_take_id(char out[MICRO_TRACE_MAX + 1], struct bytes value); /* false: it is no id */
void micro_trace_begin(struct rpc_call *call, struct micro_caller *caller);
void micro_trace_end(struct micro_service *s, const struct rpc_call *call, int status, uint64_t duration);
/* The i-th span kept, oldest first; NULL behind the last. */
const struct micro_span *micro_span_at(const struct micro_service *s, size_t i);

/* records.c */
void micro_records_start(struct micro_service *s); /* from here on everything the process logs is kept as well */
void micro_records_free(struct micro_service *s);
const struct micro_record *micro_record_at(const struct micro_service *s, size_t i); /* oldest first */

/* debug.c */
extern const struct rpc_service micro_debug_service;

/* figures.c: of the process; 0 where the system has no such files. */
struct micro_figures {
    uint64_t memory, threads, cpu; /* bytes resident; count; ns */
};
void micro_figures_read(struct world *w, struct micro_figures *out);

/* registration.c */
int micro_discovery_init(struct micro_service *s, struct error *err);
void micro_discovery_start(struct micro_service *s);
void micro_discovery_leave(struct micro_service *s, uint64_t grace, void (*done)(void *arg), void *arg);
void micro_discovery_stop(struct micro_service *s); /* ends its calls; before the channels are freed */
void micro_discovery_free(struct micro_service *s);
void micro_register_now(struct micro_service *s);

/* follow.c */
void micro_follow_init(struct micro_service *s);
void micro_follow_start(struct micro_service *s);
void micro_follow_stop(struct micro_service *s);
void micro_follow_free(struct micro_service *s);
bool micro_follow_synced(const struct micro_service *s);

/* known.c */
void micro_known_mark_stale(struct micro_follow *f);
void micro_known_count_from_now(struct micro_follow *f); /* how long the stale ones are still believed */
void micro_known_prune(struct micro_follow *f);
void micro_known_free(struct micro_follow *f);
/* Addresses of a service as far as known, separated by commas; how many. */
size_t micro_known_addresses(struct micro_service *s, const char *name, struct text *out);
/* A change of revision `revision` (0: none given): upsert or remove nodes. */
void micro_known_change(struct micro_follow *f, const Registry__Service *service, bool remove, uint64_t revision);
/* The whole list as of `revision`. */
void micro_known_list(struct micro_follow *f, const Registry__ListResponse *list, uint64_t revision);
void micro_known_forget_gone(struct micro_follow *f);
/* Leaves out the nodes that refused this channel. */
void micro_known_look(struct micro_link *link);

/* pool.c */
const struct pb_pool *micro_service_pool(void *service);

/* contracts.c */
struct micro_streams {
    bool client, server;
};
struct micro_streams micro_contract_streams(struct bytes set, const char *service, const char *method);
/* `first`, a service's own contracts, and of `second` those of the handlers every service has, and what is imported.
 * Nothing else: a user's package may well be called like one of micro's. */
int micro_contracts_join(struct bytes first, struct bytes second, struct text *out);

/* schema.c: endpoints of everything added, into s->registration. */
int micro_schema_describe(struct micro_service *s, struct error *err);
/* By the service's contracts, for a service of its full proto name. */
struct micro_streams micro_schema_streams(const struct micro_service *s, const char *service, const char *method);

/* errors.c: the text of a micro error. */
void micro_error_json(struct text *out, int code, const char *id, const char *detail);

#endif
