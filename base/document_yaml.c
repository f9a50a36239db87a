#include "base/document.h"

#include "base/array.h"
#include "base/document_build.h"
#include "base/map.h"
#include "base/text.h"
#include "base/utf8.h"
#include "base/yaml_block.h"
#include "base/yaml_quoted.h"

#include <errno.h>
#include <libfyaml.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define KEY_QUOTE_MAX 60      /* bytes of a key shown in a message */
#define ALIASED_MAX   1000000 /* nodes of a document whose aliases are written out */

/* What has an anchor. Nodes are never changed, so all its aliases share what is below it. */
struct anchored {
    struct node node;
    size_t weight; /* nodes, itself counted, with the aliases in it written out */
    int height;    /* levels below it */
};

/* A list or map whose end has not come yet. Its children grow here and move to the arena when it ends. */
struct frame {
    enum node_kind kind;
    size_t offset;
    ARRAY(struct node) items;
    ARRAY(struct node_pair) pairs;
    struct map keys; /* of the pairs; the value points to the line of the key */
    bool has_key;    /* the last pair waits for its value */
    bool merges;     /* one of the keys is a plain << */
    size_t key_offset;
    const char *anchor; /* or NULL */
    size_t weight;
    int height;
};

/* Nodes are built from libfyaml's events, not from its documents: those compare every key of a map with every other
 * one, and keep what is not needed here. */
struct reader {
    struct document *document;
    struct error *err;
    struct fy_parser *parser;
    struct frame frames[DOCUMENT_DEPTH_MAX];
    int depth;
    int documents;
    unsigned taken;           /* DOCUMENT_ALIASES, DOCUMENT_MANY */
    struct map anchors;       /* name -> struct anchored */
    ARRAY(struct node) roots; /* with DOCUMENT_MANY */
    const char *anchor;       /* of the value that comes, or NULL */
    size_t offset;            /* the last place known, for what has none of its own */
    size_t behind;            /* where the last scalar ends */
    struct text text;         /* of the last scalar that was quoted or a block */
};

static int no_memory(struct reader *r)
{
    return document_no_memory(r->document, r->err);
}

/* Some tokens begin, for libfyaml, behind the mark that opens them; people look for the mark. */
static size_t token_offset(const struct reader *r, struct fy_token *token)
{
    const struct fy_mark *mark = token ? fy_token_start_mark(token) : NULL;
    if (!mark)
        return r->offset;
    const struct bytes in = r->document->input;
    size_t at = mark->input_pos;
    enum fy_scalar_style style = fy_token_scalar_style(token);
    if (at > 0 && at <= in.len &&
        ((style == FYSS_SINGLE_QUOTED && in.data[at - 1] == '\'') ||
         (style == FYSS_DOUBLE_QUOTED && in.data[at - 1] == '"')))
        at--;
    return at;
}

/* ---- scalars ------------------------------------------------------------------------------------------------- */

static bool word_in(struct bytes b, const char *const *words)
{
    for (; *words; words++)
        if (bytes_is(b, *words))
            return true;
    return false;
}

static size_t skip_digits(struct bytes b, size_t at)
{
    while (at < b.len && b.data[at] >= '0' && b.data[at] <= '9')
        at++;
    return at;
}

static size_t skip_sign(struct bytes b)
{
    return b.len > 0 && (b.data[0] == '-' || b.data[0] == '+') ? 1 : 0;
}

/* Core schema (YAML 1.2.2, section 10.3.2): [-+]?[0-9]+, 0o[0-7]+, 0x[0-9a-fA-F]+. The base, or 0 for no integer. */
static int integer_base(struct bytes b)
{
    size_t start = skip_sign(b);
    if (start < b.len && skip_digits(b, start) == b.len)
        return 10;
    if (b.len < 3 || b.data[0] != '0' || (b.data[1] != 'o' && b.data[1] != 'x'))
        return 0;
    const char *digits = b.data[1] == 'o' ? "01234567" : "0123456789abcdefABCDEF";
    for (size_t i = 2; i < b.len; i++)
        if (b.data[i] == '\0' || !strchr(digits, b.data[i]))
            return 0;
    return b.data[1] == 'o' ? 8 : 16;
}

