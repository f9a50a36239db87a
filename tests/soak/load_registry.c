/* Registry: services that register, beat and leave; a follower that lists and watches. Whenever nothing is wrong the
 * follower's picture must be the registry's list, and the list must be who beats. */
#include "tests/soak/soak.h"

#include "proto/registry/registry.pb-c.h"
#include "wire/pb.h"

#include <stdio.h>
#include <stdlib.h>

#define SERVICES   6
#define TTL        6 /* seconds */
#define BEAT       ((uint64_t)(2 * SECOND))
#define CHANGE_MAX ((int64_t)(6 * SECOND)) /* a service comes or goes */
#define AGREE      ((uint64_t)((TTL + 6) * SECOND))
#define DOMAIN     "soak"

struct beater {
    struct load *load;
    int number;
    bool here;
    struct world_timer beat, change;
};
struct load {
    struct soak *soak;
    struct random random;
    struct beater beaters[SERVICES];
    struct soak_feed watch;
    struct map picture; /* name -> itself: what the follower believes */
    bool listed, stopped;
    uint64_t ok;
};

static void service_name(int number, char out[24])
{
    snprintf(out, 24, "soak%d", number);
}

/* ---- who beats ---- */

static void beaten(void *arg, const struct soak_answer *a)
{
    struct beater *b = arg;
    b->load->ok += a->end == SOAK_OK;
    if (a->end == SOAK_REFUSED)
        soak_fail(b->load->soak, "registry: Register was refused: %s", a->message);
}

static void send(struct beater *b, const char *path)
{
    char name[24], id[32], address[] = "127.0.0.1:9", version[] = "latest", domain[] = DOMAIN;
    Registry__Service service = REGISTRY__SERVICE__INIT;
    Registry__Options options = REGISTRY__OPTIONS__INIT;
    Registry__Node node = REGISTRY__NODE__INIT, *nodes[] = {&node};
    service_name(b->number, name);
    snprintf(id, sizeof id, "%s-1", name);
    options.ttl = TTL;
    options.domain = domain;
    node.id = id;
    node.address = address;
    service.name = name;
    service.version = version;
    service.n_nodes = 1;
    service.nodes = nodes;
    service.options = &options;
    soak_call(b->load->soak, "registry", path, NULL, &service.base, &registry__empty_response__descriptor, beaten, b);
}

static void beat(void *arg)
{
    struct beater *b = arg;
    if (b->load->stopped || !b->here)
        return;
    send(b, "/registry.Registry/Register");
    (void)world_timer_start(&b->beat, BEAT);
}

/* Leaves by word, or by silence. */
static void change(void *arg)
{
    struct beater *b = arg;
    if (b->load->stopped)
        return;
    b->here = !b->here;
    if (b->here)
        beat(b);
    else if (random_below(&b->load->random, 2))
        send(b, "/registry.Registry/Deregister");
    (void)world_timer_start(&b->change, (uint64_t)random_range(&b->load->random, (int64_t)SECOND, CHANGE_MAX));
}

/* ---- who follows ---- */

static void forget_all(struct load *l)
{
    for (struct map_entry *e; (e = map_first(&l->picture)) != NULL;)
        (void)map_remove(&l->picture, map_key(e));
}

static void listed(void *arg, const struct soak_answer *a)
{
    struct load *l = arg;
    if (a->end != SOAK_OK) {
        if (l->watch.stream)
            rpc_stream_cancel(l->watch.stream); /* from the start */
        return;
    }
    const Registry__ListResponse *list = (const Registry__ListResponse *)(const void *)a->reply;
    /* What the watch told already is as new as the list or newer; a gone service is told of by the watch. */
    for (size_t i = 0; i < list->n_services; i++)
        if (!map_put(&l->picture, list->services[i]->name, l))
            abort();
    l->listed = true;
    l->ok++;
}

static void list(struct load *l, soak_done *done, void *arg)
{
    char domain[] = DOMAIN;
    Registry__ListRequest request = REGISTRY__LIST_REQUEST__INIT;
    Registry__Options options = REGISTRY__OPTIONS__INIT;
    options.domain = domain;
    request.options = &options;
    soak_call(l->soak, "registry", "/registry.Registry/ListServices", NULL, &request.base,
              &registry__list_response__descriptor, done, arg);
}

static void watch_open(void *arg, struct grpc_metadata headers)
{
    struct load *l = arg;
    (void)headers;
    list(l, listed, l);
}

