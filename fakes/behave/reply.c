/* The reply, field by field, from what an act found. */
#include "fakes/behave/behave_internal.h"

#include <string.h>

static const struct attribute *attribute_of(const struct plan_entity *e, size_t at)
{
    return &e->attributes.items[at];
}

/* A message of another type with the attributes of the same names; a hit holds the entity itself, and numbers that only
 * it knows. */
static void put_view(const struct act *a, const struct item *i, const struct pb_type *type, struct text *out)
{
    const struct plan_entity *e = a->e;
    for (size_t k = 0; k < type->field_count; k++) {
        const struct pb_field *f = &type->fields[k];
        size_t at = plan_attribute(e, f->name);
        struct random r;
        if (e->type && f->kind == PB_MESSAGE && f->message == e->type && !f->repeated) {
            pb_put_bytes(out, f->number, item_message(i));
        } else if (at != PLAN_NONE && field_same_kind(f, attribute_of(e, at)->field)) {
            field_copy(out, item_whole(i), attribute_of(e, at)->number, f->number);
        } else if (field_is_numeric(f) && at == PLAN_NONE) {
            random_seed(&r, values_hash(a->draw + i->serial, f->name, BYTES_NONE));
            values_field(&r, f, a->now, 1, out);
        }
    }
}

static void put_event(const struct act *a, const struct pb_field *f, struct text *out)
{
    const char *event = a->event ? a->event : "create";
    if (f->kind == PB_STRING) {
        pb_put_bytes(out, f->number, bytes_of(event));
        return;
    }
    /* "created" of EVENT_TYPE_CREATED, "create" of EventTypeCreate. */
    char done[16];
    size_t len = strlen(event);
    memcpy(done, event, len + 1);
    memcpy(done + len, event[len - 1] == 'e' ? "d" : "ed", event[len - 1] == 'e' ? 2 : 3);
    const struct pb_enum_value *v = plan_enum_value(f->enumeration, done);
    v = v ? v : plan_enum_value(f->enumeration, event);
    if (v && v->number != 0) {
        struct pb_item item = {.wire = PB_WIRE_VARINT, .value = (uint64_t)(int64_t)v->number};
        put_item(out, f->number, &item);
    }
}

static void put_map_entry(const struct act *a, const struct pb_field *f, const struct item *i, struct text *out)
{
    size_t mark = pb_open(out, f->number);
    if (a->e->key_count > 0)
        field_copy(out, item_whole(i), attribute_of(a->e, a->e->keys[0])->number, 1);
    pb_put_bytes(out, 2, item_message(i));
    pb_close(out, mark);
}

/* Of all that match, each value once, in order of coming. */
static void put_keys(struct act *a, const struct plan_output *o, struct text *out)
{
    const struct attribute *at = attribute_of(a->e, o->attribute);
    bool distinct = a->e->key_count > 1;
    size_t start = out->len;
    for (size_t i = 0; i < (a->items.count > 0 ? a->items.count : a->item != NULL); i++) {
        struct pb_item v, w;
        if (!field_get(item_whole(a->items.count > 0 ? a->items.items[i] : a->item), at->number, &v))
            continue;
        bool seen = false;
        const uint8_t *written = (const uint8_t *)text_string(out);
        struct pb_reader r = {written + start, written + out->len};
        while (distinct && !seen && r.at < r.end && pb_item_next(&r, &w) == PB_FAULT_NONE)
            seen = w.number == o->field->number && item_equal(&v, &w);
        if (!seen)
            put_item(out, o->field->number, &v);
    }
}

static void put_value(struct act *a, const struct pb_field *f, struct text *out)
{
    struct random r;
    random_seed(&r, values_hash(a->draw, f->name, BYTES_NONE));
    values_field(&r, f, a->now, 0, out);
}

