/* Credit for what worked, and blame where a refusal says what was wrong. */
#include "base/hash.h"
#include "fuzz/sequence/refusal.h"
#include "fuzz/sequence/sequence_internal.h"

#include "wire/grpc.h"

#define COUNT_MAX 400 /* an arm's counts are halved there, so that what was learnt last weighs more */

/* A stream that was listened to and left worked; any other call we ended may have done nothing, or never been sent. */
bool sequence_call_worked(const struct trace_call *c)
{
    return c->status == GRPC_OK || (c->method && c->method->server_streaming && c->ended_by_us && !c->timed_out &&
                                    (c->status == TRACE_NO_STATUS || c->status == GRPC_CANCELLED));
}

void arm_credit(struct sequence_slot *slot, size_t source, unsigned good, unsigned bad)
{
    if (source >= SOURCE_COUNT)
        return;
    slot->good[source] = (uint16_t)(slot->good[source] + good);
    slot->bad[source] = (uint16_t)(slot->bad[source] + bad);
    if (slot->good[source] + slot->bad[source] > COUNT_MAX) {
        slot->good[source] /= 2;
        slot->bad[source] /= 2;
    }
}

static bool names(const struct sequence_leaf *l)
{
    return sequence_class_names_one(l->class) || l->class == CLASS_TOPIC || l->class == CLASS_TOKEN;
}

static struct sequence_edge *edge_of(struct sequence_slot *slot, size_t source)
{
    return source >= SOURCE_EDGE && source - SOURCE_EDGE < slot->edge_count ? &slot->edges[source - SOURCE_EDGE] : NULL;
}

static void worked(struct sequence *s, size_t method, const uint8_t *sources)
{
    for (size_t i = 0; i < sequence_input(s->graph, method)->count; i++) {
        struct sequence_slot *slot = &s->graph->methods[method].slots[i];
        struct sequence_edge *e = edge_of(slot, sources[i]);
        arm_credit(slot, sources[i], 1, 0);
        if (e != NULL) {
            e->tried++;
            e->worked++;
        }
    }
}

static void learn_word(struct sequence_slot *slot, const struct sequence_leaf *l, const char *word)
{
    if (word[0] == '\0' || sequence_leaf_field(l)->kind != PB_STRING)
        return;
    for (size_t i = 0; i < slot->learnt_count; i++)
        if (strcmp(slot->learnt[i], word) == 0)
            return;
    if (slot->learnt_count == sizeof slot->learnt / sizeof slot->learnt[0] ||
        strcmp(word, sequence_leaf_field(l)->name) == 0)
        return;
    memcpy(slot->learnt[slot->learnt_count++], word, SEQUENCE_LEARNT_WORD_MAX);
    /* The words of the table moved behind it: what was counted for their places is forgotten. */
    for (size_t n = SOURCE_WORD; n < SOURCE_EDGE; n++)
        slot->good[n] = slot->bad[n] = 0;
    slot->good[SOURCE_WORD + slot->learnt_count - 1] = 2;
}

/* Another call took away what this one is about: that it is not there says nothing against its producer. */
static bool was_ended(const struct sequence *s, const struct sequence_plan *plan, size_t call)
{
    for (size_t i = 0; i < call; i++)
        if (s->graph->methods[plan->call[i].method].role == ROLE_END &&
            sequence_same_resource(s->graph, plan->call[i].method, plan->call[call].method))
            return true;
    return false;
}

