/* bench/runtime: the registry with many services and many watchers.
 *
 *   registry_bench [--services N] [--watchers N] [--data DIRECTORY] [--json]
 *
 * One node and three described endpoints for each service. Registered for the first time; repeated, as heartbeats are;
 * changed, while the watchers (each on a connection of its own) are told every change; listed; and registered anew by
 * a hundred connections at one time after the registry was killed, watchers and all. There is no library to compare
 * with: what a change costs per watcher stands beside what a heartbeat costs, which is a call that tells nobody. */
#include "bench/runtime/kit.h"
#include "proto/registry/registry.pb-c.h"

#define SERVICES_MAX  50000
#define WATCHERS_MAX  1000
#define IN_FLIGHT     64
#define STORM         100 /* connections */
#define LISTS         9
#define PATIENCE      ((uint64_t)(120 * SECOND))
#define REGISTER_PATH "/registry.Registry/Register"

struct bench;

struct watcher {
    struct bench *bench;
    struct rpc_channel *channel;
    struct rpc_stream *stream;
    uint64_t events;
};

struct bench {
    struct kit kit;
    int64_t services, watchers;
    int64_t next, generation; /* of the registrations being made */
    struct watcher *watch;
    uint64_t heard;
    uint64_t wanted; /* until so many events were heard */
    uint64_t registered;
    bool closing, failed;
    size_t list_bytes, listed;
};

static Registry__Value *value(struct arena *a, const char *name, const char *type, size_t members)
{
    Registry__Value *v = ARENA_NEW(a, Registry__Value);
    registry__value__init(v);
    v->name = arena_string(a, name);
    v->type = arena_string(a, type);
    v->values = ARENA_NEW_N(a, Registry__Value *, members + 1);
    for (size_t i = 0; i < members; i++)
        v->values[v->n_values++] = value(a, "member", "string", 0);
    return v;
}

static void pack_service(struct text *out, int64_t number, int64_t generation)
{
    struct arena a = ARENA_INIT;
    Registry__Service s = REGISTRY__SERVICE__INIT;
    Registry__Node node = REGISTRY__NODE__INIT, *nodes[] = {&node};
    Registry__Node__MetadataEntry entry = REGISTRY__NODE__METADATA_ENTRY__INIT, *entries[] = {&entry};
    Registry__Endpoint endpoints[3], *list[3];
    Registry__Options options = REGISTRY__OPTIONS__INIT;
    static const char *const names[] = {"Service.Create", "Service.Read", "Service.List"};
    s.name = arena_printf(&a, "service-%05d", (int)number);
    s.version = arena_string(&a, "latest");
    node.id = arena_printf(&a, "service-%05d-7e57ab1e-0000-4000-8000-0123456789ab", (int)number);
    node.address = arena_printf(&a, "10.0.%d.%d:8080", (int)(number / 250), (int)(number % 250));
    entry.key = arena_string(&a, "generation");
    entry.value = arena_printf(&a, "%d", (int)generation);
    node.metadata = entries;
    node.n_metadata = 1;
    for (size_t i = 0; i < 3; i++) {
        registry__endpoint__init(&endpoints[i]);
        endpoints[i].name = arena_string(&a, names[i]);
        endpoints[i].request = value(&a, "Request", "Request", 3);
        endpoints[i].response = value(&a, "Response", "Response", 3);
        list[i] = &endpoints[i];
    }
    options.ttl = 90;
    s.nodes = nodes;
    s.n_nodes = 1;
    s.endpoints = list;
    s.n_endpoints = 3;
    s.options = &options;
    (void)pb_pack(&s.base, out);
    arena_deinit(&a);
}

static void next_service(void *arg, struct text *message)
{
    struct bench *b = arg;
    pack_service(message, b->next++ % b->services, b->generation);
}

/* ---- watchers --------------------------------------------------------------------------------------------------- */

static void on_event(void *arg, struct bytes message)
{
    struct watcher *w = arg;
    (void)message;
    w->events++;
    w->bench->heard++;
}

