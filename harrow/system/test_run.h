/* A run of the real manifest in a temporary folder, for tests of what works on one. */
#ifndef HARROW_SYSTEM_TEST_RUN_H
#define HARROW_SYSTEM_TEST_RUN_H

#include "base/test.h"

#include "harrow/system/system.h"

#define TEST_MANIFEST "systems/micro.yaml" /* tests are run from the root of the tree */

/* Begins a quiet, simulated run of the seed. */
struct run *test_run_begin(uint64_t seed);
/* Finishes it, removes its folder, returns its exit code. */
int test_run_end(struct run *r);
/* Starts the whole system, or fails the test with the reason. */
struct system *test_system_start(struct run *r);
/* Calls a method of the descriptors with a JSON request and the system's token; the status. */
int test_call(struct system *s, const char *service, const char *method, const char *request_json);

#endif
