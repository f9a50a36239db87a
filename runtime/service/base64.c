#include "runtime/service/base64.h"

static const char standard[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url_safe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void encode(struct text *out, struct bytes data, const char *alphabet, bool pad)
{
    for (size_t i = 0; i < data.len; i += 3) {
        size_t n = data.len - i < 3 ? data.len - i : 3;
        uint32_t group = (uint32_t)data.data[i] << 16;
        if (n > 1)
            group |= (uint32_t)data.data[i + 1] << 8;
        if (n > 2)
            group |= data.data[i + 2];
        for (size_t k = 0; k < 4; k++) {
            if (k <= n)
                text_char(out, alphabet[(group >> (18 - 6 * k)) & 63]);
            else if (pad)
                text_char(out, '=');
        }
    }
}

void base64_encode(struct text *out, struct bytes data)
{
    encode(out, data, standard, true);
}

void base64_encode_url(struct text *out, struct bytes data)
{
    encode(out, data, url_safe, false);
}

static int digit(uint8_t c)
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

bool base64_decode(struct text *out, struct bytes text)
{
    uint32_t bits = 0;
    int have = 0;
    size_t digits = 0, padding = 0;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        if (c == ' ' || c == '\t' || c == '\r' || c == '\n')
            continue;
        if (c == '=') {
            if (++padding > 2)
                return false;
            continue;
        }
        int d = digit(c);
        if (d < 0 || padding)
            return false;
        digits++;
        bits = (bits << 6 | (uint32_t)d) & 0xffffff;
        have += 6;
        if (have >= 8) {
            have -= 8;
            text_char(out, (char)(bits >> have & 0xff));
        }
    }
    if (padding && (digits + padding) % 4 != 0)
        return false;
    return digits % 4 != 1 && (bits & ((1u << have) - 1)) == 0;
}
