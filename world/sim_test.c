/* The simulated world: determinism, links, crashes, pauses, child programs. */
#include "world/test_worlds.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- an echo server that keeps what it got, and a client that reconnects ------------------------------------------
 */

struct session {
    struct server *server;
    struct world_stream *stream;
    struct session *next, **link;
};

struct server {
    struct world *w;
    struct world_listener *listener;
    struct world_file *log;
    struct session *sessions;
};

static int servers_alive, clients_alive;

static void session_readable(void *arg, struct bytes data)
{
    struct session *s = arg;
    if (world_file_append(s->server->log, data.data, data.len) < 0 || world_file_sync(s->server->log) < 0)
        return;
    world_stream_write(s->stream, data);
}

static void session_free(struct session *s)
{
    *s->link = s->next;
    if (s->next)
        s->next->link = s->link;
    world_stream_close(s->stream);
    free(s);
}

static void session_ended(void *arg, int reason)
{
    (void)reason;
    session_free(arg);
}

static void server_accept(void *arg, struct world_stream *stream)
{
    static const struct world_stream_events events = {.readable = session_readable, .ended = session_ended};
    struct server *s = arg;
    struct session *session = calloc(1, sizeof(*session));
    assert_non_null(session);
    *session = (struct session){.server = s, .stream = stream, .next = s->sessions, .link = &s->sessions};
    if (session->next)
        session->next->link = &session->next;
    s->sessions = session;
    world_stream_accept(stream, &events, session);
}

static void stop_on_signal(void *arg, int number)
{
    (void)number;
    world_stop(arg);
}

static void server_stop(void *state)
{
    struct server *s = state;
    for (struct session *x = s->sessions, *next; x; x = next) {
        next = x->next;
        session_free(x);
    }
    world_listener_close(s->listener);
    world_file_close(s->log);
    free(s);
    servers_alive--;
}

static int server_start(struct world *w, int argc, const char *const *argv, void **state, struct error *err)
{
    struct server *s = calloc(1, sizeof(*s));
    assert_non_null(s);
    assert_true(argc == 0 || strcmp(argv[0], "server") == 0);
    s->w = w;
    servers_alive++;
    int code = world_file_open(w, "/log", WORLD_READ | WORLD_WRITE | WORLD_CREATE, &s->log, err);
    if (code == 0)
        code = world_listen(w, "0.0.0.0:7000", server_accept, s, &s->listener, err);
    if (code < 0) {
        server_stop(s);
        return code;
    }
    world_on_signal(w, stop_on_signal, w);
    *state = s;
    return 0;
}

struct client {
    struct world *w;
    struct world_stream *stream;
    struct world_timer timer;
    size_t sent, got;
    int last_end;
};

static struct client *the_client; /* of the latest start, for looking at */

static void client_connected(void *arg)
{
    (void)arg;
}

static void client_readable(void *arg, struct bytes data)
{
    ((struct client *)arg)->got += data.len;
}

static void client_ended(void *arg, int reason)
{
    struct client *c = arg;
    c->last_end = reason;
    world_stream_close(c->stream);
    c->stream = NULL;
}

static void client_turn(void *arg)
{
    static const struct world_stream_events events = {
        .connected = client_connected, .readable = client_readable, .ended = client_ended};
    struct client *c = arg;
    if (!c->stream)
        world_connect(c->w, "server:7000", &events, c, &c->stream, NULL);
    if (c->stream) {
        uint8_t noise[200];
        size_t len = 1 + random_below(world_random(c->w), sizeof(noise));
        if (world_entropy(c->w, noise, len) == 0 && world_stream_write(c->stream, BYTES(noise, len)) == 0)
            c->sent += len;
    }
    world_timer_start(&c->timer, random_below(world_random(c->w), 4 * MILLISECOND));
}

