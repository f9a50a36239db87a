/* What a flow may say, checked before anything runs: every step's verb, keys and kinds, matchers, paths, statuses. */
#include "e2e/internal.h"

#include <regex.h>
#include <stdio.h>
#include <string.h>

/* Keys every step may have. */
#define COMMON_KEYS "name", "within", "timeout", "capture", "expect"

static const struct verb {
    const char *name;
    const char *const *keys;
} verbs[] = {
    {"call", (const char *const[]){"call", "request", "metadata", "content", COMMON_KEYS, NULL}},
    {"http", (const char *const[]){"http", "headers", "json", "body", "form", COMMON_KEYS, NULL}},
    {"double", (const char *const[]){"double", "answer", "reset", "name", NULL}},
    {"verify", (const char *const[]){"verify", "method", "count", "requests", "name", "within", NULL}},
    {"fault", (const char *const[]){"fault", "action", "name", NULL}},
    {"wait", (const char *const[]){"wait", "name", NULL}},
    {"set", (const char *const[]){"set", "name", NULL}},
};
static const char *const verb_names[] = {"call", "http", "double", "verify", "fault", "wait", "set", NULL};

static int check_matchers(const struct node *n, struct error *err)
{
    static const char *const types[] = {"map", "list", "text", "number", "bool", "null", NULL};
    int code = node_only_keys(n, matcher_names, err);
    for (size_t i = 0; i < n->map.count && code == 0; i++) {
        const struct node_pair *p = &n->map.pairs[i];
        if (strcmp(p->key, "$regex") == 0) {
            regex_t regex;
            char why[128];
            if (p->value.kind != NODE_TEXT)
                return node_error(&p->value, err, ERROR_INVALID, "$regex takes a text");
            int bad = regcomp(&regex, (const char *)p->value.text.data, REG_EXTENDED | REG_NOSUB);
            if (bad != 0) {
                regerror(bad, &regex, why, sizeof why);
                return node_error(&p->value, err, ERROR_SYNTAX, "not a regular expression: %s", why);
            }
            regfree(&regex);
        } else if (strcmp(p->key, "$type") == 0) {
            bool known = false;
            for (size_t t = 0; types[t] != NULL && p->value.kind == NODE_TEXT; t++)
                known = known || bytes_is(p->value.text, types[t]);
            if (!known)
                return node_error(&p->value, err, ERROR_INVALID, "$type is map, list, text, number, bool or null");
        } else if (strcmp(p->key, "$absent") == 0 && p->value.kind != NODE_BOOL) {
            return node_error(&p->value, err, ERROR_INVALID, "$absent takes true or false");
        }
    }
    return code;
}

/* Depth is bounded by the document's. */
static int check_expected(const struct node *n, struct error *err)
{
    int code = 0;
    if (is_matcher(n))
        return check_matchers(n, err);
    if (n->kind == NODE_MAP)
        for (size_t i = 0; i < n->map.count && code == 0; i++)
            code = check_expected(&n->map.pairs[i].value, err);
    if (n->kind == NODE_LIST)
        for (size_t i = 0; i < n->list.count && code == 0; i++)
            code = check_expected(&n->list.items[i], err);
    return code;
}

static int check_expect(const struct node *step, struct error *err)
{
    static const char *const keys[] = {"status",  "message",  "error",    "headers",  "trailers",
                                       "body",    "exactly",  "messages", "duration", NULL};
    const struct node *expect = NULL;
    int code = node_may_map(step, "expect", &expect, err);
    if (code != 0 || expect == NULL)
        return code;
    if ((code = node_only_keys(expect, keys, err)) != 0)
        return code;
    const struct node *status = node_get(expect, "status");
    int parsed;
    if (status != NULL && node_get(step, "call") != NULL && status->kind == NODE_TEXT &&
        !grpc_status_parse((const char *)status->text.data, &parsed))
        return node_error(status, err, ERROR_INVALID, "\"%s\" is no gRPC status: expected OK, NOT_FOUND, ...",
                          (const char *)status->text.data);
    return check_expected(expect, err);
}

