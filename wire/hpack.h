/* HPACK, the sending side: header fields in, a header block's bytes out (RFC 7541; its decoder is nghttp2's).
 *
 * Why an encoder of our own: nghttp2's never puts `authorization` into its table, so that a token of some 700 bytes is
 * Huffman coded by one side and decoded by the other at every call, which costs more than all the rest of a call's
 * headers. Here the caller says what must not be indexed.
 *
 * How: a field sent for the first time goes out as a literal and only its hash is remembered; when it comes again it is
 * put into the table, from then on it is an index. So values that never repeat (ids, revisions) do not push out those
 * that do. Literals are not Huffman coded: what is long is indexed soon, the rest is short.
 *
 * The table is at most HPACK_TABLE_MAX bytes by the RFC's count, less if the peer asks for less. One allocation for
 * each entry, freed when it leaves the table. After ERROR_MEMORY the two sides' tables no longer agree: the connection
 * has to end. */
#ifndef WIRE_HPACK_H
#define WIRE_HPACK_H

#include "base/bytes.h"
#include "base/error.h"
#include "base/text.h"

#define HPACK_ENTRY_OVERHEAD 32                                       /* RFC 7541, section 4.1 */
#define HPACK_TABLE_MAX      4096                                     /* bytes; a table's size before SETTINGS */
#define HPACK_ENTRIES_MAX    (HPACK_TABLE_MAX / HPACK_ENTRY_OVERHEAD) /* a power of two */
#define HPACK_CHAINS         64                                       /* a power of two */
#define HPACK_SEEN           64                                       /* hashes of fields sent once; a power of two */

struct hpack_entry {
    char *text; /* owned: name, then value */
    uint32_t name_len, value_len, hash;
    uint64_t older; /* number of the next one of its chain, plus one; 0: none */
};

/* Entries are numbered from 0 as they are added; number n is at ring[n % HPACK_ENTRIES_MAX]. */
struct hpack_encoder {
    struct hpack_entry ring[HPACK_ENTRIES_MAX];
    uint64_t added, evicted;       /* how many; the table holds the numbers in between */
    uint64_t newest[HPACK_CHAINS]; /* number plus one, by hash; may name one that was evicted */
    uint32_t seen[HPACK_SEEN];
    size_t size, limit;
    size_t smallest; /* the least `limit` since the last block */
    bool resized;    /* to be told at the next block's start */
};

void hpack_init(struct hpack_encoder *e);
void hpack_deinit(struct hpack_encoder *e);
/* The peer's SETTINGS_HEADER_TABLE_SIZE. */
void hpack_resize(struct hpack_encoder *e, size_t limit);

/* A block: start, then its fields in order. All append to `out`; a failed `out` is the caller's to see. */
void hpack_start(struct hpack_encoder *e, struct text *out);
/* `secret`: never indexed, by nobody on the way (RFC 7541, section 7.1.3). Names are lower case. */
int hpack_field(struct hpack_encoder *e, struct bytes name, struct bytes value, bool secret, struct text *out);

/* The static table (RFC 7541, appendix A), for whoever else writes blocks. */
#define HPACK_FIXED_COUNT 61
/* Index of the field, from 1; of its name alone when *whole is false; 0: neither is in it. */
size_t hpack_fixed_find(struct bytes name, struct bytes value, bool *whole);

#endif
