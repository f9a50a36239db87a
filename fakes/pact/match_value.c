/* One value against one matcher. */
#include "base/base64.h"
#include "fakes/pact/datetime.h"
#include "fakes/pact/match.h"

#include <errno.h>
#include <stdlib.h>

/* The text a value is when it is looked at as text: what a string holds, or JSON. In `room` when it is made. */
static struct bytes text_of(const json_t *v, struct text *room)
{
    if (json_is_string(v))
        return BYTES(json_string_value(v), json_string_length(v));
    pact_json_text(v, 0, room);
    return text_bytes(room);
}

/* A JSON number's form, a sign before it allowed. */
static bool is_number(const char *s, bool fraction)
{
    s += *s == '-' || *s == '+';
    size_t whole = strspn(s, "0123456789");
    s += whole;
    if (fraction && *s == '.') {
        size_t rest = strspn(s + 1, "0123456789");
        whole += rest;
        s += 1 + rest;
    }
    if (fraction && whole > 0 && (*s == 'e' || *s == 'E')) {
        s++;
        s += *s == '-' || *s == '+';
        size_t power = strspn(s, "0123456789");
        if (power == 0)
            return false;
        s += power;
    }
    return whole > 0 && *s == '\0';
}

static bool is_identifier(const char *s, size_t len, bool prerelease)
{
    bool digits = true;
    for (size_t i = 0; i < len; i++) {
        char c = s[i];
        bool digit = c >= '0' && c <= '9';
        if (!digit && c != '-' && !((c | 0x20) >= 'a' && (c | 0x20) <= 'z'))
            return false;
        digits &= digit;
    }
    return len > 0 && !(prerelease && digits && len > 1 && s[0] == '0');
}

/* Identifiers parted by dots, up to `stop`. */
static bool identifiers(const char **s, const char *stop, bool prerelease)
{
    for (;;) {
        size_t len = strcspn(*s, stop);
        if (!is_identifier(*s, len, prerelease))
            return false;
        *s += len;
        if (**s != '.')
            return true;
        ++*s;
    }
}

/* Semantic Versioning 2.0.0, section 9 to 11. */
bool match_is_semver(const char *s)
{
    for (int part = 0; part < 3; part++) {
        size_t len = strspn(s, "0123456789");
        if (len == 0 || (len > 1 && s[0] == '0'))
            return false;
        s += len;
        if (part < 2 && *s++ != '.')
            return false;
    }
    if (*s == '-') {
        s++;
        if (!identifiers(&s, ".+", true))
            return false;
    }
    if (*s == '+') {
        s++;
        if (!identifiers(&s, ".", false))
            return false;
    }
    return *s == '\0';
}

static bool status_fits(const struct pact_matcher *k, json_int_t status)
{
    static const struct {
        const char *name;
        int low, high;
    } CLASSES[] = {{"info", 100, 199},        {"success", 200, 299}, {"redirect", 300, 399}, {"clientError", 400, 499},
                   {"serverError", 500, 599}, {"nonError", 0, 399},  {"error", 400, 999}};
    for (size_t i = 0; i < json_array_size(k->value); i++)
        if (json_integer_value(json_array_get(k->value, i)) == status)
            return true;
    for (size_t i = 0; k->value == NULL && i < sizeof CLASSES / sizeof *CLASSES; i++)
        if (strcmp(k->text, CLASSES[i].name) == 0)
            return status >= CLASSES[i].low && status <= CLASSES[i].high;
    return false;
}

static bool type_of_content_fits(struct match *m, const struct pact_matcher *k, const json_t *a)
{
    struct text room = TEXT_INIT, decoded = TEXT_INIT;
    struct bytes data = text_of(a, &room);
    bool fits = pact_type_same(k->text, pact_type_of_bytes(data));
    if (!fits && json_is_string(a) && base64_read(&decoded, data, 0))
        fits = pact_type_same(k->text, pact_type_of_bytes(text_bytes(&decoded)));
    if (!text_ok(&room) || !text_ok(&decoded))
        (void)match_out_of_memory(m);
    text_deinit(&room);
    text_deinit(&decoded);
    return fits;
}

static struct regex *regex_of(struct match *m, const struct pact_matcher *k)
{
    for (size_t i = 0; i < m->regexes.count; i++)
        if (m->regexes.items[i].of == k)
            return m->regexes.items[i].regex;
    struct match_regex made = {.of = k};
    m->rc = regex_new(k->text, &made.regex, m->err);
    if (m->rc == 0 && !array_push(&m->regexes, made)) {
        regex_free(made.regex);
        made.regex = NULL;
        (void)match_out_of_memory(m);
    }
    return made.regex;
}

