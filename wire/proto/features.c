#include "wire/proto/features.h"

#include "wire/pb_wire.h"

#include <string.h>

enum {
    PRESENCE = 1,
    ENUM_TYPE = 2,
    REPEATED = 3,
    UTF8 = 4,
    ENCODING = 5,
    JSON = 6,
    FEATURES = 7 /* of all editions */
};
enum { TYPE_STRING = 9, TYPE_MESSAGE = 11, TYPE_BYTES = 12, TYPE_ENUM = 14 };

struct resolving {
    struct proto_linker *linker;
    struct proto_unit *unit;
    bool fields; /* enums come first, since fields of any message ask them */
};

/* A scope's features, and which of them it says itself (bit per number). */
struct scope {
    struct proto_features features;
    unsigned own;
};

static const char *const names[FEATURES] = {
    [PRESENCE] = "field_presence", [ENUM_TYPE] = "enum_type",       [REPEATED] = "repeated_field_encoding",
    [UTF8] = "utf8_validation",    [ENCODING] = "message_encoding", [JSON] = "json_format"};

int32_t proto_features_number(const char *options)
{
    static const struct {
        const char *options;
        int32_t number;
    } table[] = {{"FileOptions", 50},    {"MessageOptions", 12}, {"FieldOptions", 21},
                 {"OneofOptions", 1},    {"EnumOptions", 7},     {"EnumValueOptions", 2},
                 {"ServiceOptions", 34}, {"MethodOptions", 35},  {"ExtensionRangeOptions", 50}};
    const char *dot = strrchr(options, '.');
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strcmp(table[i].options, dot != NULL ? dot + 1 : options) == 0)
            return table[i].number;
    return 0;
}

/* ---- what was resolved: by the address of a field or enum ---- */

static bool keep(struct resolving *r, const void *whose, struct proto_features f)
{
    uintptr_t bits = (uintptr_t)(f.presence | f.enum_type << 2 | f.repeated << 4 | f.encoding << 6) + 1;
    return map_put_n(&r->linker->features, &whose, sizeof whose, (void *)bits);
}

static struct proto_features kept(const struct proto_linker *l, const void *whose)
{
    uintptr_t bits = (uintptr_t)map_get_n(&l->features, &whose, sizeof whose);
    bits = bits > 0 ? bits - 1 : 0;
    return (struct proto_features){
        .presence = bits & 3, .enum_type = bits >> 2 & 3, .repeated = bits >> 4 & 3, .encoding = bits >> 6 & 3};
}

struct proto_features proto_field_features(const struct proto_linker *l, const struct proto_unit *unit,
                                           const proto_field *f)
{
    if (unit->edition != 0)
        return kept(l, f);
    bool packed = f->options != NULL && f->options->has_packed ? f->options->packed : unit->proto3;
    bool implicit = unit->proto3 && f->extendee == NULL && !f->proto3_optional && !f->has_oneof_index;
    return (struct proto_features){.presence = implicit ? PRESENCE_IMPLICIT : PRESENCE_EXPLICIT,
                                   .repeated = packed ? REPEATED_PACKED : REPEATED_EXPANDED,
                                   .encoding = ENCODING_PREFIXED};
}

bool proto_enum_is_open(const struct proto_linker *l, const struct proto_symbol *s)
{
    return s->unit->edition != 0 ? kept(l, s->enumeration).enum_type == ENUM_OPEN : s->unit->proto3;
}

/* ---- reading ---- */

static int fail(struct resolving *r, const char *full_name, const char *what, const char *why)
{
    const struct proto_symbol *s = full_name != NULL ? map_get(&r->linker->symbols, full_name) : NULL;
    const struct token start = {.line = 0};
    return proto_error(r->linker->err, r->unit, s != NULL ? &s->place : &start, "%s%s%s%s",
                       what != NULL ? "features." : "", what != NULL ? what : "", what != NULL ? " " : "", why);
}

static void take(struct scope *s, struct bytes wire)
{
    struct pb_reader r = {wire.data, wire.data + wire.len};
    struct pb_item item;
    uint8_t *const places[FEATURES] = {
        [PRESENCE] = &s->features.presence, [ENUM_TYPE] = &s->features.enum_type, [REPEATED] = &s->features.repeated,
        [UTF8] = &s->features.utf8,         [ENCODING] = &s->features.encoding,   [JSON] = &s->features.json};
    while (r.at < r.end && pb_item_next(&r, &item) == PB_FAULT_NONE)
        if (item.number < FEATURES && item.wire == PB_WIRE_VARINT) {
            *places[item.number] = (uint8_t)item.value;
            s->own |= 1U << item.number;
        }
}

