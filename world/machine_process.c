/* Levers on foreign processes: see machine.h. */
#include "world/machine.h"
#include "world/sim.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define STATUS_MAX      ((size_t)16 << 10)
#define ENVIRONMENT_MAX ((size_t)1 << 20)

static int refuse_simulated(struct world *w, struct error *err)
{
    return world_is_simulated(w) ? error_set(err, ERROR_UNSUPPORTED, "there are no processes in simulation") : 0;
}

static int failed(struct error *err, const char *what, const struct world_foreign *p)
{
    int why = errno;
    return error_set(err, error_from_errno(why), "%s of process %lld: %s", what, (long long)p->id, strerror(why));
}

/* Not in simulation, and still the process it was. */
static int check(struct world *w, const struct world_foreign *p, struct error *err)
{
    int code = refuse_simulated(w, err);
    if (code == 0 && world_foreign_state(w, p) == 0)
        code = error_set(err, ERROR_NOT_FOUND, "process %lld is gone", (long long)p->id);
    return code;
}

bool machine_is_root(void)
{
    return geteuid() == 0;
}

uint32_t machine_user(void)
{
    return (uint32_t)geteuid();
}

int machine_self(struct world *w, struct world_foreign *out, struct error *err)
{
    return world_foreign_by_id(w, getpid(), out, err);
}

bool machine_process_lives(struct world *w, const struct world_foreign *p)
{
    return world_foreign_state(w, p) != 0;
}

/* A file of /proc, whose size is not known beforehand. */
static int read_proc(const char *path, size_t limit, struct text *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_from_errno(errno);
    char piece[4096];
    ssize_t n;
    while ((n = read(fd, piece, sizeof piece)) > 0 && out->len < limit)
        text_add(out, piece, (size_t)n);
    int why = errno;
    close(fd);
    return n < 0 ? error_from_errno(why) : text_ok(out) ? 0 : ERROR_MEMORY;
}

int machine_boot_id(struct world *w, char out[MACHINE_BOOT_ID_MAX], struct error *err)
{
    struct text content = TEXT_INIT;
    int code = refuse_simulated(w, err);
    if (code == 0 && (code = read_proc("/proc/sys/kernel/random/boot_id", MACHINE_BOOT_ID_MAX, &content)) != 0)
        error_set(err, code, "the boot's number cannot be read: %s", error_code_name(code));
    if (code == 0)
        snprintf(out, MACHINE_BOOT_ID_MAX, "%.*s", (int)strcspn(text_string(&content), "\n"), text_string(&content));
    text_deinit(&content);
    return code;
}

static uint64_t field(const char *status, const char *name, int base)
{
    const char *at = strstr(status, name);
    return at == NULL ? 0 : strtoull(at + strlen(name), NULL, base);
}

static void count_descriptors(const struct world_foreign *p, struct machine_status *out)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%lld/fd", (long long)p->id);
    DIR *d = opendir(path);
    for (const struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
        if (e->d_name[0] == '.')
            continue;
        uint64_t number = strtoull(e->d_name, NULL, 10);
        out->descriptors++;
        if (number > out->descriptor_highest)
            out->descriptor_highest = number;
    }
    if (d != NULL)
        closedir(d);
}

int machine_status(struct world *w, const struct world_foreign *p, struct machine_status *out, struct error *err)
{
    struct text content = TEXT_INIT;
    char path[64];
    int code = check(w, p, err);
    if (code != 0)
        return code;
    snprintf(path, sizeof path, "/proc/%lld/status", (long long)p->id);
    if ((code = read_proc(path, STATUS_MAX, &content)) != 0) {
        text_deinit(&content);
        return error_set(err, code, "process %lld tells nothing of itself: %s", (long long)p->id,
                         error_code_name(code));
    }
    const char *s = text_string(&content);
    *out = (struct machine_status){.parent = (int64_t)field(s, "\nPPid:", 10),
                                   .user = (uint32_t)field(s, "\nUid:", 10),
                                   .threads = field(s, "\nThreads:", 10),
                                   .address_space = field(s, "\nVmSize:", 10) << 10,
                                   .resident = field(s, "\nVmRSS:", 10) << 10,
                                   .caught = field(s, "\nSigCgt:", 16),
                                   .ignored = field(s, "\nSigIgn:", 16)};
    count_descriptors(p, out);
    text_deinit(&content);
    return 0;
}

