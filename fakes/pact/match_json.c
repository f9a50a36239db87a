/* JSON trees: maps and lists by the rules of their places, down to values. */
#include "fakes/pact/match.h"

static void compare(struct match *m, json_t *e, json_t *a);

/* ---- texts
 * ------------------------------------------------------------------------------------------------------------- */

static void report_text(struct match *m, const struct pact_rule *rule, enum match_help help,
                        const struct text *expected, const struct text *actual)
{
    if (!text_ok(expected) || !text_ok(actual))
        (void)match_out_of_memory(m);
    match_report(m, rule, help, text_string(expected), text_string(actual));
}

static void report_kind(struct match *m, const struct pact_rule *rule, json_t *e, json_t *a)
{
    struct text expected = TEXT_INIT, actual = TEXT_INIT;
    if (m->quiet == 0) {
        text_printf(&expected, "%s, like ", match_kind_name(e));
        pact_json_brief(e, &expected);
        text_puts(&actual, "was ");
        match_describe(a, &actual);
    }
    report_text(m, rule, HELP_TYPE, &expected, &actual);
    text_deinit(&expected);
    text_deinit(&actual);
}

static void report_missing(struct match *m, json_t *e)
{
    struct text expected = TEXT_INIT, actual = TEXT_INIT;
    text_puts(&actual, "was missing");
    if (m->quiet == 0)
        match_describe(e, &expected);
    report_text(m, NULL, HELP_MISSING, &expected, &actual);
    text_deinit(&expected);
    text_deinit(&actual);
}

static void report_unexpected(struct match *m, json_t *a)
{
    struct text expected = TEXT_INIT, actual = TEXT_INIT;
    text_puts(&expected, "nothing here");
    text_puts(&actual, "there was ");
    if (m->quiet == 0)
        match_describe(a, &actual);
    report_text(m, NULL, HELP_UNEXPECTED, &expected, &actual);
    text_deinit(&expected);
    text_deinit(&actual);
}

static void report_size(struct match *m, const struct pact_rule *rule, const char *how, int64_t expected_size,
                        const char *matcher, size_t actual_size, json_t *a)
{
    struct text expected = TEXT_INIT, actual = TEXT_INIT;
    text_printf(&expected, "%s with %s%lld %s%s", json_is_array(a) ? "a list" : "a map", how, (long long)expected_size,
                json_is_array(a)     ? (expected_size == 1 ? "item" : "items")
                : expected_size == 1 ? "key"
                                     : "keys",
                matcher);
    text_printf(&actual, "there were %zu", actual_size);
    report_text(m, rule, HELP_SIZE, &expected, &actual);
    text_deinit(&expected);
    text_deinit(&actual);
}

/* ---- what a rule asks of a map or list as a whole
 * --------------------------------------------------------------------- */

static void check_size(struct match *m, const struct match_ask *ask, const struct pact_matcher *k, json_t *a)
{
    size_t size = json_is_array(a) ? json_array_size(a) : json_object_size(a);
    if (ask->cascaded)
        return;
    if (k->min >= 0 && size < (uint64_t)k->min)
        report_size(m, ask->rule, "at least ", k->min, " (matcher type, min)", size, a);
    if (k->max >= 0 && size > (uint64_t)k->max)
        report_size(m, ask->rule, "at most ", k->max, " (matcher type, max)", size, a);
}

/* What is asked of single values is asked of the items, by the rule's cascading. */
static void check_whole(struct match *m, const struct match_ask *ask, const struct pact_matcher *k, json_t *e,
                        json_t *a)
{
    switch (k->kind) {
    case PACT_TYPE:
        check_size(m, ask, k, a);
        break;
    case PACT_NOT_EMPTY:
    case PACT_NULL:
    case PACT_STATUS_CODE:
        (void)pact_match_value(m, ask, k, e, a);
        break;
    case PACT_EQUALITY:
        if (k->value != NULL)
            (void)pact_match_value(m, ask, k, e, a);
        break;
    case PACT_ARRAY_CONTAINS:
    case PACT_EACH_KEY:
        if (!ask->cascaded)
            (void)pact_match_value(m, ask, k, e, a);
        break;
    case PACT_REGEX:
    case PACT_INCLUDE:
    case PACT_NUMBER:
    case PACT_INTEGER:
    case PACT_DECIMAL:
    case PACT_BOOLEAN:
    case PACT_DATE:
    case PACT_TIME:
    case PACT_DATETIME:
    case PACT_CONTENT_TYPE:
    case PACT_VALUES:
    case PACT_SEMVER:
    case PACT_EACH_VALUE:
    case PACT_MATCHER_KINDS:
    default:
        break;
    }
}

