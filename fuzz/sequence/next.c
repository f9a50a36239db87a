/* Which case comes next: breadth first, then by what was learnt. */
#include "fuzz/sequence/sequence_internal.h"

#include "fuzz/sequence/check.h"

#include <stdio.h>
#include <stdlib.h>

#define ALONE_TRIES    3  /* cases of a method alone: blank, filled, drawn */
#define EDGE_RANKS     2  /* edges of a field that are tried as pairs in the breadth */
#define BREADTH_ROUNDS 1  /* cases per method and level, from the third on */
#define PROBE_EVERY    2  /* cases, behind the breadth */
#define CANDIDATES     8  /* methods drawn from which the best is taken */
#define VARIED_IN      3  /* one field in so many, of a maker that is probed */
#define MAKERS_TRIED   96 /* methods drawn for a checker */

int sequence_new(struct sequence_graph *g, const struct sequence_options *options, struct sequence **out,
                 struct error *err)
{
    struct sequence *s = calloc(1, sizeof *s);
    *out = s;
    if (s == NULL)
        return error_set(err, ERROR_MEMORY, "out of memory");
    s->graph = g;
    s->level = 1;
    s->figures.methods = g->method_count;
    random_seed(&s->random, options != NULL ? options->seed : 0);
    snprintf(s->context, sizeof s->context, "%s",
             options != NULL && options->context != NULL ? options->context : "default");
    return 0;
}

void sequence_free(struct sequence *s)
{
    if (s == NULL)
        return;
    sequence_view_deinit(&s->view);
    text_deinit(&s->message);
    free(s);
}

void sequence_use(struct sequence *s, const char *const *words, size_t count)
{
    s->known.words = words;
    s->known.count = count;
}

void sequence_use_stored(struct sequence *s, const char *const *words, size_t count)
{
    s->known.stored = words;
    s->known.stored_count = count;
}

struct sequence_graph *sequence_graph_of(struct sequence *s)
{
    return s->graph;
}

void sequence_figures(const struct sequence *s, struct sequence_figures *out)
{
    *out = s->figures;
    out->kept = s->kept_count;
    out->level = s->level;
}

const struct sequence_plan *sequence_kept(const struct sequence *s, size_t i)
{
    return i < s->kept_count ? &s->kept[i].plan : NULL;
}

/* ---- choosing methods ---- */

/* Calls that seldom worked are worth more; so are those of which little is known. */
static double method_draw(struct sequence *s, size_t method)
{
    const struct sequence_method *m = &s->graph->methods[method];
    double want = m->worked == 0 ? 1.0 : 0.35;
    return want * random_unit(&s->random) + 0.5 / (1.0 + m->tried / 8.0);
}

static size_t draw_method(struct sequence *s)
{
    size_t best = 0;
    double best_drawn = -1;
    for (int i = 0; i < CANDIDATES; i++) {
        size_t m = (size_t)random_below(&s->random, s->graph->method_count);
        double drawn = method_draw(s, m);
        if (drawn > best_drawn) {
            best = m;
            best_drawn = drawn;
        }
    }
    return best;
}

/* One that what the plan's calls know can feed. */
static size_t draw_consumer(struct sequence *s, const struct sequence_plan *plan)
{
    size_t best = 0;
    double best_drawn = -1;
    for (int i = 0; i < CANDIDATES; i++) {
        size_t m = (size_t)random_below(&s->random, s->graph->method_count);
        double fed = 0;
        for (size_t l = 0; l < sequence_input(s->graph, m)->count; l++) {
            const struct sequence_slot *slot = &s->graph->methods[m].slots[l];
            for (size_t e = 0; e < slot->edge_count; e++)
                for (size_t c = 0; c < plan->calls; c++)
                    if (slot->edges[e].from == plan->call[c].method && slot->edges[e].score > fed)
                        fed = slot->edges[e].score;
        }
        double drawn = method_draw(s, m) + fed / 60;
        if (drawn > best_drawn) {
            best = m;
            best_drawn = drawn;
        }
    }
    return best;
}

