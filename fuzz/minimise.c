/* Delta debugging on bytes (Zeller and Hildebrandt, "Simplifying and isolating failure-inducing input", 2002): take out
 * ever smaller pieces for as long as the same oracle fires. */
#include "fuzz/engine.h"

#include <string.h>

#define TRIES_MAX   200
#define TRIES_CRASH 60

static bool still_fires(struct engine *e, const struct fuzz_finding *f, const struct fuzz_input *candidate)
{
    struct text why = TEXT_INIT;
    /* That a message was accepted is wrong only for as long as it must be refused. */
    const struct text *last = &candidate->messages[candidate->message_count - 1];
    if (strcmp(f->oracle, "accepted") == 0 &&
        pb_scan(candidate->method->input->descriptor, text_bytes(last), NULL) == 0)
        return false;
    const char *oracle = engine_try(e, candidate, f->component, &why);
    text_deinit(&why);
    return oracle != NULL && strcmp(oracle, f->oracle) == 0;
}

static void minimise_message(struct engine *e, struct fuzz_finding *f, size_t which, int *tries)
{
    struct text *message = &f->input.messages[which];
    for (size_t piece = message->len / 2; piece > 0; piece /= 2) {
        for (size_t at = 0; at + piece <= message->len && *tries < TRIES_MAX;) {
            struct text shorter = TEXT_INIT;
            text_add(&shorter, message->data, at);
            text_add(&shorter, message->data + at + piece, message->len - at - piece);
            struct fuzz_input candidate = f->input;
            candidate.messages[which] = shorter;
            (*tries)++;
            if (text_ok(&shorter) && !e->target->interrupted && still_fires(e, f, &candidate)) {
                text_deinit(message);
                *message = shorter;
            } else {
                text_deinit(&shorter);
                at += piece;
            }
        }
    }
}

void engine_minimise(struct engine *e, struct fuzz_finding *f)
{
    /* Each crash costs a start of the component. */
    int tries = strcmp(f->oracle, "crash") == 0 ? TRIES_MAX - TRIES_CRASH : 0;
    /* A finding that does not show itself again by itself is kept as it was. */
    if (!still_fires(e, f, &f->input))
        return;
    for (size_t i = 0; i < f->input.message_count; i++)
        minimise_message(e, f, i, &tries);
}
