/* Expectations compiled. Recursion goes by the file's levels, which the document bounds. */
#include "fakes/stub/match_inside.h"

#include <string.h>

#define FIELDS_SUGGESTED 200 /* names of a type looked through for "did you mean" */

/* Those of flows first. */
const char *const match_words[] = {"$type",  "$regex", "$min",     "$max",     "$contains", "$absent", "$size",
                                   "$any",   "$not",   "$anyOf",   "$allOf",   "$all",      "$each",   "$unordered",
                                   "$first", "$glob",  "$exactly", "$capture", NULL};

static bool is_unknown_yet(const struct match_compiler *c, const struct node *n)
{
    return c->loose && n->kind == NODE_TEXT && strstr((const char *)n->text.data, "${") != NULL;
}

/* ---- names ---- */

bool match_is_matcher(const struct node *n)
{
    return n->kind == NODE_MAP && n->map.count > 0 && n->map.pairs[0].key[0] == '$';
}

int match_field(const struct pb_type *type, const char *name, const struct node *at, const struct pb_field **out,
                struct error *err)
{
    const char *names[FIELDS_SUGGESTED + 1];
    size_t count = type->field_count < FIELDS_SUGGESTED ? type->field_count : FIELDS_SUGGESTED;
    *out = pb_field_by_name(type, name);
    if (*out != NULL)
        return 0;
    for (size_t i = 0; i < count; i++)
        names[i] = type->fields[i].name;
    names[count] = NULL;
    const char *near = nearest_word(name, names);
    if (near != NULL)
        return node_error(at, err, ERROR_NOT_FOUND, "%s has no field \"%s\": did you mean \"%s\"?", type->full_name,
                          name, near);
    return node_error(at, err, ERROR_NOT_FOUND, "%s has no field \"%s\"%s%s", type->full_name, name,
                      count > 0 ? "; its first is " : ": it has none", count > 0 ? names[0] : "");
}

/* A node that stands for a pair's key in messages. */
struct node condition_key_node(const struct node *map, const struct node_pair *pair)
{
    struct node n = {.kind = NODE_TEXT, .line = pair->key_line, .column = pair->key_column, .document = map->document};
    n.text = bytes_of(pair->key);
    return n;
}

static int unknown_word(struct match_compiler *c, const struct node *map, const struct node_pair *pair)
{
    struct node at = condition_key_node(map, pair);
    const char *near = nearest_word(pair->key, match_words);
    if (pair->key[0] != '$')
        return node_error(&at, c->err, ERROR_INVALID, "among matchers \"%s\" is none; they begin with a $", pair->key);
    if (near == NULL)
        return node_error(&at, c->err, ERROR_INVALID, "there is no matcher \"%s\"", pair->key);
    return node_error(&at, c->err, ERROR_INVALID, "there is no matcher \"%s\": did you mean %s?", pair->key, near);
}

/* ---- words ---- */

static int wrong_word(struct match_compiler *c, const struct place *p, const struct node *at, const char *what)
{
    return node_error(at, c->err, ERROR_INVALID, "%s is for %s, and %s is none", (const char *)at->text.data, what,
                      p->field != NULL ? p->field->name : "the message");
}

/* $anyOf and $allOf. */
static int several(struct match_compiler *c, const struct place *p, const struct node *n, bool any,
                   const struct test **out)
{
    struct tests all = {0};
    const struct test *one = NULL;
    int code = 0;
    if (n->kind != NODE_LIST || n->list.count == 0)
        return node_error(n, c->err, ERROR_INVALID, "%s takes a list of one or more", any ? "$anyOf" : "$allOf");
    for (size_t i = 0; i < n->list.count && code == 0; i++) {
        code = any ? condition_apart(c, p, &n->list.items[i], false, &one)
                   : condition_value(c, p, &n->list.items[i], false, &one);
        if (code == 0 && !array_push(&all.list, one))
            code = condition_no_memory(c);
    }
    if (code == 0)
        code = condition_join(c, any ? TEST_ANY : TEST_ALL, &all, out);
    array_deinit(&all.list);
    return code;
}

static int negated(struct match_compiler *c, const struct place *p, const struct node *n, const struct test **out)
{
    struct test *t = condition_test_new(c, TEST_NOT, MATCH_SLOT_ROOT, NULL);
    *out = t;
    return t != NULL ? condition_apart(c, p, n, false, &t->test) : ERROR_MEMORY;
}

