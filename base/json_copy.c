#include "base/json_copy.h"

#include <stdbool.h>
#include <string.h>

/* jansson's iterators and references take values that may be changed; these are not. */
static json_t *unconst(const json_t *value)
{
    json_t *out;
    memcpy(&out, &value, sizeof out);
    return out;
}

static bool copy_items(const json_t *list, json_t *out)
{
    bool ok = out != NULL;
    for (size_t i = 0; i < json_array_size(list) && ok; i++)
        ok = json_array_append_new(out, json_copy_whole(json_array_get(list, i))) == 0;
    return ok;
}

static bool copy_members(json_t *map, json_t *out)
{
    const char *key;
    size_t len;
    json_t *value;
    bool ok = out != NULL;
    json_object_keylen_foreach(map, key, len, value)
    {
        ok = ok && json_object_setn_new_nocheck(out, key, len, json_copy_whole(value)) == 0;
    }
    return ok;
}

json_t *json_copy_whole(const json_t *value)
{
    if (!json_is_object(value) && !json_is_array(value))
        return json_incref(unconst(value));
    json_t *out = json_is_array(value) ? json_array() : json_object();
    if (json_is_array(value) ? copy_items(value, out) : copy_members(unconst(value), out))
        return out;
    json_decref(out);
    return NULL;
}

json_t *json_copy_map(const json_t *map)
{
    json_t *out = json_is_object(map) ? json_object() : NULL;
    if (out != NULL && json_object_update(out, unconst(map)) == 0)
        return out;
    json_decref(out);
    return NULL;
}
