/* gRPC calls whose messages are steps. */
#include "e2e/test_system.h"

#include "base/units.h"

#include <string.h>

#define FLOW "flow: test\nsteps:\n"

static void fails(struct test_system *s, const char *yaml, const char *message)
{
    assert_false(test_run(s, yaml));
    const char *said = json_string_value(json_object_get(test_last(s, "case"), "message"));
    if (strstr(said, message) == NULL)
        fail_msg("expected: %s\nin:       %s", message, said);
}

#define OPEN "  - {stream: helloworld.Helloworld/PingPong, as: game}\n"

/* The next message depends on what came, and other steps are done between. */
static void in_turns(void **state)
{
    struct test_system *s = *state;
    test_passes(s, FLOW OPEN
                "  - {stream: game, send: {stroke: 1}, expect: {message: {stroke: 1}},"
                " capture: {first: $.message.stroke}}\n"
                "  - {call: helloworld.Helloworld/Call, request: {name: Ann}}\n"
                "  - {stream: game, send: [{stroke: 7}, {stroke: '${first}'}], count: 2,"
                " expect: {messages: [{stroke: 7}, {stroke: 1}]}}\n"
                "  - {stream: game, close: true, closed: true, expect: {messages: [], closed: {status: OK}}}\n");
}

static void two_at_once(void **state)
{
    struct test_system *s = *state;
    test_passes(s, FLOW OPEN "  - {stream: helloworld.Helloworld/PingPong, as: other}\n"
                             "  - {stream: game, send: {stroke: 1}}\n"
                             "  - {stream: other, send: {stroke: 2}, expect: {message: {stroke: 2}}}\n"
                             "  - {stream: game, expect: {message: {stroke: 1}}}\n"); /* both are open at its end */
}

/* Methods that take one message: a blank one when nothing is sent. */
static void of_a_server(void **state)
{
    struct test_system *s = *state;
    test_passes(s, FLOW
                "  - {stream: helloworld.Helloworld/Stream, send: {count: 3}, as: numbers}\n"
                "  - {stream: numbers, expect: {message: {count: 0}}}\n"
                "  - {stream: numbers, closed: true, expect: {messages: [{count: 1}, {count: 2}]}}\n"
                "  - {stream: helloworld.Helloworld/Stream, closed: true, expect: {count: 0}}\n"
                "  - {stream: helloworld.Helloworld/Call, send: {name: Ann}, expect: {message: {msg: Hello Ann}}}\n");
}

static void ends_badly(void **state)
{
    struct test_system *s = *state;
    uint64_t start = world_now(s->world);
    fails(s, FLOW "  - {name: r, stream: helloworld.Helloworld/Call, send: {name: nobody}, closed: true}\n",
          "step 1 r: expected OK, got NOT_FOUND: ");
    test_passes(s, FLOW "  - {stream: helloworld.Helloworld/Call, send: {name: nobody}, closed: true,"
                        " expect: {closed: {status: NOT_FOUND}}}\n");
    fails(s, FLOW "  - {name: r, stream: helloworld.Helloworld/Call, send: {name: nobody}, count: 1, timeout: 1h}\n",
          "step 1 r: 0 messages came within");
    fails(s, FLOW "  - {name: r, stream: helloworld.Helloworld/Call, send: {name: nobody}, count: 1, timeout: 1h}\n",
          "expected 1; the other side has ended with NOT_FOUND");
    fails(s,
          FLOW OPEN "  - {name: r, stream: game, send: [{stroke: 1}, {stroke: 2}], count: 2, timeout: 1h,"
                    " expect: {messages: [{stroke: 2}, {}]}}\n",
          "step 2 r: messages[0].stroke: expected 2, got");
    assert_true(world_now(s->world) - start < (uint64_t)(60 * SECOND)); /* nobody waited for an hour */
    fails(s, FLOW "  - {name: r, stream: helloworld.Helloworld/PingPong, count: 1, timeout: 2s}\n",
          "step 1 r: 0 messages came within ");
    fails(s, FLOW "  - {name: r, stream: helloworld.Helloworld/Call, send: {name: junk}, count: 1}\n",
          "what was answered is no helloworld.Response");
}

static void wrong(void **state)
{
    struct test_system *s = *state;
    fails(s, FLOW "  - {name: r, stream: helloworld.Helloworld/PingPing}\n", "did you mean");
    fails(s, FLOW "  - {name: r, stream: helloworld.Helloworld/PingPong, send: {strok: 1}}\n",
          "unknown key \"strok\"; did you mean \"stroke\"?");
    fails(s, FLOW "  - {name: r, stream: helloworld.Helloworld/PingPong, send: {stroke: [1]}}\n", "expected");
    fails(s, FLOW OPEN "  - {stream: game, close: true}\n  - {name: r, stream: game, send: {stroke: 1}}\n",
          "step 3 r: nothing can be sent: a step before has closed it");
    fails(s, FLOW OPEN "  - {name: r, stream: helloworld.Helloworld/PingPong, as: game}\n", "\"game\" is open already");
    fails(s, FLOW "  - {name: r, stream: GET /hello, send: a}\n",
          "\"send\" and \"close\" are for calls of gRPC methods");
    fails(s, FLOW "  - {name: r, stream: notes.Notes/List}\n", "no component of shop serves notes.Notes");
}

#define SIM(f)  cmocka_unit_test_setup_teardown(f, test_system_setup_sim, test_system_teardown)
#define REAL(f) cmocka_unit_test_setup_teardown(f, test_system_setup_real, test_system_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SIM(in_turns), SIM(two_at_once), SIM(of_a_server),  SIM(ends_badly),
        SIM(wrong),    REAL(in_turns),   REAL(of_a_server),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
