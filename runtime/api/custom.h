/* Routes services asked for: endpoints registered with metadata
 *
 *     path     "/v1/users/{id},^/users/[0-9]+$"   templates (template.h), separated by commas; without one: no route
 *     method   "GET,POST"                          blank: any
 *     host     "api.example.com"                   blank: any
 *     handler  rpc (also meta and blank), api, event, http or web
 *     topic    for event: what to publish on; blank: from the path
 *
 * A request sees the routes of its own namespace first, then those of "micro". Of several that match, an exact path is
 * before a template, a template before a regular expression, more literal segments before fewer, then by the names of
 * service and endpoint: the order does not depend on who registered first. A path that cannot be understood is left
 * out, with a warning. */
#ifndef RUNTIME_API_CUSTOM_H
#define RUNTIME_API_CUSTOM_H

#include "base/array.h"
#include "base/map.h"
#include "proto/registry/registry.pb-c.h"
#include "runtime/api/settings.h"
#include "runtime/api/template.h"

#define CUSTOM_ROUTES_MAX     4096 /* in all */
#define CUSTOM_OF_SERVICE_MAX 256

struct custom_route;
struct api_custom {
    ARRAY(struct custom_route *) routes; /* in order of preference */
    struct map services;                 /* "namespace/service" -> how many routes it has, as a pointer */
};
struct custom_match {
    const char *namespace, *service, *endpoint, *topic; /* valid until the next api_custom_set() */
    enum api_handler handler;
    struct template_value values[TEMPLATE_VARIABLES_MAX];
    size_t value_count;
};

void api_custom_init(struct api_custom *c);
void api_custom_deinit(struct api_custom *c);
bool api_custom_asks(const Registry__Service *service); /* some endpoint of it has a path */
bool api_custom_knows(const struct api_custom *c, const char *namespace, const char *service);
/* The routes of all versions of a service, instead of those known before; none: count 0. */
int api_custom_set(struct api_custom *c, const char *namespace, const char *service, Registry__Service *const *versions,
                   size_t count);
void api_custom_clear(struct api_custom *c);
/* `raw` is the path as sent. False: no route. */
bool api_custom_match(const struct api_custom *c, const char *namespace, const char *method, const char *host,
                      const char *raw, size_t raw_len, struct arena *arena, struct custom_match *out);

#endif
