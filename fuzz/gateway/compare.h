/* Do gRPC and the gateway say the same? One message, asked by gRPC, through the gateway, and by gRPC once more.
 *
 * Only what gRPC itself repeats is compared: members of the reply that differ between the two gRPC answers (times,
 * counters, ids that are drawn) are left out, and when their statuses differ nothing is said at all. So either the
 * method changes nothing (asked thrice of one system), or each of the three is asked of a fresh system made from the
 * same seed. Statuses go by the table of google.rpc.Code and HTTP, with Micro's own code in the text before it.
 *
 * The reply is compared as canonical JSON: the gateway's is read as the reply's type first, so that number forms,
 * defaults and member names that mean the same are the same. */
#ifndef FUZZ_GATEWAY_COMPARE_H
#define FUZZ_GATEWAY_COMPARE_H

#include "base/text.h"
#include "wire/pb.h"

struct gateway_rpc_answer {
    int status; /* gRPC's */
    struct bytes text, body;
};
struct gateway_http_answer {
    int status;
    struct bytes body;
};

/* NULL: they agree, or nothing can be said. Else "disagreement", and why in a sentence. `ignored`: names of members, at
 * any depth, that are left out, NULL-terminated; NULL: none. Out of memory counts as nothing to say. */
const char *gateway_compare(const struct pb_method *m, const struct gateway_rpc_answer *first,
                            const struct gateway_http_answer *http, const struct gateway_rpc_answer *again,
                            const char *const *ignored, struct text *why);
/* The HTTP status is a right form of the gRPC one. */
bool gateway_status_fits(int grpc_status, struct bytes text, int http_status);
/* The form a gateway gives it as a rule. */
int gateway_status_of(int grpc_status, struct bytes text);
/* The message has a JSON form that says all of it: then it can be asked both ways. The form is appended. */
bool gateway_json_of(const struct pb_type *type, struct bytes message, struct text *json);

#endif