/* Found anywhere in a value, but a text body must fit as a whole: so the specification's cases have it. */
static bool fits_regex(struct match *m, const struct pact_matcher *k, struct bytes text)
{
    struct regex *r = regex_of(m, k);
    int found = r == NULL ? 0 : m->whole ? regex_fits(r, text, m->err) : regex_find(r, text, m->err);
    if (found < 0)
        m->rc = found;
    return found == 1;
}

static bool date_fits(const struct pact_matcher *k, struct bytes text)
{
    const char *usual = k->kind == PACT_DATE   ? "yyyy-MM-dd"
                        : k->kind == PACT_TIME ? "HH:mm:ss"
                                               : "yyyy-MM-dd'T'HH:mm:ssXXX";
    return datetime_unfit(k->text != NULL ? k->text : usual, text) == NULL;
}

static bool same_type(const json_t *e, const json_t *a)
{
    return (json_is_number(e) && json_is_number(a)) || (json_is_boolean(e) && json_is_boolean(a)) ||
           json_typeof(e) == json_typeof(a);
}

/* A number that protobuf's JSON mapping, or JSON's 63 bits, has only as text. */
static bool is_wide(const json_t *v)
{
    const char *s = json_string_value(v);
    char *end;
    if (s == NULL || *s < '1' || *s > '9' || strlen(s) < 19)
        return false;
    errno = 0;
    return strtoull(s, &end, 10) > INT64_MAX && errno == 0 && *end == '\0';
}

static bool is_no_finite(const json_t *v)
{
    const char *s = json_string_value(v);
    return s != NULL && (strcmp(s, "NaN") == 0 || strcmp(s, "Infinity") == 0 || strcmp(s, "-Infinity") == 0);
}

/* Two values of one field of a message, of which one is such a number. Fields of text hold text on both sides. */
static bool same_number(const json_t *e, const json_t *a)
{
    return (json_is_number(e) && (is_wide(a) || is_no_finite(a))) ||
           (json_is_number(a) && (is_wide(e) || is_no_finite(e)));
}

static bool is_container(const json_t *v)
{
    return json_is_object(v) || json_is_array(v);
}

static bool is_true_or_false(const json_t *a)
{
    const char *s = json_string_value(a);
    return json_is_boolean(a) || (s != NULL && (strcmp(s, "true") == 0 || strcmp(s, "false") == 0));
}

static bool is_empty(const json_t *a)
{
    return json_is_null(a) || (json_is_string(a) && json_string_length(a) == 0) ||
           (json_is_array(a) && json_array_size(a) == 0) || (json_is_object(a) && json_object_size(a) == 0);
}

static bool fits_text(struct match *m, const struct pact_matcher *k, const json_t *a)
{
    struct text room = TEXT_INIT;
    struct bytes text = text_of(a, &room);
    bool fits = false;
    if (k->kind == PACT_REGEX)
        fits = fits_regex(m, k, text);
    else if (k->kind == PACT_INCLUDE)
        fits = k->text[0] == '\0' || memmem(text.data, text.len, k->text, strlen(k->text)) != NULL;
    else
        fits = date_fits(k, text);
    if (!text_ok(&room))
        (void)match_out_of_memory(m);
    text_deinit(&room);
    return fits;
}

static bool fits(struct match *m, const struct pact_matcher *k, const json_t *e, const json_t *a)
{
    const char *text = m->textual ? json_string_value(a) : NULL;
    switch (k->kind) {
    case PACT_EQUALITY:
    case PACT_VALUES:
        return json_equal(k->value != NULL && k->kind == PACT_EQUALITY ? k->value : e, a);
    case PACT_TYPE:
        return (m->textual && json_is_string(a)) || same_type(e, a) || (m->message && same_number(e, a));
    case PACT_REGEX:
    case PACT_INCLUDE:
    case PACT_DATE:
    case PACT_TIME:
    case PACT_DATETIME:
        return fits_text(m, k, a);
    case PACT_NUMBER:
        return json_is_number(a) || (text != NULL && is_number(text, true)) ||
               (m->message && (is_wide(a) || is_no_finite(a)));
    case PACT_INTEGER:
        return json_is_integer(a) || (m->message && is_wide(a)) || (text != NULL && is_number(text, false));
    case PACT_DECIMAL:
        return json_is_real(a) || (m->message && is_no_finite(a)) || (text != NULL && is_number(text, true));
    case PACT_BOOLEAN:
        return is_true_or_false(a);
    case PACT_NULL:
        return json_is_null(a);
    case PACT_CONTENT_TYPE:
        return type_of_content_fits(m, k, a);
    case PACT_STATUS_CODE:
        return json_is_integer(a) && status_fits(k, json_integer_value(a));
    case PACT_NOT_EMPTY:
        return !is_empty(a);
    case PACT_SEMVER:
        return json_is_string(a) && json_string_length(a) == strlen(json_string_value(a)) &&
               match_is_semver(json_string_value(a));
    case PACT_EACH_KEY:
        return json_is_object(a);
    case PACT_EACH_VALUE:
        return is_container(a);
    case PACT_ARRAY_CONTAINS:
        return json_is_array(a);
    case PACT_MATCHER_KINDS:
    default:
        return false;
    }
}

