/* Bytes as the key ring's file. What is taken must come out the same when it is written and read again. */
#include "runtime/auth/ring.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct ring r, again;
    struct text file = TEXT_INIT;
    if (ring_parse(BYTES(data, size), &r, NULL) != 0)
        return 0;
    if (ring_write(&r, &file, NULL) != 0 || ring_parse(text_bytes(&file), &again, NULL) != 0 || again.count != r.count)
        abort();
    ring_deinit(&again);
    ring_deinit(&r);
    text_deinit(&file);
    return 0;
}
