#include "fakes/stub/made.h"

#include "base/base64.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ITEMS_MAX       1000000 /* of a number that each goes through */
#define REAL_DIGITS_MAX 6       /* before the point; longer numbers have an exponent, as Go prints them */

bool made_fail(struct asking *x, int code, const char *what)
{
    if (x->why.code == 0)
        error_set(&x->why, code, "%s", what);
    return false;
}

static bool memory(struct asking *x)
{
    return made_fail(x, ERROR_MEMORY, "out of memory");
}

bool made_keep(struct asking *x, const struct text *text, struct made *out)
{
    const char *copy = NULL;
    if (x->set->scratch.used > TEMPLATE_TEXT_MAX)
        return made_fail(x, ERROR_LIMIT, "the templates of an answer made too much text");
    if (text_ok(text))
        copy = arena_string_n(&x->set->scratch, text_string(text), text->len);
    *out = made_text(BYTES(copy, text->len));
    return copy != NULL || memory(x);
}

struct made made_text(struct bytes text)
{
    return (struct made){.kind = MADE_TEXT, .bytes = text};
}

struct made made_integer(int64_t v)
{
    return (struct made){.kind = MADE_INTEGER, .integer = v};
}

struct made made_real(double v)
{
    return (struct made){.kind = MADE_REAL, .real = v};
}

struct made made_bool(bool v)
{
    return (struct made){.kind = MADE_BOOL, .integer = v};
}

/* ---- from fields ---- */

struct made made_scalar(const struct pb_field *f, struct value v)
{
    struct made m = {.kind = MADE_INTEGER, .integer = (int64_t)v.bits, .field = f};
    switch (f->kind) {
    case PB_STRING:
    case PB_BYTES:
        m = made_text(v.bytes);
        break;
    case PB_MESSAGE:
        m.kind = MADE_MESSAGE;
        m.bytes = v.bytes;
        break;
    case PB_DOUBLE:
    case PB_FLOAT:
        m.kind = MADE_REAL;
        memcpy(&m.real, &v.bits, sizeof m.real);
        break;
    case PB_BOOL:
        m = made_bool(v.bits != 0);
        break;
    case PB_UINT64:
    case PB_FIXED64:
        if (v.bits > INT64_MAX)
            m.kind = MADE_UNSIGNED;
        break;
    case PB_INT64:
    case PB_INT32:
    case PB_UINT32:
    case PB_FIXED32:
    case PB_SFIXED32:
    case PB_SFIXED64:
    case PB_SINT32:
    case PB_SINT64:
    case PB_ENUM:
        break;
    }
    m.field = f;
    return m;
}

/* A message that came in pieces is their bytes one behind the other. */
static bool content(struct asking *x, const struct pb_field *f, const struct slot *slot, struct made *out)
{
    struct text joined = TEXT_INIT;
    struct value v;
    *out = made_scalar(f, slot->value);
    if (slot->first == slot->last)
        return true;
    struct cursor c = cursor_of(&x->set->scan, f, slot);
    while (cursor_next(&c, &v))
        text_add(&joined, v.bytes.data, v.bytes.len);
    struct made kept;
    bool ok = made_keep(x, &joined, &kept);
    out->bytes = kept.bytes;
    text_deinit(&joined);
    return ok;
}

static bool list(struct asking *x, const struct pb_field *f, const struct slot *slot, struct made *out)
{
    struct cursor c = cursor_of(&x->set->scan, f, slot);
    size_t count = cursor_count(c);
    struct value *items = arena_alloc_n(&x->set->scratch, count + 1, sizeof *items);
    if (items == NULL)
        return memory(x);
    for (size_t i = 0; i < count && cursor_next(&c, &items[i]); i++)
        continue;
    *out = (struct made){.kind = MADE_LIST, .field = f, .items = items, .count = count};
    return true;
}

bool made_of_slot(struct asking *x, const struct pb_field *f, const struct slot *slot, struct made *out)
{
    if (f->repeated)
        return list(x, f, slot, out);
    if (f->kind == PB_MESSAGE && slot->present)
        return content(x, f, slot, out);
    *out = (struct made){.kind = MADE_NOTHING, .field = f};
    if (f->kind != PB_MESSAGE)
        *out = made_scalar(f, slot->present ? slot->value : (struct value){0});
    return true;
}

