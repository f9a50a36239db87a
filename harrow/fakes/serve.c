#include "harrow/fakes/serve.h"

#include "base/json_build.h"
#include "fakes/consumer/served.h"
#include "fakes/record/record.h"
#include "fakes/serve/behaviours.h"
#include "fakes/serve/call_file.h"
#include "fakes/serve/control.h"
#include "fakes/serve/look.h"
#include "fakes/serve/register.h"
#include "fakes/stub/stub.h"
#include "harrow/commands.h"
#include "harrow/fakes/annotations.h"
#include "harrow/fakes/contracts.h"
#include "harrow/run/run.h"
#include "world/real.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHOWN_UNUSED 20 /* stubs and calls listed in the summary */
#define SHOWN_MISSED 10

static struct {
    struct option_list stubs, redact, annotations;
    const char *host, *journal, *registry, *token, *domain, *advertise, *errors;
    int64_t port, http_port;
    uint64_t seed, journal_max;
    bool json, no_behaviour, timing;
    struct fakes_tls_files tls;
    struct option_list pact_headers;
    const char *pact, *consumer, *provider;
    bool pact_all, pact_grpc;
    const char *upstream, *out; /* `harrow fakes record`; NULL: serve */
} serve;

static const char *const error_words[] = {"plain", "micro", NULL};

/* Rows of both tables. */
#define STUBS_OPTION                                                                                                   \
    {                                                                                                                  \
        .name = "stubs", .kind = OPTION_LIST, .target = &serve.stubs, .argument = "FILE|FOLDER",                       \
        .help = "answers for calls that match (docs/stubs.md)"                                                         \
    }
#define LISTEN_OPTIONS                                                                                                 \
    {.name = "seed",                                                                                                   \
     .letter = 's',                                                                                                    \
     .kind = OPTION_SEED,                                                                                              \
     .target = &serve.seed,                                                                                            \
     .argument = "N",                                                                                                  \
     .env = "HARROW_SEED",                                                                                             \
     .help = "the number everything random comes from (default: drawn and printed)"},                                  \
        {.name = "host",                                                                                               \
         .kind = OPTION_TEXT,                                                                                          \
         .target = &serve.host,                                                                                        \
         .argument = "ADDRESS",                                                                                        \
         .fallback = "127.0.0.1",                                                                                      \
         .help = "the address to listen on"},                                                                          \
        {.name = "port",                                                                                               \
         .letter = 'p',                                                                                                \
         .kind = OPTION_INTEGER,                                                                                       \
         .target = &serve.port,                                                                                        \
         .argument = "N",                                                                                              \
         .fallback = "0",                                                                                              \
         .min = 0,                                                                                                     \
         .max = 65535,                                                                                                 \
         .help = "gRPC; 0: a free one, printed"},                                                                      \
        {.name = "http-port",                                                                                          \
         .kind = OPTION_INTEGER,                                                                                       \
         .target = &serve.http_port,                                                                                   \
         .argument = "N",                                                                                              \
         .fallback = "-1",                                                                                             \
         .min = -1,                                                                                                    \
         .max = 65535,                                                                                                 \
         .help = "JSON over HTTP as well; 0: a free one, printed; -1: none"},                                          \
        {.name = "register",                                                                                           \
         .kind = OPTION_TEXT,                                                                                          \
         .target = &serve.registry,                                                                                    \
         .argument = "HOST:PORT",                                                                                      \
         .help = "register the doubles at the runtime's registry there, so that calls reach them"},                    \
        {.name = "token",                                                                                              \
         .kind = OPTION_TEXT,                                                                                          \
         .target = &serve.token,                                                                                       \
         .argument = "TOKEN",                                                                                          \
         .env = "HARROW_TOKEN",                                                                                        \
         .help = "of an admin, for the registry"},                                                                     \
        {.name = "namespace",                                                                                          \
         .kind = OPTION_TEXT,                                                                                          \
         .target = &serve.domain,                                                                                      \
         .argument = "NAME",                                                                                           \
         .fallback = "micro",                                                                                          \
         .help = "the registry's domain"},                                                                             \
        {.name = "advertise",                                                                                          \
         .kind = OPTION_TEXT,                                                                                          \
         .target = &serve.advertise,                                                                                   \
         .argument = "HOST:PORT",                                                                                      \
         .help = "the address the registry is told (default: the one listened on)"},                                   \
        {.name = "journal",                                                                                            \
         .kind = OPTION_TEXT,                                                                                          \
         .target = &serve.journal,                                                                                     \
         .argument = "FILE",                                                                                           \
         .help = "append every call to it, one JSON object a line"},                                                   \
        {.name = "journal-max",                                                                                        \
         .kind = OPTION_SIZE,                                                                                          \
         .target = &serve.journal_max,                                                                                 \
         .argument = "SIZE",                                                                                           \
         .fallback = "64MiB",                                                                                          \
         .help = "of the calls kept in memory; the oldest go first, counts stay exact"},                               \
        {.name = "redact",                                                                                             \
         .kind = OPTION_LIST,                                                                                          \
         .target = &serve.redact,                                                                                      \
         .argument = "HEADER",                                                                                         \
         .help = "a header whose value no journal has, beside authorization, proxy-authorization, cookie"},            \
        FAKES_SERVER_TLS_OPTIONS(serve.tls),                                                                           \
    {                                                                                                                  \
        .name = "json", .kind = OPTION_FLAG, .target = &serve.json,                                                    \
        .help = "print JSON: where they are, and the summary"                                                          \
    }

