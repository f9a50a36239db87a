/* Doubles on ports of this machine until Ctrl-C: `harrow fakes serve`, and `harrow fakes record`. */
#ifndef HARROW_FAKES_SERVE_H
#define HARROW_FAKES_SERVE_H

#include "base/options.h"

extern const struct option fakes_serve_options[];
int fakes_serve_run(const struct arguments *args);
extern const struct option fakes_record_options[];
int fakes_record_run(const struct arguments *args);

#endif
