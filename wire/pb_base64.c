#include "wire/pb_base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void pb_base64_encode(struct text *out, struct bytes data)
{
    if (data.len > SIZE_MAX / 2 || !text_reserve(out, (data.len + 2) / 3 * 4)) {
        out->failed = true;
        return;
    }
    char *to = out->data + out->len;
    size_t i = 0;
    for (; i + 3 <= data.len; i += 3) {
        uint32_t v = (uint32_t)data.data[i] << 16 | (uint32_t)data.data[i + 1] << 8 | data.data[i + 2];
        *to++ = alphabet[v >> 18];
        *to++ = alphabet[v >> 12 & 63];
        *to++ = alphabet[v >> 6 & 63];
        *to++ = alphabet[v & 63];
    }
    if (i < data.len) {
        bool two = i + 1 < data.len;
        uint32_t v = (uint32_t)data.data[i] << 16 | (two ? (uint32_t)data.data[i + 1] << 8 : 0);
        *to++ = alphabet[v >> 18];
        *to++ = alphabet[v >> 12 & 63];
        if (two)
            *to++ = alphabet[v >> 6 & 63];
        else
            *to++ = '=';
        *to++ = '=';
    }
    out->len = (size_t)(to - out->data);
    *to = '\0';
}

static int value_of(uint8_t c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+' || c == '-')
        return 62;
    if (c == '/' || c == '_')
        return 63;
    return -1;
}

bool pb_base64_decode(struct text *out, struct bytes in)
{
    size_t len = in.len;
    /* Padding completes the last group of four, or is left out altogether. */
    if (len > 0 && in.data[len - 1] == '=') {
        if (len % 4 != 0)
            return false;
        len -= in.data[len - 2] == '=' ? 2 : 1;
    }
    if (len % 4 == 1)
        return false;
    if (!text_reserve(out, len / 4 * 3 + 3))
        return true; /* the failure sticks to `out` */
    char *to = out->data + out->len;
    uint32_t bits = 0;
    for (size_t i = 0; i < len; i++) {
        int v = value_of(in.data[i]);
        if (v < 0)
            return false;
        bits = bits << 6 | (uint32_t)v;
        /* Characters 2, 3 and 4 of each group complete a byte. */
        unsigned in_group = (unsigned)(i % 4);
        if (in_group > 0)
            *to++ = (char)(uint8_t)(bits >> (6 - 2 * in_group));
    }
    out->len = (size_t)(to - out->data);
    out->data[out->len] = '\0';
    return true;
}
