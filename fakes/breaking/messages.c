/* Messages: fields and oneofs that went, what is reserved, required fields, options. */
#include "fakes/breaking/internal.h"

#include <string.h>

#define REQUIRED GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__LABEL__LABEL_REQUIRED

#define NUMBER_MAX     536870911  /* highest field number */
#define SET_NUMBER_MAX 2147483646 /* the same with message_set_wire_format */

static const schema_field_proto *numbered(const schema_message_proto *m, int32_t number)
{
    for (size_t i = 0; i < m->n_field; i++)
        if (m->field[i]->number == number)
            return m->field[i];
    return NULL;
}

static bool name_reserved(const schema_message_proto *m, const char *name)
{
    for (size_t i = 0; i < m->n_reserved_name; i++)
        if (strcmp(m->reserved_name[i], name) == 0)
            return true;
    return false;
}

static bool number_reserved(const schema_message_proto *m, int32_t number)
{
    for (size_t i = 0; i < m->n_reserved_range; i++)
        if (number >= m->reserved_range[i]->start && number < m->reserved_range[i]->end)
            return true;
    return false;
}

static void fields_gone(struct comparison *c, const struct schema_element *before, const struct schema_element *now)
{
    for (size_t i = 0; i < before->message->n_field; i++) {
        const schema_field_proto *f = before->message->field[i];
        if (numbered(now->message, f->number) != NULL)
            continue;
        struct schema_place place = schema_place(now, NULL, 0);
        struct schema_place was = schema_place(before, (int32_t[]){MESSAGE_FIELD, (int32_t)i}, 2);
        const char *element = breaking_name(c, before->full_name, f->name);
        breaking_tell(c, FIELD_NO_DELETE, place, was, element, "field %d \"%s\" of \"%s\" is gone", f->number, f->name,
                      now->nested_name);
        if (!number_reserved(now->message, f->number))
            breaking_tell(c, FIELD_NO_DELETE_UNLESS_NUMBER_RESERVED, place, was, element,
                          "field %d \"%s\" of \"%s\" is gone and its number is not reserved", f->number, f->name,
                          now->nested_name);
        if (!name_reserved(now->message, f->name))
            breaking_tell(c, FIELD_NO_DELETE_UNLESS_NAME_RESERVED, place, was, element,
                          "field %d \"%s\" of \"%s\" is gone and its name is not reserved", f->number, f->name,
                          now->nested_name);
    }
}

/* proto3's `optional` is kept as a oneof nobody wrote. */
static bool oneof_synthetic(const schema_message_proto *m, size_t oneof)
{
    for (size_t i = 0; i < m->n_field; i++)
        if (m->field[i]->has_oneof_index && (size_t)m->field[i]->oneof_index == oneof)
            return m->field[i]->proto3_optional;
    return false;
}

static void oneofs_gone(struct comparison *c, const struct schema_element *before, const struct schema_element *now)
{
    for (size_t i = 0; i < before->message->n_oneof_decl; i++) {
        const char *name = before->message->oneof_decl[i]->name;
        bool there = oneof_synthetic(before->message, i);
        for (size_t k = 0; !there && k < now->message->n_oneof_decl; k++)
            there = strcmp(now->message->oneof_decl[k]->name, name) == 0;
        if (!there)
            breaking_tell(c, ONEOF_NO_DELETE, schema_place(now, NULL, 0), schema_place(before, NULL, 0),
                          breaking_name(c, before->full_name, name), "oneof \"%s\" of \"%s\" is gone", name,
                          now->nested_name);
    }
}

static void required_fields(struct comparison *c, const struct schema_element *before, const struct schema_element *now)
{
    for (size_t i = 0; i < before->message->n_field; i++) {
        const schema_field_proto *f = before->message->field[i], *other = numbered(now->message, f->number);
        if (f->label == REQUIRED && (other == NULL || other->label != REQUIRED))
            breaking_tell(c, MESSAGE_SAME_REQUIRED_FIELDS, schema_place(now, NULL, 0),
                          schema_place(before, (int32_t[]){MESSAGE_FIELD, (int32_t)i}, 2),
                          breaking_name(c, before->full_name, f->name),
                          "field %d \"%s\" of \"%s\" was required: old programs refuse messages without it", f->number,
                          f->name, now->nested_name);
    }
    for (size_t i = 0; i < now->message->n_field; i++) {
        const schema_field_proto *f = now->message->field[i], *other = numbered(before->message, f->number);
        if (f->label == REQUIRED && (other == NULL || other->label != REQUIRED))
            breaking_tell(c, MESSAGE_SAME_REQUIRED_FIELDS, schema_place(now, (int32_t[]){MESSAGE_FIELD, (int32_t)i}, 2),
                          schema_place(before, NULL, 0), breaking_name(c, before->full_name, f->name),
                          "field %d \"%s\" of \"%s\" is required now: old programs do not send it", f->number, f->name,
                          now->nested_name);
    }
}

