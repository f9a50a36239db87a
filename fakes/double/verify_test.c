/* What a verification finds, and what it says. */
#include "base/test.h"

#include <stdio.h>
#include <string.h>

/* The macros are tried for what they do: what would end the test is kept. */
static char ended[4096];
static void end_test(const char *text);
#define FAKE_END_TEST(text) end_test(text)
#include "fakes/fake_kinds.h"

#include <pthread.h>

static void end_test(const char *text)
{
    size_t len = strlen(text);
    len = len < sizeof ended ? len : sizeof ended - 1;
    memcpy(ended, text, len);
    ended[len] = '\0';
}

static void assert_begins(const char *text)
{
    assert_true(strlen(ended) >= strlen(text));
    ended[strlen(text)] = '\0';
    assert_string_equal(ended, text);
    ended[0] = '\0';
}

typedef struct fake_kinds__v1__kinds double_kinds;

static int setup(void **state)
{
    *state = fake_kinds__v1__kinds_new();
    ended[0] = '\0';
    return *state != NULL ? 0 : -1;
}

static int teardown(void **state)
{
    fake_kinds__v1__kinds_free(*state);
    return 0;
}

static void assert_held(void)
{
    assert_string_equal(ended, "");
}

static void assert_ended(const char *text)
{
    assert_string_equal(ended, text);
    ended[0] = '\0';
}

static void get(double_kinds *f, const char *id, int64_t count)
{
    char copy[32], key[] = "team", value[] = "red", tag[] = "t1";
    char *tags[] = {tag};
    Kinds__V1__Item item = KINDS__V1__ITEM__INIT, child = KINDS__V1__ITEM__INIT, *children[] = {&child};
    Kinds__V1__Item__LabelsEntry label = KINDS__V1__ITEM__LABELS_ENTRY__INIT, *labels[] = {&label};
    memcpy(copy, id, strlen(id) + 1);
    item.id = copy;
    item.count = count;
    item.weight = 2.5;
    item.colour = KINDS__V1__COLOUR__RED;
    item.n_children = 1;
    item.children = children;
    child.count = count + 1;
    label.key = key;
    label.value = value;
    item.n_labels = 1;
    item.labels = labels;
    item.n_tags = 1;
    item.tags = tags;
    item.has_level = 1;
    assert_int_equal(fake_kinds__v1__kinds_get(f, &item, NULL, NULL), GRPC_OK);
}

static void list(double_kinds *f, int limit)
{
    Kinds__V1__Query query = KINDS__V1__QUERY__INIT;
    query.limit = limit;
    fake_client_close(fake_kinds__v1__kinds_list(f, &query), NULL);
}

static void how_often(void **state)
{
    double_kinds *f = *state;
    fake_kinds__v1__kinds_get_verify(f, FAKE_NO_CALL);
    fake_kinds__v1__kinds_get_verify(f, FAKE_AT_MOST(2));
    assert_held();
    fake_kinds__v1__kinds_get_verify(f, FAKE_ONCE);
    assert_ended("expected exactly 1 call of kinds.v1.Kinds/Get; there were 0");
    list(f, 1);
    list(f, 2);
    fake_kinds__v1__kinds_list_verify(f, FAKE_EXACTLY(2));
    fake_kinds__v1__kinds_list_verify(f, FAKE_AT_LEAST(2));
    fake_kinds__v1__kinds_list_verify(f, FAKE_AT_MOST(2));
    fake_kinds__v1__kinds_list_verify(f, FAKE_BETWEEN(1, 3));
    assert_held();
    fake_kinds__v1__kinds_list_verify(f, FAKE_NO_CALL);
    assert_ended("expected no call of kinds.v1.Kinds/List; there were 2\n"
                 "  0 kinds.v1.Kinds/List {\"limit\":1} -> OK\n"
                 "  1 kinds.v1.Kinds/List {\"limit\":2} -> OK");
    fake_verify(f->fake, "Fly", FAKE_ONCE);
    assert_ended("kinds.v1.Kinds has no method \"Fly\"");
}

static bool is_even(void *arg, const ProtobufCMessage *request)
{
    (void)arg;
    return ((const Kinds__V1__Item *)(const void *)request)->count % 2 == 0;
}

