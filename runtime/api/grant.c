#include "runtime/api/passage.h"

#include <string.h>

static void put(struct grant **list, struct grant *g)
{
    g->next = *list;
    g->at = list;
    if (g->next)
        g->next->at = &g->next;
    *list = g;
}

static void take(struct grant *g)
{
    if (!g->at)
        return;
    *g->at = g->next;
    if (g->next)
        g->next->at = g->at;
    g->at = NULL;
}

void grant_open(struct grant *g, const struct passage *p)
{
    *g = (struct grant){.gateway = p->gateway,
                        .account = p->account,
                        .namespace = p->namespace,
                        .domain = p->domain,
                        .target = &p->target};
    put(&p->gateway->grants, g);
}

bool grant_move(struct grant *g, const struct passage *p, struct arena *arena, grant_lost *lost, void *arg)
{
    struct error err = ERROR_INIT;
    struct api_target *target = arena_copy(arena, &p->target, sizeof p->target);
    *g = (struct grant){.gateway = p->gateway,
                        .namespace = arena_string(arena, p->namespace),
                        .domain = arena_string(arena, p->domain),
                        .target = target,
                        .lost = lost,
                        .arg = arg};
    int rc = micro_service_account(p->gateway->service, p->token, arena, &g->account, &err);
    error_clear(&err);
    if (rc != 0 || !g->namespace || !g->domain || !target)
        return false;
    put(&p->gateway->grants, g);
    return true;
}

void grant_close(struct grant *g)
{
    take(g);
}

/* 0, or the status a request like this one would be refused with now. */
static int judge(const struct grant *g, const char **why)
{
    const struct micro_account *a = g->account;
    if (micro_service_account_ended(g->gateway->service, a)) {
        *why = "unauthorized request: the token was revoked, or the key withdrawn that signed it";
        return 401;
    }
    if (a && api_blocklist_has(&g->gateway->blocklist, a->issuer, a->id)) {
        *why = "blocked";
        return 403;
    }
    if (access_verdict(g->gateway, g->namespace, g->domain, a, g->target) != MICRO_GRANTED) {
        *why = a ? "Forbidden request: the rules have changed" : "unauthorized request: the rules have changed";
        return a ? 403 : 401;
    }
    return 0;
}

void grants_judge(void *gateway)
{
    struct gateway *gw = gateway;
    struct grant *ended = NULL, *next;
    for (struct grant *g = gw->grants; g; g = next) {
        next = g->next;
        g->code = judge(g, &g->why);
        if (g->code) {
            take(g);
            put(&ended, g);
        }
    }
    while (ended) { /* whoever is told may close others */
        struct grant *g = ended;
        take(g);
        if (g->lost)
            g->lost(g->arg, g->code, g->why);
    }
}
