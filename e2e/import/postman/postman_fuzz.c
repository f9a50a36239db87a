#include "e2e/import/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    import_fuzz("a.postman_collection.json", data, size);
    return 0;
}
