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

/* A letter's value plus one in the standard alphabet, 0: none. */
static const uint8_t letter_values[256] = {
    ['A'] = 1,  ['B'] = 2,  ['C'] = 3,  ['D'] = 4,  ['E'] = 5,  ['F'] = 6,  ['G'] = 7,  ['H'] = 8,
    ['I'] = 9,  ['J'] = 10, ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16,
    ['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21, ['V'] = 22, ['W'] = 23, ['X'] = 24,
    ['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28, ['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32,
    ['g'] = 33, ['h'] = 34, ['i'] = 35, ['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40,
    ['o'] = 41, ['p'] = 42, ['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48,
    ['w'] = 49, ['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56,
    ['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62, ['+'] = 63, ['/'] = 64,
};

static int value_of(uint8_t c, unsigned taken)
{
    if (taken & BASE64_URL && (c == '-' || c == '_'))
        return c == '-' ? 62 : 63;
    return letter_values[c] - 1;
}

/* As many whole groups of four plain letters as there are in front; returns the bytes they took. */
static size_t read_groups(char **to, struct bytes in)
{
    size_t i = 0;
    for (char *out = *to; i + 4 <= in.len; i += 4, *to = out) {
        const uint8_t a = letter_values[in.data[i]], b = letter_values[in.data[i + 1]],
                      c = letter_values[in.data[i + 2]], d = letter_values[in.data[i + 3]];
        if (!a || !b || !c || !d)
            break;
        uint32_t bits = (a - 1U) << 18 | (b - 1U) << 12 | (c - 1U) << 6 | (d - 1U);
        *out++ = (char)(uint8_t)(bits >> 16);
        *out++ = (char)(uint8_t)(bits >> 8 & 0xff);
        *out++ = (char)(uint8_t)(bits & 0xff);
    }
    return i;
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
    for (size_t i = letters = read_groups(&to, in); fine && i < in.len; i++) {
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
