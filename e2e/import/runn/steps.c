/* One step of a runbook: what it calls, how often, on what condition. */
#include "e2e/import/runn/runn.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define REDIRECTS 10

void runn_refuse(struct runn *r, const struct node *n, const char *feature)
{
    tree_error(&r->tree, n, ERROR_UNSUPPORTED,
               "\"%s\" of runn cannot be said in a flow: take it out of the book, or write this step as a flow",
               feature);
}

bool runn_duration(struct runn *r, const struct node *n, double *seconds)
{
    static const struct {
        const char *unit;
        double seconds;
    } units[] = {{"ms", 0.001}, {"sec", 1}, {"s", 1}, {"min", 60}, {"m", 60}, {"hour", 3600}, {"h", 3600}, {"", 1}};
    if (n->kind == NODE_INTEGER || n->kind == NODE_REAL) {
        *seconds = n->kind == NODE_INTEGER ? (double)n->integer : n->real;
        return *seconds >= 0;
    }
    char *end = NULL;
    *seconds = n->kind == NODE_TEXT ? strtod((const char *)n->text.data, &end) : 0;
    for (size_t i = 0; end != NULL && end != (const char *)n->text.data && i < sizeof units / sizeof units[0]; i++)
        if (strcmp(end + strspn(end, " "), units[i].unit) == 0 && *seconds >= 0) {
            *seconds *= units[i].seconds;
            return true;
        }
    tree_error(&r->tree, n, ERROR_INVALID, "expected a duration like 3sec or 0.5");
    return false;
}

struct build_node *runn_time(struct runn *r, const struct node *n, double seconds)
{
    char text[32];
    snprintf(text, sizeof text, "%.0fms", seconds < 1e9 ? seconds * 1000 : 1e12);
    return tree_string(&r->tree, n, text);
}

/* ---- HTTP ---- */

static bool is_nothing(const struct node *n)
{
    return n->kind == NODE_NULL || (n->kind == NODE_TEXT && bytes_is(n->text, "nil"));
}

static void put_type(struct runn *r, const struct node *body, struct build_node **headers, const char *type)
{
    struct build *b = &r->tree.build;
    if (*headers == NULL)
        *headers = build_map(b, tree_at(&r->tree, body));
    if (!build_has(*headers, "content-type"))
        build_put(b, *headers, "content-type", tree_string(&r->tree, body, type));
}

static void put_body(struct runn *r, const struct node *body, struct build_node *step, struct build_node **headers)
{
    struct build *b = &r->tree.build;
    if (body == NULL || is_nothing(body))
        return;
    if (body->kind != NODE_MAP || body->map.count != 1) {
        tree_error(&r->tree, body, ERROR_INVALID, "body: expected one content type and what is sent as that");
        return;
    }
    const struct node_pair *p = &body->map.pairs[0];
    if (is_nothing(&p->value))
        return;
    if (strcmp(p->key, "application/json") == 0) {
        build_put(b, step, "json", tree_copy(&r->tree, &p->value));
    } else if (strcmp(p->key, "application/x-www-form-urlencoded") == 0 && p->value.kind == NODE_MAP) {
        build_put(b, step, "form", tree_copy(&r->tree, &p->value));
    } else if (strcmp(p->key, "multipart/form-data") == 0) {
        runn_put_parts(r, &p->value, step);
    } else if (p->value.kind == NODE_MAP && p->value.map.count == 1 &&
               strcmp(p->value.map.pairs[0].key, "filename") == 0 && strncmp(p->key, "multipart/", 10) != 0) {
        build_put(b, step, "file", tree_copy(&r->tree, &p->value.map.pairs[0].value));
        put_type(r, body, headers, p->key);
    } else if (p->value.kind == NODE_TEXT && strncmp(p->key, "multipart/", 10) != 0) {
        build_put(b, step, "body", tree_said(&r->tree, &p->value));
        put_type(r, body, headers, p->key);
    } else {
        tree_error(&r->tree, &p->value, ERROR_UNSUPPORTED,
                   "a body of %s in this form cannot be said in a flow; json, x-www-form-urlencoded and texts can",
                   p->key);
    }
}