const struct option fakes_serve_options[] = {
    FAKES_FROM_OPTIONS,
    STUBS_OPTION,
    FAKES_ANNOTATIONS_OPTION(&serve.annotations),
    {.name = "no-behaviour",
     .kind = OPTION_FLAG,
     .target = &serve.no_behaviour,
     .help = "what no stub answers is answered with an empty message"},
    {.name = "errors",
     .kind = OPTION_CHOICE,
     .target = &serve.errors,
     .fallback = "plain",
     .choices = error_words,
     .help = "errors of the behaviour: words, or Micro's JSON"},
    {.name = "pact",
     .kind = OPTION_TEXT,
     .target = &serve.pact,
     .argument = "FOLDER",
     .help = "write what was asked and answered by stubs as pacts at the end (docs/contracts.md)"},
    {.name = "consumer",
     .kind = OPTION_TEXT,
     .target = &serve.consumer,
     .argument = "NAME",
     .help = "whose pacts they are"},
    {.name = "provider",
     .kind = OPTION_TEXT,
     .target = &serve.provider,
     .argument = "NAME",
     .help = "whom they are with (default: the package of each service)"},
    {.name = "pact-all",
     .kind = OPTION_FLAG,
     .target = &serve.pact_all,
     .help = "pacts have calls that no stub answered as well"},
    {.name = "pact-grpc",
     .kind = OPTION_FLAG,
     .target = &serve.pact_grpc,
     .help = "calls that came by HTTP are in pacts as the gRPC calls they stand for"},
    {.name = "pact-header",
     .kind = OPTION_LIST,
     .target = &serve.pact_headers,
     .argument = "HEADER",
     .help = "a header of requests that pacts have"},
    LISTEN_OPTIONS,
    {0},
};

const struct option fakes_record_options[] = {
    FAKES_FROM_OPTIONS,
    {.name = "upstream",
     .letter = 'u',
     .kind = OPTION_TEXT,
     .target = &serve.upstream,
     .argument = "HOST:PORT",
     .help = "the real server, whose contracts are asked for by reflection unless they are given; grpcs://HOST:PORT "
             "with TLS"},
    {.name = "out",
     .letter = 'o',
     .kind = OPTION_TEXT,
     .target = &serve.out,
     .argument = "FILE",
     .fallback = "recorded.yaml",
     .help = "the stubs, written when it ends"},
    {.name = "timing",
     .kind = OPTION_FLAG,
     .target = &serve.timing,
     .help = "stubs take as long as the server did, reply by reply"},
    STUBS_OPTION,
    LISTEN_OPTIONS,
    {0},
};

struct session {
    struct world *world;
    struct fakes_contracts contracts;
    struct stub_set *stubs;
    struct behaviours *behaviours;
    struct served_pacts *pacts;
    struct fake_server *server;
    struct call_file *journal;
    struct registering *registering;
    struct recorder *recorder;
    struct tls_context *tls, *http_tls, *upstream_tls;
    struct fakes_annotations annotations;
    const char **redacted;
    bool stopped;
};

static int out_of_memory(struct error *err)
{
    return error_set(err, ERROR_MEMORY, "out of memory");
}

/* ---- starting --------------------------------------------------------------------------------------------------- */

/* The ones that are always secret, and those asked for. */
static int collect_redacted(struct session *s, struct error *err)
{
    static const char *const always[] = {"authorization", "cookie", "proxy-authorization"};
    size_t n = sizeof always / sizeof *always;
    s->redacted = calloc(n + serve.redact.count + 1, sizeof *s->redacted);
    if (s->redacted == NULL)
        return out_of_memory(err);
    memcpy(s->redacted, always, sizeof always);
    for (size_t i = 0; i < serve.redact.count; i++)
        s->redacted[n + i] = serve.redact.items[i];
    return 0;
}

