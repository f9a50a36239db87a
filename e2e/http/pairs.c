/* Names and values that a request sends, from a step: a map, or a list of {name: ..., value: ...} where names come
 * twice or have variables in them; a map's value may be a list, for a name that comes several times. */
#include "e2e/http/http.h"
#include "e2e/kind.h"

#include <stdlib.h>

#define PAIRS_KEYS "a list has items {name: NAME, value: VALUE}"

static int one(struct flow_context *x, const char *name, const struct node *value, http_pair_fn *each, void *arg)
{
    struct bytes key = bytes_of(name);
    json_t *expanded = expand_bytes(x, value, key);
    struct text text = TEXT_INIT;
    int code = x->error.code;
    if (expanded != NULL) {
        value_text(expanded, &text);
        code = text_ok(&text) ? each(x, arg, text_string(&text), value) : flow_memory(x);
    }
    json_decref(expanded);
    text_deinit(&text);
    return code;
}

int http_pairs(struct flow_context *x, const struct node *pairs, http_pair_fn *each, void *arg)
{
    int code = 0;
    for (size_t i = 0; pairs != NULL && pairs->kind == NODE_MAP && i < pairs->map.count && code == 0; i++) {
        const struct node_pair *p = &pairs->map.pairs[i];
        if (p->value.kind != NODE_LIST)
            code = one(x, p->key, &p->value, each, arg);
        for (size_t k = 0; p->value.kind == NODE_LIST && k < p->value.list.count && code == 0; k++)
            code = one(x, p->key, &p->value.list.items[k], each, arg);
    }
    for (size_t i = 0; pairs != NULL && pairs->kind == NODE_LIST && i < pairs->list.count && code == 0; i++) {
        const struct node *item = &pairs->list.items[i];
        code = one(x, (const char *)node_get(item, "name")->text.data, node_get(item, "value"), each, arg);
    }
    return code;
}

int http_check_pairs(const struct node *pairs, struct error *err)
{
    static const char *const keys[] = {"name", "value", NULL};
    if (pairs == NULL || pairs->kind == NODE_MAP)
        return 0;
    if (pairs->kind != NODE_LIST)
        return node_error(pairs, err, ERROR_INVALID, "expected a map of names and values, or a list: " PAIRS_KEYS);
    int code = 0;
    for (size_t i = 0; i < pairs->list.count && code == 0; i++) {
        const struct node *item = &pairs->list.items[i];
        const char *name;
        if (item->kind != NODE_MAP || node_get(item, "value") == NULL)
            return node_error(item, err, ERROR_INVALID, PAIRS_KEYS);
        code = node_only_keys(item, keys, err);
        if (code == 0)
            code = node_need_text(item, "name", &name, err);
    }
    return code;
}

bool http_add_line(json_t *lines, struct bytes name, struct bytes value)
{
    json_t *line = json_array();
    bool ok = line != NULL && json_array_append_new(line, value_of_bytes(name)) == 0 &&
              json_array_append_new(line, value_of_bytes(value)) == 0;
    if (ok)
        return json_array_append_new(lines, line) == 0;
    json_decref(line);
    return false;
}