/* Several values of one header are one line, parted by commas (RFC 9110, 5.3). */
static struct build_node *make_headers(struct runn *r, const struct node *map)
{
    struct build_node *out = build_map(&r->tree.build, tree_at(&r->tree, map));
    for (size_t i = 0; i < map->map.count && r->tree.code == 0; i++) {
        const struct node *v = &map->map.pairs[i].value;
        struct text line = TEXT_INIT;
        if (v->kind == NODE_MAP)
            tree_error(&r->tree, v, ERROR_INVALID, "a header's value is a text or a list of them");
        if (v->kind != NODE_LIST) {
            build_put(&r->tree.build, out, map->map.pairs[i].key, tree_copy(&r->tree, v));
            continue;
        }
        for (size_t k = 0; k < v->list.count && r->tree.code == 0; k++) {
            if (v->list.items[k].kind != NODE_TEXT)
                tree_error(&r->tree, &v->list.items[k], ERROR_INVALID, "one of a header's values is a text");
            text_puts(&line, k > 0 ? ", " : "");
            if (r->tree.code == 0)
                tree_say(&r->tree, &v->list.items[k], &line);
        }
        build_put(&r->tree.build, out, map->map.pairs[i].key, tree_text(&r->tree, v, &line));
    }
    return out;
}

void runn_leave_out(struct runn *r, const struct node *n, const char *format, ...)
{
    struct text line = TEXT_INIT;
    va_list args;
    va_start(args, format);
    text_vprintf(&line, format, args);
    va_end(args);
    struct text whole = TEXT_INIT;
    text_printf(&whole, "not imported, line %d: %s", n->line, text_string(&line));
    if (strstr(text_string(&r->left_out), text_string(&whole)) ==
        NULL) { /* a runner is looked at by each of its calls */
        tree_tell(&r->tree, n, "%s", text_string(&line));
        text_printf(&r->left_out, "%s%s", r->left_out.len > 0 ? "\n" : "", text_string(&whole));
    }
    r->left_out.failed = r->left_out.failed || !text_ok(&line) || !text_ok(&whole);
    text_deinit(&line);
    text_deinit(&whole);
}

/* What looks over the shoulder of HTTP: leaving it out sends the same and expects less. */
static bool left_out(struct runn *r, const struct node *n, const char *key)
{
    static const char *const keys[] = {"openapi3",
                                       "skipValidateRequest",
                                       "skipValidateResponse",
                                       "openAPI3",
                                       "skipCircularReferenceCheck",
                                       "trace",
                                       "bufDirs",
                                       "bufLocks",
                                       "bufConfigs",
                                       "importPaths",
                                       "protos",
                                       NULL};
    for (size_t i = 0; keys[i] != NULL; i++)
        if (strcmp(keys[i], key) == 0) {
            bool matters = (i == 0 || i == 3 || i == 5) && !(n->kind == NODE_BOOL && !n->boolean);
            if (matters)
                runn_leave_out(r, n,
                               i == 5 ? "\"trace\": runn's header X-Runn-Trace is not sent"
                                      : "\"%s\": answers are not held against it",
                               key);
            return true;
        }
    return false;
}

void runn_only(struct runn *r, const struct node *n, const char *const *keys)
{
    for (size_t i = 0; n->kind == NODE_MAP && i < n->map.count; i++) {
        size_t k = 0;
        while (keys[k] != NULL && strcmp(keys[k], n->map.pairs[i].key) != 0)
            k++;
        if (keys[k] == NULL && !left_out(r, &n->map.pairs[i].value, n->map.pairs[i].key))
            runn_refuse(r, &n->map.pairs[i].value, n->map.pairs[i].key);
    }
}

static void put_timeout(struct runn *r, const struct node *from, struct build_node *step)
{
    const struct node *n = node_get(from, "timeout");
    double seconds;
    if (n != NULL && !build_has(step, "timeout") && runn_duration(r, n, &seconds))
        build_put(&r->tree.build, step, "timeout", runn_time(r, n, seconds));
}

