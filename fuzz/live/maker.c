#include "fuzz/live/maker.h"

#include "fuzz/case/mutate_case.h"
#include "fuzz/cover/cover.h"
#include "fuzz/message/bandit.h"
#include "fuzz/message/dictionary.h"

#include <stdlib.h>
#include <string.h>

#define KEPT_MAX     512 /* cases; the oldest makes room */
#define MESSAGE_MAX  ((size_t)8 << 10)
#define OVERSIZE     ((size_t)5 << 20) /* bytes: above the 4 MiB most servers take */
#define CHANGES_MAX  4                 /* to one case */
#define GARBAGE_PART 10                /* one change of a message in so many is garbage, four are near-valid */

static const uint8_t shares[MAKER_SOURCES] = {[MAKER_SEQUENCE] = 4, [MAKER_DRAWN] = 4, [MAKER_CHANGED] = 2};

struct maker {
    struct sequence_graph *graph;
    struct sequence *sequence;
    struct dictionary *dictionary;
    struct cover *seen;
    struct case_source source;
    struct text scratch, scratch_wire;
    struct random random;
    struct bandit sources;
    struct fuzz_case kept[KEPT_MAX];
    size_t kept_count, kept_next;
    struct maker_figures figures;
};

static bool wanted(void *arg, const struct pb_method *method)
{
    const struct maker_options *o = arg;
    for (size_t i = 0; i < o->method_count; i++)
        if (o->methods[i] == method)
            return true;
    return false;
}

int maker_new(const struct maker_options *options, struct maker **out, struct error *err)
{
    struct maker_options own = *options;
    struct maker *m = calloc(1, sizeof *m);
    if (!m)
        return error_set(err, ERROR_MEMORY, "out of memory");
    random_seed(&m->random, options->seed);
    bandit_init(&m->sources, MAKER_SOURCES, shares);
    m->dictionary = dictionary_new();
    m->seen = cover_new();
    struct sequence_graph_options graph = {.wanted = wanted, .arg = &own};
    struct sequence_options sequence = {.seed = options->seed, .context = options->context};
    int rc = m->dictionary && m->seen ? 0 : error_set(err, ERROR_MEMORY, "out of memory");
    if (rc == 0)
        rc = sequence_graph_new(options->pool, &graph, &m->graph, err);
    for (size_t i = 0; rc == 0 && i < m->graph->method_count; i++)
        m->graph->methods[i].open = !options->access;
    if (rc == 0)
        rc = sequence_new(m->graph, &sequence, &m->sequence, err);
    if (rc) {
        maker_free(m);
        return rc;
    }
    m->source = (struct case_source){.pool = options->pool,
                                     .methods = options->methods,
                                     .method_count = options->method_count,
                                     .dictionary = m->dictionary,
                                     .max = MESSAGE_MAX,
                                     .oversize = OVERSIZE,
                                     .scratch = &m->scratch,
                                     .scratch_wire = &m->scratch_wire};
    *out = m;
    return 0;
}

void maker_free(struct maker *m)
{
    if (!m)
        return;
    sequence_free(m->sequence);
    sequence_graph_free(m->graph);
    dictionary_free(m->dictionary);
    cover_free(m->seen);
    for (size_t i = 0; i < KEPT_MAX; i++)
        fuzz_case_deinit(&m->kept[i]);
    text_deinit(&m->scratch);
    text_deinit(&m->scratch_wire);
    free(m);
}

const struct sequence_graph *maker_graph(const struct maker *m)
{
    return m->graph;
}

static enum fuzz_lane draw_lane(struct maker *m)
{
    uint64_t lot = random_below(&m->random, GARBAGE_PART);
    return lot == 0 ? LANE_GARBAGE : lot <= 4 ? LANE_NEAR_VALID : LANE_VALID;
}

static int change(struct maker *m, struct fuzz_case *out)
{
    size_t chosen = (size_t)random_below(&m->random, m->kept_count);
    size_t other = (size_t)random_below(&m->random, m->kept_count);
    uint64_t changes = 1 + random_below(&m->random, CHANGES_MAX);
    int rc = fuzz_case_copy(out, &m->kept[chosen]);
    for (uint64_t i = 0; rc == 0 && i < changes; i++) {
        struct case_mutated did;
        struct case_mutation how = {
            .source = &m->source, .other = other != chosen ? &m->kept[other] : NULL, .lane = draw_lane(m)};
        rc = fuzz_mutate_case(&m->random, out, &how, &did);
    }
    return rc;
}

int maker_next(struct maker *m, struct made *out)
{
    size_t drawn = bandit_draw(&m->sources, &m->random);
    if (drawn == MAKER_CHANGED && m->kept_count == 0)
        drawn = MAKER_DRAWN;
    out->source = (enum maker_source)drawn;
    fuzz_case_clear(&out->c);
    switch (out->source) {
    case MAKER_SEQUENCE:
        return sequence_next(m->sequence, &out->c, &out->plan);
    case MAKER_CHANGED:
        return change(m, &out->c);
    case MAKER_DRAWN:
    case MAKER_SOURCES:
        break;
    }
    return fuzz_generate_case(&m->random, &m->source, &out->c);
}

static void keep(struct maker *m, const struct fuzz_case *c)
{
    if (fuzz_case_copy(&m->kept[m->kept_next], c) != 0)
        return; /* what is not kept is not changed either */
    m->kept_next = (m->kept_next + 1) % KEPT_MAX;
    m->kept_count += m->kept_count < KEPT_MAX;
}

void maker_learn(struct maker *m, const struct made *made, const struct fuzz_trace *t)
{
    sequence_learn(m->sequence, &made->c, t, made->source == MAKER_SEQUENCE ? &made->plan : NULL);
    for (size_t i = 0; i < t->replies.count; i++) {
        const struct trace_reply *r = &t->replies.items[i];
        const struct pb_method *method = t->calls.items[r->call].method;
        if (method && !r->broken)
            dictionary_learn(m->dictionary, method->output, fuzz_trace_bytes(t, r->body));
    }
    cover_reset(m->seen);
    sequence_features_to_cover(t, m->seen);
    bool novel = cover_collect(m->seen, true) > 0;
    bandit_result(&m->sources, &m->random, made->source, novel);
    m->figures.cases[made->source]++;
    m->figures.novel[made->source] += novel;
    if (novel)
        keep(m, &made->c);
}

void maker_figures(const struct maker *m, struct maker_figures *out)
{
    *out = m->figures;
    out->kept = m->kept_count;
    sequence_figures(m->sequence, &out->sequences);
}
