#include "fakes/behave/annotation_inside.h"

#include <string.h>

int annotation_open(struct annotation *a, struct bytes text, const char *name, const struct pb_service *service,
                    struct error *err)
{
    static const char *const top[] = {"services", NULL};
    static const char *const keys[] = {"errors", "entities", "methods", NULL};
    const struct node *services = NULL;
    *a = (struct annotation){0};
    int rc = document_parse_yaml(text, name ? name : "annotation", &a->document, err);
    if (rc)
        return rc;
    const struct node *root = document_root(a->document);
    if (root->kind != NODE_MAP)
        rc = node_error(root, err, ERROR_INVALID, "an annotation is a map with \"services\", not %s",
                        node_kind_name(root->kind));
    else if ((rc = node_only_keys(root, top, err)) == 0)
        rc = node_need_map(root, "services", &services, err);
    if (rc)
        return rc;
    a->service = node_get(services, service->full_name);
    if (a->service == NULL)
        return 0;
    if (a->service->kind != NODE_MAP)
        return node_error(a->service, err, ERROR_INVALID, "what is said of a service is a map, not %s",
                          node_kind_name(a->service->kind));
    return node_only_keys(a->service, keys, err);
}

void annotation_close(struct annotation *a)
{
    document_free(a->document);
    *a = (struct annotation){0};
}

/* ---- looking things up ----------------------------------------------------------------------------------------- */

const struct node *annotation_part(const struct annotation *a, const char *key)
{
    const struct node *n = a && a->service ? node_get(a->service, key) : NULL;
    return n && n->kind == NODE_MAP ? n : NULL;
}

const struct node *annotation_method(const struct annotation *a, const struct plan_method *m)
{
    const struct node *methods = annotation_part(a, "methods");
    return methods ? node_get(methods, m->method->name) : NULL;
}

int annotation_no_memory(struct error *err)
{
    return error_set(err, ERROR_MEMORY, "no memory for the annotation");
}

int annotation_word(const struct node *n, const char **out, struct error *err)
{
    if (n->kind != NODE_TEXT)
        return node_error(n, err, ERROR_INVALID, "a name is text, not %s", node_kind_name(n->kind));
    *out = (const char *)n->text.data;
    return 0;
}

