/* The events component. */
#include "runtime/events/internal.h"

#define RETENTION ((uint64_t)(24 * HOUR))

static void events_free(struct events *e)
{
    world_task_cancel(&e->flush);
    world_timer_stop(&e->late);
    world_timer_stop(&e->probe);
    world_timer_stop(&e->sweep);
    micro_service_free(e->service);
    events_unload(e);
    events_log_close(e->log);
    text_deinit(&e->scratch);
    free(e);
}

static void events_stop(void *state)
{
    struct events *e = state;
    e->stopping = true;
    events_consume_dismiss(e);
    events_flush(e); /* calls that wait are answered; in a dead world nothing is done any more */
    while (e->dead) {
        struct events_dead *d = e->dead;
        e->dead = d->next;
        events_record_release(d->record);
        free(d->group);
        free(d);
    }
    events_free(e);
}

static int read_options(struct events *e, const struct micro_options *options, struct error *err)
{
    const char *value;
    int64_t duration = 0;
    int rc = 0;
    e->retention = RETENTION;
    e->dead_letters = true;
    if ((value = micro_option(options, "retention")) != NULL) {
        if ((rc = units_parse_duration(value, &duration, err)) != 0) {
            error_wrap(err, "--retention");
            return rc;
        }
        if (duration < SECOND || duration > 3650 * 24 * HOUR)
            return error_set(err, ERROR_INVALID, "--retention is between 1s and 10 years");
        e->retention = (uint64_t)duration;
    }
    if ((value = micro_option(options, "topic-bytes")) != NULL &&
        (rc = units_parse_size(value, &e->topic_bytes, err)) != 0) {
        error_wrap(err, "--topic-bytes");
        return rc;
    }
    if ((value = micro_option(options, "dead-letters")) != NULL) {
        if (strcmp(value, "on") != 0 && strcmp(value, "off") != 0)
            return error_set(err, ERROR_INVALID, "--dead-letters is \"on\" or \"off\", not \"%.40s\"", value);
        e->dead_letters = strcmp(value, "on") == 0;
    }
    return 0;
}

static int open_log(struct events *e, const struct micro_options *options, struct error *err)
{
    struct text path = TEXT_INIT;
    text_printf(&path, "%s/events", options->data_dir);
    int rc = text_ok(&path) ? world_make_directory(e->world, text_string(&path)) : ERROR_MEMORY;
    if (rc)
        error_set(err, rc, "cannot make the directory %s: %s", text_string(&path), error_code_name(rc));
    text_puts(&path, "/events.db");
    if (rc == 0)
        rc = text_ok(&path) ? events_log_open(e->world, text_string(&path), &e->log, err)
                            : error_set(err, ERROR_MEMORY, "out of memory");
    text_deinit(&path);
    return rc;
}

static int events_start(struct world *w, const struct micro_options *options, void **state, struct error *err)
{
    struct events *e = calloc(1, sizeof *e);
    if (!e)
        return error_set(err, ERROR_MEMORY, "out of memory");
    e->world = w;
    e->pending_end = &e->pending;
    e->dead_end = &e->dead;
    world_task_init(&e->flush, w, events_gather, e);
    world_timer_init(&e->late, w, events_flush, e);
    world_timer_init(&e->probe, w, events_on_probe, e);
    world_timer_init(&e->sweep, w, events_sweep, e);
    struct micro_service_config config = {.name = "events", .access = MICRO_OWN_RULES, .options = options};
    int rc = read_options(e, options, err);
    if (rc == 0)
        rc = micro_service_new(w, &config, &e->service, err);
    if (rc == 0 && ((rc = micro_service_add(e->service, &events_stream_service, e)) != 0 ||
                    (rc = micro_service_add(e->service, &events_store_service, e)) != 0))
        error_set(err, rc, "the handlers of events cannot be set up");
    if (rc == 0)
        rc = open_log(e, options, err);
    if (rc == 0)
        rc = events_load(e, err);
    if (rc == 0)
        rc = micro_service_start(e->service, err);
    if (rc == 0 && (rc = world_timer_start(&e->sweep, (uint64_t)SECOND)) != 0)
        error_set(err, rc, "out of memory");
    if (rc) {
        events_free(e);
        return rc;
    }
    *state = e;
    return 0;
}

static void events_drain(void *state, uint64_t grace, void (*done)(void *arg), void *arg)
{
    struct events *e = state;
    events_consume_dismiss(e);
    micro_service_drain(e->service, grace, done, arg);
}

static const char *const events_services[] = {"events.Stream", "events.Store", NULL};
static const char *const events_needs[] = {"registry", NULL};
static const char *const events_options[] = {"retention", "topic-bytes", "dead-letters", NULL};
extern const struct component events_component;
const struct component events_component = {
    .name = "events",
    .port_offset = 4,
    .needs = events_needs,
    .services = events_services,
    .stateful = true,
    .options = events_options,
    .start = events_start,
    .drain = events_drain,
    .stop = events_stop,
};