/* Some fields of a message, found by a scan of their own. */
static bool fields(struct asking *x, const struct made *m, const struct pb_field *const *wanted, size_t count,
                   struct made *out)
{
    struct scan *scan = &x->set->scan;
    struct plan *plan = ARENA_NEW(&x->set->scratch, struct plan);
    int *slots = arena_alloc_n(&x->set->scratch, count + 1, sizeof *slots);
    size_t before = scan->slots.count, occurrences = scan->occurrences.count;
    if (plan == NULL || slots == NULL || !plan_init(plan, &x->set->scratch, m->field->message, ""))
        return memory(x);
    for (size_t i = 0; i < count; i++)
        if ((slots[i] = plan_watch(plan, plan->root, wanted[i])) < 0)
            return slots[i] == -1 ? memory(x) : made_fail(x, ERROR_LIMIT, "a message has too many fields");
    size_t inner = scan_open(scan, plan);
    if (inner == SIZE_MAX)
        return memory(x);
    bool ok = scan_message(scan, inner, plan->root, m->bytes) ||
              made_fail(x, ERROR_INVALID, "a message of the request is malformed");
    for (size_t i = 0; i < count && ok; i++)
        ok = made_of_slot(x, wanted[i], &scan->slots.items[inner + (size_t)slots[i]], &out[i]);
    scan_close(scan, before, occurrences);
    return ok;
}

/* ---- parts ---- */

struct entry {
    struct made key, value;
};

static int by_key(const void *a, const void *b)
{
    const struct bytes p = ((const struct entry *)a)->key.bytes, q = ((const struct entry *)b)->key.bytes;
    size_t shorter = p.len < q.len ? p.len : q.len;
    int order = shorter > 0 ? memcmp(p.data, q.data, shorter) : 0;
    return order != 0 ? order : (p.len > q.len) - (p.len < q.len);
}

static bool sorted(struct asking *x, struct entry *entries, size_t count, struct made_items *out)
{
    struct made *keys = arena_alloc_n(&x->set->scratch, count + 1, sizeof *keys);
    struct made *values = arena_alloc_n(&x->set->scratch, count + 1, sizeof *values);
    if (keys == NULL || values == NULL)
        return memory(x);
    if (count > 0)
        qsort(entries, count, sizeof *entries, by_key);
    for (size_t i = 0; i < count; i++) {
        keys[i] = entries[i].key;
        values[i] = entries[i].value;
    }
    *out = (struct made_items){.keys = keys, .values = values, .count = count};
    return true;
}

static bool map_items(struct asking *x, const struct made *m, struct made_items *out)
{
    struct entry *entries = arena_alloc_n(&x->set->scratch, m->count + 1, sizeof *entries);
    const struct pb_type *type = m->field->message;
    bool ok = entries != NULL || memory(x);
    for (size_t i = 0; i < m->count && ok; i++) {
        struct value key, held;
        struct text printed = TEXT_INIT;
        ok = entry_read(type, m->items[i].bytes, &key, &held) ||
             made_fail(x, ERROR_INVALID, "a map of the request is malformed");
        if (ok)
            value_print(&type->fields[0], key, &printed);
        ok = ok && made_keep(x, &printed, &entries[i].key);
        if (ok)
            entries[i].value = made_scalar(&type->fields[1], held);
        text_deinit(&printed);
    }
    return ok && sorted(x, entries, m->count, out);
}

/* All of them but lists that are empty. */
static bool message_items(struct asking *x, const struct made *m, struct made_items *out)
{
    const struct pb_type *type = m->field->message;
    const struct pb_field **wanted = arena_alloc_n(&x->set->scratch, type->field_count + 1, sizeof *wanted);
    struct made *values = arena_alloc_n(&x->set->scratch, type->field_count + 1, sizeof *values);
    struct entry *entries = arena_alloc_n(&x->set->scratch, type->field_count + 1, sizeof *entries);
    size_t count = 0;
    if (wanted == NULL || values == NULL || entries == NULL)
        return memory(x);
    for (size_t i = 0; i < type->field_count; i++)
        wanted[i] = &type->fields[i];
    if (!fields(x, m, wanted, type->field_count, values))
        return false;
    for (size_t i = 0; i < type->field_count; i++)
        if (!wanted[i]->repeated || values[i].count > 0)
            entries[count++] = (struct entry){made_text(bytes_of(wanted[i]->name)), values[i]};
    return sorted(x, entries, count, out);
}

