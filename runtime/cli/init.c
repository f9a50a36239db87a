/* micro init. v3 writes a Go file that imports profiles, to be built into a micro of one's own. Here a profile is what
 * the components stand on, and is chosen at the start: what is written is the environment that starts it, for a shell
 * (set -a; . FILE) or a unit of systemd (EnvironmentFile=FILE). */
#include "runtime/cli/cli.h"

#include "base/words.h"
#include "runtime/component.h"
#include "world/world.h"

#include <stdio.h>
#include <string.h>

static struct {
    const char *package, *output;
    struct option_list profiles;
} flags;

const struct option init_options[] = {
    {.name = "profile",
     .kind = OPTION_LIST,
     .target = &flags.profiles,
     .argument = "PROFILE",
     .help = "server (or local), client or service; several with commas"},
    {.name = "output",
     .kind = OPTION_TEXT,
     .target = &flags.output,
     .argument = "FILE",
     .help = "where it goes; a file that is there is left alone",
     .fallback = "stdout"},
    {.name = "package",
     .kind = OPTION_TEXT,
     .target = &flags.package,
     .argument = "PACKAGE",
     .help = "refused: Go packages cannot be built into this micro"},
    {.name = NULL},
};

static void put(struct text *out, const char *name, const char *value, const char *help)
{
    struct text word = TEXT_INIT;
    words_add(&word, value ? value : "");
    text_printf(out, "# %s\n%s%s=%s\n", help, value ? "" : "#", name, value ? text_string(&word) : "");
    if (!text_ok(&word))
        out->failed = true;
    text_deinit(&word);
}

static void put_server(struct cli *c, struct text *out)
{
    text_puts(out, "# To run the whole of micro: micro server\n");
    put(out, "MICRO_PROFILE", "local", "what the components stand on: files in the data directory");
    put(out, "MICRO_DATA_DIR", c->data_dir, "where everything is kept");
    put(out, "MICRO_HOST", "127.0.0.1", "address every component listens on");
    put(out, "MICRO_BASE_PORT", "8000", "first port of the block; 0: any free block");
    put(out, "MICRO_LOG_LEVEL", "info", "debug, info, warn, error or off");
    put(out, "MICRO_ADMIN_SECRET", NULL, "secret of the first account; drawn at the first start when absent");
}

static void put_client(struct cli *c, struct text *out)
{
    text_puts(out, "# To talk to a micro: micro services\n");
    if (c->proxy)
        put(out, "MICRO_PROXY", c->proxy, "where everything is called");
    else
        put(out, "MICRO_DATA_DIR", c->data_dir, "the server of this data directory is called");
    put(out, "MICRO_NAMESPACE", c->namespace, "namespace of calls");
    put(out, "MICRO_TOKEN", NULL, "access token to call with, instead of a login");
}

static void put_service(struct cli *c, struct text *out)
{
    text_puts(out, "# To run a service beside a micro, without micro run\n");
    put(out, "MICRO_PROFILE", "service", "everything by calls to the components");
    put(out, "MICRO_NAMESPACE", c->namespace, "where it registers");
    put(out, "MICRO_HOST", "127.0.0.1", "where the components are");
    put(out, "MICRO_BASE_PORT", "8000", "the first of their ports");
    put(out, "MICRO_SERVICE_NAME", NULL, "its name, unless the program says");
    put(out, "MICRO_SERVICE_ADDRESS", "127.0.0.1:0", "where it listens; port 0: any free one");
    put(out, "MICRO_AUTH_ID", NULL, "its account: micro auth create account --type service --scopes service ID");
    put(out, "MICRO_AUTH_SECRET", NULL, "the account's secret");
    put(out, "MICRO_AUTH_PUBLIC_KEY", NULL, "keys/public.pem of the server's data directory, in base64");
}

static int put_profile(struct cli *c, const char *name, size_t len, struct text *out)
{
    static const struct {
        const char *name;
        void (*put)(struct cli *c, struct text *out);
    } table[] = {{"server", put_server}, {"local", put_server}, {"client", put_client}, {"service", put_service}};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (strlen(table[i].name) != len || memcmp(table[i].name, name, len) != 0)
            continue;
        if (out->len > 0)
            text_char(out, '\n');
        table[i].put(c, out);
        return CLI_OK;
    }
    return cli_fail(EXIT_USAGE, "there is no profile \"%.*s\"; there are: server (or local), client, service",
                    (int)(len < 60 ? len : 60), name);
}

static int write_out(struct cli *c, const struct text *out)
{
    struct world_file *file = NULL;
    struct error err = ERROR_INIT;
    if (strcmp(flags.output, "stdout") == 0 || strcmp(flags.output, "-") == 0) {
        fputs(text_string(out), stdout);
        return CLI_OK;
    }
    int rc = world_file_open(c->world, flags.output, WORLD_WRITE | WORLD_CREATE | WORLD_EXCLUSIVE | WORLD_PRIVATE,
                             &file, &err);
    if (rc == ERROR_EXISTS)
        rc = error_set(&err, rc, "the file %s already exists", flags.output);
    if (rc == 0) {
        rc = (int)world_file_pwrite(file, out->data, out->len, 0) < 0 || world_file_sync(file) < 0 ? ERROR_IO : 0;
        world_file_close(file);
        if (rc)
            rc = error_set(&err, rc, "cannot write %s", flags.output);
    }
    int code = rc < 0 ? cli_fail_error(CLI_TIMEOUT, &err) : CLI_OK;
    error_clear(&err);
    return code;
}

int command_init(const struct arguments *args)
{
    struct cli *c = cli_of(args);
    struct text out = TEXT_INIT;
    int code = CLI_OK;
    if (flags.package && flags.package[0])
        return cli_fail(EXIT_USAGE, "--package: Go packages cannot be built into this micro; --profile writes what "
                                    "starts one of its own profiles");
    for (size_t i = 0; code == CLI_OK && i < flags.profiles.count; i++) {
        for (const char *p = flags.profiles.items[i]; code == CLI_OK && *p;) {
            p += strspn(p, ", ");
            size_t len = strcspn(p, ", ");
            if (len > 0)
                code = put_profile(c, p, len, &out);
            p += len;
        }
    }
    if (code == CLI_OK && out.len == 0)
        code = cli_fail(EXIT_USAGE, "say which: --profile server (or local), client or service");
    if (code == CLI_OK)
        code = text_ok(&out) ? write_out(c, &out) : cli_no_memory();
    text_deinit(&out);
    return code;
}
