#include "e2e/runner/space.h"

#include "base/json_build.h"
#include "base/random.h"
#include "base/secret_name.h"
#include "base/units.h"
#include "e2e/kind.h"
#include "e2e/language/isolation.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_BITS     48
#define REMOVE_WITHIN ((uint64_t)(60 * SECOND)) /* all its steps together */
#define REMOVE_HASTY  ((uint64_t)(5 * SECOND))  /* likewise, when the user waits for the end */

struct space {
    char name[32];     /* as it was drawn: a system may have made another of it */
    json_t *variables; /* `namespace`, and what `make` set beside what every flow begins with */
    const char *token; /* in the arena, like the rest */
    struct grpc_header metadata[TARGET_METADATA_MAX];
    size_t metadata_count;
    json_t *headers; /* of HTTP requests to the gateway; by names in lower case */
    uint64_t noted;  /* by who remembers it; 0: it is not */
    struct arena arena;
};

static void space_free(struct space *s)
{
    if (s == NULL)
        return;
    json_decref(s->variables);
    json_decref(s->headers);
    arena_deinit(&s->arena);
    free(s);
}

static const char *name_of(const struct space *s)
{
    return json_string_value(json_object_get(s->variables, "namespace"));
}

/* Of an attached system it is drawn anew for each run: another run of the same seed may be under way there. */
static void draw_name(struct flow_context *x, const struct unit *u, int tries, char *out, size_t size)
{
    struct random base, file, flow, own;
    const struct suite *s = suite_outermost(u);
    char purpose[80];
    (void)snprintf(purpose, sizeof purpose, "namespace %d %d %" PRIu64, x->options->round, s != NULL ? 0 : tries,
                   x->options->salt);
    random_seed(&base, x->target->seed);
    random_fork(&base, s != NULL ? s->flow->path : u->flow->path, &file);
    random_fork(&file, s != NULL ? "" : u->name, &flow);
    random_fork(&flow, purpose, &own);
    (void)snprintf(out, size, "harrow-%012" PRIx64, random_next(&own) >> (64 - NAME_BITS));
}

/* ---- the steps around ---- */

/* The manifest's steps around a flow: they are done with the manifest's login, and the user's wish to stop does not
 * keep them from tidying up. Of their lines those of steps that failed are told, and their time is not the flow's. */
struct around {
    struct flow_context x, *of;
    uint64_t began;
};

static bool around_begin(struct around *a, struct flow_context *of, json_t *variables)
{
    const struct e2e_options *o = of->options;
    struct flow_context *x = &a->x;
    a->of = of;
    a->began = world_now(o->keeper->world);
    *x = (struct flow_context){.target = o->keeper,
                               .flow = isolation_flow(o->isolation),
                               .options = o,
                               .run = of->run,
                               .fiber = of->fiber,
                               .held = json_array(),
                               .variables = json_object(),
                               .number = "",
                               .scope = of->scope,
                               .failure = of->failure};
    json_array_clear(x->run->cookies);
    if (x->held == NULL || x->variables == NULL)
        return flow_memory(x) == 0;
    if (case_given(x) != 0)
        return false;
    bool ok = json_object_update(x->variables, x->run->given) == 0 && json_object_update(x->variables, variables) == 0;
    return ok || flow_memory(x) == 0;
}

static bool around_run(struct flow_context *x, const struct node *steps, bool all)
{
    char first = x->run->trace[0];
    x->run->trace[0] = '\0'; /* the trace is the flow's */
    bool passed = run_steps(x, steps, "isolation ", all);
    talks_close(x);
    commands_close(x);
    feeds_close(x);
    x->run->trace[0] = first;
    x->run->time = x->run->deadline = 0;
    return passed;
}

static bool is_dull(const json_t *line)
{
    const char *status = json_string_value(json_object_get(json_array_get(line, 1), "status"));
    return strcmp(json_string_value(json_array_get(line, 0)), "step") == 0 && status != NULL &&
           strcmp(status, "passed") == 0;
}

