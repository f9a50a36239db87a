#include "chaos/fault/rpc/rpc.h"

#include "chaos/fault/network/network.h"

#include <stdlib.h>
#include <string.h>

int rpc_possible(struct target *t, struct error *err)
{
    return network_possible(t, err);
}

static bool concerned(const struct fault_injection *f, const struct proxy_link *l)
{
    return strcmp(proxy_link_to(l), f->component) == 0 && (f->peer == NULL || strcmp(proxy_link_from(l), f->peer) == 0);
}

int rpc_inject(struct fault_injection *f, const struct proxy_rule *shape, struct error *err)
{
    struct proxy *p = f->target->proxy;
    struct proxy_rule *rule = malloc(sizeof *rule);
    size_t count = 0;
    int code = 0;
    if (rule == NULL)
        return error_set(err, ERROR_MEMORY, "out of memory");
    *rule = *shape;
    rule->method = f->method;
    rule->share = (uint32_t)f->parameters[RPC_SHARE];
    rule->nth = (uint64_t)f->parameters[RPC_NTH];
    random_fork(&f->random, "rpc", &rule->random);
    f->state = rule;
    for (size_t i = 0; code == 0 && i < proxy_count(p); i++) {
        if (!concerned(f, proxy_link(p, i)))
            continue;
        code = proxy_rule_add(proxy_link(p, i), rule, err);
        count++;
    }
    return code == 0 && count == 0 ? error_set(err, ERROR_NOT_FOUND, "no link leads to %s", f->component) : code;
}

int rpc_verify(struct fault_injection *f, struct error *err)
{
    const struct proxy_rule *rule = f->state;
    (void)err;
    if (rule != NULL)
        f->hits = rule->hits;
    return 0;
}

int rpc_heal(struct fault_injection *f, struct error *err)
{
    struct proxy *p = f->target->proxy;
    (void)err;
    for (size_t i = 0; f->state != NULL && i < proxy_count(p); i++)
        proxy_rule_remove(proxy_link(p, i), f->state);
    free(f->state);
    f->state = NULL;
    return 0;
}