static const struct pact_matcher *direct(const struct match_ask *ask, enum pact_matcher_kind kind)
{
    for (size_t i = 0; ask->rule != NULL && !ask->cascaded && i < ask->rule->count; i++)
        if (ask->rule->matchers[i].kind == kind)
            return &ask->rule->matchers[i];
    return NULL;
}

/* eachValue's own rules hold for the children of this place, besides what other rules say. */
struct scope {
    const struct match_rule *rules;
    size_t count;
    struct pact_rule rule;
};

static bool enter_each(struct match *m, const struct pact_matcher *k, const struct pact_rule *from, struct scope *s)
{
    *s = (struct scope){.rules = m->rules, .count = m->rule_count};
    struct match_rule *all = ARENA_NEW_N(&m->scratch, struct match_rule, m->rule_count + 1);
    struct path_token *tokens = ARENA_NEW_N(&m->scratch, struct path_token, m->depth + 1);
    if (all == NULL || tokens == NULL)
        return match_out_of_memory(m), false;
    for (size_t i = 0; i < m->depth; i++)
        tokens[i] = m->steps[i].key != NULL ? (struct path_token){PATH_FIELD, m->steps[i].key, 0}
                                            : (struct path_token){PATH_INDEX, NULL, m->steps[i].index};
    tokens[m->depth].kind = PATH_ANY;
    s->rule =
        (struct pact_rule){.category = m->category, .path = from->path, .line = from->line, .column = from->column};
    s->rule.matchers = k->inner;
    s->rule.count = k->inner_count;
    /* First, so that it wins against a rule of the same weight. */
    all[0] = (struct match_rule){&s->rule, {tokens, m->depth + 1}};
    for (size_t i = 0; i < m->rule_count; i++)
        all[i + 1] = m->rules[i];
    m->rules = all;
    m->rule_count++;
    return true;
}

static void leave_each(struct match *m, const struct scope *s)
{
    m->rules = s->rules;
    m->rule_count = s->count;
}

/* ---- maps
 * --------------------------------------------------------------------------------------------------------------- */

static void match_child(struct match *m, const char *key, json_t *e, json_t *a)
{
    if (match_down(m, key, 0)) {
        compare(m, e, a);
        match_up(m);
    }
}

static void missing_keys(struct match *m, json_t *e, json_t *a)
{
    const char *key;
    json_t *value;
    json_object_foreach(e, key, value)
    {
        if (json_object_get(a, key) == NULL && match_down(m, key, 0)) {
            report_missing(m, value);
            match_up(m);
        }
    }
}

static void unexpected_keys(struct match *m, json_t *e, json_t *a)
{
    const char *key;
    json_t *value;
    json_object_foreach(a, key, value)
    {
        if (json_object_get(e, key) == NULL && match_down(m, key, 0)) {
            report_unexpected(m, value);
            match_up(m);
        }
    }
}

/* Each of the values that came against the one of its key, or the first. */
static void match_each_value(struct match *m, json_t *e, json_t *a)
{
    const char *key;
    json_t *value;
    json_t *first = json_object_iter_value(json_object_iter(e));
    json_object_foreach(a, key, value)
    {
        json_t *example = json_object_get(e, key);
        match_child(m, key, example != NULL ? example : first != NULL ? first : value, value);
    }
}

static void match_each_key(struct match *m, const struct match_ask *ask, const struct pact_matcher *k, json_t *a)
{
    const struct match_ask inner = {.rule = ask->rule};
    const char *key;
    json_t *value;
    bool textual = m->textual;
    m->textual = true;
    json_object_foreach(a, key, value)
    {
        json_t *name = json_string_nocheck(key);
        if (name == NULL) {
            (void)match_out_of_memory(m);
        } else if (match_down(m, key, 0)) {
            for (size_t i = 0; i < k->inner_count && m->rc == 0; i++)
                (void)pact_match_value(m, &inner, &k->inner[i], name, name);
            match_up(m);
        }
        json_decref(name);
    }
    m->textual = textual;
}

