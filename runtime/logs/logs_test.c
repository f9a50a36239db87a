/* Log files: records and their order over rotations, restarts, torn ends, full disks; reading back and following. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/failing.h"
#include "base/log.h"
#include "base/units.h"
#include "runtime/logs/logs.h"
#include "world/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NS   "micro"
#define NAME "store-latest"
#define PATH "data/logs/micro/store-latest.log"

struct fixture {
    struct sim *sim;
    struct world *world;
    struct logs *logs;
    struct logs_writer *writer;
};

static void begin(struct fixture *f, uint64_t limit)
{
    const struct sim_options options = {.seed = 7, .steps_max = 1000000};
    *f = (struct fixture){.sim = sim_new(&options)};
    assert_non_null(f->sim);
    f->world = sim_node(f->sim, "n");
    assert_int_equal(logs_new(f->world, "data", &f->logs, NULL), 0);
    assert_int_equal(logs_writer_new(f->logs, NS, NAME, limit, &f->writer, NULL), 0);
}

static void end(struct fixture *f)
{
    logs_writer_free(f->writer);
    logs_free(f->logs);
    sim_free(f->sim);
}

static void put(struct fixture *f, const char *message)
{
    logs_write(f->writer, "stdout", 0, bytes_of(message));
}

static struct logs_reader *reader(struct fixture *f, int64_t count, int64_t since)
{
    const struct logs_query query = {.count = count, .since = since};
    struct logs_reader *r = NULL;
    assert_int_equal(logs_reader_new(f->logs, NS, NAME, &query, true, &r, NULL), 0);
    return r;
}

/* Everything there is, messages separated by commas. */
static void read_all(struct logs_reader *r, struct text *out)
{
    struct logs_record record;
    int rc;
    uint64_t last = 0;
    while ((rc = logs_read(r, &record)) == 1) {
        if (last)
            assert_int_equal(record.number, last + 1);
        last = record.number;
        text_printf(out, "%s%s", out->len ? "," : "", record.message);
    }
    assert_int_equal(rc, 0);
}

static void expect(struct fixture *f, int64_t count, int64_t since, const char *want)
{
    struct logs_reader *r = reader(f, count, since);
    struct text got = TEXT_INIT;
    read_all(r, &got);
    assert_string_equal(text_string(&got), want);
    text_deinit(&got);
    logs_reader_free(r);
}

static void writes_and_reads(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, 0);
    expect(&f, 0, 0, "");
    const struct logs_query all = {0};
    struct logs_reader *r = NULL;
    assert_int_equal(logs_reader_new(f.logs, NS, NAME, &all, false, &r, NULL), ERROR_NOT_FOUND);
    assert_int_equal(logs_reader_new(f.logs, NS, "../x", &all, true, &r, NULL), ERROR_INVALID);
    assert_int_equal(logs_reader_new(f.logs, "..", NAME, &all, true, &r, NULL), ERROR_INVALID);
    put(&f, "one");
    sim_run_for(f.sim, (uint64_t)SECOND);
    int64_t second = world_wall(f.world);
    put(&f, "two");
    sim_run_for(f.sim, (uint64_t)SECOND);
    put(&f, "three");
    expect(&f, 0, 0, "one,two,three");
    expect(&f, 2, 0, "two,three");
    expect(&f, 100, 0, "one,two,three");
    expect(&f, 0, second, "two,three");
    expect(&f, 1, second, "three");
    expect(&f, 0, world_wall(f.world) + SECOND, "");
    end(&f);
}

static void messages(void **state)
{
    (void)state;
    struct text out = TEXT_INIT;
    logs_message(BYTES("a\tb\xff\x00\x1b[1m\xc3\xa9\r", 12), &out);
    assert_string_equal(text_string(&out), "a\tb\\xff\\x00\\x1b[1m\xc3\xa9\\x0d");
    text_clear(&out);
    char *big = malloc(LOGS_MESSAGE_MAX + 100);
    assert_non_null(big);
    memset(big, 'x', LOGS_MESSAGE_MAX + 100);
    memcpy(big + LOGS_MESSAGE_MAX - 1, "\xc3\xa9", 2); /* the cut would split it */
    logs_message(BYTES(big, LOGS_MESSAGE_MAX + 100), &out);
    assert_int_equal(out.len, LOGS_MESSAGE_MAX - 1 + strlen(" ... [101 bytes cut]"));
    assert_non_null(strstr(text_string(&out), "x ... [101 bytes cut]"));
    free(big);
    /* The worst a message can become still is a record. */
    char nul[LOGS_MESSAGE_MAX] = {0};
    text_clear(&out);
    logs_message(BYTES(nul, sizeof nul), &out);
    struct logs_record r = {.number = 1, .time = 1, .stream = "stderr", .message = text_string(&out)}, back;
    struct text line = TEXT_INIT;
    void *storage;
    logs_record_format(&r, &line);
    assert_true(line.len < LOGS_LINE_MAX);
    assert_true(logs_record_parse(BYTES(line.data, line.len - 1), &back, &storage));
    assert_string_equal(back.message, text_string(&out));
    logs_record_release(storage);
    text_deinit(&line);
    text_deinit(&out);
}

