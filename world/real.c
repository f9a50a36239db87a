#include "world/real_internal.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_SECOND      UINT64_C(1000000000)
#define NS_PER_MILLISECOND UINT64_C(1000000)
#define BUSY_TURN          (2 * NS_PER_MILLISECOND) /* a loop that streams wake turns at least so often */
#define GUARD_LEAST        (NS_PER_MILLISECOND / 4) /* nearer timers are always exact */
#define TASK_ROUNDS        4                        /* of one turn */

static unsigned forks; /* from the first process to this one */
static pthread_once_t watch_forks = PTHREAD_ONCE_INIT;

int real_error(int uv_status)
{
    switch (uv_status) {
    case UV_ECANCELED:
        return ERROR_CANCELLED;
    case UV_EOF:
    case UV_EPIPE:
        return ERROR_CLOSED;
    default:
        break;
    }
    if (uv_status <= UV_EAI_ADDRFAMILY && uv_status >= UV_EAI_SOCKTYPE)
        return uv_status == UV_EAI_MEMORY ? ERROR_MEMORY : ERROR_NOT_FOUND;
    return error_from_errno(-uv_status); /* on Unix a libuv status is a negated errno */
}

/* ---- time and random numbers ------------------------------------------------------------------------------------- */

static uint64_t clock_read(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * NS_PER_SECOND + (uint64_t)t.tv_nsec;
}

static uint64_t real_now(struct world *w)
{
    (void)w;
    return clock_read(CLOCK_MONOTONIC);
}

static int64_t real_wall(struct world *w)
{
    (void)w;
    return (int64_t)clock_read(CLOCK_REALTIME);
}

