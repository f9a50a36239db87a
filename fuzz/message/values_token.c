/* Tokens as RFC 7519 has them: header, claims and signature in base64url (RFC 4648, section 5, without padding) with
 * dots between. Nobody signed one that was made or changed here, but what reads it does not know that yet. */
#include "fuzz/message/values_form.h"

#include "base/base64.h"
#include "fuzz/message/put.h"

#define COUNT(a)      (sizeof(a) / sizeof(a)[0])
#define SIGNATURE_MAX 256  /* bytes */
#define TOO_LONG_MAX  3000 /* bytes of a member that is too long */
#define JSON_MAX      4096 /* bytes of a part's JSON once it is changed */
#define PARTS_MAX     5

/* What stands behind `at` becomes base64. */
static void encode(struct text *out, size_t at)
{
    size_t len = out->len - at;
    if (len == 0 || !text_reserve(out, 2 * len + 4)) /* so that it stays where it is */
        return;
    base64_encode_url(out, BYTES(out->data + at, len));
    memmove(out->data + at, out->data + at + len, out->len - at - len);
    text_truncate(out, out->len - len);
}

/* How members are written that should not be as they are. */
enum damage { DAMAGE_NONE, DAMAGE_MISSING, DAMAGE_KIND, DAMAGE_LONG };

static enum damage draw_damage(struct random *r)
{
    static const uint8_t drawn[] = {DAMAGE_MISSING, DAMAGE_KIND, DAMAGE_KIND, DAMAGE_LONG};
    return (enum damage)drawn[random_below(r, COUNT(drawn))];
}

static void put_value(struct random *r, enum damage d, const char *right, struct text *out)
{
    if (d == DAMAGE_LONG) {
        text_char(out, '"');
        fuzz_put_run(out, 'k', (size_t)random_below(r, TOO_LONG_MAX));
        text_char(out, '"');
    } else {
        text_puts(out, d == DAMAGE_KIND ? value_json_any(r) : right);
    }
}

/* An object of "name=value" members. `wrong`: which of them is not as it should be; `count`: none. */
static void put_members(struct random *r, const char *const *members, size_t count, size_t wrong, bool all_odd,
                        struct text *out)
{
    const char *between = "{";
    for (size_t i = 0; i < count; i++) {
        const char *quoted = strchr(members[i], '=');
        enum damage d = i == wrong || (all_odd && random_below(r, 3) == 0) ? draw_damage(r) : DAMAGE_NONE;
        if (d == DAMAGE_MISSING)
            continue;
        text_printf(out, "%s\"%.*s\":", between, (int)(quoted - members[i]), members[i]);
        put_value(r, d, quoted + 1, out);
        between = ",";
    }
    text_puts(out, between[0] == '{' ? "{}" : "}");
}

static void put_random(struct random *r, size_t len, struct text *out)
{
    uint8_t bytes[SIGNATURE_MAX];
    len = len > sizeof bytes ? sizeof bytes : len;
    random_bytes(r, bytes, len);
    text_add(out, bytes, len);
}

void value_token_fresh(struct random *r, struct text *out)
{
    static const char *const head[] = {"alg=\"RS256\"", "typ=\"JWT\"", "kid=\"key-1\""};
    static const char *const other_head[] = {"alg=\"none\"", "typ=\"JWT\"", "kid=\"\"", "crit=[\"b64\"]",
                                             "jku=\"http://a\""};
    static const char *const claims[] = {"sub=\"admin\"", "iss=\"micro\"", "exp=9999999999",     "nbf=0",
                                         "iat=1",         "aud=[\"a\"]",   "scopes=[\"admin\"]", "name=\"admin\"",
                                         "type=\"user\"", "metadata={}"};
    static const uint8_t parts_of[] = {3, 3, 3, 3, 3, 3, 3, 1, 2, 4, PARTS_MAX};
    uint64_t parts = parts_of[random_below(r, COUNT(parts_of))];
    /* One member of the header or the claims is odd, or many are. */
    size_t wrong = (size_t)random_below(r, random_below(r, 2) ? COUNT(head) : COUNT(head) + COUNT(claims));
    bool all_odd = random_below(r, 6) == 0;
    for (uint64_t i = 0; i < parts; i++) {
        if (i > 0)
            text_char(out, '.');
        size_t at = out->len;
        if (random_below(r, 20) == 0)
            continue;
        if (i == 0 && random_below(r, 5) == 0)
            put_members(r, other_head, COUNT(other_head), wrong, all_odd, out);
        else if (i == 0)
            put_members(r, head, COUNT(head), wrong, all_odd, out);
        else if (i == 1)
            put_members(r, claims, COUNT(claims), wrong - COUNT(head), all_odd, out); /* wraps round: none of them */
        else
            put_random(r, random_below(r, 4) == 0 ? (size_t)random_below(r, SIGNATURE_MAX) : SIGNATURE_MAX, out);
        if (random_below(r, 20) == 0 && out->len > at)
            text_truncate(out, at + (size_t)random_below(r, out->len - at));
        encode(out, at);
    }
}

/* [*from, *to): the part with the number `wanted`. False: there are not so many. */
static bool find_part(struct bytes token, size_t wanted, size_t *from, size_t *to)
{
    const uint8_t *dot = NULL;
    *from = 0;
    for (size_t i = 0;; i++) {
        dot = *from < token.len ? memchr(token.data + *from, '.', token.len - *from) : NULL;
        *to = dot != NULL ? (size_t)(dot - token.data) : token.len;
        if (i == wanted || dot == NULL)
            return i == wanted && *to > *from;
        *from = *to + 1;
    }
}

bool value_token_change(const struct text_edit *e)
{
    struct text *out = e->out;
    size_t base = out->len, from, to;
    /* Room for all of it at once: what is changed lies in the text that is written to. */
    if (e->old.len > e->max || !find_part(e->old, (size_t)random_below(e->r, 2), &from, &to) ||
        !text_reserve(out, 2 * e->old.len + 4 * JSON_MAX) || !base64_decode(out, BYTES(e->old.data + from, to - from)))
        return false;
    struct bytes json = BYTES(out->data + base, out->len - base);
    struct text_edit inner = *e;
    inner.old = json;
    inner.max = JSON_MAX;
    size_t changed = out->len;
    if (json.len > JSON_MAX || !value_json_change(&inner))
        return false;
    encode(out, changed);
    size_t whole = out->len, encoded = whole - changed;
    if (from + encoded + (e->old.len - to) > e->max)
        return false;
    fuzz_put(out, e->old.data, from);
    fuzz_put(out, out->data + changed, encoded);
    fuzz_put(out, e->old.data + to, e->old.len - to);
    if (!text_ok(out))
        return false;
    memmove(out->data + base, out->data + whole, out->len - whole);
    text_truncate(out, base + out->len - whole);
    return true;
}
