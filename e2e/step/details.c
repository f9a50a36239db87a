#include "e2e/step/details.h"

#include "base/base64.h"
#include "base/json_build.h"
#include "e2e/internal.h"
#include "wire/pb_wire.h"

#include <string.h>

#define STATUS_DETAILS 3 /* google/rpc/status.proto: code = 1, message = 2, details = 3 */
#define ANY_TYPE       1
#define ANY_VALUE      2
#define JSON_FLAGS     (PB_JSON_PROTO_NAMES | PB_JSON_DEFAULTS)
#define DETAILS_MAX    1000

__asm__(".section .rodata\n"
        ".balign 16\n"
        "e2e_error_details_begin_:\n"
        ".incbin \"" ERROR_DETAILS_FILE "\"\n"
        "e2e_error_details_end_:\n"
        ".byte 0\n"
        ".previous\n");

extern const uint8_t e2e_error_details_begin_[], e2e_error_details_end_[];

struct any {
    struct bytes url, value;
};

/* The bytes of the fields of that number, one after the other. False: none is left; *bad: it is no message. */
static bool next_bytes(struct pb_reader *r, uint32_t number, struct bytes *out, enum pb_fault *bad)
{
    struct pb_item item;
    while (r->at < r->end && (*bad = pb_item_next(r, &item)) == PB_FAULT_NONE)
        if (item.number == number && item.wire == PB_WIRE_BYTES) {
            *out = item.data;
            return true;
        }
    return false;
}

static enum pb_fault read_any(struct bytes b, struct any *out)
{
    enum pb_fault bad = PB_FAULT_NONE;
    struct pb_reader r = {b.data, b.data + b.len};
    *out = (struct any){{0}, {0}};
    while (next_bytes(&r, ANY_TYPE, &out->url, &bad))
        ;
    r = (struct pb_reader){b.data, b.data + b.len};
    while (bad == PB_FAULT_NONE && next_bytes(&r, ANY_VALUE, &out->value, &bad))
        ;
    return bad;
}

/* The name behind the last slash. */
static bool name_of(struct bytes url, struct text *out)
{
    for (size_t i = 0; i < url.len; i++)
        if (url.data[i] == '/')
            text_clear(out);
        else
            text_char(out, (char)url.data[i]);
    return text_ok(out);
}

/* Its members, or what stands for them. */
static json_t *message_value(const struct pb_type *type, struct bytes wire)
{
    struct error err = ERROR_INIT;
    struct text why = TEXT_INIT;
    json_t *tree = pb_wire_to_tree(type, wire, JSON_FLAGS, &err), *out = tree;
    if (tree == NULL && err.code != ERROR_MEMORY) {
        error_format(&err, &why);
        out = json_pack("{s:o}", "wrong", value_of_bytes(text_bytes(&why)));
    } else if (tree != NULL && !json_is_object(tree)) {
        out = json_pack("{s:o}", "value", tree);
    }
    error_clear(&err);
    text_deinit(&why);
    return out;
}

static json_t *bytes_value(struct bytes b)
{
    struct text base64 = TEXT_INIT;
    base64_encode(&base64, b);
    json_t *out = json_pack("{s:s}", "value", text_string(&base64));
    text_deinit(&base64);
    return out;
}

struct pools {
    const struct pb_pool *own;
    struct pb_pool *google; /* made when it is needed */
    bool unknown;           /* some type is in neither */
};

static const struct pb_type *find_type(struct pools *p, const char *name)
{
    const struct pb_type *type = p->own != NULL ? pb_find_type(p->own, name) : NULL;
    if (type != NULL || strncmp(name, "google.", 7) != 0)
        return type;
    if (p->google == NULL &&
        pb_pool_new(BYTES(e2e_error_details_begin_, (size_t)(e2e_error_details_end_ - e2e_error_details_begin_)),
                    "error_details.proto", &p->google, NULL) != 0)
        return NULL;
    return pb_find_type(p->google, name);
}

static json_t *detail_value(struct pools *p, struct bytes b)
{
    struct any any;
    struct text name = TEXT_INIT;
    json_t *out;
    enum pb_fault bad = read_any(b, &any);
    if (bad != PB_FAULT_NONE)
        return json_pack("{s:s}", "wrong", pb_fault_text(bad));
    if (!name_of(any.url, &name)) {
        text_deinit(&name);
        return NULL;
    }
    const struct pb_type *type = find_type(p, text_string(&name));
    p->unknown = p->unknown || type == NULL;
    out = type != NULL ? message_value(type, any.value) : bytes_value(any.value);
    json_t *named = value_of_bytes(text_bytes(&name));
    if (out != NULL && json_object_set_new_nocheck(out, "@type", named) != 0) {
        json_decref(out);
        out = NULL;
    } else if (out == NULL) {
        json_decref(named);
    }
    text_deinit(&name);
    return out;
}

json_t *details_value(const struct pb_pool *pool, struct bytes status, bool *unknown)
{
    struct pools pools = {.own = pool};
    struct pb_reader r = {status.data, status.data + status.len};
    enum pb_fault bad = PB_FAULT_NONE;
    struct bytes one;
    json_t *list = json_array();
    while (list != NULL && json_array_size(list) < DETAILS_MAX && next_bytes(&r, STATUS_DETAILS, &one, &bad))
        json_build_add(&list, detail_value(&pools, one));
    if (bad != PB_FAULT_NONE)
        json_build_add(&list, json_pack("{s:s}", "wrong", pb_fault_text(bad)));
    pb_pool_free(pools.google);
    *unknown = pools.unknown;
    return list;
}

bool details_repeat_error(const json_t *answer)
{
    const json_t *details = json_object_get(answer, "details");
    const char *type = json_string_value(json_object_get(json_array_get(details, 0), "@type"));
    return json_object_get(answer, "error") != NULL && json_array_size(details) == 1 && type != NULL &&
           strcmp(type, "errors.Error") == 0;
}
