/* From events to operations: what every reader of history files ends in. A file tells of invocations and ends; each
 * end is joined to the operation its process has open, and the rules that hold for all files are kept here.
 *
 * The reader says what it read and where; messages about broken rules come back as a static sentence, so that the
 * reader puts the place in front. Internal to this folder. */
#ifndef CHAOS_HISTORY_EVENTS_H
#define CHAOS_HISTORY_EVENTS_H

#include "chaos/history/history.h"

#define HISTORY_PROCESSES_MAX  (1 << 20)
#define HISTORY_OPERATIONS_MAX ((size_t)1 << 28)
#define HISTORY_LIST_MAX       ((size_t)1 << 24) /* items of one list */
#define HISTORY_TEXT_MAX       ((size_t)1 << 20) /* bytes of one name or text value */

/* How the members of an operation stand in files. CAS is apart: both its values stand in "value". */
struct operation_form {
    const char *other;               /* what `other` is called */
    bool value_needed;               /* there is none without a value */
    bool value_learnt, other_learnt; /* set by the end, not asked with */
    bool list, pairs;                /* the value may be a list; of pairs */
    bool parts;                      /* it is a list of [f, key, value]: a transaction, without a key of its own */
};
const struct operation_form *operation_form(enum operation_function f);

/* Whether these are the parts of a transaction: reads and writes, of keys that are there. */
bool operation_parts_valid(const int64_t *items, size_t count);

struct history_event {
    int64_t process;
    uint64_t time;
    enum operation_end end; /* END_OPEN: the invocation */
    enum operation_function function;
    bool any_function; /* of an end: whatever was invoked */
    uint32_t key;
    bool has_value, has_other, has_list;
    int64_t value, other;
    const int64_t *items;
    size_t count;
    uint64_t revision; /* 0: none */
};

enum key_kind { KEY_NONE, KEY_NUMBER, KEY_NAME };
struct history_events {
    struct history *history;
    /* Set: what stands later happened later, whatever the times say (Jepsen's files are in that order). Else an event
     * earlier than the one before is refused. */
    bool order_is_time;
    uint64_t last; /* time of the event before */
    bool started;
    enum key_kind keys;
    int64_t *open; /* per process, index of its open operation + 1; below 0 after an operation of unknown end */
    size_t open_count, open_capacity;
    ARRAY(int64_t) dropped; /* operations that told nothing */
};
void events_init(struct history_events *e, struct history *h);
void events_deinit(struct history_events *e);
/* 0, ERROR_MEMORY, or ERROR_INVALID or ERROR_LIMIT with *why. */
int events_add(struct history_events *e, const struct history_event *event, const char **why);
/* The operation its process has open, or -1. */
int64_t events_open(const struct history_events *e, int64_t process);
/* This operation is left out at the end: it tells nothing. */
int events_drop(struct history_events *e, int64_t index);
int events_key_number(struct history_events *e, int64_t number, uint32_t *key, const char **why);
int events_key_name(struct history_events *e, const char *name, size_t len, uint32_t *key, const char **why);
/* Checks a text against the limits and makes a value of it. */
int events_text(struct history_events *e, const char *text, size_t len, int64_t *value, const char **why);
/* Leaves out what was dropped. */
void events_finish(struct history_events *e);

#endif
