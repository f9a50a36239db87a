#include "fakes/pact/generate.h"

#include "fakes/pact/datetime.h"
#include "fakes/pact/regex.h"
#include "fakes/pact/sample.h"

#include <stdlib.h>
#include <strings.h>

static int no_memory(struct error *err)
{
    return error_set(err, ERROR_MEMORY, "out of memory while generating");
}

static int64_t number_of(const struct pact_generator *g, const char *key, int64_t usual)
{
    const json_t *value = json_object_get(g->options, key);
    return json_is_integer(value) ? json_integer_value(value) : usual;
}

static const char *text_option(const struct pact_generator *g, const char *key)
{
    return json_string_value(json_object_get(g->options, key));
}

static void random_int(const struct pact_generator *g, struct random *r, struct text *out)
{
    text_printf(out, "%lld", (long long)random_range(r, number_of(g, "min", 0), number_of(g, "max", 10)));
}

/* So many digits, a point among them when there are two or more; it neither begins nor ends with a 0 that says nothing.
 */
static void random_decimal(const struct pact_generator *g, struct random *r, struct text *out)
{
    int64_t digits = number_of(g, "digits", 10);
    int64_t point = digits > 1 ? random_range(r, 1, digits - 1) : digits;
    for (int64_t i = 0; i < digits; i++) {
        bool shown = (i == 0 && point > 1) || (i == digits - 1 && digits > 1);
        if (i == point)
            text_char(out, '.');
        text_char(out, (char)('0' + random_range(r, shown ? 1 : 0, 9)));
    }
}

static void random_from(const char *letters, int64_t count, struct random *r, struct text *out)
{
    size_t n = strlen(letters);
    for (int64_t i = 0; i < count; i++)
        text_char(out, letters[random_below(r, n)]);
}

static void uuid(const struct pact_generator *g, struct random *r, struct text *out)
{
    const char *format = text_option(g, "format");
    uint8_t b[16];
    bool simple = format != NULL && strcmp(format, "simple") == 0;
    const char *hex = format != NULL && strncmp(format, "upper", 5) == 0 ? "0123456789ABCDEF" : "0123456789abcdef";
    random_bytes(r, b, sizeof b);
    b[6] = (uint8_t)((b[6] & 0x0F) | 0x40); /* RFC 9562: version 4, variant 10 */
    b[8] = (uint8_t)((b[8] & 0x3F) | 0x80);
    if (format != NULL && strcmp(format, "URN") == 0)
        text_puts(out, "urn:uuid:");
    for (size_t i = 0; i < 16; i++) {
        if (!simple && (i == 4 || i == 6 || i == 8 || i == 10))
            text_char(out, '-');
        text_char(out, hex[b[i] >> 4]);
        text_char(out, hex[b[i] & 15]);
    }
}

static int time_of(const struct pact_generator *g, const struct pact_generating *with, struct text *out,
                   struct error *err)
{
    const char *format = text_option(g, "format"), *expression = text_option(g, "expression");
    bool date = strcmp(g->type, "Time") != 0, time = strcmp(g->type, "Date") != 0;
    struct moment m = moment_of(with->now);
    int rc = expression != NULL ? datetime_move(expression, date, time, &m, err) : 0;
    if (format == NULL || format[0] == '\0')
        format = !time ? "yyyy-MM-dd" : !date ? "HH:mm:ss" : "yyyy-MM-dd'T'HH:mm:ss.SSSxx";
    if (rc == 0)
        datetime_print(format, m, out);
    return rc;
}

