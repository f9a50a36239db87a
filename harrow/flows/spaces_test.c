/* Namespaces in the journal of undo steps, with every allocation failing once. tests/command/spaces_test.py kills a run
 * that has one. */
#include "base/failing_walk.h"
#include "harrow/flows/spaces.h"
#include "world/machine.h"
#include "world/real.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char runtime[64];
static struct world *files;
static int notes;

static int count_line(void *arg, const char *line, size_t len)
{
    (void)arg;
    notes += memmem(line, len, "\"note\"", 6) != NULL;
    return 0;
}

static uint64_t no_time(void *arg)
{
    (void)arg;
    return 0;
}

static size_t journals(void)
{
    size_t found = 0;
    char folder[96];
    (void)snprintf(folder, sizeof folder, "%s/harrow", runtime);
    struct world_stat stat;
    for (int i = 1; i < 100; i++) {
        char *path = NULL;
        struct world_foreign self;
        assert_int_equal(machine_self(files, &self, NULL), 0);
        assert_true(asprintf(&path, "%s/harrow-%lld-%llu-%d.journal", folder, (long long)self.id,
                             (unsigned long long)self.started, i) > 0);
        assert_int_equal(world_stat(files, path, &stat), 0);
        found += stat.exists;
        free(path);
    }
    return found;
}

/* What is noted and struck leaves nothing; ERROR_MEMORY: something was not noted. */
static int note_and_strike(void)
{
    struct manifest m = {.path = "/proc/self/exe"}; /* any file that is there */
    struct run r = {.world = files, .manifest = &m, .results = {.write = count_line, .now = no_time}};
    struct target_component shop = {.name = "shop", .address = "127.0.0.1:1"};
    struct target t = {.components = &shop, .component_count = 1, .gateway = "http://127.0.0.1:2"};
    struct spaces *s = spaces_new(&r, &t);
    if (s == NULL)
        return ERROR_MEMORY;
    const struct e2e_spaces *o = spaces_operations(s);
    json_t *variables = json_pack("{s:s}", "tenant", "7");
    uint64_t first = o->note(o->arg, "harrow-1", NULL), second = o->note(o->arg, "harrow-1", variables);
    bool noted = first != 0 && second != 0 && variables != NULL;
    o->strike(o->arg, first);
    o->strike(o->arg, second);
    spaces_heal(s, NULL); /* of a run that lives nothing is taken away */
    spaces_free(s);
    json_decref(variables);
    return noted && notes == 0 ? 0 : ERROR_MEMORY;
}

static int walked(void)
{
    notes = 0;
    return note_and_strike();
}

static void noted_and_struck(void **state)
{
    (void)state;
    assert_int_equal(walked(), 0);
    assert_int_equal(journals(), 0);
    json_set_alloc_funcs(failing_malloc, failing_free);
    assert_true(failing_walk(walked, FAILING_MAY_BE_BORNE) > 10);
    json_set_alloc_funcs(malloc, free);
    assert_int_equal(journals(), 0);
}

/* Flows go on, and it is told once that nobody would find what they leave. */
static void no_journal(void **state)
{
    (void)state;
    char folder[96];
    (void)snprintf(folder, sizeof folder, "%s/harrow", runtime);
    assert_int_equal(world_remove_tree(files, folder), 0);
    assert_int_equal(world_write_file(files, folder, bytes_of("in the way"), false, NULL), 0);
    notes = 0;
    assert_int_equal(note_and_strike(), ERROR_MEMORY);
    assert_int_equal(notes, 2); /* and that nothing was looked for */
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(noted_and_struck), cmocka_unit_test(no_journal)};
    (void)snprintf(runtime, sizeof runtime, "/tmp/harrow-spaces-XXXXXX");
    if (mkdtemp(runtime) == NULL || world_real_new(1, &files, NULL) != 0)
        return 1;
    setenv("XDG_RUNTIME_DIR", runtime, 1);
    int failed = cmocka_run_group_tests_name("namespaces in the journal", tests, NULL, NULL);
    (void)world_remove_tree(files, runtime);
    world_real_free(files);
    return failed;
}
