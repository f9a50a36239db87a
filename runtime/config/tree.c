#include "runtime/config/tree.h"

#include "base/json_text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int config_path_parse(const char *text, struct config_path *out, struct error *err)
{
    out->count = 0;
    size_t len = strlen(text);
    if (len > CONFIG_PATH_MAX)
        return error_set(err, ERROR_INVALID, "the path is longer than %d bytes", CONFIG_PATH_MAX);
    if (len == 0)
        return 0;
    memcpy(out->storage, text, len + 1);
    for (char *p = out->storage;;) {
        char *dot = strchr(p, '.');
        if (dot)
            *dot = '\0';
        size_t n = strlen(p);
        if (n == 0)
            return error_set(err, ERROR_INVALID, "the path \"%.80s\" has an empty name at character %zu", text,
                             (size_t)(p - out->storage) + 1);
        if (n > CONFIG_SEGMENT_MAX)
            return error_set(err, ERROR_INVALID, "a name in the path is longer than %d bytes", CONFIG_SEGMENT_MAX);
        if (out->count == CONFIG_DEPTH_MAX)
            return error_set(err, ERROR_INVALID, "the path has more than %d names", CONFIG_DEPTH_MAX);
        out->segments[out->count++] = p;
        if (!dot)
            return 0;
        p = dot + 1;
    }
}

static bool is_leaf(json_t *node)
{
    return json_is_true(json_object_get(node, "leaf"));
}

static int check_tree(json_t *node, int depth)
{
    if (!json_is_object(node) || depth > 2 * CONFIG_DEPTH_MAX)
        return ERROR_INVALID;
    if (is_leaf(node)) {
        const json_t *value = json_object_get(node, "value");
        json_t *plain = NULL;
        bool ok = json_is_string(value);
        if (ok && !json_is_true(json_object_get(node, "secret"))) {
            plain = json_loadb(json_string_value(value), json_string_length(value),
                               JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL);
            ok = plain != NULL;
        }
        json_decref(plain);
        return ok ? 0 : ERROR_INVALID;
    }
    for (void *i = json_object_iter(node); i; i = json_object_iter_next(node, i))
        if (check_tree(json_object_iter_value(i), depth + 1) != 0)
            return ERROR_INVALID;
    return 0;
}

json_t *config_tree_new(void)
{
    return json_object();
}

int config_tree_parse(struct bytes stored, json_t **out, struct error *err)
{
    json_error_t why;
    json_t *root = json_loadb((const char *)stored.data, stored.len, 0, &why);
    if (!root)
        return error_set(err, ERROR_SYNTAX, "what is stored is not JSON: line %d, column %d: %s", why.line, why.column,
                         why.text);
    if (check_tree(root, 0) != 0) {
        json_decref(root);
        return error_set(err, ERROR_INVALID, "what is stored is not a configuration");
    }
    *out = root;
    return 0;
}

int config_tree_store(json_t *root, struct text *out, struct error *err)
{
    char *text = json_text_by(root, JSON_COMPACT | JSON_SORT_KEYS);
    if (!text)
        return error_set(err, ERROR_MEMORY, "out of memory");
    text_puts(out, text);
    free(text);
    if (!text_ok(out))
        return error_set(err, ERROR_MEMORY, "out of memory");
    if (out->len > CONFIG_TREE_MAX)
        return error_set(err, ERROR_LIMIT, "the namespace's configuration would be larger than %zu bytes",
                         CONFIG_TREE_MAX);
    return 0;
}

/* ---- JSON out: shortest numbers, nothing escaped that need not be ------------------------------------------------ */

static void put_string(struct text *out, const char *value, size_t len)
{
    text_char(out, '"');
    text_json(out, value, len);
    text_char(out, '"');
}

static void put_real(struct text *out, double value)
{
    char digits[40];
    for (int precision = 15; precision <= 17; precision++) {
        snprintf(digits, sizeof digits, "%.*g", precision, value);
        if (!(fabs(strtod(digits, NULL) - value) > 0))
            break;
    }
    text_puts(out, digits);
    if (!strpbrk(digits, ".e"))
        text_puts(out, ".0");
}

