/* The keeper: one process beside ours that kills the process groups we leave behind, however we end.
 *
 * A child is killed with us by PR_SET_PDEATHSIG, but what it started is not. The keeper holds the reading end of a pipe
 * whose only lasting writer is our process; the leader of a group writes its number there before it becomes the
 * program, and we write it again when we reap the leader. The end of the pipe means that we are gone: whatever groups
 * are still in the table are killed. A number in the table cannot have been given to somebody else's group, because its
 * leader is either alive, or a zombie nobody reaped, or was killed with us a moment ago while its group lives on. */
#include "world/real_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct keeper_word { /* written in one piece: shorter than PIPE_BUF */
    int32_t group;
    int32_t add;
};

/* Only async-signal-safe calls, since we were forked from a process with threads. */
static void keeper_main(int fd)
{
    static int32_t groups[WORLD_GROUPS_MAX];
    size_t count = 0;
    struct keeper_word word;
    setsid();
    for (int i = 1; i < NSIG; i++)
        signal(i, i == SIGTERM || i == SIGINT || i == SIGHUP ? SIG_IGN : SIG_DFL);
    prctl(PR_SET_NAME, "keeper");
    if (fd > 0)
        syscall(SYS_close_range, 0, fd - 1, 0);
    syscall(SYS_close_range, fd + 1, ~0U, 0);
    for (;;) {
        ssize_t n = read(fd, &word, sizeof(word));
        if (n < 0 && errno == EINTR)
            continue;
        if (n != (ssize_t)sizeof(word))
            break;
        size_t at = 0;
        while (at < count && groups[at] != word.group)
            at++;
        if (word.add && at == count && count < WORLD_GROUPS_MAX)
            groups[count++] = word.group;
        else if (!word.add && at < count)
            groups[at] = groups[--count];
    }
    for (size_t i = 0; i < count; i++)
        kill(-groups[i], SIGKILL);
    _exit(0);
}

int real_keeper_start(struct real_world *w, struct error *err)
{
    int ends[2];
    if (w->keeper >= 0 && kill(w->keeper_pid, 0) == 0 && waitpid(w->keeper_pid, NULL, WNOHANG) == 0)
        return 0;
    if (w->keeper >= 0) /* somebody killed it */
        close(w->keeper);
    w->keeper = -1;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return error_set(err, error_from_errno(errno), "no pipe: %s", strerror(errno));
    pid_t pid = fork();
    if (pid < 0) {
        int code = error_set(err, error_from_errno(errno), "no process: %s", strerror(errno));
        close(ends[0]);
        close(ends[1]);
        return code;
    }
    if (pid == 0)
        keeper_main(ends[0]);
    close(ends[0]);
    fcntl(ends[1], F_SETFL, O_NONBLOCK); /* a keeper that was stopped must not stop us */
    w->keeper = ends[1];
    w->keeper_pid = pid;
    /* One that was killed took its table along: the new one is told of the groups that live. */
    real_processes_tell_keeper(w);
    return 0;
}

void real_keeper_tell(int keeper, pid_t group, bool add)
{
    const struct keeper_word word = {.group = group, .add = add};
    void (*before)(int) = signal(SIGPIPE, SIG_IGN);
    ssize_t n = write(keeper, &word, sizeof(word));
    (void)n; /* a keeper that is gone is started again before the next child */
    signal(SIGPIPE, before);
}

void real_keeper_stop(struct real_world *w)
{
    if (w->keeper < 0)
        return;
    close(w->keeper);
    w->keeper = -1;
    while (waitpid(w->keeper_pid, NULL, 0) < 0 && errno == EINTR) {
    }
}
