/* Log-ins, codes and tokens: given, verified, refreshed. A code goes out in the reply, or, where the reply has no field
 * for it because a service would send it by e-mail, in the header "double-code", so that a test can go on with it. */
#include "fakes/behave/behave_internal.h"

#include <string.h>

#define CODE_DIGITS_MAX 32

static bool text_of(const struct act *a, const char *name, const struct pb_field *like, struct pb_item *out)
{
    const struct pb_field *f = pb_field_by_name(a->m->method->input, name);
    return f && field_same_kind(f, like) && field_get(a->request, f->number, out) && !item_is_zero(out);
}

/* ---- accounts -------------------------------------------------------------------------------------------------- */

static bool is_account(struct act *a, const struct plan_entity *e, const struct item *i)
{
    for (size_t k = 0; k < a->m->inputs.count; k++) {
        const struct plan_input *in = &a->m->inputs.items[k];
        struct pb_item v, w;
        if (in->use != INPUT_ACCOUNT || !act_input(a, in, &v) || item_is_zero(&v))
            continue;
        const struct attribute *at = &e->attributes.items[in->attribute];
        if (!field_get(item_whole(i), at->number, &w) || !item_equal(&v, &w))
            return false;
    }
    return true;
}

/* The account the request names by its e-mail address, name or key; or that a code was for. */
static struct item *find_account(struct act *a, bool *named)
{
    const struct plan_entity *e = &a->b->plan.entities[a->m->account];
    struct collection *c = act_collection(a, a->m->account);
    *named = false;
    for (size_t k = 0; k < a->m->inputs.count; k++) {
        struct pb_item v;
        const struct plan_input *in = &a->m->inputs.items[k];
        if (in->use != INPUT_ACCOUNT || !act_input(a, in, &v) || item_is_zero(&v))
            continue;
        *named = true;
        if (e->key_count != 1 || in->attribute != e->keys[0])
            continue;
        text_clear(&a->key);
        item_text(&v, in->field->kind, &a->key);
        struct item *i = behave_state_find(c, text_bytes(&a->key), a->now);
        if (i && is_account(a, e, i))
            return i;
    }
    for (struct item *i = *named ? c->first : NULL; i; i = i->next)
        if (!item_expired(i, a->now) && is_account(a, e, i))
            return i;
    if (a->proof == NULL || *named)
        return NULL;
    /* What the code's holder said when he asked for it. */
    const struct plan_entity *codes = &a->b->plan.entities[a->m->codes];
    for (size_t k = 0; k < codes->attributes.count; k++) {
        const struct attribute *at = &codes->attributes.items[k];
        size_t his = plan_attribute(e, at->name);
        struct pb_item v, w;
        if (his == PLAN_NONE || !field_get(item_whole(a->proof), at->number, &v) || item_is_zero(&v))
            continue;
        for (struct item *i = c->first; i; i = i->next)
            if (!item_expired(i, a->now) && field_get(item_whole(i), e->attributes.items[his].number, &w) &&
                item_equal(&v, &w))
                return i;
    }
    return NULL;
}

/* ---- giving ---------------------------------------------------------------------------------------------------- */

/* What the token says of its holder: from the account, from the one it takes the place of, from the request. */
static void put_subject(struct act *a, const struct plan_entity *e, const struct item *account, const struct item *old)
{
    const struct plan_entity *owner = account ? &a->b->plan.entities[a->m->account] : NULL;
    for (size_t k = 0; k < e->attributes.count; k++) {
        const struct attribute *at = &e->attributes.items[k];
        size_t same = owner ? plan_attribute(owner, at->name) : PLAN_NONE;
        struct pb_item v;
        if (at->use != USE_PLAIN || (plan_is_key(e, k) && !at->aside))
            continue;
        if (owner && k == e->subject)
            field_copy(act_part(a, at), item_whole(account), owner->attributes.items[owner->keys[0]].number,
                       at->number);
        else if (owner && same != PLAN_NONE && field_same_kind(owner->attributes.items[same].field, at->field))
            field_copy(act_part(a, at), item_whole(account), owner->attributes.items[same].number, at->number);
        else if (old && !plan_is_key(e, k))
            field_copy(act_part(a, at), item_whole(old), at->number, at->number);
        else if (text_of(a, at->name, at->field, &v))
            put_item(act_part(a, at), at->number, &v);
    }
}

