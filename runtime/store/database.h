/* The store's records in one SQLite file (WAL, synchronous=FULL). Databases and tables are columns, never file names.
 *
 *   records   (db, tbl, key, value, expires, metadata, revision), by primary key; expires in wall nanoseconds, 0:
 * never; revision of the last change tables    (db, tbl) ever written to counter   above every revision given out. The
 * revision counts changes, grows by one with each; the counter runs ahead, so that not every commit writes it: after a
 * crash the count goes on there blobs     where the content of blobs is: see blob_index.h
 *
 * A change may have a precondition (if_revision, if_absent), judged on what the transaction has made of the records so
 * far: of two in one transaction the second sees the first. One that does not hold changes nothing and has no revision.
 *
 * Keys compare as bytes. Every look-up, exact, by prefix or onwards from a key, is one range from `from` up to but not
 * including `to`. Changes are applied between store_begin() and store_commit(); reads on the way see them. */
#ifndef RUNTIME_STORE_DATABASE_H
#define RUNTIME_STORE_DATABASE_H

#include "base/bytes.h"
#include "base/text.h"
#include "world/world.h"

#include <stdbool.h>

struct store_database;

int store_open(struct world *w, const char *path, struct store_database **out, struct error *err);
void store_close(struct store_database *d); /* what was not committed is rolled back */

#define STORE_BLOB_FILE_MAX 32  /* characters of the name of a blob's file */
#define STORE_BLOB_TYPE_MAX 255 /* characters of a content type */

struct store_blob {
    char file[STORE_BLOB_FILE_MAX + 1], type[STORE_BLOB_TYPE_MAX + 1];
    uint64_t size;
    bool public;
    int64_t written; /* wall ns */
};

struct store_change {
    bool remove, of_blob;
    const char *database, *table, *key; /* of a blob: namespace, none, key */
    struct bytes value, metadata;
    const struct store_blob *blob;
    int64_t expires; /* wall ns, 0: never */
    /* Preconditions of a record's change: it is there with this revision (0: any); it is not there; with both it is not
     * there and its key was not changed since that revision (gone.h). */
    uint64_t if_revision;
    bool if_absent;
    int64_t now;                            /* wall ns, of the preconditions */
    bool refused;                           /* out: the precondition did not hold */
    uint64_t revision;                      /* out: of this change */
    char old_file[STORE_BLOB_FILE_MAX + 1]; /* out: the blob's file until now; "": it had none */
};
int store_begin(struct store_database *d, struct error *err);
int store_apply(struct store_database *d, struct store_change *c, struct error *err);
int store_commit(struct store_database *d, struct error *err); /* on failure everything is rolled back */
void store_rollback(struct store_database *d);
bool store_in_transaction(const struct store_database *d);
/* An empty change committed: tells whether the disk takes writes. */
int store_probe(struct store_database *d, struct error *err);

struct store_query {
    const char *database, *table;
    struct text from;   /* first key wanted */
    struct text to;     /* first key not wanted; empty: no end */
    const char *suffix; /* "" or NULL: any */
    bool descending, keys_only;
    uint64_t limit, offset; /* limit 0: none */
    int64_t now;            /* wall ns: what expired is not there */
};
void store_query_deinit(struct store_query *q);
void store_query_exact(struct store_query *q, const char *key);
void store_query_prefix(struct store_query *q, const char *prefix);
/* Narrow to what comes behind this key in the query's order. */
void store_query_after(struct store_query *q, const char *key);

struct store_row {
    struct bytes key, value, metadata; /* borrowed for the call */
    int64_t expires;
    uint64_t revision;
};
/* Calls `each` until it says false. */
int store_read(struct store_database *d, const struct store_query *q,
               bool (*each)(void *arg, const struct store_row *row), void *arg, struct error *err);
/* The names of all databases (NULL), or of a database's tables. */
int store_names(struct store_database *d, const char *database, bool (*each)(void *arg, struct bytes name), void *arg,
                struct error *err);

/* Removes what expired, at most `limit` records of it; *count: how many those were. */
int store_expire(struct store_database *d, int64_t now, size_t limit, size_t *count, struct error *err);
int64_t store_next_expiry(struct store_database *d);     /* wall ns; 0: nothing expires */
uint64_t store_revision(const struct store_database *d); /* of the last change a reader sees */

/* ERROR_NOT_FOUND without a message. */
int store_blob_find(struct store_database *d, const char *ns, const char *key, struct store_blob *out,
                    struct error *err);
int store_blob_list(struct store_database *d, const char *ns, const char *prefix,
                    bool (*each)(void *arg, struct bytes key), void *arg, struct error *err);
int store_blob_has_file(struct store_database *d, const char *file, bool *out, struct error *err);
struct blob_index;
struct blob_index *store_blob_index(struct store_database *d);

#endif
