#include "fakes/serve/http_route.h"

#include "base/json_copy.h"

#include "wire/pb_wire.h"

#include <stdlib.h>

#define HTTP_BODY_TYPE "google.api.HttpBody" /* its content_type is field 1, its data field 2 */

static int fail_memory(struct error *err)
{
    return error_set(err, ERROR_MEMORY, "out of memory");
}

/* ---- the table -------------------------------------------------------------------------------------------------- */

static bool any_verb(const struct http_binding *b)
{
    return strcmp(b->verb, "*") == 0;
}

static int order(const struct http_binding *a, const struct http_binding *b)
{
    int by_path = http_template_order(&a->path, &b->path);
    return by_path != 0 ? by_path : any_verb(a) - any_verb(b);
}

static bool insert(struct http_routes *r, struct http_route route)
{
    if (!array_grow(&r->list))
        return false;
    size_t at = r->list.count++;
    for (; at > 0 && order(&r->list.items[at - 1].binding, &route.binding) > 0; at--)
        r->list.items[at] = r->list.items[at - 1];
    r->list.items[at] = route;
    return true;
}

int http_routes_add(struct http_routes *r, struct served_service *service, struct error *err)
{
    for (size_t i = 0; i < service->service->method_count; i++) {
        const struct http_binding *bindings;
        size_t count;
        int code = http_rule_read(&service->service->methods[i], &r->arena, &bindings, &count, err);
        for (size_t k = 0; code == 0 && k < count; k++)
            if (!insert(r, (struct http_route){bindings[k], &service->methods[i]}))
                code = fail_memory(err);
        if (code != 0)
            return code;
    }
    return 0;
}

void http_routes_deinit(struct http_routes *r)
{
    array_deinit(&r->list);
    arena_deinit(&r->arena);
}

const struct http_route *http_routes_find(const struct http_routes *r, const char *method, struct bytes path,
                                          struct text *allow)
{
    for (size_t i = 0; i < r->list.count; i++) {
        const struct http_route *route = &r->list.items[i];
        if (!http_template_match(&route->binding.path, path, NULL))
            continue;
        if (any_verb(&route->binding) || strcmp(route->binding.verb, method) == 0)
            return route;
        if (strstr(text_string(allow), route->binding.verb) == NULL)
            text_printf(allow, "%s%s", allow->len > 0 ? ", " : "", route->binding.verb);
    }
    return NULL;
}

/* ---- path and query --------------------------------------------------------------------------------------------- */

static int bind_variable(const struct http_route *r, size_t i, struct bytes part, json_t *tree, struct error *err)
{
    const struct http_variable *v = &r->binding.path.variables[i];
    struct text name = TEXT_INIT, value = TEXT_INIT;
    int code = 0;
    text_puts(&name, v->field);
    if (!http_template_value(&r->binding.path, v, part, &value))
        code = error_set(err, ERROR_INVALID, "the path has a %% that stands before no two hexadecimal digits");
    else if (!text_ok(&name) || !text_ok(&value))
        code = fail_memory(err);
    else if (memchr(text_string(&value), 0, value.len) != NULL)
        code = error_set(err, ERROR_INVALID, "the path has a zero character");
    else
        code = http_query_put(r->binding.method->input, tree, name.data, text_string(&value), err);
    text_deinit(&name);
    text_deinit(&value);
    return code;
}

int http_route_bind(const struct http_route *r, struct bytes path, const char *query, struct text *wire, bool *numbers,
                    struct error *err)
{
    const struct http_binding *b = &r->binding;
    struct bytes parts[HTTP_TEMPLATE_SEGMENTS_MAX];
    json_t *tree = json_object();
    int code = tree != NULL ? 0 : fail_memory(err);
    *numbers = strstr(query, "enum-encoding=int") != NULL || strstr(query, "enum-encoding%3Dint") != NULL;
    (void)http_template_match(&b->path, path, parts);
    for (size_t i = 0; code == 0 && i < b->path.variable_count; i++)
        code = bind_variable(r, i, parts[i], tree, err);
    struct http_query_limits limits = {
        .system = true, .none = b->body == HTTP_BODY_ALL, .taken = b->body_field != NULL ? b->body_field : NULL};
    if (code == 0)
        code = http_query_add(b->method->input, query, &limits, tree, err);
    if (code == 0)
        code = pb_tree_to_wire(b->method->input, tree, 0, wire, err);
    json_decref(tree);
    return code;
}

/* ---- body ------------------------------------------------------------------------------------------------------- */

static bool is_http_body(const struct pb_type *type)
{
    return type != NULL && strcmp(type->full_name, HTTP_BODY_TYPE) == 0;
}

/* A message as it is in a body: of the request's type, or of its field's. */
static int message(const struct pb_type *type, const struct http_payload *p, struct text *wire, struct error *err)
{
    if (p->binary) {
        text_add(wire, p->body.data, p->body.len);
    } else if (is_http_body(type)) {
        if (p->type != NULL)
            pb_put_bytes(wire, 1, bytes_of(p->type));
        pb_put_bytes(wire, 2, p->body);
    } else if (p->tree != NULL) {
        return pb_tree_to_wire(type, p->tree, 0, wire, err);
    } else {
        return pb_json_to_wire(type, p->body.len > 0 ? p->body : bytes_of("{}"), 0, wire, err);
    }
    return 0;
}

