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
    if (cli_flags.config && strlen(cli_flags.config) >= CLI_PATH_MAX)
        return cli_fail(EXIT_USAGE, "-c: the path has more than %d bytes", CLI_PATH_MAX - 1);
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
static char quiet_words[512];

bool cli_quiet(bool quiet)
{
    bool was = is_quiet;
    is_quiet = quiet;
    if (quiet)
        quiet_words[0] = '\0';
    return was;
}

const char *cli_quiet_words(void)
{
    return quiet_words;
}

int cli_fail(int code, const char *format, ...)
{
    struct text words = TEXT_INIT;
    va_list args;
    va_start(args, format);
    if (is_quiet) {
        vsnprintf(quiet_words, sizeof quiet_words, format, args);
        va_end(args);
        return code;
    }
    text_vprintf(&words, format, args);
    va_end(args);
    bool own_words = format[0] != '%' || strcmp(format, "%s") == 0;
    if (words.len > 0 && own_words)
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

static int ask_registry(struct cli *c, const char *service, const char *domain, json_t **reply)
{
    int code = cli_call_json(c, "registry", "Registry.GetService",
                             json_pack("{ss s{ss}}", "service", service, "options", "domain", domain), reply);
    bool none = code == CLI_OK ? json_array_size(json_object_get(*reply, "services")) == 0
                               : code == CLI_FAILED && c->error_code == 404;
    if (!none)
        return code;
    json_decref(*reply);
    *reply = NULL;
    quiet_words[0] = '\0'; /* it is an answer, no failure */
    return CLI_NOT_FOUND;
}

int cli_find_service(struct cli *c, const char *service, json_t **reply)
{
    *reply = NULL;
    bool was = cli_quiet(true);
    int code = is_plain_name(service) ? ask_registry(c, service, c->namespace, reply) : CLI_NOT_FOUND;
    if (code == CLI_NOT_FOUND && !cli_quiet_words()[0] && is_plain_name(service) &&
        strcmp(c->namespace, MICRO_NAMESPACE) != 0)
        code = ask_registry(c, service, MICRO_NAMESPACE, reply);
    cli_quiet(was);
    if (code != CLI_OK && code != CLI_NOT_FOUND && code != CLI_UNAUTHORIZED)
        cli_fail(code, "%s cannot be looked up at the registry: %s", service, cli_quiet_words());
    return code;
}

int cli_not_found(int code, const char *service)
{
    const char *why = cli_quiet_words();
    if (code == CLI_UNAUTHORIZED)
        return cli_fail(code, "%s cannot be looked up: not logged in, or not allowed to; see: micro login", service);
    if (code == CLI_NOT_FOUND && why[0])
        return cli_fail(code, "%s cannot be looked up at the registry: %s", service, why);
    return code == CLI_NOT_FOUND ? cli_fail(code, "service not found: %s", service) : code;
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
    bool own = component_is_core(service);
    const char *door = own ? service : "proxy";
    snprintf(path, sizeof path, "%s/run/%s.address", c->data_dir, door);
    int rc = world_read_file(c->world, path, ADDRESS_FILE_MAX, out, NULL);
    if (rc == 0) {
        text_truncate(out, strcspn(text_string(out), "\r\n"));
        return CLI_OK;
    }
    text_clear(out);
    if (rc != ERROR_NOT_FOUND)
        return cli_fail(CLI_NOT_FOUND, "cannot read %s: %s", path, error_code_name(rc));
    json_t *status = cli_status(c); /* says it when no server runs at all */
    if (!status)
        return CLI_NOT_FOUND;
    json_decref(status);
    return own ? cli_fail(CLI_NOT_FOUND, "%s does not run right now; see: micro status --components", service)
               : cli_fail(
                     CLI_NOT_FOUND,
                     "%s is called through the proxy, which does not run right now; see: micro status --components",
                     service);
}
