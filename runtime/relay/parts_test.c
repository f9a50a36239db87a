/* The relay's parts that need no world: paths and wishes, breakers, the table of routes. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/failing.h"
#include "runtime/relay/routes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void paths(void **state)
{
    static const struct {
        const char *path, *service;
        int rc;
    } table[] = {
        {"/helloworld.Helloworld/Call", "helloworld", 0},
        {"/a.b.Foo/Bar", "a.b", 0},
        {"/a..Foo/Bar", "a.", 0},
        {"/Foo/Bar", NULL, ERROR_INVALID},
        {"/.Foo/Bar", NULL, ERROR_INVALID},
        {"/", NULL, ERROR_INVALID},
        {"", NULL, ERROR_INVALID},
        {"/a.b", NULL, ERROR_INVALID},
        {"//x.y", NULL, ERROR_INVALID},
        {"/a.Foo/b.c", "a", 0},
    };
    (void)state;
    char out[RELAY_NAME_MAX + 1];
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        assert_int_equal(relay_path_service(table[i].path, out, sizeof out), table[i].rc);
        if (table[i].service)
            assert_string_equal(out, table[i].service);
    }
    char path[RELAY_NAME_MAX + 16];
    snprintf(path, sizeof path, "/%0*d.T/M", RELAY_NAME_MAX, 0);
    assert_int_equal(relay_path_service(path, out, sizeof out), 0);
    assert_int_equal(strlen(out), RELAY_NAME_MAX);
    snprintf(path, sizeof path, "/%0*d.T/M", RELAY_NAME_MAX + 1, 0);
    assert_int_equal(relay_path_service(path, out, sizeof out), ERROR_LIMIT);
}

static struct grpc_header header(const char *name, const char *value)
{
    return (struct grpc_header){.name = bytes_of(name), .value = bytes_of(value)};
}

static void wishes(void **state)
{
    (void)state;
    struct grpc_header items[RELAY_LABELS_MAX + 8] = {header("micro-version", "v2"),   header("micro-router", ""),
                                                      header("micro-label-zone", "a"), header("micro-label-", "x"),
                                                      header("micro-gateway", "g"),    header("other", "y")};
    struct relay_target t = {0};
    assert_int_equal(relay_target_read(&t, (struct grpc_metadata){items, 6}), 0);
    assert_string_equal(t.version, "v2");
    assert_null(t.router);
    assert_string_equal(t.gateway, "g");
    assert_int_equal(t.label_count, 1);
    assert_string_equal(t.labels[0].key, "zone");
    for (size_t i = 0; i <= RELAY_LABELS_MAX; i++)
        items[i] = header("micro-label-k", "v");
    t = (struct relay_target){0};
    assert_int_equal(relay_target_read(&t, (struct grpc_metadata){items, RELAY_LABELS_MAX}), 0);
    t = (struct relay_target){0};
    assert_int_equal(relay_target_read(&t, (struct grpc_metadata){items, RELAY_LABELS_MAX + 1}), ERROR_LIMIT);
}

#define AT(ms) ((uint64_t)(ms) * (uint64_t)MILLISECOND + 1)

static void breaker_refused(void **state)
{
    (void)state;
    struct relay_breaker b = {0};
    uint64_t now = AT(20000);
    assert_true(relay_breaker_allows(&b, now));
    assert_false(relay_breaker_begin(&b));
    assert_true(relay_breaker_end(&b, RELAY_REFUSED, false, now));
    assert_int_equal(b.state, RELAY_OPEN);
    /* Each failed probe doubles the back-off, up to the most. */
    uint64_t expected = (uint64_t)RELAY_BACKOFF_FIRST;
    for (int i = 0; i < 10; i++) {
        assert_false(relay_breaker_allows(&b, now + expected - 1));
        now += expected;
        assert_true(relay_breaker_allows(&b, now));
        assert_true(relay_breaker_begin(&b));
        assert_int_equal(b.state, RELAY_HALF_OPEN);
        assert_false(relay_breaker_allows(&b, now)); /* one probe at a time */
        assert_true(relay_breaker_end(&b, RELAY_REFUSED, true, now));
        expected = expected * 2 < (uint64_t)RELAY_BACKOFF_MAX ? expected * 2 : (uint64_t)RELAY_BACKOFF_MAX;
    }
    assert_int_equal(b.openings, 11);
    now += expected;
    assert_true(relay_breaker_begin(&b));
    /* What a call begun earlier says counts for nothing. */
    assert_false(relay_breaker_end(&b, RELAY_ANSWERED, false, now));
    assert_int_equal(b.state, RELAY_HALF_OPEN);
    assert_true(relay_breaker_end(&b, RELAY_ANSWERED, true, now));
    assert_int_equal(b.state, RELAY_CLOSED);
    /* Soon after: the long back-off again. After a calm time: the short one. */
    assert_true(relay_breaker_end(&b, RELAY_REFUSED, false, now + 1));
    assert_int_equal(b.backoff, RELAY_BACKOFF_MAX);
    now = b.retry_at;
    assert_true(relay_breaker_begin(&b));
    assert_true(relay_breaker_end(&b, RELAY_ANSWERED, true, now));
    assert_true(relay_breaker_end(&b, RELAY_REFUSED, false, now + (uint64_t)RELAY_CALM));
    assert_int_equal(b.backoff, RELAY_BACKOFF_FIRST);
    /* A probe that says nothing: the next one may go at once. */
    now = b.retry_at;
    assert_true(relay_breaker_begin(&b));
    assert_true(relay_breaker_end(&b, RELAY_UNKNOWN, true, now));
    assert_true(relay_breaker_allows(&b, now));
}

