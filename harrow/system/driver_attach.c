/* The attach driver: the system is already running, and somebody else's. Nothing is started, stopped or killed; the
 * components' addresses stand in the manifest, or are the one on the command line.
 *
 * Of its processes nothing is known. A component counts as gone while connections to it fail. */
#include "harrow/system/attach.h"
#include "harrow/system/system.h"

#include "base/log.h"
#include "base/units.h"
#include "wire/tls.h"
#include "world/foreign.h"

#include <stdlib.h>
#include <string.h>

#define CERTIFICATES_MAX ((size_t)4 << 20)
#define HEALTH_CHECK     "/grpc.health.v1.Health/Check"
#define PROBE_EVERY      ((uint64_t)(100 * MILLISECOND))

struct attached {
    struct tls_context *tls;
    bool probing; /* a call is under way that only tries to connect */
    struct grpc_header metadata[TARGET_METADATA_MAX];
};

static int attach_prepare(struct system *s, struct error *err)
{
    s->state = calloc(1, sizeof(struct attached));
    s->values.data = s->values.secret = NULL; /* the system's own affair */
    s->values.bin = world_program_folder(s->run->world);
    return s->state != NULL && s->values.bin != NULL ? 0 : error_set(err, ERROR_MEMORY, "out of memory");
}

/* ---- what goes with every call ---- */

static int add_metadata(struct system *s, const char *text, struct error *err)
{
    struct attached *a = s->state;
    const char *name = NULL, *value = NULL;
    int code = attach_metadata_parse(text, &s->values, &s->arena, &name, &value, err);
    if (code != 0)
        return code;
    if (strcmp(name, "authorization") == 0 && strncmp(value, "Bearer ", 7) == 0) {
        s->target.token = value + 7; /* as one got by a login: some calls leave it out on purpose */
        return 0;
    }
    if (s->target.metadata_count == TARGET_METADATA_MAX)
        return error_set(err, ERROR_LIMIT, "more than %d metadata", TARGET_METADATA_MAX);
    a->metadata[s->target.metadata_count++] = (struct grpc_header){.name = bytes_of(name), .value = bytes_of(value)};
    s->target.metadata = a->metadata;
    return 0;
}

static int set_metadata(struct system *s, struct error *err)
{
    const char *const *listed = s->manifest->attach.metadata;
    int code = 0;
    for (size_t i = 0; code == 0 && attach.metadata.count == 0 && listed[i] != NULL; i++)
        code = add_metadata(s, listed[i], err);
    for (size_t i = 0; code == 0 && i < attach.metadata.count; i++)
        code = add_metadata(s, attach.metadata.items[i], err);
    return code;
}

/* ---- doors ---- */

static int make_tls(struct system *s, const char *ca, bool insecure, struct tls_context **out, struct error *err)
{
    static const char *const alpn[] = {"h2", NULL};
    struct text pem = TEXT_INIT;
    struct tls_options o = {.insecure = insecure, .alpn = alpn};
    int code = ca != NULL ? world_read_file(s->run->world, ca, CERTIFICATES_MAX, &pem, err) : 0;
    if (code == 0) {
        o.ca_pem = ca != NULL ? text_string(&pem) : NULL;
        code = tls_context_new(&o, out, err);
    }
    if (code != 0 && ca != NULL)
        error_wrap(err, "the certificates of %s cannot be used", ca);
    text_deinit(&pem);
    return code;
}

static int open_tls(struct system *s, struct error *err)
{
    struct attached *a = s->state;
    const struct manifest_attach *m = &s->manifest->attach;
    bool insecure = attach.insecure || m->insecure;
    const char *ca = attach.ca;
    if (ca == NULL && m->ca != NULL && (ca = manifest_path(s->manifest, m->ca, &s->arena)) == NULL)
        return error_set(err, ERROR_MEMORY, "out of memory");
    if (insecure)
        log_warn("attach", "certificates are not verified");
    s->target.ca = insecure ? NULL : ca;
    s->target.insecure = insecure;
    return a->tls != NULL ? 0 : make_tls(s, insecure ? NULL : ca, insecure, &a->tls, err);
}