static void on_watch_end(void *arg, const struct rpc_reply *reply)
{
    struct watcher *w = arg;
    w->stream = NULL;
    if (w->bench->closing)
        return;
    fprintf(stderr, "registry_bench: a watch ended: %s %.*s\n", grpc_status_name(reply->status),
            (int)reply->message.len, reply->message.data ? (const char *)reply->message.data : "");
    w->bench->failed = true;
}

static int open_watchers(struct bench *b)
{
    static const struct rpc_stream_events events = {.message = on_event, .finished = on_watch_end};
    b->closing = false;
    for (int64_t i = 0; i < b->watchers; i++) {
        struct watcher *w = &b->watch[i];
        struct rpc_request r = {.path = "/registry.Registry/Watch",
                                .metadata = {&b->kit.authorization, 1},
                                .wait_for_ready = true,
                                .message = BYTES("", 0),
                                .has_message = true};
        *w = (struct watcher){.bench = b, .channel = kit_channel(&b->kit)};
        if (!w->channel || rpc_stream_open(w->channel, &r, &events, w, &w->stream, NULL) != 0)
            return -1;
    }
    world_sleep(b->kit.world, (uint64_t)(500 * MILLISECOND)); /* they are open now */
    b->heard = 0;
    return b->failed ? -1 : 0;
}

static void close_watchers(struct bench *b)
{
    b->closing = true;
    for (int64_t i = 0; b->watch && i < b->watchers; i++) {
        rpc_channel_free(b->watch[i].channel);
        b->watch[i].channel = NULL;
    }
}

static bool all_heard(void *arg)
{
    const struct bench *b = arg;
    return b->failed || b->heard >= b->wanted;
}

/* ---- the measurements ------------------------------------------------------------------------------------------- */

static int register_all(struct bench *b, struct rpc_channel *channel, struct kit_figures *out)
{
    struct kit_load load = {.kit = &b->kit,
                            .channel = channel,
                            .path = REGISTER_PATH,
                            .in_flight = IN_FLIGHT,
                            .next = next_service,
                            .arg = b,
                            .limit = (uint64_t)b->services};
    b->next = 0;
    return kit_run(&load, 0, out);
}

struct fan_out {
    struct kit_figures calls;
    double events_per_second, cpu_us; /* per event */
};

static int measure_fan_out(struct bench *b, struct rpc_channel *channel, struct fan_out *out)
{
    if (open_watchers(b) != 0)
        return -1;
    uint64_t cpu = kit_cpu(&b->kit), start = world_now(b->kit.world);
    b->wanted = (uint64_t)(b->services * b->watchers);
    b->generation++;
    int rc = register_all(b, channel, &out->calls);
    if (rc == 0)
        rc = world_run_until(b->kit.world, all_heard, b, PATIENCE);
    double took = (double)(world_now(b->kit.world) - start) / 1e9;
    out->events_per_second = (double)b->heard / took;
    out->cpu_us = (double)(kit_cpu(&b->kit) - cpu) / 1e3 / (double)(b->heard ? b->heard : 1);
    for (int64_t i = 0; rc == 0 && i < b->watchers; i++)
        if (b->watch[i].events != (uint64_t)b->services) {
            fprintf(stderr, "registry_bench: a watcher heard %llu changes, %lld were made\n",
                    (unsigned long long)b->watch[i].events, (long long)b->services);
            rc = -1;
        }
    return b->failed ? -1 : rc;
}

static int list_once(struct bench *b, struct rpc_channel *channel, double *ms)
{
    struct rpc_answer answer = {0};
    struct rpc_request r = {.path = "/registry.Registry/ListServices",
                            .metadata = {&b->kit.authorization, 1},
                            .timeout = PATIENCE,
                            .wait_for_ready = true,
                            .message = BYTES("", 0),
                            .has_message = true};
    uint64_t start = world_now(b->kit.world);
    int rc = rpc_unary_wait(b->kit.world, channel, &r, &answer, NULL);
    if (rc)
        return rc;
    *ms = (double)(world_now(b->kit.world) - start) / 1e6;
    rc = answer.reply.status == GRPC_OK ? 0 : -1;
    struct arena arena = ARENA_INIT;
    ProtobufCMessage *m = NULL;
    if (rc == 0)
        rc = pb_unpack(&registry__list_response__descriptor, answer.reply.body, &arena, &m, NULL);
    if (rc == 0) {
        b->list_bytes = answer.reply.body.len;
        b->listed = ((const Registry__ListResponse *)(const void *)m)->n_services;
    }
    arena_deinit(&arena);
    rpc_answer_deinit(&answer);
    return rc;
}

