#include "fuzz/loop/solve.h"

#include "fuzz/cover/compare.h"
#include "fuzz/message/put.h"
#include "fuzz/message/values.h"
#include "fuzz/message/wire_tree.h"

#include <stdlib.h>
#include <string.h>

#define NODES       256 /* of a message that is looked into; larger ones are left out */
#define PLACES_MAX  128 /* fields of one message that get markers */
#define TEXT_LENGTH 37  /* bytes of a marker in a text: as a number it is seldom anything else */
#define TEXT_MAX    1024
#define FILLED_MAX  8 /* empty messages put in to be filled */
#define OWN_TEXT    0
#define LENGTHS_MAX 5 /* lengths of markers tried in one text */
#define ALPHABET    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

struct solve {
    const struct fuzz_target *target;
    void *state;
    const struct fuzz_case *c;
    const struct solve_sink *sink;
    struct solve_stats *stats;
    struct random random;
    struct fuzz_case work;
    struct fuzz_trace trace;
    struct text message;
    uint64_t made[SOLVE_CASES_MAX]; /* hashes */
    bool failed;
    /* The message that is looked into. */
    size_t event;
    struct wire_node nodes[NODES];
    struct wire_tree tree;
};

/* A field that is there, or could be: [at, end) of `parent` is its value, or where it would go with its tag. */
struct place {
    const struct pb_field *field;
    uint32_t parent, at, end;
    bool there;
};

/* ---- running ---- */

static bool is_spent(const struct solve *s)
{
    return s->failed || s->stats->runs >= SOLVE_RUNS_MAX || s->stats->made >= SOLVE_CASES_MAX;
}

/* The comparisons of the case in `work`. */
static size_t run(struct solve *s, const struct compare **compares)
{
    fuzz_trace_clear(&s->trace);
    s->stats->runs++;
    compare_start();
    s->target->run(s->state, &s->work, &s->trace);
    compare_stop();
    size_t count = compare_last(compares);
    s->stats->compares += count;
    return count;
}

static bool set_work(struct solve *s, size_t event, struct bytes value)
{
    if (fuzz_case_copy(&s->work, s->c) || fuzz_case_set_value(&s->work, event, value) == ERROR_MEMORY)
        s->failed = true;
    return !s->failed;
}

/* The case in `work` goes out, if it is none that did before. */
static void give(struct solve *s)
{
    uint64_t hash = fuzz_case_hash(&s->work);
    for (size_t i = 0; i < s->stats->made; i++)
        if (s->made[i] == hash)
            return;
    if (s->stats->made == SOLVE_CASES_MAX)
        return;
    s->made[s->stats->made++] = hash;
    s->sink->made(s->sink->arg, &s->work);
}

/* ---- fields ---- */

static void put_content(struct solve *s, const struct place *p, uint64_t number, struct bytes text)
{
    text_clear(&s->message);
    if (!p->there)
        fuzz_put_tag(&s->message, p->field->number, fuzz_wire_type(p->field));
    if (fuzz_wire_type(p->field) == WIRE_BYTES) {
        fuzz_put_varint(&s->message, text.len);
        fuzz_put(&s->message, text.data, text.len);
    } else {
        value_put(&s->message, p->field->kind, number);
    }
}

/* The message with that value in `work`. */
static bool set_field(struct solve *s, const struct wire_tree *t, const struct place *p, uint64_t number,
                      struct bytes text)
{
    put_content(s, p, number, text);
    wire_tree_edit(t, p->parent, p->at, p->end, &s->message, 0);
    if (!text_ok(&s->message))
        s->failed = true;
    return !s->failed && set_work(s, s->event, text_bytes(&s->message));
}

static bool name_of(const struct pb_field *f, struct solved *out)
{
    size_t len = strlen(f->owner->full_name);
    if (len >= sizeof out->type)
        return false;
    memcpy(out->type, f->owner->full_name, len + 1);
    out->field = f->number;
    return true;
}

static void learnt(struct solve *s, const struct solved *what)
{
    s->stats->learnt++;
    s->sink->learnt(s->sink->arg, what);
}

static void learnt_number(struct solve *s, const struct pb_field *f, uint64_t number)
{
    struct solved what = {.len = 8};
    memcpy(what.value, &number, 8);
    if (name_of(f, &what))
        learnt(s, &what);
}

static void learnt_text(struct solve *s, const struct pb_field *f, struct bytes text)
{
    struct solved what = {.len = (uint8_t)text.len};
    if (text.len == 0 || text.len > SOLVE_VALUE_MAX || !name_of(f, &what))
        return;
    memcpy(what.value, text.data, text.len);
    learnt(s, &what);
}

