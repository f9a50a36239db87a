/* Micro in the simulated world, for tests: each component on a node of its own name, a client node beside them, and
 * calls as JSON. Everything runs in virtual time, from one seed. */
#ifndef RUNTIME_SERVER_SIM_SYSTEM_H
#define RUNTIME_SERVER_SIM_SYSTEM_H

#include "base/text.h"
#include "rpc/http.h"
#include "rpc/rpc.h"
#include "runtime/server/sim_micro.h"
#include "world/sim.h"

#include <jansson.h>

#define SIM_ADMIN_SECRET "correct horse"

struct sim_system {
    struct sim *sim;
    struct world *client;
    struct text private_key, public_key; /* those of sim_keys.h */
    const char *admin_secret;            /* NULL: auth draws one. sim_system_init() sets SIM_ADMIN_SECRET */
    const char *const *const
        *arguments; /* more of them for some components, as in sim_micro.h; set before the first start */
    struct sim_micro *micro;
};

void sim_system_init(struct sim_system *s, uint64_t seed);
void sim_system_deinit(struct sim_system *s);
/* Starts the component on its node; asserts that it starts. */
void sim_system_start(struct sim_system *s, const char *component);
/* Until its health says SERVING. */
void sim_system_wait(struct sim_system *s, const char *component);
void sim_system_start_all(struct sim_system *s, const char *const *components); /* NULL-terminated; start and wait */
/* A token as auth would sign it; `scope` may be NULL. Valid for an hour; a service's for a
 * year, as under the supervisor. */
char *sim_system_token(struct sim_system *s, struct arena *arena, const char *id, const char *type, const char *issuer,
                       const char *scope);

/* An answer; to be given back with sim_answer_deinit(). */
struct sim_answer {
    int status;       /* gRPC status; over HTTP: the HTTP status */
    json_t *body;     /* of the answer, or the error's JSON; NULL: none */
    struct text text; /* the same as text, or the plain status message */
};
void sim_answer_deinit(struct sim_answer *a);
/* `path` is "/auth.Auth/Token"; `token` may be NULL. */
void sim_system_call(struct sim_system *s, const char *component, const char *path, const char *token, const char *json,
                     struct sim_answer *out);
/* Through the gateway; `headers` is "Name: value" lines or NULL, `body` NULL for none. */
void sim_system_http(struct sim_system *s, const char *method, const char *target, const char *headers,
                     const char *body, struct sim_answer *out);
/* A member along a path ("account/id"), "" when absent; of the answer's body. */
const char *sim_answer_text(const struct sim_answer *a, const char *path);

#endif
