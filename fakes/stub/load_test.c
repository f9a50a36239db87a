/* Files and folders; memory that runs out; many threads at once. */
#include "fakes/stub/test_kit.h"

#include "base/failing_walk.h"
#include "proto/set.h"
#include "world/real.h"
#include "world/sim.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#define THREADS 8
#define CALLS   2000 /* of each thread */

static void write_file(struct world *w, const char *path, const char *content)
{
    assert_int_equal(world_write_file(w, path, bytes_of(content), false, NULL), 0);
}

static void a_folder_is_taken_as_a_whole(void **state)
{
    struct kit k;
    struct sim *sim = sim_new(&(struct sim_options){.seed = 1});
    struct world *w = sim_node(sim, "disk");
    struct error err = ERROR_INIT;
    (void)state;
    kit_init(&k);
    assert_int_equal(world_make_directory(w, "s/below"), 0);
    assert_int_equal(world_make_directory(w, "g"), 0);
    write_file(w, "s/a.yaml", "{call: shop.Shop/Find, when: {id: a}, answer: {id: one}}");
    write_file(w, "s/below/b.json",
               "[{\"call\": \"shop.Shop/Find\", \"when\": {\"id\": \"b\"}, \"answer\": {\"id\": \"two\"}}]");
    write_file(w, "s/notes.txt", "no stubs");
    assert_int_equal(stub_set_load(k.set, w, "s", &err), 2);
    assert_string_equal(kit_find(&k, "{\"id\":\"b\"}"), "{\"id\":\"two\"}");
    assert_string_equal(k.answer.by, "stub s/below/b.json:1");
    stub_set_clear(k.set);

    write_file(w, "s/c.yaml", "- {call: shop.Shop/Find}\n- {call: shop.Shop/Fnd}\n");
    write_file(w, "s/d.yaml", "{call: shop.Shop/Find, wen: {}}");
    assert_int_equal(stub_set_load(k.set, w, "s", &err), ERROR_NOT_FOUND);
    assert_non_null(strstr(err.message, "s/c.yaml:2:10: shop.Shop has no method \"Fnd\""));
    assert_non_null(strstr(err.message, "\ns/d.yaml:1:24: "));
    assert_int_equal(stub_set_count(k.set), 0);
    error_clear(&err);
    assert_int_equal(stub_set_load(k.set, w, "s/d.yaml", &err), ERROR_INVALID);
    assert_string_equal(err.file, "s/d.yaml");
    assert_int_equal(err.line, 1);
    error_clear(&err);
    assert_int_equal(stub_set_load(k.set, w, "nowhere", &err), ERROR_NOT_FOUND);
    error_clear(&err);
    write_file(w, "g/g.yaml", "{service: Shop, method: Find, output: {data: {id: g}}}");
    assert_int_equal(stub_gripmock_import(k.set, w, "g", &err), 1);
    assert_string_equal(kit_find(&k, "{}"), "{\"id\":\"g\"}");
    kit_deinit(&k);
    sim_free(sim);
}

/* Every example of the page is one that is taken. */
static void the_documents_examples_are_taken(void **state)
{
    struct world *w;
    struct pb_pool *pool;
    struct stub_set *set;
    struct text page = TEXT_INIT;
    struct error err = ERROR_INIT;
    size_t examples = 0;
    (void)state;
    assert_int_equal(world_real_new(1, &w, NULL), 0);
    assert_int_equal(world_read_file(w, "docs/stubs.md", STUB_FILE_MAX, &page, NULL), 0);
    assert_int_equal(pb_pool_new(proto_set(), "proto", &pool, NULL), 0);
    assert_int_equal(stub_set_new(pool, 1, &set, NULL), 0);
    for (const char *at = text_string(&page); (at = strstr(at, "```yaml\n")) != NULL; examples++) {
        at += strlen("```yaml\n");
        const char *end = strstr(at, "```");
        assert_non_null(end);
        if (stub_set_add_yaml(set, BYTES(at, (size_t)(end - at)), "example", NULL, &err) <= 0)
            fail_msg("example %zu: %d:%d: %s", examples, err.line, err.column, err.message);
        at = end;
    }
    assert_true(examples >= 4);
    stub_set_free(set);
    pb_pool_free(pool);
    text_deinit(&page);
    world_real_free(w);
}

