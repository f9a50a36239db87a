#include "wire/proto/options.h"

#include "wire/pb_wire.h"
#include "wire/proto/features.h"

#include <stdarg.h>
#include <string.h>

enum { GROUP = 10, MESSAGE = 11 };

static int fail(struct proto_linker *l, struct proto_unit *unit, const struct token *at, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static int fail(struct proto_linker *l, struct proto_unit *unit, const struct token *at, const char *format, ...)
{
    struct text message = TEXT_INIT;
    va_list args;
    if (l->err->code != 0) /* it was for want of memory that nothing was found */
        return l->err->code;
    va_start(args, format);
    text_vprintf(&message, format, args);
    va_end(args);
    int code = proto_error(l->err, unit, at, "%s", text_string(&message));
    text_deinit(&message);
    return code;
}

static int no_memory(struct proto_linker *l)
{
    return error_set(l->err, ERROR_MEMORY, "out of memory");
}

/* ---- names ---- */

const struct proto_symbol *proto_type_of(const struct proto_linker *l, const proto_field *f)
{
    return f->type_name != NULL && f->type_name[0] == '.' ? map_get(&l->symbols, f->type_name + 1) : NULL;
}

struct proto_known proto_member(const struct proto_symbol *message, const char *name)
{
    for (size_t i = 0; i < message->message->n_field; i++)
        if (strcmp(message->message->field[i]->name, name) == 0)
            return (struct proto_known){message->message->field[i], message->unit};
    return (struct proto_known){NULL, NULL};
}

struct proto_known proto_extension(struct proto_linker *l, const char *scope, const char *name, const char *message)
{
    const struct proto_symbol *s = proto_look_up(l, scope, name);
    bool fits = s != NULL && s->kind == SYMBOL_FIELD && s->field->extendee != NULL &&
                strcmp(s->field->extendee + 1, message) == 0;
    return fits ? (struct proto_known){s->field, s->unit} : (struct proto_known){NULL, NULL};
}

const struct proto_symbol *proto_message_named(struct proto_linker *l, const char *name)
{
    const struct proto_symbol *s = proto_look_up(l, "", name);
    return s != NULL && s->kind == SYMBOL_MESSAGE ? s : NULL;
}

/* ---- one option ---- */

struct interpreting {
    struct proto_linker *linker;
    struct proto_unit *unit;
    struct proto_option *option;
    const char *scope;
    struct proto_known *parts; /* the fields on the way; the last is set */
    size_t count;
};

static bool is_message(const proto_field *f)
{
    return (int)f->type == MESSAGE;
}

static bool is_features(const struct proto_option *o)
{
    return !o->raw->name[0]->is_extension && strcmp(o->raw->name[0]->name_part, "features") == 0;
}

/* The field of that name where descriptor.proto is older than editions. */
static struct proto_known features_field(struct interpreting *x)
{
    static const proto_field blank = GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__INIT;
    proto_field *f = ARENA_NEW(x->linker->arena, proto_field);
    const struct proto_symbol *type = map_get(&x->linker->symbols, "google.protobuf.FeatureSet");
    if (f == NULL || type == NULL) {
        no_memory(x->linker);
        return (struct proto_known){NULL, NULL};
    }
    *f = blank;
    f->name = arena_string(x->linker->arena, "features");
    f->type_name = arena_string(x->linker->arena, ".google.protobuf.FeatureSet");
    if (f->name == NULL || f->type_name == NULL)
        no_memory(x->linker);
    f->number = proto_features_number(x->option->holder->descriptor->name);
    f->label = GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__LABEL__LABEL_OPTIONAL;
    f->type = (Google__Protobuf__FieldDescriptorProto__Type)MESSAGE;
    return (struct proto_known){x->linker->err->code == 0 ? f : NULL, type->unit};
}

static int find_parts(struct interpreting *x)
{
    const Google__Protobuf__UninterpretedOption *raw = x->option->raw;
    const struct token *at = &x->option->at;
    const struct proto_symbol *message = map_get(&x->linker->symbols, x->option->holder->descriptor->name);
    const char *holder = x->option->holder->descriptor->name;
    for (size_t i = 0; i < raw->n_name; i++) {
        const char *name = raw->name[i]->name_part;
        struct proto_known s = {NULL, NULL};
        if (message != NULL && raw->name[i]->is_extension)
            s = proto_extension(x->linker, x->scope, name, holder);
        else if (message != NULL)
            s = proto_member(message, name);
        if (i == 0 && is_features(x->option) && x->unit->edition == 0)
            return fail(x->linker, x->unit, at, "features are for files with edition = \"2023\"");
        if (i == 0 && s.field == NULL && is_features(x->option))
            s = features_field(x);
        if (i == 0 && s.field == NULL && !raw->name[i]->is_extension)
            return fail(x->linker, x->unit, at, "there is no option \"%s\" here; one of your own stands in parentheses",
                        name);
        if (s.field == NULL && raw->name[i]->is_extension)
            return fail(x->linker, x->unit, at,
                        "there is no option (%s): no file that is imported here extends %s by it", name, holder);
        if (s.field == NULL)
            return fail(x->linker, x->unit, at, "\"%s\" has no field \"%s\"", holder, name);
        if ((int)s.field->type == GROUP)
            return fail(x->linker, x->unit, at, "\"%s\" is a group: options that are groups are not implemented here",
                        name);
        x->parts[x->count++] = s;
        if (i + 1 == raw->n_name)
            break;
        if (!is_message(s.field))
            return fail(x->linker, x->unit, at, "\"%s\" is no message: nothing stands behind a dot of it", name);
        if (s.field->label == GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__LABEL__LABEL_REPEATED)
            return fail(x->linker, x->unit, at,
                        "\"%s\" is repeated: its messages are set whole, one by one, as { name: value }", name);
        if ((message = proto_type_of(x->linker, s.field)) == NULL)
            return fail(x->linker, x->unit, at, "the type of \"%s\" is not known", name);
        holder = message->full_name;
    }
    return 0;
}

/* Whether the bytes hold the field at the end of the path. */
static bool holds(struct bytes wire, const struct proto_known *parts, size_t count)
{
    struct pb_reader r = {wire.data, wire.data + wire.len};
    struct pb_item item;
    while (r.at < r.end && pb_item_next(&r, &item) == PB_FAULT_NONE) {
        const uint8_t *start = r.at;
        if (item.wire == PB_WIRE_GROUP) {
            if (pb_group_skip(&r, item.number) != PB_FAULT_NONE)
                return false;
            item.data = BYTES(start, (size_t)(r.at - start));
        }
        if (item.number == (uint32_t)parts[0].field->number && (count == 1 || holds(item.data, parts + 1, count - 1)))
            return true;
    }
    return false;
}

/* How often the path was set before in these options. */
static size_t set_before(const struct interpreting *x)
{
    size_t n = 0;
    for (size_t i = 0; i < x->unit->options.count; i++) {
        const struct proto_option *o = &x->unit->options.items[i];
        if (o == x->option)
            break;
        n += o->holder == x->option->holder && o->wire.len > 0 && holds(o->wire, x->parts, x->count);
    }
    return n;
}

static int encode(struct interpreting *x, struct text *out)
{
    struct proto_values v = {.linker = x->linker, .unit = x->unit, .scope = x->scope, .lex = x->option->value};
    struct text inner = TEXT_INIT;
    bool zero;
    v.lex.err = x->linker->err;
    bool ok = proto_value(&v, &x->parts[x->count - 1], false, out, &zero);
    for (size_t i = x->count; ok && text_ok(out) && i-- > 0;) { /* clearing forgets what failed */
        text_clear(&inner);
        proto_put(&inner, x->parts[i].field, text_bytes(out));
        text_clear(out);
        text_add(out, inner.data, inner.len);
        if (!text_ok(&inner))
            out->failed = true;
    }
    text_deinit(&inner);
    if (v.lex.code != 0)
        return v.lex.code;
    return text_ok(out) ? 0 : no_memory(x->linker);
}

#define KNOWN_MAX 999 /* fields of descriptor.proto's options; what is above are extensions */

/* One message out of two pieces of it, its fields in order, as who knows the field writes it. */
static struct bytes join(struct interpreting *x, struct bytes a, struct bytes b)
{
    struct text whole = TEXT_INIT, out = TEXT_INIT;
    struct pb_item item;
    uint32_t at = 0, next = 0;
    text_add(&whole, a.data, a.len);
    text_add(&whole, b.data, b.len);
    for (bool more = whole.len > 0; more && text_ok(&whole); at = next) { /* by number, the smallest first */
        struct pb_reader r = {(const uint8_t *)whole.data, (const uint8_t *)whole.data + whole.len};
        struct bytes first = BYTES_NONE;
        size_t mark = 0;
        more = false;
        while (r.at < r.end) {
            const uint8_t *from = r.at;
            if (pb_item_next(&r, &item) != PB_FAULT_NONE)
                break;
            if (item.number == at && item.wire == PB_WIRE_BYTES && first.data != NULL)
                text_add(&out, item.data.data, item.data.len);
            else if (item.number == at && item.wire == PB_WIRE_BYTES) {
                first = item.data;
                mark = pb_open(&out, item.number);
                text_add(&out, first.data, first.len);
            } else if (item.number == at)
                text_add(&out, from, (size_t)(r.at - from));
            if (item.number > at && (!more || item.number < next)) {
                next = item.number;
                more = true;
            }
        }
        if (first.data != NULL)
            pb_close(&out, mark);
    }
    const uint8_t *data = text_ok(&whole) && text_ok(&out) ? arena_copy(x->linker->arena, out.data, out.len) : NULL;
    struct bytes joined = BYTES(data, data != NULL ? out.len : 0);
    text_deinit(&whole);
    text_deinit(&out);
    return joined;
}

/* Features said one by one are one message. */
static int merge(struct interpreting *x, ProtobufCMessageUnknownField *old, struct bytes piece)
{
    uint64_t length = 0;
    size_t head = pb_varint_read(BYTES(old->data, old->len), &length);
    size_t own = pb_varint_read(piece, &length);
    struct bytes whole = join(x, BYTES(old->data + head, old->len - head), BYTES(piece.data + own, piece.len - own));
    struct text wire = TEXT_INIT;
    uint8_t prefix[10];
    text_add(&wire, prefix, pb_varint_write(prefix, whole.len));
    text_add(&wire, whole.data, whole.len);
    old->len = wire.len;
    old->data = text_ok(&wire) ? arena_copy(x->linker->arena, wire.data, wire.len) : NULL;
    text_deinit(&wire);
    return old->data != NULL && whole.data != NULL ? 0 : no_memory(x->linker);
}

/* A field that this program has no name for: one of descriptor.proto's in the order of numbers, extensions behind
 * them, as they were said. */
static int add_unknown(struct interpreting *x, struct bytes wire)
{
    ProtobufCMessage *m = x->option->holder;
    struct pb_reader r = {wire.data, wire.data + wire.len};
    uint64_t tag = 0;
    size_t n = pb_varint_get(r.at, r.end, &tag);
    ProtobufCMessageUnknownField *fields =
        ARENA_NEW_N(x->linker->arena, ProtobufCMessageUnknownField, m->n_unknown_fields + 1);
    if (fields == NULL)
        return no_memory(x->linker);
    if (m->n_unknown_fields > 0)
        memcpy(fields, m->unknown_fields, m->n_unknown_fields * sizeof *fields);
    size_t at = m->n_unknown_fields;
    while (tag >> 3 <= KNOWN_MAX && at > 0 && fields[at - 1].tag > tag >> 3)
        at--;
    if (at > 0 && fields[at - 1].tag == tag >> 3 && is_features(x->option))
        return merge(x, &m->unknown_fields[at - 1], BYTES(wire.data + n, wire.len - n));
    memmove(fields + at + 1, fields + at, (m->n_unknown_fields++ - at) * sizeof *fields);
    fields[at] = (ProtobufCMessageUnknownField){.tag = (uint32_t)(tag >> 3),
                                                .wire_type = (ProtobufCWireType)(tag & 7),
                                                .len = wire.len - n,
                                                .data = (uint8_t *)(uintptr_t)wire.data + n};
    m->unknown_fields = fields;
    return 0;
}

/* The place's path goes on with the numbers of the fields. */
static int complete_place(struct interpreting *x, bool repeated, size_t before)
{
    proto_location *l = x->option->location;
    if (l == NULL || l->n_path == 0)
        return 0;
    int32_t *path = ARENA_NEW_N(x->linker->arena, int32_t, l->n_path + x->count + 1);
    if (path == NULL)
        return no_memory(x->linker);
    memcpy(path, l->path, l->n_path * sizeof *path);
    for (size_t i = 0; i < x->count; i++)
        path[l->n_path++] = x->parts[i].field->number;
    if (repeated)
        path[l->n_path++] = (int32_t)before;
    l->path = path;
    return 0;
}

static int interpret(struct interpreting *x)
{
    struct text wire = TEXT_INIT;
    int code = find_parts(x);
    if (code != 0)
        return code;
    const proto_field *last = x->parts[x->count - 1].field;
    bool repeated = last->label == GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__LABEL__LABEL_REPEATED;
    size_t before = set_before(x);
    if (!repeated && before > 0)
        return fail(x->linker, x->unit, &x->option->at, "option \"%s\" is set already", last->name);
    code = encode(x, &wire);
    if (code == 0) {
        const void *copy = arena_copy(x->linker->arena, wire.data, wire.len);
        x->option->wire = BYTES(copy, wire.len);
        code = copy == NULL ? no_memory(x->linker) : add_unknown(x, x->option->wire);
    }
    text_deinit(&wire);
    return code != 0 ? code : complete_place(x, repeated, before);
}

static int interpret_all(struct proto_linker *l, struct proto_unit *unit, bool features)
{
    int code = 0;
    for (size_t i = 0; code == 0 && i < unit->options.count; i++) {
        struct proto_option *o = &unit->options.items[i];
        if (is_features(o) != features)
            continue;
        const char *package = unit->file->package != NULL ? unit->file->package : "";
        struct interpreting x = {
            .linker = l, .unit = unit, .option = o, .scope = o->scope != NULL ? o->scope : package};
        x.parts = ARENA_NEW_N(l->arena, struct proto_known, o->raw->n_name);
        code = x.parts != NULL ? interpret(&x) : no_memory(l);
    }
    return code;
}

/* Values of one's own options go by the features of their messages, which may be in the same file. */
int proto_interpret(struct proto_linker *l, struct proto_unit *unit)
{
    int code = interpret_all(l, unit, true);
    if (code == 0 && unit->edition != 0)
        code = proto_resolve_features(l, unit);
    return code == 0 ? interpret_all(l, unit, false) : code;
}
