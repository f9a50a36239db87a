#include "base/test.h"

#include "fuzz/sequence/sequence.h"
#include "fuzz/sequence/value.h"

#include "fuzz/sequence/link.h"
#include "fuzz/sequence/refusal.h"
#include "fuzz/sequence/view.h"
#include "fuzz/sequence/wire.h"
#include "proto/set.h"
#include "wire/grpc.h"

#include <jansson.h>
#include <string.h>

static struct pb_pool *pool;

static int set_up(void **state)
{
    (void)state;
    return pb_pool_new(proto_set(), "set", &pool, NULL);
}

static int tear_down(void **state)
{
    (void)state;
    pb_pool_free(pool);
    return 0;
}

static struct sequence_graph *graph_new(void)
{
    struct sequence_graph *g = NULL;
    assert_int_equal(sequence_graph_new(pool, NULL, &g, NULL), 0);
    return g;
}

/* ---- words ---- */

static void words_and_roles(void **state)
{
    static const struct {
        const char *name, *words;
    } names[] = {{"refresh_token", "refresh token "},
                 {"refreshToken", "refresh token "},
                 {"RefreshTokens", "refresh token "},
                 {"userID", "user id "},
                 {"HTTPServer", "http server "},
                 {"keys", "key "},
                 {"policies", "policy "},
                 {"address", "address "},
                 {"IDs", "id "},
                 {"", ""},
                 {"__a__b", "a b "}};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct sequence_words w;
        struct text all = TEXT_INIT;
        sequence_words_of(names[i].name, &w);
        for (size_t k = 0; k < w.count; k++)
            text_printf(&all, "%s ", w.word[k]);
        assert_string_equal(text_string(&all), names[i].words);
        text_deinit(&all);
    }
    static const struct {
        const char *path;
        enum sequence_role role;
    } roles[] = {{"/store.Store/Write", ROLE_CREATE},
                 {"/store.Store/Read", ROLE_READ},
                 {"/store.Store/Delete", ROLE_END},
                 {"/store.Store/List", ROLE_LIST},
                 {"/store.Store/Databases", ROLE_LIST},
                 {"/auth.Auth/Generate", ROLE_CREATE},
                 {"/auth.Auth/Token", ROLE_CREDENTIAL},
                 {"/auth.Auth/Inspect", ROLE_READ},
                 {"/auth.Accounts/ChangeSecret", ROLE_UPDATE},
                 {"/broker.Broker/Subscribe", ROLE_WATCH},
                 {"/registry.Registry/Deregister", ROLE_END},
                 {"/api.Api/RemoveFromBlockList", ROLE_END},
                 {"/client.Client/Call", ROLE_OTHER}};
    struct sequence_graph *g = graph_new();
    for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++) {
        int m = sequence_graph_find(g, roles[i].path);
        assert_true(m >= 0);
        assert_string_equal(sequence_role_name(g->methods[m].role), sequence_role_name(roles[i].role));
    }
    sequence_graph_free(g);
}

/* ---- the graph ---- */

/* Between the two, with the best one from that field to that one. */
static void expect_edge(const struct sequence_graph *g, const char *from, const char *from_field, const char *to,
                        const char *to_field, enum sequence_edge_kind kind)
{
    const struct sequence_edge *e = sequence_graph_edge(g, from, to);
    struct text source = TEXT_INIT, target = TEXT_INIT, why = TEXT_INIT;
    sequence_explain(g, from, to, &why);
    if (e == NULL)
        fail_msg("no edge %s -> %s: %s", from, to, text_string(&why));
    sequence_leaf_print(sequence_edge_source(g, e), &source);
    sequence_leaf_print(sequence_edge_target(g, e), &target);
    if (strcmp(text_string(&source), from_field) != 0 || strcmp(text_string(&target), to_field) != 0 || e->kind != kind)
        fail_msg("%s", text_string(&why));
    assert_non_null(strstr(text_string(&why), from));
    text_deinit(&source);
    text_deinit(&target);
    text_deinit(&why);
}

