/* Taking over what auth tells, whole or not at all. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/failing.h"
#include "runtime/service/known_policy.h"

#include <string.h>

/* One update with one of each; strings of protobuf-c are not const. */
struct sample {
    Auth__PolicyUpdate update;
    Auth__SigningKey key, *keys[1];
    Auth__NamespaceRules list, *lists[1];
    Auth__Rule rule, *rules[1];
    Auth__Resource resource;
    Auth__Revocation revocation, *revocations[1];
    char id[8], pem[8], namespace[8], rule_id[8], scope[8], type[8], name[8], endpoint[16], account[8], generation[8];
};

static void set(char *out, size_t size, const char *text)
{
    assert_true(strlen(text) < size);
    strcpy(out, text);
}
#define SET(member, text) set(s->member, sizeof s->member, (text))

static void sample_init(struct sample *s, bool snapshot)
{
    memset(s, 0, sizeof *s);
    auth__policy_update__init(&s->update);
    auth__signing_key__init(&s->key);
    auth__namespace_rules__init(&s->list);
    auth__rule__init(&s->rule);
    auth__resource__init(&s->resource);
    auth__revocation__init(&s->revocation);
    SET(id, "k1");
    SET(pem, "PEM");
    SET(namespace, "acme");
    SET(rule_id, "r");
    SET(scope, "*");
    SET(type, "service");
    SET(name, "notes");
    SET(endpoint, "*");
    SET(account, "joe");
    SET(generation, "g1");
    s->key.id = s->id;
    s->key.public_key = s->pem;
    s->key.expires = 1000;
    s->keys[0] = &s->key;
    s->resource.type = s->type;
    s->resource.name = s->name;
    s->resource.endpoint = s->endpoint;
    s->rule.id = s->rule_id;
    s->rule.scope = s->scope;
    s->rule.resource = &s->resource;
    s->rule.access = AUTH__ACCESS__GRANTED;
    s->rules[0] = &s->rule;
    s->list.namespace_ = s->namespace;
    s->list.rules = s->rules;
    s->list.n_rules = 1;
    s->lists[0] = &s->list;
    s->revocation.namespace_ = s->namespace;
    s->revocation.account = s->account;
    s->revocation.generation = s->generation;
    s->revocation.expires = 500;
    s->revocations[0] = &s->revocation;
    s->update.snapshot = snapshot;
    s->update.keys = s->keys;
    s->update.rules = s->lists;
    s->update.revocations = s->revocations;
    s->update.n_keys = s->update.n_rules = s->update.n_revocations = 1;
}

static const struct rule_resource notes = {"service", "notes", "Notes.List"};
static const struct rule_resource store = {"service", "store", "Store.Read"};
static const char *const scopes[] = {NULL};
static const struct micro_account joe = {.id = "joe", .type = "user", .issuer = "acme", .name = "", .scopes = scopes};

static void snapshots_and_changes(void **state)
{
    (void)state;
    struct known_policy p;
    struct sample s;
    assert_int_equal(known_policy_init(&p, "notes"), 0);
    assert_false(p.synced);
    assert_true(known_policy_grants(&p, "acme", NULL, &notes)); /* never spoken of: v3's default rule */
    sample_init(&s, true);
    uint64_t epoch = p.epoch;
    assert_int_equal(known_policy_apply(&p, &s.update, 100, NULL), 0);
    assert_true(p.synced);
    assert_true(p.epoch > epoch);
    assert_string_equal(known_policy_key(&p, "k1")->public_key, "PEM");
    assert_null(known_policy_key(&p, "k2"));
    assert_true(known_policy_grants(&p, "acme", &joe, &notes));
    assert_false(known_policy_grants(&p, "acme", NULL, &notes));
    assert_false(known_policy_grants(&p, "acme", &joe, &store)); /* about another service: all rules are looked at */
    assert_true(known_policy_grants(&p, "elsewhere", NULL, &notes));
    assert_true(known_policy_revoked(&p, "acme", "joe", "g1"));
    assert_false(known_policy_revoked(&p, "acme", "joe", "g2"));
    assert_false(known_policy_revoked(&p, "micro", "joe", "g1"));
    /* a change replaces the namespace's rules and adds the rest */
    sample_init(&s, false);
    set(s.id, sizeof s.id, "k2");
    set(s.generation, sizeof s.generation, "g2");
    s.rule.access = AUTH__ACCESS__DENIED;
    assert_int_equal(known_policy_apply(&p, &s.update, 100, NULL), 0);
    assert_non_null(known_policy_key(&p, "k1"));
    assert_non_null(known_policy_key(&p, "k2"));
    assert_false(known_policy_grants(&p, "acme", &joe, &notes));
    assert_true(known_policy_revoked(&p, "acme", "joe", "g1"));
    assert_true(known_policy_revoked(&p, "acme", "joe", "g2"));
    /* no rules are rules too: nothing is granted */
    s.list.n_rules = 0;
    assert_int_equal(known_policy_apply(&p, &s.update, 100, NULL), 0);
    assert_false(known_policy_grants(&p, "acme", &joe, &notes));
    /* what has expired is forgotten with the next change */
    assert_int_equal(known_policy_apply(&p, &s.update, 2000, NULL), 0);
    assert_null(known_policy_key(&p, "k1"));
    assert_false(known_policy_revoked(&p, "acme", "joe", "g2"));
    /* a snapshot forgets the rest */
    sample_init(&s, true);
    s.update.n_rules = 0;
    assert_int_equal(known_policy_apply(&p, &s.update, 100, NULL), 0);
    assert_true(known_policy_grants(&p, "acme", NULL, &notes));
    assert_null(known_policy_key(&p, "k2"));
    known_policy_deinit(&p);
}

