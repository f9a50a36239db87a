/* The command line as it is written; what it does to a running server is shown in server/server_test.c. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/options_tree.h"
#include "runtime/cli/cli.h"
#include "runtime/component.h"

#include <stdio.h>
#include <string.h>

#define WORDS_MAX 16

static const struct command *parse(const char *const *words, int *rc, struct arguments *args, struct error *err)
{
    char storage[WORDS_MAX][64];
    char *argv[WORDS_MAX + 1] = {NULL};
    const struct command *found = NULL;
    bool help = false;
    int argc = 0;
    for (; words[argc]; argc++) {
        assert_true(argc < WORDS_MAX && strlen(words[argc]) < sizeof storage[0]);
        snprintf(storage[argc], sizeof storage[argc], "%s", words[argc]);
        argv[argc] = storage[argc];
    }
    *rc = command_parse(&cli_root, argc, argv, &found, args, &help, err);
    return found;
}

static void test_commands(void **state)
{
    static const struct {
        const char *words[WORDS_MAX];
        const char *command; /* NULL: refused */
    } rows[] = {
        {{"micro", "server"}, "server"},
        {{"micro", "server", "--base-port", "0", "--data-dir", "/tmp/x"}, "server"},
        {{"micro", "server", "--base-port", "70000"}, NULL},
        {{"micro", "server", "--profile", "cloud"}, NULL},
        {{"micro", "services"}, "services"},
        {{"micro", "call", "helloworld", "Helloworld.Call"}, "call"},
        {{"micro", "call", "a", "B.C", "{}", "--output", "raw", "-m", "k=v", "--request_timeout", "5s"}, "call"},
        {{"micro", "call", "helloworld"}, NULL},
        {{"micro", "call", "a", "B.C", "{}", "more"}, NULL},
        {{"micro", "call", "a", "B.C", "--output", "xml"}, NULL},
        {{"micro", "store", "read", "key", "--prefix", "-l", "5"}, "read"},
        {{"micro", "store", "write", "key"}, NULL},
        {{"micro", "store", "write", "key", "value", "--expiry", "1h"}, "write"},
        {{"micro", "store", "write", "key", "value", "--expiry", "soon"}, NULL},
        {{"micro", "store"}, NULL},
        {{"micro", "config", "set", "a.b", "1", "-s"}, "set"},
        {{"micro", "config", "del"}, NULL},
        {{"micro", "login", "admin", "--password", "x"}, "login"},
        {{"micro", "--data-dir", "/tmp/x", "status"}, "status"},
        {{"micro", "health", "store"}, "health"},
        {{"micro", "env", "add", "prod", "https://host:1", "--ca", "a", "--cert", "b", "--key", "c"}, "add"},
        {{"micro", "env", "add", "prod"}, NULL},
        {{"micro", "update", ".", "--instances", "3", "-m", "a=b", "--watch", "--watch_delay", "2s"}, "update"},
        {{"micro", "update", ".", "--env_vars", "A=B"}, NULL}, /* what cannot be kept is not dropped */
        {{"micro", "status", "--name", "x", "--version", "1"}, "status"},
        {{"micro", "debug", "stats", "--all", "builtin"}, "stats"},
        {{"micro", "debug", "stats", "--all", "some"}, NULL},
        {{"micro", "store", "sync", "--to", "x", "--all"}, "sync"},
        {{"micro", "store", "restore", "--all"}, "restore"},
        {{"micro", "service", "--name", "x", "--endpoint", "http://h:1", "-m", "a=b", "-m", "c=d"}, "service"},
        {{"micro", "service", "--name", "x", "--endpoint", "http://h:1", "--", "python3", "-v"}, "service"},
        {{"micro", "service", "--name", "x", "--timeout", "soon"}, NULL},
        {{"micro", "web", "--api_address", "http://h:1", "--web_address", "h:2", "--login_url", "/x"}, "web"},
        {{"micro", "web", "more"}, NULL},
        {{"micro", "init", "--profile", "server,client", "--output", "x", "--package", "p"}, "init"},
        {{"micro", "cli"}, "cli"},
        {{"micro", "cli", "more"}, NULL},
        {{"micro", "server", "--address", "h:8081", "--image", "i"}, "server"},
        {{"micro", "-c", "file", "env"}, NULL},
        {{"micro", "-c", "file", "env", "list"}, "list"},
        {{"micro", "--c", "file", "env", "list"}, "list"},
        {{"micro", "run", "--source", "x", "--watch_delay", "500"}, "run"},
        {{"micro", "kill", "--name", "x"}, "kill"},
        {{"micro", "statsu"}, NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct arguments args = {0};
        struct error err = ERROR_INIT;
        int rc;
        const struct command *found = parse(rows[i].words, &rc, &args, &err);
        if (!rows[i].command) {
            if (rc == 0)
                fail_msg("row %zu is not refused", i);
            assert_true(err.message && err.message[0]);
        } else if (rc < 0 || !found || strcmp(found->name, rows[i].command) != 0) {
            fail_msg("row %zu: %s", i, err.message ? err.message : found ? found->name : "nothing found");
        }
        error_clear(&err);
        command_cleanup();
    }
}

