/* What the status asks of others: each component's service for its health, and, when that has changed for good, one
 * alert and one event. */
#include "tests/contract/backend_kit.h"

#include "proto/alerting/alerting.pb-c.h"
#include "proto/debug/debug.pb-c.h"
#include "proto/status/status.pb-c.h"

#include <string.h>

static char name[] = "Notes", service[] = "debug", shop[] = "Shop", title[] = "Slow", text[] = "We look into it.";

static int setup(void **state)
{
    int rc = kit_setup(state, &backend_status, "status.Status");
    if (rc == 0)
        kit_returns(*state, DEBUG, "Health", "{\"status\":\"ok\"}");
    return rc;
}

/* Asked every 10 s; three bad answers are an outage. */
static int set_as(struct kit *k, enum kit_caller who, char *component, char *asked, Status__Health health)
{
    Status__SetComponentRequest r = STATUS__SET_COMPONENT_REQUEST__INIT;
    Status__Component c = STATUS__COMPONENT__INIT;
    c.name = component;
    c.service = asked;
    c.health = health;
    c.interval = 10;
    r.component = &c;
    kit_call(k, who, "SetComponent", &r.base, &status__set_component_response__descriptor);
    return kit_code(k);
}

static void watched(struct kit *k)
{
    assert_int_equal(set_as(k, ADMIN, name, service, STATUS__HEALTH__HEALTH_UNKNOWN), 0);
    kit_wait(k, 5);
}

static const Status__OverviewResponse *overview(struct kit *k)
{
    Status__OverviewRequest r = STATUS__OVERVIEW_REQUEST__INIT;
    return kit_there(kit_call(k, JANE, "Overview", &r.base, &status__overview_response__descriptor));
}

static const Status__Incident *incident(struct kit *k, bool open, size_t count)
{
    Status__ListIncidentsRequest r = STATUS__LIST_INCIDENTS_REQUEST__INIT;
    r.open = open;
    const Status__ListIncidentsResponse *l =
        kit_there(kit_call(k, JANE, "ListIncidents", &r.base, &status__list_incidents_response__descriptor));
    assert_int_equal(l->n_incidents, count);
    return count ? l->incidents[0] : NULL;
}

static int64_t raised(struct kit *k)
{
    return kit_count(k, ALERTING, "Raise");
}

static int64_t resolved(struct kit *k)
{
    return kit_count(k, ALERTING, "Resolve");
}

static int64_t events(struct kit *k)
{
    return kit_count(k, EVENTS, "Publish");
}

static void breaks(struct kit *k)
{
    kit_fails(k, DEBUG, "Health", 503);
}

static void heals(struct kit *k)
{
    kit_returns(k, DEBUG, "Health", "{\"status\":\"ok\"}");
}

static void one_outage_one_alert(void **state)
{
    struct kit *k = *state;
    watched(k);
    assert_int_equal(overview(k)->health, STATUS__HEALTH__HEALTH_OPERATIONAL);
    assert_non_null(strstr(kit_event(k, 0, "status", "status.changed"), "\"health\":1"));
    breaks(k);
    kit_wait(k, 600);
    const Status__OverviewResponse *o = overview(k);
    assert_int_equal(o->health, STATUS__HEALTH__HEALTH_MAJOR_OUTAGE);
    assert_int_equal(o->n_incidents, 1);
    assert_string_equal(o->incidents[0]->components[0]->key, name);
    assert_non_null(strstr(o->incidents[0]->posts[0]->text, "told so"));
    assert_int_equal(raised(k), 1);
    const Alerting__RaiseRequest *r = kit_asked(k, ALERTING, "Raise", 0, &alerting__raise_request__descriptor);
    assert_string_equal(r->key, "status/Notes");
    assert_int_equal(r->severity, ALERTING__SEVERITY__SEVERITY_CRITICAL);
    assert_int_equal(resolved(k), 0);
    assert_int_equal(events(k), 2);
    assert_non_null(strstr(kit_event(k, 1, "status", "status.changed"), o->incidents[0]->id));
    heals(k);
    kit_wait(k, 600);
    assert_int_equal(overview(k)->health, STATUS__HEALTH__HEALTH_OPERATIONAL);
    assert_int_equal(overview(k)->n_incidents, 0);
    const Status__Incident *i = incident(k, false, 1);
    assert_int_equal(i->phase, STATUS__PHASE__PHASE_RESOLVED);
    assert_int_equal(i->n_posts, 2);
    assert_true(i->resolved > i->opened);
    assert_int_equal(raised(k), 1);
    assert_int_equal(resolved(k), 1);
    assert_int_equal(events(k), 3);
}

