#include "wire/pb_from_json.h"

#include "wire/pb_time.h"

/* A string, and where it began. */
static int take_string(struct pb_from_json *c, struct bytes *out, const uint8_t **at)
{
    pb_json_peek(&c->in);
    *at = c->in.at;
    return pb_json_string(&c->in, out);
}

static int read_time(struct pb_from_json *c, bool timestamp)
{
    struct bytes s;
    const uint8_t *at;
    int rc = take_string(c, &s, &at);
    if (rc)
        return rc;
    struct pb_time t;
    if (timestamp ? !pb_timestamp_parse(s, &t) : !pb_duration_parse(s, &t))
        return pb_json_fail(&c->in, at, ERROR_INVALID, "%s",
                            timestamp ? "expected a time like \"2006-01-02T15:04:05.5Z\", years 0001 to 9999"
                                      : "expected a duration like \"1.5s\", within 315576000000 seconds");
    struct pb_scalar seconds = {.bits = (uint64_t)t.seconds}, nanos = {.bits = (uint64_t)(int64_t)t.nanos};
    if (t.seconds)
        pb_scalar_write(c->wire, 1, PB_INT64, &seconds);
    if (t.nanos)
        pb_scalar_write(c->wire, 2, PB_INT32, &nanos);
    return 0;
}

/* "userName,address.zipCode" becomes the paths user_name and address.zip_code. */
static int read_mask(struct pb_from_json *c)
{
    struct bytes s;
    const uint8_t *at;
    int rc = take_string(c, &s, &at);
    if (rc || s.len == 0)
        return rc;
    bool start = true; /* of a name */
    size_t mark = pb_open(c->wire, 1);
    for (size_t i = 0; i < s.len; i++) {
        char ch = (char)s.data[i];
        bool upper = ch >= 'A' && ch <= 'Z', lower = ch >= 'a' && ch <= 'z', digit = ch >= '0' && ch <= '9';
        if (!upper && !lower && !(digit && !start) && !((ch == '.' || ch == ',') && !start))
            return pb_json_fail(&c->in, at, ERROR_INVALID, "a field mask is a list of lowerCamelCase paths");
        if (ch == ',') {
            pb_close(c->wire, mark);
            mark = pb_open(c->wire, 1);
        } else {
            char out[2] = {'_', (char)(upper ? ch - 'A' + 'a' : ch)};
            pb_put(c->wire, upper ? out : out + 1, upper ? 2 : 1);
        }
        start = ch == '.' || ch == ',';
    }
    pb_close(c->wire, mark);
    return start ? pb_json_fail(&c->in, at, ERROR_INVALID, "a field mask ends in the middle of a path") : 0;
}

static int read_value(struct pb_from_json *c, const struct pb_type *t)
{
    struct pb_scalar s = {0};
    int rc;
    switch (pb_json_peek(&c->in)) {
    case PB_JSON_NULL:
        pb_scalar_write(c->wire, 1, PB_ENUM, &s);
        return pb_json_literal(&c->in);
    case PB_JSON_NUMBER:
        rc = pb_scalar_read(c, PB_DOUBLE, NULL, &s);
        if (!rc)
            pb_scalar_write(c->wire, 2, PB_DOUBLE, &s);
        return rc;
    case PB_JSON_STRING:
        rc = pb_json_string(&c->in, &s.bytes);
        if (!rc)
            pb_scalar_write(c->wire, 3, PB_STRING, &s);
        return rc;
    case PB_JSON_TRUE:
    case PB_JSON_FALSE:
        rc = pb_scalar_read(c, PB_BOOL, NULL, &s);
        if (!rc)
            pb_scalar_write(c->wire, 4, PB_BOOL, &s);
        return rc;
    case PB_JSON_OBJECT:
        return pb_read_nested(c, 5, t->fields[4].message);
    case PB_JSON_LIST:
        return pb_read_nested(c, 6, t->fields[5].message);
    case PB_JSON_END:
    case PB_JSON_OTHER:
        break;
    }
    return pb_json_fail(&c->in, c->in.at, ERROR_SYNTAX, "expected a JSON value");
}

static int read_wrapper(struct pb_from_json *c, const struct pb_type *t)
{
    struct pb_scalar s;
    int rc = pb_scalar_read(c, t->fields[0].kind, NULL, &s);
    if (!rc && !pb_scalar_is_default(t->fields[0].kind, &s))
        pb_scalar_write(c->wire, 1, t->fields[0].kind, &s);
    return rc;
}

/* ---- Any ------------------------------------------------------------------------------------------------------- */

