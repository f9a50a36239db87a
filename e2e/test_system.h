/* For the tests of this folder: a small system of one gRPC and one HTTP server, in the simulated world or in the real
 * one, a target that points at it, and what the runs emitted. The first thing a test file includes. */
#ifndef E2E_TEST_SYSTEM_H
#define E2E_TEST_SYSTEM_H

#include "base/test.h"

#include "e2e/internal.h"
#include "rpc/http.h"
#include "world/sim.h"

struct test_system {
    struct sim *sim; /* NULL in the real world */
    struct world *world;
    struct world *disk; /* files for flows: of a simulation of its own */
    struct sim *disk_sim;
    struct pb_pool *pool;
    struct rpc_server *rpc;
    struct http_server *http;
    char address[64], gateway[64];
    struct result_stream results;
    struct target_component components[2];
    struct target target;
    struct e2e_options options;
    json_t *lines;    /* what was emitted, in order */
    int later;        /* refusals left for helloworld's "later" */
    int calls;        /* of helloworld's Call */
    uint64_t logged;  /* lines: it refused somebody */
    struct text acts; /* "kill helloworld\n" */
    /* The one double, "store": what it was told, and what it will say it was called with. */
    struct text told;
    const char *requests[4]; /* of method "Write", JSON; NULL-terminated */
    struct e2e_doubles doubles;
};

int test_system_setup_sim(void **state);
int test_system_setup_real(void **state);
int test_system_teardown(void **state);

/* Loads the flows of a YAML text and runs them; fails the test when they cannot be loaded. Whether all passed. */
bool test_run(struct test_system *s, const char *yaml);
/* The same, and all must pass; or fail, the last one with exactly this message. */
void test_passes(struct test_system *s, const char *yaml);
void test_fails(struct test_system *s, const char *yaml, const char *message);
/* The last case as a person reads it: place and message, detail, replay. */
void test_report(const struct test_system *s, struct text *out);
const json_t *test_last(const struct test_system *s, const char *type); /* the last line of that type */
size_t test_count(const struct test_system *s, const char *type);

#endif
