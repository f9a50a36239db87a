/* A client's side of server reflection (grpc/reflection/v1/reflection.proto, of which v1alpha differs in its package
 * only), as bytes in and bytes out: which question comes next, and what the answers add up to.
 *
 * The server is asked for its services, then for the files of all of them (questions follow each other without waiting,
 * a server answers them in their order), then for every import that did not come along. Who needs the files of a few
 * services only names these first: they are asked for together with the list.
 * What comes is collected once per file name and put together as a FileDescriptorSet. Nothing a server says is trusted:
 * no name is asked for twice, and services, files and bytes are bounded. An import the server does not have, and a file
 * that no pool takes (pb_file_fault), become empty files, so that files which only take options from them can be used;
 * so does a file that has a field or a method of a type which then nobody has. A service may then be missing in the
 * set, and whoever uses it says so. */
#ifndef RPC_REFLECT_TALK_H
#define RPC_REFLECT_TALK_H

#include "base/arena.h"
#include "base/array.h"
#include "base/bytes.h"
#include "base/error.h"
#include "base/map.h"
#include "base/text.h"

#define REFLECT_SERVICES_MAX 1024
#define REFLECT_FILES_MAX    4096
#define REFLECT_BYTES_MAX    ((size_t)32 << 20) /* of all files */

/* Files of one server or of several. */
struct reflect_files {
    struct arena arena;
    struct map by_name; /* struct reflect_file */
    struct map faults;  /* a service that is left out -> why, in the arena */
    size_t bytes;
};

struct reflect_service {
    const char *name;
    const char *refusal; /* why the server does not describe it; NULL: it did, or was not asked */
    bool listed;         /* by the server; of the others only the name is known to us */
};

struct reflect_talk {
    struct reflect_files *files;
    ARRAY(struct reflect_service)
    services;                            /* the named ones, then those of the list without reflection itself; names
                                            in the files' arena */
    size_t named;                        /* so many are asked for, and no others; 0: all are */
    ARRAY(struct reflect_file *) wanted; /* imports, in the order they were met */
    size_t service_asked, service_next;  /* those that were asked about, and the next to be answered */
    size_t wanted_next;
    const char *import; /* the one that was asked for; NULL: none */
    bool list_asked, listed;
};

void reflect_files_deinit(struct reflect_files *f);
/* Appends a serialised FileDescriptorSet with every file. */
int reflect_files_set(struct reflect_files *f, struct text *out);
/* Why a service is not in the set though the server described it: "its file a.proto is of proto2". NULL: it is in, or
 * no set was made yet. */
const char *reflect_files_fault(const struct reflect_files *f, const char *service);

/* A zeroed talk with `files` set is ready to begin. */
void reflect_talk_deinit(struct reflect_talk *t);
/* Before the first question: the files of this service are asked for, and of others so named. ERROR_MEMORY. */
int reflect_talk_name(struct reflect_talk *t, struct bytes service);
/* Replaces `out` with the next question, a serialised ServerReflectionRequest. 1: ask it, and then for another one; 0:
 * there is none before the next answer, and none at all when no answer is due; ERROR_MEMORY. */
int reflect_talk_ask(struct reflect_talk *t, struct text *out);
bool reflect_talk_waits(const struct reflect_talk *t); /* an answer is due */
/* On another stream: what has no answer yet is asked again. */
void reflect_talk_again(struct reflect_talk *t);
/* The answer to the first question that has none yet. ERROR_PROTOCOL: it is none; ERROR_LIMIT, ERROR_EXISTS. */
int reflect_talk_answer(struct reflect_talk *t, struct bytes message, struct error *err);

#endif