/* [-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?  Infinity and NaN have no JSON form: they stay text. */
static bool is_real(struct bytes b)
{
    size_t at = skip_sign(b);
    size_t whole = skip_digits(b, at);
    bool digits = whole > at;
    at = whole;
    if (at < b.len && b.data[at] == '.') {
        size_t end = skip_digits(b, at + 1);
        digits = digits || end > at + 1;
        at = end;
    }
    if (!digits)
        return false;
    if (at < b.len && (b.data[at] == 'e' || b.data[at] == 'E')) {
        at++;
        if (at < b.len && (b.data[at] == '-' || b.data[at] == '+'))
            at++;
        size_t end = skip_digits(b, at);
        if (end == at)
            return false;
        at = end;
    }
    return at == b.len;
}

/* `n` holds text that was written plain: see what it is by its form. */
static int resolve_plain(struct reader *r, struct node *n, size_t offset)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
    static const char *const trues[] = {"true", "True", "TRUE", NULL};
    static const char *const falses[] = {"false", "False", "FALSE", NULL};
    struct bytes b = n->text;
    const char *string = (const char *)b.data;
    int base;
    if (word_in(b, nulls)) {
        n->kind = NODE_NULL;
    } else if (word_in(b, trues) || word_in(b, falses)) {
        n->kind = NODE_BOOL;
        n->boolean = word_in(b, trues);
    } else if ((base = integer_base(b)) != 0) {
        errno = 0;
        long long value = strtoll(base == 8 ? string + 2 : string, NULL, base);
        if (errno && r->taken & DOCUMENT_LARGE)
            return 0;
        if (errno)
            return document_error(r->document, offset, r->err, ERROR_LIMIT,
                                  "integer does not fit in 64 bits (quote it if it is text)");
        n->kind = NODE_INTEGER;
        n->integer = value;
    } else if (is_real(b)) {
        double value = strtod(string, NULL);
        if (!isfinite(value))
            return document_error(r->document, offset, r->err, ERROR_LIMIT,
                                  "number too large (quote it if it is text)");
        n->kind = NODE_REAL;
        n->real = value;
    }
    return 0;
}

static size_t line_begin(struct bytes in, size_t at)
{
    while (at > 0 && in.data[at - 1] != '\n' && in.data[at - 1] != '\r')
        at--;
    return at;
}

/* The | or > of a block, whose token begins with the line behind it: keys and tags before it may have these too, but no
 * blank in front of them, or they are scalars themselves. */
static size_t block_offset(const struct reader *r, struct fy_token *token)
{
    const struct bytes in = r->document->input;
    const struct fy_mark *mark = fy_token_start_mark(token);
    size_t end = mark && mark->input_pos <= in.len ? mark->input_pos : in.len;
    if (end > 0 && in.data[end - 1] == '\n')
        end--;
    if (end > 0 && in.data[end - 1] == '\r')
        end--;
    size_t begin = line_begin(in, end), at = begin > r->behind ? begin : r->behind;
    while (at < end && ((in.data[at] != '|' && in.data[at] != '>') ||
                        (at > begin && in.data[at - 1] != ' ' && in.data[at - 1] != '\t')))
        at++;
    return at;
}

static int block_parent(const struct reader *r)
{
    size_t offset = r->depth > 0 ? r->frames[r->depth - 1].offset : 0;
    return r->depth > 0 ? (int)(offset - line_begin(r->document->input, offset)) : -1;
}

