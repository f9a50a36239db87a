/* harrow contract verify: pacts played against their provider. */
#include "base/units.h"
#include "base/words.h"
#include "fakes/broker/broker.h"
#include "fakes/consumer/consumer.h"
#include "fakes/consumer/plugin.h"
#include "fakes/provider/matrix.h"
#include "fakes/provider/provider.h"
#include "harrow/system/attach.h"
#include "harrow/commands.h"
#include "harrow/contract/states.h"
#include "harrow/run/pillars.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SELECTORS_MAX 64

static const char *provider_given, *component, *only, *states_file, *state_url, *http_url, *messages_url;
static const char *broker_folder, *provider_version, *provider_branch;
static struct option_list selects;
static bool publish, pending;
static int64_t jobs, timeout;

static const struct option options[] = {
    {.name = "provider",
     .letter = 'p',
     .kind = OPTION_TEXT,
     .target = &provider_given,
     .argument = "ADDRESS|MANIFEST",
     .help = "HOST:PORT, grpcs://HOST:PORT, http://HOST:PORT/BASE, or a manifest whose system is started"},
    {.name = "component",
     .letter = 'c',
     .kind = OPTION_TEXT,
     .target = &component,
     .argument = "NAME",
     .help = "which component of the manifest it is (default: the one named as the pact's provider)"},
    {.name = "states",
     .kind = OPTION_TEXT,
     .target = &states_file,
     .argument = "FILE",
     .help = "how provider states are set up and torn down (docs/contracts.md)"},
    {.name = "state-url",
     .kind = OPTION_TEXT,
     .target = &state_url,
     .argument = "URL",
     .help = "who sets up states the file has not: POST {state, params, action}"},
    {.name = "only",
     .kind = OPTION_TEXT,
     .target = &only,
     .argument = "TEXT",
     .help = "only interactions whose description contains TEXT"},
    {.name = "http",
     .kind = OPTION_TEXT,
     .target = &http_url,
     .argument = "URL",
     .help = "where HTTP interactions go (default: the provider's own door)"},
    {.name = "messages",
     .kind = OPTION_TEXT,
     .target = &messages_url,
     .argument = "URL",
     .help = "who tells messages of the provider: POST {description, providerStates}"},
    {.name = "jobs",
     .letter = 'j',
     .kind = OPTION_INTEGER,
     .target = &jobs,
     .argument = "N",
     .fallback = "32",
     .min = 1,
     .max = PROVIDER_JOBS_MAX,
     .help = "interactions without provider states that are on their way at once"},
    {.name = "timeout",
     .kind = OPTION_DURATION,
     .target = &timeout,
     .argument = "DURATION",
     .fallback = "10s",
     .help = "of one interaction"},
    {.name = "broker",
     .kind = OPTION_TEXT,
     .target = &broker_folder,
     .argument = "FOLDER",
     .help = "take the pacts with --component from this broker's folder"},
    {.name = "select",
     .kind = OPTION_LIST,
     .target = &selects,
     .argument = "WHICH",
     .help = "of the broker: latest (default), branch=NAME, tag=NAME, env=NAME, wip; may be repeated"},
    {.name = "pending",
     .kind = OPTION_FLAG,
     .target = &pending,
     .help = "pacts that the provider has never passed do not fail the run"},
    {.name = "provider-version",
     .kind = OPTION_TEXT,
     .target = &provider_version,
     .argument = "VERSION",
     .help = "of what is verified, for the broker"},
    {.name = "provider-branch",
     .kind = OPTION_TEXT,
     .target = &provider_branch,
     .argument = "BRANCH",
     .help = "which that version is from"},
    {.name = "publish", .kind = OPTION_FLAG, .target = &publish, .help = "put the results into the broker's folder"},
    ATTACH_OPTIONS,
    COMMON_OPTIONS,
    {0},
};

/* One pact and how it went. */
struct played {
    struct pact *pact;
    const char *path;                            /* for replays */
    const struct pact_broker_selected *selected; /* NULL: given as a file */
    int64_t passed, failed, skipped;
};

struct verifying {
    struct run *run;
    struct pact_broker *broker;
    struct pact_broker_selection selection;
    struct contract_provider *provider;
    struct contract_states *states;
    struct matrix *matrix;
    ARRAY(struct played) pacts;
    struct error *err;
    int64_t pending;
    int failed; /* an error code in a callback */
};

/* ---- which pacts ------------------------------------------------------------------------------------------------ */

