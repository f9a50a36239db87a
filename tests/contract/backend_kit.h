/* The backend's services for contract tests: the one under test is the real program in the simulated world, and every
 * other service is a double whose calls are counted.
 *
 * The store is a double that keeps what is written, conditions and revisions included, so that counts are as with the
 * real one. The others answer what a test told them, and an empty reply otherwise. */
#ifndef TESTS_CONTRACT_BACKEND_KIT_H
#define TESTS_CONTRACT_BACKEND_KIT_H

#include "base/test.h"

#include "base/units.h"
#include "fakes/fakes.h"
#include "fakes/serve/serve.h"
#include "runtime/services/backend/backend.h"
#include "world/sim.h"

#include "base/map.h"

#define KIT_CALL_TIMEOUT ((uint64_t)(120 * SECOND))

enum kit_double {
    STORE,
    BLOBS,
    EVENTS,
    AUTH,
    ACCOUNTS,
    CUSTOMERS,
    EMAILS,
    INVITE,
    NAMESPACES,
    SUBSCRIPTIONS,
    PROVIDER,
    STRIPE,
    BALANCE,
    KEYS,
    MAILCHIMP,
    BASKET,
    ITEM,
    FRAUD,
    PAYMENT,
    EMAIL,
    REWARD,
    DEBUG, /* of a service called "debug" */
    ALERTING,
    DOUBLES
};

/* Who calls. */
enum kit_caller { NOBODY, ADMIN, SERVICE, JANE /* of the namespace "big-red-dog" */, JOE /* of "micro", no admin */ };

struct kit {
    struct sim *sim;
    struct world *client;
    const struct pb_pool *core, *services;
    struct fake *doubles[DOUBLES];
    struct fake_server *core_server, *services_server;
    struct rpc_channel *channel;
    const char *service;    /* "customers.Customers" */
    const char *program;    /* "customers" */
    const char *started[9]; /* as it was started, in the arena */
    char *tokens[JOE + 1];
    struct arena arena;
    struct map records; /* the store's: "table/key" and a struct kit_record */
    uint64_t revision;
    int64_t writes_left; /* until one of the store's fails */
    bool lost;           /* it is done, and its answer is not heard */
    size_t page_max;     /* records that fit into the store's answer; 0: any number */
    /* the last call's end */
    int status;
    struct micro_error error;
};

/* 0 or -1; for cmocka's set-up and teardown. */
int kit_setup(void **state, const struct micro_program *program, const char *service);
int kit_teardown(void **state);
int kit_end(void **state); /* after the last test */

/* Calls the service under test and waits; the reply when the status is OK, else NULL. */
const void *kit_call(struct kit *k, enum kit_caller who, const char *method, const ProtobufCMessage *request,
                     const ProtobufCMessageDescriptor *reply);
/* The same reply, which has to be there. */
const void *kit_there(const void *reply) __attribute__((returns_nonnull));
/* The code of the error the last call ended with; 0: it was OK. */
int kit_code(const struct kit *k);

int64_t kit_count(const struct kit *k, enum kit_double d, const char *method);
/* What it was asked at call i. */
const void *kit_asked(struct kit *k, enum kit_double d, const char *method, int64_t i,
                      const ProtobufCMessageDescriptor *type);
void kit_returns(struct kit *k, enum kit_double d, const char *method, const char *json);
/* Answers an error at every call until kit_heals(). A code of Micro's, such as 404. */
void kit_fails(struct kit *k, enum kit_double d, const char *method, int code);
void kit_heals(struct kit *k, enum kit_double d, const char *method);
/* The store takes so many more writes, fails the next one, and takes all after it. */
void kit_fails_after(struct kit *k, int64_t writes);
/* The same, but the write that fails is done: its answer is lost. */
void kit_loses_after(struct kit *k, int64_t writes);
void kit_wait(struct kit *k, int64_t seconds); /* virtual ones */
void kit_restart(struct kit *k);               /* the service is killed and started afresh */
/* The JSON payload of the i-th published event; its topic and its metadata "type" are checked. */
const char *kit_event(struct kit *k, int64_t i, const char *topic, const char *word);
bool kit_has_record(const struct kit *k, const char *key); /* "customers/customer:1" */
/* As if another process had written it: the first text in the record becomes the second. How many records that was. */
int kit_change(struct kit *k, const char *key, const char *from, const char *to);
size_t kit_records(const struct kit *k);
/* The backend has asked exactly so many calls of all doubles but the stores. */
void kit_expect(const struct kit *k, int64_t calls);

#endif
