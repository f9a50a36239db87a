/* What corrects the behaviour of the doubles of `harrow fakes`: x.behaviour.yaml beside each x.proto that was given,
 * and the files of --annotations, which are the ones that count where both speak of a service. */
#ifndef HARROW_FAKES_ANNOTATIONS_H
#define HARROW_FAKES_ANNOTATIONS_H

#include "base/arena.h"
#include "fakes/behave/behave.h"
#include "harrow/fakes/contracts.h"

#define FAKES_ANNOTATIONS_OPTION(list)                                                                                 \
    {                                                                                                                  \
        .name = "annotations", .kind = OPTION_LIST, .target = (list), .argument = "FILE",                              \
        .help = "corrects what is recognised, beside x.behaviour.yaml next to x.proto (docs/behaving-doubles.md)"      \
    }

struct fakes_annotations {
    struct arena arena;
    ARRAY(struct behave_annotation) list;
    size_t beside; /* of them: found beside contracts */
};
int fakes_annotations_load(struct world *w, const struct fakes_contracts *c, const struct option_list *given,
                           struct fakes_annotations *out, struct error *err);
void fakes_annotations_deinit(struct fakes_annotations *a);

#endif
