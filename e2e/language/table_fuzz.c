/* Any bytes as a CSV file: refused with a place, or rows that all have the same columns. */
#include "e2e/internal.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct error err = ERROR_INIT;
    json_t *rows = NULL;
    int code = table_parse_csv(BYTES(data, size), "fuzz.csv", &rows, &err);
    if (code != err.code || (code == 0) != (rows != NULL) || (code != 0 && err.line == 0))
        abort();
    for (size_t i = 1; i < json_array_size(rows); i++)
        if (json_object_size(json_array_get(rows, i)) != json_object_size(json_array_get(rows, 0)))
            abort();
    json_decref(rows);
    error_clear(&err);
    return 0;
}
