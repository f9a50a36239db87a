/* Second pass over a descriptor set: fields, oneofs, enums and services with their references resolved, under the
 * rules protoc enforces for proto3. A set need not come from protoc, so each rule that later code leans on is checked. */
#include "wire/pb_pool.h"

#include <stdio.h>
#include <stdlib.h>

typedef Google__Protobuf__FieldDescriptorProto field_proto;

/* ---- references ------------------------------------------------------------------------------------------------ */

/* Stamps `file`, what it imports, and what those import publicly, with `stamp`. */
static int mark_visible(struct pb_pool *p, struct pb_file *file)
{
    uint32_t stamp = (uint32_t)(file - p->files) + 1;
    if (file->seen_from == stamp)
        return 0;
    struct pb_file **open = p->open_files;
    if (!open)
        open = p->open_files = arena_alloc(&p->scratch, p->file_count * sizeof(struct pb_file *));
    if (!open)
        return pb_pool_no_memory(p);
    size_t count = 0;
    file->seen_from = stamp;
    for (size_t i = 0; i < file->dependency_count; i++)
        if (file->imports[i]->seen_from != stamp) {
            file->imports[i]->seen_from = stamp;
            open[count++] = file->imports[i];
        }
    while (count > 0) {
        struct pb_file *f = open[--count];
        for (size_t i = 0; i < f->dependency_count; i++)
            if (f->import_public[i] && f->imports[i]->seen_from != stamp) {
                f->imports[i]->seen_from = stamp;
                open[count++] = f->imports[i];
            }
    }
    return 0;
}

static struct pb_symbol *find_relative(struct pb_pool *p, const char *scope, const char *name)
{
    char full[2 * PB_NAME_MAX];
    size_t len = strlen(scope), name_len = strlen(name);
    if (len >= PB_NAME_MAX || name_len >= PB_NAME_MAX - 1)
        return NULL;
    memcpy(full, scope, len);
    for (;;) {
        size_t at = len;
        if (at > 0)
            full[at++] = '.';
        struct pb_symbol *s;
        memcpy(full + at, name, name_len);
        s = map_get_n(&p->symbols, full, at + name_len);
        if (s || len == 0)
            return s;
        /* The name was written over the end only, so the scope's shorter beginnings are intact. */
        while (len > 0 && scope[len - 1] != '.')
            len--;
        if (len > 0)
            len--;
    }
}

/* The symbol a type name stands for: ".pkg.Type" from the root, anything else from the scope outwards. */
static int resolve(struct pb_pool *p, struct pb_file *file, const char *scope, const char *name, const char *what,
                   struct pb_symbol **out)
{
    if (!name || !*name)
        return pb_pool_error(p, file, ERROR_INVALID, "%s names no type", what);
    struct pb_symbol *s = *name == '.' ? map_get(&p->symbols, name + 1) : find_relative(p, scope, name);
    if (!s)
        return pb_pool_error(p, file, ERROR_NOT_FOUND, "%s refers to the unknown type \"%s\"", what, name);
    int rc = mark_visible(p, file);
    if (rc)
        return rc;
    if (s->file->seen_from != (uint32_t)(file - p->files) + 1)
        return pb_pool_error(p, file, ERROR_INVALID, "%s refers to %s of %s, which is not imported", what,
                             s->full_name, s->file->name);
    if (s->kind == PB_SYMBOL_FOREIGN)
        return pb_pool_error(p, file, ERROR_UNSUPPORTED, "%s refers to %s, which is proto2: only options may do so", what,
                             s->full_name);
    *out = s;
    return 0;
}

/* ---- fields ---------------------------------------------------------------------------------------------------- */

struct field_work {
    struct pb_pool *p;
    struct pb_type_entry *t;
    struct pb_field *field;
    const field_proto *proto;
    char what[2 * PB_NAME_MAX]; /* "pkg.Type.field", for messages */
};

static int field_error(struct field_work *w, const char *why)
{
    return pb_pool_error(w->p, w->t->file, ERROR_INVALID, "%s: %s", w->what, why);
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
        out[n++] = upper && *c >= 'a' && *c <= 'z' ? (char)(*c - 'a' + 'A') : *c;
        upper = false;
    }
    if (out)
        out[n] = '\0';
    return out;
}

static bool is_packable(enum pb_kind kind)
{
    return kind != PB_STRING && kind != PB_BYTES && kind != PB_MESSAGE;
}

