#include "base/hash.h"
#include "fuzz/message/dictionary_internal.h"

#include "fuzz/message/put.h"
#include "fuzz/message/values.h"
#include "fuzz/message/wire_tree.h"

#include <stdlib.h>

struct value {
    uint64_t number, hash;
    uint32_t tried, won;
    uint16_t serial; /* counts who stood here, so that an old reference is known */
    uint8_t group, source, len;
    bool valid_string;
    uint8_t text[DICTIONARY_TEXT_MAX];
};

struct reference {
    uint16_t value, serial;
};

struct key {
    uint64_t key; /* 0: free */
    uint8_t count, next;
    struct reference values[DICTIONARY_PER_KEY];
};

struct dictionary {
    struct value values[DICTIONARY_VALUES];
    struct key keys[DICTIONARY_KEYS]; /* open addressing */
    size_t value_count, key_count, hand;
    size_t counts[VALUE_SOURCE_COUNT];
};

/* ---- keys ---- */

static uint64_t finish(uint64_t h)
{
    h ^= h >> 32;
    return h != 0 ? h : 1;
}

static uint64_t start(char kind)
{
    return hash_add(HASH_START, BYTES(&kind, 1));
}

static uint64_t field_key(const struct pb_field *f)
{
    uint32_t number = f->number;
    return finish(hash_add(hash_add(start('f'), bytes_of(f->owner->full_name)), BYTES(&number, sizeof number)));
}

static uint64_t name_key(const char *name, enum value_class group)
{
    uint8_t c = (uint8_t)group;
    return finish(hash_add(hash_add(start('n'), bytes_of(name)), BYTES(&c, 1)));
}

static uint64_t class_key(enum value_class group)
{
    uint8_t c = (uint8_t)group;
    return finish(hash_add(start('c'), BYTES(&c, 1)));
}

enum value_class dictionary_class(const struct pb_field *f)
{
    switch (f->kind) {
    case PB_STRING:
    case PB_BYTES:
        return CLASS_TEXT;
    case PB_DOUBLE:
    case PB_FLOAT:
        return CLASS_REAL;
    case PB_MESSAGE:
        return CLASS_NONE;
    case PB_INT64:
    case PB_UINT64:
    case PB_INT32:
    case PB_FIXED64:
    case PB_FIXED32:
    case PB_BOOL:
    case PB_UINT32:
    case PB_ENUM:
    case PB_SFIXED32:
    case PB_SFIXED64:
    case PB_SINT32:
    case PB_SINT64:
        break;
    }
    return CLASS_INTEGER;
}

/* Its place, or the free one where it would go. */
static size_t find_key(const struct dictionary *d, uint64_t key)
{
    size_t at = key % DICTIONARY_KEYS;
    while (d->keys[at].key != 0 && d->keys[at].key != key)
        at = (at + 1) % DICTIONARY_KEYS;
    return at;
}

static bool is_live(const struct dictionary *d, struct reference ref)
{
    return d->values[ref.value].serial == ref.serial;
}

static void refer(struct dictionary *d, uint64_t key, size_t value)
{
    struct key *k = &d->keys[find_key(d, key)];
    struct reference ref = {(uint16_t)value, d->values[value].serial};
    if (k->key == 0) {
        if (d->key_count >= DICTIONARY_KEYS / 4 * 3) /* else looking for one would take ever longer */
            return;
        d->key_count++;
        k->key = key;
    }
    for (size_t i = 0; i < k->count; i++) {
        if (k->values[i].value == value && k->values[i].serial == ref.serial)
            return;
        if (!is_live(d, k->values[i])) {
            k->values[i] = ref;
            return;
        }
    }
    if (k->count < DICTIONARY_PER_KEY) {
        k->values[k->count++] = ref;
        return;
    }
    /* The next one in turn that did not lead to anything, and is not the user's; else the next one. */
    size_t at = k->next;
    for (size_t i = 0; i < DICTIONARY_PER_KEY; i++) {
        size_t candidate = (k->next + i) % DICTIONARY_PER_KEY;
        const struct value *v = &d->values[k->values[candidate].value];
        if (v->won == 0 && v->source != SOURCE_USER) {
            at = candidate;
            break;
        }
    }
    k->values[at] = ref;
    k->next = (uint8_t)((at + 1) % DICTIONARY_PER_KEY);
}

