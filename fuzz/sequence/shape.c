#include "fuzz/sequence/shape.h"

#include "base/array.h"
#include "fuzz/sequence/wire.h"

#include <stdlib.h>
#include <string.h>

struct path {
    const struct pb_field *fields[SEQUENCE_DEPTH_MAX];
    size_t depth;
    const struct pb_type *type;
    bool repeated;
};

#define PATHS_MAX 256 /* messages looked into for one type */

struct gathering {
    ARRAY(struct sequence_leaf) leaves;
    ARRAY(struct path) paths; /* messages still to look into: breadth first */
};

uint32_t sequence_hash_words(const struct sequence_words *w, size_t from)
{
    uint32_t h = 2166136261U; /* FNV-1a */
    for (size_t i = from; i < w->count; i++) {
        for (const char *c = w->word[i]; *c; c++)
            h = (h ^ (uint8_t)*c) * 16777619U;
        h = (h ^ ' ') * 16777619U;
    }
    return h;
}

static bool was_entered(const struct path *p, const struct pb_type *top, const struct pb_type *t)
{
    if (t == top)
        return true;
    for (size_t i = 0; i < p->depth; i++)
        if (p->fields[i]->message == t)
            return true;
    return false;
}

static int gather_from(struct gathering *g, struct path from, const struct pb_type *top)
{
    for (size_t i = 0; i < from.type->field_count; i++) {
        const struct pb_field *f = &from.type->fields[i];
        if (f->map || from.depth == SEQUENCE_DEPTH_MAX)
            continue;
        if (f->kind == PB_MESSAGE) {
            struct path next = from;
            if (was_entered(&from, top, f->message) || g->paths.count >= PATHS_MAX)
                continue;
            next.fields[next.depth++] = f;
            next.type = f->message;
            next.repeated = from.repeated || f->repeated;
            if (!array_push(&g->paths, next))
                return ERROR_MEMORY;
            continue;
        }
        if (g->leaves.count == SEQUENCE_LEAVES_MAX)
            return 0;
        struct sequence_leaf leaf = {.depth = from.depth + 1, .repeated = from.repeated || f->repeated};
        struct sequence_words words;
        memcpy(leaf.fields, from.fields, from.depth * sizeof leaf.fields[0]);
        leaf.fields[from.depth] = f;
        sequence_words_of(f->name, &words);
        leaf.class = sequence_class_of(&words);
        leaf.last_word = words.count > 0 ? sequence_hash_words(&words, words.count - 1) : 0;
        if (!array_push(&g->leaves, leaf))
            return ERROR_MEMORY;
    }
    return 0;
}

int sequence_shape_of(const struct pb_type *type, struct sequence_shape *out)
{
    struct gathering g = {0};
    int rc = array_push(&g.paths, ((struct path){.type = type})) ? 0 : ERROR_MEMORY;
    for (size_t i = 0; rc == 0 && i < g.paths.count; i++)
        rc = gather_from(&g, g.paths.items[i], type);
    array_deinit(&g.paths);
    if (rc != 0)
        array_deinit(&g.leaves);
    *out = (struct sequence_shape){type, g.leaves.items, g.leaves.count};
    return rc;
}

void sequence_shape_deinit(struct sequence_shape *s)
{
    free(s->leaves);
    *s = (struct sequence_shape){0};
}

void sequence_leaf_print(const struct sequence_leaf *l, struct text *out)
{
    for (size_t i = 0; i < l->depth; i++)
        text_printf(out, "%s%s%s", i > 0 ? "." : "", l->fields[i]->name, l->fields[i]->repeated ? "[]" : "");
}

/* ---- values ---- */

/* The depth is the leaf's. */
static bool walk(const struct sequence_leaf *l, size_t level, struct bytes message,
                 bool (*each)(void *arg, struct bytes value), void *arg)
{
    const struct pb_field *f = l->fields[level];
    struct wire_item item;
    while (wire_next(&message, &item)) {
        if (item.number != f->number)
            continue;
        if (level + 1 < l->depth) {
            if (item.type == WIRE_BYTES && walk(l, level + 1, item.value, each, arg))
                return true;
        } else if (f->repeated && item.type == WIRE_BYTES && fuzz_wire_type(f) != WIRE_BYTES) {
            struct bytes packed = item.value, value;
            while (wire_packed_next(&packed, fuzz_wire_type(f), &value))
                if (each(arg, value))
                    return true;
        } else if (item.type == fuzz_wire_type(f) && each(arg, item.value)) {
            return true;
        }
    }
    return false;
}

bool sequence_leaf_each(const struct sequence_leaf *l, struct bytes message,
                        bool (*each)(void *arg, struct bytes value), void *arg)
{
    return walk(l, 0, message, each, arg);
}

static bool is_blank(struct bytes value)
{
    for (size_t i = 0; i < value.len; i++)
        if (value.data[i] != 0)
            return false;
    return true;
}

static bool keep_first(void *arg, struct bytes value)
{
    if (is_blank(value))
        return false;
    *(struct bytes *)arg = value;
    return true;
}

static bool keep_last(void *arg, struct bytes value)
{
    *(struct bytes *)arg = value;
    return false;
}

/* Of a field that has but one value the last one counts, as decoders take it. */
bool sequence_leaf_get(const struct sequence_leaf *l, struct bytes message, struct bytes *out)
{
    *out = BYTES_NONE;
    (void)walk(l, 0, message, l->repeated ? keep_first : keep_last, out);
    if (is_blank(*out))
        *out = BYTES_NONE;
    return out->len > 0;
}

struct tally {
    struct bytes wanted;
    size_t count;
};

static bool count_equal(void *arg, struct bytes value)
{
    struct tally *t = arg;
    t->count += bytes_equal(value, t->wanted);
    return false;
}

size_t sequence_leaf_count(const struct sequence_leaf *l, struct bytes message, struct bytes value)
{
    struct tally t = {value, 0};
    (void)walk(l, 0, message, count_equal, &t);
    return t.count;
}

#define VALUE_DEPTH_MAX 16

static bool value_in(const struct pb_type *type, struct bytes message, struct bytes value, int depth)
{
    struct wire_item item;
    while (wire_next(&message, &item)) {
        const struct pb_field *f = item.type == WIRE_BYTES ? pb_field_by_number(type, item.number) : NULL;
        if (f == NULL)
            continue;
        if ((f->kind == PB_STRING || f->kind == PB_BYTES) && bytes_equal(item.value, value))
            return true;
        if (f->kind == PB_MESSAGE && depth < VALUE_DEPTH_MAX && value_in(f->message, item.value, value, depth + 1))
            return true;
    }
    return false;
}

bool sequence_value_in(const struct pb_type *type, struct bytes message, struct bytes value)
{
    return value.len > 0 && value_in(type, message, value, 0);
}
