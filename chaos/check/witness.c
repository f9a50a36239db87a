#include "chaos/check/witness.h"

#include "base/reduce.h"
#include "chaos/check/inside.h"

#include <stdlib.h>
#include <string.h>

#define TRIES        ((size_t)1000)
#define HISTORY_MAX  ((size_t)50000)    /* operations of the key; above, the model's own witness stands */
#define TRIAL_STEPS  ((size_t)20000000) /* operations judged and basic steps, in all */
#define TRIAL_MEMORY ((size_t)64 << 20)
#define NOBODY       UINT32_MAX

/* What is only looked at by those functions, in every model. */
#define LOOKS (KNOWS(READ) | KNOWS(USE) | KNOWS(POLL) | KNOWS(WATCH) | KNOWS(ISSUE))

/* Of every operation: the one it needs, and the group it belongs to. */
struct bonds {
    uint32_t *needs;  /* NOBODY: none */
    uint32_t *groups; /* NOBODY: none */
    size_t group_count;
};

static void bonds_deinit(struct bonds *b)
{
    free(b->needs);
    free(b->groups);
    *b = (struct bonds){0};
}

/* The number of (key, value) in `t` is remembered with the operation that has it. */
static bool number_of(struct table *t, uint32_t key, int64_t value, uint32_t *number)
{
    *number = table_add(t, key, value);
    return *number != TABLE_NONE;
}

/* A release belongs to its process's acquisition before it. */
static bool bind_sessions(const struct history *h, bool groups, struct bonds *b)
{
    struct table processes = {0};
    ARRAY(uint32_t) last = {0};
    bool ok = true;
    for (size_t i = 0; ok && i < h->count; i++) {
        const struct operation *o = &h->operations[i];
        uint32_t n;
        if (o->end == END_FAIL || (o->function != OPERATION_ACQUIRE && o->function != OPERATION_RELEASE))
            continue;
        ok = number_of(&processes, o->key, o->process, &n) && (n < last.count || array_push(&last, NOBODY));
        if (!ok)
            break;
        bool acquire = o->function == OPERATION_ACQUIRE;
        if (groups)
            b->groups[i] = acquire ? (uint32_t)i : last.items[n];
        else if (!acquire)
            b->needs[i] = last.items[n];
        last.items[n] = acquire ? (uint32_t)i : NOBODY;
    }
    table_deinit(&processes);
    array_deinit(&last);
    b->group_count = h->count;
    return ok;
}

/* What shows a token needs the one that gave it. */
static bool bind_tokens(const struct history *h, enum operation_function gives, struct bonds *b)
{
    struct table tokens = {0};
    ARRAY(uint32_t) by = {0};
    bool ok = true;
    bool lock = gives == OPERATION_ACQUIRE;
    for (size_t i = 0; ok && i < h->count; i++) {
        const struct operation *o = &h->operations[i];
        if (o->function != gives || o->end != END_OK)
            continue;
        uint32_t n;
        ok = number_of(&tokens, o->key, lock ? o->other : o->value, &n) &&
             (n < by.count || array_push(&by, (uint32_t)i));
    }
    for (size_t i = 0; ok && i < h->count; i++) {
        const struct operation *o = &h->operations[i];
        bool refused = o->end == END_FAIL && !lock; /* where it counts, for the same reason */
        if ((o->end != END_OK && !refused) || o->function != (lock ? OPERATION_WRITE : OPERATION_USE))
            continue;
        uint32_t n = table_find(&tokens, o->key, lock ? o->other : o->value);
        b->needs[i] = n != TABLE_NONE ? by.items[n] : NOBODY;
    }
    table_deinit(&tokens);
    array_deinit(&by);
    return ok;
}