static bool give(struct act *a, size_t entity, const struct item *account, const struct item *old)
{
    const struct plan_entity *e = &a->b->plan.entities[entity];
    uint64_t lifetime = e->lifetime ? e->lifetime : BEHAVE_TOKEN_LIFETIME;
    struct item *made;
    act_clear(a);
    put_subject(a, e, account, old);
    act_stamp(a, e, true);
    act_put_made(a, entity, a->now + lifetime);
    if (!act_put_key(a, entity) || !act_keep(a, entity, a->now + lifetime, &made))
        return false;
    a->token = made;
    if (a->m->entity == entity)
        a->item = made;
    a->yes = true;
    return true;
}

static size_t token_entity(const struct act *a)
{
    return a->m->token != PLAN_NONE ? a->m->token : a->m->codes;
}

bool act_login(struct act *a)
{
    struct pb_item v = {.wire = PB_WIRE_BYTES}, right = {.wire = PB_WIRE_BYTES};
    struct item *account = NULL;
    bool named = false;
    if (act_input_value(a, INPUT_CODE, &v) && v.data.len > 0)
        return act_refresh(a);
    const struct plan_input *in = act_input_of(a, INPUT_PASSWORD);
    v.data = BYTES_NONE;
    if (in)
        (void)act_input(a, in, &v);
    if (a->m->account != PLAN_NONE && in) {
        const struct plan_entity *e = &a->b->plan.entities[a->m->account];
        account = find_account(a, &named);
        if (!named)
            return act_fail(a, FAILURE_REQUIRED, "whose %s? the request names nobody", in->field->name);
        if (account)
            (void)field_get(item_whole(account), e->attributes.items[e->password].number, &right);
        if (!account || !bytes_equal(v.data, right.data))
            return act_fail(a, FAILURE_CREDENTIALS, "the name or the %s is not right", in->field->name);
    } else if (in && v.data.len == 0) {
        return act_fail(a, FAILURE_CREDENTIALS, "%s is blank", in->field->name);
    }
    return give(a, token_entity(a), account, NULL);
}

bool act_issue(struct act *a)
{
    const struct plan_entity *e = a->e;
    int64_t seconds = act_input_integer(a, INPUT_LIFETIME, 0), size = act_input_integer(a, INPUT_SIZE, 0);
    uint64_t lifetime = e->lifetime ? e->lifetime : BEHAVE_CODE_LIFETIME;
    struct item *made;
    if (seconds > 0 && seconds < INT64_C(4000000000))
        lifetime = (uint64_t)seconds * 1000000000;
    act_clear(a);
    for (size_t i = 0; i < a->m->inputs.count; i++) {
        const struct plan_input *in = &a->m->inputs.items[i];
        struct pb_item v;
        if (in->use != INPUT_ATTRIBUTE || !act_input(a, in, &v))
            continue;
        if (item_is_zero(&v) && plan_is_key(e, in->attribute))
            break;
        const struct attribute *at = &e->attributes.items[in->attribute];
        put_item(act_part(a, at), at->number, &v);
    }
    for (size_t k = 0; k < e->attributes.count; k++) {
        const struct attribute *at = &e->attributes.items[k];
        if (at->use != USE_TOKEN)
            continue;
        if (size > 0 && size <= CODE_DIGITS_MAX) {
            struct random r;
            uint64_t serial = a->c->made;
            random_seed(&r, values_hash(a->b->seed + serial, a->session->name, text_bytes(&a->aside)));
            text_clear(&a->key);
            values_digits(&r, (size_t)size, &a->key);
            put_text(act_part(a, at), at->field, at->number, text_bytes(&a->key));
        }
    }
    act_put_made(a, a->m->entity, a->now + lifetime);
    const struct attribute *key = e->key_count > 0 ? &e->attributes.items[e->keys[0]] : NULL;
    if (key && key->use != USE_TOKEN && !field_there(text_bytes(act_part(a, key)), key->number))
        return act_fail(a, FAILURE_REQUIRED, "%s is required", key->name);
    if (!act_put_key(a, a->m->entity) || !act_keep(a, a->m->entity, a->now + lifetime, &made))
        return false;
    a->item = made;
    a->yes = true;
    for (size_t i = 0; i < a->m->outputs.count; i++) {
        const struct plan_output *o = &a->m->outputs.items[i];
        if (o->use == OUTPUT_ATTRIBUTE && e->attributes.items[o->attribute].use == USE_TOKEN)
            return true;
    }
    for (size_t k = 0; k < e->attributes.count; k++) {
        struct pb_item v;
        if (e->attributes.items[k].use == USE_TOKEN && field_get(item_whole(made), e->attributes.items[k].number, &v) &&
            !fake_answer_header(a->answer, "double-code", v.data, false))
            return act_fail_code(a, ERROR_MEMORY);
    }
    return true;
}

/* ---- verifying ------------------------------------------------------------------------------------------------- */

