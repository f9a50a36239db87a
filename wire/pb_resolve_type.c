/* The fields and oneofs of one message, under the rules protoc enforces for proto3. */
#include "wire/pb_pool.h"
#include "wire/pb_wire.h"

#include <stdio.h>
#include <stdlib.h>

typedef Google__Protobuf__FieldDescriptorProto field_proto;

struct field_work {
    struct pb_pool *p;
    struct pb_type_entry *t;
    struct pb_field *field;
    const field_proto *proto;
    char what[2 * PB_NAME_MAX];  /* "pkg.Type.field", for messages */
    struct pb_features features; /* of the message */
};

static int field_error(struct field_work *w, const char *why)
{
    return pb_pool_error(w->p, w->t->file, ERROR_INVALID, "%s: %s", w->what, why);
}

static int unsupported(struct field_work *w, const char *why)
{
    return pb_pool_error(w->p, w->t->file, ERROR_UNSUPPORTED, "%s: %s", w->what, why);
}

static char *json_name_of(struct arena *arena, const char *name)
{
    char *out = arena_string(arena, name);
    size_t n = 0;
    bool upper = false;
    for (const char *c = name; out && *c; c++) {
        if (*c == '_') {
            upper = true;
            continue;
        }
        out[n] = *c;
        if (upper && *c >= 'a' && *c <= 'z')
            out[n] = (char)(*c - 'a' + 'A');
        n++;
        upper = false;
    }
    if (out)
        out[n] = '\0';
    return out;
}

static int field_type(struct field_work *w)
{
    const field_proto *d = w->proto;
    struct pb_field *f = w->field;
    if (d->has_type && ((int)d->type < PB_DOUBLE || (int)d->type > PB_SINT64))
        return field_error(w, "unknown field type");
    if (d->has_type && d->type == GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_GROUP)
        return unsupported(w, "groups are not supported");
    bool named = !d->has_type || (int)d->type == PB_MESSAGE || (int)d->type == PB_ENUM;
    if (!named) {
        f->kind = (enum pb_kind)(int)d->type;
        return 0;
    }
    struct pb_symbol *s;
    int rc = pb_pool_reference(w->p, w->t->file, w->t->type.full_name, d->type_name, w->what, &s);
    if (rc)
        return rc;
    if (s->kind == PB_SYMBOL_TYPE && (!d->has_type || (int)d->type == PB_MESSAGE)) {
        f->kind = PB_MESSAGE;
        f->message = &((struct pb_type_entry *)s->entry)->type;
        const struct pb_type_entry *entry = s->entry;
        f->map = entry->proto->options && entry->proto->options->map_entry;
        if (f->map && (!f->repeated || entry->parent != w->t))
            return field_error(w, "a map entry type may be used by its own map field only");
    } else if (s->kind == PB_SYMBOL_ENUM && (!d->has_type || (int)d->type == PB_ENUM)) {
        f->kind = PB_ENUM;
        f->enumeration = &((struct pb_enum_entry *)s->entry)->enumeration;
    } else {
        return pb_pool_error(w->p, w->t->file, ERROR_INVALID, "%s: %s is no %s", w->what, s->full_name,
                             (int)d->type == PB_ENUM && d->has_type ? "enum" : "message");
    }
    return 0;
}

/* What a file of proto3 says by labels and options, one of an edition says by features. */
static int field_features(struct field_work *w)
{
    const field_proto *d = w->proto;
    struct pb_field *f = w->field;
    struct pb_features features =
        pb_features_of(w->features, d->options ? &d->options->base : NULL, PB_FEATURES_OF_FIELD);
    bool singular = !f->repeated && f->kind != PB_MESSAGE && !d->has_oneof_index;
    if (f->kind == PB_MESSAGE && !f->map && features.encoding != PB_ENCODING_LENGTH)
        return unsupported(w, "groups are not supported");
    f->packed = f->repeated && pb_is_packable(f->kind) && features.repeated == PB_REPEATED_PACKED;
    f->optional = singular && features.presence != PB_PRESENCE_IMPLICIT &&
                  !(w->t->proto->options && w->t->proto->options->map_entry);
    return 0;
}

