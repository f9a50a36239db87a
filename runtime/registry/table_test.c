#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/failing.h"
#include "base/random.h"
#include "base/text.h"
#include "base/units.h"
#include "runtime/registry/table.h"
#include "wire/pb.h"

#include <stdio.h>
#include <string.h>

/* What happened, as "create micro/a@1:n1,n2;". */
struct fixture {
    struct registry_table table;
    struct text events;
};

static void on_change(void *arg, const char *action, const char *domain, Registry__Service *s)
{
    struct fixture *f = arg;
    text_printf(&f->events, "%s %s/%s@%s:", action, domain, s->name, s->version);
    for (size_t i = 0; i < s->n_nodes; i++)
        text_printf(&f->events, "%s%s", i ? "," : "", s->nodes[i]->id);
    text_puts(&f->events, ";");
}

static int set_up(void **state)
{
    static struct fixture f;
    f = (struct fixture){0};
    registry_table_init(&f.table, on_change, &f);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    registry_table_deinit(&f->table);
    text_deinit(&f->events);
    return 0;
}

static void expect(struct fixture *f, const char *events)
{
    assert_string_equal(text_string(&f->events), events);
    text_clear(&f->events);
}

/* A service of one node; `endpoint` NULL: none. */
static int put(struct fixture *f, const char *domain, const char *name, const char *version, const char *id,
               const char *address, const char *endpoint, int64_t ttl, uint64_t now, struct error *err)
{
    char texts[5][64];
    const char *given[] = {name, version, id, address, endpoint ? endpoint : ""};
    for (size_t i = 0; i < 5; i++)
        snprintf(texts[i], sizeof texts[i], "%s", given[i]);
    Registry__Endpoint e = REGISTRY__ENDPOINT__INIT, *es[] = {&e};
    Registry__Node n = REGISTRY__NODE__INIT, *ns[] = {&n};
    Registry__Service s = REGISTRY__SERVICE__INIT;
    s.name = texts[0];
    s.version = texts[1];
    n.id = texts[2];
    n.address = texts[3];
    e.name = texts[4];
    s.nodes = ns;
    s.n_nodes = id[0] || address[0] ? 1 : 0;
    s.endpoints = es;
    s.n_endpoints = endpoint ? 1 : 0;
    return registry_table_register(&f->table, domain, &s, ttl, now, err);
}

static int take(struct fixture *f, const char *name, const char *version, const char *id)
{
    char texts[3][64];
    snprintf(texts[0], 64, "%s", name);
    snprintf(texts[1], 64, "%s", version);
    snprintf(texts[2], 64, "%s", id ? id : "");
    Registry__Node n = REGISTRY__NODE__INIT, *ns[] = {&n};
    Registry__Service s = REGISTRY__SERVICE__INIT;
    s.name = texts[0];
    s.version = texts[1];
    n.id = texts[2];
    s.nodes = ns;
    s.n_nodes = id ? 1 : 0;
    return registry_table_deregister(&f->table, "micro", &s, NULL);
}

static size_t count(struct fixture *f, const char *domain, const char *name)
{
    struct arena arena = ARENA_INIT;
    Registry__Service **services;
    size_t n = 0;
    assert_int_equal(registry_table_read(&f->table, domain, name, &arena, &services, &n), 0);
    arena_deinit(&arena);
    return n;
}

static const uint64_t second = (uint64_t)SECOND;

static void registering(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(put(f, "micro", "a", "1", "n1", "h:1", NULL, 90, 0, NULL), 0);
    expect(f, "create micro/a@1:n1;");
    assert_int_equal(put(f, "micro", "a", "1", "n1", "h:1", NULL, 90, second, NULL), 0);
    expect(f, ""); /* a heartbeat is no change */
    assert_int_equal(put(f, "micro", "a", "1", "n2", "h:2", NULL, 90, second, NULL), 0);
    expect(f, "update micro/a@1:n1,n2;");
    assert_int_equal(put(f, "micro", "a", "2", "n3", "h:3", NULL, 90, second, NULL), 0);
    expect(f, "create micro/a@2:n3;");
    assert_int_equal(put(f, "other", "a", "1", "n1", "h:1", NULL, 90, second, NULL), 0);
    expect(f, "create other/a@1:n1;");
    assert_int_equal(count(f, "micro", "a"), 2);
    assert_int_equal(count(f, "other", "a"), 1);
    assert_int_equal(count(f, "*", "a"), 3);
    assert_int_equal(count(f, "*", NULL), 3);
    assert_int_equal(count(f, "micro", "b"), 0);
    assert_int_equal(count(f, "nowhere", NULL), 0);
}

