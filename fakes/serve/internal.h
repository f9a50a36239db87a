/* What the files of the server of doubles share. */
#ifndef FAKES_SERVE_INTERNAL_H
#define FAKES_SERVE_INTERNAL_H

#include "base/array.h"
#include "base/map.h"
#include "fakes/serve/serve.h"

#define FREE_EXCHANGES_MAX 256                /* kept for reuse */
#define EXCHANGE_KEEP      ((size_t)64 << 10) /* bytes of buffers an exchange keeps for its next call */

struct served_method {
    const struct pb_method *method;
    struct served_service *service;
    uint64_t calls; /* since the last forgetting of all */
};

struct served_service {
    const struct pb_service *service;
    struct fake *own;                  /* NULL: the server's responders */
    const struct fake_responder *only; /* of a service of the server's own; not in the journal */
    struct fake_responder only_storage;
    struct rpc_service named; /* for reflection and health: no methods, since the fallback answers */
    struct served_method *methods;
};

/* See exchange.h. */
struct fake_stream {
    struct fake_server *server;
    struct served_method *method;
    const struct carrier *carrier;
    void *carried;
    struct grpc_metadata metadata;
    const char *caller, *session;
    int64_t sequence, index, wall;
    uint64_t started, deadline;
    struct text request;
    ARRAY(size_t) ends;
    struct text said; /* replies sent, for the journal; up to CALL_LOG_CALL_MAX */
    ARRAY(size_t) said_ends;
    size_t said_count;
    struct fake_answer answer;  /* being played */
    struct text by;             /* who gave it */
    size_t next;                /* of its replies */
    uint32_t holders;           /* bit per responder that keeps the stream open */
    struct fake_record *record; /* in the service's own double */
    uint64_t break_by;
    struct world_timer timer;
    struct fake_stream *older, **back; /* in flight, newest first; or free */
    bool taken;                        /* has its numbers */
    bool completed;                    /* the client says no more */
    bool asking;                       /* responders are on the stack */
    bool playing;                      /* an answer is not yet said to its end */
    bool begun;                        /* its delay is over, its headers are set */
    bool waited;                       /* the delay before its next reply is over */
    bool held_up;                      /* the answer could not be said in one go */
    bool breaking;   /* waits for what was said to leave before the call or the connection is broken */
    bool mute;       /* never answers */
    bool paused;     /* the carrier is */
    bool missed;     /* see struct call_log_entry */
    bool cut;        /* more was said than the journal keeps */
    bool incomplete; /* its client went away before anybody was asked */
    bool free_later; /* it ended while responders were on the stack */
};

struct fake_server {
    struct world *world;
    const struct pb_pool *pool;
    struct tls_context *http_tls;
    struct rpc_server *rpc;
    bool rpc_borrowed;
    struct http_front *http; /* NULL: not listening */
    struct call_log *journal;
    ARRAY(struct served_service *) services;
    size_t own_services;      /* of them, the server's own: not told of */
    struct map methods;       /* "store.Store/Read" -> struct served_method */
    struct map short_methods; /* "Store/Read" */
    struct fake_responder responders[FAKE_RESPONDERS_MAX];
    size_t responder_count;
    struct stub_set *stubs; /* NULL: none */
    size_t stubs_at;        /* their place among the responders */
    bool (*stubs_have)(const struct stub_set *stubs, const struct pb_method *method);
    struct fake_stream *open; /* in flight */
    struct fake_stream *free;
    size_t free_count;
};

/* server.c */
struct served_method *server_method(const struct fake_server *s, const char *key); /* "store.Store/Read" */
int server_new_on(struct world *w, struct rpc_server *rpc, const struct fake_server_options *options,
                  struct fake_server **out, struct error *err);

/* exchange.c */
void exchange_pool_free(struct fake_server *s);

/* grpc.c */
void grpc_serve(struct fake_server *s); /* sets the fallback of its rpc server */

/* http.c */
int http_front_new(struct fake_server *s, const char *address, struct http_front **out, struct error *err);
int http_front_add(struct http_front *h, struct served_service *service, struct error *err); /* its paths */
int http_front_port(const struct http_front *h);
void http_front_free(struct http_front *h);

#endif
