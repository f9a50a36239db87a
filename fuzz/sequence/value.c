#include "fuzz/sequence/value.h"

#include "fuzz/sequence/wire.h"

#include <stdio.h>
#include <string.h>

#define KNOWN_PARTS_MAX   3  /* words in a name */
#define KNOWN_MEMBERS_MAX 40 /* words in an object */

static void put_text(struct sequence_value *out, const char *s)
{
    out->len = strlen(s) < SEQUENCE_VALUE_MAX ? strlen(s) : SEQUENCE_VALUE_MAX;
    memcpy(out->data, s, out->len);
}

/* A number as the field's kind holds it. */
static void put_number(const struct pb_field *f, int64_t n, struct sequence_value *out)
{
    uint64_t bits = (uint64_t)n;
    const double real = (double)n;
    const float single = (float)n;
    uint32_t half;
    if (f->kind == PB_DOUBLE) {
        memcpy(&bits, &real, sizeof bits);
    } else if (f->kind == PB_FLOAT) {
        memcpy(&half, &single, sizeof half);
        bits = half;
    } else if (f->kind == PB_SINT32 || f->kind == PB_SINT64) {
        bits = (uint64_t)n << 1 ^ (n < 0 ? UINT64_MAX : 0);
    } else if (f->kind == PB_UINT32) {
        bits = (uint32_t)n;
    }
    unsigned wire = fuzz_wire_type(f);
    if (wire == WIRE_VARINT) {
        out->len = pb_varint_write(out->data, bits);
        return;
    }
    out->len = wire == WIRE_FIXED64 ? 8 : 4;
    for (size_t i = 0; i < out->len; i++)
        out->data[i] = (uint8_t)(bits >> (8 * i));
}

static bool is_text(const struct pb_field *f)
{
    return f->kind == PB_STRING || f->kind == PB_BYTES;
}

/* ---- words ---- */

struct words_for {
    const char *last; /* word of the field's name */
    const char *words[4];
};

static const struct words_for tables[] = {
    {"data", {"1", "{\"a\":1}", "text", NULL}},
    {"json", {"{}", "{\"a\":1}", NULL, NULL}},
    {"body", {"{}", "text", NULL, NULL}},
    {"payload", {"{}", "text", NULL, NULL}},
    {"content", {"{}", "text", NULL, NULL}},
    {"value", {"1", "text", NULL, NULL}},
    {"format", {"json", "yaml", NULL, NULL}},
    {"order", {"asc", "desc", NULL, NULL}},
    {"sort", {"asc", "desc", NULL, NULL}},
    {"direction", {"asc", "desc", NULL, NULL}},
    {"type", {"user", "service", "application/json", "*"}},
    {"scope", {"*", "admin", "service", NULL}},
    {"role", {"user", "admin", NULL, NULL}},
    {"method", {"GET", "POST", NULL, NULL}},
    {"language", {"en", "de", NULL, NULL}},
    {"currency", {"EUR", "USD", NULL, NULL}},
    {"country", {"DE", "US", NULL, NULL}},
    {"email", {"someone@example.com", NULL, NULL, NULL}},
    {"url", {"http://127.0.0.1:1/", NULL, NULL, NULL}},
    {"uri", {"http://127.0.0.1:1/", NULL, NULL, NULL}},
    {"link", {"http://127.0.0.1:1/", NULL, NULL, NULL}},
    {"address", {"127.0.0.1:1", "localhost:1", NULL, NULL}},
    {"host", {"localhost", "127.0.0.1", NULL, NULL}},
    {"ip", {"127.0.0.1", "::1", NULL, NULL}},
    {"port", {"1", "8080", NULL, NULL}},
    {"source", {"/", ".", "http://127.0.0.1:1/", NULL}},
    {"directory", {"/", ".", NULL, NULL}},
    {"file", {"a.txt", NULL, NULL, NULL}},
    {"command", {"true", NULL, NULL, NULL}},
    {"version", {"latest", "1", "1.0.0", NULL}},
    {"date", {"2024-02-29", NULL, NULL, NULL}},
    {"time", {"2024-02-29T12:00:00Z", NULL, NULL, NULL}},
    {"phone", {"+4930123456", NULL, NULL, NULL}},
    {"text", {"text", NULL, NULL, NULL}},
    {"message", {"text", NULL, NULL, NULL}},
    {"prefix", {"a", "/", NULL, NULL}},
    {"query", {"a", "*", NULL, NULL}},
    {"namespace", {"default", "micro", "*", NULL}},
    {"domain", {"default", "micro", "*", NULL}},
    {"database", {"default", "micro", NULL, NULL}},
    {"table", {"default", "micro", NULL, NULL}},
};