static void graph_of_micro(void **state)
{
    struct sequence_graph *g = graph_new();
    (void)state;
    expect_edge(g, "/store.Store/Write", "record.key", "/store.Store/Read", "key", EDGE_REQUEST);
    expect_edge(g, "/store.Store/Write", "record.key", "/store.Store/Delete", "key", EDGE_REQUEST);
    expect_edge(g, "/store.Store/List", "keys[]", "/store.Store/Read", "key", EDGE_REPLY);
    expect_edge(g, "/auth.Auth/Generate", "account.id", "/auth.Auth/Token", "id", EDGE_REPLY);
    expect_edge(g, "/auth.Auth/Token", "token.access_token", "/auth.Auth/Inspect", "token", EDGE_REPLY);
    expect_edge(g, "/notes.Notes/Create", "note.id", "/notes.Notes/Read", "id", EDGE_REPLY);
    expect_edge(g, "/notes.Notes/Create", "note.id", "/notes.Notes/Update", "note.id", EDGE_REPLY);
    expect_edge(g, "/registry.Registry/Register", "name", "/registry.Registry/GetService", "service", EDGE_REQUEST);
    expect_edge(g, "/events.Stream/Publish", "topic", "/events.Store/Read", "topic", EDGE_REQUEST);
    assert_null(sequence_graph_edge(g, "/store.Store/Delete", "/notes.Notes/Read"));
    assert_null(sequence_graph_edge(g, "/store.Store/Nothing", "/notes.Notes/Read"));
    struct text out = TEXT_INIT;
    sequence_explain(g, "/nowhere", "/store.Nothing/Read", &out);
    assert_non_null(strstr(text_string(&out), "is not in the graph"));
    sequence_graph_print(g, &out);
    assert_non_null(strstr(text_string(&out), "/store.Store/Write create of store"));
    text_deinit(&out);
    sequence_graph_free(g);
}

static bool is_store(void *arg, const struct pb_method *m)
{
    (void)arg;
    return strcmp(m->service->full_name, "store.Store") == 0;
}

static bool is_none(void *arg, const struct pb_method *m)
{
    (void)arg;
    (void)m;
    return false;
}

static void wanted_methods(void **state)
{
    struct sequence_graph *g = NULL;
    struct error err = ERROR_INIT;
    (void)state;
    assert_int_equal(sequence_graph_new(pool, &(struct sequence_graph_options){.wanted = is_store}, &g, NULL), 0);
    assert_int_equal(g->method_count, 6);
    sequence_graph_free(g);
    assert_int_equal(sequence_graph_new(pool, &(struct sequence_graph_options){.wanted = is_none}, &g, &err),
                     ERROR_NOT_FOUND);
    assert_non_null(err.message);
    error_clear(&err);
}

/* ---- refusals ---- */

static void put(struct text *out, unsigned number, struct bytes value)
{
    uint8_t head[10];
    text_add(out, head, pb_varint_write(head, number << 3 | 2));
    text_add(out, head, pb_varint_write(head, value.len));
    text_add(out, value.data, value.len);
}

