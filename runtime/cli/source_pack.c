/* A folder into an archive; and the same walk for noticing changes. */
#include "base/hash.h"
#include "runtime/cli/ignore.h"
#include "runtime/cli/source.h"
#include "runtime/late_archive.h"

#include "world/world.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define IGNORE_FILE_MAX ((size_t)1 << 20)

static const char built_in[] = ".git\n.hg\n.svn\n/build/\n*.o\n*.a\n";

/* ---- walking ---- */

struct walk {
    struct cli *cli;
    char root[CLI_PATH_MAX]; /* without links in it */
    struct ignore ignore;
    struct arena arena;
    ARRAY(char *) pending; /* relative paths of folders still to be read; "" is the root */
    const char *reading;   /* the one being read */
    size_t files, bytes;
    int code;
    /* Each file, in an order that is the same every time. */
    int (*file)(void *arg, const char *path, const char *full, const struct stat *stat);
    void *arg;
};

static int depth_of(const char *path)
{
    int depth = 0;
    for (; *path; path++)
        depth += *path == '/';
    return depth;
}

/* A link's end, when it is inside the folder and a file. */
static bool follow(const struct walk *w, const char *full, struct stat *out)
{
    char *end = realpath(full, NULL);
    size_t len = strlen(w->root);
    bool inside =
        end && strncmp(end, w->root, len) == 0 && end[len] == '/' && lstat(end, out) == 0 && S_ISREG(out->st_mode);
    free(end);
    return inside;
}

static void on_entry(void *arg, const char *name)
{
    struct walk *w = arg;
    struct stat found;
    if (w->code != CLI_OK)
        return;
    char *path = arena_printf(&w->arena, "%s%s%s", w->reading, w->reading[0] ? "/" : "", name);
    char *full = path ? arena_printf(&w->arena, "%s/%s", w->root, path) : NULL;
    if (!full) {
        w->code = cli_no_memory();
        return;
    }
    if (lstat(full, &found) != 0) /* gone in this moment */
        return;
    bool folder = S_ISDIR(found.st_mode);
    if (ignore_match(&w->ignore, path, folder) || (S_ISLNK(found.st_mode) && !follow(w, full, &found)))
        return;
    if (folder && depth_of(path) + 1 >= SOURCE_DEPTH_MAX)
        w->code = cli_fail(CLI_MALFORMED, "%s: folders are more than %d deep", path, SOURCE_DEPTH_MAX);
    else if (folder)
        w->code = array_push(&w->pending, path) ? CLI_OK : cli_no_memory();
    else if (S_ISREG(found.st_mode)) {
        w->bytes += (size_t)found.st_size;
        if (++w->files > SOURCE_FILES_MAX)
            w->code = cli_fail(CLI_MALFORMED, "%s has more than %d files; name in .microignore what is not needed",
                               w->root, SOURCE_FILES_MAX);
        else if (w->bytes > SOURCE_BYTES_MAX)
            w->code = cli_fail(CLI_MALFORMED, "%s has more than %zu MB; name in .microignore what is not needed",
                               w->root, SOURCE_BYTES_MAX >> 20);
        else
            w->code = w->file(w->arg, path, full, &found);
    }
}

static int read_ignore(struct walk *w)
{
    static const char *const names[] = {".microignore", ".gitignore"};
    struct error err = ERROR_INIT;
    int rc = ignore_add(&w->ignore, bytes_of(built_in), "built in", &err);
    bool found = false;
    for (size_t i = 0; rc == 0 && !found && i < sizeof names / sizeof names[0]; i++) {
        char path[CLI_PATH_MAX + 16];
        struct text lines = TEXT_INIT;
        snprintf(path, sizeof path, "%s/%s", w->root, names[i]);
        rc = world_read_file(w->cli->world, path, IGNORE_FILE_MAX, &lines, &err);
        found = rc == 0;
        if (rc == 0)
            rc = ignore_add(&w->ignore, text_bytes(&lines), path, &err);
        else if (rc == ERROR_NOT_FOUND)
            rc = 0;
        text_deinit(&lines);
    }
    int code = rc ? cli_fail_error(CLI_MALFORMED, &err) : CLI_OK;
    error_clear(&err);
    return code;
}

