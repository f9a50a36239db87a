/* A program that is one service, as users write them: what to serve, and micro_program_main() as its main().
 *
 *     static int setup(struct micro_service *s, void **state, struct error *err) { ... micro_service_add() ... }
 *     static const struct micro_program notes = {.name = "notes", .setup = setup, .stop = stop};
 *     int main(int argc, char **argv) { return micro_program_main(&notes, argc, argv); }
 *
 * The runtime tells a service it started what to be, in the environment: MICRO_SERVICE_NAME, MICRO_SERVICE_VERSION,
 * MICRO_NAMESPACE, MICRO_AUTH_ID with MICRO_AUTH_SECRET (its account), MICRO_AUTH_PUBLIC_KEY, MICRO_PEERS,
 * MICRO_BASE_PORT, MICRO_SERVICE_ADDRESS, MICRO_RUN_DIR; each is a command line option as well (--peers ...), and a
 * first argument without dashes is the service's name. Without an address it listens on a free port of 127.0.0.1.
 *
 * It registers itself, answers calls, and on SIGTERM or SIGINT leaves the registry, finishes the calls in flight (for
 * at most 5 s) and ends with exit code 0; a second signal ends it at once. A wrong option gives exit code 2, a service
 * that cannot start 1, each with a message on the standard error stream. */
#ifndef RUNTIME_SERVICE_PROGRAM_H
#define RUNTIME_SERVICE_PROGRAM_H

#include "runtime/service/service.h"

struct micro_program {
    const char *name;    /* unless the environment says otherwise */
    const char *version; /* the same; NULL: "latest" */
    /* Adds what is served with micro_service_add(). `*state` is for the handlers and for stop(). */
    int (*setup)(struct micro_service *s, void **state, struct error *err);
    void (*stop)(void *state); /* may be NULL; after the last handler has run, also when setup() failed */
    /* protoc --descriptor_set_out --include_imports: for JSON and reflection. NULL: binary calls only, but for
     * contracts that are compiled into the framework. */
    const uint8_t *descriptors;
    size_t descriptors_size;
};

int micro_program_main(const struct micro_program *p, int argc, char **argv);

/* The same in the simulated world: afterwards sim_start(sim, node, p->name, ...) and processes spawned with argv[0]
 * p->name run it. Their environment is what they were spawned with. The program is borrowed for the length of the
 * process; at most MICRO_PROGRAMS_MAX of them, names told apart. */
#define MICRO_PROGRAMS_MAX 64
struct sim;
int micro_program_register(struct sim *sim, const struct micro_program *p);
/* One program that is several services, as `backend` is: MICRO_SERVICE_NAME says which. NULL-terminated, borrowed. */
int micro_program_register_many(struct sim *sim, const char *name, const struct micro_program *const *programs);

#endif
