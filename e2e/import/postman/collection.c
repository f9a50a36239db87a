/* Postman collections, v2.0 and v2.1 (schema.postman.com): folders of requests become the steps of one flow, since what
 * a script sets in one request is there in all that follow. Requests of folders are named "folder / request". */
#include "e2e/import/formats.h"
#include "e2e/import/postman/postman.h"
#include "e2e/internal.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define FOLDERS_MAX 16 /* inside each other */

/* ---- variables ---- */

const char *postman_variable(struct postman *p, const char *name, size_t len)
{
    struct text out = TEXT_INIT;
    for (size_t i = 0; i < len; i++)
        text_char(&out, isalnum((unsigned char)name[i]) ? name[i] : '_');
    if (!variable_name_valid(text_string(&out))) {
        struct text other = TEXT_INIT;
        text_printf(&other, "v_%s", text_string(&out));
        text_deinit(&out);
        out = other;
    }
    const char *kept = text_ok(&out) ? arena_string(&p->arena, text_string(&out)) : NULL;
    if (kept == NULL)
        tree_no_memory(&p->tree);
    text_deinit(&out);
    return kept;
}

static const char *dynamic(const char *name, size_t len)
{
    static const char *const known[][2] = {
        {"$guid", "fake.uuid"},
        {"$randomUUID", "fake.uuid"},
        {"$timestamp", "now.unix"},
        {"$isoTimestamp", "now"},
        {"$randomInt", "fake.number"},
        {"$randomEmail", "fake.email"},
        {"$randomFullName", "fake.name"},
        {"$randomFirstName", "fake.first_name"},
        {"$randomLastName", "fake.last_name"},
        {"$randomCity", "fake.city"},
        {"$randomWord", "fake.word"},
        {"$randomCompanyName", "fake.company"},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strlen(known[i][0]) == len && memcmp(known[i][0], name, len) == 0)
            return known[i][1];
    return NULL;
}

void postman_say(struct tree *t, const struct node *n, struct bytes text, struct text *out)
{
    static char there;
    struct postman *p = t->arg;
    for (size_t at = 0; at < text.len && t->code == 0;) {
        const uint8_t *end = NULL;
        if (text.len - at > 4 && text.data[at] == '{' && text.data[at + 1] == '{')
            end = memchr(text.data + at, '}', text.len - at);
        if (end == NULL || end + 1 >= text.data + text.len || end[1] != '}') {
            if (text.data[at] == '$' && at + 1 < text.len && text.data[at + 1] == '{')
                text_char(out, '$');
            text_char(out, (char)text.data[at++]);
            continue;
        }
        const char *name = (const char *)text.data + at + 2;
        size_t len = (size_t)(end - text.data) - at - 2;
        const char *known = *name == '$' ? dynamic(name, len) : postman_variable(p, name, len);
        if (known == NULL)
            tree_error(t, n, ERROR_UNSUPPORTED, "{{%.*s}} of Postman cannot be said in a flow", (int)len, name);
        else
            text_printf(out, "${%s}", known);
        if (known != NULL && *name != '$' && !map_put(&p->used, known, &there))
            tree_no_memory(t);
        at = (size_t)(end - text.data) + 2;
    }
}

void postman_leave_out(struct postman *p, const struct node *n, const char *request, const char *what, size_t len)
{
    tree_tell(&p->tree, n, "%s: left out of its script: %.*s", request, (int)len, what);
    text_printf(&p->left_out, "\nnot imported, line %d, %s: %.*s", n->line, request, (int)len, what);
}

/* ---- parts of a request ---- */

static bool is_off(const struct node *n)
{
    const struct node *off = node_get(n, "disabled");
    return off != NULL && off->kind == NODE_BOOL && off->boolean;
}

static bool starts_word(const char *text, const char *word)
{
    size_t len = strlen(word);
    return strncmp(text, word, len) == 0 && !isalnum((unsigned char)text[len]) && text[len] != '_';
}

