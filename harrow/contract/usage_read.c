/* Pacts and flows, as far as they name methods and fields. */
#include "fakes/consumer/plugin.h"

#include "base/json_text.h"
#include "harrow/contract/usage.h"

#include <stdlib.h>
#include <string.h>

#define FILE_MAX ((size_t)64 << 20)

static int no_memory(struct error *err)
{
    return error_set(err, ERROR_MEMORY, "out of memory");
}

/* ---- flows ---- */

struct reading {
    struct usage *usage;
    const char *file, *who;
    const char *provider;       /* of a contract */
    const struct node *doubles; /* name -> service */
};

static const char *text_at(const struct node *map, const char *key)
{
    const struct node *n = node_get(map, key);
    return n != NULL && n->kind == NODE_TEXT ? (const char *)n->text.data : NULL;
}

static bool may_message(struct usage *u, const struct schema_element *message, const struct node *n,
                        const struct usage_by *by)
{
    return message == NULL || n == NULL || usage_message(u, message, n, by);
}

static bool read_captures(const struct reading *r, const struct schema_element *output, const struct node *captures,
                          const struct usage_by *by)
{
    static const char *const bodies[] = {"$.body", "$.messages"};
    bool ok = true;
    for (size_t i = 0; ok && captures != NULL && captures->kind == NODE_MAP && i < captures->map.count; i++) {
        const struct node *n = &captures->map.pairs[i].value;
        const char *path = n->kind == NODE_TEXT ? (const char *)n->text.data : "";
        for (size_t k = 0; ok && k < 2; k++)
            if (strncmp(path, bodies[k], strlen(bodies[k])) == 0)
                ok = usage_path(r->usage, output, path + strlen(bodies[k]), n, by);
    }
    return ok;
}

static bool read_call(const struct reading *r, const struct node *step, const char *path)
{
    static const char *const bodies[] = {"body", "exactly", "messages"};
    const struct schema_element *input, *output;
    const struct node *expect = node_get(step, "expect");
    struct usage_by by = {.who = r->who, .file = r->file, .verb = USAGE_CALLS};
    bool ok = usage_call(r->usage, path, &by, node_get(step, "call"), &input, &output);
    by.verb = USAGE_SENDS;
    ok = ok && may_message(r->usage, input, node_get(step, "request"), &by);
    by.verb = USAGE_READS;
    for (size_t i = 0; ok && i < sizeof bodies / sizeof *bodies; i++)
        ok = may_message(r->usage, output, expect != NULL ? node_get(expect, bodies[i]) : NULL, &by);
    return ok && (output == NULL || read_captures(r, output, node_get(step, "capture"), &by));
}

/* What the provider under test asks a double (`sent`), and is answered. */
static bool read_double(const struct reading *r, const char *name, const struct node *at, const struct node *sent,
                        const struct node *reply)
{
    const char *service = r->doubles != NULL ? text_at(r->doubles, name) : NULL, *method = text_at(at, "method");
    const struct schema_element *input, *output;
    struct usage_by by = {.who = r->provider, .file = r->file, .verb = USAGE_CALLS};
    if (service == NULL || method == NULL || r->provider == NULL)
        return true;
    char *path = arena_printf(&r->usage->arena, "%s/%s", service, method);
    bool ok = path != NULL && usage_call(r->usage, path, &by, node_get(at, "method"), &input, &output);
    by.verb = USAGE_SENDS;
    ok = ok && may_message(r->usage, input, sent, &by);
    by.verb = USAGE_READS;
    return ok && may_message(r->usage, output, reply, &by);
}

static bool read_answers(const struct reading *r, const char *name, const struct node *answer)
{
    bool ok = true;
    if (answer == NULL || answer->kind != NODE_LIST)
        return answer == NULL || read_double(r, name, answer, NULL, node_get(answer, "reply"));
    for (size_t i = 0; ok && i < answer->list.count; i++)
        ok = read_answers(r, name, &answer->list.items[i]);
    return ok;
}

static bool read_verify(const struct reading *r, const char *name, const struct node *step)
{
    const struct node *count = node_get(step, "count");
    bool never = count != NULL && count->kind == NODE_INTEGER && count->integer == 0;
    return never || read_double(r, name, step, node_get(step, "requests"), NULL);
}