/* Whether the code is this item's, and what else the request says of it is so. */
static bool fits(const struct act *a, const struct plan_entity *e, const struct item *i, struct bytes code)
{
    bool right = false;
    for (size_t k = 0; k < e->attributes.count; k++) {
        const struct attribute *at = &e->attributes.items[k];
        struct pb_item v, w;
        bool there = field_get(item_whole(i), at->number, &v);
        bool secret = at->use == USE_TOKEN || at->use == USE_REFRESH || (e->type && plan_is_key(e, k));
        if (secret)
            right = right || (there && bytes_equal(v.data, code));
        else if (at->use == USE_PLAIN && e->type == NULL && text_of(a, at->name, at->field, &w) &&
                 (!there || !item_equal(&v, &w)))
            return false;
    }
    return right;
}

bool act_code(struct act *a, struct item **found)
{
    const struct plan_entity *e = &a->b->plan.entities[a->m->codes];
    struct collection *c = act_collection(a, a->m->codes);
    struct pb_item code = {.wire = PB_WIRE_BYTES}, v;
    *found = NULL;
    if (!act_input_value(a, INPUT_CODE, &code) || code.data.len == 0)
        return true;
    text_clear(&a->key);
    const struct attribute *key = e->key_count == 1 ? &e->attributes.items[e->keys[0]] : NULL;
    if (key && (key->use == USE_TOKEN || e->type))
        text_add(&a->key, code.data.data, code.data.len);
    else if (key && text_of(a, key->name, key->field, &v))
        item_text(&v, key->field->kind, &a->key);
    struct item *i = behave_state_find(c, text_bytes(&a->key), a->now);
    if (i && fits(a, e, i, code.data)) {
        *found = i;
        return true;
    }
    for (i = c->first; i && !*found; i = i->next)
        if (!item_expired(i, a->now) && fits(a, e, i, code.data))
            *found = i;
    return true;
}

/* An account whose address a code proves is verified. */
static bool mark_verified(struct act *a)
{
    bool named;
    if (a->m->account == PLAN_NONE || a->m->class != VERB_VERIFY)
        return true;
    const struct plan_entity *e = &a->b->plan.entities[a->m->account];
    size_t flag = plan_attribute(e, "verified");
    struct item *account =
        flag != PLAN_NONE && e->attributes.items[flag].field->kind == PB_BOOL ? find_account(a, &named) : NULL;
    if (!account)
        return true;
    const struct attribute *at = &e->attributes.items[flag];
    act_load(a, account);
    act_drop_attribute(a, at);
    put_bool(act_part(a, at), at->number, true);
    size_t date = plan_attribute(e, "verification_date");
    if (date != PLAN_NONE && act_drop_attribute(a, &e->attributes.items[date]))
        put_time(act_part(a, &e->attributes.items[date]), e->attributes.items[date].field,
                 e->attributes.items[date].number, a->now);
    act_stamp(a, e, false);
    return act_store_change(a, a->m->account, account);
}

bool act_verify(struct act *a)
{
    struct item *found;
    bool says = false, named;
    for (size_t i = 0; i < a->m->outputs.count; i++)
        says = says || a->m->outputs.items[i].use == OUTPUT_YES;
    if (!act_code(a, &found))
        return false;
    a->yes = found != NULL;
    if (!found)
        return says ? true : act_fail(a, FAILURE_CODE, "the code is wrong, used up or expired");
    a->proof = found;
    if (a->m->entity == a->m->codes)
        a->item = found;
    if (!mark_verified(a))
        return false;
    if (a->m->token != PLAN_NONE && a->m->token != a->m->codes) {
        struct item *account = a->m->account != PLAN_NONE ? find_account(a, &named) : NULL;
        if (!give(a, a->m->token, account, NULL))
            return false;
    } else if (a->m->token != PLAN_NONE) {
        a->token = found;
    }
    if (a->m->once) {
        act_remove(a, a->m->codes, found);
        a->proof = NULL;
    }
    a->yes = true;
    return true;
}

bool act_refresh(struct act *a)
{
    const struct plan_entity *e = &a->b->plan.entities[token_entity(a)];
    struct collection *c = act_collection(a, token_entity(a));
    struct pb_item v = {.wire = PB_WIRE_BYTES};
    (void)act_input_value(a, INPUT_CODE, &v);
    for (struct item *i = v.data.len > 0 ? c->first : NULL; i; i = i->next) {
        if (item_expired(i, a->now) || !fits(a, e, i, v.data))
            continue;
        if (!give(a, token_entity(a), NULL, i))
            return false;
        act_remove(a, token_entity(a), i); /* used up */
        return true;
    }
    return act_fail(a, FAILURE_CODE, "the token is wrong, used up or expired");
}