static int put_json(struct text *out, json_t *value, int depth)
{
    if (depth > CONFIG_DEPTH_MAX)
        return ERROR_LIMIT;
    int rc = 0;
    switch (json_typeof(value)) {
    case JSON_OBJECT: {
        bool first = true;
        text_char(out, '{');
        for (void *i = json_object_iter(value); i && rc == 0; i = json_object_iter_next(value, i), first = false) {
            if (!first)
                text_char(out, ',');
            put_string(out, json_object_iter_key(i), json_object_iter_key_len(i));
            text_char(out, ':');
            rc = put_json(out, json_object_iter_value(i), depth + 1);
        }
        text_char(out, '}');
        break;
    }
    case JSON_ARRAY:
        text_char(out, '[');
        for (size_t i = 0; i < json_array_size(value) && rc == 0; i++) {
            if (i)
                text_char(out, ',');
            rc = put_json(out, json_array_get(value, i), depth + 1);
        }
        text_char(out, ']');
        break;
    case JSON_STRING:
        put_string(out, json_string_value(value), json_string_length(value));
        break;
    case JSON_INTEGER:
        text_printf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        break;
    case JSON_REAL:
        put_real(out, json_real_value(value));
        break;
    case JSON_TRUE:
        text_puts(out, "true");
        break;
    case JSON_FALSE:
        text_puts(out, "false");
        break;
    case JSON_NULL:
        text_puts(out, "null");
        break;
    }
    return rc;
}

/* ---- finding, removing ------------------------------------------------------------------------------------------- */

/* As many names of the path as lead through maps; *used says how many. NULL: nothing is there. */
static json_t *find(json_t *root, const struct config_path *path, size_t count, size_t *used)
{
    json_t *node = root;
    for (*used = 0; node && *used < count && !is_leaf(node); ++*used)
        node = json_object_get(node, path->segments[*used]);
    return node;
}

/* A leaf's value as JSON; NULL: it is not JSON, or secret. */
static json_t *leaf_value(json_t *leaf)
{
    const json_t *value = json_object_get(leaf, "value");
    if (json_is_true(json_object_get(leaf, "secret")))
        return NULL;
    return json_loadb(json_string_value(value), json_string_length(value), JSON_DECODE_ANY | JSON_REJECT_DUPLICATES,
                      NULL);
}

/* ERROR_INVALID when the path leads through a leaf that is an array, which a change would put a map in the place of. A
 * secret one cannot be told and is not looked into. */
static int check_arrays(json_t *root, const struct config_path *path, struct error *err)
{
    size_t used = 0;
    json_t *node = path->count > 0 ? find(root, path, path->count, &used) : NULL;
    if (!node || used == path->count)
        return 0;
    json_t *value = leaf_value(node);
    bool array = json_is_array(value);
    json_decref(value);
    if (!array)
        return 0;
    return error_set(err, ERROR_INVALID,
                     "the path leads into an array at \"%s\": an array is set and removed as a whole",
                     used ? path->segments[used - 1] : ".");
}

int config_tree_remove(json_t *root, const struct config_path *path, bool *removed, struct error *err)
{
    size_t used = 0;
    if (path->count == 0) {
        *removed = json_object_size(root) > 0 && json_object_clear(root) == 0;
        return 0;
    }
    int rc = check_arrays(root, path, err);
    json_t *parent = rc == 0 ? find(root, path, path->count - 1, &used) : NULL;
    *removed = parent && used == path->count - 1 && !is_leaf(parent) &&
               json_object_del(parent, path->segments[path->count - 1]) == 0;
    return rc;
}

/* What a path finds inside a value: array elements by number, members of the maps in them by name. Borrowed. */
static json_t *find_inside(json_t *value, const struct config_path *path, size_t from)
{
    for (size_t i = from; value && i < path->count; i++) {
        const char *name = path->segments[i];
        if (!json_is_array(value)) {
            value = json_object_get(value, name);
            continue;
        }
        size_t len = strspn(name, "0123456789");
        bool number = len > 0 && len <= 9 && !name[len] && (len == 1 || name[0] != '0');
        value = number ? json_array_get(value, strtoul(name, NULL, 10)) : NULL;
    }
    return value;
}

/* ---- setting ---------------------------------------------------------------------------------------------------- */

