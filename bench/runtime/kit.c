#include "bench/runtime/kit.h"

#include "runtime/service/service.h"

#include <signal.h>

#define START_LIMIT   ((uint64_t)(10 * SECOND))
#define TOKEN_SECONDS 86400

static int complain(const struct kit *k, struct error *err, int rc)
{
    fprintf(stderr, "%s: %s\n", k->program, err->message ? err->message : error_code_name(rc));
    error_clear(err);
    return rc;
}

int kit_init(struct kit *k, const char *program, const char *parent)
{
    static const char *const scopes[] = {"service", NULL};
    struct error err = ERROR_INIT;
    *k = (struct kit){.program = program};
    int rc = world_real_new(0, &k->world, &err);
    if (rc == 0)
        rc = micro_keys_generate(&k->private_key, &k->public_key, &err);
    struct micro_claims claims = {.subject = "bench",
                                  .type = "service",
                                  .issuer = "micro",
                                  .name = "bench",
                                  .scopes = scopes,
                                  .expires = rc == 0 ? world_wall(k->world) / SECOND + TOKEN_SECONDS : 0};
    text_puts(&k->bearer, "Bearer ");
    if (rc == 0)
        rc = micro_token_sign(text_string(&k->private_key), &claims, &k->bearer, &err);
    text_printf(&k->directory, "%s/%s-%016llx", parent, program,
                (unsigned long long)(rc == 0 ? random_next(world_random(k->world)) : 0));
    if (rc == 0 && (!text_ok(&k->directory) || !text_ok(&k->bearer)))
        rc = error_set(&err, ERROR_MEMORY, "out of memory");
    if (rc == 0 && (rc = world_make_directory(k->world, text_string(&k->directory))) != 0)
        error_set(&err, rc, "cannot make the directory %s", text_string(&k->directory));
    k->authorization = (struct grpc_header){bytes_of("authorization"), text_bytes(&k->bearer)};
    return rc ? complain(k, &err, rc) : 0;
}

static void on_output(void *arg, int fd, struct bytes line)
{
    (void)arg;
    (void)fd;
    fprintf(stderr, "%.*s\n", (int)line.len, (const char *)line.data);
}

static void on_exited(void *arg, struct world_exit status)
{
    struct kit *k = arg;
    struct text words = TEXT_INIT;
    world_exit_format(status, &words);
    if (!k->wanted_gone)
        fprintf(stderr, "%s: the component %s\n", k->program, text_string(&words));
    text_deinit(&words);
    k->gone = true;
}

static bool is_gone(void *arg)
{
    const struct kit *k = arg;
    return k->gone;
}

int kit_kill(struct kit *k)
{
    struct text path = TEXT_INIT;
    k->wanted_gone = true;
    int rc = world_process_signal(k->process, SIGKILL);
    if (rc == 0)
        rc = world_run_until(k->world, is_gone, k, START_LIMIT);
    world_process_close(k->process);
    k->process = NULL;
    k->gone = k->wanted_gone = false;
    text_printf(&path, "%s/%s.address", text_string(&k->directory), k->component);
    (void)world_remove(k->world, text_string(&path)); /* it had no time to */
    text_deinit(&path);
    return rc;
}

/* The component tells in a file where it listens. */
static int read_address(struct kit *k, const char *component, struct error *err)
{
    struct text path = TEXT_INIT, line = TEXT_INIT;
    uint64_t give_up = world_now(k->world) + START_LIMIT;
    int rc = ERROR_TIMEOUT;
    text_printf(&path, "%s/%s.address", text_string(&k->directory), component);
    while (rc && !k->gone && world_now(k->world) < give_up) {
        text_clear(&line);
        rc = world_read_file(k->world, text_string(&path), sizeof k->address - 1, &line, NULL);
        if (rc)
            world_sleep(k->world, (uint64_t)(5 * MILLISECOND));
    }
    snprintf(k->address, sizeof k->address, "%.*s", (int)strcspn(text_string(&line), "\n"), text_string(&line));
    if (rc)
        error_set(err, rc, "%s did not start", component);
    text_deinit(&path);
    text_deinit(&line);
    return rc;
}

