#include "harrow/system/sim_programs.h"

#include "proto/services.h"
#include "runtime/services/backend/backend.h"

/* With their contracts, so that they take JSON. */
#define BACKEND_MAX 16
static struct micro_program programs[BACKEND_MAX];
static const struct micro_program *backend[BACKEND_MAX + 1];

int sim_programs_register(struct sim *sim)
{
    struct bytes set = proto_services_set();
    for (size_t i = 0; backend[i] == NULL && backend_programs[i] != NULL && i < BACKEND_MAX; i++) {
        programs[i] = *backend_programs[i];
        programs[i].descriptors = set.data;
        programs[i].descriptors_size = set.len;
        backend[i] = &programs[i];
    }
    return micro_program_register_many(sim, "backend", backend);
}
