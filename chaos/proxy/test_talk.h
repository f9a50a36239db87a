/* For the tests of this folder: a server behind a link and clients before it, which write down what happens to them, in
 * the real world or in a simulated one. */
#ifndef CHAOS_PROXY_TEST_TALK_H
#define CHAOS_PROXY_TEST_TALK_H

#include "rpc/test_fixture.h"

#include "chaos/proxy/proxy.h"

#define TALK_ENDS 4

struct end {
    struct world_stream *stream;
    struct text got;
    size_t connected, finished, ended, reads, largest;
    int reason;
    bool echo;     /* what comes goes back */
    bool late;     /* it says "late" and ends when the other side has finished */
    uint64_t last; /* when the last read was */
};
struct talk {
    struct fixture *f;
    struct world *server_world;
    struct world_listener *listener;
    struct proxy *proxy;
    struct proxy_link *link;
    struct end server[TALK_ENDS], client[TALK_ENDS]; /* in the order they came */
    size_t accepted, clients;
};

void talk_start(struct talk *t, struct fixture *f, bool echo);
void talk_stop(struct talk *t);
struct end *talk_connect(struct talk *t);
void talk_say(struct end *e, const char *words);
void talk_until(struct talk *t, const size_t *counter, size_t value);
bool talk_reaches(struct talk *t, const size_t *counter, size_t value, uint64_t within);
/* A client that has been answered once. */
struct end *talk_greeted(struct talk *t);
void talk_attach(struct talk *t, struct proxy_effect *e, unsigned directions);
void talk_detach(struct talk *t, struct proxy_effect *e);
/* A fresh connection carries words both ways. */
void talk_works(struct talk *t);

#endif
