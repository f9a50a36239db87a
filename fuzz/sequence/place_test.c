/* Checkers of places, times and long lists, each against a store with the bug it is for and against one without. */
#include "base/test.h"

#include "base/units.h"

#include "fuzz/sequence/check.h"

#include "fuzz/sequence/link.h"
#include "fuzz/sequence/sequence_internal.h"
#include "proto/set.h"
#include "wire/grpc.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

enum bug {
    BUG_NONE,
    BUG_CATALOGUE, /* a place whose table was named before is not in the catalogue */
    BUG_KEEPS,     /* what is written again keeps no time to live */
    BUG_ELSEWHERE, /* what has a time to live and no place goes to another place than what has none */
    BUG_UNTITLED,  /* what has no value is not listed */
};

#define THINGS_MAX 32
#define OLD_THINGS 4000 /* that a long list shows beside those of the case */

struct thing {
    char database[40], table[40], key[64];
    bool value, catalogued;
    uint64_t expires; /* ns; 0: never */
};

struct store {
    enum bug bug;
    bool crowded;
    struct thing things[THINGS_MAX];
    size_t count;
    uint64_t now;
};

static struct pb_pool *pool;

static const char *text_at(const json_t *tree, const char *within, const char *name, const char *blank)
{
    const char *text = json_string_value(json_object_get(within ? json_object_get(tree, within) : tree, name));
    return text && *text ? text : blank;
}

static struct thing *find(struct store *s, const char *database, const char *table, const char *key)
{
    for (size_t i = 0; i < s->count; i++) {
        struct thing *t = &s->things[i];
        if (strcmp(t->database, database) == 0 && strcmp(t->table, table) == 0 && strcmp(t->key, key) == 0 &&
            (t->expires == 0 || t->expires > s->now))
            return t;
    }
    return NULL;
}

static void write_thing(struct store *s, const json_t *request)
{
    const char *life = text_at(request, "record", "expiry", "0"), *key = text_at(request, "record", "key", "");
    bool lives = strcmp(life, "0") != 0;
    const char *database =
        text_at(request, "options", "database", s->bug == BUG_ELSEWHERE && lives ? "other" : "micro");
    const char *table = text_at(request, "options", "table", "micro");
    struct thing *t = find(s, database, table, key);
    bool again = t != NULL, named = false;
    for (size_t i = 0; i < s->count; i++)
        named = named || strcmp(s->things[i].table, table) == 0;
    assert_true(s->count < THINGS_MAX);
    t = again ? t : &s->things[s->count++];
    snprintf(t->database, sizeof t->database, "%s", database);
    snprintf(t->table, sizeof t->table, "%s", table);
    snprintf(t->key, sizeof t->key, "%s", key);
    t->value = *text_at(request, "record", "value", "") != '\0';
    t->catalogued = again ? t->catalogued : s->bug != BUG_CATALOGUE || !named;
    t->expires = lives && !(again && s->bug == BUG_KEEPS) ? s->now + (uint64_t)SECOND : 0;
}

/* JSON of the reply; NULL: NOT_FOUND. */
static json_t *answer(struct store *s, const char *method, const json_t *request)
{
    json_t *names = json_array();
    if (strcmp(method, "Write") == 0)
        write_thing(s, request);
    if (strcmp(method, "Read") == 0) {
        const struct thing *t = find(s, text_at(request, "options", "database", "micro"),
                                     text_at(request, "options", "table", "micro"), text_at(request, NULL, "key", ""));
        json_decref(names);
        return t != NULL ? json_pack("{s:[{s:s}]}", "records", "key", t->key) : NULL;
    }
    for (size_t i = 0; s->crowded && strcmp(method, "List") == 0 && i < OLD_THINGS; i++)
        json_array_append_new(names, json_sprintf("old-%zu", i));
    for (size_t i = 0; i < s->count; i++) {
        const struct thing *t = &s->things[i];
        bool there = strcmp(t->database, text_at(request, NULL, "database", "micro")) == 0;
        if (strcmp(method, "Databases") == 0 && t->catalogued)
            json_array_append_new(names, json_string(t->database));
        else if (strcmp(method, "Tables") == 0 && t->catalogued && there)
            json_array_append_new(names, json_string(t->table));
        else if (strcmp(method, "List") == 0 && (s->bug != BUG_UNTITLED || t->value))
            json_array_append_new(names, json_string(t->key));
    }
    return json_pack("{s:o}",
                     strcmp(method, "Databases") == 0 ? "databases"
                     : strcmp(method, "Tables") == 0  ? "tables"
                                                      : "keys",
                     names);
}

static void do_message(struct store *s, const struct fuzz_case *c, size_t event, struct fuzz_trace *t)
{
    struct text request = TEXT_INIT, wire = TEXT_INIT;
    struct trace_call *call = &t->calls.items[c->events.items[event].call];
    (void)sequence_link_resolve(c, event, t, &request);
    json_t *tree = pb_wire_to_tree(call->method->input, text_bytes(&request), PB_JSON_PROTO_NAMES, NULL);
    json_t *reply = strcmp(call->method->name, "Delete") == 0 ? json_object() : answer(s, call->method->name, tree);
    call->status = reply != NULL ? GRPC_OK : GRPC_NOT_FOUND;
    if (strcmp(call->method->name, "Write") == 0)
        json_object_clear(reply);
    char *json = reply != NULL ? json_dumps(reply, 0) : NULL;
    if (json != NULL) {
        assert_int_equal(pb_json_to_wire(call->method->output, bytes_of(json), 0, &wire, NULL), 0);
        struct trace_reply r = {.call = c->events.items[event].call, .body = fuzz_trace_keep(t, text_bytes(&wire))};
        call->first_reply = (uint32_t)t->replies.count;
        call->replies = 1;
        assert_true(array_push(&t->replies, r));
    }
    free(json);
    json_decref(reply);
    json_decref(tree);
    text_deinit(&request);
    text_deinit(&wire);
}

