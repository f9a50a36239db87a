/* What a step calls: HTTP, gRPC, a command. */
#include "e2e/import/runn/runn.h"

#include <ctype.h>
#include <string.h>

#define REDIRECTS 10

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

void runn_make_http(struct runn *r, const struct node *n, const struct node *runner, struct build_node *step)
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
        build_put(b, step, "cookies", build_bool(b, tree_at(&r->tree, jar), false));
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

/* Messages, "receive" and "close" among them. */
static struct build_node *make_messages(struct runn *r, const struct node *messages, struct runn_step *s)
{
    struct build *b = &r->tree.build;
    struct build_node *out = build_list(b, tree_at(&r->tree, messages));
    for (size_t i = 0; i < messages->list.count; i++) {
        const struct node *n = &messages->list.items[i];
        bool receive = n->kind == NODE_TEXT && bytes_is(n->text, "receive");
        if (s->closed)
            tree_error(&r->tree, n, ERROR_INVALID, "nothing can be sent or received behind \"close\"");
        s->closed = n->kind == NODE_TEXT && bytes_is(n->text, "close");
        s->received += receive;
        if (receive) {
            struct build_node *wait = build_map(b, tree_at(&r->tree, n));
            build_put(b, wait, "$receive", build_integer(b, tree_at(&r->tree, n), 1));
            build_add(b, out, wait);
        } else if (n->kind != NODE_MAP && !s->closed &&
                   (n->kind != NODE_TEXT || memmem(n->text.data, n->text.len, "{{", 2) == NULL)) {
            tree_error(&r->tree, n, ERROR_INVALID, "a message is a map, or \"receive\" or \"close\"");
        } else if (!s->closed) {
            build_add(b, out, tree_copy(&r->tree, n));
        }
    }
    return out;
}

void runn_make_grpc(struct runn *r, const struct node *n, struct runn_step *s)
{
    struct build_node *step = s->step;
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
    if (headers != NULL)
        build_put(b, step, "metadata", make_headers(r, headers));
    if (messages != NULL || (message != NULL && message->kind != NODE_NULL))
        build_put(b, step, "request", messages != NULL ? make_messages(r, messages, s) : tree_copy(&r->tree, message));
    put_timeout(r, call, step);
    /* Nothing is wrong with a status that no test speaks of. */
    struct build_node *expect = build_map(b, tree_at(&r->tree, n)), *any = build_map(b, tree_at(&r->tree, n));
    build_put(b, any, "$any", build_bool(b, tree_at(&r->tree, n), true));
    build_put(b, expect, "status", any);
    build_put(b, step, "expect", expect);
}

/* ---- commands ---- */

/* By a shell, as runn does it. What ends with another code than 0 has not failed: tests say what is expected. */
void runn_make_exec(struct runn *r, const struct node *n, struct build_node *step)
{
    static const char *const keys[] = {"command", "shell", "stdin", "env", "liveOutput", "background", NULL};
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
    const struct node *beside = tree_member(&r->tree, n, "background", NODE_BOOL);
    if (beside != NULL && beside->boolean) {
        build_put(b, step, "background", build_bool(b, at, true));
        return;
    }
    build_put(b, any, "$any", build_bool(b, at, true));
    build_put(b, expect, "exit", any);
    build_put(b, step, "expect", expect);
}