static int type(struct match_compiler *c, const struct place *p, const struct node *n, const struct test **out)
{
    bool map = p->field == NULL || (p->field->kind == PB_MESSAGE && (p->item || !p->field->repeated || p->field->map));
    const char *is = map                                                    ? "map"
                     : condition_is_list(p)                                 ? "list"
                     : value_is_text(p->field) || p->field->kind == PB_ENUM ? "text"
                     : p->field->kind == PB_BOOL                            ? "bool"
                                                                            : "number";
    int code = condition_need_text(c, n, "$type");
    if (code == 0 && strcmp((const char *)n->text.data, is) != 0)
        return node_error(n, c->err, ERROR_INVALID, "%s is a %s by its schema, never %s",
                          p->field != NULL ? p->field->name : "the message", is, (const char *)n->text.data);
    *out = &condition_always;
    return code == 0 && p->field != NULL && value_has_presence(p->field) ? condition_present(c, p, n, true, out) : code;
}

static int flag(struct match_compiler *c, const struct place *p, const struct node *at, const struct node *n,
                bool sense, const struct test **out)
{
    if (n->kind != NODE_BOOL)
        return node_error(n, c->err, ERROR_INVALID, "%s takes true or false", (const char *)at->text.data);
    return condition_present(c, p, n, n->boolean == sense, out);
}

int condition_word(struct match_compiler *c, const struct place *p, const struct node *map,
                   const struct node_pair *pair, const struct test **out)
{
    struct node at = condition_key_node(map, pair);
    const char *w = pair->key;
    const struct node *n = &pair->value;
    bool list = condition_is_list(p),
         known = p->field != NULL && condition_is_message(p) && p->field->message->known != PB_ORDINARY;
    bool texts = !list && (!condition_is_message(p) || known);
    *out = &condition_always;
    if (is_unknown_yet(c, n))
        return 0;
    if (strcmp(w, "$not") == 0)
        return negated(c, p, n, out);
    if (strcmp(w, "$anyOf") == 0 || strcmp(w, "$allOf") == 0)
        return several(c, p, n, w[2] == 'n', out);
    if (strcmp(w, "$any") == 0)
        return flag(c, p, &at, n, true, out);
    if (strcmp(w, "$absent") == 0)
        return flag(c, p, &at, n, false, out);
    if (strcmp(w, "$type") == 0)
        return type(c, p, n, out);
    if (strcmp(w, "$exactly") == 0)
        return condition_value(c, p, n, true, out);
    if (strcmp(w, "$regex") == 0)
        return texts ? condition_pattern(c, p, map, n, out) : wrong_word(c, p, &at, "texts and numbers");
    if (strcmp(w, "$capture") == 0)
        return node_get(map, "$regex") != NULL
                   ? 0
                   : node_error(&at, c->err, ERROR_INVALID, "$capture stands beside the $regex it names");
    if (strcmp(w, "$glob") == 0)
        return texts ? condition_part(c, p, n, TEST_GLOB, out) : wrong_word(c, p, &at, "texts and numbers");
    if (strcmp(w, "$min") == 0 || strcmp(w, "$max") == 0)
        return texts ? condition_range(c, p, n, w[2] == 'a', out) : wrong_word(c, p, &at, "numbers and times");
    if (strcmp(w, "$size") == 0)
        return list || (texts && value_is_text(p->field)) ? condition_size(c, p, n, out)
                                                          : wrong_word(c, p, &at, "lists, maps and texts");
    if (strcmp(w, "$contains") == 0 && !list)
        return texts ? condition_part(c, p, n, TEST_PART, out) : wrong_word(c, p, &at, "lists and texts");
    if (strcmp(w, "$each") == 0)
        return list ? condition_one_item(c, p, n, TEST_EACH, out) : wrong_word(c, p, &at, "lists and maps");
    bool real_list = list && !p->field->map;
    if (strcmp(w, "$contains") == 0)
        return real_list ? condition_one_item(c, p, n, TEST_SOME, out) : wrong_word(c, p, &at, "lists and texts");
    if (strcmp(w, "$first") == 0)
        return real_list ? condition_one_item(c, p, n, TEST_FIRST, out) : wrong_word(c, p, &at, "lists");
    if (strcmp(w, "$all") == 0)
        return real_list ? condition_items(c, p, n, TEST_SUBSET, false, out) : wrong_word(c, p, &at, "lists");
    if (strcmp(w, "$unordered") == 0)
        return real_list ? condition_items(c, p, n, TEST_SAME, false, out) : wrong_word(c, p, &at, "lists");
    return unknown_word(c, map, pair);
}

