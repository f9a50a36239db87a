/* The folder's records: written, read again, selected, judged; wrong ones told with their place. */
#include "base/test.h"

#include "base/failing_walk.h"
#include "fakes/broker/broker.h"
#include "world/sim.h"

#include <stdlib.h>
#include <string.h>

struct stage {
    struct sim *sim;
    struct world *world;
    struct pact_broker *broker;
    struct error err;
};

static int setup(void **state)
{
    struct stage *g = calloc(1, sizeof *g);
    *state = g;
    g->sim = sim_new(&(struct sim_options){.seed = 5});
    g->world = sim_node(g->sim, "broker");
    return pact_broker_open(g->world, "/broker/", &g->broker, &g->err);
}

static int teardown(void **state)
{
    struct stage *g = *state;
    pact_broker_close(g->broker);
    error_clear(&g->err);
    sim_free(g->sim);
    free(g);
    return 0;
}

static void reopen(struct stage *g)
{
    pact_broker_close(g->broker);
    g->broker = NULL;
    if (pact_broker_open(g->world, "/broker", &g->broker, &g->err) != 0)
        fail_msg("%s", g->err.message);
}

/* Later than what was before. */
static int publish(struct stage *g, const char *consumer, const char *version, const char *branch,
                   const char *description)
{
    struct pact *p;
    assert_int_equal(pact_new(consumer, "shop", &p), 0);
    assert_non_null(pact_add(p, PACT_HTTP, description));
    (void)world_sleep(g->world, 2000000000);
    int code = pact_broker_publish(g->broker, p, version, branch, NULL, 0, &g->err);
    pact_free(p);
    return code;
}

static void result(struct stage *g, const char *provider_version, const char *consumer, const char *version,
                   bool success)
{
    const char *pact = NULL;
    for (size_t i = 0; i < g->broker->records.count; i++) {
        const struct pact_broker_record *r = &g->broker->records.items[i];
        if (r->kind == BROKER_PUBLICATION && strcmp(r->component, consumer) == 0 && strcmp(r->version, version) == 0)
            pact = r->pact;
    }
    assert_non_null(pact);
    assert_int_equal(pact_broker_add_result(g->broker,
                                            &(struct pact_broker_record){.component = consumer,
                                                                         .provider = "shop",
                                                                         .version = provider_version,
                                                                         .pact = pact,
                                                                         .success = success,
                                                                         .passed = 2,
                                                                         .failed = !success},
                                            &g->err),
                     0);
}

static void selected(struct stage *g, const char *which, const char *expected)
{
    struct pact_broker_selector s;
    struct pact_broker_selection all;
    struct text text = TEXT_INIT;
    assert_int_equal(pact_broker_selector_parse(which, &s, &g->err), 0);
    assert_int_equal(pact_broker_select(g->broker, "shop", NULL, &s, 1, &all, &g->err), 0);
    for (size_t i = 0; i < all.items.count; i++)
        text_printf(&text, "%s%s %s%s%s", i > 0 ? ", " : "", all.items.items[i].consumer, all.items.items[i].version,
                    all.items.items[i].pending ? " pending" : "", all.items.items[i].wip ? " wip" : "");
    assert_string_equal(text_string(&text), expected);
    text_deinit(&text);
    pact_broker_selection_deinit(&all);
}

static void test_select(void **state)
{
    struct stage *g = *state;
    assert_int_equal(publish(g, "web", "1", "main", "a"), 0);
    assert_int_equal(publish(g, "web", "2", "feat/x y", "b"), 0);
    assert_int_equal(publish(g, "app", "9", "main", "c"), 0);
    result(g, "5", "web", "1", true);
    assert_int_equal(pact_broker_deploy(g->broker, "web", "1", "production", &g->err), 0);
    assert_int_equal(pact_broker_set_tag(g->broker, "app", "9", "v9", &g->err), 0);
    reopen(g);
    selected(g, "latest", "app 9 pending, web 2 pending");
    selected(g, "branch=main", "app 9 pending, web 1");
    selected(g, "branch=feat/x y", "web 2 pending");
    selected(g, "env=production", "web 1");
    selected(g, "tag=v9", "app 9 pending");
    selected(g, "wip", "app 9 pending wip, web 2 pending wip");
    struct pact_broker_selector s;
    assert_int_equal(pact_broker_selector_parse("newest", &s, &g->err), ERROR_INVALID);
    error_clear(&g->err);
    assert_int_equal(pact_broker_selector_parse("tag=", &s, &g->err), ERROR_INVALID);
}

static void answers(struct stage *g, const char *component, const char *version, enum pact_broker_answer answer,
                    size_t rows, const char *why)
{
    struct pact_broker_rows all;
    assert_int_equal(pact_broker_can_deploy(g->broker, component, version, "production", &all, &g->err), 0);
    if (all.answer != answer || all.items.count != rows)
        fail_msg("%s %s: %s, %zu rows", component, version, pact_broker_answer_name(all.answer), all.items.count);
    if (why != NULL)
        assert_non_null(strstr(all.items.items[0].why, why));
    pact_broker_rows_deinit(&all);
}

