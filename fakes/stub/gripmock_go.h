/* What reads Go's templates is made of: gripmock_go.c reads values (gripmock_go_literal.c texts and numbers,
 * gripmock_go_root.c what the call gives), gripmock_action.c what is done with them. */
#ifndef FAKES_STUB_GRIPMOCK_GO_H
#define FAKES_STUB_GRIPMOCK_GO_H

#include "fakes/stub/gripmock.h"

#include <ctype.h>
#include <string.h>

#define GO_DEPTH_MAX 16 /* blocks, and parentheses of one action */
#define GO_NAMES_MAX 64 /* variables seen at one place */
#define GO_NAME_MAX  64 /* bytes of a variable's name */

#define GO_NOTHING "extract('', '')" /* a value that is not there */

struct go_block {
    size_t names;
    int ends; /* ${end} that close it, but for one */
    bool loop, with, other;
    char outside[16]; /* the dot of its else */
};

struct go_variable {
    char name[GO_NAME_MAX];
    char ours[16]; /* "": it stands for faker */
};

struct go_reader {
    const char *at, *end; /* of the action in work */
    const char **why;
    const struct gripmock_place *place;
    struct text *out;
    int depth, made; /* parentheses; names made for dots and variables */
    char dot[16];    /* "": the call */
    struct go_variable names[GO_NAMES_MAX];
    size_t count;
    struct go_block blocks[GO_DEPTH_MAX];
    size_t open;
    bool failed_memory;
};

/* What a term is, beside the text it became. */
enum go_nature { PLAIN, PLAIN_WHOLE, COMPUTED, FAKER };

static inline bool go_is_name(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

static inline bool go_is_word(const char *at, size_t len, const char *word)
{
    return strlen(word) == len && memcmp(at, word, len) == 0;
}

bool go_fail(struct go_reader *r, const char *why);   /* always false; the first one stays */
void go_skip(struct go_reader *r);                    /* blanks */
void go_wipe(struct go_reader *r, struct text *text); /* text_clear() that does not forget that memory ran out */
void go_drop(struct go_reader *r, struct text *text); /* the same with text_deinit() */
size_t go_name_length(const struct go_reader *r);
bool go_word(struct go_reader *r, const char *word); /* is it next, and not the beginning of another? It is passed */
bool go_at_end(struct go_reader *r);                 /* of a command */
/* Appends the value in our words. */
bool go_pipeline(struct go_reader *r, struct text *out, enum go_nature *nature);
/* NULL: there is none; the other has no room, and failed. */
struct go_variable *go_variable(struct go_reader *r, const char *name, size_t len);
struct go_variable *go_new_variable(struct go_reader *r, const char *name, size_t len);

/* ---- gripmock_go_literal.c ---- */
/* "..." with escapes, `...` without; what is understood of it is appended to `out`. */
bool go_quoted(struct go_reader *r, struct text *out);
bool go_number(struct go_reader *r, struct text *out);
/* A text in our quotes; one with both kinds of them in pieces. */
void go_put_quoted(struct text *out, const char *data, size_t len);

/* ---- gripmock_go_root.c ---- */
/* .Request.a.b and its kin, where the dot is the call. */
bool go_root(struct go_reader *r, struct text *out, enum go_nature *nature);
/* The fields behind a value that no contract describes. */
void go_put_path(struct go_reader *r, struct text *out);
/* The methods behind a time. What its Format takes is the next argument. */
bool go_put_methods(struct go_reader *r, struct text *value);

#endif
