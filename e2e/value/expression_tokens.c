/* JSON web tokens (RFC 7519) signed with a shared secret, by HMAC (RFC 7518, 3.2), and times. The functions' names and
 * options are those of runn. */
#include "base/base64.h"
#include "base/json_text.h"
#include "base/units.h"
#include "e2e/value/expression.h"
#include "e2e/value/expression_tokens.h"
#include "e2e/value/query_date.h"

#include <openssl/crypto.h>
#include <openssl/hmac.h>

#include <stdlib.h>
#include <string.h>

static const char *option(const json_t *options, const char *name)
{
    return json_string_value(json_object_get(options, name));
}

static const EVP_MD *digest_of(struct evaluation *v, const char *algorithm)
{
    if (algorithm == NULL || strcmp(algorithm, "HS256") == 0)
        return EVP_sha256();
    if (strcmp(algorithm, "HS384") == 0)
        return EVP_sha384();
    if (strcmp(algorithm, "HS512") == 0)
        return EVP_sha512();
    evaluation_fail(v, "jwt: tokens are signed by HS256, HS384 or HS512, and this is %s", algorithm);
    return NULL;
}

/* Of "header.claims", as the last part of a token. */
static bool sign(struct evaluation *v, const json_t *options, struct bytes words, struct text *out)
{
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    const char *secret = option(options, "secret");
    if (secret == NULL || secret[0] == '\0') {
        evaluation_fail(v, "jwt: there is no \"secret\" among the options");
        return false;
    }
    const EVP_MD *md = digest_of(v, option(options, "algorithm"));
    if (md == NULL)
        return false;
    if (HMAC(md, secret, (int)strlen(secret), words.data, words.len, mac, &len) == NULL) {
        evaluation_fail(v, "jwt: the signature cannot be made");
        return false;
    }
    base64_encode_url(out, BYTES(mac, len));
    return true;
}

static bool put(json_t *claims, const char *name, json_t *value)
{
    return value != NULL && json_object_set_new(claims, name, value) == 0;
}

/* "1h" from now. A duration that is none is an error here; runn leaves the claim out. */
static bool put_time(struct evaluation *v, json_t *claims, const json_t *options, const char *name, const char *claim)
{
    int64_t after = 0;
    const char *given = option(options, name);
    if (given == NULL)
        return true;
    if (units_parse_duration(given[0] == '-' ? given + 1 : given, &after, NULL) != 0) {
        evaluation_fail(v, "jwt: %s: \"%s\" is no duration, as in 1h or 5m", name, given);
        return false;
    }
    after = given[0] == '-' ? -after : after;
    return put(claims, claim, json_integer((world_wall(v->x->target->world) + after) / SECOND));
}

static json_t *claims_of(struct evaluation *v, const json_t *options)
{
    static const char *const names[][2] = {{"subject", "sub"}, {"issuer", "iss"}, {"id", "jti"}, {"audience", "aud"}};
    json_t *claims = json_object(), *own = json_object_get(options, "private_claims");
    bool ok = claims != NULL && put_time(v, claims, options, "expires_in", "exp") &&
              put_time(v, claims, options, "not_before", "nbf");
    for (size_t i = 0; i < 4 && ok; i++) {
        json_t *value = json_object_get(options, names[i][0]);
        ok = value == NULL || json_object_set(claims, names[i][1], value) == 0;
    }
    if (ok && (!json_is_object(own) || json_object_update(claims, own) == 0))
        return claims;
    json_decref(claims);
    return NULL;
}

static bool add_part(struct text *out, const json_t *part)
{
    char *dumped = part != NULL ? json_text_of(part, 0) : NULL;
    if (dumped != NULL)
        base64_encode_url(out, bytes_of(dumped));
    free(dumped);
    return dumped != NULL;
}

json_t *expression_jwt_sign(struct evaluation *v, const char *name, json_t *const *a, size_t count)
{
    struct text token = TEXT_INIT, signature = TEXT_INIT;
    const char *algorithm = option(a[0], "algorithm");
    (void)name;
    (void)count;
    if (!json_is_object(a[0]))
        return evaluation_fail(v, "jwt.Sign() takes a map: {secret: ..., subject: ..., expires_in: '1h'}");
    json_t *claims = claims_of(v, a[0]), *out = NULL;
    json_t *header = json_pack("{s:s, s:s}", "alg", algorithm != NULL ? algorithm : "HS256", "typ", "JWT");
    bool ok = claims != NULL && add_part(&token, header);
    text_char(&token, '.');
    ok = ok && add_part(&token, claims) && text_ok(&token) && sign(v, a[0], text_bytes(&token), &signature);
    text_printf(&token, ".%s", text_string(&signature));
    if (ok && text_ok(&token) && text_ok(&signature))
        out = json_stringn(text_string(&token), token.len);
    json_decref(claims);
    json_decref(header);
    text_deinit(&token);
    text_deinit(&signature);
    return out;
}

