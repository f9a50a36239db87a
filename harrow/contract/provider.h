/* Who pacts are played against: `harrow contract verify --provider`. A system of a manifest, whose components are the
 * providers by their names, or one address. */
#ifndef HARROW_CONTRACT_PROVIDER_H
#define HARROW_CONTRACT_PROVIDER_H

#include "harrow/system/system.h"

#define CONTRACT_METADATA_MAX (TARGET_HEADERS_MAX + 1)

struct contract_provider {
    struct run *run;
    struct system *system; /* NULL: an address */
    struct world *world;   /* whose loop plays */
    struct rpc_channel *channel, *own_channel;
    const char *http;
    struct tls_context *tls;
    struct pb_pool *own_pool;
    const struct pb_pool *pool; /* what was given, or the system's; NULL: not known */
    bool pool_given;            /* on the command line: it goes before the pacts' own */
    struct grpc_header metadata[CONTRACT_METADATA_MAX];
    size_t metadata_count;
};

/* What begins a run for it: the manifest's path, or HOST:PORT of an address or URL; in `out`. False: it is too long. */
bool contract_provider_manifest(const char *provider, char *out, size_t size);
bool contract_provider_is_url(const char *provider);
int contract_provider_open(struct run *r, const char *provider, struct contract_provider **out, struct error *err);
void contract_provider_close(struct contract_provider *p); /* NULL is fine */
/* From here on it is this component; an address is what it is. */
int contract_provider_use(struct contract_provider *p, const char *component, struct error *err);
/* Asks the server what it serves, unless that is known. */
int contract_provider_reflect(struct contract_provider *p, struct error *err);

#endif
