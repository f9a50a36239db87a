/* Metadata: names that servers, proxies and libraries read, those the target is known to have (what stands in its
 * program), and those a client may not send; each with values of the kind it is for, right, nearly right, and long. */
#include "fuzz/case/generate_case.h"

#include "fuzz/message/put.h"
#include "fuzz/message/values.h"

#include <string.h>

#define RANDOM_MAX  300 /* bytes of a value that is nothing but chance */
#define FAMILY_NAME 200 /* bytes of a family's name; a long suffix comes on top */
#define NAME_TRIES  6
#define DRAW(list)  (list)[random_below(r, sizeof(list) / sizeof(list)[0])]
#define CREDENTIAL  "authorization" /* what RFC 9110 calls it */

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
/* Beginnings of names whose rest is the caller's to choose: those who read them keep what comes in a table. */
static const char *const family_names[] = {"grpc-metadata-", "x-amz-meta-", "x-goog-meta-", "x-label-",
                                           "baggage-",       "ot-baggage-", "uberctx-",     "x-b3-"};
static const char *const binary_names[] = {"x-bin", "trace-bin", "grpc-trace-bin", "grpc-tags-bin", "a-b-bin"};

static bool has(struct bytes name, const char *part)
{
    return name.len > 0 && memmem(name.data, name.len, part, strlen(part)) != NULL;
}

static bool is_credential(struct bytes name)
{
    return has(name, "auth") || has(name, "token") || has(name, "key");
}

static bool is_identity(struct bytes name)
{
    return has(name, "id") || has(name, "trace") || has(name, "span") || has(name, "version");
}

/* One that somebody may read: of a program's words with a hyphen rather those that say what they are. */
static const char *draw_known(struct random *r, const struct case_source *s)
{
    const char *name = DRAW(known_names);
    if (s->name_count == 0 || one_in(r, 3))
        return name;
    for (int tries = one_in(r, 2) ? NAME_TRIES : 1; tries > 0; tries--) {
        name = s->names[random_below(r, s->name_count)];
        if (is_identity(bytes_of(name)) || is_credential(bytes_of(name)))
            break;
    }
    return name;
}

static bool is_beginning(const char *name)
{
    size_t len = strlen(name);
    return len > 0 && name[len - 1] == '-';
}

/* A beginning of names, mostly one that the target knows, each as likely. */
static const char *draw_beginning(struct random *r, const struct case_source *s)
{
    const char *drawn = DRAW(family_names);
    uint64_t seen = 0;
    for (size_t i = one_in(r, 3) ? s->name_count : 0; i < s->name_count; i++)
        if (is_beginning(s->names[i]) && one_in(r, ++seen))
            drawn = s->names[i];
    return drawn;
}

void fuzz_put_metadata_name(struct random *r, const struct case_source *s, struct text *out)
{
    const char *name;
    switch (random_below(r, 11)) {
    case 0:
        text_puts(out, DRAW(binary_names));
        break;
    case 1:
    case 2:
        text_puts(out, DRAW(odd_names));
        break;
    case 3: /* what every call to most systems has, so that all of them read it */
        text_puts(out, CREDENTIAL);
        break;
    case 4:
        fuzz_put_run(out, 'n', 1 + (size_t)random_below(r, one_in(r, 8) ? 9000 : 80));
        break;
    default:
        name = draw_known(r, s);
        text_puts(out, name);
        if (is_beginning(name))
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
    static const uint16_t lengths[] = {1, 8, 16, 31, 32, 33, 36, 64, 65, 128, 129, 200, 256, 300, 512, 1000, 4000};
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

/* By what the name says it is. False: it says nothing. */
static bool put_meant(struct random *r, struct bytes name, struct text *out)
{
    bool credential = is_credential(name);
    if (has(name, "traceparent"))
        put_traceparent(r, out);
    else if (credential && !one_in(r, 4))
        text_puts(out, "Bearer ");
    else if (!credential && !is_identity(name))
        return false;
    if (credential)
        value_token_fresh(r, out);
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
    else if (lot < (bytes_is(name, CREDENTIAL) ? 8 : 5) && put_meant(r, name, out))
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

/* What tells one of a family from the others. */
static void put_suffix(struct random *r, size_t number, struct text *out)
{
    static const char *const odd[] = {"-", ".", "_", "bin", "-bin", "0", "a.b", "a-", "key"};
    uint64_t lot = random_below(r, 16);
    if (lot == 0)
        text_puts(out, DRAW(odd));
    else if (lot == 1)
        fuzz_put_run(out, 'n', 1 + (size_t)random_below(r, FAMILY_NAME));
    else
        text_printf(out, "%zu", number);
}

/* Many of one kind, as tables are filled with: NAME-1, NAME-2 ... or the same name again and again. Small tables are
 * filled and a few more put in, as far as a case may grow. */
static int insert_family(struct random *r, const struct case_source *s, struct fuzz_case *c, size_t at)
{
    static const uint8_t counts[] = {2, 4, 9, 11, 18, 20, 24, 34, 40, 50};
    const struct fuzz_event e = {.kind = EVENT_METADATA};
    const char *name = one_in(r, 2) ? draw_beginning(r, s) : draw_known(r, s);
    size_t len = strlen(name), count = DRAW(counts);
    bool same = !is_beginning(name) && one_in(r, 3), plain = !one_in(r, 3);
    int rc = (int)at;
    for (size_t i = 0; i < count && rc >= 0 && len < FAMILY_NAME && c->events.count < FUZZ_CASE_GROWTH_EVENTS; i++) {
        struct text *value = s->scratch_wire;
        text_clear(s->scratch);
        text_clear(value);
        text_puts(s->scratch, name);
        if (!same && !is_beginning(name))
            text_char(s->scratch, '-');
        if (!same)
            put_suffix(r, i, s->scratch);
        text_puts(value, plain || one_in(r, 2) ? "a" : DRAW(odd_values));
        rc = text_ok(s->scratch) && text_ok(value)
                 ? fuzz_case_insert(c, at, &e, text_bytes(s->scratch), text_bytes(value))
                 : ERROR_MEMORY;
    }
    return rc;
}

/* One token is enough: with the target's own in front nobody would look at this one. */
static void leave_token_out(struct fuzz_case *c, size_t at)
{
    while (at > 0 && c->events.items[at - 1].kind == EVENT_METADATA)
        at--;
    if (at > 0 && c->events.items[at - 1].kind == EVENT_CALL)
        c->events.items[at - 1].flags |= EVENT_NO_TOKEN;
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
    if (bytes_is(text_bytes(name), CREDENTIAL))
        leave_token_out(c, at);
    return fuzz_case_insert(c, at, &e, text_bytes(name), text_bytes(value));
}

int fuzz_insert_relay(struct random *r, const struct case_source *s, struct fuzz_case *c, size_t at)
{
    const struct fuzz_event e = {.kind = EVENT_METADATA};
    const char *relay = s->relays[random_below(r, s->relay_count)];
    return fuzz_case_insert(c, at, &e, bytes_of(FUZZ_RELAY), bytes_of(relay));
}