/* v3 kept the endpoints of the first registration for ever. */
static void endpoints_follow_the_last_registration(void **state)
{
    struct fixture *f = *state;
    put(f, "micro", "a", "1", "n1", "h:1", "A.Old", 90, 0, NULL);
    text_clear(&f->events);
    put(f, "micro", "a", "1", "n1", "h:1", "A.New", 90, 0, NULL);
    expect(f, "update micro/a@1:n1;");
    struct arena arena = ARENA_INIT;
    Registry__Service **services;
    size_t n = 0;
    assert_int_equal(registry_table_read(&f->table, "micro", "a", &arena, &services, &n), 0);
    assert_int_equal(n, 1);
    assert_int_equal(services[0]->n_endpoints, 1);
    assert_string_equal(services[0]->endpoints[0]->name, "A.New");
    arena_deinit(&arena);
}

/* v3 let them go silently. */
static void expiry_is_told(void **state)
{
    struct fixture *f = *state;
    put(f, "micro", "a", "1", "n1", "h:1", NULL, 90, 0, NULL);
    put(f, "micro", "a", "1", "n2", "h:2", NULL, 30, 0, NULL);
    put(f, "micro", "for-ever", "1", "n", "h:3", NULL, 0, 0, NULL);
    text_clear(&f->events);
    assert_int_equal(registry_table_expire(&f->table, 29 * second), 30 * second);
    expect(f, "");
    assert_int_equal(registry_table_expire(&f->table, 30 * second), 90 * second);
    expect(f, "delete micro/a@1:n2;");
    put(f, "micro", "a", "1", "n1", "h:1", NULL, 90, 60 * second, NULL); /* heartbeat */
    assert_int_equal(registry_table_expire(&f->table, 100 * second), 150 * second);
    expect(f, "");
    assert_true(registry_table_expire(&f->table, 150 * second) == UINT64_MAX);
    expect(f, "delete micro/a@1:n1;");
    assert_int_equal(count(f, "micro", "a"), 0);
    assert_int_equal(count(f, "micro", "for-ever"), 1);
}

/* Killed and started again at the same address, long before its old entry would expire. */
static void restart_replaces_the_node(void **state)
{
    struct fixture *f = *state;
    put(f, "micro", "a", "1", "old", "h:1", NULL, 90, 0, NULL);
    put(f, "micro", "a", "1", "other", "h:2", NULL, 90, 0, NULL);
    text_clear(&f->events);
    put(f, "micro", "a", "1", "new", "h:1", NULL, 90, 0, NULL);
    expect(f, "delete micro/a@1:old;update micro/a@1:other,new;");
}

static void deregistering(void **state)
{
    struct fixture *f = *state;
    put(f, "micro", "a", "1", "n1", "h:1", NULL, 90, 0, NULL);
    put(f, "micro", "a", "1", "n2", "h:2", NULL, 90, 0, NULL);
    text_clear(&f->events);
    assert_int_equal(take(f, "a", "1", "n1"), 0);
    expect(f, "delete micro/a@1:n1;");
    assert_int_equal(take(f, "a", "1", "n1"), 0); /* gone already: fine */
    assert_int_equal(take(f, "a", "2", NULL), 0);
    assert_int_equal(take(f, "b", "1", NULL), 0);
    expect(f, "");
    assert_int_equal(take(f, "a", "1", NULL), 0);
    expect(f, "delete micro/a@1:n2;");
    assert_int_equal(f->table.versions, 0);
    assert_int_equal(map_count(&f->table.groups), 0);
    assert_int_equal(take(f, "", "1", NULL), ERROR_INVALID);
}