/* /users/:id with the values of `variable`. */
static void put_url(struct postman *p, const struct node *url, struct text *out)
{
    struct tree *t = &p->tree;
    const struct node *raw = url->kind == NODE_MAP ? tree_member(t, url, "raw", NODE_TEXT) : url;
    const struct node *list = url->kind == NODE_MAP ? tree_member(t, url, "variable", NODE_LIST) : NULL;
    struct text whole = TEXT_INIT;
    if (raw == NULL || raw->kind != NODE_TEXT) {
        tree_error(t, url, ERROR_INVALID, "a request's url is a text, or a map with \"raw\"");
        return;
    }
    const char *text = (const char *)raw->text.data;
    bool bare = raw->text.len > 0 && strstr(text, "://") == NULL && strncmp(text, "{{", 2) != 0;
    text_puts(&whole, bare ? "http://" : "");
    for (const char *c = text; *c != '\0'; c++) {
        const struct node *value = NULL;
        size_t len = 0;
        for (size_t i = 0; *c == ':' && c > text && c[-1] == '/' && list != NULL && i < list->list.count; i++) {
            const char *key = tree_member_text(t, &list->list.items[i], "key");
            if (key != NULL && starts_word(c + 1, key)) {
                value = tree_member(t, &list->list.items[i], "value", NODE_TEXT);
                len = strlen(key);
            }
        }
        if (value != NULL) {
            text_add(&whole, value->text.data, value->text.len);
            c += len;
        } else {
            text_char(&whole, *c);
        }
    }
    postman_say(t, raw, text_bytes(&whole), out);
    out->failed = out->failed || !text_ok(&whole);
    text_deinit(&whole);
}

