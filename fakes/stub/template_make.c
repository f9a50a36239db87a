/* Templates filled in, from what the scan of the call found. */
#include "fakes/stub/function.h"
#include "fakes/stub/template_tree.h"

#include "base/base64.h"
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
    struct made kept;
    bool ok = made_keep(x, made, &kept);
    *out = kept.bytes;
    return ok;
}

/* ---- fields ---- */

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
    if (!ref->indexed)
        return made_of_slot(x, f, slot, out);
    if (!find_item(x, ref, slot, &v))
        return true;
    if (ref->next == NULL) {
        *out = made_scalar(f, v);
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
    case MADE_ITEMS:
        return made_print(x, m, true, out);
    }
    return text_ok(out) || memory(x);
}

static bool make(struct asking *x, const struct expression *e, struct made *out);

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

/* Bytes that a text stands for in JSON. */
static bool decoded(struct asking *x, struct bytes *bytes)
{
    struct text plain = TEXT_INIT;
    bool ok = base64_decode(&plain, *bytes) || fail(x, ERROR_INVALID, "a text for a field of bytes is no Base64");
    ok = ok && keep(x, &plain, bytes);
    text_deinit(&plain);
    return ok;
}

static bool bool_of(struct bytes text, struct value *out)
{
    *out = (struct value){.bits = bytes_is(text, "true")};
    return out->bits != 0 || bytes_is(text, "false");
}