static int client_start(struct world *w, int argc, const char *const *argv, void **state, struct error *err)
{
    (void)argc;
    (void)argv;
    (void)err;
    struct client *c = calloc(1, sizeof(*c));
    assert_non_null(c);
    c->w = w;
    world_timer_init(&c->timer, w, client_turn, c);
    world_timer_start(&c->timer, 0);
    *state = the_client = c;
    clients_alive++;
    return 0;
}

static void client_stop(void *state)
{
    struct client *c = state;
    world_timer_stop(&c->timer);
    world_stream_close(c->stream);
    free(c);
    the_client = NULL;
    clients_alive--;
}

static const struct sim_program programs[] = {
    {.name = "server", .start = server_start, .stop = server_stop},
    {.name = "client", .start = client_start, .stop = client_stop},
};

static struct sim *pair_new(uint64_t seed)
{
    struct sim *s = sim_new(&(struct sim_options){.seed = seed, .steps_max = 5000000});
    assert_non_null(s);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(sim_register(s, &programs[i]), 0);
    return s;
}

static struct sim *pair_start(uint64_t seed)
{
    struct sim *s = pair_new(seed);
    assert_int_equal(sim_start(s, "server", "server", 0, NULL, NULL), 0);
    assert_int_equal(sim_start(s, "client", "client", 0, NULL, NULL), 0);
    return s;
}

static void pair_end(struct sim *s)
{
    sim_free(s);
    assert_int_equal(servers_alive, 0);
    assert_int_equal(clients_alive, 0);
}

/* ---- determinism ------------------------------------------------------------------------------------------------- */

static void keep_line(void *arg, const char *line, size_t len)
{
    text_add(arg, line, len);
    text_char(arg, '\n');
}

static void storm(uint64_t seed, struct text *trace)
{
    struct sim *s = pair_new(seed);
    struct random r;
    random_seed(&r, seed * 7919);
    sim_trace(s, keep_line, trace);
    assert_int_equal(sim_start(s, "client", "client", 0, NULL, NULL), 0);
    for (int i = 0; i < 60; i++) {
        if (!sim_running(s, "server") && random_below(&r, 2) == 0)
            sim_start(s, "server", "server", 0, NULL, NULL);
        if (!sim_running(s, "client"))
            assert_int_equal(sim_start(s, "client", "client", 0, NULL, NULL), 0);
        switch (random_below(&r, 10)) {
        case 0:
            sim_crash(s, "server");
            break;
        case 1:
            sim_kill(s, "client");
            break;
        case 2:
            sim_cut(s, "client", random_below(&r, 2) ? "server" : NULL, random_below(&r, 2) != 0);
            break;
        case 3:
            sim_heal_all(s);
            break;
        case 4:
            sim_reset_streams(s, "client", "server");
            break;
        case 5:
            sim_pause(s, "server");
            break;
        case 6:
            sim_resume(s, "server");
            break;
        case 7:
            sim_latency(s, NULL, "server", MILLISECOND, 5 * MILLISECOND);
            break;
        case 8:
            sim_terminate(s, "server");
            break;
        default:
            sim_disk(s, "server", &(struct sim_disk_faults){.sync_error = 100000, .write_error = 50000});
            break;
        }
        assert_int_equal(sim_run_for(s, random_below(&r, 50) * MILLISECOND), 0);
    }
    pair_end(s);
    assert_true(text_ok(trace));
}

static void test_determinism(void **state)
{
    (void)state;
    size_t different = 0;
    struct text first = TEXT_INIT, again = TEXT_INIT, other = TEXT_INIT;
    for (uint64_t seed = 1; seed <= 25; seed++) {
        text_clear(&first);
        text_clear(&again);
        storm(seed, &first);
        storm(seed, &again);
        assert_true(first.len > 10000);
        assert_int_equal(first.len, again.len);
        assert_memory_equal(first.data, again.data, first.len);
        different += bytes_equal(text_bytes(&first), text_bytes(&other)) ? 0 : 1;
        text_clear(&other);
        text_add(&other, first.data, first.len);
    }
    assert_int_equal(different, 25);
    text_deinit(&first);
    text_deinit(&again);
    text_deinit(&other);
}

