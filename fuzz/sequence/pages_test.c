/* pages-broken by cursors: a list whose pages go on where the one before says, with a bug and without. Its contract is
 * built here, for none of proto/ has a cursor. Its elements have a map, whose entries come in another order each time.
 */
#include "base/test.h"

#include "fuzz/sequence/check.h"

#include "fuzz/message/put.h"
#include "fuzz/sequence/link.h"
#include "fuzz/sequence/sequence_internal.h"
#include "wire/grpc.h"

#include <stdio.h>
#include <string.h>

enum bug {
    BUG_NONE,
    BUG_REPEATS, /* a page begins with the last one of the page before it */
    BUG_SKIPS,   /* and leaves one out */
    BUG_ENDS,    /* the second page says that it is the last one */
    BUG_CHANGES, /* none: the list grows while it is read */
};

#define ITEMS  9
#define PROBES 100

static struct pb_pool *pool;

/* `of`: the name of its type, NULL: it needs none. */
static void add_field(struct text *message, const char *name, uint64_t number, uint64_t label, uint64_t type,
                      const char *of)
{
    struct text f = TEXT_INIT;
    const uint64_t numbers[] = {number, label, type};
    fuzz_put_bytes(&f, 1, bytes_of(name));
    for (uint32_t i = 0; i < 3; i++) {
        fuzz_put_tag(&f, 3 + i, WIRE_VARINT);
        fuzz_put_varint(&f, numbers[i]);
    }
    if (of != NULL)
        fuzz_put_bytes(&f, 6, bytes_of(of));
    fuzz_put_bytes(message, 2, text_bytes(&f));
    text_deinit(&f);
}

static void add_item(struct text *file)
{
    struct text m = TEXT_INIT, entry = TEXT_INIT;
    fuzz_put_bytes(&m, 1, bytes_of("Item"));
    add_field(&m, "name", 1, 1, PB_STRING, NULL);
    add_field(&m, "labels", 2, 3, PB_MESSAGE, ".shelf.Item.LabelsEntry");
    fuzz_put_bytes(&entry, 1, bytes_of("LabelsEntry"));
    add_field(&entry, "key", 1, 1, PB_STRING, NULL);
    add_field(&entry, "value", 2, 1, PB_STRING, NULL);
    fuzz_put_bytes(&entry, 7, bytes_of("\x38\x01")); /* map_entry */
    fuzz_put_bytes(&m, 3, text_bytes(&entry));
    fuzz_put_bytes(file, 4, text_bytes(&m));
    text_deinit(&entry);
    text_deinit(&m);
}

static void add_message(struct text *file, const char *name, bool asks, bool answers)
{
    struct text m = TEXT_INIT;
    fuzz_put_bytes(&m, 1, bytes_of(name));
    if (asks) {
        add_field(&m, "page_size", 1, 1, PB_UINT32, NULL);
        add_field(&m, "page_token", 2, 1, PB_STRING, NULL);
    } else if (answers) {
        add_field(&m, "items", 1, 3, PB_MESSAGE, ".shelf.Item");
        add_field(&m, "next_page_token", 2, 1, PB_STRING, NULL);
    } else {
        add_field(&m, "name", 1, 1, PB_STRING, NULL);
    }
    fuzz_put_bytes(file, 4, text_bytes(&m));
    text_deinit(&m);
}

static void add_method(struct text *service, const char *name, const char *input, const char *output)
{
    struct text m = TEXT_INIT;
    fuzz_put_bytes(&m, 1, bytes_of(name));
    fuzz_put_bytes(&m, 2, bytes_of(input));
    fuzz_put_bytes(&m, 3, bytes_of(output));
    fuzz_put_bytes(service, 2, text_bytes(&m));
    text_deinit(&m);
}

static int set_up(void **state)
{
    struct text set = TEXT_INIT, file = TEXT_INIT, service = TEXT_INIT;
    (void)state;
    fuzz_put_bytes(&file, 1, bytes_of("shelf.proto"));
    fuzz_put_bytes(&file, 2, bytes_of("shelf"));
    add_message(&file, "AddRequest", false, false);
    add_message(&file, "AddResponse", false, false);
    add_item(&file);
    add_message(&file, "ListRequest", true, false);
    add_message(&file, "ListResponse", false, true);
    fuzz_put_bytes(&service, 1, bytes_of("Shelf"));
    add_method(&service, "Add", ".shelf.AddRequest", ".shelf.AddResponse");
    add_method(&service, "List", ".shelf.ListRequest", ".shelf.ListResponse");
    fuzz_put_bytes(&file, 6, text_bytes(&service));
    fuzz_put_bytes(&file, 12, bytes_of("proto3"));
    fuzz_put_bytes(&set, 1, text_bytes(&file));
    int rc = pb_pool_new(text_bytes(&set), "shelf", &pool, NULL);
    text_deinit(&set);
    text_deinit(&file);
    text_deinit(&service);
    return rc;
}

static int tear_down(void **state)
{
    (void)state;
    pb_pool_free(pool);
    return 0;
}

