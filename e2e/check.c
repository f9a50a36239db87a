/* What a flow may say, checked before anything runs: every step's verb, keys and kinds, matchers, paths, statuses. What
 * a text with ${...} in it will be is only known later. */
#include "e2e/internal.h"

#include <regex.h>
#include <stdio.h>
#include <string.h>

static bool has_variable(const struct node *n)
{
    return n->kind == NODE_TEXT && strstr((const char *)n->text.data, "${") != NULL;
}

/* ---- expectations ---- */

static int check_expected(const struct node *n, struct error *err);

static int check_regex(const struct node *n, struct error *err)
{
    regex_t regex;
    char why[128];
    if (n->kind != NODE_TEXT)
        return node_error(n, err, ERROR_INVALID, "$regex takes a text");
    if (has_variable(n))
        return 0;
    int bad = regcomp(&regex, (const char *)n->text.data, REG_EXTENDED | REG_NOSUB);
    if (bad == 0) {
        regfree(&regex);
        return 0;
    }
    regerror(bad, &regex, why, sizeof why);
    return node_error(n, err, ERROR_SYNTAX, "not a regular expression: %s", why);
}

static int check_type(const struct node *n, struct error *err)
{
    static const char *const types[] = {"map", "list", "text", "number", "bool", "null", NULL};
    for (size_t i = 0; n->kind == NODE_TEXT && types[i] != NULL; i++)
        if (bytes_is(n->text, types[i]))
            return 0;
    return node_error(n, err, ERROR_INVALID, "$type is map, list, text, number, bool or null");
}

static int check_matcher(const char *name, const struct node *n, struct error *err)
{
    if (strcmp(name, "$regex") == 0)
        return check_regex(n, err);
    if (strcmp(name, "$type") == 0)
        return check_type(n, err);
    if (strcmp(name, "$not") == 0 || strcmp(name, "$contains") == 0)
        return check_expected(n, err);
    if ((strcmp(name, "$absent") == 0 || strcmp(name, "$any") == 0) && n->kind != NODE_BOOL)
        return node_error(n, err, ERROR_INVALID, "%s takes true or false", name);
    bool bound = strcmp(name, "$min") == 0 || strcmp(name, "$max") == 0;
    if (bound && n->kind != NODE_INTEGER && n->kind != NODE_REAL && !has_variable(n))
        return node_error(n, err, ERROR_INVALID, "%s takes a number", name);
    if (strcmp(name, "$size") == 0 && !(n->kind == NODE_INTEGER && n->integer >= 0) && !has_variable(n))
        return node_error(n, err, ERROR_INVALID, "$size takes a count");
    return 0;
}

/* Depth is bounded by the document's. */
static int check_expected(const struct node *n, struct error *err)
{
    bool matcher = is_matcher(n);
    int code = matcher ? node_only_keys(n, matcher_names, err) : 0;
    if (n->kind == NODE_MAP)
        for (size_t i = 0; i < n->map.count && code == 0; i++) {
            const struct node_pair *p = &n->map.pairs[i];
            if (matcher)
                code = check_matcher(p->key, &p->value, err);
            else if (p->key[0] == '$')
                code = node_error(&p->value, err, ERROR_INVALID, "%s stands beside ordinary keys: matchers stand alone",
                                  p->key);
            else
                code = check_expected(&p->value, err);
        }
    if (n->kind == NODE_LIST)
        for (size_t i = 0; i < n->list.count && code == 0; i++)
            code = check_expected(&n->list.items[i], err);
    return code;
}

static int check_status(const struct node *status, bool http, struct error *err)
{
    int parsed;
    if (is_matcher(status) || has_variable(status))
        return 0;
    if (http && !(status->kind == NODE_INTEGER && status->integer >= 100 && status->integer <= 599))
        return node_error(status, err, ERROR_INVALID, "an HTTP status is a number from 100 to 599");
    if (!http && status->kind != NODE_TEXT)
        return node_error(status, err, ERROR_INVALID, "a gRPC status is a name: OK, NOT_FOUND, ...");
    if (!http && !grpc_status_parse((const char *)status->text.data, &parsed))
        return node_error(status, err, ERROR_INVALID, "\"%s\" is no gRPC status: expected OK, NOT_FOUND, ...",
                          (const char *)status->text.data);
    return 0;
}