int condition_all_words(struct match_compiler *c, const struct place *p, const struct node *map,
                        const struct test **out)
{
    struct tests all = {0};
    const struct test *one;
    int code = 0;
    for (size_t i = 0; i < map->map.count && code == 0; i++) {
        code = condition_word(c, p, map, &map->map.pairs[i], &one);
        if (code == 0)
            code = condition_add(c, &all, one);
    }
    if (code == 0)
        code = condition_join(c, TEST_ALL, &all, out);
    array_deinit(&all.list);
    return code;
}

static bool about_presence(const struct node *n)
{
    return node_get(n, "$absent") != NULL || node_get(n, "$any") != NULL;
}

/* Of types with a JSON form of their own, two whose fields cannot be taken for it. */
static bool is_by_fields(enum pb_known known, const struct node *n)
{
    return (known == PB_FIELD_MASK && n->kind == NODE_MAP && !match_is_matcher(n)) ||
           (known == PB_ANY && node_get(n, "type_url") != NULL && node_get(n, "@type") == NULL);
}

/* ---- any value ---- */

int condition_value(struct match_compiler *c, const struct place *p, const struct node *n, bool exact,
                    const struct test **out)
{
    *out = &condition_always;
    if (is_unknown_yet(c, n))
        return 0;
    if (n->kind == NODE_NULL && !(p->item && p->slot == MATCH_SLOT_ITEM && p->field->kind == PB_MESSAGE &&
                                  p->field->message->known == PB_VALUE))
        return condition_present(c, p, n, false, out);
    if (condition_is_message(p)) {
        enum pb_known known = p->field != NULL ? p->field->message->known : PB_ORDINARY;
        if (known == PB_WRAPPER && !(n->kind == NODE_MAP && about_presence(n)))
            return condition_wrapped(c, p, n, out);
        if (known == PB_ORDINARY || known == PB_EMPTY || is_by_fields(known, n))
            return condition_message(c, p, n, exact, out);
        return match_is_matcher(n) ? condition_all_words(c, p, n, out) : condition_json_form(c, p, n, out);
    }
    if (match_is_matcher(n))
        return condition_all_words(c, p, n, out);
    if (condition_is_list(p))
        return p->field->map ? condition_entries(c, p, n, exact, out) : condition_items(c, p, n, TEST_LIST, exact, out);
    return condition_equal(c, p, n, out);
}

/* ---- from outside ---- */

/* What must all hold stands in the list by itself. */
static int put(struct match_compiler *c, const struct test *t)
{
    for (size_t i = 0; t->kind == TEST_ALL && i < t->tests.count; i++) {
        int code = put(c, t->tests.items[i]);
        if (code != 0)
            return code;
    }
    return t->kind == TEST_ALL || array_push(&c->out->tests, t) ? 0 : condition_no_memory(c);
}

int match_compile(struct match_compiler *c, const struct node *expected)
{
    const struct test *t = &condition_always;
    struct place self = {.slot = MATCH_SLOT_ROOT};
    int code = condition_value(c, &self, expected, false, &t);
    return code != 0 ? code : put(c, t);
}

int match_compile_slot(struct match_compiler *c, int slot, const struct node *expected)
{
    const struct test *t = &condition_always;
    struct place p = {.slot = slot, .field = c->plan->slots[slot].field};
    int code = condition_value(c, &p, expected, false, &t);
    return code != 0 ? code : put(c, t);
}

void matching_deinit(struct matching *m, struct patterns *patterns)
{
    for (size_t i = 0; i < m->used.count; i++)
        pattern_release(patterns, m->used.items[i]);
    array_deinit(&m->used);
    array_deinit(&m->demands);
    array_deinit(&m->tests);
    array_deinit(&m->captures);
}
