/* Any bytes as a Hurl file. */
#include "e2e/import/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    import_fuzz_flow("fuzz.hurl", data, size);
    return 0;
}
