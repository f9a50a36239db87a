/* Whole campaigns below gRPC in the simulated world: a gateway that is right or careless in known ways, and a server
 * behind a door that swallows one kind of frame. What was put in is told, nothing else, and each case brings it back.
 */
#include "base/test.h"

#include "base/units.h"
#include "fuzz/case/case.h"
#include "fuzz/frames/frame.h"
#include "fuzz/fuzz.h"
#include "fuzz/live/test_kit.h"
#include "proto/set.h"
#include "rpc/http.h"
#include "world/sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CALLS 60

enum careless {
    ACCEPTS = 1,   /* a comment in front of the object is looked over */
    INTERNAL = 2,  /* a byte order mark is answered 500 */
    REFUSES = 4,   /* white space in front of the object is refused */
    DISAGREES = 8, /* Read has one record more than gRPC tells of */
    SWALLOWS = 16, /* PRIORITY frames of a wrong length never reach the server */
    READS = 32,    /* not careless: JSON is read by gRPC as well */
    CODEC = 64,    /* there a comment in front of the object is looked over */
};

struct passage;
struct bed {
    struct sim *sim;
    struct pb_pool *pool;
    struct rpc_server *server;
    struct http_server *http;
    struct world *door;
    struct world_listener *listener;
    struct passage *passages;
    struct target target;
    struct target_component component;
    struct result_stream results;
    struct text lines;
    unsigned careless;
};

static bool begins(struct bytes body, const char *word)
{
    return body.len >= strlen(word) && memcmp(body.data, word, strlen(word)) == 0;
}

/* ---- the service: everything that decodes is answered with an empty message ---- */

static bool decodes(const struct bed *b, const struct rpc_call *call, const struct pb_type *type, struct bytes message)
{
    struct text wire = TEXT_INIT;
    if (!(b->careless & READS) || !bytes_is(rpc_call_content_type(call), "application/grpc+json"))
        return pb_scan(type->descriptor, message, NULL) == 0;
    bool ok = (b->careless & CODEC && begins(message, "/*")) || pb_json_to_wire(type, message, 0, &wire, NULL) == 0;
    text_deinit(&wire);
    return ok;
}

static void on_message(struct rpc_call *call, struct bytes message, void *service)
{
    const struct bed *b = service;
    const struct pb_method *m = pb_find_method(b->pool, rpc_call_path(call), false);
    if (!m)
        rpc_call_fail(call, GRPC_UNIMPLEMENTED, "no such method");
    else if (!decodes(b, call, m->input, message))
        rpc_call_fail(call, GRPC_INVALID_ARGUMENT, "not a %s", m->input->full_name);
}

static void on_half_closed(struct rpc_call *call, void *service)
{
    (void)service;
    rpc_call_send_bytes(call, BYTES("", 0));
    rpc_call_finish(call, GRPC_OK, "");
}

/* ---- the gateway ---- */

static void handle(void *arg, struct http_exchange *x)
{
    const struct bed *b = arg;
    const char *type = http_request_header(x, "content-type"), *path = http_path(x);
    struct bytes body = http_body(x);
    struct text rpc_path = TEXT_INIT, wire = TEXT_INIT;
    if (strncmp(path, "/store/Store/", 13) == 0)
        text_printf(&rpc_path, "/store.Store/%s", path + 13);
    const struct pb_method *m = pb_find_method(b->pool, text_string(&rpc_path), false);
    bool read = m && strcmp(m->name, "Read") == 0;
    if (!m || m->server_streaming) {
        http_respond(x, 404, "text/plain", bytes_of("no such path"));
    } else if (strcmp(http_method(x), "POST") != 0) {
        http_respond(x, 405, "text/plain", bytes_of("only POST"));
    } else if (http_request_header(x, "authorization")) {
        http_respond(x, 401, "text/plain", bytes_of("no such account"));
    } else if (type && strncasecmp(type, "application/json", 16) != 0) {
        http_respond(x, 415, "text/plain", bytes_of("only JSON"));
    } else if (http_query(x)[0] != '\0') {
        http_respond(x, 400, "text/plain", bytes_of("no queries"));
    } else if ((b->careless & ACCEPTS) && begins(body, "/*")) {
        http_respond(x, 200, "application/json", bytes_of("{}"));
    } else if ((b->careless & INTERNAL) && begins(body, "\xEF\xBB\xBF")) {
        http_respond(x, 500, "text/plain", bytes_of("unexpected byte"));
    } else if ((b->careless & REFUSES) && begins(body, " \t")) {
        http_respond(x, 400, "text/plain", bytes_of("an object is needed"));
    } else if (pb_json_to_wire(m->input, body, 0, &wire, NULL) != 0) {
        http_respond(x, 400, "text/plain", bytes_of("bad request"));
    } else {
        bool one_more = (b->careless & DISAGREES) && read;
        http_respond(x, 200, "application/json", bytes_of(one_more ? "{\"records\":[{\"key\":\"ghost\"}]}" : "{}"));
    }
    text_deinit(&rpc_path);
    text_deinit(&wire);
}

