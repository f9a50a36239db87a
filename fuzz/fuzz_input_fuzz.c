/* Bytes as an input file: read, and when that succeeds, written and read again to the same text. */
#include "fuzz/input.h"
#include "proto/set.h"

#include <stdlib.h>

static struct pb_pool *pool;

static void drop_pool(void)
{
    pb_pool_free(pool);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input in, again;
    struct text first = TEXT_INIT, second = TEXT_INIT;
    if (pool == NULL && (pb_pool_new(proto_set(), "set", &pool, NULL) != 0 || atexit(drop_pool) != 0))
        abort();
    if (fuzz_input_read(BYTES(data, size), "input", pool, &in, NULL) != 0)
        return 0;
    fuzz_input_write(&in, "internal", "harrow fuzz", &first);
    if (fuzz_input_read(text_bytes(&first), "again", pool, &again, NULL) != 0)
        abort();
    fuzz_input_write(&again, "internal", "harrow fuzz", &second);
    if (!bytes_equal(text_bytes(&first), text_bytes(&second)))
        abort();
    fuzz_input_deinit(&in);
    fuzz_input_deinit(&again);
    text_deinit(&first);
    text_deinit(&second);
    return 0;
}
