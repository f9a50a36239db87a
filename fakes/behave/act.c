#include "fakes/behave/behave_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY_SEPARATOR '\x1f'
#define EXAMPLES      3

/* The status, and what is always said with it; true when the usual words are to follow. */
static bool fail(struct act *a, const struct plan_status *s)
{
    a->answer->status = s->status;
    text_clear(&a->answer->message);
    if (s->message)
        text_puts(&a->answer->message, s->message);
    return s->status != GRPC_OK && !s->message;
}

bool act_fail(struct act *a, enum plan_failure failure, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    if (fail(a, &a->m->statuses[failure]))
        text_vprintf(&a->answer->message, format, args);
    va_end(args);
    return false;
}

bool act_fail_input(struct act *a, const char *format, ...)
{
    static const struct plan_status invalid = {GRPC_INVALID_ARGUMENT, NULL};
    va_list args;
    va_start(args, format);
    if (fail(a, &invalid))
        text_vprintf(&a->answer->message, format, args);
    va_end(args);
    return false;
}

bool act_fail_code(struct act *a, int rc)
{
    fake_answer_fail(a->answer, GRPC_RESOURCE_EXHAUSTED,
                     rc == ERROR_LIMIT ? "the double keeps no more: its limit of entities or bytes is reached"
                                       : "the double has no memory");
    return false;
}

/* ---- inputs ---------------------------------------------------------------------------------------------------- */

bool act_input(const struct act *a, const struct plan_input *in, struct pb_item *out)
{
    struct bytes message = a->request;
    if (in->outer) {
        struct pb_item outer;
        if (!field_get(message, in->outer->number, &outer))
            return false;
        message = outer.data;
    }
    return in->field && field_get(message, in->field->number, out);
}

const struct plan_input *act_input_of(const struct act *a, enum input_use use)
{
    for (size_t i = 0; i < a->m->inputs.count; i++)
        if (a->m->inputs.items[i].use == use)
            return &a->m->inputs.items[i];
    return NULL;
}

bool act_input_value(const struct act *a, enum input_use use, struct pb_item *out)
{
    for (size_t i = 0; i < a->m->inputs.count; i++)
        if (a->m->inputs.items[i].use == use && act_input(a, &a->m->inputs.items[i], out))
            return true;
    return false;
}

int64_t act_input_integer(const struct act *a, enum input_use use, int64_t otherwise)
{
    const struct plan_input *in = act_input_of(a, use);
    struct pb_item v;
    return in && act_input(a, in, &v) ? item_integer(&v, in->field->kind) : otherwise;
}

struct bytes act_body(const struct act *a)
{
    const struct plan_input *in = act_input_of(a, INPUT_BODY);
    struct pb_item v;
    if (a->body.data)
        return a->body;
    if (in == NULL)
        return BYTES_NONE;
    if (in->field == NULL)
        return a->request.data ? a->request : BYTES("", 0);
    return act_input(a, in, &v) ? v.data : BYTES_NONE;
}

/* The message an input's repeated field stands in. */
static struct bytes input_holder(const struct act *a, const struct plan_input *in)
{
    struct pb_item outer;
    if (!in->outer)
        return a->request;
    return field_get(a->request, in->outer->number, &outer) ? outer.data : BYTES_NONE;
}

/* ---- keys ------------------------------------------------------------------------------------------------------ */

static void key_part(struct text *key, struct bytes message, const struct pb_field *f, uint32_t number)
{
    struct pb_item v;
    if (!f->repeated) {
        if (field_get(message, number, &v))
            item_text(&v, f->kind, key);
        return;
    }
    struct field_walk w;
    field_walk(&w, message, f, number);
    for (bool first = true; field_next(&w, &v); first = false) {
        if (!first)
            text_char(key, '/');
        item_text(&v, f->kind, key);
    }
}

bool act_key(struct act *a)
{
    const struct plan_entity *e = a->e;
    struct bytes body = act_body(a);
    bool named = false;
    text_clear(&a->key);
    for (size_t k = 0; k < e->key_count; k++) {
        const struct attribute *at = &e->attributes.items[e->keys[k]];
        size_t start = a->key.len + (k > 0);
        if (k > 0)
            text_char(&a->key, KEY_SEPARATOR);
        for (size_t i = 0; i < a->m->inputs.count && a->key.len <= start; i++) {
            const struct plan_input *in = &a->m->inputs.items[i];
            if (in->use == INPUT_ATTRIBUTE && in->attribute == e->keys[k])
                key_part(&a->key, input_holder(a, in), in->field, in->field->number);
        }
        if (a->key.len <= start && body.data && !at->aside)
            key_part(&a->key, body, at->field, at->number);
        if (k == 0)
            named = a->key.len > 0;
    }
    return named;
}

