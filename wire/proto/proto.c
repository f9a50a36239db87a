/* Files and what they import, in order, to one set. */
#include "wire/proto/internal.h"

#include "base/utf8.h"
#include "wire/pb.h"

#include <stdlib.h>
#include <string.h>

#define IMPORT_DEPTH_MAX 128 /* files that import each other in a row */

struct compilation {
    const struct proto_source *source;
    struct arena arena;
    struct proto_linker linker;
    struct map units;                 /* name -> struct proto_unit */
    ARRAY(struct proto_unit *) order; /* what is imported comes first */
    int depth;
};

/* ---- the files that come with the language ---- */

#define BUILTIN(symbol, folder, file)                                                                                  \
    __asm__(".section .rodata\n.balign 16\n" #symbol ":\n.incbin \"" folder "/google/" file "\"\n" #symbol             \
            "_end:\n.byte 0\n.previous\n");                                                                            \
    extern const char symbol[] __attribute__((visibility("hidden")));                                                  \
    extern const char symbol##_end[] __attribute__((visibility("hidden")));

BUILTIN(proto_builtin_feature_set, PROTO_BUILTIN_OWN, "protobuf/feature_set.proto")
BUILTIN(proto_builtin_annotations, PROTO_BUILTIN_OWN, "api/annotations.proto")
BUILTIN(proto_builtin_http, PROTO_BUILTIN_OWN, "api/http.proto")
BUILTIN(proto_builtin_any, PROTO_BUILTIN_DIR, "protobuf/any.proto")
BUILTIN(proto_builtin_api, PROTO_BUILTIN_DIR, "protobuf/api.proto")
BUILTIN(proto_builtin_descriptor, PROTO_BUILTIN_DIR, "protobuf/descriptor.proto")
BUILTIN(proto_builtin_duration, PROTO_BUILTIN_DIR, "protobuf/duration.proto")
BUILTIN(proto_builtin_empty, PROTO_BUILTIN_DIR, "protobuf/empty.proto")
BUILTIN(proto_builtin_field_mask, PROTO_BUILTIN_DIR, "protobuf/field_mask.proto")
BUILTIN(proto_builtin_source_context, PROTO_BUILTIN_DIR, "protobuf/source_context.proto")
BUILTIN(proto_builtin_struct, PROTO_BUILTIN_DIR, "protobuf/struct.proto")
BUILTIN(proto_builtin_timestamp, PROTO_BUILTIN_DIR, "protobuf/timestamp.proto")
BUILTIN(proto_builtin_type, PROTO_BUILTIN_DIR, "protobuf/type.proto")
BUILTIN(proto_builtin_wrappers, PROTO_BUILTIN_DIR, "protobuf/wrappers.proto")

static bool builtin(const char *name, struct text *out)
{
#define FILE_OF(folder, what)                                                                                          \
    {                                                                                                                  \
        "google/" folder "/" #what ".proto", proto_builtin_##what, proto_builtin_##what##_end                          \
    }
    static const struct {
        const char *name, *start, *end;
    } files[] = {FILE_OF("api", annotations),
                 FILE_OF("api", http),
                 FILE_OF("protobuf", any),
                 FILE_OF("protobuf", api),
                 FILE_OF("protobuf", descriptor),
                 FILE_OF("protobuf", duration),
                 FILE_OF("protobuf", empty),
                 FILE_OF("protobuf", field_mask),
                 FILE_OF("protobuf", source_context),
                 FILE_OF("protobuf", struct),
                 FILE_OF("protobuf", type),
                 FILE_OF("protobuf", timestamp),
                 FILE_OF("protobuf", wrappers)};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        if (strcmp(name, files[i].name) == 0) {
            text_add(out, files[i].start, (size_t)(files[i].end - files[i].start));
            return true;
        }
    return false;
}

/* ---- one file ---- */

static int no_memory(struct compilation *c)
{
    return error_set(c->linker.err, ERROR_MEMORY, "out of memory");
}

/* Everything in a descriptor is text, comments too. */
static int check_text(struct compilation *c, struct proto_unit *unit)
{
    struct bytes content = text_bytes(&unit->content);
    const uint8_t *zero = content.len > 0 ? memchr(content.data, 0, content.len) : NULL;
    size_t bad = utf8_bad_offset(content);
    if (zero != NULL && (size_t)(zero - content.data) < bad)
        bad = (size_t)(zero - content.data);
    if (bad == content.len)
        return 0;
    int line = 1, column = 1;
    for (size_t i = 0; i < bad; i++) {
        column = content.data[i] == '\n' ? 1 : column + 1;
        line += content.data[i] == '\n';
    }
    return error_set_at(c->linker.err, ERROR_SYNTAX, unit->shown, line, column, "byte 0x%02x is no text in UTF-8",
                        content.data[bad]);
}

static int read_file(struct compilation *c, struct proto_unit *unit)
{
    struct error missing = ERROR_INIT;
    int code = ERROR_NOT_FOUND;
    if (c->source != NULL)
        code = c->source->open(c->source->arg, unit->name, &unit->content, &unit->shown, &missing);
    if (code == ERROR_NOT_FOUND && builtin(unit->name, &unit->content)) {
        unit->builtin = true;
        code = 0;
    }
    if (code == 0 && !text_ok(&unit->content))
        code = no_memory(c);
    else if (code == 0 && unit->content.len > PROTO_FILE_MAX)
        code = error_set(c->linker.err, ERROR_LIMIT, "%s: a .proto file may have %zu MiB", unit->shown,
                         PROTO_FILE_MAX >> 20);
    else if (code != 0 && missing.code == 0)
        error_set(c->linker.err, code, "there is no file \"%s\"", unit->name);
    else if (code != 0)
        error_move(c->linker.err, &missing);
    error_clear(&missing);
    return code != 0 ? code : check_text(c, unit);
}

