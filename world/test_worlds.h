/* For the tests of this folder: the same scenario in the real world and in a simulated one. */
#ifndef WORLD_TEST_WORLDS_H
#define WORLD_TEST_WORLDS_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/units.h"
#include "world/real.h"
#include "world/sim.h"
#include "world/world.h"

#define TEST_LIMIT ((uint64_t)(60 * SECOND)) /* of what is not expected to take any time */

struct fixture {
    struct world *world;
    struct sim *sim; /* NULL in the real world */
    char directory[64];
};

int fixture_real(void **state);
int fixture_sim(void **state);
int fixture_end(void **state);

/* Runs until the counter reaches the value, or fails the test. */
void wait_count(struct world *w, const size_t *counter, size_t value);
/* A path in the fixture's directory; static storage, eight at a time. */
const char *fixture_path(const struct fixture *f, const char *name);

#endif
