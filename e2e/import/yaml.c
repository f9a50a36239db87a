/* A document as YAML: plain where that reads back as the same text, quoted otherwise, texts of several lines as blocks,
 * short lists and maps on one line. */
#include "base/utf8.h"
#include "e2e/import/import.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_SHORT 90 /* characters of a list or map on one line */

/* Could it be read as something else, or end where it should not? Then it is quoted. */
static bool is_plain(struct bytes t)
{
    const char *s = (const char *)t.data;
    static const char *const words[] = {"null",  "Null", "NULL", "true", "True", "TRUE", "false", "False",
                                        "FALSE", "yes",  "no",   "on",   "off",  "y",    "n",     "~"};
    if (t.len == 0 || !(isalpha((unsigned char)s[0]) || s[0] == '/' || s[0] == '$' || s[0] == '_') ||
        isspace((unsigned char)s[t.len - 1]) || s[t.len - 1] == ':')
        return false;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (bytes_is(t, words[i]))
            return false;
    for (size_t i = 0; i < t.len; i++) {
        unsigned char c = t.data[i];
        if (c < 0x20 || c == 0x7F || strchr("{}[],#&*!|>'\"%@`", c) != NULL || (c == ':' && s[i + 1] == ' '))
            return false;
    }
    return true;
}

/* YAML has them as escapes only (1.2.2, 5.1). */
static bool is_control(uint32_t c)
{
    return c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0x2028 || c == 0x2029 || c == 0xFEFF || c == 0xFFFE ||
           c == 0xFFFF;
}

static void put_text(struct bytes t, struct text *out)
{
    /* Two quotes beside each other would be four, which libfyaml reads as three. */
    bool control = t.len > 1 && memmem(t.data, t.len, "''", 2) != NULL;
    uint32_t c;
    for (size_t at = 0; at < t.len;)
        control = !utf8_next(t, &at, &c) || is_control(c) || control;
    if (!control && is_plain(t)) {
        text_add(out, t.data, t.len);
    } else if (control) {
        text_char(out, '"');
        for (size_t at = 0, from = 0; at < t.len; from = at) {
            if (utf8_next(t, &at, &c) && c > 0x20 && is_control(c))
                text_printf(out, "\\u%04X", (unsigned)c);
            else
                text_json(out, (const char *)t.data + from, at - from);
        }
        text_char(out, '"');
    } else {
        text_char(out, '\'');
        for (size_t i = 0; i < t.len; i++) {
            if (t.data[i] == '\'')
                text_char(out, '\'');
            text_char(out, (char)t.data[i]);
        }
        text_char(out, '\'');
    }
}

static void put_scalar(const struct node *n, struct text *out)
{
    char number[32];
    if (n->kind == NODE_TEXT) {
        put_text(n->text, out);
    } else if (n->kind == NODE_BOOL) {
        text_puts(out, n->boolean ? "true" : "false");
    } else if (n->kind == NODE_INTEGER) {
        text_printf(out, "%" PRId64, n->integer);
    } else if (n->kind == NODE_REAL) {
        for (int digits = 15; digits <= 17; digits++) { /* the fewest that read back as the same number */
            snprintf(number, sizeof number, "%.*g", digits, n->real);
            if (strtod(number, NULL) == n->real)
                break;
        }
        text_printf(out, "%s%s", number, strpbrk(number, ".en") == NULL ? ".0" : "");
    } else {
        text_puts(out, "null");
    }
}

static void put_flow(const struct node *n, struct text *out)
{
    if (n->kind == NODE_LIST) {
        text_char(out, '[');
        for (size_t i = 0; i < n->list.count; i++) {
            text_puts(out, i > 0 ? ", " : "");
            put_flow(&n->list.items[i], out);
        }
        text_char(out, ']');
    } else if (n->kind == NODE_MAP) {
        text_char(out, '{');
        for (size_t i = 0; i < n->map.count; i++) {
            text_puts(out, i > 0 ? ", " : "");
            put_text(bytes_of(n->map.pairs[i].key), out);
            text_puts(out, ": ");
            put_flow(&n->map.pairs[i].value, out);
        }
        text_char(out, '}');
    } else {
        put_scalar(n, out);
    }
}

