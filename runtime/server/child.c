#include "runtime/server/child.h"

#include "base/log.h"

#include <stdio.h>
#include <string.h>

#define HEALTH_PATH    "/grpc.health.v1.Health/Check"
#define HEALTH_SERVING 1 /* HealthCheckResponse.ServingStatus, field 1 */

const char *child_state_name(enum child_state s)
{
    static const char *const names[] = {"waiting", "starting", "running", "restarting", "stopped"};
    return names[s];
}

static void become(struct child *c, enum child_state state)
{
    c->state = state;
    c->changed(c->arg, c);
}

/* ---- health ---- */

static void ask(struct child *c);

static void forget_channel(struct child *c)
{
    struct rpc_channel *channel = c->channel;
    c->channel = NULL;
    c->question = NULL;
    rpc_channel_free(channel); /* an open question is answered with CANCELLED first: see answered() */
}

static bool says_serving(struct bytes reply)
{
    uint64_t tag, value;
    size_t n = pb_varint_read(reply, &tag);
    if (n == 0 || tag != (1 << 3 | 0))
        return false;
    return pb_varint_read(BYTES(reply.data + n, reply.len - n), &value) > 0 && value == HEALTH_SERVING;
}

static void ask_again(struct child *c, uint64_t delay)
{
    if (world_timer_start(&c->timer, delay) < 0)
        log_error("server", "out of memory: the health of %s is not asked any more", c->component->name);
}

/* Whatever it says of its health, it does answer. */
static void heard(struct child *c, bool answer)
{
    bool silent = !answer && c->missed + 1 >= CHILD_MISSES;
    bool turned = silent != c->silent && (answer || silent);
    c->missed = answer ? 0 : c->missed + (c->missed < CHILD_MISSES);
    ask_again(c, answer || silent ? CHILD_WATCH : CHILD_POLL);
    if (!turned)
        return;
    c->silent = silent;
    if (silent)
        log_warn("server", "%s (process %lld) does not answer; it is left alone", c->component->name,
                 (long long)child_process_id(c));
    else
        log_info("server", "%s answers again", c->component->name);
    c->changed(c->arg, c);
}

static void answered(void *arg, const struct rpc_reply *reply)
{
    struct child *c = arg;
    c->question = NULL;
    if (!c->channel)
        return;
    if (c->state == CHILD_READY) {
        heard(c, reply->status != GRPC_DEADLINE_EXCEEDED && reply->status != GRPC_UNAVAILABLE);
    } else if (c->state == CHILD_STARTING && reply->status == GRPC_OK && says_serving(reply->body)) {
        c->was_ready = true;
        ask_again(c, CHILD_WATCH);
        become(c, CHILD_READY);
    } else if (c->state == CHILD_STARTING) {
        ask_again(c, CHILD_POLL);
    }
}

static void ask(struct child *c)
{
    const struct rpc_request request = {
        .path = HEALTH_PATH, .timeout = CHILD_POLL_TIMEOUT, .message = BYTES("", 0), .has_message = true};
    if (c->question)
        return;
    if (rpc_unary(c->channel, &request, answered, c, &c->question, NULL) < 0)
        (void)world_timer_start(&c->timer, CHILD_POLL);
}

static void timer_fired(void *arg)
{
    struct child *c = arg;
    if (c->state == CHILD_STARTING || c->state == CHILD_READY)
        ask(c);
    else if (c->state == CHILD_RESTING)
        become(c, CHILD_WAITING);
}

/* ---- the process ---- */

static void output(void *arg, int fd, struct bytes line)
{
    struct child *c = arg;
    char *kept = c->lines[c->line_count % CHILD_LINES];
    size_t len = line.len < CHILD_LINE_MAX - 1 ? line.len : CHILD_LINE_MAX - 1;
    if (c->log)
        logs_write(c->log, fd == 1 ? "stdout" : "stderr", 0, line);
    if (len > 0)
        memcpy(kept, line.data, len);
    kept[len] = '\0';
    c->line_count++;
    fprintf(stderr, "%-10s | %.*s\n", c->component->name, (int)line.len, line.len ? (const char *)line.data : "");
}

