#include "chaos/proxy/frames.h"

#include <string.h>

enum { FRAME_HEADERS = 1, FRAME_PUSH = 5, FRAME_GOAWAY = 7, FRAME_CONTINUATION = 9, FLAG_END_HEADERS = 4 };

const char frames_greeting[FRAMES_GREETING + 1] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

static void head_complete(struct frames *f)
{
    uint8_t type = f->head[3];
    f->left = (uint32_t)f->head[0] << 16 | (uint32_t)f->head[1] << 8 | f->head[2];
    if (type == FRAME_HEADERS || type == FRAME_PUSH || type == FRAME_CONTINUATION)
        f->block = (f->head[4] & FLAG_END_HEADERS) == 0;
}

size_t frames_step(struct frames *f, struct bytes data, bool *between)
{
    size_t at = 0;
    *between = false;
    while (at < data.len && !*between) {
        if (f->head_len < FRAMES_HEAD) {
            size_t n = (size_t)(FRAMES_HEAD - f->head_len);
            if (n > data.len - at)
                n = data.len - at;
            memcpy(f->head + f->head_len, data.data + at, n);
            f->head_len = (uint8_t)(f->head_len + n);
            at += n;
            if (f->head_len < FRAMES_HEAD)
                break;
            head_complete(f);
        }
        size_t n = f->left < data.len - at ? f->left : data.len - at;
        at += n;
        f->left -= (uint32_t)n;
        if (f->left > 0)
            break;
        f->head_len = 0;
        f->complete++;
        *between = !f->block;
    }
    return at;
}

void frames_goaway(uint8_t out[FRAMES_GOAWAY])
{
    static const uint8_t frame[FRAMES_GOAWAY] = {0,    0,    8,    FRAME_GOAWAY, 0, 0, 0, 0, 0,
                                                 0x7f, 0xff, 0xff, 0xff,         0, 0, 0, 0};
    memcpy(out, frame, sizeof frame);
}
