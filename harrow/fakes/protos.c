#include "harrow/fakes/protos.h"

#include "base/arena.h"
#include "base/array.h"
#include "wire/proto/proto.h"

#include <string.h>

struct protos {
    struct world *world;
    struct arena arena;
    ARRAY(const char *) folders; /* where imports are; "" is the current one */
    ARRAY(const char *) files;   /* as they were found */
    ARRAY(const char *) names;   /* what they are called by imports */
    const struct protos_heard *heard;
    const char *above; /* a folder that would have had an import; NULL: none */
    struct error *err;
};

static int out_of_memory(struct protos *p)
{
    return error_set(p->err, ERROR_MEMORY, "out of memory");
}

/* ---- what to compile ---- */

static bool is_proto(const char *name)
{
    size_t len = strlen(name);
    return len > 6 && strcmp(name + len - 6, ".proto") == 0;
}

static int on_file(void *arg, const char *found)
{
    struct protos *p = arg;
    if (!is_proto(found))
        return 0;
    const char *path = arena_string(&p->arena, found);
    if (p->files.count >= PROTO_FILES_MAX)
        return error_set(p->err, ERROR_LIMIT, "more than %d .proto files", PROTO_FILES_MAX);
    return path != NULL && array_push(&p->files, path) ? 0 : out_of_memory(p);
}

/* Kept without a slash at its end. */
static int add_folder(struct protos *p, const char *folder, size_t len)
{
    while (len > 1 && folder[len - 1] == '/')
        len--;
    if (len == 1 && folder[0] == '.')
        len = 0;
    const char *own = arena_string_n(&p->arena, folder, len);
    for (size_t i = 0; own != NULL && i < p->folders.count; i++)
        if (strcmp(p->folders.items[i], own) == 0)
            return 0;
    return own != NULL && array_push(&p->folders, own) ? 0 : out_of_memory(p);
}

static int add_proto(struct protos *p, const char *proto, bool own_folder)
{
    struct world_stat stat = {0};
    size_t before = p->files.count, len = strlen(proto);
    if (world_stat(p->world, proto, &stat) != 0 || !stat.exists)
        return error_set_at(p->err, ERROR_NOT_FOUND, proto, 0, 0, "there is no such file or folder");
    if (!stat.directory) {
        const char *slash = strrchr(proto, '/');
        if (!array_push(&p->files, proto))
            return out_of_memory(p);
        return own_folder ? add_folder(p, proto, slash != NULL ? (size_t)(slash - proto) : 0) : 0;
    }
    while (len > 1 && proto[len - 1] == '/')
        len--;
    const char *folder = arena_string_n(&p->arena, proto, len);
    if (folder == NULL)
        return out_of_memory(p);
    int code = world_walk(p->world, folder, on_file, p, p->err);
    if (code == 0 && p->files.count == before)
        code = error_set_at(p->err, ERROR_NOT_FOUND, proto, 0, 0, "there is no .proto file in it");
    return code == 0 && own_folder ? add_folder(p, folder, len) : code;
}

/* What an import would call the file: its path below the first folder that holds it. */
static int name_file(struct protos *p, const char *file)
{
    const char *plain = strncmp(file, "./", 2) == 0 ? file + 2 : file;
    for (size_t i = 0; i < p->folders.count; i++) {
        const char *folder = p->folders.items[i];
        size_t len = strlen(folder);
        const char *name = NULL;
        if (len == 0 && plain[0] != '/')
            name = plain;
        else if (len > 0 && strncmp(file, folder, len) == 0 && file[len] == '/')
            name = file + len + 1;
        if (name != NULL)
            return array_push(&p->names, name) ? 0 : out_of_memory(p);
    }
    return error_set(p->err, ERROR_INVALID, "%s is below none of the folders that --proto-path names", file);
}

/* ---- reading ---- */

/* The folder above one of ours that has the file: who gave no --proto-path most often meant that one. */
static const char *folder_above(struct protos *p, const char *name)
{
    for (size_t i = 0; i < p->folders.count; i++) {
        const char *folder = p->folders.items[i], *slash;
        while (folder != NULL && (slash = strrchr(folder, '/')) != NULL) {
            struct world_stat stat = {0};
            folder = arena_string_n(&p->arena, folder, (size_t)(slash - folder));
            const char *path = folder != NULL ? arena_printf(&p->arena, "%s/%s", folder, name) : NULL;
            if (path != NULL && folder[0] != '\0' && world_stat(p->world, path, &stat) == 0 && stat.exists)
                return folder;
        }
        if (*p->folders.items[i] != '/' && *p->folders.items[i] != '\0') {
            struct world_stat stat = {0};
            if (world_stat(p->world, name, &stat) == 0 && stat.exists)
                return ".";
        }
    }
    return NULL;
}

static int open_import(void *arg, const char *name, struct text *out, const char **shown, struct error *err)
{
    struct protos *p = arg;
    for (size_t i = 0; i < p->folders.count; i++) {
        const char *folder = p->folders.items[i];
        struct world_stat stat = {0};
        const char *path = *folder != '\0' ? arena_printf(&p->arena, "%s/%s", folder, name) : name;
        if (path == NULL)
            return out_of_memory(p);
        if (world_stat(p->world, path, &stat) != 0 || !stat.exists || stat.directory)
            continue;
        *shown = path;
        if (p->heard != NULL)
            p->heard->file(p->heard->arg, name, path);
        return world_read_file(p->world, path, PROTO_FILE_MAX, out, err);
    }
    p->above = folder_above(p, name);
    return ERROR_NOT_FOUND;
}

int protos_compile(struct world *w, const char *const *protos, const char *const *paths,
                   const struct protos_heard *heard, struct text *set, struct error *err)
{
    struct protos p = {.world = w, .heard = heard, .err = err};
    struct proto_source source = {open_import, &p};
    int code = 0;
    for (size_t i = 0; code == 0 && paths[i] != NULL; i++)
        code = add_folder(&p, paths[i], strlen(paths[i]));
    for (size_t i = 0; code == 0 && protos[i] != NULL; i++)
        code = add_proto(&p, protos[i], paths[0] == NULL);
    for (size_t i = 0; code == 0 && i < p.files.count; i++)
        code = name_file(&p, p.files.items[i]);
    if (code == 0)
        code = array_push(&p.names, NULL) ? proto_compile(&source, p.names.items, set, err) : out_of_memory(&p);
    if (code != 0 && code != ERROR_MEMORY && p.above != NULL && err != NULL && err->message != NULL)
        code = error_set_at(err, code, err->file, err->line, err->column, "%s; --proto-path %s finds it", err->message,
                            p.above);
    array_deinit(&p.files);
    array_deinit(&p.folders);
    array_deinit(&p.names);
    arena_deinit(&p.arena);
    return code;
}
