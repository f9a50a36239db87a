/* How commands leave when something went wrong. */
#include "harrow/run/run.h"

#include "base/text.h"

#include <stdio.h>

int harrow_error(const struct error *err, const char *doing)
{
    struct text line = TEXT_INIT;
    error_format(err, &line);
    fprintf(stderr, "harrow: %s%s%s\n", doing != NULL ? doing : "", doing != NULL ? ": " : "",
            line.len > 0 ? text_string(&line) : error_code_name(err->code)); /* no memory for its words either */
    text_deinit(&line);
    switch (err->code) {
    case ERROR_SYNTAX:
    case ERROR_INVALID:
    case ERROR_LIMIT:
        return HARROW_INPUT;
    case ERROR_NOT_FOUND:
        return err->file != NULL ? HARROW_INPUT : HARROW_ENVIRONMENT;
    case ERROR_CANCELLED:
        return HARROW_INTERRUPTED;
    default:
        return HARROW_ENVIRONMENT;
    }
}
