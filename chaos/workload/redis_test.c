/* The kinds of workload of Redis against a small Redis in the simulated world: what they write down is valid when it is
 * right, and shown by the kind's model when it lies in one way. */
#include "base/test.h"

#include "base/array.h"
#include "base/units.h"
#include "chaos/workload/workload.h"
#include "rpc/resp.h"
#include "world/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOAD_TIME ((uint64_t)(4 * SECOND)) /* virtual */
#define KEYS_MAX  64
#define WORD_MAX  160

/* ---- the server ---- */

enum lie {
    LIE_NONE,
    LIE_FORGETS,   /* one SET or SADD in 40 is answered and not done */
    LIE_STALE,     /* one GET in 40 tells what was there before */
    LIE_UNWATCHED, /* EXEC is done whoever wrote in between */
    LIE_TWICE,     /* one INCR in 40 counts twice */
    LIE_KEEPS,     /* one SREM in 10 takes nothing out */
    LIE_LOADING,   /* for a while it refuses everything: which is no lie */
    LIE_DEAF,      /* for a while it answers nothing, and does it: nor is this */
};

struct value {
    char key[WORD_MAX], text[WORD_MAX], before[WORD_MAX]; /* text "": not there */
    uint64_t version;
    ARRAY(int64_t) members;
};
struct caller {
    struct server *server;
    struct world_stream *stream;
    struct resp_reader *reader;
    char watched[WORD_MAX];
    uint64_t version;
    bool queues;
    char queued[2][3][WORD_MAX];
    size_t queued_count;
    struct caller *next;
};
struct server {
    struct world *world;
    struct world_listener *listener;
    enum lie lie;
    struct value values[KEYS_MAX];
    size_t count;
    int commands;
    struct caller *callers;
};

static struct value *value_of(struct server *s, const char *key)
{
    for (size_t i = 0; i < s->count; i++)
        if (strcmp(s->values[i].key, key) == 0)
            return &s->values[i];
    assert_true(s->count < KEYS_MAX);
    struct value *v = &s->values[s->count++];
    snprintf(v->key, sizeof v->key, "%s", key);
    return v;
}

static bool lies(struct server *s, enum lie lie, int one_of)
{
    return s->lie == lie && ++s->commands % one_of == 0;
}

static void change(struct value *v, const char *text)
{
    memcpy(v->before, v->text, sizeof v->before);
    snprintf(v->text, sizeof v->text, "%s", text);
    v->version++;
}

static void say_text(const char *text, struct text *out)
{
    if (text[0] == '\0')
        text_puts(out, "$-1\r\n");
    else
        text_printf(out, "$%zu\r\n%s\r\n", strlen(text), text);
}

static void do_set(struct server *s, struct value *v, const char *command, const char *word, struct text *out)
{
    int64_t value = strtoll(word, NULL, 10);
    size_t at = 0;
    while (at < v->members.count && v->members.items[at] != value)
        at++;
    bool there = at < v->members.count;
    if (strcmp(command, "SADD") == 0 && !there && !lies(s, LIE_FORGETS, 40))
        assert_true(array_push(&v->members, value));
    if (strcmp(command, "SREM") == 0 && there && !lies(s, LIE_KEEPS, 10))
        array_remove(&v->members, at);
    text_printf(out, ":%d\r\n", (strcmp(command, "SREM") == 0) == there);
}

static void execute(struct caller *c, char words[3][WORD_MAX], struct text *out)
{
    struct server *s = c->server;
    const char *command = words[0];
    struct value *v = words[1][0] != '\0' ? value_of(s, words[1]) : NULL;
    if (strcmp(command, "GET") == 0) {
        say_text(lies(s, LIE_STALE, 40) ? v->before : v->text, out);
    } else if (strcmp(command, "SET") == 0) {
        if (!lies(s, LIE_FORGETS, 40))
            change(v, words[2]);
        text_puts(out, "+OK\r\n");
    } else if (strcmp(command, "DEL") == 0) {
        text_printf(out, ":%d\r\n", v->text[0] != '\0');
        if (v->text[0] != '\0')
            change(v, "");
    } else if (strcmp(command, "INCR") == 0) {
        char digits[WORD_MAX];
        snprintf(digits, sizeof digits, "%lld", strtoll(v->text, NULL, 10) + (lies(s, LIE_TWICE, 40) ? 2 : 1));
        change(v, digits);
        text_printf(out, ":%s\r\n", digits);
    } else if (strcmp(command, "SMEMBERS") == 0) {
        text_printf(out, "*%zu\r\n", v->members.count);
        for (size_t i = 0; i < v->members.count; i++) {
            char digits[24];
            snprintf(digits, sizeof digits, "%lld", (long long)v->members.items[i]);
            say_text(digits, out);
        }
    } else if (strcmp(command, "SADD") == 0 || strcmp(command, "SREM") == 0) {
        do_set(s, v, command, words[2], out);
    } else if (strcmp(command, "WATCH") == 0) {
        memcpy(c->watched, v->key, sizeof c->watched);
        c->version = v->version;
        text_puts(out, "+OK\r\n");
    } else if (strcmp(command, "UNWATCH") == 0) {
        c->watched[0] = '\0';
        text_puts(out, "+OK\r\n");
    } else {
        assert_string_equal(command, "PING");
        text_puts(out, "+PONG\r\n");
    }
}

