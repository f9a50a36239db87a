#include "fakes/double/log.h"

#include <stdlib.h>

_Static_assert(sizeof(struct log_entry) == 8 && sizeof(struct log_chunk) % 8 == 0, "entries are aligned");

static uint8_t *entries_of(struct log_chunk *c)
{
    return (uint8_t *)(c + 1);
}

void log_unread(struct call_log *l)
{
    array_clear(&l->entries);
    l->read_chunk = NULL;
    l->read = 0;
}

void log_forget_first(struct call_log *l)
{
    struct log_chunk *c = l->first;
    for (size_t at = 0; at < c->used;) {
        const struct log_entry *e = (const void *)(entries_of(c) + at);
        l->forget(l->arg, e);
        at += log_entry_size(e->len);
    }
    l->first = c->next;
    if (l->first == NULL)
        l->last = NULL;
    l->bytes -= c->size;
    l->forgotten += c->calls;
    log_unread(l);
    free(c);
}

void log_forget(struct call_log *l)
{
    while (l->first != NULL)
        log_forget_first(l);
}

void log_deinit(struct call_log *l)
{
    log_forget(l);
    array_deinit(&l->entries);
}

bool log_grow(struct call_log *l, size_t need)
{
    size_t size = l->last == NULL ? LOG_CHUNK_MIN : l->last->size * 2;
    if (size > LOG_CHUNK_MAX)
        size = LOG_CHUNK_MAX;
    if (size < need)
        size = need;
    struct log_chunk *c = malloc(sizeof *c + size);
    if (c == NULL)
        return false;
    *c = (struct log_chunk){.size = size};
    if (l->last != NULL)
        l->last->next = c;
    else
        l->first = c;
    l->last = c;
    l->bytes += size;
    while (l->bytes > l->limit && l->first != c)
        log_forget_first(l);
    return true;
}

const struct log_entry *log_read(struct call_log *l, bool *failed)
{
    if (l->read_chunk == NULL)
        l->read_chunk = l->first;
    while (l->read_chunk != NULL && l->read == l->read_chunk->used && l->read_chunk->next != NULL) {
        l->read_chunk = l->read_chunk->next;
        l->read = 0;
    }
    if (l->read_chunk == NULL || l->read == l->read_chunk->used)
        return NULL;
    const struct log_entry *e = (const void *)((const uint8_t *)(l->read_chunk + 1) + l->read);
    if (!array_push(&l->entries, e)) {
        *failed = true;
        return NULL;
    }
    l->read += log_entry_size(e->len);
    return e;
}
