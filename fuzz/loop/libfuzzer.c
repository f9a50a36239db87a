/* The program around a target in a build with HARROW_FUZZ: libFuzzer over the same corpus files, with our mutator as
 * its own. Inputs are case files; plain bytes are the message or the raw bytes they stand for. */
#include "fuzz/loop/mutator.h"
#include "fuzz/loop/verdict.h"

#include <stdio.h>
#include <stdlib.h>

#define TRIES_MAX 8 /* mutations asked for until one fits */

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *data1, size_t size1, const uint8_t *data2, size_t size2, uint8_t *out,
                                 size_t max_out_size, unsigned int seed);

static void *state;
static struct message_mutator messages;
static struct fuzz_mutator mutator;
static struct fuzz_case input, partner, mutant;
static struct fuzz_trace trace;
static struct text file;

static void must(int rc, const char *what)
{
    if (rc == 0)
        return;
    fprintf(stderr, "%s: %s: %s\n", fuzz_target.name, what, error_code_name(rc));
    exit(1);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    const struct pb_pool *pool = NULL;
    (void)argc;
    (void)argv;
    if (fuzz_target.setup)
        must(fuzz_target.setup(&state, &pool, NULL), "cannot be set up");
    must(message_mutator_init(&messages, pool, fuzz_target.calls), "no memory for the mutator");
    mutator = fuzz_target.mutator ? *fuzz_target.mutator : message_mutator(&messages);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    must(fuzz_target_case(&fuzz_target, BYTES(data, size), &input), "no memory for a case");
    verdict_run(&fuzz_target, state, &input, &trace);
    return 0;
}

/* 0: nothing fits; libFuzzer then goes on with another. */
static size_t change(struct random *r, const struct fuzz_case *a, const struct fuzz_case *b, uint8_t *out, size_t max)
{
    struct mutated did;
    for (unsigned i = 0; i < TRIES_MAX; i++) {
        fuzz_case_clear(&mutant);
        int rc = mutator.mutate(mutator.arg, r, a, b, (enum fuzz_lane)random_below(r, LANE_COUNT), max, &mutant, &did);
        if (rc == ERROR_NOT_FOUND)
            continue;
        must(rc, "no memory for a mutant");
        text_clear(&file);
        must(fuzz_case_write(&mutant, &file), "no memory for a case file");
        if (file.len > max)
            continue;
        memcpy(out, file.data, file.len);
        return file.len;
    }
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
    struct random r;
    random_seed(&r, seed);
    must(fuzz_target_case(&fuzz_target, BYTES(data, size), &input), "no memory for a case");
    size_t made = change(&r, &input, &input, data, max_size);
    return made ? made : size;
}

size_t LLVMFuzzerCustomCrossOver(const uint8_t *data1, size_t size1, const uint8_t *data2, size_t size2, uint8_t *out,
                                 size_t max_out_size, unsigned int seed)
{
    struct random r;
    random_seed(&r, seed);
    must(fuzz_target_case(&fuzz_target, BYTES(data1, size1), &input), "no memory for a case");
    must(fuzz_target_case(&fuzz_target, BYTES(data2, size2), &partner), "no memory for a case");
    return change(&r, &input, &partner, out, max_out_size);
}
