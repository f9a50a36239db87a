/* Doubles by the paths of google.api.http, in the simulated world: the responder answers with what it was asked. */
#include "base/test.h"

#include "base/failing_walk.h"
#include "fakes/serve/http_route.h"
#include "rpc/http.h"
#include "wire/proto/proto.h"
#include "world/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char source[] =
    "syntax = \"proto3\";\n"
    "package library;\n"
    "import \"google/api/annotations.proto\";\n"
    "import \"google/protobuf/field_mask.proto\";\n"
    "import \"google/protobuf/wrappers.proto\";\n"
    "enum Kind { NONE = 0; NOVEL = 1; }\n"
    "message Author { string name = 1; int64 born = 2; }\n"
    "message Book {\n"
    "  string name = 1; string title = 2; Kind kind = 3; Author author = 4; repeated string tags = 5;\n"
    "  map<string, int32> prices = 6; uint64 pages = 7; double weight = 8; }\n"
    "message Request {\n"
    "  string name = 1; Book book = 2; google.protobuf.FieldMask update_mask = 3; int32 page_size = 4;\n"
    "  repeated string tags = 5; Kind kind = 6; repeated Kind kinds = 7; google.protobuf.Int32Value limit = 8;\n"
    "  bool deep = 9; repeated Book books = 10; map<string, int32> prices = 11; }\n"
    "service Library {\n"
    "  rpc Get(Request) returns (Request) { option (google.api.http) = { get: \"/v1/{name=shelves/*/books/*}\"\n"
    "    additional_bindings { get: \"/v1/{name=drafts/**}\" }\n"
    "    additional_bindings { get: \"/v2/{kind}/{limit}/{book.author.name}\" } }; }\n"
    "  rpc List(Request) returns (Request) { option (google.api.http) = { get: \"/v1/{name=shelves/*}/books\"\n"
    "    response_body: \"tags\" }; }\n"
    "  rpc Create(Request) returns (Request) { option (google.api.http) = {\n"
    "    post: \"/v1/{name=shelves/*}/books\" body: \"book\" response_body: \"book\" }; }\n"
    "  rpc Update(Request) returns (Request) { option (google.api.http) = {\n"
    "    patch: \"/v1/{book.name=shelves/*/books/*}\" body: \"book\" }; }\n"
    "  rpc Publish(Request) returns (Request) { option (google.api.http) = {\n"
    "    post: \"/v1/{name=shelves/*/books/*}:publish\" body: \"*\" }; }\n"
    "  rpc Tag(Request) returns (Request) { option (google.api.http) = { put: \"/v1/tags\" body: \"tags\"\n"
    "    response_body: \"prices\" }; }\n"
    "  rpc Price(Request) returns (Request) { option (google.api.http) = { put: \"/v1/prices\" body: \"prices\"\n"
    "    response_body: \"page_size\" }; }\n"
    "  rpc Look(Request) returns (Request) { option (google.api.http) = { custom { kind: \"LOOK\" path: \"/v1/look\" "
    "}\n"
    "    additional_bindings { custom { kind: \"*\" path: \"/v1/any/{name}\" } } }; }\n"
    "  rpc Delete(Request) returns (Request) { option (google.api.http).delete = \"/v1/{name=shelves/*/books/*}\"; }\n"
    "  rpc Watch(Request) returns (stream Request) { option (google.api.http) = {\n"
    "    get: \"/v1/{name=shelves/*}:watch\" response_body: \"name\" }; }\n"
    "  rpc Import(stream Request) returns (Request) { option (google.api.http) = {\n"
    "    post: \"/v1/{name=shelves/*}:import\" body: \"book\" }; }\n"
    "  rpc Catch(Request) returns (Request) { option (google.api.http) = { get: \"/{name=**}\" }; }\n"
    "  rpc Plain(Request) returns (Request);\n"
    "}\n";

struct stage {
    struct sim *sim;
    struct world *client;
    struct pb_pool *pool;
    struct fake_server *server;
    struct http_answer answer;
    char asked[100]; /* the method */
};