static void test_trace_form(void **state)
{
    (void)state;
    struct text trace = TEXT_INIT;
    struct sim *s = pair_start(1);
    sim_trace(s, keep_line, &trace);
    assert_int_equal(sim_run_for(s, 5 * MILLISECOND), 0);
    assert_true(sim_events(s) > 5);
    assert_int_equal(sim_now(s), 5 * MILLISECOND);
    assert_non_null(strstr(trace.data, " server net accept from client:"));
    assert_non_null(strstr(trace.data, " server net deliver "));
    assert_non_null(strstr(trace.data, " client net connected to server:7000\n"));
    assert_memory_equal(trace.data, "0.000000 client timer\n", 22);
    pair_end(s);
    text_deinit(&trace);
}

/* ---- links ------------------------------------------------------------------------------------------------------- */

static void test_partition(void **state)
{
    (void)state;
    struct sim *s = pair_start(3);
    assert_int_equal(sim_run_for(s, 100 * MILLISECOND), 0);
    size_t got = the_client->got;
    assert_true(got > 0);
    sim_cut(s, "client", "server", false);
    assert_int_equal(sim_run_for(s, 100 * MILLISECOND), 0);
    assert_int_equal(the_client->got, got); /* what was in the air stalls too */
    assert_non_null(the_client->stream);
    sim_heal(s, "client", "server");
    assert_int_equal(sim_run_for(s, 2 * SECOND), 0);
    assert_true(the_client->got > got);
    assert_true(the_client->sent - the_client->got < UINT64_C(200) * 20); /* nothing was lost on the way */
    assert_int_equal(the_client->last_end, 0);
    pair_end(s);
}

static void test_one_way_cut(void **state)
{
    (void)state;
    struct sim *s = pair_start(4);
    struct world_stat before, after;
    assert_int_equal(sim_run_for(s, 50 * MILLISECOND), 0);
    sim_cut(s, "server", "client", true);
    size_t got = the_client->got;
    world_stat(sim_node(s, "server"), "/log", &before);
    assert_int_equal(sim_run_for(s, 50 * MILLISECOND), 0);
    world_stat(sim_node(s, "server"), "/log", &after);
    assert_true(after.size > before.size); /* the way there is open */
    assert_int_equal(the_client->got, got);
    sim_heal_all(s);
    assert_int_equal(sim_run_for(s, 50 * MILLISECOND), 0);
    assert_true(the_client->got > got);
    pair_end(s);
}

static void test_connect_over_cut(void **state)
{
    (void)state;
    struct sim *s = pair_new(5);
    sim_cut(s, "client", NULL, false); /* also holds for nodes made later */
    assert_int_equal(sim_start(s, "client", "client", 0, NULL, NULL), 0);
    assert_int_equal(sim_start(s, "server", "server", 0, NULL, NULL), 0);
    assert_int_equal(sim_run_for(s, 19 * SECOND), 0);
    assert_int_equal(the_client->last_end, 0);
    assert_int_equal(sim_run_for(s, 2 * SECOND), 0);
    assert_int_equal(the_client->last_end, ERROR_TIMEOUT);
    assert_int_equal(the_client->got, 0);
    sim_heal(s, "client", NULL);
    assert_int_equal(sim_run_for(s, 10 * SECOND), 0); /* the attempt under way succeeds at its next retry */
    assert_true(the_client->got > 0);
    pair_end(s);
}

static void test_refused_and_unknown(void **state)
{
    (void)state;
    struct sim *s = pair_new(6);
    assert_int_equal(sim_start(s, "client", "client", 0, NULL, NULL), 0);
    assert_int_equal(sim_run_for(s, 10 * MILLISECOND), 0);
    assert_int_equal(the_client->last_end, ERROR_NOT_FOUND); /* no node of that name */
    assert_non_null(sim_node(s, "server"));
    assert_int_equal(sim_run_for(s, 10 * MILLISECOND), 0);
    assert_int_equal(the_client->last_end, ERROR_REFUSED); /* a node, but nobody listens */
    pair_end(s);
}