static void put_output(struct act *a, const struct plan_output *o, struct text *out)
{
    const struct pb_field *f = o->field;
    switch (o->use) {
    case OUTPUT_VALUE:
        if (f->oneof < 0)
            put_value(a, f, out);
        break;
    case OUTPUT_ENTITY:
        if (a->item)
            pb_put_bytes(out, f->number, item_message(a->item));
        else if (a->before.data)
            pb_put_bytes(out, f->number, a->before);
        break;
    case OUTPUT_ENTITIES:
        for (size_t i = 0; i < a->items.count; i++)
            pb_put_bytes(out, f->number, item_message(a->items.items[i]));
        if (a->items.count == 0 && a->item)
            pb_put_bytes(out, f->number, item_message(a->item));
        break;
    case OUTPUT_ENTITY_MAP:
        for (size_t i = 0; i < a->items.count; i++)
            put_map_entry(a, f, a->items.items[i], out);
        break;
    case OUTPUT_VIEW:
    case OUTPUT_VIEWS:
        for (size_t i = 0; i < (a->item ? 1 : a->items.count); i++) {
            size_t mark = pb_open(out, f->number);
            put_view(a, a->item ? a->item : a->items.items[i], f->message, out);
            pb_close(out, mark);
        }
        break;
    case OUTPUT_ATTRIBUTE: {
        struct pb_item v;
        const struct attribute *at = attribute_of(a->e, o->attribute);
        if (a->item && field_is_numeric(f) && at->field->kind != f->kind) {
            if (field_get(item_whole(a->item), at->number, &v))
                put_integer(out, f, f->number, item_integer(&v, at->field->kind));
        } else if (a->item)
            field_copy(out, item_whole(a->item), attribute_of(a->e, o->attribute)->number, f->number);
        else if (pb_field_by_name(a->m->method->input, f->name) &&
                 field_same_kind(pb_field_by_name(a->m->method->input, f->name), f))
            field_copy(out, a->request, pb_field_by_name(a->m->method->input, f->name)->number, f->number);
        break;
    }
    case OUTPUT_KEYS:
        put_keys(a, o, out);
        break;
    case OUTPUT_COUNT:
        put_integer(out, f, f->number, a->count);
        break;
    case OUTPUT_CURSOR:
        if (a->more) {
            struct text cursor = TEXT_INIT;
            text_printf(&cursor, "%c%llu", a->by_serial ? 's' : 'o', (unsigned long long)a->cursor);
            put_text(out, f, f->number, text_bytes(&cursor));
            out->failed = out->failed || !text_ok(&cursor);
            text_deinit(&cursor);
        }
        break;
    case OUTPUT_MORE:
        put_bool(out, f->number, a->more);
        break;
    case OUTPUT_YES:
        put_bool(out, f->number, a->yes);
        break;
    case OUTPUT_TOKEN:
        if (a->token)
            pb_put_bytes(out, f->number, item_message(a->token));
        break;
    case OUTPUT_EVENT:
        put_event(a, f, out);
        break;
    case OUTPUT_NOW:
        put_time(out, f, f->number, a->now);
        break;
    case OUTPUT_ECHO:
        field_copy(out, a->request, o->echo->number, f->number);
        break;
    case OUTPUT_OK:
        pb_put_bytes(out, f->number, bytes_of("ok"));
        break;
    case OUTPUT_NOTHING:
        break;
    }
}

bool behave_reply_make(struct act *a, const struct plan_method *m, struct text *out)
{
    if (m->outputs.count == 1 && m->outputs.items[0].field == NULL) {
        bool token = m->outputs.items[0].use == OUTPUT_TOKEN;
        const struct item *i = token ? a->token : a->item;
        struct bytes message = i ? item_message(i) : token ? BYTES_NONE : a->before;
        text_add(out, message.data, message.len);
        return text_ok(out);
    }
    for (size_t i = 0; i < m->outputs.count; i++)
        put_output(a, &m->outputs.items[i], out);
    return text_ok(out);
}

/* Nothing recognised: a message that fits, with what the request says under the same name. */
void reply_values(struct act *a)
{
    struct text *out = &a->answer->replies;
    const struct pb_type *t = a->m->method->output;
    struct random r;
    random_seed(&r, a->draw);
    size_t replies = a->m->method->server_streaming && !a->m->method->client_streaming ? 1 + random_below(&r, 3) : 1;
    for (size_t n = 0; n < replies; n++) {
        uint64_t draw = a->draw + n;
        /* Of a oneof the member the request has too, or one that is drawn. */
        for (size_t k = 0; k < t->oneof_count; k++) {
            const struct pb_field *member = NULL, *echo = NULL;
            size_t members = 0;
            for (size_t i = 0; i < t->field_count; i++)
                if (t->fields[i].oneof == (int)k && random_below(&r, ++members) == 0)
                    member = &t->fields[i];
            if (member) {
                echo = pb_field_by_name(a->m->method->input, member->name);
                if (echo && field_same_kind(echo, member) && field_there(a->request, echo->number))
                    field_copy(out, a->request, echo->number, member->number);
                else
                    values_field(&r, member, a->now, 0, out);
            }
        }
        for (size_t i = 0; i < t->field_count; i++) {
            const struct pb_field *f = &t->fields[i];
            const struct pb_field *echo = pb_field_by_name(a->m->method->input, f->name);
            struct pb_item there;
            if (f->oneof >= 0)
                continue;
            if (echo && field_same_kind(echo, f) && field_get(a->request, echo->number, &there)) {
                field_copy(out, a->request, echo->number, f->number);
                continue;
            }
            struct random each;
            random_seed(&each, values_hash(draw, f->name, BYTES_NONE));
            enum output_use use = a->m->outputs.count > i ? a->m->outputs.items[i].use : OUTPUT_VALUE;
            if (use == OUTPUT_YES)
                put_bool(out, f->number, true);
            if (use != OUTPUT_YES && use != OUTPUT_NOTHING)
                values_field(&each, f, a->now, 0, out);
        }
        if (!fake_answer_mark(a->answer, 0))
            out->failed = true;
    }
}