static bool message_set(const schema_message_proto *m)
{
    return m->options != NULL && m->options->message_set_wire_format;
}

static void set_aside(struct comparison *c, const struct schema_element *before, const struct schema_element *now)
{
    const schema_message_proto *b = before->message, *n = now->message;
    int64_t highest = message_set(n) ? SET_NUMBER_MAX : NUMBER_MAX;
    ARRAY(struct number_range) was = {0}, is = {0};
    for (int kind = 0; kind < 2; kind++) {
        array_clear(&was);
        array_clear(&is);
        size_t old_count = kind == 0 ? b->n_reserved_range : b->n_extension_range;
        size_t new_count = kind == 0 ? n->n_reserved_range : n->n_extension_range;
        for (size_t i = 0; i < old_count; i++)
            c->no_memory |= !array_push(
                &was,
                ((struct number_range){kind == 0 ? b->reserved_range[i]->start : b->extension_range[i]->start,
                                       (kind == 0 ? b->reserved_range[i]->end : b->extension_range[i]->end) - 1}));
        for (size_t i = 0; i < new_count; i++)
            c->no_memory |= !array_push(
                &is, ((struct number_range){kind == 0 ? n->reserved_range[i]->start : n->extension_range[i]->start,
                                            (kind == 0 ? n->reserved_range[i]->end : n->extension_range[i]->end) - 1}));
        breaking_ranges(c, kind == 0 ? RESERVED_MESSAGE_NO_DELETE : EXTENSION_MESSAGE_NO_DELETE,
                        kind == 0 ? "reserved range" : "range of extensions", before, now, was.items, was.count,
                        is.items, is.count, highest);
    }
    array_deinit(&was);
    array_deinit(&is);
    for (size_t i = 0; i < b->n_reserved_name; i++)
        if (!name_reserved(n, b->reserved_name[i]))
            breaking_tell(c, RESERVED_MESSAGE_NO_DELETE, schema_place(now, NULL, 0), schema_place(before, NULL, 0),
                          before->full_name, "name \"%s\" is not reserved in \"%s\" any more", b->reserved_name[i],
                          now->nested_name);
}

static void options(struct comparison *c, const struct schema_element *before, const struct schema_element *now)
{
    const Google__Protobuf__MessageOptions *b = before->message->options, *n = now->message->options;
    bool hid = b != NULL && b->no_standard_descriptor_accessor, hides = n != NULL && n->no_standard_descriptor_accessor;
    if (!hid && hides)
        breaking_tell(c, MESSAGE_NO_REMOVE_STANDARD_DESCRIPTOR_ACCESSOR,
                      schema_place(now, (int32_t[]){MESSAGE_OPTIONS, 2}, 2), schema_place(before, NULL, 0),
                      before->full_name, "no_standard_descriptor_accessor of \"%s\" is true now", now->nested_name);
    if (message_set(before->message) != message_set(now->message))
        breaking_tell(c, MESSAGE_SAME_MESSAGE_SET_WIRE_FORMAT, schema_place(now, (int32_t[]){MESSAGE_OPTIONS, 1}, 2),
                      schema_place(before, (int32_t[]){MESSAGE_OPTIONS, 1}, 2), before->full_name,
                      "message_set_wire_format of \"%s\" is %s now", now->nested_name,
                      message_set(now->message) ? "true" : "false");
    if (before->features.json == 1 && now->features.json != 1)
        breaking_tell(c, MESSAGE_SAME_JSON_FORMAT, schema_place(now, (int32_t[]){MESSAGE_OPTIONS, 12, 6}, 3),
                      schema_place(before, (int32_t[]){MESSAGE_OPTIONS, 12, 6}, 3), before->full_name,
                      "JSON of \"%s\" was specified and is best effort now", now->nested_name);
}

void breaking_messages(struct comparison *c)
{
    for (size_t i = 0; i < c->before->messages.list.count; i++) {
        const struct schema_element *before = c->before->messages.list.items[i];
        const struct schema_element *now = schema_find(&c->now->messages, before->full_name);
        if (now == NULL)
            continue;
        fields_gone(c, before, now);
        oneofs_gone(c, before, now);
        required_fields(c, before, now);
        set_aside(c, before, now);
        options(c, before, now);
    }
}
