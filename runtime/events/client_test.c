/* Readers and publishers of a service, through restarts of the component. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/log.h"
#include "runtime/events/client.h"
#include "runtime/events/test_kit.h"

#include <stdio.h>
#include <string.h>

struct heard {
    struct text payloads;
    size_t count, stood, gaps, published, failed;
    struct events_reader *reader;
    const char *nack_once; /* payload */
    const char *ignore;    /* payload never acknowledged */
    bool acks, close;
};

static void on_event(void *arg, const Events__Event *e)
{
    struct heard *h = arg;
    text_add(&h->payloads, e->payload.data, e->payload.len);
    text_char(&h->payloads, ' ');
    h->count++;
    if (h->close) {
        events_reader_close(h->reader);
        return;
    }
    if (!h->acks ||
        (h->ignore && strlen(h->ignore) == e->payload.len && memcmp(h->ignore, e->payload.data, e->payload.len) == 0))
        return;
    bool bad = h->nack_once && strlen(h->nack_once) == e->payload.len &&
               memcmp(h->nack_once, e->payload.data, e->payload.len) == 0;
    if (bad)
        h->nack_once = NULL;
    events_reader_ack(h->reader, e->id, !bad);
}

static void on_subscribed(void *arg, bool gap)
{
    struct heard *h = arg;
    h->stood++;
    h->gaps += gap;
}

static void on_published(void *arg, int status, const char *message, const ProtobufCMessage *reply)
{
    struct heard *h = arg;
    (void)message;
    (void)reply;
    h->published += status == GRPC_OK;
    h->failed += status != GRPC_OK;
}

static void open_reader(struct micro_service *s, struct heard *h, const char *group, bool auto_ack)
{
    const struct events_read wanted = {.topic = "t",
                                       .group = group,
                                       .auto_ack = auto_ack,
                                       .retry_limit = -1,
                                       .event = on_event,
                                       .subscribed = on_subscribed,
                                       .arg = h};
    h->acks = !auto_ack;
    assert_int_equal(events_reader_open(s, &wanted, &h->reader, NULL), 0);
}

static void publish(struct kit *k, struct micro_service *s, struct heard *h, const char *payload)
{
    static const char *const metadata[] = {"kind", "test", NULL};
    assert_int_equal(events_publish(s, "t", metadata, bytes_of(payload), on_published, h), 0);
    sim_run_for(k->system.sim, (uint64_t)(200 * MILLISECOND));
}

static void through_restarts(void **state)
{
    (void)state;
    struct kit k;
    struct heard alone = {0}, manual = {0}, group = {0};
    kit_begin(&k, 1, NULL);
    struct micro_service *s = test_node_service(&k.system, &k.arena, k.token);
    open_reader(s, &alone, NULL, true);
    open_reader(s, &manual, "", false);
    open_reader(s, &group, "g", false);
    manual.nack_once = "2";
    manual.ignore = "3";
    sim_run_for(k.system.sim, (uint64_t)SECOND);
    publish(&k, s, &alone, "1");
    publish(&k, s, &alone, "2");
    publish(&k, s, &alone, "3");
    publish(&k, s, &alone, "4");
    assert_string_equal(text_string(&alone.payloads), "1 2 3 4 ");
    assert_string_equal(text_string(&manual.payloads), "1 2 2 3 4 ");
    for (int i = 0; i < 2; i++) {
        if (i == 0)
            assert_int_equal(sim_crash(k.system.sim, "events"), 0);
        else
            assert_int_equal(sim_terminate(k.system.sim, "events"), 0);
        sim_run_for(k.system.sim, (uint64_t)(5 * SECOND));
        assert_int_equal(events_publish(s, "t", NULL, bytes_of(i ? "6" : "5"), on_published, &alone), 0);
        test_node_start(&k.system, "events", NULL);
        kit_publish(&k, "t", i ? "later" : "late"); /* before the readers are back, perhaps */
        sim_run_for(k.system.sim, (uint64_t)(8 * SECOND));
    }
    assert_int_equal(alone.published, 6); /* publishing waits for the component to be back */
    assert_int_equal(alone.failed, 0);
    assert_int_equal(alone.stood, 3);
    assert_int_equal(alone.gaps, 0);
    assert_int_equal(alone.count, 8); /* each once, and in order */
    struct text order = TEXT_INIT;
    const Events__ReadResponse *r = kit_read(&k, "t", 0, 0);
    for (size_t i = 0; i < r->n_events; i++)
        text_printf(&order, "%s ", kit_payload(&k, r->events[i]));
    assert_string_equal(text_string(&alone.payloads), text_string(&order));
    /* what it had acknowledged does not come again, what it had not does: "3" in each life */
    assert_int_equal(manual.gaps, 0);
    const char *first = strstr(text_string(&manual.payloads), "3 ");
    assert_non_null(first);
    assert_non_null(strstr(first + 1, "3 "));
    assert_ptr_equal(strstr(text_string(&manual.payloads), "4 "), strrchr(text_string(&manual.payloads), '4'));
    assert_ptr_equal(strstr(text_string(&group.payloads), "1 "), text_string(&group.payloads));
    assert_int_equal(group.count, 8);
    assert_string_equal(text_string(&group.payloads), text_string(&order));
    manual.ignore = NULL;
    group.close = true;
    publish(&k, s, &alone, "x");
    publish(&k, s, &alone, "y");
    assert_int_equal(group.count, 9); /* closed by its own callback */
    events_reader_close(alone.reader);
    events_reader_close(manual.reader);
    sim_run_for(k.system.sim, (uint64_t)SECOND);
    text_deinit(&order);
    text_deinit(&alone.payloads);
    text_deinit(&manual.payloads);
    text_deinit(&group.payloads);
    micro_service_free(s);
    kit_end(&k);
}

/* A topic nobody had published to: what comes first after a restart is not missed. */
static void from_the_very_first(void **state)
{
    (void)state;
    struct kit k;
    struct heard h = {0};
    kit_begin(&k, 2, NULL);
    struct micro_service *s = test_node_service(&k.system, &k.arena, k.token);
    open_reader(s, &h, NULL, true);
    sim_run_for(k.system.sim, (uint64_t)SECOND);
    assert_int_equal(h.stood, 1);
    kit_restart(&k, NULL);
    kit_publish(&k, "t", "first");
    sim_run_for(k.system.sim, (uint64_t)(8 * SECOND));
    assert_string_equal(text_string(&h.payloads), "first ");
    assert_int_equal(h.gaps, 0);
    events_reader_close(h.reader);
    micro_service_free(s);
    text_deinit(&h.payloads);
    kit_end(&k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(through_restarts), cmocka_unit_test(from_the_very_first)};
    log_set_level(LOG_OFF);
    return cmocka_run_group_tests_name("events client", tests, NULL, NULL);
}