/* A mistyped command is answered with the right one. */
static void test_nearest(void **state)
{
    static const char *const words[] = {"micro", "statsu", NULL};
    struct arguments args = {0};
    struct error err = ERROR_INIT;
    int rc;
    (void)state;
    (void)parse(words, &rc, &args, &err);
    assert_true(rc < 0);
    assert_non_null(strstr(err.message, "status"));
    error_clear(&err);
    command_cleanup();
}

/* Every command has its help, with its options and a summary. */
static void help_of(const struct command *c, int depth)
{
    struct text help = TEXT_INIT;
    assert_true(depth < 4);
    command_help(&cli_root, c, &help);
    assert_true(text_ok(&help));
    assert_non_null(strstr(text_string(&help), c->name));
    for (const struct option *o = c->options; o && o->name; o++) {
        assert_non_null(o->help);
        if (!strstr(text_string(&help), o->name))
            fail_msg("the help of %s says nothing of --%s", c->name, o->name);
    }
    text_deinit(&help);
    for (const struct command *child = c->children; child && child->name; child++) {
        assert_non_null(child->summary);
        assert_true(child->run || child->children);
        help_of(child, depth + 1);
    }
}

/* Micro v3's commands with every option they have there, and its letter. */
static void test_v3_options(void **state)
{
    static const struct {
        const char *command, *options; /* "name/letter" */
    } rows[] = {
        {"", "c/c env/e namespace proxy_address"},
        {"server", "address image profile"},
        {"service", "name address endpoint metadata"},
        {"services", ""},
        {"get service", ""},
        {"call", "address output/o metadata request_timeout"},
        {"stream", "output/o metadata"},
        {"run", "name source image command args type env_vars instances/i metadata watch watch_delay force"},
        {"update", "name source instances/i metadata watch watch_delay"},
        {"kill", "name"},
        {"status", "name type version"},
        {"logs", "version output/o follow/f since lines/n"},
        {"new", ""},
        {"gen", ""},
        {"init", "package profile output"},
        {"shutdown", ""},
        {"web", "api_address web_address login_url namespace"},
        {"cli", ""},
        {"auth list rules", ""},
        {"auth list accounts", ""},
        {"auth create rule", "scope resource access priority"},
        {"auth create account", "secret scopes type namespace"},
        {"auth create token", "id secret expiry namespace"},
        {"auth delete rule", ""},
        {"auth delete account", ""},
        {"auth update secret", "id namespace old_secret new_secret"},
        {"login", "username email password"},
        {"logout", ""},
        {"user token", ""},
        {"user namespace set", ""},
        {"user config set", ""},
        {"user config get", ""},
        {"user config delete", ""},
        {"user set password", "email old-password new-password"},
        {"config get", "secret/s all"},
        {"config set", "secret/s"},
        {"config del", ""},
        {"store read", "database/d table/t prefix/p suffix/s limit/l offset/o order verbose/v output"},
        {"store list", "database/d table/t prefix/p limit/l offset/o order output"},
        {"store write", "expiry/e database/d table/t"},
        {"store delete", "database table"},
        {"store databases", ""},
        {"store tables", "database/d"},
        {"store snapshot", "destination"},
        {"store sync", ""},
        {"store restore", "source"},
        {"network connect", ""},
        {"network connections", ""},
        {"network graph", ""},
        {"network nodes", ""},
        {"network routes", "service address gateway router network"},
        {"network services", ""},
        {"debug health", ""},
        {"debug stats", "all"},
        {"env get", ""},
        {"env set", ""},
        {"env add", ""},
        {"env del", ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct command *path[4] = {&cli_root};
        size_t depth = 1;
        char words[200], *rest = NULL;
        snprintf(words, sizeof words, "%s", rows[i].command);
        for (char *w = strtok_r(words, " ", &rest); w; w = strtok_r(NULL, " ", &rest)) {
            path[depth] = command_child(path[depth - 1], w);
            if (!path[depth++])
                fail_msg("there is no micro %s", rows[i].command);
        }
        assert_true(depth == 1 || path[depth - 1]->run);
        snprintf(words, sizeof words, "%s", rows[i].options);
        for (char *w = strtok_r(words, " ", &rest); w; w = strtok_r(NULL, " ", &rest)) {
            char *slash = strchr(w, '/');
            const struct option *found = NULL, *by_letter = NULL;
            if (slash)
                *slash = '\0';
            for (size_t k = depth; k-- > 0;)
                for (const struct option *o = path[k]->options; o && o->name; o++) {
                    found = !found && strcmp(o->name, w) == 0 ? o : found;
                    by_letter = !by_letter && slash && o->letter == slash[1] ? o : by_letter;
                }
            if (!found || (slash && by_letter != found))
                fail_msg("micro %s lacks --%s%s%s", rows[i].command, w, slash ? " or -" : "", slash ? slash + 1 : "");
        }
    }
}

static void test_help(void **state)
{
    (void)state;
    help_of(&cli_root, 0);
}

/* Which addresses there are, and which of them are called with TLS. */
static void test_addresses(void **state)
{
    static const struct {
        const char *address;
        int tls; /* -1: it is refused */
    } rows[] = {
        {"host:8081", 0},
        {"host", 1},
        {"host:443", 1},
        {"[::1]", 1},
        {"[::1]:8081", 0},
        {"https://host:8084", 1},
        {"https://host:8084/", 1},
        {"https://host", 1},
        {"https://[::1]:8084", 1},
        {"http://host:443", 0},
        {"http://[::1]:80", 0},
        {"unix:/run/micro.sock", 0},
        {"", -1},
        {"https://", -1},
        {"https:///", -1},
        {"http://host", -1},
        {"http://[::1]", -1},
        {"ftp://host:21", -1},
        {"host:", -1},
        {"https://host:/", -1},
        {":8081", -1},
        {"host:80/path", -1},
        {"https://host/path", -1},
        {"two words:1", -1},
        {"host:1\n", -1},
    };
    char longest[300];
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct error err = ERROR_INIT;
        bool tls = false;
        int rc = cli_channel_check(rows[i].address, &tls, &err);
        if ((rows[i].tls < 0) != (rc == ERROR_INVALID) || (rc == 0 && tls != (rows[i].tls == 1)))
            fail_msg("\"%s\": %d, TLS %d", rows[i].address, rc, tls);
        error_clear(&err);
    }
    struct error err = ERROR_INIT;
    bool tls;
    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    assert_int_equal(cli_channel_check(longest, &tls, &err), ERROR_INVALID);
    error_clear(&err);
}

/* micro service NAME --help, of each of them: with every option it alone has. */
static void test_component_help(void **state)
{
    struct text help = TEXT_INIT;
    (void)state;
    component_use_all();
    for (const struct component *c = components; c->name; c++) {
        text_clear(&help);
        assert_true(cli_component_help(c->name, &help) && text_ok(&help));
        assert_non_null(strstr(text_string(&help), c->name));
        for (const char *const *o = c->options; o && *o; o++)
            if (!strstr(text_string(&help), *o))
                fail_msg("the help of %s says nothing of --%s", c->name, *o);
    }
    text_clear(&help); /* one that is only started by name */
    assert_true(cli_component_help("web", &help));
    assert_non_null(strstr(text_string(&help), "--api-address"));
    text_clear(&help);
    assert_false(cli_component_help("nope", &help));
    assert_non_null(strstr(text_string(&help), "registry, store"));
    assert_non_null(strstr(text_string(&help), ", web"));
    text_deinit(&help);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_commands),   cmocka_unit_test(test_nearest),   cmocka_unit_test(test_help),
        cmocka_unit_test(test_v3_options), cmocka_unit_test(test_addresses), cmocka_unit_test(test_component_help),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
