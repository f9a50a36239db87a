#include "fakes/behave/annotation_inside.h"

#include <string.h>

/* ---- the rest -------------------------------------------------------------------------------------------------- */

static int read_required(struct plan *p, struct plan_method *m, const struct node *list, struct error *err)
{
    m->required = ARENA_NEW_N(&p->arena, size_t *, list->list.count + 1);
    if (m->required == NULL)
        return annotation_no_memory(err);
    for (size_t i = 0; i < list->list.count; i++) {
        const struct node *n = &list->list.items[i];
        size_t count = n->kind == NODE_LIST ? n->list.count : 1;
        size_t *group = ARENA_NEW_N(&p->arena, size_t, count + 1);
        if (group == NULL)
            return annotation_no_memory(err);
        for (size_t k = 0; k < count; k++) {
            int rc =
                annotation_find_field(m->method->input, n->kind == NODE_LIST ? &n->list.items[k] : n, &group[k], err);
            if (rc)
                return rc;
        }
        group[count] = PLAN_NONE;
        m->required[i] = group;
    }
    return 0;
}

static int read_status(struct plan *p, struct plan_status *out, const struct node *n, struct error *err)
{
    static const char *const keys[] = {"status", "message", NULL};
    const char *name = NULL, *message = NULL;
    int rc = 0;
    const struct node *at = n;
    if (n->kind == NODE_MAP) {
        rc = node_only_keys(n, keys, err);
        if (rc == 0)
            rc = node_need_text(n, "status", &name, err);
        if (rc == 0)
            rc = node_may_text(n, "message", &message, err);
        at = node_get(n, "status");
    } else {
        rc = annotation_word(n, &name, err);
    }
    if (rc)
        return rc;
    if (!grpc_status_parse(name, &out->status))
        return node_error(at, err, ERROR_INVALID, "\"%s\" is no gRPC status, such as NOT_FOUND or OK", name);
    out->message = message ? arena_string(&p->arena, message) : NULL;
    return message && !out->message ? annotation_no_memory(err) : 0;
}

static int read_fails(struct plan *p, struct plan_method *m, const struct node *map, struct error *err)
{
    static const char *const names[] = {
        [FAILURE_MISSING] = "missing", [FAILURE_EXISTS] = "exists", [FAILURE_REQUIRED] = "required",
        [FAILURE_UNIQUE] = "unique",   [FAILURE_PARENT] = "parent", [FAILURE_CREDENTIALS] = "credentials",
        [FAILURE_CODE] = "code",       [FAILURE_STATE] = "state",   [FAILURE_FUNDS] = "funds",
        [FAILURE_MEMBER] = "member",   [FAILURE_KINDS] = NULL};
    int rc = node_only_keys(map, names, err);
    for (size_t i = 0; rc == 0 && i < FAILURE_KINDS; i++) {
        const struct node *n = node_get(map, names[i]);
        if (n)
            rc = read_status(p, &m->statuses[i], n, err);
    }
    return rc;
}

static int read_member(struct plan *p, struct plan_method *m, const struct node *n, struct error *err)
{
    static const char *const keys[] = {"field", "of", "key", NULL};
    const struct node *field = node_get(n, "field"), *of = node_get(n, "of"), *key = node_get(n, "key");
    size_t who = 0, which = 0, group;
    int rc = node_only_keys(n, keys, err);
    if (rc)
        return rc;
    if (!field || !of || !key)
        return node_error(n, err, ERROR_INVALID, "member needs \"field\", \"of\" and \"key\"");
    if ((rc = annotation_find_field(m->method->input, field, &who, err)) != 0 ||
        (rc = annotation_find_field(m->method->input, key, &which, err)) != 0 ||
        (rc = annotation_find_entity(p, of, &group, err)) != 0)
        return rc;
    const struct plan_entity *e = &p->entities[group];
    const struct pb_field *f = &m->method->input->fields[who], *k = &m->method->input->fields[which];
    if (e->members == PLAN_NONE || e->attributes.items[e->members].field->kind != f->kind || f->repeated)
        return node_error(of, err, ERROR_INVALID, "%s has no list of members that \"%s\" could be in", e->name,
                          f->name);
    if (e->key_count != 1 || !field_same_kind(e->attributes.items[e->keys[0]].field, k))
        return node_error(key, err, ERROR_INVALID, "\"%s\" is not of the kind of %s's key", k->name, e->name);
    m->member_field = f;
    m->member_key = k;
    m->member_of = group;
    return 0;
}

