/* The behaviour of every service of a server, as one responder: what a service does that nobody programmed
 * (fakes/behave/behave.h) is recognised when it is first called. */
#ifndef FAKES_SERVE_BEHAVIOURS_H
#define FAKES_SERVE_BEHAVIOURS_H

#include "fakes/answer.h"
#include "fakes/behave/behave.h"

struct behaviours;
/* `options` is copied, what it points to borrowed. NULL: no memory. */
struct behaviours *behaviours_new(const struct behave_options *options);
/* Its `release` frees them. */
struct fake_responder behaviours_responder(struct behaviours *b);
/* The one of a service, made when it is not there yet. */
int behaviours_of(struct behaviours *b, const struct pb_service *service, struct behave **out, struct error *err);
/* What a method was recognised as, "" while its service was never called nor explained. */
const char *behaviours_role(const struct behaviours *b, const struct pb_method *method);

#endif
