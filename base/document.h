/* A read-only document, from JSON or YAML, in which every node knows its file:line:column.
 *
 * JSON is read by jansson (strict: no duplicate keys), YAML by libfyaml after the bytes were checked to be UTF-8
 * without control characters; aliases and anchors are refused unless asked for, since a document here is data and no
 * program. Limits: DOCUMENT_DEPTH_MAX levels, DOCUMENT_SIZE_MAX bytes. YAML scalars follow the JSON-compatible core
 * schema: null, true, false, integers, floats; everything quoted is text.
 *
 * The document owns its nodes; nodes are borrowed until document_free(). */
#ifndef BASE_DOCUMENT_H
#define BASE_DOCUMENT_H

#include "base/bytes.h"
#include "base/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define DOCUMENT_DEPTH_MAX 64
#define DOCUMENT_SIZE_MAX  ((size_t)16 << 20)

enum node_kind { NODE_NULL, NODE_BOOL, NODE_INTEGER, NODE_REAL, NODE_TEXT, NODE_LIST, NODE_MAP };

struct document;
struct node {
    enum node_kind kind;
    int line, column; /* 1-based, of the value */
    union {
        bool boolean;
        int64_t integer;
        double real;
        struct bytes text; /* NUL-terminated behind its end */
        struct {
            struct node *items;
            size_t count;
        } list;
        struct {
            struct node_pair *pairs; /* in file order */
            size_t count;
        } map;
    };
    const struct document *document;
};

struct node_pair {
    const char *key; /* NUL-terminated */
    int key_line, key_column;
    struct node value;
};

/* `name` is what messages call it, usually the path. */
int document_parse_json(struct bytes input, const char *name, struct document **out, struct error *err);
int document_parse_yaml(struct bytes input, const char *name, struct document **out, struct error *err);
/* Of files that others' programs read as well. Aliases are written out, a plain << merges maps into its own; at most a
 * million values then. Of several documents the root is one list: of them, and of the items of those that are lists.
 * Integers of more than 64 bits with a sign are texts. */
enum { DOCUMENT_ALIASES = 1, DOCUMENT_MANY = 2, DOCUMENT_LARGE = 4 };
int document_parse_yaml_with(struct bytes input, const char *name, unsigned taken, struct document **out,
                             struct error *err);
/* By the name's ending: .json is JSON, everything else YAML. */
int document_parse(struct bytes input, const char *name, struct document **out, struct error *err);
void document_free(struct document *d);
const struct node *document_root(const struct document *d);
const char *document_name(const struct document *d);
/* The source line (1-based) without its newline, for messages that show it. */
struct bytes document_line(const struct document *d, int line);

const struct node *node_get(const struct node *map, const char *key); /* NULL: absent, or not a map */
const char *node_kind_name(enum node_kind kind);                      /* "a list", "text" */

/* An error at the node's place. Returns `code`. */
int node_error(const struct node *n, struct error *err, int code, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Typed access for readers of configuration. `need` fails when the key is absent; `may` leaves *out alone. Both fail
 * with the node's place when the kind is wrong. */
int node_need_text(const struct node *map, const char *key, const char **out, struct error *err);
int node_may_text(const struct node *map, const char *key, const char **out, struct error *err);
int node_may_integer(const struct node *map, const char *key, int64_t min, int64_t max, int64_t *out,
                     struct error *err);
int node_may_bool(const struct node *map, const char *key, bool *out, struct error *err);
int node_may_duration(const struct node *map, const char *key, int64_t *nanoseconds, struct error *err);
int node_need_map(const struct node *map, const char *key, const struct node **out, struct error *err);
int node_may_map(const struct node *map, const char *key, const struct node **out, struct error *err);
int node_may_list(const struct node *map, const char *key, const struct node **out, struct error *err);
/* Fails at the first key that is not in the NULL-terminated list, naming the nearest one that is. */
int node_only_keys(const struct node *map, const char *const *allowed, struct error *err);

/* A new jansson value (a reference the caller owns), or NULL when out of memory. */
json_t *node_to_json(const struct node *n);

/* Nearest word by edit distance, else the first that begins with this one, or NULL: for "did you mean". */
const char *nearest_word(const char *word, const char *const *words);

#endif