/* ---- numbers ---- */

static uint64_t cut(uint64_t value, uint8_t size)
{
    return size < 8 ? value & ((UINT64_C(1) << 8 * size) - 1) : value;
}

static uint64_t swapped(uint64_t value, uint8_t size)
{
    return __builtin_bswap64(value) >> (64 - 8 * size);
}

/* What the other side of the comparison is, as the field would have to hold it. False: no side is the marker. */
static bool wanted_number(const struct compare *c, uint64_t marker, uint64_t *wanted)
{
    if (c->size < 2 || c->size > 8)
        return false;
    uint64_t plain = cut(marker, c->size), turned = swapped(plain, c->size);
    if (c->a == plain || c->b == plain)
        *wanted = c->a == plain ? c->b : c->a;
    else if (c->a == turned || c->b == turned)
        *wanted = swapped(c->a == turned ? c->b : c->a, c->size);
    else
        return false;
    return true;
}

/* A value no other field has: large, but not negative in any width of the kind. */
static bool marker_of(struct solve *s, const struct pb_field *f, uint64_t *out)
{
    uint64_t lot = random_next(&s->random);
    if (f->kind == PB_DOUBLE || f->kind == PB_FLOAT || f->kind == PB_BOOL)
        return false;
    uint64_t narrow = value_of_kind(f->kind, UINT64_MAX) == UINT32_MAX || f->kind == PB_INT32 || f->kind == PB_SINT32 ||
                      f->kind == PB_SFIXED32 || f->kind == PB_ENUM;
    *out = narrow ? (lot & 0x3fffffff) | 0x21000000 : (lot & 0x3fffffffffffffff) | 0x2100000000000000;
    return true;
}

/* Of another field of the same message: its last element, its content, and how many there are. */
static struct bytes content_of(const struct wire_tree *t, uint32_t parent, const struct pb_field *f, size_t *count,
                               const struct wire_node **last)
{
    *count = 0;
    *last = NULL;
    for (uint32_t i = parent + 1; i < t->nodes[parent].next; i = t->nodes[i].next)
        if (t->nodes[i].field == f) {
            *last = &t->nodes[i];
            ++*count;
        }
    return *last ? BYTES(t->input.data + (*last)->data, (*last)->end - (*last)->data) : BYTES_NONE;
}

/* Does the relation hold when the other field is another? Its content gets longer, or one more element comes. */
static bool is_confirmed(struct solve *s, const struct place *p, const struct relation *r, uintptr_t code)
{
    struct text changed = TEXT_INIT;
    struct wire_node nodes[NODES];
    struct wire_tree t;
    const struct wire_node *last;
    const struct compare *compares;
    size_t count;
    uint64_t marker, wanted;
    bool confirmed = false;
    struct bytes content = content_of(&s->tree, p->parent, r->of, &count, &last);
    if (r->kind == RELATION_COUNT) {
        fuzz_put(&changed, s->tree.input.data + last->start, last->end - last->start);
        wire_tree_edit(&s->tree, p->parent, last->end, last->end, &changed, 0);
    } else {
        size_t mark = fuzz_open(&changed);
        fuzz_put(&changed, content.data, content.len);
        fuzz_put(&changed, "solve", 5);
        fuzz_close(&changed, mark);
        wire_tree_edit(&s->tree, p->parent, last->value, last->end, &changed, 0);
    }
    s->failed |= !text_ok(&changed);
    wire_tree_read(&t, nodes, NODES, s->tree.type, text_bytes(&changed), 0);
    /* The parent keeps its number: nodes before it are the same, and only what is within it changed. */
    if (!s->failed && t.clean && !t.full && p->parent < t.count && nodes[p->parent].flags & NODE_OPEN &&
        marker_of(s, p->field, &marker)) {
        struct place again = {.field = p->field, .parent = p->parent, .at = nodes[p->parent].end};
        for (uint32_t i = p->parent + 1; i < nodes[p->parent].next; i = nodes[i].next)
            if (nodes[i].field == p->field)
                again = (struct place){p->field, p->parent, nodes[i].value, nodes[i].end, true};
        if (!again.there)
            again.end = again.at;
        content = content_of(&t, p->parent, r->of, &count, &last);
        uint64_t expected = relation_value(r->kind, r->width, content, count);
        if (set_field(s, &t, &again, marker, BYTES_NONE))
            for (size_t i = 0, all = run(s, &compares); i < all; i++)
                confirmed |=
                    compares[i].place == code && wanted_number(&compares[i], marker, &wanted) && wanted == expected;
    }
    text_deinit(&changed);
    return confirmed;
}