static void breaker_lost(void **state)
{
    (void)state;
    struct relay_breaker b = {0};
    /* Many calls that go down with one connection count once. */
    for (int i = 0; i < 50; i++)
        assert_false(relay_breaker_end(&b, RELAY_LOST, false, AT(1000)));
    assert_false(relay_breaker_end(&b, RELAY_LOST, false, AT(2000)));
    assert_false(relay_breaker_end(&b, RELAY_ANSWERED, false, AT(2001))); /* begins anew */
    assert_false(relay_breaker_end(&b, RELAY_LOST, false, AT(3000)));
    assert_false(relay_breaker_end(&b, RELAY_LOST, false, AT(4000)));
    assert_false(relay_breaker_end(&b, RELAY_UNKNOWN, false, AT(4500)));
    assert_true(relay_breaker_end(&b, RELAY_LOST, false, AT(5000)));
    assert_int_equal(b.state, RELAY_OPEN);
}

static void breaker_ratio(void **state)
{
    (void)state;
    struct relay_breaker b = {0};
    for (int i = 0; i < RELAY_RATIO_CALLS - 1; i++)
        assert_false(relay_breaker_end(&b, i % 2 ? RELAY_ANSWERED : RELAY_UNAVAILABLE, false, AT(20000 + i)));
    assert_true(relay_breaker_end(&b, RELAY_UNAVAILABLE, false, AT(20100)));
    assert_int_equal(b.state, RELAY_OPEN);
    /* Less than half never opens it; what is older than the window is forgotten. */
    b = (struct relay_breaker){0};
    for (int i = 0; i < 300; i++)
        assert_false(relay_breaker_end(&b, i % 3 == 2 ? RELAY_UNAVAILABLE : RELAY_ANSWERED, false, AT(20000 + i)));
    b = (struct relay_breaker){0};
    for (int i = 0; i < 9; i++)
        assert_false(relay_breaker_end(&b, RELAY_UNAVAILABLE, false, AT(20000)));
    assert_false(relay_breaker_end(&b, RELAY_UNAVAILABLE, false, AT(30001)));
    assert_string_equal(relay_state_name(b.state), "closed");
}

/* ---- routes ----------------------------------------------------------------------------------------------------- */

struct table {
    struct relay_routes t;
    struct relay_owner a, b;
    int created, updated, deleted, released;
};

static void on_change(void *arg, enum relay_change what, const struct relay_route *route)
{
    struct table *x = arg;
    assert_non_null(route->owner);
    x->created += what == RELAY_CREATED;
    x->updated += what == RELAY_UPDATED;
    x->deleted += what == RELAY_DELETED;
}

static void on_release(void *arg, struct relay_route *route)
{
    (void)route;
    ((struct table *)arg)->released++;
}

static void set_up(struct table *x)
{
    *x = (struct table){0};
    relay_routes_init(&x->t);
    x->t.changed = on_change;
    x->t.released = on_release;
    x->t.changed_arg = x->t.released_arg = x;
    assert_int_equal(relay_owner_init(&x->a, RELAY_REGISTRY, "a"), 0);
    assert_int_equal(relay_owner_init(&x->b, RELAY_PEER, "b"), 0);
}

