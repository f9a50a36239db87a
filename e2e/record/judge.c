/* What is expected of an answer: the value itself, or its form where the value is another one each time. */
#include "e2e/record/internal.h"

#include "base/secret_name.h"
#include "base/units.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define ITEMS_MAX  50  /* of a list that is expected item by item */
#define OPAQUE_MIN 16  /* bytes of a text that looks drawn */
#define TEXT_MAX   600 /* bytes of a text that is expected as it is */
#define NEAR_NOW   ((int64_t)24 * 60 * 60)

#define UUID "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$"
#define TIME "^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:"

static json_t *matcher(struct recording *r, const char *name, const char *wanted)
{
    json_t *out = json_pack("{s:s}", name, wanted);
    r->failed = r->failed || out == NULL;
    return out;
}

/* 'd': a digit, 'h': a hexadecimal one, anything else is itself. */
static bool has_form(const char *text, const char *form)
{
    for (; *form != '\0'; text++, form++)
        if (*form == 'd'   ? !isdigit((unsigned char)*text)
            : *form == 'h' ? !isxdigit((unsigned char)*text)
                           : *text != *form)
            return false;
    return true;
}

static bool is_uuid(const char *t)
{
    return strlen(t) == 36 && has_form(t, "hhhhhhhh-hhhh-hhhh-hhhh-hhhhhhhhhhhh");
}

static bool is_time(const char *t)
{
    return has_form(t, "dddd-dd-ddTdd:dd") || has_form(t, "dddd-dd-dd dd:dd");
}

/* Seconds, milliseconds, microseconds or nanoseconds since 1970, of about the time of the call. */
static bool is_near(int64_t value, int64_t now)
{
    int64_t seconds = now / SECOND;
    for (int64_t unit = 1; unit <= SECOND; unit *= 1000)
        if (seconds > 10 * NEAR_NOW && value / unit >= seconds - NEAR_NOW && value / unit <= seconds + NEAR_NOW)
            return true;
    return false;
}

static bool is_digits(const char *t)
{
    return t[0] != '\0' && t[strspn(t, "0123456789")] == '\0';
}

static bool is_opaque(const char *t)
{
    bool digit = false, letter = false;
    size_t len = 0;
    for (; *t != '\0'; t++, len++) {
        digit = digit || isdigit((unsigned char)*t);
        letter = letter || isalpha((unsigned char)*t);
        if (!isgraph((unsigned char)*t) || strchr("/:@<>{}", *t) != NULL)
            return false;
    }
    return len >= OPAQUE_MIN && digit && letter;
}

/* What the text is each time anew; NULL: nothing of the kind. */
static json_t *by_form(struct recording *r, size_t step, const char *key, const char *t)
{
    int64_t now = r->calls.items[step].call.time;
    if (recording_was_said(r, t))
        return NULL;
    if (is_uuid(t))
        return matcher(r, "$regex", UUID);
    if (is_time(t))
        return matcher(r, "$regex", TIME);
    if (is_digits(t) && is_near(strtoll(t, NULL, 10), now))
        return matcher(r, "$regex", "^[0-9]+$");
    if (is_secret_key(key) || is_opaque(t))
        return matcher(r, "$type", "text");
    return NULL;
}

static json_t *expect_text(struct recording *r, size_t step, const char *key, const json_t *value)
{
    const char *t = json_string_value(value);
    struct text out = TEXT_INIT;
    bool own = false;
    if (strlen(t) != json_string_length(value))
        return matcher(r, "$type", "text"); /* with a zero character, which no flow writes */
    const struct known *k = map_get(&r->values, t);
    bool earlier = k != NULL && k->name != NULL && k->step < step && k->path != NULL;
    json_t *made = earlier ? NULL : by_form(r, step, key, t);
    if (made != NULL)
        return made;
    recording_rewrite(r, step, BYTES(t, json_string_length(value)), key, strcmp(key, "location") == 0, &out, &own);
    if (own || json_string_length(value) > TEXT_MAX)
        made = matcher(r, "$type", "text"); /* there is a value in it that nobody knows before */
    else
        made = recording_text(r, &out);
    r->failed = r->failed || !text_ok(&out);
    text_deinit(&out);
    return made;
}

static json_t *expect_number(struct recording *r, size_t step, json_t *value)
{
    json_int_t i = json_integer_value(value);
    struct text digits = TEXT_INIT, out = TEXT_INIT;
    json_t *made = NULL;
    text_printf(&digits, "%" JSON_INTEGER_FORMAT, i);
    const struct known *k = map_get(&r->values, text_string(&digits));
    bool known = k != NULL && k->number && k->name != NULL;
    if (known && k->step < step) {
        text_printf(&out, "${%s}", k->name);
        made = recording_text(r, &out);
    } else if (known || (is_near(i, r->calls.items[step].call.time) && !recording_was_said(r, text_string(&digits)))) {
        made = matcher(r, "$type", "number");
    } else {
        made = json_incref(value);
    }
    r->failed = r->failed || !text_ok(&digits);
    text_deinit(&digits);
    text_deinit(&out);
    return made;
}

/* Does what is expected hold a variable, or a form in the place of a value? */
static bool is_loose(const json_t *expected)
{
    const char *key;
    json_t *item, *walked;
    size_t i;
    memcpy(&walked, &expected, sizeof walked);
    if (json_is_string(expected))
        return strstr(json_string_value(expected), "${") != NULL;
    json_object_foreach(walked, key, item)
    {
        if (key[0] == '$' || is_loose(item))
            return true;
    }
    json_array_foreach(walked, i, item)
    {
        if (is_loose(item))
            return true;
    }
    return false;
}

static json_t *expect_list(struct recording *r, size_t step, const char *key, json_t *value)
{
    json_t *out = json_array(), *item;
    size_t i;
    bool loose = false;
    if (json_array_size(value) > ITEMS_MAX) {
        json_decref(out);
        return matcher(r, "$type", "list");
    }
    json_array_foreach(value, i, item)
    {
        json_t *one = recording_expect(r, step, key, item);
        loose = loose || (json_is_object(one) && is_loose(one));
        r->failed = json_array_append_new(out, one) != 0 || r->failed;
    }
    if (!loose)
        return out;
    /* Others may have put more into it since: each of these is in it. */
    json_t *all = json_array();
    json_array_foreach(out, i, item)
    {
        r->failed = json_array_append_new(all, json_pack("{s:O}", "$contains", item)) != 0 || r->failed;
    }
    json_decref(out);
    out = json_array_size(all) == 1 ? json_incref(json_array_get(all, 0)) : json_pack("{s:O}", "$all_of", all);
    json_decref(all);
    return out;
}

json_t *recording_expect(struct recording *r, size_t step, const char *key, const json_t *value)
{
    json_t *walked, *item, *out;
    const char *member;
    memcpy(&walked, &value, sizeof walked); /* jansson's iterators take what may be changed */
    if (json_is_string(value)) {
        out = expect_text(r, step, key, value);
    } else if (json_is_integer(value)) {
        out = expect_number(r, step, walked);
    } else if (json_is_array(value)) {
        out = expect_list(r, step, key, walked);
    } else if (json_is_object(value)) {
        out = json_object();
        json_object_foreach(walked, member, item)
        {
            if (member[0] == '$') { /* would be read as a matcher */
                json_decref(out);
                return matcher(r, "$type", "map");
            }
            r->failed = json_object_set_new(out, member, recording_expect(r, step, member, item)) != 0 || r->failed;
        }
    } else {
        out = json_incref(walked);
    }
    r->failed = r->failed || out == NULL;
    return out;
}
