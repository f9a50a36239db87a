/* For the framework's tests: a user's service as a program, on a contract of its own making (helloworld's). Call
 * answers "Hello NAME from /NODE"; a name that begins with "relay SERVICE "  calls that service twice, one call after
 * the other, with the rest as the name, and repeats what the second said, or "status: message" "slow "           is
 * answered after a second */
#ifndef RUNTIME_SERVICE_TEST_PROBE_H
#define RUNTIME_SERVICE_TEST_PROBE_H

#include "runtime/service/program.h"
#include "runtime/service/test_calls.h"

extern const struct micro_program test_probe; /* called "probe" */
#define TEST_PROBE_PORT 9000

/* Starts it on a node. `arguments` are more of them ("--namespace", "acme", NULL), or NULL. The service is called like
 * `service`; registry and auth are where the simulated system has them. */
void test_probe_start(struct sim_system *s, const char *node, const char *service, const char *const *arguments);
/* Calls it by JSON, as test_expect() does. */
void test_probe_expect(struct sim_system *s, const char *node, const char *path, const char *token,
                       const char *namespace, const char *json, int status, const char *words);
void test_probe_eventually(struct sim_system *s, const char *node, const char *path, const char *token,
                           const char *namespace, const char *json, int status, const char *words, int seconds);
/* The answer or the error's text as it came; in the arena. */
int test_probe_call(struct sim_system *s, const char *node, const char *path, const struct grpc_header *headers,
                    size_t count, const char *json, struct arena *arena, const char **text);

#endif
