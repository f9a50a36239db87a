#include "fakes/behave/plan_inside.h"

static const char *const CODES[] = {"code", "otp", "pin", "passcode", "verification_code", "api_key", NULL};

const struct pb_field *plan_code_field(const struct pb_type *t)
{
    const struct pb_field *f = plan_type_field(t, CODES);
    return f ? f : plan_type_field(t, PLAN_TOKENS);
}

/* Gives a code: by its reply, or out of band ("SendVerificationEmail", "Recover"). */
bool plan_gives_code(const struct plan_method *m)
{
    if (m->class == VERB_ISSUE || m->class == VERB_LOGIN || m->class == VERB_CREATE)
        if (plan_code_field(m->method->output) && !plan_code_field(m->method->input))
            return true;
    if (m->class == VERB_ISSUE)
        return m->method->output->field_count == 0 || plan_code_field(m->method->output) != NULL;
    static const char *const things[] = {"verification", "reset", "code", "otp", "link", "confirmation", NULL};
    for (size_t i = 0; m->class == VERB_SEND && things[i]; i++)
        if (name_has(&m->name, things[i]))
            return true;
    return false;
}

bool plan_takes_code(const struct plan *p, const struct plan_method *m)
{
    if (!plan_code_field(m->method->input) || plan_gives_code(m))
        return false;
    /* A read by code is a look-up, unless codes are all there is. */
    return m->class != VERB_LIST && m->class != VERB_SEARCH && m->class != VERB_SUBSCRIBE &&
           !(m->class == VERB_READ && plan_entity_of_noun(p, p->service->name) != PLAN_NONE);
}

void plan_find_codes(struct plan *p)
{
    size_t token = PLAN_NONE, codes = PLAN_NONE;
    bool given = false, taken = false;
    for (size_t i = 0; i < p->entity_count; i++)
        if (p->entities[i].codes && token == PLAN_NONE)
            token = i;
    for (size_t i = 0; i < p->service->method_count; i++) {
        const struct plan_method *m = &p->methods[i];
        bool flat = plan_by_message(p, m) == PLAN_NONE;
        given = given || (flat && plan_gives_code(m));
        taken = taken || plan_takes_code(p, m);
    }
    if (given && taken) {
        struct plan_entity *e = plan_entity_add(p, "code", NULL);
        if (e == NULL)
            return;
        e->codes = true;
        e->why = "some methods give a code or token, others ask for it";
        codes = plan_entity_index(p, e);
    }
    for (size_t i = 0; i < p->service->method_count; i++) {
        struct plan_method *m = &p->methods[i];
        if (m->annotated)
            continue;
        size_t holds = plan_by_message(p, m);
        if (codes != PLAN_NONE && holds == PLAN_NONE && plan_gives_code(m)) {
            m->codes = m->entity = codes;
            m->role = m->class == VERB_LOGIN ? ROLE_LOGIN : ROLE_ISSUE;
            m->score = 85;
            plan_because(m, "gives a code that another method asks for");
        } else if (plan_takes_code(p, m) && (codes != PLAN_NONE || token != PLAN_NONE)) {
            m->codes = codes != PLAN_NONE ? codes : token;
        }
        /* The token or session among the messages of the reply. */
        for (size_t k = 0; k < m->method->output->field_count; k++) {
            const struct pb_field *f = &m->method->output->fields[k];
            size_t e = f->kind == PB_MESSAGE && !f->repeated ? plan_entity_of_type(p, f->message) : PLAN_NONE;
            bool given_here = m->class != VERB_READ && m->class != VERB_UPDATE && m->class != VERB_DELETE;
            if (e != PLAN_NONE && p->entities[e].codes && given_here)
                m->token = e;
        }
        size_t whole = plan_entity_of_type(p, m->method->output);
        if (whole != PLAN_NONE && p->entities[whole].codes && m->class != VERB_READ)
            m->token = whole;
        if (token != PLAN_NONE && m->class == VERB_REVOKE && m->entity == PLAN_NONE)
            m->entity = token;
    }
}

/* A code, and who it is for: what both those who give codes and those who ask for them say. Where all who ask also say
 * who it is, that is the key and a new code takes the old one's place; else the code is the key. */
void plan_code_attributes(struct plan *p, size_t index)
{
    struct plan_entity *e = &p->entities[index];
    const struct pb_field *code = NULL;
    for (size_t i = 0; i < p->service->method_count; i++) {
        const struct plan_method *m = &p->methods[i];
        if (m->codes == index && (code == NULL || m->entity == index)) {
            const struct pb_field *f = plan_code_field(m->entity == index ? m->method->output : m->method->input);
            code = f ? f : code;
        }
    }
    if (code == NULL)
        return;
    size_t at = plan_attribute_add(p, e, "code", code);
    if (at == PLAN_NONE)
        return;
    e->attributes.items[at].use = USE_TOKEN;
    size_t subject = PLAN_NONE;
    bool all = true;
    for (size_t i = 0; i < p->service->method_count; i++) {
        const struct plan_method *m = &p->methods[i];
        if (m->codes != index || m->entity != index || !plan_gives_code(m))
            continue;
        for (size_t k = 0; k < m->method->input->field_count; k++) {
            const struct pb_field *f = &m->method->input->fields[k];
            if (!field_is_scalar(f) || plan_is_option(f->name))
                continue;
            for (size_t n = 0; n < p->service->method_count; n++) {
                const struct plan_method *taker = &p->methods[n];
                if (taker == m || taker->codes != index || !plan_takes_code(p, taker))
                    continue;
                const struct pb_field *same = pb_field_by_name(taker->method->input, f->name);
                if (same && field_same_kind(same, f) && plan_attribute(e, f->name) == PLAN_NONE)
                    subject = plan_attribute_add(p, e, f->name, f);
            }
        }
    }
    for (size_t n = 0; subject != PLAN_NONE && n < p->service->method_count; n++) {
        const struct plan_method *taker = &p->methods[n];
        if (taker->codes == index && plan_takes_code(p, taker) &&
            !pb_field_by_name(taker->method->input, e->attributes.items[subject].name))
            all = false;
    }
    plan_add_key(e, subject != PLAN_NONE && all ? subject : at);
}

/* A token says whose account's it is, aside if need be. */
void plan_find_subject(struct plan *p, size_t token)
{
    static const char *const subjects[] = {"user_id", "account_id", "customer_id", "owner_id",
                                           "subject", "owner",      NULL};
    struct plan_entity *e = &p->entities[token];
    for (size_t i = 0; i < p->entity_count; i++) {
        const struct plan_entity *account = &p->entities[i];
        if (account->codes || account->password == PLAN_NONE || account->key_count == 0)
            continue;
        const struct attribute *key = &account->attributes.items[account->keys[0]];
        for (size_t k = 0; k < e->attributes.count; k++) {
            const struct attribute *a = &e->attributes.items[k];
            bool named = name_is_one_of(a->name, subjects) ||
                         (plan_names_key(account, a->name) && !name_same(a->name, key->name));
            if (named && field_same_kind(a->field, key->field)) {
                e->subject = k;
                return;
            }
        }
        e->subject = plan_attribute_add(p, e, "account", key->field);
        return;
    }
}