static void test_latency(void **state)
{
    (void)state;
    struct sim *s = pair_start(7);
    sim_latency(s, "client", "server", 80 * MILLISECOND, 80 * MILLISECOND);
    assert_int_equal(sim_run_for(s, 239 * MILLISECOND), 0);
    assert_int_equal(the_client->got, 0);
    /* Three ways after the handshake's two: the first bytes cannot be back before 4 * 80 ms. */
    assert_int_equal(sim_run_for(s, 81 * MILLISECOND - 1), 0);
    assert_int_equal(the_client->got, 0);
    assert_int_equal(sim_run_for(s, 50 * MILLISECOND), 0);
    assert_true(the_client->got > 0);
    pair_end(s);
}

static void test_reset(void **state)
{
    (void)state;
    struct sim *s = pair_start(8);
    assert_int_equal(sim_run_for(s, 50 * MILLISECOND), 0);
    assert_int_equal(sim_reset_streams(s, "server", "nobody"), 0);
    assert_int_equal(sim_reset_streams(s, "server", "client"), 1);
    assert_int_equal(sim_reset_streams(s, "server", "client"), 0);
    assert_int_equal(sim_run_for(s, 1 * MILLISECOND), 0);
    assert_int_equal(the_client->last_end, ERROR_RESET);
    assert_int_equal(sim_run_for(s, 50 * MILLISECOND), 0);
    assert_int_equal(sim_reset_streams(s, NULL, NULL), 1); /* it reconnected */
    pair_end(s);
}

/* ---- nodes ------------------------------------------------------------------------------------------------------- */

static void test_crash_and_restart(void **state)
{
    (void)state;
    struct sim *s = pair_start(9);
    assert_int_equal(sim_run_for(s, 50 * MILLISECOND), 0);
    assert_int_equal(sim_start(s, "server", "server", 0, NULL, NULL), ERROR_IN_USE);
    struct world_stat synced, kept;
    world_stat(sim_node(s, "server"), "/log", &synced);
    assert_int_equal(sim_crash(s, "server"), 0);
    assert_int_equal(servers_alive, 0);
    assert_false(sim_running(s, "server"));
    world_stat(sim_node(s, "server"), "/log", &kept);
    assert_int_equal(kept.size, synced.size); /* each write was synced before the callback ended */
    assert_int_equal(sim_run_for(s, 10 * MILLISECOND), 0);
    assert_true(the_client->last_end == ERROR_RESET || the_client->last_end == ERROR_REFUSED);
    size_t got = the_client->got;
    assert_int_equal(sim_start(s, "server", "server", 1, (const char *const[]){"server"}, NULL), 0);
    assert_int_equal(sim_run_for(s, 50 * MILLISECOND), 0);
    assert_true(the_client->got > got);
    assert_int_equal(sim_crash(s, "nobody"), ERROR_NOT_FOUND);
    assert_int_equal(sim_kill(s, "nobody"), ERROR_NOT_FOUND);
    pair_end(s);
}

static void test_point_crash(void **state)
{
    (void)state;
    struct sim *s = pair_start(10);
    struct world *w = sim_node(s, "server");
    assert_int_equal(world_point_arm(w, "here", POINT_CRASH, 1, false), 0);
    uint64_t seed = world_seed(w);
    assert_int_equal(world_point(w, "here"), ERROR_CLOSED); /* outside of its code: torn down at once */
    assert_false(sim_running(s, "server"));
    assert_int_equal(servers_alive, 0);
    assert_true(world_seed(w) != seed); /* a new process has a seed of its own */
    assert_int_equal(world_point_hits(w, "here"), 1);
    pair_end(s);
}

/* A node that dies inside its own callback: from there on everything fails, and nothing else of it runs. */
struct suicide {
    struct world *w;
    struct world_timer first, second;
    struct world_task task;
    bool second_fired, task_ran;
    int open_code, write_code, listen_code, timer_code;
    struct world_file *file;
};
static struct suicide suicide;
static int suicide_stops;

