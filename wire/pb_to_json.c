#include "wire/pb_to_json.h"

#include "wire/pb_base64.h"
#include "wire/pb_number.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>

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

static void write_space(struct pb_to_json *c)
{
    if (c->flags & PB_JSON_INDENT)
        pb_put(c->out, " ", 1);
}

static void write_key(struct pb_to_json *c, const struct pb_field *f)
{
    const struct pb_type_entry *owner = (const struct pb_type_entry *)(const void *)f->owner;
    struct bytes key = c->flags & PB_JSON_PROTO_NAMES ? owner->keys[f->index].proto : owner->keys[f->index].json;
    pb_put(c->out, key.data, key.len);
    write_space(c);
}

/* ---- the index ------------------------------------------------------------------------------------------------- */

static bool is_packable(enum pb_kind kind)
{
    return kind != PB_STRING && kind != PB_BYTES && kind != PB_MESSAGE;
}

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
                   !(f->repeated && o.item.wire == PB_WIRE_BYTES && is_packable(f->kind))))
            continue; /* unknown */
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

/* ---- scalars --------------------------------------------------------------------------------------------------- */

int pb_write_string(struct pb_to_json *c, struct bytes s, const struct pb_path *path)
{
    size_t fault = pb_text_fault(s, false);
    if (fault)
        return pb_write_fail(c, path, s.data + fault - 1, ERROR_INVALID, "a string is not valid UTF-8");
    pb_put(c->out, "\"", 1);
    size_t from = 0;
    for (size_t i = 0; i < s.len; i++) {
        uint8_t ch = s.data[i];
        if (ch >= 0x20 && ch != '"' && ch != '\\' && ch != 0x7f)
            continue;
        pb_put(c->out, s.data + from, i - from);
        from = i + 1;
        static const char plain[] = "\"\"\\\\\bb\ff\nn\rr\tt";
        const char *known = ch ? memchr(plain, ch, sizeof plain - 1) : NULL;
        /* Even places hold the character, odd ones its letter. */
        while (known && (known - plain) % 2 != 0)
            known = memchr(known + 1, ch, (size_t)(plain + sizeof plain - 1 - (known + 1)));
        if (known) {
            char escape[2] = {'\\', known[1]};
            pb_put(c->out, escape, 2);
        } else {
            static const char hex[] = "0123456789abcdef";
            char escape[6] = {'\\', 'u', '0', '0', hex[ch >> 4], hex[ch & 15]};
            pb_put(c->out, escape, 6);
        }
    }
    if (s.len > from)
        pb_put(c->out, s.data + from, s.len - from);
    pb_put(c->out, "\"", 1);
    return 0;
}

static void put_quoted(struct pb_to_json *c, const char *number, size_t len)
{
    pb_put(c->out, "\"", 1);
    pb_put(c->out, number, len);
    pb_put(c->out, "\"", 1);
}

static void write_floating(struct pb_to_json *c, enum pb_kind kind, uint64_t bits)
{
    char buffer[PB_NUMBER_MAX];
    double d;
    float f = 0;
    if (kind == PB_FLOAT) {
        uint32_t low = (uint32_t)bits;
        memcpy(&f, &low, sizeof f);
        d = (double)f;
    } else {
        memcpy(&d, &bits, sizeof d);
    }
    if (isnan(d))
        pb_put(c->out, "\"NaN\"", 5);
    else if (isinf(d))
        put_quoted(c, d < 0 ? "-Infinity" : "Infinity", d < 0 ? 9 : 8);
    else
        pb_put(c->out, buffer, kind == PB_FLOAT ? pb_number_print_float(f, buffer) : pb_number_print_double(d, buffer));
}

static void write_enum(struct pb_to_json *c, const struct pb_enum *e, int32_t number)
{
    if (pb_enum_is_null(e)) {
        pb_put(c->out, "null", 4);
        return;
    }
    const struct pb_enum_value *v = c->flags & PB_JSON_ENUM_NUMBERS ? NULL : pb_enum_by_number(e, number);
    char buffer[PB_NUMBER_MAX];
    if (v)
        put_quoted(c, v->name, strlen(v->name)); /* an identifier: nothing to escape */
    else
        pb_put(c->out, buffer, pb_number_print_signed(number, buffer));
}