static void it_is_asked_as_often_as_was_said(void **state)
{
    struct kit *k = *state;
    watched(k);
    int64_t asked = kit_count(k, DEBUG, "Health");
    kit_wait(k, 600);
    assert_in_range(kit_count(k, DEBUG, "Health") - asked, 58, 62);
    asked = kit_count(k, STORE, "Write");
    kit_wait(k, 600);
    assert_int_equal(kit_count(k, STORE, "Write"), asked); /* while nothing changes nothing is written */
}

static void an_accident_is_no_outage(void **state)
{
    struct kit *k = *state;
    watched(k);
    for (int i = 0; i < 5; i++) { /* two bad answers, a good one, and so on */
        breaks(k);
        kit_wait(k, 20);
        heals(k);
        kit_wait(k, 10);
    }
    assert_int_equal(overview(k)->health, STATUS__HEALTH__HEALTH_OPERATIONAL);
    assert_int_equal(raised(k), 0);
    assert_int_equal(events(k), 1);
    breaks(k);
    kit_wait(k, 60);
    for (int i = 0; i < 5; i++) { /* the same the other way round */
        heals(k);
        kit_wait(k, 20);
        breaks(k);
        kit_wait(k, 10);
    }
    assert_int_equal(overview(k)->health, STATUS__HEALTH__HEALTH_MAJOR_OUTAGE);
    assert_int_equal(raised(k), 1);
    assert_int_equal(resolved(k), 0);
    (void)incident(k, true, 1);
}

static void who_answers_that_it_is_unwell_is_out_in_part(void **state)
{
    struct kit *k = *state;
    watched(k);
    kit_returns(k, DEBUG, "Health", "{\"status\":\"store: not serving\"}");
    kit_wait(k, 60);
    const Status__OverviewResponse *o = overview(k);
    assert_int_equal(o->health, STATUS__HEALTH__HEALTH_PARTIAL_OUTAGE);
    assert_int_equal(o->n_incidents, 1);
    assert_non_null(strstr(o->incidents[0]->posts[0]->text, "store: not serving"));
    breaks(k); /* and now it is gone: the same outage */
    kit_wait(k, 60);
    assert_int_equal(overview(k)->health, STATUS__HEALTH__HEALTH_MAJOR_OUTAGE);
    (void)incident(k, false, 1);
    assert_int_equal(raised(k), 1);
    assert_int_equal(events(k), 3);
}

static void who_does_not_want_to_tell_works(void **state)
{
    struct kit *k = *state;
    watched(k);
    kit_fails(k, DEBUG, "Health", 501);
    kit_wait(k, 120);
    kit_fails(k, DEBUG, "Health", 403);
    kit_wait(k, 120);
    assert_int_equal(overview(k)->health, STATUS__HEALTH__HEALTH_OPERATIONAL);
    assert_int_equal(raised(k), 0);
}

/* Started afresh in the middle of an outage it counts afresh, and raises no second alert. */
static void a_new_process_raises_no_second_alert(void **state)
{
    struct kit *k = *state;
    watched(k);
    breaks(k);
    kit_wait(k, 60);
    assert_int_equal(raised(k), 1);
    for (int i = 0; i < 3; i++) {
        kit_restart(k);
        kit_wait(k, 120);
    }
    assert_int_equal(overview(k)->health, STATUS__HEALTH__HEALTH_MAJOR_OUTAGE);
    assert_int_equal(raised(k), 1);
    (void)incident(k, false, 1);
    heals(k);
    kit_restart(k);
    kit_wait(k, 120);
    assert_int_equal(raised(k), 1);
    assert_int_equal(resolved(k), 1);
    assert_int_equal(events(k), 3);
}

