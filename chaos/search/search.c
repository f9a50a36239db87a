#include "chaos/search/search.h"

#include "base/map.h"
#include "base/units.h"
#include "chaos/search/corpus.h"
#include "chaos/search/features.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FRESH_ONE_IN 3     /* trials are drawn anew */
#define TRIES        6     /* to come to a trial that was not there before */
#define SIZE_FREE    10000 /* that much more makes half of the weight: small ones show less of a bug, too */

struct entry {
    struct trial trial;
    uint64_t name, size;
    uint32_t owned;  /* features it is the champion of */
    uint32_t picked; /* since something came of it last */
    bool used;       /* its place is taken */
};
struct search {
    struct search_options options;
    struct random random;
    struct features features;
    ARRAY(struct entry) entries;
    ARRAY(double) weights; /* scratch, by entry */
    struct map tried;      /* names of trials that were run */
    ARRAY(struct search_finding) findings;
    struct trial_corpus corpus;
    size_t next_import; /* of corpus.fresh */
    struct search_figures figures;
};

static int no_memory(struct error *err)
{
    return error_set(err, ERROR_MEMORY, "out of memory");
}

int search_new(const struct search_options *options, struct search **out, struct error *err)
{
    struct random base;
    struct search *s = calloc(1, sizeof *s);
    *out = s;
    if (s == NULL)
        return no_memory(err);
    s->options = *options;
    random_seed(&base, options->seed);
    random_fork(&base, "chaos.search", &s->random);
    s->figures.digest = options->seed;
    return 0;
}

void search_free(struct search *s)
{
    if (s == NULL)
        return;
    for (size_t i = 0; i < s->entries.count; i++)
        trial_deinit(&s->entries.items[i].trial);
    for (size_t i = 0; i < s->findings.count; i++) {
        free(s->findings.items[i].failure);
        free(s->findings.items[i].title);
        trial_deinit(&s->findings.items[i].trial);
    }
    array_deinit(&s->entries);
    array_deinit(&s->weights);
    array_deinit(&s->findings);
    features_deinit(&s->features);
    map_deinit(&s->tried);
    trial_corpus_close(&s->corpus);
    free(s);
}

int search_open(struct search *s, struct world *w, const char *folder, struct error *err)
{
    return trial_corpus_open(&s->corpus, w, folder, err);
}

int search_scan(struct search *s, struct text *told, struct error *err)
{
    return trial_corpus_scan(&s->corpus, s->options.space.target, s->options.base, told, err);
}

/* ---- the next one ---- */

/* Weights of all entries; their sum. */
static double weigh(struct search *s)
{
    double all = 0;
    if (!array_reserve(&s->weights, s->entries.count))
        return -1;
    double *weights = s->weights.items;
    for (size_t i = 0; i < s->entries.count; i++)
        weights[i] = 0;
    for (size_t i = 0; i < s->features.count; i++) {
        const struct feature *f = &s->features.items[i];
        if (f->owner != UINT32_MAX)
            weights[f->owner] += 1.0 / f->hits;
    }
    for (size_t i = 0; i < s->entries.count; i++) {
        const struct entry *e = &s->entries.items[i];
        weights[i] = e->used ? weights[i] / (double)(SIZE_FREE + e->size) / (1 + e->picked) : 0;
        all += weights[i];
    }
    return all;
}

static struct entry *pick(struct search *s)
{
    double all = weigh(s), at = random_unit(&s->random) * all;
    struct entry *last = NULL;
    if (all <= 0)
        return NULL;
    for (size_t i = 0; i < s->entries.count; i++) {
        if (!s->entries.items[i].used)
            continue;
        last = &s->entries.items[i];
        if ((at -= s->weights.items[i]) < 0)
            break;
    }
    return last;
}

static int make_one(struct search *s, struct trial *out, struct error *err)
{
    struct entry *parent = s->options.drawn_only || random_below(&s->random, FRESH_ONE_IN) == 0 ? NULL : pick(s),
                 *other = NULL;
    if (parent == NULL)
        return trial_draw(&s->options.space, &s->random, out, err);
    parent->picked++;
    if (s->figures.entries > 1 && (other = pick(s)) == parent)
        other = NULL;
    return trial_mutate(&s->options.space, &s->random, &parent->trial, other != NULL ? &other->trial : NULL, out, err);
}

