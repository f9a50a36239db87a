#include "wire/pb_from_json.h"

#include "base/json_text.h"

#include <stdlib.h>

#define SEEN_WORDS 8 /* presence bits of a message kept on the stack: 512 fields and oneofs */

static bool takes_null(const struct pb_field *f)
{
    return (f->kind == PB_MESSAGE && f->message->known == PB_VALUE) ||
           (f->kind == PB_ENUM && pb_enum_is_null(f->enumeration));
}

int pb_expect(struct pb_from_json *c, enum pb_json_token wanted)
{
    enum pb_json_token found = pb_json_peek(&c->in);
    if (found == wanted)
        return 0;
    int code = found == PB_JSON_OTHER || found == PB_JSON_END ? ERROR_SYNTAX : ERROR_INVALID;
    return pb_json_fail(&c->in, c->in.at, code, "expected %s, found %s", pb_json_token_name(wanted),
                        pb_json_token_name(found));
}

int pb_read_nested(struct pb_from_json *c, uint32_t number, const struct pb_type *t)
{
    if (c->depth == PB_DEPTH_MAX)
        return pb_json_fail(&c->in, c->in.at, ERROR_LIMIT, "messages nest deeper than %d", PB_DEPTH_MAX);
    c->depth++;
    size_t mark = pb_open(c->wire, number);
    int rc = pb_read_message(c, t);
    pb_close(c->wire, mark);
    c->depth--;
    return rc;
}

/* One value of field `f` with its tag; `*ignored` when nothing was written because the enum's name is unknown. */
static int read_value(struct pb_from_json *c, const struct pb_field *f, uint32_t number, bool keep_default,
                      bool *ignored)
{
    *ignored = false;
    if (f->kind == PB_MESSAGE)
        return pb_read_nested(c, number, f->message);
    struct pb_scalar s;
    int rc = pb_scalar_read(c, f->kind, f->enumeration, &s);
    if (rc)
        return rc;
    *ignored = s.ignored;
    if (!s.ignored && (keep_default || !pb_scalar_is_default(f->kind, &s)))
        pb_scalar_write(c->wire, number, f->kind, &s);
    return 0;
}

static int refuse_null(struct pb_from_json *c, const struct pb_field *f, const char *where)
{
    if (pb_json_peek(&c->in) != PB_JSON_NULL || takes_null(f))
        return 0;
    return pb_json_fail(&c->in, c->in.at, ERROR_INVALID, "null is no %s", where);
}

/* ---- lists and maps -------------------------------------------------------------------------------------------- */

int pb_read_list(struct pb_from_json *c, const struct pb_field *f, const struct pb_path *up)
{
    int rc = pb_expect(c, PB_JSON_LIST);
    if (rc)
        return rc;
    pb_json_open(&c->in);
    struct pb_path path = {.up = up, .field = f};
    size_t before = c->wire->len;
    size_t mark = f->packed ? pb_open(c->wire, f->number) : 0;
    bool first = true;
    for (;; first = false) {
        bool more, ignored;
        rc = pb_json_next_element(&c->in, first, &more);
        if (rc || !more)
            break;
        path.index = first ? 0 : path.index + 1;
        c->in.path = &path;
        rc = refuse_null(c, f, "list element");
        if (rc)
            break;
        if (f->packed) {
            struct pb_scalar s;
            rc = pb_scalar_read(c, f->kind, f->enumeration, &s);
            if (!rc && !s.ignored)
                pb_scalar_write_bare(c->wire, f->kind, &s);
        } else {
            rc = read_value(c, f, f->number, true, &ignored);
        }
        if (rc)
            break;
    }
    if (f->packed && c->wire->len == mark + 1)
        text_truncate(c->wire, before);
    else if (f->packed)
        pb_close(c->wire, mark);
    c->in.path = up;
    return rc;
}

static int compare_keys(const void *left, const void *right, void *wire)
{
    const struct pb_written_key *a = left, *b = right;
    const char *bytes = wire;
    int order = memcmp(bytes + a->at, bytes + b->at, a->len < b->len ? a->len : b->len);
    return order ? order : (a->len > b->len) - (a->len < b->len);
}

