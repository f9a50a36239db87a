/* Is a text of a pattern? */
#include "fakes/pact/datetime_pattern.h"

#include <string.h>
#include <strings.h>

#define DAY_NANOS INT64_C(86400000000000)

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
    while (r->at < r->in.len && (pattern_letter((char)r->in.data[r->at]) ||
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
        return n == 4   ? one_of(r, DATE_ERAS, 2, 0, &value)
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
        return n <= 2 ? number(r, n, 2, 1, 12, &r->month) : named(r, n, DATE_MONTHS, 12, 3, &r->month);
    case 'd':
        return number(r, n, 2, 1, 31, &r->day);
    case 'D':
        return number(r, n, 3, 1, 366, &value);
    case 'Q':
    case 'q':
        if (n == 3 && !take(r, "Q", 1))
            return false;
        return n == 4   ? one_of(r, DATE_QUARTERS, 4, 0, &value)
               : n == 2 ? number(r, 2, 2, 1, 4, &value)
                        : number(r, 1, 1, 1, 4, &value);
    case 'w':
        return number(r, n, 2, 1, 53, &value);
    case 'W':
        return number(r, n, 1, 0, 6, &value);
    case 'F':
        return number(r, n, 1, 1, 5, &value);
    case 'E':
        return named(r, n, DATE_DAYS, 7, 3, &value);
    case 'e':
    case 'c':
        return n <= 2 ? number(r, n, n, 1, 7, &value) : named(r, n, DATE_DAYS, 7, 3, &value);
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

/* So many characters, blanks in front and then the piece. */
static bool read_padded(struct reader *r, const struct piece *p)
{
    struct bytes all = r->in;
    size_t end = r->at + p->pad;
    if (end > all.len)
        return false;
    r->in.len = end;
    while (r->at < end && all.data[r->at] == ' ')
        r->at++;
    bool ok = read_piece(r, p) && r->at == end;
    r->in = all;
    return ok;
}

static void skip_optional(struct pattern *p)
{
    struct piece piece;
    int outside = p->depth - 1;
    while (p->depth > outside && pattern_next(p, &piece))
        ;
}

/* Up to the end, or the bracket that closes an optional part. One that does not fit is as if it were not there; what it
 * took is not tried otherwise, as Java has it. */
static bool read_all(struct reader *r, struct pattern *p)
{
    struct piece piece;
    while (pattern_next(p, &piece) && piece.letter != ']') {
        if (piece.letter == '[') {
            struct reader before = *r;
            struct pattern inside = *p;
            if (!read_all(r, &inside)) {
                *r = before;
                skip_optional(p);
            } else {
                *p = inside;
            }
        } else if (piece.pad > 0 ? !read_padded(r, &piece) : !read_piece(r, &piece)) {
            return false;
        }
    }
    return true;
}

const char *datetime_unfit(const char *pattern, struct bytes text)
{
    struct pattern p = {.at = pattern};
    struct reader r = {.in = text};
    if (!read_all(&r, &p))
        return "it does not have that form";
    if (p.why != NULL)
        return p.why;
    if (r.at < text.len)
        return "more stands behind it";
    int64_t year = r.has_year ? r.year : 2000; /* a leap year, when none is told */
    if (r.month > 0 && r.day > 0 && r.day > moment_month_length(year, (unsigned)r.month))
        return "no calendar has that day";
    return NULL;
}