/* Whether it was not there before; it is from now on. */
static int is_new(struct search *s, const struct trial *t, bool *out)
{
    uint64_t name;
    int code = trial_name(t, &name);
    *out = code == 0 && map_get_n(&s->tried, &name, sizeof name) == NULL;
    return code == 0 && *out && !map_put_n(&s->tried, &name, sizeof name, s) ? ERROR_MEMORY : code;
}

static bool next_import(struct search *s, struct trial *out, int *code)
{
    while (*code == 0 && s->next_import < s->corpus.fresh.count) {
        bool fresh = false;
        struct trial *t = &s->corpus.fresh.items[s->next_import++];
        *out = *t; /* taken over */
        trial_init(t);
        if ((*code = is_new(s, out, &fresh)) == 0 && fresh)
            return true;
        trial_deinit(out);
    }
    array_clear(&s->corpus.fresh);
    s->next_import = 0;
    return false;
}

int search_next(struct search *s, struct trial *out, struct error *err)
{
    int code = 0;
    if (next_import(s, out, &code))
        return 0;
    if (code != 0)
        return no_memory(err);
    for (int i = 0;; i++) {
        bool fresh = false;
        if ((code = make_one(s, out, err)) != 0)
            return code;
        if (is_new(s, out, &fresh) != 0) {
            trial_deinit(out);
            return no_memory(err);
        }
        if (fresh || i == TRIES)
            return 0;
        trial_deinit(out);
    }
}

/* ---- what came of it ---- */

static struct search_finding *finding_of(struct search *s, const char *failure)
{
    for (size_t i = 0; i < s->findings.count; i++)
        if (strcmp(s->findings.items[i].failure, failure) == 0)
            return &s->findings.items[i];
    return NULL;
}

static int note_failure(struct search *s, const struct trial *t, const struct search_seen *seen, bool *found)
{
    struct search_finding *known = finding_of(s, seen->failure);
    if (known != NULL) {
        known->times++;
        return 0;
    }
    if (s->findings.count == SEARCH_FINDINGS_MAX)
        return 0;
    struct search_finding fresh = {.failure = strdup(seen->failure),
                                   .title = strdup(seen->title != NULL ? seen->title : ""),
                                   .run = s->figures.runs,
                                   .times = 1};
    int code = trial_copy(t, &fresh.trial);
    if (code != 0 || fresh.failure == NULL || fresh.title == NULL || !array_push(&s->findings, fresh)) {
        free(fresh.failure);
        free(fresh.title);
        trial_deinit(&fresh.trial);
        return ERROR_MEMORY;
    }
    *found = true;
    return 0;
}

/* Smaller comes first, by a rule on which all processes agree. */
static bool is_smaller(uint64_t size, uint64_t name, const struct entry *e)
{
    return size < e->size || (size == e->size && name < e->name);
}

static int drop(struct search *s, struct entry *e)
{
    int code = trial_corpus_remove(&s->corpus, e->name);
    trial_deinit(&e->trial);
    *e = (struct entry){.used = false};
    s->figures.entries--;
    return code;
}

static uint32_t free_place(struct search *s)
{
    for (size_t i = 0; i < s->entries.count; i++)
        if (!s->entries.items[i].used)
            return (uint32_t)i;
    return s->entries.count < SEARCH_ENTRIES_MAX && array_push(&s->entries, (struct entry){.used = false})
               ? (uint32_t)s->entries.count - 1
               : UINT32_MAX;
}

