/* One process of a release: started, watched, started again after a back-off when it dies.
 *
 *     IDLE -> STARTING -> RUNNING          it lives for RUNNER_SETTLE, or is seen at the registry
 *     STARTING, RUNNING -> DONE            it exited with 0
 *     STARTING, RUNNING -> RESTING         any other end; STARTING again after the back-off
 *     RESTING -> FAILED                    as often in a row as `retries` allows
 *     any -> STOPPING -> STOPPED           SIGTERM for its group, SIGKILL after the grace */
#include "base/log.h"
#include "runtime/runtime/runner.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#define OPEN_FILES ((uint64_t)4096) /* of a service's process */

static struct runner *runner_of(const struct runner_instance *i)
{
    return i->release->service->runner;
}

static void become(struct runner_instance *i, enum runner_instance_state state)
{
    i->state = state;
    runner_release_instance(i->release, i);
}

static void output(void *arg, int fd, struct bytes line)
{
    struct runner_instance *i = arg;
    runner_tail_add(&i->tail, line);
    logs_write(i->release->service->log, fd == 1 ? "stdout" : "stderr", i->slot, line);
}

static void tell_death(struct runner_instance *i, int64_t process, struct world_exit status)
{
    char up[64];
    struct text words = TEXT_INIT;
    world_exit_format(status, &words);
    units_format_duration((int64_t)(world_now(runner_of(i)->world) - i->up_since), up, sizeof up);
    text_clear(&i->died);
    text_printf(&i->died, "process %lld %s%s after %s", (long long)process, status.signalled ? "was " : "",
                text_string(&words), up);
    runner_service_write(i->release->service, "%s", text_string(&i->died));
    runner_tail_tell(&i->tail, &i->died);
    text_deinit(&words);
}

/* It died, or could not be started; i->died says why. */
static void rest(struct runner_instance *i)
{
    const struct runner_release *r = i->release;
    i->failures++;
    if (r->coming) {
        become(i, INSTANCE_FAILED);
        return;
    }
    if (r->retries >= 0 && i->failures > r->retries) {
        text_printf(&i->died, "; not started again after %lld retries", (long long)r->retries);
        become(i, INSTANCE_FAILED);
        return;
    }
    if (i->backoff == 0)
        i->backoff = RUNNER_BACKOFF_FIRST;
    else
        i->backoff = i->backoff * 2 < RUNNER_BACKOFF_MAX ? i->backoff * 2 : RUNNER_BACKOFF_MAX;
    if (world_timer_start(&i->timer, i->backoff) < 0) {
        text_puts(&i->died, "; out of memory: it is not started again");
        become(i, INSTANCE_FAILED);
        return;
    }
    become(i, INSTANCE_RESTING);
}

static void exited(void *arg, struct world_exit status)
{
    struct runner_instance *i = arg;
    int64_t process = world_process_id(i->process);
    world_timer_stop(&i->timer);
    world_process_close(i->process);
    i->process = NULL;
    tell_death(i, process, status);
    if (i->state == INSTANCE_STOPPING) {
        become(i, INSTANCE_STOPPED);
        return;
    }
    if (world_now(runner_of(i)->world) - i->up_since >= RUNNER_STEADY) {
        i->backoff = 0;
        i->failures = 0;
    }
    if (!status.signalled && status.code == 0)
        become(i, INSTANCE_DONE);
    else
        rest(i);
}

/* The node's name in simulation; in messages elsewhere. Other namespaces than "micro" stand in front. */
static void process_name(const struct runner_instance *i, char out[RUNNER_PATH_MAX])
{
    const struct runner_service *s = i->release->service;
    bool home = strcmp(s->namespace, MICRO_NAMESPACE) == 0;
    int n = snprintf(out, RUNNER_PATH_MAX, "%s%s%s", home ? "" : s->namespace, home ? "" : ".", s->id);
    if (i->slot > 0 && n > 0 && n < RUNNER_PATH_MAX)
        snprintf(out + n, (size_t)(RUNNER_PATH_MAX - n), ".%d", i->slot);
}

void runner_instance_start(struct runner_instance *i)
{
    static const struct world_process_events events = {.output = output, .exited = exited};
    struct runner_release *r = i->release;
    const struct world_limits limits = {.open_files = OPEN_FILES, .address_space = (uint64_t)r->memory << 20};
    struct runner *runner = runner_of(i);
    char name[RUNNER_PATH_MAX];
    struct error err = ERROR_INIT;
    process_name(i, name);
    const struct world_spawn spawn = {.name = name,
                                      .argv = r->plan.argv,
                                      .environment = r->plan.environment,
                                      .directory = r->plan.directory,
                                      .clean_environment = true,
                                      .whole_group = true,
                                      .limits = &limits};
    i->up_since = world_now(runner->world);
    i->tail.count = 0;
    int rc = world_process_spawn(runner->world, &spawn, &events, i, &i->process, &err);
    if (rc < 0) {
        i->process = NULL;
        text_clear(&i->died);
        text_printf(&i->died, "%s", err.message ? err.message : error_code_name(rc));
        runner_service_write(r->service, "%s", text_string(&i->died));
        error_clear(&err);
        rest(i);
        return;
    }
    i->started = world_wall(runner->world);
    if (!r->coming)
        r->service->started = i->started;
    (void)world_timer_start(&i->timer, RUNNER_SETTLE); /* without memory it stays "starting", and runs */
    become(i, INSTANCE_STARTING);
}

void runner_instance_settle(struct runner_instance *i)
{
    if (i->state != INSTANCE_STARTING)
        return;
    world_timer_stop(&i->timer);
    become(i, INSTANCE_RUNNING);
}

static void timer_fired(void *arg)
{
    struct runner_instance *i = arg;
    if (i->state == INSTANCE_STARTING) {
        if (i->release->coming && i->release->had_nodes)
            return; /* it has to be seen at the registry */
        runner_instance_settle(i);
    } else if (i->state == INSTANCE_RESTING) {
        runner_instance_start(i);
    } else if (i->state == INSTANCE_STOPPING && i->process) {
        log_warn("runtime", "%s did not stop in time and is killed", i->release->service->key);
        (void)world_process_signal(i->process, SIGKILL);
    }
}

void runner_instance_stop(struct runner_instance *i)
{
    if (i->state == INSTANCE_STOPPING)
        return;
    world_timer_stop(&i->timer);
    if (!i->process) {
        i->state = INSTANCE_STOPPED;
        return;
    }
    i->state = INSTANCE_STOPPING;
    (void)world_process_signal(i->process, SIGTERM);
    if (world_timer_start(&i->timer, runner_of(i)->stop_grace) < 0)
        (void)world_process_signal(i->process, SIGKILL);
}

void runner_instance_init(struct runner_instance *i, struct runner_release *r, int slot)
{
    *i = (struct runner_instance){.release = r, .slot = slot};
    world_timer_init(&i->timer, r->service->runner->world, timer_fired, i);
}

void runner_instance_deinit(struct runner_instance *i)
{
    world_timer_stop(&i->timer);
    world_process_close(i->process);
    i->process = NULL;
    runner_slot_give(i->release->service, i->slot);
    text_deinit(&i->died);
}
