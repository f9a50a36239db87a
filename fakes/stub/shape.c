#include "fakes/stub/shape.h"

#include <stdio.h>
#include <string.h>

/* ---- plans ---- */

static bool grow(struct arena *a, void **items, size_t *capacity, size_t count, size_t size)
{
    if (count < *capacity)
        return true;
    size_t wanted = *capacity > 0 ? *capacity * 2 : 4;
    void *larger = arena_alloc_n(a, wanted, size);
    if (larger == NULL)
        return false;
    if (count > 0)
        memcpy(larger, *items, count * size);
    *items = larger;
    *capacity = wanted;
    return true;
}

static struct shape *shape_new(struct plan *p, const struct pb_type *type, const char *path)
{
    struct shape *s = ARENA_NEW(p->arena, struct shape);
    if (s == NULL || path == NULL)
        return NULL;
    s->type = type;
    s->path = path;
    return s;
}

bool plan_init(struct plan *p, struct arena *arena, const struct pb_type *type, const char *path)
{
    *p = (struct plan){.arena = arena};
    p->root = shape_new(p, type, arena_string(arena, path));
    return p->root != NULL;
}

int plan_slot(struct plan *p, const struct pb_field *f, const char *path)
{
    if (p->count == PLAN_SLOTS_MAX)
        return -2;
    if (path == NULL || !grow(p->arena, (void **)&p->slots, &p->capacity, p->count, sizeof *p->slots))
        return -1;
    p->slots[p->count] = (struct slot_info){.field = f, .path = path};
    return (int)p->count++;
}

static size_t position(const struct shape *s, uint32_t number)
{
    size_t at = 0;
    while (at < s->count && s->watches[at].field->number < number)
        at++;
    return at;
}

static struct shape_watch *watch_get(struct plan *p, struct shape *s, const struct pb_field *f)
{
    size_t at = position(s, f->number);
    if (at < s->count && s->watches[at].field == f)
        return &s->watches[at];
    if (!grow(p->arena, (void **)&s->watches, &s->capacity, s->count, sizeof *s->watches))
        return NULL;
    memmove(&s->watches[at + 1], &s->watches[at], (s->count - at) * sizeof *s->watches);
    s->watches[at] = (struct shape_watch){.field = f, .slot = -1};
    s->count++;
    s->low |= UINT64_C(1) << (f->number < 64 ? f->number : 0);
    return &s->watches[at];
}

/* A member of a oneof is unset by every other one, which must be seen for that. */
static struct shape_watch *watch_with_oneof(struct plan *p, struct shape *s, const struct pb_field *f)
{
    for (size_t i = 0; f->oneof >= 0 && i < s->type->field_count; i++)
        if (s->type->fields[i].oneof == f->oneof && watch_get(p, s, &s->type->fields[i]) == NULL)
            return NULL;
    return watch_get(p, s, f);
}

static const char *path_below(struct plan *p, const struct shape *s, const struct pb_field *f)
{
    return arena_printf(p->arena, "%s%s%s", s->path, s->path[0] != '\0' ? "." : "", f->name);
}

int plan_watch(struct plan *p, struct shape *s, const struct pb_field *f)
{
    struct shape_watch *w = watch_with_oneof(p, s, f);
    if (w == NULL)
        return -1;
    if (w->slot < 0) {
        int slot = plan_slot(p, f, path_below(p, s, f));
        if (slot < 0)
            return slot;
        w->slot = slot;
    }
    return w->slot;
}

struct shape *plan_enter(struct plan *p, struct shape *s, const struct pb_field *f)
{
    struct shape_watch *w = watch_with_oneof(p, s, f);
    if (w != NULL && w->child == NULL)
        w->child = shape_new(p, f->message, path_below(p, s, f));
    return w != NULL ? w->child : NULL;
}

/* ---- scans ---- */

void scan_deinit(struct scan *s)
{
    array_deinit(&s->slots);
    array_deinit(&s->occurrences);
}

size_t scan_open(struct scan *s, const struct plan *p)
{
    size_t base = s->slots.count;
    if (!array_reserve(&s->slots, base + p->count)) {
        s->failed = true;
        return SIZE_MAX;
    }
    for (size_t i = 0; i < p->count; i++)
        s->slots.items[base + i] = (struct slot){.first = SCAN_NONE, .last = SCAN_NONE};
    s->slots.count += p->count;
    return base;
}

void scan_close(struct scan *s, size_t base, size_t occurrences)
{
    s->slots.count = base;
    s->occurrences.count = occurrences;
}

bool scan_append(struct scan *s, struct slot *slot, struct value v, bool packed)
{
    uint32_t at = (uint32_t)s->occurrences.count;
    struct occurrence o = {.value = v, .next = SCAN_NONE, .packed = packed};
    if (at == SCAN_NONE || !array_push(&s->occurrences, o)) {
        s->failed = true;
        return false;
    }
    if (slot->last != SCAN_NONE)
        s->occurrences.items[slot->last].next = at;
    else
        slot->first = at;
    slot->last = at;
    slot->present = true;
    slot->value = v;
    return true;
}

