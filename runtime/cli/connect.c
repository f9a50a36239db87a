/* The world of a command, messages, and where the running server's parts are. */
#include "runtime/cli/cli.h"

#include "base/log.h"
#include "runtime/component.h"
#include "world/real.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ADDRESS_FILE_MAX ((size_t)512)
#define STATUS_FILE_MAX  ((size_t)4 << 20)

struct cli_flags cli_flags;

static char data_dir[CLI_PATH_MAX], home_dir[CLI_PATH_MAX];

static int64_t wall(void *arg)
{
    return world_wall(arg);
}

/* MICRO_HOME, else ~/.micro. */
static bool find_home(void)
{
    const char *given = getenv("MICRO_HOME"), *user = getenv("HOME");
    int n = given && given[0] ? snprintf(home_dir, sizeof home_dir, "%s", given)
            : user            ? snprintf(home_dir, sizeof home_dir, "%s/.micro", user)
                              : -1;
    return n > 0 && (size_t)n < sizeof home_dir;
}

int cli_open(struct cli *c)
{
    struct error err = ERROR_INIT;
    enum log_level level = LOG_INFO;
    *c = (struct cli){0};
    if (!find_home())
        return cli_fail(CLI_TIMEOUT, "neither MICRO_HOME nor HOME is set, or the path is too long");
    int n = cli_flags.data_dir ? snprintf(data_dir, sizeof data_dir, "%s", cli_flags.data_dir)
                               : snprintf(data_dir, sizeof data_dir, "%s/" CLI_DATA_DEFAULT, home_dir);
    if (n < 1 || (size_t)n >= sizeof data_dir)
        return cli_fail(CLI_TIMEOUT, "the data directory's path must have 1 to %d bytes", CLI_PATH_MAX - 1);
    if (cli_flags.log_level && log_parse_level(cli_flags.log_level, &level))
        log_set_level(level);
    c->data_dir = data_dir;
    c->home = home_dir;
    c->token = cli_flags.token && cli_flags.token[0] ? cli_flags.token : NULL;
    int rc = world_real_new(0, &c->world, &err);
    if (rc < 0) {
        (void)cli_fail_error(CLI_TIMEOUT, &err);
        error_clear(&err);
        return CLI_TIMEOUT;
    }
    log_set_clock(wall, c->world);
    return cli_environment(c);
}

void cli_close(struct cli *c)
{
    log_set_clock(NULL, NULL);
    cli_disconnect(c);
    if (c->world)
        world_real_free(c->world);
    c->world = NULL;
    arena_deinit(&c->arena);
}

static bool is_quiet;

bool cli_quiet(bool quiet)
{
    bool was = is_quiet;
    is_quiet = quiet;
    return was;
}

int cli_fail(int code, const char *format, ...)
{
    if (is_quiet)
        return code;
    struct text words = TEXT_INIT;
    va_list args;
    va_start(args, format);
    text_vprintf(&words, format, args);
    va_end(args);
    if (words.len > 0)
        words.data[0] = (char)toupper((unsigned char)words.data[0]);
    fprintf(stderr, "%s\n", text_string(&words));
    text_deinit(&words);
    return code;
}

int cli_no_memory(void)
{
    return cli_fail(CLI_TIMEOUT, "out of memory");
}

int cli_fail_error(int code, const struct error *err)
{
    struct text words = TEXT_INIT;
    error_format(err, &words);
    cli_fail(code, "%s", text_string(&words));
    text_deinit(&words);
    return code;
}

/* ---- where things are ---- */