/* A reader's answer needs those it got before. */
static bool bind_readers(const struct history *h, struct bonds *b)
{
    struct table readers = {0};
    ARRAY(uint32_t) last = {0};
    bool ok = true;
    for (size_t i = 0; ok && i < h->count; i++) {
        const struct operation *o = &h->operations[i];
        uint32_t n;
        if (o->end != END_OK || (o->function != OPERATION_POLL && o->function != OPERATION_WATCH))
            continue;
        ok = number_of(&readers, o->key, o->other, &n) && (n < last.count || array_push(&last, NOBODY));
        if (ok) {
            b->needs[i] = last.items[n];
            last.items[n] = (uint32_t)i;
        }
    }
    table_deinit(&readers);
    array_deinit(&last);
    return ok;
}

/* `came`: that a value was taken out at any time says something of its enqueue, which needs it. */
static bool bind_values(const struct history *h, bool came, struct bonds *b)
{
    struct table values = {0};
    ARRAY(uint32_t) taken = {0};
    bool ok = true;
    for (size_t i = 0; ok && i < h->count; i++) {
        const struct operation *o = &h->operations[i];
        uint32_t n;
        if (o->value == VALUE_NIL)
            continue;
        ok = number_of(&values, o->key, o->value, &n) && (n < taken.count || array_push(&taken, NOBODY));
        b->groups[i] = n;
        if (ok && o->function == OPERATION_DEQUEUE && o->end == END_OK && taken.items[n] == NOBODY)
            taken.items[n] = (uint32_t)i;
    }
    for (size_t i = 0; ok && came && i < h->count; i++)
        if (h->operations[i].function == OPERATION_ENQUEUE && b->groups[i] != NOBODY)
            b->needs[i] = taken.items[b->groups[i]];
    b->group_count = values.count;
    table_deinit(&values);
    array_deinit(&taken);
    return ok;
}

static int bonds_make(const struct check_model *m, const struct history *h, struct bonds *b)
{
    size_t size = (h->count + 1) * sizeof(uint32_t);
    *b = (struct bonds){.needs = malloc(size), .groups = malloc(size)};
    bool ok = b->needs != NULL && b->groups != NULL;
    if (ok) {
        memset(b->needs, 0xFF, size);
        memset(b->groups, 0xFF, size);
        if ((m->functions & KNOWS(ACQUIRE)) != 0)
            ok = bind_sessions(h, m->bonds == BONDS_SESSIONS, b);
        if (ok && m->bonds == BONDS_TOKENS)
            ok = bind_tokens(h, (m->functions & KNOWS(ACQUIRE)) != 0 ? OPERATION_ACQUIRE : OPERATION_ISSUE, b);
        if (ok && (m->functions & (KNOWS(POLL) | KNOWS(WATCH))) != 0)
            ok = bind_readers(h, b);
        if (ok && m->bonds == BONDS_VALUES)
            ok = bind_values(h, m == &model_at_least_once, b);
    }
    if (!ok)
        bonds_deinit(b);
    return ok ? 0 : ERROR_MEMORY;
}

/* ---- weakening ---- */

static uint32_t functions_left_out(const struct check_model *m)
{
    bool tokens = m->bonds == BONDS_TOKENS;
    if (m == &model_redeem_once_exact) /* a use is what ends a token */
        return LOOKS & ~KNOWS(USE);
    return LOOKS | (tokens && (m->functions & KNOWS(ACQUIRE)) != 0 ? KNOWS(ACQUIRE) | KNOWS(WRITE) : 0);
}

