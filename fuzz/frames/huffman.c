#include "fuzz/frames/huffman.h"

static const uint8_t bits[HUFFMAN_SYMBOLS] = {
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28,
    28, 28, 28, 6,  10, 10, 12, 13, 6,  8,  11, 10, 10, 8,  11, 8,  6,  6,  6,  5,  5,  5,  6,  6,  6,  6,  6,  6,  6,
    7,  8,  15, 6,  12, 10, 13, 6,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,  7,
    7,  8,  7,  8,  13, 19, 13, 14, 6,  15, 5,  6,  5,  6,  5,  6,  6,  6,  5,  7,  7,  6,  6,  6,  5,  6,  7,  6,  5,
    5,  6,  7,  7,  7,  7,  7,  15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24,
    24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22,
    23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, 26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26,
    27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23,
    22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, 30,
};

/* Code of the first symbol of each length. Others of that length follow in order. */
static const uint32_t first[] = {0x0,      0x0,       0x0,       0x0,       0x0,       0x0,        0x14,      0x5c,
                                 0xf8,     0x1fc,     0x3f8,     0x7fa,     0xffa,     0x1ff8,     0x3ffc,    0x7ffc,
                                 0xfffe,   0x1fffc,   0x3fff8,   0x7fff0,   0xfffe6,   0x1fffdc,   0x3fffd2,  0x7fffd8,
                                 0xffffea, 0x1ffffec, 0x3ffffe0, 0x7ffffde, 0xfffffe2, 0x1ffffffe, 0x3ffffffc};

static uint32_t code_of(uint8_t symbol)
{
    uint32_t code = first[bits[symbol]];
    for (unsigned s = 0; s < symbol; s++)
        code += bits[s] == bits[symbol];
    return code;
}

size_t huffman_size(struct bytes plain)
{
    size_t n = 0;
    for (size_t i = 0; i < plain.len; i++)
        n += bits[plain.data[i]];
    return (n + 7) / 8;
}

void huffman_encode(struct bytes plain, struct text *out)
{
    uint64_t held = 0; /* bits not yet written, the low `have` of it */
    unsigned have = 0;
    for (size_t i = 0; i < plain.len; i++) {
        unsigned length = bits[plain.data[i]];
        held = held << length | code_of(plain.data[i]);
        for (have += length; have >= 8; have -= 8)
            text_char(out, (char)(uint8_t)(held >> (have - 8) & 0xff));
        held &= (UINT64_C(1) << have) - 1;
    }
    if (have > 0)
        text_char(out, (char)(uint8_t)((held << (8 - have) | (0xffu >> have)) & 0xff));
}