/* "grpcs://host:port" becomes "host:port" with TLS. */
static int set_doors(struct system *s, struct error *err)
{
    struct attached *a = s->state;
    size_t doors = 0;
    for (size_t i = 0; i < s->target.component_count; i++) {
        struct target_component *c = &s->components[i];
        bool tls = false;
        if (c->address == NULL)
            continue;
        const char *door = attach_address(c->address, &tls);
        if (door == NULL)
            return error_set(err, ERROR_INVALID,
                             "component %s: \"%s\" is no address: expected HOST:PORT, grpc://HOST:PORT or "
                             "grpcs://HOST:PORT",
                             c->name, c->address);
        int code = tls ? open_tls(s, err) : 0;
        if (code != 0)
            return code;
        c->address = door;
        c->tls = tls ? a->tls : NULL;
        doors++;
    }
    return doors > 0 || s->target.gateway != NULL
               ? 0
               : error_set(err, ERROR_INVALID, "%s: no component has an \"address\" to attach to", s->manifest->path);
}

/* ---- is it there, and does it speak gRPC? ---- */

/* One question; any answer will do. *code: why there was none. */
static bool answers(struct system *s, struct rpc_channel *channel, struct text *why, int *code)
{
    static const struct rpc_retry never = {.attempts = 1};
    struct rpc_request request = {.path = HEALTH_CHECK,
                                  .metadata = target_metadata(&s->target),
                                  .timeout = ATTACH_PROBE_WITHIN,
                                  .retry = &never,
                                  .message = BYTES("", 0),
                                  .has_message = true};
    struct rpc_answer answer;
    *code = rpc_unary_wait(s->target.world, channel, &request, &answer, NULL);
    text_clear(why);
    if (*code != 0)
        return false;
    bool heard = !answer.reply.lost && answer.reply.peer[0] != '\0';
    text_add(why, answer.reply.message.data, answer.reply.message.len);
    *code = rpc_channel_failure(channel);
    rpc_answer_deinit(&answer);
    return heard;
}

/* What to try, by having tried it: does it answer the other way, with TLS or without? */
static void add_hint(struct system *s, const struct target_component *c, struct text *why)
{
    struct tls_context *tls = NULL;
    struct rpc_channel *channel = NULL;
    struct text ignored = TEXT_INIT;
    int code = 0;
    if (c->tls == NULL && make_tls(s, NULL, true, &tls, NULL) != 0)
        return;
    struct rpc_channel_options o = {.addresses = c->address, .tls = tls, .connect_timeout = ATTACH_PROBE_WITHIN};
    if (rpc_channel_new(s->target.world, &o, &channel, NULL) == 0 && answers(s, channel, &ignored, &code))
        text_printf(why, "; %s: use %s://%s", c->tls == NULL ? "it speaks TLS" : "it speaks plain text",
                    c->tls == NULL ? "grpcs" : "grpc", c->address);
    else if (c->tls == NULL && code != ERROR_TIMEOUT)
        text_puts(why, "; it is no gRPC server, or a proxy stands before it");
    rpc_channel_free(channel);
    tls_context_free(tls);
    text_deinit(&ignored);
}

static bool may_come_up(int code)
{
    return code == ERROR_REFUSED || code == ERROR_TIMEOUT;
}

