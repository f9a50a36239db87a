/* What goes to libcurl beside the request, and comes from it beside the answer. */
#ifndef E2E_HTTP_TRANSPORT_H
#define E2E_HTTP_TRANSPORT_H

#include "e2e/internal.h"

struct curl_slist;
struct http_request;

/* What libcurl keeps pointers to while a request runs. */
struct http_transport {
    struct curl_slist *lists[2]; /* connect-to, resolve */
};
/* A step's `curl:`; NULL: there is none. */
int http_transport_check(const struct node *map, struct error *err);
/* `easy` is a CURL handle. */
int http_transport_apply(struct flow_context *x, void *easy, const struct http_request *r, struct http_transport *t);
void http_transport_deinit(struct http_transport *t);
/* Version, address and certificate; NULL: no memory. */
json_t *http_transport_facts(void *easy);

#endif
