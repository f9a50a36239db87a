#include "base/test.h"

#include "tests/chaos/liar.h"

#include "base/array.h"
#include "rpc/rpc.h"
#include "store/store.pb-c.h"

#include <stdlib.h>
#include <string.h>

#define NODE      "liar"
#define CACHE_MAX 512

/* The first answer to a question. */
struct remembered {
    struct text question, answers; /* answers: length, bytes; ... */
    size_t count;
};
struct liar {
    const struct liar_options *options;
    struct rpc_server *server;
    struct rpc_channel *channel;
    struct remembered cache[CACHE_MAX];
    size_t cached;
    int seen; /* calls or messages of the method */
};
struct passage {
    struct liar *liar;
    struct rpc_call *call;
    struct rpc_stream *up; /* NULL: ended */
    bool chosen;           /* of the method it lies about */
    bool told;             /* it has been answered with a lie */
    int sent;              /* messages of the request */
    struct text question, held;
    struct remembered *remember; /* what its answers are kept in; NULL: nowhere */
};

static bool its_turn(struct passage *p)
{
    return p->chosen && ++p->liar->seen % p->liar->options->every == 0;
}

static void drop(struct passage *p)
{
    text_deinit(&p->question);
    text_deinit(&p->held);
    free(p);
}

/* ---- what comes back ---- */

static void pass_back(struct passage *p, struct bytes message)
{
    uint32_t len = (uint32_t)message.len;
    (void)rpc_call_send_bytes(p->call, message);
    if (p->remember != NULL) {
        text_add(&p->remember->answers, (const char *)&len, sizeof len);
        text_add(&p->remember->answers, (const char *)message.data, message.len);
        p->remember->count++;
    }
}

static void on_headers(void *arg, struct grpc_metadata headers)
{
    struct passage *p = arg;
    for (size_t i = 0; i < headers.count; i++)
        if (bytes_is(headers.items[i].name, "micro-revision") ||
            bytes_is(headers.items[i].name, "micro-events-position"))
            (void)rpc_call_send_header(p->call, (const char *)headers.items[i].name.data, headers.items[i].value);
    (void)rpc_call_flush_headers(p->call);
}

static void on_answer(void *arg, struct bytes message)
{
    struct passage *p = arg;
    enum lie lie = p->liar->options->lie;
    bool lies = (lie == LIE_SKIP || lie == LIE_TWICE || lie == LIE_SWAP) && its_turn(p);
    if (lies && lie == LIE_SWAP && p->held.len == 0) {
        text_add(&p->held, (const char *)message.data, message.len);
        return;
    }
    if (!lies || lie != LIE_SKIP)
        pass_back(p, message);
    if (lies && lie == LIE_TWICE)
        pass_back(p, message);
    if (p->held.len > 0) {
        pass_back(p, text_bytes(&p->held));
        text_clear(&p->held);
    }
}

static void on_end(void *arg, const struct rpc_reply *reply)
{
    struct passage *p = arg;
    p->up = NULL;
    for (size_t i = 0; i < reply->trailers.count; i++) {
        char name[64];
        struct bytes from = reply->trailers.items[i].name;
        assert_true(from.len < sizeof name);
        memcpy(name, from.data, from.len);
        name[from.len] = '\0';
        (void)rpc_call_add_trailer(p->call, name, reply->trailers.items[i].value);
    }
    rpc_call_finish_details(p->call, reply->status, reply->message, reply->details);
    drop(p);
}

/* ---- what is asked ---- */

/* The preconditions, or the expiry, of a Write; packed anew. */
static int alter(const struct liar *l, struct bytes message, struct text *out)
{
    struct arena arena = ARENA_INIT;
    ProtobufCMessage *unpacked = NULL;
    int code = pb_unpack(&store__write_request__descriptor, message, &arena, &unpacked, NULL);
    if (code == 0) {
        Store__WriteRequest *request = (Store__WriteRequest *)unpacked;
        if (l->options->lie == LIE_IMMORTAL) {
            request->record->expiry = 0;
        } else if (request->options != NULL) {
            request->options->if_revision = 0;
            request->options->if_absent = false;
        }
        code = pb_pack(unpacked, out);
    }
    arena_deinit(&arena);
    return code;
}

/* Known questions are answered from memory when it is their turn; new ones are remembered. */
static bool from_memory(struct passage *p)
{
    struct liar *l = p->liar;
    for (size_t i = 0; i < l->cached; i++) {
        struct remembered *r = &l->cache[i];
        if (!bytes_equal(text_bytes(&r->question), text_bytes(&p->question)))
            continue;
        if (!its_turn(p) || r->count == 0)
            return false;
        const char *at = r->answers.data;
        for (size_t n = 0; n < r->count; n++) {
            uint32_t len;
            memcpy(&len, at, sizeof len);
            (void)rpc_call_send_bytes(p->call, BYTES(at + sizeof len, len));
            at += sizeof len + len;
        }
        return true;
    }
    if (l->cached < CACHE_MAX) {
        p->remember = &l->cache[l->cached++];
        text_add(&p->remember->question, p->question.data, p->question.len);
    }
    return false;
}

