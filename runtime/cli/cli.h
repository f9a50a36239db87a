/* The command line's side of a running micro: where its components listen, who we are logged in as, calls, and what
 * their failures mean for the exit code.
 *
 * Everything is called with the codec application/grpc+json, so that services nobody here knows can be called too. */
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

struct cli {
    struct world *world;
    const char *data_dir; /* of the server we talk to */
    const char *home;     /* where tokens are kept */
    const char *namespace;
    const char *token; /* given by flag or environment; NULL: the one of the last login */
};

/* The global flags, filled by the option parser. */
extern struct cli_flags {
    const char *data_dir, *namespace, *token, *log_level;
} cli_flags;

/* Makes the world and fills `c` from the flags and the environment; an exit code. */
int cli_open(struct cli *c);
void cli_close(struct cli *c);

/* Prints "micro: <message>", its first letter in upper case as v3 does, and returns `code`. */
int cli_fail(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));
int cli_fail_error(int code, const struct error *err);

/* ---- where things are ---- */

/* "host:port" of a service: what the server wrote into its run directory, else what the registry says. An exit code. */
int cli_address(struct cli *c, const char *service, struct text *out);
/* The server's status file; NULL after a message when no server runs on the data directory. */
json_t *cli_status(struct cli *c);

/* ---- calls ---- */

struct cli_call {
    const char *service;                /* "helloworld" */
    const char *endpoint;               /* "Helloworld.Call" */
    const char *address;                /* NULL: found by cli_address() */
    const char *json;                   /* the request; NULL: {} */
    const struct option_list *metadata; /* "key=value"; may be NULL */
    int64_t timeout;                    /* ns; 0: none */
    bool anonymous;                     /* without our token */
    bool quiet;                         /* no message on failure */
    /* Each answer's JSON. NULL: nothing is wanted of them. */
    void (*message)(void *arg, struct bytes json);
    void *arg;
};
/* An exit code; a failure was told on stderr. `error` (may be NULL) receives the HTTP-like code of a micro error. */
int cli_call(struct cli *c, const struct cli_call *call, int *error_code);
/* One request, one answer, as jansson values. Drops the reference to `request`. *reply is the caller's. */
int cli_call_json(struct cli *c, const char *service, const char *endpoint, json_t *request, json_t **reply);
/* JSON text indented by tabs, as v3 prints it. */
int cli_print_json(struct bytes json);

/* ---- tokens ---- */

/* The access token to call with, refreshed when it is about to expire; empty when there is none. An exit code. */
int cli_token(struct cli *c, struct text *out);
int cli_token_save(struct cli *c, const char *id, json_t *token); /* the reply of auth.Auth.Token */
int cli_token_forget(struct cli *c, bool *any);

/* ---- commands ---- */

int command_call(const struct arguments *args);
int command_services(const struct arguments *args);
int command_status(const struct arguments *args);
int command_health(const struct arguments *args);
int command_login(const struct arguments *args);
int command_logout(const struct arguments *args);
int command_server(const struct arguments *args);
extern const struct command store_commands[], config_commands[];
extern const struct option call_options[], status_options[], login_options[], server_options_table[];
extern const struct command cli_root;

#endif
