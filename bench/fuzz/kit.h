/* What the benchmark's targets share: the contracts of order.proto, one seed all engines begin with, and a server of
 * the one method. */
#ifndef BENCH_FUZZ_KIT_H
#define BENCH_FUZZ_KIT_H

#include "fuzz/loop/grpc_target.h"
#include "fuzz/loop/target.h"
#include "wire/grpc.h"

#define ORDER_PATH "/order.Orders/Place"

struct order_kit {
    struct pb_pool *pool;
    struct fuzz_grpc_service service;
    struct fuzz_grpc *grpc;
};

int order_pool(struct pb_pool **out, struct error *err);
/* An order of some 240 bytes with every kind of field. */
int order_sample(struct text *out);
int order_seed(size_t i, struct fuzz_case *out);
/* setup() and teardown() of targets that place orders by gRPC; the state is a struct order_kit. */
int order_service(void **state, const struct pb_pool **pool, struct error *err);
void order_service_end(void *state);

#endif
