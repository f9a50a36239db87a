/* Expectations compiled. Recursion goes by the file's levels, which the document bounds. */
#include "fakes/stub/match.h"

#include "wire/pb_time.h"

#include <string.h>

#define FIELDS_SUGGESTED 200 /* names of a type looked through for "did you mean" */

/* Those of flows first. */
const char *const match_words[] = {"$type",  "$regex", "$min",     "$max",     "$contains", "$absent", "$size",
                                   "$any",   "$not",   "$anyOf",   "$allOf",   "$all",      "$each",   "$unordered",
                                   "$first", "$glob",  "$exactly", "$capture", NULL};

static const struct test always = {.kind = TEST_ALL};

/* Where a value stands: a field of a shape, whose slot is made when it is needed; or a slot by itself. */
struct place {
    struct shape *shape; /* NULL: `slot` is set */
    int slot;
    const struct pb_field *field;
    bool item; /* one element of a list field, one value of a map's */
};

static int value(struct match_compiler *c, const struct place *p, const struct node *n, bool exact,
                 const struct test **out);

static int no_memory(struct match_compiler *c)
{
    return error_set(c->err, ERROR_MEMORY, "out of memory");
}

static struct test *test_new(struct match_compiler *c, enum test_kind kind, int slot, const struct pb_field *field)
{
    struct test *t = ARENA_NEW(c->arena, struct test);
    if (t == NULL) {
        no_memory(c);
        return NULL;
    }
    t->kind = kind;
    t->slot = slot;
    t->field = field;
    return t;
}

static int place_slot(struct match_compiler *c, const struct place *p, const struct node *n, int *slot)
{
    *slot = p->shape != NULL ? plan_watch(c->plan, p->shape, p->field) : p->slot;
    if (*slot == -2 && p->shape != NULL)
        return node_error(n, c->err, ERROR_LIMIT, "the stubs of one method look at more than %d fields",
                          PLAN_SLOTS_MAX);
    return *slot == -1 && p->shape != NULL ? no_memory(c) : 0;
}

/* A test on the place's own value. */
static int test_at(struct match_compiler *c, const struct place *p, const struct node *n, enum test_kind kind,
                   struct test **out)
{
    int slot;
    int code = place_slot(c, p, n, &slot);
    if (code != 0)
        return code;
    *out = test_new(c, kind, slot, p->field);
    return *out != NULL ? 0 : ERROR_MEMORY;
}

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
static struct node key_node(const struct node *map, const struct node_pair *pair)
{
    struct node n = {.kind = NODE_TEXT, .line = pair->key_line, .column = pair->key_column, .document = map->document};
    n.text = bytes_of(pair->key);
    return n;
}

static int unknown_word(struct match_compiler *c, const struct node *map, const struct node_pair *pair)
{
    struct node at = key_node(map, pair);
    const char *near = nearest_word(pair->key, match_words);
    if (pair->key[0] != '$')
        return node_error(&at, c->err, ERROR_INVALID, "among matchers \"%s\" is none; they begin with a $", pair->key);
    if (near == NULL)
        return node_error(&at, c->err, ERROR_INVALID, "there is no matcher \"%s\"", pair->key);
    return node_error(&at, c->err, ERROR_INVALID, "there is no matcher \"%s\": did you mean %s?", pair->key, near);
}

/* ---- putting tests together ---- */

struct tests {
    ARRAY(const struct test *) list;
};

static int add(struct match_compiler *c, struct tests *all, const struct test *t)
{
    if (t->kind == TEST_ALL && t->tests.count == 0)
        return 0;
    return array_push(&all->list, t) ? 0 : no_memory(c);
}

static int join(struct match_compiler *c, enum test_kind kind, struct tests *all, const struct test **out)
{
    struct test *t = NULL;
    size_t count = all->list.count;
    if (kind == TEST_ALL && count < 2) {
        *out = count == 1 ? all->list.items[0] : &always;
        return 0;
    }
    t = test_new(c, kind, MATCH_SLOT_ROOT, NULL);
    if (t == NULL)
        return ERROR_MEMORY;
    t->tests.items = arena_copy(c->arena, all->list.items, count * sizeof *all->list.items);
    t->tests.count = count;
    *out = t;
    return t->tests.items != NULL ? 0 : no_memory(c);
}

/* ---- scalars ---- */

