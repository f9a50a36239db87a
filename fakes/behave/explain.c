/* What was recognised, for people and programs. */
#include "fakes/behave/behave_internal.h"

#include <stdio.h>
#include <string.h>

static const char *input_name(enum input_use use)
{
    static const char *const names[] = {
        [INPUT_IGNORED] = "ignored",
        [INPUT_ATTRIBUTE] = "",
        [INPUT_BODY] = "the entity",
        [INPUT_BODIES] = "entities",
        [INPUT_KEYS] = "keys",
        [INPUT_CONTAINS] = "one of",
        [INPUT_OLD] = "old value of",
        [INPUT_NEW] = "new value of",
        [INPUT_CONFIRM] = "again the new",
        [INPUT_LIMIT] = "limit",
        [INPUT_OFFSET] = "offset",
        [INPUT_PAGE] = "page",
        [INPUT_CURSOR] = "cursor",
        [INPUT_ORDER] = "order",
        [INPUT_ORDER_BY] = "order by",
        [INPUT_QUERY] = "search text",
        [INPUT_PREFIX] = "prefix",
        [INPUT_SUFFIX] = "suffix",
        [INPUT_AFTER] = "lowest",
        [INPUT_BEFORE] = "highest",
        [INPUT_AMOUNT] = "amount",
        [INPUT_TO] = "the other side",
        [INPUT_IDEMPOTENCY] = "idempotency key",
        [INPUT_LIFETIME] = "lifetime",
        [INPUT_SIZE] = "digits",
        [INPUT_CODE] = "code",
        [INPUT_PASSWORD] = "password",
        [INPUT_ACCOUNT] = "whose",
        [INPUT_TOPIC] = "room",
    };
    return names[use];
}

static const char *output_name(enum output_use use)
{
    static const char *const names[] = {
        [OUTPUT_VALUE] = "a value",
        [OUTPUT_ENTITY] = "the entity",
        [OUTPUT_ENTITIES] = "entities",
        [OUTPUT_VIEW] = "a view of it",
        [OUTPUT_VIEWS] = "views of them",
        [OUTPUT_ENTITY_MAP] = "entities by key",
        [OUTPUT_ATTRIBUTE] = "",
        [OUTPUT_KEYS] = "each one's",
        [OUTPUT_COUNT] = "how many",
        [OUTPUT_CURSOR] = "next cursor",
        [OUTPUT_MORE] = "whether there are more",
        [OUTPUT_YES] = "yes or no",
        [OUTPUT_TOKEN] = "the token",
        [OUTPUT_EVENT] = "the change",
        [OUTPUT_NOW] = "the time",
        [OUTPUT_ECHO] = "the request's",
        [OUTPUT_NOTHING] = "nothing",
        [OUTPUT_OK] = "\"ok\"",
    };
    return names[use];
}

static void text_input(const struct plan *p, const struct plan_method *m, const struct plan_input *in, struct text *out)
{
    if (in->outer)
        text_printf(out, "%s.", in->outer->name);
    text_puts(out, in->field ? in->field->name : "request");
    const char *use = input_name(in->use);
    size_t of = in->use == INPUT_ACCOUNT ? m->account : m->entity;
    const struct plan_entity *e = of != PLAN_NONE ? &p->entities[of] : NULL;
    const char *attribute = in->attribute != PLAN_NONE && e ? e->attributes.items[in->attribute].name : NULL;
    bool same = attribute && in->field && name_same(attribute, in->field->name);
    if (*use || !same)
        text_printf(out, "=%s%s%s", use, *use && attribute ? " " : "", attribute ? attribute : "");
}

static void text_output(const struct plan *p, const struct plan_method *m, const struct plan_output *o,
                        struct text *out)
{
    text_puts(out, o->field ? o->field->name : "reply");
    const char *use = output_name(o->use);
    const struct plan_entity *e = m->entity != PLAN_NONE ? &p->entities[m->entity] : NULL;
    const char *attribute = o->use == OUTPUT_ECHO            ? o->echo->name
                            : o->attribute != PLAN_NONE && e ? e->attributes.items[o->attribute].name
                                                             : NULL;
    bool same = attribute && o->field && name_same(attribute, o->field->name);
    if (*use || !same)
        text_printf(out, "=%s%s%s", use, *use && attribute ? " " : "", attribute ? attribute : "");
}

static void text_entity(const struct plan *p, const struct plan_entity *e, struct text *out)
{
    text_printf(out, "  entity %s: %s, key", e->name, e->type ? e->type->full_name : "no message");
    for (size_t i = 0; i < e->key_count; i++)
        text_printf(out, "%s%s", i ? " + " : " ", e->attributes.items[e->keys[i]].name);
    if (e->key_count == 0)
        text_puts(out, " none");
    if (e->key_made)
        text_puts(out, " (made when not given)");
    if (e->parent != PLAN_NONE)
        text_printf(out, ", in %s by %s%s", p->entities[e->parent].name, e->attributes.items[e->parent_attribute].name,
                    e->parent_needed ? "" : " (which need not be there)");
    const struct {
        const char *label;
        size_t attribute;
    } marks[] = {{"password", e->password}, {"members", e->members}, {"states", e->state}};
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        if (marks[i].attribute != PLAN_NONE)
            text_printf(out, ", %s: %s", marks[i].label, e->attributes.items[marks[i].attribute].name);
    const char *separator = ", aside: ";
    for (size_t i = 0; i < e->attributes.count; i++)
        if (e->type && e->attributes.items[i].aside) {
            text_printf(out, "%s%s", separator, e->attributes.items[i].name);
            separator = " ";
        }
    if (e->seeded)
        text_puts(out, ", with examples");
    if (!e->kept && !e->seeded)
        text_puts(out, ", not kept");
    if (e->why)
        text_printf(out, " (%s)", e->why);
    text_char(out, '\n');
}

