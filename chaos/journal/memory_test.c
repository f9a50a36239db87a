/* The journal and heal with every allocation failing once: an error that says so, no leak, and no step lost. */
#include "base/test.h"

#include "base/failing.h"
#include "chaos/journal/journal.h"
#include "chaos/journal/line.h"
#include "world/real.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WALK_MAX 2000

static char runtime[64], left[96], journal[160];

static bool there(struct world *w, const char *path)
{
    struct world_stat s;
    assert_int_equal(world_stat(w, path, &s), 0);
    return s.exists;
}

static void test_note(void **state)
{
    struct world *w = *state;
    bool hit = true;
    for (size_t n = 1; hit; n++) {
        assert_true(n < WALK_MAX);
        struct undo_journal *j = NULL;
        struct error err = ERROR_INIT;
        uint64_t number = 0;
        assert_int_equal(world_make_directory(w, left), 0);
        failing_arm(n);
        int code = undo_journal_note(&j, w, &(struct undo){.kind = UNDO_REMOVE, .path = left}, &number, &err);
        int undone = code == 0 ? undo_journal_undo(j, number, &err) : 0;
        hit = failing_hit();
        failing_disarm();
        if (!hit || (code == 0 && undone == 0))
            assert_false(there(w, left));
        else
            assert_int_equal(code != 0 ? code : undone, ERROR_MEMORY);
        undo_journal_close(j);
        error_clear(&err);
    }
}

static void write_journal(struct world *w)
{
    struct text out = TEXT_INIT;
    char boot[MACHINE_BOOT_ID_MAX];
    assert_int_equal(machine_boot_id(w, boot, NULL), 0);
    text_printf(&out, "harrow-journal 1 4194303 77 %s", boot);
    line_end(&out, 0);
    size_t from = out.len;
    text_printf(&out, "do 1 remove %s", left);
    line_end(&out, from);
    assert_int_equal(world_write_file(w, journal, text_bytes(&out), true, NULL), 0);
    text_deinit(&out);
}

static void test_heal(void **state)
{
    struct world *w = *state;
    bool hit = true;
    for (size_t n = 1; hit; n++) {
        assert_true(n < WALK_MAX);
        struct error err = ERROR_INIT;
        struct heal_summary s;
        assert_int_equal(world_make_directory(w, left), 0);
        write_journal(w);
        failing_arm(n);
        int code = undo_journal_heal(w, false, NULL, NULL, &s, &err);
        hit = failing_hit();
        failing_disarm();
        /* Undone, or its journal is kept for the next time. */
        assert_true(!there(w, left) || there(w, journal));
        if (!hit)
            assert_true(code == 0 && s.undone == 1 && s.failed + s.refused == 0 && !there(w, journal));
        error_clear(&err);
    }
}

int main(void)
{
    struct world *w;
    char folder[96];
    snprintf(runtime, sizeof runtime, "/tmp/harrow-journal-XXXXXX");
    if (mkdtemp(runtime) == NULL || world_real_new(1, &w, NULL) != 0)
        return 1;
    setenv("XDG_RUNTIME_DIR", runtime, 1);
    snprintf(left, sizeof left, "%s/harrow-left", runtime);
    snprintf(folder, sizeof folder, "%s/harrow", runtime);
    snprintf(journal, sizeof journal, "%s/harrow-4194303-77-1.journal", folder);
    if (machine_private_folder(w, folder, NULL) != 0)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(test_note, w),
        cmocka_unit_test_prestate(test_heal, w),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    world_remove_tree(w, runtime);
    world_real_free(w);
    return failed;
}
