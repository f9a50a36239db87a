/* Acts on one entity: made, read, changed, taken away. */
#include "fakes/behave/behave_internal.h"

#include <stdlib.h>
#include <string.h>

static size_t own(const struct act *a)
{
    return a->m->entity;
}

/* The message an input's field stands in. */
static struct bytes holder(const struct act *a, const struct plan_input *in)
{
    struct pb_item outer;
    if (!in->outer)
        return a->request;
    return field_get(a->request, in->outer->number, &outer) ? outer.data : BYTES_NONE;
}

/* A client's stream of pieces: what the pieces' bytes are together. */
static void put_pieces(struct text *out, struct bytes message, uint32_t from, uint32_t to)
{
    struct pb_reader r = reader_of(message);
    struct pb_item v;
    size_t mark = pb_open(out, to);
    while (r.at < r.end && pb_item_next(&r, &v) == PB_FAULT_NONE)
        if (v.number == from && v.wire == PB_WIRE_BYTES)
            pb_put(out, v.data.data, v.data.len);
    pb_close(out, mark);
}

static void put_inner(struct text *out, uint32_t number, uint32_t inner, const struct pb_item *v)
{
    size_t mark = pb_open(out, number);
    put_item(out, inner, v);
    pb_close(out, mark);
}

/* What the request says of the entity, on top of what is loaded. `changes`: not the key. */
static bool put_inputs(struct act *a, bool changes)
{
    for (size_t i = 0; i < a->m->inputs.count; i++) {
        const struct plan_input *in = &a->m->inputs.items[i];
        struct pb_item v;
        if (in->attribute == PLAN_NONE || !act_input(a, in, &v))
            continue;
        const struct attribute *at = &a->e->attributes.items[in->attribute];
        bool whole = in->use == INPUT_ATTRIBUTE || in->use == INPUT_NEW;
        if (changes && plan_is_key(a->e, in->attribute))
            continue;
        if (in->use == INPUT_CONTAINS && !changes && in->inner != 0) {
            put_inner(act_part(a, at), at->number, (uint32_t)in->inner, &v);
        } else if (whole || (in->use == INPUT_CONTAINS && !changes)) {
            if (whole && !act_drop_attribute(a, at))
                return false;
            bool pieces = in->field->kind == PB_BYTES && !in->field->repeated && a->m->method->client_streaming;
            if (pieces)
                put_pieces(act_part(a, at), holder(a, in), in->field->number, at->number);
            else
                field_copy(act_part(a, at), holder(a, in), in->field->number, at->number);
        }
    }
    for (size_t i = 0; i < a->m->copy_count; i++) {
        const struct attribute *to = &a->e->attributes.items[a->m->copies[i].to];
        const struct attribute *from = &a->e->attributes.items[a->m->copies[i].from];
        bool given = false;
        struct pb_item v;
        for (size_t k = 0; k < a->m->inputs.count; k++)
            given = given ||
                    (a->m->inputs.items[k].attribute == a->m->copies[i].to && act_input(a, &a->m->inputs.items[k], &v));
        if (given || !field_get(text_bytes(act_part(a, from)), from->number, &v))
            continue;
        /* `v` stands in a text that may be the one changed: its bytes are copied first. */
        text_clear(&a->key);
        put_item(&a->key, to->number, &v);
        if (!act_drop_attribute(a, to))
            return false;
        text_add(act_part(a, to), text_string(&a->key), a->key.len);
    }
    return true;
}

/* The body takes the place of the entity's message; what is aside stays. */
static bool put_body(struct act *a, struct bytes body, const struct item *old)
{
    const struct plan_entity *e = a->e;
    text_clear(&a->visible);
    text_add(&a->visible, body.data, body.len);
    for (size_t i = 0; old && i < e->attributes.count; i++) {
        const struct attribute *at = &e->attributes.items[i];
        bool kept = at->use == USE_CREATED || plan_is_key(e, i);
        if (at->aside || !kept)
            continue;
        if (!act_drop_attribute(a, at))
            return false;
        field_copy(&a->visible, item_message(old), at->number, at->number);
    }
    return text_ok(&a->visible);
}