/* Keys are compared as they were written to the wire, where "1" and "1e0" are the same. */
static int check_keys(struct pb_from_json *c, size_t first)
{
    size_t n = c->keys.count - first;
    if (n < 2 || !text_ok(c->wire))
        return 0;
    struct pb_written_key *keys = c->keys.items + first;
    qsort_r(keys, n, sizeof *keys, compare_keys, c->wire->data);
    for (size_t i = 1; i < n; i++)
        if (compare_keys(&keys[i - 1], &keys[i], c->wire->data) == 0) {
            const uint8_t *a = keys[i - 1].json_at, *b = keys[i].json_at;
            return pb_json_fail(&c->in, a > b ? a : b, ERROR_INVALID, "the same key twice");
        }
    return 0;
}

static int read_entry(struct pb_from_json *c, const struct pb_field *f, struct bytes key, struct bytes raw)
{
    const struct pb_field *key_field = &f->message->fields[0], *value_field = &f->message->fields[1];
    struct pb_scalar s;
    int rc = pb_scalar_key(c, key_field->kind, key, raw.data, &s);
    if (rc)
        return rc;
    size_t before = c->wire->len, mark = pb_open(c->wire, f->number);
    pb_scalar_write(c->wire, 1, key_field->kind, &s);
    size_t key_len = c->wire->len - mark - 1;
    rc = refuse_null(c, value_field, "map value");
    bool ignored = false;
    if (!rc)
        rc = read_value(c, value_field, 2, true, &ignored);
    if (rc)
        return rc;
    if (ignored) {
        text_truncate(c->wire, before);
        return 0;
    }
    size_t content = c->wire->len - mark - 1;
    pb_close(c->wire, mark);
    struct pb_written_key written = {.at = c->wire->len - content, .len = key_len, .json_at = raw.data};
    return array_push(&c->keys, written) ? 0 : pb_json_no_memory(&c->in);
}

int pb_read_map(struct pb_from_json *c, const struct pb_field *f, const struct pb_path *up)
{
    int rc = pb_expect(c, PB_JSON_OBJECT);
    if (rc)
        return rc;
    if (c->depth == PB_DEPTH_MAX)
        return pb_json_fail(&c->in, c->in.at, ERROR_LIMIT, "messages nest deeper than %d", PB_DEPTH_MAX);
    c->depth++;
    pb_json_open(&c->in);
    struct pb_path path = {.up = up, .field = f, .index = PB_PATH_NO_INDEX};
    size_t first_key = c->keys.count;
    for (bool first = true;; first = false) {
        bool more;
        struct bytes key;
        c->in.path = up;
        rc = pb_json_next_member(&c->in, first, &more, &key, &path.key);
        if (rc || !more)
            break;
        c->in.path = &path;
        rc = read_entry(c, f, key, path.key);
        if (rc)
            break;
    }
    c->in.path = up;
    c->depth--;
    if (!rc)
        rc = check_keys(c, first_key);
    c->keys.count = first_key;
    return rc;
}

/* ---- messages -------------------------------------------------------------------------------------------------- */

struct seen {
    uint64_t words[SEEN_WORDS];
    uint64_t *bits; /* `words`, or memory of its own for a message of many fields */
};

static bool seen_before(struct seen *s, size_t i)
{
    uint64_t bit = UINT64_C(1) << (i % 64);
    bool before = s->bits[i / 64] & bit;
    s->bits[i / 64] |= bit;
    return before;
}