int attach_wait_door(struct system *s, const struct target_component *c, uint64_t end, struct error *err)
{
    struct rpc_channel *channel;
    struct text why = TEXT_INIT;
    int code = target_channel(&s->target, c, &channel, err), reason = 0;
    while (code == 0 && !answers(s, channel, &why, &reason)) {
        if (s->run->interrupted)
            code = error_set(err, ERROR_CANCELLED, "interrupted");
        else if (may_come_up(reason) && world_now(s->target.world) < end)
            code = world_sleep(s->target.world, PROBE_EVERY) != 0 ? error_set(err, ERROR_CANCELLED, "interrupted") : 0;
        else
            code = reason != 0 ? reason : ERROR_CLOSED;
    }
    if (code != 0 && code != ERROR_CANCELLED) {
        if (!may_come_up(code) && code != ERROR_NOT_FOUND && code != ERROR_DENIED)
            add_hint(s, c, &why);
        /* The environment's fault, not of what was typed. */
        code = error_set(err, code == ERROR_INVALID || code == ERROR_LIMIT ? ERROR_PROTOCOL : code, "%s",
                         text_string(&why));
    }
    text_deinit(&why);
    return code;
}

static int attach_start(struct system *s, struct error *err)
{
    int code = system_expand(s, err);
    if (code == 0)
        code = set_doors(s, err);
    if (code == 0)
        code = set_metadata(s, err);
    return code == 0 ? attach_contracts(s, err) : code;
}

static int attach_start_alone(struct system *s, const struct manifest_component *c, const char *peers,
                              struct error *err)
{
    (void)s;
    (void)peers;
    return error_set(err, ERROR_UNSUPPORTED, "component %s cannot be run alone: the system was attached", c->name);
}

static bool attach_gone(struct system *s)
{
    (void)s;
    return false;
}

static void attach_stop(struct system *s)
{
    struct attached *a = s->state;
    s->target.metadata = NULL;
    s->target.metadata_count = 0;
    tls_context_free(a->tls);
    free(a);
    s->state = NULL;
}

/* ---- levers: none ---- */

static int attach_act(struct target *t, const char *component, enum target_action action, struct error *err)
{
    (void)t;
    return error_set(err, ERROR_UNSUPPORTED, "%s cannot be sent %s: the system was attached, and is not ours",
                     component, target_action_name(action));
}

static void on_probed(void *arg, const struct rpc_reply *reply)
{
    struct attached *a = arg;
    (void)reply;
    a->probing = false;
}

/* Nothing speaks against it but a connection that could not be made; then it is tried again. */
static bool attach_alive(struct target *t, const char *component)
{
    static const struct rpc_retry never = {.attempts = 1};
    struct attached *a = system_of(t)->state;
    struct rpc_channel *channel;
    const struct target_component *c = target_find(t, component);
    if (c == NULL || c->address == NULL || target_channel(t, c, &channel, NULL) != 0 || rpc_channel_connected(channel))
        return true;
    bool alive = !rpc_channel_failing(channel, NULL);
    struct rpc_request request = {.path = HEALTH_CHECK,
                                  .timeout = ATTACH_PROBE_WITHIN,
                                  .retry = &never,
                                  .message = BYTES("", 0),
                                  .has_message = true};
    a->probing = a->probing || rpc_unary(channel, &request, on_probed, a, NULL, NULL) == 0;
    return alive;
}

static int64_t attach_process(struct target *t, const char *component)
{
    (void)t;
    (void)component;
    return 0;
}

static int attach_usage(struct target *t, const char *component, uint64_t *resident, uint64_t *cpu)
{
    (void)t;
    (void)component;
    (void)resident;
    (void)cpu;
    return ERROR_UNSUPPORTED;
}

static int attach_logs(struct target *t, const char *component, size_t lines, struct text *out)
{
    (void)t;
    (void)component;
    (void)lines;
    (void)out;
    return ERROR_UNSUPPORTED;
}

static const struct target_operations operations = {
    .act = attach_act,
    .alive = attach_alive,
    .process = attach_process,
    .usage = attach_usage,
    .logs = attach_logs,
    .more_contracts = attach_more_contracts,
};

const struct driver driver_attach = {
    .name = "attach",
    .attached = true,
    .operations = &operations,
    .prepare = attach_prepare,
    .start = attach_start,
    .start_alone = attach_start_alone,
    .gone = attach_gone,
    .stop = attach_stop,
};
