#include "base/base64.h"

static const char standard[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url_safe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void encode(struct text *out, struct bytes data, const char *alphabet, bool padded)
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
        for (int n = two ? 1 : 2; padded && n > 0; n--)
            *to++ = '=';
    }
    out->len = (size_t)(to - out->data);
    *to = '\0';
}

void base64_encode(struct text *out, struct bytes data)
{
    encode(out, data, standard, true);
}

void base64_encode_bare(struct text *out, struct bytes data)
{
    encode(out, data, standard, false);
}

void base64_encode_url(struct text *out, struct bytes data)
{
    encode(out, data, url_safe, false);
}

static int value_of(uint8_t c, unsigned taken)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+' || (c == '-' && taken & BASE64_URL))
        return 62;
    if (c == '/' || (c == '_' && taken & BASE64_URL))
        return 63;
    return -1;
}

bool base64_read(struct text *out, struct bytes in, unsigned taken)
{
    size_t letters = 0, padding = 0;
    uint32_t bits = 0;
    unsigned have = 0; /* bits not written yet */
    bool fine = true;
    if (!text_reserve(out, in.len / 4 * 3 + 3))
        return true; /* the failure sticks to `out` */
    char *to = out->data + out->len;
    for (size_t i = 0; fine && i < in.len; i++) {
        uint8_t c = in.data[i];
        if (taken & BASE64_BLANKS && (c == ' ' || c == '\t' || c == '\r' || c == '\n'))
            continue;
        if (c == '=') {
            padding++;
            continue;
        }
        int v = value_of(c, taken);
        fine = v >= 0 && padding == 0;
        letters++;
        bits = bits << 6 | ((uint32_t)v & 63);
        have += 6;
        if (have >= 8) {
            have -= 8;
            *to++ = (char)(uint8_t)(bits >> have);
        }
    }
    fine = fine && letters % 4 != 1 && padding <= 2 && (padding == 0 || (letters + padding) % 4 == 0) &&
           (!(taken & BASE64_NO_REST) || (bits & ((1U << have) - 1)) == 0);
    if (fine)
        out->len = (size_t)(to - out->data);
    out->data[out->len] = '\0';
    return fine;
}

bool base64_decode(struct text *out, struct bytes in)
{
    return base64_read(out, in, BASE64_URL | BASE64_BLANKS | BASE64_NO_REST);
}