int machine_variable(struct world *w, const struct world_foreign *p, const char *name, struct text *out,
                     struct error *err)
{
    struct text content = TEXT_INIT;
    char path[64];
    size_t len = strlen(name);
    int code = check(w, p, err);
    if (code != 0)
        return code;
    snprintf(path, sizeof path, "/proc/%lld/environ", (long long)p->id);
    code = read_proc(path, ENVIRONMENT_MAX, &content);
    bool found = false;
    for (const char *at = text_string(&content), *end = at + content.len; code == 0 && at < end && !found;
         at += strlen(at) + 1)
        if (strncmp(at, name, len) == 0 && at[len] == '=') {
            text_puts(out, at + len + 1);
            found = true;
        }
    text_deinit(&content);
    if (code == 0 && !found)
        code = ERROR_NOT_FOUND;
    return code == 0 ? 0
                     : error_set(err, code, "%s of process %lld: %s", name, (long long)p->id, error_code_name(code));
}

int machine_open_files(struct world *w, const struct world_foreign *p, bool writing,
                       void (*each)(void *arg, const char *path), void *arg, struct error *err)
{
    char folder[64], link[96], path[MACHINE_PATH_MAX];
    int code = check(w, p, err);
    if (code != 0)
        return code;
    snprintf(folder, sizeof folder, "/proc/%lld/fd", (long long)p->id);
    DIR *d = opendir(folder);
    if (d == NULL)
        return failed(err, "the open files", p);
    struct text seen = TEXT_INIT; /* paths, each between two newlines */
    text_char(&seen, '\n');
    for (const struct dirent *e; (e = readdir(d)) != NULL;) {
        struct stat st;
        snprintf(link, sizeof link, "%s/%.20s", folder, e->d_name);
        ssize_t n = readlink(link, path + 1, sizeof path - 3);
        /* The link's own mode tells how it is open. */
        if (writing && (lstat(link, &st) != 0 || (st.st_mode & S_IWUSR) == 0))
            continue;
        if (n <= 0 || path[1] != '/' || stat(link, &st) != 0 || !S_ISREG(st.st_mode) || st.st_nlink == 0)
            continue;
        path[0] = '\n';
        path[n + 1] = '\n';
        path[n + 2] = '\0';
        if (strstr(text_string(&seen), path) != NULL)
            continue;
        text_add(&seen, path + 1, (size_t)n + 1);
        path[n + 1] = '\0';
        each(arg, path + 1);
    }
    closedir(d);
    code = text_ok(&seen) ? 0 : error_set(err, ERROR_MEMORY, "out of memory");
    text_deinit(&seen);
    return code;
}

/* ---- limits ---- */

static uint64_t from_system(rlim_t value)
{
    return value == RLIM_INFINITY ? MACHINE_NO_LIMIT : (uint64_t)value;
}

static rlim_t to_system(uint64_t value)
{
    return value == MACHINE_NO_LIMIT ? RLIM_INFINITY : (rlim_t)value;
}

