/* Which names are files of the folder. Nothing outside it is ever reached: no name holds "..", and no symbolic link is
 * followed, wherever on the way it stands. Whoever can write to the folder is trusted not to swap links in between the
 * look and the opening. */
#include "runtime/wrap/internal.h"

#include <string.h>

int wrap_file_name(const char *name)
{
    size_t parts = 0, total = strlen(name);
    if (total == 0 || name[0] == '/' || name[total - 1] == '/')
        return ERROR_INVALID;
    for (const char *p = name; *p; parts++) {
        size_t len = strcspn(p, "/");
        if (len == 0 || (len == 1 && p[0] == '.') || (len == 2 && p[0] == '.' && p[1] == '.'))
            return ERROR_INVALID;
        for (size_t i = 0; i < len; i++)
            if ((unsigned char)p[i] < ' ' || p[i] == 127 || p[i] == '\\')
                return ERROR_INVALID;
        p += len + (p[len] == '/');
    }
    return parts <= WRAP_PARTS_MAX && total <= WRAP_NAME_MAX ? 0 : ERROR_LIMIT;
}

int wrap_file_path(struct world *w, const char *folder, const char *name, struct arena *arena, const char **out,
                   struct world_stat *stat)
{
    int named = wrap_file_name(name);
    if (named)
        return named;
    char *path = arena_printf(arena, "%s/%s", folder, name);
    if (!path)
        return ERROR_MEMORY;
    size_t at = strlen(folder) + 1;
    for (;;) {
        at += strcspn(path + at, "/");
        bool last = path[at] == '\0';
        path[at] = '\0';
        int rc = world_stat(w, path, stat);
        if (rc)
            return rc == ERROR_DENIED ? ERROR_NOT_FOUND : rc;
        if (!stat->exists || stat->link || (!last && !stat->directory))
            return ERROR_NOT_FOUND;
        if (last)
            break;
        path[at++] = '/';
    }
    *out = path;
    return 0;
}
