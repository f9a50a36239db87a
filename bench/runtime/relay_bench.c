/* bench/runtime: what the relay costs. The same calls to helloworld, directly and through a proxy in front of it, turn
 * about; processor time of each process per call, and the ratio of the proxy's to the service's own.
 *
 *   relay_bench [--data DIRECTORY] [--json]                                                                         */
#include "bench/runtime/kit.h"

#include "proto/helloworld/helloworld.pb-c.h"
#include "wire/pb.h"

#define RUNS      5
#define IN_FLIGHT 64
#define DURATION  ((uint64_t)(1 * SECOND))

static void next_message(void *arg, struct text *message)
{
    char name[] = "relay";
    Helloworld__Request r = HELLOWORLD__REQUEST__INIT;
    (void)arg;
    r.name = name;
    (void)pb_pack(&r.base, message);
}

static int measure(struct kit *k, int in_flight, struct kit_figures *out)
{
    struct kit_load load = {.kit = k,
                            .channel = kit_channel(k),
                            .path = "/helloworld.Helloworld/Call",
                            .in_flight = in_flight,
                            .next = next_message};
    int rc = load.channel ? kit_run(&load, DURATION, out) : -1;
    rpc_channel_free(load.channel);
    return rc;
}

/* Medians of both, and the ratio of the processor times. */
static int compare(struct kit *service, struct kit *proxy, int in_flight, bool json)
{
    double direct[RUNS], direct_cpu[RUNS], relayed[RUNS], relayed_cpu[RUNS];
    for (int i = 0; i < RUNS; i++) {
        struct kit_figures f;
        if (measure(service, in_flight, &f) != 0)
            return -1;
        direct[i] = f.calls_per_second;
        direct_cpu[i] = f.cpu_us;
        if (measure(proxy, in_flight, &f) != 0)
            return -1;
        relayed[i] = f.calls_per_second;
        relayed_cpu[i] = f.cpu_us;
    }
    double own = kit_median(direct_cpu, RUNS), through = kit_median(relayed_cpu, RUNS);
    printf(json ? "{\"in_flight\":%d,\"direct_per_second\":%.0f,\"relayed_per_second\":%.0f,\"service_cpu_us\":%.2f,"
                  "\"proxy_cpu_us\":%.2f,\"ratio\":%.2f}\n"
                : "%9d %12.0f %12.0f %12.2f us %10.2f us %8.2f\n",
           in_flight, kit_median(direct, RUNS), kit_median(relayed, RUNS), own, through, through / own);
    return 0;
}

int main(int argc, char **argv)
{
    const char *data = ".";
    bool json = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            json = true;
        } else if (strcmp(argv[i], "--data") == 0 && i + 1 < argc) {
            data = argv[++i];
        } else {
            fprintf(stderr, "usage: relay_bench [--data DIRECTORY] [--json]\n");
            return 2;
        }
    }
    struct kit service = {0}, proxy = {0};
    int rc = setenv("MICRO_PEERS", "policy=none", 1); /* there is no auth to ask */
    if (rc == 0)
        rc = kit_init(&service, "relay_bench", data);
    if (rc == 0)
        rc = kit_start(&service, "helloworld");
    if (rc == 0)
        rc = setenv("MICRO_PROXY_ENDPOINT", service.address, 1);
    if (rc == 0)
        rc = kit_init(&proxy, "relay_bench", data);
    if (rc == 0) { /* both take the same token */
        text_clear(&proxy.public_key);
        text_add(&proxy.public_key, service.public_key.data, service.public_key.len);
        proxy.authorization = service.authorization;
        rc = kit_start(&proxy, "proxy");
    }
    if (rc == 0 && !json)
        printf("in flight       direct      relayed         service        proxy    ratio\n");
    if (rc == 0)
        rc = compare(&service, &proxy, 1, json);
    if (rc == 0)
        rc = compare(&service, &proxy, IN_FLIGHT, json);
    kit_deinit(&proxy);
    kit_deinit(&service);
    return rc ? 1 : 0;
}