static int add_pact(struct verifying *v, struct pact *pact, const char *path,
                    const struct pact_broker_selected *selected)
{
    struct played one = {.pact = pact, .path = arena_string(&v->run->arena, path), .selected = selected};
    if (one.path != NULL && array_push(&v->pacts, one))
        return 0;
    pact_free(pact);
    return error_set(v->err, ERROR_MEMORY, "out of memory");
}

static int add_file(void *arg, const char *path)
{
    struct verifying *v = arg;
    struct pact *pact;
    size_t len = strlen(path);
    if (len < 5 || strcmp(path + len - 5, ".json") != 0)
        return 0;
    int code = consumer_read_pact(v->run->world, path, &pact, v->err);
    return code == 0 ? add_pact(v, pact, path, NULL) : code;
}

static int add_given(struct verifying *v, const char *path)
{
    struct world_stat stat;
    struct pact *pact;
    int code = world_stat(v->run->world, path, &stat);
    if (code != 0 || !stat.exists)
        return error_set(v->err, ERROR_INVALID, "%s: there is no such file; expected a pact, or a folder of them",
                         path);
    if (stat.directory)
        return world_walk(v->run->world, path, add_file, v, v->err);
    code = consumer_read_pact(v->run->world, path, &pact, v->err);
    return code == 0 ? add_pact(v, pact, path, NULL) : code;
}

static int add_selected(struct verifying *v)
{
    struct pact_broker_selector selectors[SELECTORS_MAX] = {{.kind = BROKER_LATEST}};
    size_t count = selects.count > 0 ? selects.count : 1;
    int code = pact_broker_open(v->run->world, broker_folder, &v->broker, v->err);
    for (size_t i = 0; code == 0 && i < selects.count; i++)
        code = pact_broker_selector_parse(selects.items[i], &selectors[i], v->err);
    if (code == 0)
        code = pact_broker_select(v->broker, component, provider_branch, selectors, count, &v->selection, v->err);
    for (size_t i = 0; code == 0 && i < v->selection.items.count; i++) {
        const struct pact_broker_selected *s = &v->selection.items.items[i];
        struct pact *pact;
        code = pact_broker_read_pact(v->broker, s->pact, &pact, v->err);
        if (code == 0)
            code = add_pact(v, pact, pact->file, s);
        if (code == 0)
            run_say(v->run, "pact of %s %s: %s%s", s->consumer, s->version, s->why, s->pending ? ", pending" : "");
    }
    return code;
}

/* ---- telling ---------------------------------------------------------------------------------------------------- */

static const char *replay_of(struct verifying *v, const struct provider_verdict *verdict, const char *path)
{
    struct text line = TEXT_INIT;
    words_add(&line, harrow_program);
    text_puts(&line, " contract verify");
    words_add(&line, path);
    text_puts(&line, " --provider");
    words_add(&line, provider_given);
    const struct {
        const char *name, *value;
    } told[] = {{"--component", component},
                {"--states", states_file},
                {"--state-url", state_url},
                {"--http", http_url},
                {"--messages", messages_url},
                {"--only", verdict->interaction->description},
                {NULL, NULL}};
    for (size_t i = 0; told[i].name != NULL; i++)
        if (told[i].value != NULL) {
            words_add(&line, told[i].name);
            words_add(&line, told[i].value);
        }
    if (strcmp(common.driver, "attach") != 0)
        text_printf(&line, " --driver %s", common.driver);
    attach_words(&line);
    text_printf(&line, " --seed %llu", (unsigned long long)v->run->seed);
    const char *copy = text_ok(&line) ? arena_string(&v->run->arena, text_string(&line)) : NULL;
    text_deinit(&line);
    return copy;
}

static void add_states(const struct pact_interaction *i, struct text *out)
{
    for (size_t k = 0; k < i->states.count; k++)
        text_printf(out, "%s%s", k == 0 ? ", given " : " and ", i->states.items[k].name);
}

static void put_mismatch(const struct pact_mismatch *m, struct text *out)
{
    text_puts(out, m->text);
    if (m->help != NULL && m->help[0] != '\0')
        text_printf(out, " (%s)", m->help);
}

