/* gripmock's stub files (bavix/gripmock, version 3) as ours.
 *
 * A file is translated node by node, so that every error still has its place in the file that was given. What has no
 * counterpart (plugins, faker, computed delays, most template functions) is an error at its place, never left out.
 * Format: the project's documentation and its schema for stubs, 2026. */
#ifndef FAKES_STUB_GRIPMOCK_H
#define FAKES_STUB_GRIPMOCK_H

#include "base/arena.h"
#include "base/document.h"
#include "base/text.h"
#include "wire/pb.h"

/* The new nodes live in the arena and borrow from the old. */
int gripmock_translate(const struct pb_pool *pool, const struct node *root, struct arena *arena,
                       const struct node **out, struct error *err);
/* A regular expression of Go's (RE2) as a POSIX extended one; what POSIX has not is refused with its name. Appends. */
int gripmock_regex(struct bytes go, struct text *out, const char **why);
/* {{...}} as ${...}. NULL in *why when it went well. Appends. */
int gripmock_template(struct bytes go, struct text *out, const char **why);

#endif
