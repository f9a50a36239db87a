#include "base/units.h"
#include "chaos/fault/faults.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOUNT_SIZE ((uint64_t)64 << 10)
#define FILLING    UNDO_PREFIX "filling"

/* A folder of its own: over one that others use as well nothing is mounted. */
static int temporary_folder(struct fault_injection *f, struct text *out, struct error *err)
{
    static const char *const shared[] = {"/", "/tmp", "/var/tmp", "/dev/shm", "/run"};
    struct world_foreign p;
    struct world_stat stat;
    int code = fault_process(f, &p, err);
    if (code == 0 && machine_variable(f->target->world, &p, "TMPDIR", out, NULL) != 0)
        code = error_set(err, ERROR_UNSUPPORTED, "%s has no temporary folder of its own (TMPDIR)", f->component);
    while (code == 0 && out->len > 1 && out->data[out->len - 1] == '/')
        text_truncate(out, out->len - 1);
    for (size_t i = 0; code == 0 && i < sizeof shared / sizeof shared[0]; i++)
        if (strcmp(text_string(out), shared[i]) == 0 || text_string(out)[0] != '/')
            code = error_set(err, ERROR_UNSUPPORTED, "the temporary folder of %s, %s, is not its own", f->component,
                             text_string(out));
    if (code == 0 && (world_stat(f->target->world, text_string(out), &stat) != 0 || !stat.directory || stat.link))
        code = error_set(err, ERROR_NOT_FOUND, "%s is no folder", text_string(out));
    return code;
}

/* Until nothing more fits. */
static int fill(struct world *w, const char *folder, struct error *err)
{
    static const char zeros[4096];
    char path[MACHINE_PATH_MAX];
    struct world_file *file;
    snprintf(path, sizeof path, "%s/" FILLING, folder);
    int code = world_file_open(w, path, WORLD_WRITE | WORLD_CREATE, &file, err);
    if (code != 0)
        return code;
    int64_t n = 0;
    for (uint64_t done = 0; n >= 0 && done <= 2 * MOUNT_SIZE; done += sizeof zeros)
        n = world_file_append(file, zeros, sizeof zeros);
    world_file_close(file);
    return n == ERROR_NO_SPACE ? 0 : error_set(err, ERROR_IO, "%s does not become full", folder);
}

static int inject(struct fault_injection *f, struct error *err)
{
    struct world *w = f->target->world;
    struct text folder = TEXT_INIT;
    struct world_foreign self;
    char source[64];
    int code = temporary_folder(f, &folder, err);
    if (code == 0)
        code = machine_self(w, &self, err);
    if (code == 0) {
        snprintf(source, sizeof source, UNDO_PREFIX "%lld-temp", (long long)self.id);
        code = fault_note(f, &(struct undo){.kind = UNDO_UNMOUNT, .path = text_string(&folder), .other = source}, err);
    }
    if (code == 0)
        code = machine_mount_memory(w, text_string(&folder), source, MOUNT_SIZE, err);
    if (code == 0)
        code = fill(w, text_string(&folder), err);
    text_deinit(&folder);
    return code;
}

const struct chaos_fault fault_temp_full = {
    .name = "temp-full",
    .family = "resource",
    .summary = "its temporary folder (TMPDIR) is hidden by a small file system that is full: ENOSPC",
    .drivers = FAULT_ON_PROCESSES,
    .scope = FAULT_OF_COMPONENT,
    .root = true,
    .asked_only = true,
    .hold_min = 200 * (uint64_t)MILLISECOND,
    .hold_max = 2000 * (uint64_t)MILLISECOND,
    .down_from_heal = true,
    .inject = inject,
    .heal = fault_undo,
};
