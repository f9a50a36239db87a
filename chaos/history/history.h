/* A history: what clients asked of the system and what they learnt, in the order it was asked. Jepsen's terms: every
 * operation is invoked, and ends ok (it happened), fail (it did not), or info (nobody knows; it may still happen).
 *
 * One form for every kind of object: registers, sets, queues, counters, locks, logs, watches, tokens. Values are whole
 * numbers; a text (a keyword of Knossos, a name) is interned and stands as a number above VALUE_TEXT. Keys are numbers
 * as well, with a name where they were given one. An operation takes 48 bytes; lists and revisions, which few have,
 * are kept beside.
 *
 * Files (file.h): JSON lines and a compact binary form, EDN of Jepsen and Knossos, the logs of Porcupine.
 * docs/histories.md. */
#ifndef CHAOS_HISTORY_HISTORY_H
#define CHAOS_HISTORY_HISTORY_H

#include "base/array.h"
#include "base/error.h"
#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What was asked. `value`, `other` and the list of an operation mean what stands behind it; "learnt" is set by its end.
 * The names in files are in operation_function_name(). */
enum operation_function {
    OPERATION_READ,        /* value learnt; of a set: the list learnt */
    OPERATION_WRITE,       /* value */
    OPERATION_CAS,         /* value replaces other; fail: it was not other */
    OPERATION_ADD,         /* of a set: value goes in; of a counter: value is added */
    OPERATION_REMOVE,      /* of a set: value goes out; fail: it was not there */
    OPERATION_ENQUEUE,     /* value */
    OPERATION_DEQUEUE,     /* value learnt; fail: the queue was empty */
    OPERATION_ACQUIRE,     /* of a lock; other learnt: its fencing token, or VALUE_NIL */
    OPERATION_RELEASE,     /* of a lock; other: the token it was acquired with */
    OPERATION_SEND,        /* to a log or topic: value; other learnt: its offset, or VALUE_NIL */
    OPERATION_POLL,        /* of a log or topic: the list learnt is pairs of offset (or VALUE_NIL) and value; other: the
                              subscription it belongs to, or VALUE_NIL */
    OPERATION_ACKNOWLEDGE, /* of a queue or log: value was processed */
    OPERATION_WATCH,       /* the list learnt is pairs of revision and value; other: the watch it belongs to */
    OPERATION_ISSUE,       /* value learnt: the token issued */
    OPERATION_USE,         /* value: the token shown; ok: it was accepted; fail: refused */
    OPERATION_REVOKE,      /* value: the token ended */
    OPERATION_TXN, /* reads and writes of several keys at once: the list is parts of three items each, see below;
                      `key` is 0 and says nothing */
    OPERATION_FUNCTION_COUNT,
};
const char *operation_function_name(enum operation_function f);              /* "read", "cas", "acknowledge", ... */
bool operation_function_parse(const char *name, enum operation_function *f); /* false: there is none of that name */

/* A part of a transaction: OPERATION_READ or OPERATION_WRITE, the key, the value; what a read saw is learnt. The parts
 * take effect in their order: a read sees what a part before it wrote. */
enum { PART_FUNCTION, PART_KEY, PART_VALUE, PART_SIZE };

enum operation_end { END_OPEN, END_OK, END_FAIL, END_INFO };
const char *operation_end_name(enum operation_end e); /* "open", "ok", "fail", "info" */

#define VALUE_NIL      INT64_MIN       /* absent; nothing learnt */
#define VALUE_TEXT     (INT64_MIN / 2) /* texts are VALUE_TEXT + n; numbers of clients are above VALUE_TEXT_END */
#define VALUE_TEXT_END (INT64_MIN / 4)
#define TIME_NEVER     UINT64_MAX
static inline bool value_is_text(int64_t value)
{
    return value >= VALUE_TEXT && value < VALUE_TEXT_END;
}

struct operation {
    uint64_t invoked, ended; /* ns; `ended` TIME_NEVER while open or info */
    int64_t value, other;    /* VALUE_NIL: none */
    int32_t process;         /* client; one operation at a time each; a client whose end is info gets a new number */
    uint32_t key;            /* which register, set, queue, topic, lock */
    uint32_t list;           /* 0: none; else its place in the history's lists */
    uint8_t function;        /* enum operation_function */
    uint8_t end;             /* enum operation_end */
};

struct history_names;
struct history {
    struct operation *operations; /* by invocation time */
    size_t count, capacity;
    ARRAY(int64_t) lists; /* for each: its length, then its items; items[0] is not used */
    uint64_t *revisions;  /* NULL: none; else one for each operation, 0 where it has none */
    size_t revision_capacity;
    struct history_names *names; /* NULL until the first is given */
};

void history_init(struct history *h);
void history_deinit(struct history *h);

/* The index of the new operation, or a negative code. `value`: what is asked with, VALUE_NIL for none. The others are
 * set through the operation: h->operations[i].other. Operations have to be invoked in order of time. */
int64_t history_invoke(struct history *h, int32_t process, enum operation_function f, uint32_t key, int64_t value,
                       uint64_t now);
/* `value`: what was learnt, kept where the function learns one (and the end is ok); ignored elsewhere. */
void history_end(struct history *h, int64_t index, enum operation_end end, int64_t value, uint64_t now);
/* Copies; a second list of an operation takes the first one's place where it is no longer. */
int history_set_list(struct history *h, int64_t index, const int64_t *items, size_t count);
const int64_t *history_list(const struct history *h, const struct operation *o, size_t *count);
/* The server's own number for the state an operation saw or made (a store's revision, etcd's): lets checks replay
 * instead of search. */
int history_set_revision(struct history *h, int64_t index, uint64_t revision);
uint64_t history_revision(const struct history *h, size_t index); /* 0: none */

/* Names. A key without one prints as its number. ERROR_MEMORY as a negative value. */
int64_t history_key(struct history *h, const char *name, size_t len); /* the key of that name, new if need be */
const char *history_key_name(const struct history *h, uint32_t key);  /* NULL: none */
int history_text_value(struct history *h, const char *text, size_t len, int64_t *value);
const char *history_text(const struct history *h, int64_t value); /* NULL: it is none */
void history_print_key(const struct history *h, uint32_t key, struct text *out);
void history_print_value(const struct history *h, int64_t value, struct text *out); /* "nil", "17", ":seeded" */
/* "process 3: write 17 to k0, 1.203 ms to 1.911 ms: ok" with times since `zero`. */
void history_print_operation(const struct history *h, size_t index, uint64_t zero, struct text *out);

#endif
