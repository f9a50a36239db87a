#include "fakes/behave/annotation_inside.h"

#include "fakes/behave/fields.h"

#include <string.h>

/* ---- entities -------------------------------------------------------------------------------------------------- */

static int add_entity(const struct annotation *a, struct plan *p, const struct node_pair *pair, struct error *err)
{
    static const char *const keys[] = {"type",    "key",     "key_made", "parent",   "unique",   "defaults", "lifetime",
                                       "balance", "members", "states",   "negative", "examples", NULL};
    const char *type = NULL;
    if (pair->value.kind != NODE_MAP)
        return node_error(&pair->value, err, ERROR_INVALID, "what is said of an entity is a map, not %s",
                          node_kind_name(pair->value.kind));
    int rc = node_only_keys(&pair->value, keys, err);
    if (rc == 0)
        rc = node_may_text(&pair->value, "type", &type, err);
    if (rc)
        return rc;
    for (size_t i = 0; i < p->entity_count; i++)
        if (strcmp(p->entities[i].name, pair->key) == 0)
            return type && (!p->entities[i].type || strcmp(p->entities[i].type->full_name, type) != 0)
                       ? node_error(node_get(&pair->value, "type"), err, ERROR_EXISTS,
                                    "there is an entity \"%s\" already, of another type", pair->key)
                       : 0;
    const struct pb_type *t = NULL;
    if (type == NULL)
        return 0; /* one that will be found without a message, or a mistake: annotation_keys() tells */
    if (type) {
        t = pb_find_type(p->service->methods[0].input->pool, type);
        if (t == NULL)
            return node_error(node_get(&pair->value, "type"), err, ERROR_NOT_FOUND, "there is no message \"%s\"", type);
        if (plan_entity_of_type(p, t) != PLAN_NONE)
            return node_error(node_get(&pair->value, "type"), err, ERROR_EXISTS, "%s is the entity \"%s\" already",
                              type, p->entities[plan_entity_of_type(p, t)].name);
    }
    struct plan_entity *e = plan_entity_add(p, pair->key, t);
    if (e == NULL)
        return p->failed ? annotation_no_memory(err)
                         : error_set_at(err, ERROR_LIMIT, document_name(a->document), pair->key_line, pair->key_column,
                                        "more than %d entities", PLAN_ENTITIES_MAX);
    e->name = arena_string(&p->arena, pair->key);
    e->why = "the annotation says so";
    return e->name ? 0 : annotation_no_memory(err);
}

int annotation_entities(const struct annotation *a, struct plan *p, struct error *err)
{
    const struct node *entities = annotation_part(a, "entities");
    int rc = 0;
    for (size_t i = 0; entities && p->service->method_count > 0 && i < entities->map.count; i++)
        if ((rc = add_entity(a, p, &entities->map.pairs[i], err)) != 0)
            return rc;
    for (size_t i = 0; i < p->service->method_count; i++) {
        struct plan_method *m = &p->methods[i];
        const struct node *n = annotation_method(a, m), *entity = n ? node_get(n, "entity") : NULL;
        /* Those without a message are not known yet. */
        if (entity == NULL || annotation_find_entity(p, entity, &m->entity, NULL) != 0)
            continue;
        plan_because(m, "the annotation says it is about %s", p->entities[m->entity].name);
        if (p->entities[m->entity].codes && (m->role == ROLE_ISSUE || m->role == ROLE_VERIFY))
            m->codes = m->entity;
    }
    return 0;
}