static const int64_t numbers[] = {1, 10, 60, 3600, -1, INT32_MAX};

enum special { SPECIAL_NONE, SPECIAL_SERVICE, SPECIAL_ENDPOINT };

static enum special special_of(const struct sequence_words *w)
{
    const char *last = w->count > 0 ? w->word[w->count - 1] : "";
    if (strcmp(last, "service") == 0)
        return SPECIAL_SERVICE;
    return strcmp(last, "endpoint") == 0 ? SPECIAL_ENDPOINT : SPECIAL_NONE;
}

static const struct words_for *table_of(const struct sequence_words *w)
{
    for (size_t i = 0; w->count > 0 && i < sizeof tables / sizeof tables[0]; i++)
        if (strcmp(tables[i].last, w->word[w->count - 1]) == 0)
            return &tables[i];
    return NULL;
}

/* Of the field alone, without what was learnt. */
static size_t own_words(const struct pb_field *f)
{
    struct sequence_words name;
    size_t n = 0, most = SEQUENCE_WORDS_OF_FIELD - 2;
    if (f->kind == PB_ENUM)
        return f->enumeration->value_count < most ? f->enumeration->value_count : most;
    if (!is_text(f))
        return f->kind == PB_MESSAGE ? 0 : f->kind == PB_BOOL ? 1 : 4;
    sequence_words_of(f->name, &name);
    if (special_of(&name) != SPECIAL_NONE)
        return 2;
    for (const struct words_for *t = table_of(&name); t != NULL && n < 4 && t->words[n] != NULL;)
        n++;
    return n > 0 ? n : 1;
}

size_t sequence_word_count(const struct sequence_leaf *l, const struct sequence_slot *slot)
{
    return slot->learnt_count + own_words(sequence_leaf_field(l));
}

/* A name the system knows by its own contracts. */
static void put_special(const struct sequence_graph *g, enum special what, struct random *r, struct sequence_value *out)
{
    const struct pb_method *m = g->methods[random_below(r, g->method_count)].method;
    char name[SEQUENCE_VALUE_MAX];
    if (what == SPECIAL_SERVICE)
        snprintf(name, sizeof name, "%s", m->service->package[0] ? m->service->package : m->service->name);
    else
        snprintf(name, sizeof name, "%s.%s", m->service->name, m->name);
    put_text(out, name);
}

void sequence_word(const struct sequence_graph *g, const struct sequence_leaf *l, const struct sequence_slot *slot,
                   size_t n, struct random *r, struct sequence_value *out)
{
    const struct pb_field *f = sequence_leaf_field(l);
    struct sequence_words name;
    *out = (struct sequence_value){.len = 0};
    if (n < slot->learnt_count) {
        put_text(out, slot->learnt[n]);
        return;
    }
    n -= slot->learnt_count;
    if (f->kind == PB_BOOL) {
        put_number(f, 1, out);
    } else if (f->kind == PB_ENUM) {
        put_number(f, f->enumeration->values[n % f->enumeration->value_count].number, out);
    } else if (is_text(f)) {
        sequence_words_of(f->name, &name);
        const struct words_for *t = table_of(&name);
        if (special_of(&name) != SPECIAL_NONE)
            put_special(g, special_of(&name), r, out);
        else
            put_text(out, t != NULL && n < 4 && t->words[n] != NULL ? t->words[n] : "text");
    } else if (f->kind != PB_MESSAGE) {
        put_number(f, n == 3 ? numbers[random_below(r, sizeof numbers / sizeof numbers[0])] : numbers[n % 3], out);
    }
}

