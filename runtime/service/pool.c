/* Pools of contracts. The one of everything compiled in takes some 400 kB, in each of many processes, so it is made
 * only when somebody asks for JSON or reflection; calls in binary form never need it. */
#include "base/log.h"
#include "proto/set.h"
#include "runtime/service/internal.h"

static struct pb_pool *pool;

const struct pb_pool *micro_pool(void)
{
    if (!pool) {
        struct error err = ERROR_INIT;
        if (pb_pool_new(proto_set(), "compiled-in contracts", &pool, &err) != 0) {
            log_error("service", "the compiled-in contracts cannot be read: %s", err.message ? err.message : "?");
            pool = NULL;
        }
        error_clear(&err);
    }
    return pool;
}

void micro_pool_free(void)
{
    pb_pool_free(pool);
    pool = NULL;
}

const struct pb_pool *micro_service_pool(void *service)
{
    struct micro_service *s = service;
    if (s->config.pool)
        return s->config.pool;
    if (!s->config.descriptors.len)
        return micro_pool();
    if (s->own_pool)
        return s->own_pool;
    struct text set = TEXT_INIT;
    struct error err = ERROR_INIT;
    int rc = micro_contracts_join(s->config.descriptors, proto_set(), &set);
    if (rc)
        error_set(&err, rc, "not a descriptor set");
    else
        rc = pb_pool_new(text_bytes(&set), s->config.name, &s->own_pool, &err);
    if (rc) {
        micro_log(s, LOG_ERROR, "the service's contracts cannot be read: %s", err.message ? err.message : "?");
        s->own_pool = NULL;
    }
    error_clear(&err);
    text_deinit(&set);
    return s->own_pool;
}
