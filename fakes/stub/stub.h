/* Stubs: answers for calls that match, written in YAML or JSON (docs/stubs.md), as a responder of a double.
 *
 * A set holds the stubs of any number of services. A file is checked as a whole when it is added, against the
 * descriptors: an unknown method or field, a value of another type, a bad regular expression is an error with
 * file:line:column, and nothing of that file is taken.
 *
 *   value.h     scalars of messages: read from the wire and from files, compared, hashed, shown
 *   shape.h     which fields the stubs of a method look at, and their values found in one scan of the wire bytes
 *   match.h     conditions: compiled from a file against a type, tested on what the scan found, explained
 *   index.h     stubs of a method grouped by what they demand exactly: one look-up a group
 *   template.h  ${...} in answers; made.h: their values; function.h: their functions; reply.h: answers compiled to wire
 *               bytes and the holes in them
 *   outcome.h   all a stub says: replies, status, headers, delays, faults
 *   compile.c   a stub from its file; set.c: the set; answer.c: a call; near.c: what almost matched
 *   load.c      files and folders; gripmock*.c: gripmock's files, translated
 *
 * Which stub answers, among those that match: the highest `priority`; then the one that demands more values exactly;
 * then more other conditions; then the higher `prefer`; then one that runs out (`times`, `probability`) before one that
 * does not; then the one added last.
 *
 * Threads: one lock a set; every function here may be called by any thread. */
#ifndef FAKES_STUB_STUB_H
#define FAKES_STUB_STUB_H

#include "base/array.h"
#include "base/document.h"
#include "fakes/answer.h"
#include "world/world.h"

#define STUB_FILE_MAX     DOCUMENT_SIZE_MAX
#define STUB_SESSIONS_MAX 100000  /* that a set keeps counts and states for */
#define STUB_STATES_MAX   1000000 /* states, counters, and counts of stubs in sessions with a name, all together */
#define STUB_STATE_START  "start" /* of a machine nobody has moved */
#define STUB_NEAR_MAX     3       /* stubs told when none matched */

struct stub_set;

/* The pool is borrowed and must outlive the set. */
int stub_set_new(const struct pb_pool *pool, uint64_t seed, struct stub_set **out, struct error *err);
void stub_set_free(struct stub_set *s); /* not before the double that asks it; NULL is fine */
/* Borrows the set. `release` is NULL: the set stays its owner's. `by` of an answer ("stub users.yaml:12 a name") is
 * good until the same thread asks a set again. */
struct fake_responder stub_set_responder(struct stub_set *s);

/* ---- adding and removing: all of it or nothing ---- */

/* Every stub of the text; `name` is what messages call it. `first` (may be NULL) gets the id of the first one, the
 * others follow without a gap. Returns how many, or an error_code. */
int64_t stub_set_add_yaml(struct stub_set *s, struct bytes text, const char *name, uint64_t *first, struct error *err);
int64_t stub_set_add_json(struct stub_set *s, struct bytes text, const char *name, uint64_t *first, struct error *err);
/* gripmock's format (bavix/gripmock 3), YAML or JSON by the name's ending. */
int64_t stub_set_add_gripmock(struct stub_set *s, struct bytes text, const char *name, uint64_t *first,
                              struct error *err);
/* A file, or every .yaml, .yml and .json file of a folder and the folders below it, in the order of their names. The
 * errors of all files are told at once, and then nothing of the folder is in the set. */
int64_t stub_set_load(struct stub_set *s, struct world *w, const char *path, struct error *err);
int64_t stub_gripmock_import(struct stub_set *s, struct world *w, const char *path, struct error *err);
/* A file of gripmock's as one of ours, in JSON, which is YAML too. */
int stub_gripmock_translate(const struct pb_pool *pool, struct bytes text, const char *name, struct text *out,
                            struct error *err);

int stub_set_remove(struct stub_set *s, uint64_t id);               /* ERROR_NOT_FOUND */
size_t stub_set_remove_named(struct stub_set *s, const char *name); /* how many */
void stub_set_clear(struct stub_set *s);
/* Forgets counts, states and counters, and what effects added or removed: of one session, or ("") of all. */
void stub_set_reset(struct stub_set *s, const char *session);

/* ---- looking ---- */

struct stub_info {
    uint64_t id;
    const char *name; /* as its file says, or "" */
    const struct pb_method *method;
    const char *file; /* what it was called when it was added */
    int line, column;
    int32_t priority;
    const char *session; /* "": any */
    uint64_t used;       /* answers given, in all sessions */
    uint64_t last;       /* ns since 1970 of the newest; 0: none */
    uint64_t times;      /* after so many it is used up; 0: never */
    bool added;          /* by another stub's effect */
};
size_t stub_set_count(const struct stub_set *s);
/* Is there any stub of this method? What passes then has missed. */
bool stub_set_has(const struct stub_set *s, const struct pb_method *method);
/* In the order they were added, under the lock: `each` must not call the set. Everything is borrowed for the time of
 * the call. */
void stub_set_list(const struct stub_set *s, bool unused_only, void (*each)(void *arg, const struct stub_info *stub),
                   void *arg);
int stub_set_find(const struct stub_set *s, uint64_t id, struct stub_info *out); /* ERROR_NOT_FOUND */

/* ---- what almost matched ---- */

struct stub_difference {
    char *path;     /* "when.options.table", "metadata.x-user", "times": as in the file */
    char *expected; /* "\"notes\"", "at least 3", "a match of ^a" */
    char *actual;
};
struct stub_near {
    uint64_t id;
    char *label; /* "users.yaml:12" or "users.yaml:12 a name" */
    double distance;
    ARRAY(struct stub_difference) differences;
};
struct stub_nearest {
    struct stub_near near[STUB_NEAR_MAX]; /* the nearest first */
    size_t count;
    size_t examined, total; /* stubs compared, and stubs of the method */
};
/* Compares at most `most` stubs (0: STUB_NEAR_EXAMINED), the last added first; a call that a stub answers has one near
 * stub without differences. Only ERROR_MEMORY. The caller owns the result. */
#define STUB_NEAR_EXAMINED ((size_t)20000)
int stub_set_nearest(struct stub_set *s, const struct fake_asked *asked, size_t most, struct stub_nearest *out);
void stub_nearest_deinit(struct stub_nearest *n);
/* "no stub of notes.Notes/Read matches; nearest of 12:\n  users.yaml:12: when.id: expected "a", got "b"\n..." */
void stub_nearest_text(const struct stub_nearest *n, const struct pb_method *method, struct text *out);
/* As JSON: {"method", "stubs", "examined", "nearest": [{"id", "stub", "distance", "differences": [...]}]}. */
void stub_nearest_json(const struct stub_nearest *n, const struct pb_method *method, struct text *out);

#endif