static struct pb_pool *compile(const char *text, struct error *err)
{
    struct text set = TEXT_INIT;
    struct pb_pool *pool = NULL;
    if (proto_compile_text("library.proto", bytes_of(text), &set, err) == 0)
        (void)pb_pool_new(text_bytes(&set), "library", &pool, err);
    text_deinit(&set);
    return pool;
}

static enum fake_verdict say_back(void *arg, const struct fake_asked *asked, struct fake_answer *answer)
{
    struct stage *g = arg;
    (void)snprintf(g->asked, sizeof g->asked, "%s", asked->method->name);
    if (asked->messages == 0 || !asked->complete)
        return FAKE_PASSED;
    for (size_t i = 0; i < (asked->method->server_streaming ? 2 : 1); i++)
        (void)fake_answer_add(answer, fake_asked_message(asked, asked->messages - 1));
    return FAKE_ANSWERED;
}

static int open_stage(void **state, const char *text, const char *service)
{
    struct stage *g = calloc(1, sizeof *g);
    struct error err = ERROR_INIT;
    *state = g;
    g->sim = sim_new(&(struct sim_options){.seed = 9});
    g->client = sim_node(g->sim, "client");
    if ((g->pool = compile(text, &err)) == NULL)
        fail_msg("%s", err.message);
    assert_int_equal(
        fake_server_new(sim_node(g->sim, "doubles"), &(struct fake_server_options){.pool = g->pool}, &g->server, &err),
        0);
    assert_int_equal(fake_server_respond(g->server, &(struct fake_responder){.respond = say_back, .arg = g}), 0);
    assert_int_equal(fake_server_listen_http(g->server, "0.0.0.0:80", &err), 0);
    assert_int_equal(fake_server_add(g->server, pb_find_service(g->pool, service), NULL), 0);
    return 0;
}

static int setup(void **state)
{
    return open_stage(state, source, "library.Library");
}

static int setup_files(void **state)
{
    return open_stage(state,
                      "syntax = \"proto3\";\npackage google.api;\nimport \"google/api/annotations.proto\";\n"
                      "message HttpBody { string content_type = 1; bytes data = 2; }\n"
                      "service Files { rpc Echo(HttpBody) returns (HttpBody) {\n"
                      "  option (google.api.http) = { post: \"/echo\" body: \"*\" }; } }\n",
                      "google.api.Files");
}

static int teardown(void **state)
{
    struct stage *g = *state;
    fake_server_free(g->server);
    pb_pool_free(g->pool);
    sim_free(g->sim);
    http_answer_deinit(&g->answer);
    free(g);
    return 0;
}

static const char *ask(struct stage *g, const char *method, const char *path, const char *body)
{
    static char copy[4096];
    char url[300];
    struct error err = ERROR_INIT;
    (void)snprintf(url, sizeof url, "http://doubles:80%s", path);
    http_answer_deinit(&g->answer);
    g->asked[0] = '\0';
    struct http_fetch fetch = {.method = method, .url = url, .body = bytes_of(body)};
    if (http_fetch_wait(g->client, &fetch, &g->answer, &err) != 0)
        fail_msg("%s %s: %s", method, path, err.message);
    (void)snprintf(copy, sizeof copy, "%.*s", (int)g->answer.body.len, (const char *)g->answer.body.data);
    return copy;
}

/* The answer without what has its default, keys in order. */
static void expect(struct stage *g, const char *method, const char *path, const char *body, const char *called,
                   const char *request)
{
    const char *said = ask(g, method, path, body);
    struct text wire = TEXT_INIT, shown = TEXT_INIT;
    const struct pb_type *type = pb_find_type(g->pool, "library.Request");
    if (g->answer.status != 200 || strcmp(g->asked, called) != 0)
        fail_msg("%s %s: %d from %s: %s", method, path, g->answer.status, g->asked, said);
    assert_int_equal(pb_json_to_wire(type, bytes_of(said), 0, &wire, NULL), 0);
    assert_int_equal(pb_wire_to_json(type, text_bytes(&wire), 0, &shown, NULL), 0);
    assert_string_equal(text_string(&shown), request);
    text_deinit(&wire);
    text_deinit(&shown);
}