static int equal(struct match_compiler *c, const struct place *p, const struct node *n, const struct test **out)
{
    struct value v = {0};
    struct test *t;
    int slot;
    int code = place_slot(c, p, n, &slot);
    if (code == 0)
        code = value_of_node(p->field, n, c->arena, &v, c->err);
    if (code != 0)
        return code;
    if (!c->apart && slot >= 0 && c->out->demands.count < MATCH_DEMANDS_MAX) {
        *out = &always;
        return array_push(&c->out->demands, ((struct demand){.slot = slot, .value = v})) ? 0 : no_memory(c);
    }
    t = test_new(c, TEST_EQUAL, slot, p->field);
    if (t == NULL)
        return ERROR_MEMORY;
    t->equal = v;
    *out = t;
    return 0;
}

const struct test *match_of_demand(struct match_compiler *c, const struct demand *d)
{
    struct test *t = test_new(c, TEST_EQUAL, d->slot, c->plan->slots[d->slot].field);
    if (t != NULL)
        t->equal = d->value;
    return t;
}

/* `n` as a number of the field's kind; for texts, which are compared as the numbers they hold, as a double. */
static const struct pb_field text_number = {.name = "number", .kind = PB_DOUBLE, .oneof = -1};

static int bound(struct match_compiler *c, const struct place *p, const struct node *n, struct value *out)
{
    const struct pb_field *f = p->field->kind == PB_STRING ? &text_number : p->field;
    return value_of_node(f, n, c->arena, out, c->err);
}

static int time_bound(struct match_compiler *c, const struct place *p, const struct node *n, struct value *out)
{
    struct pb_time t;
    bool stamp = p->field->message->known == PB_TIMESTAMP;
    if (n->kind != NODE_TEXT || !(stamp ? pb_timestamp_parse(n->text, &t) : pb_duration_parse(n->text, &t)))
        return node_error(n, c->err, ERROR_INVALID, "%s takes %s", p->field->name,
                          stamp ? "a time such as 2024-01-31T12:00:00Z" : "seconds such as \"1.5s\"");
    *out = (struct value){.bits = (uint64_t)(t.seconds * 1000000 + t.nanos / 1000)};
    return 0;
}

static bool is_time(const struct pb_field *f)
{
    return f->kind == PB_MESSAGE && (f->message->known == PB_TIMESTAMP || f->message->known == PB_DURATION);
}

static int range(struct match_compiler *c, const struct place *p, const struct node *n, bool max,
                 const struct test **out)
{
    struct test *t;
    struct value v = {0};
    bool time = is_time(p->field);
    if (!time && (p->field->kind == PB_BYTES || p->field->kind == PB_BOOL || p->field->kind == PB_MESSAGE ||
                  p->field->kind == PB_ENUM))
        return node_error(n, c->err, ERROR_INVALID, "$min and $max are for numbers, and %s takes %s", p->field->name,
                          value_kind_words(p->field));
    int code = time ? time_bound(c, p, n, &v) : bound(c, p, n, &v);
    if (code == 0)
        code = test_at(c, p, n, time ? TEST_TIME : TEST_RANGE, &t);
    if (code != 0)
        return code;
    *(max ? &t->range.max : &t->range.min) = v;
    *(max ? &t->range.has_max : &t->range.has_min) = true;
    *out = t;
    return 0;
}

static int need_text(struct match_compiler *c, const struct node *n, const char *word)
{
    return n->kind == NODE_TEXT
               ? 0
               : node_error(n, c->err, ERROR_INVALID, "%s takes text, and this is %s", word, node_kind_name(n->kind));
}

static int pattern(struct match_compiler *c, const struct place *p, const struct node *map, const struct node *n,
                   const struct test **out)
{
    struct error why = ERROR_INIT;
    struct pattern *made;
    struct test *t = NULL;
    const struct node *name = node_get(map, "$capture");
    int code = need_text(c, n, "$regex");
    if (code != 0)
        return code;
    if (strlen((const char *)n->text.data) != n->text.len)
        return node_error(n, c->err, ERROR_SYNTAX, "a regular expression holds no zero character");
    code = pattern_get(c->patterns, (const char *)n->text.data, &made, &why);
    if (code != 0) {
        code = node_error(n, c->err, code, "%s", why.message != NULL ? why.message : "out of memory");
        error_clear(&why);
        return code;
    }
    if (!array_push(&c->out->used, made)) {
        pattern_release(c->patterns, made);
        return no_memory(c);
    }
    code = test_at(c, p, n, TEST_PATTERN, &t);
    if (code != 0)
        return code;
    t->pattern = made;
    *out = t;
    if (name == NULL)
        return 0;
    if (c->apart || t->slot < 0)
        return node_error(name, c->err, ERROR_INVALID,
                          "$capture is for values that every match has: not within a "
                          "list, $not or $anyOf");
    code = need_text(c, name, "$capture");
    const char *copy = code == 0 ? arena_string(c->arena, (const char *)name->text.data) : NULL;
    if (code == 0 && (copy == NULL || !array_push(&c->out->captures,
                                                  ((struct capture){.name = copy, .slot = t->slot, .pattern = made}))))
        code = no_memory(c);
    return code;
}

