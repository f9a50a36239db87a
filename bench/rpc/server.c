/* Our echo server for the benchmark. Prints "listening PORT". */
#include "bench/rpc/echo.pb-c.h"
#include "rpc/rpc.h"
#include "world/real.h"

#include <stdio.h>

static void echo(struct rpc_call *call, const ProtobufCMessage *request, void *context)
{
    (void)context;
    rpc_call_reply(call, request);
}

static const struct rpc_method methods[] = {{.name = "Call",
                                             .input = &harrow__bench__payload__descriptor,
                                             .output = &harrow__bench__payload__descriptor,
                                             .unary = echo}};
static const struct rpc_service service = {"harrow.bench.Echo", methods, 1};

static void on_signal(void *arg, int signal)
{
    (void)signal;
    world_stop(arg);
}

int main(void)
{
    struct world *w;
    struct rpc_server *s = NULL;
    struct error err = ERROR_INIT;
    int rc = world_real_new(0, &w, &err);
    if (rc == 0)
        rc = rpc_server_new(w, NULL, &s, &err);
    if (rc == 0)
        rc = rpc_server_add(s, &service, NULL);
    if (rc == 0)
        rc = rpc_server_listen(s, "127.0.0.1:0", &err);
    if (rc) {
        fprintf(stderr, "rpc_bench_server: %s\n", err.message ? err.message : "out of memory");
        return 1;
    }
    printf("listening %d\n", rpc_server_port(s));
    fflush(stdout);
    world_on_signal(w, on_signal, w);
    rc = world_run(w);
    rpc_server_free(s);
    world_real_free(w);
    return rc ? 1 : 0;
}
