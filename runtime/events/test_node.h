/* For the tests of the broker and of events: components with options of their own, services as their users, streams
 * and calls with metadata, all in the simulated world. */
#ifndef RUNTIME_EVENTS_TEST_NODE_H
#define RUNTIME_EVENTS_TEST_NODE_H

#include "base/array.h"
#include "runtime/server/sim_system.h"
#include "runtime/service/service.h"

/* As sim_system_start(), with more words on the command line (NULL-terminated; may be NULL); waits until it serves. */
void test_node_start(struct sim_system *s, const char *component, const char *const *extra);

/* A service on the client's node that calls others with the token. */
struct micro_service *test_node_service(struct sim_system *s, struct arena *arena, const char *token);

/* A call in protobuf that stays open; what comes is kept as bytes. */
struct test_pipe {
    struct sim_system *system;
    struct rpc_channel *channel;
    struct rpc_stream *stream;
    ARRAY(struct bytes) messages; /* in the arena */
    struct arena arena;
    bool stands, ended, paused;
    int status;
    struct text text; /* of the end */
    char *position;   /* the header micro-events-position */
    void (*on_message)(void *arg, struct test_pipe *pipe, struct bytes message);
    void *arg;
};
/* From a node of its own when `node` is not NULL. Extra metadata: name, value, ..., NULL; may be NULL. With
 * `half_close`, as a server-streaming client would. */
void test_pipe_open(struct test_pipe *p, struct sim_system *s, const char *node, const char *component,
                    const char *path, const char *token, const char *const *metadata, const ProtobufCMessage *request,
                    bool half_close);
void test_pipe_send(struct test_pipe *p, const ProtobufCMessage *message);
void test_pipe_wait(struct test_pipe *p, size_t messages); /* or until the end when 0; fails after a while */
void test_pipe_close(struct test_pipe *p);

/* One call in protobuf; the answer's body in the arena. Its status. */
struct test_reply {
    int status;
    struct bytes body;
    const char *text, *id, *revision; /* trailers micro-event-id, micro-revision, or "" */
};
void test_call(struct sim_system *s, struct arena *arena, const char *component, const char *path, const char *token,
               const char *const *metadata, const ProtobufCMessage *request, struct test_reply *out);

#endif
