#include "chaos/workload/follower.h"

#include "base/units.h"

#include <string.h>

#define STOP_LIMIT   ((uint64_t)(5 * SECOND))
#define DAWDLE_EVERY ((uint64_t)SECOND) /* between two times a slow one takes nothing, about */

static struct world *world_of(const struct follower *f)
{
    return workload_target(f->workload)->world;
}

static void invoke(struct follower *f)
{
    struct history *h = workload_write(f->workload);
    f->operation = -1;
    if (h->count >= WORKLOAD_OPERATIONS_MAX) {
        rpc_stream_cancel(f->stream);
        f->stopped = true;
        return;
    }
    f->operation = history_invoke(h, f->process, f->kind->function, f->key, VALUE_NIL, world_now(world_of(f)));
    if (f->operation >= 0 && f->kind->function != OPERATION_DEQUEUE)
        h->operations[f->operation].other = f->subscription;
}

static void end(struct follower *f, enum operation_end how, int64_t value)
{
    if (f->operation >= 0)
        history_end(workload_write(f->workload), f->operation, how, value, world_now(world_of(f)));
    f->operation = -1;
}

static void end_unknown(struct follower *f)
{
    if (f->operation >= 0)
        end(f, f->kind->function == OPERATION_DEQUEUE ? END_INFO : END_FAIL, VALUE_NIL);
    f->process = workload_process(f->workload);
}

void follower_mark(struct follower *f, uint64_t revision)
{
    struct history *h = workload_write(f->workload);
    world_timer_stop(&f->deliver);
    if (f->operation < 0 && f->stands)
        invoke(f);
    if (f->operation < 0)
        return;
    /* Without memory for what came, nothing came that this history could tell. */
    if (history_set_list(h, f->operation, f->items.items, f->items.count) != 0 ||
        (revision != 0 && history_set_revision(h, f->operation, revision) != 0))
        end_unknown(f);
    else
        end(f, END_OK, VALUE_NIL);
    array_clear(&f->items);
    if (f->stream != NULL)
        invoke(f);
}

static void deliver(void *arg)
{
    follower_mark(arg, 0);
}

void follower_pair(struct follower *f, int64_t position, int64_t value)
{
    if (!array_reserve(&f->items, f->items.count + 2)) {
        rpc_stream_cancel(f->stream); /* a stream with a hole tells nothing any more */
        return;
    }
    f->position = position;
    f->items.items[f->items.count++] = position;
    f->items.items[f->items.count++] = value;
    if (!world_timer_active(&f->deliver))
        world_timer_start(&f->deliver, 0);
}

void follower_value(struct follower *f, int64_t value)
{
    end(f, END_OK, value);
    invoke(f);
}

static void on_headers(void *arg, struct grpc_metadata headers)
{
    struct follower *f = arg;
    f->stands = true;
    f->came = f->stood = world_now(world_of(f));
    invoke(f);
    if (f->kind->opened != NULL)
        f->kind->opened(f, headers);
}

static void on_message(void *arg, struct bytes message)
{
    struct follower *f = arg;
    if (f->operation < 0)
        return; /* being closed */
    f->came = world_now(world_of(f));
    f->kind->message(f, message);
}

static void on_finished(void *arg, const struct rpc_reply *reply)
{
    struct follower *f = arg;
    f->stream = NULL;
    if (f->items.count > 0)
        follower_mark(f, 0);
    world_timer_stop(&f->deliver);
    array_clear(&f->items);
    end_unknown(f);
    f->stands = false;
    if (f->kind->ended != NULL)
        f->kind->ended(f, reply);
    if (!f->stopped)
        world_timer_start(&f->again, FOLLOWER_REOPEN);
}

