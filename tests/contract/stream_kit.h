/* Streams for the backend's contract tests: one call whose messages are collected, and that is written to as it goes.
 */
#ifndef TESTS_CONTRACT_STREAM_KIT_H
#define TESTS_CONTRACT_STREAM_KIT_H

#include "tests/contract/backend_kit.h"

#define KIT_MESSAGES_MAX 4096

struct kit_stream {
    struct kit *kit;
    struct rpc_channel *channel; /* its own, so that the service can be killed under it */
    struct rpc_stream *stream;
    const ProtobufCMessageDescriptor *type;
    const void *messages[KIT_MESSAGES_MAX];
    size_t count;
    bool ended;
    int status;
    struct micro_error error;
};

/* The replies are of `type`. */
void kit_open(struct kit *k, struct kit_stream *s, enum kit_caller who, const char *method,
              const ProtobufCMessageDescriptor *type);
void kit_send(struct kit_stream *s, const ProtobufCMessage *message);
void kit_no_more(struct kit_stream *s); /* to be sent */
/* Until so many messages came in all; none after these within a virtual minute. */
void kit_has(struct kit_stream *s, size_t messages);
/* Waits for the end; the code of the error, or 0. */
int kit_ends(struct kit_stream *s);
void kit_close(struct kit_stream *s);

#endif
