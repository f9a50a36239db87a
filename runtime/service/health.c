/* Health that tells the truth: the service's own word, whether the services it depends on serve, and whether it knows
 * the rules it judges calls by.
 *
 * Each dependency is followed by grpc.health.v1.Health/Watch, asking for the name "self": the other side's own ability,
 * without what it depends on in turn. So two services that name each other can both become healthy. A dependency that
 * cannot be reached is not serving; it is tried again every second. Watching starts when the service listens.
 *
 * A process that hangs tells its watchers nothing, and its connections stay. So a dependency that serves is asked as
 * well, every PROBE_EVERY; two answers in a row that do not come within PROBE_LIMIT each and it counts as not
 * answering, until it does. Any answer will do, and two are wanted because one may be late for our own sake: we
 * were stopped ourselves, or the machine was. */
#include "runtime/service/internal.h"

#define WATCH_AGAIN  (1 * SECOND)
#define PROBE_EVERY  (2 * SECOND)
#define PROBE_LIMIT  (2 * SECOND)
#define PROBE_MISSES 2

/* HealthCheckRequest {1 service: string}, HealthCheckResponse {1 status: enum}: short enough to do without generated
 * code, which is rpc's own. */
static const char ask_self[] = "\x0a\x04" MICRO_SELF;
enum serving_status { NO_STATUS = 0, SERVING = 1, SERVICE_UNKNOWN = 3 };

static void watch(void *arg);

static const struct micro_dependency *missing(const struct micro_service *s)
{
    for (size_t i = 0; i < s->dependency_count; i++)
        if (!s->dependencies[i].serving || s->dependencies[i].silent)
            return &s->dependencies[i];
    return NULL;
}

void micro_health_words(const struct micro_service *s, struct text *out)
{
    const struct micro_dependency *d = missing(s);
    if (!s->healthy)
        text_puts(out, s->unhealthy_why ? s->unhealthy_why : "unhealthy");
    else if (d)
        text_printf(out, "%s: %s", d->name, d->serving ? "does not answer" : "not serving");
    else if (!micro_rules_known(s))
        text_puts(out, "access rules are not known yet: auth was not heard");
    else
        text_puts(out, "ok");
}

void micro_health_show(struct micro_service *s)
{
    bool shown = s->healthy && !missing(s) && micro_rules_known(s);
    struct text words = TEXT_INIT;
    micro_health_words(s, &words);
    const struct micro_dependency *d = missing(s);
    if (shown && s->complained) {
        s->complained = false;
        micro_log(s, LOG_INFO, "healthy again");
    } else if (s->listening && !shown && !s->complained && (!s->healthy || (d && d->known))) {
        s->complained = true;
        micro_log(s, LOG_WARN, "unhealthy: %s", text_string(&words));
    }
    text_deinit(&words);
    rpc_server_set_health(s->server, MICRO_SELF, s->healthy);
    rpc_server_set_health(s->server, "", shown);
    for (size_t i = 0; i < s->added.count; i++)
        rpc_server_set_health(s->server, s->added.items[i]->name, shown);
}

void micro_service_set_healthy(struct micro_service *s, bool healthy, const char *why)
{
    char *copy = healthy || !why ? NULL : strdup(why);
    free(s->unhealthy_why);
    s->unhealthy_why = copy;
    s->healthy = healthy;
    micro_health_show(s);
}

/* ---- dependencies ------------------------------------------------------------------------------------------------ */

static void set_serving(struct micro_dependency *d, bool serving)
{
    if (d->known && d->serving == serving)
        return;
    d->known = true;
    d->serving = serving;
    micro_health_show(d->service);
}

static uint64_t read_status(struct bytes message)
{
    uint64_t tag, value;
    size_t n = pb_varint_read(message, &tag);
    if (n == 0 || tag != (1 << 3 | 0) || pb_varint_read(BYTES(message.data + n, message.len - n), &value) == 0)
        return NO_STATUS;
    return value;
}

static void on_state(void *arg, struct bytes message)
{
    struct micro_dependency *d = arg;
    uint64_t status = read_status(message);
    if (status == SERVICE_UNKNOWN && !d->plain) { /* not one of ours: its health as a whole is what there is */
        d->plain = true;
        rpc_stream_cancel(d->watch);
    } else {
        set_serving(d, status == SERVING);
    }
}

