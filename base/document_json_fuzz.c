/* Any bytes as JSON: what is read must have its places in the text, and come out of jansson the same again. */
#include "base/document_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct document *d = fuzz_read(document_parse_json, BYTES(data, size));
    if (!d)
        return 0;
    json_t *mine = node_to_json(document_root(d));
    json_t *theirs = json_loadb((const char *)data, size, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    if (!mine || !theirs || !json_equal(mine, theirs))
        abort();
    json_decref(mine);
    json_decref(theirs);
    document_free(d);
    return 0;
}
