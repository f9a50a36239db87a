#include "runtime/api/settings.h"

#include "base/units.h"

#include <stdlib.h>
#include <string.h>

const char *const api_option_names[] = {
    "handler",       "enable-cors",     "cors-origins",       "enable-tls",
    "tls-cert-file", "tls-key-file",    "tls-client-ca-file", "rate-limit",
    "rate-burst",    "trusted-proxies", "blocklist-enabled",  NULL,
};

bool api_handler_named(const char *name, enum api_handler *out)
{
    static const struct {
        const char *name;
        enum api_handler handler;
    } names[] = {{"meta", API_META},   {"rpc", API_RPC},   {"api", API_API},
                 {"event", API_EVENT}, {"http", API_HTTP}, {"web", API_HTTP}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(name, names[i].name) == 0) {
            *out = names[i].handler;
            return true;
        }
    }
    return false;
}

static int read_bool(const struct micro_options *options, const char *name, bool *out, struct error *err)
{
    const char *value = micro_option(options, name);
    if (!value)
        return 0;
    *out = strcmp(value, "true") == 0 || strcmp(value, "1") == 0;
    if (!*out && strcmp(value, "false") != 0 && strcmp(value, "0") != 0)
        return error_set(err, ERROR_INVALID, "option %s: \"%s\" is neither true nor false", name, value);
    return 0;
}

static int read_number(const struct micro_options *options, const char *name, double *out, struct error *err)
{
    const char *value = micro_option(options, name);
    char *end = NULL;
    if (!value)
        return 0;
    *out = strtod(value, &end);
    if (end == value || *end || !(*out >= 0 && *out <= API_RATE_MAX))
        return error_set(err, ERROR_INVALID, "option %s: \"%s\" is not a number from 0 to 1e9", name, value);
    return 0;
}

static int read_origins(struct api_settings *s, const struct micro_options *options, struct error *err)
{
    const char *list = micro_option(options, "cors-origins");
    size_t count = 0;
    for (const char *at = list; at && *at;) {
        size_t len = strcspn(at, ",");
        const char *origin = arena_string_n(&s->arena, at, len);
        if (!origin)
            return error_set(err, ERROR_MEMORY, "out of memory");
        if (!strstr(origin, "://") || strpbrk(origin, " *\"<>\r\n"))
            return error_set(err, ERROR_INVALID, "option cors-origins: \"%s\" is not an origin (https://host)", origin);
        if (count == API_ORIGINS_MAX)
            return error_set(err, ERROR_LIMIT, "option cors-origins: more than %d origins", API_ORIGINS_MAX);
        s->origins[count++] = origin;
        at += len + (at[len] == ',');
    }
    return 0;
}

/* *out stays NULL when the option is not given. */
static int read_pem(struct world *w, const struct micro_options *options, const char *name, struct text *out,
                    struct error *err)
{
    const char *path = micro_option(options, name);
    if (!path)
        return 0;
    int rc = world_read_file(w, path, API_PEM_MAX, out, err);
    if (rc != 0)
        (void)error_wrap(err, "option %s: %s cannot be read", name, path);
    return rc;
}

static int read_tls(struct api_settings *s, struct world *w, const struct micro_options *options, struct error *err)
{
    static const char *const alpn[] = {"http/1.1", NULL};
    struct text certificate = TEXT_INIT, key = TEXT_INIT, ca = TEXT_INIT;
    bool enabled = false;
    int rc = read_bool(options, "enable-tls", &enabled, err);
    if (rc != 0 || !enabled)
        return rc;
    if (!micro_option(options, "tls-cert-file") || !micro_option(options, "tls-key-file"))
        return error_set(err, ERROR_INVALID, "option enable-tls needs tls-cert-file and tls-key-file");
    rc = read_pem(w, options, "tls-cert-file", &certificate, err);
    if (rc == 0)
        rc = read_pem(w, options, "tls-key-file", &key, err);
    if (rc == 0)
        rc = read_pem(w, options, "tls-client-ca-file", &ca, err);
    if (rc == 0) {
        const struct tls_options tls = {.server = true,
                                        .certificate_pem = text_string(&certificate),
                                        .key_pem = text_string(&key),
                                        .ca_pem = ca.len ? text_string(&ca) : NULL,
                                        .alpn = alpn};
        rc = tls_context_new(&tls, &s->tls, err);
        if (rc != 0)
            (void)error_wrap(err, "certificate %s and key %s cannot be used", micro_option(options, "tls-cert-file"),
                             micro_option(options, "tls-key-file"));
    }
    if (key.len)
        explicit_bzero(key.data, key.len);
    text_deinit(&certificate);
    text_deinit(&key);
    text_deinit(&ca);
    return rc;
}

int api_settings_read(struct api_settings *s, struct world *w, const struct micro_options *options, struct error *err)
{
    *s = (struct api_settings){.handler = API_META, .cors = true, .blocklist = -1};
    const char *handler = micro_option(options, "handler"), *proxies = micro_option(options, "trusted-proxies");
    if (handler && !api_handler_named(handler, &s->handler))
        return error_set(err, ERROR_INVALID, "option handler: there is no handler \"%s\"", handler);
    int rc = read_bool(options, "enable-cors", &s->cors, err);
    if (rc == 0)
        rc = read_origins(s, options, err);
    if (rc == 0)
        rc = read_number(options, "rate-limit", &s->rate, err);
    s->burst = s->rate * 2 < 1 ? 1 : s->rate * 2;
    if (rc == 0)
        rc = read_number(options, "rate-burst", &s->burst, err);
    int64_t count = 0;
    if (rc == 0 && proxies)
        rc = units_parse_integer(proxies, 0, API_PROXIES_MAX, &count, err);
    s->trusted_proxies = (int)count;
    bool blocklist = false;
    if (rc == 0 && micro_option(options, "blocklist-enabled")) {
        rc = read_bool(options, "blocklist-enabled", &blocklist, err);
        s->blocklist = blocklist;
    }
    if (rc == 0)
        rc = read_tls(s, w, options, err);
    if (rc != 0)
        api_settings_deinit(s);
    return rc;
}

void api_settings_deinit(struct api_settings *s)
{
    tls_context_free(s->tls);
    arena_deinit(&s->arena);
    *s = (struct api_settings){0};
}