static const struct node *one(struct runn *r, const struct node *n, const char *what, const char **key)
{
    if (n->kind == NODE_MAP && n->map.count == 1) {
        *key = n->map.pairs[0].key;
        return &n->map.pairs[0].value;
    }
    tree_error(&r->tree, n, ERROR_INVALID, "expected %s and nothing beside it", what);
    return NULL;
}

/* A key that stands in the file, as a text with {{ }}. */
static void say_key(struct runn *r, const struct node *n, const char *key, struct text *out)
{
    runn_say(&r->tree, n, bytes_of(key), out);
}

static void put_tls(struct runn *r, const struct node *runner, struct build_node *step)
{
    struct build *b = &r->tree.build;
    const struct node *skip = tree_member(&r->tree, runner, "skipVerify", NODE_BOOL);
    const struct node *ca = tree_member(&r->tree, runner, "cacert", NODE_TEXT);
    if ((skip == NULL || !skip->boolean) && ca == NULL)
        return;
    struct build_node *tls = build_map(b, tree_at(&r->tree, runner));
    if (skip != NULL && skip->boolean)
        build_put(b, tls, "insecure", build_bool(b, tree_at(&r->tree, skip), true));
    if (ca != NULL)
        build_put(b, tls, "ca", tree_said(&r->tree, ca));
    build_put(b, step, "tls", tls);
}

static void make_http(struct runn *r, const struct node *n, const struct node *runner, struct build_node *step)
{
    static const char *const runner_keys[] = {"endpoint", "notFollowRedirect", "useCookie", "skipVerify",
                                              "cacert",   "timeout",           NULL};
    static const char *const keys[] = {"headers", "body", "timeout", "useCookie", NULL};
    struct build *b = &r->tree.build;
    const char *path = "", *method = "";
    struct text target = TEXT_INIT;
    struct build_node *headers = NULL;
    const struct node *in = one(r, n, "one path", &path),
                      *request = in != NULL ? one(r, in, "one method", &method) : NULL;
    const struct node *base = runner->kind == NODE_MAP ? tree_member(&r->tree, runner, "endpoint", NODE_TEXT) : runner;
    if (request == NULL || base == NULL)
        return;
    runn_only(r, runner, runner_keys);
    runn_only(r, request, keys);
    const struct node *jar = tree_member(&r->tree, request, "useCookie", NODE_BOOL);
    if (jar != NULL && !jar->boolean)
        runn_refuse(r, jar, "useCookie: false");
    for (const char *c = method; *c != '\0'; c++)
        text_char(&target, (char)toupper((unsigned char)*c));
    text_char(&target, ' ');
    runn_say_runner(r, base, &target);
    if (target.len > 0 && target.data[target.len - 1] == '/')
        text_truncate(&target, target.len - 1);
    say_key(r, n, path, &target);
    build_put(b, step, "http", tree_text(&r->tree, n, &target));
    const struct node *given = tree_member(&r->tree, request, "headers", NODE_MAP);
    if (given != NULL)
        headers = make_headers(r, given);
    put_body(r, node_get(request, "body"), step, &headers);
    if (headers != NULL)
        build_put(b, step, "headers", headers);
    const struct node *follow =
        runner->kind == NODE_MAP ? tree_member(&r->tree, runner, "notFollowRedirect", NODE_BOOL) : NULL;
    if (follow == NULL || !follow->boolean)
        build_put(b, step, "redirects", build_integer(b, tree_at(&r->tree, n), REDIRECTS));
    if (runner->kind == NODE_MAP)
        put_tls(r, runner, step);
    if (r->given == NULL)
        runn_put_host_rules(r, base, step);
    put_timeout(r, request, step);
    put_timeout(r, runner, step);
}

/* ---- gRPC ---- */

