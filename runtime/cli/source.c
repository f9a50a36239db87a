/* Where a source is: a local folder, or a repository to check out. */
#include "runtime/cli/source.h"

#include "base/base64.h"
#include "world/world.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SCHEME_CHARACTERS "abcdefghijklmnopqrstuvwxyz0123456789+-"

static bool copy(char *out, size_t size, const char *text, size_t len)
{
    if (len >= size)
        return false;
    memcpy(out, text, len);
    out[len] = '\0';
    return true;
}

/* No part of a path inside a repository may lead out of it. */
static bool stays_inside(const char *path)
{
    for (const char *p = path; *p;) {
        size_t len = strcspn(p, "/");
        if ((len == 1 && p[0] == '.') || (len == 2 && p[0] == '.' && p[1] == '.'))
            return false;
        p += len + (p[len] == '/');
    }
    return path[0] != '/' && path[0] != '-';
}

/* "host/user/repo": where the third part ends; NULL when there are fewer. */
static const char *third_part(const char *path)
{
    for (int parts = 1;; parts++) {
        size_t len = strcspn(path, "/");
        if (len == 0)
            return NULL;
        path += len;
        if (parts == 3)
            return path;
        if (*path++ != '/')
            return NULL;
    }
}

bool source_parse(const char *text, struct source_repository *out)
{
    const char *scheme = strstr(text, "://"), *at = strrchr(text, '@'), *end;
    size_t len = strlen(text);
    *out = (struct source_repository){.url = ""};
    /* Some of git's own words ("ext::sh -c ...") run programs: a scheme is a plain word. */
    if (scheme && (!islower((unsigned char)text[0]) || strspn(text, SCHEME_CHARACTERS) != (size_t)(scheme - text)))
        return false;
    if (at && at > text && !strchr(at, '/') && !strchr(at, ':')) {
        if (!at[1] || at[1] == '-' || !copy(out->branch, sizeof out->branch, at + 1, strlen(at + 1)))
            return false;
        len = (size_t)(at - text);
    }
    char *plain = strndup(text, len);
    if (!plain)
        return false;
    while (len > 0 && plain[len - 1] == '/')
        plain[--len] = '\0';
    const char *path = scheme ? plain + (scheme - text) + 3 : plain;
    const char *git = strstr(path, ".git");
    if (git && (git[4] == '/' || !git[4])) {
        end = git + 4;
    } else {
        end = third_part(path);
    }
    size_t host = strcspn(path, "/");
    bool ok = end && (scheme || (memchr(path, '.', host) && path[0] != '.' && path[0] != '-'));
    if (ok) {
        int n = snprintf(out->url, sizeof out->url, "%s%.*s", scheme ? "" : "https://", (int)(end - plain), plain);
        const char *folder = *end == '/' ? end + 1 : end, *last = end;
        while (last > path && last[-1] != '/')
            last--;
        size_t name = (size_t)(end - last);
        if (name > 4 && memcmp(end - 4, ".git", 4) == 0)
            name -= 4;
        ok = n > 0 && (size_t)n < sizeof out->url && stays_inside(folder) &&
             copy(out->folder, sizeof out->folder, folder, strlen(folder)) &&
             copy(out->name, sizeof out->name, last, name) && out->name[0];
    }
    if (ok && out->folder[0]) {
        const char *slash = strrchr(out->folder, '/'), *last = slash ? slash + 1 : out->folder;
        ok = copy(out->name, sizeof out->name, last, strlen(last));
    }
    free(plain);
    return ok;
}

static bool is_folder(struct cli *c, const char *path)
{
    struct world_stat stat;
    return world_stat(c->world, path, &stat) == 0 && stat.exists && stat.directory;
}

bool source_is(struct cli *c, const char *text)
{
    struct source_repository r;
    return is_folder(c, text) || source_parse(text, &r);
}

static bool name_fits(const char *name)
{
    for (const char *p = name; *p; p++)
        if (!isalnum((unsigned char)*p) && *p != '-' && *p != '_' && *p != '.')
            return false;
    return isalnum((unsigned char)name[0]);
}

/* The last part of a local path, which need not be there. */
static int local_name(const char *text, char name[SOURCE_NAME_MAX])
{
    char *whole = realpath(text, NULL), *path = whole ? whole : strdup(text);
    if (!path)
        return cli_no_memory();
    size_t len = strlen(path);
    while (len > 1 && path[len - 1] == '/')
        path[--len] = '\0';
    const char *slash = strrchr(path, '/'), *last = slash ? slash + 1 : path;
    bool ok = copy(name, SOURCE_NAME_MAX, last, strlen(last)) && name_fits(name);
    if (!ok)
        cli_fail(CLI_MALFORMED, "\"%.80s\" is not a service's name (letters, digits, \"-\", \"_\", \".\"): use --name",
                 last);
    free(path);
    return ok ? CLI_OK : CLI_MALFORMED;
}

