/* Values nobody sets: drawn from the seed (the same at the same place of the same flow in each run of a seed), read off
 * the world's clock (virtual in a simulation), or taken from the environment. */
#include "base/secret_name.h"
#include "base/units.h"
#include "e2e/value/query.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void draw(struct flow_context *x, const char *kind, struct random *out)
{
    struct random base, flow;
    char purpose[48];
    random_seed(&base, x->target->seed);
    random_fork(&base, x->scope, &flow);
    snprintf(purpose, sizeof purpose, "%s %" PRIu64, kind, x->unique++);
    random_fork(&flow, purpose, out);
}

static json_t *unique_value(struct flow_context *x)
{
    struct random own;
    char text[16];
    draw(x, "unique", &own);
    snprintf(text, sizeof text, "u%012" PRIx64, random_next(&own) & UINT64_C(0xFFFFFFFFFFFF));
    return json_string(text);
}

/* ---- fake data ---- */

static const char *const first_names[] = {"Ada",   "Amina", "Björn", "Carla", "Chidi", "Dewi", "Elif",
                                          "Farid", "Ines",  "Jonas", "Kenji", "Leïla", "Mary", "Nils",
                                          "Olga",  "Priya", "Rosa",  "Samir", "Tomás", "Yuki"};
static const char *const last_names[] = {"Abbott", "Bauer",   "Castro", "Demir",  "Eriksen", "Fofana", "García",
                                         "Hansen", "Ibrahim", "Jones",  "Kovács", "Lee",     "Moreau", "Novak",
                                         "Okafor", "Patel",   "Rossi",  "Silva",  "Tanaka",  "Wagner"};
static const char *const cities[] = {"Accra", "Bergen", "Cusco",  "Dhaka",    "Essen", "Fes",    "Graz",  "Hanoi",
                                     "Izmir", "Kyoto",  "Lisbon", "Montreal", "Oslo",  "Prague", "Quito", "Riga"};
static const char *const countries[] = {"GH", "NO", "PE", "BD", "DE", "MA", "AT", "VN",
                                        "TR", "JP", "PT", "CA", "CZ", "EC", "LV", "IN"};
static const char *const streets[] = {"Mill Lane",   "Harbour Road", "Church Street", "Station Road",
                                      "Park Avenue", "Garden Way",   "Market Square", "River Walk"};
static const char *const companies[] = {"Anvil & Sons",    "Bluebird Foods", "Cobalt Works", "Driftwood Books",
                                        "Evergreen Tools", "Foxglove Tea",   "Granite Labs", "Harbour Freight"};
static const char *const words[] = {"amber",  "basket", "candle", "drum",  "ember",  "feather", "garden",  "hollow",
                                    "island", "jacket", "kettle", "lemon", "mirror", "needle",  "orchard", "pebble"};

#define PICK(list, r) (list)[random_below((r), sizeof(list) / sizeof(list)[0])]

static void fake_person(struct random *r, struct text *out)
{
    text_printf(out, "%s ", PICK(first_names, r));
    text_puts(out, PICK(last_names, r));
}

/* RFC 2606: example.com is nobody's. The digits keep two addresses of one run apart. */
static void fake_email(struct random *r, struct text *out)
{
    text_printf(out, "%s.", PICK(words, r));
    text_printf(out, "%s.%08" PRIx64 "@example.com", PICK(words, r), random_next(r) & UINT64_C(0xFFFFFFFF));
}

static void fake_first(struct random *r, struct text *out)
{
    text_puts(out, PICK(first_names, r));
}

static void fake_last(struct random *r, struct text *out)
{
    text_puts(out, PICK(last_names, r));
}

/* Numbers set aside for fiction: +1 555 01xx. */
static void fake_phone(struct random *r, struct text *out)
{
    text_printf(out, "+1%03d55501%02d", (int)random_range(r, 201, 989), (int)random_below(r, 100));
}

static void fake_street(struct random *r, struct text *out)
{
    text_printf(out, "%d ", (int)random_range(r, 1, 199));
    text_puts(out, PICK(streets, r));
}

static void fake_city(struct random *r, struct text *out)
{
    text_puts(out, PICK(cities, r));
}

static void fake_country(struct random *r, struct text *out)
{
    text_puts(out, PICK(countries, r));
}

static void fake_company(struct random *r, struct text *out)
{
    text_puts(out, PICK(companies, r));
}

static void fake_word(struct random *r, struct text *out)
{
    text_puts(out, PICK(words, r));
}

static void fake_sentence(struct random *r, struct text *out)
{
    size_t start = out->len;
    for (int i = 0; i < 6; i++)
        text_printf(out, "%s%s", i > 0 ? " " : "", PICK(words, r));
    text_char(out, '.');
    if (text_ok(out))
        out->data[start] = (char)toupper((unsigned char)out->data[start]);
}

/* RFC 9562, version 4. */
static void fake_uuid(struct random *r, struct text *out)
{
    uint64_t a = random_next(r), b = random_next(r);
    text_printf(out, "%08" PRIx64 "-%04" PRIx64 "-4%03" PRIx64 "-%04" PRIx64 "-%012" PRIx64, a >> 32,
                (a >> 16) & 0xFFFF, a & 0xFFF, ((b >> 48) & 0x3FFF) | 0x8000, b & UINT64_C(0xFFFFFFFFFFFF));
}

