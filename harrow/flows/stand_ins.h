/* Doubles of flows in the place of third parties (e2e/ asks for them, fakes/ are them).
 *
 * They are served in the harness's own world. Those without an address of their own are registered at the runtime's
 * registry (the component that serves registry.Registry), so that the gateway, the proxy and other services route to
 * them by their package's name; they are up when the proxy does. What nothing was programmed for they answer as their
 * contract suggests (fakes/behave), with the embedded annotations. */
#ifndef HARROW_FLOWS_STAND_INS_H
#define HARROW_FLOWS_STAND_INS_H

#include "e2e/e2e.h"
#include "rpc/target.h"

#define STAND_INS_RELAY "client.Client" /* served by who passes calls on to whatever the registry knows */

struct stand_ins;
/* NULL: no memory. */
struct stand_ins *stand_ins_new(bool simulated);
const struct e2e_stand_ins *stand_ins_operations(struct stand_ins *s);
void stand_ins_free(struct stand_ins *s); /* NULL is fine; nothing is up any more */

#endif
