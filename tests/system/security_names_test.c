/* Names that are tricks. Every string of every request of every core method, found by walking the descriptors, is
 * given each of the tricks below, by somebody who may do everything; and so are the metadata that name things, the
 * paths of calls, and the targets of HTTP requests.
 *
 * Whatever comes back is the caller's fault (4xx), "not here" (501) or "full" (507), never a 5xx of another kind; no
 * process dies; no disk gets a file outside of the component's own place; what another namespace keeps is as it was. */
#include "base/test.h"

#include "base/units.h"
#include "runtime/service/service.h"
#include "tests/system/security_kit.h"
#include "tests/system/security_methods.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX   5 /* messages inside each other */
#define FIELDS_MAX  64
#define FIELD_PATH  128
#define LONG_NAME   ((size_t)100 * 1000) /* bytes */
#define STREAM_TIME ((uint64_t)(300 * MILLISECOND))
#define MARK        '~' /* stands for the trick while the message is made; in no request of ours */

struct trick {
    const char *what;
    struct bytes value; /* two bytes at least */
};
#define TRICK(what, value)                                                                                             \
    {                                                                                                                  \
        what,                                                                                                          \
        {                                                                                                              \
            (const uint8_t *)(value), sizeof(value) - 1                                                                \
        }                                                                                                              \
    }
static char long_name[LONG_NAME + 1];
static struct trick tricks[] = {
    TRICK("parent", ".."),
    TRICK("here", "./"),
    TRICK("file beside", "../x"),
    TRICK("another namespace beside", "../other"),
    TRICK("another namespace below", "micro/../other"),
    TRICK("absolute", "/etc/passwd"),
    TRICK("up in the middle", "a/../../b"),
    TRICK("deep up", "../../../../../../../../tmp/owned"),
    TRICK("escaped dots", "%2e%2e"),
    TRICK("escaped slash", "..%2f..%2fx"),
    TRICK("twice escaped", "%252e%252e%252f"),
    TRICK("NUL inside", "a\0b"),
    TRICK("NUL and a way up", "x\0/../../y"),
    TRICK("CR LF", "a\r\nx-injected: 1\r\n\r\n"),
    TRICK("newline", "a\nb"),
    TRICK("backslashes", "..\\..\\x"),
    TRICK("drive", "C:\\x"),
    TRICK("controls", "\x01\x02\x1b[2J\x7f"),
    TRICK("no UTF-8", "a\xff\xfe"),
    TRICK("overlong slash", "..\xc0\xaf.."),
    TRICK("surrogate", "\xed\xa0\x80"),
    TRICK("division slash", "..\xe2\x88\x95x"),
    TRICK("fraction slash", "..\xe2\x81\x84x"),
    TRICK("full-width solidus", "..\xef\xbc\x8fx"),
    TRICK("full-width dots", "\xef\xbc\x8e\xef\xbc\x8e/x"),
    TRICK("right to left", "a\xe2\x80\xae"
                           "b"),
    TRICK("dashes", "--help"),
    TRICK("statement", "x'; DROP TABLE records; --"),
    TRICK("format", "%s%n%x"),
    TRICK("wildcard", "*/"),
    TRICK("file address", "file:///etc/passwd"),
    TRICK("spaces", "   "),
    {"100 kB", {(const uint8_t *)long_name, LONG_NAME}},
};
#define TRICK_COUNT (sizeof tricks / sizeof tricks[0])

/* ---- where strings are ------------------------------------------------------------------------------------------- */

struct places {
    char path[FIELDS_MAX][FIELD_PATH]; /* "options/database", "service/endpoints/0/name", "metadata/=" for a key */
    size_t count;
};

