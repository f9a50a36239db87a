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
        {"$randomUserName", "fake.word"},
        {"$randomExampleEmail", "fake.email"},
        {"$randomNamePrefix", "fake.word"},
        {"$randomPhoneNumber", "fake.phone"},
        {"$randomStreetAddress", "fake.street"},
        {"$randomStreetName", "fake.street"},
        {"$randomCountryCode", "fake.country"},
        {"$randomWords", "fake.sentence"},
        {"$randomLoremWord", "fake.word"},
        {"$randomLoremWords", "fake.sentence"},
        {"$randomLoremSentence", "fake.sentence"},
        {"$randomLoremSentences", "fake.sentence"},
        {"$randomLoremParagraph", "fake.sentence"},
        {"$randomLoremText", "fake.sentence"},
        {"$randomPhrase", "fake.sentence"},
        {"$randomCatchPhrase", "fake.sentence"},
        {"$randomProduct", "fake.word"},
        {"$randomProductName", "fake.word"},
        {"$randomNoun", "fake.word"},
        {"$randomVerb", "fake.word"},
        {"$randomAdjective", "fake.word"},
        {"$randomPassword", "fake.uuid"},
        {"$randomAlphaNumeric", "fake.number"},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strlen(known[i][0]) == len && memcmp(known[i][0], name, len) == 0)
            return known[i][1];
    return NULL;
}

static char in_text, in_script;

void postman_use(struct postman *p, const char *name, bool script)
{
    if (map_get(&p->defined, name) != NULL || (script && map_get(&p->used, name) != NULL))
        return;
    if (!map_put(&p->used, name, script ? &in_script : &in_text))
        tree_no_memory(&p->tree);
}

void postman_say(struct tree *t, const struct node *n, struct bytes text, struct text *out)
{
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
        if (known != NULL && *name != '$')
            postman_use(p, known, false);
        at = (size_t)(end - text.data) + 2;
    }
}

void postman_leave_out(struct postman *p, const struct node *n, const char *request, const char *what, size_t len)
{
    tree_tell(&p->tree, n, "%s: left out: %.*s", request, (int)len, what);
    text_printf(&p->left_out, "\nnot imported, line %d, %s: %.*s", n->line, request, (int)len, what);
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
        if (postman_is_off(n) || key == NULL)
            continue;
        typed = typed || strcasecmp(key, "content-type") == 0;
        if (value != NULL && value->kind == NODE_TEXT)
            tree_say(&p->tree, value, &text);
        postman_put_header(p, n, headers, key, &text);
    }
    if (type != NULL && !typed) {
        struct text text = TEXT_INIT;
        text_puts(&text, type);
        postman_put_header(p, request, headers, "content-type", &text);
    }
    if (build_count(headers) > 0)
        build_put(b, step, "headers", headers);
}

static bool behaves(const struct node *item, const struct place *at, const char *key, bool usually)
{
    const struct node *n = node_get(node_get(item, "protocolProfileBehavior"), key);
    for (; n == NULL && at != NULL; at = at->around)
        n = node_get(node_get(at->owner, "protocolProfileBehavior"), key);
    return n != NULL && n->kind == NODE_BOOL ? n->boolean : usually;
}

/* Postman takes the body away where the method has none. */
static bool sends_body(const struct node *item, const struct place *at, const char *method)
{
    static const char *const without[] = {"GET", "HEAD", "COPY", "PURGE", "UNLOCK"};
    for (size_t i = 0; i < sizeof without / sizeof without[0]; i++)
        if (method == NULL || strcasecmp(method, without[i]) == 0)
            return behaves(item, at, "disableBodyPruning", false);
    return true;
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
        postman_put_url(p, url, &target);
    postman_put_auth(p, request->kind == NODE_MAP ? auth_of(request, at) : auth_of(NULL, at), s.step, headers, &target);
    build_put(b, s.step, "http", tree_text(t, url != NULL ? url : request, &target));
    build_put(b, s.step, "name", tree_string(t, item, name));
    if (request->kind == NODE_MAP && sends_body(item, at, method))
        postman_put_body(p, node_get(request, "body"), s.step, &type);
    put_headers(p, request, s.step, headers, type);
    if (behaves(item, at, "followRedirects", true))
        build_put(b, s.step, "redirects", build_bool(b, where, true));
    build_add(b, p->steps, s.step);
    scripts(p, item, at, "test", &s, false); /* what it sets stands behind the request */
}

