/* Pact files of every version into the one model. What is read is told apart by its shape where that says more than the
 * version number does: flat rules by their keys' "$", version 4's interactions by their "type". */
#include "fakes/pact/internal.h"

static int no_memory(struct pact_reader *r)
{
    return error_set(r->err, ERROR_MEMORY, "out of memory while reading a pact");
}

int pact_read_text(struct pact_reader *r, const struct node *n, const char *what, const char **out)
{
    if (n->kind != NODE_TEXT)
        return node_error(n, r->err, ERROR_INVALID, "%s: expected text, found %s", what, node_kind_name(n->kind));
    if (n->text.len > 0 && memchr(n->text.data, '\0', n->text.len) != NULL)
        return node_error(n, r->err, ERROR_INVALID, "%s: text with a zero character in it", what);
    *out = arena_string_n(r->arena, (const char *)n->text.data, n->text.len);
    return *out != NULL ? 0 : no_memory(r);
}

int pact_read_json(struct pact_reader *r, const struct node *n, json_t **out)
{
    *out = node_to_json(n);
    return *out != NULL ? 0 : no_memory(r);
}

static bool is_among(const char *word, const char *const *words)
{
    while (*words != NULL && strcmp(word, *words) != 0)
        words++;
    return *words != NULL;
}

int pact_read_extra(struct pact_reader *r, const struct node *map, const char *const *known, json_t **out)
{
    for (size_t i = 0; i < map->map.count; i++) {
        const struct node_pair *pair = &map->map.pairs[i];
        if (is_among(pair->key, known))
            continue;
        if (*out == NULL && (*out = json_object()) == NULL)
            return no_memory(r);
        if (json_object_set_new_nocheck(*out, pair->key, node_to_json(&pair->value)) != 0)
            return no_memory(r);
    }
    return 0;
}

static int need_kind(struct pact_reader *r, const struct node *n, const char *what, enum node_kind kind)
{
    if (n->kind == kind)
        return 0;
    return node_error(n, r->err, ERROR_INVALID, "%s: expected %s, found %s", what,
                      kind == NODE_MAP ? "a map" : "a list", node_kind_name(n->kind));
}

static int read_state(struct pact_reader *r, const struct node *n, struct pact_state *out)
{
    static const char *const KNOWN[] = {"name", "params", NULL};
    if (n->kind == NODE_TEXT)
        return pact_read_text(r, n, "a provider state", &out->name);
    const struct node *name, *params;
    int rc = need_kind(r, n, "a provider state", NODE_MAP);
    if (rc == 0)
        rc = node_only_keys(n, KNOWN, r->err);
    if (rc == 0 && (name = node_get(n, "name")) == NULL)
        rc = node_error(n, r->err, ERROR_INVALID, "a provider state without its \"name\"");
    if (rc == 0)
        rc = pact_read_text(r, name, "name", &out->name);
    if (rc == 0 && (params = node_get(n, "params")) != NULL && params->kind != NODE_NULL) {
        rc = need_kind(r, params, "params", NODE_MAP);
        if (rc == 0)
            rc = pact_read_json(r, params, &out->parameters);
    }
    return rc;
}

static int add_state(struct pact_reader *r, const struct node *n, struct pact_interaction *i)
{
    if (!array_push(&i->states, ((struct pact_state){0})))
        return no_memory(r);
    return read_state(r, n, array_last(&i->states));
}

static int read_states(struct pact_reader *r, const struct node *n, struct pact_interaction *i)
{
    static const char *const OLD[] = {"providerState", "provider_state"};
    const struct node *list = node_get(n, "providerStates");
    if (list != NULL && list->kind != NODE_NULL) {
        int rc = need_kind(r, list, "providerStates", NODE_LIST);
        for (size_t s = 0; rc == 0 && s < list->list.count; s++)
            rc = add_state(r, &list->list.items[s], i);
        return rc;
    }
    for (size_t o = 0; o < 2; o++) {
        const struct node *state = node_get(n, OLD[o]);
        /* Version 3's early writers put the list here. */
        if (state != NULL && state->kind == NODE_LIST) {
            int rc = 0;
            for (size_t s = 0; rc == 0 && s < state->list.count; s++)
                rc = add_state(r, &state->list.items[s], i);
            return rc;
        }
        if (state != NULL && state->kind != NODE_NULL && !(state->kind == NODE_TEXT && state->text.len == 0))
            return add_state(r, state, i);
    }
    return 0;
}