/* The inputs one of which must be there. */
bool act_required(struct act *a)
{
    for (size_t **group = a->m->required; group && *group; group++) {
        bool there = false;
        for (size_t *in = *group; *in != PLAN_NONE && !there; in++) {
            size_t field = *in;
            there = field_there(a->request, a->m->method->input->fields[field].number);
        }
        if (there)
            continue;
        text_clear(&a->scratch);
        for (size_t *in = *group; *in != PLAN_NONE; in++)
            text_printf(&a->scratch, "%s%s", in == *group ? "" : " or ", a->m->method->input->fields[*in].name);
        return act_fail(a, FAILURE_REQUIRED, "%s is required", text_string(&a->scratch));
    }
    return true;
}

static void put_first_state(struct act *a, const struct plan_entity *e)
{
    static const char *const states[] = {"status", "state", "phase", "stage", NULL};
    for (size_t i = 0; i < e->attributes.count; i++) {
        const struct attribute *at = &e->attributes.items[i];
        if (at->aside || field_there(text_bytes(&a->visible), at->number))
            continue;
        if (i == e->state && e->first_state) {
            act_drop_attribute(a, at);
            put_text(&a->visible, at->field, at->number, bytes_of(e->first_state));
        } else if (at->field->kind == PB_ENUM && !at->field->repeated && name_is_one_of(at->name, states) &&
                   at->field->enumeration->value_count > 1 && at->field->enumeration->values[0].number == 0) {
            /* The first that is not "unknown". */
            act_drop_attribute(a, at);
            struct pb_item v = {.wire = PB_WIRE_VARINT,
                                .value = (uint64_t)(int64_t)at->field->enumeration->values[1].number};
            put_item(&a->visible, at->number, &v);
        }
    }
}

static void put_defaults(struct act *a, const struct plan_entity *e)
{
    for (size_t i = 0; i < e->default_count; i++) {
        const struct attribute *at = &e->attributes.items[e->defaults[i].attribute];
        if (field_there(text_bytes(act_part(a, at)), at->number))
            continue;
        act_drop_attribute(a, at);
        text_add(act_part(a, at), e->defaults[i].wire.data, e->defaults[i].wire.len);
    }
}

/* Tokens, and times to live, of what has them. */
void act_put_made(struct act *a, size_t entity, uint64_t expires)
{
    const struct plan_entity *e = &a->b->plan.entities[entity];
    uint64_t serial = act_collection(a, entity)->made + 1;
    for (size_t i = 0; i < e->attributes.count; i++) {
        const struct attribute *at = &e->attributes.items[i];
        if (at->use == USE_EXPIRES && expires) {
            act_drop_attribute(a, at);
            put_time(act_part(a, at), at->field, at->number, expires);
        }
        if ((at->use != USE_TOKEN && at->use != USE_REFRESH) || field_there(text_bytes(act_part(a, at)), at->number))
            continue;
        text_clear(&a->key);
        act_made_text(a, entity, at, serial, &a->key);
        put_text(act_part(a, at), at->field, at->number, text_bytes(&a->key));
    }
}

/* The key, made when the request gives none; a->key in the end. */
bool act_put_key(struct act *a, size_t entity)
{
    const struct plan_entity *e = &a->b->plan.entities[entity];
    struct collection *c = act_collection(a, entity);
    if (e->key_count == 0) {
        text_clear(&a->key);
        text_printf(&a->key, "%llu", (unsigned long long)(c->made + 1));
        return true;
    }
    const struct attribute *at = &e->attributes.items[e->keys[0]];
    struct pb_item v;
    bool there = field_get(text_bytes(act_part(a, at)), at->number, &v) && !item_is_zero(&v);
    if (!there && !e->key_made)
        return act_fail(a, FAILURE_REQUIRED, "%s is required", at->name);
    for (uint64_t serial = c->made + 1; !there; serial++) {
        act_drop_attribute(a, at);
        text_clear(&a->key);
        act_made_text(a, entity, at, serial, &a->key);
        put_text(act_part(a, at), at->field, at->number, text_bytes(&a->key));
        act_key_of(a, e, text_bytes(&a->visible), text_bytes(&a->aside));
        if (!text_ok(&a->key) || !text_ok(&a->visible))
            return act_fail_code(a, ERROR_MEMORY);
        if (!behave_state_find(c, text_bytes(&a->key), a->now))
            return true;
    }
    act_key_of(a, e, text_bytes(&a->visible), text_bytes(&a->aside));
    return true;
}