static void put_item(struct text *reply, const char *name)
{
    static const char *const labels[] = {"\n\x01"
                                         "a",
                                         "\n\x01"
                                         "b"}; /* an entry with a key */
    static size_t turn;
    struct text item = TEXT_INIT;
    fuzz_put_bytes(&item, 1, bytes_of(name));
    turn++;
    for (size_t i = 0; i < 2; i++)
        fuzz_put_bytes(&item, 2, bytes_of(labels[(turn + i) % 2]));
    fuzz_put_bytes(reply, 1, text_bytes(&item));
    text_deinit(&item);
}

static void answer(enum bug bug, const struct sequence_shape *asks, struct bytes request, size_t count,
                   struct text *reply)
{
    struct bytes size = BYTES_NONE, token = BYTES_NONE;
    uint64_t limit = 0;
    size_t at = 0;
    for (size_t i = 0; i < asks->count; i++)
        (void)sequence_leaf_get(&asks->leaves[i], request,
                                strcmp(sequence_leaf_field(&asks->leaves[i])->name, "page_size") == 0 ? &size : &token);
    (void)pb_varint_read(size, &limit);
    for (size_t i = 0; i < token.len; i++)
        at = at * 10 + (size_t)(token.data[i] - '0');
    size_t end = limit > 0 && at + limit < count ? at + (size_t)limit : count;
    size_t back = at > 0 && bug == BUG_REPEATS, from = at - back + (at > 0 && bug == BUG_SKIPS);
    char text[32];
    for (size_t i = from; i < end - back; i++) {
        snprintf(text, sizeof text, "item-%zu", i);
        put_item(reply, text);
    }
    snprintf(text, sizeof text, "%zu", end);
    if (end < count && !(bug == BUG_ENDS && token.len > 0))
        fuzz_put_bytes(reply, 2, bytes_of(text));
}

static void run(enum bug bug, const struct sequence_graph *g, const struct fuzz_case *c, struct fuzz_trace *t)
{
    uint32_t calls = 0;
    size_t count = ITEMS;
    fuzz_trace_clear(t);
    for (size_t i = 0; i < c->events.count; i++) {
        const struct fuzz_event *e = &c->events.items[i];
        if (e->kind == EVENT_CALL) {
            struct trace_call call = {.event = (uint32_t)i, .status = GRPC_OK, .replies = 1};
            call.method = fuzz_case_method(c, calls++, pool);
            call.first_reply = (uint32_t)t->replies.count;
            assert_true(array_push(&t->calls, call));
        } else if (e->kind == EVENT_MESSAGE) {
            struct text request = TEXT_INIT, reply = TEXT_INIT;
            const struct trace_call *call = &t->calls.items[e->call];
            size_t method = (size_t)sequence_graph_find(g, call->method->path);
            (void)sequence_link_resolve(c, i, t, &request);
            if (strcmp(call->method->name, "List") == 0)
                answer(bug, sequence_input(g, method), text_bytes(&request), count, &reply);
            count += strcmp(call->method->name, "Add") == 0 || bug == BUG_CHANGES;
            struct trace_reply r = {.call = e->call, .body = fuzz_trace_keep(t, text_bytes(&reply))};
            assert_true(array_push(&t->replies, r));
            text_deinit(&request);
            text_deinit(&reply);
        }
    }
}

static void on_found(void *arg, const struct sequence_checker *checker, const struct sequence_finding *f)
{
    assert_string_equal(checker->name, "pages-broken");
    assert_true(f->why.len > 0 && text_ok(&f->why));
    (*(size_t *)arg)++;
}

static void pages_by_cursor(void **state)
{
    (void)state;
    for (int bug = BUG_NONE; bug <= BUG_CHANGES; bug++) {
        struct sequence_graph *g = NULL;
        struct sequence *s = NULL;
        struct fuzz_case c = FUZZ_CASE_INIT;
        struct fuzz_trace t = FUZZ_TRACE_INIT;
        size_t fired = 0;
        assert_int_equal(sequence_graph_new(pool, NULL, &g, NULL), 0);
        assert_int_equal(sequence_new(g, NULL, &s, NULL), 0);
        size_t maker = (size_t)sequence_graph_find(g, "/shelf.Shelf/Add");
        for (int i = 0; i < PROBES; i++) {
            uint8_t sources[SEQUENCE_LEAVES_MAX] = {SOURCE_FRESH};
            fuzz_case_clear(&c);
            assert_true(sequence_append(s, &c, maker, sources, 0) >= 0);
            assert_int_equal(sequence_checker_find("pages-broken")->probe(s, &c), 1);
            run((enum bug)bug, g, &c, &t);
            assert_true(sequence_check(g, &c, &t, on_found, &fired) >= 0);
        }
        if ((fired > 0) != (bug != BUG_NONE && bug != BUG_CHANGES))
            fail_msg("bug %d: told %zu times", bug, fired);
        fuzz_trace_deinit(&t);
        fuzz_case_deinit(&c);
        sequence_free(s);
        sequence_graph_free(g);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(pages_by_cursor)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
