/* Events in the simulated world: order, groups, acknowledgements, redelivery, the past, and what is left after crashes
 * and broken disks. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/log.h"
#include "runtime/events/test_kit.h"

#include <stdio.h>
#include <string.h>

static void published_and_read(void **state)
{
    (void)state;
    struct kit k;
    kit_begin(&k, 1, NULL);
    kit_publish(&k, "orders", "1");
    kit_publish(&k, "orders/a", "2"); /* v3 reads by prefix */
    kit_publish(&k, "orders", "3");
    const char *last = k.last.id;
    const Events__ReadResponse *r = kit_read(&k, "orders", 0, 0);
    assert_int_equal(r->n_events, 2);
    assert_string_equal(kit_payload(&k, r->events[0]), "1");
    assert_string_equal(kit_payload(&k, r->events[1]), "3");
    assert_string_equal(r->events[0]->topic, "orders");
    assert_true(r->events[0]->timestamp > 0);
    assert_int_equal(strlen(r->events[0]->id), 36);
    assert_string_not_equal(r->events[0]->id, r->events[1]->id);
    assert_string_equal(r->events[1]->id, last);
    assert_int_equal(kit_read(&k, "orders", 1, 0)->n_events, 1);
    r = kit_read(&k, "orders", 0, 1);
    assert_int_equal(r->n_events, 1);
    assert_string_equal(kit_payload(&k, r->events[0]), "3");
    assert_int_equal(kit_read(&k, "orders", 0, 2)->n_events, 0);
    assert_int_equal(kit_read(&k, "orders", 0, UINT64_MAX)->n_events, 0);
    assert_int_equal(kit_read(&k, "nothing", 0, 0)->n_events, 0);
    /* metadata, time */
    Events__PublishRequest q = EVENTS__PUBLISH_REQUEST__INIT;
    Events__PublishRequest__MetadataEntry m = EVENTS__PUBLISH_REQUEST__METADATA_ENTRY__INIT, *list[] = {&m};
    q.topic = arena_string(&k.arena, "meta");
    m.key = arena_string(&k.arena, "k");
    m.value = arena_string(&k.arena, "v");
    q.metadata = list;
    q.n_metadata = 1;
    q.timestamp = 12345;
    kit_call(&k, "/events.Stream/Publish", &q.base);
    assert_int_equal(k.last.status, GRPC_OK);
    r = kit_read(&k, "meta", 0, 0);
    assert_int_equal(r->n_events, 1);
    assert_int_equal(r->events[0]->timestamp, 12345);
    assert_int_equal(r->events[0]->n_metadata, 1);
    assert_string_equal(r->events[0]->metadata[0]->value, "v");
    assert_int_equal(r->events[0]->payload.len, 0);
    for (int i = 0; i < 300; i++)
        kit_publish(&k, "many", "x");
    assert_int_equal(kit_read(&k, "many", 0, 0)->n_events, 250);
    assert_int_equal(kit_read(&k, "many", 1000, 0)->n_events, 300);
    kit_end(&k);
}

