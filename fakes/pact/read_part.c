/* Requests, answers and messages of a pact file: headers, query, status, metadata and bodies. */
#include "base/base64.h"
#include "fakes/pact/internal.h"

#include <strings.h>

static int no_memory(struct pact_reader *r)
{
    return error_set(r->err, ERROR_MEMORY, "out of memory while reading a pact");
}

/* ---- bodies --------------------------------------------------------------------------------------------------------
 */

static int text_body(struct pact_reader *r, const struct node *n, struct pact_content *c)
{
    const char *copy = arena_string_n(r->arena, (const char *)n->text.data, n->text.len);
    c->bytes = BYTES(copy, n->text.len);
    return copy != NULL ? 0 : no_memory(r);
}

/* What is not Base64: `rest` decides. */
static int base64_body(struct pact_reader *r, const struct node *n, bool must, struct pact_content *c)
{
    struct text out = TEXT_INIT;
    int rc = 0;
    if (base64_read(&out, n->text, 0)) {
        c->bytes = BYTES(arena_copy(r->arena, text_string(&out), out.len + 1), out.len);
        if (!text_ok(&out) || c->bytes.data == NULL)
            rc = no_memory(r);
        else if (out.len == 0)
            c->presence = PACT_EMPTY;
    } else if (!text_ok(&out)) {
        rc = no_memory(r);
    } else if (must) {
        rc = node_error(
            n, r->err, ERROR_INVALID,
            "content: not Base64, though \"encoded\" says so; write the text in Base64 or \"encoded\": false");
    } else {
        rc = text_body(r, n, c);
    }
    text_deinit(&out);
    return rc;
}

/* Text that is a JSON document itself; *out NULL: it is none. */
static int parse_text(struct pact_reader *r, const struct node *n, json_t **out)
{
    json_error_t why;
    *out = json_loadb((const char *)n->text.data, n->text.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, &why);
    return *out == NULL && json_error_code(&why) == json_error_out_of_memory ? no_memory(r) : 0;
}

/* Versions 1 to 3: the JSON itself, or text. */
static int plain_body(struct pact_reader *r, const struct node *n, struct pact_content *c)
{
    c->presence = n->kind == NODE_NULL ? PACT_NULL_BODY : PACT_THERE;
    if (n->kind == NODE_NULL)
        return 0;
    if (n->kind != NODE_TEXT)
        return pact_read_json(r, n, &c->json);
    if (n->text.len == 0) {
        c->presence = PACT_EMPTY;
        return 0;
    }
    const char *type = c->type != NULL ? c->type : pact_type_of_bytes(n->text);
    if (pact_type_is_json(type)) {
        json_t *parsed = NULL;
        int rc = parse_text(r, n, &parsed);
        if (rc != 0)
            return rc;
        if (json_is_object(parsed) || json_is_string(parsed) || (parsed != NULL && c->type == NULL)) {
            c->json = parsed;
            return 0;
        }
        json_decref(parsed);
        return pact_read_json(r, n, &c->json);
    }
    return pact_type_is_text(type) ? text_body(r, n, c) : base64_body(r, n, false, c);
}

enum encoding { ENCODED_NOT, ENCODED_BASE64, ENCODED_JSON };

static int read_encoding(struct pact_reader *r, const struct node *n, enum encoding *out)
{
    const char *name;
    *out = ENCODED_NOT;
    if (n == NULL || n->kind == NODE_NULL || (n->kind == NODE_BOOL && !n->boolean))
        return 0;
    if (n->kind == NODE_BOOL)
        return node_error(n, r->err, ERROR_INVALID,
                          "encoded: true does not say how; write \"base64\", \"JSON\" or false");
    int rc = pact_read_text(r, n, "encoded", &name);
    if (rc != 0)
        return rc;
    if (strcasecmp(name, "base64") == 0)
        *out = ENCODED_BASE64;
    else if (strcasecmp(name, "json") == 0)
        *out = ENCODED_JSON;
    else if (name[0] != '\0' && strcasecmp(name, "false") != 0)
        return node_error(n, r->err, ERROR_INVALID,
                          "encoded: no such encoding: '%s'; there are \"base64\", \"JSON\" "
                          "and false",
                          name);
    return 0;
}

