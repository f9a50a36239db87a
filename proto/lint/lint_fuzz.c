/* Any bytes as a descriptor set, and any text as exceptions: the first byte is the text's length. What is linted gives
 * findings that have a place, and a line each. */
#include "proto/lint/lint.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t text = size > 0 && data[0] < size ? data[0] : 0;
    struct bytes allowed = BYTES(data + (size > 0), text);
    struct bytes set = BYTES(data + (size > 0) + text, size - (size > 0) - text);
    struct lint l = LINT_INIT;
    struct error err = ERROR_INIT;
    int rc = lint_run(&l, set, allowed, "allowed.txt", &err);
    if ((rc != 0) != (err.message != NULL))
        abort();
    for (size_t i = 0; rc == 0 && i < l.findings.count; i++) {
        const struct lint_finding *f = &l.findings.items[i];
        if (f->line < 1 || f->column < 1 || !f->text[0] || f->rule >= LINT_RULES)
            abort();
    }
    struct text out = TEXT_INIT;
    lint_print(&l, "proto/", &out);
    text_deinit(&out);
    error_clear(&err);
    lint_deinit(&l);
    return 0;
}