static int part(struct match_compiler *c, const struct place *p, const struct node *n, enum test_kind kind,
                const struct test **out)
{
    struct test *t;
    int code = need_text(c, n, kind == TEST_GLOB ? "$glob" : "$contains of a text");
    const char *fault = code == 0 && kind == TEST_GLOB ? glob_fault((const char *)n->text.data) : NULL;
    if (fault != NULL)
        return node_error(n, c->err, ERROR_SYNTAX, "not a glob: %s", fault);
    if (code == 0)
        code = test_at(c, p, n, kind, &t);
    if (code != 0)
        return code;
    t->text = arena_string(c->arena, (const char *)n->text.data);
    *out = t;
    return t->text != NULL ? 0 : no_memory(c);
}

/* A number, or {$min, $max}. */
static int size(struct match_compiler *c, const struct place *p, const struct node *n, const struct test **out)
{
    static const char *const keys[] = {"$min", "$max", NULL};
    struct test *t;
    int64_t min = 0, max = INT64_MAX;
    int code = 0;
    if (n->kind == NODE_INTEGER && n->integer >= 0)
        min = max = n->integer;
    else if (n->kind == NODE_MAP)
        code = node_only_keys(n, keys, c->err);
    else
        code = node_error(n, c->err, ERROR_INVALID, "$size takes a number, or $min and $max");
    if (code == 0 && n->kind == NODE_MAP)
        code = node_may_integer(n, "$min", 0, INT64_MAX, &min, c->err);
    if (code == 0 && n->kind == NODE_MAP)
        code = node_may_integer(n, "$max", 0, INT64_MAX, &max, c->err);
    if (code == 0)
        code = test_at(c, p, n, TEST_SIZE, &t);
    if (code != 0)
        return code;
    t->size.min = (uint64_t)min;
    t->size.max = (uint64_t)max;
    *out = t;
    return 0;
}

static int present(struct match_compiler *c, const struct place *p, const struct node *n, bool wanted,
                   const struct test **out)
{
    struct test *t;
    if (p->field == NULL) /* the whole message is always there */
        return node_error(n, c->err, ERROR_INVALID, "the message itself is always there");
    int code = test_at(c, p, n, TEST_PRESENT, &t);
    if (code != 0)
        return code;
    t->present = wanted;
    *out = t;
    return 0;
}

/* ---- lists and maps ---- */

static int apart(struct match_compiler *c, const struct place *p, const struct node *n, bool exact,
                 const struct test **out)
{
    bool before = c->apart;
    c->apart = true;
    int code = value(c, p, n, exact, out);
    c->apart = before;
    return code;
}

static int item(struct match_compiler *c, const struct pb_field *f, const struct node *n, bool exact,
                const struct test **out)
{
    struct place p = {.slot = MATCH_SLOT_ITEM, .field = f, .item = true};
    return apart(c, &p, n, exact, out);
}

static int items(struct match_compiler *c, const struct place *p, const struct node *n, enum test_kind kind, bool exact,
                 const struct test **out)
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
            code = no_memory(c);
    }
    if (code == 0)
        code = test_at(c, p, n, kind, &t);
    if (code == 0) {
        t->tests.count = all.list.count;
        t->tests.items = arena_copy(c->arena, all.list.items, all.list.count * sizeof *all.list.items);
        if (t->tests.items == NULL)
            code = no_memory(c);
        *out = t;
    }
    array_deinit(&all.list);
    return code;
}

static int one_item(struct match_compiler *c, const struct place *p, const struct node *n, enum test_kind kind,
                    const struct test **out)
{
    const struct pb_field *f = p->field->map ? &p->field->message->fields[1] : p->field;
    struct test *t;
    int code = test_at(c, p, n, kind, &t);
    if (code == 0)
        code = item(c, f, n, false, &t->test);
    *out = t;
    return code;
}