static int field_fill(struct field_work *w)
{
    const field_proto *d = w->proto;
    struct pb_field *f = w->field;
    f->owner = &w->t->type;
    f->oneof = -1;
    f->name = arena_string(&w->p->arena, d->name ? d->name : "");
    if (!f->name)
        return pb_pool_no_memory(w->p);
    snprintf(w->what, sizeof w->what, "%s.%.*s", w->t->type.full_name, PB_NAME_MAX - 2, f->name);
    if (!pb_is_identifier(f->name, strlen(f->name)) || strlen(f->name) >= PB_NAME_MAX)
        return field_error(w, "a field needs an identifier for a name");
    f->json_name =
        d->json_name && *d->json_name ? arena_string(&w->p->arena, d->json_name) : json_name_of(&w->p->arena, f->name);
    if (!f->json_name)
        return pb_pool_no_memory(w->p);
    if (d->number < 1 || d->number > PB_FIELD_NUMBER_MAX)
        return field_error(w, "field numbers go from 1 to 536870911");
    if (d->number >= PB_RESERVED_FIRST && d->number <= PB_RESERVED_LAST)
        return field_error(w, "field numbers 19000 to 19999 are reserved");
    f->number = (uint32_t)d->number;
    if (d->has_label && d->label == GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__LABEL__LABEL_REQUIRED)
        return field_error(w, "proto3 has no required fields");
    f->repeated = d->has_label && d->label == GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__LABEL__LABEL_REPEATED;
    if (d->default_value && !w->t->file->edition) /* which is for those who read a field that is not set */
        return field_error(w, "proto3 has no default values");
    if (d->extendee)
        return field_error(w, "a field of a message cannot extend another one");
    int rc = field_type(w);
    if (rc || w->t->file->edition)
        return rc ? rc : field_features(w);
    f->packed =
        f->repeated && pb_is_packable(f->kind) && (!d->options || !d->options->has_packed || d->options->packed);
    f->optional = d->proto3_optional;
    if (f->optional && (f->repeated || !d->has_oneof_index))
        return field_error(w, "proto3 optional needs a singular field in a oneof of its own");
    return 0;
}

/* ---- messages -------------------------------------------------------------------------------------------------- */

/* protoc puts each proto3 `optional` into a oneof of its own, for old readers; here it is not one. */
static int fill_oneofs(struct field_work *w, size_t count)
{
    struct pb_pool *p = w->p;
    const pb_message_proto *d = w->t->proto;
    size_t n = d->n_oneof_decl;
    size_t *members = arena_alloc(&p->scratch, (n + 1) * sizeof *members);
    int *renamed = arena_alloc(&p->scratch, (n + 1) * sizeof *renamed);
    struct pb_oneof *oneofs = arena_alloc(&p->arena, (n + 1) * sizeof *oneofs);
    bool *synthetic = arena_alloc(&p->scratch, n + 1);
    if (!members || !renamed || !oneofs || !synthetic)
        return pb_pool_no_memory(p);
    for (size_t i = 0; i < count; i++) {
        const field_proto *f = d->field[i];
        if (!f->has_oneof_index)
            continue;
        if (f->oneof_index < 0 || (size_t)f->oneof_index >= n)
            return pb_pool_error(p, w->t->file, ERROR_INVALID, "%s.%s: its oneof index %d is out of range",
                                 w->t->type.full_name, f->name, f->oneof_index);
        members[f->oneof_index]++;
        if (f->proto3_optional)
            synthetic[f->oneof_index] = true;
    }
    for (size_t i = 0; i < n; i++) {
        const char *name = d->oneof_decl[i]->name;
        if (members[i] == 0 || !name || !*name)
            return pb_pool_error(p, w->t->file, ERROR_INVALID, "%s: oneof \"%s\" needs a name and a field",
                                 w->t->type.full_name, name ? name : "");
        if (synthetic[i] && members[i] != 1)
            return pb_pool_error(p, w->t->file, ERROR_INVALID,
                                 "%s: oneof \"%s\" holds a proto3 optional and other "
                                 "fields",
                                 w->t->type.full_name, name);
        if (synthetic[i]) {
            renamed[i] = -1;
            continue;
        }
        renamed[i] = (int)w->t->type.oneof_count;
        oneofs[w->t->type.oneof_count].name = arena_string(&p->arena, name);
        if (!oneofs[w->t->type.oneof_count++].name)
            return pb_pool_no_memory(p);
    }
    w->t->type.oneofs = oneofs;
    struct pb_field *fields = w->field;
    for (size_t i = 0; i < count; i++)
        if (d->field[i]->has_oneof_index) {
            if (fields[i].repeated)
                return pb_pool_error(p, w->t->file, ERROR_INVALID, "%s.%s: a repeated field cannot be in a oneof",
                                     w->t->type.full_name, fields[i].name);
            fields[i].oneof = renamed[d->field[i]->oneof_index];
        }
    return 0;
}

