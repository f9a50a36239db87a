/* ${name}, ${name.member[0]} and ${= expression} in texts. "$${" stands for "${" itself. */
#include "base/json_copy.h"
#include "base/secret_name.h"
#include "e2e/value/expression.h"
#include "e2e/value/query.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define NAME_MAX_LENGTH 64  /* bytes of a variable's name */
#define REFERENCE_MAX   320 /* bytes between the braces */
#define SUGGESTIONS_MAX 200 /* names looked through for "did you mean" */

bool variable_name_valid(const char *name)
{
    static const char *const taken[] = {"unique", "fake", "env", "now"};
    if (isdigit((unsigned char)name[0]) || strlen(name) >= NAME_MAX_LENGTH)
        return false;
    for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++)
        if (strcmp(name, taken[i]) == 0)
            return false;
    size_t len = 0;
    while (isalnum((unsigned char)name[len]) || name[len] == '_' || (name[len] == '-' && len > 0))
        len++;
    return len > 0 && name[len] == '\0';
}

static bool depth_within(json_t *v, int limit)
{
    const char *key;
    json_t *item;
    size_t i;
    if (limit == 0)
        return false;
    json_array_foreach(v, i, item)
    {
        if (!depth_within(item, limit - 1))
            return false;
    }
    for (void *at = json_is_object(v) ? json_object_iter(v) : NULL; at != NULL; at = json_object_iter_next(v, at)) {
        key = json_object_iter_key(at);
        item = json_object_iter_value(at);
        if (key != NULL && !depth_within(item, limit - 1))
            return false;
    }
    return true;
}

int variable_set(struct flow_context *x, const char *name, json_t *value)
{
    if (value == NULL)
        return flow_memory(x);
    if (!depth_within(value, VALUE_DEPTH_MAX)) {
        json_decref(value);
        x->wrong = true;
        return error_set(&x->error, ERROR_LIMIT, "the value of ${%s} has more than %d levels", name, VALUE_DEPTH_MAX);
    }
    if (variable_hidden(x, name) && !secret_add(x, value)) {
        json_decref(value);
        return flow_memory(x);
    }
    return json_object_set_new(x->variables, name, value) == 0 ? 0 : flow_memory(x);
}

bool variable_hidden(const struct flow_context *x, const char *name)
{
    const struct node *own = x->flow->secrets;
    for (size_t i = 0; own != NULL && i < own->list.count; i++)
        if (bytes_is(own->list.items[i].text, name))
            return true;
    return is_secret_name(name, strlen(name));
}

static void unknown_variable(struct flow_context *x, const struct node *n, const char *key)
{
    const char *known[SUGGESTIONS_MAX + 2] = {"unique"};
    size_t count = 1;
    const char *name;
    json_t *unused;
    json_object_foreach(x->variables, name, unused)
    {
        if (count <= SUGGESTIONS_MAX)
            known[count++] = name;
    }
    const char *near = nearest_word(key, known);
    if (near != NULL)
        flow_wrong(x, n, ERROR_NOT_FOUND, "there is no variable ${%s}: did you mean ${%s}?", key, near);
    else
        flow_wrong(x, n, ERROR_NOT_FOUND, "there is no variable ${%s}", key);
}

/* The member of a variable's value that the path behind its name stands for. A new reference. */
static json_t *member_of(struct flow_context *x, const struct node *n, const char *key, const char *path)
{
    char rooted[REFERENCE_MAX + 2];
    int code;
    snprintf(rooted, sizeof rooted, "$%s", path);
    const json_t *found = json_path(json_object_get(x->variables, key), rooted, &code);
    if (code != 0)
        flow_wrong(x, n, ERROR_SYNTAX, "${%s%s} is no path: ${name.member} or ${name[0]}", key, path);
    else if (found == NULL)
        flow_wrong(x, n, ERROR_NOT_FOUND, "${%s} has nothing at %s", key, rooted);
    return code == 0 && found != NULL ? json_copy_whole(found) : NULL;
}

static json_t *look_up(struct flow_context *x, const struct node *n, struct bytes name);

/* "name | filter ..." */
static json_t *filtered(struct flow_context *x, const struct node *n, struct bytes name, const uint8_t *bar)
{
    size_t len = (size_t)(bar - name.data), behind = name.len - len;
    while (len > 0 && name.data[len - 1] == ' ')
        len--;
    json_t *value = look_up(x, n, BYTES(name.data, len));
    return value != NULL ? query_filter(x, n, value, BYTES(bar, behind)) : NULL;
}

