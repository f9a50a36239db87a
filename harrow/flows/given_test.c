/* Variables and options of other tools, as the command line gives them. */
#include "base/failing_walk.h"
#include "base/test.h"
#include "harrow/flows/given.h"
#include "world/real.h"

#include <stdlib.h>
#include <string.h>

static struct world *files;
static char folder[64];
static char lines_path[128], postman_path[128], map_path[128], wrong_path[128];

static void put(char *path, const char *name, const char *content)
{
    snprintf(path, 128, "%s/%s", folder, name);
    assert_int_equal(world_write_file(files, path, bytes_of(content), false, NULL), 0);
}

static int setup(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/harrow-given-XXXXXX");
    if (world_real_new(1, &files, NULL) != 0 || mkdtemp(folder) == NULL)
        return -1;
    put(lines_path, "a.env", "# variables\n\n name=Ann B \nage=30\r\n");
    put(postman_path, "b.json",
        "{\"name\": \"env\", \"values\": [{\"key\": \"base-url\", \"value\": \"http://a\"},\n"
        "{\"key\": \"off\", \"value\": \"x\", \"enabled\": false}]}");
    put(map_path, "c.json", "{\"n\": 1, \"t\": true, \"r\": 0.5, \"z\": null}");
    put(wrong_path, "d.env", "a=1\n9=2\n");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    int code = world_remove_tree(files, folder);
    world_real_free(files);
    return code;
}

static int read_all(struct given *g, struct error *err)
{
    const char *paths[] = {lines_path, postman_path, map_path}, *own[] = {"name=Bob"}, *hurl[] = {"location"};
    char one[] = "HURL_x=1", two[] = "HOME=/";
    char *const environment[] = {one, two, NULL};
    const struct option_list f = {.items = paths, .count = 3}, v = {.items = own, .count = 1},
                             h = {.items = hurl, .count = 1};
    return given_read(g, files, &f, &v, &h, environment, err);
}

static void all(void **state)
{
    static const char *const pairs[] = {"name=Ann B", "age=30", "base_url=http://a", "n=1", "t=true",
                                        "r=0.5",      "z=null", "name=Bob"};
    struct given g = {0};
    struct error err = ERROR_INIT;
    (void)state;
    if (read_all(&g, &err) != 0)
        fail_msg("%s", err.message);
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
        assert_string_equal(g.pairs.items[i], pairs[i]);
    assert_null(g.pairs.items[sizeof pairs / sizeof pairs[0]]);
    assert_string_equal(g.settings.hurl[0], "variable=x=1");
    assert_string_equal(g.settings.hurl[1], "location");
    assert_null(g.settings.hurl[2]);
    assert_true(g.settings.folder[0] == '/');
    given_deinit(&g);
}

static void refused(const char *file, const char *variable, const char *message)
{
    struct given g = {0};
    struct error err = ERROR_INIT;
    struct text got = TEXT_INIT;
    const struct option_list f = {.items = &file, .count = file != NULL},
                             v = {.items = &variable, .count = variable != NULL}, none = {0};
    assert_int_not_equal(given_read(&g, files, &f, &v, &none, NULL, &err), 0);
    error_format(&err, &got);
    if (strstr(text_string(&got), message) == NULL)
        fail_msg("expected %s in %s", message, text_string(&got));
    text_deinit(&got);
    error_clear(&err);
    given_deinit(&g);
}

static void wrong(void **state)
{
    (void)state;
    refused(wrong_path, NULL, "d.env:2:1: \"9\" is no name for a variable: letters, digits, _ and -");
    refused("/nowhere/x.env", NULL, "there is no such file");
    refused(NULL, "name", "name: expected NAME=VALUE");
    refused(NULL, "newUuid=1", "\"newUuid\" is a function's name");
    put(wrong_path, "e.json", "{\"a\": [1]}");
    refused(wrong_path, NULL, "e.json:1:7: \"a\": a variable's value is a text, a number, true or false");
    put(wrong_path, "f.json", "{\"values\": [{\"key\": \"a\"}]}");
    refused(wrong_path, NULL, "f.json:1:13: expected a \"key\" and a \"value\"");
    put(wrong_path, "g.json", "[]");
    refused(wrong_path, NULL, "g.json:1:1: expected a map of variables");
}

static int scenario(void)
{
    struct given g = {0};
    int code = read_all(&g, NULL);
    given_deinit(&g);
    return code;
}

static void memory(void **state)
{
    (void)state;
    assert_int_equal(scenario(), 0);
    assert_true(failing_walk(scenario, FAILING_MAY_BE_BORNE) > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(all, setup, teardown),
        cmocka_unit_test_setup_teardown(wrong, setup, teardown),
        cmocka_unit_test_setup_teardown(memory, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
