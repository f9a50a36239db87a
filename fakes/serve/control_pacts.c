/* What is written down of the doubles' calls, told and asked. */
#include "fakes/consumer/served.h"
#include "fakes/serve/control_internal.h"

#include <stdlib.h>
#include <string.h>

static bool has_pacts(struct controlling *c)
{
    if (c->control->pacts == NULL)
        fake_answer_fail(c->answer, GRPC_UNIMPLEMENTED, "these doubles write no pacts");
    return c->control->pacts != NULL;
}

/* New; NULL, and the answer says why. */
static json_t *given(struct controlling *c, const Doubles__RecordRequest *request)
{
    json_t *states = json_array();
    for (size_t i = 0; states != NULL && i < request->n_given; i++) {
        const Doubles__State *s = request->given[i];
        json_error_t why;
        json_t *params = s->params[0] != '\0' ? json_loads(s->params, JSON_REJECT_DUPLICATES, &why) : json_object();
        if (!json_is_object(params)) {
            fake_answer_fail(c->answer, GRPC_INVALID_ARGUMENT, "given[%zu].params: expected a JSON object", i);
            json_decref(params);
            json_decref(states);
            return NULL;
        }
        bool empty = json_object_size(params) == 0;
        json_t *one = json_pack("{s:s, s:O*}", "name", s->name, "params", empty ? NULL : params);
        json_decref(params);
        if (json_array_append_new(states, one) != 0) {
            json_decref(states);
            states = NULL;
        }
    }
    if (states == NULL)
        control_out_of_memory(c);
    return states;
}

void control_record(struct controlling *c, const ProtobufCMessage *message)
{
    const Doubles__RecordRequest *request = (const void *)message;
    Doubles__RecordResponse response;
    if (!has_pacts(c))
        return;
    json_t *states = given(c, request);
    const char **headers = ARENA_NEW_N(&c->arena, const char *, request->n_headers + 1);
    if (states == NULL)
        return;
    for (size_t i = 0; headers != NULL && i < request->n_headers; i++)
        headers[i] = request->headers[i];
    int code = headers == NULL
                   ? ERROR_MEMORY
                   : served_pacts_record(c->control->pacts,
                                         &(struct served_pacts_options){
                                             .consumer = request->consumer[0] != '\0' ? request->consumer : NULL,
                                             .provider = request->provider[0] != '\0' ? request->provider : NULL,
                                             .all = request->all,
                                             .as_grpc = request->as_grpc,
                                             .headers = headers,
                                             .given = states});
    json_decref(states);
    if (code != 0) {
        control_out_of_memory(c);
        return;
    }
    doubles__record_response__init(&response);
    control_reply(c, &response.base);
}

static Doubles__Pact *pact_message(struct controlling *c, const struct pact *pact)
{
    Doubles__Pact *out = ARENA_NEW(&c->arena, Doubles__Pact);
    struct text text = TEXT_INIT;
    bool ok = out != NULL && pact_write(pact, &text) == 0 && text_ok(&text);
    if (ok) {
        doubles__pact__init(out);
        out->consumer = arena_string(&c->arena, pact->consumer);
        out->provider = arena_string(&c->arena, pact->provider);
        out->interactions = (int64_t)pact->interactions.count;
        out->text = arena_string(&c->arena, text_string(&text));
        ok = out->consumer != NULL && out->provider != NULL && out->text != NULL;
    }
    text_deinit(&text);
    return ok ? out : NULL;
}

void control_pacts(struct controlling *c, const ProtobufCMessage *message)
{
    const Doubles__PactsRequest *request = (const void *)message;
    Doubles__PactsResponse response;
    struct error err = ERROR_INIT;
    if (!has_pacts(c))
        return;
    struct served_pacts *all = c->control->pacts;
    doubles__pacts_response__init(&response);
    response.passed_over = served_pacts_passed_over(all);
    response.pacts = ARENA_NEW_N(&c->arena, Doubles__Pact *, served_pacts_count(all) + 1);
    int code = response.pacts == NULL ? ERROR_MEMORY : 0;
    for (size_t i = 0; code == 0 && i < served_pacts_count(all); i++) {
        struct consumer *one = served_pacts_at(all, i);
        code = consumer_failed(one, &err);
        response.pacts[i] = code == 0 ? pact_message(c, consumer_pact(one)) : NULL;
        if (code == 0 && response.pacts[i] == NULL)
            code = ERROR_MEMORY;
        response.n_pacts = i + 1;
    }
    if (code == 0 && request->folder[0] != '\0')
        code = served_pacts_write(all, request->folder, NULL, &err);
    if (code == 0)
        control_reply(c, &response.base);
    else if (code == ERROR_MEMORY)
        control_out_of_memory(c);
    else
        control_fail(c, &err);
    error_clear(&err);
}
