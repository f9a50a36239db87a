/* Paths of rules: "$.a.b[*]['x y'].*", the part of JSONPath that Pact takes, and where they apply.
 *
 * A rule applies at a place when each of its tokens fits the place's step at the same depth; it may be shorter, then it
 * cascades. Of several the one of the greatest weight is taken: 2 for each exact token, 1 for each wildcard, multiplied
 * with each other and with the number of tokens, the root counted (Pact specification, "Matcher selection algorithm",
 * and the reference implementation for the factor). Private to fakes/pact. */
#ifndef FAKES_PACT_PATH_H
#define FAKES_PACT_PATH_H

#include "base/arena.h"
#include "base/text.h"

#include <stdbool.h>

#define PACT_DEPTH_MAX 128 /* levels of a body that is matched */

enum path_kind { PATH_FIELD, PATH_INDEX, PATH_ANY, PATH_ANY_INDEX };

struct path_token {
    enum path_kind kind;
    const char *name; /* PATH_FIELD */
    size_t index;     /* PATH_INDEX */
};
struct pact_path {
    const struct path_token *tokens; /* without the root */
    size_t count;
};

/* A step of a place: a key, or an index when `key` is NULL. */
struct path_step {
    const char *key;
    size_t index;
};

/* False: no path; *why says what is wrong and *at where (byte offset); or no memory, then *why is NULL. */
bool pact_path_parse(const char *text, struct arena *arena, struct pact_path *out, const char **why, size_t *at);
/* 0: does not apply. */
double pact_path_weight(const struct pact_path *p, const struct path_step *steps, size_t depth);
void pact_path_print(struct text *out, const struct path_step *steps, size_t depth);
/* A field's name as a token: ".a" or "['a b']". */
void pact_path_print_key(struct text *out, const char *key);

#endif
