/* One step of a runbook: what it calls, how often, on what condition. */
#include "e2e/import/runn/runn.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

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
    } units[] = {{"ms", 0.001},  {"msec", 0.001}, {"sec", 1},     {"s", 1},     {"min", 60}, {"m", 60},
                 {"hour", 3600}, {"h", 3600},     {"day", 86400}, {"d", 86400}, {"", 1}};
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

/* ---- what is called ---- */

bool runn_is_own(const char *key)
{
    static const char *const own[] = {"desc", "if", "loop", "test", "bind", "dump", "include", "defer", "force", NULL};
    size_t k = 0;
    while (own[k] != NULL && strcmp(own[k], key) != 0)
        k++;
    return own[k] != NULL;
}

bool runn_starts(const struct node *n, const char *scheme)
{
    return n != NULL && n->kind == NODE_TEXT && n->text.len >= strlen(scheme) &&
           memcmp(n->text.data, scheme, strlen(scheme)) == 0;
}

/* Of the book, or of a step "runner" before this one. NULL: neither. */
const struct node *runn_find_runner(const struct runn *r, const char *key)
{
    for (size_t i = r->added_count; i > 0; i--)
        if (node_get(r->added[i - 1], key) != NULL)
            return node_get(r->added[i - 1], key);
    return r->runners != NULL ? node_get(r->runners, key) : NULL;
}

static const struct node *runner_of(struct runn *r, const struct node *n, const char **key)
{
    const struct node *found = NULL;
    for (size_t i = 0; i < n->map.count; i++) {
        if (runn_is_own(n->map.pairs[i].key))
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
    const struct node *runner = runn_find_runner(r, key);
    const struct node *endpoint = runner != NULL && runner->kind == NODE_MAP ? node_get(runner, "endpoint") : runner;
    bool environment =
        endpoint != NULL && endpoint->kind == NODE_TEXT && endpoint->text.len > 0 && endpoint->text.data[0] == '$';
    bool grpc = runn_starts(runner, "grpc://") ||
                (runner != NULL && runner->kind == NODE_MAP && node_get(runner, "addr") != NULL);
    const struct node given = {.kind = NODE_TEXT, .line = n->line, .column = n->column, .document = n->document};
    bool path = n->kind == NODE_MAP && n->map.count == 1 && n->map.pairs[0].key[0] == '/';
    s->kind = grpc ? RUNN_GRPC : RUNN_HTTP;
    r->given = NULL;
    if (runner == NULL && strcmp(key, "exec") == 0) {
        s->kind = RUNN_EXEC;
        runn_make_exec(r, n, s->step);
    } else if (runn_is_sql(n, runner)) {
        s->kind = RUNN_SQL;
        r->given = runner == NULL ? key : NULL;
        runn_make_sql(r, n, runner, s->step);
    } else if (runner == NULL && path) { /* of the book that includes this one */
        r->given = key;
        runn_make_http(r, n, &given, s->step);
    } else if (runner == NULL)
        tree_error(&r->tree, n, ERROR_UNSUPPORTED,
                   "%s: there is no such runner here; a book names those that it uses; of the book that includes it "
                   "it can have those over HTTP and databases",
                   key);
    else if (grpc)
        runn_make_grpc(r, n, s);
    else if (runn_starts(endpoint, "{{") && path)
        runn_make_http(r, n, runner, s->step); /* a path: HTTP; gRPC has a method there */
    else if (runn_starts(endpoint, "http://") || runn_starts(endpoint, "https://") || environment)
        runn_make_http(r, n, runner, s->step);
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
    bool adds = call != NULL && strcmp(key, "runner") == 0 && runn_find_runner(r, key) == NULL;
    if ((call != NULL && !adds) || (include != NULL && !own_steps))
        s->step = build_map(b, at);
    build_add(b, inside, s->step);
    if (adds)
        add_runners(r, call);
    else if (call != NULL)
        make_call(r, call, key, s);
    else if (own_steps)
        runn_make_inline(r, include, inside);
    else if (include != NULL)
        runn_make_include(r, include, s->step);
    if (s->step != NULL && (desc != NULL || s->name != NULL))
        build_put(b, s->step, "name", tree_string(&r->tree, n, desc != NULL ? desc : s->name));
    if (s->step != NULL && r->included && r->first == 0)
        runn_keep_answer(r, s);
    s->begun = call != NULL || include != NULL || dump != NULL;
    if (bind != NULL)
        put_binds(r, bind);
    s->begun = s->begun || bind != NULL;
    bool again = loop != NULL && runn_tries_again(r, loop, s);
    s->rounds = loop != NULL && !again;
    bool rounds = loop != NULL && node_get(loop, "until") != NULL && !again; /* the last one's test counts */
    if (test != NULL && !r->skip_test && !rounds)
        runn_test(r, test, s);
    build_splice(inside, r->behind);
    r->behind = build_list(b, at);
    if (loop != NULL && (build_count(inside) > 0 || loop->kind == NODE_MAP))
        inside = runn_put_loop(r, loop, s, inside, again);
    if (test != NULL && !r->skip_test && rounds && inside != NULL) {
        r->looking = true;
        runn_test(r, test, s);
        r->looking = false;
        build_splice(inside, r->behind);
        r->behind = build_list(b, at);
    }
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
