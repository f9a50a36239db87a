/* The data directory of one `micro server`: held by one process at a time, with the key pair that signs and verifies
 * access tokens.
 *
 *     <data>/server.lock     an SQLite file held locked while the server lives; the system lets go of it at any death
 *     <data>/keys/           private.pem and public.pem, made at the first start, mode 600
 *     <data>/run/            made afresh at each start: server.pid, status.json, <component>.{pid,address}, api.http
 *     <data>/<component>/    what a component keeps */
#ifndef RUNTIME_SERVER_HOME_H
#define RUNTIME_SERVER_HOME_H

#include "base/text.h"
#include "world/sqlite.h"
#include "world/world.h"

#define HOME_PATH_MAX 1024

struct server_home {
    struct world *world;
    char data[HOME_PATH_MAX], run[HOME_PATH_MAX];
    struct text private_key, public_key; /* PEM */
    sqlite3 *lock;
};

/* ERROR_IN_USE, with the process id, when another server holds the directory. */
int server_home_open(struct world *w, const char *data_dir, struct server_home *out, struct error *err);
/* Loads the key pair, making it the first time (that takes a second or so); the keys are in `h` from then on. */
int server_home_keys(struct server_home *h, struct error *err);
void server_home_close(struct server_home *h); /* takes <data>/run away */

/* One line into <run>/<name>, whole or not at all. */
int server_home_write(struct server_home *h, const char *name, const char *line, struct error *err);
void server_home_remove(struct server_home *h, const char *name, const char *ending); /* <run>/<name>.<ending> */

#endif