static void on_ended(void *arg, const struct rpc_reply *reply)
{
    struct micro_dependency *d = arg;
    (void)reply;
    d->watch = NULL;
    if (d->service->draining)
        return;
    set_serving(d, false);
    (void)world_timer_start(&d->retry, (uint64_t)WATCH_AGAIN);
}

static void watch(void *arg)
{
    static const struct rpc_stream_events events = {.message = on_state, .finished = on_ended};
    struct micro_dependency *d = arg;
    struct micro_service *s = d->service;
    struct rpc_channel *channel;
    int rc = micro_service_channel(s, d->name, &channel, NULL);
    if (rc == 0) {
        const struct rpc_request r = {.path = "/grpc.health.v1.Health/Watch",
                                      .wait_for_ready = true,
                                      .message = d->plain ? BYTES("", 0) : bytes_of(ask_self),
                                      .has_message = true};
        rc = rpc_stream_open(channel, &r, &events, d, &d->watch, NULL);
    }
    if (rc) {
        d->watch = NULL;
        (void)world_timer_start(&d->retry, (uint64_t)WATCH_AGAIN);
    }
}

/* ---- those that hang ---- */

static void ask(void *arg);

static void set_silent(struct micro_dependency *d, bool silent)
{
    if (d->silent == silent)
        return;
    d->silent = silent;
    micro_health_show(d->service);
}

static void on_answer(void *arg, const struct rpc_reply *reply)
{
    struct micro_dependency *d = arg;
    d->probe = NULL;
    if (d->service->draining)
        return;
    if (reply->status == GRPC_DEADLINE_EXCEEDED)
        d->missed++;
    else if (reply->status != GRPC_UNAVAILABLE && reply->status != GRPC_CANCELLED) /* of a connection that broke */
        d->missed = 0;                                                             /* the watch tells */
    set_silent(d, d->missed >= PROBE_MISSES);
    (void)world_timer_start(&d->ask, d->missed > 0 && !d->silent ? 0 : (uint64_t)PROBE_EVERY);
}

static void ask(void *arg)
{
    struct micro_dependency *d = arg;
    struct rpc_channel *channel;
    if (!d->serving) { /* nothing more to find out */
        d->missed = 0;
        set_silent(d, false);
    } else if (micro_service_channel(d->service, d->name, &channel, NULL) == 0) {
        const struct rpc_request r = {.path = "/grpc.health.v1.Health/Check",
                                      .timeout = (uint64_t)PROBE_LIMIT,
                                      .message = d->plain ? BYTES("", 0) : bytes_of(ask_self),
                                      .has_message = true};
        if (rpc_unary(channel, &r, on_answer, d, &d->probe, NULL) == 0)
            return;
        d->probe = NULL;
    }
    (void)world_timer_start(&d->ask, (uint64_t)PROBE_EVERY);
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

int micro_health_init(struct micro_service *s, struct error *err)
{
    size_t count = 0;
    while (s->config.depends && s->config.depends[count])
        count++;
    s->dependencies = ARENA_NEW_N(&s->arena, struct micro_dependency, count + 1);
    if (!s->dependencies)
        return error_set(err, ERROR_MEMORY, "out of memory");
    for (size_t i = 0; i < count; i++) {
        s->dependencies[i] = (struct micro_dependency){.service = s, .name = s->config.depends[i]};
        world_timer_init(&s->dependencies[i].retry, s->world, watch, &s->dependencies[i]);
        world_timer_init(&s->dependencies[i].ask, s->world, ask, &s->dependencies[i]);
    }
    s->dependency_count = count;
    return 0;
}

void micro_health_start(struct micro_service *s)
{
    for (size_t i = 0; i < s->dependency_count; i++) {
        watch(&s->dependencies[i]);
        (void)world_timer_start(&s->dependencies[i].ask, (uint64_t)PROBE_EVERY);
    }
    micro_health_show(s);
}

void micro_health_stop(struct micro_service *s)
{
    for (size_t i = 0; i < s->dependency_count; i++) {
        world_timer_stop(&s->dependencies[i].retry);
        world_timer_stop(&s->dependencies[i].ask);
        if (s->dependencies[i].probe)
            rpc_stream_cancel(s->dependencies[i].probe);
        if (s->dependencies[i].watch)
            rpc_stream_cancel(s->dependencies[i].watch);
    }
}
