/* For tests: nodes of a service that do as they are told, each a program on a simulated machine of its own. A call's
 * method says what happens: Unary and Bidi echo, ClientStream counts, ServerStream sends five messages, Fail ends with
 * everything a status can carry, Unavailable says so, Hang never answers, Flood sends 8 MiB, Sink reads nothing until
 * told. What came is counted by node. */
#ifndef RUNTIME_RELAY_TEST_NODE_H
#define RUNTIME_RELAY_TEST_NODE_H

#include "runtime/service/test_calls.h"

#define TEST_NODE_PORT "9000"
#define FLOOD_MESSAGES 512
#define FLOOD_SIZE     ((size_t)16 << 10)

struct test_node {
    char name[16];
    int opened, messages, cancelled; /* calls, messages in them, calls whose client went */
    size_t sent;                     /* messages of floods */
    uint64_t deadline;               /* of the last call, ns from its beginning; 0: none */
    char seen[2048];                 /* the last call's metadata, "name=value\n" */
    char type[64];                   /* its content type */
    bool gzip, unavailable;          /* it came compressed; answer Unary with UNAVAILABLE */
    struct rpc_call *sink;           /* paused */
};
struct test_node *test_node(const char *name); /* by machine; made on first use */
void test_nodes_forget(void);

void test_node_program(struct sim_system *s); /* registers it with the simulation */
void test_node_start(struct sim_system *s, const char *name);
/* A JSON call to any address; `token` may be NULL. The answer's text, or the error's. */
int test_call_at(struct sim_system *s, const char *address, const char *path, const char *token, const char *json,
                 struct text *out);
/* At the registry at that address. `metadata` is JSON or NULL. */
void test_node_register(struct sim_system *s, const char *registry, const char *token, const char *service,
                        const char *version, const char *name, const char *metadata);

#endif
