#include "runtime/services/backend/search_query.h"

#include "base/utf8.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- words ------------------------------------------------------------------------------------------------------- */

/* Of the alphabets that have two cases in one block each: Latin, Greek, Cyrillic. */
static uint32_t lower(uint32_t c)
{
    if ((c >= 'A' && c <= 'Z') || (c >= 0xC0 && c <= 0xDE && c != 0xD7) || (c >= 0x391 && c <= 0x3A9) ||
        (c >= 0x410 && c <= 0x42F))
        return c + 32;
    if (c >= 0x400 && c <= 0x40F)
        return c + 80;
    if ((c >= 0x100 && c <= 0x137) || (c >= 0x14A && c <= 0x177))
        return c | 1;
    if ((c >= 0x139 && c <= 0x148) || (c >= 0x179 && c <= 0x17E))
        return c % 2 ? c + 1 : c;
    return c;
}

static bool in_word(uint32_t c)
{
    return c < 0x80
               ? isalnum((int)c)
               : c >= 0xC0 && c != 0xD7 && c != 0xF7 && !(c >= 0x2000 && c <= 0x206F) && !(c >= 0x3000 && c <= 0x3003);
}

static bool add_word(struct arena *a, struct search_words *w, const char *word, size_t len)
{
    for (size_t i = 0; i < w->count; i++)
        if (strncmp(w->items[i].word, word, len) == 0 && w->items[i].word[len] == 0) {
            w->items[i].times++;
            return true;
        }
    w->too_many = w->too_many || w->count == SEARCH_WORDS_MAX;
    if (w->too_many)
        return true;
    if (w->count == w->room) {
        size_t room = w->room ? 2 * w->room : 16;
        struct search_word *items = ARENA_NEW_N(a, struct search_word, room);
        if (!items)
            return false;
        if (w->count)
            memcpy(items, w->items, w->count * sizeof *items);
        w->items = items;
        w->room = room;
    }
    const char *copy = arena_string_n(a, word, len);
    if (!copy)
        return false;
    w->items[w->count++] = (struct search_word){copy, 1};
    return true;
}

bool search_words_add(struct arena *a, struct search_words *w, const char *text)
{
    struct bytes b = bytes_of(text);
    char word[SEARCH_WORD_MAX + UTF8_MAX];
    size_t len = 0;
    bool full = false;
    for (size_t at = 0; at <= b.len;) {
        uint32_t c = 0;
        if (at == b.len)
            at++;
        else
            (void)utf8_next(b, &at, &c);
        if (c && in_word(c)) {
            char bytes[UTF8_MAX];
            size_t n = utf8_write(lower(c), bytes);
            full = full || len + n > SEARCH_WORD_MAX;
            if (!full) {
                memcpy(word + len, bytes, n);
                len += n;
            }
            continue;
        }
        if (len && !add_word(a, w, word, len))
            return false;
        len = 0;
        full = false;
    }
    return true;
}

bool search_words_of(struct arena *a, struct search_words *w, const json_t *record)
{
    const char *name;
    json_t *item;
    size_t i;
    if (json_is_string(record))
        return search_words_add(a, w, json_string_value(record));
    if (json_is_array(record)) {
        json_array_foreach(record, i, item)
        {
            if (!search_words_of(a, w, item))
                return false;
        }
    } else if (json_is_object(record)) {
        void *iterator = json_object_iter((json_t *)(uintptr_t)record);
        for (; iterator; iterator = json_object_iter_next((json_t *)(uintptr_t)record, iterator)) {
            name = json_object_iter_key(iterator);
            if (name && !search_words_of(a, w, json_object_iter_value(iterator)))
                return false;
        }
    }
    return true;
}

/* ---- reading a query --------------------------------------------------------------------------------------------- */

struct reader {
    struct arena *arena;
    const char *start, *at;
    size_t depth;
    struct error *err;
    int rc;
};

static struct search_query *fail(struct reader *r, const char *expected)
{
    if (r->rc == 0)
        r->rc = error_set(r->err, ERROR_SYNTAX, "column %zu of the query: expected %s", (size_t)(r->at - r->start) + 1,
                          expected);
    return NULL;
}

static struct search_query *node(struct reader *r, enum search_kind kind, struct search_query *left,
                                 struct search_query *right)
{
    struct search_query *q = ARENA_NEW(r->arena, struct search_query);
    if (q)
        *q = (struct search_query){.kind = kind, .left = left, .right = right};
    else if (r->rc == 0)
        r->rc = error_set(r->err, ERROR_MEMORY, "out of memory");
    return q;
}

static void blanks(struct reader *r)
{
    while (isspace((unsigned char)*r->at))
        r->at++;
}

static bool part_of_name(char c)
{
    return isalnum((unsigned char)c) || c == '_' || c == '.' || c == '-' || (unsigned char)c >= 0x80;
}