static int real_entropy(struct world *w, void *out, size_t len)
{
    (void)w;
    for (uint8_t *p = out; len > 0;) {
        ssize_t n = getrandom(p, len, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return ERROR_IO;
        p += n;
        len -= (size_t)n;
    }
    return 0;
}

/* ---- the loop ---------------------------------------------------------------------------------------------------- */

static void clock_arm(struct real_world *w, uint64_t at)
{
    struct itimerspec spec = {
        .it_value = {.tv_sec = (time_t)(at / NS_PER_SECOND), .tv_nsec = (long)(at % NS_PER_SECOND)}};
    if (at / NS_PER_SECOND > INT32_MAX)
        spec.it_value.tv_sec = INT32_MAX; /* "never", in a form every kernel takes */
    timerfd_settime(w->clock_fd, TFD_TIMER_ABSTIME, &spec, NULL);
    w->armed = at;
}

static void on_clock(uv_poll_t *handle, int status, int events)
{
    struct real_world *w = handle->data;
    uint64_t expirations;
    (void)status;
    (void)events;
    /* What is due fires in the prepare phase; this only woke the loop. */
    if (read(w->clock_fd, &expirations, sizeof(expirations)) == (ssize_t)sizeof(expirations))
        w->armed = 0;
}

static void on_guard(uv_timer_t *handle)
{
    struct real_world *w = handle->data;
    w->guarded = 0;
}

/* Setting the timerfd costs as much as some calls. A loop that streams wake more often than timers does without: it
 * sees what is due whenever it turns, and should the streams fall silent a timer of libuv's, which costs next to
 * nothing and is late by up to a millisecond, sees to it once. */
static void clock_set(struct real_world *w, uint64_t at, uint64_t now)
{
    bool busy = w->heard && now - w->turned < BUSY_TURN && at >= now + GUARD_LEAST;
    if ((w->armed != 0 && w->armed <= at) || (busy && w->guarded != 0 && w->guarded <= at))
        return;
    if (!busy) {
        clock_arm(w, at ? at : 1);
    } else {
        uv_timer_start(&w->guard, on_guard, (at - now) / NS_PER_MILLISECOND + 1, 0);
        w->guarded = at;
    }
}

/* Tasks and timers keep the loop alive, except run()'s own limit: that is nothing left to happen. */
static void clock_count(struct real_world *w)
{
    if (w->base.tasks || w->base.timers_count > (world_timer_active(&w->limit) ? 1U : 0U))
        uv_ref((uv_handle_t *)&w->clock);
    else
        uv_unref((uv_handle_t *)&w->clock);
}

static void on_idle(uv_idle_t *handle)
{
    (void)handle;
}

/* Whether run() has a reason to look up before anything else happens. */
static bool run_over(const struct real_world *w)
{
    return w->base.stopped || w->late || (w->done && w->done(w->done_arg));
}

static void on_prepare(uv_prepare_t *handle)
{
    struct real_world *w = handle->data;
    uint64_t now = real_now(&w->base);
    if (w->base.timers_count)
        world_timers_fire(&w->base, now);
    /* Tasks post tasks: a call's are done in one turn. More wait until the streams had theirs. */
    for (unsigned i = 0; i < TASK_ROUNDS && w->base.tasks && (i == 0 || !run_over(w)); i++)
        world_tasks_run(&w->base);
    const struct world_timer *t = world_timer_earliest(&w->base);
    if (t)
        clock_set(w, t->at, now);
    w->turned = now;
    clock_count(w);
    if (w->base.tasks || run_over(w)) { /* no wait follows: who was heard is not forgotten yet */
        uv_idle_start(&w->idle, on_idle);
        return;
    }
    bool heard = w->heard;
    w->heard = false;
    real_spin(w, now, heard, t ? t->at : UINT64_MAX);
}

static void real_task_posted(struct world *w)
{
    (void)w; /* the loop looks for tasks before each sleep */
}

static void limit_fire(void *arg)
{
    ((struct real_world *)arg)->late = true;
}

static int run_loop(struct real_world *w)
{
    for (;;) {
        if (w->done && w->done(w->done_arg))
            return 0;
        if (w->base.stopped) {
            w->base.stopped = false;
            return ERROR_CANCELLED;
        }
        if (w->late)
            return ERROR_TIMEOUT;
        clock_count(w);
        /* One that was still started when a turn begins makes the turn's sleep a look. */
        uv_idle_stop(&w->idle);
        if (!uv_loop_alive(&w->loop))
            return ERROR_CLOSED;
        uv_run(&w->loop, UV_RUN_ONCE);
    }
}

static int real_run(struct world *base, bool (*done)(void *arg), void *arg, uint64_t timeout)
{
    struct real_world *w = real_of(base);
    if (base->running)
        return ERROR_INVALID;
    /* A copy would change what the parent's epoll watches, set its timer, and take its signals from it. */
    if (forks != w->forks)
        return ERROR_UNSUPPORTED;
    w->late = false;
    int code = timeout ? world_timer_start(&w->limit, timeout) : 0;
    if (code < 0)
        return code;
    base->running = true;
    w->done = done;
    w->done_arg = arg;
    code = run_loop(w);
    w->done = NULL;
    base->running = false;
    world_timer_stop(&w->limit);
    return code;
}

static void real_stop(struct world *w)
{
    w->stopped = true;
}

/* ---- signals and points ------------------------------------------------------------------------------------------ */

static void on_signal(uv_signal_t *handle, int number)
{
    struct real_world *w = handle->data;
    if (w->base.signal_handler)
        w->base.signal_handler(w->base.signal_arg, number);
}

static bool is_ignored(int number)
{
    struct sigaction now;
    return sigaction(number, NULL, &now) == 0 && now.sa_handler == SIG_IGN;
}

static void real_on_signal(struct world *base)
{
    struct real_world *w = real_of(base);
    if (base->signal_handler) {
        uv_signal_start(&w->interrupt, on_signal, SIGINT);
        uv_signal_start(&w->terminate, on_signal, SIGTERM);
        if (!is_ignored(SIGHUP)) /* who was started by nohup lives on */
            uv_signal_start(&w->hangup, on_signal, SIGHUP);
    } else {
        uv_signal_stop(&w->interrupt);
        uv_signal_stop(&w->terminate);
        uv_signal_stop(&w->hangup);
    }
}

static void real_crash(struct world *w)
{
    (void)w;
    raise(SIGKILL);
    abort(); /* not reached: SIGKILL cannot be held back */
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

static const struct world_operations operations = {
    .now = real_now,
    .wall = real_wall,
    .task_posted = real_task_posted,
    .run = real_run,
    .stop = real_stop,
    .entropy = real_entropy,
    .crash = real_crash,
    .on_signal = real_on_signal,
    .connect = real_connect,
    .stream_accept = real_stream_accept,
    .stream_write = real_stream_write,
    .stream_queued = real_stream_queued,
    .stream_pause = real_stream_pause,
    .stream_resume = real_stream_resume,
    .stream_shutdown = real_stream_shutdown,
    .stream_close = real_stream_close,
    .stream_abort = real_stream_abort,
    .stream_peer = real_stream_peer,
    .listen = real_listen,
    .listener_address = real_listener_address,
    .listener_port = real_listener_port,
    .listener_close = real_listener_close,
    .file_open = real_file_open,
    .file_pread = real_file_pread,
    .file_pwrite = real_file_pwrite,
    .file_truncate = real_file_truncate,
    .file_sync = real_file_sync,
    .file_size = real_file_size,
    .file_close = real_file_close,
    .stat = real_stat,
    .is_device = real_is_device,
    .rename = real_rename,
    .remove = real_remove,
    .remove_tree = real_remove_tree,
    .make_one_directory = real_make_one_directory,
    .sync_directory = real_sync_directory,
    .list = real_list,
    .process_spawn = real_process_spawn,
    .process_signal = real_process_signal,
    .process_id = real_process_id,
    .process_running = real_process_running,
    .process_usage = real_process_usage,
    .process_close = real_process_close,
    .environment = real_environment,
};

static int loop_start(struct real_world *w)
{
    uv_prepare_init(&w->loop, &w->prepare);
    uv_idle_init(&w->loop, &w->idle);
    uv_timer_init(&w->loop, &w->guard);
    uv_signal_init(&w->loop, &w->interrupt);
    uv_signal_init(&w->loop, &w->terminate);
    uv_signal_init(&w->loop, &w->hangup);
    int status = uv_poll_init(&w->loop, &w->clock, w->clock_fd);
    if (status < 0)
        return status;
    w->prepare.data = w->idle.data = w->guard.data = w->clock.data = w->interrupt.data = w->terminate.data =
        w->hangup.data = w;
    uv_prepare_start(&w->prepare, on_prepare);
    status = uv_poll_start(&w->clock, UV_READABLE, on_clock);
    uv_unref((uv_handle_t *)&w->prepare);
    uv_unref((uv_handle_t *)&w->guard);
    uv_unref((uv_handle_t *)&w->clock);
    uv_unref((uv_handle_t *)&w->interrupt);
    uv_unref((uv_handle_t *)&w->terminate);
    uv_unref((uv_handle_t *)&w->hangup);
    return status;
}

static void forked(void)
{
    forks++;
}

static void count_forks(void)
{
    pthread_atfork(NULL, NULL, forked);
}

int world_real_new(uint64_t seed, struct world **out, struct error *err)
{
    *out = NULL;
    while (seed == 0)
        if (real_entropy(NULL, &seed, sizeof(seed)) < 0)
            return error_set(err, ERROR_IO, "the system gives no random numbers: %s", strerror(errno));
    struct real_world *w = malloc(sizeof(*w));
    if (!w)
        return error_set(err, ERROR_MEMORY, "out of memory");
    memset(w, 0, offsetof(struct real_world, read_buffer));
    world_init(&w->base, &operations, seed);
    world_timer_init(&w->limit, &w->base, limit_fire, w);
    w->keeper = -1;
    pthread_once(&watch_forks, count_forks);
    w->forks = forks;
    real_spin_init(&w->spin);
    w->clock_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (w->clock_fd < 0) {
        int code = error_set(err, error_from_errno(errno), "no timer: %s", strerror(errno));
        free(w);
        return code;
    }
    int status = uv_loop_init(&w->loop);
    if (status < 0) {
        close(w->clock_fd);
        free(w);
        return error_set(err, real_error(status), "no event loop: %s", uv_strerror(status));
    }
    status = loop_start(w);
    if (status < 0) {
        world_real_free(&w->base);
        return error_set(err, real_error(status), "no event loop: %s", uv_strerror(status));
    }
    /* A peer that went away is an error of the write, not the end of the process. */
    signal(SIGPIPE, SIG_IGN);
    const char *points = getenv("HARROW_POINTS");
    int code = points ? world_points_parse(&w->base, points, err) : 0;
    if (code < 0) {
        error_wrap(err, "HARROW_POINTS");
        world_real_free(&w->base);
        return code;
    }
    *out = &w->base;
    return 0;
}

static void close_rest(uv_handle_t *handle, void *arg)
{
    (void)arg;
    if (!uv_is_closing(handle))
        uv_close(handle, NULL);
}

void world_real_free(struct world *base)
{
    if (!base)
        return;
    struct real_world *w = real_of(base);
    base->dead = true; /* nothing calls back from here on */
    real_processes_free(w);
    real_keeper_stop(w);
    real_listeners_free(w);
    real_streams_free(w);
    world_tasks_forget(base);
    world_timers_forget(base);
    uv_walk(&w->loop, close_rest, NULL);
    uv_run(&w->loop, UV_RUN_DEFAULT);
    uv_loop_close(&w->loop);
    close(w->clock_fd);
    world_deinit(base);
    free(w);
}
