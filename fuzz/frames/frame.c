#include "fuzz/frames/frame.h"

static const char *const types[FRAME_TYPE_COUNT] = {
    "DATA",         "HEADERS", "PRIORITY", "RST_STREAM",    "SETTINGS",
    "PUSH_PROMISE", "PING",    "GOAWAY",   "WINDOW_UPDATE", "CONTINUATION",
};

static const char *const errors[H2_ERROR_COUNT] = {
    "NO_ERROR",
    "PROTOCOL_ERROR",
    "INTERNAL_ERROR",
    "FLOW_CONTROL_ERROR",
    "SETTINGS_TIMEOUT",
    "STREAM_CLOSED",
    "FRAME_SIZE_ERROR",
    "REFUSED_STREAM",
    "CANCEL",
    "COMPRESSION_ERROR",
    "CONNECT_ERROR",
    "ENHANCE_YOUR_CALM",
    "INADEQUATE_SECURITY",
    "HTTP_1_1_REQUIRED",
};

const char *frame_type_name(uint8_t type)
{
    return type < FRAME_TYPE_COUNT ? types[type] : "UNKNOWN";
}

const char *h2_error_name(uint32_t code)
{
    return code < H2_ERROR_COUNT ? errors[code] : "UNKNOWN";
}

/* ---- writing ---------------------------------------------------------------------------------------------------- */

void frame_put_head(struct text *out, uint32_t length, uint8_t type, uint8_t flags, uint32_t stream)
{
    const uint8_t head[FRAME_HEAD_SIZE] = {(uint8_t)(length >> 16 & 0xff),
                                           (uint8_t)(length >> 8 & 0xff),
                                           (uint8_t)(length & 0xff),
                                           type,
                                           flags,
                                           (uint8_t)(stream >> 24),
                                           (uint8_t)(stream >> 16 & 0xff),
                                           (uint8_t)(stream >> 8 & 0xff),
                                           (uint8_t)(stream & 0xff)};
    text_add(out, head, sizeof head);
}

void frame_put(struct text *out, uint8_t type, uint8_t flags, uint32_t stream, struct bytes payload)
{
    frame_put_head(out, (uint32_t)payload.len, type, flags, stream);
    if (payload.len > 0)
        text_add(out, payload.data, payload.len);
}

void frame_put_number(struct text *out, uint32_t value)
{
    const uint8_t b[4] = {(uint8_t)(value >> 24), (uint8_t)(value >> 16 & 0xff), (uint8_t)(value >> 8 & 0xff),
                          (uint8_t)(value & 0xff)};
    text_add(out, b, sizeof b);
}

void frame_put_setting(struct text *out, uint16_t which, uint32_t value)
{
    const uint8_t b[2] = {(uint8_t)(which >> 8), (uint8_t)(which & 0xff)};
    text_add(out, b, sizeof b);
    frame_put_number(out, value);
}

void frame_put_message(struct text *out, struct bytes message)
{
    text_char(out, '\0');
    frame_put_number(out, (uint32_t)message.len);
    if (message.len > 0)
        text_add(out, message.data, message.len);
}

/* ---- reading ---------------------------------------------------------------------------------------------------- */

uint32_t frame_number(const uint8_t *data)
{
    return (uint32_t)data[0] << 24 | (uint32_t)data[1] << 16 | (uint32_t)data[2] << 8 | data[3];
}

void frame_head_read(const uint8_t *data, struct frame *out)
{
    uint32_t stream = frame_number(data + 5);
    *out = (struct frame){.length = (uint32_t)data[0] << 16 | (uint32_t)data[1] << 8 | data[2],
                          .type = data[3],
                          .flags = data[4],
                          .stream = stream & ~FRAME_RESERVED,
                          .reserved = stream & FRAME_RESERVED};
}

bool frame_take(struct bytes *data, struct frame *out)
{
    if (data->len < FRAME_HEAD_SIZE)
        return false;
    struct frame f;
    frame_head_read(data->data, &f);
    if (data->len - FRAME_HEAD_SIZE < f.length)
        return false;
    f.payload = BYTES(data->data + FRAME_HEAD_SIZE, f.length);
    data->data += FRAME_HEAD_SIZE + f.length;
    data->len -= FRAME_HEAD_SIZE + f.length;
    *out = f;
    return true;
}

bool frame_content(const struct frame *f, struct bytes *out)
{
    struct bytes b = f->payload;
    size_t padding = 0, fixed = 0;
    if (f->flags & FRAME_PADDED) {
        if (b.len == 0)
            return false;
        padding = b.data[0];
        b = BYTES(b.data + 1, b.len - 1);
    }
    if (f->type == FRAME_HEADERS && (f->flags & FRAME_WITH_PRIORITY))
        fixed = 5;
    else if (f->type == FRAME_PUSH_PROMISE)
        fixed = 4;
    if (b.len < fixed || b.len - fixed < padding)
        return false;
    *out = BYTES(b.data + fixed, b.len - fixed - padding);
    return true;
}

void frame_print(const struct frame *f, struct text *out)
{
    if (f->type < FRAME_TYPE_COUNT)
        text_puts(out, types[f->type]);
    else
        text_printf(out, "TYPE-%u", (unsigned)f->type);
    text_printf(out, " stream=%lu flags=0x%02x len=%lu", (unsigned long)f->stream, (unsigned)f->flags,
                (unsigned long)f->length);
    if (f->reserved)
        text_puts(out, " reserved");
    if (f->type == FRAME_RST_STREAM && f->payload.len == 4)
        text_printf(out, " %s", h2_error_name(frame_number(f->payload.data)));
    if (f->type == FRAME_GOAWAY && f->payload.len >= 8)
        text_printf(out, " %s", h2_error_name(frame_number(f->payload.data + 4)));
}
