#include "fakes/behave/annotation_inside.h"

#include <string.h>

/* ---- maps ------------------------------------------------------------------------------------------------------ */

static bool input_use_parse(const char *name, enum input_use *out)
{
    static const struct {
        const char *name;
        enum input_use use;
    } uses[] = {{"$ignored", INPUT_IGNORED},
                {"$limit", INPUT_LIMIT},
                {"$offset", INPUT_OFFSET},
                {"$page", INPUT_PAGE},
                {"$cursor", INPUT_CURSOR},
                {"$order", INPUT_ORDER},
                {"$order_by", INPUT_ORDER_BY},
                {"$query", INPUT_QUERY},
                {"$prefix", INPUT_PREFIX},
                {"$suffix", INPUT_SUFFIX},
                {"$amount", INPUT_AMOUNT},
                {"$to", INPUT_TO},
                {"$idempotency", INPUT_IDEMPOTENCY},
                {"$lifetime", INPUT_LIFETIME},
                {"$size", INPUT_SIZE},
                {"$topic", INPUT_TOPIC},
                {"$code", INPUT_CODE}};
    for (size_t i = 0; i < sizeof uses / sizeof *uses; i++)
        if (strcmp(uses[i].name, name) == 0) {
            *out = uses[i].use;
            return true;
        }
    return false;
}

/* What use a field of that kind can be put to. */
static bool use_fits(enum input_use use, const struct pb_field *f)
{
    switch ((int)use) {
    case INPUT_LIMIT:
    case INPUT_OFFSET:
    case INPUT_PAGE:
    case INPUT_AMOUNT:
    case INPUT_LIFETIME:
    case INPUT_SIZE:
        return field_is_numeric(f);
    case INPUT_TO:
        return field_is_scalar(f);
    case INPUT_ORDER:
        return field_is_text(f) || (f->kind == PB_ENUM && !f->repeated);
    case INPUT_PREFIX:
    case INPUT_SUFFIX:
        return field_is_text(f) || (f->kind == PB_BOOL && !f->repeated);
    case INPUT_IGNORED:
        return true;
    default:
        return field_is_text(f);
    }
}

static int read_takes(struct plan *p, struct plan_method *m, const struct node_pair *pair, struct error *err)
{
    const struct pb_field *f = pb_field_by_name(m->method->input, pair->key);
    struct plan_input in = {.field = f, .attribute = PLAN_NONE, .use = INPUT_ATTRIBUTE};
    const char *name;
    int rc = annotation_word(&pair->value, &name, err);
    if (rc)
        return rc;
    if (f == NULL)
        return node_error(&pair->value, err, ERROR_NOT_FOUND, "%s has no field \"%s\"", m->method->input->full_name,
                          pair->key);
    for (size_t i = 0; i < m->inputs.count;)
        if (m->inputs.items[i].field == f)
            array_remove(&m->inputs, i);
        else
            i++;
    if (name[0] == '$') {
        if (!input_use_parse(name, &in.use))
            return node_error(&pair->value, err, ERROR_INVALID, "\"%s\" is no use of a field", name);
        if (!use_fits(in.use, f))
            return node_error(&pair->value, err, ERROR_INVALID, "\"%s\" is of no kind that can be %s", f->name, name);
    } else {
        if (m->entity == PLAN_NONE)
            return node_error(&pair->value, err, ERROR_INVALID, "%s is about no entity", m->method->name);
        rc = annotation_find_attribute(p, m->entity, &pair->value, true, &in.attribute, err);
        if (rc)
            return rc;
        const struct pb_field *at = p->entities[m->entity].attributes.items[in.attribute].field;
        if (at->repeated && !f->repeated && at->kind == f->kind && !at->map)
            in.use = INPUT_CONTAINS;
        else if (!field_same_kind(at, f))
            return node_error(&pair->value, err, ERROR_INVALID, "\"%s\" and \"%s\" are of different kinds", f->name,
                              name);
    }
    return array_push(&m->inputs, in) ? 0 : annotation_no_memory(err);
}

