/* Texts that a regular expression describes, drawn from a seed: for the generator "Regex".
 *
 * Taken are literals, classes, . \d \w \s and their opposites, groups, alternatives and repetitions; anchors and word
 * boundaries are passed over, and what was drawn is checked by the expression itself. Look-around, references back,
 * properties (\p) and flags are not implemented and say so. Unbounded repetitions end SAMPLE_MORE above their least.
 * Private to fakes/pact. */
#ifndef FAKES_PACT_SAMPLE_H
#define FAKES_PACT_SAMPLE_H

#include "base/error.h"
#include "base/random.h"
#include "base/text.h"

#define SAMPLE_MORE 8
#define SAMPLE_MAX  65536 /* bytes */

/* ERROR_UNSUPPORTED, ERROR_SYNTAX: with what and where in the expression. */
int sample_check(const char *pattern, struct error *err);
/* Appends one. */
int sample_make(const char *pattern, struct random *random, struct text *out, struct error *err);

#endif