static void refusals(void **state)
{
    (void)state;
    struct kit k;
    kit_begin(&k, 2, NULL);
    struct sim_system *s = &k.system;
    static const char *const bad[][3] = {
        {"/events.Stream/Publish", "{}", "Missing topic"},
        {"/events.Store/Read", "{}", "Missing topic"},
        {"/events.Store/Write", "{}", "Missing topic"},
        {"/events.Store/Write", "{\"event\":{\"topic\":\"t\"},\"ttl\":-1}", "ttl"},
        {"/events.Stream/Consume", "{}", "Missing topic"},
        {"/events.Stream/Consume", "{\"topic\":\"t\",\"ack_wait\":-1}", "ack_wait"},
        {"/events.Stream/Consume", "{\"topic\":\"t\",\"retry_limit\":-2}", "retry_limit"},
        {"/events.Stream/Publish", "{\"topic\":\"a\\nb\"}", "control characters"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        test_expect(s, "events", bad[i][0], k.token, bad[i][1], GRPC_INVALID_ARGUMENT, bad[i][2]);
    test_expect(s, "events", "/events.Stream/Publish", NULL, "{\"topic\":\"t\"}", GRPC_UNAUTHENTICATED, NULL);
    test_expect(s, "events", "/events.Stream/Consume", NULL, "{\"topic\":\"t\"}", GRPC_UNAUTHENTICATED, NULL);
    kit_end(&k);
}

/* Each namespace has its own topics; only its admins, and those of micro, get at them. */
static void tenants_apart(void **state)
{
    (void)state;
    struct kit k;
    kit_begin(&k, 3, NULL);
    char *micro = k.token;
    char *user = sim_system_token(&k.system, &k.arena, "u", "user", "tenant", NULL);
    char *admin = sim_system_token(&k.system, &k.arena, "a", "user", "tenant", "admin");
    char *service = sim_system_token(&k.system, &k.arena, "s", "service", "tenant", "service");
    kit_publish(&k, "t", "of micro");
    k.token = admin;
    kit_publish(&k, "t", "of tenant");
    k.token = service;
    kit_publish(&k, "t", "of its service");
    const Events__ReadResponse *r = kit_read(&k, "t", 0, 0);
    assert_int_equal(r->n_events, 2);
    assert_string_equal(kit_payload(&k, r->events[0]), "of tenant");
    k.token = user;
    assert_int_equal(kit_try_publish(&k, "t", "x"), GRPC_UNAUTHENTICATED); /* as v3: 401, not 403 */
    static const char *const elsewhere[] = {"micro-namespace", "micro", NULL};
    static const char *const there[] = {"micro-namespace", "tenant", NULL};
    Events__ReadRequest q = EVENTS__READ_REQUEST__INIT;
    q.topic = arena_string(&k.arena, "t");
    test_call(&k.system, &k.arena, "events", "/events.Store/Read", service, elsewhere, &q.base, &k.last);
    assert_int_equal(k.last.status, GRPC_PERMISSION_DENIED);
    test_call(&k.system, &k.arena, "events", "/events.Store/Read", micro, there, &q.base, &k.last);
    assert_int_equal(k.last.status, GRPC_OK);
    assert_non_null(memmem(k.last.body.data, k.last.body.len, "of its service", 14));
    kit_end(&k);
}

static void written_but_not_published(void **state)
{
    (void)state;
    struct kit k;
    struct test_pipe p;
    kit_begin(&k, 4, NULL);
    kit_consume(&k, &p, NULL, "t", "", 0, true, 0, 0);
    Events__WriteRequest w = EVENTS__WRITE_REQUEST__INIT;
    Events__Event e = EVENTS__EVENT__INIT;
    e.topic = arena_string(&k.arena, "t");
    e.id = arena_string(&k.arena, "mine");
    e.payload.data = arena_copy(&k.arena, "w", 1);
    e.payload.len = 1;
    w.event = &e;
    w.ttl = 100;
    kit_call(&k, "/events.Store/Write", &w.base);
    assert_int_equal(k.last.status, GRPC_OK);
    assert_true(k.last.revision[0] != '\0');
    kit_publish(&k, "t", "p");
    test_pipe_wait(&p, 1);
    kit_expect(&k, &p, "p ");
    const Events__ReadResponse *r = kit_read(&k, "t", 0, 0);
    assert_int_equal(r->n_events, 2);
    assert_string_equal(r->events[0]->id, "mine");
    test_pipe_close(&p);
    kit_consume(&k, &p, NULL, "t", "", 1, true, 0, 0); /* nor from the past */
    test_pipe_wait(&p, 1);
    kit_expect(&k, &p, "p ");
    test_pipe_close(&p);
    sim_run_for(k.system.sim, (uint64_t)(110 * SECOND));
    assert_int_equal(kit_read(&k, "t", 0, 0)->n_events, 1);
    kit_restart(&k, NULL);
    assert_int_equal(kit_read(&k, "t", 0, 0)->n_events, 1);
    kit_end(&k);
}

static void from_now_and_from_then(void **state)
{
    (void)state;
    struct kit k;
    struct test_pipe now, all, recent;
    kit_begin(&k, 5, NULL);
    kit_publish(&k, "t", "1");
    kit_publish(&k, "t", "2");
    sim_run_for(k.system.sim, (uint64_t)(10 * SECOND));
    int64_t then = world_wall(k.system.client) / SECOND;
    kit_publish(&k, "t", "3");
    kit_consume(&k, &now, NULL, "t", "", 0, true, 0, 0);
    kit_consume(&k, &all, NULL, "t", "", 1, true, 0, 0);
    kit_consume(&k, &recent, NULL, "t", "", then, true, 0, 0);
    assert_true(now.stands);
    kit_publish(&k, "t", "4");
    kit_publish(&k, "t", "5");
    test_pipe_wait(&now, 2);
    test_pipe_wait(&all, 5);
    test_pipe_wait(&recent, 3);
    kit_expect(&k, &now, "4 5 ");
    kit_expect(&k, &all, "1 2 3 4 5 ");
    kit_expect(&k, &recent, "3 4 5 ");
    /* the id on the stream is the store's */
    const Events__ReadResponse *r = kit_read(&k, "t", 0, 0);
    assert_int_equal(r->n_events, 5);
    for (size_t i = 0; i < 5; i++)
        assert_string_equal(r->events[i]->id, kit_event(&all, i)->id);
    test_pipe_close(&now);
    test_pipe_close(&all);
    test_pipe_close(&recent);
    kit_end(&k);
}

/* A replay of much more than fits in memory, while more is published: no gap, nothing twice. */
static void no_seam(void **state)
{
    (void)state;
    struct kit k;
    struct test_pipe p;
    kit_begin(&k, 6, NULL);
    kit_publish_many(&k, "t", 0, 3000);
    kit_consume(&k, &p, NULL, "t", "", 1, true, 0, 0);
    kit_publish_many(&k, "t", 3000, 2000);
    test_pipe_wait(&p, 5000);
    sim_run_for(k.system.sim, (uint64_t)SECOND);
    assert_int_equal(p.messages.count, 5000);
    for (unsigned i = 0; i < 5000; i++)
        assert_int_equal(kit_number(&p, i), i);
    test_pipe_close(&p);
    kit_end(&k);
}

static void groups_share(void **state)
{
    (void)state;
    struct kit k;
    struct test_pipe a, b, other, alone;
    kit_begin(&k, 7, NULL);
    kit_consume(&k, &a, NULL, "t", "g", 0, true, 0, 0);
    kit_consume(&k, &b, NULL, "t", "g", 0, true, 0, 0);
    kit_consume(&k, &other, NULL, "t", "h", 0, true, 0, 0);
    kit_consume(&k, &alone, NULL, "t", "", 0, true, 0, 0);
    for (char c = '1'; c <= '6'; c++)
        kit_publish(&k, "t", (char[]){c, '\0'});
    test_pipe_wait(&alone, 6);
    test_pipe_wait(&other, 6);
    kit_expect(&k, &a, "1 3 5 ");
    kit_expect(&k, &b, "2 4 6 ");
    test_pipe_close(&a); /* the others take over, and nothing is lost while nobody is there */
    test_pipe_close(&b);
    sim_run_for(k.system.sim, (uint64_t)SECOND);
    kit_publish(&k, "t", "7");
    kit_consume(&k, &a, NULL, "t", "g", 0, true, 0, 0);
    kit_publish(&k, "t", "8");
    test_pipe_wait(&a, 2);
    kit_expect(&k, &a, "7 8 ");
    sim_run_for(k.system.sim, (uint64_t)SECOND);
    for (int i = 0; i < 2; i++) { /* the position is durable */
        kit_restart(&k, NULL);
        kit_publish(&k, "t", "9");
        struct test_pipe c;
        kit_consume(&k, &c, NULL, "t", "g", 1, true, 0, 0); /* the offset is for new groups */
        test_pipe_wait(&c, 1);
        sim_run_for(k.system.sim, (uint64_t)SECOND);
        kit_expect(&k, &c, "9 ");
        test_pipe_close(&c);
        sim_run_for(k.system.sim, (uint64_t)SECOND);
    }
    test_pipe_close(&a);
    test_pipe_close(&other);
    test_pipe_close(&alone);
    kit_end(&k);
}

static void acknowledgements(void **state)
{
    (void)state;
    struct kit k;
    struct test_pipe a, b;
    kit_begin(&k, 8, NULL);
    kit_consume(&k, &a, NULL, "t", "g", 0, false, (int64_t)(2 * SECOND), -1);
    kit_publish(&k, "t", "1");
    kit_publish(&k, "t", "2");
    kit_publish(&k, "t", "3");
    test_pipe_wait(&a, 3); /* at once, not after ack_wait */
    kit_ack(&a, 0, true);
    kit_ack(&a, 1, false); /* comes again at once */
    uint64_t before = sim_now(k.system.sim);
    test_pipe_wait(&a, 4);
    assert_true(sim_now(k.system.sim) - before < (uint64_t)(100 * MILLISECOND));
    kit_expect(&k, &a, "1 2 3 2 ");
    assert_string_equal(kit_event(&a, 3)->id, kit_event(&a, 1)->id);
    kit_ack(&a, 2, true);
    before = sim_now(k.system.sim);
    test_pipe_wait(&a, 5); /* nobody said anything: again after ack_wait */
    assert_true(sim_now(k.system.sim) - before > (uint64_t)(1500 * MILLISECOND));
    kit_expect(&k, &a, "1 2 3 2 2 ");
    kit_ack(&a, 4, true);
    kit_ack(&a, 4, true);
    kit_ack(&a, 0, false); /* done is done */
    sim_run_for(k.system.sim, (uint64_t)(10 * SECOND));
    assert_int_equal(a.messages.count, 5);
    /* a member dies: the other one gets its events */
    kit_consume(&k, &b, NULL, "t", "g", 0, false, (int64_t)(2 * SECOND), -1);
    for (char c = '4'; c <= '7'; c++)
        kit_publish(&k, "t", (char[]){c, '\0'});
    test_pipe_wait(&b, 2);
    for (size_t i = 0; i < b.messages.count; i++)
        kit_ack(&b, i, true);
    size_t had = b.messages.count;
    test_pipe_close(&a);
    test_pipe_wait(&b, had + 2);
    kit_ack(&b, had, true);
    kit_ack(&b, had + 1, true);
    sim_run_for(k.system.sim, (uint64_t)(10 * SECOND));
    assert_int_equal(b.messages.count, 4);
    test_pipe_close(&b);
    kit_end(&k);
}

/* retry_limit n means n + 1 deliveries; what fails them all is kept in the dead-letter topic. */
static void retries(void **state)
{
    (void)state;
    struct kit k;
    struct test_pipe p;
    kit_begin(&k, 9, NULL);
    kit_consume(&k, &p, NULL, "t", "g", 0, false, (int64_t)SECOND, 2);
    kit_publish(&k, "t", "bad");
    kit_publish(&k, "t", "good");
    test_pipe_wait(&p, 2);
    const char *id = kit_event(&p, 0)->id;
    kit_ack(&p, 1, true);
    kit_ack(&p, 0, false);
    test_pipe_wait(&p, 4);
    sim_run_for(k.system.sim, (uint64_t)(10 * SECOND));
    kit_expect(&k, &p, "bad good bad bad ");
    const Events__ReadResponse *r = kit_read(&k, "t.dead-letter", 0, 0);
    assert_int_equal(r->n_events, 1);
    assert_string_equal(kit_payload(&k, r->events[0]), "bad");
    assert_string_equal(kit_metadata(r->events[0], "Micro-Dead-Topic"), "t");
    assert_string_equal(kit_metadata(r->events[0], "Micro-Dead-Group"), "g");
    assert_string_equal(kit_metadata(r->events[0], "Micro-Dead-Id"), id);
    assert_string_equal(kit_metadata(r->events[0], "Micro-Dead-Deliveries"), "3");
    test_pipe_close(&p);
    /* 0: a single delivery; no group: nobody's dead letter */
    kit_consume(&k, &p, NULL, "u", "", 0, false, 0, 0);
    kit_publish(&k, "u", "once");
    test_pipe_wait(&p, 1);
    sim_run_for(k.system.sim, (uint64_t)(30 * SECOND));
    kit_expect(&k, &p, "once ");
    assert_int_equal(kit_read(&k, "u.dead-letter", 0, 0)->n_events, 0);
    test_pipe_close(&p);
    /* and the letters can be consumed like anything else, and are not buried twice */
    kit_consume(&k, &p, NULL, "t.dead-letter", "undertaker", 1, false, (int64_t)SECOND, 0);
    test_pipe_wait(&p, 1);
    sim_run_for(k.system.sim, (uint64_t)(10 * SECOND));
    kit_expect(&k, &p, "bad ");
    assert_int_equal(kit_read(&k, "t.dead-letter.dead-letter", 0, 0)->n_events, 0);
    test_pipe_close(&p);
    kit_end(&k);
}

/* What was acknowledged stays so over a restart, even out of order; what was not comes again. */
static void restarts(void **state)
{
    (void)state;
    struct kit k;
    struct test_pipe p;
    kit_begin(&k, 10, NULL);
    kit_consume(&k, &p, NULL, "t", "g", 0, false, 0, 0); /* 0: a restart is no fault of the consumer */
    for (char c = '1'; c <= '6'; c++)
        kit_publish(&k, "t", (char[]){c, '\0'});
    test_pipe_wait(&p, 6);
    kit_ack(&p, 0, true);
    kit_ack(&p, 2, true);
    kit_ack(&p, 5, true);
    sim_run_for(k.system.sim, (uint64_t)(100 * MILLISECOND));
    assert_int_equal(sim_crash(k.system.sim, "events"), 0);
    test_pipe_wait(&p, 0);
    test_pipe_close(&p);
    test_node_start(&k.system, "events", NULL);
    kit_consume(&k, &p, NULL, "t", "g", 0, false, 0, 0);
    kit_publish(&k, "t", "7");
    test_pipe_wait(&p, 4);
    kit_expect(&k, &p, "2 4 5 7 ");
    kit_ack(&p, 3, true);
    sim_run_for(k.system.sim, (uint64_t)(2 * MILLISECOND)); /* there, but not yet on disk: an orderly stop sees to it */
    assert_int_equal(sim_terminate(k.system.sim, "events"), 0);
    test_pipe_wait(&p, 0);
    assert_int_equal(p.status, GRPC_UNAVAILABLE);
    sim_run_for(k.system.sim, (uint64_t)(10 * SECOND));
    test_pipe_close(&p);
    test_node_start(&k.system, "events", NULL);
    kit_consume(&k, &p, NULL, "t", "g", 0, false, 0, 0);
    test_pipe_wait(&p, 3);
    kit_expect(&k, &p, "2 4 5 ");
    assert_int_equal(kit_read(&k, "t.dead-letter", 0, 0)->n_events, 0);
    test_pipe_close(&p);
    kit_end(&k);
}

/* A consumer that does not read costs no memory but its window, and gets everything once it does. */
static void slow_consumer(void **state)
{
    (void)state;
    struct kit k;
    struct test_pipe slow, quick;
    kit_begin(&k, 11, NULL);
    kit_consume(&k, &slow, "slow", "t", "", 0, true, 0, 0);
    kit_consume(&k, &quick, NULL, "t", "", 0, true, 0, 0);
    rpc_stream_pause(slow.stream);
    kit_publish_big(&k, "t", 400, (size_t)64 << 10);
    test_pipe_wait(&quick, 400);
    rpc_stream_resume(slow.stream);
    test_pipe_wait(&slow, 400);
    sim_run_for(k.system.sim, (uint64_t)SECOND);
    assert_int_equal(slow.messages.count, 400);
    for (unsigned i = 0; i < 400; i++)
        assert_int_equal(kit_number(&slow, i), i);
    test_pipe_close(&slow);
    test_pipe_close(&quick);
    kit_end(&k);
}

/* What never left goes to another member when a member is cut off, also with auto_ack. */
static void partitioned_consumer(void **state)
{
    (void)state;
    struct kit k;
    struct test_pipe stuck, well;
    bool seen[60] = {false};
    kit_begin(&k, 12, NULL);
    kit_consume(&k, &stuck, "stuck", "t", "g", 0, true, 0, 0);
    kit_consume(&k, &well, NULL, "t", "g", 0, true, 0, 0);
    sim_cut(k.system.sim, "stuck", "events", false);
    kit_publish_big(&k, "t", 60, (size_t)64 << 10);
    sim_run_for(k.system.sim, (uint64_t)SECOND);
    size_t before = well.messages.count;
    assert_true(before < 60);
    sim_heal_all(k.system.sim);
    assert_true(sim_reset_streams(k.system.sim, "stuck", "events") > 0);
    sim_run_for(k.system.sim, (uint64_t)(2 * SECOND));
    assert_true(well.messages.count > before);
    size_t got = 0;
    for (size_t i = 0; i < well.messages.count; i++) {
        assert_false(seen[kit_number(&well, i)]);
        seen[kit_number(&well, i)] = true;
        got++;
    }
    assert_true(got >= 52); /* less what was on the way */
    test_pipe_close(&stuck);
    test_pipe_close(&well);
    kit_end(&k);
}

static void retention(void **state)
{
    (void)state;
    static const char *const options[] = {"--retention", "1m", "--topic-bytes", "20KiB", NULL};
    struct kit k;
    struct test_pipe p;
    kit_begin(&k, 13, options);
    kit_consume(&k, &p, NULL, "t", "g", 0, false, 0, -1);
    kit_publish(&k, "t", "old");
    sim_run_for(k.system.sim, (uint64_t)(40 * SECOND));
    kit_publish(&k, "t", "new");
    assert_int_equal(kit_read(&k, "t", 0, 0)->n_events, 2);
    sim_run_for(k.system.sim, (uint64_t)(25 * SECOND));
    const Events__ReadResponse *r = kit_read(&k, "t", 0, 0);
    assert_int_equal(r->n_events, 1);
    assert_string_equal(kit_payload(&k, r->events[0]), "new");
    sim_run_for(k.system.sim, (uint64_t)(60 * SECOND));
    assert_int_equal(kit_read(&k, "t", 0, 0)->n_events, 0);
    size_t had = p.messages.count; /* what is gone is not delivered again */
    sim_run_for(k.system.sim, (uint64_t)(60 * SECOND));
    assert_int_equal(p.messages.count, had);
    kit_publish_big(&k, "t", 30, 1 << 10);
    sim_run_for(k.system.sim, (uint64_t)(5 * SECOND));
    r = kit_read(&k, "t", 0, 0);
    assert_true(r->n_events >= 18 && r->n_events <= 20);
    assert_string_equal(kit_payload(&k, r->events[r->n_events - 1]), "29");
    /* a restart knows what is gone */
    kit_restart(&k, options);
    assert_int_equal(kit_read(&k, "t", 0, 0)->n_events, r->n_events);
    kit_publish(&k, "t", "last");
    test_pipe_close(&p);
    kit_end(&k);
}

static void full_disk(void **state)
{
    (void)state;
    struct kit k;
    kit_begin(&k, 14, NULL);
    struct sim_disk_faults faults = {.space = 400 << 10};
    unsigned stored = 0, refused = 0;
    sim_disk(k.system.sim, "events", &faults);
    for (unsigned i = 0; i < 40; i++) {
        char *body = arena_alloc(&k.arena, 16 << 10);
        snprintf(body, 16 << 10, "%u", i);
        int status = kit_try_publish_bytes(&k, "t", body, 16 << 10);
        assert_true(status == GRPC_OK || status == GRPC_RESOURCE_EXHAUSTED);
        if (status == GRPC_OK)
            assert_int_equal(stored++, i); /* they fit until they do not */
        else
            refused++;
    }
    assert_true(stored > 5 && refused > 5);
    assert_non_null(strstr(k.last.text, "disk is full"));
    assert_int_equal(kit_read(&k, "t", 0, 0)->n_events, stored);
    test_expect(&k.system, "events", "/events.Debug/Health", NULL, "{}", GRPC_OK, NULL);
    faults.space = 0;
    sim_disk(k.system.sim, "events", &faults);
    sim_run_for(k.system.sim, (uint64_t)(3 * SECOND));
    kit_publish(&k, "t", "again");
    sim_crash(k.system.sim, "events");
    test_node_start(&k.system, "events", NULL);
    assert_int_equal(kit_read(&k, "t", 1000, 0)->n_events, stored + 1);
    kit_end(&k);
}

/* Every write, sync and create of a publish and an acknowledgement failing in turn: nothing acknowledged is lost, and
 * the component works again afterwards. */
static void every_disk_failure(void **state)
{
    (void)state;
    for (uint64_t nth = 1; nth < 60; nth++) {
        struct kit k;
        struct test_pipe p;
        kit_begin(&k, 100 + nth, NULL);
        kit_consume(&k, &p, NULL, "t", "g", 0, false, (int64_t)SECOND, -1);
        kit_publish(&k, "t", "a");
        struct sim_disk_faults faults = {.fail_nth = nth};
        sim_disk(k.system.sim, "events", &faults);
        unsigned acknowledged = 1;
        for (int i = 0; i < 4; i++)
            acknowledged += kit_try_publish(&k, "t", "b") == GRPC_OK;
        if (p.messages.count > 0)
            kit_ack(&p, 0, true);
        sim_run_for(k.system.sim, (uint64_t)(3 * SECOND));
        sim_disk(k.system.sim, "events", &(struct sim_disk_faults){0});
        acknowledged += kit_try_publish(&k, "t", "c") == GRPC_OK;
        sim_run_for(k.system.sim, (uint64_t)(3 * SECOND));
        assert_int_equal(kit_try_publish(&k, "t", "d"), GRPC_OK);
        acknowledged++;
        test_pipe_close(&p);
        sim_crash(k.system.sim, "events");
        test_node_start(&k.system, "events", NULL);
        const Events__ReadResponse *r = kit_read(&k, "t", 0, 0);
        assert_true(r->n_events >= acknowledged && r->n_events <= 7);
        kit_consume(&k, &p, NULL, "t", "g", 0, false, (int64_t)SECOND, -1);
        sim_run_for(k.system.sim, (uint64_t)(500 * MILLISECOND));
        assert_true(p.messages.count + 1 >= acknowledged); /* one was acknowledged by the consumer */
        test_pipe_close(&p);
        kit_end(&k);
    }
}

static void crash_points(void **state)
{
    (void)state;
    static const char *const points[] = {"events.write.before_commit", "events.write.after_commit",
                                         "events.consume.sent", "events.sweep.before_commit"};
    static const char *const options[] = {"--retention", "10s", NULL};
    for (size_t i = 0; i < sizeof points / sizeof points[0]; i++)
        for (uint64_t nth = 1; nth <= 3; nth++) {
            struct kit k;
            struct test_pipe p;
            struct text acknowledged = TEXT_INIT, got = TEXT_INIT;
            bool sweeping = i == 3;
            kit_begin(&k, 200 + i, sweeping ? options : NULL);
            kit_consume(&k, &p, NULL, "t", "g", 0, false, (int64_t)SECOND, -1);
            assert_int_equal(world_point_arm(sim_node(k.system.sim, "events"), points[i], POINT_CRASH, nth, false), 0);
            unsigned published = 0;
            for (int j = 0; j < 6 && sim_running(k.system.sim, "events"); j++) {
                char body[8];
                snprintf(body, sizeof body, "%d", j);
                published++;
                if (kit_try_publish(&k, "t", body) == GRPC_OK)
                    text_printf(&acknowledged, "%s ", body);
                if (p.messages.count > (size_t)j && p.stream)
                    kit_ack(&p, (size_t)j, true);
                sim_run_for(k.system.sim, (uint64_t)(sweeping ? 5 * SECOND : 20 * MILLISECOND));
            }
            if (sim_running(k.system.sim, "events"))
                fail_msg("%s was not hit %llu times", points[i], (unsigned long long)nth);
            test_pipe_close(&p);
            test_node_start(&k.system, "events", sweeping ? options : NULL);
            const Events__ReadResponse *r = kit_read(&k, "t", 0, 0);
            for (size_t j = 0; j < r->n_events; j++)
                text_printf(&got, "%s ", kit_payload(&k, r->events[j]));
            assert_true(r->n_events <= published);
            if (!sweeping)
                assert_ptr_equal(strstr(text_string(&got), text_string(&acknowledged)), text_string(&got));
            text_deinit(&acknowledged);
            text_deinit(&got);
            kit_end(&k);
        }
}

static void json_consumer(void **state)
{
    (void)state;
    struct kit k;
    struct test_stream t;
    kit_begin(&k, 15, NULL);
    test_stream_open(&t, &k.system, "events", "/events.Stream/Consume", k.token, "{\"topic\":\"t\",\"auto_ack\":true}");
    kit_publish(&k, "t", "hello");
    test_stream_wait(&t, 1);
    assert_non_null(strstr(text_string(&t.lines), "aGVsbG8="));
    test_stream_close(&t);
    /* the first message is a ConsumeRequest, the next ones are AckRequests, in JSON too */
    test_stream_open(&t, &k.system, "events", "/events.Stream/Consume", k.token, NULL);
    assert_int_equal(rpc_stream_send(t.stream, bytes_of("{\"topic\":\"t\",\"group\":\"g\",\"retry_limit\":-1,"
                                                        "\"ack_wait\":\"1000000000\"}")),
                     0);
    sim_run_for(k.system.sim, (uint64_t)(100 * MILLISECOND));
    kit_publish(&k, "t", "again");
    sim_run_for(k.system.sim, (uint64_t)(3500 * MILLISECOND));
    size_t deliveries = t.messages;
    assert_true(deliveries >= 3);
    assert_int_equal(
        rpc_stream_send(t.stream, bytes_of(arena_printf(&k.arena, "{\"id\":\"%s\",\"success\":true}", k.last.id))), 0);
    sim_run_for(k.system.sim, (uint64_t)(5 * SECOND));
    assert_int_equal(t.messages, deliveries);
    assert_int_equal(rpc_stream_send(t.stream, bytes_of("{\"topic\":\"t\"}")), 0); /* not an AckRequest */
    test_stream_wait(&t, 0);
    assert_int_equal(t.status, GRPC_INVALID_ARGUMENT);
    test_stream_close(&t);
    kit_end(&k);
}

static void bad_options(void **state)
{
    (void)state;
    test_bad_option("events", "--retention", "soon");
    test_bad_option("events", "--topic-bytes", "many");
    test_bad_option("events", "--dead-letters", "maybe");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_options),
        cmocka_unit_test(published_and_read),
        cmocka_unit_test(refusals),
        cmocka_unit_test(tenants_apart),
        cmocka_unit_test(written_but_not_published),
        cmocka_unit_test(from_now_and_from_then),
        cmocka_unit_test(no_seam),
        cmocka_unit_test(groups_share),
        cmocka_unit_test(acknowledgements),
        cmocka_unit_test(retries),
        cmocka_unit_test(restarts),
        cmocka_unit_test(slow_consumer),
        cmocka_unit_test(partitioned_consumer),
        cmocka_unit_test(retention),
        cmocka_unit_test(full_disk),
        cmocka_unit_test(every_disk_failure),
        cmocka_unit_test(crash_points),
        cmocka_unit_test(json_consumer),
    };
    log_set_level(LOG_OFF);
    return cmocka_run_group_tests_name("events", tests, NULL, NULL);
}
