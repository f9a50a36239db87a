/* Failures as people read them, by the hundred: answers of the product's flows are recorded in simulation; for each, a
 * double gives the same answer with one field changed, and a flow expects the recorded one. The text must name exactly
 * that field, show both values, mark the line, tell what the double was asked and the nearest stub where one was near,
 * and have the command to send the request by hand, within 40 lines. The same again as JSON from an HTTP server.
 *
 * flows_failures_test [ANSWERS [SEED]] */
#include "harrow/system/test_run.h"

#include "base/array.h"
#include "base/random.h"
#include "e2e/e2e.h"
#include "e2e/internal.h"
#include "harrow/run/pillars.h"
#include "rpc/http.h"
#include "world/real.h"

#include <stdio.h>
#include <stdlib.h>

#define LINES_MAX 40
#define SHARE     99 /* percent whose text is whole */
#define TRIES_MAX 50 /* to change a field so that it is another one */
#define PATH_MAX_ 512

static uint64_t wanted = 60, seed = 1;

struct answer {
    char method[128];
    json_t *request, *body;
};

/* ---- the fields of an answer ---- */

struct leaf {
    json_t *parent;
    const char *key; /* NULL: of a list */
    size_t index;
};
struct leaves {
    ARRAY(struct leaf) list;
};

static void find_leaves(json_t *v, struct leaves *out)
{
    const char *key;
    json_t *item;
    size_t i;
    json_object_foreach(v, key, item)
    {
        if (json_is_object(item) || json_is_array(item))
            find_leaves(item, out);
        else
            assert_true(array_push(&out->list, ((struct leaf){v, key, 0})));
    }
    json_array_foreach(v, i, item)
    {
        if (json_is_object(item) || json_is_array(item))
            find_leaves(item, out);
        else
            assert_true(array_push(&out->list, ((struct leaf){v, NULL, i})));
    }
}

/* ---- recording ---- */

struct recorder {
    int (*write)(void *arg, const char *line, size_t len);
    void *arg;
    ARRAY(struct answer) answers;
};

/* "notes.Notes/Read {...}" and {"status": "OK", "body": {...}}; what was cut to be shown is not taken. */
static void take(struct recorder *rec, const char *sent, const char *received)
{
    struct answer a = {.method = ""};
    size_t len = strcspn(sent, " ");
    json_t *answer = json_loads(received, 0, NULL), *body = json_object_get(answer, "body");
    if (len < sizeof a.method && strchr(sent, '/') != NULL && sent[len] == ' ' && json_object_size(body) > 0 &&
        json_object_get(answer, "messages") == NULL) {
        struct leaves leaves = {.list = {0}};
        find_leaves(body, &leaves);
        bool has = leaves.list.count > 0;
        array_deinit(&leaves.list);
        memcpy(a.method, sent, len);
        a.request = json_loads(sent + len + 1, 0, NULL);
        a.body = json_incref(body);
        if (!has || !json_is_object(a.request) || rec->answers.count >= wanted || !array_push(&rec->answers, a)) {
            json_decref(a.request);
            json_decref(a.body);
        }
    }
    json_decref(answer);
}

static int record(void *arg, const char *line, size_t len)
{
    struct recorder *rec = arg;
    json_t *o = json_loadb(line, len, 0, NULL);
    const char *sent = json_string_value(json_object_get(o, "sent"));
    const char *received = json_string_value(json_object_get(o, "received"));
    if (sent != NULL && received != NULL && strcmp(json_string_value(json_object_get(o, "status")), "passed") == 0)
        take(rec, sent, received);
    json_decref(o);
    return rec->write(rec->arg, line, len);
}

static void record_all(struct recorder *rec)
{
    for (uint64_t round = 0; rec->answers.count < wanted && round < wanted; round++) {
        struct run *r = test_run_begin(seed + round);
        rec->write = r->results.write;
        rec->arg = r->results.arg;
        r->results.write = record;
        r->results.arg = rec;
        struct system *s = test_system_start(r);
        assert_int_equal(pillar_e2e(r, s, NULL), 0);
        system_stop(s);
        r->results.write = rec->write;
        r->results.arg = rec->arg;
        (void)test_run_end(r);
        assert_true(rec->answers.count > 0);
    }
}

