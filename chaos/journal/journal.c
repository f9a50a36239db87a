#include "chaos/journal/journal.h"

#include "base/array.h"
#include "chaos/journal/line.h"
#include "world/sim.h"

#include <stdio.h>

#define JOURNALS_MAX 1000 /* of one process */

struct noted {
    uint64_t number;
    struct undo step;
    char *path, *other; /* owned */
};
struct undo_journal {
    struct world *world;
    struct world_file *file;
    char *path;
    uint64_t last; /* number given */
    ARRAY(struct noted) open;
};

int undo_journal_folder(struct world *w, struct text *out, struct error *err)
{
    const char *runtime = world_environment(w, "XDG_RUNTIME_DIR");
    struct world_stat stat = {0};
    /* The variable outlives its folder where users are changed (su, containers). */
    if (runtime != NULL && runtime[0] == '/' && world_stat(w, runtime, &stat) == 0 && stat.directory)
        text_printf(out, "%s/harrow", runtime);
    else
        text_printf(out, "/tmp/harrow-%lu", (unsigned long)machine_user());
    return text_ok(out) ? 0 : error_set(err, ERROR_MEMORY, "out of memory");
}

static void noted_free(struct noted *n)
{
    free(n->path);
    free(n->other);
}

static void undo_journal_free(struct undo_journal *j)
{
    world_file_close(j->file);
    for (size_t i = 0; i < j->open.count; i++)
        noted_free(&j->open.items[i]);
    array_deinit(&j->open);
    free(j->path);
    free(j);
}

static int append(struct undo_journal *j, const struct text *line, bool sync, struct error *err)
{
    if (!text_ok(line))
        return error_set(err, ERROR_MEMORY, "out of memory");
    int64_t n = world_file_append(j->file, line->data, line->len);
    int code = n < 0 ? (int)n : sync ? world_file_sync(j->file) : 0;
    return code == 0 ? 0 : error_set(err, code, "cannot write %s: %s", j->path, error_code_name(code));
}

static int open_file(struct undo_journal *j, struct error *err)
{
    struct text path = TEXT_INIT, line = TEXT_INIT;
    struct world_foreign self;
    char boot[MACHINE_BOOT_ID_MAX];
    int code = undo_journal_folder(j->world, &path, err);
    if (code == 0)
        code = machine_private_folder(j->world, text_string(&path), err);
    if (code == 0)
        code = machine_self(j->world, &self, err);
    if (code == 0)
        code = machine_boot_id(j->world, boot, err);
    size_t length = path.len;
    for (int i = 1; code == 0 && j->file == NULL; i++) {
        text_truncate(&path, length);
        text_printf(&path, "/harrow-%lld-%" PRIu64 "-%d.journal", (long long)self.id, self.started, i);
        code = !text_ok(&path) ? error_set(err, ERROR_MEMORY, "out of memory")
                               : world_file_open(j->world, text_string(&path),
                                                 WORLD_WRITE | WORLD_CREATE | WORLD_EXCLUSIVE | WORLD_PRIVATE, &j->file,
                                                 i < JOURNALS_MAX ? NULL : err);
        /* One that is there is of another system we run, or has steps that could not be undone. */
        if (code == ERROR_EXISTS && i < JOURNALS_MAX)
            code = 0;
        else if (code != 0 && i < JOURNALS_MAX)
            error_set(err, code, "cannot make %s: %s", text_string(&path), error_code_name(code));
    }
    if (code == 0 && (j->path = strdup(text_string(&path))) == NULL)
        code = error_set(err, ERROR_MEMORY, "out of memory");
    if (code == 0) {
        text_printf(&line, "harrow-journal %d %lld %" PRIu64 " %s", JOURNAL_VERSION, (long long)self.id, self.started,
                    boot);
        line_end(&line, 0);
        code = append(j, &line, true, err);
    }
    if (code != 0 && j->file != NULL)
        (void)world_remove(j->world, text_string(&path));
    text_truncate(&path, length);
    if (code == 0 && (code = world_sync_directory(j->world, text_string(&path))) != 0)
        error_set(err, code, "cannot sync %s: %s", text_string(&path), error_code_name(code));
    text_deinit(&line);
    text_deinit(&path);
    return code;
}

static int undo_journal_open(struct undo_journal **out, struct world *w, struct error *err)
{
    struct undo_journal *j = calloc(1, sizeof *j);
    if (j == NULL)
        return error_set(err, ERROR_MEMORY, "out of memory");
    j->world = w;
    int code = open_file(j, err);
    if (code != 0) {
        undo_journal_free(j);
        return code;
    }
    *out = j;
    return 0;
}

int undo_journal_note(struct undo_journal **j, struct world *w, const struct undo *step, uint64_t *number,
                      struct error *err)
{
    *number = 0;
    if (world_is_simulated(w))
        return 0;
    int code = undo_check(step, err);
    if (code == 0 && *j == NULL)
        code = undo_journal_open(j, w, err);
    if (code != 0)
        return code;
    struct undo_journal *own = *j;
    if (own->open.count >= JOURNAL_STEPS_MAX)
        return error_set(err, ERROR_LIMIT, "%d steps are waiting to be undone", JOURNAL_STEPS_MAX);
    struct noted n = {.number = own->last + 1, .step = *step};
    n.path = step->path != NULL ? strdup(step->path) : NULL;
    n.other = step->other != NULL ? strdup(step->other) : NULL;
    n.step.path = n.path;
    n.step.other = n.other;
    if ((step->path != NULL && n.path == NULL) || (step->other != NULL && n.other == NULL) || !array_grow(&own->open)) {
        noted_free(&n);
        return error_set(err, ERROR_MEMORY, "out of memory");
    }
    struct text line = TEXT_INIT;
    text_printf(&line, "do %" PRIu64 " ", n.number);
    undo_write(step, &line);
    line_end(&line, 0);
    code = append(own, &line, true, err);
    text_deinit(&line);
    if (code != 0) {
        noted_free(&n);
        return code;
    }
    own->open.items[own->open.count++] = n;
    *number = own->last = n.number;
    return 0;
}

static void strike_at(struct undo_journal *j, size_t i)
{
    struct noted *n = &j->open.items[i];
    struct text line = TEXT_INIT;
    text_printf(&line, "done %" PRIu64, n->number);
    line_end(&line, 0);
    (void)append(j, &line, false, NULL); /* at worst it is undone again */
    text_deinit(&line);
    noted_free(n);
    array_remove(&j->open, i);
}

static int undo_at(struct undo_journal *j, size_t i, struct error *err)
{
    int code = undo_apply(j->world, &j->open.items[i].step, err);
    if (code == 0)
        strike_at(j, i);
    return code;
}

void undo_journal_strike(struct undo_journal *j, uint64_t number)
{
    for (size_t i = 0; j != NULL && number != 0 && i < j->open.count; i++)
        if (j->open.items[i].number == number) {
            strike_at(j, i);
            return;
        }
}

int undo_journal_undo(struct undo_journal *j, uint64_t number, struct error *err)
{
    for (size_t i = 0; j != NULL && number != 0 && i < j->open.count; i++)
        if (j->open.items[i].number == number)
            return undo_at(j, i, err);
    return 0;
}

size_t undo_journal_open_steps(const struct undo_journal *j)
{
    return j != NULL ? j->open.count : 0;
}

void undo_journal_close(struct undo_journal *j)
{
    if (j == NULL)
        return;
    for (size_t i = j->open.count; i-- > 0;)
        (void)undo_at(j, i, NULL);
    if (j->open.count == 0)
        (void)world_remove(j->world, j->path);
    undo_journal_free(j);
}