static void match_maps(struct match *m, const struct match_ask *ask, json_t *e, json_t *a)
{
    const struct pact_matcher *values = direct(ask, PACT_VALUES), *each = direct(ask, PACT_EACH_VALUE),
                              *keys = direct(ask, PACT_EACH_KEY);
    for (size_t i = 0; ask->rule != NULL && i < ask->rule->count; i++)
        check_whole(m, ask, &ask->rule->matchers[i], e, a);
    if (keys != NULL)
        match_each_key(m, ask, keys, a);
    if (values == NULL && each == NULL && keys == NULL) {
        missing_keys(m, e, a);
        if (m->request || match_has(ask->rule, PACT_EQUALITY))
            unexpected_keys(m, e, a);
    }
    if (values != NULL || each != NULL) {
        struct scope scope;
        if (each == NULL) {
            match_each_value(m, e, a);
        } else if (enter_each(m, each, ask->rule, &scope)) {
            match_each_value(m, e, a);
            leave_each(m, &scope);
        }
        return;
    }
    const char *key;
    json_t *value;
    json_object_foreach(e, key, value)
    {
        json_t *actual = json_object_get(a, key);
        if (actual != NULL)
            match_child(m, key, value, actual);
    }
}

/* ---- lists
 * -------------------------------------------------------------------------------------------------------------- */

/* Items beyond the example's are compared with its first. */
static void match_items(struct match *m, json_t *e, json_t *a)
{
    size_t expected = json_array_size(e), actual = json_array_size(a);
    bool cascaded;
    for (size_t i = 0; i < expected || i < actual; i++) {
        json_t *item = json_array_get(a, i), *example = json_array_get(e, i);
        if (example == NULL)
            example = expected > 0 ? json_array_get(e, 0) : item;
        if (!match_down(m, NULL, i))
            return;
        if (item != NULL)
            compare(m, example, item);
        else if (match_select(m, &cascaded) == NULL)
            report_missing(m, example);
        match_up(m);
    }
}

/* Rules of a variant begin at the item. */
static size_t try_variant(struct match *m, const struct pact_variant *v, json_t *e, json_t *a)
{
    static const struct pact_matcher EQUAL = {.kind = PACT_EQUALITY};
    static const struct pact_rule SAME = {.category = PACT_BODY, .path = "$", .matchers = &EQUAL, .count = 1};
    const struct match_rule same = {&SAME, {NULL, 0}};
    const struct match_rule *rules = m->rules;
    size_t count = m->rule_count, depth = m->depth, before = m->failures;
    struct path_step steps[PACT_DEPTH_MAX];
    memcpy(steps, m->steps, depth * sizeof *steps);
    enum pact_category category = m->category;
    bool textual = m->textual;
    if (v == NULL || v->rules.items.count == 0) {
        m->rules = &same;
        m->rule_count = 1;
        m->depth = 0;
    } else if (match_use(m, PACT_BODY, &v->rules, false) != 0) {
        return 1;
    }
    m->category = category;
    m->textual = textual;
    compare(m, e, a);
    m->rules = rules;
    m->rule_count = count;
    m->depth = depth;
    memcpy(m->steps, steps, depth * sizeof *steps);
    size_t failures = m->failures - before;
    m->failures = before;
    return failures;
}

/* The item of the fewest differences is shown, with the first of them. */
static void report_variant(struct match *m, const struct pact_rule *rule, size_t index, const struct pact_variant *v,
                           json_t *e, json_t *a, size_t nearest)
{
    struct text expected = TEXT_INIT, actual = TEXT_INIT;
    text_printf(&expected, "an item like variant %zu, ", index);
    pact_json_brief(e, &expected);
    text_puts(&expected, " (matcher arrayContains)");
    text_puts(&actual, "none was");
    if (m->quiet == 0 && nearest != SIZE_MAX) {
        size_t had = m->out->mismatches.count;
        (void)try_variant(m, v, e, json_array_get(a, nearest));
        if (m->out->mismatches.count > had) {
            const struct pact_mismatch *x = &m->out->mismatches.items[had];
            text_printf(&actual, " (the nearest is [%zu]: at %s expected %s, but %s)", nearest, x->path, x->expected,
                        x->actual);
            m->out->mismatches.count = had;
        }
    }
    report_text(m, rule, HELP_VALUE, &expected, &actual);
    text_deinit(&expected);
    text_deinit(&actual);
}

