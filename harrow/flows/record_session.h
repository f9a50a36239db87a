/* `harrow e2e record`: a server between a client and a real server, by gRPC or by HTTP, whose calls become a flow
 * (e2e/record/record.h). Works in any world. */
#ifndef HARROW_FLOWS_RECORD_SESSION_H
#define HARROW_FLOWS_RECORD_SESSION_H

#include "e2e/record/record.h"
#include "wire/pb.h"
#include "wire/tls.h"
#include "world/world.h"

struct record_session_options {
    const char *upstream;    /* gRPC: "host:port"; HTTP: "http://host:port"; borrowed, as all of this */
    struct tls_context *tls; /* towards it; NULL: plaintext */
    /* gRPC: the services; NULL: HTTP. */
    const struct pb_pool *pool;
    const struct pb_service *const *services;
    size_t service_count;
    /* After each call: `why` says why it is in no flow; NULL: it is. May be NULL. */
    void (*told)(void *arg, const char *what, const char *why);
    void *arg;
};
struct record_session;
int record_session_new(struct world *w, const struct record_session_options *options, struct record_session **out,
                       struct error *err);
int record_session_listen(struct record_session *s, const char *address, struct error *err);
int record_session_port(const struct record_session *s);
struct recording *record_session_record(struct record_session *s);
size_t record_session_left_out(const struct record_session *s); /* calls that are in no flow */
void record_session_free(struct record_session *s);             /* NULL is fine */

#endif
