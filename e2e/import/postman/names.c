/* What names of scripts stand for, and which of them are Postman's own. */
#include "e2e/import/postman/script.h"

#include <string.h>

bool script_path(const struct js *e, char *out, size_t room)
{
    size_t len = 0;
    if (e->kind == JS_MEMBER) {
        if (!script_path(e->a, out, room))
            return false;
        len = strlen(out);
        if (len + 1 < room)
            out[len++] = '.';
    } else if (e->kind != JS_NAME) {
        return false;
    }
    size_t more = strlen(e->text);
    if (len + more + 1 > room)
        return false;
    memcpy(out + len, e->text, more + 1);
    return true;
}

bool script_path_is(const struct js *e, const char *path)
{
    char is[SCRIPT_PATH_MAX];
    return script_path(e, is, sizeof is) && strcmp(is, path) == 0;
}

bool script_one_of(const char *path, const char *const *list)
{
    for (size_t i = 0; list[i] != NULL; i++)
        if (strcmp(list[i], path) == 0)
            return true;
    return false;
}

const struct js *script_meant(struct script *s, const struct js *e)
{
    while (e != NULL && e->kind == JS_NAME) {
        size_t i = s->seen;
        while (i > 0 && strcmp(s->names[i - 1].name, e->text) != 0)
            i--;
        if (i == 0)
            return e;
        s->seen = i - 1;
        e = s->names[i - 1].value;
    }
    return e;
}

/* ---- what Postman has ---- */

bool script_is_body(const struct js *e)
{
    return e != NULL && (script_path_is(e, "responseBody") ||
                         (e->kind == JS_CALL && e->count == 0 && script_path_is(e->a, "pm.response.text")));
}

bool script_is_raw(struct script *s, const struct js *e)
{
    size_t seen = s->seen;
    bool raw = script_is_body(script_meant(s, e));
    s->seen = seen;
    return raw;
}

bool script_is_json(struct script *s, const struct js *e)
{
    if (e == NULL || e->kind != JS_CALL)
        return false;
    return (e->count == 0 && script_path_is(e->a, "pm.response.json")) ||
           (e->count == 1 && script_path_is(e->a, "JSON.parse") && script_is_raw(s, e->items[0]));
}

bool script_is_status(const struct js *e)
{
    return script_path_is(e, "pm.response.code") || script_path_is(e, "responseCode.code");
}

bool script_is_time(const struct js *e)
{
    return script_path_is(e, "pm.response.responseTime") || script_path_is(e, "responseTime");
}

/* NULL: not a header of the answer. */
const struct js *script_header(const struct js *e)
{
    static const char *const calls[] = {"pm.response.headers.get", "postman.getResponseHeader", NULL};
    char path[SCRIPT_PATH_MAX];
    if (e->kind == JS_CALL && e->count == 1 && e->items[0]->kind == JS_TEXT && script_path(e->a, path, sizeof path) &&
        script_one_of(path, calls))
        return e->items[0];
    if ((e->kind == JS_INDEX && script_path_is(e->a, "responseHeaders") && e->b->kind == JS_TEXT))
        return e->b;
    return NULL;
}

const char *script_variable(struct script *s, const struct js *e)
{
    static const char *const calls[] = {"pm.environment.get",
                                        "pm.variables.get",
                                        "pm.collectionVariables.get",
                                        "pm.globals.get",
                                        "postman.getEnvironmentVariable",
                                        "postman.getGlobalVariable",
                                        NULL};
    char path[SCRIPT_PATH_MAX];
    const char *name = NULL;
    if (e->kind == JS_CALL && e->count == 1 && e->items[0]->kind == JS_TEXT && script_path(e->a, path, sizeof path) &&
        script_one_of(path, calls))
        name = e->items[0]->text;
    else if (e->kind == JS_MEMBER && (script_path_is(e->a, "environment") || script_path_is(e->a, "globals")))
        name = e->text;
    else if (e->kind == JS_INDEX && e->b->kind == JS_TEXT &&
             (script_path_is(e->a, "environment") || script_path_is(e->a, "globals")))
        name = e->b->text;
    const char *known = name != NULL ? postman_variable(s->p, name, strlen(name)) : NULL;
    if (known != NULL)
        postman_use(s->p, known, true);
    return known;
}
