#include "harrow/chaos/plan.h"

#include "chaos/fault/fault.h"
#include "harrow/system/attach.h"
#include "harrow/system/driver_disk.h"
#include "harrow/system/driver_network.h"
#include "harrow/system/manifest.h"
#include "world/machine.h"

#include <string.h>

#define EXPERIMENTS "chaos/experiments"

static int out_of_memory(struct error *err)
{
    return error_set(err, ERROR_MEMORY, "out of memory");
}

int chaos_plan_look(struct world *w, const char *path, struct chaos_plan *out, const char **manifest, struct error *err)
{
    struct text content = TEXT_INIT;
    struct document *d = NULL;
    int code = 0;
    if (world_read_file(w, path, DOCUMENT_SIZE_MAX, &content, NULL) == 0 &&
        document_parse(text_bytes(&content), path, &d, NULL) == 0 && plan_is(d)) {
        code = plan_read(d, out, err);
        d = NULL;
        const char *slash = strrchr(path, '/'), *system = NULL;
        if (code == 0 && out->system == NULL)
            code = error_set(err, ERROR_INVALID, "%s names no \"system\": there is nothing to run it on", path);
        if (code == 0) {
            system = out->system[0] == '/' || slash == NULL
                         ? out->system
                         : arena_printf(&out->arena, "%.*s/%s", (int)(slash - path), path, out->system);
            code = system != NULL ? 0 : out_of_memory(err);
        }
        if (code == 0)
            *manifest = system;
        else
            plan_deinit(out);
    }
    document_free(d);
    text_deinit(&content);
    return code;
}

int chaos_plan_take_surroundings(const struct chaos_plan *p, struct error *err)
{
    const struct {
        const char *key, *said, *usual, **option;
    } all[] = {{"network", p->network, network_names[0], &common.network},
               {"disk", p->disk, disk_names[0], &common.disk}};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (all[i].said == NULL || *all[i].option != NULL || strcmp(common.driver, "processes") != 0)
            continue;
        if (strcmp(all[i].said, all[i].usual) != 0 && !machine_is_root())
            return node_error(node_get(document_root(p->document), all[i].key), err, ERROR_DENIED,
                              "\"%s: %s\" needs root; --%s %s leaves it out", all[i].key, all[i].said, all[i].key,
                              all[i].usual);
        *all[i].option = all[i].said;
    }
    return 0;
}

/* ---- nights ---- */

static bool needs_root(const struct chaos_plan *p)
{
    return (p->network != NULL && strcmp(p->network, network_names[0]) != 0) ||
           (p->disk != NULL && strcmp(p->disk, disk_names[0]) != 0);
}

/* What cannot be done on this machine, or in simulation at all, would fail every night. */
static int look_at_plan(struct arena *arena, const struct chaos_plan *p, struct chaos_night_item *item)
{
    bool root = needs_root(p);
    for (const char *const *name = p->options.faults; name != NULL && *name != NULL; name++) {
        const struct chaos_fault *f = fault_find(*name);
        root = root || f->root;
        if ((f->drivers & FAULT_ON_SIM) == 0 &&
            (item->not_simulated = arena_printf(arena, "there is no fault %s in simulation", *name)) == NULL)
            return ERROR_MEMORY;
        if ((f->drivers & FAULT_ON_PROCESSES) == 0 &&
            (item->not_processes = arena_printf(arena, "fault %s is for --driver sim", *name)) == NULL)
            return ERROR_MEMORY;
    }
    if (root && !machine_is_root())
        item->not_processes = "it needs root";
    return 0;
}

static int look_at_system(struct world *w, struct arena *arena, struct chaos_night_item *item, struct error *err)
{
    struct manifest *m = NULL;
    if (attach_is_address(item->system))
        return error_set(err, ERROR_INVALID, "%s is not ours to stop or kill", item->system);
    int code = manifest_load(w, item->system, &m, err);
    for (size_t i = 0; code == 0 && i < m->component_count; i++)
        if (m->components[i].program == NULL &&
            (item->not_searched = item->not_simulated = arena_printf(
                 arena, "component %s of %s names no \"program\" to simulate", m->components[i].name, m->name)) == NULL)
            code = out_of_memory(err);
    manifest_free(m);
    return code;
}

struct listing {
    struct chaos_night_list *list;
    int code;
};

static void add_experiment(void *arg, const char *name)
{
    struct listing *l = arg;
    struct chaos_night_list *out = l->list;
    size_t len = strlen(name);
    if (len < 6 || strcmp(name + len - 5, ".yaml") != 0 || l->code != 0)
        return;
    if (out->count == CHAOS_NIGHT_ITEMS_MAX)
        l->code = ERROR_LIMIT;
    else if ((out->items[out->count++].path = arena_printf(&out->arena, EXPERIMENTS "/%s", name)) == NULL)
        l->code = ERROR_MEMORY;
}

static int list_paths(struct world *w, const char *const *paths, size_t count, struct chaos_night_list *out,
                      struct error *err)
{
    struct listing l = {.list = out, .code = count > CHAOS_NIGHT_ITEMS_MAX ? ERROR_LIMIT : 0};
    for (size_t i = 0; i < count && l.code == 0; i++)
        out->items[out->count++].path = paths[i];
    if (count == 0 && (world_list(w, EXPERIMENTS, add_experiment, &l) != 0 || out->count == 0))
        return error_set(err, ERROR_INVALID, "which EXPERIMENTS or MANIFESTS? There are none in " EXPERIMENTS);
    if (l.code == ERROR_LIMIT)
        return error_set(err, ERROR_LIMIT, "a night takes at most %d experiments and manifests", CHAOS_NIGHT_ITEMS_MAX);
    return l.code == 0 ? 0 : out_of_memory(err);
}

int chaos_night_list_read(struct world *w, const char *const *paths, size_t count, struct chaos_night_list *out,
                          struct error *err)
{
    *out = (struct chaos_night_list){.arena = ARENA_INIT};
    int code = list_paths(w, paths, count, out, err);
    for (size_t i = 0; i < out->count && code == 0; i++) {
        struct chaos_night_item *item = &out->items[i];
        struct chaos_plan plan = {0};
        const char *system = item->path;
        code = chaos_plan_look(w, item->path, &plan, &system, err);
        if (code == 0 && (item->system = arena_string(&out->arena, system)) == NULL)
            code = out_of_memory(err);
        if (code == 0 && plan.name != NULL && look_at_plan(&out->arena, &plan, item) != 0)
            code = out_of_memory(err);
        if (code == 0)
            code = look_at_system(w, &out->arena, item, err);
        plan_deinit(&plan);
    }
    return code;
}

void chaos_night_list_deinit(struct chaos_night_list *l)
{
    arena_deinit(&l->arena);
}