/* Looks through the object for "@type" and goes back to its beginning. *url is a copy, for the caller to free. */
static int find_type(struct pb_from_json *c, struct text *url, const uint8_t **at, bool *empty)
{
    const uint8_t *start = c->in.at;
    pb_json_open(&c->in);
    *at = NULL;
    *empty = true;
    for (bool first = true;; first = false) {
        bool more;
        struct bytes key, raw;
        int rc = pb_json_next_member(&c->in, first, &more, &key, &raw);
        if (rc)
            return rc;
        if (!more)
            break;
        *empty = false;
        if (!bytes_is(key, "@type")) {
            rc = pb_json_skip(&c->in, PB_DEPTH_MAX - c->depth);
            if (rc)
                return rc;
            continue;
        }
        if (*at)
            return pb_json_fail(&c->in, raw.data, ERROR_INVALID, "\"@type\" is given twice");
        struct bytes value;
        rc = take_string(c, &value, at);
        if (rc)
            return rc;
        text_add(url, value.data, value.len);
    }
    if (!text_ok(url))
        return pb_json_no_memory(&c->in);
    if (*empty)
        return 0; /* the reader stays behind the object */
    c->in.at = start;
    return *at ? 0 : pb_json_fail(&c->in, start, ERROR_INVALID, "an Any needs a member \"@type\"");
}

/* Types with a JSON form of their own stand in a member "value". */
static int read_any_value(struct pb_from_json *c, const struct pb_type *t)
{
    bool seen = false;
    const uint8_t *start = c->in.at;
    for (bool first = true;; first = false) {
        bool more;
        struct bytes key, raw;
        int rc = pb_json_next_member(&c->in, first, &more, &key, &raw);
        if (rc)
            return rc;
        if (!more)
            break;
        if (bytes_is(key, "value")) {
            if (seen)
                return pb_json_fail(&c->in, raw.data, ERROR_INVALID, "\"value\" is given twice");
            seen = true;
            rc = pb_read_message(c, t);
        } else if (bytes_is(key, "@type") || (c->flags & PB_JSON_IGNORE_UNKNOWN)) {
            rc = pb_json_skip(&c->in, PB_DEPTH_MAX - c->depth);
        } else {
            rc = pb_json_fail(&c->in, raw.data, ERROR_INVALID, "an Any of %s has the members \"@type\" and \"value\"",
                              t->full_name);
        }
        if (rc)
            return rc;
    }
    if (!seen && t->known != PB_EMPTY)
        return pb_json_fail(&c->in, start, ERROR_INVALID, "an Any of %s needs a member \"value\"", t->full_name);
    return 0;
}

static int read_any_as(struct pb_from_json *c, const struct pb_type *any, struct bytes url, const uint8_t *at)
{
    const uint8_t *slash = url.len ? memrchr(url.data, '/', url.len) : NULL;
    if (!slash)
        return pb_json_fail(&c->in, at, ERROR_INVALID, "a type URL looks like \"type.googleapis.com/package.Type\"");
    struct bytes name = BYTES(slash + 1, url.len - (size_t)(slash + 1 - url.data));
    const struct pb_type *t = pb_type_find(any->pool, name);
    if (!t || t->map_entry)
        return pb_json_fail(&c->in, at, ERROR_NOT_FOUND, "no message type \"%.*s\" in the descriptor set",
                            name.len < 200 ? (int)name.len : 200, (const char *)name.data);
    if (c->depth == PB_DEPTH_MAX)
        return pb_json_fail(&c->in, at, ERROR_LIMIT, "messages nest deeper than %d", PB_DEPTH_MAX);
    c->depth++;
    pb_put_bytes(c->wire, 1, url);
    size_t before = c->wire->len, mark = pb_open(c->wire, 2);
    pb_json_open(&c->in);
    int rc = t->known == PB_ORDINARY ? pb_read_members(c, t, true) : read_any_value(c, t);
    if (c->wire->len == mark + 1)
        text_truncate(c->wire, before);
    else
        pb_close(c->wire, mark);
    c->depth--;
    return rc;
}

static int read_any(struct pb_from_json *c, const struct pb_type *any)
{
    int rc = pb_expect(c, PB_JSON_OBJECT);
    if (rc)
        return rc;
    struct text url = TEXT_INIT;
    const uint8_t *at;
    bool empty;
    rc = find_type(c, &url, &at, &empty);
    if (!rc && !empty)
        rc = read_any_as(c, any, text_bytes(&url), at);
    text_deinit(&url);
    return rc;
}

int pb_read_known(struct pb_from_json *c, const struct pb_type *t)
{
    switch (t->known) {
    case PB_ANY:
        return read_any(c, t);
    case PB_TIMESTAMP:
        return read_time(c, true);
    case PB_DURATION:
        return read_time(c, false);
    case PB_FIELD_MASK:
        return read_mask(c);
    case PB_STRUCT:
        return pb_read_map(c, &t->fields[0], c->in.path);
    case PB_LIST_VALUE:
        return pb_read_list(c, &t->fields[0], c->in.path);
    case PB_VALUE:
        return read_value(c, t);
    case PB_WRAPPER:
        return read_wrapper(c, t);
    case PB_ORDINARY:
    case PB_EMPTY:
        break;
    }
    return ERROR_UNSUPPORTED;
}
