/* A query in the first line: what is read, written and read again says the same. JSON behind it is asked by the line as
 * a JSONPath as well. */
#include "e2e/value/jsonpath.h"
#include "e2e/value/query.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool print(struct bytes line, struct text *out)
{
    struct query q;
    struct scan s = {.in = line};
    if (query_scan(&s, QUERY_ASSERT, &q) != 0) {
        if (s.why[0] == '\0' || s.bad > line.len)
            abort();
        return false;
    }
    query_print(&q, out);
    query_deinit(&q);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = size > 0 ? memchr(data, '\n', size) : NULL;
    struct bytes line = BYTES(data, end != NULL ? (size_t)(end - data) : size);
    struct text once = TEXT_INIT, twice = TEXT_INIT, path = TEXT_INIT;
    if (memchr(line.data != NULL ? (const char *)line.data : "", 0, line.len) == NULL && print(line, &once) &&
        (!print(text_bytes(&once), &twice) || !bytes_equal(text_bytes(&once), text_bytes(&twice))))
        abort();
    text_add(&path, line.data, line.len);
    json_t *root = end != NULL ? json_loadb((const char *)end + 1, size - line.len - 1, JSON_DECODE_ANY, NULL) : NULL;
    json_t *found = NULL;
    int code = jsonpath_find(root, text_string(&path), &found, NULL);
    if (code != 0 && found != NULL)
        abort();
    json_decref(found);
    json_decref(root);
    text_deinit(&once);
    text_deinit(&twice);
    text_deinit(&path);
    return 0;
}
