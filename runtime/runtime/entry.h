/* How a source folder is built and started. The first of these that is there decides:
 *
 *     1  the command the service was created with
 *     2  a .mu file (runtime/runtime/mu.h): the one `entrypoint` names, or the only one. It also gives the folder in
 *        which everything below happens. Several without an entrypoint are an error that lists them
 *     3  an executable file of the service's name, or the one `entrypoint` names
 *     4  CMakeLists.txt: built in .micro-build, the program of the service's name is run
 *     5  Makefile: make, then the program of the service's name
 *
 * Anything else is started by a command. */
#ifndef RUNTIME_RUNTIME_ENTRY_H
#define RUNTIME_RUNTIME_ENTRY_H

#include "runtime/runtime/mu.h"
#include "runtime/runtime/runner.h"

struct runner_entry {
    const char *directory;     /* where it is built and started */
    const char **argv;         /* NULL: `program` is looked for once everything is built */
    const char *program;       /* a name, or a path below `directory` */
    const char *const **build; /* commands, each NULL-terminated; NULL-terminated; NULL: nothing to build */
    struct runner_pair *environment;
    size_t environment_count;
};
int runner_entry_find(struct world *w, const char *folder, const char *service, const struct runner_spec *spec,
                      struct arena *arena, struct runner_entry *out, struct error *err);
/* After the build: out->argv from out->program. */
int runner_entry_program(struct world *w, const struct runner_spec *spec, struct arena *arena, struct runner_entry *out,
                         struct error *err);

#endif
