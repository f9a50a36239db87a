/* Pacts of a server of doubles (fakes/serve/serve.h): calls that end there become interactions, of one consumer at a
 * time, in a pact for each provider. Unused stubs are no part of it. The doubles' control tells and asks about it. */
#ifndef FAKES_CONSUMER_SERVED_H
#define FAKES_CONSUMER_SERVED_H

#include "fakes/consumer/consumer.h"
#include "fakes/serve/serve.h"

struct served_pacts;

int served_pacts_new(struct fake_server *s, struct served_pacts **out);
void served_pacts_free(struct served_pacts *p); /* before the server; NULL is fine */

struct served_pacts_options {
    const char *consumer;       /* whose calls they are from here on; NULL: nothing is recorded */
    const char *provider;       /* NULL: the package of the service, as the registry knows it */
    bool all;                   /* with calls that no stub answered */
    bool as_grpc;               /* calls that came by HTTP are the gRPC calls they stand for */
    const char *const *headers; /* of requests that are kept, NULL-terminated; or NULL */
    const json_t *given;        /* a list of {name, params}: provider states; or NULL */
};
/* Copied. From here on. */
int served_pacts_record(struct served_pacts *p, const struct served_pacts_options *options);

/* The pacts so far, those of one interaction at least. */
size_t served_pacts_count(const struct served_pacts *p);
struct consumer *served_pacts_at(struct served_pacts *p, size_t i);
size_t served_pacts_passed_over(const struct served_pacts *p); /* calls that are no part of any */
/* All of them into the folder; `told` (or NULL) is given a line for each file. */
int served_pacts_write(struct served_pacts *p, const char *folder, struct text *told, struct error *err);

#endif