/* What is wrong in a line or two; everything else is detail. */
static void describe(const struct provider_verdict *verdict, struct text *message, struct text *detail)
{
    const struct pact_result *r = verdict->result;
    if (verdict->error->code != 0)
        error_format(verdict->error, message);
    else if (r->mismatches.count > 0)
        put_mismatch(&r->mismatches.items[0], message);
    if (verdict->error->code == 0 && r->mismatches.count > 1)
        text_printf(message, "\nand %zu more", r->mismatches.count - 1);
    if (verdict->states_missing && verdict->outcome != PROVIDER_PASSED)
        text_puts(message, "\nits provider states were not set up: --states FILE says how");
    for (size_t i = 0; i < r->mismatches.count; i++) {
        put_mismatch(&r->mismatches.items[i], detail);
        text_char(detail, '\n');
    }
    if (verdict->sent[0] != '\0')
        text_printf(detail, "sent      %s\n", verdict->sent);
    if (verdict->received[0] != '\0')
        text_printf(detail, "received  %s\n", verdict->received);
}

static struct played *played_of(struct verifying *v, const struct pact *pact)
{
    for (size_t i = 0; i < v->pacts.count; i++)
        if (v->pacts.items[i].pact == pact)
            return &v->pacts.items[i];
    return NULL;
}

static void verified(void *arg, const struct provider_verdict *verdict)
{
    struct verifying *v = arg;
    struct played *p = played_of(v, verdict->pact);
    struct text suite = TEXT_INIT, name = TEXT_INIT, message = TEXT_INIT, detail = TEXT_INIT;
    bool fails = verdict->outcome == PROVIDER_FAILED;
    bool forgiven = verdict->outcome == PROVIDER_PENDING ||
                    (fails && p->selected != NULL && p->selected->pending && (pending || p->selected->wip));
    p->passed += verdict->outcome == PROVIDER_PASSED || verdict->outcome == PROVIDER_PENDING;
    p->failed += fails;
    p->skipped += verdict->outcome == PROVIDER_SKIPPED;
    v->pending += forgiven;
    text_printf(&suite, "%s with %s", verdict->pact->consumer, verdict->pact->provider);
    text_puts(&name, verdict->interaction->description);
    add_states(verdict->interaction, &name);
    if (forgiven)
        text_puts(&message, "pending: ");
    describe(verdict, &message, &detail);
    const char *status = forgiven || verdict->outcome == PROVIDER_SKIPPED ? "skipped" : fails ? "failed" : "passed";
    bool passed = verdict->outcome == PROVIDER_PASSED;
    result_case(&v->run->results, &(struct result_case){.pillar = "contract",
                                                        .suite = text_string(&suite),
                                                        .name = text_string(&name),
                                                        .status = status,
                                                        .duration = (int64_t)verdict->duration,
                                                        .message = passed ? NULL : text_string(&message),
                                                        .detail = passed ? NULL : text_string(&detail),
                                                        .file = p->path,
                                                        .line = verdict->interaction->line,
                                                        .column = verdict->interaction->column,
                                                        .replay = passed ? NULL : replay_of(v, verdict, p->path)});
    if (matrix_verified(v->matrix, verdict) != 0 && v->failed == 0)
        v->failed = error_set(v->err, ERROR_MEMORY, "out of memory");
    text_deinit(&suite);
    text_deinit(&name);
    text_deinit(&message);
    text_deinit(&detail);
}

/* ---- playing ---------------------------------------------------------------------------------------------------- */

static bool chosen(void *arg, const struct pact *pact, size_t index)
{
    (void)arg;
    return only == NULL || strstr(pact->interactions.items[index].description, only) != NULL;
}

static bool stopped(void *arg)
{
    const struct verifying *v = arg;
    return v->run->interrupted;
}

/* Whether a gRPC interaction comes without its contracts. */
static bool lacks_contracts(const struct pact *pact)
{
    for (size_t i = 0; i < pact->interactions.count; i++)
        if (plugin_is_grpc(&pact->interactions.items[i]) && plugin_key(&pact->interactions.items[i]) == NULL)
            return true;
    return false;
}

/* The methods of the services that the pacts' interactions are of, for those that nobody calls. */
static int add_services(struct verifying *v)
{
    const struct pb_pool *pool = v->provider->pool;
    int code = 0;
    for (size_t i = 0; i < v->pacts.count && code == 0 && pool != NULL; i++) {
        const struct pact *p = v->pacts.items[i].pact;
        for (size_t k = 0; k < p->interactions.count && code == 0; k++) {
            const char *service =
                plugin_is_grpc(&p->interactions.items[k]) ? plugin_service(&p->interactions.items[k]) : NULL;
            const struct pb_method *m = service != NULL ? plugin_method(pool, service) : NULL;
            if (m != NULL)
                code = matrix_service(v->matrix, p->provider, m->service);
        }
    }
    return code == 0 ? 0 : error_set(v->err, ERROR_MEMORY, "out of memory");
}

