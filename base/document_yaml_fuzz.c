/* Any bytes as YAML: what is read must have its places in the text, and survive being written as JSON and read again
 * as both: YAML 1.2 contains JSON. */
#include "base/document_fuzz.h"

#include "base/text.h"

static int collect(const char *data, size_t len, void *arg)
{
    text_add(arg, data, len);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct document *d = fuzz_read(document_parse_yaml, BYTES(data, size));
    if (!d)
        return 0;
    json_t *json = node_to_json(document_root(d));
    struct text written = TEXT_INIT;
    struct document *again = NULL;
    if (!json || json_dump_callback(json, collect, &written, JSON_ENCODE_ANY) != 0 || !text_ok(&written))
        abort();
    if (document_parse_json(text_bytes(&written), "again", &again, NULL) != 0)
        abort();
    json_t *back = node_to_json(document_root(again));
    if (!back || !json_equal(json, back))
        abort();
    json_decref(back);
    json_decref(json);
    document_free(again);
    document_free(d);
    text_deinit(&written);
    return 0;
}
