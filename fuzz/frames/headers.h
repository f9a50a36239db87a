/* Events below gRPC turned into the bytes of one connection, with the state that lasts from one to the next (HPACK's
 * table). What the parts of an event mean here:
 *
 *   EVENT_CONNECT   nothing: the writer starts afresh. Preface and SETTINGS are events like all others
 *   EVENT_FRAME     number: type << 8 | flags; call: stream id with its reserved bit; value: payload
 *   EVENT_HEADERS   value: lines of fuzz/frames/block.h; call: stream id; number, from its low end:
 *                     8 bits   HTTP/2 flags. Without END_HEADERS the run is left open
 *                     8 bits   padding, with FRAME_PADDED: a length and as many zeros
 *                     16 bits  bytes of the block in each frame, the rest goes on in CONTINUATION; 0: as few as do
 *                     32 bits  with FRAME_WITH_PRIORITY: exclusive bit and the stream depended on
 *                   flags: HEADERS_EMPTY_PIECES puts an empty CONTINUATION behind every piece but the last
 *   EVENT_BYTES     value: as it is
 *
 * The name of these events may hold the operator (fuzz/frames/operators.h) that made the case. */
#ifndef FUZZ_FRAMES_HEADERS_H
#define FUZZ_FRAMES_HEADERS_H

#include "fuzz/case/case.h"
#include "fuzz/frames/block.h"
#include "fuzz/frames/frame.h"

#define HEADERS_EMPTY_PIECES 0x100 /* in an event's flags */
#define HEADERS_WEIGHT       15    /* of every priority: 16, the default, less one */

struct frames_writer {
    struct block_encoder encoder;
    struct text block;
};

#define FRAMES_WRITER_INIT ((struct frames_writer){0})

void frames_writer_start(struct frames_writer *w); /* a new connection */
void frames_writer_deinit(struct frames_writer *w);
/* Appends the event's bytes to `out`; nothing for other kinds. ERROR_MEMORY. */
int frames_write(struct frames_writer *w, const struct fuzz_case *c, const struct fuzz_event *e, struct text *out);

static inline uint64_t headers_number(uint8_t flags, uint8_t padding, uint16_t piece, uint32_t depends)
{
    return flags | (uint64_t)padding << 8 | (uint64_t)piece << 16 | (uint64_t)depends << 32;
}

/* A block cut into HEADERS and CONTINUATION frames. */
void headers_put(struct text *out, uint32_t stream, uint64_t number, bool empty_pieces, struct bytes block);

#endif