/* ---- changing one field ---- */

static json_t *another(struct random *r, const json_t *v)
{
    const char *s = json_string_value(v);
    struct text text = TEXT_INIT;
    json_t *out;
    if (json_is_boolean(v))
        return json_boolean(!json_is_true(v));
    if (json_is_integer(v))
        return json_integer(json_integer_value(v) + 1 + (json_int_t)random_below(r, 9));
    if (json_is_real(v))
        return json_real(json_real_value(v) + 0.5);
    if (s == NULL)
        return json_null();
    text_puts(&text, s);
    if (s[0] == '\0')
        text_puts(&text, "more");
    else if (s[strspn(s, "-0123456789")] == '\0') /* a 64-bit number */
        text.data[text.len - 1] = (char)(text.data[text.len - 1] == '9' ? '1' : text.data[text.len - 1] + 1);
    else if (random_below(r, 2) == 0)
        text.data[random_below(r, text.len < 8 ? text.len : 8)] = 'Q';
    else if (random_below(r, 2) == 0)
        text_puts(&text, "QQQQ");
    else
        text_clear(&text);
    out = json_string(text_string(&text));
    text_deinit(&text);
    return out;
}

static void change_leaf(struct random *r, json_t *tree)
{
    struct leaves leaves = {.list = {0}};
    find_leaves(tree, &leaves);
    if (leaves.list.count > 0) {
        const struct leaf *l = &leaves.list.items[random_below(r, leaves.list.count)];
        json_t *value =
            another(r, l->key != NULL ? json_object_get(l->parent, l->key) : json_array_get(l->parent, l->index));
        if (l->key == NULL && random_below(r, 4) == 0) {
            json_decref(value);
            json_array_remove(l->parent, l->index);
        } else if (l->key == NULL) {
            json_array_set_new(l->parent, l->index, value);
        } else {
            json_object_set_new(l->parent, l->key, value);
        }
    }
    array_deinit(&leaves.list);
}

/* The first path at which they differ, by the words of flows; how many do. */
static int differences(const json_t *a, const json_t *b, const char *path, char *first)
{
    int count = 0;
    char where[PATH_MAX_];
    if (json_is_object(a) && json_is_object(b)) {
        const char *key;
        json_t *value, *walked;
        memcpy(&walked, &a, sizeof walked);
        json_object_foreach(walked, key, value)
        {
            snprintf(where, sizeof where, "%.250s.%.250s", path, key);
            count += differences(value, json_object_get(b, key), where, first);
        }
        memcpy(&walked, &b, sizeof walked);
        json_object_foreach(walked, key, value)
        {
            snprintf(where, sizeof where, "%.250s.%.250s", path, key);
            count += json_object_get(a, key) == NULL ? differences(NULL, value, where, first) : 0;
        }
        return count;
    }
    if (json_is_array(a) && json_is_array(b) && json_array_size(a) == json_array_size(b)) {
        for (size_t i = 0; i < json_array_size(a); i++) {
            snprintf(where, sizeof where, "%.400s[%zu]", path, i);
            count += differences(json_array_get(a, i), json_array_get(b, i), where, first);
        }
        return count;
    }
    if ((a == NULL && b == NULL) || (a != NULL && b != NULL && json_equal(a, b)))
        return 0;
    if (first[0] == '\0')
        snprintf(first, PATH_MAX_, "%s", path);
    return 1;
}

static json_t *through_the_wire(const struct pb_type *type, const json_t *tree)
{
    struct text wire = TEXT_INIT;
    json_t *out = pb_tree_to_wire(type, tree, 0, &wire, NULL) == 0
                      ? pb_wire_to_tree(type, text_bytes(&wire), PB_JSON_PROTO_NAMES | PB_JSON_DEFAULTS, NULL)
                      : NULL;
    text_deinit(&wire);
    return out;
}