static void alerts_wait_for_the_alerting(void **state)
{
    struct kit *k = *state;
    watched(k);
    kit_fails(k, ALERTING, "Raise", 503);
    breaks(k);
    kit_wait(k, 60);
    assert_true(raised(k) > 1);
    assert_int_equal(events(k), 2); /* these did not wait */
    (void)incident(k, true, 1);
    kit_heals(k, ALERTING, "Raise");
    kit_wait(k, 20);
    int64_t tries = raised(k);
    kit_wait(k, 600);
    assert_int_equal(raised(k), tries);
}

/* An outage that is over before anybody could be told of it is told to nobody. */
static void what_is_over_raises_no_alert(void **state)
{
    struct kit *k = *state;
    watched(k);
    kit_fails(k, ALERTING, "Raise", 503);
    breaks(k);
    kit_wait(k, 60);
    heals(k);
    kit_wait(k, 60);
    kit_heals(k, ALERTING, "Raise");
    int64_t tries = raised(k);
    kit_wait(k, 600);
    assert_int_equal(raised(k), tries);
    assert_int_equal(resolved(k), 0);
    assert_int_equal(incident(k, false, 1)->phase, STATUS__PHASE__PHASE_RESOLVED);
}

/* Whichever of the store's writes fails, or is done and not heard of: each outage is one incident, raised and resolved
 * (the alerting takes both twice), and in the end nothing is left to do. */
static void whichever_write_fails(struct kit *k, bool lost)
{
    int64_t n = 0;
    watched(k);
    for (;; n++) {
        int64_t before = kit_count(k, STORE, "Write"), alerts = raised(k), ends = resolved(k);
        (lost ? kit_loses_after : kit_fails_after)(k, n);
        breaks(k);
        kit_wait(k, 120);
        assert_int_equal(overview(k)->health, STATUS__HEALTH__HEALTH_MAJOR_OUTAGE);
        heals(k);
        kit_wait(k, 120);
        assert_int_equal(overview(k)->health, STATUS__HEALTH__HEALTH_OPERATIONAL);
        (void)incident(k, true, 0);
        (void)incident(k, false, (size_t)n + 1);
        assert_in_range(raised(k) - alerts, 1, 2);
        assert_in_range(resolved(k) - ends, 1, 2);
        if (n >= kit_count(k, STORE, "Write") - before)
            break;
    }
    assert_int_equal(n, 6); /* out, incident, what is told of it; and the same of its end */
}

static void a_write_that_fails_hides_no_outage(void **state)
{
    whichever_write_fails(*state, false);
}

static void a_write_that_is_lost_hides_no_outage(void **state)
{
    whichever_write_fails(*state, true);
}

static void what_is_not_offered_any_more_ends_its_outage(void **state)
{
    struct kit *k = *state;
    Status__DeleteComponentRequest r = STATUS__DELETE_COMPONENT_REQUEST__INIT;
    watched(k);
    breaks(k);
    kit_wait(k, 60);
    r.name = name;
    kit_call(k, ADMIN, "DeleteComponent", &r.base, &status__delete_component_response__descriptor);
    assert_int_equal(kit_code(k), 0);
    assert_int_equal(overview(k)->n_components, 0);
    kit_wait(k, 60);
    assert_int_equal(resolved(k), 1);
    assert_int_equal(incident(k, false, 1)->phase, STATUS__PHASE__PHASE_RESOLVED);
    assert_false(kit_has_record(k, "status/component:Notes"));
    kit_call(k, ADMIN, "DeleteComponent", &r.base, &status__delete_component_response__descriptor);
    assert_int_equal(kit_code(k), 0);
    int64_t asked = kit_count(k, DEBUG, "Health");
    kit_wait(k, 60);
    assert_int_equal(kit_count(k, DEBUG, "Health"), asked);
}