static void suicide_second(void *arg)
{
    ((struct suicide *)arg)->second_fired = true;
}

static void suicide_task(void *arg)
{
    ((struct suicide *)arg)->task_ran = true;
}

static void no_accept(void *arg, struct world_stream *s)
{
    (void)arg;
    (void)s;
    fail();
}

static void suicide_first(void *arg)
{
    struct suicide *x = arg;
    struct world_file *f;
    struct world_listener *l;
    struct world_stat stat;
    world_task_post(&x->task);
    assert_int_equal(world_point(x->w, "die"), ERROR_CLOSED);
    x->open_code = world_file_open(x->w, "/x", WORLD_READ, &f, NULL);
    x->write_code = (int)world_file_pwrite(x->file, "more", 4, 0);
    x->listen_code = world_listen(x->w, "0.0.0.0:1", no_accept, NULL, &l, NULL);
    x->timer_code = world_timer_start(&x->first, 1);
    assert_int_equal(world_stat(x->w, "/x", &stat), ERROR_CLOSED);
    assert_int_equal(world_entropy(x->w, &stat, sizeof(stat)), ERROR_CLOSED);
    assert_int_equal(suicide_stops, 0); /* not while its code is on the stack */
}

static int suicide_start(struct world *w, int argc, const char *const *argv, void **state, struct error *err)
{
    (void)argc;
    (void)argv;
    suicide = (struct suicide){.w = w};
    world_timer_init(&suicide.first, w, suicide_first, &suicide);
    world_timer_init(&suicide.second, w, suicide_second, &suicide);
    world_task_init(&suicide.task, w, suicide_task, &suicide);
    world_timer_start(&suicide.first, MILLISECOND);
    world_timer_start(&suicide.second, MILLISECOND);
    *state = &suicide;
    return world_file_open(w, "/x", WORLD_READ | WORLD_WRITE | WORLD_CREATE, &suicide.file, err);
}

static void suicide_stop(void *state)
{
    (void)state; /* leaves everything open: the simulation frees it */
    suicide_stops++;
}

static void test_dead_world(void **state)
{
    (void)state;
    static const struct sim_program program = {.name = "suicide", .start = suicide_start, .stop = suicide_stop};
    struct sim *s = sim_new(&(struct sim_options){.seed = 11});
    suicide_stops = 0;
    assert_int_equal(sim_register(s, &program), 0);
    assert_int_equal(world_point_arm(sim_node(s, "n"), "die", POINT_CRASH, 1, false), 0);
    assert_int_equal(sim_start(s, "n", "suicide", 0, NULL, NULL), 0);
    assert_int_equal(sim_run_for(s, SECOND), 0);
    assert_int_equal(suicide_stops, 1);
    assert_int_equal(suicide.open_code, ERROR_CLOSED);
    assert_int_equal(suicide.write_code, ERROR_CLOSED);
    assert_int_equal(suicide.listen_code, ERROR_CLOSED);
    assert_int_equal(suicide.timer_code, ERROR_CLOSED);
    assert_false(suicide.second_fired);
    assert_false(suicide.task_ran);
    sim_free(s);
}

static void test_pause(void **state)
{
    (void)state;
    struct sim *s = pair_start(12);
    assert_int_equal(sim_run_for(s, 50 * MILLISECOND), 0);
    assert_int_equal(sim_pause(s, "server"), 0);
    struct world_stat before, after;
    world_stat(sim_node(s, "server"), "/log", &before);
    assert_int_equal(sim_run_for(s, 200 * MILLISECOND), 0);
    world_stat(sim_node(s, "server"), "/log", &after);
    assert_int_equal(after.size, before.size);
    size_t got = the_client->got;
    assert_true(the_client->last_end == 0); /* silence, no error */
    assert_int_equal(sim_resume(s, "server"), 0);
    assert_int_equal(sim_run_for(s, 50 * MILLISECOND), 0);
    assert_true(the_client->got > got);
    assert_int_equal(sim_pause(s, "client"), 0);
    size_t sent = the_client->sent;
    assert_int_equal(sim_run_for(s, SECOND), 0);
    assert_int_equal(the_client->sent, sent);
    assert_int_equal(sim_resume(s, "client"), 0);
    assert_int_equal(sim_run_for(s, 10 * MILLISECOND), 0);
    assert_true(the_client->sent > sent);
    pair_end(s);
}

