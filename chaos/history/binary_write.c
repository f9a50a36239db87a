#include "chaos/history/binary.h"

#include "chaos/history/crc32c.h"
#include "chaos/history/events.h"
#include "chaos/history/file.h"
#include "wire/pb.h"

#include <string.h>

_Static_assert(OPERATION_FUNCTION_COUNT <= 2 * (BINARY_FUNCTION + 1), "a function has five bits");

struct writer {
    const struct history *history;
    struct text *out;
    uint64_t invoked, revision;
    int64_t values[BINARY_PLACES], others[BINARY_PLACES];
};

static void put(struct text *out, uint64_t value)
{
    uint8_t bytes[10];
    text_add(out, bytes, pb_varint_write(bytes, value));
}

static void put_difference(struct text *out, int64_t value, int64_t before)
{
    uint64_t d = (uint64_t)value - (uint64_t)before;
    put(out, d << 1 ^ (0 - (d >> 63)));
}

static void put_list(struct writer *w, const struct operation *o)
{
    size_t count, step = binary_list_step(o->function);
    const int64_t *items = history_list(w->history, o, &count);
    put(w->out, count);
    for (size_t i = 0; i < count; i++)
        put_difference(w->out, items[i], i >= step ? items[i - step] : 0);
}

/* Function and end, flags and what they say is there; `invoked` stands between, where it is wanted. */
static void put_operation(struct writer *w, size_t index, bool whole)
{
    const struct operation *o = &w->history->operations[index];
    uint64_t revision = history_revision(w->history, index);
    unsigned more = (o->other != VALUE_NIL ? BINARY_OTHER : 0U) | (o->list != 0 ? BINARY_LIST : 0U) |
                    (revision != 0 ? BINARY_REVISION : 0U) | (o->function > BINARY_FUNCTION ? BINARY_HIGH : 0U);
    text_char(w->out, (char)((o->function & BINARY_FUNCTION) | (unsigned)o->end << 4 |
                             (o->value != VALUE_NIL ? BINARY_VALUE : 0U) | (more != 0 ? BINARY_MORE : 0U)));
    if (more != 0)
        text_char(w->out, (char)more);
    if (whole) {
        put(w->out, (uint32_t)o->process);
        put(w->out, o->key);
        put(w->out, o->invoked - w->invoked);
        w->invoked = o->invoked;
    }
    if (o->end == END_OK || o->end == END_FAIL)
        put(w->out, o->ended - o->invoked);
    size_t place = o->key % BINARY_PLACES;
    if (o->value != VALUE_NIL) {
        put_difference(w->out, o->value, w->values[place]);
        w->values[place] = o->value;
    }
    if (o->other != VALUE_NIL) {
        put_difference(w->out, o->other, w->others[place]);
        w->others[place] = o->other;
    }
    if (o->list != 0)
        put_list(w, o);
    if (revision != 0) {
        put_difference(w->out, (int64_t)revision, (int64_t)w->revision);
        w->revision = revision;
    }
}

/* ---- blocks ---- */

static void put_names(struct text *out, const struct history *h, size_t *written, bool keys)
{
    size_t first = *written, last = first;
    const char *name;
    while ((keys ? history_key_name(h, (uint32_t)last) : history_text(h, VALUE_TEXT + (int64_t)last)) != NULL)
        last++;
    put(out, last - first);
    for (size_t i = first; i < last; i++) {
        name = keys ? history_key_name(h, (uint32_t)i) : history_text(h, VALUE_TEXT + (int64_t)i);
        put(out, strlen(name));
        text_puts(out, name);
    }
    *written = last;
}

/* Operations written as open that have ended since. */
static void put_ends(struct writer *w, struct history_binary *b)
{
    const struct history *h = w->history;
    size_t ended = 0, kept = 0, before = 0;
    for (size_t i = 0; i < b->open.count; i++)
        ended += h->operations[b->open.items[i]].end != END_OPEN;
    put(w->out, ended);
    for (size_t i = 0; i < b->open.count; i++) {
        size_t index = b->open.items[i];
        if (h->operations[index].end == END_OPEN) {
            b->open.items[kept++] = index;
            continue;
        }
        put(w->out, index - before);
        before = index;
        put_operation(w, index, false);
    }
    b->open.count = kept;
}

static void put_word(char *out, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        out[i] = (char)(value >> (8 * i) & 0xFF);
}

static int add_block(struct history_binary *b, const struct history *h, size_t end, struct text *out)
{
    struct writer w = {.history = h, .out = out};
    if (!b->begun)
        text_add(out, BINARY_MAGIC, BINARY_MAGIC_SIZE);
    b->begun = true;
    size_t head = out->len;
    text_add(out, "\0\0\0\0\0\0\0", BINARY_HEAD_SIZE);
    size_t payload = out->len;
    put_names(out, h, &b->keys, true);
    put_names(out, h, &b->texts, false);
    put_ends(&w, b);
    put(out, end - b->operations);
    for (; b->operations < end; b->operations++) {
        put_operation(&w, b->operations, true);
        if (h->operations[b->operations].end == END_OPEN && !array_push(&b->open, b->operations))
            return ERROR_MEMORY;
    }
    if (!text_ok(out))
        return ERROR_MEMORY;
    size_t len = out->len - payload;
    if (len > BINARY_BLOCK_MAX)
        return ERROR_LIMIT;
    put_word(out->data + head, (uint32_t)len);
    put_word(out->data + head + 4, crc32c((struct bytes){(const uint8_t *)out->data + payload, len}));
    return 0;
}

int history_binary_add(struct history_binary *b, const struct history *h, struct text *out)
{
    return add_block(b, h, h->count, out);
}

void history_binary_deinit(struct history_binary *b)
{
    array_deinit(&b->open);
    *b = (struct history_binary){0};
}

int history_write_binary(const struct history *h, struct text *out)
{
    struct history_binary b = {0};
    int code;
    do {
        size_t left = h->count - b.operations;
        code = add_block(&b, h, b.operations + (left < BINARY_BLOCK ? left : BINARY_BLOCK), out);
    } while (code == 0 && b.operations < h->count);
    history_binary_deinit(&b);
    return code;
}