static int check_expect(const struct node *step, bool http, struct error *err)
{
    static const char *const call_keys[] = {"status", "message", "error",    "headers",  "trailers",
                                            "body",   "exactly", "messages", "duration", NULL};
    static const char *const http_keys[] = {"status", "headers", "body", "exactly", "duration", NULL};
    const struct node *expect = NULL;
    int code = node_may_map(step, "expect", &expect, err);
    if (code != 0 || expect == NULL)
        return code;
    if ((code = node_only_keys(expect, http ? http_keys : call_keys, err)) != 0)
        return code;
    const struct node *status = node_get(expect, "status");
    if (status != NULL && (code = check_status(status, http, err)) != 0)
        return code;
    return check_expected(expect, err);
}

/* ---- names ---- */

static int check_names(const struct node *map, struct error *err)
{
    for (size_t i = 0; map != NULL && i < map->map.count; i++)
        if (!variable_name_valid(map->map.pairs[i].key))
            return node_error(&map->map.pairs[i].value, err, ERROR_INVALID,
                              "\"%s\" is no name for a variable: letters, digits and _, and \"unique\" is taken",
                              map->map.pairs[i].key);
    return 0;
}

static int check_capture(const struct node *step, struct error *err)
{
    const struct node *capture = NULL;
    int code = node_may_map(step, "capture", &capture, err);
    if (code != 0 || capture == NULL || (code = check_names(capture, err)) != 0)
        return code;
    for (size_t i = 0; i < capture->map.count; i++) {
        const struct node *n = &capture->map.pairs[i].value;
        if (n->kind != NODE_TEXT || !json_path_valid((const char *)n->text.data))
            return node_error(n, err, ERROR_SYNTAX, "a capture is a path like $.body.note.id or $.headers.location");
    }
    return 0;
}

/* ---- the verbs ---- */

static int check_call(const struct node *step, const struct node *call, struct error *err)
{
    const struct node *metadata = NULL;
    if (call->kind != NODE_TEXT || strchr((const char *)call->text.data, '/') == NULL)
        return node_error(call, err, ERROR_INVALID, "\"call\" is Service/Method: \"store.Store/Read\"");
    int code = node_may_map(step, "metadata", &metadata, err);
    return code != 0 ? code : check_expect(step, false, err);
}

static int check_http(const struct node *step, const struct node *http, struct error *err)
{
    static const char *const methods[] = {"GET ", "POST ", "PUT ", "PATCH ", "DELETE ", "HEAD ", "OPTIONS ", NULL};
    static const char *const bodies[] = {"json", "form", "body", NULL};
    const struct node *ignored = NULL;
    bool known = false;
    for (size_t i = 0; http->kind == NODE_TEXT && methods[i] != NULL; i++) {
        size_t len = strlen(methods[i]);
        const char *text = (const char *)http->text.data;
        known = known || (strncmp(text, methods[i], len) == 0 && text[len] != '\0' && strchr(text + len, ' ') == NULL);
    }
    if (!known)
        return node_error(http, err, ERROR_INVALID, "\"http\" is a method and a path: \"GET /helloworld\"");
    int count = 0;
    for (size_t i = 0; bodies[i] != NULL; i++)
        if (node_get(step, bodies[i]) != NULL && ++count > 1)
            return node_error(node_get(step, bodies[i]), err, ERROR_INVALID,
                              "a request has one of json, form and body");
    int code = node_may_map(step, "headers", &ignored, err);
    if (code == 0)
        code = node_may_map(step, "form", &ignored, err);
    return code != 0 ? code : check_expect(step, true, err);
}

/* A word or a list of texts becomes arguments; nothing is split and no shell looks at it. */
static int check_run(const struct node *step, const struct node *run, struct error *err)
{
    static const char *const keys[] = {"exit", "stdout", "stderr", "body", "duration", NULL};
    const struct node *environment = NULL, *expect = NULL;
    const char *directory = NULL;
    if (run->kind != NODE_LIST || run->list.count == 0)
        return node_error(run, err, ERROR_INVALID, "\"run\" is a list, the program and its arguments: [git, init]");
    for (size_t i = 0; i < run->list.count; i++)
        if (run->list.items[i].kind == NODE_MAP || run->list.items[i].kind == NODE_LIST)
            return node_error(&run->list.items[i], err, ERROR_INVALID, "an argument is a text");
    int code = node_may_map(step, "environment", &environment, err);
    if (code == 0)
        code = node_may_text(step, "directory", &directory, err);
    if (code == 0)
        code = node_may_map(step, "expect", &expect, err);
    if (code == 0 && expect != NULL)
        code = node_only_keys(expect, keys, err);
    return code == 0 && expect != NULL ? check_expected(expect, err) : code;
}

