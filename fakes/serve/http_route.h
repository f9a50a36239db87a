/* The paths that methods have by google.api.http (wire/http_rule.h), and what requests to them mean. */
#ifndef FAKES_SERVE_HTTP_ROUTE_H
#define FAKES_SERVE_HTTP_ROUTE_H

#include "fakes/serve/http.h"
#include "wire/http_rule.h"

struct http_route {
    struct http_binding binding;
    struct served_method *method;
};

/* In the order they are asked in: the nearer template first, of the same ones the one that was added first. */
struct http_routes {
    struct arena arena;
    ARRAY(struct http_route) list;
};

/* Those of a service. The error has the place of a bad rule. */
int http_routes_add(struct http_routes *r, struct served_service *service, struct error *err);
void http_routes_deinit(struct http_routes *r);
/* NULL: none. `allow` gets the methods of those that have the path, "GET, PUT". */
const struct http_route *http_routes_find(const struct http_routes *r, const char *method, struct bytes path,
                                          struct text *allow);

/* The part of the request that path and query hold, appended as wire bytes; *numbers: enums in the answer are numbers.
 * ERROR_INVALID, ERROR_MEMORY. */
int http_route_bind(const struct http_route *r, struct bytes path, const char *query, struct text *wire, bool *numbers,
                    struct error *err);

/* What a request carries besides: JSON as text or (not NULL) as a tree, or the bytes of a message. */
struct http_payload {
    struct bytes body;
    const json_t *tree;
    const char *type; /* of a google.api.HttpBody; may be NULL */
    bool binary;
};
/* The same of the body. */
int http_route_body(const struct http_route *r, const struct http_payload *payload, struct text *wire,
                    struct error *err);
/* The answer's body, appended; *type is set when it is no JSON (a google.api.HttpBody; borrowed from `reply`). */
int http_route_reply(const struct http_route *r, struct bytes reply, bool numbers, struct text *out,
                     struct bytes *type);

#endif