static int read_object(struct pact_reader *r, const struct node *n, const char *key, json_t **out)
{
    const struct node *value = node_get(n, key);
    if (value == NULL || value->kind == NODE_NULL)
        return 0;
    int rc = need_kind(r, value, key, NODE_MAP);
    return rc != 0 ? rc : pact_read_json(r, value, out);
}

static int add_response(struct pact_reader *r, const struct node *n, enum pact_part_kind kind,
                        struct pact_interaction *i)
{
    if (!array_push(&i->responses, ((struct pact_part){0})))
        return no_memory(r);
    return pact_read_part(r, n, kind, array_last(&i->responses));
}

static int read_http(struct pact_reader *r, const struct node *n, struct pact_interaction *i)
{
    const struct node *request = node_get(n, "request"), *response = node_get(n, "response");
    if (request == NULL || response == NULL)
        return node_error(n, r->err, ERROR_INVALID, "an HTTP interaction without its \"%s\"",
                          request == NULL ? "request" : "response");
    int rc = pact_read_part(r, request, PART_REQUEST, &i->request);
    return rc != 0 ? rc : add_response(r, response, PART_RESPONSE, i);
}

static int read_messages(struct pact_reader *r, const struct node *n, struct pact_interaction *i)
{
    const struct node *request = node_get(n, "request"), *list = node_get(n, "response");
    if (request == NULL)
        return node_error(n, r->err, ERROR_INVALID, "a message interaction without its \"request\"");
    int rc = pact_read_part(r, request, PART_MESSAGE, &i->request);
    if (rc != 0 || list == NULL)
        return rc;
    rc = need_kind(r, list, "response", NODE_LIST);
    for (size_t m = 0; rc == 0 && m < list->list.count; m++)
        rc = add_response(r, &list->list.items[m], PART_MESSAGE, i);
    return rc;
}

static int read_kind(struct pact_reader *r, const struct node *n, enum pact_kind usual, enum pact_kind *out)
{
    const struct node *type = node_get(n, "type");
    const char *name;
    *out = usual;
    if (type == NULL)
        return r->version < 4 ? 0
                              : node_error(n, r->err, ERROR_INVALID,
                                           "an interaction without its \"type\": write \"Synchronous/HTTP\", "
                                           "\"Synchronous/Messages\" or \"Asynchronous/Messages\"");
    int rc = pact_read_text(r, type, "type", &name);
    if (rc != 0)
        return rc;
    for (unsigned k = 0; pact_kind_names[k] != NULL; k++)
        if (strcmp(name, pact_kind_names[k]) == 0) {
            *out = (enum pact_kind)k;
            return 0;
        }
    return node_error(type, r->err, ERROR_INVALID,
                      "no such type of interaction: '%s'; there are Synchronous/HTTP, Synchronous/Messages and "
                      "Asynchronous/Messages",
                      name);
}

int pact_read_interaction(struct pact_reader *r, const struct node *n, enum pact_kind usual, struct pact *p)
{
    /* An event's part is the interaction itself. */
    static const char *const KNOWN[] = {"type",      "description",    "key",           "pending",
                                        "transport", "providerStates", "providerState", "provider_state",
                                        "request",   "response",       "comments",      "pluginConfiguration",
                                        NULL};
    static const char *const EVENT[] = {"type",      "description",         "key",           "pending",
                                        "transport", "providerStates",      "providerState", "provider_state",
                                        "comments",  "pluginConfiguration", "contents",      "metadata",
                                        "metaData",  "matchingRules",       "generators",    NULL};
    const struct node *at;
    int rc = need_kind(r, n, "an interaction", NODE_MAP);
    if (rc != 0)
        return rc;
    if (!array_push(&p->interactions, ((struct pact_interaction){.line = n->line, .column = n->column})))
        return no_memory(r);
    struct pact_interaction *i = array_last(&p->interactions);
    rc = read_kind(r, n, usual, &i->kind);
    if (rc == 0 && (at = node_get(n, "description")) == NULL)
        rc = node_error(n, r->err, ERROR_INVALID, "an interaction without its \"description\"");
    if (rc == 0)
        rc = pact_read_text(r, at, "description", &i->description);
    if (rc == 0 && (at = node_get(n, "key")) != NULL && at->kind != NODE_NULL)
        rc = pact_read_text(r, at, "key", &i->key);
    if (rc == 0 && (at = node_get(n, "transport")) != NULL && at->kind != NODE_NULL)
        rc = pact_read_text(r, at, "transport", &i->transport);
    if (rc == 0)
        rc = node_may_bool(n, "pending", &i->pending, r->err);
    if (rc == 0)
        rc = read_states(r, n, i);
    if (rc == 0)
        rc = read_object(r, n, "comments", &i->comments);
    if (rc == 0)
        rc = read_object(r, n, "pluginConfiguration", &i->plugin);
    if (rc == 0)
        rc = i->kind == PACT_HTTP      ? read_http(r, n, i)
             : i->kind == PACT_MESSAGE ? read_messages(r, n, i)
                                       : add_response(r, n, PART_MESSAGE, i);
    return rc != 0 ? rc : pact_read_extra(r, n, i->kind == PACT_EVENT ? EVENT : KNOWN, &i->extra);
}

