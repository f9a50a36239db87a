/* Regular expressions of rules, by PCRE2: found anywhere in the text unless anchored, as Pact's implementations do.
 *
 * No expression can hang: matching is bounded by REGEX_STEPS_MAX and REGEX_HEAP_KIB, of which ERROR_LIMIT tells; so is
 * the length of an expression, and what it is compiled to (PCRE2's own 64 KiB). Several threads may search with one
 * expression at once. Private to fakes/pact. */
#ifndef FAKES_PACT_REGEX_H
#define FAKES_PACT_REGEX_H

#include "base/bytes.h"
#include "base/error.h"
#include "base/text.h"

#define REGEX_STEPS_MAX  1000000
#define REGEX_HEAP_KIB   16384
#define REGEX_LENGTH_MAX 16384 /* bytes of an expression */

struct regex;
/* ERROR_SYNTAX: *err says what and at which byte of the expression. */
int regex_new(const char *pattern, struct regex **out, struct error *err);
void regex_free(struct regex *r); /* NULL is fine */
/* 1: found, 0: not; negative: ERROR_LIMIT, ERROR_MEMORY. */
int regex_find(struct regex *r, struct bytes text, struct error *err);
/* The same, but the whole text must fit. */
int regex_fits(struct regex *r, struct bytes text, struct error *err);
/* The text behind group 1 of the first place found: 1; 0: not found, or no such group. */
int regex_group(struct regex *r, struct bytes text, struct bytes *group, struct error *err);

#endif