/* Integers of up to 64 bits, zigzag undone, as text. */
static size_t print_integer(enum pb_kind kind, uint64_t value, char out[PB_NUMBER_MAX])
{
    switch (kind) {
    case PB_INT32:
    case PB_SFIXED32:
    case PB_ENUM:
        return pb_number_print_signed((int32_t)(uint32_t)value, out);
    case PB_SINT32:
        return pb_number_print_signed(pb_unzigzag32((uint32_t)value), out);
    case PB_INT64:
    case PB_SFIXED64:
        return pb_number_print_signed((int64_t)value, out);
    case PB_SINT64:
        return pb_number_print_signed(pb_unzigzag64(value), out);
    case PB_UINT32:
    case PB_FIXED32:
        return pb_number_print_unsigned((uint32_t)value, out);
    case PB_UINT64:
    case PB_FIXED64:
    case PB_DOUBLE:
    case PB_FLOAT:
    case PB_BOOL:
    case PB_STRING:
    case PB_MESSAGE:
    case PB_BYTES:
        break;
    }
    return pb_number_print_unsigned(value, out);
}

int pb_write_scalar(struct pb_to_json *c, const struct pb_field *f, const struct pb_item *item,
                    const struct pb_path *path)
{
    char buffer[PB_NUMBER_MAX];
    size_t len;
    switch (f->kind) {
    case PB_DOUBLE:
    case PB_FLOAT:
        write_floating(c, f->kind, item->value);
        return 0;
    case PB_BOOL:
        pb_put(c->out, item->value ? "true" : "false", item->value ? 4 : 5);
        return 0;
    case PB_STRING:
        return pb_write_string(c, item->data, path);
    case PB_BYTES:
        pb_put(c->out, "\"", 1);
        pb_base64_encode(c->out, item->data);
        pb_put(c->out, "\"", 1);
        return 0;
    case PB_ENUM:
        write_enum(c, f->enumeration, (int32_t)(uint32_t)item->value);
        return 0;
    case PB_INT64:
    case PB_UINT64:
    case PB_FIXED64:
    case PB_SFIXED64:
    case PB_SINT64:
        len = print_integer(f->kind, item->value, buffer);
        put_quoted(c, buffer, len);
        return 0;
    case PB_INT32:
    case PB_FIXED32:
    case PB_UINT32:
    case PB_SFIXED32:
    case PB_SINT32:
        len = print_integer(f->kind, item->value, buffer);
        pb_put(c->out, buffer, len);
        return 0;
    case PB_MESSAGE:
        break;
    }
    return pb_write_fail(c, path, NULL, ERROR_INVALID, "not a scalar");
}

/* Whether a field without presence holds what an absent one would. */
static bool is_default(const struct pb_field *f, const struct pb_item *item)
{
    if (f->kind == PB_STRING || f->kind == PB_BYTES)
        return item->data.len == 0;
    if (f->kind == PB_BOOL || pb_kind_wire(f->kind) == PB_WIRE_FIXED64 || f->kind == PB_INT64 ||
        f->kind == PB_UINT64 || f->kind == PB_SINT64)
        return item->value == 0;
    return (uint32_t)item->value == 0;
}

/* ---- lists and maps -------------------------------------------------------------------------------------------- */

static int write_element(struct pb_to_json *c, const struct pb_field *f, const struct pb_item *item,
                         struct pb_path *path, size_t *count)
{
    pb_write_next(c, *count == 0);
    path->index = (*count)++;
    if (f->kind != PB_MESSAGE)
        return pb_write_scalar(c, f, item, path);
    if (c->depth == PB_DEPTH_MAX)
        return pb_write_fail(c, path, item->data.data, ERROR_LIMIT, "messages nest deeper than %d", PB_DEPTH_MAX);
    c->depth++;
    int rc = pb_write_message(c, f->message, (struct pb_content){.run = item->data, .first = PB_NONE}, path);
    c->depth--;
    return rc;
}

