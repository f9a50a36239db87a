/* The stubs of a method, so that a call meets few of them.
 *
 * Stubs are grouped by the places whose value they demand: all that say {id: ..., table: ...} are one group, with a
 * hash table from the values to its stubs. A call costs one look-up a group, however many stubs there are; what demands
 * nothing is a group without places, whose stubs are tried one after the other. What a regular expression or a glob
 * begins with counts as a place as well, cut to its length. At most INDEX_GROUPS_MAX groups: what would need another
 * joins the one without places, and its values are tested like other conditions.
 *
 * Stubs of equal values are a chain in the order of choice: tiers of equal rank, the newest first within each. A walk
 * merges the chains of all groups, so that stubs come out in the order of choice until the caller is content.
 *
 * Hash tables use linear probing with backward shifts (Knuth, The Art of Computer Programming 3, 6.4, algorithm R). */
#ifndef FAKES_STUB_INDEX_H
#define FAKES_STUB_INDEX_H

#include "fakes/stub/match.h"

#define INDEX_GROUPS_MAX 64
#define INDEX_PARTS_MAX  16 /* places of one group */

struct stub;

struct index_part {
    int slot;
    uint32_t cut;
    const struct pb_field *field;
};

struct index_entry {
    uint64_t hash;
    struct stub *head; /* NULL: empty */
};

struct index_group {
    struct index_part parts[INDEX_PARTS_MAX];
    size_t part_count;
    struct index_entry *entries; /* owned; a power of two, or NULL */
    size_t size, used;
    struct stub *all; /* of the group without parts */
    size_t stubs;
};

struct index {
    struct index_group *groups[INDEX_GROUPS_MAX]; /* owned */
    size_t count;
};

struct index_head {
    struct stub *at, *tier; /* the next stub of a chain, and the first of its rank, which knows the next rank */
};
struct index_walk {
    struct index_head heads[INDEX_GROUPS_MAX];
    size_t count;
};

void index_deinit(struct index *x);
/* The group of these places, made when there is none; the one without places when there would be too many. NULL: no
 * memory. */
struct index_group *index_group(struct index *x, const struct index_part *parts, size_t count);
/* Of stub->group, with stub->keys as its values. False: no memory. */
bool index_add(struct stub *s);
void index_remove(struct stub *s);

void index_begin(struct index_walk *w, const struct index *x, const struct slot *slots);
struct stub *index_next(struct index_walk *w); /* NULL: no more */

#endif
