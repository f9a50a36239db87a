#include "world/real_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* A child: its pidfd tells the exit, its pipes are read by lines. After the exit what is left in the pipes is read
 * without waiting for their end, because a grandchild may hold them open for ever. */

#define LINE_MAX_BYTES ((size_t)16 << 10) /* longer lines come in pieces */
#define READS_A_TURN   16                 /* so that a chatty child does not hold up the loop */

struct process_output {
    uv_poll_t poll;
    struct real_process *process;
    int fd;     /* of our end of the pipe; -1: none */
    int number; /* 1 or 2 */
    bool raw;   /* pieces instead of lines */
    struct text line;
};

struct real_process {
    struct world_process base; /* first */
    pid_t pid;
    int pidfd;
    uv_poll_t exit_poll;
    struct process_output output[2];
    bool exited;   /* reaped */
    bool released; /* the user closed it */
    bool closing;
    bool whole_group;
    int handles; /* libuv handles not yet closed */
    struct real_process *next, **link;
};

static struct real_process *process_of(struct world_process *p)
{
    return (struct real_process *)p;
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct real_process *p = handle->data;
    if (--p->handles > 0)
        return;
    for (int i = 0; i < 2; i++) {
        if (p->output[i].fd >= 0)
            close(p->output[i].fd);
        text_deinit(&p->output[i].line);
    }
    if (p->pidfd >= 0)
        close(p->pidfd);
    free(p);
}

static void process_destroy(struct real_process *p)
{
    if (p->closing)
        return;
    p->closing = true;
    *p->link = p->next;
    if (p->next)
        p->next->link = p->link;
    uv_close((uv_handle_t *)&p->exit_poll, on_handle_closed);
    for (int i = 0; i < 2; i++)
        if (p->output[i].fd >= 0)
            uv_close((uv_handle_t *)&p->output[i].poll, on_handle_closed);
}

/* ---- output ------------------------------------------------------------------------------------------------------ */

static void output_line(struct process_output *o, struct bytes line)
{
    struct real_process *p = o->process;
    if (!p->released && p->base.events.output)
        p->base.events.output(p->base.arg, o->number, line);
}

static void output_add(struct process_output *o, const char *data, size_t len)
{
    if (o->raw) {
        output_line(o, BYTES(data, len));
        return;
    }
    while (len > 0 && !o->process->released) {
        const char *newline = memchr(data, '\n', len);
        size_t room = LINE_MAX_BYTES - o->line.len;
        size_t piece = newline ? (size_t)(newline - data) : len;
        bool whole = newline != NULL && piece <= room;
        if (piece > room)
            piece = room;
        if (o->line.len == 0 && (whole || piece == LINE_MAX_BYTES)) {
            output_line(o, BYTES(data, piece));
        } else {
            text_add(&o->line, data, piece);
            if (whole || o->line.len == LINE_MAX_BYTES || !text_ok(&o->line)) {
                output_line(o, text_bytes(&o->line));
                text_clear(&o->line);
            }
        }
        data += piece + (whole ? 1 : 0);
        len -= piece + (whole ? 1 : 0);
    }
}

/* False at the end of the pipe. */
static bool output_read(struct process_output *o, int reads)
{
    struct real_world *w = real_of(o->process->base.world);
    while (reads-- > 0 && !o->process->released) {
        ssize_t n = read(o->fd, w->read_buffer, sizeof(w->read_buffer));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EAGAIN;
        if (n == 0)
            return false;
        output_add(o, w->read_buffer, (size_t)n);
    }
    return true;
}

static void on_output(uv_poll_t *poll, int status, int events)
{
    struct real_process *p = poll->data;
    struct process_output *o = poll == &p->output[0].poll ? &p->output[0] : &p->output[1];
    (void)events;
    if (status < 0 || !output_read(o, READS_A_TURN))
        uv_poll_stop(poll);
}

/* ---- exit -------------------------------------------------------------------------------------------------------- */

/* While the leader is not reaped nobody else can get its number, so that this hits none but its group. */
static void process_group_end(const struct real_process *p)
{
    if (!p->whole_group)
        return;
    kill(-p->pid, SIGKILL);
    real_keeper_tell(real_of(p->base.world)->keeper, p->pid, false);
}

static bool process_reap(struct real_process *p, int options, struct world_exit *out)
{
    int status = 0;
    pid_t got;
    do
        got = waitpid(p->pid, &status, options);
    while (got < 0 && errno == EINTR);
    if (got == 0)
        return false;
    p->exited = true;
    *out = (struct world_exit){0};
    if (got > 0 && WIFSIGNALED(status))
        *out = (struct world_exit){.signalled = true, .code = WTERMSIG(status)};
    else if (got > 0)
        out->code = WEXITSTATUS(status);
    return true;
}