static size_t name_length(const struct reader *r)
{
    size_t n = 0;
    while (part_of_name(r->at[n]))
        n++;
    return n;
}

static bool keyword(struct reader *r, const char *word)
{
    blanks(r);
    size_t n = strlen(word);
    if (name_length(r) != n)
        return false;
    for (size_t i = 0; i < n; i++)
        if (tolower((unsigned char)r->at[i]) != word[i])
            return false;
    r->at += n;
    return true;
}

static const char *quoted(struct reader *r)
{
    const char *end = strchr(r->at + 1, *r->at);
    if (!end) {
        fail(r, "the quote that ends the text");
        return NULL;
    }
    const char *text = arena_string_n(r->arena, r->at + 1, (size_t)(end - r->at - 1));
    if (!text && r->rc == 0)
        r->rc = error_set(r->err, ERROR_MEMORY, "out of memory");
    r->at = end + 1;
    return text;
}

static bool operator_at(struct reader *r, enum search_operator *out)
{
    static const struct {
        const char *sign;
        enum search_operator operator;
    } signs[] = {{"==", SEARCH_EQUAL},    {"!=", SEARCH_DIFFERENT}, {"<=", SEARCH_AT_MOST},
                 {">=", SEARCH_AT_LEAST}, {"<", SEARCH_BELOW},      {">", SEARCH_ABOVE}};
    blanks(r);
    for (size_t i = 0; i < sizeof signs / sizeof *signs; i++)
        if (strncmp(r->at, signs[i].sign, strlen(signs[i].sign)) == 0) {
            *out = signs[i].operator;
            r->at += strlen(signs[i].sign);
            return true;
        }
    return false;
}

static struct search_query *compare(struct reader *r, const char *name, enum search_operator operator)
{
    struct search_query *q = node(r, SEARCH_COMPARE, NULL, NULL);
    char *end;
    blanks(r);
    if (!q)
        return NULL;
    q->name = name;
    q->operator= operator;
    if (*r->at == '\'' || *r->at == '"') {
        q->type = SEARCH_TEXT;
        return (q->text = quoted(r)) ? q : NULL;
    }
    if (keyword(r, "true") || keyword(r, "false") || keyword(r, "null")) {
        char last = r->at[-2]; /* "u", "s", "l" */
        q->type = tolower((unsigned char)last) == 'u'   ? SEARCH_TRUE
                  : tolower((unsigned char)last) == 's' ? SEARCH_FALSE
                                                        : SEARCH_NULL;
        return q;
    }
    q->type = SEARCH_NUMBER;
    q->number = strtod(r->at, &end);
    if (end == r->at || !isfinite(q->number) || part_of_name(*end))
        return fail(r, "a value: a text in quotes, a number, true, false or null");
    r->at = end;
    return q;
}

/* All words of a text. */
static struct search_query *all_of(struct reader *r, const char *text, bool begins)
{
    struct search_words words = {0};
    struct search_query *all = NULL;
    if (!search_words_add(r->arena, &words, text)) {
        r->rc = error_set(r->err, ERROR_MEMORY, "out of memory");
        return NULL;
    }
    for (size_t i = 0; i < words.count; i++) {
        struct search_query *q = node(r, SEARCH_WORD, NULL, NULL);
        if (!q)
            return NULL;
        q->word = words.items[i].word;
        q->begins = begins && i + 1 == words.count;
        all = all ? node(r, SEARCH_AND, all, q) : q;
    }
    return all ? all : fail(r, "a text with a word in it");
}

static struct search_query *either(struct reader *r);

static struct search_query *one(struct reader *r)
{
    enum search_operator operator;
    blanks(r);
    if (*r->at == '\'' || *r->at == '"') {
        const char *text = quoted(r);
        return text ? all_of(r, text, false) : NULL;
    }
    size_t n = name_length(r);
    if (n == 0)
        return fail(r, "a word, a text in quotes, a comparison such as age >= 30, or (");
    const char *name = arena_string_n(r->arena, r->at, n);
    if (!name) {
        r->rc = error_set(r->err, ERROR_MEMORY, "out of memory");
        return NULL;
    }
    const char *start = r->at;
    r->at += n;
    bool begins = *r->at == '*';
    if (begins)
        r->at++;
    else if (operator_at(r, &operator))
        return compare(r, name, operator);
    const char *end = r->at;
    r->at = start; /* where a complaint points to */
    struct search_query *q = all_of(r, name, begins);
    r->at = end;
    return q;
}

static struct search_query *none(struct reader *r)
{
    struct search_query *q = NULL;
    if (++r->depth > SEARCH_DEPTH_MAX)
        return fail(r, "less brackets and \"not\"s within each other: 32 at most");
    if (keyword(r, "not")) {
        q = none(r);
        q = q ? node(r, SEARCH_NOT, q, NULL) : NULL;
    } else if (*r->at == '(') {
        r->at++;
        q = either(r);
        blanks(r);
        if (q && *r->at != ')')
            q = fail(r, "\")\"");
        else if (q)
            r->at++;
    } else {
        q = one(r);
    }
    r->depth--;
    return q;
}

