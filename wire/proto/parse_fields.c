/* Fields: labels, types, maps, groups, extensions. */
#include "wire/proto/types.h"

#include <ctype.h>
#include <string.h>

enum {
    FIELD_NAME = 1,
    FIELD_EXTENDEE = 2,
    FIELD_NUMBER = 3,
    FIELD_LABEL = 4,
    FIELD_TYPE = 5,
    FIELD_TYPE_NAME = 6,
    FIELD_OPTIONS = 8
};

#define LABEL_OPTIONAL GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__LABEL__LABEL_OPTIONAL
#define LABEL_REQUIRED GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__LABEL__LABEL_REQUIRED
#define LABEL_REPEATED GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__LABEL__LABEL_REPEATED
#define TYPE_GROUP     GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_GROUP
#define TYPE_MESSAGE   GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_MESSAGE

static const struct {
    const char *name;
    int type;
} scalars[] = {{"double", 1},  {"float", 2},     {"int64", 3},     {"uint64", 4},  {"int32", 5},
               {"fixed64", 6}, {"fixed32", 7},   {"bool", 8},      {"string", 9},  {"bytes", 12},
               {"uint32", 13}, {"sfixed32", 15}, {"sfixed64", 16}, {"sint32", 17}, {"sint64", 18}};

static int scalar_type(const struct token *t)
{
    for (size_t i = 0; i < sizeof scalars / sizeof scalars[0]; i++)
        if (token_is(t, scalars[i].name))
            return scalars[i].type;
    return 0;
}

/* ---- names made from names ---- */

/* json_name: underscores go, the letter after one is upper case. */
static char *json_name(struct parser *p, const char *name)
{
    struct text out = TEXT_INIT;
    bool upper = false;
    for (const char *c = name; *c != '\0'; c++) {
        if (*c != '_')
            text_char(&out, (char)(upper ? toupper((unsigned char)*c) : *c));
        upper = *c == '_';
    }
    char *s = text_ok(&out) ? parse_string(p, text_bytes(&out)) : NULL;
    if (s == NULL)
        parse_no_memory(p);
    text_deinit(&out);
    return s;
}

/* A map's entry type: "item_count" gives ItemCountEntry. */
static char *entry_name(struct parser *p, const char *name)
{
    struct text out = TEXT_INIT;
    bool upper = true;
    for (const char *c = name; *c != '\0'; c++) {
        if (*c != '_')
            text_char(&out, (char)(upper ? toupper((unsigned char)*c) : *c));
        upper = *c == '_';
    }
    text_puts(&out, "Entry");
    char *s = text_ok(&out) ? parse_string(p, text_bytes(&out)) : NULL;
    if (s == NULL)
        parse_no_memory(p);
    text_deinit(&out);
    return s;
}

/* ---- fields ---- */

static void set_type(proto_field *f, int type)
{
    f->has_type = type != 0;
    f->type = (Google__Protobuf__FieldDescriptorProto__Type)type;
}

static void set_label(proto_field *f, int label)
{
    f->has_label = true;
    f->label = (Google__Protobuf__FieldDescriptorProto__Label)label;
}

/* The word before the type: presence, or that there are many. */
static void parse_label(struct parser *p, proto_field *f, bool in_oneof)
{
    static const struct {
        const char *word;
        int label;
    } labels[] = {{"optional", LABEL_OPTIONAL}, {"required", LABEL_REQUIRED}, {"repeated", LABEL_REPEATED}};
    const struct token at = p->lex.token;
    set_label(f, LABEL_OPTIONAL);
    for (size_t i = 0; i < sizeof labels / sizeof labels[0]; i++) {
        if (!token_is(&at, labels[i].word))
            continue;
        struct place place = parse_place(p, FIELD_LABEL, -1);
        lexer_next(&p->lex);
        parse_placed(p, &place);
        set_label(f, labels[i].label);
        if (p->unit->edition != 0 && labels[i].label != LABEL_REPEATED)
            lexer_fail(&p->lex, &at, ERROR_INVALID,
                       "an edition has no label \"%s\": [features.field_presence = %s] says it", labels[i].word,
                       labels[i].label == LABEL_REQUIRED ? "LEGACY_REQUIRED" : "EXPLICIT");
        else if (in_oneof)
            lexer_fail(&p->lex, &at, ERROR_INVALID, "a oneof's fields have no label: exactly one of them is set");
        else if (labels[i].label == LABEL_REQUIRED && p->unit->proto3)
            lexer_fail(&p->lex, &at, ERROR_INVALID, "proto3 has no required fields");
        else if (labels[i].label == LABEL_OPTIONAL && p->unit->proto3)
            f->has_proto3_optional = f->proto3_optional = true;
        return;
    }
    if (!p->unit->proto3 && p->unit->edition == 0 && !in_oneof && !token_is(&at, "map"))
        parse_expected(p, "\"optional\", \"required\" or \"repeated\", which proto2 asks for");
}