static void refusals(void **state)
{
    struct fixture *f = *state;
    struct error err = ERROR_INIT;
    char longest[] = "0123456789012345678901234567890123456789012345678901234567890";
    assert_int_equal(put(f, "micro", "", "1", "n", "h:1", NULL, 90, 0, &err), ERROR_INVALID);
    assert_int_equal(put(f, "micro", "a", "1", "", "", NULL, 90, 0, &err), ERROR_INVALID);
    assert_int_equal(put(f, "micro", "a", "1", "n", "", NULL, 90, 0, &err), ERROR_INVALID);
    assert_int_equal(put(f, "micro", "a", "1", "", "h:1", NULL, 90, 0, &err), ERROR_INVALID);
    assert_int_equal(put(f, "micro", "a", "1", "n", "h:1", NULL, -1, 0, &err), ERROR_INVALID);
    assert_int_equal(put(f, "micro", "a", "1", "n", "h:1", NULL, INT64_MAX, 0, &err), ERROR_INVALID);
    assert_int_equal(put(f, "micro", longest, "1", "n", "h:1", NULL, 90, 0, &err), 0);
    char domain[REGISTRY_NAME_MAX + 2];
    memset(domain, 'd', sizeof domain - 1);
    domain[sizeof domain - 1] = '\0';
    assert_int_equal(put(f, domain, "a", "1", "n", "h:1", NULL, 90, 0, &err), ERROR_INVALID);
    assert_int_equal(count(f, domain, "a"), 0);
    domain[REGISTRY_NAME_MAX] = '\0';
    assert_int_equal(put(f, domain, "a", "1", "n", "h:1", NULL, 90, 0, &err), 0);
    assert_int_equal(count(f, domain, "a"), 1);
    error_clear(&err);
}

/* v3 refreshed only the new node of a batch, and let the others of it expire. */
static void a_batch_refreshes_all_of_it(void **state)
{
    struct fixture *f = *state;
    put(f, "micro", "a", "1", "n1", "h:1", NULL, 90, 0, NULL);
    put(f, "micro", "a", "1", "n2", "h:2", NULL, 90, 0, NULL);
    put(f, "micro", "a", "1", "other", "h:9", NULL, 90, 0, NULL);
    char words[7][8] = {"a", "1", "n1", "n2", "n3", "h:1", "h:2"}, third[] = "h:3";
    Registry__Node n[3] = {REGISTRY__NODE__INIT, REGISTRY__NODE__INIT, REGISTRY__NODE__INIT};
    Registry__Node *ns[] = {&n[0], &n[1], &n[2]};
    Registry__Service s = REGISTRY__SERVICE__INIT;
    s.name = words[0];
    s.version = words[1];
    for (size_t i = 0; i < 3; i++)
        n[i].id = words[2 + i];
    n[0].address = words[5];
    n[1].address = words[6];
    n[2].address = third;
    s.nodes = ns;
    s.n_nodes = 3;
    text_clear(&f->events);
    assert_int_equal(registry_table_register(&f->table, "micro", &s, 90, 60 * second, NULL), 0);
    expect(f, "update micro/a@1:n1,n2,other,n3;");
    assert_int_equal(registry_table_expire(&f->table, 90 * second), 150 * second);
    expect(f, "delete micro/a@1:other;");
    assert_true(registry_table_expire(&f->table, 150 * second) == UINT64_MAX);
    expect(f, "delete micro/a@1:n1,n2,n3;"); /* what is due at one time is one event */
}

