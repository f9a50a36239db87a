#include "reports/model.h"

#include "base/array.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define EXIT_INTERRUPTED 130 /* of every command: 128 and the signal's number, as shells tell it */

static const char *const status_names[REPORT_STATUS_COUNT] = {"passed", "failed", "skipped", "flaky"};

const char *report_status_name(enum report_status s)
{
    return status_names[s];
}

const char *report_verdict_name(enum report_verdict v)
{
    static const char *const names[] = {"passed", "failed", "incomplete", "interrupted"};
    return names[v];
}

bool report_interrupted(const struct report *r)
{
    return r->ended && r->exit == EXIT_INTERRUPTED;
}

void report_interrupted_at(const struct report *r, struct text *out)
{
    uint64_t planned = 0, judged = 0;
    for (size_t i = 0; i < r->pillars.count; i++) {
        const struct report_pillar *p = &r->pillars.items[i];
        for (const struct report_member *m = p->totals; m != NULL; m = m->next) {
            if (strcmp(m->name, "planned") != 0)
                continue;
            planned += strtoull(m->value, NULL, 10);
            for (size_t k = 0; k < REPORT_STATUS_COUNT; k++)
                judged += p->counts[k];
        }
    }
    text_puts(out, "The run was interrupted");
    if (planned > 0)
        text_printf(out, " when %" PRIu64 " of %" PRIu64 " planned cases had a verdict", judged, planned);
    text_puts(out, ": what it had not come to was not run.");
}

const char *report_cut(const struct report *r)
{
    if (!r->ended || r->truncated || r->missing[0] != 0)
        return "the results stop before the run's end";
    return report_interrupted(r) ? "the run was interrupted before its end" : NULL;
}

enum report_verdict report_verdict(const struct report *r)
{
    if (r->counts[REPORT_FAILED] != 0 || r->bugs != 0)
        return REPORT_VERDICT_FAILED;
    if (report_interrupted(r))
        return REPORT_VERDICT_INTERRUPTED;
    if (r->ended && r->exit != 0)
        return REPORT_VERDICT_FAILED;
    return report_cut(r) == NULL ? REPORT_VERDICT_PASSED : REPORT_VERDICT_INCOMPLETE;
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
    report_latencies_free(r);
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
    if (rc == ERROR_NOT_FOUND)
        rc = error_set_at(err, rc, path, 0, 0, "there is no such file");
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

const char *report_copy(struct arena *a, const json_t *text)
{
    static const char mended[] = "\xef\xbf\xbd"; /* U+FFFD */
    const char *from = json_string_value(text), *end = from + json_string_length(text);
    size_t nuls = 0;
    for (const char *at = from; (at = memchr(at, 0, (size_t)(end - at))) != NULL; at++)
        nuls++;
    if (nuls == 0)
        return arena_string_n(a, from, (size_t)(end - from));
    char *copy = arena_alloc(a, (size_t)(end - from) + nuls * (sizeof mended - 2) + 1), *to = copy;
    for (; copy != NULL && from < end; from++) {
        size_t len = *from == 0 ? sizeof mended - 1 : 1;
        memcpy(to, *from == 0 ? mended : from, len);
        to += len;
    }
    if (copy != NULL)
        *to = 0;
    return copy;
}
