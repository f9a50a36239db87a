#include "wire/pb_to_json.h"

#include <stdarg.h>

#define INDENT "  "

int pb_write_fail(struct pb_to_json *c, const struct pb_path *path, const uint8_t *at, int code, const char *format,
                  ...)
{
    if (!c->err)
        return code;
    struct text message = TEXT_INIT;
    pb_path_print(path, &message);
    if (at && at >= c->start && at <= c->end)
        text_printf(&message, " at byte %zu", (size_t)(at - c->start));
    text_puts(&message, ": ");
    va_list args;
    va_start(args, format);
    text_vprintf(&message, format, args);
    va_end(args);
    error_set(c->err, code, "%s", text_ok(&message) ? text_string(&message) : "out of memory");
    text_deinit(&message);
    return code;
}

/* ---- layout of the text ---------------------------------------------------------------------------------------- */

static void new_line(struct pb_to_json *c)
{
    pb_put(c->out, "\n", 1);
    for (unsigned i = 0; i < c->indent; i++)
        pb_put(c->out, INDENT, sizeof INDENT - 1);
}

void pb_write_open(struct pb_to_json *c, char bracket)
{
    pb_put(c->out, &bracket, 1);
    c->indent++;
}

void pb_write_next(struct pb_to_json *c, bool first)
{
    if (!first)
        pb_put(c->out, ",", 1);
    if (c->flags & PB_JSON_INDENT)
        new_line(c);
}

void pb_write_close(struct pb_to_json *c, char bracket, bool empty)
{
    c->indent--;
    if ((c->flags & PB_JSON_INDENT) && !empty)
        new_line(c);
    pb_put(c->out, &bracket, 1);
}

void pb_write_space(struct pb_to_json *c)
{
    if (c->flags & PB_JSON_INDENT)
        pb_put(c->out, " ", 1);
}

static void write_key(struct pb_to_json *c, const struct pb_field *f)
{
    const struct pb_type_entry *owner = (const struct pb_type_entry *)(const void *)f->owner;
    struct bytes key = c->flags & PB_JSON_PROTO_NAMES ? owner->keys[f->index].proto : owner->keys[f->index].json;
    pb_put(c->out, key.data, key.len);
    pb_write_space(c);
}

/* ---- the index ------------------------------------------------------------------------------------------------- */

static int index_run(struct pb_to_json *c, const struct pb_type *t, struct bytes run, const struct pb_path *path,
                     size_t slots)
{
    struct pb_reader r = {run.data, run.data + run.len};
    if (run.len == 0)
        return 0;
    while (r.at < r.end) {
        struct pb_occurrence o = {.next = PB_NONE};
        const uint8_t *at = r.at;
        enum pb_fault fault = pb_item_next(&r, &o.item);
        if (!fault && o.item.wire == PB_WIRE_GROUP)
            fault = pb_group_skip(&r, o.item.number);
        else if (!fault && o.item.wire == PB_WIRE_GROUP_END)
            fault = PB_FAULT_GROUP;
        if (fault)
            return pb_write_fail(c, path, at, ERROR_SYNTAX, "%s", pb_fault_text(fault));
        const struct pb_field *f = pb_field_by_number(t, o.item.number);
        if (!f || (o.item.wire != pb_kind_wire(f->kind) &&
                   !(f->repeated && o.item.wire == PB_WIRE_BYTES && pb_is_packable(f->kind))))
            continue; /* unknown */
        if (o.item.wire == PB_WIRE_BYTES && o.item.data.len == 0 && pb_is_packable(f->kind))
            continue; /* packed, and no element in it */
        struct pb_slot *slot = &c->slots.items[slots + f->index];
        if (f->oneof >= 0) {
            struct pb_slot *set = &c->slots.items[slots + t->field_count + (size_t)f->oneof];
            if (set->first != PB_NONE && set->first != f->index)
                c->slots.items[slots + set->first] = (struct pb_slot){PB_NONE, PB_NONE};
            set->first = f->index;
        }
        uint32_t number = (uint32_t)c->occurrences.count;
        if (number == PB_NONE || !array_push(&c->occurrences, o))
            return pb_write_fail(c, path, at, ERROR_MEMORY, "out of memory");
        if (slot->first == PB_NONE)
            slot->first = number;
        else
            c->occurrences.items[slot->last].next = number;
        slot->last = number;
    }
    return 0;
}

int pb_index_message(struct pb_to_json *c, const struct pb_type *t, struct pb_content content,
                     const struct pb_path *path, struct pb_index *index)
{
    index->slots = c->slots.count;
    index->occurrences = c->occurrences.count;
    size_t need = t->field_count + t->oneof_count;
    if (!array_reserve(&c->slots, c->slots.count + need + 1))
        return pb_write_fail(c, path, NULL, ERROR_MEMORY, "out of memory");
    for (size_t i = 0; i < need; i++)
        c->slots.items[c->slots.count++] = (struct pb_slot){PB_NONE, PB_NONE};
    if (content.first == PB_NONE)
        return index_run(c, t, content.run, path, index->slots);
    int rc = 0;
    for (uint32_t i = content.first; !rc && i != PB_NONE; i = c->occurrences.items[i].next)
        rc = index_run(c, t, c->occurrences.items[i].item.data, path, index->slots);
    return rc;
}

void pb_index_drop(struct pb_to_json *c, struct pb_index index)
{
    c->slots.count = index.slots;
    c->occurrences.count = index.occurrences;
}

