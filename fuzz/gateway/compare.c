#include "fuzz/gateway/compare.h"

#include "wire/grpc.h"

#include <jansson.h>
#include <string.h>

#define DEPTH_MAX 64

/* Micro's errors are JSON with the HTTP status as code; 0: the text is none. */
static int micro_code(struct bytes text)
{
    json_t *error = text.len > 0 && text.data[0] == '{' ? json_loadb((const char *)text.data, text.len, 0, NULL) : NULL;
    int code = error != NULL ? (int)json_integer_value(json_object_get(error, "code")) : 0;
    json_decref(error);
    return code;
}

/* HTTP's forms of gRPC's statuses, the usual one first. */
static const int forms[][3] = {
    [GRPC_OK] = {200, 204, 0},
    [GRPC_CANCELLED] = {499, 408, 500},
    [GRPC_UNKNOWN] = {500, 0, 0},
    [GRPC_INVALID_ARGUMENT] = {400, 413, 422},
    [GRPC_DEADLINE_EXCEEDED] = {504, 408, 0},
    [GRPC_NOT_FOUND] = {404, 0, 0},
    [GRPC_ALREADY_EXISTS] = {409, 0, 0},
    [GRPC_PERMISSION_DENIED] = {403, 0, 0},
    [GRPC_RESOURCE_EXHAUSTED] = {429, 413, 507},
    [GRPC_FAILED_PRECONDITION] = {400, 412, 409},
    [GRPC_ABORTED] = {409, 0, 0},
    [GRPC_OUT_OF_RANGE] = {400, 416, 0},
    [GRPC_UNIMPLEMENTED] = {501, 404, 405},
    [GRPC_INTERNAL] = {500, 502, 0},
    [GRPC_UNAVAILABLE] = {503, 502, 0},
    [GRPC_DATA_LOSS] = {500, 0, 0},
    [GRPC_UNAUTHENTICATED] = {401, 0, 0},
};

int gateway_status_of(int grpc_status, struct bytes text)
{
    int code = grpc_status != GRPC_OK ? micro_code(text) : 0;
    if (code != 0)
        return code;
    return grpc_status < GRPC_OK || grpc_status > GRPC_UNAUTHENTICATED ? 500 : forms[grpc_status][0];
}

bool gateway_status_fits(int grpc_status, struct bytes text, int http_status)
{
    int code = grpc_status != GRPC_OK ? micro_code(text) : 0;
    if (code != 0)
        return http_status == code;
    if (grpc_status < GRPC_OK || grpc_status > GRPC_UNAUTHENTICATED)
        return http_status == 500;
    for (size_t i = 0; i < 3; i++)
        if (forms[grpc_status][i] != 0 && forms[grpc_status][i] == http_status)
            return true;
    return false;
}

bool gateway_json_of(const struct pb_type *type, struct bytes message, struct text *json)
{
    struct text form = TEXT_INIT, back = TEXT_INIT, packed = TEXT_INIT;
    ProtobufCMessage *m = NULL;
    /* Compared with what is packed anew: order and padding say nothing; unknown fields are packed and so are told. */
    bool same = pb_wire_to_json(type, message, 0, &form, NULL) == 0 && form.len > 0 &&
                pb_json_to_wire(type, text_bytes(&form), 0, &back, NULL) == 0 &&
                pb_unpack(type->descriptor, message, NULL, &m, NULL) == 0 && pb_pack(m, &packed) == 0;
    if (same) {
        ProtobufCMessage *other = NULL;
        same = pb_unpack(type->descriptor, text_bytes(&back), NULL, &other, NULL) == 0 && pb_equal(m, other);
        if (other != NULL)
            protobuf_c_message_free_unpacked(other, NULL);
    }
    if (m != NULL)
        protobuf_c_message_free_unpacked(m, NULL);
    if (same)
        text_add(json, form.data, form.len);
    same = same && text_ok(json);
    text_deinit(&form);
    text_deinit(&back);
    text_deinit(&packed);
    return same;
}

/* ---- replies ---- */

static bool is_ignored(const char *name, const char *const *ignored)
{
    for (; ignored != NULL && *ignored != NULL; ignored++)
        if (strcmp(name, *ignored) == 0)
            return true;
    return false;
}

