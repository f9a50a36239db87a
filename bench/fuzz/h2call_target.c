/* A unary gRPC call through an in-memory HTTP/2 session to a handler and back. */
#include "bench/fuzz/kit.h"

static void run(void *state, const struct fuzz_case *c, struct fuzz_trace *t)
{
    fuzz_grpc_run(((struct order_kit *)state)->grpc, c, t);
}

const struct fuzz_target fuzz_target = {.name = "h2call",
                                        .summary = "an order is placed by gRPC, in memory",
                                        .path = ORDER_PATH,
                                        .setup = order_service,
                                        .teardown = order_service_end,
                                        .run = run,
                                        .seed = order_seed};
