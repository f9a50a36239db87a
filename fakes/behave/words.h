/* Names of methods, messages and fields as words, and what the words say.
 *
 * An identifier is cut where its case or an underscore says so ("ListAPIKeys": list, api, keys). The first word of a
 * method that is a known verb gives it a class; the rest is the noun it is about. Two names are the same when they
 * differ by case and underscores only ("userId", "user_id", "UserID"). Everything here is static or in the caller's
 * memory, and nothing fails: what does not fit is cut off. */
#ifndef FAKES_BEHAVE_WORDS_H
#define FAKES_BEHAVE_WORDS_H

#include <stdbool.h>
#include <stddef.h>

#define NAME_MAX_WORDS 12
#define NAME_MAX_BYTES 96

struct name {
    char text[NAME_MAX_BYTES]; /* the words in lower case, a NUL behind each */
    const char *words[NAME_MAX_WORDS];
    size_t count;
};
void name_split(const char *identifier, struct name *out);
bool name_has(const struct name *n, const char *word);

bool name_same(const char *a, const char *b);
bool name_same_n(const char *a, size_t a_len, const char *b, size_t b_len);
/* `list` ends in NULL. */
bool name_is_one_of(const char *name, const char *const *list);
bool name_ends(const char *name, const char *ending); /* by letters: "created_at" ends in "at", "chat" too */
/* What stands before or behind, as the place in `name` where it ends or begins; NULL when it is not so. */
const char *name_behind(const char *name, const char *prefix); /* "new_password", "new" -> "password" */

/* The singular of an English noun: "addresses" -> "address". Into `out`, cut off at `size`. */
void word_singular(const char *word, char *out, size_t size);
/* Whether both name the same thing, in singular or plural: "notes" and "Note". */
bool noun_same(const char *a, const char *b);

enum verb_class {
    VERB_NONE,
    VERB_CREATE,
    VERB_SAVE, /* creates or replaces */
    VERB_READ,
    VERB_UPDATE,
    VERB_DELETE,
    VERB_LIST,
    VERB_SEARCH,
    VERB_COUNT,
    VERB_EXISTS,
    VERB_STATE, /* sets what its participle says */
    VERB_JOIN,  /* puts somebody into a group */
    VERB_LEAVE,
    VERB_LOGIN, /* checks a password, gives a token */
    VERB_ISSUE, /* gives a token or a code */
    VERB_VERIFY,
    VERB_REVOKE,
    VERB_REFRESH,
    VERB_SEND, /* creates what subscribers get */
    VERB_SUBSCRIBE,
    VERB_CREDIT,
    VERB_DEBIT,
    VERB_TRANSFER,
    VERB_BALANCE,
    VERB_UPLOAD,
    VERB_DOWNLOAD,
};
struct verb {
    const char *word;
    enum verb_class class;
    const char *participle; /* VERB_STATE: what is so afterwards: "banned" */
    const char *undoes;     /* VERB_STATE: the participle that is so no longer, or NULL */
};
const struct verb *verb_find(const char *word); /* NULL: none */
const char *verb_class_name(enum verb_class class);

#endif
