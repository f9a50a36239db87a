/* Locks. A session is an acquisition and the release by the same process that follows it; it holds the lock for certain
 * from the acquisition's end to the release's invocation, for ever when there is none.
 *
 * mutex    sessions have to follow each other: exactly when no two of them must each come before the other, as with the
 *          zones of registers. Exact linearizability.
 * lock     each acquisition gives a fencing token, and a write carries the one it was made under. Tokens say the order
 *          of the sessions, so that each gets the earliest time it can have; exact as well.
 * fencing  the same without exclusion, for leases that run out: only tokens and what was accepted with them.
 *
 * An acquisition of unknown end holds nothing anybody could use: it counts only when the same process released. */
#include "chaos/check/search.h"

#include <stdlib.h>

#define NO_OPERATION SIZE_MAX

enum kind { KIND_MUTEX, KIND_LOCK, KIND_FENCING };

struct session {
    size_t acquire, release;  /* NO_OPERATION: it was not released */
    uint64_t taken, released; /* certainly held in between */
    int64_t token;
};

struct sessions {
    ARRAY(struct session) list;
    struct table open; /* by process: session + 1 in `at`, 0: none */
    ARRAY(size_t) at;
};

static int by_taken(const void *a, const void *b)
{
    const struct session *x = a, *y = b;
    if (x->taken != y->taken)
        return x->taken < y->taken ? -1 : 1;
    return x->acquire < y->acquire ? -1 : x->acquire > y->acquire;
}

static int by_token(const void *a, const void *b)
{
    const struct session *x = a, *y = b;
    if (x->token != y->token)
        return x->token < y->token ? -1 : 1;
    return x->acquire < y->acquire ? -1 : x->acquire > y->acquire;
}

static size_t *open_of(struct sessions *s, int32_t process)
{
    uint32_t number = table_add(&s->open, 0, process);
    if (number == TABLE_NONE)
        return NULL;
    if (number == s->at.count && !array_push(&s->at, 0))
        return NULL;
    return &s->at.items[number];
}

/* ERROR_MEMORY; or 0, with the verdict when a release cannot be explained. */
static int gather(const struct history *h, const uint32_t *operations, size_t count, enum kind kind,
                  const struct check_limits *limits, struct sessions *s, struct check_result *out)
{
    for (size_t i = 0; i < count; i++) {
        size_t index = operations[i];
        const struct operation *o = &h->operations[index];
        if (stop_asked(limits, i))
            return ERROR_CANCELLED;
        if (o->end == END_FAIL ||
            (o->function != OPERATION_ACQUIRE && (o->function != OPERATION_RELEASE || kind == KIND_FENCING)))
            continue;
        size_t *open = open_of(s, o->process);
        if (open == NULL)
            return ERROR_MEMORY;
        if (o->function == OPERATION_ACQUIRE) {
            const struct session taken = {.acquire = index,
                                          .release = NO_OPERATION,
                                          .taken = o->end == END_OK ? o->ended : TIME_NEVER,
                                          .released = TIME_NEVER,
                                          .token = o->other};
            if (!array_push(&s->list, taken))
                return ERROR_MEMORY;
            *open = s->list.count;
        } else if (*open != 0) {
            s->list.items[*open - 1].release = index;
            s->list.items[*open - 1].released = o->invoked;
            *open = 0;
        } else if (o->end == END_OK) {
            word key;
            say_invalid(out, o->key, &index, 1, "process %d released %s, which it did not hold", o->process,
                        key_word(h, o->key, key));
            return 0;
        }
    }
    return 0;
}

static void sessions_deinit(struct sessions *s)
{
    array_deinit(&s->list);
    array_deinit(&s->at);
    table_deinit(&s->open);
}

static void both_held(const struct history *h, const struct session *a, const struct session *b,
                      struct check_result *out)
{
    const struct operation *x = &h->operations[a->acquire], *y = &h->operations[b->acquire];
    size_t witness[4] = {a->acquire, b->acquire}, count = 2;
    word key;
    if (a->release != NO_OPERATION)
        witness[count++] = a->release;
    if (b->release != NO_OPERATION)
        witness[count++] = b->release;
    say_invalid(out, x->key, witness, count, "processes %d and %d held %s at the same time", x->process, y->process,
                key_word(h, x->key, key));
}

