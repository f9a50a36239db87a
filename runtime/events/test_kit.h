/* For the tests of events: the component in a simulated system, and its calls in a word each. */
#ifndef RUNTIME_EVENTS_TEST_KIT_H
#define RUNTIME_EVENTS_TEST_KIT_H

#include "base/units.h"
#include "proto/events/events.pb-c.h"
#include "runtime/events/test_node.h"
#include "runtime/service/test_calls.h"

struct kit {
    struct sim_system system;
    struct arena arena;
    char *token;
    struct test_reply last;
    struct rpc_channel *channel; /* for many calls at once */
};
void kit_begin(struct kit *k, uint64_t seed, const char *const *options);
void kit_end(struct kit *k);
void kit_restart(struct kit *k, const char *const *options); /* a crash, and up again */

void kit_call(struct kit *k, const char *path, const ProtobufCMessage *request); /* into k->last */
int kit_try_publish_bytes(struct kit *k, const char *topic, const void *payload, size_t len);
int kit_try_publish(struct kit *k, const char *topic, const char *payload);
void kit_publish(struct kit *k, const char *topic, const char *payload); /* must succeed */
/* Payloads are the numbers from `first` on; many calls in flight on one connection, in order. */
void kit_publish_many(struct kit *k, const char *topic, unsigned first, unsigned count);
void kit_publish_big(struct kit *k, const char *topic, unsigned count, size_t size); /* number, then zeros */
const Events__ReadResponse *kit_read(struct kit *k, const char *topic, uint64_t limit, uint64_t offset);
const char *kit_payload(struct kit *k, const Events__Event *e);
const char *kit_metadata(const Events__Event *e, const char *key); /* "" when absent */

void kit_consume(struct kit *k, struct test_pipe *p, const char *node, const char *topic, const char *group,
                 int64_t offset, bool auto_ack, int64_t ack_wait, int64_t retry_limit);
const Events__Event *kit_event(struct test_pipe *p, size_t i);
unsigned kit_number(struct test_pipe *p, size_t i); /* the payload's */
void kit_ack(struct test_pipe *p, size_t i, bool success);
void kit_expect(struct kit *k, struct test_pipe *p, const char *payloads); /* "1 2 3 " */

#endif
