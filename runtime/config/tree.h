/* A namespace's configuration as v3 keeps it: a JSON tree whose inner nodes are objects and whose leaves are objects
 * {"leaf": true, "value": JSON text, "secret": bool}. An inner node may have a child called "leaf": a child is always
 * an object, so the two cannot be confused.
 *
 * Paths are names joined by dots; the empty path is the root. Setting a map onto a map merges them, everything else
 * replaces. An array is one leaf: a path may lead into it to read ("list.0.name", counted from 0), but it is set and
 * removed as a whole; a path that leads into one is refused then. */
#ifndef RUNTIME_CONFIG_TREE_H
#define RUNTIME_CONFIG_TREE_H

#include "base/bytes.h"
#include "base/error.h"
#include "base/text.h"
#include "runtime/config/secret.h"

#include <jansson.h>
#include <stdbool.h>

#define CONFIG_DEPTH_MAX   64                /* levels, path and value together */
#define CONFIG_SEGMENT_MAX 256               /* bytes of one name */
#define CONFIG_PATH_MAX    4096              /* bytes of a path */
#define CONFIG_VALUE_MAX   ((size_t)1 << 20) /* bytes of a value being set */
#define CONFIG_TREE_MAX    ((size_t)8 << 20) /* bytes of a whole namespace */

struct config_path {
    size_t count;
    char storage[CONFIG_PATH_MAX + 1];
    const char *segments[CONFIG_DEPTH_MAX];
};
int config_path_parse(const char *text, struct config_path *out, struct error *err);

/* What the store holds, checked to be such a tree. *out is a reference the caller owns. */
int config_tree_parse(struct bytes stored, json_t **out, struct error *err);
json_t *config_tree_new(void);
int config_tree_store(json_t *root, struct text *out, struct error *err);

/* `value` is JSON. `key` NULL: not secret. *root may become another object. */
int config_tree_set(json_t **root, const struct config_path *path, struct bytes value, const struct config_key *key,
                    const char *namespace, struct error *err);
/* *removed: whether something was there. ERROR_INVALID: the path leads into an array. */
int config_tree_remove(json_t *root, const struct config_path *path, bool *removed, struct error *err);
/* The value at a path as JSON, "null" when nothing is there. Secrets read "[secret]", unless a key is given. */
int config_tree_get(json_t *root, const struct config_path *path, const struct config_key *key, const char *namespace,
                    struct text *out, struct error *err);

#endif
