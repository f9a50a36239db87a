/* The rival's side: the same target under libFuzzer as people use it, bytes in and no mutator of ours. Given "-seed_to
 * FILE" it only writes the seed every engine begins with. */
#include "bench/fuzz/kit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void *state;
static struct fuzz_case input;
static struct fuzz_trace trace;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    const struct pb_pool *pool;
    if (fuzz_target.setup(&state, &pool, NULL))
        abort();
    if (*argc == 3 && strcmp((*argv)[1], "-seed_to") == 0) {
        FILE *f = fopen((*argv)[2], "wb");
        if (!f || fuzz_target.seed(0, &input))
            exit(1);
        for (size_t i = 0; i < input.events.count; i++) {
            struct bytes b = fuzz_case_bytes(&input, input.events.items[i].value);
            fwrite(b.data, 1, b.len, f);
        }
        fclose(f);
        exit(0);
    }
    return 0;
}

/* The events a message or bytes make, laid out once; only the bytes change from run to run. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static size_t fixed, at;
    if (!fixed) {
        if (fuzz_target_case(&fuzz_target, BYTES("", 0), &input))
            abort();
        fixed = input.data.len + 1;
        while (input.events.items[at].kind != EVENT_MESSAGE && input.events.items[at].kind != EVENT_BYTES)
            at++;
    }
    text_truncate(&input.data, fixed - 1);
    text_add(&input.data, data, size);
    input.events.items[at].value = (struct fuzz_span){(uint32_t)(fixed - 1), (uint32_t)size};
    fuzz_trace_clear(&trace);
    fuzz_target.run(state, &input, &trace);
    return 0;
}
