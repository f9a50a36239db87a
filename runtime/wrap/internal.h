/* What the files of the wrapper share. */
#ifndef RUNTIME_WRAP_INTERNAL_H
#define RUNTIME_WRAP_INTERNAL_H

#include "base/arena.h"
#include "base/text.h"
#include "rpc/http.h"
#include "runtime/relay/relay.h"
#include "runtime/wrap/wrap.h"

struct wrap {
    struct world *world;
    struct micro_service *service;
    const struct micro_options *options;
    struct wrap_endpoint endpoint;
    uint64_t timeout;
    size_t listed_max, looked_max;
    struct arena arena;
    const char *metadata[WRAP_METADATA_MAX + 2];
    size_t metadata_count;
    const struct wrap_backend *backend; /* http, exec */
    size_t calls, runs;
    struct tls_context *tls; /* https */
    struct relay *relay;     /* grpc */
    struct pb_pool *pool;    /* its contracts; NULL: none were given */
    struct rpc_service *described;
    size_t described_count;
    struct http_server *http; /* file */
    struct sending *sendings; /* its answers under way */
    int draining;             /* of the two servers, how many still are */
    void (*drained)(void *arg);
    void *drained_arg;
    struct world_timer timer; /* the next probe, or the limit of the one under way */
    struct world_stream *probe;
    bool unhealthy;
};

/* One call to http or exec; in the call's arena. `work` is the backend's own for the message under way. */
struct wrap_call {
    struct wrap *wrap;
    struct rpc_call *call;
    void *work;
    bool half_closed;
};

/* How a message is answered. `begin` starts, and one of wrap_answer() and wrap_fail() follows, at once or later; after
 * `cancel`, which takes everything back, none does. */
struct wrap_backend {
    void (*begin)(struct wrap_call *c, struct bytes message);
    void (*cancel)(struct wrap_call *c);
};
extern const struct wrap_backend wrap_http, wrap_exec;

/* call.c */
extern const struct rpc_handler wrap_handler; /* its context is the struct wrap */
void wrap_answer(struct wrap_call *c, struct bytes message);
void wrap_fail(struct wrap_call *c, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));
uint64_t wrap_time_left(const struct wrap_call *c); /* ns for the message that begins now */
/* By the rules of the wrapper's namespace: 0, or the status to answer with. */
int wrap_judge(const struct wrap *s, const struct micro_account *account, const char *endpoint);
const char *wrap_method(const struct wrap_call *c); /* "Greeter.Hello" of "/x.Greeter/Hello"; NULL: no memory */

/* path.c: the path of a file below the folder, in the arena. ERROR_INVALID: no name of a file (blank, "..", a control
 * character); ERROR_LIMIT: too long or too deep for one; ERROR_NOT_FOUND: there is none, or the way to it leads over a
 * symbolic link. */
#define WRAP_NAME_MAX  1024 /* bytes of a file's name, the way to it included */
#define WRAP_PARTS_MAX 32   /* the folders on that way and the file */
int wrap_file_path(struct world *w, const char *folder, const char *name, struct arena *arena, const char **out,
                   struct world_stat *stat);
int wrap_file_name(const char *name); /* the first part of it: without looking at the disk */

/* list.c: BlobStore.List. What does not fit is refused as a whole. */
void wrap_list(struct rpc_call *call, const ProtobufCMessage *request, void *wrap);

/* files.c */
extern const struct rpc_service wrap_files_service;
void wrap_files_http(void *wrap, struct http_exchange *x); /* for http_server_new() */
void wrap_files_judge(void *wrap);                         /* ends answers that would be refused now */

#endif
