/* Links from leaf to leaf, by paths as fuzz/case/path.h writes them, and requests as they went out: with what the links
 * put into them. */
#ifndef FUZZ_SEQUENCE_LINK_H
#define FUZZ_SEQUENCE_LINK_H

#include "fuzz/case/case.h"
#include "fuzz/case/path.h"
#include "fuzz/case/trace.h"
#include "fuzz/sequence/shape.h"

/* The path of the leaf's first `depth` fields, the first one of everything repeated. */
void sequence_leaf_path(const struct sequence_leaf *l, size_t depth, struct fuzz_path *out);
/* The same as bytes. Returns how many. */
size_t sequence_link_path(const struct sequence_leaf *l, size_t depth, uint8_t out[FUZZ_PATH_BYTES_MAX]);
enum sequence_resolved {
    RESOLVED_ALL,
    RESOLVED_PART,   /* a reply a link wanted had not come: it was left out */
    RESOLVED_UNSURE, /* nobody waited for one that came: it may have been there in time or not */
};
/* Appends the message of event `message` as it was sent: with the links before it carried out by what of `t` was known
 * by then; `t` NULL: as it is. A reply that came without the field leaves the message as it was. */
enum sequence_resolved sequence_link_resolve(const struct fuzz_case *c, size_t message, const struct fuzz_trace *t,
                                             struct text *out);
/* The n-th reply of a call; BYTES_NONE, also when there is none. */
struct bytes sequence_reply(const struct fuzz_trace *t, uint32_t call, uint64_t n);

#endif