int kit_start(struct kit *k, const char *component)
{
    static const struct world_process_events events = {.output = on_output, .exited = on_exited};
    const char *directory = text_string(&k->directory);
    const char *argv[] = {BENCH_MICRO,
                          "service",
                          component,
                          "--address",
                          k->address[0] ? k->address : "127.0.0.1:0",
                          "--data-dir",
                          directory,
                          "--run-dir",
                          directory,
                          "--public-key",
                          text_string(&k->public_key),
                          "--base-port",
                          "1",
                          NULL};
    struct world_spawn spawn = {.name = component, .argv = argv};
    struct error err = ERROR_INIT;
    k->component = component;
    int rc = world_process_spawn(k->world, &spawn, &events, k, &k->process, &err);
    if (rc == 0)
        rc = read_address(k, component, &err);
    if (rc == 0) {
        struct rpc_channel *channel = kit_channel(k);
        rc = channel ? rpc_wait_ready(k->world, channel, "", START_LIMIT, &err) : ERROR_MEMORY;
        rpc_channel_free(channel);
    }
    return rc ? complain(k, &err, rc) : 0;
}

struct rpc_channel *kit_channel(struct kit *k)
{
    struct rpc_channel *channel = NULL;
    k->channel = (struct rpc_channel_options){.addresses = k->address};
    return rpc_channel_new(k->world, &k->channel, &channel, NULL) == 0 ? channel : NULL;
}

void kit_deinit(struct kit *k)
{
    if (k->process)
        world_process_close(k->process);
    if (k->world && k->directory.len)
        (void)world_remove_tree(k->world, text_string(&k->directory));
    if (k->world)
        world_real_free(k->world);
    text_deinit(&k->private_key);
    text_deinit(&k->public_key);
    text_deinit(&k->bearer);
    text_deinit(&k->directory);
}

uint64_t kit_resident(const struct kit *k)
{
    uint64_t resident = 0, cpu = 0;
    return world_process_usage(k->process, &resident, &cpu) == 0 ? resident : 0;
}

uint64_t kit_cpu(const struct kit *k)
{
    uint64_t resident = 0, cpu = 0;
    return world_process_usage(k->process, &resident, &cpu) == 0 ? cpu : 0;
}

/* ---- load ------------------------------------------------------------------------------------------------------- */

static void call(struct kit_load *l);

static void on_done(void *arg, const struct rpc_reply *reply)
{
    struct kit_load *l = arg;
    l->flying--;
    if (reply->status != GRPC_OK || (l->check && !l->check(l->arg, reply))) {
        if (!l->failed)
            fprintf(stderr, "%s: %s ended with %s: %.*s\n", l->kit->program, l->path, grpc_status_name(reply->status),
                    (int)reply->message.len, reply->message.data ? (const char *)reply->message.data : "");
        l->failed = true;
        return;
    }
    l->calls++;
    call(l);
}

static void call(struct kit_load *l)
{
    if (!l->running || l->failed || (l->limit && l->started >= l->limit))
        return;
    text_clear(&l->message);
    l->next(l->arg, &l->message);
    struct rpc_request r = {.path = l->path,
                            .metadata = {&l->kit->authorization, 1},
                            .message = text_bytes(&l->message),
                            .has_message = true,
                            .wait_for_ready = true};
    if (text_ok(&l->message) && rpc_unary(l->channel, &r, on_done, l, NULL, NULL) == 0) {
        l->flying++;
        l->started++;
    } else {
        l->failed = true;
    }
}

static bool is_over(void *arg)
{
    const struct kit_load *l = arg;
    return l->failed || l->flying == 0;
}

int kit_run(struct kit_load *l, uint64_t duration, struct kit_figures *out)
{
    l->calls = l->started = 0;
    l->flying = 0;
    l->running = true;
    l->failed = false;
    uint64_t cpu = kit_cpu(l->kit), start = world_now(l->kit->world);
    for (int i = 0; i < l->in_flight; i++)
        call(l);
    if (duration)
        (void)world_run_until(l->kit->world, is_over, l, duration);
    else
        (void)world_run_until(l->kit->world, is_over, l, 0);
    uint64_t took = world_now(l->kit->world) - start, calls = l->calls;
    cpu = kit_cpu(l->kit) - cpu;
    l->running = false;
    int rc = world_run_until(l->kit->world, is_over, l, (uint64_t)(10 * SECOND));
    text_deinit(&l->message);
    if (rc || l->failed || calls == 0)
        return -1;
    *out = (struct kit_figures){.calls_per_second = (double)calls * 1e9 / (double)took,
                                .cpu_us = (double)cpu / 1e3 / (double)calls};
    return 0;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

double kit_median(const double *values, int count)
{
    double sorted[KIT_RUNS_MAX];
    memcpy(sorted, values, (size_t)count * sizeof *sorted);
    qsort(sorted, (size_t)count, sizeof *sorted, compare);
    return count ? sorted[count / 2] : 0;
}
