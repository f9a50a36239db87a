/* AFL++ mutates with our mutator: a shared object for AFL_CUSTOM_MUTATOR_LIBRARY, built by the compiler of the product
 * (built by afl-clang-fast it would not load). Set AFL_CUSTOM_MUTATOR_ONLY=1 as well, or AFL++ also changes case files
 * as bytes, of which few stay cases.
 *
 * HARROW_FUZZ_SET names a FileDescriptorSet: the contracts by which messages are changed; without it they are bytes.
 * HARROW_FUZZ_PATH is the method plain bytes are a message to; without it they are raw bytes. What this makes are case
 * files, so nothing is to be done to them before they are run. */
#include "fuzz/loop/mutator.h"
#include "world/real.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SET_MAX   ((size_t)64 << 20) /* bytes of a descriptor set */
#define TRIES_MAX 8                  /* mutations asked for until one fits */

void *afl_custom_init(void *afl, unsigned int seed);
size_t afl_custom_fuzz(void *data, uint8_t *buf, size_t buf_size, uint8_t **out_buf, uint8_t *add_buf,
                       size_t add_buf_size, size_t max_size);
const char *afl_custom_describe(void *data, size_t max_len);
void afl_custom_deinit(void *data);

struct afl_mutator {
    struct random random;
    struct fuzz_target target; /* only its path is used */
    struct pb_pool *pool;
    struct message_mutator messages;
    struct fuzz_case input, partner, mutant;
    struct text file;
    struct mutated did;
};

static int load(struct afl_mutator *m, const char *path, struct error *err)
{
    struct world *world;
    struct text set = TEXT_INIT;
    int rc = world_real_new(1, &world, err);
    if (rc)
        return rc;
    rc = world_read_file(world, path, SET_MAX, &set, err);
    if (rc == 0)
        rc = pb_pool_new(text_bytes(&set), path, &m->pool, err);
    text_deinit(&set);
    world_real_free(world);
    return rc;
}

/* NULL makes afl-fuzz end with "custom mutator init failed". */
void *afl_custom_init(void *afl, unsigned int seed)
{
    struct error err = ERROR_INIT;
    const char *set = getenv("HARROW_FUZZ_SET");
    struct afl_mutator *m = calloc(1, sizeof *m);
    (void)afl;
    if (!m)
        return NULL;
    random_seed(&m->random, seed);
    m->target.path = getenv("HARROW_FUZZ_PATH");
    if (set && load(m, set, &err)) {
        struct text text = TEXT_INIT;
        error_format(&err, &text);
        fprintf(stderr, "HARROW_FUZZ_SET: %s\n", text_string(&text));
        text_deinit(&text);
        error_clear(&err);
        free(m);
        return NULL;
    }
    if (message_mutator_init(&m->messages, m->pool, true)) {
        afl_custom_deinit(m);
        return NULL;
    }
    return m;
}

/* Length 0 has afl-fuzz skip this one. */
size_t afl_custom_fuzz(void *data, uint8_t *buf, size_t buf_size, uint8_t **out_buf, uint8_t *add_buf,
                       size_t add_buf_size, size_t max_size)
{
    struct afl_mutator *m = data;
    struct fuzz_mutator mutator = message_mutator(&m->messages);
    *out_buf = buf;
    if (fuzz_target_case(&m->target, BYTES(buf, buf_size), &m->input))
        return 0;
    const struct fuzz_case *other = &m->input;
    if (add_buf && fuzz_target_case(&m->target, BYTES(add_buf, add_buf_size), &m->partner) == 0)
        other = &m->partner;
    for (unsigned i = 0; i < TRIES_MAX; i++) {
        enum fuzz_lane lane = (enum fuzz_lane)random_below(&m->random, LANE_COUNT);
        fuzz_case_clear(&m->mutant);
        text_clear(&m->file);
        if (mutator.mutate(mutator.arg, &m->random, &m->input, other, lane, max_size, &m->mutant, &m->did) ||
            fuzz_case_write(&m->mutant, &m->file) || m->file.len > max_size)
            continue;
        *out_buf = (uint8_t *)m->file.data;
        return m->file.len;
    }
    return 0;
}

/* Part of the names of what afl-fuzz keeps. */
const char *afl_custom_describe(void *data, size_t max_len)
{
    static char name[64];
    struct afl_mutator *m = data;
    snprintf(name, max_len < sizeof name ? max_len : sizeof name, "%s", m->did.what ? m->did.what : "none");
    return name;
}

void afl_custom_deinit(void *data)
{
    struct afl_mutator *m = data;
    message_mutator_deinit(&m->messages);
    fuzz_case_deinit(&m->input);
    fuzz_case_deinit(&m->partner);
    fuzz_case_deinit(&m->mutant);
    text_deinit(&m->file);
    pb_pool_free(m->pool);
    free(m);
}
