/* An HTTP server in front of another one: requests and answers go through whole, and every call that was answered is
 * added to a record. Everything runs on the loop of one world. Of WebSockets and other upgrades nothing is passed on
 * (501); answers that never end are not either. */
#ifndef E2E_RECORD_PROXY_H
#define E2E_RECORD_PROXY_H

#include "e2e/record/record.h"
#include "rpc/http.h"

struct record_proxy;
struct record_proxy_options {
    const char *upstream;     /* "http://127.0.0.1:8080", borrowed; what is asked for stands behind it */
    struct tls_context *tls;  /* for https://, borrowed; NULL: plaintext */
    struct recording *record; /* borrowed */
    /* After each call, added or not: `code` is recording_add()'s. May be NULL. */
    void (*told)(void *arg, const char *what, int code);
    void *arg;
};
int record_proxy_new(struct world *w, const struct record_proxy_options *options, struct record_proxy **out,
                     struct error *err);
int record_proxy_listen(struct record_proxy *p, const char *address, struct error *err);
int record_proxy_port(const struct record_proxy *p);
void record_proxy_free(struct record_proxy *p); /* calls under way are cut; NULL is fine */

#endif