static void parse_type(struct parser *p, const char *scope, proto_field *f, bool map_key)
{
    const struct token at = p->lex.token;
    int type = scalar_type(&at);
    struct place place = parse_place(p, type != 0 ? FIELD_TYPE : FIELD_TYPE_NAME, -1);
    if (type != 0) {
        lexer_next(&p->lex);
        set_type(f, type);
    } else {
        f->type_name = parse_dotted(p, "a type", true);
        parse_refer(p, (struct proto_reference){
                           .name = &f->type_name, .scope = scope, .field = f, .map_key = map_key, .place = at});
    }
    parse_placed(p, &place);
    if (map_key && (type == 1 || type == 2 || type == 12))
        lexer_fail(&p->lex, &at, ERROR_INVALID, "a map's key is an integer, a bool or a string, not %s",
                   scalars[type == 12 ? 9 : type - 1].name);
}

static proto_field *new_field(struct parser *p, const char *name, int32_t number, int label)
{
    proto_field *f = parse_new(p, &google__protobuf__field_descriptor_proto__descriptor);
    if (f == NULL)
        return NULL;
    f->name = (char *)(uintptr_t)name; /* the arena's */
    f->has_number = true;
    f->number = number;
    set_label(f, label);
    return f;
}

/* map<K, V> stands for a repeated message that has a key and a value. Its name comes with the field's, which is read
 * next. */
static void parse_map(struct parser *p, struct body *b, proto_field *f)
{
    proto_message *entry = parse_new(p, &google__protobuf__descriptor_proto__descriptor);
    proto_field *key = new_field(p, "key", 1, LABEL_OPTIONAL), *value = new_field(p, "value", 2, LABEL_OPTIONAL);
    struct place place = parse_place(p, FIELD_TYPE_NAME, -1);
    if (entry == NULL || key == NULL || value == NULL)
        return;
    Google__Protobuf__SourceCodeInfo *info = p->unit->file->source_code_info;
    size_t places = info->n_location;
    lexer_next(&p->lex); /* map */
    parse_need(p, "<");
    parse_type(p, b->scope, key, true);
    parse_need(p, ",");
    parse_type(p, b->scope, value, false);
    parse_need(p, ">");
    info->n_location = places; /* key and value have no places of their own */
    parse_placed(p, &place);
    set_label(f, LABEL_REPEATED);
    set_type(f, TYPE_MESSAGE);
    entry->options = parse_new(p, &google__protobuf__message_options__descriptor);
    if (entry->options == NULL)
        return;
    entry->options->has_map_entry = entry->options->map_entry = true;
    key->json_name = key->name;
    value->json_name = value->name;
    parse_append(p, &entry->n_field, &entry->field, key);
    parse_append(p, &entry->n_field, &entry->field, value);
    parse_append(p, &b->message->n_nested_type, &b->message->nested_type, entry);
}

static void name_entry(struct parser *p, struct body *b, proto_field *f, const struct token *at)
{
    proto_message *entry = b->message->nested_type[b->message->n_nested_type - 1];
    entry->name = entry_name(p, f->name);
    const char *full = parse_full_name(p, b->scope, entry->name);
    f->type_name = full != NULL ? arena_printf(p->arena, ".%s", full) : NULL;
    if (f->type_name == NULL)
        parse_no_memory(p);
    parse_define(p, (struct proto_symbol){.full_name = full, .kind = SYMBOL_MESSAGE, .place = *at, .message = entry});
}