void act_key_of(struct act *a, const struct plan_entity *e, struct bytes visible, struct bytes aside)
{
    text_clear(&a->key);
    for (size_t k = 0; k < e->key_count; k++) {
        const struct attribute *at = &e->attributes.items[e->keys[k]];
        if (k > 0)
            text_char(&a->key, KEY_SEPARATOR);
        key_part(&a->key, at->aside ? aside : visible, at->field, at->number);
    }
}

struct item *act_named(struct act *a)
{
    if (act_key(a))
        return behave_state_find(a->c, text_bytes(&a->key), a->now);
    bool asked = false;
    /* Whose token it is, where the request says no more. */
    const struct plan_entity *shown = a->proof ? &a->b->plan.entities[a->m->codes] : NULL;
    if (shown && shown->subject != PLAN_NONE && a->m->entity == a->m->account) {
        const struct attribute *at = &shown->attributes.items[shown->subject];
        text_clear(&a->key);
        key_part(&a->key, item_whole(a->proof), at->field, at->number);
        if (a->key.len > 0)
            return behave_state_find(a->c, text_bytes(&a->key), a->now);
    }
    for (size_t i = 0; i < a->m->inputs.count; i++) {
        struct pb_item v;
        asked = asked || (a->m->inputs.items[i].attribute != PLAN_NONE && act_input(a, &a->m->inputs.items[i], &v) &&
                          !item_is_zero(&v));
    }
    for (struct item *i = asked ? a->c->first : NULL, *next; i; i = next) {
        next = i->next;
        if (item_expired(i, a->now))
            act_remove(a, plan_entity_index(&a->b->plan, a->e), i);
        else if (act_matches(a, i))
            return i;
    }
    return NULL;
}

bool act_find(struct act *a, struct item **out)
{
    *out = act_named(a);
    if (*out)
        return true;
    const struct plan_entity *e = a->e;
    if (e->key_count > 0 && a->key.len == 0 && !act_key(a)) {
        for (size_t i = 0; i < a->m->inputs.count; i++) {
            struct pb_item v;
            if (a->m->inputs.items[i].attribute != PLAN_NONE && act_input(a, &a->m->inputs.items[i], &v) &&
                !item_is_zero(&v))
                return act_fail(a, FAILURE_MISSING, "there is no such %s", e->name);
        }
        return act_fail(a, FAILURE_REQUIRED, "%s is blank: which %s?", e->attributes.items[e->keys[0]].name, e->name);
    }
    return act_fail(a, FAILURE_MISSING, "there is no %s \"%.*s\"", e->name,
                    (int)(a->key.len < 200 ? strcspn(text_string(&a->key), "\x1f") : 200), text_string(&a->key));
}

/* ---- matching -------------------------------------------------------------------------------------------------- */

static bool same_values(struct bytes a, const struct pb_field *f, struct bytes b, uint32_t number)
{
    struct field_walk w, x;
    struct pb_item v, u;
    field_walk(&w, a, f, f->number);
    field_walk(&x, b, f, number);
    for (;;) {
        bool one = field_next(&w, &v), other = field_next(&x, &u);
        if (!one || !other)
            return one == other;
        if (!item_equal(&v, &u))
            return false;
    }
}

/* Every entry of the one map is in the other. */
static bool holds_entries(struct bytes a, const struct pb_field *f, struct bytes b, uint32_t number)
{
    struct field_walk w, x;
    struct pb_item v, u;
    field_walk(&w, a, f, f->number);
    while (field_next(&w, &v)) {
        bool found = false;
        field_walk(&x, b, f, number);
        while (!found && field_next(&x, &u))
            found = item_equal(&v, &u);
        if (!found)
            return false;
    }
    return true;
}

static bool contains(const struct item *i, const struct attribute *at, const struct plan_input *in,
                     const struct pb_item *wanted)
{
    struct field_walk w;
    struct pb_item v, inner;
    field_walk(&w, item_whole(i), at->field, at->number);
    while (field_next(&w, &v)) {
        if (in->inner == 0 ? item_equal(&v, wanted)
                           : field_get(v.data, (uint32_t)in->inner, &inner) && item_equal(&inner, wanted))
            return true;
    }
    return false;
}

