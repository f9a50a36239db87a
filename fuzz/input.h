/* One input: a method and the message bytes sent to it. Made from a seed and a number, or read from a finding's file:
 *
 *   {"harrow": "fuzz-input", "path": "/store.Store/Read", "lane": "near-valid", "defect": "utf8-bad",
 *    "messages": ["0a03..."], "number": 17, "seed": "42", "oracle": "internal", "replay": "harrow fuzz ... --input
 * ..."}
 */
#ifndef FUZZ_INPUT_H
#define FUZZ_INPUT_H

#include "base/text.h"
#include "fuzz/defect.h"
#include "wire/pb.h"

#define FUZZ_MESSAGES_MAX 3 /* sent to a client-streaming method */
#define FUZZ_GARBAGE_MAX  256

enum fuzz_lane { LANE_VALID, LANE_NEAR_VALID, LANE_GARBAGE };
const char *fuzz_lane_name(enum fuzz_lane lane);

struct fuzz_input {
    const struct pb_method *method;
    enum fuzz_lane lane;
    const struct defect *defect; /* LANE_NEAR_VALID */
    struct text messages[FUZZ_MESSAGES_MAX];
    size_t message_count;
    uint64_t seed;
    int64_t number; /* -1: from a file */
};

/* Input `number` of `seed` over these methods: always the same. */
int fuzz_input_make(struct fuzz_input *in, uint64_t seed, int64_t number, const struct pb_method *const *methods,
                    size_t method_count);
void fuzz_input_deinit(struct fuzz_input *in);
/* `oracle` and `replay` may be NULL. */
void fuzz_input_write(const struct fuzz_input *in, const char *oracle, const char *replay, struct text *out);
int fuzz_input_read(struct bytes file, const char *name, const struct pb_pool *pool, struct fuzz_input *out,
                    struct error *err);
/* May this input be answered OK? False when its defect must be refused. */
bool fuzz_input_may_pass(const struct fuzz_input *in);

#endif
