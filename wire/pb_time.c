#include "wire/pb_time.h"

#include <stdio.h>

#define DAY_SECONDS 86400

struct cursor {
    const uint8_t *at, *end;
};

static bool take(struct cursor *c, char wanted)
{
    if (c->at == c->end || *c->at != (uint8_t)wanted)
        return false;
    c->at++;
    return true;
}

/* Exactly `digits` digits, from `min` to `max`. */
static bool take_number(struct cursor *c, int digits, int min, int max, int *out)
{
    int value = 0;
    for (int i = 0; i < digits; i++, c->at++) {
        if (c->at == c->end || *c->at < '0' || *c->at > '9')
            return false;
        value = value * 10 + (*c->at - '0');
    }
    *out = value;
    return value >= min && value <= max;
}

/* Nothing, or a point and one to nine digits. */
static bool take_nanos(struct cursor *c, int32_t *nanos)
{
    *nanos = 0;
    if (!take(c, '.'))
        return true;
    int digits = 0;
    for (; c->at < c->end && *c->at >= '0' && *c->at <= '9'; c->at++, digits++) {
        if (digits == 9)
            return false;
        *nanos = *nanos * 10 + (*c->at - '0');
    }
    for (int i = digits; i < 9; i++)
        *nanos *= 10;
    return digits > 0;
}

static bool is_leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int month_days(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return month == 2 && is_leap(year) ? 29 : days[month - 1];
}

static int64_t days_from_civil(int64_t year, int month, int day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

static void civil_from_days(int64_t days, int *year, int *month, int *day)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t day_of_era = days - era * 146097;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t shifted = (5 * day_of_year + 2) / 153;
    *day = (int)(day_of_year - (153 * shifted + 2) / 5 + 1);
    *month = (int)(shifted < 10 ? shifted + 3 : shifted - 9);
    *year = (int)(year_of_era + era * 400 + (*month <= 2));
}

bool pb_timestamp_parse(struct bytes in, struct pb_time *out)
{
    struct cursor c = {in.data, in.data + in.len};
    int year, month, day, hour, minute, second, zone_hour = 0, zone_minute = 0, zone_sign = 0;
    if (!take_number(&c, 4, 1, 9999, &year) || !take(&c, '-') || !take_number(&c, 2, 1, 12, &month) || !take(&c, '-') ||
        !take_number(&c, 2, 1, month_days(year, month), &day) || !take(&c, 'T') || !take_number(&c, 2, 0, 23, &hour) ||
        !take(&c, ':') || !take_number(&c, 2, 0, 59, &minute) || !take(&c, ':') ||
        !take_number(&c, 2, 0, 59, &second) || !take_nanos(&c, &out->nanos))
        return false;
    if (!take(&c, 'Z')) {
        zone_sign = take(&c, '+') ? 1 : take(&c, '-') ? -1 : 0;
        if (zone_sign == 0 || !take_number(&c, 2, 0, 23, &zone_hour) || !take(&c, ':') ||
            !take_number(&c, 2, 0, 59, &zone_minute))
            return false;
    }
    if (c.at != c.end)
        return false;
    int of_day = hour * 3600 + minute * 60 + second, zone = zone_sign * (zone_hour * 3600 + zone_minute * 60);
    out->seconds = days_from_civil(year, month, day) * DAY_SECONDS + of_day - zone;
    return out->seconds >= PB_TIMESTAMP_MIN && out->seconds <= PB_TIMESTAMP_MAX;
}

bool pb_duration_parse(struct bytes in, struct pb_time *out)
{
    struct cursor c = {in.data, in.data + in.len};
    bool negative = take(&c, '-');
    const uint8_t *first = c.at;
    int64_t seconds = 0;
    for (; c.at < c.end && *c.at >= '0' && *c.at <= '9'; c.at++) {
        seconds = seconds * 10 + (*c.at - '0');
        if (seconds > PB_DURATION_MAX)
            return false;
    }
    int32_t nanos;
    if (c.at == first || !take_nanos(&c, &nanos) || !take(&c, 's') || c.at != c.end)
        return false;
    out->seconds = negative ? -seconds : seconds;
    out->nanos = negative ? -nanos : nanos;
    return true;
}

static int print_nanos(int32_t nanos, char *out, size_t size)
{
    if (nanos == 0)
        return 0;
    if (nanos % 1000000 == 0)
        return snprintf(out, size, ".%03d", nanos / 1000000);
    if (nanos % 1000 == 0)
        return snprintf(out, size, ".%06d", nanos / 1000);
    return snprintf(out, size, ".%09d", nanos);
}

size_t pb_timestamp_print(struct pb_time t, char out[PB_TIME_MAX])
{
    if (t.seconds < PB_TIMESTAMP_MIN || t.seconds > PB_TIMESTAMP_MAX || t.nanos < 0 || t.nanos > PB_NANOS_MAX)
        return 0;
    int64_t days = t.seconds / DAY_SECONDS, rest = t.seconds % DAY_SECONDS;
    if (rest < 0) {
        rest += DAY_SECONDS;
        days--;
    }
    int year, month, day;
    civil_from_days(days, &year, &month, &day);
    int n = snprintf(out, PB_TIME_MAX, "%04d-%02d-%02dT%02d:%02d:%02d", year, month, day, (int)(rest / 3600),
                     (int)(rest / 60 % 60), (int)(rest % 60));
    n += print_nanos(t.nanos, out + n, PB_TIME_MAX - (size_t)n);
    out[n++] = 'Z';
    out[n] = '\0';
    return (size_t)n;
}

size_t pb_duration_print(struct pb_time t, char out[PB_TIME_MAX])
{
    if (t.seconds < -PB_DURATION_MAX || t.seconds > PB_DURATION_MAX || t.nanos < -PB_NANOS_MAX ||
        t.nanos > PB_NANOS_MAX || (t.seconds > 0 && t.nanos < 0) || (t.seconds < 0 && t.nanos > 0))
        return 0;
    bool negative = t.seconds < 0 || t.nanos < 0;
    int64_t seconds = negative ? -t.seconds : t.seconds;
    int n = snprintf(out, PB_TIME_MAX, "%s%lld", negative ? "-" : "", (long long)seconds);
    n += print_nanos(negative ? -t.nanos : t.nanos, out + n, PB_TIME_MAX - (size_t)n);
    out[n++] = 's';
    out[n] = '\0';
    return (size_t)n;
}
