#include "base/log.h"
#include "proto/set.h"
#include "runtime/service/service.h"

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