/* ---- breadth ---- */

static int alone(struct sequence *s, struct fuzz_case *out, struct sequence_plan *plan)
{
    size_t method = s->at / ALONE_TRIES, try = s->at % ALONE_TRIES;
    const struct sequence_shape *shape = sequence_input(s->graph, method);
    uint8_t sources[SEQUENCE_LEAVES_MAX];
    for (size_t i = 0; i < shape->count; i++) {
        bool names = sequence_class_names_one(shape->leaves[i].class) || shape->leaves[i].class == CLASS_TOPIC;
        sources[i] = try == 0 ? SOURCE_EMPTY : try == 1 && names ? SOURCE_FRESH : SOURCE_COUNT;
    }
    if (++s->at == s->graph->method_count * ALONE_TRIES) {
        s->at = 0;
        s->level = 2;
    }
    return build_call(s, out, plan, method, sources, 1);
}

/* The next edge that is worth a case of its own; false: that was the last. */
static bool next_edge(struct sequence *s, size_t *method, size_t *leaf, size_t *edge)
{
    for (; s->at < s->graph->method_count; s->at++, s->slot_at = 0)
        for (; s->slot_at < sequence_input(s->graph, s->at)->count; s->slot_at++, s->edge_at = 0) {
            const struct sequence_slot *slot = &s->graph->methods[s->at].slots[s->slot_at];
            if (s->edge_at >= slot->edge_count || s->edge_at >= EDGE_RANKS)
                continue;
            *method = s->at;
            *leaf = s->slot_at;
            *edge = s->edge_at++;
            return true;
        }
    s->at = 0;
    s->level = 3;
    return false;
}

static int pair(struct sequence *s, struct fuzz_case *out, struct sequence_plan *plan)
{
    size_t method, leaf, edge;
    uint8_t sources[SEQUENCE_LEAVES_MAX];
    if (!next_edge(s, &method, &leaf, &edge))
        return 0;
    memset(sources, SOURCE_COUNT, sizeof sources);
    sources[leaf] = (uint8_t)(SOURCE_EDGE + edge);
    return build_call(s, out, plan, method, sources, 2);
}

/* One that worked, of so many calls, and one call more. `calls` 0: of any length. */
static struct kept *draw_kept(struct sequence *s, size_t calls)
{
    struct kept *best = NULL;
    double best_drawn = -1;
    for (int i = 0; s->kept_count > 0 && i < 4 * CANDIDATES; i++) {
        struct kept *k = &s->kept[random_below(&s->random, s->kept_count)];
        if ((calls > 0 && k->plan.calls != calls) || k->plan.calls >= SEQUENCE_CALLS_MAX)
            continue;
        double drawn = random_unit(&s->random) * (1.0 + k->worked) / (1.0 + k->tried);
        if (drawn > best_drawn) {
            best = k;
            best_drawn = drawn;
        }
    }
    if (best != NULL)
        best->tried++;
    return best;
}

static int longer(struct sequence *s, struct fuzz_case *out, struct sequence_plan *plan, size_t calls)
{
    const struct kept *k = draw_kept(s, calls);
    if (k == NULL)
        return build_call(s, out, plan, draw_method(s), NULL, SEQUENCE_CALLS_MAX);
    int rc = build_plan(s, out, &k->plan, plan);
    return rc < 0 ? rc : build_call(s, out, plan, draw_consumer(s, plan), NULL, plan->calls + 1U);
}

/* ---- behind it ---- */

/* A sequence that worked and whose last call of those that make things is of that method; NULL: there is none. */
static const struct kept *draw_made(struct sequence *s, size_t maker)
{
    const struct kept *drawn = NULL;
    size_t seen = 0;
    for (size_t i = 0; i < s->kept_count; i++) {
        const struct sequence_plan *p = &s->kept[i].plan;
        size_t last = p->calls;
        while (last > 0 && s->graph->methods[p->call[last - 1].method].role != ROLE_CREATE)
            last--;
        if (last > 0 && p->call[last - 1].method == maker && random_below(&s->random, ++seen) == 0)
            drawn = &s->kept[i];
    }
    return drawn;
}