static int read_copies(struct plan *p, struct plan_method *m, const struct node *map, struct error *err)
{
    m->copies = ARENA_NEW_N(&p->arena, struct plan_copy, map->map.count + 1);
    if (!m->copies)
        return annotation_no_memory(err);
    if (m->entity == PLAN_NONE)
        return node_error(map, err, ERROR_INVALID, "%s is about no entity", m->method->name);
    const struct plan_entity *e = &p->entities[m->entity];
    for (size_t i = 0; i < map->map.count; i++) {
        const struct node_pair *pair = &map->map.pairs[i];
        struct plan_copy *copy = &m->copies[i];
        copy->to = plan_attribute(e, pair->key);
        if (copy->to == PLAN_NONE)
            return node_error(&pair->value, err, ERROR_NOT_FOUND, "the entity %s has no field \"%s\"", e->name,
                              pair->key);
        int rc = annotation_find_attribute(p, m->entity, &pair->value, false, &copy->from, err);
        if (rc)
            return rc;
        if (!field_same_kind(e->attributes.items[copy->to].field, e->attributes.items[copy->from].field))
            return node_error(&pair->value, err, ERROR_INVALID, "\"%s\" and \"%s\" are of different kinds", pair->key,
                              e->attributes.items[copy->from].name);
        m->copy_count++;
    }
    return 0;
}

static int read_part(struct plan *p, struct plan_method *m, const struct node *n, struct error *err)
{
    static const char *const keys[] = {"list", "by", "add", "set", "remove", "clear", NULL};
    static const char *const changes[] = {[CHANGE_ADD] = "add", [CHANGE_SET] = "set"};
    struct plan_part *part = &m->part;
    const struct node *list = node_get(n, "list"), *by = node_get(n, "by");
    bool remove = false, clear = false;
    int rc = node_only_keys(n, keys, err);
    if (rc == 0)
        rc = node_may_bool(n, "remove", &remove, err);
    if (rc == 0)
        rc = node_may_bool(n, "clear", &clear, err);
    if (rc)
        return rc;
    if (m->entity == PLAN_NONE || !list)
        return node_error(n, err, ERROR_INVALID, "a part needs a method about an entity, and \"list\"");
    rc = annotation_find_attribute(p, m->entity, list, false, &part->list, err);
    if (rc)
        return rc;
    const struct pb_field *f = p->entities[m->entity].attributes.items[part->list].field;
    if (!f->repeated || f->map || f->kind != PB_MESSAGE)
        return node_error(list, err, ERROR_INVALID, "\"%s\" is no list of messages", f->name);
    part->change = clear ? CHANGE_CLEAR : CHANGE_REMOVE;
    if (clear)
        return 0;
    size_t at, from;
    if (!by)
        return node_error(n, err, ERROR_INVALID, "which of the list? A part needs \"by\"");
    if ((rc = annotation_find_field(f->message, by, &at, err)) != 0 ||
        (rc = annotation_find_field(m->method->input, by, &from, err)) != 0)
        return rc;
    part->by = &f->message->fields[at];
    part->by_from = &m->method->input->fields[from];
    if (!field_is_scalar(part->by) || !field_same_kind(part->by, part->by_from))
        return node_error(by, err, ERROR_INVALID, "\"%s\" is not of one kind in request and list", part->by->name);
    for (int change = CHANGE_ADD; change <= CHANGE_SET; change++) {
        const struct node *sum = node_get(n, changes[change]);
        if (!sum)
            continue;
        if ((rc = annotation_find_field(f->message, sum, &at, err)) != 0 ||
            (rc = annotation_find_field(m->method->input, sum, &from, err)) != 0)
            return rc;
        part->change = (enum plan_change)change;
        part->sum = &f->message->fields[at];
        part->sum_from = &m->method->input->fields[from];
        if (!field_is_numeric(part->sum) || !field_is_numeric(part->sum_from))
            return node_error(sum, err, ERROR_INVALID, "\"%s\" is no number", part->sum->name);
    }
    if (part->change == CHANGE_REMOVE && !remove)
        return node_error(n, err, ERROR_INVALID, "a part needs one of \"add\", \"set\", \"remove\" and \"clear\"");
    return 0;
}