/* `ok` false: what went wrong beside the steps is told. */
static void around_end(struct around *a, bool ok)
{
    struct flow_context *x = &a->x;
    json_t *line;
    size_t i;
    if (!ok && x->error.code != 0)
        note_failure(x, isolation_place(x->options->isolation), "");
    json_array_foreach(x->held, i, line)
    {
        if (!is_dull(line))
            flow_emit(a->of, json_string_value(json_array_get(line, 0)), json_incref(json_array_get(line, 1)));
    }
    case_drop_scratch(x);
    json_array_clear(x->run->cookies);
    x->run->asking += world_now(x->target->world) - a->began;
    context_deinit(x);
}

/* ---- making one ---- */

/* What `make` set is kept: what was given before is not. */
static bool keep_variables(struct flow_context *k, struct space *s)
{
    const char *name;
    json_t *value;
    bool ok = true;
    json_object_foreach(k->variables, name, value)
    {
        const json_t *given = json_object_get(k->run->given, name);
        if (ok && (given == NULL || !json_equal(given, value)))
            ok = json_object_set(s->variables, name, value) == 0;
    }
    return ok || flow_memory(k) == 0;
}

static int add_metadata(struct flow_context *k, struct space *s, const char *name, const char *value)
{
    struct grpc_header *h = &s->metadata[s->metadata_count];
    const char *kept_name = arena_string(&s->arena, name), *kept = arena_string(&s->arena, value);
    if (kept_name == NULL || kept == NULL)
        return flow_memory(k);
    *h = (struct grpc_header){.name = bytes_of(kept_name), .value = bytes_of(kept)};
    s->metadata_count++;
    return 0;
}

static bool is_own(const struct space *s, const struct grpc_header *h, size_t own)
{
    for (size_t i = 0; i < own; i++)
        if (s->metadata[i].name.len == h->name.len && memcmp(s->metadata[i].name.data, h->name.data, h->name.len) == 0)
            return true;
    return false;
}

/* The section's metadata, then that of the system that it does not replace. */
static bool make_metadata(struct flow_context *k, struct space *s)
{
    const struct node *map = isolation_metadata(k->options->isolation);
    int code = 0;
    for (size_t i = 0; map != NULL && i < map->map.count && code == 0; i++) {
        char *value = expand_text(k, &map->map.pairs[i].value);
        code = value != NULL ? add_metadata(k, s, map->map.pairs[i].key, value) : k->error.code;
        free(value);
    }
    const struct target *whole = k->options->system;
    for (size_t i = 0, own = s->metadata_count; i < whole->metadata_count && code == 0; i++) {
        if (is_own(s, &whole->metadata[i], own))
            continue;
        if (s->metadata_count == TARGET_METADATA_MAX)
            code = flow_wrong(k, map, ERROR_LIMIT, "calls carry at most %d names of metadata", TARGET_METADATA_MAX);
        else
            s->metadata[s->metadata_count++] = whole->metadata[i];
    }
    map = isolation_headers(k->options->isolation);
    for (size_t i = 0; map != NULL && i < map->map.count && code == 0; i++) {
        char *value = expand_text(k, &map->map.pairs[i].value);
        if (value == NULL)
            code = k->error.code;
        else if (json_object_set_new(s->headers, map->map.pairs[i].key, json_string(value)) != 0)
            code = flow_memory(k);
        free(value);
    }
    return code == 0;
}

static struct space *space_new(const char *name)
{
    struct space *s = calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    (void)snprintf(s->name, sizeof s->name, "%s", name);
    s->variables = json_pack("{s:s}", "namespace", name);
    s->headers = json_object();
    if (s->variables != NULL && s->headers != NULL)
        return s;
    space_free(s);
    return NULL;
}

