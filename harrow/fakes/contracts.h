/* Which contracts the doubles of `harrow fakes` are for: given as .proto files, as descriptor sets, told by a server by
 * reflection, or those that are built in. */
#ifndef HARROW_FAKES_CONTRACTS_H
#define HARROW_FAKES_CONTRACTS_H

#include "base/arena.h"
#include "base/array.h"
#include "base/map.h"
#include "base/options.h"
#include "harrow/fakes/tls.h"
#include "wire/pb.h"
#include "world/world.h"

struct fakes_from {
    struct option_list protos, paths, sets, services;
    const char *reflect;
    struct fakes_tls_files tls; /* towards servers that are asked */
    bool all;
};
extern struct fakes_from fakes_from;
/* Rows for a command's option table. */
#define FAKES_FROM_OPTIONS                                                                                             \
    {.name = "proto",                                                                                                  \
     .kind = OPTION_LIST,                                                                                              \
     .target = &fakes_from.protos,                                                                                     \
     .argument = "FILE|FOLDER",                                                                                        \
     .help = "contracts: a .proto file or a folder of them"},                                                          \
        {.name = "proto-path",                                                                                         \
         .letter = 'I',                                                                                                \
         .kind = OPTION_LIST,                                                                                          \
         .target = &fakes_from.paths,                                                                                  \
         .argument = "FOLDER",                                                                                         \
         .help = "where .proto files import from (default: the folder of each)"},                                      \
        {.name = "descriptor-set",                                                                                     \
         .kind = OPTION_LIST,                                                                                          \
         .target = &fakes_from.sets,                                                                                   \
         .argument = "FILE",                                                                                           \
         .help = "contracts: a descriptor set as protoc -o writes it"},                                                \
        {.name = "reflect",                                                                                            \
         .kind = OPTION_TEXT,                                                                                          \
         .target = &fakes_from.reflect,                                                                                \
         .argument = "HOST:PORT",                                                                                      \
         .help = "contracts: what the server there tells by reflection; grpcs://HOST:PORT with TLS"},                  \
        {.name = "ca",                                                                                                 \
         .kind = OPTION_TEXT,                                                                                          \
         .target = &fakes_from.tls.ca,                                                                                 \
         .argument = "FILE",                                                                                           \
         .help = "who signs the certificates of servers that are asked, PEM (default: the system's)"},                 \
        {.name = "cert",                                                                                               \
         .kind = OPTION_TEXT,                                                                                          \
         .target = &fakes_from.tls.certificate,                                                                        \
         .argument = "FILE",                                                                                           \
         .help = "a certificate to show them, PEM"},                                                                   \
        {.name = "key",                                                                                                \
         .kind = OPTION_TEXT,                                                                                          \
         .target = &fakes_from.tls.key,                                                                                \
         .argument = "FILE",                                                                                           \
         .help = "its key, PEM"},                                                                                      \
        {.name = "insecure",                                                                                           \
         .kind = OPTION_FLAG,                                                                                          \
         .target = &fakes_from.tls.insecure,                                                                           \
         .help = "their certificates are not verified"},                                                               \
        {.name = "all", .kind = OPTION_FLAG, .target = &fakes_from.all, .help = "every contract that is built in"},    \
    {                                                                                                                  \
        .name = "service", .kind = OPTION_LIST, .target = &fakes_from.services, .argument = "NAME",                    \
        .help = "only this service: full name, last part, or a package with all its services"                          \
    }

struct fakes_contracts {
    struct pb_pool *pool;                      /* with the doubles' own service */
    ARRAY(const struct pb_service *) services; /* in the order of their files */
    struct map paths;                          /* of .proto files, by the names they have in the pool */
    struct arena arena;                        /* of these */
};
/* From what the options say. ERROR_NOT_FOUND with the nearest name for a service that is not there. */
int fakes_contracts_load(struct world *w, struct fakes_contracts *out, struct error *err);
/* Where a contract's file was read from; NULL: it came otherwise. */
const char *fakes_contracts_path(const struct fakes_contracts *c, const char *file);
void fakes_contracts_deinit(struct fakes_contracts *c);

#endif
