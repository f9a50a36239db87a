/* google.protobuf.Timestamp and Duration as JSON strings: RFC 3339 in UTC, and decimal seconds with an "s". Printed
 * with 0, 3, 6 or 9 digits of fraction. Days are counted with the proleptic Gregorian calendar (H. Hinnant, "chrono-
 * Compatible Low-Level Date Algorithms"). Private to wire/pb_*.c. */
#ifndef WIRE_PB_TIME_H
#define WIRE_PB_TIME_H

#include "base/bytes.h"

#include <stdbool.h>
#include <stdint.h>

#define PB_TIME_MAX      48                    /* bytes of either text, NUL included */
#define PB_TIMESTAMP_MIN INT64_C(-62135596800) /* seconds: 0001-01-01T00:00:00Z */
#define PB_TIMESTAMP_MAX INT64_C(253402300799) /* 9999-12-31T23:59:59Z */
#define PB_DURATION_MAX  INT64_C(315576000000) /* seconds: 10,000 years, either way */
#define PB_NANOS_MAX     999999999

struct pb_time {
    int64_t seconds;
    int32_t nanos;
};

/* False: malformed or out of range. */
bool pb_timestamp_parse(struct bytes in, struct pb_time *out);
bool pb_duration_parse(struct bytes in, struct pb_time *out);
/* The length; 0: the value is out of range, or a duration's parts have different signs. */
size_t pb_timestamp_print(struct pb_time t, char out[PB_TIME_MAX]);
size_t pb_duration_print(struct pb_time t, char out[PB_TIME_MAX]);

#endif
