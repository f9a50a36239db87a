#include "runtime/cli/flags.h"

#include "base/array.h"
#include "base/base64.h"
#include "base/document.h"
#include "base/units.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *member(const json_t *value, const char *key)
{
    const char *text = json_string_value(json_object_get(value, key));
    return text ? text : "";
}

static bool is_list(const char *type)
{
    return strncmp(type, "[]", 2) == 0 && strcmp(type, "[]byte") != 0;
}

static bool is_map(const char *type)
{
    return strncmp(type, "map[", 4) == 0;
}

/* A message whose members can be flags of their own. */
static bool is_message(const json_t *value)
{
    const char *type = member(value, "type");
    return json_array_size(json_object_get(value, "values")) > 0 && !is_list(type) && !is_map(type);
}

/* ---- finding ---- */

static char plain(char c)
{
    return c == '_' || c == '.' ? '-' : c;
}

static bool same(const char *a, const char *b, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (plain(a[i]) != plain(b[i]))
            return false;
    return true;
}

struct place {
    const json_t *way[FLAGS_DEPTH_MAX]; /* the messages that lead to it, then itself */
    int count;
};

static bool find(const json_t *schema, const char *name, size_t len, int depth, struct place *out)
{
    const json_t *value;
    size_t i;
    if (depth >= FLAGS_DEPTH_MAX)
        return false;
    json_array_foreach(json_object_get(schema, "values"), i, value)
    {
        const char *own = member(value, "name");
        size_t own_len = strlen(own);
        if (own_len == 0 || own_len > len || !same(own, name, own_len))
            continue;
        out->way[depth] = value;
        out->count = depth + 1;
        if (own_len == len)
            return true;
        if (plain(name[own_len]) == '-' && is_message(value) &&
            find(value, name + own_len + 1, len - own_len - 1, depth + 1, out))
            return true;
    }
    return false;
}

/* ---- values ---- */

static int unfit(struct error *err, const char *flag, const char *value, const char *wanted)
{
    struct text shown = TEXT_INIT;
    text_printable(&shown, value, strlen(value), 60);
    int rc = error_set(err, ERROR_INVALID, "--%s: \"%s\" is not %s", flag, text_string(&shown), wanted);
    text_deinit(&shown);
    return rc;
}

static bool is_identifier(const char *text)
{
    if (!isalpha((unsigned char)*text) && *text != '_')
        return false;
    while (isalnum((unsigned char)*text) || *text == '_')
        text++;
    return *text == '\0';
}

static int whole_number(const char *type, const char *flag, const char *value, json_t **out, struct error *err)
{
    bool is_unsigned = type[0] == 'u', small = strstr(type, "32") != NULL;
    char *end = NULL;
    errno = 0;
    if (small && is_identifier(value)) { /* an enum registers as int32, and its values have names */
        *out = json_string(value);
        return 0;
    }
    if (is_unsigned && value[0] != '-') {
        unsigned long long n = strtoull(value, &end, 10);
        if (end != value && !*end && !errno && !isspace((unsigned char)value[0]) && (!small || n <= UINT32_MAX)) {
            /* Large ones do not fit a JSON integer; proto3 JSON takes them as text. */
            *out = n <= INT64_MAX ? json_integer((json_int_t)n) : json_string(value);
            return 0;
        }
    } else if (!is_unsigned) {
        long long n = strtoll(value, &end, 10);
        if (end != value && !*end && !errno && !isspace((unsigned char)value[0]) &&
            (!small || (n >= INT32_MIN && n <= INT32_MAX))) {
            *out = json_integer(n);
            return 0;
        }
    }
    return unfit(err, flag, value,
                 is_unsigned ? "a whole number of that size, not negative" : "a whole number of that size");
}

