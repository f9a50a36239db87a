/* Custom routes: what paths a service's endpoint wants. Three forms, told apart by their text:
 *
 *   "/v1/users"                  exact
 *   "/v1/users/{id}:activate"    a template as in google.api.http: segments are literals, "*" (any one segment), "**"
 *                                (any rest, last only) or {variable}, {variable=pattern of segments}; a verb may follow
 *   "^/v1/users/[0-9]+$"         a regular expression (POSIX extended), between "^" and "$"
 *
 * Matching takes the path as it was sent: it is cut at "/" first and percent-decoded then, so that %2F never makes a
 * segment of its own. A regular expression sees the decoded path. Repetitions in expressions are bounded and may not be
 * repeated themselves, since glibc unrolls them, and back-references are refused, since they take exponential time. */
#ifndef RUNTIME_API_TEMPLATE_H
#define RUNTIME_API_TEMPLATE_H

#include "base/arena.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

#define TEMPLATE_LENGTH_MAX    512
#define TEMPLATE_SEGMENTS_MAX  32
#define TEMPLATE_VARIABLES_MAX 16
#define TEMPLATE_DEPTH_MAX     4   /* of groups in a regular expression */
#define TEMPLATE_REPEATS_MAX   256 /* of a regular expression's counted repetitions, multiplied */

enum template_kind { TEMPLATE_EXACT, TEMPLATE_SEGMENTS, TEMPLATE_REGEX };

struct template;
int template_new(const char *text, struct template **out, struct error *err);
void template_free(struct template *t);
enum template_kind template_kind(const struct template *t);
size_t template_weight(const struct template *t); /* literal segments: of two that match, the heavier one is meant */

/* A path cut and decoded, once for all templates. */
struct template_path {
    const char *whole; /* decoded */
    const char *segments[TEMPLATE_SEGMENTS_MAX];
    size_t count;
};
/* `raw` is a request's path without its query. Strings are in the arena. ERROR_SYNTAX: bad escape, ERROR_LIMIT. */
int template_path_init(struct template_path *p, const char *raw, size_t len, struct arena *arena);

struct template_value {
    const char *name, *value; /* the name is the template's, the value in the arena */
};
/* False: no match, or no memory. `values` has room for TEMPLATE_VARIABLES_MAX. */
bool template_match(const struct template *t, const struct template_path *p, struct arena *arena,
                    struct template_value *values, size_t *count);

#endif
