/* Bytes as bytes: a few small operations one after the other, as AFL++'s havoc stage does, on a copy in place. */
#include "fuzz/message/mutate_internal.h"

#define OPERATIONS_MAX 8
#define BLOCK_MAX      64 /* bytes inserted or copied, mostly */

struct buffer {
    struct random *r;
    struct bytes other;
    uint8_t *at;
    size_t len, max;
};

static size_t any(struct buffer *b)
{
    return (size_t)random_below(b->r, b->len);
}

/* Room for `n` bytes at `at`, as far as there is some. */
static size_t make_room(struct buffer *b, size_t at, size_t n)
{
    if (n > b->max - b->len)
        n = b->max - b->len;
    memmove(b->at + at + n, b->at + at, b->len - at);
    b->len += n;
    return n;
}

static size_t block(struct buffer *b, size_t limit)
{
    uint64_t n = 1 + random_below(b->r, random_below(b->r, 8) ? 8 : BLOCK_MAX);
    return n < limit ? (size_t)n : limit;
}

static void flip_bit(struct buffer *b)
{
    size_t at = any(b);
    b->at[at] = (uint8_t)(b->at[at] ^ 1U << random_below(b->r, 8));
}

static void set_byte(struct buffer *b)
{
    b->at[any(b)] = (uint8_t)random_below(b->r, 256);
}

static void interesting_byte(struct buffer *b)
{
    /* Ends of varints, tags of every wire type, lengths, ASCII and UTF-8 oddities. */
    static const uint8_t values[] = {0x00, 0x01, 0x7F, 0x80, 0x81, 0xFF, 0xFE, 0x08, 0x09, 0x0A, 0x0B,
                                     0x0C, 0x0D, 0x0E, 0x12, 0x1A, 0xC0, 0xED, 0xF4, 0xF8, 0x20, 0x2F};
    b->at[any(b)] = values[random_below(b->r, sizeof values)];
}

static void arithmetic(struct buffer *b)
{
    size_t width = (size_t)1 << random_below(b->r, 4);
    if (b->len < width)
        width = 1;
    size_t at = (size_t)random_below(b->r, b->len - width + 1);
    bool big = random_below(b->r, 2) == 0;
    uint64_t v = 0;
    for (size_t i = 0; i < width; i++)
        v |= (uint64_t)b->at[at + i] << 8 * (big ? width - 1 - i : i);
    v += random_below(b->r, 71) - 35;
    for (size_t i = 0; i < width; i++)
        b->at[at + i] = (uint8_t)(v >> 8 * (big ? width - 1 - i : i));
}

static void delete_block(struct buffer *b)
{
    size_t at = any(b), n = block(b, b->len - at);
    memmove(b->at + at, b->at + at + n, b->len - at - n);
    b->len -= n;
}

static void insert_run(struct buffer *b)
{
    size_t at = (size_t)random_below(b->r, b->len + 1), n = make_room(b, at, block(b, BLOCK_MAX));
    if (random_below(b->r, 2))
        memset(b->at + at, (int)random_below(b->r, 256), n);
    else
        random_bytes(b->r, b->at + at, n);
}

static void copy_block(struct buffer *b)
{
    uint8_t held[BLOCK_MAX];
    size_t from = any(b), n = block(b, b->len - from), to = (size_t)random_below(b->r, b->len + 1);
    memcpy(held, b->at + from, n);
    if (random_below(b->r, 2))
        n = make_room(b, to, n);
    else if (n > b->len - to)
        n = b->len - to;
    memcpy(b->at + to, held, n);
}

/* A piece of the other message, put in or laid over. */
static void splice(struct buffer *b)
{
    if (b->other.len == 0)
        return;
    size_t from = (size_t)random_below(b->r, b->other.len), to = (size_t)random_below(b->r, b->len + 1);
    size_t n = 1 + (size_t)random_below(b->r, b->other.len - from);
    if (random_below(b->r, 2))
        n = make_room(b, to, n);
    else if (n > b->len - to)
        n = b->len - to;
    memcpy(b->at + to, b->other.data + from, n);
}

void mutate_havoc(struct random *r, struct bytes input, struct bytes other, size_t max, struct text *out)
{
    static void (*const operations[])(struct buffer * b) = {
        flip_bit,   flip_bit,     set_byte,   interesting_byte, interesting_byte,
        arithmetic, delete_block, insert_run, copy_block,       splice,
    };
    size_t base = out->len, len = input.len < max ? input.len : max;
    /* Nothing grows by more than this. */
    size_t grow = OPERATIONS_MAX * (BLOCK_MAX + other.len);
    size_t room = max - len < grow ? max : len + grow;
    if (!text_reserve(out, room))
        return;
    struct buffer b = {r, other, (uint8_t *)out->data + base, len, room};
    if (len > 0)
        memcpy(b.at, input.data, len);
    for (uint64_t n = (uint64_t)1 << random_below(r, 4); n > 0; n--)
        if (b.len == 0)
            insert_run(&b);
        else
            operations[random_below(r, sizeof operations / sizeof operations[0])](&b);
    if (bytes_equal(BYTES(b.at, b.len), input)) {
        if (b.len > 0)
            flip_bit(&b);
        else
            insert_run(&b);
    }
    out->len = base + b.len;
    out->data[out->len] = '\0';
}
