/* Wrapping: something that is no service of micro's, made into one. `micro service --name NAME --endpoint URL` runs it:
 *
 *     http://HOST:PORT[/PATH]     each message is a POST there; https:// as well
 *     grpc://HOST:PORT[/PACKAGE]  the call goes on as it is, of all four kinds (runtime/relay)
 *     file:///FOLDER              the folder's files, to be read
 *     exec://PROGRAM [WORD]...    each message is a run of the program: standard input, standard output
 *
 * The wrapper is a service like any other: it registers, judges tokens and rules, answers Debug and health, leaves the
 * registry before it drains. What it wraps is looked at every WRAP_PROBE: while nobody listens at the endpoint, or the
 * folder or program is gone, the wrapper says in its health why.
 *
 *   endpoint.c  the URL                    call.c   messages one after another, for http and exec
 *   http.c      messages as requests       exec.c   messages as runs of a program
 *   files.c     the contract store.BlobStore on a folder, read only; and the same over HTTP, for the gateway
 *   list.c      the names of its files
 *   path.c      which names are files of the folder
 *   wrap.c      life
 *
 * http and exec answer each message of a call with one message, in order: one request is answered once, a stream of
 * them by a stream. At most WRAP_CALLS_MAX calls are under way, and WRAP_RUNS_MAX programs; more are refused (503). */
#ifndef RUNTIME_WRAP_WRAP_H
#define RUNTIME_WRAP_WRAP_H

#include "base/units.h"
#include "runtime/service/service.h"

#define WRAP_CALLS_MAX    10000
#define WRAP_RUNS_MAX     64                /* programs that run at once */
#define WRAP_ANSWER_MAX   ((size_t)4 << 20) /* bytes of one answer: what a gRPC message may have by default */
#define WRAP_TIMEOUT      (30 * SECOND)     /* for one message, unless the caller's deadline is sooner */
#define WRAP_PROBE        (5 * SECOND)
#define WRAP_PROBE_AWAY   (500 * MILLISECOND) /* while it is not there */
#define WRAP_PROBE_LIMIT  (2 * SECOND)        /* for a connection to the endpoint */
#define WRAP_METADATA_MAX 32                  /* "key=value" words for the registry */
#define WRAP_TEXT_MAX     1024                /* bytes of an endpoint's URL */
#define WRAP_WORDS_MAX    64                  /* of a program's command line */
#define WRAP_LISTED_MAX   10000
#define WRAP_LOOKED_MAX   50000

enum wrap_kind { WRAP_HTTP, WRAP_GRPC, WRAP_FILE, WRAP_EXEC };

struct wrap_endpoint {
    enum wrap_kind kind;
    bool tls;            /* https:// */
    const char *address; /* http, grpc: "host:port" */
    const char *path;    /* http: "/base" or ""; grpc: the package, NULL for none; file: the folder */
    char **argv;         /* exec; NULL-terminated */
};
/* Everything lives in the arena. ERROR_INVALID says what is wrong and how it is written. */
int wrap_endpoint_parse(const char *text, struct arena *arena, struct wrap_endpoint *out, struct error *err);

struct wrap_config {
    const struct micro_options *options; /* borrowed for the wrapper's life; options->name is the service's name */
    const char *endpoint;                /* the URL */
    const char *const *metadata;         /* "key=value", `metadata_count` of them; copied */
    size_t metadata_count;
    /* grpc: a serialised FileDescriptorSet of what the endpoint serves, with its imports; borrowed for the wrapper's
     * life. Its endpoints are registered, reflection shows them, and calls in JSON become binary ones, all that most
     * gRPC servers speak. None: calls go on in the form they came in. */
    struct bytes descriptors;
    uint64_t timeout; /* ns for one message; 0: WRAP_TIMEOUT */
    /* file: names in one list, and entries of folders looked at for it; 0: WRAP_LISTED_MAX, WRAP_LOOKED_MAX */
    size_t listed_max, looked_max;
};
struct wrap;
/* Listens and registers. What cannot work at all (no such folder, no such program) is refused here. */
int wrap_start(struct world *w, const struct wrap_config *config, struct wrap **out, struct error *err);
void wrap_drain(struct wrap *s, uint64_t grace, void (*done)(void *arg), void *arg);
void wrap_stop(struct wrap *s); /* NULL is fine */
const char *wrap_address(const struct wrap *s);

#endif
