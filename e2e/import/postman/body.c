/* What a request of Postman is sent to, and its body. */
#include "e2e/import/postman/postman.h"

#include <ctype.h>
#include <string.h>

bool postman_is_off(const struct node *n)
{
    const struct node *off = node_get(n, "disabled");
    return off != NULL && off->kind == NODE_BOOL && off->boolean;
}

static bool starts_word(const char *text, const char *word)
{
    size_t len = strlen(word);
    return strncmp(text, word, len) == 0 && !isalnum((unsigned char)text[len]) && text[len] != '_';
}

/* A url without "raw": of its protocol, host, path and query. */
static void join_parts(struct postman *p, const struct node *list, const char *between, struct text *out)
{
    for (size_t i = 0; list != NULL && list->kind == NODE_LIST && i < list->list.count; i++) {
        const struct node *n = &list->list.items[i], *value = node_get(n, "value");
        n = n->kind == NODE_MAP && value != NULL ? value : n;
        if (n->kind != NODE_TEXT)
            tree_error(&p->tree, n, ERROR_INVALID, "a part of a url is a text, and this is %s",
                       node_kind_name(n->kind));
        text_puts(out, i > 0 ? between : "");
        if (n->kind == NODE_TEXT)
            text_add(out, n->text.data, n->text.len);
    }
    if (list != NULL && list->kind == NODE_TEXT)
        text_add(out, list->text.data, list->text.len);
}

static void make_url(struct postman *p, const struct node *url, struct text *out)
{
    struct tree *t = &p->tree;
    const char *protocol = tree_member_text(t, url, "protocol"), *port = tree_member_text(t, url, "port");
    const struct node *path = node_get(url, "path"), *query = tree_member(t, url, "query", NODE_LIST);
    char mark = '?';
    if (protocol != NULL && protocol[0] != '\0')
        text_printf(out, "%s://", protocol);
    join_parts(p, node_get(url, "host"), ".", out);
    if (port != NULL && port[0] != '\0')
        text_printf(out, ":%s", port);
    if (path != NULL && !(path->kind == NODE_TEXT && path->text.len > 0 && path->text.data[0] == '/'))
        text_char(out, '/');
    join_parts(p, path, "/", out);
    for (size_t i = 0; query != NULL && i < query->list.count; i++) {
        const struct node *n = &query->list.items[i];
        const char *key = tree_member_text(t, n, "key"), *value = tree_member_text(t, n, "value");
        if (postman_is_off(n) || key == NULL)
            continue;
        text_printf(out, "%c%s%s%s", mark, key, value != NULL ? "=" : "", value != NULL ? value : "");
        mark = '&';
    }
}

/* /users/:id with the values of `variable`. */
void postman_put_url(struct postman *p, const struct node *url, struct text *out)
{
    struct tree *t = &p->tree;
    const struct node *raw = url->kind == NODE_MAP ? tree_member(t, url, "raw", NODE_TEXT) : url;
    const struct node *list = url->kind == NODE_MAP ? tree_member(t, url, "variable", NODE_LIST) : NULL;
    struct text whole = TEXT_INIT, made = TEXT_INIT;
    if (raw == NULL && url->kind == NODE_MAP && node_get(url, "host") != NULL)
        make_url(p, url, &made);
    if (made.len == 0 && (raw == NULL || raw->kind != NODE_TEXT || raw->text.len == 0)) {
        tree_error(t, url, ERROR_UNSUPPORTED, "a request's url is a text, or a map with \"raw\" or \"host\"");
        text_deinit(&made);
        return;
    }
    const char *text = made.len > 0 ? text_string(&made) : (const char *)raw->text.data;
    text += strspn(text, " \t\r\n");
    bool bare = strstr(text, "://") == NULL && strncmp(text, "{{", 2) != 0;
    raw = made.len > 0 ? url : raw;
    int named = 0; /* {{ open */
    size_t length = strlen(text);
    while (length > 0 && isspace((unsigned char)text[length - 1]))
        length--;
    text_puts(&whole, bare ? "http://" : "");
    for (const char *c = text; c < text + length; c++) {
        const struct node *value = NULL;
        size_t len = 0;
        for (size_t i = 0; *c == ':' && c > text && c[-1] == '/' && list != NULL && i < list->list.count; i++) {
            const char *key = tree_member_text(t, &list->list.items[i], "key");
            if (key != NULL && starts_word(c + 1, key)) {
                value = tree_member(t, &list->list.items[i], "value", NODE_TEXT);
                len = strlen(key);
            }
        }
        named += (c[0] == '{' && c[1] == '{') - (c > text && c[-1] == '}' && c[0] == '}' && named > 0);
        if (value != NULL) {
            text_add(&whole, value->text.data, value->text.len);
            c += len;
        } else if (named == 0 && isspace((unsigned char)*c)) {
            text_puts(&whole, "%20");
        } else {
            text_char(&whole, *c);
        }
    }
    postman_say(t, raw, text_bytes(&whole), out);
    out->failed = out->failed || !text_ok(&whole) || !text_ok(&made);
    text_deinit(&whole);
    text_deinit(&made);
}

