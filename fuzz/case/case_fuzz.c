/* Any bytes as a case: what is read is written and read again as the same, printed and parsed as the same, and survives
 * mutation within its limits. The first bytes seed the mutations. */
#include "fuzz/case/mutate_case.h"
#include "fuzz/case/test_kit.h"

#include <stdlib.h>

static struct kit kit;

static void drop(void)
{
    kit_deinit(&kit);
}

static void expect(bool what)
{
    if (!what)
        abort();
}

static void expect_same_again(const struct fuzz_case *c)
{
    struct text file = TEXT_INIT, script = TEXT_INIT;
    struct fuzz_case again = FUZZ_CASE_INIT;
    expect(fuzz_case_write(c, &file) == 0 && fuzz_case_read(text_bytes(&file), &again, NULL) == 0);
    expect(fuzz_case_equal(c, &again) && fuzz_case_hash(c) == fuzz_case_hash(&again));
    expect(fuzz_case_print(c, kit.pool, &script) == 0);
    expect(fuzz_case_parse(text_bytes(&script), "case", kit.pool, &again, NULL) == 0);
    expect(fuzz_case_equal(c, &again));
    expect(fuzz_case_tidy(&again) == 0 && fuzz_case_equal(c, &again) && again.data.len == fuzz_case_size(c));
    text_deinit(&file);
    text_deinit(&script);
    fuzz_case_deinit(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_case c = FUZZ_CASE_INIT, other = FUZZ_CASE_INIT;
    struct error err = ERROR_INIT;
    struct random r;
    uint64_t seed = size;
    if (kit.pool == NULL && (!kit_init(&kit) || atexit(drop) != 0))
        abort();
    for (size_t i = 0; i < size; i++)
        seed = seed * 31 + data[i];
    random_seed(&r, seed);
    if (fuzz_case_read(BYTES(data, size), &c, &err) != 0)
        expect(err.message != NULL && strncmp(err.message, "byte ", 5) == 0);
    error_clear(&err);
    expect(fuzz_case_from_bytes(BYTES(data, size), "/store.Store/Read", &c) == 0);
    expect_same_again(&c);
    expect(fuzz_case_copy(&other, &c) == 0);
    for (int i = 0; i < 8; i++) {
        struct case_mutated did;
        const struct case_mutation m = {.source = &kit.source, .other = &other, .lane = (enum fuzz_lane)(seed % 3)};
        expect(fuzz_mutate_case(&r, &c, &m, &did) == 0 && did.what != NULL);
    }
    expect(c.events.count <= FUZZ_CASE_EVENTS_MAX && fuzz_case_size(&c) <= FUZZ_CASE_BYTES_MAX);
    expect_same_again(&c);
    fuzz_case_deinit(&c);
    fuzz_case_deinit(&other);
    return 0;
}