static void transact(struct caller *c, struct text *out)
{
    const struct server *s = c->server;
    bool changed = c->watched[0] != '\0' && value_of(c->server, c->watched)->version != c->version;
    c->queues = false;
    c->watched[0] = '\0';
    if (changed && s->lie != LIE_UNWATCHED) {
        text_puts(out, "*-1\r\n");
        return;
    }
    text_printf(out, "*%zu\r\n", c->queued_count);
    for (size_t i = 0; i < c->queued_count; i++)
        execute(c, c->queued[i], out);
}

static void on_command(struct caller *c, const struct resp_reply *command, struct text *out)
{
    struct server *s = c->server;
    char words[3][WORD_MAX] = {"", "", ""};
    assert_true(command->kind == RESP_LIST && command->count <= 3);
    for (size_t i = 0; i < command->count; i++) {
        assert_true(command->items[i]->text.len < WORD_MAX);
        memcpy(words[i], command->items[i]->text.data, command->items[i]->text.len);
    }
    bool odd = world_now(s->world) / (uint64_t)(500 * MILLISECOND) % 5 == 1; /* now and then */
    if (s->lie == LIE_LOADING && odd) {
        text_puts(out, "-LOADING Redis is loading the dataset in memory\r\n");
    } else if (strcmp(words[0], "MULTI") == 0) {
        c->queues = true;
        c->queued_count = 0;
        text_puts(out, "+OK\r\n");
    } else if (strcmp(words[0], "EXEC") == 0) {
        if (c->queues)
            transact(c, out);
        else
            text_puts(out, "-ERR EXEC without MULTI\r\n");
    } else if (c->queues) {
        memcpy(c->queued[c->queued_count++], words, sizeof words);
        text_puts(out, "+QUEUED\r\n");
    } else {
        execute(c, words, out);
    }
    if (s->lie == LIE_DEAF && odd)
        text_clear(out);
}

static void on_readable(void *arg, struct bytes data)
{
    struct caller *c = arg;
    struct text out = TEXT_INIT;
    const struct resp_reply *reply = NULL;
    assert_int_equal(resp_feed(c->reader, data, NULL), 0);
    while (resp_next(c->reader, &reply, NULL) == 0 && reply != NULL)
        on_command(c, reply, &out);
    if (out.len > 0)
        assert_int_equal(world_stream_write(c->stream, text_bytes(&out)), 0);
    text_deinit(&out);
}

static void on_ended(void *arg, int reason)
{
    struct caller *c = arg;
    (void)reason;
    world_stream_close(c->stream);
    c->stream = NULL;
}

static void on_accept(void *arg, struct world_stream *stream)
{
    static const struct world_stream_events events = {.readable = on_readable, .ended = on_ended};
    struct server *s = arg;
    struct caller *c = calloc(1, sizeof *c);
    assert_non_null(c);
    *c = (struct caller){.server = s, .stream = stream, .reader = resp_reader_new(), .next = s->callers};
    s->callers = c;
    world_stream_accept(stream, &events, c);
}

static void server_end(struct server *s)
{
    world_listener_close(s->listener);
    while (s->callers != NULL) {
        struct caller *c = s->callers;
        s->callers = c->next;
        world_stream_close(c->stream);
        resp_reader_free(c->reader);
        free(c);
    }
    for (size_t i = 0; i < s->count; i++)
        array_deinit(&s->values[i].members);
    free(s);
}

/* ---- a run ---- */

struct seen {
    int64_t ends[4]; /* by enum operation_end */
    bool violated;
};

