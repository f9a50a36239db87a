/* What was recorded, as stubs that say it again (docs/stubs.md).
 *
 * A call is told apart by its method and all its requests. When the same one comes again its answer is remembered after
 * those before it, so that playing the stubs gives the same answers in the same order; when it is the answer it already
 * had last, nothing is added. Of a call with streams both ways every turn is a stub of its own: what was said after the
 * first message, after the second, and after the client's end. */
#ifndef FAKES_RECORD_TAPE_H
#define FAKES_RECORD_TAPE_H

#include "base/arena.h"
#include "base/array.h"
#include "base/map.h"
#include "fakes/answer.h"

#define TAPE_BYTES_MAX ((size_t)256 << 20) /* requests and answers kept */

/* One answer, whole: what is borrowed is copied. */
struct tape_answer {
    int status;
    struct bytes message, details;
    struct grpc_metadata headers, trailers;
    struct bytes replies;
    const size_t *ends;
    size_t count;
    const uint64_t *waits; /* ns before each reply, and behind the last before the end; NULL: nothing is said of time */
};

struct tape_entry;
struct tape {
    struct arena arena;
    struct map by_call; /* method and requests -> struct tape_entry */
    ARRAY(struct tape_entry *) entries;
    size_t bytes;
};

void tape_deinit(struct tape *t);
/* `turn` -1: the whole call was asked; else a turn of a stream both ways, with the messages so far; `ended`: the client
 * had ended its side. ERROR_LIMIT, ERROR_MEMORY: it is not kept. */
int tape_add(struct tape *t, const struct pb_method *m, struct bytes requests, const size_t *ends, size_t count,
             bool ended, const struct tape_answer *answer);
size_t tape_count(const struct tape *t); /* stubs */
/* The stubs file. What cannot be said in it (a request that is no message of its type) is a comment there. */
int tape_write(const struct tape *t, struct text *out);

#endif