static void test_terminate_and_clock(void **state)
{
    (void)state;
    struct sim *s = pair_start(13);
    assert_int_equal(sim_run_for(s, 10 * MILLISECOND), 0);
    assert_int_equal(sim_terminate(s, "server"), 0);
    assert_int_equal(sim_run_for(s, MILLISECOND), 0);
    assert_false(sim_running(s, "server")); /* its handler stopped it */
    assert_int_equal(sim_terminate(s, "server"), ERROR_NOT_FOUND);
    assert_int_equal(sim_terminate(s, "client"), 0);
    assert_int_equal(sim_run_for(s, MILLISECOND), 0);
    assert_false(sim_running(s, "client")); /* no handler: the signal's default */
    int64_t wall = world_wall(sim_node(s, "client"));
    uint64_t now = world_now(sim_node(s, "client"));
    sim_clock_jump(s, "client", -HOUR);
    assert_int_equal(world_wall(sim_node(s, "client")), wall - HOUR);
    assert_int_equal(world_wall(sim_node(s, "server")), wall);
    assert_int_equal(world_now(sim_node(s, "client")), now);
    assert_true(world_is_simulated(sim_node(s, "client")));
    assert_ptr_equal(sim_of(sim_node(s, "client")), s);
    assert_string_equal(sim_node_name(sim_node(s, "client")), "client");
    pair_end(s);
}

static void test_steps_max(void **state)
{
    (void)state;
    struct sim *s = sim_new(&(struct sim_options){.seed = 1, .steps_max = 100});
    assert_int_equal(sim_register(s, &programs[1]), 0);
    assert_int_equal(sim_start(s, "client", "client", 0, NULL, NULL), 0);
    assert_int_equal(sim_run_for(s, HOUR), ERROR_LIMIT);
    assert_int_equal(sim_events(s), 100);
    pair_end(s);
}

/* ---- child programs ---------------------------------------------------------------------------------------------- */

struct child {
    size_t exits;
    struct world_exit how;
};

static void child_exited(void *arg, struct world_exit how)
{
    struct child *c = arg;
    c->exits++;
    c->how = how;
}

static const struct world_process_events child_events = {.exited = child_exited};

static struct world_process *spawn(struct world *w, struct child *c, const char *node, const char *program)
{
    struct world_process *p;
    struct error err = ERROR_INIT;
    struct world_spawn how = {.name = node, .argv = (const char *const[]){program, NULL}};
    if (world_process_spawn(w, &how, &child_events, c, &p, &err) < 0)
        fail_msg("%s", err.message);
    return p;
}

/* What a program sees of its environment: what it was given, and what its parent had unless it was kept clean. */
static char seen_environment[128];

static int looker_start(struct world *w, int argc, const char *const *argv, void **state, struct error *err)
{
    const char *a = world_environment(w, "A"), *b = world_environment(w, "B");
    size_t len = strlen(seen_environment);
    snprintf(seen_environment + len, sizeof(seen_environment) - len, "%s%s;", a ? a : "-", b ? b : "-");
    *state = NULL;
    if (argc > 1) { /* a parent: the same again below, inheriting and clean */
        static struct child below;
        static const char *const argv_below[] = {"looker", NULL};
        const char *const given[] = {"B=3", NULL};
        struct world_process *p;
        struct world_spawn how = {.name = "below", .argv = argv_below, .environment = given};
        assert_int_equal(world_process_spawn(w, &how, &child_events, &below, &p, err), 0);
        how =
            (struct world_spawn){.name = "clean", .argv = argv_below, .environment = given, .clean_environment = true};
        assert_int_equal(world_process_spawn(w, &how, &child_events, &below, &p, err), 0);
    }
    (void)argv;
    return 0;
}

