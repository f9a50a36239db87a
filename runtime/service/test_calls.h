/* For the tests of the runtime: what sim_system's plain calls do not cover. Streams collected, several calls in flight.
 */
#ifndef RUNTIME_SERVICE_TEST_CALLS_H
#define RUNTIME_SERVICE_TEST_CALLS_H

#include "runtime/server/sim_system.h"

#define TEST_CALL_LIMIT ((uint64_t)60000000000) /* virtual ns */

/* Some components, and a service's token to call them with. */
struct test_fixture {
    struct sim_system system;
    struct arena arena;
    char *token;
    struct rpc_channel *channel; /* NULL when none was asked for */
};
/* `started` NULL: registry and helloworld. `address` (NULL: none): what the channel leads to. */
void test_fixture_begin(struct test_fixture *f, uint64_t seed, const char *const *started, const char *address);
void test_fixture_end(struct test_fixture *f);

/* Calls and checks the status, and that the answer (or the error) contains the words. */
void test_expect(struct sim_system *s, const char *component, const char *path, const char *token, const char *json,
                 int status, const char *words);
/* The same until it holds, for at most `seconds` of virtual time. */
void test_eventually(struct sim_system *s, const char *component, const char *path, const char *token, const char *json,
                     int status, const char *words, int seconds);

/* A component does not start with that value of the option ("--retention", "soon"), and says so naming both. */
void test_bad_option(const char *component, const char *option, const char *value);

/* A server's stream, each message one line of JSON in `lines`. */
struct test_stream {
    struct sim_system *system;
    struct rpc_channel *channel;
    struct rpc_stream *stream;
    struct text lines;
    size_t messages;
    bool ended;
    int status;
};
void test_stream_open(struct test_stream *t, struct sim_system *s, const char *component, const char *path,
                      const char *token, const char *json);
/* Runs until so many messages came, or until the end when 0. */
void test_stream_wait(struct test_stream *t, size_t messages);
void test_stream_close(struct test_stream *t);

#endif
