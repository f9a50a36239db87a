/* Attaching to a system somebody else started: what the command line and the manifest say about it.
 *
 * `harrow fuzz HOST:PORT` and `grpc://HOST:PORT` (grpcs:// with TLS) stand for a manifest of one component.
 * docs/attach.md.
 */
#ifndef HARROW_SYSTEM_ATTACH_H
#define HARROW_SYSTEM_ATTACH_H

#include "base/options.h"
#include "base/units.h"
#include "base/text.h"
#include "harrow/system/manifest.h"
#include "rpc/target.h"

/* As on the command line; each goes before what the manifest says. */
struct attach_options {
    struct option_list protos, proto_paths, metadata;
    const char *descriptors, *ca;
    bool insecure;
};
extern struct attach_options attach;

/* Rows for the option table of a command that can work on an attached system. */
#define ATTACH_OPTIONS                                                                                                 \
    {.name = "descriptors",                                                                                            \
     .kind = OPTION_TEXT,                                                                                              \
     .target = &attach.descriptors,                                                                                    \
     .argument = "FILE",                                                                                               \
     .help = "attach: the contracts, a FileDescriptorSet (default: the server is asked by reflection)"},               \
        {.name = "proto",                                                                                              \
         .kind = OPTION_LIST,                                                                                          \
         .target = &attach.protos,                                                                                     \
         .argument = "FILE",                                                                                           \
         .help = "attach: the contracts, a .proto file"},                                                              \
        {.name = "proto-path",                                                                                         \
         .kind = OPTION_LIST,                                                                                          \
         .target = &attach.proto_paths,                                                                                \
         .argument = "FOLDER",                                                                                         \
         .help = "attach: where .proto files import from (default: the folder of each)"},                              \
        {.name = "metadata",                                                                                           \
         .letter = 'H',                                                                                                \
         .kind = OPTION_LIST,                                                                                          \
         .target = &attach.metadata,                                                                                   \
         .argument = "NAME:VALUE",                                                                                     \
         .help = "attach: sent with every call, e.g. 'authorization: Bearer ${env.TOKEN}'"},                           \
        {.name = "ca",                                                                                                 \
         .kind = OPTION_TEXT,                                                                                          \
         .target = &attach.ca,                                                                                         \
         .argument = "FILE",                                                                                           \
         .help = "attach: certificates a grpcs:// server is trusted by, PEM (default: the system's)"},                 \
    {                                                                                                                  \
        .name = "insecure", .kind = OPTION_FLAG, .target = &attach.insecure,                                           \
        .help = "attach: trust any certificate of a grpcs:// server"                                                   \
    }

/* "http://host", "https://host": a gateway, and no gRPC. */
bool attach_is_http(const char *text);
/* These, "grpc://host:port", "grpcs://host:port", "host:port", "unix:/path": no file's name. */
bool attach_is_address(const char *text);
/* True when the command would work on an attached system: by --driver, or by an address in the place of a manifest. */
bool attach_chosen(const char *manifest);
/* True, with a message on stderr, when it would: for commands that cannot. */
bool attach_refuses(const char *command, const char *manifest, const char *why);
/* The manifest an address stands for. */
int attach_manifest(const char *address, struct manifest **out, struct error *err);
/* Without its scheme; *tls when that is grpcs. NULL: it has another one, or names no port. */
const char *attach_address(const char *text, bool *tls);
/* Appends the options above as they were given; `shown`: for a command that people see, without its secrets. */
void attach_words(struct text *line, bool shown);
/* "NAME: VALUE" with ${names} in the value replaced; the name in lower case. Strings in the arena. */
int attach_metadata_parse(const char *text, const struct manifest_values *values, struct arena *arena,
                          const char **name, const char **value, struct error *err);

/* Fills the pool and the components' services: from files, or by asking the servers, which then answer; of the methods
 * that the run calls when these are known, else of all. Afterwards every component with a gRPC address serves at least
 * one service, but in a run that calls nothing: there no server was asked for anything. */
struct system;
int attach_contracts(struct system *s, struct error *err);
bool attach_more_contracts(struct target *t); /* as in struct target_operations */

/* Waits until the component's gRPC door answers, `end` at the latest; an error says what to try. */
#define ATTACH_PROBE_WITHIN ((uint64_t)(3 * SECOND)) /* of one question whether it does */
int attach_wait_door(struct system *s, const struct target_component *c, uint64_t end, struct error *err);

#endif
