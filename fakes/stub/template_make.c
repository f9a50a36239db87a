/* Templates filled in, from what the scan of the call found. */
#include "fakes/stub/template_tree.h"

#include "base/units.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct pb_field as_real = {.name = "number", .kind = PB_DOUBLE, .oneof = -1};
static const struct pb_field as_integer = {.name = "number", .kind = PB_INT64, .oneof = -1};

static bool fail(struct asking *x, int code, const char *what)
{
    if (x->why.code == 0)
        error_set(&x->why, code, "%s", what);
    return false;
}

static bool memory(struct asking *x)
{
    return fail(x, ERROR_MEMORY, "out of memory");
}

static bool keep(struct asking *x, const struct text *made, struct bytes *out)
{
    const char *copy = NULL;
    if (x->set->scratch.used > TEMPLATE_TEXT_MAX)
        return fail(x, ERROR_LIMIT, "the templates of an answer made too much text");
    if (text_ok(made))
        copy = arena_string_n(&x->set->scratch, text_string(made), made->len);
    *out = BYTES(copy, made->len);
    return copy != NULL || memory(x);
}

/* ---- fields ---- */

static bool content(struct asking *x, const struct pb_field *f, const struct slot *slot, struct bytes *out)
{
    struct text joined = TEXT_INIT;
    struct value v;
    *out = slot->value.bytes;
    if (slot->first == slot->last)
        return true;
    struct cursor c = cursor_of(&x->set->scan, f, slot);
    while (cursor_next(&c, &v))
        text_add(&joined, v.bytes.data, v.bytes.len);
    bool ok = keep(x, &joined, out);
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

static void scalar(const struct pb_field *f, struct value v, struct made *out)
{
    switch (f->kind) {
    case PB_STRING:
    case PB_BYTES:
        *out = (struct made){.kind = MADE_TEXT, .bytes = v.bytes};
        break;
    case PB_DOUBLE:
    case PB_FLOAT:
        out->kind = MADE_REAL;
        memcpy(&out->real, &v.bits, sizeof out->real);
        break;
    case PB_BOOL:
        *out = (struct made){.kind = MADE_BOOL, .integer = v.bits != 0};
        break;
    case PB_UINT64:
    case PB_FIXED64:
        *out = (struct made){.kind = v.bits > INT64_MAX ? MADE_UNSIGNED : MADE_INTEGER, .integer = (int64_t)v.bits};
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
    case PB_MESSAGE:
        *out = (struct made){.kind = MADE_INTEGER, .integer = (int64_t)v.bits};
        break;
    }
    out->field = f;
}

/* The item that is meant; false: there is none. */
static bool find_item(const struct asking *x, const struct reference *ref, const struct slot *slot, struct value *out)
{
    struct cursor c = cursor_of(&x->set->scan, ref->field, slot);
    struct value v, key, held;
    bool found = false;
    if (ref->field->map) {
        while (cursor_next(&c, &v))
            if (entry_read(ref->field->message, v.bytes, &key, &held) &&
                value_equal(&ref->field->message->fields[0], key, ref->key)) {
                *out = held;
                found = true;
            }
        return found;
    }
    int64_t wanted = ref->index;
    if (wanted < 0)
        wanted += (int64_t)cursor_count(c);
    for (int64_t i = 0; wanted >= 0 && !found && cursor_next(&c, out); i++)
        found = i == wanted;
    return found;
}

static bool refer(struct asking *x, size_t base, const struct reference *ref, struct made *out)
{
    struct scan *scan = &x->set->scan;
    const struct pb_field *f = ref->item;
    struct value v = {0};
    *out = (struct made){.kind = MADE_NOTHING, .field = f};
    if (ref->slot == MATCH_SLOT_ROOT) {
        *out = (struct made){.kind = MADE_MESSAGE, .field = f, .bytes = x->subject.message};
        return true;
    }
    const struct slot *slot = &scan->slots.items[base + (size_t)ref->slot];
    if (!ref->indexed) {
        if (f->repeated)
            return list(x, f, slot, out);
        if (!slot->present && f->kind == PB_MESSAGE)
            return true;
        if (f->kind == PB_MESSAGE) {
            out->kind = MADE_MESSAGE;
            return content(x, f, slot, &out->bytes);
        }
        if (slot->present)
            v = slot->value;
        scalar(f, v, out);
        return true;
    }
    if (!find_item(x, ref, slot, &v))
        return true;
    if (ref->next == NULL) {
        if (f->kind == PB_MESSAGE)
            *out = (struct made){.kind = MADE_MESSAGE, .field = f, .bytes = v.bytes};
        else
            scalar(f, v, out);
        return true;
    }
    size_t slots = scan->slots.count, occurrences = scan->occurrences.count;
    size_t inner = scan_open(scan, ref->plan);
    bool ok = inner != SIZE_MAX && scan_message(scan, inner, ref->plan->root, v.bytes);
    ok = ok ? refer(x, inner, ref->next, out) : fail(x, ERROR_INVALID, "an item of the request is malformed");
    scan_close(scan, slots, occurrences);
    return ok;
}

static bool captured(struct asking *x, const struct expression *e, struct made *out)
{
    const struct slot *slot = &x->set->scan.slots.items[x->subject.base + (size_t)e->capture->slot];
    const struct pb_field *f = x->method->plan.slots[e->capture->slot].field;
    struct bytes groups[1 + PATTERN_GROUPS_MAX] = {{0}}, subject = slot->value.bytes;
    if (!value_is_text(f)) {
        struct text printed = TEXT_INIT;
        value_print(f, slot->value, &printed);
        bool ok = keep(x, &printed, &subject);
        text_deinit(&printed);
        if (!ok)
            return false;
    }
    if (pattern_try(e->capture->pattern, subject, groups) != PATTERN_MATCHES)
        return memory(x);
    *out = (struct made){.kind = MADE_TEXT, .bytes = groups[e->group]};
    return true;
}

/* ---- as text and as numbers ---- */

static bool print(struct asking *x, const struct made *m, struct text *out)
{
    struct value v = {0};
    bool named = m->field != NULL && m->field->kind == PB_ENUM;
    int code;
    switch (m->kind) {
    case MADE_NOTHING:
        break;
    case MADE_INTEGER:
        value_print(named ? m->field : &as_integer, (struct value){.bits = (uint64_t)m->integer}, out);
        break;
    case MADE_UNSIGNED:
        text_printf(out, "%" PRIu64, (uint64_t)m->integer);
        break;
    case MADE_REAL:
        value_of_real(&as_real, m->real, &v);
        value_print(m->field != NULL && m->field->kind == PB_FLOAT ? m->field : &as_real, v, out);
        break;
    case MADE_BOOL:
        text_puts(out, m->integer != 0 ? "true" : "false");
        break;
    case MADE_TEXT:
        text_add(out, m->bytes.data, m->bytes.len);
        break;
    case MADE_MESSAGE:
        code = pb_wire_to_json(m->field->message, m->bytes, 0, out, NULL);
        return code == 0 ||
               (code == ERROR_MEMORY ? memory(x) : fail(x, ERROR_INVALID, "a message of the request has no JSON form"));
    case MADE_LIST:
        return fail(x, ERROR_INVALID, "a list is no text: take an item of it");
    }
    return text_ok(out) || memory(x);
}

static bool text_of(struct asking *x, const struct made *m, struct bytes *out)
{
    struct text printed = TEXT_INIT;
    bool ok = print(x, m, &printed) && keep(x, &printed, out);
    text_deinit(&printed);
    return ok;
}

/* A whole number as it is, or a real one. */
static bool number_of(struct asking *x, const struct made *m, struct made *out)
{
    struct value v;
    *out = *m;
    if (m->kind == MADE_INTEGER || m->kind == MADE_REAL)
        return true;
    if (m->kind == MADE_BOOL || m->kind == MADE_NOTHING) {
        *out = (struct made){.kind = MADE_INTEGER, .integer = m->kind == MADE_BOOL ? m->integer : 0};
        return true;
    }
    if (m->kind == MADE_TEXT && value_of_text(&as_integer, m->bytes, &v)) {
        *out = (struct made){.kind = MADE_INTEGER, .integer = (int64_t)v.bits};
        return true;
    }
    if (m->kind == MADE_TEXT && value_of_text(&as_real, m->bytes, &v)) {
        *out = (struct made){.kind = MADE_REAL};
        memcpy(&out->real, &v.bits, sizeof out->real);
        return true;
    }
    return fail(x, ERROR_INVALID,
                m->kind == MADE_UNSIGNED ? "a number is too large to reckon with"
                                         : "a value is no number, and cannot be reckoned with");
}

bool made_value(struct asking *x, const struct made *m, const struct pb_field *f, struct value *out)
{
    bool fits = false;
    if (value_is_text(f)) {
        *out = (struct value){0};
        return text_of(x, m, &out->bytes);
    }
    switch (m->kind) {
    case MADE_NOTHING:
        *out = (struct value){0};
        return true;
    case MADE_INTEGER:
        fits = value_of_integer(f, m->integer, out);
        break;
    case MADE_UNSIGNED:
        fits = f->kind == PB_UINT64 || f->kind == PB_FIXED64;
        *out = (struct value){.bits = (uint64_t)m->integer};
        break;
    case MADE_REAL:
        fits = value_of_real(f, m->real, out);
        break;
    case MADE_BOOL:
        fits = f->kind == PB_BOOL;
        *out = (struct value){.bits = (uint64_t)m->integer};
        break;
    case MADE_TEXT:
        fits = value_of_text(f, m->bytes, out);
        break;
    case MADE_MESSAGE:
    case MADE_LIST:
        break;
    }
    if (!fits && x->why.code == 0) {
        struct text shown = TEXT_INIT;
        if (m->kind != MADE_LIST)
            print(x, m, &shown);
        error_set(&x->why, ERROR_INVALID, "%s takes %s, and ${...} came to %.100s", f->name, value_kind_words(f),
                  m->kind == MADE_LIST ? "a list" : text_string(&shown));
        text_deinit(&shown);
    }
    return fits;
}

/* ---- reckoning ---- */

static bool whole(struct asking *x, char operator, int64_t a, int64_t b, struct made *out)
{
    bool over = false;
    *out = (struct made){.kind = MADE_INTEGER};
    if (operator== '+')
        over = __builtin_add_overflow(a, b, &out->integer);
    else if (operator== '-')
        over = __builtin_sub_overflow(a, b, &out->integer);
    else if (operator== '*')
        over = __builtin_mul_overflow(a, b, &out->integer);
    else if (b == 0)
        return fail(x, ERROR_INVALID, "${...} divides by zero");
    else if (b == -1)
        over = operator== '/' && __builtin_sub_overflow(0, a, &out->integer);
    else
        out->integer = operator== '/' ? a / b : a % b;
    return !over || fail(x, ERROR_INVALID, "${...} came to more than 64 bits");
}

static bool make(struct asking *x, const struct expression *e, struct made *out);

static bool binary(struct asking *x, const struct expression *e, struct made *out)
{
    struct made left, right, a, b;
    if (!make(x, e->parts[0], &left) || !make(x, e->parts[1], &right) || !number_of(x, &left, &a) ||
        !number_of(x, &right, &b))
        return false;
    if (a.kind == MADE_INTEGER && b.kind == MADE_INTEGER)
        return whole(x, e->operator, a.integer, b.integer, out);
    double p = a.kind == MADE_REAL ? a.real : (double)a.integer, q = b.kind == MADE_REAL ? b.real : (double)b.integer;
    double r = e->operator== '+' ? p + q : e->operator== '-' ? p - q : e->operator== '*' ? p * q : 0;
    if (e->operator== '/')
        r = p / q;
    else if (e->operator== '%')
        r = fmod(p, q);
    *out = (struct made){.kind = MADE_REAL, .real = r};
    return isfinite(r) || fail(x, ERROR_INVALID, "${...} came to no number");
}

/* ---- functions ---- */

static bool random_number(struct asking *x, const struct expression *e, struct made *out)
{
    struct made low, high, a, b;
    if (!make(x, e->parts[0], &low) || !make(x, e->parts[1], &high) || !number_of(x, &low, &a) ||
        !number_of(x, &high, &b))
        return false;
    if (a.kind == MADE_INTEGER && b.kind == MADE_INTEGER) {
        if (a.integer > b.integer)
            return fail(x, ERROR_INVALID, "random() begins above its end");
        *out = (struct made){.kind = MADE_INTEGER, .integer = random_range(asking_random(x), a.integer, b.integer)};
        return true;
    }
    double p = a.kind == MADE_REAL ? a.real : (double)a.integer, q = b.kind == MADE_REAL ? b.real : (double)b.integer;
    *out = (struct made){.kind = MADE_REAL, .real = p + (q - p) * random_unit(asking_random(x))};
    return true;
}

static bool hex(struct asking *x, const struct expression *e, struct made *out)
{
    static const char digits[] = "0123456789abcdef";
    struct made count, n;
    struct text made = TEXT_INIT;
    uint8_t byte;
    if (!make(x, e->parts[0], &count) || !number_of(x, &count, &n))
        return false;
    if (n.kind != MADE_INTEGER || n.integer < 0 || n.integer > TEMPLATE_RANDOM_MAX)
        return fail(x, ERROR_LIMIT, "hex() takes a number of bytes, at most 4096");
    for (int64_t i = 0; i < n.integer; i++) {
        random_bytes(asking_random(x), &byte, 1);
        text_char(&made, digits[byte >> 4]);
        text_char(&made, digits[byte & 15]);
    }
    *out = (struct made){.kind = MADE_TEXT};
    bool ok = keep(x, &made, &out->bytes);
    text_deinit(&made);
    return ok;
}

/* RFC 9562, version 4. */
static bool uuid(struct asking *x, struct made *out)
{
    uint8_t b[16];
    struct text made = TEXT_INIT;
    random_bytes(asking_random(x), b, sizeof b);
    b[6] = (uint8_t)((b[6] & 0x0F) | 0x40);
    b[8] = (uint8_t)((b[8] & 0x3F) | 0x80);
    for (size_t i = 0; i < sizeof b; i++)
        text_printf(&made, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", b[i]);
    *out = (struct made){.kind = MADE_TEXT};
    bool ok = keep(x, &made, &out->bytes);
    text_deinit(&made);
    return ok;
}

static bool change_case(struct asking *x, const struct expression *e, struct made *out)
{
    struct made m;
    struct text changed = TEXT_INIT;
    struct bytes text;
    if (!make(x, e->parts[0], &m) || !text_of(x, &m, &text))
        return false;
    for (size_t i = 0; i < text.len; i++)
        text_char(&changed, (char)(e->kind == EXPRESSION_UPPER ? toupper(text.data[i]) : tolower(text.data[i])));
    *out = (struct made){.kind = MADE_TEXT};
    bool ok = keep(x, &changed, &out->bytes);
    text_deinit(&changed);
    return ok;
}

static bool size(struct asking *x, const struct expression *e, struct made *out)
{
    struct made m;
    struct bytes text;
    if (!make(x, e->parts[0], &m) || (m.kind != MADE_LIST && !text_of(x, &m, &text)))
        return false;
    *out = (struct made){.kind = MADE_INTEGER, .integer = (int64_t)(m.kind == MADE_LIST ? m.count : text.len)};
    return true;
}

static bool is_empty(const struct made *m)
{
    switch (m->kind) {
    case MADE_NOTHING:
        return true;
    case MADE_INTEGER:
    case MADE_UNSIGNED:
    case MADE_BOOL:
        return m->integer == 0;
    case MADE_REAL:
        return m->real == 0;
    case MADE_TEXT:
        return m->bytes.len == 0;
    case MADE_LIST:
        return m->count == 0;
    case MADE_MESSAGE:
        break;
    }
    return false;
}

static bool count_on(struct asking *x, const struct expression *e, struct made *out)
{
    const char *name = (const char *)e->constant.bytes.data;
    if (!asking_session(x))
        return false;
    struct counter *c = map_get(&x->session->counters, name);
    if (c == NULL) {
        if (x->set->states >= STUB_STATES_MAX)
            return fail(x, ERROR_LIMIT, "there is no room for another counter");
        c = calloc(1, sizeof *c);
        if (c == NULL || !map_put(&x->session->counters, name, c)) {
            free(c);
            return memory(x);
        }
        x->set->states++;
    }
    *out = (struct made){.kind = MADE_INTEGER, .integer = (int64_t)++c->value};
    return true;
}

static struct made integer(uint64_t v)
{
    return (struct made){.kind = MADE_INTEGER, .integer = (int64_t)v};
}

/* Depth is bounded by TEMPLATE_PARTS_MAX. */
static bool make(struct asking *x, const struct expression *e, struct made *out)
{
    char time[32];
    switch (e->kind) {
    case EXPRESSION_CONSTANT:
        *out = e->constant;
        return true;
    case EXPRESSION_FIELD:
        return refer(x, x->subject.base, &e->ref, out);
    case EXPRESSION_CAPTURED:
        return captured(x, e, out);
    case EXPRESSION_BINARY:
        return binary(x, e, out);
    case EXPRESSION_MESSAGE_COUNT:
        *out = integer(x->asked->messages);
        return true;
    case EXPRESSION_NOW:
        units_format_time((int64_t)x->asked->now, time, sizeof time);
        *out = (struct made){.kind = MADE_TEXT};
        out->bytes.data = arena_copy(&x->set->scratch, time, strlen(time) + 1);
        out->bytes.len = strlen(time);
        return out->bytes.data != NULL || memory(x);
    case EXPRESSION_SECONDS:
        *out = integer(x->asked->now / 1000000000U);
        return true;
    case EXPRESSION_MILLIS:
        *out = integer(x->asked->now / 1000000U);
        return true;
    case EXPRESSION_NANOS:
        *out = integer(x->asked->now);
        return true;
    case EXPRESSION_UUID:
        return uuid(x, out);
    case EXPRESSION_STUB_COUNT:
        *out = integer(x->use.count + 1);
        return true;
    case EXPRESSION_CALL_NUMBER:
        *out = integer((uint64_t)x->asked->sequence);
        return true;
    case EXPRESSION_CALL_INDEX:
        *out = integer((uint64_t)x->asked->index);
        return true;
    case EXPRESSION_COUNTER:
        return count_on(x, e, out);
    case EXPRESSION_RANDOM:
        return random_number(x, e, out);
    case EXPRESSION_HEX:
        return hex(x, e, out);
    case EXPRESSION_UPPER:
    case EXPRESSION_LOWER:
        return change_case(x, e, out);
    case EXPRESSION_SIZE:
        return size(x, e, out);
    case EXPRESSION_DEFAULT:
        if (!make(x, e->parts[0], out))
            return false;
        return !is_empty(out) || make(x, e->parts[1], out);
    }
    return false;
}

bool template_make(struct asking *x, const struct template *t, struct made *out)
{
    *out = (struct made){.kind = MADE_TEXT};
    if (t->count == 1 && t->pieces[0].expression != NULL)
        return make(x, t->pieces[0].expression, out);
    struct text all = TEXT_INIT;
    bool ok = true;
    for (size_t i = 0; i < t->count && ok; i++) {
        struct made m;
        const struct piece *p = &t->pieces[i];
        if (p->expression == NULL)
            text_add(&all, p->text.data, p->text.len);
        else
            ok = make(x, p->expression, &m) && print(x, &m, &all);
    }
    ok = ok && keep(x, &all, &out->bytes);
    text_deinit(&all);
    return ok;
}

bool template_text(struct asking *x, const struct template *t, struct bytes *out)
{
    struct made m;
    return template_make(x, t, &m) && text_of(x, &m, out);
}

/* A value of JSON: numbers and messages as they are, everything else a text. */
static bool json_value(struct asking *x, const struct made *m, struct text *json)
{
    struct bytes text;
    bool bare = m->kind == MADE_INTEGER || m->kind == MADE_UNSIGNED || m->kind == MADE_BOOL ||
                m->kind == MADE_MESSAGE || (m->kind == MADE_REAL && isfinite(m->real));
    bool named = m->field != NULL && m->field->kind == PB_ENUM;
    if (m->kind == MADE_NOTHING) {
        text_puts(json, "null");
        return true;
    }
    if (!text_of(x, m, &text))
        return false;
    if (bare && !named) {
        text_add(json, text.data, text.len);
    } else {
        text_char(json, '"');
        text_json(json, (const char *)text.data, text.len);
        text_char(json, '"');
    }
    return true;
}

bool tree_make(struct asking *x, const struct tree *t, struct text *json)
{
    for (size_t i = 0; i < t->count; i++) {
        const struct tree_piece *p = &t->pieces[i];
        struct made m;
        if (p->template == NULL) {
            text_add(json, p->json.data, p->json.len);
            continue;
        }
        if (!template_make(x, p->template, &m))
            return false;
        if (p->key) {
            struct made key = {.kind = MADE_TEXT};
            if (!text_of(x, &m, &key.bytes))
                return false;
            m = key;
        }
        if (!json_value(x, &m, json))
            return false;
    }
    return text_ok(json) || memory(x);
}
