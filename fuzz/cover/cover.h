/* Edge coverage: regions of 8-bit counters that clang's -fsanitize-coverage=inline-8bit-counters keeps, of this process
 * or of others through shared memory, and what of them was seen before.
 *
 * A counter's value counts by its class (1, 2, 3, 4-7, 8-15, 16-31, 32-127, 128-255, as AFL++ does: Zalewski's
 * "technical details" note), one bit each. An input is new when it reaches an (edge, class) pair nobody reached.
 * Looking for one goes over 32 counters at a time (AVX2, where the processor has it, else 8) and faster over what was
 * never touched (region.h); resetting writes only what was. Nothing allocates after the regions are in place.
 *
 * An edge's index counts over all regions in the order they were added. A region may be exchanged for another of the
 * same length (a process that was started again): its edges keep their indices and what was seen of them.
 *
 * The map owns what it knows of the regions, never the counters. */
#ifndef FUZZ_COVER_COVER_H
#define FUZZ_COVER_COVER_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COVER_FEATURES_MAX     ((size_t)1 << 16) /* distinct ones that are told apart; more are not counted */
#define COVER_RUN_FEATURES_MAX 1024              /* of one run; more are not counted */
#define COVER_EDGES_MAX        ((size_t)1 << 28) /* over all regions */

struct cover;
/* A map with no regions. NULL: no memory. */
struct cover *cover_new(void);
void cover_free(struct cover *c);
/* Counters [start, end) of this process or a mapping; borrowed. The region's number, or ERROR_MEMORY, ERROR_LIMIT. */
int cover_add_region(struct cover *c, uint8_t *start, uint8_t *end);
/* Other counters in a region's place; NULL: none at the moment, they count as 0. ERROR_INVALID: another length. */
int cover_move_region(struct cover *c, size_t region, uint8_t *start, uint8_t *end);
/* The regions the compiler registered in this program (__sanitizer_cov_8bit_counters_init, in cover_hooks.c, which only
 * instrumented programs link). ERROR_NOT_FOUND: the program was not instrumented. */
int cover_add_own(struct cover *c);

void cover_reset(struct cover *c); /* before a run: all counters to 0, its features forgotten */
/* After a run. How many (edge, class) pairs and features are new; with `keep` they count as seen from now on. */
size_t cover_collect(struct cover *c, bool keep);
/* What the run reached: edges as indices over all regions, and the class bit of each. To be asked before anything
 * that is instrumented runs again. Valid until the next time. */
size_t cover_last(struct cover *c, const uint32_t **edges, const uint8_t **classes);
/* Only what nobody reached before: between cover_collect(c, false) and keeping it. Same memory as cover_last(). */
size_t cover_last_new(struct cover *c, const uint32_t **edges, const uint8_t **classes);
/* Whether the run reached all of these, as they are listed by cover_last_new(). */
bool cover_last_has(const struct cover *c, const uint32_t *edges, const uint8_t *classes, size_t count);
/* How much the run did, about: the sum of its counters (which wrap at 256) in the blocks of 32 that were reached before
 * it. To be asked after cover_collect(). */
uint64_t cover_last_work(const struct cover *c);
size_t cover_last_features(const struct cover *c, const uint64_t **features);
size_t cover_edges_seen(const struct cover *c); /* distinct edges ever kept */
size_t cover_pairs_seen(const struct cover *c); /* (edge, class) pairs ever kept */
size_t cover_edges_all(const struct cover *c);
size_t cover_features_seen(const struct cover *c);
/* Features from elsewhere (status per method, reply shapes, enum states) in the same accounting: any 64-bit number.
 * Adds it to the run; counted by the next collect. ERROR_LIMIT: the run has too many, this one does not count. */
int cover_feature(struct cover *c, uint64_t feature);
/* What another map of the same regions found: counts as seen from now on. Returns how many were new here. */
size_t cover_mark(struct cover *c, const uint32_t *edges, const uint8_t *classes, size_t count);
size_t cover_mark_features(struct cover *c, const uint64_t *features, size_t count);
/* Which source line an edge's index belongs to is the business of a symboliser; this is its address, from the table
 * the compiler made beside the counters. 0: not known (a region of another process). */
uintptr_t cover_edge_address(const struct cover *c, uint32_t edge);

#endif
