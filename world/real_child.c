#include "world/real_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Starting a child by fork and exec. Between the two only async-signal-safe calls are made, on what was prepared
 * before; a failure travels back through a close-on-exec pipe, whose plain end means that the program runs. */

#define EXEC_FAILED 127

struct child_failure {
    int error;
    int step;
};
enum { STEP_DIRECTORY, STEP_DESCRIPTORS, STEP_LIMITS, STEP_NETWORK, STEP_EXECUTE };

static void child_fail(int report, int step)
{
    struct child_failure failure = {.error = errno, .step = step};
    ssize_t n = write(report, &failure, sizeof(failure));
    (void)n;
    _exit(EXEC_FAILED);
}

static int set_limit(int what, uint64_t value)
{
    struct rlimit limit;
    if (value == 0)
        return 0;
    if (getrlimit((__rlimit_resource_t)what, &limit) < 0)
        return -1;
    rlim_t wanted = (rlim_t)value;
    if (limit.rlim_max != RLIM_INFINITY && wanted > limit.rlim_max)
        wanted = limit.rlim_max;
    limit.rlim_cur = limit.rlim_max = wanted;
    return setrlimit((__rlimit_resource_t)what, &limit);
}

static int set_limits(const struct world_limits *limits)
{
    const struct rlimit none = {0};
    if (set_limit(RLIMIT_AS, limits->address_space) < 0 || set_limit(RLIMIT_FSIZE, limits->file_size) < 0 ||
        set_limit(RLIMIT_NOFILE, limits->open_files) < 0)
        return -1;
    return setrlimit(RLIMIT_CORE, &none);
}