static int load_stubs(struct session *s, struct error *err)
{
    int code = stub_set_new(s->contracts.pool, world_seed(s->world), &s->stubs, err);
    for (size_t i = 0; code == 0 && i < serve.stubs.count; i++) {
        int64_t added = stub_set_load(s->stubs, s->world, serve.stubs.items[i], err);
        code = added < 0 ? (int)added : 0;
    }
    if (code == 0 && fake_server_set_stubs(s->server, s->stubs) != 0)
        code = out_of_memory(err);
    return code;
}

static int load_behaviour(struct session *s, struct error *err)
{
    struct behave_options options = {.seed = world_seed(s->world),
                                     .errors = strcmp(serve.errors, "micro") == 0 ? BEHAVE_ERRORS_MICRO
                                                                                  : BEHAVE_ERRORS_PLAIN};
    if (serve.no_behaviour)
        return 0;
    int code = fakes_annotations_load(s->world, &s->contracts, &serve.annotations, &s->annotations, err);
    options.annotations = s->annotations.list.items;
    options.annotation_count = s->annotations.list.count;
    if (code != 0)
        return code;
    s->behaviours = behaviours_new(&options);
    if (s->behaviours == NULL)
        return out_of_memory(err);
    struct fake_responder r = behaviours_responder(s->behaviours);
    if (fake_server_respond(s->server, &r) != 0) {
        r.release(r.arg);
        return out_of_memory(err);
    }
    /* A mistake in the annotations is told now, not at the first call. */
    for (size_t i = 0; code == 0 && options.annotation_count > 0 && i < s->contracts.services.count; i++) {
        struct behave *unused;
        code = behaviours_of(s->behaviours, s->contracts.services.items[i], &unused, err);
    }
    return code;
}

static int load_recorder(struct session *s, struct error *err)
{
    bool tls;
    const char *upstream = fakes_address(serve.upstream, &tls);
    int code = fakes_client_tls(s->world, &fakes_from.tls, tls, &s->upstream_tls, err);
    if (code == 0)
        code = recorder_new(
            s->world, &(struct recorder_options){.upstream = upstream, .tls = s->upstream_tls, .timing = serve.timing},
            &s->recorder, err);
    if (code != 0)
        return code;
    struct fake_responder r = recorder_responder(s->recorder);
    return fake_server_respond(s->server, &r) == 0 ? 0 : out_of_memory(err);
}

static int write_recorded(struct session *s, struct error *err)
{
    struct text out = TEXT_INIT;
    int code = tape_write(recorder_tape(s->recorder), &out) != 0
                   ? out_of_memory(err)
                   : world_write_file(s->world, serve.out, text_bytes(&out), false, err);
    text_deinit(&out);
    if (code != 0)
        return code;
    if (!serve.json)
        printf("%llu calls passed on to %s, %zu stubs in %s\n", (unsigned long long)recorder_calls(s->recorder),
               serve.upstream, tape_count(recorder_tape(s->recorder)), serve.out);
    if (recorder_lost(s->recorder) > 0)
        fprintf(stderr, "harrow: %llu calls were not recorded: more than %zu MiB, or no memory\n",
                (unsigned long long)recorder_lost(s->recorder), TAPE_BYTES_MAX >> 20);
    return 0;
}

static int load_pacts(struct session *s, struct error *err)
{
    if (served_pacts_new(s->server, &s->pacts) != 0)
        return out_of_memory(err);
    if (serve.consumer == NULL)
        return 0;
    const char **headers = calloc(serve.pact_headers.count + 1, sizeof *headers);
    for (size_t i = 0; headers != NULL && i < serve.pact_headers.count; i++)
        headers[i] = serve.pact_headers.items[i];
    int code = headers == NULL
                   ? ERROR_MEMORY
                   : served_pacts_record(s->pacts, &(struct served_pacts_options){.consumer = serve.consumer,
                                                                                  .provider = serve.provider,
                                                                                  .all = serve.pact_all,
                                                                                  .as_grpc = serve.pact_grpc,
                                                                                  .headers = headers});
    free(headers);
    return code == 0 ? 0 : out_of_memory(err);
}

static int write_pacts(struct session *s, struct error *err)
{
    struct text told = TEXT_INIT;
    if (serve.pact == NULL)
        return 0;
    int code = served_pacts_write(s->pacts, serve.pact, &told, err);
    size_t passed_over = served_pacts_passed_over(s->pacts);
    if (!serve.json)
        fputs(text_string(&told), stdout);
    if (!serve.json && passed_over > 0)
        printf("%zu calls are in no pact: no stub answered them, or they had no end%s\n", passed_over,
               serve.pact_all ? "" : "; --pact-all takes the former as well");
    text_deinit(&told);
    return code;
}

