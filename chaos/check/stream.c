/* Logs and watches: what readers get is a stream of (position, value), positions rising; a position is the offset in a
 * log or the revision of a store's key. Decided for each key, with unique values:
 *
 *   known     what is read was sent (written), and not later than it was read
 *   one       a position has one value, a value one position, whoever tells it
 *   ordered   of two sends of which one ended before the other began, the earlier has the lower position
 *   rising    one reader's positions rise, within an answer and from one to the next
 *   no gap    between two positions a reader got one after the other, no position is known to hold anything
 *   no hole   watch: nor between them anything of which only that it is there is known: written after the first of the
 *             two was known, and known before the second was written
 *   no tail   log: an empty answer, to a reader that has got something, leaves out nothing that had been acknowledged
 *             before it was asked; watch: a progress mark (the revision of the watch operation) leaves out nothing up
 * to it, and what comes later is above it
 *
 * A value is known from the first acknowledgement of its write, read of it, or watch that told it; in a watch's history
 * "ordered" means that: what was known before another began has the lower position. So a write of unknown end that
 * somebody has seen may not be left out either.
 *
 * A reader is the subscription or watch in `other`. Deletions (a written value of nil) repeat, and are told apart by
 * their positions alone. O(n log n). */
#include "chaos/check/inside.h"

#include <stdio.h>
#include <stdlib.h>

#define NO_OPERATION SIZE_MAX

enum kind { KIND_LOG, KIND_WATCH };

/* What is known of a position, or of a value. */
struct fact {
    int64_t position; /* VALUE_NIL: not known */
    int64_t value;
    uint32_t key;
    size_t send;    /* NO_OPERATION: not seen */
    size_t teller;  /* an operation that told the position */
    uint64_t known; /* of a value: since when; TIME_NEVER: it is not */
};

/* A value that is there, nobody told where. */
struct unplaced {
    uint32_t key;
    size_t send;
    uint64_t invoked, known;
    size_t first; /* the one known first of this and all later ones of the key */
};

struct reader {
    int64_t position; /* VALUE_NIL: it has got nothing */
    size_t last;      /* operation */
    uint64_t known;   /* what is at the position */
};

struct stream {
    const struct history *h;
    enum kind kind;
    struct table values, positions, readers; /* by key */
    ARRAY(struct fact) by_value;
    ARRAY(struct fact) by_position; /* by number in `positions`; later sorted by key and position */
    ARRAY(struct reader) at;
    ARRAY(struct unplaced) unplaced; /* by key and invocation */
    uint64_t *earliest; /* by_position: the earliest acknowledgement of this and all later ones of the key */
};

static void stream_deinit(struct stream *s)
{
    table_deinit(&s->values);
    table_deinit(&s->positions);
    table_deinit(&s->readers);
    array_deinit(&s->by_value);
    array_deinit(&s->by_position);
    array_deinit(&s->at);
    array_deinit(&s->unplaced);
    free(s->earliest);
}

static bool is_send(const struct operation *o)
{
    return o->function == OPERATION_SEND || o->function == OPERATION_WRITE;
}

static bool is_read(const struct operation *o)
{
    return (o->function == OPERATION_POLL || o->function == OPERATION_WATCH) && o->end == END_OK;
}

static struct fact *fact_of_value(struct stream *s, uint32_t key, int64_t value)
{
    const struct fact none = {.position = VALUE_NIL,
                              .value = value,
                              .key = key,
                              .send = NO_OPERATION,
                              .teller = NO_OPERATION,
                              .known = TIME_NEVER};
    uint32_t n = table_add(&s->values, key, value);
    if (n == TABLE_NONE || (n == s->by_value.count && !array_push(&s->by_value, none)))
        return NULL;
    return &s->by_value.items[n];
}

static void fail(const struct stream *s, size_t a, size_t b, uint32_t key, const char *what, int64_t value,
                 int64_t position, struct check_result *out)
{
    size_t witness[2] = {a, b};
    word k, v, p;
    say_invalid(out, key, witness, b != NO_OPERATION && b != a ? 2 : 1, "%s %s: value %s at %s %s",
                key_word(s->h, key, k), what, value_word(s->h, value, v), s->kind == KIND_LOG ? "offset" : "revision",
                value_word(s->h, position, p));
}