/* `leaf` -1: the refusal named no field, so those bear a part of it that could be meant. */
static void blame(struct sequence *s, size_t method, const uint8_t *sources, const struct refusal *why, bool ended)
{
    const struct sequence_shape *shape = sequence_input(s->graph, method);
    for (size_t i = 0; i < shape->count; i++) {
        struct sequence_slot *slot = &s->graph->methods[method].slots[i];
        const struct sequence_leaf *l = &shape->leaves[i];
        bool meant = why->leaf == (int)i, unsaid = why->leaf < 0, empty = sources[i] == SOURCE_EMPTY;
        switch (why->kind) {
        case REFUSAL_MISSING:
            if (meant)
                arm_credit(slot, sources[i], 0, why->one_of ? 1 : empty ? 8 : 3);
            else if (unsaid && empty)
                arm_credit(slot, SOURCE_EMPTY, 0, names(l) ? 2 : 1);
            break;
        case REFUSAL_INVALID:
            if (meant) {
                arm_credit(slot, sources[i], 0, 4);
                learn_word(slot, l, why->word);
            } else if (unsaid && !empty) {
                arm_credit(slot, sources[i], 0, 1);
            }
            break;
        case REFUSAL_UNKNOWN:
            /* What it names has to be made first. */
            if (!ended && (meant || (unsaid && names(l)) || (!meant && names(l) && sources[i] == SOURCE_FRESH)))
                arm_credit(slot, sources[i], 0, sources[i] >= SOURCE_EDGE ? 1 : 3);
            break;
        case REFUSAL_EXISTS:
            if (meant || (unsaid && names(l))) {
                arm_credit(slot, sources[i], 0, 2);
                arm_credit(slot, SOURCE_FRESH, 2, 0);
            }
            break;
        case REFUSAL_NONE:
        case REFUSAL_ACCESS:
        case REFUSAL_STATE:
            break;
        }
        struct sequence_edge *e = edge_of(slot, sources[i]);
        if (e != NULL)
            e->tried++;
    }
}

static void learn_call(struct sequence *s, const struct trace_call *r, const struct sequence_plan *plan, size_t i,
                       const struct fuzz_trace *t)
{
    int found = r->method != NULL ? sequence_graph_find(s->graph, r->method->path) : -1;
    if (found < 0)
        return;
    size_t method = (size_t)found;
    struct sequence_method *m = &s->graph->methods[method];
    /* What goes out without its token or with another's is there to be refused. */
    if (r->without_token || r->other_tenant)
        return;
    bool ok = sequence_call_worked(r);
    s->figures.calls++;
    m->tried++;
    m->worked += ok;
    if (ok && m->worked == 1)
        s->figures.reached++;
    if (r->status >= 0 && r->status < 32)
        m->statuses |= UINT32_C(1) << r->status;
    struct refusal why = {.kind = REFUSAL_NONE, .leaf = -1};
    if (!ok)
        refusal_read(s->graph, method, r->status, fuzz_trace_bytes(t, r->text), fuzz_trace_bytes(t, r->detail), &why);
    m->refused_unknown += why.kind == REFUSAL_UNKNOWN;
    if (plan == NULL || i >= plan->calls || plan->call[i].method != method)
        return;
    if (ok)
        worked(s, method, plan->call[i].source);
    else
        blame(s, method, plan->call[i].source, &why, was_ended(s, plan, i));
}

/* ---- sequences that worked ---- */

static uint64_t order_hash(const struct sequence_plan *p)
{
    uint64_t h = HASH_START;
    for (size_t i = 0; i < p->calls; i++)
        h = hash_step(h, p->call[i].method + 1U);
    return h | 1;
}

static void keep(struct sequence *s, const struct sequence_plan *plan)
{
    uint64_t h = order_hash(plan);
    uint64_t *place = &s->seen[h % SEEN_MAX];
    if (*place == h)
        return;
    *place = h;
    struct kept *k = &s->kept[s->kept_next];
    k->plan = *plan;
    k->plan.probe = NULL;
    k->tried = k->worked = 0;
    s->kept_next = (s->kept_next + 1) % SEQUENCE_KEPT_MAX;
    s->kept_count += s->kept_count < SEQUENCE_KEPT_MAX;
    if (plan->calls > s->figures.longest)
        s->figures.longest = plan->calls;
}

void sequence_learn(struct sequence *s, const struct fuzz_case *c, const struct fuzz_trace *t,
                    const struct sequence_plan *plan)
{
    bool all = plan != NULL && plan->calls > 0 && plan->calls <= t->calls.count;
    (void)c;
    s->figures.cases++;
    for (size_t i = 0; i < t->calls.count; i++) {
        learn_call(s, &t->calls.items[i], plan, i, t);
        all = all && (i >= plan->calls || sequence_call_worked(&t->calls.items[i]));
    }
    if (all && !t->crashed && !t->hung && plan->calls <= SEQUENCE_CALLS_MAX)
        keep(s, plan);
}
