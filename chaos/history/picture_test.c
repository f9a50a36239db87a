/* Pictures of a stale read, compared with what is in testdata/: UPDATE=1 in the environment writes them anew. */
#include "base/test.h"

#include "chaos/history/picture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FOLDER "chaos/history/testdata/"
#define MS     UINT64_C(1000000)

static size_t add(struct history *h, int32_t process, enum operation_function f, int64_t value, uint64_t from,
                  uint64_t to, enum operation_end end)
{
    int64_t i = history_invoke(h, process, f, 0, f == OPERATION_READ ? VALUE_NIL : value, from * MS);
    assert_true(i >= 0);
    if (end != END_OPEN)
        history_end(h, i, end, value, to * MS);
    return (size_t)i;
}

/* 1 was written, replaced by 2, and read again. */
static void make(struct history *h, struct check_result *r)
{
    int64_t seeded;
    history_init(h);
    check_result_init(r);
    assert_int_equal(history_key(h, "a<b&\"c\"", 7), 0);
    assert_int_equal(history_text_value(h, "seeded \xc3\xa4", 9, &seeded), 0);
    add(h, 1, OPERATION_READ, seeded, 1, 3, END_OK);
    assert_true(check_result_add(r, add(h, 0, OPERATION_WRITE, 1, 5, 10, END_OK)));
    add(h, 5, OPERATION_WRITE, 9, 12, 14, END_FAIL);
    add(h, 4, OPERATION_WRITE, 3, 15, 0, END_INFO);
    assert_true(check_result_add(r, add(h, 1, OPERATION_WRITE, 2, 20, 30, END_OK)));
    size_t cas = add(h, 3, OPERATION_CAS, 7, 31, 33, END_FAIL);
    h->operations[cas].other = 6;
    add(h, 3, OPERATION_READ, 2, 34, 38, END_OK);
    assert_true(check_result_add(r, add(h, 2, OPERATION_READ, 1, 40, 50, END_OK)));
    size_t list = add(h, 3, OPERATION_READ, VALUE_NIL, 41, 90, END_OK);
    assert_int_equal(history_set_list(h, (int64_t)list, (const int64_t[]){1, 2, 3, 4, 5, 6, 7, 8, 9}, 9), 0);
    r->verdict = VERDICT_INVALID;
    snprintf(r->reason, sizeof r->reason, "process 2 read 1, which 2 had replaced <before>");
}

static void compare(const char *name, const struct text *got)
{
    char path[128];
    struct text want = TEXT_INIT;
    snprintf(path, sizeof path, FOLDER "%s", name);
    if (getenv("UPDATE") != NULL) {
        FILE *f = fopen(path, "wb");
        assert_non_null(f);
        assert_int_equal(fwrite(text_string(got), 1, got->len, f), got->len);
        fclose(f);
        return;
    }
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    for (int c = fgetc(f); c != EOF; c = fgetc(f))
        text_char(&want, (char)c);
    fclose(f);
    assert_string_equal(text_string(got), text_string(&want));
    text_deinit(&want);
}

static void test_goldens(void **state)
{
    (void)state;
    struct history h;
    struct check_result r;
    struct text svg = TEXT_INIT, html = TEXT_INIT, plain = TEXT_INIT, colour = TEXT_INIT;
    make(&h, &r);
    assert_int_equal(picture_svg(&h, &r, true, &svg), 0);
    assert_int_equal(picture_html(&h, &r, "a stale <read>", &html), 0);
    assert_int_equal(picture_terminal(&h, &r, 100, false, &plain), 0);
    assert_int_equal(picture_terminal(&h, &r, 100, true, &colour), 0);
    compare("stale_read.svg", &svg);
    compare("stale_read.html", &html);
    compare("stale_read.txt", &plain);
    assert_non_null(strstr(text_string(&colour), "\033[1;31m|"));
    text_deinit(&svg);
    text_deinit(&html);
    text_deinit(&plain);
    text_deinit(&colour);
    check_result_deinit(&r);
    history_deinit(&h);
}

/* Of a long history the witness and a few neighbours are drawn, and the rest is counted. */
static void test_zoomed(void **state)
{
    (void)state;
    struct history h;
    struct check_result r;
    struct text out = TEXT_INIT;
    size_t bars = 0;
    history_init(&h);
    check_result_init(&r);
    for (uint64_t i = 0; i < 10000; i++) {
        size_t o = add(&h, (int32_t)(i % 5), OPERATION_WRITE, (int64_t)i, i * 10, i * 10 + 45, END_OK);
        if (i == 5000 || i == 5400)
            assert_true(check_result_add(&r, o));
    }
    assert_int_equal(picture_svg(&h, &r, true, &out), 0);
    for (const char *p = text_string(&out); (p = strstr(p, "<g")) != NULL; p += 2)
        bars++;
    assert_int_equal(bars, 18);
    assert_non_null(strstr(text_string(&out), "391 more operations meanwhile are not shown"));
    assert_non_null(strstr(text_string(&out), ">write 5400<"));
    text_deinit(&out);
    assert_int_equal(picture_terminal(&h, &r, 80, false, &out), 0);
    for (const char *line = text_string(&out), *end; (end = strchr(line, '\n')) != NULL; line = end + 1)
        assert_true(end - line <= 80);
    text_deinit(&out);
    check_result_deinit(&r);
    assert_int_equal(picture_svg(&h, &r, true, &out), 0);
    assert_int_equal(out.len, 0);
    history_deinit(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_goldens), cmocka_unit_test(test_zoomed)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