static void watch_message(void *arg, struct bytes message)
{
    struct load *l = arg;
    struct arena arena = ARENA_INIT;
    ProtobufCMessage *m = NULL;
    if (pb_unpack(&registry__result__descriptor, message, &arena, &m, NULL) != 0) {
        soak_fail(l->soak, "registry: a watch message cannot be read");
    } else {
        const Registry__Result *r = (const Registry__Result *)(const void *)m;
        if (strcmp(r->action, "delete") != 0 && !map_put(&l->picture, r->service->name, l))
            abort();
        if (strcmp(r->action, "delete") == 0)
            (void)map_remove(&l->picture, r->service->name);
    }
    arena_deinit(&arena);
}

static void watch_over(void *arg, const struct rpc_reply *reply)
{
    struct load *l = arg;
    (void)reply;
    l->listed = false;
    soak_feed_ended(&l->watch);
}

static void follow(void *arg)
{
    static const struct rpc_stream_events events = {
        .headers = watch_open, .message = watch_message, .finished = watch_over};
    struct load *l = arg;
    char domain[] = DOMAIN;
    Registry__WatchRequest request = REGISTRY__WATCH_REQUEST__INIT;
    Registry__Options options = REGISTRY__OPTIONS__INIT;
    options.domain = domain;
    request.options = &options;
    forget_all(l);
    soak_feed_open(&l->watch, "registry", "/registry.Registry/Watch", &request.base, false, &events);
}

/* ---- the load ---- */

static void *start(struct soak *s)
{
    struct load *l = calloc(1, sizeof *l);
    if (!l)
        return NULL;
    l->soak = s;
    random_fork(&s->random, "soak.registry", &l->random);
    for (int i = 0; i < SERVICES; i++) {
        struct beater *b = &l->beaters[i];
        *b = (struct beater){.load = l, .number = i};
        world_timer_init(&b->beat, s->world, beat, b);
        world_timer_init(&b->change, s->world, change, b);
        change(b);
    }
    soak_feed_init(&l->watch, s, follow, l);
    return l;
}

static bool in_list(const Registry__ListResponse *list, const char *name)
{
    for (size_t i = 0; i < list->n_services; i++)
        if (strcmp(list->services[i]->name, name) == 0)
            return true;
    return false;
}

static void check(struct soak *s, void *load)
{
    struct load *l = load;
    struct arena arena = ARENA_INIT;
    char domain[] = DOMAIN;
    Registry__ListRequest request = REGISTRY__LIST_REQUEST__INIT;
    Registry__Options options = REGISTRY__OPTIONS__INIT;
    options.domain = domain;
    request.options = &options;
    for (size_t i = 0; i < SERVICES; i++)
        world_timer_stop(&l->beaters[i].change);
    (void)world_sleep(s->world, AGREE); /* whoever fell silent has expired */
    struct soak_answer a = soak_wait(s, &arena, "registry", "/registry.Registry/ListServices", NULL, &request.base,
                                     &registry__list_response__descriptor);
    const Registry__ListResponse *now = (const Registry__ListResponse *)(const void *)a.reply;
    if (!now)
        soak_fail(s, "registry: ListServices is not answered: %s", a.message);
    for (int i = 0; now && i < SERVICES; i++) {
        char name[24];
        service_name(i, name);
        bool known = map_get(&l->picture, name) != NULL;
        if (in_list(now, name) != l->beaters[i].here)
            soak_fail(s, "registry: %s %s", name,
                      l->beaters[i].here ? "beats and is not listed" : "is listed, silent for long");
        if (known != in_list(now, name))
            soak_fail(s, "registry: who watches believes %s is %s; the list says otherwise", name,
                      known ? "there" : "gone");
    }
    if (!l->listed)
        soak_fail(s, "registry: the follower has no list");
    arena_deinit(&arena);
}

static uint64_t progress(const void *load)
{
    return ((const struct load *)load)->ok;
}

static void stop(void *load)
{
    struct load *l = load;
    l->stopped = true;
    for (size_t i = 0; i < SERVICES; i++) {
        world_timer_stop(&l->beaters[i].change);
        world_timer_stop(&l->beaters[i].beat);
    }
    soak_feed_stop(&l->watch);
    /* The load's memory is needed until the last answer. */
    while (l->watch.stream || l->soak->in_flight > 0)
        if (world_sleep(l->soak->world, (uint64_t)SECOND) != 0)
            break;
    map_deinit(&l->picture);
    free(l);
}

const struct soak_load soak_registry = {"registry", start, check, progress, stop};
