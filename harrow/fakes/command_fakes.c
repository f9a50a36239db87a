/* `harrow fakes`: doubles of services, served, explained, checked and looked at. */
#include "base/json_build.h"
#include "base/json_text.h"
#include "base/units.h"
#include "doubles/doubles.pb-c.h"
#include "fakes/serve/behaviours.h"
#include "fakes/stub/stub.h"
#include "harrow/commands.h"
#include "harrow/fakes/annotations.h"
#include "harrow/fakes/contracts.h"
#include "harrow/fakes/serve.h"
#include "harrow/run/run.h"
#include "rpc/rpc.h"
#include "world/real.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE 1000 /* calls asked for at a time */

static bool json;
static struct option_list annotations;
static uint64_t seed;

/* A world and the contracts, for commands that only look. */
struct looking {
    struct world *world;
    struct fakes_contracts contracts;
    struct error err;
};

static int look(struct looking *l)
{
    *l = (struct looking){.err = ERROR_INIT};
    int code = world_real_new(seed, &l->world, &l->err);
    return code == 0 ? fakes_contracts_load(l->world, &l->contracts, &l->err) : code;
}

static int look_end(struct looking *l, int code)
{
    int exit_code = code == 0 ? HARROW_PASSED : harrow_error(&l->err, "fakes");
    fakes_contracts_deinit(&l->contracts);
    if (l->world != NULL)
        world_real_free(l->world);
    error_clear(&l->err);
    return exit_code;
}

/* ---- list ------------------------------------------------------------------------------------------------------- */

static const char *kind_of(const struct pb_method *m)
{
    if (m->client_streaming && m->server_streaming)
        return "both ways";
    return m->client_streaming ? "stream in" : m->server_streaming ? "stream out" : "";
}

static int list_run(const struct arguments *args)
{
    struct looking l;
    (void)args;
    int code = look(&l);
    json_t *all = json_array();
    for (size_t i = 0; code == 0 && i < l.contracts.services.count; i++) {
        const struct pb_service *s = l.contracts.services.items[i];
        json_t *methods = json_array();
        if (!json)
            printf("%s\n", s->full_name);
        for (size_t k = 0; k < s->method_count; k++) {
            const struct pb_method *m = &s->methods[k];
            if (!json)
                printf("  %-24s %s -> %s%s%s\n", m->name, m->input->full_name, m->output->full_name,
                       kind_of(m)[0] != '\0' ? "  " : "", kind_of(m));
            json_build_add(&methods, json_pack("{s:s, s:s, s:s, s:b, s:b}", "name", m->name, "input",
                                               m->input->full_name, "output", m->output->full_name, "client_streaming",
                                               (int)m->client_streaming, "server_streaming", (int)m->server_streaming));
        }
        json_build_add(&all, json_pack("{s:s, s:s, s:o}", "name", s->full_name, "file", s->file, "methods", methods));
    }
    if (json && code == 0)
        harrow_json_print(json_incref(all), 2);
    json_decref(all);
    return look_end(&l, code);
}

static const struct option list_options[] = {
    FAKES_FROM_OPTIONS,
    {.name = "json", .kind = OPTION_FLAG, .target = &json, .help = "print everything as one JSON array"},
    {0},
};

/* ---- explain ---------------------------------------------------------------------------------------------------- */

static int explain_one(struct behaviours *b, const struct pb_service *service, struct error *err)
{
    struct behave *behave = NULL;
    struct text out = TEXT_INIT;
    int code = behaviours_of(b, service, &behave, err);
    if (code == 0)
        code = behave_explain(behave, json ? BEHAVE_JSON : BEHAVE_TEXT, &out);
    if (code == 0)
        puts(text_string(&out));
    else if (err->code == 0)
        error_set(err, code, "%s", error_code_name(code));
    text_deinit(&out);
    return code;
}