static bool has_parent(struct act *a, const struct plan_entity *e)
{
    if (e->parent == PLAN_NONE || !e->parent_needed)
        return true;
    const struct attribute *at = &e->attributes.items[e->parent_attribute];
    const struct plan_entity *parent = &a->b->plan.entities[e->parent];
    struct pb_item v = {.wire = PB_WIRE_BYTES};
    text_clear(&a->scratch);
    if (field_get(text_bytes(act_part(a, at)), at->number, &v))
        item_text(&v, at->field->kind, &a->scratch);
    struct collection *c = act_collection(a, e->parent);
    if (behave_state_find(c, text_bytes(&a->scratch), a->now))
        return true;
    return act_fail(a, FAILURE_PARENT, "there is no %s \"%.200s\"", parent->name, text_string(&a->scratch));
}

static uint64_t lifetime(const struct act *a)
{
    int64_t seconds = act_input_integer(a, INPUT_LIFETIME, 0);
    if (seconds > 0 && seconds < INT64_C(4000000000))
        return a->now + (uint64_t)seconds * 1000000000;
    return a->e->lifetime ? a->now + a->e->lifetime : 0;
}

static bool create_one(struct act *a)
{
    const struct plan_entity *e = a->e;
    struct bytes body = act_body(a);
    bool saves = a->m->role == ROLE_SAVE;
    struct item *old = NULL;
    act_clear(a);
    if (saves && e->key_count > 0 && act_key(a))
        old = behave_state_find(a->c, text_bytes(&a->key), a->now);
    if (old)
        act_load(a, old);
    if (body.data && !put_body(a, body, old))
        return act_fail_code(a, ERROR_MEMORY);
    if (!put_inputs(a, old != NULL))
        return act_fail_code(a, ERROR_MEMORY);
    uint64_t expires = lifetime(a);
    if (!old) {
        put_defaults(a, e);
        put_first_state(a, e);
    }
    act_stamp(a, e, !old);
    act_put_made(a, own(a), expires);
    if (!act_put_key(a, own(a)) || !has_parent(a, e))
        return false;
    bool taken = !saves && e->key_count > 0 && (e->kept || e->seeded) &&
                 behave_state_find(a->c, text_bytes(&a->key), a->now) != NULL;
    if (taken)
        return act_fail(a, FAILURE_EXISTS, "there is a %s \"%.*s\" already", e->name,
                        (int)strcspn(text_string(&a->key), "\x1f"), text_string(&a->key));
    struct item *made;
    if (!act_unique(a, own(a), old) || !act_keep(a, own(a), expires, &made))
        return false;
    a->item = made;
    a->yes = true;
    a->count++;
    a->event = old ? "update" : "create";
    live_changed(a, own(a), made, a->event);
    return true;
}

bool act_create(struct act *a)
{
    const struct plan_input *many = act_input_of(a, INPUT_BODIES);
    if (many == NULL)
        return create_one(a);
    struct pb_reader r = reader_of(a->request);
    struct pb_item v;
    while (r.at < r.end && pb_item_next(&r, &v) == PB_FAULT_NONE) {
        if (v.number != many->field->number)
            continue;
        a->body = v.data.data ? v.data : BYTES("", 0);
        if (!create_one(a))
            return false;
        if (a->e->kept && !array_push(&a->items, a->item))
            return act_fail_code(a, ERROR_MEMORY);
    }
    return true;
}

bool act_read(struct act *a)
{
    struct item *i = a->m->makes ? act_named(a) : NULL;
    if (a->m->makes && !i)
        return create_one(a);
    if (!i && !act_find(a, &i))
        return false;
    if (!act_matches(a, i))
        return act_fail(a, FAILURE_MISSING, "there is no such %s", a->e->name);
    a->item = i;
    a->yes = true;
    a->count = 1;
    return true;
}

