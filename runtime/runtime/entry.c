#include "runtime/runtime/entry.h"

#include "runtime/runtime/tree.h"
#include "runtime/runtime/unpack.h"

#include <stdio.h>
#include <string.h>

#define BUILD_FOLDER ".micro-build"
#define MU_TOLD_MAX  10 /* files named in a message */

static int no_memory(struct error *err)
{
    return error_set(err, ERROR_MEMORY, "out of memory");
}

static bool ends_with(const char *name, const char *ending)
{
    size_t len = strlen(name), n = strlen(ending);
    return len > n && strcmp(name + len - n, ending) == 0;
}

static bool is_file(struct world *w, const char *directory, const char *name, bool executable)
{
    char path[RUNNER_PATH_MAX];
    struct world_stat stat;
    int n = snprintf(path, sizeof path, "%s/%s", directory, name);
    if (n < 0 || (size_t)n >= sizeof path || world_stat(w, path, &stat) < 0)
        return false;
    return stat.exists && !stat.directory && (!executable || stat.executable);
}

/* words + more, NULL-terminated. A first word without a slash that names a program in the folder means that one. */
static const char **join_words(struct world *w, const char *directory, const char *const *words,
                               const char *const *more, struct arena *arena)
{
    size_t count = 0, extra = 0;
    while (words[count])
        count++;
    while (more && more[extra])
        extra++;
    const char **out = ARENA_NEW_N(arena, const char *, count + extra + 1);
    for (size_t i = 0; out && i < count + extra; i++)
        if (!(out[i] = arena_string(arena, i < count ? words[i] : more[i - count])))
            return NULL;
    if (out && count && !strchr(out[0], '/') && directory && is_file(w, directory, out[0], true))
        out[0] = arena_printf(arena, "./%s", out[0]);
    return out && (!count || out[0]) ? out : NULL;
}

/* ---- .mu files ---- */

static int several(const struct tree *t, struct error *err)
{
    struct text names = TEXT_INIT;
    size_t count = 0;
    for (size_t i = 0; i < t->entries.count; i++) {
        const struct tree_entry *e = &t->entries.items[i];
        if (e->directory || !ends_with(e->name, ".mu"))
            continue;
        if (count++ < MU_TOLD_MAX)
            text_printf(&names, "%s%s", count > 1 ? ", " : "", e->name);
    }
    error_set(err, ERROR_INVALID, "the source has %zu .mu files (%s%s): name one as the entrypoint", count,
              text_string(&names), count > MU_TOLD_MAX ? ", ..." : "");
    text_deinit(&names);
    return ERROR_INVALID;
}

/* Hidden folders hold no services. */
static bool hidden(const char *name)
{
    return name[0] == '.' || strstr(name, "/.") != NULL;
}

/* The path of the .mu file that counts; NULL with 0: there is none. */
static int choose_mu(const struct tree *t, const char *entrypoint, const char **out, struct error *err)
{
    size_t count = 0;
    *out = NULL;
    for (size_t i = 0; i < t->entries.count; i++) {
        const struct tree_entry *e = &t->entries.items[i];
        if (e->directory || !ends_with(e->name, ".mu"))
            continue;
        if (ends_with(entrypoint, ".mu")) {
            if (strcmp(e->name, entrypoint) == 0) {
                *out = e->name;
                return 0;
            }
        } else if (!hidden(e->name)) {
            *out = e->name;
            count++;
        }
    }
    if (ends_with(entrypoint, ".mu"))
        return error_set(err, ERROR_NOT_FOUND, "the source has no entrypoint %.200s", entrypoint);
    if (count > 1 && !*entrypoint)
        return several(t, err);
    if (count > 1)
        *out = NULL;
    return 0;
}

static const char *const *shell(struct arena *arena, const char *command)
{
    const char **argv = ARENA_NEW_N(arena, const char *, 4);
    if (!argv)
        return NULL;
    argv[0] = "/bin/sh";
    argv[1] = "-c";
    argv[2] = command;
    return argv;
}