/* What is packed for lists is what a reader sees, and follows every change. */
static void packed_lists(void **state)
{
    struct fixture *f = *state;
    for (int step = 0; step < 6; step++) {
        if (step < 3)
            put(f, step == 2 ? "other" : "micro", step ? "b" : "a", "1", "n1", "h:1", "A.B", 90, 0, NULL);
        else if (step == 3)
            put(f, "micro", "a", "1", "n1", "h:1", "A.C", 90, 0, NULL);
        else if (step == 4)
            put(f, "micro", "a", "1", "n2", "h:2", "A.C", 30, 0, NULL);
        else
            (void)registry_table_expire(&f->table, 30 * second);
        static const char *const domains[] = {"micro", "other", "*", "nowhere"};
        for (size_t i = 0; i < 4; i++) {
            struct arena arena = ARENA_INIT;
            struct text packed = TEXT_INIT;
            ProtobufCMessage *m = NULL;
            Registry__ListResponse seen = REGISTRY__LIST_RESPONSE__INIT;
            assert_int_equal(registry_table_pack(&f->table, domains[i], &packed), 0);
            assert_int_equal(pb_unpack(&registry__list_response__descriptor, text_bytes(&packed), &arena, &m, NULL), 0);
            assert_int_equal(registry_table_read(&f->table, domains[i], NULL, &arena, &seen.services, &seen.n_services),
                             0);
            assert_true(pb_equal(m, &seen.base));
            text_deinit(&packed);
            arena_deinit(&arena);
        }
    }
}

/* Entries put in, moved and taken out in any order come out by their times. */
static void what_is_due(void **state)
{
    (void)state;
    struct due d = {0};
    struct due_entry entries[500] = {{0}};
    struct random r;
    random_seed(&r, 1);
    for (int i = 0; i < 20000; i++) {
        struct due_entry *e = &entries[random_below(&r, 500)];
        uint64_t at = random_below(&r, 1000);
        if (!e->slot)
            assert_true(due_put(&d, e, at));
        else if (random_below(&r, 3))
            due_move(&d, e, at);
        else
            due_remove(&d, e);
        uint64_t least = UINT64_MAX;
        for (size_t k = 0; k < 500; k++)
            if (entries[k].slot && entries[k].at < least)
                least = entries[k].at;
        assert_true(due_first(&d) ? due_first(&d)->at == least : least == UINT64_MAX);
    }
    due_deinit(&d);
}

/* Every allocation fails once: what was refused has left nothing behind that a later call trips over. */
static void memory_runs_out(void **state)
{
    (void)state;
    for (size_t n = 1;; n++) {
        struct fixture f = {0};
        registry_table_init(&f.table, NULL, NULL);
        failing_arm(n);
        int rc = put(&f, "micro", "a", "1", "n1", "h:1", "A.B", 90, 0, NULL);
        if (rc == 0)
            rc = put(&f, "micro", "a", "1", "n2", "h:1", "A.C", 90, 0, NULL);
        if (rc == 0)
            rc = put(&f, "micro", "b", "1", "n3", "h:3", NULL, 10, 0, NULL);
        if (rc == 0)
            (void)registry_table_expire(&f.table, 20 * second);
        struct text packed = TEXT_INIT;
        if (rc == 0)
            rc = registry_table_pack(&f.table, "micro", &packed);
        text_deinit(&packed);
        if (rc == 0)
            rc = take(&f, "a", "1", NULL);
        bool hit = failing_hit();
        failing_disarm();
        assert_true(rc == 0 || rc == ERROR_MEMORY);
        assert_int_equal(put(&f, "micro", "a", "1", "n4", "h:4", NULL, 90, 0, NULL), 0);
        assert_true(registry_table_expire(&f.table, 1000 * second) == UINT64_MAX);
        assert_int_equal(f.table.versions, 0);
        registry_table_deinit(&f.table);
        if (!hit)
            break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(registering, set_up, tear_down),
        cmocka_unit_test_setup_teardown(endpoints_follow_the_last_registration, set_up, tear_down),
        cmocka_unit_test_setup_teardown(expiry_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(restart_replaces_the_node, set_up, tear_down),
        cmocka_unit_test_setup_teardown(deregistering, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refusals, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_batch_refreshes_all_of_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(packed_lists, set_up, tear_down),
        cmocka_unit_test(what_is_due),
        cmocka_unit_test(memory_runs_out),
    };
    return cmocka_run_group_tests_name("registry table", tests, NULL, NULL);
}