static int by_number(const void *a, const void *b)
{
    uint32_t x = ((const struct pb_field *)a)->number, y = ((const struct pb_field *)b)->number;
    return (x > y) - (x < y);
}

static int by_name(const void *a, const void *b)
{
    return strcmp((*(const struct pb_field *const *)a)->name, (*(const struct pb_field *const *)b)->name);
}

static int by_json_name(const void *a, const void *b)
{
    return strcmp((*(const struct pb_field *const *)a)->json_name, (*(const struct pb_field *const *)b)->json_name);
}

static int check_unique(struct pb_pool *p, struct pb_type_entry *t, const struct pb_field *fields, size_t n)
{
    const struct pb_field **sorted = arena_alloc(&p->scratch, (n + 1) * sizeof *sorted);
    if (!sorted)
        return pb_pool_no_memory(p);
    for (size_t i = 0; i < n; i++)
        sorted[i] = &fields[i];
    for (size_t i = 1; i < n; i++)
        if (fields[i].number == fields[i - 1].number)
            return pb_pool_error(p, t->file, ERROR_EXISTS, "%s: fields %s and %s share the number %u",
                                 t->type.full_name, fields[i - 1].name, fields[i].name, fields[i].number);
    if (n > 1)
        qsort(sorted, n, sizeof(const struct pb_field *), by_name);
    for (size_t i = 1; i < n; i++)
        if (strcmp(sorted[i]->name, sorted[i - 1]->name) == 0)
            return pb_pool_error(p, t->file, ERROR_EXISTS, "%s: two fields are called %s", t->type.full_name,
                                 sorted[i]->name);
    if (n > 1)
        qsort(sorted, n, sizeof(const struct pb_field *), by_json_name);
    for (size_t i = 1; i < n; i++)
        if (strcmp(sorted[i]->json_name, sorted[i - 1]->json_name) == 0)
            return pb_pool_error(p, t->file, ERROR_EXISTS, "%s: fields %s and %s share the JSON name %s",
                                 t->type.full_name, sorted[i - 1]->name, sorted[i]->name, sorted[i]->json_name);
    return 0;
}

static int check_map_entry(struct pb_pool *p, struct pb_type_entry *t)
{
    const struct pb_type *m = &t->type;
    bool fits = t->parent && m->field_count == 2 && m->fields[0].number == 1 && m->fields[1].number == 2 &&
                !m->fields[0].repeated && !m->fields[1].repeated && m->oneof_count == 0 && !m->fields[0].optional &&
                !m->fields[1].optional && t->proto->n_nested_type == 0 && t->proto->n_enum_type == 0;
    if (!fits)
        return pb_pool_error(p, t->file, ERROR_INVALID, "%s: a map entry has a key 1 and a value 2 and nothing else",
                             m->full_name);
    enum pb_kind key = m->fields[0].kind;
    if (key == PB_DOUBLE || key == PB_FLOAT || key == PB_BYTES || key == PB_MESSAGE || key == PB_ENUM)
        return pb_pool_error(p, t->file, ERROR_INVALID, "%s: a map key is an integer, a bool or a string",
                             m->full_name);
    return 0;
}

int pb_type_resolve(struct pb_pool *p, struct pb_type_entry *t)
{
    const pb_message_proto *d = t->proto;
    size_t n = d->n_field;
    if (d->n_extension_range > 0)
        return pb_pool_error(p, t->file, ERROR_INVALID, "%s: messages cannot be extended", t->type.full_name);
    const char *dot = strrchr(t->type.full_name, '.');
    t->type.name = dot ? dot + 1 : t->type.full_name;
    t->type.map_entry = d->options && d->options->map_entry;
    struct pb_field *fields = arena_alloc(&p->arena, (n + 1) * sizeof *fields);
    struct field_work w;
    if (!fields)
        return pb_pool_no_memory(p);
    w.p = p;
    w.t = t;
    w.features = pb_type_features(t);
    for (size_t i = 0; i < n; i++) {
        w.field = &fields[i];
        w.proto = d->field[i];
        int rc = field_fill(&w);
        if (rc)
            return rc;
    }
    w.field = fields;
    int rc = fill_oneofs(&w, n);
    if (rc)
        return rc;
    if (n > 1)
        qsort(fields, n, sizeof *fields, by_number);
    for (size_t i = 0; i < n; i++)
        fields[i].index = (uint32_t)i;
    t->type.fields = fields;
    t->type.field_count = n;
    rc = check_unique(p, t, fields, n);
    if (!rc && t->type.map_entry)
        rc = check_map_entry(p, t);
    return rc;
}
