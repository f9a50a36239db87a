#include "fuzz/live/below.h"

#include "base/units.h"
#include "fuzz/frames/operators.h"

#include <stdlib.h>
#include <string.h>

#define GATEWAY_SHARES 4 /* the gateway has all methods behind it */

static const struct target_component nobody = {.name = "gateway"}; /* one that no component says is its own */
static const struct target_component codec = {.name = "json"};     /* of all components */

/* ---- cases ------------------------------------------------------------------------------------------------------ */

static bool is_below(unsigned kind)
{
    return kind == EVENT_CONNECT || kind == EVENT_FRAME || kind == EVENT_HEADERS || kind == EVENT_BYTES ||
           kind == EVENT_HTTP;
}

bool below_takes(const struct fuzz_case *c)
{
    for (size_t i = 0; i < c->events.count; i++)
        if (is_below(c->events.items[i].kind))
            return true;
    return false;
}

/* To the HTTP door: the gateway's, or one of a component. */
static bool is_http(const struct fuzz_case *c)
{
    for (size_t i = 0; i < c->events.count; i++) {
        const struct fuzz_event *event = &c->events.items[i];
        if (event->kind == EVENT_HTTP || (event->kind == EVENT_CONNECT && event->number == 1))
            return true;
    }
    return false;
}

bool below_try(struct engine *e, const struct fuzz_case *c, struct engine_verdict *out, struct text *why)
{
    *out = (struct engine_verdict){.oracle = NULL};
    return is_http(c) ? gateway_try(e, c, out, why) : frames_try(e, c, out, why);
}

/* The next event at or behind `at` that a contract hangs on. */
static const struct fuzz_event *next_named(const struct fuzz_case *c, size_t *at)
{
    while (*at < c->events.count) {
        const struct fuzz_event *event = &c->events.items[(*at)++];
        bool named = event->kind == EVENT_FRAME || event->kind == EVENT_HEADERS || event->kind == EVENT_BYTES;
        struct bytes name = fuzz_case_bytes(c, event->name);
        if (event->kind == EVENT_HTTP || (named && name.len > 0 && !bytes_is(name, FRAMES_PROBE)))
            return event;
    }
    return NULL;
}

bool below_keeps(const struct fuzz_finding *f, const struct fuzz_case *c)
{
    static const char *const contracts[] = {"answer", "accepted", "refused"};
    bool held = false;
    for (size_t i = 0; i < sizeof contracts / sizeof contracts[0]; i++)
        held |= strcmp(f->oracle, contracts[i]) == 0;
    for (size_t a = 0, b = 0; held && below_takes(&f->c);) {
        const struct fuzz_event *was = next_named(&f->c, &a), *is = next_named(c, &b);
        if (!was || !is)
            return was == is;
        if (was->kind != is->kind || was->number != is->number || was->call != is->call || was->flags != is->flags ||
            !bytes_equal(fuzz_case_bytes(&f->c, was->value), fuzz_case_bytes(c, is->value)))
            return false;
    }
    return true;
}

const struct target_component *below_component(const struct engine *e, const struct fuzz_case *c)
{
    for (size_t i = 0; i < c->events.count; i++) {
        const struct fuzz_event *event = &c->events.items[i];
        for (size_t k = 0; event->kind == EVENT_CONNECT && k < e->target->component_count; k++)
            if (bytes_is(fuzz_case_bytes(c, event->name), e->target->components[k].name))
                return &e->target->components[k];
    }
    return is_http(c) ? &nobody : e->target->component_count > 0 ? &e->target->components[0] : NULL;
}

bool below_address(const char *url, char *out, size_t size)
{
    if (url == NULL || strncmp(url, "http://", 7) != 0)
        return false;
    size_t len = strcspn(url + 7, "/");
    if (len == 0 || len >= size)
        return false;
    memcpy(out, url + 7, len);
    out[len] = '\0';
    return true;
}

/* ---- signs of life ---------------------------------------------------------------------------------------------- */

bool below_crashed(struct engine *e, const struct target_component *c, struct engine_verdict *out, struct text *why)
{
    if (!engine_crashed(e, c))
        return false;
    *out = (struct engine_verdict){.oracle = "crash", .component = c};
    engine_tell_crash(e, c, why);
    return true;
}

bool below_well(struct engine *e, const struct target_component *c, struct engine_verdict *out, struct text *why)
{
    struct rpc_channel *channel;
    if (below_crashed(e, c, out, why))
        return false;
    if (c->address == NULL || engine_ends(e) || target_channel(e->target, c, &channel, NULL) != 0)
        return out->oracle == NULL;
    int code = rpc_wait_ready(e->target->world, channel, "", BELOW_HEALTH_TIME, NULL);
    /* One that offers no health check has answered that it does not. */
    if (code == 0 || code == ERROR_UNSUPPORTED || below_crashed(e, c, out, why))
        return out->oracle == NULL;
    *out = (struct engine_verdict){.oracle = "connection", .component = c};
    text_printf(why, "%s no longer answers its health check", c->name);
    return false;
}

void below_keep(struct engine *e, const struct fuzz_case *c, const struct engine_verdict *v, struct text *why)
{
    if (strcmp(v->oracle, "crash") == 0) {
        e->crashes++;
        below_suspect(e, c, v, why);
    } else {
        engine_keep(e, c, v, why);
    }
}