/* A text of several lines without anything that a block cannot say. */
static bool is_block(const struct node *n)
{
    if (n->kind != NODE_TEXT || n->text.len < 2 || memchr(n->text.data, '\n', n->text.len) == NULL)
        return false;
    if (isspace(n->text.data[0]))
        return false;
    for (size_t i = 0; i < n->text.len; i++) {
        uint8_t c = n->text.data[i];
        bool blank_line_end = (c == ' ' || c == '\t') && (i + 1 == n->text.len || n->text.data[i + 1] == '\n');
        if ((c < 0x20 && c != '\n') || c >= 0x7F || blank_line_end)
            return false;
    }
    size_t ends = 0;
    while (ends < n->text.len && n->text.data[n->text.len - 1 - ends] == '\n')
        ends++;
    return ends <= 1;
}

static void put_block(struct bytes t, int indent, struct text *out)
{
    bool ended = t.data[t.len - 1] == '\n';
    text_puts(out, ended ? "|\n" : "|-\n");
    for (size_t at = 0; at < t.len;) {
        const uint8_t *end = memchr(t.data + at, '\n', t.len - at);
        size_t len = end != NULL ? (size_t)(end - (t.data + at)) : t.len - at;
        if (len > 0)
            text_printf(out, "%*s", indent, "");
        text_add(out, t.data + at, len);
        text_char(out, '\n');
        at += len + 1;
    }
}

static bool holds_block(const struct node *n)
{
    bool found = is_block(n);
    for (size_t i = 0; n->kind == NODE_LIST && i < n->list.count; i++)
        found = found || holds_block(&n->list.items[i]);
    for (size_t i = 0; n->kind == NODE_MAP && i < n->map.count; i++)
        found = found || holds_block(&n->map.pairs[i].value);
    return found;
}

/* On one line when it is short. */
static bool put_short(const struct node *n, int indent, bool always_long, struct text *out)
{
    struct text line = TEXT_INIT;
    bool scalar = n->kind != NODE_LIST && n->kind != NODE_MAP;
    bool empty = (n->kind == NODE_LIST && n->list.count == 0) || (n->kind == NODE_MAP && n->map.count == 0);
    if (holds_block(n) || (always_long && !scalar && !empty))
        return false;
    put_flow(n, &line);
    bool fits = scalar || empty || line.len + (size_t)indent <= LINE_SHORT;
    if (fits)
        text_add(out, text_string(&line), line.len);
    out->failed = out->failed || !text_ok(&line);
    text_deinit(&line);
    return fits;
}

static bool is_steps(const char *key)
{
    return strcmp(key, "steps") == 0 || strcmp(key, "finally") == 0 || strcmp(key, "flows") == 0 ||
           strcmp(key, "then") == 0 || strcmp(key, "check") == 0;
}

static void put_map(const struct node *n, int indent, struct text *out);

static void put_list(const struct node *n, int indent, bool steps, struct text *out)
{
    for (size_t i = 0; i < n->list.count; i++) {
        const struct node *item = &n->list.items[i];
        text_printf(out, "%*s- ", indent, "");
        if (item->kind == NODE_MAP && item->map.count > 0 && (steps || holds_block(item))) {
            put_map(item, -(indent + 2), out);
        } else if (is_block(item)) {
            put_block(item->text, indent + 2, out);
        } else if (put_short(item, 0, false, out)) {
            text_char(out, '\n');
        } else if (item->kind == NODE_MAP) {
            put_map(item, -(indent + 2), out);
        } else {
            text_char(out, '\n');
            put_list(item, indent + 2, false, out);
        }
    }
}

/* A negative indent: the first line stands already where it should. */
static void put_map(const struct node *n, int indent, struct text *out)
{
    bool here = indent < 0;
    indent = here ? -indent : indent;
    for (size_t i = 0; i < n->map.count; i++) {
        const struct node_pair *p = &n->map.pairs[i];
        text_printf(out, "%*s", i == 0 && here ? 0 : indent, "");
        put_text(bytes_of(p->key), out);
        text_char(out, ':');
        if (is_block(&p->value)) {
            text_char(out, ' ');
            put_block(p->value.text, indent + 2, out);
            continue;
        }
        size_t before = out->len;
        text_char(out, ' ');
        if (put_short(&p->value, indent + (int)strlen(p->key) + 2, is_steps(p->key), out)) {
            text_char(out, '\n');
            continue;
        }
        text_truncate(out, before);
        text_char(out, '\n');
        if (p->value.kind == NODE_MAP)
            put_map(&p->value, indent + 2, out);
        else
            put_list(&p->value, indent + 2, is_steps(p->key), out);
    }
}

bool import_yaml(const struct node *root, struct text *out)
{
    if (root->kind == NODE_MAP)
        put_map(root, 0, out);
    else
        put_flow(root, out);
    return text_ok(out);
}
