#include "base/units.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define FRACTION_DIGITS_MAX 9
#define QUOTE_MAX           40 /* bytes of a bad value shown in its error */

/* value * 10^FRACTION_DIGITS_MAX * the largest unit must fit; 64 bits do not hold that. */
__extension__ typedef unsigned __int128 wide;

struct unit {
    const char *name;
    uint64_t value;
};

static const struct unit duration_units[] = {
    {"ns", (uint64_t)NANOSECOND}, {"us", (uint64_t)MICROSECOND}, {"ms", (uint64_t)MILLISECOND}, {"s", (uint64_t)SECOND},
    {"m", (uint64_t)MINUTE},      {"h", (uint64_t)HOUR},         {"d", 24 * (uint64_t)HOUR},    {NULL, 0},
};

static const struct unit size_units[] = {
    {"", 1},
    {"B", 1},
    {"kB", 1000},
    {"KB", 1000},
    {"MB", UINT64_C(1000000)},
    {"GB", UINT64_C(1000000000)},
    {"TB", UINT64_C(1000000000000)},
    {"KiB", UINT64_C(1) << 10},
    {"MiB", UINT64_C(1) << 20},
    {"GiB", UINT64_C(1) << 30},
    {"TiB", UINT64_C(1) << 40},
    {NULL, 0},
};

static int refuse(struct error *err, int code, const char *text, const char *why)
{
    if (!err)
        return code;
    struct text quoted = TEXT_INIT;
    text_printable(&quoted, text, strlen(text), QUOTE_MAX);
    (void)error_set(err, code, "\"%s\": %s", text_string(&quoted), why);
    text_deinit(&quoted);
    return code;
}

static int refuse_at(struct error *err, const char *text, const char *at, const char *expected)
{
    char why[160];
    if (*at)
        (void)snprintf(why, sizeof why, "expected %s at character %zu", expected, (size_t)(at - text) + 1);
    else
        (void)snprintf(why, sizeof why, "expected %s at its end", expected);
    return refuse(err, ERROR_SYNTAX, text, why);
}

