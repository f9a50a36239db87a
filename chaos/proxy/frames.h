/* Where HTTP/2's frames begin (RFC 9113, section 4.1) in a direction's bytes, by their length alone: enough to put a
 * frame of one's own between two of the peer's, on a connection one has not taken part in. */
#ifndef CHAOS_PROXY_FRAMES_H
#define CHAOS_PROXY_FRAMES_H

#include "base/bytes.h"

#include <stdbool.h>
#include <stdint.h>

#define FRAMES_HEAD     9
#define FRAMES_GREETING 24 /* bytes a client begins with (section 3.4) */
#define FRAMES_GOAWAY   17 /* bytes of a GOAWAY frame without debug data */

extern const char frames_greeting[FRAMES_GREETING + 1];

struct frames {
    uint8_t head[FRAMES_HEAD];
    uint8_t head_len;
    uint32_t left;     /* of the frame's payload */
    bool block;        /* within a header block, which only its own CONTINUATIONs may follow */
    uint64_t complete; /* frames so far */
};
/* Bytes of `data` up to and with the end of the frame under way, or up to the next point where a frame may be put in
 * (`*between` is true then); moves on behind them. */
size_t frames_step(struct frames *f, struct bytes data, bool *between);
static inline bool frames_between(const struct frames *f)
{
    return f->head_len == 0 && f->left == 0 && !f->block && f->complete > 0;
}
/* "Begin no more calls here": no error, and all streams begun so far go on. */
void frames_goaway(uint8_t out[FRAMES_GOAWAY]);

#endif
