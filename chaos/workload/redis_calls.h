/* Calls of Redis (rpc/redis_client.h) as the kinds of workload make them: each client has a connection of its own, and
 * keys of the run's own, whose values are whole numbers written as digits. */
#ifndef CHAOS_WORKLOAD_REDIS_CALLS_H
#define CHAOS_WORKLOAD_REDIS_CALLS_H

#include "chaos/workload/workload.h"
#include "rpc/redis_client.h"

#define REDIS_SERVICE   "redis" /* what a manifest calls it */
#define REDIS_KEY_MAX   128     /* bytes, with the zero behind it */
#define REDIS_WORDS_MAX 8       /* of a command */
#define REDIS_GARBLED   (-1)    /* a value that no workload ever wrote: no model explains it */

/* "RUN/PREFIX3". */
void redis_key(const struct workload *w, const char *prefix, uint32_t key, char out[REDIS_KEY_MAX]);
/* Of a value, in `out`; which is returned. */
const char *redis_digits(int64_t value, char out[24]);

/* For a kind's `prepare` and `stop`: the clients' connections, as their `state`. */
int redis_prepare(struct workload *w, struct error *err);
void redis_stop(struct workload *w);

/* Makes the operation's next call: commands, sent at once. As workload_call(), `answered` says how the operation ended,
 * or END_OPEN when it has made the next call. */
typedef struct workload_outcome redis_answered(struct workload_client *c, const struct redis_answer *answer);
struct redis_words {
    const char *words[REDIS_WORDS_MAX]; /* up to the first NULL */
};
int redis_ask(struct workload_client *c, const struct redis_words *commands, size_t count, redis_answered *answered);

/* How a change of one command ended. What Redis answers with an error it has not done. */
enum operation_end redis_end_of_write(struct workload_client *c, const struct redis_answer *answer);
/* What a reply holds: VALUE_NIL, a number, or REDIS_GARBLED. False: it is no answer to the question. */
bool redis_value(const struct resp_reply *reply, int64_t *out);
/* The usual ends of an operation that is one command that reads a value; that changes something. */
struct workload_outcome redis_read_answered(struct workload_client *c, const struct redis_answer *answer);
struct workload_outcome redis_write_answered(struct workload_client *c, const struct redis_answer *answer);

#endif