static void open_stream(void *arg)
{
    static const struct rpc_stream_events events = {
        .headers = on_headers, .message = on_message, .finished = on_finished};
    struct follower *f = arg;
    struct target *t = workload_target(f->workload);
    const struct target_component *door =
        f->direct ? target_serving(t, f->kind->service) : workload_door(f->workload, f->kind->service, f->key);
    struct grpc_header headers[TARGET_HEADERS_MAX + 1];
    struct grpc_metadata metadata = target_metadata(t);
    struct text wire = TEXT_INIT;
    size_t count = metadata.count;
    if (f->stopped || f->stream != NULL)
        return;
    for (size_t i = 0; i < count; i++)
        headers[i] = metadata.items[i];
    if (f->header != NULL && f->header_value[0] != '\0')
        headers[count++] = (struct grpc_header){bytes_of(f->header), bytes_of(f->header_value)};
    int code = door != NULL ? 0 : ERROR_UNSUPPORTED;
    if (code == 0 && f->channel == NULL)
        code = target_channel_new(t, door, &f->channel, NULL);
    if (code == 0)
        code = f->kind->request(f, &wire);
    if (code == 0) {
        struct rpc_request request = {.path = f->kind->path, .metadata = {headers, count}};
        code = rpc_stream_open(f->channel, &request, &events, f, &f->stream, NULL);
        if (code != 0)
            f->stream = NULL;
    }
    if (f->stream != NULL) {
        code = rpc_stream_send(f->stream, text_bytes(&wire));
        if (code == 0 && !f->kind->talks)
            code = rpc_stream_half_close(f->stream);
        if (code != 0)
            rpc_stream_cancel(f->stream);
        else if (f->dawdling)
            rpc_stream_pause(f->stream);
    } else {
        world_timer_start(&f->again, FOLLOWER_REOPEN);
    }
    text_deinit(&wire);
}

/* ---- slow ones ---- */

static void dawdle(void *arg)
{
    struct follower *f = arg;
    struct random *r = workload_random(f->workload);
    uint64_t most = workload_kind_of(f->workload)->dawdles;
    f->dawdling = !f->dawdling && workload_running(f->workload);
    world_timer_start(&f->dawdle, random_below(r, f->dawdling ? most : 2 * DAWDLE_EVERY));
    if (f->stream == NULL)
        return;
    if (f->dawdling)
        rpc_stream_pause(f->stream);
    else
        rpc_stream_resume(f->stream); /* which may be its end */
}

void follower_wake(struct follower *f)
{
    world_timer_stop(&f->dawdle);
    if (f->dawdling && f->stream != NULL)
        rpc_stream_resume(f->stream);
    f->dawdling = false;
}

void follower_init(struct follower *f, struct workload *w, const struct follower_kind *kind, uint32_t key,
                   int64_t subscription, void *arg)
{
    *f = (struct follower){.kind = kind,
                           .workload = w,
                           .key = key,
                           .subscription = subscription,
                           .arg = arg,
                           .position = VALUE_NIL,
                           .operation = -1};
    f->process = workload_process(w);
    world_timer_init(&f->again, world_of(f), open_stream, f);
    world_timer_init(&f->deliver, world_of(f), deliver, f);
    world_timer_init(&f->dawdle, world_of(f), dawdle, f);
}

void follower_start(struct follower *f)
{
    open_stream(f);
    if (workload_kind_of(f->workload)->dawdles > 0)
        world_timer_start(&f->dawdle, random_below(workload_random(f->workload), DAWDLE_EVERY));
}

int follower_send(struct follower *f, const ProtobufCMessage *message)
{
    struct text wire = TEXT_INIT;
    int code = f->stream != NULL ? pb_pack(message, &wire) : ERROR_CLOSED;
    if (code == 0)
        code = rpc_stream_send(f->stream, text_bytes(&wire));
    text_deinit(&wire);
    return code;
}

bool follower_idle(const struct follower *f, uint64_t duration)
{
    return f->stands && !f->dawdling && f->items.count == 0 && world_now(world_of(f)) - f->came >= duration;
}

void follower_leave(struct follower *f)
{
    if (f->stream != NULL)
        rpc_stream_cancel(f->stream);
}

static bool is_over(void *arg)
{
    const struct follower *f = arg;
    return f->stream == NULL;
}

void follower_stop(struct follower *f)
{
    if (f->workload == NULL)
        return;
    f->stopped = true;
    world_timer_stop(&f->again);
    world_timer_stop(&f->dawdle);
    if (f->stream != NULL)
        rpc_stream_cancel(f->stream);
    if (f->stream != NULL)
        (void)world_run_until(world_of(f), is_over, f, STOP_LIMIT);
}

void follower_deinit(struct follower *f)
{
    if (f->workload == NULL)
        return;
    follower_stop(f);
    world_timer_stop(&f->again);
    world_timer_stop(&f->deliver);
    world_timer_stop(&f->dawdle);
    rpc_channel_free(f->channel);
    world_timer_stop(&f->again); /* a stream that had not ended did now */
    array_deinit(&f->items);
}