/* What the request says must be so now, and what it says twice. */
static bool old_and_confirmed(struct act *a, const struct item *i)
{
    for (size_t k = 0; k < a->m->inputs.count; k++) {
        const struct plan_input *in = &a->m->inputs.items[k];
        struct pb_item v = {.wire = PB_WIRE_BYTES}, w = {.wire = PB_WIRE_BYTES};
        if (in->use != INPUT_OLD && in->use != INPUT_CONFIRM)
            continue;
        const struct attribute *at = &a->e->attributes.items[in->attribute];
        (void)act_input(a, in, &v);
        if (in->use == INPUT_OLD) {
            (void)field_get(item_whole(i), at->number, &w);
            if (!item_equal(&v, &w) && (v.data.len > 0 || w.data.len > 0))
                return act_fail(a, FAILURE_CREDENTIALS, "%s is not right", in->field->name);
            continue;
        }
        for (size_t n = 0; n < a->m->inputs.count; n++) {
            const struct plan_input *other = &a->m->inputs.items[n];
            if (other->use != INPUT_NEW || other->attribute != in->attribute)
                continue;
            (void)act_input(a, other, &w);
            if (!item_equal(&v, &w))
                return act_fail(a, FAILURE_REQUIRED, "%s is not the same as %s", in->field->name, other->field->name);
        }
    }
    return true;
}

/* The state an annotated move leads to. */
void act_put_move(struct act *a)
{
    const struct plan_entity *e = a->e;
    for (size_t k = 0; e->state != PLAN_NONE && k < e->move_count; k++) {
        const struct attribute *at = &e->attributes.items[e->state];
        if (strcmp(e->moves[k].method, a->m->method->name) != 0 || e->moves[k].to == NULL)
            continue;
        act_drop_attribute(a, at);
        put_text(act_part(a, at), at->field, at->number, bytes_of(e->moves[k].to));
    }
}

/* What was changed is kept, under the key it has. */
bool act_store_change(struct act *a, size_t entity, struct item *i)
{
    struct item *now;
    uint64_t expires = i->expires;
    if (!act_unique(a, entity, i))
        return false;
    text_clear(&a->key);
    text_add(&a->key, item_key(i).data, item_key(i).len);
    if (!act_keep(a, entity, expires, &now))
        return false;
    if (entity == own(a))
        a->item = now;
    a->yes = true;
    a->count++;
    a->event = "update";
    live_changed(a, entity, now, "update");
    return true;
}

/* The list without the part, then with it as it is now. */
static bool change_part(struct act *a, const struct item *i)
{
    const struct plan_part *part = &a->m->part;
    const struct attribute *list = &a->e->attributes.items[part->list];
    struct pb_item by, amount = {.wire = PB_WIRE_VARINT}, v, his, sum = {.wire = PB_WIRE_VARINT};
    struct bytes old = BYTES_NONE;
    if (!act_drop_attribute(a, list))
        return act_fail_code(a, ERROR_MEMORY);
    if (part->change == CHANGE_CLEAR)
        return true;
    if (!field_get(a->request, part->by_from->number, &by) || item_is_zero(&by))
        return act_fail(a, FAILURE_REQUIRED, "%s is required", part->by_from->name);
    struct field_walk w;
    struct text *out = act_part(a, list);
    field_walk(&w, item_whole(i), list->field, list->number);
    while (field_next(&w, &v)) {
        if (field_get(v.data, part->by->number, &his) && item_equal(&his, &by))
            old = v.data;
        else
            pb_put_bytes(out, list->number, v.data);
    }
    if (part->change == CHANGE_REMOVE)
        return old.data || a->m->missing_ok
                   ? true
                   : act_fail(a, FAILURE_MISSING, "no such %s is in the %s", part->by->name, a->e->name);
    if (part->change == CHANGE_SET && !old.data)
        return act_fail(a, FAILURE_MISSING, "no such %s is in the %s", part->by->name, a->e->name);
    bool given = field_get(a->request, part->sum_from->number, &amount);
    int64_t total = item_integer(&amount, part->sum_from->kind);
    if (part->change == CHANGE_ADD && !given)
        total = 1;
    if (part->change == CHANGE_ADD && old.data && field_get(old, part->sum->number, &sum) &&
        __builtin_add_overflow(total, item_integer(&sum, part->sum->kind), &total))
        return act_fail_input(a, "%s is out of range", part->sum_from->name);
    if (total <= 0)
        return true; /* none of it: taken out */
    if (total > INT32_MAX)
        return act_fail_input(a, "%s is out of range", part->sum_from->name);
    size_t mark = pb_open(out, list->number);
    if (old.data)
        field_drop(out, old, part->sum->number);
    else
        put_item(out, part->by->number, &by);
    put_integer(out, part->sum, part->sum->number, total);
    pb_close(out, mark);
    return true;
}

