/* Fields that stayed, and extensions: type, cardinality, name, default, oneof, what languages make of them. */
#include "fakes/breaking/internal.h"

#include "wire/pb.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { GROUP = 10, KINDS = PB_SINT64 + 1 }; /* of proto2; beside enum pb_kind's numbers */

struct field_pair {
    struct comparison *c;
    struct schema_field before, now;
    const char *element; /* full name, by the old field */
    const char *title;   /* `field 3 "price" of "Item"` */
};

static void tell(const struct field_pair *p, enum breaking_rule_id rule, int part, const char *what, const char *was,
                 const char *is)
{
    breaking_tell(p->c, rule, schema_field_place(&p->now, part), schema_field_place(&p->before, part), p->element,
                  "%s %s %s and is %s", p->title, what, was, is);
}

static const char *quoted(const struct field_pair *p, const char *text)
{
    const char *q = arena_printf(&p->c->out->arena, "\"%s\"", text);
    p->c->no_memory |= q == NULL;
    return q != NULL ? q : "";
}

/* ---- types ---- */

static bool named(int kind)
{
    return kind == PB_ENUM || kind == PB_MESSAGE || kind == GROUP;
}

static const char *type_title(const struct schema_field *f)
{
    return named(f->kind) ? f->type_name : schema_kind_name(f->kind);
}

static void tell_type(const struct field_pair *p, enum breaking_rule_id rule, const char *note)
{
    breaking_tell(p->c, rule, schema_field_place(&p->now, named(p->now.kind) ? FIELD_TYPE_NAME : FIELD_TYPE),
                  schema_field_place(&p->before, named(p->before.kind) ? FIELD_TYPE_NAME : FIELD_TYPE), p->element,
                  "%s was %s%s and is %s%s%s", p->title, p->before.kind == GROUP ? "group " : "",
                  type_title(&p->before), p->now.kind == GROUP ? "group " : "", type_title(&p->now), note);
}

/* Another enum of the same short name that has every old value is as good as the same. */
static bool enum_moved(const struct field_pair *p)
{
    const struct schema_element *b = schema_find(&p->c->before->enums, p->before.type_name);
    const struct schema_element *n = schema_find(&p->c->now->enums, p->now.type_name);
    return b != NULL && n != NULL && strcmp(b->name, n->name) == 0 &&
           breaking_enum_within(b->enumeration, n->enumeration);
}

/* Kinds with the same number here read each other's bytes, or bytes and JSON. A string may become bytes on the wire,
 * but bytes are not always a string. */
static const uint8_t wire_groups[KINDS] = {
    [PB_INT32] = 1,    [PB_INT64] = 1,  [PB_UINT32] = 1, [PB_UINT64] = 1,  [PB_BOOL] = 1,     [PB_SINT32] = 2,
    [PB_SINT64] = 2,   [PB_STRING] = 3, [PB_BYTES] = 4,  [PB_FIXED32] = 5, [PB_SFIXED32] = 5, [PB_FIXED64] = 6,
    [PB_SFIXED64] = 6, [PB_DOUBLE] = 7, [PB_FLOAT] = 8,  [GROUP] = 9,      [PB_MESSAGE] = 10, [PB_ENUM] = 11};
static const uint8_t wire_json_groups[KINDS] = {
    [PB_INT32] = 1,   [PB_UINT32] = 1,   [PB_INT64] = 2,  [PB_UINT64] = 2, [PB_FIXED32] = 3,  [PB_SFIXED32] = 3,
    [PB_FIXED64] = 4, [PB_SFIXED64] = 4, [PB_BOOL] = 5,   [PB_SINT32] = 6, [PB_SINT64] = 7,   [PB_STRING] = 8,
    [PB_BYTES] = 9,   [PB_DOUBLE] = 10,  [PB_FLOAT] = 11, [GROUP] = 12,    [PB_MESSAGE] = 13, [PB_ENUM] = 14};

static uint8_t group_of(const uint8_t *groups, int kind)
{
    return kind > 0 && kind < KINDS ? groups[kind] : 0;
}

static void compatible_type(const struct field_pair *p, enum breaking_rule_id rule, const uint8_t *groups,
                            bool string_to_bytes)
{
    int was = p->before.kind, is = p->now.kind;
    if (group_of(groups, was) != group_of(groups, is)) {
        if (!(string_to_bytes && was == PB_STRING && is == PB_BYTES))
            tell_type(p, rule, was == PB_BYTES && is == PB_STRING ? ", which not all bytes are" : "");
    } else if (named(is) && strcmp(p->before.type_name, p->now.type_name) != 0 && !(is == PB_ENUM && enum_moved(p))) {
        tell_type(p, rule, "");
    }
}