static bool at_end(struct reader *r, const char *word)
{
    const char *at = r->at;
    blanks(r);
    bool end = !*r->at || *r->at == ')' || keyword(r, word);
    r->at = at;
    return end;
}

static struct search_query *both(struct reader *r)
{
    struct search_query *q = none(r);
    while (q && !at_end(r, "or")) {
        (void)keyword(r, "and");
        struct search_query *next = none(r);
        q = next ? node(r, SEARCH_AND, q, next) : NULL;
    }
    return q;
}

static struct search_query *either(struct reader *r)
{
    struct search_query *q = both(r);
    while (q && keyword(r, "or")) {
        struct search_query *next = both(r);
        q = next ? node(r, SEARCH_OR, q, next) : NULL;
    }
    return q;
}

int search_parse(struct arena *a, const char *query, struct search_query **out, struct error *err)
{
    struct reader r = {.arena = a, .start = query, .at = query, .err = err};
    if (strlen(query) > SEARCH_QUERY_MAX)
        return error_set(err, ERROR_LIMIT, "a query has at most %d bytes", SEARCH_QUERY_MAX);
    struct search_query *q = either(&r);
    blanks(&r);
    if (q && *r.at)
        q = fail(&r, "the end of the query");
    *out = q;
    return q ? 0 : r.rc;
}

/* ---- matching ---------------------------------------------------------------------------------------------------- */

static bool order_holds(enum search_operator operator, int order)
{
    switch (operator) {
    case SEARCH_EQUAL:
        return order == 0;
    case SEARCH_DIFFERENT:
        return order != 0;
    case SEARCH_BELOW:
        return order < 0;
    case SEARCH_AT_MOST:
        return order <= 0;
    case SEARCH_ABOVE:
        return order > 0;
    case SEARCH_AT_LEAST:
        return order >= 0;
    }
    return false;
}

static bool value_holds(const struct search_query *q, enum search_operator operator, const json_t * value)
{
    size_t i;
    json_t *item;
    if (json_is_array(value)) {
        json_array_foreach(value, i, item)
        {
            if (value_holds(q, operator, item))
                return true;
        }
        return false;
    }
    if (q->type == SEARCH_TEXT && json_is_string(value))
        return order_holds(operator, strcmp(json_string_value(value), q->text));
    if (q->type == SEARCH_NUMBER && json_is_number(value)) {
        double d = json_number_value(value);
        return order_holds(operator, d<q->number ? -1 : d> q->number);
    }
    bool same = (q->type == SEARCH_TRUE && json_is_true(value)) || (q->type == SEARCH_FALSE && json_is_false(value)) ||
                (q->type == SEARCH_NULL && (!value || json_is_null(value)));
    return operator== SEARCH_EQUAL && same;
}

static const json_t *member(const json_t *record, const char *name)
{
    while (record && *name) {
        size_t n = strcspn(name, ".");
        char part[SEARCH_QUERY_MAX + 1];
        memcpy(part, name, n);
        part[n] = 0;
        record = json_object_get(record, part);
        name += n + (name[n] == '.');
    }
    return record;
}

static size_t times(const struct search_words *words, const struct search_query *q)
{
    size_t n = 0, len = strlen(q->word);
    for (size_t i = 0; i < words->count; i++)
        if (q->begins ? strncmp(words->items[i].word, q->word, len) == 0 : strcmp(words->items[i].word, q->word) == 0)
            n += words->items[i].times;
    return n;
}

bool search_matches(const struct search_query *q, const json_t *record, const struct search_words *words, double *score)
{
    double none = 0;
    switch (q->kind) {
    case SEARCH_AND:
        return search_matches(q->left, record, words, score) && search_matches(q->right, record, words, score);
    case SEARCH_OR: {
        double left = 0, right = 0;
        bool a = search_matches(q->left, record, words, &left), b = search_matches(q->right, record, words, &right);
        *score += (a ? left : 0) + (b ? right : 0);
        return a || b;
    }
    case SEARCH_NOT:
        return !search_matches(q->left, record, words, &none);
    case SEARCH_COMPARE:
        return q->operator== SEARCH_DIFFERENT ? !value_holds(q, SEARCH_EQUAL, member(record, q->name))
                                              : value_holds(q, q->operator, member(record, q->name));
    case SEARCH_WORD: {
        size_t n = times(words, q);
        if (n)
            *score += (double)n / ((double)n + 1) / (1 + log2(q->found ? (double)q->found : 1));
        return n > 0;
    }
    }
    return false;
}
