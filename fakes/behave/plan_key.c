#include "fakes/behave/plan_inside.h"

#include <stdio.h>
#include <string.h>

bool plan_is_option(const char *name)
{
    static const char *const options[] = {"limit",
                                          "offset",
                                          "page",
                                          "page_size",
                                          "page_token",
                                          "order",
                                          "order_by",
                                          "cursor",
                                          "sort",
                                          "query",
                                          "q",
                                          "search",
                                          "text",
                                          "prefix",
                                          "suffix",
                                          "detail",
                                          "force",
                                          "validate_only",
                                          "idempotency_key",
                                          "value",
                                          "ttl",
                                          "content",
                                          "type",
                                          "description",
                                          "open_now",
                                          "visibility",
                                          "visible",
                                          NULL};
    return name_is_one_of(name, options);
}

/* A field of the request, or of the options in it. */
static const struct pb_field *request_field(const struct plan_method *m, const char *name)
{
    const struct pb_type *t = m->method->input;
    for (size_t i = 0; i < t->field_count; i++) {
        const struct pb_field *f = &t->fields[i];
        if (name_same(f->name, name))
            return f;
    }
    for (size_t i = 0; i < t->field_count; i++) {
        const struct pb_field *f = &t->fields[i];
        if (!field_is_option(f))
            continue;
        for (size_t k = 0; k < f->message->field_count; k++)
            if (name_same(f->message->fields[k].name, name))
                return &f->message->fields[k];
    }
    return NULL;
}

static bool says_key(const struct plan_method *m)
{
    return m->class == VERB_READ || m->class == VERB_DELETE || m->class == VERB_UPDATE || m->class == VERB_EXISTS ||
           m->class == VERB_BALANCE || m->class == VERB_STATE || m->class == VERB_DOWNLOAD;
}

/* Fields that all of those who name one by its key have, and that those who make one have as well. */
static bool everywhere(const struct plan *p, size_t e, const char *name, bool in_type)
{
    bool reads = false, creates = false;
    for (size_t i = 0; i < p->service->method_count; i++) {
        const struct plan_method *m = &p->methods[i];
        if (m->entity != e)
            continue;
        const struct pb_field *f = request_field(m, name);
        bool there = f && (field_is_scalar(f) || (f->repeated && f->kind == PB_STRING));
        if (plan_makes(m->class)) {
            if (there)
                creates = true;
            else if (!in_type)
                return false;
        } else if (says_key(m)) {
            if (!there)
                return false;
            reads = true;
        }
    }
    return reads && (creates || in_type);
}

void plan_add_key(struct plan_entity *e, size_t attribute)
{
    if (attribute != PLAN_NONE && e->key_count < PLAN_KEYS_MAX && !plan_is_key(e, attribute))
        e->keys[e->key_count++] = attribute;
}

static void key_by_names(struct plan_entity *e, const char *const *names)
{
    for (; *names && e->key_count == 0; names++)
        for (size_t i = 0; i < e->attributes.count; i++)
            if (field_is_scalar(e->attributes.items[i].field) && name_same(e->attributes.items[i].name, *names)) {
                plan_add_key(e, i);
                return;
            }
}

/* Beside the entity's own fields: a table, a project, an index. */
static void key_aside(struct plan *p, size_t index)
{
    struct plan_entity *e = &p->entities[index];
    for (size_t i = 0; i < p->service->method_count; i++) {
        const struct plan_method *m = &p->methods[i];
        if (m->entity != index || !plan_makes(m->class))
            continue;
        const struct pb_type *t = m->method->input;
        for (size_t k = 0; k < t->field_count; k++) {
            const struct pb_field *f = &t->fields[k];
            bool options = field_is_option(f);
            size_t inner = options ? f->message->field_count : 1;
            for (size_t n = 0; n < inner; n++) {
                const struct pb_field *g = options ? &f->message->fields[n] : f;
                if (!field_is_scalar(g) || plan_is_option(g->name) || plan_attribute(e, g->name) != PLAN_NONE ||
                    plan_names_key(e, g->name) || !everywhere(p, index, g->name, false))
                    continue;
                plan_add_key(e, plan_attribute_add(p, e, g->name, g));
            }
        }
        return;
    }
}

