/* What nodes tell each other, without any wire: split horizon, paths, limits, the graph. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/network/network.h"

#include <stdio.h>
#include <string.h>

struct side {
    struct relay_routes t;
    struct relay_owner own, peers[3];
    const char *id;
};

static void side_init(struct side *s, const char *id)
{
    *s = (struct side){.id = id};
    relay_routes_init(&s->t);
    assert_int_equal(relay_owner_init(&s->own, RELAY_REGISTRY, "own"), 0);
    for (int i = 0; i < 3; i++) {
        char key[8];
        snprintf(key, sizeof key, "p%d", i);
        assert_int_equal(relay_owner_init(&s->peers[i], RELAY_PEER, key), 0);
    }
}

static void side_deinit(struct side *s)
{
    relay_owner_deinit(&s->t, &s->own);
    for (int i = 0; i < 3; i++)
        relay_owner_deinit(&s->t, &s->peers[i]);
    relay_routes_deinit(&s->t);
}

static void have(struct side *s, const char *service, const char *node)
{
    const struct relay_spec spec = {
        .domain = "micro", .service = service, .version = "v1", .node = node, .address = "x:1", .metric = 1};
    assert_int_equal(relay_routes_put(&s->t, &s->own, &spec), 0);
}

/* `from` tells `to`, who keeps it as its peer number `as`; how many routes were told. */
static size_t tell(struct side *from, struct side *to, int as)
{
    struct arena arena = ARENA_INIT;
    Router__Route **routes = NULL;
    size_t count = 0, skipped = 0;
    assert_int_equal(network_sync_routes(&from->t, from->id, to->id, &arena, &routes, &count), 0);
    assert_int_equal(network_sync_apply(&to->t, &to->peers[as], to->id, from->id, "door:1", routes, count, &skipped),
                     0);
    assert_int_equal(skipped, 0);
    arena_deinit(&arena);
    return count;
}

static const struct relay_route *route_of(const struct side *s, int as)
{
    return s->peers[as].routes;
}

static void vectors(void **state)
{
    (void)state;
    struct side a, b, c;
    side_init(&a, "a");
    side_init(&b, "b");
    side_init(&c, "c");
    have(&a, "svc", "n1");
    have(&a, "svc", "n2");
    have(&a, "store", "s1"); /* a core component: each runtime's own */
    assert_int_equal(tell(&a, &b, 0), 1);
    assert_int_equal(route_of(&b, 0)->spec.metric, 2);
    assert_string_equal(route_of(&b, 0)->spec.path, "a");
    assert_string_equal(route_of(&b, 0)->spec.router, "a");
    assert_string_equal(route_of(&b, 0)->spec.address, "door:1");
    assert_int_equal(tell(&b, &a, 1), 0); /* split horizon */
    assert_int_equal(tell(&b, &c, 0), 1);
    assert_int_equal(route_of(&c, 0)->spec.metric, 3);
    assert_string_equal(route_of(&c, 0)->spec.path, "b,a");
    assert_int_equal(tell(&c, &a, 2), 0); /* not back to where it began */
    assert_int_equal(tell(&c, &b, 1), 0);
    /* A second, shorter way: only the best is told on. */
    assert_int_equal(tell(&a, &c, 1), 1);
    assert_int_equal(c.t.count, 2);
    assert_int_equal(tell(&c, &b, 1), 1);
    assert_string_equal(route_of(&b, 1)->spec.path, "c,a");
    /* Withdrawn at the origin: gone everywhere as soon as each was told, in any order, with no counting up. */
    relay_owner_begin(&a.own);
    relay_owner_sweep(&a.t, &a.own);
    assert_int_equal(tell(&a, &b, 0), 0);
    assert_int_equal(tell(&b, &c, 0), 0); /* c's way by b is gone, the one to a is still believed */
    assert_int_equal(tell(&a, &c, 1), 0);
    assert_int_equal(tell(&c, &b, 1), 0);
    assert_int_equal(b.t.count + c.t.count, 0);
    side_deinit(&a);
    side_deinit(&b);
    side_deinit(&c);
}

