/* The first byte says where a body is cut into two pieces, the second by what it is split: the items are the same as
 * of the whole body. */
#include "e2e/http/split.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static json_t *items(enum split_by by, struct bytes first, struct bytes second)
{
    struct split s;
    json_t *out = json_array();
    http_split_init(&s, by, out);
    if (http_split_feed(&s, first) && http_split_feed(&s, second))
        (void)http_split_end(&s);
    http_split_deinit(&s);
    return out;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    struct bytes body = BYTES(data + 2, size - 2);
    size_t cut = body.len > 0 ? data[0] % (body.len + 1) : 0;
    enum split_by by = data[1] % 2 == 0 ? SPLIT_EVENTS : SPLIT_LINES;
    json_t *whole = items(by, body, BYTES_NONE);
    json_t *cut_up = items(by, BYTES(body.data, cut), BYTES(body.data + cut, body.len - cut));
    if (!json_equal(whole, cut_up))
        abort();
    json_decref(whole);
    json_decref(cut_up);
    return 0;
}
