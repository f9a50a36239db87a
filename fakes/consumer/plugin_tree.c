/* Messages as the JSON that rules are matched on. */
#include "fakes/consumer/plugin.h"

#include "base/json_copy.h"

#include <stdlib.h>
#include <string.h>

#define PATH_STEP_MAX 256

static int out_of_memory(struct error *err)
{
    return error_set(err, ERROR_MEMORY, "out of memory");
}

static int tree_of(const struct pb_type *type, struct bytes wire, bool defaults, bool plain, json_t **out,
                   struct error *err)
{
    struct pact_content c = {.presence = PACT_THERE, .bytes = wire, .plain = plain};
    int code = pact_content_decode(&c, type, defaults, err);
    *out = c.json;
    return code;
}

/* ---- defaults that a rule asks for ------------------------------------------------------------------------------ */

/* The next step of "$.a.b[0]" or "$['a']"; false: it is none of a plain name or number. */
static bool next_step(const char **at, char *step, bool *number)
{
    const char *p = *at;
    size_t n = 0;
    *number = false;
    if (*p == '.') {
        n = strcspn(++p, ".[");
        *at = p + n;
    } else if (p[0] == '[' && (p[1] == '\'' || p[1] == '"')) {
        const char *end = strchr(p + 2, p[1]);
        if (end == NULL || end[1] != ']')
            return false;
        n = (size_t)(end - p - 2);
        p += 2;
        *at = end + 2;
    } else if (*p == '[') {
        n = strcspn(++p, "]");
        if (p[n] != ']' || strspn(p, "0123456789") != n)
            return false;
        *number = true;
        *at = p + n + 1;
    }
    if (n == 0 || n >= PATH_STEP_MAX || (n == 1 && *p == '*'))
        return false;
    memcpy(step, p, n);
    step[n] = '\0';
    return true;
}

/* What `whole` has at the path and `tree` has not is put there; of messages that are not there nothing is. */
static int fill_in(json_t *tree, json_t *whole, const char *path)
{
    char step[PATH_STEP_MAX];
    bool number;
    if (*path++ != '$')
        return 0;
    while (*path != '\0' && next_step(&path, step, &number)) {
        json_t *to = number ? json_array_get(tree, strtoul(step, NULL, 10)) : json_object_get(tree, step);
        json_t *from = number ? json_array_get(whole, strtoul(step, NULL, 10)) : json_object_get(whole, step);
        if (to == NULL && from != NULL && *path == '\0' && json_is_object(tree))
            return json_object_set_new(tree, step, json_copy_whole(from)) == 0 ? 0 : ERROR_MEMORY;
        if (to == NULL || from == NULL)
            return 0;
        tree = to;
        whole = from;
    }
    return 0;
}

/* ---- whose form ------------------------------------------------------------------------------------------------- */

/* One value in JSON, so that a path which goes on means the message. */
static bool is_one_value(enum pb_known known)
{
    return known == PB_TIMESTAMP || known == PB_DURATION || known == PB_WRAPPER || known == PB_FIELD_MASK;
}

static bool goes_into(const struct pb_type *type, const char *path)
{
    const struct pb_field *f = NULL; /* a map or list whose key or place comes next */
    char step[PATH_STEP_MAX];
    bool number;
    if (*path++ != '$')
        return false;
    while (*path != '\0') {
        bool star = strncmp(path, ".*", 2) == 0 || strncmp(path, "[*]", 3) == 0;
        if (star)
            path += *path == '.' ? 2 : 3;
        else if (!next_step(&path, step, &number))
            return false;
        if (f != NULL && (f->map || star || number)) {
            const struct pb_field *of = f->map ? pb_field_by_number(f->message, 2) : f;
            if (of == NULL || of->kind != PB_MESSAGE)
                return false;
            type = of->message;
            f = NULL;
            continue;
        }
        f = star ? NULL : pb_field_by_name(type, step);
        if (f == NULL)
            return false;
        if (is_one_value(type->known))
            return true;
        if (f->repeated)
            continue;
        if (f->kind != PB_MESSAGE)
            return false;
        type = f->message;
        f = NULL;
    }
    return false;
}

bool plugin_plain(const struct pb_type *type, const struct pact_part *part)
{
    for (size_t i = 0; i < part->rules.items.count; i++)
        if (part->rules.items.items[i].category == PACT_BODY && goes_into(type, part->rules.items.items[i].path))
            return true;
    return false;
}

int plugin_expected(const struct pb_type *type, struct bytes wire, const struct pact_part *part, json_t **out,
                    struct error *err)
{
    bool plain = plugin_plain(type, part);
    json_t *whole = NULL;
    int code = tree_of(type, wire, false, plain, out, err);
    if (code == 0 && (code = tree_of(type, wire, true, plain, &whole, err)) != 0) {
        json_decref(*out);
        *out = NULL;
    }
    for (size_t i = 0; code == 0 && i < part->rules.items.count; i++) {
        const struct pact_rule *r = &part->rules.items.items[i];
        if (r->category != PACT_BODY || fill_in(*out, whole, r->path) == 0)
            continue;
        json_decref(*out);
        *out = NULL;
        code = out_of_memory(err);
    }
    json_decref(whole);
    return code;
}

/* ---- which fields ----------------------------------------------------------------------------------------------- */

static bool fields_of(const struct pb_field *f, const json_t *value, json_t *out)
{
    const char *key;
    size_t i;
    json_t *one;
    if (f->kind != PB_MESSAGE)
        return true;
    if (f->map) {
        const struct pb_field *of = pb_field_by_number(f->message, 2);
        json_object_foreach((json_t *)(uintptr_t)value, key, one)
        {
            if (of != NULL && !fields_of(of, one, out))
                return false;
        }
        return true;
    }
    if (!f->repeated)
        return plugin_fields(f->message, value, out);
    json_array_foreach(value, i, one)
    {
        if (!plugin_fields(f->message, one, out))
            return false;
    }
    return true;
}

bool plugin_fields(const struct pb_type *type, const json_t *tree, json_t *out)
{
    const char *key;
    json_t *value;
    if (type->known != PB_ORDINARY || !json_is_object(tree))
        return true;
    json_object_foreach((json_t *)(uintptr_t)tree, key, value)
    {
        const struct pb_field *f = pb_field_by_name(type, key);
        struct text name = TEXT_INIT;
        if (f == NULL)
            continue;
        text_printf(&name, "%s.%s", type->full_name, f->name);
        bool ok = text_ok(&name) && json_object_set_new(out, text_string(&name), json_true()) == 0 &&
                  fields_of(f, value, out);
        text_deinit(&name);
        if (!ok)
            return false;
    }
    return true;
}
