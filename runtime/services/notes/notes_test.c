/* Notes with a real store, in the simulated world; tests/contract holds the test against a double. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/units.h"
#include "runtime/service/service.h"
#include "runtime/service/test_calls.h"

#include <string.h>

struct fixture {
    struct sim_system system;
    struct arena arena;
    char *jane, *joe;
};

static void begin(struct fixture *f, uint64_t seed)
{
    static const char *const started[] = {"registry", "store", "notes", NULL};
    *f = (struct fixture){0};
    sim_system_init(&f->system, seed);
    sim_system_start_all(&f->system, started);
    f->jane = sim_system_token(&f->system, &f->arena, "jane", "user", "micro", NULL);
    f->joe = sim_system_token(&f->system, &f->arena, "joe", "user", "micro", NULL);
}

static void end(struct fixture *f)
{
    arena_deinit(&f->arena);
    sim_system_deinit(&f->system);
}

static char *create(struct fixture *f, const char *token, const char *json)
{
    struct sim_answer a = {0};
    sim_system_call(&f->system, "notes", "/notes.Notes/Create", token, json, &a);
    assert_int_equal(a.status, GRPC_OK);
    char *id = arena_string(&f->arena, sim_answer_text(&a, "note/id"));
    assert_int_equal(strlen(id), 36);
    assert_string_equal(sim_answer_text(&a, "note/created"), sim_answer_text(&a, "note/updated"));
    sim_answer_deinit(&a);
    return id;
}

#define JSON(...) arena_printf(&f.arena, __VA_ARGS__)

static void life_of_a_note(void **state)
{
    (void)state;
    struct fixture f;
    struct test_stream events;
    begin(&f, 1);
    struct sim_system *s = &f.system;
    test_stream_open(&events, s, "notes", "/notes.Notes/Events", f.jane, "{}");
    test_expect(s, "notes", "/notes.Notes/List", f.jane, "{}", GRPC_OK, NULL);
    char *id = create(&f, f.jane, "{\"title\":\"First \\\"quoted\\\"\",\"text\":\"line\\nline\"}");
    test_expect(s, "notes", "/notes.Notes/Read", f.jane, JSON("{\"id\":\"%s\"}", id), GRPC_OK, "First \\\"quoted\\\"");
    sim_run_for(s->sim, (uint64_t)(2 * SECOND));
    struct sim_answer a = {0};
    sim_system_call(s, "notes", "/notes.Notes/Update", f.jane,
                    JSON("{\"note\":{\"id\":\"%s\",\"title\":\"Second\"}}", id), &a);
    assert_int_equal(a.status, GRPC_OK);
    assert_string_equal(sim_answer_text(&a, "note/title"), "Second");
    assert_string_equal(sim_answer_text(&a, "note/text"), "");
    assert_true(strcmp(sim_answer_text(&a, "note/created"), sim_answer_text(&a, "note/updated")) < 0);
    sim_answer_deinit(&a);
    create(&f, f.jane, "{\"text\":\"another\"}");
    sim_system_call(s, "notes", "/notes.Notes/List", f.jane, "{}", &a);
    assert_int_equal(json_array_size(json_object_get(a.body, "notes")), 2);
    sim_answer_deinit(&a);
    test_expect(s, "notes", "/notes.Notes/Delete", f.jane, JSON("{\"id\":\"%s\"}", id), GRPC_OK, "Second");
    test_expect(s, "notes", "/notes.Notes/Delete", f.jane, JSON("{\"id\":\"%s\"}", id), GRPC_OK, NULL);
    test_expect(s, "notes", "/notes.Notes/Read", f.jane, JSON("{\"id\":\"%s\"}", id), GRPC_NOT_FOUND, "note not found");
    test_expect(s, "notes", "/notes.Notes/Update", f.jane, JSON("{\"note\":{\"id\":\"%s\"}}", id), GRPC_NOT_FOUND,
                NULL);
    test_stream_wait(&events, 4);
    const char *order[] = {"\"create\"", "\"update\"", "\"create\"", "\"delete\""}, *at = text_string(&events.lines);
    for (size_t i = 0; i < 4; i++) {
        at = strstr(at, order[i]);
        assert_non_null(at);
        at++;
    }
    assert_int_equal(events.messages, 4);
    sim_terminate(s->sim, "notes"); /* an open stream does not hold up the end */
    test_stream_wait(&events, 0);
    assert_int_equal(events.status, GRPC_OK);
    sim_run_for(s->sim, (uint64_t)(1 * SECOND));
    assert_false(sim_running(s->sim, "notes"));
    test_stream_close(&events);
    end(&f);
}