static int measure_list(struct bench *b, struct rpc_channel *channel, double *ms)
{
    double all[LISTS];
    for (int i = 0; i < LISTS; i++)
        if (list_once(b, channel, &all[i]) != 0)
            return -1;
    *ms = kit_median(all, LISTS);
    return b->listed == (size_t)b->services + 1 ? 0 : -1; /* the registry itself is in it */
}

static void on_stormed(void *arg, const struct rpc_reply *reply)
{
    struct bench *b = arg;
    b->registered++;
    b->failed = b->failed || reply->status != GRPC_OK;
}

static bool all_stormed(void *arg)
{
    const struct bench *b = arg;
    return b->failed || (b->registered >= (uint64_t)b->services && b->heard >= b->wanted);
}

/* *start: seconds from the kill until the registry answers; *all: from the first call until everything is registered
 * again and every watcher has heard of everything. */
static int measure_storm(struct bench *b, double *start, double *all)
{
    struct rpc_channel *channels[STORM] = {0};
    close_watchers(b);
    if (kit_kill(&b->kit) != 0)
        return -1;
    uint64_t begin = world_now(b->kit.world);
    if (kit_start(&b->kit, "registry") != 0)
        return -1;
    *start = (double)(world_now(b->kit.world) - begin) / 1e9;
    if (open_watchers(b) != 0)
        return -1;
    begin = world_now(b->kit.world);
    b->wanted = (uint64_t)(b->services * b->watchers);
    b->registered = 0;
    int rc = 0;
    struct text message = TEXT_INIT;
    for (int i = 0; rc == 0 && i < STORM; i++)
        rc = (channels[i] = kit_channel(&b->kit)) ? 0 : -1;
    for (int64_t i = 0; rc == 0 && i < b->services; i++) {
        text_clear(&message);
        pack_service(&message, i, b->generation);
        struct rpc_request r = {.path = REGISTER_PATH,
                                .metadata = {&b->kit.authorization, 1},
                                .timeout = PATIENCE,
                                .wait_for_ready = true,
                                .message = text_bytes(&message),
                                .has_message = true};
        rc = rpc_unary(channels[i % STORM], &r, on_stormed, b, NULL, NULL);
    }
    if (rc == 0)
        rc = world_run_until(b->kit.world, all_stormed, b, PATIENCE);
    *all = (double)(world_now(b->kit.world) - begin) / 1e9;
    text_deinit(&message);
    for (int i = 0; i < STORM; i++)
        rpc_channel_free(channels[i]);
    return b->failed ? -1 : rc;
}

struct results {
    struct kit_figures first, again;
    struct fan_out told;
    double list_ms, start_s, storm_s, empty_mib, full_mib, watched_mib;
};

static int measure(struct bench *b, struct results *r)
{
    struct rpc_channel *channel = kit_channel(&b->kit);
    int rc = channel ? 0 : -1;
    r->empty_mib = (double)kit_resident(&b->kit) / 1048576;
    if (rc == 0)
        rc = register_all(b, channel, &r->first);
    r->full_mib = (double)kit_resident(&b->kit) / 1048576;
    if (rc == 0)
        rc = register_all(b, channel, &r->again);
    if (rc == 0)
        rc = measure_fan_out(b, channel, &r->told);
    r->watched_mib = (double)kit_resident(&b->kit) / 1048576;
    if (rc == 0)
        rc = measure_list(b, channel, &r->list_ms);
    rpc_channel_free(channel);
    return rc ? rc : measure_storm(b, &r->start_s, &r->storm_s);
}