static void find_relation(struct solve *s, const struct place *p, const struct compare *c, uint64_t wanted)
{
    const struct pb_type *type = p->field->owner;
    uintptr_t code = c->place;
    uint8_t width = c->size; /* `c` is overwritten by the next run */
    for (size_t i = 0; i < type->field_count && wanted > 1; i++) {
        const struct pb_field *of = &type->fields[i];
        const struct wire_node *last;
        size_t count;
        struct bytes content = content_of(&s->tree, p->parent, of, &count, &last);
        bool text = of->kind == PB_STRING || of->kind == PB_BYTES;
        if (of == p->field || !last || (last->flags & NODE_PACKED))
            continue;
        for (int kind = 0; kind < RELATION_KINDS; kind++) {
            struct relation r = {p->field, of, (enum relation_kind)kind, width};
            if ((kind == RELATION_COUNT ? !of->repeated : !text) ||
                relation_value(r.kind, width, content, count) != wanted || !is_confirmed(s, p, &r, code))
                continue;
            struct solved what = {.of = of->number, .kind = (uint8_t)kind, .width = width};
            if (name_of(p->field, &what))
                learnt(s, &what);
            return;
        }
    }
}

static void probe_number(struct solve *s, const struct place *p)
{
    const struct compare *compares;
    struct compare own[64];
    uint64_t marker, wanted;
    size_t count, kept = 0;
    if (!marker_of(s, p->field, &marker) || !set_field(s, &s->tree, p, marker, BYTES_NONE))
        return;
    count = run(s, &compares);
    for (size_t i = 0; i < count && kept < sizeof own / sizeof own[0]; i++)
        if (wanted_number(&compares[i], marker, &wanted))
            own[kept++] = compares[i];
    for (size_t i = 0; i < kept && !is_spent(s); i++) {
        wanted_number(&own[i], marker, &wanted);
        uint64_t value = value_of_kind(p->field->kind, wanted);
        learnt_number(s, p->field, value);
        /* Which way it was compared is not known: just beside it, too. */
        for (int off = -1; off <= 1; off++)
            if (set_field(s, &s->tree, p, value_of_kind(p->field->kind, value + (uint64_t)(int64_t)off), BYTES_NONE))
                give(s);
        find_relation(s, p, &own[i], wanted);
    }
}

/* ---- texts ---- */

/* Where the side's bytes stand in the text; SIZE_MAX: nowhere. */
static size_t find_in(struct bytes text, const void *side, size_t len)
{
    const uint8_t *at = len && len <= text.len ? memmem(text.data, text.len, side, len) : NULL;
    return at ? (size_t)(at - text.data) : SIZE_MAX;
}

/* A number as the text may hold it: in either byte order, in as few bytes as both sides fit into, for code compares
 * wider numbers than it reads. How many bytes; 0: it is not there. */
static size_t number_in(struct bytes text, const struct compare *c, uint64_t number, uint64_t other, uint8_t out[8],
                        size_t *at)
{
    for (uint8_t size = c->size; size >= 1; size /= 2) {
        if (cut(number, size) != number || cut(other, size) != other || (size == 1 && number == 0))
            break;
        uint64_t turned = swapped(number, size), other_turned = swapped(other, size);
        memcpy(out, &other, 8);
        if ((*at = find_in(text, &number, size)) != SIZE_MAX)
            return size;
        memcpy(out, &other_turned, 8);
        if ((*at = find_in(text, &turned, size)) != SIZE_MAX)
            return size;
    }
    return 0;
}

/* The text with what a comparison wants in place of what it was compared with. False: the text is in neither side. */
static bool wanted_text(struct solve *s, const struct compare *c, struct bytes text, struct text *out)
{
    uint8_t number[8];
    size_t at = SIZE_MAX, len = 0;
    struct bytes other = BYTES_NONE;
    for (int side = 0; side < 2 && len == 0; side++) {
        struct bytes own = side ? BYTES(c->b_bytes, c->b_len) : BYTES(c->a_bytes, c->a_len);
        if (c->size) {
            len = number_in(text, c, side ? c->b : c->a, side ? c->a : c->b, number, &at);
            other = BYTES(number, len);
        } else if (own.len > 0 && (at = find_in(text, own.data, own.len)) != SIZE_MAX) {
            len = own.len;
            other = side ? BYTES(c->a_bytes, c->a_len) : BYTES(c->b_bytes, c->b_len);
        }
    }
    if (len == 0)
        return false;
    text_clear(out);
    text_add(out, text.data, at);
    if (other.len)
        text_add(out, other.data, other.len);
    /* Two strings are compared whole, blocks of memory piece by piece. */
    size_t rest = c->size || other.len <= len ? at + len : at + other.len;
    if (rest < text.len)
        text_add(out, text.data + rest, text.len - rest);
    s->failed |= !text_ok(out);
    return text_ok(out);
}

