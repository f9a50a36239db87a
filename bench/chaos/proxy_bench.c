/* What a link costs: bytes echoed by a server in a process of its own, reached directly, through a link of ours in
 * another process of its own, and through Toxiproxy when the path of its server is given. Each measure is taken turn
 * about, so that a busy machine hurts all alike, and the middle one counts.
 *
 *     proxy_bench [--rival PATH] [--runs N]
 *
 * Latency: one message of 100 bytes there and back, one at a time. Messages a second: 64 under way on one connection.
 * Bytes a second: 64 KiB at a time, eight under way. CPU: of the process in the middle, for each message or MiB. */
#include "base/options.h"
#include "base/units.h"
#include "chaos/proxy/proxy.h"
#include "world/foreign.h"
#include "world/real.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RUNS_MAX 25
#define SLICE    ((uint64_t)(300 * MILLISECOND)) /* of one measure */

enum way { DIRECT, OURS, RIVAL, WAYS };
static const char *const way_names[WAYS] = {"direct", "link", "toxiproxy"};

/* ---- the processes at the other end and in the middle ---- */

static struct world *world;

static _Noreturn void fail(const char *what, const struct error *err)
{
    fprintf(stderr, "proxy_bench: %s%s%s\n", what, err != NULL && err->message[0] ? ": " : "",
            err != NULL ? err->message : "");
    exit(1);
}

static void echo_readable(void *arg, struct bytes data)
{
    struct world_stream **s = arg;
    if (world_stream_write(*s, data) != 0)
        world_stream_pause(*s);
    else if (world_stream_queued(*s) > WORLD_WRITE_HIGH)
        world_stream_pause(*s);
}

static void echo_drained(void *arg)
{
    world_stream_resume(*(struct world_stream **)arg);
}

static void echo_ended(void *arg, int reason)
{
    struct world_stream **s = arg;
    (void)reason;
    world_stream_close(*s);
    free(s);
}

static void echo_accept(void *arg, struct world_stream *stream)
{
    static const struct world_stream_events events = {
        .readable = echo_readable, .drained = echo_drained, .ended = echo_ended};
    struct world_stream **s = malloc(sizeof *s);
    (void)arg;
    if (s == NULL) {
        world_stream_close(stream);
        return;
    }
    *s = stream;
    world_stream_accept(stream, &events, s);
}

static void say_address(const char *address)
{
    printf("%s\n", address);
    fflush(stdout);
}

static int be_server(void)
{
    struct world_listener *l;
    struct error err = ERROR_INIT;
    if (world_listen(world, "127.0.0.1:0", echo_accept, NULL, &l, &err) != 0)
        fail("listen", &err);
    say_address(world_listener_address(l));
    return world_run(world);
}

static int be_link(const char *to)
{
    struct proxy *p = proxy_new(world);
    struct proxy_link *l;
    struct error err = ERROR_INIT;
    if (p == NULL || proxy_add(p, PROXY_CLIENT, "server", to, "127.0.0.1:0", &l, &err) != 0)
        fail("link", &err);
    say_address(proxy_link_address(l));
    return world_run(world);
}

/* ---- starting them ---- */

struct part {
    struct world_process *process;
    char address[64];
    bool here, gone;
};

static void part_says(void *arg, int fd, struct bytes line)
{
    struct part *p = arg;
    if (fd != 1 || p->here)
        return;
    snprintf(p->address, sizeof p->address, "%.*s", (int)line.len, (const char *)line.data);
    p->here = true;
}

static void part_ended(void *arg, struct world_exit status)
{
    (void)status;
    ((struct part *)arg)->gone = true;
}

static bool part_here(void *arg)
{
    const struct part *p = arg;
    return p->here || p->gone;
}

static void start(struct part *p, const char *const *argv)
{
    static const struct world_process_events events = {.output = part_says, .exited = part_ended};
    struct error err = ERROR_INIT;
    const struct world_spawn spawn = {.name = argv[0], .argv = argv};
    if (world_process_spawn(world, &spawn, &events, p, &p->process, &err) != 0)
        fail(argv[0], &err);
}

