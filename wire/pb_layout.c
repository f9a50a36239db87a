/* The descriptors protobuf-c works with, built at run time.
 *
 * A message's struct is ProtobufCMessage, then for each real oneof its case and one union, then the fields in number
 * order: a count and a pointer for repeated ones, a `has_` word before optional numbers and bytes, the bare value
 * otherwise. The layout differs from what protoc-c would generate; only descriptors know it.
 *
 * message_init stays NULL, so that the library's generic initialiser runs. It stores default values, and for a oneof
 * it would store one into the union that another member shares: oneof members therefore have none. */
#include "wire/pb_pool.h"

#include <limits.h>
#include <stdalign.h>
#include <stddef.h>
#include <stdlib.h>

#define UNION_SIZE sizeof(ProtobufCBinaryData) /* the largest member */

static ProtobufCType type_of(enum pb_kind kind)
{
    switch (kind) {
    case PB_DOUBLE:
        return PROTOBUF_C_TYPE_DOUBLE;
    case PB_FLOAT:
        return PROTOBUF_C_TYPE_FLOAT;
    case PB_INT64:
        return PROTOBUF_C_TYPE_INT64;
    case PB_UINT64:
        return PROTOBUF_C_TYPE_UINT64;
    case PB_INT32:
        return PROTOBUF_C_TYPE_INT32;
    case PB_FIXED64:
        return PROTOBUF_C_TYPE_FIXED64;
    case PB_FIXED32:
        return PROTOBUF_C_TYPE_FIXED32;
    case PB_BOOL:
        return PROTOBUF_C_TYPE_BOOL;
    case PB_STRING:
        return PROTOBUF_C_TYPE_STRING;
    case PB_MESSAGE:
        return PROTOBUF_C_TYPE_MESSAGE;
    case PB_BYTES:
        return PROTOBUF_C_TYPE_BYTES;
    case PB_UINT32:
        return PROTOBUF_C_TYPE_UINT32;
    case PB_ENUM:
        return PROTOBUF_C_TYPE_ENUM;
    case PB_SFIXED32:
        return PROTOBUF_C_TYPE_SFIXED32;
    case PB_SFIXED64:
        return PROTOBUF_C_TYPE_SFIXED64;
    case PB_SINT32:
        return PROTOBUF_C_TYPE_SINT32;
    case PB_SINT64:
        return PROTOBUF_C_TYPE_SINT64;
    }
    return PROTOBUF_C_TYPE_INT32;
}

static size_t size_of(enum pb_kind kind)
{
    switch (kind) {
    case PB_DOUBLE:
    case PB_INT64:
    case PB_UINT64:
    case PB_FIXED64:
    case PB_SFIXED64:
    case PB_SINT64:
        return sizeof(uint64_t);
    case PB_STRING:
    case PB_MESSAGE:
        return sizeof(void *);
    case PB_BYTES:
        return sizeof(ProtobufCBinaryData);
    case PB_FLOAT:
    case PB_INT32:
    case PB_FIXED32:
    case PB_BOOL:
    case PB_UINT32:
    case PB_ENUM:
    case PB_SFIXED32:
    case PB_SINT32:
        return sizeof(uint32_t);
    }
    return sizeof(uint64_t);
}

static unsigned place(size_t *end, size_t size)
{
    size_t align = size < sizeof(void *) ? size : sizeof(void *);
    size_t at = (*end + align - 1) / align * align;
    *end = at + size;
    return (unsigned)at;
}

/* Runs of consecutive numbers and a closing element, as protobuf-c's look-up by number wants them. */
static ProtobufCIntRange *ranges_of(struct arena *arena, const int *numbers, size_t n, unsigned *count)
{
    size_t runs = 0;
    for (size_t i = 0; i < n; i++)
        if (i == 0 || numbers[i - 1] == INT_MAX || numbers[i] != numbers[i - 1] + 1)
            runs++;
    ProtobufCIntRange *ranges = arena_alloc(arena, (runs + 1) * sizeof *ranges);
    if (!ranges)
        return NULL;
    size_t run = 0;
    for (size_t i = 0; i < n; i++)
        if (i == 0 || numbers[i - 1] == INT_MAX || numbers[i] != numbers[i - 1] + 1)
            ranges[run++] = (ProtobufCIntRange){.start_value = numbers[i], .orig_index = (unsigned)i};
    ranges[run].orig_index = (unsigned)n;
    *count = (unsigned)runs;
    return ranges;
}

struct name_index {
    const char *name;
    unsigned index;
};

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const struct name_index *)a)->name, ((const struct name_index *)b)->name);
}

