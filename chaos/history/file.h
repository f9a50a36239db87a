/* Histories in files: JSON lines, an event a line, for people and other tools. docs/histories.md. */
#ifndef CHAOS_HISTORY_FILE_H
#define CHAOS_HISTORY_FILE_H

#include "chaos/history/history.h"

/* 0 or ERROR_MEMORY. */
int history_write(const struct history *h, struct text *out);
/* `name` is the file's, for messages. On an error the history is empty. */
int history_read(const char *data, size_t len, const char *name, struct history *out, struct error *err);

#endif