static int play(struct verifying *v, struct pact *const *pacts, size_t count)
{
    struct contract_provider *p = v->provider;
    struct provider_states states = {.change = contract_states_change, .arg = v->states};
    int code = contract_provider_use(p, component != NULL ? component : pacts[0]->provider, v->err);
    bool ask = false;
    for (size_t i = 0; i < count; i++)
        ask = ask || lacks_contracts(pacts[i]);
    if (code == 0 && ask)
        code = contract_provider_reflect(p, v->err);
    if (code != 0)
        return code;
    return provider_verify(p->world, pacts, count,
                           &(struct provider_options){.channel = p->channel,
                                                      .http = http_url != NULL ? http_url : p->http,
                                                      .messages = messages_url,
                                                      .tls = p->tls,
                                                      .pool = p->pool,
                                                      .pool_first = p->pool_given,
                                                      .metadata = p->metadata,
                                                      .metadata_count = p->metadata_count,
                                                      .timeout = (uint64_t)timeout,
                                                      .jobs = (size_t)jobs,
                                                      .seed = v->run->seed,
                                                      .states = v->states != NULL ? &states : NULL,
                                                      .chosen = chosen,
                                                      .stopped = stopped,
                                                      .verified = verified,
                                                      .arg = v},
                           v->err);
}

/* Pacts of one provider together. */
static int play_all(struct verifying *v)
{
    struct pact **group = calloc(v->pacts.count + 1, sizeof *group);
    int code = group != NULL ? 0 : error_set(v->err, ERROR_MEMORY, "out of memory");
    for (size_t i = 0; i < v->pacts.count && code == 0; i++) {
        size_t count = 0;
        bool first = true;
        for (size_t k = 0; k < v->pacts.count; k++) {
            struct pact *other = v->pacts.items[k].pact;
            if (component == NULL && strcmp(other->provider, v->pacts.items[i].pact->provider) != 0)
                continue;
            first = first && k >= i;
            group[count++] = other;
        }
        if (first)
            code = play(v, group, count);
    }
    free(group);
    return code == 0 ? v->failed : code;
}

static int publish_results(struct verifying *v)
{
    int code = provider_branch != NULL
                   ? pact_broker_set_branch(v->broker, component, provider_version, provider_branch, v->err)
                   : 0;
    for (size_t i = 0; i < v->pacts.count && code == 0; i++) {
        const struct played *p = &v->pacts.items[i];
        if (p->skipped > 0) {
            run_say(v->run, "the result of %s %s is not published: %lld interactions were not played",
                    p->selected->consumer, p->selected->version, (long long)p->skipped);
            continue;
        }
        code = pact_broker_add_result(v->broker,
                                      &(struct pact_broker_record){.component = p->pact->consumer,
                                                                   .provider = component,
                                                                   .version = provider_version,
                                                                   .name = provider_branch,
                                                                   .pact = p->selected->pact,
                                                                   .success = p->failed == 0,
                                                                   .passed = p->passed,
                                                                   .failed = p->failed},
                                      v->err);
    }
    return code;
}

static int tell_versions(struct verifying *v)
{
    int code = 0;
    for (size_t i = 0; i < v->pacts.count && code == 0; i++) {
        const struct played *p = &v->pacts.items[i];
        if (p->selected != NULL)
            code = matrix_versions(v->matrix, p->pact->consumer, p->selected->version, p->pact->provider,
                                   provider_version);
    }
    return code == 0 ? 0 : error_set(v->err, ERROR_MEMORY, "out of memory");
}

static int load(struct verifying *v, const struct arguments *args)
{
    int code = broker_folder != NULL ? add_selected(v) : 0;
    for (int i = 0; i < args->argc && code == 0; i++)
        code = add_given(v, args->argv[i]);
    if (code == 0 && v->pacts.count == 0 && broker_folder == NULL)
        code = error_set(v->err, ERROR_INVALID, "there is no pact in what was given");
    size_t left = 0;
    for (size_t i = 0; i < v->pacts.count; i++)
        for (size_t k = 0; k < v->pacts.items[i].pact->interactions.count; k++)
            left += chosen(NULL, v->pacts.items[i].pact, k);
    if (code == 0 && only != NULL && left == 0)
        code = error_set(v->err, ERROR_INVALID, "no interaction's description contains \"%s\"", only);
    if (code == 0 && (states_file != NULL || state_url != NULL))
        code = contract_states_load(v->run->world, states_file, state_url, &v->states, v->err);
    if (code == 0 && matrix_new(&v->matrix) != 0)
        code = error_set(v->err, ERROR_MEMORY, "out of memory");
    return code;
}