static int read_party(struct pact_reader *r, const struct node *root, const char *what, const char **out)
{
    const struct node *party = node_get(root, what), *name;
    if (party == NULL)
        return node_error(root, r->err, ERROR_INVALID, "no \"%s\": a pact names both of its sides", what);
    int rc = need_kind(r, party, what, NODE_MAP);
    if (rc == 0 && (name = node_get(party, "name")) == NULL)
        rc = node_error(party, r->err, ERROR_INVALID, "%s: no \"name\"", what);
    return rc != 0 ? rc : pact_read_text(r, name, "name", out);
}

/* Where the writers of the years have put it. */
static int read_version(struct pact_reader *r, const struct node *root)
{
    static const char *const PLACES[] = {"pactSpecification", "pact-specification"};
    const struct node *metadata = node_get(root, "metadata");
    const struct node *version = node_get(metadata, "pactSpecificationVersion");
    for (size_t i = 0; version == NULL && i < 2; i++)
        version = node_get(node_get(metadata, PLACES[i]), "version");
    r->version = 1;
    if (version == NULL)
        return 0;
    const char *text;
    int rc = pact_read_text(r, version, "version", &text);
    if (rc != 0)
        return rc;
    if (text[0] < '1' || text[0] > '4' || (text[1] != '.' && text[1] != '\0'))
        return node_error(version, r->err, ERROR_UNSUPPORTED,
                          "version '%s' of the Pact specification is not implemented: 1 to 4 are", text);
    r->version = text[0] - '0';
    return 0;
}

static int read_list(struct pact_reader *r, const struct node *root, const char *key, enum pact_kind usual,
                     struct pact *p)
{
    const struct node *list = node_get(root, key);
    if (list == NULL)
        return 0;
    int rc = need_kind(r, list, key, NODE_LIST);
    for (size_t i = 0; rc == 0 && i < list->list.count; i++)
        rc = pact_read_interaction(r, &list->list.items[i], usual, p);
    return rc;
}

static int read_root(struct pact_reader *r, const struct node *root, struct pact *p)
{
    static const char *const KNOWN[] = {"consumer", "provider", "interactions", "messages", "metadata", NULL};
    int rc = need_kind(r, root, "a pact", NODE_MAP);
    if (rc == 0)
        rc = read_version(r, root);
    p->version = r->version;
    if (rc == 0)
        rc = read_party(r, root, "consumer", &p->consumer);
    if (rc == 0)
        rc = read_party(r, root, "provider", &p->provider);
    if (rc == 0 && node_get(root, "interactions") == NULL && node_get(root, "messages") == NULL)
        rc = node_error(root, r->err, ERROR_INVALID, "no \"interactions\" (nor version 3's \"messages\")");
    if (rc == 0)
        rc = read_object(r, root, "metadata", &p->metadata);
    if (rc == 0)
        rc = read_list(r, root, "interactions", PACT_HTTP, p);
    if (rc == 0)
        rc = read_list(r, root, "messages", PACT_EVENT, p);
    return rc != 0 ? rc : pact_read_extra(r, root, KNOWN, &p->extra);
}

int pact_parse(struct bytes text, const char *name, struct pact **out, struct error *err)
{
    struct document *d = NULL;
    struct pact *p = NULL;
    *out = NULL;
    int rc = document_parse_json(text, name, &d, err);
    if (rc == 0) {
        p = calloc(1, sizeof *p);
        struct pact_reader r = {.arena = p != NULL ? &p->arena : NULL, .err = err};
        if (p == NULL || (p->file = arena_string(&p->arena, name)) == NULL)
            rc = no_memory(&r);
        else
            rc = read_root(&r, document_root(d), p);
    }
    document_free(d);
    if (rc != 0)
        pact_free(p);
    else
        *out = p;
    return rc;
}
