/* The input is what a gateway answers: as a reply compared with gRPC's, and as a message asked both ways. */
#include "fuzz/gateway/compare.h"
#include "fuzz/gateway/gateway.h"
#include "proto/set.h"
#include "wire/grpc_fuzz.h"

#include <stdlib.h>

static struct pb_pool *pool;

static void drop_pool(void)
{
    pb_pool_free(pool);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes input = BYTES(data, size);
    struct text json = TEXT_INIT, wire = TEXT_INIT, why = TEXT_INIT;
    if (!pool && (pb_pool_new(proto_set(), "set", &pool, NULL) != 0 || atexit(drop_pool) != 0))
        abort();
    const struct pb_service *s = pb_service_at(pool, fuzz_byte(&input) % pb_service_count(pool));
    const struct pb_method *m = &s->methods[fuzz_byte(&input) % s->method_count];
    int status = fuzz_byte(&input) % 18;
    struct bytes body = fuzz_take(&input, fuzz_byte(&input));
    const struct gateway_rpc_answer rpc = {status, input, body};
    const struct gateway_http_answer http = {fuzz_byte(&input) * 4, input};
    (void)gateway_compare(m, &rpc, &http, &rpc, NULL, &why);
    /* What has a JSON form means the same through a gateway that only passes it on. */
    if (gateway_json_of(m->output, body, &json)) {
        const struct gateway_rpc_answer ok = {0, BYTES_NONE, body};
        const struct gateway_http_answer same = {200, text_bytes(&json)};
        if (gateway_compare(m, &ok, &same, &ok, NULL, &why))
            abort();
    }
    text_deinit(&json);
    text_deinit(&wire);
    text_deinit(&why);
    return 0;
}