static void refusals(void **state)
{
    static const struct {
        const char *path;
        int status;
        const char *text;
        enum refusal_kind kind;
        const char *leaf, *word; /* leaf NULL: none */
    } rows[] = {
        {"/store.Store/Read", GRPC_INVALID_ARGUMENT,
         "{\"id\":\"store.Store.Read\",\"code\":400,\"detail\":\"a key is required (at most 1024 bytes)\"}",
         REFUSAL_MISSING, "key", ""},
        {"/store.Store/Read", GRPC_NOT_FOUND, "{\"id\":\"x\",\"code\":404,\"detail\":\"not found\"}", REFUSAL_UNKNOWN,
         NULL, ""},
        {"/store.Store/Read", GRPC_INVALID_ARGUMENT, "{\"detail\":\"order is \\\"asc\\\" or \\\"desc\\\"\"}",
         REFUSAL_INVALID, "options.order", "asc"},
        {"/store.Store/Write", GRPC_INVALID_ARGUMENT, "a record is required", REFUSAL_MISSING, "record.key", ""},
        {"/auth.Accounts/ChangeSecret", GRPC_INVALID_ARGUMENT, "New secret required", REFUSAL_MISSING, "new_secret",
         ""},
        {"/auth.Accounts/Delete", GRPC_INVALID_ARGUMENT, "Missing ID", REFUSAL_MISSING, "id", ""},
        {"/auth.Accounts/Delete", GRPC_INVALID_ARGUMENT, "Account not found with this ID", REFUSAL_UNKNOWN, "id", ""},
        {"/auth.Rules/Create", GRPC_ALREADY_EXISTS, "", REFUSAL_EXISTS, NULL, ""},
        {"/auth.Rules/Create", GRPC_UNKNOWN, "a rule of this id already exists", REFUSAL_EXISTS, "rule.id", ""},
        {"/auth.Rules/Create", GRPC_PERMISSION_DENIED, "id required", REFUSAL_ACCESS, NULL, ""},
        {"/auth.Rules/Create", GRPC_INTERNAL, "id required", REFUSAL_NONE, NULL, ""},
        {"/auth.Rules/Create", GRPC_FAILED_PRECONDITION, "not now", REFUSAL_STATE, NULL, ""},
        {"/auth.Rules/Create", GRPC_INVALID_ARGUMENT, "", REFUSAL_INVALID, NULL, ""},
        {"/auth.Rules/Create", GRPC_INVALID_ARGUMENT, "{\"detail\":\"unended", REFUSAL_INVALID, NULL, ""},
    };
    struct sequence_graph *g = graph_new();
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct refusal r;
        struct text leaf = TEXT_INIT;
        size_t m = (size_t)sequence_graph_find(g, rows[i].path);
        refusal_read(g, m, rows[i].status, bytes_of(rows[i].text), BYTES_NONE, &r);
        if (r.leaf >= 0)
            sequence_leaf_print(&sequence_input(g, m)->leaves[r.leaf], &leaf);
        if (r.kind != rows[i].kind || strcmp(text_string(&leaf), rows[i].leaf ? rows[i].leaf : "") != 0 ||
            strcmp(r.word, rows[i].word) != 0)
            fail_msg("%s \"%s\": %s \"%s\" \"%s\"", rows[i].path, rows[i].text, refusal_kind_name(r.kind),
                     text_string(&leaf), r.word);
        text_deinit(&leaf);
    }
    /* google.rpc.Status with a BadRequest: the field is named by path. */
    struct text violation = TEXT_INIT, bad = TEXT_INIT, any = TEXT_INIT, status = TEXT_INIT;
    put(&violation, 1, bytes_of("options.table"));
    put(&violation, 2, bytes_of("must be set"));
    put(&bad, 1, text_bytes(&violation));
    put(&any, 1, bytes_of("type.googleapis.com/google.rpc.BadRequest"));
    put(&any, 2, text_bytes(&bad));
    put(&status, 2, bytes_of("bad request"));
    put(&status, 3, text_bytes(&any));
    struct refusal r;
    size_t m = (size_t)sequence_graph_find(g, "/store.Store/Read");
    refusal_read(g, m, GRPC_INVALID_ARGUMENT, bytes_of("key"), text_bytes(&status), &r);
    assert_int_equal(r.kind, REFUSAL_MISSING);
    assert_true(r.leaf >= 0);
    assert_string_equal(sequence_leaf_field(&sequence_input(g, m)->leaves[r.leaf])->name, "table");
    /* Cut anywhere it still says something about the call or nothing at all. */
    for (size_t n = 0; n < status.len; n++)
        refusal_read(g, m, GRPC_INVALID_ARGUMENT, bytes_of("key"), BYTES(status.data, n), &r);
    text_deinit(&violation);
    text_deinit(&bad);
    text_deinit(&any);
    text_deinit(&status);
    sequence_graph_free(g);
}

/* ---- sequences ---- */

/* A system that answers from its own memory: enough of a store to learn from. */
struct toy {
    char keys[64][40];
    size_t count;
};

static bool toy_has(const struct toy *t, struct bytes key)
{
    for (size_t i = 0; i < t->count; i++)
        if (bytes_is(key, t->keys[i]))
            return true;
    return false;
}

static int toy_answer(struct toy *t, const struct sequence_view *v, size_t call, const char **text)
{
    const struct sequence_graph *g = v->graph;
    const struct sequence_method *m = &g->methods[v->calls[call].method];
    const struct sequence_shape *s = sequence_input(g, (size_t)v->calls[call].method);
    struct bytes key = BYTES_NONE;
    *text = "";
    for (size_t i = 0; i < s->count; i++)
        if (strcmp(sequence_leaf_field(&s->leaves[i])->name, "key") == 0)
            (void)view_value(v, call, &s->leaves[i], &key);
    bool keyed = m->role == ROLE_CREATE || m->role == ROLE_READ || m->role == ROLE_END;
    if (keyed && key.len == 0) {
        *text = "a key is required";
        return GRPC_INVALID_ARGUMENT;
    }
    if (m->role == ROLE_CREATE && t->count < 64 && key.len < 40) {
        memcpy(t->keys[t->count], key.data, key.len);
        t->keys[t->count++][key.len] = '\0';
    }
    if ((m->role == ROLE_READ || m->role == ROLE_END) && !toy_has(t, key)) {
        *text = "not found";
        return GRPC_NOT_FOUND;
    }
    return GRPC_OK;
}

