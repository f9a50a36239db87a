/* Bytes as the details of a status: a list comes of whatever a server sends, and the same one each time. */
#include "e2e/step/details.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t i;
    bool unknown, still;
    json_t *item, *list = details_value(NULL, BYTES(data, size), &unknown);
    json_t *again = details_value(NULL, BYTES(data, size), &still);
    if (!json_is_array(list) || !json_equal(list, again) || unknown != still)
        abort();
    json_array_foreach(list, i, item)
    {
        if (!json_is_object(item))
            abort();
    }
    json_decref(list);
    json_decref(again);
    return 0;
}
