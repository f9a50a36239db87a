/* micro service --endpoint URL: something on this machine as a service of the runtime (runtime/wrap). It runs until a
 * signal comes, the command that was given with it ends, or it cannot start.
 *
 * Who it is: started by the runtime (micro run --command "micro service ...") it has an account in its environment, as
 * every service has. Started by a user it gets one made by the user's login, for as long as it runs: from before that
 * account is asked for until it was taken away again a signal only says that it is time to end. */
#include "runtime/cli/cli.h"

#include "base/log.h"
#include "runtime/wrap/wrap.h"
#include "world/world.h"

#include <openssl/crypto.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY_MAX     ((size_t)64 << 10)
#define SET_MAX     ((size_t)16 << 20) /* bytes of a descriptor set */
#define ADDRESS_MAX 300
#define DRAIN_GRACE ((uint64_t)5 * (uint64_t)SECOND) /* for calls in flight */
#define DRAIN_LIMIT ((uint64_t)7 * (uint64_t)SECOND) /* until whatever is left is given up */

static struct {
    const char *name, *address, *endpoint, *version, *descriptors;
    struct option_list metadata;
    int64_t timeout;
} flags;

const struct option service_options[] = {
    {.name = "name",
     .kind = OPTION_TEXT,
     .target = &flags.name,
     .argument = "NAME",
     .help = "name of the service",
     .env = "MICRO_SERVICE_NAME"},
    {.name = "address",
     .letter = 'a',
     .kind = OPTION_TEXT,
     .target = &flags.address,
     .argument = "HOST:PORT",
     .help = "where the service listens; a free port of 127.0.0.1 when absent",
     .env = "MICRO_SERVICE_ADDRESS"},
    {.name = "endpoint",
     .kind = OPTION_TEXT,
     .target = &flags.endpoint,
     .argument = "URL",
     .help = "what is wrapped: http://, https://, grpc://, file:// or exec://",
     .env = "MICRO_SERVICE_ENDPOINT"},
    {.name = "metadata",
     .letter = 'm',
     .kind = OPTION_LIST,
     .target = &flags.metadata,
     .argument = "KEY=VALUE",
     .help = "what the registry is told of it; may be given several times",
     .env = "MICRO_SERVICE_METADATA"},
    {.name = "service_version",
     .kind = OPTION_TEXT,
     .target = &flags.version,
     .argument = "VERSION",
     .help = "version it registers; latest when absent",
     .env = "MICRO_SERVICE_VERSION"},
    {.name = "descriptors",
     .kind = OPTION_TEXT,
     .target = &flags.descriptors,
     .argument = "FILE",
     .help = "of a grpc:// endpoint: protoc --include_imports --descriptor_set_out=FILE, so that JSON can be sent"},
    {.name = "timeout",
     .letter = 't',
     .kind = OPTION_DURATION,
     .target = &flags.timeout,
     .argument = "DURATION",
     .help = "for one message at an http:// or exec:// endpoint",
     .fallback = "30s"},
    {.name = NULL},
};

struct running {
    struct cli *c;
    struct wrap *wrap;
    struct world_process *command; /* NULL: none, or it has ended */
    struct world_timer limit;
    struct world_exit status;
    bool commanded, ended, draining, signalled;
};

/* ---- the options of a service ----------------------------------------------------------------------------------- */

struct identity {
    struct micro_options options;
    struct micro_options_storage *storage; /* of those from the environment */
    struct text key;
    char peers[2048], address[ADDRESS_MAX], proxy[ADDRESS_MAX];
    char id[128], secret[40];
    bool made;  /* the account is ours to take away again */
    bool maybe; /* it was asked for, and nobody said whether it was made: the same, should it be there */
};

static const char *environment(const char *name)
{
    return getenv(name);
}

/* A service the runtime started is told everything. */
static int from_environment(struct identity *who)
{
    const char *const argv[] = {"micro", flags.name};
    const struct micro_options *read = NULL;
    struct error err = ERROR_INIT;
    int rc = micro_options_parse(2, argv, environment, &who->storage, &read, &err);
    if (rc == 0)
        who->options = *read;
    int code = rc < 0 ? cli_fail_error(EXIT_USAGE, &err) : CLI_OK;
    error_clear(&err);
    return code;
}