/* ---- the door in front of the server: passes bytes on, but for the frames it swallows ---- */

struct passage {
    struct passage *next, **link; /* in the bed's list */
    struct world_stream *in, *out;
    size_t preface, head_len, left;
    uint8_t head[FRAME_HEAD_SIZE];
    bool dropping;
};

static void passage_end(struct passage *p)
{
    world_stream_close(p->in);
    world_stream_close(p->out);
    *p->link = p->next;
    if (p->next)
        p->next->link = p->link;
    free(p);
}

static void on_ended(void *arg, int reason)
{
    (void)reason;
    passage_end(arg);
}

static void on_client_bytes(void *arg, struct bytes data)
{
    struct passage *p = arg;
    struct text pass = TEXT_INIT;
    for (size_t i = 0; i < data.len; i++) {
        if (p->preface > 0) {
            p->preface--;
            text_add(&pass, &data.data[i], 1);
        } else if (p->left > 0) {
            p->left--;
            if (!p->dropping)
                text_add(&pass, &data.data[i], 1);
        } else {
            p->head[p->head_len++] = data.data[i];
            if (p->head_len < sizeof p->head)
                continue;
            p->head_len = 0;
            p->left = (size_t)p->head[0] << 16 | (size_t)p->head[1] << 8 | p->head[2];
            p->dropping = p->head[3] == FRAME_PRIORITY && p->left != 5;
            if (!p->dropping)
                text_add(&pass, p->head, sizeof p->head);
        }
    }
    if (pass.len > 0)
        (void)world_stream_write(p->out, text_bytes(&pass));
    text_deinit(&pass);
}

static void on_server_bytes(void *arg, struct bytes data)
{
    struct passage *p = arg;
    (void)world_stream_write(p->in, data);
}

static void on_accept(void *arg, struct world_stream *in)
{
    static const struct world_stream_events client = {.readable = on_client_bytes, .ended = on_ended},
                                            server = {.readable = on_server_bytes, .ended = on_ended};
    struct bed *b = arg;
    struct passage *p = calloc(1, sizeof *p);
    assert_non_null(p);
    *p = (struct passage){.next = b->passages, .link = &b->passages, .in = in, .preface = FRAME_PREFACE_LEN};
    if (p->next)
        p->next->link = &p->next;
    b->passages = p;
    assert_int_equal(world_connect(b->door, "toy:7000", &server, p, &p->out, NULL), 0);
    world_stream_accept(in, &client, p);
}

/* ---- the target ---- */

static bool alive(struct target *t, const char *component)
{
    (void)t;
    (void)component;
    return true;
}

static int64_t process(struct target *t, const char *component)
{
    (void)t;
    (void)component;
    return 1;
}

static void bed_init(struct bed *b, unsigned careless)
{
    static const char *const services[] = {"store.Store", NULL};
    static const struct target_operations operations = {.alive = alive, .process = process};
    static const struct rpc_handler handler = {
        .open = kit_open, .message = on_message, .half_closed = on_half_closed, .cancelled = kit_cancelled};
    *b = (struct bed){.careless = careless};
    b->sim = sim_new(&(struct sim_options){.seed = 1});
    assert_non_null(b->sim);
    assert_int_equal(pb_pool_new(proto_set(), "set", &b->pool, NULL), 0);
    struct world *w = sim_node(b->sim, "harrow"), *toy = sim_node(b->sim, "toy");
    b->door = sim_node(b->sim, "door");
    b->server = kit_serve(toy, &handler, b, true);
    if (careless & SWALLOWS)
        assert_int_equal(world_listen(b->door, "0.0.0.0:7000", on_accept, b, &b->listener, NULL), 0);
    assert_int_equal(http_server_new(sim_node(b->sim, "api"), NULL, handle, b, &b->http, NULL), 0);
    assert_int_equal(http_server_listen(b->http, "0.0.0.0:8080", NULL), 0);
    b->component = (struct target_component){
        .name = "toy", .address = careless & SWALLOWS ? "door:7000" : "toy:7000", .services = services};
    b->results = kit_results(&b->lines, w);
    b->target = (struct target){.operations = &operations,
                                .world = w,
                                .system = "toy",
                                .driver = "sim",
                                .pool = b->pool,
                                .gateway = "http://api:8080",
                                .components = &b->component,
                                .component_count = 1,
                                .results = &b->results};
}

