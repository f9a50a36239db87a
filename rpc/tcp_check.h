/* Whether a server that speaks a protocol of its own answers: a connection is made, a question is sent, and the answer
 * has to begin as expected. What a server says that is there and cannot serve yet ("-LOADING") is no such answer. */
#ifndef RPC_TCP_CHECK_H
#define RPC_TCP_CHECK_H

#include "rpc/target.h"

#define TCP_CHECK_EXPECT_MAX 256 /* bytes of an answer that are looked at */

struct tcp_check;
/* `done` is called once, from the loop, within `timeout` ns; then *out is gone. */
int tcp_check_start(struct world *w, const struct target_tcp *door, uint64_t timeout,
                    void (*done)(void *arg, bool answers), void *arg, struct tcp_check **out, struct error *err);
void tcp_check_cancel(struct tcp_check *c); /* `done` is not called any more; NULL is fine */

#endif
