/* A service's examples (config/examples.json of Micro's services): a map of endpoints, each a list of
 *
 *     {title, description, run_check, idempotent, request, response}
 *
 * As their own live check does, an example with run_check is sent through the gateway, POST /SERVICE/ENDPOINT, and the
 * answer has to be 200; what `response` shows is for readers, for services draw ids and look at clocks. Examples
 * without run_check are not sent: they stand there to be read, and may cost money or mail somebody. */
#include "e2e/import/formats.h"
#include "e2e/import/tree.h"

#include <string.h>

struct examples {
    struct tree tree;
    struct map names;
    struct text service;
    struct build_node *flows;
};

/* "address/config/examples.json" and "address/examples.json" are of "address"; so is "address.examples.json". */
static void service_of(const char *path, struct text *out)
{
    const char *end = strrchr(path, '/'), *name = end != NULL ? end + 1 : path;
    const char *rest = strstr(name, "examples.json");
    if (rest != NULL && rest > name && (rest[-1] == '.' || rest[-1] == '-' || rest[-1] == '_')) {
        text_add(out, name, (size_t)(rest - 1 - name));
        return;
    }
    while (end != NULL) {
        const char *begin = end;
        while (begin > path && begin[-1] != '/')
            begin--;
        size_t len = (size_t)(end - begin);
        if (len > 0 && !(len == 6 && memcmp(begin, "config", 6) == 0) && !(len == 1 && *begin == '.')) {
            text_add(out, begin, len);
            return;
        }
        end = begin > path ? begin - 1 : NULL;
    }
}

static void make_flow(struct examples *e, const char *endpoint, const struct node *n, const struct node *request)
{
    struct tree *t = &e->tree;
    struct build *b = &t->build;
    size_t at = tree_at(t, n);
    struct build_node *flow = build_map(b, at), *steps = build_list(b, at), *step = build_map(b, at);
    struct build_node *expect = build_map(b, at), *tags = build_list(b, at);
    const char *title = tree_member_text(t, n, "title"), *about = tree_member_text(t, n, "description");
    struct text name = TEXT_INIT, target = TEXT_INIT;
    text_printf(&name, "%s%s%s", endpoint, title != NULL ? ": " : "", title != NULL ? title : "");
    if (!text_ok(&name))
        tree_no_memory(t);
    tree_name(t, n, flow, &e->names, text_string(&name));
    text_deinit(&name);
    if (about != NULL)
        build_put(b, flow, "about", tree_string(t, n, about));
    build_add(b, tags, build_string(b, at, "examples"));
    build_put(b, flow, "tags", tags);
    text_printf(&target, "POST /%s/%s", text_string(&e->service), endpoint);
    build_put(b, step, "http", tree_text(t, n, &target));
    build_put(b, step, "json", request != NULL ? tree_copy(t, request) : build_map(b, at));
    build_put(b, expect, "status", build_integer(b, at, 200));
    build_put(b, step, "expect", expect);
    build_add(b, steps, step);
    build_put(b, flow, "steps", steps);
    build_add(b, e->flows, flow);
}

static void read_example(struct examples *e, const char *endpoint, const struct node *n)
{
    static const char *const keys[] = {"title",   "description", "run_check",     "idempotent",
                                       "request", "response",    "shell_request", NULL};
    struct tree *t = &e->tree;
    if (n->kind != NODE_MAP) {
        tree_error(t, n, ERROR_INVALID, "an example is a map of title, run_check, request and response, and this is %s",
                   node_kind_name(n->kind));
        return;
    }
    if (t->code == 0)
        t->code = node_only_keys(n, keys, t->err);
    const struct node *check = tree_member(t, n, "run_check", NODE_BOOL),
                      *request = tree_member(t, n, "request", NODE_MAP);
    if (check != NULL && check->boolean)
        make_flow(e, endpoint, n, request);
    else
        tree_tell(t, n, "%s: left out: it has no \"run_check\": true", endpoint);
}

static bool endpoint_valid(const char *name)
{
    return name[0] != '\0' && name[strcspn(name, "/?#% \t\r\n\"${}")] == '\0';
}

static int examples_told(struct bytes input, const char *name, struct text *told, struct document **out,
                         struct error *err)
{
    struct examples e = {.tree = {.told = told}};
    struct tree *t = &e.tree;
    if (tree_begin(t, input, name, true, err) != 0)
        return t->code;
    const struct node *root = document_root(t->source);
    struct build_node *file = build_map(&t->build, 0);
    e.flows = build_list(&t->build, 0);
    service_of(name, &e.service);
    if (!text_ok(&e.service))
        tree_no_memory(t);
    else if (e.service.len == 0 || !endpoint_valid(text_string(&e.service)))
        tree_error(
            t, root, ERROR_INVALID,
            "the service is not known: it is the folder's name, as in address/config/examples.json, or stands in "
            "the file's, as in address.examples.json");
    if (root->kind != NODE_MAP)
        tree_error(t, root, ERROR_INVALID, "examples are a map of endpoints, and this is %s",
                   node_kind_name(root->kind));
    for (size_t i = 0; t->code == 0 && i < root->map.count; i++) {
        const struct node_pair *p = &root->map.pairs[i];
        if (!endpoint_valid(p->key))
            tree_error(t, &p->value, ERROR_INVALID, "\"%s\" is no endpoint's name", p->key);
        else if (p->value.kind != NODE_LIST)
            tree_error(t, &p->value, ERROR_INVALID, "%s: expected a list of examples, found %s", p->key,
                       node_kind_name(p->value.kind));
        for (size_t k = 0; t->code == 0 && k < p->value.list.count; k++)
            read_example(&e, p->key, &p->value.list.items[k]);
    }
    if (t->code == 0 && !t->build.failed && build_count(e.flows) == 0)
        tree_error(t, root, ERROR_INVALID, "no example here has \"run_check\": true: there is nothing to run");
    build_put(&t->build, file, "flows", e.flows);
    text_deinit(&e.service);
    map_deinit(&e.names);
    return tree_end(t, file, out);
}

static int examples_parse(struct bytes input, const char *name, struct document **out, struct error *err)
{
    return examples_told(input, name, NULL, out, err);
}

const struct import_format import_examples = {
    .name = "examples",
    .about = "examples.json of a service: endpoints and what is sent to them",
    .endings = "examples.json",
    .parse = examples_parse,
    .parse_told = examples_told,
};
