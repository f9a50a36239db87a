/* One case against a system of its own: for tests made of findings. Link harrow_core.
 *
 * The world, the folder of the run and the system are made for the call and are gone after it; programs of the manifest
 * are looked for where it says. */
#ifndef HARROW_FUZZ_FINDING_H
#define HARROW_FUZZ_FINDING_H

#include "base/error.h"
#include "base/text.h"

#include <stdint.h>

/* Starts what the manifest describes with the driver ("processes", "sim"), runs the script (docs/fuzz-cases.md), stops.
 * Returns how many oracles fired, each with its reason in `why` (may be NULL), or a negative error_code when it could
 * not be done. HARROW_MANIFEST and HARROW_DRIVER in the environment go before the arguments. */
int finding_replay(const char *manifest, const char *driver, uint64_t seed, const char *script, struct text *why,
                   struct error *err);

#endif
