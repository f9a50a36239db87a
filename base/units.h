/* Durations, sizes and counts as people write them, and back.
 *   durations: "250ms", "5s", "1m30s", "2h", "1d"; units ns us ms s m h d; a bare 0 is allowed
 *   sizes:     "512", "64KiB", "10MB", "1GiB" (KiB = 1024, kB = 1000)                                             */
#ifndef BASE_UNITS_H
#define BASE_UNITS_H

#include "base/error.h"

#include <stdint.h>

#define NANOSECOND  INT64_C(1)
#define MICROSECOND INT64_C(1000)
#define MILLISECOND INT64_C(1000000)
#define SECOND      INT64_C(1000000000)
#define MINUTE      (60 * SECOND)
#define HOUR        (60 * MINUTE)

int units_parse_duration(const char *text, int64_t *nanoseconds, struct error *err);
int units_parse_size(const char *text, uint64_t *bytes, struct error *err);
int units_parse_integer(const char *text, int64_t min, int64_t max, int64_t *out, struct error *err);
void units_format_duration(int64_t nanoseconds, char *out, size_t size); /* "1.25 s", "340 us" */
void units_format_size(uint64_t bytes, char *out, size_t size);          /* "3.1 MiB" */
/* RFC 3339 with milliseconds, UTC, from nanoseconds since 1970. `out` needs 32 bytes. */
void units_format_time(int64_t wall_nanoseconds, char *out, size_t size);

#endif