static int write_packed(struct pb_to_json *c, const struct pb_field *f, struct bytes data, struct pb_path *path,
                        size_t *count)
{
    const uint8_t *at = data.data, *end = data.data + data.len;
    enum pb_wire_type wire = pb_kind_wire(f->kind);
    while (data.len > 0 && at < end) {
        struct pb_item item = {.number = f->number, .wire = wire};
        size_t width = wire == PB_WIRE_FIXED32 ? 4 : wire == PB_WIRE_FIXED64 ? 8 : 0;
        if (width == 0)
            width = pb_varint_get(at, end, &item.value);
        else if ((size_t)(end - at) < width)
            width = 0;
        else
            item.value = width == 4 ? pb_fixed32_get(at) : pb_fixed64_get(at);
        if (width == 0)
            return pb_write_fail(c, path, at, ERROR_SYNTAX, "packed numbers end in the middle of one");
        int rc = write_element(c, f, &item, path, count);
        if (rc)
            return rc;
        at += width;
    }
    return 0;
}

int pb_write_list(struct pb_to_json *c, const struct pb_field *f, uint32_t first, const struct pb_path *up)
{
    struct pb_path path = {.up = up, .field = f};
    size_t count = 0;
    int rc = 0;
    pb_write_open(c, '[');
    for (uint32_t i = first; !rc && i != PB_NONE; i = c->occurrences.items[i].next) {
        struct pb_item item = c->occurrences.items[i].item;
        if (item.wire == PB_WIRE_BYTES && is_packable(f->kind))
            rc = write_packed(c, f, item.data, &path, &count);
        else
            rc = write_element(c, f, &item, &path, &count);
    }
    pb_write_close(c, ']', count == 0);
    return rc;
}

static int compare_keys(const void *left, const void *right)
{
    const struct pb_sort_key *a = left, *b = right;
    if (a->bits != b->bits)
        return a->bits < b->bits ? -1 : 1;
    size_t common = a->bytes.len < b->bytes.len ? a->bytes.len : b->bytes.len;
    int order = common ? memcmp(a->bytes.data, b->bytes.data, common) : 0;
    if (order)
        return order;
    return (a->bytes.len > b->bytes.len) - (a->bytes.len < b->bytes.len);
}

static int compare_keys_stable(const void *left, const void *right)
{
    int order = compare_keys(left, right);
    const struct pb_sort_key *a = left, *b = right;
    return order ? order : (a->order > b->order) - (a->order < b->order);
}

/* The key as something to sort by: signed numbers get their sign bit turned over. */
static int sort_key(struct pb_to_json *c, const struct pb_field *key, struct bytes entry, const struct pb_path *path,
                    struct pb_sort_key *out)
{
    struct pb_reader r = {entry.data, entry.data + entry.len};
    *out = (struct pb_sort_key){.entry = entry};
    uint64_t value = 0;
    while (entry.len > 0 && r.at < r.end) {
        struct pb_item item;
        const uint8_t *at = r.at;
        enum pb_fault fault = pb_item_next(&r, &item);
        if (!fault && item.wire == PB_WIRE_GROUP)
            fault = pb_group_skip(&r, item.number);
        else if (!fault && item.wire == PB_WIRE_GROUP_END)
            fault = PB_FAULT_GROUP;
        if (fault)
            return pb_write_fail(c, path, at, ERROR_SYNTAX, "%s", pb_fault_text(fault));
        if (item.number != 1 || item.wire != pb_kind_wire(key->kind))
            continue;
        value = item.wire == PB_WIRE_BYTES ? 0 : item.value;
        if (item.wire == PB_WIRE_BYTES)
            out->bytes = item.data;
    }
    switch (key->kind) {
    case PB_INT32:
    case PB_SFIXED32:
        out->bits = (uint64_t)(int64_t)(int32_t)(uint32_t)value ^ UINT64_C(1) << 63;
        break;
    case PB_SINT32:
        out->bits = (uint64_t)(int64_t)pb_unzigzag32((uint32_t)value) ^ UINT64_C(1) << 63;
        break;
    case PB_INT64:
    case PB_SFIXED64:
        out->bits = value ^ UINT64_C(1) << 63;
        break;
    case PB_SINT64:
        out->bits = (uint64_t)pb_unzigzag64(value) ^ UINT64_C(1) << 63;
        break;
    case PB_UINT32:
    case PB_FIXED32:
        out->bits = (uint32_t)value;
        break;
    case PB_BOOL:
        out->bits = value != 0;
        break;
    case PB_UINT64:
    case PB_FIXED64:
    case PB_STRING:
    case PB_DOUBLE:
    case PB_FLOAT:
    case PB_BYTES:
    case PB_ENUM:
    case PB_MESSAGE:
        out->bits = value;
        break;
    }
    return 0;
}