static void bad_routes(void **state)
{
    (void)state;
    static const struct {
        const char *service, *path;
        int64_t metric;
        bool taken;
    } table[] = {
        {"svc", "p", 1, true},
        {"svc", "p,q", 1, true},
        {"svc", NULL, 1, false},
        {"", "p", 1, false},
        {"svc", "p,me", 1, false},
        {"svc", "x", 1, false},
        {"svc", "px", 1, false},
        {"svc", "p", -1, false},
        {"svc", "p", INT64_MAX, false},
        {"auth", "p", 1, false},
        {"network", "p", 1, false},
        {"svc", "", 1, false},
        {"svc", "p,1,2,3,4,5,6,7", 1, false},
    };
    struct side s;
    side_init(&s, "me");
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        char service[16], path[32], key[] = "path", word[] = "r";
        snprintf(service, sizeof service, "%s", table[i].service);
        snprintf(path, sizeof path, "%s", table[i].path ? table[i].path : "");
        Router__Route__MetadataEntry entry = ROUTER__ROUTE__METADATA_ENTRY__INIT;
        Router__Route__MetadataEntry *entries[] = {&entry};
        Router__Route r = ROUTER__ROUTE__INIT;
        Router__Route *list[] = {&r};
        entry.key = key;
        entry.value = path;
        r.service = service;
        r.router = word;
        r.metric = table[i].metric;
        r.metadata = entries;
        r.n_metadata = table[i].path != NULL;
        size_t skipped = 0;
        assert_int_equal(network_sync_apply(&s.t, &s.peers[0], "me", "p", "door:1", list, 1, &skipped), 0);
        if ((skipped == 0) != table[i].taken)
            fail_msg("row %zu: %s", i, skipped ? "not taken" : "taken");
        assert_int_equal(s.t.count, table[i].taken ? 1 : 0);
    }
    size_t skipped;
    assert_int_equal(network_sync_apply(&s.t, &s.peers[0], "me", "p", "d:1", NULL, NETWORK_ROUTES_MAX + 1, &skipped),
                     ERROR_LIMIT);
    side_deinit(&s);
}

static Network__Peer *peer(struct arena *a, const char *id, size_t peers)
{
    Network__Peer *p = ARENA_NEW(a, Network__Peer);
    Network__Node *n = ARENA_NEW(a, Network__Node);
    assert_non_null(p);
    assert_non_null(n);
    network__peer__init(p);
    network__node__init(n);
    n->id = arena_string(a, id);
    p->node = n;
    p->peers = ARENA_NEW_N(a, Network__Peer *, peers + 1);
    p->n_peers = peers;
    return p;
}

static size_t count(const Network__Peer *p)
{
    size_t n = 1;
    for (size_t i = 0; i < p->n_peers; i++)
        n += count(p->peers[i]);
    return n;
}

static void graphs(void **state)
{
    (void)state;
    struct arena arena = ARENA_INIT;
    /* A ring of pointers: it ends where it would begin again. */
    Network__Peer *a = peer(&arena, "a", 1), *b = peer(&arena, "b", 1), *c = peer(&arena, "c", 1);
    a->peers[0] = b;
    b->peers[0] = c;
    c->peers[0] = a;
    size_t budget = 100;
    Network__Peer *copy = network_graph_copy(a, 100, &budget, NULL, &arena);
    assert_int_equal(count(copy), 3);
    assert_int_equal(budget, 97);
    assert_string_equal(copy->peers[0]->peers[0]->node->id, "c");
    budget = 100;
    assert_int_equal(count(network_graph_copy(a, 1, &budget, NULL, &arena)), 2);
    budget = 100;
    assert_int_equal(count(network_graph_copy(a, 9, &budget, "b", &arena)), 1);
    budget = 2;
    assert_int_equal(count(network_graph_copy(a, 9, &budget, NULL, &arena)), 2);
    /* Wide and deep: the budget holds. */
    Network__Peer *wide = peer(&arena, "root", 300);
    for (size_t i = 0; i < 300; i++) {
        wide->peers[i] = peer(&arena, arena_printf(&arena, "n%zu", i), 300);
        for (size_t k = 0; k < 300; k++)
            wide->peers[i]->peers[k] = peer(&arena, arena_printf(&arena, "n%zu-%zu", i, k), 0);
    }
    budget = NETWORK_GRAPH_NODES;
    assert_int_equal(count(network_graph_copy(wide, 9, &budget, NULL, &arena)), NETWORK_GRAPH_NODES);
    /* Nodes without an id, or with one that would break a path. */
    static const char *const bad[] = {"", "a,b", "a b", "a\n", NULL};
    for (int i = 0; bad[i]; i++) {
        budget = 10;
        assert_null(network_graph_copy(peer(&arena, bad[i], 0), 1, &budget, NULL, &arena));
    }
    Network__Peer none = NETWORK__PEER__INIT;
    budget = 10;
    assert_null(network_graph_copy(&none, 1, &budget, NULL, &arena));
    arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(vectors), cmocka_unit_test(bad_routes),
                                       cmocka_unit_test(graphs)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
