/* HTTP/2 frames as bytes (RFC 9113, sections 4 and 6): written as they are asked for, right or wrong, and read without
 * an opinion. What a frame may say, and when, is not known here; that is model.h's and the operators'. */
#ifndef FUZZ_FRAMES_FRAME_H
#define FUZZ_FRAMES_FRAME_H

#include "base/bytes.h"
#include "base/text.h"

#define FRAME_HEAD_SIZE   9                      /* bytes */
#define FRAME_LENGTH_MAX  ((uint32_t)0xffffff)   /* what the 24 bits can say */
#define FRAME_PAYLOAD_MAX ((uint32_t)16384)      /* what a peer takes unless its SETTINGS say more */
#define FRAME_WINDOW      ((uint32_t)65535)      /* flow-control window before SETTINGS, bytes */
#define FRAME_WINDOW_MAX  ((uint32_t)0x7fffffff) /* bytes */
#define FRAME_RESERVED    ((uint32_t)1 << 31)    /* the bit of a stream id that has no meaning */
#define FRAME_PREFACE     "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
#define FRAME_PREFACE_LEN (sizeof FRAME_PREFACE - 1) /* bytes */

enum frame_type {
    FRAME_DATA = 0,
    FRAME_HEADERS = 1,
    FRAME_PRIORITY = 2,
    FRAME_RST_STREAM = 3,
    FRAME_SETTINGS = 4,
    FRAME_PUSH_PROMISE = 5,
    FRAME_PING = 6,
    FRAME_GOAWAY = 7,
    FRAME_WINDOW_UPDATE = 8,
    FRAME_CONTINUATION = 9,
    FRAME_TYPE_COUNT
};

enum frame_flag {
    FRAME_ACK = 1,
    FRAME_END_STREAM = 1,
    FRAME_END_HEADERS = 4,
    FRAME_PADDED = 8,
    FRAME_WITH_PRIORITY = 32
};

enum frame_setting {
    FRAME_SETTING_TABLE_SIZE = 1,
    FRAME_SETTING_ENABLE_PUSH = 2,
    FRAME_SETTING_STREAMS = 3,
    FRAME_SETTING_WINDOW = 4,
    FRAME_SETTING_FRAME_SIZE = 5,
    FRAME_SETTING_LIST_SIZE = 6
};

enum h2_error { /* RFC 9113, section 7 */
                H2_NO_ERROR = 0,
                H2_PROTOCOL_ERROR = 1,
                H2_INTERNAL_ERROR = 2,
                H2_FLOW_CONTROL_ERROR = 3,
                H2_SETTINGS_TIMEOUT = 4,
                H2_STREAM_CLOSED = 5,
                H2_FRAME_SIZE_ERROR = 6,
                H2_REFUSED_STREAM = 7,
                H2_CANCEL = 8,
                H2_COMPRESSION_ERROR = 9,
                H2_CONNECT_ERROR = 10,
                H2_ENHANCE_YOUR_CALM = 11,
                H2_INADEQUATE_SECURITY = 12,
                H2_HTTP_1_1_REQUIRED = 13,
                H2_ERROR_COUNT
};

const char *frame_type_name(uint8_t type); /* "HEADERS"; "UNKNOWN" */
const char *h2_error_name(uint32_t code);  /* "PROTOCOL_ERROR"; "UNKNOWN" */

struct frame {
    uint32_t length; /* what the head says; equal to payload.len in a frame that was read */
    uint8_t type, flags;
    uint32_t stream; /* without the reserved bit */
    bool reserved;
    struct bytes payload; /* borrowed */
};

/* Writing. `length` and `stream` go out as they are, as far as they have bits in the head. */
void frame_put_head(struct text *out, uint32_t length, uint8_t type, uint8_t flags, uint32_t stream);
void frame_put(struct text *out, uint8_t type, uint8_t flags, uint32_t stream, struct bytes payload);
void frame_put_number(struct text *out, uint32_t value);                  /* 4 bytes, big-endian */
void frame_put_setting(struct text *out, uint16_t which, uint32_t value); /* 6 bytes of a SETTINGS payload */
/* One flow-controlled gRPC message: its five bytes and itself. */
void frame_put_message(struct text *out, struct bytes message);

/* Reading. Takes one whole frame off the front; false when less than one is there: nothing was taken. */
bool frame_take(struct bytes *data, struct frame *out);
/* The head alone, of at least FRAME_HEAD_SIZE bytes; the payload is left empty. */
void frame_head_read(const uint8_t *data, struct frame *out);
uint32_t frame_number(const uint8_t *data); /* 4 bytes, big-endian */
/* What is between the padding and the priority fields of DATA, HEADERS and PUSH_PROMISE. False: there is less than
 * these fields say. */
bool frame_content(const struct frame *f, struct bytes *out);

/* "HEADERS stream=1 flags=0x05 len=31", no newline. */
void frame_print(const struct frame *f, struct text *out);

#endif
