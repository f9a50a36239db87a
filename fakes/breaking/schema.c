#include "fakes/breaking/schema.h"

#include <stdlib.h>
#include <string.h>

#define PATH_MAX_LEN 256 /* numbers in a path: twice the levels of messages that the decoder lets pass */

enum {
    GROUP = GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_GROUP,
    MESSAGE = GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_MESSAGE
};

/* ---- features ---- */

static const ProtobufCMessageUnknownField *unknown(const ProtobufCMessage *m, uint32_t tag)
{
    const ProtobufCMessageUnknownField *last = NULL;
    for (unsigned i = 0; m != NULL && i < m->n_unknown_fields; i++)
        if (m->unknown_fields[i].tag == tag)
            last = &m->unknown_fields[i];
    return last;
}

/* The bytes of an embedded message; protobuf-c keeps its length prefix. */
static struct bytes embedded(const ProtobufCMessageUnknownField *f)
{
    uint64_t len = 0;
    if (f == NULL || f->wire_type != PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED)
        return BYTES("", 0);
    size_t head = pb_varint_read(BYTES(f->data, f->len), &len);
    return head > 0 && len <= f->len - head ? BYTES(f->data + head, (size_t)len) : BYTES("", 0);
}

/* One step over a message's fields: the value of a varint, the content of a length-prefixed one. */
static bool next_field(struct bytes *in, uint32_t *number, uint64_t *value, struct bytes *content)
{
    uint64_t tag;
    size_t n = pb_varint_read(*in, &tag);
    if (n == 0)
        return false;
    *in = BYTES(in->data + n, in->len - n);
    *number = (uint32_t)(tag >> 3);
    *value = 0;
    *content = BYTES("", 0);
    if ((tag & 7) != PROTOBUF_C_WIRE_TYPE_VARINT && (tag & 7) != PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED)
        return false;
    n = pb_varint_read(*in, value);
    if (n == 0)
        return false;
    *in = BYTES(in->data + n, in->len - n);
    if ((tag & 7) == PROTOBUF_C_WIRE_TYPE_VARINT)
        return true;
    if (*value > in->len)
        return false;
    *content = BYTES(in->data, (size_t)*value);
    *in = BYTES(in->data + *value, in->len - (size_t)*value);
    return true;
}

/* Extensions pb.cpp (1000) and pb.java (1001) of FeatureSet; in both the second field is what is asked for here. */
static void read_language(struct bytes in, uint8_t *out)
{
    uint32_t number;
    uint64_t value;
    struct bytes content;
    while (next_field(&in, &number, &value, &content))
        if (number == 2)
            *out = (uint8_t)value;
}

static void read_features(struct bytes in, struct schema_features *f)
{
    uint32_t number;
    uint64_t value;
    struct bytes content;
    while (next_field(&in, &number, &value, &content))
        switch (number) {
        case 1:
            f->presence = (uint8_t)value;
            break;
        case 2:
            f->enum_type = (uint8_t)value;
            break;
        case 4:
            f->utf8 = (uint8_t)value;
            break;
        case 5:
            f->encoding = (uint8_t)value;
            break;
        case 6:
            f->json = (uint8_t)value;
            break;
        case 1000:
            read_language(content, &f->cpp_string);
            break;
        case 1001:
            read_language(content, &f->java_utf8);
            break;
        default:
            break;
        }
}

/* `tag` is where that kind of options keeps its features. */
static struct schema_features inherit(struct schema_features from, const ProtobufCMessage *options, uint32_t tag)
{
    read_features(embedded(unknown(options, tag)), &from);
    return from;
}

static int file_edition(const schema_file_proto *f)
{
    if (f->syntax != NULL && strcmp(f->syntax, "proto3") == 0)
        return 3;
    const ProtobufCMessageUnknownField *edition = unknown(&f->base, 14);
    if (f->syntax == NULL || strcmp(f->syntax, "editions") != 0 || edition == NULL)
        return 2;
    uint64_t value = 0;
    pb_varint_read(BYTES(edition->data, edition->len), &value);
    return value >= 1000 && value < 2000 ? (int)(value - 1000 + 2023) : 2023; /* EDITION_2023 is 1000 */
}