/* The entry becomes the champion of what it shows, where it is smaller than who was. */
static int crown(struct search *s, uint32_t number, const struct search_seen *seen)
{
    struct entry *e = &s->entries.items[number];
    int code = 0;
    for (size_t i = 0; i < seen->count; i++) {
        size_t at = features_find(&s->features, seen->features[i]);
        if (at == FEATURE_NONE)
            continue;
        struct feature *f = &s->features.items[at];
        if (f->owner != UINT32_MAX && !is_smaller(e->size, e->name, &s->entries.items[f->owner]))
            continue;
        if (f->owner != UINT32_MAX && --s->entries.items[f->owner].owned == 0) {
            int dropped = drop(s, &s->entries.items[f->owner]);
            code = code == 0 ? dropped : code;
        }
        f->owner = number;
        e->owned++;
    }
    return code;
}

static int keep(struct search *s, const struct trial *t, const struct search_seen *seen, const char *comment,
                bool *kept, struct error *err)
{
    uint32_t number = free_place(s);
    if (number == UINT32_MAX)
        return s->entries.count < SEARCH_ENTRIES_MAX ? no_memory(err) : 0;
    struct entry *e = &s->entries.items[number];
    *e = (struct entry){.size = trial_size(t)};
    if (trial_copy(t, &e->trial) != 0 || trial_name(t, &e->name) != 0) {
        trial_deinit(&e->trial);
        return no_memory(err);
    }
    e->used = *kept = true;
    s->figures.entries++;
    s->figures.added++;
    int code = trial_corpus_add(&s->corpus, t, comment, err);
    return code == 0 ? crown(s, number, seen) : code;
}

/* Counts what it shows; how much of it is new. */
static int count_features(struct search *s, const struct search_seen *seen, struct search_news *news)
{
    for (size_t i = 0; i < seen->count; i++) {
        size_t before = s->features.count;
        size_t at = features_add(&s->features, seen->features[i], SEARCH_FEATURES_MAX);
        if (at == FEATURE_NONE) {
            if (before < SEARCH_FEATURES_MAX)
                return ERROR_MEMORY;
            continue;
        }
        struct feature *f = &s->features.items[at];
        f->hits += f->hits < UINT32_MAX;
        bool edge = (f->key & SEARCH_EDGE) != 0;
        if (s->features.count > before) {
            news->edges += edge;
            news->states += !edge;
        }
    }
    s->figures.edges += news->edges;
    s->figures.states += news->states;
    return 0;
}

static void digest(struct search *s, uint64_t number)
{
    s->figures.digest = (s->figures.digest ^ number) * UINT64_C(0x9E3779B97F4A7C15);
    s->figures.digest ^= s->figures.digest >> 29;
}

/* Something came of what its parent was picked for. */
static void reward_parent(struct search *s, uint64_t name)
{
    for (size_t i = 0; name != 0 && i < s->entries.count; i++)
        if (s->entries.items[i].used && s->entries.items[i].name == name)
            s->entries.items[i].picked = 0;
}

int search_learn(struct search *s, const struct trial *t, const struct search_seen *seen, const char *comment,
                 struct search_news *news, struct error *err)
{
    uint64_t name = 0;
    bool failed = seen->failure != NULL && seen->failure[0] != '\0';
    int code = trial_name(t, &name);
    *news = (struct search_news){0};
    s->figures.runs++;
    digest(s, name);
    digest(s, seen->count);
    if (code == 0 && failed)
        code = note_failure(s, t, seen, &news->found);
    /* What fails is kept as a finding: its like would fail the same way, and show nothing else. */
    if (code == 0 && !failed)
        code = count_features(s, seen, news);
    if (code != 0)
        return no_memory(err);
    digest(s, news->edges + news->states);
    if (news->edges + news->states > 0) {
        s->figures.last_new = s->figures.runs;
        reward_parent(s, t->parent);
        return keep(s, t, seen, comment, &news->kept, err);
    }
    /* Of a corpus that was found: it is another's, or an older self's, and others show all that it does. */
    return t->parent == 0 && !failed ? trial_corpus_remove(&s->corpus, name) : 0;
}

size_t search_findings(const struct search *s, const struct search_finding **out)
{
    *out = s->findings.items;
    return s->findings.count;
}

void search_figures(const struct search *s, struct search_figures *out)
{
    *out = s->figures;
    out->findings = s->findings.count;
}