static bool holds(struct bytes text, struct bytes part)
{
    for (size_t i = 0; part.len <= text.len && i <= text.len - part.len; i++) {
        size_t k = 0;
        while (k < part.len &&
               (text.data[i + k] == part.data[k] || ((text.data[i + k] ^ part.data[k]) == 0x20 &&
                                                     (part.data[k] | 0x20) >= 'a' && (part.data[k] | 0x20) <= 'z')))
            k++;
        if (k == part.len)
            return true;
    }
    return false;
}

/* The text stands somewhere in the entity, in a text of its own or of a message in it. */
static bool mentions(struct bytes message, const struct pb_type *type, struct bytes text, int depth)
{
    struct pb_reader r = reader_of(message);
    struct pb_item v;
    while (r.at < r.end && pb_item_next(&r, &v) == PB_FAULT_NONE) {
        const struct pb_field *f = pb_field_by_number(type, v.number);
        if (f && f->kind == PB_STRING && holds(v.data, text))
            return true;
        if (f && f->kind == PB_MESSAGE && depth < VALUES_DEPTH_MAX && mentions(v.data, f->message, text, depth + 1))
            return true;
    }
    return false;
}

static bool mentions_item(const struct act *a, const struct item *i, struct bytes text)
{
    if (a->e->type)
        return mentions(item_message(i), a->e->type, text, 0);
    for (size_t k = 0; k < a->e->attributes.count; k++) {
        struct pb_item v;
        const struct attribute *at = &a->e->attributes.items[k];
        if (field_is_text(at->field) && field_get(item_whole(i), at->number, &v) && holds(v.data, text))
            return true;
    }
    return false;
}

/* RFC 3339 in UTC and numbers compare as they stand; a Timestamp by its parts. */
static int order(const struct pb_item *x, const struct pb_item *y, const struct pb_field *f)
{
    if (f->kind != PB_MESSAGE)
        return item_compare(x, y, f->kind);
    for (uint32_t part = 1; part <= 2; part++) {
        struct pb_item u = {.wire = PB_WIRE_VARINT}, v = {.wire = PB_WIRE_VARINT};
        (void)field_get(x->data, part, &u);
        (void)field_get(y->data, part, &v);
        int o = item_compare(&u, &v, PB_INT64);
        if (o)
            return o;
    }
    return 0;
}

static bool matches(struct act *a, const struct item *i, const struct plan_input *in)
{
    const struct attribute *at = in->attribute != PLAN_NONE ? &a->e->attributes.items[in->attribute] : NULL;
    struct pb_item wanted, v = {0};
    if (!in->field || !act_input(a, in, &wanted) || (item_is_zero(&wanted) && in->use != INPUT_KEYS))
        return true;
    bool prefix = false, suffix = false;
    switch ((int)in->use) {
    case INPUT_ATTRIBUTE:
        if (in->field->map)
            return holds_entries(input_holder(a, in), in->field, item_whole(i), at->number);
        if (in->field->repeated)
            return same_values(input_holder(a, in), in->field, item_whole(i), at->number);
        for (size_t k = 0; k < a->m->inputs.count; k++) {
            struct pb_item flag;
            const struct plan_input *f = &a->m->inputs.items[k];
            if (f->field && f->field->kind == PB_BOOL && (f->use == INPUT_PREFIX || f->use == INPUT_SUFFIX) &&
                act_input(a, f, &flag) && item_true(&flag))
                *(f->use == INPUT_PREFIX ? &prefix : &suffix) = true;
        }
        if (!field_get(item_whole(i), at->number, &v))
            return false;
        if ((prefix || suffix) && in->attribute == a->e->keys[0] && v.wire == PB_WIRE_BYTES) {
            if (v.data.len < wanted.data.len)
                return false;
            struct bytes part = BYTES(v.data.data + (prefix ? 0 : v.data.len - wanted.data.len), wanted.data.len);
            return bytes_equal(part, wanted.data);
        }
        return item_equal(&v, &wanted);
    case INPUT_CONTAINS:
        return contains(i, at, in, &wanted);
    case INPUT_KEYS: {
        struct field_walk w;
        if (!field_get(item_whole(i), at->number, &v))
            return false;
        field_walk(&w, input_holder(a, in), in->field, in->field->number);
        while (field_next(&w, &wanted))
            if (item_equal(&wanted, &v))
                return true;
        return false;
    }
    case INPUT_PREFIX:
    case INPUT_SUFFIX: {
        if (in->field->kind != PB_STRING || a->e->key_count == 0)
            return true;
        const struct attribute *key = &a->e->attributes.items[a->e->keys[0]];
        if (!field_get(item_whole(i), key->number, &v) || v.wire != PB_WIRE_BYTES || v.data.len < wanted.data.len)
            return false;
        size_t from = in->use == INPUT_PREFIX ? 0 : v.data.len - wanted.data.len;
        return bytes_equal(BYTES(v.data.data + from, wanted.data.len), wanted.data);
    }
    case INPUT_AFTER:
        return field_get(item_whole(i), at->number, &v) && order(&v, &wanted, in->field) >= 0;
    case INPUT_BEFORE:
        return field_get(item_whole(i), at->number, &v) && order(&v, &wanted, in->field) <= 0;
    case INPUT_QUERY:
        return mentions_item(a, i, wanted.data);
    default:
        return true;
    }
}

