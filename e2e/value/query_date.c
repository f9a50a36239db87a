#include "e2e/value/query_date.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* "%.3f", "%6f", "%f": behind the percent sign. The length, 0 when it is none. */
static size_t fraction(const char *p, bool *dot, int *digits)
{
    const char *start = p;
    *dot = *p == '.';
    p += *dot;
    *digits = 0;
    if (isdigit((unsigned char)*p))
        *digits = *p++ - '0';
    return *p == 'f' ? (size_t)(p + 1 - start) : 0;
}

static bool read_fraction(const char **text, bool dot, int64_t *microseconds)
{
    const char *p = *text;
    int64_t value = 0;
    int digits = 0;
    if (dot && *p != '.')
        return true; /* chrono's %.f may stand for nothing */
    p += dot;
    for (; isdigit((unsigned char)*p); p++, digits++)
        value = digits < 6 ? value * 10 + (*p - '0') : value;
    if (digits == 0)
        return false;
    for (; digits < 6; digits++)
        value *= 10;
    *microseconds = value;
    *text = p;
    return true;
}

static bool read_zone(const char **text, int64_t *seconds)
{
    const char *p = *text;
    if (*p == 'Z' || *p == 'z') {
        *seconds = 0;
        *text = p + 1;
        return true;
    }
    int sign = *p == '-' ? -1 : 1;
    if (*p != '+' && *p != '-')
        return false;
    p++;
    if (!isdigit((unsigned char)p[0]) || !isdigit((unsigned char)p[1]))
        return false;
    int hours = (p[0] - '0') * 10 + p[1] - '0';
    p += 2;
    p += *p == ':';
    if (!isdigit((unsigned char)p[0]) || !isdigit((unsigned char)p[1]))
        return false;
    *seconds = sign * (hours * 3600 + ((p[0] - '0') * 10 + p[1] - '0') * 60);
    *text = p + 2;
    return true;
}

bool query_date_parse(const char *text, const char *form, int64_t *microseconds)
{
    struct tm tm = {.tm_mday = 0};
    int64_t part = 0, zone = 0;
    bool ok = true, dot, clock = false;
    int digits;
    if (strcmp(form, "%+") == 0)
        form = "%Y-%m-%dT%H:%M:%S%.f%z";
    while (ok && *form != '\0') {
        size_t len;
        if (*form != '%') {
            ok = *text++ == *form++;
        } else if ((len = fraction(form + 1, &dot, &digits)) > 0) {
            ok = read_fraction(&text, dot, &part);
            form += 1 + len;
        } else if (form[1] == 'z' || (form[1] == ':' && form[2] == 'z')) {
            ok = read_zone(&text, &zone);
            form += form[1] == ':' ? 3 : 2;
        } else if (form[1] == 'Z') {
            while (isalpha((unsigned char)*text))
                text++;
            form += 2;
        } else if (form[1] != '\0') {
            char one[3] = {'%', form[1], '\0'};
            const char *rest = strptime(text, one, &tm);
            clock = clock || strchr("HIlkTRrXcs", form[1]) != NULL;
            ok = rest != NULL;
            text = ok ? rest : text;
            form += 2;
        } else {
            ok = false;
        }
    }
    if (!ok || *text != '\0' || tm.tm_mday == 0 || !clock)
        return false;
    *microseconds = ((int64_t)timegm(&tm) - zone) * 1000000 + part;
    return true;
}

bool query_date_format(int64_t microseconds, const char *form, struct text *out)
{
    static const char *const known = "AaBbCcDdeFGgHhIjklMmnpRrSsTtUuVvWwXxYy%";
    time_t seconds = (time_t)(microseconds / 1000000 - (microseconds % 1000000 < 0));
    int part = (int)(microseconds - (int64_t)seconds * 1000000);
    struct tm tm;
    char piece[128];
    bool dot;
    int digits;
    if (gmtime_r(&seconds, &tm) == NULL)
        return false;
    while (*form != '\0') {
        size_t len = 0;
        if (*form != '%') {
            text_char(out, *form++);
            continue;
        }
        form++;
        if ((len = fraction(form, &dot, &digits)) > 0) {
            snprintf(piece, sizeof piece, "%06d000", part);
            int wanted = digits > 0 ? digits : !dot ? 9 : part == 0 ? 0 : part % 1000 == 0 ? 3 : 6;
            if (wanted > 0) /* "%.f" has as many digits as there are to tell */
                text_printf(out, "%s%.*s", dot ? "." : "", wanted, piece);
        } else if (*form == 'z' || *form == 'Z' || *form == '+') {
            len = 1;
            if (*form == '+')
                (void)query_date_format(microseconds, "%Y-%m-%dT%H:%M:%S%.f+00:00", out);
            else
                text_puts(out, *form == 'z' ? "+0000" : "UTC");
        } else if (form[0] == ':' && form[1] == 'z') {
            len = 2;
            text_puts(out, "+00:00");
        } else {
            size_t skip = (*form == '-' || *form == '_' || *form == '0') && form[1] != '\0';
            if (form[skip] == '\0' || strchr(known, form[skip]) == NULL)
                return false;
            char one[4] = "%";
            memcpy(one + 1, form, skip + 1);
            /* the form is one of `known`; compilers want to see it written here */
            size_t (*const write)(char *, size_t, const char *, const struct tm *) = strftime;
            if (write(piece, sizeof piece, one, &tm) > 0)
                text_puts(out, piece);
            len = skip + 1;
        }
        form += len;
    }
    return true;
}
