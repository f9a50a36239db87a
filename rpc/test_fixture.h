/* For the tests of this folder: servers and a client, in the real world or in a simulated one, and calls that wait.
 * The first thing a test file includes. */
#ifndef RPC_TEST_FIXTURE_H
#define RPC_TEST_FIXTURE_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>

#include <cmocka.h>

#include "base/units.h"
#include "rpc/rpc.h"
#include "rpc/test_service.h"
#include "test.pb-c.h"
#include "world/real.h"
#include "world/sim.h"

#include <stdlib.h>
#include <string.h>

#define FIXTURE_SERVERS 3
#define FIXTURE_LIMIT   ((uint64_t)(60 * SECOND)) /* of what is not expected to take any time */
#define FIXTURE_TURNS   10

struct fixture_server {
    struct world *world;
    struct rpc_server *server;
    struct test_service service;
    char address[64];
};

struct fixture {
    bool simulated;
    struct sim *sim;     /* NULL in the real world */
    struct world *world; /* the client's */
    struct fixture_server servers[FIXTURE_SERVERS];
    struct rpc_channel *channel;
    struct pb_pool *pool;
};

/* Every test function runs as `name (real)` and `name (sim)`. */
int fixture_setup_real(void **state);
int fixture_setup_sim(void **state);
int fixture_teardown(void **state);
#define BOTH(f)                                                                                                        \
    {#f " (real)", f, fixture_setup_real, fixture_teardown, NULL},                                                     \
    {                                                                                                                  \
#f " (sim)", f, fixture_setup_sim, fixture_teardown, NULL                                                      \
    }
#define SIM(f)                                                                                                         \
    {                                                                                                                  \
#f " (sim)", f, fixture_setup_sim, fixture_teardown, NULL                                                      \
    }
#define REAL(f)                                                                                                        \
    {                                                                                                                  \
#f " (real)", f, fixture_setup_real, fixture_teardown, NULL                                                    \
    }

/* An address of this machine (all of 127.0.0.0/8 is) and any free port: one that no other test listens at, so that a
 * port that is given up for a moment is not taken meanwhile. Static storage. */
const char *fixture_listen(const struct fixture *f);
/* Starts server i with the test service; its port is kept over restarts. Options may be NULL. */
struct fixture_server *fixture_serve(struct fixture *f, int i, const struct rpc_server_options *options);
void fixture_stop(struct fixture *f, int i); /* frees the server: its connections break */
struct rpc_channel *fixture_connect(struct fixture *f, const struct rpc_channel_options *options);
const struct pb_pool *fixture_pool(struct fixture *f);

/* A unary call of the test service that waits; the answer is released by fixture_answer_free(). */
struct fixture_answer {
    struct rpc_answer answer;
    const Harrow__Test__Answer *message; /* NULL unless the status is OK */
};
void fixture_call(struct fixture *f, const char *method, const Harrow__Test__Order *order,
                  const struct rpc_request *extra, struct fixture_answer *out);
void fixture_answer_free(struct fixture_answer *a);
/* The status of a plain Unary call. */
int fixture_ping(struct fixture *f);

/* A stream whose events are written down. */
struct record {
    struct rpc_stream *stream;
    int headers, messages, writables, finished;
    size_t bytes;
    int status, attempts;
    char text[256], last[64], peer[64];
    int32_t index;
    int64_t total;
};
extern const struct rpc_stream_events record_events;
void fixture_open(struct fixture *f, struct record *r, const char *method, const Harrow__Test__Order *order,
                  const struct rpc_request *extra);
int fixture_send(struct record *r, const Harrow__Test__Order *order);
/* Runs the loop until *value has reached `target`. */
void fixture_until(struct fixture *f, const int *value, int target);
void fixture_until_u64(struct fixture *f, const uint64_t *value, uint64_t target);
bool fixture_reaches(struct fixture *f, const int *value, int target, uint64_t within); /* the same, if it does */
/* For so long, and for FIXTURE_TURNS of the loop at least: who was kept from running all that time comes back to what
 * should have happened meanwhile. */
void fixture_run(struct fixture *f, uint64_t duration);

void order_init(Harrow__Test__Order *order, const char *text);
struct text order_pack(const Harrow__Test__Order *order);

#endif
