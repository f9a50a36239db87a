/* Dates and times by patterns of Java's DateTimeFormatter ("yyyy-MM-dd'T'HH:mm:ssXXX"), which Pact's date, time and
 * datetime matchers and generators use: the letters G u y Y D M L d Q q w W F E e c a h K k H m s S A n N V z O X x Z
 * and quoted text, padding (ppH), and optional parts in brackets, which may nest.
 *
 * Where SimpleDateFormat and DateTimeFormatter differ the looser is taken: a fraction "SSS" may have fewer digits, "Z"
 * takes +0100, +01:00 and Z. A day that no calendar has is refused when year, month and day are there. Names of zones
 * are looked at for their form only. Private to fakes/pact. */
#ifndef FAKES_PACT_DATETIME_H
#define FAKES_PACT_DATETIME_H

#include "base/bytes.h"
#include "base/error.h"
#include "base/text.h"

/* UTC. */
struct moment {
    int64_t day;   /* since 1970-01-01 */
    int64_t nanos; /* of the day */
};

struct moment moment_of(uint64_t nanoseconds);
int64_t moment_days(int64_t year, unsigned month, unsigned day);
void moment_date(int64_t days, int64_t *year, unsigned *month, unsigned *day);
unsigned moment_month_length(int64_t year, unsigned month);

/* NULL: the pattern is one; else what is wrong with it, and *at where. */
const char *datetime_bad(const char *pattern, size_t *at);
/* NULL: the whole text is of the pattern (which must be one); else why not. */
const char *datetime_unfit(const char *pattern, struct bytes text);
void datetime_print(const char *pattern, struct moment m, struct text *out);

/* "next monday + 2 weeks @ noon - 1 hour": the reference implementation's language. `date` and `time` say which of the
 * two parts the expression is (both: parted by @). */
int datetime_move(const char *expression, bool date, bool time, struct moment *m, struct error *err);

#endif