static int walk(struct cli *c, const struct source *s,
                int (*file)(void *arg, const char *path, const char *full, const struct stat *stat), void *arg)
{
    struct walk w = {.cli = c, .file = file, .arg = arg};
    char *root = realpath(s->folder, NULL);
    if (!root || strlen(root) >= sizeof w.root)
        w.code = cli_fail(CLI_MALFORMED, "%s: there is no such folder, or its path is too long", s->folder);
    else
        snprintf(w.root, sizeof w.root, "%s", root);
    free(root);
    if (w.code == CLI_OK)
        w.code = read_ignore(&w);
    char *first = w.code == CLI_OK ? arena_string(&w.arena, "") : NULL;
    if (w.code == CLI_OK && (!first || !array_push(&w.pending, first)))
        w.code = cli_no_memory();
    while (w.code == CLI_OK && w.pending.count > 0) {
        char full[2 * CLI_PATH_MAX];
        w.reading = array_pop(&w.pending);
        snprintf(full, sizeof full, "%s/%s", w.root, w.reading);
        int rc = world_list(c->world, full, on_entry, &w);
        if (rc < 0 && rc != ERROR_NOT_FOUND && w.code == CLI_OK)
            w.code = cli_fail(CLI_MALFORMED, "cannot read %s: %s", full, error_code_name(rc));
    }
    if (w.code == CLI_OK && w.files == 0)
        w.code = cli_fail(CLI_MALFORMED, "%s has no files to run", s->folder);
    ignore_deinit(&w.ignore);
    array_deinit(&w.pending);
    arena_deinit(&w.arena);
    return w.code;
}

/* ---- packing ---- */

struct packing {
    struct cli *cli;
    struct archive *archive;
    struct text *out;
};

static la_ssize_t on_bytes(struct archive *a, void *arg, const void *data, size_t len)
{
    struct packing *p = arg;
    text_add(p->out, data, len);
    if (text_ok(p->out))
        return (la_ssize_t)len;
    archive_set_error(a, -1, "out of memory");
    return -1;
}

static int pack_file(void *arg, const char *path, const char *full, const struct stat *stat)
{
    struct packing *p = arg;
    struct text content = TEXT_INIT;
    struct error err = ERROR_INIT;
    int code = CLI_OK;
    if (world_read_file(p->cli->world, full, SOURCE_BYTES_MAX, &content, &err) < 0) {
        code = cli_fail_error(CLI_MALFORMED, &err);
        error_clear(&err);
        text_deinit(&content);
        return code;
    }
    struct archive_entry *entry = archive_entry_new();
    if (entry) {
        archive_entry_set_pathname(entry, path);
        archive_entry_set_filetype(entry, AE_IFREG);
        archive_entry_set_perm(entry, stat->st_mode & S_IXUSR ? 0755 : 0644);
        archive_entry_set_size(entry, (la_int64_t)content.len);
    }
    if (!entry || archive_write_header(p->archive, entry) != ARCHIVE_OK ||
        archive_write_data(p->archive, text_string(&content), content.len) != (la_ssize_t)content.len) {
        const char *why = archive_error_string(p->archive);
        code = cli_fail(CLI_MALFORMED, "cannot pack %s: %s", path, why ? why : "out of memory");
    }
    archive_entry_free(entry);
    text_deinit(&content);
    return code;
}

int source_pack(struct cli *c, const struct source *s, struct text *out)
{
    struct error err = ERROR_INIT;
    int code = late_open(&late_archive, &err) < 0 ? cli_fail_error(CLI_TIMEOUT, &err) : CLI_OK;
    error_clear(&err);
    if (code != CLI_OK)
        return code;
    struct packing p = {.cli = c, .archive = archive_write_new(), .out = out};
    if (!p.archive)
        return cli_no_memory();
    if (archive_write_add_filter_gzip(p.archive) != ARCHIVE_OK ||
        archive_write_set_filter_option(p.archive, "gzip", "timestamp", NULL) != ARCHIVE_OK ||
        archive_write_set_format_pax_restricted(p.archive) != ARCHIVE_OK ||
        archive_write_set_bytes_in_last_block(p.archive, 1) != ARCHIVE_OK ||
        archive_write_open(p.archive, &p, NULL, on_bytes, NULL) != ARCHIVE_OK)
        code = cli_fail(CLI_TIMEOUT, "cannot pack: %s", archive_error_string(p.archive));
    if (code == CLI_OK)
        code = walk(c, s, pack_file, &p);
    if (code == CLI_OK && archive_write_close(p.archive) != ARCHIVE_OK)
        code = cli_fail(CLI_TIMEOUT, "cannot pack: %s", archive_error_string(p.archive));
    archive_write_free(p.archive);
    return code;
}

/* ---- noticing changes ---- */

static void mix(uint64_t *h, const void *data, size_t len)
{
    *h = hash_add(*h, BYTES(data, len));
}

static int print_file(void *arg, const char *path, const char *full, const struct stat *stat)
{
    uint64_t *h = arg;
    (void)full;
    mix(h, path, strlen(path) + 1);
    mix(h, &stat->st_size, sizeof stat->st_size);
    mix(h, &stat->st_mode, sizeof stat->st_mode);
    mix(h, &stat->st_mtim.tv_sec, sizeof stat->st_mtim.tv_sec);
    mix(h, &stat->st_mtim.tv_nsec, sizeof stat->st_mtim.tv_nsec);
    return CLI_OK;
}

int source_print(struct cli *c, const struct source *s, uint64_t *out)
{
    *out = HASH_START;
    return walk(c, s, print_file, out);
}
