/* Coverage-guided search over experiments: trials are made of the ones that showed something new, carried out by the
 * caller in simulation, and kept when they show something that none before them did.
 *
 * What a trial shows is a set of features: edges of the program, where they are counted, and facts of its state summary
 * (observe.h). For each feature the smallest trial that shows it is its champion; the corpus is the set of champions,
 * so it stays minimal by itself, after AFL's favoured entries (Zalewski). Who is taken next is drawn by weight: the
 * sum over its features of 1/(runs that had it), so that rare ones count (Boehme et al., "Entropic", 2020), by the size
 * of the trial, and less after each time nothing came of it.
 *
 * The search does nothing by itself: next, run, learn. Trials may be asked for in batches and be run side by side;
 * what is learnt depends on the order of search_learn() alone. The same seed and the same answers give the same search.
 *
 * The corpus folder has one file per champion, named by the trial's hash, complete or not there. Several processes may
 * share it: files that appear are run by the others. Limits: SEARCH_FEATURES_MAX features, SEARCH_ENTRIES_MAX trials in
 * the corpus, SEARCH_FINDINGS_MAX findings told apart. */
#ifndef CHAOS_SEARCH_SEARCH_H
#define CHAOS_SEARCH_SEARCH_H

#include "chaos/search/mutate.h"

#define SEARCH_FEATURES_MAX ((size_t)1 << 20)
#define SEARCH_ENTRIES_MAX  4096
#define SEARCH_FINDINGS_MAX 256
#define SEARCH_EDGE         (UINT64_C(1) << 63) /* of a feature: an edge, its index below; else a fact, halved */

struct search;
struct search_options {
    uint64_t seed;
    struct search_space space;        /* borrowed as a whole */
    const struct chaos_options *base; /* for files that do not say all; borrowed */
    bool drawn_only;                  /* nothing is made of what was kept: to compare with */
};
int search_new(const struct search_options *options, struct search **out, struct error *err);
void search_free(struct search *s);

/* The folder, made when it is not there. What lies in it will be run first. */
int search_open(struct search *s, struct world *w, const char *folder, struct error *err);
/* Files that others put there since, to be run next. `told` gets a line for what cannot be used. */
int search_scan(struct search *s, struct text *told, struct error *err);

/* The next trial to run, the caller's to give back. */
int search_next(struct search *s, struct trial *out, struct error *err);

struct search_seen {
    const uint64_t *features; /* each once */
    size_t count;
    const char *failure, *title; /* what failed first, by name and in words; NULL or "": nothing */
};
struct search_news {
    size_t edges, states; /* that nobody showed before */
    bool kept, found;     /* found: a failure of a kind that is new */
};
/* What came of the trial. `comment` is put above it in the corpus's file. */
int search_learn(struct search *s, const struct trial *t, const struct search_seen *seen, const char *comment,
                 struct search_news *news, struct error *err);

struct search_finding {
    char *failure, *title;
    struct trial trial;
    uint64_t run;   /* the first that failed so, from 1 */
    uint64_t times; /* runs that did */
};
size_t search_findings(const struct search *s, const struct search_finding **out);

struct search_figures {
    uint64_t runs;
    size_t edges, states, entries, added, findings; /* added: to the corpus by this search, also when taken out again */
    uint64_t last_new;                              /* the run that last showed something new */
    uint64_t digest;                                /* of all that was learnt, in order: equal for equal searches */
};
void search_figures(const struct search *s, struct search_figures *out);

#endif
