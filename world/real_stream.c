#include "world/real_internal.h"

#include <limits.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

/* A TCP or unix stream.
 *
 * Writing: straight to the socket while nothing is queued; what it does not take is copied to `pending`. One uv_write
 * is under way at a time, from `sending`; when it ends the two buffers change places.
 *
 * Life: the handle passed to the user is freed only after libuv let go of it, so `released` marks a stream whose user
 * has gone. With bytes still queued it lives on in the background until they are sent or CLOSE_LINGER passed. The
 * same is done when unread bytes lie in the socket: closing it then would send a reset, and the peer could lose what
 * we had sent before. */

#define CLOSE_LINGER    UINT64_C(1000000000)
#define STREAM_TEXT_MAX (WORLD_HOST_MAX + 16)
#define KEEP_BUFFER     ((size_t)1 << 20) /* a larger write buffer is given back after use */

struct real_stream {
    struct world_stream base; /* first */
    union {
        uv_handle_t handle;
        uv_stream_t stream;
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } uv;
    uv_getaddrinfo_t resolve;
    uv_connect_t connect;
    uv_write_t write;
    uv_shutdown_t shutdown;
    struct addrinfo *addresses, *next_address; /* still to be tried */
    struct text sending, pending;
    struct world_task end_task;
    struct world_timer linger;
    struct real_stream *next, **link;
    int end_reason;  /* for end_task */
    int write_error; /* the socket refused a write; the read side tells the end */
    bool local;
    bool open; /* libuv knows the handle */
    bool resolving, connected, writing, reading, paused;
    bool shut_wanted, shut_sent, shut_done;
    bool above_high;
    bool accepted; /* the user gave events */
    bool ended;    /* told the user, or has no one to tell */
    bool finished; /* the peer sends no more; the user was told */
    bool released; /* the user closed it */
    bool closing;  /* uv_close was called */
    char peer[STREAM_TEXT_MAX];
};

static void stream_advance(struct real_stream *s);

