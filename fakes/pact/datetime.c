#include "fakes/pact/datetime_pattern.h"

#include <stdio.h>
#include <string.h>

#define DAY_NANOS  INT64_C(86400000000000)
#define HOUR_NANOS INT64_C(3600000000000)
#define PAD_MAX    32 /* characters */

struct moment moment_of(uint64_t nanoseconds)
{
    return (struct moment){(int64_t)(nanoseconds / (uint64_t)DAY_NANOS), (int64_t)(nanoseconds % (uint64_t)DAY_NANOS)};
}

/* H. Hinnant, "chrono-Compatible Low-Level Date Algorithms". */
int64_t moment_days(int64_t year, unsigned month, unsigned day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t in_era = year - era * 400;
    int64_t in_year = (153 * (int64_t)(month > 2 ? month - 3 : month + 9) + 2) / 5 + (int64_t)day - 1;
    return era * 146097 + in_era * 365 + in_era / 4 - in_era / 100 + in_year - 719468;
}

void moment_date(int64_t days, int64_t *year, unsigned *month, unsigned *day)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t in_era = days - era * 146097;
    int64_t y = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
    int64_t in_year = in_era - (365 * y + y / 4 - y / 100);
    int64_t m = (5 * in_year + 2) / 153;
    *day = (unsigned)(in_year - (153 * m + 2) / 5 + 1);
    *month = (unsigned)(m < 10 ? m + 3 : m - 9);
    *year = y + era * 400 + (*month <= 2);
}

unsigned moment_month_length(int64_t year, unsigned month)
{
    return (unsigned)(moment_days(month == 12 ? year + 1 : year, month == 12 ? 1 : month + 1, 1) -
                      moment_days(year, month, 1));
}

const char *const DATE_MONTHS[] = {"January", "February", "March",     "April",   "May",      "June",
                                   "July",    "August",   "September", "October", "November", "December"};
const char *const DATE_DAYS[] = {"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"};
const char *const DATE_QUARTERS[] = {"1st quarter", "2nd quarter", "3rd quarter", "4th quarter"};
const char *const DATE_ERAS[] = {"Before Christ", "Anno Domini"};

/* ---- patterns ---------------------------------------------------------------------------------------------------- */

bool pattern_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* How often a letter may stand in a row; 0: no such letter. */
static unsigned most(char letter)
{
    switch (letter) {
    case 'u':
    case 'y':
    case 'Y':
    case 'S':
    case 'A':
    case 'n':
    case 'N':
        return 9;
    case 'G':
    case 'M':
    case 'L':
    case 'Q':
    case 'q':
    case 'E':
    case 'e':
    case 'c':
    case 'X':
    case 'x':
    case 'Z':
        return 5;
    case 'z':
    case 'O':
        return 4;
    case 'D':
        return 3;
    case 'd':
    case 'w':
    case 'h':
    case 'K':
    case 'k':
    case 'H':
    case 'm':
    case 's':
    case 'V':
        return 2;
    case 'W':
    case 'F':
    case 'a':
        return 1;
    default:
        return 0;
    }
}

/* Letters in a row, and the padding in front of them. */
static bool next_letters(struct pattern *p, struct piece *out)
{
    for (; *p->at == 'p'; p->at++)
        out->pad++;
    if (out->pad > 0 && !pattern_letter(*p->at)) {
        p->why = "padding (p) needs a letter behind it";
        return false;
    }
    out->letter = *p->at;
    for (; *p->at == out->letter; p->at++)
        out->count++;
    if (most(out->letter) == 0)
        p->why = "no such letter: put text in single quotes";
    else if (out->count > most(out->letter))
        p->why = "the letter stands here too often";
    else if (out->pad > PAD_MAX)
        p->why = "the padding is too wide";
    return p->why == NULL;
}

static bool bracket(struct pattern *p, struct piece *out)
{
    out->letter = *p->at;
    p->depth += out->letter == '[' ? 1 : -1;
    if (p->depth < 0)
        p->why = "a ] without its [";
    else if (p->depth > PATTERN_DEPTH_MAX)
        p->why = "optional parts nest too deep";
    else
        p->at++;
    return p->why == NULL;
}

bool pattern_next(struct pattern *p, struct piece *out)
{
    *out = (struct piece){0};
    while (p->at[0] == '\'' && p->at[1] != '\'') {
        p->quoted = !p->quoted;
        p->at++;
    }
    char c = *p->at;
    if (c == '\0') {
        p->why = p->quoted ? "the quote has no end" : NULL;
        return false;
    }
    if (!p->quoted && c != '\'' && strchr("[]", c) != NULL)
        return bracket(p, out);
    if (!p->quoted && pattern_letter(c))
        return next_letters(p, out);
    if (!p->quoted && strchr("{}#", c) != NULL) {
        p->why = "a reserved character: put it in single quotes";
        return false;
    }
    *out = (struct piece){.text = p->at, .len = 1};
    p->at += c == '\'' ? 2 : 1;
    return true;
}

const char *datetime_bad(const char *pattern, size_t *at)
{
    struct pattern p = {.at = pattern};
    struct piece piece;
    while (pattern_next(&p, &piece))
        ;
    *at = (size_t)(p.at - pattern);
    return p.why;
}

/* ---- printing -----------------------------------------------------------------------------------------------------
 */