static int explain_run(const struct arguments *args)
{
    struct looking l;
    struct fakes_annotations corrections = {.arena = ARENA_INIT};
    /* The positional names are services asked for. */
    struct option_list named = {.items = calloc((size_t)args->argc + 1, sizeof *named.items)};
    for (int i = 0; named.items != NULL && i < args->argc; i++)
        named.items[named.count++] = args->argv[i];
    if (named.count > 0)
        fakes_from.services = named;
    int code = look(&l);
    if (code == 0)
        code = fakes_annotations_load(l.world, &l.contracts, &annotations, &corrections, &l.err);
    for (size_t i = 0; code == 0 && !json && i < corrections.list.count; i++)
        printf("corrected by %s\n", corrections.list.items[i].name);
    struct behaviours *b = NULL;
    if (code == 0) {
        b = behaviours_new(&(struct behave_options){.seed = world_seed(l.world),
                                                    .annotations = corrections.list.items,
                                                    .annotation_count = corrections.list.count});
        code = b != NULL ? 0 : error_set(&l.err, ERROR_MEMORY, "out of memory");
    }
    for (size_t i = 0; code == 0 && i < l.contracts.services.count; i++)
        code = explain_one(b, l.contracts.services.items[i], &l.err);
    if (b != NULL) {
        struct fake_responder r = behaviours_responder(b);
        r.release(r.arg);
    }
    fakes_annotations_deinit(&corrections);
    free(named.items);
    return look_end(&l, code);
}

static const struct option explain_options[] = {
    FAKES_FROM_OPTIONS,
    FAKES_ANNOTATIONS_OPTION(&annotations),
    {.name = "json", .kind = OPTION_FLAG, .target = &json, .help = "print JSON, one object a service"},
    {0},
};

/* ---- check ------------------------------------------------------------------------------------------------------ */

static void check_one(void *arg, const struct stub_info *stub)
{
    json_build_add(arg, json_pack("{s:s, s:s, s:i, s:s}", "method", stub->method->path + 1, "file", stub->file, "line",
                                  stub->line, "name", stub->name));
}

static int check_run(const struct arguments *args)
{
    struct looking l;
    struct stub_set *set = NULL;
    int64_t total = 0;
    int code = look(&l);
    if (code == 0)
        code = stub_set_new(l.contracts.pool, world_seed(l.world), &set, &l.err);
    for (int i = 0; code == 0 && i < args->argc; i++) {
        int64_t added = stub_set_load(set, l.world, args->argv[i], &l.err);
        code = added < 0 ? (int)added : 0;
        total += added < 0 ? 0 : added;
    }
    if (code == 0 && json) {
        json_t *all = json_array();
        stub_set_list(set, false, check_one, &all);
        harrow_json_print(all, 2);
    } else if (code == 0) {
        printf("%lld stubs, nothing wrong with them\n", (long long)total);
    }
    stub_set_free(set);
    int exit_code = look_end(&l, code);
    return exit_code == HARROW_ENVIRONMENT && code == ERROR_NOT_FOUND ? HARROW_INPUT : exit_code;
}

static const struct option check_options[] = {
    FAKES_FROM_OPTIONS,
    {.name = "json", .kind = OPTION_FLAG, .target = &json, .help = "print every stub as one JSON array"},
    {0},
};

/* ---- journal ---------------------------------------------------------------------------------------------------- */

static const char *journal_method, *journal_session;
static bool journal_follow, journal_missed;

static void print_call_json(const Doubles__Call *c)
{
    json_t *metadata = json_object(), *requests = json_array(), *replies = json_array();
    for (size_t i = 0; i < c->n_metadata; i++)
        json_build_set(&metadata, c->metadata[i]->name, json_text_string(c->metadata[i]->value));
    for (size_t i = 0; i < c->n_requests; i++)
        json_build_add(&requests, json_loads(c->requests[i], JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL));
    for (size_t i = 0; i < c->n_replies; i++)
        json_build_add(&replies, json_loads(c->replies[i], JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL));
    json_t *line = json_pack("{s:I, s:I, s:I, s:s, s:s, s:s, s:o, s:o, s:o, s:s, s:s, s:s, s:b, s:b}", "sequence",
                             (json_int_t)c->sequence, "time", (json_int_t)c->time, "duration", (json_int_t)c->duration,
                             "method", c->method, "caller", c->caller, "session", c->session, "metadata", metadata,
                             "requests", requests, "replies", replies, "status", c->status, "message", c->message, "by",
                             c->by, "missed", (int)c->missed, "open", (int)c->open);
    harrow_json_print(line, 0);
}

