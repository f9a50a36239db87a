/* Entries of metadata: families that fill tables, and credentials that are right but for one thing. */
#include "fuzz/case/test_kit.h"

#include "base/base64.h"

#include <jansson.h>
#include <string.h>

#define DRAWS 8000

static const char *const names[] = {"shop-cart",    "shop-label-",  "shop-trace-id", "lists-of-words",
                                    "no-more-room", "out-of-order", "not-a-name",    "and-so-on"};

static struct bytes name_at(const struct fuzz_case *c, size_t i)
{
    return fuzz_case_bytes(c, c->events.items[i].name);
}

static bool begins(struct bytes text, const char *with)
{
    return text.len >= strlen(with) && memcmp(text.data, with, strlen(with)) == 0;
}

/* The target's own beginning of names is filled up, each with a name of its own, as far as a case may grow. */
static void test_families(void **state)
{
    (void)state;
    struct random r;
    struct fuzz_case c = FUZZ_CASE_INIT;
    struct case_source s = kit.source;
    size_t large = 0, same = 0, known = 0;
    s.names = names;
    s.name_count = sizeof names / sizeof names[0];
    random_seed(&r, 1);
    for (int n = 0; n < DRAWS; n++) {
        kit_parse("call /store.Store/List\nmessage 0 {}\nhalf-close 0\n", &c);
        assert_true(fuzz_insert_metadata(&r, &s, &c, 1) >= 0);
        assert_true(c.events.count <= FUZZ_CASE_GROWTH_EVENTS);
        size_t label = 0, other = 0, twice = 0;
        for (size_t i = 1; i < c.events.count && c.events.items[i].kind == EVENT_METADATA; i++) {
            label += begins(name_at(&c, i), "shop-label-") && name_at(&c, i).len > strlen("shop-label-");
            other += begins(name_at(&c, i), "shop-cart");
            twice += i > 1 && bytes_equal(name_at(&c, i), name_at(&c, i - 1));
            known += bytes_is(name_at(&c, i), "shop-trace-id");
        }
        large += label > 17 && twice < label / 2;
        same += other > 8 && twice > other / 2;
    }
    /* One in 12 is a family, of those a third is the target's, and half are larger than tables of 16. */
    assert_true(large > DRAWS / 150);
    assert_true(same > 0);
    assert_true(known > DRAWS / 40); /* what says what it is comes more often than the other words */
    fuzz_case_deinit(&c);
}

/* The header of the token behind "Bearer "; NULL: none. */
static json_t *header_of(struct bytes value)
{
    struct text json = TEXT_INIT;
    json_t *root = NULL;
    if (begins(value, "Bearer ")) {
        struct bytes token = BYTES(value.data + 7, value.len - 7);
        const uint8_t *dot = token.len > 0 ? memchr(token.data, '.', token.len) : NULL;
        if (dot != NULL && base64_decode(&json, BYTES(token.data, (size_t)(dot - token.data))))
            root = json_loadb(text_string(&json), json.len, 0, NULL);
    }
    text_deinit(&json);
    return root;
}

static void test_credentials(void **state)
{
    (void)state;
    struct random r;
    struct fuzz_case c = FUZZ_CASE_INIT;
    size_t credentials = 0, tokens = 0, odd_key = 0, behind = 0;
    random_seed(&r, 2);
    for (int n = 0; n < DRAWS; n++) {
        kit_parse("call /store.Store/List\nmetadata x-one \"1\"\nmessage 0 {}\n", &c);
        size_t at = n % 2 ? 1 : 2;
        assert_true(fuzz_insert_metadata(&r, &kit.source, &c, at) >= 0);
        bool credential = c.events.count == 4 && bytes_is(name_at(&c, at), "authorization");
        /* The run's own token would be in front of it. */
        if (c.events.count == 4)
            assert_int_equal((c.events.items[0].flags & EVENT_NO_TOKEN) != 0, credential);
        if (!credential)
            continue;
        credentials++;
        behind += at == 2;
        json_t *head = header_of(fuzz_case_bytes(&c, c.events.items[at].value));
        const json_t *algorithm = json_object_get(head, "alg"), *key = json_object_get(head, "kid");
        tokens += json_is_string(algorithm);
        odd_key += json_is_string(algorithm) && key != NULL && !json_is_string(key);
        json_decref(head);
    }
    assert_true(credentials > DRAWS / 20 && behind > credentials / 4);
    assert_true(tokens > credentials / 4 && odd_key > credentials / 100);
    fuzz_case_deinit(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_families),
        cmocka_unit_test(test_credentials),
    };
    return cmocka_run_group_tests(tests, kit_load, kit_unload);
}
