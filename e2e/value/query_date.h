/* Dates in the forms of strftime and of Rust's chrono: %Y %m %d %H %M %S ..., with %f (nanoseconds), %.f %3f %.3f
 * (parts of a second), %z %:z (the difference from UTC), %+ (RFC 3339). Names are English. */
#ifndef E2E_QUERY_DATE_H
#define E2E_QUERY_DATE_H

#include "base/text.h"

#include <stdint.h>

/* Microseconds since 1970, UTC. False: the text has not that form, or lacks a date or a time of day. */
bool query_date_parse(const char *text, const char *form, int64_t *microseconds);
bool query_date_format(int64_t microseconds, const char *form, struct text *out); /* false: no such form */

#endif
