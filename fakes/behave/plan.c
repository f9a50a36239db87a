#include "fakes/behave/plan.h"

#include "fakes/behave/annotation.h"

#include <stdio.h>
#include <string.h>

/* ---- fields ---------------------------------------------------------------------------------------------------- */

bool field_same_kind(const struct pb_field *a, const struct pb_field *b)
{
    if (a->map && b->map) { /* each map has an entry type of its own */
        for (uint32_t i = 1; i <= 2; i++)
            if (!field_same_kind(pb_field_by_number(a->message, i), pb_field_by_number(b->message, i)))
                return false;
        return true;
    }
    return a->kind == b->kind && a->repeated == b->repeated && a->message == b->message &&
           a->enumeration == b->enumeration;
}

bool field_is_numeric(const struct pb_field *f)
{
    return !f->repeated && f->kind != PB_STRING && f->kind != PB_BYTES && f->kind != PB_MESSAGE && f->kind != PB_BOOL &&
           f->kind != PB_ENUM;
}

bool field_is_text(const struct pb_field *f)
{
    return f->kind == PB_STRING && !f->repeated;
}

bool field_is_scalar(const struct pb_field *f)
{
    return field_is_text(f) || (field_is_numeric(f) && f->kind != PB_DOUBLE && f->kind != PB_FLOAT) ||
           (f->kind == PB_BYTES && !f->repeated);
}

bool field_is_option(const struct pb_field *f)
{
    return f->kind == PB_MESSAGE && !f->repeated && f->message->known == PB_ORDINARY &&
           name_ends(f->message->name, "Options");
}

/* ---- entities -------------------------------------------------------------------------------------------------- */

static enum attribute_use use_of(const struct pb_field *f, const struct plan_entity *e)
{
    static const char *const created[] = {
        "created",  "created_at", "create_time", "created_time", "timestamp", "sent_at",
        "date",     "sent",       "time",        "posted_at",    "placed_at", "creation_time",
        "added_at", "joined_at",  "issued_at",   "reported_at",  "at",        NULL};
    static const char *const updated[] = {
        "updated",      "updated_at",  "update_time", "modified",     "modified_at", "last_modified",
        "updated_time", "last_active", "last_seen",   "last_updated", NULL};
    static const char *const expires[] = {"expires",    "expires_at",  "expiry", "expire_time",
                                          "expiration", "valid_until", NULL};
    static const char *const tokens[] = {"access_token",  "token", "session_token", "code", "api_key",
                                         "client_secret", NULL};
    if (f->repeated)
        return USE_PLAIN;
    bool time = f->kind == PB_STRING || f->kind == PB_INT64 || f->kind == PB_UINT64 ||
                (f->kind == PB_MESSAGE && f->message->known == PB_TIMESTAMP);
    if (time && name_is_one_of(f->name, created))
        return USE_CREATED;
    if (time && name_is_one_of(f->name, updated))
        return USE_UPDATED;
    if (e->codes && time && name_is_one_of(f->name, expires))
        return USE_EXPIRES;
    if (e->codes && field_is_text(f) && name_same(f->name, "refresh_token"))
        return USE_REFRESH;
    if (e->codes && field_is_text(f) && name_is_one_of(f->name, tokens))
        return USE_TOKEN;
    return USE_PLAIN;
}

struct plan_entity *plan_entity_add(struct plan *p, const char *name, const struct pb_type *type)
{
    if (p->entity_count == PLAN_ENTITIES_MAX)
        return NULL;
    struct plan_entity *e = &p->entities[p->entity_count];
    *e = (struct plan_entity){.type = type,
                              .parent = PLAN_NONE,
                              .parent_attribute = PLAN_NONE,
                              .balance = PLAN_NONE,
                              .entries = PLAN_NONE,
                              .members = PLAN_NONE,
                              .password = PLAN_NONE,
                              .subject = PLAN_NONE,
                              .state = PLAN_NONE};
    struct name words;
    char joined[NAME_MAX_BYTES] = "";
    name_split(name, &words);
    for (size_t i = 0; i < words.count; i++) {
        size_t len = strlen(joined);
        snprintf(joined + len, sizeof joined - len, "%s%s", i > 0 ? "_" : "", words.words[i]);
    }
    e->name = arena_string(&p->arena, joined);
    if (e->name == NULL) {
        p->failed = true;
        return NULL;
    }
    p->entity_count++;
    static const char *const token_types[] = {"session", "token", "auth_token", "access_token", NULL};
    e->codes = name_is_one_of(name, token_types);
    for (size_t i = 0; type && type->known == PB_ORDINARY && i < type->field_count; i++) {
        const struct pb_field *f = &type->fields[i];
        struct attribute a = {.name = f->name, .field = f, .number = f->number, .use = use_of(f, e)};
        if (!array_push(&e->attributes, a)) {
            p->failed = true;
            return NULL;
        }
    }
    return e;
}

size_t plan_entity_index(const struct plan *p, const struct plan_entity *e)
{
    return (size_t)(e - p->entities);
}