static void fill_marker(struct solve *s, struct text *out, size_t len)
{
    char letters[] = ALPHABET;
    size_t count = sizeof letters - 1;
    text_clear(out);
    for (size_t i = 0; i < len; i++) {
        /* All different as long as there are letters, so that one tells its place. */
        size_t at = i % count, with = at + (size_t)random_below(&s->random, count - at);
        char c = letters[with];
        letters[with] = letters[at];
        letters[at] = c;
        text_char(out, c);
    }
}

/* A text of that length in place of the field's; OWN_TEXT: what it holds, for what is asked of its end only when its
 * beginning is right. Lengths the target asks for are appended. */
static void probe_text_of(struct solve *s, const struct place *p, size_t length, size_t *lengths, size_t *length_count)
{
    struct text marker = TEXT_INIT, patched = TEXT_INIT;
    const struct compare *compares;
    if (length != OWN_TEXT) {
        fill_marker(s, &marker, length);
    } else if (p->there) {
        struct bytes own = BYTES(s->tree.input.data + p->at, p->end - p->at);
        uint64_t len;
        size_t head = pb_varint_read(own, &len);
        text_add(&marker, own.data + head, own.len - head);
    }
    s->failed |= !text_ok(&marker);
    if (!s->failed && set_field(s, &s->tree, p, 0, text_bytes(&marker))) {
        size_t count = run(s, &compares);
        for (size_t i = 0; i < count && !is_spent(s); i++) {
            const struct compare *c = &compares[i];
            if (wanted_text(s, c, text_bytes(&marker), &patched)) {
                bool valid = p->field->kind != PB_STRING || wire_text_valid(text_bytes(&patched));
                if (valid && c->size != 1)
                    learnt_text(s, p->field, text_bytes(&patched));
                if (set_field(s, &s->tree, p, 0, text_bytes(&patched)))
                    give(s);
            }
            uint64_t wanted = c->a == length ? c->b : c->a;
            if (c->size < 4 || (c->a != length && c->b != length) || wanted == 0 || wanted > TEXT_MAX ||
                length != TEXT_LENGTH)
                continue;
            for (size_t n = 0; n <= *length_count && *length_count < LENGTHS_MAX; n++)
                if (n == *length_count) {
                    lengths[(*length_count)++] = (size_t)wanted;
                    break;
                } else if (lengths[n] == wanted) {
                    break;
                }
        }
    }
    text_deinit(&marker);
    text_deinit(&patched);
}

static void probe_text(struct solve *s, const struct place *p)
{
    size_t own = p->there ? p->end - p->at : 0, lengths[LENGTHS_MAX] = {TEXT_LENGTH, OWN_TEXT}, count = 1 + p->there;
    if (own > 4 && own < TEXT_MAX && own - 1 != TEXT_LENGTH)
        lengths[count++] = own - 1; /* about as long as it is */
    for (size_t i = 0; i < count && !is_spent(s); i++)
        probe_text_of(s, p, lengths[i], lengths, &count);
}

/* ---- places ---- */

static void probe(struct solve *s, const struct place *p)
{
    if (is_spent(s) || p->field->kind == PB_MESSAGE)
        return;
    if (fuzz_wire_type(p->field) == WIRE_BYTES)
        probe_text(s, p);
    else
        probe_number(s, p);
}

static void look_into(struct solve *s, size_t event, const struct pb_type *type, struct bytes message)
{
    size_t places = 0;
    s->event = event;
    wire_tree_read(&s->tree, s->nodes, NODES, type, message, 0);
    if (!s->tree.clean || s->tree.full)
        return;
    for (uint32_t i = 1; i < s->tree.count && places < PLACES_MAX; i++) {
        const struct wire_node *n = &s->nodes[i];
        if (!n->field || n->flags)
            continue;
        probe(s, &(struct place){n->field, n->parent, n->value, n->end, true});
        places++;
    }
    for (uint32_t i = 0; i < s->tree.count && places < PLACES_MAX; i++) {
        const struct wire_node *n = &s->nodes[i];
        if (!(n->flags & NODE_OPEN))
            continue;
        const struct pb_type *t = wire_tree_type(&s->tree, n);
        for (size_t k = 0; k < t->field_count && places < PLACES_MAX; k++) {
            const struct wire_node *last;
            size_t count;
            content_of(&s->tree, i, &t->fields[k], &count, &last);
            if (count > 0 || t->fields[k].kind == PB_MESSAGE)
                continue;
            probe(s, &(struct place){&t->fields[k], i, n->end, n->end, false});
            places++;
        }
    }
}