static void tear_down(struct table *x)
{
    relay_owner_deinit(&x->t, &x->a);
    relay_owner_deinit(&x->t, &x->b);
    assert_int_equal(x->t.count, 0);
    assert_int_equal(map_count(&x->t.groups), 0);
    assert_int_equal(map_count(&x->t.known), 0);
    relay_routes_deinit(&x->t);
}

static int put(struct table *x, struct relay_owner *o, const char *node, int64_t metric, const char *zone)
{
    const struct relay_label label = {"zone", zone};
    char address[64];
    snprintf(address, sizeof address, "%s:1", node);
    const struct relay_spec s = {.domain = "micro",
                                 .service = "s",
                                 .version = "v1",
                                 .node = node,
                                 .address = address,
                                 .metric = metric,
                                 .labels = &label,
                                 .label_count = zone ? 1 : 0};
    return relay_routes_put(&x->t, o, &s);
}

static const char *take(struct table *x, const char *zone)
{
    struct relay_target target = {.service = "s", .domain = "micro"};
    enum relay_none why;
    if (zone)
        target.labels[target.label_count++] = (struct relay_label){"zone", zone};
    struct relay_route *r = relay_routes_take(&x->t, &target, NULL, 0, AT(1), &why);
    if (!r)
        return why == RELAY_NO_SERVICE ? "no service" : why == RELAY_NO_MATCH ? "no match" : "none";
    const char *node = r->spec.node;
    relay_routes_give_back(&x->t, r);
    return node;
}

static void turns(void **state)
{
    (void)state;
    struct table x;
    set_up(&x);
    assert_string_equal(take(&x, NULL), "no service");
    assert_int_equal(put(&x, &x.a, "n1", 1, "east"), 0);
    assert_int_equal(put(&x, &x.a, "n2", 1, "west"), 0);
    assert_int_equal(put(&x, &x.a, "n3", 1, "east"), 0);
    assert_int_equal(put(&x, &x.b, "far", 2, NULL), 0);
    assert_string_equal(take(&x, "north"), "far"); /* a peer knows its labels itself */
    int counts[4] = {0};
    for (int i = 0; i < 300; i++)
        counts[take(&x, NULL)[1] - '0']++;
    assert_int_equal(counts[1], 100);
    assert_int_equal(counts[2], 100);
    assert_int_equal(counts[3], 100);
    /* Calls that ask for some of the nodes share those evenly, whatever others ask for. */
    memset(counts, 0, sizeof counts);
    for (int i = 0; i < 300; i++) {
        counts[take(&x, "east")[1] - '0']++;
        if (i % 3 == 0)
            (void)take(&x, "west");
    }
    assert_int_equal(counts[1], 150);
    assert_int_equal(counts[3], 150);
    /* The same told again changes nothing. */
    int created = x.created;
    assert_int_equal(put(&x, &x.a, "n1", 1, "east"), 0);
    assert_int_equal(x.created, created);
    assert_int_equal(x.updated, 0);
    assert_int_equal(put(&x, &x.a, "n1", 1, "south"), 0);
    assert_int_equal(x.updated, 1);
    assert_string_equal(take(&x, "south"), "n1");
    /* Told anew without n2: it is gone. */
    relay_owner_begin(&x.a);
    assert_int_equal(put(&x, &x.a, "n1", 1, "south"), 0);
    assert_int_equal(put(&x, &x.a, "n3", 5, NULL), 0);
    relay_owner_sweep(&x.t, &x.a);
    assert_int_equal(x.deleted, 1);
    for (int i = 0; i < 5; i++)
        assert_string_equal(take(&x, NULL), "n1");
    tear_down(&x);
    assert_int_equal(x.released, x.created + x.updated);
}