static int entry_key(struct match_compiler *c, const struct pb_field *f, const struct node *map,
                     const struct node_pair *pair, struct value *out)
{
    const struct pb_field *key = &f->message->fields[0];
    struct node at = key_node(map, pair);
    const void *copy = arena_string(c->arena, pair->key);
    if (copy == NULL)
        return no_memory(c);
    if (!value_of_text(key, BYTES(copy, strlen(pair->key)), out))
        return node_error(&at, c->err, ERROR_INVALID, "a key of %s is %s", f->name, value_kind_words(key));
    return 0;
}

static int entries(struct match_compiler *c, const struct place *p, const struct node *n, bool exact,
                   const struct test **out)
{
    struct tests all = {0};
    struct test *t;
    int code = 0;
    if (n->kind != NODE_MAP)
        return node_error(n, c->err, ERROR_INVALID, "%s is a map, and this is %s", p->field->name,
                          node_kind_name(n->kind));
    for (size_t i = 0; i < n->map.count && code == 0; i++) {
        code = test_at(c, p, n, TEST_ENTRY, &t);
        if (code == 0)
            code = entry_key(c, p->field, n, &n->map.pairs[i], &t->entry.key);
        if (code == 0)
            code = item(c, &p->field->message->fields[1], &n->map.pairs[i].value, exact, &t->entry.test);
        if (code == 0)
            code = add(c, &all, t);
    }
    if (code == 0 && exact) {
        code = test_at(c, p, n, TEST_SIZE, &t);
        if (code == 0) {
            t->size.min = t->size.max = n->map.count;
            code = add(c, &all, t);
        }
    }
    if (code == 0)
        code = join(c, TEST_ALL, &all, out);
    array_deinit(&all.list);
    return code;
}

/* ---- words ---- */

static bool is_message(const struct place *p)
{
    return p->field == NULL || (p->field->kind == PB_MESSAGE && (p->item || !p->field->repeated));
}

static bool is_list(const struct place *p)
{
    return p->field != NULL && p->field->repeated && !p->item;
}

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
        code = any ? apart(c, p, &n->list.items[i], false, &one) : value(c, p, &n->list.items[i], false, &one);
        if (code == 0 && !array_push(&all.list, one))
            code = no_memory(c);
    }
    if (code == 0)
        code = join(c, any ? TEST_ANY : TEST_ALL, &all, out);
    array_deinit(&all.list);
    return code;
}

static int negated(struct match_compiler *c, const struct place *p, const struct node *n, const struct test **out)
{
    struct test *t = test_new(c, TEST_NOT, MATCH_SLOT_ROOT, NULL);
    *out = t;
    return t != NULL ? apart(c, p, n, false, &t->test) : ERROR_MEMORY;
}

static int type(struct match_compiler *c, const struct place *p, const struct node *n, const struct test **out)
{
    bool map = p->field == NULL || (p->field->kind == PB_MESSAGE && (p->item || !p->field->repeated || p->field->map));
    const char *is = map                                                    ? "map"
                     : is_list(p)                                           ? "list"
                     : value_is_text(p->field) || p->field->kind == PB_ENUM ? "text"
                     : p->field->kind == PB_BOOL                            ? "bool"
                                                                            : "number";
    int code = need_text(c, n, "$type");
    if (code == 0 && strcmp((const char *)n->text.data, is) != 0)
        return node_error(n, c->err, ERROR_INVALID, "%s is a %s by its schema, never %s",
                          p->field != NULL ? p->field->name : "the message", is, (const char *)n->text.data);
    *out = &always;
    return code == 0 && p->field != NULL && value_has_presence(p->field) ? present(c, p, n, true, out) : code;
}

static int flag(struct match_compiler *c, const struct place *p, const struct node *at, const struct node *n,
                bool sense, const struct test **out)
{
    if (n->kind != NODE_BOOL)
        return node_error(n, c->err, ERROR_INVALID, "%s takes true or false", (const char *)at->text.data);
    return present(c, p, n, n->boolean == sense, out);
}