static void types(const struct field_pair *p)
{
    if (p->before.kind != p->now.kind || (named(p->now.kind) && strcmp(p->before.type_name, p->now.type_name) != 0))
        tell_type(p, FIELD_SAME_TYPE, "");
    compatible_type(p, FIELD_WIRE_COMPATIBLE_TYPE, wire_groups, true);
    compatible_type(p, FIELD_WIRE_JSON_COMPATIBLE_TYPE, wire_json_groups, false);
}

/* ---- cardinality ---- */

static bool map_entry(const struct schema_field *f)
{
    const struct schema_element *o = f->owner;
    return o->message != NULL && o->message->options != NULL && o->message->options->map_entry;
}

static void cardinality(const struct field_pair *p)
{
    static const char *const names[] = {"optional with presence", "optional without presence", "required", "repeated",
                                        "a map"};
    static const uint8_t wire[] = {1, 1, 2, 3, 3}, wire_json[] = {1, 1, 2, 3, 4};
    enum schema_cardinality was = p->before.cardinality, is = p->now.cardinality;
    if (was == is || (map_entry(&p->before) && map_entry(&p->now)))
        return;
    tell(p, FIELD_SAME_CARDINALITY, 0, "was", names[was], names[is]);
    if (wire[was] != wire[is])
        tell(p, FIELD_WIRE_COMPATIBLE_CARDINALITY, 0, "was", names[was], names[is]);
    if (wire_json[was] != wire_json[is])
        tell(p, FIELD_WIRE_JSON_COMPATIBLE_CARDINALITY, 0, "was", names[was], names[is]);
}

/* ---- names ---- */

static void names(const struct field_pair *p)
{
    bool extension = p->before.proto->extendee != NULL;
    const char *was = extension ? p->before.owner->full_name : p->before.proto->name;
    const char *is = extension ? p->now.owner->full_name : p->now.proto->name;
    if (strcmp(was, is) != 0)
        tell(p, FIELD_SAME_NAME, FIELD_NAME, "was named", quoted(p, was), quoted(p, is));
    const char *json_was = p->before.proto->json_name, *json_is = p->now.proto->json_name;
    if (!extension && strcmp(json_was != NULL ? json_was : "", json_is != NULL ? json_is : "") != 0)
        tell(p, FIELD_SAME_JSON_NAME, FIELD_JSON_NAME, "was in JSON", quoted(p, json_was != NULL ? json_was : ""),
             quoted(p, json_is != NULL ? json_is : ""));
}

/* ---- defaults ---- */

/* Text or bytes as they are, a number as what holds every 64-bit integer and every double. */
struct value {
    bool text, not_number;
    struct text bytes;
    long double number;
};

static int octal(const char *s, char *out)
{
    int n = 0, value = 0;
    for (; n < 3 && s[n] >= '0' && s[n] <= '7'; n++)
        value = value * 8 + s[n] - '0';
    *out = (char)value;
    return n;
}

/* protoc writes the default of bytes as a C string's body. */
static void unescape(const char *s, struct text *out)
{
    static const char letters[] = "abfnrtv", meant[] = "\a\b\f\n\r\t\v";
    while (*s != '\0') {
        char c = *s++;
        if (c == '\\' && *s != '\0') {
            const char *letter = strchr(letters, *s);
            int digits = octal(s, &c);
            if (digits > 0) {
                s += digits;
            } else if (*s == 'x') {
                char *end;
                c = (char)strtol(s + 1, &end, 16);
                s = end;
            } else {
                c = letter != NULL ? meant[letter - letters] : *s;
                s++;
            }
        }
        text_char(out, c);
    }
}

static long double enum_number(const struct schema *s, const struct schema_field *f)
{
    const struct schema_element *e = schema_find(&s->enums, f->type_name);
    if (e == NULL || e->enumeration->n_value == 0)
        return 0;
    for (size_t i = 0; f->proto->default_value != NULL && i < e->enumeration->n_value; i++)
        if (strcmp(e->enumeration->value[i]->name, f->proto->default_value) == 0)
            return e->enumeration->value[i]->number;
    return e->enumeration->value[0]->number;
}

