/* `micro server`: the supervisor. It holds the data directory, starts every component as a child process once what it
 * needs is ready, restarts what dies, and stops all of them in reverse order.
 *
 * <run>/status.json always tells the whole state; the command line's `status` and other tools read it. */
#ifndef RUNTIME_SERVER_SERVER_H
#define RUNTIME_SERVER_SERVER_H

#include "world/world.h"

#include <stdbool.h>

#define SERVER_STOP_LIMIT  ((uint64_t)5000000000)  /* ns from the first signal until what is left is killed */
#define SERVER_START_LIMIT ((uint64_t)60000000000) /* ns until everything must have been ready once */
#define SERVER_START_TRIES 4 /* deaths of one component before it was ever ready: then we give up */
#define SERVER_TOKEN_LIFE  ((int64_t)365 * 24 * 3600) /* seconds a component's own token is good for */

struct server_options {
    const char *program; /* the executable that understands `service NAME` */
    const char *data_dir;
    const char *host;
    int base_port; /* 0: any free block */
    const char *profile;
    const char *admin_secret; /* NULL: auth draws one */
    /* A folder with files of components' names: what is in one goes to that component as its --peers. Read at each
     * start of it; no file: nothing to add. NULL: none. */
    const char *peers_dir;
    /* Words in front of each component's command line, as a shell would read them, its name for {}: for tracers,
     * debuggers, and to run it elsewhere. It has to become the component by exec. NULL: none. */
    const char *prefix;
    bool json; /* the ready line as JSON */
};

/* Runs until stopped by a signal; the exit code for the program. */
int server_run(struct world *w, const struct server_options *options);

/* `micro service NAME ...`: one component in this process until SIGTERM or SIGINT. argv as the program got it. */
int service_run(struct world *w, int argc, const char *const *argv);

#endif
