/* A request from a query: ?name=milk&page.limit=10&tags=a&tags=b&labels[k]=v. */
#include "fakes/serve/http.h"

#include "base/document.h"

#include <stdlib.h>
#include <string.h>

#define PARAMETERS_MAX 1000
#define SUGGESTED_MAX  200 /* names of a type looked through for "did you mean" */

static int fail_memory(struct error *err)
{
    return error_set(err, ERROR_MEMORY, "out of memory");
}

static int unknown_field(const struct pb_type *type, const char *name, struct error *err)
{
    const char *names[SUGGESTED_MAX + 1];
    size_t count = type->field_count < SUGGESTED_MAX ? type->field_count : SUGGESTED_MAX;
    for (size_t i = 0; i < count; i++)
        names[i] = type->fields[i].name;
    names[count] = NULL;
    const char *near = nearest_word(name, names);
    return error_set(err, ERROR_INVALID, "%s has no field \"%.100s\"%s%s%s", type->full_name, name,
                     near != NULL ? "; did you mean " : "", near != NULL ? near : "", near != NULL ? "?" : "");
}

/* ---- values ----------------------------------------------------------------------------------------------------- */

/* As JSON has it. Whole numbers and enums' numbers are told from names by their digits; what is no value of its kind is
 * found when the tree is made into a message. */
static json_t *scalar(const struct pb_field *f, const char *text)
{
    char *end;
    if (f->kind == PB_BOOL && (strcmp(text, "true") == 0 || strcmp(text, "1") == 0))
        return json_true();
    if (f->kind == PB_BOOL && (strcmp(text, "false") == 0 || strcmp(text, "0") == 0))
        return json_false();
    if (f->kind == PB_ENUM) {
        long number = strtol(text, &end, 10);
        if (*text != '\0' && *end == '\0')
            return json_integer(number);
    }
    return json_string(text);
}

/* A message that is given whole: a wrapper's value, a time, a duration and a mask as they are, the rest as JSON. */
static json_t *message(const struct pb_field *f, const char *text, struct error *err)
{
    enum pb_known known = f->message->known;
    json_error_t why;
    if (known == PB_WRAPPER)
        return scalar(&f->message->fields[0], text);
    if (known == PB_TIMESTAMP || known == PB_DURATION || known == PB_FIELD_MASK)
        return json_string(text);
    json_t *tree = json_loads(text, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &why);
    if (tree == NULL)
        error_set(err, ERROR_INVALID, "%s is a message: its fields are %s.NAME, or it is JSON; %s", f->name, f->name,
                  why.text);
    return tree;
}

static json_t *value(const struct pb_field *f, const char *text, struct error *err)
{
    json_t *made = f->kind == PB_MESSAGE ? message(f, text, err) : scalar(f, text);
    if (made == NULL && err->code == 0)
        fail_memory(err);
    return made;
}

/* ---- places ----------------------------------------------------------------------------------------------------- */

/* The object or list under a name, made when it is not there. Borrowed. */
static json_t *inside(json_t *object, const char *name, bool list, struct error *err)
{
    json_t *there = json_object_get(object, name);
    if (there == NULL) {
        there = list ? json_array() : json_object();
        if (json_object_set_new(object, name, there) != 0) {
            fail_memory(err);
            return NULL;
        }
    }
    if (list ? json_is_array(there) : json_is_object(there))
        return there;
    error_set(err, ERROR_INVALID, "%s is given whole and in parts", name);
    return NULL;
}

static int put(json_t *object, const char *key, const char *shown, json_t *made, struct error *err)
{
    if (json_object_get(object, key) != NULL) {
        json_decref(made);
        return error_set(err, ERROR_INVALID, "%s is given twice", shown);
    }
    return json_object_set_new(object, key, made) == 0 ? 0 : fail_memory(err);
}

/* An entry of a map: its key is what is left of the name, in brackets or behind a dot. */
static int put_entry(json_t *object, const struct pb_field *f, char *rest, const char *text, struct error *err)
{
    size_t len = strlen(rest);
    json_t *entries = inside(object, f->name, false, err);
    if (entries == NULL)
        return err->code;
    if (rest[0] == '[' && rest[len - 1] == ']') {
        rest[len - 1] = '\0';
        rest++;
    } else if (rest[0] == '.') {
        rest++;
    } else {
        return error_set(err, ERROR_INVALID, "%s is a map: %s[KEY]=VALUE", f->name, f->name);
    }
    json_t *made = value(&f->message->fields[1], text, err);
    return made != NULL ? put(entries, rest, f->name, made, err) : err->code;
}