struct setting {
    const struct config_key *key;
    const char *namespace;
    struct error *err;
};

static int make_leaf(const struct setting *s, json_t *value, int depth, json_t **out)
{
    struct text plain = TEXT_INIT, sealed = TEXT_INIT;
    int rc = put_json(&plain, value, depth);
    if (rc)
        rc = error_set(s->err, rc, "the value is nested deeper than %d levels", CONFIG_DEPTH_MAX);
    else if (!text_ok(&plain))
        rc = error_set(s->err, ERROR_MEMORY, "out of memory");
    else if (s->key)
        rc = config_seal(s->key, s->namespace, text_bytes(&plain), &sealed, s->err);
    if (rc == 0) {
        *out = json_pack("{s:b, s:s, s:b}", "leaf", 1, "value", text_string(s->key ? &sealed : &plain), "secret",
                         s->key != NULL);
        if (!*out)
            rc = error_set(s->err, ERROR_MEMORY, "out of memory");
    }
    text_deinit(&plain);
    text_deinit(&sealed);
    return rc;
}

static int make_node(const struct setting *s, json_t *value, int depth, json_t **out)
{
    if (!json_is_object(value))
        return make_leaf(s, value, depth, out);
    if (depth >= CONFIG_DEPTH_MAX)
        return error_set(s->err, ERROR_LIMIT, "path and value are nested deeper than %d levels", CONFIG_DEPTH_MAX);
    json_t *node = json_object();
    int rc = node ? 0 : error_set(s->err, ERROR_MEMORY, "out of memory");
    for (void *i = json_object_iter(value); i && rc == 0; i = json_object_iter_next(value, i)) {
        json_t *child = NULL;
        rc = make_node(s, json_object_iter_value(i), depth + 1, &child);
        if (rc == 0 && json_object_set_new(node, json_object_iter_key(i), child) != 0)
            rc = error_set(s->err, ERROR_MEMORY, "out of memory");
    }
    if (rc)
        json_decref(node);
    else
        *out = node;
    return rc;
}

/* Takes `fresh`. What stands in `map` under the name is merged with it when both are maps, else replaced. */
static int put_child(json_t *map, const char *name, json_t *fresh, int depth)
{
    json_t *old = json_object_get(map, name);
    if (!old || is_leaf(old) || is_leaf(fresh))
        return json_object_set_new(map, name, fresh) == 0 ? 0 : ERROR_MEMORY;
    int rc = depth > 2 * CONFIG_DEPTH_MAX ? ERROR_LIMIT : 0;
    for (void *i = json_object_iter(fresh); i && rc == 0; i = json_object_iter_next(fresh, i))
        rc = put_child(old, json_object_iter_key(i), json_incref(json_object_iter_value(i)), depth + 1);
    json_decref(fresh);
    return rc;
}

int config_tree_set(json_t **root, const struct config_path *path, struct bytes value, const struct config_key *key,
                    const char *namespace, struct error *err)
{
    if (value.len > CONFIG_VALUE_MAX)
        return error_set(err, ERROR_INVALID, "the value has %zu bytes, %zu are allowed", value.len, CONFIG_VALUE_MAX);
    json_error_t why;
    json_t *parsed = json_loadb(value.len ? (const char *)value.data : "", value.len,
                                JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &why);
    if (!parsed)
        return error_set(err, ERROR_SYNTAX, "the value is not JSON: line %d, column %d: %s", why.line, why.column,
                         why.text);
    if (check_arrays(*root, path, err) != 0) {
        json_decref(parsed);
        return ERROR_INVALID;
    }
    struct setting s = {.key = key, .namespace = namespace, .err = err};
    json_t *fresh = NULL, *holder = json_object();
    int rc = holder ? make_node(&s, parsed, (int)path->count, &fresh) : error_set(err, ERROR_MEMORY, "out of memory");
    /* From the inside out: the value, wrapped in one map for every name of the path, then merged in at the root. */
    for (size_t i = path->count; rc == 0 && i-- > 0;) {
        json_t *map = json_object();
        if (!map || json_object_set_new(map, path->segments[i], fresh) != 0) {
            json_decref(map);
            fresh = NULL;
            rc = error_set(err, ERROR_INVALID, "the path is not valid UTF-8, or memory is out");
            break;
        }
        fresh = map;
    }
    if (rc == 0) {
        /* Everything below may fail half way: it happens to a copy. */
        json_t *copy = json_deep_copy(*root);
        if (!copy || json_object_set_new(holder, "root", copy) != 0 || (rc = put_child(holder, "root", fresh, 0)) != 0)
            rc = error_set(err, rc == ERROR_LIMIT ? rc : ERROR_MEMORY,
                           rc == ERROR_LIMIT ? "the configuration is nested too deeply" : "out of memory");
        fresh = NULL;
    }
    if (rc == 0) {
        json_decref(*root);
        *root = json_incref(json_object_get(holder, "root"));
    }
    json_decref(fresh);
    json_decref(holder);
    json_decref(parsed);
    return rc;
}

