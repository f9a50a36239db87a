/* Appending records, and moving full files on. */
#include "base/log.h"
#include "runtime/logs/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct logs_writer {
    struct logs *logs;
    char namespace[LOGS_NAME_MAX + 1], name[LOGS_NAME_MAX + 1];
    uint64_t limit;
    struct world_file *file; /* NULL: to be opened */
    uint64_t size;           /* of the file */
    uint64_t number;         /* of the last record */
    uint64_t lost;           /* records that could not be written since the last that could */
    bool numbered;           /* `number` was looked up */
    bool torn;               /* the file's end is not the end of a line */
    bool warned;
    struct text line, message;
};

int logs_writer_new(struct logs *l, const char *namespace, const char *name, uint64_t limit, struct logs_writer **out,
                    struct error *err)
{
    char path[LOGS_PATH_MAX];
    int rc = logs_path(l, namespace, name, LOGS_FILES - 1, path);
    if (rc < 0)
        return error_set(err, rc, "\"%.40s\" of \"%.40s\" cannot be the name of a log", name, namespace);
    struct logs_writer *w = calloc(1, sizeof *w);
    if (!w)
        return error_set(err, ERROR_MEMORY, "out of memory");
    w->logs = l;
    w->limit = limit ? limit : LOGS_FILE_MAX;
    snprintf(w->namespace, sizeof w->namespace, "%s", namespace);
    snprintf(w->name, sizeof w->name, "%s", name);
    *out = w;
    return 0;
}

/* Where the numbers stand after a restart: in the newest file that has a record. */
static int look_up_number(struct logs_writer *w)
{
    struct world *world = w->logs->world;
    for (int i = 0; i < LOGS_FILES && w->number == 0; i++) {
        char path[LOGS_PATH_MAX];
        struct world_file *f = NULL;
        bool torn;
        int rc = logs_path(w->logs, w->namespace, w->name, i, path);
        if (rc == 0)
            rc = world_file_open(world, path, WORLD_READ, &f, NULL);
        if (rc == ERROR_NOT_FOUND)
            continue;
        if (rc < 0)
            return rc;
        int64_t size = world_file_size(f);
        if (size > 0)
            w->number = logs_last_number(f, (uint64_t)size, &torn);
        world_file_close(f);
    }
    w->numbered = true;
    return 0;
}

static int open_file(struct logs_writer *w)
{
    struct world *world = w->logs->world;
    char path[LOGS_PATH_MAX], directory[LOGS_PATH_MAX + LOGS_NAME_MAX + 2];
    snprintf(directory, sizeof directory, "%s/%s", w->logs->directory, w->namespace);
    int rc = world_make_directory(world, directory);
    if (rc == 0 && !w->numbered)
        rc = look_up_number(w);
    if (rc == 0)
        rc = logs_path(w->logs, w->namespace, w->name, 0, path);
    if (rc == 0)
        rc = world_file_open(world, path, WORLD_READ | WORLD_WRITE | WORLD_CREATE | WORLD_PRIVATE, &w->file, NULL);
    if (rc < 0)
        return rc;
    int64_t size = world_file_size(w->file);
    if (size < 0) {
        world_file_close(w->file);
        w->file = NULL;
        return (int)size;
    }
    w->size = (uint64_t)size;
    w->torn = false;
    if (w->size > 0)
        (void)logs_last_number(w->file, w->size, &w->torn);
    return 0;
}

static int rotate(struct logs_writer *w)
{
    struct world *world = w->logs->world;
    char from[LOGS_PATH_MAX], to[LOGS_PATH_MAX];
    world_file_close(w->file);
    w->file = NULL;
    for (int i = LOGS_FILES - 1; i > 0; i--) {
        int rc = logs_path(w->logs, w->namespace, w->name, i - 1, from);
        if (rc == 0)
            rc = logs_path(w->logs, w->namespace, w->name, i, to);
        if (rc == 0)
            rc = world_rename(world, from, to); /* what was there goes */
        if (rc < 0 && rc != ERROR_NOT_FOUND)
            return rc;
    }
    return open_file(w);
}

/* Appends one record; w->message holds its text. */
static int append(struct logs_writer *w, const char *stream, int64_t instance)
{
    int rc = w->file ? 0 : open_file(w);
    if (rc < 0)
        return rc;
    const struct logs_record r = {.number = w->number + 1,
                                  .time = world_wall(w->logs->world),
                                  .instance = instance,
                                  .stream = stream,
                                  .message = text_string(&w->message)};
    text_clear(&w->line);
    if (w->torn)
        text_char(&w->line, '\n');
    logs_record_format(&r, &w->line);
    if (!text_ok(&w->line) || !text_ok(&w->message))
        return ERROR_MEMORY;
    if (w->size > 0 && w->size + w->line.len > w->limit) {
        if ((rc = rotate(w)) < 0)
            return rc;
        if (!w->torn && text_string(&w->line)[0] == '\n')
            text_consume(&w->line, 1);
    }
    int64_t n = world_file_pwrite(w->file, w->line.data, w->line.len, w->size);
    if (n != (int64_t)w->line.len) {
        /* Part of it may be there; where it is not, the next one goes to the same place. */
        (void)world_file_truncate(w->file, w->size);
        return n < 0 ? (int)n : ERROR_IO;
    }
    w->size += w->line.len;
    w->number++;
    w->torn = false;
    return 0;
}

void logs_write(struct logs_writer *w, const char *stream, int64_t instance, struct bytes message)
{
    int rc = 0;
    if (w->lost > 0) {
        text_clear(&w->message);
        text_printf(&w->message, "%llu lines could not be written here", (unsigned long long)w->lost);
        rc = append(w, "runtime", instance);
        if (rc == 0)
            w->lost = 0;
    }
    if (rc == 0) {
        text_clear(&w->message);
        logs_message(message, &w->message);
        rc = append(w, stream, instance);
    }
    if (rc < 0) {
        w->lost++;
        if (!w->warned && rc != ERROR_CLOSED)
            log_warn("logs", "the log of %s/%s cannot be written: %s", w->namespace, w->name, error_code_name(rc));
        w->warned = true;
        return;
    }
    w->warned = false;
    logs_wake(w->logs, w->namespace, w->name);
}

void logs_writer_free(struct logs_writer *w)
{
    if (!w)
        return;
    world_file_close(w->file);
    text_deinit(&w->line);
    text_deinit(&w->message);
    free(w);
}