static void parse_number(struct parser *p, proto_field *f, struct token *at)
{
    uint64_t number = 0;
    parse_need(p, "=");
    struct place place = parse_place(p, FIELD_NUMBER, -1);
    *at = p->lex.token;
    if (parse_integer(p, PROTO_RANGE_MAX, "a field's number", &number) && number == 0)
        lexer_fail(&p->lex, at, ERROR_INVALID, "a field's number is at least 1");
    if (number >= 19000 && number <= 19999)
        lexer_fail(&p->lex, at, ERROR_INVALID, "numbers 19000 to 19999 are the implementations' own");
    if (number > PROTO_NUMBER_MAX && f->extendee == NULL)
        lexer_fail(&p->lex, at, ERROR_INVALID, "a field's number is at most %d", PROTO_NUMBER_MAX);
    parse_placed(p, &place);
    f->has_number = true;
    f->number = (int32_t)number;
}

/* Where a field stands: in a message, a oneof of it, or an "extend". */
struct field_spot {
    const char *scope;
    struct body *body; /* of an extension: NULL */
    bool in_oneof;
    int32_t group_kind; /* where a group's message goes, and from how deep a path */
    size_t group_depth;
    size_t *group_count;
    proto_message ***groups;
};

/* Of a group the place of the field's type stands behind those of the message and its name. */
static void type_last(struct parser *p)
{
    Google__Protobuf__SourceCodeInfo *info = p->unit->file->source_code_info;
    if (p->lex.code != 0 || info->n_location < 3)
        return;
    proto_location **last = &info->location[info->n_location - 3], *type = last[0];
    memmove(last, last + 1, 2 * sizeof *last);
    last[2] = type;
}

/* A group is a field and the message it holds in one. */
static void parse_group(struct parser *p, proto_field *f, const struct token *name, const struct field_spot *spot,
                        struct place *field_place)
{
    proto_message *m = parse_new(p, &google__protobuf__descriptor_proto__descriptor);
    if (m == NULL || f->name == NULL)
        return;
    m->name = f->name;
    if (!isupper((unsigned char)m->name[0]))
        lexer_fail(&p->lex, name, ERROR_INVALID, "a group's name begins with a capital letter, since it is a type's");
    size_t depth = p->path_len;
    p->path_len = spot->group_depth;
    struct place place = parse_place(p, spot->group_kind, (int32_t)*spot->group_count);
    if (field_place->location != NULL && place.location != NULL)
        memcpy(place.location->span, field_place->location->span, 2 * sizeof(int32_t));
    parse_append(p, spot->group_count, spot->groups, m);
    struct place m_name = parse_place(p, 1, -1);
    parse_placed_between(p, &m_name, name, name);
    type_last(p);
    struct body body = {.message = m, .scope = parse_full_name(p, spot->scope, m->name)};
    parse_define(p,
                 (struct proto_symbol){.full_name = body.scope, .kind = SYMBOL_MESSAGE, .place = *name, .message = m});
    char *lower = arena_string(p->arena, m->name);
    for (char *c = lower; c != NULL && *c != '\0'; c++)
        *c = (char)tolower((unsigned char)*c);
    if (lower == NULL)
        parse_no_memory(p);
    f->name = lower;
    f->type_name = body.scope != NULL ? arena_printf(p->arena, ".%s", body.scope) : NULL;
    set_type(f, TYPE_GROUP);
    if (body.scope != NULL)
        parse_body(p, &body, &place);
    array_deinit(&body.numbers);
    parse_placed(p, &place);
    p->path_len = depth;
}

