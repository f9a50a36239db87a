#include "fakes/behave/values.h"

#include "base/hash.h"
#include "fakes/behave/fields.h"
#include "fakes/behave/words.h"

#include <stdio.h>
#include <string.h>

#define DAY UINT64_C(86400000000000) /* ns */

uint64_t values_hash(uint64_t seed, const char *name, struct bytes data)
{
    /* The sum over name and data, stirred with SplitMix64's finaliser. */
    uint64_t h = hash_add(hash_add(HASH_START ^ seed, bytes_of(name)), data);
    h = (h ^ h >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    h = (h ^ h >> 27) * UINT64_C(0x94D049BB133111EB);
    return h ^ h >> 31;
}

static const char *pick(struct random *r, const char *const *from, size_t count)
{
    return from[random_below(r, count)];
}
#define PICK(r, array) pick((r), (array), sizeof(array) / sizeof *(array))

static const char *const FIRST[] = {"Ada",   "Alan", "Barbara", "Dennis", "Edsger",
                                    "Grace", "Jean", "Ken",     "Mary",   "Radia"};
static const char *const LAST[] = {"Ashford", "Brook", "Castle", "Dale", "Ember", "Field", "Grove", "Harbour", "Lake"};
static const char *const NOUNS[] = {"apple",  "bridge", "candle", "desk",   "engine", "flower", "garden",  "harbour",
                                    "island", "jacket", "kettle", "ladder", "mirror", "needle", "orchard", "pencil"};
static const char *const KINDS[] = {"blue", "bright", "calm",  "early", "green",
                                    "late", "plain",  "quick", "small", "warm"};
static const char *const CITIES[] = {"London", "Lagos", "Lima", "Lisbon", "Nairobi", "Osaka", "Oslo", "Quito"};
static const char *const COUNTRIES[] = {"GB", "NG", "PE", "PT", "KE", "JP", "NO", "EC"};
static const char *const CURRENCIES[] = {"GBP", "EUR", "USD", "JPY", "NGN", "PEN", "NOK"};
static const char *const LANGUAGES[] = {"en", "de", "es", "fr", "ja", "pt", "sw"};
static const char *const ZONES[] = {"Europe/London", "Africa/Lagos", "America/Lima", "Asia/Tokyo", "Europe/Oslo"};

void values_digits(struct random *r, size_t digits, struct text *out)
{
    for (size_t i = 0; i < digits; i++)
        text_char(out, (char)('0' + random_below(r, 10)));
}

void values_token(struct random *r, size_t letters, struct text *out)
{
    static const char alphabet[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    for (size_t i = 0; i < letters; i++)
        text_char(out, alphabet[random_below(r, sizeof alphabet - 1)]);
}

void values_id(struct random *r, struct text *out)
{
    uint64_t a = random_next(r), b = random_next(r);
    /* The bits of version 4 and its variant, RFC 9562. */
    text_printf(out, "%08llx-%04llx-4%03llx-%04llx-%012llx", (unsigned long long)(a >> 32),
                (unsigned long long)(a >> 16 & 0xFFFF), (unsigned long long)(a & 0xFFF),
                (unsigned long long)((b >> 48 & 0x3FFF) | 0x8000), (unsigned long long)(b & 0xFFFFFFFFFFFF));
}

/* ---- text by the field's name ---------------------------------------------------------------------------------- */

static void name_text(struct random *r, struct text *out)
{
    text_printf(out, "%s %s", PICK(r, FIRST), PICK(r, LAST));
}

static void user_text(struct random *r, struct text *out)
{
    const char *first = PICK(r, FIRST);
    char lower[16];
    snprintf(lower, sizeof lower, "%s", first);
    lower[0] = (char)(lower[0] | 0x20);
    text_printf(out, "%s%llu", lower, (unsigned long long)random_below(r, 1000));
}

static void email_text(struct random *r, struct text *out)
{
    user_text(r, out);
    text_puts(out, "@example.com");
}

static void url_text(struct random *r, struct text *out)
{
    text_printf(out, "https://example.com/%s/%llu", PICK(r, NOUNS), (unsigned long long)random_below(r, 100000));
}

static void phone_text(struct random *r, struct text *out)
{
    text_puts(out, "+44207946"); /* a range kept for fiction */
    values_digits(r, 4, out);
}

static void city_text(struct random *r, struct text *out)
{
    text_puts(out, PICK(r, CITIES));
}

static void country_text(struct random *r, struct text *out)
{
    text_puts(out, PICK(r, COUNTRIES));
}

static void currency_text(struct random *r, struct text *out)
{
    text_puts(out, PICK(r, CURRENCIES));
}

static void language_text(struct random *r, struct text *out)
{
    text_puts(out, PICK(r, LANGUAGES));
}

static void zone_text(struct random *r, struct text *out)
{
    text_puts(out, PICK(r, ZONES));
}

static void address_text(struct random *r, struct text *out)
{
    text_printf(out, "%llu %s Street, %s", (unsigned long long)(1 + random_below(r, 200)), PICK(r, LAST),
                PICK(r, CITIES));
}

static void postcode_text(struct random *r, struct text *out)
{
    values_digits(r, 5, out);
}

static void title_text(struct random *r, struct text *out)
{
    text_printf(out, "%s %s", PICK(r, KINDS), PICK(r, NOUNS));
}

static void words_text(struct random *r, struct text *out)
{
    size_t words = 4 + (size_t)random_below(r, 6);
    for (size_t i = 0; i < words; i++)
        text_printf(out, "%s%s", i ? " " : "", i % 2 ? PICK(r, NOUNS) : PICK(r, KINDS));
}

static void price_text(struct random *r, struct text *out)
{
    text_printf(out, "%llu.%02llu", (unsigned long long)random_below(r, 500), (unsigned long long)random_below(r, 100));
}

static void colour_text(struct random *r, struct text *out)
{
    text_printf(out, "#%06llx", (unsigned long long)random_below(r, 0x1000000));
}

static void ip_text(struct random *r, struct text *out)
{
    text_printf(out, "192.0.2.%llu", (unsigned long long)(1 + random_below(r, 254)));
}

static void type_text(struct random *r, struct text *out)
{
    text_puts(out, PICK(r, NOUNS));
}

static void code_text(struct random *r, struct text *out)
{
    values_digits(r, 6, out);
}

static void token_text(struct random *r, struct text *out)
{
    values_token(r, 32, out);
}

static void ok_text(struct random *r, struct text *out)
{
    (void)r;
    text_puts(out, "ok");
}

static void version_text(struct random *r, struct text *out)
{
    text_printf(out, "1.%llu.%llu", (unsigned long long)random_below(r, 20), (unsigned long long)random_below(r, 10));
}

static void number_text(struct random *r, struct text *out)
{
    text_printf(out, "%llu", (unsigned long long)random_below(r, 1000));
}

/* By a word of the name, the last one first: "home_url" is a URL, "url_count" none. */
static const struct {
    const char *word;
    void (*write)(struct random *r, struct text *out);
} MAKERS[] = {
    {"email", email_text},       {"url", url_text},         {"uri", url_text},
    {"link", url_text},          {"website", url_text},     {"callback", url_text},
    {"icon", url_text},          {"avatar", url_text},      {"phone", phone_text},
    {"mobile", phone_text},      {"tel", phone_text},       {"city", city_text},
    {"region", city_text},       {"country", country_text}, {"currency", currency_text},
    {"language", language_text}, {"locale", language_text}, {"lang", language_text},
    {"timezone", zone_text},     {"address", address_text}, {"location", city_text},
    {"postcode", postcode_text}, {"zip", postcode_text},    {"username", user_text},
    {"title", title_text},       {"subject", title_text},   {"description", words_text},
    {"text", words_text},        {"body", words_text},      {"content", words_text},
    {"summary", words_text},     {"message", words_text},   {"note", words_text},
    {"comment", words_text},     {"price", price_text},     {"amount", price_text},
    {"colour", colour_text},     {"color", colour_text},    {"ip", ip_text},
    {"type", type_text},         {"kind", type_text},       {"category", type_text},
    {"tag", type_text},          {"tags", type_text},       {"slug", type_text},
    {"sku", code_text},          {"code", code_text},       {"otp", code_text},
    {"token", token_text},       {"secret", token_text},    {"key", token_text},
    {"id", values_id},           {"ids", values_id},        {"uuid", values_id},
    {"status", ok_text},         {"state", ok_text},        {"version", version_text},
    {"firstname", name_text},    {"author", name_text},     {"owner", name_text},
    {"user", user_text},         {"name", name_text},       {"value", number_text},
    {"host", ip_text},
};

static const char *const TIME_WORDS[] = {"at",     "time",     "date",   "timestamp", "created", "updated", "expires",
                                         "expiry", "modified", "since",  "until",     "day",     "sunrise", "sunset",
                                         "on",     "seen",     "active", "birthday",  NULL};

static bool is_time(const struct name *n)
{
    if (n->count == 0)
        return false;
    for (size_t i = 0; TIME_WORDS[i]; i++)
        if (strcmp(n->words[n->count - 1], TIME_WORDS[i]) == 0)
            return true;
    return false;
}

/* A name is a person's, unless it is the name of some thing. */
static bool names_thing(const struct pb_field *f, const struct name *n)
{
    static const char *const people[] = {"user", "account", "customer", "person", "member", "player", "contact", NULL};
    for (size_t i = 0; f->owner && people[i]; i++)
        if (noun_same(f->owner->name, people[i]))
            return false;
    return n->count == 1 && f->owner;
}

static void string_value(struct random *r, const struct pb_field *f, uint64_t now, struct text *out)
{
    struct name n;
    name_split(f->name, &n);
    if (is_time(&n)) {
        struct text field = TEXT_INIT; /* tag and length before it are cut off */
        put_time(&field, f, 1, now - random_below(r, 30) * DAY / 2);
        if (text_ok(&field) && field.len > 2)
            text_add(out, field.data + 2, field.len - 2);
        text_deinit(&field);
        return;
    }
    for (size_t i = n.count; i > 0; i--) {
        for (size_t k = 0; k < sizeof MAKERS / sizeof *MAKERS; k++)
            if (strcmp(MAKERS[k].word, n.words[i - 1]) == 0) {
                (MAKERS[k].write == name_text && names_thing(f, &n) ? title_text : MAKERS[k].write)(r, out);
                return;
            }
    }
    title_text(r, out);
}

/* ---- numbers --------------------------------------------------------------------------------------------------- */

static bool has(const struct name *n, const char *a, const char *b)
{
    return name_has(n, a) || (b && name_has(n, b));
}

static double real_value(struct random *r, const struct name *n)
{
    double unit = random_unit(r);
    if (has(n, "latitude", "lat"))
        return (double)(int64_t)((unit * 170 - 85) * 1e5) / 1e5;
    if (has(n, "longitude", "long") || has(n, "lng", "lon"))
        return (double)(int64_t)((unit * 358 - 179) * 1e5) / 1e5;
    if (has(n, "rating", "stars"))
        return (double)(int64_t)(10 + unit * 40) / 10;
    if (has(n, "score", "confidence") || has(n, "probability", "ratio"))
        return (double)(int64_t)(unit * 1000) / 1000;
    return (double)(int64_t)(unit * 100000) / 100;
}

static int64_t integer_value(struct random *r, const struct name *n, enum pb_kind kind, uint64_t now)
{
    bool wide = kind == PB_INT64 || kind == PB_UINT64 || kind == PB_FIXED64 || kind == PB_SFIXED64 || kind == PB_SINT64;
    if (wide && is_time(n))
        return (int64_t)((now - random_below(r, 30) * DAY / 2) / 1000000000);
    if (has(n, "percent", "percentage") || has(n, "humidity", "progress"))
        return random_range(r, 0, 100);
    if (has(n, "year", NULL))
        return random_range(r, 1990, 2030);
    if (has(n, "port", NULL))
        return random_range(r, 1024, 65535);
    if (has(n, "price", "amount") || has(n, "balance", "total"))
        return random_range(r, 1, 100000);
    if (has(n, "width", "height"))
        return random_range(r, 16, 2048);
    return random_range(r, 1, 1000);
}

static void any_value(struct random *r, struct text *out)
{
    pb_put_bytes(out, 3, bytes_of(PICK(r, NOUNS))); /* google.protobuf.Value.string_value */
}

static void struct_value(struct random *r, struct text *out)
{
    for (int i = 0; i < 2; i++) {
        size_t entry = pb_open(out, 1);
        pb_put_bytes(out, 1, bytes_of(i == 0 ? "name" : "kind"));
        size_t value = pb_open(out, 2);
        any_value(r, out);
        pb_close(out, value);
        pb_close(out, entry);
    }
}

static void message_value(struct random *r, const struct pb_field *f, uint64_t now, int depth, struct text *out)
{
    uint64_t at = now - random_below(r, 30) * DAY / 2;
    switch ((int)f->message->known) {
    case PB_TIMESTAMP:
        pb_put_tag(out, 1, PB_WIRE_VARINT);
        pb_put_varint(out, at / 1000000000);
        break;
    case PB_DURATION:
        pb_put_tag(out, 1, PB_WIRE_VARINT);
        pb_put_varint(out, 1 + random_below(r, 3600));
        break;
    case PB_ANY: /* of no type: empty */
    case PB_FIELD_MASK:
    case PB_EMPTY:
        break;
    case PB_STRUCT:
        struct_value(r, out);
        break;
    case PB_VALUE:
        any_value(r, out);
        break;
    case PB_LIST_VALUE: {
        size_t mark = pb_open(out, 1);
        any_value(r, out);
        pb_close(out, mark);
        break;
    }
    default:
        values_message(r, f->message, now, depth + 1, out);
        break;
    }
}

static void one_value(struct random *r, const struct pb_field *f, uint64_t now, int depth, struct text *out)
{
    struct name n;
    name_split(f->name, &n);
    struct pb_item v = {.wire = pb_kind_wire(f->kind)};
    switch ((int)f->kind) {
    case PB_STRING:
    case PB_BYTES: {
        size_t mark = pb_open(out, f->number);
        if (f->kind == PB_STRING)
            string_value(r, f, now, out);
        else
            values_token(r, 16, out);
        pb_close(out, mark);
        return;
    }
    case PB_MESSAGE: {
        size_t mark = pb_open(out, f->number);
        message_value(r, f, now, depth, out);
        pb_close(out, mark);
        return;
    }
    case PB_ENUM: {
        /* The first member is "unknown" by convention. */
        size_t first = f->enumeration->value_count > 1;
        size_t at = first + (size_t)random_below(r, f->enumeration->value_count - first);
        v.value = (uint64_t)(int64_t)f->enumeration->values[at].number;
        break;
    }
    case PB_DOUBLE: {
        double d = real_value(r, &n);
        memcpy(&v.value, &d, sizeof d);
        break;
    }
    case PB_FLOAT: {
        float single = (float)real_value(r, &n);
        uint32_t bits;
        memcpy(&bits, &single, sizeof bits);
        v.value = bits;
        break;
    }
    case PB_BOOL:
        v.value = random_below(r, 2);
        break;
    default:
        put_integer(out, f, f->number, integer_value(r, &n, f->kind, now));
        return;
    }
    put_item(out, f->number, &v);
}

void values_field(struct random *r, const struct pb_field *f, uint64_t now, int depth, struct text *out)
{
    if (f->kind == PB_MESSAGE && depth >= VALUES_DEPTH_MAX)
        return;
    size_t count = f->repeated ? 1 + (size_t)random_below(r, depth > 1 ? 1 : 3) : 1;
    if (f->map && pb_field_by_number(f->message, 1)->kind == PB_BOOL)
        count = 1;
    for (size_t i = 0; i < count; i++)
        one_value(r, f, now, depth, out);
}

void values_message(struct random *r, const struct pb_type *type, uint64_t now, int depth, struct text *out)
{
    if (depth > VALUES_DEPTH_MAX)
        return;
    for (size_t i = 0; i < type->oneof_count; i++) {
        size_t members = 0, wanted;
        for (size_t k = 0; k < type->field_count; k++)
            members += type->fields[k].oneof == (int)i;
        wanted = (size_t)random_below(r, members);
        for (size_t k = 0; k < type->field_count; k++)
            if (type->fields[k].oneof == (int)i && wanted-- == 0) {
                values_field(r, &type->fields[k], now, depth, out);
                break;
            }
    }
    for (size_t i = 0; i < type->field_count; i++)
        if (type->fields[i].oneof < 0)
            values_field(r, &type->fields[i], now, depth, out);
}
