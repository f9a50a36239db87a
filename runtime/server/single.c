/* `micro service NAME`: one component in this process. It stops when told to, draining first. */
#include "base/log.h"
#include "base/units.h"
#include "runtime/component.h"
#include "runtime/server/server.h"
#include "runtime/service/service.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#define DRAIN_GRACE ((uint64_t)2 * (uint64_t)SECOND) /* for calls in flight */
#define DRAIN_LIMIT ((uint64_t)4 * (uint64_t)SECOND) /* until we stop whatever is left; below SERVER_STOP_LIMIT */

struct single {
    struct world *world;
    const struct component *component;
    void *state;
    bool draining;
    struct world_timer limit;
};

static void drained(void *arg)
{
    struct single *s = arg;
    world_stop(s->world);
}

static void signalled(void *arg, int number)
{
    struct single *s = arg;
    (void)number;
    if (s->draining || !s->component->drain || world_timer_start(&s->limit, DRAIN_LIMIT) < 0) {
        world_stop(s->world);
        return;
    }
    s->draining = true;
    s->component->drain(s->state, DRAIN_GRACE, drained, s);
}

static const char *environment(const char *name)
{
    return getenv(name);
}

int service_run(struct world *w, int argc, const char *const *argv)
{
    struct single s = {.world = w};
    struct micro_options_storage *storage = NULL;
    const struct micro_options *options = NULL;
    struct error err = ERROR_INIT;
    int exit_code = 0;
    micro_memory_settle();
    int rc = micro_options_parse(argc, argv, environment, &storage, &options, &err);
    if (rc == 0 && !(s.component = component_find(options->name))) {
        rc = ERROR_NOT_FOUND;
        error_set(&err, rc, "there is no component \"%s\"", options->name);
    }
    if (rc == 0) {
        log_set_component(s.component->name);
        rc = s.component->start(w, options, &s.state, &err);
    }
    if (rc == 0) {
        world_timer_init(&s.limit, w, drained, &s);
        world_on_signal(w, signalled, &s);
        rc = world_run(w);
        world_on_signal(w, NULL, NULL);
        world_timer_stop(&s.limit);
        if (rc < 0)
            error_set(&err, rc, "the event loop ended: %s", error_code_name(rc));
        s.component->stop(s.state);
    }
    if (rc < 0) {
        struct text words = TEXT_INIT;
        error_format(&err, &words);
        fprintf(stderr, "micro service: %s\n", text_string(&words));
        text_deinit(&words);
        exit_code = rc == ERROR_INVALID || rc == ERROR_SYNTAX ? 2 : 1;
    }
    error_clear(&err);
    micro_options_free(storage);
    return exit_code;
}