bool act_update(struct act *a)
{
    struct item *i;
    struct bytes body = act_body(a);
    if (!act_find(a, &i) || !old_and_confirmed(a, i) || !act_move(a, i))
        return false;
    act_load(a, i);
    if (body.data && !put_body(a, body, i))
        return act_fail_code(a, ERROR_MEMORY);
    if (!put_inputs(a, true))
        return act_fail_code(a, ERROR_MEMORY);
    if (a->m->part.change != CHANGE_NONE && !change_part(a, i))
        return false;
    act_put_move(a);
    act_stamp(a, a->e, false);
    return act_store_change(a, own(a), i);
}

static bool delete_one(struct act *a, struct item *i)
{
    /* Those who listen hear of it while it is still there. */
    live_changed(a, own(a), i, "delete");
    act_remove(a, own(a), i);
    a->count++;
    a->yes = true;
    a->event = "delete";
    return true;
}

bool act_delete(struct act *a)
{
    const struct plan_entity *e = a->e;
    bool one = e->key_count > 0 && act_key(a) && !act_input_of(a, INPUT_KEYS);
    struct item *i = one ? behave_state_find(a->c, text_bytes(&a->key), a->now) : NULL;
    if (one && i && act_move(a, i))
        return delete_one(a, i);
    if (one && i)
        return false;
    if (one && e->key_count > 1) { /* parts of the key may be left out */
        for (i = a->c->first; i && !act_matches(a, i);)
            i = i->next;
        if (i)
            return delete_one(a, i);
    }
    for (struct item *at = one ? NULL : a->c->first, *next; at; at = next) {
        next = at->next;
        if (item_expired(at, a->now) || act_matches(a, at))
            delete_one(a, at);
    }
    if (a->count > 0 || a->m->missing_ok || (!one && e->key_count > 0 && !act_key(a) && act_input_of(a, INPUT_KEYS)))
        return true;
    return one ? act_fail(a, FAILURE_MISSING, "there is no %s \"%.*s\"", e->name,
                          (int)strcspn(text_string(&a->key), "\x1f"), text_string(&a->key))
               : true;
}