int machine_limit(struct world *w, const struct world_foreign *p, enum machine_limit what,
                  const struct machine_bounds *bounds, struct machine_bounds *before, struct error *err)
{
    static const __rlimit_resource_t resources[MACHINE_LIMIT_COUNT] = {RLIMIT_NOFILE, RLIMIT_FSIZE, RLIMIT_AS,
                                                                       RLIMIT_NPROC};
    int code = check(w, p, err);
    if (code != 0)
        return code;
    if ((unsigned)what >= MACHINE_LIMIT_COUNT)
        return error_set(err, ERROR_INVALID, "there is no such limit");
    struct rlimit old, new;
    if (bounds != NULL)
        new = (struct rlimit){.rlim_cur = to_system(bounds->soft), .rlim_max = to_system(bounds->hard)};
    if (prlimit((pid_t)p->id, resources[what], bounds != NULL ? &new : NULL, &old) != 0)
        return failed(err, "a limit", p);
    if (before != NULL)
        *before = (struct machine_bounds){from_system(old.rlim_cur), from_system(old.rlim_max)};
    return 0;
}

/* ---- scheduling ---- */

int machine_cpus_count(const struct machine_cpus *cpus)
{
    int count = 0;
    for (size_t i = 0; i < sizeof cpus->words / sizeof cpus->words[0]; i++)
        count += __builtin_popcountll(cpus->words[i]);
    return count;
}

int machine_cpus_first(const struct machine_cpus *cpus)
{
    for (int i = 0; i < MACHINE_CPUS_MAX; i++)
        if (cpus->words[i / 64] >> (i % 64) & 1)
            return i;
    return -1;
}

struct machine_cpus machine_cpus_one(int cpu)
{
    struct machine_cpus out = {0};
    out.words[cpu / 64] = UINT64_C(1) << (cpu % 64);
    return out;
}

int machine_schedule(struct world *w, const struct world_foreign *p, struct machine_schedule *out, struct error *err)
{
    pid_t id = (pid_t)p->id;
    int code = check(w, p, err);
    if (code != 0)
        return code;
    *out = (struct machine_schedule){0};
    int policy = sched_getscheduler(id);
    if (policy < 0 || sched_getaffinity(id, sizeof out->cpus, (cpu_set_t *)&out->cpus) != 0)
        return failed(err, "the scheduling", p);
    errno = 0;
    out->nice = getpriority(PRIO_PROCESS, (id_t)id);
    if (errno != 0)
        return failed(err, "the priority", p);
    policy &= ~SCHED_RESET_ON_FORK;
    if (policy != SCHED_OTHER && policy != SCHED_IDLE)
        return error_set(err, ERROR_UNSUPPORTED, "process %lld has a scheduling policy of its own", (long long)p->id);
    out->idle = policy == SCHED_IDLE;
    return 0;
}

static int schedule_thread(pid_t id, const struct machine_schedule *to)
{
    const struct sched_param none = {0};
    if (sched_setaffinity(id, sizeof to->cpus, (const cpu_set_t *)&to->cpus) != 0)
        return -1;
    int policy = sched_getscheduler(id), wanted = to->idle ? SCHED_IDLE : SCHED_OTHER;
    if (policy != wanted && sched_setscheduler(id, wanted, &none) != 0)
        return -1;
    errno = 0;
    int nice = getpriority(PRIO_PROCESS, (id_t)id);
    if (errno != 0 || (nice != to->nice && setpriority(PRIO_PROCESS, (id_t)id, to->nice) != 0))
        return -1;
    return 0;
}

int machine_schedule_set(struct world *w, const struct world_foreign *p, const struct machine_schedule *to,
                         struct error *err)
{
    char folder[64];
    int code = check(w, p, err);
    if (code != 0)
        return code;
    snprintf(folder, sizeof folder, "/proc/%lld/task", (long long)p->id);
    DIR *d = opendir(folder);
    if (d == NULL)
        return failed(err, "the threads", p);
    for (const struct dirent *e; code == 0 && (e = readdir(d)) != NULL;) {
        pid_t id = (pid_t)strtol(e->d_name, NULL, 10);
        if (id > 0 && schedule_thread(id, to) != 0 && errno != ESRCH) /* a thread may end meanwhile */
            code = failed(err, "the scheduling", p);
    }
    closedir(d);
    return code;
}
