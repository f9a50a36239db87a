#include "fuzz/live/maker.h"

#include "fuzz/cover/cover.h"
#include "fuzz/live/known.h"
#include "fuzz/message/bandit.h"
#include "fuzz/message/defect.h"
#include "fuzz/message/dictionary.h"

#include <stdlib.h>
#include <string.h>

#define KEPT_MAX      512 /* cases; the oldest makes room */
#define MESSAGE_MAX   ((size_t)8 << 10)
#define OVERSIZE      ((size_t)5 << 20) /* bytes: above the 4 MiB most servers take */
#define OVERSIZE_IN   16                /* one drawn case in so many may have one: they would fill the wire */
#define BUFFER_KEPT   ((size_t)1 << 20) /* bytes of a slot's case that are kept for the next one */
#define OPERATORS_MAX 512
#define LANE_PARTS    1000 /* shares as the generator takes them */

/* Stored cases are not drawn: they come first. */
static const uint8_t source_shares[MAKER_STORED] = {[MAKER_SEQUENCE] = 4, [MAKER_DRAWN] = 4, [MAKER_CHANGED] = 2};
static const uint8_t lane_shares[LANE_COUNT] = {[LANE_VALID] = 5, [LANE_NEAR_VALID] = 4, [LANE_GARBAGE] = 1};

struct kept {
    struct fuzz_case c;
    uint64_t hash;
};

struct maker {
    struct sequence_graph *graph;
    struct sequence *sequence;
    struct dictionary *dictionary;
    struct cover *seen;
    struct case_source source;
    struct text scratch, scratch_wire;
    struct random random;
    struct bandit sources, lanes;
    struct mutate_learning learning;
    bool tenants;
    struct kept kept[KEPT_MAX];
    size_t kept_count, kept_next;
    ARRAY(struct fuzz_case) stored; /* from stored_next on */
    size_t stored_next;
    ARRAY(struct maker_operator) operators;
    struct map operator_places; /* by name; the place plus one */
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

static bool is_open(const struct maker_options *o, const struct pb_method *method)
{
    for (size_t i = 0; o->open && o->open[i]; i++)
        if (strcmp(o->open[i], method->path + 1) == 0 || strcmp(o->open[i], method->service->full_name) == 0)
            return true;
    return !o->access;
}

/* As the generator takes them. They change with the bandit's rounds. */
static void share_lanes(struct maker *m)
{
    for (size_t i = 0; i < LANE_COUNT; i++)
        m->source.lanes[i] = 1 + (uint32_t)(bandit_share(&m->lanes, i) * LANE_PARTS);
}

int maker_new(const struct maker_options *options, struct maker **out, struct error *err)
{
    struct maker_options own = *options;
    struct maker *m = calloc(1, sizeof *m);
    if (!m)
        return error_set(err, ERROR_MEMORY, "out of memory");
    random_seed(&m->random, options->seed);
    bandit_init(&m->sources, MAKER_STORED, source_shares);
    bandit_init(&m->lanes, LANE_COUNT, lane_shares);
    mutate_learning_init(&m->learning);
    m->tenants = options->tenants;
    m->dictionary = dictionary_new();
    m->seen = cover_new();
    struct sequence_graph_options graph = {.wanted = wanted, .arg = &own};
    struct sequence_options sequence = {.seed = options->seed, .context = options->context};
    int rc = m->dictionary && m->seen ? 0 : error_set(err, ERROR_MEMORY, "out of memory");
    if (rc == 0)
        rc = sequence_graph_new(options->pool, &graph, &m->graph, err);
    for (size_t i = 0; rc == 0 && i < m->graph->method_count; i++)
        m->graph->methods[i].open = is_open(options, m->graph->methods[i].method);
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
                                     .scratch = &m->scratch,
                                     .scratch_wire = &m->scratch_wire};
    share_lanes(m);
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
        fuzz_case_deinit(&m->kept[i].c);
    for (size_t i = m->stored_next; i < m->stored.count; i++)
        fuzz_case_deinit(&m->stored.items[i]);
    array_deinit(&m->stored);
    array_deinit(&m->operators);
    map_deinit(&m->operator_places);
    text_deinit(&m->scratch);
    text_deinit(&m->scratch_wire);
    free(m);
}

void maker_use(struct maker *m, const struct known *known)
{
    m->source.names = known->names.items;
    m->source.name_count = known->names.count;
    m->source.relays = known->relays.items;
    m->source.relay_count = known->relays.count;
    sequence_use(m->sequence, known->words.items, known->words.count);
}