static int field_type(struct field_work *w)
{
    const field_proto *d = w->proto;
    struct pb_field *f = w->field;
    if (d->has_type && ((int)d->type < PB_DOUBLE || (int)d->type > PB_SINT64))
        return field_error(w, "unknown field type");
    if (d->has_type && d->type == GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_GROUP)
        return pb_pool_error(w->p, w->t->file, ERROR_UNSUPPORTED, "%s: groups are not supported", w->what);
    bool named = !d->has_type || (int)d->type == PB_MESSAGE || (int)d->type == PB_ENUM;
    if (!named) {
        f->kind = (enum pb_kind)(int)d->type;
        return 0;
    }
    struct pb_symbol *s;
    int rc = resolve(w->p, w->t->file, w->t->type.full_name, d->type_name, w->what, &s);
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
    f->json_name = d->json_name && *d->json_name ? arena_string(&w->p->arena, d->json_name)
                                                 : json_name_of(&w->p->arena, f->name);
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
    if (d->default_value)
        return field_error(w, "proto3 has no default values");
    if (d->extendee)
        return field_error(w, "a field of a message cannot extend another one");
    int rc = field_type(w);
    if (rc)
        return rc;
    f->packed = f->repeated && is_packable(f->kind) &&
                (!d->options || !d->options->has_packed || d->options->packed);
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
            return pb_pool_error(p, w->t->file, ERROR_INVALID, "%s: oneof \"%s\" holds a proto3 optional and other "
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

static int resolve_type(struct pb_pool *p, struct pb_type_entry *t)
{
    const pb_message_proto *d = t->proto;
    size_t n = d->n_field;
    if (d->n_extension_range > 0)
        return pb_pool_error(p, t->file, ERROR_INVALID, "%s: proto3 messages cannot be extended", t->type.full_name);
    const char *dot = strrchr(t->type.full_name, '.');
    t->type.name = dot ? dot + 1 : t->type.full_name;
    t->type.map_entry = d->options && d->options->map_entry;
    struct pb_field *fields = arena_alloc(&p->arena, (n + 1) * sizeof *fields);
    struct field_work w;
    if (!fields)
        return pb_pool_no_memory(p);
    w.p = p;
    w.t = t;
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

/* Parents come before their children in p->types, and a child's full name is the parent's plus one part. */
static void find_parent(struct pb_pool *p, struct pb_type_entry *t)
{
    const char *dot = strrchr(t->type.full_name, '.');
    if (!dot)
        return;
    const struct pb_symbol *s = map_get_n(&p->symbols, t->type.full_name, (size_t)(dot - t->type.full_name));
    if (s && s->kind == PB_SYMBOL_TYPE)
        t->parent = s->entry;
}

/* ---- enums and services ---------------------------------------------------------------------------------------- */

static int value_by_name(const void *a, const void *b)
{
    return strcmp((*(const struct pb_enum_value *const *)a)->name, (*(const struct pb_enum_value *const *)b)->name);
}

static int value_by_number(const void *a, const void *b)
{
    const struct pb_enum_value *x = *(const struct pb_enum_value *const *)a, *y = *(const struct pb_enum_value *const *)b;
    if (x->number != y->number)
        return x->number < y->number ? -1 : 1;
    return (x > y) - (x < y);
}

static int resolve_enum(struct pb_pool *p, struct pb_enum_entry *e)
{
    const pb_enum_proto *d = e->proto;
    size_t n = d->n_value;
    if (n == 0 || d->value[0]->number != 0)
        return pb_pool_error(p, e->file, ERROR_INVALID, "%s: the first value of a proto3 enum must be 0",
                             e->enumeration.full_name);
    struct pb_enum_value *values = arena_alloc(&p->arena, n * sizeof *values);
    e->by_name = arena_alloc(&p->arena, n * sizeof *e->by_name);
    e->by_number = arena_alloc(&p->arena, n * sizeof *e->by_number);
    if (!values || !e->by_name || !e->by_number)
        return pb_pool_no_memory(p);
    for (size_t i = 0; i < n; i++) {
        values[i].name = arena_string(&p->arena, d->value[i]->name);
        values[i].number = d->value[i]->number;
        if (!values[i].name)
            return pb_pool_no_memory(p);
        e->by_name[i] = e->by_number[i] = &values[i];
    }
    e->enumeration.values = values;
    e->enumeration.value_count = n;
    qsort(e->by_name, n, sizeof(const struct pb_enum_value *), value_by_name);
    qsort(e->by_number, n, sizeof(const struct pb_enum_value *), value_by_number);
    bool aliases = d->options && d->options->allow_alias;
    for (size_t i = 1; i < n && !aliases; i++)
        if (e->by_number[i]->number == e->by_number[i - 1]->number)
            return pb_pool_error(p, e->file, ERROR_EXISTS, "%s: %s and %s share the number %d without allow_alias",
                                 e->enumeration.full_name, e->by_number[i - 1]->name, e->by_number[i]->name,
                                 e->by_number[i]->number);
    e->null_value = strcmp(e->enumeration.full_name, "google.protobuf.NullValue") == 0;
    return 0;
}

static int resolve_method_type(struct pb_pool *p, struct pb_file *file, const char *what, const char *name,
                               const char *scope, const struct pb_type **out)
{
    struct pb_symbol *s;
    int rc = resolve(p, file, scope, name, what, &s);
    if (rc)
        return rc;
    const struct pb_type_entry *t = s->entry;
    if (s->kind != PB_SYMBOL_TYPE || t->type.map_entry)
        return pb_pool_error(p, file, ERROR_INVALID, "%s: %s is no message", what, s->full_name);
    *out = &t->type;
    return 0;
}

static int resolve_service(struct pb_pool *p, struct pb_service *v)
{
    struct pb_symbol *symbol = map_get(&p->symbols, v->full_name);
    const pb_service_proto *d = symbol->service_proto;
    const char *dot = strrchr(v->full_name, '.');
    v->name = dot ? dot + 1 : v->full_name;
    struct pb_method *methods = arena_alloc(&p->arena, (d->n_method + 1) * sizeof *methods);
    if (!methods)
        return pb_pool_no_memory(p);
    for (size_t i = 0; i < d->n_method; i++) {
        const Google__Protobuf__MethodDescriptorProto *md = d->method[i];
        struct pb_method *m = &methods[i];
        m->name = arena_string(&p->arena, md->name);
        m->path = arena_printf(&p->arena, "/%s/%s", v->full_name, md->name);
        char *full_name = arena_printf(&p->arena, "%s.%s", v->full_name, md->name);
        char *free_path = arena_printf(&p->arena, "%s/%s", v->name, md->name);
        if (!m->name || !m->path || !full_name || !free_path)
            return pb_pool_no_memory(p);
        m->client_streaming = md->client_streaming;
        m->server_streaming = md->server_streaming;
        m->service = v;
        int rc = resolve_method_type(p, symbol->file, full_name, md->input_type, v->full_name, &m->input);
        if (!rc)
            rc = resolve_method_type(p, symbol->file, full_name, md->output_type, v->full_name, &m->output);
        if (rc)
            return rc;
        struct pb_symbol *method_symbol = map_get(&p->symbols, full_name);
        method_symbol->entry = m;
        if (!map_put(&p->methods, m->path, m) ||
            (!map_get(&p->free_methods, free_path) && !map_put(&p->free_methods, free_path, m)))
            return pb_pool_no_memory(p);
    }
    v->methods = methods;
    v->method_count = d->n_method;
    return 0;
}

int pb_pool_resolve(struct pb_pool *p)
{
    int rc = 0;
    for (size_t i = 0; i < p->type_count; i++)
        find_parent(p, &p->types[i]);
    for (size_t i = 0; !rc && i < p->enum_count; i++)
        rc = resolve_enum(p, &p->enums[i]);
    for (size_t i = 0; !rc && i < p->type_count; i++)
        rc = resolve_type(p, &p->types[i]);
    for (size_t i = 0; !rc && i < p->service_count; i++)
        rc = resolve_service(p, &p->services[i]);
    for (size_t i = 0; !rc && i < p->type_count; i++)
        rc = pb_type_known(p, &p->types[i]);
    for (size_t i = 0; !rc && i < p->type_count; i++)
        rc = pb_type_index_names(p, &p->types[i]);
    for (size_t i = 0; !rc && i < p->enum_count; i++)
        rc = pb_enum_layout(p, &p->enums[i]);
    for (size_t i = 0; !rc && i < p->type_count; i++)
        rc = pb_type_layout(p, &p->types[i]);
    return rc;
}
