/* Between reflect_talk.c, which collects files, and reflect_files.c, which tells which of them can be used. */
#ifndef RPC_REFLECT_FILES_H
#define RPC_REFLECT_FILES_H

#include "rpc/reflect_talk.h"

#include "google/protobuf/descriptor.pb-c.h"

#define NAME_SHOWN 200 /* bytes of a server's words in a message */

typedef Google__Protobuf__FileDescriptorProto file_proto;

struct reflect_file {
    const char *name;
    struct bytes proto;         /* data NULL: it has not come */
    const file_proto *unpacked; /* the same, until all files were judged; NULL: not, or not any more */
    struct arena unpacked_in;
    const char *fault;              /* why no pool takes it: "a.proto is of proto2", in the arena; NULL: one does */
    const char *barred;             /* the same of its types: of proto2 only options may be; NULL: they can be used */
    bool judged;                    /* that was found out */
    const struct reflect_talk *met; /* the one in whose list of imports it is */
};

#endif