static int take_token(struct flow_context *x, struct space *s)
{
    const json_t *token = json_object_get(s->variables, "token");
    if (json_is_string(token))
        s->token = arena_string(&s->arena, json_string_value(token));
    if (!json_is_string(json_object_get(s->variables, "namespace")))
        return flow_wrong(x, isolation_place(x->options->isolation), ERROR_INVALID,
                          "isolation: what \"make\" captured as \"namespace\" is no text");
    return json_is_string(token) && s->token == NULL ? flow_memory(x) : 0;
}

/* ---- remembered ---- */

static void note(const struct e2e_options *o, struct space *s, const json_t *variables)
{
    uint64_t before = s->noted;
    if (o->spaces == NULL || isolation_remove(o->isolation) == NULL)
        return;
    uint64_t now = o->spaces->note(o->spaces->arg, s->name, variables);
    if (now == 0)
        return; /* then it is known by its name alone, or not at all */
    s->noted = now;
    o->spaces->strike(o->spaces->arg, before);
}

static void strike(const struct e2e_options *o, const struct space *s)
{
    if (s->noted != 0)
        o->spaces->strike(o->spaces->arg, s->noted);
}

/* What is known of it beside its name: plain values, and nothing secret. */
static void note_variables(const struct e2e_options *o, struct space *s)
{
    const char *name;
    json_t *value, *plain = o->spaces != NULL ? json_object() : NULL;
    json_object_foreach(s->variables, name, value)
    {
        bool known = strcmp(name, "namespace") == 0 && strcmp(json_string_value(value), s->name) == 0;
        bool complex = json_is_object(value) || json_is_array(value);
        if (plain != NULL && !known && !complex && !is_secret_name(name, strlen(name)))
            json_build_set(&plain, name, json_incref(value));
    }
    if (json_object_size(plain) > 0)
        note(o, s, plain);
    json_decref(plain);
}

/* ---- made ---- */

/* NULL: it could not be made, which is told; what there was of it already is taken away. */
static struct space *space_make(struct flow_context *of, const struct unit *u, int tries)
{
    struct around a;
    char name[32];
    draw_name(of, u, tries, name, sizeof name);
    of->run->time = of->run->deadline = 0; /* of an earlier try */
    struct space *s = space_new(name);
    bool begun = around_begin(&a, of, s != NULL ? s->variables : NULL) && s != NULL;
    if (begun)
        note(of->options, s, NULL);
    bool ok = begun && around_run(&a.x, isolation_make(of->options->isolation), false) && keep_variables(&a.x, s) &&
              take_token(&a.x, s) == 0 && make_metadata(&a.x, s);
    if (s == NULL)
        flow_memory(&a.x);
    if (begun && !ok) {
        if (a.x.error.code != 0)
            note_failure(&a.x, isolation_place(of->options->isolation), "");
        if (around_run(&a.x, isolation_remove(of->options->isolation), true))
            strike(of->options, s);
    }
    if (ok)
        note_variables(of->options, s);
    around_end(&a, ok);
    if (ok)
        return s;
    space_free(s);
    return NULL;
}

/* ---- in and out ---- */

/* New connections, so that nothing of another account is left on them. */
static void point_at(struct target *view, const struct target *whole, const struct space *s)
{
    target_close_channels(view);
    view->token = s->token != NULL ? s->token : whole->token;
    view->namespace = whole->namespace != NULL ? name_of(s) : NULL;
    view->metadata = s->metadata;
    view->metadata_count = s->metadata_count;
}

static void point_back(struct target *view, const struct target *whole)
{
    target_close_channels(view);
    view->token = whole->token;
    view->namespace = whole->namespace;
    view->metadata = whole->metadata;
    view->metadata_count = whole->metadata_count;
}

bool space_enter(struct flow_context *x, const struct unit *u, int tries)
{
    struct suite *suite = suite_outermost(u);
    if (x->options->isolation == NULL || (suite != NULL ? suite->shared : u->flow->shared))
        return true;
    struct space *s = suite != NULL ? suite->space : NULL;
    if (s == NULL && (x->target->interrupted || (s = space_make(x, u, tries)) == NULL))
        return false;
    if (suite != NULL)
        suite->space = s;
    x->run->space = s;
    point_at(x->target, x->options->system, s);
    return true;
}

