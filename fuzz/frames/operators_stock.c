/* Where gRPC's own libraries answer otherwise than RFC 9113 and RFC 7541 have it. Read off gRPC C-core 1.51 (Python,
 * C++, Ruby, PHP) and grpc-js 1.9 on node's HTTP/2; docs/fuzzing-frames.md tells what each of them means for a user. */
#include "fuzz/frames/operators.h"

#include <string.h>

#define C(code) (UINT32_C(1) << H2_##code)

static const struct {
    const char *name;
    unsigned answers;
    uint32_t codes;
} stock[] = {
    /* Looked over: the frame or field is taken, or dropped, and all goes on. */
    {"ping-on-stream", ANSWER_FINE, 0},
    {"window-idle", ANSWER_FINE, 0},
    {"window-overflow-connection", ANSWER_FINE, 0},
    {"window-overflow-stream", ANSWER_FINE, 0},
    {"data-idle", ANSWER_FINE, 0},
    {"data-half-closed", ANSWER_FINE, 0},
    {"data-closed", ANSWER_FINE, 0},
    {"data-stream-zero", ANSWER_FINE, 0},
    {"headers-even-stream", ANSWER_FINE, 0},
    {"headers-decreasing", ANSWER_FINE, 0},
    {"headers-stream-zero", ANSWER_FINE, 0},
    {"headers-after-end", ANSWER_FINE, 0},
    {"name-uppercase", ANSWER_FINE, 0},
    {"name-empty", ANSWER_FINE, 0},
    {"name-space", ANSWER_FINE, 0},
    {"value-newline", ANSWER_FINE, 0},
    {"value-nul", ANSWER_FINE, 0},
    {"value-blank-first", ANSWER_FINE, 0},
    {"pseudo-twice", ANSWER_FINE, 0},
    {"pseudo-late", ANSWER_FINE, 0},
    {"pseudo-unknown", ANSWER_FINE, 0},
    {"pseudo-response", ANSWER_FINE, 0},
    {"connection-field", ANSWER_FINE, 0},
    {"transfer-encoding", ANSWER_FINE, 0},
    {"length-lie-less", ANSWER_FINE, 0},
    {"length-lie-more", ANSWER_FINE, 0},
    {"trailers-pseudo", ANSWER_FINE, 0},
    {"hpack-huffman-padding-zero", ANSWER_FINE, 0},
    {"hpack-huffman-eos", ANSWER_FINE, 0},
    {"hpack-huffman-padding-long", ANSWER_FINE, 0},
    {"rst-idle", ANSWER_FINE, 0},
    {"rst-stream-zero", ANSWER_FINE, 0},
    {"made-you-reset", ANSWER_FINE, 0},
    {"rst-storm-long", ANSWER_FINE, 0},
    {"continuation-empty-long", ANSWER_FINE, 0},
    {"priority-length", ANSWER_FINE, 0},
    {"priority-stream-zero", ANSWER_FINE, 0},
    {"push-promise", ANSWER_FINE, 0},
    {"goaway-on-stream", ANSWER_FINE, 0},
    {"stream-ids-used-up", ANSWER_FINE, 0},
    {"data-after-trailers", ANSWER_FINE, 0},
    {"message-flag", ANSWER_FINE, 0},
    {"message-cut", ANSWER_FINE, 0},
    {"frame-too-long", ANSWER_FINE, 0},
    /* Padding is not known at all. */
    {"data-padding", ANSWER_STREAM, C(PROTOCOL_ERROR)},
    {"data-padding-missing", ANSWER_STREAM, C(PROTOCOL_ERROR)},
    {"data-padding-whole", ANSWER_STREAM, C(PROTOCOL_ERROR)},
    {"hpack-every-form", ANSWER_CONNECTION, 0},
    /* Flags of a PING other than ACK. */
    {"frame-flags-undefined", ANSWER_CONNECTION, C(PROTOCOL_ERROR)},
};

bool frame_operator_stock(const struct frame_operator *op, unsigned *answers, uint32_t *codes)
{
    for (size_t i = 0; i < sizeof stock / sizeof stock[0]; i++)
        if (strcmp(stock[i].name, op->name) == 0) {
            *answers = stock[i].answers;
            *codes = stock[i].codes;
            return true;
        }
    return false;
}
