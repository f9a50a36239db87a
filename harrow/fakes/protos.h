/* .proto files and folders of them to one descriptor set, by our own compiler (wire/proto/proto.h).
 *
 * Each of `protos` is a file or a folder, of which every .proto file below it is taken. Imports are looked for in
 * `paths`; when that is empty, in the folder of each file and in the given folders themselves. Both lists end in NULL.
 */
#ifndef HARROW_FAKES_PROTOS_H
#define HARROW_FAKES_PROTOS_H

#include "base/error.h"
#include "base/text.h"
#include "world/world.h"

/* The serialised FileDescriptorSet, imports and source information included, is appended to `set`. Errors have the
 * file:line:column. ERROR_NOT_FOUND: there is no such file, or a folder has no .proto file. */
struct protos_heard { /* hears of every file that was read, by the name imports have for it and its path */
    void (*file)(void *arg, const char *name, const char *path);
    void *arg;
};
int protos_compile(struct world *w, const char *const *protos, const char *const *paths,
                   const struct protos_heard *heard /* may be NULL */, struct text *set, struct error *err);

#endif
