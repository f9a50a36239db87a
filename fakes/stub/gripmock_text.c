/* Go's regular expressions and templates in our words. */
#include "fakes/stub/gripmock.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define DEPTH_MAX 16 /* parentheses of one template */

/* ---- regular expressions ---- */

/* \d and its kin; NULL: none. `inside` brackets they are written without their own. */
static const char *class_of(char c, bool inside)
{
    switch (c) {
    case 'd':
        return inside ? "0-9" : "[0-9]";
    case 'w':
        return inside ? "[:alnum:]_" : "[[:alnum:]_]";
    case 's':
        return inside ? "[:space:]" : "[[:space:]]";
    case 'D':
        return inside ? NULL : "[^0-9]";
    case 'W':
        return inside ? NULL : "[^[:alnum:]_]";
    case 'S':
        return inside ? NULL : "[^[:space:]]";
    default:
        return NULL;
    }
}

static char control_of(char c)
{
    return (char)(c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : c == 'f' ? '\f' : 0);
}

/* Behind the bracket expression that begins at `at`; NULL: it does not end, or says what POSIX cannot. */
static const char *bracket(const char *at, const char *end, struct text *out)
{
    struct text closing = TEXT_INIT;
    text_char(out, *at++);
    if (at < end && *at == '^')
        text_char(out, *at++);
    bool dash = false, ok = false;
    for (bool first = true; at < end; first = false) {
        if (*at == ']' && !first) {
            ok = true;
            break;
        }
        if (*at == '[' && at + 1 < end && at[1] == ':') {
            do
                text_char(out, *at++);
            while (at < end && at[-1] != ']');
            continue;
        }
        if (*at != '\\') {
            text_char(out, *at++);
            continue;
        }
        if (++at == end)
            break;
        const char *named = class_of(*at, true);
        char c = *at++;
        if (named != NULL)
            text_puts(out, named);
        else if (control_of(c) != 0)
            text_char(out, control_of(c));
        else if (isalnum((unsigned char)c))
            break;
        else if (c == '-')
            dash = true; /* stands for itself at the end only */
        else if (c == ']' || c == '^')
            text_char(&closing, c);
        else
            text_char(out, c);
    }
    /* A ] that stands for itself comes first, which it cannot any more: POSIX has [.].] for it. */
    for (size_t i = 0; i < closing.len; i++)
        text_printf(out, "[.%c.]", closing.data[i]);
    text_puts(out, dash ? "-]" : "]");
    text_deinit(&closing);
    return ok ? at + 1 : NULL;
}

int gripmock_regex(struct bytes go, struct text *out, const char **why)
{
    const char *at = (const char *)go.data, *end = at + go.len;
    *why = NULL;
    if (end - at >= 4 && memcmp(at, "(?i)", 4) == 0) {
        text_puts(out, "(?i)");
        at += 4;
    }
    while (at < end && *why == NULL) {
        bool repeat = strchr("*+?}", *at) != NULL;
        if (end - at >= 3 && memcmp(at, "(?:", 3) == 0) {
            text_char(out, '(');
            at += 3;
        } else if (end - at >= 4 && memcmp(at, "(?P<", 4) == 0) {
            const char *close = memchr(at, '>', (size_t)(end - at));
            text_char(out, '(');
            at = close != NULL ? close + 1 : end;
            *why = close == NULL ? "a (?P< has no >" : NULL;
        } else if (end - at >= 2 && memcmp(at, "(?", 2) == 0) {
            *why = "(?...) other than (?:...), (?P<name>...) and a leading (?i) is not known in POSIX expressions";
        } else if (*at == '[') {
            at = bracket(at, end, out);
            *why = at == NULL ? "this [...] has no counterpart in POSIX expressions" : NULL;
        } else if (*at == '\\' && at + 1 < end) {
            const char *named = class_of(at[1], false);
            if (named != NULL)
                text_puts(out, named);
            else if (at[1] == 'A' || at[1] == 'z')
                text_char(out, at[1] == 'A' ? '^' : '$');
            else if (control_of(at[1]) != 0)
                text_char(out, control_of(at[1]));
            else if (at[1] == 'b')
                text_puts(out, "\\b");
            else if (isalnum((unsigned char)at[1]))
                *why = "this escape is not known in POSIX expressions";
            else
                text_printf(out, "\\%c", at[1]);
            at += 2;
        } else {
            text_char(out, *at++);
            if (repeat && at < end && *at == '?')
                *why = "a repetition that takes as little as it can is not known in POSIX expressions";
        }
    }
    return *why == NULL ? 0 : ERROR_UNSUPPORTED;
}

