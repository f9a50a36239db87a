/* Which files stay here when a folder is packed: patterns as in gitignore(5).
 *
 * A line is a pattern; blank lines and lines beginning with # count nothing, ! brings back what an earlier one took, a
 * / at its end means folders only, a / elsewhere binds it to the top folder. * and ? stop at /, [a-z] and [!a-z] are
 * one character, double stars mean any depth (before a /, after one, or between two). The last pattern that fits
 * decides.
 *
 * A pattern becomes a row of tokens, walked as a nondeterministic automaton over the path: time is path x tokens
 * whatever the pattern, so that one from a stranger's repository cannot hang us. Patterns past IGNORE_PATTERNS_MAX or
 * longer than IGNORE_TOKENS_MAX are an error. The struct owns its patterns. */
#ifndef RUNTIME_CLI_IGNORE_H
#define RUNTIME_CLI_IGNORE_H

#include "base/array.h"
#include "base/bytes.h"
#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

#define IGNORE_PATTERNS_MAX 1000
#define IGNORE_TOKENS_MAX   255

struct ignore_pattern;
struct ignore {
    ARRAY(struct ignore_pattern *) patterns;
};

/* The lines of a file, which messages call `name`. */
int ignore_add(struct ignore *list, struct bytes lines, const char *name, struct error *err);
/* `path` is relative to the top folder, parts joined by /. What is below an ignored folder is the walker's to leave. */
bool ignore_match(const struct ignore *list, const char *path, bool folder);
void ignore_deinit(struct ignore *list);

#endif
