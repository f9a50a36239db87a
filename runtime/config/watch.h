/* config.Watcher/Watch (proto/config/watch.proto): who follows which path, and how changes reach them.
 *
 * A watch begins in its namespace's lane, between two changes, so that the first message and the changes after it fit
 * together: nothing is missed, nothing told twice. After each change that the store has acknowledged, whoever watches
 * its namespace is told, when the value at his path is another one than before (secrets are compared in the clear, but
 * only shown to those who asked for them).
 *
 * A tree that is not the one the watcher knew before the change was changed in between by a write that came late, or by
 * another process: then the value is sent in any case.
 *
 * A watcher that reads slower than changes happen may fall behind by CONFIG_BEHIND_MAX bytes or CONFIG_BEHIND_COUNT
 * messages; then it is let go with 503. So is every watcher of a namespace when the outcome of a change is not known:
 * it watches again and gets what is stored. */
#ifndef RUNTIME_CONFIG_WATCH_H
#define RUNTIME_CONFIG_WATCH_H

#include "runtime/config/tree.h"
#include "rpc/rpc.h"

struct config;
struct config_operation;

#define CONFIG_WATCHERS_MAX 10000
#define CONFIG_BEHIND_MAX   ((size_t)16 << 20) /* bytes */
#define CONFIG_BEHIND_COUNT 64                 /* messages */

struct config_watcher;

/* A change that was made: the trees before and after it, the path touched. */
struct config_made {
    const char *namespace, *touched;
    json_t *before, *after;
    uint64_t revision;
    uint64_t found, kept; /* revisions as the store has them, before and after; 0: nothing was there, is there */
};

bool config_watched(const struct config *c, const char *namespace);
/* Sends the first message and follows from now on. The call stays open. */
void config_watch_begin(struct config_operation *op, json_t *root, uint64_t revision);
void config_watch_tell(struct config *c, const struct config_made *made);
void config_watch_dismiss(struct config *c, const char *namespace, const char *why); /* NULL: all */
extern const struct rpc_service config_watcher_service;

#endif
