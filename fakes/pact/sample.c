#include "fakes/pact/sample.h"

#include "base/utf8.h"
#include "fakes/pact/regex.h"

#include <stdlib.h>

#define FIRST     0x20 /* the characters drawn from are printable ASCII */
#define LAST      0x7E
#define DEPTH_MAX 100
#define TRIES     50

struct maker {
    const char *pattern;
    struct random *random; /* NULL: only checked, every part once */
    struct text *out;
    struct error *err;
    size_t limit; /* of out->len */
    unsigned depth;
    unsigned long steps; /* things drawn, those that are no text included */
    int rc;
};

struct set {
    bool has[LAST + 1];
};

static const char *choice(struct maker *m, const char *p, const char *end);

static const char *fail(struct maker *m, const char *at, int code, const char *what)
{
    if (m->rc == 0)
        m->rc = error_set(m->err, code, "no text can be drawn from the expression '%s': %s (byte %zu)", m->pattern,
                          what, (size_t)(at - m->pattern) + 1);
    return NULL;
}

static void add_range(struct set *s, unsigned low, unsigned high)
{
    for (unsigned c = low; c <= high && c <= LAST; c++)
        s->has[c] = true;
}

static bool add_shorthand(struct set *s, char letter)
{
    struct set one = {{false}};
    switch (letter | 0x20) {
    case 'd':
        add_range(&one, '0', '9');
        break;
    case 'w':
        add_range(&one, '0', '9');
        add_range(&one, 'a', 'z');
        add_range(&one, 'A', 'Z');
        add_range(&one, '_', '_');
        break;
    case 's':
        add_range(&one, ' ', ' ');
        break;
    default:
        return false;
    }
    for (unsigned c = FIRST; c <= LAST; c++)
        s->has[c] |= one.has[c] == ((letter & 0x20) != 0);
    return true;
}

static void draw(struct maker *m, const struct set *s)
{
    unsigned count = 0;
    for (unsigned c = 0; c <= LAST; c++)
        count += s->has[c];
    if (m->random == NULL || count == 0)
        return;
    uint64_t which = random_below(m->random, count);
    for (unsigned c = 0; c <= LAST; c++)
        if (s->has[c] && which-- == 0)
            text_char(m->out, (char)c);
}

/* Behind a backslash: one character's value, or -1. */
static int escaped(const char **p)
{
    char c = *(*p)++;
    switch (c) {
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    case 'f':
        return '\f';
    case 'x':
    case 'u': {
        size_t n = c == 'x' ? 2 : 4;
        int value = 0;
        for (size_t i = 0; i < n; i++, ++*p) {
            int digit = **p != '\0' ? bytes_hex_value((uint8_t) * *p) : -1;
            if (digit < 0)
                return -1;
            value = value * 16 + digit;
        }
        return value;
    }
    default:
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '\0' ? -1 : c;
    }
}

/* One end of a range in a class; -1 and m->rc: none. -2: a shorthand was added. */
static int class_member(struct maker *m, const char **p, struct set *s)
{
    const char *at = *p;
    if (*at == '[' && (at[1] == ':' || at[1] == '.' || at[1] == '='))
        return fail(m, at, ERROR_UNSUPPORTED, "not implemented: POSIX classes"), -1;
    if (*at != '\\') {
        ++*p;
        return (unsigned char)*at <= LAST
                   ? *at
                   : (fail(m, at, ERROR_UNSUPPORTED, "not implemented: classes beyond ASCII"), -1);
    }
    ++*p;
    if (add_shorthand(s, **p)) {
        ++*p;
        return -2;
    }
    int value = escaped(p);
    if (value < 0 || value > LAST)
        return fail(m, at, ERROR_UNSUPPORTED, "not implemented: this escape in a class"), -1;
    return value;
}

/* [...]: returns behind it. */
static const char *read_class(struct maker *m, const char *p, struct set *s)
{
    const char *start = p++;
    bool negated = *p == '^';
    p += negated;
    for (bool first = true; *p != ']' || first; first = false) {
        if (*p == '\0')
            return fail(m, start, ERROR_SYNTAX, "the class has no end");
        int low = class_member(m, &p, s), high = low;
        if (low == -1)
            return NULL;
        if (low >= 0 && p[0] == '-' && p[1] != ']' && p[1] != '\0') {
            p++;
            high = class_member(m, &p, s);
            if (high == -1)
                return NULL;
        }
        if (low >= 0 && high >= 0)
            add_range(s, (unsigned)low, (unsigned)high);
    }
    for (unsigned c = 0; negated && c <= LAST; c++)
        s->has[c] = c >= FIRST && !s->has[c];
    return p + 1;
}

/* Behind the group's, class's or escape's end, without a look at what is in it. */
static const char *skip_one(const char *p, const char *end)
{
    unsigned open = 0;
    do {
        if (*p == '\\' && p + 1 < end) {
            p += p[1] == 'x' ? 4 : p[1] == 'u' ? 6 : 2;
        } else if (*p == '[') {
            for (p += p[1] == '^' ? 2 : 1, p += p < end && *p == ']'; p < end && *p != ']'; p++)
                p += *p == '\\' && p + 1 < end;
            p += p < end;
        } else {
            open += *p == '(';
            open -= *p == ')' && open > 0;
            p++;
        }
    } while (open > 0 && p < end);
    return p < end ? p : end;
}

