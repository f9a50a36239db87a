/* What the parts of the generator share. Private to fuzz/sequence. */
#ifndef FUZZ_SEQUENCE_SEQUENCE_INTERNAL_H
#define FUZZ_SEQUENCE_SEQUENCE_INTERNAL_H

#include "fuzz/sequence/sequence.h"
#include "fuzz/sequence/value.h"
#include "fuzz/sequence/view.h"

#define SEEN_MAX 1024 /* orders of methods that are remembered as kept */

struct kept {
    struct sequence_plan plan;
    uint32_t tried, worked; /* how it went when it was made longer or probed */
};

struct sequence {
    struct sequence_graph *graph;
    struct random random;
    char context[32];
    struct sequence_known known;
    struct sequence_view view; /* of the case being built */
    struct text message;       /* being written */
    struct kept kept[SEQUENCE_KEPT_MAX];
    size_t kept_count, kept_next;
    uint64_t seen[SEEN_MAX]; /* open addressing by hash; 0: free. Full: the place is taken over */
    size_t level, at;        /* breadth: calls, and how far */
    size_t slot_at, edge_at; /* of level 2 */
    size_t next_probe, made;
    struct sequence_figures figures;
};

/* The request of one call to be: a source for each of its fields. Returns as sequence_append(). `plan` gets the call,
 * when there is room; NULL: not wanted. */
int build_call(struct sequence *s, struct fuzz_case *c, struct sequence_plan *plan, size_t method,
               const uint8_t *sources, size_t calls_max);
/* All calls of the plan, with new values. */
int build_plan(struct sequence *s, struct fuzz_case *c, const struct sequence_plan *from, struct sequence_plan *plan);

/* A call of `method` about just what call `maker` of the case made, nothing else said; or, as a control, about a thing
 * nobody made. ERROR_NOT_FOUND: the graph does not say how. Else as sequence_append(). */
enum build_name {
    NAME_MADE,
    NAME_FRESH,
    NAME_ALONE /* what was made, and nothing of it but its name and where it is */
};
int build_about(struct sequence *s, struct fuzz_case *c, size_t maker, size_t method, enum build_name name,
                uint16_t flags);
/* That call once more, its first message with its links; `flags` are added to its own. */
int build_again(struct sequence *s, struct fuzz_case *c, size_t call, uint16_t flags);

/* A draw of how good a source is, by what is believed and what was learnt. */
double arm_draw(struct sequence *s, size_t method, size_t leaf, size_t source);

/* Value of the arm's counts: they fade, so that a system that changes is followed. */
void arm_credit(struct sequence_slot *slot, size_t source, unsigned good, unsigned bad);

#endif