void below_suspect(struct engine *e, const struct fuzz_case *c, const struct engine_verdict *v, const struct text *why)
{
    struct fuzz_finding *f = engine_finding_new(e, c, v, text_string(why));
    if (f != NULL)
        f->crash = e->crashes;
}

bool below_stopped(const struct engine *e, uint64_t until)
{
    return engine_ends(e) || (until != 0 && engine_now(e) >= until);
}

/* ---- all doors -------------------------------------------------------------------------------------------------- */

static bool is_gateway(const struct below_door *d)
{
    return d->json && d->url != NULL;
}

/* In the order they are run in from the end: the gateway first, while the system is as it was started. */
static size_t doors_of(const struct engine *e, struct below_door *doors)
{
    const struct target *t = e->target;
    bool found = t->gateway == NULL;
    size_t count = 0;
    doors[count++] = (struct below_door){.component = &codec, .json = true};
    for (size_t i = 0; i < t->component_count; i++) {
        const struct target_component *c = &t->components[i];
        if (c->address != NULL && c->tls == NULL)
            doors[count++] = (struct below_door){.component = c};
        if (c->http != NULL && (t->gateway == NULL || strcmp(c->http, t->gateway) != 0))
            doors[count++] = (struct below_door){.component = c, .url = c->http};
    }
    for (size_t i = 0; i < t->component_count; i++) {
        const struct target_component *c = &t->components[i];
        if (c->http != NULL && !found && strcmp(c->http, t->gateway) == 0) {
            doors[count++] = (struct below_door){.component = c, .url = t->gateway, .json = true};
            found = true;
        }
    }
    if (!found)
        doors[count++] = (struct below_door){.component = &nobody, .url = t->gateway, .json = true};
    return count;
}

int below_open(struct engine *e, struct error *err)
{
    struct below *b = &e->below;
    struct random base;
    random_seed(&base, e->options.seed);
    random_fork(&base, "fuzz.below", &b->random);
    b->doors = calloc(2 * e->target->component_count + 2, sizeof *b->doors);
    if (b->doors == NULL)
        return error_set(err, ERROR_MEMORY, "out of memory");
    b->count = b->left = doors_of(e, b->doors);
    /* All but the gateway, which is the last, in an order of the seed's. */
    bool gateway = is_gateway(&b->doors[b->left - 1]);
    size_t shuffled = gateway ? b->left - 1 : b->left;
    for (size_t i = shuffled; i > 1; i--) {
        size_t k = (size_t)random_below(&b->random, i);
        struct below_door was = b->doors[i - 1];
        b->doors[i - 1] = b->doors[k];
        b->doors[k] = was;
    }
    /* The gateway comes before all calls: those may forbid, block or limit its clients. Else calls go first, so that an
     * early interrupt has something to tell. */
    b->next = e->deadline == 0 || gateway ? e->started : e->started + (e->deadline - e->started) / (b->left + 1);
    size_t shares = b->left + (gateway ? GATEWAY_SHARES - 1 : 0);
    b->share = e->options.budget / 100 * BELOW_PERCENT / shares;
    return 0;
}

void below_close(struct engine *e)
{
    free(e->below.doors);
    e->below.doors = NULL;
}

bool below_due(const struct engine *e)
{
    return e->below.left > 0 && engine_now(e) >= e->below.next;
}

int below_step(struct engine *e, struct error *err)
{
    struct below *b = &e->below;
    struct below_door *d = &b->doors[--b->left];
    uint64_t started = engine_now(e),
             until = b->share > 0 ? started + b->share * (is_gateway(d) ? GATEWAY_SHARES : 1) : 0;
    int code = d->url != NULL || d->json ? gateway_phase(e, d->component, d->url, d->json, &b->random, until, err)
                                         : frames_phase(e, d->component, &b->random, until, err);
    uint64_t now = engine_now(e);
    /* The rest at even distances, the last some way before the end. */
    b->next = e->deadline > now ? now + (e->deadline - now) / (b->left + 1) : now;
    d->ran = code == 0;
    d->duration = now - started;
    return code < 0 ? code : 0;
}

void below_told(struct engine *e, const struct fuzz_finding *f)
{
    bool http = is_http(&f->c);
    for (size_t i = 0; below_takes(&f->c) && i < e->below.count; i++) {
        struct below_door *d = &e->below.doors[i];
        /* What the gateway does to a message is told as the method's. */
        d->findings +=
            (d->url != NULL || d->json) == http && (d->component == f->component || (d->json && f->method != NULL));
    }
}

void below_report(struct engine *e)
{
    for (size_t i = e->below.count; i-- > 0;) {
        const struct below_door *d = &e->below.doors[i];
        if (d->ran)
            result_case(e->target->results,
                        &(struct result_case){.pillar = "fuzz",
                                              .suite = d->url != NULL ? "http"
                                                       : d->json      ? "grpc"
                                                                      : "frames",
                                              .name = d->component->name,
                                              .status = d->findings == 0 ? "passed" : "failed",
                                              .message = d->findings == 0 ? NULL : "see the findings",
                                              .duration = (int64_t)d->duration,
                                              .replay = e->options.replay});
    }
}