/* ---- showing ---------------------------------------------------------------------------------------------------- */

struct showing {
    const struct config_key *key;
    const char *namespace;
    struct text *out;
    struct error *err;
};

static int show(const struct showing *s, json_t *node, int depth)
{
    if (depth > 2 * CONFIG_DEPTH_MAX)
        return error_set(s->err, ERROR_LIMIT, "the configuration is nested too deeply");
    if (is_leaf(node)) {
        const json_t *value = json_object_get(node, "value");
        struct bytes text = BYTES(json_string_value(value), json_string_length(value));
        if (!json_is_true(json_object_get(node, "secret")))
            text_add(s->out, text.data, text.len);
        else if (s->key)
            return config_unseal(s->key, s->namespace, text, s->out, s->err);
        else
            text_puts(s->out, "\"[secret]\"");
        return 0;
    }
    int rc = 0;
    bool first = true;
    text_char(s->out, '{');
    for (void *i = json_object_iter(node); i && rc == 0; i = json_object_iter_next(node, i), first = false) {
        if (!first)
            text_char(s->out, ',');
        put_string(s->out, json_object_iter_key(i), json_object_iter_key_len(i));
        text_char(s->out, ':');
        rc = show(s, json_object_iter_value(i), depth + 1);
    }
    text_char(s->out, '}');
    return rc;
}

/* Inside a leaf. Secrets are hidden whole: that something is there is not told either. */
static int show_inside(const struct showing *s, json_t *leaf, const struct config_path *path, size_t from)
{
    struct text plain = TEXT_INIT;
    bool secret = json_is_true(json_object_get(leaf, "secret"));
    int rc = 0;
    if (secret && !s->key) {
        text_puts(s->out, "\"[secret]\"");
        return 0;
    }
    struct showing whole = {.key = s->key, .namespace = s->namespace, .out = &plain, .err = s->err};
    rc = show(&whole, leaf, 0);
    if (rc == 0 && !text_ok(&plain))
        rc = error_set(s->err, ERROR_MEMORY, "out of memory");
    json_t *value = rc == 0 ? json_loadb(text_string(&plain), plain.len, JSON_DECODE_ANY, NULL) : NULL;
    if (rc == 0 && !value)
        rc = error_set(s->err, ERROR_INVALID, "a stored value is not JSON");
    json_t *found = rc == 0 ? find_inside(value, path, from) : NULL;
    if (found)
        rc = put_json(s->out, found, 0);
    else if (rc == 0)
        text_puts(s->out, "null");
    if (rc == ERROR_LIMIT)
        error_set(s->err, rc, "the configuration is nested too deeply");
    json_decref(value);
    config_wipe(&plain);
    return rc;
}

int config_tree_get(json_t *root, const struct config_path *path, const struct config_key *key, const char *namespace,
                    struct text *out, struct error *err)
{
    size_t used = 0;
    json_t *node = find(root, path, path->count, &used);
    if (!node) {
        text_puts(out, "null");
        return text_ok(out) ? 0 : error_set(err, ERROR_MEMORY, "out of memory");
    }
    struct showing s = {.key = key, .namespace = namespace, .out = out, .err = err};
    int rc = used < path->count ? show_inside(&s, node, path, used) : show(&s, node, 0);
    return rc == 0 && !text_ok(out) ? error_set(err, ERROR_MEMORY, "out of memory") : rc;
}