/* ---- memory ---- */

static struct pb_pool *walked_pool;

static const char rich[] =
    "[{stub: a, call: shop.Shop/Find, when: {id: {$regex: '^a(.)', $capture: c}, tags: {$unordered: [x, y]}, labels: "
    "{k: v}, "
    "items: {$contains: {id: i}}, note: n, $anyOf: [{count: 1}, {since: '2024-01-01T00:00:00Z'}]}, metadata: {x: y, "
    "$anyOf: "
    "[{z: {$absent: true}}]}, state: {machine: 'm ${request.id}', is: [start, on], becomes: on}, answer: {id: "
    "'${captured.c}${metadata.x}', tags: '${request.tags}', options: {table: '${uuid}'}, made: '${now}', labels: "
    "{'${request.id}': v}}, delay: {normal: {mean: 1ms, deviation: 1ms}}, headers: {h: '${counter.n}'}, effects: "
    "[{add: "
    "{stub: b, call: shop.Shop/Watch, when: {id: '${request.id}'}}}, {remove: gone}]},"
    " {stub: gone, call: shop.Shop/Find, when: {id: z}, status: ABORTED, message: 'm ${request.id}'}]";

static const char foreign[] =
    "- &find\n  service: Shop\n  method: Find\n  input: &in {equals: {id: {{ bytes2base64 \"i\" }}}}\n  output: {data: "
    "{}}\n"
    "---\n- <<: {service: Shop, method: Find}\n"
    "  input: {matches: {id: '^(?=a)', tags: ['x', 'y']}, ignoreArrayOrder: true}\n"
    "  output:\n    delay: '{{ jitter \"1ms\" \"2ms\" }}'\n    headers: {h: '{{index .Headers \"x\"}}'}\n"
    "    data:\n      title: '{{range $i, $t := .Request.tags}}{{if $i}}, {{end}}{{upper $t | printf "
    "\"%3s\"}}{{end}}'\n"
    "      id: {{ faker.Person.Name }}\n      raw: '{{string2base64 .Request.id}}'\n"
    "      tags: ['{{json .Request.items}}', '{{with $x := split .Request.id \"b\"}}{{$x}}{{join $x \"-\"}}{{end}}']\n"
    "      amount: '{{add (len .Request.items) (index .Requests 0).count}}'\n"
    "      options: {table: '{{now | unix}} {{.Request.labels}} {{extract .Request.items \"id\"}}'}\n";
static bool walked_gripmock;

static int walk(void)
{
    static const char *const request =
        "{\"id\":\"ab\",\"tags\":[\"y\",\"x\"],\"labels\":{\"k\":\"v\"},\"items\":[{\"id\":"
        "\"i\"}],\"note\":\"n\",\"count\":1}";
    struct error err = ERROR_INIT;
    struct stub_set *set = NULL;
    struct fake_answer answer;
    struct stub_nearest near = {0};
    struct text wire = TEXT_INIT;
    fake_answer_init(&answer);
    int code = stub_set_new(walked_pool, 1, &set, &err);
    if (code == 0) {
        int64_t count = walked_gripmock ? stub_set_add_gripmock(set, bytes_of(foreign), "g.yaml", NULL, &err)
                                        : stub_set_add_yaml(set, bytes_of(rich), "rich.yaml", NULL, &err);
        code = count < 0 ? (int)count : 0;
    }
    const struct pb_service *s = pb_find_service(walked_pool, "shop.Shop");
    if (code == 0)
        code = pb_json_to_wire(s->methods[0].input, bytes_of(request), 0, &wire, &err);
    if (code == 0) {
        struct grpc_header header = {bytes_of("x"), bytes_of("y")};
        struct fake_asked asked = {.service = s,
                                   .method = &s->methods[0],
                                   .request = text_bytes(&wire),
                                   .ends = &wire.len,
                                   .messages = 1,
                                   .complete = true,
                                   .metadata = {&header, 1},
                                   .caller = "c",
                                   .session = "s",
                                   .now = KIT_NOW};
        struct fake_responder r = stub_set_responder(set);
        if (r.respond(r.arg, &asked, &answer) != FAKE_ANSWERED)
            code = ERROR_INVALID;
        else if (answer.status == GRPC_RESOURCE_EXHAUSTED)
            code = ERROR_MEMORY;
        else if (answer.status != GRPC_OK || answer.marks.count != 1)
            code = error_set(&err, ERROR_PROTOCOL, "%s", text_string(&answer.message));
        if (code == ERROR_PROTOCOL)
            print_message("%s\n", err.message);
        if (code == 0)
            code = stub_set_nearest(set, &asked, 10, &near);
    }
    stub_nearest_deinit(&near);
    fake_answer_deinit(&answer);
    stub_set_free(set);
    text_deinit(&wire);
    error_clear(&err);
    return code;
}

