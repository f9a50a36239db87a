#include "chaos/toolkit/toolkit.h"

#include <string.h>

#define NAME_MAX_LEN 256
#define DESCENT_MAX  64 /* levels ".." goes down */
#define INDEX_DIGITS 9

enum step_kind { STEP_NAME, STEP_INDEX, STEP_ALL };
struct step {
    enum step_kind kind;
    bool descend; /* of this value and all below it */
    char name[NAME_MAX_LEN];
    long index;
};

static int wrong(struct error *err, const char *path, const char *at, const char *what)
{
    return error_set(err, ERROR_INVALID, "the JSON path \"%s\" %s at its character %zu", path, what,
                     (size_t)(at - path) + 1);
}

static int read_bracket(const char *path, const char **at, struct step *s, struct error *err)
{
    const char *p = *at + 1;
    if (*p == '*') {
        s->kind = STEP_ALL;
        p++;
    } else if (*p == '\'' || *p == '"') {
        char quote = *p++;
        size_t len = strcspn(p, quote == '"' ? "\"" : "'");
        if (p[len] != quote || len >= NAME_MAX_LEN)
            return wrong(err, path, *at, "has a name without an end");
        s->kind = STEP_NAME;
        memcpy(s->name, p, len);
        s->name[len] = '\0';
        p += len + 1;
    } else {
        bool negative = *p == '-';
        size_t digits = strspn(p + negative, "0123456789");
        if (digits == 0 || digits > INDEX_DIGITS)
            return wrong(err, path, p,
                         "has neither a number, nor a quoted name, nor a * in brackets (filters, slices "
                         "and unions are not known here)");
        s->kind = STEP_INDEX;
        s->index = 0;
        for (size_t i = 0; i < digits; i++)
            s->index = s->index * 10 + (p[negative + (int)i] - '0');
        if (negative)
            s->index = -s->index;
        p += negative + digits;
    }
    if (*p != ']')
        return wrong(err, path, p, "lacks a ] (slices and unions are not known here)");
    *at = p + 1;
    return 0;
}

/* 1: a step; 0: the end. */
static int next_step(const char *path, const char **at, bool first, struct step *s, struct error *err)
{
    const char *p = *at;
    *s = (struct step){0};
    if (*p == '\0')
        return 0;
    if (*p == '.') {
        p++;
        if (*p == '.') {
            s->descend = true;
            p++;
        }
    } else if (*p != '[' && !first) {
        return wrong(err, path, p, "has neither . nor [");
    }
    *at = p;
    if (*p == '[') {
        if (p > path && p[-1] == '.' && !s->descend)
            return wrong(err, path, p, "has [ behind a single .");
        int code = read_bracket(path, at, s, err);
        return code != 0 ? code : 1;
    }
    size_t len = strcspn(p, ".[]'\"?@()* ,:");
    if (*p == '*')
        s->kind = STEP_ALL;
    else if (len == 0 || len >= NAME_MAX_LEN)
        return wrong(err, path, p, "lacks a name");
    else
        memcpy(s->name, p, len);
    *at = *p == '*' ? p + 1 : p + len;
    return 1;
}

static const char *begin(const char *path)
{
    return path[0] == '$' ? path + 1 : path;
}

int jsonpath_check(const char *path, struct error *err)
{
    const char *at = begin(path);
    struct step s;
    int code = 1;
    if (path[0] == '\0')
        return error_set(err, ERROR_INVALID, "a JSON path is not empty; $ is the whole value");
    for (bool first = path[0] != '$'; code == 1; first = false)
        code = next_step(path, &at, first, &s, err);
    return code;
}

static int take(json_t *value, json_t *out, struct error *err)
{
    if (json_array_size(out) >= JSONPATH_MATCHES_MAX)
        return error_set(err, ERROR_LIMIT, "a JSON path chooses more than %d values", JSONPATH_MATCHES_MAX);
    return json_array_append(out, value) == 0 ? 0 : error_set(err, ERROR_MEMORY, "out of memory");
}

static int take_step(const struct step *s, json_t *value, json_t *out, int level, struct error *err)
{
    int code = 0;
    const char *key;
    json_t *item;
    size_t i;
    if (s->kind == STEP_NAME && (item = json_object_get(value, s->name)) != NULL)
        code = take(item, out, err);
    if (s->kind == STEP_INDEX && json_is_array(value)) {
        long count = (long)json_array_size(value), at = s->index < 0 ? count + s->index : s->index;
        if (at >= 0 && at < count)
            code = take(json_array_get(value, (size_t)at), out, err);
    }
    if (s->kind != STEP_ALL && !s->descend)
        return code;
    /* What it holds: each is chosen, or looked into. */
    json_array_foreach(value, i, item)
    {
        if (code == 0 && s->kind == STEP_ALL)
            code = take(item, out, err);
        if (code == 0 && s->descend && level < DESCENT_MAX)
            code = take_step(s, item, out, level + 1, err);
    }
    json_object_foreach(value, key, item)
    {
        if (code == 0 && s->kind == STEP_ALL)
            code = take(item, out, err);
        if (code == 0 && s->descend && level < DESCENT_MAX)
            code = take_step(s, item, out, level + 1, err);
    }
    return code;
}

int jsonpath_match(const char *path, json_t *value, json_t *out, struct error *err)
{
    const char *at = begin(path);
    struct step s;
    json_t *now = json_pack("[O]", value);
    int code = now != NULL ? 1 : error_set(err, ERROR_MEMORY, "out of memory");
    for (bool first = path[0] != '$'; code == 1; first = false) {
        code = next_step(path, &at, first, &s, err);
        if (code != 1)
            break;
        json_t *next = json_array();
        int taken = next != NULL ? 0 : error_set(err, ERROR_MEMORY, "out of memory");
        for (size_t i = 0; taken == 0 && i < json_array_size(now); i++)
            taken = take_step(&s, json_array_get(now, i), next, 0, err);
        json_decref(now);
        now = next;
        code = taken != 0 ? taken : 1;
    }
    if (code == 0 && json_array_extend(out, now) != 0)
        code = error_set(err, ERROR_MEMORY, "out of memory");
    json_decref(now);
    return code;
}