bool act_matches(struct act *a, const struct item *i)
{
    for (size_t k = 0; k < a->m->inputs.count; k++)
        if (!matches(a, i, &a->m->inputs.items[k]))
            return false;
    return true;
}

/* ---- making and changing --------------------------------------------------------------------------------------- */

void act_clear(struct act *a)
{
    text_clear(&a->visible);
    text_clear(&a->aside);
}

void act_load(struct act *a, const struct item *i)
{
    struct bytes whole = item_whole(i), visible = item_message(i);
    act_clear(a);
    text_add(&a->visible, visible.data, visible.len);
    text_add(&a->aside, whole.data + visible.len, whole.len - visible.len);
}

struct text *act_part(struct act *a, const struct attribute *at)
{
    return at->aside ? &a->aside : &a->visible;
}

bool act_drop_attribute(struct act *a, const struct attribute *at)
{
    struct text *part = act_part(a, at);
    struct pb_item v;
    if (!field_get(text_bytes(part), at->number, &v))
        return true;
    text_clear(&a->scratch);
    field_drop(&a->scratch, text_bytes(part), at->number);
    struct text old = *part;
    *part = a->scratch;
    a->scratch = old;
    return text_ok(part);
}

void act_stamp(struct act *a, const struct plan_entity *e, bool created)
{
    for (size_t i = 0; i < e->attributes.count; i++) {
        const struct attribute *at = &e->attributes.items[i];
        if (at->use == USE_UPDATED || (created && at->use == USE_CREATED)) {
            act_drop_attribute(a, at);
            put_time(act_part(a, at), at->field, at->number, a->now);
        }
    }
}

void act_made_text(struct act *a, size_t entity, const struct attribute *at, uint64_t serial, struct text *out)
{
    static const char *const digits[] = {"code", "otp", "pin", "passcode", "verification_code", NULL};
    char what[NAME_MAX_BYTES * 2];
    struct random r;
    snprintf(what, sizeof what, "%s.%s %s", a->b->plan.entities[entity].name, at->name, a->session->name);
    random_seed(&r, values_hash(a->b->seed ^ serial * UINT64_C(0x9E3779B97F4A7C15), what, BYTES_NONE));
    if (field_is_numeric(at->field))
        text_printf(out, "%llu", (unsigned long long)serial);
    else if (at->use == USE_TOKEN && name_is_one_of(at->name, digits))
        values_digits(&r, 6, out);
    else if (at->use == USE_TOKEN || at->use == USE_REFRESH)
        values_token(&r, 32, out);
    else if (name_ends(at->name, "url"))
        text_printf(out, "https://example.com/%s/%llu", a->b->plan.entities[entity].name, (unsigned long long)serial);
    else
        values_id(&r, out);
}

/* How the table of what only one may have calls a value. */
static void unique_key(struct text *out, size_t attribute, const struct pb_item *v, enum pb_kind kind)
{
    text_clear(out);
    text_char(out, (char)(attribute & 0xFF));
    item_text(v, kind, out);
}

bool act_unique(struct act *a, size_t entity, const struct item *self)
{
    const struct plan_entity *e = &a->b->plan.entities[entity];
    struct collection *c = act_collection(a, entity);
    for (size_t u = 0; u < e->unique_count; u++) {
        const struct attribute *at = &e->attributes.items[e->unique[u]];
        struct pb_item v;
        if (!field_get(text_bytes(act_part(a, at)), at->number, &v) || item_is_zero(&v))
            continue;
        unique_key(&a->scratch, e->unique[u], &v, at->field->kind);
        struct item *other = map_get_n(&c->unique, a->scratch.data, a->scratch.len);
        if (other && other != self && !item_expired(other, a->now))
            return act_fail(a, FAILURE_UNIQUE, "there is another %s with this %s", e->name, at->name);
    }
    return true;
}

