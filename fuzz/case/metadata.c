/* Metadata: names that servers, proxies and libraries read, those the target is known to have (what stands in its
 * program), and those a client may not send; each with values of the kind it is for, right, nearly right, and long. */
#include "fuzz/case/generate_case.h"

#include "fuzz/message/put.h"

#include <string.h>

#define RANDOM_MAX  300  /* bytes of a value that is nothing but chance */
#define FAMILY_MAX  24   /* entries of one kind: above the tables such go into, below what one call may carry */
#define FAMILY_NAME 200  /* bytes of a family's name */
#define TOKEN_LONG  3000 /* bytes of a token's part */
#define DRAW(list)  (list)[random_below(r, sizeof(list) / sizeof(list)[0])]

static bool one_in(struct random *r, uint64_t n)
{
    return random_below(r, n) == 0;
}

/* ---- names ------------------------------------------------------------------------------------------------------ */

/* Of what is said on the web, in traces, by gateways and by libraries of RPC. */
static const char *const known_names[] = {"authorization",
                                          "traceparent",
                                          "tracestate",
                                          "baggage",
                                          "b3",
                                          "x-b3-traceid",
                                          "x-b3-spanid",
                                          "x-b3-sampled",
                                          "uber-trace-id",
                                          "x-request-id",
                                          "x-correlation-id",
                                          "trace-id",
                                          "x-id",
                                          "x-forwarded-for",
                                          "x-forwarded-host",
                                          "x-forwarded-proto",
                                          "forwarded",
                                          "x-real-ip",
                                          "x-api-key",
                                          "x-tenant-id",
                                          "x-user-id",
                                          "x-envoy-original-path",
                                          "x-envoy-upstream-rq-timeout-ms",
                                          "x-retry-count",
                                          "timeout",
                                          "accept",
                                          "accept-language",
                                          "cookie",
                                          "idempotency-key",
                                          "if-match",
                                          "range",
                                          "user-agent",
                                          "grpc-previous-rpc-attempts",
                                          "micro-namespace"};
/* Names a client may not send, or must write otherwise. */
static const char *const odd_names[] = {"grpc-timeout",
                                        "grpc-encoding",
                                        "grpc-status",
                                        "grpc-message",
                                        "grpc-accept-encoding",
                                        ":path",
                                        ":method",
                                        ":unknown",
                                        "te",
                                        "content-type",
                                        "host",
                                        "connection",
                                        "transfer-encoding",
                                        "content-length",
                                        "X-Upper",
                                        "x space",
                                        "x-\xC3\xA4",
                                        "x:colon",
                                        "-bin",
                                        "-",
                                        "",
                                        "x-id-bin-",
                                        "x\ty",
                                        "grpc-",
                                        "proxy-connection"};
static const char *const binary_names[] = {"x-bin", "trace-bin", "grpc-trace-bin", "grpc-tags-bin", "a-b-bin"};

/* One that somebody may read. */
static const char *draw_known(struct random *r, const struct case_source *s)
{
    return s->name_count > 0 && !one_in(r, 3) ? s->names[random_below(r, s->name_count)] : DRAW(known_names);
}

void fuzz_put_metadata_name(struct random *r, const struct case_source *s, struct text *out)
{
    const char *name;
    switch (random_below(r, 10)) {
    case 0:
        text_puts(out, DRAW(binary_names));
        break;
    case 1:
    case 2:
        text_puts(out, DRAW(odd_names));
        break;
    case 3:
        fuzz_put_run(out, 'n', 1 + (size_t)random_below(r, one_in(r, 8) ? 9000 : 80));
        break;
    default:
        name = draw_known(r, s);
        text_puts(out, name);
        if (name[0] != '\0' && name[strlen(name) - 1] == '-') /* the beginning of names */
            text_char(out, (char)random_range(r, 'a', 'z'));
    }
}

/* ---- values ----------------------------------------------------------------------------------------------------- */

static void put_random(struct random *r, size_t len, struct text *out)
{
    uint8_t bytes[RANDOM_MAX];
    len = len > sizeof bytes ? sizeof bytes : len;
    random_bytes(r, bytes, len);
    text_add(out, bytes, len);
}

static void put_hex(struct random *r, size_t len, struct text *out)
{
    for (; len > 0; len--)
        text_char(out, "0123456789abcdef"[random_below(r, 16)]);
}

/* Lengths ids have, and others. */
static void put_id(struct random *r, struct text *out)
{
    static const uint16_t lengths[] = {1, 8, 16, 31, 32, 33, 36, 64, 65, 128, 129, 200, 300, 1000};
    put_hex(r, DRAW(lengths), out);
}