static void find_strings(const struct pb_type *type, const char *prefix, int depth, struct places *out)
{
    for (size_t i = 0; i < type->field_count; i++) {
        const struct pb_field *f = &type->fields[i];
        char path[FIELD_PATH];
        if (f->map) {
            assert_true(out->count + 2 <= FIELDS_MAX);
            snprintf(out->path[out->count++], FIELD_PATH, "%s%s/=", prefix, f->name);
            if (f->message->fields[1].kind == PB_STRING)
                snprintf(out->path[out->count++], FIELD_PATH, "%s%s/k", prefix, f->name);
        } else if (f->kind == PB_STRING) {
            assert_true(out->count < FIELDS_MAX);
            snprintf(out->path[out->count++], FIELD_PATH, "%s%s%s", prefix, f->name, f->repeated ? "/0" : "");
        } else if (f->kind == PB_MESSAGE && depth < DEPTH_MAX && f->message != type) {
            snprintf(path, sizeof path, "%s%s%s/", prefix, f->name, f->repeated ? "/0" : "");
            find_strings(f->message, path, depth + 1, out);
        }
    }
}

/* Puts `value` at the path, making what is missing on the way. */
static void set_at(json_t *at, const struct pb_type *type, const char *path, const char *value, size_t len)
{
    for (;;) {
        char name[FIELD_PATH];
        size_t n = strcspn(path, "/");
        memcpy(name, path, n);
        name[n] = '\0';
        path += n + (path[n] == '/');
        const struct pb_field *f = pb_field_by_name(type, name);
        assert_non_null(f);
        json_t *text = json_stringn(value, len);
        assert_non_null(text);
        if (f->map) {
            json_t *map = json_object();
            if (strcmp(path, "=") == 0) { /* the key is the trick; the value is one of its type */
                char *key = strndup(value, len);
                json_object_set_new(map, key,
                                    f->message->fields[1].kind == PB_STRING ? json_string("v") : json_object());
                free(key);
                json_decref(text);
            } else {
                json_object_set_new(map, "k", text);
            }
            json_object_set_new(at, name, map);
            return;
        }
        if (!*path || (f->kind == PB_STRING && f->repeated)) {
            json_object_set_new(at, name, f->repeated ? json_pack("[o]", text) : text);
            return;
        }
        json_decref(text);
        json_t *next = json_object_get(at, name);
        if (f->repeated) {
            if (json_array_size(next) == 0) {
                json_object_set_new(at, name, json_pack("[{}]"));
                next = json_object_get(at, name);
            }
            next = json_array_get(next, 0);
            path += 2; /* "0/" */
        } else if (!json_is_object(next)) {
            json_object_set_new(at, name, json_object());
            next = json_object_get(at, name);
        }
        at = next;
        type = f->message;
    }
}

/* The request with the trick at the place, as bytes: what JSON cannot say is put in afterwards. */
static void build(struct security *s, const struct security_row *r, const char *place, const struct trick *t,
                  struct text *wire)
{
    const struct pb_method *method = pb_find_method(s->pool, r->path, false);
    json_t *tree = json_loads(r->request, 0, NULL);
    char *mark = malloc(t->value.len);
    struct error err = ERROR_INIT;
    assert_non_null(method);
    assert_non_null(tree);
    assert_non_null(mark);
    memset(mark, MARK, t->value.len);
    set_at(tree, method->input, place, mark, t->value.len);
    text_clear(wire);
    if (pb_tree_to_wire(method->input, tree, 0, wire, &err) != 0)
        fail_msg("%s %s: %s", r->path, place, err.message ? err.message : "?");
    char *found = memmem(wire->data, wire->len, mark, t->value.len);
    assert_non_null(found);
    memcpy(found, t->value.data, t->value.len);
    free(mark);
    json_decref(tree);
}

/* ---- what must hold ---------------------------------------------------------------------------------------------- */

static bool fine(const struct security_answer *a)
{
    /* A stream with more than one message, which the calls here do not read as one. */
    if (a->status == GRPC_INTERNAL && strstr(text_string(&a->text), "more than one message"))
        return true;
    if (a->code >= 500)
        return a->code == 501 || a->code == 504 || a->code == 507;
    return a->status != GRPC_INTERNAL && a->status != GRPC_UNKNOWN && a->status != GRPC_UNAVAILABLE &&
           a->status != GRPC_DATA_LOSS;
}