/* Depth is bounded by the plan's. */
static void forget(struct scan *s, size_t base, const struct shape_watch *w)
{
    if (w->slot >= 0)
        s->slots.items[base + (size_t)w->slot] = (struct slot){.first = SCAN_NONE, .last = SCAN_NONE};
    for (size_t i = 0; w->child != NULL && i < w->child->count; i++)
        forget(s, base, &w->child->watches[i]);
}

static void forget_oneof(struct scan *s, size_t base, const struct shape *shape, const struct pb_field *winner)
{
    for (size_t i = 0; i < shape->count; i++)
        if (shape->watches[i].field->oneof == winner->oneof && shape->watches[i].field != winner)
            forget(s, base, &shape->watches[i]);
}

static bool take(struct scan *s, size_t base, const struct shape *shape, const struct shape_watch *w,
                 const struct pb_item *item)
{
    const struct pb_field *f = w->field;
    struct slot *slot = w->slot >= 0 ? &s->slots.items[base + (size_t)w->slot] : NULL;
    struct value v;
    if (f->repeated && item->wire == PB_WIRE_BYTES && pb_is_packable(f->kind))
        return slot == NULL || item->data.len == 0 || scan_append(s, slot, (struct value){.bytes = item->data}, true);
    if (!value_of_item(f, item, &v))
        return true;
    if (f->oneof >= 0)
        forget_oneof(s, base, shape, f);
    if (slot != NULL && (f->repeated || f->kind == PB_MESSAGE)) {
        if (!scan_append(s, slot, v, false))
            return false;
    } else if (slot != NULL) {
        slot->value = v;
        slot->present = value_has_presence(f) || !value_is_default(f, v);
    }
    return w->child == NULL || scan_message(s, base, w->child, v.bytes);
}

/* Depth is bounded by the plan's. */
bool scan_message(struct scan *s, size_t base, const struct shape *shape, struct bytes message)
{
    if (message.len == 0)
        return true;
    struct pb_reader r = {message.data, message.data + message.len};
    size_t guess = 0;
    while (r.at < r.end) {
        struct pb_item item;
        if (pb_item_next(&r, &item) != PB_FAULT_NONE || item.wire == PB_WIRE_GROUP_END)
            return false;
        if (item.wire == PB_WIRE_GROUP) {
            if (pb_group_skip(&r, item.number) != PB_FAULT_NONE)
                return false;
            continue;
        }
        if ((shape->low >> (item.number < 64 ? item.number : 0) & 1) == 0)
            continue;
        if (guess >= shape->count || shape->watches[guess].field->number != item.number)
            guess = position(shape, item.number);
        if (guess < shape->count && shape->watches[guess].field->number == item.number) {
            if (!take(s, base, shape, &shape->watches[guess], &item))
                return false;
            guess += !shape->watches[guess].field->repeated;
        }
    }
    return true;
}

/* ---- what a chain holds ---- */

struct cursor cursor_of(const struct scan *s, const struct pb_field *f, const struct slot *slot)
{
    return (struct cursor){.scan = s, .field = f, .at = slot->first};
}

static bool packed_next(struct cursor *c, struct value *out)
{
    enum pb_wire_type wire = pb_kind_wire(c->field->kind);
    uint64_t raw = 0;
    size_t n = wire == PB_WIRE_FIXED32 ? 4 : wire == PB_WIRE_FIXED64 ? 8 : 0;
    if (n == 0)
        n = pb_varint_get(c->packed.data, c->packed.data + c->packed.len, &raw);
    else if (n <= c->packed.len)
        raw = n == 4 ? pb_fixed32_get(c->packed.data) : pb_fixed64_get(c->packed.data);
    if (n == 0 || n > c->packed.len) {
        c->packed = BYTES_NONE; /* it ends in the middle of a number */
        return false;
    }
    c->packed = BYTES(c->packed.data + n, c->packed.len - n);
    *out = (struct value){.bits = value_bits(c->field->kind, raw)};
    return true;
}

bool cursor_next(struct cursor *c, struct value *out)
{
    for (;;) {
        if (c->packed.len > 0 && packed_next(c, out))
            return true;
        if (c->at == SCAN_NONE)
            return false;
        const struct occurrence *o = &c->scan->occurrences.items[c->at];
        c->at = o->next;
        if (!o->packed) {
            *out = o->value;
            return true;
        }
        c->packed = o->value.bytes;
    }
}

size_t cursor_count(struct cursor c)
{
    struct value v;
    size_t count = 0;
    while (cursor_next(&c, &v))
        count++;
    return count;
}

bool entry_read(const struct pb_type *entry, struct bytes content, struct value *key, struct value *value)
{
    *key = *value = (struct value){0};
    if (content.len == 0)
        return true;
    struct pb_reader r = {content.data, content.data + content.len};
    while (r.at < r.end) {
        struct pb_item item;
        if (pb_item_next(&r, &item) != PB_FAULT_NONE || item.wire == PB_WIRE_GROUP_END)
            return false;
        if (item.wire == PB_WIRE_GROUP) {
            if (pb_group_skip(&r, item.number) != PB_FAULT_NONE)
                return false;
            continue;
        }
        struct value v;
        if (item.number <= 2 && value_of_item(&entry->fields[item.number - 1], &item, &v))
            *(item.number == 1 ? key : value) = v;
    }
    return true;
}