static void paths_and_queries_make_requests(void **state)
{
    struct stage *g = *state;
    expect(g, "GET", "/v1/shelves/a/books/b", "", "Get", "{\"name\":\"shelves/a/books/b\"}");
    expect(g, "GET", "/v1/shelves/a%20b/books/c%2Fd", "", "Get", "{\"name\":\"shelves/a b/books/c%2Fd\"}");
    expect(g, "GET", "/v1/drafts/x/y/z", "", "Get", "{\"name\":\"drafts/x/y/z\"}");
    expect(g, "GET", "/v2/NOVEL/7/c%2Fd", "", "Get",
           "{\"book\":{\"author\":{\"name\":\"c/d\"}},\"kind\":\"NOVEL\",\"limit\":7}");
    expect(g, "GET",
           "/v1/shelves/a/books/b?pageSize=3&tags=x&tags=y&kinds=NOVEL&kinds=0&book.author.born=1900&deep=true"
           "&update_mask=book.title&$alt=json&limit=5",
           "", "Get",
           "{\"name\":\"shelves/a/books/b\",\"book\":{\"author\":{\"born\":\"1900\"}},\"updateMask\":\"book.title\","
           "\"pageSize\":3,\"tags\":[\"x\",\"y\"],\"kinds\":[\"NOVEL\",\"NONE\"],\"limit\":5,\"deep\":true}");
    expect(g, "DELETE", "/v1/shelves/a/books/b", "", "Delete", "{\"name\":\"shelves/a/books/b\"}");
    expect(g, "GET", "/far/away", "", "Catch", "{\"name\":\"far/away\"}");
    expect(g, "GET", "/v1/shelves/a/books/b:what", "", "Get", "{\"name\":\"shelves/a/books/b:what\"}");
    expect(g, "LOOK", "/v1/look?name=n", "", "Look", "{\"name\":\"n\"}");
    expect(g, "ANYTHING", "/v1/any/n", "", "Look", "{\"name\":\"n\"}");
    /* paths that are not annotated stay */
    expect(g, "POST", "/library.Library/Plain", "{\"name\":\"p\"}", "Plain", "{\"name\":\"p\"}");
    expect(g, "POST", "/library/plain", "{\"name\":\"p\"}", "Plain", "{\"name\":\"p\"}");
    expect(g, "GET", "/library.Library/Get?name=p", "", "Get", "{\"name\":\"p\"}");
}

static void bodies_are_fields_or_all(void **state)
{
    struct stage *g = *state;
    expect(g, "PATCH", "/v1/shelves/a/books/b?updateMask=title",
           "{\"title\":\"T\",\"name\":\"other\",\"pages\":18446744073709551615}", "Update",
           "{\"book\":{\"name\":\"shelves/a/books/b\",\"title\":\"T\",\"pages\":\"18446744073709551615\"},"
           "\"updateMask\":\"title\"}");
    expect(g, "POST", "/v1/shelves/a/books/b:publish", "{\"pageSize\":2,\"name\":\"other\"}", "Publish",
           "{\"name\":\"shelves/a/books/b\",\"pageSize\":2}");
    expect(g, "POST", "/v1/shelves/a/books/b:publish", "", "Publish", "{\"name\":\"shelves/a/books/b\"}");
    expect(g, "POST", "/v1/shelves/a:import", "{\"title\":\"one\"}\n{\"title\":\"two\"}\n", "Import",
           "{\"name\":\"shelves/a\",\"book\":{\"title\":\"two\"}}");
    expect(g, "POST", "/v1/shelves/a:import", "[{\"title\":\"one\"},{\"title\":\"two\"}]", "Import",
           "{\"name\":\"shelves/a\",\"book\":{\"title\":\"two\"}}");
}

