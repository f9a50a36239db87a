/* What several loads share: clients that take turns with pauses, and streams that are opened again. */
#include "tests/soak/soak.h"

#include "wire/pb.h"

#include <stdio.h>
#include <stdlib.h>

#define RETRY ((uint64_t)(300 * MILLISECOND))

/* ---- clients ---- */

void soak_crew_init(struct soak_crew *crew, struct soak *s, const char *name, int64_t pause_max)
{
    char stream[32];
    *crew = (struct soak_crew){.soak = s, .name = name, .pause_max = pause_max};
    snprintf(stream, sizeof stream, "soak.%s", name);
    random_fork(&s->random, stream, &crew->random);
}

static void begin(void *arg)
{
    struct soak_client *client = arg;
    client->busy = true;
    client->act(client->arg);
}

void soak_client_init(struct soak_client *client, struct soak_crew *crew, void (*act)(void *arg), void *arg)
{
    *client = (struct soak_client){.crew = crew, .other = crew->clients, .act = act, .arg = arg};
    crew->clients = client;
    world_timer_init(&client->next, crew->soak->world, begin, client);
    soak_client_done(client);
}

void soak_client_done(struct soak_client *client)
{
    struct soak_crew *crew = client->crew;
    client->busy = false;
    if (!crew->resting)
        (void)world_timer_start(&client->next, (uint64_t)random_range(&crew->random, 0, crew->pause_max));
}

static bool idle(void *arg)
{
    const struct soak_crew *crew = arg;
    for (const struct soak_client *c = crew->clients; c; c = c->other)
        if (c->busy)
            return false;
    return true;
}

void soak_crew_wait(struct soak_crew *crew)
{
    if (world_run_until(crew->soak->world, idle, crew, 2 * SOAK_CALL) != 0)
        soak_fail(crew->soak, "%s: operations do not end", crew->name);
}

void soak_crew_rest(struct soak_crew *crew)
{
    crew->resting = true;
    for (struct soak_client *c = crew->clients; c; c = c->other)
        world_timer_stop(&c->next);
    soak_crew_wait(crew);
}

void soak_client_act(struct soak_client *client)
{
    if (!client->busy) /* else the run cannot end, and the crew has said so */
        begin(client);
    soak_crew_wait(client->crew);
}

/* ---- streams ---- */

void soak_feed_init(struct soak_feed *f, struct soak *s, void (*open)(void *arg), void *arg)
{
    *f = (struct soak_feed){.soak = s, .arg = arg};
    world_timer_init(&f->again, s->world, open, arg);
    open(arg);
}

void soak_feed_open(struct soak_feed *f, const char *component, const char *path, const ProtobufCMessage *request,
                    bool talk, const struct rpc_stream_events *events)
{
    struct text packed = TEXT_INIT, bearer = TEXT_INIT;
    text_printf(&bearer, "Bearer %s", f->soak->token);
    if (pb_pack(request, &packed) != 0)
        abort();
    const struct grpc_header header = {bytes_of("authorization"), text_bytes(&bearer)};
    const struct rpc_request r = {
        .path = path, .metadata = {&header, 1}, .message = text_bytes(&packed), .has_message = !talk};
    if (rpc_stream_open(soak_channel(f->soak, component), &r, events, f->arg, &f->stream, NULL) != 0)
        (void)world_timer_start(&f->again, RETRY);
    else if (talk)
        (void)rpc_stream_send(f->stream, text_bytes(&packed));
    text_deinit(&packed);
    text_deinit(&bearer);
}

void soak_feed_ended(struct soak_feed *f)
{
    f->stream = NULL;
    if (!f->stopped)
        (void)world_timer_start(&f->again, RETRY);
}

void soak_feed_stop(struct soak_feed *f)
{
    f->stopped = true;
    world_timer_stop(&f->again);
    if (f->stream)
        rpc_stream_cancel(f->stream);
}
