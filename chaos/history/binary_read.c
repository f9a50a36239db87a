#include "chaos/history/binary.h"

#include "chaos/history/crc32c.h"
#include "chaos/history/events.h"
#include "chaos/history/file.h"
#include "wire/pb.h"

#include <inttypes.h>
#include <string.h>

/* What is read of a block. Once `bad` is set, every further number is 0. */
struct cursor {
    struct bytes left;
    const char *bad; /* what is wrong; NULL: nothing */
};

struct reader {
    struct cursor c;
    struct history *history;
    size_t keys, texts;
    uint64_t invoked, revision;
    int64_t values[BINARY_PLACES], others[BINARY_PLACES];
    ARRAY(int64_t) items;
    int code; /* when it is not the file's fault */
};

static void spoil(struct cursor *c, const char *why)
{
    if (c->bad == NULL)
        c->bad = why;
    c->left.len = 0;
}

static uint64_t take(struct cursor *c)
{
    uint64_t value = 0;
    size_t n = pb_varint_read(c->left, &value);
    if (n == 0) {
        spoil(c, "a number is cut off");
        return 0;
    }
    c->left.data += n;
    c->left.len -= n;
    return value;
}

static uint8_t take_byte(struct cursor *c)
{
    if (c->left.len == 0) {
        spoil(c, "an operation is cut off");
        return 0;
    }
    c->left.len--;
    return *c->left.data++;
}

static uint64_t take_below(struct cursor *c, uint64_t limit, const char *why)
{
    uint64_t value = take(c);
    if (value < limit)
        return value;
    spoil(c, why);
    return 0;
}

static int64_t take_difference(struct cursor *c, int64_t before)
{
    uint64_t z = take(c);
    return (int64_t)((z >> 1 ^ (0 - (z & 1))) + (uint64_t)before);
}

/* ---- operations ---- */

static int64_t take_value(struct reader *r, int64_t before)
{
    int64_t value = take_difference(&r->c, before);
    bool known =
        value_is_text(value) ? value < VALUE_TEXT + (int64_t)r->texts : value == VALUE_NIL || value >= VALUE_TEXT_END;
    if (!known)
        spoil(&r->c, "a value is of a text that is not there");
    return value;
}

static void take_list(struct reader *r, int64_t index)
{
    uint64_t count = take_below(&r->c, HISTORY_LIST_MAX + 1, "a list is longer than the limit of 16777216");
    unsigned function = r->history->operations[index].function;
    size_t step = binary_list_step(function);
    array_clear(&r->items);
    for (uint64_t i = 0; i < count && r->c.bad == NULL && r->code == 0; i++)
        if (!array_push(&r->items, take_value(r, i >= step ? r->items.items[i - step] : 0)))
            r->code = ERROR_MEMORY;
    if (function == OPERATION_TXN && !operation_parts_valid(r->items.items, r->items.count))
        spoil(&r->c, "a transaction has a part that is neither a read nor a write");
    if (r->c.bad == NULL && r->code == 0)
        r->code = history_set_list(r->history, index, r->items.items, r->items.count);
}

/* The members behind process, key and invocation. */
static void take_members(struct reader *r, int64_t index, uint8_t head, uint8_t more)
{
    struct operation *o = &r->history->operations[index];
    enum operation_end end = head >> 4 & 3;
    if (end == END_OK || end == END_FAIL) {
        uint64_t duration = take(&r->c);
        if (duration >= TIME_NEVER - o->invoked)
            spoil(&r->c, "an operation ends before it begins");
        o->ended = o->invoked + duration;
    }
    o->end = (uint8_t)end;
    size_t place = o->key % BINARY_PLACES;
    if ((head & BINARY_VALUE) != 0)
        r->values[place] = o->value = take_value(r, r->values[place]);
    if ((more & BINARY_OTHER) != 0)
        r->others[place] = o->other = take_value(r, r->others[place]);
    if ((more & BINARY_LIST) != 0)
        take_list(r, index);
    if ((more & BINARY_REVISION) != 0) {
        r->revision = (uint64_t)take_difference(&r->c, (int64_t)r->revision);
        if (r->c.bad == NULL && r->code == 0)
            r->code = history_set_revision(r->history, index, r->revision);
    }
}

static uint8_t take_more(struct cursor *c, uint8_t head)
{
    uint8_t more = (head & BINARY_MORE) != 0 ? take_byte(c) : 0;
    if (more > (BINARY_OTHER | BINARY_LIST | BINARY_REVISION | BINARY_HIGH) || ((head & BINARY_MORE) != 0 && more == 0))
        spoil(c, "an operation has a flag that is not known");
    return more;
}

static unsigned function_of(uint8_t head, uint8_t more)
{
    return (head & BINARY_FUNCTION) + ((more & BINARY_HIGH) != 0 ? BINARY_FUNCTION + 1 : 0);
}

static void take_operation(struct reader *r)
{
    uint8_t head = take_byte(&r->c), more = take_more(&r->c, head);
    uint64_t process = take_below(&r->c, (uint64_t)INT32_MAX + 1, "a process is above the limit of 2147483647");
    uint64_t key = take_below(&r->c, (uint64_t)UINT32_MAX + 1, "a key is above the limit of 4294967295");
    uint64_t invoked = r->invoked + take(&r->c);
    unsigned function = function_of(head, more);
    if (function >= OPERATION_FUNCTION_COUNT)
        spoil(&r->c, "an operation has a function that is not known");
    if (invoked < r->invoked || invoked >= INT64_MAX)
        spoil(&r->c, "an operation is invoked before the one that stands before it");
    if (r->history->count >= HISTORY_OPERATIONS_MAX)
        spoil(&r->c, "there are more operations than the limit of 268435456");
    if (r->c.bad != NULL)
        return;
    r->invoked = invoked;
    int64_t index = history_invoke(r->history, (int32_t)process, function, (uint32_t)key, VALUE_NIL, invoked);
    if (index < 0)
        r->code = (int)index;
    else
        take_members(r, index, head, more);
}

