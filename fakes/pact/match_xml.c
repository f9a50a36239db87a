/* XML bodies, as the reference implementation of Pact matches them: elements are grouped by name, so
 * "$.animals.alligator" stands for all of them; attributes are "@name", text is "#text". A rule type on an element
 * takes any number of it. */
#include "fakes/pact/match.h"
#include "fakes/pact/xml.h"

static void compare(struct match *m, const struct xml_element *e, const struct xml_element *a);

static void report_name(struct match *m, const struct pact_rule *rule, enum match_help help, const char *expected,
                        const char *before, const char *actual)
{
    struct text x = TEXT_INIT, y = TEXT_INIT;
    if (expected != NULL)
        text_printf(&x, "<%s>", expected);
    else
        text_puts(&x, "no such child");
    text_puts(&y, before);
    if (actual != NULL)
        text_printf(&y, "<%s>", actual);
    if (!text_ok(&x) || !text_ok(&y))
        (void)match_out_of_memory(m);
    match_report(m, rule, help, text_string(&x), text_string(&y));
    text_deinit(&x);
    text_deinit(&y);
}

static size_t count_children(const struct xml_element *e)
{
    size_t n = 0;
    for (const struct xml_element *c = e->children; c != NULL; c = c->next)
        n++;
    return n;
}

static void check_size(struct match *m, const struct pact_rule *rule, const struct pact_matcher *k, size_t n)
{
    char expected[80], actual[40];
    bool low = k->min >= 0 && n < (uint64_t)k->min;
    if (!low && !(k->max >= 0 && n > (uint64_t)k->max))
        return;
    (void)snprintf(expected, sizeof expected, "%s %lld children (matcher type, %s)", low ? "at least" : "at most",
                   (long long)(low ? k->min : k->max), low ? "min" : "max");
    (void)snprintf(actual, sizeof actual, "there were %zu", n);
    match_report(m, rule, HELP_SIZE, expected, actual);
}

/* The element itself: its name, or how many it has in it. What is asked of values is asked of its attributes and text,
 * by the rule's cascading. */
static void match_element(struct match *m, const struct pact_rule *rule, bool cascaded, const struct xml_element *e,
                          const struct xml_element *a)
{
    bool named = rule == NULL;
    for (size_t i = 0; rule != NULL && i < rule->count && m->rc == 0; i++) {
        const struct pact_matcher *k = &rule->matchers[i];
        if (k->kind == PACT_TYPE && (k->min >= 0 || k->max >= 0)) {
            if (!cascaded)
                check_size(m, rule, k, count_children(a));
        } else if (k->kind == PACT_NOT_EMPTY) {
            if (a->children == NULL && a->text[0] == '\0')
                report_name(m, rule, HELP_VALUE, e->name, "it was empty: ", a->name);
        } else {
            named = true;
        }
    }
    if (named && strcmp(e->name, a->name) != 0)
        report_name(m, rule, HELP_VALUE, e->name, "was ", a->name);
}

static const char *attribute(const struct xml_element *e, const char *name)
{
    for (const struct xml_attribute *a = e->attributes; a != NULL; a = a->next)
        if (strcmp(a->name, name) == 0)
            return a->value;
    return NULL;
}

static bool down_attribute(struct match *m, const char *name)
{
    const char *key = arena_printf(&m->scratch, "@%s", name);
    if (key == NULL)
        return match_out_of_memory(m), false;
    return match_down(m, key, 0);
}

static void match_attributes(struct match *m, const struct xml_element *e, const struct xml_element *a)
{
    struct text text = TEXT_INIT;
    for (const struct xml_attribute *x = e->attributes; x != NULL; x = x->next) {
        const char *value = attribute(a, x->name);
        if (!down_attribute(m, x->name))
            break;
        if (value != NULL)
            match_texts(m, x->value, value);
        else
            match_report(m, NULL, HELP_MISSING, x->value, "the attribute was missing");
        match_up(m);
    }
    for (const struct xml_attribute *y = a->attributes; m->request && y != NULL; y = y->next) {
        if (attribute(e, y->name) != NULL || !down_attribute(m, y->name))
            continue;
        text_clear(&text);
        text_printf(&text, "there was \"%s\"", y->value);
        match_report(m, NULL, HELP_UNEXPECTED, "no such attribute", text_string(&text));
        match_up(m);
    }
    if (!text_ok(&text))
        (void)match_out_of_memory(m);
    text_deinit(&text);
}