static int listen_on(struct session *s, struct error *err)
{
    char address[300];
    (void)snprintf(address, sizeof address, "%s:%lld", serve.host, (long long)serve.port);
    int code = fake_server_listen(s->server, address, err);
    if (code != 0 || serve.http_port < 0)
        return code;
    (void)snprintf(address, sizeof address, "%s:%lld", serve.host, (long long)serve.http_port);
    return fake_server_listen_http(s->server, address, err);
}

static void registered(void *arg, const char *why)
{
    (void)arg;
    if (why != NULL)
        fprintf(stderr, "harrow: the registry at %s does not take the doubles yet: %s\n", serve.registry, why);
    else if (!serve.json)
        printf("registered at %s as services of %s\n", serve.registry, serve.domain);
    fflush(stdout);
}

static int register_at(struct session *s, struct error *err)
{
    char address[300];
    if (serve.registry == NULL)
        return 0;
    (void)snprintf(address, sizeof address, "%s:%d", serve.host, fake_server_port(s->server));
    return register_start(s->server,
                          &(struct register_options){.registry = serve.registry,
                                                     .advertised = serve.advertise != NULL ? serve.advertise : address,
                                                     .token = serve.token,
                                                     .domain = serve.domain,
                                                     .told = registered},
                          &s->registering, err);
}

static int start(struct session *s, struct error *err)
{
    int code = collect_redacted(s, err);
    if (code == 0)
        code = fakes_server_tls(s->world, &serve.tls, "h2", &s->tls, err);
    if (code == 0)
        code = fakes_server_tls(s->world, &serve.tls, "http/1.1", &s->http_tls, err);
    if (code == 0)
        code = fakes_contracts_load(s->world, &s->contracts, err);
    if (code == 0)
        code = fake_server_new(s->world,
                               &(struct fake_server_options){.pool = s->contracts.pool,
                                                             .journal_max = (size_t)serve.journal_max,
                                                             .redacted = s->redacted,
                                                             .tls = s->tls,
                                                             .http_tls = s->http_tls},
                               &s->server, err);
    for (size_t i = 0; code == 0 && i < s->contracts.services.count; i++)
        if (fake_server_add(s->server, s->contracts.services.items[i], NULL) != 0)
            code = out_of_memory(err);
    if (code == 0)
        code = load_stubs(s, err);
    if (code == 0)
        code = serve.upstream != NULL ? load_recorder(s, err) : load_behaviour(s, err);
    if (code == 0)
        code = load_pacts(s, err);
    if (code == 0)
        code = control_add(s->server, s->behaviours, s->pacts, err);
    if (code == 0 && serve.journal != NULL)
        code = call_file_new(s->server, serve.journal, &s->journal, err);
    if (code == 0)
        code = listen_on(s, err);
    return code == 0 ? register_at(s, err) : code;
}

static void print_start(const struct session *s)
{
    int http = fake_server_http_port(s->server);
    if (serve.json) {
        json_t *names = json_array();
        for (size_t i = 0; i < s->contracts.services.count; i++)
            json_build_add(&names, json_string(s->contracts.services.items[i]->full_name));
        char address[300], url[320] = "";
        (void)snprintf(address, sizeof address, "%s:%d", serve.host, fake_server_port(s->server));
        (void)snprintf(url, sizeof url, "http%s://%s:%d", s->http_tls != NULL ? "s" : "", serve.host, http);
        json_t *line = json_pack("{s:s, s:s*, s:I, s:o}", "grpc", address, "http", http > 0 ? url : NULL, "seed",
                                 (json_int_t)world_seed(s->world), "services", names);
        harrow_json_print(line, 0);
    } else {
        printf("doubles of %zu service%s, seed %llu\n", s->contracts.services.count,
               s->contracts.services.count == 1 ? "" : "s", (unsigned long long)world_seed(s->world));
        printf("  grpc  %s%s:%d\n", s->tls != NULL ? "grpcs://" : "", serve.host, fake_server_port(s->server));
        if (http > 0)
            printf("  http  http%s://%s:%d\n", s->http_tls != NULL ? "s" : "", serve.host, http);
        for (size_t i = 0; i < s->contracts.services.count; i++)
            printf("  %s, %zu methods\n", s->contracts.services.items[i]->full_name,
                   s->contracts.services.items[i]->method_count);
        for (size_t i = 0; i < s->annotations.list.count; i++)
            printf("  corrected by %s\n", s->annotations.list.items[i].name);
        if (stub_set_count(s->stubs) > 0)
            printf("  %zu stubs\n", stub_set_count(s->stubs));
        printf("Ctrl-C ends it\n");
    }
    fflush(stdout);
}