/* A list, a map or a scalar: as a member of an object. */
static int member(const struct http_route *r, const struct http_payload *p, struct text *wire, struct error *err)
{
    json_error_t why;
    json_t *object = json_object();
    json_t *value = p->tree != NULL ? json_copy_whole(p->tree)
                                    : json_loadb((const char *)p->body.data, p->body.len,
                                                 JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &why);
    int code = 0;
    if (value == NULL && p->tree == NULL)
        code = error_set(err, ERROR_INVALID, "the body is no JSON: %d:%d: %s", why.line, why.column, why.text);
    else if (object == NULL || json_object_set(object, r->binding.body_field->name, value) != 0)
        code = fail_memory(err);
    if (code == 0)
        code = pb_tree_to_wire(r->binding.method->input, object, 0, wire, err);
    json_decref(value);
    json_decref(object);
    return code;
}

int http_route_body(const struct http_route *r, const struct http_payload *p, struct text *wire, struct error *err)
{
    const struct pb_field *f = r->binding.body_field;
    if (r->binding.body == HTTP_BODY_NONE)
        return 0;
    if (r->binding.body == HTTP_BODY_ALL)
        return message(r->binding.method->input, p, wire, err);
    if (p->body.len == 0 && p->tree == NULL)
        return 0;
    if (f->kind != PB_MESSAGE || f->repeated)
        return p->binary ? error_set(err, ERROR_INVALID, "%s is no message: its body is JSON", f->name)
                         : member(r, p, wire, err);
    size_t mark = pb_open(wire, f->number);
    int code = message(f->message, p, wire, err);
    pb_close(wire, mark);
    return code;
}

/* ---- the answer ------------------------------------------------------------------------------------------------- */

/* Where the value ends that begins here in JSON without blanks, as we write it. */
static size_t value_end(const char *json)
{
    size_t depth = 0, i = 0;
    for (;; i++) {
        if (json[i] == '"') {
            for (i++; json[i] != '"'; i++)
                i += json[i] == '\\';
        } else if (json[i] == '{' || json[i] == '[') {
            depth++;
        } else if (depth == 0 && (json[i] == ',' || json[i] == '}')) {
            return i;
        } else if (json[i] == '}' || json[i] == ']') {
            depth--;
        }
    }
}

/* The member's value, out of an object as we write it. */
static void put_member(const char *json, const struct pb_field *f, struct text *out)
{
    struct text key = TEXT_INIT;
    text_char(&key, '"');
    text_json(&key, f->json_name, strlen(f->json_name));
    text_puts(&key, "\":");
    size_t at = 1;
    bool found = false;
    while (!found && text_ok(&key) && json[at] == '"') {
        found = strncmp(json + at, key.data, key.len) == 0;
        size_t colon = at + 1;
        while (json[colon] != '"')
            colon += json[colon] == '\\' ? 2 : 1;
        size_t value = colon + 2, len = value_end(json + value);
        if (found)
            text_add(out, json + value, len);
        at = value + len + (json[value + len] == ',');
    }
    out->failed = out->failed || !text_ok(&key);
    if (!found)
        text_puts(out, f->kind == PB_MESSAGE && !f->repeated && f->message->known == PB_ORDINARY ? "{}" : "null");
    text_deinit(&key);
}

/* The data of a google.api.HttpBody, and its type. */
static void put_http_body(struct bytes wire, struct text *out, struct bytes *type)
{
    struct pb_reader in = {wire.data, wire.data + wire.len};
    struct bytes data = BYTES_NONE;
    *type = bytes_of("application/octet-stream");
    for (struct pb_item item; in.at < in.end && pb_item_next(&in, &item) == PB_FAULT_NONE;) {
        if (item.wire == PB_WIRE_BYTES && item.number == 1 && item.data.len > 0)
            *type = item.data;
        else if (item.wire == PB_WIRE_BYTES && item.number == 2)
            data = item.data;
    }
    text_add(out, data.data, data.len);
}

int http_route_reply(const struct http_route *r, struct bytes reply, bool numbers, struct text *out, struct bytes *type)
{
    const struct pb_field *f = r->binding.response_field;
    const struct pb_type *output = r->binding.method->output;
    struct text whole = TEXT_INIT;
    *type = BYTES_NONE;
    if (f == NULL && is_http_body(output)) {
        put_http_body(reply, out, type);
        return 0;
    }
    int code = pb_wire_to_json(output, reply, PB_JSON_DEFAULTS | (numbers ? PB_JSON_ENUM_NUMBERS : 0),
                               f != NULL ? &whole : out, NULL);
    if (code == 0 && f != NULL && text_ok(&whole))
        put_member(text_string(&whole), f, out);
    if (code == 0 && !text_ok(f != NULL ? &whole : out))
        code = ERROR_MEMORY;
    text_deinit(&whole);
    return code;
}
