#include "harrow/run/pillars.h"

#include "world/real.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void pillar_mark(struct run *r, const char *name, const char *state)
{
    result_emit(&r->results, "pillar", json_pack("{s:s, s:s}", "name", name, "state", state));
}

static bool simulated(void)
{
    return strcmp(common.driver, "sim") == 0;
}

/* Without "folder/.." in it, where that is the same place: links may lead elsewhere. In the arena; NULL: no memory. */
static const char *clean_path(const char *path, struct arena *arena)
{
    struct text out = TEXT_INIT;
    for (const char *p = path; *p != '\0';) {
        size_t len = strcspn(p, "/"), begin = out.len;
        const char *before = text_string(&out);
        while (begin > 1 && before[begin - 2] != '/')
            begin--;
        begin = out.len > 0 ? begin - 1 : 0; /* of the name before, which ends with a slash */
        bool up = len == 2 && memcmp(p, "..", 2) == 0;
        if (up && out.len > 1 && strcmp(before + begin, "../") != 0)
            text_truncate(&out, begin);
        else if (len != 1 || *p != '.')
            text_printf(&out, "%.*s%s", (int)len, p, p[len] == '/' ? "/" : "");
        p += len + (p[len] == '/');
    }
    if (out.len == 0)
        text_puts(&out, ".");
    char *was = realpath(path, NULL), *is = realpath(text_string(&out), NULL);
    bool same = was != NULL && is != NULL && strcmp(was, is) == 0;
    const char *copy = text_ok(&out) ? arena_string(arena, same ? text_string(&out) : path) : NULL;
    free(was);
    free(is);
    text_deinit(&out);
    return copy;
}

const char *pillar_path(const struct manifest *m, const char *path, struct arena *arena)
{
    const char *from = manifest_path(m, path, arena);
    return from != NULL ? clean_path(from, arena) : NULL;
}

int pillar_flows(struct world *w, const struct manifest *m, const char *path, const char *const *list,
                 const struct import_settings *settings, struct flow_list *out, struct error *err)
{
    struct arena arena = ARENA_INIT;
    *out = (struct flow_list){0};
    if (path != NULL)
        return flow_load_tree_with(w, path, settings, out, err);
    int code = 0;
    for (size_t i = 0; list[i] != NULL && code == 0; i++) {
        const char *from = pillar_path(m, list[i], &arena);
        struct flow_list more = {0};
        code = from != NULL ? flow_load_tree_with(w, from, settings, &more, err)
                            : error_set(err, ERROR_MEMORY, "out of memory");
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
    size_t wanted = 0;
    int code = pillar_flows(r->world, r->manifest, path, r->manifest->contracts, NULL, &flows, &err);
    if (code == 0 && flows.count > 0) {
        pillar_mark(r, "contract", "start");
        for (size_t i = 0; i < flows.count && code == 0 && !r->interrupted; i++)
            if (filter == NULL || strstr(flow_name(flows.items[i]), filter) != NULL) {
                wanted++;
                code = run_contract(r, path, flows.items[i], &calls, &err);
            }
        if (code == 0 && wanted == 0 && !r->interrupted)
            code = error_set(&err, ERROR_INVALID, "no contract's name contains \"%s\"", filter);
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
