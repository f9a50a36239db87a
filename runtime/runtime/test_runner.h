/* For the tests of the runtime component in the simulated world: the component with what it needs around it, and
 * programs its services can run there: `sleeper` runs until it is told to stop, `failer` exits with 1 while
 * test_succeed is 0, `done` exits with 0 after half a second, `deaf` does not stop when told to. */
#ifndef RUNTIME_RUNTIME_TEST_RUNNER_H
#define RUNTIME_RUNTIME_TEST_RUNNER_H

#include "runtime/service/test_calls.h"

#define CREATE "/runtime.Runtime/Create"
#define READ   "/runtime.Runtime/Read"
#define UPDATE "/runtime.Runtime/Update"
#define DELETE "/runtime.Runtime/Delete"
#define LOGS   "/runtime.Runtime/Logs"
#define UPLOAD "/runtime.Source/Upload"

struct test_runner {
    struct sim_system system;
    struct arena arena;
    char *token; /* of a service of micro */
};

extern struct text test_told;       /* the environment the last program saw: NAME=value; ... */
extern int test_starts, test_stops; /* of programs */
extern int test_failures, test_succeed;

void test_begin(struct test_runner *f, uint64_t seed); /* registry, store, auth and runtime are up */
void test_end(struct test_runner *f);
/* A call of the runtime with the token; status and words as in test_expect(). */
void test_runtime(struct test_runner *f, const char *path, const char *json, int status, const char *words);
/* Until Read's answer has the words. */
void test_runtime_until(struct test_runner *f, const char *words, int seconds);
/* `more` goes on behind the command in the options. */
void test_create(struct test_runner *f, const char *name, const char *program, const char *more);
char *test_of(struct test_runner *f, const char *name); /* a request that names the service and says nothing else */
/* What Read tells of the only service: a member of its metadata; "" when there is none. */
char *test_metadata(struct test_runner *f, const char *key);

#endif