static void bed_deinit(struct bed *b)
{
    target_close_channels(&b->target);
    world_listener_close(b->listener);
    while (b->passages)
        passage_end(b->passages);
    http_server_free(b->http);
    rpc_server_free(b->server);
    sim_free(b->sim);
    pb_pool_free(b->pool);
    text_deinit(&b->lines);
}

static void run(struct bed *b, struct fuzz_options *o, struct fuzz_summary *s)
{
    struct error err = ERROR_INIT;
    o->hang_after = (uint64_t)SECOND;
    o->replay = "harrow fuzz";
    if (fuzz_run(&b->target, o, s, &err) != 0)
        fail_msg("%s\n%s", err.message, text_string(&b->lines));
}

/* ---- tests ---- */

/* The case again: on a bed like it, which shows the same, and on a right one, which shows nothing. */
static void replayed(unsigned careless, struct bytes script, const char *oracle)
{
    for (size_t i = 0; i < 2; i++) {
        struct bed b;
        struct fuzz_summary s;
        bed_init(&b, i == 0 ? careless : 0);
        run(&b, &(struct fuzz_options){.seed = 77, .script = script}, &s);
        if (s.findings != (i == 0))
            fail_msg("%lld findings on the %s bed:\n%.*s\n%s", (long long)s.findings, i == 0 ? "same" : "right",
                     (int)script.len, (const char *)script.data, text_string(&b.lines));
        if (i == 0)
            assert_string_equal(s.finding_figures.items[0].oracle, oracle);
        fuzz_summary_deinit(&s);
        bed_deinit(&b);
    }
}

/* Each of `titles` is told, once, and nothing else. */
static void told(unsigned careless, const char *const *titles, size_t count)
{
    for (uint64_t seed = 1; seed <= 2; seed++) {
        struct bed b;
        struct fuzz_summary s;
        bed_init(&b, careless);
        run(&b, &(struct fuzz_options){.seed = seed, .inputs_max = CALLS, .findings = "found"}, &s);
        for (size_t i = 0; i < s.finding_figures.count; i++) {
            const struct fuzz_finding_figures *f = &s.finding_figures.items[i];
            struct text script = TEXT_INIT;
            size_t k = 0;
            while (k < count && strcmp(titles[k], f->title) != 0)
                k++;
            if (k == count)
                fail_msg("seed %d: %s\n%s", (int)seed, f->title, text_string(&b.lines));
            assert_int_equal(world_read_file(b.target.world, f->file, 1 << 20, &script, NULL), 0);
            replayed(careless, text_bytes(&script), f->oracle);
            text_deinit(&script);
        }
        if (s.finding_figures.count != count)
            fail_msg("seed %d: %zu findings\n%s", (int)seed, s.finding_figures.count, text_string(&b.lines));
        assert_null(strstr(text_string(&b.lines), " 0 messages of"));
        assert_in_range(s.inputs, CALLS, CALLS + 100); /* what goes below takes none of the calls */
        fuzz_summary_deinit(&s);
        bed_deinit(&b);
    }
}

static void what_is_right(void **state)
{
    (void)state;
    told(READS, NULL, 0);
}

static void a_careless_gateway(void **state)
{
    static const char *const titles[] = {"gateway: accepted (comment-block)", "gateway: internal (bom)",
                                         "gateway: refused (space-around)", "store.Store/Read: disagreement"};
    (void)state;
    told(ACCEPTS | INTERNAL | REFUSES | DISAGREES, titles, 4);
}

static void a_door_that_swallows(void **state)
{
    static const char *const titles[] = {"toy: answer (priority-length)"};
    (void)state;
    told(SWALLOWS, titles, 1);
}

/* At three methods, which is one decoder's. */
static void a_careless_codec(void **state)
{
    static const char *const titles[] = {"store.Store/Read: accepted (comment-block)"};
    (void)state;
    told(READS | CODEC, titles, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_is_right), cmocka_unit_test(a_careless_gateway),
                                       cmocka_unit_test(a_door_that_swallows), cmocka_unit_test(a_careless_codec)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
