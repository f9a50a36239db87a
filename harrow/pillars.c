#include "harrow/pillars.h"

#include "world/real.h"

#include <stdio.h>
#include <string.h>

void pillar_mark(struct run *r, const char *name, const char *state)
{
    result_emit(&r->results, "pillar", json_pack("{s:s, s:s}", "name", name, "state", state));
}

static bool simulated(void)
{
    return strcmp(common.driver, "sim") == 0;
}

/* The flows of every folder in `list` (relative to the manifest), or of `path` when one was given. */
static int load_flows(struct world *w, const struct manifest *m, const char *path, const char *const *list,
                      struct flow_list *out, struct error *err)
{
    struct arena arena = ARENA_INIT;
    *out = (struct flow_list){0};
    if (path != NULL)
        return flow_load_tree(w, path, out, err);
    int code = 0;
    for (size_t i = 0; list[i] != NULL && code == 0; i++) {
        const char *from = manifest_path(m, list[i], &arena);
        struct flow_list more = {0};
        code = from != NULL ? flow_load_tree(w, from, &more, err) : error_set(err, ERROR_MEMORY, "out of memory");
        if (code == 0)
            code = flow_list_append(out, &more) ? 0 : error_set(err, ERROR_MEMORY, "out of memory");
        flow_list_free(&more);
    }
    arena_deinit(&arena);
    return code;
}

/* One contract flow: its provider alone, standing on doubles. */
static int run_contract(struct run *r, const char *path, struct flow *flow, struct contract_calls *calls,
                        struct error *err)
{
    struct system *s = NULL;
    struct doubles *d = NULL;
    struct text peers = TEXT_INIT;
    const char *provider = flow_provider(flow);
    if (provider == NULL)
        return error_set_at(err, ERROR_INVALID, flow_file(flow), 1, 1, "a contract names its \"provider\"");
    int code = system_start_alone(r, provider, &s, err);
    if (code == 0)
        code = doubles_new(system_world(s), system_target(s)->pool, simulated(), &d, err);
    if (code == 0 && contract_pact_folder != NULL)
        doubles_record(d, provider, flow_name(flow));
    for (size_t i = 0; code == 0 && i < flow_double_count(flow); i++) {
        const char *name, *service;
        flow_double(flow, i, &name, &service);
        code = doubles_add(d, name, service, &peers, err);
    }
    if (code == 0)
        code = system_run_alone(s, text_string(&peers), err);
    if (code == 0) {
        struct flow_list one = {.items = &flow, .count = 1};
        struct e2e_options options = {.pillar = "contract",
                                      .replay = run_replay(r, "contract", (const char *const[]){path, NULL}),
                                      .doubles = doubles_operations(d),
                                      .simulated = simulated(),
                                      .files = r->world,
                                      .variables = system_variables(s)};
        struct e2e_summary summary = {0};
        code = e2e_run(system_target(s), &one, &options, &summary, err);
        if (code == 0 && !doubles_count(d, provider, calls))
            code = error_set(err, ERROR_MEMORY, "out of memory");
        if (code == 0 && contract_pact_folder != NULL && summary.failed == 0)
            code = doubles_write_pacts(d, r->world, contract_pact_folder, err);
    }
    /* The component goes first: it still talks to the doubles. In simulation they live in its world. */
    if (s != NULL && simulated()) {
        doubles_free(d);
        system_stop(s);
    } else {
        system_stop(s);
        doubles_free(d);
    }
    text_deinit(&peers);
    return code;
}

int pillar_contract(struct run *r, const char *path, const char *filter)
{
    struct error err = ERROR_INIT;
    struct flow_list flows;
    struct contract_calls calls = {0};
    int exit_code = 0;
    if (r->interrupted)
        return 0;
    int code = load_flows(r->world, r->manifest, path, r->manifest->contracts, &flows, &err);
    if (code == 0 && flows.count > 0) {
        pillar_mark(r, "contract", "start");
        for (size_t i = 0; i < flows.count && code == 0 && !r->interrupted; i++)
            if (filter == NULL || strstr(flow_name(flows.items[i]), filter) != NULL)
                code = run_contract(r, path, flows.items[i], &calls, &err);
        contract_calls_emit(&calls, &r->results);
        pillar_mark(r, "contract", "end");
    }
    if (code != 0)
        exit_code = run_failed(r, &err, "contract");
    contract_calls_deinit(&calls);
    flow_list_free(&flows);
    error_clear(&err);
    return exit_code;
}

int pillar_e2e(struct run *r, struct system *s, const char *path, const struct e2e_options *asked)
{
    struct error err = ERROR_INIT;
    struct flow_list flows;
    struct e2e_summary summary = {0};
    int exit_code = 0;
    if (r->interrupted)
        return 0;
    int code = load_flows(r->world, r->manifest, path, r->manifest->flows, &flows, &err);
    if (code == 0 && flows.count > 0) {
        struct e2e_options options = asked != NULL ? *asked : (struct e2e_options){0};
        options.pillar = "e2e";
        options.replay = run_replay(r, "e2e", (const char *const[]){path, NULL});
        options.simulated = simulated();
        options.files = r->world;
        options.scratch = system_scratch(s);
        options.variables = system_variables(s);
        pillar_mark(r, "e2e", "start");
        code = e2e_run(system_target(s), &flows, &options, &summary, &err);
        pillar_mark(r, "e2e", "end");
    }
    if (code != 0)
        exit_code = run_failed(r, &err, "e2e");
    flow_list_free(&flows);
    error_clear(&err);
    return exit_code;
}

int pillar_e2e_list(const char *manifest, const char *path, const struct e2e_options *asked)
{
    static const char *const none[] = {NULL};
    struct error err = ERROR_INIT;
    struct world *w = NULL;
    struct manifest *m = NULL;
    struct flow_list flows = {0};
    struct text list = TEXT_INIT;
    int code = world_real_new(common.seed, &w, &err);
    if (code == 0 && path == NULL)
        code = manifest_load(w, manifest, &m, &err);
    if (code == 0)
        code = load_flows(w, m, path, m != NULL ? m->flows : none, &flows, &err);
    if (code == 0) {
        struct target target = {.seed = common.seed};
        struct e2e_options options = *asked;
        options.simulated = simulated();
        code = e2e_list(&target, &flows, &options, &list, &err);
    }
    fputs(text_string(&list), stdout);
    int exit_code = code != 0 ? harrow_error(&err, "e2e") : HARROW_PASSED;
    flow_list_free(&flows);
    manifest_free(m);
    text_deinit(&list);
    error_clear(&err);
    if (w != NULL)
        world_real_free(w);
    return exit_code;
}
