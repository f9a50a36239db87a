/* Calls become interactions. */
#include "fakes/consumer/internal.h"

#include "base/base64.h"
#include "base/hash.h"
#include "base/json_copy.h"
#include "base/json_text.h"

#include <stdlib.h>
#include <string.h>

#define DESCRIPTION_MAX 160 /* bytes of the requests' JSON in it */

static int out_of_memory(struct error *err)
{
    return error_set(err, ERROR_MEMORY, "out of memory");
}

int consumer_new(const char *consumer, const char *provider, struct consumer **out)
{
    struct pact *pact;
    struct consumer *c = calloc(1, sizeof *c);
    if (c == NULL)
        return ERROR_MEMORY;
    pthread_mutex_init(&c->lock, NULL);
    c->name = arena_string(&c->arena, consumer);
    c->provider = arena_string(&c->arena, provider);
    int code = c->name != NULL && c->provider != NULL ? pact_new(consumer, provider, &pact) : ERROR_MEMORY;
    if (code == 0)
        code = book_open(&c->book, pact);
    if (code != 0) {
        consumer_free(c);
        return code;
    }
    *out = c;
    return 0;
}

void consumer_free(struct consumer *c)
{
    if (c == NULL)
        return;
    for (size_t i = 0; i < c->generators.count; i++)
        json_decref(c->generators.items[i].what);
    for (size_t i = 0; i < c->rules.count; i++)
        json_decref(c->rules.items[i].what);
    array_deinit(&c->generators);
    array_deinit(&c->rules);
    array_deinit(&c->kept);
    array_deinit(&c->owned);
    map_deinit(&c->counts);
    json_decref(c->given);
    while (c->hearings != NULL)
        hearing_free(c, c->hearings);
    book_close(&c->book);
    error_clear(&c->failed);
    arena_deinit(&c->arena);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

/* ---- JSON as a pact has it -------------------------------------------------------------------------------------- */

/* Takes `value`, also when it fails; NULL counts as no memory. */
static bool put(json_t *object, const char *name, json_t *value)
{
    return json_object_set_new(object, name, value) == 0;
}

/* The object of that name in it, made when it is not there. NULL: no memory. */
static json_t *within(json_t *object, const char *name)
{
    json_t *found = json_object_get(object, name);
    if (found != NULL)
        return found;
    return put(object, name, json_object()) ? json_object_get(object, name) : NULL;
}

static bool set_rule(json_t *part, enum pact_category category, const char *path, const json_t *matchers)
{
    json_t *rules = within(within(part, "matchingRules"), category == PACT_BODY ? "body" : "metadata");
    json_t *list = json_is_array(matchers) ? json_copy_whole(matchers) : json_pack("[o]", json_copy_whole(matchers));
    return rules != NULL && list != NULL &&
           put(rules, path, json_pack("{s:s, s:o}", "combine", "AND", "matchers", list));
}

/* What a consumer reads by example, unless something else was said of it. */
static bool set_type_rule(json_t *part, enum pact_category category, const char *path)
{
    const json_t *rules =
        json_object_get(json_object_get(part, "matchingRules"), category == PACT_BODY ? "body" : "metadata");
    if (json_object_get(rules, path) != NULL)
        return true;
    json_t *type = json_pack("{s:s}", "match", "type");
    bool ok = type != NULL && set_rule(part, category, path, type);
    json_decref(type);
    return ok;
}

/* One interaction in a pact of its own. */
static int parse(const struct consumer *c, const json_t *interaction, struct pact **out, struct error *err)
{
    json_t *whole =
        json_pack("{s:{s:s}, s:{s:s}, s:[O], s:{s:{s:s}}}", "consumer", "name", c->name, "provider", "name",
                  c->provider, "interactions", interaction, "metadata", "pactSpecification", "version", "4.0");
    char *text = whole != NULL ? json_text_of(whole, 0) : NULL;
    int code = text != NULL ? pact_parse(bytes_of(text), "what was recorded", out, err) : out_of_memory(err);
    free(text);
    json_decref(whole);
    return code;
}

/* ---- what is said of calls -------------------------------------------------------------------------------------- */

/* Whether it stands in a pact: such errors are told at once. */
static int try(const struct consumer *c, const struct consumer_place *where, const json_t *rule,
               const json_t *generator, struct error *err)
{
    const char *category = where->category == PACT_BODY ? "body" : "metadata";
    json_t *part = json_pack("{s:{s:s, s:s}}", "contents", "contentType", "application/json", "content", "x");
    struct pact *pact = NULL;
    bool ok = part != NULL;
    if (ok && rule != NULL)
        ok = set_rule(part, where->category, where->path, rule);
    if (ok && generator != NULL)
        ok = put(part, "generators", json_pack("{s:{s:O}}", category, where->path, generator));
    json_t *interaction = ok ? json_pack("{s:s, s:s, s:{}, s:[O]}", "type", "Synchronous/Messages", "description", "x",
                                         "request", "response", part)
                             : NULL;
    int code = interaction != NULL ? parse(c, interaction, &pact, err) : out_of_memory(err);
    pact_free(pact);
    json_decref(interaction);
    json_decref(part);
    return code;
}

static int say(struct consumer *c, const struct consumer_place *where, const char *text, bool rule, struct error *err)
{
    json_error_t why;
    json_t *what = json_loads(text, JSON_REJECT_DUPLICATES, &why);
    struct consumer_said said = {.where = *where, .what = what};
    if (where->category != PACT_BODY && where->category != PACT_METADATA)
        return json_decref(what), error_set(err, ERROR_INVALID, "rules of calls are on their bodies or metadata");
    if (what == NULL && json_error_code(&why) == json_error_out_of_memory)
        return out_of_memory(err);
    if (what == NULL)
        return error_set(err, ERROR_SYNTAX, "\"%s\" is no JSON: %s", text, why.text);
    pthread_mutex_lock(&c->lock);
    int code = try(c, where, rule ? what : NULL, rule ? NULL : what, err);
    if (code == 0) {
        said.where.method = arena_string(&c->arena, where->method);
        said.where.path = arena_string(&c->arena, where->path);
        bool ok = (said.where.method != NULL || where->method == NULL) && said.where.path != NULL &&
                  (rule ? array_push(&c->rules, said) : array_push(&c->generators, said));
        code = ok ? 0 : out_of_memory(err);
    }
    pthread_mutex_unlock(&c->lock);
    if (code != 0)
        json_decref(what);
    return code;
}

int consumer_rule(struct consumer *c, const struct consumer_place *where, const char *matcher, struct error *err)
{
    return say(c, where, matcher, true, err);
}

int consumer_generator(struct consumer *c, const struct consumer_place *where, const char *generator, struct error *err)
{
    return say(c, where, generator, false, err);
}

int consumer_given(struct consumer *c, const char *state, json_t *parameters)
{
    bool ok = true;
    pthread_mutex_lock(&c->lock);
    if (state == NULL) {
        json_decref(c->given);
        c->given = NULL;
    } else {
        if (c->given == NULL)
            c->given = json_array();
        json_t *one = json_pack("{s:s, s:O*}", "name", state, "params", parameters);
        ok = one != NULL && json_array_append_new(c->given, one) == 0;
    }
    pthread_mutex_unlock(&c->lock);
    return ok ? 0 : ERROR_MEMORY;
}

int consumer_about(struct consumer *c, const char *text)
{
    pthread_mutex_lock(&c->lock);
    const char *copy = arena_string(&c->arena, text);
    bool ok = text == NULL || (copy != NULL && array_push(&c->owned, copy));
    if (ok) {
        c->about = copy;
        map_deinit(&c->counts);
        c->counts = MAP_INIT;
    }
    pthread_mutex_unlock(&c->lock);
    return ok ? 0 : ERROR_MEMORY;
}

int consumer_keep_header(struct consumer *c, const char *name)
{
    pthread_mutex_lock(&c->lock);
    const char *copy = arena_string(&c->arena, name);
    bool ok = copy != NULL && array_push(&c->kept, copy);
    pthread_mutex_unlock(&c->lock);
    return ok ? 0 : ERROR_MEMORY;
}

static bool is_for(const struct consumer_place *p, const struct pb_method *m, enum consumer_side side)
{
    return p->side == side && (p->method == NULL || strcmp(p->method, m->name) == 0);
}

/* Of that side of the method's calls; what was said last of a place holds. */
static bool add_said(const struct consumer *c, const struct pb_method *m, enum consumer_side side, json_t *part)
{
    for (size_t i = 0; i < c->rules.count; i++) {
        const struct consumer_said *r = &c->rules.items[i];
        if (is_for(&r->where, m, side) && !set_rule(part, r->where.category, r->where.path, r->what))
            return false;
    }
    for (size_t i = 0; i < c->generators.count; i++) {
        const struct consumer_said *g = &c->generators.items[i];
        if (!is_for(&g->where, m, side))
            continue;
        json_t *of = within(within(part, "generators"), g->where.category == PACT_BODY ? "body" : "metadata");
        if (of == NULL || !put(of, g->where.path, json_incref(g->what)))
            return false;
    }
    return true;
}

/* ---- an interaction --------------------------------------------------------------------------------------------- */

static struct bytes piece(struct bytes all, const size_t *ends, size_t i)
{
    size_t start = i > 0 ? ends[i - 1] : 0;
    return ends[i] > start ? BYTES(all.data + start, ends[i] - start) : BYTES("", 0);
}

static json_t *coded(struct bytes data)
{
    struct text text = TEXT_INIT;
    base64_encode(&text, data);
    json_t *out = text_ok(&text) ? json_string(text_string(&text)) : NULL;
    text_deinit(&text);
    return out;
}

/* In metadata values are text; of names ending in "-bin" Base64, as on the wire. */
static bool set_metadata(json_t *part, const char *name, struct bytes value)
{
    size_t len = strlen(name);
    struct text bare = TEXT_INIT;
    json_t *text = NULL;
    if (len > 4 && strcmp(name + len - 4, "-bin") == 0) {
        base64_encode_bare(&bare, value);
        text = text_ok(&bare) ? json_string(text_string(&bare)) : NULL;
    } else {
        text = json_stringn((const char *)(value.data != NULL ? value.data : (const uint8_t *)""), value.len);
        if (text == NULL) /* not UTF-8: nothing that a pact can have */
            text = json_string("");
    }
    text_deinit(&bare);
    json_t *metadata = within(part, "metadata");
    if (metadata != NULL)
        return put(metadata, name, text);
    json_decref(text);
    return false;
}

static bool set_content(json_t *part, const struct pb_type *type, struct bytes wire)
{
    struct text name = TEXT_INIT;
    text_printf(&name, "application/protobuf;message=.%s", type->full_name);
    bool ok = text_ok(&name) &&
              put(part, "contents",
                  json_pack("{s:o, s:s, s:s, s:s}", "content", coded(wire), "contentType", text_string(&name),
                            "contentTypeHint", "BINARY", "encoded", "base64")) &&
              set_metadata(part, "contentType", text_bytes(&name));
    text_deinit(&name);
    return ok;
}

bool consumer_keeps(const struct consumer *c, struct bytes name)
{
    for (size_t i = 0; i < c->kept.count; i++)
        if (bytes_is(name, c->kept.items[i]))
            return true;
    return false;
}

static bool add_request(const struct consumer *c, const struct consumer_call *call, json_t *interaction)
{
    json_t *part = within(interaction, "request");
    struct bytes first = call->messages > 0 ? piece(call->request, call->ends, 0) : BYTES_NONE;
    bool ok = part != NULL && set_content(part, call->method->input, first);
    for (size_t i = 0; ok && i < call->metadata.count; i++) {
        const struct grpc_header *h = &call->metadata.items[i];
        struct text name = TEXT_INIT;
        text_add(&name, h->name.data, h->name.len);
        ok = text_ok(&name) && (!consumer_keeps(c, h->name) || set_metadata(part, text_string(&name), h->value));
        text_deinit(&name);
    }
    return ok && add_said(c, call->method, CONSUMER_REQUEST, part);
}

/* Status, headers and trailers. */
static bool add_end(const struct consumer_call *call, json_t *part)
{
    bool ok = true;
    if (call->status != GRPC_OK) {
        ok = set_metadata(part, "grpc-status", bytes_of(grpc_status_name(call->status)));
        if (ok && call->message.len > 0)
            ok =
                set_metadata(part, "grpc-message", call->message) && set_type_rule(part, PACT_METADATA, "grpc-message");
        if (ok && call->details.len > 0)
            ok = set_metadata(part, "grpc-status-details-bin", call->details) &&
                 set_type_rule(part, PACT_METADATA, "grpc-status-details-bin");
    }
    for (size_t i = 0; ok && i < call->answered_count; i++)
        ok = set_metadata(part, call->answered[i].name, call->answered[i].value) &&
             set_type_rule(part, PACT_METADATA, call->answered[i].name);
    return ok;
}

/* A part for each reply; the last has the end, and is without contents where there is no reply. */
static bool add_answers(const struct consumer *c, const struct consumer_call *call, json_t *interaction)
{
    bool bare = call->reply_count == 0 && !call->open;
    size_t count = call->reply_count + bare;
    bool ok = put(interaction, "response", json_array());
    for (size_t i = 0; ok && i < count; i++) {
        json_t *part = json_object();
        ok = part != NULL && json_array_append_new(json_object_get(interaction, "response"), part) == 0;
        if (ok && i < call->reply_count)
            ok = set_content(part, call->method->output, piece(call->replies, call->reply_ends, i));
        ok = ok && add_said(c, call->method, CONSUMER_ANSWER, part);
        if (ok && i < call->reply_count)
            ok = set_type_rule(part, PACT_BODY, "$");
        if (ok && i + 1 == count && !call->open)
            ok = add_end(call, part);
    }
    return ok;
}

static bool add_plugin(const struct consumer_call *call, const char *key, json_t *interaction)
{
    json_t *plugin = within(interaction, "pluginConfiguration");
    bool ok = plugin != NULL && put(plugin, "protobuf",
                                    json_pack("{s:s, s:s+++}", "descriptorKey", key, "service", ".",
                                              call->method->service->full_name, "/", call->method->name));
    if (ok && call->messages == 0)
        ok = put(within(plugin, "harrow"), "none", json_true());
    if (ok && call->open)
        ok = put(within(plugin, "harrow"), "open", json_true());
    if (ok && call->messages > 1)
        ok = put(within(plugin, "harrow"), "requests", json_array());
    for (size_t i = 1; ok && i < call->messages; i++)
        ok = json_array_append_new(json_object_get(json_object_get(plugin, "harrow"), "requests"),
                                   coded(piece(call->request, call->ends, i))) == 0;
    return ok;
}

static bool describe_by_name(struct consumer *c, const struct pb_method *m, struct text *out)
{
    uintptr_t n = (uintptr_t)map_get(&c->counts, m->path) + 1;
    text_printf(out, "%s: %s", c->about, m->path + 1);
    if (n > 1)
        text_printf(out, " (%zu)", (size_t)n);
    return map_put(&c->counts, m->path, (void *)n) && text_ok(out);
}

/* "store.Store/Read {"key":"a"}": what is asked says which interaction it is. Long requests are cut, and told apart by
 * a sum over all of their bytes. */
static int describe_by_request(const struct consumer_call *call, bool http, struct text *out, struct error *err)
{
    struct text json = TEXT_INIT;
    int code = 0;
    bool said = http && call->http->body.len == 0; /* by the path and the query */
    for (size_t i = 0; i < call->messages && code == 0 && !said; i++) {
        if (json.len > 0)
            text_char(&json, ' ');
        code =
            pb_wire_to_json(call->method->input, piece(call->request, call->ends, i), PB_JSON_PROTO_NAMES, &json, err);
    }
    if (http)
        text_printf(out, "%s %s%s%s", call->http->method, call->http->path, call->http->query[0] != '\0' ? "?" : "",
                    call->http->query);
    else
        text_puts(out, call->method->path + 1);
    if (json.len > 0)
        text_printf(out, " %s", json.len <= DESCRIPTION_MAX ? text_string(&json) : "");
    if (json.len > DESCRIPTION_MAX) {
        uint64_t sum = hash_add(HASH_START, call->request);
        size_t at = DESCRIPTION_MAX;
        while (at > 0 && ((unsigned char)json.data[at] & 0xc0) == 0x80) /* no character is cut in two */
            at--;
        text_printf(out, "%.*s... #%08x", (int)at, json.data, (unsigned)(sum ^ (sum >> 32)));
    }
    bool ok = text_ok(&json) && text_ok(out);
    text_deinit(&json);
    return code != 0 || ok ? code : out_of_memory(err);
}

static int check_replies(const struct consumer_call *call, struct error *err)
{
    struct error why = ERROR_INIT;
    for (size_t i = 0; i < call->reply_count; i++)
        if (pb_scan(call->method->output->descriptor, piece(call->replies, call->reply_ends, i), &why) != 0) {
            error_wrap(&why, "a reply of %s is no %s", call->method->path + 1, call->method->output->full_name);
            why.code = ERROR_PROTOCOL;
            return error_move(err, &why);
        }
    return 0;
}

static int grpc_interaction(struct consumer *c, const struct consumer_call *call, const char *description, json_t **out,
                            struct error *err)
{
    char key[PLUGIN_KEY_SIZE];
    int code = plugin_add_descriptors(c->book.pact, call->method, key, err);
    if (code != 0)
        return code;
    *out = json_pack("{s:s, s:s, s:s, s:O*}", "type", "Synchronous/Messages", "description", description, "transport",
                     "grpc", "providerStates", c->given);
    bool ok = *out != NULL && add_request(c, call, *out) && add_answers(c, call, *out) && add_plugin(call, key, *out);
    return ok ? 0 : out_of_memory(err);
}

static int http_interaction(const struct consumer *c, const struct consumer_call *call, const char *description,
                            json_t **out, struct error *err)
{
    *out = consumer_http_interaction(c, call, description);
    return *out != NULL ? 0 : out_of_memory(err);
}

int consumer_put(struct consumer *c, const struct consumer_call *call, struct error *err)
{
    struct text description = TEXT_INIT;
    struct pact *one = NULL;
    bool http = consumer_is_http(call);
    if (call->messages > PLUGIN_MESSAGES_MAX || call->reply_count > PLUGIN_MESSAGES_MAX)
        return error_set(err, ERROR_LIMIT, "%s: a call of more than %d messages is not put into a pact",
                         call->method->path + 1, PLUGIN_MESSAGES_MAX);
    int code = c->about == NULL                                  ? describe_by_request(call, http, &description, err)
               : describe_by_name(c, call->method, &description) ? 0
                                                                 : out_of_memory(err);
    if (code == 0)
        code = check_replies(call, err);
    json_t *interaction = NULL;
    if (code == 0)
        code = http ? http_interaction(c, call, text_string(&description), &interaction, err)
                    : grpc_interaction(c, call, text_string(&description), &interaction, err);
    if (code == 0)
        code = parse(c, interaction, &one, err);
    if (code == 0)
        code = book_put(&c->book, one, http ? NULL : call->method->output, err);
    pact_free(one);
    json_decref(interaction);
    text_deinit(&description);
    return code;
}

int consumer_add(struct consumer *c, const struct consumer_call *call, struct error *err)
{
    pthread_mutex_lock(&c->lock);
    int code = consumer_put(c, call, err);
    pthread_mutex_unlock(&c->lock);
    return code;
}

const struct pact *consumer_pact(const struct consumer *c)
{
    return c->book.pact;
}