static int read_parent(struct plan *p, struct plan_entity *e, const struct node *n, struct error *err)
{
    static const char *const keys[] = {"entity", "field", "needed", NULL};
    if (n->kind == NODE_BOOL && !n->boolean) {
        e->parent = plan_entity_index(p, e); /* none will be looked for; taken back at the end */
        return 0;
    }
    if (n->kind != NODE_MAP)
        return node_error(n, err, ERROR_INVALID, "a parent is {entity, field, needed} or false");
    int rc = node_only_keys(n, keys, err);
    const struct node *entity = node_get(n, "entity"), *field = node_get(n, "field");
    if (rc)
        return rc;
    if (!entity || !field)
        return node_error(n, err, ERROR_INVALID, "a parent needs \"entity\" and \"field\"");
    rc = annotation_find_entity(p, entity, &e->parent, err);
    if (rc == 0)
        rc = annotation_find_attribute(p, plan_entity_index(p, e), field, true, &e->parent_attribute, err);
    if (rc == 0 && e->parent == plan_entity_index(p, e))
        rc = node_error(entity, err, ERROR_INVALID, "an entity is not its own parent");
    return rc;
}

int annotation_keys(const struct annotation *a, struct plan *p, struct error *err)
{
    const struct node *entities = annotation_part(a, "entities");
    for (size_t i = 0; i < p->service->method_count; i++) {
        const struct node *n = annotation_method(a, &p->methods[i]), *entity = n ? node_get(n, "entity") : NULL;
        int rc = entity ? annotation_find_entity(p, entity, &p->methods[i].entity, err) : 0;
        if (rc)
            return rc;
    }
    for (size_t i = 0; entities && i < entities->map.count; i++) {
        struct plan_entity *e = annotation_entity_of(p, &entities->map.pairs[i]);
        if (e == NULL)
            return error_set_at(err, ERROR_NOT_FOUND, document_name(a->document), entities->map.pairs[i].key_line,
                                entities->map.pairs[i].key_column, "%s has no entity \"%s\"", p->service->full_name,
                                entities->map.pairs[i].key);
        const struct node *n = &entities->map.pairs[i].value, *keys = NULL, *parent = node_get(n, "parent");
        int rc = node_may_list(n, "key", &keys, err);
        if (rc)
            return rc;
        if (keys && keys->list.count > PLAN_KEYS_MAX)
            return node_error(keys, err, ERROR_LIMIT, "a key of more than %d fields", PLAN_KEYS_MAX);
        for (size_t k = 0; keys && k < keys->list.count; k++) {
            size_t at;
            rc = annotation_find_attribute(p, plan_entity_index(p, e), &keys->list.items[k], true, &at, err);
            if (rc)
                return rc;
            const struct pb_field *f = e->attributes.items[at].field;
            if (!field_is_scalar(f) && !(f->repeated && f->kind == PB_STRING))
                return node_error(&keys->list.items[k], err, ERROR_INVALID, "\"%s\" cannot be part of a key",
                                  e->attributes.items[at].name);
            e->keys[e->key_count++] = at;
        }
        rc = parent ? read_parent(p, e, parent, err) : 0;
        if (rc)
            return rc;
        const struct node *members = node_get(n, "members"), *balance = node_get(n, "balance");
        if (members &&
            (rc = annotation_find_attribute(p, plan_entity_index(p, e), members, true, &e->members, err)) != 0)
            return rc;
        if (members && !e->attributes.items[e->members].field->repeated)
            return node_error(members, err, ERROR_INVALID, "members are a repeated field");
        if (balance &&
            (rc = annotation_find_attribute(p, plan_entity_index(p, e), balance, true, &e->balance, err)) != 0)
            return rc;
        if (balance && !field_is_numeric(e->attributes.items[e->balance].field) &&
            !field_is_text(e->attributes.items[e->balance].field))
            return node_error(balance, err, ERROR_INVALID, "a balance is one number");
    }
    return 0;
}