/* ---- templates ---- */

struct reader {
    const char *at, *end;
    const char **why;
    int depth;
};

static void skip(struct reader *r)
{
    while (r->at < r->end && isspace((unsigned char)*r->at))
        r->at++;
}

static bool fail(struct reader *r, const char *why)
{
    if (*r->why == NULL)
        *r->why = why;
    return false;
}

static bool pipeline(struct reader *r, struct text *out);

static size_t word_length(const struct reader *r)
{
    size_t len = 0;
    while (r->at + len < r->end && (isalnum((unsigned char)r->at[len]) || strchr("._-", r->at[len]) != NULL))
        len++;
    return len;
}

/* .Request.a.b, .Headers.x and their kin. */
static bool dotted(struct reader *r, struct text *out)
{
    static const char *const words[][2] = {
        {".Request.", "request."},
        {".Headers.", "metadata."},
        {".MessageIndex", "(messages.count - 1)"},
        {".AttemptNumber", "stub.count"},
        {".AttemptIndex", "stub.count"},
        {".RequestTime", "now"},
        {".Timestamp", "now"},
    };
    size_t len = word_length(r);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        size_t n = strlen(words[i][0]);
        bool prefix = words[i][0][n - 1] == '.';
        if (len < n || memcmp(r->at, words[i][0], n) != 0 || (!prefix && len != n))
            continue;
        text_puts(out, words[i][1]);
        text_add(out, r->at + n, len - n);
        r->at += len;
        return true;
    }
    if (len == 8 && memcmp(r->at, ".Request", 8) == 0)
        text_puts(out, "request");
    else if (len == 9 && memcmp(r->at, ".Requests", 9) == 0)
        text_puts(out, "messages");
    else
        return fail(r, "this name of gripmock's templates has no counterpart");
    r->at += len;
    return true;
}

static bool term(struct reader *r, struct text *out)
{
    skip(r);
    if (r->at >= r->end)
        return fail(r, "a part is missing in {{...}}");
    char c = *r->at;
    if (c == '(') {
        if (++r->depth > DEPTH_MAX)
            return fail(r, "{{...}} nests too deep");
        r->at++;
        if (!pipeline(r, out))
            return false;
        skip(r);
        if (r->at >= r->end || *r->at != ')')
            return fail(r, "a ) is missing in {{...}}");
        r->at++;
        r->depth--;
        size_t len = r->at < r->end && *r->at == '.' ? word_length(r) : 0;
        text_add(out, r->at, len);
        r->at += len;
        return true;
    }
    if (c == '"' || c == '`' || c == '\'') {
        const char *close = memchr(r->at + 1, c, (size_t)(r->end - r->at - 1));
        if (close == NULL || memchr(r->at, '\\', (size_t)(close - r->at)) != NULL)
            return fail(r, "this quoted text in {{...}} is not understood");
        char quote = memchr(r->at + 1, '"', (size_t)(close - r->at - 1)) != NULL ? '\'' : '"';
        text_char(out, quote);
        text_add(out, r->at + 1, (size_t)(close - r->at - 1));
        text_char(out, quote);
        r->at = close + 1;
        return true;
    }
    if (isdigit((unsigned char)c) || c == '-') {
        size_t len = 1;
        while (r->at + len < r->end && (isdigit((unsigned char)r->at[len]) || r->at[len] == '.'))
            len++;
        text_add(out, r->at, len);
        r->at += len;
        return true;
    }
    return c == '.' ? dotted(r, out) : fail(r, "this part of gripmock's templates has no counterpart");
}

/* index X 3 and index X "key". */
static bool index_of(struct reader *r, struct text *out)
{
    struct text of = TEXT_INIT, which = TEXT_INIT;
    skip(r);
    bool headers = r->end - r->at > 8 && memcmp(r->at, ".Headers", 8) == 0 && r->at[8] == ' ';
    if (headers)
        r->at += 8;
    bool ok = (headers || term(r, &of)) && term(r, &which);
    if (ok && headers)
        text_printf(out, "metadata.%.*s", (int)(which.len > 2 ? which.len - 2 : 0), text_string(&which) + 1);
    else if (ok)
        text_printf(out, "%s[%s]", text_string(&of), text_string(&which));
    text_deinit(&of);
    text_deinit(&which);
    return ok;
}