/* ---- values ---- */

static bool is_same(const struct value *v, const struct value *other)
{
    return v->hash == other->hash && v->group == other->group && v->number == other->number && v->len == other->len &&
           memcmp(v->text, other->text, v->len) == 0;
}

/* Where the new value goes. */
static size_t take_place(struct dictionary *d)
{
    if (d->value_count < DICTIONARY_VALUES)
        return d->value_count++;
    /* At most DICTIONARY_USER_MAX are passed over for good, and each of the others is worth less every time. */
    for (;;) {
        size_t at = d->hand;
        struct value *v = &d->values[at];
        d->hand = (d->hand + 1) % DICTIONARY_VALUES;
        if (v->source == SOURCE_USER)
            continue;
        if (v->won == 0)
            return at;
        v->won /= 2;
        v->tried /= 2;
    }
}

/* The value found by this key, or DICTIONARY_VALUES. */
static size_t find_value(const struct dictionary *d, uint64_t key, const struct value *wanted)
{
    const struct key *k = &d->keys[find_key(d, key)];
    for (size_t i = 0; i < k->count; i++)
        if (is_live(d, k->values[i]) && is_same(&d->values[k->values[i].value], wanted))
            return k->values[i].value;
    return DICTIONARY_VALUES;
}

/* Under which keys it is found; 0: not under that one. */
static void add(struct dictionary *d, const struct value *wanted, enum value_source source, const uint64_t keys[3])
{
    if (source == SOURCE_USER && d->counts[SOURCE_USER] >= DICTIONARY_USER_MAX)
        return;
    size_t at = DICTIONARY_VALUES;
    for (size_t i = 0; i < 3 && at == DICTIONARY_VALUES; i++)
        if (keys[i] != 0)
            at = find_value(d, keys[i], wanted);
    if (at < DICTIONARY_VALUES) {
        /* Known: it counts for who knows better, and may be new to some of the keys. */
        struct value *v = &d->values[at];
        if (source > v->source) {
            d->counts[v->source]--;
            d->counts[source]++;
            v->source = (uint8_t)source;
        }
    } else {
        at = take_place(d);
        struct value *v = &d->values[at];
        uint16_t serial = v->serial;
        if (v->group != CLASS_NONE)
            d->counts[v->source]--;
        *v = *wanted;
        v->serial = (uint16_t)(serial + 1);
        v->source = (uint8_t)source;
        d->counts[source]++;
    }
    for (size_t i = 0; i < 3; i++)
        if (keys[i] != 0)
            refer(d, keys[i], at);
}

static void add_to_field(struct dictionary *d, const struct pb_field *f, const struct value *v,
                         enum value_source source)
{
    const uint64_t keys[3] = {field_key(f), name_key(f->name, (enum value_class)v->group),
                              class_key((enum value_class)v->group)};
    add(d, v, source, keys);
}

static bool make_text(struct bytes text, struct value *out)
{
    if (text.len > DICTIONARY_TEXT_MAX)
        return false;
    *out = (struct value){.group = CLASS_TEXT, .len = (uint8_t)text.len, .valid_string = wire_text_valid(text)};
    if (text.len > 0)
        memcpy(out->text, text.data, text.len);
    out->hash = hash_add(start('t'), text);
    return true;
}

static void make_number(enum value_class group, uint64_t number, struct value *out)
{
    *out = (struct value){.group = (uint8_t)group, .number = number};
    out->hash = hash_add(start('i'), BYTES(&number, sizeof number));
}

