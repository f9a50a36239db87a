/* A picture of an invalid history: operations as bars by process, those of the witness marked and numbered, their
 * neighbours beside them for context, ends nobody knows fading out. A pure function of history and result.
 *
 * From left to right stand the events in their order, all the same distance apart: an operation of a microsecond beside
 * one of a minute can still be read. The times stand below and in the tooltips. */
#ifndef CHAOS_HISTORY_PICTURE_H
#define CHAOS_HISTORY_PICTURE_H

#include "chaos/check/check.h"

#define PICTURE_OPERATIONS_MAX 48 /* shown, the witness first */

/* Nothing is written when there is no witness. 0, or ERROR_MEMORY. */
/* `alone`: a file of its own; else to be put into a page. Readable in light and dark either way. */
int picture_svg(const struct history *h, const struct check_result *r, bool alone, struct text *out);
int picture_html(const struct history *h, const struct check_result *r, const char *title, struct text *out);
/* Bars of text, at most `width` columns wide. */
int picture_terminal(const struct history *h, const struct check_result *r, int width, bool colour, struct text *out);

#endif