/* What the maker says is left out and what it left out is said, here and there: a thing without a title is a thing. */
static void vary(struct sequence *s, struct sequence_plan *plan, size_t maker)
{
    const struct sequence_shape *shape = sequence_input(s->graph, maker);
    for (size_t i = 0; i < plan->calls; i++)
        for (size_t l = 0; plan->call[i].method == maker && l < shape->count; l++) {
            uint8_t *source = &plan->call[i].source[l];
            enum pb_kind kind = sequence_leaf_field(&shape->leaves[l])->kind;
            uint8_t said = kind == PB_BOOL || kind == PB_ENUM ? SOURCE_WORD : SOURCE_FRESH;
            if (random_below(&s->random, shape->count < VARIED_IN ? VARIED_IN : shape->count) == 0)
                *source = *source == SOURCE_EMPTY ? said : SOURCE_EMPTY;
        }
}

/* Checkers in turn. What makes things is drawn evenly, not as often as there are sequences of it; a maker is looked for
 * that the checker has something to say to. */
static int probe(struct sequence *s, struct fuzz_case *out, struct sequence_plan *plan)
{
    const struct sequence_checker *checker = &sequence_checkers[s->next_probe++ % sequence_checker_count];
    for (int i = 0; i < MAKERS_TRIED; i++) {
        size_t maker = (size_t)random_below(&s->random, s->graph->method_count);
        if (s->graph->methods[maker].role != ROLE_CREATE)
            continue;
        const struct kept *k = draw_made(s, maker);
        fuzz_case_clear(out);
        plan->calls = 0;
        struct sequence_plan varied = k != NULL ? k->plan : *plan;
        if (k != NULL && random_below(&s->random, 2) == 0)
            vary(s, &varied, maker);
        int rc =
            k != NULL ? build_plan(s, out, &varied, plan) : build_call(s, out, plan, maker, NULL, SEQUENCE_CALLS_MAX);
        if (rc >= 0)
            rc = checker->probe(s, out);
        if (rc < 0)
            return rc;
        if (rc > 0) {
            plan->probe = checker;
            return 0;
        }
    }
    fuzz_case_clear(out);
    plan->calls = 0;
    return longer(s, out, plan, 0);
}

static int by_success(struct sequence *s, struct fuzz_case *out, struct sequence_plan *plan)
{
    if (s->made++ % PROBE_EVERY == 0)
        return probe(s, out, plan);
    if (random_below(&s->random, 2) == 0)
        return longer(s, out, plan, 0);
    return build_call(s, out, plan, draw_method(s), NULL, (size_t)random_range(&s->random, 2, SEQUENCE_CALLS_MAX));
}

int sequence_next(struct sequence *s, struct fuzz_case *out, struct sequence_plan *plan)
{
    int rc = 0;
    fuzz_case_clear(out);
    plan->calls = 0;
    plan->probe = NULL;
    if (s->level == 1)
        return alone(s, out, plan) < 0 ? ERROR_MEMORY : 0;
    if (s->level == 2)
        rc = pair(s, out, plan);
    if (rc < 0 || plan->calls > 0)
        return rc < 0 ? ERROR_MEMORY : 0;
    if (s->level >= 3) {
        rc = longer(s, out, plan, s->level - 1);
        if (++s->at >= s->graph->method_count * BREADTH_ROUNDS) {
            s->at = 0;
            s->level = s->level == SEQUENCE_CALLS_MAX ? 0 : s->level + 1;
        }
    } else {
        rc = by_success(s, out, plan);
    }
    return rc < 0 ? ERROR_MEMORY : 0;
}
