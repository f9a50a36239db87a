/* First pass over a descriptor set: every message, enum, service and the names of everything else under its full name,
 * so that the second pass can resolve references in any order. Nested messages are walked by recursion, whose depth
 * the scan before decoding has limited to PB_DEPTH_MAX. */
#include "wire/pb_pool.h"

struct collect {
    struct pb_pool *p;
    struct pb_file *file;
};

bool pb_is_identifier(const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        char c = s[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (!letter && !(i > 0 && c >= '0' && c <= '9'))
            return false;
    }
    return len > 0;
}

static const char *symbol_word(enum pb_symbol_kind kind)
{
    switch (kind) {
    case PB_SYMBOL_PACKAGE:
        return "a package";
    case PB_SYMBOL_TYPE:
        return "a message";
    case PB_SYMBOL_ENUM:
        return "an enum";
    case PB_SYMBOL_SERVICE:
        return "a service";
    case PB_SYMBOL_METHOD:
        return "a method";
    case PB_SYMBOL_ENUM_VALUE:
        return "an enum value";
    case PB_SYMBOL_EXTENSION:
        return "an extension";
    case PB_SYMBOL_FOREIGN:
        return "a symbol of descriptor.proto";
    }
    return "a symbol";
}

static int symbol_put(struct collect *c, enum pb_symbol_kind kind, const char *full_name, struct pb_symbol **out)
{
    struct pb_symbol *old = map_get(&c->p->symbols, full_name);
    if (old && old->kind == PB_SYMBOL_PACKAGE && kind == PB_SYMBOL_PACKAGE)
        return 0;
    if (old)
        return pb_pool_error(c->p, c->file, ERROR_EXISTS, "%s is defined twice: it is already %s in %s", full_name,
                             symbol_word(old->kind), old->file->name);
    struct pb_symbol *s = ARENA_NEW(&c->p->arena, struct pb_symbol);
    if (!s || !map_put(&c->p->symbols, full_name, s))
        return pb_pool_no_memory(c->p);
    s->kind = kind;
    s->full_name = full_name;
    s->file = c->file;
    if (out)
        *out = s;
    return 0;
}

char *pb_pool_join(struct pb_pool *p, const char *scope, char between, const char *name)
{
    size_t scope_len = strlen(scope), name_len = strlen(name);
    char *out = arena_alloc(&p->arena, scope_len + name_len + 2);
    if (!out)
        return NULL;
    memcpy(out, scope, scope_len);
    out[scope_len] = between;
    memcpy(out + scope_len + 1, name, name_len);
    return out;
}

/* Checks the name, joins it to the scope, and enters it. */
static int symbol_new(struct collect *c, enum pb_symbol_kind kind, const char *scope, const char *name,
                      struct pb_symbol **out)
{
    if (!name || !pb_is_identifier(name, strlen(name)))
        return pb_pool_error(c->p, c->file, ERROR_INVALID, "%s in \"%s\" has the name \"%s\", which is no identifier",
                             symbol_word(kind), scope, name ? name : "");
    if (strlen(scope) + strlen(name) >= PB_NAME_MAX)
        return pb_pool_error(c->p, c->file, ERROR_LIMIT, "a full name is longer than %d bytes: %.60s...", PB_NAME_MAX,
                             *scope ? scope : name);
    char *full_name = *scope ? pb_pool_join(c->p, scope, '.', name) : arena_string(&c->p->arena, name);
    if (!full_name)
        return pb_pool_no_memory(c->p);
    return symbol_put(c, kind, full_name, out);
}

static int collect_package(struct collect *c)
{
    const char *package = c->file->package;
    if (strlen(package) >= PB_NAME_MAX)
        return pb_pool_error(c->p, c->file, ERROR_LIMIT, "the package name is longer than %d bytes", PB_NAME_MAX);
    for (size_t i = 0, start = 0; *package; i++) {
        if (package[i] != '.' && package[i] != '\0')
            continue;
        if (!pb_is_identifier(package + start, i - start))
            return pb_pool_error(c->p, c->file, ERROR_INVALID, "\"%s\" is no package name", package);
        char *prefix = arena_string_n(&c->p->arena, package, i);
        if (!prefix)
            return pb_pool_no_memory(c->p);
        int rc = symbol_put(c, PB_SYMBOL_PACKAGE, prefix, NULL);
        if (rc)
            return rc;
        if (package[i] == '\0')
            break;
        start = i + 1;
    }
    return 0;
}

