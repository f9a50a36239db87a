/* Options: those of descriptor.proto are stored in its structs, whatever they are, by its own descriptors; others
 * (extensions, paths into messages, what only a newer descriptor.proto knows) are noted for options.c. */
#include "wire/proto/parse.h"

#include "wire/pb.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef Google__Protobuf__UninterpretedOption raw_option;
typedef Google__Protobuf__UninterpretedOption__NamePart name_part;

/* "name", "(ext.name)", parts with dots between. */
static raw_option *parse_name(struct parser *p)
{
    raw_option *o = parse_new(p, &google__protobuf__uninterpreted_option__descriptor);
    do {
        name_part *part = parse_new(p, &google__protobuf__uninterpreted_option__name_part__descriptor);
        if (o == NULL || part == NULL)
            return NULL;
        part->is_extension = parse_take(p, "(");
        part->name_part =
            part->is_extension ? parse_dotted(p, "an extension's name", true) : parse_word(p, "an option's name");
        if (part->is_extension)
            parse_need(p, ")");
        if (p->lex.code != 0)
            return NULL;
        parse_append(p, &o->n_name, &o->name, part);
    } while (parse_take(p, "."));
    return o;
}

/* { ... }: looked at when it is known whose value it is. */
static void skip_aggregate(struct parser *p)
{
    int depth = 0;
    do {
        const struct token *t = &p->lex.token;
        if (t->kind == TOKEN_END) {
            parse_expected(p, "\"}\"");
            break;
        }
        depth += token_is(t, "{") ? 1 : token_is(t, "}") ? -1 : 0;
        lexer_next(&p->lex);
    } while (depth > 0 && p->lex.code == 0);
}

static void parse_value(struct parser *p, raw_option *o)
{
    bool minus = parse_take(p, "-");
    const struct token t = p->lex.token;
    uint64_t number = 0;
    if (t.kind == TOKEN_STRING && !minus) {
        struct text value = TEXT_INIT;
        parse_text(p, "a value", &value);
        o->has_string_value = true;
        o->string_value.len = value.len;
        o->string_value.data = (uint8_t *)parse_string(p, text_bytes(&value));
        text_deinit(&value);
    } else if (t.kind == TOKEN_INTEGER && token_unsigned(&t, &number) && (!minus || number <= (uint64_t)1 << 63)) {
        lexer_next(&p->lex);
        o->has_positive_int_value = !minus;
        o->positive_int_value = number;
        o->has_negative_int_value = minus;
        o->negative_int_value = minus ? (int64_t)(0 - number) : 0;
    } else if (t.kind == TOKEN_FLOAT || t.kind == TOKEN_INTEGER) {
        lexer_next(&p->lex);
        o->has_double_value = true;
        o->double_value = minus ? -token_float(&t) : token_float(&t);
    } else if (t.kind == TOKEN_WORD && (!minus || token_is(&t, "inf") || token_is(&t, "nan"))) {
        o->identifier_value = parse_word(p, "a value");
        if (minus) {
            o->has_double_value = true;
            o->double_value = token_is(&t, "inf") ? -(double)__builtin_inf() : (double)__builtin_nan("");
            o->identifier_value = NULL;
        }
    } else if (token_is(&t, "{") && !minus) {
        skip_aggregate(p);
    } else {
        parse_expected(p, "a value");
    }
}

/* ---- descriptor.proto's own options ---- */

static void *member(ProtobufCMessage *m, unsigned offset)
{
    return (char *)m + offset;
}

static bool store_enum(const ProtobufCFieldDescriptor *f, const raw_option *o, void *to)
{
    const ProtobufCEnumValue *v = o->identifier_value != NULL
                                      ? protobuf_c_enum_descriptor_get_value_by_name(f->descriptor, o->identifier_value)
                                      : NULL;
    if (v == NULL)
        return false;
    int value = v->value;
    memcpy(to, &value, sizeof value);
    return true;
}

static bool store_bool(const raw_option *o, void *to)
{
    bool yes = o->identifier_value != NULL && strcmp(o->identifier_value, "true") == 0;
    if (!yes && (o->identifier_value == NULL || strcmp(o->identifier_value, "false") != 0))
        return false;
    protobuf_c_boolean value = yes;
    memcpy(to, &value, sizeof value);
    return true;
}

/* False: a value of another type. */
static bool store(struct parser *p, const ProtobufCFieldDescriptor *f, const raw_option *o, const struct token *at,
                  ProtobufCMessage *m)
{
    void *to = member(m, f->offset);
    if (f->type == PROTOBUF_C_TYPE_BOOL)
        return store_bool(o, to);
    if (f->type == PROTOBUF_C_TYPE_ENUM)
        return store_enum(f, o, to);
    if (f->type != PROTOBUF_C_TYPE_STRING || !o->has_string_value)
        return false;
    char *text = parse_utf8(p, BYTES(o->string_value.data, o->string_value.len), at);
    memcpy(to, &text, sizeof text);
    return true;
}