static void with_what(void **state)
{
    double_kinds *f = *state;
    get(f, "apple", 4);
    get(f, "pear", 7);
    /* Each of these is about exactly one of the two calls. */
    fake_kinds__v1__kinds_get_verify(f, FAKE_ONCE, FAKE_TEXT("id", "pear"));
    fake_kinds__v1__kinds_get_verify(f, FAKE_ONCE, FAKE_PREFIX("id", "app"), FAKE_SUFFIX("id", "ple"));
    fake_kinds__v1__kinds_get_verify(f, FAKE_ONCE, FAKE_CONTAINS("id", "ppl"));
    fake_kinds__v1__kinds_get_verify(f, FAKE_ONCE, FAKE_REGEX("id", "^p.*r$"));
    fake_kinds__v1__kinds_get_verify(f, FAKE_ONCE, FAKE_INT("count", 7));
    fake_kinds__v1__kinds_get_verify(f, FAKE_ONCE, FAKE_ABOVE("count", 4));
    fake_kinds__v1__kinds_get_verify(f, FAKE_ONCE, FAKE_BELOW("count", 7));
    fake_kinds__v1__kinds_get_verify(f, FAKE_ONCE, FAKE_INT("children[0].count", 5));
    fake_kinds__v1__kinds_get_verify(f, FAKE_ONCE, FAKE_INT("children[*].count", 8));
    fake_kinds__v1__kinds_get_verify(f, FAKE_ONCE, FAKE_WHERE(is_even, NULL));
    fake_kinds__v1__kinds_get_verify(f, FAKE_ONCE, fake_not(FAKE_TEXT("id", "pear")));
    const Kinds__V1__Item *second = fake_kinds__v1__kinds_get_args(f, 1);
    fake_kinds__v1__kinds_get_verify(f, FAKE_ONCE, FAKE_EQUALS(&second->base));
    fake_kinds__v1__kinds_get_verify(f, FAKE_ONCE, FAKE_MESSAGE("children[0]", &second->children[0]->base));
    /* And these about both. */
    fake_kinds__v1__kinds_get_verify(f, FAKE_EXACTLY(2), FAKE_TEXT("labels[team]", "red"));
    fake_kinds__v1__kinds_get_verify(f, FAKE_EXACTLY(2), FAKE_TEXT("tags[*]", "t1"));
    fake_kinds__v1__kinds_get_verify(f, FAKE_EXACTLY(2), FAKE_TEXT("colour", "RED"), FAKE_INT("colour", 5));
    fake_kinds__v1__kinds_get_verify(f, FAKE_EXACTLY(2), FAKE_REAL("weight", 2.4, 0.2), FAKE_ABOVE("weight", 2));
    fake_kinds__v1__kinds_get_verify(f, FAKE_EXACTLY(2), FAKE_PRESENT("level"), FAKE_PRESENT("labels"));
    fake_kinds__v1__kinds_get_verify(f, FAKE_EXACTLY(2), fake_not(FAKE_PRESENT("nick")), FAKE_COUNT("tags", 1));
    fake_kinds__v1__kinds_get_verify(f, FAKE_NO_CALL, FAKE_PRESENT("made"));
    fake_kinds__v1__kinds_get_verify(f, FAKE_NO_CALL, FAKE_INT("children[1].count", 5));
    fake_kinds__v1__kinds_get_verify(f, FAKE_NO_CALL, FAKE_TEXT("twin.id", "x"));
    fake_kinds__v1__kinds_get_verify(f, FAKE_NO_CALL, FAKE_TEXT("item.id", "x"));
    fake_kinds__v1__kinds_get_verify(f, FAKE_TEXT("id", "apple"));
    assert_held();
}

static void what_it_says(void **state)
{
    double_kinds *f = *state;
    Kinds__V1__Query query = KINDS__V1__QUERY__INIT;
    char prefix[] = "ab";
    query.prefix = prefix;
    for (int i = 0; i < 3; i++) {
        query.limit = i;
        fake_kinds__v1__kinds_register(f, &query, NULL, NULL);
    }
    /* The nearest first: the one that differs in one field. */
    fake_kinds__v1__kinds_register_verify(f, FAKE_ONCE, FAKE_TEXT("prefix", "abc"), FAKE_INT("limit", 2));
    assert_ended(
        "expected exactly 1 call of kinds.v1.Kinds/register where prefix is \"abc\" and limit is 2; there were "
        "3, of which 0 fit\n"
        "  2 kinds.v1.Kinds/register {\"prefix\":\"ab\",\"limit\":2} -> OK\n"
        "      prefix is \"abc\": \"ab\"\n"
        "  0 kinds.v1.Kinds/register {\"prefix\":\"ab\"} -> OK\n"
        "      prefix is \"abc\": \"ab\"; limit is 2: 0\n"
        "  1 kinds.v1.Kinds/register {\"prefix\":\"ab\",\"limit\":1} -> OK\n"
        "      prefix is \"abc\": \"ab\"; limit is 2: 1");
    fake_kinds__v1__kinds_register_verify(f, FAKE_NO_CALL, FAKE_TEXT("prefixes", "a"));
    assert_ended("prefixes is \"a\": kinds.v1.Query has no field \"prefixes\"");
    fake_kinds__v1__kinds_register_verify(f, FAKE_TEXT("limit.x", "a"));
    assert_ended("limit.x is \"a\": limit holds no fields");
    fake_kinds__v1__kinds_register_verify(f, FAKE_REGEX("prefix", "("));
    assert_ended("prefix matches \"(\": the regular expression is malformed");
    get(f, "a", 1);
    fake_kinds__v1__kinds_get_verify(f, FAKE_INT("children.count", 1));
    assert_ended("children.count is 1: children is a list: say which, children[*] for any");
    fake_kinds__v1__kinds_get_verify(f, FAKE_INT("id[0]", 1));
    assert_ended("id[0] is 1: id is no list");
}