static void report(const struct bench *b, const struct results *r, bool json)
{
    FILE *table = json ? stderr : stdout; /* with --json stdout is for programs */
    double ratio = r->told.cpu_us / r->again.cpu_us;
    if (json)
        printf("{\"bench\":\"registry\",\"services\":%lld,\"watchers\":%lld,\"register_per_second\":%.0f,"
               "\"register_cpu_us\":%.2f,\"heartbeat_per_second\":%.0f,\"heartbeat_cpu_us\":%.2f,"
               "\"watched_per_second\":%.0f,\"events_per_second\":%.0f,\"event_cpu_us\":%.3f,\"event_ratio\":%.3f,"
               "\"list_ms\":%.1f,\"list_bytes\":%zu,\"start_s\":%.3f,\"storm_s\":%.3f,\"empty_mib\":%.1f,"
               "\"full_mib\":%.1f,\"watched_mib\":%.1f}\n",
               (long long)b->services, (long long)b->watchers, r->first.calls_per_second, r->first.cpu_us,
               r->again.calls_per_second, r->again.cpu_us, r->told.calls.calls_per_second, r->told.events_per_second,
               r->told.cpu_us, ratio, r->list_ms, b->list_bytes, r->start_s, r->storm_s, r->empty_mib, r->full_mib,
               r->watched_mib);
    fprintf(table, "%lld services, %lld watchers, %d registrations in flight on one connection\n",
            (long long)b->services, (long long)b->watchers, IN_FLIGHT);
    fprintf(table, "registered            %9.0f/s  CPU %.2f us each\n", r->first.calls_per_second, r->first.cpu_us);
    fprintf(table, "heartbeats            %9.0f/s  CPU %.2f us each\n", r->again.calls_per_second, r->again.cpu_us);
    fprintf(table, "changes, all watched  %9.0f/s  %.0f events/s, CPU %.3f us per event, 1 / %.0f of a heartbeat\n",
            r->told.calls.calls_per_second, r->told.events_per_second, r->told.cpu_us, 1 / ratio);
    fprintf(table, "list of all           %9.1f ms  %.1f MiB\n", r->list_ms, (double)b->list_bytes / 1048576);
    fprintf(table, "killed: answers again %9.0f ms, all registered by %d connections and heard of %.0f ms later\n",
            r->start_s * 1e3, STORM, r->storm_s * 1e3);
    fprintf(table, "resident              %9.1f MiB empty, %.1f with the services, %.1f with the watchers\n",
            r->empty_mib, r->full_mib, r->watched_mib);
}

int main(int argc, char **argv)
{
    struct bench b = {.services = 10000, .watchers = 100};
    struct results results = {0};
    const char *data = ".";
    bool json = false;
    struct error err = ERROR_INIT;
    for (int i = 1; i < argc; i++) {
        int rc = 0;
        if (strcmp(argv[i], "--json") == 0)
            json = true;
        else if (strcmp(argv[i], "--services") == 0 && i + 1 < argc)
            rc = units_parse_integer(argv[++i], 1, SERVICES_MAX, &b.services, &err);
        else if (strcmp(argv[i], "--watchers") == 0 && i + 1 < argc)
            rc = units_parse_integer(argv[++i], 1, WATCHERS_MAX, &b.watchers, &err);
        else if (strcmp(argv[i], "--data") == 0 && i + 1 < argc)
            data = argv[++i];
        else
            rc = error_set(&err, ERROR_INVALID, "unknown option %s", argv[i]);
        if (rc) {
            fprintf(stderr,
                    "registry_bench: %s\nusage: registry_bench [--services N] [--watchers N] [--data DIRECTORY]"
                    " [--json]\n",
                    err.message ? err.message : "out of memory");
            error_clear(&err);
            return 2;
        }
    }
    b.watch = calloc((size_t)b.watchers, sizeof *b.watch);
    int rc = kit_init(&b.kit, "registry_bench", data);
    if (rc == 0)
        rc = b.watch ? kit_start(&b.kit, "registry") : -1;
    if (rc == 0)
        rc = measure(&b, &results);
    if (rc == 0)
        report(&b, &results, json);
    else
        fprintf(stderr, "registry_bench: failed\n");
    close_watchers(&b);
    kit_deinit(&b.kit);
    free(b.watch);
    return rc ? 1 : 0;
}
