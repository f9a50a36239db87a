/* Sums: added to, taken off, transferred. A balance does not fall below zero unless the annotation lets it. Who is not
 * there begins with nothing, where no method makes one. */
#include "fakes/behave/behave_internal.h"

#include <string.h>

static bool made_by_method(const struct act *a)
{
    for (size_t i = 0; i < a->b->plan.service->method_count; i++)
        if (a->b->plan.methods[i].entity == a->m->entity &&
            (a->b->plan.methods[i].role == ROLE_CREATE || a->b->plan.methods[i].role == ROLE_SAVE))
            return true;
    return false;
}

/* Whose balance it is; a new one when that is how one begins. */
static bool holder(struct act *a, struct item **out)
{
    const struct plan_entity *e = a->e;
    if (!act_key(a) || made_by_method(a))
        return act_find(a, out);
    *out = behave_state_find(a->c, text_bytes(&a->key), a->now);
    if (*out)
        return true;
    act_clear(a);
    for (size_t i = 0; i < a->m->inputs.count; i++) {
        const struct plan_input *in = &a->m->inputs.items[i];
        struct pb_item v;
        if (in->use == INPUT_ATTRIBUTE && plan_is_key(e, in->attribute) && act_input(a, in, &v))
            put_item(act_part(a, &e->attributes.items[in->attribute]), e->attributes.items[in->attribute].number, &v);
    }
    return act_keep(a, a->m->entity, 0, out);
}

/* Adds to the balance of a->item's own. */
static bool add(struct act *a, struct item *i, int64_t amount)
{
    const struct attribute *at = &a->e->attributes.items[a->e->balance];
    struct pb_item v = {.wire = pb_kind_wire(at->field->kind)};
    int64_t balance, sum;
    (void)field_get(item_whole(i), at->number, &v);
    balance = item_integer(&v, at->field->kind);
    if (__builtin_add_overflow(balance, amount, &sum))
        return act_fail_input(a, "the amount is out of range");
    bool narrow = at->field->kind == PB_INT32 || at->field->kind == PB_SINT32 || at->field->kind == PB_SFIXED32;
    bool positive = at->field->kind == PB_UINT32 || at->field->kind == PB_FIXED32;
    if ((narrow && (sum > INT32_MAX || sum < INT32_MIN)) || (positive && sum > UINT32_MAX))
        return act_fail_input(a, "the amount is out of range");
    bool allowed = a->e->negative && at->field->kind != PB_UINT64 && at->field->kind != PB_FIXED64 && !positive;
    if (sum < 0 && !allowed && amount < 0)
        return act_fail(a, FAILURE_FUNDS, "%s is %lld: %lld cannot be taken off", at->name, (long long)balance,
                        -(long long)amount);
    act_load(a, i);
    if (!act_drop_attribute(a, at))
        return act_fail_code(a, ERROR_MEMORY);
    put_integer(act_part(a, at), at->field, at->number, sum);
    act_stamp(a, a->e, false);
    return act_store_change(a, a->m->entity, i);
}

/* The entry in the list of changes. */
static bool log_change(struct act *a, const struct item *i, int64_t amount)
{
    if (a->e->entries == PLAN_NONE)
        return true;
    const struct plan_entity *e = &a->b->plan.entities[a->e->entries];
    const struct attribute *key = &a->e->attributes.items[a->e->keys[0]];
    const struct item *entry;
    act_clear(a);
    for (size_t k = 0; k < e->attributes.count; k++) {
        const struct attribute *at = &e->attributes.items[k];
        const struct pb_field *f = pb_field_by_name(a->m->method->input, at->name);
        if (k == e->parent_attribute)
            field_copy(act_part(a, at), item_whole(i), key->number, at->number);
        else if (name_same(at->name, "amount") || name_same(at->name, "delta"))
            put_integer(act_part(a, at), at->field, at->number, amount);
        else if (f && !plan_is_key(e, k) && field_same_kind(f, at->field))
            field_copy(act_part(a, at), a->request, f->number, at->number);
    }
    act_stamp(a, e, true);
    struct item *made;
    if (!act_put_key(a, a->e->entries) || !act_keep(a, a->e->entries, 0, &made))
        return false;
    entry = made;
    live_changed(a, a->e->entries, entry, "create");
    return true;
}

static bool amount_of(struct act *a, int64_t *out)
{
    const struct plan_input *in = act_input_of(a, INPUT_AMOUNT);
    *out = act_input_integer(a, INPUT_AMOUNT, 0);
    if (*out < 0)
        return act_fail_input(a, "%s must not be below zero", in->field->name);
    return true;
}

bool act_sum(struct act *a)
{
    int64_t amount;
    struct item *i;
    if (!amount_of(a, &amount) || !holder(a, &i))
        return false;
    if (a->m->role == ROLE_DEBIT)
        amount = -amount;
    if (!act_move(a, i) || !add(a, i, amount))
        return false;
    return log_change(a, a->item, amount);
}

bool act_transfer(struct act *a)
{
    int64_t amount;
    struct item *from, *to;
    struct pb_item v = {.wire = PB_WIRE_BYTES};
    const struct plan_input *in = act_input_of(a, INPUT_TO);
    if (!amount_of(a, &amount) || !act_find(a, &from))
        return false;
    (void)act_input(a, in, &v);
    text_clear(&a->key);
    item_text(&v, in->field->kind, &a->key);
    to = behave_state_find(a->c, text_bytes(&a->key), a->now);
    if (!to)
        return act_fail(a, FAILURE_MISSING, "there is no %s \"%.200s\"", a->e->name, text_string(&a->key));
    if (from == to)
        return act_fail_input(a, "a transfer to oneself");
    /* The one who pays first: whether he can decides. What he paid is given back when the other cannot be paid. */
    struct text other = TEXT_INIT;
    text_add(&other, item_key(to).data, item_key(to).len);
    bool done = text_ok(&other) && add(a, from, -amount) && log_change(a, a->item, -amount);
    const struct item *paid = a->item;
    if (done) {
        struct text payer = TEXT_INIT;
        text_add(&payer, item_key(paid).data, item_key(paid).len);
        to = behave_state_find(a->c, text_bytes(&other), a->now);
        done = to && add(a, to, amount) && log_change(a, a->item, amount);
        struct item *back = behave_state_find(a->c, text_bytes(&payer), a->now);
        if (!done && back) {
            struct fake_answer *answer = a->answer, ignored;
            fake_answer_init(&ignored);
            a->answer = &ignored;
            (void)add(a, back, amount);
            a->answer = answer;
            fake_answer_deinit(&ignored);
        }
        a->item = back;
        text_deinit(&payer);
    } else if (a->answer->status == GRPC_OK) {
        (void)act_fail_code(a, ERROR_MEMORY);
    }
    text_deinit(&other);
    return done;
}
