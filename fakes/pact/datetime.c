#include "fakes/pact/datetime.h"

#include <stdio.h>
#include <strings.h>

#define DAY_NANOS  INT64_C(86400000000000)
#define HOUR_NANOS INT64_C(3600000000000)

static const char *const MONTHS[] = {"January", "February", "March",     "April",   "May",      "June",
                                     "July",    "August",   "September", "October", "November", "December"};
static const char *const DAYS[] = {"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"};
static const char *const QUARTERS[] = {"1st quarter", "2nd quarter", "3rd quarter", "4th quarter"};
static const char *const ERAS[] = {"Before Christ", "Anno Domini"};

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

/* ---- patterns ---------------------------------------------------------------------------------------------------- */

struct piece {
    char letter; /* 0: the text */
    unsigned count;
    const char *text;
    size_t len;
};

static bool is_letter(char c)
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

/* The next piece of a pattern: of quoted text one run at a time. False: its end, or *why. */
static bool next(const char **p, bool *quoted, struct piece *out, const char **why)
{
    *out = (struct piece){0};
    for (;;) {
        char c = **p;
        if (c == '\0') {
            *why = *quoted ? "the quote has no end" : NULL;
            return false;
        }
        if (c == '\'') {
            if ((*p)[1] == '\'') {
                *out = (struct piece){.text = *p, .len = 1};
                *p += 2;
                return true;
            }
            *quoted = !*quoted;
            ++*p;
            continue;
        }
        if (*quoted || !is_letter(c)) {
            if (!*quoted && strchr("[]{}#", c) != NULL) {
                *why = c == '[' || c == ']' ? "not implemented: optional parts in brackets"
                                            : "a reserved character: put it in single quotes";
                return false;
            }
            *out = (struct piece){.text = (*p)++, .len = 1};
            return true;
        }
        out->letter = c;
        while (**p == c)
            ++*p, out->count++;
        if (most(c) == 0) {
            *why = c == 'p' ? "not implemented: padding (p)" : "no such letter: put text in single quotes";
            return false;
        }
        if (out->count > most(c)) {
            *why = "the letter stands here too often";
            return false;
        }
        return true;
    }
}

const char *datetime_bad(const char *pattern, size_t *at)
{
    const char *p = pattern, *why = NULL;
    bool quoted = false;
    struct piece piece;
    while (next(&p, &quoted, &piece, &why))
        ;
    *at = (size_t)(p - pattern);
    return why;
}

/* ---- reading ------------------------------------------------------------------------------------------------------
 */

struct reader {
    struct bytes in;
    size_t at;
    int64_t year;
    int64_t month, day; /* 0: not told */
    bool has_year;
};

static bool digits(struct reader *r, unsigned low, unsigned high, int64_t *value)
{
    size_t start = r->at;
    *value = 0;
    while (r->at < r->in.len && r->at - start < high && r->in.data[r->at] >= '0' && r->in.data[r->at] <= '9')
        *value = *value * 10 + (r->in.data[r->at++] - '0');
    return r->at - start >= low;
}

/* A letter once takes a digit fewer. */
static bool number(struct reader *r, unsigned count, unsigned width, int64_t low, int64_t high, int64_t *value)
{
    return digits(r, count < width ? count : width, width, value) && *value >= low && *value <= high;
}

static bool take(struct reader *r, const char *word, size_t len)
{
    if (r->in.len - r->at < len || strncasecmp((const char *)r->in.data + r->at, word, len) != 0)
        return false;
    r->at += len;
    return true;
}

/* The longest of the words, whole (0) or their first letters. */
static bool one_of(struct reader *r, const char *const *words, unsigned count, size_t letters, int64_t *which)
{
    for (unsigned i = 0; i < count; i++)
        if (take(r, words[i], letters > 0 ? letters : strlen(words[i]))) {
            *which = i + 1;
            return true;
        }
    return false;
}

static bool named(struct reader *r, unsigned count, const char *const *words, unsigned n, size_t letters,
                  int64_t *which)
{
    return one_of(r, words, n, count == 4 ? 0 : count == 5 ? 1 : letters, which);
}

enum { OFFSET_Z = 1, OFFSET_COLON = 2, OFFSET_NO_COLON = 4, OFFSET_SHORT = 8, OFFSET_SECONDS = 16 };

static bool offset(struct reader *r, unsigned how)
{
    int64_t value;
    if ((how & OFFSET_Z) && take(r, "Z", 1))
        return true;
    if (r->at >= r->in.len || (r->in.data[r->at] != '+' && r->in.data[r->at] != '-'))
        return false;
    r->at++;
    if (!digits(r, 2, 2, &value) || value > 18)
        return false;
    for (int part = 0; part < ((how & OFFSET_SECONDS) ? 2 : 1); part++) {
        size_t before = r->at;
        bool colon = take(r, ":", 1);
        bool fits = (how & (colon ? OFFSET_COLON : OFFSET_NO_COLON)) != 0 && digits(r, 2, 2, &value) && value < 60;
        if (!fits) {
            r->at = before;
            return part == 1 || (how & OFFSET_SHORT) != 0;
        }
    }
    return true;
}

static bool zone_name(struct reader *r, const char *others, size_t least)
{
    size_t start = r->at;
    while (r->at < r->in.len && (is_letter((char)r->in.data[r->at]) ||
                                 (r->in.data[r->at] != 0 && strchr(others, r->in.data[r->at]) != NULL)))
        r->at++;
    return r->at - start >= least;
}

