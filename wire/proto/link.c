/* Names to what they mean, over all files: every definition goes into one table, then every use is looked up as C++
 * does it, from the innermost scope outwards. */
#include "wire/proto/features.h"

#include <stdarg.h>
#include <string.h>

enum { TYPE_GROUP = 10, TYPE_MESSAGE = 11, TYPE_ENUM = 14 };

int proto_error(struct error *err, const struct proto_unit *unit, const struct token *place, const char *format, ...)
{
    struct text message = TEXT_INIT;
    va_list args;
    va_start(args, format);
    text_vprintf(&message, format, args);
    va_end(args);
    int code =
        error_set_at(err, ERROR_INVALID, unit->shown, place->line + 1, place->column + 1, "%s", text_string(&message));
    text_deinit(&message);
    return code;
}

static int no_memory(struct proto_linker *l)
{
    return error_set(l->err, ERROR_MEMORY, "out of memory");
}

/* ---- definitions ---- */

static int define(struct proto_linker *l, struct proto_unit *unit, struct proto_symbol *s)
{
    const struct proto_symbol *other = map_get(&l->symbols, s->full_name);
    if (other == NULL)
        return map_put(&l->symbols, s->full_name, s) ? 0 : no_memory(l);
    if (other->kind == SYMBOL_PACKAGE && s->kind == SYMBOL_PACKAGE)
        return 0;
    if (other->unit->hidden)
        return map_put(&l->symbols, s->full_name, s) ? 0 : no_memory(l);
    if (s->kind == SYMBOL_VALUE && other->unit == unit)
        return proto_error(l->err, unit, &s->place,
                           "\"%s\" is defined in line %d already; an enum's values stand beside it, not in it",
                           s->full_name, other->place.line + 1);
    return proto_error(l->err, unit, &s->place, "\"%s\" is defined in %s:%d already", s->full_name, other->unit->shown,
                       other->place.line + 1);
}

/* ---- what a file sees ---- */

/* Itself, its imports, and what these import publicly. Marks them with the number of this walk. */
static void mark_public(struct proto_unit *unit, unsigned walk)
{
    const proto_file *f = unit->file;
    for (size_t i = 0; i < f->n_public_dependency; i++) {
        struct proto_unit *next = unit->imports.items[f->public_dependency[i]];
        if (next->seen == walk)
            continue;
        next->seen = walk;
        mark_public(next, walk); /* imports have no circles */
    }
}

static void mark_visible(struct proto_linker *l, struct proto_unit *unit)
{
    unit->seen = ++l->walk;
    for (size_t i = 0; i < unit->imports.count; i++) {
        struct proto_unit *next = unit->imports.items[i];
        if (next->seen == l->walk)
            continue;
        next->seen = l->walk;
        mark_public(next, l->walk);
    }
}

/* Packages are everybody's; anything else is seen by its file's importers. */
static const struct proto_symbol *visible(struct proto_linker *l, const char *name)
{
    const struct proto_symbol *s = map_get(&l->symbols, name);
    return s != NULL && (s->kind == SYMBOL_PACKAGE || s->unit->seen == l->walk) ? s : NULL;
}

static bool holds_names(const struct proto_symbol *s)
{
    return s->kind == SYMBOL_PACKAGE || s->kind == SYMBOL_MESSAGE || s->kind == SYMBOL_ENUM ||
           s->kind == SYMBOL_SERVICE;
}

/* The first part of the name is looked for in each scope outwards; where it is found, the rest has to be. */
static const struct proto_symbol *look_up(struct proto_linker *l, const char *from, const char *name, bool types_only,
                                          struct text *tried)
{
    if (name[0] == '.')
        return visible(l, name + 1);
    size_t first = strcspn(name, ".");
    size_t scope = strlen(from);
    for (;;) {
        text_clear(tried);
        text_printf(tried, "%.*s%s%.*s", (int)scope, from, scope > 0 ? "." : "", (int)first, name);
        if (!text_ok(tried))
            return NULL;
        const struct proto_symbol *s = visible(l, text_string(tried));
        if (s != NULL && name[first] == '\0' && (!types_only || s->kind == SYMBOL_MESSAGE || s->kind == SYMBOL_ENUM))
            return s;
        if (s != NULL && name[first] != '\0' && holds_names(s)) {
            text_puts(tried, name + first);
            return visible(l, text_string(tried));
        }
        if (scope == 0)
            return NULL;
        while (scope > 0 && from[--scope] != '.') {
        }
    }
}

const struct proto_symbol *proto_look_up(struct proto_linker *l, const char *scope, const char *name)
{
    struct text tried = TEXT_INIT;
    const struct proto_symbol *s = look_up(l, scope, name, false, &tried);
    if (!text_ok(&tried)) {
        no_memory(l);
        s = NULL;
    }
    text_deinit(&tried);
    return s;
}

/* ---- uses ---- */