json_t *cli_status(struct cli *c)
{
    char path[CLI_PATH_MAX + 32];
    struct text content = TEXT_INIT;
    struct world_stat alive = {0};
    json_error_t where;
    json_t *status = NULL;
    if (c->proxy) {
        cli_fail(CLI_NOT_FOUND, "the components of environment %s, at %s, cannot be seen from here", c->env, c->proxy);
        return NULL;
    }
    snprintf(path, sizeof path, "%s/run/status.json", c->data_dir);
    int rc = world_read_file(c->world, path, STATUS_FILE_MAX, &content, NULL);
    if (rc == ERROR_NOT_FOUND)
        cli_fail(CLI_NOT_FOUND, "no micro server runs on the data directory %s", c->data_dir);
    else if (rc < 0)
        cli_fail(CLI_NOT_FOUND, "cannot read %s: %s", path, error_code_name(rc));
    else if (!(status = json_loadb(content.data, content.len, 0, &where)))
        cli_fail(CLI_NOT_FOUND, "%s:%d:%d: %s", path, where.line, where.column, where.text);
    text_deinit(&content);
    if (!status)
        return NULL;
    /* A server that was killed leaves its file behind. */
    long long pid = json_integer_value(json_object_get(status, "pid"));
    snprintf(path, sizeof path, "/proc/%lld", pid);
    if (world_stat(c->world, "/proc/self", &alive) == 0 && alive.exists && world_stat(c->world, path, &alive) == 0 &&
        !alive.exists) {
        cli_fail(CLI_NOT_FOUND, "the micro server on %s (process %lld) is gone", c->data_dir, pid);
        json_decref(status);
        return NULL;
    }
    return status;
}

static bool is_plain_name(const char *name)
{
    for (const char *p = name; *p; p++) {
        if (!isalnum((unsigned char)*p) && *p != '-' && *p != '_' && (*p != '.' || p == name))
            return false;
    }
    return name[0] != '\0';
}

int cli_find_service(struct cli *c, const char *service, json_t **reply)
{
    *reply = NULL;
    bool was = cli_quiet(true);
    int code =
        is_plain_name(service)
            ? cli_call_json(c, "registry", "Registry.GetService",
                            json_pack("{ss s{ss}}", "service", service, "options", "domain", c->namespace), reply)
            : CLI_NOT_FOUND;
    if (code == CLI_NOT_FOUND && is_plain_name(service) && strcmp(c->namespace, MICRO_NAMESPACE) != 0)
        code = cli_call_json(c, "registry", "Registry.GetService", json_pack("{ss}", "service", service), reply);
    cli_quiet(was);
    if (code == CLI_OK && json_array_size(json_object_get(*reply, "services")) == 0)
        code = CLI_NOT_FOUND;
    if (code != CLI_OK && code != CLI_NOT_FOUND && code != CLI_UNAUTHORIZED)
        cli_fail(code, "%s cannot be looked up at the registry", service);
    return code;
}

int cli_not_found(int code, const char *service)
{
    if (code == CLI_UNAUTHORIZED)
        return cli_fail(code, "%s cannot be looked up: not logged in, or not allowed to; see: micro login", service);
    return code == CLI_NOT_FOUND ? cli_fail(code, "service not found: %s", service) : code;
}

/* The first node of any version. */
static int ask_registry(struct cli *c, const char *service, struct text *out)
{
    json_t *reply = NULL;
    int code = cli_find_service(c, service, &reply);
    size_t i;
    const json_t *version;
    json_array_foreach(json_object_get(reply, "services"), i, version)
    {
        const json_t *node = json_array_get(json_object_get(version, "nodes"), 0);
        const char *address = json_string_value(json_object_get(node, "address"));
        if (address && out->len == 0)
            text_puts(out, address);
    }
    json_decref(reply);
    if (code == CLI_OK && out->len == 0)
        code = CLI_NOT_FOUND;
    return code == CLI_OK ? code : cli_not_found(code, service);
}

int cli_address(struct cli *c, const char *service, struct text *out)
{
    char path[CLI_PATH_MAX + 320];
    text_clear(out);
    if (!is_plain_name(service) || strlen(service) > 256)
        return cli_fail(CLI_MALFORMED, "\"%.80s\" is not the name of a service", service);
    if (c->proxy) {
        text_puts(out, c->proxy);
        return CLI_OK;
    }
    snprintf(path, sizeof path, "%s/run/%s.address", c->data_dir, service);
    int rc = world_read_file(c->world, path, ADDRESS_FILE_MAX, out, NULL);
    if (rc == 0) {
        text_truncate(out, strcspn(text_string(out), "\r\n"));
        return CLI_OK;
    }
    text_clear(out);
    if (rc != ERROR_NOT_FOUND)
        return cli_fail(CLI_NOT_FOUND, "cannot read %s: %s", path, error_code_name(rc));
    if (!component_is_core(service))
        return ask_registry(c, service, out);
    json_t *status = cli_status(c); /* says it when no server runs at all */
    if (!status)
        return CLI_NOT_FOUND;
    json_decref(status);
    return cli_fail(CLI_NOT_FOUND, "%s does not run right now; see: micro status", service);
}