/* What a scalar says, until the next one is asked for; an empty value has no token. */
static int scalar_text(struct reader *r, struct fy_token *token, size_t offset, struct bytes *out)
{
    enum fy_scalar_style style = fy_token_scalar_style(token);
    *out = bytes_of("");
    const struct fy_mark *mark = token ? fy_token_end_mark(token) : NULL; /* of a block also behind the next indent */
    bool quoted = style == FYSS_SINGLE_QUOTED || style == FYSS_DOUBLE_QUOTED;
    if (quoted || style == FYSS_LITERAL || style == FYSS_FOLDED) {
        const struct bytes in = r->document->input;
        text_clear(&r->text);
        size_t end = quoted ? yaml_quoted(in, offset, &r->text)
                            : yaml_block(in, block_offset(r, token), block_parent(r), &r->text);
        if (!text_ok(&r->text))
            return no_memory(r);
        while (end > 0 && !quoted && mark && end < mark->input_pos && end < in.len && in.data[end] == ' ')
            end++;
        if (end == 0 || !mark || end != mark->input_pos)
            return document_error(r->document, offset, r->err, ERROR_SYNTAX, "where this text ends is not clear; %s",
                                  quoted ? "write it as a block (|)" : "use double quotes");
        *out = BYTES(text_string(&r->text), r->text.len);
    } else if (token) {
        size_t len = 0;
        const char *text = fy_token_get_text(token, &len);
        if (!text)
            return no_memory(r);
        *out = BYTES(text, len);
    }
    r->behind = mark ? mark->input_pos : r->behind;
    return 0;
}

/* The tag in full, or empty when there is none. */
static struct bytes tag_of(struct fy_token *token)
{
    size_t len = 0;
    const char *text = token ? fy_token_get_text(token, &len) : NULL;
    return text ? BYTES(text, len) : BYTES_NONE;
}

static int refuse_tag(struct reader *r, struct fy_token *tag, const char *why)
{
    return document_error(r->document, token_offset(r, tag), r->err, ERROR_INVALID, "%s", why);
}

static const char tag_refused[] = "tag not known; only !!str, !!int, !!float, !!bool, !!null, !!seq and !!map are";

static int read_scalar(struct reader *r, struct fy_event *event, struct node *n, size_t *offset)
{
    struct fy_token *value = event->scalar.value, *tag_token = event->scalar.tag;
    struct document *d = r->document;
    struct bytes text;
    *offset = token_offset(r, value); /* an empty value is where its key or the value before it is */
    int code = scalar_text(r, value, *offset, &text);
    if (code)
        return code;
    if (!utf8_valid(text))
        return document_error(d, *offset, r->err, ERROR_SYNTAX, "an escape makes text that is not Unicode");
    n->document = d;
    document_place(d, *offset, &n->line, &n->column);
    n->kind = NODE_TEXT;
    const char *copy = arena_string_n(&d->arena, (const char *)text.data, text.len);
    if (!copy)
        return no_memory(r);
    n->text = BYTES(copy, text.len);
    bool plain = !value || fy_token_scalar_style(value) == FYSS_PLAIN;
    if (!tag_token)
        return plain ? resolve_plain(r, n, *offset) : 0;

    struct bytes tag = tag_of(tag_token);
    if (bytes_is(tag, "tag:yaml.org,2002:str") || bytes_is(tag, "!"))
        return 0;
    static const struct {
        const char *tag;
        enum node_kind kind;
    } known[] = {{"tag:yaml.org,2002:int", NODE_INTEGER},
                 {"tag:yaml.org,2002:float", NODE_REAL},
                 {"tag:yaml.org,2002:bool", NODE_BOOL},
                 {"tag:yaml.org,2002:null", NODE_NULL}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (!bytes_is(tag, known[i].tag))
            continue;
        code = resolve_plain(r, n, *offset);
        if (code)
            return code;
        if (known[i].kind == NODE_REAL && n->kind == NODE_INTEGER) {
            n->kind = NODE_REAL;
            n->real = (double)n->integer;
        }
        if (n->kind != known[i].kind)
            return refuse_tag(r, tag_token, "the value is not what its tag says");
        return 0;
    }
    return refuse_tag(r, tag_token, tag_refused);
}