/* In the child; does not return. */
static void child_main(const struct world_spawn *spawn, char *const *environment, pid_t parent, int report, int keeper,
                       int input, const int *output)
{
    sigset_t none;
    sigemptyset(&none);
    for (int i = 1; i < NSIG; i++)
        signal(i, SIG_DFL); /* SIGPIPE is ignored in us, and that would be inherited */
    sigprocmask(SIG_SETMASK, &none, NULL);
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(EXEC_FAILED); /* the parent died before the line above took effect */
    if (keeper >= 0)
        real_keeper_tell(keeper, getpid(), true);
    if (spawn->limits && set_limits(spawn->limits) < 0)
        child_fail(report, STEP_LIMITS);
    if (spawn->network && setns(real_network_descriptor(spawn->network), CLONE_NEWNET) < 0)
        child_fail(report, STEP_NETWORK);
    if (input < 0)
        input = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (input < 0 || dup2(input, STDIN_FILENO) < 0)
        child_fail(report, STEP_DESCRIPTORS);
    if (output && (dup2(output[0], STDOUT_FILENO) < 0 || dup2(output[1], STDERR_FILENO) < 0))
        child_fail(report, STEP_DESCRIPTORS);
    syscall(SYS_close_range, STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
    if (spawn->directory && chdir(spawn->directory) < 0)
        child_fail(report, STEP_DIRECTORY);
    char *const *argv; /* POSIX leaves the const out, and promises that nothing is changed */
    memcpy(&argv, &spawn->argv, sizeof argv);
    execvpe(argv[0], argv, environment);
    child_fail(report, STEP_EXECUTE);
}

static size_t name_length(const char *pair)
{
    return strcspn(pair, "=");
}

/* What is inherited, with the pairs of `added` replacing or following. The strings are borrowed. */
static char **environment_merge(const char *const *added, bool clean)
{
    size_t inherited = 0, extra = 0;
    while (!clean && environ && environ[inherited])
        inherited++;
    while (added && added[extra])
        extra++;
    char **out = calloc(inherited + extra + 1, sizeof(*out));
    if (!out)
        return NULL;
    size_t count = 0;
    for (size_t i = 0; i < inherited; i++) {
        bool replaced = false;
        for (size_t j = 0; j < extra && !replaced; j++) {
            size_t len = name_length(added[j]);
            replaced = len == name_length(environ[i]) && strncmp(environ[i], added[j], len) == 0;
        }
        if (!replaced)
            out[count++] = environ[i];
    }
    for (size_t j = 0; j < extra; j++)
        memcpy(&out[count++], &added[j], sizeof(*out));
    return out;
}

/* A file in memory with what the child is to read, at its beginning: no pipe that somebody would have to fill. */
static int input_file(struct bytes input)
{
    int fd = memfd_create("input", MFD_CLOEXEC);
    size_t done = 0;
    while (fd >= 0 && done < input.len) {
        ssize_t n = write(fd, input.data + done, input.len - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            int why = errno;
            close(fd);
            errno = why;
            return -1;
        }
        done += (size_t)n;
    }
    if (fd >= 0)
        (void)lseek(fd, 0, SEEK_SET);
    return fd;
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static int failure_error(const struct world_spawn *spawn, const struct child_failure *failure, struct error *err)
{
    int code = error_from_errno(failure->error);
    const char *why = strerror(failure->error);
    switch (failure->step) {
    case STEP_DIRECTORY:
        return error_set(err, code, "cannot run %s in %s: %s", spawn->argv[0], spawn->directory, why);
    case STEP_DESCRIPTORS:
        return error_set(err, code, "cannot run %s: its input and output cannot be set up: %s", spawn->argv[0], why);
    case STEP_LIMITS:
        return error_set(err, code, "cannot run %s: its limits cannot be set: %s", spawn->argv[0], why);
    case STEP_NETWORK:
        return error_set(err, code, "cannot run %s in its network: %s", spawn->argv[0], why);
    default:
        return error_set(err, code, "cannot run %s: %s", spawn->argv[0], why);
    }
}

/* Waits for the word from the child: 0 when the program runs. */
static int child_report(int fd, const struct world_spawn *spawn, pid_t pid, int keeper, struct error *err)
{
    struct child_failure failure;
    ssize_t n;
    do
        n = read(fd, &failure, sizeof(failure));
    while (n < 0 && errno == EINTR);
    if (n == 0)
        return 0;
    if (keeper >= 0)
        real_keeper_tell(keeper, pid, false);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
    }
    if (n != (ssize_t)sizeof(failure))
        return error_set(err, ERROR_IO, "cannot run %s: the child died while it was set up", spawn->argv[0]);
    return failure_error(spawn, &failure, err);
}

int real_child_start(struct real_world *w, const struct world_spawn *spawn, struct real_child *out, struct error *err)
{
    int report[2] = {-1, -1}, standard[2] = {-1, -1}, error[2] = {-1, -1}, input = -1;
    *out = (struct real_child){.pid = -1, .pidfd = -1, .output = {-1, -1}};
    int code = spawn->whole_group ? real_keeper_start(w, err) : 0;
    int keeper = spawn->whole_group ? w->keeper : -1;
    if (code < 0)
        return code;
    char **environment = environment_merge(spawn->environment, spawn->clean_environment);
    if (!environment)
        return error_set(err, ERROR_MEMORY, "out of memory");
    bool piped = !spawn->inherit_output;
    if (spawn->input.data && (input = input_file(spawn->input)) < 0) {
        code = error_set(err, error_from_errno(errno), "cannot run %s: no room for its input: %s", spawn->argv[0],
                         strerror(errno));
        goto out;
    }
    if (pipe2(report, O_CLOEXEC) < 0 || (piped && (pipe2(standard, O_CLOEXEC) < 0 || pipe2(error, O_CLOEXEC) < 0))) {
        code = error_set(err, error_from_errno(errno), "cannot run %s: no pipe: %s", spawn->argv[0], strerror(errno));
        goto out;
    }
    pid_t parent = getpid();
    int written[2] = {standard[1], error[1]};
    pid_t pid = fork();
    if (pid < 0) {
        code =
            error_set(err, error_from_errno(errno), "cannot run %s: no process: %s", spawn->argv[0], strerror(errno));
        goto out;
    }
    if (pid == 0)
        child_main(spawn, environment, parent, report[1], keeper, input, piped ? written : NULL);
    setpgid(pid, pid); /* the child does the same; whoever comes first */
    close_fd(&report[1]);
    code = child_report(report[0], spawn, pid, keeper, err);
    if (code < 0)
        goto out;
    int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (pidfd < 0) {
        code = error_set(err, error_from_errno(errno), "cannot watch %s: %s", spawn->argv[0], strerror(errno));
        kill(-pid, SIGKILL);
        if (keeper >= 0)
            real_keeper_tell(keeper, pid, false);
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
        }
        goto out;
    }
    *out = (struct real_child){.pid = pid, .pidfd = pidfd, .output = {standard[0], error[0]}};
    standard[0] = error[0] = -1;
out:
    close_fd(&input);
    close_fd(&report[0]);
    close_fd(&report[1]);
    for (int i = 0; i < 2; i++) {
        close_fd(&standard[i]);
        close_fd(&error[i]);
    }
    free(environment);
    return code;
}

const char *real_environment(struct world *w, const char *name)
{
    (void)w;
    return getenv(name);
}