static int check_double(const struct node *step, const struct node *name, struct error *err)
{
    const struct node *answer = NULL;
    struct double_answer ignored;
    bool reset = false;
    int code = name->kind == NODE_TEXT ? 0 : node_error(name, err, ERROR_INVALID, "\"double\" takes a name");
    if (code == 0)
        code = node_may_bool(step, "reset", &reset, err);
    if (code == 0)
        code = node_may_map(step, "answer", &answer, err);
    if (code == 0 && answer == NULL && !reset)
        code = node_error(step, err, ERROR_INVALID, "\"double\" goes with \"answer\" or \"reset: true\"");
    return code == 0 && answer != NULL ? double_answer_read(answer, &ignored, err) : code;
}

static int check_verify(const struct node *step, const struct node *name, struct error *err)
{
    const struct node *count = node_get(step, "count"), *requests = node_get(step, "requests");
    const char *method;
    int code = name->kind == NODE_TEXT ? 0 : node_error(name, err, ERROR_INVALID, "\"verify\" takes a double's name");
    if (code == 0)
        code = node_need_text(step, "method", &method, err);
    if (code == 0 && count == NULL && requests == NULL)
        code = node_error(step, err, ERROR_INVALID, "\"verify\" checks a \"count\" or the \"requests\"");
    if (code == 0 && count != NULL && count->kind != NODE_INTEGER && !is_matcher(count) && !has_variable(count))
        code = node_error(count, err, ERROR_INVALID, "\"count\" is a number, or a matcher like {$min: 1}");
    if (code == 0 && count != NULL)
        code = check_expected(count, err);
    return code == 0 && requests != NULL ? check_expected(requests, err) : code;
}

static int check_fault(const struct node *step, const struct node *component, struct error *err)
{
    enum target_action ignored;
    if (component->kind != NODE_TEXT)
        return node_error(component, err, ERROR_INVALID, "\"fault\" takes a component's name");
    return fault_action(step, &ignored, err);
}

static int check_wait(const struct node *step, const struct node *wait, struct error *err)
{
    int64_t ignored;
    (void)wait;
    return node_may_duration(step, "wait", &ignored, err);
}

static int check_set(const struct node *step, const struct node *set, struct error *err)
{
    const struct node *ignored;
    int code = node_may_map(step, "set", &ignored, err);
    return code != 0 ? code : check_names(set, err);
}

static const struct verb {
    const char *name;
    const char *const *keys;
    int (*check)(const struct node *step, const struct node *what, struct error *err);
} verbs[] = {
    {"call",
     (const char *const[]){"call", "request", "metadata", "name", "within", "timeout", "expect", "capture", NULL},
     check_call},
    {"http",
     (const char *const[]){"http", "headers", "json", "form", "body", "name", "within", "timeout", "expect", "capture",
                           NULL},
     check_http},
    {"run",
     (const char *const[]){"run", "environment", "directory", "name", "within", "timeout", "expect", "capture", NULL},
     check_run},
    {"double", (const char *const[]){"double", "answer", "reset", "name", NULL}, check_double},
    {"verify", (const char *const[]){"verify", "method", "count", "requests", "name", "within", "capture", NULL},
     check_verify},
    {"fault", (const char *const[]){"fault", "action", "name", NULL}, check_fault},
    {"wait", (const char *const[]){"wait", "name", NULL}, check_wait},
    {"set", (const char *const[]){"set", "name", NULL}, check_set},
};
#define VERB_COUNT (sizeof verbs / sizeof verbs[0])

static int unknown_step(const struct node *step, struct error *err)
{
    const char *names[VERB_COUNT + 1] = {NULL};
    for (size_t i = 0; i < VERB_COUNT; i++)
        names[i] = verbs[i].name;
    for (size_t i = 0; i < step->map.count; i++) {
        const char *near = nearest_word(step->map.pairs[i].key, names);
        if (near != NULL)
            return node_error(step, err, ERROR_INVALID, "no step is called \"%s\": did you mean \"%s\"?",
                              step->map.pairs[i].key, near);
    }
    return node_error(step, err, ERROR_INVALID,
                      "a step has one of call, http, run, double, verify, fault, wait and set");
}