static void in_what_order(void **state)
{
    double_kinds *f = *state;
    list(f, 1);
    get(f, "a", 1);
    list(f, 2);
    fake_verify_order(f->fake, "List", "Get");
    fake_verify_order(f->fake, "List", "List");
    fake_verify_order(f->fake, "Get", "List");
    fake_verify_calls(f->fake, "List", "Get", "List");
    assert_held();
    fake_verify_order(f->fake, "Get", "List", "List");
    assert_begins("expected these calls in this order: Get List List; after 2 of them there was no List\n"
                  "0 kinds.v1.Kinds/List {\"limit\":1} -> OK\n1 ");
    fake_verify_calls(f->fake, "List", "List");
    assert_begins("expected these calls and no others: List List; call 1 is Get\n");
    fake_verify_calls(f->fake, "List", "Get");
    assert_begins("expected these calls and no others: List Get; call 2 is List\n");
    fake_verify_order(f->fake, "Fly");
    assert_ended("kinds.v1.Kinds has no method \"Fly\"");
}

/* ---- expected beforehand, found wrong on another thread --------------------------------------------------------- */

static int refuses_five(void *arg, struct fake_stub_call *c, const Kinds__V1__Query *request, Kinds__V1__Summary *reply)
{
    double_kinds *f = arg;
    (void)c;
    (void)reply;
    fake_check(f->fake, request->limit != 5);
    return GRPC_OK;
}

static void *calls_with_five(void *arg)
{
    Kinds__V1__Query query = KINDS__V1__QUERY__INIT;
    query.limit = 5;
    fake_kinds__v1__kinds_register(arg, &query, NULL, NULL);
    return NULL;
}

static void expected_beforehand(void **state)
{
    double_kinds *f = *state;
    pthread_t thread;
    fake_kinds__v1__kinds_register_stub(f, refuses_five, f);
    fake_expect(f->fake, "register", FAKE_ONCE, FAKE_INT("limit", 5));
    fake_expect(f->fake, "Get", FAKE_NO_CALL);
    int line = __LINE__ + 1;
    fake_expect(f->fake, "register", FAKE_NO_CALL, FAKE_ABOVE("limit", 4));
    assert_int_equal(pthread_create(&thread, NULL, calls_with_five, f), 0);
    pthread_join(thread, NULL);
    fake_verify_all(f->fake);
    char expected[256];
    snprintf(expected, sizeof expected,
             "verify_test.c:%d: expected no call of kinds.v1.Kinds/register where limit is above 4; there were 1, of "
             "which 1 fit\n  0 kinds.v1.Kinds/register {\"limit\":5} -> OK",
             line);
    assert_non_null(strstr(ended, "verify_test.c:"));
    assert_non_null(strstr(ended, ": request->limit != 5\n"));
    assert_non_null(strstr(ended, expected));
    ended[0] = '\0';
    fake_reset(f->fake);
    fake_verify_all(f->fake);
    assert_held();
    for (int i = 0; i < 150; i++)
        fake_fail(f->fake, "x.c", i, "number %d", i);
    fake_verify_all(f->fake);
    assert_non_null(strstr(ended, "x.c:99: number 99\nand 50 more"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(how_often, setup, teardown),
        cmocka_unit_test_setup_teardown(with_what, setup, teardown),
        cmocka_unit_test_setup_teardown(what_it_says, setup, teardown),
        cmocka_unit_test_setup_teardown(in_what_order, setup, teardown),
        cmocka_unit_test_setup_teardown(expected_beforehand, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
