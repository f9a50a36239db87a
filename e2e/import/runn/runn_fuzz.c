#include "e2e/import/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    import_fuzz("a.runn.yml", data, size);
    return 0;
}
