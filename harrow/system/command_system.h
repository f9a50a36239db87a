/* The frame of every command that works on a running system: begin a run, start the system, work, stop, report. */
#ifndef HARROW_SYSTEM_COMMAND_SYSTEM_H
#define HARROW_SYSTEM_COMMAND_SYSTEM_H

#include "harrow/run/pillars.h"

int command_on_system(const struct arguments *args,
                      int (*work)(struct run *r, struct system *s, const struct arguments *args));

#endif