/* ---- lists and maps ------------------------------------------------------------------------------------------ */

static int add_key(struct reader *r, struct frame *f, struct fy_event *event)
{
    struct document *d = r->document;
    struct fy_token *value = event->scalar.value, *tag = event->scalar.tag;
    struct bytes key;
    size_t offset = token_offset(r, value);
    int code = scalar_text(r, value, offset, &key);
    if (code)
        return code;
    const char *text = (const char *)key.data;
    size_t len = key.len;
    if (!value || (len == 0 && fy_token_scalar_style(value) == FYSS_PLAIN))
        return document_error(d, offset, r->err, ERROR_SYNTAX, "expected a key");
    if (tag && !bytes_is(tag_of(tag), "tag:yaml.org,2002:str"))
        return refuse_tag(r, tag, "a key is text; only the tag !!str fits it");
    if (memchr(text, '\0', len) || !utf8_valid(BYTES(text, len)))
        return document_error(d, offset, r->err, ERROR_SYNTAX, "an escape puts into this key what a key cannot hold");
    struct node_pair pair = {.key = arena_string_n(&d->arena, text, len)};
    if (!pair.key)
        return no_memory(r);
    document_place(d, offset, &pair.key_line, &pair.key_column);
    const int *before = map_get_n(&f->keys, text, len);
    if (before) {
        struct text quoted = TEXT_INIT;
        text_printable(&quoted, text, len, KEY_QUOTE_MAX);
        code = document_error(d, offset, r->err, ERROR_SYNTAX, "key \"%s\" again; it is on line %d already",
                              text_string(&quoted), *before);
        text_deinit(&quoted);
        return code;
    }
    int *line = arena_copy(&d->arena, &pair.key_line, sizeof pair.key_line);
    if (!line || !array_push(&f->pairs, pair) || !map_put_n(&f->keys, text, len, line))
        return no_memory(r);
    f->has_key = true;
    f->merges |= fy_token_scalar_style(value) == FYSS_PLAIN && strcmp(pair.key, "<<") == 0;
    f->key_offset = offset;
    r->offset = offset;
    return 0;
}

/* A finished value goes to the frame on top, or is the document. */
static int add_value(struct reader *r, const struct node *n, const char *anchor, size_t weight, int height)
{
    struct frame *f = r->depth > 0 ? &r->frames[r->depth - 1] : NULL;
    if (anchor) {
        const struct anchored made = {.node = *n, .weight = weight, .height = height};
        struct anchored *kept = arena_copy(&r->document->arena, &made, sizeof made);
        if (!kept || !map_put(&r->anchors, anchor, kept))
            return no_memory(r);
    }
    if (f && f->weight + weight > ALIASED_MAX)
        return document_error(r->document, r->offset, r->err, ERROR_LIMIT,
                              "with its aliases written out the document has more than %d values", ALIASED_MAX);
    if (!f) {
        r->document->root = *n;
        return r->taken & DOCUMENT_MANY && n->kind != NODE_NULL && !array_push(&r->roots, *n) ? no_memory(r) : 0;
    }
    f->weight += weight;
    f->height = f->height > height ? f->height : height;
    if (f->kind == NODE_LIST)
        return array_push(&f->items, *n) ? 0 : no_memory(r);
    array_last(&f->pairs)->value = *n;
    f->has_key = false;
    return 0;
}

static bool key_is_next(const struct reader *r)
{
    return r->depth > 0 && r->frames[r->depth - 1].kind == NODE_MAP && !r->frames[r->depth - 1].has_key;
}

static int on_scalar(struct reader *r, struct fy_event *event)
{
    if (key_is_next(r))
        return add_key(r, &r->frames[r->depth - 1], event);
    const char *anchor = r->anchor;
    struct node n = {0};
    size_t offset;
    int code = read_scalar(r, event, &n, &offset);
    if (code)
        return code;
    r->offset = offset;
    return add_value(r, &n, anchor, 1, 0);
}

