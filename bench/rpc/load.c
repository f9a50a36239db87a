#include "bench/rpc/load.h"

#include "base/units.h"

#include <stdio.h>

static void call(struct load_loop *loop);

static void on_done(void *arg, const struct rpc_reply *reply)
{
    struct load_loop *loop = arg;
    struct load *l = loop->load;
    l->under_way--;
    if (reply->status != GRPC_OK || (l->answered != NULL && !l->answered(l->arg, reply))) {
        if (!l->failed)
            fprintf(stderr, "%s: a call ended with %s: %.*s\n", l->program, grpc_status_name(reply->status),
                    (int)reply->message.len, reply->message.data ? (const char *)reply->message.data : "");
        l->failed = true;
        return;
    }
    l->calls++;
    if (l->running)
        call(loop);
}

static void call(struct load_loop *loop)
{
    struct load *l = loop->load;
    struct rpc_request r = {.path = l->path, .message = l->request, .has_message = true, .wait_for_ready = true};
    if (rpc_unary(loop->channel, &r, on_done, loop, NULL, NULL) == 0)
        l->under_way++;
    else
        l->failed = true;
}

void load_start(struct load *l, const char *address)
{
    struct rpc_channel_options options = {.addresses = address};
    l->failed = false;
    l->running = true;
    l->under_way = 0;
    for (int i = 0; i < l->connections && !l->failed; i++) {
        l->loops[i].load = l;
        l->failed = rpc_channel_new(l->world, &options, &l->loops[i].channel, NULL) != 0;
        for (int k = 0; k < l->in_flight && !l->failed; k++)
            call(&l->loops[i]);
    }
}

static bool idle(void *arg)
{
    const struct load *l = arg;
    return l->under_way == 0 || l->failed;
}

bool load_stop(struct load *l)
{
    l->running = false;
    world_run_until(l->world, idle, l, (uint64_t)(5 * SECOND));
    for (int i = 0; i < l->connections; i++) {
        rpc_channel_free(l->loops[i].channel);
        l->loops[i].channel = NULL;
    }
    return !l->failed;
}
