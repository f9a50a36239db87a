/* Interactions one after the other and side by side. */
#include "fakes/provider/internal.h"

#include <stdlib.h>
#include <string.h>

#define WAIT_TRIES 3

static int out_of_memory(struct error *err)
{
    return error_set(err, ERROR_MEMORY, "out of memory");
}

int playing_no_memory(struct playing *p)
{
    return error_set(&p->error, ERROR_MEMORY, "out of memory");
}

/* ---- contracts -------------------------------------------------------------------------------------------------- */

/* The pact's own, read once. NULL: it has none, or they cannot be read (the error is the interaction's). */
static const struct pb_pool *own_pool(struct playing *p)
{
    const char *key = plugin_key(p->i);
    struct pb_pool *pool = NULL;
    struct text name = TEXT_INIT;
    if (key == NULL)
        return NULL;
    text_printf(&name, "%p %s", (const void *)p->pact, key);
    if (!text_ok(&name)) {
        playing_no_memory(p);
    } else if ((pool = map_get(&p->run->pools, text_string(&name))) == NULL &&
               plugin_pool(p->pact, p->i, &pool, &p->error) == 0 &&
               !map_put(&p->run->pools, text_string(&name), pool)) {
        pb_pool_free(pool);
        pool = NULL;
        playing_no_memory(p);
    }
    text_deinit(&name);
    if (p->error.code == ERROR_NOT_FOUND)
        error_clear(&p->error);
    return pool;
}

static void find_method(struct playing *p)
{
    const struct provider_options *o = p->run->options;
    const char *service = plugin_service(p->i);
    if (o->pool != NULL && o->pool_first)
        p->method = plugin_method(o->pool, service);
    const struct pb_pool *own = p->method == NULL ? own_pool(p) : NULL;
    if (own != NULL)
        p->method = plugin_method(own, service);
    if (p->method == NULL && p->error.code == 0 && o->pool != NULL)
        p->method = plugin_method(o->pool, service);
    if (p->method == NULL && p->error.code == 0)
        error_set_at(&p->error, ERROR_NOT_FOUND, p->pact->file, p->i->line, p->i->column,
                     "no contract has the method %s: neither the pact's own descriptors nor what was given", service);
}

/* ---- one interaction -------------------------------------------------------------------------------------------- */

int playing_generate(struct playing *p)
{
    struct random run, random;
    if (p->i->request.generators.count == 0) {
        p->request = p->i->request;
        return 0;
    }
    struct pact_part from = p->i->request;
    int code = 0;
    if (p->method != NULL && from.content.presence == PACT_THERE) {
        from.content.json = NULL;
        code = pact_content_decode(&from.content, p->method->input, false, &p->error);
    }
    /* By its description: the values of an interaction do not change when it is run alone. */
    random_seed(&run, p->run->options->seed);
    random_fork(&run, p->i->description, &random);
    if (code == 0)
        code = pact_generate(&from,
                             &(struct pact_generating){.random = &random,
                                                       .now = (uint64_t)world_wall(p->run->world),
                                                       .values = p->values,
                                                       .base = p->run->options->http},
                             &p->arena, &p->request, &p->error);
    p->generated = code == 0;
    if (from.content.json != p->i->request.content.json)
        json_decref(from.content.json);
    return code;
}

static void tell(struct playing *p)
{
    struct verifying *v = p->run;
    struct provider_verdict verdict = {.pact = p->pact,
                                       .index = p->index,
                                       .interaction = p->i,
                                       .method = p->method,
                                       .result = &p->result,
                                       .error = &p->error,
                                       .sent = text_string(&p->sent),
                                       .received = text_string(&p->received),
                                       .states_missing = p->states_missing,
                                       .duration = p->took};
    bool failed = p->error.code != 0 || p->result.mismatches.count > 0;
    verdict.outcome = p->error.code == ERROR_UNSUPPORTED ? PROVIDER_SKIPPED
                      : !failed                          ? PROVIDER_PASSED
                      : p->i->pending                    ? PROVIDER_PENDING
                                                         : PROVIDER_FAILED;
    /* What was cancelled says nothing of the provider. */
    if (v->options->stopped == NULL || !v->options->stopped(v->options->arg))
        v->options->verified(v->options->arg, &verdict);
}

static void take_out(struct playing *p)
{
    for (struct playing **at = &p->run->first; *at != NULL; at = &(*at)->next)
        if (*at == p) {
            *at = p->next;
            break;
        }
    p->run = NULL;
}

static void free_playing(struct playing *p)
{
    if (p->run != NULL)
        take_out(p);
    if (p->generated)
        pact_part_deinit(&p->request);
    json_decref(p->values);
    pact_result_deinit(&p->result);
    error_clear(&p->error);
    text_deinit(&p->sent);
    text_deinit(&p->received);
    text_deinit(&p->replies);
    array_deinit(&p->ends);
    arena_deinit(&p->arena);
    free(p);
}

/* Those with states are freed by who tears them down. */
void playing_over(struct playing *p)
{
    if (p->run == NULL) {
        free_playing(p);
        return;
    }
    p->took = world_now(p->run->world) - p->started;
    p->stream = NULL;
    p->http = NULL;
    p->run->playing--;
    if (p->i->states.count > 0)
        return;
    tell(p);
    free_playing(p);
}

static void start(struct playing *p)
{
    p->run->playing++;
    p->started = world_now(p->run->world);
    if (plugin_is_grpc(p->i)) {
        find_method(p);
        if (p->error.code == 0)
            play_grpc(p);
    } else if (p->i->kind == PACT_HTTP) {
        play_http(p);
    } else {
        play_message(p);
    }
    if (p->error.code != 0)
        playing_over(p);
}