static bool unique_add(struct act *a, const struct plan_entity *e, struct collection *c, struct item *i)
{
    for (size_t u = 0; u < e->unique_count; u++) {
        const struct attribute *at = &e->attributes.items[e->unique[u]];
        struct pb_item v;
        if (!field_get(item_whole(i), at->number, &v) || item_is_zero(&v))
            continue;
        unique_key(&a->scratch, e->unique[u], &v, at->field->kind);
        if (!text_ok(&a->scratch) || !map_put_n(&c->unique, a->scratch.data, a->scratch.len, i))
            return false;
    }
    return true;
}

static void unique_remove(struct act *a, const struct plan_entity *e, struct collection *c, const struct item *i)
{
    for (size_t u = 0; u < e->unique_count; u++) {
        const struct attribute *at = &e->attributes.items[e->unique[u]];
        struct pb_item v;
        if (!field_get(item_whole(i), at->number, &v))
            continue;
        unique_key(&a->scratch, e->unique[u], &v, at->field->kind);
        if (map_get_n(&c->unique, a->scratch.data, a->scratch.len) == i)
            map_remove_n(&c->unique, a->scratch.data, a->scratch.len);
    }
}

static bool keep_loose(struct act *a, struct bytes whole, struct item **out)
{
    free(a->loose);
    a->loose = calloc(1, sizeof *a->loose + a->key.len + whole.len);
    if (a->loose == NULL)
        return act_fail_code(a, ERROR_MEMORY);
    a->loose->key_len = (uint32_t)a->key.len;
    a->loose->visible_len = (uint32_t)a->visible.len;
    a->loose->len = (uint32_t)whole.len;
    memcpy(a->loose->data, text_string(&a->key), a->key.len);
    if (whole.len)
        memcpy(a->loose->data + a->key.len, whole.data, whole.len);
    *out = a->loose;
    return true;
}

/* Takes out what has expired of this session's, but not `old`, whose place is being taken. Whether there was any. */
static bool sweep(struct act *a, const struct item *old)
{
    size_t before = a->b->state.items;
    for (size_t k = 0; k < a->b->plan.entity_count; k++) {
        const struct plan_entity *e = &a->b->plan.entities[k];
        struct collection *c = act_collection(a, k);
        for (struct item *i = c->first, *next; i; i = next) {
            next = i->next;
            if (i == old || i == a->item || i == a->proof || i == a->token || !item_expired(i, a->now))
                continue;
            unique_remove(a, e, c, i);
            behave_state_remove(&a->b->state, c, i);
        }
    }
    return a->b->state.items < before;
}

bool act_keep(struct act *a, size_t entity, uint64_t expires, struct item **out)
{
    const struct plan_entity *e = &a->b->plan.entities[entity];
    struct collection *c = act_collection(a, entity);
    text_clear(&a->scratch);
    text_add(&a->scratch, a->visible.data, a->visible.len);
    text_add(&a->scratch, a->aside.data, a->aside.len);
    if (!text_ok(&a->scratch) || !text_ok(&a->visible) || !text_ok(&a->aside) || !text_ok(&a->key))
        return act_fail_code(a, ERROR_MEMORY);
    if (a->scratch.len > BEHAVE_ENTITY_MAX)
        return act_fail_code(a, ERROR_LIMIT);
    if (!e->kept && !e->seeded)
        return keep_loose(a, text_bytes(&a->scratch), out);
    struct item *old = map_get_n(&c->items, text_string(&a->key), a->key.len);
    /* What the old one had alone is free before the new one's is entered; put back if there is no room. */
    struct bytes whole = text_bytes(&a->scratch);
    struct text spare = TEXT_INIT;
    spare = a->scratch;
    a->scratch = a->spare;
    whole = text_bytes(&spare);
    if (old)
        unique_remove(a, e, c, old);
    int rc = state_put(&a->b->state, c, text_bytes(&a->key), whole, a->visible.len, expires, out);
    if (rc == ERROR_LIMIT && sweep(a, old))
        rc = state_put(&a->b->state, c, text_bytes(&a->key), whole, a->visible.len, expires, out);
    if (rc && old && !unique_add(a, e, c, old))
        rc = ERROR_MEMORY;
    else if (!rc && !unique_add(a, e, c, *out)) {
        unique_remove(a, e, c, *out);
        behave_state_remove(&a->b->state, c, *out);
        rc = ERROR_MEMORY;
    }
    a->spare = a->scratch;
    a->scratch = spare;
    return rc ? act_fail_code(a, rc) : true;
}

