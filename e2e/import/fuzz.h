/* Any bytes as a file of a format: refused with a place, or a document that reads back from its YAML. */
#ifndef E2E_IMPORT_FUZZ_H
#define E2E_IMPORT_FUZZ_H

#include "e2e/import/import.h"
#include "e2e/internal.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void import_fuzz(const char *name, const uint8_t *data, size_t size)
{
    const struct import_format *format = import_format_of(name);
    struct document *d = NULL, *again = NULL;
    struct text yaml = TEXT_INIT, told = TEXT_INIT;
    struct error err = ERROR_INIT;
    int code = format->parse_told != NULL ? format->parse_told(BYTES(data, size), name, &told, &d, &err)
                                          : format->parse(BYTES(data, size), name, &d, &err);
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

/* The same of a format whose files run as they are: what is taken is one flow. */
static inline void import_fuzz_flow(const char *name, const uint8_t *data, size_t size)
{
    struct flow_list flows = {0};
    struct error err = ERROR_INIT;
    int code = flow_parse(BYTES(data, size), name, &flows, &err);
    if (code != err.code || (code != 0 && (flows.count != 0 || err.line == 0)) || (code == 0 && flows.count != 1))
        abort();
    error_clear(&err);
    flow_list_free(&flows);
    if (code == 0)
        import_fuzz(name, data, size);
}

#endif
