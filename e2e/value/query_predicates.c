/* What may be expected of a value. Types are strict: 1 is not "1". */
#include "e2e/value/query.h"
#include "e2e/value/regex.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define VERDICT(truth) ((truth) ? QUERY_YES : QUERY_NO)

#define PREDICATE(name) static enum query_verdict name(struct query_run *q, const json_t *wanted, const json_t *actual)
#define UNUSED                                                                                                         \
    (void)q;                                                                                                           \
    (void)wanted

PREDICATE(equal)
{
    (void)q;
    return VERDICT(query_equal(wanted, actual));
}

PREDICATE(not_equal)
{
    (void)q;
    return VERDICT(!query_equal(wanted, actual));
}

static bool compare(const json_t *actual, const json_t *wanted, int *order)
{
    int64_t a, b;
    if (json_is_string(actual) && json_is_string(wanted)) {
        *order = value_text_order(actual, wanted);
    } else if (json_is_integer(actual) && json_is_integer(wanted)) {
        json_int_t x = json_integer_value(actual), y = json_integer_value(wanted);
        *order = (x > y) - (x < y);
    } else if (json_is_number(actual) && json_is_number(wanted)) {
        double x = json_number_value(actual), y = json_number_value(wanted);
        *order = (x > y) - (x < y);
    } else if (query_is_date(actual, &a) && query_is_date(wanted, &b)) {
        *order = (a > b) - (a < b);
    } else {
        return false;
    }
    return true;
}

PREDICATE(greater)
{
    int order;
    (void)q;
    return compare(actual, wanted, &order) ? VERDICT(order > 0) : QUERY_OTHER_TYPE;
}

PREDICATE(greater_or_equal)
{
    int order;
    (void)q;
    return compare(actual, wanted, &order) ? VERDICT(order >= 0) : QUERY_OTHER_TYPE;
}

PREDICATE(less)
{
    int order;
    (void)q;
    return compare(actual, wanted, &order) ? VERDICT(order < 0) : QUERY_OTHER_TYPE;
}

PREDICATE(less_or_equal)
{
    int order;
    (void)q;
    return compare(actual, wanted, &order) ? VERDICT(order <= 0) : QUERY_OTHER_TYPE;
}

/* ---- texts, bytes and lists ---- */

/* Two texts, or two runs of bytes. */
static bool two_runs(struct query_run *q, const json_t *actual, const json_t *wanted, struct text *a, struct text *b)
{
    if (json_is_string(actual) && json_is_string(wanted)) {
        text_add(a, json_string_value(actual), json_string_length(actual));
        text_add(b, json_string_value(wanted), json_string_length(wanted));
        return true;
    }
    return query_take_bytes(q, actual, a) && query_take_bytes(q, wanted, b);
}

static enum query_verdict in_run(struct query_run *q, const json_t *wanted, const json_t *actual,
                                 bool (*is)(const struct text *a, const struct text *b))
{
    struct text a = TEXT_INIT, b = TEXT_INIT;
    enum query_verdict v = QUERY_OTHER_TYPE;
    if (two_runs(q, actual, wanted, &a, &b))
        v = VERDICT(is(&a, &b));
    if (!text_ok(&a) || !text_ok(&b))
        flow_memory(q->x);
    text_deinit(&a);
    text_deinit(&b);
    return v;
}

static bool begins(const struct text *a, const struct text *b)
{
    return a->len >= b->len && (b->len == 0 || memcmp(a->data, b->data, b->len) == 0);
}

static bool ends(const struct text *a, const struct text *b)
{
    return a->len >= b->len && (b->len == 0 || memcmp(a->data + a->len - b->len, b->data, b->len) == 0);
}

static bool holds(const struct text *a, const struct text *b)
{
    return b->len == 0 || (a->len > 0 && memmem(a->data, a->len, b->data, b->len) != NULL);
}

PREDICATE(starts_with)
{
    return in_run(q, wanted, actual, begins);
}

PREDICATE(ends_with)
{
    return in_run(q, wanted, actual, ends);
}