bool made_value(struct asking *x, const struct made *m, const struct pb_field *f, struct value *out)
{
    bool fits = false;
    double real;
    if (value_is_text(f)) {
        *out = (struct value){0};
        return text_of(x, m, &out->bytes) && (f->kind != PB_BYTES || !m->encoded || decoded(x, &out->bytes));
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
        fits = value_of_text(f, m->bytes, out) ||
               (m->encoded && f->kind != PB_BOOL && f->kind != PB_ENUM && made_number(x, m, &real) &&
                value_of_real(f, real, out)) ||
               (m->encoded && f->kind == PB_BOOL && bool_of(m->bytes, out));
        break;
    case MADE_MESSAGE:
    case MADE_LIST:
    case MADE_ITEMS:
        break;
    }
    if (!fits && x->why.code == 0) {
        struct text shown = TEXT_INIT;
        if (m->kind != MADE_LIST && m->kind != MADE_ITEMS)
            print(x, m, &shown);
        error_set(&x->why, ERROR_INVALID, "%s takes %s, and ${...} came to %.100s", f->name, value_kind_words(f),
                  m->kind == MADE_LIST || m->kind == MADE_ITEMS ? "a list" : text_string(&shown));
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

static bool call(struct asking *x, const struct expression *e, struct made *out)
{
    const struct function *f = e->function;
    struct made arguments[FUNCTION_ARGUMENTS_MAX];
    if (f->order == FUNCTION_ALL) {
        for (size_t i = 0; i < e->argument_count; i++)
            if (!make(x, e->arguments[i], &arguments[i]))
                return false;
        return f->call(x, arguments, e->argument_count, out);
    }
    for (size_t i = 0; i < e->argument_count; i++)
        if (!make(x, e->arguments[i], out))
            return false;
        else if (made_truth(out) == (f->order == FUNCTION_OR))
            break;
    return true;
}

static bool part(struct asking *x, const struct expression *e, struct made *out)
{
    struct made whole_, key;
    if (!make(x, e->parts[0], &whole_))
        return false;
    if (e->kind == EXPRESSION_MEMBER)
        return made_member(x, &whole_, e->constant.bytes, out);
    return make(x, e->parts[1], &key) && made_item(x, &whole_, &key, out);
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
    case EXPRESSION_STUB_TIMES:
        *out = integer(x->stub->times);
        return true;
    case EXPRESSION_STUB_NAME:
        *out = made_text(bytes_of(x->stub->extra != NULL && x->stub->extra->name != NULL ? x->stub->extra->name : ""));
        return true;
    case EXPRESSION_CALL:
        return call(x, e, out);
    case EXPRESSION_VARIABLE:
        *out = x->names[e->variable];
        return true;
    case EXPRESSION_MEMBER:
    case EXPRESSION_ITEM:
        return part(x, e, out);
    }
    return false;
}

/* ---- texts ---- */

struct loop {
    struct made_items items;
    size_t at;
};

/* The next round of the loop; false: there was none. */
static bool next_round(struct asking *x, struct loop *loop, size_t variable)
{
    if (loop->at == loop->items.count)
        return false;
    x->names[variable] = loop->items.values[loop->at];
    x->names[variable - 1] = loop->items.keys != NULL ? loop->items.keys[loop->at] : made_integer((int64_t)loop->at);
    loop->at++;
    return true;
}

static bool run(struct asking *x, const struct template *t, struct loop *loops, struct text *all)
{
    size_t at = 0;
    for (size_t steps = 0; at < t->count; steps++) {
        const struct piece *p = &t->pieces[at++];
        struct made m;
        if (steps == TEMPLATE_STEPS_MAX || all->len > TEMPLATE_TEXT_MAX)
            return fail(x, ERROR_LIMIT, "the templates of an answer made too much text");
        if (p->expression != NULL && !make(x, p->expression, &m))
            return false;
        switch (p->kind) {
        case PIECE_TEXT:
            text_add(all, p->text.data, p->text.len);
            break;
        case PIECE_VALUE:
            if (!print(x, &m, all))
                return false;
            break;
        case PIECE_LET:
            x->names[p->variable] = m;
            break;
        case PIECE_IF:
            at = made_truth(&m) ? at : p->to;
            break;
        case PIECE_GO:
            at = p->to;
            break;
        case PIECE_EACH:
            loops[p->loop].at = 0;
            if (!made_items(x, &m, &loops[p->loop].items))
                return false;
            at = loops[p->loop].items.count > 0 ? at : p->to;
            break;
        case PIECE_NEXT:
            at = next_round(x, &loops[p->loop], p->variable) ? at : p->to;
            break;
        }
    }
    return true;
}

bool template_make(struct asking *x, const struct template *t, struct made *out)
{
    struct loop *loops = NULL;
    *out = (struct made){.kind = MADE_TEXT};
    if (t->count == 1 && t->pieces[0].kind == PIECE_VALUE)
        return make(x, t->pieces[0].expression, out);
    if (t->variables > 0) {
        x->names = arena_alloc_n(&x->set->scratch, t->variables, sizeof *x->names);
        loops = arena_alloc_n(&x->set->scratch, t->loops + 1, sizeof *loops);
        if (x->names == NULL || loops == NULL)
            return memory(x);
        for (size_t i = 0; i < t->variables; i++)
            x->names[i] = (struct made){.kind = MADE_NOTHING};
    }
    struct text all = TEXT_INIT;
    bool ok = run(x, t, loops, &all) && keep(x, &all, &out->bytes);
    text_deinit(&all);
    return ok;
}

bool template_text(struct asking *x, const struct template *t, struct bytes *out)
{
    struct made m;
    return template_make(x, t, &m) && text_of(x, &m, out);
}

int template_constant(struct arena *arena, const struct node *at, struct bytes text, struct bytes *out,
                      struct error *err)
{
    struct stub_set *set = calloc(1, sizeof *set);
    struct template_compiler c = {.arena = arena, .err = err};
    const struct fake_asked asked = {.caller = ""};
    const struct template *t = NULL;
    struct bytes made = BYTES_NONE;
    if (set == NULL)
        return error_set(err, ERROR_MEMORY, "out of memory");
    struct asking x = {.set = set, .asked = &asked, .drawn = true};
    int code = template_compile_text(&c, at, text, &t);
    if (code == 0 && !template_text(&x, t, &made))
        code = node_error(at, err, x.why.code != 0 ? x.why.code : ERROR_MEMORY, "%s",
                          x.why.message != NULL ? x.why.message : "out of memory");
    if (code == 0) {
        *out = BYTES(arena_string_n(arena, (const char *)made.data, made.len), made.len);
        code = out->data != NULL ? 0 : error_set(err, ERROR_MEMORY, "out of memory");
    }
    asking_end(&x);
    arena_deinit(&set->scratch);
    scan_deinit(&set->scan);
    free(set);
    return code;
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
