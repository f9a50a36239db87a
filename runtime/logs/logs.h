/* Log files of processes: what a service wrote, line by line, with the time it came.
 *
 *     <data_dir>/logs/<namespace>/<service>-<version>.log       the newest records
 *     <data_dir>/logs/<namespace>/<service>-<version>.1.log     older ones, .7.log the oldest
 *
 * A record is one line of JSON: {"n":12,"ns":1767225600000000000,"time":"2026-01-01T00:00:00.000Z","stream":"stdout",
 * "instance":0,"message":"..."}. `n` counts the records of one log without gaps, over rotations and restarts; it is
 * what readers go by. `ns` is nanoseconds since 1970, `time` the same for people. The message is printable: bytes that
 * are no UTF-8 and control characters other than a tab are written out as \xHH, and what is longer than
 * LOGS_MESSAGE_MAX is cut, with a mark that says by how much.
 *
 * One process writes a log at a time, any number read it, also from other processes. A file that would pass
 * LOGS_FILE_MAX becomes .1.log, .1.log becomes .2.log, and so on; the eighth goes. Appending is not synced: a log
 * survives the death of the process, and of the machine as far as the system had written it. A last line that was torn
 * by a crash is passed over by readers and closed by the next writer. Lines that could not be written (disk full) are
 * counted, and the count is the next record that can be.
 *
 * `struct logs` is one process's view; it owns its writers' and followers' places, not the files. */
#ifndef RUNTIME_LOGS_LOGS_H
#define RUNTIME_LOGS_LOGS_H

#include "base/bytes.h"
#include "base/error.h"
#include "base/text.h"
#include "world/world.h"

#define LOGS_FILE_MAX    ((uint64_t)4 << 20)   /* bytes of one file */
#define LOGS_FILES       8                     /* of one log, the one written included */
#define LOGS_MESSAGE_MAX ((size_t)8 << 10)     /* bytes of a message as it came; the rest is cut */
#define LOGS_LINE_MAX    ((size_t)64 << 10)    /* bytes of a record; longer ones are not ours */
#define LOGS_NAME_MAX    160                   /* bytes of "<service>-<version>", and of a namespace */
#define LOGS_POLL        ((uint64_t)200000000) /* ns between looks at a log another process writes */
#define LOGS_FOLLOWERS   256                   /* at a time in one process */

struct logs;
int logs_new(struct world *w, const char *data_dir, struct logs **out, struct error *err);
void logs_free(struct logs *l); /* after its writers and followers */
/* Whether this may be part of a log's path: not empty, within LOGS_NAME_MAX, letters, digits, '-', '_', '.', and no '.'
 * in front. */
bool logs_name_valid(const char *name);

/* ---- writing ---- */

struct logs_writer;
/* The file is made at the first record. `limit` is LOGS_FILE_MAX when 0. */
int logs_writer_new(struct logs *l, const char *namespace, const char *name, uint64_t limit, struct logs_writer **out,
                    struct error *err);
/* `stream` is "stdout", "stderr", "build" or "runtime". Failures are counted and told later: see above. */
void logs_write(struct logs_writer *w, const char *stream, int64_t instance, struct bytes message);
void logs_writer_free(struct logs_writer *w);

/* ---- records ---- */

struct logs_record {
    uint64_t number;
    int64_t time; /* ns since 1970 */
    int64_t instance;
    const char *stream, *message; /* never NULL */
};
/* Appends the line with its newline. */
void logs_record_format(const struct logs_record *r, struct text *line);
/* What a log message becomes of a process's line. */
void logs_message(struct bytes line, struct text *out);
/* Reads a line without its newline. False: it is no record. Texts live in `storage`, a json_t the caller releases. */
bool logs_record_parse(struct bytes line, struct logs_record *out, void **storage);
void logs_record_release(void *storage);

/* ---- reading ---- */

struct logs_reader;
struct logs_query {
    int64_t count; /* the last so many; 0: all of them */
    int64_t since; /* ns since 1970; 0: from the oldest */
};
/* ERROR_NOT_FOUND when there is no such log and `absent_ok` is false. */
int logs_reader_new(struct logs *l, const char *namespace, const char *name, const struct logs_query *query,
                    bool absent_ok, struct logs_reader **out, struct error *err);
/* 1: a record, borrowed until the next call; 0: none is there now; negative: the file cannot be read. */
int logs_read(struct logs_reader *r, struct logs_record *out);
/* From here on `more` is called from the loop when there may be something to read; NULL ends that. */
int logs_follow(struct logs_reader *r, void (*more)(void *arg), void *arg);
void logs_reader_free(struct logs_reader *r);

#endif