/* ---- fresh ones ---- */

void sequence_fresh(const struct sequence_leaf *l, struct random *r, struct sequence_value *out)
{
    const struct pb_field *f = sequence_leaf_field(l);
    unsigned long long bits = random_next(r);
    char text[SEQUENCE_VALUE_MAX];
    struct sequence_words name;
    *out = (struct sequence_value){.len = 0};
    if (!is_text(f)) {
        put_number(f, f->kind == PB_BOOL ? 1 : (int64_t)(1 + bits % 1000), out);
        return;
    }
    sequence_words_of(f->name, &name);
    if (l->class == CLASS_EMAIL && sequence_words_have(&name, "email"))
        snprintf(text, sizeof text, "u%010llx@example.com", bits >> 24);
    else if (l->class == CLASS_SECRET)
        snprintf(text, sizeof text, "Secret-%012llx", bits >> 16);
    else if (sequence_words_have(&name, "uuid") || sequence_words_have(&name, "guid"))
        snprintf(text, sizeof text, "%08llx-%04llx-4%03llx-8%03llx-%012llx", bits >> 32, bits >> 16 & 0xFFFF,
                 bits & 0xFFF, bits >> 4 & 0xFFF, bits >> 8 & 0xFFFFFFFFFFFF);
    else if (l->class == CLASS_KEY && bits % 2 == 0) /* keys may be paths, and longer than names */
        snprintf(text, sizeof text, "f%06llx/%08llx", bits >> 40, bits >> 8 & 0xFFFFFFFF);
    else
        /* A letter, then letters and digits: what names, keys, topics and ids of most systems may be. */
        snprintf(text, sizeof text, "f%010llx", bits >> 24);
    put_text(out, text);
}

/* ---- words of the program ---- */

static const char *draw_known(const struct sequence_known *k, struct random *r)
{
    if (k->stored_count > 0 && (k->count == 0 || random_below(r, 2) == 0))
        return k->stored[random_below(r, k->stored_count)];
    return k->words[random_below(r, k->count)];
}

void sequence_known_name(const struct sequence_known *k, struct random *r, struct sequence_value *out)
{
    static const char marks[] = "./:-";
    char text[SEQUENCE_VALUE_MAX];
    char mark = marks[random_below(r, sizeof marks - 1)];
    size_t len = 0, parts = 1 + (size_t)random_below(r, KNOWN_PARTS_MAX);
    bool named = random_below(r, 2) == 0 && out->len < sizeof text / 2; /* behind the name that was to be */
    if (named) {
        memcpy(text, out->data, out->len);
        len = out->len;
    }
    for (size_t i = 0; i < parts; i++) {
        const char *word = draw_known(k, r);
        if (len + strlen(word) + 2 > sizeof text)
            break;
        if (len > 0)
            text[len++] = mark;
        memcpy(text + len, word, strlen(word));
        len += strlen(word);
    }
    if (len > 0) {
        memcpy(out->data, text, len);
        out->len = len;
    }
}

/* Many at a time: the one that means something shows itself when the case is made smaller. */
void sequence_known_object(const struct sequence_known *k, struct random *r, struct sequence_value *out)
{
    size_t members = 1 + (size_t)random_below(r, KNOWN_MEMBERS_MAX);
    out->len = 0;
    for (size_t i = 0; i < members; i++) {
        const char *word = draw_known(k, r);
        char member[SEQUENCE_VALUE_MAX];
        int len = snprintf(member, sizeof member, "%c\"%s\":%s", i == 0 ? '{' : ',', word,
                           random_below(r, 2) == 0 ? "1" : "\"a\"");
        if (len < 0 || out->len + (size_t)len + 1 > SEQUENCE_VALUE_MAX)
            break;
        memcpy(out->data + out->len, member, (size_t)len);
        out->len += (size_t)len;
    }
    if (out->len > 0)
        out->data[out->len++] = '}';
}
