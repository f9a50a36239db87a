/* .proto files to descriptor sets, without protoc: syntax proto2 and proto3, edition 2023, imports, every check a
 * schema needs to be used, source information with comments, errors with file:line:column.
 *
 * The language: https://protobuf.dev/reference/protobuf/proto3-spec/, proto2-spec/ and edition-2023-spec/; where
 * comments belong: the notes at SourceCodeInfo in descriptor.proto. The result is what protoc --include_imports
 * --include_source_info writes, options of one's own ("option (my.thing) = {a: 1}") included, which have to be declared
 * by an import; such an option that is a group is refused, and so are later editions. Files of google/protobuf/, and
 * google/api/annotations.proto, are built in, for imports that are found nowhere else. */
#ifndef WIRE_PROTO_PROTO_H
#define WIRE_PROTO_PROTO_H

#include "base/bytes.h"
#include "base/error.h"
#include "base/text.h"

#define PROTO_FILE_MAX  ((size_t)16 << 20) /* bytes of one file */
#define PROTO_FILES_MAX 4096               /* of one set, imports included */

/* How a file's text is found by its import name ("shop/item.proto"). Appends it to `out` and may set *shown to the path
 * that messages call it (borrowed until the compilation ends). ERROR_NOT_FOUND: there is none. */
struct proto_source {
    int (*open)(void *arg, const char *name, struct text *out, const char **shown, struct error *err);
    void *arg;
};

/* Compiles the named files and what they import; a serialised FileDescriptorSet is appended, files before those that
 * import them. `names` ends in NULL. The first error ends it. */
int proto_compile(const struct proto_source *source, const char *const *names, struct text *set, struct error *err);
/* One file alone, with the built-in imports only. */
int proto_compile_text(const char *name, struct bytes content, struct text *set, struct error *err);

#endif
