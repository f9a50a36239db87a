#include "harrow/fakes/contracts.h"

#include "base/document.h"
#include "base/units.h"
#include "harrow/fakes/descriptor_files.h"
#include "harrow/fakes/protos.h"
#include "proto/services.h"
#include "proto/set.h"
#include "rpc/reflect_client.h"

#include <stdlib.h>
#include <string.h>

#define SET_FILE_MAX      ((size_t)256 << 20)
#define REFLECTION_WITHIN ((uint64_t)(15 * SECOND))
#define CONTROL_FILE      "doubles/doubles.proto"

struct fakes_from fakes_from;

static int out_of_memory(struct error *err)
{
    return error_set(err, ERROR_MEMORY, "out of memory");
}

/* ---- sources ---------------------------------------------------------------------------------------------------- */

static int from_server(struct world *w, const char *address, struct text *set, struct error *err)
{
    struct reflect_files files = {.bytes = 0};
    struct reflect_talk talk = {.files = &files};
    struct rpc_channel *channel = NULL;
    struct tls_context *context = NULL;
    bool tls;
    address = fakes_address(address, &tls);
    int code = fakes_client_tls(w, &fakes_from.tls, tls, &context, err);
    if (code == 0)
        code = rpc_channel_new(w, &(struct rpc_channel_options){.addresses = address, .tls = context}, &channel, err);
    if (code == 0)
        code = reflect_ask(w, channel, (struct grpc_metadata){0}, REFLECTION_WITHIN, &talk, err);
    if (code == 0 && reflect_files_set(&files, set) != 0)
        code = out_of_memory(err);
    if (code != 0)
        error_wrap(err, "%s", address);
    rpc_channel_free(channel);
    tls_context_free(context);
    reflect_talk_deinit(&talk);
    reflect_files_deinit(&files);
    return code;
}

/* What there is no memory for is not known to have been a file. */
static void on_file(void *arg, const char *name, const char *path)
{
    struct fakes_contracts *c = arg;
    char *copy = arena_string(&c->arena, path);
    if (copy != NULL)
        (void)map_put(&c->paths, name, copy);
}

static int from_protos(struct world *w, struct fakes_contracts *c, struct text *set, struct error *err)
{
    const struct protos_heard heard = {on_file, c};
    size_t protos = fakes_from.protos.count, paths = fakes_from.paths.count;
    const char **list = calloc(protos + paths + 2, sizeof *list);
    if (list == NULL)
        return out_of_memory(err);
    for (size_t i = 0; i < protos; i++)
        list[i] = fakes_from.protos.items[i];
    for (size_t i = 0; i < paths; i++)
        list[protos + 1 + i] = fakes_from.paths.items[i];
    int code = protos_compile(w, list, list + protos + 1, &heard, set, err);
    free(list);
    return code;
}

static bool own_contracts(void)
{
    return fakes_from.protos.count > 0 || fakes_from.sets.count > 0 || fakes_from.reflect != NULL;
}

/* Everything named, as sets behind one another; each source is added to `files` by itself, for its messages. */
static int gather(struct world *w, struct fakes_contracts *c, struct text *texts, struct descriptor_files *files,
                  struct error *err)
{
    size_t n = 0;
    int code = 0;
    if (fakes_from.protos.count > 0) {
        code = from_protos(w, c, &texts[n], err);
        if (code == 0)
            code = descriptor_files_add(files, text_bytes(&texts[n++]), "the .proto files", err);
    }
    for (size_t i = 0; code == 0 && i < fakes_from.sets.count; i++) {
        code = world_read_file(w, fakes_from.sets.items[i], SET_FILE_MAX, &texts[n], err);
        if (code == 0)
            code = descriptor_files_add(files, text_bytes(&texts[n++]), fakes_from.sets.items[i], err);
    }
    if (code == 0 && fakes_from.reflect != NULL) {
        code = from_server(w, fakes_from.reflect, &texts[n], err);
        if (code == 0)
            code = descriptor_files_add(files, text_bytes(&texts[n++]), fakes_from.reflect, err);
    }
    if (code == 0 && (fakes_from.all || !own_contracts()))
        code = descriptor_files_add(files, proto_set(), "the built-in contracts", err);
    if (code == 0 && (fakes_from.all || !own_contracts()))
        code = descriptor_files_add(files, proto_services_set(), "the built-in contracts", err);
    return code;
}

/* ---- which services --------------------------------------------------------------------------------------------- */

/* Not to be doubled: what every server has of itself. */
static bool infrastructure(const char *service)
{
    return strncmp(service, "grpc.health.", 12) == 0 || strncmp(service, "grpc.reflection.", 16) == 0 ||
           strcmp(service, "doubles.Doubles") == 0;
}