/* The next child of a name, from `c` on. */
static const struct xml_element *named(const struct xml_element *c, const char *name)
{
    while (c != NULL && strcmp(c->name, name) != 0)
        c = c->next;
    return c;
}

static bool has_type(const struct match *m)
{
    bool cascaded;
    return match_has(match_select(m, &cascaded), PACT_TYPE);
}

/* All children of the name of `e`, the first of them in the example. */
static void match_group(struct match *m, const struct xml_element *e, const struct xml_element *a)
{
    const struct xml_element *actual = named(a->children, e->name);
    bool any = has_type(m);
    if (actual == NULL) {
        report_name(m, NULL, HELP_MISSING, e->name, "was missing", NULL);
        return;
    }
    const struct xml_element *expected = e;
    while (actual != NULL || (expected != NULL && !any)) {
        if (actual == NULL)
            report_name(m, NULL, HELP_MISSING, e->name, "one more was missing", NULL);
        else if (expected != NULL)
            compare(m, expected, actual);
        else if (any)
            compare(m, e, actual);
        else if (m->request)
            report_name(m, NULL, HELP_UNEXPECTED, NULL, "there was one more ", actual->name);
        actual = actual != NULL ? named(actual->next, e->name) : NULL;
        expected = expected != NULL ? named(expected->next, e->name) : NULL;
    }
}

static void match_children(struct match *m, const struct xml_element *e, const struct xml_element *a)
{
    for (const struct xml_element *c = e->children; c != NULL; c = c->next)
        if (named(e->children, c->name) == c && match_down(m, c->name, 0)) {
            match_group(m, c, a);
            match_up(m);
        }
    for (const struct xml_element *c = a->children; c != NULL; c = c->next)
        if (named(e->children, c->name) == NULL && match_down(m, c->name, 0)) {
            if (m->request || has_type(m))
                report_name(m, NULL, HELP_UNEXPECTED, NULL, "there was ", c->name);
            match_up(m);
        }
}

static void compare(struct match *m, const struct xml_element *e, const struct xml_element *a)
{
    bool cascaded;
    size_t before = m->failures;
    const struct pact_rule *rule = match_select(m, &cascaded);
    match_element(m, rule, cascaded, e, a);
    if (m->failures != before || m->rc != 0)
        return;
    match_attributes(m, e, a);
    match_children(m, e, a);
    if (match_down(m, "#text", 0)) {
        match_texts(m, e->text, a->text);
        match_up(m);
    }
}

/* "$.animals[*].alligator" is "$.animals.alligator" here: elements of a name are a group, and have no index. */
static void without_indexes(struct match *m)
{
    struct match_rule *all = ARENA_NEW_N(&m->scratch, struct match_rule, m->rule_count + 1);
    for (size_t i = 0; all != NULL && i < m->rule_count; i++) {
        const struct pact_path *p = &m->rules[i].path;
        struct path_token *tokens = ARENA_NEW_N(&m->scratch, struct path_token, p->count + 1);
        size_t n = 0;
        all[i] = m->rules[i];
        for (size_t t = 0; tokens != NULL && t < p->count; t++)
            if (p->tokens[t].kind != PATH_ANY_INDEX || t + 1 == p->count)
                tokens[n++] = p->tokens[t];
        all[i].path = (struct pact_path){tokens, n};
        if (tokens == NULL)
            all = NULL;
    }
    if (all == NULL)
        (void)match_out_of_memory(m);
    m->rules = all;
    m->rule_count = all != NULL ? m->rule_count : 0;
}

void match_xml(struct match *m, struct bytes expected, struct bytes actual)
{
    struct xml_element *e, *a;
    struct error why = ERROR_INIT;
    struct text text = TEXT_INIT;
    m->textual = true;
    without_indexes(m);
    int rc = m->rc != 0 ? m->rc : xml_parse(expected, "the pact's body", &m->scratch, &e, &why);
    if (rc == 0)
        rc = xml_parse(actual, "it", &m->scratch, &a, &why);
    if (rc == ERROR_MEMORY) {
        if (m->rc == 0)
            (void)match_out_of_memory(m);
    } else if (rc != 0) {
        text_printf(&text, "%s is none (line %d, column %d: %s)", why.file != NULL ? why.file : "it", why.line,
                    why.column, why.message != NULL ? why.message : "");
        if (!text_ok(&text))
            (void)match_out_of_memory(m);
        match_report(m, NULL, HELP_TYPE, "an XML document", text_string(&text));
    } else if (match_down(m, e->name, 0)) {
        compare(m, e, a);
        match_up(m);
    }
    text_deinit(&text);
    error_clear(&why);
}
