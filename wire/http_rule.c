#include "wire/http_rule.h"

#include "base/array.h"
#include "wire/http1.h"
#include "wire/pb_wire.h"

#include "google/protobuf/descriptor.pb-c.h"

#define HTTP_OPTION 72295728 /* google.api.http, in google.protobuf.MethodOptions */

enum { /* fields of google.api.HttpRule */
       RULE_GET = 2,
       RULE_PUT = 3,
       RULE_POST = 4,
       RULE_DELETE = 5,
       RULE_PATCH = 6,
       RULE_BODY = 7,
       RULE_CUSTOM = 8,
       RULE_ADDITIONAL = 11,
       RULE_RESPONSE_BODY = 12,
       CUSTOM_KIND = 1,
       CUSTOM_PATH = 2,
};

struct rule_reader {
    const struct pb_method *method;
    struct arena *arena;
    ARRAY(struct http_binding) bindings;
    struct error *err;
};

static int fail_memory(struct rule_reader *r)
{
    return error_set(r->err, ERROR_MEMORY, "out of memory");
}

/* ---- places ----------------------------------------------------------------------------------------------------- */

typedef Google__Protobuf__FileDescriptorProto file_proto;
typedef Google__Protobuf__SourceCodeInfo__Location location;

/* Where the rule is said: the location of the option, or of the method when only that is known. */
static const location *place_in(const file_proto *file, const struct pb_method *m)
{
    const location *best = NULL;
    for (size_t i = 0; file->source_code_info != NULL && i < file->source_code_info->n_location; i++) {
        const location *l = file->source_code_info->location[i];
        if (l->n_span < 3 || l->n_path < 4 || l->path[0] != 6 || l->path[2] != 2 || l->path[1] < 0 ||
            (size_t)l->path[1] >= file->n_service)
            continue;
        const Google__Protobuf__ServiceDescriptorProto *s = file->service[l->path[1]];
        if (strcmp(s->name, m->service->name) != 0 || l->path[3] < 0 || (size_t)l->path[3] >= s->n_method ||
            strcmp(s->method[l->path[3]]->name, m->name) != 0)
            continue;
        if (l->n_path == 4 && best == NULL)
            best = l;
        if (l->n_path >= 6 && l->path[4] == 4 && l->path[5] == HTTP_OPTION)
            return l;
    }
    return best;
}

/* Puts the method, and the place in its file, before what is wrong. */
static void add_place(struct rule_reader *r)
{
    const struct pb_method *m = r->method;
    struct arena arena = ARENA_INIT;
    ProtobufCMessage *file = NULL;
    struct error cause = ERROR_INIT;
    const location *l = NULL;
    int code = error_move(&cause, r->err);
    if (pb_unpack(&google__protobuf__file_descriptor_proto__descriptor, pb_file_proto(m->input->pool, m->service->file),
                  &arena, &file, NULL) == 0)
        l = place_in((const file_proto *)file, m);
    error_set_at(r->err, code, m->service->file, l != NULL ? l->span[0] + 1 : 0, l != NULL ? l->span[1] + 1 : 0,
                 "google.api.http of %s.%s: %s", m->service->full_name, m->name,
                 cause.message != NULL ? cause.message : error_code_name(code));
    error_clear(&cause);
    arena_deinit(&arena);
}

/* ---- one rule --------------------------------------------------------------------------------------------------- */

