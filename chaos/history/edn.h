/* EDN, the notation of Clojure's data (github.com/edn-format/edn), read one element at a time: a history of a million
 * maps never stands in memory as a tree. Known are nil, booleans, numbers, strings, characters, symbols, keywords,
 * lists, vectors, sets, maps, tagged elements (the tag is kept beside its element; a record #a.b.C{...} is such a one),
 * comments and discarded elements (#_).
 *
 * An element is a sequence of nodes: a collection's node, then its children's, each with all that is below it. Texts
 * are borrowed from the input, or, where they had escapes, from the reader until the next element. */
#ifndef CHAOS_HISTORY_EDN_H
#define CHAOS_HISTORY_EDN_H

#include "base/array.h"
#include "base/error.h"
#include "base/text.h"

#include <stdbool.h>
#include <stdint.h>

#define EDN_DEPTH_MAX 64
#define EDN_NODES_MAX ((size_t)1 << 25) /* of one element */

enum edn_kind {
    EDN_NIL,
    EDN_BOOLEAN,
    EDN_INTEGER, /* fits 64 bits */
    EDN_NUMBER,  /* any other: decimal, ratio, big */
    EDN_STRING,
    EDN_CHARACTER,
    EDN_SYMBOL,
    EDN_KEYWORD, /* its text begins with the colon */
    EDN_LIST,
    EDN_VECTOR,
    EDN_SET,
    EDN_MAP, /* its children are keys and values by turns */
};
const char *edn_kind_name(enum edn_kind kind); /* "a vector" */

struct edn_node {
    const char *text; /* NULL: `start` counts in the reader's own */
    size_t start, len;
    int64_t number;
    const char *tag; /* without #; NULL: none */
    uint32_t tag_len;
    uint32_t count; /* children */
    uint32_t next;  /* index of the node behind it and all below it */
    int line, column;
    enum edn_kind kind;
};

struct edn {
    const char *name, *at, *end, *line_start;
    int line;
    char closing; /* of the collection that holds the whole file; 0: there is none */
    bool ended;
    ARRAY(struct edn_node) nodes;
    struct text strings;
};
/* `unwrap`: when the first element is a vector or a list, its children are read in its place. */
int edn_open(struct edn *e, const char *data, size_t len, const char *name, bool unwrap, struct error *err);
void edn_close(struct edn *e);
/* 1: an element was read, its first node is nodes.items[0]; 0: the end; or an error's code. */
int edn_next(struct edn *e, struct error *err);
/* All elements of one line of a file, one behind the other in `nodes`; their number, or an error's code. */
int edn_line(struct edn *e, const char *line, size_t len, int number, struct error *err);
const char *edn_text(const struct edn *e, const struct edn_node *n, size_t *len);
bool edn_is(const struct edn *e, const struct edn_node *n, enum edn_kind kind, const char *text);
int edn_wrong(const struct edn *e, const struct edn_node *n, int code, struct error *err, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

#endif
