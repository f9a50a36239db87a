#include "harrow/fakes/descriptor_files.h"

#include "wire/pb_wire.h"

/* Field numbers in google/protobuf/descriptor.proto. */
enum {
    SET_FILE = 1,
    FILE_NAME = 1,
    FILE_PACKAGE = 2,
    FILE_DEPENDENCY = 3,
    FILE_SERVICE = 6,
    FILE_SOURCE_INFO = 9,
    SERVICE_NAME = 1,
};

void descriptor_files_deinit(struct descriptor_files *f)
{
    for (size_t i = 0; i < f->files.count; i++) {
        array_deinit(&f->files.items[i]->imports);
        array_deinit(&f->files.items[i]->services);
    }
    array_deinit(&f->files);
    map_deinit(&f->by_name);
    arena_deinit(&f->arena);
}

static const char *text_of(struct descriptor_files *f, struct bytes b)
{
    return arena_string_n(&f->arena, (const char *)b.data, b.len);
}

static const char *service_name(struct bytes service, size_t *len)
{
    struct pb_reader r = {service.data, service.data + service.len};
    struct pb_item item;
    *len = 0;
    while (r.at < r.end && pb_item_next(&r, &item) == PB_FAULT_NONE)
        if (item.number == SERVICE_NAME && item.wire == PB_WIRE_BYTES) {
            *len = item.data.len;
            return (const char *)item.data.data;
        }
    return "";
}

/* 0, ERROR_SYNTAX or ERROR_MEMORY. */
static int read_file(struct descriptor_files *f, struct descriptor_file *file)
{
    ARRAY(struct bytes) services = {0};
    struct pb_reader r = {file->proto.data, file->proto.data + file->proto.len};
    bool ok = true;
    int code = 0;
    while (ok && code == 0 && r.at < r.end) {
        struct pb_item item;
        if (pb_item_next(&r, &item) != PB_FAULT_NONE)
            code = ERROR_SYNTAX;
        else if (item.wire != PB_WIRE_BYTES)
            continue; /* which imports are public, or weak */
        else if (item.number == FILE_NAME)
            ok = (file->name = text_of(f, item.data)) != NULL;
        else if (item.number == FILE_PACKAGE)
            ok = (file->package = text_of(f, item.data)) != NULL;
        else if (item.number == FILE_DEPENDENCY) {
            const char *import = text_of(f, item.data);
            ok = import != NULL && array_push(&file->imports, import);
        } else if (item.number == FILE_SERVICE)
            ok = array_push(&services, item.data);
    }
    for (size_t i = 0; ok && code == 0 && i < services.count; i++) {
        size_t len;
        const char *name = service_name(services.items[i], &len);
        const char *package = file->package != NULL ? file->package : "";
        const char *full = arena_printf(&f->arena, "%s%s%.*s", package, package[0] != '\0' ? "." : "", (int)len, name);
        ok = full != NULL && array_push(&file->services, full);
    }
    array_deinit(&services);
    return ok ? code : ERROR_MEMORY;
}

static int add_file(struct descriptor_files *f, struct bytes proto)
{
    struct descriptor_file *file = ARENA_NEW(&f->arena, struct descriptor_file);
    if (file == NULL)
        return ERROR_MEMORY;
    *file = (struct descriptor_file){.proto = proto};
    int code = read_file(f, file);
    bool known = code == 0 && file->name != NULL && map_get(&f->by_name, file->name) != NULL;
    if (code == 0 && file->name == NULL)
        code = ERROR_SYNTAX;
    if (code == 0 && !known)
        code = map_put(&f->by_name, file->name, file) && array_push(&f->files, file) ? 0 : ERROR_MEMORY;
    if (code != 0 || known) {
        array_deinit(&file->imports);
        array_deinit(&file->services);
    }
    return code;
}

int descriptor_files_add(struct descriptor_files *f, struct bytes set, const char *name, struct error *err)
{
    struct pb_reader r = {set.data, set.data + set.len};
    int code = 0;
    while (code == 0 && r.at < r.end) {
        struct pb_item item;
        if (pb_item_next(&r, &item) != PB_FAULT_NONE || item.number != SET_FILE || item.wire != PB_WIRE_BYTES)
            code = ERROR_SYNTAX;
        else
            code = add_file(f, item.data);
    }
    if (code == ERROR_SYNTAX)
        return error_set(err, code, "%s is no serialised google.protobuf.FileDescriptorSet (protoc -o FILE makes one)",
                         name);
    return code == 0 ? 0 : error_set(err, code, "out of memory");
}

/* Marks what the marked ones import, until there is nothing more: no recursion on what a file says. */
static void want_imports(struct descriptor_files *f)
{
    bool more = true;
    while (more) {
        more = false;
        for (size_t i = 0; i < f->files.count; i++) {
            const struct descriptor_file *one = f->files.items[i];
            for (size_t k = 0; one->wanted && k < one->imports.count; k++) {
                struct descriptor_file *import = map_get(&f->by_name, one->imports.items[k]);
                if (import != NULL && !import->wanted)
                    more = import->wanted = true;
            }
        }
    }
}

/* Whether methods may have paths of google.api.http: what is wrong with one is told with its place. */
static bool has_paths(struct bytes proto)
{
    static const uint8_t tag[] = {0x82, 0xd3, 0xe4, 0x93, 0x2}; /* of field 72295728 */
    return memmem(proto.data, proto.len, tag, sizeof tag) != NULL;
}

/* The bytes between two items are copied as they are, without the source info. */
static void put_file(struct bytes proto, struct text *out)
{
    struct pb_reader r = {proto.data, proto.data + proto.len};
    size_t size = proto.len;
    const uint8_t *cut = NULL, *cut_end = NULL;
    while (r.at < r.end) {
        const uint8_t *from = r.at;
        struct pb_item item;
        if (pb_item_next(&r, &item) != PB_FAULT_NONE)
            break;
        if (item.number == FILE_SOURCE_INFO && cut == NULL && !has_paths(proto)) {
            cut = from;
            cut_end = r.at;
            size -= (size_t)(cut_end - cut);
        }
    }
    uint8_t length[10];
    text_char(out, (char)(SET_FILE << 3 | PB_WIRE_BYTES));
    text_add(out, length, pb_varint_write(length, size));
    if (cut == NULL) {
        text_add(out, proto.data, proto.len);
        return;
    }
    text_add(out, proto.data, (size_t)(cut - proto.data));
    text_add(out, cut_end, (size_t)(proto.data + proto.len - cut_end));
}

int descriptor_files_set(struct descriptor_files *f, struct text *out)
{
    want_imports(f);
    for (size_t i = 0; i < f->files.count; i++)
        if (f->files.items[i]->wanted)
            put_file(f->files.items[i]->proto, out);
    return text_ok(out) ? 0 : ERROR_MEMORY;
}
