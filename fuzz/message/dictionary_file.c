/* The user's file of values. */
#include "base/document.h"
#include "fuzz/message/dictionary_internal.h"

#include <stdio.h>

static const char *const class_names[] = {[CLASS_TEXT] = "text", [CLASS_INTEGER] = "integer", [CLASS_REAL] = "real"};

struct target_field {
    const struct pb_field *field; /* NULL: by name, or by group */
    const char *name;
    enum value_class group; /* CLASS_NONE: what the value's own form is */
};

static int find_target(const struct node_pair *pair, const struct pb_pool *pool, struct target_field *out,
                       struct error *err)
{
    char type[512];
    const char *dot = strrchr(pair->key, '.');
    *out = (struct target_field){0};
    for (int c = CLASS_TEXT; c <= CLASS_REAL; c++)
        if (strcmp(pair->key, class_names[c]) == 0)
            out->group = (enum value_class)c;
    if (out->group != CLASS_NONE)
        return 0;
    if (dot == NULL || dot[1] == '\0')
        return node_error(&pair->value, err, ERROR_INVALID,
                          "\"%s\" is none of package.Message.field, *.field, text, integer, real", pair->key);
    if (strncmp(pair->key, "*.", 2) == 0 && dot == pair->key + 1) {
        out->name = dot + 1;
        return 0;
    }
    snprintf(type, sizeof type, "%.*s", (int)(dot - pair->key), pair->key);
    const struct pb_type *t = pb_find_type(pool, type);
    if (t == NULL)
        return node_error(&pair->value, err, ERROR_NOT_FOUND, "no message type %s in the descriptor set", type);
    if ((out->field = pb_field_by_name(t, dot + 1)) == NULL)
        return node_error(&pair->value, err, ERROR_NOT_FOUND, "%s has no field %s", type, dot + 1);
    out->group = dictionary_class(out->field);
    if (out->group == CLASS_NONE)
        return node_error(&pair->value, err, ERROR_INVALID, "%s is a message: name its fields", pair->key);
    return 0;
}

/* An enum's value may be named. */
static bool is_enum_name(const struct target_field *to, const struct node *n, uint64_t *number)
{
    if (to->field == NULL || to->field->kind != PB_ENUM || n->kind != NODE_TEXT)
        return false;
    const struct pb_enum_value *v = pb_enum_by_name(to->field->enumeration, (const char *)n->text.data);
    if (v != NULL)
        *number = (uint64_t)(int64_t)v->number;
    return v != NULL;
}

static int add_value(struct dictionary *d, const struct target_field *to, const struct node *n, struct error *err)
{
    enum value_class is = CLASS_NONE;
    uint64_t number = 0;
    struct bytes text = BYTES_NONE;
    double real = 0;
    if (is_enum_name(to, n, &number)) {
        is = CLASS_INTEGER;
    } else if (n->kind == NODE_TEXT) {
        is = CLASS_TEXT;
        text = n->text;
    } else if (n->kind == NODE_BOOL) {
        is = CLASS_INTEGER;
        number = n->boolean;
    } else if (n->kind == NODE_INTEGER && to->group == CLASS_REAL) {
        is = CLASS_REAL;
        real = (double)n->integer;
    } else if (n->kind == NODE_INTEGER) {
        is = CLASS_INTEGER;
        number = (uint64_t)n->integer;
    } else if (n->kind == NODE_REAL) {
        is = CLASS_REAL;
        real = n->real;
    }
    if (is == CLASS_NONE || (to->group != CLASS_NONE && to->group != is))
        return node_error(n, err, ERROR_INVALID, "expected %s, this is %s",
                          to->group == CLASS_NONE ? "a text or a number" : class_names[to->group],
                          node_kind_name(n->kind));
    if (is == CLASS_REAL)
        memcpy(&number, &real, sizeof number);
    if (text.len > DICTIONARY_TEXT_MAX)
        return node_error(n, err, ERROR_LIMIT, "a text of %zu bytes; %d are the most", text.len, DICTIONARY_TEXT_MAX);
    if (to->field != NULL && to->field->kind == PB_STRING && !wire_text_valid(text))
        return node_error(n, err, ERROR_INVALID, "a string cannot hold this");
    if (dictionary_count(d, SOURCE_USER) >= DICTIONARY_USER_MAX)
        return node_error(n, err, ERROR_LIMIT, "more than %d values", DICTIONARY_USER_MAX);
    dictionary_add_user(d, to->field, to->name, is, text, number);
    return 0;
}

int dictionary_read(struct dictionary *d, struct bytes file, const char *name, const struct pb_pool *pool,
                    struct error *err)
{
    struct document *doc = NULL;
    int code = document_parse(file, name, &doc, err);
    if (code != 0)
        return code;
    const struct node *root = document_root(doc);
    if (root->kind != NODE_MAP)
        code = node_error(root, err, ERROR_INVALID, "values are a map from fields to lists, not %s",
                          node_kind_name(root->kind));
    for (size_t i = 0; code == 0 && i < root->map.count; i++) {
        const struct node_pair *pair = &root->map.pairs[i];
        struct target_field to;
        code = find_target(pair, pool, &to, err);
        if (code == 0 && pair->value.kind != NODE_LIST)
            code = node_error(&pair->value, err, ERROR_INVALID, "\"%s\" must be a list, this is %s", pair->key,
                              node_kind_name(pair->value.kind));
        for (size_t k = 0; code == 0 && k < pair->value.list.count; k++)
            code = add_value(d, &to, &pair->value.list.items[k], err);
    }
    document_free(doc);
    return code;
}
