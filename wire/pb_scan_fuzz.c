/* Any bytes as a message; the first byte picks the type. What the scan lets through, protobuf-c must take, and what it
 * packs from that must pass the scan, unpack to the same, and pack to the same bytes again. */
#include "wire/pb.h"
#include "wire/testdata/set.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const types[] = {"test.all.Everything", "test.all.Scalars", "test.all.Optionals", "test.all.Lists",
                                    "test.all.Maps",       "test.all.Choice",  "test.all.Known",     "test.all.Tree"};
#define TYPE_COUNT (sizeof types / sizeof types[0])

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct pb_pool *pool; /* built once, alive until the process ends */
    if (!pool && pb_pool_new(test_set(), "test set", &pool, NULL))
        abort();
    if (size == 0)
        return 0;
    const ProtobufCMessageDescriptor *type = pb_find_type(pool, types[data[0] % TYPE_COUNT])->descriptor;
    struct bytes input = BYTES(data + 1, size - 1);
    struct error err = ERROR_INIT;
    if (pb_scan(type, input, &err)) {
        if (!err.message)
            abort();
        error_clear(&err);
        return 0;
    }
    struct text first = TEXT_INIT, second = TEXT_INIT;
    struct arena arena = ARENA_INIT;
    ProtobufCMessage *m, *again, *on_heap;
    int code = pb_unpack(type, input, &arena, &m, NULL);
    if (code || pb_unpack(type, input, NULL, &on_heap, NULL) || !pb_equal(m, on_heap))
        abort();
    protobuf_c_message_free_unpacked(on_heap, NULL);
    if (pb_pack(m, &first) || pb_unpack(type, text_bytes(&first), &arena, &again, NULL) || pb_pack(again, &second) ||
        !bytes_equal(text_bytes(&first), text_bytes(&second)))
        abort();
    arena_deinit(&arena);
    text_deinit(&first);
    text_deinit(&second);
    return 0;
}
