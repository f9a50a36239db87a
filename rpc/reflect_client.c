#include "rpc/reflect_client.h"

#include <stdlib.h>

#define MESSAGE_SHOWN 200 /* bytes of a status message */

static const char *const paths[] = {"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
                                    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"};

struct asking {
    struct reflect_talk *talk;
    struct rpc_stream *stream; /* NULL: over */
    struct text question;
    struct error error; /* what was wrong with an answer */
    struct text message;
    int status;
    bool lost, complete;
    bool left; /* nobody waits any more: the last one frees it */
};

static void asking_free(struct asking *a)
{
    text_deinit(&a->question);
    text_deinit(&a->message);
    error_clear(&a->error);
    free(a);
}

/* The next questions, or the end of ours. */
static void go_on(struct asking *a)
{
    int rc;
    while ((rc = reflect_talk_ask(a->talk, &a->question)) == 1)
        if ((rc = rpc_stream_send(a->stream, text_bytes(&a->question))) != 0)
            break;
    if (rc == 0 && !reflect_talk_waits(a->talk)) {
        rc = rpc_stream_half_close(a->stream);
        a->complete = rc == 0;
    }
    if (rc) {
        error_set(&a->error, rc, "the server could not be asked: %s", error_code_name(rc));
        rpc_stream_cancel(a->stream);
    }
}

static void on_message(void *arg, struct bytes message)
{
    struct asking *a = arg;
    if (a->left || a->complete || a->error.code || !a->stream)
        return; /* more than was asked for */
    if (reflect_talk_answer(a->talk, message, &a->error) == 0)
        go_on(a);
    else
        rpc_stream_cancel(a->stream);
}

static void on_finished(void *arg, const struct rpc_reply *reply)
{
    struct asking *a = arg;
    a->stream = NULL;
    a->status = reply->status;
    a->lost = reply->lost;
    text_printable(&a->message, reply->message.data, reply->message.len, MESSAGE_SHOWN);
    if (a->left)
        asking_free(a);
}

static bool is_over(void *arg)
{
    const struct asking *a = arg;
    return a->stream == NULL || a->complete;
}

static int outcome(struct asking *a, struct error *err)
{
    if (a->error.code)
        return error_move(err, &a->error);
    if (a->complete)
        return 0; /* how a server ends the stream afterwards is all the same */
    const char *name = grpc_status_name(a->status), *text = text_string(&a->message);
    if (a->lost)
        return error_set(err, ERROR_CLOSED, "the server could not be asked for its contracts: %s", text);
    switch (a->status) {
    case GRPC_UNIMPLEMENTED:
    case GRPC_NOT_FOUND:
        return error_set(err, ERROR_UNSUPPORTED, "the server offers no reflection (%s: %s)", name, text);
    case GRPC_UNAUTHENTICATED:
    case GRPC_PERMISSION_DENIED:
        return error_set(err, ERROR_DENIED, "reflection was answered %s: %s", name, text);
    case GRPC_DEADLINE_EXCEEDED:
        return error_set(err, ERROR_TIMEOUT, "the server did not tell its contracts in time");
    default:
        return error_set(err, ERROR_PROTOCOL, "reflection was answered %s: %s", name, text);
    }
}

static int ask_version(struct world *w, struct rpc_channel *c, const struct rpc_request *request,
                       struct reflect_talk *t, struct error *err)
{
    static const struct rpc_stream_events events = {.message = on_message, .finished = on_finished};
    struct asking *a = calloc(1, sizeof *a);
    if (!a)
        return error_set(err, ERROR_MEMORY, "out of memory");
    a->talk = t;
    reflect_talk_again(t);
    int rc = rpc_stream_open(c, request, &events, a, &a->stream, err);
    if (rc == 0) {
        go_on(a);
        rc = world_run_until(w, is_over, a, 0);
        if (is_over(a)) {
            rc = outcome(a, err);
        } else { /* the loop was stopped: by the user */
            rpc_stream_cancel(a->stream);
            rc = error_set(err, rc ? rc : ERROR_CANCELLED, "interrupted");
        }
    }
    a->left = true; /* the end of a stream that told everything is not waited for */
    if (!a->stream)
        asking_free(a);
    return rc;
}

int reflect_ask(struct world *w, struct rpc_channel *c, struct grpc_metadata metadata, uint64_t timeout,
                struct reflect_talk *t, struct error *err)
{
    int rc = ERROR_UNSUPPORTED;
    for (size_t i = 0; rc == ERROR_UNSUPPORTED && i < sizeof paths / sizeof paths[0]; i++) {
        struct rpc_request request = {.path = paths[i], .metadata = metadata, .timeout = timeout};
        error_clear(err);
        rc = ask_version(w, c, &request, t, err);
    }
    return rc;
}