/* The place of the first difference that the second gRPC answer does not show as well; false: there is none. */
static bool differs(json_t *one, json_t *http, json_t *two, const char *const *ignored, struct text *path, int depth)
{
    const char *name;
    json_t *value;
    if (json_equal(one, http) || depth == DEPTH_MAX)
        return false;
    /* What gRPC does not repeat is not held against the gateway, down to the member it is in. */
    if (json_is_object(one) && json_is_object(http) && json_is_object(two)) {
        json_t *both[] = {one, http};
        for (size_t i = 0; i < 2; i++)
            json_object_foreach(both[i], name, value)
            {
                size_t before = path->len;
                json_t *a = json_object_get(one, name), *h = json_object_get(http, name),
                       *b = json_object_get(two, name);
                (void)value;
                if (is_ignored(name, ignored))
                    continue;
                text_printf(path, ".%s", name);
                bool repeated = (a == NULL) == (b == NULL);
                if (repeated && a != NULL && h != NULL && differs(a, h, b, ignored, path, depth + 1))
                    return true;
                if (repeated && (a == NULL) != (h == NULL) && (a == NULL || json_equal(a, b)))
                    return true;
                text_truncate(path, before);
            }
        return false;
    }
    if (json_is_array(one) && json_is_array(http) && json_is_array(two) &&
        json_array_size(one) == json_array_size(http) && json_array_size(one) == json_array_size(two)) {
        for (size_t i = 0; i < json_array_size(one); i++) {
            size_t before = path->len;
            text_printf(path, "[%zu]", i);
            if (differs(json_array_get(one, i), json_array_get(http, i), json_array_get(two, i), ignored, path,
                        depth + 1))
                return true;
            text_truncate(path, before);
        }
        return false;
    }
    return json_equal(one, two);
}

const char *gateway_compare(const struct pb_method *m, const struct gateway_rpc_answer *first,
                            const struct gateway_http_answer *http, const struct gateway_rpc_answer *again,
                            const char *const *ignored, struct text *why)
{
    const char *finding = NULL;
    struct text wire = TEXT_INIT, path = TEXT_INIT;
    struct error err = ERROR_INIT;
    json_t *one = NULL, *two = NULL, *other = NULL;
    /* An answer that was lost on its way, or is not repeated, says nothing of the gateway. */
    if (first->status != again->status || http->status == 0 || first->status == GRPC_UNAVAILABLE ||
        first->status == GRPC_DEADLINE_EXCEEDED || first->status == GRPC_CANCELLED || http->status == 429 ||
        http->status == 503 || http->status == 504)
        return NULL;
    if (!gateway_status_fits(first->status, first->text, http->status)) {
        /* Codes in the text must be repeated too. */
        if (micro_code(first->text) != micro_code(again->text))
            return NULL;
        text_printf(why, "%s is %s (%.*s) as protobuf by gRPC and %d as JSON: %.*s", m->path,
                    grpc_status_name(first->status), (int)(first->text.len < 200 ? first->text.len : 200),
                    (const char *)first->text.data, http->status, (int)(http->body.len < 200 ? http->body.len : 200),
                    (const char *)http->body.data);
        return "disagreement";
    }
    if (first->status != GRPC_OK)
        return NULL;
    if (http->body.len > 0 && pb_json_to_wire(m->output, http->body, 0, &wire, &err) != 0 && err.code != ERROR_MEMORY) {
        text_printf(why, "%s: the reply as JSON is not %s: %s", m->path, m->output->full_name,
                    err.message ? err.message : "?");
        finding = "disagreement";
        goto out;
    }
    one = pb_wire_to_tree(m->output, first->body, 0, NULL);
    two = pb_wire_to_tree(m->output, again->body, 0, NULL);
    other = pb_wire_to_tree(m->output, text_bytes(&wire), 0, NULL);
    if (one != NULL && two != NULL && other != NULL && text_ok(&wire) && differs(one, other, two, ignored, &path, 0) &&
        text_ok(&path)) {
        text_printf(why, "%s: reply%s is not the same as protobuf by gRPC and as JSON", m->path, text_string(&path));
        finding = "disagreement";
    }
out:
    json_decref(one);
    json_decref(two);
    json_decref(other);
    error_clear(&err);
    text_deinit(&wire);
    text_deinit(&path);
    return finding;
}