static void run(const char *kind, enum lie lie, struct seen *out)
{
    static const char *const services[] = {"redis", NULL};
    const struct target_component component = {.name = "redis", .tcp = {.address = "redis:6379"}, .services = services};
    struct sim *sim = sim_new(&(struct sim_options){.seed = 3});
    struct server *s = calloc(1, sizeof *s);
    struct workload *w = NULL;
    assert_true(sim != NULL && s != NULL);
    s->world = sim_node(sim, "redis");
    s->lie = lie;
    assert_int_equal(world_listen(s->world, "0.0.0.0:6379", on_accept, s, &s->listener, NULL), 0);
    struct target t = {.world = sim_node(sim, "harrow"), .components = &component, .component_count = 1};
    const struct workload_options options = {
        .kind = workload_kind_find(kind), .seed = 5, .clients = 6, .keys = 2, .rate = 600};
    assert_int_equal(workload_new(&t, &options, &w, NULL), 0);
    workload_start(w);
    assert_int_equal(world_sleep(t.world, LOAD_TIME), 0);
    assert_int_equal(workload_stop(w), 0);
    assert_int_equal(workload_final_reads(w, (uint64_t)(5 * SECOND), NULL), 0);
    const struct history *h = workload_history(w);
    *out = (struct seen){{0}, false};
    for (size_t i = 0; i < h->count; i++)
        out->ends[h->operations[i].end]++;
    for (const char *const *m = options.kind->models; *m != NULL; m++) {
        struct check_result verdict;
        check_result_init(&verdict);
        assert_int_equal(workload_judge(w, check_model_find(*m), NULL, &verdict, NULL), 0);
        assert_int_not_equal(verdict.verdict, VERDICT_UNKNOWN);
        out->violated = out->violated || verdict.verdict == VERDICT_INVALID;
        if (verdict.verdict == VERDICT_INVALID && (lie == LIE_NONE || lie >= LIE_LOADING))
            fail_msg("%s is not %s: %s", kind, *m, verdict.reason);
        check_result_deinit(&verdict);
    }
    workload_free(w);
    server_end(s);
    sim_free(sim);
}

static const char *const kinds[] = {"redis-register", "redis-cas", "redis-counter", "redis-set", NULL};

static void test_right(void **state)
{
    (void)state;
    for (const char *const *k = kinds; *k != NULL; k++) {
        struct seen seen;
        run(*k, LIE_NONE, &seen);
        assert_false(seen.violated);
        assert_true(seen.ends[END_OK] > 1000);
        assert_int_equal(seen.ends[END_INFO] + seen.ends[END_OPEN], 0);
        assert_true(strcmp(*k, "redis-cas") == 0 || seen.ends[END_FAIL] == 0);
    }
}

static void test_troubles(void **state)
{
    (void)state;
    for (const char *const *k = kinds; *k != NULL; k++) {
        struct seen seen;
        run(*k, LIE_LOADING, &seen); /* what was refused has not happened */
        assert_false(seen.violated);
        assert_true(seen.ends[END_FAIL] > 20);
        bool fails_otherwise = strcmp(*k, "redis-cas") == 0 || strcmp(*k, "redis-set") == 0;
        assert_true(fails_otherwise || seen.ends[END_INFO] == 0);
        run(*k, LIE_DEAF, &seen); /* nobody knows */
        assert_false(seen.violated);
        assert_true(seen.ends[END_INFO] > 0);
    }
}

static void test_lies(void **state)
{
    (void)state;
    static const struct {
        const char *kind;
        enum lie lie;
    } lies[] = {{"redis-register", LIE_FORGETS}, {"redis-register", LIE_STALE}, {"redis-cas", LIE_FORGETS},
                {"redis-cas", LIE_STALE},        {"redis-cas", LIE_UNWATCHED},  {"redis-counter", LIE_STALE},
                {"redis-counter", LIE_TWICE},    {"redis-set", LIE_FORGETS},    {"redis-set", LIE_KEEPS}};
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        struct seen seen;
        run(lies[i].kind, lies[i].lie, &seen);
        if (!seen.violated)
            fail_msg("%s did not see lie %d", lies[i].kind, (int)lies[i].lie);
    }
}

/* The clients' connections go with the workload, in the middle of whatever they wait for. */
static void test_left(void **state)
{
    (void)state;
    static const char *const services[] = {"redis", NULL};
    struct target_component component = {.name = "redis", .services = services};
    struct sim *sim = sim_new(&(struct sim_options){.seed = 3});
    struct target t = {.world = sim_node(sim, "harrow"), .components = &component, .component_count = 1};
    const struct workload_options options = {
        .kind = workload_kind_find("redis-cas"), .seed = 5, .clients = 6, .keys = 2, .rate = 600};
    struct workload *w = NULL;
    struct error err = ERROR_INIT;
    assert_int_equal(workload_new(&t, &options, &w, &err), ERROR_UNSUPPORTED);
    assert_string_equal(err.message, "redis has no \"tcp\" door to speak to Redis at");
    error_clear(&err);
    component.tcp.address = "nobody:1";
    assert_int_equal(workload_new(&t, &options, &w, NULL), 0);
    workload_start(w);
    assert_int_equal(world_sleep(t.world, (uint64_t)(5 * MILLISECOND)), 0);
    workload_free(w);
    sim_free(sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_right), cmocka_unit_test(test_troubles),
                                       cmocka_unit_test(test_lies), cmocka_unit_test(test_left)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
