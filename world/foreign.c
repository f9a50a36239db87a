#include "world/foreign.h"
#include "world/sim.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PID_FILE_MAX 64
#define STAT_MAX     1024

/* Where the fields stand in /proc/<id>/stat, as proc(5) counts them. */
enum stat_field { STAT_STATE = 3, STAT_USER = 14, STAT_SYSTEM = 15, STAT_STARTED = 22, STAT_RESIDENT = 24 };

/* What /proc/<id>/stat tells, from the state letter on: the name before it may hold anything, even ")". */
struct process_stat {
    char state;
    uint64_t user_ticks, system_ticks, started, resident_pages;
};

static bool read_small_file(const char *path, char *out, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t n = read(fd, out, size - 1);
    close(fd);
    if (n < 0)
        return false;
    out[n] = '\0';
    return true;
}

static bool read_stat(int64_t id, struct process_stat *out)
{
    char path[64], text[STAT_MAX];
    snprintf(path, sizeof path, "/proc/%lld/stat", (long long)id);
    if (!read_small_file(path, text, sizeof text))
        return false;
    char *name_end = strrchr(text, ')');
    if (name_end == NULL)
        return false;
    uint64_t fields[STAT_RESIDENT + 1] = {0};
    char *save = NULL, *word = strtok_r(name_end + 1, " ", &save);
    for (int i = STAT_STATE; i <= STAT_RESIDENT; i++, word = strtok_r(NULL, " ", &save)) {
        if (word == NULL)
            return false;
        if (i == STAT_STATE)
            out->state = word[0];
        else if (word[0] != '-')
            fields[i] = strtoull(word, NULL, 10);
    }
    out->user_ticks = fields[STAT_USER];
    out->system_ticks = fields[STAT_SYSTEM];
    out->started = fields[STAT_STARTED];
    out->resident_pages = fields[STAT_RESIDENT];
    return true;
}

int world_foreign_by_id(struct world *w, int64_t id, struct world_foreign *out, struct error *err)
{
    struct process_stat stat;
    if (world_is_simulated(w))
        return error_set(err, ERROR_UNSUPPORTED, "there are no processes in simulation");
    if (!read_stat(id, &stat) || stat.state == 'Z')
        return error_set(err, ERROR_NOT_FOUND, "process %lld is gone", (long long)id);
    *out = (struct world_foreign){.id = id, .started = stat.started};
    return 0;
}

int world_foreign_open(struct world *w, const char *pid_file, struct world_foreign *out, struct error *err)
{
    struct text content = TEXT_INIT;
    int code = world_read_file(w, pid_file, PID_FILE_MAX, &content, err);
    char *end = NULL;
    long long id = code == 0 ? strtoll(text_string(&content), &end, 10) : 0;
    if (code == 0 && (id <= 1 || (*end != '\0' && *end != '\n')))
        code = error_set(err, ERROR_INVALID, "%s holds no process number", pid_file);
    else if (code == 0)
        code = world_foreign_by_id(w, id, out, err);
    text_deinit(&content);
    return code;
}

int world_foreign_signal(struct world *w, const struct world_foreign *p, int signal_number)
{
    if (world_is_simulated(w))
        return ERROR_UNSUPPORTED;
    /* Held by a descriptor, the number cannot pass to another process between the look and the signal. */
    int fd = (int)syscall(SYS_pidfd_open, (pid_t)p->id, 0);
    if (fd < 0)
        return errno == ESRCH ? ERROR_NOT_FOUND : error_from_errno(errno);
    struct process_stat stat;
    int code = 0;
    if (!read_stat(p->id, &stat) || stat.started != p->started || stat.state == 'Z')
        code = ERROR_NOT_FOUND;
    else if (syscall(SYS_pidfd_send_signal, fd, signal_number, NULL, 0) != 0)
        code = errno == ESRCH ? ERROR_NOT_FOUND : error_from_errno(errno);
    close(fd);
    return code;
}

char world_foreign_state(struct world *w, const struct world_foreign *p)
{
    struct process_stat stat;
    if (world_is_simulated(w) || p->id == 0 || !read_stat(p->id, &stat) || stat.started != p->started ||
        stat.state == 'Z')
        return 0;
    return stat.state;
}

int world_foreign_usage(struct world *w, const struct world_foreign *p, uint64_t *resident, uint64_t *cpu)
{
    if (world_is_simulated(w))
        return ERROR_UNSUPPORTED;
    struct process_stat stat;
    if (!read_stat(p->id, &stat) || stat.started != p->started)
        return ERROR_NOT_FOUND;
    *resident = stat.resident_pages * (uint64_t)sysconf(_SC_PAGESIZE);
    *cpu = (stat.user_ticks + stat.system_ticks) * (UINT64_C(1000000000) / (uint64_t)sysconf(_SC_CLK_TCK));
    return 0;
}

const char *world_program_folder(struct world *w)
{
    static char folder[4096];
    (void)w;
    ssize_t n = readlink("/proc/self/exe", folder, sizeof folder - 1);
    if (n <= 0)
        return NULL;
    folder[n] = '\0';
    while (n > 1 && folder[n - 1] != '/')
        n--;
    folder[n > 1 ? n - 1 : n] = '\0';
    return folder;
}

const char *world_working_folder(struct world *w)
{
    static char folder[4096];
    return world_is_simulated(w) ? NULL : getcwd(folder, sizeof folder);
}

void world_take_streams(void)
{
    signal(SIGPIPE, SIG_IGN);
    int fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO)
        fd = open("/dev/null", O_RDWR);
    if (fd > STDERR_FILENO)
        close(fd);
}

bool world_works_in(const char *folder)
{
    struct stat here, there;
    return stat(".", &here) == 0 && stat(folder, &there) == 0 && here.st_dev == there.st_dev &&
           here.st_ino == there.st_ino;
}

int world_enter_folder(const char *folder)
{
    return chdir(folder) == 0 ? 0 : error_from_errno(errno);
}

int world_become_self(char *const *arguments)
{
    execv("/proc/self/exe", arguments);
    return error_from_errno(errno);
}
