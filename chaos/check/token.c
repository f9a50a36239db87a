/* Tokens: issued, used, revoked. Each token by itself; exact linearizability: a use that ended ok lies between the
 * token's issue and every revocation known to have happened, and where a token can be redeemed once, it is the only
 * one. A refusal says nothing, for tokens run out; a token whose issue nobody saw the end of is known to nobody. O(n).
 */
#include "chaos/check/search.h"

#include <stdlib.h>

#define NO_OPERATION SIZE_MAX

struct token {
    size_t issue, use, revoke; /* `revoke`: the first to end; `use`: the first met */
};

struct tokens {
    struct table numbers;
    ARRAY(struct token) list;
};

static struct token *token_of(struct tokens *t, const struct operation *o)
{
    const struct token none = {NO_OPERATION, NO_OPERATION, NO_OPERATION};
    uint32_t n = table_add(&t->numbers, o->key, o->value);
    if (n == TABLE_NONE || (n == t->list.count && !array_push(&t->list, none)))
        return NULL;
    return &t->list.items[n];
}

static void fail(const struct history *h, size_t a, size_t b, const char *what, struct check_result *out)
{
    const struct operation *o = &h->operations[a];
    size_t witness[2] = {a, b};
    word key, token;
    say_invalid(out, o->key, witness, b != NO_OPERATION ? 2 : 1, "token %s of %s %s", value_word(h, o->value, token),
                key_word(h, o->key, key), what);
}

static int gather(const struct history *h, struct tokens *t, struct check_result *out)
{
    for (size_t i = 0; i < h->count && out->verdict == VERDICT_VALID; i++) {
        const struct operation *o = &h->operations[i];
        if (o->end != END_OK || (o->function != OPERATION_ISSUE && o->function != OPERATION_REVOKE))
            continue;
        struct token *token = token_of(t, o);
        if (token == NULL)
            return ERROR_MEMORY;
        if (o->function == OPERATION_ISSUE && token->issue != NO_OPERATION)
            fail(h, i, token->issue, "was issued twice", out);
        else if (o->function == OPERATION_ISSUE)
            token->issue = i;
        else if (token->revoke == NO_OPERATION || o->ended < h->operations[token->revoke].ended)
            token->revoke = i;
    }
    return 0;
}

static int check_uses(const struct history *h, bool once, const struct check_limits *limits, struct check_result *out)
{
    struct tokens t = {0};
    out->checked = h->count;
    int code = gather(h, &t, out);
    for (size_t i = 0; i < h->count && code == 0 && out->verdict == VERDICT_VALID; i++) {
        const struct operation *o = &h->operations[i];
        if (stop_asked(limits, i))
            code = ERROR_CANCELLED;
        if (code != 0 || o->end != END_OK || o->function != OPERATION_USE)
            continue;
        struct token *token = token_of(&t, o);
        if (token == NULL)
            code = ERROR_MEMORY;
        else if (token->issue == NO_OPERATION)
            fail(h, i, NO_OPERATION, "was accepted, and never issued", out);
        else if (ended_before(o, &h->operations[token->issue]))
            fail(h, i, token->issue, "was accepted before it was issued", out);
        else if (token->revoke != NO_OPERATION && ended_before(&h->operations[token->revoke], o))
            fail(h, i, token->revoke, "was accepted after it had been revoked", out);
        else if (token->revoke != NO_OPERATION &&
                 ended_before(&h->operations[token->revoke], &h->operations[token->issue]))
            fail(h, i, token->revoke, "was accepted though it had been revoked before it was issued", out);
        else if (once && token->use != NO_OPERATION)
            fail(h, i, token->use, "was redeemed twice", out);
        else
            token->use = i;
    }
    table_deinit(&t.numbers);
    array_deinit(&t.list);
    return code;
}

static int check_token(const struct history *h, const struct check_limits *limits, struct check_result *out,
                       struct error *err)
{
    (void)err;
    return check_uses(h, false, limits, out);
}

static int check_redeem_once(const struct history *h, const struct check_limits *limits, struct check_result *out,
                             struct error *err)
{
    (void)err;
    return check_uses(h, true, limits, out);
}

const struct check_model model_token = {
    .name = "token",
    .summary = "tokens: only issued ones are accepted, none once its revocation was acknowledged",
    .bytes = MODEL_BYTES,
    .functions = KNOWS(ISSUE) | KNOWS(USE) | KNOWS(REVOKE),
    .bonds = BONDS_TOKENS,
    .check = check_token,
    .twin = &machine_token,
};

const struct check_model model_redeem_once = {
    .name = "redeem-once",
    .summary = "tokens that can be used once: at most one use is accepted, and the rules of token",
    .bytes = MODEL_BYTES,
    .functions = KNOWS(ISSUE) | KNOWS(USE) | KNOWS(REVOKE),
    .bonds = BONDS_TOKENS,
    .check = check_redeem_once,
    .twin = &machine_redeem_once,
};
