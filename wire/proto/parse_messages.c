/* Messages: what stands in them, and what only holds for the whole. */
#include "wire/proto/types.h"

#include <string.h>

static void parse_oneof(struct parser *p, struct body *b)
{
    proto_message *m = b->message;
    struct place place = parse_place(p, MESSAGE_ONEOF, (int32_t)m->n_oneof_decl);
    Google__Protobuf__OneofDescriptorProto *o = parse_new(p, &google__protobuf__oneof_descriptor_proto__descriptor);
    if (o == NULL)
        return;
    int index = (int)m->n_oneof_decl;
    parse_append(p, &m->n_oneof_decl, &m->oneof_decl, o);
    lexer_next(&p->lex); /* oneof */
    struct place name = parse_place(p, 1, -1);
    const struct token at = p->lex.token;
    o->name = parse_word(p, "the oneof's name");
    parse_placed(p, &name);
    parse_define(p, (struct proto_symbol){
                        .full_name = parse_full_name(p, b->scope, o->name), .kind = SYMBOL_ONEOF, .place = at});
    parse_need_end(p, "{", &place);
    size_t fields = m->n_field, inside = p->path_len;
    while (p->lex.code == 0 && !token_is(&p->lex.token, "}")) {
        if (parse_end(p, ";", NULL))
            continue;
        if (token_is(&p->lex.token, "option")) {
            parse_option_statement(p, 2, &google__protobuf__oneof_options__descriptor, &o->options);
            continue;
        }
        p->path_len = place.depth; /* its fields are the message's */
        parse_message_field(p, b, index);
        p->path_len = inside;
    }
    if (p->lex.code == 0 && m->n_field == fields)
        lexer_fail(&p->lex, &at, ERROR_INVALID, "a oneof has at least one field");
    parse_need_end(p, "}", NULL);
    parse_placed(p, &place);
}

static void parse_reserved(struct parser *p, proto_message *m)
{
    bool named;
    struct place place = parse_reserved_begin(p, MESSAGE_RESERVED, MESSAGE_RESERVED_NAME, &named);
    if (named) {
        parse_reserved_names(p, &place, &m->n_reserved_name, &m->reserved_name);
        return;
    }
    do {
        struct place one = parse_place(p, (int32_t)m->n_reserved_range, -1);
        struct range r = {0};
        Google__Protobuf__DescriptorProto__ReservedRange *range =
            parse_new(p, &google__protobuf__descriptor_proto__reserved_range__descriptor);
        if (range == NULL || !parse_range(p, PROTO_NUMBER_MAX, false, &r))
            break;
        parse_placed(p, &one);
        range->has_start = range->has_end = true;
        range->start = (int32_t)r.first;
        range->end = (int32_t)(r.last + 1);
        parse_append(p, &m->n_reserved_range, &m->reserved_range, range);
    } while (parse_take(p, ","));
    parse_need_end(p, ";", &place);
    parse_placed(p, &place);
}

static void parse_extensions(struct parser *p, proto_message *m)
{
    size_t first = m->n_extension_range;
    struct place place = parse_place(p, MESSAGE_RANGE, -1);
    if (p->unit->proto3)
        lexer_fail(&p->lex, &p->lex.token, ERROR_INVALID, "proto3 has no ranges of extensions");
    lexer_next(&p->lex); /* extensions */
    bool set = m->options != NULL && m->options->message_set_wire_format;
    do {
        struct place one = parse_place(p, (int32_t)m->n_extension_range, -1);
        struct range r = {0};
        Google__Protobuf__DescriptorProto__ExtensionRange *range =
            parse_new(p, &google__protobuf__descriptor_proto__extension_range__descriptor);
        if (range == NULL || !parse_range(p, set ? PROTO_RANGE_MAX : PROTO_NUMBER_MAX, false, &r))
            break;
        parse_placed(p, &one);
        range->has_start = range->has_end = true;
        range->start = (int32_t)r.first;
        range->end = (int32_t)(r.last + 1);
        parse_append(p, &m->n_extension_range, &m->extension_range, range);
    } while (parse_take(p, ","));
    Google__Protobuf__ExtensionRangeOptions *options = NULL;
    size_t depth = p->path_len;
    if (depth < PROTO_PATH_MAX) /* of several ranges, the options' places are the first's */
        p->path[p->path_len++] = (int32_t)first;
    parse_option_list(p, 3, &google__protobuf__extension_range_options__descriptor, &options, NULL);
    p->path_len = depth;
    for (size_t i = first; i < m->n_extension_range; i++)
        m->extension_range[i]->options = options;
    parse_need_end(p, ";", &place);
    parse_placed(p, &place);
}

static void parse_member(struct parser *p, struct body *b)
{
    proto_message *m = b->message;
    const struct token *t = &p->lex.token;
    if (parse_end(p, ";", NULL))
        return;
    if (token_is(t, "message"))
        parse_message(p, MESSAGE_NESTED, b->scope, &m->n_nested_type, &m->nested_type);
    else if (token_is(t, "enum"))
        parse_enum(p, MESSAGE_ENUM, b->scope, &m->n_enum_type, &m->enum_type);
    else if (token_is(t, "extend"))
        parse_extend(p, b->scope, MESSAGE_EXTENSION, &m->n_extension, &m->extension, MESSAGE_NESTED, &m->n_nested_type,
                     &m->nested_type);
    else if (token_is(t, "extensions"))
        parse_extensions(p, m);
    else if (token_is(t, "reserved"))
        parse_reserved(p, m);
    else if (token_is(t, "option"))
        parse_option_statement(p, MESSAGE_OPTIONS, &google__protobuf__message_options__descriptor, &m->options);
    else if (token_is(t, "oneof"))
        parse_oneof(p, b);
    else
        parse_message_field(p, b, -1);
}