/* The recorded answer with one field that is another one; NULL: none was found. */
static json_t *changed(struct random *r, const struct pb_type *type, const json_t *body, char *path)
{
    for (int i = 0; i < TRIES_MAX; i++) {
        json_t *tree = json_deep_copy(body);
        change_leaf(r, tree);
        json_t *there = through_the_wire(type, tree);
        path[0] = '\0';
        if (there != NULL && differences(body, there, "body", path) == 1) {
            json_decref(there);
            return tree;
        }
        json_decref(there);
        json_decref(tree);
    }
    return NULL;
}

/* ---- the flow that fails of it ---- */

/* As a flow has it: texts are no variables. */
static json_t *escaped(const json_t *v)
{
    const char *key, *s = json_string_value(v);
    json_t *item, *walked, *out;
    size_t i;
    memcpy(&walked, &v, sizeof walked);
    if (s != NULL) {
        struct text text = TEXT_INIT;
        for (; *s != '\0'; s++)
            text_printf(&text, "%s%c", s[0] == '$' && s[1] == '{' ? "$" : "", *s);
        out = json_string(text_string(&text));
        text_deinit(&text);
        return out;
    }
    if (json_is_object(v)) {
        out = json_object();
        json_object_foreach(walked, key, item)
        {
            json_object_set_new(out, key, escaped(item));
        }
        return out;
    }
    if (json_is_array(v)) {
        out = json_array();
        json_array_foreach(walked, i, item)
        {
            json_array_append_new(out, escaped(item));
        }
        return out;
    }
    return json_deep_copy(v);
}

static json_t *last_case;

static int keep_case(void *arg, const char *line, size_t len)
{
    (void)arg;
    json_t *o = json_loadb(line, len, 0, NULL);
    if (strcmp(json_string_value(json_object_get(o, "type")), "case") == 0) {
        json_decref(last_case);
        last_case = json_incref(o);
    }
    json_decref(o);
    return 0;
}

static uint64_t now(void *arg)
{
    return world_now(arg);
}

struct judged {
    int path, values, mark, double_told, stub, stubs_near, command, lines, whole, all;
};

/* By which way the answer came, and what a text about it has. */
struct way {
    const char *command;
    bool doubles, near; /* a double gave it; a stub of it was near */
};

static void judge(struct judged *j, const struct answer *a, const char *path, struct way way)
{
    bool near = way.near;
    struct text text = TEXT_INIT, named = TEXT_INIT;
    const char *message = json_string_value(json_object_get(last_case, "message"));
    const char *detail = json_string_value(json_object_get(last_case, "detail"));
    assert_string_equal(json_string_value(json_object_get(last_case, "status")), "failed");
    text_printf(&text, "%s\n%sreplay\n  harrow\n", message, detail);
    text_printf(&named, ": %s: expected ", path);
    bool has_path = strstr(message, text_string(&named)) != NULL;
    /* Nothing else is said to differ. */
    for (const char *p = detail; has_path && (p = strstr(p, "^ ")) != NULL; p += 2)
        has_path = strncmp(p + 2, path, strlen(path)) == 0 && p[2 + strlen(path)] == ':';
    const char *expected = strstr(message, ": expected "), *got = expected != NULL ? strstr(expected, ", got ") : NULL;
    bool values = got != NULL && got > expected + 11 && got[6] != '\0';
    bool mark = strstr(detail, "\n> ") != NULL || strstr(message, "got nothing") != NULL;
    bool told = !way.doubles || (strstr(detail, "calls of the double d\n") != NULL &&
                                 strstr(detail, strchr(a->method, '/') + 1) != NULL);
    bool stub = !near || strstr(detail, "nearest") != NULL;
    bool command = strstr(detail, way.command) != NULL;
    int lines = 0;
    for (const char *p = text_string(&text); *p != '\0'; p++)
        lines += *p == '\n';
    bool whole = has_path && values && mark && told && stub && command && lines <= LINES_MAX;
    if (!whole && j->all - j->whole < 3)
        printf("---- %s: path %d values %d mark %d double %d stub %d command %d lines %d\n%s\n", path, has_path, values,
               mark, told, stub, command, lines, text_string(&text));
    j->path += has_path;
    j->values += values;
    j->mark += mark;
    j->double_told += told;
    j->stub += stub && near;
    j->stubs_near += near;
    j->command += command;
    j->lines += lines <= LINES_MAX;
    j->whole += whole;
    j->all++;
    text_deinit(&text);
    text_deinit(&named);
}

