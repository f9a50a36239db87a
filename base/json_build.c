#include "base/json_build.h"

#include <stdbool.h>

static void keep(json_t **tree, bool whole)
{
    if (whole)
        return;
    json_decref(*tree);
    *tree = NULL;
}

void json_build_set(json_t **object, const char *key, json_t *value)
{
    keep(object, json_object_set_new(*object, key, value) == 0);
}

void json_build_add(json_t **list, json_t *value)
{
    keep(list, json_array_append_new(*list, value) == 0);
}