static int check_step(const struct node *step, struct error *err)
{
    const struct verb *verb = NULL;
    const char *name = NULL;
    int64_t duration;
    if (step->kind != NODE_MAP)
        return node_error(step, err, ERROR_INVALID, "a step is a map, and this is %s", node_kind_name(step->kind));
    for (size_t i = 0; i < VERB_COUNT; i++) {
        const struct node *n = node_get(step, verbs[i].name);
        if (n != NULL && verb != NULL)
            return node_error(n, err, ERROR_INVALID, "one step does one thing: \"%s\" or \"%s\"", verb->name,
                              verbs[i].name);
        if (n != NULL)
            verb = &verbs[i];
    }
    if (verb == NULL)
        return unknown_step(step, err);
    int code = node_only_keys(step, verb->keys, err);
    if (code == 0)
        code = node_may_text(step, "name", &name, err);
    if (code == 0)
        code = node_may_duration(step, "within", &duration, err);
    if (code == 0)
        code = node_may_duration(step, "timeout", &duration, err);
    if (code == 0)
        code = check_capture(step, err);
    return code != 0 ? code : verb->check(step, node_get(step, verb->name), err);
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

/* ---- the flow ---- */

static int check_head(const struct flow *f, const struct node *map, struct error *err)
{
    static const char *const flow_keys[] = {"flow", "about", "vars", "environment", "steps", "finally", NULL};
    static const char *const contract_keys[] = {"contract",    "about", "provider", "doubles", "vars",
                                                "environment", "steps", "finally",  NULL};
    const struct node *name = node_get(map, f->contract ? "contract" : "flow");
    const char *about = NULL;
    int code = node_only_keys(map, f->contract ? contract_keys : flow_keys, err);
    if (code == 0)
        code = node_may_text(map, "about", &about, err);
    if (code == 0 && (f->name[0] == '\0' || strpbrk(f->name, "\"\n\r\t") != NULL))
        code = node_error(name, err, ERROR_INVALID, "a flow's name is one line without quotation marks");
    if (code == 0 && (f->steps == NULL || f->steps->list.count == 0))
        code = node_error(map, err, ERROR_INVALID, "flow \"%s\" has no steps", f->name);
    if (code == 0 && f->contract && f->provider == NULL)
        code = node_error(map, err, ERROR_INVALID, "contract \"%s\" names no \"provider\"", f->name);
    for (size_t i = 0; code == 0 && i < flow_double_count(f); i++) {
        const struct node *n = &f->doubles->map.pairs[i].value;
        if (n->kind != NODE_TEXT)
            code = node_error(n, err, ERROR_INVALID, "a double is NAME: SERVICE, as in \"store: store.Store\"");
    }
    return code != 0 ? code : check_names(f->variables, err);
}

/* A flow speaks of its own doubles only. */
static int check_doubles(const struct flow *f, const struct node *list, struct error *err)
{
    for (size_t i = 0; list != NULL && i < list->list.count; i++) {
        const struct node *step = &list->list.items[i], *name = node_get(step, "double");
        if (name == NULL)
            name = node_get(step, "verify");
        if (name == NULL || has_variable(name))
            continue;
        if (!f->contract)
            return node_error(name, err, ERROR_INVALID, "only a contract stands on doubles: \"contract: NAME\"");
        if (f->doubles == NULL || node_get(f->doubles, (const char *)name->text.data) == NULL)
            return node_error(name, err, ERROR_NOT_FOUND,
                              "there is no double \"%s\": the contract's \"doubles\" name them",
                              (const char *)name->text.data);
    }
    return 0;
}

int flow_check(const struct flow *f, const struct node *map, struct error *err)
{
    int code = check_head(f, map, err);
    if (code == 0)
        code = check_steps(f->steps, err);
    if (code == 0)
        code = check_steps(f->finally, err);
    if (code == 0)
        code = check_doubles(f, f->steps, err);
    return code != 0 ? code : check_doubles(f, f->finally, err);
}