static void toy_run(struct toy *t, const struct sequence_graph *g, const struct fuzz_case *c, struct fuzz_trace *trace)
{
    struct sequence_view v = {.count = 0};
    assert_int_equal(sequence_view_of(&v, g, c, NULL), 0);
    fuzz_trace_clear(trace);
    t->count = 0;
    for (size_t i = 0; i < v.count; i++) {
        const char *text;
        assert_true(v.calls[i].method >= 0);
        struct trace_call call = {.method = g->methods[v.calls[i].method].method, .event = v.calls[i].event};
        call.status = toy_answer(t, &v, i, &text);
        call.text = fuzz_trace_keep(trace, bytes_of(text));
        assert_true(array_push(&trace->calls, call));
    }
    sequence_view_deinit(&v);
}

static void learns(void **state)
{
    struct sequence_graph *g = NULL;
    struct sequence *s = NULL;
    struct fuzz_case c = FUZZ_CASE_INIT;
    struct fuzz_trace trace = FUZZ_TRACE_INIT;
    struct sequence_plan plan;
    struct sequence_figures f;
    static struct toy toy;
    size_t reads[2] = {0}, good[2] = {0};
    (void)state;
    assert_int_equal(sequence_graph_new(pool, &(struct sequence_graph_options){.wanted = is_store}, &g, NULL), 0);
    assert_int_equal(sequence_new(g, &(struct sequence_options){.seed = 7}, &s, NULL), 0);
    int read = sequence_graph_find(g, "/store.Store/Read");
    for (int i = 0; i < 2000; i++) {
        assert_int_equal(sequence_next(s, &c, &plan), 0);
        assert_true(plan.calls >= 1 && plan.calls <= SEQUENCE_CALLS_MAX);
        toy_run(&toy, g, &c, &trace);
        for (size_t k = 0; k < plan.calls; k++)
            if (plan.call[k].method == read) {
                reads[i >= 1000]++;
                good[i >= 1000] += trace.calls.items[k].status == GRPC_OK;
            }
        sequence_learn(s, &c, &trace, &plan);
        /* Every message is one a decoder accepts. */
        for (size_t e = 0; e < c.events.count; e++)
            if (c.events.items[e].kind == EVENT_MESSAGE) {
                const struct pb_method *m = fuzz_case_method(&c, c.events.items[e].call, pool);
                assert_non_null(m);
                assert_int_equal(pb_scan(m->input->descriptor, fuzz_case_bytes(&c, c.events.items[e].value), NULL), 0);
            }
    }
    sequence_figures(s, &f);
    assert_int_equal(f.reached, 6);
    assert_int_equal(f.level, 0);
    assert_int_equal(f.cases, 2000);
    assert_true(f.longest == SEQUENCE_CALLS_MAX && f.kept > 50);
    assert_non_null(sequence_kept(s, 0));
    assert_null(sequence_kept(s, SEQUENCE_KEPT_MAX));
    /* Reading without a key, or one that nobody wrote, is unlearnt. */
    assert_true(reads[1] > 50 && good[1] * 10 >= reads[1] * 7);
    const struct sequence_edge *e = sequence_graph_edge(g, "/store.Store/Write", "/store.Store/Read");
    assert_non_null(e);
    assert_true(e->worked > 20 && e->worked <= e->tried);
    fuzz_trace_deinit(&trace);
    fuzz_case_deinit(&c);
    sequence_free(s);
    sequence_graph_free(g);
}

/* The same seed and the same answers: the same cases. */
static void repeatable(void **state)
{
    uint64_t hashes[2][300];
    (void)state;
    for (int round = 0; round < 2; round++) {
        struct sequence_graph *g = graph_new();
        struct sequence *s = NULL;
        struct fuzz_case c = FUZZ_CASE_INIT;
        struct fuzz_trace trace = FUZZ_TRACE_INIT;
        struct sequence_plan plan;
        static struct toy toy;
        assert_int_equal(sequence_new(g, &(struct sequence_options){.seed = 3}, &s, NULL), 0);
        for (int i = 0; i < 300; i++) {
            assert_int_equal(sequence_next(s, &c, &plan), 0);
            toy_run(&toy, g, &c, &trace);
            sequence_learn(s, &c, &trace, &plan);
            hashes[round][i] = fuzz_case_hash(&c);
        }
        fuzz_trace_deinit(&trace);
        fuzz_case_deinit(&c);
        sequence_free(s);
        sequence_graph_free(g);
    }
    assert_memory_equal(hashes[0], hashes[1], sizeof hashes[0]);
}

