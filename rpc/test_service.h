/* The service of testdata/test.proto, for tests, for programs others' clients are tried on, and for the benchmark. */
#ifndef RPC_TEST_SERVICE_H
#define RPC_TEST_SERVICE_H

#include "rpc/rpc.h"

struct test_service {
    struct rpc_server *server;
    uint64_t started, answered, cancelled; /* calls */
    uint64_t sent;                         /* messages of Down */
    int32_t size_max;                      /* of an answer's payload; larger orders fail; 0: 64 MiB */
    bool hold_streams;                     /* Up and Both take no messages until test_service_release() */
    struct rpc_call *held;
    struct { /* Flaky: refusals left for a text */
        char text[32];
        int left;
    } flaky;
};

int test_service_add(struct test_service *t, struct rpc_server *server); /* `t` zeroed by the caller */
void test_service_release(struct test_service *t);
struct bytes test_service_set(void); /* descriptor set of test.proto */

#endif
