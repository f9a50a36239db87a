/* A `.mu` file: it marks the folder of a service and may say how it is built and started. YAML:
 *
 *     service: helloworld                 # its name; only told
 *     command: ./server --port 0          # words as a shell splits them, or a list
 *     args: ["--verbose"]                 # added to the command
 *     build: make                         # a shell command, or a list of them, run one after the other
 *     environment:                        # variables, below those given when the service is created
 *       LEVEL: info
 *
 * Every key may be absent. v3's form, `service helloworld` alone, marks the folder and says nothing else; an empty file
 * does the same. Anything else is an error with its line and column. */
#ifndef RUNTIME_RUNTIME_MU_H
#define RUNTIME_RUNTIME_MU_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/error.h"

#define MU_SIZE_MAX ((size_t)64 << 10) /* bytes of the file */
#define MU_LIST_MAX 64                 /* commands of a build, words of a list, variables */

struct mu_variable {
    const char *name, *value;
};
struct mu {
    const char *service;  /* NULL: not told */
    const char **command; /* with the args, NULL-terminated; NULL: not told */
    const char **build;   /* shell commands, NULL-terminated; NULL: not told */
    struct mu_variable *environment;
    size_t environment_count;
};
/* Texts live in the arena. `name` is what messages call the file. */
int mu_parse(struct bytes content, const char *name, struct arena *arena, struct mu *out, struct error *err);

#endif
