/* The server other people's clients are tried on: the test service of rpc/, health, reflection, and a control service
 * that tells what the server saw. Prints "listening PORT" and drains on SIGTERM.
 *
 *   rpc_interop_server [--message-max BYTES] [--keepalive MS | --ping-every MS] [--ping-min MS] [--deadline-max MS]
 *                      [--certificate FILE --key FILE]
 *
 * --keepalive waits as long for the answer to a ping as for its turn, --ping-every as long as servers do.           */
#include "base/units.h"
#include "rpc/test_service.h"
#include "test.pb-c.h"
#include "world/real.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX    ((size_t)1 << 20)
#define DRAIN_GRACE ((uint64_t)(60 * SECOND)) /* for calls that take a few */

struct program {
    struct world *world;
    struct rpc_server *server;
    struct test_service service;
};

/* Calls started and cancelled, in an Answer's total and index. */
static void stats(struct rpc_call *call, const ProtobufCMessage *request, void *context)
{
    struct program *p = context;
    (void)request;
    Harrow__Test__Answer answer;
    harrow__test__answer__init(&answer);
    answer.total = (int64_t)p->service.started;
    answer.index = (int32_t)p->service.cancelled;
    rpc_call_reply(call, &answer.base);
}

static const struct rpc_method control_methods[] = {{.name = "Stats",
                                                     .input = &harrow__test__order__descriptor,
                                                     .output = &harrow__test__answer__descriptor,
                                                     .unary = stats}};
static const struct rpc_service control = {"harrow.interop.Control", control_methods, 1};

static void on_drained(void *arg)
{
    struct program *p = arg;
    world_stop(p->world);
}

static void on_signal(void *arg, int signal)
{
    struct program *p = arg;
    (void)signal;
    rpc_server_drain(p->server, DRAIN_GRACE, on_drained, p);
}

static int load_tls(struct world *w, const char *certificate, const char *key, struct tls_context **out,
                    struct error *err)
{
    static const char *const alpn[] = {"h2", NULL};
    struct text certificate_pem = TEXT_INIT, key_pem = TEXT_INIT;
    int rc = world_read_file(w, certificate, FILE_MAX, &certificate_pem, err);
    if (rc == 0)
        rc = world_read_file(w, key, FILE_MAX, &key_pem, err);
    if (rc == 0) {
        struct tls_options options = {.server = true,
                                      .certificate_pem = text_string(&certificate_pem),
                                      .key_pem = text_string(&key_pem),
                                      .alpn = alpn};
        rc = tls_context_new(&options, out, err);
    }
    text_deinit(&certificate_pem);
    text_deinit(&key_pem);
    return rc;
}

static uint64_t milliseconds(const char *text)
{
    return strtoull(text, NULL, 10) * (uint64_t)MILLISECOND;
}

int main(int argc, char **argv)
{
    struct program p = {0};
    struct rpc_server_options options = {0};
    struct pb_pool *pool = NULL;
    const char *certificate = NULL, *key = NULL;
    struct error err = ERROR_INIT;
    int rc = 0;
    for (int i = 1; i + 1 < argc; i += 2) {
        const char *name = argv[i], *value = argv[i + 1];
        if (strcmp(name, "--message-max") == 0)
            options.message_max = strtoull(value, NULL, 10);
        else if (strcmp(name, "--keepalive") == 0)
            options.keepalive_every = options.keepalive_timeout = milliseconds(value);
        else if (strcmp(name, "--ping-every") == 0)
            options.keepalive_every = milliseconds(value);
        else if (strcmp(name, "--ping-min") == 0)
            options.ping_min = milliseconds(value);
        else if (strcmp(name, "--deadline-max") == 0)
            options.deadline_max = milliseconds(value);
        else if (strcmp(name, "--certificate") == 0)
            certificate = value;
        else if (strcmp(name, "--key") == 0)
            key = value;
        else
            rc = error_set(&err, ERROR_INVALID, "unknown option %s", name);
    }
    if (rc == 0)
        rc = world_real_new(0, &p.world, &err);
    if (rc == 0)
        rc = pb_pool_new(test_service_set(), "test.proto", &pool, &err);
    if (rc == 0 && certificate && key)
        rc = load_tls(p.world, certificate, key, &options.tls, &err);
    options.pool = pool;
    if (rc == 0)
        rc = rpc_server_new(p.world, &options, &p.server, &err);
    if (rc == 0 && (test_service_add(&p.service, p.server) != 0 || rpc_server_add(p.server, &control, &p) != 0 ||
                    rpc_server_add_health(p.server) != 0 || rpc_server_add_reflection(p.server) != 0))
        rc = error_set(&err, ERROR_MEMORY, "out of memory");
    if (rc == 0)
        rc = rpc_server_listen(p.server, "127.0.0.1:0", &err);
    if (rc == 0) {
        world_on_signal(p.world, on_signal, &p);
        printf("listening %d\n", rpc_server_port(p.server));
        fflush(stdout);
        rc = world_run(p.world);
    }
    if (rc) {
        struct text why = TEXT_INIT;
        error_format(&err, &why);
        fprintf(stderr, "rpc_interop_server: %s\n", text_string(&why));
        text_deinit(&why);
        error_clear(&err);
    }
    rpc_server_free(p.server);
    pb_pool_free(pool);
    tls_context_free(options.tls);
    if (p.world)
        world_real_free(p.world);
    return rc ? 1 : 0;
}
