/* When keys went away, so that "the key is not there" can be a precondition that means something. A caller that read
 * "nothing" and writes on the ground of it must fail when the key was written and deleted in between: what it knows is
 * out of date, although again nothing is there.
 *
 * Nothing is kept per key. There are GONE_SLOTS slots, each with the highest revision at which any of its keys went
 * away; a key's slot is given by a hash. Two keys of one slot can make a precondition fail that holds, never the other
 * way round; whoever reads again and tries again succeeds. After a start every slot has the revision of that moment,
 * since what happened before is not known. Memory: 32 KiB, nothing on disk, whatever the number of keys. */
#ifndef RUNTIME_STORE_GONE_H
#define RUNTIME_STORE_GONE_H

#include "base/bytes.h"

#include <stdint.h>

#define GONE_SLOTS 4096

struct gone {
    uint64_t slots[GONE_SLOTS];
};

/* All slots; at the start, and on a roll back, which takes revisions back: no slot stays above. */
void gone_init(struct gone *g, uint64_t revision);
void gone_lower(struct gone *g, uint64_t revision);
void gone_note(struct gone *g, struct bytes database, struct bytes table, struct bytes key, uint64_t revision);
uint64_t gone_last(const struct gone *g, struct bytes database, struct bytes table, struct bytes key);

#endif
