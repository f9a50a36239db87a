/* The contracts of an attached system: a descriptor set, .proto files, or what the servers tell of themselves.
 *
 * A server with many services has many files, and flows call few of them. When the run's calls are known, their
 * services are asked for first. Whatever shows that this was not enough (a service nobody lists, a method that is not
 * there, a file with google.protobuf.Any, in which any message may travel) has everything read instead, so that all is
 * as if it had been read at once: which names are near to an unknown one, too. What travels with a status is found out
 * only when it came: attach_more_contracts(). */
#include "harrow/system/attach.h"
#include "harrow/fakes/protos.h"
#include "harrow/system/system.h"
#include "rpc/reflect_client.h"

#include "base/array.h"
#include "base/log.h"
#include "base/units.h"

#include <stdlib.h>
#include <string.h>

#define REFLECTION_WITHIN ((uint64_t)(15 * SECOND))
#define ANY_FILE          "google/protobuf/any.proto"
#define API_FOLDER        "google/api/"

static int out_of_memory(struct error *err)
{
    return error_set(err, ERROR_MEMORY, "out of memory");
}

static uint64_t ready_end(const struct system *s)
{
    return world_now(s->target.world) + (uint64_t)s->manifest->ready_within;
}

static size_t count_of(const char *const *list)
{
    size_t n = 0;
    while (list[n] != NULL)
        n++;
    return n;
}

/* Where others find the files' imports, as protos_compile() does. */
static const char *const *import_paths(struct system *s, const char *const *protos, const char *const *paths)
{
    size_t count = count_of(protos);
    const char **out = paths[0] == NULL ? ARENA_NEW_N(&s->arena, const char *, count + 1) : NULL;
    for (size_t i = 0; out != NULL && i < count; i++) {
        struct world_stat stat = {0};
        const char *slash = strrchr(protos[i], '/');
        bool folder = world_stat(s->run->world, protos[i], &stat) == 0 && stat.directory;
        out[i] = folder ? protos[i] : slash == NULL ? "." : NULL;
        if (out[i] == NULL) /* of a file below the root that is "/" */
            out[i] = arena_string_n(&s->arena, protos[i], slash > protos[i] ? (size_t)(slash - protos[i]) : 1);
        if (out[i] == NULL)
            return NULL;
    }
    return paths[0] == NULL ? out : paths;
}

static void on_read(void *arg, const char *name, const char *path)
{
    bool *api = arg;
    (void)path;
    *api = *api || strncmp(name, API_FOLDER, strlen(API_FOLDER)) == 0;
}

/* Compiles them to a file of the run's folder. */
static const char *compile(struct system *s, const char *const *protos, const char *const *paths, struct error *err)
{
    const char *out = arena_printf(&s->arena, "%s/descriptors.pb", s->run->folder);
    struct text set = TEXT_INIT;
    bool api = false;
    const struct protos_heard heard = {on_read, &api};
    int code = out != NULL ? protos_compile(s->run->world, protos, paths, &heard, &set, err) : out_of_memory(err);
    if (code == 0)
        code = world_write_file(s->run->world, out, text_bytes(&set), false, err);
    /* Our compiler has google/api/annotations.proto within; others do not. */
    bool within = !api && set.len > 0 && memmem(set.data, set.len, API_FOLDER, strlen(API_FOLDER)) != NULL;
    text_deinit(&set);
    if (code == 0 && within)
        s->target.descriptors = out;
    else if (code == 0 && (s->target.proto_paths = import_paths(s, protos, paths)) == NULL)
        code = out_of_memory(err);
    return code == 0 ? out : NULL;
}

/* ---- where from ---- */

