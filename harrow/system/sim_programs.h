/* Programs that a simulated system may start beside micro's components, under the names they have as processes:
 * `backend` (runtime/services/backend/). So a flow that has the runtime run it says the same in simulation and out of
 * it. */
#ifndef HARROW_SYSTEM_SIM_PROGRAMS_H
#define HARROW_SYSTEM_SIM_PROGRAMS_H

struct sim;
int sim_programs_register(struct sim *sim); /* ERROR_MEMORY, ERROR_LIMIT */

#endif