static int word(struct match_compiler *c, const struct place *p, const struct node *map, const struct node_pair *pair,
                const struct test **out)
{
    struct node at = key_node(map, pair);
    const char *w = pair->key;
    const struct node *n = &pair->value;
    bool list = is_list(p), known = p->field != NULL && is_message(p) && p->field->message->known != PB_ORDINARY;
    bool texts = !list && (!is_message(p) || known);
    *out = &always;
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
        return value(c, p, n, true, out);
    if (strcmp(w, "$regex") == 0)
        return texts ? pattern(c, p, map, n, out) : wrong_word(c, p, &at, "texts and numbers");
    if (strcmp(w, "$capture") == 0)
        return node_get(map, "$regex") != NULL
                   ? 0
                   : node_error(&at, c->err, ERROR_INVALID, "$capture stands beside the $regex it names");
    if (strcmp(w, "$glob") == 0)
        return texts ? part(c, p, n, TEST_GLOB, out) : wrong_word(c, p, &at, "texts and numbers");
    if (strcmp(w, "$min") == 0 || strcmp(w, "$max") == 0)
        return texts ? range(c, p, n, w[2] == 'a', out) : wrong_word(c, p, &at, "numbers and times");
    if (strcmp(w, "$size") == 0)
        return list || (texts && value_is_text(p->field)) ? size(c, p, n, out)
                                                          : wrong_word(c, p, &at, "lists, maps and texts");
    if (strcmp(w, "$contains") == 0 && !list)
        return texts ? part(c, p, n, TEST_PART, out) : wrong_word(c, p, &at, "lists and texts");
    if (strcmp(w, "$each") == 0)
        return list ? one_item(c, p, n, TEST_EACH, out) : wrong_word(c, p, &at, "lists and maps");
    bool real_list = list && !p->field->map;
    if (strcmp(w, "$contains") == 0)
        return real_list ? one_item(c, p, n, TEST_SOME, out) : wrong_word(c, p, &at, "lists and texts");
    if (strcmp(w, "$first") == 0)
        return real_list ? one_item(c, p, n, TEST_FIRST, out) : wrong_word(c, p, &at, "lists");
    if (strcmp(w, "$all") == 0)
        return real_list ? items(c, p, n, TEST_SUBSET, false, out) : wrong_word(c, p, &at, "lists");
    if (strcmp(w, "$unordered") == 0)
        return real_list ? items(c, p, n, TEST_SAME, false, out) : wrong_word(c, p, &at, "lists");
    return unknown_word(c, map, pair);
}

static int words(struct match_compiler *c, const struct place *p, const struct node *map, const struct test **out)
{
    struct tests all = {0};
    const struct test *one;
    int code = 0;
    for (size_t i = 0; i < map->map.count && code == 0; i++) {
        code = word(c, p, map, &map->map.pairs[i], &one);
        if (code == 0)
            code = add(c, &all, one);
    }
    if (code == 0)
        code = join(c, TEST_ALL, &all, out);
    array_deinit(&all.list);
    return code;
}

/* ---- messages ---- */

/* No other fields than those the map names. */
static int only(struct match_compiler *c, int slot, const struct pb_field *field, const struct pb_type *t,
                const struct node *map, struct tests *all)
{
    uint32_t *numbers = arena_alloc_n(c->arena, map->map.count + 1, sizeof *numbers);
    struct test *test = test_new(c, TEST_ONLY, slot, field);
    if (numbers == NULL || test == NULL)
        return no_memory(c);
    for (size_t i = 0; i < map->map.count; i++) {
        const struct pb_field *f = pb_field_by_name(t, map->map.pairs[i].key);
        if (f != NULL)
            numbers[test->only.count++] = f->number;
    }
    test->only.numbers = numbers;
    test->only.type = t;
    return add(c, all, test);
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
        struct node at = key_node(map, pair);
        if (pair->key[0] == '$') {
            code = word(c, self, map, pair, &one);
        } else {
            code = match_field(shape->type, pair->key, &at, &p.field, c->err);
            if (code == 0)
                code = value(c, &p, &pair->value, exact, &one);
        }
        if (code == 0)
            code = add(c, all, one);
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
        code = join(c, TEST_ALL, &all, out);
    array_deinit(&all.list);
    return code;
}