static void start_own(struct part *p, const char *role, const char *to)
{
    const char *const argv[] = {"/proc/self/exe", role, to, NULL};
    start(p, argv);
    if (world_run_until(world, part_here, p, (uint64_t)(5 * SECOND)) != 0 || p->gone)
        fail(role, NULL);
}

static void reserve_accept(void *arg, struct world_stream *s)
{
    (void)arg;
    world_stream_close(s);
}

/* Toxiproxy takes its proxies from a file; both its ports are free ones of a moment ago. */
static void start_rival(struct part *p, const char *program, const char *to)
{
    static char config[64], path[64], api[16];
    struct world_listener *a = NULL, *b = NULL;
    struct error err = ERROR_INIT;
    struct text text = TEXT_INIT;
    if (world_listen(world, "127.0.0.1:0", reserve_accept, NULL, &a, &err) != 0 ||
        world_listen(world, "127.0.0.1:0", reserve_accept, NULL, &b, &err) != 0)
        fail("listen", &err);
    snprintf(p->address, sizeof p->address, "%s", world_listener_address(a));
    snprintf(api, sizeof api, "%d", world_listener_port(b));
    world_listener_close(a);
    world_listener_close(b);
    snprintf(path, sizeof path, "/tmp/proxy_bench.%lld.json", (long long)world_wall(world));
    snprintf(config, sizeof config, "%s", path);
    text_printf(&text, "[{\"name\":\"x\",\"listen\":\"%s\",\"upstream\":\"%s\",\"enabled\":true}]", p->address, to);
    if (world_write_file(world, path, text_bytes(&text), true, &err) != 0)
        fail(path, &err);
    text_deinit(&text);
    const char *const argv[] = {program, "-port", api, "-config", config, NULL};
    p->here = true;
    start(p, argv);
    (void)world_sleep(world, (uint64_t)SECOND);
    world_remove(world, path);
    if (p->gone)
        fail("the rival ended", NULL);
}

/* ---- one measure ---- */

struct load {
    struct world_stream *stream;
    char *message;
    size_t size, at;
    uint64_t answered, limit_at;
    bool over;
};

static void load_readable(void *arg, struct bytes data)
{
    struct load *l = arg;
    l->at += data.len;
    while (l->at >= l->size) {
        l->at -= l->size;
        l->answered++;
        if (world_now(world) >= l->limit_at) {
            l->over = true;
            return;
        }
        if (world_stream_write(l->stream, BYTES(l->message, l->size)) != 0)
            fail("write", NULL);
    }
}

static void load_ended(void *arg, int reason)
{
    (void)arg;
    fprintf(stderr, "proxy_bench: the connection ended: %s\n", error_code_name(reason));
    exit(1);
}

static bool load_over(void *arg)
{
    return ((const struct load *)arg)->over;
}

struct measure {
    double each_ns; /* of wall time, per message */
    double cpu_ns;  /* of the part in the middle, per message */
};

static struct measure run(const char *address, const struct part *middle, size_t size, int under_way)
{
    static const struct world_stream_events events = {.readable = load_readable, .ended = load_ended};
    struct load l = {.size = size, .message = calloc(1, size)};
    struct error err = ERROR_INIT;
    uint64_t cpu[2] = {0, 0}, resident;
    if (l.message == NULL || world_connect(world, address, &events, &l, &l.stream, &err) != 0)
        fail(address, &err);
    if (middle != NULL)
        (void)world_process_usage(middle->process, &resident, &cpu[0]);
    uint64_t since = world_now(world);
    l.limit_at = since + SLICE;
    for (int i = 0; i < under_way; i++)
        if (world_stream_write(l.stream, BYTES(l.message, size)) != 0)
            fail("write", NULL);
    if (world_run_until(world, load_over, &l, (uint64_t)(20 * SECOND)) != 0)
        fail("no answers", NULL);
    double took = (double)(world_now(world) - since);
    if (middle != NULL)
        (void)world_process_usage(middle->process, &resident, &cpu[1]);
    world_stream_abort(l.stream);
    free(l.message);
    return (struct measure){took / (double)l.answered, (double)(cpu[1] - cpu[0]) / (double)l.answered};
}

