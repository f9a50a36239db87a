/* Contexts of flows: what they own, and the lines of the result stream that come from them. */
#include "base/json_copy.h"
#include "e2e/internal.h"
#include "e2e/value/xpath.h"

#include <string.h>

bool context_branch(struct flow_context *x, const char *scope, struct flow_context *out)
{
    *out = (struct flow_context){.target = x->target,
                                 .flow = x->flow,
                                 .options = x->options,
                                 .run = x->run,
                                 .variables = json_copy_map(x->variables),
                                 .held = json_array(),
                                 .frame = x->frame,
                                 .number = x->number,
                                 .scratch = x->scratch,
                                 .scope = scope,
                                 .hasty = x->hasty};
    return out->variables != NULL && out->held != NULL;
}

struct target *flow_system(const struct flow_context *x)
{
    return x->options->system != NULL ? x->options->system : x->target;
}

void flow_reply_clear(struct flow_reply *r)
{
    text_deinit(&r->body);
    json_decref(r->headers);
    json_decref(r->facts);
    if (r->document != NULL)
        xpath_close(r->document);
    *r = (struct flow_reply){0};
}

void context_deinit(struct flow_context *x)
{
    flow_reply_clear(&x->reply);
    http_session_free(x->http);
    text_deinit(&x->sent);
    text_deinit(&x->repeat);
    mismatches_clear(x);
    array_deinit(&x->mismatches);
    error_clear(&x->error);
    json_decref(x->variables);
    json_decref(x->answer);
    json_decref(x->held);
    document_free(x->snapshot);
}

/* Every text in it with secrets hidden; jansson's trees are small here. A new reference, NULL: no memory. */
static json_t *hidden(const struct flow_context *x, json_t *v)
{
    const char *key;
    json_t *item, *out = NULL;
    size_t i;
    bool ok = true;
    struct text safe = TEXT_INIT;
    switch (json_typeof(v)) {
    case JSON_STRING:
        secret_hide(x, json_string_value(v), &safe);
        out = text_ok(&safe) ? json_string(text_string(&safe)) : NULL;
        text_deinit(&safe);
        return out;
    case JSON_ARRAY:
        out = json_array();
        json_array_foreach(v, i, item)
        {
            ok = ok && json_array_append_new(out, hidden(x, item)) == 0;
        }
        break;
    case JSON_OBJECT:
        out = json_object();
        json_object_foreach(v, key, item)
        {
            ok = ok && json_object_set_new(out, key, hidden(x, item)) == 0;
        }
        break;
    case JSON_INTEGER:
    case JSON_REAL:
    case JSON_TRUE:
    case JSON_FALSE:
    case JSON_NULL:
        return json_incref(v);
    }
    if (ok)
        return out;
    json_decref(out); /* what lacks a member would be taken for whole */
    return NULL;
}

void flow_emit(struct flow_context *x, const char *type, json_t *members)
{
    if (members != NULL && json_array_size(x->run->secrets) > 0) {
        json_t *safe = hidden(x, members);
        json_decref(members);
        members = safe;
    }
    if (x->held == NULL || members == NULL)
        result_emit(x->target->results, type, members);
    else if (json_array_append_new(x->held, json_pack("[s, o]", type, members)) != 0)
        result_emit(x->target->results, type, NULL);
}
