/* Second pass over a descriptor set: references, enums and services, and (pb_resolve_type.c) messages. A set need not
 * come from protoc, so each rule that later code leans on is checked. */
#include "wire/pb_pool.h"

#include <stdlib.h>

/* ---- references ------------------------------------------------------------------------------------------------ */

/* Stamps `file`, what it imports, and what those import publicly, with a stamp of its own, unless it was the last. */
static int mark_visible(struct pb_pool *p, struct pb_file *file)
{
    if (p->seen_for == file)
        return 0;
    uint32_t stamp = ++p->seen_stamp;
    struct pb_file **open = p->open_files;
    if (!open)
        open = p->open_files = arena_alloc(&p->scratch, p->file_count * sizeof(struct pb_file *));
    if (!open)
        return pb_pool_no_memory(p);
    size_t count = 0;
    p->seen_for = file;
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
int pb_pool_reference(struct pb_pool *p, struct pb_file *file, const char *scope, const char *name, const char *what,
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
    if (s->file->seen_from != p->seen_stamp)
        return pb_pool_error(p, file, ERROR_INVALID, "%s refers to %s of %s, which is not imported", what, s->full_name,
                             s->file->name);
    if (s->kind == PB_SYMBOL_FOREIGN)
        return pb_pool_error(p, file, ERROR_UNSUPPORTED, "%s refers to %s, which is proto2: only options may do so",
                             what, s->full_name);
    *out = s;
    return 0;
}

/* ---- enums and services ---------------------------------------------------------------------------------------- */

static int value_by_name(const void *a, const void *b)
{
    return strcmp((*(const struct pb_enum_value *const *)a)->name, (*(const struct pb_enum_value *const *)b)->name);
}

static int value_by_number(const void *a, const void *b)
{
    const struct pb_enum_value *x = *(const struct pb_enum_value *const *)a,
                               *y = *(const struct pb_enum_value *const *)b;
    if (x->number != y->number)
        return x->number < y->number ? -1 : 1;
    return (x > y) - (x < y);
}

/* The message something stands in: its full name is that one's plus one part. In p->types it comes first. */
static const struct pb_type_entry *parent_of(struct pb_pool *p, const char *full_name)
{
    const char *dot = strrchr(full_name, '.');
    const struct pb_symbol *s = dot ? map_get_n(&p->symbols, full_name, (size_t)(dot - full_name)) : NULL;
    return s && s->kind == PB_SYMBOL_TYPE ? s->entry : NULL;
}

static bool enum_is_closed(struct pb_pool *p, const struct pb_enum_entry *e)
{
    const struct pb_type_entry *parent = parent_of(p, e->enumeration.full_name);
    struct pb_features from = parent ? pb_type_features(parent) : e->file->features;
    const Google__Protobuf__EnumOptions *options = e->proto->options;
    return e->file->edition &&
           pb_features_of(from, options ? &options->base : NULL, PB_FEATURES_OF_ENUM).enum_type != PB_ENUM_OPEN;
}

static int resolve_enum(struct pb_pool *p, struct pb_enum_entry *e)
{
    const pb_enum_proto *d = e->proto;
    size_t n = d->n_value;
    if (enum_is_closed(p, e))
        return pb_pool_error(p, e->file, ERROR_UNSUPPORTED, "%s: closed enums are not supported",
                             e->enumeration.full_name);
    if (n == 0 || d->value[0]->number != 0)
        return pb_pool_error(p, e->file, ERROR_INVALID, "%s: the first value of an enum must be 0",
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
    struct pb_symbol *s = NULL;
    int rc = pb_pool_reference(p, file, scope, name, what, &s);
    if (!s)
        return rc;
    const struct pb_type_entry *t = s->entry;
    if (s->kind != PB_SYMBOL_TYPE || t->type.map_entry)
        return pb_pool_error(p, file, ERROR_INVALID, "%s: %s is no message", what, s->full_name);
    *out = &t->type;
    return 0;
}

static int keep_options(struct pb_pool *p, const ProtobufCMessage *options, struct bytes *out)
{
    struct text wire = TEXT_INIT;
    (void)pb_pack(options, &wire);
    const uint8_t *data = text_ok(&wire) ? arena_copy(&p->arena, text_string(&wire), wire.len) : NULL;
    *out = BYTES(data, wire.len);
    text_deinit(&wire);
    return data ? 0 : pb_pool_no_memory(p);
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
        char *full_name = pb_pool_join(p, v->full_name, '.', md->name);
        char *free_path = pb_pool_join(p, v->name, '/', md->name);
        if (!m->name || !m->path || !full_name || !free_path)
            return pb_pool_no_memory(p);
        m->client_streaming = md->client_streaming;
        m->server_streaming = md->server_streaming;
        m->service = v;
        int rc = resolve_method_type(p, symbol->file, full_name, md->input_type, v->full_name, &m->input);
        if (!rc)
            rc = resolve_method_type(p, symbol->file, full_name, md->output_type, v->full_name, &m->output);
        if (!rc && md->options)
            rc = keep_options(p, &md->options->base, &m->options);
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
        p->types[i].parent = parent_of(p, p->types[i].type.full_name);
    for (size_t i = 0; !rc && i < p->enum_count; i++)
        rc = resolve_enum(p, &p->enums[i]);
    for (size_t i = 0; !rc && i < p->type_count; i++)
        rc = pb_type_resolve(p, &p->types[i]);
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
