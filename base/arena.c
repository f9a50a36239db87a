#include "base/arena.h"

#include "base/text.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct arena_block {
    struct arena_block *next;
    size_t capacity, used; /* bytes of data */
    int own;               /* holds one large request and nothing else */
    alignas(max_align_t) unsigned char data[];
};

static size_t round_up(size_t size)
{
    size_t unit = alignof(max_align_t);
    return (size + unit - 1) / unit * unit;
}

static struct arena_block *block_new(size_t capacity)
{
    if (capacity > SIZE_MAX - sizeof(struct arena_block))
        return NULL;
    struct arena_block *b = malloc(sizeof *b + capacity);
    if (b)
        *b = (struct arena_block){.capacity = capacity};
    return b;
}

/* Not zeroed: a block is touched as far as it is used, and no further. */
static void *take(struct arena *a, size_t size)
{
    if (size > SIZE_MAX / 2)
        return NULL;
    size = round_up(size ? size : 1);
    if (a->limit && (a->used > a->limit || size > a->limit - a->used))
        return NULL;
    struct arena_block *head = a->blocks;
    if (!head || head->own || size > head->capacity - head->used) {
        size_t capacity = head && !head->own ? head->capacity * 2 : ARENA_BLOCK_MIN;
        if (capacity > ARENA_BLOCK_MAX)
            capacity = ARENA_BLOCK_MAX;
        int own = size > capacity / 2;
        struct arena_block *b = block_new(own ? size : capacity);
        if (!b)
            return NULL;
        b->own = own;
        if (own && head && !head->own) {
            /* Behind the newest: its room is still good for small requests. */
            b->next = head->next;
            head->next = b;
        } else {
            b->next = head;
            a->blocks = b;
        }
        head = b;
    }
    void *data = head->data + head->used;
    head->used += size;
    a->used += size;
    return data;
}

void *arena_alloc(struct arena *a, size_t size)
{
    void *data = take(a, size);
    return data ? memset(data, 0, size) : NULL;
}

void *arena_alloc_n(struct arena *a, size_t n, size_t size)
{
    if (size && n > SIZE_MAX / size)
        return NULL;
    return arena_alloc(a, n * size);
}

void *arena_copy(struct arena *a, const void *data, size_t size)
{
    void *copy = take(a, size);
    if (copy && size)
        memcpy(copy, data, size);
    return copy;
}

char *arena_string(struct arena *a, const char *string)
{
    return string ? arena_copy(a, string, strlen(string) + 1) : NULL;
}

char *arena_string_n(struct arena *a, const char *data, size_t len)
{
    if (len == SIZE_MAX)
        return NULL;
    char *copy = take(a, len + 1);
    if (copy && len)
        memcpy(copy, data, len);
    if (copy)
        copy[len] = '\0';
    return copy;
}

char *arena_printf(struct arena *a, const char *format, ...)
{
    struct text t = TEXT_INIT;
    va_list args;
    va_start(args, format);
    text_vprintf(&t, format, args);
    va_end(args);
    char *copy = text_ok(&t) ? arena_string_n(a, text_string(&t), t.len) : NULL;
    text_deinit(&t);
    return copy;
}

void arena_reset(struct arena *a)
{
    struct arena_block *keep = a->blocks;
    if (keep && !keep->own) {
        a->blocks = keep->next;
        keep->used = 0;
        keep->next = NULL;
    } else {
        keep = NULL;
    }
    arena_deinit(a);
    a->blocks = keep;
}

void arena_deinit(struct arena *a)
{
    struct arena_block *b = a->blocks;
    while (b) {
        struct arena_block *next = b->next;
        free(b);
        b = next;
    }
    a->blocks = NULL;
    a->used = 0; /* the limit stays */
}
