#define ZLIB_CONST
#include "fuzz/live/framing.h"

#include <limits.h>
#include <zlib.h>

#define PREFIX       5
#define GZIP_FRAMING 16   /* zlib: beside the window's bits */
#define SMALL        1024 /* bytes of a message that does with a small window, which costs less to set up */

/* Sets `failed` when memory is out. */
static void gzip_put(struct bytes data, struct text *out)
{
    z_stream z = {.next_in = data.data, .avail_in = (unsigned)data.len};
    int window = GZIP_FRAMING + (data.len <= SMALL ? 10 : 15), memory = data.len <= SMALL ? 1 : 8;
    if (data.len > UINT_MAX / 2 ||
        deflateInit2(&z, Z_BEST_SPEED, Z_DEFLATED, window, memory, Z_DEFAULT_STRATEGY) != Z_OK) {
        out->failed = true;
        return;
    }
    size_t room = deflateBound(&z, data.len);
    if (text_reserve(out, room)) {
        z.next_out = (Bytef *)out->data + out->len;
        z.avail_out = (unsigned)room;
        if (deflate(&z, Z_FINISH) == Z_STREAM_END) {
            out->len += room - z.avail_out;
            out->data[out->len] = '\0';
        } else {
            out->failed = true;
        }
    }
    deflateEnd(&z);
}

void framing_put(uint16_t flags, struct bytes message, struct text *out)
{
    static const uint8_t nothing[PREFIX];
    size_t at = out->len;
    bool compressed = (flags & EVENT_COMPRESSED) != 0;
    text_add(out, nothing, PREFIX);
    if (compressed)
        gzip_put(message, out);
    else
        text_add(out, message.data, message.len);
    if (!text_ok(out))
        return;
    uint32_t said = (uint32_t)(out->len - at - PREFIX);
    if (flags & EVENT_LENGTH_LONG)
        said += said / 2 + 1;
    else if (flags & EVENT_LENGTH_SHORT)
        said /= 2;
    uint8_t *prefix = (uint8_t *)out->data + at;
    prefix[0] = compressed != ((flags & EVENT_FLAG_LIE) != 0);
    for (unsigned i = 0; i < 4; i++)
        prefix[1 + i] = (uint8_t)(said >> (24 - 8 * i) & 0xff);
}
