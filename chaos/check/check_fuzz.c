/* Bytes as the choices of a small history for one of the models: the checker and its exhaustive twin have to agree, and
 * what is invalid has a witness and a reason. */
#include "chaos/check/twin_history.h"

#include <stdlib.h>
#include <string.h>

#define OPERATIONS_MAX 14

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct source {
    const uint8_t *data;
    size_t size, at;
};

/* Past the end: 0. A byte a choice, so that what a mutation moves is one choice. */
static uint64_t choose(void *arg, uint64_t bound)
{
    struct source *s = arg;
    return s->at < s->size && bound > 0 ? s->data[s->at++] % bound : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct source s = {data, size, 0};
    struct history h;
    struct check_result fast, slow;
    size_t models = 0;
    while (check_models[models] != NULL)
        models++;
    const struct check_model *m = check_models[choose(&s, models)];
    const struct check_limits limits = {.memory = (size_t)1 << 20,
                                        .initial = strcmp(m->name, "counter") == 0 ? 0 : VALUE_NIL,
                                        .converged = choose(&s, 32),
                                        .redelivery = choose(&s, 2) == 0 ? TIME_NEVER : choose(&s, 8)};
    size_t operations = 1 + choose(&s, OPERATIONS_MAX);
    if (!twin_history(m, &(struct choices){choose, &s}, operations, &h))
        return 0;
    check_result_init(&fast);
    check_result_init(&slow);
    int code = check_run(m, &h, &limits, &fast, NULL), twin_code = check_exhaustive(m, &h, &limits, &slow, NULL);
    if (code == 0 && twin_code == 0 && fast.verdict != slow.verdict && fast.verdict != VERDICT_UNKNOWN &&
        slow.verdict != VERDICT_UNKNOWN)
        abort();
    if (code == 0 && fast.verdict == VERDICT_INVALID && (fast.witness.count == 0 || fast.reason[0] == '\0'))
        abort();
    check_result_deinit(&fast);
    check_result_deinit(&slow);
    history_deinit(&h);
    return 0;
}