static int on_start(struct reader *r, enum node_kind kind, struct fy_token *start, struct fy_token *tag)
{
    size_t offset = token_offset(r, start);
    const char *own = kind == NODE_LIST ? "tag:yaml.org,2002:seq" : "tag:yaml.org,2002:map";
    if (key_is_next(r))
        return document_error(r->document, offset, r->err, ERROR_SYNTAX, "expected a key, and a key is text, not %s",
                              node_kind_name(kind));
    if (tag && !bytes_is(tag_of(tag), own))
        return refuse_tag(r, tag, tag_refused);
    if (r->depth == DOCUMENT_DEPTH_MAX)
        return document_error(r->document, offset, r->err, ERROR_LIMIT, "nested deeper than %d levels",
                              DOCUMENT_DEPTH_MAX);
    r->frames[r->depth++] = (struct frame){.kind = kind, .offset = offset, .anchor = r->anchor, .weight = 1};
    r->offset = offset;
    return 0;
}

static void frame_deinit(struct frame *f)
{
    array_deinit(&f->items);
    array_deinit(&f->pairs);
    map_deinit(&f->keys);
}

/* What the map of a << has and this one has not; the first of several wins (YAML's merge key, 2005). */
static int merge_from(struct reader *r, struct frame *f, const struct node *from)
{
    if (from->kind == NODE_LIST) {
        int code = 0;
        for (size_t i = 0; i < from->list.count && !code; i++)
            code = from->list.items[i].kind == NODE_MAP
                       ? merge_from(r, f, &from->list.items[i])
                       : node_error(&from->list.items[i], r->err, ERROR_INVALID, "<< takes maps");
        return code;
    }
    if (from->kind != NODE_MAP)
        return node_error(from, r->err, ERROR_INVALID, "<< takes a map, or a list of maps");
    for (size_t i = 0; i < from->map.count; i++) {
        const struct node_pair *p = &from->map.pairs[i];
        int *line = NULL;
        if (map_get(&f->keys, p->key))
            continue;
        line = arena_copy(&r->document->arena, &p->key_line, sizeof p->key_line);
        if (!line || !array_push(&f->pairs, *p) || !map_put(&f->keys, p->key, line))
            return no_memory(r);
    }
    return 0;
}

static int merge(struct reader *r, struct frame *f)
{
    size_t at = 0;
    while (strcmp(f->pairs.items[at].key, "<<") != 0)
        at++;
    struct node from = f->pairs.items[at].value;
    memmove(&f->pairs.items[at], &f->pairs.items[at + 1], (f->pairs.count - at - 1) * sizeof *f->pairs.items);
    f->pairs.count--;
    return merge_from(r, f, &from);
}

static int on_end(struct reader *r)
{
    struct frame *f = &r->frames[r->depth - 1];
    struct document *d = r->document;
    struct node n = {.kind = f->kind, .document = d};
    const char *anchor = f->anchor;
    size_t weight = f->weight;
    int height = f->height + 1;
    int code = f->merges && r->taken & DOCUMENT_ALIASES ? merge(r, f) : 0;
    document_place(d, f->offset, &n.line, &n.column);
    if (code) {
        frame_deinit(f);
        r->depth--;
        return code;
    }
    if (f->kind == NODE_LIST) {
        n.list.count = f->items.count;
        if (f->items.count)
            n.list.items = arena_copy(&d->arena, f->items.items, f->items.count * sizeof *f->items.items);
        if (f->items.count && !n.list.items)
            code = no_memory(r);
    } else {
        n.map.count = f->pairs.count;
        if (f->pairs.count)
            n.map.pairs = arena_copy(&d->arena, f->pairs.items, f->pairs.count * sizeof *f->pairs.items);
        if (f->pairs.count && !n.map.pairs)
            code = no_memory(r);
    }
    frame_deinit(f);
    r->depth--;
    return code ? code : add_value(r, &n, anchor, weight, height);
}