static void replies_are_fields_or_all(void **state)
{
    struct stage *g = *state;
    assert_string_equal(ask(g, "GET", "/v1/shelves/a/books?tags=x&tags=%22%2C%7D", ""), "[\"x\",\"\\\",}\"]");
    assert_string_equal(ask(g, "GET", "/v1/shelves/a/books", ""), "[]");
    assert_string_equal(ask(g, "POST", "/v1/shelves/a/books", "{\"weight\":0.1,\"kind\":1}"),
                        "{\"name\":\"\",\"title\":\"\",\"kind\":\"NOVEL\",\"tags\":[],\"prices\":{},"
                        "\"pages\":\"0\",\"weight\":0.1}");
    assert_string_equal(ask(g, "POST", "/v1/shelves/a/books", ""), "{}");
    assert_string_equal(ask(g, "PUT", "/v1/tags", "[\"a\"]"), "{}");
    assert_string_equal(ask(g, "PUT", "/v1/prices?pageSize=4", "{\"x\":1}"), "4");
    assert_string_equal(ask(g, "GET", "/v1/shelves/a:watch", ""), "\"shelves/a\"\n\"shelves/a\"\n");
    assert_non_null(
        strstr(ask(g, "GET", "/v1/shelves/a/books/b?kind=NOVEL&$alt=json;enum-encoding=int", ""), "\"kind\":1"));
}

static void an_http_body_is_as_it_is(void **state)
{
    struct stage *g = *state;
    struct http1_header type = {bytes_of("content-type"), bytes_of("image/x-test")};
    struct http_fetch fetch = {.method = "POST",
                               .url = "http://doubles:80/echo",
                               .headers = &type,
                               .header_count = 1,
                               .body = BYTES("\x00\xff{", 3)};
    struct bytes said = BYTES_NONE;
    assert_int_equal(http_fetch_wait(g->client, &fetch, &g->answer, NULL), 0);
    assert_int_equal(g->answer.status, 200);
    assert_true(bytes_equal(g->answer.body, fetch.body));
    for (size_t i = 0; i < g->answer.header_count; i++)
        if (http1_header_is(&g->answer.headers[i], "content-type"))
            said = g->answer.headers[i].value;
    assert_true(bytes_is(said, "image/x-test"));
}

