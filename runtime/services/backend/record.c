#include "runtime/services/backend/backend.h"

#include "base/json_text.h"

#include <jansson.h>
#include <string.h>

static json_t *to_json(const struct backend_field *f, const char *at)
{
    if (f->kind == FIELD_TEXT) {
        const char *text = *(char *const *)(const void *)at;
        return json_string(text ? text : "");
    }
    if (f->kind == FIELD_INT)
        return json_integer((json_int_t) * (const int64_t *)(const void *)at);
    if (f->kind == FIELD_BOOL)
        return json_boolean(*(const bool *)(const void *)at);
    const struct backend_list *l = (const struct backend_list *)(const void *)at;
    json_t *out = f->kind == FIELD_LIST ? json_array() : json_object();
    for (size_t i = 0; out && i < l->count; i += f->kind == FIELD_LIST ? 1 : 2)
        if (f->kind == FIELD_LIST ? json_array_append_new(out, json_string(l->items[i]))
                                  : json_object_set_new(out, l->items[i], json_string(l->items[i + 1]))) {
            json_decref(out);
            return NULL;
        }
    return out;
}

char *backend_encode(struct arena *a, const struct backend_field *fields, size_t n, const void *record)
{
    json_t *root = json_object();
    bool ok = root != NULL;
    for (size_t i = 0; ok && i < n; i++)
        ok = json_object_set_new(root, fields[i].name, to_json(&fields[i], (const char *)record + fields[i].offset)) ==
             0;
    char *text = ok ? json_text_of(root, 0) : NULL;
    char *copy = text ? arena_string(a, text) : NULL;
    free(text);
    json_decref(root);
    return copy;
}

static bool add(struct arena *a, struct backend_list *l, size_t room, const char *text)
{
    if (!l->items && !(l->items = ARENA_NEW_N(a, char *, room)))
        return false;
    return (l->items[l->count++] = arena_string(a, text ? text : "")) != NULL;
}

static bool from_json(struct arena *a, const struct backend_field *f, json_t *value, char *at)
{
    if (f->kind == FIELD_TEXT) {
        const char *text = json_string_value(value);
        return (*(char **)(void *)at = arena_string(a, text ? text : "")) != NULL;
    }
    if (f->kind == FIELD_INT) {
        *(int64_t *)(void *)at = json_integer_value(value);
        return true;
    }
    if (f->kind == FIELD_BOOL) {
        *(bool *)(void *)at = json_is_true(value);
        return true;
    }
    struct backend_list *l = (struct backend_list *)(void *)at;
    *l = (struct backend_list){0};
    size_t i;
    const char *name;
    json_t *item;
    if (f->kind == FIELD_LIST) {
        json_array_foreach(value, i,
                           item) if (!add(a, l, json_array_size(value), json_string_value(item))) return false;
        return true;
    }
    json_object_foreach(value, name, item)
    {
        if (!add(a, l, 2 * json_object_size(value), name) ||
            !add(a, l, 2 * json_object_size(value), json_string_value(item)))
            return false;
    }
    return true;
}

bool backend_decode(struct arena *a, const struct backend_field *fields, size_t n, struct bytes json, void *record)
{
    json_t *root = json.len ? json_loadb((const char *)json.data, json.len, 0, NULL) : NULL;
    bool ok = json_is_object(root);
    for (size_t i = 0; ok && i < n; i++)
        ok = from_json(a, &fields[i], json_object_get(root, fields[i].name), (char *)record + fields[i].offset);
    json_decref(root);
    return ok;
}

bool backend_list_has(const struct backend_list *l, const char *item)
{
    for (size_t i = 0; i < l->count; i++)
        if (strcmp(l->items[i], item) == 0)
            return true;
    return false;
}

bool backend_list_add(struct arena *a, struct backend_list *l, const char *item)
{
    char **items = ARENA_NEW_N(a, char *, l->count + 1);
    char *copy = arena_string(a, item);
    if (!items || !copy)
        return false;
    for (size_t i = 0; i < l->count; i++)
        items[i] = l->items[i];
    items[l->count] = copy;
    *l = (struct backend_list){items, l->count + 1};
    return true;
}