size_t plan_entity_of_type(const struct plan *p, const struct pb_type *type)
{
    for (size_t i = 0; type && i < p->entity_count; i++)
        if (p->entities[i].type == type)
            return i;
    return PLAN_NONE;
}

size_t plan_entity_of_noun(const struct plan *p, const char *noun)
{
    for (size_t i = 0; i < p->entity_count; i++)
        if (noun_same(p->entities[i].name, noun))
            return i;
    /* "keys" for an api_key, "default_payment_method" for a payment_method. */
    char single[NAME_MAX_BYTES];
    word_singular(noun, single, sizeof single);
    for (size_t i = 0; i < p->entity_count; i++) {
        const char *last = strrchr(p->entities[i].name, '_'), *name = p->entities[i].name;
        size_t len = strlen(name), whole = strlen(single);
        if ((last && noun_same(last + 1, noun)) ||
            (whole > len && single[whole - len - 1] == '_' && strcmp(single + whole - len, name) == 0))
            return i;
    }
    if (noun_same(noun, p->service->name) && p->fallback != PLAN_NONE)
        return p->fallback;
    return PLAN_NONE;
}

size_t plan_attribute(const struct plan_entity *e, const char *name)
{
    for (size_t i = 0; i < e->attributes.count; i++)
        if (name_same(e->attributes.items[i].name, name))
            return i;
    return PLAN_NONE;
}

size_t plan_attribute_add(struct plan *p, struct plan_entity *e, const char *name, const struct pb_field *like)
{
    struct attribute a = {.name = name,
                          .field = like,
                          .number = PLAN_ASIDE + (uint32_t)e->attributes.count,
                          .aside = true,
                          .use = use_of(like, e)};
    if (!array_push(&e->attributes, a)) {
        p->failed = true;
        return PLAN_NONE;
    }
    return e->attributes.count - 1;
}

bool plan_is_key(const struct plan_entity *e, size_t attribute)
{
    for (size_t i = 0; i < e->key_count; i++)
        if (e->keys[i] == attribute)
            return true;
    return false;
}

bool plan_names_key(const struct plan_entity *e, const char *name)
{
    char id[NAME_MAX_BYTES + 4];
    if (e->key_count > 0 && name_same(name, e->attributes.items[e->keys[0]].name))
        return true;
    snprintf(id, sizeof id, "%.90s_id", e->name);
    if (name_same(name, id) || name_same(name, e->name))
        return true;
    if (e->alias) {
        snprintf(id, sizeof id, "%.90s_id", e->alias);
        if (name_same(name, id))
            return true;
    }
    const char *last = strrchr(e->name, '_');
    if (last) {
        snprintf(id, sizeof id, "%.90s_id", last + 1);
        return name_same(name, id);
    }
    return false;
}

/* ---- the whole ------------------------------------------------------------------------------------------------- */

static bool creates(enum plan_role r)
{
    return r == ROLE_CREATE || r == ROLE_SAVE || r == ROLE_LOGIN || r == ROLE_ISSUE || r == ROLE_REFRESH ||
           r == ROLE_CREDIT || r == ROLE_DEBIT;
}

static bool looks(enum plan_role r)
{
    return r == ROLE_READ || r == ROLE_LIST || r == ROLE_COUNT || r == ROLE_EXISTS || r == ROLE_DELETE ||
           r == ROLE_UPDATE || r == ROLE_STATE || r == ROLE_VERIFY || r == ROLE_JOIN || r == ROLE_CREDIT ||
           r == ROLE_DEBIT || r == ROLE_TRANSFER;
}

static void settle_entity(struct plan *p, size_t index)
{
    struct plan_entity *e = &p->entities[index];
    size_t lists = 0, others = 0;
    bool request_has_key = false;
    for (size_t i = 0; i < p->service->method_count; i++) {
        const struct plan_method *m = &p->methods[i];
        if (m->token == index && (m->role == ROLE_LOGIN || m->role == ROLE_REFRESH || m->role == ROLE_VERIFY))
            e->made = e->kept = true;
        if (m->codes == index)
            e->kept = true;
        if (m->entity != index)
            continue;
        e->made = e->made || creates(m->role);
        e->kept = e->kept || looks(m->role);
        lists += m->role == ROLE_LIST;
        others += m->role == ROLE_READ || m->role == ROLE_DELETE || m->role == ROLE_STATE || m->role == ROLE_UPDATE;
        for (size_t k = 0; (m->role == ROLE_CREATE || m->role == ROLE_SAVE) && k < m->inputs.count; k++) {
            const struct plan_input *in = &m->inputs.items[k];
            request_has_key = request_has_key || in->use == INPUT_BODY ||
                              (in->use == INPUT_ATTRIBUTE && e->key_count > 0 && in->attribute == e->keys[0]);
        }
    }
    if (e->key_count > 0) {
        const struct attribute *key = &e->attributes.items[e->keys[0]];
        e->key_made = e->key_made || !request_has_key || name_ends(key->name, "id") || name_ends(key->name, "uuid") ||
                      key->use == USE_TOKEN || field_is_numeric(key->field);
    }
    e->seeded = !e->made && lists > 0 && others > 0 && e->key_count > 0;
    if (e->parent != PLAN_NONE)
        for (size_t i = 0; i < p->service->method_count; i++)
            if (p->methods[i].entity == e->parent && creates(p->methods[i].role) && !e->parent_needed)
                e->parent_needed = true;
}