static void find_key(struct plan *p, size_t index)
{
    struct plan_entity *e = &p->entities[index];
    char own[NAME_MAX_BYTES + 4];
    snprintf(own, sizeof own, "%.90s_id", e->name);
    const char *const owns[] = {own, "key", NULL};
    static const char *const session[] = {"session_token", "access_token", "token", "id", "code", NULL};
    if (e->codes)
        key_by_names(e, session);
    key_by_names(e, PLAN_IDS);
    key_by_names(e, owns);
    if (e->key_count == 0)
        for (size_t i = 0; i < e->attributes.count; i++) {
            const struct attribute *a = &e->attributes.items[i];
            bool fits = field_is_scalar(a->field) || (a->field->repeated && a->field->kind == PB_STRING);
            if (fits && !plan_is_option(a->name) && everywhere(p, index, a->name, e->type != NULL))
                plan_add_key(e, i);
        }
    key_by_names(e, PLAN_NAMES);
    if (e->key_count == 0)
        for (size_t i = 0; i < e->attributes.count && e->key_count == 0; i++)
            if (field_is_scalar(e->attributes.items[i].field) && name_ends(e->attributes.items[i].name, "_id"))
                plan_add_key(e, i);
    if (e->type == NULL)
        return;
    key_aside(p, index);
    for (size_t i = 1; i < e->key_count; i++) /* the identifier before what it is unique in */
        if (name_is_one_of(e->attributes.items[e->keys[i]].name, PLAN_IDS) &&
            !name_is_one_of(e->attributes.items[e->keys[0]].name, PLAN_IDS)) {
            size_t first = e->keys[0];
            e->keys[0] = e->keys[i];
            e->keys[i] = first;
        }
}

/* Fields of requests and flat replies that methods about the entity share. */
static void attributes_of_requests(struct plan *p, size_t index)
{
    struct plan_entity *e = &p->entities[index];
    for (size_t i = 0; i < p->service->method_count; i++) {
        const struct plan_method *m = &p->methods[i];
        if (m->entity != index)
            continue;
        const struct pb_type *t = m->method->input;
        for (size_t k = 0; k < t->field_count; k++) {
            const struct pb_field *f = &t->fields[k];
            static const char *const amounts[] = {"amount", "delta", "idempotency_key", NULL};
            bool sum = (m->class == VERB_CREDIT || m->class == VERB_DEBIT) && name_is_one_of(f->name, amounts);
            if (e->type == NULL && (plan_makes(m->class) || says_key(m)) && plan_attribute(e, f->name) == PLAN_NONE &&
                !field_is_option(f) && !sum)
                plan_attribute_add(p, e, f->name, f);
        }
        t = m->method->output;
        for (size_t k = 0; e->type == NULL && plan_looks(m->class) && k < t->field_count; k++) {
            const struct pb_field *f = &t->fields[k];
            const char *name = name_behind(f->name, "current") ? name_behind(f->name, "current") : f->name;
            bool read = m->class == VERB_READ || m->class == VERB_BALANCE || m->class == VERB_DOWNLOAD;
            if (!f->repeated && f->kind != PB_MESSAGE && plan_attribute(e, name) == PLAN_NONE && read)
                plan_attribute_add(p, e, name, f);
        }
    }
}

/* Of a request that makes one, what the message has no field for: kept aside when another method names it, or when it
 * is a password. */
static void attributes_aside(struct plan *p, size_t index)
{
    struct plan_entity *e = &p->entities[index];
    for (size_t i = 0; i < p->service->method_count; i++) {
        const struct plan_method *m = &p->methods[i];
        if (m->entity != index || !plan_makes(m->class) || m->class == VERB_CREDIT || m->class == VERB_DEBIT)
            continue;
        const struct pb_type *t = m->method->input;
        for (size_t k = 0; k < t->field_count; k++) {
            const struct pb_field *f = &t->fields[k];
            size_t inner;
            if (plan_plural_attribute(e, f, &inner) != PLAN_NONE)
                continue;
            static const char *const secrets[] = {"password", "secret", "passphrase", NULL};
            bool named = name_is_one_of(f->name, secrets);
            if (f->kind == PB_MESSAGE || plan_attribute(e, f->name) != PLAN_NONE || plan_names_key(e, f->name) ||
                (plan_is_option(f->name) && !name_same(f->name, "content")))
                continue;
            for (size_t n = 0; n < p->service->method_count && !named; n++) {
                const struct plan_method *other = &p->methods[n];
                if (other == m)
                    continue;
                const struct pb_field *in = pb_field_by_name(other->method->input, f->name);
                const struct pb_field *out = pb_field_by_name(other->method->output, f->name);
                named = (in && field_same_kind(in, f)) || (out && field_same_kind(out, f));
            }
            if (named)
                plan_attribute_add(p, e, f->name, f);
        }
    }
}

/* A field of the one that names the other's key: "group_id" of a message, "channel" of one in a channel. */
static void find_parent(struct plan *p, size_t index)
{
    struct plan_entity *e = &p->entities[index];
    if (e->codes || e->parent != PLAN_NONE)
        return;
    for (size_t k = 0; k < p->entity_count; k++) {
        const struct plan_entity *other = &p->entities[k];
        if (k == index || other->codes || other->key_count != 1 || other->parent == index)
            continue;
        for (size_t i = 0; i < e->attributes.count; i++) {
            const struct attribute *a = &e->attributes.items[i];
            if (!field_is_scalar(a->field) || plan_is_key(e, i) || name_same(a->name, "id"))
                continue;
            char id[NAME_MAX_BYTES + 4];
            snprintf(id, sizeof id, "%.90s_id", other->name);
            bool named = name_same(a->name, id) || (name_same(a->name, other->name) && field_is_text(a->field));
            if (named && field_same_kind(a->field, other->attributes.items[other->keys[0]].field)) {
                e->parent = k;
                e->parent_attribute = i;
                return;
            }
        }
    }
}

