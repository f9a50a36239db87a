#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/text.h"
#include "wire/multipart.h"

#include <string.h>

static void test_boundaries(void **state)
{
    static const struct {
        const char *type, *boundary; /* NULL: refused */
    } rows[] = {
        {"multipart/form-data; boundary=abc", "abc"},
        {"multipart/form-data;boundary=\"a b\"", "a b"},
        {"multipart/form-data; charset=utf-8; BOUNDARY=----x1", "----x1"},
        {"multipart/form-data; boundary=abc;", "abc"},
        {"multipart/form-data", NULL},
        {"multipart/form-data; boundary=", NULL},
        {"multipart/form-data; boundary=\"abc", NULL},
        {"multipart/form-data; boundary=\"ab \"", NULL},
        {"multipart/form-data; boundary=a; boundary=b", NULL},
        {"multipart/form-data; boundary=\"a*b\"", NULL},
        {"multipart/form-data; boundary=12345678901234567890123456789012345678901234567890123456789012345678901", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char out[MULTIPART_BOUNDARY_MAX + 1];
        struct error err = ERROR_INIT;
        int rc = multipart_boundary(rows[i].type, out, &err);
        if ((rc == 0) != (rows[i].boundary != NULL) || (rc == 0 && strcmp(out, rows[i].boundary) != 0))
            fail_msg("row %zu: %d", i, rc);
        error_clear(&err);
    }
}

static int on_part(void *arg, const struct multipart_part *part, struct error *err)
{
    struct text *out = arg;
    (void)err;
    text_printf(out, "%s", part->name);
    if (part->filename)
        text_printf(out, "(%s)", part->filename);
    if (part->content_type)
        text_printf(out, "[%s]", part->content_type);
    text_char(out, '=');
    text_add(out, part->content.data, part->content.len);
    text_char(out, ';');
    return 0;
}

#define D "Content-Disposition: form-data; "

static void test_parts(void **state)
{
    static const struct {
        const char *body, *parts, *words; /* parts NULL: refused with the words */
    } rows[] = {
        {"--x\r\n" D "name=\"a\"\r\n\r\none\r\n--x\r\n" D "name=b\r\n\r\ntwo\r\n--x--\r\n", "a=one;b=two;", NULL},
        {"--x\r\n" D "name=\"f\"; filename=\"a b.txt\"\r\nContent-Type: text/plain\r\n\r\n\r\n--x\r\n--x--", NULL,
         "CR LF"},
        {"--x\r\n" D "name=\"f\"; filename=\"a\\\"b%22.txt\"\r\nContent-Type: text/plain\r\n\r\nl1\r\nl2\r\n--x--",
         "f(a\"b\".txt)[text/plain]=l1\r\nl2;", NULL},
        {"--x\r\n" D "name=\"f\"; filename=\"C:\\dir\\f\"\r\n\r\n\r\n--x--", "f(C:\\dir\\f)=;", NULL},
        {"--x\r\n" D "name=a\r\n\r\n--x--", "a=;", NULL},
        {"\r\n--x\r\n" D "name=a\r\n\r\n--y\r\n--x--\r\n", "a=--y;", NULL},
        {"--x--", "", NULL},
        {"--x  \r\n" D "name=a\r\n\r\n1\r\n--x  \r\n" D "name=b\r\n\r\n2\r\n--x--", "a=1;b=2;", NULL},
        {"--x\r\n" D "name=a; filename*=utf-8''x\r\n\r\n1\r\n--x--", "a=1;", NULL},
        {"", NULL, "boundary"},
        {"preamble\r\n--x\r\n" D "name=a\r\n\r\n1\r\n--x--", NULL, "begin with the boundary"},
        {"--x\r\n" D "name=a\r\n\r\n1", NULL, "without an end"},
        {"--x\r\n" D "name=a\r\n\r\n1\r\n--x", NULL, "behind the boundary"},
        {"--x\r\n" D "name=a\r\n\r\n1\r\n--x--epilogue", NULL, "closing boundary"},
        {"--x\n" D "name=a\n\n1\n--x--", NULL, "behind the boundary"},
        {"--x\r\n" D "name=a\n\r\n1\r\n--x--", NULL, "CR LF"},
        {"--x\r\n" D "name=a\r\n" D "name=b\r\n\r\n1\r\n--x--", NULL, "two Content-Disposition"},
        {"--x\r\nContent-Disposition: attachment; name=a\r\n\r\n1\r\n--x--", NULL, "not form-data"},
        {"--x\r\n" D "filename=a\r\n\r\n1\r\n--x--", NULL, "no name"},
        {"--x\r\n" D "name=a; name=b\r\n\r\n1\r\n--x--", NULL, "two names"},
        {"--x\r\n" D "name=a\r\nContent-Transfer-Encoding: base64\r\n\r\n1\r\n--x--", NULL, "transfer encoding"},
        {"--x\r\n" D "name=a\r\n folded\r\n\r\n1\r\n--x--", NULL, "name: value"},
        {"--x\r\n" D "name=\"a\r\n\r\n1\r\n--x--", NULL, "broken"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct text got = TEXT_INIT;
        struct arena arena = ARENA_INIT;
        struct error err = ERROR_INIT;
        int rc = multipart_parse(MULTIPART_FORM, bytes_of(rows[i].body), "x", &arena, on_part, &got, &err);
        if ((rc == 0) != (rows[i].parts != NULL))
            fail_msg("row %zu: %d, %s", i, rc, err.message ? err.message : text_string(&got));
        if (rc == 0)
            assert_string_equal(text_string(&got), rows[i].parts);
        else if (!strstr(err.message, rows[i].words))
            fail_msg("row %zu: \"%s\" does not say \"%s\"", i, err.message, rows[i].words);
        error_clear(&err);
        arena_deinit(&arena);
        text_deinit(&got);
    }
}

static void test_limits(void **state)
{
    struct text body = TEXT_INIT, got = TEXT_INIT;
    struct arena arena = ARENA_INIT;
    struct error err = ERROR_INIT;
    (void)state;
    for (int i = 0; i <= MULTIPART_PARTS_MAX; i++)
        text_puts(&body, "--x\r\n" D "name=a\r\n\r\n1\r\n");
    text_puts(&body, "--x--");
    assert_int_equal(multipart_parse(MULTIPART_FORM, text_bytes(&body), "x", &arena, on_part, &got, &err), ERROR_LIMIT);
    text_clear(&body);
    text_puts(&body, "--x\r\n" D "name=a\r\nX-Long: ");
    for (size_t i = 0; i < MULTIPART_HEAD_MAX; i++)
        text_char(&body, 'y');
    text_puts(&body, "\r\n\r\n1\r\n--x--");
    assert_int_equal(multipart_parse(MULTIPART_FORM, text_bytes(&body), "x", &arena, on_part, &got, &err), ERROR_LIMIT);
    /* Many quoted parameters take no more memory than they are long. */
    text_clear(&body);
    arena_reset(&arena);
    text_puts(&body, "--x\r\n" D "name=a");
    while (body.len < MULTIPART_HEAD_MAX - 100)
        text_puts(&body, ";b=\"\"");
    text_puts(&body, "\r\n\r\n1\r\n--x--");
    assert_int_equal(multipart_parse(MULTIPART_FORM, text_bytes(&body), "x", &arena, on_part, &got, &err), 0);
    assert_true(arena.used < 16 * MULTIPART_HEAD_MAX);
    error_clear(&err);
    arena_deinit(&arena);
    text_deinit(&body);
    text_deinit(&got);
}

/* Mail, and not a form: parts without names, with headers of any kind. */
struct mail {
    int parts, headers;
    bool disposed;
};

static int on_mail(void *arg, const struct multipart_part *part, struct error *err)
{
    struct mail *m = arg;
    struct bytes head = part->head, name, value;
    (void)err;
    assert_null(part->name);
    m->parts++;
    m->disposed = part->disposed;
    while (multipart_header(&head, &name, &value))
        m->headers += value.len > 0 && name.len > 0;
    return 0;
}

static void test_parts_without_names(void **state)
{
    static const char BODY[] = "--x\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\nYQ==\r\n"
                               "--x\r\n\r\nb\r\n--x\r\nContent-Disposition: attachment\r\n\r\nc\r\n--x--\r\n";
    struct arena arena = ARENA_INIT;
    struct error err = ERROR_INIT;
    struct mail mail = {0};
    (void)state;
    assert_int_equal(multipart_parse(MULTIPART_ANY, bytes_of(BODY), "x", &arena, on_mail, &mail, &err), 0);
    assert_int_equal(mail.parts, 3);
    assert_int_equal(mail.headers, 3);
    assert_true(mail.disposed);
    assert_int_equal(multipart_parse(MULTIPART_FORM, bytes_of(BODY), "x", &arena, on_mail, &mail, &err), ERROR_SYNTAX);
    error_clear(&err);
    arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_boundaries), cmocka_unit_test(test_parts_without_names),
                                       cmocka_unit_test(test_parts), cmocka_unit_test(test_limits)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
