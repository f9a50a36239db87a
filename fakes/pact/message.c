/* Protobuf messages as the JSON that rules are written for, and back. */
#include "fakes/pact/internal.h"
#include "wire/pb.h"

#include <errno.h>
#include <stdlib.h>

static int adapt_message(const struct pb_type *type, bool plain, json_t *message);

static bool is_wide(enum pb_kind k)
{
    return k == PB_INT64 || k == PB_UINT64 || k == PB_SINT64 || k == PB_FIXED64 || k == PB_SFIXED64;
}

/* A new value in the place of `value`, or NULL when that is as it should be. *rc: no memory. */
static json_t *adapted(const struct pb_field *f, bool plain, json_t *value, int *rc)
{
    json_t *made = NULL;
    if (f->kind == PB_MESSAGE) {
        *rc = adapt_message(f->message, plain, value);
        if (*rc == 0 && !plain && f->message->known == PB_WRAPPER && f->message->field_count == 1)
            return adapted(&f->message->fields[0], plain, value, rc);
        return NULL;
    }
    if (is_wide(f->kind) && json_is_string(value)) {
        /* Protobuf's JSON mapping quotes them for JavaScript's sake. Beyond 63 bits they stay text. */
        char *end;
        errno = 0;
        long long number = strtoll(json_string_value(value), &end, 10);
        if (errno != 0 || *end != '\0')
            return NULL;
        made = json_integer(number);
    } else if ((f->kind == PB_DOUBLE || f->kind == PB_FLOAT) && json_is_integer(value)) {
        made = json_real((double)json_integer_value(value));
    } else {
        return NULL;
    }
    *rc = made != NULL ? 0 : ERROR_MEMORY;
    return made;
}

static int adapt_field(const struct pb_field *f, bool plain, json_t *message)
{
    json_t *value = json_object_get(message, f->name), *made, *one;
    int rc = 0;
    if (value == NULL)
        return 0;
    if (f->map) {
        const struct pb_field *of = pb_field_by_number(f->message, 2);
        const char *key;
        json_object_foreach(value, key, one)
        {
            made = rc == 0 ? adapted(of, plain, one, &rc) : NULL;
            if (made != NULL && json_object_set_new_nocheck(value, key, made) != 0)
                rc = ERROR_MEMORY;
        }
        return rc;
    }
    for (size_t i = 0; f->repeated && i < json_array_size(value) && rc == 0; i++) {
        made = adapted(f, plain, json_array_get(value, i), &rc);
        if (made != NULL && json_array_set_new(value, i, made) != 0)
            rc = ERROR_MEMORY;
    }
    made = f->repeated ? NULL : adapted(f, plain, value, &rc);
    if (made != NULL && json_object_set_new_nocheck(message, f->name, made) != 0)
        rc = ERROR_MEMORY;
    return rc;
}

/* Well-known types keep the JSON form of their own, unless all is plain. */
static int adapt_message(const struct pb_type *type, bool plain, json_t *message)
{
    int rc = 0;
    for (size_t i = 0;
         (plain || type->known == PB_ORDINARY) && json_is_object(message) && i < type->field_count && rc == 0; i++)
        rc = adapt_field(&type->fields[i], plain, message);
    return rc;
}

int pact_content_decode(struct pact_content *c, const struct pb_type *type, bool defaults, struct error *err)
{
    int flags = PB_JSON_PROTO_NAMES | (defaults ? PB_JSON_DEFAULTS : 0) | (c->plain ? PB_JSON_PLAIN : 0);
    struct error why = ERROR_INIT;
    json_t *tree = pb_wire_to_tree(type, c->bytes, flags, &why);
    int rc = tree != NULL ? adapt_message(type, c->plain, tree) : why.code;
    if (rc == 0 && tree != NULL) {
        json_decref(c->json);
        c->json = tree;
        c->decoded = true;
        c->presence = PACT_THERE;
        error_clear(&why);
        return 0;
    }
    json_decref(tree);
    if (tree != NULL || rc == 0)
        rc = error_set(&why, ERROR_MEMORY, "out of memory while decoding a %s", type->full_name);
    error_wrap(&why, "not a %s", type->full_name);
    (void)error_move(err, &why);
    return rc;
}

int pact_content_encode(const struct pact_content *c, const struct pb_type *type, struct text *wire, struct error *err)
{
    if (c->json == NULL) {
        text_add(wire, c->bytes.data, c->bytes.len);
        return text_ok(wire) ? 0 : error_set(err, ERROR_MEMORY, "out of memory while encoding a %s", type->full_name);
    }
    return pb_tree_to_wire(type, c->json, PB_JSON_PROTO_NAMES, wire, err);
}