static void people_tell_as_well(void **state)
{
    struct kit *k = *state;
    Status__OpenIncidentRequest r = STATUS__OPEN_INCIDENT_REQUEST__INIT;
    Status__OpenIncidentRequest__ComponentsEntry e = STATUS__OPEN_INCIDENT_REQUEST__COMPONENTS_ENTRY__INIT,
                                                 *entries[] = {&e};
    assert_int_equal(set_as(k, ADMIN, shop, (char[]){""}, STATUS__HEALTH__HEALTH_OPERATIONAL), 0);
    e.key = shop;
    e.value = STATUS__HEALTH__HEALTH_DEGRADED;
    r.title = title;
    r.text = text;
    r.components = entries;
    r.n_components = 1;
    const Status__OpenIncidentResponse *o =
        kit_there(kit_call(k, ADMIN, "OpenIncident", &r.base, &status__open_incident_response__descriptor));
    assert_int_equal(overview(k)->components[0]->health, STATUS__HEALTH__HEALTH_DEGRADED);
    assert_int_equal(overview(k)->health, STATUS__HEALTH__HEALTH_DEGRADED);
    Status__UpdateIncidentRequest u = STATUS__UPDATE_INCIDENT_REQUEST__INIT;
    u.id = o->incident->id;
    u.phase = STATUS__PHASE__PHASE_RESOLVED;
    u.text = text;
    kit_there(kit_call(k, ADMIN, "UpdateIncident", &u.base, &status__update_incident_response__descriptor));
    kit_call(k, ADMIN, "UpdateIncident", &u.base, &status__update_incident_response__descriptor);
    assert_int_equal(kit_code(k), 412);
    assert_int_equal(overview(k)->health, STATUS__HEALTH__HEALTH_OPERATIONAL);
    Status__ReadIncidentRequest read = STATUS__READ_INCIDENT_REQUEST__INIT;
    read.id = o->incident->id;
    const Status__ReadIncidentResponse *i =
        kit_there(kit_call(k, JANE, "ReadIncident", &read.base, &status__read_incident_response__descriptor));
    assert_int_equal(i->incident->n_posts, 2);
    assert_int_equal(raised(k), 0); /* who tells knows */
}

static void bad_requests_ask_nothing(void **state)
{
    struct kit *k = *state;
    assert_int_equal(set_as(k, JANE, name, service, STATUS__HEALTH__HEALTH_UNKNOWN), 403);
    assert_int_equal(set_as(k, NOBODY, name, service, STATUS__HEALTH__HEALTH_UNKNOWN), 401);
    assert_int_equal(set_as(k, ADMIN, (char[]){""}, service, STATUS__HEALTH__HEALTH_UNKNOWN), 400);
    assert_int_equal(set_as(k, ADMIN, name, (char[]){""}, STATUS__HEALTH__HEALTH_UNKNOWN), 400);
    assert_int_equal(set_as(k, ADMIN, name, service, (Status__Health)9), 400);
    Status__SetComponentRequest none = STATUS__SET_COMPONENT_REQUEST__INIT;
    kit_call(k, ADMIN, "SetComponent", &none.base, &status__set_component_response__descriptor);
    assert_int_equal(kit_code(k), 400);
    Status__ReadIncidentRequest read = STATUS__READ_INCIDENT_REQUEST__INIT;
    read.id = name;
    kit_call(k, ADMIN, "ReadIncident", &read.base, &status__read_incident_response__descriptor);
    assert_int_equal(kit_code(k), 404);
    assert_int_equal(kit_count(k, STORE, "Write"), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, kit_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(one_outage_one_alert),
        TEST(it_is_asked_as_often_as_was_said),
        TEST(an_accident_is_no_outage),
        TEST(who_answers_that_it_is_unwell_is_out_in_part),
        TEST(who_does_not_want_to_tell_works),
        TEST(a_new_process_raises_no_second_alert),
        TEST(alerts_wait_for_the_alerting),
        TEST(what_is_over_raises_no_alert),
        TEST(a_write_that_fails_hides_no_outage),
        TEST(a_write_that_is_lost_hides_no_outage),
        TEST(what_is_not_offered_any_more_ends_its_outage),
        TEST(people_tell_as_well),
        TEST(bad_requests_ask_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, kit_end);
}