static struct playing *playing_new(struct verifying *v, const struct pact *pact, size_t index)
{
    struct playing *p = calloc(1, sizeof *p);
    if (p == NULL)
        return NULL;
    *p = (struct playing){
        .run = v, .pact = pact, .index = index, .i = &pact->interactions.items[index], .next = v->first};
    pact_result_init(&p->result);
    v->first = p;
    return p;
}

/* ---- waiting ---------------------------------------------------------------------------------------------------- */

static bool is_stopped(const struct verifying *v)
{
    return v->options->stopped != NULL && v->options->stopped(v->options->arg);
}

struct waiting {
    struct verifying *v;
    size_t below;
};

static bool few_enough(void *arg)
{
    const struct waiting *w = arg;
    return w->v->playing < w->below || is_stopped(w->v);
}

static bool none_left(void *arg)
{
    const struct verifying *v = arg;
    return v->playing == 0;
}

static void wait_below(struct verifying *v, size_t below)
{
    struct waiting w = {v, below};
    /* The loop may end for a want of memory that is over at once. */
    for (int i = 0; i < WAIT_TRIES && !few_enough(&w); i++)
        (void)world_run_until(v->world, few_enough, &w, 0);
}

/* ---- states ----------------------------------------------------------------------------------------------------- */

static int change(struct playing *p, const struct pact_state *s, bool teardown)
{
    const struct provider_states *states = p->run->options->states;
    struct error why = ERROR_INIT;
    json_t *values = NULL;
    int code = states->change(states->arg, s, teardown, &values, &why);
    if (code == 0 && values != NULL && !teardown) {
        if (p->values == NULL)
            p->values = json_object();
        if (p->values == NULL || json_object_update(p->values, values) != 0)
            code = error_set(&why, ERROR_MEMORY, "out of memory");
    }
    json_decref(values);
    if (code != 0 && p->error.code == 0) {
        error_wrap(&why, "provider state \"%s\" could not be %s", s->name, teardown ? "torn down" : "set up");
        error_move(&p->error, &why);
        /* Whatever it was, the interaction has failed, and was not left out. */
        if (p->error.code == ERROR_UNSUPPORTED)
            p->error.code = ERROR_INVALID;
    }
    error_clear(&why);
    return code;
}

/* How many states are to be torn down: one whose set-up the user's wish to stop ended may have been half set up. */
static size_t set_up(struct playing *p)
{
    size_t begun = 0;
    for (bool well = true; well && begun < p->i->states.count && !is_stopped(p->run);) {
        well = change(p, &p->i->states.items[begun], false) == 0;
        begun += well || is_stopped(p->run);
    }
    return begun;
}

/* Alone: nothing else is on its way. */
static void play_with_states(struct playing *p)
{
    size_t begun = 0;
    if (p->run->options->states == NULL) {
        p->states_missing = true;
        start(p);
    } else {
        begun = set_up(p);
        if (p->error.code == 0 && !is_stopped(p->run))
            start(p);
    }
    wait_below(p->run, 1);
    if (p->run->playing > 0) {
        play_cancel(p);
        (void)world_run_until(p->run->world, none_left, p->run, PROVIDER_TIMEOUT);
    }
    while (begun-- > 0)
        (void)change(p, &p->i->states.items[begun], true);
    tell(p);
    if (p->stream != NULL)
        take_out(p);
    else
        free_playing(p);
}

/* ---- all of them ------------------------------------------------------------------------------------------------ */

static int play_one(struct verifying *v, const struct pact *pact, size_t index, struct error *err)
{
    bool alone = pact->interactions.items[index].states.count > 0;
    size_t jobs = v->options->jobs != 0 ? v->options->jobs : PROVIDER_JOBS;
    wait_below(v, alone ? 1 : jobs);
    if (is_stopped(v))
        return 0;
    struct playing *p = playing_new(v, pact, index);
    if (p == NULL)
        return out_of_memory(err);
    if (alone)
        play_with_states(p);
    else
        start(p);
    return 0;
}

static void finish(struct verifying *v)
{
    wait_below(v, 1);
    for (struct playing *p = v->first, *next; p != NULL; p = next) {
        next = p->next;
        play_cancel(p);
    }
    if (v->playing > 0)
        (void)world_run_until(v->world, none_left, v, PROVIDER_TIMEOUT);
    /* Whose end did not come is freed when it does: with its channel at the latest. */
    while (v->first != NULL)
        if (v->first->stream != NULL)
            take_out(v->first);
        else
            free_playing(v->first);
    for (struct map_entry *e = map_first(&v->pools); e != NULL; e = map_next(e))
        pb_pool_free(map_value(e));
    map_deinit(&v->pools);
}

int provider_verify(struct world *w, struct pact *const *pacts, size_t count, const struct provider_options *options,
                    struct error *err)
{
    struct verifying v = {.world = w, .options = options};
    int code = 0;
    for (size_t i = 0; i < count && code == 0; i++)
        for (size_t k = 0; k < pacts[i]->interactions.count && code == 0 && !is_stopped(&v); k++)
            if (options->chosen == NULL || options->chosen(options->arg, pacts[i], k))
                code = play_one(&v, pacts[i], k, err);
    finish(&v);
    if (code == 0 && is_stopped(&v))
        code = error_set(err, ERROR_CANCELLED, "interrupted");
    return code;
}
