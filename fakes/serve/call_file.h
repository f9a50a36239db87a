/* Every call of a server's doubles as a line of JSON in a file, appended as calls end and written at least every
 * CALL_FILE_EVERY. When the file cannot be written that is logged once, and the doubles go on. */
#ifndef FAKES_SERVE_CALL_FILE_H
#define FAKES_SERVE_CALL_FILE_H

#include "fakes/serve/serve.h"

#define CALL_FILE_EVERY  ((uint64_t)100 * 1000000) /* ns */
#define CALL_FILE_GATHER ((size_t)256 << 10)       /* bytes gathered for one write */

struct call_file;
int call_file_new(struct fake_server *s, const char *path, struct call_file **out, struct error *err);
void call_file_free(struct call_file *f); /* writes what is left; before the server goes; NULL is fine */

#endif
