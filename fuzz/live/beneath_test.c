/* The service that stores for others, found by its contract, and how it is asked; and what a link damages. */
#include "base/test.h"

#include "fuzz/case/links.h"
#include "fuzz/live/beneath.h"
#include "proto/set.h"

#include <string.h>

static struct pb_pool *pool;
static struct sequence_graph *graph;

static int set_up(void **state)
{
    const struct sequence_graph_options options = {.wanted = NULL};
    (void)state;
    return pb_pool_new(proto_set(), "set", &pool, NULL) != 0 || sequence_graph_new(pool, &options, &graph, NULL) != 0;
}

static int tear_down(void **state)
{
    (void)state;
    sequence_graph_free(graph);
    pb_pool_free(pool);
    return 0;
}

static const char *leaf_name(const struct sequence_shape *s, int leaf)
{
    assert_true(leaf >= 0 && (size_t)leaf < s->count);
    return sequence_leaf_field(&s->leaves[leaf])->name;
}

static bool only_store(void *arg, const struct pb_method *m)
{
    (void)arg;
    return strncmp(m->path, "/store.Store/", 13) == 0;
}

static bool only_others(void *arg, const struct pb_method *m)
{
    (void)arg;
    return strncmp(m->path, "/auth.", 6) == 0;
}

static void a_store_is_found(void **state)
{
    struct sequence_graph *g = NULL;
    struct beneath_store s;
    struct text message = TEXT_INIT, json = TEXT_INIT;
    (void)state;
    assert_int_equal(sequence_graph_new(pool, &(struct sequence_graph_options){.wanted = only_store}, &g, NULL), 0);
    assert_true(beneath_find(g, &s));
    assert_string_equal(g->methods[s.read].method->path, "/store.Store/Read");
    assert_string_equal(g->methods[s.write].method->path, "/store.Store/Write");
    assert_string_equal(leaf_name(sequence_output(g, (size_t)s.read), s.value), "value");
    assert_string_equal(leaf_name(sequence_input(g, (size_t)s.write), s.write_key), "key");
    assert_int_equal(s.context_count, 2);
    assert_string_equal(leaf_name(sequence_input(g, (size_t)s.read), s.contexts[0]), "database");
    assert_string_equal(leaf_name(sequence_input(g, (size_t)s.write), s.write_contexts[1]), "table");
    const struct beneath_place place = {.names = {"", "notes"}};
    const struct pb_type *request = sequence_input(g, (size_t)s.read)->type;
    assert_true(beneath_read(g, &s, &place, BYTES_NONE, &message));
    assert_int_equal(pb_wire_to_json(request, text_bytes(&message), 0, &json, NULL), 0);
    assert_string_equal(text_string(&json), "{\"options\":{\"table\":\"notes\",\"prefix\":true}}");
    text_clear(&json);
    assert_true(beneath_read(g, &s, &place, bytes_of("a"), &message));
    assert_int_equal(pb_wire_to_json(request, text_bytes(&message), 0, &json, NULL), 0);
    assert_string_equal(text_string(&json), "{\"key\":\"a\",\"options\":{\"table\":\"notes\"}}");
    sequence_graph_free(g);
    assert_int_equal(sequence_graph_new(pool, &(struct sequence_graph_options){.wanted = only_others}, &g, NULL), 0);
    assert_false(beneath_find(g, &s));
    sequence_graph_free(g);
    text_deinit(&message);
    text_deinit(&json);
}

/* A reply with a stored object, linked into a request: whole without a number, else damaged, each time the same way. */
static void links_damage(void **state)
{
    static const char object[] = "{\"id\":\"a\",\"title\":\"b\",\"text\":\"c\"}";
    struct fuzz_case c = FUZZ_CASE_INIT;
    struct fuzz_trace t = FUZZ_TRACE_INIT;
    struct text reply = TEXT_INIT, out[2] = {TEXT_INIT, TEXT_INIT};
    struct error err = ERROR_INIT;
    size_t changed = 0, lost = 0;
    (void)state;
    static const char script[] = "call /store.Store/Read\nmessage 0 {\"key\":\"k\"}\n"
                                 "call /store.Store/Write\nlink 0.0 records[0].value -> record.value flags=0x100\n"
                                 "message 1 {\"record\":{\"key\":\"k\"}}\n";
    assert_int_equal(fuzz_case_parse(bytes_of(script), "script", pool, &c, &err), 0);
    text_printf(&reply, "%c%c%c%c%s", 0x0a, (int)sizeof object + 1, 0x12, (int)sizeof object - 1, object);
    const struct trace_call read = {.method = pb_find_method(pool, "/store.Store/Read", false), .replies = 1},
                            write = {.method = pb_find_method(pool, "/store.Store/Write", false)};
    const struct trace_reply answer = {.call = 0, .body = fuzz_trace_keep(&t, text_bytes(&reply))};
    assert_true(array_push(&t.calls, read) && array_push(&t.calls, write) && array_push(&t.replies, answer));
    assert_true(fuzz_links_damage(&c));
    for (unsigned n = 0; n < 64; n++) {
        c.events.items[3].flags = (uint16_t)(n << EVENT_LINK_DAMAGE_SHIFT);
        for (size_t i = 0; i < 2; i++) {
            text_clear(&out[i]);
            assert_int_equal(fuzz_links_apply(&c, 4, &t, &out[i]), 1);
        }
        assert_true(bytes_equal(text_bytes(&out[0]), text_bytes(&out[1])));
        assert_int_equal(pb_scan(write.method->input->descriptor, text_bytes(&out[0]), NULL), 0);
        bool whole = memmem(out[0].data, out[0].len, object, sizeof object - 1) != NULL;
        assert_true(n > 0 || whole);
        changed += !whole;
        lost += memmem(out[0].data, out[0].len, "\"text\":", 7) == NULL;
    }
    assert_true(changed > 50 && lost > 5);
    c.events.items[3].flags = 0;
    assert_false(fuzz_links_damage(&c));
    fuzz_case_deinit(&c);
    fuzz_trace_deinit(&t);
    text_deinit(&reply);
    text_deinit(&out[0]);
    text_deinit(&out[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_store_is_found), cmocka_unit_test(links_damage)};
    return cmocka_run_group_tests_name("fuzz/beneath", tests, set_up, tear_down);
}
