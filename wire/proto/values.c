/* Values of options as wire bytes. A message's value is written as protobuf's text format has it. */
#include "wire/proto/features.h"
#include "wire/proto/options.h"

#include "wire/pb_wire.h"

#include <stdarg.h>
#include <string.h>
#include <strings.h>

enum { GROUP = 10 }; /* of proto2; beside enum pb_kind's numbers */
static const char *const type_words[] = {
    [PB_DOUBLE] = "a number",
    [PB_FLOAT] = "a number",
    [PB_INT64] = "a whole number of 64 bits",
    [PB_UINT64] = "a whole number of 64 bits that is not negative",
    [PB_INT32] = "a whole number of 32 bits",
    [PB_FIXED64] = "a whole number of 64 bits that is not negative",
    [PB_FIXED32] = "a whole number of 32 bits that is not negative",
    [PB_BOOL] = "true or false",
    [PB_STRING] = "a string",
    [GROUP] = "a message: { name: value }",
    [PB_MESSAGE] = "a message: { name: value }",
    [PB_BYTES] = "a string",
    [PB_UINT32] = "a whole number of 32 bits that is not negative",
    [PB_ENUM] = "one of its enum's values",
    [PB_SFIXED32] = "a whole number of 32 bits",
    [PB_SFIXED64] = "a whole number of 64 bits",
    [PB_SINT32] = "a whole number of 32 bits",
    [PB_SINT64] = "a whole number of 64 bits",
};

/* A field of a message that is being read, without its tag. */
struct part {
    struct proto_known field;
    struct text value;
    bool zero;
};
struct parts {
    ARRAY(struct part) list;
};

