/* Go's regular expressions in our words. */
#include "fakes/stub/gripmock.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

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

void gripmock_regex(struct bytes go, struct text *out)
{
    const char *at = (const char *)go.data, *end = at + go.len;
    size_t before = out->len;
    bool known = true;
    if (end - at >= 4 && memcmp(at, "(?i)", 4) == 0) {
        text_puts(out, "(?i)");
        at += 4;
    }
    while (at < end && known) {
        bool repeat = strchr("*+?}", *at) != NULL;
        if (end - at >= 3 && memcmp(at, "(?:", 3) == 0) {
            text_char(out, '(');
            at += 3;
        } else if (end - at >= 4 && memcmp(at, "(?P<", 4) == 0) {
            const char *close = memchr(at, '>', (size_t)(end - at));
            text_char(out, '(');
            at = close != NULL ? close + 1 : end;
            known = close != NULL;
        } else if (end - at >= 2 && memcmp(at, "(?", 2) == 0) {
            known = false;
        } else if (*at == '[') {
            at = bracket(at, end, out);
            known = at != NULL;
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
                known = false;
            else
                text_printf(out, "\\%c", at[1]);
            at += 2;
        } else if (*at == '.') {
            text_puts(out, "[^\n]");
            at++;
        } else {
            text_char(out, *at++);
            /* As little as it can, or as much: whether there is a match is the same. */
            if (repeat && at < end && *at == '?')
                at++;
        }
    }
    if (known)
        return;
    /* PCRE2 has what POSIX has not: it knows all of Go's, and looks ahead too, which Go does not. */
    text_truncate(out, before);
    text_puts(out, "(*UTF)");
    text_add(out, go.data, go.len);
}