/* ---- ending ----------------------------------------------------------------------------------------------------- */

struct unused {
    size_t count;
    struct text *out;
};

static void on_unused(void *arg, const struct stub_info *stub)
{
    struct unused *u = arg;
    if (stub->added)
        return;
    if (u->count++ < SHOWN_UNUSED)
        text_printf(u->out, "    %s:%d %s\n", stub->file, stub->line, stub->name);
}

static void summary_text(const struct session *s)
{
    struct call_log *log = fake_server_journal(s->server);
    struct text out = TEXT_INIT, stubs = TEXT_INIT;
    struct unused unused = {.out = &stubs};
    size_t missed = look_missed(s->server, "");
    text_printf(&out, "%llu calls", (unsigned long long)call_log_total(log));
    if (call_log_dropped(log) > 0)
        text_printf(&out, ", %llu of them no longer in the journal", (unsigned long long)call_log_dropped(log));
    text_char(&out, '\n');
    look_counts_text(s->server, &out);
    stub_set_list(s->stubs, true, on_unused, &unused);
    if (unused.count > 0)
        text_printf(&out, "  %zu stubs never answered:\n%s", unused.count, text_string(&stubs));
    if (missed > 0) {
        text_printf(&out, "  %zu calls matched no stub:\n", missed);
        look_misses_text(s->server, SHOWN_MISSED, &out);
    }
    fputs(text_string(&out), stdout);
    text_deinit(&out);
    text_deinit(&stubs);
}

static void summary_json(const struct session *s)
{
    struct call_log *log = fake_server_journal(s->server);
    struct text ignored = TEXT_INIT;
    struct unused unused = {.out = &ignored};
    stub_set_list(s->stubs, true, on_unused, &unused);
    printf("{\"calls\":%llu,\"dropped\":%llu,\"missed\":%zu,\"unused_stubs\":%zu}\n",
           (unsigned long long)call_log_total(log), (unsigned long long)call_log_dropped(log),
           look_missed(s->server, ""), unused.count);
    text_deinit(&ignored);
}

static void stop(struct session *s)
{
    register_stop(s->registering);
    call_file_free(s->journal);
    served_pacts_free(s->pacts);
    fake_server_free(s->server);
    recorder_free(s->recorder);
    tls_context_free(s->tls);
    tls_context_free(s->http_tls);
    tls_context_free(s->upstream_tls);
    stub_set_free(s->stubs);
    fakes_contracts_deinit(&s->contracts);
    fakes_annotations_deinit(&s->annotations);
    free(s->redacted);
    world_real_free(s->world);
}

static void on_signal(void *arg, int signal)
{
    struct session *s = arg;
    (void)signal;
    s->stopped = true;
}

static bool is_stopped(void *arg)
{
    const struct session *s = arg;
    return s->stopped;
}

static int run(void)
{
    struct session s = {0};
    struct error err = ERROR_INIT;
    int code = world_real_new(serve.seed, &s.world, &err);
    if (code == 0) {
        world_on_signal(s.world, on_signal, &s);
        code = start(&s, &err);
    }
    if (code == 0) {
        print_start(&s);
        /* Being stopped is how this command ends well. */
        (void)world_run_until(s.world, is_stopped, &s, 0);
        if (serve.json)
            summary_json(&s);
        else
            summary_text(&s);
        code = write_pacts(&s, &err);
        if (code == 0 && s.recorder != NULL)
            code = write_recorded(&s, &err);
    }
    int exit_code = code == 0 ? HARROW_PASSED : harrow_error(&err, "fakes");
    if (s.world != NULL)
        stop(&s);
    error_clear(&err);
    return exit_code;
}

int fakes_serve_run(const struct arguments *args)
{
    (void)args;
    if (serve.pact != NULL && serve.consumer == NULL) {
        fputs("harrow: fakes serve: --consumer NAME says whose pacts are written to --pact\n", stderr);
        return HARROW_USAGE;
    }
    return run();
}

int fakes_record_run(const struct arguments *args)
{
    (void)args;
    if (serve.upstream == NULL) {
        fputs("harrow: fakes record: --upstream HOST:PORT says which server is recorded\n", stderr);
        return HARROW_USAGE;
    }
    if (fakes_from.protos.count == 0 && fakes_from.sets.count == 0 && fakes_from.reflect == NULL && !fakes_from.all)
        fakes_from.reflect = serve.upstream;
    serve.no_behaviour = true;
    return run();
}
