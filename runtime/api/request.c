#include "runtime/api/request.h"

#include "base/base64.h"
#include "base/json_text.h"
#include "wire/multipart.h"
#include "wire/http1.h"

#include <jansson.h>
#include <string.h>
#include <strings.h>

enum field_shape { SHAPE_UNKNOWN, SHAPE_TEXT, SHAPE_BOOL, SHAPE_NESTED };

struct field {
    bool known, repeated;
    enum field_shape shape;
    struct api_schema inner;
};

static struct field find_field(struct api_schema schema, const char *name)
{
    struct field f = {0};
    if (schema.type) {
        const struct pb_field *p = pb_field_by_name(schema.type, name);
        if (!p)
            return f;
        f.known = true;
        f.repeated = p->repeated && !p->map;
        f.shape = p->kind == PB_BOOL ? SHAPE_BOOL : p->kind == PB_MESSAGE ? SHAPE_NESTED : SHAPE_TEXT;
        f.inner.type = p->map ? NULL : p->message;
    } else if (schema.value) {
        for (size_t i = 0; i < schema.value->n_values; i++) {
            const Registry__Value *v = schema.value->values[i];
            if (strcmp(v->name, name) != 0)
                continue;
            const char *type = v->type;
            f.known = true;
            if (strncmp(type, "[]", 2) == 0 && strcmp(type, "[]byte") != 0) {
                f.repeated = true;
                type += 2;
            }
            f.shape = strcmp(type, "bool") == 0 ? SHAPE_BOOL : v->n_values > 0 ? SHAPE_NESTED : SHAPE_TEXT;
            f.inner.value = v->n_values > 0 ? v : NULL;
            break;
        }
    }
    return f;
}

static json_t *convert(const struct field *f, const char *value)
{
    if (f->shape == SHAPE_BOOL && (strcmp(value, "true") == 0 || strcmp(value, "1") == 0))
        return json_true();
    if (f->shape == SHAPE_BOOL && (strcmp(value, "false") == 0 || strcmp(value, "0") == 0 || value[0] == '\0'))
        return json_false();
    return json_string(value);
}

/* Puts one value under its name; a second one makes a list. */
static int put(json_t *into, struct api_schema schema, const char *name, const char *value, int depth,
               struct error *err)
{
    struct field f = find_field(schema, name);
    const char *dot = f.known ? NULL : strchr(name, '.');
    if (dot && dot > name && dot[1]) {
        char head[256];
        size_t len = (size_t)(dot - name);
        if (depth >= API_DEPTH_MAX || len >= sizeof head)
            return error_set(err, ERROR_LIMIT, "parameter \"%.64s\" is nested too deeply or too long", name);
        memcpy(head, name, len);
        head[len] = '\0';
        json_t *inner = json_object_get(into, head);
        if (inner && !json_is_object(inner))
            return error_set(err, ERROR_INVALID, "parameter \"%.64s\" is given both as a value and as an object", head);
        if (!inner) {
            inner = json_object();
            if (json_object_set_new(into, head, inner) < 0)
                return error_set(err, ERROR_INVALID, "parameter \"%.64s\" is not UTF-8", head);
        }
        return put(inner, find_field(schema, head).inner, dot + 1, value, depth + 1, err);
    }
    json_t *item = convert(&f, value), *present = json_object_get(into, name);
    int rc;
    if (!item)
        return error_set(err, ERROR_INVALID, "the value of parameter \"%.64s\" is not UTF-8", name);
    if (json_is_array(present)) {
        rc = json_array_append_new(present, item);
    } else if (present || f.repeated) {
        json_t *list = json_array();
        rc = !list ? -1 : present ? json_array_append(list, present) : 0;
        if (rc == 0) {
            rc = json_array_append_new(list, item);
            rc = json_object_set_new(into, name, list) < 0 ? -1 : rc;
        } else {
            json_decref(item);
            json_decref(list);
        }
    } else {
        rc = json_object_set_new(into, name, item);
    }
    return rc < 0 ? error_set(err, ERROR_INVALID, "parameter \"%.64s\" is not UTF-8", name) : 0;
}

/* "a=1&b=2", percent-encoded, "+" for a space. */
static int put_pairs(json_t *into, struct api_schema schema, struct bytes pairs, const char *where, struct error *err)
{
    struct text name = TEXT_INIT, value = TEXT_INIT;
    int rc = 0, count = 0;
    for (size_t at = 0; rc == 0 && at < pairs.len;) {
        const uint8_t *start = pairs.data + at;
        const uint8_t *end = memchr(start, '&', pairs.len - at);
        size_t len = end ? (size_t)(end - start) : pairs.len - at;
        const uint8_t *equal = memchr(start, '=', len);
        size_t name_len = equal ? (size_t)(equal - start) : len;
        size_t value_len = equal ? len - name_len - 1 : 0;
        text_clear(&name);
        text_clear(&value);
        if (len == 0) {
            at++;
            continue;
        }
        if (++count > API_PAIRS_MAX)
            rc = error_set(err, ERROR_LIMIT, "the %s has more than %d values", where, API_PAIRS_MAX);
        else if (!http1_url_decode(BYTES(start, name_len), true, &name) ||
                 !http1_url_decode(BYTES(equal ? equal + 1 : start, value_len), true, &value))
            rc = error_set(err, ERROR_SYNTAX, "the %s has a bad percent escape in the value that starts at byte %zu",
                           where, at + 1);
        else if (!text_ok(&name) || !text_ok(&value))
            rc = error_set(err, ERROR_MEMORY, "out of memory");
        else if (name.len == 0 || strlen(text_string(&name)) != name.len || strlen(text_string(&value)) != value.len)
            rc = error_set(err, ERROR_INVALID, "the %s has an empty name or a NUL at byte %zu", where, at + 1);
        else
            rc = put(into, schema, text_string(&name), text_string(&value), 0, err);
        at += len + 1;
    }
    text_deinit(&name);
    text_deinit(&value);
    return rc;
}

