/* A service that answers HTTP beside its calls: pictures, pages, downloads. */
#ifndef RUNTIME_SERVICE_HTTP_H
#define RUNTIME_SERVICE_HTTP_H

#include "rpc/http.h"
#include "runtime/service/service.h"

/* An HTTP server on the host of the service's own server, on a free port, which the gateway hands requests to whose
 * paths match `path` ("/pictures/{path=**}"). Before micro_service_start(), in place of the config's `metadata` and
 * `http_path`. The server is the caller's to free, after the service. */
int micro_service_serve_http(struct micro_service *s, const struct http_server_options *options, const char *path,
                             void (*handle)(void *arg, struct http_exchange *x), void *arg, struct http_server **out,
                             struct error *err);

#endif