static void looker_stop(void *state)
{
    (void)state;
}

static void test_environment(void **state)
{
    static const struct sim_program looker = {.name = "looker", .start = looker_start, .stop = looker_stop};
    (void)state;
    struct sim *s = pair_new(15);
    struct world *w = sim_node(s, "test");
    struct child c = {0};
    struct world_process *p;
    assert_int_equal(sim_register(s, &looker), 0);
    assert_null(world_environment(w, "A"));
    const char *const environment[] = {"AB=0", "A=1", "B=2", NULL};
    const struct world_spawn how = {
        .name = "one", .argv = (const char *const[]){"looker", "parent", NULL}, .environment = environment};
    seen_environment[0] = '\0';
    assert_int_equal(world_process_spawn(w, &how, &child_events, &c, &p, NULL), 0);
    assert_int_equal(world_sleep(w, 20 * MILLISECOND), 0);
    const char *rest = seen_environment + 3;
    assert_memory_equal(seen_environment, "12;", 3);
    assert_true(strcmp(rest, "13;-3;") == 0 || strcmp(rest, "-3;13;") == 0);
    world_process_close(p);
    sim_free(s);
}

static void test_children(void **state)
{
    (void)state;
    struct sim *s = pair_new(14);
    struct world *w = sim_node(s, "test");
    struct child a = {0}, b = {0}, c = {0}, d = {0};
    struct world_process *p = spawn(w, &a, "one", "server");
    assert_false(sim_running(s, "one")); /* starting takes time */
    assert_true(world_process_running(p));
    assert_int_equal(world_sleep(w, 10 * MILLISECOND), 0);
    assert_true(sim_running(s, "one"));
    uint64_t resident, cpu;
    assert_int_equal(world_process_usage(p, &resident, &cpu), ERROR_UNSUPPORTED);
    assert_int_equal(world_process_signal(p, 0), 0);
    assert_int_equal(world_process_signal(p, SIGTERM), 0);
    wait_count(w, &a.exits, 1);
    assert_true(!a.how.signalled && a.how.code == 0);
    assert_false(world_process_running(p));
    assert_int_equal(world_process_signal(p, SIGKILL), ERROR_NOT_FOUND);
    world_process_close(p);

    p = spawn(w, &b, "one", "server");
    assert_int_equal(world_sleep(w, 10 * MILLISECOND), 0);
    assert_int_equal(world_process_signal(p, SIGSTOP), 0);
    assert_int_equal(world_process_signal(p, SIGCONT), 0);
    assert_int_equal(world_process_signal(p, SIGKILL), 0);
    wait_count(w, &b.exits, 1);
    assert_true(b.how.signalled && b.how.code == SIGKILL);
    world_process_close(p);

    p = spawn(w, &c, "one", "server");
    assert_int_equal(world_sleep(w, 10 * MILLISECOND), 0);
    assert_int_equal(sim_crash(s, "one"), 0);
    wait_count(w, &c.exits, 1);
    assert_true(c.how.signalled);
    world_process_close(p);

    /* Killed before it began; closed while it runs; a second program on a busy node. */
    p = spawn(w, &d, "two", "client");
    assert_int_equal(world_process_signal(p, SIGKILL), 0);
    wait_count(w, &d.exits, 1);
    world_process_close(p);
    p = spawn(w, &d, "two", "client");
    assert_int_equal(world_sleep(w, 10 * MILLISECOND), 0);
    struct world_process *q;
    struct error err = ERROR_INIT;
    struct world_spawn how = {.name = "two", .argv = (const char *const[]){"client", NULL}};
    assert_int_equal(world_process_spawn(w, &how, &child_events, &d, &q, &err), ERROR_IN_USE);
    error_clear(&err);
    how.argv = (const char *const[]){"nothing", NULL};
    assert_int_equal(world_process_spawn(w, &how, &child_events, &d, &q, &err), ERROR_NOT_FOUND);
    error_clear(&err);
    world_process_close(p);
    assert_false(sim_running(s, "two"));
    assert_int_equal(world_sleep(w, 10 * MILLISECOND), 0);
    assert_int_equal(d.exits, 1);
    pair_end(s);
}

