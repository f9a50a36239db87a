/* Header blocks written to order: a live HPACK encoder (RFC 7541) that does what it is told rather than what is best.
 *
 * wire/hpack.h decides by itself what to index and how; here the case decides, for every field, and may also ask for
 * what no encoder sends. The dynamic table is kept as the peer's decoder keeps it, so that indices mean something. It
 * lies in the struct: no allocation, a new connection costs a few stores.
 *
 * A block is written down as lines:
 *
 *     :path: /store.Store/Read      a field, in the way the lines above it said
 *     !mode auto                    from here: index what is known, remember the rest (the default)
 *     !mode incremental             always a literal that is added to the table
 *     !mode without | never         always a literal that is not | that nobody on the way may index
 *     !huffman on | off             from here
 *     !index 62                     an indexed field, whatever is there
 *     !resize 0                     a dynamic table size update
 *     !repeat 100 name: value       that field as often
 *     !hex 80ff                     bytes
 *     !bad huffman-eos              one of block_defects
 *
 * Directives nobody knows do nothing. Mode and Huffman coding start afresh with every block. */
#ifndef FUZZ_FRAMES_BLOCK_H
#define FUZZ_FRAMES_BLOCK_H

#include "base/bytes.h"
#include "base/text.h"
#include "wire/hpack.h"

#define BLOCK_TABLE_MAX   HPACK_TABLE_MAX
#define BLOCK_OVERHEAD    HPACK_ENTRY_OVERHEAD
#define BLOCK_ENTRIES_MAX (BLOCK_TABLE_MAX / BLOCK_OVERHEAD)
#define BLOCK_REPEAT_MAX  20000             /* of !repeat */
#define BLOCK_SIZE_MAX    ((size_t)1 << 20) /* bytes of a block; what would pass it is left out */

enum block_mode { BLOCK_AUTO, BLOCK_INCREMENTAL, BLOCK_WITHOUT, BLOCK_NEVER, BLOCK_MODE_COUNT };

struct block_entry {
    uint16_t at, name_len, value_len; /* name, then value, in the encoder's text */
};

struct block_encoder {
    struct block_entry ring[BLOCK_ENTRIES_MAX];
    uint32_t added, evicted; /* numbers in between are in the table; n is at ring[n % BLOCK_ENTRIES_MAX] */
    uint32_t size, limit;
    uint32_t text_end;
    enum block_mode mode;
    bool huffman;
    char text[2 * BLOCK_TABLE_MAX];
};

void block_init(struct block_encoder *e);

/* One block from its lines; appended to `out`. */
void block_write(struct block_encoder *e, struct bytes lines, struct text *out);

/* Its parts. */
void block_field(struct block_encoder *e, struct bytes name, struct bytes value, struct text *out);
void block_index(uint64_t index, struct text *out);
void block_resize(struct block_encoder *e, uint32_t limit, struct text *out);
size_t block_entries(const struct block_encoder *e); /* in the dynamic table */

/* Blocks no decoder may accept, and some it may. */
struct block_defect {
    const char *name, *summary;
    bool refused; /* RFC 7541 has every decoder refuse it; otherwise by limits of its own */
    void (*write)(struct block_encoder *e, struct text *out);
};
extern const struct block_defect block_defects[];
extern const size_t block_defect_count;
const struct block_defect *block_defect_find(struct bytes name); /* NULL: none of that name */

#endif
