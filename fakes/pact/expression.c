/* Moves in time: "tomorrow + 2 weeks @ 3 o'clock pm". Words as in the reference implementation; what it computes
 * wrongly at twelve ("12 o'clock am") is midnight here, "12 o'clock pm" noon. */
#include "fakes/pact/datetime.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#define DAY_NANOS   INT64_C(86400000000000)
#define HOUR_NANOS  INT64_C(3600000000000)
#define AMOUNT_MAX  1000000
#define WORD_LETTER "abcdefghijklmnopqrstuvwxyz"

static const char *const MONTHS[] = {"jan", "feb", "mar", "apr", "may", "jun",
                                     "jul", "aug", "sep", "oct", "nov", "dec"};
static const char *const DAYS[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};

struct cursor {
    const char *all, *at, *end;
    struct moment *m;
    struct error *err;
};

static int fail(struct cursor *c, const char *expected)
{
    return error_set(c->err, ERROR_INVALID, "the expression '%s' has no %s at byte %zu", c->all, expected,
                     (size_t)(c->at - c->all) + 1);
}

static void skip(struct cursor *c)
{
    while (c->at < c->end && (*c->at == ' ' || *c->at == '\t' || *c->at == '\n'))
        c->at++;
}

static size_t word(struct cursor *c)
{
    skip(c);
    size_t len = 0;
    while (c->at + len < c->end && strchr(WORD_LETTER, c->at[len]) != NULL)
        len++;
    return len;
}

static bool take(struct cursor *c, const char *w)
{
    size_t len = word(c);
    if (len != strlen(w) || strncmp(c->at, w, len) != 0)
        return false;
    c->at += len;
    return true;
}

/* "day" or "days". */
static bool take_unit(struct cursor *c, const char *w)
{
    size_t len = word(c), n = strlen(w);
    if (strncmp(c->at, w, n) != 0 || !(len == n || (len == n + 1 && c->at[n] == 's')))
        return false;
    c->at += len;
    return true;
}

/* "mon", "monday", "tues": a name's beginning of at least three letters. */
static bool take_name(struct cursor *c, const char *const *names, int count, int *which)
{
    static const char *const REST[] = {"day",  "sday",   "nesday", "rsday", "day",  "urday", "day",
                                       "uary", "ruary",  "ch",     "il",    "",     "e",     "y",
                                       "ust",  "tember", "ober",   "ember", "ember"};
    size_t len = word(c);
    for (int i = 0; len >= 3 && i < count; i++) {
        const char *rest = REST[count == 7 ? i : i + 7];
        if (strncmp(c->at, names[i], 3) == 0 && len - 3 <= strlen(rest) && strncmp(c->at + 3, rest, len - 3) == 0) {
            c->at += len;
            *which = i;
            return true;
        }
    }
    return false;
}

static bool take_char(struct cursor *c, char x)
{
    skip(c);
    if (c->at == c->end || *c->at != x)
        return false;
    c->at++;
    return true;
}

static bool take_amount(struct cursor *c, int64_t *n)
{
    skip(c);
    const char *start = c->at;
    for (*n = 0; c->at < c->end && *c->at >= '0' && *c->at <= '9'; c->at++)
        if (*n <= AMOUNT_MAX)
            *n = *n * 10 + (*c->at - '0');
    return c->at > start && *n <= AMOUNT_MAX;
}

static void add_months(struct moment *m, int64_t months)
{
    int64_t year;
    unsigned month, day;
    moment_date(m->day, &year, &month, &day);
    int64_t all = year * 12 + (int64_t)month - 1 + months;
    year = (all >= 0 ? all : all - 11) / 12;
    month = (unsigned)(all - year * 12) + 1;
    unsigned most = moment_month_length(year, month);
    m->day = moment_days(year, month, day < most ? day : most);
}

