/* The command line's side of a running micro: where its components listen, who we are logged in as, calls, and what
 * their failures mean for the exit code.
 *
 * Everything is called with the codec application/grpc+json, so that services nobody here knows can be called too.
 *
 * A command's run function gets a `struct cli` as its context (cli_of): dispatch.c makes it once the flags are read
 * and gives it back when the command is over. Each family of commands is one file that ends in its table; root.c
 * gathers the tables. Messages go to stderr, through cli_fail(); what was asked for goes to stdout. */
#ifndef RUNTIME_CLI_CLI_H
#define RUNTIME_CLI_CLI_H

#include "base/error.h"
#include "base/options.h"
#include "base/text.h"
#include "rpc/rpc.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* Exit codes, v3's. */
enum cli_exit {
    CLI_OK = 0,
    CLI_TIMEOUT = 1,      /* 408; also failures of our own */
    CLI_UNAUTHORIZED = 2, /* 401; also usage errors */
    CLI_MALFORMED = 3,    /* malformed endpoint, request or response */
    CLI_NOT_FOUND = 4,    /* service not found, or it cannot be connected to */
    CLI_NO_METHOD = 5,
    CLI_FAILED = 127, /* any other micro error */
    CLI_UNKNOWN = 128,
};

#define CLI_PATH_MAX     1024
#define CLI_CALL_TIMEOUT "10s"
#define CLI_DATA_DEFAULT "server"           /* below the home folder */
#define CLI_ANSWERS_MAX  ((size_t)64 << 20) /* bytes kept of all answers to one call */
#define CLI_ENV_LOCAL    "local"            /* the environment of a server on this machine */

struct cli {
    struct world *world;
    const char *data_dir; /* of the server we talk to, when `proxy` is NULL */
    const char *home;     /* where config.json and tokens are kept */
    const char *namespace;
    const char *token; /* given by flag or environment; NULL: the one of the last login */
    const char *env;   /* name of the environment in force */
    const char *proxy; /* everything is called there; NULL: each component at its own address */
    const char *login; /* what its logins are kept under (tokens.c) */
    struct cli_tls {   /* paths of PEM files, for calls with TLS; NULL: the system's, none */
        const char *ca, *certificate, *key;
    } tls_files;
    bool env_unknown;            /* no environment is called so */
    int error_code;              /* HTTP-like, of the last call that failed with a micro error; 0: it did not */
    struct arena arena;          /* texts of the above */
    struct rpc_channel *channel; /* of the last call, kept for the next one to the same address */
    struct tls_context *tls;
    struct text channel_address;
};

/* The global flags, filled by the option parser. */
extern struct cli_flags {
    const char *data_dir, *namespace, *token, *log_level, *env, *proxy, *config;
    const char *output;
    bool json;
} cli_flags;

/* For every command that prints a table: --output table|json, and --json. */
extern const char *const cli_outputs[];
#define CLI_OUTPUT_OPTIONS                                                                                             \
    {.name = "output",                                                                                                 \
     .letter = 'o',                                                                                                    \
     .kind = OPTION_CHOICE,                                                                                            \
     .target = &cli_flags.output,                                                                                      \
     .argument = "FORMAT",                                                                                             \
     .help = "table or json",                                                                                          \
     .fallback = "table",                                                                                              \
     .choices = cli_outputs},                                                                                          \
    {                                                                                                                  \
        .name = "json", .kind = OPTION_FLAG, .target = &cli_flags.json, .help = "the same as --output json"            \
    }
bool cli_as_json(void);

/* The whole of a run: finds the command, reads its flags, runs it; the exit code. */
int cli_main(int argc, char **argv);

/* Makes the world and fills `c` from the flags and the environment; an exit code. */
int cli_open(struct cli *c);
void cli_close(struct cli *c);
static inline struct cli *cli_of(const struct arguments *args)
{
    return args->context;
}

/* Prints the message, its first letter in upper case as v3 does (but not that of a word that was put in: the user's
 * own stays as it was written), and returns `code`. */
int cli_fail(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));
int cli_fail_error(int code, const struct error *err);
int cli_no_memory(void);
/* While quiet, cli_fail() says nothing, but keeps its last words. Returns what it was. */
bool cli_quiet(bool quiet);
const char *cli_quiet_words(void); /* since it became quiet; "": there was no message */

