/* Numbers and names that are set aside. */
#include "wire/proto/types.h"

bool parse_range(struct parser *p, int64_t max, bool negative, struct range *r)
{
    uint64_t value = 0;
    const struct token at = p->lex.token;
    struct place start = parse_place(p, 1, -1);
    if (negative ? !parse_signed(p, "a number", &r->first) : !parse_integer(p, (uint64_t)max, "a number", &value))
        return false;
    if (!negative)
        r->first = (int64_t)value;
    parse_placed(p, &start);
    r->last = r->first;
    bool to = parse_take(p, "to");
    struct place end = parse_place(p, 2, -1);
    if (!to)
        parse_starts(p, &end, &at);
    else if (parse_take(p, "max"))
        r->last = max;
    else if (negative ? !parse_signed(p, "a number", &r->last) : !parse_integer(p, (uint64_t)max, "a number", &value))
        return false;
    else if (!negative)
        r->last = (int64_t)value;
    parse_placed(p, &end);
    if (r->last < r->first || (!negative && r->first == 0))
        lexer_fail(&p->lex, &at, ERROR_INVALID, "a range goes from a smaller number to a larger one, from 1 on");
    return p->lex.code == 0;
}

void parse_reserved_names(struct parser *p, struct place *place, size_t *count, char ***list)
{
    do {
        struct place one = parse_place(p, (int32_t)*count, -1);
        char *name = p->unit->edition != 0 ? parse_word(p, "a name, without quotes")
                                           : parse_text_string(p, "a field's name in quotes");
        parse_placed(p, &one);
        if (name != NULL)
            parse_append(p, count, list, name);
    } while (parse_take(p, ","));
    parse_need_end(p, ";", place);
    parse_placed(p, place);
}

struct place parse_reserved_begin(struct parser *p, int32_t numbers, int32_t names, bool *named)
{
    const struct token at = p->lex.token;
    lexer_next(&p->lex);
    *named = p->lex.token.kind == TOKEN_STRING || p->lex.token.kind == TOKEN_WORD;
    struct place place = parse_place(p, *named ? names : numbers, -1);
    parse_starts(p, &place, &at);
    return place;
}
