/* Any bytes as a .gctf file: it is refused with a place, or it is a flow, and the flow written as YAML loads again. */
#include "e2e/import/import.h"
#include "e2e/internal.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct flow_list flows = {0};
    struct error err = ERROR_INIT;
    int code = flow_parse(BYTES(data, size), "fuzz.gctf", &flows, &err);
    if (code != err.code || (code != 0 && (flows.count != 0 || err.line == 0)) || (code == 0 && flows.count != 1))
        abort();
    error_clear(&err);
    if (code == 0) {
        struct document *d = NULL;
        struct text yaml = TEXT_INIT;
        if (import_format_of("fuzz.gctf")->parse(BYTES(data, size), "fuzz.gctf", &d, NULL) != 0 ||
            !import_yaml(document_root(d), &yaml))
            abort();
        text_deinit(&yaml);
        document_free(d);
    }
    flow_list_free(&flows);
    return 0;
}
