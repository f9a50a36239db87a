/* Which files of a server can be used, and the set of them. A file cannot when no pool takes it, and when it has a
 * field or a method of a type that no file has which can be used. A type comes from a file that is imported, so imports
 * are judged first, and every file once. */
#include "rpc/reflect_files.h"

#include "wire/pb.h"

#include <string.h>

/* Imports of imports that are followed; a file further down is judged where it is met again. */
#define IMPORTS_DEEP 256

typedef Google__Protobuf__DescriptorProto message_proto;
typedef Google__Protobuf__EnumDescriptorProto enum_proto;

/* Everything of one look at all files. */
struct judging {
    struct reflect_files *files;
    struct arena arena;
    struct map types; /* "pkg.Type" -> the struct reflect_file it is in */
    int code;
};

/* Unpacked they are many times as large: nobody needs that once they are judged. */
static void drop_unpacked(struct reflect_files *f)
{
    for (struct map_entry *e = map_first(&f->by_name); e; e = map_next(e)) {
        struct reflect_file *file = map_value(e);
        file->unpacked = NULL;
        arena_deinit(&file->unpacked_in);
    }
}

void reflect_files_deinit(struct reflect_files *f)
{
    drop_unpacked(f);
    map_deinit(&f->by_name);
    map_deinit(&f->faults);
    arena_deinit(&f->arena);
}

/* ---- types ------------------------------------------------------------------------------------------------------ */

static const char *joined(struct judging *j, const char *package, const char *name)
{
    package = package ? package : "";
    const char *full = arena_printf(&j->arena, "%s%s%s", package, *package ? "." : "", name ? name : "");
    if (!full)
        j->code = ERROR_MEMORY;
    return full;
}

static void add_type(struct judging *j, const char *full, struct reflect_file *file)
{
    if (full && !map_put(&j->types, full, file))
        j->code = ERROR_MEMORY;
}

static void add_enums(struct judging *j, const char *in, enum_proto *const *enums, size_t count,
                      struct reflect_file *file)
{
    for (size_t i = 0; i < count && j->code == 0; i++)
        add_type(j, joined(j, in, enums[i]->name), file);
}

/* As deep as what was unpacked, which has a limit. */
static void add_messages(struct judging *j, const char *in, message_proto *const *messages, size_t count,
                         struct reflect_file *file)
{
    for (size_t i = 0; i < count && j->code == 0; i++) {
        const message_proto *m = messages[i];
        const char *full = joined(j, in, m->name);
        add_type(j, full, file);
        add_messages(j, full, m->nested_type, m->n_nested_type, file);
        add_enums(j, full, m->enum_type, m->n_enum_type, file);
    }
}

static void add_file(struct judging *j, struct reflect_file *file)
{
    ProtobufCMessage *m = NULL;
    if (!file->unpacked && pb_unpack(&google__protobuf__file_descriptor_proto__descriptor, file->proto,
                                     &file->unpacked_in, &m, NULL) != 0) {
        j->code = ERROR_MEMORY; /* it could be unpacked when it came */
        return;
    }
    const file_proto *proto = file->unpacked = file->unpacked ? file->unpacked : (const void *)m;
    add_messages(j, proto->package, proto->message_type, proto->n_message_type, file);
    add_enums(j, proto->package, proto->enum_type, proto->n_enum_type, file);
}

/* ---- who uses them ---------------------------------------------------------------------------------------------- */

/* True: the file cannot be used, and says so. Names that do not begin with a dot are left to the pool. */
static bool is_missing(struct judging *j, struct reflect_file *file, const char *type)
{
    if (!type || *type != '.' || j->code != 0)
        return false;
    const struct reflect_file *from = map_get(&j->types, type + 1);
    if (from && (from == file || !from->barred))
        return false;
    file->fault = from ? arena_printf(&j->files->arena, "%.*s uses %.*s: %.*s", NAME_SHOWN, file->name, NAME_SHOWN,
                                      type + 1, NAME_SHOWN, from->barred)
                       : arena_printf(&j->files->arena, "%.*s uses %.*s, which the server does not describe",
                                      NAME_SHOWN, file->name, NAME_SHOWN, type + 1);
    if (!file->fault)
        j->code = ERROR_MEMORY;
    return true;
}

static bool fields_miss(struct judging *j, struct reflect_file *file,
                        Google__Protobuf__FieldDescriptorProto *const *fields, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (is_missing(j, file, fields[i]->type_name))
            return true;
    return false;
}

