/* What a search asks for, and whether a record is it.
 *
 *     query      = and { "or" and }
 *     and        = not { [ "and" ] not }
 *     not        = "not" not | "(" query ")" | comparison | words
 *     comparison = name ( "==" | "!=" | "<" | "<=" | ">" | ">=" ) ( text | number | "true" | "false" | "null" )
 *     words      = word [ "*" ] | text
 *
 * A name is a member's, with dots for members of members; a text stands in ' or ". A word is found in any text of the
 * record, whatever its case; with "*" it is how words begin; a text alone is found when all its words are. A
 * comparison of a list holds when it holds for one of its items; one with what is not there, or is of another type,
 * holds for "!=" alone. */
#ifndef RUNTIME_SERVICES_BACKEND_SEARCH_QUERY_H
#define RUNTIME_SERVICES_BACKEND_SEARCH_QUERY_H

#include "base/arena.h"
#include "base/error.h"

#include <jansson.h>
#include <stdbool.h>

#define SEARCH_QUERY_MAX 2000 /* bytes */
#define SEARCH_DEPTH_MAX 32   /* brackets and "not"s within each other */
#define SEARCH_WORD_MAX  64   /* bytes of a word; the rest of a longer one does not count */
#define SEARCH_WORDS_MAX 2000 /* different words of a record */

enum search_kind { SEARCH_AND, SEARCH_OR, SEARCH_NOT, SEARCH_COMPARE, SEARCH_WORD };
enum search_operator { SEARCH_EQUAL, SEARCH_DIFFERENT, SEARCH_BELOW, SEARCH_AT_MOST, SEARCH_ABOVE, SEARCH_AT_LEAST };

struct search_query {
    enum search_kind kind;
    struct search_query *left, *right; /* SEARCH_NOT: left alone */
    const char *name;                  /* SEARCH_COMPARE, with the next four */
    enum search_operator operator;
    enum { SEARCH_TEXT, SEARCH_NUMBER, SEARCH_TRUE, SEARCH_FALSE, SEARCH_NULL } type;
    const char *text;
    double number;
    const char *word; /* SEARCH_WORD: in lower case */
    bool begins;
    size_t found; /* for the caller: how many records have the word; 0: not known */
};

/* In the arena. An error tells the column, from 1. */
int search_parse(struct arena *a, const char *query, struct search_query **out, struct error *err);

/* The words of a text in lower case, each once, in the order of their first place. */
struct search_words {
    struct search_word {
        const char *word;
        size_t times;
    } * items;
    size_t count, room;
    bool too_many; /* SEARCH_WORDS_MAX are there, and some were left out */
};
bool search_words_add(struct arena *a, struct search_words *w, const char *text); /* false: no memory */
/* Of all texts in a record, however deep. */
bool search_words_of(struct arena *a, struct search_words *w, const json_t *record);

/* Whether it matches; then its score is added to *score: for each word of the query that it has, more the more often
 * it has it and the fewer records have it. */
bool search_matches(const struct search_query *q, const json_t *record, const struct search_words *words,
                    double *score);

#endif