/* On the server of the data directory: its ports and its public key. */
static int from_server(struct cli *c, struct identity *who)
{
    char path[CLI_PATH_MAX + 32];
    struct error err = ERROR_INIT;
    if (c->proxy)
        return cli_fail(EXIT_USAGE,
                        "a service is added to the micro of its own machine, and %s, at %s, is another one; there, run "
                        "this command with --data-dir, or put it into: micro run --command",
                        c->env, c->proxy);
    json_t *status = cli_status(c);
    if (!status)
        return CLI_NOT_FOUND;
    who->options = (struct micro_options){.host = "127.0.0.1",
                                          .base_port = (int)cli_integer(status, "base_port"),
                                          .profile = "service",
                                          .data_dir = c->data_dir};
    json_t *component;
    size_t i, at = 0;
    json_array_foreach(json_object_get(status, "components"), i, component)
    {
        const char *address = cli_text(component, "address"), *name = cli_text(component, "name");
        if (address[0] && at < sizeof who->peers)
            at += (size_t)snprintf(who->peers + at, sizeof who->peers - at, "%s%s=%s", at ? "," : "", name, address);
    }
    json_decref(status);
    who->options.peers = at < sizeof who->peers ? who->peers : NULL;
    snprintf(path, sizeof path, "%s/keys/public.pem", c->data_dir);
    int rc = world_read_file(c->world, path, KEY_MAX, &who->key, &err);
    if (rc < 0) {
        int code = cli_fail_error(CLI_TIMEOUT, &err);
        error_clear(&err);
        return code;
    }
    who->options.public_key = text_string(&who->key);
    return CLI_OK;
}

/* An account of the service's own, made by the login. Its name says what it was for, should we be killed. */
static int make_account(struct cli *c, struct identity *who)
{
    unsigned char drawn[24];
    json_t *reply = NULL;
    if (world_entropy(c->world, drawn, sizeof drawn) != 0)
        return cli_fail(CLI_TIMEOUT, "no random numbers can be had");
    for (size_t i = 0; i < 16; i++)
        snprintf(who->secret + 2 * i, 3, "%02x", drawn[i]);
    int n = snprintf(who->id, sizeof who->id, "%s-wrapper-%02x%02x%02x%02x", flags.name, drawn[16], drawn[17],
                     drawn[18], drawn[19]);
    if (n < 0 || (size_t)n >= sizeof who->id)
        return cli_fail(EXIT_USAGE, "the service's name is too long");
    int code =
        cli_call_json(c, "auth", "Auth.Generate",
                      json_pack("{ss ss ss ss s[s] s{ss}}", "id", who->id, "name", who->id, "type", "service", "secret",
                                who->secret, "scopes", "service", "options", "namespace", c->namespace),
                      &reply);
    json_decref(reply);
    who->made = code == CLI_OK;
    who->maybe = code != CLI_OK && (c->error_code >= 500 || c->error_code == 408);
    who->options.auth_id = who->id;
    who->options.auth_secret = who->secret;
    who->options.namespace = c->namespace;
    return code;
}

static void identity_free(struct cli *c, struct identity *who)
{
    if (who->made || who->maybe) {
        json_t *reply = NULL;
        bool was = cli_quiet(true);
        int code = cli_call_json(c, "auth", "Accounts.Delete",
                                 json_pack("{ss s{ss}}", "id", who->id, "options", "namespace", c->namespace), &reply);
        cli_quiet(was);
        if (code != CLI_OK && (who->made || c->error_code != 404))
            fprintf(stderr, "The account %s could not be removed%s; see: micro auth delete account %s\n", who->id,
                    who->made ? "" : ", if it was made", who->id);
        json_decref(reply);
    }
    OPENSSL_cleanse(who->secret, sizeof who->secret);
    text_deinit(&who->key);
    micro_options_free(who->storage);
}

/* ---- running ---------------------------------------------------------------------------------------------------- */

