/* Taking a service away, so that nothing of it is left whatever fails in between:
 *
 *     MARK      its record says that it is to go; from here on the deletion goes on by itself, also after a restart
 *     STOP      its processes end; they may still use their account, to take themselves out of the registry
 *     ACCOUNT   its account is removed
 *     FORGET    its record is removed
 *
 * What cannot be done now (auth or the store is away) is told to the caller and tried again until it succeeds. */
#include "base/log.h"
#include "runtime/runtime/runner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AGAIN ((uint64_t)2 * (uint64_t)SECOND)

enum step { STEP_MARK, STEP_STOP, STEP_ACCOUNT, STEP_FORGET };

struct runner_deletion {
    struct runner_turn turn;
    struct runner_service *service;
    struct rpc_call *call; /* NULL: nobody waits for it any more */
    const char *error_id;
    enum step step;
    struct world_timer again;
};

static void proceed(void *arg);

void runner_deletion_free(struct runner_deletion *d)
{
    if (!d)
        return;
    world_timer_stop(&d->again);
    free(d);
}

/* Before the mark: nothing has happened, and nothing will. */
static void give_up(struct runner_deletion *d, int code, const char *detail)
{
    struct runner_service *s = d->service;
    struct rpc_call *call = d->call;
    const char *error_id = d->error_id;
    s->deletion = NULL;
    runner_turn_end(s);
    runner_deletion_free(d);
    if (call)
        micro_fail(call, code, error_id, "%s", detail);
}

static void later(struct runner_deletion *d, const char *who, int status, const char *message)
{
    char detail[400];
    struct rpc_call *call = d->call;
    d->call = NULL;
    (void)runner_code(status, message, detail, sizeof detail);
    log_warn("runtime", "deleting %s has to wait: %s: %s", d->service->key, who, detail);
    if (!d->service->runner->stopping && world_timer_start(&d->again, AGAIN) < 0)
        log_error("runtime", "out of memory: deleting %s goes on after a restart", d->service->key);
    if (call)
        micro_fail(call, 503, d->error_id, "%s did not do its part: %s; the deletion goes on by itself", who, detail);
}

static void finished(struct runner_deletion *d, const char *revision)
{
    struct runner_service *s = d->service;
    struct rpc_call *call = d->call;
    runner_publish(s->runner, "service.deleted", s->namespace, s->name, runner_event_object(s, s->current));
    s->exists = s->finished = s->deleting = false;
    runner_service_write(s, "deleted");
    if (s->current)
        runner_folder_remove(s, s->current->generation);
    if (s->next)
        runner_folder_remove(s, s->next->generation);
    runner_spec_free(s->current);
    runner_spec_free(s->next);
    s->current = s->next = NULL;
    free(s->account_secret);
    s->account_secret = NULL;
    text_clear(&s->update_error);
    s->deletion = NULL;
    runner_turn_end(s);
    runner_deletion_free(d);
    if (!call)
        return;
    Runtime__DeleteResponse reply;
    runtime__delete_response__init(&reply);
    runner_reply(call, &reply.base, revision);
}

static void record_removed(void *arg, int status, const char *message, const char *revision)
{
    struct runner_deletion *d = arg;
    if (status == GRPC_OK)
        finished(d, revision);
    else
        later(d, "the store", status, message);
}

static void account_removed(void *arg, int status, const char *message, const char *revision)
{
    struct runner_deletion *d = arg;
    (void)revision;
    if (status != GRPC_OK) {
        later(d, "auth", status, message);
        return;
    }
    d->step = STEP_FORGET;
    proceed(d);
}

static void all_stopped(void *arg)
{
    struct runner_deletion *d = arg;
    if (d->service->runner->stopping)
        return; /* the mark is safe: after the restart it goes on */
    d->step = STEP_ACCOUNT;
    proceed(d);
}

static void marked(void *arg, int status, const char *message, const char *revision)
{
    struct runner_deletion *d = arg;
    char detail[400];
    (void)revision;
    if (status == GRPC_OK) {
        d->step = STEP_STOP;
        proceed(d);
        return;
    }
    d->service->deleting = false;
    int code = runner_code(status, message, detail, sizeof detail);
    give_up(d, code == 503 || code == 507 ? code : 500, detail);
}

static void proceed(void *arg)
{
    struct runner_deletion *d = arg;
    struct runner_service *s = d->service;
    switch (d->step) {
    case STEP_MARK: {
        s->deleting = true;
        json_t *record = runner_service_json(s, s->current, s->next, s->finished);
        runner_keep_write(s->runner, s->key, record, marked, d);
        json_decref(record);
        break;
    }
    case STEP_STOP:
        runner_service_stop(s, all_stopped, d);
        break;
    case STEP_ACCOUNT:
        runner_account_remove(s, account_removed, d);
        break;
    case STEP_FORGET:
    default:
        runner_keep_remove(s->runner, s->key, record_removed, d);
    }
}

static void begin(void *arg)
{
    struct runner_deletion *d = arg;
    d->service->deletion = d;
    if (!d->service->exists)
        give_up(d, 404, "not found");
    else
        proceed(d);
}

static void drop(void *arg)
{
    struct runner_deletion *d = arg;
    if (d->call)
        micro_fail(d->call, 503, d->error_id, "the runtime is stopping");
    runner_deletion_free(d);
}

void runner_deletion_start(struct runner_service *s, struct rpc_call *call, const char *error_id)
{
    struct runner_deletion *d = calloc(1, sizeof *d);
    if (!d) {
        if (call)
            micro_fail(call, 507, error_id, "out of memory");
        return;
    }
    *d = (struct runner_deletion){.turn = {.begin = begin, .drop = drop, .arg = d},
                                  .service = s,
                                  .call = call,
                                  .error_id = error_id,
                                  .step = s->deleting ? STEP_STOP : STEP_MARK};
    world_timer_init(&d->again, s->runner->world, proceed, d);
    runner_turn_begin(s, &d->turn);
}

void runner_deletion_quit(struct runner_service *s)
{
    struct runner_deletion *d = s->deletion;
    struct rpc_call *call = d ? d->call : NULL;
    if (!call)
        return;
    d->call = NULL;
    micro_fail(call, 503, d->error_id, "the runtime is stopping; the deletion goes on after it started again");
}