/* What the program calls things goes into names and into the members of objects, which stay well-formed. */
static void words_of_the_program(void **state)
{
    static const char *const words[] = {"leaf", "created_at", "abcdefghijklmnopqrstuvwx"};
    const struct sequence_known known = {.words = words, .count = 3};
    struct random r;
    size_t alone = 0, behind = 0, members = 0;
    (void)state;
    random_seed(&r, 1);
    for (int i = 0; i < 2000; i++) {
        struct sequence_value v = {.data = "f0123456789", .len = 11};
        sequence_known_name(&known, &r, &v);
        assert_true(v.len >= 4 && v.len <= SEQUENCE_VALUE_MAX);
        alone += v.len == 4 && memcmp(v.data, "leaf", 4) == 0;
        behind += v.len == 16 && memcmp(v.data, "f0123456789.leaf", 16) == 0;
        sequence_known_object(&known, &r, &v);
        json_t *object = json_loadb((const char *)v.data, v.len, 0, NULL);
        assert_true(v.len <= SEQUENCE_VALUE_MAX && json_is_object(object));
        members += json_object_get(object, "leaf") != NULL;
        json_decref(object);
    }
    assert_true(alone > 20 && behind > 5 && members > 500);

    /* And so into the cases: none without them. */
    for (size_t count = 0; count <= 3; count += 3) {
        struct sequence_graph *g = graph_new();
        struct sequence *s = NULL;
        struct fuzz_case c = FUZZ_CASE_INIT;
        struct sequence_plan plan;
        size_t held = 0;
        assert_int_equal(sequence_new(g, &(struct sequence_options){.seed = 3}, &s, NULL), 0);
        sequence_use(s, words, count);
        for (int i = 0; i < 500; i++) {
            assert_int_equal(sequence_next(s, &c, &plan), 0);
            held += memmem(c.data.data, c.data.len, words[2], strlen(words[2])) != NULL;
        }
        assert_true(count > 0 ? held > 5 : held == 0);
        fuzz_case_deinit(&c);
        sequence_free(s);
        sequence_graph_free(g);
    }
}

/* Fields behind a group are read: decoders skip it, so a checker has to. */
static void groups_are_stepped_over(void **state)
{
    static const struct {
        const char *message;
        size_t len;
        size_t items; /* until the end, or what is broken */
        bool whole;
    } rows[] = {
        {"\x10\x01\x63\x08\x06\x64\x1a\x01t", 9, 3, true},         /* varint, group, length */
        {"\x0b\x13\x0a\x02\x14\x0c\x14\x0c\x10\x01", 10, 2, true}, /* a group in a group, ends as content */
        {"\x10\x01\x63\x08\x06", 5, 1, false},                     /* no end */
        {"\x63\x6c\x10\x01", 4, 0, false},                         /* the end of another */
        {"\x64\x10\x01", 3, 0, false},                             /* an end alone */
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct bytes in = BYTES((const uint8_t *)rows[i].message, rows[i].len);
        struct wire_item item;
        size_t items = 0;
        while (wire_next(&in, &item))
            items++;
        if (items != rows[i].items || (in.len == 0 && rows[i].whole) != rows[i].whole)
            fail_msg("row %zu: %zu items, %zu bytes left", i, items, in.len);
    }
    uint8_t deep[2 * PB_DEPTH_MAX + 2];
    memset(deep, 0x0b, sizeof deep / 2);
    memset(deep + sizeof deep / 2, 0x0c, sizeof deep / 2);
    struct bytes in = BYTES(deep, sizeof deep);
    struct wire_item item;
    assert_false(wire_next(&in, &item)); /* deeper than any decoder goes */
    in = BYTES(deep + 1, sizeof deep - 2);
    assert_true(wire_next(&in, &item));
    assert_int_equal(item.value.len, sizeof deep - 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_and_roles), cmocka_unit_test(graph_of_micro),
        cmocka_unit_test(wanted_methods),  cmocka_unit_test(words_of_the_program),
        cmocka_unit_test(refusals),        cmocka_unit_test(learns),
        cmocka_unit_test(repeatable),      cmocka_unit_test(groups_are_stepped_over),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
