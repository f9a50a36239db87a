/* Fixtures of a folder: what its file fixtures.yaml does before and after holds for all flow files below. Folders are
 * looked through upwards from a flow's file, and the first without such a file ends that: what holds for a file does
 * not depend on where the harness was started, nor on how much of a tree it was told to run. */
#include "e2e/kind.h"

#include <stdlib.h>
#include <string.h>

#define FIXTURES     "fixtures.yaml"
#define FIXTURES_MAX ((size_t)4 << 20) /* bytes */
#define FOLDERS_MAX  16                /* inside each other */

bool folder_is_fixtures(const char *path)
{
    const char *slash = strrchr(path, '/');
    return strcmp(slash != NULL ? slash + 1 : path, FIXTURES) == 0;
}

/* The fixtures of the folder `path` lies in; `up`: of the one above it. */
static void fixtures_beside(const char *path, bool up, struct text *out)
{
    const char *slash = strrchr(path, '/');
    size_t len = slash != NULL ? (size_t)(slash - path) : 0;
    if (!up) {
        path_beside(path, FIXTURES, out);
        return;
    }
    const char *last = path;
    for (const char *p = path; p < path + len; p++)
        last = *p == '/' ? p + 1 : last;
    size_t folder = (size_t)(path + len - last); /* the folder's own name */
    bool named = folder > 0 && !(folder == 2 && memcmp(last, "..", 2) == 0) && !(folder == 1 && *last == '.');
    if (named)
        text_add(out, path, (size_t)(last - path));
    else if (slash != NULL && len == 0)
        text_truncate(out, 0); /* nothing is above the root */
    else
        text_printf(out, "%.*s%s../", (int)len, path, len > 0 ? "/" : "");
    if (named || slash == NULL || len > 0)
        text_puts(out, FIXTURES);
}

static int read_fixtures(struct world *w, const char *path, struct flow **out, struct error *err)
{
    struct text content = TEXT_INIT;
    struct flow_list none = {0};
    const struct flow_loading l = {.world = w, .path = path};
    struct flow_file *file = calloc(1, sizeof *file);
    if (file == NULL || (file->fixtures = calloc(1, sizeof *file->fixtures)) == NULL) {
        free(file);
        return error_set(err, ERROR_MEMORY, "out of memory");
    }
    file->flows = 1;
    int code = world_read_file(w, path, FIXTURES_MAX, &content, err);
    if (code == 0)
        code = document_parse_yaml(text_bytes(&content), path, &file->document, err);
    if (code == 0)
        code = fixtures_check(document_root(file->document), err);
    if (code == 0) {
        flow_file_steps(file);
        *file->fixtures = (struct flow){.file = file, .name = "", .path = document_name(file->document), .line = 1};
        code = flow_load_includes(&l, file, &none, err);
    }
    if (code == 0)
        flow_look_at(file->fixtures);
    text_deinit(&content);
    if (code == 0)
        *out = file->fixtures;
    else
        flow_file_release(file);
    return code;
}

/* The same folder's, when a flow before has them. */
static struct flow *known(const struct flow *f, const char *path)
{
    struct flow *around = f != NULL ? f->file->around : NULL;
    while (around != NULL && strcmp(around->path, path) != 0)
        around = around->file->around;
    if (around != NULL)
        around->file->flows++;
    return around;
}

static int attach(struct world *w, struct flow_file *file, bool up, const struct flow *before, int deep,
                  struct error *err)
{
    struct text path = TEXT_INIT;
    struct world_stat stat = {0};
    fixtures_beside(document_name(file->document), up, &path);
    int code = text_ok(&path) ? 0 : error_set(err, ERROR_MEMORY, "out of memory");
    bool there = code == 0 && path.len > 0 && deep < FOLDERS_MAX && world_stat(w, text_string(&path), &stat) == 0 &&
                 stat.exists && !stat.directory;
    if (there && (file->around = known(before, text_string(&path))) == NULL) {
        code = read_fixtures(w, text_string(&path), &file->around, err);
        if (code == 0)
            code = attach(w, file->around->file, true, before, deep + 1, err);
    }
    text_deinit(&path);
    return code;
}

int folder_attach(struct world *w, struct flow_list *flows, size_t first, struct error *err)
{
    if (first >= flows->count)
        return 0;
    int code = attach(w, flows->items[first]->file, false, first > 0 ? flows->items[first - 1] : NULL, 0, err);
    for (size_t i = first; code == 0 && i < flows->count; i++)
        for (const struct flow *f = flows->items[i]->file->around; f != NULL; f = f->file->around) {
            flows->items[i]->commands |= f->commands;
            flows->items[i]->browser |= f->browser;
            flows->items[i]->alone |= f->alone;
        }
    return code;
}
