/* The service doubles.Doubles (proto/doubles/doubles.proto) on a server of doubles: one more responder, so that it is
 * there by gRPC, by HTTP and by WebSocket as the doubles themselves are. */
#ifndef FAKES_SERVE_CONTROL_H
#define FAKES_SERVE_CONTROL_H

#include "fakes/serve/behaviours.h"
#include "fakes/serve/serve.h"

#define CONTROL_FOLLOWERS_MAX 64
#define CONTROL_PAGE_MAX      1000  /* calls of one answer */
#define CONTROL_STUBS_MAX     10000 /* stubs of one answer */
#define CONTROL_MISSES_MAX    100

/* The server's pool must have the service. `behaviours` (borrowed, may be NULL) is what is explained, `pacts`
 * (likewise) what is written down. It goes with the server. ERROR_NOT_FOUND: the pool has not. */
struct served_pacts;
int control_add(struct fake_server *s, struct behaviours *behaviours, struct served_pacts *pacts, struct error *err);

#endif
