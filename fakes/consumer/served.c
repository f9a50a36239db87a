#include "fakes/consumer/served.h"

#include "base/json_copy.h"

#include "fakes/consumer/internal.h"

#include <stdlib.h>
#include <string.h>

struct served_pacts {
    struct fake_server *server;
    struct call_log_hearer hearer;
    struct arena arena;
    const char *consumer, *provider;
    const char **headers;
    bool all, as_grpc;
    json_t *given;
    ARRAY(struct consumer *) pacts;
    size_t passed_over;
    bool no_memory;
};

/* The current consumer's with that provider; made when it is not there. NULL: no memory. */
static struct consumer *pact_with(struct served_pacts *p, const char *provider)
{
    struct consumer *c;
    for (size_t i = 0; i < p->pacts.count; i++) {
        c = p->pacts.items[i];
        if (strcmp(c->name, p->consumer) == 0 && strcmp(c->provider, provider) == 0)
            return c;
    }
    if (!array_grow(&p->pacts) || consumer_new(p->consumer, provider, &c) != 0)
        return NULL;
    (void)array_push(&p->pacts, c);
    return c;
}

/* What was said for calls from here on. */
static bool prepare(struct served_pacts *p, struct consumer *c)
{
    size_t i;
    json_t *state;
    bool ok = consumer_given(c, NULL, NULL) == 0;
    json_array_foreach(p->given, i, state)
    {
        ok = ok && consumer_given(c, json_string_value(json_object_get(state, "name")),
                                  json_object_get(state, "params")) == 0;
    }
    array_clear(&c->kept);
    for (size_t k = 0; ok && p->headers != NULL && p->headers[k] != NULL; k++)
        ok = consumer_keep_header(c, p->headers[k]) == 0;
    return ok;
}

static int put(struct served_pacts *p, const struct call_log_entry *e, struct error *err)
{
    const struct pb_service *service = e->method->service;
    struct consumer *c = pact_with(p, p->provider != NULL           ? p->provider
                                      : service->package[0] != '\0' ? service->package
                                                                    : service->name);
    struct grpc_header *metadata = calloc(e->metadata.count + 1, sizeof *metadata);
    if (c == NULL || metadata == NULL || !prepare(p, c)) {
        free(metadata);
        return error_set(err, ERROR_MEMORY, "out of memory");
    }
    size_t count = 0;
    for (size_t i = 0; i < e->metadata.count; i++)
        if (!bytes_is(e->metadata.items[i].value, CALL_LOG_REDACTED))
            metadata[count++] = e->metadata.items[i];
    struct consumer_call call = {.method = e->method,
                                 .request = e->request,
                                 .ends = e->request_ends,
                                 .messages = e->request_count,
                                 .replies = e->reply,
                                 .reply_ends = e->reply_ends,
                                 .reply_count = e->reply_count,
                                 .status = e->status,
                                 .open = e->status == FAKE_UNANSWERED,
                                 .message = e->message,
                                 .metadata = {metadata, count},
                                 .http = p->as_grpc ? NULL : e->http};
    if (e->answer != NULL) {
        call.details = text_bytes(&e->answer->details);
        call.answered = e->answer->headers.items;
        call.answered_count = e->answer->headers.count;
    }
    int code = consumer_add(c, &call, err);
    if (code == ERROR_PROTOCOL)
        p->passed_over++;
    else if (code != 0 && c->failed.code == 0)
        error_move(&c->failed, err);
    free(metadata);
    return code;
}

static void hear(void *arg, const struct call_log_entry *e)
{
    struct served_pacts *p = arg;
    struct error err = ERROR_INIT;
    if (p->consumer == NULL)
        return;
    bool no_end = e->status == FAKE_UNANSWERED && (e->reply_count == 0 || e->answer != NULL);
    if ((!p->all && !consumer_takes(e->by)) || e->cut || no_end)
        p->passed_over++;
    else if (put(p, e, &err) == ERROR_MEMORY)
        p->no_memory = true;
    error_clear(&err);
}

int served_pacts_new(struct fake_server *s, struct served_pacts **out)
{
    struct served_pacts *p = calloc(1, sizeof *p);
    if (p == NULL)
        return ERROR_MEMORY;
    p->server = s;
    p->hearer = (struct call_log_hearer){.hear = hear, .arg = p};
    call_log_hear(fake_server_journal(s), &p->hearer);
    *out = p;
    return 0;
}

void served_pacts_free(struct served_pacts *p)
{
    if (p == NULL)
        return;
    call_log_leave(fake_server_journal(p->server), &p->hearer);
    for (size_t i = 0; i < p->pacts.count; i++)
        consumer_free(p->pacts.items[i]);
    array_deinit(&p->pacts);
    json_decref(p->given);
    arena_deinit(&p->arena);
    free(p);
}

static bool copy(struct served_pacts *p, const char *from, const char **to)
{
    *to = arena_string(&p->arena, from);
    return *to != NULL || from == NULL;
}

int served_pacts_record(struct served_pacts *p, const struct served_pacts_options *o)
{
    const char *consumer, *provider, **headers = NULL;
    size_t count = 0;
    while (o->headers != NULL && o->headers[count] != NULL)
        count++;
    json_t *given = o->given != NULL ? json_copy_whole(o->given) : NULL;
    bool ok = copy(p, o->consumer, &consumer) && copy(p, o->provider, &provider) && (given != NULL || o->given == NULL);
    if (ok)
        headers = ARENA_NEW_N(&p->arena, const char *, count + 1);
    ok = headers != NULL;
    for (size_t i = 0; ok && i < count; i++)
        ok = copy(p, o->headers[i], &headers[i]);
    if (!ok) {
        json_decref(given);
        return ERROR_MEMORY;
    }
    json_decref(p->given);
    p->consumer = consumer;
    p->provider = provider;
    p->headers = headers;
    p->all = o->all;
    p->as_grpc = o->as_grpc;
    p->given = given;
    return 0;
}

size_t served_pacts_count(const struct served_pacts *p)
{
    return p->pacts.count;
}

struct consumer *served_pacts_at(struct served_pacts *p, size_t i)
{
    return p->pacts.items[i];
}

size_t served_pacts_passed_over(const struct served_pacts *p)
{
    return p->passed_over;
}

int served_pacts_write(struct served_pacts *p, const char *folder, struct text *told, struct error *err)
{
    int code = p->no_memory ? error_set(err, ERROR_MEMORY, "calls were lost for want of memory") : 0;
    for (size_t i = 0; i < p->pacts.count && code == 0; i++) {
        struct text path = TEXT_INIT;
        const struct pact *pact = consumer_pact(p->pacts.items[i]);
        code = consumer_write(p->pacts.items[i], fake_server_world(p->server), folder, &path, err);
        if (code == 0 && told != NULL)
            text_printf(told, "%zu interactions of %s with %s in %s\n", pact->interactions.count, pact->consumer,
                        pact->provider, text_string(&path));
        text_deinit(&path);
    }
    return code;
}
