/* The phrases that say what values a field takes. A comment is clauses with "; " between them; a clause that begins as
 * a phrase does has to be one, and one that says in other words what a phrase says has to be it. Any other clause is
 * prose. */
#include "proto/lint/internal.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* Formats that go by one name, and what else people call them. */
static const struct {
    const char *other, *phrase;
} others[] = {
    {"e-mail", "e-mail address"},
    {"email", "e-mail address"},
    {"email address", "e-mail address"},
    {"mail address", "e-mail address"},
    {"uri", "URL"},
    {"a url", "URL"},
    {"guid", "UUID"},
    {"rfc3339", "RFC 3339"},
    {"iso 8601", "RFC 3339"},
    {"unix time", "unix seconds"},
    {"unix timestamp", "unix seconds"},
    {"seconds since 1970", "unix seconds"},
    {"currency code", "ISO 4217 code"},
    {"country code", "ISO 3166 code"},
    {"language code", "BCP 47 tag"},
    {"phone number", "E.164 number"},
    {"time zone", "IANA time zone"},
    {"mandatory", "required"},
    {"not blank", "required"},
    {"must be set", "required"},
    {"non-empty", "required"},
    {"output only", "set by the service"},
    {"read-only", "set by the service"},
    {"in cents", "in minor units"},
};

static bool begins(struct bytes s, const char *with)
{
    size_t n = strlen(with);
    return s.len >= n && memcmp(s.data, with, n) == 0;
}

static struct bytes after(struct bytes s, size_t n)
{
    return BYTES(s.data + n, s.len - n);
}

static bool same_words(struct bytes s, const char *words)
{
    return s.len == strlen(words) && strncasecmp((const char *)s.data, words, s.len) == 0;
}

/* The length of a number such as -12 or 0.25 at the beginning; 0: there is none. */
static size_t number(struct bytes s)
{
    size_t i = s.len > 0 && s.data[0] == '-', first = i;
    while (i < s.len && isdigit(s.data[i]))
        i++;
    if (i == first)
        return 0;
    if (i + 1 < s.len && s.data[i] == '.' && isdigit(s.data[i + 1]))
        for (i++; i < s.len && isdigit(s.data[i]);)
            i++;
    return i;
}

/* Nothing, or a blank and one word: what is counted. */
static bool unit(struct bytes s)
{
    if (s.len == 0)
        return true;
    if (s.len == 1 || s.data[0] != ' ')
        return false;
    for (size_t i = 1; i < s.len; i++)
        if (!islower(s.data[i]))
            return false;
    return true;
}

static bool amount(struct bytes s)
{
    size_t n = number(s);
    return n > 0 && unit(after(s, n));
}

static bool range(struct bytes s)
{
    size_t n = number(s);
    return begins(after(s, n), " to ") && amount(after(s, n + 4));
}

/* "a, b, c": two at least, none blank. */
static bool choice(struct bytes s)
{
    size_t commas = 0;
    for (size_t i = 0; i < s.len; i++)
        if (s.data[i] == ',') {
            if (i == 0 || i + 2 >= s.len || s.data[i + 1] != ' ' || s.data[i + 2] == ',')
                return false;
            commas++;
        }
    return commas > 0;
}

/* "required", or when it is: "required in the first message", "required unless it is a repost". */
static bool required(struct bytes s)
{
    static const char *const when[] = {" in the first message", " when ", " unless ", " for ", " to ", ", here or in "};
    if (s.len == 0)
        return true;
    for (size_t i = 0; i < sizeof when / sizeof *when; i++)
        if (begins(s, when[i]))
            return true;
    return false;
}

/* Whether the set has a message of a full name, or of a name in the file's package. */
static bool message_is_there(const struct lint_run *r, struct bytes name)
{
    for (size_t i = 0; i < r->set->n_file; i++) {
        const lint_file *f = r->set->file[i];
        struct bytes rest = name;
        const char *package = f->package ? f->package : "";
        if (memchr(name.data, '.', name.len)) {
            size_t n = strlen(package);
            if (!begins(name, package) || n >= name.len || name.data[n] != '.')
                continue;
            rest = after(name, n + 1);
        } else if (f != r->file) {
            continue;
        }
        for (size_t k = 0; k < f->n_message_type; k++)
            if (bytes_is(rest, f->message_type[k]->name))
                return true;
    }
    return false;
}

static void check_clause(struct lint_run *r, const struct lint_path *path, const char *symbol, struct bytes s)
{
    const char *want = NULL;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (same_words(s, others[i].other))
            want = others[i].phrase;
    size_t n = number(s);
    if (want) {
        lint_find(r, LINT_PHRASE, path, symbol, "\"%.*s\" is said \"%s\"", (int)s.len, (const char *)s.data, want);
        return;
    }
    if (begins(s, "id of a ") || begins(s, "id of an ")) {
        struct bytes name = after(s, begins(s, "id of a ") ? 8 : 9);
        if (!message_is_there(r, name))
            lint_find(r, LINT_PHRASE, path, symbol,
                      "no message is called \"%.*s\"; of another package it is "
                      "\"id of a package.Message\"",
                      (int)name.len, (const char *)name.data);
        return;
    }
    if (n > 0 && begins(after(s, n), ": "))
        return; /* what a value means */
    if (n > 0 && !range(s))
        want = "1 to 100, or with a unit: 1 to 100 characters";
    else if (begins(s, "at least") && !(begins(s, "at least ") && amount(after(s, 9))))
        want = "at least 1, or with a unit: at least 1 entries";
    else if (begins(s, "at most") && !(begins(s, "at most ") && amount(after(s, 8))))
        want = "at most 100, or with a unit: at most 100 bytes";
    else if (begins(s, "exactly") && !(begins(s, "exactly ") && amount(after(s, 8))))
        want = "exactly 8 characters";
    else if (begins(s, "default") && (s.len < 9 || s.data[7] != ' '))
        want = "default 25";
    else if (begins(s, "one of ") && !choice(after(s, 7)))
        want = "one of one, two, three; or \"a or b is required\" for members of which one is";
    else if (begins(s, "required") && !required(after(s, 8)))
        want = "required; or required when, unless, for, in the first message";
    if (want)
        lint_find(r, LINT_PHRASE, path, symbol, "\"%.*s\" is no phrase; write it so: %s", (int)s.len,
                  (const char *)s.data, want);
}

static void check_comment(struct lint_run *r, const struct lint_path *path, const char *symbol, const char *comment)
{
    /* Lines of one comment are one text. */
    char *text = arena_string(&r->lint->arena, comment);
    if (!text) {
        r->failed = ERROR_MEMORY;
        return;
    }
    size_t len = 0;
    for (const char *c = comment; *c; c++) {
        char one = *c == '\n' ? ' ' : *c;
        if (one != ' ' || (len > 0 && text[len - 1] != ' '))
            text[len++] = one;
    }
    while (len > 0 && text[len - 1] == ' ')
        len--;
    for (size_t from = 0; from < len;) {
        size_t to = from;
        while (to < len && !(text[to] == ';' && to + 1 < len && text[to + 1] == ' '))
            to++;
        check_clause(r, path, symbol, BYTES(text + from, to - from));
        from = to + 2;
    }
}

void lint_check_phrases(struct lint_run *r, const struct lint_path *path, const char *symbol)
{
    const lint_location *l = lint_place(r->file, path);
    if (l && l->leading_comments)
        check_comment(r, path, symbol, l->leading_comments);
    if (l && l->trailing_comments)
        check_comment(r, path, symbol, l->trailing_comments);
}
