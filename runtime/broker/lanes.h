/* The broker's middle: who is subscribed to what, and what waits for whom.
 *
 * Messages of a topic go to each of its lanes. A lane is what one reader of the topic sees: a plain subscriber has a
 * lane of its own, the members of a queue share one and take turns. A message is encoded once; lanes share its bytes.
 *
 * A lane hands a message to the next member that can take it (its call is not busy). When none can, the message waits
 * in the lane, bounded by count and bytes; what then happens is the policy: a plain subscriber is cut off with
 * RESOURCE_EXHAUSTED, so that it knows (LANES_CUT), or the lane loses its oldest or its newest message and says how
 * many in the header Micro-Dropped of the next one. A queue is never cut: its members may be replaced by better ones.
 *
 * For members of queues the lane remembers what was handed over until the bytes have left this process. When a member
 * vanishes before that, those messages go to the front of the lane, in order, for another member. When the last member
 * goes, what waits goes too: nothing is kept for later.
 *
 * Everything belongs to the lanes but the calls, which are the caller's; a member lives as long as its call is not
 * finished, and lanes_leave() must come before that. */
#ifndef RUNTIME_BROKER_LANES_H
#define RUNTIME_BROKER_LANES_H

#include "base/map.h"
#include "rpc/rpc.h"

#define LANES_MEMBERS_MAX  10000               /* subscribers in all */
#define LANES_TOPICS_MAX   10000               /* topics with subscribers */
#define LANES_MEMORY_MAX   ((size_t)256 << 20) /* bytes of messages waiting anywhere */
#define LANES_MESSAGES_MAX ((uint64_t)1024)    /* default: messages waiting in one lane */
#define LANES_BYTES_MAX    ((uint64_t)4 << 20) /* default: their bytes; one message always fits */

enum lanes_policy { LANES_CUT, LANES_DROP_OLDEST, LANES_DROP_NEWEST };

struct lane_member;
struct lanes {
    enum lanes_policy policy;
    uint64_t messages_max, bytes_max; /* of one lane */
    struct map topics;
    size_t member_count, topic_count;
    size_t memory; /* bytes of messages alive */
    uint64_t dropped, cut;
    /* Tells a subscriber that it is let go, and finishes its call. */
    void (*cut_off)(struct rpc_call *call);
    struct lane_member *members; /* all */
};

void lanes_init(struct lanes *l, void (*cut_off)(struct rpc_call *call));
void lanes_deinit(struct lanes *l); /* no members may be left */

/* `key` names the topic within its tenant; `queue` blank: a lane of one's own. ERROR_LIMIT, ERROR_MEMORY. */
int lanes_join(struct lanes *l, struct bytes key, const char *queue, struct rpc_call *call, struct lane_member **out);
void lanes_leave(struct lane_member *m);
void lanes_writable(struct lane_member *m);
struct rpc_call *lane_member_call(const struct lane_member *m);

/* A packed broker.Message to everybody. ERROR_LIMIT: the broker holds too much already. */
int lanes_publish(struct lanes *l, struct bytes key, struct bytes packed);

#endif