/* Options are relative to where the command runs, what the manifest names to the manifest. */
static const char *const *given_list(struct system *s, const struct option_list *options, const char *const *listed)
{
    size_t count = options->count > 0 ? options->count : count_of(listed);
    const char **list = ARENA_NEW_N(&s->arena, const char *, count + 1);
    for (size_t i = 0; list != NULL && i < count; i++) {
        list[i] = options->count > 0 ? options->items[i] : manifest_path(s->manifest, listed[i], &s->arena);
        if (list[i] == NULL)
            return NULL;
    }
    return list;
}

/* The file with the descriptor set; *out NULL: there is none, the servers are asked. */
static int find_file(struct system *s, const char **out, struct error *err)
{
    const struct manifest *m = s->manifest;
    bool protos_given = attach.protos.count > 0;
    *out = attach.descriptors;
    if (*out == NULL && !protos_given && m->descriptors != NULL &&
        (*out = manifest_path(m, m->descriptors, &s->arena)) == NULL)
        return out_of_memory(err);
    s->target.descriptors = *out;
    if (*out != NULL)
        return 0;
    const char *const *protos = given_list(s, &attach.protos, m->attach.protos);
    const char *const *paths = given_list(s, &attach.proto_paths, m->attach.proto_paths);
    if (protos == NULL || paths == NULL)
        return out_of_memory(err);
    if (protos[0] == NULL)
        return 0;
    *out = compile(s, protos, paths, err);
    return *out != NULL ? 0 : err != NULL ? err->code : ERROR_INVALID;
}

/* ---- reflection ---- */

/* The names that are in the pool, and those that were not asked for; of the others a note says why they are not fuzzed.
 */
static int take_services(struct system *s, struct target_component *c, const struct reflect_talk *t, struct error *err)
{
    const char **names = ARENA_NEW_N(&s->arena, const char *, t->services.count + 1);
    size_t n = 0;
    if (names == NULL)
        return out_of_memory(err);
    for (size_t i = 0; i < t->services.count; i++) {
        const struct reflect_service *service = &t->services.items[i];
        struct text note = TEXT_INIT;
        bool unread = t->named > 0 && i >= t->named;
        if (service->listed && (unread || pb_find_service(s->own_pool, service->name) != NULL)) {
            if ((names[n++] = arena_string(&s->arena, service->name)) == NULL)
                return out_of_memory(err);
            continue;
        }
        if (t->named > 0)
            continue; /* everything is read now, and it is told then */
        const char *fault = reflect_files_fault(t->files, service->name);
        text_printf(&note, "%s of %s is left out: %s", service->name, c->address,
                    service->refusal != NULL ? service->refusal
                    : fault != NULL          ? fault
                                             : "no file describes it");
        result_emit(&s->run->results, "note", json_pack("{s:s}", "text", text_string(&note)));
        text_deinit(&note);
    }
    const struct manifest_component *m = manifest_find(s->manifest, c->name);
    if (m == NULL || m->services[0] == NULL)
        c->services = names;
    return 0;
}

/* Its answer shows that the door answers, which is asked by itself only when there was none. */
static int ask_server(struct system *s, struct target_component *c, struct reflect_talk *t, struct error *err)
{
    uint64_t end = ready_end(s);
    struct rpc_channel *channel;
    int code = target_channel(&s->target, c, &channel, err);
    if (code != 0)
        return error_wrap(err, "%s", c->address);
    code = reflect_ask(s->target.world, channel, target_metadata(&s->target), ATTACH_PROBE_WITHIN, t, err);
    if (code != 0 && code != ERROR_UNSUPPORTED && code != ERROR_DENIED && code != ERROR_CANCELLED) {
        error_clear(err);
        if ((code = attach_wait_door(s, c, end, err)) != 0)
            return code;
        code = reflect_ask(s->target.world, channel, target_metadata(&s->target), REFLECTION_WITHIN, t, err);
    }
    if (code == ERROR_UNSUPPORTED)
        return error_wrap(err, "%s: its contracts are not known: give --descriptors FILE or --proto FILE", c->address);
    return code != 0 ? error_wrap(err, "%s", c->address) : 0;
}