static void find_uses(struct plan_entity *e)
{
    static const char *const balances[] = {"balance", "amount",  "points", "quantity",  "stock", "count",
                                           "value",   "credits", "total",  "available", "level", NULL};
    static const char *const members[] = {"user_ids",        "member_ids", "members",   "users",       "participants",
                                          "participant_ids", "attendees",  "followers", "subscribers", NULL};
    static const char *const passwords[] = {"password", "secret", "passphrase", NULL};
    for (size_t i = 0; i < e->attributes.count; i++) {
        const struct attribute *a = &e->attributes.items[i];
        if (e->members == PLAN_NONE && a->field->repeated && !a->field->map && name_is_one_of(a->name, members))
            e->members = i;
        if (e->password == PLAN_NONE && field_is_text(a->field) && name_is_one_of(a->name, passwords))
            e->password = i;
    }
    for (size_t b = 0; balances[b] && e->balance == PLAN_NONE; b++)
        for (size_t i = 0; i < e->attributes.count && e->balance == PLAN_NONE; i++)
            if ((field_is_numeric(e->attributes.items[i].field) ||
                 (e->type == NULL && name_same(balances[b], "value"))) &&
                name_same(e->attributes.items[i].name, balances[b]))
                e->balance = i;
}

/* Each change of a balance is an entry in a list that belongs to it: a message with an amount that no request makes. */
static void find_entries(struct plan *p, size_t index)
{
    struct plan_entity *e = &p->entities[index];
    bool sums = false;
    for (size_t i = 0; i < p->service->method_count; i++)
        sums = sums || (p->methods[i].entity == index &&
                        (p->methods[i].class == VERB_CREDIT || p->methods[i].class == VERB_DEBIT));
    for (size_t i = 0; sums && e->balance != PLAN_NONE && e->key_count > 0 && i < p->entity_count; i++) {
        struct plan_entity *log = &p->entities[i];
        bool made = false;
        for (size_t k = 0; k < p->service->method_count; k++)
            made = made || (p->methods[k].entity == i && plan_makes(p->methods[k].class));
        if (i == index || made || log->type == NULL || log->codes ||
            (plan_attribute(log, "amount") == PLAN_NONE && plan_attribute(log, "delta") == PLAN_NONE))
            continue;
        const struct attribute *key = &e->attributes.items[e->keys[0]];
        const char *name = name_same(key->name, "id") ? arena_printf(&p->arena, "%s_id", e->name) : key->name;
        e->entries = i;
        log->parent = index;
        log->parent_attribute = plan_attribute(log, name ? name : "");
        if (name && log->parent_attribute == PLAN_NONE)
            log->parent_attribute = plan_attribute_add(p, log, name, key->field);
        return;
    }
}

/* "ListTables", "Databases", "DropTable": the different values of one part of a key. */
static void find_key_parts(struct plan *p)
{
    for (size_t i = 0; i < p->service->method_count; i++) {
        struct plan_method *m = &p->methods[i];
        if (m->entity != PLAN_NONE || m->annotated || m->role != ROLE_VALUES || !m->noun[0] ||
            (m->class != VERB_LIST && m->class != VERB_DELETE && m->class != VERB_NONE))
            continue;
        for (size_t k = 0; k < p->entity_count && m->entity == PLAN_NONE; k++)
            for (size_t n = 0; n < p->entities[k].key_count; n++) {
                const struct attribute *a = &p->entities[k].attributes.items[p->entities[k].keys[n]];
                if (a->aside && noun_same(a->name, m->noun)) {
                    m->entity = k;
                    plan_because(m, "\"%s\" is part of the key of %s", m->noun, p->entities[k].name);
                }
            }
    }
}

void plan_find_keys(struct plan *p)
{
    for (size_t i = 0; i < p->entity_count && !p->failed; i++) {
        if (p->entities[i].codes && p->entities[i].type == NULL)
            plan_code_attributes(p, i);
        else
            attributes_of_requests(p, i);
        if (p->entities[i].key_count == 0)
            find_key(p, i);
        if (p->entities[i].type != NULL)
            attributes_aside(p, i);
        find_uses(&p->entities[i]);
    }
    for (size_t i = 0; i < p->entity_count; i++) {
        find_parent(p, i);
        find_entries(p, i);
    }
    find_key_parts(p);
    for (size_t i = 0; i < p->entity_count; i++)
        if (p->entities[i].codes)
            plan_find_subject(p, i);
}