static void match_variant(struct match *m, const struct match_ask *ask, size_t index, const struct pact_variant *v,
                          json_t *e, json_t *a)
{
    json_t *example = json_array_get(e, index);
    size_t nearest = SIZE_MAX, fewest = SIZE_MAX;
    if (example == NULL) {
        m->rc = error_set(m->err, ERROR_INVALID,
                          "arrayContains: variant %zu is not in the example, a list of %zu: give the example that item",
                          index, json_array_size(e));
        return;
    }
    m->quiet++;
    for (size_t i = 0; i < json_array_size(a) && fewest > 0 && m->rc == 0; i++) {
        size_t failures = try_variant(m, v, example, json_array_get(a, i));
        if (failures < fewest) {
            fewest = failures;
            nearest = i;
        }
    }
    m->quiet--;
    if (m->rc == 0 && fewest > 0)
        report_variant(m, ask->rule, index, v, example, a, nearest);
}

static void match_contains(struct match *m, const struct match_ask *ask, const struct pact_matcher *k, json_t *e,
                           json_t *a)
{
    for (size_t i = 0; i < k->variant_count && m->rc == 0; i++)
        match_variant(m, ask, k->variants[i].index, &k->variants[i], e, a);
    for (size_t i = 0; k->variant_count == 0 && i < json_array_size(e) && m->rc == 0; i++)
        match_variant(m, ask, i, NULL, e, a);
}

static void match_lists(struct match *m, const struct match_ask *ask, json_t *e, json_t *a)
{
    const struct pact_matcher *contains = direct(ask, PACT_ARRAY_CONTAINS), *each = direct(ask, PACT_EACH_VALUE);
    size_t expected = json_array_size(e), actual = json_array_size(a);
    struct scope scope;
    for (size_t i = 0; ask->rule != NULL && i < ask->rule->count; i++)
        check_whole(m, ask, &ask->rule->matchers[i], e, a);
    if (contains != NULL) {
        match_contains(m, ask, contains, e, a);
        return;
    }
    if ((ask->rule == NULL || match_has(ask->rule, PACT_EQUALITY)) && expected != actual)
        report_size(m, ask->rule, "", (int64_t)expected, "", actual, a);
    if (each != NULL) {
        if (enter_each(m, each, ask->rule, &scope)) {
            match_items(m, e, a);
            leave_each(m, &scope);
        }
    } else if (expected > 0 || ask->rule == NULL) {
        match_items(m, e, a);
    }
}

/* ---- any
 * ---------------------------------------------------------------------------------------------------------------- */

static bool is_container(json_t *v)
{
    return json_is_object(v) || json_is_array(v);
}

static void compare_by(struct match *m, const struct match_ask *ask, json_t *e, json_t *a)
{
    if (json_is_object(e) && json_is_object(a))
        match_maps(m, ask, e, a);
    else if (json_is_array(e) && json_is_array(a))
        match_lists(m, ask, e, a);
    else if (is_container(e) && !match_has(ask->rule, PACT_NULL))
        report_kind(m, ask->rule, e, a);
    else
        match_values(m, ask, e, a);
}

/* OR over maps and lists: each matcher is tried as a rule of its own. */
static void compare_any(struct match *m, const struct match_ask *ask, json_t *e, json_t *a)
{
    struct text expected = TEXT_INIT, actual = TEXT_INIT;
    size_t before = m->failures;
    bool held = false;
    m->quiet++;
    for (size_t i = 0; i < ask->rule->count && !held && m->rc == 0; i++) {
        struct pact_rule one = *ask->rule;
        const struct match_ask alone = {.rule = &one, .cascaded = ask->cascaded};
        one.matchers = &ask->rule->matchers[i];
        one.count = 1;
        one.any = false;
        m->failures = before;
        compare_by(m, &alone, e, a);
        held = m->failures == before;
    }
    m->quiet--;
    m->failures = before;
    if (held || m->rc != 0)
        return;
    text_puts(&expected, "one of these: ");
    for (size_t i = 0; i < ask->rule->count; i++) {
        text_puts(&expected, i > 0 ? "; or " : "");
        match_describe_matcher(&ask->rule->matchers[i], e, &expected);
    }
    text_puts(&actual, "was ");
    match_describe(a, &actual);
    report_text(m, ask->rule, HELP_VALUE, &expected, &actual);
    text_deinit(&expected);
    text_deinit(&actual);
}

static void compare(struct match *m, json_t *e, json_t *a)
{
    struct match_ask ask = {0};
    if (m->rc != 0)
        return;
    ask.rule = match_select(m, &ask.cascaded);
    if (ask.rule != NULL && ask.rule->any && ask.rule->count > 1 && (is_container(e) || is_container(a)))
        compare_any(m, &ask, e, a);
    else
        compare_by(m, &ask, e, a);
}

void match_json(struct match *m, json_t *expected, json_t *actual)
{
    compare(m, expected, actual);
}