/* ---- events -------------------------------------------------------------------------------------------------- */

static int refuse_anchor(struct reader *r, struct fy_token *anchor)
{
    /* The token begins behind its mark. */
    size_t offset = token_offset(r, anchor);
    return document_error(r->document, offset > 0 ? offset - 1 : 0, r->err, ERROR_INVALID,
                          "anchors (&name) and aliases (*name) are not read here: a document is data, write it out");
}

/* The value of the anchor once more. */
static int on_alias(struct reader *r, struct fy_token *token)
{
    size_t len = 0, offset = token_offset(r, token);
    const char *name = fy_token_get_text(token, &len);
    const struct anchored *a = name ? map_get_n(&r->anchors, name, len) : NULL;
    offset -= offset > 0; /* the token begins behind its mark */
    if (!name)
        return no_memory(r);
    r->offset = offset;
    if (!a)
        return document_error(r->document, offset, r->err, ERROR_NOT_FOUND, "there is no anchor &%.*s before this",
                              (int)(len < KEY_QUOTE_MAX ? len : KEY_QUOTE_MAX), name);
    if (key_is_next(r))
        return document_error(r->document, offset, r->err, ERROR_SYNTAX, "expected a key, and a key is no alias");
    if (r->depth + a->height > DOCUMENT_DEPTH_MAX)
        return document_error(r->document, offset, r->err, ERROR_LIMIT, "nested deeper than %d levels",
                              DOCUMENT_DEPTH_MAX);
    return add_value(r, &a->node, NULL, a->weight, a->height);
}

static int on_event(struct reader *r, struct fy_event *event)
{
    struct fy_token *anchor = event->type == FYET_ALIAS ? event->alias.anchor : fy_event_get_anchor_token(event);
    if (anchor && !(r->taken & DOCUMENT_ALIASES))
        return refuse_anchor(r, anchor);
    if (event->type == FYET_ALIAS)
        return on_alias(r, anchor);
    r->anchor = NULL;
    if (anchor) {
        size_t len = 0;
        const char *name = fy_token_get_text(anchor, &len);
        r->anchor = name ? arena_string_n(&r->document->arena, name, len) : NULL;
        if (!r->anchor)
            return no_memory(r);
    }
    if (event->type == FYET_DOCUMENT_START) {
        r->documents++;
        map_deinit(&r->anchors); /* names are a document's own */
        r->anchors = (struct map){0};
    }
    /* A document that begins without "---" has no place before its first event. */
    struct fy_token *token = fy_event_get_token(event);
    if (r->documents > 1 && !(r->taken & DOCUMENT_MANY) && (token || event->type != FYET_DOCUMENT_START))
        return document_error(r->document, token_offset(r, token), r->err, ERROR_INVALID,
                              "a second document begins; one file holds one");
    switch (event->type) {
    case FYET_SCALAR:
        return on_scalar(r, event);
    case FYET_SEQUENCE_START:
        return on_start(r, NODE_LIST, event->sequence_start.sequence_start, event->sequence_start.tag);
    case FYET_MAPPING_START:
        return on_start(r, NODE_MAP, event->mapping_start.mapping_start, event->mapping_start.tag);
    case FYET_SEQUENCE_END:
    case FYET_MAPPING_END:
        return on_end(r);
    case FYET_NONE:
    case FYET_STREAM_START:
    case FYET_STREAM_END:
    case FYET_DOCUMENT_START:
    case FYET_DOCUMENT_END:
    case FYET_ALIAS:
    default:
        return 0;
    }
}

/* libfyaml's own complaint, at its place. */
static int syntax_error(struct reader *r, struct fy_diag *diag)
{
    void *iterator = NULL;
    const struct fy_diag_error *e = fy_diag_errors_iterate(diag, &iterator);
    if (!e || !e->msg)
        return document_error(r->document, r->offset, r->err, ERROR_SYNTAX, "not well-formed YAML");
    struct text message = TEXT_INIT;
    text_printable(&message, e->msg, strlen(e->msg), SIZE_MAX);
    int line = e->line > 0 ? e->line : 0;
    int code = error_set_at(r->err, ERROR_SYNTAX, r->document->name, line, e->column > 0 ? e->column : 0, "%s",
                            text_string(&message));
    text_deinit(&message);
    return code;
}