PREDICATE(includes)
{
    (void)q;
    for (size_t i = 0; i < json_array_size(actual); i++)
        if (query_equal(json_array_get(actual, i), wanted))
            return QUERY_YES;
    return json_is_array(actual) ? QUERY_NO : QUERY_OTHER_TYPE;
}

PREDICATE(contains)
{
    return json_is_array(actual) ? includes(q, wanted, actual) : in_run(q, wanted, actual, holds);
}

/* It is this, or a list in which this is. */
PREDICATE(has)
{
    return json_is_array(actual) ? includes(q, wanted, actual) : VERDICT(query_equal(wanted, actual));
}

/* A search that could not be made to its end says nothing, "not" or no "not": the error is set. */
static enum query_verdict has_match(struct query_run *q, struct bytes text, const char *expression)
{
    struct error why = ERROR_INIT;
    size_t span[2];
    struct query_regex *r = query_regex_new(expression, &why);
    int found = r != NULL ? query_regex_find(r, text, 0, span, 1) : 0;
    if (r == NULL)
        query_error(q, why.code, "%s", why.message);
    else if (found < 0)
        query_error(q, found, "the search was given up");
    query_regex_free(r);
    error_clear(&why);
    return VERDICT(found > 0);
}

PREDICATE(matches)
{
    return json_is_string(actual)
               ? has_match(q, BYTES(json_string_value(actual), json_string_length(actual)), json_string_value(wanted))
               : QUERY_OTHER_TYPE;
}

/* ---- what it is ---- */

PREDICATE(exists)
{
    size_t count = 1;
    UNUSED;
    query_is_nodes(actual, &count);
    return VERDICT(actual != NULL && (count > 0 || json_object_get(actual, "$nodes") == NULL));
}

PREDICATE(is_empty)
{
    struct text bytes = TEXT_INIT;
    size_t count = 0;
    (void)wanted;
    bool countable = true;
    if (query_take_bytes(q, actual, &bytes))
        count = bytes.len;
    else if (json_is_string(actual))
        count = json_string_length(actual);
    else if (json_is_array(actual))
        count = json_array_size(actual);
    else if (!query_is_nodes(actual, &count) && (countable = json_is_object(actual)))
        count = json_object_size(actual);
    text_deinit(&bytes);
    return countable ? VERDICT(count == 0) : QUERY_OTHER_TYPE;
}

PREDICATE(is_integer)
{
    UNUSED;
    return VERDICT(json_is_integer(actual));
}

PREDICATE(is_float)
{
    UNUSED;
    return VERDICT(json_is_real(actual));
}

PREDICATE(is_number)
{
    UNUSED;
    return VERDICT(json_is_number(actual));
}

PREDICATE(is_boolean)
{
    UNUSED;
    return VERDICT(json_is_boolean(actual));
}

PREDICATE(is_string)
{
    UNUSED;
    return VERDICT(json_is_string(actual));
}

PREDICATE(is_date)
{
    int64_t date;
    UNUSED;
    return VERDICT(query_is_date(actual, &date));
}

PREDICATE(is_collection)
{
    int64_t date;
    UNUSED;
    return VERDICT(json_is_array(actual) || (json_is_object(actual) && !query_is_date(actual, &date)));
}

PREDICATE(is_list)
{
    size_t count;
    UNUSED;
    return VERDICT(json_is_array(actual) || query_is_nodes(actual, &count));
}

PREDICATE(is_object)
{
    struct text bytes = TEXT_INIT;
    size_t count;
    int64_t date;
    (void)wanted;
    bool is = json_is_object(actual) && !query_is_date(actual, &date) && !query_is_nodes(actual, &count) &&
              !query_take_bytes(q, actual, &bytes);
    text_deinit(&bytes);
    return VERDICT(is);
}

/* ---- forms of texts ---- */

static enum query_verdict has_form(struct query_run *q, const json_t *actual, const char *expression)
{
    return json_is_string(actual)
               ? has_match(q, BYTES(json_string_value(actual), json_string_length(actual)), expression)
               : QUERY_OTHER_TYPE;
}