/* "store (process 123) was killed by signal 9 (SIGKILL) after 1.2 s; its last lines: ..." */
static void tell_death(struct child *c, int64_t process, struct world_exit status)
{
    char up[64], now[40];
    struct text words = TEXT_INIT;
    units_format_duration((int64_t)(world_now(c->world) - c->up_since), up, sizeof up);
    units_format_time(world_wall(c->world), now, sizeof now);
    world_exit_format(status, &words);
    text_clear(&c->died);
    text_printf(&c->died, "process %lld %s%s after %s, at %s", (long long)process, status.signalled ? "was " : "",
                text_string(&words), up, now);
    size_t count = c->line_count < CHILD_LINES ? c->line_count : CHILD_LINES;
    if (c->log) /* what `logs NAME` shows says why it ended, too */
        logs_write(c->log, "runtime", 0, text_bytes(&c->died));
    if (count > 0)
        text_puts(&c->died, "; its last lines:");
    for (size_t i = c->line_count - count; i < c->line_count; i++)
        text_printf(&c->died, "\n    %s", c->lines[i % CHILD_LINES]);
    text_deinit(&words);
}

static void exited(void *arg, struct world_exit status)
{
    struct child *c = arg;
    tell_death(c, child_process_id(c), status);
    world_timer_stop(&c->timer);
    forget_channel(c);
    world_process_close(c->process);
    c->process = NULL;
    c->silent = false;
    become(c, CHILD_STOPPED);
}

static const struct world_process_events process_events = {.output = output, .exited = exited};

void child_init(struct child *c, struct world *w, const struct component *component)
{
    *c = (struct child){.world = w, .component = component, .state = CHILD_WAITING};
    world_timer_init(&c->timer, w, timer_fired, c);
}

void child_deinit(struct child *c)
{
    world_timer_stop(&c->timer);
    c->state = CHILD_STOPPED;
    forget_channel(c);
    world_process_close(c->process);
    c->process = NULL;
    text_deinit(&c->died);
    logs_writer_free(c->log);
    logs_free(c->logs);
    c->log = NULL;
    c->logs = NULL;
}

int child_keep_log(struct child *c, const char *data_dir, struct error *err)
{
    char name[LOGS_NAME_MAX + 1];
    snprintf(name, sizeof name, "%s-latest", c->component->name);
    int rc = logs_new(c->world, data_dir, &c->logs, err);
    return rc < 0 ? rc : logs_writer_new(c->logs, MICRO_NAMESPACE, name, 0, &c->log, err);
}

int child_start(struct child *c, const char *const *argv, const char *const *environment, struct error *err)
{
    const struct rpc_channel_options channel = {
        .addresses = c->address, .reconnect_first = CHILD_POLL, .reconnect_max = CHILD_POLL};
    const struct world_spawn spawn = {.name = c->component->name, .argv = argv, .environment = environment};
    int rc = rpc_channel_new(c->world, &channel, &c->channel, err);
    if (rc < 0)
        return rc;
    rc = world_process_spawn(c->world, &spawn, &process_events, c, &c->process, err);
    if (rc < 0) {
        forget_channel(c);
        return rc;
    }
    c->up_since = world_now(c->world);
    c->started = world_wall(c->world);
    c->line_count = 0;
    c->told_ready = c->silent = false;
    c->missed = 0;
    become(c, CHILD_STARTING);
    rc = world_timer_start(&c->timer, CHILD_POLL);
    return rc < 0 ? error_set(err, rc, "out of memory") : 0;
}

void child_rest(struct child *c)
{
    bool steady = c->was_ready && world_now(c->world) - c->up_since >= CHILD_STEADY;
    if (c->backoff == 0 || steady)
        c->backoff = CHILD_BACKOFF_FIRST;
    else
        c->backoff = c->backoff * 2 < CHILD_BACKOFF_MAX ? c->backoff * 2 : CHILD_BACKOFF_MAX;
    c->restarts++;
    c->state = CHILD_RESTING;
    if (world_timer_start(&c->timer, c->backoff) < 0)
        log_error("server", "out of memory: %s is not started again", c->component->name);
}

void child_signal(struct child *c, int signal)
{
    if (c->process)
        (void)world_process_signal(c->process, signal);
}

bool child_runs(const struct child *c)
{
    return c->process != NULL;
}

int64_t child_process_id(const struct child *c)
{
    return c->process ? world_process_id(c->process) : 0;
}