static int read_default(struct plan *p, struct plan_entity *e, const struct node_pair *pair, struct plan_default *out,
                        struct error *err)
{
    struct text wire = TEXT_INIT;
    out->attribute = plan_attribute(e, pair->key);
    if (out->attribute == PLAN_NONE)
        return node_error(&pair->value, err, ERROR_NOT_FOUND, "the entity %s has no field \"%s\"", e->name, pair->key);
    const struct attribute *at = &e->attributes.items[out->attribute];
    const struct node *n = &pair->value;
    if (at->field->repeated || at->field->kind == PB_MESSAGE || at->field->kind == PB_BYTES)
        return node_error(n, err, ERROR_INVALID, "\"%s\" can have no default: it is no single text or number",
                          at->name);
    if (n->kind == NODE_TEXT && (at->field->kind == PB_STRING || at->field->kind == PB_ENUM))
        put_text(&wire, at->field, at->number, n->text);
    else if (n->kind == NODE_INTEGER && at->field->kind != PB_BOOL && at->field->kind != PB_STRING)
        put_integer(&wire, at->field, at->number, n->integer);
    else if (n->kind == NODE_BOOL && at->field->kind == PB_BOOL)
        put_bool(&wire, at->number, n->boolean);
    else
        return node_error(n, err, ERROR_INVALID, "%s is no value for \"%s\"", node_kind_name(n->kind), at->name);
    int rc = 0;
    if (!text_ok(&wire))
        rc = annotation_no_memory(err);
    else if (wire.len == 0 && at->field->kind == PB_ENUM && n->kind == NODE_TEXT)
        rc = node_error(n, err, ERROR_NOT_FOUND, "%s has no value \"%.*s\"", at->field->enumeration->full_name,
                        (int)n->text.len, (const char *)n->text.data);
    const void *copy = rc == 0 ? arena_copy(&p->arena, text_string(&wire), wire.len) : NULL;
    if (rc == 0 && copy == NULL)
        rc = annotation_no_memory(err);
    out->wire = BYTES(copy, wire.len);
    text_deinit(&wire);
    return rc;
}

static int check_state(const struct plan_entity *e, const struct node *n, const char *state, struct error *err)
{
    const struct pb_field *f = e->attributes.items[e->state].field;
    if (f->kind == PB_ENUM && pb_enum_by_name(f->enumeration, state) == NULL)
        return node_error(n, err, ERROR_NOT_FOUND, "%s has no value \"%s\"", f->enumeration->full_name, state);
    return 0;
}

static int read_move(struct plan *p, struct plan_entity *e, const struct node_pair *pair, struct plan_move *move,
                     struct error *err)
{
    static const char *const keys[] = {"from", "to", NULL};
    const struct node *from = NULL;
    const char *to = NULL;
    bool known = false;
    for (size_t i = 0; i < p->service->method_count; i++)
        if (strcmp(p->service->methods[i].name, pair->key) == 0 && p->methods[i].entity == plan_entity_index(p, e))
            known = true;
    if (!known)
        return node_error(&pair->value, err, ERROR_NOT_FOUND, "no method \"%s\" is about %s", pair->key, e->name);
    if (pair->value.kind != NODE_MAP)
        return node_error(&pair->value, err, ERROR_INVALID, "a move is {from: [...], to: ...}");
    int rc = node_only_keys(&pair->value, keys, err);
    if (rc == 0)
        rc = node_may_list(&pair->value, "from", &from, err);
    if (rc == 0)
        rc = node_may_text(&pair->value, "to", &to, err);
    if (rc == 0 && to)
        rc = check_state(e, node_get(&pair->value, "to"), to, err);
    if (rc)
        return rc;
    size_t count = from ? from->list.count : 0;
    move->method = arena_string(&p->arena, pair->key);
    move->to = to ? arena_string(&p->arena, to) : NULL;
    move->from = ARENA_NEW_N(&p->arena, const char *, count + 1);
    if (!move->method || !move->from || (to && !move->to))
        return annotation_no_memory(err);
    for (size_t i = 0; i < count; i++) {
        const char *state;
        rc = annotation_word(&from->list.items[i], &state, err);
        if (rc == 0)
            rc = check_state(e, &from->list.items[i], state, err);
        if (rc)
            return rc;
        move->from[i] = arena_string(&p->arena, state);
        if (!move->from[i])
            return annotation_no_memory(err);
    }
    return 0;
}

