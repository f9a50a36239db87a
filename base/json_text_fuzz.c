/* Any bytes as JSON: read and written, they are what jansson makes of them, whatever the flags. */
#include "base/json_text.h"

#include <stdlib.h>
#include <strings.h>

static void same_text(const json_t *v, unsigned indent)
{
    struct text mine = TEXT_INIT;
    char *theirs = json_dumps(v, JSON_ENCODE_ANY | (indent == 0 ? JSON_COMPACT : JSON_INDENT(indent)));
    json_text_add(&mine, v, indent, 0);
    json_t *again = json_text_read(text_bytes(&mine), JSON_DECODE_ANY, NULL);
    /* Control characters may be written in either case: \u001f, \u001F. */
    if (theirs == NULL || !text_ok(&mine) || strcasecmp(theirs, text_string(&mine)) != 0 || !json_equal(again, v))
        abort();
    free(theirs);
    text_deinit(&mine);
    json_decref(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const size_t flags[] = {0, JSON_DECODE_ANY, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES};
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        json_error_t why = {0}, their_why = {0};
        json_t *mine = json_text_read(BYTES(data, size), flags[i], &why);
        json_t *theirs = json_loadb((const char *)data, size, flags[i], &their_why);
        if ((mine == NULL) != (theirs == NULL) || (mine != NULL && !json_equal(mine, theirs)) ||
            (mine == NULL && strcmp(why.text, their_why.text) != 0))
            abort();
        if (mine != NULL) {
            same_text(mine, 0);
            same_text(mine, 2);
        }
        json_decref(mine);
        json_decref(theirs);
    }
    return 0;
}
