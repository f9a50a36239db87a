#include "base/yaml_quoted.h"

#include "base/utf8.h"

#include <string.h>

struct quoted {
    struct bytes in;
    size_t at;
    struct text *out;
    size_t kept; /* blanks before this stay where a line ends: they were escaped, or end a line already folded */
};

static bool is_blank(const struct quoted *q)
{
    return q->at < q->in.len && (q->in.data[q->at] == ' ' || q->in.data[q->at] == '\t');
}

static bool take_break(struct quoted *q)
{
    struct bytes in = q->in;
    if (q->at >= in.len || (in.data[q->at] != '\n' && in.data[q->at] != '\r'))
        return false;
    q->at += in.data[q->at] == '\r' && q->at + 1 < in.len && in.data[q->at + 1] == '\n' ? 2 : 1;
    return true;
}

/* Behind a line's end: empty lines are line feeds, none is a space, unless the end was escaped (6.5). */
static void fold(struct quoted *q, bool escaped)
{
    size_t empty = 0;
    for (;;) {
        while (is_blank(q))
            q->at++;
        if (!take_break(q))
            break;
        empty++;
        text_char(q->out, '\n');
    }
    if (empty == 0 && !escaped)
        text_char(q->out, ' ');
    q->kept = q->out->len;
}

static int digit(unsigned char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *found = c != '\0' ? strchr(digits, c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c) : NULL;
    return found != NULL ? (int)(found - digits) : -1;
}

static bool code_point(struct quoted *q, int digits)
{
    char bytes[UTF8_MAX];
    uint32_t c = 0;
    for (; digits > 0; digits--) {
        int value = q->at < q->in.len ? digit(q->in.data[q->at]) : -1;
        if (value < 0)
            return false;
        c = c << 4 | (uint32_t)value;
        q->at++;
    }
    if (c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF))
        text_char(q->out, (char)0xFF);
    else
        text_add(q->out, bytes, utf8_write(c, bytes));
    return true;
}

/* Behind a backslash. */
static bool escape(struct quoted *q)
{
    static const struct {
        char name, means[4]; /* UTF-8 */
    } known[] = {{'a', "\a"},           {'b', "\b"},          {'t', "\t"},  {'\t', "\t"},      {'n', "\n"},
                 {'v', "\v"},           {'f', "\f"},          {'r', "\r"},  {'e', "\x1B"},     {' ', " "},
                 {'"', "\""},           {'/', "/"},           {'\\', "\\"}, {'N', "\xC2\x85"}, {'_', "\xC2\xA0"},
                 {'L', "\xE2\x80\xA8"}, {'P', "\xE2\x80\xA9"}};
    if (take_break(q)) {
        fold(q, true);
        return true;
    }
    if (q->at >= q->in.len)
        return false;
    char name = (char)q->in.data[q->at++];
    bool ok = false;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i].name == name) {
            text_puts(q->out, known[i].means);
            ok = true;
        }
    if (name == '0') {
        text_char(q->out, '\0');
        ok = true;
    } else if (name == 'x' || name == 'u' || name == 'U') {
        ok = code_point(q, name == 'x' ? 2 : name == 'u' ? 4 : 8);
    }
    q->kept = q->out->len;
    return ok;
}

size_t yaml_quoted(struct bytes in, size_t at, struct text *out)
{
    struct quoted q = {.in = in, .at = at + 1, .out = out, .kept = out->len};
    if (at >= in.len || (in.data[at] != '\'' && in.data[at] != '"'))
        return 0;
    char quote = (char)in.data[at];
    while (q.at < in.len) {
        char c = (char)in.data[q.at];
        if (c == quote && !(c == '\'' && q.at + 1 < in.len && in.data[q.at + 1] == '\''))
            return q.at;
        if (take_break(&q)) {
            size_t len = out->len;
            while (len > q.kept && (out->data[len - 1] == ' ' || out->data[len - 1] == '\t'))
                len--;
            text_truncate(out, len);
            fold(&q, false);
            continue;
        }
        q.at += c == quote ? 2 : 1;
        if (c != '\\' || quote == '\'')
            text_char(out, c);
        else if (!escape(&q))
            return 0;
    }
    return 0;
}