static int read_states(struct plan *p, struct plan_entity *e, const struct node *n, struct error *err)
{
    static const char *const keys[] = {"field", "first", "moves", NULL};
    const struct node *field = node_get(n, "field"), *moves = NULL;
    const char *first = NULL;
    int rc = node_only_keys(n, keys, err);
    if (rc)
        return rc;
    if (field == NULL)
        return node_error(n, err, ERROR_INVALID, "states need \"field\"");
    rc = annotation_find_attribute(p, plan_entity_index(p, e), field, false, &e->state, err);
    if (rc == 0)
        rc = node_may_text(n, "first", &first, err);
    if (rc == 0)
        rc = node_may_map(n, "moves", &moves, err);
    if (rc)
        return rc;
    const struct pb_field *f = e->attributes.items[e->state].field;
    if (f->repeated || (f->kind != PB_STRING && f->kind != PB_ENUM))
        return node_error(field, err, ERROR_INVALID, "a state is one text or enum");
    if (first) {
        rc = check_state(e, node_get(n, "first"), first, err);
        e->first_state = arena_string(&p->arena, first);
        if (rc || !e->first_state)
            return rc ? rc : annotation_no_memory(err);
    }
    if (!moves)
        return 0;
    e->moves = ARENA_NEW_N(&p->arena, struct plan_move, moves->map.count + 1);
    if (!e->moves)
        return annotation_no_memory(err);
    for (size_t i = 0; i < moves->map.count; i++) {
        rc = read_move(p, e, &moves->map.pairs[i], &e->moves[i], err);
        if (rc)
            return rc;
        e->move_count++;
    }
    return 0;
}

int annotation_end_entity(struct plan *p, struct plan_entity *e, const struct node *n, struct error *err)
{
    const struct node *unique = NULL, *defaults = NULL, *states = NULL, *parent = node_get(n, "parent");
    int64_t lifetime = 0;
    int rc = node_may_list(n, "unique", &unique, err);
    if (rc == 0)
        rc = node_may_map(n, "defaults", &defaults, err);
    if (rc == 0)
        rc = node_may_map(n, "states", &states, err);
    if (rc == 0)
        rc = node_may_duration(n, "lifetime", &lifetime, err);
    if (rc == 0)
        rc = node_may_bool(n, "negative", &e->negative, err);
    if (rc == 0)
        rc = node_may_bool(n, "key_made", &e->key_made, err);
    if (rc == 0)
        rc = node_may_bool(n, "examples", &e->seeded, err);
    if (rc == 0 && parent && parent->kind == NODE_MAP)
        rc = node_may_bool(parent, "needed", &e->parent_needed, err);
    if (rc)
        return rc;
    e->lifetime = lifetime > 0 ? (uint64_t)lifetime : e->lifetime;
    if (unique) {
        e->unique = ARENA_NEW_N(&p->arena, size_t, unique->list.count + 1);
        if (!e->unique)
            return annotation_no_memory(err);
    }
    for (size_t i = 0; unique && i < unique->list.count; i++) {
        rc = annotation_find_attribute(p, plan_entity_index(p, e), &unique->list.items[i], false, &e->unique[i], err);
        if (rc)
            return rc;
        if (!field_is_scalar(e->attributes.items[e->unique[i]].field))
            return node_error(&unique->list.items[i], err, ERROR_INVALID, "only one text or number can be unique");
        e->unique_count++;
    }
    if (defaults) {
        e->defaults = ARENA_NEW_N(&p->arena, struct plan_default, defaults->map.count + 1);
        if (!e->defaults)
            return annotation_no_memory(err);
    }
    for (size_t i = 0; defaults && i < defaults->map.count; i++) {
        rc = read_default(p, e, &defaults->map.pairs[i], &e->defaults[i], err);
        if (rc)
            return rc;
        e->default_count++;
    }
    return states ? read_states(p, e, states, err) : 0;
}