static struct value default_of(const struct schema *s, const struct schema_field *f)
{
    const char *text = f->proto->default_value;
    struct value v = {.text = f->kind == PB_STRING || f->kind == PB_BYTES};
    if (f->kind == PB_ENUM)
        v.number = enum_number(s, f);
    else if (text == NULL)
        v.number = 0;
    else if (f->kind == PB_STRING)
        text_puts(&v.bytes, text);
    else if (f->kind == PB_BYTES)
        unescape(text, &v.bytes);
    else if (f->kind == PB_BOOL)
        v.number = strcmp(text, "true") == 0;
    else
        v.number = f->kind == PB_FLOAT    ? (long double)strtof(text, NULL)
                   : f->kind == PB_DOUBLE ? (long double)strtod(text, NULL)
                                          : strtold(text, NULL);
    v.not_number = isnan(v.number);
    return v;
}

static bool zero(const struct value *v)
{
    return v->text ? v->bytes.len == 0 : !v->not_number && v->number == 0;
}

static bool equal(const struct value *a, const struct value *b, bool as_float)
{
    if (a->text != b->text)
        return false;
    if (a->text)
        return a->bytes.len == b->bytes.len &&
               memcmp(text_string(&a->bytes), text_string(&b->bytes), a->bytes.len) == 0;
    if (a->not_number || b->not_number)
        return a->not_number && b->not_number;
    return as_float ? (float)a->number == (float)b->number : a->number == b->number;
}

static bool may_default(const struct schema_field *f)
{
    return f->cardinality != CARDINALITY_REPEATED && f->cardinality != CARDINALITY_MAP && f->kind != PB_MESSAGE &&
           f->kind != GROUP;
}

static const char *default_title(const struct field_pair *p, const struct schema_field *f)
{
    return f->proto->default_value != NULL ? quoted(p, f->proto->default_value) : "what its type begins with";
}

static void defaults(const struct field_pair *p)
{
    if (!may_default(&p->before) || !may_default(&p->now))
        return;
    struct value was = default_of(p->c->before, &p->before), is = default_of(p->c->now, &p->now);
    bool floats = (p->before.kind == PB_FLOAT && p->now.kind == PB_DOUBLE) ||
                  (p->before.kind == PB_DOUBLE && p->now.kind == PB_FLOAT);
    if (!(zero(&was) && zero(&is)) && !equal(&was, &is, floats))
        tell(p, FIELD_SAME_DEFAULT, FIELD_DEFAULT, "had the default", default_title(p, &p->before),
             default_title(p, &p->now));
    p->c->no_memory |= !text_ok(&was.bytes) || !text_ok(&is.bytes);
    text_deinit(&was.bytes);
    text_deinit(&is.bytes);
}

/* ---- oneofs ---- */

static void oneofs(const struct field_pair *p)
{
    const char *was = p->before.oneof, *is = p->now.oneof;
    if (p->before.proto->extendee != NULL || (was == NULL && is == NULL) ||
        (was != NULL && is != NULL && strcmp(was, is) == 0))
        return;
    tell(p, FIELD_SAME_ONEOF, 0, "was in", was != NULL ? quoted(p, was) : "no oneof",
         is != NULL ? quoted(p, is) : "in none");
}

/* ---- languages ---- */

static bool wide(int kind)
{
    return kind == PB_INT64 || kind == PB_UINT64 || kind == PB_SINT64 || kind == PB_FIXED64 || kind == PB_SFIXED64;
}

/* Option ctype before edition 2024, else feature (pb.cpp).string_type. */
static const char *cpp_string(const struct schema_field *f)
{
    static const char *const by_option[] = {"STRING", "CORD", "STRING_PIECE"}, *const by_feature[] = {"?", "VIEW",
                                                                                                      "CORD", "STRING"};
    const Google__Protobuf__FieldOptions *o = f->proto->options;
    if (f->owner->file->edition < 2024 && o != NULL && o->has_ctype)
        return (unsigned)o->ctype < 3 ? by_option[(unsigned)o->ctype] : "STRING";
    return f->features.cpp_string < 4 ? by_feature[f->features.cpp_string] : "?";
}

static const char *utf8_check(uint8_t feature)
{
    return feature == 2 ? "checked" : "not checked";
}

static uint8_t java_utf8(const struct schema_field *f)
{
    const Google__Protobuf__FileOptions *o = f->owner->file->proto->options;
    if (f->owner->file->edition < 2023 || (o != NULL && o->has_java_string_check_utf8))
        return o != NULL && o->java_string_check_utf8 ? 2 : f->features.utf8;
    return f->features.java_utf8 == 2 ? 2 : f->features.utf8;
}