static int work(struct verifying *v)
{
    if (v->pacts.count == 0) {
        run_say(v->run, "the broker has no such pact with %s: there is nothing to verify", component);
        return 0;
    }
    int code = contract_provider_open(v->run, provider_given, &v->provider, v->err);
    if (code != 0)
        return code;
    if (v->states != NULL)
        contract_states_bind(v->states, v->provider);
    pillar_mark(v->run, "contract", "start");
    code = play_all(v);
    if (code == 0 || code == ERROR_CANCELLED) {
        int told = add_services(v);
        if (told == 0)
            told = tell_versions(v);
        if (told == 0)
            matrix_emit(v->matrix, &v->run->results);
        code = code == 0 ? told : code;
    }
    pillar_mark(v->run, "contract", "end");
    if (code == 0 && publish)
        code = publish_results(v);
    if (v->pending > 0)
        run_say(v->run, "%lld pending interactions do not hold yet; they do not fail the run", (long long)v->pending);
    return code;
}

static int usage(const char *text)
{
    fprintf(stderr, "harrow: contract verify: %s\n", text);
    return HARROW_USAGE;
}

static int check_usage(const struct arguments *args)
{
    if (provider_given == NULL)
        return usage("--provider ADDRESS|MANIFEST says whom the pacts are played against");
    if (args->argc == 0 && broker_folder == NULL)
        return usage("which pacts? Files, folders of them, or --broker FOLDER");
    if (args->argc > 0 && broker_folder != NULL)
        return usage("pacts come from files or from --broker, not from both");
    if (broker_folder != NULL && component == NULL)
        return usage("--broker needs --component NAME: the provider's name in its pacts");
    if (publish && (broker_folder == NULL || provider_version == NULL))
        return usage("--publish needs --broker FOLDER and --provider-version VERSION");
    if (publish && only != NULL)
        return usage("a run of some interactions (--only) is no result to publish");
    if (selects.count > SELECTORS_MAX)
        return usage("--select may be given 64 times");
    return 0;
}

static int run(const struct arguments *args)
{
    struct error err = ERROR_INIT;
    struct verifying v = {.err = &err};
    char manifest[1024];
    int exit_code = check_usage(args);
    if (exit_code != 0)
        return exit_code;
    if (!contract_provider_manifest(provider_given, manifest, sizeof manifest))
        return usage("--provider is too long");
    v.run = run_begin(manifest, harrow_command_line, &exit_code);
    if (v.run == NULL)
        return exit_code;
    int code = load(&v, args);
    if (code == 0)
        code = work(&v);
    if (code != 0)
        exit_code = run_failed(v.run, &err, "contract verify");
    contract_provider_close(v.provider);
    contract_states_free(v.states);
    matrix_free(v.matrix);
    for (size_t i = 0; i < v.pacts.count; i++)
        pact_free(v.pacts.items[i].pact);
    array_deinit(&v.pacts);
    pact_broker_selection_deinit(&v.selection);
    pact_broker_close(v.broker);
    error_clear(&err);
    return run_finish(v.run, exit_code);
}

const struct command command_contract_verify = {
    .name = "verify",
    .summary = "play pacts against a real provider: what consumers expect is what it answers",
    .positional = "PACT...",
    .positional_min = 0,
    .positional_max = -1,
    .description =
        "Each interaction of the pacts is sent to the provider, and its answer held against what the consumer\n"
        "expects. The provider is any gRPC or HTTP server, or a component of a manifest's system, which is started\n"
        "for it: as processes, or in simulation.\n"
        "\n"
        "Exit codes: 0 all hold (pending ones do not count); 1 one does not; 2 the command line is wrong; 3 the\n"
        "provider could not be started, or a file not be written; 4 a pact, a state or a contract is wrong; 130\n"
        "interrupted.",
    .examples = "  harrow contract verify pacts/ --provider 127.0.0.1:9090 --states states.yaml\n"
                "  harrow contract verify notes-store.json --provider systems/micro.yaml --driver sim\n"
                "  harrow contract verify web-shop.json --provider http://127.0.0.1:8080 --only \"a basket\"\n"
                "  harrow contract verify --broker broker --component store --provider systems/micro.yaml \\\n"
                "    --select branch=main --select env=production --provider-version 1.4 --publish\n",
    .options = options,
    .run = run,
};
