/* TLS of `harrow fakes`: towards servers that are asked (--reflect, --upstream), and of the doubles' own ports. */
#ifndef HARROW_FAKES_TLS_H
#define HARROW_FAKES_TLS_H

#include "base/error.h"
#include "base/options.h"
#include "wire/tls.h"
#include "world/world.h"

struct fakes_tls_files {
    const char *certificate, *key, *ca; /* PEM files, or NULL */
    bool insecure;                      /* of a client */
};
#define FAKES_SERVER_TLS_OPTIONS(files)                                                                                \
    {.name = "tls-cert",                                                                                               \
     .kind = OPTION_TEXT,                                                                                              \
     .target = &(files).certificate,                                                                                   \
     .argument = "FILE",                                                                                               \
     .help = "serve with TLS: the certificate, PEM"},                                                                  \
        {.name = "tls-key", .kind = OPTION_TEXT, .target = &(files).key, .argument = "FILE", .help = "its key, PEM"},  \
    {                                                                                                                  \
        .name = "tls-client-ca", .kind = OPTION_TEXT, .target = &(files).ca, .argument = "FILE",                       \
        .help = "clients must have a certificate that these sign, PEM"                                                 \
    }

/* "grpcs://host:port" is "host:port" with TLS; "grpc://" and nothing are without. */
const char *fakes_address(const char *text, bool *tls);
/* NULL when there is no TLS to be spoken. Freed by the caller. */
int fakes_client_tls(struct world *w, const struct fakes_tls_files *files, bool tls, struct tls_context **out,
                     struct error *err);
/* `protocol`: "h2" or "http/1.1". */
int fakes_server_tls(struct world *w, const struct fakes_tls_files *files, const char *protocol,
                     struct tls_context **out, struct error *err);

#endif