int source_name(const char *text, char name[SOURCE_NAME_MAX], char version[SOURCE_NAME_MAX])
{
    struct source_repository r;
    char *whole = realpath(text, NULL);
    bool local = whole != NULL;
    free(whole);
    snprintf(version, SOURCE_NAME_MAX, "latest");
    if (!local && source_parse(text, &r)) {
        snprintf(name, SOURCE_NAME_MAX, "%s", r.name);
        if (r.branch[0])
            snprintf(version, SOURCE_NAME_MAX, "%s", r.branch);
        return name_fits(name) ? CLI_OK
                               : cli_fail(CLI_MALFORMED, "\"%.80s\" is not a service's name: use --name", name);
    }
    /* NAME@VERSION */
    const char *at = local ? NULL : strrchr(text, '@');
    if (at && at > text && at[1] && !strchr(at, '/')) {
        char plain[SOURCE_NAME_MAX];
        if (!copy(plain, sizeof plain, text, (size_t)(at - text)) ||
            !copy(version, SOURCE_NAME_MAX, at + 1, strlen(at + 1)))
            return cli_fail(CLI_MALFORMED, "a name has at most %d bytes", SOURCE_NAME_MAX - 1);
        return local_name(plain, name);
    }
    return local_name(text, name);
}

/* ---- checking out ---- */

static int run_git(struct cli *c, const struct source_repository *r, const char *to)
{
    struct world_exit status;
    struct text header = TEXT_INIT;
    json_t *config = cli_config_load(c);
    const char *credentials = cli_text(json_object_get(config, "git"), "credentials");
    const char *argv[12] = {"git", "clone", "--quiet", "--depth", "1", "--single-branch"};
    size_t n = 6;
    if (r->branch[0]) {
        argv[n++] = "--branch";
        argv[n++] = r->branch;
    }
    argv[n++] = "--";
    argv[n++] = r->url;
    argv[n++] = to;
    /* By environment, which no process list shows to others. */
    if (credentials[0]) {
        text_puts(&header, "GIT_CONFIG_VALUE_0=Authorization: Basic ");
        struct text pair = TEXT_INIT;
        text_printf(&pair, "%s%s", strchr(credentials, ':') ? "" : "oauth2:", credentials);
        base64_encode(&header, text_bytes(&pair));
        text_deinit(&pair);
    }
    const char *const environment[] = {"GIT_TERMINAL_PROMPT=0", credentials[0] ? "GIT_CONFIG_COUNT=1" : NULL,
                                       "GIT_CONFIG_KEY_0=http.extraHeader", text_string(&header), NULL};
    const struct cli_process what = {.argv = argv, .environment = environment, .silent = true};
    int code = config ? cli_run_process(c, &what, &status) : CLI_TIMEOUT;
    if (code == CLI_OK && (status.signalled || status.code != 0))
        code = cli_fail(CLI_FAILED, "git cannot check out %s%s%s", r->url, r->branch[0] ? " at " : "", r->branch);
    text_deinit(&header);
    json_decref(config);
    return code;
}

static int open_repository(struct cli *c, const struct source_repository *r, struct source *out)
{
    uint64_t number;
    if (world_entropy(c->world, &number, sizeof number) < 0)
        return cli_fail(CLI_TIMEOUT, "the system gives no random numbers");
    int n = snprintf(out->checkout, sizeof out->checkout, "%s/checkout/%016llx", c->home, (unsigned long long)number);
    if (n < 0 || (size_t)n >= sizeof out->checkout || world_make_directory(c->world, out->checkout) < 0) {
        out->checkout[0] = '\0';
        return cli_fail(CLI_TIMEOUT, "cannot make a folder in %s", c->home);
    }
    int code = run_git(c, r, out->checkout);
    n = snprintf(out->folder, sizeof out->folder, "%s%s%s", out->checkout, r->folder[0] ? "/" : "", r->folder);
    if (code == CLI_OK && (n < 0 || (size_t)n >= sizeof out->folder || !is_folder(c, out->folder)))
        code = cli_fail(CLI_FAILED, "the repository %s has no folder %s", r->url, r->folder);
    return code;
}

int source_open(struct cli *c, const char *text, struct source *out)
{
    struct source_repository r;
    *out = (struct source){.version = "latest"};
    if (is_folder(c, text)) {
        if (!copy(out->folder, sizeof out->folder, text, strlen(text)))
            return cli_fail(CLI_MALFORMED, "the folder's path is too long");
        bool was = cli_quiet(true);
        if (local_name(text, out->name) != CLI_OK)
            out->name[0] = '\0'; /* the caller may have a name for it */
        cli_quiet(was);
        return CLI_OK;
    }
    if (!source_parse(text, &r))
        return cli_fail(CLI_MALFORMED, "%.200s is neither a folder nor a repository (github.com/USER/REPO)", text);
    snprintf(out->name, sizeof out->name, "%s", r.name);
    if (r.branch[0])
        snprintf(out->version, sizeof out->version, "%s", r.branch);
    int code = open_repository(c, &r, out);
    if (code != CLI_OK)
        source_close(c, out);
    return code;
}

void source_close(struct cli *c, struct source *s)
{
    if (s->checkout[0])
        (void)world_remove_tree(c->world, s->checkout);
    s->checkout[0] = '\0';
}