int annotation_end_method(struct plan *p, struct plan_method *m, const struct node *n, struct error *err)
{
    const struct node *required = NULL, *fails = NULL, *member = NULL, *copies = NULL, *part = NULL;
    int rc = node_may_list(n, "required", &required, err);
    if (rc == 0)
        rc = node_may_map(n, "fails", &fails, err);
    if (rc == 0)
        rc = node_may_map(n, "member", &member, err);
    if (rc == 0)
        rc = node_may_bool(n, "missing_ok", &m->missing_ok, err);
    if (rc == 0)
        rc = node_may_bool(n, "once", &m->once, err);
    if (rc == 0 && required)
        rc = read_required(p, m, required, err);
    if (rc == 0 && fails)
        rc = read_fails(p, m, fails, err);
    if (rc == 0 && member)
        rc = read_member(p, m, member, err);
    if (rc == 0)
        rc = node_may_map(n, "copies", &copies, err);
    if (rc == 0)
        rc = node_may_map(n, "part", &part, err);
    if (rc == 0)
        rc = node_may_bool(n, "makes", &m->makes, err);
    if (rc == 0 && part)
        rc = read_part(p, m, part, err);
    if (rc == 0 && copies)
        rc = read_copies(p, m, copies, err);
    if (rc)
        return rc;
    const struct node *role = node_get(n, "role");
    if (role && m->entity == PLAN_NONE && m->role != ROLE_VALUES && m->role != ROLE_RELAY && m->role != ROLE_VERIFY &&
        m->role != ROLE_LOGIN)
        return node_error(role, err, ERROR_INVALID, "%s is about no entity: say which", m->method->name);
    const struct plan_entity *e = m->entity != PLAN_NONE ? &p->entities[m->entity] : NULL;
    bool sums = m->role == ROLE_CREDIT || m->role == ROLE_DEBIT || m->role == ROLE_TRANSFER;
    bool amount = false, to = false, contains = false;
    for (size_t i = 0; i < m->inputs.count; i++) {
        amount = amount || m->inputs.items[i].use == INPUT_AMOUNT;
        to = to || m->inputs.items[i].use == INPUT_TO;
        contains = contains || m->inputs.items[i].use == INPUT_CONTAINS;
    }
    if (role && sums && (e->balance == PLAN_NONE || e->key_count == 0 || !amount || (m->role == ROLE_TRANSFER && !to)))
        return node_error(role, err, ERROR_INVALID, "%s needs an entity with a key and a balance, and an amount%s",
                          plan_role_name(m->role), m->role == ROLE_TRANSFER ? " and another side" : "");
    if (role && (m->role == ROLE_JOIN || m->role == ROLE_LEAVE) && !contains)
        return node_error(role, err, ERROR_INVALID, "no field of the request is one of a list of the entity's");
    if (role && (m->role == ROLE_LOGIN || m->role == ROLE_REFRESH) && m->token == PLAN_NONE && m->codes == PLAN_NONE)
        return node_error(role, err, ERROR_INVALID, "no token or session is in the reply");
    if (role && (m->role == ROLE_VERIFY || m->role == ROLE_ISSUE) && m->codes == PLAN_NONE)
        return node_error(role, err, ERROR_INVALID,
                          "the service has no codes: no method gives one and another asks for it");
    return 0;
}
