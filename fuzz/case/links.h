/* Links at run time: what replies held is put into the message that follows, in its wire bytes.
 *
 * A link's name is the path FROM in the reply, its value the path TO in the message (path.h). It belongs to the next
 * EVENT_MESSAGE behind it. With the flag EVENT_LINK_METADATA it belongs to the next EVENT_METADATA instead, and TO is
 * plain text that stands before what was found: "Bearer " before a token. Of several values at FROM the first counts.
 * A link whose reply did not come, whose field is not in it or cannot be converted does nothing: what the case itself
 * says is then what is sent. */
#ifndef FUZZ_CASE_LINKS_H
#define FUZZ_CASE_LINKS_H

#include "fuzz/case/path.h"
#include "fuzz/case/trace.h"

#define FUZZ_LINK_DAMAGED_MAX ((size_t)16 << 10) /* bytes of what is damaged on its way */
/* Some link damages what it brings: what the system answers from there on is no contract's matter. */
bool fuzz_links_damage(const struct fuzz_case *c);

#define FUZZ_LINKS_MAX 32 /* for one message; more of them do nothing */

/* Whether any link belongs to the message or metadata at `event`. */
bool fuzz_links_any(const struct fuzz_case *c, size_t event);
/* Appends the value of the message or metadata at `event` with what its links bring: by the calls and replies of the
 * trace so far. Returns how many links did something, or ERROR_MEMORY. */
int fuzz_links_apply(const struct fuzz_case *c, size_t event, const struct fuzz_trace *t, struct text *out);
/* Adds a link before the event: its index, ERROR_MEMORY, ERROR_LIMIT. */
int fuzz_links_add(struct fuzz_case *c, size_t event, uint32_t call, uint32_t reply, const struct fuzz_path *from,
                   const struct fuzz_path *to);

#endif
