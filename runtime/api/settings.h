/* What the gateway is told beyond a component's common options: read once, at the start, with clear words for what is
 * wrong. Files (TLS) are read through the world. */
#ifndef RUNTIME_API_SETTINGS_H
#define RUNTIME_API_SETTINGS_H

#include "base/arena.h"
#include "runtime/component.h"
#include "wire/tls.h"

enum api_handler { API_META, API_RPC, API_API, API_EVENT, API_HTTP };

#define API_ORIGINS_MAX 64
#define API_PEM_MAX     ((size_t)1 << 20) /* bytes of a certificate or key file */
#define API_PROXIES_MAX 16
#define API_RATE_MAX    1e9

struct api_settings {
    struct arena arena;
    enum api_handler handler; /* for what no service's endpoint asked for; API_META is API_RPC then */
    bool cors;
    const char *origins[API_ORIGINS_MAX + 1]; /* allowed to send cookies; NULL-terminated */
    int trusted_proxies;                      /* so many entries at the end of X-Forwarded-For were written by ours */
    int blocklist;                            /* -1: as the config says */
    double rate, burst;                       /* requests a second; rate 0: no limit */
    struct tls_context *tls;                  /* NULL: plain HTTP */
};

/* Names of the options, for the component's entry. */
extern const char *const api_option_names[];
int api_settings_read(struct api_settings *s, struct world *w, const struct micro_options *options, struct error *err);
void api_settings_deinit(struct api_settings *s);
bool api_handler_named(const char *name, enum api_handler *out);

#endif