static int read_gives(struct plan *p, struct plan_method *m, const struct node_pair *pair, struct error *err)
{
    static const struct {
        const char *name;
        enum output_use use;
    } uses[] = {{"$value", OUTPUT_VALUE}, {"$count", OUTPUT_COUNT},     {"$cursor", OUTPUT_CURSOR},
                {"$more", OUTPUT_MORE},   {"$yes", OUTPUT_YES},         {"$event", OUTPUT_EVENT},
                {"$now", OUTPUT_NOW},     {"$nothing", OUTPUT_NOTHING}, {"$ok", OUTPUT_OK},
                {"$echo", OUTPUT_ECHO}};
    const struct pb_field *f = pb_field_by_name(m->method->output, pair->key);
    const char *name;
    int rc = annotation_word(&pair->value, &name, err);
    if (rc)
        return rc;
    struct plan_output *o = NULL;
    for (size_t i = 0; f && i < m->outputs.count; i++)
        if (m->outputs.items[i].field == f)
            o = &m->outputs.items[i];
    if (o == NULL)
        return node_error(&pair->value, err, ERROR_NOT_FOUND, "%s has no field \"%s\" to be given",
                          m->method->output->full_name, pair->key);
    if (name[0] == '$') {
        for (size_t i = 0; i < sizeof uses / sizeof *uses; i++) {
            if (strcmp(uses[i].name, name) != 0)
                continue;
            enum output_use use = uses[i].use;
            bool fits = use == OUTPUT_VALUE || use == OUTPUT_NOTHING || (use == OUTPUT_COUNT && field_is_numeric(f)) ||
                        ((use == OUTPUT_CURSOR || use == OUTPUT_OK) && field_is_text(f)) ||
                        ((use == OUTPUT_MORE || use == OUTPUT_YES) && f->kind == PB_BOOL && !f->repeated) ||
                        (use == OUTPUT_EVENT && !f->repeated && (f->kind == PB_STRING || f->kind == PB_ENUM)) ||
                        (use == OUTPUT_NOW && (field_is_text(f) || field_is_numeric(f)));
            const struct pb_field *echo = use == OUTPUT_ECHO ? pb_field_by_name(m->method->input, f->name) : NULL;
            if (!fits && !(echo && field_same_kind(echo, f)))
                return node_error(&pair->value, err, ERROR_INVALID, "\"%s\" is of no kind that can be %s", f->name,
                                  name);
            *o = (struct plan_output){.field = f, .use = use, .attribute = PLAN_NONE, .echo = echo};
            return 0;
        }
        return node_error(&pair->value, err, ERROR_INVALID, "\"%s\" is nothing a reply can be made of", name);
    }
    if (m->entity == PLAN_NONE)
        return node_error(&pair->value, err, ERROR_INVALID, "%s is about no entity", m->method->name);
    size_t at;
    rc = annotation_find_attribute(p, m->entity, &pair->value, true, &at, err);
    if (rc)
        return rc;
    const struct pb_field *from = p->entities[m->entity].attributes.items[at].field;
    bool each = f->repeated && !f->map && !from->repeated && f->kind == from->kind;
    if (!each && !field_same_kind(from, f))
        return node_error(&pair->value, err, ERROR_INVALID, "\"%s\" and \"%s\" are of different kinds", f->name, name);
    *o = (struct plan_output){.field = f, .use = each ? OUTPUT_KEYS : OUTPUT_ATTRIBUTE, .attribute = at};
    return 0;
}

int annotation_maps(const struct annotation *a, struct plan *p, struct plan_method *m, struct error *err)
{
    const struct node *n = annotation_method(a, m), *takes = NULL, *gives = NULL;
    if (n == NULL)
        return 0;
    int rc = node_may_map(n, "takes", &takes, err);
    if (rc == 0)
        rc = node_may_map(n, "gives", &gives, err);
    for (size_t i = 0; rc == 0 && takes && i < takes->map.count; i++)
        rc = read_takes(p, m, &takes->map.pairs[i], err);
    for (size_t i = 0; rc == 0 && gives && i < gives->map.count; i++)
        rc = read_gives(p, m, &gives->map.pairs[i], err);
    return rc;
}
