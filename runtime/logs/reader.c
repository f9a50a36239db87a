/* Reading a log by record numbers. A reader knows the last number it gave out and looks for the file that holds the
 * next one, so that neither a rotation under way nor a torn line loses or repeats a record. Of a file that is moved on
 * while it is read the open handle keeps the rest. */
#include "runtime/logs/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define READ_STEP   ((size_t)64 << 10)
#define PROBE_BYTES (2 * LOGS_LINE_MAX)
#define SEEK_ENOUGH ((uint64_t)128 << 10) /* bytes read through rather than searched */

struct logs_reader {
    struct logs *logs;
    char namespace[LOGS_NAME_MAX + 1], name[LOGS_NAME_MAX + 1];
    uint64_t after; /* number of the last record given out, or passed over */
    int64_t since;
    struct world_file *file;
    uint64_t offset;  /* of what comes behind the buffer */
    bool skipping;    /* inside a line that is too long to be a record */
    struct text data; /* read and not yet given out */
    size_t used;
    void *storage; /* of the record given out */
    /* following */
    void (*more)(void *arg);
    void *arg;
    struct world_timer poll;
    struct world_task look;
    struct logs_reader *next, **link; /* link is NULL while not following */
};

/* ---- finding the file ---- */

struct first {
    uint64_t number;
    int64_t time;
};

/* The first record of a file. False: it has none (yet). */
static bool first_of(struct world_file *f, struct first *out)
{
    char *head = malloc(LOGS_LINE_MAX);
    bool found = false;
    int64_t got = head ? world_file_pread(f, head, LOGS_LINE_MAX, 0) : 0;
    for (size_t at = 0, len = got > 0 ? (size_t)got : 0; at < len && !found;) {
        const char *newline = memchr(head + at, '\n', len - at);
        struct logs_record r;
        void *storage;
        if (!newline)
            break;
        if (logs_record_parse(BYTES(head + at, (size_t)(newline - (head + at))), &r, &storage)) {
            *out = (struct first){r.number, r.time};
            found = true;
            logs_record_release(storage);
        }
        at = (size_t)(newline - head) + 1;
    }
    free(head);
    return found;
}

/* The first record that begins behind `at`; false: none near. */
static bool probe(struct world_file *f, uint64_t at, char *buffer, struct first *out)
{
    int64_t got = world_file_pread(f, buffer, PROBE_BYTES, at);
    size_t len = got > 0 ? (size_t)got : 0;
    const char *start = len ? memchr(buffer, '\n', len) : NULL;
    const char *end = start ? memchr(start + 1, '\n', len - (size_t)(start + 1 - buffer)) : NULL;
    struct logs_record r;
    void *storage;
    if (!end || !logs_record_parse(BYTES(start + 1, (size_t)(end - start) - 1), &r, &storage))
        return false;
    *out = (struct first){r.number, r.time};
    logs_record_release(storage);
    return true;
}

/* Moves the start of reading near what is wanted: records are in order. */
static void seek(struct logs_reader *r, bool by_time)
{
    int64_t size = world_file_size(r->file);
    uint64_t low = 0, high = size > 0 ? (uint64_t)size : 0;
    char *buffer = high > SEEK_ENOUGH ? malloc(PROBE_BYTES) : NULL;
    while (buffer && high - low > SEEK_ENOUGH) {
        uint64_t middle = low + (high - low) / 2;
        struct first at;
        if (!probe(r->file, middle, buffer, &at))
            break;
        if (by_time ? at.time < r->since : at.number <= r->after)
            low = middle;
        else
            high = middle;
    }
    free(buffer);
    r->offset = low;
    r->skipping = low > 0; /* into the middle of a line */
}

/* Opens the newest file that begins at or before the record wanted, else the oldest one. 0 with r->file NULL: there is
 * no file, or none has a record. */
static int locate(struct logs_reader *r, bool by_time)
{
    struct world_file *oldest = NULL;
    int rc = 0;
    for (int i = 0; i < LOGS_FILES; i++) {
        char path[LOGS_PATH_MAX];
        struct world_file *f = NULL;
        struct first first;
        rc = logs_path(r->logs, r->namespace, r->name, i, path);
        if (rc == 0)
            rc = world_file_open(r->logs->world, path, WORLD_READ, &f, NULL);
        if (rc == ERROR_NOT_FOUND) {
            rc = 0;
            continue;
        }
        if (rc < 0)
            break;
        if (!first_of(f, &first)) {
            world_file_close(f);
            continue;
        }
        world_file_close(oldest);
        oldest = f;
        if (by_time ? first.time < r->since : first.number <= r->after + 1)
            break;
    }
    if (rc < 0) {
        world_file_close(oldest);
        return rc;
    }
    world_file_close(r->file);
    r->file = oldest;
    r->offset = 0;
    r->skipping = false;
    r->used = 0;
    text_clear(&r->data);
    if (r->file)
        seek(r, by_time);
    return 0;
}

/* ---- records ---- */

/* 1: more bytes came; 0: the end so far. */
static int fill(struct logs_reader *r)
{
    text_consume(&r->data, r->used);
    r->used = 0;
    if (!text_reserve(&r->data, READ_STEP))
        return ERROR_MEMORY;
    int64_t n = world_file_pread(r->file, r->data.data + r->data.len, READ_STEP, r->offset);
    if (n <= 0)
        return (int)n;
    r->data.len += (size_t)n;
    r->data.data[r->data.len] = '\0';
    r->offset += (uint64_t)n;
    return 1;
}