static struct schema_features file_features(const schema_file_proto *f, int edition)
{
    static const struct schema_features proto2 = {1, 2, 3, 1, 2, 3, 1}, proto3 = {2, 1, 2, 1, 1, 3, 1},
                                        later = {1, 1, 2, 1, 1, 3, 1};
    struct schema_features features = edition == 2 ? proto2 : edition == 3 ? proto3 : later;
    if (edition >= 2024)
        features.cpp_string = 1;
    return inherit(features, f->options != NULL ? &f->options->base : NULL, 50);
}

/* ---- building ---- */

static bool add_element(struct schema *s, struct schema_elements *to, struct schema_file *file,
                        const struct schema_element *parent, const char *name, const int32_t *tail, size_t tail_len,
                        struct schema_element e)
{
    const char *outer = parent != NULL ? parent->nested_name : "";
    size_t above = parent != NULL ? parent->path_len : 0;
    struct schema_element *own = ARENA_NEW(&s->arena, struct schema_element);
    int32_t *path = ARENA_NEW_N(&s->arena, int32_t, above + tail_len);
    if (own == NULL || path == NULL)
        return false;
    if (above > 0)
        memcpy(path, parent->path, above * sizeof *path);
    memcpy(path + above, tail, tail_len * sizeof *path);
    *own = e;
    own->file = file;
    own->parent = parent;
    own->name = name != NULL ? name : "";
    own->nested_name = *outer != '\0' ? arena_printf(&s->arena, "%s.%s", outer, own->name) : own->name;
    own->full_name = own->nested_name == NULL || *file->package == '\0'
                         ? own->nested_name
                         : arena_printf(&s->arena, "%s.%s", file->package, own->nested_name);
    own->path = path;
    own->path_len = above + tail_len;
    return own->full_name != NULL && array_push(&to->list, own) && map_put(&to->by_name, own->full_name, own);
}

static struct schema_features features_of(struct schema_file *file, const struct schema_element *parent)
{
    return parent != NULL ? parent->features : file->features;
}

static bool add_enum(struct schema *s, struct schema_file *file, const struct schema_element *parent, int kind,
                     size_t i, const schema_enum_proto *e)
{
    return add_element(s, &s->enums, file, parent, e->name, (int32_t[]){kind, (int32_t)i}, 2,
                       (struct schema_element){
                           .enumeration = e,
                           .features = inherit(features_of(file, parent), e->options ? &e->options->base : NULL, 7)});
}

static bool add_extension(struct schema *s, struct schema_file *file, const struct schema_element *parent, int kind,
                          size_t i, const schema_field_proto *e)
{
    return add_element(
        s, &s->extensions, file, parent, e->name, (int32_t[]){kind, (int32_t)i}, 2,
        (struct schema_element){
            .extension = e, .features = inherit(features_of(file, parent), e->options ? &e->options->base : NULL, 21)});
}

static bool add_message(struct schema *s, struct schema_file *file, const struct schema_element *parent, int kind,
                        size_t i, const schema_message_proto *m)
{
    return add_element(
        s, &s->messages, file, parent, m->name, (int32_t[]){kind, (int32_t)i}, 2,
        (struct schema_element){
            .message = m, .features = inherit(features_of(file, parent), m->options ? &m->options->base : NULL, 12)});
}

static bool add_file(struct schema *s, const schema_file_proto *proto)
{
    struct schema_file *f = ARENA_NEW(&s->arena, struct schema_file);
    if (f == NULL)
        return false;
    *f = (struct schema_file){.proto = proto,
                              .name = proto->name != NULL ? proto->name : "",
                              .package = proto->package != NULL ? proto->package : "",
                              .edition = file_edition(proto)};
    f->features = file_features(proto, f->edition);
    if (!array_push(&s->files, f) || !map_put(&s->files_by_name, f->name, f))
        return false;
    bool ok = true;
    size_t first = s->messages.list.count;
    for (size_t i = 0; ok && i < proto->n_message_type; i++)
        ok = add_message(s, f, NULL, FILE_MESSAGE, i, proto->message_type[i]);
    for (size_t i = 0; ok && i < proto->n_enum_type; i++)
        ok = add_enum(s, f, NULL, FILE_ENUM, i, proto->enum_type[i]);
    for (size_t i = 0; ok && i < proto->n_extension; i++)
        ok = add_extension(s, f, NULL, FILE_EXTENSION, i, proto->extension[i]);
    for (size_t i = 0; ok && i < proto->n_service; i++)
        ok = add_element(s, &s->services, f, NULL, proto->service[i]->name, (int32_t[]){FILE_SERVICE, (int32_t)i}, 2,
                         (struct schema_element){.service = proto->service[i], .features = f->features});
    /* The list is the work list too: what is nested is appended while it is walked. */
    for (size_t at = first; ok && at < s->messages.list.count; at++) {
        const struct schema_element *e = s->messages.list.items[at];
        const schema_message_proto *m = e->message;
        for (size_t i = 0; ok && i < m->n_nested_type; i++)
            ok = add_message(s, f, e, MESSAGE_NESTED, i, m->nested_type[i]);
        for (size_t i = 0; ok && i < m->n_enum_type; i++)
            ok = add_enum(s, f, e, MESSAGE_ENUM, i, m->enum_type[i]);
        for (size_t i = 0; ok && i < m->n_extension; i++)
            ok = add_extension(s, f, e, MESSAGE_EXTENSION, i, m->extension[i]);
    }
    return ok;
}