/* [{key, value}] as a list of {name, value}. */
static struct build_node *pairs(struct postman *p, const struct node *list)
{
    struct build *b = &p->tree.build;
    struct build_node *out = build_list(b, tree_at(&p->tree, list));
    for (size_t i = 0; i < list->list.count && p->tree.code == 0; i++) {
        const struct node *n = &list->list.items[i], *key = tree_member(&p->tree, n, "key", NODE_TEXT);
        const struct node *value = node_get(n, "value");
        if (is_off(n) || key == NULL)
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

static const char *first_file(struct postman *p, const struct node *n)
{
    const struct node *src = node_get(n, "src");
    if (src != NULL && src->kind == NODE_LIST && src->list.count == 1)
        src = &src->list.items[0];
    if (src != NULL && src->kind == NODE_TEXT)
        return (const char *)src->text.data;
    tree_error(&p->tree, n, ERROR_UNSUPPORTED, "a file that is sent has its name in \"src\", one name");
    return NULL;
}

static struct build_node *parts(struct postman *p, const struct node *list)
{
    struct build *b = &p->tree.build;
    struct build_node *out = build_map(b, tree_at(&p->tree, list));
    for (size_t i = 0; i < list->list.count && p->tree.code == 0; i++) {
        const struct node *n = &list->list.items[i], *value = node_get(n, "value");
        const char *key = tree_member_text(&p->tree, n, "key"), *type = tree_member_text(&p->tree, n, "type");
        if (is_off(n) || key == NULL)
            continue;
        if (build_has(out, key))
            tree_error(&p->tree, n, ERROR_UNSUPPORTED,
                       "two parts of a form with the name \"%s\" cannot be said in a flow", key);
        if (type != NULL && strcmp(type, "file") == 0) {
            struct build_node *file = build_map(b, tree_at(&p->tree, n));
            const char *name = first_file(p, n);
            if (name != NULL)
                build_put(b, file, "file", tree_string(&p->tree, n, name));
            build_put(b, out, key, file);
        } else {
            build_put(b, out, key,
                      value != NULL && value->kind == NODE_TEXT ? tree_said(&p->tree, value)
                                                                : tree_string(&p->tree, n, ""));
        }
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

static void put_body(struct postman *p, const struct node *body, struct build_node *step, const char **type)
{
    struct tree *t = &p->tree;
    const char *mode = body != NULL && !is_off(body) ? tree_member_text(t, body, "mode") : NULL;
    const struct node *n = mode != NULL ? node_get(body, mode) : NULL;
    if (n == NULL || n->kind == NODE_NULL)
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

/* ---- who calls ---- */

/* v2.1: a list of {key, value}; v2.0: a map. */
static void auth_value(struct postman *p, const struct node *from, const char *key, struct text *out)
{
    const struct node *value = node_get(from, key);
    for (size_t i = 0; from != NULL && from->kind == NODE_LIST && i < from->list.count; i++) {
        const struct node *name = node_get(&from->list.items[i], "key");
        if (name != NULL && name->kind == NODE_TEXT && bytes_is(name->text, key))
            value = node_get(&from->list.items[i], "value");
    }
    if (value != NULL && value->kind == NODE_TEXT)
        tree_say(&p->tree, value, out);
}

static void put_header(struct postman *p, const struct node *n, struct build_node *headers, const char *name,
                       struct text *value)
{
    struct build *b = &p->tree.build;
    struct build_node *one = build_map(b, tree_at(&p->tree, n));
    build_put(b, one, "name", tree_string(&p->tree, n, name));
    build_put(b, one, "value", tree_text(&p->tree, n, value));
    build_add(b, headers, one);
}

static void put_auth(struct postman *p, const struct node *auth, struct build_node *step, struct build_node *headers,
                     struct text *url)
{
    struct tree *t = &p->tree;
    const char *type = auth != NULL ? tree_member_text(t, auth, "type") : NULL;
    const struct node *of = type != NULL ? node_get(auth, type) : NULL;
    struct text value = TEXT_INIT, name = TEXT_INIT, where = TEXT_INIT;
    if (type == NULL || strcmp(type, "noauth") == 0)
        return;
    if (strcmp(type, "bearer") == 0) {
        text_puts(&value, "Bearer ");
        auth_value(p, of, "token", &value);
        put_header(p, auth, headers, "authorization", &value);
    } else if (strcmp(type, "oauth2") == 0) { /* with the token that was given: none is fetched */
        auth_value(p, of, "accessToken", &value);
        auth_value(p, of, "addTokenTo", &where);
        auth_value(p, of, "headerPrefix", &name);
        if (value.len == 0)
            tree_error(t, auth, ERROR_UNSUPPORTED,
                       "oauth2 without an \"accessToken\": a flow fetches none; put {{token}} there, and give it with "
                       "--variable");
        if (strcmp(text_string(&where), "queryParams") == 0) {
            text_printf(url, "%caccess_token=%s", strchr(text_string(url), '?') != NULL ? '&' : '?',
                        text_string(&value));
        } else {
            while (name.len > 0 && name.data[name.len - 1] == ' ')
                text_truncate(&name, name.len - 1);
            if (name.len == 0)
                text_puts(&name, "Bearer");
            text_printf(&name, " %s", text_string(&value));
            put_header(p, auth, headers, "authorization", &name);
        }
    } else if (strcmp(type, "digest") == 0) {
        struct build_node *curl = build_map(&t->build, tree_at(t, auth));
        auth_value(p, of, "username", &value);
        text_char(&value, ':');
        auth_value(p, of, "password", &value);
        build_put(&t->build, curl, "auth", tree_string(t, auth, "digest"));
        build_put(&t->build, curl, "user", tree_text(t, auth, &value));
        build_put(&t->build, step, "curl", curl);
    } else if (strcmp(type, "basic") == 0) {
        auth_value(p, of, "username", &value);
        text_char(&value, ':');
        auth_value(p, of, "password", &value);
        build_put(&t->build, step, "user", tree_text(t, auth, &value));
    } else if (strcmp(type, "apikey") == 0) {
        auth_value(p, of, "key", &name);
        auth_value(p, of, "value", &value);
        auth_value(p, of, "in", &where);
        if (strcmp(text_string(&where), "query") == 0)
            text_printf(url, "%c%s=%s", strchr(text_string(url), '?') != NULL ? '&' : '?', text_string(&name),
                        text_string(&value));
        else
            put_header(p, auth, headers, text_string(&name), &value);
    } else {
        tree_error(t, auth, ERROR_UNSUPPORTED,
                   "auth of the type \"%s\" cannot be said in a flow; bearer, basic, digest, apikey and oauth2 with a "
                   "token can",
                   type);
    }
    text_deinit(&value);
    text_deinit(&name);
    text_deinit(&where);
}

/* ---- requests and folders ---- */

struct place {
    const struct node *owner; /* folder or collection, with its auth and scripts */
    const struct place *around;
};

static const struct node *auth_of(const struct node *request, const struct place *at)
{
    const struct node *auth = node_get(request, "auth");
    for (; (auth == NULL || auth->kind != NODE_MAP) && at != NULL; at = at->around)
        auth = node_get(at->owner, "auth");
    return auth != NULL && auth->kind == NODE_MAP ? auth : NULL;
}

static void run_scripts(struct postman *p, const struct node *owner, const char *listen, struct postman_step *s,
                        bool before)
{
    const struct node *events = tree_member(&p->tree, owner, "event", NODE_LIST);
    for (size_t i = 0; events != NULL && i < events->list.count; i++) {
        const char *when = tree_member_text(&p->tree, &events->list.items[i], "listen");
        if (when != NULL && strcmp(when, listen) == 0)
            postman_script(p, &events->list.items[i], s, before);
    }
}

/* Those of the collection first, then those of folders, then the request's. */
static void scripts(struct postman *p, const struct node *item, const struct place *at, const char *listen,
                    struct postman_step *s, bool before)
{
    if (at != NULL)
        scripts(p, at->owner, at->around, listen, s, before);
    run_scripts(p, item, listen, s, before);
}

static void put_headers(struct postman *p, const struct node *request, struct build_node *step,
                        struct build_node *headers, const char *type)
{
    const struct node *given = request->kind == NODE_MAP ? tree_member(&p->tree, request, "header", NODE_LIST) : NULL;
    struct build *b = &p->tree.build;
    bool typed = false;
    for (size_t i = 0; given != NULL && i < given->list.count; i++) {
        const struct node *n = &given->list.items[i], *value = node_get(n, "value");
        const char *key = tree_member_text(&p->tree, n, "key");
        struct text text = TEXT_INIT;
        if (is_off(n) || key == NULL)
            continue;
        typed = typed || strcasecmp(key, "content-type") == 0;
        if (value != NULL && value->kind == NODE_TEXT)
            tree_say(&p->tree, value, &text);
        put_header(p, n, headers, key, &text);
    }
    if (type != NULL && !typed) {
        struct text text = TEXT_INIT;
        text_puts(&text, type);
        put_header(p, request, headers, "content-type", &text);
    }
    if (build_count(headers) > 0)
        build_put(b, step, "headers", headers);
}

static void add_request(struct postman *p, const struct node *item, const struct node *request, const char *name,
                        const struct place *at)
{
    struct tree *t = &p->tree;
    struct build *b = &t->build;
    size_t where = tree_at(t, item);
    struct postman_step s = {.step = build_map(b, where), .name = name};
    struct build_node *headers = build_list(b, where);
    const struct node *url = request->kind == NODE_MAP ? node_get(request, "url") : request;
    const char *method = request->kind == NODE_MAP ? tree_member_text(t, request, "method") : NULL, *type = NULL;
    struct text target = TEXT_INIT;
    scripts(p, item, at, "prerequest", &s, true);
    text_printf(&target, "%s ", method != NULL ? method : "GET");
    if (url == NULL)
        tree_error(t, request, ERROR_INVALID, "a request has a \"url\"");
    else
        put_url(p, url, &target);
    put_auth(p, request->kind == NODE_MAP ? auth_of(request, at) : auth_of(NULL, at), s.step, headers, &target);
    build_put(b, s.step, "http", tree_text(t, url != NULL ? url : request, &target));
    build_put(b, s.step, "name", tree_string(t, item, name));
    if (request->kind == NODE_MAP)
        put_body(p, node_get(request, "body"), s.step, &type);
    put_headers(p, request, s.step, headers, type);
    build_put(b, s.step, "redirects", build_bool(b, where, true));
    build_add(b, p->steps, s.step);
    scripts(p, item, at, "test", &s, false); /* what it sets stands behind the request */
}

static void add_items(struct postman *p, const struct node *list, const char *prefix, const struct place *at, int depth)
{
    struct tree *t = &p->tree;
    if (depth > FOLDERS_MAX)
        tree_error(t, list, ERROR_LIMIT, "more than %d folders inside each other", FOLDERS_MAX);
    for (size_t i = 0; i < list->list.count && t->code == 0; i++) {
        const struct node *item = &list->list.items[i], *inner = tree_member(t, item, "item", NODE_LIST);
        const struct node *request = node_get(item, "request");
        const char *name = tree_member_text(t, item, "name");
        const char *full =
            arena_printf(&p->arena, "%s%s%s", prefix, prefix[0] != '\0' ? " / " : "", name != NULL ? name : "unnamed");
        const struct place here = {.owner = item, .around = at};
        if (full == NULL)
            tree_no_memory(t);
        else if (inner != NULL)
            add_items(p, inner, full, &here, depth + 1);
        else if (request != NULL && (request->kind == NODE_MAP || request->kind == NODE_TEXT))
            add_request(p, item, request, full, at);
        else
            tree_error(t, item, ERROR_INVALID, "expected a request, or a folder with \"item\"");
    }
}

/* ---- the collection ---- */

static void put_variables(struct postman *p, const struct node *root, struct build_node *vars)
{
    static char there;
    const struct node *list = tree_member(&p->tree, root, "variable", NODE_LIST);
    for (size_t i = 0; list != NULL && i < list->list.count && p->tree.code == 0; i++) {
        const struct node *n = &list->list.items[i], *value = node_get(n, "value");
        const char *key = tree_member_text(&p->tree, n, "key");
        const char *name = key != NULL && !is_off(n) ? postman_variable(p, key, strlen(key)) : NULL;
        if (name == NULL || map_get(&p->defined, name) != NULL)
            continue;
        if (!map_put(&p->defined, name, &there))
            tree_no_memory(&p->tree);
        build_put(&p->tree.build, vars, name,
                  value != NULL && value->kind != NODE_NULL ? tree_copy(&p->tree, value)
                                                            : tree_string(&p->tree, n, ""));
    }
}

/* What an environment of Postman would give is asked of the harness's own. */
static void put_used(struct postman *p, const struct node *root, struct build_node *vars)
{
    for (struct map_entry *e = map_first(&p->used); e != NULL; e = map_next(e)) {
        struct text from = TEXT_INIT;
        if (map_get(&p->defined, map_key(e)) != NULL)
            continue;
        text_printf(&from, "${env.%s}", map_key(e));
        build_put(&p->tree.build, vars, map_key(e), tree_text(&p->tree, root, &from));
    }
}

static struct build_node *make_flow(struct postman *p, const struct node *root)
{
    struct tree *t = &p->tree;
    struct build *b = &t->build;
    struct build_node *flow = build_map(b, 0), *vars = build_map(b, 0);
    const struct node *info = tree_member(t, root, "info", NODE_MAP), *items = tree_member(t, root, "item", NODE_LIST);
    const char *schema = info != NULL ? tree_member_text(t, info, "schema") : NULL;
    const char *name = info != NULL ? tree_member_text(t, info, "name") : NULL;
    struct map names = MAP_INIT;
    if (schema == NULL || (strstr(schema, "v2.0") == NULL && strstr(schema, "v2.1") == NULL)) {
        tree_error(t, info != NULL ? info : root, ERROR_UNSUPPORTED,
                   "expected a Postman collection, whose info.schema says v2.0 or v2.1");
        return flow;
    }
    if (items == NULL || items->list.count == 0) {
        tree_error(t, root, ERROR_INVALID, "there are no requests in this collection: \"item\" is missing or empty");
        return flow;
    }
    tree_name(t, info, flow, &names, name != NULL ? name : "");
    map_deinit(&names);
    put_variables(p, root, vars);
    p->steps = build_list(b, tree_at(t, items));
    const struct place top = {.owner = root};
    add_items(p, items, "", &top, 0);
    put_used(p, root, vars);
    if (p->left_out.len > 0) {
        struct text about = TEXT_INIT;
        text_add(&about, p->left_out.data + 1, p->left_out.len - 1);
        build_put(b, flow, "about", tree_text(t, info, &about));
    }
    if (!text_ok(&p->left_out))
        tree_no_memory(t);
    if (build_count(vars) > 0)
        build_put(b, flow, "vars", vars);
    if (t->code == 0 && build_count(p->steps) == 0)
        tree_error(t, items, ERROR_INVALID, "there are no requests in this collection");
    build_put(b, flow, "steps", p->steps);
    return flow;
}

static int postman_told(struct bytes input, const char *name, struct text *told, struct document **out,
                        struct error *err)
{
    struct postman p = {.tree = {.told = told, .say = postman_say}};
    p.tree.arg = &p;
    if (tree_begin(&p.tree, input, name, true, err) != 0)
        return p.tree.code;
    struct build_node *flow = make_flow(&p, document_root(p.tree.source));
    map_deinit(&p.defined);
    map_deinit(&p.used);
    text_deinit(&p.left_out);
    arena_deinit(&p.arena);
    return tree_end(&p.tree, flow, out);
}

static int postman_parse(struct bytes input, const char *name, struct document **out, struct error *err)
{
    return postman_told(input, name, NULL, out, err);
}

const struct import_format import_postman = {
    .name = "postman",
    .about = "Postman collections, v2.0 and v2.1",
    .endings = ".postman_collection.json",
    .parse = postman_parse,
    .parse_told = postman_told,
};
