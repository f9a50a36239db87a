/* Tests of one value, and how tests are put together. */
#include "fakes/stub/match_inside.h"

#include "wire/pb_time.h"

#include <string.h>

const struct test condition_always = {.kind = TEST_ALL};

int condition_no_memory(struct match_compiler *c)
{
    return error_set(c->err, ERROR_MEMORY, "out of memory");
}

struct test *condition_test_new(struct match_compiler *c, enum test_kind kind, int slot, const struct pb_field *field)
{
    struct test *t = ARENA_NEW(c->arena, struct test);
    if (t == NULL) {
        condition_no_memory(c);
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
    return *slot == -1 && p->shape != NULL ? condition_no_memory(c) : 0;
}

/* A test on the place's own value. */
int condition_test_at(struct match_compiler *c, const struct place *p, const struct node *n, enum test_kind kind,
                      struct test **out)
{
    int slot;
    int code = place_slot(c, p, n, &slot);
    if (code != 0)
        return code;
    *out = condition_test_new(c, kind, slot, p->field);
    return *out != NULL ? 0 : ERROR_MEMORY;
}

/* ---- putting tests together ---- */

int condition_add(struct match_compiler *c, struct tests *all, const struct test *t)
{
    if (t->kind == TEST_ALL && t->tests.count == 0)
        return 0;
    return array_push(&all->list, t) ? 0 : condition_no_memory(c);
}

int condition_join(struct match_compiler *c, enum test_kind kind, struct tests *all, const struct test **out)
{
    struct test *t = NULL;
    size_t count = all->list.count;
    if (kind == TEST_ALL && count < 2) {
        *out = count == 1 ? all->list.items[0] : &condition_always;
        return 0;
    }
    t = condition_test_new(c, kind, MATCH_SLOT_ROOT, NULL);
    if (t == NULL)
        return ERROR_MEMORY;
    t->tests.items = arena_copy(c->arena, all->list.items, count * sizeof *all->list.items);
    t->tests.count = count;
    *out = t;
    return t->tests.items != NULL ? 0 : condition_no_memory(c);
}

/* ---- scalars ---- */

int condition_equal(struct match_compiler *c, const struct place *p, const struct node *n, const struct test **out)
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
        *out = &condition_always;
        return array_push(&c->out->demands, ((struct demand){.slot = slot, .value = v})) ? 0 : condition_no_memory(c);
    }
    t = condition_test_new(c, TEST_EQUAL, slot, p->field);
    if (t == NULL)
        return ERROR_MEMORY;
    t->equal = v;
    *out = t;
    return 0;
}

const struct test *match_of_demand(struct match_compiler *c, const struct demand *d)
{
    struct test *t = condition_test_new(c, TEST_EQUAL, d->slot, c->plan->slots[d->slot].field);
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

int condition_range(struct match_compiler *c, const struct place *p, const struct node *n, bool max,
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
        code = condition_test_at(c, p, n, time ? TEST_TIME : TEST_RANGE, &t);
    if (code != 0)
        return code;
    *(max ? &t->range.max : &t->range.min) = v;
    *(max ? &t->range.has_max : &t->range.has_min) = true;
    *out = t;
    return 0;
}

int condition_need_text(struct match_compiler *c, const struct node *n, const char *word)
{
    return n->kind == NODE_TEXT
               ? 0
               : node_error(n, c->err, ERROR_INVALID, "%s takes text, and this is %s", word, node_kind_name(n->kind));
}

int condition_pattern(struct match_compiler *c, const struct place *p, const struct node *map, const struct node *n,
                      const struct test **out)
{
    struct error why = ERROR_INIT;
    struct pattern *made;
    struct test *t = NULL;
    const struct node *name = node_get(map, "$capture");
    int code = condition_need_text(c, n, "$regex");
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
        return condition_no_memory(c);
    }
    code = condition_test_at(c, p, n, TEST_PATTERN, &t);
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
    if (made->wide != NULL)
        return node_error(name, c->err, ERROR_UNSUPPORTED, "$capture names the groups of POSIX expressions only");
    code = condition_need_text(c, name, "$capture");
    const char *copy = code == 0 ? arena_string(c->arena, (const char *)name->text.data) : NULL;
    if (code == 0 && (copy == NULL || !array_push(&c->out->captures,
                                                  ((struct capture){.name = copy, .slot = t->slot, .pattern = made}))))
        code = condition_no_memory(c);
    return code;
}

int condition_part(struct match_compiler *c, const struct place *p, const struct node *n, enum test_kind kind,
                   const struct test **out)
{
    struct test *t;
    int code = condition_need_text(c, n, kind == TEST_GLOB ? "$glob" : "$contains of a text");
    const char *fault = code == 0 && kind == TEST_GLOB ? glob_fault((const char *)n->text.data) : NULL;
    if (fault != NULL)
        return node_error(n, c->err, ERROR_SYNTAX, "not a glob: %s", fault);
    if (code == 0)
        code = condition_test_at(c, p, n, kind, &t);
    if (code != 0)
        return code;
    t->text = arena_string(c->arena, (const char *)n->text.data);
    *out = t;
    return t->text != NULL ? 0 : condition_no_memory(c);
}

/* A number, or {$min, $max}. */
int condition_size(struct match_compiler *c, const struct place *p, const struct node *n, const struct test **out)
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
        code = condition_test_at(c, p, n, TEST_SIZE, &t);
    if (code != 0)
        return code;
    t->size.min = (uint64_t)min;
    t->size.max = (uint64_t)max;
    *out = t;
    return 0;
}

int condition_present(struct match_compiler *c, const struct place *p, const struct node *n, bool wanted,
                      const struct test **out)
{
    struct test *t;
    if (p->field == NULL) /* the whole message is always there */
        return node_error(n, c->err, ERROR_INVALID, "the message itself is always there");
    int code = condition_test_at(c, p, n, TEST_PRESENT, &t);
    if (code != 0)
        return code;
    t->present = wanted;
    *out = t;
    return 0;
}
