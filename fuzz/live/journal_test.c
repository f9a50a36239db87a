/* What a journal tells of the cases under way, and names found in a program's bytes. */
#include "base/test.h"

#include "fuzz/live/journal.h"
#include "fuzz/live/known.h"
#include "world/sim.h"

#include <string.h>

#define PATH "/journal"

struct fixture {
    struct sim *sim;
    struct world *world;
    struct journal journal;
};

static struct fuzz_case case_of(const char *text)
{
    struct fuzz_case c = FUZZ_CASE_INIT;
    assert_true(fuzz_case_add(&c, &(struct fuzz_event){.kind = EVENT_BYTES}, BYTES_NONE, bytes_of(text)) >= 0);
    return c;
}

static uint32_t begin(struct fixture *f, const char *text)
{
    struct fuzz_case c = case_of(text);
    uint32_t number = journal_begin(&f->journal, &c);
    assert_true(number > 0);
    fuzz_case_deinit(&c);
    return number;
}

static void set_up(struct fixture *f)
{
    f->sim = sim_new(&(struct sim_options){.seed = 1});
    f->world = sim_node(f->sim, "a");
    assert_int_equal(journal_open(&f->journal, f->world, PATH, NULL), 0);
}

/* `expected` in the order they are to come in. */
static void check(struct fixture *f, const char *const *expected, size_t count)
{
    journal_cases cases = {0};
    assert_int_equal(journal_read(f->world, PATH, &cases, NULL), 0);
    assert_int_equal(cases.count, count);
    for (size_t i = 0; i < count; i++)
        assert_true(bytes_is(fuzz_case_bytes(&cases.items[i], cases.items[i].events.items[0].value), expected[i]));
    journal_cases_free(&cases);
}

static void what_is_under_way(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    uint32_t first = begin(&f, "first"), second = begin(&f, "second");
    (void)begin(&f, "third");
    journal_end(&f.journal, second);
    check(&f, (const char *const[]){"third", "first"}, 2);
    journal_end(&f.journal, first);
    check(&f, (const char *const[]){"third"}, 1);
    journal_close(&f.journal, false);
    check(&f, (const char *const[]){"third"}, 1);
    sim_free(f.sim);
}

/* The process may die in the middle of a record. */
static void a_cut_record(void **state)
{
    struct fixture f;
    (void)state;
    set_up(&f);
    (void)begin(&f, "whole");
    uint64_t size = f.journal.size;
    (void)begin(&f, "cut");
    for (uint64_t at = f.journal.size - 1; at > size; at--) {
        assert_int_equal(world_file_truncate(f.journal.file, at), 0);
        check(&f, (const char *const[]){"whole"}, 1);
    }
    journal_close(&f.journal, true);
    struct world_stat stat;
    assert_int_equal(world_stat(f.world, PATH, &stat), 0);
    assert_false(stat.exists);
    sim_free(f.sim);
}

static void no_journal(void **state)
{
    struct fixture f;
    struct error err = ERROR_INIT;
    journal_cases cases = {0};
    (void)state;
    set_up(&f);
    journal_close(&f.journal, true);
    assert_int_equal(world_write_file(f.world, PATH, bytes_of("text"), false, NULL), 0);
    assert_int_equal(journal_read(f.world, PATH, &cases, &err), ERROR_SYNTAX);
    assert_non_null(strstr(err.message, "byte 0"));
    error_clear(&err);
    assert_int_equal(journal_open(&f.journal, f.world, NULL, NULL), 0); /* none is kept */
    struct fuzz_case c = case_of("x");
    assert_int_equal(journal_begin(&f.journal, &c), 0);
    journal_end(&f.journal, 0);
    fuzz_case_deinit(&c);
    journal_close(&f.journal, true);
    sim_free(f.sim);
}

static void names_in_a_program(void **state)
{
    static const char program[] = "\x7f"
                                  "ELF\0micro-trace-id\0--data-dir\0no word\0x-y\0plain\0micro-label-\0Micro-Upper\0"
                                  "micro-trace-id\0set micro-token\0a--b-c\0grpc-tags-bin";
    struct known k = {.names = {0}};
    (void)state;
    known_names(&k, BYTES(program, sizeof program));
    const char *const expected[] = {"micro-trace-id", "micro-label-", "grpc-tags-bin"};
    assert_int_equal(k.names.count, 3);
    assert_int_equal(k.words.count, 1);
    assert_string_equal(k.words.items[0], "plain");
    for (size_t i = 0; i < 3; i++)
        assert_string_equal(k.names.items[i], expected[i]);
    known_deinit(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_under_way),
        cmocka_unit_test(a_cut_record),
        cmocka_unit_test(no_journal),
        cmocka_unit_test(names_in_a_program),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