static bool is_over(void *arg)
{
    const struct running *r = arg;
    return r->ended;
}

static void over(void *arg)
{
    struct running *r = arg;
    r->ended = true;
}

static void leave(struct running *r)
{
    if (r->draining || world_timer_start(&r->limit, DRAIN_LIMIT) != 0) {
        r->ended = true;
        return;
    }
    r->draining = true;
    wrap_drain(r->wrap, DRAIN_GRACE, over, r);
}

static void on_signal(void *arg, int number)
{
    struct running *r = arg;
    (void)number;
    r->signalled = true;
    if (r->wrap)
        leave(r);
}

static void on_exited(void *arg, struct world_exit status)
{
    struct running *r = arg;
    r->status = status;
    r->commanded = false;
    if (!r->draining)
        leave(r);
}

static void on_output(void *arg, int fd, struct bytes line)
{
    (void)arg;
    fprintf(fd == 1 ? stdout : stderr, "%.*s\n", (int)line.len, (const char *)line.data);
    fflush(stdout);
}

static int start_command(struct running *r, const struct arguments *args, struct error *err)
{
    static const struct world_process_events events = {.output = on_output, .exited = on_exited};
    const char **argv = calloc((size_t)args->argc + 1, sizeof *argv);
    if (!argv)
        return error_set(err, ERROR_MEMORY, "out of memory");
    memcpy(argv, args->argv, (size_t)args->argc * sizeof *argv);
    const struct world_spawn spawn = {.name = flags.name, .argv = argv, .whole_group = true};
    int rc = world_process_spawn(r->c->world, &spawn, &events, r, &r->command, err);
    r->commanded = rc == 0;
    free(argv);
    return rc;
}

static bool command_gone(void *arg)
{
    const struct running *r = arg;
    return !r->commanded;
}

/* The command we started gets the chance to end by itself; what it has not done in time is killed with its group. */
static void end_command(struct running *r)
{
    if (!r->command)
        return;
    r->draining = true;
    if (r->commanded) {
        (void)world_process_signal(r->command, SIGTERM);
        (void)world_run_until(r->c->world, command_gone, r, (uint64_t)(2 * SECOND));
    }
    world_process_close(r->command);
}

static int run(struct running *r, const struct identity *who, const struct arguments *args, struct bytes descriptors)
{
    struct cli *c = r->c;
    struct error err = ERROR_INIT;
    const struct wrap_config config = {.options = &who->options,
                                       .endpoint = flags.endpoint,
                                       .metadata = flags.metadata.items,
                                       .metadata_count = flags.metadata.count,
                                       .descriptors = descriptors,
                                       .timeout = (uint64_t)flags.timeout};
    if (r->signalled)
        return CLI_OK;
    world_timer_init(&r->limit, c->world, over, r);
    int rc = args->argc > 0 ? start_command(r, args, &err) : 0;
    if (rc == 0)
        rc = wrap_start(c->world, &config, &r->wrap, &err);
    int code =
        rc < 0 ? cli_fail_error(rc == ERROR_INVALID || rc == ERROR_SYNTAX ? EXIT_USAGE : CLI_TIMEOUT, &err) : CLI_OK;
    if (rc == 0) {
        fprintf(stderr, "Serving %s at %s as %s\n", flags.endpoint, wrap_address(r->wrap), flags.name);
        rc = world_run_until(c->world, is_over, r, 0);
        if (rc < 0)
            code = cli_fail(CLI_TIMEOUT, "the event loop ended: %s", error_code_name(rc));
        wrap_stop(r->wrap);
        r->wrap = NULL;
    }
    bool by_itself = code == CLI_OK && args->argc > 0 && !r->signalled;
    end_command(r);
    world_timer_stop(&r->limit);
    if (by_itself && (r->status.signalled || r->status.code != 0)) {
        struct text words = TEXT_INIT;
        world_exit_format(r->status, &words);
        code = cli_fail(CLI_TIMEOUT, "%s: %s", args->argv[0], text_string(&words));
        text_deinit(&words);
    }
    error_clear(&err);
    return code;
}

