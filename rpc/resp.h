/* RESP, the protocol of Redis (version 2 of it): commands to bytes, bytes to replies. On hiredis' reader and formatter,
 * of which nothing else is used: no sockets, no clock. What a reply holds is built here, in an arena, within limits.
 *
 * A reader is fed what comes in any pieces and gives reply after reply. Replies live until resp_drop(). After an error
 * the stream means nothing any more: the connection has to go. */
#ifndef RPC_RESP_H
#define RPC_RESP_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/text.h"

#include <stdint.h>

#define RESP_PENDING_MAX ((size_t)16 << 20) /* bytes of replies that are not whole yet */
#define RESP_ITEMS_MAX   ((size_t)1 << 20)  /* of a list */
#define RESP_WORDS_MAX   ((size_t)1 << 16)  /* of a command */

enum resp_kind { RESP_NIL, RESP_INTEGER, RESP_TEXT, RESP_STATUS, RESP_ERROR, RESP_LIST };
const char *resp_kind_name(enum resp_kind k);

struct resp_reply {
    enum resp_kind kind;
    int64_t integer;
    struct bytes text;               /* of TEXT, STATUS and ERROR */
    const struct resp_reply **items; /* of a LIST; lists lie within lists up to seven deep */
    size_t count;
};

struct resp_reader;
struct resp_reader *resp_reader_new(void); /* NULL: no memory */
void resp_reader_free(struct resp_reader *r);
/* ERROR_MEMORY; ERROR_LIMIT: more is pending than may be. */
int resp_feed(struct resp_reader *r, struct bytes data, struct error *err);
/* The next whole reply; *out NULL: it is not there yet. ERROR_INVALID: no RESP; ERROR_LIMIT; ERROR_MEMORY. */
int resp_next(struct resp_reader *r, const struct resp_reply **out, struct error *err);
void resp_drop(struct resp_reader *r); /* the replies given so far; only between whole ones */

/* One command, its name the first of the words. */
int resp_format(const struct bytes *words, size_t count, struct text *out);

#endif
