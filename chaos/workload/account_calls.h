/* Calls of auth as the kinds of workload make them: accounts of the run's own, by number. */
#ifndef CHAOS_WORKLOAD_ACCOUNT_CALLS_H
#define CHAOS_WORKLOAD_ACCOUNT_CALLS_H

#include "chaos/workload/workload.h"

#define AUTH_SERVICE     "auth.Auth"
#define ACCOUNTS_SERVICE "auth.Accounts"

/* As the calls want them: texts nobody writes to. */
struct account_names {
    char id[96], secret[32], namespace[64];
};
/* `secret`: which one, counted from 0. */
void account_names(const struct workload_client *c, uint32_t account, int secret, struct account_names *out);
int account_make(struct workload_client *c, uint32_t account, workload_answered *answered);
int account_login(struct workload_client *c, uint32_t account, int secret, int64_t seconds,
                  workload_answered *answered);

#endif