static void check_exclusion(const struct history *h, struct sessions *s, struct check_result *out)
{
    /* The longest held of those taken so far, and of those taken earlier than this one. */
    const struct session *longest = NULL, *earlier = NULL;
    if (s->list.count > 0)
        qsort(s->list.items, s->list.count, sizeof *s->list.items, by_taken);
    for (size_t i = 0; i < s->list.count; i++) {
        const struct session *now = &s->list.items[i];
        if (now->taken == TIME_NEVER)
            break;
        if (i > 0 && s->list.items[i - 1].taken < now->taken)
            earlier = longest;
        const struct session *other = now->released > now->taken ? longest : earlier;
        if (other != NULL && other->released > now->taken) {
            both_held(h, other, now, out);
            return;
        }
        if (longest == NULL || now->released > longest->released)
            longest = now;
    }
}

/* ---- tokens ---- */

struct write {
    int64_t token;
    size_t index;
};

static int by_write_token(const void *a, const void *b)
{
    const struct write *x = a, *y = b;
    if (x->token != y->token)
        return x->token < y->token ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

/* The earliest time something can happen, and the operation that makes it so. */
struct earliest {
    uint64_t time;
    size_t index;
};

static void not_before(struct earliest *e, uint64_t time, size_t index)
{
    if (e->index == NO_OPERATION || time > e->time)
        *e = (struct earliest){time, index};
}

static bool too_early(const struct earliest *e, const struct operation *o)
{
    return e->index != NO_OPERATION && o->ended < e->time;
}

static void fail_order(const struct history *h, size_t early, size_t late, const char *what, struct check_result *out)
{
    const struct operation *a = &h->operations[early], *b = &h->operations[late];
    word key, x, y;
    say_invalid(out, a->key, (size_t[]){early, late}, 2, "%s: the %s of token %s on %s ended before the %s of token %s",
                what, operation_function_name((enum operation_function)a->function), value_word(h, a->other, x),
                key_word(h, a->key, key), operation_function_name((enum operation_function)b->function),
                value_word(h, b->other, y));
}

static void check_tokens(const struct history *h, struct sessions *s, const struct write *writes, size_t write_count,
                         bool exclusive, struct check_result *out)
{
    struct earliest lock = {0, NO_OPERATION}, fence = {0, NO_OPERATION};
    word key, token;
    size_t w = 0;
    if (s->list.count > 0)
        qsort(s->list.items, s->list.count, sizeof *s->list.items, by_token);
    for (size_t i = 0; i <= s->list.count; i++) {
        const struct session *now = i < s->list.count ? &s->list.items[i] : NULL;
        if (w < write_count && (now == NULL || writes[w].token < now->token)) {
            const struct operation *o = &h->operations[writes[w].index];
            say_invalid(out, o->key, &writes[w].index, 1,
                        "a write to %s was accepted with token %s, which no acquisition had given",
                        key_word(h, o->key, key), value_word(h, o->other, token));
            return;
        }
        if (now == NULL)
            break;
        const struct operation *a = &h->operations[now->acquire];
        if (i > 0 && now[-1].token == now->token) {
            say_invalid(out, a->key, (size_t[]){now[-1].acquire, now->acquire}, 2, "token %s of %s was given twice",
                        value_word(h, now->token, token), key_word(h, a->key, key));
            return;
        }
        if (exclusive && i > 0 && now[-1].release == NO_OPERATION) {
            both_held(h, &now[-1], now, out);
            return;
        }
        if (too_early(&lock, a)) {
            fail_order(h, now->acquire, lock.index, "tokens do not rise", out);
            return;
        }
        not_before(&lock, a->invoked, now->acquire);
        struct earliest here = fence;
        not_before(&here, lock.time, lock.index);
        for (; w < write_count && writes[w].token == now->token; w++) {
            const struct operation *o = &h->operations[writes[w].index];
            if (too_early(&here, o)) {
                fail_order(h, writes[w].index, here.index, "accepted too early", out);
                return;
            }
            if (too_early(&fence, o)) {
                fail_order(h, writes[w].index, fence.index, "an old token was accepted", out);
                return;
            }
        }
        for (size_t n = w; n-- > 0 && writes[n].token == now->token;)
            not_before(&fence, h->operations[writes[n].index].invoked, writes[n].index);
        not_before(&fence, lock.time, lock.index);
        if (exclusive && now->release != NO_OPERATION) {
            const struct operation *r = &h->operations[now->release];
            if (r->end == END_OK && too_early(&lock, r)) {
                fail_order(h, now->release, lock.index, "held at the same time", out);
                return;
            }
            not_before(&lock, r->invoked, now->release);
        }
    }
}

static int check_key(const struct history *h, const uint32_t *operations, size_t count, const void *with,
                     struct budget *b, struct check_result *out, struct error *err)
{
    enum kind kind = *(const enum kind *)with;
    const struct check_limits *limits = b->limits;
    struct sessions s = {0};
    ARRAY(struct write) writes = {0};
    int code = gather(h, operations, count, kind, limits, &s, out);
    if (kind == KIND_MUTEX) {
        if (code == 0 && out->verdict == VERDICT_VALID)
            check_exclusion(h, &s, out);
        sessions_deinit(&s);
        return code;
    }
    size_t kept = 0;
    for (size_t i = 0; code == 0 && i < s.list.count; i++) {
        if (h->operations[s.list.items[i].acquire].end == END_OK)
            s.list.items[kept++] = s.list.items[i];
        if (kept > 0 && s.list.items[kept - 1].token == VALUE_NIL)
            code = error_set(err, ERROR_INVALID, "operation %zu acquired the lock without a token: the model needs one",
                             s.list.items[kept - 1].acquire);
    }
    s.list.count = kept;
    for (size_t i = 0; code == 0 && i < count; i++) {
        const struct operation *o = &h->operations[operations[i]];
        const struct write w = {o->other, operations[i]};
        if (o->function == OPERATION_WRITE && o->end == END_OK && !array_push(&writes, w))
            code = ERROR_MEMORY;
    }
    if (code == 0 && out->verdict == VERDICT_VALID) {
        if (writes.count > 0)
            qsort(writes.items, writes.count, sizeof *writes.items, by_write_token);
        check_tokens(h, &s, writes.items, writes.count, kind == KIND_LOCK, out);
    }
    array_deinit(&writes);
    sessions_deinit(&s);
    return code;
}

static const enum kind kinds[] = {KIND_MUTEX, KIND_LOCK, KIND_FENCING};

const struct check_model model_mutex = {
    .name = "mutex",
    .summary = "linearizable locks, a key each: nobody holds one that another holds, nobody releases what is not his",
    .bytes = MODEL_BYTES,
    .functions = KNOWS(ACQUIRE) | KNOWS(RELEASE),
    .bonds = BONDS_SESSIONS,
    .check_key = check_key,
    .with = &kinds[KIND_MUTEX],
    .twin = &machine_mutex,
};

const struct check_model model_lock = {
    .name = "lock",
    .summary = "locks with fencing tokens: exclusion, tokens rise in the order of holding, no old token is accepted",
    .bytes = MODEL_BYTES,
    .functions = KNOWS(ACQUIRE) | KNOWS(RELEASE) | KNOWS(WRITE),
    .bonds = BONDS_TOKENS,
    .check_key = check_key,
    .with = &kinds[KIND_LOCK],
    .twin = &machine_lock,
};

const struct check_model model_fencing = {
    .name = "fencing",
    .summary = "leases with fencing tokens: tokens rise, no old token is accepted; holders may overlap",
    .bytes = MODEL_BYTES,
    .functions = KNOWS(ACQUIRE) | KNOWS(RELEASE) | KNOWS(WRITE),
    .bonds = BONDS_TOKENS,
    .check_key = check_key,
    .with = &kinds[KIND_FENCING],
    .twin = &machine_fencing,
};