static void memory_may_run_out_anywhere(void **state)
{
    struct kit k;
    (void)state;
    kit_init(&k);
    walked_pool = k.pool;
    json_set_alloc_funcs(failing_malloc, failing_free);
    assert_true(failing_walk(walk, FAILING_MAY_BE_BORNE) > 100);
    walked_gripmock = true;
    assert_true(failing_walk(walk, FAILING_MAY_BE_BORNE) > 100);
    json_set_alloc_funcs(malloc, free);
    kit_deinit(&k);
}

/* ---- threads ---- */

static struct kit shared;
static atomic_int answered, limited;

static void *caller(void *arg)
{
    const struct pb_method *m = kit_method(&shared, "Find");
    struct fake_answer answer;
    static const uint8_t wire[2][3] = {{0x0A, 1, 'a'}, {0x0A, 1, 'b'}};
    size_t end = 3;
    char name[32];
    snprintf(name, sizeof name, "own %d", *(int *)arg);
    fake_answer_init(&answer);
    for (int i = 0; i < CALLS; i++) {
        struct fake_asked asked = {.service = m->service,
                                   .method = m,
                                   .request = BYTES(wire[i % 2], 3),
                                   .ends = &end,
                                   .messages = 1,
                                   .complete = true,
                                   .caller = "c",
                                   .session = "",
                                   .now = KIT_NOW};
        fake_answer_clear(&answer);
        if (shared.responder.respond(shared.responder.arg, &asked, &answer) == FAKE_ANSWERED)
            atomic_fetch_add(answer.headers.count > 0 ? &limited : &answered, 1);
        if (i % 100 == 0) {
            char yaml[128];
            snprintf(yaml, sizeof yaml, "{stub: %s, call: shop.Shop/Find, when: {id: z}}", name);
            stub_set_add_yaml(shared.set, bytes_of(yaml), "t.yaml", NULL, NULL);
            stub_set_remove_named(shared.set, name);
        }
    }
    fake_answer_deinit(&answer);
    return NULL;
}

static void many_threads_count_exactly(void **state)
{
    pthread_t threads[THREADS];
    int numbers[THREADS];
    (void)state;
    kit_init(&shared);
    kit_add(&shared,
            "[{call: shop.Shop/Find, when: {id: a}, times: 1000, headers: {h: x}}, {call: shop.Shop/Find, when: "
            "{id: {$regex: '^[ab]'}}, answer: {id: '${stub.count}'}}]");
    for (int i = 0; i < THREADS; i++) {
        numbers[i] = i;
        assert_int_equal(pthread_create(&threads[i], NULL, caller, &numbers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(limited, 1000);
    assert_int_equal(answered, THREADS * CALLS - 1000);
    assert_int_equal(stub_set_count(shared.set), 2);
    kit_deinit(&shared);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_folder_is_taken_as_a_whole),
        cmocka_unit_test(the_documents_examples_are_taken),
        cmocka_unit_test(memory_may_run_out_anywhere),
        cmocka_unit_test(many_threads_count_exactly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