/* A program whose children die with it. */
static struct world_process *parents_child;
static struct child parents_news;

static int parent_start(struct world *w, int argc, const char *const *argv, void **state, struct error *err)
{
    (void)argc;
    (void)argv;
    *state = NULL;
    struct world_spawn how = {.name = "child", .argv = (const char *const[]){"server", NULL}};
    return world_process_spawn(w, &how, &child_events, &parents_news, &parents_child, err);
}

static void parent_stop(void *state)
{
    (void)state;
    world_process_close(parents_child);
}

static void test_children_die_with_parent(void **state)
{
    (void)state;
    static const struct sim_program parent = {.name = "parent", .start = parent_start, .stop = parent_stop};
    struct sim *s = pair_new(15);
    assert_int_equal(sim_register(s, &parent), 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(sim_start(s, "parent", "parent", 0, NULL, NULL), 0);
        assert_int_equal(sim_run_for(s, 10 * MILLISECOND), 0);
        assert_true(sim_running(s, "child"));
        assert_int_equal(i == 0 ? sim_crash(s, "parent") : sim_kill(s, "parent"), 0);
        assert_false(sim_running(s, "child"));
    }
    assert_int_equal(parents_news.exits, 0);
    pair_end(s);
}

static int failing_start(struct world *w, int argc, const char *const *argv, void **state, struct error *err)
{
    (void)argc;
    (void)argv;
    (void)state;
    struct world_listener *l;
    int code = world_listen(w, "0.0.0.0:1", no_accept, NULL, &l, err); /* left open */
    assert_int_equal(code, 0);
    return error_set(err, ERROR_INVALID, "no, thanks");
}

static void failing_stop(void *state)
{
    (void)state;
    fail();
}

static void test_failing_start(void **state)
{
    (void)state;
    static const struct sim_program failing = {.name = "failing", .start = failing_start, .stop = failing_stop};
    struct sim *s = pair_new(16);
    struct error err = ERROR_INIT;
    struct child c = {0};
    assert_int_equal(sim_register(s, &failing), 0);
    assert_int_equal(sim_start(s, "n", "failing", 0, NULL, &err), ERROR_INVALID);
    assert_string_equal(err.message, "no, thanks");
    assert_int_equal(sim_start(s, "n", "unknown", 0, NULL, &err), ERROR_NOT_FOUND);
    error_clear(&err);
    assert_false(sim_running(s, "n"));
    struct world_process *p = spawn(sim_node(s, "test"), &c, "n", "failing");
    wait_count(sim_node(s, "test"), &c.exits, 1);
    assert_true(!c.how.signalled && c.how.code == 1);
    world_process_close(p);
    pair_end(s);
}

#define PLAIN(test)                                                                                                    \
    {                                                                                                                  \
#test, test, NULL, NULL, NULL                                                                                  \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        PLAIN(test_determinism),
        PLAIN(test_trace_form),
        PLAIN(test_partition),
        PLAIN(test_one_way_cut),
        PLAIN(test_connect_over_cut),
        PLAIN(test_refused_and_unknown),
        PLAIN(test_latency),
        PLAIN(test_reset),
        PLAIN(test_crash_and_restart),
        PLAIN(test_point_crash),
        PLAIN(test_dead_world),
        PLAIN(test_pause),
        PLAIN(test_terminate_and_clock),
        PLAIN(test_steps_max),
        PLAIN(test_children),
        PLAIN(test_environment),
        PLAIN(test_children_die_with_parent),
        PLAIN(test_failing_start),
    };
    return cmocka_run_group_tests_name("simulation", tests, NULL, NULL);
}