/* A snapshot in parts counts with the last one; another beginning, or the stream's end, drops what was gathered. */
static void parts(void **state)
{
    (void)state;
    struct known_policy p;
    struct sample s;
    assert_int_equal(known_policy_init(&p, "notes"), 0);
    sample_init(&s, true);
    s.update.more = true;
    s.update.n_keys = s.update.n_revocations = 0;
    uint64_t epoch = p.epoch;
    assert_int_equal(known_policy_apply(&p, &s.update, 100, NULL), 0);
    assert_false(p.synced);
    assert_int_equal(p.epoch, epoch); /* nothing counts yet, so nothing is judged anew */
    assert_true(known_policy_grants(&p, "acme", NULL, &notes));
    sample_init(&s, false);
    s.update.n_rules = 0;
    assert_int_equal(known_policy_apply(&p, &s.update, 100, NULL), 0);
    assert_true(p.synced);
    assert_true(p.epoch > epoch);
    assert_false(known_policy_grants(&p, "acme", NULL, &notes));
    assert_true(known_policy_revoked(&p, "acme", "joe", "g1"));
    /* the same once more, cut off: everything stays, and what comes next is a change */
    sample_init(&s, true);
    s.update.more = true;
    s.update.n_rules = s.update.n_revocations = 0;
    assert_int_equal(known_policy_apply(&p, &s.update, 100, NULL), 0);
    known_policy_cut(&p);
    known_policy_cut(&p);
    sample_init(&s, false);
    set(s.id, sizeof s.id, "k2");
    s.update.n_rules = s.update.n_revocations = 0;
    assert_int_equal(known_policy_apply(&p, &s.update, 100, NULL), 0);
    assert_true(known_policy_revoked(&p, "acme", "joe", "g1"));
    assert_non_null(known_policy_key(&p, "k2"));
    /* a beginning behind a beginning: the first is dropped; too much in any part: the old one stays */
    sample_init(&s, true);
    s.update.more = true;
    assert_int_equal(known_policy_apply(&p, &s.update, 100, NULL), 0);
    s.update.n_revocations = s.update.n_keys = 0;
    assert_int_equal(known_policy_apply(&p, &s.update, 100, NULL), 0);
    s.update.snapshot = false;
    s.list.n_rules = POLICY_RULES_MAX + 1;
    assert_int_equal(known_policy_apply(&p, &s.update, 100, NULL), ERROR_LIMIT);
    assert_null(p.coming);
    assert_non_null(known_policy_key(&p, "k2"));
    assert_true(known_policy_revoked(&p, "acme", "joe", "g1"));
    known_policy_deinit(&p);
}

/* Whichever allocation fails, a snapshot is taken over whole or leaves what was there. */
static void failing_memory(void **state)
{
    (void)state;
    struct known_policy p;
    struct sample before, after;
    sample_init(&before, true);
    sample_init(&after, true);
    set(after.id, sizeof after.id, "k2");
    after.rule.access = AUTH__ACCESS__DENIED;
    bool hit = true;
    for (size_t n = 1; hit; n++) {
        assert_int_equal(known_policy_init(&p, "notes"), 0);
        assert_int_equal(known_policy_apply(&p, &before.update, 100, NULL), 0);
        failing_arm(n);
        int rc = known_policy_apply(&p, &after.update, 100, NULL);
        hit = failing_hit();
        failing_disarm();
        assert_int_equal(rc, hit ? ERROR_MEMORY : 0);
        assert_true(p.synced);
        assert_true((known_policy_key(&p, hit ? "k1" : "k2")) != NULL);
        assert_null(known_policy_key(&p, hit ? "k2" : "k1"));
        assert_int_equal(known_policy_grants(&p, "acme", &joe, &notes), hit);
        known_policy_deinit(&p);
    }
}

static void too_many_keys(void **state)
{
    (void)state;
    struct known_policy p;
    struct sample s;
    struct error err = ERROR_INIT;
    assert_int_equal(known_policy_init(&p, "notes"), 0);
    sample_init(&s, false);
    for (int i = 0; i < POLICY_KEYS_MAX; i++) {
        snprintf(s.id, sizeof s.id, "%d", i);
        assert_int_equal(known_policy_apply(&p, &s.update, 100, NULL), 0);
    }
    set(s.id, sizeof s.id, "more");
    assert_int_equal(known_policy_apply(&p, &s.update, 100, &err), ERROR_LIMIT);
    assert_non_null(strstr(err.message, "more keys"));
    error_clear(&err);
    known_policy_deinit(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(snapshots_and_changes), cmocka_unit_test(parts),
                                       cmocka_unit_test(failing_memory), cmocka_unit_test(too_many_keys)};
    return cmocka_run_group_tests_name("policy", tests, NULL, NULL);
}
