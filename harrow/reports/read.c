#include "harrow/reports/read.h"

#include <stdlib.h>
#include <string.h>

static int read_one(struct world *w, const char *path, struct report **out, struct error *err)
{
    struct text file = TEXT_INIT, folder = TEXT_INIT;
    struct world_stat stat = {0};
    text_puts(&file, path);
    /* A run's folder stands for the stream in it. */
    if (world_stat(w, path, &stat) == 0 && stat.directory)
        text_puts(&file, "/results.jsonl");
    int code =
        text_ok(&file) ? report_read(w, text_string(&file), out, err) : error_set(err, ERROR_MEMORY, "out of memory");
    if (code == 0 && (*out)->lines == (*out)->blank) {
        code = error_set_at(err, ERROR_INVALID, text_string(&file), 0, 0,
                            "the stream is empty: no run wrote into it; name a run's folder or its results.jsonl");
        report_free(*out);
        *out = NULL;
    }
    if (code == 0) {
        const char *slash = strrchr(text_string(&file), '/');
        text_add(&folder, text_string(&file), slash != NULL ? (size_t)(slash - text_string(&file)) : 0);
        code = report_attach(*out, w, slash != NULL ? text_string(&folder) : ".", err);
        if (code != 0)
            report_free(*out);
    }
    text_deinit(&file);
    text_deinit(&folder);
    return code;
}

int report_read_runs(struct world *w, const char *const *paths, size_t count, struct report **out, struct error *err)
{
    struct report **parts = calloc(count, sizeof *parts);
    if (parts == NULL)
        return error_set(err, ERROR_MEMORY, "out of memory");
    size_t read = 0;
    int code = 0;
    while (code == 0 && read < count) {
        code = read_one(w, paths[read], &parts[read], err);
        read += code == 0;
    }
    if (code == 0)
        code = report_merge(parts, count, out, err);
    else
        for (size_t i = 0; i < read; i++)
            report_free(parts[i]);
    free(parts);
    return code;
}