static void breakers_and_tries(void **state)
{
    (void)state;
    struct table x;
    set_up(&x);
    assert_int_equal(put(&x, &x.a, "n1", 1, NULL), 0);
    assert_int_equal(put(&x, &x.a, "n2", 1, NULL), 0);
    assert_int_equal(put(&x, &x.b, "far", 2, NULL), 0);
    const struct relay_target target = {.service = "s", .domain = "micro"};
    struct relay_route *tried[3];
    enum relay_none why;
    for (size_t i = 0; i < 3; i++) { /* each once, the cheap ones first */
        tried[i] = relay_routes_take(&x.t, &target, tried, i, AT(1), &why);
        assert_non_null(tried[i]);
        assert_int_equal(tried[i]->spec.metric, i < 2 ? 1 : 2);
    }
    assert_null(relay_routes_take(&x.t, &target, tried, 3, AT(1), &why));
    assert_int_equal(why, RELAY_ALL_TRIED);
    /* An open breaker is passed over, and comes back as one probe. */
    assert_true(relay_breaker_end(&tried[0]->breaker, RELAY_REFUSED, false, AT(1)));
    struct relay_route *r = relay_routes_take(&x.t, &target, NULL, 0, AT(2), &why);
    assert_ptr_equal(r, tried[1]);
    relay_routes_give_back(&x.t, r);
    assert_true(relay_breaker_end(&tried[1]->breaker, RELAY_REFUSED, false, AT(2)));
    assert_true(relay_breaker_end(&tried[2]->breaker, RELAY_REFUSED, false, AT(2)));
    assert_null(relay_routes_take(&x.t, &target, NULL, 0, AT(3), &why));
    assert_int_equal(why, RELAY_ALL_OPEN);
    /* Taken out under its calls, it stays as memory until they end. */
    relay_routes_remove(&x.t, tried[0]);
    assert_int_equal(x.released, 0);
    assert_string_equal(tried[0]->spec.node, "n2"); /* who came last goes first */
    relay_routes_give_back(&x.t, tried[0]);
    assert_int_equal(x.released, 1);
    /* The breaker stays with the address, the half-open one as open: its probe reports to what is gone. */
    assert_true(relay_breaker_begin(&tried[1]->breaker));
    assert_int_equal(put(&x, &x.a, "n1", 1, "new"), 0);
    relay_routes_give_back(&x.t, tried[1]);
    assert_null(relay_routes_take(&x.t, &target, NULL, 0, AT(3), &why));
    r = relay_routes_take(&x.t, &target, NULL, 0, AT(500), &why);
    assert_string_equal(r->spec.node, "n1");
    relay_routes_give_back(&x.t, r);
    relay_routes_give_back(&x.t, tried[2]);
    tear_down(&x);
}

static void limits(void **state)
{
    (void)state;
    struct table x;
    set_up(&x);
    char *word = malloc(RELAY_TEXT_MAX + 2);
    assert_non_null(word);
    memset(word, 'x', RELAY_TEXT_MAX + 1);
    word[RELAY_TEXT_MAX + 1] = '\0';
    struct relay_spec s = {.domain = "micro", .service = "s", .address = "a:1", .node = word};
    assert_int_equal(relay_routes_put(&x.t, &x.a, &s), ERROR_INVALID);
    word[RELAY_TEXT_MAX] = '\0';
    assert_int_equal(relay_routes_put(&x.t, &x.a, &s), 0);
    s = (struct relay_spec){.domain = "micro", .service = "", .address = "a:1"};
    assert_int_equal(relay_routes_put(&x.t, &x.a, &s), ERROR_INVALID);
    s = (struct relay_spec){.service = "s"};
    assert_int_equal(relay_routes_put(&x.t, &x.a, &s), ERROR_INVALID);
    free(word);
    for (unsigned i = 0; i < RELAY_ROUTES_MAX - 1; i++) {
        char node[16];
        snprintf(node, sizeof node, "%u", i);
        s = (struct relay_spec){.domain = "micro", .service = "many", .address = "a:1", .node = node, .metric = 1};
        assert_int_equal(relay_routes_put(&x.t, &x.b, &s), 0);
    }
    s = (struct relay_spec){.domain = "micro", .service = "one", .address = "a:1", .node = "more"};
    assert_int_equal(relay_routes_put(&x.t, &x.b, &s), ERROR_LIMIT);
    tear_down(&x);
}

static void memory(void **state)
{
    (void)state;
    for (size_t n = 1;; n++) {
        struct table x;
        set_up(&x);
        failing_arm(n);
        int rc[] = {put(&x, &x.a, "n1", 1, "east"), put(&x, &x.b, "n2", 1, NULL), put(&x, &x.a, "n1", 2, NULL)};
        bool hit = failing_hit();
        failing_disarm();
        bool failed = false;
        for (size_t i = 0; i < 3; i++) {
            assert_true(rc[i] == 0 || rc[i] == ERROR_MEMORY);
            failed = failed || rc[i] != 0;
        }
        assert_true(failed == hit);
        assert_true(x.t.count <= 2);
        tear_down(&x);
        if (!hit)
            break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths),
        cmocka_unit_test(wishes),
        cmocka_unit_test(breaker_refused),
        cmocka_unit_test(breaker_lost),
        cmocka_unit_test(breaker_ratio),
        cmocka_unit_test(turns),
        cmocka_unit_test(breakers_and_tries),
        cmocka_unit_test(limits),
        cmocka_unit_test(memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
