/* Tokens found good are remembered, since checking a signature costs more than most handlers do: direct-mapped by a
 * hash of the signature's end, compared whole. A slot is believed until its token or its key expires, or the policy
 * changes; then everything about it is judged again. */
#include "base/units.h"
#include "runtime/service/internal.h"

#define HASHED ((size_t)64) /* bytes at the token's end: of the signature, which differ from token to token */

static void slot_clear(struct micro_token_slot *slot)
{
    free(slot->token);
    free(slot->block);
    *slot = (struct micro_token_slot){0};
}

void micro_tokens_free(struct micro_service *s)
{
    for (size_t i = 0; i < MICRO_TOKEN_CACHE; i++)
        slot_clear(&s->tokens[i]);
}

static struct micro_token_slot *slot_of(struct micro_service *s, const char *token, size_t len)
{
    const char *p = len > HASHED ? token + len - HASHED : token;
    uint64_t hash = len;
    for (size_t left = (size_t)(token + len - p); left > 0;) {
        uint64_t word = 0;
        size_t n = left < sizeof word ? left : sizeof word;
        memcpy(&word, p, n);
        hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
        hash ^= hash >> 29;
        p += n;
        left -= n;
    }
    return &s->tokens[hash & (MICRO_TOKEN_CACHE - 1)];
}

/* ---- accounts in one block --------------------------------------------------------------------------------------- */

static const char *put_string(char **at, const char *string)
{
    size_t size = strlen(string) + 1;
    char *out = memcpy(*at, string, size);
    *at += size;
    return out;
}

static bool make_block(struct micro_token_slot *slot, const struct micro_claims *claims)
{
    size_t count = 0, size = sizeof(struct micro_bearer);
    for (; claims->scopes[count]; count++)
        size += strlen(claims->scopes[count]) + 1;
    size += (count + 1) * sizeof(char *) + strlen(claims->subject) + strlen(claims->type) + strlen(claims->issuer) +
            strlen(claims->name) + strlen(claims->generation) + strlen(claims->key_id) + 6;
    char *memory = calloc(1, size);
    if (!memory)
        return false;
    struct micro_bearer *b = (struct micro_bearer *)(void *)memory;
    const char **scopes = (const char **)(void *)(memory + sizeof *b);
    char *at = (char *)(scopes + count + 1);
    b->account.id = put_string(&at, claims->subject);
    b->account.type = put_string(&at, claims->type);
    b->account.issuer = put_string(&at, claims->issuer);
    b->account.name = put_string(&at, claims->name);
    b->generation = put_string(&at, claims->generation);
    b->key_id = put_string(&at, claims->key_id);
    b->expires = claims->expires;
    for (size_t i = 0; i < count; i++)
        scopes[i] = put_string(&at, claims->scopes[i]);
    b->account.scopes = scopes;
    slot->block = b;
    slot->block_size = size;
    slot->scope_count = count;
    return true;
}

const struct micro_bearer *micro_slot_bearer(const struct micro_token_slot *slot, struct arena *arena)
{
    const char *old = (const char *)slot->block;
    char *memory = arena_copy(arena, old, slot->block_size);
    if (!memory)
        return NULL;
    struct micro_bearer *b = (struct micro_bearer *)(void *)memory;
    const char **scopes = (const char **)(void *)(memory + sizeof *b);
    b->account.id = memory + (b->account.id - old);
    b->account.type = memory + (b->account.type - old);
    b->account.issuer = memory + (b->account.issuer - old);
    b->account.name = memory + (b->account.name - old);
    b->generation = memory + (b->generation - old);
    b->key_id = memory + (b->key_id - old);
    for (size_t i = 0; i < slot->scope_count; i++)
        scopes[i] = memory + (scopes[i] - old);
    b->account.scopes = scopes;
    return b;
}

/* ---- judging ----------------------------------------------------------------------------------------------------- */

/* A part of Micro itself: the supervisor signed it, with the root key, which it gives no id. */
static bool is_component(const struct micro_claims *c)
{
    if (c->key_id[0] || strcmp(c->type, "service") != 0 || strcmp(c->issuer, MICRO_NAMESPACE) != 0)
        return false;
    for (size_t i = 0; c->scopes[i]; i++)
        if (strcmp(c->scopes[i], "service") == 0)
            return true;
    return false;
}

