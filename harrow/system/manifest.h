/* The manifest: one YAML file that says what a system is made of and how it is started. docs/manifest.md.
 *
 * Strings may hold ${names}: bin (the folder of this program), here (the folder of the manifest), data (the run's data
 * folder), port and port+N (a block of free ports), secret (drawn for each run), env.NAME (a variable of the
 * environment), via.NAME and peers (links.h: where a component finds the others), enter (driver_network.h). They are
 * expanded once, by manifest_expand(), when a driver knows them. */
#ifndef HARROW_SYSTEM_MANIFEST_H
#define HARROW_SYSTEM_MANIFEST_H

#include "base/arena.h"
#include "base/document.h"
#include "base/error.h"
#include "rpc/target.h"
#include "world/world.h"

#include <stdbool.h>
#include <stdint.h>

#define MANIFEST_SIZE_MAX       ((size_t)1 << 20)
#define MANIFEST_COMPONENTS_MAX 256

struct manifest_component {
    const char *name;
    const char *address;          /* "127.0.0.1:${port+2}"; NULL: no gRPC door */
    const char *http;             /* NULL: no HTTP door */
    struct target_tcp tcp;        /* its door of another protocol; address NULL: none */
    const char *socket;           /* a unix socket in its working directory, where the others find it under the same
                                     name in theirs (links.h); NULL: none */
    const char *package;          /* Debian's, that its program is in; NULL: not said */
    const char *const *services;  /* NULL-terminated */
    const char *pid_file;         /* written by the system's own supervisor; NULL: none */
    const char *const *start;     /* how to run it alone; NULL: it cannot */
    const char *program;          /* sim: name in the component table; NULL: not simulated */
    const char *const *arguments; /* sim: further arguments */
    bool stateful;
    int line, column;
};

/* What only --driver attach needs. */
struct manifest_attach {
    const char *ca; /* PEM file; NULL: the system's certificates */
    bool insecure;
    const char *const *protos, *const *proto_paths; /* NULL-terminated */
    const char *const *metadata;                    /* "name: value", NULL-terminated */
};

struct manifest_call {
    const char *call, *request, *token; /* "auth.Auth/Token", JSON, JSON path; call NULL: none */
};

struct manifest {
    struct arena arena;
    struct document *document;
    const char *path, *name, *about, *namespace, *gateway;
    const char *const *start; /* the whole system's command; NULL: components are started one by one */
    const int64_t *ports;     /* offsets from ${port} that must be free */
    size_t port_count;
    int64_t ready_within;                                 /* ns */
    const char *descriptors;                              /* file with a FileDescriptorSet; NULL: the built-in one */
    const char *login_call, *login_request, *login_token; /* "auth.Auth/Token", JSON, JSON path; NULL: no login */
    bool login_required;                                  /* every method needs a token, */
    const char *const *login_open;                        /* but these: "auth.Auth/Token"; NULL-terminated */
    struct manifest_call other_make, other;               /* a second account: making it, and its login */
    struct manifest_attach attach;
    bool address;             /* it stands for an address (harrow/system/attach.h): no file */
    const char *const *flows; /* folders or files, relative to the manifest */
    const char *const *contracts;
    struct manifest_component *components;
    size_t component_count;
};

/* `path` is what messages call it, and what its relative paths start from. */
int manifest_parse(struct bytes content, const char *path, struct manifest **out, struct error *err);
int manifest_parse_json(struct bytes content, const char *path, struct manifest **out, struct error *err);
int manifest_load(struct world *w, const char *path, struct manifest **out, struct error *err);
void manifest_free(struct manifest *m);
const struct manifest_component *manifest_find(const struct manifest *m, const char *name);

/* How a system that harrow starts can be told, part by part, to reach its peers through links. */
enum manifest_links {
    MANIFEST_LINKS_NONE, /* it cannot */
    MANIFEST_LINKS_ALL,  /* by a folder, ${peers}: every part every other */
    MANIFEST_LINKS_VIA,  /* by ${via.NAME}: those that are named */
};
enum manifest_links manifest_links(const struct manifest *m);
bool manifest_has_sockets(const struct manifest *m);
bool manifest_names_via(const struct manifest_component *c, const char *name); /* ${via.NAME} is in its `start` */

struct manifest_values {
    const char *bin, *here;
    const char *data, *secret; /* NULL: there is none, since the system is not ours */
    int port;                  /* 0: likewise */
    struct world *world;       /* whose environment; NULL: ${env.NAME} is not known */
    const char *peers;         /* a folder; NULL: there is none */
    const char *enter;         /* the command in front of each part's (driver_network.h); NULL: none is needed */
    /* Where ${via.NAME} is for the component whose texts are expanded; NULL: not known here. In the arena. */
    int (*via)(void *arg, const char *name, struct arena *arena, const char **out, struct error *err);
    void *via_arg;
};
/* A new string in the arena with every ${name} replaced; ERROR_INVALID names one that is not known or has no end. */
int manifest_expand(const char *text, const struct manifest_values *values, struct arena *arena, const char **out,
                    struct error *err);
int manifest_expand_list(const char *const *list, const struct manifest_values *values, struct arena *arena,
                         const char *const **out, struct error *err);
/* A path of the manifest, relative to the manifest's folder, in the arena. */
const char *manifest_path(const struct manifest *m, const char *path, struct arena *arena);

#endif
