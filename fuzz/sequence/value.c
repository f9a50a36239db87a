#include "fuzz/sequence/value.h"

#include "fuzz/sequence/wire.h"

#include <stdio.h>
#include <string.h>

static void put_text(struct sequence_value *out, const char *s)
{
    out->len = strlen(s) < SEQUENCE_VALUE_MAX ? strlen(s) : SEQUENCE_VALUE_MAX;
    memcpy(out->data, s, out->len);
}

static void put_fixed(struct sequence_value *out, uint64_t bits, size_t size)
{
    for (size_t i = 0; i < size; i++)
        out->data[i] = (uint8_t)(bits >> (8 * i));
    out->len = size;
}

static void put_number(const struct pb_field *f, int64_t n, struct sequence_value *out)
{
    double real = (double)n;
    float single = (float)n;
    uint64_t bits = 0;
    uint32_t half = 0;
    memcpy(&bits, &real, sizeof bits);
    memcpy(&half, &single, sizeof half);
    switch (f->kind) {
    case PB_DOUBLE:
        put_fixed(out, bits, 8);
        break;
    case PB_FLOAT:
        put_fixed(out, half, 4);
        break;
    case PB_FIXED64:
    case PB_SFIXED64:
        put_fixed(out, (uint64_t)n, 8);
        break;
    case PB_FIXED32:
    case PB_SFIXED32:
        put_fixed(out, (uint64_t)n, 4);
        break;
    case PB_SINT32:
    case PB_SINT64:
        out->len = pb_varint_write(out->data, (uint64_t)n << 1 ^ (n < 0 ? UINT64_MAX : 0));
        break;
    case PB_UINT32:
        out->len = pb_varint_write(out->data, (uint32_t)n);
        break;
    case PB_INT64:
    case PB_UINT64:
    case PB_INT32:
    case PB_BOOL:
    case PB_ENUM:
    case PB_STRING:
    case PB_BYTES:
    case PB_MESSAGE:
        out->len = pb_varint_write(out->data, (uint64_t)n);
        break;
    }
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
    size_t n = 0;
    switch (f->kind) {
    case PB_STRING:
    case PB_BYTES:
        sequence_words_of(f->name, &name);
        if (special_of(&name) != SPECIAL_NONE)
            return 2;
        for (const struct words_for *t = table_of(&name); t != NULL && n < 4 && t->words[n] != NULL;)
            n++;
        return n > 0 ? n : 1;
    case PB_BOOL:
        return 1;
    case PB_ENUM:
        n = f->enumeration->value_count;
        return n > SEQUENCE_WORDS_OF_FIELD - 2 ? SEQUENCE_WORDS_OF_FIELD - 2 : n;
    case PB_DOUBLE:
    case PB_FLOAT:
    case PB_INT32:
    case PB_INT64:
    case PB_UINT32:
    case PB_UINT64:
    case PB_SINT32:
    case PB_SINT64:
    case PB_FIXED32:
    case PB_FIXED64:
    case PB_SFIXED32:
    case PB_SFIXED64:
        return 4;
    case PB_MESSAGE:
        return 0;
    }
    return 0;
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
    sequence_words_of(f->name, &name);
    switch (f->kind) {
    case PB_STRING:
    case PB_BYTES: {
        const struct words_for *t = table_of(&name);
        if (special_of(&name) != SPECIAL_NONE)
            put_special(g, special_of(&name), r, out);
        else
            put_text(out, t != NULL && n < 4 && t->words[n] != NULL ? t->words[n] : "text");
        break;
    }
    case PB_BOOL:
        put_number(f, 1, out);
        break;
    case PB_ENUM:
        put_number(f, f->enumeration->values[n % f->enumeration->value_count].number, out);
        break;
    case PB_DOUBLE:
    case PB_FLOAT:
    case PB_INT32:
    case PB_INT64:
    case PB_UINT32:
    case PB_UINT64:
    case PB_SINT32:
    case PB_SINT64:
    case PB_FIXED32:
    case PB_FIXED64:
    case PB_SFIXED32:
    case PB_SFIXED64:
        put_number(f, n == 3 ? numbers[random_below(r, sizeof numbers / sizeof numbers[0])] : numbers[n % 3], out);
        break;
    case PB_MESSAGE:
        break;
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
    if (f->kind != PB_STRING && f->kind != PB_BYTES) {
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
