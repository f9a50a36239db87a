/* Any bytes as a .gctf file. */
#include "e2e/import/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    import_fuzz_flow("fuzz.gctf", data, size);
    return 0;
}
