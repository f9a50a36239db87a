/* A path in the first line, JSON behind it: one that is not valid finds nothing, and a valid one stays valid with more
 * segments behind it. */
#include "e2e/internal.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = size > 0 ? memchr(data, '\n', size) : NULL;
    size_t len = end != NULL ? (size_t)(end - data) : size;
    struct text path = TEXT_INIT;
    int code;
    text_add(&path, data, len);
    json_t *root = end != NULL ? json_loadb((const char *)end + 1, size - len - 1, JSON_DECODE_ANY, NULL) : NULL;
    const json_t *found = json_path(root, text_string(&path), &code);
    if ((code == 0) != json_path_valid(text_string(&path)) || (code != 0 && found != NULL))
        abort();
    if (code == 0) {
        text_puts(&path, ".x[0]['y']");
        json_path(root, text_string(&path), &code);
        if (code != 0)
            abort();
    }
    json_decref(root);
    text_deinit(&path);
    return 0;
}