/* By its exact name among those of the plan. */
int annotation_find_entity(const struct plan *p, const struct node *n, size_t *out, struct error *err)
{
    const char *name;
    int rc = annotation_word(n, &name, err);
    if (rc)
        return rc;
    for (size_t i = 0; i < p->entity_count; i++)
        if (strcmp(p->entities[i].name, name) == 0) {
            *out = i;
            return 0;
        }
    const char *words[PLAN_ENTITIES_MAX + 1];
    size_t count = 0;
    for (; count < p->entity_count; count++)
        words[count] = p->entities[count].name;
    words[count] = NULL;
    const char *near = nearest_word(name, words);
    return node_error(n, err, ERROR_NOT_FOUND, "%s has no entity \"%s\"%s%s%s", p->service->full_name, name,
                      near ? ": did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

/* A field of a request about the entity: what is kept aside has its kind. */
static const struct pb_field *request_field(const struct plan *p, size_t entity, const char *name)
{
    for (size_t i = 0; i < p->service->method_count; i++) {
        const struct plan_method *m = &p->methods[i];
        const struct pb_field *f = pb_field_by_name(m->method->input, name);
        if (m->entity != entity)
            continue;
        if (f)
            return f;
        for (size_t k = 0; k < m->method->input->field_count; k++) {
            const struct pb_field *options = &m->method->input->fields[k];
            if (field_is_option(options) && (f = pb_field_by_name(options->message, name)) != NULL)
                return f;
        }
    }
    for (size_t i = 0; i < p->service->method_count; i++) {
        const struct pb_field *f = pb_field_by_name(p->methods[i].method->output, name);
        if (p->methods[i].entity == entity && f)
            return f;
    }
    return NULL;
}

int annotation_find_attribute(struct plan *p, size_t entity, const struct node *n, bool add, size_t *out,
                              struct error *err)
{
    const char *name;
    int rc = annotation_word(n, &name, err);
    if (rc)
        return rc;
    struct plan_entity *e = &p->entities[entity];
    *out = plan_attribute(e, name);
    const struct pb_field *like = *out == PLAN_NONE && add ? request_field(p, entity, name) : NULL;
    if (like) {
        const char *copy = arena_string(&p->arena, name);
        *out = copy ? plan_attribute_add(p, e, copy, like) : PLAN_NONE;
        if (*out == PLAN_NONE)
            return annotation_no_memory(err);
    }
    if (*out != PLAN_NONE)
        return 0;
    return node_error(n, err, ERROR_NOT_FOUND, "%s%s has no field \"%s\"%s", e->type ? "" : "the entity ",
                      e->type ? e->type->full_name : e->name, name, add ? ", and no request about it either" : "");
}

int annotation_find_field(const struct pb_type *t, const struct node *n, size_t *out, struct error *err)
{
    const char *name;
    int rc = annotation_word(n, &name, err);
    if (rc)
        return rc;
    const struct pb_field *f = pb_field_by_name(t, name);
    if (f == NULL)
        return node_error(n, err, ERROR_NOT_FOUND, "%s has no field \"%s\"", t->full_name, name);
    *out = f->index;
    return 0;
}

struct plan_entity *annotation_entity_of(struct plan *p, const struct node_pair *pair)
{
    for (size_t i = 0; i < p->entity_count; i++)
        if (strcmp(p->entities[i].name, pair->key) == 0)
            return &p->entities[i];
    return NULL;
}

/* ---- roles ----------------------------------------------------------------------------------------------------- */

static enum verb_class class_of(enum plan_role role)
{
    static const enum verb_class classes[ROLE_ROLES] = {
        [ROLE_CREATE] = VERB_CREATE,       [ROLE_SAVE] = VERB_SAVE,     [ROLE_READ] = VERB_READ,
        [ROLE_UPDATE] = VERB_UPDATE,       [ROLE_DELETE] = VERB_DELETE, [ROLE_LIST] = VERB_LIST,
        [ROLE_COUNT] = VERB_COUNT,         [ROLE_EXISTS] = VERB_EXISTS, [ROLE_STATE] = VERB_STATE,
        [ROLE_JOIN] = VERB_JOIN,           [ROLE_LEAVE] = VERB_LEAVE,   [ROLE_LOGIN] = VERB_LOGIN,
        [ROLE_ISSUE] = VERB_ISSUE,         [ROLE_VERIFY] = VERB_VERIFY, [ROLE_REFRESH] = VERB_REFRESH,
        [ROLE_CREDIT] = VERB_CREDIT,       [ROLE_DEBIT] = VERB_DEBIT,   [ROLE_TRANSFER] = VERB_TRANSFER,
        [ROLE_SUBSCRIBE] = VERB_SUBSCRIBE,
    };
    return classes[role];
}

static int read_role(struct plan *p, struct plan_method *m, const struct node *n, struct error *err)
{
    static const char *const keys[] = {"role",  "entity", "required", "missing_ok", "once",  "member", "fails",
                                       "takes", "gives",  "copies",   "part",       "makes", NULL};
    const char *name = NULL;
    if (n->kind != NODE_MAP)
        return node_error(n, err, ERROR_INVALID, "what is said of a method is a map, not %s", node_kind_name(n->kind));
    int rc = node_only_keys(n, keys, err);
    if (rc == 0)
        rc = node_may_text(n, "role", &name, err);
    if (rc || name == NULL)
        return rc;
    if (!plan_role_parse(name, &m->role)) {
        const char *words[ROLE_ROLES + 1] = {0};
        for (size_t i = 0; i < ROLE_ROLES; i++)
            words[i] = plan_role_name((enum plan_role)i);
        const char *near = nearest_word(name, words);
        return node_error(node_get(n, "role"), err, ERROR_INVALID, "\"%s\" is no role%s%s%s", name,
                          near ? ": did you mean \"" : "", near ? near : "", near ? "\"?" : "");
    }
    bool streams = m->method->server_streaming;
    if ((m->role == ROLE_SUBSCRIBE && !streams) || (m->role == ROLE_RELAY && !(streams && m->method->client_streaming)))
        return node_error(node_get(n, "role"), err, ERROR_INVALID, "%s is no stream %s: it cannot be %s",
                          m->method->name, m->role == ROLE_RELAY ? "both ways" : "of replies", name);
    m->annotated = true;
    m->score = 100;
    m->class = class_of(m->role);
    text_clear(&m->why);
    plan_because(m, "the annotation says so");
    (void)p;
    return 0;
}

int annotation_roles(const struct annotation *a, struct plan *p, struct error *err)
{
    const char *form = NULL;
    if (!a || !a->service)
        return 0;
    int rc = node_may_text(a->service, "errors", &form, err);
    if (rc)
        return rc;
    if (form && strcmp(form, "micro") == 0)
        p->errors = BEHAVE_ERRORS_MICRO;
    else if (form && strcmp(form, "plain") == 0)
        p->errors = BEHAVE_ERRORS_PLAIN;
    else if (form)
        return node_error(node_get(a->service, "errors"), err, ERROR_INVALID,
                          "errors are \"plain\" or \"micro\", not \"%s\"", form);
    const struct node *methods = NULL, *entities = NULL;
    rc = node_may_map(a->service, "methods", &methods, err);
    if (rc == 0)
        rc = node_may_map(a->service, "entities", &entities, err);
    for (size_t i = 0; rc == 0 && methods && i < methods->map.count; i++) {
        const struct node_pair *pair = &methods->map.pairs[i];
        struct plan_method *m = NULL;
        for (size_t k = 0; k < p->service->method_count; k++)
            if (strcmp(p->service->methods[k].name, pair->key) == 0)
                m = &p->methods[k];
        if (m == NULL)
            return error_set_at(err, ERROR_NOT_FOUND, document_name(a->document), pair->key_line, pair->key_column,
                                "%s has no method \"%s\"", p->service->full_name, pair->key);
        rc = read_role(p, m, &pair->value, err);
    }
    return rc;
}

/* ---- at the end -------------------------------------------------------------------------------------------------- */

int annotation_end(const struct annotation *a, struct plan *p, struct error *err)
{
    const struct node *entities = annotation_part(a, "entities");
    int rc = 0;
    for (size_t i = 0; rc == 0 && entities && i < entities->map.count; i++) {
        struct plan_entity *e = annotation_entity_of(p, &entities->map.pairs[i]);
        if (e)
            rc = annotation_end_entity(p, e, &entities->map.pairs[i].value, err);
    }
    for (size_t i = 0; i < p->entity_count; i++)
        if (p->entities[i].parent == i)
            p->entities[i].parent = PLAN_NONE;
    for (size_t i = 0; rc == 0 && i < p->service->method_count; i++) {
        const struct node *n = annotation_method(a, &p->methods[i]);
        if (n)
            rc = annotation_end_method(p, &p->methods[i], n, err);
    }
    return rc;
}