/* The next whole line of the file. 1, or 0 when there is none, or an error. */
static int next_line(struct logs_reader *r, struct bytes *line)
{
    for (;;) {
        const char *from = r->data.len ? r->data.data + r->used : "";
        const char *newline = r->data.len > r->used ? memchr(from, '\n', r->data.len - r->used) : NULL;
        if (newline) {
            *line = BYTES(from, (size_t)(newline - from));
            r->used += line->len + 1;
            bool skipped = r->skipping;
            r->skipping = false;
            if (!skipped)
                return 1;
            continue;
        }
        if (r->data.len - r->used > LOGS_LINE_MAX) {
            r->skipping = true;
            r->used = r->data.len;
        }
        int rc = fill(r);
        if (rc <= 0)
            return rc;
    }
}

/* Whether the newest file is another one than ours, or ours grew. */
static bool moved_on(struct logs_reader *r)
{
    char path[LOGS_PATH_MAX];
    struct world_stat stat;
    if (logs_path(r->logs, r->namespace, r->name, 0, path) < 0 || world_stat(r->logs->world, path, &stat) < 0)
        return false;
    return stat.exists && stat.size != r->offset;
}

int logs_read(struct logs_reader *r, struct logs_record *out)
{
    logs_record_release(r->storage);
    r->storage = NULL;
    for (bool looked = false;;) {
        struct bytes line;
        int rc = r->file ? next_line(r, &line) : 0;
        if (rc < 0)
            return rc;
        if (rc == 1) {
            if (!logs_record_parse(line, out, &r->storage))
                continue;
            if (out->number > r->after && out->time >= r->since) {
                r->after = out->number;
                return 1;
            }
            logs_record_release(r->storage);
            r->storage = NULL;
            continue;
        }
        if (looked || (r->file && !moved_on(r)))
            return 0;
        uint64_t before = r->after;
        struct world_file *was = r->file;
        rc = locate(r, false);
        if (rc < 0 || !r->file)
            return rc;
        looked = was != NULL && before == r->after; /* a file read to its end twice has nothing more */
    }
}

/* ---- making ---- */

/* The number of the last record, 0 when there is none. */
static int last_of(struct logs_reader *r, uint64_t *out)
{
    bool torn;
    *out = 0;
    r->after = UINT64_MAX - 1; /* the newest file with a record */
    int rc = locate(r, false);
    r->after = 0;
    int64_t size = rc == 0 && r->file ? world_file_size(r->file) : 0;
    if (size > 0)
        *out = logs_last_number(r->file, (uint64_t)size, &torn);
    return rc < 0 ? rc : size < 0 ? (int)size : 0;
}

static void look(void *arg)
{
    struct logs_reader *r = arg;
    if (r->more)
        r->more(r->arg);
}

static void poll(void *arg)
{
    struct logs_reader *r = arg;
    (void)world_timer_start(&r->poll, LOGS_POLL);
    look(r);
}

int logs_reader_new(struct logs *l, const char *namespace, const char *name, const struct logs_query *query,
                    bool absent_ok, struct logs_reader **out, struct error *err)
{
    char path[LOGS_PATH_MAX];
    int rc = logs_path(l, namespace, name, LOGS_FILES - 1, path);
    if (rc < 0)
        return error_set(err, rc, "\"%.40s\" of \"%.40s\" cannot be the name of a log", name, namespace);
    struct logs_reader *r = calloc(1, sizeof *r);
    if (!r)
        return error_set(err, ERROR_MEMORY, "out of memory");
    r->logs = l;
    world_timer_init(&r->poll, l->world, poll, r);
    world_task_init(&r->look, l->world, look, r);
    snprintf(r->namespace, sizeof r->namespace, "%s", namespace);
    snprintf(r->name, sizeof r->name, "%s", name);
    uint64_t last = 0;
    if (query->count > 0) {
        rc = last_of(r, &last);
        r->after = last > (uint64_t)query->count ? last - (uint64_t)query->count : 0;
        rc = rc < 0 ? rc : locate(r, false);
    } else {
        r->since = query->since;
        rc = locate(r, query->since > 0);
    }
    r->since = query->since;
    if (rc == 0 && !r->file && !absent_ok) {
        logs_reader_free(r);
        return error_set(err, ERROR_NOT_FOUND, "there is no log of %s in %s", name, namespace);
    }
    if (rc < 0) {
        logs_reader_free(r);
        return error_set(err, rc, "the log of %s in %s cannot be read: %s", name, namespace, error_code_name(rc));
    }
    *out = r;
    return 0;
}

/* ---- following ---- */

static void unfollow(struct logs_reader *r)
{
    world_timer_stop(&r->poll);
    world_task_cancel(&r->look);
    if (!r->link)
        return;
    *r->link = r->next;
    if (r->next)
        r->next->link = r->link;
    r->link = NULL;
    r->logs->follower_count--;
}

int logs_follow(struct logs_reader *r, void (*more)(void *arg), void *arg)
{
    r->more = more;
    r->arg = arg;
    if (!more) {
        unfollow(r);
        return 0;
    }
    if (r->link)
        return 0;
    if (r->logs->follower_count >= LOGS_FOLLOWERS)
        return ERROR_LIMIT;
    int rc = world_timer_start(&r->poll, LOGS_POLL);
    if (rc < 0)
        return rc;
    r->next = r->logs->followers;
    r->link = &r->logs->followers;
    if (r->next)
        r->next->link = &r->next;
    r->logs->followers = r;
    r->logs->follower_count++;
    return 0;
}

void logs_wake(struct logs *l, const char *namespace, const char *name)
{
    for (struct logs_reader *r = l->followers; r; r = r->next)
        if (strcmp(r->name, name) == 0 && strcmp(r->namespace, namespace) == 0)
            world_task_post(&r->look);
}

void logs_reader_free(struct logs_reader *r)
{
    if (!r)
        return;
    unfollow(r);
    world_file_close(r->file);
    logs_record_release(r->storage);
    text_deinit(&r->data);
    free(r);
}