/* The call has got its answer, and its upstream is not needed. */
static void answer_alone(struct passage *p)
{
    p->told = true;
    rpc_stream_cancel(p->up);
}

static void on_lie_end(void *arg, const struct rpc_reply *reply)
{
    struct passage *p = arg;
    if (!p->told) {
        on_end(arg, reply);
        return;
    }
    p->up = NULL;
    rpc_call_finish(p->call, GRPC_OK, NULL);
    drop(p);
}

static void on_open(struct rpc_call *call, void *context)
{
    static const struct rpc_stream_events events = {
        .headers = on_headers, .message = on_answer, .finished = on_lie_end};
    struct liar *l = context;
    struct passage *p = calloc(1, sizeof *p);
    assert_non_null(p);
    *p = (struct passage){.liar = l, .call = call, .chosen = strcmp(rpc_call_path(call), l->options->path) == 0};
    rpc_call_set_user(call, p);
    struct rpc_request request = {.path = rpc_call_path(call), .metadata = rpc_call_metadata(call)};
    assert_int_equal(rpc_stream_open(l->channel, &request, &events, p, &p->up, NULL), 0);
}

static void on_request(struct rpc_call *call, struct bytes message, void *context)
{
    struct passage *p = rpc_call_user(call);
    const struct liar *l = context;
    struct text altered = TEXT_INIT;
    bool first = p->sent++ == 0;
    if (p->up == NULL || p->told)
        return;
    text_add(&p->question, (const char *)message.data, message.len);
    if (p->chosen && first && l->options->lie == LIE_SWALLOW && its_turn(p)) {
        static const struct bytes nothing = {0};
        (void)rpc_call_send_bytes(call, nothing);
        answer_alone(p);
        return;
    }
    if (p->chosen && first && l->options->lie == LIE_STALE && from_memory(p)) {
        answer_alone(p);
        return;
    }
    if (p->chosen && !first && l->options->lie == LIE_DEAF)
        return;
    bool alters = p->chosen && (l->options->lie == LIE_BLIND || l->options->lie == LIE_IMMORTAL) && its_turn(p);
    if (alters && alter(l, message, &altered) == 0)
        message = text_bytes(&altered);
    (void)rpc_stream_send(p->up, message);
    text_deinit(&altered);
}

static void on_half_closed(struct rpc_call *call, void *context)
{
    struct passage *p = rpc_call_user(call);
    (void)context;
    if (p->up != NULL && !p->told)
        (void)rpc_stream_half_close(p->up);
}

static void on_cancelled(struct rpc_call *call, void *context)
{
    struct passage *p = rpc_call_user(call);
    (void)context;
    if (p->up != NULL)
        rpc_stream_cancel(p->up); /* its end ends the call */
}

/* ---- the program ---- */

static void on_signal(void *arg, int signal)
{
    (void)signal;
    world_stop(arg);
}

static const struct liar_options *started_with; /* a program's arguments are texts; this one runs in our process */

static int start(struct world *w, int argc, const char *const *argv, void **state, struct error *err)
{
    static const struct rpc_handler handler = {
        .open = on_open, .message = on_request, .half_closed = on_half_closed, .cancelled = on_cancelled};
    struct liar *l = calloc(1, sizeof *l);
    (void)argc;
    (void)argv;
    assert_non_null(l);
    l->options = started_with;
    world_on_signal(w, on_signal, w);
    int code = rpc_channel_new(w, &(struct rpc_channel_options){.addresses = l->options->upstream}, &l->channel, err);
    if (code == 0)
        code = rpc_server_new(w, &(struct rpc_server_options){0}, &l->server, err);
    if (code == 0) {
        rpc_server_set_fallback(l->server, &handler, l);
        code = rpc_server_listen(l->server, "0.0.0.0:9000", err);
    }
    assert_int_equal(code, 0);
    *state = l;
    return 0;
}

static void stop(void *state)
{
    struct liar *l = state;
    rpc_channel_free(l->channel);
    rpc_server_free(l->server);
    for (size_t i = 0; i < l->cached; i++) {
        text_deinit(&l->cache[i].question);
        text_deinit(&l->cache[i].answers);
    }
    free(l);
}

void liar_start(struct sim *s, const struct liar_options *options)
{
    static const struct sim_program program = {.name = "liar", .start = start, .stop = stop};
    static const char *const argv[] = {"liar"};
    started_with = options;
    assert_int_equal(sim_register(s, &program), 0);
    assert_non_null(sim_node(s, NODE));
    assert_int_equal(sim_start(s, NODE, "liar", 1, argv, NULL), 0);
}
