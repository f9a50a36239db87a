/* What --watch sees of files that come, go and change under its eyes, and that it tells when memory runs out. */
#include "harrow/flows/watched.h"

#include "base/failing_walk.h"
#include "world/real.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FLOW "steps: [{wait: 1s}]\n"

static struct world *files;
static char folder[32], manifest[64], flows[64];

static const char *at(const char *name)
{
    static char path[128];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void put(const char *name, const char *content)
{
    assert_int_equal(world_write_file(files, at(name), bytes_of(content), false, NULL), 0);
}

static int setup(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/harrow-test-XXXXXX");
    if (world_real_new(1, &files, NULL) != 0 || mkdtemp(folder) == NULL)
        return -1;
    (void)snprintf(manifest, sizeof manifest, "%s/m.yaml", folder);
    (void)snprintf(flows, sizeof flows, "%s/flows", folder);
    put("m.yaml", "system: s\nflows: [flows]\ndescriptors: d.binpb\ncomponents: [{name: a}]\n");
    put("d.binpb", "");
    (void)world_make_directory(files, flows);
    put("flows/a.yaml", "flow: a\n" FLOW);
    put("flows/b.yaml", "flow: b\ncases: rows.json\n" FLOW);
    put("flows/rows.json", "[{\"x\": 1}]");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    int code = world_remove_tree(files, folder);
    world_real_free(files);
    return code;
}

static struct watched *open_watched(void)
{
    struct watched *w = NULL;
    struct error err = ERROR_INIT;
    if (watched_new(manifest, NULL, &w, &err) != 0)
        fail_msg("%s", err.message);
    return w;
}

/* The names of the flows that would run again, or "-": nothing changed. */
static void sees(struct watched *w, const char *names)
{
    struct flow_list all = {0};
    struct text got = TEXT_INIT;
    struct error err = ERROR_INIT;
    bool changed = false;
    assert_int_equal(watched_look(w, &changed), 0);
    if (changed && flow_load_tree(files, flows, &all, &err) == 0)
        watched_keep(w, &all);
    for (size_t i = 0; i < all.count && err.code == 0; i++)
        text_printf(&got, "%s%s", i > 0 ? " " : "", flow_name(all.items[i]));
    if (err.code != 0)
        text_puts(&got, "wrong");
    assert_string_equal(changed ? text_string(&got) : "-", names);
    text_deinit(&got);
    error_clear(&err);
    flow_list_free(&all);
    assert_int_equal(watched_look(w, &changed), 0); /* once */
    assert_false(changed);
}

static void all_kinds(void **state)
{
    char from[128], to[128];
    (void)state;
    struct watched *w = open_watched();
    sees(w, "-");
    put("flows/a.yaml", "flow: a1\n" FLOW);
    sees(w, "a1");
    put("flows/a.yaml~", "flow: a22\n" FLOW); /* as an editor does it */
    (void)snprintf(from, sizeof from, "%s/a.yaml~", flows);
    (void)snprintf(to, sizeof to, "%s/a.yaml", flows);
    assert_int_equal(rename(from, to), 0);
    sees(w, "a22");
    put("flows/rows.json", "[{\"x\": 1}, {\"x\": 2}]");
    sees(w, "b");
    put("flows/a.yaml", "flow: a\nsteps: [{wiat: 1s}]\n");
    sees(w, "wrong");
    put("flows/rows.json", "[{\"x\": 1}]"); /* while another file is wrong */
    sees(w, "wrong");
    put("flows/a.yaml", "flow: mended\n" FLOW);
    sees(w, "mended");
    (void)snprintf(to, sizeof to, "%s/c.yaml", flows);
    (void)snprintf(from, sizeof from, "%s/a.yaml", flows);
    assert_int_equal(rename(from, to), 0);
    sees(w, "mended");
    assert_int_equal(remove(to), 0);
    sees(w, "");
    assert_int_equal(remove(at("flows/rows.json")), 0);
    sees(w, "wrong");
    put("flows/rows.json", "[{\"x\": 1}]");
    sees(w, "b");
    assert_int_equal(world_make_directory(files, at("flows/more")), 0);
    sees(w, "-");
    put("flows/more/d.yaml", "flow: d\n" FLOW);
    sees(w, "d");
    put("flows/more/d.yaml", "flow: d1\n" FLOW);
    sees(w, "d1");
    assert_int_equal(world_remove_tree(files, at("flows/more")), 0);
    sees(w, "");
    put("m.yaml", "system: other\nflows: [flows]\ndescriptors: d.binpb\ncomponents: [{name: a}]\n");
    sees(w, "b");
    put("d.binpb", "changed");
    sees(w, "b");
    assert_int_equal(world_remove_tree(files, flows), 0);
    sees(w, "wrong");
    watched_free(w);
}

static void a_thousand(void **state)
{
    char name[32];
    size_t count = 0;
    bool changed = false;
    struct flow_list all = {0};
    (void)state;
    struct watched *w = open_watched();
    for (int i = 0; i < 1000; i++) {
        (void)snprintf(name, sizeof name, "flows/n%d.yaml", i);
        put(name, "flow: n\n" FLOW);
    }
    assert_int_equal(watched_look(w, &changed), 0);
    assert_true(changed);
    assert_int_equal(flow_load_tree(files, flows, &all, NULL), 0);
    count = all.count;
    watched_keep(w, &all);
    assert_int_equal(count, 1002);
    assert_int_equal(all.count, 1000);
    flow_list_free(&all);
    assert_int_equal(watched_look(w, &changed), 0);
    assert_false(changed);
    watched_free(w);
}

/* Without an allocation of ours. */
static void put_plainly(const char *content)
{
    FILE *f = fopen(at("flows/a.yaml"), "w");
    assert_non_null(f);
    assert_true(fputs(content, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

/* From its begin to a change that was seen: all of it, or ERROR_MEMORY. */
static int scenario(void)
{
    struct watched *w = NULL;
    struct flow_list all = {0};
    bool changed = false;
    put_plainly("flow: a\n" FLOW);
    int code = watched_new(manifest, NULL, &w, NULL);
    put_plainly("flow: other\n" FLOW);
    if (code == 0)
        code = watched_look(w, &changed);
    if (code == 0)
        code = flow_load_tree(files, flows, &all, NULL);
    if (code == 0)
        watched_keep(w, &all);
    bool kept = false; /* and others as well, when it could not be known that they do not depend on it */
    for (size_t i = 0; i < all.count; i++)
        kept = kept || strcmp(flow_name(all.items[i]), "other") == 0;
    if (code == 0 && (!changed || !kept))
        code = ERROR_INVALID;
    flow_list_free(&all);
    watched_free(w);
    return code;
}

static void memory(void **state)
{
    (void)state;
    assert_true(failing_walk(scenario, FAILING_MAY_BE_BORNE) > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(all_kinds, setup, teardown),
        cmocka_unit_test_setup_teardown(a_thousand, setup, teardown),
        cmocka_unit_test_setup_teardown(memory, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
