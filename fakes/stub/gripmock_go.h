/* What reads Go's templates is made of: gripmock_go.c reads values, gripmock_action.c what is done with them. */
#ifndef FAKES_STUB_GRIPMOCK_GO_H
#define FAKES_STUB_GRIPMOCK_GO_H

#include "fakes/stub/gripmock.h"

#define GO_DEPTH_MAX 16 /* blocks, and parentheses of one action */
#define GO_NAMES_MAX 64 /* variables seen at one place */
#define GO_NAME_MAX  64 /* bytes of a variable's name */

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

#endif