static bool read_zone(struct reader *r, const struct piece *p)
{
    static const unsigned FORMS[] = {OFFSET_SHORT | OFFSET_NO_COLON, OFFSET_NO_COLON, OFFSET_COLON,
                                     OFFSET_NO_COLON | OFFSET_SECONDS, OFFSET_COLON | OFFSET_SECONDS};
    switch (p->letter) {
    case 'X':
        return offset(r, FORMS[p->count - 1] | OFFSET_Z);
    case 'x':
        return offset(r, FORMS[p->count - 1]);
    case 'Z':
        if (p->count == 4)
            return take(r, "GMT", 3) && (r->at == r->in.len || offset(r, OFFSET_COLON));
        return offset(r, OFFSET_Z | OFFSET_COLON | OFFSET_NO_COLON);
    case 'O': {
        int64_t value;
        if (!take(r, "GMT", 3) && !take(r, "UTC", 3))
            return false;
        if (!take(r, "+", 1) && !take(r, "-", 1))
            return true;
        return digits(r, p->count == 4 ? 2 : 1, 2, &value) &&
               (!take(r, ":", 1) ? p->count != 4 : digits(r, 2, 2, &value));
    }
    case 'V':
        return offset(r, OFFSET_Z | OFFSET_COLON) || zone_name(r, "/_+-0123456789", 2);
    default: /* z */
        return zone_name(r, p->count == 4 ? " " : "", p->count == 4 ? 3 : 2);
    }
}

static bool read_piece(struct reader *r, const struct piece *p)
{
    int64_t value;
    unsigned n = p->count;
    switch (p->letter) {
    case '\0':
        return take(r, p->text, p->len);
    case 'G':
        return n == 4   ? one_of(r, ERAS, 2, 0, &value)
               : n == 5 ? take(r, "A", 1) || take(r, "B", 1)
                        : take(r, "AD", 2) || take(r, "BC", 2);
    case 'u':
    case 'y':
        if (n == 2)
            return digits(r, 2, 2, &value);
        r->has_year = true;
        return digits(r, n, n == 1 ? 9 : n, &r->year);
    case 'Y':
        return digits(r, n, n == 1 ? 9 : n, &value);
    case 'M':
    case 'L':
        return n <= 2 ? number(r, n, 2, 1, 12, &r->month) : named(r, n, MONTHS, 12, 3, &r->month);
    case 'd':
        return number(r, n, 2, 1, 31, &r->day);
    case 'D':
        return number(r, n, 3, 1, 366, &value);
    case 'Q':
    case 'q':
        if (n == 3 && !take(r, "Q", 1))
            return false;
        return n == 4   ? one_of(r, QUARTERS, 4, 0, &value)
               : n == 2 ? number(r, 2, 2, 1, 4, &value)
                        : number(r, 1, 1, 1, 4, &value);
    case 'w':
        return number(r, n, 2, 1, 53, &value);
    case 'W':
        return number(r, n, 1, 0, 6, &value);
    case 'F':
        return number(r, n, 1, 1, 5, &value);
    case 'E':
        return named(r, n, DAYS, 7, 3, &value);
    case 'e':
    case 'c':
        return n <= 2 ? number(r, n, n, 1, 7, &value) : named(r, n, DAYS, 7, 3, &value);
    case 'a':
        return take(r, "AM", 2) || take(r, "PM", 2);
    case 'h':
        return number(r, n, 2, 1, 12, &value);
    case 'K':
        return number(r, n, 2, 0, 11, &value);
    case 'k':
        return number(r, n, 2, 1, 24, &value);
    case 'H':
        return number(r, n, 2, 0, 23, &value);
    case 'm':
        return number(r, n, 2, 0, 59, &value);
    case 's':
        return number(r, n, 2, 0, 60, &value);
    case 'S':
        return digits(r, 1, n, &value);
    case 'A':
        return number(r, n, 9, 0, 86399999, &value);
    case 'n':
        return digits(r, n, 9, &value);
    case 'N':
        return number(r, n, 14, 0, DAY_NANOS - 1, &value);
    default:
        return read_zone(r, p);
    }
}

const char *datetime_unfit(const char *pattern, struct bytes text)
{
    const char *p = pattern, *why = NULL;
    bool quoted = false;
    struct piece piece;
    struct reader r = {.in = text};
    while (next(&p, &quoted, &piece, &why))
        if (!read_piece(&r, &piece))
            return "it does not have that form";
    if (why != NULL)
        return why;
    if (r.at < text.len)
        return "more stands behind it";
    int64_t year = r.has_year ? r.year : 2000; /* a leap year, when none is told */
    if (r.month > 0 && r.day > 0 && r.day > moment_month_length(year, (unsigned)r.month))
        return "no calendar has that day";
    return NULL;
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
        text_puts(out, n == 4 ? ERAS[year > 0] : year > 0 ? (n == 5 ? "A" : "AD") : (n == 5 ? "B" : "BC"));
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
        n <= 2 ? print_number(out, n, month) : print_name(out, n, MONTHS[month - 1]);
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
            text_puts(out, QUARTERS[(month - 1) / 3]);
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
        print_name(out, n, DAYS[weekday]);
        break;
    case 'e':
    case 'c':
        n <= 2 ? print_number(out, n, weekday + 1) : print_name(out, n, DAYS[weekday]);
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

void datetime_print(const char *pattern, struct moment m, struct text *out)
{
    const char *p = pattern, *why = NULL;
    bool quoted = false;
    struct piece piece;
    while (next(&p, &quoted, &piece, &why))
        print_piece(out, &piece, m);
}