struct listing {
    struct world *world;
    struct text names;
    char at[512];
};

static void list_below(struct listing *l);
static void list_one(void *arg, const char *name)
{
    struct listing *l = arg;
    size_t len = strlen(l->at);
    struct world_stat stat;
    assert_true(len + 1 + strlen(name) < sizeof l->at);
    snprintf(l->at + len, sizeof l->at - len, "%s%s", len && l->at[len - 1] != '/' ? "/" : "", name);
    text_printf(&l->names, "%s\n", l->at);
    if (world_stat(l->world, l->at, &stat) == 0 && stat.directory)
        list_below(l);
    l->at[len] = '\0';
}

static void list_below(struct listing *l)
{
    (void)world_list(l->world, l->at, list_one, l);
}

/* Every file of a node's disk that is outside of data/<component>/, and of data/logs of the runtime. */
static void outside(struct security *s, const char *component, struct text *out)
{
    struct listing l = {.world = sim_node(s->sim, component), .at = "/"};
    char own[64];
    snprintf(own, sizeof own, "/data/%s/", component);
    list_below(&l);
    for (const char *line = text_string(&l.names); *line; line = strchr(line, '\n') + 1) {
        size_t len = strcspn(line, "\n");
        bool logs = strcmp(component, "runtime") == 0 && strncmp(line, "/data/logs", 10) == 0; /* its services' */
        if (strncmp(line, own, strlen(own)) != 0 && !logs)
            text_printf(out, "%s:%.*s\n", component, (int)len, line);
    }
    text_deinit(&l.names);
}

static void everything_outside(struct security *s, struct text *out)
{
    for (size_t i = 0; i < sim_micro_count(s->micro); i++)
        outside(s, sim_micro_name(s->micro, i), out);
}

static const struct {
    const char *address, *put, *put_json, *get, *get_json, *words;
} kept[] = {
    {"store:8002", "/store.Store/Write",
     "{\"record\":{\"key\":\"k\",\"value\":\"b3RoZXJz\"},\"options\":{\"database\":\"other\",\"table\":\"other\"}}",
     "/store.Store/List", "{\"options\":{\"database\":\"other\",\"table\":\"other\"}}", "[\"k\"]"},
    {"store:8002", "/store.BlobStore/Write",
     "{\"key\":\"blob\",\"options\":{\"namespace\":\"other\"},\"blob\":\"b3RoZXJz\"}", "/store.BlobStore/Read",
     "{\"key\":\"blob\",\"options\":{\"namespace\":\"other\"}}", "b3RoZXJz"},
    {"config:8001", "/config.Config/Set",
     "{\"namespace\":\"other\",\"path\":\"a\",\"value\":{\"data\":\"\\\"others\\\"\",\"format\":\"json\"}}",
     "/config.Config/Get", "{\"namespace\":\"other\",\"path\":\"\"}", "others"},
    {"events:8004", "/events.Stream/Publish", "{\"topic\":\"t\",\"payload\":\"b3RoZXJz\"}", "/events.Store/Read",
     "{\"topic\":\"t\"}", "b3RoZXJz"},
    {"auth:8010", "/auth.Auth/Generate",
     "{\"id\":\"olga\",\"secret\":\"olgas-secret\",\"options\":{\"namespace\":\"other\"}}", "/auth.Accounts/List",
     "{\"options\":{\"namespace\":\"other\"}}", "olga"},
    {"auth:8010", "/auth.Rules/Create",
     "{\"rule\":{\"id\":\"mine\",\"scope\":\"\",\"resource\":{\"type\":\"*\",\"name\":\"*\",\"endpoint\":\"*\"},"
     "\"access\":\"GRANTED\",\"priority\":7},\"options\":{\"namespace\":\"other\"}}",
     "/auth.Rules/List", "{\"options\":{\"namespace\":\"other\"}}", "mine"},
    {"registry:8000", "/registry.Registry/Register",
     "{\"name\":\"theirs\",\"version\":\"1\",\"nodes\":[{\"id\":\"theirs-1\",\"address\":\"theirs:1\"}],"
     "\"options\":{\"domain\":\"other\"}}",
     "/registry.Registry/ListServices", "{\"options\":{\"domain\":\"other\"}}", "theirs"},
};
#define KEPT_COUNT (sizeof kept / sizeof kept[0])

