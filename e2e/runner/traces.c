/* The trace of a case: an id that its calls carry, and what components kept of it, fetched when the case failed. What
 * it is called on the wire, and whom to ask, is known to who binds struct e2e_traces. */
#include "e2e/kind.h"
#include "e2e/runner/run.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* 128 bits in hexadecimal, as trace ids commonly are. */
void trace_begin(struct flow_context *x)
{
    struct random base, file, flow, own;
    if (x->options->traces == NULL)
        return;
    random_seed(&base, x->target->seed);
    random_fork(&base, x->flow->path, &file);
    random_fork(&file, x->run->name, &flow);
    random_fork(&flow, "trace", &own);
    uint64_t high = random_next(&own), low = random_next(&own);
    (void)snprintf(x->run->trace, sizeof x->run->trace, "%016" PRIx64 "%016" PRIx64, high, low);
    x->run->began = world_wall(x->target->world);
}

const char *trace_key(struct flow_context *x)
{
    if (x->run->trace[0] == '\0')
        return NULL;
    x->run->traced = true;
    return x->options->traces->key;
}

/* "http://host" and "ws://host" are one door, "https" and "wss" are. */
static const char *door_of(const char *url, bool *tls)
{
    const char *rest = strstr(url, "://");
    *tls = rest != NULL && rest > url && rest[-1] == 's' && strncmp(url, "ws:", 3) != 0;
    return rest != NULL ? rest + 3 : url;
}

bool url_is_gateway(const struct target *t, const char *url)
{
    bool tls, its_tls;
    const char *gateway = t->gateway != NULL ? door_of(t->gateway, &its_tls) : NULL, *door = door_of(url, &tls);
    size_t len = gateway != NULL ? strlen(gateway) : 0;
    return len > 0 && tls == its_tls && strncmp(door, gateway, len) == 0 && strchr("/?#", door[len]) != NULL;
}

bool trace_header(struct flow_context *x, const char *url, json_t *headers)
{
    const char *key = x->options->traces != NULL ? x->options->traces->key : NULL;
    if (key == NULL || !url_is_gateway(x->target, url) || json_object_get(headers, key) != NULL || trace_key(x) == NULL)
        return true;
    return json_object_set_new(headers, key, json_string(x->run->trace)) == 0;
}

/* The line stands before that of its case. The time it takes is no part of the case's. */
void trace_tell(struct flow_context *x, bool passed)
{
    const struct e2e_traces *traces = x->options->traces;
    if (!x->run->traced || (passed && !x->options->trace_all) || x->target->interrupted)
        return;
    uint64_t start = world_now(x->target->world);
    struct e2e_asked *asked = traces->ask(traces->arg, flow_system(x), x->run->trace, x->run->began);
    (void)(asked != NULL ? flow_wait(x, traces->answered, asked, 0) : 0);
    json_t *kept = asked != NULL ? traces->take(asked) : NULL;
    bool any = json_array_size(json_object_get(kept, "spans")) + json_array_size(json_object_get(kept, "skipped")) > 0;
    json_t *line = json_pack("{s:s, s:s}", "case", x->run->name, "trace", x->run->trace);
    if (kept == NULL || json_object_update(line, kept) != 0) { /* without memory the stream is told so */
        json_decref(line);
        line = NULL;
    }
    if (line == NULL || any)
        flow_emit(x, "spans", line);
    else
        json_decref(line);
    json_decref(kept);
    x->run->asking += world_now(x->target->world) - start;
}