static const char *expected_value(struct parser *p, const ProtobufCFieldDescriptor *f)
{
    if (f->type == PROTOBUF_C_TYPE_BOOL)
        return "true or false";
    if (f->type != PROTOBUF_C_TYPE_ENUM)
        return "a string";
    const ProtobufCEnumDescriptor *e = f->descriptor;
    struct text out = TEXT_INIT;
    for (unsigned i = 0; i < e->n_values; i++)
        text_printf(&out, "%s%s", i == 0 ? "one of " : ", ", e->values[i].name);
    const char *s = text_ok(&out) ? parse_string(p, text_bytes(&out)) : NULL;
    text_deinit(&out);
    return s != NULL ? s : "one of its values";
}

/* Of one's own: extensions, and paths into messages. */
static bool is_own(const raw_option *o)
{
    return o->n_name > 1 || o->name[0]->is_extension;
}

/* To be interpreted once all names are known. `value` stands before its value. */
static void note(struct parser *p, ProtobufCMessage *m, const raw_option *o, const struct token *at,
                 const struct lexer *value, struct place *place)
{
    struct proto_option option = {
        .holder = m, .raw = o, .scope = p->scope, .at = *at, .value = *value, .location = place->location};
    if (!array_push(&p->unit->options, option))
        parse_no_memory(p);
}

static void set_option(struct parser *p, const ProtobufCMessageDescriptor *type, void *options, raw_option *o,
                       const struct token *at, const struct lexer *value, struct place *place)
{
    ProtobufCMessage *m;
    memcpy(&m, options, sizeof m);
    if (m == NULL) {
        if ((m = parse_new(p, type)) == NULL)
            return;
        memcpy(options, &m, sizeof m);
    }
    const char *name = o->name[0]->name_part;
    const ProtobufCFieldDescriptor *f = protobuf_c_message_descriptor_get_field_by_name(type, name);
    if (is_own(o) || f == NULL || f->label == PROTOBUF_C_LABEL_REPEATED) {
        note(p, m, o, at, value, place);
        return;
    }
    if (!store(p, f, o, at, m)) {
        lexer_fail(&p->lex, at, ERROR_INVALID, "option \"%s\" is %s", name, expected_value(p, f));
        return;
    }
    if (f->quantifier_offset != 0) {
        protobuf_c_boolean yes = true;
        memcpy(member(m, f->quantifier_offset), &yes, sizeof yes);
    }
    if (place->location != NULL && place->location->n_path > 0) { /* the option's number, now that it is known */
        int32_t *path = ARENA_NEW_N(p->arena, int32_t, place->location->n_path + 1);
        if (path == NULL) {
            parse_no_memory(p);
            return;
        }
        memcpy(path, place->location->path, place->location->n_path * sizeof *path);
        path[place->location->n_path++] = (int32_t)f->id;
        place->location->path = path;
    }
}

void parse_option_statement(struct parser *p, int32_t kind, const ProtobufCMessageDescriptor *type, void *options)
{
    struct place all = parse_place(p, kind, -1);
    struct place place = parse_place(p, -1, -1);
    if (!parse_need(p, "option"))
        return;
    const struct token at = p->lex.token;
    raw_option *o = parse_name(p);
    parse_need(p, "=");
    const struct lexer value = p->lex;
    if (o != NULL && p->lex.code == 0)
        parse_value(p, o);
    if (o != NULL && p->lex.code == 0)
        set_option(p, type, options, o, &at, &value, &place);
    parse_need_end(p, ";", &place);
    parse_placed(p, &place);
    parse_placed(p, &all);
}

/* ---- a field's pseudo options ---- */

static void escape_bytes(const ProtobufCBinaryData *b, struct text *out)
{
    static const char letters[] = "nrt\"'\\", meant[] = "\n\r\t\"'\\";
    for (size_t i = 0; i < b->len; i++) {
        const char *letter = memchr(meant, b->data[i], sizeof meant - 1);
        if (letter != NULL)
            text_printf(out, "\\%c", letters[letter - meant]);
        else if (b->data[i] >= 0x20 && b->data[i] < 0x7f)
            text_char(out, (char)b->data[i]);
        else
            text_printf(out, "\\%03o", b->data[i]);
    }
}