static void put_traceparent(struct random *r, struct text *out)
{
    text_puts(out, one_in(r, 4) ? "ff-" : "00-");
    put_hex(r, one_in(r, 4) ? random_below(r, 100) : 32, out);
    text_char(out, '-');
    put_hex(r, one_in(r, 4) ? random_below(r, 100) : 16, out);
    text_puts(out, one_in(r, 4) ? "-" : "-01");
}

/* What stands behind `at` becomes base64 as tokens have it (RFC 4648, section 5, without padding), in the text's own
 * memory. */
static void encode(struct text *out, size_t at)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    size_t len = out->len - at;
    if (len == 0 || !text_reserve(out, 2 * len + 4))
        return;
    for (size_t i = 0; i < len; i += 3) {
        const uint8_t *from = (const uint8_t *)out->data + at + i;
        size_t left = len - i;
        uint32_t word = (uint32_t)from[0] << 16;
        word |= left > 1 ? (uint32_t)from[1] << 8 : 0;
        word |= left > 2 ? from[2] : 0;
        for (size_t k = 0; k < 4 && k <= left; k++)
            text_char(out, digits[word >> (18 - 6 * k) & 63]);
    }
    size_t encoded = out->len - at - len;
    memmove(out->data + at, out->data + at + len, encoded);
    text_truncate(out, at + encoded);
}

/* An object of some of the members a token has, each with a value it may not have. */
static void put_members(struct random *r, const char *const *members, size_t count, struct text *out)
{
    static const char *const values[] = {"1",
                                         "0",
                                         "-1",
                                         "null",
                                         "true",
                                         "[]",
                                         "{}",
                                         "\"\"",
                                         "[\"a\",1]",
                                         "{\"a\":[]}",
                                         "1e400",
                                         "\"*\"",
                                         "9223372036854775808",
                                         "\"../../key\""};
    const char *between = "{";
    for (size_t i = 0; i < count; i++) {
        const char *quoted = strchr(members[i], '=');
        if (one_in(r, 8))
            continue;
        text_printf(out, "%s\"%.*s\":", between, (int)(quoted - members[i]), members[i]);
        if (one_in(r, 4))
            text_puts(out, DRAW(values));
        else if (one_in(r, 12)) {
            text_char(out, '"');
            fuzz_put_run(out, 'k', random_below(r, TOKEN_LONG));
            text_char(out, '"');
        } else {
            text_puts(out, quoted + 1);
        }
        between = ",";
    }
    text_puts(out, between[0] == '{' ? "{}" : "}");
}

/* A token as RFC 7519 has it, made anew: nobody signed it, but what reads it does not know that yet. */
static void put_token(struct random *r, struct text *out)
{
    static const char *const head[] = {"alg=\"RS256\"", "typ=\"JWT\"", "kid=\"key-1\""};
    static const char *const other_head[] = {"alg=\"none\"", "typ=\"JWT\"", "kid=\"\"", "crit=[\"b64\"]",
                                             "jku=\"http://a\""};
    static const char *const claims[] = {"sub=\"admin\"", "iss=\"micro\"", "exp=9999999999",     "nbf=0",
                                         "iat=1",         "aud=[\"a\"]",   "scopes=[\"admin\"]", "name=\"admin\"",
                                         "type=\"user\"", "metadata={}"};
    static const uint8_t parts_of[] = {3, 3, 3, 3, 3, 3, 1, 2, 4, 5};
    uint64_t parts = DRAW(parts_of);
    for (uint64_t i = 0; i < parts; i++) {
        if (i > 0)
            text_char(out, '.');
        size_t at = out->len;
        if (one_in(r, 16))
            continue;
        if (i == 0 && one_in(r, 4))
            put_members(r, other_head, sizeof other_head / sizeof *other_head, out);
        else if (i == 0)
            put_members(r, head, sizeof head / sizeof *head, out);
        else if (i == 1)
            put_members(r, claims, sizeof claims / sizeof *claims, out);
        else
            put_random(r, one_in(r, 4) ? random_below(r, 300) : 256, out);
        if (one_in(r, 20) && out->len > at)
            text_truncate(out, at + random_below(r, out->len - at));
        encode(out, at);
    }
}

/* What a field that waits for one of these must not trip over. */
static const char *const odd_values[] = {"",
                                         "gzip",
                                         "identity",
                                         "unknown",
                                         "1S",
                                         "0n",
                                         "99999999H",
                                         "999999999H",
                                         "-1S",
                                         "0",
                                         "1",
                                         "-1",
                                         "4294967296",
                                         "18446744073709551616",
                                         "application/json",
                                         "application/grpc+proto",
                                         "trailers",
                                         "Bearer ",
                                         "Bearer",
                                         "Bearer x.y.z",
                                         "Bearer x",
                                         "Bearer x.y",
                                         "Basic YTpi",
                                         "a\r\nb: c",
                                         "a\nb",
                                         "  padded  ",
                                         "\xC3\xA4",
                                         "%ff%00",
                                         "*",
                                         "micro",
                                         "../../etc/passwd",
                                         "a,b,,c",
                                         "a=1;b=2;=",
                                         "bytes=0-,-1"};

