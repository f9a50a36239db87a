/* Snapshots of the store: every record of every database and table in one file, <folder>/store.snapshot, mode 600.
 *
 *     {"snapshot":"micro-store","version":1,"created":SECONDS}
 *     {"d":DATABASE,"t":TABLE,"r":{"key":...,"value":BASE64,"expiry":SECONDS LEFT,"metadata":{...}}}     one a record
 *     {"records":COUNT,"sha256":HEX}                       of every byte before this line
 *
 * JSON, one line each. It is written beside its place, synced, and renamed: a file under that name is whole. The store
 * goes on meanwhile: a record that is there from the beginning to the end is in, one that changes is in with its old
 * value or its new one. Restoring reads the file twice: first it is checked, then written; what expired since is left
 * out, and so much less time is left to the rest. Blobs are not records and are not in it.
 *
 * A snapshot holds micro's own tables too. Restoring and syncing leave them out unless --all is given: they make one
 * micro into another. */
#ifndef RUNTIME_CLI_SNAPSHOT_H
#define RUNTIME_CLI_SNAPSHOT_H

#include "base/options.h"

#define SNAPSHOT_FILE "store.snapshot"

int snapshot_run(const struct arguments *args);
int snapshot_run_restore(const struct arguments *args);
int snapshot_run_sync(const struct arguments *args);
extern const struct option snapshot_options[], restore_options[], sync_options[];

#endif