static struct bytes service_of(const char *method)
{
    return BYTES(method, strcspn(method, "/"));
}

static int name_services(struct reflect_talk *t, const struct map *calls, struct error *err)
{
    for (const struct map_entry *e = calls != NULL ? map_first(calls) : NULL; e != NULL; e = map_next(e))
        if (reflect_talk_name(t, service_of(map_key(e))) != 0)
            return out_of_memory(err);
    return 0;
}

/* Whether what was read is all that the calls need. */
static bool suffices(struct system *s, const struct reflect_files *files, const struct map *calls)
{
    if (map_get(&files->by_name, ANY_FILE) != NULL)
        return false;
    for (size_t i = 0; i < s->target.component_count; i++)
        if (s->components[i].address != NULL && s->components[i].services[0] == NULL)
            return false;
    struct text path = TEXT_INIT;
    bool all = true;
    for (const struct map_entry *e = map_first(calls); all && e != NULL; e = map_next(e)) {
        text_clear(&path);
        text_printf(&path, "/%s", map_key(e));
        const struct pb_method *m = text_ok(&path) ? pb_find_method(s->own_pool, text_string(&path), false) : NULL;
        all = m != NULL && target_serving(&s->target, m->service->full_name) != NULL;
    }
    text_deinit(&path);
    return all;
}

/* `calls` NULL: for everything. With them there is no pool afterwards when that was not enough. */
static int ask_servers(struct system *s, const struct map *calls, struct error *err)
{
    size_t count = s->target.component_count;
    struct reflect_files files = {.bytes = 0};
    struct reflect_talk *talks = calloc(count + 1, sizeof *talks);
    struct text set = TEXT_INIT;
    int code = talks != NULL ? 0 : out_of_memory(err);
    for (size_t i = 0; code == 0 && i < count; i++) {
        talks[i].files = &files;
        code = name_services(&talks[i], calls, err);
        if (code == 0 && s->components[i].address != NULL)
            code = ask_server(s, &s->components[i], &talks[i], err);
    }
    if (code == 0 && reflect_files_set(&files, &set) != 0)
        code = out_of_memory(err);
    if (code == 0 && set.len == 0 && calls == NULL)
        code = error_set(err, ERROR_UNSUPPORTED,
                         "%s tells of no services but reflection: give --descriptors FILE or --proto FILE",
                         s->manifest->name);
    if (code == 0 && set.len > 0)
        code = pb_pool_new(text_bytes(&set), "what the server tells by reflection", &s->own_pool, err);
    for (size_t i = 0; code == 0 && s->own_pool != NULL && i < count; i++)
        code = take_services(s, &s->components[i], &talks[i], err);
    if (code == 0 && calls != NULL && s->own_pool != NULL && !suffices(s, &files, calls)) {
        pb_pool_free(s->own_pool);
        s->own_pool = NULL;
    }
    for (size_t i = 0; talks != NULL && i < count; i++)
        reflect_talk_deinit(&talks[i]);
    free(talks);
    reflect_files_deinit(&files);
    text_deinit(&set);
    return code;
}

/* What the calls need, or everything. */
static int ask_for(struct system *s, const struct map *calls, struct error *err)
{
    for (size_t i = 0; calls != NULL && i < s->target.component_count; i++)
        if (s->components[i].services[0] != NULL)
            calls = NULL; /* a manifest's own lists are checked against everything */
    s->partial = calls != NULL;
    int code = ask_servers(s, calls, err);
    if (code != 0 || s->own_pool != NULL)
        return code;
    s->partial = false;
    return ask_servers(s, NULL, err);
}