/* Where somebody asks what is left out, a request that cannot be said is; a collection that runs as it is runs whole.
 */
static void try_request(struct postman *p, const struct node *item, const struct node *request, const char *name,
                        const struct place *at)
{
    struct tree *t = &p->tree;
    struct build_node *before = p->steps;
    p->steps = build_list(&t->build, tree_at(t, item));
    add_request(p, item, request, name, at);
    if (t->code != ERROR_UNSUPPORTED || t->told == NULL) {
        build_splice(before, p->steps);
    } else {
        struct text why = TEXT_INIT;
        text_printf(&why, "the whole request: %s", t->err != NULL ? t->err->message : "");
        error_clear(t->err);
        t->code = 0;
        postman_leave_out(p, request, name, text_string(&why), why.len);
        if (p->refused == NULL) {
            p->refused = arena_string(&p->arena, text_string(&why));
            p->refused_at = request;
        }
        if (!text_ok(&why))
            tree_no_memory(t);
        text_deinit(&why);
    }
    p->steps = before;
}

static void put_variables(struct postman *p, const struct node *root);

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
        else if (inner != NULL) {
            put_variables(p, item);
            add_items(p, inner, full, &here, depth + 1);
        } else if (request != NULL && (request->kind == NODE_MAP || request->kind == NODE_TEXT))
            try_request(p, item, request, full, at);
        else
            tree_error(t, item, ERROR_INVALID, "expected a request, or a folder with \"item\"");
    }
}

/* ---- the collection ---- */

static void put_variables(struct postman *p, const struct node *root)
{
    static char there;
    struct build_node *vars = p->vars;
    const struct node *list = tree_member(&p->tree, root, "variable", NODE_LIST);
    for (size_t i = 0; list != NULL && i < list->list.count && p->tree.code == 0; i++) {
        const struct node *n = &list->list.items[i], *value = node_get(n, "value");
        const char *key = tree_member_text(&p->tree, n, "key");
        const char *name = key != NULL && !postman_is_off(n) ? postman_variable(p, key, strlen(key)) : NULL;
        if (name != NULL && build_has(vars, name) && p->steps != NULL)
            postman_leave_out(p, n, "a folder's variable", key, strlen(key));
        if (name == NULL || map_get(&p->defined, name) != NULL)
            continue;
        if (!map_put(&p->defined, name, &there))
            tree_no_memory(&p->tree);
        build_put(&p->tree.build, vars, name,
                  value != NULL && value->kind != NODE_NULL ? tree_copy(&p->tree, value)
                                                            : tree_string(&p->tree, n, ""));
    }
}

/* What an environment of Postman would give is asked of the harness's own. Scripts may look for what nobody gave, and
 * what a script sets later is sent as its name until then. */
static void put_used(struct postman *p, const struct node *root, struct build_node *vars)
{
    struct build *b = &p->tree.build;
    for (struct map_entry *e = map_first(&p->used); e != NULL; e = map_next(e)) {
        struct text from = TEXT_INIT;
        bool text = map_get(&p->used, map_key(e)) == &in_text, set = map_get(&p->defined, map_key(e)) != NULL;
        if (set && !text) {
            build_put(b, vars, map_key(e), build_null(b, tree_at(&p->tree, root)));
            continue;
        }
        text_printf(&from, set ? "{{%s}}" : text ? "${env.%s}" : "${= env('%s', '')}", map_key(e));
        build_put(b, vars, map_key(e), tree_text(&p->tree, root, &from));
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
    p->vars = vars;
    put_variables(p, root);
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
    if (t->code == 0 && build_count(p->steps) == 0 && p->refused != NULL)
        tree_error(t, p->refused_at, ERROR_UNSUPPORTED, "no request of this collection can be said in a flow; %s",
                   p->refused);
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
    if (input.len > 3 && memcmp(input.data, "\xEF\xBB\xBF", 3) == 0) /* Postman on Windows writes one */
        input = BYTES(input.data + 3, input.len - 3);
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
