/* Any bytes as a request to the generator. What it answers must be a response: an error with words, or files with
 * relative names, each once, whose text holds no control characters and, in its code, as many braces one way as the
 * other. */
#include "base/map.h"
#include "fakes/generate/generate.h"
#include "wire/pb_wire.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Behind the comment, text or character that begins at `at`; `at` itself where none does. */
static size_t behind_quoted(struct bytes c, size_t at)
{
    uint8_t quote = c.data[at];
    if (quote == '/' && at + 1 < c.len && c.data[at + 1] == '*') {
        for (at += 2; at + 1 < c.len && (c.data[at] != '*' || c.data[at + 1] != '/');)
            at++;
        return at + 2;
    }
    if (quote != '"' && quote != '\'')
        return at;
    for (at++; at < c.len && c.data[at] != quote; at++)
        at += c.data[at] == '\\';
    return at + 1;
}

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
    for (size_t i = 0; i < content.data.len; i++)
        if (content.data.data[i] < 0x20 && content.data.data[i] != '\n')
            abort();
    for (size_t i = 0, behind; i < content.data.len; i = behind == i ? i + 1 : behind) {
        behind = behind_quoted(content.data, i);
        if (behind == i)
            braces += (content.data.data[i] == '{') - (content.data.data[i] == '}');
    }
    if (braces != 0)
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
