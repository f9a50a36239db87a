/* Members of one line of the result stream, by kind: absent and null are nothing, and the wrong kind is an error. */
#include "reports/reader.h"

#include "base/json_text.h"

#include <math.h>
#include <string.h>

int reader_no_memory(struct reader *in)
{
    if (in->failed == 0)
        in->failed = error_set(in->err, ERROR_MEMORY, "out of memory");
    return in->failed;
}

static const char *kind_name(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "a list";
    case JSON_STRING:
        return "text";
    case JSON_INTEGER:
    case JSON_REAL:
        return "a number";
    case JSON_TRUE:
    case JSON_FALSE:
        return "a boolean";
    case JSON_NULL:
        return "null";
    }
    return "unknown";
}

void reader_wrong_kind(struct reader *in, const char *key, const char *wanted, const json_t *value)
{
    if (in->failed == 0)
        in->failed = error_set_at(in->err, ERROR_INVALID, in->report->source, (int)in->report->lines, 0,
                                  "\"%s\" must be %s, not %s", key, wanted, kind_name(value));
}

/* NULL for absent and null. */
const json_t *reader_member(struct reader *in, const char *key)
{
    const json_t *value = json_object_get(in->object, key);
    return value == NULL || json_is_null(value) ? NULL : value;
}

const char *reader_text(struct reader *in, const char *key)
{
    const json_t *value = reader_member(in, key);
    if (value == NULL || in->failed != 0)
        return "";
    if (!json_is_string(value)) {
        reader_wrong_kind(in, key, "text", value);
        return "";
    }
    const char *copy = report_copy(&in->report->arena, value);
    if (copy == NULL)
        (void)reader_no_memory(in);
    return copy == NULL ? "" : copy;
}

/* To look for what is known under this name already: copied only where the copy differs. NULL: it is no text. */
const char *reader_name(struct reader *in, const json_t *value)
{
    const char *name = json_string_value(value);
    if (name == NULL || strlen(name) == json_string_length(value))
        return name;
    if ((name = report_copy(&in->report->arena, value)) == NULL)
        (void)reader_no_memory(in);
    return name;
}

int64_t reader_integer(struct reader *in, const char *key, int64_t min, int64_t max, int64_t fallback)
{
    const json_t *value = reader_member(in, key);
    if (value == NULL || in->failed != 0)
        return fallback;
    double real = json_number_value(value);
    if (json_is_real(value) && real == floor(real) && fabs(real) < 9e15)
        return (int64_t)real < min ? min : (int64_t)real > max ? max : (int64_t)real;
    if (!json_is_integer(value)) {
        reader_wrong_kind(in, key, "a whole number", value);
        return fallback;
    }
    json_int_t n = json_integer_value(value);
    return n < min ? min : n > max ? max : n;
}

uint64_t reader_count(struct reader *in, const char *key, uint64_t fallback)
{
    return reader_member(in, key) == NULL ? fallback : (uint64_t)reader_integer(in, key, 0, INT64_MAX, 0);
}

bool reader_bool(struct reader *in, const char *key)
{
    const json_t *value = reader_member(in, key);
    if (value != NULL && !json_is_boolean(value))
        reader_wrong_kind(in, key, "a boolean", value);
    return json_is_true(value);
}

/* A scalar as people write it; "" for what is none. */
const char *reader_scalar(struct reader *in, const json_t *value)
{
    const char *copy = "";
    if (json_is_string(value))
        copy = report_copy(&in->report->arena, value);
    else if (json_is_integer(value))
        copy = arena_printf(&in->report->arena, "%lld", (long long)json_integer_value(value));
    else if (json_is_real(value))
        copy = arena_printf(&in->report->arena, "%.6g", json_real_value(value));
    else if (json_is_boolean(value))
        copy = json_is_true(value) ? "yes" : "no";
    if (copy == NULL)
        (void)reader_no_memory(in);
    return copy == NULL ? "" : copy;
}

enum report_status reader_status(struct reader *in)
{
    const json_t *value = reader_member(in, "status");
    const char *word = value == NULL ? NULL : json_string_value(value);
    for (size_t i = 0; word != NULL && i < REPORT_STATUS_COUNT; i++)
        if (strcmp(word, report_status_name((enum report_status)i)) == 0)
            return (enum report_status)i;
    if (in->failed == 0)
        in->failed = error_set_at(in->err, ERROR_INVALID, in->report->source, (int)in->report->lines, 0,
                                  "\"status\" must be passed, failed, skipped or flaky");
    return REPORT_FAILED;
}

/* What was sent or received: text as it is, anything else as JSON. */
const char *reader_payload(struct reader *in, const char *key)
{
    const json_t *value = reader_member(in, key);
    if (value == NULL || json_is_string(value))
        return reader_text(in, key);
    struct text dump = TEXT_INIT;
    json_text_add(&dump, value, 2, 0);
    const char *copy = text_ok(&dump) ? arena_string_n(&in->report->arena, text_string(&dump), dump.len) : NULL;
    text_deinit(&dump);
    if (copy == NULL)
        (void)reader_no_memory(in);
    return copy == NULL ? "" : copy;
}
