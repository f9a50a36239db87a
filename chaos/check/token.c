/* Tokens: issued, used, revoked. Each token by itself; exact linearizability: a use that ended ok lies between the
 * token's issue and every revocation known to have happened, and where a token can be redeemed once, it is the only
 * one. A token whose issue nobody saw the end of is known to nobody. O(n).
 *
 * A refusal says nothing, for tokens run out; in the exact models, whose histories have a revocation wherever a token
 * may run out, it lies before the token's issue or behind what ended the token. So issues are placed as late and ends
 * as early as what was accepted allows, and each refusal fits before the one or behind the other by itself. */
#include "chaos/check/search.h"

#include <stdlib.h>

#define NO_OPERATION SIZE_MAX

enum { ONCE = 1, EXACT = 2 };

struct token {
    size_t issue, use, revoke; /* `revoke`: the first to end; `use`: the first met */
    uint64_t used, last_used;  /* of those accepted: when the first ended, when the last was invoked */
    uint64_t may_end;          /* from when on something of unknown or known end may have ended it */
};

struct tokens {
    struct table numbers;
    ARRAY(struct token) list;
};

static struct token *token_of(struct tokens *t, const struct operation *o)
{
    const struct token none = {NO_OPERATION, NO_OPERATION, NO_OPERATION, TIME_NEVER, 0, TIME_NEVER};
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

static int gather(const struct history *h, unsigned rules, struct tokens *t, struct check_result *out)
{
    for (size_t i = 0; i < h->count && out->verdict == VERDICT_VALID; i++) {
        const struct operation *o = &h->operations[i];
        bool known = o->end == END_OK, unknown = o->end == END_INFO || o->end == END_OPEN;
        bool uses_up = (rules & ONCE) != 0 && unknown && o->function == OPERATION_USE;
        bool revokes = o->function == OPERATION_REVOKE && (known || unknown);
        if (!revokes && !uses_up && (!known || o->function != OPERATION_ISSUE))
            continue;
        struct token *token = token_of(t, o);
        if (token == NULL)
            return ERROR_MEMORY;
        if ((revokes || uses_up) && o->invoked < token->may_end)
            token->may_end = o->invoked;
        if (!known)
            continue;
        if (o->function == OPERATION_ISSUE && token->issue != NO_OPERATION)
            fail(h, i, token->issue, "was issued twice", out);
        else if (o->function == OPERATION_ISSUE)
            token->issue = i;
        else if (token->revoke == NO_OPERATION || o->ended < h->operations[token->revoke].ended)
            token->revoke = i;
    }
    return 0;
}

/* What the accepted uses leave to the refused ones. */
static int check_refusals(const struct history *h, unsigned rules, const struct check_limits *limits, struct tokens *t,
                          struct check_result *out)
{
    for (size_t i = 0; i < h->count && out->verdict == VERDICT_VALID; i++) {
        const struct operation *o = &h->operations[i];
        if (stop_asked(limits, i))
            return ERROR_CANCELLED;
        uint32_t n =
            o->end == END_FAIL && o->function == OPERATION_USE ? table_find(&t->numbers, o->key, o->value) : TABLE_NONE;
        const struct token *token = n != TABLE_NONE ? &t->list.items[n] : NULL;
        if (token == NULL || token->issue == NO_OPERATION)
            continue;
        uint64_t issued = h->operations[token->issue].ended;
        issued = token->used < issued ? token->used : issued;
        if (token->revoke != NO_OPERATION && h->operations[token->revoke].ended < issued)
            issued = h->operations[token->revoke].ended;
        bool used_up = (rules & ONCE) != 0 && token->use != NO_OPERATION;
        uint64_t over = used_up || token->last_used > token->may_end ? token->last_used : token->may_end;
        over = over < issued ? issued : over;
        if (o->invoked > issued && o->ended < over)
            fail(h, i, token->issue, "was refused, though it had been issued and nothing had ended it", out);
    }
    return 0;
}

static int check_uses(const struct history *h, unsigned rules, const struct check_limits *limits,
                      struct check_result *out)
{
    struct tokens t = {0};
    out->checked = h->count;
    int code = gather(h, rules, &t, out);
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
        else if ((rules & ONCE) != 0 && token->use != NO_OPERATION)
            fail(h, i, token->use, "was redeemed twice", out);
        if (token == NULL)
            break;
        token->use = i;
        token->used = o->ended < token->used ? o->ended : token->used;
        token->last_used = o->invoked > token->last_used ? o->invoked : token->last_used;
    }
    if (code == 0 && (rules & EXACT) != 0)
        code = check_refusals(h, rules, limits, &t, out);
    table_deinit(&t.numbers);
    array_deinit(&t.list);
    return code;
}

static int check_token(const struct history *h, const struct check_limits *limits, struct check_result *out,
                       struct error *err)
{
    (void)err;
    return check_uses(h, 0, limits, out);
}

static int check_redeem_once(const struct history *h, const struct check_limits *limits, struct check_result *out,
                             struct error *err)
{
    (void)err;
    return check_uses(h, ONCE, limits, out);
}

static int check_token_exact(const struct history *h, const struct check_limits *limits, struct check_result *out,
                             struct error *err)
{
    (void)err;
    return check_uses(h, EXACT, limits, out);
}

static int check_redeem_once_exact(const struct history *h, const struct check_limits *limits, struct check_result *out,
                                   struct error *err)
{
    (void)err;
    return check_uses(h, ONCE | EXACT, limits, out);
}

#define MODEL(check_, twin_)                                                                                           \
    .bytes = MODEL_BYTES, .functions = KNOWS(ISSUE) | KNOWS(USE) | KNOWS(REVOKE), .bonds = BONDS_TOKENS,               \
    .check = check_, .twin = &(twin_)

const struct check_model model_token = {
    .name = "token",
    .summary = "tokens: only issued ones are accepted, none once its revocation was acknowledged",
    MODEL(check_token, machine_token),
};

const struct check_model model_token_exact = {
    .name = "token-exact",
    .summary = "and none is refused that was issued and not revoked: what runs out has to be a revocation",
    MODEL(check_token_exact, machine_token_exact),
};

const struct check_model model_redeem_once = {
    .name = "redeem-once",
    .summary = "tokens that can be used once: at most one use is accepted, and the rules of token",
    MODEL(check_redeem_once, machine_redeem_once),
};

const struct check_model model_redeem_once_exact = {
    .name = "redeem-once-exact",
    .summary = "and none is refused that was issued and neither used nor revoked",
    MODEL(check_redeem_once_exact, machine_redeem_once_exact),
};