static void take_end(struct reader *r, uint64_t *index, uint64_t known)
{
    uint64_t step = take(&r->c);
    uint8_t head = take_byte(&r->c), more = take_more(&r->c, head);
    if (step >= known || *index >= known - step)
        spoil(&r->c, "an operation ends that is not there");
    if (r->c.bad != NULL)
        return;
    *index += step;
    struct operation *o = &r->history->operations[*index];
    unsigned function = function_of(head, more);
    if (o->end != END_OPEN || (head >> 4 & 3) == END_OPEN)
        spoil(&r->c, "an operation ends that is not open");
    if (function >= OPERATION_FUNCTION_COUNT || (function != o->function && o->list != 0))
        spoil(&r->c, "an operation ends as another one than it can be");
    if (r->c.bad != NULL)
        return;
    /* An end says all of what the operation was: a change that was never sent is the read it began with. */
    o->function = (uint8_t)function;
    o->value = o->other = VALUE_NIL;
    take_members(r, (int64_t)*index, head, more);
}

/* ---- blocks ---- */

static void take_names(struct reader *r, size_t *known, bool keys)
{
    const char *why = NULL;
    struct history_events e = {.history = r->history};
    for (uint64_t count = take(&r->c); count > 0 && r->c.bad == NULL && r->code == 0; count--) {
        uint64_t len = take(&r->c);
        uint32_t key = 0;
        int64_t value = 0;
        if (len > r->c.left.len) {
            spoil(&r->c, "a name is cut off");
            return;
        }
        const char *name = (const char *)r->c.left.data;
        int code = keys ? events_key_name(&e, name, (size_t)len, &key, &why)
                        : events_text(&e, name, (size_t)len, &value, &why);
        if (code == ERROR_MEMORY)
            r->code = code;
        else if (code != 0 || (keys ? key : (uint64_t)(value - VALUE_TEXT)) != *known)
            spoil(&r->c, code != 0 ? why : "a name stands there twice");
        if (r->c.bad != NULL)
            return;
        ++*known;
        r->c.left.data += len;
        r->c.left.len -= (size_t)len;
    }
}

static void read_block(struct reader *r)
{
    uint64_t index = 0, known = r->history->count;
    /* Every block stands for itself. */
    uint64_t before = r->invoked;
    memset(r->values, 0, sizeof r->values);
    memset(r->others, 0, sizeof r->others);
    r->revision = 0;
    take_names(r, &r->keys, true);
    take_names(r, &r->texts, false);
    for (uint64_t count = take(&r->c); count > 0 && r->c.bad == NULL && r->code == 0; count--)
        take_end(r, &index, known);
    r->invoked = 0;
    for (uint64_t count = take(&r->c); count > 0 && r->c.bad == NULL && r->code == 0; count--) {
        take_operation(r);
        if (r->invoked < before)
            spoil(&r->c, "an operation is invoked before the one that stands before it");
    }
    if (r->history->count == known)
        r->invoked = before;
    if (r->c.bad == NULL && r->c.left.len > 0)
        spoil(&r->c, "something stands behind its operations");
}

static uint32_t word(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

int history_read_binary(struct bytes data, const char *name, struct history *out, size_t *cut, struct error *err)
{
    struct reader r = {.history = out};
    history_init(out);
    if (data.len < BINARY_MAGIC_SIZE || memcmp(data.data, BINARY_MAGIC, BINARY_MAGIC_SIZE - 1) != 0)
        return error_set(err, ERROR_SYNTAX, "%s: this is no binary history", name);
    if (data.data[BINARY_MAGIC_SIZE - 1] != BINARY_VERSION)
        return error_set(err, ERROR_UNSUPPORTED, "%s: a binary history of version %d: version %d is known", name,
                         data.data[BINARY_MAGIC_SIZE - 1], BINARY_VERSION);
    size_t at = BINARY_MAGIC_SIZE;
    int code = 0;
    while (code == 0 && data.len - at >= BINARY_HEAD_SIZE) {
        size_t len = word(data.data + at), behind = data.len - at - BINARY_HEAD_SIZE;
        if (len == 0 || len > behind) /* the end of a run that was killed: never written, or not wholly */
            break;
        struct bytes payload = {data.data + at + BINARY_HEAD_SIZE, len};
        bool whole = crc32c(payload) == word(data.data + at + 4);
        if (!whole && len == behind)
            break;
        r.c = (struct cursor){.left = payload};
        if (whole)
            read_block(&r);
        else
            r.c.bad = "its checksum is wrong: the file was damaged";
        if (r.code != 0)
            code = error_set(err, r.code, "%s: %s", name, error_code_name(r.code));
        else if (r.c.bad != NULL)
            code = error_set(err, ERROR_SYNTAX, "%s: the block at byte %zu: %s", name, at, r.c.bad);
        at += BINARY_HEAD_SIZE + len;
    }
    if (cut != NULL)
        *cut = data.len - at;
    array_deinit(&r.items);
    if (code != 0)
        history_deinit(out);
    return code;
}
