/* What a traced process means by the arguments of a system call: its memory, its paths, its descriptors, looked up from
 * outside while it stands. For workers (world/worker.h). */
#ifndef WORLD_TRACEE_H
#define WORLD_TRACEE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#define TRACEE_PATH_MAX 4096

bool tracee_read(pid_t task, uint64_t address, void *out, size_t len);
/* The path that the text at `name` means, from the folder of that descriptor (AT_FDCWD): the name as it is, the folder
 * it stands in with all links followed. False: no such folder, or no name. */
bool tracee_path(pid_t task, int64_t folder, uint64_t name, char out[TRACEE_PATH_MAX]);
/* For a call that follows a link in the last part, too. */
bool tracee_path_followed(pid_t task, int64_t folder, uint64_t name, char out[TRACEE_PATH_MAX]);

struct tracee_file {
    struct stat stat;
    uint64_t position;
    unsigned long flags; /* as open(2) was given them */
    char opener[64];     /* by which it can be opened now */
    char path[TRACEE_PATH_MAX];
};
/* A regular file or folder that has a name. */
bool tracee_file(pid_t task, int descriptor, struct tracee_file *out);

#endif