const struct pb_occurrence *pb_index_last(const struct pb_to_json *c, struct pb_index index, size_t field)
{
    uint32_t last = c->slots.items[index.slots + field].last;
    return last == PB_NONE ? NULL : &c->occurrences.items[last];
}

/* ---- messages -------------------------------------------------------------------------------------------------- */

int pb_write_submessage(struct pb_to_json *c, const struct pb_field *f, uint32_t first, const struct pb_path *path)
{
    if (c->depth == PB_DEPTH_MAX)
        return pb_write_fail(c, path, NULL, ERROR_LIMIT, "messages nest deeper than %d", PB_DEPTH_MAX);
    c->depth++;
    int rc = pb_write_message(c, f->message, (struct pb_content){.run = BYTES("", 0), .first = first}, path);
    c->depth--;
    return rc;
}

/* Whether a field without presence holds what an absent one would. */
static bool is_default(const struct pb_field *f, const struct pb_item *item)
{
    if (f->kind == PB_STRING || f->kind == PB_BYTES)
        return item->data.len == 0;
    if (f->kind == PB_BOOL || pb_kind_wire(f->kind) == PB_WIRE_FIXED64 || f->kind == PB_INT64 || f->kind == PB_UINT64 ||
        f->kind == PB_SINT64)
        return item->value == 0;
    return (uint32_t)item->value == 0;
}

/* 1: written, 0: nothing to write, negative: error. */
static int write_field(struct pb_to_json *c, const struct pb_field *f, struct pb_slot slot, bool first,
                       const struct pb_path *up)
{
    bool implicit = f->oneof < 0 && !f->optional && f->kind != PB_MESSAGE && !f->repeated;
    bool absent = slot.first == PB_NONE;
    struct pb_item item = {.data = BYTES("", 0)};
    if (!absent)
        item = c->occurrences.items[slot.last].item;
    if (implicit && !absent)
        absent = is_default(f, &item);
    bool shown_anyway = (c->flags & PB_JSON_DEFAULTS) && (implicit || f->repeated);
    if (absent && !shown_anyway)
        return 0;
    pb_write_next(c, first);
    write_key(c, f);
    int rc;
    struct pb_path path = {.up = up, .field = f, .index = PB_PATH_NO_INDEX};
    if (f->map)
        rc = pb_write_map(c, f, slot.first, up);
    else if (f->repeated)
        rc = pb_write_list(c, f, slot.first, up);
    else if (f->kind == PB_MESSAGE)
        rc = pb_write_submessage(c, f, slot.first, &path);
    else
        rc = pb_write_scalar(c, f, &item, &path);
    return rc ? rc : 1;
}

int pb_write_members(struct pb_to_json *c, const struct pb_type *t, struct pb_content content,
                     const struct pb_path *path, bool first)
{
    struct pb_index index;
    int rc = pb_index_message(c, t, content, path, &index);
    for (size_t i = 0; rc >= 0 && i < t->field_count; i++) {
        rc = write_field(c, &t->fields[i], c->slots.items[index.slots + i], first, path);
        if (rc > 0)
            first = false;
    }
    pb_index_drop(c, index);
    if (rc >= 0)
        pb_write_close(c, '}', first);
    return rc < 0 ? rc : 0;
}

int pb_write_message(struct pb_to_json *c, const struct pb_type *t, struct pb_content content,
                     const struct pb_path *path)
{
    if (t->known != PB_ORDINARY && t->known != PB_EMPTY && !(c->flags & PB_JSON_PLAIN))
        return pb_write_known(c, t, content, path);
    pb_write_open(c, '{');
    return pb_write_members(c, t, content, path, true);
}

/* ---- entry points ---------------------------------------------------------------------------------------------- */

int pb_wire_to_json(const struct pb_type *type, struct bytes wire, int flags, struct text *json, struct error *err)
{
    static const uint8_t nothing[1];
    if (wire.len == 0)
        wire.data = nothing;
    struct pb_to_json c = {.out = json, .flags = flags, .start = wire.data, .end = wire.data + wire.len, .err = err};
    struct pb_path root = {.root = type, .index = PB_PATH_NO_INDEX};
    size_t before = json->len;
    int rc = pb_write_message(&c, type, (struct pb_content){.run = wire, .first = PB_NONE}, &root);
    if (!rc && !text_ok(json))
        rc = pb_write_fail(&c, &root, NULL, ERROR_MEMORY, "out of memory");
    if (rc)
        text_truncate(json, before);
    array_deinit(&c.occurrences);
    array_deinit(&c.slots);
    array_deinit(&c.keys);
    return rc;
}

json_t *pb_wire_to_tree(const struct pb_type *type, struct bytes wire, int flags, struct error *err)
{
    struct text json = TEXT_INIT;
    json_t *tree = NULL;
    if (pb_wire_to_json(type, wire, flags & ~PB_JSON_INDENT, &json, err) == 0) {
        json_error_t fault = {0};
        tree = json_loadb(text_string(&json), json.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, &fault);
        if (!tree && json_error_code(&fault) == json_error_null_byte_in_key)
            error_set(err, ERROR_UNSUPPORTED, "%s: a map key holds a NUL, which no key of a JSON tree can",
                      type->full_name);
        else if (!tree) /* the text is ours and well formed, so nothing else can go wrong */
            error_set(err, ERROR_MEMORY, "%s: out of memory", type->full_name);
    }
    text_deinit(&json);
    return tree;
}