bool attach_more_contracts(struct target *t)
{
    struct system *s = system_of(t);
    struct error err = ERROR_INIT;
    struct text why = TEXT_INIT;
    if (!s->partial)
        return false;
    s->partial = false; /* tried once, whatever comes of it */
    s->partial_pool = s->own_pool;
    s->own_pool = NULL;
    if (ask_servers(s, NULL, &err) == 0) {
        t->pool = s->own_pool;
        return true;
    }
    error_format(&err, &why);
    log_warn("attach", "the other contracts cannot be read: %s", text_string(&why));
    text_deinit(&why);
    error_clear(&err);
    pb_pool_free(s->own_pool);
    s->own_pool = s->partial_pool;
    s->partial_pool = NULL;
    return false;
}

/* ---- who serves what ---- */

static int all_services(struct system *s, struct target_component *c, struct error *err)
{
    size_t count = pb_service_count(s->own_pool);
    const char **names = ARENA_NEW_N(&s->arena, const char *, count + 1);
    for (size_t i = 0; names != NULL && i < count; i++)
        names[i] = pb_service_at(s->own_pool, i)->full_name;
    c->services = names;
    return names != NULL ? 0 : out_of_memory(err);
}

static int check_services(struct system *s, const struct target_component *c, const char *from, struct error *err)
{
    ARRAY(const char *) known = {0};
    const char *missing = NULL;
    for (size_t i = 0; missing == NULL && c->services[i] != NULL; i++)
        if (pb_find_service(s->own_pool, c->services[i]) == NULL)
            missing = c->services[i];
    if (missing == NULL && c->services[0] != NULL)
        return 0;
    for (size_t i = 0; i < pb_service_count(s->own_pool); i++)
        array_push(&known, pb_service_at(s->own_pool, i)->full_name);
    const char *near = missing != NULL && array_push(&known, NULL) ? nearest_word(missing, known.items) : NULL;
    array_deinit(&known);
    if (missing == NULL)
        return error_set(err, ERROR_INVALID, "%s has no service for %s", from, c->address);
    return error_set(err, ERROR_INVALID, "component %s serves %s, which is not in %s%s%s%s", c->name, missing, from,
                     near != NULL ? ": did you mean \"" : "", near != NULL ? near : "", near != NULL ? "\"?" : "");
}

/* Of a gateway alone nothing is known, and of a system that nothing calls nothing is asked: the set of a file with a
 * name and nothing in it. */
static int no_services(struct system *s, struct error *err)
{
    static const char set[] = "\x0a\x0c\x0a\x0anone.proto";
    int code = pb_pool_new(BYTES(set, sizeof set - 1), "the gateway", &s->own_pool, err);
    s->target.pool = s->own_pool;
    return code;
}

int attach_contracts(struct system *s, struct error *err)
{
    const char *file = NULL;
    size_t doors = 0;
    int code = find_file(s, &file, err);
    for (size_t i = 0; i < s->target.component_count; i++)
        doors += s->components[i].address != NULL;
    const struct map *calls = s->manifest->login_call == NULL ? s->run->calls : NULL;
    bool unused = calls != NULL && map_count(calls) == 0;
    if (code == 0 && file == NULL && (doors == 0 || unused))
        return no_services(s, err);
    for (size_t i = 0; code == 0 && file != NULL && !unused && i < s->target.component_count; i++)
        if (s->components[i].address != NULL)
            code = attach_wait_door(s, &s->components[i], ready_end(s), err);
    if (code == 0)
        code = file != NULL ? system_read_descriptors(s->run->world, file, &s->own_pool, err) : ask_for(s, calls, err);
    s->target.pool = s->own_pool;
    for (size_t i = 0; code == 0 && !s->partial && i < s->target.component_count; i++) {
        struct target_component *c = &s->components[i];
        if (c->address == NULL)
            continue;
        if (c->services[0] == NULL && file != NULL)
            code = doors == 1 ? all_services(s, c, err)
                              : error_set(err, ERROR_INVALID,
                                          "%s: component %s needs \"services\": there are several components, and %s "
                                          "does not say which of them serves what",
                                          s->manifest->path, c->name, file);
        if (code == 0)
            code = check_services(s, c, file != NULL ? file : "what the server tells by reflection", err);
    }
    return code;
}