static int check_variable(struct rule_reader *r, const char *path)
{
    const struct pb_type *type = r->method->input;
    for (const char *at = path;;) {
        size_t len = strcspn(at, ".");
        char *name = arena_string_n(r->arena, at, len);
        const struct pb_field *f = name != NULL ? pb_field_by_name(type, name) : NULL;
        if (name == NULL)
            return fail_memory(r);
        if (f == NULL || strcmp(f->name, name) != 0)
            return error_set(r->err, ERROR_INVALID, "{%s}: %s has no field \"%s\"", path, type->full_name, name);
        if (f->repeated)
            return error_set(r->err, ERROR_INVALID, "{%s}: %s is %s; a path has single values only", path, f->name,
                             f->map ? "a map" : "repeated");
        bool last = at[len] == '\0', message = f->kind == PB_MESSAGE;
        if (last) {
            enum pb_known known = message ? f->message->known : PB_ORDINARY;
            if (message && known != PB_WRAPPER && known != PB_TIMESTAMP && known != PB_DURATION &&
                known != PB_FIELD_MASK)
                return error_set(r->err, ERROR_INVALID, "{%s}: %s is a message; name one of its fields", path, f->name);
            return 0;
        }
        if (!message)
            return error_set(r->err, ERROR_INVALID, "{%s}: %s is no message and has no fields", path, f->name);
        type = f->message;
        at += len + 1;
    }
}

static int top_field(struct rule_reader *r, const struct pb_type *type, const char *what, const char *name,
                     const struct pb_field **out)
{
    const struct pb_field *f = pb_field_by_name(type, name);
    if (f == NULL || strcmp(f->name, name) != 0)
        return error_set(r->err, ERROR_INVALID, "%s: %s has no field \"%s\"", what, type->full_name, name);
    *out = f;
    return 0;
}

struct raw_rule {
    struct bytes path, kind, body, response_body;
    uint32_t pattern; /* the field that gave it; 0: none */
};

static int custom(struct rule_reader *r, struct bytes data, struct raw_rule *raw)
{
    struct pb_reader in = {data.data, data.data + data.len};
    for (struct pb_item item; in.at < in.end;) {
        if (pb_item_next(&in, &item) != PB_FAULT_NONE || (item.number <= 2 && item.wire != PB_WIRE_BYTES))
            return error_set(r->err, ERROR_SYNTAX, "its bytes are no CustomHttpPattern");
        if (item.number == CUSTOM_KIND)
            raw->kind = item.data;
        else if (item.number == CUSTOM_PATH)
            raw->path = item.data;
    }
    return 0;
}

static int string_of(struct rule_reader *r, struct bytes b, const char **out)
{
    if (b.len > 0 && memchr(b.data, 0, b.len) != NULL)
        return error_set(r->err, ERROR_SYNTAX, "it has a zero character");
    *out = arena_string_n(r->arena, b.len > 0 ? (const char *)b.data : "", b.len);
    return *out != NULL ? 0 : fail_memory(r);
}

static int check_rule(struct rule_reader *r, const struct raw_rule *raw)
{
    static const char *const verbs[] = {
        [RULE_GET] = "GET", [RULE_PUT] = "PUT", [RULE_POST] = "POST", [RULE_DELETE] = "DELETE", [RULE_PATCH] = "PATCH"};
    struct http_binding b = {.method = r->method};
    if (raw->pattern == 0)
        return error_set(r->err, ERROR_INVALID, "no get, put, post, delete, patch or custom: expected one");
    const char *path, *body, *response, *kind;
    int code = string_of(r, raw->path, &path);
    code = code == 0 ? string_of(r, raw->body, &body) : code;
    code = code == 0 ? string_of(r, raw->response_body, &response) : code;
    code = code == 0 ? string_of(r, raw->kind, &kind) : code;
    if (code != 0)
        return code;
    b.verb = raw->pattern == RULE_CUSTOM ? kind : verbs[raw->pattern];
    if (raw->pattern == RULE_CUSTOM && strcmp(kind, "*") != 0 && !http1_is_token(raw->kind))
        return error_set(r->err, ERROR_INVALID, "custom: \"%s\" is no HTTP method; expected one, or \"*\"", kind);
    code = http_template_parse(path, r->arena, &b.path, r->err);
    for (size_t i = 0; code == 0 && i < b.path.variable_count; i++)
        code = check_variable(r, b.path.variables[i].field);
    b.body = *body == '\0' ? HTTP_BODY_NONE : strcmp(body, "*") == 0 ? HTTP_BODY_ALL : HTTP_BODY_FIELD;
    if (code == 0 && b.body == HTTP_BODY_FIELD)
        code = top_field(r, r->method->input, "body", body, &b.body_field);
    if (code == 0 && *response != '\0')
        code = top_field(r, r->method->output, "response_body", response, &b.response_field);
    if (code == 0 && !array_push(&r->bindings, b))
        code = fail_memory(r);
    return code;
}