static void fails_of(struct world *w, const struct pb_pool *pool, const struct answer *a, const json_t *mutated,
                     const char *path, bool near, struct judged *j)
{
    struct doubles *d = NULL;
    struct error err = ERROR_INIT;
    struct text peers = TEXT_INIT, yaml = TEXT_INIT, stub = TEXT_INIT;
    struct flow_list flows = {0};
    struct e2e_summary summary;
    char service[128];
    snprintf(service, sizeof service, "%.*s", (int)strcspn(a->method, "/"), a->method);
    assert_int_equal(doubles_new(w, pool, false, &d, &err), 0);
    assert_int_equal(doubles_add(d, "d", service, &peers, &err), 0);
    const struct e2e_doubles *o = doubles_operations(d);
    char *reply = json_dumps(mutated, 0);
    if (o->answer(o->arg, "d", strchr(a->method, '/') + 1, -1, reply, GRPC_OK, NULL, &err) != 0)
        fail_msg("%s", err.message);
    if (near) {
        text_printf(&stub, "{\"stubs\": [{\"call\": \"%s\", \"metadata\": {\"nobody\": \"sends this\"}}]}", a->method);
        if (o->stubs(o->arg, "d", text_bytes(&stub), "near.json", &err) != 0)
            fail_msg("%s", err.message);
    }
    json_t *flow = json_pack("{s:s, s:s, s:{s:s}, s:[{s:s, s:o, s:{s:o}}]}", "contract", "a recorded answer",
                             "provider", "shop", "doubles", "d", service, "steps", "call", a->method, "request",
                             escaped(a->request), "expect", "body", escaped(a->body));
    char *text = json_dumps(flow, JSON_INDENT(2));
    if (flow_parse(bytes_of(text), "flows/recorded.yaml", &flows, &err) != 0)
        fail_msg("%s\n%s", err.message, text);
    const char *const services[] = {service, NULL};
    struct target_component part = {
        .name = "shop", .address = strchr(text_string(&peers), '=') + 1, .services = services};
    struct result_stream results = {.write = keep_case, .now = now, .now_arg = w};
    struct target target = {.world = w,
                            .system = "shop",
                            .driver = "processes",
                            .manifest = "shop.yaml",
                            .pool = pool,
                            .components = &part,
                            .component_count = 1,
                            .seed = 1,
                            .results = &results};
    struct e2e_options options = {.pillar = "contract", .replay = "harrow", .doubles = o};
    assert_int_equal(e2e_run(&target, &flows, &options, &summary, &err), 0);
    assert_int_equal(summary.failed, 1);
    judge(j, a, path, (struct way){"by hand\n  grpcurl -plaintext ", true, near});
    flow_list_free(&flows);
    target_close_channels(&target);
    doubles_free(d);
    json_decref(flow);
    free(text);
    free(reply);
    text_deinit(&peers);
    text_deinit(&stub);
    text_deinit(&yaml);
}

static void answer_http(void *arg, struct http_exchange *x)
{
    const struct text *reply = arg;
    http_respond(x, 200, "application/json", text_bytes(reply));
}

