/* .proto files and folders of them to one descriptor set, by our own compiler (wire/proto/proto.h).
 *
 * Each of `protos` is a file or a folder, of which every .proto file below it is taken. Imports are looked for in
 * `paths`; when that is empty, in the folder of each file and in the given folders themselves. Both lists end in NULL.
 */
#ifndef HARROW_PROTOS_H
#define HARROW_PROTOS_H

#include "base/error.h"
#include "base/text.h"
#include "world/world.h"

/* The serialised FileDescriptorSet, imports and source information included, is appended to `set`. Errors have the
 * file:line:column. ERROR_NOT_FOUND: there is no such file, or a folder has no .proto file. */
int protos_compile(struct world *w, const char *const *protos, const char *const *paths, struct text *set,
                   struct error *err);

#endif