static int check_capture(const struct node *step, struct error *err)
{
    const struct node *capture = NULL;
    int code = node_may_map(step, "capture", &capture, err);
    if (code != 0 || capture == NULL)
        return code;
    for (size_t i = 0; i < capture->map.count; i++) {
        const struct node *n = &capture->map.pairs[i].value;
        if (n->kind != NODE_TEXT || !json_path_valid((const char *)n->text.data))
            return node_error(n, err, ERROR_SYNTAX, "a capture is a path like $.body.note.id or $.headers.location");
    }
    return 0;
}

static int check_http(const struct node *http, struct error *err)
{
    static const char *const methods[] = {"GET ", "POST ", "PUT ", "PATCH ", "DELETE ", "HEAD ", "OPTIONS ", NULL};
    for (size_t i = 0; http->kind == NODE_TEXT && methods[i] != NULL; i++)
        if (strncmp((const char *)http->text.data, methods[i], strlen(methods[i])) == 0)
            return 0;
    return node_error(http, err, ERROR_INVALID, "\"http\" is a method and a path: \"GET /helloworld\"");
}

static int check_step(const struct node *step, struct error *err)
{
    const struct verb *verb = NULL;
    if (step->kind != NODE_MAP)
        return node_error(step, err, ERROR_INVALID, "a step is a map, and this is %s", node_kind_name(step->kind));
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
        if (node_get(step, verbs[i].name) != NULL)
            verb = &verbs[i];
    if (verb == NULL) {
        const char *near = step->map.count > 0 ? nearest_word(step->map.pairs[0].key, verb_names) : NULL;
        return node_error(step, err, ERROR_INVALID,
                          "a step has one of call, http, double, verify, fault, wait, set%s%s%s",
                          near != NULL ? ": did you mean \"" : "", near != NULL ? near : "", near != NULL ? "\"?" : "");
    }
    int code = node_only_keys(step, verb->keys, err);
    const struct node *what = node_get(step, verb->name), *ignored = NULL;
    int64_t duration;
    if (code == 0)
        code = node_may_duration(step, "within", &duration, err);
    if (code == 0)
        code = node_may_duration(step, "timeout", &duration, err);
    if (code == 0)
        code = check_capture(step, err);
    if (code == 0)
        code = check_expect(step, err);
    if (code != 0)
        return code;
    if (strcmp(verb->name, "http") == 0)
        return check_http(what, err);
    if (strcmp(verb->name, "wait") == 0)
        return node_may_duration(step, "wait", &duration, err);
    if (strcmp(verb->name, "set") == 0)
        return node_may_map(step, "set", &ignored, err);
    if (what->kind != NODE_TEXT)
        return node_error(what, err, ERROR_INVALID, "\"%s\" takes a name", verb->name);
    if (strcmp(verb->name, "call") == 0 && strchr((const char *)what->text.data, '/') == NULL)
        return node_error(what, err, ERROR_INVALID, "\"call\" is Service/Method: \"store.Store/Read\"");
    return 0;
}

static int check_steps(const struct node *list, struct error *err)
{
    int code = 0;
    if (list != NULL && list->list.count > STEPS_MAX)
        return node_error(list, err, ERROR_LIMIT, "more than %d steps", STEPS_MAX);
    for (size_t i = 0; list != NULL && i < list->list.count && code == 0; i++)
        code = check_step(&list->list.items[i], err);
    return code;
}

int flow_check(const struct flow *f, const struct node *map, struct error *err)
{
    static const char *const flow_keys[] = {"flow", "about", "vars", "steps", "finally", NULL};
    static const char *const contract_keys[] = {"contract", "about", "provider", "doubles",
                                                "vars",     "steps", "finally",  NULL};
    int code = node_only_keys(map, f->contract ? contract_keys : flow_keys, err);
    if (code == 0 && (f->steps == NULL || f->steps->list.count == 0))
        code = node_error(map, err, ERROR_INVALID, "flow \"%s\" has no steps", f->name);
    if (code == 0 && f->contract && f->provider == NULL)
        code = node_error(map, err, ERROR_INVALID, "contract \"%s\" names no \"provider\"", f->name);
    for (size_t i = 0; code == 0 && i < flow_double_count(f); i++)
        if (f->doubles->map.pairs[i].value.kind != NODE_TEXT)
            code = node_error(&f->doubles->map.pairs[i].value, err, ERROR_INVALID,
                              "a double is NAME: SERVICE, as in \"store: store.Store\"");
    if (code == 0)
        code = check_steps(f->steps, err);
    return code != 0 ? code : check_steps(f->finally, err);
}