static const char *jstype(const struct schema_field *f)
{
    static const char *const types[] = {"JS_NORMAL", "JS_STRING", "JS_NUMBER"};
    unsigned type = f->proto->options != NULL ? (unsigned)f->proto->options->jstype : 0;
    return type < 3 ? types[type] : "?";
}

static void languages(const struct field_pair *p)
{
    int was = p->before.kind, is = p->now.kind;
    if (wide(was) && wide(is) && strcmp(jstype(&p->before), jstype(&p->now)) != 0)
        tell(p, FIELD_SAME_JSTYPE, FIELD_JSTYPE, "had jstype", jstype(&p->before), jstype(&p->now));
    if (was == PB_STRING && is == PB_STRING) {
        if (p->before.features.utf8 != p->now.features.utf8)
            tell(p, FIELD_SAME_UTF8_VALIDATION, FIELD_UTF8, "was", utf8_check(p->before.features.utf8),
                 utf8_check(p->now.features.utf8));
        if (java_utf8(&p->before) != java_utf8(&p->now))
            tell(p, FIELD_SAME_JAVA_UTF8_VALIDATION, 0, "was in Java", utf8_check(java_utf8(&p->before)),
                 utf8_check(java_utf8(&p->now)));
    }
    bool texts = (was == PB_STRING || was == PB_BYTES) && (is == PB_STRING || is == PB_BYTES);
    const char *cpp_was = cpp_string(&p->before), *cpp_is = cpp_string(&p->now);
    /* To come from a string piece to a string costs nobody anything. */
    if (texts && !(map_entry(&p->before) && map_entry(&p->now)) && strcmp(cpp_was, cpp_is) != 0 &&
        !(strcmp(cpp_was, "STRING_PIECE") == 0 && strcmp(cpp_is, "STRING") == 0))
        tell(p, FIELD_SAME_CPP_STRING_TYPE, FIELD_CTYPE, "was in C++", cpp_was, cpp_is);
}

/* ---- pairs ---- */

static void compare(struct comparison *c, const struct schema_field *before, const struct schema_field *now)
{
    struct field_pair p = {.c = c, .before = *before, .now = *now};
    bool extension = before->proto->extendee != NULL;
    p.element = extension ? before->owner->full_name : breaking_name(c, before->owner->full_name, before->proto->name);
    p.title = extension ? arena_printf(&c->out->arena, "extension %d \"%s\"", now->proto->number, now->owner->full_name)
                        : arena_printf(&c->out->arena, "field %d \"%s\" of \"%s\"", now->proto->number,
                                       now->proto->name, now->owner->nested_name);
    if (p.title == NULL) {
        c->no_memory = true;
        return;
    }
    types(&p);
    cardinality(&p);
    names(&p);
    defaults(&p);
    oneofs(&p);
    languages(&p);
}

static void compare_message(struct comparison *c, const struct schema_element *before, const struct schema_element *now)
{
    const schema_message_proto *n = now->message;
    for (size_t i = 0; i < before->message->n_field; i++) {
        int32_t number = before->message->field[i]->number;
        size_t at = i < n->n_field && n->field[i]->number == number ? i : 0; /* mostly in the same place */
        while (at < n->n_field && n->field[at]->number != number)
            at++;
        if (at == n->n_field)
            continue;
        struct schema_field was = schema_field(c->before, before, i), is = schema_field(c->now, now, at);
        compare(c, &was, &is);
    }
}

static const struct schema_element *extension_of(const struct schema *s, const schema_field_proto *of)
{
    for (size_t i = 0; i < s->extensions.list.count; i++) {
        const struct schema_element *e = s->extensions.list.items[i];
        if (e->extension->number == of->number && strcmp(e->extension->extendee, of->extendee) == 0)
            return e;
    }
    return NULL;
}

void breaking_fields(struct comparison *c)
{
    for (size_t i = 0; i < c->before->messages.list.count; i++) {
        const struct schema_element *before = c->before->messages.list.items[i];
        const struct schema_element *now = schema_find(&c->now->messages, before->full_name);
        if (now != NULL)
            compare_message(c, before, now);
    }
    for (size_t i = 0; i < c->before->extensions.list.count; i++) {
        const struct schema_element *before = c->before->extensions.list.items[i];
        const struct schema_element *now = extension_of(c->now, before->extension);
        if (now == NULL)
            continue;
        struct schema_field was = schema_extension(c->before, before), is = schema_extension(c->now, now);
        compare(c, &was, &is);
    }
}
