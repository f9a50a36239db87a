/* For the gateway's tests: a simulated system around it, its callers by HTTP and by WebSocket. What is expected and not
 * so fails the test and says what came. */
#ifndef RUNTIME_API_GATE_KIT_H
#define RUNTIME_API_GATE_KIT_H

#include "rpc/websocket_kit.h"
#include "runtime/server/sim_system.h"

struct gate {
    struct sim_system s;
    struct arena arena;
    const char *admin, *bearer; /* a token of scope admin; the header line that shows it */
    struct tls_context *tls;    /* set for https; the test's own */
};

/* `arguments` as in sim_system. Between the two the nodes can be given files. */
void gate_prepare(struct gate *g, uint64_t seed, const char *const *const *arguments);
/* `started` NULL: registry, store, auth, config, api and helloworld. */
void gate_start(struct gate *g, const char *const *started);
/* Both. */
void gate_setup(struct gate *g, uint64_t seed, const char *const *started, const char *const *const *arguments);
void gate_teardown(struct gate *g);

/* `headers` are lines "Name: value" with a newline between them, or NULL; `body` may be NULL. */
void gate_get(struct gate *g, const char *method, const char *target, const char *headers, const char *body,
              struct http_answer *out);
const char *gate_header(const struct http_answer *a, const char *name); /* "" when absent */
bool gate_body_has(const struct http_answer *a, const char *words);
void gate_expect(struct gate *g, const char *method, const char *target, const char *headers, const char *body,
                 int status, const char *words);
/* The same until it holds, for at most ten seconds. */
void gate_eventually(struct gate *g, const char *method, const char *target, const char *headers, int status,
                     const char *words);
/* A WebSocket of whoever shows that token; NULL: of nobody. */
void gate_socket(struct gate *g, struct websocket_kit *k, const char *target, const char *token);
/* Registers a service, given as JSON of the registry's contract. */
void gate_register(struct gate *g, const char *json);

#endif