/* What a thing of that kind says, on top of what is around it. `allowed`: bits of the features it may have. */
static int enter(struct resolving *r, const struct scope *around, const ProtobufCMessage *options, unsigned allowed,
                 const char *full_name, const char *kind, struct scope *out)
{
    *out = (struct scope){.features = around->features};
    int32_t number = options != NULL ? proto_features_number(options->descriptor->name) : 0;
    for (unsigned i = 0; options != NULL && i < options->n_unknown_fields; i++) {
        const ProtobufCMessageUnknownField *u = &options->unknown_fields[i];
        uint64_t length = 0;
        size_t head = (int32_t)u->tag == number ? pb_varint_read(BYTES(u->data, u->len), &length) : 0;
        if (head > 0)
            take(out, BYTES(u->data + head, u->len - head));
    }
    const uint8_t values[FEATURES] = {0,
                                      out->features.presence,
                                      out->features.enum_type,
                                      out->features.repeated,
                                      out->features.utf8,
                                      out->features.encoding,
                                      out->features.json};
    for (unsigned i = 1; i < FEATURES; i++) {
        if ((out->own & 1U << i) == 0)
            continue;
        if ((allowed & 1U << i) == 0)
            return fail(r, full_name, names[i], kind);
        if (values[i] == 0)
            return fail(r, full_name, names[i], "is to be said, not unknown");
    }
    return 0;
}

/* ---- fields and enums ---- */

static int check_field(struct resolving *r, const proto_field *f, const char *name, const struct scope *s, bool map)
{
    bool repeated = f->label == GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__LABEL__LABEL_REPEATED;
    int type = (int)f->type;
    const struct proto_symbol *e = type == TYPE_ENUM ? map_get(&r->linker->symbols, f->type_name + 1) : NULL;
    if ((s->own & 1U << PRESENCE) != 0) {
        const char *why =
            repeated                                                            ? "is not for repeated fields"
            : f->has_oneof_index                                                ? "is not for fields of a oneof"
            : f->extendee != NULL && s->features.presence == PRESENCE_REQUIRED  ? "cannot require an extension"
            : type == TYPE_MESSAGE && s->features.presence == PRESENCE_IMPLICIT ? "cannot be IMPLICIT for messages"
                                                                                : NULL;
        if (why != NULL)
            return fail(r, name, names[PRESENCE], why);
    }
    if ((s->own & 1U << REPEATED) != 0 && !repeated)
        return fail(r, name, names[REPEATED], "is for repeated fields");
    if ((s->own & 1U << REPEATED) != 0 && s->features.repeated == REPEATED_PACKED &&
        (type == TYPE_STRING || type == TYPE_BYTES || type == TYPE_MESSAGE))
        return fail(r, name, names[REPEATED], "can be PACKED for numbers, bools and enums only");
    if ((s->own & 1U << UTF8) != 0 && type != TYPE_STRING && !map)
        return fail(r, name, names[UTF8], "is for strings");
    if ((s->own & 1U << ENCODING) != 0 && (type != TYPE_MESSAGE || map))
        return fail(r, name, names[ENCODING], "is for messages");
    bool implicit = s->features.presence == PRESENCE_IMPLICIT && !repeated && !f->has_oneof_index &&
                    f->extendee == NULL && type != TYPE_MESSAGE;
    if (implicit && f->default_value != NULL)
        return fail(r, name, NULL, "a field whose presence is IMPLICIT has no default of its own");
    if (implicit && e != NULL && !proto_enum_is_open(r->linker, e))
        return fail(r, name, NULL, "a field whose presence is IMPLICIT has an open enum: this one is closed");
    return 0;
}

static bool is_map(const proto_message *around, const proto_field *f)
{
    const char *dot = f->type_name != NULL ? strrchr(f->type_name, '.') : NULL;
    for (size_t i = 0; dot != NULL && i < around->n_nested_type; i++)
        if (around->nested_type[i]->options != NULL && around->nested_type[i]->options->map_entry &&
            strcmp(around->nested_type[i]->name, dot + 1) == 0)
            return true;
    return false;
}

static int resolve_field(struct resolving *r, const struct scope *around, const char *scope,
                         const proto_message *message, const proto_field *f)
{
    static const unsigned allowed = 1U << PRESENCE | 1U << REPEATED | 1U << UTF8 | 1U << ENCODING;
    const char *name = arena_printf(r->linker->arena, "%s%s%s", scope, *scope != '\0' ? "." : "", f->name);
    bool map = message != NULL && is_map(message, f);
    bool entry = message != NULL && message->options != NULL && message->options->map_entry;
    struct scope s;
    if (name == NULL)
        return error_set(r->linker->err, ERROR_MEMORY, "out of memory");
    if (f->options != NULL && f->options->has_packed)
        return fail(r, name, NULL, "an edition has features.repeated_field_encoding instead of packed");
    int code = enter(r, around, f->options != NULL ? &f->options->base : NULL, allowed, name, "is not for fields", &s);
    if (code == 0)
        code = check_field(r, f, name, &s, map);
    if (map || entry)
        s.features.encoding = ENCODING_PREFIXED;
    if (f->has_oneof_index || f->extendee != NULL || entry || (int)f->type == TYPE_MESSAGE)
        s.features.presence = PRESENCE_EXPLICIT;
    return code == 0 && !keep(r, f, s.features) ? error_set(r->linker->err, ERROR_MEMORY, "out of memory") : code;
}