static json_t *part_of(struct bytes part)
{
    struct text decoded = TEXT_INIT;
    json_t *out = base64_read(&decoded, part, BASE64_URL) && text_ok(&decoded)
                      ? json_loadb(text_string(&decoded), decoded.len, 0, NULL)
                      : NULL;
    text_deinit(&decoded);
    return out;
}

/* What it says of its own time; it is as good as its maker's clock. */
static bool in_time(struct evaluation *v, const json_t *claims)
{
    const json_t *until = json_object_get(claims, "exp"), *from = json_object_get(claims, "nbf");
    if (!json_is_number(until) && !json_is_number(from))
        return true;
    double now = (double)(world_wall(v->x->target->world) / SECOND);
    if (json_is_number(until) && now >= json_number_value(until))
        evaluation_fail(v, "jwt.Parse(): the token has expired");
    else if (json_is_number(from) && now < json_number_value(from))
        evaluation_fail(v, "jwt.Parse(): the token is not valid yet");
    return v->x->error.code == 0;
}

json_t *expression_jwt_parse(struct evaluation *v, const char *name, json_t *const *a, size_t count)
{
    struct text signature = TEXT_INIT;
    const char *token = json_string_value(a[0]), *first = token != NULL ? strchr(token, '.') : NULL;
    const char *second = first != NULL ? strchr(first + 1, '.') : NULL, *wanted = option(a[1], "algorithm");
    (void)name;
    (void)count;
    if (second == NULL || strchr(second + 1, '.') != NULL || !json_is_object(a[1]))
        return evaluation_fail(v, "jwt.Parse() takes a token, three parts joined by \".\", and {secret: ...}");
    json_t *header = part_of(BYTES(token, (size_t)(first - token)));
    json_t *claims = part_of(BYTES(first + 1, (size_t)(second - first - 1)));
    const char *algorithm = option(header, "alg");
    bool ok = sign(v, a[1], BYTES(token, (size_t)(second - token)), &signature);
    if (ok && (!json_is_object(header) || !json_is_object(claims)))
        evaluation_fail(v, "jwt.Parse(): its parts are no JSON in base64");
    else if (ok && (algorithm == NULL || strcmp(algorithm, wanted != NULL ? wanted : "HS256") != 0))
        evaluation_fail(v, "jwt.Parse(): the token says it is signed by %s, and %s is expected",
                        algorithm != NULL ? algorithm : "nothing", wanted != NULL ? wanted : "HS256");
    else if (ok && text_ok(&signature) &&
             (signature.len != strlen(second + 1) ||
              CRYPTO_memcmp(text_string(&signature), second + 1, signature.len) != 0))
        evaluation_fail(v, "jwt.Parse(): the signature is not made with this secret");
    else if (ok && text_ok(&signature) && in_time(v, claims))
        json_incref(claims);
    else
        ok = false;
    ok = ok && v->x->error.code == 0 && text_ok(&signature);
    json_decref(header);
    json_decref(claims);
    text_deinit(&signature);
    return ok ? claims : NULL;
}

/* Times are texts that compare as times do: RFC 3339 in UTC, with all nine digits of a second. */
json_t *expression_time(struct evaluation *v, const char *name, json_t *const *a, size_t count)
{
    static const char *const forms[] = {"%+",
                                        "%Y-%m-%dT%H:%M:%S%.f",
                                        "%Y-%m-%d %H:%M:%S%.f %z",
                                        "%Y-%m-%d %H:%M:%S%.f%:z",
                                        "%Y-%m-%d %H:%M:%S%.f",
                                        "%a, %d %b %Y %H:%M:%S GMT"};
    const char *s = json_string_value(a[0]);
    struct text day = TEXT_INIT, out = TEXT_INIT;
    int64_t at = 0;
    bool ok = false;
    (void)name;
    (void)count;
    if (json_is_integer(a[0]) && llabs(json_integer_value(a[0])) < INT64_C(1) << 40) {
        at = (int64_t)json_integer_value(a[0]) * (SECOND / MICROSECOND);
        ok = true;
    }
    for (size_t i = 0; s != NULL && !ok && i < sizeof forms / sizeof forms[0]; i++)
        ok = query_date_parse(s, forms[i], &at);
    if (s != NULL && !ok) { /* a day alone */
        text_printf(&day, "%s 00:00:00", s);
        ok = text_ok(&day) && query_date_parse(text_string(&day), "%Y-%m-%d %H:%M:%S", &at);
    }
    bool failed = day.failed;
    text_deinit(&day);
    if (failed)
        return NULL;
    if (!ok)
        return evaluation_fail(v, "time() takes a time like 2026-01-31T08:00:00Z, a day, or seconds since 1970");
    (void)query_date_format(at, "%Y-%m-%dT%H:%M:%S%.9fZ", &out);
    json_t *value = text_ok(&out) ? json_stringn(text_string(&out), out.len) : NULL;
    text_deinit(&out);
    return value;
}