static void print_call(const Doubles__Call *c)
{
    if (json) {
        print_call_json(c);
        return;
    }
    char when[40], took[40];
    units_format_time(c->time, when, sizeof when);
    units_format_duration(c->duration, took, sizeof took);
    printf("#%" PRId64 " %s %s%s%s", c->sequence, when, c->method, c->session[0] != '\0' ? " session " : "",
           c->session);
    for (size_t i = 0; i < c->n_requests; i++)
        printf(" %s", c->requests[i]);
    printf(" -> %s%s%s",
           c->open                ? "still open"
           : c->status[0] != '\0' ? c->status
                                  : "no answer",
           c->message[0] != '\0' ? " " : "", c->message);
    for (size_t i = 0; i < c->n_replies; i++)
        printf(" %s", c->replies[i]);
    printf(" (%s, %s%s)\n", c->by[0] != '\0' ? c->by : "nobody", took, c->missed ? ", no stub matched" : "");
}

struct reading {
    struct world *world;
    struct rpc_channel *channel;
    struct error err;
    bool finished, stopped;
    int status;
};

/* The answer's message in the arena; NULL, and the error says why. */
static ProtobufCMessage *ask(struct reading *r, const char *method, const ProtobufCMessage *request,
                             const ProtobufCMessageDescriptor *type, struct arena *arena)
{
    struct text wire = TEXT_INIT;
    struct rpc_answer answer;
    ProtobufCMessage *out = NULL;
    char path[100];
    (void)snprintf(path, sizeof path, "/doubles.Doubles/%s", method);
    if (pb_pack(request, &wire) != 0 || !text_ok(&wire)) {
        error_set(&r->err, ERROR_MEMORY, "out of memory");
        text_deinit(&wire);
        return NULL;
    }
    struct rpc_request call = {
        .path = path, .timeout = (uint64_t)(10 * SECOND), .message = text_bytes(&wire), .has_message = true};
    if (rpc_unary_wait(r->world, r->channel, &call, &answer, &r->err) == 0) {
        if (answer.reply.status != GRPC_OK)
            error_set(&r->err, answer.reply.status == GRPC_INVALID_ARGUMENT ? ERROR_INVALID : ERROR_CLOSED, "%s: %.*s",
                      grpc_status_name(answer.reply.status), (int)answer.reply.message.len,
                      answer.reply.message.data != NULL ? (const char *)answer.reply.message.data : "");
        else
            (void)pb_unpack(type, answer.reply.body, arena, &out, &r->err);
        rpc_answer_deinit(&answer);
    }
    text_deinit(&wire);
    return out;
}

static char *text_of(const char *given)
{
    static char none[1] = "";
    union {
        const char *in;
        char *out;
    } same = {.in = given};
    return given != NULL ? same.out : none;
}

static int print_pages(struct reading *r)
{
    Doubles__JournalRequest request;
    bool more = true;
    doubles__journal_request__init(&request);
    request.method = text_of(journal_method);
    request.session = text_of(journal_session);
    request.limit = PAGE;
    while (more) {
        struct arena arena = ARENA_INIT;
        ProtobufCMessage *m = ask(r, "Journal", &request.base, &doubles__journal_response__descriptor, &arena);
        const Doubles__JournalResponse *page = (const void *)m;
        more = page != NULL && page->more && page->n_calls > 0;
        for (size_t i = 0; page != NULL && i < page->n_calls; i++)
            print_call(page->calls[i]);
        if (page != NULL && !more && page->dropped > 0 && !json)
            printf("%" PRIu64 " older calls are no longer in the journal\n", page->dropped);
        if (more)
            request.from = page->calls[page->n_calls - 1]->sequence + 1;
        arena_deinit(&arena);
    }
    return r->err.code;
}