static void shortest(double value, bool single, struct text *out)
{
    char digits[40];
    for (int precision = single ? 6 : 15; precision <= 17; precision++) {
        snprintf(digits, sizeof digits, "%.*g", precision, value);
        if (single ? strtof(digits, NULL) == (float)value : strtod(digits, NULL) == value)
            break;
    }
    text_puts(out, digits);
}

/* The default as text, in the form descriptor.proto asks for by the field's type. */
static void set_default(struct parser *p, proto_field *f, const raw_option *o, const struct token *at)
{
    struct text out = TEXT_INIT;
    int type = f->has_type ? (int)f->type : 0;
    if (o->has_string_value && type == PB_STRING)
        text_add(&out, o->string_value.data, o->string_value.len);
    else if (o->has_string_value && type == PB_BYTES)
        escape_bytes(&o->string_value, &out);
    else if (type == PB_DOUBLE || type == PB_FLOAT) {
        double value = o->has_double_value         ? o->double_value
                       : o->has_positive_int_value ? (double)o->positive_int_value
                                                   : (double)o->negative_int_value;
        if (o->identifier_value != NULL)
            text_puts(&out, o->identifier_value);
        else if (o->has_double_value && (value - value) != 0)
            text_puts(&out, value < 0 ? "-inf" : value > 0 ? "inf" : "nan");
        else
            shortest(type == PB_FLOAT ? (double)(float)value : value, type == PB_FLOAT, &out);
    } else if (o->identifier_value != NULL && (type == PB_BOOL || type == 0))
        text_puts(&out, o->identifier_value);
    else if (o->has_positive_int_value && type > PB_FLOAT && type != PB_STRING && type != PB_BYTES && type != PB_BOOL)
        text_printf(&out, "%llu", (unsigned long long)o->positive_int_value);
    else if (o->has_negative_int_value && type > PB_FLOAT && type != PB_STRING && type != PB_BYTES && type != PB_BOOL)
        text_printf(&out, "%lld", (long long)o->negative_int_value);
    else
        lexer_fail(&p->lex, at, ERROR_INVALID, "the default is no value of the field's type");
    if (p->lex.code == 0 && f->label == GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__LABEL__LABEL_REPEATED)
        lexer_fail(&p->lex, at, ERROR_INVALID, "a repeated field has no default");
    f->default_value = text_ok(&out) ? parse_utf8(p, text_bytes(&out), at) : NULL;
    if (f->default_value == NULL)
        parse_no_memory(p);
    text_deinit(&out);
}

enum { DEFAULT = 7, JSON_NAME = 10 }; /* fields of FieldDescriptorProto */

static bool pseudo(struct parser *p, proto_field *f, const raw_option *o, const struct token *at, struct place *place)
{
    const char *name = o->name[0]->name_part;
    if (f == NULL || is_own(o))
        return false;
    if (strcmp(name, "default") == 0) {
        set_default(p, f, o, at);
        place->location->path[place->location->n_path - 1] = DEFAULT;
        return true;
    }
    if (strcmp(name, "json_name") != 0)
        return false;
    if (!o->has_string_value)
        lexer_fail(&p->lex, at, ERROR_INVALID, "json_name is a string");
    else
        f->json_name = parse_utf8(p, BYTES(o->string_value.data, o->string_value.len), at);
    place->location->path[place->location->n_path - 1] = JSON_NAME;
    return true;
}

void parse_option_list(struct parser *p, int32_t kind, const ProtobufCMessageDescriptor *type, void *options,
                       proto_field *field)
{
    if (!token_is(&p->lex.token, "["))
        return;
    struct place list = parse_place(p, kind, -1);
    lexer_next(&p->lex);
    do {
        p->path_len = list.depth;
        struct place place = parse_place(p, kind, -1);
        const struct token at = p->lex.token;
        raw_option *o = parse_name(p);
        parse_need(p, "=");
        if (o == NULL || p->lex.code != 0 || place.location == NULL)
            return;
        const struct token value_at = p->lex.token;
        const struct lexer value = p->lex;
        const char *name = field != NULL && !is_own(o) ? o->name[0]->name_part : "";
        bool json = strcmp(name, "json_name") == 0;
        p->path_len = list.depth;
        struct place inner = json ? parse_place(p, JSON_NAME, -1) : (struct place){0}; /* told twice: all, the value */
        parse_value(p, o);
        if (json)
            parse_placed(p, &inner);
        if (strcmp(name, "default") == 0)
            parse_starts(p, &place, &value_at); /* a default's place is its value */
        if (p->lex.code == 0 && !pseudo(p, field, o, &at, &place))
            set_option(p, type, options, o, &at, &value, &place);
        parse_placed(p, &place);
    } while (parse_take(p, ","));
    parse_need(p, "]");
    parse_placed(p, &list);
}
