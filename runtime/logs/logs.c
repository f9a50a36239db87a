/* The view of one process on all logs: their paths, and who follows them. */
#include "runtime/logs/internal.h"
#include "runtime/names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TAIL_BYTES (2 * LOGS_LINE_MAX) /* enough to hold the last whole record */

int logs_new(struct world *w, const char *data_dir, struct logs **out, struct error *err)
{
    struct logs *l = calloc(1, sizeof *l);
    if (!l)
        return error_set(err, ERROR_MEMORY, "out of memory");
    l->world = w;
    int n = snprintf(l->directory, sizeof l->directory, "%s/logs", data_dir);
    if (n < 1 || (size_t)n >= sizeof l->directory) {
        free(l);
        return error_set(err, ERROR_LIMIT, "the data directory's path is too long for the logs below it");
    }
    *out = l;
    return 0;
}

void logs_free(struct logs *l)
{
    free(l);
}

bool logs_name_valid(const char *name)
{
    return name_is_plain(name, LOGS_NAME_MAX);
}

int logs_path(const struct logs *l, const char *namespace, const char *name, int i, char out[LOGS_PATH_MAX])
{
    if (!logs_name_valid(namespace) || !logs_name_valid(name))
        return ERROR_INVALID;
    int n = i == 0 ? snprintf(out, LOGS_PATH_MAX, "%s/%s/%s.log", l->directory, namespace, name)
                   : snprintf(out, LOGS_PATH_MAX, "%s/%s/%s.%d.log", l->directory, namespace, name, i);
    return n > 0 && n < LOGS_PATH_MAX ? 0 : ERROR_LIMIT;
}

uint64_t logs_last_number(struct world_file *f, uint64_t size, bool *torn)
{
    size_t len = size < TAIL_BYTES ? (size_t)size : TAIL_BYTES;
    char *tail = malloc(len + 1);
    uint64_t found = 0;
    int64_t got = tail ? world_file_pread(f, tail, len, size - len) : 0;
    len = got > 0 ? (size_t)got : 0;
    *torn = len > 0 && tail[len - 1] != '\n';
    while (len > 0) {
        const char *newline = memrchr(tail, '\n', len);
        size_t start = newline ? (size_t)(newline - tail) + 1 : 0;
        struct logs_record r;
        void *storage;
        if (logs_record_parse(BYTES(tail + start, len - start), &r, &storage)) {
            found = r.number > found ? r.number : found;
            logs_record_release(storage);
        }
        len = newline ? start - 1 : 0;
    }
    free(tail);
    return found;
}