int schema_new(struct bytes set, const char *name, struct schema **out, struct error *err)
{
    if (set.len > SCHEMA_SET_MAX)
        return error_set(err, ERROR_LIMIT, "%s: a descriptor set may have %zu MiB, this one has %zu", name,
                         SCHEMA_SET_MAX >> 20, set.len >> 20);
    struct schema *s = calloc(1, sizeof *s);
    if (s == NULL)
        return error_set(err, ERROR_MEMORY, "%s: out of memory", name);
    ProtobufCMessage *message;
    int code = pb_unpack(&google__protobuf__file_descriptor_set__descriptor, set, &s->arena, &message, err);
    if (code != 0) {
        error_wrap(err, "%s is no FileDescriptorSet", name);
    } else {
        const Google__Protobuf__FileDescriptorSet *files = (const Google__Protobuf__FileDescriptorSet *)message;
        for (size_t i = 0; code == 0 && i < files->n_file; i++)
            if (!add_file(s, files->file[i]))
                code = error_set(err, ERROR_MEMORY, "%s: out of memory", name);
        if (code == 0 && files->n_file == 0)
            code = error_set(err, ERROR_INVALID, "%s holds no file", name);
    }
    if (code == 0)
        *out = s;
    else
        schema_free(s);
    return code;
}

static void elements_deinit(struct schema_elements *e)
{
    array_deinit(&e->list);
    map_deinit(&e->by_name);
}

void schema_free(struct schema *s)
{
    if (s == NULL)
        return;
    for (size_t i = 0; i < s->files.count; i++)
        map_deinit(&s->files.items[i]->places);
    array_deinit(&s->files);
    map_deinit(&s->files_by_name);
    elements_deinit(&s->messages);
    elements_deinit(&s->enums);
    elements_deinit(&s->services);
    elements_deinit(&s->extensions);
    arena_deinit(&s->arena);
    free(s);
}

struct schema_file *schema_file(const struct schema *s, const char *name)
{
    return map_get(&s->files_by_name, name);
}

struct schema_element *schema_find(const struct schema_elements *e, const char *full_name)
{
    return map_get(&e->by_name, full_name);
}

/* ---- places ---- */

/* Only files with findings are asked, so that the map is made when it is needed. Without memory there is no place. */
static void locate(struct schema_file *f)
{
    const Google__Protobuf__SourceCodeInfo *info = f->proto->source_code_info;
    f->located = true;
    for (size_t i = 0; info != NULL && i < info->n_location; i++) {
        Google__Protobuf__SourceCodeInfo__Location *l = info->location[i];
        if (l->n_span >= 3 && !map_put_n(&f->places, l->path, l->n_path * sizeof *l->path, l))
            return;
    }
}

static bool place_of(struct schema_file *f, const int32_t *path, size_t len, struct schema_place *out)
{
    if (!f->located)
        locate(f);
    const Google__Protobuf__SourceCodeInfo__Location *l = map_get_n(&f->places, path, len * sizeof *path);
    *out = (struct schema_place){.file = f->name};
    if (l == NULL)
        return false;
    out->line = l->span[0] + 1;
    out->column = l->span[1] + 1;
    return true;
}