/* One field or extension; `place` has been begun. Returns where its number stands. */
static struct token parse_field(struct parser *p, proto_field *f, struct place *place, const struct field_spot *spot)
{
    struct token number = p->lex.token;
    parse_label(p, f, spot->in_oneof);
    bool map = token_is(&p->lex.token, "map"), group = token_is(&p->lex.token, "group");
    const struct token type_at = p->lex.token;
    if (map && spot->body != NULL && !spot->in_oneof) {
        if (f->label != LABEL_OPTIONAL || f->proto3_optional)
            lexer_fail(&p->lex, &type_at, ERROR_INVALID, "a map has no label: it is repeated by itself");
        parse_map(p, spot->body, f);
    } else if (map) {
        lexer_fail(&p->lex, &type_at, ERROR_INVALID, "a map can be neither in a oneof nor an extension");
    } else if (group) {
        if (p->unit->proto3)
            lexer_fail(&p->lex, &type_at, ERROR_INVALID, "proto3 has no groups");
        if (p->unit->edition != 0)
            lexer_fail(&p->lex, &type_at, ERROR_INVALID,
                       "an edition has no groups: a message with [features.message_encoding = DELIMITED] is one");
        struct place type = parse_place(p, FIELD_TYPE, -1);
        lexer_next(&p->lex);
        parse_placed(p, &type);
    } else {
        parse_type(p, spot->scope, f, false);
    }
    struct place name = parse_place(p, FIELD_NAME, -1);
    const struct token name_at = p->lex.token;
    f->name = parse_word(p, "the field's name");
    parse_placed(p, &name);
    if (p->lex.code != 0)
        return number;
    if (map)
        name_entry(p, spot->body, f, &name_at);
    parse_number(p, f, &number);
    parse_option_list(p, FIELD_OPTIONS, &google__protobuf__field_options__descriptor, &f->options, f);
    if (group) {
        struct place type = parse_place(p, FIELD_TYPE_NAME, -1);
        parse_placed_between(p, &type, &name_at, &name_at);
        parse_group(p, f, &name_at, spot, place);
    } else {
        parse_need_end(p, ";", place);
    }
    if (p->lex.code != 0)
        return number;
    if (f->json_name == NULL)
        f->json_name = json_name(p, f->name);
    if (f->default_value != NULL && p->unit->proto3)
        lexer_fail(&p->lex, &name_at, ERROR_INVALID, "proto3 has no defaults of one's own");
    for (size_t i = p->unit->references.count; i-- > 0;)
        if (p->unit->references.items[i].field == f)
            p->unit->references.items[i].default_value = f->default_value;
    parse_define(p, (struct proto_symbol){.full_name = parse_full_name(p, spot->scope, f->name),
                                          .kind = SYMBOL_FIELD,
                                          .place = name_at,
                                          .field = f});
    return number;
}

/* Appends a field to a message and reads it. */
void parse_message_field(struct parser *p, struct body *b, int oneof)
{
    proto_message *m = b->message;
    struct place place = parse_place(p, MESSAGE_FIELD, (int32_t)m->n_field);
    proto_field *f = parse_new(p, &google__protobuf__field_descriptor_proto__descriptor);
    if (f == NULL)
        return;
    parse_append(p, &m->n_field, &m->field, f);
    if (oneof >= 0) {
        f->has_oneof_index = true;
        f->oneof_index = oneof;
    }
    struct field_spot spot = {.scope = b->scope,
                              .body = b,
                              .in_oneof = oneof >= 0,
                              .group_kind = MESSAGE_NESTED,
                              .group_depth = place.depth,
                              .group_count = &m->n_nested_type,
                              .groups = &m->nested_type};
    if (oneof >= 0) /* a group in a oneof stands in the message all the same */
        p->path_len = place.depth + 2;
    struct token number = parse_field(p, f, &place, &spot);
    if (!array_push(&b->numbers, number))
        parse_no_memory(p);
    parse_placed(p, &place);
}

void parse_extend(struct parser *p, const char *scope, int32_t kind, size_t *count, proto_field ***list,
                  int32_t group_kind, size_t *group_count, proto_message ***groups)
{
    struct place around = parse_place(p, kind, -1);
    lexer_next(&p->lex); /* extend */
    const struct token at = p->lex.token;
    char *extendee = parse_dotted(p, "the message to extend", true);
    const struct token at_end = p->lex.before;
    parse_need_end(p, "{", &around);
    while (p->lex.code == 0 && !token_is(&p->lex.token, "}")) {
        if (parse_end(p, ";", NULL))
            continue;
        struct place place = parse_place(p, (int32_t)*count, -1);
        proto_field *f = parse_new(p, &google__protobuf__field_descriptor_proto__descriptor);
        if (f == NULL)
            return;
        f->extendee = extendee;
        parse_append(p, count, list, f);
        struct place name = parse_place(p, FIELD_EXTENDEE, -1);
        parse_placed_between(p, &name, &at, &at_end);
        parse_refer(p, (struct proto_reference){
                           .name = &f->extendee, .scope = scope, .extendee = true, .extension = f, .place = at});
        struct field_spot spot = {.scope = scope,
                                  .group_kind = group_kind,
                                  .group_depth = around.depth,
                                  .group_count = group_count,
                                  .groups = groups};
        parse_field(p, f, &place, &spot);
        parse_placed(p, &place);
    }
    parse_need_end(p, "}", NULL);
    parse_placed(p, &around);
}