void plan_settle(struct plan *p)
{
    for (size_t i = 0; i < p->entity_count; i++)
        settle_entity(p, i);
    for (size_t i = 0; i < p->entity_count; i++) {
        struct plan_entity *e = &p->entities[i];
        if (e->entries != PLAN_NONE) {
            p->entities[e->entries].made = p->entities[e->entries].kept = true;
            p->entities[e->entries].seeded = false;
        }
    }
    /* A read or list of what nothing makes, and that is not told by a list and a key either, is a value. */
    for (size_t i = 0; i < p->service->method_count; i++) {
        struct plan_method *m = &p->methods[i];
        if (m->entity == PLAN_NONE || m->annotated || m->role == ROLE_VALUES || m->role == ROLE_RELAY)
            continue;
        const struct plan_entity *e = &p->entities[m->entity];
        if (!e->made && !e->seeded && m->role != ROLE_SUBSCRIBE) {
            plan_because(m, "but nothing makes %s, and no list with a key says which there are: values", e->name);
            m->role = ROLE_VALUES;
            m->score = 0;
        } else if (e->seeded && m->role != ROLE_SUBSCRIBE) {
            plan_because(m, "nothing makes %s: examples are there from the beginning", e->name);
        }
    }
}

static const int USUAL[FAILURE_KINDS] = {
    [FAILURE_MISSING] = GRPC_NOT_FOUND,         [FAILURE_EXISTS] = GRPC_ALREADY_EXISTS,
    [FAILURE_REQUIRED] = GRPC_INVALID_ARGUMENT, [FAILURE_UNIQUE] = GRPC_ALREADY_EXISTS,
    [FAILURE_PARENT] = GRPC_NOT_FOUND,          [FAILURE_CREDENTIALS] = GRPC_UNAUTHENTICATED,
    [FAILURE_CODE] = GRPC_UNAUTHENTICATED,      [FAILURE_STATE] = GRPC_FAILED_PRECONDITION,
    [FAILURE_FUNDS] = GRPC_FAILED_PRECONDITION, [FAILURE_MEMBER] = GRPC_PERMISSION_DENIED,
};

int behave_plan_init(struct plan *p, const struct pb_service *service, const struct annotation *annotation,
                     enum behave_errors errors, struct error *err)
{
    *p = (struct plan){.service = service, .errors = errors, .fallback = PLAN_NONE};
    p->methods = ARENA_NEW_N(&p->arena, struct plan_method, service->method_count);
    if (p->methods == NULL)
        goto no_memory;
    for (size_t i = 0; i < service->method_count; i++) {
        struct plan_method *m = &p->methods[i];
        m->method = &service->methods[i];
        plan_name_method(m);
        for (size_t k = 0; k < FAILURE_KINDS; k++)
            m->statuses[k].status = USUAL[k];
        m->once = m->verb && strcmp(m->verb->word, "redeem") == 0;
    }
    int rc = annotation_roles(annotation, p, err);
    if (rc)
        goto fail;
    plan_find_entities(p);
    plan_find_codes(p);
    rc = annotation_entities(annotation, p, err);
    if (rc)
        goto fail;
    plan_assign(p);
    rc = annotation_keys(annotation, p, err);
    if (rc)
        goto fail;
    plan_find_keys(p);
    if (p->failed)
        goto no_memory;
    for (size_t i = 0; i < service->method_count; i++) {
        struct plan_method *m = &p->methods[i];
        for (size_t k = 0; k < p->entity_count && m->account == PLAN_NONE; k++)
            if (p->entities[k].password != PLAN_NONE && !p->entities[k].codes)
                m->account = k;
        plan_map_request(p, m);
        plan_map_reply(p, m);
        rc = annotation_maps(annotation, p, m, err);
        if (rc)
            goto fail;
        plan_role(p, m);
    }
    plan_settle(p);
    if (p->failed)
        goto no_memory;
    rc = annotation_end(annotation, p, err);
    if (rc)
        goto fail;
    return 0;
no_memory:
    rc = error_set(err, ERROR_MEMORY, "no memory for the plan of %s", service->full_name);
fail:
    behave_plan_deinit(p);
    return rc;
}

void behave_plan_deinit(struct plan *p)
{
    for (size_t i = 0; i < p->entity_count; i++)
        array_deinit(&p->entities[i].attributes);
    for (size_t i = 0; p->methods && i < p->service->method_count; i++) {
        array_deinit(&p->methods[i].inputs);
        array_deinit(&p->methods[i].outputs);
        text_deinit(&p->methods[i].why);
    }
    arena_deinit(&p->arena);
    *p = (struct plan){0};
}
