#include "tests/whole/mutator.h"

#include "fuzz/case/mutate_case.h"

#include <stdio.h>
#include <string.h>

#define SUFFIXES   24  /* of one beginning */
#define TROUBLE_IN 5   /* one change in so many is trouble */
#define NEW_IN     3   /* one case in so many is made from the graph */
#define GROWTH_MAX 200 /* events */

/* ---- trouble ---- */

struct trouble {
    const char *name; /* with a slash in front: of a component */
    uint64_t most;
};
static const struct trouble troubles[] = {
    {"schedule", UINT64_MAX},
    {"chunks", 64},
    {"latency", 20000000},
    {"reset", 64},
    {"pass", UINT64_C(600) * 1000000000},
    {"allocation", 4000},
    {"write", 2000},
    {"/write", 40},
    {"/space", 256},
    {"/clock", 100000},
    {"/pause", UINT64_C(3000000000)},
};

/* Small numbers more often than large ones: the n-th of something is mostly near. */
static uint64_t draw(struct random *r, uint64_t most)
{
    unsigned bits = 64 - (unsigned)__builtin_clzll(most | 1);
    uint64_t n = random_next(r) >> (63 - random_below(r, bits));
    return most == UINT64_MAX ? n : n % (most + 1);
}

static int insert_trouble(struct whole_mutator *m, struct random *r, struct fuzz_case *c, size_t from)
{
    size_t at = from + (size_t)random_below(r, c->events.count - from + 1);
    const char *component = m->components[random_below(r, m->source.component_count)];
    if (random_below(r, 3) == 0) {
        const struct fuzz_event e = {.kind = EVENT_FAULT, .number = random_below(r, TARGET_ACTION_COUNT)};
        return fuzz_case_insert(c, at, &e, bytes_of(component), BYTES_NONE);
    }
    const struct trouble *what = &troubles[random_below(r, sizeof troubles / sizeof troubles[0])];
    const struct fuzz_event e = {.kind = EVENT_ENVIRONMENT, .number = draw(r, what->most)};
    char name[64];
    snprintf(name, sizeof name, "%s%s", what->name[0] == '/' ? component : "", what->name);
    return fuzz_case_insert(c, at, &e, bytes_of(name), BYTES_NONE);
}

/* ---- suffixes ---- */

/* Behind one of the case's AWAITs: where its beginning ends. 0: it has none. */
static size_t draw_beginning(struct random *r, const struct fuzz_case *c)
{
    size_t chosen = 0;
    uint64_t seen = 0;
    for (size_t i = 0; i < c->events.count && i < FRESH_PREFIX_EVENTS; i++)
        if (c->events.items[i].kind == EVENT_AWAIT && random_below(r, ++seen) == 0)
            chosen = i + 1;
    return chosen;
}

static void choose_base(struct whole_mutator *m, struct random *r, const struct fuzz_case *parent)
{
    m->base_left = m->base_events = 0;
    size_t events = draw_beginning(r, parent);
    if (events == 0 || fuzz_case_copy(&m->base, parent) != 0)
        return;
    m->base_events = events;
    m->base_left = SUFFIXES;
    fresh_prefix(m->fresh, &m->base, events);
}

/* Its beginning with calls fed by it behind, or with its own end changed. */
static int make_suffix(struct whole_mutator *m, struct random *r, const struct fuzz_case *other,
                       struct case_mutation *how, struct fuzz_case *out, struct case_mutated *did)
{
    int rc = fuzz_case_copy(out, &m->base);
    if (rc == 0 && random_below(r, 2) == 0) {
        while (out->events.count > m->base_events)
            fuzz_case_cut(out, out->events.count - 1);
        *did = (struct case_mutated){.lane = LANE_VALID, .what = "suffix-calls"};
        for (uint64_t n = 1 + random_below(r, 3); rc >= 0 && n > 0; n--)
            rc = sequence_append(m->sequence, out, (size_t)random_below(r, m->graph->method_count), NULL, 0);
        return rc == ERROR_LIMIT ? 0 : rc < 0 ? rc : 0;
    }
    if (rc == 0 && random_below(r, TROUBLE_IN) == 0) {
        *did = (struct case_mutated){.lane = LANE_VALID, .what = "suffix-trouble"};
        rc = insert_trouble(m, r, out, m->base_events);
        return rc == ERROR_MEMORY ? rc : 0;
    }
    how->other = other;
    return rc ? rc : fuzz_mutate_case(r, out, how, did);
}

