/* Connections on which messages come one after the other: WebSockets, and answers that are streams. One with a name
 * (`as`) stays open for later steps of its case; each step takes what came behind what the one before took. */
#ifndef E2E_TALK_H
#define E2E_TALK_H

#include "e2e/http/http.h"
#include "e2e/kind.h"
#include "rpc/http.h"
#include "wire/http1.h"
#include "wire/tls.h"

struct talk {
    struct talk *next;
    char *name;         /* NULL: of this step only */
    json_t *came;       /* messages nobody took yet */
    json_t *head;       /* {status, headers} of the answer; NULL until it is there */
    json_t *closed;     /* how the other side ended; NULL: it has not */
    struct error error; /* it could not be carried on */
    bool memory;
    bool said;                   /* a close frame was, by us */
    void (*end)(struct talk *t); /* ends the connection and frees what holds it; no event follows */
};

struct talk *talk_find(const struct flow_context *x, const char *name);
/* Waits for as many messages as the step wants, judges nothing, sets the answer. Frees a talk without a name; `t` is
 * then gone. */
int talk_listen(struct flow_context *x, const struct node *step, struct talk *t);
void talk_free(struct talk *t); /* closes it; NULL is fine */
/* Takes over a talk the step opened: under its name `as`, when it has one. On an error it is freed. */
int talk_keep(struct flow_context *x, const struct node *step, struct talk *t);
/* `path` below the gateway, or a whole URL; `secure` and `plain` are the schemes it may have ("wss://", "ws://"). */
int talk_url(struct flow_context *x, const struct node *place, const char *path, const char *plain, const char *secure,
             struct text *url);
/* The step's headers, and cookies of the flow's jar. In the arena. */
int talk_headers(struct flow_context *x, const struct node *step, const char *url, struct arena *arena,
                 struct http1_header *items, size_t max, size_t *count);
/* What a server behind TLS is trusted by, and whom we are: `tls` of the step ({insecure, ca, cert, key}, files beside
 * the flow). tls_context_free(). */
int talk_tls(struct flow_context *x, const struct node *step, struct tls_context **out);
#define TALK_TLS_ABOUT "insecure: true, ca: a PEM file; cert and key: of a client's certificate"
/* ---- step/talk_call.c: gRPC calls as talks ---- */
/* Opens the method that `stream` names. */
int talk_call_open(struct flow_context *x, const struct node *step, struct talk **out);
bool talk_is_call(const struct talk *t);
/* The step's `send`, and its `close`. */
int talk_call_send(struct flow_context *x, const struct node *step, struct talk *t);
void talk_call_judge(struct flow_context *x, const struct node *step);

int talk_check(const struct node *step, struct error *err); /* count, closed, tls */

#endif
