/* Time and durations, in Go's words: layouts are written as a certain moment would be ("2006-01-02 15:04:05"). All
 * times are UTC. Formats: Go's package time, 2026. */
#include "fakes/stub/function.h"

#include "base/units.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DURATION_EDGE 9.2e18 /* ns that a duration stays below */

/* ---- points in time ---- */

static size_t digits(struct bytes text, size_t at, size_t count, int64_t *out)
{
    *out = 0;
    for (size_t i = 0; i < count; i++) {
        if (at + i >= text.len || text.data[at + i] < '0' || text.data[at + i] > '9')
            return 0;
        *out = *out * 10 + text.data[at + i] - '0';
    }
    return at + count;
}

/* RFC 3339. */
static bool parse_time(struct bytes text, int64_t *ns)
{
    static const char marks[] = "--T::";
    static const size_t widths[] = {4, 2, 2, 2, 2, 2};
    int64_t parts[6], fraction = 0, unit = SECOND, zone_hours = 0, zone_minutes = 0;
    size_t at = 0;
    for (size_t i = 0; i < 6; i++) {
        at = digits(text, at, widths[i], &parts[i]);
        if (at == 0 || (i < 5 && (at >= text.len || (text.data[at] != marks[i] && !(i == 2 && text.data[at] == ' ')))))
            return false;
        at += i < 5;
    }
    if (at < text.len && text.data[at] == '.')
        for (at++; at < text.len && text.data[at] >= '0' && text.data[at] <= '9'; at++)
            if (unit > 1) {
                unit /= 10;
                fraction += (text.data[at] - '0') * unit;
            }
    struct tm tm = {.tm_year = (int)parts[0] - 1900,
                    .tm_mon = (int)parts[1] - 1,
                    .tm_mday = (int)parts[2],
                    .tm_hour = (int)parts[3],
                    .tm_min = (int)parts[4],
                    .tm_sec = (int)parts[5]};
    int64_t seconds = (int64_t)timegm(&tm);
    if (at < text.len && (text.data[at] == '+' || text.data[at] == '-')) {
        int sign = text.data[at] == '-' ? 1 : -1;
        at = digits(text, at + 1, 2, &zone_hours);
        at = at > 0 && at < text.len && text.data[at] == ':' ? digits(text, at + 1, 2, &zone_minutes) : 0;
        seconds += sign * (zone_hours * 3600 + zone_minutes * 60);
    } else {
        at += at < text.len && text.data[at] == 'Z';
    }
    if (at != text.len || seconds > INT64_MAX / SECOND - 1 || seconds < INT64_MIN / SECOND + 1)
        return false;
    *ns = seconds * SECOND + fraction;
    return true;
}

static bool time_of(struct asking *x, const struct made *m, int64_t *ns)
{
    if (m->kind == MADE_TEXT && parse_time(m->bytes, ns))
        return true;
    return made_fail(x, ERROR_INVALID, "a value is no time (RFC 3339)");
}

static bool since_1970(struct asking *x, const struct made *a, int64_t unit, struct made *out)
{
    int64_t ns;
    if (!time_of(x, a, &ns))
        return false;
    *out = made_integer(ns / unit - (ns % unit < 0));
    return true;
}

bool function_unix(struct asking *x, const struct made *a, size_t count, struct made *out)
{
    (void)count;
    return since_1970(x, a, SECOND, out);
}

bool function_millis(struct asking *x, const struct made *a, size_t count, struct made *out)
{
    (void)count;
    return since_1970(x, a, MILLISECOND, out);
}

bool function_nanos(struct asking *x, const struct made *a, size_t count, struct made *out)
{
    (void)count;
    return since_1970(x, a, NANOSECOND, out);
}

/* Parts of layouts, the longer before what they begin with, and what strftime() calls them. */
static const struct {
    const char *go, *c;
} layout_parts[] = {
    {"January", "%B"},
    {"Jan", "%b"},
    {"Monday", "%A"},
    {"Mon", "%a"},
    {"MST", "UTC"},
    {"2006", "%Y"},
    {"__2", NULL},
    {"002", "%j"},
    {"01", "%m"},
    {"02", "%d"},
    {"03", "%I"},
    {"04", "%M"},
    {"05", "%S"},
    {"06", "%y"},
    {"15", "%H"},
    {"_2", "%e"},
    {"PM", "%p"},
    {"pm", "%P"},
    {"-07:00:00", "+00:00:00"},
    {"-07:00", "+00:00"},
    {"-0700", "+0000"},
    {"-07", "+00"},
    {"Z07:00:00", "Z"},
    {"Z07:00", "Z"},
    {"Z0700", "Z"},
    {"Z07", "Z"},
    {"1", NULL},
    {"2", NULL},
    {"3", NULL},
    {"4", NULL},
    {"5", NULL},
};

