#include "base/utf8.h"

/* Eight bytes at once: most text is ASCII. */
static size_t skip_ascii(struct bytes b, size_t at)
{
    uint64_t word;
    while (b.len - at >= sizeof word) {
        memcpy(&word, b.data + at, sizeof word);
        if (word & UINT64_C(0x8080808080808080))
            break;
        at += sizeof word;
    }
    while (at < b.len && b.data[at] < 0x80)
        at++;
    return at;
}

bool utf8_next(struct bytes b, size_t *at, uint32_t *code_point)
{
    uint8_t first = b.data[(*at)++];
    /* The second byte's range depends on the first one; that is what keeps overlong forms and surrogates out. */
    uint8_t low = 0x80, high = 0xBF;
    int more;
    uint32_t value;
    if (first < 0x80) {
        *code_point = first;
        return true;
    }
    if (first >= 0xC2 && first <= 0xDF) {
        more = 1;
        value = first & 0x1FU;
    } else if (first >= 0xE0 && first <= 0xEF) {
        more = 2;
        value = first & 0x0FU;
        if (first == 0xE0)
            low = 0xA0;
        else if (first == 0xED)
            high = 0x9F;
    } else if (first >= 0xF0 && first <= 0xF4) {
        more = 3;
        value = first & 0x07U;
        if (first == 0xF0)
            low = 0x90;
        else if (first == 0xF4)
            high = 0x8F;
    } else {
        *code_point = UTF8_REPLACEMENT;
        return false;
    }
    for (; more > 0; more--) {
        if (*at >= b.len || b.data[*at] < low || b.data[*at] > high) {
            *code_point = UTF8_REPLACEMENT;
            return false;
        }
        value = value << 6 | (b.data[(*at)++] & 0x3FU);
        low = 0x80;
        high = 0xBF;
    }
    *code_point = value;
    return true;
}

size_t utf8_bad_offset(struct bytes b)
{
    size_t at = 0;
    while (at < b.len) {
        at = skip_ascii(b, at);
        if (at == b.len)
            break;
        size_t start = at;
        uint32_t code_point;
        if (!utf8_next(b, &at, &code_point))
            return start;
    }
    return b.len;
}

bool utf8_valid(struct bytes b)
{
    return utf8_bad_offset(b) == b.len;
}

size_t utf8_write(uint32_t c, char out[UTF8_MAX])
{
    if (c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF))
        c = UTF8_REPLACEMENT;
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xC0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3F));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xE0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3F));
        out[2] = (char)(0x80 | (c & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 0x3F));
    out[2] = (char)(0x80 | (c >> 6 & 0x3F));
    out[3] = (char)(0x80 | (c & 0x3F));
    return 4;
}