static void tenants(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, 2);
    struct sim_system *s = &f.system;
    const char *odd = sim_system_token(s, &f.arena, "jane:x", "user", "micro", NULL);
    char *hers = create(&f, f.jane, "{\"title\":\"hers\"}");
    create(&f, odd, "{\"title\":\"odd\"}");
    create(&f, NULL, "{\"title\":\"nobody's\"}");
    test_expect(s, "notes", "/notes.Notes/Read", f.joe, JSON("{\"id\":\"%s\"}", hers), GRPC_NOT_FOUND, NULL);
    test_expect(s, "notes", "/notes.Notes/Read", NULL, JSON("{\"id\":\"%s\"}", hers), GRPC_NOT_FOUND, NULL);
    test_expect(s, "notes", "/notes.Notes/Read", NULL, JSON("{\"id\":\"../jane:%s\"}", hers), GRPC_NOT_FOUND, NULL);
    const char *const tokens[] = {f.jane, odd, NULL}, *const titles[] = {"hers", "odd", "nobody's"};
    for (size_t i = 0; i < 3; i++) {
        struct sim_answer a = {0};
        sim_system_call(s, "notes", "/notes.Notes/List", tokens[i], "{}", &a);
        assert_int_equal(json_array_size(json_object_get(a.body, "notes")), 1);
        assert_string_equal(sim_answer_text(&a, "notes/0/title"), titles[i]);
        sim_answer_deinit(&a);
    }
    end(&f);
}

static void refusals(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, 3);
    struct sim_system *s = &f.system;
    test_expect(s, "notes", "/notes.Notes/Create", f.jane, "{}", GRPC_INVALID_ARGUMENT,
                "a title or a text is required");
    test_expect(s, "notes", "/notes.Notes/Read", f.jane, "{}", GRPC_INVALID_ARGUMENT, "an id is required");
    test_expect(s, "notes", "/notes.Notes/Update", f.jane, "{}", GRPC_INVALID_ARGUMENT, "a note is required");
    test_expect(s, "notes", "/notes.Notes/Update", f.jane, "{\"note\":{}}", GRPC_INVALID_ARGUMENT, "an id is required");
    test_expect(s, "notes", "/notes.Notes/Delete", f.jane, "{}", GRPC_INVALID_ARGUMENT, "an id is required");
    test_expect(s, "notes", "/notes.Notes/Nothing", f.jane, "{}", GRPC_UNIMPLEMENTED, NULL);
    /* something else under the key of a note */
    const char *admin = sim_system_token(s, &f.arena, "a", "user", "micro", "admin");
    test_expect(
        s, "store", "/store.Store/Write", admin,
        "{\"record\":{\"key\":\"micro/jane:bad\",\"value\":\"bm90IGpzb24=\"},\"options\":{\"table\":\"notes\"}}",
        GRPC_OK, NULL);
    test_expect(s, "notes", "/notes.Notes/Read", f.jane, "{\"id\":\"bad\"}", GRPC_INTERNAL, "not a note");
    test_expect(s, "notes", "/notes.Notes/List", f.jane, "{}", GRPC_OK, NULL);
    /* no store */
    sim_kill(s->sim, "store");
    test_expect(s, "notes", "/notes.Notes/List", f.jane, "{}", GRPC_UNAVAILABLE, "the store cannot be reached");
    end(&f);
}

int main(void)
{
    log_set_level(LOG_OFF);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(life_of_a_note),
        cmocka_unit_test(tenants),
        cmocka_unit_test(refusals),
    };
    int failed = cmocka_run_group_tests_name("notes", tests, NULL, NULL);
    micro_pool_free();
    return failed;
}