static int mock_url(const struct pact_generator *g, const struct pact_generating *with, struct text *out, bool *made,
                    struct error *err)
{
    const char *example = text_option(g, "example"), *pattern = text_option(g, "regex");
    struct regex *regex = NULL;
    struct bytes group;
    *made = false;
    if (with->base == NULL || example == NULL || pattern == NULL)
        return 0;
    int rc = regex_new(pattern, &regex, err);
    int found = rc == 0 ? regex_group(regex, bytes_of(example), &group, err) : 0;
    if (found < 0)
        rc = found;
    if (found == 1) {
        size_t len = strlen(with->base);
        text_add(out, with->base, len);
        /* The base's slash and the group's are one; where both lack it, one is put between. */
        bool slash = len > 0 && with->base[len - 1] == '/', begins = group.len > 0 && group.data[0] == '/';
        if (slash && begins)
            text_truncate(out, out->len - 1);
        else if (!slash && !begins)
            text_char(out, '/');
        text_add(out, group.data, group.len);
        *made = true;
    }
    regex_free(regex);
    return rc;
}

/* ---- provider states
 * ---------------------------------------------------------------------------------------------------- */

static void add_plain(const json_t *value, struct text *out)
{
    if (json_is_string(value))
        text_add(out, json_string_value(value), json_string_length(value));
    else
        pact_json_text(value, 0, out);
}

static json_t *value_named(const struct pact_generating *with, const char *name, size_t len)
{
    char key[256];
    if (len >= sizeof key)
        return NULL;
    memcpy(key, name, len);
    key[len] = '\0';
    return json_object_get(with->values, key);
}

/* "${id}" is the value as it is, "/users/${id}" text with the value in it. NULL: a value is not there, or no memory. */
static json_t *evaluated(const char *expression, const struct pact_generating *with, bool *memory)
{
    const char *open = strstr(expression, "${"), *at = expression;
    *memory = true;
    if (open == NULL)
        return json_incref(value_named(with, expression, strlen(expression)));
    const char *close = strchr(open, '}');
    if (open == expression && close != NULL && close[1] == '\0')
        return json_incref(value_named(with, open + 2, (size_t)(close - open) - 2));
    struct text out = TEXT_INIT;
    json_t *value = NULL;
    for (; open != NULL && close != NULL; open = strstr(at, "${"), close = open != NULL ? strchr(open, '}') : NULL) {
        value = value_named(with, open + 2, (size_t)(close - open) - 2);
        if (value == NULL) {
            text_deinit(&out);
            return NULL;
        }
        text_add(&out, at, (size_t)(open - at));
        add_plain(value, &out);
        at = close + 1;
    }
    text_puts(&out, at);
    value = text_ok(&out) ? json_stringn(text_string(&out), out.len) : NULL;
    *memory = value != NULL;
    text_deinit(&out);
    return value;
}

static json_t *to_integer(const json_t *v)
{
    if (json_is_string(v)) {
        char *end;
        long long number = strtoll(json_string_value(v), &end, 10);
        return *end == '\0' && json_string_length(v) > 0 ? json_integer(number) : NULL;
    }
    if (json_is_real(v) && json_real_value(v) > -9.2e18 && json_real_value(v) < 9.2e18)
        return json_integer((json_int_t)json_real_value(v));
    if (json_is_integer(v))
        return json_integer(json_integer_value(v));
    return json_is_boolean(v) || json_is_null(v) ? json_integer(json_is_true(v)) : NULL;
}

static json_t *to_decimal(const json_t *v)
{
    if (json_is_string(v)) {
        char *end;
        double number = strtod(json_string_value(v), &end);
        return *end == '\0' && json_string_length(v) > 0 ? json_real(number) : NULL;
    }
    if (json_is_number(v))
        return json_real(json_number_value(v));
    return json_is_boolean(v) || json_is_null(v) ? json_real(json_is_true(v) ? 1 : 0) : NULL;
}

static json_t *to_boolean(const json_t *v)
{
    const char *s = json_string_value(v);
    if (s != NULL)
        return strcmp(s, "true") == 0 ? json_true() : strcmp(s, "false") == 0 ? json_false() : NULL;
    if (json_is_number(v))
        return json_boolean(json_number_value(v) > 0);
    return json_is_boolean(v) || json_is_null(v) ? json_boolean(json_is_true(v)) : NULL;
}

static json_t *to_string(const json_t *v)
{
    struct text out = TEXT_INIT;
    add_plain(v, &out);
    json_t *made = text_ok(&out) ? json_stringn(text_string(&out), out.len) : NULL;
    text_deinit(&out);
    return made;
}

