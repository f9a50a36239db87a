#include "fuzz/case/path.h"

#include "fuzz/case/case.h"
#include "fuzz/message/put.h"

#include <limits.h>

/* ---- the values of one field in one message ---- */

struct item {
    uint32_t number;
    uint8_t wire;
    size_t start, value, data, end; /* tag; behind it; behind the length, if there is one; behind it all */
};

/* Of the fields of the message at bytes[at, end), those with the step's number, element by element. */
struct walk {
    const uint8_t *bytes;
    size_t at, end;
    const struct pb_field *field;
    uint32_t number;
    struct item item;        /* the one found last */
    size_t packed, element;  /* where the next element of its run is; the one found last */
    size_t element_end;      /* of that element */
    bool in_run, is_element; /* more of a run may come; what was found is an element of one */
};

static size_t varint(const struct walk *w, size_t at, uint64_t *v)
{
    return pb_varint_read(BYTES(w->bytes + at, w->end - at), v);
}

/* False: nothing can be read at w->at, which stays. */
static bool read_item(struct walk *w, struct item *item)
{
    uint64_t v;
    size_t n = varint(w, w->at, &v);
    if (n == 0 || n > 5 || v > UINT32_MAX || v >> 3 == 0)
        return false;
    size_t at = w->at + n, size = 0;
    *item = (struct item){(uint32_t)(v >> 3), (uint8_t)(v & 7), w->at, at, at, at};
    switch (item->wire) {
    case WIRE_VARINT:
        if ((size = varint(w, at, &v)) == 0)
            return false;
        break;
    case WIRE_FIXED64:
    case WIRE_FIXED32:
        size = item->wire == WIRE_FIXED64 ? 8 : 4;
        break;
    case WIRE_BYTES:
        n = varint(w, at, &v);
        if (n == 0 || n > 5 || v > INT_MAX)
            return false;
        item->data = at + n;
        size = n + (size_t)v;
        break;
    case WIRE_GROUP:
    case WIRE_GROUP_END:
        break;
    default:
        return false;
    }
    if (size > w->end - at)
        return false;
    item->end = at + size;
    return true;
}

/* Past a group whose start was just read. Every group that decoders accept is within this depth. */
static bool skip_group(struct walk *w, uint32_t number)
{
    uint32_t open[PB_DEPTH_MAX];
    size_t depth = 0;
    open[depth++] = number;
    while (depth > 0) {
        struct item item;
        if (!read_item(w, &item))
            return false;
        w->at = item.end;
        if (item.wire == WIRE_GROUP && depth == PB_DEPTH_MAX)
            return false;
        if (item.wire == WIRE_GROUP)
            open[depth++] = item.number;
        else if (item.wire == WIRE_GROUP_END && open[--depth] != item.number)
            return false;
    }
    return true;
}

static void walk_start(struct walk *w, const uint8_t *bytes, size_t at, size_t end, const struct pb_type *type,
                       uint32_t number)
{
    *w = (struct walk){.bytes = bytes,
                       .at = at,
                       .end = end,
                       .field = type ? pb_field_by_number(type, number) : NULL,
                       .number = number};
}

/* The next element of the run of packed numbers that was found; an element that is cut ends it. */
static bool next_element(struct walk *w)
{
    uint64_t v;
    unsigned wire = fuzz_wire_type(w->field);
    size_t left = w->item.end - w->packed;
    size_t size = wire == WIRE_FIXED64   ? 8
                  : wire == WIRE_FIXED32 ? 4
                                         : pb_varint_read(BYTES(w->bytes + w->packed, left), &v);
    w->in_run = size > 0 && size <= left;
    if (!w->in_run)
        return false;
    w->element = w->packed;
    w->packed += size;
    w->element_end = w->packed;
    w->is_element = true;
    return true;
}

/* False at the end, or where nothing can be read any more: w->at says where that is. */
static bool walk_next(struct walk *w)
{
    if (w->in_run && next_element(w))
        return true;
    while (w->at < w->end) {
        struct item item;
        size_t start = w->at;
        if (!read_item(w, &item))
            return false;
        w->at = item.end;
        if (item.wire == WIRE_GROUP_END || (item.wire == WIRE_GROUP && !skip_group(w, item.number))) {
            w->at = start;
            return false;
        }
        if (item.number != w->number || item.wire == WIRE_GROUP)
            continue;
        w->item = item;
        w->is_element = false;
        if (!w->field || item.wire != WIRE_BYTES || !fuzz_is_packable(w->field))
            return true;
        w->packed = item.data;
        if (next_element(w))
            return true;
    }
    return false;
}