struct number {
    uint64_t whole;
    uint64_t fraction; /* over `scale` */
    uint64_t scale;    /* a power of ten */
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* digits [ "." digits ]. Moves *at behind it; NULL error text means success. */
static int parse_number(const char *text, const char **at, struct number *out, struct error *err)
{
    const char *p = *at;
    *out = (struct number){.scale = 1};
    if (!is_digit(*p))
        return refuse_at(err, text, p, "a number");
    for (; is_digit(*p); p++) {
        uint64_t digit = (uint64_t)(*p - '0');
        if (out->whole > (UINT64_MAX - digit) / 10)
            return refuse(err, ERROR_LIMIT, text, "number too large");
        out->whole = out->whole * 10 + digit;
    }
    if (*p == '.') {
        p++;
        if (!is_digit(*p))
            return refuse_at(err, text, p, "a digit");
        int digits = 0;
        for (; is_digit(*p); p++) {
            if (++digits > FRACTION_DIGITS_MAX)
                return refuse(err, ERROR_LIMIT, text, "more than 9 digits behind the point");
            out->fraction = out->fraction * 10 + (uint64_t)(*p - '0');
            out->scale *= 10;
        }
    }
    *at = p;
    return 0;
}

static const struct unit *parse_unit(const char **at, const struct unit *units)
{
    size_t len = 0;
    while (((*at)[len] >= 'a' && (*at)[len] <= 'z') || ((*at)[len] >= 'A' && (*at)[len] <= 'Z'))
        len++;
    for (const struct unit *u = units; u->name; u++) {
        if (strlen(u->name) == len && strncmp(u->name, *at, len) == 0) {
            *at += len;
            return u;
        }
    }
    return NULL;
}

static wide in_units(const struct number *n, const struct unit *u)
{
    return (wide)n->whole * u->value + (wide)n->fraction * u->value / n->scale;
}

int units_parse_duration(const char *text, int64_t *nanoseconds, struct error *err)
{
    const char *at = text;
    wide total = 0;
    uint64_t last = UINT64_MAX;
    if (strcmp(text, "0") == 0) {
        *nanoseconds = 0;
        return 0;
    }
    do {
        struct number n;
        int code = parse_number(text, &at, &n, err);
        if (code)
            return code;
        const char *unit_at = at;
        const struct unit *u = parse_unit(&at, duration_units);
        if (!u)
            return refuse_at(err, text, unit_at, "a unit (ns, us, ms, s, m, h or d)");
        if (u->value >= last)
            return refuse_at(err, text, unit_at, "a smaller unit than the one before");
        last = u->value;
        total += in_units(&n, u);
        if (total > INT64_MAX)
            return refuse(err, ERROR_LIMIT, text, "longer than 292 years");
    } while (*at);
    *nanoseconds = (int64_t)total;
    return 0;
}

int units_parse_size(const char *text, uint64_t *bytes, struct error *err)
{
    const char *at = text;
    struct number n;
    int code = parse_number(text, &at, &n, err);
    if (code)
        return code;
    const char *unit_at = at;
    const struct unit *u = parse_unit(&at, size_units);
    if (!u || *at)
        return refuse_at(err, text, u ? at : unit_at, "a unit (B, kB, MB, GB, TB, KiB, MiB, GiB or TiB)");
    if (u->value == 1 && n.scale > 1)
        return refuse(err, ERROR_INVALID, text, "a byte has no parts");
    wide total = in_units(&n, u);
    if (total > UINT64_MAX)
        return refuse(err, ERROR_LIMIT, text, "size too large");
    *bytes = (uint64_t)total;
    return 0;
}

int units_parse_integer(const char *text, int64_t min, int64_t max, int64_t *out, struct error *err)
{
    const char *at = text;
    bool negative = *at == '-';
    bool large = false;
    uint64_t value = 0;
    if (*at == '-' || *at == '+')
        at++;
    if (!is_digit(*at))
        return refuse_at(err, text, at, "an integer");
    uint64_t most = negative ? (uint64_t)INT64_MAX + 1 : (uint64_t)INT64_MAX;
    for (; is_digit(*at); at++) {
        uint64_t digit = (uint64_t)(*at - '0');
        if (value > (most - digit) / 10)
            large = true;
        else
            value = value * 10 + digit;
    }
    if (*at)
        return refuse_at(err, text, at, "a digit");
    int64_t result = 0;
    if (!large)
        result = negative ? (value ? -(int64_t)(value - 1) - 1 : 0) : (int64_t)value;
    if (large || result < min || result > max) {
        char why[80];
        (void)snprintf(why, sizeof why, "expected an integer from %lld to %lld", (long long)min, (long long)max);
        return refuse(err, ERROR_LIMIT, text, why);
    }
    *out = result;
    return 0;
}

/* Up to three significant digits, no zeros at the end: 1.25, 12.5, 340. False when rounding reached 1000. */
static bool format_short(uint64_t value, uint64_t unit, char *out, size_t size)
{
    for (uint64_t part = 100;; part /= 10) {
        uint64_t scaled = (uint64_t)(((wide)value * part + unit / 2) / unit);
        if (scaled >= 1000 && part > 1)
            continue; /* too many digits: one less behind the point */
        if (scaled >= 1000)
            return false;
        uint64_t whole = scaled / part, rest = scaled % part;
        if (rest == 0)
            (void)snprintf(out, size, "%llu", (unsigned long long)whole);
        else if (part == 10 || rest % 10 == 0)
            (void)snprintf(out, size, "%llu.%llu", (unsigned long long)whole,
                           (unsigned long long)(part == 10 ? rest : rest / 10));
        else
            (void)snprintf(out, size, "%llu.%02llu", (unsigned long long)whole, (unsigned long long)rest);
        return true;
    }
}

void units_format_duration(int64_t nanoseconds, char *out, size_t size)
{
    const char *sign = nanoseconds < 0 ? "-" : "";
    uint64_t n = nanoseconds < 0 ? (uint64_t) - (nanoseconds + 1) + 1 : (uint64_t)nanoseconds;
    char number[24];
    if (n < 60 * (uint64_t)SECOND) {
        for (size_t i = 0; i < 4; i++) {
            const struct unit *u = &duration_units[i];
            bool last = i == 3;
            if ((last || n < 1000 * u->value) && format_short(n, u->value, number, sizeof number)) {
                (void)snprintf(out, size, "%s%s %s", sign, number, u->name);
                return;
            }
        }
    }
    uint64_t seconds = n / (uint64_t)SECOND + (n % (uint64_t)SECOND >= (uint64_t)SECOND / 2);
    uint64_t minutes = seconds / 60, hours = minutes / 60, days = hours / 24;
    if (days > 0)
        (void)snprintf(out, size, "%s%llud %lluh", sign, (unsigned long long)days, (unsigned long long)(hours % 24));
    else if (hours > 0)
        (void)snprintf(out, size, "%s%lluh %llum", sign, (unsigned long long)hours, (unsigned long long)(minutes % 60));
    else
        (void)snprintf(out, size, "%s%llum %llus", sign, (unsigned long long)minutes,
                       (unsigned long long)(seconds % 60));
}

void units_format_size(uint64_t bytes, char *out, size_t size)
{
    static const char *const names[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    if (bytes < 1024) {
        (void)snprintf(out, size, "%llu B", (unsigned long long)bytes);
        return;
    }
    for (size_t i = 0; i < 6; i++) {
        uint64_t unit = UINT64_C(1) << (10 * (i + 1));
        uint64_t tenths = (uint64_t)(((wide)bytes * 10 + unit / 2) / unit);
        if (tenths < 10240 || i == 5) {
            (void)snprintf(out, size, "%llu.%llu %s", (unsigned long long)(tenths / 10),
                           (unsigned long long)(tenths % 10), names[i]);
            return;
        }
    }
}

void units_format_time(int64_t wall_nanoseconds, char *out, size_t size)
{
    int64_t seconds = wall_nanoseconds / SECOND, rest = wall_nanoseconds % SECOND;
    if (rest < 0) {
        seconds--;
        rest += SECOND;
    }
    time_t when = (time_t)seconds;
    struct tm utc = {0};
    (void)gmtime_r(&when, &utc); /* 64 bits of nanoseconds reach from 1677 to 2262: it cannot fail */
    (void)snprintf(out, size, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday,
                   utc.tm_hour, utc.tm_min, utc.tm_sec, (int)(rest / MILLISECOND));
}
