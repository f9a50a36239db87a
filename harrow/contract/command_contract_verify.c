/* harrow contract verify: pacts played against their provider. */
#include "harrow/contract/verify.h"

#include "harrow/run/pillars.h"
#include "harrow/system/attach.h"

#include <stdio.h>

static struct verify_asked asked;

static const struct option options[] = {
    {.name = "provider",
     .letter = 'p',
     .kind = OPTION_TEXT,
     .target = &asked.provider,
     .argument = "ADDRESS|MANIFEST",
     .help = "HOST:PORT, grpcs://HOST:PORT, http://HOST:PORT/BASE, or a manifest whose system is started"},
    {.name = "component",
     .letter = 'c',
     .kind = OPTION_TEXT,
     .target = &asked.component,
     .argument = "NAME",
     .help = "which component of the manifest it is (default: the one named as the pact's provider)"},
    {.name = "states",
     .kind = OPTION_TEXT,
     .target = &asked.states_file,
     .argument = "FILE",
     .help = "how provider states are set up and torn down (docs/contracts.md)"},
    {.name = "state-url",
     .kind = OPTION_TEXT,
     .target = &asked.state_url,
     .argument = "URL",
     .help = "who sets up states the file has not: POST {state, params, action}"},
    {.name = "only",
     .kind = OPTION_TEXT,
     .target = &asked.only,
     .argument = "TEXT",
     .help = "only interactions whose description contains TEXT"},
    {.name = "http",
     .kind = OPTION_TEXT,
     .target = &asked.http_url,
     .argument = "URL",
     .help = "where HTTP interactions go (default: the provider's own door)"},
    {.name = "messages",
     .kind = OPTION_TEXT,
     .target = &asked.messages_url,
     .argument = "URL",
     .help = "who tells messages of the provider: POST {description, providerStates}"},
    {.name = "jobs",
     .letter = 'j',
     .kind = OPTION_INTEGER,
     .target = &asked.jobs,
     .argument = "N",
     .fallback = "32",
     .min = 1,
     .max = PROVIDER_JOBS_MAX,
     .help = "interactions without provider states that are on their way at once"},
    {.name = "timeout",
     .kind = OPTION_DURATION,
     .target = &asked.timeout,
     .argument = "DURATION",
     .fallback = "10s",
     .help = "of one interaction"},
    {.name = "broker",
     .kind = OPTION_TEXT,
     .target = &asked.broker,
     .argument = "FOLDER",
     .help = "take the pacts with --component from this broker's folder"},
    {.name = "select",
     .kind = OPTION_LIST,
     .target = &asked.selects,
     .argument = "WHICH",
     .help = "of the broker: latest (default), branch=NAME, tag=NAME, env=NAME, wip"},
    {.name = "pending",
     .kind = OPTION_FLAG,
     .target = &asked.pending,
     .help = "pacts that the provider has never passed do not fail the run"},
    {.name = "provider-version",
     .kind = OPTION_TEXT,
     .target = &asked.provider_version,
     .argument = "VERSION",
     .help = "of what is verified, for the broker"},
    {.name = "provider-branch",
     .kind = OPTION_TEXT,
     .target = &asked.provider_branch,
     .argument = "BRANCH",
     .help = "which that version is from"},
    {.name = "publish",
     .kind = OPTION_FLAG,
     .target = &asked.publish,
     .help = "put the results into the broker's folder"},
    ATTACH_OPTIONS,
    COMMON_OPTIONS,
    {0},
};

/* Which versions the matrix tells of. */
static int tell_versions(struct verifying *v)
{
    int code = 0;
    for (size_t i = 0; i < v->pacts.count && code == 0; i++) {
        const struct played *p = &v->pacts.items[i];
        if (p->selected != NULL)
            code = pact_matrix_versions(v->matrix, p->pact->consumer, p->selected->version, p->pact->provider,
                                        v->asked->provider_version);
    }
    return code == 0 ? 0 : error_set(v->err, ERROR_MEMORY, "out of memory");
}

static int work(struct verifying *v)
{
    if (v->pacts.count == 0) {
        run_say(v->run, "the broker has no such pact with %s: there is nothing to verify", v->asked->component);
        return 0;
    }
    int code = contract_provider_open(v->run, v->asked->provider, &v->provider, v->err);
    if (code != 0)
        return code;
    if (v->states != NULL)
        contract_states_bind(v->states, v->provider);
    pillar_mark(v->run, "contract", "start");
    code = verify_play(v);
    if (code == 0 || code == ERROR_CANCELLED) {
        int told = verify_add_services(v);
        if (told == 0)
            told = tell_versions(v);
        if (told == 0)
            pact_matrix_emit(v->matrix, &v->run->results);
        code = code == 0 ? told : code;
    }
    pillar_mark(v->run, "contract", "end");
    if (code == 0 && v->asked->publish)
        code = verify_publish(v);
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
    if (asked.provider == NULL)
        return usage("--provider ADDRESS|MANIFEST says whom the pacts are played against");
    if (args->argc == 0 && asked.broker == NULL)
        return usage("which pacts? Files, folders of them, or --broker FOLDER");
    if (args->argc > 0 && asked.broker != NULL)
        return usage("pacts come from files or from --broker, not from both");
    if (asked.broker != NULL && asked.component == NULL)
        return usage("--broker needs --component NAME: the provider's name in its pacts");
    if (asked.publish && (asked.broker == NULL || asked.provider_version == NULL))
        return usage("--publish needs --broker FOLDER and --provider-version VERSION");
    if (asked.publish && asked.only != NULL)
        return usage("a run of some interactions (--only) is no result to publish");
    if (asked.selects.count > VERIFY_SELECTORS_MAX)
        return usage("--select may be given 64 times");
    return 0;
}

static int run(const struct arguments *args)
{
    struct error err = ERROR_INIT;
    struct verifying v = {.asked = &asked, .err = &err};
    char manifest[1024];
    int exit_code = check_usage(args);
    if (exit_code != 0)
        return exit_code;
    if (!contract_provider_manifest(asked.provider, manifest, sizeof manifest))
        return usage("--provider is too long");
    v.run = run_begin(manifest, harrow_command_line, &exit_code);
    if (v.run == NULL)
        return exit_code;
    int code = verify_load(&v, args);
    if (code == 0)
        code = work(&v);
    if (code != 0)
        exit_code = run_failed(v.run, &err, "contract verify");
    contract_provider_close(v.provider);
    contract_states_free(v.states);
    pact_matrix_free(v.matrix);
    verify_pacts_deinit(&v);
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
        "for it: as processes, or in simulation.",
    .exit_codes = "  0    all hold (pending ones do not count)\n"
                  "  1    one does not\n"
                  "  2    the command line is wrong\n"
                  "  3    the provider could not be started, or a file could not be written\n"
                  "  4    a pact, a state or a contract is wrong, or not there\n"
                  "  130  interrupted\n",
    .examples = "  harrow contract verify pacts/ --provider 127.0.0.1:9090 --states states.yaml\n"
                "  harrow contract verify notes-store.json --provider systems/micro.yaml --driver sim\n"
                "  harrow contract verify web-shop.json --provider http://127.0.0.1:8080 --only \"a basket\"\n"
                "  harrow contract verify --broker broker --component store --provider systems/micro.yaml \\\n"
                "    --select branch=main --select env=production --provider-version 1.4 --publish\n",
    .options = options,
    .run = run,
};