/* Version 4: {"content", "contentType", "encoded", "contentTypeHint"}. */
static int wrapped_body(struct pact_reader *r, const struct node *n, struct pact_content *c)
{
    static const char *const KNOWN[] = {"content", "contentType", "encoded", "contentTypeHint", NULL};
    const struct node *content = node_get(n, "content"), *type = node_get(n, "contentType"),
                      *hint = node_get(n, "contentTypeHint");
    enum encoding encoding = ENCODED_NOT;
    int rc = node_only_keys(n, KNOWN, r->err);
    if (rc == 0 && type != NULL && type->kind != NODE_NULL)
        rc = pact_read_text(r, type, "contentType", &c->type);
    if (rc == 0 && hint != NULL && hint->kind != NODE_NULL)
        rc = pact_read_text(r, hint, "contentTypeHint", &c->hint);
    if (rc == 0)
        rc = read_encoding(r, node_get(n, "encoded"), &encoding);
    if (rc != 0 || content == NULL)
        return rc;
    c->presence = content->kind == NODE_NULL ? PACT_NULL_BODY : PACT_THERE;
    if (content->kind == NODE_NULL)
        return 0;
    if (content->kind != NODE_TEXT) {
        if (encoding == ENCODED_BASE64)
            return node_error(content, r->err, ERROR_INVALID, "content: expected Base64 text, found %s",
                              node_kind_name(content->kind));
        return pact_read_json(r, content, &c->json);
    }
    if (content->text.len == 0) {
        c->presence = PACT_EMPTY;
        return 0;
    }
    if (encoding == ENCODED_BASE64)
        return base64_body(r, content, true, c);
    if (encoding == ENCODED_JSON) {
        rc = parse_text(r, content, &c->json);
        return rc != 0 || c->json != NULL ? rc
                                          : node_error(content, r->err, ERROR_INVALID,
                                                       "content: not a JSON text, though \"encoded\" is \"JSON\"");
    }
    if (c->type != NULL && pact_type_is_json(c->type))
        return pact_read_json(r, content, &c->json);
    return text_body(r, content, c);
}

static int read_body(struct pact_reader *r, const struct node *n, struct pact_content *c)
{
    static const char *const WRAP[] = {"content", "contentType", "encoded", "contentTypeHint"};
    if (n == NULL)
        return 0;
    bool wrapped = n->kind == NODE_MAP && r->version >= 4;
    /* A map of other keys is the body itself, as the reference implementation has it. */
    if (wrapped && node_get(n, "content") == NULL)
        for (size_t i = 0; i < n->map.count && wrapped; i++) {
            wrapped = false;
            for (size_t w = 0; w < 4; w++)
                wrapped |= strcmp(n->map.pairs[i].key, WRAP[w]) == 0;
        }
    return wrapped ? wrapped_body(r, n, c) : plain_body(r, n, c);
}

/* ---- headers and queries --------------------------------------------------------------------------------------------
 */

/* A scalar as the text it would be sent as. */
static int read_value(struct pact_reader *r, const struct node *n, const char *name, const char **out)
{
    switch (n->kind) {
    case NODE_TEXT:
        return pact_read_text(r, n, name, out);
    case NODE_BOOL:
        *out = n->boolean ? "true" : "false";
        return 0;
    case NODE_INTEGER:
        *out = arena_printf(r->arena, "%lld", (long long)n->integer);
        break;
    case NODE_REAL:
        *out = arena_printf(r->arena, "%.17g", n->real);
        break;
    case NODE_NULL:
        *out = NULL;
        return 0;
    case NODE_LIST:
    case NODE_MAP:
    default:
        return node_error(n, r->err, ERROR_INVALID, "%s: expected text or a list of texts, found %s", name,
                          node_kind_name(n->kind));
    }
    return *out != NULL ? 0 : no_memory(r);
}

static int read_pair(struct pact_reader *r, const struct node_pair *pair, struct pact_headers *out)
{
    const struct node *n = &pair->value;
    size_t count = n->kind == NODE_LIST ? n->list.count : 1;
    const char *name = arena_string(r->arena, pair->key);
    int rc = name != NULL ? 0 : no_memory(r);
    for (size_t i = 0; rc == 0 && i < count; i++) {
        struct pact_header h = {.name = name};
        rc = read_value(r, n->kind == NODE_LIST ? &n->list.items[i] : n, pair->key, &h.value);
        if (rc == 0 && !array_push(out, h))
            rc = no_memory(r);
    }
    return rc;
}

static int read_pairs(struct pact_reader *r, const struct node *n, const char *what, struct pact_headers *out)
{
    if (n->kind != NODE_MAP)
        return node_error(n, r->err, ERROR_INVALID, "%s: expected a map, found %s", what, node_kind_name(n->kind));
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < n->map.count; i++)
        rc = read_pair(r, &n->map.pairs[i], out);
    return rc;
}

/* Versions 1 and 2: "a=b&c=d". */
static int read_query(struct pact_reader *r, const struct node *n, struct pact_part *out)
{
    if (n->kind == NODE_NULL)
        return 0;
    if (n->kind != NODE_TEXT)
        return read_pairs(r, n, "query", &out->query);
    return pact_form_read(n->text, r->arena, &out->query) == 0 ? 0 : no_memory(r);
}