static const char *group(struct maker *m, const char *p, const char *end)
{
    const char *inner = p + 1, *behind = skip_one(p, end);
    if (*inner == '?') {
        if (inner[1] == ':')
            inner += 2;
        else if ((inner[1] == '<' && inner[2] != '=' && inner[2] != '!') || (inner[1] == 'P' && inner[2] == '<'))
            inner += strcspn(inner, ">") + 1;
        else
            return fail(m, p, ERROR_UNSUPPORTED, "not implemented: look-around and flags");
    }
    if (behind <= inner || behind[-1] != ')')
        return fail(m, p, ERROR_SYNTAX, "the group has no end");
    return choice(m, inner, behind - 1) != NULL ? behind : NULL;
}

static const char *escape(struct maker *m, const char *p)
{
    struct set s = {{false}};
    char utf8[UTF8_MAX];
    const char *at = p + 1;
    if (*at != '\0' && strchr("bBAzZG", *at) != NULL)
        return at + 1;
    if (add_shorthand(&s, *at)) {
        draw(m, &s);
        return at + 1;
    }
    int value = escaped(&at);
    if (value < 0)
        return fail(m, p, ERROR_UNSUPPORTED, "not implemented: this escape");
    if (m->random != NULL)
        text_add(m->out, utf8, utf8_write((uint32_t)value, utf8));
    return at;
}

/* One thing, without what repeats it: returns behind it. */
static const char *atom(struct maker *m, const char *p, const char *end)
{
    struct set s = {{false}};
    switch (*p) {
    case '(':
        return group(m, p, end);
    case '[':
        p = read_class(m, p, &s);
        if (p != NULL)
            draw(m, &s);
        return p;
    case '\\':
        return escape(m, p);
    case '.':
        add_range(&s, FIRST, LAST);
        draw(m, &s);
        return p + 1;
    case '^':
    case '$':
        return p + 1;
    default:
        if (m->random != NULL)
            text_char(m->out, *p);
        return p + 1;
    }
}

/* ?, *, +, {n}, {n,}, {n,m}: returns behind it. */
static const char *repetition(const char *p, const char *end, unsigned long *least, unsigned long *most)
{
    *least = *most = 1;
    if (p == end)
        return p;
    if (*p == '?' || *p == '*' || *p == '+') {
        *least = *p == '+';
        *most = *p == '?' ? 1 : *least + SAMPLE_MORE;
        p++;
    } else if (*p == '{' && p[1] >= '0' && p[1] <= '9') {
        char *at;
        *least = *most = strtoul(p + 1, &at, 10);
        if (*at == ',')
            *most = at[1] == '}' ? *least + SAMPLE_MORE : strtoul(at + 1, &at, 10);
        p = strchr(at, '}') != NULL ? strchr(at, '}') + 1 : end;
    } else {
        return p;
    }
    if (p < end && (*p == '?' || *p == '+'))
        p++; /* lazy and possessive describe the same texts */
    return p < end ? p : end;
}

static bool sequence(struct maker *m, const char *p, const char *end)
{
    while (p < end) {
        const char *behind = skip_one(p, end);
        unsigned long least, most, n = 1;
        const char *next = repetition(behind, end, &least, &most);
        if (m->random != NULL)
            n = least + (most > least ? (unsigned long)random_below(m->random, most - least + 1) : 0);
        for (unsigned long i = 0; i < n; i++) {
            if (atom(m, p, behind) == NULL)
                return false;
            if (m->random != NULL && (m->out->len > m->limit || ++m->steps > SAMPLE_MAX))
                return fail(m, p, ERROR_LIMIT, "the text would be too long") != NULL;
        }
        p = next;
    }
    return true;
}

/* a|b|c between p and end: returns end, or NULL. */
static const char *choice(struct maker *m, const char *p, const char *end)
{
    size_t count = 1, which = 0;
    if (++m->depth > DEPTH_MAX)
        return fail(m, p, ERROR_LIMIT, "groups too deep");
    for (const char *at = p; at < end; at = skip_one(at, end))
        count += *at == '|';
    if (m->random != NULL)
        which = (size_t)random_below(m->random, count);
    for (size_t i = 0; i < count; i++) {
        const char *stop = p;
        while (stop < end && *stop != '|')
            stop = skip_one(stop, end);
        if ((m->random == NULL || i == which) && !sequence(m, p, stop))
            return NULL;
        p = stop + 1;
    }
    m->depth--;
    return end;
}

int sample_check(const char *pattern, struct error *err)
{
    struct text none = TEXT_INIT;
    struct maker m = {.pattern = pattern, .out = &none, .err = err};
    (void)choice(&m, pattern, pattern + strlen(pattern));
    return m.rc;
}

int sample_make(const char *pattern, struct random *random, struct text *out, struct error *err)
{
    struct regex *check = NULL;
    size_t start = out->len;
    int rc = regex_new(pattern, &check, err), found = 0;
    for (int i = 0; rc == 0 && found == 0 && i < TRIES; i++) {
        struct maker m = {.pattern = pattern, .random = random, .out = out, .err = err, .limit = start + SAMPLE_MAX};
        text_truncate(out, start);
        (void)choice(&m, pattern, pattern + strlen(pattern));
        rc = m.rc;
        if (rc == 0 && !text_ok(out))
            rc = error_set(err, ERROR_MEMORY, "out of memory for a text of '%s'", pattern);
        if (rc == 0)
            found = regex_find(check, BYTES(text_string(out) + start, out->len - start), err);
        if (found < 0)
            rc = found;
    }
    regex_free(check);
    if (rc == 0 && found == 0)
        rc = error_set(err, ERROR_UNSUPPORTED, "no text could be drawn that the expression '%s' fits", pattern);
    return rc;
}