bool made_items(struct asking *x, const struct made *m, struct made_items *out)
{
    struct made *values = NULL;
    *out = (struct made_items){0};
    switch (m->kind) {
    case MADE_NOTHING:
        return true;
    case MADE_ITEMS:
        *out = (struct made_items){.values = m->list, .count = m->count};
        return true;
    case MADE_MESSAGE:
        return message_items(x, m, out);
    case MADE_LIST:
        if (m->field->map)
            return map_items(x, m, out);
        out->count = m->count;
        break;
    case MADE_INTEGER:
        if (m->integer > ITEMS_MAX)
            return made_fail(x, ERROR_LIMIT, "a number is too large to go through");
        out->count = m->integer > 0 ? (size_t)m->integer : 0;
        break;
    case MADE_UNSIGNED:
    case MADE_REAL:
    case MADE_BOOL:
    case MADE_TEXT:
        return made_fail(x, ERROR_INVALID, "only lists, maps and whole numbers can be gone through");
    }
    out->values = values = arena_alloc_n(&x->set->scratch, out->count + 1, sizeof *values);
    if (values == NULL)
        return memory(x);
    for (size_t i = 0; i < out->count; i++)
        values[i] = m->kind == MADE_INTEGER ? made_integer((int64_t)i) : made_scalar(m->field, m->items[i]);
    return true;
}

bool made_member(struct asking *x, const struct made *m, struct bytes name, struct made *out)
{
    struct made_items items;
    *out = (struct made){.kind = MADE_NOTHING};
    if (m->kind == MADE_NOTHING)
        return true;
    if (m->kind == MADE_MESSAGE) {
        char key[128];
        snprintf(key, sizeof key, "%.*s", (int)(name.len < sizeof key ? name.len : sizeof key - 1), name.data);
        const struct pb_field *f = pb_field_by_name(m->field->message, key);
        return f == NULL || fields(x, m, &f, 1, out);
    }
    if (m->kind != MADE_LIST || !m->field->map)
        return made_fail(x, ERROR_INVALID, "a value has no fields, and one is asked for");
    if (!made_items(x, m, &items))
        return false;
    for (size_t i = 0; i < items.count; i++)
        if (bytes_equal(items.keys[i].bytes, name))
            *out = items.values[i];
    return true;
}

bool made_item(struct asking *x, const struct made *m, const struct made *key, struct made *out)
{
    struct made_items items;
    struct text name = TEXT_INIT;
    *out = (struct made){.kind = MADE_NOTHING};
    if (m->kind == MADE_MESSAGE || (m->kind == MADE_LIST && m->field->map)) {
        bool ok = made_print(x, key, true, &name) && made_member(x, m, text_bytes(&name), out);
        text_deinit(&name);
        return ok;
    }
    if (m->kind == MADE_INTEGER || m->kind == MADE_NOTHING)
        return made_fail(x, ERROR_INVALID, "a value has no items, and one is asked for");
    double at;
    if (!made_number(x, key, &at))
        return x->why.code == 0 ? made_fail(x, ERROR_INVALID, "an item of a list is asked for by its number") : false;
    if (!made_items(x, m, &items))
        return false;
    at += at < 0 ? (double)items.count : 0;
    if (at >= 0 && at < (double)items.count)
        *out = items.values[(size_t)at];
    return true;
}

/* ---- as they are ---- */

bool made_truth(const struct made *m)
{
    switch (m->kind) {
    case MADE_NOTHING:
        return false;
    case MADE_INTEGER:
    case MADE_UNSIGNED:
    case MADE_BOOL:
        return m->integer != 0;
    case MADE_REAL:
        return m->real != 0;
    case MADE_TEXT:
        return m->bytes.len > 0;
    case MADE_LIST:
    case MADE_ITEMS:
        return m->count > 0;
    case MADE_MESSAGE:
        break;
    }
    return true;
}

