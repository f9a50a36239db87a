/* Mismatches as texts: where, what was expected with its rule, what was there with its type, and what to do. */
#include "fakes/pact/match.h"

const char *match_kind_name(const json_t *value)
{
    switch (value != NULL ? json_typeof(value) : JSON_NULL) {
    case JSON_OBJECT:
        return "a map";
    case JSON_ARRAY:
        return "a list";
    case JSON_STRING:
        return "text";
    case JSON_INTEGER:
        return "an integer";
    case JSON_REAL:
        return "a decimal";
    case JSON_TRUE:
    case JSON_FALSE:
        return "a boolean";
    case JSON_NULL:
    default:
        return "null";
    }
}

void match_describe(const json_t *value, struct text *out)
{
    if (value == NULL || json_is_null(value)) {
        text_puts(out, "null");
        return;
    }
    pact_json_brief(value, out);
    if (json_is_array(value))
        text_printf(out, " (a list of %zu)", json_array_size(value));
    else
        text_printf(out, " (%s)", match_kind_name(value));
}

static void like(const json_t *example, struct text *out)
{
    if (example == NULL)
        return;
    text_puts(out, ", like ");
    pact_json_brief(example, out);
}

void match_describe_matcher(const struct pact_matcher *k, const json_t *example, struct text *out)
{
    static const char *const PHRASES[PACT_MATCHER_KINDS] = {
        [PACT_NUMBER] = "a number",
        [PACT_INTEGER] = "an integer",
        [PACT_DECIMAL] = "a decimal number",
        [PACT_BOOLEAN] = "true or false",
        [PACT_NULL] = "null",
        [PACT_NOT_EMPTY] = "something that is not empty",
        [PACT_SEMVER] = "a semantic version, such as 1.0.2",
        [PACT_VALUES] = "a map or list of such values",
        [PACT_EACH_VALUE] = "a map or list of such values",
        [PACT_EACH_KEY] = "a map with such keys",
        [PACT_ARRAY_CONTAINS] = "a list that contains each of the variants",
    };
    const char *name = pact_matcher_names[k->kind];
    switch (k->kind) {
    case PACT_EQUALITY:
        match_describe(k->value != NULL ? k->value : example, out);
        text_puts(out, " (matcher equality)");
        return;
    case PACT_TYPE:
        text_printf(out, "%s (matcher type)", match_kind_name(example));
        break;
    case PACT_REGEX:
        text_printf(out, "text that fits %s (matcher regex)", k->text);
        break;
    case PACT_INCLUDE:
        text_printf(out, "text with '%s' in it (matcher include)", k->text);
        break;
    case PACT_DATE:
    case PACT_TIME:
    case PACT_DATETIME:
        text_printf(out, "a %s of the form %s (matcher %s)", k->kind == PACT_DATETIME ? "date and time" : name,
                    k->text != NULL ? k->text : "of ISO 8601", name);
        break;
    case PACT_CONTENT_TYPE:
        text_printf(out, "content of the type %s (matcher contentType)", k->text);
        return;
    case PACT_STATUS_CODE:
        if (k->value != NULL) {
            text_puts(out, "one of ");
            pact_json_brief(k->value, out);
        } else {
            text_printf(out, "a status of the class %s", k->text);
        }
        text_puts(out, " (matcher statusCode)");
        break;
    case PACT_NUMBER:
    case PACT_INTEGER:
    case PACT_DECIMAL:
    case PACT_BOOLEAN:
    case PACT_NULL:
    case PACT_VALUES:
    case PACT_ARRAY_CONTAINS:
    case PACT_NOT_EMPTY:
    case PACT_SEMVER:
    case PACT_EACH_KEY:
    case PACT_EACH_VALUE:
    case PACT_MATCHER_KINDS:
    default:
        text_printf(out, "%s (matcher %s)", PHRASES[k->kind], name);
    }
    if (k->kind != PACT_NULL)
        like(example, out);
}

static const char *const HELP[][2] = {
    [HELP_VALUE] =
        {"let the provider send what is expected, or change the consumer's example or rule if any other value "
         "is as good to it",
         "send what the pact has, or record the pact anew if the new value is meant"},
    [HELP_MISSING] =
        {"let the provider send it, or take it out of the consumer's example if the consumer does not read it",
         "send it, or record the pact anew if it is no longer meant to be sent"},
    [HELP_UNEXPECTED] = {"let the provider leave it out, or take the consumer's rule of equality away",
                         "a request may hold only what the pact has: leave it out, or record the pact anew with it"},
    [HELP_SIZE] =
        {"let the provider send as many as expected, or give the consumer's example the matcher type with min and "
         "max",
         "send as many as the pact has, or give its example the matcher type with min and max"},
    [HELP_TYPE] = {"let the provider send the type of the consumer's example, or change the example",
                   "send the type that the pact has, or record the pact anew"},
};

static void place(const struct match *m, struct text *out)
{
    if (m->category == PACT_BODY) {
        pact_path_print(out, m->steps, m->depth);
        return;
    }
    /* A name, and what is in it. */
    for (size_t i = 0; i < m->depth; i++)
        if (m->steps[i].key == NULL)
            text_printf(out, "[%zu]", m->steps[i].index);
        else if (i == 0)
            text_puts(out, m->steps[i].key);
        else
            pact_path_print_key(out, m->steps[i].key);
}

static const char *kept(struct match *m, struct text *text)
{
    const char *copy = text_ok(text) ? arena_string(&m->out->arena, text_string(text)) : NULL;
    text_clear(text);
    return copy;
}

void match_report(struct match *m, const struct pact_rule *rule, enum match_help help, const char *expected,
                  const char *actual)
{
    m->failures++;
    if (m->quiet > 0 || m->rc != 0)
        return;
    struct text text = TEXT_INIT;
    struct pact_mismatch x = {.category = m->category, .help = HELP[help][m->request]};
    place(m, &text);
    x.path = kept(m, &text);
    x.expected = arena_string(&m->out->arena, expected);
    x.actual = arena_string(&m->out->arena, actual);
    if (rule != NULL) {
        x.line = rule->line;
        x.column = rule->column;
    }
    text_puts(&text, pact_category_names[m->category]);
    if (x.path != NULL && x.path[0] != '\0')
        text_printf(&text, " %s", x.path);
    text_printf(&text, ": expected %s, but %s", expected, actual);
    x.text = kept(m, &text);
    text_deinit(&text);
    if (x.path == NULL || x.expected == NULL || x.actual == NULL || x.text == NULL ||
        !array_push(&m->out->mismatches, x))
        (void)match_out_of_memory(m);
}