static void make_grpc(struct runn *r, const struct node *n, struct build_node *step)
{
    static const char *const keys[] = {"headers", "message", "messages", "timeout", NULL};
    struct build *b = &r->tree.build;
    const char *method = "";
    const struct node *call = one(r, n, "one method", &method);
    if (call == NULL)
        return;
    runn_only(r, call, keys);
    build_put(b, step, "call", tree_string(&r->tree, n, method));
    const struct node *headers = tree_member(&r->tree, call, "headers", NODE_MAP);
    const struct node *message = node_get(call, "message"),
                      *messages = tree_member(&r->tree, call, "messages", NODE_LIST);
    for (size_t i = 0; messages != NULL && i < messages->list.count; i++)
        if (messages->list.items[i].kind == NODE_TEXT &&
            memmem(messages->list.items[i].text.data, messages->list.items[i].text.len, "{{", 2) == NULL)
            runn_refuse(r, &messages->list.items[i], (const char *)messages->list.items[i].text.data);
    if (headers != NULL)
        build_put(b, step, "metadata", make_headers(r, headers));
    if (messages != NULL || (message != NULL && message->kind != NODE_NULL))
        build_put(b, step, "request", tree_copy(&r->tree, messages != NULL ? messages : message));
    put_timeout(r, call, step);
    /* Nothing is wrong with a status that no test speaks of. */
    struct build_node *expect = build_map(b, tree_at(&r->tree, n)), *any = build_map(b, tree_at(&r->tree, n));
    build_put(b, any, "$any", build_bool(b, tree_at(&r->tree, n), true));
    build_put(b, expect, "status", any);
    build_put(b, step, "expect", expect);
}

/* ---- what is called ---- */

static bool is_own(const char *key)
{
    static const char *const own[] = {"desc", "if", "loop", "test", "bind", "dump", "include", "defer", "force", NULL};
    size_t k = 0;
    while (own[k] != NULL && strcmp(own[k], key) != 0)
        k++;
    return own[k] != NULL;
}

static bool starts(const struct node *n, const char *scheme)
{
    return n != NULL && n->kind == NODE_TEXT && n->text.len >= strlen(scheme) &&
           memcmp(n->text.data, scheme, strlen(scheme)) == 0;
}

/* Of the book, or of a step "runner" before this one. NULL: neither. */
static const struct node *find_runner(const struct runn *r, const char *key)
{
    for (size_t i = r->added_count; i > 0; i--)
        if (node_get(r->added[i - 1], key) != NULL)
            return node_get(r->added[i - 1], key);
    return r->runners != NULL ? node_get(r->runners, key) : NULL;
}

/* {steps: ...} without a file: its steps stand here. Names in it are its own. */
static void make_inline(struct runn *r, const struct node *n, struct build_node *out)
{
    static const char *const keys[] = {"steps", "vars", NULL};
    const struct node *list = node_get(n, "steps");
    struct build_node *last = build_list(&r->tree.build, tree_at(&r->tree, n));
    struct map bound = r->bound;
    size_t first = r->first;
    struct runn_step *current = r->current;
    struct build_node *behind = r->behind;
    const struct node *vars = tree_member(&r->tree, n, "vars", NODE_MAP);
    runn_only(r, n, keys);
    for (size_t i = 0; vars != NULL && i < vars->map.count; i++) {
        static char there;
        if (map_get(&r->names, vars->map.pairs[i].key) != NULL)
            runn_refuse(r, &vars->map.pairs[i].value,
                        "a variable of an include without a path that the book has as well");
        else if (!map_put(&r->names, vars->map.pairs[i].key, &there))
            tree_no_memory(&r->tree);
    }
    if (vars != NULL) {
        struct build_node *set = build_map(&r->tree.build, tree_at(&r->tree, vars));
        build_put(&r->tree.build, set, "set", runn_vars(r, vars));
        build_add(&r->tree.build, out, set);
    }
    r->bound = (struct map){0};
    r->first = r->count;
    runn_add_steps(r, list, out, last);
    if (build_count(last) > 0)
        runn_refuse(r, list, "defer or force inside an include");
    for (size_t i = r->first; i < r->count; i++)
        r->steps[i].hidden = true;
    map_deinit(&r->bound);
    r->bound = bound;
    r->first = first;
    r->current = current;
    r->behind = behind;
}

static const struct node *address_of(const struct node *runner)
{
    static const char *const keys[] = {"endpoint", "dsn", NULL};
    const struct node *found = runner;
    for (size_t i = 0; runner->kind == NODE_MAP && keys[i] != NULL; i++)
        found = node_get(runner, keys[i]) != NULL ? node_get(runner, keys[i]) : found;
    return found->kind == NODE_TEXT && !starts(found, "grpc://") ? found : NULL;
}