struct schema_place schema_file_place(struct schema_file *f, const int32_t *path, size_t path_len)
{
    struct schema_place place;
    place_of(f, path, path_len, &place);
    return place;
}

/* The field whose entries a message is, in the message around it; -1: none. */
static int32_t map_of(const struct schema_element *entry)
{
    const schema_message_proto *around = entry->parent->message;
    for (size_t i = 0; i < around->n_field; i++)
        if (around->field[i]->type_name != NULL && strcmp(around->field[i]->type_name + 1, entry->full_name) == 0)
            return (int32_t)i;
    return -1;
}

struct schema_place schema_place(const struct schema_element *e, const int32_t *tail, size_t tail_len)
{
    int32_t path[PATH_MAX_LEN];
    struct schema_place place;
    if (e->path_len + tail_len > PATH_MAX_LEN)
        return (struct schema_place){.file = e->file->name};
    memcpy(path, e->path, e->path_len * sizeof *path);
    if (tail_len > 0)
        memcpy(path + e->path_len, tail, tail_len * sizeof *path);
    /* From the most exact place to the element itself. */
    for (size_t len = e->path_len + tail_len; len >= e->path_len; len--)
        if (place_of(e->file, path, len, &place))
            return place;
    if (e->parent == NULL)
        return place;
    int32_t map[2] = {MESSAGE_FIELD, map_of(e)};
    return schema_place(e->parent, map, map[1] >= 0 ? 2 : 0);
}

/* ---- fields ---- */

static struct schema_field view(const struct schema *s, const struct schema_element *owner, const schema_field_proto *p,
                                struct schema_features features)
{
    struct schema_field f = {.owner = owner, .proto = p, .type_name = "", .features = features};
    if (p->type_name != NULL)
        f.type_name = p->type_name + (p->type_name[0] == '.');
    const struct schema_element *of = *f.type_name != '\0' ? schema_find(&s->messages, f.type_name) : NULL;
    bool entry = of != NULL && of->message->options != NULL && of->message->options->map_entry;
    f.kind = (int)p->type == MESSAGE && f.features.encoding == 2 && !entry ? GROUP : (int)p->type;
    bool real = p->has_oneof_index && !p->proto3_optional;
    if (real && owner->message != NULL && p->oneof_index >= 0 && (size_t)p->oneof_index < owner->message->n_oneof_decl)
        f.oneof = owner->message->oneof_decl[p->oneof_index]->name;
    if (p->label == GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__LABEL__LABEL_REPEATED)
        f.cardinality = entry ? CARDINALITY_MAP : CARDINALITY_REPEATED;
    else if (p->label == GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__LABEL__LABEL_REQUIRED || f.features.presence == 3)
        f.cardinality = CARDINALITY_REQUIRED;
    else if (f.kind == MESSAGE || f.kind == GROUP || p->has_oneof_index || p->extendee != NULL ||
             f.features.presence != 2)
        f.cardinality = CARDINALITY_EXPLICIT;
    else
        f.cardinality = CARDINALITY_IMPLICIT;
    return f;
}

struct schema_field schema_field(const struct schema *s, const struct schema_element *message, size_t index)
{
    const schema_field_proto *p = message->message->field[index];
    struct schema_field f =
        view(s, message, p, inherit(message->features, p->options != NULL ? &p->options->base : NULL, 21));
    f.tail[0] = MESSAGE_FIELD;
    f.tail[1] = (int32_t)index;
    f.tail_len = 2;
    return f;
}

struct schema_field schema_extension(const struct schema *s, const struct schema_element *extension)
{
    return view(s, extension, extension->extension, extension->features);
}

struct schema_place schema_field_place(const struct schema_field *f, int part)
{
    int32_t tail[5] = {f->tail[0], f->tail[1]};
    size_t len = f->tail_len;
    for (; part != 0; part >>= 8)
        tail[len++] = part & 0xff;
    return schema_place(f->owner, tail, len);
}

const char *schema_kind_name(int kind)
{
    static const char *const names[] = {"",        "double",   "float",    "int64",  "uint64",  "int32", "fixed64",
                                        "fixed32", "bool",     "string",   "group",  "message", "bytes", "uint32",
                                        "enum",    "sfixed32", "sfixed64", "sint32", "sint64"};
    return kind > 0 && (size_t)kind < sizeof names / sizeof names[0] ? names[kind] : "?";
}