static bool space_remove(struct flow_context *of, struct space *s, bool hasty)
{
    struct around a;
    bool ok = around_begin(&a, of, s->variables);
    of->run->time = hasty ? REMOVE_HASTY : REMOVE_WITHIN;
    of->run->deadline = world_now(of->options->keeper->world) + of->run->time;
    ok = ok && around_run(&a.x, isolation_remove(of->options->isolation), true);
    around_end(&a, ok);
    if (ok)
        strike(of->options, s);
    space_free(s);
    return ok;
}

bool space_leave(struct flow_context *x, const struct unit *u)
{
    struct space *s = x->run->space;
    struct suite *suite = suite_outermost(u);
    if (s == NULL)
        return true;
    x->run->space = NULL;
    point_back(x->target, x->options->system);
    if (suite != NULL && suite->last != u && !x->target->interrupted)
        return true;
    if (suite != NULL)
        suite->space = NULL;
    return space_remove(x, s, x->target->interrupted);
}

/* Outside of any flow. False: it was not, and `why` says so. */
static bool remove_alone(const struct e2e_options *o, struct space *s, struct text *why)
{
    struct flow_case run = {
        .name = "isolation", .given = json_object(), .secrets = json_array(), .cookies = json_array()};
    struct flow_failure failure = {0};
    struct flow_context x = {.target = o->keeper,
                             .options = o,
                             .run = &run,
                             .held = json_array(),
                             .scope = "isolation",
                             .failure = &failure};
    bool removed = space_remove(&x, s, o->system->interrupted);
    if (!removed)
        text_add(why, failure.message.data, failure.message.len);
    json_decref(run.given);
    json_decref(run.secrets);
    json_decref(run.cookies);
    map_deinit(&run.exchanged);
    json_decref(x.held);
    text_deinit(&failure.message);
    text_deinit(&failure.detail);
    return removed;
}

void space_drop(const struct e2e_options *o, struct suite *suite)
{
    struct text line = TEXT_INIT;
    struct space *s = suite->space;
    if (s == NULL)
        return;
    suite->space = NULL;
    text_printf(&line, "the namespace %s was not taken away: ", name_of(s));
    if (!remove_alone(o, s, &line))
        result_emit(o->system->results, "note", json_pack("{s:s}", "text", text_string(&line)));
    text_deinit(&line);
}

int e2e_space_remove(const struct e2e_options *o, const char *name, json_t *variables, struct error *err)
{
    struct space *s = space_new(name);
    struct text why = TEXT_INIT;
    if (s == NULL || json_object_update(s->variables, variables) != 0) {
        space_free(s);
        return error_set(err, ERROR_MEMORY, "out of memory");
    }
    int code = remove_alone(o, s, &why) ? 0 : error_set(err, ERROR_INVALID, "%s", text_string(&why));
    text_deinit(&why);
    return code;
}

const struct node *space_environment(const struct flow_context *x)
{
    return x->run->space != NULL ? isolation_environment(x->options->isolation) : NULL;
}

int space_given(struct flow_context *x)
{
    const struct space *s = x->run->space;
    return s == NULL || json_object_update(x->run->given, s->variables) == 0 ? 0 : flow_memory(x);
}

bool space_headers(struct flow_context *x, const char *url, json_t *headers)
{
    const struct space *s = x->run->space;
    const char *name;
    json_t *value;
    bool ok = true;
    if (s == NULL || !url_is_gateway(x->target, url))
        return true;
    json_object_foreach(s->headers, name, value)
    {
        if (ok && json_object_get(headers, name) == NULL)
            ok = json_object_set(headers, name, value) == 0;
    }
    return ok;
}
