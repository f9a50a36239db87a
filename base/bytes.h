/* A borrowed run of bytes: pointer and length, never owned, never NUL-terminated by contract. */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bytes {
    const uint8_t *data;
    size_t len;
};

#define BYTES(data_, len_) ((struct bytes){(const uint8_t *)(data_), (len_)})
#define BYTES_NONE         ((struct bytes){NULL, 0})

static inline struct bytes bytes_of(const char *text)
{
    return BYTES(text, strlen(text));
}

static inline bool bytes_equal(struct bytes a, struct bytes b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static inline bool bytes_is(struct bytes a, const char *text)
{
    return bytes_equal(a, bytes_of(text));
}

/* A hexadecimal digit's value, of either case; -1: it is none. */
static inline int bytes_hex_value(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

#endif