const struct sequence_graph *maker_graph(const struct maker *m)
{
    return m->graph;
}

struct sequence *maker_sequence(struct maker *m)
{
    return m->sequence;
}

enum fuzz_lane made_lane(const struct fuzz_case *c)
{
    uint8_t lane = LANE_VALID;
    for (size_t i = 0; i < c->events.count; i++)
        if (c->events.items[i].kind == EVENT_MESSAGE && c->events.items[i].lane > lane)
            lane = c->events.items[i].lane;
    return lane < LANE_COUNT ? (enum fuzz_lane)lane : LANE_GARBAGE;
}

const char *made_by(const struct made *made)
{
    static const char *const names[MAKER_SOURCES] = {"sequence", "drawn", "changed", "stored"};
    return made->did_count > 0 ? made->did[made->did_count - 1].what : names[made->source];
}

/* ---- the next case ---------------------------------------------------------------------------------------------- */

static int change(struct maker *m, struct made *out)
{
    size_t chosen = (size_t)random_below(&m->random, m->kept_count);
    size_t other = (size_t)random_below(&m->random, m->kept_count);
    uint64_t changes = 1 + random_below(&m->random, MAKER_CHANGES_MAX);
    int rc = fuzz_case_copy(&out->c, &m->kept[chosen].c);
    out->parent = m->kept[chosen].hash;
    for (uint64_t i = 0; rc == 0 && i < changes; i++) {
        struct case_mutation how = {.source = &m->source,
                                    .other = other != chosen ? &m->kept[other].c : NULL,
                                    .learning = &m->learning,
                                    .lane = (enum fuzz_lane)bandit_draw(&m->lanes, &m->random)};
        rc = fuzz_mutate_case(&m->random, &out->c, &how, &out->did[out->did_count]);
        out->did_count += rc == 0;
    }
    return rc;
}

static int make(struct maker *m, struct made *out)
{
    if (out->c.data.capacity > BUFFER_KEPT)
        fuzz_case_deinit(&out->c);
    fuzz_case_clear(&out->c);
    out->parent = 0;
    out->did_count = 0;
    if (m->stored_next < m->stored.count) {
        struct fuzz_case *next = &m->stored.items[m->stored_next++];
        out->source = MAKER_STORED;
        int rc = fuzz_case_copy(&out->c, next);
        fuzz_case_deinit(next);
        return rc;
    }
    array_clear(&m->stored);
    m->stored_next = 0;
    m->source.oversize = random_below(&m->random, OVERSIZE_IN) == 0 ? OVERSIZE : 0;
    size_t drawn = bandit_draw(&m->sources, &m->random);
    if (drawn == MAKER_CHANGED && m->kept_count == 0)
        drawn = MAKER_DRAWN;
    out->source = (enum maker_source)drawn;
    if (out->source == MAKER_SEQUENCE)
        return sequence_next(m->sequence, &out->c, &out->plan);
    if (out->source == MAKER_CHANGED)
        return change(m, out);
    return fuzz_generate_case(&m->random, &m->source, &out->c);
}

int maker_next(struct maker *m, struct made *out)
{
    int rc = make(m, out);
    /* Without a second account its calls would be calls without a token: a system that answers those is not to blame
     * for what it shows to strangers. */
    for (size_t i = 0; rc == 0 && !m->tenants && i < out->c.events.count; i++)
        if (out->c.events.items[i].kind == EVENT_CALL)
            out->c.events.items[i].flags &= (uint16_t)~EVENT_OTHER_TENANT;
    return rc;
}

bool maker_store(struct maker *m, const struct fuzz_case *c)
{
    struct fuzz_case copy = FUZZ_CASE_INIT;
    if (maker_stored(m) < MAKER_STORED_MAX && fuzz_case_copy(&copy, c) == 0 && array_push(&m->stored, copy))
        return true;
    fuzz_case_deinit(&copy);
    return false;
}

size_t maker_stored(const struct maker *m)
{
    return m->stored.count - m->stored_next;
}

/* ---- learning --------------------------------------------------------------------------------------------------- */