/* ---- where things are ---- */

/* Where a service is called: at the environment's proxy; on a server of this machine a component of micro's own at its
 * own address, and every other service through the server's proxy, which knows the nodes of all namespaces, takes them
 * in turn, leaves out those that refuse, and asks the network's peers. No service of a user's is thus ever taken for a
 * part of micro, nor the other way around. An exit code. */
int cli_address(struct cli *c, const char *service, struct text *out);
/* Every version of a service, the registry's answer. CLI_NOT_FOUND (no such service, nobody to ask) and
 * CLI_UNAUTHORIZED come without a message: cli_not_found() says it, with the reason cli_find_service() met, and returns
 * the code. */
int cli_find_service(struct cli *c, const char *service, json_t **reply);
int cli_not_found(int code, const char *service);
/* The server's status file; NULL after a message when no server runs on the data directory. */
json_t *cli_status(struct cli *c);
/* Our own executable. False: it cannot be found out. */
bool cli_program(char out[CLI_PATH_MAX]);

/* ---- environments (environment.c): <home>/config.json ---- */

/* An object, the caller's; NULL after a message when the file cannot be read. */
json_t *cli_config_load(struct cli *c);
int cli_config_save(struct cli *c, const json_t *config);
/* Fills env, proxy, namespace, login and the files of TLS from flags and the file. */
int cli_environment(struct cli *c);
/* CLI_OK, or EXIT_USAGE after a message that names the environments there are. */
int cli_environment_check(struct cli *c);

/* ---- calls ---- */

struct cli_call {
    const char *service;                /* "helloworld" */
    const char *endpoint;               /* "Helloworld.Call" */
    const char *address;                /* NULL: found by cli_address() */
    bool ours;                          /* `address` is one of our own micro's: our token goes along */
    const char *json;                   /* the request; NULL: {} */
    const struct option_list *metadata; /* "key=value"; may be NULL */
    int64_t timeout;                    /* ns; 0: none */
    bool anonymous;                     /* without our token */
    bool quiet;                         /* no message on failure */
    /* The request is a stream: fills in its next message, false at its end; `json` is not used. */
    bool (*feed)(void *arg, struct text *json);
    void *feed_arg;
    /* Each answer's JSON. NULL: nothing is wanted of them. */
    void (*message)(void *arg, struct bytes json);
    const bool *stop; /* looked at after each answer: true ends the call, which is no failure; may be NULL */
    void *arg;
};
/* c->channel to an address as cli_channel_check() takes it: the one there is, when the last call went there too. */
int cli_channel(struct cli *c, const char *address, struct error *err);
void cli_disconnect(struct cli *c); /* closes what was kept open for the next call */
/* "HOST:PORT", with "https://" or "http://" in front of it or without. *tls: how it is called. ERROR_INVALID. */
int cli_channel_check(const char *address, bool *tls, struct error *err);
/* An exit code; a failure was told on stderr. c->error_code receives the HTTP-like code of a micro error. */
int cli_call(struct cli *c, const struct cli_call *call);
/* The first answer's JSON, the caller's; NULL unless CLI_OK. `message` and `arg` are not used. */
int cli_call_value(struct cli *c, const struct cli_call *call, json_t **reply);
/* One request, one answer, as jansson values. Drops the reference to `request`. *reply is the caller's. */
int cli_call_json(struct cli *c, const char *service, const char *endpoint, json_t *request, json_t **reply);
/* The same without a limit in time and, when `quiet`, without a message on failure. */
int cli_call_slow(struct cli *c, const char *service, const char *endpoint, json_t *request, bool quiet,
                  json_t **reply);
/* For a request whose answer holds nothing. */
int cli_tell(struct cli *c, const char *service, const char *endpoint, json_t *request);
/* A stream of answers, until it ends; `each` returns an exit code, and anything but CLI_OK ends it. */
int cli_call_each(struct cli *c, const char *service, const char *endpoint, json_t *request,
                  int (*each)(void *arg, const json_t *answer), void *arg);

/* ---- printing (print.c) ---- */

/* JSON text indented by tabs, as v3 prints it. */
int cli_print_json(struct bytes json);
int cli_print_value(const json_t *value);

