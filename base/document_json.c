#include "base/document.h"

#include "base/document_build.h"
#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>

/* jansson decides what is JSON; this walks the same text beside its values for the places. The text is known to be well
 * formed by then, and jansson keeps an object's members in the order of the file.
 *
 * Texts and numbers are read here once more and must agree with jansson's: when memory runs out while one of its tokens
 * grows, jansson 2.14 loses a character of it and goes on. A difference is therefore lack of memory. */
struct walk {
    struct document *document;
    size_t at;
    struct error *err;
};

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void skip_space(struct walk *w)
{
    const struct bytes in = w->document->input;
    while (w->at < in.len && is_space(in.data[w->at]))
        w->at++;
}

static uint32_t read_hex4(const uint8_t *digits)
{
    uint32_t value = 0;
    for (int i = 0; i < 4; i++) {
        uint8_t c = digits[i];
        value = value << 4 | (uint32_t)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return value;
}

/* What stands behind a backslash at `at`; returns how many bytes of input it took. */
static size_t read_escape(struct bytes in, size_t at, uint32_t *c)
{
    static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    if (in.data[at] != 'u') {
        const char *letter = memchr(letters, in.data[at], sizeof letters - 1);
        *c = letter ? (uint8_t)meanings[letter - letters] : in.data[at];
        return 1;
    }
    if (in.len - at < 5)
        return 1;
    *c = read_hex4(in.data + at + 1);
    if (*c < 0xD800 || *c > 0xDBFF || in.len - at < 11)
        return 5;
    /* jansson lets no half of a surrogate pair pass. */
    *c = 0x10000 + ((*c - 0xD800) << 10) + (read_hex4(in.data + at + 7) - 0xDC00);
    return 11;
}

/* The text between the quotes at w->at, which moves behind them. NULL: no memory. */
static const char *read_string(struct walk *w, size_t *len)
{
    const struct bytes in = w->document->input;
    size_t end = w->at + 1;
    while (end < in.len && in.data[end] != '"')
        end += in.data[end] == '\\' ? 2 : 1;
    /* No escape is shorter than what it stands for. */
    char *text = arena_alloc(&w->document->arena, end - w->at);
    if (!text)
        return NULL;
    *len = 0;
    for (size_t at = w->at + 1; at < end && at < in.len;) {
        if (in.data[at] != '\\') {
            text[(*len)++] = (char)in.data[at++];
            continue;
        }
        uint32_t c = 0;
        at++;
        if (at < in.len)
            at += read_escape(in, at, &c);
        *len += utf8_write(c, text + *len);
    }
    w->at = end + 1;
    return text;
}

static void skip_word(struct walk *w)
{
    const struct bytes in = w->document->input;
    while (w->at < in.len && !is_space(in.data[w->at]) && in.data[w->at] != ',' && in.data[w->at] != ']' &&
           in.data[w->at] != '}')
        w->at++;
}

/* Past the separator or the closing bracket. */
static void skip_mark(struct walk *w)
{
    skip_space(w);
    w->at++;
}

static int build(struct walk *w, json_t *json, struct node *n, int depth);

static int build_list(struct walk *w, json_t *json, struct node *n, int depth)
{
    struct document *d = w->document;
    n->kind = NODE_LIST;
    n->list.count = json_array_size(json);
    n->list.items = n->list.count ? ARENA_NEW_N(&d->arena, struct node, n->list.count) : NULL;
    if (n->list.count && !n->list.items)
        return document_no_memory(d, w->err);
    skip_mark(w);
    for (size_t i = 0; i < n->list.count; i++) {
        int code = build(w, json_array_get(json, i), &n->list.items[i], depth + 1);
        if (code)
            return code;
        skip_mark(w);
    }
    if (n->list.count == 0)
        skip_mark(w);
    return 0;
}

static int build_map(struct walk *w, json_t *json, struct node *n, int depth)
{
    struct document *d = w->document;
    const char *key;
    json_t *value;
    size_t i = 0;
    n->kind = NODE_MAP;
    n->map.count = json_object_size(json);
    n->map.pairs = n->map.count ? ARENA_NEW_N(&d->arena, struct node_pair, n->map.count) : NULL;
    if (n->map.count && !n->map.pairs)
        return document_no_memory(d, w->err);
    skip_mark(w);
    json_object_foreach(json, key, value)
    {
        if (!n->map.pairs || i == n->map.count)
            break;
        struct node_pair *pair = &n->map.pairs[i++];
        skip_space(w);
        document_place(d, w->at, &pair->key_line, &pair->key_column);
        size_t len;
        pair->key = read_string(w, &len);
        if (!pair->key || strcmp(pair->key, key) != 0)
            return document_no_memory(d, w->err);
        skip_mark(w);
        int code = build(w, value, &pair->value, depth + 1);
        if (code)
            return code;
        skip_mark(w);
    }
    if (n->map.count == 0)
        skip_mark(w);
    return 0;
}

static int build(struct walk *w, json_t *json, struct node *n, int depth)
{
    struct document *d = w->document;
    skip_space(w);
    n->document = d;
    document_place(d, w->at, &n->line, &n->column);
    if (depth > DOCUMENT_DEPTH_MAX && (json_is_array(json) || json_is_object(json))) /* as in YAML */
        return document_error(d, w->at, w->err, ERROR_LIMIT, "nested deeper than %d levels", DOCUMENT_DEPTH_MAX);
    switch (json_typeof(json)) {
    case JSON_OBJECT:
        return build_map(w, json, n, depth);
    case JSON_ARRAY:
        return build_list(w, json, n, depth);
    case JSON_STRING: {
        size_t len;
        const char *text = read_string(w, &len);
        if (!text || !bytes_equal(BYTES(text, len), BYTES(json_string_value(json), json_string_length(json))))
            return document_no_memory(d, w->err);
        n->kind = NODE_TEXT;
        n->text = BYTES(text, len);
        return 0;
    }
    case JSON_INTEGER:
        n->kind = NODE_INTEGER;
        n->integer = json_integer_value(json);
        if (strtoll((const char *)d->input.data + w->at, NULL, 10) != n->integer)
            return document_no_memory(d, w->err);
        break;
    case JSON_REAL: {
        n->kind = NODE_REAL;
        n->real = strtod((const char *)d->input.data + w->at, NULL);
        double theirs = json_real_value(json); /* both are finite */
        if (n->real < theirs || n->real > theirs)
            return document_no_memory(d, w->err);
        break;
    }
    case JSON_TRUE:
    case JSON_FALSE:
        n->kind = NODE_BOOL;
        n->boolean = json_is_true(json);
        break;
    case JSON_NULL:
    default:
        n->kind = NODE_NULL;
        break;
    }
    skip_word(w);
    return 0;
}

/* jansson stops behind the token it stumbled over and quotes it; the place people look for is where it begins. */
static size_t error_offset(const struct document *d, const json_error_t *error)
{
    size_t end = error->position > 0 ? (size_t)error->position : 0;
    if (end > d->input.len)
        end = d->input.len;
    const char *near = strstr(error->text, " near '");
    if (near) {
        near += strlen(" near '");
        size_t len = strlen(near);
        if (len > 0 && near[len - 1] == '\'')
            len--;
        if (len > 0 && len <= end && memcmp(d->input.data + end - len, near, len) == 0)
            return end - len;
    }
    /* Without a quoted token jansson is behind the offending byte, or at the end of the text. */
    return end > 0 && end < d->input.len ? end - 1 : end;
}

static int map_error(struct document *d, const json_error_t *error, struct error *err)
{
    /* Without memory jansson says nothing at all, or takes the string it could not keep for an invalid token. A string
     * that is really malformed has a message of its own, and no other token ends in a quote. */
    bool blames_token = strncmp(error->text, "invalid token", strlen("invalid token")) == 0 ||
                        strncmp(error->text, "string or '}' expected", strlen("string or '}' expected")) == 0;
    size_t end = error->position > 0 ? (size_t)error->position : 0;
    const char *near = strstr(error->text, " near '"); /* absent for long tokens */
    bool quote =
        near ? near[strlen(" near '")] == '"' : end > 0 && end <= d->input.len && d->input.data[end - 1] == '"';
    int code = ERROR_SYNTAX;
    if (!error->text[0] || (blames_token && quote))
        return document_no_memory(d, err);
    switch (json_error_code(error)) {
    case json_error_out_of_memory:
        return document_no_memory(d, err);
    case json_error_numeric_overflow:
    case json_error_stack_overflow:
        code = ERROR_LIMIT;
        break;
    case json_error_unknown:
    case json_error_invalid_argument:
    case json_error_cannot_open_file:
    case json_error_invalid_utf8:
    case json_error_premature_end_of_input:
    case json_error_end_of_input_expected:
    case json_error_invalid_syntax:
    case json_error_invalid_format:
    case json_error_wrong_type:
    case json_error_null_character:
    case json_error_null_value:
    case json_error_null_byte_in_key:
    case json_error_duplicate_key:
    case json_error_item_not_found:
    case json_error_index_out_of_range:
    default:
        break;
    }
    return document_error(d, error_offset(d, error), err, code, "%s", error->text);
}

int document_parse_json(struct bytes input, const char *name, struct document **out, struct error *err)
{
    json_t *json = NULL;
    json_error_t error;
    struct document *d;
    *out = NULL;
    int code = document_new(input, name, false, &d, err); /* without NUL bytes: jansson skips one behind a number */
    if (code)
        return code;
    if (d->input.len >= 3 && memcmp(d->input.data, "\xEF\xBB\xBF", 3) == 0) {
        code = document_error(d, 0, err, ERROR_SYNTAX, "byte order mark; JSON text begins without one");
        goto out;
    }
    memset(&error, 0, sizeof error);
    json = json_loadb((const char *)d->input.data, d->input.len,
                      JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
    if (!json) {
        code = map_error(d, &error, err);
        goto out;
    }
    struct walk w = {.document = d, .err = err};
    code = build(&w, json, &d->root, 1);
out:
    json_decref(json);
    if (code)
        document_free(d);
    else
        *out = d;
    return code;
}
