/* One record and its file. */
#include "base/json_text.h"
#include "fakes/broker/internal.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_BYTES 200 /* encoded; a file's name may have 255 */

const char *const pact_broker_folders[BROKER_KINDS] = {[BROKER_PUBLICATION] = "publications",
                                                       [BROKER_BRANCH] = "branches",
                                                       [BROKER_TAG] = "tags",
                                                       [BROKER_RESULT] = "results",
                                                       [BROKER_DEPLOYMENT] = "deployments"};

/* What each kind's members are called in its file; NULL: it has none. */
static const struct members {
    const char *component, *provider, *version, *name, *pact, *time;
    bool may_lack_name, judges;
} members[BROKER_KINDS] = {
    [BROKER_PUBLICATION] = {"consumer", "provider", "version", NULL, "pact", "published", false, false},
    [BROKER_BRANCH] = {"component", NULL, "version", "branch", NULL, "since", false, false},
    [BROKER_TAG] = {"component", NULL, "version", "tag", NULL, "since", false, false},
    [BROKER_RESULT] = {"consumer", "provider", "version", "branch", "pact", "verified", true, true},
    [BROKER_DEPLOYMENT] = {"component", NULL, "version", "environment", NULL, "deployed", false, false},
};

/* ---- paths ------------------------------------------------------------------------------------------------------ */

static void add_name(struct text *out, const char *name)
{
    text_char(out, '/');
    for (const unsigned char *c = (const unsigned char *)name; *c != '\0'; c++) {
        bool plain = isalnum(*c) || *c == '_' || *c == '-' || *c == '+' || (*c == '.' && (const char *)c != name);
        if (plain)
            text_char(out, (char)*c);
        else
            text_printf(out, "%%%02X", *c);
    }
}

void pact_broker_record_path(const struct pact_broker_record *r, struct text *out)
{
    text_puts(out, pact_broker_folders[r->kind]);
    switch (r->kind) {
    case BROKER_PUBLICATION:
        add_name(out, r->component);
        add_name(out, r->provider);
        add_name(out, r->version);
        break;
    case BROKER_RESULT:
        add_name(out, r->provider);
        add_name(out, r->version);
        add_name(out, r->pact);
        break;
    case BROKER_DEPLOYMENT:
        add_name(out, r->name);
        add_name(out, r->component);
        break;
    case BROKER_BRANCH:
    case BROKER_TAG:
    case BROKER_KINDS:
    default:
        add_name(out, r->component);
        add_name(out, r->name);
        add_name(out, r->version);
    }
    text_puts(out, ".json");
}

/* ---- writing ---------------------------------------------------------------------------------------------------- */

static bool put(json_t *object, const char *member, const char *value)
{
    return member == NULL || value == NULL || json_object_set_new(object, member, json_string(value)) == 0;
}

