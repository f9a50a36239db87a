/* A PostgreSQL that goes away, or answers no more, at any place of what it says: a server of this test speaks the few
 * messages there are (PostgreSQL's documentation, "Frontend/Backend Protocol") and stops behind the n-th byte. Needs
 * libpq and no server; without libpq it is skipped and says so. */
#include "e2e/sql/test_stage.h"

#include "e2e/sql/sql.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FLOW "flow: test\nsteps:\n"
#define ON   ", postgres: '${database}'"

struct server {
    struct test_system *system;
    struct world_listener *listener;
    struct world_stream *stream;
    struct text in;
    bool begun;       /* the first message has no type */
    char state;       /* 'I' idle, 'T' in a transaction */
    size_t left;      /* bytes it still says */
    bool stalls;      /* then nothing; false: it closes */
    size_t said;      /* bytes, in all */
    size_t marks[64]; /* what it had said at the end of each message */
    size_t count;
    char database[160];
    const char *variables[2];
    bool committed;
};

static void stop(struct server *v)
{
    if (v->stream != NULL)
        world_stream_close(v->stream);
    v->stream = NULL;
}

static void say(struct server *v, char type, const void *body, size_t len)
{
    uint8_t message[128] = {(uint8_t)type, 0, 0, (uint8_t)((len + 4) >> 8), (uint8_t)(len + 4)};
    size_t whole = len + 5, now;
    assert_true(whole <= sizeof message);
    if (len > 0)
        memcpy(message + 5, body, len);
    now = whole < v->left ? whole : v->left;
    if (now > 0 && v->stream != NULL)
        (void)world_stream_write(v->stream, BYTES(message, now));
    v->left -= now;
    v->said += now;
    if (now == whole && v->count < sizeof v->marks / sizeof v->marks[0])
        v->marks[v->count++] = v->said;
}

static void say_ready(struct server *v)
{
    say(v, 'Z', &v->state, 1);
}

static void say_complete(struct server *v, const char *tag)
{
    say(v, 'C', tag, strlen(tag) + 1);
}

/* One column "a", an int4, and one row with 1 in it. */
static void answer_statement(struct server *v)
{
    static const uint8_t columns[] = {0, 1, 'a', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 23, 0, 4, 255, 255, 255, 255, 0, 0};
    static const uint8_t row[] = {0, 1, 0, 0, 0, 1, '1'};
    say(v, '1', NULL, 0);
    say(v, '2', NULL, 0);
    say(v, 'T', columns, sizeof columns);
    say(v, 'D', row, sizeof row);
    say_complete(v, "INSERT 0 1");
    say_ready(v);
}

static void answer_plain(struct server *v, const char *sql)
{
    if (strcmp(sql, "BEGIN") == 0) {
        v->state = 'T';
        say_complete(v, "BEGIN");
    } else if (strcmp(sql, "COMMIT") == 0) {
        v->state = 'I';
        v->committed = true;
        say_complete(v, "COMMIT");
    } else {
        say_complete(v, "SET");
        say_complete(v, "SET");
    }
    say_ready(v);
}

static void answer(struct server *v, char type, const char *body)
{
    static const uint8_t welcome[4] = {0};
    switch (type) {
    case '\0':
        say(v, 'R', welcome, sizeof welcome);
        say_ready(v);
        break;
    case 'Q':
        answer_plain(v, body);
        break;
    case 'S':
        answer_statement(v);
        break;
    default: /* Parse, Bind, Describe, Execute: answered with Sync; Terminate */
        break;
    }
}