/* A number twice, or one that is reserved. Fields are few, or come in order; a sorted copy is not worth it below the
 * numbers of fields that messages have. */
static void check_numbers(struct parser *p, struct body *b)
{
    const proto_message *m = b->message;
    int32_t highest = 0;
    for (size_t i = 0; p->lex.code == 0 && i < m->n_field; i++) {
        const proto_field *f = m->field[i];
        for (size_t k = 0; f->number <= highest && k < i; k++)
            if (m->field[k]->number == f->number)
                lexer_fail(&p->lex, &b->numbers.items[i], ERROR_INVALID, "number %d is field \"%s\" already", f->number,
                           m->field[k]->name);
        highest = f->number > highest ? f->number : highest;
        for (size_t k = 0; k < m->n_reserved_range; k++)
            if (f->number >= m->reserved_range[k]->start && f->number < m->reserved_range[k]->end)
                lexer_fail(&p->lex, &b->numbers.items[i], ERROR_INVALID, "number %d is reserved", f->number);
        for (size_t k = 0; k < m->n_extension_range; k++)
            if (f->number >= m->extension_range[k]->start && f->number < m->extension_range[k]->end)
                lexer_fail(&p->lex, &b->numbers.items[i], ERROR_INVALID, "number %d is an extension's", f->number);
        for (size_t k = 0; p->unit->proto3 && k < i; k++)
            if (strcmp(m->field[k]->json_name, f->json_name) == 0 && strcmp(m->field[k]->name, f->name) != 0)
                lexer_fail(&p->lex, &b->numbers.items[i], ERROR_INVALID,
                           "fields \"%s\" and \"%s\" are both \"%s\" in JSON", m->field[k]->name, f->name,
                           f->json_name);
        for (size_t k = 0; k < m->n_reserved_name; k++)
            if (strcmp(m->reserved_name[k], f->name) == 0)
                lexer_fail(&p->lex, &b->numbers.items[i], ERROR_INVALID, "the name \"%s\" is reserved", f->name);
    }
}

/* proto3's `optional` is a oneof of one, named after the field, behind those that were written. */
static void add_synthetic_oneofs(struct parser *p, struct body *b)
{
    proto_message *m = b->message;
    for (size_t i = 0; p->lex.code == 0 && i < m->n_field; i++) {
        proto_field *f = m->field[i];
        if (!f->proto3_optional)
            continue;
        Google__Protobuf__OneofDescriptorProto *o = parse_new(p, &google__protobuf__oneof_descriptor_proto__descriptor);
        if (o == NULL || (o->name = arena_printf(p->arena, "_%s", f->name)) == NULL) {
            parse_no_memory(p);
            return;
        }
        for (size_t k = 0; k < m->n_field + m->n_oneof_decl && o->name != NULL; k++) {
            const char *other = k < m->n_field ? m->field[k]->name : m->oneof_decl[k - m->n_field]->name;
            if (strcmp(other, o->name) == 0) {
                o->name = arena_printf(p->arena, "X%s", o->name);
                k = (size_t)-1; /* from the beginning */
            }
        }
        f->has_oneof_index = true;
        f->oneof_index = (int32_t)m->n_oneof_decl;
        parse_append(p, &m->n_oneof_decl, &m->oneof_decl, o);
    }
}

void parse_body(struct parser *p, struct body *b, struct place *place)
{
    if (p->depth == PROTO_DEPTH_MAX) {
        lexer_fail(&p->lex, &p->lex.token, ERROR_LIMIT, "messages may stand in each other %d levels deep",
                   PROTO_DEPTH_MAX);
        return;
    }
    p->depth++;
    const char *around = p->scope;
    p->scope = b->scope;
    parse_need_end(p, "{", place);
    while (p->lex.code == 0 && !token_is(&p->lex.token, "}")) {
        if (p->lex.token.kind == TOKEN_END)
            parse_expected(p, "\"}\"");
        else
            parse_member(p, b);
    }
    parse_need_end(p, "}", NULL);
    check_numbers(p, b);
    add_synthetic_oneofs(p, b);
    p->scope = around;
    p->depth--;
}

void parse_message(struct parser *p, int32_t kind, const char *scope, size_t *count, proto_message ***list)
{
    struct place place = parse_place(p, kind, (int32_t)*count);
    proto_message *m = parse_new(p, &google__protobuf__descriptor_proto__descriptor);
    if (m == NULL)
        return;
    parse_append(p, count, list, m);
    lexer_next(&p->lex); /* message */
    struct place name = parse_place(p, 1, -1);
    const struct token at = p->lex.token;
    m->name = parse_word(p, "the message's name");
    parse_placed(p, &name);
    struct body body = {.message = m, .scope = parse_full_name(p, scope, m->name)};
    parse_define(p, (struct proto_symbol){.full_name = body.scope, .kind = SYMBOL_MESSAGE, .place = at, .message = m});
    if (body.scope != NULL)
        parse_body(p, &body, &place);
    array_deinit(&body.numbers);
    parse_placed(p, &place);
}
