/* Every allocation fails once: mutants of all lanes, mending, the dictionary and its file. A failure is reported as
 * ERROR_MEMORY, nothing leaks, and with buffers that are warm nothing is allocated at all. */
#include "base/failing_walk.h"
#include "fuzz/message/defect.h"
#include "fuzz/message/dictionary.h"
#include "fuzz/message/generate.h"
#include "fuzz/message/mutate.h"
#include "wire/testdata/set.h"

#define BOMB_BYTES ((size_t)256 << 10) /* what the largest defects need */
#define WARM_UP    6000

static struct pb_pool *pool;
static const struct pb_type *type;
static struct text message, broken;

static int set_up(void **state)
{
    (void)state;
    struct random r;
    json_set_alloc_funcs(failing_malloc, failing_free);
    if (pb_pool_new(test_set(), "test set", &pool, NULL) != 0)
        return -1;
    type = pb_find_type(pool, "test.all.Tree");
    random_seed(&r, 1);
    while (message.len < 244)
        fuzz_generate_small(&r, type, 4, 400, false, &message);
    text_add(&broken, message.data, message.len);
    text_add(&broken, "\x0A\x01\xFF", 3);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    text_deinit(&message);
    text_deinit(&broken);
    pb_pool_free(pool);
    return 0;
}

static int mutants(void)
{
    struct text out = TEXT_INIT;
    int rc = 0;
    for (uint64_t seed = 0; seed < 30 && rc == 0; seed++) {
        struct random r;
        struct mutated did;
        struct mutation m = {.type = type,
                             .input = text_bytes(seed % 2 ? &message : &broken),
                             .other = text_bytes(&message),
                             .other_type = type,
                             .max = 100000};
        random_seed(&r, seed);
        text_clear(&out);
        rc = fuzz_mutate_message(&r, &m, (enum fuzz_lane)(seed % LANE_COUNT), &out, &did);
    }
    text_deinit(&out);
    return rc;
}

static int defects(void)
{
    int rc = 0;
    for (size_t i = 0; i < defect_count() && rc == 0; i++) {
        struct random r;
        struct text out = TEXT_INIT;
        random_seed(&r, i);
        defect_apply(defect_at(i), &r, type, text_bytes(&message), &out);
        rc = text_ok(&out) ? 0 : ERROR_MEMORY;
        text_deinit(&out);
    }
    return rc;
}

static int values(void)
{
    struct dictionary *d = dictionary_new();
    if (d == NULL)
        return ERROR_MEMORY;
    dictionary_learn(d, type, text_bytes(&message));
    int rc = dictionary_read(d, bytes_of("{\"text\": [\"a\", \"b\"], \"*.name\": [\"c\"]}"), "v.json", pool, NULL);
    dictionary_free(d);
    return rc;
}

static void test_failures(void **state)
{
    (void)state;
    assert_true(failing_walk(mutants, FAILING_IS_TOLD) > 0);
    assert_true(failing_walk(defects, FAILING_IS_TOLD) > 0);
    assert_true(failing_walk(values, FAILING_IS_TOLD) > 0);
}

/* The steady state: warm buffers, every lane, mended input too. */
static void test_no_allocation(void **state)
{
    (void)state;
    struct random r;
    struct text out = TEXT_INIT, scratch = TEXT_INIT;
    struct mutate_learning learning;
    struct dictionary *d = dictionary_new();
    assert_non_null(d);
    mutate_learning_init(&learning);
    random_seed(&r, 1);
    assert_true(text_reserve(&out, BOMB_BYTES)); /* drawn too rarely for the warm-up to meet the largest */
    for (int n = 0; n < 2 * WARM_UP; n++) {
        struct mutated did;
        struct mutation m = {.type = type,
                             .input = text_bytes(n % 7 ? &message : &broken),
                             .other = text_bytes(&message),
                             .other_type = type,
                             .max = 4096,
                             .dictionary = d,
                             .learning = &learning,
                             .scratch = &scratch};
        if (n == WARM_UP)
            failing_arm(1000000);
        text_clear(&out);
        assert_int_equal(fuzz_mutate_message(&r, &m, (enum fuzz_lane)(n % LANE_COUNT), &out, &did), 0);
        fuzz_mutate_credit(&learning, d, &r, &did, n % 100 == 0);
        dictionary_learn(d, type, text_bytes(&message));
    }
    assert_int_equal(failing_count(), 0);
    failing_disarm();
    dictionary_free(d);
    text_deinit(&out);
    text_deinit(&scratch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_no_allocation),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