/* A unit of dates, or a name of a day or month: the next (or last) such. */
static int move_date(struct cursor *c, int64_t n, bool named)
{
    int which;
    if (take_unit(c, "day"))
        c->m->day += n;
    else if (take_unit(c, "week"))
        c->m->day += 7 * n;
    else if (take_unit(c, "fortnight"))
        c->m->day += 14 * n;
    else if (take_unit(c, "month"))
        add_months(c->m, n);
    else if (take_unit(c, "year"))
        add_months(c->m, 12 * n);
    else if (named && take_name(c, DAYS, 7, &which)) {
        int64_t weekday = ((c->m->day + 3) % 7 + 7) % 7, distance = n > 0 ? which - weekday : weekday - which;
        c->m->day += n * (distance > 0 ? distance : distance + 7);
    } else if (named && take_name(c, MONTHS, 12, &which)) {
        int64_t year;
        unsigned month, day;
        moment_date(c->m->day, &year, &month, &day);
        int64_t distance = n > 0 ? which + 1 - (int64_t)month : (int64_t)month - which - 1;
        add_months(c->m, n * (distance > 0 ? distance : distance + 12));
    } else {
        return fail(c, named ? "day, week, fortnight, month, year, or name of a day or month"
                             : "day, week, fortnight, month or year");
    }
    return 0;
}

static int move_time(struct cursor *c, int64_t n, bool named)
{
    (void)named;
    int64_t unit = take_unit(c, "hour")          ? HOUR_NANOS
                   : take_unit(c, "minute")      ? HOUR_NANOS / 60
                   : take_unit(c, "second")      ? HOUR_NANOS / 3600
                   : take_unit(c, "millisecond") ? 1000000
                                                 : 0;
    if (unit == 0)
        return fail(c, "hour, minute, second or millisecond");
    /* The largest amount is 1,000,000 hours: 3.6e18 ns. */
    int64_t nanos = c->m->nanos + n % (DAY_NANOS / unit) * unit, days = n / (DAY_NANOS / unit);
    days += nanos / DAY_NANOS;
    nanos %= DAY_NANOS;
    c->m->day += days - (nanos < 0);
    c->m->nanos = nanos + (nanos < 0 ? DAY_NANOS : 0);
    return 0;
}

static int moves(struct cursor *c, int (*move)(struct cursor *, int64_t, bool))
{
    bool next = take(c, "next");
    int rc = next || take(c, "last") ? move(c, next ? 1 : -1, true) : 0;
    for (skip(c); rc == 0 && c->at < c->end; skip(c)) {
        int64_t n, sign = take_char(c, '+') ? 1 : take_char(c, '-') ? -1 : 0;
        if (sign == 0)
            return fail(c, "+ or -");
        if (!take_amount(c, &n))
            return fail(c, "amount up to 1000000");
        rc = move(c, sign * n, false);
    }
    return rc;
}

static int date_part(struct cursor *c)
{
    if (take(c, "yesterday"))
        c->m->day--;
    else if (take(c, "tomorrow"))
        c->m->day++;
    else if (!take(c, "now"))
        (void)take(c, "today");
    return moves(c, move_date);
}

static int time_part(struct cursor *c)
{
    int64_t hour;
    skip(c);
    if (take(c, "midnight")) {
        c->m->nanos = 0;
    } else if (take(c, "noon")) {
        c->m->nanos = 12 * HOUR_NANOS;
    } else if (c->at < c->end && *c->at >= '0' && *c->at <= '9') {
        if (!take_amount(c, &hour) || hour < 1 || hour > 12)
            return fail(c, "hour from 1 to 12");
        if (!take(c, "o") || !take_char(c, '\'') || !take(c, "clock"))
            return fail(c, "o'clock");
        bool am = take(c, "am");
        bool pm = !am && (take(c, "pm") || c->m->nanos < 12 * HOUR_NANOS);
        c->m->nanos = (hour % 12 + (pm ? 12 : 0)) * HOUR_NANOS;
    } else {
        (void)take(c, "now");
    }
    return moves(c, move_time);
}

int datetime_move(const char *expression, bool date, bool time, struct moment *m, struct error *err)
{
    const char *end = expression + strlen(expression);
    const char *split = date && time ? strchr(expression, '@') : NULL;
    struct cursor c = {.all = expression, .at = expression, .end = split != NULL ? split : end, .m = m, .err = err};
    int rc = 0;
    if (date)
        rc = date_part(&c);
    if (rc == 0 && (split != NULL || !date)) {
        c.at = split != NULL ? split + 1 : expression;
        c.end = end;
        rc = time_part(&c);
    }
    return rc;
}
