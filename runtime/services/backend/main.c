/* backend NAME [OPTIONS]: one of the backend's services, such as "customers". What it is told by options or by the
 * environment is what any service is told (runtime/service/program.h). */
#include "runtime/services/backend/backend.h"

#include "proto/services.h"
#include "world/foreign.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
    world_take_streams();
    const char *name = argc > 1 && argv[1][0] != '-' ? argv[1] : getenv("MICRO_SERVICE_NAME");
    for (size_t i = 0; name && backend_programs[i]; i++)
        if (strcmp(name, backend_programs[i]->name) == 0) {
            struct bytes set = proto_services_set();
            struct micro_program program = *backend_programs[i];
            program.descriptors = set.data;
            program.descriptors_size = set.len;
            int code = micro_program_main(&program, argc, argv);
            backend_pool_free();
            return code;
        }
    fprintf(stderr, "%s: %s%s; there are:", argc > 0 ? argv[0] : "backend",
            name ? "no service is called " : "which one", name ? name : "");
    for (size_t i = 0; backend_programs[i]; i++)
        fprintf(stderr, " %s", backend_programs[i]->name);
    fprintf(stderr, "\n");
    return 2;
}