/* An operation says that a position holds a value. */
static int tell(struct stream *s, uint32_t key, int64_t position, int64_t value, size_t teller,
                struct check_result *out)
{
    uint32_t n = table_add(&s->positions, key, position);
    const struct fact new = {.position = position, .value = value, .key = key, .send = NO_OPERATION, .teller = teller};
    if (n == TABLE_NONE || (n == s->by_position.count && !array_push(&s->by_position, new)))
        return ERROR_MEMORY;
    const struct fact *here = &s->by_position.items[n];
    if (here->value != value) {
        fail(s, here->teller, teller, key, "holds two values at one position", value, position, out);
        return 0;
    }
    if (value == VALUE_NIL)
        return 0;
    struct fact *f = fact_of_value(s, key, value);
    if (f == NULL)
        return ERROR_MEMORY;
    if (f->position == VALUE_NIL) {
        f->position = position;
        f->teller = teller;
    } else if (f->position != position) {
        fail(s, f->teller, teller, key, "holds one value twice", value, position, out);
    }
    return 0;
}

static void note_known(struct stream *s, const struct operation *by, int64_t value)
{
    uint32_t n = table_find(&s->values, by->key, value);
    if (n != TABLE_NONE && by->ended < s->by_value.items[n].known)
        s->by_value.items[n].known = by->ended;
}

/* 0, with the verdict when a rule about one operation is broken, or "unknown" when values repeat. */
static int gather(struct stream *s, const struct check_limits *limits, struct check_result *out)
{
    for (size_t i = 0; i < s->h->count; i++) {
        const struct operation *o = &s->h->operations[i];
        if (!is_send(o) || !may_have_happened(o) || o->value == VALUE_NIL)
            continue;
        struct fact *f = fact_of_value(s, o->key, o->value);
        if (f == NULL)
            return ERROR_MEMORY;
        if (f->send != NO_OPERATION) {
            out->verdict = VERDICT_UNKNOWN;
            out->key = o->key;
            out->checked = i;
            snprintf(out->reason, sizeof out->reason, "a value was sent twice: this model needs unique values");
            return 0;
        }
        f->send = i;
        f->known = o->end == END_OK ? o->ended : TIME_NEVER;
    }
    int code = 0;
    for (size_t i = 0; code == 0 && i < s->h->count && out->verdict == VERDICT_VALID; i++) {
        const struct operation *o = &s->h->operations[i];
        size_t count;
        const int64_t *items = history_list(s->h, o, &count);
        if (stop_asked(limits, i))
            return ERROR_CANCELLED;
        if (o->function == OPERATION_READ && o->end == END_OK && o->value != VALUE_NIL)
            note_known(s, o, o->value);
        if (is_send(o) && o->end == END_OK) {
            uint64_t revision = history_revision(s->h, i);
            int64_t position = s->kind == KIND_LOG ? o->other : revision != 0 ? (int64_t)revision : VALUE_NIL;
            if (position != VALUE_NIL)
                code = tell(s, o->key, position, o->value, i, out);
        }
        for (size_t n = 0; is_read(o) && n + 1 < count && code == 0 && out->verdict == VERDICT_VALID; n += 2) {
            if (items[n + 1] != VALUE_NIL) {
                const struct fact *f = fact_of_value(s, o->key, items[n + 1]);
                if (f == NULL)
                    return ERROR_MEMORY;
                if (f->send == NO_OPERATION)
                    fail(s, i, i, o->key, "gave what nobody sent", items[n + 1], items[n], out);
                else if (o->ended < s->h->operations[f->send].invoked)
                    fail(s, i, f->send, o->key, "gave what had not been sent", items[n + 1], items[n], out);
                note_known(s, o, items[n + 1]);
            }
            if (out->verdict == VERDICT_VALID)
                code = tell(s, o->key, items[n], items[n + 1], i, out);
        }
    }
    return code;
}

static int by_key_and_position(const void *a, const void *b)
{
    const struct fact *x = a, *y = b;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return x->position < y->position ? -1 : x->position > y->position;
}

