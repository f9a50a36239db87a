/* Any bytes as a flow file: it is taken or refused with a place, and what is taken has names, steps and doubles. */
#include "e2e/internal.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct flow_list flows = {0};
    struct error err = ERROR_INIT;
    int code = flow_parse(BYTES(data, size), "fuzz.yaml", &flows, &err);
    if (code != err.code || (code != 0 && flows.count != 0) || (code != 0 && err.line == 0))
        abort();
    for (size_t i = 0; i < flows.count; i++) {
        const struct flow *f = flows.items[i];
        if (flow_name(f)[0] == '\0' || f->steps->list.count == 0 || (f->contract && flow_provider(f) == NULL))
            abort();
        for (size_t d = 0; d < flow_double_count(f); d++) {
            const char *name, *service;
            flow_double(f, d, &name, &service);
            if (name == NULL || service == NULL)
                abort();
        }
    }
    error_clear(&err);
    flow_list_free(&flows);
    return 0;
}