static int resolve_enum(struct resolving *r, const struct scope *around, const char *scope, const proto_enum *e)
{
    const char *name = arena_printf(r->linker->arena, "%s%s%s", scope, *scope != '\0' ? "." : "", e->name);
    struct scope s;
    if (name == NULL)
        return error_set(r->linker->err, ERROR_MEMORY, "out of memory");
    int code = enter(r, around, e->options != NULL ? &e->options->base : NULL, 1U << ENUM_TYPE | 1U << JSON, name,
                     "is not for enums", &s);
    if (code == 0 && s.features.enum_type == ENUM_OPEN && e->value[0]->number != 0)
        code = fail(r, name, NULL, "an open enum's first value is 0");
    return code == 0 && !keep(r, e, s.features) ? error_set(r->linker->err, ERROR_MEMORY, "out of memory") : code;
}

/* ---- messages and files ---- */

static int check_json(struct resolving *r, const char *scope, const proto_message *m)
{
    for (size_t i = 0; i < m->n_field; i++)
        for (size_t k = 0; k < i; k++)
            if (strcmp(m->field[i]->json_name, m->field[k]->json_name) == 0) {
                const char *name = arena_printf(r->linker->arena, "%s.%s", scope, m->field[i]->name);
                return fail(r, name, NULL, "two fields of the message have one name in JSON");
            }
    return 0;
}

static int resolve_message(struct resolving *r, const struct scope *around, const char *scope, const proto_message *m)
{
    const char *name = arena_printf(r->linker->arena, "%s%s%s", scope, *scope != '\0' ? "." : "", m->name);
    struct scope s;
    if (name == NULL)
        return error_set(r->linker->err, ERROR_MEMORY, "out of memory");
    int code =
        enter(r, around, m->options != NULL ? &m->options->base : NULL, 1U << JSON, name, "is not for messages", &s);
    if (code == 0 && r->fields && s.features.json == JSON_ALLOW)
        code = check_json(r, name, m);
    for (size_t i = 0; code == 0 && !r->fields && i < m->n_enum_type; i++)
        code = resolve_enum(r, &s, name, m->enum_type[i]);
    for (size_t i = 0; code == 0 && i < m->n_nested_type; i++)
        code = resolve_message(r, &s, name, m->nested_type[i]);
    for (size_t i = 0; code == 0 && r->fields && i < m->n_field; i++)
        code = resolve_field(r, &s, name, m, m->field[i]);
    for (size_t i = 0; code == 0 && r->fields && i < m->n_extension; i++)
        code = resolve_field(r, &s, name, NULL, m->extension[i]);
    return code;
}

int proto_resolve_features(struct proto_linker *l, struct proto_unit *unit)
{
    static const struct scope edition_2023 = {.features = {.presence = PRESENCE_EXPLICIT,
                                                           .enum_type = ENUM_OPEN,
                                                           .repeated = REPEATED_PACKED,
                                                           .utf8 = 2, /* VERIFY */
                                                           .encoding = ENCODING_PREFIXED,
                                                           .json = JSON_ALLOW}};
    struct resolving r = {l, unit, false};
    const proto_file *f = unit->file;
    const char *package = f->package != NULL ? f->package : "";
    struct scope s;
    int code = enter(&r, &edition_2023, f->options != NULL ? &f->options->base : NULL, ~0U, NULL, "", &s);
    if (code == 0 && s.features.presence == PRESENCE_REQUIRED)
        code = fail(&r, NULL, names[PRESENCE], "cannot be LEGACY_REQUIRED for a whole file");
    for (size_t i = 0; code == 0 && i < f->n_enum_type; i++)
        code = resolve_enum(&r, &s, package, f->enum_type[i]);
    for (size_t pass = 0; code == 0 && pass < 2; pass++, r.fields = true)
        for (size_t i = 0; code == 0 && i < f->n_message_type; i++)
            code = resolve_message(&r, &s, package, f->message_type[i]);
    for (size_t i = 0; code == 0 && i < f->n_extension; i++)
        code = resolve_field(&r, &s, package, NULL, f->extension[i]);
    return code;
}