/* "a.b.c": the steps but the last are messages. */
int http_query_put(const struct pb_type *type, json_t *object, char *name, const char *text, struct error *err)
{
    for (;;) {
        size_t len = strcspn(name, ".[");
        char end = name[len];
        name[len] = '\0';
        const struct pb_field *f = pb_field_by_name(type, name);
        if (f == NULL)
            return unknown_field(type, name, err);
        name[len] = end;
        if (f->map)
            return put_entry(object, f, name + len, text, err);
        if (end == '\0') {
            json_t *made = value(f, text, err), *list = NULL;
            if (made == NULL || !f->repeated)
                return made != NULL ? put(object, f->name, f->name, made, err) : err->code;
            if ((list = inside(object, f->name, true, err)) == NULL) {
                json_decref(made);
                return err->code;
            }
            return json_array_append_new(list, made) == 0 ? 0 : fail_memory(err);
        }
        if (end == '[' || f->repeated || f->kind != PB_MESSAGE)
            return error_set(err, ERROR_INVALID, "%s is %s: nothing of it can be named in a query", f->name,
                             f->repeated ? "a list" : "no message");
        type = f->message;
        if ((object = inside(object, f->name, false, err)) == NULL)
            return err->code;
        name += len + 1;
    }
}

/* Whether the parameter is one that the limits leave to the query. */
static bool is_wanted(const struct pb_type *type, const struct http_query_limits *limits, const char *name,
                      struct error *err)
{
    if (limits->system && name[0] == '$')
        return false;
    if (limits->none) {
        error_set(err, ERROR_INVALID, "the query has \"%.100s\": all of %s but the path is in the body", name,
                  type->full_name);
        return false;
    }
    size_t len = strcspn(name, ".[");
    const struct pb_field *f = limits->taken;
    if (f != NULL && ((strlen(f->name) == len && memcmp(f->name, name, len) == 0) ||
                      (strlen(f->json_name) == len && memcmp(f->json_name, name, len) == 0))) {
        error_set(err, ERROR_INVALID, "the query has \"%.100s\": %s is the body", name, f->name);
        return false;
    }
    return true;
}

int http_query_add(const struct pb_type *type, const char *query, const struct http_query_limits *limits, json_t *tree,
                   struct error *err)
{
    int code = 0, count = 0;
    for (const char *at = query; code == 0 && *at != '\0';) {
        size_t len = strcspn(at, "&"), name_len = strcspn(at, "=&");
        size_t from = name_len < len ? name_len + 1 : len;
        struct text name = TEXT_INIT, text = TEXT_INIT;
        if (len > 0 && ++count > PARAMETERS_MAX)
            code = error_set(err, ERROR_LIMIT, "a query may have %d parameters", PARAMETERS_MAX);
        else if (!http1_url_decode(BYTES(at, name_len), true, &name) ||
                 !http1_url_decode(BYTES(at + from, len - from), true, &text))
            code = error_set(err, ERROR_INVALID, "the query has a %% that stands before no two hexadecimal digits");
        else if (!text_ok(&name) || !text_ok(&text))
            code = fail_memory(err);
        else if (memchr(text_string(&name), 0, name.len) != NULL || memchr(text_string(&text), 0, text.len) != NULL)
            code = error_set(err, ERROR_INVALID, "the query has a zero character");
        else if (len > 0 && name.len > 0 && is_wanted(type, limits, text_string(&name), err))
            code = http_query_put(type, tree, name.data, text_string(&text), err);
        else
            code = err->code;
        text_deinit(&name);
        text_deinit(&text);
        at += len + (at[len] == '&');
    }
    return code;
}

json_t *http_query_tree(const struct pb_type *type, const char *query, struct error *err)
{
    json_t *tree = json_object();
    struct http_query_limits limits = {.taken = NULL};
    if (tree == NULL)
        fail_memory(err);
    else if (http_query_add(type, query, &limits, tree, err) == 0)
        return tree;
    json_decref(tree);
    return NULL;
}
