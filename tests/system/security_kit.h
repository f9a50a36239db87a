/* What the security tests share: the whole of micro in a simulation, with log lines at debug level kept, calls with
 * any header at any door, HTTP requests at the gateway's, and access tokens made by hand, good and bad. */
#ifndef TESTS_SYSTEM_SECURITY_KIT_H
#define TESTS_SYSTEM_SECURITY_KIT_H

#include "base/arena.h"
#include "base/text.h"
#include "rpc/http.h"
#include "rpc/rpc.h"
#include "runtime/server/sim_micro.h"
#include "wire/pb.h"

#define SECURITY_ADMIN_SECRET "horse-battery-staple-481516"
#define SECURITY_DOORS_MAX    24
#define SECURITY_HEADERS_MAX  8

struct security_door {
    char address[SIM_MICRO_ADDRESS_MAX];
    struct rpc_channel *channel;
};

struct security {
    struct sim *sim;
    struct sim_micro *micro;
    struct world *world;
    struct arena arena;
    struct pb_pool *pool;
    struct text log;     /* every line at debug level and above */
    struct text answers; /* every answer and error text that came back */
    struct security_door doors[SECURITY_DOORS_MAX];
    size_t door_count;
};

void security_init(struct security *s, uint64_t seed, const char *const *const *arguments);
void security_deinit(struct security *s);

/* ---- tokens ---- */

enum security_alg { SECURITY_RS256, SECURITY_HS256_PUBLIC, SECURITY_NO_SIGNATURE };
/* A token of these two JSON texts, signed as said: by the root key, by HMAC with the public key's PEM, not at all. */
char *security_token(struct security *s, const char *header, const char *claims, enum security_alg alg);
/* A good one, of an hour. `scope` may be NULL. */
char *security_account(struct security *s, const char *id, const char *type, const char *namespace, const char *scope);

/* ---- calls ---- */

struct security_call {
    const char *address; /* "store:8002" */
    const char *path;
    const char *authorization;      /* the whole header; NULL: none */
    const char *name[2], *value[2]; /* further metadata; NULL: none */
    const char *json;               /* or: */
    bool gzip;
    struct bytes message; /* protobuf, when json is NULL */
    uint64_t timeout;     /* virtual; 0: 5 s. What still streams then answers DEADLINE_EXCEEDED */
};
struct security_answer {
    int status;       /* of gRPC */
    int code;         /* of Micro's error in the text, 0 without one */
    struct text text; /* the error's words, or the body */
};
void security_call(struct security *s, const struct security_call *call, struct security_answer *out);
/* The status alone. */
int security_status(struct security *s, const struct security_call *call);
/* The gateway's HTTP status, 0 when no answer came to its end; `more` is further headers as "Name: value" lines, or
 * NULL. */
int security_http(struct security *s, const char *method, const char *target, const char *authorization,
                  const char *more, struct bytes body, struct text *answer);

/* ---- components ---- */

/* The one that serves it, by the table; NULL: none. */
const char *security_component(const char *service);
bool security_all_run(struct security *s, struct text *dead); /* the dead ones' names are added */

#endif
