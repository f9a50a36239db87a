/* Bytes become a path, a stored tree and a value to set, each up to the next NUL. Whatever the set does, what is shown
 * afterwards must be JSON, and what is stored must be readable again. */
#include "runtime/config/tree.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct bytes next_part(struct bytes *rest)
{
    const uint8_t *end = rest->len ? memchr(rest->data, 0, rest->len) : NULL;
    size_t len = end ? (size_t)(end - rest->data) : rest->len;
    struct bytes part = BYTES(rest->data, len);
    size_t skip = end ? len + 1 : len;
    *rest = BYTES(rest->data + skip, rest->len - skip);
    return part;
}

static void must(bool condition)
{
    if (!condition)
        abort();
}

static void check(json_t *root)
{
    struct config_path all = {.count = 0};
    struct text shown = TEXT_INIT, stored = TEXT_INIT;
    json_t *again = NULL;
    must(config_tree_get(root, &all, NULL, "micro", &shown, NULL) == 0);
    json_t *value = json_loadb(text_string(&shown), shown.len, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL);
    must(value != NULL);
    json_decref(value);
    must(config_tree_store(root, &stored, NULL) == 0);
    must(config_tree_parse(text_bytes(&stored), &again, NULL) == 0);
    json_decref(again);
    text_deinit(&shown);
    text_deinit(&stored);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes rest = BYTES(data, size);
    struct bytes path_bytes = next_part(&rest), tree = next_part(&rest), value = next_part(&rest);
    char *path_text = strndup(path_bytes.len ? (const char *)path_bytes.data : "", path_bytes.len);
    struct config_path path;
    json_t *root = NULL;
    bool removed = false;
    if (!path_text)
        return 0;
    if (config_path_parse(path_text, &path, NULL) == 0) {
        if (tree.len == 0 || config_tree_parse(tree, &root, NULL) != 0)
            root = config_tree_new();
        if (root && config_tree_set(&root, &path, value, NULL, "micro", NULL) == 0) {
            check(root);
            struct text shown = TEXT_INIT;
            must(config_tree_get(root, &path, NULL, "micro", &shown, NULL) == 0);
            must(strcmp(text_string(&shown), "null") != 0 || memmem(value.data, value.len, "null", 4));
            text_deinit(&shown);
            if (path.count > 0)
                must(config_tree_remove(root, &path, &removed, NULL) == 0 && removed);
        }
        json_decref(root);
    }
    free(path_text);
    return 0;
}
