/* `harrow e2e record`: calls through this program become a flow. */
#include "harrow/commands.h"
#include "harrow/fakes/contracts.h"
#include "harrow/flows/record_session.h"
#include "harrow/run/run.h"
#include "world/real.h"

#include <stdio.h>
#include <string.h>

#define LEAVE ((uint64_t)50 * 1000000U) /* ns that answers have to get out at the end */

static struct {
    const char *out, *host, *name;
    int64_t port, count;
    bool json;
} asked;

static const struct option options[] = {
    {.name = "out",
     .letter = 'o',
     .kind = OPTION_TEXT,
     .target = &asked.out,
     .argument = "FILE",
     .fallback = "recorded.yaml",
     .help = "the flow, written when the recording ends"},
    {.name = "name",
     .kind = OPTION_TEXT,
     .target = &asked.name,
     .argument = "TEXT",
     .fallback = "recorded",
     .help = "what the flow is called"},
    {.name = "count",
     .letter = 'n',
     .kind = OPTION_INTEGER,
     .target = &asked.count,
     .argument = "N",
     .fallback = "0",
     .min = 0,
     .max = RECORD_CALLS_MAX,
     .help = "end after N calls; 0: at Ctrl-C"},
    {.name = "host",
     .kind = OPTION_TEXT,
     .target = &asked.host,
     .argument = "ADDRESS",
     .fallback = "127.0.0.1",
     .help = "the address to listen on"},
    {.name = "port",
     .letter = 'p',
     .kind = OPTION_INTEGER,
     .target = &asked.port,
     .argument = "N",
     .fallback = "0",
     .min = 0,
     .max = 65535,
     .help = "the port to listen on; 0: a free one, printed"},
    {.name = "json", .kind = OPTION_FLAG, .target = &asked.json, .help = "print JSON: where it is, and the summary"},
    FAKES_FROM_OPTIONS,
    {0},
};

struct listening {
    struct world *world;
    struct fakes_contracts contracts;
    struct tls_context *tls;
    struct record_session *session;
    size_t calls;
    bool stopped;
};

static void on_signal(void *arg, int signal)
{
    struct listening *r = arg;
    (void)signal;
    r->stopped = true;
}

static void on_call(void *arg, const char *what, const char *why)
{
    struct listening *r = arg;
    r->calls++;
    if (why != NULL)
        fprintf(stderr, "harrow: %s: not recorded: %s\n", what, why);
    else if (!asked.json)
        printf("  %s\n", what);
    fflush(stdout);
}

static bool is_over(void *arg)
{
    const struct listening *r = arg;
    return r->stopped || (asked.count > 0 && (int64_t)r->calls >= asked.count);
}

static void never(void *arg)
{
    *(bool *)arg = true;
}

static bool is_true(void *arg)
{
    return *(bool *)arg;
}

/* What was answered last is still on its way to the client. */
static void let_answers_leave(struct listening *r)
{
    bool over = false;
    struct world_timer timer;
    world_timer_init(&timer, r->world, never, &over);
    if (world_timer_start(&timer, LEAVE) == 0)
        (void)world_run_until(r->world, is_true, &over, 0);
}

static int start(struct listening *r, const char *upstream, struct error *err)
{
    bool tls, http = strstr(upstream, "http") == upstream && strstr(upstream, "://") != NULL;
    struct record_session_options o = {.upstream = upstream, .told = on_call, .arg = r};
    char address[300];
    int code;
    if (http) {
        tls = strncmp(upstream, "https://", 8) == 0;
    } else {
        o.upstream = fakes_address(upstream, &tls);
        if (fakes_from.protos.count == 0 && fakes_from.sets.count == 0 && fakes_from.reflect == NULL && !fakes_from.all)
            fakes_from.reflect = upstream;
        if ((code = fakes_contracts_load(r->world, &r->contracts, err)) != 0)
            return code;
        o.pool = r->contracts.pool;
        o.services = r->contracts.services.items;
        o.service_count = r->contracts.services.count;
    }
    code = fakes_client_tls(r->world, &fakes_from.tls, tls, &r->tls, err);
    o.tls = r->tls;
    if (code == 0)
        code = record_session_new(r->world, &o, &r->session, err);
    (void)snprintf(address, sizeof address, "%s:%lld", asked.host, (long long)asked.port);
    if (code == 0)
        code = record_session_listen(r->session, address, err);
    if (code != 0)
        return code;
    int port = record_session_port(r->session);
    if (asked.json)
        printf("{\"listens\":\"%s%s:%d\"}\n", http ? "http://" : "", asked.host, port);
    else
        printf("recording what goes to %s\n  %s%s:%d\nCtrl-C ends it\n", upstream, http ? "http://" : "grpc  ",
               asked.host, port);
    fflush(stdout);
    return 0;
}

static int finish(struct listening *r, struct error *err)
{
    struct recording *record = record_session_record(r->session);
    struct text out = TEXT_INIT, needs = TEXT_INIT;
    int code =
        recording_count(record) > 0
            ? recording_write(record, asked.name, &out, &needs, err)
            : error_set(err, ERROR_NOT_FOUND, "no call came that could be recorded: %s is not written", asked.out);
    if (code == 0)
        code = world_write_file(r->world, asked.out, text_bytes(&out), false, err);
    if (code == 0 && asked.json)
        printf("{\"calls\":%zu,\"left_out\":%zu,\"file\":\"%s\"}\n", recording_count(record),
               record_session_left_out(r->session), asked.out);
    else if (code == 0)
        printf("%zu calls in %s\n", recording_count(record), asked.out);
    if (code == 0 && needs.len > 0)
        fprintf(asked.json ? stderr : stdout, "it takes from the environment\n%s", text_string(&needs));
    text_deinit(&out);
    text_deinit(&needs);
    return code;
}

static int run(const struct arguments *args)
{
    struct listening r = {0};
    struct error err = ERROR_INIT;
    int code = world_real_new(1, &r.world, &err);
    if (code == 0) {
        world_on_signal(r.world, on_signal, &r);
        code = start(&r, args->argv[0], &err);
    }
    if (code == 0) {
        (void)world_run_until(r.world, is_over, &r, 0);
        let_answers_leave(&r);
        code = finish(&r, &err);
    }
    int exit_code = code == 0 ? HARROW_PASSED : harrow_error(&err, "e2e record");
    record_session_free(r.session);
    tls_context_free(r.tls);
    fakes_contracts_deinit(&r.contracts);
    if (r.world != NULL)
        world_real_free(r.world);
    error_clear(&err);
    return exit_code;
}

const struct command command_e2e_record = {
    .name = "record",
    .summary = "turn calls into a flow",
    .positional = "UPSTREAM",
    .positional_min = 1,
    .positional_max = 1,
    .description = "Listens before the server UPSTREAM, HOST:PORT for gRPC or http://HOST:PORT, passes every call on,\n"
                   "and writes a flow of them when it ends. Values that came back and were sent again are captured,\n"
                   "what is another one each time is expected by its form, secrets are taken from the environment.",
    .examples = "  harrow e2e record http://127.0.0.1:8080 --port 8081 --out flow.yaml\n"
                "  harrow e2e record 127.0.0.1:9090 --port 9091 --count 5 --name 'a note made and read'\n"
                "  harrow e2e 127.0.0.1:9090 recorded.yaml\n",
    .options = options,
    .run = run,
};
