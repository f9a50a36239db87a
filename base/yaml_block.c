#include "base/yaml_block.h"

#include <stdbool.h>

struct block {
    struct bytes in;
    size_t at;
    size_t indent;
    bool folded;
    char chomping; /* '-' none of the line feeds at the end, '+' all, ' ' one */
};

static bool is_break(struct bytes in, size_t at)
{
    return at < in.len && (in.data[at] == '\n' || in.data[at] == '\r');
}

static bool is_blank(struct bytes in, size_t at)
{
    return at < in.len && (in.data[at] == ' ' || in.data[at] == '\t');
}

static bool take_break(struct block *b)
{
    if (!is_break(b->in, b->at))
        return false;
    b->at += b->in.data[b->at] == '\r' && b->at + 1 < b->in.len && b->in.data[b->at + 1] == '\n' ? 2 : 1;
    return true;
}

static size_t skip_spaces(struct bytes in, size_t at)
{
    while (at < in.len && in.data[at] == ' ')
        at++;
    return at;
}

static size_t skip_line(struct bytes in, size_t at)
{
    while (at < in.len && !is_break(in, at))
        at++;
    return at;
}

/* "|", "2" and "-" in either order, blanks, a comment, the line's end. */
static bool header(struct block *b, size_t *deeper)
{
    struct bytes in = b->in;
    if (b->at >= in.len || (in.data[b->at] != '|' && in.data[b->at] != '>'))
        return false;
    b->folded = in.data[b->at++] == '>';
    for (int i = 0; i < 2 && b->at < in.len; i++) {
        char c = (char)in.data[b->at];
        if (c >= '1' && c <= '9' && *deeper == 0)
            *deeper = (size_t)(c - '0');
        else if ((c == '-' || c == '+') && b->chomping == ' ')
            b->chomping = c;
        else
            break;
        b->at++;
    }
    size_t end = b->at;
    while (is_blank(in, end))
        end++;
    if (end > b->at && end < in.len && in.data[end] == '#')
        end = skip_line(in, end);
    b->at = end;
    return take_break(b) || end == in.len;
}

/* The first line that has anything decides; in a block without one, the longest (8.1.1.1). */
static size_t find_indent(const struct block *b, size_t least)
{
    struct block look = *b;
    size_t longest = least, indent;
    do {
        size_t line = look.at;
        look.at = skip_spaces(look.in, line);
        indent = look.at - line;
        if (look.at < look.in.len && !is_break(look.in, look.at))
            return indent >= least ? indent : longest;
        longest = indent > longest ? indent : longest;
    } while (take_break(&look));
    return longest;
}

static bool is_mark(struct bytes in, size_t at)
{
    const char *p = (const char *)in.data + at;
    return at + 3 <= in.len && (p[0] == '-' || p[0] == '.') && p[1] == p[0] && p[2] == p[0] &&
           (at + 3 == in.len || is_blank(in, at + 3) || is_break(in, at + 3));
}

/* Over lines without text, whose line ends are counted; true when a line with text follows, and then behind its indent.
 * Otherwise at the begin of what is behind the block. */
static bool next_line(struct block *b, size_t *empty)
{
    for (;;) {
        size_t line = b->at, text = skip_spaces(b->in, line);
        size_t begin = text - line > b->indent ? line + b->indent : text;
        if (begin - line == b->indent && begin < b->in.len && !is_break(b->in, begin) &&
            !(b->indent == 0 && is_mark(b->in, begin))) {
            b->at = begin;
            return true;
        }
        b->at = begin;
        if (!take_break(b)) {
            b->at = begin == b->in.len ? begin : line;
            return false;
        }
        (*empty)++;
    }
}

static void feeds(struct text *out, size_t count)
{
    for (; count > 0; count--)
        text_char(out, '\n');
}

size_t yaml_block(struct bytes in, size_t at, int parent, struct text *out)
{
    struct block b = {.in = in, .at = at, .chomping = ' '};
    size_t deeper = 0, least = parent >= 0 ? (size_t)parent : 0, empty = 0;
    bool ended = false, level = false; /* of the line before: a line feed ended it; no blank begins it */
    if (!header(&b, &deeper))
        return 0;
    b.indent = deeper > 0 ? least + deeper : find_indent(&b, parent >= 0 ? least + 1 : 0);
    while (next_line(&b, &empty)) {
        bool is_level = !is_blank(in, b.at);
        if (ended && b.folded && level && is_level) { /* 6.5: a line end is a space, empty lines are line feeds */
            if (empty == 0)
                text_char(out, ' ');
        } else {
            feeds(out, ended);
        }
        feeds(out, empty);
        empty = 0;
        size_t end = skip_line(in, b.at);
        text_add(out, (const char *)in.data + b.at, end - b.at);
        b.at = end;
        ended = take_break(&b);
        level = is_level;
    }
    if (b.chomping != '-')
        feeds(out, ended);
    if (b.chomping == '+')
        feeds(out, empty);
    return b.at;
}
