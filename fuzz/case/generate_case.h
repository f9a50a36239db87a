/* Whole cases for a set of methods: one to four calls of any kind, one after the other or interleaved, with metadata,
 * deadlines, messages of all three lanes, half-closes at the right moment and at wrong ones, cancellation, compression
 * and lengths that lie, and links where a later request has a field that an earlier reply has as well.
 *
 * Most of a case is as a well-behaved client would do it, so that what is odd in it has something to break. What is
 * generated is deterministic in the generator's state and allocates nothing once the case and the scratch have grown.
 */
#ifndef FUZZ_CASE_GENERATE_CASE_H
#define FUZZ_CASE_GENERATE_CASE_H

#include "base/random.h"
#include "fuzz/case/case.h"
#include "fuzz/message/mutate.h"

#define FUZZ_CASE_CALLS_MAX     4  /* of a generated case; splicing makes more */
#define FUZZ_CASE_MESSAGES_MAX  5  /* of a generated call */
#define FUZZ_CASE_GROWTH_EVENTS 64 /* mutators do not make longer cases than this */

struct case_source {
    const struct pb_pool *pool;
    const struct pb_method *const *methods; /* to be called; at least one */
    size_t method_count;
    const char *const *components; /* to be hit by EVENT_FAULT; none: no faults */
    size_t component_count;
    const char *const *relays; /* components that hand calls of others' methods on; may be none */
    size_t relay_count;
    const char *const *names; /* of metadata, that the target may know; may be none */
    size_t name_count;
    const struct dictionary *dictionary; /* NULL: none */
    size_t max;                          /* bytes of a message; 0: FUZZ_GENERATE_MAX */
    size_t oversize;                     /* bytes of the few that are meant to be too large; 0: none are */
    uint32_t lanes[LANE_COUNT];          /* shares, as the run learnt them; all 0: the usual ones */
    struct text *scratch;                /* kept between calls */
    struct text *scratch_wire;           /* another one */
};

/* Fills `out`, which is cleared first. ERROR_MEMORY; ERROR_INVALID: no methods. */
int fuzz_generate_case(struct random *r, const struct case_source *s, struct fuzz_case *out);

/* ---- the pieces, for the mutator ---- */

enum fuzz_lane fuzz_draw_lane(struct random *r, const struct case_source *s);
uint64_t fuzz_draw_deadline(struct random *r); /* ns, 0: none */
/* A message of the method at `at`. An index, or what fuzz_case_insert() says. */
int fuzz_insert_message(struct random *r, const struct case_source *s, struct fuzz_case *c, size_t at, uint32_t call,
                        const struct pb_method *m, enum fuzz_lane lane);
/* metadata.c. One entry for the call opened before, or many of one kind. An index. */
int fuzz_insert_metadata(struct random *r, const struct case_source *s, struct fuzz_case *c, size_t at);
/* That the call goes by way of one of the relays: FUZZ_RELAY, which no client could send. */
int fuzz_insert_relay(struct random *r, const struct case_source *s, struct fuzz_case *c, size_t at);
#define FUZZ_RELAY ":authority"
/* Appends a name or a value. */
void fuzz_put_metadata_name(struct random *r, const struct case_source *s, struct text *out);
void fuzz_put_metadata_value(struct random *r, struct bytes name, struct text *out);
/* One link for the message at `at`, from a call that was opened before it, by names and kinds of fields. The link's
 * index; ERROR_NOT_FOUND: nothing fits. */
int fuzz_insert_link(struct random *r, const struct case_source *s, struct fuzz_case *c, size_t at);

#endif