/* Of what it finds, the one the step means; of steps that mean several the next. `found` and `last` hold a copy, since
 * walking on is the only way to know that one was the last. */
static bool find(struct walk *w, struct fuzz_path_step step, uint32_t *seen, struct walk *found)
{
    bool any = false;
    while (walk_next(w)) {
        *found = *w;
        any = true;
        (*seen)++;
        if (step.index == FUZZ_PATH_NO_INDEX ? !w->field || w->field->repeated : *seen == step.index + 1)
            return true;
    }
    return any && step.index == FUZZ_PATH_NO_INDEX && w->field && !w->field->repeated;
}

static struct fuzz_value value_of(const struct walk *w)
{
    const struct pb_field *f = w->field;
    if (w->is_element)
        return (struct fuzz_value){.kind = f->kind,
                                   .wire = (uint8_t)fuzz_wire_type(f),
                                   .bytes = BYTES(w->bytes + w->element, w->element_end - w->element)};
    struct fuzz_value v = {.wire = w->item.wire, .bytes = BYTES(w->bytes + w->item.data, w->item.end - w->item.data)};
    if (f && w->item.wire == fuzz_wire_type(f)) {
        v.kind = f->kind;
        v.message = f->message;
    }
    return v;
}

/* What a value holds further fields: its type, which may be unknown. */
static bool is_message(const struct walk *w)
{
    return w->item.wire == WIRE_BYTES && (!w->field || w->field->kind == PB_MESSAGE);
}

static const struct pb_type *type_within(const struct walk *w)
{
    return w->field ? w->field->message : NULL;
}

/* ---- reading ---- */

size_t fuzz_path_get(const struct fuzz_path *p, const struct pb_type *type, struct bytes message,
                     struct fuzz_value *out, size_t max)
{
    struct walk walks[FUZZ_PATH_STEPS_MAX], found;
    uint32_t seen[FUZZ_PATH_STEPS_MAX] = {0};
    size_t depth = 0, count = 0;
    if (p->count == 0 && max > 0) {
        out[0] = (struct fuzz_value){.kind = PB_MESSAGE, .wire = WIRE_BYTES, .message = type, .bytes = message};
        return 1;
    }
    if (message.len == 0 || max == 0)
        return 0;
    walk_start(&walks[0], message.data, 0, message.len, type, p->steps[0].number);
    for (;;) {
        struct fuzz_path_step step = p->steps[depth];
        /* One with an index, or of a field that has but one, is looked for once. */
        bool once = step.index != FUZZ_PATH_NO_INDEX && seen[depth] > step.index;
        if (once || !find(&walks[depth], step, &seen[depth], &found)) {
            if (depth-- == 0)
                return count;
            continue;
        }
        if (depth + 1 == p->count) {
            out[count++] = value_of(&found);
            if (count == max)
                return count;
        } else if (is_message(&found)) {
            depth++;
            seen[depth] = 0;
            walk_start(&walks[depth], message.data, found.item.data, found.item.end, type_within(&found),
                       p->steps[depth].number);
        }
    }
}

/* ---- writing ---- */

/* A length-delimited piece around the place of the change. */
struct around {
    size_t value, data, end; /* its length stands at [value, data), its content at [data, end) */
};

struct change {
    struct around around[FUZZ_PATH_STEPS_MAX + 1];
    size_t depth;
    size_t at, end; /* bytes to be replaced */
};

static void enter(struct change *c, const struct walk *w)
{
    c->around[c->depth++] = (struct around){w->item.value, w->item.data, w->item.end};
}

/* The first value the step means, of which there may be several. */
static bool find_one(const uint8_t *bytes, size_t at, size_t end, const struct pb_type *type,
                     struct fuzz_path_step step, struct walk *found, size_t *readable)
{
    struct walk w;
    uint32_t seen = 0;
    walk_start(&w, bytes, at, end, type, step.number);
    *found = w;
    bool there = find(&w, step, &seen, found);
    *readable = w.at;
    return there;
}

static unsigned wire_for(const struct pb_field *f, const struct fuzz_value *v)
{
    return f ? fuzz_wire_type(f) : v->wire;
}

/* The value as the field holds it. */
static bool put_value(const struct pb_field *f, const struct fuzz_value *v, struct text *out)
{
    if (f)
        return fuzz_value_convert(v, f->kind, f->message, out);
    fuzz_put(out, v->bytes.data, v->bytes.len);
    return true;
}