static int unknown_type(struct proto_linker *l, struct proto_unit *unit, const struct proto_reference *r)
{
    const char *name = *r->name;
    const struct proto_symbol *elsewhere = map_get(&l->symbols, name[0] == '.' ? name + 1 : name);
    const char *last = strrchr(name, '.');
    last = last != NULL ? last + 1 : name;
    if (elsewhere != NULL && elsewhere->kind != SYMBOL_PACKAGE)
        return proto_error(l->err, unit, &r->place, "\"%s\" is defined in \"%s\", which this file does not import",
                           name, elsewhere->unit->name);
    for (struct map_entry *e = map_first(&l->symbols); e != NULL; e = map_next(e)) {
        const struct proto_symbol *s = map_value(e);
        const char *end = strrchr(s->full_name, '.');
        if ((s->kind == SYMBOL_MESSAGE || s->kind == SYMBOL_ENUM) &&
            strcmp(end != NULL ? end + 1 : s->full_name, last) == 0)
            return proto_error(l->err, unit, &r->place, "there is no type \"%s\" here; did you mean \"%s\" of \"%s\"?",
                               name, s->full_name, s->unit->name);
    }
    return proto_error(l->err, unit, &r->place, "there is no type \"%s\"", name);
}

static int check_default(struct proto_linker *l, struct proto_unit *unit, const struct proto_reference *r,
                         const struct proto_symbol *s)
{
    if (r->default_value == NULL)
        return 0;
    if (s->kind != SYMBOL_ENUM)
        return proto_error(l->err, unit, &r->place, "a message has no default");
    for (size_t i = 0; i < s->enumeration->n_value; i++)
        if (strcmp(s->enumeration->value[i]->name, r->default_value) == 0)
            return 0;
    return proto_error(l->err, unit, &r->place, "enum \"%s\" has no value \"%s\" for the default", s->full_name,
                       r->default_value);
}

static int check_extendee(struct proto_linker *l, struct proto_unit *unit, const struct proto_reference *r,
                          const struct proto_symbol *s, int32_t number)
{
    static const char options[] = "google.protobuf.";
    if (unit->proto3 && strncmp(s->full_name, options, sizeof options - 1) != 0)
        return proto_error(l->err, unit, &r->place, "proto3 may extend the options of google.protobuf only");
    for (size_t i = 0; i < s->message->n_extension_range; i++)
        if (number >= s->message->extension_range[i]->start && number < s->message->extension_range[i]->end)
            return 0;
    return proto_error(l->err, unit, &r->place, "\"%s\" has set aside no range for extension %d", s->full_name, number);
}

static int resolve(struct proto_linker *l, struct proto_unit *unit, const struct proto_reference *r)
{
    struct text tried = TEXT_INIT;
    const struct proto_symbol *s = look_up(l, r->scope, *r->name, true, &tried);
    bool memory = text_ok(&tried);
    text_deinit(&tried);
    if (!memory)
        return no_memory(l);
    if (s == NULL)
        return unknown_type(l, unit, r);
    if (s->kind != SYMBOL_MESSAGE && s->kind != SYMBOL_ENUM)
        return proto_error(l->err, unit, &r->place, "\"%s\" is no type", s->full_name);
    if (r->field == NULL && s->kind != SYMBOL_MESSAGE)
        return proto_error(l->err, unit, &r->place, "\"%s\" is an enum: a message is expected", s->full_name);
    if (r->map_key)
        return proto_error(l->err, unit, &r->place, "a map's key is an integer, a bool or a string");
    if (r->field != NULL) {
        r->field->has_type = true;
        r->field->type =
            (Google__Protobuf__FieldDescriptorProto__Type)(s->kind == SYMBOL_ENUM ? TYPE_ENUM : TYPE_MESSAGE);
        if (unit->proto3 && s->kind == SYMBOL_ENUM && !proto_enum_is_open(l, s) && !s->unit->builtin)
            return proto_error(l->err, unit, &r->place,
                               "enum \"%s\" is %s, which keeps unknown values apart: a proto3 message cannot hold it",
                               s->full_name, s->unit->edition != 0 ? "closed" : "proto2's");
    }
    *r->name = arena_printf(l->arena, ".%s", s->full_name);
    if (*r->name == NULL)
        return no_memory(l);
    return r->field != NULL ? check_default(l, unit, r, s) : 0;
}

int proto_link(struct proto_linker *l, struct proto_unit *unit)
{
    int code = 0;
    if (map_count(&l->symbols) + unit->symbols.count > PROTO_SYMBOLS_MAX)
        return error_set(l->err, ERROR_LIMIT, "%s: more than %d names in one set", unit->shown, PROTO_SYMBOLS_MAX);
    for (size_t i = 0; code == 0 && i < unit->symbols.count; i++)
        code = define(l, unit, &unit->symbols.items[i]);
    mark_visible(l, unit);
    for (size_t i = 0; code == 0 && i < unit->references.count; i++) {
        const struct proto_reference *r = &unit->references.items[i];
        code = resolve(l, unit, r);
        if (code == 0 && r->extendee)
            code = check_extendee(l, unit, r, map_get(&l->symbols, *r->name + 1), r->extension->number);
    }
    if (code == 0)
        code = proto_interpret(l, unit);
    unit->linked = code == 0;
    return code;
}