/* The first known position of a key above one. */
static size_t above(const struct stream *s, uint32_t key, int64_t position)
{
    size_t low = 0;
    for (size_t high = s->by_position.count; low < high;) {
        size_t middle = low + (high - low) / 2;
        const struct fact *f = &s->by_position.items[middle];
        if (f->key < key || (f->key == key && f->position <= position))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static int by_key_and_invocation(const void *a, const void *b)
{
    const struct unplaced *x = a, *y = b;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return x->invoked < y->invoked ? -1 : x->invoked > y->invoked;
}

static int find_unplaced(struct stream *s)
{
    for (size_t i = 0; i < s->by_value.count; i++) {
        const struct fact *f = &s->by_value.items[i];
        if (f->send == NO_OPERATION || f->position != VALUE_NIL || f->known == TIME_NEVER)
            continue;
        const struct unplaced u = {f->key, f->send, s->h->operations[f->send].invoked, f->known, 0};
        if (!array_push(&s->unplaced, u))
            return ERROR_MEMORY;
    }
    if (s->unplaced.count > 0)
        qsort(s->unplaced.items, s->unplaced.count, sizeof *s->unplaced.items, by_key_and_invocation);
    for (size_t i = s->unplaced.count; i-- > 0;) {
        struct unplaced *u = &s->unplaced.items[i];
        bool later = i + 1 < s->unplaced.count && u[1].key == u->key;
        u->first = later && s->unplaced.items[u[1].first].known < u->known ? u[1].first : i;
    }
    return 0;
}

/* One that began after `from` and was known before `until`; NULL: none. */
static const struct unplaced *unplaced_between(const struct stream *s, uint32_t key, uint64_t from, uint64_t until)
{
    size_t low = 0;
    for (size_t high = s->unplaced.count; low < high;) {
        size_t middle = low + (high - low) / 2;
        const struct unplaced *u = &s->unplaced.items[middle];
        if (u->key < key || (u->key == key && u->invoked <= from))
            low = middle + 1;
        else
            high = middle;
    }
    if (low == s->unplaced.count || s->unplaced.items[low].key != key)
        return NULL;
    const struct unplaced *u = &s->unplaced.items[s->unplaced.items[low].first];
    return u->known < until ? u : NULL;
}

/* Since when it is known what a position holds. */
static uint64_t known_since(const struct stream *s, const struct fact *f)
{
    if (s->kind == KIND_WATCH && f->value != VALUE_NIL)
        return s->by_value.items[table_find(&s->values, f->key, f->value)].known;
    return f->send != NO_OPERATION && s->h->operations[f->send].end == END_OK ? s->h->operations[f->send].ended
                                                                              : TIME_NEVER;
}

static int check_order(struct stream *s, struct check_result *out)
{
    size_t count = s->by_position.count;
    size_t latest = NO_OPERATION; /* the send invoked last of those at lower positions */
    if (count > 0)
        qsort(s->by_position.items, count, sizeof *s->by_position.items, by_key_and_position);
    for (size_t i = 0; i < count; i++) {
        struct fact *f = &s->by_position.items[i];
        if (i == 0 || f[-1].key != f->key)
            latest = NO_OPERATION;
        f->send =
            f->value != VALUE_NIL ? s->by_value.items[table_find(&s->values, f->key, f->value)].send : NO_OPERATION;
        if (f->value == VALUE_NIL && is_send(&s->h->operations[f->teller]))
            f->send = f->teller;
        if (f->send == NO_OPERATION)
            continue;
        const struct operation *o = &s->h->operations[f->send];
        if (latest != NO_OPERATION && known_since(s, f) < s->h->operations[latest].invoked) {
            fail(s, f->send, latest, f->key, "put what was sent later before what was sent earlier", f->value,
                 f->position, out);
            return 0;
        }
        if (latest == NO_OPERATION || o->invoked > s->h->operations[latest].invoked)
            latest = f->send;
    }
    s->earliest = malloc((count + 1) * sizeof *s->earliest);
    if (s->earliest == NULL)
        return ERROR_MEMORY;
    for (size_t i = count; i-- > 0;) {
        const struct fact *f = &s->by_position.items[i];
        bool last = i + 1 == count || f[1].key != f->key;
        s->earliest[i] = last ? TIME_NEVER : s->earliest[i + 1];
        if (f->send != NO_OPERATION && s->h->operations[f->send].end == END_OK &&
            s->h->operations[f->send].ended < s->earliest[i])
            s->earliest[i] = s->h->operations[f->send].ended;
    }
    return 0;
}

static struct reader *reader_of(struct stream *s, const struct operation *o)
{
    const struct reader new = {.position = VALUE_NIL, .last = NO_OPERATION, .known = TIME_NEVER};
    uint32_t n = table_add(&s->readers, o->key, o->other);
    if (n == TABLE_NONE || (n == s->at.count && !array_push(&s->at, new)))
        return NULL;
    return &s->at.items[n];
}

/* What a reader that is at r->position gets next is `value` at `position`; `mark`: all up to there, nothing at it. */
static void advance(const struct stream *s, size_t index, struct reader *r, int64_t position, int64_t value, bool mark,
                    struct check_result *out)
{
    const struct operation *o = &s->h->operations[index];
    const struct fact *told =
        !mark && value != VALUE_NIL ? &s->by_value.items[table_find(&s->values, o->key, value)] : NULL;
    const struct unplaced *hole = s->kind == KIND_WATCH && told != NULL && r->position != VALUE_NIL
                                      ? unplaced_between(s, o->key, r->known, s->h->operations[told->send].invoked)
                                      : NULL;
    size_t next = above(s, o->key, r->position);
    const struct fact *f = next < s->by_position.count ? &s->by_position.items[next] : NULL;
    if (r->position != VALUE_NIL && !mark && position <= r->position) {
        word key, a, b;
        say_invalid(out, o->key, (size_t[]){r->last, index}, 2, "a reader of %s got position %s after %s",
                    key_word(s->h, o->key, key), value_word(s->h, position, a), value_word(s->h, r->position, b));
        return;
    }
    if (r->position != VALUE_NIL && f != NULL && f->key == o->key &&
        (f->position < position || (mark && f->position == position))) {
        fail(s, index, f->teller, o->key, "left something out for a reader", f->value, f->position, out);
        return;
    }
    if (hole != NULL) {
        word key, a;
        say_invalid(out, o->key, (size_t[]){r->last, hole->send, index}, 3,
                    "a reader of %s was not told %s, which was there before what it was told next",
                    key_word(s->h, o->key, key), value_word(s->h, s->h->operations[hole->send].value, a));
        return;
    }
    if (r->position == VALUE_NIL || position > r->position) {
        r->position = position;
        r->known = told != NULL ? told->known : o->ended;
    }
    r->last = index;
}

static int check_readers(struct stream *s, const struct check_limits *limits, struct check_result *out)
{
    for (size_t i = 0; i < s->h->count && out->verdict == VERDICT_VALID; i++) {
        const struct operation *o = &s->h->operations[i];
        size_t count;
        const int64_t *items = history_list(s->h, o, &count);
        if (stop_asked(limits, i))
            return ERROR_CANCELLED;
        if (!is_read(o))
            continue;
        struct reader *r = reader_of(s, o);
        if (r == NULL)
            return ERROR_MEMORY;
        for (size_t n = 0; n + 1 < count && out->verdict == VERDICT_VALID; n += 2)
            advance(s, i, r, items[n], items[n + 1], false, out);
        uint64_t mark = s->kind == KIND_WATCH ? history_revision(s->h, i) : 0;
        if (out->verdict == VERDICT_VALID && mark != 0)
            advance(s, i, r, (int64_t)mark, VALUE_NIL, true, out);
        if (out->verdict != VERDICT_VALID || s->kind != KIND_LOG || count > 0 || r->position == VALUE_NIL)
            continue;
        size_t next = above(s, o->key, r->position);
        if (next == s->by_position.count || s->by_position.items[next].key != o->key || s->earliest[next] >= o->invoked)
            continue;
        while (s->by_position.items[next].send == NO_OPERATION ||
               s->h->operations[s->by_position.items[next].send].end != END_OK ||
               s->h->operations[s->by_position.items[next].send].ended >= o->invoked)
            next++;
        const struct fact *f = &s->by_position.items[next];
        fail(s, i, f->send, o->key, "said it had no more, and had", f->value, f->position, out);
    }
    return 0;
}

static int check_stream(const struct history *h, enum kind kind, const struct check_limits *limits,
                        struct check_result *out, struct error *err)
{
    struct stream s = {.h = h, .kind = kind};
    out->checked = h->count;
    for (size_t i = 0; i < h->count; i++) {
        const struct operation *o = &h->operations[i];
        size_t count;
        const int64_t *items = history_list(h, o, &count);
        for (size_t n = 0; is_read(o) && n < count; n += 2)
            if (n + 1 == count || items[n] == VALUE_NIL)
                return error_set(err, ERROR_INVALID,
                                 "operation %zu got something without a position: the model needs "
                                 "pairs of %s and value",
                                 i, kind == KIND_LOG ? "offset" : "revision");
    }
    int code = gather(&s, limits, out);
    if (code == 0 && out->verdict == VERDICT_VALID)
        code = check_order(&s, out);
    if (code == 0 && out->verdict == VERDICT_VALID && kind == KIND_WATCH)
        code = find_unplaced(&s);
    if (code == 0 && out->verdict == VERDICT_VALID)
        code = check_readers(&s, limits, out);
    stream_deinit(&s);
    return code;
}

static int check_log(const struct history *h, const struct check_limits *limits, struct check_result *out,
                     struct error *err)
{
    return check_stream(h, KIND_LOG, limits, out, err);
}

static int check_watch(const struct history *h, const struct check_limits *limits, struct check_result *out,
                       struct error *err)
{
    return check_stream(h, KIND_WATCH, limits, out, err);
}

const struct check_model model_log = {
    .name = "log",
    .summary = "logs with offsets: nothing lost, doubled, reordered, skipped or unseen at the tail; offsets consistent",
    .bytes = MODEL_BYTES,
    .functions = KNOWS(SEND) | KNOWS(POLL),
    .check = check_log,
    .exhaustive = rules_log,
};

const struct check_model model_watch = {
    .name = "watch",
    .summary = "watches by revision: ordered, unique, reliable, resumable, true to what was written, marks kept",
    .bytes = MODEL_BYTES,
    .functions = KNOWS(WRITE) | KNOWS(WATCH) | KNOWS(READ),
    .check = check_watch,
    .exhaustive = rules_watch,
};