/* The key a token names; *expires: its end, 0 for none. */
static int find_key(struct micro_service *s, const char *id, const char **pem, int64_t *expires, struct error *err)
{
    const char *root = s->config.options->public_key;
    const struct known_key *key = id[0] ? known_policy_key(&s->policy, id) : NULL;
    char root_id[MICRO_KEY_ID_MAX + 1];
    *expires = key ? key->expires : 0;
    *pem = key ? key->public_key : root;
    if (key || !id[0])
        return 0;
    if (micro_key_id(root, root_id, NULL) == 0 && strcmp(id, root_id) == 0)
        return 0;
    if (!s->policy.synced)
        return error_set(err, ERROR_CLOSED, "keys are not known yet");
    return error_set(err, ERROR_DENIED, "the token was signed by an unknown key");
}

static int judge(struct micro_service *s, const char *token, int64_t now, struct micro_token_slot *out,
                 struct error *err)
{
    struct arena arena = ARENA_INIT;
    struct micro_claims claims = {0};
    char key_id[MICRO_KEY_ID_MAX + 1];
    const char *pem = NULL;
    int64_t key_ends = 0;
    int rc = micro_token_key_id(token, key_id, err);
    if (rc == 0)
        rc = find_key(s, key_id, &pem, &key_ends, err);
    if (rc == 0)
        rc = micro_token_verify(pem, token, now, &arena, &claims, err);
    if (rc == 0 && key_ends && now >= key_ends)
        rc = error_set(err, ERROR_DENIED, "the key that signed the token has expired");
    if (rc == 0 && known_policy_revoked(&s->policy, claims.issuer, claims.subject, claims.generation))
        rc = error_set(err, ERROR_DENIED, "the token was revoked");
    if (rc == 0) {
        *out = (struct micro_token_slot){
            .token = strdup(token),
            .token_len = strlen(token),
            .epoch = s->policy.epoch,
            .expires = key_ends && key_ends < claims.expires ? key_ends : claims.expires,
            .component = is_component(&claims),
        };
        if (!out->token || !make_block(out, &claims)) {
            slot_clear(out);
            rc = error_set(err, ERROR_MEMORY, "out of memory");
        }
    }
    arena_deinit(&arena);
    return rc;
}

int micro_token_judge(struct micro_service *s, const char *token, struct micro_token_slot **out, struct error *err)
{
    size_t len = strlen(token);
    struct micro_token_slot *slot = slot_of(s, token, len), fresh;
    int64_t now = world_wall(s->world) / SECOND;
    *out = slot;
    if (slot->token && slot->epoch == s->policy.epoch && slot->token_len == len && memcmp(slot->token, token, len) == 0)
        return now < slot->expires ? 0 : error_set(err, ERROR_DENIED, "the token has expired");
    int rc = judge(s, token, now, &fresh, err);
    if (rc)
        return rc;
    slot_clear(slot);
    *slot = fresh;
    return 0;
}

/* What ends a token before its time. One whose time is over keeps the streams it opened (see open_calls.c), as long as
 * its revocation would be heard. */
bool micro_bearer_ended(struct micro_service *s, const struct micro_bearer *b, struct text *why)
{
    int64_t now = world_wall(s->world) / SECOND, key_ends = 0;
    const char *pem = NULL;
    if (known_policy_revoked(&s->policy, b->account.issuer, b->account.id, b->generation)) {
        text_puts(why, "the token was revoked");
        return true;
    }
    if (b->expires <= s->policy_unsure) {
        text_puts(why, "the token has expired, and whether it was revoked before is not known: auth was away too long");
        return true;
    }
    if (now >= b->expires)
        return false;
    if (find_key(s, b->key_id, &pem, &key_ends, NULL) == ERROR_DENIED || (key_ends && now >= key_ends)) {
        text_puts(why, "the key that signed the token is not good any more");
        return true;
    }
    return false;
}