static void report_value(struct match *m, const struct pact_rule *rule, const struct text *expected, const json_t *a,
                         enum match_help help)
{
    struct text actual = TEXT_INIT;
    text_puts(&actual, "was ");
    match_describe(a, &actual);
    if (!text_ok(expected) || !text_ok(&actual))
        (void)match_out_of_memory(m);
    match_report(m, rule, help, text_string(expected), text_string(&actual));
    text_deinit(&actual);
}

bool pact_match_value(struct match *m, const struct match_ask *ask, const struct pact_matcher *k,
                      const json_t *expected, const json_t *actual)
{
    if (m->rc != 0 || fits(m, k, expected, actual))
        return true;
    struct text text = TEXT_INIT;
    if (m->quiet == 0)
        match_describe_matcher(k, expected, &text);
    if (m->quiet > 0)
        m->failures++;
    else
        report_value(m, ask->rule, &text, actual, k->kind == PACT_TYPE ? HELP_TYPE : HELP_VALUE);
    text_deinit(&text);
    return false;
}

/* At least one. */
static void match_any(struct match *m, const struct match_ask *ask, const json_t *expected, const json_t *actual)
{
    struct text text = TEXT_INIT;
    size_t before = m->failures;
    bool held = false;
    m->quiet++;
    for (size_t i = 0; i < ask->rule->count && !held; i++) {
        const struct pact_matcher *k = &ask->rule->matchers[i];
        if (!ask->cascaded || match_cascades(k->kind))
            held = pact_match_value(m, ask, k, expected, actual);
    }
    m->quiet--;
    m->failures = before;
    if (held)
        return;
    text_puts(&text, "one of these: ");
    for (size_t i = 0; i < ask->rule->count; i++) {
        text_puts(&text, i > 0 ? "; or " : "");
        match_describe_matcher(&ask->rule->matchers[i], expected, &text);
    }
    report_value(m, ask->rule, &text, actual, HELP_VALUE);
    text_deinit(&text);
}

void match_values(struct match *m, const struct match_ask *ask, const json_t *expected, const json_t *actual)
{
    if (ask->rule == NULL) {
        if (json_equal(expected, actual))
            return;
        struct text text = TEXT_INIT;
        match_describe(expected, &text);
        report_value(m, NULL, &text, actual, same_type(expected, actual) ? HELP_VALUE : HELP_TYPE);
        text_deinit(&text);
        return;
    }
    if (ask->rule->any && ask->rule->count > 1) {
        match_any(m, ask, expected, actual);
        return;
    }
    for (size_t i = 0; i < ask->rule->count && m->rc == 0; i++) {
        const struct pact_matcher *k = &ask->rule->matchers[i];
        if (!ask->cascaded || match_cascades(k->kind))
            (void)pact_match_value(m, ask, k, expected, actual);
    }
}

void match_bytes(struct match *m, struct bytes expected, struct bytes actual)
{
    struct match_ask ask = {0};
    ask.rule = match_select(m, &ask.cascaded);
    if (m->rc != 0 || (ask.rule == NULL && bytes_equal(expected, actual)))
        return;
    bool textual = m->textual;
    m->textual = true;
    json_t *e = json_stringn_nocheck(expected.len > 0 ? (const char *)expected.data : "", expected.len);
    json_t *a = json_stringn_nocheck(actual.len > 0 ? (const char *)actual.data : "", actual.len);
    if (e == NULL || a == NULL)
        (void)match_out_of_memory(m);
    else
        match_values(m, &ask, e, a);
    m->textual = textual;
    json_decref(e);
    json_decref(a);
}

void match_texts(struct match *m, const char *expected, const char *actual)
{
    match_bytes(m, bytes_of(expected != NULL ? expected : ""), bytes_of(actual != NULL ? actual : ""));
}
