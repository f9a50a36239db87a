#include "fuzz/message/generate.h"

#define REPEATED_MAX 4

struct generator {
    struct random *r;
    struct text *out;
    size_t limit; /* of out->len */
    bool sparse;
};

static void put_message(struct generator *g, const struct pb_type *type, unsigned levels);

static size_t left(const struct generator *g)
{
    return g->out->len < g->limit ? g->limit - g->out->len : 0;
}

static void put_value(struct generator *g, const struct pb_field *f, unsigned levels)
{
    if (fuzz_wire_type(f) != WIRE_BYTES) {
        value_put(g->out, f->kind, value_fresh(g->r, f));
        return;
    }
    size_t mark = fuzz_open(g->out), room = left(g);
    if (f->kind == PB_MESSAGE && levels > 0)
        put_message(g, f->message, levels - 1);
    else if (f->kind != PB_MESSAGE)
        value_text_fresh(g->r, f, room > 9 ? room - 9 : 0, g->out); /* 9: what the length may take more */
    fuzz_close(g->out, mark);
}

/* Depth is bounded by `levels`. What does not fit is taken back. */
static void put_field(struct generator *g, const struct pb_field *f, unsigned levels)
{
    size_t base = g->out->len;
    if (f->packed && random_below(g->r, 4) > 0) {
        fuzz_put_tag(g->out, f->number, WIRE_BYTES);
        size_t mark = fuzz_open(g->out);
        for (uint64_t n = random_below(g->r, REPEATED_MAX); n > 0; n--)
            put_value(g, f, levels);
        fuzz_close(g->out, mark);
        if (g->out->len > g->limit)
            text_truncate(g->out, base);
        return;
    }
    for (uint64_t n = f->repeated ? random_below(g->r, REPEATED_MAX) : 1; n > 0; n--) {
        base = g->out->len;
        fuzz_put_tag(g->out, f->number, fuzz_wire_type(f));
        put_value(g, f, levels);
        if (g->out->len > g->limit)
            text_truncate(g->out, base);
    }
}

static void put_message(struct generator *g, const struct pb_type *type, unsigned levels)
{
    /* One member of each oneof at the most; an entry of a map has its key and its value. */
    uint64_t chosen_oneofs = 0;
    for (size_t i = 0; i < type->field_count && left(g) > 0; i++) {
        const struct pb_field *f = &type->fields[i];
        bool wanted = type->map_entry || (g->sparse ? random_below(g->r, 4) == 0 : random_below(g->r, 4) > 0);
        if (f->kind == PB_MESSAGE && levels == 0)
            wanted = wanted && type->map_entry;
        if (f->oneof >= 0 && f->oneof < 64) {
            if (chosen_oneofs >> f->oneof & 1)
                wanted = false;
            else if (wanted)
                chosen_oneofs |= UINT64_C(1) << f->oneof;
        }
        if (wanted)
            put_field(g, f, levels);
    }
}

void fuzz_generate(struct random *r, const struct pb_type *type, struct text *out)
{
    fuzz_generate_small(r, type, FUZZ_DEPTH_MAX, FUZZ_GENERATE_MAX, false, out);
}

void fuzz_generate_small(struct random *r, const struct pb_type *type, unsigned levels, size_t max, bool sparse,
                         struct text *out)
{
    struct generator g = {r, out, out->len + max, sparse};
    put_message(&g, type, levels);
}

void fuzz_put_field(struct random *r, const struct pb_field *f, unsigned levels, size_t max, struct text *out)
{
    struct generator g = {r, out, out->len + max, true};
    put_field(&g, f, levels);
}

void fuzz_put_value(struct random *r, const struct pb_field *f, unsigned levels, size_t max, struct text *out)
{
    struct generator g = {r, out, out->len + max, true};
    put_value(&g, f, levels);
}
