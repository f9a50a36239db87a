/* Every method of every core component: who may call it, and a request for namespace "micro" that is in order. A
 * method that is not in the table fails the tests: whoever adds one says here who may call it. What needs no account
 * says why. */
#ifndef TESTS_SYSTEM_SECURITY_METHODS_H
#define TESTS_SYSTEM_SECURITY_METHODS_H

#include <stddef.h>

enum security_need {
    ADMIN,   /* of the namespace: no account 401, another namespace's 403, no admin 401 (v3's words) */
    HEADER,  /* as ADMIN, of the namespace the header micro-namespace names, one's own without it */
    ACCOUNT, /* of the namespace: no account 401, another namespace's 403 */
    OWN,     /* any account: what it sees is its own namespace's, whatever it asks for. No account 401 */
    SERVICE, /* a service of any namespace: no account 401, users 403 */
    INSIDE,  /* it only makes the call named inside, with the caller's token: what that one says */
    NETWORK, /* the network's token, and no account: 401 without */
    OPEN     /* nothing, for the reason given */
};

struct security_row {
    const char *path;
    enum security_need need;
    const char *request; /* for namespace micro */
    const char *why;     /* OPEN */
};
extern const struct security_row security_rows[];
extern const size_t security_row_count;

#endif