static int read_mu(struct world *w, const char *folder, const char *name, const struct runner_spec *spec,
                   struct arena *arena, struct runner_entry *out, struct error *err)
{
    char path[RUNNER_PATH_MAX];
    struct text content = TEXT_INIT;
    struct mu mu;
    int n = snprintf(path, sizeof path, "%s/%s", folder, name);
    int rc = n > 0 && (size_t)n < sizeof path ? world_read_file(w, path, MU_SIZE_MAX + 1, &content, err)
                                              : error_set(err, ERROR_LIMIT, "the path of %s is too long", name);
    if (rc == 0)
        rc = mu_parse(text_bytes(&content), name, arena, &mu, err);
    text_deinit(&content);
    if (rc < 0)
        return rc;
    const char *slash = strrchr(name, '/');
    if (slash)
        out->directory = arena_printf(arena, "%s/%.*s", folder, (int)(slash - name), name);
    size_t count = 0;
    while (mu.build && mu.build[count])
        count++;
    if (mu.build) {
        const char *const **build = ARENA_NEW_N(arena, const char *const *, count + 1);
        for (size_t i = 0; build && i < count; i++)
            if (!(build[i] = shell(arena, mu.build[i])))
                return no_memory(err);
        out->build = build;
        if (!build)
            return no_memory(err);
    }
    out->environment = ARENA_NEW_N(arena, struct runner_pair, mu.environment_count + 1);
    for (size_t i = 0; out->environment && i < mu.environment_count; i++)
        out->environment[i] = (struct runner_pair){mu.environment[i].name, mu.environment[i].value};
    out->environment_count = mu.environment_count;
    if (mu.command)
        out->argv = join_words(w, out->build ? NULL : out->directory, mu.command, spec->args, arena);
    if (!out->directory || !out->environment || (mu.command && !out->argv))
        return no_memory(err);
    return 0;
}

/* ---- builders ---- */

static int builder(struct world *w, const char *service, struct arena *arena, struct runner_entry *out,
                   struct error *err)
{
    static const char *const configure[] = {"cmake", "-S", ".", "-B", BUILD_FOLDER, "-DCMAKE_BUILD_TYPE=Release", NULL};
    static const char *const build[] = {"cmake", "--build", BUILD_FOLDER, NULL};
    static const char *const make[] = {"make", NULL};
    static const char *const *const with_cmake[] = {configure, build, NULL};
    static const char *const *const with_make[] = {make, NULL};
    bool cmake = is_file(w, out->directory, "CMakeLists.txt", false);
    if (!cmake && !is_file(w, out->directory, "Makefile", false) && !is_file(w, out->directory, "makefile", false))
        return error_set(err, ERROR_NOT_FOUND,
                         "nothing tells how to start it: give a command, or put a .mu file with one, an executable "
                         "called %s, a CMakeLists.txt or a Makefile into the source",
                         service);
    const char *const **commands = ARENA_NEW_N(arena, const char *const *, 3);
    if (!commands)
        return no_memory(err);
    for (size_t i = 0; (cmake ? with_cmake : with_make)[i]; i++)
        commands[i] = (cmake ? with_cmake : with_make)[i];
    out->build = commands;
    return 0;
}

int runner_entry_find(struct world *w, const char *folder, const char *service, const struct runner_spec *spec,
                      struct arena *arena, struct runner_entry *out, struct error *err)
{
    struct tree tree = {0};
    const char *mu = NULL;
    *out = (struct runner_entry){.directory = folder, .program = service};
    if (spec->command[0]) {
        out->argv = join_words(w, folder, spec->command, spec->args, arena);
        return out->argv ? 0 : no_memory(err);
    }
    int rc = tree_read(w, folder, &tree, err);
    if (rc == 0)
        rc = choose_mu(&tree, spec->entrypoint, &mu, err);
    if (rc == 0 && mu)
        rc = read_mu(w, folder, mu, spec, arena, out, err);
    tree_deinit(&tree);
    if (rc < 0 || out->argv)
        return rc;
    if (spec->entrypoint[0] && !ends_with(spec->entrypoint, ".mu")) {
        if (!unpack_name_safe(spec->entrypoint))
            return error_set(err, ERROR_INVALID, "the entrypoint is a path inside the source");
        out->program = spec->entrypoint;
    }
    /* What is there needs no building, unless the .mu file says how. */
    if (out->build || is_file(w, out->directory, out->program, true))
        return 0;
    return builder(w, service, arena, out, err);
}

int runner_entry_program(struct world *w, const struct runner_spec *spec, struct arena *arena, struct runner_entry *out,
                         struct error *err)
{
    struct tree tree = {0};
    const char *found = NULL;
    if (out->argv) { /* the build may have made what the command names */
        out->argv = join_words(w, out->directory, out->argv, NULL, arena);
        return out->argv ? 0 : no_memory(err);
    }
    int rc = 0;
    if (is_file(w, out->directory, out->program, true))
        found = out->program;
    else
        rc = tree_read(w, out->directory, &tree, err);
    for (size_t i = 0; rc == 0 && !found && i < tree.entries.count; i++) {
        const struct tree_entry *e = &tree.entries.items[i];
        if (!e->directory && e->executable && strcmp(tree_base_name(e->name), tree_base_name(out->program)) == 0)
            found = e->name;
    }
    if (rc == 0 && !found)
        rc = error_set(err, ERROR_NOT_FOUND, "the build made no executable called %s", tree_base_name(out->program));
    if (rc == 0) {
        const char *const words[] = {arena_printf(arena, "./%s", found), NULL};
        out->argv = words[0] ? join_words(w, NULL, words, spec->args, arena) : NULL;
        rc = out->argv ? 0 : no_memory(err);
    }
    tree_deinit(&tree);
    return rc;
}
