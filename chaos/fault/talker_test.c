/* The talkers' own side: see talker.h. */
#include "chaos/fault/talker.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PAUSE_US 2000

static int64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static struct sockaddr_in at(const char *port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static void answer(int fd)
{
    static char message[TALKER_MESSAGE];
    const int yes = 1;
    ssize_t n;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    while ((n = recv(fd, message, sizeof message, 0)) > 0)
        for (ssize_t done = 0, part; done < n; done += part)
            if ((part = send(fd, message + done, (size_t)(n - done), 0)) <= 0)
                return;
}

static int listen_main(const char *port)
{
    struct sockaddr_in a = at(port);
    socklen_t size = sizeof a;
    const int yes = 1;
    char line[32];
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    (void)setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(listener, (const struct sockaddr *)&a, sizeof a) != 0 || listen(listener, 10) != 0 ||
        getsockname(listener, (struct sockaddr *)&a, &size) != 0)
        return 3;
    int len = snprintf(line, sizeof line, "%d 0\n", ntohs(a.sin_port)); /* it listens */
    (void)!write(STDOUT_FILENO, line, (size_t)len);
    for (;;) {
        int fd = accept(listener, NULL, NULL);
        if (fork() == 0) {
            answer(fd);
            _exit(0);
        }
        close(fd);
    }
}

static int once(int fd)
{
    static char message[TALKER_MESSAGE], back[TALKER_MESSAGE];
    for (size_t i = 0; i < sizeof message; i++)
        message[i] = (char)(i * 7 + (size_t)message[i]);
    if (send(fd, message, sizeof message, 0) != (ssize_t)sizeof message)
        return errno;
    for (size_t done = 0; done < sizeof back;) {
        ssize_t n = recv(fd, back + done, sizeof back - done, 0);
        if (n <= 0)
            return n < 0 ? errno : ECONNRESET;
        done += (size_t)n;
    }
    return memcmp(message, back, sizeof back) == 0 ? 0 : EBADMSG;
}

static int talk_main(const char *port)
{
    const struct sockaddr_in a = at(port);
    const struct timeval limit = {.tv_sec = 1};
    const int yes = 1;
    char line[64];
    int fd = -1;
    for (;;) {
        int64_t began = now_us();
        int why = 0;
        if (fd < 0) {
            fd = socket(AF_INET, SOCK_STREAM, 0);
            (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit); /* of connect as well */
            (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
            why = connect(fd, (const struct sockaddr *)&a, sizeof a) != 0 ? errno : 0;
        }
        if (why == 0)
            why = once(fd);
        if (why != 0) {
            close(fd);
            fd = -1;
        }
        int len = snprintf(line, sizeof line, "%lld %d\n", (long long)(now_us() - began), why);
        if (write(STDOUT_FILENO, line, (size_t)len) < 0)
            return 0;
        usleep(PAUSE_US);
    }
}

int talker_main(char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    signal(SIGCHLD, SIG_IGN);
    return strcmp(argv[1], "listen") == 0 ? listen_main(argv[2]) : talk_main(argv[2]);
}