/* ---- where they come from ---- */

struct dictionary *dictionary_new(void)
{
    return calloc(1, sizeof(struct dictionary));
}

size_t dictionary_bytes(void)
{
    return sizeof(struct dictionary);
}

void dictionary_free(struct dictionary *d)
{
    free(d);
}

/* A float is kept as the double it equals. */
static uint64_t as_double(enum pb_kind kind, uint64_t number)
{
    float f;
    uint32_t narrow = (uint32_t)number;
    if (kind != PB_FLOAT)
        return number;
    memcpy(&f, &narrow, sizeof f);
    double wide = (double)f;
    memcpy(&number, &wide, sizeof number);
    return number;
}

static uint64_t as_float(enum pb_kind kind, uint64_t number)
{
    double wide;
    uint32_t narrow;
    if (kind != PB_FLOAT)
        return number;
    memcpy(&wide, &number, sizeof wide);
    float f = (float)wide;
    memcpy(&narrow, &f, sizeof narrow);
    return narrow;
}

void dictionary_learn(struct dictionary *d, const struct pb_type *type, struct bytes reply)
{
    struct wire_node nodes[WIRE_TREE_NODES];
    struct wire_tree t;
    size_t left = DICTIONARY_REPLY_MAX;
    wire_tree_read(&t, nodes, WIRE_TREE_NODES, type, reply, 0);
    for (uint32_t i = 1; i < t.count && left > 0; i++) {
        const struct wire_node *n = &nodes[i];
        struct value v;
        uint64_t number;
        if (n->field == NULL || n->flags != 0)
            continue;
        if (dictionary_class(n->field) == CLASS_TEXT) {
            /* The empty one is no news. */
            if (n->end == n->data || !make_text(BYTES(t.input.data + n->data, n->end - n->data), &v))
                continue;
        } else {
            if (n->field->kind == PB_BOOL ||
                value_read(n->field->kind, BYTES(t.input.data + n->value, n->end - n->value), &number) == 0)
                continue;
            make_number(dictionary_class(n->field), as_double(n->field->kind, number), &v);
        }
        add_to_field(d, n->field, &v, SOURCE_REPLY);
        left--;
    }
}

void dictionary_compared(struct dictionary *d, const struct pb_field *field, struct bytes wanted)
{
    struct value v;
    uint64_t number = 0;
    for (size_t i = wanted.len < 8 ? wanted.len : 8; i > 0; i--)
        number = number << 8 | wanted.data[i - 1];
    if (field != NULL && dictionary_class(field) == CLASS_NONE)
        field = NULL;
    if (field == NULL || dictionary_class(field) == CLASS_TEXT) {
        const uint64_t keys[3] = {class_key(CLASS_TEXT), 0, 0};
        if (wanted.len > 0 && make_text(wanted, &v)) {
            if (field != NULL)
                add_to_field(d, field, &v, SOURCE_COMPARED);
            else
                add(d, &v, SOURCE_COMPARED, keys);
        }
    }
    if (wanted.len > 0 && wanted.len <= 8 && (field == NULL || dictionary_class(field) != CLASS_TEXT)) {
        const uint64_t keys[3] = {class_key(CLASS_INTEGER), 0, 0};
        if (field == NULL) {
            make_number(CLASS_INTEGER, number, &v);
            add(d, &v, SOURCE_COMPARED, keys);
        } else {
            if (dictionary_class(field) == CLASS_REAL && wanted.len == 4)
                number = as_double(PB_FLOAT, number);
            else if (dictionary_class(field) == CLASS_INTEGER)
                number = value_of_kind(field->kind, number);
            make_number(dictionary_class(field), number, &v);
            add_to_field(d, field, &v, SOURCE_COMPARED);
        }
    }
}

/* ---- the user's: see dictionary_file.c ---- */

