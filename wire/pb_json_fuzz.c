/* Any bytes as JSON (first byte below 128) or as a message (128 and above); it also picks the type and the flags. What
 * is accepted goes to the other form and back: from the second writing on nothing may change. */
#include "wire/pb.h"
#include "wire/testdata/set.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const types[] = {"test.all.Everything", "test.all.Scalars", "test.all.Optionals", "test.all.Lists",
                                    "test.all.Maps",       "test.all.Choice",  "test.all.Known",     "test.all.Names"};
#define TYPE_COUNT (sizeof types / sizeof types[0])

/* JSON the writer made: it must be read, and written the same way again. */
static void check_json(const struct pb_type *type, struct bytes json, int flags)
{
    struct text wire = TEXT_INIT, again = TEXT_INIT;
    if (pb_json_to_wire(type, json, 0, &wire, NULL) || pb_scan(NULL, text_bytes(&wire), NULL) ||
        pb_wire_to_json(type, text_bytes(&wire), flags, &again, NULL) || !bytes_equal(json, text_bytes(&again)))
        abort();
    text_deinit(&wire);
    text_deinit(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct pb_pool *pool; /* built once, alive until the process ends */
    if (!pool && pb_pool_new(test_set(), "test set", &pool, NULL))
        abort();
    if (size == 0)
        return 0;
    const struct pb_type *type = pb_find_type(pool, types[data[0] % TYPE_COUNT]);
    int flags = data[0] / 8 % 4; /* proto names, defaults */
    struct bytes input = BYTES(data + 1, size - 1);
    struct text wire = TEXT_INIT, json = TEXT_INIT;
    struct error err = ERROR_INIT;
    if (data[0] >= 128)
        text_add(&wire, input.data, input.len);
    else if (pb_json_to_wire(type, input, data[0] & 64 ? PB_JSON_IGNORE_UNKNOWN : 0, &wire, &err) && !err.message)
        abort();
    if (!err.code && pb_wire_to_json(type, text_bytes(&wire), flags, &json, &err) && !err.message)
        abort();
    if (!err.code)
        check_json(type, text_bytes(&json), flags);
    else if (data[0] < 128 && wire.len > 0)
        abort(); /* what was read from JSON can be written */
    error_clear(&err);
    text_deinit(&wire);
    text_deinit(&json);
    return 0;
}