bool made_number(struct asking *x, const struct made *m, double *out)
{
    char small[64], *end;
    *out = 0;
    if (m->kind == MADE_REAL || m->kind == MADE_INTEGER || m->kind == MADE_UNSIGNED) {
        *out = m->kind == MADE_REAL      ? m->real
               : m->kind == MADE_INTEGER ? (double)m->integer
                                         : (double)(uint64_t)m->integer;
        return true;
    }
    (void)x;
    if (m->kind != MADE_TEXT || m->bytes.len == 0 || m->bytes.len >= sizeof small || m->bytes.data[0] <= ' ')
        return false;
    memcpy(small, m->bytes.data, m->bytes.len);
    small[m->bytes.len] = '\0';
    *out = strtod(small, &end);
    return *end == '\0' && !isnan(*out);
}

void made_print_real(double v, struct text *out)
{
    char digits[40];
    int precision = 0;
    if (!isfinite(v)) {
        text_puts(out, isnan(v) ? "NaN" : v > 0 ? "+Inf" : "-Inf");
        return;
    }
    do
        snprintf(digits, sizeof digits, "%.*e", precision, v);
    while (strtod(digits, NULL) != v && precision++ < 16);
    int exponent = (int)strtol(strchr(digits, 'e') + 1, NULL, 10);
    if (exponent < -4 || exponent >= REAL_DIGITS_MAX)
        text_puts(out, digits);
    else
        text_printf(out, "%.*f", precision > exponent ? precision - exponent : 0, v);
}

static bool print_items(struct asking *x, const struct made *m, struct text *out)
{
    struct made_items items;
    if (!made_items(x, m, &items))
        return false;
    text_puts(out, items.keys != NULL ? "map[" : "[");
    bool ok = true;
    for (size_t i = 0; i < items.count && ok; i++) {
        text_puts(out, i > 0 ? " " : "");
        if (items.keys != NULL) {
            text_add(out, items.keys[i].bytes.data, items.keys[i].bytes.len);
            text_char(out, ':');
        }
        ok = made_print(x, &items.values[i], false, out);
    }
    text_char(out, ']');
    return ok;
}

/* Depth is bounded by the message's. */
bool made_print(struct asking *x, const struct made *m, bool top, struct text *out)
{
    bool named = m->field != NULL && m->field->kind == PB_ENUM;
    switch (m->kind) {
    case MADE_NOTHING:
        text_puts(out, top ? "<no value>" : "<nil>");
        break;
    case MADE_INTEGER:
        if (named)
            value_print(m->field, (struct value){.bits = (uint64_t)m->integer}, out);
        else
            text_printf(out, "%" PRId64, m->integer);
        break;
    case MADE_UNSIGNED:
        text_printf(out, "%" PRIu64, (uint64_t)m->integer);
        break;
    case MADE_REAL:
        made_print_real(m->real, out);
        break;
    case MADE_BOOL:
        text_puts(out, m->integer != 0 ? "true" : "false");
        break;
    case MADE_TEXT:
        if (m->field != NULL && m->field->kind == PB_BYTES)
            base64_encode(out, m->bytes);
        else
            text_add(out, m->bytes.data, m->bytes.len);
        break;
    case MADE_MESSAGE:
    case MADE_LIST:
    case MADE_ITEMS:
        return print_items(x, m, out);
    }
    return text_ok(out) || memory(x);
}

/* Depth is bounded by the message's. */
bool made_json(struct asking *x, const struct made *m, struct text *out)
{
    struct made_items items;
    bool ok = true, enumeration = m->field != NULL && m->field->kind == PB_ENUM;
    if (m->kind == MADE_NOTHING) {
        text_puts(out, "null");
    } else if (m->kind == MADE_TEXT || enumeration) {
        struct text plain = TEXT_INIT;
        ok = made_print(x, m, false, &plain);
        text_char(out, '"');
        text_json(out, text_string(&plain), plain.len);
        text_char(out, '"');
        text_deinit(&plain);
    } else if (m->kind == MADE_LIST || m->kind == MADE_MESSAGE || m->kind == MADE_ITEMS) {
        ok = made_items(x, m, &items);
        bool map = ok && items.keys != NULL;
        text_char(out, map ? '{' : '[');
        for (size_t i = 0; ok && i < items.count; i++) {
            text_puts(out, i > 0 ? "," : "");
            if (map)
                ok = made_json(x, &items.keys[i], out);
            text_puts(out, map ? ":" : "");
            ok = ok && made_json(x, &items.values[i], out);
        }
        text_char(out, map ? '}' : ']');
    } else {
        ok = made_print(x, m, false, out);
    }
    return ok && (text_ok(out) || memory(x));
}