static const char *owner(struct security *s)
{
    return arena_printf(&s->arena, "Bearer %s", security_account(s, "olga", "user", "other", "admin"));
}

static void others_data(struct security *s, bool put, struct text found[KEPT_COUNT])
{
    const char *token = owner(s);
    for (size_t i = 0; i < KEPT_COUNT; i++) {
        struct security_answer a;
        struct security_call call = {
            .address = kept[i].address, .path = kept[i].put, .authorization = token, .json = kept[i].put_json};
        if (put)
            assert_int_equal(security_status(s, &call), GRPC_OK);
        call.path = kept[i].get;
        call.json = kept[i].get_json;
        security_call(s, &call, &a);
        if (a.status != GRPC_OK || !strstr(text_string(&a.text), kept[i].words))
            fail_msg("%s of namespace other: %s %s", kept[i].get, grpc_status_name(a.status), text_string(&a.text));
        text_clear(&found[i]);
        text_add(&found[i], a.text.data, a.text.len);
        text_deinit(&a.text);
    }
}

/* ---- the tests --------------------------------------------------------------------------------------------------- */

static char *admin(struct security *s)
{
    char *header = arena_printf(&s->arena, "Bearer %s", security_account(s, "root", "user", "micro", "admin"));
    assert_non_null(header);
    return header;
}

static const char *home_of(const char *path, char out[SIM_MICRO_ADDRESS_MAX])
{
    char service[128];
    snprintf(service, sizeof service, "%.*s", (int)(strrchr(path, '/') - path - 1), path + 1);
    sim_micro_address(security_component(service), out);
    return out;
}

static size_t complaints;

static void judge(const struct security_answer *a, const char *path, const char *place, const char *what)
{
    if (fine(a))
        return;
    complaints++;
    print_error("%s, %s, %s: %s %d %.200s\n", path, place, what, grpc_status_name(a->status), a->code,
                text_string(&a->text));
}

static void every_string_of_every_request(void **state)
{
    struct security *s = *state;
    struct text wire = TEXT_INIT, before = TEXT_INIT, after = TEXT_INIT, dead = TEXT_INIT;
    struct text theirs[KEPT_COUNT] = {{0}}, theirs_now[KEPT_COUNT] = {{0}};
    static struct places places;
    char address[SIM_MICRO_ADDRESS_MAX];
    char *token = admin(s);
    size_t calls = 0;
    complaints = 0;
    others_data(s, true, theirs);
    everything_outside(s, &before);
    for (size_t i = 0; i < security_row_count; i++) {
        const struct security_row *r = &security_rows[i];
        places.count = 0;
        find_strings(pb_find_method(s->pool, r->path, false)->input, "", 0, &places);
        for (size_t p = 0; p < places.count; p++)
            for (size_t t = 0; t < TRICK_COUNT; t++) {
                struct security_answer a;
                build(s, r, places.path[p], &tricks[t], &wire);
                const struct security_call call = {.address = home_of(r->path, address),
                                                   .path = r->path,
                                                   .authorization = token,
                                                   .message = text_bytes(&wire),
                                                   .timeout = STREAM_TIME};
                security_call(s, &call, &a);
                judge(&a, r->path, places.path[p], tricks[t].what);
                text_deinit(&a.text);
                text_clear(&s->answers);
                text_clear(&s->log);
                calls++;
            }
        if (!security_all_run(s, &dead))
            fail_msg("after %s dead: %s", r->path, text_string(&dead));
    }
    assert_true(calls > 3000);
    everything_outside(s, &after);
    assert_string_equal(text_string(&after), text_string(&before));
    others_data(s, false, theirs_now);
    for (size_t i = 0; i < KEPT_COUNT; i++) {
        if (strcmp(text_string(&theirs[i]), text_string(&theirs_now[i])) != 0) {
            complaints++;
            print_error("%s changed: %s, was %s\n", kept[i].get, text_string(&theirs_now[i]), text_string(&theirs[i]));
        }
        text_deinit(&theirs[i]);
        text_deinit(&theirs_now[i]);
    }
    assert_int_equal(complaints, 0);
    text_deinit(&wire);
    text_deinit(&before);
    text_deinit(&after);
    text_deinit(&dead);
}