struct cli_column {
    const char *title;
    const char *key;                                   /* the member of a row that is shown */
    void (*cell)(struct text *out, const json_t *row); /* instead of `key` */
};
/* Rows of equally wide columns under their titles; an empty cell reads "n/a". With --output json the rows as they are.
 * `rows` is an array of objects, or NULL for none. An exit code. */
int cli_table(const json_t *rows, const struct cli_column *columns, size_t count);
/* The strings of an array, one a line; sorted and once each when asked for. With --output json as an array. */
int cli_names(const json_t *names, bool sorted);
/* Text of a member; "" when it is absent or no text. */
const char *cli_text(const json_t *object, const char *key);
/* A number of a member: proto3 JSON writes 64-bit integers as text. */
int64_t cli_integer(const json_t *object, const char *key);
/* {"a":"b"} as "a=b, c=d". */
void cli_pairs(struct text *out, const json_t *map);
/* "key=value" words into an object; an exit code. */
int cli_parse_pairs(const struct option_list *words, const char *what, json_t **out);
/* Words joined by commas or given several times, into an array. */
json_t *cli_list(const struct option_list *words);
/* Seconds since 1970 as RFC 3339 in UTC. */
void cli_time(struct text *out, int64_t seconds);

/* ---- tokens ---- */

/* The access token to call with, refreshed when it is about to expire; empty when there is none. An exit code. */
int cli_token(struct cli *c, struct text *out);
int cli_token_id(struct cli *c, struct text *out);                /* whom we logged in as; empty: nobody */
int cli_token_save(struct cli *c, const char *id, json_t *token); /* the reply of auth.Auth.Token */
int cli_token_forget(struct cli *c, bool *any);
int cli_token_forget_all(struct cli *c, const char *login); /* of all namespaces */

/* ---- processes ---- */

struct cli_process {
    const char *const *argv;        /* NULL-terminated; the program is looked for on the PATH */
    const char *const *environment; /* as in world_spawn */
    const char *directory;          /* NULL: ours */
    bool silent;                    /* its output is only shown when it fails */
    struct text *output;            /* its standard output, instead of the terminal; NULL: shown */
};
/* Runs it to its end. *status receives how it ended; an exit code when it could not be run at all. */
int cli_run_process(struct cli *c, const struct cli_process *what, struct world_exit *status);

/* ---- commands ---- */

/* micro SERVICE ..., argv[0] is the service. *known: there is such a service; else nothing was printed. */
int command_dynamic(struct cli *c, int argc, char **argv, bool *known);
int command_external(struct cli *c, const char *path, int argc, char **argv);
/* The program micro-<word> on the PATH. */
bool command_external_find(const char *word, char out[CLI_PATH_MAX]);

/* micro service COMPONENT --help. False: there is no such component. */
bool cli_component_help(const char *name, struct text *out);
/* Shows what was printed so far, as a stream is read while it comes. */
void cli_flush(void);
/* Ends standard output; the exit code. What could not be written is a failure. */
int cli_end_output(int code);

int command_call(const struct arguments *args);
int command_stream(const struct arguments *args);
int command_services(const struct arguments *args);
int cli_components(struct cli *c, const char *only); /* micro status --components */
int command_health(const struct arguments *args);
int command_login(const struct arguments *args);
int command_logout(const struct arguments *args);
int command_server(const struct arguments *args);
int command_service(const struct arguments *args);
int command_web(const struct arguments *args);
int command_cli(const struct arguments *args);
int command_init(const struct arguments *args);
int command_shutdown(const struct arguments *args);
int command_run(const struct arguments *args);
int command_update(const struct arguments *args);
int command_kill(const struct arguments *args);
int command_status(const struct arguments *args);
int command_logs(const struct arguments *args);
int command_new(const struct arguments *args);
int command_gen(const struct arguments *args);
int command_sdk(const struct arguments *args);
extern const struct command store_commands[], config_commands[], get_commands[], auth_commands[], user_commands[],
    env_commands[], events_commands[], broker_commands[], network_commands[], debug_commands[];
extern const struct option call_options[], stream_options[], services_options[], status_options[], login_options[],
    server_options_table[], run_options[], update_options[], kill_options[], logs_options[], sdk_options[],
    gen_options[], service_options[], web_options[], init_options[];
extern const struct command cli_root;

#endif
