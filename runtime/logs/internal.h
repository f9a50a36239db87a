/* What the files of runtime/logs share: paths, the view of one process, and the wake-ups of followers. */
#ifndef RUNTIME_LOGS_INTERNAL_H
#define RUNTIME_LOGS_INTERNAL_H

#include "runtime/logs/logs.h"

#define LOGS_PATH_MAX 1024

struct logs {
    struct world *world;
    char directory[LOGS_PATH_MAX]; /* <data_dir>/logs */
    struct logs_reader *followers;
    size_t follower_count;
};

/* Of file `i` of a log, 0 the newest. ERROR_LIMIT when the path does not fit, ERROR_INVALID for a bad name. */
int logs_path(const struct logs *l, const char *namespace, const char *name, int i, char out[LOGS_PATH_MAX]);
/* Readers of this log in this process look again. */
void logs_wake(struct logs *l, const char *namespace, const char *name);

/* The highest number among the records in the last bytes of a file, 0 when there is none; whether the end is torn. */
uint64_t logs_last_number(struct world_file *f, uint64_t size, bool *torn);

#endif