static int collect_enum(struct collect *c, const char *scope, const pb_enum_proto *proto)
{
    struct pb_symbol *s = NULL;
    int rc = symbol_new(c, c->file->foreign ? PB_SYMBOL_FOREIGN : PB_SYMBOL_ENUM, scope, proto->name, &s);
    if (!s)
        return rc;
    s->enum_proto = proto;
    if (!c->file->foreign)
        c->p->enum_count++;
    /* C++ scoping: an enum's values are siblings of the enum. */
    for (size_t i = 0; !rc && i < proto->n_value; i++)
        rc = symbol_new(c, PB_SYMBOL_ENUM_VALUE, scope, proto->value[i]->name, NULL);
    return rc;
}

static int collect_extensions(struct collect *c, const char *scope, pb_field_proto *const *protos, size_t count)
{
    int rc = 0;
    for (size_t i = 0; !rc && i < count; i++)
        rc = symbol_new(c, PB_SYMBOL_EXTENSION, scope, protos[i]->name, NULL);
    return rc;
}

static int collect_message(struct collect *c, const char *scope, const pb_message_proto *proto)
{
    struct pb_symbol *s = NULL;
    int rc = symbol_new(c, c->file->foreign ? PB_SYMBOL_FOREIGN : PB_SYMBOL_TYPE, scope, proto->name, &s);
    if (!s)
        return rc;
    s->message_proto = proto;
    if (!c->file->foreign)
        c->p->type_count++;
    for (size_t i = 0; !rc && i < proto->n_nested_type; i++)
        rc = collect_message(c, s->full_name, proto->nested_type[i]);
    for (size_t i = 0; !rc && i < proto->n_enum_type; i++)
        rc = collect_enum(c, s->full_name, proto->enum_type[i]);
    return rc ? rc : collect_extensions(c, s->full_name, proto->extension, proto->n_extension);
}

static int collect_service(struct collect *c, const pb_service_proto *proto)
{
    struct pb_symbol *s = NULL;
    int rc = symbol_new(c, PB_SYMBOL_SERVICE, c->file->package, proto->name, &s);
    if (!s)
        return rc;
    s->service_proto = proto;
    c->p->service_count++;
    for (size_t i = 0; !rc && i < proto->n_method; i++)
        rc = symbol_new(c, PB_SYMBOL_METHOD, s->full_name, proto->method[i]->name, NULL);
    return rc;
}

static int collect_file(struct collect *c)
{
    const pb_file_descriptor *d = c->file->descriptor;
    int rc = collect_package(c);
    for (size_t i = 0; !rc && i < d->n_message_type; i++)
        rc = collect_message(c, c->file->package, d->message_type[i]);
    for (size_t i = 0; !rc && i < d->n_enum_type; i++)
        rc = collect_enum(c, c->file->package, d->enum_type[i]);
    for (size_t i = 0; !rc && i < d->n_service; i++)
        rc = collect_service(c, d->service[i]);
    return rc ? rc : collect_extensions(c, c->file->package, d->extension, d->n_extension);
}

/* Symbols are numbered in the order they were entered, which is file order. */
static int number_entries(struct pb_pool *p)
{
    p->types = ARENA_NEW_N(&p->arena, struct pb_type_entry, p->type_count + 1);
    p->enums = ARENA_NEW_N(&p->arena, struct pb_enum_entry, p->enum_count + 1);
    p->services = ARENA_NEW_N(&p->arena, struct pb_service, p->service_count + 1);
    p->descriptors = ARENA_NEW_N(&p->arena, ProtobufCMessageDescriptor, p->type_count + 1);
    if (!p->types || !p->enums || !p->services || !p->descriptors)
        return pb_pool_no_memory(p);
    size_t types = 0, enums = 0, services = 0;
    for (struct map_entry *e = map_first(&p->symbols); e; e = map_next(e)) {
        struct pb_symbol *s = map_value(e);
        if (s->kind == PB_SYMBOL_TYPE) {
            struct pb_type_entry *t = &p->types[types];
            t->type.descriptor = &p->descriptors[types++];
            t->type.full_name = s->full_name;
            t->type.pool = p;
            t->proto = s->message_proto;
            t->file = s->file;
            s->entry = t;
        } else if (s->kind == PB_SYMBOL_ENUM) {
            struct pb_enum_entry *n = &p->enums[enums++];
            n->enumeration.full_name = s->full_name;
            n->proto = s->enum_proto;
            n->file = s->file;
            s->entry = n;
        } else if (s->kind == PB_SYMBOL_SERVICE) {
            struct pb_service *v = &p->services[services++];
            v->full_name = s->full_name;
            v->package = s->file->package;
            v->file = s->file->name;
            s->entry = v;
        }
    }
    return 0;
}

int pb_pool_collect(struct pb_pool *p)
{
    struct collect c = {.p = p};
    for (size_t i = 0; i < p->file_count; i++) {
        c.file = &p->files[i];
        int rc = collect_file(&c);
        if (rc)
            return rc;
    }
    return number_entries(p);
}
