#include "fakes/serve/behaviours.h"

#include "base/map.h"

#include <stdlib.h>

struct behaviour {
    struct behave *behave;
    struct fake_responder responder;
};

struct behaviours {
    struct behave_options options;
    struct map services; /* full name -> struct behaviour */
};

struct behaviours *behaviours_new(const struct behave_options *options)
{
    struct behaviours *b = calloc(1, sizeof *b);
    if (b != NULL)
        b->options = *options;
    return b;
}

static struct behaviour *find(struct behaviours *b, const struct pb_service *service, struct error *err)
{
    struct behaviour *one = map_get(&b->services, service->full_name);
    if (one != NULL)
        return one;
    one = calloc(1, sizeof *one);
    if (one == NULL || !map_put(&b->services, service->full_name, one)) {
        free(one);
        error_set(err, ERROR_MEMORY, "out of memory");
        return NULL;
    }
    if (behave_new(service, &b->options, &one->behave, err) != 0) {
        map_remove(&b->services, service->full_name);
        free(one);
        return NULL;
    }
    one->responder = behave_responder(one->behave);
    return one;
}

int behaviours_of(struct behaviours *b, const struct pb_service *service, struct behave **out, struct error *err)
{
    struct error own = ERROR_INIT;
    struct behaviour *one = find(b, service, &own);
    if (one == NULL)
        return error_move(err, &own);
    *out = one->behave;
    return 0;
}

const char *behaviours_role(const struct behaviours *b, const struct pb_method *method)
{
    const struct behaviour *one = map_get(&b->services, method->service->full_name);
    const char *role = one != NULL ? behave_role(one->behave, method->name) : NULL;
    return role != NULL ? role : "";
}

static enum fake_verdict respond(void *arg, const struct fake_asked *asked, struct fake_answer *answer)
{
    struct error err = ERROR_INIT;
    struct behaviour *one = find(arg, asked->service, &err);
    if (one != NULL)
        return one->responder.respond(one->responder.arg, asked, answer);
    struct text why = TEXT_INIT;
    error_format(&err, &why);
    fake_answer_fail(answer, err.code == ERROR_MEMORY ? GRPC_RESOURCE_EXHAUSTED : GRPC_INTERNAL,
                     "the behaviour of %s cannot be made: %s", asked->service->full_name, text_string(&why));
    text_deinit(&why);
    error_clear(&err);
    return FAKE_ANSWERED;
}

/* A stream is some service's; those that do not know it pay no heed. */
static void gone(void *arg, struct fake_stream *stream)
{
    struct behaviours *b = arg;
    for (struct map_entry *e = map_first(&b->services); e != NULL; e = map_next(e)) {
        const struct behaviour *one = map_value(e);
        if (one->responder.gone != NULL)
            one->responder.gone(one->responder.arg, stream);
    }
}

static void reset(void *arg, const char *session)
{
    struct behaviours *b = arg;
    for (struct map_entry *e = map_first(&b->services); e != NULL; e = map_next(e)) {
        const struct behaviour *one = map_value(e);
        if (one->responder.reset != NULL)
            one->responder.reset(one->responder.arg, session);
    }
}

static void release(void *arg)
{
    struct behaviours *b = arg;
    for (struct map_entry *e = map_first(&b->services); e != NULL; e = map_next(e)) {
        struct behaviour *one = map_value(e);
        if (one->responder.release != NULL)
            one->responder.release(one->responder.arg);
        free(one);
    }
    map_deinit(&b->services);
    free(b);
}

struct fake_responder behaviours_responder(struct behaviours *b)
{
    return (struct fake_responder){
        .name = "behaviour", .respond = respond, .gone = gone, .reset = reset, .release = release, .arg = b};
}