static int check(void)
{
    struct arena arena = ARENA_INIT;
    struct wrap_endpoint endpoint;
    struct error err = ERROR_INIT;
    int code = CLI_OK;
    if (!flags.endpoint || !flags.endpoint[0]) {
        if (flags.name)
            return cli_fail(EXIT_USAGE,
                            "there is no component \"%.80s\"; to make something into a service of that name say what: "
                            "--endpoint http://HOST:PORT (or grpc://, file://, exec://)",
                            flags.name);
        return cli_fail(EXIT_USAGE, "a component's name is needed (micro service NAME), or --name NAME with --endpoint "
                                    "URL; see: micro service --help");
    }
    if (!flags.name || !flags.name[0])
        return cli_fail(EXIT_USAGE, "--name NAME is needed: what the service is called");
    size_t len = strspn(flags.name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.");
    if (flags.name[len] || len > 64 || flags.name[0] == '.' || flags.name[0] == '-')
        return cli_fail(EXIT_USAGE, "\"%.80s\" is no name for a service: letters, digits, -, _ and dots, 64 at most",
                        flags.name);
    if (component_is_core(flags.name))
        return cli_fail(EXIT_USAGE, "\"%s\" is a component of micro; the service needs another name", flags.name);
    if (flags.timeout <= 0)
        return cli_fail(EXIT_USAGE, "--timeout must be more than 0");
    if (wrap_endpoint_parse(flags.endpoint, &arena, &endpoint, &err) < 0)
        code = cli_fail_error(EXIT_USAGE, &err);
    else if (flags.descriptors && flags.descriptors[0] && endpoint.kind != WRAP_GRPC)
        code = cli_fail(EXIT_USAGE, "--descriptors is for an endpoint grpc://");
    for (size_t i = 0; code == CLI_OK && i < flags.metadata.count; i++)
        if (!strchr(flags.metadata.items[i], '=') || flags.metadata.items[i][0] == '=')
            code = cli_fail(EXIT_USAGE, "--metadata \"%.80s\" is not written KEY=VALUE", flags.metadata.items[i]);
    const char *colon = flags.address ? strrchr(flags.address, ':') : NULL;
    if (code == CLI_OK && flags.address && (!colon || !colon[1] || colon[1 + strspn(colon + 1, "0123456789")]))
        code =
            cli_fail(EXIT_USAGE, "--address \"%.80s\" is not written HOST:PORT (port 0: any free one)", flags.address);
    error_clear(&err);
    arena_deinit(&arena);
    return code;
}

int command_service(const struct arguments *args)
{
    struct cli *c = cli_of(args);
    struct identity who = {0};
    struct running r = {.c = c};
    const char *id = getenv("MICRO_AUTH_ID");
    int code = check();
    bool told = id && id[0];
    if (code != CLI_OK)
        return code;
    struct text descriptors = TEXT_INIT;
    if (flags.descriptors && flags.descriptors[0]) {
        struct error err = ERROR_INIT;
        if (world_read_file(c->world, flags.descriptors, SET_MAX, &descriptors, &err) < 0)
            code = cli_fail_error(EXIT_USAGE, &err);
        else if (descriptors.len == 0)
            code = cli_fail(EXIT_USAGE, "--descriptors %s: the file is empty", flags.descriptors);
        error_clear(&err);
        if (code != CLI_OK) {
            text_deinit(&descriptors);
            return code;
        }
    }
    log_set_component(flags.name);
    micro_memory_settle();
    code = told ? from_environment(&who) : from_server(c, &who);
    world_on_signal(c->world, on_signal, &r);
    if (code == CLI_OK && !told)
        code = make_account(c, &who);
    if (code == CLI_OK) {
        who.options.name = flags.name;
        who.options.version = flags.version;
        if (!flags.address)
            snprintf(who.address, sizeof who.address, "%.250s:0", who.options.host);
        who.options.address = flags.address ? flags.address : who.address;
        code = run(&r, &who, args, text_bytes(&descriptors));
    }
    identity_free(c, &who);
    world_on_signal(c->world, NULL, NULL);
    text_deinit(&descriptors);
    return code;
}
