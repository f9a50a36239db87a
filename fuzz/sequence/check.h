/* Checkers: what a finished sequence says about order, access and loss, that no single answer can say. Named, and pure
 * functions of the graph, the case and its trace: a finding is judged again from its file alone.
 *
 * Each can also append to a sequence the calls it needs for its judgement (its probe). Judging asks for proof on both
 * sides, so that a system is not blamed for what it means: what was read before is compared with what is read after,
 * and a control call about a thing nobody made must be answered otherwise. Calls count only when one was answered
 * before the next was sent, both are about the very same thing, and nothing else in the case made or changed it.
 *
 * After RESTler's security checkers (Atlidakis, Godefroid, Polishchuk, ICST 2020: use after free, resource leakage,
 * hierarchy, user namespace), with the controls added. docs/fuzzing-sequences.md says what each reports. */
#ifndef FUZZ_SEQUENCE_CHECK_H
#define FUZZ_SEQUENCE_CHECK_H

#include "fuzz/sequence/sequence.h"
#include "fuzz/sequence/view.h"

struct sequence_finding {
    uint32_t call; /* the answer that shows it */
    struct text why;
};

struct sequence_checker {
    const char *name, *summary;
    /* Appends the calls it needs. 1: done, 0: the sequence has nothing for it, ERROR_MEMORY. */
    int (*probe)(struct sequence *s, struct fuzz_case *c);
    /* True: found. `v` has a trace. */
    bool (*judge)(const struct sequence_view *v, struct sequence_finding *out);
};

extern const struct sequence_checker sequence_checkers[];
extern const size_t sequence_checker_count;
const struct sequence_checker *sequence_checker_find(const char *name); /* NULL: none of that name */

/* All of them over a finished case: `found` for each finding, borrowed for the call. Returns how many, or
 * ERROR_MEMORY. Methods with `open` set in the graph are not blamed for answering without a token or to another. */
int sequence_check(const struct sequence_graph *g, const struct fuzz_case *c, const struct fuzz_trace *t,
                   void (*found)(void *arg, const struct sequence_checker *checker,
                                 const struct sequence_finding *finding),
                   void *arg);

/* Feedback for the map of fuzz/cover: numbers for what calls answered, for which fields their replies have, for the
 * states of enum fields and for statuses behind each other. `feature` gets each once. */
void sequence_features(const struct fuzz_trace *t, void (*feature)(void *arg, uint64_t number), void *arg);
struct cover;
void sequence_features_to_cover(const struct fuzz_trace *t, struct cover *cover);

#endif