/* "application/json; charset=utf-8" is of type "application/json". */
static bool type_is(const char *content_type, const char *want)
{
    size_t len = strcspn(content_type, "; \t");
    return len == strlen(want) && strncasecmp(content_type, want, len) == 0;
}

static bool type_is_json(const char *content_type)
{
    size_t len = strcspn(content_type, "; \t");
    return type_is(content_type, "application/json") ||
           (len > 5 && strncasecmp(content_type + len - 5, "+json", 5) == 0);
}

/* ---- multipart ---- */

struct parts {
    json_t *into;
    struct api_schema schema;
};

/* "<name><suffix>" when the type has such a field. */
static int put_beside(const struct parts *p, const char *name, const char *suffix, const char *value, struct error *err)
{
    struct text beside = TEXT_INIT;
    int rc = 0;
    text_printf(&beside, "%s%s", name, suffix);
    if (text_ok(&beside) && value && find_field(p->schema, text_string(&beside)).known)
        rc = put(p->into, p->schema, text_string(&beside), value, 0, err);
    text_deinit(&beside);
    return rc;
}

static int put_part(void *arg, const struct multipart_part *part, struct error *err)
{
    const struct parts *p = arg;
    struct text value = TEXT_INIT;
    int rc = 0;
    if (part->filename)
        base64_encode(&value, part->content);
    else
        text_add(&value, part->content.data, part->content.len);
    if (!text_ok(&value))
        rc = error_set(err, ERROR_MEMORY, "out of memory");
    else if (strlen(text_string(&value)) != value.len)
        rc = error_set(err, ERROR_INVALID, "the value of part \"%.64s\" has a NUL", part->name);
    else
        rc = put(p->into, p->schema, part->name, text_string(&value), 0, err);
    text_deinit(&value);
    if (rc == 0 && part->filename)
        rc = put_beside(p, part->name, "_filename", part->filename, err);
    if (rc == 0 && part->filename)
        rc = put_beside(p, part->name, "_content_type", part->content_type, err);
    return rc;
}

static int put_multipart(json_t *into, const struct api_request *request, struct error *err)
{
    char boundary[MULTIPART_BOUNDARY_MAX + 1];
    struct arena arena = ARENA_INIT;
    struct parts parts = {into, request->schema};
    int rc = multipart_boundary(request->content_type, boundary, err);
    if (rc == 0)
        rc = multipart_parse(MULTIPART_FORM, request->body, boundary, &arena, put_part, &parts, err);
    arena_deinit(&arena);
    return rc;
}

static int put_variables(json_t *into, const struct api_request *request, struct error *err)
{
    int rc = 0;
    for (size_t i = 0; i < request->variable_count && rc == 0; i++) {
        const struct template_value *v = &request->variables[i];
        /* Not a second value of the same name: the only one. */
        if (!strchr(v->name, '.'))
            (void)json_object_del(into, v->name);
        rc = put(into, request->schema, v->name, v->value, 0, err);
    }
    return rc;
}

/* ---- JSON ---- */

static int put_json(json_t *into, struct bytes body, int *status, struct error *err)
{
    json_error_t where;
    json_t *value = json_loadb((const char *)body.data, body.len, JSON_REJECT_DUPLICATES, &where);
    int rc = 0;
    *status = 400;
    if (!value)
        rc = error_set_at(err, ERROR_SYNTAX, "body", where.line, where.column, "%s", where.text);
    else if (!json_is_object(value))
        rc = error_set(err, ERROR_INVALID, "the body must be a JSON object");
    else if (json_object_update(into, value) < 0)
        rc = error_set(err, ERROR_MEMORY, "out of memory");
    json_decref(value);
    return rc;
}

int api_request_json(const struct api_request *request, struct text *out, int *status, struct error *err)
{
    json_t *object = json_object();
    if (!object) {
        *status = 503;
        return error_set(err, ERROR_MEMORY, "out of memory");
    }
    *status = 400;
    int rc = put_pairs(object, request->schema, bytes_of(request->query), "query", err);
    if (rc == 0 && request->body.len > 0) {
        const char *type = request->content_type ? request->content_type : "application/json";
        /* A form whose text is a JSON object comes from a client that forgot to say what it sends. */
        bool form = type_is(type, "application/x-www-form-urlencoded");
        if (type_is_json(type) || (form && request->body.data[0] == '{')) {
            rc = put_json(object, request->body, status, err);
        } else if (form) {
            rc = put_pairs(object, request->schema, request->body, "form", err);
        } else if (type_is(type, "multipart/form-data")) {
            rc = put_multipart(object, request, err);
        } else {
            *status = 415;
            rc = error_set(err, ERROR_UNSUPPORTED,
                           "content type \"%.80s\" is not understood; send application/json, a form, "
                           "multipart/form-data or application/protobuf",
                           type);
        }
    }
    if (rc == 0)
        rc = put_variables(object, request, err);
    if (rc == ERROR_MEMORY)
        *status = 503;
    if (rc == 0 && json_object_size(object) > 0) {
        char *text = json_text_of(object, 0);
        if (text)
            text_puts(out, text);
        if (!text || !text_ok(out)) {
            *status = 503;
            rc = error_set(err, ERROR_MEMORY, "out of memory");
        }
        free(text);
    }
    json_decref(object);
    return rc;
}
