/* Bodies, by what they are: JSON, XML, forms, text, and what is none of these. */
#include "fakes/pact/match.h"

static bool is_there(const struct pact_content *c)
{
    return c->presence == PACT_THERE && (c->json != NULL || c->bytes.len > 0);
}

/* "body" of 7 bytes, or its beginning. */
static void describe_content(const struct pact_content *c, struct text *out)
{
    if (!is_there(c)) {
        text_puts(out, c->presence == PACT_MISSING ? "missing" : c->presence == PACT_NULL_BODY ? "null" : "empty");
    } else if (c->json != NULL) {
        match_describe(c->json, out);
    } else {
        text_char(out, '"');
        text_printable(out, c->bytes.data, c->bytes.len, PACT_BRIEF_MAX);
        text_printf(out, "\" (%zu bytes)", c->bytes.len);
    }
}

static void report_presence(struct match *m, const struct pact_content *e, const struct pact_content *a)
{
    struct text expected = TEXT_INIT, actual = TEXT_INIT;
    text_puts(&expected, is_there(e) ? "the body " : "no body");
    if (is_there(e))
        describe_content(e, &expected);
    text_puts(&actual, "it was ");
    describe_content(a, &actual);
    if (!text_ok(&expected) || !text_ok(&actual))
        (void)match_out_of_memory(m);
    match_report(m, NULL, is_there(e) ? HELP_MISSING : HELP_UNEXPECTED, text_string(&expected), text_string(&actual));
    text_deinit(&expected);
    text_deinit(&actual);
}

static void report_words(struct match *m, const char *expected, const char *actual)
{
    match_report(m, NULL, HELP_TYPE, expected, actual);
}

/* The tree of one side, the caller's. NULL: it was reported, or no memory (then m->rc). */
static json_t *tree_of(struct match *m, const struct pact_content *c, bool expected)
{
    json_error_t why;
    if (c->json != NULL)
        return json_incref(c->json);
    json_t *tree = json_loadb((const char *)c->bytes.data, c->bytes.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, &why);
    if (tree != NULL)
        return tree;
    if (json_error_code(&why) == json_error_out_of_memory) {
        (void)match_out_of_memory(m);
        return NULL;
    }
    char text[JSON_ERROR_TEXT_LENGTH + 80];
    (void)snprintf(text, sizeof text, "%s is no JSON (line %d, column %d: %s)", expected ? "the pact's" : "it",
                   why.line, why.column, why.text);
    report_words(m, "a JSON document", text);
    return NULL;
}

static void match_trees(struct match *m, const struct pact_content *e, const struct pact_content *a)
{
    json_t *x = tree_of(m, e, true), *y = x != NULL ? tree_of(m, a, false) : NULL;
    if (x != NULL && y != NULL)
        match_json(m, x, y);
    json_decref(x);
    json_decref(y);
}

static void match_forms(struct match *m, struct bytes e, struct bytes a)
{
    struct pact_headers x = {0}, y = {0};
    m->textual = true;
    if (pact_form_read(e, &m->scratch, &x) != 0 || pact_form_read(a, &m->scratch, &y) != 0)
        (void)match_out_of_memory(m);
    else
        match_pairs(m, &x, &y);
    array_deinit(&x);
    array_deinit(&y);
}

/* Text, and bytes that are no text: by a rule at the root, or equal. */
static void match_plain(struct match *m, struct bytes e, struct bytes a)
{
    struct text expected = TEXT_INIT, actual = TEXT_INIT;
    bool cascaded;
    if (match_select(m, &cascaded) != NULL) {
        m->whole = true;
        match_bytes(m, e, a);
        m->whole = false;
        return;
    }
    if (bytes_equal(e, a))
        return;
    struct pact_content x = {.presence = PACT_THERE, .bytes = e}, y = {.presence = PACT_THERE, .bytes = a};
    describe_content(&x, &expected);
    text_puts(&actual, "was ");
    describe_content(&y, &actual);
    if (!text_ok(&expected) || !text_ok(&actual))
        (void)match_out_of_memory(m);
    match_report(m, NULL, HELP_VALUE, text_string(&expected), text_string(&actual));
    text_deinit(&expected);
    text_deinit(&actual);
}

/* A type that differs is let pass where a rule on the header says so. */
static bool header_lets_pass(struct match *m, const struct pact_part *e, const char *expected, const char *actual)
{
    bool cascaded, passes = false;
    if (match_use(m, PACT_HEADER, &e->rules, true) == 0 && match_down(m, "content-type", 0)) {
        if (match_select(m, &cascaded) != NULL) {
            size_t before = m->failures;
            m->quiet++;
            match_texts(m, expected, actual);
            m->quiet--;
            passes = m->failures == before;
            m->failures = before;
        }
        match_up(m);
    }
    (void)match_use(m, PACT_BODY, &e->rules, false);
    return passes;
}

bool match_same_type(const char *expected, const char *actual)
{
    return pact_type_same(expected, actual) ||
           (pact_type_same(expected, "application/json") && pact_type_is_json(actual)) ||
           (pact_type_same(expected, "application/xml") && pact_type_is_xml(actual));
}

void match_by_type(struct match *m, const char *type, const struct pact_content *e, const struct pact_content *a)
{
    if (e->json != NULL || pact_type_is_json(type))
        match_trees(m, e, a);
    else if (pact_type_is_xml(type))
        match_xml(m, e->bytes, a->bytes);
    else if (pact_type_is_form(type))
        match_forms(m, e->bytes, a->bytes);
    else if (pact_type_is_multipart(type))
        match_multipart(m, e, a);
    else
        match_plain(m, e->bytes, a->bytes);
}

/* In a pact the boundary may be with the body's type or in the header alone. */
static const char *type_with_boundary(const struct pact_part *part, const char *type)
{
    const char *header = pact_header_value(part, "content-type");
    return strcasestr(type, "boundary=") == NULL && header != NULL && pact_type_is_multipart(header) ? header : type;
}

void match_body(struct match *m, const struct pact_part *expected, const struct pact_part *actual)
{
    const struct pact_content *e = &expected->content, *a = &actual->content;
    if (e->presence == PACT_MISSING || match_use(m, PACT_BODY, &expected->rules, false) != 0)
        return;
    if (!is_there(e) || !is_there(a)) {
        /* JSON's null is a body as well as none. */
        bool null = e->presence == PACT_NULL_BODY && json_is_null(a->json);
        if (is_there(e) != is_there(a) && !null)
            report_presence(m, e, a);
        return;
    }
    const char *type = pact_part_type(expected), *other = pact_part_type(actual);
    if (e->json != NULL && a->json != NULL) {
        m->message = a->decoded;
        match_json(m, e->json, a->json);
        return;
    }
    if (type == NULL)
        type = "text/plain";
    if (other != NULL && !match_same_type(type, other) && !header_lets_pass(m, expected, type, other)) {
        struct text text = TEXT_INIT;
        text_printf(&text, "it was of the type %s", other);
        struct text wanted = TEXT_INIT;
        text_printf(&wanted, "a body of the type %s", type);
        if (!text_ok(&text) || !text_ok(&wanted))
            (void)match_out_of_memory(m);
        report_words(m, text_string(&wanted), text_string(&text));
        text_deinit(&text);
        text_deinit(&wanted);
        return;
    }
    if (m->rc != 0)
        return;
    if (pact_type_is_multipart(type)) {
        struct pact_content x = *e, y = *a;
        x.type = type_with_boundary(expected, type);
        y.type = type_with_boundary(actual, other != NULL ? other : type);
        match_multipart(m, &x, &y);
    } else {
        match_by_type(m, type, e, a);
    }
}