static int read_member(struct pb_from_json *c, const struct pb_field *f, struct seen *seen, const uint8_t *at,
                       const struct pb_path *up)
{
    if (seen_before(seen, f->index))
        return pb_json_fail(&c->in, at, ERROR_INVALID, "field %s is given twice", f->name);
    if (pb_json_peek(&c->in) == PB_JSON_NULL && (f->repeated || !takes_null(f)))
        return pb_json_literal(&c->in);
    if (f->oneof >= 0 && seen_before(seen, f->owner->field_count + (size_t)f->oneof))
        return pb_json_fail(&c->in, at, ERROR_INVALID, "oneof %s already has a value; %s would be a second one",
                            f->owner->oneofs[f->oneof].name, f->name);
    if (f->map)
        return pb_read_map(c, f, up);
    if (f->repeated)
        return pb_read_list(c, f, up);
    struct pb_path path = {.up = up, .field = f, .index = PB_PATH_NO_INDEX};
    c->in.path = &path;
    bool ignored;
    int rc = read_value(c, f, f->number, f->optional || f->oneof >= 0, &ignored);
    c->in.path = up;
    return rc;
}

int pb_read_members(struct pb_from_json *c, const struct pb_type *t, bool in_any)
{
    struct seen seen = {.bits = NULL};
    size_t words = (t->field_count + t->oneof_count + 63) / 64;
    seen.bits = words <= SEEN_WORDS ? seen.words : calloc(words, sizeof *seen.bits);
    if (!seen.bits)
        return pb_json_no_memory(&c->in);
    const struct pb_path *path = c->in.path;
    int rc;
    for (bool first = true;; first = false) {
        bool more;
        struct bytes key, raw;
        rc = pb_json_next_member(&c->in, first, &more, &key, &raw);
        if (rc || !more)
            break;
        const struct pb_field *f = pb_field_find(t, key);
        if (f) {
            rc = read_member(c, f, &seen, raw.data, path);
        } else if ((in_any && bytes_is(key, "@type")) || (c->flags & PB_JSON_IGNORE_UNKNOWN)) {
            rc = pb_json_skip(&c->in, PB_DEPTH_MAX - c->depth);
        } else {
            struct text name = TEXT_INIT;
            text_printable(&name, raw.data, raw.len, 60);
            rc = pb_json_fail(&c->in, raw.data, ERROR_INVALID, "%s has no field \"%s\"", t->full_name,
                              text_string(&name));
            text_deinit(&name);
        }
        if (rc)
            break;
    }
    if (seen.bits != seen.words)
        free(seen.bits);
    return rc;
}

int pb_read_message(struct pb_from_json *c, const struct pb_type *t)
{
    if (t->known != PB_ORDINARY && t->known != PB_EMPTY)
        return pb_read_known(c, t);
    int rc = pb_expect(c, PB_JSON_OBJECT);
    if (rc)
        return rc;
    pb_json_open(&c->in);
    return pb_read_members(c, t, false);
}

/* ---- entry points ---------------------------------------------------------------------------------------------- */

static int read_text(const struct pb_type *type, struct bytes json, bool placeless, int flags, struct text *wire,
                     struct error *err)
{
    struct pb_path root = {.root = type, .index = PB_PATH_NO_INDEX};
    struct pb_from_json c = {.wire = wire, .flags = flags};
    size_t before = wire->len;
    pb_json_reader_init(&c.in, json, err);
    c.in.path = &root;
    c.in.placeless = placeless;
    int rc = pb_read_message(&c, type);
    if (!rc)
        rc = pb_json_finish(&c.in);
    if (!rc && !text_ok(wire))
        rc = pb_json_no_memory(&c.in);
    if (rc)
        text_truncate(wire, before);
    array_deinit(&c.keys);
    text_deinit(&c.scratch);
    pb_json_reader_deinit(&c.in);
    return rc;
}

int pb_json_to_wire(const struct pb_type *type, struct bytes json, int flags, struct text *wire, struct error *err)
{
    return read_text(type, json, false, flags, wire, err);
}

int pb_tree_to_wire(const struct pb_type *type, const json_t *tree, int flags, struct text *wire, struct error *err)
{
    struct text json = TEXT_INIT;
    int rc = 0;
    /* 17 digits give every double back. */
    json_text_add(&json, tree, 0, 17);
    if (!text_ok(&json))
        rc = error_set(err, ERROR_MEMORY, "%s: the JSON tree cannot be written: out of memory, or a circle",
                       type->full_name);
    else
        rc = read_text(type, text_bytes(&json), true, flags, wire, err);
    text_deinit(&json);
    return rc;
}
