/* The victim's own side: see victim.h. No allocation, no library that could have caught an error for us. */
#include "chaos/fault/victim.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAUSE_US       1000
#define GROW_MAX       65536
#define MAP_MORE       ((size_t)64 << 10)
#define MAP_SIZE       ((size_t)64 << 20)
#define DATA_SIZE      16384
#define TOGETHER_US    2000
#define TOGETHER_TRIES 50

static volatile sig_atomic_t caught;

static void on_signal(int number)
{
    (void)number;
    caught++;
}

static int64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* The wall clock by each of the three ways to ask for it, in us. */
static void read_clocks(long long out[3])
{
    struct timespec t;
    struct timeval v;
    clock_gettime(CLOCK_REALTIME, &t);
    gettimeofday(&v, NULL);
    out[0] = (long long)t.tv_sec * 1000000 + t.tv_nsec / 1000;
    out[1] = (long long)v.tv_sec * 1000000 + v.tv_usec;
    out[2] = (long long)time(NULL) * 1000000;
}

/* Those and the other clock at one moment: again when this process had to wait for its turn in between. Returns the
 * other clock. */
static int64_t read_together(long long out[3])
{
    int64_t before, after = 0;
    for (int i = 0; i < TOGETHER_TRIES; i++) {
        before = now_us();
        read_clocks(out);
        after = now_us();
        if (after - before <= TOGETHER_US)
            break;
    }
    return after;
}

static int result(ssize_t n, size_t wanted)
{
    return n < 0 ? errno : (size_t)n < wanted ? VICTIM_SHORT : 0;
}

static int probe_open(void)
{
    int fd = open("/dev/null", O_RDONLY);
    int code = fd < 0 ? errno : 0;
    if (fd >= 0)
        close(fd);
    return code;
}

/* A little more each time: a limit taken from what was mapped in the middle of a probe is met soon all the same. */
static int probe_map(void)
{
    static size_t size = MAP_SIZE;
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    int code = p == MAP_FAILED ? errno : 0;
    if (p != MAP_FAILED) {
        munmap(p, size);
        size += MAP_MORE;
    }
    return code;
}

static int probe_fork(void)
{
    pid_t id = fork();
    if (id == 0)
        _exit(0);
    if (id < 0)
        return errno;
    while (waitpid(id, NULL, 0) < 0 && errno == EINTR) {
    }
    return 0;
}

static int probe_temp(const char *temp)
{
    static const char block[4096];
    char path[600];
    snprintf(path, sizeof path, "%s/harrow-victim", temp);
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (fd < 0)
        return errno;
    int code = result(write(fd, block, sizeof block), sizeof block);
    close(fd);
    unlink(path);
    return code;
}

int victim_main(int argc, char **argv)
{
    static char block[8192];
    const char *kind = argc > 3 ? argv[3] : "";
    char line[512], temp[512];
    long long wall[3];
    int ends[2], codes[PROBE_COUNT] = {0};
    signal(SIGXFSZ, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGUSR1, on_signal);
    snprintf(temp, sizeof temp, "%s", getenv("TMPDIR") != NULL ? getenv("TMPDIR") : argv[2]);
    if (chdir(argv[2]) != 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0)
        return 3;
    int data = open("data", O_RDWR | O_CREAT, 0600), grow = open("growing", O_RDWR | O_CREAT, 0600);
    if (data < 0 || grow < 0 || ftruncate(data, DATA_SIZE) != 0)
        return 3;
    off_t size = 0;
    close(open("one", O_RDWR | O_CREAT, 0600));
    for (uint64_t turn = 0;; turn++) {
        int64_t began = now_us();
        codes[PROBE_OPEN] = probe_open();
        codes[PROBE_GROW] = result(pwrite(grow, block, sizeof block, size), sizeof block);
        size = size + (off_t)sizeof block > GROW_MAX ? 0 : size + (off_t)sizeof block;
        codes[PROBE_MAP] = probe_map();
        codes[PROBE_FORK] = turn % 8 == 0 ? probe_fork() : codes[PROBE_FORK];
        codes[PROBE_READ] = result(pread(data, block, 100, 0), 100);
        codes[PROBE_WRITE] = result(pwrite(data, block, 100, 200), 100);
        int64_t before = now_us();
        codes[PROBE_SYNC] = fdatasync(data) != 0 ? errno : 0;
        int64_t sync_us = now_us() - before;
        codes[PROBE_RENAME] = rename(turn % 2 == 0 ? "one" : "two", turn % 2 == 0 ? "two" : "one") != 0 ? errno : 0;
        if (codes[PROBE_RENAME] != 0)
            turn++; /* the same again next time */
        codes[PROBE_TEMP] = probe_temp(temp);
        codes[PROBE_SEND] = result(send(ends[0], block, 10, 0), 10);
        (void)!recv(ends[1], block, 10, MSG_DONTWAIT);
        if (strcmp(kind, VICTIM_GROW) == 0) {
            void *more = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
            if (more != MAP_FAILED)
                memset(more, (int)turn + 1, 1 << 20);
        }
        while (strcmp(kind, VICTIM_BUSY) == 0 && now_us() - began < 20000) {
        }
        usleep(PAUSE_US);
        int64_t monotonic = read_together(wall);
        int len = snprintf(line, sizeof line, "%d %d %d %d %d %d %d %d %d %d %lld %lld %d %lld %lld %lld %lld\n",
                           codes[0], codes[1], codes[2], codes[3], codes[4], codes[5], codes[6], codes[7], codes[8],
                           codes[9], (long long)sync_us, (long long)(now_us() - began), (int)caught, wall[0], wall[1],
                           wall[2], (long long)monotonic);
        if (write(STDOUT_FILENO, line, (size_t)len) < 0)
            return 0;
    }
}