static void text_plan(const struct plan *p, struct text *out)
{
    text_printf(out, "%s\n", p->service->full_name);
    for (size_t i = 0; i < p->entity_count; i++)
        text_entity(p, &p->entities[i], out);
    for (size_t i = 0; i < p->service->method_count; i++) {
        const struct plan_method *m = &p->methods[i];
        text_printf(out, "  %s: %s", m->method->name, plan_role_name(m->role));
        if (m->entity != PLAN_NONE && m->role != ROLE_VALUES)
            text_printf(out, " %s", p->entities[m->entity].name);
        if (m->role == ROLE_STATE && m->state_name)
            text_printf(out, " %s%s", m->clears ? "no longer " : "", m->state_name);
        if (m->annotated)
            text_puts(out, ", annotated");
        else
            text_printf(out, ", %d%% sure", m->score);
        if (m->why.len > 0)
            text_printf(out, " (%s)", text_string(&m->why));
        text_char(out, '\n');
        if (m->role == ROLE_VALUES)
            continue;
        if (m->inputs.count > 0)
            text_puts(out, "    takes");
        for (size_t k = 0; k < m->inputs.count; k++) {
            text_puts(out, k ? ", " : " ");
            text_input(p, m, &m->inputs.items[k], out);
        }
        if (m->inputs.count > 0)
            text_char(out, '\n');
        if (m->outputs.count > 0)
            text_puts(out, "    gives");
        for (size_t k = 0; k < m->outputs.count; k++) {
            text_puts(out, k ? ", " : " ");
            text_output(p, m, &m->outputs.items[k], out);
        }
        if (m->outputs.count > 0)
            text_char(out, '\n');
    }
}

static void quoted(struct text *out, const char *s)
{
    text_char(out, '"');
    text_json(out, s, strlen(s));
    text_char(out, '"');
}

static void json_plan(const struct plan *p, struct text *out)
{
    text_puts(out, "{\"service\":");
    quoted(out, p->service->full_name);
    text_puts(out, ",\"entities\":[");
    for (size_t i = 0; i < p->entity_count; i++) {
        const struct plan_entity *e = &p->entities[i];
        text_puts(out, i ? ",{\"name\":" : "{\"name\":");
        quoted(out, e->name);
        if (e->type) {
            text_puts(out, ",\"type\":");
            quoted(out, e->type->full_name);
        }
        text_puts(out, ",\"key\":[");
        for (size_t k = 0; k < e->key_count; k++) {
            text_puts(out, k ? "," : "");
            quoted(out, e->attributes.items[e->keys[k]].name);
        }
        text_puts(out, "]");
        if (e->parent != PLAN_NONE) {
            text_puts(out, ",\"parent\":");
            quoted(out, p->entities[e->parent].name);
        }
        text_printf(out, ",\"kept\":%s,\"examples\":%s,\"why\":", e->kept ? "true" : "false",
                    e->seeded ? "true" : "false");
        quoted(out, e->why ? e->why : "annotated");
        text_char(out, '}');
    }
    text_puts(out, "],\"methods\":[");
    for (size_t i = 0; i < p->service->method_count; i++) {
        const struct plan_method *m = &p->methods[i];
        text_puts(out, i ? ",{\"method\":" : "{\"method\":");
        quoted(out, m->method->name);
        text_puts(out, ",\"role\":");
        quoted(out, plan_role_name(m->role));
        if (m->entity != PLAN_NONE && m->role != ROLE_VALUES) {
            text_puts(out, ",\"entity\":");
            quoted(out, p->entities[m->entity].name);
        }
        text_printf(out, ",\"annotated\":%s,\"score\":%d,\"why\":", m->annotated ? "true" : "false", m->score);
        quoted(out, text_string(&m->why));
        struct text each = TEXT_INIT;
        text_puts(out, ",\"takes\":[");
        for (size_t k = 0; m->role != ROLE_VALUES && k < m->inputs.count; k++) {
            text_clear(&each);
            text_input(p, m, &m->inputs.items[k], &each);
            text_puts(out, k ? "," : "");
            quoted(out, text_string(&each));
        }
        text_puts(out, "],\"gives\":[");
        for (size_t k = 0; m->role != ROLE_VALUES && k < m->outputs.count; k++) {
            text_clear(&each);
            text_output(p, m, &m->outputs.items[k], &each);
            text_puts(out, k ? "," : "");
            quoted(out, text_string(&each));
        }
        text_puts(out, "]}");
        if (!text_ok(&each))
            out->failed = true;
        text_deinit(&each);
    }
    text_puts(out, "]}\n");
}

int behave_explain(const struct behave *b, enum behave_form form, struct text *out)
{
    if (form == BEHAVE_JSON)
        json_plan(&b->plan, out);
    else
        text_plan(&b->plan, out);
    return text_ok(out) ? 0 : ERROR_MEMORY;
}

const char *behave_role(const struct behave *b, const char *method)
{
    for (size_t i = 0; i < b->plan.service->method_count; i++)
        if (strcmp(b->plan.service->methods[i].name, method) == 0)
            return plan_role_name(b->plan.methods[i].role);
    return NULL;
}