static bool set_state(struct act *a, struct item *i)
{
    const struct plan_entity *e = a->e;
    const struct plan_method *m = a->m;
    if (!act_move(a, i))
        return false;
    act_load(a, i);
    if (!put_inputs(a, true))
        return act_fail_code(a, ERROR_MEMORY);
    if (m->state != PLAN_NONE) {
        const struct attribute *at = &e->attributes.items[m->state];
        struct text *part = act_part(a, at);
        act_drop_attribute(a, at);
        if (at->use != USE_PLAIN && !m->clears && at->field->kind != PB_BOOL && at->field->kind != PB_ENUM) {
            put_time(part, at->field, at->number, a->now);
        } else if (at->field->kind == PB_BOOL) {
            put_bool(part, at->number, !m->clears);
        } else if (at->field->kind == PB_ENUM && !m->clears) {
            const struct pb_enum_value *v = plan_enum_value(at->field->enumeration, m->state_name);
            v = v || !m->verb ? v : plan_enum_value(at->field->enumeration, m->verb->word);
            if (v)
                put_text(part, at->field, at->number, bytes_of(v->name));
        } else if (at->field->kind == PB_STRING && !m->clears) {
            bool time = name_ends(at->name, "_at") || name_ends(at->name, "time") || name_ends(at->name, "timestamp");
            if (time)
                put_time(part, at->field, at->number, a->now);
            else
                put_text(part, at->field, at->number, bytes_of(m->state_name));
        } else if (!m->clears) {
            put_time(part, at->field, at->number, a->now);
        } else if (m->clears && e->state == m->state && e->first_state) {
            put_text(part, at->field, at->number, bytes_of(e->first_state));
        }
        /* The time of it, where there is a field for that too: "shipped_at", "completed". */
        for (size_t k = 0; m->state_name && k < e->attributes.count; k++) {
            const struct attribute *time = &e->attributes.items[k];
            const char *rest = name_behind(time->name, m->state_name);
            /* An integer of that very name may be an amount, unless a flag says the rest. */
            bool flag = at->field->kind == PB_BOOL && field_is_numeric(time->field);
            bool whole = name_same(time->name, m->state_name) && (time->field->kind == PB_MESSAGE || flag);
            bool holds = field_is_numeric(time->field) || field_is_text(time->field) ||
                         (time->field->kind == PB_MESSAGE && time->field->message->known == PB_TIMESTAMP);
            if (k == m->state || !holds ||
                !(whole || (rest && (name_same(rest, "at") || name_same(rest, "timestamp")))))
                continue;
            act_drop_attribute(a, time);
            if (!m->clears)
                put_time(act_part(a, time), time->field, time->number, a->now);
        }
    }
    act_put_move(a);
    act_stamp(a, e, false);
    return act_store_change(a, own(a), i);
}

bool act_state(struct act *a)
{
    struct item *i;
    if (!act_input_of(a, INPUT_KEYS)) {
        if (!act_find(a, &i))
            return false;
        return set_state(a, i);
    }
    for (struct item *at = a->c->first, *next; at; at = next) {
        next = at->next;
        if (!item_expired(at, a->now) && act_matches(a, at) && !set_state(a, at))
            return false;
    }
    return true;
}

static bool is_member(const struct item *i, const struct attribute *at, const struct plan_input *in,
                      const struct pb_item *who)
{
    struct field_walk w;
    struct pb_item v, inner;
    field_walk(&w, item_whole(i), at->field, at->number);
    while (field_next(&w, &v))
        if (in->inner == 0 ? item_equal(&v, who)
                           : field_get(v.data, (uint32_t)in->inner, &inner) && item_equal(&inner, who))
            return true;
    return false;
}

bool act_member(struct act *a)
{
    struct item *i;
    struct pb_item who, v, inner;
    const struct plan_input *in = act_input_of(a, INPUT_CONTAINS);
    if (!act_find(a, &i))
        return false;
    if (in == NULL || !act_input(a, in, &who) || item_is_zero(&who))
        return act_fail(a, FAILURE_REQUIRED, "%s is required", in ? in->field->name : "who joins");
    const struct attribute *at = &a->e->attributes.items[in->attribute];
    bool there = is_member(i, at, in, &who), joins = a->m->role == ROLE_JOIN;
    if (!joins && !there)
        return act_fail(a, FAILURE_MEMBER, "%.*s is not in the %s", (int)who.data.len, (const char *)who.data.data,
                        a->e->name);
    act_load(a, i);
    if (joins && !there && in->inner == 0)
        put_item(act_part(a, at), at->number, &who);
    else if (joins && !there)
        put_inner(act_part(a, at), at->number, (uint32_t)in->inner, &who);
    if (!joins) {
        act_drop_attribute(a, at);
        struct field_walk w;
        field_walk(&w, item_whole(i), at->field, at->number);
        while (field_next(&w, &v)) {
            bool his = in->inner == 0 ? item_equal(&v, &who)
                                      : field_get(v.data, (uint32_t)in->inner, &inner) && item_equal(&inner, &who);
            if (!his)
                put_item(act_part(a, at), at->number, &v);
        }
    }
    act_stamp(a, a->e, false);
    return act_store_change(a, own(a), i);
}