/* Metadata that is text stands among the headers as well. */
static int read_metadata(struct pact_reader *r, const struct node *n, struct pact_part *out)
{
    if (n->kind == NODE_NULL)
        return 0;
    if (n->kind != NODE_MAP)
        return node_error(n, r->err, ERROR_INVALID, "metadata: expected a map, found %s", node_kind_name(n->kind));
    int rc = pact_read_json(r, n, &out->metadata);
    for (size_t i = 0; rc == 0 && i < n->map.count; i++)
        if (n->map.pairs[i].value.kind == NODE_TEXT)
            rc = read_pair(r, &n->map.pairs[i], &out->headers);
    return rc;
}

/* ---- parts
 * ----------------------------------------------------------------------------------------------------------- */

static int read_http(struct pact_reader *r, const struct node *n, enum pact_part_kind kind, struct pact_part *out)
{
    const struct node *method = node_get(n, "method"), *path = node_get(n, "path"), *query = node_get(n, "query"),
                      *headers = node_get(n, "headers");
    int64_t status = 0;
    int rc = 0;
    if (kind == PART_RESPONSE)
        rc = node_may_integer(n, "status", 100, 999, &status, r->err);
    out->status = (int)status;
    if (rc == 0 && kind == PART_REQUEST && method != NULL)
        rc = pact_read_text(r, method, "method", &out->method);
    if (rc == 0 && kind == PART_REQUEST && path != NULL)
        rc = pact_read_text(r, path, "path", &out->path);
    if (rc == 0 && kind == PART_REQUEST && query != NULL)
        rc = read_query(r, query, out);
    if (rc == 0 && headers != NULL && headers->kind != NODE_NULL)
        rc = read_pairs(r, headers, "headers", &out->headers);
    if (rc == 0 && r->version < 4)
        out->content.type = pact_header_value(out, "content-type");
    if (rc == 0)
        rc = read_body(r, node_get(n, "body"), &out->content);
    /* Which it is stays with the header: here only what version 4's body itself says. */
    if (r->version < 4)
        out->content.type = NULL;
    return rc;
}

static int read_message(struct pact_reader *r, const struct node *n, struct pact_part *out)
{
    static const char *const NAMES[] = {"contentType", "content-type", "Content-Type"};
    const struct node *metadata = node_get(n, "metadata");
    if (metadata == NULL)
        metadata = node_get(n, "metaData");
    int rc = metadata != NULL ? read_metadata(r, metadata, out) : 0;
    if (rc != 0)
        return rc;
    for (size_t i = 0; r->version < 4 && out->content.type == NULL && i < 3; i++) {
        const struct node *type = node_get(metadata, NAMES[i]);
        if (type != NULL && type->kind == NODE_TEXT)
            rc = pact_read_text(r, type, "contentType", &out->content.type);
    }
    if (rc == 0)
        rc = read_body(r, node_get(n, "contents"), &out->content);
    if (r->version < 4)
        out->content.type = NULL;
    return rc;
}

int pact_read_part(struct pact_reader *r, const struct node *n, enum pact_part_kind kind, struct pact_part *out)
{
    static const char *const REQUEST[] = {"method", "path",          "query",      "headers",
                                          "body",   "matchingRules", "generators", NULL};
    static const char *const RESPONSE[] = {"status", "headers", "body", "matchingRules", "generators", NULL};
    static const char *const MESSAGE[] = {"contents", "metadata", "metaData", "matchingRules", "generators", NULL};
    static const char *const *const KNOWN[] = {REQUEST, RESPONSE, MESSAGE};
    static const char *const NAMES[] = {"a request", "a response", "a message"};
    if (n->kind != NODE_MAP)
        return node_error(n, r->err, ERROR_INVALID, "%s: expected a map, found %s", NAMES[kind],
                          node_kind_name(n->kind));
    const struct node *rules = node_get(n, "matchingRules"), *generators = node_get(n, "generators");
    int rc = kind == PART_MESSAGE ? read_message(r, n, out) : read_http(r, n, kind, out);
    if (rc == 0 && rules != NULL && rules->kind != NODE_NULL)
        rc = pact_read_rules(r, rules, &out->rules);
    if (rc == 0 && generators != NULL && generators->kind != NODE_NULL)
        rc = pact_read_generators(r, generators, &out->generators);
    /* Of an event the rest is the interaction's. */
    if (rc == 0 && !(kind == PART_MESSAGE && node_get(n, "description") != NULL))
        rc = pact_read_extra(r, n, KNOWN[kind], &out->extra);
    return rc;
}