static void on_exit_ready(uv_poll_t *poll, int status, int events)
{
    struct real_process *p = poll->data;
    struct world_exit how;
    (void)status;
    (void)events;
    siginfo_t info = {0};
    if (waitid(P_PID, (id_t)p->pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || info.si_pid == 0)
        return;
    process_group_end(p);
    if (!process_reap(p, WNOHANG, &how))
        return;
    uv_poll_stop(poll);
    for (int i = 0; i < 2; i++) {
        struct process_output *o = &p->output[i];
        if (o->fd < 0)
            continue;
        /* A pipe holds 64 KiB unless somebody enlarged it: this many reads empty it, and an heir that keeps writing
         * cannot keep us here. */
        output_read(o, READS_A_TURN);
        uv_poll_stop(&o->poll);
        if (o->line.len > 0)
            output_line(o, text_bytes(&o->line));
        text_clear(&o->line);
    }
    if (p->released)
        process_destroy(p);
    else if (p->base.events.exited)
        p->base.events.exited(p->base.arg, how);
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

static int process_watch(struct real_process *p)
{
    uv_loop_t *loop = &real_of(p->base.world)->loop;
    int status = uv_poll_init(loop, &p->exit_poll, p->pidfd);
    if (status < 0)
        return status;
    p->exit_poll.data = p;
    p->handles = 1;
    status = uv_poll_start(&p->exit_poll, UV_READABLE, on_exit_ready);
    for (int i = 0; i < 2; i++) {
        struct process_output *o = &p->output[i];
        if (o->fd < 0)
            continue;
        int made = uv_poll_init(loop, &o->poll, o->fd);
        if (made < 0) { /* the pipe is no handle of the loop: close it by hand */
            close(o->fd);
            o->fd = -1;
            status = made;
            continue;
        }
        o->poll.data = p;
        p->handles++;
        int started = uv_poll_start(&o->poll, UV_READABLE, on_output);
        if (started < 0)
            status = started;
    }
    return status;
}

int real_process_spawn(struct world *w, const struct world_spawn *spawn, const struct world_process_events *events,
                       void *arg, struct world_process **out, struct error *err)
{
    struct real_process *p = calloc(1, sizeof(*p));
    if (!p)
        return error_set(err, ERROR_MEMORY, "out of memory");
    struct real_child child;
    int code = real_child_start(real_of(w), spawn, &child, err);
    if (code < 0) {
        free(p);
        return code;
    }
    p->base = (struct world_process){.world = w, .events = *events, .arg = arg};
    p->pid = child.pid;
    p->pidfd = child.pidfd;
    p->whole_group = spawn->whole_group;
    for (int i = 0; i < 2; i++) {
        p->output[i] =
            (struct process_output){.process = p, .fd = child.output[i], .number = i + 1, .raw = spawn->raw_output};
        if (p->output[i].fd >= 0)
            fcntl(p->output[i].fd, F_SETFL, O_NONBLOCK);
    }
    struct real_world *r = real_of(w);
    p->next = r->processes;
    p->link = &r->processes;
    if (p->next)
        p->next->link = &p->next;
    r->processes = p;
    int status = process_watch(p);
    if (status < 0) {
        struct world_exit how;
        kill(-p->pid, SIGKILL);
        process_group_end(p);
        process_reap(p, 0, &how);
        p->released = true;
        if (p->handles > 0) {
            process_destroy(p);
        } else {
            p->handles = 1;
            *p->link = p->next;
            if (p->next)
                p->next->link = p->link;
            p->exit_poll.data = p;
            on_handle_closed((uv_handle_t *)&p->exit_poll);
        }
        return error_set(err, real_error(status), "cannot watch %s: %s", spawn->argv[0], uv_strerror(status));
    }
    *out = &p->base;
    return 0;
}

int real_process_signal(struct world_process *base, int signal)
{
    const struct real_process *p = process_of(base);
    if (p->exited)
        return ERROR_NOT_FOUND;
    if (kill(-p->pid, signal) == 0)
        return 0;
    return errno == ESRCH ? ERROR_NOT_FOUND : error_from_errno(errno);
}

int64_t real_process_id(const struct world_process *p)
{
    return ((const struct real_process *)p)->pid;
}

bool real_process_running(const struct world_process *p)
{
    return !((const struct real_process *)p)->exited;
}

void real_process_close(struct world_process *base)
{
    struct real_process *p = process_of(base);
    if (p->released)
        return;
    p->released = true;
    if (p->exited) {
        process_destroy(p);
        return;
    }
    /* Reaped when the kernel is done with it, in the background. */
    kill(-p->pid, SIGKILL);
    for (int i = 0; i < 2; i++)
        if (p->output[i].fd >= 0)
            uv_poll_stop(&p->output[i].poll);
}

void real_processes_tell_keeper(struct real_world *w)
{
    for (const struct real_process *p = w->processes; p; p = p->next)
        if (p->whole_group && !p->exited)
            real_keeper_tell(w->keeper, p->pid, true);
}

void real_processes_free(struct real_world *w)
{
    while (w->processes) {
        struct real_process *p = w->processes;
        struct world_exit how;
        p->released = true;
        if (!p->exited) {
            kill(-p->pid, SIGKILL);
            process_group_end(p);
            process_reap(p, 0, &how);
        }
        process_destroy(p);
    }
}

int real_process_usage(const struct world_process *base, uint64_t *resident, uint64_t *cpu)
{
    const struct real_process *p = (const struct real_process *)base;
    char path[64], stat[1024];
    *resident = *cpu = 0;
    if (p->exited)
        return ERROR_NOT_FOUND;
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)p->pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_from_errno(errno);
    ssize_t n = read(fd, stat, sizeof(stat) - 1);
    close(fd);
    if (n <= 0)
        return ERROR_IO;
    stat[n] = '\0';
    /* proc(5): the name in parentheses may hold anything, so start behind the last one. Fields 14 and 15 are user and
     * system time in clock ticks, field 24 the resident pages. */
    const char *rest = strrchr(stat, ')');
    uint64_t user = 0, system = 0, pages = 0;
    static const char format[] =
        " %*c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %" SCNu64 " %" SCNu64 " %*s %*s %*s %*s %*s %*s %*s %*s %" SCNu64;
    if (!rest || sscanf(rest + 1, format, &user, &system, &pages) != 3)
        return ERROR_IO;
    *resident = pages * (uint64_t)sysconf(_SC_PAGESIZE);
    *cpu = (user + system) * (UINT64_C(1000000000) / (uint64_t)sysconf(_SC_CLK_TCK));
    return 0;
}
