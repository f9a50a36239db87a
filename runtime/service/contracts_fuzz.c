/* Descriptor sets as users give them: read without a pool, and joined with what is compiled in. */
#include "proto/set.h"
#include "runtime/service/internal.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes set = BYTES(data, size);
    struct text joined = TEXT_INIT;
    (void)micro_contract_streams(set, "helloworld.Helloworld", "Stream");
    (void)micro_contract_streams(set, "Plain", "");
    int rc = micro_contracts_join(set, proto_set(), &joined);
    /* Whatever comes first stays as it is; and nothing can be taken for something the second has not. */
    if (rc == 0 && (joined.len < size || (size && memcmp(joined.data, data, size) != 0)))
        abort();
    if (rc == 0 && size == 0 && !micro_contract_streams(text_bytes(&joined), "grpc.health.v1.Health", "Watch").server)
        abort();
    text_deinit(&joined);
    return 0;
}