/* ISO 8601: a week belongs to the year its Thursday is in. */
static int64_t week_year(int64_t day, unsigned *week)
{
    int64_t weekday = ((day + 3) % 7 + 7) % 7, year;
    unsigned month, in_month;
    moment_date(day - weekday + 3, &year, &month, &in_month);
    *week = (unsigned)((day - weekday + 3 - moment_days(year, 1, 1)) / 7 + 1);
    return year;
}

static void print_name(struct text *out, unsigned count, const char *name)
{
    text_printf(out, "%.*s", count == 4 ? 32 : count == 5 ? 1 : 3, name);
}

static void print_year(struct text *out, unsigned count, int64_t year)
{
    if (count == 2)
        text_printf(out, "%02d", (int)(((year % 100) + 100) % 100));
    else
        text_printf(out, "%0*lld", (int)count, (long long)year);
}

static void print_fraction(struct text *out, unsigned count, int64_t nanos)
{
    char all[16];
    (void)snprintf(all, sizeof all, "%09lld", (long long)nanos);
    text_add(out, all, count);
}

static void print_number(struct text *out, unsigned count, int64_t value)
{
    text_printf(out, "%0*lld", (int)count, (long long)value);
}

static void print_zone(struct text *out, const struct piece *p)
{
    static const char *const OFFSETS[] = {"+00", "+0000", "+00:00", "+0000", "+00:00"};
    switch (p->letter) {
    case 'x':
        text_puts(out, OFFSETS[p->count - 1]);
        break;
    case 'Z':
        text_puts(out, p->count == 4 ? "GMT" : p->count == 5 ? "Z" : "+0000");
        break;
    case 'O':
        text_puts(out, "GMT");
        break;
    case 'z':
        text_puts(out, p->count == 4 ? "Coordinated Universal Time" : "UTC");
        break;
    default: /* X, V */
        text_puts(out, "Z");
    }
}

static void print_piece(struct text *out, const struct piece *p, struct moment m)
{
    int64_t year, hour = m.nanos / HOUR_NANOS, weekday = ((m.day + 3) % 7 + 7) % 7;
    unsigned month, day, week, n = p->count;
    moment_date(m.day, &year, &month, &day);
    switch (p->letter) {
    case '\0':
        text_add(out, p->text, p->len);
        break;
    case 'G':
        text_puts(out, n == 4 ? DATE_ERAS[year > 0] : year > 0 ? (n == 5 ? "A" : "AD") : (n == 5 ? "B" : "BC"));
        break;
    case 'u':
    case 'y':
        print_year(out, n, year);
        break;
    case 'Y':
        print_year(out, n, week_year(m.day, &week));
        break;
    case 'M':
    case 'L':
        n <= 2 ? print_number(out, n, month) : print_name(out, n, DATE_MONTHS[month - 1]);
        break;
    case 'd':
        print_number(out, n, day);
        break;
    case 'D':
        print_number(out, n, m.day - moment_days(year, 1, 1) + 1);
        break;
    case 'Q':
    case 'q':
        if (n == 4)
            text_puts(out, DATE_QUARTERS[(month - 1) / 3]);
        else
            text_printf(out, "%s%0*u", n == 3 ? "Q" : "", n == 2 ? 2 : 1, (month - 1) / 3 + 1);
        break;
    case 'w':
        (void)week_year(m.day, &week);
        print_number(out, n, week);
        break;
    case 'W':
        print_number(out, n, ((int64_t)day + (moment_days(year, month, 1) + 3) % 7 + 6) / 7);
        break;
    case 'F':
        print_number(out, n, (day - 1) / 7 + 1);
        break;
    case 'E':
        print_name(out, n, DATE_DAYS[weekday]);
        break;
    case 'e':
    case 'c':
        n <= 2 ? print_number(out, n, weekday + 1) : print_name(out, n, DATE_DAYS[weekday]);
        break;
    case 'a':
        text_puts(out, hour < 12 ? "AM" : "PM");
        break;
    case 'h':
        print_number(out, n, (hour + 11) % 12 + 1);
        break;
    case 'K':
        print_number(out, n, hour % 12);
        break;
    case 'k':
        print_number(out, n, hour == 0 ? 24 : hour);
        break;
    case 'H':
        print_number(out, n, hour);
        break;
    case 'm':
        print_number(out, n, m.nanos / INT64_C(60000000000) % 60);
        break;
    case 's':
        print_number(out, n, m.nanos / INT64_C(1000000000) % 60);
        break;
    case 'S':
        print_fraction(out, n, m.nanos % INT64_C(1000000000));
        break;
    case 'A':
        print_number(out, n, m.nanos / 1000000);
        break;
    case 'n':
        print_number(out, n, m.nanos % INT64_C(1000000000));
        break;
    case 'N':
        print_number(out, n, m.nanos);
        break;
    default:
        print_zone(out, p);
    }
}

static void print_padded(struct text *out, const struct piece *p, struct moment m)
{
    struct text bare = TEXT_INIT;
    print_piece(&bare, p, m);
    for (size_t i = bare.len; i < p->pad; i++)
        text_char(out, ' ');
    text_add(out, text_string(&bare), bare.len);
    out->failed |= bare.failed;
    text_deinit(&bare);
}

/* A moment has all fields, so that no optional part is left out. */
void datetime_print(const char *pattern, struct moment m, struct text *out)
{
    struct pattern p = {.at = pattern};
    struct piece piece;
    while (pattern_next(&p, &piece))
        if (piece.letter != '[' && piece.letter != ']')
            print_padded(out, &piece, m);
}