static int weaken_by(const struct check_model *m, const struct history *h, const struct bonds *b, uint32_t key,
                     const bool *in, struct weakened *out)
{
    bool *needed = calloc(h->count + 1, sizeof *needed), *grouped = calloc(b->group_count + 1, sizeof *grouped);
    uint64_t *revisions = h->revisions != NULL ? calloc(h->count + 1, sizeof *revisions) : NULL;
    *out = (struct weakened){.history = *h, .places = malloc((h->count + 1) * sizeof *out->places)};
    out->history.operations = malloc((h->count + 1) * sizeof *out->history.operations);
    out->history.count = 0;
    out->history.revisions = revisions;
    out->history.revision_capacity = revisions != NULL ? h->count + 1 : 0;
    bool ok = needed != NULL && grouped != NULL && out->places != NULL && out->history.operations != NULL &&
              (h->revisions == NULL || revisions != NULL);
    for (size_t i = 0; ok && i < h->count; i++) {
        if (!in[i])
            continue;
        for (uint32_t n = b->needs[i]; n != NOBODY && !needed[n]; n = b->needs[n])
            needed[n] = true;
        if (b->groups[i] != NOBODY)
            grouped[b->groups[i]] = true;
    }
    for (size_t i = 0; ok && i < h->count; i++) {
        struct operation o = h->operations[i];
        bool keep = in[i] || needed[i] || (m->keeps >> o.function & 1) != 0;
        bool open = o.end == END_OPEN || o.end == END_INFO;
        if (m != &model_multi_register && o.key != key)
            continue;
        bool alone = o.function == OPERATION_RELEASE && b->groups[i] == NOBODY &&
                     (b->needs[i] == NOBODY || (!in[b->needs[i]] && !needed[b->needs[i]]));
        if (!keep &&
            (o.end == END_FAIL || (!open && alone) || (!open && (functions_left_out(m) >> o.function & 1) != 0) ||
             (!open && b->groups[i] != NOBODY && !grouped[b->groups[i]])))
            continue;
        if (!keep && !open) {
            o.end = END_INFO;
            o.ended = TIME_NEVER;
            o.value = o.function == OPERATION_DEQUEUE ? VALUE_NIL : o.value;
            o.other = o.function == OPERATION_SEND ? VALUE_NIL : o.other;
        } else if (revisions != NULL) {
            revisions[out->history.count] = history_revision(h, i);
        }
        out->places[out->history.count] = i;
        out->history.operations[out->history.count++] = o;
    }
    free(needed);
    free(grouped);
    if (!ok)
        weakened_deinit(out);
    return ok ? 0 : ERROR_MEMORY;
}

int weaken(const struct check_model *m, const struct history *h, uint32_t key, const bool *in, struct weakened *out)
{
    struct bonds b;
    int code = bonds_make(m, h, &b);
    if (code != 0)
        return code;
    code = weaken_by(m, h, &b, key, in, out);
    bonds_deinit(&b);
    return code;
}

void weakened_deinit(struct weakened *w)
{
    free(w->history.operations);
    free(w->history.revisions);
    free(w->places);
    *w = (struct weakened){0};
}

int weaken_without(const struct check_model *m, const struct history *h, size_t operation, bool *in)
{
    struct bonds b;
    int code = bonds_make(m, h, &b);
    if (code != 0)
        return code;
    in[operation] = false;
    for (size_t i = 0; i < h->count; i++)
        for (uint32_t n = b.needs[i]; in[i] && n != NOBODY; n = b.needs[n])
            in[i] = n != operation;
    bonds_deinit(&b);
    return 0;
}

/* ---- minimising ---- */

struct minimising {
    const struct check_model *model;
    const struct history *h;
    const struct check_limits *limits;
    struct error *err;
    struct bonds bonds;
    uint32_t key;
    size_t *candidates;
    size_t count;
    bool *candidate, *in; /* by operation */
    size_t steps;         /* left */
    bool sure;            /* every trial that was not invalid was valid */
    int code;
};

static bool stop(void *arg)
{
    struct minimising *m = arg;
    m->steps -= m->steps < BUDGET_STEPS ? m->steps : BUDGET_STEPS;
    return m->steps == 0 || (m->limits->stop != NULL && m->limits->stop(m->limits->stop_arg));
}

/* Whether these of the candidates are a witness. What needs a candidate that is none of them is none either. */
static void choose(struct minimising *m, const bool *keep)
{
    for (size_t i = 0; i < m->count; i++)
        m->in[m->candidates[i]] = keep[i];
    for (size_t i = 0; i < m->count; i++) {
        bool *in = &m->in[m->candidates[i]];
        for (uint32_t n = m->bonds.needs[m->candidates[i]]; *in && n != NOBODY; n = m->bonds.needs[n])
            *in = !m->candidate[n] || m->in[n];
    }
}