static void rotates(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, 2000);
    struct logs_reader *slow = reader(&f, 0, 0); /* reads while files move on beneath it */
    struct text seen = TEXT_INIT, want = TEXT_INIT;
    struct logs_record record;
    for (int i = 1; i <= 120; i++) {
        char message[32];
        snprintf(message, sizeof message, "%d", i);
        put(&f, message);
        text_printf(&want, "%s%d", i > 1 ? "," : "", i);
        if (i % 7 == 0 && logs_read(slow, &record) == 1)
            text_printf(&seen, "%s%s", seen.len ? "," : "", record.message);
    }
    read_all(slow, &seen);
    assert_string_equal(text_string(&seen), text_string(&want));
    logs_reader_free(slow);
    expect(&f, 3, 0, "118,119,120");
    /* so many that the first files are gone; the bound holds */
    for (int i = 0; i < 1000; i++)
        put(&f, "x");
    uint64_t sum = 0;
    for (int i = 0; i <= LOGS_FILES; i++) {
        char path[64];
        struct world_stat stat;
        snprintf(path, sizeof path, i ? "data/logs/micro/store-latest.%d.log" : PATH, i);
        assert_int_equal(world_stat(f.world, path, &stat), 0);
        assert_int_equal(stat.exists, i < LOGS_FILES);
        assert_true(stat.size <= 2000);
        sum += stat.size;
    }
    assert_true(sum > 14000);
    struct logs_reader *r = reader(&f, 0, 0);
    text_clear(&seen);
    read_all(r, &seen);
    assert_true(seen.len > 100);
    logs_reader_free(r);
    text_deinit(&seen);
    text_deinit(&want);
    end(&f);
}

/* A reader that seeks in a large file finds what one that reads through finds. */
static void seeks(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, 0);
    char filler[400];
    memset(filler, 'f', sizeof filler);
    int64_t when = 0;
    for (int i = 0; i < 3000; i++) {
        if (i == 1700)
            when = world_wall(f.world);
        logs_write(f.writer, "stdout", 0, BYTES(filler, sizeof filler));
        sim_run_for(f.sim, (uint64_t)MILLISECOND);
    }
    struct logs_reader *r = reader(&f, 10, 0);
    struct logs_record record;
    assert_int_equal(logs_read(r, &record), 1);
    assert_int_equal(record.number, 2991);
    logs_reader_free(r);
    r = reader(&f, 2500, 0);
    assert_int_equal(logs_read(r, &record), 1);
    assert_int_equal(record.number, 501);
    logs_reader_free(r);
    r = reader(&f, 0, when);
    assert_int_equal(logs_read(r, &record), 1);
    assert_int_equal(record.number, 1701);
    logs_reader_free(r);
    end(&f);
}

static void another_writer(struct fixture *f)
{
    logs_writer_free(f->writer);
    assert_int_equal(logs_writer_new(f->logs, NS, NAME, 2000, &f->writer, NULL), 0);
}

static void torn_end(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, 2000);
    put(&f, "one");
    put(&f, "two");
    struct world_stat stat;
    struct world_file *file = NULL;
    assert_int_equal(world_stat(f.world, PATH, &stat), 0);
    assert_int_equal(world_file_open(f.world, PATH, WORLD_READ | WORLD_WRITE, &file, NULL), 0);
    assert_int_equal(world_file_truncate(file, stat.size - 9), 0);
    world_file_close(file);
    expect(&f, 0, 0, "one");
    another_writer(&f);
    put(&f, "three");
    expect(&f, 0, 0, "one,three"); /* and the numbers have no gap */
    another_writer(&f);
    put(&f, "four");
    expect(&f, 0, 0, "one,three,four");
    /* rubbish in the middle, and a line longer than any record */
    assert_int_equal(world_file_open(f.world, PATH, WORLD_READ | WORLD_WRITE, &file, NULL), 0);
    assert_true(world_file_append(file, "{\"n\":99}\nrubbish\n\n", 18) > 0);
    char *big = calloc(1, 2 * LOGS_LINE_MAX);
    assert_non_null(big);
    assert_true(world_file_append(file, big, 2 * LOGS_LINE_MAX) > 0);
    free(big);
    world_file_close(file);
    another_writer(&f);
    logs_writer_free(f.writer);
    assert_int_equal(logs_writer_new(f.logs, NS, NAME, 0, &f.writer, NULL), 0);
    put(&f, "five");
    struct logs_reader *r = reader(&f, 0, 0);
    struct logs_record record;
    struct text got = TEXT_INIT;
    while (logs_read(r, &record) == 1)
        text_printf(&got, "%s,", record.message);
    assert_non_null(strstr(text_string(&got), "one,three,four,"));
    text_deinit(&got);
    logs_reader_free(r);
    end(&f);
}

