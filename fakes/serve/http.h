/* What requests by HTTP and by WebSocket share: from a path to a method, from headers to metadata, errors as JSON. */
#ifndef FAKES_SERVE_HTTP_H
#define FAKES_SERVE_HTTP_H

#include "fakes/serve/exchange.h"
#include "rpc/http.h"
#include "rpc/metadata.h"

/* http_map.c. `why` NULL: not wanted. */
struct served_method *http_find(struct fake_server *s, const char *path, struct text *why);
/* Headers but those of HTTP itself, in the exchange's arena. */
struct grpc_metadata http_metadata(struct http_exchange *x, struct rpc_header_list *list);
int http_timeout(struct http_exchange *x, uint64_t *out); /* "Timeout: 5s" or "Grpc-Timeout: 5S"; 0: none */
int http_status_of(int status);
/* Micro's error as JSON, appended; the message's own when it is one. Returns the HTTP status. */
int http_error_json(int status, struct bytes message, struct text *out);

/* http_query.c */
/* A request from the parameters of a GET: fields by name, "a.b" for those of a message, several of one name for a list,
 * "m[key]" for a map. NULL, and the error says why. */
json_t *http_query_tree(const struct pb_type *type, const char *query, struct error *err);
/* The same, added to a request that has some fields already. */
struct http_query_limits {
    bool system;                  /* "$alt" and the like are left out */
    bool none;                    /* no parameters: the fields are in the body */
    const struct pb_field *taken; /* this one is in the body; NULL: none is */
};
int http_query_add(const struct pb_type *type, const char *query, const struct http_query_limits *limits, json_t *tree,
                   struct error *err);
/* One field. `name` is written to. */
int http_query_put(const struct pb_type *type, json_t *tree, char *name, const char *text, struct error *err);

/* socket.c */
void socket_open(struct fake_server *s, struct http_exchange *x, struct served_method *m);

#endif