static int print_misses(struct reading *r)
{
    struct arena arena = ARENA_INIT;
    Doubles__UnmatchedRequest request;
    doubles__unmatched_request__init(&request);
    request.session = text_of(journal_session);
    request.limit = 100;
    ProtobufCMessage *m = ask(r, "Unmatched", &request.base, &doubles__unmatched_response__descriptor, &arena);
    const Doubles__UnmatchedResponse *misses = (const void *)m;
    for (size_t i = 0; misses != NULL && i < misses->n_misses; i++) {
        print_call(misses->misses[i]->call);
        puts(json ? misses->misses[i]->json : misses->misses[i]->nearest);
    }
    if (misses != NULL && misses->total > (int64_t)misses->n_misses && !json)
        printf("and %" PRId64 " older ones\n", misses->total - (int64_t)misses->n_misses);
    arena_deinit(&arena);
    return r->err.code;
}

static void on_message(void *arg, struct bytes message)
{
    struct arena arena = ARENA_INIT;
    ProtobufCMessage *m;
    (void)arg;
    if (pb_unpack(&doubles__follow_response__descriptor, message, &arena, &m, NULL) == 0) {
        const Doubles__FollowResponse *f = (const void *)m;
        if (f->missed > 0)
            fprintf(stderr, "harrow: %" PRIu64 " calls came too fast to be shown\n", f->missed);
        if (f->call != NULL)
            print_call(f->call);
        fflush(stdout);
    }
    arena_deinit(&arena);
}

static void on_finished(void *arg, const struct rpc_reply *reply)
{
    struct reading *r = arg;
    r->finished = true;
    if (reply->status != GRPC_OK && !r->stopped)
        error_set(&r->err, ERROR_CLOSED, "%s: %.*s", grpc_status_name(reply->status), (int)reply->message.len,
                  reply->message.data != NULL ? (const char *)reply->message.data : "");
}

static bool over(void *arg)
{
    const struct reading *r = arg;
    return r->finished || r->stopped;
}

static void on_signal(void *arg, int signal)
{
    struct reading *r = arg;
    (void)signal;
    r->stopped = true;
}

static int follow_calls(struct reading *r)
{
    static const struct rpc_stream_events events = {.message = on_message, .finished = on_finished};
    struct text wire = TEXT_INIT;
    struct rpc_stream *stream;
    Doubles__FollowRequest request;
    doubles__follow_request__init(&request);
    request.method = text_of(journal_method);
    request.session = text_of(journal_session);
    int code = pb_pack(&request.base, &wire);
    world_on_signal(r->world, on_signal, r);
    if (code == 0)
        code = rpc_stream_open(
            r->channel,
            &(struct rpc_request){.path = "/doubles.Doubles/Follow", .message = text_bytes(&wire), .has_message = true},
            &events, r, &stream, &r->err);
    if (code == 0)
        (void)world_run_until(r->world, over, r, 0);
    text_deinit(&wire);
    return code != 0 ? code : r->err.code;
}

static int journal_run(const struct arguments *args)
{
    struct reading r = {.err = ERROR_INIT};
    int code = world_real_new(0, &r.world, &r.err);
    if (code == 0)
        code = rpc_channel_new(r.world, &(struct rpc_channel_options){.addresses = args->argv[0]}, &r.channel, &r.err);
    if (code == 0)
        code = journal_missed ? print_misses(&r) : journal_follow ? follow_calls(&r) : print_pages(&r);
    int exit_code = code == 0 ? HARROW_PASSED : harrow_error(&r.err, args->argv[0]);
    rpc_channel_free(r.channel);
    if (r.world != NULL)
        world_real_free(r.world);
    error_clear(&r.err);
    return exit_code;
}

static const struct option journal_options[] = {
    {.name = "method",
     .kind = OPTION_TEXT,
     .target = &journal_method,
     .argument = "NAME",
     .help = "only calls of store.Store/Read, or of Read when one service has it"},
    {.name = "session",
     .kind = OPTION_TEXT,
     .target = &journal_session,
     .argument = "NAME",
     .help = "only calls with this header double-session"},
    {.name = "follow",
     .letter = 'f',
     .kind = OPTION_FLAG,
     .target = &journal_follow,
     .help = "calls as they end, until Ctrl-C"},
    {.name = "unmatched",
     .kind = OPTION_FLAG,
     .target = &journal_missed,
     .help = "the newest calls that no stub matched, each with the stubs that came nearest"},
    {.name = "json", .kind = OPTION_FLAG, .target = &json, .help = "print one JSON object a call"},
    {0},
};

