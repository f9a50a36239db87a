/* The server of the one method: apart from kit.c, so that targets without a connection do not link one. */
#include "bench/fuzz/kit.h"
#include "bench/fuzz/order.pb-c.h"

#include <stdlib.h>

static int place(void *arg, const struct pb_method *method, struct bytes message, struct text *reply)
{
    Order__Order *order = order__order__unpack(NULL, message.len, message.data);
    Order__Receipt receipt;
    static char text[] = "thank you";
    (void)arg;
    (void)method;
    if (!order)
        return GRPC_INVALID_ARGUMENT;
    order__receipt__init(&receipt);
    receipt.id = order->id + order->n_lines;
    receipt.text = text;
    order__order__free_unpacked(order, NULL);
    return pb_pack(&receipt.base, reply) ? GRPC_INTERNAL : GRPC_OK;
}

int order_service(void **state, const struct pb_pool **pool, struct error *err)
{
    struct order_kit *k = calloc(1, sizeof *k);
    int rc = k ? order_pool(&k->pool, err) : error_set(err, ERROR_MEMORY, "no memory for the target");
    if (rc == 0) {
        k->service = (struct fuzz_grpc_service){.pool = k->pool, .message = place};
        rc = fuzz_grpc_new(&k->service, &k->grpc);
    }
    if (rc) {
        order_service_end(k);
        return rc;
    }
    *state = k;
    *pool = k->pool;
    return 0;
}

void order_service_end(void *state)
{
    struct order_kit *k = state;
    if (!k)
        return;
    fuzz_grpc_free(k->grpc);
    pb_pool_free(k->pool);
    free(k);
}