static int write_map_key(struct pb_to_json *c, const struct pb_field *key, const struct pb_sort_key *k,
                         const struct pb_path *path)
{
    char buffer[PB_NUMBER_MAX];
    int rc = 0;
    if (key->kind == PB_STRING)
        rc = pb_write_string(c, k->bytes, path);
    else if (key->kind == PB_BOOL)
        put_quoted(c, k->bits ? "true" : "false", k->bits ? 4 : 5);
    else if (key->kind == PB_UINT32 || key->kind == PB_FIXED32 || key->kind == PB_UINT64 || key->kind == PB_FIXED64)
        put_quoted(c, buffer, pb_number_print_unsigned(k->bits, buffer));
    else
        put_quoted(c, buffer, pb_number_print_signed((int64_t)(k->bits ^ UINT64_C(1) << 63), buffer));
    pb_put(c->out, ":", 1);
    write_space(c);
    return rc;
}

static int write_entry(struct pb_to_json *c, const struct pb_field *f, const struct pb_sort_key *key, bool first,
                       const struct pb_path *up)
{
    const struct pb_type *entry = f->message;
    struct pb_path path = {.up = up, .field = f, .index = PB_PATH_NO_INDEX, .key = key->bytes};
    pb_write_next(c, first);
    int rc = write_map_key(c, &entry->fields[0], key, &path);
    if (rc)
        return rc;
    struct pb_index index;
    rc = pb_index_message(c, entry, (struct pb_content){.run = key->entry, .first = PB_NONE}, &path, &index);
    if (!rc) {
        const struct pb_field *value = &entry->fields[1];
        const struct pb_occurrence *last = pb_index_last(c, index, 1);
        if (value->kind == PB_MESSAGE) {
            rc = pb_write_submessage(c, value, c->slots.items[index.slots + 1].first, &path);
        } else {
            struct pb_item item = last ? last->item : (struct pb_item){.data = BYTES("", 0)};
            rc = pb_write_scalar(c, value, &item, &path);
        }
    }
    pb_index_drop(c, index);
    return rc;
}

int pb_write_map(struct pb_to_json *c, const struct pb_field *f, uint32_t first, const struct pb_path *up)
{
    if (c->depth == PB_DEPTH_MAX)
        return pb_write_fail(c, up, NULL, ERROR_LIMIT, "messages nest deeper than %d", PB_DEPTH_MAX);
    c->depth++;
    size_t base = c->keys.count;
    int rc = 0;
    bool sorted = true;
    for (uint32_t i = first; !rc && i != PB_NONE; i = c->occurrences.items[i].next) {
        struct pb_sort_key key;
        rc = sort_key(c, &f->message->fields[0], c->occurrences.items[i].item.data, up, &key);
        key.order = (uint32_t)(c->keys.count - base);
        if (!rc && !array_push(&c->keys, key))
            rc = pb_write_fail(c, up, NULL, ERROR_MEMORY, "out of memory");
        if (!rc && key.order > 0 && compare_keys(&key, &c->keys.items[c->keys.count - 2]) <= 0)
            sorted = false;
    }
    size_t n = c->keys.count - base;
    if (!rc && n > 1 && !sorted)
        qsort(c->keys.items + base, n, sizeof *c->keys.items, compare_keys_stable);
    pb_write_open(c, '{');
    bool none = true;
    for (size_t i = 0; !rc && i < n; i++) {
        struct pb_sort_key key = c->keys.items[base + i];
        /* Of entries with one key the last one counts. */
        if (i + 1 < n && compare_keys(&key, &c->keys.items[base + i + 1]) == 0)
            continue;
        rc = write_entry(c, f, &key, none, up);
        none = false;
    }
    pb_write_close(c, '}', none);
    c->keys.count = base;
    c->depth--;
    return rc;
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
    if (t->known != PB_ORDINARY && t->known != PB_EMPTY)
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