/* [{key, value}] as a list of {name, value}. */
static struct build_node *pairs(struct postman *p, const struct node *list)
{
    struct build *b = &p->tree.build;
    struct build_node *out = build_list(b, tree_at(&p->tree, list));
    for (size_t i = 0; i < list->list.count && p->tree.code == 0; i++) {
        const struct node *n = &list->list.items[i], *key = tree_member(&p->tree, n, "key", NODE_TEXT);
        const struct node *value = node_get(n, "value");
        if (postman_is_off(n) || key == NULL)
            continue;
        struct build_node *one = build_map(b, tree_at(&p->tree, n));
        build_put(b, one, "name", tree_said(&p->tree, key));
        build_put(b, one, "value",
                  value != NULL && value->kind != NODE_NULL ? tree_copy(&p->tree, value)
                                                            : tree_string(&p->tree, n, ""));
        build_add(b, out, one);
    }
    return out;
}

/* NULL: none was chosen, which is told. */
static const char *first_file(struct postman *p, const struct node *n)
{
    const struct node *src = node_get(n, "src");
    if (src != NULL && src->kind == NODE_LIST && src->list.count == 1)
        src = &src->list.items[0];
    if (src != NULL && src->kind == NODE_TEXT && src->text.len > 0)
        return (const char *)src->text.data;
    if (src != NULL && src->kind == NODE_LIST && src->list.count > 1)
        tree_error(&p->tree, n, ERROR_UNSUPPORTED, "several files of one part: write a part for each");
    else
        postman_leave_out(p, n, "a file to send", "none was chosen in Postman (\"src\")", 35);
    return NULL;
}

/* Several parts of one name are a list. */
static struct build_node *parts(struct postman *p, const struct node *list)
{
    struct build *b = &p->tree.build;
    struct build_node *out = build_list(b, tree_at(&p->tree, list));
    for (size_t i = 0; i < list->list.count && p->tree.code == 0; i++) {
        const struct node *n = &list->list.items[i], *value = node_get(n, "value"), *key = node_get(n, "key");
        const char *type = tree_member_text(&p->tree, n, "type");
        size_t at = tree_at(&p->tree, n);
        if (postman_is_off(n) || key == NULL || key->kind != NODE_TEXT)
            continue;
        struct build_node *one = build_map(b, at), *content = NULL;
        if (type != NULL && strcmp(type, "file") == 0) {
            const char *name = first_file(p, n);
            if (name == NULL)
                continue;
            content = build_map(b, at);
            build_put(b, content, "file", tree_string(&p->tree, n, name));
        } else {
            content =
                value != NULL && value->kind == NODE_TEXT ? tree_said(&p->tree, value) : tree_string(&p->tree, n, "");
        }
        build_put(b, one, "name", tree_said(&p->tree, key));
        build_put(b, one, "value", content);
        build_add(b, out, one);
    }
    return out;
}

