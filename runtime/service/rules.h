/* The evaluation of access rules, Micro v3's order, as a pure function.
 *
 * Rules are looked at by priority, high first, equal ones in the order they were given. One applies when type, name and
 * endpoint match the resource: "*" is any, an endpoint that ends in "/ *" or ". *" (without the blank) is any that
 * begins like it. Then:
 *
 *     scope ""    anybody, with or without an account: the rule decides
 *     no account  the rule is passed over
 *     the account's issuer is not the namespace, and the scope is not "+": refused
 *     scope "*"   any account of the namespace, "+" any account of any namespace: the rule decides
 *     else        an account that has the scope, whatever the case of its letters: the rule decides
 *
 * The first that decides, decides: granted or denied. When none does, the answer is no. */
#ifndef RUNTIME_SERVICE_RULES_H
#define RUNTIME_SERVICE_RULES_H

#include "runtime/service/service.h"

enum rule_access { RULE_NONE, RULE_GRANTED, RULE_DENIED }; /* as auth.Access: a rule of neither decides nothing */

struct rule {
    const char *id, *scope;
    const char *type, *name, *endpoint; /* of the resource */
    enum rule_access access;
    int32_t priority;
};

struct rule_resource {
    const char *type, *name, *endpoint;
};

void rules_sort(struct rule *rules, size_t count); /* by priority, stable */
/* Whether the rule can ever match resources of that type and name. */
bool rule_is_about(const struct rule *r, const char *type, const char *name);
/* The rules must be sorted. */
bool rules_grant(const struct rule *rules, size_t count, const char *namespace, const struct micro_account *a,
                 const struct rule_resource *resource);

#endif
