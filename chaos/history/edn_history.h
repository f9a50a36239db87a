/* From elements of EDN to events of a history: what the readers of EDN files and of event logs share. Internal. */
#ifndef CHAOS_HISTORY_EDN_HISTORY_H
#define CHAOS_HISTORY_EDN_HISTORY_H

#include "chaos/history/edn.h"
#include "chaos/history/events.h"
#include "chaos/history/file.h"

struct edn_importer {
    struct edn edn;
    struct history_events events;
    struct history_source source;
    bool nil_is_absent;
    bool fail_tells;                                   /* a failed cas was one that saw another value */
    enum { TUPLES_UNKNOWN, TUPLES, NO_TUPLES } tuples; /* values are [key value], as of Jepsen's independent */
    ARRAY(int64_t) items;
    ARRAY(int64_t) appends; /* operations that append text to what a key holds */
};
/* The elements of one event; NULL: not there. */
struct edn_event {
    const struct edn_node *map, *process, *type, *f, *key, *value, *time;
};
int edn_add_event(struct edn_importer *m, const struct edn_event *event, struct error *err);
/* Takes the history over when `code` is 0, and cleans up. */
int edn_finish(struct edn_importer *m, int code, struct history *out, struct history_source *source, struct error *err);

/* Texts appended to what keys hold, turned into compare-and-set operations that mean the same. */
int history_resolve_appends(struct history *h, const int64_t *appends, size_t count, const char *name,
                            struct error *err);

#endif