static int compile(struct compilation *c, const char *name, struct proto_unit **out);

static int compile_imports(struct compilation *c, struct proto_unit *unit)
{
    for (size_t i = 0; i < unit->file->n_dependency; i++) {
        const char *name = unit->file->dependency[i];
        const struct token *at = &unit->import_places.items[i];
        struct proto_unit *import = map_get(&c->units, name);
        if (import != NULL && import->open)
            return proto_error(c->linker.err, unit, at, "\"%s\" imports this file in turn: a circle", name);
        int code = import != NULL ? 0 : compile(c, name, &import);
        if (code == ERROR_NOT_FOUND)
            return proto_error(c->linker.err, unit, at, "there is no file \"%s\" to import", name);
        if (code != 0)
            return code;
        if (!array_push(&unit->imports, import))
            return no_memory(c);
    }
    return 0;
}

/* What files of editions choose from, where no file defines it. */
static int define_features(struct compilation *c)
{
    struct proto_unit *unit = ARENA_NEW(&c->arena, struct proto_unit);
    if (map_get(&c->linker.symbols, "google.protobuf.FeatureSet") != NULL)
        return 0;
    if (unit == NULL || !map_put(&c->units, "", unit))
        return no_memory(c);
    unit->name = unit->shown = "google/protobuf/feature_set.proto";
    unit->hidden = true;
    text_add(&unit->content, proto_builtin_feature_set,
             (size_t)(proto_builtin_feature_set_end - proto_builtin_feature_set));
    if (!text_ok(&unit->content))
        return no_memory(c);
    int code = proto_parse(&c->arena, unit, c->linker.err);
    return code == 0 ? proto_link(&c->linker, unit) : code;
}

static int compile(struct compilation *c, const char *name, struct proto_unit **out)
{
    struct proto_unit *unit = ARENA_NEW(&c->arena, struct proto_unit);
    if (unit == NULL || (unit->name = arena_string(&c->arena, name)) == NULL || !map_put(&c->units, name, unit))
        return no_memory(c);
    unit->shown = unit->name;
    if (map_count(&c->units) > PROTO_FILES_MAX || c->depth == IMPORT_DEPTH_MAX)
        return error_set(c->linker.err, ERROR_LIMIT, "%s: more than %d files, or %d that import each other in a row",
                         name, PROTO_FILES_MAX, IMPORT_DEPTH_MAX);
    int code = read_file(c, unit);
    if (code != 0)
        return code;
    if ((code = proto_parse(&c->arena, unit, c->linker.err)) != 0)
        return code;
    unit->open = true;
    c->depth++;
    code = compile_imports(c, unit);
    c->depth--;
    unit->open = false;
    if (code == 0 && unit->edition != 0)
        code = define_features(c);
    if (code == 0)
        code = proto_link(&c->linker, unit);
    if (code == 0 && !array_push(&c->order, unit))
        code = no_memory(c);
    *out = unit;
    return code;
}

/* ---- the set ---- */

static int pack(struct compilation *c, struct text *set)
{
    Google__Protobuf__FileDescriptorSet files = GOOGLE__PROTOBUF__FILE_DESCRIPTOR_SET__INIT;
    ARRAY(proto_file *) list = {0};
    bool ok = array_reserve(&list, c->order.count + 1);
    for (size_t i = 0; ok && i < c->order.count; i++)
        ok = array_push(&list, c->order.items[i]->file);
    files.file = list.items;
    files.n_file = list.count;
    int code = ok ? pb_pack(&files.base, set) : ERROR_MEMORY;
    array_deinit(&list);
    return code != 0 || !text_ok(set) ? no_memory(c) : 0;
}

static void compilation_deinit(struct compilation *c)
{
    for (struct map_entry *e = map_first(&c->units); e != NULL; e = map_next(e)) {
        struct proto_unit *unit = map_value(e);
        text_deinit(&unit->content);
        array_deinit(&unit->symbols);
        array_deinit(&unit->references);
        array_deinit(&unit->options);
        array_deinit(&unit->import_places);
        array_deinit(&unit->imports);
    }
    map_deinit(&c->units);
    map_deinit(&c->linker.symbols);
    map_deinit(&c->linker.features);
    array_deinit(&c->order);
    arena_deinit(&c->arena);
}

int proto_compile(const struct proto_source *source, const char *const *names, struct text *set, struct error *err)
{
    struct error own = ERROR_INIT;
    struct compilation c = {.source = source, .linker = {.err = err != NULL ? err : &own}};
    c.linker.arena = &c.arena;
    int code = 0;
    for (size_t i = 0; code == 0 && names[i] != NULL; i++) {
        struct proto_unit *unit = map_get(&c.units, names[i]);
        code = unit != NULL ? 0 : compile(&c, names[i], &unit);
    }
    if (code == 0)
        code = pack(&c, set);
    compilation_deinit(&c);
    error_clear(&own);
    return code;
}

struct one_text {
    const char *name;
    struct bytes content;
};

static int open_one(void *arg, const char *name, struct text *out, const char **shown, struct error *err)
{
    const struct one_text *one = arg;
    (void)shown;
    (void)err;
    if (strcmp(name, one->name) != 0)
        return ERROR_NOT_FOUND;
    text_add(out, one->content.data, one->content.len);
    return 0;
}

int proto_compile_text(const char *name, struct bytes content, struct text *set, struct error *err)
{
    struct one_text one = {name, content};
    struct proto_source source = {open_one, &one};
    return proto_compile(&source, (const char *const[]){name, NULL}, set, err);
}