/* ---- the table -------------------------------------------------------------------------------------------------- */

static const struct command children[] = {
    {.name = "serve",
     .summary = "serve doubles of services until Ctrl-C",
     .description =
         "Every service of the contracts is served on one port by gRPC, with reflection and health, and on\n"
         "another by JSON over HTTP when asked for. A call is answered by the first stub that matches it; then\n"
         "by what the contract says the service does (entities are kept, tokens issued and checked, streams\n"
         "deliver); then by values that fit the schema, drawn from the seed. All of it can be looked at and told\n"
         "more while it runs, by the service doubles.Doubles on the same ports.",
     .examples = "  harrow fakes serve --all --http-port 8080\n"
                 "  harrow fakes serve --service store.Store --stubs stubs/\n"
                 "  harrow fakes serve --proto shop.proto --seed 42 --journal calls.jsonl\n"
                 "  harrow fakes serve --proto api/ -I api/ -I third_party/ --service shop.Shop\n"
                 "  harrow fakes serve --reflect 127.0.0.1:9090\n"
                 "  harrow fakes serve --service payment --register 127.0.0.1:8000 --token $TOKEN\n"
                 "  curl -d '{\"title\": \"milk\"}' http://127.0.0.1:8080/notes/create\n",
     .options = fakes_serve_options,
     .run = fakes_serve_run},
    {.name = "record",
     .summary = "pass calls on to a real server, and write stubs that answer as it did",
     .description =
         "A double that answers with its stubs, if there are any, and else asks the real server: calls of all\n"
         "four kinds, as the bytes they are. At Ctrl-C every call and its answer is written as a stub; with\n"
         "`harrow fakes serve --stubs` they are said again.",
     .examples = "  harrow fakes record --upstream 127.0.0.1:9090 --port 9091 --out stubs.yaml\n"
                 "  harrow fakes serve --reflect 127.0.0.1:9090 --stubs stubs.yaml\n",
     .options = fakes_record_options,
     .run = fakes_record_run},
    {.name = "list",
     .summary = "the services and methods of the contracts",
     .examples = "  harrow fakes list\n"
                 "  harrow fakes list --proto shop.proto --json\n",
     .options = list_options,
     .run = list_run},
    {.name = "explain",
     .summary = "what a double does that nobody programmed, and why",
     .positional = "SERVICE...",
     .positional_min = 0,
     .positional_max = -1,
     .examples = "  harrow fakes explain store.Store\n"
                 "  harrow fakes explain --proto shop.proto --annotations more.yaml\n",
     .options = explain_options,
     .run = explain_run},
    {.name = "check",
     .summary = "check files of stubs against the contracts",
     .positional = "FILE|FOLDER...",
     .positional_min = 1,
     .positional_max = -1,
     .examples = "  harrow fakes check stubs/\n"
                 "  harrow fakes check --proto shop.proto shop.stubs.yaml\n",
     .options = check_options,
     .run = check_run},
    {.name = "journal",
     .summary = "what doubles that are served were asked and answered",
     .positional = "HOST:PORT",
     .positional_min = 1,
     .positional_max = 1,
     .examples = "  harrow fakes journal 127.0.0.1:9000\n"
                 "  harrow fakes journal 127.0.0.1:9000 --method store.Store/Read --json\n"
                 "  harrow fakes journal 127.0.0.1:9000 --unmatched\n"
                 "  harrow fakes journal 127.0.0.1:9000 --follow\n",
     .options = journal_options,
     .run = journal_run},
    {0},
};

const struct command command_fakes = {
    .name = "fakes",
    .summary = "doubles of services: serve them, see what they do and what they were asked",
    .description = "A double stands in for a service. It needs nothing but the service's contract: .proto files, a\n"
                   "descriptor set, a server that tells its contracts by reflection, or one that is built in.",
    .exit_codes = "  0    done, or ended by Ctrl-C\n"
                  "  2    the command line is wrong\n"
                  "  3    a port cannot be had, a server was not reached, or a file could not be written\n"
                  "  4    a contract, stub or annotation is wrong, or not there\n",
    .children = children,
};