/* ".000" and ".999": how many digits, or 0. */
static size_t fraction(const char *at, const char *end)
{
    size_t n = 0;
    if (end - at < 2 || (*at != '.' && *at != ',') || (at[1] != '0' && at[1] != '9'))
        return 0;
    while (at + 1 + n < end && at[1 + n] == at[1])
        n++;
    return at + 1 + n < end && at[1 + n] >= '0' && at[1 + n] <= '9' ? 0 : n;
}

static void put_fraction(const char *layout, size_t count, int64_t ns, struct text *out)
{
    char nine[16];
    size_t shown = count < 9 ? count : 9;
    snprintf(nine, sizeof nine, "%09d", (int)ns);
    while (layout[1] == '9' && shown > 0 && nine[shown - 1] == '0')
        shown--;
    if (shown == 0)
        return;
    text_char(out, layout[0]);
    text_add(out, nine, shown);
    for (size_t i = shown; i < count && layout[1] == '0'; i++)
        text_char(out, '0');
}

static void format_time(int64_t ns, struct bytes layout, struct text *out)
{
    int64_t rest = ns % SECOND;
    time_t seconds = (time_t)(ns / SECOND);
    struct tm tm;
    if (rest < 0) {
        rest += SECOND;
        seconds--;
    }
    gmtime_r(&seconds, &tm);
    const char *at = (const char *)layout.data, *end = at + layout.len;
    while (at < end) {
        size_t n = fraction(at, end), i = 0, parts = sizeof layout_parts / sizeof layout_parts[0], len = 0;
        char made[64];
        if (n > 0) {
            put_fraction(at, n, rest, out);
            at += 1 + n;
            continue;
        }
        for (; i < parts; i++) {
            len = strlen(layout_parts[i].go);
            if ((size_t)(end - at) >= len && memcmp(at, layout_parts[i].go, len) == 0)
                break;
        }
        if (i == parts) {
            text_char(out, *at++);
            continue;
        }
        at += len;
        if (layout_parts[i].c != NULL) {
/* One of the table's. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
            text_add(out, made, strftime(made, sizeof made, layout_parts[i].c, &tm));
#pragma GCC diagnostic pop
            continue;
        }
        if (len == 3) {
            text_printf(out, "%3d", tm.tm_yday + 1);
            continue;
        }
        int hour = tm.tm_hour % 12;
        const int values[] = {tm.tm_mon + 1, tm.tm_mday, hour == 0 ? 12 : hour, tm.tm_min, tm.tm_sec};
        text_printf(out, "%d", values[layout_parts[i].go[0] - '1']);
    }
}

/* The time and the layout, in either order. */
bool function_format(struct asking *x, const struct made *a, size_t count, struct made *out)
{
    struct text made = TEXT_INIT;
    struct bytes layout;
    int64_t ns;
    (void)count;
    bool first = a[0].kind == MADE_TEXT && parse_time(a[0].bytes, &ns);
    if ((!first && !time_of(x, &a[1], &ns)) || !function_text(x, &a[first ? 1 : 0], &layout))
        return false;
    format_time(ns, layout, &made);
    return function_give(x, &made, out);
}

/* ---- durations ---- */

static const struct {
    const char *name;
    int64_t ns;
} duration_units[] = {{"ns", NANOSECOND},
                      {"us", MICROSECOND},
                      {"\xC2\xB5s", MICROSECOND},
                      {"\xCE\xBCs", MICROSECOND},
                      {"ms", MILLISECOND},
                      {"s", SECOND},
                      {"m", MINUTE},
                      {"h", HOUR}};

static int64_t unit_of(struct bytes name)
{
    for (size_t i = 0; i < sizeof duration_units / sizeof duration_units[0]; i++)
        if (bytes_is(name, duration_units[i].name))
            return duration_units[i].ns;
    return 0;
}

bool function_parse_duration(struct bytes text, int64_t *ns)
{
    size_t at = 0;
    double sum = 0;
    bool negative = false;
    if (at < text.len && (text.data[at] == '-' || text.data[at] == '+'))
        negative = text.data[at++] == '-';
    *ns = 0;
    if (text.len - at == 1 && text.data[at] == '0')
        return true;
    if (at == text.len)
        return false;
    while (at < text.len) {
        char number[40];
        size_t n = 0, from;
        while (at < text.len && n + 1 < sizeof number &&
               ((text.data[at] >= '0' && text.data[at] <= '9') || text.data[at] == '.'))
            number[n++] = (char)text.data[at++];
        number[n] = '\0';
        char *end;
        double v = strtod(number, &end);
        for (from = at; at < text.len && text.data[at] != '.' && (text.data[at] < '0' || text.data[at] > '9'); at++)
            continue;
        int64_t unit = unit_of(BYTES(text.data + from, at - from));
        if (n == 0 || *end != '\0' || unit == 0)
            return false;
        sum += v * (double)unit;
    }
    if (sum >= DURATION_EDGE)
        return false;
    *ns = (int64_t)(negative ? -sum : sum);
    return true;
}

/* Of a number of `unit`s, as a decimal fraction without zeros at its end. */
static void put_units(uint64_t ns, uint64_t unit, const char *name, struct text *out)
{
    char rest[24];
    uint64_t left = ns % unit;
    text_printf(out, "%llu", (unsigned long long)(ns / unit));
    if (left > 0) {
        int width = unit == (uint64_t)SECOND ? 9 : unit == (uint64_t)MILLISECOND ? 6 : 3;
        size_t len = (size_t)snprintf(rest, sizeof rest, ".%0*llu", width, (unsigned long long)left);
        while (rest[len - 1] == '0')
            len--;
        text_add(out, rest, len);
    }
    text_puts(out, name);
}

static bool give_duration(struct asking *x, double ns, struct made *out)
{
    struct text made = TEXT_INIT;
    uint64_t left = ns < 0 ? (uint64_t)fmin(-ns, DURATION_EDGE) : (uint64_t)fmin(ns, DURATION_EDGE);
    if (!(ns >= 0 || ns < 0))
        left = 0;
    if (left == 0) {
        text_puts(&made, "0s");
        return function_give(x, &made, out);
    }
    text_puts(&made, ns < 0 ? "-" : "");
    if (left < (uint64_t)MICROSECOND) {
        put_units(left, NANOSECOND, "ns", &made);
    } else if (left < (uint64_t)MILLISECOND) {
        put_units(left, MICROSECOND, "\xC2\xB5s", &made);
    } else if (left < (uint64_t)SECOND) {
        put_units(left, MILLISECOND, "ms", &made);
    } else {
        if (left >= (uint64_t)HOUR)
            text_printf(&made, "%lluh", (unsigned long long)(left / HOUR));
        if (left >= (uint64_t)MINUTE)
            text_printf(&made, "%llum", (unsigned long long)(left / MINUTE % 60));
        put_units(left % MINUTE, SECOND, "s", &made);
    }
    return function_give(x, &made, out);
}

/* A number and its unit, ms when nothing is said. */
bool function_duration(struct asking *x, const struct made *a, size_t count, struct made *out)
{
    double v;
    struct bytes name = bytes_of("ms");
    if (count > 1 && !function_text(x, &a[1], &name))
        return false;
    if (!made_number(x, a, &v))
        v = 0;
    return give_duration(x, trunc(v * (double)unit_of(name)), out);
}

/* A duration's text, or a number of milliseconds. */
static bool duration_of(struct asking *x, const struct made *m, double *ns)
{
    int64_t whole;
    double v;
    if (m->kind == MADE_TEXT && function_parse_duration(m->bytes, &whole)) {
        *ns = (double)whole;
        return true;
    }
    if (m->kind == MADE_TEXT || !made_number(x, m, &v))
        return false;
    *ns = trunc(v) * (double)MILLISECOND;
    return true;
}

bool function_regressive(struct asking *x, const struct made *a, size_t count, struct made *out)
{
    double n, from, step;
    (void)count;
    if (!made_number(x, &a[0], &n) || !duration_of(x, &a[1], &from) || !duration_of(x, &a[2], &step))
        return give_duration(x, 0, out);
    return give_duration(x, fmax(0, from - trunc(fmax(0, n - 1)) * step), out);
}

bool function_backoff(struct asking *x, const struct made *a, size_t count, struct made *out)
{
    double n, first, most = DURATION_EDGE;
    if (!made_number(x, &a[0], &n) || !duration_of(x, &a[1], &first) || (count > 2 && !duration_of(x, &a[2], &most)))
        return give_duration(x, 0, out);
    return give_duration(x, trunc(fmin(first * pow(2, fmax(0, n - 1)), most)), out);
}

bool function_jitter(struct asking *x, const struct made *a, size_t count, struct made *out)
{
    double low, high;
    (void)count;
    if (!duration_of(x, &a[0], &low) || !duration_of(x, &a[1], &high) || high < low)
        return give_duration(x, 0, out);
    return give_duration(x, trunc(low + (high - low) * (high > low ? random_unit(asking_random(x)) : 0)), out);
}