bool pact_broker_record_write(const struct pact_broker_record *r, struct text *out)
{
    const struct members *m = &members[r->kind];
    json_t *object = json_object();
    bool ok = object != NULL && put(object, m->component, r->component) && put(object, m->provider, r->provider) &&
              put(object, m->version, r->version) && put(object, m->name, r->name) && put(object, m->pact, r->pact) &&
              put(object, m->time, r->time);
    if (ok && m->judges)
        ok = json_object_set_new(object, "success", json_boolean(r->success)) == 0 &&
             json_object_set_new(object, "passed", json_integer(r->passed)) == 0 &&
             json_object_set_new(object, "failed", json_integer(r->failed)) == 0;
    char *text = ok ? json_text_by(object, JSON_INDENT(2) | JSON_SORT_KEYS) : NULL;
    if (text != NULL) {
        text_puts(out, text);
        text_char(out, '\n');
    }
    free(text);
    json_decref(object);
    return text != NULL && text_ok(out);
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

static int read_name(const struct node *root, const char *member, bool needed, struct arena *arena, const char **out,
                     struct error *err)
{
    struct text encoded = TEXT_INIT;
    const char *text = NULL;
    if (member == NULL)
        return 0;
    int code = needed ? node_need_text(root, member, &text, err) : node_may_text(root, member, &text, err);
    if (code != 0 || text == NULL)
        return code;
    add_name(&encoded, text);
    bool fits = encoded.len > 1 && encoded.len <= NAME_MAX_BYTES;
    text_deinit(&encoded);
    if (!fits)
        return node_error(node_get(root, member), err, ERROR_INVALID,
                          "\"%s\" is empty or longer than a file's name may be", member);
    *out = arena_string(arena, text);
    return *out != NULL ? 0 : error_set(err, ERROR_MEMORY, "out of memory");
}

static int check_sha(const struct node *root, const char *sha, struct error *err)
{
    if (sha == NULL || (strlen(sha) == BROKER_SHA_SIZE - 1 && strspn(sha, "0123456789abcdef") == BROKER_SHA_SIZE - 1))
        return 0;
    return node_error(node_get(root, "pact"), err, ERROR_INVALID,
                      "expected a pact's SHA-256 in 64 hexadecimal digits, found \"%s\"", sha);
}

static int read_judgement(const struct node *root, struct pact_broker_record *out, struct error *err)
{
    if (node_get(root, "success") == NULL)
        return node_error(root, err, ERROR_INVALID, "\"success\" is missing: true or false");
    int code = node_may_bool(root, "success", &out->success, err);
    if (code == 0)
        code = node_may_integer(root, "passed", 0, INT64_MAX, &out->passed, err);
    if (code == 0)
        code = node_may_integer(root, "failed", 0, INT64_MAX, &out->failed, err);
    if (code == 0 && out->success && out->failed > 0)
        code = node_error(node_get(root, "failed"), err, ERROR_INVALID, "a success in which interactions failed");
    return code;
}

static int read_record(const struct node *root, enum pact_broker_kind kind, struct arena *arena,
                       struct pact_broker_record *out, struct error *err)
{
    const struct members *m = &members[kind];
    const char *allowed[10];
    size_t count = 0;
    const char *const named[] = {m->component,
                                 m->provider,
                                 m->version,
                                 m->name,
                                 m->pact,
                                 m->time,
                                 m->judges ? "success" : NULL,
                                 m->judges ? "passed" : NULL,
                                 m->judges ? "failed" : NULL};
    for (size_t i = 0; i < sizeof named / sizeof *named; i++)
        if (named[i] != NULL)
            allowed[count++] = named[i];
    allowed[count] = NULL;
    if (root->kind != NODE_MAP)
        return node_error(root, err, ERROR_INVALID, "expected an object, found %s", node_kind_name(root->kind));
    int code = node_only_keys(root, allowed, err);
    if (code == 0)
        code = read_name(root, m->component, true, arena, &out->component, err);
    if (code == 0)
        code = read_name(root, m->provider, true, arena, &out->provider, err);
    if (code == 0)
        code = read_name(root, m->version, true, arena, &out->version, err);
    if (code == 0)
        code = read_name(root, m->name, !m->may_lack_name, arena, &out->name, err);
    if (code == 0)
        code = read_name(root, m->pact, true, arena, &out->pact, err);
    if (code == 0)
        code = read_name(root, m->time, true, arena, &out->time, err);
    if (code == 0)
        code = check_sha(root, out->pact, err);
    return code == 0 && m->judges ? read_judgement(root, out, err) : code;
}

int pact_broker_record_parse(struct bytes text, const char *name, enum pact_broker_kind kind, struct arena *arena,
                             struct pact_broker_record *out, struct error *err)
{
    struct document *document;
    *out = (struct pact_broker_record){.kind = kind};
    int code = document_parse_json(text, name, &document, err);
    if (code != 0)
        return code;
    code = read_record(document_root(document), kind, arena, out, err);
    document_free(document);
    return code;
}