/* Several documents are a list of them, and of what they are lists of. */
static int join(struct reader *r)
{
    struct document *d = r->document;
    size_t count = 0, at = 0;
    if (r->roots.count == 1)
        d->root = r->roots.items[0];
    if (r->roots.count < 2)
        return 0;
    for (size_t i = 0; i < r->roots.count; i++)
        count += r->roots.items[i].kind == NODE_LIST ? r->roots.items[i].list.count : 1;
    struct node *items = arena_alloc_n(&d->arena, count + 1, sizeof *items);
    if (!items)
        return no_memory(r);
    for (size_t i = 0; i < r->roots.count; i++) {
        const struct node *one = &r->roots.items[i];
        for (size_t j = 0; one->kind == NODE_LIST && j < one->list.count; j++)
            items[at++] = one->list.items[j];
        if (one->kind != NODE_LIST)
            items[at++] = *one;
    }
    d->root = (struct node){.kind = NODE_LIST, .line = 1, .column = 1, .document = d};
    d->root.list.items = items;
    d->root.list.count = count;
    return 0;
}

static int read_all(struct reader *r, struct fy_diag *diag)
{
    for (;;) {
        struct fy_event *event = fy_parser_parse(r->parser);
        if (!event)
            return fy_parser_get_stream_error(r->parser) ? syntax_error(r, diag) : join(r);
        int code = on_event(r, event);
        fy_parser_event_free(r->parser, event);
        if (code)
            return code;
    }
}

int document_parse_yaml_with(struct bytes input, const char *name, unsigned taken, struct document **out,
                             struct error *err)
{
    struct fy_diag *diag = NULL;
    struct reader *r = NULL;
    struct document *d;
    *out = NULL;
    int code = document_new(input, name, true, &d, err);
    if (code)
        return code;
    r = calloc(1, sizeof *r);
    /* Without a collecting diag object libfyaml prints to stderr, whatever its flags say. */
    struct fy_diag_cfg diag_cfg;
    fy_diag_cfg_default(&diag_cfg);
    diag_cfg.fp = NULL;
    diag_cfg.colorize = false;
    diag_cfg.level = FYET_ERROR;
    diag = fy_diag_create(&diag_cfg);
    if (!r || !diag) {
        code = document_no_memory(d, err);
        goto out;
    }
    fy_diag_set_collect_errors(diag, true);
    r->document = d;
    r->err = err;
    r->taken = taken;
    d->root = (struct node){.kind = NODE_NULL, .line = 1, .column = 1, .document = d};
    struct fy_parse_cfg cfg = {.flags = (enum fy_parse_cfg_flags)(FYPCF_QUIET | FYPCF_COLLECT_DIAG | FYPCF_JSON_NONE),
                               .diag = diag};
    r->parser = fy_parser_create(&cfg);
    if (!r->parser || fy_parser_set_string(r->parser, (const char *)d->input.data, d->input.len) != 0) {
        code = document_no_memory(d, err);
        goto out;
    }
    code = read_all(r, diag);
out:
    if (r) {
        while (r->depth > 0)
            frame_deinit(&r->frames[--r->depth]);
        if (r->parser)
            fy_parser_destroy(r->parser);
        map_deinit(&r->anchors);
        array_deinit(&r->roots);
        text_deinit(&r->text);
        free(r);
    }
    if (diag)
        fy_diag_destroy(diag);
    if (code)
        document_free(d);
    else
        *out = d;
    return code;
}

int document_parse_yaml(struct bytes input, const char *name, struct document **out, struct error *err)
{
    return document_parse_yaml_with(input, name, 0, out, err);
}
