/* Calls of any kind with any requests, as wire bytes and as JSON, on a server whose responder says them back: nothing
 * crashes, and the log's line of it is JSON. The first byte picks the method and the form, a zero byte
 * in the rest parts the messages; from QUERY on the rest is a query. */
#include "fakes/serve/http.h"
#include "proto/set.h"
#include "world/sim.h"

#include <stdlib.h>

#define QUERY 0x80

struct wire {
    struct fake_stream *stream;
    bool over;
};

static int take(void *carried, struct bytes reply)
{
    (void)carried;
    (void)reply;
    return 0;
}

static bool never(const void *carried)
{
    (void)carried;
    return false;
}

static size_t none(const void *carried)
{
    (void)carried;
    return 0;
}

static void put(void *carried, const char *name, struct bytes value)
{
    (void)carried;
    (void)name;
    (void)value;
}

static void finish(void *carried, int status, struct bytes message, struct bytes details)
{
    struct wire *w = carried;
    (void)status;
    (void)message;
    (void)details;
    w->over = true;
}

static enum fake_verdict say_back(void *arg, const struct fake_asked *asked, struct fake_answer *answer)
{
    (void)arg;
    if (asked->messages == 0 || asked->complete)
        return FAKE_PASSED;
    (void)fake_answer_add(answer, fake_asked_message(asked, asked->messages - 1));
    answer->ending = FAKE_STAYS;
    return FAKE_ANSWERED;
}

static struct fake_server *server;

static void begin(void)
{
    static const char *const services[] = {"helloworld.Helloworld", "store.Store", "store.BlobStore",
                                           "network.Peering"};
    struct pb_pool *pool;
    struct sim *sim = sim_new(&(struct sim_options){.seed = 1});
    if (sim == NULL || pb_pool_new(proto_set(), "proto", &pool, NULL) != 0 ||
        fake_server_new(sim_node(sim, "doubles"), &(struct fake_server_options){.pool = pool, .journal_max = 1 << 16},
                        &server, NULL) != 0 ||
        fake_server_respond(server, &(struct fake_responder){.respond = say_back}) != 0)
        abort();
    for (size_t i = 0; i < sizeof services / sizeof *services; i++)
        if (fake_server_add(server, pb_find_service(pool, services[i]), NULL) != 0)
            abort();
}

static void check_log(void)
{
    const struct call_log_block *last = NULL;
    for (const struct call_log_block *b = call_log_first(fake_server_journal(server)); b != NULL; b = call_log_next(b))
        last = b;
    struct text line = TEXT_INIT;
    if (last != NULL) {
        json_t *tree = call_log_json(call_log_entry(last), &line) ? json_loads(text_string(&line), 0, NULL) : NULL;
        if (tree == NULL)
            abort();
        json_decref(tree);
    }
    text_deinit(&line);
}

/* As the fields of a GET. */
static void ask_query(struct wire *w, const struct served_method *m, struct bytes query)
{
    struct error err = ERROR_INIT;
    char *text = strndup((const char *)query.data, query.len);
    json_t *tree = text != NULL ? http_query_tree(m->method->input, text, &err) : NULL;
    if (tree != NULL)
        (void)exchange_json(w->stream, BYTES_NONE, tree);
    else if (err.message == NULL)
        abort();
    json_decref(tree);
    error_clear(&err);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct carrier carrier = {
        .header = put, .trailer = put, .send = take, .busy = never, .queued = none, .finish = finish};
    static const char *const methods[] = {"helloworld.Helloworld/Call",     "helloworld.Helloworld/Stream",
                                          "helloworld.Helloworld/PingPong", "store.Store/Write",
                                          "store.BlobStore/Write",          "network.Peering/Exchange"};
    struct wire w = {0};
    if (server == NULL)
        begin();
    if (size == 0)
        return 0;
    struct served_method *m = server_method(server, methods[(data[0] >> 1) % (sizeof methods / sizeof *methods)]);
    bool json = (data[0] & 1) != 0;
    w.stream = exchange_open(
        server, &(struct exchange_call){
                    .method = m, .carrier = &carrier, .carried = &w, .caller = "fuzz", .deadline = UINT64_MAX});
    if (data[0] >= QUERY) {
        ask_query(&w, m, BYTES(data + 1, size - 1));
        size = 0;
    }
    for (size_t at = 1; at < size && !w.over;) {
        const uint8_t *end = memchr(data + at, 0, size - at);
        size_t len = end != NULL ? (size_t)(end - (data + at)) : size - at;
        if (json)
            (void)exchange_json(w.stream, BYTES(data + at, len), NULL);
        else
            exchange_message(w.stream, BYTES(data + at, len));
        at += len + 1;
    }
    if (!w.over)
        exchange_complete(w.stream);
    if (!w.over) /* it stays open for who holds it */
        exchange_gone(w.stream);
    check_log();
    return 0;
}
