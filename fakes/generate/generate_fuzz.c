/* Any bytes as a request to the generator. What it answers must be a response: an error with words, or files with
 * relative names, each once, whose text holds no control characters and as many braces one way as the other. */
#include "base/map.h"
#include "fakes/generate/generate.h"
#include "wire/pb_wire.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_file(struct map *names, struct bytes file)
{
    struct pb_reader r = {file.data, file.data + file.len};
    struct pb_item name, content;
    long braces = 0;
    if (pb_item_next(&r, &name) != PB_FAULT_NONE || pb_item_next(&r, &content) != PB_FAULT_NONE || name.number != 1 ||
        content.number != 15 || name.data.len == 0 || name.data.data[0] == '/')
        abort();
    if (map_get_n(names, name.data.data, name.data.len) != NULL ||
        !map_put_n(names, name.data.data, name.data.len, names))
        abort();
    for (size_t i = 0; i < content.data.len; i++) {
        uint8_t c = content.data.data[i];
        braces += (c == '{') - (c == '}');
        if (c < 0x20 && c != '\n')
            abort();
    }
    /* Paths may hold braces and stand in comments. */
    bool odd_path =
        memchr(name.data.data, '{', name.data.len) != NULL || memchr(name.data.data, '}', name.data.len) != NULL;
    if (braces != 0 && !odd_path)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text response = TEXT_INIT;
    struct map names = MAP_INIT;
    struct error err = ERROR_INIT;
    if (generate(BYTES(data, size), &response, &err) != 0)
        abort();
    struct pb_reader r = {(const uint8_t *)response.data, (const uint8_t *)response.data + response.len};
    bool failed = false;
    size_t files = 0;
    while (r.at < r.end) {
        struct pb_item item;
        if (pb_item_next(&r, &item) != PB_FAULT_NONE)
            abort();
        if (item.number == 1 && item.data.len == 0)
            abort();
        failed = failed || item.number == 1;
        files += item.number == 15;
        if (item.number == 15)
            check_file(&names, item.data);
    }
    if (failed && files > 0)
        abort();
    map_deinit(&names);
    text_deinit(&response);
    return 0;
}