static void put_raw(struct postman *p, const struct node *body, const struct node *raw, struct build_node *step,
                    const char **type)
{
    struct build *b = &p->tree.build;
    const char *language = NULL;
    const struct node *options = node_get(node_get(body, "options"), "raw");
    struct text text = TEXT_INIT;
    if (options != NULL)
        language = tree_member_text(&p->tree, options, "language");
    bool is_json = language != NULL && strcmp(language, "json") == 0;
    tree_say(&p->tree, raw, &text);
    json_t *value = is_json && strstr(text_string(&text), "${") == NULL
                        ? json_loadb((const char *)raw->text.data, raw->text.len, JSON_REJECT_DUPLICATES, NULL)
                        : NULL;
    if (value != NULL) {
        build_put(b, step, "json", build_json(b, tree_at(&p->tree, raw), value));
        text_deinit(&text);
    } else if (raw->text.len > 0) {
        build_put(b, step, "body", tree_text(&p->tree, raw, &text));
        *type = is_json                                            ? "application/json"
                : language != NULL && strcmp(language, "xml") == 0 ? "application/xml"
                                                                   : *type;
    }
    text_deinit(&text);
    json_decref(value);
}

static void put_graphql(struct postman *p, const struct node *n, struct build_node *step)
{
    struct build *b = &p->tree.build;
    const struct node *query = tree_member(&p->tree, n, "query", NODE_TEXT), *given = node_get(n, "variables");
    struct build_node *out = build_map(b, tree_at(&p->tree, n));
    if (query != NULL)
        build_put(b, out, "query", tree_said(&p->tree, query));
    if (given != NULL && given->kind == NODE_TEXT && given->text.len > 0) {
        struct text said = TEXT_INIT;
        tree_say(&p->tree, given, &said);
        json_t *value = json_loadb(text_string(&said), said.len, 0, NULL);
        if (value == NULL)
            tree_error(&p->tree, given, ERROR_SYNTAX, "the variables of a GraphQL request are no JSON");
        else
            build_put(b, out, "variables", build_json(b, tree_at(&p->tree, given), value));
        json_decref(value);
        text_deinit(&said);
    }
    build_put(b, step, "json", out);
}

void postman_put_body(struct postman *p, const struct node *body, struct build_node *step, const char **type)
{
    struct tree *t = &p->tree;
    const char *mode = body != NULL && !postman_is_off(body) ? tree_member_text(t, body, "mode") : NULL;
    const struct node *n = mode != NULL ? node_get(body, mode) : NULL;
    if (n == NULL || n->kind == NODE_NULL || (n->kind == NODE_TEXT && n->text.len == 0) ||
        (n->kind == NODE_MAP && n->map.count == 0) || (n->kind == NODE_LIST && n->list.count == 0))
        return;
    if (strcmp(mode, "raw") == 0 && n->kind == NODE_TEXT)
        put_raw(p, body, n, step, type);
    else if (strcmp(mode, "urlencoded") == 0 && n->kind == NODE_LIST)
        build_put(&t->build, step, "form", pairs(p, n));
    else if (strcmp(mode, "formdata") == 0 && n->kind == NODE_LIST)
        build_put(&t->build, step, "multipart", parts(p, n));
    else if (strcmp(mode, "graphql") == 0 && n->kind == NODE_MAP)
        put_graphql(p, n, step);
    else if (strcmp(mode, "file") == 0 && n->kind == NODE_MAP) {
        const char *name = first_file(p, n);
        if (name != NULL)
            build_put(&t->build, step, "file", tree_string(t, n, name));
    } else {
        tree_error(t, n, ERROR_UNSUPPORTED, "a body in the mode \"%s\" cannot be said in a flow", mode);
    }
}
