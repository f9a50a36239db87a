/* Tells the runtime's registry (registry.Registry over gRPC) of the doubles, so that the runtime routes to them.
 *
 * Micro's services have the names of their proto packages: every package of which the server has a service is
 * registered under its name, with one node, the endpoints of all its services, and a time to live that is renewed until
 * the registration is stopped. While the registry is away, or refuses, it is asked again. */
#ifndef FAKES_SERVE_REGISTER_H
#define FAKES_SERVE_REGISTER_H

#include "fakes/serve/serve.h"

struct registering;
struct register_options {
    const char *registry;   /* its address */
    const char *advertised; /* ours, as others reach it: "127.0.0.1:9000" */
    const char *token;      /* of an admin of the domain; NULL: none is sent */
    const char *domain;     /* NULL: "micro" */
    /* Hears of the first success and of every change to failing and back; `why` NULL: it is registered. May be NULL. */
    void (*told)(void *arg, const char *why);
    void *arg;
};
/* The server's services as they are now. */
int register_start(struct fake_server *s, const struct register_options *options, struct registering **out,
                   struct error *err);
bool register_done(const struct registering *r); /* all of them are there */
/* Takes everything out again, waits a moment for the registry by running the loop, and frees. NULL is fine. */
void register_stop(struct registering *r);

#endif
