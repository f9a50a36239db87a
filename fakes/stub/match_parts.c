/* Expectations of what has parts: lists, maps, messages, and messages whose JSON has a form of its own. */
#include "fakes/stub/match_inside.h"

#include <string.h>

/* ---- lists and maps ---- */

int condition_apart(struct match_compiler *c, const struct place *p, const struct node *n, bool exact,
                    const struct test **out)
{
    bool before = c->apart;
    c->apart = true;
    int code = condition_value(c, p, n, exact, out);
    c->apart = before;
    return code;
}

static int item(struct match_compiler *c, const struct pb_field *f, const struct node *n, bool exact,
                const struct test **out)
{
    struct place p = {.slot = MATCH_SLOT_ITEM, .field = f, .item = true};
    return condition_apart(c, &p, n, exact, out);
}

int condition_items(struct match_compiler *c, const struct place *p, const struct node *n, enum test_kind kind,
                    bool exact, const struct test **out)
{
    struct tests all = {0};
    struct test *t;
    const struct test *one = NULL;
    int code = 0;
    if (n->kind != NODE_LIST)
        return node_error(n, c->err, ERROR_INVALID, "%s is a list, and this is %s", p->field->name,
                          node_kind_name(n->kind));
    if (kind != TEST_LIST && n->list.count > MATCH_ITEMS_MAX)
        return node_error(n, c->err, ERROR_LIMIT, "at most %d items can be looked for", MATCH_ITEMS_MAX);
    for (size_t i = 0; i < n->list.count && code == 0; i++) {
        code = item(c, p->field, &n->list.items[i], exact, &one);
        if (code == 0 && !array_push(&all.list, one))
            code = condition_no_memory(c);
    }
    if (code == 0)
        code = condition_test_at(c, p, n, kind, &t);
    if (code == 0) {
        t->tests.count = all.list.count;
        t->tests.items = arena_copy(c->arena, all.list.items, all.list.count * sizeof *all.list.items);
        if (t->tests.items == NULL)
            code = condition_no_memory(c);
        *out = t;
    }
    array_deinit(&all.list);
    return code;
}

int condition_one_item(struct match_compiler *c, const struct place *p, const struct node *n, enum test_kind kind,
                       const struct test **out)
{
    const struct pb_field *f = p->field->map ? &p->field->message->fields[1] : p->field;
    struct test *t;
    int code = condition_test_at(c, p, n, kind, &t);
    if (code == 0)
        code = item(c, f, n, false, &t->test);
    *out = t;
    return code;
}

static int entry_key(struct match_compiler *c, const struct pb_field *f, const struct node *map,
                     const struct node_pair *pair, struct value *out)
{
    const struct pb_field *key = &f->message->fields[0];
    struct node at = condition_key_node(map, pair);
    const void *copy = arena_string(c->arena, pair->key);
    if (copy == NULL)
        return condition_no_memory(c);
    if (!value_of_text(key, BYTES(copy, strlen(pair->key)), out))
        return node_error(&at, c->err, ERROR_INVALID, "a key of %s is %s", f->name, value_kind_words(key));
    return 0;
}

int condition_entries(struct match_compiler *c, const struct place *p, const struct node *n, bool exact,
                      const struct test **out)
{
    struct tests all = {0};
    struct test *t;
    int code = 0;
    if (n->kind != NODE_MAP)
        return node_error(n, c->err, ERROR_INVALID, "%s is a map, and this is %s", p->field->name,
                          node_kind_name(n->kind));
    for (size_t i = 0; i < n->map.count && code == 0; i++) {
        code = condition_test_at(c, p, n, TEST_ENTRY, &t);
        if (code == 0)
            code = entry_key(c, p->field, n, &n->map.pairs[i], &t->entry.key);
        if (code == 0)
            code = item(c, &p->field->message->fields[1], &n->map.pairs[i].value, exact, &t->entry.test);
        if (code == 0)
            code = condition_add(c, &all, t);
    }
    if (code == 0 && exact) {
        code = condition_test_at(c, p, n, TEST_SIZE, &t);
        if (code == 0) {
            t->size.min = t->size.max = n->map.count;
            code = condition_add(c, &all, t);
        }
    }
    if (code == 0)
        code = condition_join(c, TEST_ALL, &all, out);
    array_deinit(&all.list);
    return code;
}

/* ---- messages ---- */

/* No other fields than those the map names. */
static int only(struct match_compiler *c, int slot, const struct pb_field *field, const struct pb_type *t,
                const struct node *map, struct tests *all)
{
    uint32_t *numbers = arena_alloc_n(c->arena, map->map.count + 1, sizeof *numbers);
    struct test *test = condition_test_new(c, TEST_ONLY, slot, field);
    if (numbers == NULL || test == NULL)
        return condition_no_memory(c);
    for (size_t i = 0; i < map->map.count; i++) {
        const struct pb_field *f = pb_field_by_name(t, map->map.pairs[i].key);
        if (f != NULL)
            numbers[test->only.count++] = f->number;
    }
    test->only.numbers = numbers;
    test->only.type = t;
    return condition_add(c, all, test);
}

/* Every pair of the map on a message of this shape; `self` is the message's own place. */
static int members(struct match_compiler *c, struct shape *shape, const struct place *self, const struct node *map,
                   bool exact, struct tests *all)
{
    const struct test *one;
    int code = 0;
    for (size_t i = 0; i < map->map.count && code == 0; i++) {
        const struct node_pair *pair = &map->map.pairs[i];
        struct place p = {.shape = shape};
        struct node at = condition_key_node(map, pair);
        if (pair->key[0] == '$') {
            code = condition_word(c, self, map, pair, &one);
        } else {
            code = match_field(shape->type, pair->key, &at, &p.field, c->err);
            if (code == 0)
                code = condition_value(c, &p, &pair->value, exact, &one);
        }
        if (code == 0)
            code = condition_add(c, all, one);
    }
    return code;
}