/* Operators and defects are called after what they work on. */
static const char *kind_of(const char *name)
{
    static const struct {
        const char *prefix, *kind;
    } kinds[] = {{"number", "number"},    {"varint", "number"},    {"int32", "number"},      {"real", "number"},
                 {"bool", "number"},      {"text", "text"},        {"utf8", "text"},         {"string", "text"},
                 {"enum", "enum"},        {"packed", "packed"},    {"message", "message"},   {"depth", "message"},
                 {"element", "repeated"}, {"map", "map"},          {"oneof", "oneof"},       {"group", "field"},
                 {"tag", "field"},        {"wire", "field"},       {"wrong", "field"},       {"field", "field"},
                 {"scalar", "field"},     {"everything", "field"}, {"value", "any"},         {"crossover", "any"},
                 {"length", "bytes"},     {"cut", "bytes"},        {"trailing", "bytes"},    {"bit", "bytes"},
                 {"byte", "bytes"},       {"block", "bytes"},      {"metadata", "metadata"}, {"event", "call"},
                 {"call", "call"},        {"link", "link"}};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (strncmp(name, kinds[i].prefix, strlen(kinds[i].prefix)) == 0)
            return kinds[i].kind;
    return "other";
}

/* `name` is static. What there is no memory for is not counted. */
static void count_operator(struct maker *m, const char *name, bool novel)
{
    uintptr_t place = (uintptr_t)map_get(&m->operator_places, name);
    if (place == 0) {
        struct maker_operator fresh = {.name = name, .kind = kind_of(name)};
        if (m->operators.count == OPERATORS_MAX || !array_push(&m->operators, fresh))
            return;
        place = m->operators.count;
        if (!map_put(&m->operator_places, name, (void *)place)) {
            (void)array_pop(&m->operators);
            return;
        }
    }
    m->operators.items[place - 1].cases++;
    m->operators.items[place - 1].novel += novel;
}

/* Operators by what they did; in cases that were drawn, the defects that stand in them. */
static void count_operators(struct maker *m, const struct made *made, bool novel)
{
    for (size_t i = 0; i < made->did_count; i++) {
        const struct case_mutated *did = &made->did[i];
        if (did->in_message)
            fuzz_mutate_credit(&m->learning, m->dictionary, &m->random, &did->message, novel);
        count_operator(m, did->what, novel);
    }
    for (size_t i = 0; made->did_count == 0 && i < made->c.events.count; i++) {
        const struct fuzz_event *e = &made->c.events.items[i];
        char name[64];
        struct bytes text = fuzz_case_bytes(&made->c, e->name);
        if (e->kind != EVENT_MESSAGE || text.len == 0 || text.len >= sizeof name)
            continue;
        memcpy(name, text.data, text.len);
        name[text.len] = '\0';
        const struct defect *d = defect_find(name);
        if (d)
            count_operator(m, d->name, novel);
    }
}

static void keep(struct maker *m, const struct fuzz_case *c)
{
    struct kept *k = &m->kept[m->kept_next];
    if (fuzz_case_copy(&k->c, c) != 0)
        return; /* what is not kept is not changed either */
    k->hash = fuzz_case_hash(c);
    m->kept_next = (m->kept_next + 1) % KEPT_MAX;
    m->kept_count += m->kept_count < KEPT_MAX;
}

void maker_keep(struct maker *m, const struct made *made)
{
    keep(m, &made->c);
}

bool maker_learn(struct maker *m, const struct made *made, const struct fuzz_trace *t)
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
    if (made->source != MAKER_STORED)
        bandit_result(&m->sources, &m->random, made->source, novel);
    if (made->source == MAKER_DRAWN || made->source == MAKER_CHANGED)
        bandit_result(&m->lanes, &m->random, made_lane(&made->c), novel);
    if (m->lanes.results == 0)
        share_lanes(m);
    count_operators(m, made, novel);
    m->figures.cases[made->source]++;
    m->figures.novel[made->source] += novel;
    if (novel)
        keep(m, &made->c);
    return novel;
}

void maker_figures(const struct maker *m, struct maker_figures *out)
{
    *out = m->figures;
    out->kept = m->kept_count;
    out->features = cover_features_seen(m->seen);
    for (size_t i = 0; i < LANE_COUNT; i++)
        out->lanes[i] = bandit_share(&m->lanes, i);
    for (size_t i = 0; i < MAKER_STORED; i++)
        out->sources[i] = bandit_share(&m->sources, i);
    out->operators = m->operators.items;
    out->operator_count = m->operators.count;
    sequence_figures(m->sequence, &out->sequences);
}