static bool still_invalid(void *arg, const bool *keep)
{
    struct minimising *m = arg;
    struct weakened w;
    struct check_result r;
    choose(m, keep);
    if (m->code != 0 || (m->code = weaken_by(m->model, m->h, &m->bonds, m->key, m->in, &w)) != 0)
        return false;
    struct check_limits limits = *m->limits;
    limits.memory = limits.memory < TRIAL_MEMORY ? limits.memory : TRIAL_MEMORY;
    limits.stop = stop;
    limits.stop_arg = m;
    check_result_init(&r);
    int code = m->steps > w.history.count ? check_judge(m->model, &w.history, &limits, &r, m->err) : ERROR_CANCELLED;
    m->steps -= m->steps < w.history.count ? m->steps : w.history.count;
    bool invalid = code == 0 && r.verdict == VERDICT_INVALID;
    if (code == ERROR_MEMORY)
        m->code = code;
    else
        m->sure = m->sure && code == 0 && r.verdict != VERDICT_UNKNOWN;
    check_result_deinit(&r);
    weakened_deinit(&w);
    return invalid;
}

/* The operations of the result, or, where they are none by this rule, all of the key. */
static bool first_candidates(struct minimising *m, const struct check_result *out, bool *keep)
{
    m->count = 0;
    for (size_t i = 0; i < out->witness.count; i++)
        m->candidates[m->count++] = out->witness.items[i];
    for (size_t i = 0; i < m->count; i++)
        m->candidate[m->candidates[i]] = true;
    memset(keep, true, m->count);
    if (m->count > 0 && still_invalid(m, keep))
        return true;
    m->count = 0;
    for (size_t i = 0; i < m->h->count; i++) {
        m->candidate[i] = m->model == &model_multi_register || m->h->operations[i].key == m->key;
        if (m->candidate[i])
            m->candidates[m->count++] = i;
    }
    memset(keep, true, m->count);
    return m->code == 0 && still_invalid(m, keep);
}

static size_t kept(const bool *keep, size_t count)
{
    size_t n = 0;
    for (size_t i = 0; i < count; i++)
        n += keep[i];
    return n;
}

static int take_over(struct minimising *m, const bool *keep, struct check_result *out)
{
    choose(m, keep);
    array_clear(&out->witness);
    for (size_t i = 0; i < m->count; i++)
        if (m->in[m->candidates[i]] && !check_result_add(out, m->candidates[i]))
            return ERROR_MEMORY;
    return 0;
}

int witness_minimise(const struct check_model *model, const struct history *h, const struct check_limits *limits,
                     struct check_result *out, struct error *err)
{
    size_t count = 0;
    for (size_t i = 0; i < h->count; i++)
        count += model == &model_multi_register || h->operations[i].key == out->key;
    out->minimal = false;
    if (count > HISTORY_MAX)
        return 0;
    struct minimising m = {
        .model = model, .h = h, .limits = limits, .err = err, .key = out->key, .steps = TRIAL_STEPS, .sure = true};
    bool *keep = malloc(h->count + 1);
    m.candidates = malloc((h->count + 1) * sizeof *m.candidates);
    m.candidate = calloc(h->count + 1, 1);
    m.in = calloc(h->count + 1, 1);
    bool room = keep != NULL && m.candidates != NULL && m.candidate != NULL && m.in != NULL;
    m.code = room ? bonds_make(model, h, &m.bonds) : ERROR_MEMORY;
    if (m.code == 0 && first_candidates(&m, out, keep)) {
        m.sure = true;
        bool minimal = reduce(m.count, keep, still_invalid, &m, TRIES) && m.sure && m.code == 0;
        /* Not proven, what the model itself found says more. */
        if (minimal || (m.code == 0 && kept(keep, m.count) < out->witness.count))
            m.code = take_over(&m, keep, out);
        out->minimal = minimal && m.code == 0;
    }
    bonds_deinit(&m.bonds);
    free(keep);
    free(m.candidates);
    free(m.candidate);
    free(m.in);
    return m.code;
}