static void fails_over_http(struct world *w, const struct answer *a, const json_t *mutated, const char *path,
                            struct judged *j)
{
    const struct http_server_options http = {0};
    struct http_server *server = NULL;
    struct error err = ERROR_INIT;
    struct flow_list flows = {0};
    struct e2e_summary summary;
    struct text reply = TEXT_INIT;
    char gateway[64], asked[140];
    char *dump = json_dumps(mutated, 0);
    text_puts(&reply, dump);
    free(dump);
    snprintf(asked, sizeof asked, "POST /%s", a->method);
    assert_int_equal(http_server_new(w, &http, answer_http, &reply, &server, &err), 0);
    assert_int_equal(http_server_listen(server, "127.0.0.1:0", &err), 0);
    snprintf(gateway, sizeof gateway, "http://127.0.0.1:%d", http_server_port(server));
    json_t *flow = json_pack("{s:s, s:[{s:s, s:o, s:{s:o}}]}", "flow", "a recorded answer", "steps", "http", asked,
                             "json", escaped(a->request), "expect", "body", escaped(a->body));
    char *text = json_dumps(flow, JSON_INDENT(2));
    if (flow_parse(bytes_of(text), "flows/recorded.yaml", &flows, &err) != 0)
        fail_msg("%s\n%s", err.message, text);
    struct result_stream results = {.write = keep_case, .now = now, .now_arg = w};
    struct target target = {.world = w,
                            .system = "shop",
                            .driver = "processes",
                            .manifest = "shop.yaml",
                            .gateway = gateway,
                            .seed = 1,
                            .results = &results};
    struct e2e_options options = {.pillar = "e2e", .replay = "harrow"};
    assert_int_equal(e2e_run(&target, &flows, &options, &summary, &err), 0);
    assert_int_equal(summary.failed, 1);
    judge(j, a, path, (struct way){"by hand\n  curl -i ", false, false});
    flow_list_free(&flows);
    http_server_free(server);
    json_decref(flow);
    free(text);
    text_deinit(&reply);
}

static void one_field_is_another(void **state)
{
    struct recorder rec = {.answers = {0}};
    struct judged j = {0}, http = {0};
    struct random r;
    struct world *w = NULL;
    struct run *run;
    int exact = 0;
    (void)state;
    random_seed(&r, seed);
    record_all(&rec);
    run = test_run_begin(seed); /* for its contracts */
    struct system *s = test_system_start(run);
    const struct pb_pool *pool = system_target(s)->pool;
    assert_int_equal(world_real_new(1, &w, NULL), 0);
    for (size_t i = 0; i < rec.answers.count; i++) {
        struct answer *a = &rec.answers.items[i];
        char path[PATH_MAX_ + 1], slashed[140];
        snprintf(slashed, sizeof slashed, "/%s", a->method);
        const struct pb_method *method = pb_find_method(pool, slashed, false);
        json_t *mutated = method != NULL && !method->client_streaming && !method->server_streaming
                              ? changed(&r, method->output, a->body, path)
                              : NULL;
        if (mutated != NULL) {
            fails_of(w, pool, a, mutated, path, random_below(&r, 3) == 0, &j);
            fails_over_http(w, a, mutated, path, &http);
            exact++;
        }
        json_decref(mutated);
        json_decref(a->request);
        json_decref(a->body);
    }
    printf(
        "%zu answers recorded, %d changed in one field: %d name exactly it, %d show both values, %d mark the line, %d "
        "tell the double's calls, %d of %d the nearest stub, %d have a grpcurl line, %d at most %d lines; %d all of "
        "it\n",
        rec.answers.count, exact, j.path, j.values, j.mark, j.double_told, j.stub, j.stubs_near, j.command, j.lines,
        LINES_MAX, j.whole);
    printf(
        "over HTTP %d: %d name exactly it, %d show both values, %d mark the line, %d have a curl line, %d at most %d "
        "lines; %d all of it\n",
        http.all, http.path, http.values, http.mark, http.command, http.lines, LINES_MAX, http.whole);
    assert_true(j.all * 10 >= (int)wanted * 9);
    assert_true(j.whole * 100 >= j.all * SHARE);
    assert_int_equal(http.all, j.all);
    assert_true(http.whole * 100 >= http.all * SHARE);
    array_deinit(&rec.answers);
    json_decref(last_case);
    world_real_free(w);
    system_stop(s);
    (void)test_run_end(run);
}

int main(int argc, char **argv)
{
    wanted = argc > 1 ? strtoull(argv[1], NULL, 10) : wanted;
    seed = argc > 2 ? strtoull(argv[2], NULL, 10) : seed;
    const struct CMUnitTest tests[] = {cmocka_unit_test(one_field_is_another)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