static int whole_message(struct match_compiler *c, const struct node *n, bool exact, const struct test **out)
{
    struct place self = {.slot = MATCH_SLOT_ROOT};
    struct tests all = {0};
    int code = members(c, c->plan->root, &self, n, exact, &all);
    if (code == 0 && exact)
        code = only(c, MATCH_SLOT_ROOT, NULL, c->plan->root->type, n, &all);
    if (code == 0)
        code = condition_join(c, TEST_ALL, &all, out);
    array_deinit(&all.list);
    return code;
}

/* An element: a scan of its own, by a plan of its own. */
static int message_item(struct match_compiler *c, const struct place *p, const struct node *n, bool exact,
                        const struct test **out)
{
    struct plan *plan = ARENA_NEW(c->arena, struct plan), *outer = c->plan;
    struct test *t = condition_test_new(c, TEST_MESSAGE, p->slot, p->field);
    if (plan == NULL || t == NULL || !plan_init(plan, c->arena, p->field->message, ""))
        return condition_no_memory(c);
    c->plan = plan;
    int code = whole_message(c, n, exact, &t->inside.test);
    c->plan = outer;
    t->inside.plan = plan;
    *out = t;
    return code;
}

/* Are all of the keys words? Then they are about the message's own value. */
static bool only_words(const struct node *n)
{
    for (size_t i = 0; i < n->map.count; i++)
        if (n->map.pairs[i].key[0] != '$')
            return false;
    return n->map.count > 0;
}

int condition_message(struct match_compiler *c, const struct place *p, const struct node *n, bool exact,
                      const struct test **out)
{
    struct tests all = {0};
    const struct test *there = NULL;
    int code = 0;
    if (n->kind != NODE_MAP)
        return node_error(n, c->err, ERROR_INVALID, "%s is a message, which a map stands for, and this is %s",
                          p->field != NULL ? p->field->name : "this", node_kind_name(n->kind));
    if (p->field == NULL)
        return whole_message(c, n, exact, out);
    if (only_words(n) && !exact)
        return condition_all_words(c, p, n, out);
    if (p->shape == NULL)
        return message_item(c, p, n, exact, out);
    struct shape *below = plan_enter(c->plan, p->shape, p->field);
    if (below == NULL)
        return condition_no_memory(c);
    code = condition_present(c, p, n, true, &there);
    if (code == 0)
        code = condition_add(c, &all, there);
    if (code == 0)
        code = members(c, below, p, n, exact, &all);
    if (code == 0 && exact)
        code = only(c, there->slot, p->field, p->field->message, n, &all);
    if (code == 0)
        code = condition_join(c, TEST_ALL, &all, out);
    array_deinit(&all.list);
    return code;
}

/* ---- messages with a JSON form of their own ---- */

int condition_json_form(struct match_compiler *c, const struct place *p, const struct node *n, const struct test **out)
{
    struct text wire = TEXT_INIT, json = TEXT_INIT;
    struct error why = ERROR_INIT;
    struct test *t = NULL;
    json_t *tree = node_to_json(n);
    int code = tree == NULL ? condition_no_memory(c) : pb_tree_to_wire(p->field->message, tree, 0, &wire, &why);
    if (code == 0)
        code = pb_wire_to_json(p->field->message, text_bytes(&wire), 0, &json, &why);
    if (code != 0 && tree != NULL)
        code = node_error(n, c->err, code, "%s", why.message != NULL ? why.message : error_code_name(code));
    if (code == 0)
        code = condition_test_at(c, p, n, TEST_JSON, &t);
    if (code == 0) {
        t->text = arena_string(c->arena, text_string(&json));
        code = t->text != NULL ? 0 : condition_no_memory(c);
    }
    *out = t;
    json_decref(tree);
    error_clear(&why);
    text_deinit(&wire);
    text_deinit(&json);
    return code;
}

/* google.protobuf.StringValue and its kin: a scalar that may be absent. */
int condition_wrapped(struct match_compiler *c, const struct place *p, const struct node *n, const struct test **out)
{
    struct tests all = {0};
    const struct test *there = NULL, *inner = NULL;
    const struct pb_field *field = &p->field->message->fields[0];
    int code;
    if (p->shape == NULL) { /* an element: the value's default is not on the wire, so it is looked at as a message */
        struct node_pair pair = {.key = field->name, .value = *n, .key_line = n->line, .key_column = n->column};
        struct node map = {.kind = NODE_MAP, .line = n->line, .column = n->column, .document = n->document};
        map.map.pairs = &pair;
        map.map.count = 1;
        return message_item(c, p, &map, false, out);
    }
    struct shape *below = plan_enter(c->plan, p->shape, p->field);
    struct place inside = {.shape = below, .field = field};
    if (below == NULL)
        return condition_no_memory(c);
    code = condition_present(c, p, n, true, &there);
    if (code == 0)
        code = condition_add(c, &all, there);
    if (code == 0)
        code = condition_value(c, &inside, n, false, &inner);
    if (code == 0)
        code = condition_add(c, &all, inner);
    if (code == 0)
        code = condition_join(c, TEST_ALL, &all, out);
    array_deinit(&all.list);
    return code;
}
