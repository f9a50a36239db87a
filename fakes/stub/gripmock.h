/* gripmock's stub files (bavix/gripmock, version 3) as ours.
 *
 * A file is translated node by node, so that every error still has its place in the file that was given. What has no
 * counterpart (the functions of plugins) is an error at its place, never left out.
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
/* A regular expression of Go's (RE2) as a POSIX extended one; what POSIX has not is left to PCRE2 ("(*UTF)" in front of
 * it), which looks ahead as well. Appends. */
void gripmock_regex(struct bytes go, struct text *out);

/* Where a template stands. */
struct gripmock_place {
    const struct pb_type *request; /* of the call */
    int index;                     /* of a stream's replies, from 0; below 0: it is the client's messages that count */
    bool fixed;                    /* nothing of a call, nothing drawn: it is made once, when the file is read */
};
/* {{...}} as ${...}. NULL in *why when it went well. Appends. */
int gripmock_template(struct bytes go, const struct gripmock_place *place, struct text *out, const char **why);
/* YAML in which values that begin with {{ need no quotes, with them. Appends; what stands behind them on their line
 * moves by as much. */
void gripmock_yaml(struct bytes yaml, struct text *out);

#endif