/* A new reference. */
static json_t *look_up(struct flow_context *x, const struct node *n, struct bytes name)
{
    if (name.len > 0 && name.data[0] == '=')
        return expression_eval(x, n, BYTES(name.data + 1, name.len - 1));
    const uint8_t *bar = name.len > 0 ? memchr(name.data, '|', name.len) : NULL;
    if (bar != NULL)
        return filtered(x, n, name, bar);
    char key[REFERENCE_MAX];
    json_t *value = NULL;
    if (name.len >= sizeof key) {
        flow_wrong(x, n, ERROR_INVALID, "a variable's name has at most %d characters", NAME_MAX_LENGTH - 1);
        return NULL;
    }
    memcpy(key, name.data, name.len);
    key[name.len] = '\0';
    if (drawn_value(x, n, key, &value))
        return value;
    size_t own = strcspn(key, ".[");
    char behind = key[own];
    key[own] = '\0';
    value = json_object_get(x->variables, key);
    if (value == NULL) {
        unknown_variable(x, n, key);
        return NULL;
    }
    if (behind == '\0')
        return json_incref(value);
    char path[REFERENCE_MAX];
    path[0] = behind;
    memcpy(path + 1, key + own + 1, name.len - own);
    return member_of(x, n, key, path);
}

/* The end of the ${...} that begins at p, or NULL when none does. */
static const char *reference_end(const char *p, const char *end)
{
    if (end - p < 3 || p[0] != '$' || p[1] != '{')
        return NULL;
    return p[2] == '=' ? expression_end(p, end) : memchr(p, '}', (size_t)(end - p));
}

static json_t *looked_up(struct flow_context *x, const struct node *n, struct bytes name)
{
    json_t *value = look_up(x, n, name);
    if (value == NULL && x->error.code == 0)
        flow_memory(x);
    return value;
}

json_t *expand_bytes(struct flow_context *x, const struct node *n, struct bytes in)
{
    const char *p = (const char *)in.data, *end = p + in.len;
    const char *close = reference_end(p, end);
    if (close != NULL && close + 1 == end)
        return looked_up(x, n, BYTES(p + 2, (size_t)(close - p - 2)));
    struct text out = TEXT_INIT;
    json_t *result = NULL;
    while (p < end) {
        bool escaped = end - p >= 3 && memcmp(p, "$${", 3) == 0;
        close = reference_end(p, end);
        if (escaped) {
            text_puts(&out, "${");
            p += 3;
            continue;
        }
        if (close == NULL) {
            const char *next = memchr(p + 1, '$', (size_t)(end - p - 1));
            size_t len = (size_t)((next != NULL ? next : end) - p);
            text_add(&out, p, len);
            p += len;
            continue;
        }
        json_t *value = look_up(x, n, BYTES(p + 2, (size_t)(close - p - 2)));
        if (value == NULL)
            goto out;
        value_text(value, &out);
        json_decref(value);
        p = close + 1;
        if (out.len > REPLY_MAX) {
            flow_wrong(x, n, ERROR_LIMIT, "with its variables this is longer than %zu bytes", REPLY_MAX);
            goto out;
        }
    }
    result = text_ok(&out) ? json_stringn(text_string(&out), out.len) : NULL;
out:
    if (result == NULL && x->error.code == 0)
        flow_memory(x);
    text_deinit(&out);
    return result;
}

static json_t *expand_list(struct flow_context *x, const struct node *n)
{
    json_t *out = json_array();
    for (size_t i = 0; out != NULL && i < n->list.count; i++)
        if (json_array_append_new(out, expand_node(x, &n->list.items[i])) != 0) {
            json_decref(out);
            out = NULL;
        }
    return out;
}

static json_t *expand_map(struct flow_context *x, const struct node *n)
{
    json_t *out = json_object();
    for (size_t i = 0; out != NULL && i < n->map.count; i++)
        if (json_object_set_new(out, n->map.pairs[i].key, expand_node(x, &n->map.pairs[i].value)) != 0) {
            json_decref(out);
            out = NULL;
        }
    return out;
}

/* Depth is bounded by the document's. */
json_t *expand_node(struct flow_context *x, const struct node *n)
{
    json_t *out = NULL;
    switch (n->kind) {
    case NODE_TEXT:
        out = expand_bytes(x, n, n->text);
        break;
    case NODE_LIST:
        out = expand_list(x, n);
        break;
    case NODE_MAP:
        out = expand_map(x, n);
        break;
    case NODE_NULL:
    case NODE_BOOL:
    case NODE_INTEGER:
    case NODE_REAL:
        out = node_to_json(n);
        break;
    }
    if (out == NULL && x->error.code == 0)
        flow_memory(x);
    return out;
}

char *expand_text(struct flow_context *x, const struct node *n)
{
    json_t *value = expand_node(x, n);
    if (value == NULL)
        return NULL;
    struct text out = TEXT_INIT;
    value_text(value, &out);
    json_decref(value);
    if (text_ok(&out) && memchr(text_string(&out), '\0', out.len) != NULL) {
        flow_wrong(x, n, ERROR_INVALID, "a zero character cannot be sent here");
        text_deinit(&out);
        return NULL;
    }
    char *text = text_ok(&out) ? text_take(&out) : NULL;
    if (text == NULL) {
        text_deinit(&out);
        flow_memory(x);
    }
    return text;
}