static void field_layout(const struct pb_field *f, const unsigned *case_at, const unsigned *union_at, size_t *end,
                         ProtobufCFieldDescriptor *d)
{
    d->name = f->name;
    d->id = f->number;
    d->type = type_of(f->kind);
    d->label = PROTOBUF_C_LABEL_NONE;
    if (f->repeated) {
        d->label = PROTOBUF_C_LABEL_REPEATED;
        d->flags = f->packed ? PROTOBUF_C_FIELD_FLAG_PACKED : 0;
        d->quantifier_offset = place(end, sizeof(size_t));
        d->offset = place(end, sizeof(void *));
    } else if (f->oneof >= 0) {
        d->flags = PROTOBUF_C_FIELD_FLAG_ONEOF;
        d->quantifier_offset = case_at[f->oneof];
        d->offset = union_at[f->oneof];
    } else {
        if (f->optional) {
            d->label = PROTOBUF_C_LABEL_OPTIONAL;
            /* A string or message is present when its pointer is set. */
            if (f->kind != PB_STRING && f->kind != PB_MESSAGE)
                d->quantifier_offset = place(end, sizeof(protobuf_c_boolean));
        } else if (f->kind == PB_STRING) {
            d->default_value = protobuf_c_empty_string;
        }
        d->offset = place(end, size_of(f->kind));
    }
    if (f->kind == PB_MESSAGE)
        d->descriptor = f->message->descriptor;
    else if (f->kind == PB_ENUM)
        d->descriptor = ((const struct pb_enum_entry *)(const void *)f->enumeration)->descriptor;
}

int pb_type_layout(struct pb_pool *p, struct pb_type_entry *t)
{
    size_t n = t->type.field_count, oneofs = t->type.oneof_count;
    ProtobufCMessageDescriptor *d = p->descriptors + (t - p->types);
    ProtobufCFieldDescriptor *fields = arena_alloc(&p->arena, (n + 1) * sizeof *fields);
    unsigned *sorted = arena_alloc(&p->arena, (n + 1) * sizeof *sorted);
    struct name_index *names = arena_alloc(&p->scratch, (n + 1) * sizeof *names);
    int *numbers = arena_alloc(&p->scratch, (n + 1) * sizeof *numbers);
    unsigned *case_at = arena_alloc(&p->scratch, (oneofs + 1) * sizeof *case_at);
    unsigned *union_at = arena_alloc(&p->scratch, (oneofs + 1) * sizeof *union_at);
    if (!fields || !sorted || !names || !numbers || !case_at || !union_at)
        return pb_pool_no_memory(p);
    size_t end = sizeof(ProtobufCMessage);
    for (size_t i = 0; i < oneofs; i++) {
        case_at[i] = place(&end, sizeof(uint32_t));
        union_at[i] = place(&end, UNION_SIZE);
    }
    for (size_t i = 0; i < n; i++) {
        field_layout(&t->type.fields[i], case_at, union_at, &end, &fields[i]);
        numbers[i] = (int)t->type.fields[i].number;
        names[i] = (struct name_index){t->type.fields[i].name, (unsigned)i};
    }
    if (n > 1)
        qsort(names, n, sizeof *names, compare_names);
    for (size_t i = 0; i < n; i++)
        sorted[i] = names[i].index;
    d->magic = PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC;
    d->name = t->type.full_name;
    d->short_name = t->type.name;
    d->c_name = t->type.name;
    d->package_name = t->file->package;
    d->sizeof_message = (end + alignof(max_align_t) - 1) / alignof(max_align_t) * alignof(max_align_t);
    d->n_fields = (unsigned)n;
    d->fields = fields;
    d->fields_sorted_by_name = sorted;
    d->field_ranges = ranges_of(&p->arena, numbers, n, &d->n_field_ranges);
    return d->field_ranges ? 0 : pb_pool_no_memory(p);
}

int pb_enum_layout(struct pb_pool *p, struct pb_enum_entry *e)
{
    size_t n = e->enumeration.value_count, distinct = 0;
    ProtobufCEnumDescriptor *d = ARENA_NEW(&p->arena, ProtobufCEnumDescriptor);
    ProtobufCEnumValue *values = arena_alloc(&p->arena, n * sizeof *values);
    ProtobufCEnumValueIndex *by_name = arena_alloc(&p->arena, n * sizeof *by_name);
    int *numbers = arena_alloc(&p->scratch, n * sizeof *numbers);
    unsigned *index_of = arena_alloc(&p->scratch, n * sizeof *index_of); /* by place in the file */
    if (!d || !values || !by_name || !numbers || !index_of)
        return pb_pool_no_memory(p);
    for (size_t i = 0; i < n; i++) {
        const struct pb_enum_value *v = e->by_number[i];
        if (distinct == 0 || numbers[distinct - 1] != v->number) {
            numbers[distinct] = v->number;
            values[distinct] = (ProtobufCEnumValue){.name = v->name, .c_name = v->name, .value = v->number};
            distinct++;
        }
        index_of[v - e->enumeration.values] = (unsigned)(distinct - 1);
    }
    for (size_t i = 0; i < n; i++)
        by_name[i] = (ProtobufCEnumValueIndex){.name = e->by_name[i]->name,
                                               .index = index_of[e->by_name[i] - e->enumeration.values]};
    const char *dot = strrchr(e->enumeration.full_name, '.');
    d->magic = PROTOBUF_C__ENUM_DESCRIPTOR_MAGIC;
    d->name = e->enumeration.full_name;
    d->short_name = dot ? dot + 1 : d->name;
    d->c_name = d->short_name;
    d->package_name = e->file->package;
    d->n_values = (unsigned)distinct;
    d->values = values;
    d->n_value_names = (unsigned)n;
    d->values_by_name = by_name;
    d->value_ranges = ranges_of(&p->arena, numbers, distinct, &d->n_value_ranges);
    e->descriptor = d;
    return d->value_ranges ? 0 : pb_pool_no_memory(p);
}