/* What a header can carry (RFC 9110, 5.5) and a client's library lets through. */
static bool sendable(const struct bytes *value)
{
    for (size_t i = 0; i < value->len; i++)
        if (value->data[i] < ' ' || value->data[i] > '~')
            return false;
    return value->len < 1000 && value->data[0] != ' ';
}

/* Metadata that says what a call is about. A client cannot send every trick in a header, nor could anybody. */
static void metadata(void **state)
{
    struct security *s = *state;
    static const char *const names[] = {"micro-namespace", "micro-version",  "micro-label-zone", "micro-router",
                                        "micro-gateway",   "micro-trace-id", "micro-database",   "micro-table"};
    struct text before = TEXT_INIT, after = TEXT_INIT, dead = TEXT_INIT;
    char address[SIM_MICRO_ADDRESS_MAX];
    char *token = admin(s);
    complaints = 0;
    everything_outside(s, &before);
    for (size_t i = 0; i < security_row_count; i++)
        for (size_t n = 0; n < sizeof names / sizeof names[0]; n++)
            for (size_t t = 0; t < TRICK_COUNT; t++) {
                const char *value = (const char *)tricks[t].value.data;
                struct security_answer a;
                if (!sendable(&tricks[t].value) || (n > 0 && i % 8 != 0))
                    continue;
                const struct security_call call = {.address = n > 0 && n < 5 ? "proxy:8081"
                                                                             : home_of(security_rows[i].path, address),
                                                   .path = security_rows[i].path,
                                                   .authorization = token,
                                                   .name = {names[n]},
                                                   .value = {value},
                                                   .json = security_rows[i].request,
                                                   .timeout = STREAM_TIME};
                security_call(s, &call, &a);
                judge(&a, security_rows[i].path, names[n], tricks[t].what);
                text_deinit(&a.text);
                text_clear(&s->answers);
                text_clear(&s->log);
            }
    if (!security_all_run(s, &dead))
        fail_msg("dead: %s", text_string(&dead));
    everything_outside(s, &after);
    assert_string_equal(text_string(&after), text_string(&before));
    assert_int_equal(complaints, 0);
    text_deinit(&before);
    text_deinit(&after);
    text_deinit(&dead);
}

/* Paths of calls: nobody, somewhere else, and no way into a component by a spelling of its name. */
static void paths_of_calls(void **state)
{
    struct security *s = *state;
    static const char *const paths[] = {"/../store.Store/Read",
                                        "/store.Store/../Databases",
                                        "/store.Store/Read/../Databases",
                                        "/%73tore.Store/Databases",
                                        "/../../etc/passwd",
                                        "//store.Store/Databases",
                                        "/store.Store/",
                                        "/.Store/Databases",
                                        "/store..Store/Databases",
                                        "/store\\Store/Databases",
                                        "/store.Store",
                                        "/a.b.c.d.e.f.g/H"};
    static const char *const addresses[] = {"store:8002", "proxy:8081", "network:8443", "network:8085"};
    complaints = 0;
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        for (size_t d = 0; d < sizeof addresses / sizeof addresses[0]; d++) {
            struct security_answer a;
            const struct security_call call = {.address = addresses[d], .path = paths[i], .json = "{}"};
            security_call(s, &call, &a);
            judge(&a, paths[i], addresses[d], "path");
            assert_int_not_equal(a.status, GRPC_OK);
            text_deinit(&a.text);
        }
    assert_int_equal(complaints, 0);
}

