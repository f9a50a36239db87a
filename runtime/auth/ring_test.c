#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/auth/ring.h"
#include "runtime/server/sim_keys.h"
#include "runtime/service/key_cache.h"
#include "runtime/service/service.h"

#include <stdlib.h>
#include <string.h>

static void written_and_read(struct ring *r, const char *without)
{
    struct text file = TEXT_INIT;
    struct ring again;
    assert_int_equal(ring_write(r, &file, NULL), 0);
    assert_null(without ? strstr(text_string(&file), without) : NULL);
    assert_int_equal(ring_parse(text_bytes(&file), &again, NULL), 0);
    assert_int_equal(again.count, r->count);
    for (size_t i = 0; i < r->count; i++) {
        assert_string_equal(again.keys[i].id, r->keys[i].id);
        assert_string_equal(again.keys[i].public_pem, r->keys[i].public_pem);
        assert_int_equal(again.keys[i].state, r->keys[i].state);
        assert_int_equal(again.keys[i].root, r->keys[i].root);
        assert_int_equal(again.keys[i].created, r->keys[i].created);
        assert_int_equal(again.keys[i].since, r->keys[i].since);
        assert_int_equal(again.keys[i].until, r->keys[i].until);
    }
    ring_deinit(&again);
    text_deinit(&file);
}

/* A key's life from the first rotation to its end. */
static void test_life(void **state)
{
    struct ring r = {0};
    bool changed;
    char id[MICRO_KEY_ID_MAX + 1];
    (void)state;
    assert_int_equal(ring_set_root(&r, sim_private_key, 100, &changed, NULL), 0);
    assert_true(changed);
    assert_int_equal(ring_set_root(&r, sim_private_key, 100, &changed, NULL), 0);
    assert_false(changed);
    assert_int_equal(micro_key_id(sim_public_key, id, NULL), 0);
    assert_string_equal(ring_signing(&r)->id, id);
    assert_true(ring_signing(&r)->root);
    /* The root's private part is not on disk; a line of it would be. */
    char line[65] = "";
    memcpy(line, sim_private_key + 100, 40);
    *strchrnul(line, '\n') = '\0';
    written_and_read(&r, line);

    assert_false(ring_activate(&r, 150));
    assert_int_equal(ring_add(&r, sim_spare_keys[0].private_pem, 200, NULL), 0);
    assert_int_equal(ring_add(&r, sim_spare_keys[0].private_pem, 200, NULL), ERROR_EXISTS);
    assert_true(ring_signing(&r)->root); /* the new one only waits */
    assert_non_null(ring_waiting(&r));
    written_and_read(&r, line);
    assert_true(ring_activate(&r, 210));
    struct ring_key *second = ring_signing(&r);
    assert_false(second->root);
    assert_int_equal(second->since, 210);
    assert_null(ring_waiting(&r));
    written_and_read(&r, line);

    second->until = 1000;
    assert_int_equal(ring_add(&r, sim_spare_keys[1].private_pem, 300, NULL), 0);
    assert_true(ring_activate(&r, 310));
    second = ring_find(&r, r.keys[1].id);
    assert_int_equal(second->state, RING_RETIRED);
    assert_null(second->private_pem); /* needed for nothing any more */
    written_and_read(&r, line);
    assert_false(ring_prune(&r, 999));
    assert_true(ring_prune(&r, 1000));
    assert_int_equal(r.count, 2);
    assert_true(r.keys[0].root); /* stays whatever happens: the components' tokens are signed with it */
    ring_deinit(&r);
}

/* Another root: the old one verifies until its last token is over, and signs no more. */
static void test_new_root(void **state)
{
    struct ring r = {0};
    bool changed;
    (void)state;
    assert_int_equal(ring_set_root(&r, sim_private_key, 100, &changed, NULL), 0);
    ring_signing(&r)->until = 500;
    assert_int_equal(ring_set_root(&r, sim_spare_keys[5].private_pem, 200, &changed, NULL), 0);
    assert_true(changed);
    assert_int_equal(r.count, 2);
    assert_int_equal(r.keys[0].state, RING_RETIRED);
    assert_false(r.keys[0].root);
    assert_null(r.keys[0].private_pem);
    assert_string_equal(ring_signing(&r)->private_pem, sim_spare_keys[5].private_pem);
    written_and_read(&r, NULL);
    assert_true(ring_prune(&r, 500));
    assert_int_equal(r.count, 1);
    assert_int_equal(ring_set_root(&r, "no key", 200, &changed, NULL), ERROR_INVALID);
    ring_deinit(&r);
}

/* ---- kept keys ---- */

