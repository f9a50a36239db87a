/* Session guarantees of registers, with unique values: read your writes, monotonic reads, monotonic writes, writes
 * follow reads (Terry and others, "Session guarantees for weakly consistent replicated data", 1994). All four hold for
 * a key exactly when its values have one order in which what each process saw and wrote, one after the other, never
 * goes back; nothing comes before the initial value, and nothing is read before its write began. What different
 * processes see may be of different ages.
 *
 * Each step of a process from one value to another is an edge; the history is right when there is no circle: O(n). */
#include "chaos/check/inside.h"

#include <stdio.h>
#include <stdlib.h>

#define NO_OPERATION SIZE_MAX

struct step {
    uint32_t to;
    uint32_t next;        /* step + 1 from the same value; 0: the last */
    size_t before, after; /* operations */
};

struct version {
    uint32_t steps; /* step + 1; 0: none */
    uint32_t up;    /* where the search came from: step + 1 */
    uint32_t from;  /* version */
    uint8_t state;  /* of the search: 0 new, 1 on the way, 2 done */
    size_t write;
};

struct session {
    size_t last; /* operation; NO_OPERATION: none */
    uint32_t version;
};

struct sessions {
    const struct history *h;
    int64_t initial;
    struct table values, processes;
    ARRAY(struct version) versions;
    ARRAY(struct step) steps;
    ARRAY(struct session) list;
};

static uint32_t version_of(struct sessions *s, uint32_t key, int64_t value)
{
    const struct version none = {.write = NO_OPERATION};
    uint32_t n = table_add(&s->values, key, value);
    if (n != TABLE_NONE && n == s->versions.count && !array_push(&s->versions, none))
        return TABLE_NONE;
    return n;
}

static int gather_writes(struct sessions *s, struct check_result *out)
{
    for (size_t i = 0; i < s->h->count; i++) {
        const struct operation *o = &s->h->operations[i];
        if (o->function != OPERATION_WRITE || !may_have_happened(o))
            continue;
        uint32_t n = version_of(s, o->key, o->value);
        if (n == TABLE_NONE)
            return ERROR_MEMORY;
        if (s->versions.items[n].write != NO_OPERATION || o->value == s->initial) {
            out->verdict = VERDICT_UNKNOWN;
            out->key = o->key;
            out->checked = i;
            snprintf(out->reason, sizeof out->reason, "a value was written twice: this model needs unique values");
            return 0;
        }
        s->versions.items[n].write = i;
    }
    return 0;
}

static int follow(struct sessions *s, size_t index, struct check_result *out)
{
    const struct operation *o = &s->h->operations[index];
    const struct session none = {NO_OPERATION, 0};
    uint32_t version = version_of(s, o->key, o->value), p = table_add(&s->processes, o->key, o->process);
    if (version == TABLE_NONE || p == TABLE_NONE || (p == s->list.count && !array_push(&s->list, none)))
        return ERROR_MEMORY;
    size_t write = s->versions.items[version].write;
    word key, value;
    if (o->function == OPERATION_READ && o->value != s->initial &&
        (write == NO_OPERATION || ended_before(o, &s->h->operations[write]))) {
        say_invalid(out, o->key, (size_t[]){index, write}, write != NO_OPERATION ? 2 : 1,
                    "process %d read %s from %s, which nobody had begun to write", o->process,
                    value_word(s->h, o->value, value), key_word(s->h, o->key, key));
        return 0;
    }
    struct session *session = &s->list.items[p];
    if (session->last != NO_OPERATION && session->version != version) {
        if (o->value == s->initial) {
            const struct operation *last = &s->h->operations[session->last];
            say_invalid(out, o->key, (size_t[]){session->last, index}, 2,
                        "process %d %s %s and then found %s as it was at first", o->process,
                        last->function == OPERATION_READ ? "read" : "wrote", value_word(s->h, last->value, value),
                        key_word(s->h, o->key, key));
            return 0;
        }
        struct version *from = &s->versions.items[session->version];
        const struct step step = {version, from->steps, session->last, index};
        if (s->steps.count >= UINT32_MAX - 1 || !array_push(&s->steps, step))
            return ERROR_MEMORY;
        from->steps = (uint32_t)s->steps.count;
    }
    *session = (struct session){index, version};
    return 0;
}

/* The circle that `step`, from `version` to one on the way, closes. */
static void fail_circle(const struct sessions *s, uint32_t version, const struct step *step, struct check_result *out)
{
    const struct operation *a = &s->h->operations[step->before], *b = &s->h->operations[step->after];
    word key, x, y;
    say_invalid(out, a->key, (size_t[]){step->before, step->after}, 2,
                "process %d went from %s to %s on %s, and others (or itself) went back", a->process,
                value_word(s->h, a->value, x), value_word(s->h, b->value, y), key_word(s->h, a->key, key));
    for (uint32_t v = version; v != step->to; v = s->versions.items[v].from) {
        const struct step *up = &s->steps.items[s->versions.items[v].up - 1];
        check_result_add(out, up->before);
        check_result_add(out, up->after);
    }
}

/* Depth first, without recursion: `from` and `up` are the way back. */
static void find_circle(struct sessions *s, struct check_result *out)
{
    for (uint32_t start = 0; start < s->versions.count; start++) {
        uint32_t at = start;
        if (s->versions.items[start].state != 0)
            continue;
        s->versions.items[start].state = 1;
        s->versions.items[start].up = 0;
        for (;;) {
            struct version *v = &s->versions.items[at];
            if (v->steps == 0) {
                v->state = 2;
                if (v->up == 0)
                    break;
                at = v->from;
                continue;
            }
            const struct step *step = &s->steps.items[v->steps - 1];
            uint32_t number = v->steps;
            v->steps = step->next;
            struct version *to = &s->versions.items[step->to];
            if (to->state == 1) {
                fail_circle(s, at, step, out);
                return;
            }
            if (to->state == 0) {
                to->state = 1;
                to->up = number;
                to->from = at;
                at = step->to;
            }
        }
    }
}

static int check_session(const struct history *h, const struct check_limits *limits, struct check_result *out,
                         struct error *err)
{
    (void)err;
    struct sessions s = {.h = h, .initial = limits->initial};
    out->checked = h->count;
    int code = gather_writes(&s, out);
    for (size_t i = 0; i < h->count && code == 0 && out->verdict == VERDICT_VALID; i++) {
        const struct operation *o = &h->operations[i];
        if (stop_asked(limits, i))
            code = ERROR_CANCELLED;
        else if (o->end == END_OK && (o->function == OPERATION_READ || o->function == OPERATION_WRITE))
            code = follow(&s, i, out);
    }
    if (code == 0 && out->verdict == VERDICT_VALID)
        find_circle(&s, out);
    table_deinit(&s.values);
    table_deinit(&s.processes);
    array_deinit(&s.versions);
    array_deinit(&s.steps);
    array_deinit(&s.list);
    return code;
}

const struct check_model model_session = {
    .name = "session",
    .summary = "registers, a key each: no process sees less than it saw or wrote before; others may be ahead",
    .bytes = MODEL_BYTES,
    .functions = KNOWS(READ) | KNOWS(WRITE),
    .check = check_session,
    .exhaustive = rules_session,
};