static int read_rule(struct rule_reader *r, struct bytes data, bool additional)
{
    struct raw_rule raw = {0};
    struct pb_reader in = {data.data, data.len > 0 ? data.data + data.len : data.data};
    int code = 0;
    for (struct pb_item item; code == 0 && in.at < in.end;) {
        bool known = pb_item_next(&in, &item) == PB_FAULT_NONE;
        if (!known || (item.number <= RULE_RESPONSE_BODY && item.wire != PB_WIRE_BYTES))
            return error_set(r->err, ERROR_SYNTAX, "its bytes are no HttpRule");
        if (item.number >= RULE_GET && item.number <= RULE_PATCH) {
            raw.pattern = item.number;
            raw.path = item.data;
        } else if (item.number == RULE_CUSTOM) {
            raw.pattern = item.number;
            raw.path = raw.kind = BYTES_NONE;
            code = custom(r, item.data, &raw);
        } else if (item.number == RULE_BODY) {
            raw.body = item.data;
        } else if (item.number == RULE_RESPONSE_BODY) {
            raw.response_body = item.data;
        } else if (item.number == RULE_ADDITIONAL && additional) {
            return error_set(r->err, ERROR_INVALID, "an additional binding cannot have additional bindings");
        }
    }
    if (code == 0)
        code = check_rule(r, &raw);
    in.at = data.data;
    for (struct pb_item item; code == 0 && in.at < in.end;) { /* after the rule's own */
        (void)pb_item_next(&in, &item);
        if (item.number == RULE_ADDITIONAL)
            code = read_rule(r, item.data, true);
    }
    return code;
}

/* ---- a method's ------------------------------------------------------------------------------------------------- */

/* The option's bytes. "option (google.api.http).get = ..." on several lines gives several pieces of one message. */
static bool option(const struct pb_method *m, struct text *out)
{
    bool found = false;
    if (m->options.len == 0)
        return false;
    struct pb_reader in = {m->options.data, m->options.data + m->options.len};
    for (struct pb_item item; in.at < in.end && pb_item_next(&in, &item) == PB_FAULT_NONE;)
        if (item.number == HTTP_OPTION && item.wire == PB_WIRE_BYTES) {
            text_add(out, item.data.data, item.data.len);
            found = true;
        }
    return found;
}

bool http_rule_has(const struct pb_method *method)
{
    struct text bytes = TEXT_INIT;
    bool has = option(method, &bytes);
    text_deinit(&bytes);
    return has;
}

int http_rule_read(const struct pb_method *method, struct arena *arena, const struct http_binding **bindings,
                   size_t *count, struct error *err)
{
    struct error own = ERROR_INIT;
    struct rule_reader r = {.method = method, .arena = arena, .err = &own};
    struct text bytes = TEXT_INIT;
    int code = 0;
    *bindings = NULL;
    *count = 0;
    if (option(method, &bytes)) {
        code = text_ok(&bytes) ? read_rule(&r, text_bytes(&bytes), false) : fail_memory(&r);
        if (code != 0)
            add_place(&r);
    }
    if (code == 0 && r.bindings.count > 0) {
        *bindings = arena_copy(arena, r.bindings.items, r.bindings.count * sizeof *r.bindings.items);
        *count = r.bindings.count;
        code = *bindings != NULL ? 0 : fail_memory(&r);
    }
    array_deinit(&r.bindings);
    text_deinit(&bytes);
    return code != 0 ? (error_move(err, &own), code) : 0;
}
