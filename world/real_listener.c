#include "world/real_internal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG         1024
#define LISTEN_TEXT_MAX (WORLD_HOST_MAX + 16)
#define ACCEPT_RETRY    UINT64_C(100000000)

struct real_listener {
    struct world_listener base; /* first */
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } uv;
    bool local;
    int port;
    char address[LISTEN_TEXT_MAX];
    struct world_timer retry; /* no memory for a stream: the connection waits in libuv */
    struct real_listener *next, **link;
};

void real_address_text(const struct sockaddr *address, char *out, size_t size)
{
    char host[INET6_ADDRSTRLEN] = "";
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)address;
        uv_ip4_name(v4, host, sizeof(host));
        snprintf(out, size, "%s:%u", host, ntohs(v4->sin_port));
    } else if (address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)address;
        uv_ip6_name(v6, host, sizeof(host));
        snprintf(out, size, "[%s]:%u", host, ntohs(v6->sin6_port));
    } else {
        snprintf(out, size, "unix:");
    }
}

static void listener_freed(uv_handle_t *handle)
{
    free(handle->data);
}

static void listener_end(struct real_listener *l)
{
    if (l->link) {
        *l->link = l->next;
        if (l->next)
            l->next->link = l->link;
        l->link = NULL;
    }
    world_timer_stop(&l->retry);
    uv_close(&l->uv.handle, listener_freed);
}

static void listener_take(struct real_listener *l)
{
    struct world_stream *s = real_stream_take(real_of(l->base.world), &l->uv.stream, l->local);
    if (!s) {
        world_timer_start(&l->retry, ACCEPT_RETRY);
        return;
    }
    l->base.accept(l->base.arg, s);
    /* A closed stream's memory outlives this turn of the loop. */
    if (!real_stream_accepted(s))
        real_stream_close(s);
}

static void on_retry(void *arg)
{
    listener_take(arg);
}

static void on_connection(uv_stream_t *server, int status)
{
    struct real_listener *l = server->data;
    if (status == 0 && !l->base.world->dead)
        listener_take(l);
}

/* A socket file left by a process that was killed: nobody answers behind it, so it may go. */
static bool stale_socket(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    int result = connect(fd, (const struct sockaddr *)(const void *)&address, sizeof(address));
    bool stale = result < 0 && errno == ECONNREFUSED;
    close(fd);
    return stale;
}

static int bind_local(struct real_listener *l, const char *path)
{
    int status = uv_pipe_bind(&l->uv.pipe, path);
    if (status == UV_EADDRINUSE && stale_socket(path) && unlink(path) == 0)
        status = uv_pipe_bind(&l->uv.pipe, path);
    return status;
}

static int bind_tcp(struct real_listener *l, uv_loop_t *loop, const struct world_address *a)
{
    struct sockaddr_storage storage = {0};
    struct sockaddr *address = (struct sockaddr *)&storage;
    int status;
    if (a->bracketed) {
        status = uv_ip6_addr(a->host, a->port, (struct sockaddr_in6 *)&storage);
    } else if (uv_ip4_addr(a->host, a->port, (struct sockaddr_in *)&storage) == 0) {
        status = 0;
    } else {
        /* A name: resolved here and now, which a server does once at its start. */
        char port[8];
        snprintf(port, sizeof(port), "%d", a->port);
        struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
        uv_getaddrinfo_t request;
        status = uv_getaddrinfo(loop, &request, NULL, a->host, port, &hints);
        const struct addrinfo *found = status == 0 ? request.addrinfo : NULL;
        for (const struct addrinfo *i = found; i; i = i->ai_next)
            if (i->ai_family == AF_INET) { /* localhost: the address that clients try first */
                found = i;
                break;
            }
        if (found) {
            memcpy(&storage, found->ai_addr, found->ai_addrlen);
            uv_freeaddrinfo(request.addrinfo);
        }
    }
    return status < 0 ? status : uv_tcp_bind(&l->uv.tcp, address, 0);
}

static int listener_describe(struct real_listener *l, const struct world_address *a)
{
    if (l->local) {
        snprintf(l->address, sizeof(l->address), "unix:%s", a->path);
        return 0;
    }
    struct sockaddr_storage storage;
    int len = sizeof(storage);
    int status = uv_tcp_getsockname(&l->uv.tcp, (struct sockaddr *)&storage, &len);
    if (status < 0)
        return status;
    real_address_text((const struct sockaddr *)&storage, l->address, sizeof(l->address));
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)&storage;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&storage;
    l->port = ntohs(storage.ss_family == AF_INET6 ? v6->sin6_port : v4->sin_port);
    return 0;
}

int real_listen(struct world *w, const char *address, void (*accept)(void *arg, struct world_stream *s), void *arg,
                struct world_listener **out, struct error *err)
{
    struct real_world *r = real_of(w);
    struct world_address parsed;
    int code = world_address_parse(address, &parsed, err);
    if (code < 0)
        return code;
    struct real_listener *l = calloc(1, sizeof(*l));
    if (!l)
        return error_set(err, ERROR_MEMORY, "out of memory");
    l->base = (struct world_listener){.world = w, .accept = accept, .arg = arg};
    l->local = parsed.local;
    int status = l->local ? uv_pipe_init(&r->loop, &l->uv.pipe, 0) : uv_tcp_init(&r->loop, &l->uv.tcp);
    if (status < 0) {
        free(l);
        return error_set(err, real_error(status), "cannot listen on %s: %s", address, uv_strerror(status));
    }
    l->uv.handle.data = l;
    world_timer_init(&l->retry, w, on_retry, l);
    status = l->local ? bind_local(l, parsed.path) : bind_tcp(l, &r->loop, &parsed);
    if (status == 0)
        status = uv_listen(&l->uv.stream, BACKLOG, on_connection);
    if (status == 0)
        status = listener_describe(l, &parsed);
    if (status < 0) {
        listener_end(l);
        if (status == UV_EADDRINUSE)
            return error_set(err, ERROR_IN_USE, "%s is already in use", address);
        return error_set(err, real_error(status), "cannot listen on %s: %s", address, uv_strerror(status));
    }
    l->next = r->listeners;
    l->link = &r->listeners;
    if (l->next)
        l->next->link = &l->next;
    r->listeners = l;
    *out = &l->base;
    return 0;
}

const char *real_listener_address(const struct world_listener *l)
{
    return ((const struct real_listener *)l)->address;
}

int real_listener_port(const struct world_listener *l)
{
    return ((const struct real_listener *)l)->port;
}

void real_listener_close(struct world_listener *l)
{
    listener_end((struct real_listener *)l);
}

void real_listeners_free(struct real_world *w)
{
    while (w->listeners)
        listener_end(w->listeners);
}
