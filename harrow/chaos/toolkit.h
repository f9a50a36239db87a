/* `harrow chaos FILE` where the file is an experiment of the Chaos Toolkit (chaos/toolkit/). */
#ifndef HARROW_CHAOS_TOOLKIT_H
#define HARROW_CHAOS_TOOLKIT_H

#include "base/options.h"

#include <stdbool.h>

/* `manifest`: the system, before what the experiment's configuration says; `journal`: a file for the journal beside the
 * one in the run's folder. Both may be NULL. *is: the file is such an experiment; else nothing was done or said. The
 * exit code. */
int chaos_toolkit(const struct arguments *args, const char *manifest, const char *journal, bool direct, bool *is);

#endif
