/* A client's bytes for the calls of a case, and what a server's bytes say: gRPC in HTTP/2 frames (fuzz/frames/frame.h)
 * without a session. */
#ifndef FUZZ_LOOP_GRPC_FRAMES_H
#define FUZZ_LOOP_GRPC_FRAMES_H

#include "fuzz/case/trace.h"
#include "fuzz/frames/frame.h"

void grpc_frames_hello(struct text *out);
/* Once on a connection: the windows of both sides as wide as they go (the server's are its settings'). Most cases need
 * no more than the 64 KiB that every connection begins with, and widening costs a server more than a small call. */
void grpc_frames_windows(struct text *out);
/* A field of a header block, as a literal that is not indexed. */
void grpc_frames_field(struct text *out, struct bytes name, struct bytes value);
/* One gRPC message in as many DATA frames as it needs. `flags`: of the EVENT_MESSAGE; what lies or is compressed is
 * made in `scratch` first. */
void grpc_frames_message(struct text *out, uint32_t stream, struct bytes message, unsigned flags, bool end,
                         struct text *scratch);

/* Reading: what came for one stream. */
struct grpc_answer {
    bool headers, ended, reset;
    int status; /* TRACE_NO_STATUS until trailers said it */
    uint32_t reset_code;
    struct text body; /* the gRPC messages with their prefixes */
};

/* Header blocks of a connection mean what they mean because of those before them: what all of them together said last
 * is remembered, since most connections say the same, and taking HPACK apart costs more than the rest of reading. */
#define GRPC_KNOWN_SLOTS 64
#define GRPC_KNOWN_LEN   512 /* bytes of blocks; longer ones are taken apart every time */

struct grpc_known {
    uint16_t len; /* 0: free */
    int16_t status;
    uint8_t blocks[GRPC_KNOWN_LEN];
};

/* Kept from connection to connection; grpc_reader_start() before each. */
struct grpc_reader {
    bool going_away;
    struct text blocks; /* all so far, each behind its length in two bytes */
    struct grpc_known known[GRPC_KNOWN_SLOTS];
};
void grpc_reader_start(struct grpc_reader *r);
/* Frames of a whole number; streams are 1, 3, 5 ... for answers[0], [1], [2] ...
 * False: the bytes were none, or blocks that cannot be decoded. */
bool grpc_reader_feed(struct grpc_reader *r, struct bytes data, struct grpc_answer *answers, size_t count);
void grpc_reader_deinit(struct grpc_reader *r);

#endif