static void what_does_not_fit_is_refused(void **state)
{
    struct stage *g = *state;
    static const struct {
        const char *method, *path, *body;
        int status;
        const char *why;
    } cases[] = {
        {"GET", "/v1/shelves/a/books/b?nome=x", "", 400,
         "library.Request has no field \\\"nome\\\"; did you mean name?"},
        {"GET", "/v1/shelves/a/books/b?name=x", "", 400, "name is given twice"},
        {"GET", "/v1/shelves/a/books/b?pageSize=x", "", 400, "page_size: \\\"x\\\" is no int32"},
        {"GET", "/v1/shelves/a/books/b?books=x", "", 400, "books is a message"},
        {"GET", "/v2/WRONG/1/x", "", 400, "WRONG"},
        {"PATCH", "/v1/shelves/a/books/b?book.title=x", "{}", 400,
         "the query has \\\"book.title\\\": book is the body"},
        {"PATCH", "/v1/shelves/a/books/b", "{\"titel\":1}", 400, "json:1:3: library.Book"},
        {"POST", "/v1/shelves/a/books/b:publish?deep=1", "{}", 400,
         "all of library.Request but the path is in the body"},
        {"PUT", "/v1/tags", "[\"a\"], \"name\": \"b\"", 400, "the body is no JSON: 1:6"},
        {"PUT", "/v1/tags", "{\"name\":1}", 400, "expected a list, found an object"},
        {"PUT", "/v1/shelves/a/books/b", "", 405, "see Allow"},
        {"POST", "/nowhere", "", 405, "see Allow"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *said = ask(g, cases[i].method, cases[i].path, cases[i].body);
        if (g->answer.status != cases[i].status || strstr(said, cases[i].why) == NULL)
            fail_msg("%s %s: %d %s; expected %d and %s", cases[i].method, cases[i].path, g->answer.status, said,
                     cases[i].status, cases[i].why);
    }
    (void)ask(g, "PUT", "/v1/shelves/a/books/b", "");
    const struct http1_header *allow = NULL;
    for (size_t i = 0; i < g->answer.header_count; i++)
        if (http1_header_is(&g->answer.headers[i], "allow"))
            allow = &g->answer.headers[i];
    assert_true(allow != NULL &&
                (bytes_is(allow->value, "GET, PATCH, DELETE") || bytes_is(allow->value, "GET, DELETE, PATCH")));
}

static void bad_paths_are_told_when_the_port_opens(void **state)
{
    (void)state;
    struct error err = ERROR_INIT;
    struct text shown = TEXT_INIT;
    struct pb_pool *pool = compile("syntax = \"proto3\";\npackage t;\nimport \"google/api/annotations.proto\";\n"
                                   "message M {}\nservice S {\n  rpc Do(M) returns (M) {\n"
                                   "    option (google.api.http) = { get: \"/v1/{id}\" };\n  }\n}\n",
                                   &err);
    struct sim *sim = sim_new(&(struct sim_options){.seed = 1});
    struct fake_server *server;
    assert_int_equal(
        fake_server_new(sim_node(sim, "doubles"), &(struct fake_server_options){.pool = pool}, &server, &err), 0);
    assert_int_equal(fake_server_add(server, pb_find_service(pool, "t.S"), NULL), 0);
    assert_int_equal(fake_server_listen_http(server, "0.0.0.0:80", &err), ERROR_INVALID);
    error_format(&err, &shown);
    assert_string_equal(text_string(&shown),
                        "library.proto:7:5: google.api.http of t.S.Do: {id}: t.M has no field \"id\"");
    error_clear(&err);
    text_deinit(&shown);
    fake_server_free(server);
    pb_pool_free(pool);
    sim_free(sim);
}

static struct stage *walked;

static int walk_request(void)
{
    struct http_routes routes = {0};
    struct text wire = TEXT_INIT, reply = TEXT_INIT, allow = TEXT_INIT;
    struct error err = ERROR_INIT;
    struct bytes path = bytes_of("/v1/shelves/a/books"), type;
    bool numbers = false;
    const struct http_route *r = NULL;
    struct http_payload payload = {.body = bytes_of("{\"title\":\"T\"}")};
    int code = http_routes_add(&routes, server_method(walked->server, "library.Library/Get")->service, &err);
    if (code == 0 && (r = http_routes_find(&routes, "POST", path, &allow)) == NULL)
        code = ERROR_NOT_FOUND;
    if (code == 0)
        code = http_route_body(r, &payload, &wire, &err);
    if (code == 0)
        code = http_route_bind(r, path, "pageSize=4", &wire, &numbers, &err);
    if (code == 0)
        code = text_ok(&wire) ? http_route_reply(r, text_bytes(&wire), numbers, &reply, &type) : ERROR_MEMORY;
    if (code == 0 && !text_ok(&reply))
        code = ERROR_MEMORY;
    if (code == 0)
        assert_non_null(strstr(text_string(&reply), "\"title\":\"T\""));
    http_routes_deinit(&routes);
    text_deinit(&wire);
    text_deinit(&reply);
    text_deinit(&allow);
    error_clear(&err);
    return code;
}

static void every_allocation_may_fail(void **state)
{
    walked = *state;
    assert_true(failing_walk(walk_request, FAILING_MAY_BE_BORNE) > 10);
}

int main(void)
{
    json_set_alloc_funcs(failing_malloc, failing_free);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(paths_and_queries_make_requests, setup, teardown),
        cmocka_unit_test_setup_teardown(bodies_are_fields_or_all, setup, teardown),
        cmocka_unit_test_setup_teardown(replies_are_fields_or_all, setup, teardown),
        cmocka_unit_test_setup_teardown(an_http_body_is_as_it_is, setup_files, teardown),
        cmocka_unit_test_setup_teardown(what_does_not_fit_is_refused, setup, teardown),
        cmocka_unit_test(bad_paths_are_told_when_the_port_opens),
        cmocka_unit_test_setup_teardown(every_allocation_may_fail, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