static const struct {
    const char *name;
    void (*make)(struct random *r, struct text *out);
} fakes[] = {
    {"name", fake_person},     {"first_name", fake_first}, {"last_name", fake_last},    {"email", fake_email},
    {"phone", fake_phone},     {"street", fake_street},    {"city", fake_city},         {"country", fake_country},
    {"company", fake_company}, {"word", fake_word},        {"sentence", fake_sentence}, {"uuid", fake_uuid},
};
#define FAKE_COUNT (sizeof fakes / sizeof fakes[0])

static json_t *fake_value(struct flow_context *x, const struct node *n, const char *name)
{
    const char *names[FAKE_COUNT + 2] = {"number"};
    struct random own;
    struct text text = TEXT_INIT;
    draw(x, "fake", &own);
    if (strcmp(name, "number") == 0)
        return json_integer(random_range(&own, 0, 999999));
    for (size_t i = 0; i < FAKE_COUNT; i++) {
        names[i + 1] = fakes[i].name;
        if (strcmp(fakes[i].name, name) != 0)
            continue;
        fakes[i].make(&own, &text);
        json_t *value = text_ok(&text) ? json_string(text_string(&text)) : NULL;
        text_deinit(&text);
        if (value == NULL)
            flow_memory(x);
        return value;
    }
    const char *near = nearest_word(name, names);
    for (size_t i = 0; near == NULL && i < FAKE_COUNT + 1; i++)
        text_printf(&text, "%s%s", i > 0 ? ", " : "", names[i]);
    if (near != NULL)
        flow_wrong(x, n, ERROR_NOT_FOUND, "there is no ${fake.%s}: did you mean ${fake.%s}?", name, near);
    else
        flow_wrong(x, n, ERROR_NOT_FOUND, "there is no ${fake.%s}: there are %s", name, text_string(&text));
    text_deinit(&text);
    return NULL;
}

/* ---- the clock ---- */

/* "now", "now + 1h", "now.unix - 5m", "now.unix_ms". */
static json_t *clock_value(struct flow_context *x, const struct node *n, const char *name)
{
    static const char hint[] = "a time is ${now}, ${now.unix} or ${now.unix_ms}, with \"+ 1h\" or \"- 5m\" behind it";
    const char *p = name + strlen("now");
    enum { RFC_3339, UNIX, UNIX_MS, DATE } form = RFC_3339;
    int64_t at = world_wall(x->target->world), shift = 0;
    char text[40];
    if (strncmp(p, ".unix_ms", 8) == 0) {
        form = UNIX_MS;
        p += 8;
    } else if (strncmp(p, ".unix", 5) == 0) {
        form = UNIX;
        p += 5;
    } else if (strncmp(p, ".date", 5) == 0) { /* for filters: ${now.date | format "%Y"} */
        form = DATE;
        p += 5;
    }
    p += strspn(p, " ");
    if (*p == '+' || *p == '-') {
        bool back = *p++ == '-';
        p += strspn(p, " ");
        if (units_parse_duration(p, &shift, NULL) != 0 || shift < 0) {
            flow_wrong(x, n, ERROR_SYNTAX, "\"%s\" is no duration: %s", p, hint);
            return NULL;
        }
        at += back ? -shift : shift;
    } else if (*p != '\0') {
        flow_wrong(x, n, ERROR_SYNTAX, "${%s}: %s", name, hint);
        return NULL;
    }
    if (form == DATE)
        return query_date_value(at / MICROSECOND);
    if (form != RFC_3339)
        return json_integer(form == UNIX ? at / SECOND : at / MILLISECOND);
    units_format_time(at, text, sizeof text);
    return json_string(text);
}

/* ---- the environment ---- */

static json_t *env_value(struct flow_context *x, const struct node *n, const char *name)
{
    const char *text = getenv(name);
    if (text == NULL) {
        flow_wrong(x, n, ERROR_NOT_FOUND, "the environment has no %s: set it before the run", name);
        return NULL;
    }
    json_t *value = value_of_bytes(bytes_of(text));
    bool ok = value != NULL;
    if (is_secret_name(name, strlen(name)) || strcasestr(name, "KEY") != NULL)
        ok = ok && secret_add(x, value);
    if (!ok) {
        json_decref(value);
        flow_memory(x);
        return NULL;
    }
    return value;
}

bool drawn_value(struct flow_context *x, const struct node *n, const char *name, json_t **out)
{
    if (strcmp(name, "unique") == 0)
        *out = unique_value(x);
    else if (strncmp(name, "fake.", 5) == 0)
        *out = fake_value(x, n, name + 5);
    else if (strncmp(name, "env.", 4) == 0)
        *out = env_value(x, n, name + 4);
    else if (strncmp(name, "now", 3) == 0 && (name[3] == '\0' || strchr(". +-", name[3]) != NULL))
        *out = clock_value(x, n, name);
    else
        return false;
    if (*out == NULL && x->error.code == 0)
        flow_memory(x);
    return true;
}