static struct real_stream *stream_of(struct world_stream *s)
{
    return (struct real_stream *)s;
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

static void stream_free(struct real_stream *s)
{
    world_task_cancel(&s->end_task);
    world_timer_stop(&s->linger);
    if (s->addresses)
        uv_freeaddrinfo(s->addresses);
    *s->link = s->next;
    if (s->next)
        s->next->link = s->link;
    text_deinit(&s->sending);
    text_deinit(&s->pending);
    free(s);
}

static void on_closed(uv_handle_t *handle)
{
    stream_free(handle->data);
}

/* Lets go of everything; the memory follows when libuv is done. */
static void stream_destroy(struct real_stream *s)
{
    s->released = s->ended = true;
    world_task_cancel(&s->end_task);
    world_timer_stop(&s->linger);
    if (s->closing)
        return;
    if (s->resolving) {
        uv_cancel((uv_req_t *)&s->resolve); /* on_resolved comes in either case, and frees */
    } else if (s->open) {
        s->closing = true;
        uv_close(&s->uv.handle, on_closed);
    } else {
        stream_free(s);
    }
}

static void stream_end(struct real_stream *s, int reason)
{
    if (s->ended)
        return;
    s->ended = true;
    s->paused = true;
    if (s->reading) {
        uv_read_stop(&s->uv.stream);
        s->reading = false;
    }
    if (s->base.events.ended)
        s->base.events.ended(s->base.arg, reason);
}

static void end_task_run(void *arg)
{
    struct real_stream *s = arg;
    stream_end(s, s->end_reason);
}

/* The peer's orderly end: of the stream, or of its direction alone when the user can tell the two apart. */
static void stream_finished(struct real_stream *s)
{
    if (!s->base.events.finished || s->ended || s->write_error) {
        stream_end(s, 0);
        return;
    }
    s->finished = true;
    uv_read_stop(&s->uv.stream);
    s->reading = false;
    s->base.events.finished(s->base.arg);
}

/* `ended` is never called from inside the function that met the failure. */
static void stream_end_later(struct real_stream *s, int reason)
{
    s->end_reason = reason;
    world_task_post(&s->end_task);
}

static void linger_over(void *arg)
{
    stream_destroy(arg);
}

static struct real_stream *stream_new(struct real_world *w, bool local)
{
    struct real_stream *s = calloc(1, sizeof(*s));
    if (!s)
        return NULL;
    s->base.world = &w->base;
    s->local = local;
    s->connect.data = s->write.data = s->shutdown.data = s->resolve.data = s;
    world_task_init(&s->end_task, &w->base, end_task_run, s);
    world_timer_init(&s->linger, &w->base, linger_over, s);
    s->next = w->streams;
    s->link = &w->streams;
    if (s->next)
        s->next->link = &s->next;
    w->streams = s;
    return s;
}

static int stream_open(struct real_stream *s)
{
    uv_loop_t *loop = &real_of(s->base.world)->loop;
    int status = s->local ? uv_pipe_init(loop, &s->uv.pipe, 0) : uv_tcp_init(loop, &s->uv.tcp);
    s->uv.handle.data = s;
    s->open = status == 0;
    return status;
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    const struct real_stream *s = handle->data;
    struct real_world *w = real_of(s->base.world);
    (void)suggested;
    *buffer = uv_buf_init(w->read_buffer, sizeof(w->read_buffer));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buffer)
{
    struct real_stream *s = stream->data;
    if (n == 0)
        return;
    if (s->released) {
        if (n < 0)
            stream_destroy(s); /* the peer has seen everything, or never will */
        return;
    }
    if (n > 0) {
        real_spin_heard(real_of(s->base.world));
        if (s->base.events.readable)
            s->base.events.readable(s->base.arg, BYTES(buffer->base, (size_t)n));
        return;
    }
    if (n == UV_EOF)
        stream_finished(s);
    else
        stream_end(s, real_error((int)n));
}

static void stream_read(struct real_stream *s)
{
    if (s->reading || s->closing || s->finished || !s->connected)
        return;
    int status = uv_read_start(&s->uv.stream, on_alloc, on_read);
    if (status < 0)
        stream_end_later(s, real_error(status));
    else
        s->reading = true;
}

void real_stream_pause(struct world_stream *base)
{
    struct real_stream *s = stream_of(base);
    if (s->ended)
        return;
    s->paused = true;
    if (s->reading) {
        uv_read_stop(&s->uv.stream);
        s->reading = false;
    }
}

void real_stream_resume(struct world_stream *base)
{
    struct real_stream *s = stream_of(base);
    if (s->ended || !s->paused)
        return;
    s->paused = false;
    stream_read(s);
}

/* ---- writing ----------------------------------------------------------------------------------------------------- */

static uv_buf_t buffer_of(const void *data, size_t len)
{
    uv_buf_t buffer = uv_buf_init(NULL, (unsigned)(len < INT_MAX ? len : INT_MAX));
    memcpy(&buffer.base, &data, sizeof buffer.base); /* not const because libuv reads into such a buffer too */
    return buffer;
}

static void write_failed(struct real_stream *s, int status)
{
    s->write_error = real_error(status);
    text_clear(&s->pending);
    if (s->released)
        stream_destroy(s);
    else if (!s->reading)
        stream_end_later(s, s->write_error);
    /* While reading, the socket will report its end after what the peer sent before: an answer may be in there. */
}

static void on_written(uv_write_t *request, int status)
{
    struct real_stream *s = request->data;
    s->writing = false;
    if (s->sending.capacity > KEEP_BUFFER)
        text_deinit(&s->sending);
    else
        text_clear(&s->sending);
    if (s->closing)
        return;
    if (status < 0)
        write_failed(s, status);
    else
        stream_advance(s);
}

static void on_shut(uv_shutdown_t *request, int status)
{
    struct real_stream *s = request->data;
    (void)status; /* a failure is the socket's end, which reading reports */
    s->shut_done = true;
    if (!s->closing)
        stream_advance(s);
}

size_t real_stream_queued(const struct world_stream *base)
{
    const struct real_stream *s = (const struct real_stream *)base;
    return s->pending.len + (s->writing ? uv_stream_get_write_queue_size(&s->uv.stream) : 0);
}

/* Whether bytes from the peer lie unread in the socket. */
static bool unread_bytes(const struct real_stream *s)
{
    uv_os_fd_t fd;
    int count = 0;
    return uv_fileno(&s->uv.handle, &fd) == 0 && ioctl(fd, FIONREAD, &count) == 0 && count > 0;
}

static void stream_send_end(struct real_stream *s)
{
    s->shut_wanted = s->shut_sent = true;
    if (!uv_is_writable(&s->uv.stream) || uv_shutdown(&s->shutdown, &s->uv.stream, on_shut) < 0)
        s->shut_done = true;
}

/* Released, and everything is sent. */
static void stream_finish(struct real_stream *s)
{
    if (s->reading)
        return; /* until the peer's end or the linger timer */
    if (!unread_bytes(s)) {
        stream_destroy(s);
        return;
    }
    if (!s->shut_sent)
        stream_send_end(s);
    stream_read(s); /* to be thrown away */
}

static bool stream_send(struct real_stream *s)
{
    struct text empty = s->sending;
    s->sending = s->pending;
    s->pending = empty;
    uv_buf_t buffer = buffer_of(s->sending.data, s->sending.len);
    int status = s->sending.len > INT_MAX ? UV_E2BIG : uv_write(&s->write, &s->uv.stream, &buffer, 1, on_written);
    if (status < 0) {
        text_clear(&s->sending);
        write_failed(s, status);
        return false;
    }
    s->writing = true;
    return true;
}

/* What comes next on the way out: queued bytes, our end, the final close. */
static void stream_advance(struct real_stream *s)
{
    if (!s->connected || s->writing || s->closing)
        return;
    if (s->pending.len > 0) {
        if (!stream_send(s))
            return;
    } else if (s->shut_wanted && !s->shut_sent) {
        stream_send_end(s);
    }
    if (s->released) {
        if (!s->writing && (!s->shut_sent || s->shut_done))
            stream_finish(s);
    } else if (s->above_high && real_stream_queued(&s->base) <= WORLD_WRITE_LOW) {
        s->above_high = false;
        if (s->base.events.drained && !s->ended)
            s->base.events.drained(s->base.arg);
    }
}

int real_stream_write(struct world_stream *base, struct bytes data)
{
    struct real_stream *s = stream_of(base);
    if (s->ended || s->released || s->shut_wanted || s->write_error)
        return ERROR_CLOSED;
    if (data.len == 0)
        return 0;
    size_t taken = 0;
    if (s->connected && !s->writing && s->pending.len == 0) {
        uv_buf_t buffer = buffer_of(data.data, data.len);
        int n = uv_try_write(&s->uv.stream, &buffer, 1);
        if (n < 0 && n != UV_EAGAIN) {
            write_failed(s, n);
            return ERROR_CLOSED;
        }
        taken = n > 0 ? (size_t)n : 0;
        if (taken == data.len)
            return 0;
    }
    if (!text_reserve(&s->pending, data.len - taken)) {
        /* Part of it may be on the wire: nothing sensible can follow. */
        write_failed(s, UV_ENOMEM);
        return ERROR_MEMORY;
    }
    text_add(&s->pending, data.data + taken, data.len - taken);
    /* Only this step of stream_advance(): what calls the user back, or ends the stream, has no place in a write. */
    if (s->connected && !s->writing && !s->closing && !stream_send(s))
        return 0; /* the stream's end will tell */
    if (real_stream_queued(base) > WORLD_WRITE_HIGH)
        s->above_high = true;
    return 0;
}

void real_stream_shutdown(struct world_stream *base)
{
    struct real_stream *s = stream_of(base);
    if (s->ended || s->shut_wanted || s->write_error)
        return;
    s->shut_wanted = true;
    stream_advance(s);
}

/* ---- closing ----------------------------------------------------------------------------------------------------- */

void real_stream_close(struct world_stream *base)
{
    struct real_stream *s = stream_of(base);
    bool over = s->write_error || !s->connected;
    if (s->released)
        return;
    s->released = s->ended = true;
    world_task_cancel(&s->end_task);
    if (over) {
        stream_destroy(s);
        return;
    }
    if (s->reading) {
        uv_read_stop(&s->uv.stream);
        s->reading = false;
    }
    bool waits = s->writing || s->pending.len > 0 || (s->shut_sent && !s->shut_done) || unread_bytes(s);
    if (!waits || world_timer_start(&s->linger, CLOSE_LINGER) < 0)
        stream_destroy(s);
    else
        stream_advance(s);
}

void real_stream_abort(struct world_stream *base)
{
    struct real_stream *s = stream_of(base);
    if (s->released)
        return;
    if (!s->local && s->open && !s->closing) {
        uv_os_fd_t fd;
        struct linger linger = {.l_onoff = 1, .l_linger = 0}; /* closing then sends a reset */
        if (uv_fileno(&s->uv.handle, &fd) == 0)
            setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    }
    stream_destroy(s);
}

void real_streams_free(struct real_world *w)
{
    for (struct real_stream *s = w->streams, *next; s; s = next) {
        next = s->next;
        stream_destroy(s);
    }
}

const char *real_stream_peer(const struct world_stream *s)
{
    return ((const struct real_stream *)s)->peer;
}

/* ---- connecting -------------------------------------------------------------------------------------------------- */

static void connect_next(struct real_stream *s);

static void stream_connected(struct real_stream *s)
{
    s->connected = true;
    real_spin_heard(real_of(s->base.world));
    if (!s->local)
        uv_tcp_nodelay(&s->uv.tcp, 1);
    if (s->base.events.connected)
        s->base.events.connected(s->base.arg);
    if (s->released || s->closing)
        return;
    if (!s->paused)
        stream_read(s);
    stream_advance(s);
}

static void on_reopen(uv_handle_t *handle)
{
    struct real_stream *s = handle->data;
    s->closing = s->open = false;
    if (s->released)
        stream_free(s);
    else
        connect_next(s);
}

static void on_connected(uv_connect_t *request, int status)
{
    struct real_stream *s = request->data;
    if (s->closing)
        return;
    if (status == 0) {
        stream_connected(s);
    } else if (s->next_address) {
        s->closing = true;
        uv_close(&s->uv.handle, on_reopen); /* a handle that failed cannot connect again */
    } else {
        stream_end(s, real_error(status));
    }
}

static int connect_to(struct real_stream *s, const struct sockaddr *address)
{
    int status = stream_open(s);
    return status < 0 ? status : uv_tcp_connect(&s->connect, &s->uv.tcp, address, on_connected);
}

/* Tries the next of the addresses a name has. */
static void connect_next(struct real_stream *s)
{
    const struct addrinfo *a = s->next_address;
    s->next_address = a->ai_next;
    int status = connect_to(s, a->ai_addr);
    if (status < 0)
        stream_end_later(s, real_error(status));
}

static void on_resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *found)
{
    struct real_stream *s = request->data;
    s->resolving = false;
    s->addresses = s->next_address = found;
    if (s->released)
        stream_free(s);
    else if (status < 0)
        stream_end(s, real_error(status));
    else
        connect_next(s);
}

