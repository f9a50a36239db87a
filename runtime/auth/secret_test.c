#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/auth/secret.h"
#include "world/sim.h"

#include <string.h>

static struct sim *sim;
static struct world *world;

static int set_up(void **state)
{
    const struct sim_options options = {.seed = 7};
    (void)state;
    sim = sim_new(&options);
    world = sim ? sim_node(sim, "a") : NULL;
    return world ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    sim_free(sim);
    return 0;
}

static void test_hash(void **state)
{
    struct text one = TEXT_INIT, two = TEXT_INIT;
    (void)state;
    assert_int_equal(secret_hash(world, 5, "hunter2", &one, NULL), 0);
    assert_int_equal(secret_hash(world, 5, "hunter2", &two, NULL), 0);
    assert_memory_equal(text_string(&one), "scrypt$5$8$1$", 13);
    assert_string_not_equal(text_string(&one), text_string(&two)); /* each has its own salt */
    assert_true(secret_matches("hunter2", text_string(&one)));
    assert_true(secret_matches("hunter2", text_string(&two)));
    assert_false(secret_matches("hunter", text_string(&one)));
    assert_false(secret_matches("", text_string(&one)));
    assert_false(secret_outdated(text_string(&one), 5));
    assert_true(secret_outdated(text_string(&one), 6));
    text_deinit(&one);
    text_deinit(&two);
}

/* Records worked out with another implementation (Python's hashlib): they stay readable whatever happens to this code.
 */
static void test_scrypt(void **state)
{
    static const char stored[] = "scrypt$10$8$1$MDEyMzQ1Njc4OWFiY2RlZg==$d6a6F1LlFQ0Vfej5V5Z462spHQxjaJWaZjapsTHCekg=";
    (void)state;
    assert_true(secret_matches("passwd", stored));
    assert_false(secret_matches("Passwd", stored));
}

/* PBKDF2-HMAC-SHA256 of "passwd" and a 16-byte salt, worked out with another implementation (Python's hashlib), so
 * that records stay readable whatever happens to this code. */
static void test_known(void **state)
{
    static const char stored[] =
        "pbkdf2-sha256$1000$MDEyMzQ1Njc4OWFiY2RlZg==$GKbQsOKFBLtZBF483J+cBeR17Y/5oB1eOSatMelA+O8=";
    (void)state;
    assert_true(secret_matches("passwd", stored));
    assert_false(secret_matches("Passwd", stored));
    assert_true(secret_outdated(stored, 5));
}

static void test_malformed(void **state)
{
    static const char *const bad[] = {
        "",
        "hunter2",
        "pbkdf2-sha256$",
        "pbkdf2-sha256$100000",
        "pbkdf2-sha256$100000$MDEyMzQ1Njc4OWFiY2RlZg==",
        "pbkdf2-sha256$0$MDEyMzQ1Njc4OWFiY2RlZg==$GKbQsOKFBLtZBF483J+cBeR17Y/5oB1eOSatMelA+O8=",
        "pbkdf2-sha256$99999999999$MDEyMzQ1Njc4OWFiY2RlZg==$GKbQsOKFBLtZBF483J+cBeR17Y/5oB1eOSatMelA+O8=",
        "pbkdf2-sha256$1000$MDEy$GKbQsOKFBLtZBF483J+cBeR17Y/5oB1eOSatMelA+O8=",
        "pbkdf2-sha256$1000$MDEyMzQ1Njc4OWFiY2RlZg==$MDEy",
        "scrypt$1000$MDEyMzQ1Njc4OWFiY2RlZg==$GKbQsOKFBLtZBF483J+cBeR17Y/5oB1eOSatMelA+O8=",
        "scrypt$16$8$1$MDEyMzQ1Njc4OWFiY2RlZg==$GKbQsOKFBLtZBF483J+cBeR17Y/5oB1eOSatMelA+O8=",
        "scrypt$10$9$1$MDEyMzQ1Njc4OWFiY2RlZg==$GKbQsOKFBLtZBF483J+cBeR17Y/5oB1eOSatMelA+O8=",
        "scrypt$10$8$2$MDEyMzQ1Njc4OWFiY2RlZg==$GKbQsOKFBLtZBF483J+cBeR17Y/5oB1eOSatMelA+O8=",
        "scrypt$10$8$1$MDEyMzQ1Njc4OWFiY2RlZg==$GKbQsOKFBLtZBF483J+cBeR17Y/5oB1eOSatMelA+O8=$x",
        "pbkdf2-sha256$1000001$MDEyMzQ1Njc4OWFiY2RlZg==$GKbQsOKFBLtZBF483J+cBeR17Y/5oB1eOSatMelA+O8=",
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(secret_matches("passwd", bad[i]));
}

static void test_random(void **state)
{
    struct text a = TEXT_INIT, b = TEXT_INIT, uuid = TEXT_INIT, digest = TEXT_INIT;
    (void)state;
    assert_int_equal(secret_random(world, 32, &a, NULL), 0);
    assert_int_equal(secret_random(world, 32, &b, NULL), 0);
    assert_int_equal(a.len, 43);
    assert_string_not_equal(text_string(&a), text_string(&b));
    assert_int_equal(strspn(text_string(&a), "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"), 43);
    assert_int_equal(secret_random(world, 65, &a, NULL), ERROR_LIMIT);
    assert_int_equal(secret_uuid(world, &uuid, NULL), 0);
    assert_int_equal(uuid.len, 36);
    assert_int_equal(uuid.data[14], '4');
    assert_non_null(strchr("89ab", uuid.data[19]));
    assert_int_equal(secret_digest("abc", &digest, NULL), 0);
    assert_string_equal(text_string(&digest), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    text_deinit(&a);
    text_deinit(&b);
    text_deinit(&uuid);
    text_deinit(&digest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hash),      cmocka_unit_test(test_scrypt), cmocka_unit_test(test_known),
        cmocka_unit_test(test_malformed), cmocka_unit_test(test_random),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
