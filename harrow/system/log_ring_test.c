#include "base/test.h"

#include "harrow/system/log_ring.h"
#include "world/sim.h"

#include <stdio.h>

static void expect(const struct log_ring *r, const char *word, size_t count, const char *lines)
{
    struct text out = TEXT_INIT;
    log_ring_tail(r, word, count, &out);
    assert_string_equal(text_string(&out), lines);
    text_deinit(&out);
}

static void those_of_a_step_are_what_came_since(void **state)
{
    (void)state;
    struct log_ring r = {0};
    struct text out = TEXT_INIT;
    log_ring_since(&r, 0, 5, &out);
    log_ring_since(&r, 7, 5, &out);
    assert_string_equal(text_string(&out), "");
    for (int i = 0; i < LOG_RING_LINES + 2; i++) {
        char line[32];
        snprintf(line, sizeof line, "%d", i);
        log_ring_add(&r, bytes_of(line));
    }
    log_ring_since(&r, r.next, 5, &out);
    assert_string_equal(text_string(&out), "");
    log_ring_since(&r, LOG_RING_LINES, 5, &out);
    assert_string_equal(text_string(&out), "256\n257\n");
    log_ring_since(&r, LOG_RING_LINES, 1, &out);
    assert_string_equal(text_string(&out), "256\n257\n257\n");
    text_clear(&out);
    log_ring_since(&r, 0, SIZE_MAX, &out); /* what it has forgotten is not told */
    assert_memory_equal(text_string(&out), "2\n3\n", 4);
    text_deinit(&out);
    log_ring_deinit(&r);
}

static void the_newest_lines_come_oldest_first(void **state)
{
    (void)state;
    struct log_ring r = {0};
    expect(&r, NULL, 5, "");
    log_ring_add(&r, bytes_of("store: one"));
    log_ring_add(&r, bytes_of("auth: two"));
    log_ring_add(&r, bytes_of("store: three"));
    expect(&r, NULL, 5, "store: one\nauth: two\nstore: three\n");
    expect(&r, NULL, 2, "auth: two\nstore: three\n");
    expect(&r, NULL, 0, "");
    expect(&r, "store", 5, "store: one\nstore: three\n");
    expect(&r, "store", 1, "store: three\n");
    expect(&r, "api", 5, "");
    log_ring_deinit(&r);
    expect(&r, NULL, 5, "");
}

static void a_full_ring_forgets_the_oldest(void **state)
{
    (void)state;
    struct log_ring r = {0};
    char line[32];
    for (int i = 0; i < 3 * LOG_RING_LINES + 1; i++) {
        snprintf(line, sizeof line, "line %d", i);
        log_ring_add(&r, bytes_of(line));
    }
    expect(&r, NULL, 2, "line 767\nline 768\n");
    struct text all = TEXT_INIT;
    log_ring_tail(&r, NULL, SIZE_MAX, &all);
    size_t lines = 0;
    for (const char *p = text_string(&all); *p != '\0'; p++)
        lines += *p == '\n';
    assert_int_equal(lines, LOG_RING_LINES);
    assert_memory_equal(text_string(&all), "line 513\n", 9);
    text_deinit(&all);
    log_ring_deinit(&r);
}

static void the_file_keeps_every_line(void **state)
{
    (void)state;
    struct sim *sim = sim_new(&(struct sim_options){.seed = 1});
    struct world *w = sim_node(sim, "disk");
    struct log_ring r = {0};
    struct text content = TEXT_INIT, wanted = TEXT_INIT;
    assert_int_equal(world_file_open(w, "/system.log", WORLD_WRITE | WORLD_CREATE, &r.file, NULL), 0);
    char line[32];
    for (int i = 0; i < LOG_RING_LINES + 10; i++) {
        snprintf(line, sizeof line, "line %d", i);
        text_printf(&wanted, "%s\n", line);
        log_ring_add(&r, bytes_of(line));
    }
    log_ring_add(&r, BYTES("a\0b", 3)); /* to the byte in the file; up to the zero when shown */
    text_add(&wanted, "a\0b\n", 4);
    expect(&r, "a", 1, "a\n");
    log_ring_deinit(&r);
    assert_int_equal(world_read_file(w, "/system.log", (size_t)1 << 20, &content, NULL), 0);
    assert_int_equal(content.len, wanted.len);
    assert_memory_equal(text_string(&content), text_string(&wanted), wanted.len);
    text_deinit(&content);
    text_deinit(&wanted);
    sim_free(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(those_of_a_step_are_what_came_since),
        cmocka_unit_test(the_newest_lines_come_oldest_first),
        cmocka_unit_test(a_full_ring_forgets_the_oldest),
        cmocka_unit_test(the_file_keeps_every_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
