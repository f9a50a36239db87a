/* Which pacts are played: files, or what a broker has; and their results back to it. */
#include "harrow/contract/verify.h"

#include "fakes/consumer/consumer.h"

#include <string.h>

static int add_pact(struct verifying *v, struct pact *pact, const char *path,
                    const struct pact_broker_selected *selected)
{
    struct played one = {.pact = pact, .path = arena_string(&v->run->arena, path), .selected = selected};
    if (one.path != NULL && array_push(&v->pacts, one))
        return 0;
    pact_free(pact);
    return error_set(v->err, ERROR_MEMORY, "out of memory");
}

static int add_file(void *arg, const char *path)
{
    struct verifying *v = arg;
    struct pact *pact;
    size_t len = strlen(path);
    if (len < 5 || strcmp(path + len - 5, ".json") != 0)
        return 0;
    int code = consumer_read_pact(v->run->world, path, &pact, v->err);
    return code == 0 ? add_pact(v, pact, path, NULL) : code;
}

static int add_given(struct verifying *v, const char *path)
{
    struct world_stat stat;
    struct pact *pact;
    int code = world_stat(v->run->world, path, &stat);
    if (code != 0 || !stat.exists)
        return error_set(v->err, ERROR_INVALID, "%s: there is no such file; expected a pact, or a folder of them",
                         path);
    if (stat.directory)
        return world_walk(v->run->world, path, add_file, v, v->err);
    code = consumer_read_pact(v->run->world, path, &pact, v->err);
    return code == 0 ? add_pact(v, pact, path, NULL) : code;
}

static int add_selected(struct verifying *v)
{
    struct pact_broker_selector selectors[VERIFY_SELECTORS_MAX] = {{.kind = BROKER_LATEST}};
    size_t count = v->asked->selects.count > 0 ? v->asked->selects.count : 1;
    struct world_stat folder;
    int code = world_stat(v->run->world, v->asked->broker, &folder);
    if (code == 0 && !folder.directory) /* nothing to verify there would look like a pass */
        return error_set_at(v->err, ERROR_NOT_FOUND, v->asked->broker, 0, 0, "there is no such broker's folder");
    if (code == 0)
        code = pact_broker_open(v->run->world, v->asked->broker, &v->broker, v->err);
    for (size_t i = 0; code == 0 && i < v->asked->selects.count; i++)
        code = pact_broker_selector_parse(v->asked->selects.items[i], &selectors[i], v->err);
    if (code == 0)
        code = pact_broker_select(v->broker, v->asked->component, v->asked->provider_branch, selectors, count,
                                  &v->selection, v->err);
    for (size_t i = 0; code == 0 && i < v->selection.items.count; i++) {
        const struct pact_broker_selected *s = &v->selection.items.items[i];
        struct pact *pact;
        code = pact_broker_read_pact(v->broker, s->pact, &pact, v->err);
        if (code == 0)
            code = add_pact(v, pact, pact->file, s);
        if (code == 0)
            run_say(v->run, "pact of %s %s: %s%s", s->consumer, s->version, s->why, s->pending ? ", pending" : "");
    }
    return code;
}

int verify_load(struct verifying *v, const struct arguments *args)
{
    int code = v->asked->broker != NULL ? add_selected(v) : 0;
    for (int i = 0; i < args->argc && code == 0; i++)
        code = add_given(v, args->argv[i]);
    if (code == 0 && v->pacts.count == 0 && v->asked->broker == NULL)
        code = error_set(v->err, ERROR_INVALID, "there is no pact in what was given");
    size_t left = 0;
    for (size_t i = 0; i < v->pacts.count; i++)
        for (size_t k = 0; k < v->pacts.items[i].pact->interactions.count; k++)
            left += verify_chosen(v, v->pacts.items[i].pact, k);
    if (code == 0 && v->asked->only != NULL && left == 0)
        code = error_set(v->err, ERROR_INVALID, "no interaction's description contains \"%s\"", v->asked->only);
    if (code == 0 && (v->asked->states_file != NULL || v->asked->state_url != NULL))
        code = contract_states_load(v->run->world, v->asked->states_file, v->asked->state_url, &v->states, v->err);
    if (code == 0 && pact_matrix_new(&v->matrix) != 0)
        code = error_set(v->err, ERROR_MEMORY, "out of memory");
    return code;
}

int verify_publish(struct verifying *v)
{
    int code = v->asked->provider_branch != NULL
                   ? pact_broker_set_branch(v->broker, v->asked->component, v->asked->provider_version,
                                            v->asked->provider_branch, v->err)
                   : 0;
    for (size_t i = 0; i < v->pacts.count && code == 0; i++) {
        const struct played *p = &v->pacts.items[i];
        if (p->skipped > 0) {
            run_say(v->run, "the result of %s %s is not published: %lld interactions were not played",
                    p->selected->consumer, p->selected->version, (long long)p->skipped);
            continue;
        }
        code = pact_broker_add_result(v->broker,
                                      &(struct pact_broker_record){.component = p->pact->consumer,
                                                                   .provider = v->asked->component,
                                                                   .version = v->asked->provider_version,
                                                                   .name = v->asked->provider_branch,
                                                                   .pact = p->selected->pact,
                                                                   .success = p->failed == 0,
                                                                   .passed = p->passed,
                                                                   .failed = p->failed},
                                      v->err);
    }
    return code;
}

void verify_pacts_deinit(struct verifying *v)
{
    for (size_t i = 0; i < v->pacts.count; i++)
        pact_free(v->pacts.items[i].pact);
    array_deinit(&v->pacts);
    pact_broker_selection_deinit(&v->selection);
    pact_broker_close(v->broker);
}