static int connect_tcp(struct real_stream *s, const struct world_address *a)
{
    struct sockaddr_storage storage = {0};
    if (a->bracketed) {
        int status = uv_ip6_addr(a->host, a->port, (struct sockaddr_in6 *)&storage);
        return status < 0 ? status : connect_to(s, (const struct sockaddr *)&storage);
    }
    if (uv_ip4_addr(a->host, a->port, (struct sockaddr_in *)&storage) == 0)
        return connect_to(s, (const struct sockaddr *)&storage);
    char port[8];
    snprintf(port, sizeof(port), "%d", a->port);
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    int status = uv_getaddrinfo(&real_of(s->base.world)->loop, &s->resolve, on_resolved, a->host, port, &hints);
    s->resolving = status == 0;
    return status;
}

static int connect_local(struct real_stream *s, const char *path)
{
    int status = stream_open(s);
    if (status == 0)
        uv_pipe_connect(&s->connect, &s->uv.pipe, path, on_connected);
    return status;
}

int real_connect(struct world *w, const char *address, const struct world_stream_events *events, void *arg,
                 struct world_stream **out, struct error *err)
{
    struct world_address parsed;
    int code = world_address_parse(address, &parsed, err);
    if (code < 0)
        return code;
    struct real_stream *s = stream_new(real_of(w), parsed.local);
    if (!s)
        return error_set(err, ERROR_MEMORY, "out of memory");
    s->base.events = *events;
    s->base.arg = arg;
    s->accepted = true;
    snprintf(s->peer, sizeof(s->peer), "%s", address);
    int status = parsed.local ? connect_local(s, parsed.path) : connect_tcp(s, &parsed);
    if (status == UV_EINVAL || status == UV_ENOMEM) {
        stream_destroy(s);
        return error_set(err, real_error(status), "cannot connect to %s: %s", address, uv_strerror(status));
    }
    if (status < 0)
        stream_end_later(s, real_error(status)); /* no route, no descriptors: the loop tells, as for all others */
    *out = &s->base;
    return 0;
}

/* ---- accepting --------------------------------------------------------------------------------------------------- */

struct world_stream *real_stream_take(struct real_world *w, uv_stream_t *server, bool local)
{
    struct real_stream *s = stream_new(w, local);
    if (!s)
        return NULL;
    if (stream_open(s) < 0 || uv_accept(server, &s->uv.stream) < 0) {
        stream_destroy(s);
        return NULL;
    }
    s->connected = true;
    if (local) {
        snprintf(s->peer, sizeof(s->peer), "unix:");
        return &s->base;
    }
    uv_tcp_nodelay(&s->uv.tcp, 1);
    struct sockaddr_storage storage;
    int len = sizeof(storage);
    if (uv_tcp_getpeername(&s->uv.tcp, (struct sockaddr *)&storage, &len) == 0)
        real_address_text((const struct sockaddr *)&storage, s->peer, sizeof(s->peer));
    return &s->base;
}

bool real_stream_accepted(const struct world_stream *base)
{
    const struct real_stream *s = (const struct real_stream *)base;
    return s->accepted || s->released;
}

void real_stream_accept(struct world_stream *base)
{
    struct real_stream *s = stream_of(base);
    s->accepted = true;
    if (!s->paused)
        stream_read(s);
}
