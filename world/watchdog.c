#include "world/watchdog.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#define NS_PER_MICROSECOND UINT64_C(1000)
#define MICROSECONDS       UINT64_C(1000000)

static struct {
    char *const *argv; /* NULL: not started */
    const char *words;
    uint64_t cpu;
    pid_t owner;
} watchdog;

static void arm(uint64_t cpu)
{
    uint64_t us = cpu / NS_PER_MICROSECOND;
    const struct itimerval t = {
        .it_value = {.tv_sec = (time_t)(us / MICROSECONDS), .tv_usec = (suseconds_t)(us % MICROSECONDS)}};
    (void)setitimer(ITIMER_PROF, &t, NULL);
}

/* Only what a signal's handler may call. The timer would outlive the exec. */
static void bite(int number)
{
    (void)number;
    arm(0);
    ssize_t n = write(STDERR_FILENO, watchdog.words, strlen(watchdog.words));
    (void)n;
    execv("/proc/self/exe", watchdog.argv);
    _exit(127);
}

int world_watchdog_start(const char *const *argv, const char *words, uint64_t cpu, struct error *err)
{
    struct sigaction act = {.sa_handler = bite, .sa_flags = SA_NODEFER | SA_RESTART}; /* not blocked behind the exec */
    if (sigaction(SIGPROF, &act, NULL) < 0)
        return error_set(err, error_from_errno(errno), "no watchdog: %s", strerror(errno));
    watchdog.words = words;
    watchdog.cpu = cpu;
    watchdog.owner = getpid();
    memcpy(&watchdog.argv, &argv, sizeof argv); /* POSIX leaves the const out, and promises that nothing is changed */
    arm(cpu);
    return 0;
}

void world_watchdog_alive(void)
{
    if (watchdog.argv && getpid() == watchdog.owner)
        arm(watchdog.cpu);
}

void world_watchdog_stop(void)
{
    if (!watchdog.argv)
        return;
    arm(0);
    watchdog.argv = NULL;
    (void)signal(SIGPROF, SIG_DFL);
}