static int provider_state(const struct pact_generator *g, const struct pact_generating *with, json_t **out,
                          struct error *err)
{
    static const struct {
        const char *type;
        json_t *(*to)(const json_t *);
    } TYPES[] = {{"STRING", to_string},
                 {"INTEGER", to_integer},
                 {"DECIMAL", to_decimal},
                 {"FLOAT", to_decimal},
                 {"BOOLEAN", to_boolean}};
    const char *expression = text_option(g, "expression"), *type = text_option(g, "dataType");
    bool memory = true;
    json_t *value = expression != NULL && with->values != NULL ? evaluated(expression, with, &memory) : NULL;
    if (!memory)
        return no_memory(err);
    *out = value;
    for (size_t i = 0; value != NULL && type != NULL && i < sizeof TYPES / sizeof *TYPES; i++) {
        if (strcasecmp(type, TYPES[i].type) != 0)
            continue;
        struct text text = TEXT_INIT;
        *out = TYPES[i].to(value);
        if (*out == NULL)
            pact_json_brief(value, &text);
        int rc = *out != NULL ? 0
                              : error_set(err, ERROR_INVALID, "the provider state's value of %s is %s, which is no %s",
                                          expression, text_string(&text), type);
        text_deinit(&text);
        json_decref(value);
        return rc;
    }
    return 0;
}

/* ---- all
 * ------------------------------------------------------------------------------------------------------------------ */

/* Numbers stay numbers where the example is one. */
static json_t *shaped(const struct text *text, const json_t *example, const char *type)
{
    if (!text_ok(text))
        return NULL;
    if (strcmp(type, "RandomInt") == 0 && !json_is_string(example))
        return json_integer(strtoll(text_string(text), NULL, 10));
    if (strcmp(type, "RandomDecimal") == 0 && json_is_number(example))
        return json_real(strtod(text_string(text), NULL));
    return json_stringn(text_string(text), text->len);
}

int generate_value(const struct pact_generator *g, const struct pact_generating *with, const json_t *example,
                   json_t **out, struct error *err)
{
    static const char ALPHANUMERIC[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    struct text text = TEXT_INIT;
    bool made = true;
    int rc = 0;
    *out = NULL;
    if (strcmp(g->type, "ProviderState") == 0)
        return provider_state(g, with, out, err);
    if (strcmp(g->type, "RandomBoolean") == 0) {
        bool value = random_below(with->random, 2) == 1;
        *out = json_is_string(example) ? json_string(value ? "true" : "false") : json_boolean(value);
        return *out != NULL ? 0 : no_memory(err);
    }
    if (strcmp(g->type, "RandomInt") == 0)
        random_int(g, with->random, &text);
    else if (strcmp(g->type, "RandomDecimal") == 0)
        random_decimal(g, with->random, &text);
    else if (strcmp(g->type, "RandomHexadecimal") == 0)
        random_from("0123456789ABCDEF", number_of(g, "digits", 10), with->random, &text);
    else if (strcmp(g->type, "RandomString") == 0)
        random_from(ALPHANUMERIC, number_of(g, "size", 10), with->random, &text);
    else if (strcmp(g->type, "Uuid") == 0)
        uuid(g, with->random, &text);
    else if (strcmp(g->type, "Regex") == 0)
        rc = sample_make(text_option(g, "regex") != NULL ? text_option(g, "regex") : "", with->random, &text, err);
    else if (strcmp(g->type, "MockServerURL") == 0)
        rc = mock_url(g, with, &text, &made, err);
    else if (strcmp(g->type, "Date") == 0 || strcmp(g->type, "Time") == 0 || strcmp(g->type, "DateTime") == 0)
        rc = time_of(g, with, &text, err);
    else
        rc = error_set(err, ERROR_UNSUPPORTED, "no such generator: '%s'", g->type);
    if (rc == 0 && made && (*out = shaped(&text, example, g->type)) == NULL)
        rc = no_memory(err);
    text_deinit(&text);
    return rc;
}
