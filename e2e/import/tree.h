/* For formats that are JSON or YAML themselves: the file as a document, and the flow document made from it, whose nodes
 * keep the places of those they come from. */
#ifndef E2E_IMPORT_TREE_H
#define E2E_IMPORT_TREE_H

#include "base/map.h"
#include "e2e/import/import.h"

struct tree {
    struct build build;
    struct document *source;
    size_t line, column, offset; /* the last place that was asked for: files are read forward */
    struct error *err;
    int code;          /* the first error; sticky */
    struct text *told; /* what was left out, a line each; NULL: nobody asks */
    /* Texts as flows say them; NULL: ${ in them is itself. Adds to `out`, or fails with tree_error(). */
    void (*say)(struct tree *t, const struct node *n, struct bytes text, struct text *out);
    /* A text that becomes another kind of value; NULL: it stays a text. */
    struct build_node *(*value)(struct tree *t, const struct node *n);
    void *arg; /* the format's own */
};

int tree_begin(struct tree *t, struct bytes input, const char *name, bool json, struct error *err);
/* Hands the document out, or frees everything and returns the error. */
int tree_end(struct tree *t, const struct build_node *root, struct document **out);

/* An error at the node's place, unless there was one before. */
void tree_error(struct tree *t, const struct node *n, int code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void tree_no_memory(struct tree *t);
/* "FILE:LINE:COLUMN: ..." into `told`. */
void tree_tell(struct tree *t, const struct node *n, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The node's place, for the build_ functions. */
size_t tree_at(struct tree *t, const struct node *n);
/* The node with all that is in it; texts go through `say` and `value`. */
struct build_node *tree_copy(struct tree *t, const struct node *n);
/* A text at the node's place: as it is, or `text` and then emptied. */
struct build_node *tree_string(struct tree *t, const struct node *n, const char *text);
struct build_node *tree_text(struct tree *t, const struct node *n, struct text *text);
/* The node's text as flows say it. */
struct build_node *tree_said(struct tree *t, const struct node *n);
void tree_say(struct tree *t, const struct node *n, struct text *out);
/* "${" as flows write it. */
void tree_plain(struct bytes text, struct text *out);

/* A flow's name, made of `text`, that none of the list has: a count behind it tells them apart. */
void tree_name(struct tree *t, const struct node *n, struct build_node *flow, struct map *names, const char *text);

/* A map's member that has to be of one kind; NULL: absent or null, or the error is set. */
const struct node *tree_member(struct tree *t, const struct node *map, const char *key, enum node_kind kind);
const char *tree_member_text(struct tree *t, const struct node *map, const char *key);

#endif