/* An element: a scan of its own, by a plan of its own. */
static int message_item(struct match_compiler *c, const struct place *p, const struct node *n, bool exact,
                        const struct test **out)
{
    struct plan *plan = ARENA_NEW(c->arena, struct plan), *outer = c->plan;
    struct test *t = test_new(c, TEST_MESSAGE, p->slot, p->field);
    if (plan == NULL || t == NULL || !plan_init(plan, c->arena, p->field->message, ""))
        return no_memory(c);
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

static int message(struct match_compiler *c, const struct place *p, const struct node *n, bool exact,
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
        return words(c, p, n, out);
    if (p->shape == NULL)
        return message_item(c, p, n, exact, out);
    struct shape *below = plan_enter(c->plan, p->shape, p->field);
    if (below == NULL)
        return no_memory(c);
    code = present(c, p, n, true, &there);
    if (code == 0)
        code = add(c, &all, there);
    if (code == 0)
        code = members(c, below, p, n, exact, &all);
    if (code == 0 && exact)
        code = only(c, there->slot, p->field, p->field->message, n, &all);
    if (code == 0)
        code = join(c, TEST_ALL, &all, out);
    array_deinit(&all.list);
    return code;
}

/* ---- messages with a JSON form of their own ---- */

static int json_form(struct match_compiler *c, const struct place *p, const struct node *n, const struct test **out)
{
    struct text wire = TEXT_INIT, json = TEXT_INIT;
    struct error why = ERROR_INIT;
    struct test *t = NULL;
    json_t *tree = node_to_json(n);
    int code = tree == NULL ? no_memory(c) : pb_tree_to_wire(p->field->message, tree, 0, &wire, &why);
    if (code == 0)
        code = pb_wire_to_json(p->field->message, text_bytes(&wire), 0, &json, &why);
    if (code != 0 && tree != NULL)
        code = node_error(n, c->err, code, "%s", why.message != NULL ? why.message : error_code_name(code));
    if (code == 0)
        code = test_at(c, p, n, TEST_JSON, &t);
    if (code == 0) {
        t->text = arena_string(c->arena, text_string(&json));
        code = t->text != NULL ? 0 : no_memory(c);
    }
    *out = t;
    json_decref(tree);
    error_clear(&why);
    text_deinit(&wire);
    text_deinit(&json);
    return code;
}

/* google.protobuf.StringValue and its kin: a scalar that may be absent. */
static int wrapped(struct match_compiler *c, const struct place *p, const struct node *n, const struct test **out)
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
        return no_memory(c);
    code = present(c, p, n, true, &there);
    if (code == 0)
        code = add(c, &all, there);
    if (code == 0)
        code = value(c, &inside, n, false, &inner);
    if (code == 0)
        code = add(c, &all, inner);
    if (code == 0)
        code = join(c, TEST_ALL, &all, out);
    array_deinit(&all.list);
    return code;
}

static bool about_presence(const struct node *n)
{
    return node_get(n, "$absent") != NULL || node_get(n, "$any") != NULL;
}

/* ---- any value ---- */

static int value(struct match_compiler *c, const struct place *p, const struct node *n, bool exact,
                 const struct test **out)
{
    *out = &always;
    if (is_unknown_yet(c, n))
        return 0;
    if (n->kind == NODE_NULL && !(p->item && p->slot == MATCH_SLOT_ITEM && p->field->kind == PB_MESSAGE &&
                                  p->field->message->known == PB_VALUE))
        return present(c, p, n, false, out);
    if (is_message(p)) {
        enum pb_known known = p->field != NULL ? p->field->message->known : PB_ORDINARY;
        if (known == PB_WRAPPER && !(n->kind == NODE_MAP && about_presence(n)))
            return wrapped(c, p, n, out);
        if (known == PB_ORDINARY || known == PB_EMPTY)
            return message(c, p, n, exact, out);
        return match_is_matcher(n) ? words(c, p, n, out) : json_form(c, p, n, out);
    }
    if (match_is_matcher(n))
        return words(c, p, n, out);
    if (is_list(p))
        return p->field->map ? entries(c, p, n, exact, out) : items(c, p, n, TEST_LIST, exact, out);
    return equal(c, p, n, out);
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
    return t->kind == TEST_ALL || array_push(&c->out->tests, t) ? 0 : no_memory(c);
}

int match_compile(struct match_compiler *c, const struct node *expected)
{
    const struct test *t = &always;
    struct place self = {.slot = MATCH_SLOT_ROOT};
    int code = value(c, &self, expected, false, &t);
    return code != 0 ? code : put(c, t);
}

int match_compile_slot(struct match_compiler *c, int slot, const struct node *expected)
{
    const struct test *t = &always;
    struct place p = {.slot = slot, .field = c->plan->slots[slot].field};
    int code = value(c, &p, expected, false, &t);
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
