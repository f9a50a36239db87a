/* Histories in files: JSON lines, an event a line, for people and other tools; a compact binary form for long runs; and
 * what others write: EDN of Jepsen and Knossos, and the logs Porcupine is tested with. docs/histories.md.
 *
 * Reading gives the whole history or none. Messages name file, line and column. */
#ifndef CHAOS_HISTORY_FILE_H
#define CHAOS_HISTORY_FILE_H

#include "base/bytes.h"
#include "chaos/history/history.h"

struct world;

#define HISTORY_FILE_MAX ((size_t)4 << 30)

enum history_format {
    HISTORY_JSON_LINES,
    HISTORY_BINARY,
    HISTORY_EDN,       /* maps with :process, :type, :f, :value, as a vector, a list, or one after the other */
    HISTORY_EVENT_LOG, /* lines "process :type :f value", with or without a logger's words before them */
};
const char *history_format_name(enum history_format f); /* "JSON lines", "binary", "EDN", "event log" */

struct history_options {
    /* EDN: a read of nil that is ok saw that there was nothing. Not set: it tells nothing, as Knossos has it. */
    bool nil_is_absent;
};
/* What was found beside the operations. */
struct history_source {
    enum history_format format;
    size_t skipped; /* events of processes that are no clients: a nemesis */
    size_t
        told_nothing; /* operations left out: failed in a way that says nothing of the object, or see nil_is_absent */
    size_t cut;       /* binary: bytes behind the last whole block of a run that was killed */
};

/* Any of the formats, told apart by how the file begins. `options` and `source` may be NULL; `name` is the file's, for
 * messages. On an error the history is empty. */
int history_parse(struct bytes data, const char *name, const struct history_options *options, struct history *out,
                  struct history_source *source, struct error *err);
int history_load(struct world *w, const char *path, const struct history_options *options, struct history *out,
                 struct history_source *source, struct error *err);

/* ---- JSON lines ---- */

/* 0 or ERROR_MEMORY. */
int history_write(const struct history *h, struct text *out);
int history_read(const char *data, size_t len, const char *name, struct history *out, struct error *err);

/* ---- binary ---- */

/* Writes a history as it grows: each call adds one block with what is new since the call before, so that a run killed
 * at any moment leaves a file that can be read up to its last whole block. Starts zeroed. */
struct history_binary {
    size_t operations, keys, texts; /* written so far */
    ARRAY(size_t) open;             /* operations written that had not ended */
    bool begun;
};
int history_binary_add(struct history_binary *b, const struct history *h,
                       struct text *out); /* 0, ERROR_MEMORY, ERROR_LIMIT */
void history_binary_deinit(struct history_binary *b);
/* A whole history in blocks. */
int history_write_binary(const struct history *h, struct text *out);
int history_read_binary(struct bytes data, const char *name, struct history *out, size_t *cut, struct error *err);

/* ---- of others ---- */

int history_read_edn(struct bytes data, const char *name, const struct history_options *options, struct history *out,
                     struct history_source *source, struct error *err);
int history_read_log(struct bytes data, const char *name, struct history *out, struct history_source *source,
                     struct error *err);

#endif