/* The field with tag, and length where there is one; `packed`: a run of one element. */
static bool put_field(const struct pb_field *f, uint32_t number, const struct fuzz_value *v, struct text *out)
{
    bool packed = f && f->packed;
    unsigned wire = packed ? WIRE_BYTES : wire_for(f, v);
    fuzz_put_tag(out, number, wire);
    if (wire != WIRE_BYTES)
        return put_value(f, v, out);
    size_t mark = fuzz_open(out);
    bool done = put_value(f, v, out);
    fuzz_close(out, mark);
    return done;
}

/* Steps from `step` on, which are not there yet: messages within each other, then the value. */
static bool put_nested(const struct fuzz_path *p, uint32_t step, const struct pb_type *type, const struct fuzz_value *v,
                       struct text *out)
{
    size_t marks[FUZZ_PATH_STEPS_MAX];
    uint32_t i = step;
    for (; i + 1 < p->count; i++) {
        const struct pb_field *f = type ? pb_field_by_number(type, p->steps[i].number) : NULL;
        if (f && f->kind != PB_MESSAGE)
            return false;
        fuzz_put_tag(out, p->steps[i].number, WIRE_BYTES);
        marks[i] = fuzz_open(out);
        type = f ? f->message : NULL;
    }
    const struct pb_field *f = type ? pb_field_by_number(type, p->steps[i].number) : NULL;
    if (!put_field(f, p->steps[i].number, v, out))
        return false;
    while (i-- > step)
        fuzz_close(out, marks[i]);
    return true;
}

/* What is at the end of `out`, from `base`, is put in place of the change, with all lengths around it anew. */
static void embed(const struct change *c, struct bytes message, struct text *out, size_t base)
{
    size_t lengths[FUZZ_PATH_STEPS_MAX + 1];
    size_t content = out->len - base, plus = content, minus = c->end - c->at, before = c->at;
    for (size_t i = c->depth; i > 0; i--) {
        const struct around *a = &c->around[i - 1];
        size_t len = a->end - a->data + plus - minus, size = fuzz_varint_size(len);
        lengths[i - 1] = len;
        plus += size;
        minus += a->data - a->value;
        before = before + size - (a->data - a->value);
    }
    size_t tail = message.len - c->end, copied = 0;
    if (!text_reserve(out, before + tail))
        return;
    uint8_t *to = (uint8_t *)out->data + base;
    memmove(to + before, to, content);
    if (tail > 0)
        memcpy(to + before + content, message.data + c->end, tail);
    out->len = base + before + content + tail;
    out->data[out->len] = '\0';
    for (size_t i = 0; i < c->depth; i++) {
        memcpy(to, message.data + copied, c->around[i].value - copied);
        to += c->around[i].value - copied;
        to += pb_varint_write(to, lengths[i]);
        copied = c->around[i].data;
    }
    if (c->at > copied)
        memcpy(to, message.data + copied, c->at - copied);
}

int fuzz_path_put(const struct fuzz_path *p, const struct pb_type *type, struct bytes message,
                  const struct fuzz_value *v, struct text *out)
{
    static const uint8_t nothing[1];
    const uint8_t *bytes = message.len > 0 ? message.data : nothing;
    struct change c = {.at = 0, .end = message.len};
    size_t base = out->len, at = 0, end = message.len, readable;
    struct walk w;
    bool done;
    message.data = bytes;
    if (p->count == 0) {
        done = fuzz_value_convert(v, PB_MESSAGE, type, out);
    } else {
        uint32_t i = 0;
        bool there;
        while ((there = find_one(bytes, at, end, type, p->steps[i], &w, &readable)) && i + 1 < p->count) {
            if (!is_message(&w))
                return ERROR_INVALID;
            enter(&c, &w);
            at = w.item.data;
            end = w.item.end;
            type = type_within(&w);
            i++;
        }
        if (there && w.is_element) {
            enter(&c, &w);
            c.at = w.element;
            c.end = w.element_end;
            done = put_value(w.field, v, out);
        } else if (there) {
            c.at = w.item.start;
            c.end = w.item.end;
            done = put_nested(p, i, type, v, out);
        } else {
            c.at = c.end = readable;
            done = put_nested(p, i, type, v, out);
        }
    }
    int rc = 0;
    if (!text_ok(out))
        rc = ERROR_MEMORY;
    else if (!done)
        rc = ERROR_INVALID;
    else if (out->len - base + message.len + 10 * c.depth > FUZZ_CASE_BYTES_MAX)
        rc = ERROR_LIMIT;
    else
        embed(&c, message, out, base);
    if (rc == 0 && !text_ok(out))
        rc = ERROR_MEMORY;
    if (rc)
        text_truncate(out, base);
    return rc;
}
