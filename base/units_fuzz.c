/* Any text as a duration, a size, an integer: what is read is in its range, what is refused is left alone, and a
 * number printed is read back as itself. */
#include "base/units.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_error(int code, struct error *e)
{
    if (code != e->code || (code && !e->message))
        abort();
    error_clear(e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    char out[64];
    struct error e = ERROR_INIT;
    int64_t duration = -7, integer = -7;
    uint64_t bytes = 7;
    if (!text)
        return 0;
    if (size)
        memcpy(text, data, size);
    text[size] = '\0';

    int code = units_parse_duration(text, &duration, &e);
    if (code ? duration != -7 : duration < 0)
        abort();
    check_error(code, &e);
    code = units_parse_size(text, &bytes, &e);
    if (code && bytes != 7)
        abort();
    check_error(code, &e);
    code = units_parse_integer(text, -1000000, INT64_MAX, &integer, &e);
    if (code ? integer != -7 : integer < -1000000)
        abort();
    check_error(code, &e);

    /* The same bytes as numbers. */
    int64_t any = 0, again = 0;
    memcpy(&any, text, size < sizeof any ? size : sizeof any);
    (void)snprintf(out, sizeof out, "%" PRId64, any);
    if (units_parse_integer(out, INT64_MIN, INT64_MAX, &again, NULL) != 0 || again != any)
        abort();
    if (any >= 0) {
        (void)snprintf(out, sizeof out, "%" PRId64 "ns", any);
        if (units_parse_duration(out, &again, NULL) != 0 || again != any)
            abort();
    }
    units_format_duration(any, out, sizeof out);
    if (strlen(out) >= 32)
        abort();
    units_format_size((uint64_t)any, out, sizeof out);
    if (strlen(out) >= 16)
        abort();
    units_format_time(any, out, 32);
    if (strlen(out) != strlen("1970-01-01T00:00:00.000Z"))
        abort();
    free(text);
    return 0;
}
