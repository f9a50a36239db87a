/* Figures of the process from the system's own files, /proc/self/status and /proc/self/stat (proc(5)). */
#include "base/units.h"
#include "runtime/service/internal.h"

#define FILE_MAX  8192           /* bytes read of either */
#define TICK      (SECOND / 100) /* Linux counts processor time for user space in hundredths of a second */
#define USER_TIME 11             /* words behind the program's name: utime, then stime */

static bool read_whole(struct world *w, const char *path, char out[FILE_MAX + 1])
{
    struct world_file *file = NULL;
    if (world_file_open(w, path, WORLD_READ, &file, NULL) != 0)
        return false;
    int64_t n = world_file_pread(file, out, FILE_MAX, 0);
    world_file_close(file);
    out[n > 0 ? n : 0] = '\0';
    return n > 0;
}

/* "Name:   123 kB" */
static uint64_t status_value(const char *file, const char *name)
{
    const char *at = strstr(file, name);
    return at ? strtoull(at + strlen(name), NULL, 10) : 0;
}

void micro_figures_read(struct world *w, struct micro_figures *out)
{
    char content[FILE_MAX + 1];
    *out = (struct micro_figures){0};
    if (read_whole(w, "/proc/self/status", content)) {
        out->memory = status_value(content, "\nVmRSS:") * 1024;
        out->threads = status_value(content, "\nThreads:");
    }
    /* The name stands in parentheses and may hold anything, parentheses too. */
    if (!read_whole(w, "/proc/self/stat", content))
        return;
    const char *at = strrchr(content, ')');
    for (int i = 0; at && i <= USER_TIME; i++)
        at = strchr(at + 1, ' ');
    if (!at)
        return;
    char *end = NULL;
    uint64_t ticks = strtoull(at, &end, 10);
    out->cpu = (ticks + strtoull(end, NULL, 10)) * (uint64_t)TICK;
}