static int by_value(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

static double middle_of(double *values, int count)
{
    qsort(values, (size_t)count, sizeof *values, by_value);
    return values[count / 2];
}

static void measure_all(const char *what, size_t size, int under_way, struct part *parts, bool rival, int runs)
{
    double each[WAYS][RUNS_MAX], cpu[WAYS][RUNS_MAX];
    int ways = rival ? WAYS : RIVAL;
    for (int i = 0; i < runs; i++)
        for (int way = 0; way < ways; way++) {
            struct measure m = run(parts[way].address, way == DIRECT ? NULL : &parts[way], size, under_way);
            each[way][i] = m.each_ns;
            cpu[way][i] = m.cpu_ns;
        }
    double direct = middle_of(each[DIRECT], runs), ours = 0, ours_cpu = 0;
    printf("%s\n", what);
    for (int way = 0; way < ways; way++) {
        double ns = middle_of(each[way], runs), cpu_ns = middle_of(cpu[way], runs);
        printf("  %-10s %9.1f us each  %10.0f/s  %8.1f MiB/s  %6.2fx direct", way_names[way], ns / 1000, 1e9 / ns,
               (double)size / ns * 1e9 / (1 << 20), ns / direct);
        if (way != DIRECT)
            printf("  cpu %7.1f us", cpu_ns / 1000);
        if (way == OURS) {
            ours = ns;
            ours_cpu = cpu_ns;
        }
        if (way == RIVAL)
            printf("  link: %.2fx as fast, %.2fx its cpu, added %.1f us against %.1f us", ns / ours, ours_cpu / cpu_ns,
                   (ours - direct) / 1000, (ns - direct) / 1000);
        printf("\n");
    }
}

static const char *rival;
static int64_t runs;

static int run_bench(const struct arguments *args)
{
    (void)args;
    struct part parts[WAYS] = {0};
    start_own(&parts[DIRECT], "server", NULL);
    start_own(&parts[OURS], "link", parts[DIRECT].address);
    if (rival != NULL)
        start_rival(&parts[RIVAL], rival, parts[DIRECT].address);
    measure_all("latency: 100 bytes, one at a time", 100, 1, parts, rival != NULL, (int)runs);
    measure_all("messages: 100 bytes, 64 under way", 100, 64, parts, rival != NULL, (int)runs);
    measure_all("throughput: 64 KiB, 8 under way", 65536, 8, parts, rival != NULL, (int)runs);
    for (int way = 0; way < WAYS; way++)
        world_process_close(parts[way].process);
    return 0;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {.name = "rival", .kind = OPTION_TEXT, .target = &rival, .argument = "PATH", .help = "Toxiproxy's server"},
        {.name = "runs",
         .kind = OPTION_INTEGER,
         .target = &runs,
         .argument = "N",
         .help = "of which the middle one is told",
         .fallback = "9",
         .min = 1,
         .max = RUNS_MAX},
        {.name = NULL},
    };
    static const struct command root = {
        .name = "proxy_bench",
        .summary = "what a link costs: latency, messages and bytes a second, processor time",
        .options = options,
        .run = run_bench,
    };
    struct error err = ERROR_INIT;
    if (world_real_new(1, &world, &err) != 0)
        fail("world", &err);
    if (argc == 2 && strcmp(argv[1], "server") == 0)
        return be_server();
    if (argc == 3 && strcmp(argv[1], "link") == 0)
        return be_link(argv[2]);
    int code = command_main(&root, argc, argv, NULL);
    world_real_free(world);
    return code;
}