static bool messages_miss(struct judging *j, struct reflect_file *file, message_proto *const *messages, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (fields_miss(j, file, messages[i]->field, messages[i]->n_field) ||
            messages_miss(j, file, messages[i]->nested_type, messages[i]->n_nested_type))
            return true;
    return false;
}

static void services_miss(struct judging *j, struct reflect_file *file, const file_proto *proto)
{
    for (size_t i = 0; i < proto->n_service; i++)
        for (size_t k = 0; k < proto->service[i]->n_method; k++)
            if (is_missing(j, file, proto->service[i]->method[k]->input_type) ||
                is_missing(j, file, proto->service[i]->method[k]->output_type))
                return;
}

/* ---- all files -------------------------------------------------------------------------------------------------- */

static void leave_out_services(struct judging *j, const struct reflect_file *file, const file_proto *proto)
{
    char *why = arena_printf(&j->files->arena, "its file %s", file->fault);
    if (!why)
        j->code = ERROR_MEMORY;
    for (size_t i = 0; j->code == 0 && i < proto->n_service; i++) {
        const char *full = joined(j, proto->package, proto->service[i]->name);
        if (full && !map_put(&j->files->faults, full, why))
            j->code = ERROR_MEMORY;
    }
}

static void judge(struct judging *j, struct reflect_file *file, int deep)
{
    const file_proto *proto = file->unpacked;
    if (file->judged || !proto || j->code != 0)
        return;
    file->judged = true; /* also against circles, which the pool refuses */
    for (size_t i = 0; deep < IMPORTS_DEEP && i < proto->n_dependency; i++) {
        struct reflect_file *import = map_get(&j->files->by_name, proto->dependency[i]);
        if (import)
            judge(j, import, deep + 1);
    }
    bool proto2 = !proto->syntax || !*proto->syntax || strcmp(proto->syntax, "proto2") == 0;
    const char *fault = pb_file_fault(&proto->base), *why = fault ? fault : proto2 ? "is of proto2" : NULL;
    if (why && !(file->barred = arena_printf(&j->files->arena, "%.*s %s", NAME_SHOWN, file->name, why)))
        j->code = ERROR_MEMORY;
    file->fault = fault ? file->barred : NULL;
    if (!why && !messages_miss(j, file, proto->message_type, proto->n_message_type))
        services_miss(j, file, proto);
    file->barred = file->barred ? file->barred : file->fault;
    if (file->fault && j->code == 0)
        leave_out_services(j, file, proto);
}

static int judge_all(struct reflect_files *f)
{
    struct judging j = {.files = f};
    for (struct map_entry *e = map_first(&f->by_name); e && j.code == 0; e = map_next(e)) {
        struct reflect_file *file = map_value(e);
        file->judged = false;
        file->fault = file->barred = NULL;
        if (file->proto.data)
            add_file(&j, file);
    }
    for (struct map_entry *e = map_first(&f->by_name); e && j.code == 0; e = map_next(e))
        judge(&j, map_value(e), 0);
    drop_unpacked(f);
    map_deinit(&j.types);
    arena_deinit(&j.arena);
    return j.code;
}

const char *reflect_files_fault(const struct reflect_files *f, const char *service)
{
    return map_get(&f->faults, service);
}

/* ---- the set ---------------------------------------------------------------------------------------------------- */

static void put_length_field(struct text *out, uint8_t tag, struct bytes data)
{
    uint8_t length[10];
    text_add(out, &tag, 1);
    text_add(out, length, pb_varint_write(length, data.len));
    text_add(out, data.data, data.len);
}

/* FileDescriptorSet.file is field 1; of a FileDescriptorProto, name is 1 and syntax 12. */
int reflect_files_set(struct reflect_files *f, struct text *out)
{
    if (judge_all(f) != 0)
        return ERROR_MEMORY;
    for (const struct map_entry *e = map_first(&f->by_name); e; e = map_next(e)) {
        const struct reflect_file *file = map_value(e);
        struct text empty = TEXT_INIT;
        bool whole = file->proto.data && !file->fault;
        if (!whole) {
            put_length_field(&empty, 1 << 3 | 2, bytes_of(file->name));
            put_length_field(&empty, 12 << 3 | 2, bytes_of("proto3"));
        }
        put_length_field(out, 1 << 3 | 2, whole ? file->proto : text_bytes(&empty));
        bool ok = text_ok(&empty);
        text_deinit(&empty);
        if (!ok)
            return ERROR_MEMORY;
    }
    return text_ok(out) ? 0 : ERROR_MEMORY;
}
