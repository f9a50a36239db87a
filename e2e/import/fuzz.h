/* Any bytes as a file of a format: refused with a place, or a document that reads back from its YAML. */
#ifndef E2E_IMPORT_FUZZ_H
#define E2E_IMPORT_FUZZ_H

#include "e2e/import/import.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void import_fuzz(const char *name, const uint8_t *data, size_t size)
{
    const struct import_format *format = import_format_of(name);
    struct document *d = NULL, *again = NULL;
    struct text yaml = TEXT_INIT, told = TEXT_INIT;
    struct error err = ERROR_INIT;
    int code = format->parse_told(BYTES(data, size), name, &told, &d, &err);
    if (code != err.code || (code != 0) != (d == NULL) || (code != 0 && err.line == 0))
        abort();
    if (code == 0 && (!import_yaml(document_root(d), &yaml) ||
                      (document_parse_yaml(text_bytes(&yaml), "again", &again, &err) != 0 && err.code != ERROR_LIMIT)))
        abort();
    document_free(d);
    document_free(again);
    text_deinit(&yaml);
    text_deinit(&told);
    error_clear(&err);
}

#endif