static void test_can_deploy(void **state)
{
    struct stage *g = *state;
    assert_int_equal(publish(g, "web", "1", "main", "a"), 0);
    answers(g, "web", "1", BROKER_UNKNOWN, 1, "no version of shop is deployed");
    answers(g, "web", "0", BROKER_NO, 1, "knows no version 0");
    assert_int_equal(pact_broker_deploy(g->broker, "shop", "5", "production", &g->err), 0);
    answers(g, "shop", "5", BROKER_YES, 0, NULL); /* nobody is there */
    answers(g, "web", "1", BROKER_UNKNOWN, 1, "never verified against 5");
    result(g, "5", "web", "1", false);
    answers(g, "web", "1", BROKER_NO, 1, "1 of 3");
    result(g, "5", "web", "1", true); /* a later result takes its place */
    answers(g, "web", "1", BROKER_YES, 1, "verified");
    assert_int_equal(pact_broker_deploy(g->broker, "web", "1", "production", &g->err), 0);
    assert_int_equal(pact_broker_set_branch(g->broker, "shop", "6", "main", &g->err), 0);
    answers(g, "shop", "6", BROKER_UNKNOWN, 1, "never verified against 6");
    /* The same pact under another version has the result already. */
    assert_int_equal(publish(g, "web", "2", "main", "a"), 0);
    reopen(g);
    answers(g, "web", "2", BROKER_YES, 1, "verified");
}

static void test_publish(void **state)
{
    struct stage *g = *state;
    struct pact *p;
    assert_int_equal(publish(g, "web", "1", NULL, "a"), 0);
    size_t count = g->broker->records.count;
    assert_int_equal(publish(g, "web", "1", NULL, "a"), 0); /* the same again is nothing */
    assert_int_equal(g->broker->records.count, count);
    assert_int_equal(publish(g, "web", "1", NULL, "b"), ERROR_EXISTS);
    const char *sha = g->broker->records.items[0].pact;
    assert_int_equal(pact_broker_read_pact(g->broker, sha, &p, &g->err), 0);
    assert_string_equal(p->consumer, "web");
    pact_free(p);
    /* What was changed by hand is not what was published. */
    char path[200];
    (void)snprintf(path, sizeof path, "/broker/pacts/%s.json", sha);
    error_clear(&g->err);
    assert_int_equal(world_write_file(g->world, path, bytes_of("{}"), false, NULL), 0);
    assert_int_equal(pact_broker_read_pact(g->broker, sha, &p, &g->err), ERROR_INVALID);
    assert_string_equal(g->err.file, path);
}

static void test_wrong_records(void **state)
{
    struct stage *g = *state;
    static const struct {
        const char *path, *text, *message;
        int line;
    } rows[] = {
        {"/broker/tags/web/v1/1.json", "{\n  \"component\": \"web\",\n  \"version\": \"1\",\n  \"tag\": 7\n}", "tag",
         0},
        {"/broker/tags/web/v1/1.json",
         "{\"component\": \"web\", \"tag\": \"v1\", \"since\": \"x\", \"version\": \"2\"}",
         "belongs to /broker/tags/web/v1/2.json", 1},
        {"/broker/tags/web/v1/1.json", "{\"component\": \"web\", \"tug\": \"v1\"}", "tag", 1},
        {"/broker/results/shop/5/x.json",
         "{\"consumer\": \"web\", \"provider\": \"shop\", \"version\": \"5\", \"pact\": \"x\", \"verified\": \"t\", "
         "\"success\": true}",
         "64 hexadecimal digits", 1},
        {"/broker/tags/web/v1/1.json", "{", "", 1},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct pact_broker *b = NULL;
        char folder[100];
        (void)snprintf(folder, sizeof folder, "%s", rows[i].path);
        *strrchr(folder, '/') = '\0';
        assert_int_equal(world_make_directory(g->world, folder), 0);
        assert_int_equal(world_write_file(g->world, rows[i].path, bytes_of(rows[i].text), false, NULL), 0);
        assert_int_not_equal(pact_broker_open(g->world, "/broker", &b, &g->err), 0);
        if (g->err.file == NULL || strcmp(g->err.file, rows[i].path) != 0 || g->err.line == 0 ||
            strstr(g->err.message, rows[i].message) == NULL)
            fail_msg("row %zu: %s", i, g->err.message);
        error_clear(&g->err);
        assert_int_equal(world_remove_tree(g->world, "/broker"), 0);
    }
}

static struct stage *walked;

static int walk_scenario(void)
{
    struct pact_broker *b = NULL;
    struct pact_broker_rows rows = {.answer = BROKER_NO};
    struct pact_broker_selection all = {.items = {0}};
    struct pact *p = NULL;
    const struct pact_broker_selector s = {.kind = BROKER_LATEST};
    int code = pact_broker_open(walked->world, "/walk", &b, NULL);
    if (code == 0)
        code = pact_new("web", "shop", &p);
    if (code == 0 && pact_add(p, PACT_HTTP, "x") == NULL)
        code = ERROR_MEMORY;
    if (code == 0)
        code = pact_broker_publish(b, p, "1", "main", NULL, 0, NULL);
    if (code == 0)
        code = pact_broker_select(b, "shop", NULL, &s, 1, &all, NULL);
    if (code == 0)
        code = pact_broker_can_deploy(b, "web", "1", "x", &rows, NULL);
    pact_broker_rows_deinit(&rows);
    pact_broker_selection_deinit(&all);
    pact_free(p);
    pact_broker_close(b);
    return code;
}

static void test_memory(void **state)
{
    walked = *state;
    size_t walk = failing_walk(walk_scenario, FAILING_MAY_BE_BORNE);
    assert_true(walk > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_select, setup, teardown),
        cmocka_unit_test_setup_teardown(test_can_deploy, setup, teardown),
        cmocka_unit_test_setup_teardown(test_publish, setup, teardown),
        cmocka_unit_test_setup_teardown(test_wrong_records, setup, teardown),
        cmocka_unit_test_setup_teardown(test_memory, setup, teardown),
    };
    return cmocka_run_group_tests_name("broker", tests, NULL, NULL);
}