static void run(enum bug bug, bool crowded, const struct fuzz_case *c, struct fuzz_trace *t)
{
    struct store s = {.bug = bug, .crowded = crowded};
    uint32_t calls = 0;
    fuzz_trace_clear(t);
    for (size_t i = 0; i < c->events.count; i++) {
        const struct fuzz_event *e = &c->events.items[i];
        struct trace_call call = {.event = (uint32_t)i, .status = TRACE_NO_STATUS};
        s.now += e->kind == EVENT_TIME ? e->number : 0;
        if (e->kind == EVENT_CALL) {
            call.method = fuzz_case_method(c, calls++, pool);
            assert_non_null(call.method);
            assert_true(array_push(&t->calls, call));
        } else if (e->kind == EVENT_MESSAGE) {
            do_message(&s, c, i, t);
        }
    }
}

struct outcome {
    const char *expected;
    size_t fired, wrong;
};

static void on_found(void *arg, const struct sequence_checker *checker, const struct sequence_finding *f)
{
    struct outcome *o = arg;
    assert_true(f->why.len > 0 && text_ok(&f->why));
    if (o->expected != NULL && strcmp(o->expected, checker->name) == 0)
        o->fired++;
    else
        o->wrong++;
}

static bool is_store(void *arg, const struct pb_method *m)
{
    (void)arg;
    return strcmp(m->service->full_name, "store.Store") == 0;
}

/* One checker's probe over records, many times: the bug is told, and the right store never blamed. */
static void probe_all(const char *checker, enum bug bug, bool crowded, struct outcome *o)
{
    struct sequence_graph *g = NULL;
    struct sequence *s = NULL;
    struct fuzz_case c = FUZZ_CASE_INIT;
    struct fuzz_trace t = FUZZ_TRACE_INIT;
    assert_int_equal(sequence_graph_new(pool, &(struct sequence_graph_options){.wanted = is_store}, &g, NULL), 0);
    assert_int_equal(sequence_new(g, &(struct sequence_options){.context = "micro"}, &s, NULL), 0);
    size_t maker = (size_t)sequence_graph_find(g, "/store.Store/Write");
    for (int i = 0; i < 60; i++) {
        uint8_t sources[SEQUENCE_LEAVES_MAX] = {SOURCE_EMPTY};
        for (size_t l = 0; l < sequence_input(g, maker)->count; l++)
            if (sequence_input(g, maker)->leaves[l].class == CLASS_KEY)
                sources[l] = SOURCE_FRESH;
        fuzz_case_clear(&c);
        assert_true(sequence_append(s, &c, maker, sources, 0) >= 0);
        if (sequence_checker_find(checker)->probe(s, &c) != 1)
            fail_msg("%s has nothing to ask of a record", checker);
        if (bug == BUG_UNTITLED) { /* the second one is listed: it has a value */
            uint32_t seen = 0;
            for (size_t e = 0; e < c.events.count; e++)
                if (c.events.items[e].kind == EVENT_MESSAGE &&
                    fuzz_case_method(&c, c.events.items[e].call, pool) == g->methods[maker].method && seen++ == 1) {
                    struct text more = TEXT_INIT;
                    struct bytes old = fuzz_case_bytes(&c, c.events.items[e].value);
                    text_add(&more, old.data, old.len);
                    text_add(&more, "\x0A\x03\x12\x01v", 5); /* record.value, merged */
                    assert_true(fuzz_case_set_value(&c, e, text_bytes(&more)) >= 0);
                    text_deinit(&more);
                }
        }
        run(bug, crowded, &c, &t);
        assert_true(sequence_check(g, &c, &t, on_found, o) >= 0);
    }
    fuzz_trace_deinit(&t);
    fuzz_case_deinit(&c);
    sequence_free(s);
    sequence_graph_free(g);
}

static void each_bug_is_told_and_the_right_store_is_not_blamed(void **state)
{
    static const struct {
        const char *checker;
        enum bug bug;
        bool crowded;
    } rows[] = {
        {"place-omits", BUG_CATALOGUE, false},     {"expiry-ignored", BUG_KEEPS, false},
        {"default-differs", BUG_ELSEWHERE, false}, {"list-omits", BUG_UNTITLED, false},
        {"list-omits", BUG_UNTITLED, true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct outcome wrong = {.expected = rows[i].checker}, right = {.expected = NULL};
        probe_all(rows[i].checker, rows[i].bug, rows[i].crowded, &wrong);
        probe_all(rows[i].checker, BUG_NONE, rows[i].crowded, &right);
        if (wrong.fired == 0 || wrong.wrong > 0 || right.wrong > 0)
            fail_msg("row %zu, %s: fired %zu times, others %zu; of the right store %zu", i, rows[i].checker,
                     wrong.fired, wrong.wrong, right.wrong);
    }
}

static int set_up(void **state)
{
    (void)state;
    return pb_pool_new(proto_set(), "contracts", &pool, NULL);
}

static int tear_down(void **state)
{
    (void)state;
    pb_pool_free(pool);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_bug_is_told_and_the_right_store_is_not_blamed)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
