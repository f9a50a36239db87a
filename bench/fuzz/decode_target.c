/* A message of nested kinds, unpacked and freed by protobuf-c: what every handler begins with. */
#include "bench/fuzz/kit.h"
#include "bench/fuzz/order.pb-c.h"

static int setup(void **state, const struct pb_pool **pool, struct error *err)
{
    struct pb_pool *made;
    int rc = order_pool(&made, err);
    if (rc == 0)
        *state = made;
    *pool = rc == 0 ? made : NULL;
    return rc;
}

static void teardown(void *state)
{
    pb_pool_free(state);
}

static void run(void *state, const struct fuzz_case *c, struct fuzz_trace *t)
{
    (void)state;
    (void)t;
    for (size_t i = 0; i < c->events.count; i++) {
        if (c->events.items[i].kind != EVENT_MESSAGE)
            continue;
        struct bytes message = fuzz_case_bytes(c, c->events.items[i].value);
        Order__Order *order = order__order__unpack(NULL, message.len, message.data);
        if (order)
            order__order__free_unpacked(order, NULL);
    }
}

const struct fuzz_target fuzz_target = {.name = "decode",
                                        .summary = "protobuf-c unpacks an order",
                                        .path = ORDER_PATH,
                                        .setup = setup,
                                        .teardown = teardown,
                                        .run = run,
                                        .seed = order_seed};