static void full_disk(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, 0);
    log_set_level(LOG_OFF);
    put(&f, "one");
    struct sim_disk_faults faults = {.space = 1};
    sim_disk(f.sim, "n", &faults);
    put(&f, "two");
    put(&f, "three");
    faults.space = 0;
    sim_disk(f.sim, "n", &faults);
    put(&f, "four");
    expect(&f, 0, 0, "one,2 lines could not be written here,four");
    /* whichever write fails, what was written before and after is there */
    for (uint64_t nth = 1; nth < 40; nth++) {
        struct fixture g;
        begin(&g, 400);
        faults = (struct sim_disk_faults){.fail_nth = nth};
        sim_disk(g.sim, "n", &faults);
        for (int i = 0; i < 12; i++)
            put(&g, "x");
        faults.fail_nth = 0;
        sim_disk(g.sim, "n", &faults);
        put(&g, "last");
        expect(&g, 1, 0, "last");
        end(&g);
    }
    log_set_level(LOG_WARN);
    end(&f);
}

struct follower {
    struct logs_reader *reader;
    struct text got;
};

static void more(void *arg)
{
    struct follower *f = arg;
    read_all(f->reader, &f->got);
}

static void follows(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, 1000);
    put(&f, "old");
    struct follower one = {.reader = reader(&f, 1, 0)}, two = {0};
    assert_int_equal(logs_follow(one.reader, more, &one), 0);
    more(&one);
    put(&f, "new");
    sim_run_for(f.sim, 1000000); /* a writer of the same process wakes us */
    assert_string_equal(text_string(&one.got), "old,new");
    /* one in another process is seen by looking */
    struct logs *other = NULL;
    assert_int_equal(logs_new(f.world, "data", &other, NULL), 0);
    const struct logs_query query = {.count = 1};
    assert_int_equal(logs_reader_new(other, NS, NAME, &query, true, &two.reader, NULL), 0);
    assert_int_equal(logs_follow(two.reader, more, &two), 0);
    for (int i = 0; i < 20; i++)
        put(&f, "x"); /* two rotations */
    sim_run_for(f.sim, 2 * LOGS_POLL);
    assert_int_equal(two.got.len, strlen("new") + 40);
    assert_int_equal(logs_follow(two.reader, NULL, NULL), 0);
    put(&f, "unheard");
    sim_run_for(f.sim, 2 * LOGS_POLL);
    assert_int_equal(two.got.len, strlen("new") + 40);
    logs_reader_free(one.reader);
    logs_reader_free(two.reader);
    text_deinit(&one.got);
    text_deinit(&two.got);
    logs_free(other);
    end(&f);
}

/* Whichever allocation fails, a record is written or counted as lost, and reading gives an error or the truth. */
static void no_memory(void **state)
{
    (void)state;
    log_set_level(LOG_OFF);
    for (size_t n = 1, done = 0; !done; n++) {
        struct fixture f;
        begin(&f, 300);
        failing_arm(n);
        for (int i = 0; i < 4; i++)
            put(&f, "x");
        const struct logs_query query = {.count = 2};
        struct logs_reader *r = NULL;
        struct logs_record record;
        int rc = logs_reader_new(f.logs, NS, NAME, &query, true, &r, NULL);
        while (rc == 0 && (rc = logs_read(r, &record)) == 1)
            rc = 0;
        done = !failing_hit();
        failing_disarm();
        logs_reader_free(r);
        put(&f, "last");
        expect(&f, 1, 0, "last");
        end(&f);
        assert_true(n < 1000);
    }
    log_set_level(LOG_WARN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_and_reads), cmocka_unit_test(messages),
        cmocka_unit_test(rotates),          cmocka_unit_test(seeks),
        cmocka_unit_test(torn_end),         cmocka_unit_test(full_disk),
        cmocka_unit_test(follows),          cmocka_unit_test(no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
