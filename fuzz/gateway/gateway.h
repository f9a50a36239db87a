/* The JSON door beside gRPC: requests to an HTTP gateway, right and nearly right, made from descriptors by named
 * operators, each with the answers that are right to it.
 *
 * An operator is a row of a table: a name, what it does, the answer expected, and a template. Those on JSON are
 * templates of a body around the base request's members, for a field of the kind they want; those on HTTP are templates
 * of a whole request's bytes, for what no proper client can send. Operators that should be accepted change nothing of
 * what the request says (a null, a default, white space), so that the base's own answer is what they get.
 *
 * Rules: RFC 8259 (JSON), the protobuf JSON mapping and its conformance suite, RFC 9110 and 9112 (HTTP), RFC 3986
 * (paths), RFC 7578 (multipart). Where these leave it open both answers are right. A 5xx is a finding whatever the rule
 * says, but for 501 and 505 where HTTP itself asks for them. docs/fuzzing-gateway.md lists all operators.
 *
 * The same bodies go to gRPC servers that read JSON themselves: a request of the content type GATEWAY_RPC_JSON is a
 * call by gRPC, and its status is taken for HTTP's that says the same. */
#ifndef FUZZ_GATEWAY_GATEWAY_H
#define FUZZ_GATEWAY_GATEWAY_H

#include "base/error.h"
#include "base/random.h"
#include "base/text.h"
#include "fuzz/case/case.h"
#include "wire/pb.h"

struct world;

/* How a gateway's paths are made: "{package}", "{service}" (lower case), "{Service}", "{Method}", "{full}"
 * (package.Service) stand for the method's. */
#define GATEWAY_PATH_MICRO "/{package}/{Service}/{Method}"
#define GATEWAY_PATH_FULL  "/{full}/{Method}"
/* Appends the path. ERROR_INVALID: an unknown name in braces. ERROR_MEMORY. */
int gateway_path(const char *style, const struct pb_method *m, struct text *out);

enum gateway_expect {
    EXPECT_OK,      /* 2xx: it says the same as the base */
    EXPECT_REFUSED, /* 4xx */
    EXPECT_ANY,     /* 2xx or 4xx */
    EXPECT_CUT,     /* 4xx, or the connection is ended without an answer */
};
const char *gateway_expect_name(enum gateway_expect e); /* "2xx", "4xx", ... */

struct gateway_operator {
    const char *name, *summary;
    enum gateway_expect expect;
    int also;             /* a 5xx that is right as well; 0: none */
    int field;            /* enum gateway_field: what it needs; for HTTP operators 0 */
    bool raw;             /* the template is a whole request, else a body */
    const char *template; /* template.h */
};
extern const struct gateway_operator gateway_json_operators[], gateway_http_operators[];
extern const size_t gateway_json_count, gateway_http_count;
size_t gateway_operator_count(void);
const struct gateway_operator *gateway_operator_at(size_t i);
const struct gateway_operator *gateway_operator_find(struct bytes name); /* NULL: none of that name */
/* A body that says nothing of the base, and need not be answered: whatever the method does with it. */
bool gateway_operator_alone(const struct gateway_operator *op);

/* A request that is right, and answered with 2xx: what the operators start from. */
struct gateway_base {
    const struct pb_method *method;
    const char *path;          /* "/store/Store/Read" */
    const char *host;          /* for the Host header of whole requests; GATEWAY_HOST */
    const char *authorization; /* the header's value there; NULL: none; GATEWAY_TOKEN */
    const char *json;          /* an object: "{\"key\":\"k\"}" */
    const char *type;          /* of the content; NULL: application/json */
};
#define GATEWAY_RPC_JSON "application/grpc+json"
/* Stand for what is another one in each run; gateway_fill() puts it in. */
#define GATEWAY_HOST  "${host}"
#define GATEWAY_TOKEN "${token}"

/* Filled by gateway_make() in memory that is used again. */
struct gateway_request {
    const struct gateway_operator *op; /* NULL: the base itself */
    struct text line;                  /* JSON operators: "POST /path" */
    struct text headers, body;         /* lines "Name: value\n"; what the door sends by itself is not among them */
    struct text raw;                   /* HTTP operators: all bytes; then the others are empty */
    bool cut;                          /* our direction ends behind the bytes */
    bool no_token;                     /* without the door's own headers */
};
void gateway_request_deinit(struct gateway_request *r);
/* The base itself with `op` NULL. False: the type has no field the operator wants, or the base says all of them
 * already. A text may have failed (text_ok). */
bool gateway_make(struct random *r, const struct gateway_base *base, const struct gateway_operator *op,
                  struct gateway_request *out);
bool gateway_is_rpc(const struct gateway_request *r);               /* it goes by gRPC */
struct bytes gateway_request_path(const struct gateway_request *r); /* of a proper one; BYTES_NONE: there is none */
/* As a case, and back. A request of its own is EVENT_HTTP, called "POST /path" and then the operator; whole ones are
 * EVENT_CONNECT (1: HTTP), EVENT_BYTES called by the operator, and EVENT_HALF_CLOSE where our direction ends. Added to
 * what the case has. `component` names the gateway. */
int gateway_case(const struct gateway_request *r, const char *component, struct fuzz_case *out);
/* The case's next request from event *at on, which is left behind it. 1: there is one; 0: no more; ERROR_MEMORY. */
int gateway_of_case(const struct fuzz_case *c, size_t *at, struct gateway_request *out);
/* Host and token in place of the words that stand for them. NULL: nothing stands there. */
void gateway_fill(struct text *raw, const char *host, const char *token);

/* ---- answers ---- */

#define GATEWAY_ANSWER_MAX ((size_t)1 << 20) /* bytes of an answer that are kept */

struct gateway_answer {
    int status;             /* of the first answer; 0: none came */
    bool ended;             /* the gateway ended the connection */
    bool timed_out;         /* neither answered nor ended */
    bool broken;            /* what came is not HTTP */
    struct text body, type; /* of the first answer */
    uint64_t duration;
};
void gateway_answer_deinit(struct gateway_answer *a);
/* NULL: right. Else the oracle's name, and why in a sentence: "hang", "internal", "accepted", "refused", "protocol". */
const char *gateway_judge(const struct gateway_operator *op, const struct gateway_answer *a, struct text *why);

/* ---- a gateway that runs ---- */

#define GATEWAY_HEADERS_MAX 32 /* of a proper request, with the door's own */
struct http1_header;
struct rpc_channel;
struct gateway_door {
    struct world *world;
    const char *address;                /* "127.0.0.1:8080"; "" where requests go by gRPC only */
    uint64_t timeout;                   /* ns for the answer; 0: 5 s */
    const struct http1_header *headers; /* of all proper requests: the token */
    size_t header_count;
    /* To whom calls of the path go; NULL: nobody. Without it no request goes by gRPC. */
    struct rpc_channel *(*channel)(void *arg, struct bytes path);
    void *arg;
};
struct gateway_exchange;
/* Proper requests go by the HTTP client or by gRPC, others over a connection of their own. `done` comes once, from the
 * loop; the answer is the callee's to keep. */
int gateway_start(const struct gateway_door *d, const struct gateway_request *r,
                  void (*done)(void *arg, struct gateway_answer *a), void *arg, struct gateway_exchange **out,
                  struct error *err);
void gateway_cancel(struct gateway_exchange *x); /* `done` is not called any more; NULL is fine */
/* For outermost programs: by running the loop. */
int gateway_wait(const struct gateway_door *d, const struct gateway_request *r, struct gateway_answer *out,
                 struct error *err);

#endif