PREDICATE(is_iso_date) /* RFC 3339 */
{
    (void)wanted;
    return has_form(q, actual,
                    "^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])[Tt ]([01][0-9]|2[0-3]):[0-5][0-9]:"
                    "([0-5][0-9]|60)(\\.[0-9]+)?([Zz]|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$");
}

PREDICATE(is_uuid)
{
    (void)wanted;
    return has_form(q, actual, "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$");
}

#define IPV4_NUMBER "(25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])"
#define IPV4        IPV4_NUMBER "(\\." IPV4_NUMBER "){3}"

PREDICATE(is_ipv4)
{
    (void)wanted;
    return has_form(q, actual, "^" IPV4 "$");
}

/* RFC 4291, 2.2: eight groups, of which one run of zeros may be "::", and the last two may be an IPv4 address. */
PREDICATE(is_ipv6)
{
    const char *p = json_string_value(actual);
    size_t groups = 0;
    bool gap = false;
    (void)wanted;
    if (p == NULL)
        return QUERY_OTHER_TYPE;
    if (value_has_zero(actual))
        return QUERY_NO;
    if (strncmp(p, "::", 2) == 0) {
        gap = true;
        p += 2;
    }
    while (*p != '\0') {
        size_t digits = strspn(p, "0123456789abcdefABCDEF");
        if (p[digits] == '.') {
            groups += 2;
            return VERDICT(has_match(q, bytes_of(p), "^" IPV4 "$") == QUERY_YES && (gap ? groups < 8 : groups == 8));
        }
        if (digits == 0 || digits > 4 || (p[digits] != ':' && p[digits] != '\0'))
            return QUERY_NO;
        groups++;
        p += digits;
        if (strncmp(p, "::", 2) == 0 && !gap) {
            gap = true;
            p += 2;
        } else if (*p == ':' && p[1] != '\0') {
            p++;
        } else if (*p != '\0') {
            return QUERY_NO;
        }
    }
    return VERDICT(gap ? groups < 8 : groups == 8);
}

/* Signs of two characters stand before those of one. */
const struct query_predicate query_predicates[] = {
    {"==", WANTS_ANY, equal, ""},
    {"!=", WANTS_ANY, not_equal, "anything but "},
    {">=", WANTS_ANY, greater_or_equal, "at least "},
    {"<=", WANTS_ANY, less_or_equal, "at most "},
    {">", WANTS_ANY, greater, "more than "},
    {"<", WANTS_ANY, less, "less than "},
    {"startsWith", WANTS_A_RUN, starts_with, "a beginning of "},
    {"endsWith", WANTS_A_RUN, ends_with, "an end of "},
    {"contains", WANTS_ANY, contains, "something that contains "},
    {"includes", WANTS_ANY, includes, "a list that includes "},
    {"has", WANTS_ANY, has, "it to be or to hold "},
    {"matches", WANTS_A_REGEX, matches, "a match of "},
    {"exists", WANTS_NOTHING, exists, "something"},
    {"isEmpty", WANTS_NOTHING, is_empty, "nothing in it"},
    {"isInteger", WANTS_NOTHING, is_integer, "an integer"},
    {"isFloat", WANTS_NOTHING, is_float, "a float"},
    {"isNumber", WANTS_NOTHING, is_number, "a number"},
    {"isBoolean", WANTS_NOTHING, is_boolean, "true or false"},
    {"isString", WANTS_NOTHING, is_string, "a text"},
    {"isCollection", WANTS_NOTHING, is_collection, "a list, a map, nodes or bytes"},
    {"isList", WANTS_NOTHING, is_list, "a list"},
    {"isObject", WANTS_NOTHING, is_object, "a map"},
    {"isDate", WANTS_NOTHING, is_date, "a date"},
    {"isIsoDate", WANTS_NOTHING, is_iso_date, "a date as RFC 3339 writes it"},
    {"isIpv4", WANTS_NOTHING, is_ipv4, "an IPv4 address"},
    {"isIpv6", WANTS_NOTHING, is_ipv6, "an IPv6 address"},
    {"isUuid", WANTS_NOTHING, is_uuid, "a UUID"},
    {0},
};