void dictionary_add_user(struct dictionary *d, const struct pb_field *field, const char *name, enum value_class group,
                         struct bytes text, uint64_t number)
{
    struct value v;
    if (group != CLASS_TEXT)
        make_number(group, number, &v);
    else if (!make_text(text, &v))
        return;
    if (field != NULL) {
        /* By the field alone: the user said which. */
        const uint64_t keys[3] = {field_key(field), 0, 0};
        add(d, &v, SOURCE_USER, keys);
    } else {
        const uint64_t keys[3] = {name != NULL ? name_key(name, group) : class_key(group), 0, 0};
        add(d, &v, SOURCE_USER, keys);
    }
}

/* ---- giving them out ---- */

static bool fits(const struct value *v, const struct pb_field *f, enum value_source source)
{
    return v->source == source && (f->kind != PB_STRING || v->valid_string);
}

/* One of a key's values, the better of two; DICTIONARY_VALUES: there is none. */
static size_t draw_from(const struct dictionary *d, struct random *r, uint64_t key, const struct pb_field *f,
                        enum value_source source)
{
    const struct key *k = &d->keys[find_key(d, key)];
    size_t best = DICTIONARY_VALUES, found = 0;
    if (k->count == 0)
        return best;
    size_t at = (size_t)random_below(r, k->count);
    for (size_t i = 0; i < k->count && found < 2; i++, at = at + 1 < k->count ? at + 1 : 0) {
        if (!is_live(d, k->values[at]))
            continue;
        const struct value *v = &d->values[k->values[at].value], *b = &d->values[best % DICTIONARY_VALUES];
        if (!fits(v, f, source))
            continue;
        found++;
        if (best == DICTIONARY_VALUES ||
            (uint64_t)(v->won + 1) * (b->tried + 2) > (uint64_t)(b->won + 1) * (v->tried + 2))
            best = k->values[at].value;
    }
    return best;
}

bool dictionary_draw(const struct dictionary *d, struct random *r, const struct pb_field *f, enum value_source source,
                     struct dictionary_value *out)
{
    enum value_class group = dictionary_class(f);
    if (group == CLASS_NONE || source >= VALUE_SOURCE_COUNT || d->counts[source] == 0)
        return false;
    /* The field's own mostly; now and then what others have, and that too when it has none. */
    uint64_t lot = random_below(r, 8);
    size_t at = DICTIONARY_VALUES;
    if (lot < 5)
        at = draw_from(d, r, field_key(f), f, source);
    if (at == DICTIONARY_VALUES && lot < 7)
        at = draw_from(d, r, name_key(f->name, group), f, source);
    if (at == DICTIONARY_VALUES)
        at = draw_from(d, r, class_key(group), f, source);
    if (at == DICTIONARY_VALUES && lot >= 5)
        at = draw_from(d, r, field_key(f), f, source);
    if (at == DICTIONARY_VALUES && lot >= 7)
        at = draw_from(d, r, name_key(f->name, group), f, source);
    if (at == DICTIONARY_VALUES)
        return false;
    const struct value *v = &d->values[at];
    out->number = group == CLASS_REAL ? as_float(f->kind, v->number) : value_of_kind(f->kind, v->number);
    out->text = BYTES(v->text, v->len);
    out->ticket = (uint32_t)(at << 16) | v->serial;
    return true;
}

void dictionary_credit(struct dictionary *d, uint32_t ticket, bool novel)
{
    struct value *v = &d->values[(ticket >> 16) % DICTIONARY_VALUES];
    if (v->serial != (ticket & 0xFFFF))
        return; /* somebody else stands there now */
    if (v->tried >= UINT16_MAX) {
        v->tried /= 2;
        v->won /= 2;
    }
    v->tried++;
    v->won += novel;
}

size_t dictionary_count(const struct dictionary *d, enum value_source source)
{
    return source < VALUE_SOURCE_COUNT ? d->counts[source] : 0;
}
