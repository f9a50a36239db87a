/* The names of a folder's files, all that begin with a prefix. What a name cannot reach for what is in it (a control
 * character, a symbolic link on the way) is no file here and left out, as in Read. What it cannot reach for a limit, or
 * does not fit into one answer, ends the list with an error: a list that is given is whole. */
#include "proto/store/store.pb-c.h"
#include "runtime/wrap/internal.h"

#include <string.h>

struct listing {
    const struct wrap *wrap;
    struct arena *arena;
    struct text path;   /* of what we are at */
    size_t top;         /* where in it the name begins */
    const char *prefix; /* what names must begin with */
    char **keys;
    size_t count, looked;
    int failed;
    struct text why;
};

/* The depth is bounded by the parts of a name. */
static void list_folder(struct listing *l);

static void look_at(struct listing *l)
{
    const char *name = text_string(&l->path) + l->top;
    size_t len = strlen(name), prefix = strlen(l->prefix);
    struct world_stat stat;
    if (strncmp(name, l->prefix, len < prefix ? len : prefix) != 0)
        return;
    int named = wrap_file_name(name);
    if (named == ERROR_INVALID || world_stat(l->wrap->world, text_string(&l->path), &stat) != 0 || !stat.exists ||
        stat.link)
        return;
    if (named) {
        text_printf(&l->why, "\"%.80s...\" cannot be named: a file's name has at most %d bytes and %d parts", name,
                    WRAP_NAME_MAX, WRAP_PARTS_MAX);
        l->failed = ERROR_LIMIT;
    } else if (stat.directory) {
        list_folder(l);
    } else if (len >= prefix && l->count == l->wrap->listed_max) {
        text_printf(&l->why, "there are more than %zu files", l->wrap->listed_max);
        l->failed = ERROR_LIMIT;
    } else if (len >= prefix) {
        l->keys[l->count] = arena_string(l->arena, name);
        if (!l->keys[l->count++])
            l->failed = ERROR_MEMORY;
    }
}

static void list_entry(void *arg, const char *entry)
{
    struct listing *l = arg;
    size_t before = l->path.len;
    if (l->failed || strcmp(entry, ".") == 0 || strcmp(entry, "..") == 0)
        return;
    if (l->looked++ == l->wrap->looked_max) {
        text_printf(&l->why, "the folders have more than %zu entries", l->wrap->looked_max);
        l->failed = ERROR_LIMIT;
        return;
    }
    text_char(&l->path, '/');
    text_puts(&l->path, entry);
    if (text_ok(&l->path))
        look_at(l);
    else
        l->failed = ERROR_MEMORY;
    text_truncate(&l->path, before);
}

static void list_folder(struct listing *l)
{
    int rc = world_list(l->wrap->world, text_string(&l->path), list_entry, l);
    if (rc && !l->failed && rc != ERROR_NOT_FOUND && rc != ERROR_DENIED)
        l->failed = rc;
}

/* To the folder the prefix leads into, so that no other is read. False: nothing has that prefix. */
static bool enter(struct listing *l)
{
    const char *folder = l->wrap->endpoint.path, *slash = strrchr(l->prefix, '/'), *path;
    struct world_stat stat = {0};
    text_puts(&l->path, folder);
    l->top = l->path.len + 1;
    if (!slash)
        return true;
    const char *below = arena_string_n(l->arena, l->prefix, (size_t)(slash - l->prefix));
    int rc = below ? wrap_file_path(l->wrap->world, folder, below, l->arena, &path, &stat) : ERROR_MEMORY;
    if (rc == 0 && stat.directory) {
        text_char(&l->path, '/');
        text_puts(&l->path, below);
        return true;
    }
    if (rc && rc != ERROR_NOT_FOUND && rc != ERROR_INVALID && rc != ERROR_LIMIT)
        l->failed = rc;
    return false;
}

void wrap_list(struct rpc_call *call, const ProtobufCMessage *message, void *wrap)
{
    const struct wrap *s = wrap;
    const Store__BlobListRequest *request = (const Store__BlobListRequest *)(const void *)message;
    struct listing l = {.wrap = s, .arena = rpc_call_arena(call)};
    Store__BlobListResponse reply = STORE__BLOB_LIST_RESPONSE__INIT;
    l.prefix = request->options ? request->options->prefix : "";
    l.keys = ARENA_NEW_N(l.arena, char *, s->listed_max);
    bool within = enter(&l);
    if (!l.keys || !text_ok(&l.path))
        l.failed = ERROR_MEMORY;
    if (within && !l.failed)
        list_folder(&l);
    if (l.failed == ERROR_LIMIT) {
        micro_fail(call, 507, s->options->name, "%s; ask for fewer by a prefix", text_string(&l.why));
    } else if (l.failed) {
        micro_fail(call, l.failed == ERROR_MEMORY ? 507 : 500, s->options->name, "the folder cannot be listed: %s",
                   error_code_name(l.failed));
    } else {
        reply.keys = l.keys;
        reply.n_keys = l.count;
        rpc_call_reply(call, &reply.base);
    }
    text_deinit(&l.path);
    text_deinit(&l.why);
}