/* The message with an empty message wherever the root, or one that holds something, has none: so that their fields can
 * be put in. False: there is nothing to add. */
static bool fill(struct solve *s, const struct pb_type *type, struct bytes message, struct text *out)
{
    struct text next = TEXT_INIT;
    bool added = false;
    text_clear(out);
    text_add(out, message.data, message.len);
    s->failed |= !text_ok(out);
    for (size_t n = 0; n < FILLED_MAX && !s->failed; n++) {
        const struct pb_field *f = NULL;
        uint32_t at = 0;
        wire_tree_read(&s->tree, s->nodes, NODES, type, text_bytes(out), 0);
        for (uint32_t i = 0; i < s->tree.count && !f && s->tree.clean && !s->tree.full; i++) {
            const struct wire_node *m = &s->nodes[i];
            if (!(m->flags & NODE_OPEN) || (i > 0 && m->end == m->data))
                continue;
            const struct pb_type *t = wire_tree_type(&s->tree, m);
            for (size_t k = 0; k < t->field_count && !f; k++) {
                const struct wire_node *last;
                size_t count;
                content_of(&s->tree, i, &t->fields[k], &count, &last);
                if (count == 0 && t->fields[k].kind == PB_MESSAGE && t->fields[k].oneof < 0)
                    f = &t->fields[k];
            }
            at = i;
        }
        if (!f)
            break;
        text_clear(&next);
        fuzz_put_bytes(&next, f->number, BYTES_NONE);
        wire_tree_edit(&s->tree, at, s->nodes[at].end, s->nodes[at].end, &next, 0);
        s->failed |= !text_ok(&next);
        text_clear(out);
        text_add(out, next.data, next.len);
        s->failed |= !text_ok(out);
        added = true;
    }
    text_deinit(&next);
    return added && !s->failed;
}

/* Bytes no descriptor knows: as they are, searched for either side. */
static void look_at_bytes(struct solve *s, size_t event, struct bytes value)
{
    struct text patched = TEXT_INIT;
    const struct compare *compares;
    if (value.len > 0 && set_work(s, event, value)) {
        size_t count = run(s, &compares);
        for (size_t i = 0; i < count && !is_spent(s); i++)
            if ((compares[i].size > 1 || compares[i].a_len > 1) && wanted_text(s, &compares[i], value, &patched) &&
                set_work(s, event, text_bytes(&patched)))
                give(s);
    }
    text_deinit(&patched);
}

int solve_case(const struct fuzz_target *target, void *state, const struct pb_pool *pool, const struct fuzz_case *c,
               const struct solve_sink *sink, struct solve_stats *stats)
{
    *stats = (struct solve_stats){0};
    if (!compare_start())
        return ERROR_NOT_FOUND;
    compare_stop();
    struct solve *s = calloc(1, sizeof *s);
    if (!s)
        return ERROR_MEMORY;
    s->target = target;
    s->state = state;
    s->c = c;
    s->sink = sink;
    s->stats = stats;
    random_seed(&s->random, fuzz_case_hash(c));
    struct text filled = TEXT_INIT;
    for (size_t i = 0; i < c->events.count && !is_spent(s); i++) {
        const struct fuzz_event *e = &c->events.items[i];
        struct bytes value = fuzz_case_bytes(c, e->value);
        const struct pb_method *m = e->kind == EVENT_MESSAGE && pool ? fuzz_case_method(c, e->call, pool) : NULL;
        if (m) {
            look_into(s, i, m->input, value);
            if (!is_spent(s) && fill(s, m->input, value, &filled))
                look_into(s, i, m->input, text_bytes(&filled));
        }
        if (!m && (e->kind == EVENT_MESSAGE || e->kind == EVENT_BYTES || e->kind == EVENT_METADATA ||
                   e->kind == EVENT_FRAME || e->kind == EVENT_HEADERS || e->kind == EVENT_HTTP))
            look_at_bytes(s, i, value);
    }
    int rc = s->failed ? ERROR_MEMORY : 0;
    fuzz_case_deinit(&s->work);
    fuzz_trace_deinit(&s->trace);
    text_deinit(&s->message);
    text_deinit(&filled);
    free(s);
    return rc;
}