/* The addresses of this book's runners, for one that calls them without naming them itself. */
static struct build_node *own_runners(struct runn *r, const struct node *n)
{
    struct build *b = &r->tree.build;
    struct build_node *out = build_map(b, tree_at(&r->tree, n));
    for (size_t k = 0; k <= r->added_count; k++) {
        const struct node *list = k > 0 ? r->added[k - 1] : r->runners;
        for (size_t i = 0; list != NULL && i < list->map.count; i++) {
            const struct node *address = address_of(&list->map.pairs[i].value);
            if (address != NULL && variable_name_valid(list->map.pairs[i].key))
                build_replace(b, out, list->map.pairs[i].key, tree_said(&r->tree, address));
        }
    }
    return out;
}

/* The book's variables and runners, for one that asks for parent.vars.NAME, or calls what it does not name. */
static void put_parent(struct runn *r, const struct node *n, struct build_node *with)
{
    struct build *b = &r->tree.build;
    size_t at = tree_at(&r->tree, n);
    const struct node *vars = node_get(r->root, "vars");
    struct build_node *parent = build_map(b, at), *own = build_map(b, at), *runners = own_runners(r, n);
    for (size_t i = 0; vars != NULL && vars->kind == NODE_MAP && i < vars->map.count; i++) {
        struct text value = TEXT_INIT;
        if (!variable_name_valid(vars->map.pairs[i].key))
            continue;
        text_printf(&value, "${%s}", vars->map.pairs[i].key);
        build_put(b, own, vars->map.pairs[i].key, tree_text(&r->tree, n, &value));
    }
    if (build_count(own) + build_count(runners) == 0 || build_has(with, "parent"))
        return;
    build_put(b, parent, "vars", own);
    if (build_count(runners) > 0)
        build_put(b, parent, "runners", runners);
    build_put(b, with, "parent", parent);
}

/* Of the first step that calls a runner nobody names here; NULL: none. */
const char *runn_unnamed(const struct runn *r, const struct node *list)
{
    size_t count = list->kind == NODE_MAP ? list->map.count : list->kind == NODE_LIST ? list->list.count : 0;
    for (size_t i = 0; i < count; i++) {
        const struct node *step = list->kind == NODE_MAP ? &list->map.pairs[i].value : &list->list.items[i];
        for (size_t k = 0; step->kind == NODE_MAP && k < step->map.count; k++) {
            const char *key = step->map.pairs[k].key;
            if (!is_own(key) && strcmp(key, "exec") != 0 && strcmp(key, "runner") != 0 && find_runner(r, key) == NULL)
                return key;
        }
    }
    return NULL;
}

static void make_include(struct runn *r, const struct node *n, struct build_node *step)
{
    static const char *const keys[] = {"path", "vars", NULL};
    struct build *b = &r->tree.build;
    const struct node *path = n->kind == NODE_MAP ? tree_member(&r->tree, n, "path", NODE_TEXT) : n;
    if (path == NULL || path->kind != NODE_TEXT) {
        runn_refuse(r, n, "include in this form");
        return;
    }
    runn_only(r, n, keys);
    runn_put_book(r, path, step);
    const struct node *vars = n->kind == NODE_MAP ? tree_member(&r->tree, n, "vars", NODE_MAP) : NULL;
    struct build_node *with = vars != NULL ? runn_vars(r, vars) : build_map(b, tree_at(&r->tree, n));
    put_parent(r, n, with);
    build_put(b, with, "included", build_bool(b, tree_at(&r->tree, n), true));
    build_put(b, step, "with", with);
}

/* ---- commands ---- */