/* Steps stand in lists, and in whatever steps are put together of; data is none. */
static bool is_data(const char *key)
{
    static const char *const keys[] = {"request", "requests", "expect",  "capture",  "vars",   "set",        "json",
                                       "form",    "body",     "headers", "metadata", "answer", "environment"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (strcmp(key, keys[i]) == 0)
            return true;
    return false;
}

static bool read_node(struct reading r, const struct node *n)
{
    bool ok = true;
    for (size_t i = 0; ok && n->kind == NODE_LIST && i < n->list.count; i++)
        ok = read_node(r, &n->list.items[i]);
    if (n->kind != NODE_MAP)
        return ok;
    const char *flow = text_at(n, "flow"), *contract = text_at(n, "contract"), *name;
    if (flow != NULL || contract != NULL) {
        r.who =
            arena_printf(&r.usage->arena, "%s %s", flow != NULL ? "flow" : "contract", flow != NULL ? flow : contract);
        const char *provider = text_at(n, "provider");
        r.provider = provider != NULL ? arena_string(&r.usage->arena, provider) : NULL;
        r.doubles = node_get(n, "doubles");
        r.usage->flows++;
        ok = r.who != NULL && (provider == NULL || r.provider != NULL);
    }
    if (r.who != NULL && ok) {
        if ((name = text_at(n, "call")) != NULL)
            ok = read_call(&r, n, name);
        else if ((name = text_at(n, "verify")) != NULL)
            ok = read_verify(&r, name, n);
        else if ((name = text_at(n, "double")) != NULL)
            ok = read_answers(&r, name, node_get(n, "answer"));
    }
    for (size_t i = 0; ok && i < n->map.count; i++)
        if (!is_data(n->map.pairs[i].key))
            ok = read_node(r, &n->map.pairs[i].value);
    return ok;
}

int usage_add_flows(struct usage *u, struct bytes text, const char *name, struct error *err)
{
    struct document *d = NULL;
    struct reading r = {.usage = u, .file = arena_string(&u->arena, name)};
    if (r.file == NULL)
        return no_memory(err);
    int code = document_parse(text, name, &d, err);
    if (code == 0 && !read_node(r, document_root(d)))
        code = no_memory(err);
    document_free(d);
    return code;
}

/* ---- pacts ---- */

/* Takes the value. */
static int read_json(struct usage *u, const struct schema_element *message, json_t *value, const struct usage_by *by,
                     struct error *err)
{
    struct document *d = NULL;
    char *dump = value != NULL ? json_text_of(value, 0) : NULL;
    int code = dump == NULL && value != NULL ? no_memory(err) : 0;
    if (code == 0 && dump != NULL)
        code = document_parse_json(bytes_of(dump), by->file, &d, err);
    if (d != NULL && !usage_message(u, message, document_root(d), by))
        code = no_memory(err);
    document_free(d);
    free(dump);
    json_decref(value);
    return code;
}

static int read_requests(struct usage *u, const struct pact_interaction *i, const struct pb_method *method,
                         const struct schema_element *input, const struct usage_by *by, struct error *err)
{
    struct plugin_messages messages = {0};
    int code = plugin_requests(i, &messages, err);
    for (size_t k = 0; code == 0 && k < messages.items.count; k++) {
        struct pact_content c = {.presence = PACT_THERE, .bytes = text_bytes(&messages.items.items[k])};
        code = pact_content_decode(&c, method->input, false, err);
        if (code == 0)
            code = read_json(u, input, c.json, by, err);
        else
            json_decref(c.json);
    }
    plugin_messages_deinit(&messages);
    return code;
}

static int read_responses(struct usage *u, const struct pact_interaction *i, const struct pb_method *method,
                          const struct schema_element *output, const struct usage_by *by, struct error *err)
{
    int code = 0;
    for (size_t k = 0; code == 0 && k < i->responses.count; k++) {
        const struct pact_part *part = &i->responses.items[k];
        json_t *expected = NULL;
        if (part->content.presence != PACT_THERE)
            continue;
        code = plugin_expected(method->output, part->content.bytes, part, &expected, err);
        if (code == 0)
            code = read_json(u, output, expected, by, err);
    }
    return code;
}

static int read_grpc(struct usage *u, const struct pact *pact, const struct pact_interaction *i, struct usage_by by,
                     const struct node *at, struct error *err)
{
    struct pb_pool *pool = NULL;
    struct error none = ERROR_INIT;
    const struct schema_element *input = NULL, *output = NULL;
    const char *service = plugin_service(i);
    int code = service == NULL ? ERROR_NOT_FOUND : plugin_pool(pact, i, &pool, &none);
    error_clear(&none); /* a pact without contracts still says which method */
    if (code == ERROR_MEMORY)
        return no_memory(err);
    const struct pb_method *method = code == 0 ? plugin_method(pool, service) : NULL;
    code = service == NULL || usage_call(u, method != NULL ? method->path + 1 : service, &by, at, &input, &output)
               ? 0
               : no_memory(err);
    by.verb = USAGE_SENDS;
    if (code == 0 && method != NULL && input != NULL)
        code = read_requests(u, i, method, input, &by, err);
    by.verb = USAGE_READS;
    if (code == 0 && method != NULL && output != NULL)
        code = read_responses(u, i, method, output, &by, err);
    pb_pool_free(pool);
    return code;
}

/* A double's door for JSON: POST /shop.Shop/Buy. */
static int read_http(struct usage *u, const struct pact_interaction *i, struct usage_by by, const struct node *at,
                     struct error *err)
{
    const struct schema_element *input = NULL, *output = NULL;
    if (i->request.path == NULL || i->request.path[0] != '/')
        return 0;
    int code = usage_call(u, i->request.path + 1, &by, at, &input, &output) ? 0 : no_memory(err);
    by.verb = USAGE_SENDS;
    if (code == 0 && input != NULL)
        code = read_json(u, input, json_incref(i->request.content.json), &by, err);
    by.verb = USAGE_READS;
    for (size_t k = 0; code == 0 && output != NULL && k < i->responses.count; k++)
        code = read_json(u, output, json_incref(i->responses.items[k].content.json), &by, err);
    return code;
}

int usage_add_pact(struct usage *u, struct bytes text, const char *name, struct error *err)
{
    struct pact *pact = NULL;
    int code = pact_parse(text, name, &pact, err);
    if (code != 0)
        return code;
    struct usage_by by = {.who = arena_string(&u->arena, pact->consumer), .file = arena_string(&u->arena, name)};
    if (by.who == NULL || by.file == NULL)
        code = no_memory(err);
    for (size_t i = 0; code == 0 && i < pact->interactions.count; i++) {
        const struct pact_interaction *one = &pact->interactions.items[i];
        const struct node at = {.line = one->line, .column = one->column};
        by.line = one->line > 0 ? one->line : 1;
        by.column = one->column > 0 ? one->column : 1;
        if (plugin_is_grpc(one))
            code = read_grpc(u, pact, one, by, &at, err);
        else if (one->kind == PACT_HTTP)
            code = read_http(u, one, by, &at, err);
    }
    u->pacts += code == 0;
    pact_free(pact);
    return code;
}

/* ---- files ---- */

struct walk {
    struct usage *usage;
    struct world *world;
    bool pacts, all; /* all: whatever its name is */
    struct error *err;
};

static bool ends_with(const char *path, const char *ending)
{
    size_t len = strlen(path), n = strlen(ending);
    return len >= n && strcmp(path + len - n, ending) == 0;
}

/* Folders of pacts hold other things as well, such as a broker's records, which have no consumer with a name. */
static bool is_pact(struct bytes text)
{
    json_t *root = json_loadb((const char *)text.data, text.len, 0, NULL);
    bool other = json_is_object(root) && !json_is_object(json_object_get(root, "consumer"));
    json_decref(root);
    return !other;
}

static int read_file(void *arg, const char *path)
{
    const struct walk *w = arg;
    struct text text = TEXT_INIT;
    if (!w->all && !(w->pacts ? ends_with(path, ".json") : ends_with(path, ".yaml") || ends_with(path, ".yml")))
        return 0;
    int code = world_read_file(w->world, path, FILE_MAX, &text, w->err);
    if (code == 0 && !w->pacts)
        code = usage_add_flows(w->usage, text_bytes(&text), path, w->err);
    else if (code == 0 && (w->all || is_pact(text_bytes(&text))))
        code = usage_add_pact(w->usage, text_bytes(&text), path, w->err);
    text_deinit(&text);
    return code;
}

static int read_tree(struct walk *w, const char *path, const size_t *count, const char *what)
{
    struct world_stat stat = {0};
    size_t before = *count;
    int code = world_stat(w->world, path, &stat);
    if (code != 0 || !stat.exists)
        return error_set(w->err, ERROR_NOT_FOUND, "%s: there is no such file; expected a %s or a folder of them", path,
                         what);
    w->all = !stat.directory;
    code = stat.directory ? world_walk(w->world, path, read_file, w, w->err) : read_file(w, path);
    if (code == 0 && *count == before)
        return error_set(w->err, ERROR_NOT_FOUND, "%s: there is no %s here, so nothing is known to be used", path,
                         what);
    return code;
}

int usage_add_pacts(struct usage *u, struct world *w, const char *path, struct error *err)
{
    struct walk walk = {.usage = u, .world = w, .pacts = true, .err = err};
    return read_tree(&walk, path, &u->pacts, "pact");
}

int usage_add_flow_files(struct usage *u, struct world *w, const char *path, struct error *err)
{
    struct walk walk = {.usage = u, .world = w, .err = err};
    return read_tree(&walk, path, &u->flows, "flow");
}
