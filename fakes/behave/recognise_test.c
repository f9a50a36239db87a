/* What is recognised of every contract in proto/, against what was looked through and found right: recognised.txt, a
 * line a method. After a contract has changed, the test prints what is different; HARROW_RENEW=1 writes the file anew,
 * and the difference is to be read. */
#include "base/test.h"

#include "fakes/behave/behave_internal.h"
#include "fakes/behave/builtin.h"
#include "proto/services.h"
#include "proto/set.h"

#include <stdio.h>
#include <stdlib.h>

#define GOLDEN "fakes/behave/recognised.txt"

static void line_of(const struct plan *p, const struct plan_method *m, struct text *out)
{
    text_printf(out, "%s/%s %s", p->service->full_name, m->method->name, plan_role_name(m->role));
    if (m->entity != PLAN_NONE && m->role != ROLE_VALUES)
        text_printf(out, " %s", p->entities[m->entity].name);
    if (m->role == ROLE_STATE && m->state_name)
        text_printf(out, " %s%s", m->clears ? "not " : "", m->state_name);
    text_char(out, '\n');
}

static int by_name(const void *a, const void *b)
{
    const struct pb_service *const *x = a, *const *y = b;
    return strcmp((*x)->full_name, (*y)->full_name);
}

static void recognise(struct bytes set, struct text *out)
{
    struct pb_pool *pool;
    struct error err = ERROR_INIT;
    assert_int_equal(pb_pool_new(set, "proto", &pool, NULL), 0);
    size_t count = pb_service_count(pool);
    const struct pb_service **services = calloc(count, sizeof *services);
    assert_non_null(services);
    for (size_t i = 0; i < count; i++)
        services[i] = pb_service_at(pool, i);
    qsort(services, count, sizeof *services, by_name);
    for (size_t i = 0; i < count; i++) {
        struct behave *b = NULL;
        if (strncmp(services[i]->full_name, "grpc.", 5) == 0)
            continue;
        if (behave_new(services[i], NULL, &b, &err) != 0)
            fail_msg("%s: %s", services[i]->full_name, err.message);
        for (size_t k = 0; k < services[i]->method_count; k++)
            line_of(&b->plan, &b->plan.methods[k], out);
        behave_free(b);
    }
    free(services);
    pb_pool_free(pool);
}

/* Lines of one that the other has not. */
static size_t missing(const char *from, const char *in, const char *mark)
{
    size_t count = 0;
    while (*from) {
        size_t len = strcspn(from, "\n");
        bool found = false;
        for (const char *at = in; *at && !found; at += strcspn(at, "\n"), at += *at == '\n')
            found = strcspn(at, "\n") == len && strncmp(at, from, len) == 0;
        if (!found && count++ < 40)
            print_message("%s %.*s\n", mark, (int)len, from);
        from += len;
        from += *from == '\n';
    }
    return count;
}

static void as_looked_through(void **state)
{
    (void)state;
    struct text now = TEXT_INIT, golden = TEXT_INIT;
    recognise(proto_set(), &now);
    recognise(proto_services_set(), &now);
    assert_true(text_ok(&now));
    if (getenv("HARROW_RENEW")) {
        FILE *f = fopen(GOLDEN, "w");
        assert_non_null(f);
        fwrite(now.data, 1, now.len, f);
        fclose(f);
    }
    FILE *f = fopen(GOLDEN, "r");
    assert_non_null(f);
    char buffer[4096];
    for (size_t n; (n = fread(buffer, 1, sizeof buffer, f)) > 0;)
        text_add(&golden, buffer, n);
    fclose(f);
    size_t different =
        missing(text_string(&golden), text_string(&now), "-") + missing(text_string(&now), text_string(&golden), "+");
    if (different > 0)
        fail_msg("%zu lines are not those of " GOLDEN ": read them, then HARROW_RENEW=1", different);
    text_deinit(&now);
    text_deinit(&golden);
}

/* Every embedded annotation is right: an error in one would be silently passed over when its double is made. */
static void annotations_are_right(void **state)
{
    (void)state;
    const struct bytes sets[] = {proto_set(), proto_services_set()};
    size_t used = 0;
    for (size_t s = 0; s < 2; s++) {
        struct pb_pool *pool;
        assert_int_equal(pb_pool_new(sets[s], "proto", &pool, NULL), 0);
        for (size_t i = 0; i < pb_service_count(pool); i++) {
            const struct pb_service *service = pb_service_at(pool, i);
            struct behave_options options = {0};
            struct error err = ERROR_INIT;
            struct behave *b = NULL;
            struct behave_annotation annotation = {.name = NULL};
            annotation.text = behave_builtin(service->file, &annotation.name);
            if (annotation.text.len == 0)
                continue;
            options.annotations = &annotation;
            options.annotation_count = 1;
            used++;
            if (behave_new(service, &options, &b, &err) != 0) {
                struct text text = TEXT_INIT;
                error_format(&err, &text);
                print_error("%s\n", text_string(&text));
                fail();
            }
            behave_free(b);
        }
        pb_pool_free(pool);
    }
    assert_true(used >= behave_builtin_count());
}

static void words(void **state)
{
    (void)state;
    struct name n;
    char single[64];
    name_split("ListAPIKeys", &n);
    assert_int_equal(n.count, 3);
    assert_string_equal(n.words[1], "api");
    assert_string_equal(n.words[2], "keys");
    name_split("user_id", &n);
    assert_int_equal(n.count, 2);
    name_split("HTTPServer2", &n);
    assert_string_equal(n.words[0], "http");
    assert_true(name_same("userId", "user_id") && name_same("UserID", "user_id"));
    assert_false(name_same("user", "user_id"));
    assert_true(noun_same("Notes", "note") && noun_same("addresses", "Address") && noun_same("categories", "category"));
    assert_false(noun_same("status", "statu"));
    word_singular("Aliases", single, sizeof single);
    assert_non_null(name_behind("new_password", "new"));
    assert_non_null(name_behind("newPassword", "new"));
    assert_null(name_behind("newspaper", "new"));
    assert_null(verb_find("banana"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words),
        cmocka_unit_test(annotations_are_right),
        cmocka_unit_test(as_looked_through),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