static void on_bytes(void *arg, struct bytes data)
{
    struct server *v = arg;
    text_add(&v->in, data.data, data.len);
    for (;;) {
        size_t head = v->begun ? 1 : 0;
        const uint8_t *p = (const uint8_t *)v->in.data + head;
        if (v->in.len < head + 4)
            break;
        size_t len = (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
        if (v->in.len < head + len)
            break;
        char type = v->begun ? v->in.data[0] : '\0';
        v->begun = true;
        answer(v, type, (const char *)p + 4);
        text_consume(&v->in, head + len);
    }
    if (v->left == 0 && !v->stalls)
        stop(v);
}

static void on_end(void *arg, int error)
{
    (void)error;
    stop(arg);
}

static void on_accept(void *arg, struct world_stream *stream)
{
    static const struct world_stream_events events = {.readable = on_bytes, .ended = on_end};
    struct server *v = arg;
    stop(v);
    v->stream = stream;
    v->begun = false;
    v->state = 'I';
    text_clear(&v->in);
    world_stream_accept(stream, &events, v);
}

static int open_server(void **state)
{
    struct server *v = calloc(1, sizeof *v);
    void *system = NULL;
    if (v == NULL || test_system_setup_real(&system) != 0)
        return -1;
    v->system = system;
    v->system->options.step_timeout = (uint64_t)(600 * SECOND); /* no machine is too slow */
    if (world_listen(v->system->world, "127.0.0.1:0", on_accept, v, &v->listener, NULL) != 0)
        return -1;
    snprintf(v->database, sizeof v->database,
             "database=host=127.0.0.1 port=%d user=u dbname=d sslmode=disable gssencmode=disable",
             world_listener_port(v->listener));
    v->variables[0] = v->database;
    v->system->options.variables = v->variables;
    *state = v;
    return 0;
}

static int close_server(void **state)
{
    struct server *v = *state;
    void *system = v->system;
    stop(v);
    world_listener_close(v->listener);
    text_deinit(&v->in);
    free(v);
    return test_system_teardown(&system);
}

/* A run in which the server says so many bytes. */
static bool run_cut(struct server *v, const char *yaml, size_t bytes)
{
    v->left = bytes;
    v->said = v->count = 0;
    v->committed = false;
    bool passed = test_run(v->system, yaml);
    stop(v);
    return passed;
}

static const char *message(const struct server *v)
{
    const char *m = json_string_value(json_object_get(test_last(v->system, "case"), "message"));
    return m != NULL ? m : "";
}

static struct server *ready(void **state)
{
    struct error err = ERROR_INIT;
    if (late_find(&late_postgres, "PQconnectPoll", &err) == NULL) {
        print_message("skipped: libpq is not installed (Debian's package libpq5)\n");
        error_clear(&err);
        skip();
    }
    return *state;
}

static const char one[] = FLOW "  - {sql: INSERT INTO t VALUES (1) RETURNING a" ON ", expect: {rows: [{a: 1}]}}\n";
static const char many[] = FLOW "  - {sql: [INSERT INTO t VALUES (1), INSERT INTO t VALUES (2)]" ON "}\n";

#define COMMIT_ANSWER (5 + sizeof "COMMIT" + 6) /* bytes, with the one that says that it is ready */

/* What the message says of the statements: nothing while none was sent. `whole`: what an untouched run says. */
static void check_told(struct server *v, size_t n, size_t whole, bool is_many)
{
    const char *m = message(v);
    bool unknown = strstr(m, "is not known)") != NULL, nothing = strstr(m, "nothing of it happened)") != NULL;
    if (strstr(m, "step 1 ") == NULL || json_integer_value(json_object_get(test_last(v->system, "case"), "line")) != 3)
        fail_msg("%zu: %s", n, m);
    if (is_many && v->committed && !unknown)
        fail_msg("%zu, COMMIT was asked for: %s", n, m);
    if (is_many && n < whole - COMMIT_ANSWER && unknown)
        fail_msg("%zu, COMMIT was not asked for: %s", n, m);
    if (!is_many && nothing)
        fail_msg("%zu: %s", n, m);
}

static void walk(struct server *v, const char *yaml, bool is_many)
{
    size_t unknown = 0, nothing = 0;
    v->stalls = false;
    assert_true(run_cut(v, yaml, SIZE_MAX));
    size_t whole = v->said;
    assert_true(whole > 60);
    for (size_t n = 0; n < whole; n++) {
        assert_false(run_cut(v, yaml, n));
        check_told(v, n, whole, is_many);
        unknown += strstr(message(v), "is not known)") != NULL;
        nothing += strstr(message(v), "nothing of it happened)") != NULL;
    }
    assert_true(unknown > 0);
    assert_int_equal(nothing > 0, is_many);
    assert_true(run_cut(v, yaml, SIZE_MAX)); /* and it is well again */
}

static void cut(void **state)
{
    struct server *v = ready(state);
    walk(v, one, false);
    walk(v, many, true);
}

/* Behind each of its messages it says no more: the step's time ends it, wherever that is. */
static void silent(void **state)
{
    static const char yaml[] =
        FLOW "  - {sql: [INSERT INTO t VALUES (1), INSERT INTO t VALUES (2)]" ON ", timeout: 20ms}\n";
    struct server *v = ready(state);
    size_t marks[sizeof v->marks / sizeof v->marks[0]] = {0}, count, whole;
    v->stalls = false;
    assert_true(run_cut(v, many, SIZE_MAX));
    count = v->count;
    whole = v->said;
    memcpy(marks + 1, v->marks, (count - 1) * sizeof *marks); /* from none of them to all but the last */
    assert_true(count > 10);
    v->stalls = true;
    for (size_t i = 0; i < count; i++) {
        assert_false(run_cut(v, yaml, marks[i]));
        if (strstr(message(v), "the database did not answer within 20 ms") == NULL)
            fail_msg("%zu: %s", i, message(v));
        check_told(v, marks[i], whole, true);
    }
    v->stalls = false;
    assert_true(run_cut(v, many, SIZE_MAX));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(cut), cmocka_unit_test(silent)};
    return cmocka_run_group_tests(tests, open_server, close_server);
}