/* ---- a case ---- */

static int mutate(void *arg, struct random *r, const struct fuzz_case *parent, const struct fuzz_case *other,
                  enum fuzz_lane lane, size_t max, struct fuzz_case *out, struct mutated *did)
{
    struct whole_mutator *m = arg;
    struct case_mutated how = {.lane = LANE_VALID, .what = "sequence"};
    struct case_mutation what = {.source = &m->source, .lane = lane, .max = max, .learning = m->messages.shared.data};
    int rc;
    m->planned = 0;
    if (m->base_left > 0) {
        m->base_left--;
        rc = make_suffix(m, r, other, &what, out, &how);
    } else if (random_below(r, NEW_IN) == 0) {
        rc = sequence_next(m->sequence, out, &m->plan);
        m->planned = rc == 0 ? fuzz_case_hash(out) : 0;
    } else if (random_below(r, SUFFIXES) == 0) {
        choose_base(m, r, parent);
        return ERROR_NOT_FOUND; /* the next ones are its */
    } else {
        rc = fuzz_case_copy(out, parent);
        if (rc == 0 && random_below(r, TROUBLE_IN) == 0 && out->events.count < GROWTH_MAX) {
            how.what = "trouble";
            rc = insert_trouble(m, r, out, 0);
            rc = rc == ERROR_MEMORY ? rc : 0;
        } else if (rc == 0) {
            what.other = other != parent ? other : NULL;
            rc = fuzz_mutate_case(r, out, &what, &how);
        }
    }
    *did = how.in_message ? how.message : (struct mutated){.arm = MUTATE_NO_ARM, .source = MUTATE_NO_ARM};
    did->lane = how.lane;
    did->what = how.what;
    if (rc == 0 && out->data.len > max)
        rc = fuzz_case_tidy(out);
    return rc == 0 && out->data.len > max ? ERROR_NOT_FOUND : rc;
}

static void credit(void *arg, struct random *r, const struct mutated *did, bool novel)
{
    struct whole_mutator *m = arg;
    if (did->arm != MUTATE_NO_ARM)
        fuzz_mutate_credit(m->messages.shared.data, NULL, r, did, novel);
}

void whole_mutator_learn(struct whole_mutator *m, const struct fuzz_case *c, const struct fuzz_trace *t)
{
    bool ours = m->planned && m->planned == fuzz_case_hash(c);
    sequence_learn(m->sequence, c, t, ours ? &m->plan : NULL);
}

struct fuzz_mutator whole_mutator(struct whole_mutator *m)
{
    return (struct fuzz_mutator){.mutate = mutate, .credit = credit, .arg = m};
}

int whole_mutator_init(struct whole_mutator *m, struct fresh *f, struct error *err)
{
    size_t count = 0;
    *m = (struct whole_mutator){.fresh = f};
    int rc = message_mutator_init(&m->messages, fresh_pool(f), true);
    if (rc)
        return error_set(err, rc, "out of memory");
    rc = whole_graph(fresh_pool(f), &m->graph, err);
    if (rc == 0)
        rc = sequence_new(m->graph, &(struct sequence_options){.seed = 1, .context = WHOLE_CONTEXT}, &m->sequence, err);
    for (const struct component *c = components; c->name && count < sizeof m->components / sizeof *m->components; c++)
        m->components[count++] = c->name;
    m->source = m->messages.source;
    m->source.components = m->components;
    m->source.component_count = count;
    return rc;
}

void whole_mutator_deinit(struct whole_mutator *m)
{
    sequence_free(m->sequence);
    sequence_graph_free(m->graph);
    message_mutator_deinit(&m->messages);
    fuzz_case_deinit(&m->base);
}
