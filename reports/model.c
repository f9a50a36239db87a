#include "reports/model.h"

#include "base/array.h"

#include <stdlib.h>

static const char *const status_names[REPORT_STATUS_COUNT] = {"passed", "failed", "skipped", "flaky"};

const char *report_status_name(enum report_status s)
{
    return status_names[s];
}

const char *report_verdict_name(enum report_verdict v)
{
    static const char *const names[] = {"passed", "failed", "incomplete"};
    return names[v];
}

enum report_verdict report_verdict(const struct report *r)
{
    if (r->counts[REPORT_FAILED] != 0 || r->bugs != 0 || (r->ended && r->exit != 0))
        return REPORT_VERDICT_FAILED;
    return r->ended && !r->truncated && r->missing[0] == 0 ? REPORT_VERDICT_PASSED : REPORT_VERDICT_INCOMPLETE;
}

int report_new(const char *source, struct report **out, struct error *err)
{
    struct report *r = calloc(1, sizeof *r);
    if (r == NULL)
        return error_set(err, ERROR_MEMORY, "out of memory");
    r->id = r->system = r->driver = r->seed = r->started = r->command = r->version = r->missing = "";
    r->source = arena_string(&r->arena, source);
    if (r->source == NULL) {
        report_free(r);
        return error_set(err, ERROR_MEMORY, "out of memory");
    }
    *out = r;
    return 0;
}

void report_free(struct report *r)
{
    if (r == NULL)
        return;
    for (size_t i = 0; i < r->series.count; i++)
        free(r->series.items[i].points);
    for (size_t i = 0; i < r->part_count; i++)
        report_free(r->parts[i]);
    for (struct map_entry *e = map_first(&r->open_steps); e != NULL; e = map_next(e))
        report_steps_end(map_value(e));
    free(r->parts);
    map_deinit(&r->open_steps);
    array_deinit(&r->pillars);
    array_deinit(&r->cases);
    array_deinit(&r->findings);
    array_deinit(&r->faults);
    array_deinit(&r->recoveries);
    array_deinit(&r->series);
    array_deinit(&r->tables);
    array_deinit(&r->contracts);
    array_deinit(&r->notes);
    arena_deinit(&r->arena);
    free(r);
}

/* ---- files ----------------------------------------------------------------------------------------------------- */

#define READ_PIECE ((size_t)256 << 10)

int report_read(struct world *w, const char *path, struct report **out, struct error *err)
{
    struct report *r = NULL;
    struct world_file *file = NULL;
    struct text buffer = TEXT_INIT;
    int rc = report_new(path, &r, err);
    if (rc == 0)
        rc = world_file_open(w, path, WORLD_READ, &file, err);
    uint64_t offset = 0;
    while (rc == 0) {
        if (!text_reserve(&buffer, READ_PIECE)) {
            rc = error_set(err, ERROR_MEMORY, "out of memory");
            break;
        }
        int64_t got = world_file_pread(file, buffer.data + buffer.len, READ_PIECE, offset);
        if (got < 0)
            rc = error_set(err, (int)got, "cannot read %s: %s", path, error_code_name((int)got));
        if (got <= 0)
            break;
        offset += (uint64_t)got;
        buffer.len += (size_t)got;
        buffer.data[buffer.len] = 0;
        size_t done = 0;
        const char *end;
        while (rc == 0 && (end = memchr(buffer.data + done, '\n', buffer.len - done)) != NULL) {
            size_t len = (size_t)(end - (buffer.data + done));
            rc = report_add_line(r, BYTES(buffer.data + done, len), err);
            done += len + 1;
        }
        text_consume(&buffer, done);
        if (rc == 0 && buffer.len > REPORT_LINE_MAX)
            rc = report_add_line(r, text_bytes(&buffer), err); /* says that it is too long, and where */
    }
    if (rc == 0 && buffer.len != 0)
        rc = report_add_last(r, text_bytes(&buffer), err);
    text_deinit(&buffer);
    world_file_close(file);
    if (rc != 0) {
        report_free(r);
        return rc;
    }
    *out = r;
    return 0;
}