static bool has(struct bytes name, const char *part)
{
    return name.len > 0 && memmem(name.data, name.len, part, strlen(part)) != NULL;
}

/* By what the name says it is. False: it says nothing. */
static bool put_meant(struct random *r, struct bytes name, struct text *out)
{
    bool credential = has(name, "auth") || has(name, "token") || has(name, "key");
    if (has(name, "traceparent"))
        put_traceparent(r, out);
    else if (credential && one_in(r, 2))
        text_puts(out, "Bearer ");
    else if (!credential && !has(name, "id") && !has(name, "trace") && !has(name, "span") && !has(name, "version"))
        return false;
    if (credential)
        put_token(r, out);
    else if (!has(name, "traceparent"))
        put_id(r, out);
    return true;
}

void fuzz_put_metadata_value(struct random *r, struct bytes name, struct text *out)
{
    bool binary = name.len >= 4 && memcmp(name.data + name.len - 4, "-bin", 4) == 0;
    uint64_t lot = random_below(r, 10);
    if (binary && lot < 7)
        put_random(r, (size_t)random_below(r, 40), out);
    else if (lot < 5 && put_meant(r, name, out))
        return;
    else if (lot < 6)
        text_puts(out, DRAW(odd_values));
    else if (lot == 6)
        put_random(r, (size_t)random_below(r, RANDOM_MAX), out);
    else if (lot == 7)
        fuzz_put_run(out, 'v', (size_t)random_below(r, one_in(r, 8) ? 20000 : 300));
    else
        for (uint64_t n = 1 + random_below(r, 20); n > 0; n--)
            text_char(out, (char)('!' + random_below(r, '~' - '!' + 1)));
}

/* ---- entries ---------------------------------------------------------------------------------------------------- */

/* Many of one kind, as tables are made of: NAME-1, NAME-2 ... or the same name again and again. */
static int insert_family(struct random *r, const struct case_source *s, struct fuzz_case *c, size_t at)
{
    const struct fuzz_event e = {.kind = EVENT_METADATA};
    const char *name = draw_known(r, s);
    size_t len = strlen(name), count = 2 + (size_t)random_below(r, FAMILY_MAX - 1);
    bool same = one_in(r, 3) && len > 0 && name[len - 1] != '-';
    int rc = (int)at;
    for (size_t i = 0; i < count && rc >= 0 && len < FAMILY_NAME && c->events.count < FUZZ_CASE_GROWTH_EVENTS; i++) {
        text_clear(s->scratch);
        text_puts(s->scratch, name);
        if (!same)
            text_printf(s->scratch, "%s%zu", name[len - 1] == '-' ? "" : "-", i);
        rc = text_ok(s->scratch) ? fuzz_case_insert(c, at, &e, text_bytes(s->scratch), bytes_of("a")) : ERROR_MEMORY;
    }
    return rc;
}

int fuzz_insert_metadata(struct random *r, const struct case_source *s, struct fuzz_case *c, size_t at)
{
    const struct fuzz_event e = {.kind = EVENT_METADATA};
    struct text *name = s->scratch, *value = s->scratch_wire;
    if (one_in(r, 12))
        return insert_family(r, s, c, at);
    text_clear(name);
    text_clear(value);
    fuzz_put_metadata_name(r, s, name);
    fuzz_put_metadata_value(r, text_bytes(name), value);
    if (!text_ok(name) || !text_ok(value))
        return ERROR_MEMORY;
    /* One token is enough: with the target's own in front nobody would look at this one. */
    if (at > 0 && c->events.items[at - 1].kind == EVENT_CALL && bytes_is(text_bytes(name), "authorization"))
        c->events.items[at - 1].flags |= EVENT_NO_TOKEN;
    return fuzz_case_insert(c, at, &e, text_bytes(name), text_bytes(value));
}

int fuzz_insert_relay(struct random *r, const struct case_source *s, struct fuzz_case *c, size_t at)
{
    const struct fuzz_event e = {.kind = EVENT_METADATA};
    const char *relay = s->relays[random_below(r, s->relay_count)];
    return fuzz_case_insert(c, at, &e, bytes_of(FUZZ_RELAY), bytes_of(relay));
}