void act_remove(struct act *a, size_t entity, struct item *i)
{
    struct plan *p = &a->b->plan;
    struct collection *c = act_collection(a, entity);
    /* What belongs to it goes with it; parents have no circles, and every step goes one down. */
    for (size_t k = 0; k < p->entity_count; k++) {
        const struct plan_entity *child = &p->entities[k];
        if (child->parent != entity || k == entity || !child->kept)
            continue;
        struct collection *children = act_collection(a, k);
        const struct attribute *at = &child->attributes.items[child->parent_attribute];
        struct pb_item own, v;
        const struct attribute *key = &p->entities[entity].attributes.items[p->entities[entity].keys[0]];
        if (!field_get(item_whole(i), key->number, &own))
            continue;
        for (struct item *at_item = children->first, *next; at_item; at_item = next) {
            next = at_item->next;
            if (field_get(item_whole(at_item), at->number, &v) && item_equal(&v, &own)) {
                unique_remove(a, child, children, at_item);
                behave_state_remove(&a->b->state, children, at_item);
            }
        }
    }
    unique_remove(a, &p->entities[entity], c, i);
    text_clear(&a->gone);
    text_add(&a->gone, item_message(i).data, item_message(i).len);
    a->before = text_ok(&a->gone) ? text_bytes(&a->gone) : BYTES_NONE;
    if (a->item == i)
        a->item = NULL;
    behave_state_remove(&a->b->state, c, i);
}

/* Examples of what nothing makes, so that a list has something and what it says can be read. */
static void examples(struct act *a, size_t entity, struct collection *c)
{
    const struct plan_entity *e = &a->b->plan.entities[entity];
    struct text key = a->key, visible = a->visible, aside = a->aside;
    a->key = a->visible = a->aside = TEXT_INIT;
    for (uint64_t n = 1; n <= EXAMPLES; n++) {
        struct random r;
        struct item *i;
        act_clear(a);
        random_seed(&r, values_hash(a->b->seed + n, e->name, BYTES_NONE));
        if (e->type)
            values_message(&r, e->type, a->now, 1, &a->visible);
        act_key_of(a, e, text_bytes(&a->visible), text_bytes(&a->aside));
        if (!text_ok(&a->visible) ||
            state_put(&a->b->state, c, text_bytes(&a->key), text_bytes(&a->visible), a->visible.len, 0, &i))
            break;
    }
    text_deinit(&a->key);
    text_deinit(&a->visible);
    text_deinit(&a->aside);
    a->key = key;
    a->visible = visible;
    a->aside = aside;
}

struct collection *act_collection(struct act *a, size_t entity)
{
    struct collection *c = &a->session->collections[entity];
    if (!c->begun) {
        c->begun = true;
        if (a->b->plan.entities[entity].seeded)
            examples(a, entity, c);
    }
    return c;
}

/* ---- states ---------------------------------------------------------------------------------------------------- */

static void state_text(const struct attribute *at, struct bytes whole, struct text *out)
{
    struct pb_item v = {.wire = at->field->kind == PB_STRING ? PB_WIRE_BYTES : PB_WIRE_VARINT};
    (void)field_get(whole, at->number, &v);
    text_clear(out);
    if (at->field->kind == PB_ENUM) {
        const struct pb_enum_value *value =
            pb_enum_by_number(at->field->enumeration, (int32_t)item_integer(&v, PB_ENUM));
        text_puts(out, value ? value->name : "");
    } else {
        item_text(&v, at->field->kind, out);
    }
}

bool act_move(struct act *a, const struct item *i)
{
    const struct plan_entity *e = a->e;
    for (size_t k = 0; e->state != PLAN_NONE && k < e->move_count; k++) {
        const struct plan_move *move = &e->moves[k];
        if (strcmp(move->method, a->m->method->name) != 0 || move->from[0] == NULL)
            continue;
        state_text(&e->attributes.items[e->state], item_whole(i), &a->scratch);
        bool right = false;
        for (const char **from = move->from; *from && !right; from++)
            right = strcmp(*from, text_string(&a->scratch)) == 0;
        if (!right)
            return act_fail(a, FAILURE_STATE, "%s of a %s that is %s is not allowed", a->m->method->name, e->name,
                            a->scratch.len > 0 ? text_string(&a->scratch) : "in no state");
    }
    return true;
}