static bool is_end(struct reader *r)
{
    skip(r);
    return r->at >= r->end || *r->at == '|' || *r->at == ')';
}

/* A function and its arguments; `piped` (or NULL) is the last of them. */
static bool call(struct reader *r, const char *piped, struct text *out)
{
    static const struct {
        const char *go, *ours;
        char operator;
    } functions[] = {{"upper", "upper", 0}, {"lower", "lower", 0}, {"len", "size", 0}, {"add", NULL, '+'},
                     {"sum", NULL, '+'},    {"sub", NULL, '-'},    {"mul", NULL, '*'}, {"div", NULL, '/'},
                     {"mod", NULL, '%'},    {"str", "", 0},        {"int", "", 0},     {"int64", "", 0}};
    size_t len = word_length(r), i = 0, count = sizeof functions / sizeof functions[0];
    while (i < count && (strlen(functions[i].go) != len || memcmp(functions[i].go, r->at, len) != 0))
        i++;
    if (len == 5 && memcmp(r->at, "index", 5) == 0 && piped == NULL) {
        r->at += 5;
        return index_of(r, out);
    }
    if (len == 4 && memcmp(r->at, "uuid", 4) == 0) {
        r->at += 4;
        text_puts(out, "uuid");
        return true;
    }
    if (len == 4 && memcmp(r->at, "unix", 4) == 0 && piped != NULL && strcmp(piped, "now") == 0) {
        r->at += 4;
        text_puts(out, "now.seconds");
        return true;
    }
    if (len == 3 && memcmp(r->at, "now", 3) == 0) {
        r->at += 3;
        text_puts(out, "now");
        return true;
    }
    if (i == count)
        return fail(r, "this function of gripmock's templates has no counterpart");
    r->at += len;
    bool messages = functions[i].go[0] == 'l' && functions[i].go[1] == 'e';
    skip(r);
    if (messages && r->end - r->at >= 9 && memcmp(r->at, ".Requests", 9) == 0) {
        r->at += 9;
        text_puts(out, "messages.count");
        return true;
    }
    text_puts(out, functions[i].ours != NULL ? functions[i].ours : "");
    text_char(out, '(');
    size_t arguments = 0;
    for (; !is_end(r); arguments++) {
        if (arguments > 0)
            text_printf(out, " %c ", functions[i].operator!= 0 ? functions[i].operator: ',');
        if (!term(r, out))
            return false;
    }
    if (piped != NULL) {
        if (arguments > 0)
            text_printf(out, " %c ", functions[i].operator!= 0 ? functions[i].operator: ',');
        text_puts(out, piped);
    }
    text_char(out, ')');
    return true;
}

static bool pipeline(struct reader *r, struct text *out)
{
    struct text value = TEXT_INIT, next = TEXT_INIT;
    bool ok = true;
    for (bool first = true; ok; first = false) {
        skip(r);
        text_clear(&next);
        bool word = r->at < r->end && isalpha((unsigned char)*r->at);
        if (word)
            ok = call(r, first ? NULL : text_string(&value), &next);
        else
            ok = first ? term(r, &next) : fail(r, "what a | leads to in {{...}} is no function");
        text_clear(&value);
        text_add(&value, text_string(&next), next.len);
        if (!ok || !is_end(r) || r->at >= r->end || *r->at != '|')
            break;
        r->at++;
    }
    ok = ok && (is_end(r) || fail(r, "{{...}} should end here"));
    text_add(out, text_string(&value), value.len);
    text_deinit(&value);
    text_deinit(&next);
    return ok;
}

int gripmock_template(struct bytes go, struct text *out, const char **why)
{
    const char *at = (const char *)go.data, *end = at + go.len;
    *why = NULL;
    while (at < end && *why == NULL) {
        if (end - at < 2 || memcmp(at, "{{", 2) != 0) {
            if (end - at >= 2 && memcmp(at, "${", 2) == 0)
                text_char(out, '$');
            text_char(out, *at++);
            continue;
        }
        const char *close = memmem(at, (size_t)(end - at), "}}", 2);
        struct reader r = {.at = at + 2, .end = close, .why = why};
        if (close == NULL) {
            *why = "a {{ has no }}";
            break;
        }
        text_puts(out, "${");
        if (pipeline(&r, out) && r.at < r.end)
            *why = "{{...}} should end here";
        text_char(out, '}');
        at = close + 2;
    }
    return *why == NULL ? 0 : ERROR_UNSUPPORTED;
}
