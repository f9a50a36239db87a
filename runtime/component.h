/* The table of components: what micro is made of. Each entry runs as a process of its own under `micro server`, or as
 * a node in simulation; the same start and stop serve both. */
#ifndef RUNTIME_COMPONENT_H
#define RUNTIME_COMPONENT_H

#include "base/error.h"
#include "world/world.h"

#include <stdbool.h>
#include <stdint.h>

#define MICRO_BASE_PORT  8000 /* v3's ports are this plus the component's offset */
#define MICRO_OFFSET_MAX 443  /* of all of them: network's */
#define MICRO_NAMESPACE  "micro"

/* What every component is told. Filled from the command line and the environment (runtime/options.h); strings are
 * borrowed for the component's life. */
struct micro_options {
    const char *name;     /* of this component */
    const char *data_dir; /* of the whole runtime; a component keeps its own below <data_dir>/<name>/ */
    const char *host;     /* address to listen on; "127.0.0.1" */
    int base_port;
    const char *address; /* listen here instead of host:base_port+offset; port 0 is fine */
    const char *profile; /* "local" */
    /* Where the others are: "registry=store-host:8000,auth=..."; what is not named is host:base_port+offset. */
    const char *peers;
    const char *public_key;   /* PEM: verifies access tokens. NULL: none can be verified, all calls are anonymous */
    const char *private_key;  /* PEM: signs them; the auth component only */
    const char *token;        /* this component's own access token for calls to others */
    const char *admin_secret; /* first admin's secret; auth generates one when NULL */
    const char *config_key;   /* base64 of the 32-byte key for secrets at rest; NULL: a key file is made */
    const char *run_dir;      /* pid file <run_dir>/<name>.pid and address file <run_dir>/<name>.address; NULL: none */
    const char *namespace;    /* where the service is registered and looks for others; "micro" when NULL */
    const char *version;      /* of a service the runtime runs; NULL: the service's own word */
    const char *auth_id;      /* with auth_secret: the account to get access tokens for, when `token` is NULL */
    const char *auth_secret;
    const char *proxy; /* "host:port" of the proxy all calls to other services go through; NULL: directly */
    const struct micro_own_option *own; /* what the component's entry declares; micro_option() reads them */
};

/* An option only one component has. On its command line --<name> VALUE, in the environment MICRO_<COMPONENT>_<NAME>. */
struct micro_own_option {
    const char *name, *value;
    const struct micro_own_option *next;
};
const char *micro_option(const struct micro_options *options, const char *name); /* NULL: not given */

struct component {
    const char *name;
    int port_offset;
    const char *const *needs;    /* names that must answer before this one starts; NULL-terminated */
    const char *const *services; /* full proto names served; NULL-terminated */
    bool stateful;
    bool user;                  /* a user's service that comes with micro: found at the registry. The table sets it */
    const char *const *options; /* names of its own options, NULL-terminated; NULL: none */
    /* Listening, and healthy as soon as it can serve, when this returns 0. */
    int (*start)(struct world *w, const struct micro_options *options, void **state, struct error *err);
    /* Drain gracefully, then call done; stop() follows. NULL: stop at once. */
    void (*drain)(void *state, uint64_t grace, void (*done)(void *arg), void *arg);
    void (*stop)(void *state); /* frees; the world may be dead (simulated crash) */
};

/* In start order; ends with name == NULL. The user services run by default (helloworld, notes) are at the end.
 *
 * A user's own program only has to know where the components are, and does not link their code: what it sees here is
 * the names and port offsets of the core (places.c), until component_use_all() puts the whole table in place. micro and
 * whatever runs components itself calls that first. */
extern const struct component *components;
/* Parts of micro that only run when they are asked for by name (`micro service web`), not with the rest. */
extern const struct component *components_on_demand;
void component_use_all(void);
const struct component *component_find(const char *name);
bool component_is_core(const char *name); /* a part of micro itself, not a service that comes with it */

/* argv as `micro service NAME ...` takes it, for both worlds. Values are copied into storage freed by
 * micro_options_free(). Environment names: MICRO_<OPTION>, e.g. MICRO_AUTH_PRIVATE_KEY (PEM, or base64 of it). */
struct micro_options_storage;
int micro_options_parse(int argc, const char *const *argv, const char *(*getenv_like)(const char *name),
                        struct micro_options_storage **storage, const struct micro_options **out, struct error *err);
void micro_options_free(struct micro_options_storage *s);
/* "host:port" of another component as these options see it. */
int micro_peer_address(const struct micro_options *options, const char *component, char *out, size_t size);
/* Whether `peers` names it; its address then. */
bool micro_peer_named(const struct micro_options *options, const char *component, char *out, size_t size);
/* Whether it is reached at an address fixed by these options: named in `peers`, or a core component (one
 * that is no user's service). Everything else is looked up at the registry. */
bool micro_peer_fixed(const struct micro_options *options, const char *component);

/* The component table as programs for the simulation: argv[0] is "micro", argv[1] the component's name. */
struct sim;
int component_register_all(struct sim *s);

#endif
