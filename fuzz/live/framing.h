/* A message's place in the stream's bytes, as gRPC's length-prefixed message says (flag, length, bytes), or with one of
 * the lies an event can ask for: EVENT_COMPRESSED, EVENT_FLAG_LIE, EVENT_LENGTH_LONG, EVENT_LENGTH_SHORT. */
#ifndef FUZZ_LIVE_FRAMING_H
#define FUZZ_LIVE_FRAMING_H

#include "fuzz/case/case.h"

/* The flags ask for nothing that is out of the ordinary. */
static inline bool framing_is_plain(uint16_t flags)
{
    return (flags & (EVENT_COMPRESSED | EVENT_FLAG_LIE | EVENT_LENGTH_LONG | EVENT_LENGTH_SHORT)) == 0;
}

/* Appends. Look at text_ok(). */
void framing_put(uint16_t flags, struct bytes message, struct text *out);

#endif
