#include "e2e/internal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_LENGTH 64

int variable_set(struct flow_context *x, const char *name, json_t *value)
{
    return json_object_set_new(x->variables, name, value) == 0 ? 0 : error_set(&x->error, ERROR_MEMORY, "out of memory");
}

void value_text(const json_t *v, struct text *out)
{
    if (json_is_string(v)) {
        text_add(out, json_string_value(v), json_string_length(v));
        return;
    }
    char *dumped = v != NULL ? json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    text_puts(out, dumped != NULL ? dumped : "nothing");
    free(dumped);
}

/* A new reference. */
static json_t *look_up(struct flow_context *x, const struct node *n, struct bytes name)
{
    char key[NAME_MAX_LENGTH];
    if (name.len >= sizeof key) {
        node_error(n, &x->error, ERROR_INVALID, "a variable's name has at most %d characters", NAME_MAX_LENGTH - 1);
        return NULL;
    }
    memcpy(key, name.data, name.len);
    key[name.len] = '\0';
    if (strcmp(key, "unique") == 0) {
        /* Different at each use, the same in each run of a seed. */
        struct random base, own;
        char purpose[64], text[40];
        snprintf(purpose, sizeof purpose, "flow.unique.%" PRId64, x->unique++);
        random_seed(&base, x->target->seed);
        random_fork(&base, purpose, &own);
        snprintf(text, sizeof text, "u%012" PRIx64, random_next(&own) & UINT64_C(0xFFFFFFFFFFFF));
        return json_string(text);
    }
    json_t *value = json_object_get(x->variables, key);
    if (value != NULL)
        return json_incref(value);
    const char *known[64];
    size_t count = 0;
    const char *other;
    json_t *unused;
    json_object_foreach(x->variables, other, unused)
    {
        if (count < 62)
            known[count++] = other;
    }
    known[count++] = "unique";
    known[count] = NULL;
    const char *near = nearest_word(key, known);
    node_error(n, &x->error, ERROR_NOT_FOUND, "there is no variable ${%s}%s%s%s", key, near != NULL ? ": did you mean ${" : "",
               near != NULL ? near : "", near != NULL ? "}?" : "");
    return NULL;
}

/* The end of ${...} that begins at p, or NULL when none does. */
static const char *reference_end(const char *p, const char *end)
{
    if (end - p < 3 || p[0] != '$' || p[1] != '{')
        return NULL;
    return memchr(p, '}', (size_t)(end - p));
}

static json_t *expand_string(struct flow_context *x, const struct node *n)
{
    const char *p = (const char *)n->text.data, *end = p + n->text.len;
    const char *close = reference_end(p, end);
    if (close != NULL && close + 1 == end)
        return look_up(x, n, BYTES(p + 2, (size_t)(close - p - 2)));
    struct text out = TEXT_INIT;
    json_t *result = NULL;
    while (p < end) {
        close = reference_end(p, end);
        if (close == NULL) {
            text_char(&out, *p++);
            continue;
        }
        json_t *value = look_up(x, n, BYTES(p + 2, (size_t)(close - p - 2)));
        if (value == NULL)
            goto out;
        value_text(value, &out);
        json_decref(value);
        p = close + 1;
    }
    if (text_ok(&out))
        result = json_stringn(text_string(&out), out.len);
    if (result == NULL)
        error_set(&x->error, ERROR_MEMORY, "out of memory");
out:
    text_deinit(&out);
    return result;
}

static json_t *expand_children(struct flow_context *x, const struct node *n)
{
    json_t *out = n->kind == NODE_LIST ? json_array() : json_object();
    size_t count = n->kind == NODE_LIST ? n->list.count : n->map.count;
    for (size_t i = 0; out != NULL && i < count; i++) {
        json_t *child = expand_node(x, n->kind == NODE_LIST ? &n->list.items[i] : &n->map.pairs[i].value);
        if (child == NULL || (n->kind == NODE_LIST ? json_array_append_new(out, child)
                                                   : json_object_set_new(out, n->map.pairs[i].key, child)) != 0) {
            json_decref(out);
            return NULL;
        }
    }
    return out;
}

/* Depth is bounded by the document's. */
json_t *expand_node(struct flow_context *x, const struct node *n)
{
    json_t *out = NULL;
    switch (n->kind) {
    case NODE_TEXT:
        return expand_string(x, n);
    case NODE_LIST:
    case NODE_MAP:
        out = expand_children(x, n);
        break;
    case NODE_NULL:
    case NODE_BOOL:
    case NODE_INTEGER:
    case NODE_REAL:
        out = node_to_json(n);
        break;
    }
    if (out == NULL && x->error.code == 0)
        error_set(&x->error, ERROR_MEMORY, "out of memory");
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
    return text_take(&out);
}