/* "store.Store", "Store", or the package "store". */
static bool matches(const char *full, const char *name)
{
    const char *dot = strrchr(full, '.');
    size_t package = dot != NULL ? (size_t)(dot - full) : 0;
    return strcmp(full, name) == 0 || strcmp(dot != NULL ? dot + 1 : full, name) == 0 ||
           (strlen(name) == package && memcmp(full, name, package) == 0);
}

static int unknown(const struct descriptor_files *files, const char *name, struct error *err)
{
    ARRAY(const char *) words = {0};
    bool ok = true;
    for (size_t i = 0; i < files->files.count; i++)
        for (size_t k = 0; ok && k < files->files.items[i]->services.count; k++)
            ok = array_push(&words, files->files.items[i]->services.items[k]);
    const char *near = ok && array_push(&words, NULL) ? nearest_word(name, words.items) : NULL;
    for (size_t i = 0; near == NULL && ok && i + 1 < words.count; i++) { /* by its last part alone */
        const char *dot = strrchr(words.items[i], '.');
        const char *one[] = {dot != NULL ? dot + 1 : words.items[i], NULL};
        if (nearest_word(name, one) != NULL)
            near = words.items[i];
    }
    array_deinit(&words);
    return error_set(err, ERROR_INVALID, "there is no service \"%s\" in the contracts%s%s%s", name,
                     near != NULL ? "; did you mean " : " (harrow fakes list shows them)", near != NULL ? near : "",
                     near != NULL ? "?" : "");
}

static bool chosen(const char *service)
{
    if (infrastructure(service))
        return false;
    for (size_t i = 0; i < fakes_from.services.count; i++)
        if (matches(service, fakes_from.services.items[i]))
            return true;
    return fakes_from.services.count == 0;
}

/* Marks the files of the services asked for. */
static int want(struct descriptor_files *files, struct error *err)
{
    size_t wanted = 0;
    for (size_t i = 0; i < fakes_from.services.count; i++) {
        bool found = false;
        for (size_t f = 0; f < files->files.count; f++)
            for (size_t k = 0; k < files->files.items[f]->services.count; k++)
                found = found || matches(files->files.items[f]->services.items[k], fakes_from.services.items[i]);
        if (!found)
            return unknown(files, fakes_from.services.items[i], err);
    }
    for (size_t f = 0; f < files->files.count; f++)
        for (size_t k = 0; k < files->files.items[f]->services.count; k++)
            if (chosen(files->files.items[f]->services.items[k])) {
                files->files.items[f]->wanted = true;
                wanted++;
            }
    return wanted > 0 ? 0 : error_set(err, ERROR_INVALID, "the contracts have no service to double");
}

/* The doubles' own service is served beside them. */
static int want_control(struct descriptor_files *files, struct error *err)
{
    int code = descriptor_files_add(files, proto_services_set(), "the built-in contracts", err);
    struct descriptor_file *control = code == 0 ? map_get(&files->by_name, CONTROL_FILE) : NULL;
    if (control != NULL)
        control->wanted = true;
    return code;
}

int fakes_contracts_load(struct world *w, struct fakes_contracts *out, struct error *err)
{
    struct descriptor_files files = {.files = {0}};
    struct text set = TEXT_INIT;
    size_t sources = fakes_from.sets.count + 2;
    struct text *texts = calloc(sources, sizeof *texts);
    *out = (struct fakes_contracts){0};
    int code = texts != NULL ? gather(w, out, texts, &files, err) : out_of_memory(err);
    if (code == 0)
        code = want(&files, err);
    if (code == 0)
        code = want_control(&files, err);
    if (code == 0 && descriptor_files_set(&files, &set) != 0)
        code = out_of_memory(err);
    if (code == 0)
        code = pb_pool_new(text_bytes(&set), "the contracts", &out->pool, err);
    for (size_t i = 0; code == 0 && i < pb_service_count(out->pool); i++) {
        const struct pb_service *service = pb_service_at(out->pool, i);
        if (chosen(service->full_name) && !array_push(&out->services, service))
            code = out_of_memory(err);
    }
    if (code != 0)
        fakes_contracts_deinit(out);
    text_deinit(&set);
    for (size_t i = 0; texts != NULL && i < sources; i++)
        text_deinit(&texts[i]);
    free(texts);
    descriptor_files_deinit(&files);
    return code;
}

const char *fakes_contracts_path(const struct fakes_contracts *c, const char *file)
{
    return file != NULL ? map_get(&c->paths, file) : NULL;
}

void fakes_contracts_deinit(struct fakes_contracts *c)
{
    pb_pool_free(c->pool);
    map_deinit(&c->paths);
    arena_deinit(&c->arena);
    array_deinit(&c->services);
    *c = (struct fakes_contracts){0};
}