static bool fail(struct proto_values *v, const struct token *at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static bool fail(struct proto_values *v, const struct token *at, const char *format, ...)
{
    struct text message = TEXT_INIT;
    va_list args;
    if (v->lex.code == 0 && v->linker->err->code != 0) /* it was for want of memory that nothing was found */
        v->lex.code = v->linker->err->code;
    va_start(args, format);
    text_vprintf(&message, format, args);
    va_end(args);
    lexer_fail(&v->lex, at, ERROR_INVALID, "%s", text_string(&message));
    text_deinit(&message);
    return false;
}

static bool no_memory(struct proto_values *v)
{
    if (v->lex.code == 0)
        v->lex.code = error_set(v->lex.err, ERROR_MEMORY, "out of memory");
    return false;
}

static bool take(struct proto_values *v, const char *text)
{
    if (v->lex.code != 0 || !token_is(&v->lex.token, text))
        return false;
    lexer_next(&v->lex);
    return true;
}

static bool repeated(const proto_field *f)
{
    return f->label == GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__LABEL__LABEL_REPEATED;
}

static enum pb_wire_type wire_of(const proto_field *f)
{
    switch ((int)f->type) {
    case PB_DOUBLE:
    case PB_FIXED64:
    case PB_SFIXED64:
        return PB_WIRE_FIXED64;
    case PB_FLOAT:
    case PB_FIXED32:
    case PB_SFIXED32:
        return PB_WIRE_FIXED32;
    case PB_STRING:
    case PB_BYTES:
    case PB_MESSAGE:
        return PB_WIRE_BYTES;
    case GROUP:
        return PB_WIRE_GROUP;
    default:
        return PB_WIRE_VARINT;
    }
}

void proto_put(struct text *out, const proto_field *f, struct bytes value)
{
    enum pb_wire_type wire = wire_of(f);
    if (wire == PB_WIRE_BYTES) {
        pb_put_bytes(out, (uint32_t)f->number, value);
        return;
    }
    pb_put_tag(out, (uint32_t)f->number, wire);
    pb_put(out, value.data, value.len);
    if (wire == PB_WIRE_GROUP)
        pb_put_tag(out, (uint32_t)f->number, PB_WIRE_GROUP_END);
}

/* ---- values of one token ---- */

static bool whole_number(struct proto_values *v, int type, struct text *out, bool *zero)
{
    bool minus = take(v, "-");
    bool is_signed = type == PB_INT32 || type == PB_INT64 || type == PB_SINT32 || type == PB_SINT64 ||
                     type == PB_SFIXED32 || type == PB_SFIXED64;
    bool wide = type == PB_INT64 || type == PB_UINT64 || type == PB_SINT64 || type == PB_SFIXED64 || type == PB_FIXED64;
    uint64_t max = is_signed ? (wide ? (uint64_t)INT64_MAX : INT32_MAX) : wide ? UINT64_MAX : UINT32_MAX;
    uint64_t number = 0;
    if (v->lex.token.kind != TOKEN_INTEGER || !token_unsigned(&v->lex.token, &number) || (minus && !is_signed) ||
        number > (minus ? max + 1 : max))
        return false;
    int64_t value = (int64_t)(minus ? 0 - number : number);
    *zero = value == 0;
    switch (type) {
    case PB_SINT32:
        pb_put_varint(out, pb_zigzag32((int32_t)value));
        break;
    case PB_SINT64:
        pb_put_varint(out, pb_zigzag64(value));
        break;
    case PB_FIXED32:
    case PB_SFIXED32:
        pb_put_fixed32(out, (uint32_t)value);
        break;
    case PB_FIXED64:
    case PB_SFIXED64:
        pb_put_fixed64(out, (uint64_t)value);
        break;
    default:
        pb_put_varint(out, (uint64_t)value);
    }
    lexer_next(&v->lex);
    return true;
}

static bool is_word(const struct token *t, const char *word)
{
    return t->kind == TOKEN_WORD && t->text.len == strlen(word) &&
           strncasecmp((const char *)t->text.data, word, t->text.len) == 0;
}

static bool real_number(struct proto_values *v, int type, struct text *out, bool *zero)
{
    bool minus = take(v, "-");
    const struct token *t = &v->lex.token;
    double value = 0;
    if (t->kind == TOKEN_INTEGER || t->kind == TOKEN_FLOAT) {
        uint64_t whole;
        value = t->kind == TOKEN_INTEGER && token_unsigned(t, &whole) ? (double)whole : token_float(t);
    } else if (is_word(t, "inf") || is_word(t, "infinity")) {
        value = __builtin_inf();
    } else if (is_word(t, "nan")) {
        value = __builtin_nan("");
    } else {
        return false;
    }
    lexer_next(&v->lex);
    value = minus ? -value : value;
    uint64_t bits = 0;
    memcpy(&bits, &value, sizeof bits);
    if (type == PB_FLOAT) {
        float single = (float)value;
        uint32_t small;
        memcpy(&small, &single, sizeof small);
        bits = small;
        pb_put_fixed32(out, small);
    } else {
        pb_put_fixed64(out, bits);
    }
    *zero = bits == 0;
    return true;
}

static bool truth(struct proto_values *v, bool in_text, struct text *out, bool *zero)
{
    static const char *const yes[] = {"true", "True", "t", "1"}, *const no[] = {"false", "False", "f", "0"};
    for (size_t i = 0; i < (in_text ? 4 : 1); i++) {
        bool is = token_is(&v->lex.token, yes[i]);
        if (!is && !token_is(&v->lex.token, no[i]))
            continue;
        pb_put_varint(out, is);
        *zero = !is;
        lexer_next(&v->lex);
        return true;
    }
    return false;
}

static bool enum_value(struct proto_values *v, const proto_field *f, bool in_text, struct text *out, bool *zero)
{
    const struct proto_symbol *type = proto_type_of(v->linker, f);
    const struct token at = v->lex.token;
    if (at.kind != TOKEN_WORD)
        return in_text && whole_number(v, PB_INT32, out, zero);
    for (size_t i = 0; type != NULL && i < type->enumeration->n_value; i++)
        if (token_is(&at, type->enumeration->value[i]->name)) {
            int32_t number = type->enumeration->value[i]->number;
            pb_put_varint(out, (uint64_t)(int64_t)number);
            *zero = number == 0;
            lexer_next(&v->lex);
            return true;
        }
    lexer_fail(&v->lex, &at, ERROR_INVALID, "enum \"%s\" has no value \"%.*s\"", type != NULL ? type->full_name : "",
               (int)at.text.len, (const char *)at.text.data);
    return false;
}

static bool string_value(struct proto_values *v, struct text *out, bool *zero)
{
    if (v->lex.token.kind != TOKEN_STRING)
        return false;
    while (v->lex.token.kind == TOKEN_STRING) {
        token_string(&v->lex, &v->lex.token, out);
        lexer_next(&v->lex);
    }
    *zero = out->len == 0;
    return v->lex.code == 0;
}

/* ---- messages ---- */

/* As the text format names it: a group by its type's name. */
static struct proto_known text_member(const struct proto_symbol *message, const char *name)
{
    struct proto_known known = proto_member(message, name);
    if (known.field != NULL)
        return (int)known.field->type == GROUP ? (struct proto_known){NULL, NULL} : known;
    for (size_t i = 0; i < message->message->n_field; i++) {
        const proto_field *f = message->message->field[i];
        const char *type = (int)f->type == GROUP ? strrchr(f->type_name, '.') : NULL;
        if (type != NULL && strcmp(type + 1, name) == 0)
            return (struct proto_known){f, message->unit};
    }
    return known;
}

/* "name", or "[extension.name]". In *url what stands in brackets when it has a slash: an Any's type. */
static struct proto_known field_name(struct proto_values *v, const struct proto_symbol *message, struct text *url)
{
    const struct token at = v->lex.token;
    struct text name = TEXT_INIT;
    struct proto_known s = {NULL, NULL};
    bool bracket = take(v, "[");
    if (!bracket && at.kind == TOKEN_WORD) {
        text_add(&name, at.text.data, at.text.len);
        lexer_next(&v->lex);
    }
    while (bracket && v->lex.code == 0 && !token_is(&v->lex.token, "]") && v->lex.token.kind != TOKEN_END) {
        text_add(&name, v->lex.token.text.data, v->lex.token.text.len);
        lexer_next(&v->lex);
    }
    if (bracket && !take(v, "]"))
        text_clear(&name);
    if (!text_ok(&name))
        no_memory(v);
    else if (name.len == 0)
        fail(v, &at, "expected a field of \"%s\"", message->full_name);
    else if (bracket && memchr(name.data, '/', name.len) != NULL)
        text_add(url, name.data, name.len);
    else if (bracket)
        s = proto_extension(v->linker, v->scope, text_string(&name), message->full_name);
    else
        s = text_member(message, text_string(&name));
    if (v->lex.code == 0 && s.field == NULL && url->len == 0)
        fail(v, &at, "\"%s\" has no %s \"%s\"%s", message->full_name, bracket ? "extension" : "field",
             text_string(&name), bracket ? " that this file sees" : "");
    text_deinit(&name);
    return s;
}

/* Fields of one oneof, and the same singular field, exclude each other. */
static bool may_be_set(struct proto_values *v, const struct parts *parts, const struct proto_known *field,
                       const struct token *at)
{
    const proto_field *f = field->field;
    for (size_t i = 0; i < parts->list.count && !repeated(f); i++) {
        const proto_field *other = parts->list.items[i].field.field;
        if (other == f)
            return fail(v, at, "\"%s\" is set already", f->name);
        if (f->extendee == NULL && other->extendee == NULL && f->has_oneof_index && other->has_oneof_index &&
            f->oneof_index == other->oneof_index)
            return fail(v, at, "\"%s\" and \"%s\" are of one oneof", other->name, f->name);
    }
    return true;
}

static bool add_value(struct proto_values *v, struct parts *parts, const struct proto_known *field)
{
    struct part part = {.field = *field};
    const struct token at = v->lex.token;
    if (!may_be_set(v, parts, field, &at))
        return false;
    bool ok = proto_value(v, field, true, &part.value, &part.zero);
    if (!ok || !text_ok(&part.value) || !array_push(&parts->list, part)) {
        text_deinit(&part.value);
        return ok ? no_memory(v) : false;
    }
    return true;
}

static bool add_field(struct proto_values *v, struct parts *parts, const struct proto_known *field)
{
    bool message = (int)field->field->type == PB_MESSAGE || (int)field->field->type == GROUP;
    const struct token at = v->lex.token;
    if (!take(v, ":") && !message)
        return fail(v, &at, "expected \":\" after \"%s\"", field->field->name);
    if (!repeated(field->field) || !take(v, "["))
        return add_value(v, parts, field);
    if (take(v, "]"))
        return true;
    do {
        if (!add_value(v, parts, field))
            return false;
    } while (take(v, ","));
    return take(v, "]") || fail(v, &v->lex.token, "expected \"]\" or \",\" in the list \"%s\"", field->field->name);
}

/* Proto3's fields without presence are not sent while they are zero. */
static bool left_out(const struct proto_values *v, const struct part *p, bool entry)
{
    const proto_field *f = p->field.field;
    return p->zero && !entry && !repeated(f) &&
           proto_field_features(v->linker, p->field.unit, f).presence == PRESENCE_IMPLICIT;
}

static bool is_packed(const struct proto_values *v, const struct proto_known *s)
{
    const proto_field *f = s->field;
    enum pb_wire_type wire = wire_of(f);
    if (!repeated(f) || wire == PB_WIRE_BYTES || wire == PB_WIRE_GROUP)
        return false;
    return proto_field_features(v->linker, s->unit, f).repeated == REPEATED_PACKED;
}

static int by_number(const void *a, const void *b)
{
    const struct part *x = a, *y = b;
    int32_t n = x->field.field->number, m = y->field.field->number;
    if (n != m)
        return n < m ? -1 : 1;
    return 0;
}

/* A stable sort: values of one field keep their order. Parts are few. */
static void sort(struct parts *parts)
{
    for (size_t i = 1; i < parts->list.count; i++) {
        struct part moved = parts->list.items[i];
        size_t k = i;
        for (; k > 0 && by_number(&parts->list.items[k - 1], &moved) > 0; k--)
            parts->list.items[k] = parts->list.items[k - 1];
        parts->list.items[k] = moved;
    }
}

static void write_parts(const struct proto_values *v, struct parts *parts, bool entry, struct text *out)
{
    sort(parts);
    for (size_t i = 0; i < parts->list.count;) {
        const struct part *p = &parts->list.items[i];
        if (!is_packed(v, &p->field)) {
            if (!left_out(v, p, entry))
                proto_put(out, p->field.field, text_bytes(&p->value));
            i++;
            continue;
        }
        size_t mark = pb_open(out, (uint32_t)p->field.field->number);
        for (const proto_field *f = p->field.field; i < parts->list.count && parts->list.items[i].field.field == f; i++)
            pb_put(out, parts->list.items[i].value.data, parts->list.items[i].value.len);
        pb_close(out, mark);
    }
}

/* What has to be there: required fields, and a map entry's two, which are never left out. */
static bool complete(struct proto_values *v, const struct proto_symbol *message, struct parts *parts, bool entry,
                     const struct token *at)
{
    const proto_message *m = message->message;
    for (size_t i = 0; i < m->n_field; i++) {
        const proto_field *f = m->field[i];
        bool there = false;
        for (size_t k = 0; k < parts->list.count; k++)
            there = there || parts->list.items[k].field.field == f;
        if (there || (!entry && f->label != GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__LABEL__LABEL_REQUIRED))
            continue;
        if (!entry)
            return fail(v, at, "\"%s\" has to have \"%s\"", message->full_name, f->name);
        struct part blank = {.field = {f, message->unit}, .zero = true};
        enum pb_wire_type wire = wire_of(f);
        if (wire == PB_WIRE_VARINT)
            pb_put_varint(&blank.value, 0);
        else if (wire == PB_WIRE_FIXED32)
            pb_put_fixed32(&blank.value, 0);
        else if (wire == PB_WIRE_FIXED64)
            pb_put_fixed64(&blank.value, 0);
        if (!text_ok(&blank.value) || !array_push(&parts->list, blank)) {
            text_deinit(&blank.value);
            return no_memory(v);
        }
    }
    return true;
}

static bool message_value(struct proto_values *v, const struct proto_symbol *message, struct text *out);

/* [type.googleapis.com/a.B] { ... } */
static bool any_value(struct proto_values *v, const struct text *url, const struct token *at, struct text *out)
{
    const char *name = strrchr(text_string(url), '/') + 1;
    const struct proto_symbol *type = proto_message_named(v->linker, name);
    struct text inner = TEXT_INIT;
    if (type == NULL)
        return fail(v, at, "there is no message \"%s\" that this file sees", name);
    take(v, ":");
    bool ok = message_value(v, type, &inner);
    pb_put_bytes(out, 1, text_bytes(url));
    if (inner.len > 0)
        pb_put_bytes(out, 2, text_bytes(&inner));
    ok = ok && (text_ok(&inner) || no_memory(v));
    text_deinit(&inner);
    return ok;
}

static bool read_fields(struct proto_values *v, const struct proto_symbol *message, const char *end,
                        struct parts *parts, struct text *out)
{
    while (v->lex.code == 0 && !token_is(&v->lex.token, end)) {
        struct text url = TEXT_INIT;
        const struct token at = v->lex.token;
        struct proto_known field = field_name(v, message, &url);
        bool ok = v->lex.code == 0;
        if (ok && field.field != NULL)
            ok = add_field(v, parts, &field);
        else if (ok &&
                 (strcmp(message->full_name, "google.protobuf.Any") != 0 || parts->list.count > 0 || out->len > 0))
            ok = fail(v, &at, "\"%s\" stands in an Any by itself", text_string(&url));
        else if (ok)
            ok = any_value(v, &url, &at, out);
        text_deinit(&url);
        if (!ok)
            return false;
        if (!take(v, ","))
            take(v, ";");
    }
    return v->lex.code == 0;
}

static bool message_value(struct proto_values *v, const struct proto_symbol *message, struct text *out)
{
    struct parts parts = {0};
    struct text any = TEXT_INIT;
    bool angle = token_is(&v->lex.token, "<");
    bool entry = message->message->options != NULL && message->message->options->map_entry;
    if (v->depth == PROTO_DEPTH_MAX) {
        lexer_fail(&v->lex, &v->lex.token, ERROR_LIMIT, "an option's value may have %d levels", PROTO_DEPTH_MAX);
        return false;
    }
    v->depth++;
    lexer_next(&v->lex);
    bool ok = read_fields(v, message, angle ? ">" : "}", &parts, &any);
    const struct token at = v->lex.token;
    if (ok && any.len == 0)
        ok = complete(v, message, &parts, entry, &at);
    if (ok) {
        lexer_next(&v->lex);
        pb_put(out, any.data, any.len);
        write_parts(v, &parts, entry, out);
        ok = (text_ok(&any) && text_ok(out)) || no_memory(v);
    }
    v->depth--;
    for (size_t i = 0; i < parts.list.count; i++)
        text_deinit(&parts.list.items[i].value);
    array_deinit(&parts.list);
    text_deinit(&any);
    return ok && v->lex.code == 0;
}

bool proto_value(struct proto_values *v, const struct proto_known *field, bool in_text, struct text *out, bool *zero)
{
    const struct token at = v->lex.token;
    int type = (int)field->field->type;
    const struct proto_symbol *message;
    bool ok = false;
    *zero = false;
    if (type == PB_DOUBLE || type == PB_FLOAT)
        ok = real_number(v, type, out, zero);
    else if (type == PB_BOOL)
        ok = truth(v, in_text, out, zero);
    else if (type == PB_ENUM)
        ok = enum_value(v, field->field, in_text, out, zero);
    else if (type == PB_STRING || type == PB_BYTES)
        ok = string_value(v, out, zero);
    else if (type != PB_MESSAGE && type != GROUP)
        ok = whole_number(v, type, out, zero);
    else if ((token_is(&at, "{") || (in_text && token_is(&at, "<"))) &&
             (message = proto_type_of(v->linker, field->field)) != NULL)
        ok = message_value(v, message, out);
    if (!ok && v->lex.code == 0)
        fail(v, &at, "\"%s\" is %s", field->field->name, type_words[type]);
    return ok && v->lex.code == 0;
}
