/* Any query and body either merge into one JSON object, or are refused with words and a status. The first byte chooses
 * the content type and whether the request's type is known; up to the first line break is the query, the rest the body.
 */
#include "runtime/api/request.h"
#include "runtime/service/service.h"

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const types[] = {NULL, "application/json", "application/x-www-form-urlencoded", "text/plain"};
    struct text query = TEXT_INIT, out = TEXT_INIT;
    struct error err = ERROR_INIT;
    int status = 0;
    if (size < 1)
        return 0;
    const uint8_t *rest = data + 1;
    const uint8_t *end = memchr(rest, '\n', size - 1);
    size_t query_len = end ? (size_t)(end - rest) : size - 1;
    text_add(&query, rest, query_len);
    struct api_request request = {
        .query = text_string(&query),
        .content_type = data[0] & 8 ? "multipart/form-data; boundary=x" : types[data[0] & 3],
        .body = end ? BYTES(end + 1, size - 2 - query_len) : BYTES_NONE,
    };
    if (data[0] & 4)
        request.schema.type = pb_find_type(micro_pool(), "store.ReadRequest");
    if (api_request_json(&request, &out, &status, &err) == 0) {
        json_t *value = out.len ? json_loadb(out.data, out.len, 0, NULL) : json_object();
        if (!json_is_object(value))
            abort();
        json_decref(value);
    } else if (status < 400 || status > 599 || !err.message || !err.message[0]) {
        abort();
    }
    error_clear(&err);
    text_deinit(&query);
    text_deinit(&out);
    return 0;
}