/* By a shell, as runn does it. What ends with another code than 0 has not failed: tests say what is expected. */
static void make_exec(struct runn *r, const struct node *n, struct build_node *step)
{
    static const char *const keys[] = {"command", "shell", "stdin", "env", "liveOutput", NULL};
    struct build *b = &r->tree.build;
    size_t at = tree_at(&r->tree, n);
    struct build_node *run = build_list(b, at), *expect = build_map(b, at), *any = build_map(b, at);
    const struct node *command = tree_member(&r->tree, n, "command", NODE_TEXT);
    const struct node *in = tree_member(&r->tree, n, "stdin", NODE_TEXT);
    const struct node *environment = tree_member(&r->tree, n, "env", NODE_MAP);
    const char *shell = tree_member_text(&r->tree, n, "shell");
    if (n->kind != NODE_MAP || command == NULL) {
        tree_error(&r->tree, n, ERROR_INVALID, "exec: expected a \"command\"");
        return;
    }
    runn_only(r, n, keys);
    build_add(b, run, tree_string(&r->tree, n, shell != NULL ? shell : "bash"));
    build_add(b, run, tree_string(&r->tree, n, "-c"));
    if (in != NULL) {
        build_add(b, run, tree_string(&r->tree, n, "printf %s \"$1\" | \"$0\" -c \"$2\""));
        build_add(b, run, tree_string(&r->tree, n, shell != NULL ? shell : "bash"));
        build_add(b, run, tree_said(&r->tree, in));
    }
    build_add(b, run, tree_said(&r->tree, command));
    build_put(b, step, "run", run);
    if (environment != NULL)
        build_put(b, step, "environment", tree_copy(&r->tree, environment));
    build_put(b, any, "$any", build_bool(b, at, true));
    build_put(b, expect, "exit", any);
    build_put(b, step, "expect", expect);
}

static const struct node *runner_of(struct runn *r, const struct node *n, const char **key)
{
    const struct node *found = NULL;
    for (size_t i = 0; i < n->map.count; i++) {
        if (is_own(n->map.pairs[i].key))
            continue;
        if (found != NULL)
            tree_error(&r->tree, &n->map.pairs[i].value, ERROR_INVALID,
                       "a step calls one runner, and \"%s\" is a second", n->map.pairs[i].key);
        found = &n->map.pairs[i].value;
        *key = n->map.pairs[i].key;
    }
    return found;
}

static void add_runners(struct runn *r, const struct node *n)
{
    if (n->kind != NODE_MAP)
        tree_error(&r->tree, n, ERROR_INVALID, "runner: expected runners by their names");
    else if (r->added_count == RUNN_ADDED_MAX)
        tree_error(&r->tree, n, ERROR_LIMIT, "more than %d steps that add runners", RUNN_ADDED_MAX);
    else
        r->added[r->added_count++] = n;
}

static void make_call(struct runn *r, const struct node *n, const char *key, struct runn_step *s)
{
    const struct node *runner = find_runner(r, key);
    const struct node *endpoint = runner != NULL && runner->kind == NODE_MAP ? node_get(runner, "endpoint") : runner;
    bool environment =
        endpoint != NULL && endpoint->kind == NODE_TEXT && endpoint->text.len > 0 && endpoint->text.data[0] == '$';
    bool grpc =
        starts(runner, "grpc://") || (runner != NULL && runner->kind == NODE_MAP && node_get(runner, "addr") != NULL);
    const struct node given = {.kind = NODE_TEXT, .line = n->line, .column = n->column, .document = n->document};
    bool path = n->kind == NODE_MAP && n->map.count == 1 && n->map.pairs[0].key[0] == '/';
    s->kind = grpc ? RUNN_GRPC : RUNN_HTTP;
    r->given = NULL;
    if (runner == NULL && strcmp(key, "exec") == 0) {
        s->kind = RUNN_EXEC;
        make_exec(r, n, s->step);
    } else if (runn_is_sql(n, runner)) {
        s->kind = RUNN_SQL;
        r->given = runner == NULL ? key : NULL;
        runn_make_sql(r, n, runner, s->step);
    } else if (runner == NULL && path) { /* of the book that includes this one */
        r->given = key;
        make_http(r, n, &given, s->step);
    } else if (runner == NULL)
        tree_error(&r->tree, n, ERROR_UNSUPPORTED,
                   "%s: there is no such runner here; a book names those that it uses; of the book that includes it "
                   "it can have those over HTTP and databases",
                   key);
    else if (grpc)
        make_grpc(r, n, s->step);
    else if (starts(endpoint, "{{") && path)
        make_http(r, n, runner, s->step); /* a path: HTTP; gRPC has a method there */
    else if (starts(endpoint, "http://") || starts(endpoint, "https://") || environment)
        make_http(r, n, runner, s->step);
    else
        tree_error(&r->tree, runner, ERROR_UNSUPPORTED,
                   "%s: this kind of runner cannot be said in a flow; http://, grpc://, sqlite:// and postgres:// can. "
                   "Write the steps as a flow: \"browser\", \"run\" for a command",
                   key);
}

