/* For the framework's tests: an auth that says what the test wants. It stands on node "auth", serves Policy.Watch with
 * a policy given as JSON, and hands out tokens to whoever asks, signed by "k2", a key that is not the root (the first
 * of sim_keys.h's spare ones). */
#ifndef RUNTIME_SERVICE_TEST_AUTH_H
#define RUNTIME_SERVICE_TEST_AUTH_H

#include "base/array.h"
#include "runtime/service/test_calls.h"

struct test_auth {
    struct sim_system *system;
    struct rpc_server *server;
    struct text policy; /* the last snapshot, packed */
    ARRAY(struct rpc_call *) watchers;
    int64_t token_life;    /* seconds */
    unsigned tokens_given; /* "gen" of the n-th token is its number */
    bool refuse;           /* Token answers 503 */
};
void test_auth_start(struct test_auth *a, struct sim_system *s);
void test_auth_stop(struct test_auth *a); /* the server is gone; start again with test_auth_restart() */
void test_auth_restart(struct test_auth *a);
void test_auth_deinit(struct test_auth *a);
/* A PolicyUpdate's members as JSON: a new snapshot for streams to come, and as one to those open. Key "k2" is added. */
void test_auth_policy(struct test_auth *a, const char *json);
/* The same as a change, to the open streams only. */
void test_auth_change(struct test_auth *a, const char *json);
/* The same as the first (`begins`), or a later part of a snapshot, to the open streams only. */
void test_auth_part(struct test_auth *a, const char *json, bool begins, bool more);
/* Signed by key "k2". `generation` may be NULL. */
char *test_auth_token(struct test_auth *a, struct arena *arena, const char *id, const char *type, const char *issuer,
                      const char *scope, const char *generation);

#endif
