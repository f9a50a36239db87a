/* Names taken apart: "refresh_token", "refreshToken" and "RefreshTokens" are the words "refresh", "token". What methods
 * and fields are called is all a descriptor says of what they mean, so the graph (graph.h) goes by these words: the
 * verb of a method says what it does to a resource, the last word of a field says what sort of value it is.
 *
 * Words are lower case and singular, by the plain rules of English; a wrong guess only costs rank. */
#ifndef FUZZ_SEQUENCE_WORDS_H
#define FUZZ_SEQUENCE_WORDS_H

#include <stdbool.h>
#include <stddef.h>

#define SEQUENCE_WORDS_MAX 8  /* of one name; the last ones count, so the first are dropped */
#define SEQUENCE_WORD_MAX  24 /* bytes of a word with its NUL; longer ones are cut */

struct sequence_words {
    char word[SEQUENCE_WORDS_MAX][SEQUENCE_WORD_MAX];
    size_t count;
};

void sequence_words_of(const char *name, struct sequence_words *out);
bool sequence_words_equal(const struct sequence_words *a, const struct sequence_words *b);
/* `a` is what `b` ends in, or equal. An empty one ends nothing. */
bool sequence_words_end(const struct sequence_words *a, const struct sequence_words *b);
bool sequence_words_have(const struct sequence_words *w, const char *word);
/* How many words both have. */
size_t sequence_words_shared(const struct sequence_words *a, const struct sequence_words *b);
/* The words of `b` put behind those of `a`. */
void sequence_words_join(const struct sequence_words *a, const struct sequence_words *b, struct sequence_words *out);

/* What a method does, by its verb. */
enum sequence_role {
    ROLE_OTHER,
    ROLE_CREATE,     /* makes something: create, write, publish, register ... */
    ROLE_READ,       /* get, read, inspect ...: one thing by what names it */
    ROLE_LIST,       /* list, search, or a plural for a name */
    ROLE_UPDATE,     /* changes what is there */
    ROLE_END,        /* delete, remove, revoke, close ... */
    ROLE_CREDENTIAL, /* login, token ...: gives what others are called with */
    ROLE_WATCH,      /* subscribe, consume ...: a stream without an end of its own */
    ROLE_COUNT
};
const char *sequence_role_name(enum sequence_role role); /* "create", "read", ... */
/* `verb`: which of the words it was, SEQUENCE_WORDS_MAX: none of them. */
enum sequence_role sequence_role_of(const struct sequence_words *method, size_t *verb);

/* What sort of value a field holds, by its last word. */
enum sequence_class {
    CLASS_PLAIN,
    CLASS_ID,
    CLASS_KEY,
    CLASS_NAME,
    CLASS_TOKEN,
    CLASS_SECRET,
    CLASS_EMAIL,
    CLASS_TOPIC,
    CLASS_REVISION,
    CLASS_CURSOR,  /* where a list goes on: cursor, offset, page token */
    CLASS_CONTEXT, /* what everything of a sequence stands in: namespace, database, tenant */
    CLASS_TIME,
    CLASS_COUNT
};
const char *sequence_class_name(enum sequence_class c);
enum sequence_class sequence_class_of(const struct sequence_words *field);
/* A value of it names one thing: an id, a key, a name, an address of a mailbox. */
bool sequence_class_names_one(enum sequence_class c);

#endif
