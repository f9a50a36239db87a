/* The calls a double has had: an append-only log in chunks.
 *
 * An entry is a head of eight bytes and its payload, rounded up to eight: the request's wire bytes, or a pointer to a
 * held record (internal.h) for calls that are answered later, come in streams, or carry more than their bytes. Its
 * place in the log is its sequence number, so neither that nor the index among its method's calls is stored; reading
 * builds a directory, from where the last reading ended. Chunks double from LOG_CHUNK_MIN to LOG_CHUNK_MAX; past the
 * limit the oldest go, and their calls are forgotten but stay counted.
 *
 * The double's lock guards all of it. */
#ifndef FAKES_DOUBLE_LOG_H
#define FAKES_DOUBLE_LOG_H

#include "base/array.h"
#include "base/bytes.h"

#include <stdint.h>

#define LOG_CHUNK_MIN ((size_t)1 << 10)
#define LOG_CHUNK_MAX ((size_t)256 << 10)

struct log_entry {
    uint32_t len; /* of the payload */
    uint16_t method;
    int8_t status; /* of an entry whose payload is the request */
    bool held;     /* the payload is a struct fake_record * */
};

struct log_chunk {
    struct log_chunk *next;
    size_t size, used; /* bytes of entries */
    int64_t calls;
};

struct call_log {
    struct log_chunk *first, *last;
    size_t bytes;                                         /* of all chunks */
    size_t limit;                                         /* bytes */
    int64_t forgotten;                                    /* calls that were in chunks that went */
    void (*forget)(void *arg, const struct log_entry *e); /* told of every entry that goes */
    void *arg;
    /* the directory: entries from number `forgotten` on, as far as it was read */
    ARRAY(const struct log_entry *) entries;
    const struct log_chunk *read_chunk;
    size_t read;
};

void log_forget_first(struct call_log *l);      /* the oldest chunk; there is one. `forgotten` counts its calls */
void log_forget(struct call_log *l);            /* all of them */
void log_deinit(struct call_log *l);            /* and gives the memory back */
bool log_grow(struct call_log *l, size_t need); /* a chunk with that much room; false: no memory */
static inline size_t log_entry_size(size_t len)
{
    return sizeof(struct log_entry) + ((len + 7) & ~(size_t)7);
}
/* An entry with room for its payload. NULL: no memory. */
static inline struct log_entry *log_add(struct call_log *l, size_t len)
{
    size_t size = log_entry_size(len);
    if (len > UINT32_MAX || ((l->last == NULL || l->last->size - l->last->used < size) && !log_grow(l, size)))
        return NULL;
    struct log_entry *e = (void *)((uint8_t *)(l->last + 1) + l->last->used);
    l->last->used += size;
    l->last->calls++;
    e->len = (uint32_t)len;
    return e;
}
static inline void *log_payload(struct log_entry *e)
{
    return e + 1;
}
static inline const void *log_payload_of(const struct log_entry *e)
{
    return e + 1;
}
/* Entries the directory does not hold yet, oldest first; NULL: none is left, or (`*failed`) no memory to note one. */
const struct log_entry *log_read(struct call_log *l, bool *failed);
void log_unread(struct call_log *l); /* the directory begins anew */

#endif
