/* Enums and their values. */
#include "wire/proto/types.h"

enum { ENUM_VALUE = 2, ENUM_OPTIONS = 3, ENUM_RESERVED = 4, ENUM_RESERVED_NAME = 5 };

static void parse_enum_reserved(struct parser *p, proto_enum *e)
{
    bool named;
    struct place place = parse_reserved_begin(p, ENUM_RESERVED, ENUM_RESERVED_NAME, &named);
    if (named) {
        parse_reserved_names(p, &place, &e->n_reserved_name, &e->reserved_name);
        return;
    }
    do {
        struct place one = parse_place(p, (int32_t)e->n_reserved_range, -1);
        struct range r = {0};
        Google__Protobuf__EnumDescriptorProto__EnumReservedRange *range =
            parse_new(p, &google__protobuf__enum_descriptor_proto__enum_reserved_range__descriptor);
        if (range == NULL || !parse_range(p, INT32_MAX, true, &r))
            break;
        parse_placed(p, &one);
        range->has_start = range->has_end = true;
        range->start = (int32_t)r.first;
        range->end = (int32_t)r.last;
        parse_append(p, &e->n_reserved_range, &e->reserved_range, range);
    } while (parse_take(p, ","));
    parse_need_end(p, ";", &place);
    parse_placed(p, &place);
}

static void parse_value(struct parser *p, proto_enum *e, const char *scope)
{
    struct place place = parse_place(p, ENUM_VALUE, (int32_t)e->n_value);
    Google__Protobuf__EnumValueDescriptorProto *v =
        parse_new(p, &google__protobuf__enum_value_descriptor_proto__descriptor);
    if (v == NULL)
        return;
    parse_append(p, &e->n_value, &e->value, v);
    const struct token at = p->lex.token;
    struct place name = parse_place(p, 1, -1);
    v->name = parse_word(p, "a value's name");
    parse_placed(p, &name);
    parse_need(p, "=");
    struct place number_place = parse_place(p, 2, -1);
    const struct token number_at = p->lex.token;
    int64_t number = 0;
    parse_signed(p, "a value's number", &number);
    parse_placed(p, &number_place);
    v->has_number = true;
    v->number = (int32_t)number;
    if (p->unit->proto3 && e->n_value == 1 && number != 0)
        lexer_fail(&p->lex, &number_at, ERROR_INVALID, "in proto3 an enum's first value is 0");
    for (size_t i = 0; i < e->n_reserved_range; i++)
        if (number >= e->reserved_range[i]->start && number <= e->reserved_range[i]->end)
            lexer_fail(&p->lex, &number_at, ERROR_INVALID, "number %lld is reserved", (long long)number);
    parse_option_list(p, 3, &google__protobuf__enum_value_options__descriptor, &v->options, NULL);
    parse_need_end(p, ";", &place);
    parse_placed(p, &place);
    /* As in C, a value's name stands beside its enum's, not below it. */
    parse_define(
        p, (struct proto_symbol){.full_name = parse_full_name(p, scope, v->name), .kind = SYMBOL_VALUE, .place = at});
}

static void check_aliases(struct parser *p, const proto_enum *e, const struct token *at)
{
    if (e->options != NULL && e->options->allow_alias)
        return;
    for (size_t i = 1; p->lex.code == 0 && i < e->n_value; i++) {
        size_t k = e->value[i]->number > e->value[i - 1]->number && e->value[i - 1]->number >= (int32_t)i - 1 ? i : 0;
        for (; k < i; k++)
            if (e->value[k]->number == e->value[i]->number)
                lexer_fail(&p->lex, at, ERROR_INVALID,
                           "values \"%s\" and \"%s\" both have number %d: without option allow_alias that is a slip",
                           e->value[k]->name, e->value[i]->name, e->value[i]->number);
    }
}

void parse_enum(struct parser *p, int32_t kind, const char *scope, size_t *count, proto_enum ***list)
{
    struct place place = parse_place(p, kind, (int32_t)*count);
    proto_enum *e = parse_new(p, &google__protobuf__enum_descriptor_proto__descriptor);
    if (e == NULL)
        return;
    parse_append(p, count, list, e);
    lexer_next(&p->lex); /* enum */
    struct place name = parse_place(p, 1, -1);
    const struct token at = p->lex.token;
    e->name = parse_word(p, "the enum's name");
    parse_placed(p, &name);
    parse_define(
        p, (struct proto_symbol){
               .full_name = parse_full_name(p, scope, e->name), .kind = SYMBOL_ENUM, .place = at, .enumeration = e});
    parse_need_end(p, "{", &place);
    while (p->lex.code == 0 && !token_is(&p->lex.token, "}")) {
        if (parse_end(p, ";", NULL))
            continue;
        if (token_is(&p->lex.token, "option"))
            parse_option_statement(p, ENUM_OPTIONS, &google__protobuf__enum_options__descriptor, &e->options);
        else if (token_is(&p->lex.token, "reserved"))
            parse_enum_reserved(p, e);
        else
            parse_value(p, e, scope);
    }
    parse_need_end(p, "}", NULL);
    parse_placed(p, &place);
    if (p->lex.code == 0 && e->n_value == 0)
        lexer_fail(&p->lex, &at, ERROR_INVALID, "an enum has at least one value");
    check_aliases(p, e, &at);
}