/* Headers the gateway hands on as metadata, with bytes metadata cannot carry. */
static void headers_of_requests(void **state)
{
    struct security *s = *state;
    static const char *const names[] = {"Micro-Namespace", "Micro-Trace-Id", "X-Request-Id", "X-Anything", "Timeout"};
    char *token = admin(s);
    complaints = 0;
    for (size_t n = 0; n < sizeof names / sizeof names[0]; n++)
        for (size_t t = 0; t < TRICK_COUNT; t++) {
            const char *value = (const char *)tricks[t].value.data;
            struct text header = TEXT_INIT, body = TEXT_INIT;
            if (tricks[t].value.len > 1000 || strlen(value) != tricks[t].value.len || strpbrk(value, "\r\n\x01"))
                continue;
            text_printf(&header, "%s: %s", names[n], value);
            int status =
                security_http(s, "GET", "/store/Store/Databases", token, text_string(&header), BYTES_NONE, &body);
            if (status < 200 || status > 499) {
                complaints++;
                print_error("%s, %s: %d %s\n", names[n], tricks[t].what, status, text_string(&body));
            }
            text_deinit(&header);
            text_deinit(&body);
        }
    assert_int_equal(complaints, 0);
}

/* HTTP targets: 400 or 404 (or what the endpoint says), never a 200 for what is no endpoint, never a 5xx. */
static void targets(void **state)
{
    struct security *s = *state;
    static const char *const list[] = {"/../../etc/passwd",
                                       "/%2e%2e/%2e%2e/etc/passwd",
                                       "/..%2f..%2fetc%2fpasswd",
                                       "/store/../../../etc/passwd",
                                       "/%00",
                                       "/store/%00/read",
                                       "/store%00/read",
                                       "/store/read%0d%0aX-Injected:%201",
                                       "/%0d%0aSet-Cookie:%20a=b",
                                       "/store/..;/read",
                                       "/%c0%af%c0%ae/x",
                                       "/%ff%fe/x",
                                       "/%e2%88%95etc/passwd",
                                       "/%zz",
                                       "/%",
                                       "/%2",
                                       "/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p",
                                       "//////",
                                       "/./././",
                                       "/.store/read",
                                       "/store./read",
                                       "/-/-",
                                       "/file:///etc/passwd",
                                       "/http://127.0.0.1:8002/store"};
    complaints = 0;
    char *token = admin(s);
    for (int with = 0; with < 2; with++)
        for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
            struct text body = TEXT_INIT;
            int status = security_http(s, "GET", list[i], with ? token : NULL, NULL, BYTES_NONE, &body);
            bool root = strcmp(list[i], "//////") == 0 || strcmp(list[i], "/./././") == 0;
            if ((status < 400 || status > 499) && !(root && status == 200)) {
                complaints++;
                print_error("GET %s: %d %s\n", list[i], status, text_string(&body));
            }
            text_deinit(&body);
        }
    assert_int_equal(complaints, 0);
}

static struct security system_;

static int set_up(void **state)
{
    memset(long_name, 'a', LONG_NAME);
    security_init(&system_, 7, NULL);
    *state = &system_;
    return 0;
}

static int tear_down(void **state)
{
    security_deinit(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_string_of_every_request), cmocka_unit_test(metadata), cmocka_unit_test(paths_of_calls),
        cmocka_unit_test(headers_of_requests),           cmocka_unit_test(targets),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