/* A private key the process has kept, as signing with it does; the reference held makes sure that one read anew later
 * is another. */
struct kept {
    char *pem;
    EVP_PKEY *key;
};

static void keep(struct kept *k, const char *private_pem)
{
    k->pem = strdup(private_pem);
    assert_non_null(k->pem);
    k->key = key_cache_get(k->pem, true);
    assert_non_null(k->key);
}

static bool is_kept(const struct kept *k)
{
    EVP_PKEY *now = key_cache_get(k->pem, true);
    bool same = now == k->key;
    EVP_PKEY_free(now);
    return same;
}

static void kept_free(struct kept *k)
{
    EVP_PKEY_free(k->key);
    free(k->pem);
}

/* Whichever way a private key leaves the ring, nothing that was read from it is kept. */
static void test_forgotten(void **state)
{
    struct ring r = {0};
    struct kept root, second, third, fourth;
    bool changed;
    (void)state;
    assert_int_equal(ring_set_root(&r, sim_private_key, 100, &changed, NULL), 0);
    keep(&root, ring_signing(&r)->private_pem);
    assert_int_equal(ring_add(&r, sim_spare_keys[0].private_pem, 200, NULL), 0);
    keep(&second, ring_waiting(&r)->private_pem);
    assert_true(ring_activate(&r, 210));
    assert_true(is_kept(&root)); /* it is retired, and stays in the ring whole */
    assert_true(is_kept(&second));
    /* Retired by the next. */
    assert_int_equal(ring_add(&r, sim_spare_keys[1].private_pem, 300, NULL), 0);
    keep(&third, ring_waiting(&r)->private_pem);
    assert_true(is_kept(&second));
    assert_true(ring_activate(&r, 310));
    assert_false(is_kept(&second));
    assert_true(is_kept(&third));
    /* Made and given up, as when it cannot be written to the disk. */
    assert_int_equal(ring_add(&r, sim_spare_keys[2].private_pem, 400, NULL), 0);
    keep(&fourth, ring_waiting(&r)->private_pem);
    ring_waiting(&r)->state = RING_RETIRED;
    assert_true(ring_prune(&r, INT64_MAX));
    assert_false(is_kept(&fourth));
    assert_true(is_kept(&third));
    /* Another root. */
    assert_int_equal(ring_set_root(&r, sim_spare_keys[5].private_pem, 500, &changed, NULL), 0);
    assert_false(is_kept(&root));
    assert_true(is_kept(&third));
    ring_deinit(&r);
    kept_free(&root);
    kept_free(&second);
    kept_free(&third);
    kept_free(&fourth);
}

static void refused(const char *content, const char *words)
{
    struct ring r;
    struct error err = ERROR_INIT;
    struct text told = TEXT_INIT;
    assert_true(ring_parse(bytes_of(content), &r, &err) < 0);
    error_format(&err, &told);
    if (!strstr(text_string(&told), words))
        fail_msg("%s; wanted \"%s\" of %.80s", text_string(&told), words, content);
    text_deinit(&told);
    error_clear(&err);
}

static void test_malformed(void **state)
{
    struct ring r = {0};
    struct text file = TEXT_INIT;
    bool changed;
    (void)state;
    refused("", "not JSON");
    refused("[]", "not a key ring");
    refused("{\"version\":2,\"keys\":[]}", "version 1");
    refused("{\"version\":1}", "not a key ring");
    refused("{\"version\":1,\"keys\":[{}]}", "key 1");
    refused("{\"version\":1,\"keys\":[{\"id\":\"x\",\"public\":\"y\",\"root\":true,\"state\":\"retired\",\"created\":1,"
            "\"since\":0,\"until\":0}]}",
            "key 1");
    /* A file whose id, key or parts were exchanged. */
    assert_int_equal(ring_set_root(&r, sim_private_key, 100, &changed, NULL), 0);
    assert_int_equal(ring_add(&r, sim_spare_keys[0].private_pem, 200, NULL), 0);
    assert_int_equal(ring_write(&r, &file, NULL), 0);
    char *at = strstr(file.data, r.keys[1].id);
    *at = *at == 'a' ? 'b' : 'a';
    refused(text_string(&file), "the id is not that");
    text_clear(&file);
    char *own = r.keys[1].private_pem;
    r.keys[1].private_pem = r.keys[0].private_pem;
    assert_int_equal(ring_write(&r, &file, NULL), 0);
    r.keys[1].private_pem = own;
    refused(text_string(&file), "does not belong");
    text_deinit(&file);
    ring_deinit(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_life),
        cmocka_unit_test(test_new_root),
        cmocka_unit_test(test_forgotten),
        cmocka_unit_test(test_malformed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