/* ---- the step ---- */

static void put_binds(struct runn *r, const struct node *bind)
{
    if (bind->kind != NODE_MAP)
        tree_error(&r->tree, bind, ERROR_INVALID, "bind: expected names and what they stand for");
    for (size_t i = 0; bind->kind == NODE_MAP && i < bind->map.count; i++)
        runn_bind(r, &bind->map.pairs[i].value, bind->map.pairs[i].key);
}

void runn_make_step(struct runn *r, const struct node *n, struct runn_step *s, struct build_node *out, bool *deferred)
{
    struct build *b = &r->tree.build;
    const char *key = "";
    r->current = s;
    s->node = n;
    if (n->kind != NODE_MAP) {
        tree_error(&r->tree, n, ERROR_INVALID, "a step is a map, and this is %s", node_kind_name(n->kind));
        return;
    }
    size_t at = tree_at(&r->tree, n);
    struct build_node *inside = build_list(b, at), *before = build_list(b, at);
    const struct node *call = runner_of(r, n, &key), *include = node_get(n, "include"), *loop = node_get(n, "loop");
    const struct node *test = node_get(n, "test"), *bind = node_get(n, "bind"), *condition = node_get(n, "if");
    const struct node *defer = tree_member(&r->tree, n, "defer", NODE_BOOL), *dump = node_get(n, "dump");
    const char *desc = tree_member_text(&r->tree, n, "desc");
    bool own_steps = include != NULL && include->kind == NODE_MAP && node_get(include, "steps") != NULL;
    *deferred = defer != NULL && defer->boolean;
    s->deferred = *deferred;
    s->repeated = loop != NULL;
    r->behind = build_list(b, at);
    const struct node *force = tree_member(&r->tree, n, "force", NODE_BOOL);
    bool forced = (force != NULL && force->boolean) || r->all_forced;
    if (r->forced && !forced)
        runn_refuse(r, n, "a step without \"force\" behind one with it");
    r->forced = r->forced || forced;
    if (dump != NULL)
        tree_tell(&r->tree, dump, "\"dump\" is left out: reports show what came back");
    struct build_node *wanted = condition != NULL ? runn_condition(r, condition, before) : NULL;
    bool adds = call != NULL && strcmp(key, "runner") == 0 && find_runner(r, key) == NULL;
    if ((call != NULL && !adds) || (include != NULL && !own_steps))
        s->step = build_map(b, at);
    build_add(b, inside, s->step);
    if (adds)
        add_runners(r, call);
    else if (call != NULL)
        make_call(r, call, key, s);
    else if (own_steps)
        make_inline(r, include, inside);
    else if (include != NULL)
        make_include(r, include, s->step);
    if (s->step != NULL && (desc != NULL || s->name != NULL))
        build_put(b, s->step, "name", tree_string(&r->tree, n, desc != NULL ? desc : s->name));
    s->begun = call != NULL || include != NULL || dump != NULL;
    if (bind != NULL)
        put_binds(r, bind);
    s->begun = s->begun || bind != NULL;
    if (test != NULL && !r->skip_test)
        runn_test(r, test, s);
    build_splice(inside, r->behind);
    r->behind = build_list(b, at);
    if (loop != NULL && (build_count(inside) > 0 || loop->kind == NODE_MAP))
        inside = runn_put_loop(r, loop, s, inside);
    if (inside == NULL || build_count(inside) == 0)
        return;
    if (wanted != NULL)
        runn_keep_run(r, s, n, before, &inside);
    build_splice(out, before);
    if (wanted == NULL) {
        build_splice(out, inside);
        return;
    }
    struct build_node *outer = build_map(b, at);
    build_put(b, outer, "if", wanted);
    build_put(b, outer, "then", inside);
    build_add(b, out, outer);
}