static int scalar(const char *type, const char *flag, const char *value, json_t **out, struct error *err)
{
    *out = NULL;
    if (strcmp(type, "bool") == 0) {
        if (strcmp(value, "true") != 0 && strcmp(value, "false") != 0)
            return unfit(err, flag, value, "true or false");
        *out = json_boolean(value[0] == 't');
    } else if (strncmp(type, "int", 3) == 0 || strncmp(type, "uint", 4) == 0) {
        int rc = whole_number(type, flag, value, out, err);
        if (rc)
            return rc;
    } else if (strncmp(type, "float", 5) == 0 || strcmp(type, "double") == 0) {
        char *end = NULL;
        double n = strtod(value, &end);
        if (end == value || *end || isspace((unsigned char)value[0]))
            return unfit(err, flag, value, "a number");
        /* proto3 JSON has these three as text */
        *out = isnan(n) ? json_string("NaN") : isinf(n) ? json_string(n > 0 ? "Infinity" : "-Infinity") : json_real(n);
    } else if (strcmp(type, "[]byte") == 0 || strcmp(type, "bytes") == 0) {
        struct text encoded = TEXT_INIT;
        base64_encode(&encoded, bytes_of(value));
        *out = text_ok(&encoded) ? json_string(text_string(&encoded)) : NULL;
        text_deinit(&encoded);
    } else if (strcmp(type, "string") == 0) {
        *out = json_string(value);
        if (!*out)
            return unfit(err, flag, value, "UTF-8");
    } else {
        /* A message, or a type nobody here knows: as JSON. */
        *out = json_loads(value, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
        if (!*out)
            return unfit(err, flag, value, "JSON");
    }
    return *out ? 0 : error_set(err, ERROR_MEMORY, "out of memory");
}

/* One item of a list, or several joined by commas. */
static int list_values(const char *type, const char *flag, const char *value, json_t *list, struct error *err)
{
    const char *item_type = type + 2;
    json_t *whole = value[0] == '[' || value[0] == '{' ? json_loads(value, JSON_REJECT_DUPLICATES, NULL) : NULL;
    if (json_is_array(whole)) {
        int failed = json_array_extend(list, whole);
        json_decref(whole);
        return failed ? error_set(err, ERROR_MEMORY, "out of memory") : 0;
    }
    if (json_is_object(whole) && strcmp(item_type, "string") != 0)
        return json_array_append_new(list, whole) ? error_set(err, ERROR_MEMORY, "out of memory") : 0;
    json_decref(whole);
    char *copy = strdup(value);
    int rc = copy ? 0 : error_set(err, ERROR_MEMORY, "out of memory");
    for (char *p = copy; rc == 0 && p;) {
        char *comma = strchr(p, ',');
        json_t *item = NULL;
        if (comma)
            *comma = '\0';
        rc = scalar(item_type, flag, p, &item, err);
        if (rc == 0 && json_array_append_new(list, item) != 0)
            rc = error_set(err, ERROR_MEMORY, "out of memory");
        p = comma ? comma + 1 : NULL;
    }
    free(copy);
    return rc;
}

static int map_values(const char *type, const char *flag, const char *value, json_t *map, struct error *err)
{
    const char *close = strchr(type, ']'), *item_type = close ? close + 1 : "string";
    json_t *whole = value[0] == '{' ? json_loads(value, JSON_REJECT_DUPLICATES, NULL) : NULL;
    if (json_is_object(whole)) {
        int failed = json_object_update(map, whole);
        json_decref(whole);
        return failed ? error_set(err, ERROR_MEMORY, "out of memory") : 0;
    }
    json_decref(whole);
    char *copy = strdup(value);
    int rc = copy ? 0 : error_set(err, ERROR_MEMORY, "out of memory");
    for (char *p = copy; rc == 0 && p;) {
        char *comma = strchr(p, ','), *equal;
        json_t *item = NULL;
        if (comma)
            *comma = '\0';
        equal = strchr(p, '=');
        if (!equal || equal == p) {
            rc = unfit(err, flag, p, "written key=value");
            break;
        }
        *equal = '\0';
        rc = scalar(item_type, flag, equal + 1, &item, err);
        if (rc == 0 && json_object_set_new(map, p, item) != 0)
            rc = unfit(err, flag, p, "UTF-8");
        p = comma ? comma + 1 : NULL;
    }
    free(copy);
    return rc;
}

/* ---- the request ---- */

/* The object or array called `key`, made when it is not there. */
static json_t *container(json_t *object, const char *key, bool list)
{
    json_t *there = json_object_get(object, key);
    if (list ? json_is_array(there) : json_is_object(there))
        return there;
    there = list ? json_array() : json_object();
    return json_object_set_new(object, key, there) == 0 ? there : NULL;
}

static int put(json_t *request, const struct place *place, const char *flag, const char *value, struct error *err)
{
    json_t *at = request, *made = NULL;
    for (int i = 0; at && i + 1 < place->count; i++)
        at = container(at, member(place->way[i], "name"), false);
    const json_t *leaf = place->way[place->count - 1];
    const char *name = member(leaf, "name"), *type = member(leaf, "type");
    if (at && (is_list(type) || is_map(type))) {
        made = container(at, name, is_list(type));
        if (!made)
            return error_set(err, ERROR_MEMORY, "out of memory");
        return is_list(type) ? list_values(type, flag, value, made, err) : map_values(type, flag, value, made, err);
    }
    int rc = at ? scalar(is_message(leaf) ? "message" : type, flag, value, &made, err)
                : error_set(err, ERROR_MEMORY, "out of memory");
    if (rc == 0 && json_object_set_new(at, name, made) != 0)
        rc = error_set(err, ERROR_MEMORY, "out of memory");
    return rc;
}

struct names {
    ARRAY(char *) list;
};

static void add_name(void *arg, const char *name, const char *type)
{
    struct names *names = arg;
    char *copy = strdup(name);
    (void)type;
    if (copy && !array_push(&names->list, copy))
        free(copy);
}

static int unknown(const json_t *schema, const char *name, size_t len, struct error *err)
{
    struct names names = {0};
    char word[FLAGS_NAME_MAX + 1];
    struct text shown = TEXT_INIT;
    int rc;
    snprintf(word, sizeof word, "%.*s", (int)(len < FLAGS_NAME_MAX ? len : FLAGS_NAME_MAX), name);
    for (char *p = word; *p; p++)
        *p = plain(*p);
    text_printable(&shown, word, strlen(word), 60);
    flags_each(schema, add_name, &names);
    const char *near = NULL;
    if (array_push(&names.list, NULL)) {
        near = nearest_word(word, (const char *const *)names.list.items);
        names.list.count--;
    }
    if (near)
        rc = error_set(err, ERROR_INVALID, "unknown flag --%s; did you mean --%s?", text_string(&shown), near);
    else
        rc = error_set(err, ERROR_INVALID, "unknown flag --%s", text_string(&shown));
    for (size_t i = 0; i < names.list.count; i++)
        free(names.list.items[i]);
    array_deinit(&names.list);
    text_deinit(&shown);
    return rc;
}

static bool is_switch(const struct place *place)
{
    return strcmp(member(place->way[place->count - 1], "type"), "bool") == 0;
}

int flags_request(const json_t *schema, int argc, const char *const *argv, json_t **out, struct error *err)
{
    json_t *request = json_object();
    int rc = request ? 0 : error_set(err, ERROR_MEMORY, "out of memory");
    for (int i = 0; rc == 0 && i < argc; i++) {
        const char *word = argv[i];
        struct place place = {.count = 0};
        if (strncmp(word, "--", 2) != 0 || !word[2]) {
            struct text shown = TEXT_INIT;
            text_printable(&shown, word, strlen(word), 60);
            rc =
                error_set(err, ERROR_INVALID, "unexpected \"%s\": flags are written --name=value", text_string(&shown));
            text_deinit(&shown);
            break;
        }
        size_t len = strcspn(word + 2, "=");
        const char *value = word[2 + len] ? word + 2 + len + 1 : NULL;
        char flag[FLAGS_NAME_MAX + 1];
        if (len > FLAGS_NAME_MAX || !find(schema, word + 2, len, 0, &place)) {
            rc = unknown(schema, word + 2, len, err);
            break;
        }
        snprintf(flag, sizeof flag, "%.*s", (int)len, word + 2);
        bool next_fits =
            i + 1 < argc && (is_switch(&place) ? strcmp(argv[i + 1], "true") == 0 || strcmp(argv[i + 1], "false") == 0
                                               : strncmp(argv[i + 1], "--", 2) != 0);
        if (!value && next_fits)
            value = argv[++i];
        else if (!value && is_switch(&place))
            value = "true";
        rc = value ? put(request, &place, flag, value, err)
                   : error_set(err, ERROR_INVALID, "--%s needs a value: --%s=VALUE", flag, flag);
    }
    if (rc) {
        json_decref(request);
        request = NULL;
    }
    *out = request;
    return rc;
}

/* ---- listing ---- */

struct listing {
    void (*each)(void *arg, const char *name, const char *type);
    void *arg;
    int count;
};

static void list(const json_t *schema, const char *prefix, int depth, struct listing *l)
{
    const json_t *value;
    size_t i;
    if (depth >= FLAGS_DEPTH_MAX)
        return;
    json_array_foreach(json_object_get(schema, "values"), i, value)
    {
        char name[FLAGS_NAME_MAX + 1];
        const char *own = member(value, "name");
        int n = snprintf(name, sizeof name, "%s%s%s", prefix, prefix[0] ? "-" : "", own);
        if (!own[0] || n < 0 || (size_t)n >= sizeof name || l->count >= FLAGS_MAX)
            continue;
        for (char *p = name; *p; p++)
            *p = plain(*p);
        if (is_message(value)) {
            list(value, name, depth + 1, l);
        } else {
            l->count++;
            l->each(l->arg, name, member(value, "type"));
        }
    }
}

void flags_each(const json_t *schema, void (*each)(void *arg, const char *name, const char *type), void *arg)
{
    struct listing l = {.each = each, .arg = arg};
    list(schema, "", 0, &l);
}
